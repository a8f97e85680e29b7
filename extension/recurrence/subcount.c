/*
 * subcount.c
 *		Counting the occurrences of FREQ=HOURLY, MINUTELY and SECONDLY, for COUNT.
 *
 * Every period that takes part holds the same number, so periods are counted, and three ways
 * lead to them, whichever serves first:
 *		no filter				a division;
 *		INTERVAL divides a day	every permitted day holds as many: days are counted by popcount
 *								over the table of years, cycles of 400 years by division;
 *		else					sieve.c.
 */
#include "sieve.h"

#include <string.h>

#include "bits.h"
#include "civil.h"
#include "times.h"

/* ---- inside a period ----------------------------------------------------------------- */

int64_t
rr_subday_rank(const struct rr_plan *plan, const struct rr_times *times, int offset)
{
	int64_t rank = offset >= plan->unit_seconds ? times->n : rr_time_rank(times, offset);

	return plan->by_setpos ? rr_setpos_rank(&plan->setpos, times->n, rank) : rank;
}

/* chosen element number k = 0 .. of a period */
static int
nth_offset(const struct rr_plan *plan, const struct rr_times *times, int64_t k)
{
	int64_t rank = k;

	if (plan->by_setpos)
		for (rank = rr_setpos_from(&plan->setpos, times->n, 0); k > 0; k--)
			rank = rr_setpos_from(&plan->setpos, times->n, rank + 1);
	return rr_time_select(times, (int) rank);
}

/* ---- periods of a day, where INTERVAL divides it ------------------------------------- */

/* how many periods of a day are before number `end` of it; rest: origin modulo INTERVAL */
static int64_t
day_rank(const struct rr_plan *plan, int64_t rest, int64_t end)
{
	int64_t n = 0;

	if (plan->interval == 1)
		return rr_time_rank(&plan->starts, (int) end * plan->unit_seconds);
	for (int64_t t = rest; t < end; t += plan->interval)
		n += rr_time_has(&plan->starts, (int) t * plan->unit_seconds);
	return n;
}

/* number k = 0 .. of the periods of a day */
static int64_t
day_select(const struct rr_plan *plan, int64_t rest, int64_t k)
{
	int64_t t = rest;

	if (plan->interval == 1)
		return rr_time_select(&plan->starts, (int) k) / plan->unit_seconds;
	for (;; t += plan->interval)
		if (rr_time_has(&plan->starts, (int) t * plan->unit_seconds) && k-- == 0)
			return t;
}

/* ---- permitted days ------------------------------------------------------------------ */

static int
year_size(const struct rr_plan *plan, int64_t year)
{
	return rr_size(rr_year_table(plan, year, rr_year_start(year)), RR_DAY_WORDS);
}

/* how many days of a year are permitted and before this day */
static int
year_rank(const struct rr_plan *plan, int64_t year, int64_t day)
{
	int64_t start = rr_year_start(year);

	return rr_rank(rr_year_table(plan, year, start), (int) (day - start) + 1);
}

static int64_t
cycle_size(const struct rr_plan *plan)
{
	int64_t n = 0;

	for (int64_t year = 0; year < RR_CYCLE_YEARS; year++)
		n += year_size(plan, year);
	return n;
}

/* how many days first <= d < end are permitted */
static int64_t
days_between(const struct rr_plan *plan, int64_t first, int64_t end)
{
	int64_t year;
	int64_t last;
	int64_t n;

	if (!plan->filtered || first >= end)
		return first < end ? end - first : 0;
	year = rr_date_of(first).year;
	last = rr_date_of(end).year;
	n = year_rank(plan, last, end) - year_rank(plan, year, first);
	if (last - year >= RR_CYCLE_YEARS)
	{
		int64_t cycles = (last - year) / RR_CYCLE_YEARS;

		n += cycles * cycle_size(plan);
		year += cycles * RR_CYCLE_YEARS;
	}
	for (; year < last; year++)
		n += year_size(plan, year);
	return n;
}

int64_t
rr_nth_day(const struct rr_plan *plan, int64_t day, int64_t k)
{
	const int64_t limit = rr_date_of(RR_TIME_MAX / RR_DAY_SECONDS).year;
	int64_t year;
	int64_t first;
	int64_t total = 0;
	int n;

	if (!plan->filtered)
		return day + k;
	first = year = rr_date_of(day).year;
	k += year_rank(plan, year, day);
	for (; k >= (n = year_size(plan, year)); year++)
	{
		k -= n;
		total += n;
		/* the next 400 years hold as many */
		if (year == first + RR_CYCLE_YEARS - 1)
		{
			year += k / total * RR_CYCLE_YEARS;
			k %= total;
		}
		if (year > limit)
			return RR_TIME_MAX / RR_DAY_SECONDS + 1;
	}
	day = rr_year_start(year);
	return day - 1 + rr_select_in(rr_year_table(plan, year, day), (int) k);
}

/* ---- periods ------------------------------------------------------------------------- */

bool
rr_subday_is_unfiltered(const struct rr_plan *plan)
{
	return !plan->filtered && plan->every_start;
}

static bool
divides_day(const struct rr_plan *plan)
{
	return plan->unit_count % plan->interval == 0;
}

