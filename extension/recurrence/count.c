/*
 * count.c
 *		COUNT as an end: the last occurrence that it permits, found by counting whole periods.
 *
 * Afterwards COUNT costs the next and previous search one comparison.  Periods are counted by
 * popcount; where all have the same number of occurrences one division is enough, and what
 * lies beyond a cycle of types is divided too, so that the work is bounded by one cycle
 * whatever COUNT says.  Local occurrences count, gaps of a zone included (erratum 4271).
 */
#include "plan.h"

#include <string.h>

#include "civil.h"

/* days d and d + 1 are where two neighbouring periods can meet */
#define BORDER_SECONDS (2 * RR_DAY_SECONDS)

static bool
overlapping(const struct rr_plan *plan)
{
	return plan->spills && plan->interval == 1;
}

/*
 * How many occurrences before x are in this period and in the next as well: SKIP can move a
 * date of one onto a date of the other, and what coincides counts once.
 */
static int64_t
shared_before(const struct rr_plan *plan, int64_t period, const struct rr_days *days, int64_t x)
{
	struct rr_days next;
	int64_t n = 0;
	int64_t end;
	int64_t t;
	int64_t same;

	rr_days_of(plan, period + 1, &next);
	end = next.base * RR_DAY_SECONDS + BORDER_SECONDS;
	if (x < end)
		end = x;
	for (int64_t lo = next.base * RR_DAY_SECONDS; rr_first_in(plan, &next, lo, &t) && t < end;
		 lo = t + 1)
		if (rr_first_in(plan, days, t, &same) && same == t)
			n++;
	return n;
}

/* occurrences before x that this period adds to the series */
static int64_t
added_before(const struct rr_plan *plan, int64_t period, int64_t x)
{
	struct rr_days days;
	int64_t n;

	rr_days_of(plan, period, &days);
	if (days.words == 0)
		return 0;
	n = rr_count_in(plan, &days, x);
	return overlapping(plan) ? n - shared_before(plan, period, &days, x) : n;
}

static int64_t
added(const struct rr_plan *plan, int64_t period)
{
	/* far enough behind any period, and still no overflow */
	return added_before(plan, period, INT64_MAX / 2);
}

/*
 * What a period adds depends on its table and that of the next, so a cycle has few different
 * numbers.  known[a][b] is one more than the number, 0 where it is not known.
 */
#define TABLES (RR_YEAR_TYPES + 1)
#define WEEKS  128

struct sums
{
	int32_t known[TABLES][WEEKS];
};

static int
table_of(const struct rr_plan *plan, int64_t period)
{
	struct rr_days days;

	rr_days_of(plan, period, &days);
	if (days.words == 0)
		return RR_YEAR_TYPES;
	return (int) ((days.bits - plan->days.month) / days.words);
}

static int64_t
added_known(const struct rr_plan *plan, struct sums *sums, int64_t period)
{
	int32_t *known;

	if (plan->unit > RR_UNIT_WEEK)
		return added(plan, period);
	if (plan->unit == RR_UNIT_WEEK)
	{
		/* those of a week depend on its days alone, which are seven bits */
		struct rr_days days;

		rr_days_of(plan, period, &days);
		known = &sums->known[0][days.own];
	}
	else
		known = &sums->known[table_of(plan, period)][plan->spills ? table_of(plan, period + 1) : 0];
	if (*known == 0)
		*known = (int32_t) added(plan, period) + 1;
	return *known - 1;
}

/* occurrences of periods first .. last, by INTERVAL, that are before x */
static int64_t
sum_before(const struct rr_plan *plan, int64_t first, int64_t last, int64_t x)
{
	int64_t n = 0;

	for (int64_t p = first < plan->origin ? plan->origin : first; p <= last; p += plan->interval)
		n += added_before(plan, p, x);
	return n;
}

/*
 * The occurrence number wanted (1 is the first) of those that the periods around this one
 * hold, by bisection over time; they hold that many.
 */
static int64_t
locate(const struct rr_plan *plan, int64_t period, int64_t wanted)
{
	int reach = overlapping(plan) ? 1 : 0;
	struct rr_days days;
	int64_t lo;
	int64_t hi;

	rr_days_of(plan, period - reach, &days);
	lo = days.base * RR_DAY_SECONDS;
	rr_days_of(plan, period + reach, &days);
	hi = (days.base + 64 * RR_DAY_WORDS) * RR_DAY_SECONDS;
	while (lo < hi)
	{
		int64_t middle = lo + (hi - lo) / 2;

		if (sum_before(plan, period - 2 * reach, period + reach, middle + 1) >= wanted)
			hi = middle;
		else
			lo = middle + 1;
	}
	return lo;
}

