/*
 * subcount.c
 *		Counting the occurrences of FREQ=HOURLY, MINUTELY and SECONDLY, for COUNT.
 *
 * Every period that takes part holds the same number, so periods are counted, and four ways
 * lead to them, whichever serves first:
 *		no filter				a division;
 *		INTERVAL divides a day	every permitted day holds as many: days are counted by popcount
 *								over the table of years, cycles of 400 years by division;
 *		no day is filtered		times of day repeat after INTERVAL / gcd(INTERVAL, day) days:
 *								whole cycles by division, the rest period by period;
 *		else					the sum of a year depends on its type and on the residue of its
 *								first day: these are tabled, for cycles of up to SUM_CYCLE days.
 * What is left (an INTERVAL with a large prime factor, filtered by days) is walked for some
 * hundred to 100,000 periods; a larger COUNT is carried on at the rate found until there.
 */
#include "plan.h"

#include <string.h>

#include "bits.h"
#include "civil.h"
#include "times.h"

#define SUM_CYCLE 1024
#define DAY_CYCLE 128
/* what a walk may cost: periods, or times of day where each is calculated */
#define WALK_LIMIT  500
#define WALK_STARTS 100000
#define YEAR_TYPES  14

/* ---- inside a period ----------------------------------------------------------------- */

/* how many chosen elements of a period are before this offset */
static int64_t
offsets_before(const struct rr_plan *plan, const struct rr_times *times, int offset)
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

static bool
starts_at(const struct rr_plan *plan, int64_t t)
{
	int second = (int) t * plan->unit_seconds;

	return rr_time_from(&plan->starts, second) == second;
}

/* how many periods of a day are before number `end` of it; rest: origin modulo INTERVAL */
static int64_t
day_rank(const struct rr_plan *plan, int64_t rest, int64_t end)
{
	int64_t n = 0;

	if (plan->interval == 1)
		return rr_time_rank(&plan->starts, (int) end * plan->unit_seconds);
	for (int64_t t = rest; t < end; t += plan->interval)
		n += starts_at(plan, t);
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
		if (starts_at(plan, t) && k-- == 0)
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

/* number k = 0 .. of the permitted days from this one on */
static int64_t
nth_day(const struct rr_plan *plan, int64_t day, int64_t k)
{
	int64_t year;
	int n;

	if (!plan->filtered)
		return day + k;
	year = rr_date_of(day).year;
	k += year_rank(plan, year, day);
	if (k > RR_CYCLE_YEARS * 366)
	{
		int64_t size = cycle_size(plan);

		year += k / size * RR_CYCLE_YEARS;
		k %= size;
	}
	while (k >= (n = year_size(plan, year)))
	{
		k -= n;
		year++;
	}
	day = rr_year_start(year);
	return day - 1 + rr_select_in(rr_year_table(plan, year, day), (int) k);
}

/* ---- sums of years, where INTERVAL does not divide the day --------------------------- */

/* the sums that are known; a cycle of days is `days` long */
struct sums
{
	const struct rr_plan *plan;
	const struct rr_phase *phase;
	int days;
	int32_t day[SUM_CYCLE];              /* periods in a day, by its residue */
	int32_t year[YEAR_TYPES][SUM_CYCLE]; /* periods in a year, by the residue of 1 January */
};

static void
sums_make(struct sums *sums, const struct rr_plan *plan, const struct rr_phase *phase, int days)
{
	sums->plan = plan;
	sums->phase = phase;
	sums->days = days;
	memset(sums->year, -1, sizeof(sums->year));
	for (int d = 0; d < days; d++)
	{
		/* the first period of the series in the day */
		int64_t t = rr_floormod(phase->origin - (int64_t) d * plan->unit_count, plan->interval);

		sums->day[d] = 0;
		for (; t < plan->unit_count; t += plan->interval)
			sums->day[d] += starts_at(plan, t);
	}
}

static int64_t
sum_of_year(struct sums *sums, int64_t year)
{
	int64_t start = rr_year_start(year);
	const uint64_t *table = rr_year_table(sums->plan, year, start);
	int residue = (int) rr_floormod(start, sums->days);
	int32_t *sum =
		&sums->year[(rr_is_leap(year) ? YEAR_TYPES / 2 : 0) + rr_weekday(start)][residue];

	if (*sum >= 0)
		return *sum;
	*sum = 0;
	for (int bit = rr_first_from(table, RR_DAY_WORDS, 0); bit >= 0;
		 bit = rr_first_from(table, RR_DAY_WORDS, bit + 1))
		*sum += sums->day[(residue + bit - 1) % sums->days];
	return *sum;
}

/* number k = 0 .. of the periods from the beginning of a year on, as its day; *k: the rest */
static int64_t
day_by_sums(struct sums *sums, int64_t year, int64_t *k)
{
	const int64_t cycle = RR_CYCLE_YEARS * sums->days / rr_gcd(sums->days, RR_CYCLE_DAYS);
	const int64_t limit = rr_date_of(RR_TIME_MAX / RR_DAY_SECONDS).year;
	int64_t first = year;
	int64_t total = 0;
	int64_t n;
	int64_t day;

	for (; *k >= (n = sum_of_year(sums, year)); year++)
	{
		if (year > limit)
			return INT64_MAX;
		*k -= n;
		total += n;
		if (year == first + cycle - 1)
		{
			year += *k / total * cycle;
			*k %= total;
		}
	}
	for (day = rr_permitted_from(sums->plan, rr_year_start(year));
		 *k >= (n = sums->day[rr_floormod(day, sums->days)]);
		 day = rr_permitted_from(sums->plan, day + 1))
		*k -= n;
	return day;
}

/* ---- periods ------------------------------------------------------------------------- */

static bool
unfiltered(const struct rr_plan *plan)
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
	return unfiltered(plan) && plan->times.n == 1 &&
		   (plan->default_minute || plan->unit_seconds < 3600) &&
		   (plan->default_second || plan->unit_seconds < 60);
}

