/*
 * pattern.c
 *		Elapsed time where the clock of a zone changes by a pattern of 400 years: the first and the last
 *		period by the sieve, however many changes are between.
 *
 * Called by elapsed.c when some dozen spans have held no occurrence.  What an offset shows is a set of days
 * of its own clock, which repeats as the table of years does, after 146,097 days; only on the days on which it
 * comes or goes is it in force for a part of the day.  The times at which offsets come and go cut the day into
 * a few pieces, on each of which the days are those of a sieve: permitted, and with this offset in force.  The
 * best of all offsets and pieces is what is wanted.
 */
#include <string.h>

#include "sieve.h"
#include "times.h"

#define OFFSETS 2
#define CUTS    6
/* a year has no more changes than this, or the pattern is not used */
#define SPANS_MOST 1700
/* no more periods of the series than these are walked one by one */
#define FEW_PERIODS 16384
/* COUNT: exact sums until what is left is left to be counted from change to change */
#define ROUNDS_MOST 32
#define NEAR_DAYS   (INT64_C(200) * 366)
#define ERA_SECONDS (RR_CYCLE_DAYS * RR_DAY_SECONDS)

/* one offset of the pattern, and the times of its day at which it comes or goes */
struct clock
{
	int64_t offset;
	int64_t cut[CUTS]; /* periods of the day, ascending: 0 .. unit_count */
	int cuts;
};

struct clocks
{
	const struct rr_plan *plan;
	int n;
	struct clock clock[OFFSETS];
	/* the spans of 400 years; that behind the last begins again */
	int spans;
	int64_t start[SPANS_MOST + 1];
	uint8_t which[SPANS_MOST];
};

/* ---- what the pattern is made of ----------------------------------------------------- */

/* -1: too many of them */
static int
clock_of(struct clocks *c, int64_t offset)
{
	for (int i = 0; i < c->n; i++)
		if (c->clock[i].offset == offset)
			return i;
	if (c->n == OFFSETS)
		return -1;
	c->clock[c->n] = (struct clock){ offset, { 0, c->plan->unit_count }, 2 };
	return c->n++;
}

/* false: not between two periods, or too many */
static bool
add_cut(const struct rr_plan *plan, struct clock *clock, int64_t civil)
{
	int64_t sod = rr_floormod(civil, RR_DAY_SECONDS);
	int64_t at = sod / plan->unit_seconds;
	int i = 0;

	if (sod % plan->unit_seconds != 0)
		return false;
	while (clock->cut[i] < at)
		i++;
	if (clock->cut[i] == at)
		return true;
	if (clock->cuts == CUTS)
		return false;
	memmove(clock->cut + i + 1, clock->cut + i, (size_t) (clock->cuts - i) * sizeof(int64_t));
	clock->cut[i] = at;
	clock->cuts++;
	return true;
}

static bool
find_clocks(struct clocks *c, const struct rr_plan *plan, const struct rr_zone *zone)
{
	struct rr_span span;

	c->plan = plan;
	c->n = 0;
	c->spans = 0;
	for (int64_t at = RR_ZONES_SETTLE; at < RR_ZONES_SETTLE + ERA_SECONDS; at = span.end)
	{
		int i;

		zone->span(zone->context, at, &span);
		i = clock_of(c, span.offset);
		if (i < 0 || c->spans == SPANS_MOST || span.start == INT64_MIN || span.end == INT64_MAX ||
			!add_cut(plan, &c->clock[i], span.start + span.offset) ||
			!add_cut(plan, &c->clock[i], span.end + span.offset))
			return false;
		c->start[c->spans] = span.start;
		c->which[c->spans++] = (uint8_t) i;
	}
	c->start[c->spans] = span.end;
	return true;
}

/* which clock is in force at an instant behind RR_ZONES_SETTLE; spans are about equally long */
static int
clock_at(const struct clocks *c, int64_t at)
{
	const int64_t since = (at - RR_ZONES_SETTLE) % ERA_SECONDS;
	int i = (int) (since / (ERA_SECONDS / c->spans));

	i = i < c->spans ? i : c->spans - 1;
	while (c->start[i] > since + RR_ZONES_SETTLE)
		i--;
	while (c->start[i + 1] <= since + RR_ZONES_SETTLE)
		i++;
	return c->which[i];
}

