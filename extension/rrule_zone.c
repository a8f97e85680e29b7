/*
 * rrule_zone.c
 *		struct rr_zone on top of pg_tz.
 *
 * PostgreSQL gives the next change of a zone after a given instant (pg_next_dst_boundary) and
 * keeps every zone it has loaded until the backend ends, so a pg_tz pointer is a lasting key.
 * Each backend keeps the changes of the zones that it was asked for in a table per zone, which begins with
 * the first change and grows to what is asked; from PATTERN on, 400 years stand for all.  A table
 * takes less than the pg_tz: some kilobytes, 16 where somebody asks for the far future.
 *
 * The session's time zone and the host's are never used.
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "errcodes.h"
#include "rrule_zone.h"

PG_FUNCTION_INFO_V1(agenda_timezone_known);
PG_FUNCTION_INFO_V1(agenda_check_zone);

/*
 * From this instant on (2101-01-01) the changes of every zone repeat after 400 years: no zone has a single
 * change after 2100, and PostgreSQL goes on by the rule of its last years.
 */
#define PATTERN        INT64_C(4133980800)
#define PATTERN_LENGTH (INT64_C(146097) * SECS_PER_DAY)
/* no zone has so many changes until one pattern is over */
#define CHANGES_MOST 4096

/* so many changes behind the last answer are looked at before the whole table is searched */
#define NEARBY 4

/* a change of the offset and what is before and after it */
typedef struct ZoneChange
{
	pg_time_t at;
	int32 before;
	int32 after;
} ZoneChange;

/* in TopMemoryContext, as long as the backend lives */
typedef struct ZoneTable
{
	pg_tz *tz; /* the key */
	int count;
	int size;
	int last;           /* where the last answer was */
	bool complete;      /* no more changes follow */
	int32 offset;       /* before all changes */
	ZoneChange *change; /* the first `count` changes of the zone */
} ZoneTable;

static HTAB *tables;

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

bool
agenda_zone_known(const char *name)
{
	return find_zone(name) != NULL;
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

/* before all changes of all zones */
#define BEGINNING (RR_TIME_MIN - 400 * SECS_PER_DAY)

/*
 * The first change after an instant.  Behind its table of changes PostgreSQL goes on by the pattern of
 * 400 years, but of the very last entry of the table it says that nothing follows.  False: none does,
 * and then only the offset before it is known.
 */
static bool
next_change(pg_tz *tz, pg_time_t t, ZoneChange *change)
{
	long before;
	long after = 0;
	int dst_before;
	int dst_after;
	int result =
		pg_next_dst_boundary(&t, &before, &dst_before, &change->at, &after, &dst_after, tz);

	if (result == 0)
	{
		t++;
		result =
			pg_next_dst_boundary(&t, &before, &dst_before, &change->at, &after, &dst_after, tz);
	}
	if (result < 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("could not determine the offset of time zone \"%s\"",
							   pg_get_timezone_name(tz))));
	change->before = (int32) before;
	change->after = (int32) after;
	return result > 0;
}

/* one more change for the table */
static void
grow(ZoneTable *table)
{
	pg_time_t t = table->count > 0 ? table->change[table->count - 1].at : BEGINNING;
	ZoneChange change;

	if (table->count == CHANGES_MOST)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("time zone \"%s\" changes its offset too often",
							   pg_get_timezone_name(table->tz))));
	table->complete = !next_change(table->tz, t, &change);
	if (table->count == 0)
		table->offset = change.before;
	if (table->complete)
		return;
	if (table->count == table->size)
	{
		int size = Max(64, table->size * 2);

		table->change = table->size == 0
							? MemoryContextAlloc(TopMemoryContext, size * sizeof(ZoneChange))
							: repalloc(table->change, size * sizeof(ZoneChange));
		table->size = size;
	}
	table->change[table->count++] = change;
}

/* how many changes are at or before an instant; the table knows one that is not, or all */
static int
changes_until(ZoneTable *table, int64 instant)
{
	int low = 0;
	int high = table->count;
	int last = table->last;

	/* mostly it is where the last answer was, or in a span soon behind it: a year has two */
	if (last <= table->count && (last == 0 || table->change[last - 1].at <= instant))
		for (int n = last; n <= last + NEARBY; n++)
			if (n == table->count || table->change[n].at > instant)
				return n;
	while (low < high)
	{
		int middle = (low + high) / 2;

		if (table->change[middle].at <= instant)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* struct rr_zone's callback; the context is a ZoneTable */
static void
zone_span(void *context, int64_t instant, struct rr_span *span)
{
	ZoneTable *table = context;
	int64 shift = 0;
	int n;

	if (instant >= PATTERN + PATTERN_LENGTH)
		shift = (instant - PATTERN) / PATTERN_LENGTH * PATTERN_LENGTH;
	while (!table->complete &&
		   (table->count == 0 || table->change[table->count - 1].at <= instant - shift))
		grow(table);
	if (table->complete)
		shift = 0;
	n = table->last = changes_until(table, instant - shift);
	span->start = n == 0 ? INT64_MIN : table->change[n - 1].at + shift;
	span->offset = n == 0 ? table->offset : table->change[n - 1].after;
	span->offset_before = n == 0 ? span->offset : table->change[n - 1].before;
	span->end = n == table->count ? INT64_MAX : table->change[n].at + shift;
	span->offset_after = n == table->count ? span->offset : table->change[n].after;
}

struct rr_zone
agenda_zone_view(pg_tz *tz)
{
	struct rr_zone zone = { zone_span, NULL };
	bool found;
	ZoneTable *table;

	if (tables == NULL)
	{
		HASHCTL control = { .keysize = sizeof(pg_tz *), .entrysize = sizeof(ZoneTable) };

		tables = hash_create("zones of pg_agenda", 16, &control, HASH_ELEM | HASH_BLOBS);
	}
	table = hash_search(tables, &tz, HASH_ENTER, &found);
	if (!found)
		memset((char *) table + sizeof(pg_tz *), 0, sizeof(ZoneTable) - sizeof(pg_tz *));
	zone.context = table;
	return zone;
}

Datum
agenda_timezone_known(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(agenda_zone_known(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

/* agenda._check_zone(zone text) → void; null passes */
Datum
agenda_check_zone(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0))
		agenda_zone_check(PG_GETARG_TEXT_PP(0));
	PG_RETURN_VOID();
}