bool
rr_subday_is_single(const struct rr_plan *plan)
{
	return rr_subday_is_unfiltered(plan) && plan->times.n == 1 &&
		   (plan->default_minute || plan->unit_seconds < 3600) &&
		   (plan->default_second || plan->unit_seconds < 60);
}

/* how many periods first <= u < end take part; first >= origin */
static int64_t
periods_between(const struct rr_plan *plan, const struct rr_phase *phase, struct rr_sieve *sieve,
				int64_t first, int64_t end)
{
	if (rr_subday_is_unfiltered(plan))
		return rr_floordiv(end - 1 - phase->origin, plan->interval) -
			   rr_floordiv(first - 1 - phase->origin, plan->interval);
	return rr_sieve_between(sieve, plan, phase, first, end);
}

static int64_t
nth_by_days(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u, int64_t k)
{
	int64_t rest = rr_floormod(phase->origin, plan->interval);
	int64_t size = day_rank(plan, rest, plan->unit_count);
	int64_t day = rr_floordiv(u, plan->unit_count);

	/* count from the beginning of the day */
	if (days_between(plan, day, day + 1) == 1)
		k += day_rank(plan, rest, u - day * plan->unit_count);
	day = rr_nth_day(plan, day, k / size);
	return day * plan->unit_count + day_select(plan, rest, k % size);
}

bool
rr_subday_nth_is_slow(const struct rr_plan *plan)
{
	return !rr_subday_is_unfiltered(plan) && !divides_day(plan);
}

/* number k = 0 .. of the periods from u on; u >= origin */
static int64_t
nth_period(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u, int64_t k)
{
	if (rr_subday_is_unfiltered(plan))
	{
		u += rr_floormod(phase->origin - u, plan->interval);
		return k > RR_TIME_MAX / plan->interval ? RR_NO_PERIOD : u + k * plan->interval;
	}
	return divides_day(plan) ? nth_by_days(plan, phase, u, k) : rr_sieve_nth(plan, phase, u, k);
}

/* does this period take part? */
static bool
is_period(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u)
{
	int64_t day = rr_floordiv(u, plan->unit_count);

	return (u - phase->origin) % plan->interval == 0 && days_between(plan, day, day + 1) == 1 &&
		   rr_time_has(&plan->starts, (int) (u - day * plan->unit_count) * plan->unit_seconds);
}

/* ---- occurrences --------------------------------------------------------------------- */

/* how many occurrences of the period that holds x are before x */
static int64_t
part_before(const struct rr_plan *plan, const struct rr_phase *phase, int64_t x)
{
	int64_t u = rr_floordiv(x, plan->unit_seconds);

	if (!is_period(plan, phase, u))
		return 0;
	return rr_subday_rank(plan, &phase->times, (int) (x - u * plan->unit_seconds));
}

int64_t
rr_subday_size(const struct rr_plan *plan)
{
	return rr_subday_rank(plan, &plan->times, plan->unit_seconds);
}

int64_t
rr_subday_count(const struct rr_plan *plan, const struct rr_phase *phase, struct rr_sieve *sieve,
				int64_t lo, int64_t hi)
{
	int64_t n;

	if (lo < phase->dtstart)
		lo = phase->dtstart;
	if (hi > phase->until)
		hi = phase->until + 1;
	if (plan->empty || hi <= lo)
		return 0;
	n = periods_between(plan, phase, sieve, rr_floordiv(lo, plan->unit_seconds),
						rr_floordiv(hi, plan->unit_seconds));
	return n * rr_subday_rank(plan, &phase->times, plan->unit_seconds) +
		   part_before(plan, phase, hi) - part_before(plan, phase, lo);
}

int64_t
rr_subday_nth(const struct rr_plan *plan, const struct rr_phase *phase, int64_t lo, int64_t wanted)
{
	int64_t size = rr_subday_rank(plan, &phase->times, plan->unit_seconds);
	int64_t k;
	int64_t u;

	if (lo < phase->dtstart)
		lo = phase->dtstart;
	/* count from the beginning of the period, from 0 */
	k = wanted - 1 + part_before(plan, phase, lo);
	u = nth_period(plan, phase, rr_floordiv(lo, plan->unit_seconds), k / size);
	if (u > RR_TIME_MAX / plan->unit_seconds)
		return RR_TIME_MAX;
	return u * plan->unit_seconds + nth_offset(plan, &phase->times, k % size);
}

bool
rr_subday_is_among(const struct rr_plan *plan, const struct rr_phase *phase, int64_t lo,
				   int64_t wanted, int64_t at)
{
	const int64_t u = rr_floordiv(at, plan->unit_seconds);
	int64_t k;

	if (!rr_subday_nth_is_slow(plan))
		return at <= rr_subday_nth(plan, phase, lo, wanted);
	if (lo < phase->dtstart)
		lo = phase->dtstart;
	/* from the beginning of the period of lo, and to that of its own */
	k = wanted - 1 + part_before(plan, phase, lo) -
		rr_subday_rank(plan, &phase->times, (int) (at - u * plan->unit_seconds));
	return k >= 0 && rr_sieve_at_most(plan, phase, rr_floordiv(lo, plan->unit_seconds), u,
									  k / rr_subday_size(plan));
}
