/*
 * rrule_set.c
 *		Occurrences of sets of rules and dates as SQL functions.
 *
 * A set is arrays of rules and dates to merge and of rules and dates to leave out, all with one
 * DTSTART in wall-clock time of one zone.  Dates are wall-clock times too; what the zone makes
 * of them is an instant, and instants are merged, compared and excluded.
 *
 * The made set is kept in fn_extra, in a memory context of its own, with copies of the arguments
 * it was made from.  A search through exclusions may be long, so it looks for interrupts.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "errcodes.h"
#include "recurrence/set.h"
#include "rrule_time.h"
#include "rrule_type.h"
#include "rrule_zone.h"

PG_FUNCTION_INFO_V1(agenda_next_occurrence_of_set);
PG_FUNCTION_INFO_V1(agenda_previous_occurrence_of_set);
PG_FUNCTION_INFO_V1(agenda_occurrences_of_set);
PG_FUNCTION_INFO_V1(agenda_first_occurrences_of_set);

/* each rule takes 2 kB and is asked at every step */
#define MAX_RULES 1000

/* the arguments that make a set, by what they say; those of the question stand between them */
enum
{
	ARG_RULES,
	ARG_DTSTART,
	ARG_ZONE,
	/* and from a position that depends on the function */
	ARG_DATES = 0,
	ARG_EXDATES,
	ARG_EXRULES
};

#define SET_ARGS 6

/* a set, ready to be asked; everything it points to is in one memory context */
typedef struct SetSeries
{
	struct rr_set set;
	struct rr_zone zone;
	int64 fraction; /* microseconds that every occurrence carries */
} SetSeries;

/* fn_extra: a set and what it was made from */
typedef struct SetCache
{
	MemoryContext context; /* of the set and of the arguments; reset when these change */
	SetSeries *series;     /* NULL: not made */
	int64 dtstart;
	struct varlena *args[SET_ARGS]; /* NULL for DTSTART */
} SetCache;

/* ---- making a set ------------------------------------------------------------------------ */

static void
check_interrupts(void *context)
{
	CHECK_FOR_INTERRUPTS();
}

static Datum *
elements_of(ArrayType *array, const char *what, int *n)
{
	int16 length;
	bool by_value;
	char align;
	Datum *elements;

	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("%s of a set must not be null", what)));
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &elements, NULL, n);
	return elements;
}

static struct rr_plan *
make_plans(ArrayType *array, int64 start, const struct rr_zone *zone, int *n)
{
	Datum *elements = elements_of(array, "rules", n);
	struct rr_plan *plans;

	if (*n > MAX_RULES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a set has too many rules"),
						errdetail("It has %d, at most %d are possible.", *n, MAX_RULES)));
	plans = palloc(Max(*n, 1) * sizeof(struct rr_plan));
	for (int i = 0; i < *n; i++)
	{
		struct rr_rule rule;

		agenda_rrule_unpack(PG_DETOAST_DATUM_PACKED(elements[i]), &rule);
		rr_plan_make(&plans[i], &rule, start, RR_ZONED | RR_ELAPSED);
		rr_plan_elapse(&plans[i], zone);
	}
	return plans;
}

static int
compare_seconds(const void *a, const void *b)
{
	int64 x = *(const int64 *) a;
	int64 y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/*
 * Wall-clock times into instants, ascending, each once.  What has another fraction of a second
 * than DTSTART can't be an occurrence: an error where it shall be one, and of no effect where it
 * shall be left out.
 */
static int64_t *
make_dates(const SetSeries *series, ArrayType *array, bool wanted, int *n)
{
	Datum *elements = elements_of(array, "dates", n);
	int64_t *seconds = palloc(Max(*n, 1) * sizeof(int64_t));
	int kept = 0;
	int unique = 0;

	for (int i = 0; i < *n; i++)
	{
		Moment m = timestamp_moment(DatumGetTimestamp(elements[i]), series->fraction);

		if (m.infinite != 0)
			ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
							errmsg("dates of a set must be finite")));
		if (wanted && !m.exact)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dates of a set must have the same fraction of a second as its start")));
		if (m.exact)
			seconds[kept++] = rr_to_instant(&series->zone, m.second);
	}
	qsort(seconds, kept, sizeof(int64_t), compare_seconds);
	for (int i = 0; i < kept; i++)
		if (i == 0 || seconds[i] != seconds[i - 1])
			seconds[unique++] = seconds[i];
	*n = unique;
	return seconds;
}