/* the days on which a clock shows the piece from .. end of the day, numbered from day0 on in an era */
static void
mark_days(const struct clocks *c, int clock, int64_t from, int64_t end, int64_t day0,
		  uint64_t *days)
{
	const int64_t offset = c->clock[clock].offset;
	const int64_t first_second = from * c->plan->unit_seconds;
	const int64_t end_second = end * c->plan->unit_seconds;

	memset(days, 0, RR_ERA_WORDS * sizeof(uint64_t));
	for (int i = 0; i < c->spans; i++)
	{
		int64_t day;
		int64_t behind;
		int64_t place;

		if (c->which[i] != clock)
			continue;
		/* both ends of the piece are in the span */
		day = rr_floordiv(c->start[i] + offset - first_second - 1, RR_DAY_SECONDS) + 1;
		place = rr_floormod(day - day0, RR_CYCLE_DAYS);
		behind = rr_floordiv(c->start[i + 1] + offset - end_second, RR_DAY_SECONDS) + 1;
		for (int64_t n = behind - day; n > 0;)
		{
			int64_t here = 64 - place % 64;

			here = here < n ? here : n;
			here = here < RR_CYCLE_DAYS - place ? here : RR_CYCLE_DAYS - place;
			days[place / 64] |= rr_below((int) here) << (place % 64);
			place = place + here == RR_CYCLE_DAYS ? 0 : place + here;
			n -= here;
		}
	}
}

/* is no change near? */
static bool
is_settled(const struct clocks *c, int64_t at)
{
	int i = clock_at(c, at - 2 * RR_DAY_SECONDS);

	return i == clock_at(c, at) && i == clock_at(c, at + 2 * RR_DAY_SECONDS);
}

/* ---- pieces -------------------------------------------------------------------------- */

/* a sieve that is that of one piece after the other; large, for the stack of who searches */
struct pieces
{
	struct rr_sieve s;
	uint64_t starts[RR_SECOND_WORDS]; /* of the clock, */
	uint64_t permitted[RR_ERA_WORDS]; /* of the plan */
	int clock;
	int cut;
};

/* before the first piece of a clock */
static void
turn_to(struct pieces *p, const struct clocks *c, int clock)
{
	const struct rr_phase phase = rr_phase_at(c->plan, c->clock[clock].offset);

	rr_sieve_turn(&p->s, c->plan, &phase);
	memcpy(p->starts, p->s.starts, sizeof(p->starts));
	p->clock = clock;
	p->cut = -1;
}

/* before the first piece of the first clock; days are numbered from this one on */
static void
begin_pieces(struct pieces *p, const struct clocks *c, int64_t day0)
{
	const struct rr_phase phase = rr_phase_at(c->plan, c->clock[0].offset);

	rr_sieve_make(&p->s, c->plan, &phase, day0, true);
	memcpy(p->permitted, p->s.days, sizeof(p->permitted));
	turn_to(p, c, 0);
}

/* makes it the sieve of the next piece of which anything is left; false: that was the last */
static bool
next_piece_of_clock(struct pieces *p, const struct clocks *c)
{
	const struct clock *clock = &c->clock[p->clock];
	uint64_t days[RR_ERA_WORDS];

	while (++p->cut + 1 < clock->cuts)
	{
		const int64_t from = clock->cut[p->cut];
		const int64_t end = clock->cut[p->cut + 1];
		const int first = rr_first_from(p->starts, RR_SECOND_WORDS, (int) from);

		if (first < 0 || first >= end)
			continue;
		mark_days(c, p->clock, from, end, p->s.day0, days);
		for (int k = 0; k < RR_ERA_WORDS; k++)
			days[k] &= p->permitted[k];
		rr_sieve_restrict(&p->s, p->starts, from, end, days);
		if (p->s.permitted > 0)
			return true;
	}
	return false;
}