bool
rr_subday_is_tabled(const struct rr_plan *plan)
{
	/* with a day a period, counting them one by one is faster for long cycles */
	if (plan->unit_count == 1)
		return plan->interval <= DAY_CYCLE;
	return plan->interval / rr_gcd(plan->interval, plan->unit_count) <= SUM_CYCLE;
}

bool
rr_subday_is_summed(const struct rr_plan *plan)
{
	return unfiltered(plan) || divides_day(plan);
}

/* how many periods first <= u < end take part; first >= origin */
static int64_t
periods_between(const struct rr_plan *plan, const struct rr_phase *phase, int64_t first,
				int64_t end)
{
	int64_t n = 0;

	if (unfiltered(plan))
		return rr_floordiv(end - 1 - phase->origin, plan->interval) -
			   rr_floordiv(first - 1 - phase->origin, plan->interval);
	if (divides_day(plan))
	{
		int64_t rest = rr_floormod(phase->origin, plan->interval);
		int64_t day = rr_floordiv(first, plan->unit_count);
		int64_t last = rr_floordiv(end, plan->unit_count);

		n = days_between(plan, day, last) * day_rank(plan, rest, plan->unit_count);
		if (days_between(plan, day, day + 1) == 1)
			n -= day_rank(plan, rest, first - day * plan->unit_count);
		if (days_between(plan, last, last + 1) == 1)
			n += day_rank(plan, rest, end - last * plan->unit_count);
		return n;
	}
	while ((first = rr_period_from(plan, phase, first)) < end)
	{
		n++;
		first++;
	}
	return n;
}

/* the same as nth_period() for a long walk; the last resort, see above */
static int64_t
walk(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u, int64_t k)
{
	const int64_t limit = plan->sparse ? WALK_STARTS / plan->starts.n : WALK_LIMIT;
	int64_t start = u;
	int64_t n = 0;

	for (u = rr_period_from(plan, phase, u); n < k && n < limit && u != RR_NO_PERIOD; n++)
		u = rr_period_from(plan, phase, u + 1);
	if (n == k || u == RR_NO_PERIOD)
		return u;
	if (k / n > RR_TIME_MAX / (u - start))
		return RR_NO_PERIOD;
	return rr_period_from(plan, phase,
						  u + (u - start) * ((k - n) / n) + (u - start) * ((k - n) % n) / n);
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
	day = nth_day(plan, day, k / size);
	return day * plan->unit_count + day_select(plan, rest, k % size);
}