/* do all periods of the series add the same number? */
static bool
uniform(const struct rr_plan *plan)
{
	return !plan->filtered && (plan->unit == RR_UNIT_WEEK || plan->unit == RR_UNIT_DAY);
}

/*
 * The period that holds occurrence number *wanted of the series from its origin on, and in
 * *wanted its number among those since `reach` periods earlier, as locate() takes it.
 * False if there is none within the range of time.
 */
static bool
find_period(const struct rr_plan *plan, int64_t *period, int64_t *wanted)
{
	const int64_t limit = rr_period_of(plan, RR_TIME_MAX / RR_DAY_SECONDS);
	int back = overlapping(plan) ? 2 : 0;
	int64_t k = 0;
	int64_t p = plan->origin;
	int64_t n;
	int64_t cycle_sum = 0;
	int64_t steps;
	struct sums sums;

	if (uniform(plan))
	{
		n = added(plan, p);
		if (n == 0)
			return false;
		k = (*wanted - 1) / n;
		*wanted -= k * n;
	}
	else
	{
		memset(&sums, 0, sizeof(sums));
		for (; k < plan->cycle && p <= limit && *wanted > (n = added_known(plan, &sums, p)); k++)
		{
			*wanted -= n;
			cycle_sum += n;
			p += plan->interval;
		}
		if (k == plan->cycle)
		{
			if (cycle_sum == 0)
				return false;
			steps = (*wanted - 1) / cycle_sum;
			*wanted -= steps * cycle_sum;
			k += steps * plan->cycle;
			/* the rest lies within the cycle that follows */
			for (p = plan->origin; *wanted > (n = added_known(plan, &sums, p));
				 k++, p += plan->interval)
				*wanted -= n;
		}
	}
	if (k > (limit - plan->origin) / plan->interval)
		return false;
	*period = plan->origin + k * plan->interval;
	if (back > 0)
		*wanted += sum_before(plan, *period - back, *period - 1, INT64_MAX / 2);
	return true;
}

/* is it counted by subcount.c, whose periods may be days? */
static bool
is_by_periods(const struct rr_plan *plan)
{
	return plan->unit == RR_UNIT_TIME || (plan->unit == RR_UNIT_DAY && plan->filtered);
}

/* DTSTART may be one of them that the rule does not hit */
static int64_t
wanted_of(const struct rr_plan *plan)
{
	return plan->count - (plan->with_start ? 1 : 0);
}

static int64_t
until_of_count(const struct rr_plan *plan, int64_t count)
{
	int64_t wanted;
	int64_t period;
	struct rr_phase phase;

	if (is_by_periods(plan))
	{
		phase = rr_phase_of(plan);
		return rr_subday_nth(plan, &phase, plan->dtstart, count);
	}
	/* the first period, and what a second moves into it, may begin before DTSTART */
	wanted = count + sum_before(plan, plan->origin, plan->origin + (overlapping(plan) ? 1 : 0),
								plan->dtstart);
	if (!find_period(plan, &period, &wanted))
		return RR_TIME_MAX;
	return locate(plan, period, wanted);
}

/*
 * The end is left open where it takes long to find and many never ask for it.  Before period number n of the series
 * are no more occurrences than n periods hold, whatever the filters; so the end is not before either, or time is.
 */
void
rr_count_make(struct rr_plan *plan)
{
	int64_t periods;

	if (!is_by_periods(plan) || !rr_subday_nth_is_slow(plan))
	{
		plan->until = until_of_count(plan, wanted_of(plan));
		return;
	}
	periods = (wanted_of(plan) - 1) / rr_subday_size(plan);
	if (periods > (RR_TIME_MAX / plan->unit_seconds - plan->origin) / plan->interval)
		return;
	plan->open = true;
	plan->sure = (plan->origin + periods * plan->interval) * plan->unit_seconds - 1;
}

bool
rr_count_permits(const struct rr_plan *plan, int64_t at)
{
	struct rr_phase phase;

	if (!plan->open || at <= plan->sure)
		return true;
	phase = rr_phase_of(plan);
	return rr_subday_is_among(plan, &phase, plan->dtstart, wanted_of(plan), at);
}

int64_t
rr_count_end(const struct rr_plan *plan)
{
	return plan->open ? until_of_count(plan, wanted_of(plan)) : plan->until;
}
