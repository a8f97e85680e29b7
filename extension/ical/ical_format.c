/*
 * ical_format.c
 *		The last step of an export: a calendar as other programs expect it.
 *
 * The properties are written by SQL (sql/api/78_ical.sql); libical checks them, folds long lines
 * and supplies the VTIMEZONE of every zone that is mentioned.  Called by extension/ical.c, which loads
 * this library at the first call, so that pg_agenda.so does not need libical.
 *
 * Memory: libical's own, freed on every way out; results are palloc'd.
 */
#include "postgres.h"

#include <libical/ical.h>

#include "fmgr.h"
#include "nodes/pg_list.h"

#include "ical.h"

PG_MODULE_MAGIC;

static char *format_calendar(icalcomponent *calendar);
static void collect_zone(icalparameter *parameter, void *arg);
static void add_zone(icalcomponent *calendar, const char *tzid);

char *
agenda_ical_write(const char *text)
{
	icalcomponent *calendar;
	char *volatile result = NULL;

	icalerror_set_errors_are_fatal(false);
	calendar = icalparser_parse_string(text);
	PG_TRY();
	{
		if (calendar != NULL && icalcomponent_count_errors(calendar) == 0)
			result = format_calendar(calendar);
	}
	PG_FINALLY();
	{
		if (calendar != NULL)
			icalcomponent_free(calendar);
	}
	PG_END_TRY();
	if (result == NULL)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("the calendar cannot be written in the form of RFC 5545"));
	return result;
}

/* NULL when libical is out of memory. */
static char *
format_calendar(icalcomponent *calendar)
{
	List *zones = NIL;
	ListCell *lc;
	char *formatted;
	char *result = NULL;

	icalcomponent_foreach_tzid(calendar, collect_zone, &zones);
	foreach (lc, zones)
		add_zone(calendar, lfirst(lc));
	formatted = icalcomponent_as_ical_string_r(calendar);
	if (formatted == NULL)
		return NULL;
	PG_TRY();
	{
		result = pstrdup(formatted);
	}
	PG_FINALLY();
	{
		free(formatted);
	}
	PG_END_TRY();
	return result;
}

/* Callback of icalcomponent_foreach_tzid(): each name once. */
static void
collect_zone(icalparameter *parameter, void *arg)
{
	List **zones = arg;
	const char *tzid = icalparameter_get_tzid(parameter);
	ListCell *lc;

	foreach (lc, *zones)
		if (strcmp(lfirst(lc), tzid) == 0)
			return;
	*zones = lappend(*zones, pstrdup(tzid));
}

/* A zone that only PostgreSQL knows goes without its definition. */
static void
add_zone(icalcomponent *calendar, const char *tzid)
{
	icaltimezone *zone = icaltimezone_get_builtin_timezone(tzid);
	icalcomponent *known = zone != NULL ? icaltimezone_get_component(zone) : NULL;
	icalcomponent *copy = known != NULL ? icalcomponent_new_clone(known) : NULL;
	icalproperty *name;

	if (copy == NULL)
		return;
	/* libical's own name of it has a prefix */
	name = icalcomponent_get_first_property(copy, ICAL_TZID_PROPERTY);
	if (name != NULL)
		icalproperty_set_tzid(name, tzid);
	icalcomponent_add_component(calendar, copy);
}
