/*
 * rrule_zone.c
 *		struct rr_zone on top of pg_tz.
 *
 * PostgreSQL gives the next change of a zone after a given instant (pg_next_dst_boundary) and
 * keeps every zone it has loaded until the backend ends, so a pg_tz pointer is a lasting key.
 * Looking for the change before an instant costs a walk; a small backend-local table remembers
 * the last spans of the last zones, so that a series of nearby questions pays it once.
 *
 * The session's time zone and the host's are never used.
 */
#include "postgres.h"

#include <ctype.h>

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "errcodes.h"
#include "rrule_zone.h"

PG_FUNCTION_INFO_V1(agenda_timezone_known);
PG_FUNCTION_INFO_V1(agenda_check_zone);

#define SPANS_PER_ZONE 4
#define ZONES          64

typedef struct ZoneSpans
{
	pg_tz *tz; /* whose spans they are; NULL: a free entry */
	int count;
	int next; /* the one to overwrite */
	struct rr_span span[SPANS_PER_ZONE];
} ZoneSpans;

static ZoneSpans known[ZONES];

/*
 * pg_tzset() also takes POSIX descriptions, whose sign means the opposite of what people
 * write ("UTC+2" is two hours west), and the host's own zone by file name.  Descriptions need a
 * digit; these are the names of the zone database that have one.
 */
static bool
is_database_name(const char *name)
{
	static const char *const with_digits[] = { "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT",
											   "GMT0",    "GMT+0",   "GMT-0",   "Etc/GMT0" };
	const char *file = strrchr(name, '/');
	long hours;
	char *end;

	file = file == NULL ? name : file + 1;
	if (pg_strcasecmp(file, "localtime") == 0 || pg_strcasecmp(file, "posixrules") == 0)
		return false;
	if (strpbrk(name, "0123456789") == NULL)
		return true;
	for (int i = 0; i < lengthof(with_digits); i++)
		if (pg_strcasecmp(name, with_digits[i]) == 0)
			return true;
	if (pg_strncasecmp(name, "Etc/GMT", 7) != 0 || (name[7] != '+' && name[7] != '-'))
		return false;
	hours = strtol(name + 8, &end, 10);
	return isdigit((unsigned char) name[8]) && *end == '\0' && hours <= (name[7] == '+' ? 12 : 14);
}

static pg_tz *
find_zone(const char *name)
{
	pg_tz *tz;

	if (!is_database_name(name))
		return NULL;
	tz = pg_tzset(name);
	return tz != NULL && pg_tz_acceptable(tz) ? tz : NULL;
}

/* column: the one at fault, or NULL */
static pg_tz *
open_zone(const text *name, const char *column)
{
	char *zone = text_to_cstring(name);
	pg_tz *tz = find_zone(zone);

	if (tz == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_AGENDA_INVALID_TIMEZONE),
				 errmsg("time zone \"%.*s\" is not known",
						pg_mbcliplen(zone, (int) strlen(zone), TZ_STRLEN_MAX), zone),
				 errhint("Use a name of the time zone database, such as Europe/Berlin or UTC."),
				 column == NULL ? 0 : err_generic_string(PG_DIAG_COLUMN_NAME, column)));
	pfree(zone);
	return tz;
}

pg_tz *
agenda_zone_open(const text *name)
{
	return open_zone(name, NULL);
}

void
agenda_zone_check(const text *name)
{
	open_zone(name, "timezone");
}

/* a change of the offset and what is before and after it; 0 where none follows */
typedef struct ZoneChange
{
	pg_time_t at;
	long before;
	long after;
} ZoneChange;

/*
 * The first change after an instant.  Behind its table of changes PostgreSQL goes on by the pattern of
 * 400 years, but of the very last entry of the table it says that nothing follows.
 */
static int
next_change(pg_tz *tz, pg_time_t t, ZoneChange *change)
{
	int dst_before;
	int dst_after;
	int result = pg_next_dst_boundary(&t, &change->before, &dst_before, &change->at, &change->after,
									  &dst_after, tz);

	if (result == 0)
	{
		t++;
		result = pg_next_dst_boundary(&t, &change->before, &dst_before, &change->at, &change->after,
									  &dst_after, tz);
	}
	if (result < 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("could not determine the offset of time zone \"%s\"",
							   pg_get_timezone_name(tz))));
	return result;
}

/*
 * The last change at or before an instant, looked for in ever larger steps back: zones with
 * daylight saving time have two a year, others none for a century.
 */
static void
compute_span(pg_tz *tz, int64 at, struct rr_span *span)
{
	const int64 beginning = RR_TIME_MIN - 400 * SECS_PER_DAY;
	int64 reach = 400 * SECS_PER_DAY;
	bool found = false;

	for (;; reach *= 8)
	{
		pg_time_t t = Max(at - reach, beginning);
		ZoneChange change;
		int result;

		span->start = INT64_MIN;
		while ((result = next_change(tz, t, &change)) > 0 && change.at <= at)
		{
			found = true;
			span->start = change.at;
			span->offset_before = change.before;
			t = change.at;
		}
		span->offset = change.before;
		span->end = result > 0 ? change.at : INT64_MAX;
		span->offset_after = result > 0 ? change.after : change.before;
		if (!found)
			span->offset_before = change.before;
		if (found || t == beginning)
			return;
	}
}

/* struct rr_zone's callback; the context is the pg_tz */
static void
zone_span(void *context, int64_t instant, struct rr_span *span)
{
	pg_tz *tz = context;
	ZoneSpans *spans = &known[murmurhash32((uint32) ((uintptr_t) tz >> 4)) % ZONES];

	if (spans->tz != tz)
	{
		spans->tz = tz;
		spans->count = 0;
		spans->next = 0;
	}
	for (int i = 0; i < spans->count; i++)
		if (instant >= spans->span[i].start && instant < spans->span[i].end)
		{
			*span = spans->span[i];
			return;
		}
	compute_span(tz, instant, span);
	spans->span[spans->next] = *span;
	spans->next = (spans->next + 1) % SPANS_PER_ZONE;
	spans->count = Min(spans->count + 1, SPANS_PER_ZONE);
}

struct rr_zone
agenda_zone_view(pg_tz *tz)
{
	struct rr_zone zone = { zone_span, tz };

	return zone;
}

Datum
agenda_timezone_known(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(find_zone(text_to_cstring(PG_GETARG_TEXT_PP(0))) != NULL);
}

/* agenda._check_zone(zone text) → void; null passes */
Datum
agenda_check_zone(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0))
		agenda_zone_check(PG_GETARG_TEXT_PP(0));
	PG_RETURN_VOID();
}
