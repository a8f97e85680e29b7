/*
 * expand.c
 *		Next and previous occurrence of a plan in civil time.
 *
 * Nothing iterates from DTSTART: the period that holds the time asked for follows by floor
 * division, the next of the series by rounding up to a multiple of INTERVAL, and the day
 * inside it by a bit search in the table of its type.  Empty periods are stepped over, at
 * most one cycle of types (400 years, see plan.c); DAILY jumps from day to permitted day.
 */
#include "plan.h"

#include "bits.h"
#include "civil.h"
#include "times.h"

/* ---- periods ------------------------------------------------------------------------- */

int64_t
rr_period_of(const struct rr_plan *plan, int64_t day)
{
	struct rr_civil c;

	if (plan->unit == RR_UNIT_DAY)
		return day;
	/* day -3 is a Monday */
	if (plan->unit == RR_UNIT_WEEK)
		return rr_floordiv(day + 3 - plan->wkst, 7);
	c = rr_date_of(day);
	return plan->unit == RR_UNIT_YEAR ? c.year : c.year * 12 + c.month - 1;
}

static void
month_days_of(const struct rr_plan *plan, int64_t period, struct rr_days *days)
{
	int64_t year = rr_floordiv(period, 12);
	int month = (int) rr_floormod(period, 12) + 1;
	bool leap = rr_is_leap(year);
	int64_t start = rr_year_start(year) + rr_days_before[leap][month];

	days->base = start - 1;
	days->bits = &plan->days.month[(rr_month_length(leap, month) - 28) * 7 + rr_weekday(start)];
	days->words = (plan->months >> month & 1) != 0 ? 1 : 0;
}

/* the days of a week that lie in a month that takes part */
uint64_t
rr_week_part(const struct rr_plan *plan, int month, int here)
{
	uint64_t days = plan->weekdays;
	uint64_t first = here < 7 ? rr_below(here) : rr_below(7);

	if (!plan->filtered)
		return days;
	if ((plan->months >> month & 1) == 0)
		days &= ~first;
	if ((plan->months >> (month % 12 + 1) & 1) == 0)
		days &= first;
	return days;
}

static void
week_days_of(const struct rr_plan *plan, int64_t period, struct rr_days *days)
{
	days->base = period * 7 - 3 + plan->wkst;
	days->bits = &days->own;
	days->words = 1;
	days->own = plan->weekdays;
	if (plan->filtered)
	{
		struct rr_civil c = rr_date_of(days->base);

		/* how many of the seven belong to the first day's month */
		days->own =
			rr_week_part(plan, c.month, rr_month_length(rr_is_leap(c.year), c.month) - c.day + 1);
	}
}

static void
year_days_of(const struct rr_plan *plan, int64_t period, struct rr_days *days)
{
	int64_t start = rr_year_start(period);

	days->base = start - 1;
	days->bits = rr_year_table(plan, period, start);
	days->words = RR_DAY_WORDS;
}

static void
single_day_of(const struct rr_plan *plan, int64_t period, struct rr_days *days)
{
	days->base = period;
	days->bits = &days->own;
	days->words = 1;
	days->own = 1;
	if (plan->filtered)
	{
		int64_t year = rr_date_of(period).year;
		int64_t start = rr_year_start(year);

		days->own = rr_has(rr_year_table(plan, year, start), (int) (period - start) + 1);
	}
}

void
rr_days_of(const struct rr_plan *plan, int64_t period, struct rr_days *days)
{
	switch (plan->unit)
	{
		case RR_UNIT_YEAR:
			year_days_of(plan, period, days);
			break;
		case RR_UNIT_MONTH:
			month_days_of(plan, period, days);
			break;
		case RR_UNIT_WEEK:
			week_days_of(plan, period, days);
			break;
		default:
			single_day_of(plan, period, days);
			break;
	}
}

/* ---- inside a period ----------------------------------------------------------------- */

/* day and time of day of x relative to a period, cut to what its bitmap covers */
struct place
{
	int bit; /* -1: before it all; 64 * words: behind it all */
	int sod;
};

static struct place
place_of(const struct rr_days *days, int64_t x)
{
	int64_t day = rr_floordiv(x, RR_DAY_SECONDS);
	int64_t bit = day - days->base;
	struct place p;

	p.sod = (int) (x - day * RR_DAY_SECONDS);
	p.bit = bit < 0 ? -1 : bit >= 64 * days->words ? 64 * days->words : (int) bit;
	return p;
}

static int64_t
second_of(const struct rr_days *days, int bit, int time)
{
	return (days->base + bit) * RR_DAY_SECONDS + time;
}

