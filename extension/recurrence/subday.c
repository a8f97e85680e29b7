/*
 * subday.c
 *		FREQ=HOURLY, MINUTELY and SECONDLY: next and previous occurrence, and whether there is any.
 *
 * A period is an hour, a minute or a second, numbered from 1970.  Two sets choose among them:
 * the series (every INTERVAL-th from that of DTSTART) and the parts that only filter (the table
 * of years for days, plan->starts for times of day).  The search goes from the next member of
 * one to the next of the other, each found by calculation, until both agree; so a rule for
 * seconds in March skips ten months at once.  Inside a period the finer parts, and BYSETPOS,
 * choose among plan->times.
 *
 * That both can agree at all is decided beforehand, by residues (rr_phase_never).
 */
#include "plan.h"

#include "bits.h"
#include "civil.h"
#include "times.h"

/* from which length of cycle, and up to how many periods of a day, each is calculated */
#define SPARSE_CYCLE  1024
#define SPARSE_STARTS 256

/* after so many steps a search is left to calculation, unless the end is as near as that */
#define STEPS_LIMIT 256
#define NEAR_END    4096

#define ALL_HOURS ((uint32_t) rr_below(24))
#define ALL_SIXTY rr_below(60)

/* ---- inside a period ----------------------------------------------------------------- */

/* the first chosen second >= offset of a period, or -1 */
static int
offset_from(const struct rr_plan *plan, const struct rr_times *times, int offset)
{
	int64_t rank;

	if (!plan->by_setpos)
		return rr_time_from(times, offset);
	rank = rr_time_rank(times, offset);
	rank = rank < times->n ? rr_setpos_from(&plan->setpos, times->n, rank) : -1;
	return rank < 0 ? -1 : rr_time_select(times, (int) rank);
}

/* the last chosen second <= offset, or -1; offset < 3600 */
static int
offset_upto(const struct rr_plan *plan, const struct rr_times *times, int offset)
{
	int64_t rank;

	if (!plan->by_setpos)
		return rr_time_upto(times, offset);
	rank = rr_time_rank(times, offset + 1);
	rank = rank > 0 ? rr_setpos_upto(&plan->setpos, times->n, rank - 1) : -1;
	return rank < 0 ? -1 : rr_time_select(times, (int) rank);
}

/* ---- few periods that meet the series seldom ----------------------------------------- */

/*
 * Period t of a day takes part every plan->cycle days (see rr_phase_never), so where few periods
 * of a day pass the filter and the cycle is long, each is calculated.  What finds these days, with few
 * divisions, for they are asked for span by span.
 */
struct meeting
{
	int64_t common; /* t = rest (mod common), or never */
	int64_t rest;
	int64_t origin; /* that of rest, modulo the cycle */
};

static struct meeting
meeting_of(const struct rr_plan *plan, const struct rr_phase *phase)
{
	const int64_t common = plan->interval / plan->cycle;
	const int64_t rest = rr_floormod(phase->origin, common);
	struct meeting meeting = { common, rest,
							   rr_floormod((phase->origin - rest) / common, plan->cycle) };

	return meeting;
}

/* the first day of a period that takes part, modulo the cycle; -1: never */
static int64_t
day_of_start(const struct rr_plan *plan, const struct meeting *meeting, int64_t t)
{
	int64_t number = meeting->origin;

	if (meeting->common == 1)
		number -= t;
	else if ((int32_t) (t - meeting->rest) % (int32_t) meeting->common == 0)
		number -= (int32_t) (t - meeting->rest) / (int32_t) meeting->common;
	else
		return -1;
	return (number < 0 ? rr_floormod(number, plan->cycle) : number) * plan->inverse % plan->cycle;
}

static int64_t
within(int64_t period, int64_t last)
{
	return period > last ? RR_NO_PERIOD : period;
}