/* the set of a call, in the current memory context; tail: position of the dates */
static SetSeries *
make_set(FunctionCallInfo fcinfo, int tail)
{
	SetSeries *series = palloc0(sizeof(SetSeries));
	struct rr_set *set = &series->set;
	int64 dtstart = PG_GETARG_TIMESTAMP(ARG_DTSTART);
	Moment start = timestamp_moment(dtstart, 0);

	if (start.infinite != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("the start of a recurrence must be finite")));
	series->fraction = timestamp_fraction(dtstart);
	series->zone = agenda_zone_view(agenda_zone_open(PG_GETARG_TEXT_PP(ARG_ZONE)));
	set->zone = &series->zone;
	set->pause = check_interrupts;
	set->rules =
		make_plans(PG_GETARG_ARRAYTYPE_P(ARG_RULES), start.second, &series->zone, &set->n_rules);
	set->exrules = make_plans(PG_GETARG_ARRAYTYPE_P(tail + ARG_EXRULES), start.second,
							  &series->zone, &set->n_exrules);
	set->dates = make_dates(series, PG_GETARG_ARRAYTYPE_P(tail + ARG_DATES), true, &set->n_dates);
	set->exdates =
		make_dates(series, PG_GETARG_ARRAYTYPE_P(tail + ARG_EXDATES), false, &set->n_exdates);
	rr_set_make(set);
	return series;
}

/* ---- the cache --------------------------------------------------------------------------- */

/* argument i of those that make a set */
static struct varlena *
set_arg(FunctionCallInfo fcinfo, int tail, int i)
{
	return PG_GETARG_VARLENA_PP(i <= ARG_ZONE ? i : tail + i - (ARG_ZONE + 1));
}

static bool
same_args(const SetCache *cache, FunctionCallInfo fcinfo, int tail)
{
	if (cache->series == NULL || cache->dtstart != PG_GETARG_TIMESTAMP(ARG_DTSTART))
		return false;
	for (int i = 0; i < SET_ARGS; i++)
	{
		const struct varlena *kept = cache->args[i];
		const struct varlena *arg;

		if (i == ARG_DTSTART)
			continue;
		arg = set_arg(fcinfo, tail, i);
		if (VARSIZE_ANY_EXHDR(kept) != VARSIZE_ANY_EXHDR(arg) ||
			memcmp(VARDATA_ANY(kept), VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg)) != 0)
			return false;
	}
	return true;
}

/* the set of the arguments, made once per change of them */
static SetSeries *
cached_set(FunctionCallInfo fcinfo, int tail)
{
	SetCache *cache = fcinfo->flinfo->fn_extra;
	MemoryContext caller;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SetCache));
		cache->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "agenda recurrence set",
											   ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	if (same_args(cache, fcinfo, tail))
		return cache->series;

	/* an error on the way leaves no series, so that a later call begins anew */
	cache->series = NULL;
	MemoryContextReset(cache->context);
	caller = MemoryContextSwitchTo(cache->context);
	for (int i = 0; i < SET_ARGS; i++)
		if (i != ARG_DTSTART)
		{
			struct varlena *arg = set_arg(fcinfo, tail, i);

			cache->args[i] = memcpy(palloc(VARSIZE_ANY(arg)), arg, VARSIZE_ANY(arg));
		}
	cache->dtstart = PG_GETARG_TIMESTAMP(ARG_DTSTART);
	cache->series = make_set(fcinfo, tail);
	MemoryContextSwitchTo(caller);
	return cache->series;
}

/* ---- one occurrence ---------------------------------------------------------------------- */

static Datum
occurrence_datum(const SetSeries *series, int64 second)
{
	return TimestampTzGetDatum((second - EPOCH_SECONDS) * USECS_PER_SEC + series->fraction);
}

static bool
find_next(const SetSeries *series, int64 lo, int64 *found)
{
	return rr_set_next(&series->set, Max(lo, FIRST_SECOND), found) && *found <= LAST_SECOND;
}

