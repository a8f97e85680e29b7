/*
 * rrule_zone.h
 *		Time zones of the recurrence library on PostgreSQL's zone data.
 */
#ifndef AGENDA_RRULE_ZONE_H
#define AGENDA_RRULE_ZONE_H

#include "pgtime.h"

#include "recurrence/rrule.h"

/* whether there is a zone of this name */
extern bool agenda_zone_known(const char *name);
/* the zone of this name; an error (YA004) if there is none */
extern pg_tz *agenda_zone_open(const text *name);
/* an error (YA004) that names the column timezone, if there is no such zone */
extern void agenda_zone_check(const text *name);
/* the library's view of it; valid for as long as the backend lives */
extern struct rr_zone agenda_zone_view(pg_tz *tz);

#endif