static int64_t
sparse_from(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u, int64_t last)
{
	const struct meeting meeting = meeting_of(plan, phase);
	const int64_t first_day = rr_floordiv(u, plan->unit_count);
	const int64_t place = rr_floormod(first_day, plan->cycle);
	int64_t best = last + 1;
	int steps = 0;

	for (int second = plan->starts.first; second >= 0;
		 second = rr_time_from(&plan->starts, second + 1))
	{
		const int64_t t = second / plan->unit_seconds;
		const int64_t residue = day_of_start(plan, &meeting, t);
		const int64_t more = first_day * plan->unit_count + t < u;
		int64_t ahead = residue - place - more;
		int64_t day = first_day + more;

		if (residue < 0)
			continue;
		for (ahead += ahead < 0 ? plan->cycle : 0;; ahead = rr_floormod(residue - day, plan->cycle))
		{
			int64_t permitted;

			day += ahead;
			if (day * plan->unit_count + t >= best)
				break;
			if (++steps > STEPS_LIMIT)
				return within(rr_sieve_from(plan, phase, u), last);
			permitted = plan->filtered ? rr_permitted_from(plan, day) : day;
			if (permitted == day)
				best = day * plan->unit_count + t;
			day = permitted;
		}
	}
	return best > last ? RR_NO_PERIOD : best;
}

static int64_t
sparse_upto(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u, int64_t first)
{
	const struct meeting meeting = meeting_of(plan, phase);
	const int64_t last_day = rr_floordiv(u, plan->unit_count);
	const int64_t place = rr_floormod(last_day, plan->cycle);
	int64_t best = first - 1;
	int steps = 0;

	for (int second = plan->starts.first; second >= 0;
		 second = rr_time_from(&plan->starts, second + 1))
	{
		const int64_t t = second / plan->unit_seconds;
		const int64_t residue = day_of_start(plan, &meeting, t);
		const int64_t less = last_day * plan->unit_count + t > u;
		int64_t back = place - less - residue;
		int64_t day = last_day - less;

		if (residue < 0)
			continue;
		for (back += back < 0 ? plan->cycle : 0;; back = rr_floormod(day - residue, plan->cycle))
		{
			int64_t permitted;

			day -= back;
			if (day * plan->unit_count + t <= best)
				break;
			if (++steps > STEPS_LIMIT)
				return rr_sieve_upto(plan, phase, first, u);
			permitted = plan->filtered ? rr_permitted_upto(plan, day) : day;
			if (permitted == day)
				best = day * plan->unit_count + t;
			day = permitted;
		}
	}
	return best < first ? RR_NO_PERIOD : best;
}

/* ---- periods ------------------------------------------------------------------------- */

/* the first period >= u of the series that the filters let through */
int64_t
rr_period_from(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u)
{
	const int64_t last = rr_floordiv(phase->until, plan->unit_seconds);

	if (u < phase->origin)
		u = phase->origin;
	if (plan->sparse && (last - u) / plan->interval > plan->starts.n)
		return sparse_from(plan, phase, u, last);
	for (int steps = 0;; steps++)
	{
		int64_t behind = (u - phase->origin) % plan->interval;
		int64_t day;
		int second;
		int start;

		if (behind != 0)
			u += plan->interval - behind;
		if (u > last)
			return RR_NO_PERIOD;
		if (!plan->filtered && plan->every_start)
			return u;
		if (steps >= STEPS_LIMIT && (last - u) / plan->interval > NEAR_END)
			return within(rr_sieve_from(plan, phase, u), last);
		day = rr_floordiv(u, plan->unit_count);
		if (plan->filtered)
		{
			int64_t permitted = rr_permitted_from(plan, day);

			if (permitted != day)
			{
				u = permitted * plan->unit_count;
				continue;
			}
		}
		second = (int) (u - day * plan->unit_count) * plan->unit_seconds;
		start = rr_time_from(&plan->starts, second);
		if (start == second)
			return u;
		day += start < 0 ? 1 : 0;
		u = day * plan->unit_count + (start < 0 ? 0 : start / plan->unit_seconds);
	}
}

