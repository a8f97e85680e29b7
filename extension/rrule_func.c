/*
 * rrule_func.c
 *		Occurrences of rules as SQL functions.
 *
 * Three families that differ in their types alone: zoned (DTSTART in wall-clock time of a
 * zone, results timestamptz), local (timestamp in, timestamp out) and dates.  Names differ on
 * purpose: overloads would let an implicit cast bring in the session's time zone.
 *
 * The planned form of rule and DTSTART is kept in fn_extra, so that a query which asks one
 * rule many times plans it once.  Times are whole seconds in the library; a fraction of a
 * second of DTSTART is set aside and carried by every occurrence.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "errcodes.h"
#include "rrule_time.h"
#include "rrule_type.h"
#include "rrule_zone.h"

PG_FUNCTION_INFO_V1(agenda_next_occurrence);
PG_FUNCTION_INFO_V1(agenda_previous_occurrence);
PG_FUNCTION_INFO_V1(agenda_is_occurrence);
PG_FUNCTION_INFO_V1(agenda_occurrences);
PG_FUNCTION_INFO_V1(agenda_first_occurrences);
PG_FUNCTION_INFO_V1(agenda_next_local_occurrence);
PG_FUNCTION_INFO_V1(agenda_previous_local_occurrence);
PG_FUNCTION_INFO_V1(agenda_local_occurrences);
PG_FUNCTION_INFO_V1(agenda_first_local_occurrences);
PG_FUNCTION_INFO_V1(agenda_next_date);
PG_FUNCTION_INFO_V1(agenda_previous_date);
PG_FUNCTION_INFO_V1(agenda_occurrence_dates);
PG_FUNCTION_INFO_V1(agenda_first_dates);
PG_FUNCTION_INFO_V1(agenda_local_to_instant);
PG_FUNCTION_INFO_V1(agenda_instant_to_local);

typedef enum Family
{
	ZONED,
	LOCAL,
	DATES
} Family;

/* a rule with its start and zone, ready to be asked; no pointers but the zone's, which last */
typedef struct Series
{
	Family family;
	struct rr_plan plan;
	struct rr_zone zone; /* ZONED */
	int64 fraction;      /* microseconds that every occurrence carries */
} Series;

/* fn_extra of the plain functions: a series and what it was made from */
typedef struct SeriesCache
{
	Series series;
	int64 dtstart;
	bool with_start;
	struct varlena *rule; /* copies in fn_mcxt, or NULL */
	text *zone;
} SeriesCache;

/* ---- from SQL's types and back ------------------------------------------------------- */

static Moment
date_moment(DateADT date)
{
	Moment m = { 0 };

	m.exact = true;
	if (DATE_NOT_FINITE(date))
		m.infinite = DATE_IS_NOBEGIN(date) ? -1 : 1;
	else
		m.second = (int64) date * SECS_PER_DAY + EPOCH_SECONDS;
	return m;
}

static Moment
moment_arg(FunctionCallInfo fcinfo, int n, const Series *series)
{
	if (series->family == DATES)
		return date_moment(PG_GETARG_DATEADT(n));
	/* timestamp and timestamptz are the same int64 */
	return timestamp_moment(PG_GETARG_TIMESTAMP(n), series->fraction);
}

static Datum
moment_datum(const Series *series, int64 second)
{
	second -= EPOCH_SECONDS;
	if (series->family == DATES)
		return DateADTGetDatum((DateADT) (second / SECS_PER_DAY));
	return TimestampGetDatum(second * USECS_PER_SEC + series->fraction);
}

/* smallest and largest second that a result of this family can have */
static int64
lowest(const Series *series)
{
	return series->family == DATES ? RR_TIME_MIN : FIRST_SECOND;
}

static int64
highest(const Series *series)
{
	return series->family == DATES ? RR_TIME_MAX : LAST_SECOND;
}

/* ---- series -------------------------------------------------------------------------- */

static void
make_series(Series *series, Family family, struct varlena *stored, int64 dtstart, text *zone,
			bool with_start)
{
	Moment start = family == DATES ? date_moment((DateADT) dtstart) : timestamp_moment(dtstart, 0);
	struct rr_rule rule;

	if (start.infinite != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("the start of a recurrence must be finite")));
	agenda_rrule_unpack(stored, &rule);
	series->family = family;
	series->fraction = 0;
	if (family != DATES)
		series->fraction = timestamp_fraction(dtstart);
	if (family == ZONED)
		series->zone = agenda_zone_view(agenda_zone_open(zone));
	rr_plan_make(&series->plan, &rule, start.second,
				 (family == ZONED   ? RR_ZONED | RR_ELAPSED
				  : family == DATES ? RR_DATES
									: RR_FLOATING) |
					 (with_start ? RR_WITH_START : 0));
	if (family == ZONED)
		rr_plan_elapse(&series->plan, &series->zone);
}