/* agenda.next_occurrence_of_set(rules, dtstart, tz, after, rdates, exdates, exrules) */
Datum
agenda_next_occurrence_of_set(PG_FUNCTION_ARGS)
{
	SetSeries *series = cached_set(fcinfo, 4);
	Moment after = timestamp_moment(PG_GETARG_TIMESTAMPTZ(3), series->fraction);
	int64 found;

	if (after.infinite > 0 ||
		!find_next(series, after.infinite < 0 ? FIRST_SECOND : after.second + 1, &found))
		PG_RETURN_NULL();
	return occurrence_datum(series, found);
}

/*
 * agenda.previous_occurrence_of_set(rules, dtstart, tz, before, rdates, exdates, exrules).
 * Before 'infinity' there is a last one only if the set ends.
 */
Datum
agenda_previous_occurrence_of_set(PG_FUNCTION_ARGS)
{
	SetSeries *series = cached_set(fcinfo, 4);
	Moment before = timestamp_moment(PG_GETARG_TIMESTAMPTZ(3), series->fraction);
	int64 hi = before.exact ? before.second - 1 : before.second;
	int64 found;

	if (before.infinite < 0 || (before.infinite > 0 && !rr_set_ends(&series->set)))
		PG_RETURN_NULL();
	hi = before.infinite > 0 ? LAST_SECOND : Min(hi, LAST_SECOND);
	if (!rr_set_previous(&series->set, hi, &found) || found < FIRST_SECOND)
		PG_RETURN_NULL();
	return occurrence_datum(series, found);
}

/* ---- several ----------------------------------------------------------------------------- */

/* user_fctx of a set-returning call */
typedef struct Walk
{
	SetSeries *series;
	int64 next; /* ask from here on */
	int64 last; /* and no further */
	int64 left; /* at most so many more */
} Walk;

static Walk *
walk_start(FunctionCallInfo fcinfo, int tail)
{
	FuncCallContext *call = SRF_FIRSTCALL_INIT();
	MemoryContext caller = MemoryContextSwitchTo(call->multi_call_memory_ctx);
	Walk *walk = palloc(sizeof(Walk));

	walk->series = make_set(fcinfo, tail);
	walk->next = FIRST_SECOND;
	walk->last = LAST_SECOND;
	walk->left = INT64_MAX;
	call->user_fctx = walk;
	MemoryContextSwitchTo(caller);
	return walk;
}

static Datum
walk_step(FunctionCallInfo fcinfo)
{
	FuncCallContext *call = SRF_PERCALL_SETUP();
	Walk *walk = call->user_fctx;
	int64 found;

	CHECK_FOR_INTERRUPTS();
	if (walk->left <= 0 || walk->next > walk->last ||
		!find_next(walk->series, walk->next, &found) || found > walk->last)
		SRF_RETURN_DONE(call);
	walk->left--;
	walk->next = found + 1;
	SRF_RETURN_NEXT(call, occurrence_datum(walk->series, found));
}

/* agenda.occurrences_of_set(rules, dtstart, tz, from_time, until_time, rdates, exdates, exrules) */
Datum
agenda_occurrences_of_set(PG_FUNCTION_ARGS)
{
	if (SRF_IS_FIRSTCALL())
	{
		Walk *walk = walk_start(fcinfo, 5);
		Moment from = timestamp_moment(PG_GETARG_TIMESTAMPTZ(3), walk->series->fraction);
		Moment until = timestamp_moment(PG_GETARG_TIMESTAMPTZ(4), walk->series->fraction);

		if (from.infinite > 0 || until.infinite < 0)
			walk->left = 0;
		if (from.infinite == 0)
			walk->next = from.exact ? from.second : from.second + 1;
		if (until.infinite == 0)
			walk->last = until.exact ? until.second - 1 : until.second;
	}
	return walk_step(fcinfo);
}

/* agenda.first_occurrences_of_set(rules, dtstart, tz, n, rdates, exdates, exrules) */
Datum
agenda_first_occurrences_of_set(PG_FUNCTION_ARGS)
{
	if (SRF_IS_FIRSTCALL())
	{
		int32 wanted = PG_GETARG_INT32(3);

		if (wanted < 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("number of occurrences must not be negative")));
		walk_start(fcinfo, 4)->left = wanted;
	}
	return walk_step(fcinfo);
}