/* the last period <= u of the series that the filters let through */
static int64_t
period_upto(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u)
{
	const int64_t first = rr_floordiv(phase->dtstart, plan->unit_seconds);

	if (plan->sparse && (u - first) / plan->interval > plan->starts.n)
		return sparse_upto(plan, phase, u, first);
	for (int steps = 0;; steps++)
	{
		int64_t day;
		int second;
		int start;

		if (u < first)
			return RR_NO_PERIOD;
		u -= (u - phase->origin) % plan->interval;
		if (!plan->filtered && plan->every_start)
			return u;
		if (steps >= STEPS_LIMIT && (u - first) / plan->interval > NEAR_END)
			return rr_sieve_upto(plan, phase, first, u);
		day = rr_floordiv(u, plan->unit_count);
		if (plan->filtered)
		{
			int64_t permitted = rr_permitted_upto(plan, day);

			if (permitted != day)
			{
				u = (permitted + 1) * plan->unit_count - 1;
				continue;
			}
		}
		second = (int) (u - day * plan->unit_count) * plan->unit_seconds;
		start = rr_time_upto(&plan->starts, second);
		if (start == second)
			return u;
		u = start < 0 ? day * plan->unit_count - 1
					  : day * plan->unit_count + start / plan->unit_seconds;
	}
}

bool
rr_subday_next(const struct rr_plan *plan, const struct rr_phase *phase, int64_t lo, int64_t *found)
{
	int64_t u;
	int64_t period;
	int offset;

	if (lo < phase->dtstart)
		lo = phase->dtstart;
	if (plan->empty || lo > phase->until)
		return false;
	u = rr_floordiv(lo, plan->unit_seconds);
	period = rr_period_from(plan, phase, u);
	if (period == u)
	{
		offset = offset_from(plan, &phase->times, (int) (lo - u * plan->unit_seconds));
		if (offset >= 0)
		{
			*found = u * plan->unit_seconds + offset;
			return *found <= phase->until;
		}
		period = rr_period_from(plan, phase, u + 1);
	}
	if (period == RR_NO_PERIOD)
		return false;
	*found = period * plan->unit_seconds + offset_from(plan, &phase->times, 0);
	return *found <= phase->until;
}

bool
rr_subday_previous(const struct rr_plan *plan, const struct rr_phase *phase, int64_t hi,
				   int64_t *found)
{
	int64_t u;
	int64_t period;
	int offset;

	if (hi > phase->until)
		hi = phase->until;
	if (plan->empty || hi < phase->dtstart)
		return false;
	u = rr_floordiv(hi, plan->unit_seconds);
	period = period_upto(plan, phase, u);
	if (period == u)
	{
		offset = offset_upto(plan, &phase->times, (int) (hi - u * plan->unit_seconds));
		if (offset >= 0)
		{
			*found = u * plan->unit_seconds + offset;
			return *found >= phase->dtstart;
		}
		period = period_upto(plan, phase, u - 1);
	}
	if (period == RR_NO_PERIOD)
		return false;
	*found = period * plan->unit_seconds + offset_upto(plan, &phase->times, plan->unit_seconds - 1);
	return *found >= phase->dtstart;
}

/* ---- the plan ------------------------------------------------------------------------ */

/*
 * plan->times holds the BYHOUR, BYMINUTE and BYSECOND of a day; those that are not finer than
 * the period filter it, the others choose within it.
 */