/* how many elements, selected or not, are before x */
int64_t
rr_element_rank(const struct rr_plan *plan, const struct rr_days *days, int64_t x)
{
	struct place p = place_of(days, x);
	int64_t rank;

	if (p.bit < 0)
		return 0;
	rank = (int64_t) rr_rank(days->bits, p.bit) * plan->times.n;
	if (p.bit < 64 * days->words && rr_has(days->bits, p.bit))
		rank += rr_time_rank(&plan->times, p.sod);
	return rank;
}

int64_t
rr_element_at(const struct rr_plan *plan, const struct rr_days *days, int64_t rank)
{
	return second_of(days, rr_select_in(days->bits, (int) (rank / plan->times.n)),
					 rr_time_select(&plan->times, (int) (rank % plan->times.n)));
}

/*
 * BYSETPOS among n elements: position p is rank p - 1, position -q is rank n - q.  The first
 * selected rank >= rank, or -1.
 */
int64_t
rr_setpos_from(const struct rr_numbers *set, int64_t n, int64_t rank)
{
	int64_t best = -1;
	int p = rank >= 366 ? -1 : rr_first_from(set->plus, RR_DAY_WORDS, (int) rank + 1);
	int q = rr_last_upto(set->minus, n - rank > 366 ? 366 : (int) (n - rank));

	if (p > 0 && p <= n)
		best = p - 1;
	if (q > 0 && (best < 0 || n - q < best))
		best = n - q;
	return best;
}

/* the last selected rank <= rank, or -1; 0 <= rank < n */
int64_t
rr_setpos_upto(const struct rr_numbers *set, int64_t n, int64_t rank)
{
	int p = rr_last_upto(set->plus, rank >= 366 ? 366 : (int) rank + 1);
	int q = n - rank > 366 ? -1 : rr_first_from(set->minus, RR_DAY_WORDS, (int) (n - rank));
	int64_t best = p - 1;

	if (p <= 0)
		best = -1;
	if (q > 0 && q <= n && n - q > best)
		best = n - q;
	return best;
}

/* how many ranks < rank are selected; a rank that both signs select counts once */
int64_t
rr_setpos_rank(const struct rr_numbers *set, int64_t n, int64_t rank)
{
	int64_t count;
	int plus = (int) (rank < 366 ? rank : 366);
	/* -q is rank n - q, so these are n - rank < q <= n */
	int above = (int) (n - rank < 366 ? n - rank : 366);
	int most = (int) (n < 366 ? n : 366);

	if (rank <= 0)
		return 0;
	count = rr_rank(set->plus, plus + 1) + rr_rank(set->minus, most + 1) -
			rr_rank(set->minus, above + 1);
	for (int q = rr_first_from(set->minus, RR_DAY_WORDS, above + 1); q > 0 && q <= most;
		 q = rr_first_from(set->minus, RR_DAY_WORDS, q + 1))
		count -= n + 1 - q <= 366 && rr_has(set->plus, (int) n + 1 - q);
	return count;
}

int64_t
rr_element_count(const struct rr_plan *plan, const struct rr_days *days)
{
	return (int64_t) rr_size(days->bits, days->words) * plan->times.n;
}

bool
rr_first_in(const struct rr_plan *plan, const struct rr_days *days, int64_t lo, int64_t *found)
{
	struct place p;
	int bit;

	if (plan->by_setpos)
	{
		int64_t n = rr_element_count(plan, days);
		int64_t rank = rr_element_rank(plan, days, lo);

		rank = rank < n ? rr_setpos_from(&plan->setpos, n, rank) : -1;
		if (rank >= 0)
			*found = rr_element_at(plan, days, rank);
		return rank >= 0;
	}
	p = place_of(days, lo);
	if (p.bit >= 0 && p.bit < 64 * days->words && rr_has(days->bits, p.bit))
	{
		int time = rr_time_from(&plan->times, p.sod);

		if (time >= 0)
		{
			*found = second_of(days, p.bit, time);
			return true;
		}
	}
	bit = rr_first_from(days->bits, days->words, p.bit + 1);
	if (bit < 0)
		return false;
	*found = second_of(days, bit, plan->times.first);
	return true;
}

