/*
 * rrule_type.h
 *		The SQL type agenda.rrule, for the functions that work on it.
 */
#ifndef AGENDA_RRULE_TYPE_H
#define AGENDA_RRULE_TYPE_H

#include "fmgr.h"

#include "recurrence/rrule.h"

/* argument n as it is stored, possibly with a short header; use VARDATA_ANY and VARSIZE_ANY_EXHDR */
#define AGENDA_GETARG_RRULE(n) PG_GETARG_VARLENA_PP(n)

extern void agenda_rrule_parse(const char *text, size_t len, struct rr_rule *rule);
extern struct varlena *agenda_rrule_pack(const struct rr_rule *rule);
extern void agenda_rrule_unpack(const struct varlena *stored, struct rr_rule *rule);

#endif