static void
split_times(struct rr_plan *plan, const struct rr_rule *rule)
{
	const struct rr_times all = plan->times;
	uint64_t minutes = rule->minutes != 0 ? rule->minutes : ALL_SIXTY;
	uint64_t seconds = rule->seconds != 0 ? rule->seconds : ALL_SIXTY;

	rr_times_make(&plan->starts, rule->hours != 0 ? rule->hours : ALL_HOURS,
				  rule->freq >= RR_MINUTELY ? minutes : 1, rule->freq == RR_SECONDLY ? seconds : 1);
	rr_times_make(&plan->times, 1, rule->freq == RR_HOURLY ? all.minutes : 1,
				  rule->freq == RR_SECONDLY ? 1 : all.seconds);
	plan->every_start = plan->starts.n == plan->unit_count;
	plan->default_minute &= rule->freq == RR_HOURLY;
	plan->default_second &= rule->freq != RR_SECONDLY;
}

int64_t
rr_inverse(int64_t a, int64_t m)
{
	int64_t x = 1;
	int64_t next = 0;

	for (int64_t b = m; b != 0;)
	{
		int64_t q = a / b;
		int64_t rest = a - q * b;
		int64_t x_rest = x - q * next;

		a = b;
		b = rest;
		x = next;
		next = x_rest;
	}
	return rr_floormod(x, m);
}

/* all periods have as many elements, so BYSETPOS finds its places in all or in none */
static bool
has_no_place(const struct rr_plan *plan)
{
	return plan->by_setpos && rr_setpos_from(&plan->setpos, plan->times.n, 0) < 0;
}

void
rr_subday_make(struct rr_plan *plan, const struct rr_rule *rule)
{
	static const int32_t seconds[] = { 3600, 60, 1 };
	struct rr_phase phase;

	plan->unit = RR_UNIT_TIME;
	plan->unit_seconds = seconds[rule->freq - RR_HOURLY];
	plan->unit_count = (int32_t) RR_DAY_SECONDS / plan->unit_seconds;
	split_times(plan, rule);
	plan->origin = rr_floordiv(plan->dtstart, plan->unit_seconds);
	plan->cycle = plan->interval / rr_gcd(plan->interval, plan->unit_count);
	plan->sparse = plan->cycle >= SPARSE_CYCLE && plan->starts.n <= SPARSE_STARTS;
	if (plan->sparse)
		plan->inverse = rr_inverse(plan->unit_count / (plan->interval / plan->cycle) % plan->cycle,
								   plan->cycle);
	plan->no_elements = plan->empty || has_no_place(plan);
	phase = rr_phase_of(plan);
	plan->never = !plan->no_elements && rr_phase_never(plan, &phase);
	plan->empty = plan->no_elements || plan->never;
}

/* days as periods, one a day: whether there is any, and COUNT, are decided as for hours */
void
rr_subday_make_days(struct rr_plan *plan)
{
	struct rr_phase phase = rr_phase_of(plan);

	plan->unit_seconds = (int32_t) RR_DAY_SECONDS;
	plan->unit_count = 1;
	plan->every_start = true;
	rr_times_make(&plan->starts, 1, 1, 1);
	plan->empty =
		plan->empty || has_no_place(plan) || (plan->filtered && rr_phase_never(plan, &phase));
}

struct rr_phase
rr_phase_of(const struct rr_plan *plan)
{
	struct rr_phase phase = { plan->origin, plan->dtstart, plan->until, plan->times };

	return phase;
}

/* minute and second that DTSTART gives are those that this clock shows at DTSTART */
struct rr_phase
rr_phase_at(const struct rr_plan *plan, int64_t offset)
{
	struct rr_phase phase = rr_phase_of(plan);

	if (offset == plan->start_offset)
		return phase;
	phase.dtstart = plan->start_instant + offset;
	phase.origin = rr_floordiv(phase.dtstart, plan->unit_seconds);
	if ((offset - plan->start_offset) % plan->unit_seconds != 0)
		rr_times_make(&phase.times, 1,
					  plan->default_minute
						  ? UINT64_C(1) << rr_floormod(rr_floordiv(phase.dtstart, 60), 60)
						  : plan->times.minutes,
					  plan->default_second ? UINT64_C(1) << rr_floormod(phase.dtstart, 60)
										   : plan->times.seconds);
	return phase;
}