bool
rr_last_in(const struct rr_plan *plan, const struct rr_days *days, int64_t hi, int64_t *found)
{
	struct place p;
	int bit;

	if (plan->by_setpos)
	{
		/* ranks below this one are at or before hi */
		int64_t end = rr_element_rank(plan, days, hi + 1);
		int64_t rank =
			end > 0 ? rr_setpos_upto(&plan->setpos, rr_element_count(plan, days), end - 1) : -1;

		if (rank >= 0)
			*found = rr_element_at(plan, days, rank);
		return rank >= 0;
	}
	p = place_of(days, hi);
	if (p.bit >= 0 && p.bit < 64 * days->words && rr_has(days->bits, p.bit))
	{
		int time = rr_time_upto(&plan->times, p.sod);

		if (time >= 0)
		{
			*found = second_of(days, p.bit, time);
			return true;
		}
	}
	bit = days->words == 0 ? -1 : rr_last_upto(days->bits, p.bit - 1);
	if (bit < 0)
		return false;
	*found = second_of(days, bit, plan->times.last);
	return true;
}

int64_t
rr_count_in(const struct rr_plan *plan, const struct rr_days *days, int64_t x)
{
	int64_t rank = rr_element_rank(plan, days, x);

	return plan->by_setpos ? rr_setpos_rank(&plan->setpos, rr_element_count(plan, days), rank)
						   : rank;
}

/* ---- the series ---------------------------------------------------------------------- */

/* the first period of the series at or after this one */
int64_t
rr_series_from(const struct rr_plan *plan, int64_t period)
{
	int64_t behind;

	if (period <= plan->origin)
		return plan->origin;
	behind = (period - plan->origin) % plan->interval;
	return behind == 0 ? period : period + plan->interval - behind;
}

/* the last period of the series at or before this one; period >= origin */
static int64_t
series_upto(const struct rr_plan *plan, int64_t period)
{
	return period - (period - plan->origin) % plan->interval;
}

/* the first day >= day that the filter of DAILY lets through; the table is not empty */
int64_t
rr_permitted_from(const struct rr_plan *plan, int64_t day)
{
	int64_t year = rr_date_of(day).year;
	int64_t start = rr_year_start(year);
	int bit =
		rr_first_from(rr_year_table(plan, year, start), RR_DAY_WORDS, (int) (day - start) + 1);

	while (bit < 0)
	{
		start = rr_year_start(++year);
		bit = rr_first_from(rr_year_table(plan, year, start), RR_DAY_WORDS, 0);
	}
	return start - 1 + bit;
}

/* the last day <= day that the filter of DAILY lets through */
int64_t
rr_permitted_upto(const struct rr_plan *plan, int64_t day)
{
	int64_t year = rr_date_of(day).year;
	int64_t start = rr_year_start(year);
	int bit = rr_last_upto(rr_year_table(plan, year, start), (int) (day - start) + 1);

	while (bit < 0)
	{
		start = rr_year_start(--year);
		bit = rr_last_upto(rr_year_table(plan, year, start), 64 * RR_DAY_WORDS - 1);
	}
	return start - 1 + bit;
}

int64_t
rr_step_forward(const struct rr_plan *plan, int64_t period)
{
	int64_t next = period + plan->interval;

	if (plan->unit == RR_UNIT_DAY && plan->filtered)
		return rr_series_from(plan, rr_permitted_from(plan, next));
	return next;
}

/* may go below the origin */
static int64_t
step_back(const struct rr_plan *plan, int64_t period)
{
	int64_t next = period - plan->interval;

	if (plan->unit == RR_UNIT_DAY && plan->filtered && next >= plan->origin)
	{
		next = rr_permitted_upto(plan, next);
		return next < plan->origin ? next : series_upto(plan, next);
	}
	return next;
}

/*
 * Where SKIP moves dates over the border, the neighbour may hold a smaller (dir > 0) or a
 * larger (dir < 0) occurrence than the one found in this period.
 */
static void
ask_neighbour(const struct rr_plan *plan, int64_t period, int64_t bound, int dir, int64_t *found)
{
	struct rr_days days;
	int64_t other;

	if (plan->interval != 1 || period + dir < plan->origin)
		return;
	rr_days_of(plan, period + dir, &days);
	if (dir > 0 && rr_first_in(plan, &days, bound, &other) && other < *found)
		*found = other;
	if (dir < 0 && rr_last_in(plan, &days, bound, &other) && other > *found)
		*found = other;
}

/* days that hardly ever meet INTERVAL are left to calculation after so many steps */
#define DAYS_LIMIT 128

/* the first occurrence of the days from this one on; the last of those up to it */
static bool
next_by_sieve(const struct rr_plan *plan, int64_t day, int64_t *found)
{
	const struct rr_phase phase = rr_phase_of(plan);
	struct rr_days days;

	day = rr_sieve_from(plan, &phase, day);
	if (day > plan->last_period)
		return false;
	rr_days_of(plan, day, &days);
	return rr_first_in(plan, &days, day * RR_DAY_SECONDS, found) && *found <= plan->until;
}