/* same bytes, headers apart? */
static bool
same_value(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		   memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static void *
keep(MemoryContext context, const struct varlena *value)
{
	return memcpy(MemoryContextAlloc(context, VARSIZE_ANY(value)), value, VARSIZE_ANY(value));
}

static void
forget(SeriesCache *cache)
{
	if (cache->rule != NULL)
		pfree(cache->rule);
	if (cache->zone != NULL)
		pfree(cache->zone);
	cache->rule = NULL;
	cache->zone = NULL;
}

/* include_dtstart is the last argument of each function */
static bool
with_start_arg(FunctionCallInfo fcinfo)
{
	return PG_GETARG_BOOL(PG_NARGS() - 1);
}

/* the series of arguments 0 (rule), 1 (dtstart) and, if zoned, 2 (tz); made once per change */
static Series *
series_args(FunctionCallInfo fcinfo, Family family)
{
	struct varlena *rule = AGENDA_GETARG_RRULE(0);
	int64 dtstart = family == DATES ? PG_GETARG_DATEADT(1) : PG_GETARG_TIMESTAMP(1);
	text *zone = family == ZONED ? PG_GETARG_TEXT_PP(2) : NULL;
	bool with_start = with_start_arg(fcinfo);
	SeriesCache *cache = fcinfo->flinfo->fn_extra;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SeriesCache));
		fcinfo->flinfo->fn_extra = cache;
	}
	if (cache->rule != NULL && cache->dtstart == dtstart && cache->with_start == with_start &&
		same_value(cache->rule, rule) && (zone == NULL || same_value(cache->zone, zone)))
		return &cache->series;

	/* an error on the way must not leave a half-made entry that a later call finds */
	forget(cache);
	make_series(&cache->series, family, rule, dtstart, zone, with_start);
	cache->dtstart = dtstart;
	cache->with_start = with_start;
	if (zone != NULL)
		cache->zone = keep(fcinfo->flinfo->fn_mcxt, zone);
	cache->rule = keep(fcinfo->flinfo->fn_mcxt, rule);
	return &cache->series;
}

/* the first occurrence at or after lo; false if there is none that its type can hold */
static bool
find_next(Series *series, int64 lo, int64 *found)
{
	const struct rr_zone *zone = series->family == ZONED ? &series->zone : NULL;
	bool any;

	lo = Max(lo, lowest(series));
	any = zone != NULL ? rr_zoned_next(&series->plan, zone, lo, found)
					   : rr_next(&series->plan, lo, found);
	rr_plan_answered(&series->plan, zone, any ? found : NULL);
	return any && *found <= highest(series);
}

static bool
find_previous(Series *series, int64 hi, int64 *found)
{
	const struct rr_zone *zone = series->family == ZONED ? &series->zone : NULL;
	bool any;

	hi = Min(hi, highest(series));
	any = zone != NULL ? rr_zoned_previous(&series->plan, zone, hi, found)
					   : rr_previous(&series->plan, hi, found);
	rr_plan_answered(&series->plan, zone, any ? found : NULL);
	return any && *found >= lowest(series);
}

/* does the rule come to an end, be it one that time ends before? */
static bool
ends(const Series *series)
{
	return series->plan.empty || series->plan.count != 0 || series->plan.until < RR_TIME_MAX ||
		   series->plan.until_instant < INT64_MAX;
}

/* ---- one occurrence ------------------------------------------------------------------ */

/* strictly after argument n */
static Datum
next_after(FunctionCallInfo fcinfo, Family family, int n)
{
	Series *series = series_args(fcinfo, family);
	Moment after = moment_arg(fcinfo, n, series);
	int64 found;

	if (after.infinite > 0 ||
		!find_next(series, after.infinite < 0 ? lowest(series) : after.second + 1, &found))
		PG_RETURN_NULL();
	return moment_datum(series, found);
}