/* likewise, and goes on to the next clock */
static bool
next_piece(struct pieces *p, const struct clocks *c)
{
	while (!next_piece_of_clock(p, c))
	{
		if (p->clock + 1 == c->n)
			return false;
		turn_to(p, c, p->clock + 1);
	}
	return true;
}

/* ---- searching ----------------------------------------------------------------------- */

/* the first second of the first period of a piece, or INT64_MAX */
static int64_t
first_of_piece(struct rr_sieve *s, const struct rr_plan *plan, int64_t offset, int64_t from,
			   int64_t upto)
{
	const int64_t first = rr_floordiv(from + offset, RR_DAY_SECONDS) - s->day0;
	const int64_t end = rr_floordiv(upto + offset, RR_DAY_SECONDS) - s->day0 + 1;
	const int64_t day = first < end ? rr_sieve_day_from(s, first, end) : end;
	int64_t period;

	if (day >= end)
		return INT64_MAX;
	period = rr_sieve_select_day(s, rr_sieve_first_of_day(s, day), 0);
	return (period + (s->day0 + day) * plan->unit_count) * plan->unit_seconds - offset;
}

/* the last second of the last period, or INT64_MIN */
static int64_t
last_of_piece(struct rr_sieve *s, const struct rr_plan *plan, int64_t offset, int64_t from,
			  int64_t upto)
{
	const int64_t first = rr_floordiv(from + offset, RR_DAY_SECONDS) - s->day0;
	const int64_t last = rr_floordiv(upto + offset, RR_DAY_SECONDS) - s->day0;
	const int64_t day = rr_sieve_day_upto(s, first, last);
	int64_t begin;
	int64_t period;

	if (day < first)
		return INT64_MIN;
	begin = rr_sieve_first_of_day(s, day);
	period = rr_sieve_select_day(s, begin, rr_sieve_count_day(s, begin, s->unit_count) - 1);
	return (period + 1 + (s->day0 + day) * plan->unit_count) * plan->unit_seconds - 1 - offset;
}

/* day 0 is before that of any clock */
static int64_t
day_before(int64_t from)
{
	return rr_floordiv(from, RR_DAY_SECONDS) - 2;
}

bool
rr_pattern_from(const struct rr_plan *plan, const struct rr_zone *zone, int64_t from, int64_t upto,
				int64_t *best)
{
	struct clocks clocks;
	struct pieces p;

	if (!find_clocks(&clocks, plan, zone))
		return false;
	*best = INT64_MAX;
	begin_pieces(&p, &clocks, day_before(from));
	while (next_piece(&p, &clocks))
	{
		int64_t at = first_of_piece(&p.s, plan, clocks.clock[p.clock].offset, from, upto);

		if (at <= upto)
			*best = upto = at;
	}
	return true;
}

bool
rr_pattern_upto(const struct rr_plan *plan, const struct rr_zone *zone, int64_t from, int64_t upto,
				int64_t *best)
{
	struct clocks clocks;
	struct pieces p;

	if (!find_clocks(&clocks, plan, zone))
		return false;
	*best = INT64_MIN;
	begin_pieces(&p, &clocks, day_before(from));
	while (next_piece(&p, &clocks))
	{
		int64_t at = last_of_piece(&p.s, plan, clocks.clock[p.clock].offset, from, upto);

		if (at >= from)
			*best = from = at;
	}
	return true;
}

/* ---- COUNT --------------------------------------------------------------------------- */

/* what estimates go by, for each clock: the days and the layout of its longest piece, and some classes */
struct estimate
{
	const struct clocks *c;
	struct pieces p;
	double density; /* periods in a day, by the mean */
	double scale;   /* and to one of the sample */
	uint64_t days[OFFSETS][RR_ERA_WORDS];
	struct rr_layout layout[OFFSETS];
	struct rr_sample sample[OFFSETS];
};

/*
 * Periods one by one: to number `wanted` from *at on, or where `most` have been looked at and it is not near a
 * change.  Returns how many have been passed.
 */