static bool
previous_by_sieve(const struct rr_plan *plan, int64_t day, int64_t *found)
{
	const struct rr_phase phase = rr_phase_of(plan);
	struct rr_days days;

	day = day < plan->origin ? RR_NO_PERIOD : rr_sieve_upto(plan, &phase, plan->origin, day);
	if (day == RR_NO_PERIOD)
		return false;
	rr_days_of(plan, day, &days);
	return rr_last_in(plan, &days, (day + 1) * RR_DAY_SECONDS - 1, found) &&
		   *found >= plan->dtstart;
}

static bool
next_by_rule(const struct rr_plan *plan, int64_t lo, int64_t *found)
{
	struct rr_days days;
	int64_t period;
	int64_t last;

	if (plan->empty || lo > plan->until)
		return false;
	if (plan->unit == RR_UNIT_TIME)
	{
		struct rr_phase phase = rr_phase_of(plan);

		return rr_subday_next(plan, &phase, lo, found);
	}
	period = rr_period_of(plan, rr_floordiv(lo, RR_DAY_SECONDS));
	period = rr_series_from(plan, plan->spills ? period - 1 : period);
	last = period + plan->reach;
	if (last > plan->last_period)
		last = plan->last_period;
	for (int steps = 0; period <= last; period = rr_step_forward(plan, period), steps++)
	{
		if (steps == DAYS_LIMIT && plan->unit == RR_UNIT_DAY)
			return next_by_sieve(plan, period, found);
		rr_days_of(plan, period, &days);
		if (!rr_first_in(plan, &days, lo, found))
			continue;
		if (plan->spills)
			ask_neighbour(plan, period, lo, 1, found);
		return *found <= plan->until;
	}
	return false;
}

bool
rr_next(const struct rr_plan *plan, int64_t lo, int64_t *found)
{
	if (lo <= plan->dtstart)
	{
		lo = *found = plan->dtstart;
		if (plan->with_start)
			return true;
	}
	return next_by_rule(plan, lo, found) && rr_count_permits(plan, *found);
}

static bool
previous_by_rule(const struct rr_plan *plan, int64_t hi, int64_t *found)
{
	struct rr_days days;
	int64_t period;
	int64_t last;

	if (hi > plan->until)
		hi = plan->until;
	if (plan->empty || hi < plan->dtstart)
		return false;
	if (plan->unit == RR_UNIT_TIME)
	{
		struct rr_phase phase = rr_phase_of(plan);

		return rr_subday_previous(plan, &phase, hi, found);
	}
	period = rr_period_of(plan, rr_floordiv(hi, RR_DAY_SECONDS));
	period = series_upto(plan, plan->spills ? period + 1 : period);
	last = period - plan->reach;
	if (last < plan->origin)
		last = plan->origin;
	for (int steps = 0; period >= last; period = step_back(plan, period), steps++)
	{
		if (steps == DAYS_LIMIT && plan->unit == RR_UNIT_DAY)
			return previous_by_sieve(plan, period, found);
		rr_days_of(plan, period, &days);
		if (!rr_last_in(plan, &days, hi, found))
			continue;
		if (plan->spills)
			ask_neighbour(plan, period, hi, -1, found);
		return *found >= plan->dtstart;
	}
	return false;
}

bool
rr_previous(const struct rr_plan *plan, int64_t hi, int64_t *found)
{
	if (previous_by_rule(plan, hi, found))
	{
		if (!rr_count_permits(plan, *found))
			*found = rr_count_end(plan);
		return true;
	}
	*found = plan->dtstart;
	return plan->with_start && hi >= plan->dtstart;
}

/* the period that at falls into decides, or a neighbour that SKIP moves dates from */
static bool
rule_contains(const struct rr_plan *plan, int64_t at)
{
	int reach = plan->spills ? 1 : 0;
	struct rr_days days;
	int64_t period;
	int64_t found;

	if (plan->empty || at < plan->dtstart || at > plan->until)
		return false;
	if (plan->unit == RR_UNIT_TIME)
	{
		struct rr_phase phase = rr_phase_of(plan);

		/* to look no farther */
		phase.until = at;
		return rr_subday_next(plan, &phase, at, &found);
	}
	period = rr_period_of(plan, rr_floordiv(at, RR_DAY_SECONDS));
	for (int64_t p = rr_series_from(plan, period - reach); p <= period + reach; p += plan->interval)
	{
		rr_days_of(plan, p, &days);
		if (rr_first_in(plan, &days, at, &found) && found == at)
			return true;
	}
	return false;
}

bool
rr_contains(const struct rr_plan *plan, int64_t at)
{
	if (plan->with_start && at == plan->dtstart)
		return true;
	return rule_contains(plan, at) && rr_count_permits(plan, at);
}
