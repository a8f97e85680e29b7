/*
 * compat.h
 *		Every difference between PostgreSQL major versions that pg_agenda knows about.
 *
 * No other file tests PG_VERSION_NUM.  Built and tested on 15.
 */
#ifndef AGENDA_COMPAT_H
#define AGENDA_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "pg_agenda needs PostgreSQL 15 or later"
#endif

#endif
