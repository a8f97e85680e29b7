/*
 * ical_format.c
 *		The last step of an export: a calendar as other programs expect it.
 *
 * The properties are written by SQL (sql/api/78_ical.sql), each in a line of its own; here long lines are folded, and
 * libical supplies the VTIMEZONE of every zone that is mentioned.  It does not read the lines: it drops a property
 * without a value and holds an INTERVAL in 16 bits, and one such task would cost its owner the whole calendar.
 * Called by extension/ical.c, which loads this library at the first call, so that pg_agenda.so does
 * not need libical.
 *
 * Memory: libical's own, freed on every way out; results are palloc'd.
 */
#include "postgres.h"

#include <libical/ical.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"

#include "ical.h"

PG_MODULE_MAGIC;

/* of a line, its end left out (RFC 5545 section 3.1) */
#define MAX_OCTETS 75

#define END_OF_LINE    "\r\n"
#define FIRST_LINE     "BEGIN:VCALENDAR" END_OF_LINE
#define LAST_LINE      "END:VCALENDAR" END_OF_LINE
#define ZONE_PARAMETER ";TZID="

static void fold(const char *line, const char *end, StringInfo out);
static List *note_zone(List *zones, const char *line, const char *end);
static void add_zone(const char *tzid, StringInfo out);

char *
agenda_ical_write(const char *text)
{
	const char *last = text + strlen(text) - Min(strlen(LAST_LINE), strlen(text));
	StringInfoData out;
	List *zones = NIL;
	ListCell *lc;

	if (strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) != 0 || strcmp(last, LAST_LINE) != 0)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("the calendar cannot be written in the form of RFC 5545"));
	icalerror_set_errors_are_fatal(false);
	initStringInfo(&out);
	while (text < last)
	{
		const char *end = strstr(text, END_OF_LINE);

		CHECK_FOR_INTERRUPTS();
		fold(text, end, &out);
		zones = note_zone(zones, text, end);
		text = end + strlen(END_OF_LINE);
	}
	foreach (lc, zones)
		add_zone(lfirst(lc), &out);
	appendStringInfoString(&out, LAST_LINE);
	return out.data;
}

/* No character is torn: there are programs that read line by line. */
static void
fold(const char *line, const char *end, StringInfo out)
{
	int room = MAX_OCTETS;

	while (line < end)
	{
		int length = pg_mblen(line);

		if (length > room)
		{
			appendStringInfoString(out, END_OF_LINE " ");
			room = MAX_OCTETS - 1;
		}
		appendBinaryStringInfo(out, line, length);
		line += length;
		room -= length;
	}
	appendStringInfoString(out, END_OF_LINE);
}

/* A zone stands before the value, and each is needed once. */
static List *
note_zone(List *zones, const char *line, const char *end)
{
	const char *value = memchr(line, ':', end - line);
	const char *name =
		value != NULL ? memmem(line, value - line, ZONE_PARAMETER, strlen(ZONE_PARAMETER)) : NULL;
	char *tzid;
	ListCell *lc;

	if (name == NULL)
		return zones;
	name += strlen(ZONE_PARAMETER);
	tzid = pnstrdup(name, strcspn(name, ";:"));
	foreach (lc, zones)
		if (strcmp(lfirst(lc), tzid) == 0)
			return zones;
	return lappend(zones, tzid);
}

/* A zone that only PostgreSQL knows goes without its definition. */
static void
add_zone(const char *tzid, StringInfo out)
{
	icaltimezone *zone = icaltimezone_get_builtin_timezone(tzid);
	icalcomponent *known = zone != NULL ? icaltimezone_get_component(zone) : NULL;
	icalcomponent *copy = known != NULL ? icalcomponent_new_clone(known) : NULL;
	icalproperty *name;
	char *formatted;

	if (copy == NULL)
		return;
	/* libical's own name of it has a prefix */
	name = icalcomponent_get_first_property(copy, ICAL_TZID_PROPERTY);
	if (name != NULL)
		icalproperty_set_tzid(name, tzid);
	formatted = icalcomponent_as_ical_string_r(copy);
	icalcomponent_free(copy);
	if (formatted == NULL)
		return;
	PG_TRY();
	{
		appendStringInfoString(out, formatted);
	}
	PG_FINALLY();
	{
		free(formatted);
	}
	PG_END_TRY();
}