static int64_t
walk_periods(const struct clocks *c, const struct rr_sieve *s, int64_t *at, int64_t wanted,
			 int64_t most)
{
	const struct rr_plan *plan = c->plan;
	const int64_t step = (int64_t) plan->interval * plan->unit_seconds;
	/* cuts are between periods, so each begins at the same instant on all clocks */
	const int64_t offset = c->clock[0].offset;
	int64_t t = rr_phase_at(plan, offset).origin * plan->unit_seconds - offset;
	int64_t n = 0;

	t += t < *at ? (*at - t + step - 1) / step * step : 0;
	for (; t <= RR_TIME_MAX; t += step)
	{
		int64_t civil = t + c->clock[clock_at(c, t)].offset;
		int64_t day = rr_floordiv(civil, RR_DAY_SECONDS);

		if (most-- <= 0 && is_settled(c, t))
			break;
		if (rr_time_has(&plan->starts, (int) (civil - day * RR_DAY_SECONDS)) &&
			(!plan->filtered || rr_has(s->days, (int) ((day - s->day0) % RR_CYCLE_DAYS))) &&
			++n == wanted)
			break;
	}
	*at = t;
	return n == wanted ? n - 1 : n;
}

/* else there may be others on the day to which a walk has come */
static bool
is_walkable(const struct rr_plan *plan)
{
	return (int64_t) plan->interval * plan->unit_seconds >= 2 * RR_DAY_SECONDS;
}

static bool
is_few(const struct rr_plan *plan, int64_t seconds)
{
	return is_walkable(plan) && seconds / plan->unit_seconds / plan->interval < FEW_PERIODS;
}

/*
 * Periods one by one, up to an instant, where few are left till then or should be enough by the mean; to a
 * midnight, if not to number `wanted`.
 */
static void
pass_by_walk(const struct clocks *c, struct rr_sieve *s, int64_t *at, int64_t upto, int64_t wanted,
			 int64_t *passed)
{
	const double step = (double) c->plan->interval * c->plan->unit_seconds;
	double enough;

	if (!is_walkable(c->plan))
		return;
	rr_sieve_open(s, c->plan, day_before(*at));
	s->size = c->plan->starts.n / s->common + 1;
	enough = 1.5 * rr_sieve_mean(s, wanted - *passed) * RR_DAY_SECONDS / step;
	if (enough > FEW_PERIODS && !is_few(c->plan, upto - *at))
		return;
	*passed += walk_periods(c, s, at, wanted - *passed, FEW_PERIODS);
	if (*passed + 1 < wanted && *at <= RR_TIME_MAX)
	{
		const int64_t offset = c->clock[clock_at(c, *at)].offset;

		*at = rr_floordiv(*at + offset, RR_DAY_SECONDS) * RR_DAY_SECONDS - offset;
	}
}

static void
make_estimate(struct estimate *e, const struct clocks *c)
{
	struct pieces *p = &e->p;

	e->c = c;
	e->density = 0;
	e->scale = 1;
	for (int i = 0; i < c->n; i++)
	{
		const struct clock *clock = &c->clock[i];
		int longest = 0;

		for (int k = 1; k + 1 < clock->cuts; k++)
			if (clock->cut[k + 1] - clock->cut[k] > clock->cut[longest + 1] - clock->cut[longest])
				longest = k;
		turn_to(p, c, i);
		mark_days(c, i, clock->cut[longest], clock->cut[longest + 1], p->s.day0, e->days[i]);
		for (int k = 0; k < RR_ERA_WORDS; k++)
			e->days[i][k] &= p->permitted[k];
		rr_sieve_restrict(&p->s, p->starts, 0, c->plan->unit_count, e->days[i]);
		rr_sieve_sample(&p->s, &e->sample[i]);
		e->layout[i] = p->s.layout;
		if (p->s.size == 0 || p->s.permitted == 0)
			continue;
		e->density += 1 / rr_sieve_mean(&p->s, 1);
		e->scale = e->sample[i].scale > e->scale ? e->sample[i].scale : e->scale;
	}
}

