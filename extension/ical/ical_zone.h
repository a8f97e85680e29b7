/*
 * ical_zone.h
 *		Which zone of the server a TZID means.
 */
#ifndef AGENDA_ICAL_ZONE_H
#define AGENDA_ICAL_ZONE_H

#include "nodes/pg_list.h"

#include "ical.h"

/* What a calendar says of its zones; starts with is_known alone. */
typedef struct IcalZones
{
	AgendaIcalZoneKnown is_known;
	List *named;      /* of NamedZone */
	bool in_zone;     /* between BEGIN:VTIMEZONE and its end: */
	const char *tzid; /* what has been read there */
	const char *location;
} IcalZones;

/* The next line of the calendar, which must stay as long as the zones. */
extern void agenda_ical_zone_line(IcalZones *zones, const char *line);
/* A name that the server knows; if there is none, the TZID as it is. */
extern const char *agenda_ical_zone_name(const IcalZones *zones, const char *tzid);

#endif
