/*
 * time_text.c
 *		Dates and times as people and programs send them.
 *
 * agenda._parse_time() reads RFC 3339, and the same without an offset: that is wall-clock time in
 * the zone which the caller gives, resolved by RFC 5545 3.3.5 (a time in a gap moves forward, a
 * doubled one is the first).  A date alone is its midnight.  Nothing depends on DateStyle, TimeZone or
 * the host.  In C because each task that comes in passes here, and PL/pgSQL would need a
 * subtransaction to tell a bad date.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "errcodes.h"
#include "rrule_zone.h"
#include "time_text.h"

/* RFC 3339 has no longer form; what is cut off could not have been right */
#define MAX_LENGTH 64

#define UNIX_EPOCH_SECS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

typedef struct TimeText
{
	int year, month, day;
	int hour, minute, second;
	int micros;
	bool has_clock; /* else a day */
	bool has_offset;
	int offset; /* seconds east of UTC */
} TimeText;

static bool parse_text(const char *s, TimeText *t);
static bool parse_clock(const char **s, TimeText *t);
static bool parse_offset(const char **s, TimeText *t);
static bool parse_fraction(const char **s, int *micros);
static bool parse_digits(const char **s, int n, int *value);
static bool in_range(const TimeText *t);
static TimestampTz to_instant(const TimeText *t, const text *zone);
static bool has_text(TimestampTz at);
static TimestampTz checked_range(TimestampTz at, const char *value, const char *field);
static void refuse(const char *value, const char *field) pg_attribute_noreturn();

PG_FUNCTION_INFO_V1(agenda_parse_time);
PG_FUNCTION_INFO_V1(agenda_read_due_sql);

/* agenda._parse_time(value text, zone text, field text) → timestamptz; YA005 names the field */
Datum
agenda_parse_time(PG_FUNCTION_ARGS)
{
	char buf[MAX_LENGTH + 1];
	const char *field = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	TimestampTz at;
	TimeText t;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	text_to_cstring_buffer(PG_GETARG_TEXT_PP(0), buf, sizeof(buf));
	memset(&t, 0, sizeof(t));
	if (!parse_text(buf, &t) || !in_range(&t))
		refuse(buf, field);
	at = to_instant(&t, PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1));
	PG_RETURN_TIMESTAMPTZ(checked_range(at, buf, field));
}

bool
agenda_read_instant(const char *text, TimestampTz *at)
{
	TimeText t;

	memset(&t, 0, sizeof(t));
	if (!parse_text(text, &t) || !in_range(&t) || !t.has_offset)
		return false;
	*at = to_instant(&t, NULL);
	return has_text(*at);
}

const char *
agenda_due_kind_name(AgendaDueKind kind)
{
	static const char *const names[] = { "instant", "local", "date" };

	return names[kind];
}

void
agenda_read_due(const text *value, const char *field, AgendaDue *result)
{
	char buf[MAX_LENGTH + 1];
	TimeText t;
	TimestampTz at;

	text_to_cstring_buffer(value, buf, sizeof(buf));
	memset(&t, 0, sizeof(t));
	if (!parse_text(buf, &t) || !in_range(&t))
		refuse(buf, field);
	at = checked_range(to_instant(&t, NULL), buf, field);
	result->kind = t.has_offset ? DUE_INSTANT : t.has_clock ? DUE_LOCAL : DUE_DATE;
	result->instant = at;
	result->local = at;
}

/* agenda._read_due(value text, field text) → (kind text, wall timestamp, instant timestamptz) */
Datum
agenda_read_due_sql(PG_FUNCTION_ARGS)
{
	AgendaDue due;
	TupleDesc desc;
	Datum values[3];
	bool nulls[3];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "agenda._read_due() must return a row");
	due.kind = DUE_INSTANT;
	nulls[1] = nulls[2] = true;
	if (!PG_ARGISNULL(0))
	{
		agenda_read_due(PG_GETARG_TEXT_PP(0),
						PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)), &due);
		nulls[1] = due.kind == DUE_INSTANT;
		nulls[2] = !nulls[1];
	}
	values[0] = CStringGetTextDatum(agenda_due_kind_name(due.kind));
	nulls[0] = false;
	values[1] = TimestampGetDatum(due.local);
	values[2] = TimestampTzGetDatum(due.instant);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

static bool
parse_text(const char *s, TimeText *t)
{
	while (*s == ' ')
		s++;
	if (!parse_digits(&s, 4, &t->year) || *s++ != '-' || !parse_digits(&s, 2, &t->month) ||
		*s++ != '-' || !parse_digits(&s, 2, &t->day))
		return false;
	if (*s == 'T' || *s == 't' || (*s == ' ' && isdigit((unsigned char) s[1])))
	{
		s++;
		t->has_clock = true;
		if (!parse_clock(&s, t) || !parse_offset(&s, t))
			return false;
	}
	while (*s == ' ')
		s++;
	return *s == '\0';
}

