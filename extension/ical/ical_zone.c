/*
 * ical_zone.c
 *		Which zone of the server a TZID means.
 *
 * A TZID is whatever a program likes, and the VTIMEZONE of this name tells what it is.  Mostly it is a
 * name of the zone database, or has one in it, or is one of Windows; or the VTIMEZONE gives the name as
 * X-LIC-LOCATION.  The definition itself is not read: a rule of the server's own follows what
 * legislators do.
 */
#include "postgres.h"

#include "ical_zone.h"
#include "windows_zones.h"

/* No name of the zone database has more parts. */
#define MOST_PARTS 3

/* More of these are in no calendar, and each time of the text asks for one. */
#define MAX_NAMED 200

typedef struct NamedZone
{
	const char *tzid;
	const char *location;
} NamedZone;

static const char *value_of(const char *line, const char *property);
static void end_zone(IcalZones *zones);
static const char *location_of(const IcalZones *zones, const char *tzid);
static const char *known_end(const IcalZones *zones, const char *tzid);
static const char *of_windows(const char *tzid);
static int compare_windows(const void *name, const void *zone);

void
agenda_ical_zone_line(IcalZones *zones, const char *line)
{
	if (pg_strcasecmp(line, "BEGIN:VTIMEZONE") == 0)
	{
		zones->in_zone = true;
		zones->tzid = zones->location = NULL;
	}
	else if (pg_strcasecmp(line, "END:VTIMEZONE") == 0)
		end_zone(zones);
	else if (zones->in_zone && value_of(line, "TZID") != NULL)
		zones->tzid = value_of(line, "TZID");
	else if (zones->in_zone && value_of(line, "X-LIC-LOCATION") != NULL)
		zones->location = value_of(line, "X-LIC-LOCATION");
}

/* NULL when the line is of another property. */
static const char *
value_of(const char *line, const char *property)
{
	size_t length = strlen(property);
	const char *colon;

	if (pg_strncasecmp(line, property, length) != 0 || (line[length] != ':' && line[length] != ';'))
		return NULL;
	colon = strchr(line, ':');
	return colon == NULL ? NULL : colon + 1;
}

static void
end_zone(IcalZones *zones)
{
	if (zones->in_zone && zones->tzid != NULL && zones->location != NULL &&
		list_length(zones->named) < MAX_NAMED)
	{
		NamedZone *zone = palloc(sizeof(NamedZone));

		zone->tzid = zones->tzid;
		zone->location = zones->location;
		zones->named = lappend(zones->named, zone);
	}
	zones->in_zone = false;
}

const char *
agenda_ical_zone_name(const IcalZones *zones, const char *tzid)
{
	const char *name;

	if (zones->is_known(tzid))
		return tzid;
	name = location_of(zones, tzid);
	if (name == NULL)
		name = known_end(zones, tzid);
	if (name == NULL)
		name = of_windows(tzid);
	return name != NULL ? name : tzid;
}

/* What its VTIMEZONE says. */
static const char *
location_of(const IcalZones *zones, const char *tzid)
{
	ListCell *lc;

	foreach (lc, zones->named)
	{
		const NamedZone *zone = lfirst(lc);

		if (strcmp(zone->tzid, tzid) == 0)
			return zones->is_known(zone->location) ? zone->location : NULL;
	}
	return NULL;
}

/* What is unique in the world begins with a slash, and the name stands behind that of the program. */
static const char *
known_end(const IcalZones *zones, const char *tzid)
{
	const char *part[MOST_PARTS] = { NULL };

	if (*tzid != '/')
		return NULL;
	for (const char *slash = tzid; slash != NULL; slash = strchr(slash + 1, '/'))
	{
		memmove(part, part + 1, sizeof(part) - sizeof(part[0]));
		part[MOST_PARTS - 1] = slash + 1;
	}
	/* the longest first */
	for (int i = 0; i < MOST_PARTS; i++)
		if (part[i] != NULL && zones->is_known(part[i]))
			return part[i];
	return NULL;
}

static const char *
of_windows(const char *tzid)
{
	const WindowsZone *zone = bsearch(tzid, windows_zones, lengthof(windows_zones),
									  sizeof(windows_zones[0]), compare_windows);

	return zone == NULL ? NULL : zone->name;
}

static int
compare_windows(const void *name, const void *zone)
{
	return pg_strcasecmp(name, ((const WindowsZone *) zone)->windows);
}