static double
estimate_before(const void *context, int64_t day)
{
	const struct estimate *e = context;
	double n = 0;

	for (int i = 0; i < e->c->n; i++)
		n += rr_sieve_estimate(&e->p.s, &e->layout[i], &e->sample[i], day);
	return n;
}

/* the periods before midnight of a day that is not near a change */
static int64_t
sum_before(struct estimate *e, const struct clocks *c, int64_t day)
{
	struct pieces *p = &e->p;
	int64_t n = 0;

	for (int i = 0; i < c->n; i++)
	{
		turn_to(p, c, i);
		/* most pieces differ from this one by some days only */
		rr_sieve_replace(&p->s, e->days[i], &e->layout[i]);
		while (next_piece_of_clock(p, c))
			n += rr_sieve_before(&p->s, day);
	}
	return n;
}

/* the midnight of a day, or of one that soon follows and is not near a change */
static int64_t
midnight(const struct clocks *c, const struct rr_sieve *s, int64_t *day)
{
	while (!is_settled(c, (s->day0 + *day) * RR_DAY_SECONDS))
		++*day;
	return (s->day0 + *day) * RR_DAY_SECONDS -
		   c->clock[clock_at(c, (s->day0 + *day) * RR_DAY_SECONDS)].offset;
}

/* a day before that of number `wanted`, but not far, if all goes well; by halves after some rounds */
static int64_t
guess(const struct estimate *e, const struct rr_bracket *b, int64_t wanted, int round)
{
	const double mean = (double) (wanted - b->n) / e->density;
	int64_t day = b->end;

	if (round % 4 == 0)
		return b->day + (b->end - b->day) / 2;
	if (mean < (double) (b->end - b->day))
		day = b->day + (int64_t) mean;
	if (!rr_mean_serves(b, wanted, day, e->scale, estimate_before, e))
		day = rr_guess(b, wanted, NEAR_DAYS / 16, estimate_before, e);
	return day - NEAR_DAYS / 4;
}

static void
pass_by_sums(struct estimate *e, const struct clocks *c, int64_t *at, int64_t wanted,
			 int64_t *passed)
{
	const int64_t before = *passed;
	struct rr_bracket b = { 0, 0, rr_floordiv(RR_TIME_MAX, RR_DAY_SECONDS), -1 };

	begin_pieces(&e->p, c, rr_floordiv(*at + c->clock[clock_at(c, *at)].offset, RR_DAY_SECONDS));
	b.end -= e->p.s.day0;
	make_estimate(e, c);
	for (int round = 1; round <= ROUNDS_MOST && b.end - b.day > NEAR_DAYS; round++)
	{
		int64_t day = guess(e, &b, wanted - before, round);
		int64_t sum;

		if (is_few(c->plan, (b.end - b.day) * RR_DAY_SECONDS))
			break;
		/* counting from change to change serves as well */
		if (day <= b.day + NEAR_DAYS / 2 && b.n + 1 < wanted - before)
			break;
		if (day <= b.day)
			day = b.day + NEAR_DAYS;
		midnight(c, &e->p.s, &day);
		sum = sum_before(e, c, day);
		if (sum < wanted - before)
		{
			b.day = day;
			b.n = sum;
		}
		else
		{
			b.end = day;
			b.end_n = sum;
		}
	}
	*passed += b.n;
	if (b.day > 0)
		*at = midnight(c, &e->p.s, &b.day);
	if (b.end_n >= 0)
		pass_by_walk(c, &e->p.s, at, *at + (b.end - b.day) * RR_DAY_SECONDS, wanted, passed);
}

bool
rr_pattern_pass(const struct rr_plan *plan, const struct rr_zone *zone, int64_t wanted, int64_t *at,
				int64_t *passed)
{
	struct clocks clocks;
	struct estimate e;

	if (!find_clocks(&clocks, plan, zone))
		return false;
	*passed = 0;
	pass_by_walk(&clocks, &e.p.s, at, RR_TIME_MAX, wanted, passed);
	if (*passed + 1 < wanted && *at <= RR_TIME_MAX)
		pass_by_sums(&e, &clocks, at, wanted, passed);
	return true;
}