static int64_t
nth_by_sums(const struct rr_plan *plan, const struct rr_phase *phase, int days, int64_t u,
			int64_t k)
{
	struct sums sums;
	int64_t day = rr_floordiv(u, plan->unit_count);
	int64_t year = rr_date_of(day).year;
	int64_t from = rr_year_start(year) * plan->unit_count;

	sums_make(&sums, plan, phase, days);
	/* count from the beginning of the year, as if the series had begun before */
	for (int64_t d = rr_permitted_from(plan, rr_year_start(year)); d < day;
		 d = rr_permitted_from(plan, d + 1))
		k += sums.day[rr_floormod(d, days)];
	if (rr_permitted_from(plan, day) == day)
		for (int64_t t = rr_floormod(phase->origin - day * plan->unit_count, plan->interval);
			 t < u - day * plan->unit_count; t += plan->interval)
			k += starts_at(plan, t);
	day = day_by_sums(&sums, year, &k);
	if (day == INT64_MAX)
		return RR_NO_PERIOD;
	from = day * plan->unit_count;
	from += rr_floormod(phase->origin - from, plan->interval);
	for (;; from += plan->interval)
		if (starts_at(plan, from - day * plan->unit_count) && k-- == 0)
			return from;
}

/* number k = 0 .. of the periods from u on; u >= origin */
static int64_t
nth_period(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u, int64_t k)
{
	int64_t common = rr_gcd(plan->interval, plan->unit_count);
	int64_t days = plan->interval / common;
	int64_t size = 0;

	if (unfiltered(plan))
	{
		u += rr_floormod(phase->origin - u, plan->interval);
		return k > RR_TIME_MAX / plan->interval ? RR_NO_PERIOD : u + k * plan->interval;
	}
	if (divides_day(plan))
		return nth_by_days(plan, phase, u, k);
	if (plan->filtered)
		return days <= SUM_CYCLE ? nth_by_sums(plan, phase, (int) days, u, k)
								 : walk(plan, phase, u, k);
	/* each period of the day with the right residue takes part once in so many days */
	for (int64_t t = rr_floormod(phase->origin, common); t < plan->unit_count; t += common)
		size += starts_at(plan, t);
	if (k / size > RR_TIME_MAX / RR_DAY_SECONDS / days)
		return RR_NO_PERIOD;
	u += k / size * days * plan->unit_count;
	for (k %= size, u = rr_period_from(plan, phase, u); k > 0 && u != RR_NO_PERIOD; k--)
		u = rr_period_from(plan, phase, u + 1);
	return u;
}

/* ---- occurrences --------------------------------------------------------------------- */

/* how many occurrences of the period that holds x are before x */
static int64_t
part_before(const struct rr_plan *plan, const struct rr_phase *phase, int64_t x)
{
	int64_t u = rr_floordiv(x, plan->unit_seconds);

	if (rr_period_from(plan, phase, u) != u)
		return 0;
	return offsets_before(plan, &phase->times, (int) (x - u * plan->unit_seconds));
}

int64_t
rr_subday_count(const struct rr_plan *plan, const struct rr_phase *phase, int64_t lo, int64_t hi)
{
	int64_t n;

	if (lo < phase->dtstart)
		lo = phase->dtstart;
	if (hi > phase->until)
		hi = phase->until + 1;
	if (plan->empty || hi <= lo)
		return 0;
	n = periods_between(plan, phase, rr_floordiv(lo, plan->unit_seconds),
						rr_floordiv(hi, plan->unit_seconds));
	return n * offsets_before(plan, &phase->times, plan->unit_seconds) +
		   part_before(plan, phase, hi) - part_before(plan, phase, lo);
}

int64_t
rr_subday_nth(const struct rr_plan *plan, const struct rr_phase *phase, int64_t lo, int64_t wanted)
{
	int64_t size = offsets_before(plan, &phase->times, plan->unit_seconds);
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