/* strictly before argument n; before 'infinity' there is a last one only if the rule ends */
static Datum
previous_before(FunctionCallInfo fcinfo, Family family, int n)
{
	Series *series = series_args(fcinfo, family);
	Moment before = moment_arg(fcinfo, n, series);
	int64 hi = before.exact ? before.second - 1 : before.second;
	int64 found;

	if (before.infinite < 0 || (before.infinite > 0 && !ends(series)))
		PG_RETURN_NULL();
	if (!find_previous(series, before.infinite > 0 ? highest(series) : hi, &found))
		PG_RETURN_NULL();
	return moment_datum(series, found);
}

Datum
agenda_next_occurrence(PG_FUNCTION_ARGS)
{
	return next_after(fcinfo, ZONED, 3);
}

Datum
agenda_previous_occurrence(PG_FUNCTION_ARGS)
{
	return previous_before(fcinfo, ZONED, 3);
}

Datum
agenda_next_local_occurrence(PG_FUNCTION_ARGS)
{
	return next_after(fcinfo, LOCAL, 2);
}

Datum
agenda_previous_local_occurrence(PG_FUNCTION_ARGS)
{
	return previous_before(fcinfo, LOCAL, 2);
}

Datum
agenda_next_date(PG_FUNCTION_ARGS)
{
	return next_after(fcinfo, DATES, 2);
}

Datum
agenda_previous_date(PG_FUNCTION_ARGS)
{
	return previous_before(fcinfo, DATES, 2);
}

Datum
agenda_is_occurrence(PG_FUNCTION_ARGS)
{
	Series *series = series_args(fcinfo, ZONED);
	Moment at = moment_arg(fcinfo, 3, series);
	int64 found;

	PG_RETURN_BOOL(at.infinite == 0 && at.exact && find_next(series, at.second, &found) &&
				   found == at.second);
}

/* ---- sets ---------------------------------------------------------------------------- */

/* most occurrences that a walk holds ready */
#define WALK_BATCH 256

/* user_fctx of a set-returning call */
typedef struct Walk
{
	Series series;
	int64 next; /* ask from here on */
	int64 last; /* and no further */
	int64 left; /* at most so many more */
	int size;   /* of the next batch */
	int count;  /* in the batch */
	int given;  /* of the batch */
	int64 batch[WALK_BATCH];
} Walk;

/* batches grow, so that the first occurrence of many costs no more than one */
static void
walk_batch(Walk *walk)
{
	Series *series = &walk->series;
	int n = Min(walk->left, walk->size);

	CHECK_FOR_INTERRUPTS();
	if (walk->count > 0)
		rr_plan_settle(&series->plan, &series->zone);
	if (series->family == ZONED)
		walk->count =
			rr_zoned_fill(&series->plan, &series->zone, walk->next, walk->last, walk->batch, n);
	else
		walk->count = rr_fill(&series->plan, walk->next, walk->last, walk->batch, n);
	walk->given = 0;
	walk->left = walk->count < n ? 0 : walk->left - n;
	walk->size = Min(walk->size * 4, WALK_BATCH);
	if (walk->count > 0)
		walk->next = walk->batch[walk->count - 1] + 1;
}

/* is there one more, in the batch or in the next? */
static inline bool
walk_more(Walk *walk)
{
	if (walk->given == walk->count && walk->left > 0 && walk->next <= walk->last)
		walk_batch(walk);
	return walk->given < walk->count;
}

static inline Datum
walk_take(Walk *walk)
{
	return moment_datum(&walk->series, walk->batch[walk->given++]);
}

/* into a row of this single column */
static inline void
set_value(HeapTuple row, Form_pg_attribute column, Datum value)
{
	if (column->attbyval)
		store_att_byval(GETSTRUCT(row), value, column->attlen);
	else
		memcpy(GETSTRUCT(row), DatumGetPointer(value), column->attlen);
}

/*
 * For a caller who stores all of it anyway (FROM), which costs less than a call for each.  All rows are one that is
 * made here, with another value each time; the store copies it.
 */
static Datum
walk_all(FunctionCallInfo fcinfo, FuncCallContext *call)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Walk *walk = call->user_fctx;
	Datum value = moment_datum(&walk->series, 0);
	bool isnull = false;
	HeapTuple row;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	row = heap_form_tuple(result->setDesc, &value, &isnull);
	while (walk_more(walk))
	{
		set_value(row, TupleDescAttr(result->setDesc, 0), walk_take(walk));
		tuplestore_puttuple(result->setResult, row);
	}
	heap_freetuple(row);
	end_MultiFuncCall(fcinfo, call);
	return (Datum) 0;
}