/* ---- never --------------------------------------------------------------------------- */

/* does the table of years permit a day whose number has one of these residues? */
static bool
permits_residue(const struct rr_plan *plan, const uint64_t *residues, int64_t modulus)
{
	for (int64_t year = 0; year < RR_CYCLE_YEARS; year++)
	{
		int64_t start = rr_year_start(year);
		const uint64_t *table = rr_year_table(plan, year, start);
		/* of the day that bit 0 stands for */
		uint32_t first = (uint32_t) rr_floormod(start - 1, modulus);

		for (int i = 0; i < RR_DAY_WORDS; i++)
			for (uint64_t rest = table[i]; rest != 0; rest &= rest - 1)
				if (rr_has(residues, (int) ((first + (uint32_t) (64 * i + rr_lowest(rest))) %
											(uint32_t) modulus)))
					return true;
	}
	return false;
}

/* mostly a few residues decide it, and a few days of each */
#define PROBES 64

static bool
permits_one_of(const struct rr_plan *plan, int64_t residue, int64_t modulus)
{
	for (int64_t day = residue;
		 plan->filtered && day < RR_CYCLE_DAYS && day < residue + 4 * modulus; day += modulus)
		if (rr_permitted_from(plan, day) == day)
			return true;
	return false;
}

/* the end of the hour, the minute or the second by which a time of day is left out */
static int
left_out_until(const struct rr_times *times, int second)
{
	const int minute = second / 60;

	if ((times->hours >> (minute / 60) & 1) == 0)
		return (minute / 60 + 1) * 3600;
	if ((times->minutes >> (minute % 60) & 1) == 0)
		return (minute + 1) * 60;
	return second + 1;
}

/*
 * Can series and filters ever agree?  Period t of day d belongs to the series if
 * d * unit_count + t = origin (mod INTERVAL).  With G = gcd(INTERVAL, unit_count) this needs
 * t = origin (mod G), and then holds on one day of every INTERVAL / G.  Days that the table
 * permits repeat after 146,097; so, by the Chinese remainder theorem, the two meet if and only
 * if they do modulo the greatest common divisor of these cycles.
 */
bool
rr_phase_never(const struct rr_plan *plan, const struct rr_phase *phase)
{
	const int64_t common = rr_gcd(plan->interval, plan->unit_count);
	const int64_t days = plan->interval / common;
	const int64_t modulus = plan->filtered ? rr_gcd(days, RR_CYCLE_DAYS) : 1;
	const int64_t step = modulus > 1 ? rr_inverse(plan->unit_count / common % modulus, modulus) : 0;
	uint64_t residues[RR_CYCLE_DAYS / 64 + 1];
	int64_t t = rr_floormod(phase->origin, common);
	int64_t residue = rr_floormod((phase->origin - t) / common, modulus) * step % modulus;
	int64_t n = 0;

	if (plan->every_start && modulus == 1)
		return false;
	for (int i = 0; i <= modulus / 64; i++)
		residues[i] = 0;
	while (t < plan->unit_count)
	{
		const int second = (int) t * plan->unit_seconds;
		int64_t steps = 1;

		if (!rr_time_has(&plan->starts, second))
			steps += (left_out_until(&plan->starts, second) - second - 1) /
					 (common * plan->unit_seconds);
		else if (!rr_has(residues, (int) residue))
		{
			rr_add(residues, (int) residue);
			if (n < PROBES && permits_one_of(plan, residue, modulus))
				return false;
			/* all of them, and the table permits some day */
			if (++n == modulus)
				return false;
		}
		t += steps * common;
		residue -= steps == 1 ? step : steps * step % modulus;
		residue += residue < 0 ? modulus : 0;
	}
	return n == 0 || !permits_residue(plan, residues, modulus);
}