/* HH:MM[:SS[.fraction]] */
static bool
parse_clock(const char **s, TimeText *t)
{
	if (!parse_digits(s, 2, &t->hour) || *(*s)++ != ':' || !parse_digits(s, 2, &t->minute))
		return false;
	if (**s != ':')
		return true;
	(*s)++;
	if (!parse_digits(s, 2, &t->second))
		return false;
	return (**s != '.' && **s != ',') || parse_fraction(s, &t->micros);
}

/* One to nine digits, rounded down to microseconds. */
static bool
parse_fraction(const char **s, int *micros)
{
	int digits = 0;

	for ((*s)++; isdigit((unsigned char) **s); (*s)++)
		if (++digits <= 6)
			*micros = *micros * 10 + (**s - '0');
	if (digits < 1 || digits > 9)
		return false;
	for (; digits < 6; digits++)
		*micros *= 10;
	return true;
}

/* Z, +HH, +HHMM or +HH:MM, or nothing */
static bool
parse_offset(const char **s, TimeText *t)
{
	const char *p = *s;
	int hours;
	int minutes = 0;
	int sign;

	if (*p == ' ' && (p[1] == '+' || p[1] == '-' || p[1] == 'Z' || p[1] == 'z'))
		p++;
	if (*p == 'Z' || *p == 'z')
	{
		t->has_offset = true;
		*s = p + 1;
		return true;
	}
	if (*p != '+' && *p != '-')
		return true;
	sign = *p++ == '-' ? -1 : 1;
	if (!parse_digits(&p, 2, &hours))
		return false;
	if (*p == ':' && p++ && !isdigit((unsigned char) *p))
		return false;
	if (isdigit((unsigned char) *p) && !parse_digits(&p, 2, &minutes))
		return false;
	if (hours > MAX_TZDISP_HOUR || minutes > 59)
		return false;
	t->has_offset = true;
	t->offset = sign * (hours * SECS_PER_HOUR + minutes * SECS_PER_MINUTE);
	*s = p;
	return true;
}

/* Exactly n digits. */
static bool
parse_digits(const char **s, int n, int *value)
{
	*value = 0;
	for (int i = 0; i < n; i++, (*s)++)
	{
		if (!isdigit((unsigned char) **s))
			return false;
		*value = *value * 10 + (**s - '0');
	}
	return true;
}

/* Second 60 is a leap second and counts as the second after it. */
static bool
in_range(const TimeText *t)
{
	return t->year >= 1 && t->month >= 1 && t->month <= 12 && t->day >= 1 &&
		   t->day <= day_tab[isleap(t->year)][t->month - 1] && t->hour <= 23 && t->minute <= 59 &&
		   t->second <= 60;
}

static TimestampTz
to_instant(const TimeText *t, const text *zone)
{
	int64 days = date2j(t->year, t->month, t->day) - UNIX_EPOCH_JDATE;
	int64 secs =
		days * SECS_PER_DAY + t->hour * SECS_PER_HOUR + t->minute * SECS_PER_MINUTE + t->second;

	if (t->has_offset || zone == NULL)
		secs -= t->offset;
	else
	{
		struct rr_zone view = agenda_zone_view(agenda_zone_open(zone));

		secs = rr_to_instant(&view, secs);
	}
	return (secs - UNIX_EPOCH_SECS) * USECS_PER_SEC + t->micros;
}

/* What comes in must be able to go out: in UTC RFC 3339 has the years 1 to 9999, without an infinity. */
static bool
has_text(TimestampTz at)
{
	/* 0001-01-01 and 10000-01-01 */
	const TimestampTz first = INT64CONST(-63082281600000000);
	const TimestampTz end = INT64CONST(252455616000000000);

	return at >= first && at < end;
}

static TimestampTz
checked_range(TimestampTz at, const char *value, const char *field)
{
	if (!has_text(at))
		ereport(ERROR, errcode(ERRCODE_AGENDA_INVALID_TIME),
				errmsg("\"%s\" is out of range", value),
				errdetail("In UTC it is before the year 1 or after 9999."),
				field == NULL ? 0 : err_generic_string(PG_DIAG_COLUMN_NAME, field));
	return at;
}

static void
refuse(const char *value, const char *field)
{
	ereport(ERROR, errcode(ERRCODE_AGENDA_INVALID_TIME),
			errmsg("\"%s\" is not a date and time", value),
			errhint("Use RFC 3339, as in 2025-01-08T09:00:00Z, or without an offset for wall-clock "
					"time in the time zone."),
			field == NULL ? 0 : err_generic_string(PG_DIAG_COLUMN_NAME, field));
}