static Datum
walk_step(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	FuncCallContext *call = SRF_PERCALL_SETUP();

	if ((result->allowedModes & SFRM_Materialize_Preferred) && result->expectedDesc != NULL)
		return walk_all(fcinfo, call);
	if (!walk_more(call->user_fctx))
		SRF_RETURN_DONE(call);
	SRF_RETURN_NEXT(call, walk_take(call->user_fctx));
}

/* a walk over everything, in the memory of the whole call */
static Walk *
walk_start(FunctionCallInfo fcinfo, Family family)
{
	FuncCallContext *call = SRF_FIRSTCALL_INIT();
	Walk *walk = MemoryContextAlloc(call->multi_call_memory_ctx, sizeof(Walk));

	make_series(&walk->series, family, AGENDA_GETARG_RRULE(0),
				family == DATES ? PG_GETARG_DATEADT(1) : PG_GETARG_TIMESTAMP(1),
				family == ZONED ? PG_GETARG_TEXT_PP(2) : NULL, with_start_arg(fcinfo));
	walk->next = lowest(&walk->series);
	walk->last = highest(&walk->series);
	walk->left = INT64_MAX;
	walk->size = 4;
	walk->count = walk->given = 0;
	call->user_fctx = walk;
	return walk;
}

/* from <= occurrence < until, arguments n and n + 1 */
static Datum
walk_range(FunctionCallInfo fcinfo, Family family, int n)
{
	if (SRF_IS_FIRSTCALL())
	{
		Walk *walk = walk_start(fcinfo, family);
		Moment from = moment_arg(fcinfo, n, &walk->series);
		Moment until = moment_arg(fcinfo, n + 1, &walk->series);

		if (from.infinite > 0 || until.infinite < 0)
			walk->left = 0;
		if (from.infinite == 0)
			walk->next = from.exact ? from.second : from.second + 1;
		if (until.infinite == 0)
			walk->last = until.exact ? until.second - 1 : until.second;
	}
	return walk_step(fcinfo);
}

/* the first so many, argument n */
static Datum
walk_first(FunctionCallInfo fcinfo, Family family, int n)
{
	if (SRF_IS_FIRSTCALL())
	{
		int32 wanted = PG_GETARG_INT32(n);

		if (wanted < 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("number of occurrences must not be negative")));
		walk_start(fcinfo, family)->left = wanted;
	}
	return walk_step(fcinfo);
}

Datum
agenda_occurrences(PG_FUNCTION_ARGS)
{
	return walk_range(fcinfo, ZONED, 3);
}

Datum
agenda_first_occurrences(PG_FUNCTION_ARGS)
{
	return walk_first(fcinfo, ZONED, 3);
}

Datum
agenda_local_occurrences(PG_FUNCTION_ARGS)
{
	return walk_range(fcinfo, LOCAL, 2);
}

Datum
agenda_first_local_occurrences(PG_FUNCTION_ARGS)
{
	return walk_first(fcinfo, LOCAL, 2);
}

Datum
agenda_occurrence_dates(PG_FUNCTION_ARGS)
{
	return walk_range(fcinfo, DATES, 2);
}

Datum
agenda_first_dates(PG_FUNCTION_ARGS)
{
	return walk_first(fcinfo, DATES, 2);
}

/* ---- wall clock and instant ---------------------------------------------------------- */

/* convert by the zone, keeping the fraction of a second; infinity stays infinity */
static Datum
convert(FunctionCallInfo fcinfo, int64_t (*to)(const struct rr_zone *zone, int64_t second))
{
	int64 timestamp = PG_GETARG_TIMESTAMP(0);
	struct rr_zone zone = agenda_zone_view(agenda_zone_open(PG_GETARG_TEXT_PP(1)));
	Moment m = timestamp_moment(timestamp, 0);
	int64 fraction;

	if (m.infinite != 0)
		PG_RETURN_TIMESTAMP(timestamp);
	fraction = timestamp_fraction(timestamp);
	timestamp = (to(&zone, m.second) - EPOCH_SECONDS) * USECS_PER_SEC + fraction;
	if (!IS_VALID_TIMESTAMP(timestamp))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	PG_RETURN_TIMESTAMP(timestamp);
}

/* agenda.local_to_instant(wall timestamp, tz text): gap forward, fold first (RFC 5545 3.3.5) */
Datum
agenda_local_to_instant(PG_FUNCTION_ARGS)
{
	return convert(fcinfo, rr_to_instant);
}

Datum
agenda_instant_to_local(PG_FUNCTION_ARGS)
{
	return convert(fcinfo, rr_to_civil);
}
