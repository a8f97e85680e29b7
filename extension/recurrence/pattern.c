/*
 * pattern.c
 *		Elapsed time where the clock of a zone changes by a pattern of 400 years: the first and the last
 *		period, and how many occurrences are before a day, by the sieve, however many changes are between.
 *
 * Called by elapsed.c when some dozen spans have held no occurrence, and for long COUNTs.  What an offset shows
 * is a set of days of its own clock, which repeats as the table of years does, after 146,097 days; only on the
 * days on which it comes or goes is it in force for a part of the day.  The times at which offsets come and go
 * cut the day into a few pieces, on each of which the days are those of a sieve: permitted, and with this offset
 * in force.  A cut inside a period (an hour, where a clock changes by half an hour) makes each part of it a piece,
 * to which those of its occurrences belong that are in it.  The best of all offsets and pieces is what is
 * wanted, or their sum.
 */
#include <string.h>

#include "clocks.h"
#include "sieve.h"
#include "times.h"

/* no more periods of the series than these are walked one by one, and half as many as times of day pass */
#define FEW_PERIODS INT64_C(12000)
/* COUNT: so many days are left to be counted from change to change */
#define NEAR_DAYS (INT64_C(200) * 366)

/* ---- pieces -------------------------------------------------------------------------- */

/* a sieve that is that of one piece after the other; large, for the stack of who searches */
struct pieces
{
	struct rr_sieve *s;
	uint64_t starts[RR_SECOND_WORDS]; /* of the clock */
	uint64_t permitted[RR_ERA_WORDS]; /* days of the plan */
	int clock;
	int cut;
	int64_t size; /* occurrences of a period in the piece */
};

static int64_t
piece_start(const struct pieces *p, const struct rr_clocks *c)
{
	return c->clock[p->clock].cut[p->cut];
}

static int64_t
piece_end(const struct pieces *p, const struct rr_clocks *c)
{
	return c->clock[p->clock].cut[p->cut + 1];
}

/* what a period holds of it, if the piece is a part of one */
static int64_t
piece_size(const struct pieces *p, const struct rr_clocks *c)
{
	const struct rr_plan *plan = c->plan;
	const struct rr_times *times = &c->clock[p->clock].times;
	const int64_t begin = piece_start(p, c) / plan->unit_seconds * plan->unit_seconds;
	const int64_t end = piece_end(p, c) - begin;

	return rr_subday_rank(plan, times, end < plan->unit_seconds ? (int) end : plan->unit_seconds) -
		   rr_subday_rank(plan, times, (int) (piece_start(p, c) - begin));
}

/* before the first piece of a clock */
static void
turn_to(struct pieces *p, const struct rr_clocks *c, int clock)
{
	const struct rr_phase phase = rr_phase_at(c->plan, c->clock[clock].offset);

	rr_sieve_turn(p->s, c->plan, &phase);
	memcpy(p->starts, p->s->starts, sizeof(p->starts));
	p->clock = clock;
	p->cut = -1;
}

/* before the first piece of the first clock; days are numbered from this one on */
static void
begin_pieces(struct pieces *p, const struct rr_clocks *c, struct rr_sieve *sieve, int64_t day0)
{
	const struct rr_phase phase = rr_phase_at(c->plan, c->clock[0].offset);

	p->s = sieve;
	rr_sieve_make(p->s, c->plan, &phase, day0, true);
	memcpy(p->permitted, p->s->days, sizeof(p->permitted));
	turn_to(p, c, 0);
}

/* the days of a piece */
static const uint64_t *
days_of_piece(struct pieces *p, const struct rr_clocks *c)
{
	uint64_t *days = rr_sieve_room(p->s);

	rr_clock_mark_days(c, p->clock, piece_start(p, c), piece_end(p, c), p->s->day0, days);
	for (int k = 0; k < RR_ERA_WORDS; k++)
		days[k] &= p->permitted[k];
	return days;
}

/* makes it the sieve of the next piece of which anything is left; false: that was the last */
static bool
next_piece_of_clock(struct pieces *p, const struct rr_clocks *c)
{
	const int64_t unit = c->plan->unit_seconds;

	while (++p->cut + 1 < c->clock[p->clock].cuts)
	{
		const int64_t from = piece_start(p, c) / unit;
		const int64_t end = (piece_end(p, c) + unit - 1) / unit;
		const int first = rr_first_from(p->starts, RR_SECOND_WORDS, (int) from);

		p->size = piece_size(p, c);
		if (first < 0 || first >= end || p->size == 0)
			continue;
		rr_sieve_restrict(p->s, p->starts, from, end, days_of_piece(p, c));
		if (p->s->permitted > 0)
			return true;
	}
	return false;
}

/* likewise, and goes on to the next clock */
static bool
next_piece(struct pieces *p, const struct rr_clocks *c)
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

/* from this second of a day on as its clock shows it */
static int64_t
instant_on(const struct pieces *p, const struct rr_clocks *c, int64_t day, int64_t second)
{
	return (p->s->day0 + day) * RR_DAY_SECONDS + second - c->clock[p->clock].offset;
}

/* the first second of what the piece has of its first period, or INT64_MAX */
static int64_t
first_of_piece(const struct pieces *p, const struct rr_clocks *c, int64_t from, int64_t upto)
{
	const int64_t offset = c->clock[p->clock].offset;
	const int64_t first = rr_floordiv(from + offset, RR_DAY_SECONDS) - p->s->day0;
	const int64_t end = rr_floordiv(upto + offset, RR_DAY_SECONDS) - p->s->day0 + 1;
	const int64_t day = first < end ? rr_sieve_day_from(p->s, first, end) : end;
	int64_t second;

	if (day >= end)
		return INT64_MAX;
	second = rr_sieve_select_day(p->s, rr_sieve_first_of_day(p->s, day), 0) * c->plan->unit_seconds;
	return instant_on(p, c, day, second < piece_start(p, c) ? piece_start(p, c) : second);
}

/* the last second of what it has of its last period, or INT64_MIN */
static int64_t
last_of_piece(const struct pieces *p, const struct rr_clocks *c, int64_t from, int64_t upto)
{
	const int64_t offset = c->clock[p->clock].offset;
	const int64_t first = rr_floordiv(from + offset, RR_DAY_SECONDS) - p->s->day0;
	const int64_t last = rr_floordiv(upto + offset, RR_DAY_SECONDS) - p->s->day0;
	const int64_t day = rr_sieve_day_upto(p->s, first, last);
	int64_t begin;
	int64_t period;
	int64_t end;

	if (day < first)
		return INT64_MIN;
	begin = rr_sieve_first_of_day(p->s, day);
	period =
		rr_sieve_select_day(p->s, begin, rr_sieve_count_day(p->s, begin, p->s->unit_count) - 1);
	end = (period + 1) * c->plan->unit_seconds;
	return instant_on(p, c, day, end > piece_end(p, c) ? piece_end(p, c) : end) - 1;
}

/* day 0 is before that of any clock */
static int64_t
day_before(int64_t from)
{
	return rr_floordiv(from, RR_DAY_SECONDS) - 2;
}

static int64_t
first_of_pieces(const struct rr_clocks *c, struct rr_sieve *sieve, int64_t from, int64_t upto)
{
	int64_t best = INT64_MAX;
	struct pieces p;

	begin_pieces(&p, c, sieve, day_before(from));
	while (next_piece(&p, c))
	{
		int64_t at = first_of_piece(&p, c, from, upto);

		if (at <= upto)
			best = upto = at;
	}
	return best;
}

bool
rr_pattern_from(const struct rr_plan *plan, const struct rr_zone *zone, int64_t from, int64_t upto,
				int64_t *best)
{
	struct rr_clocks clocks;
	struct rr_sieve sieve;

	if (!rr_clocks_find(&clocks, plan, zone))
		return false;
	*best = first_of_pieces(&clocks, &sieve, from, upto);
	return true;
}

bool
rr_pattern_upto(const struct rr_plan *plan, const struct rr_zone *zone, int64_t from, int64_t upto,
				int64_t *best)
{
	struct rr_clocks clocks;
	struct rr_sieve sieve;
	struct pieces p;

	if (!rr_clocks_find(&clocks, plan, zone))
		return false;
	*best = INT64_MIN;
	begin_pieces(&p, &clocks, &sieve, day_before(from));
	while (next_piece(&p, &clocks))
	{
		int64_t at = last_of_piece(&p, &clocks, from, upto);

		if (at >= from)
			*best = from = at;
	}
	return true;
}

/* ---- COUNT, period by period ----------------------------------------------------------- */

/* does the period take part that this clock shows at an instant? */
static bool
takes_part(const struct rr_clocks *c, const struct rr_sieve *s, int clock, int64_t at)
{
	const int64_t civil = at + c->clock[clock].offset;
	const int64_t day = rr_floordiv(civil, RR_DAY_SECONDS);

	return rr_has(s->starts, (int) ((civil - day * RR_DAY_SECONDS) / c->plan->unit_seconds)) &&
		   rr_has(s->days, (int) ((day - s->day0) % s->era));
}

/* how many occurrences it has while this clock is in force; at most one change is in a period */
static int64_t
size_on(const struct rr_clocks *c, int clock, int64_t at)
{
	const int64_t unit = c->plan->unit_seconds;
	const struct rr_times *times = &c->clock[clock].times;
	const int64_t begin = at - rr_floormod(at + c->clock[clock].offset, unit);
	const struct rr_in_force last = rr_clocks_in_force(c, begin + unit - 1);
	const bool at_begin = rr_clock_at(c, begin) == clock;
	int64_t here;

	if (at_begin && last.clock == clock)
		return rr_subday_size(c->plan);
	if (!at_begin && last.clock != clock)
		return 0;
	here = rr_subday_rank(c->plan, times, (int) (last.start - begin));
	return at_begin ? here : rr_subday_size(c->plan) - here;
}

/* a walk from period to period of the series */
struct walk
{
	int64_t t;      /* it has come to this one, by DTSTART's second in it, */
	int64_t size;   /* of whose occurrences there are so many in a period, */
	int64_t passed; /* so many are behind, */
	int64_t wanted; /* and one of this number is sought */
};

/* through periods that are wholly in the stretch of a clock; those before `end`, but not that of the last wanted */
static void
walk_stretch(const struct rr_clocks *c, const struct rr_sieve *s, struct walk *w, int clock,
			 int64_t end)
{
	const int64_t unit = c->plan->unit_seconds;
	const int64_t step = (int64_t) c->plan->interval * unit;
	const int64_t more_days = c->plan->interval / s->unit_count % s->era;
	const int64_t more = c->plan->interval % s->unit_count;
	const int64_t u = rr_floordiv(w->t + c->clock[clock].offset, unit);
	int64_t day = rr_floordiv(u, s->unit_count);
	int64_t of_day = u - day * s->unit_count;

	for (day = (day - s->day0) % s->era; w->t < end; w->t += step)
	{
		if (rr_has(s->days, (int) day) && rr_has(s->starts, (int) of_day))
		{
			if (w->passed + w->size >= w->wanted)
				return;
			w->passed += w->size;
		}
		of_day += more;
		day += more_days + (of_day >= s->unit_count);
		of_day -= of_day >= s->unit_count ? s->unit_count : 0;
		while (day >= s->era)
			day -= s->era;
	}
}

/* one period near a change, of which each clock may show a part; false: it holds the last wanted */
static bool
walk_change(const struct rr_clocks *c, const struct rr_sieve *s, struct walk *w)
{
	int64_t n = 0;

	for (int i = 0; i < c->n; i++)
		if (takes_part(c, s, i, w->t))
			n += size_on(c, i, w->t);
	if (w->passed + n >= w->wanted)
		return false;
	w->passed += n;
	w->t += (int64_t) c->plan->interval * c->plan->unit_seconds;
	return true;
}

/*
 * Periods one by one: to number `wanted` from *at on, or to the first midnight after an instant.  Returns how many
 * occurrences have been passed.
 */
static int64_t
walk_periods(const struct rr_clocks *c, const struct rr_sieve *s, int64_t *at, int64_t wanted,
			 int64_t upto)
{
	const struct rr_plan *plan = c->plan;
	const int64_t unit = plan->unit_seconds;
	struct walk w = { *at + rr_floormod(plan->start_instant - *at, plan->interval * unit),
					  rr_subday_size(plan), 0, wanted };

	upto = upto < RR_TIME_MAX ? rr_clocks_midnight(c, upto) : RR_TIME_MAX + 1;
	while (w.t < upto)
	{
		const struct rr_in_force here = rr_clocks_in_force(c, w.t);
		const int64_t end = here.end - unit < upto ? here.end - unit : upto;

		if (w.t - here.start >= unit && w.t < end)
		{
			walk_stretch(c, s, &w, here.clock, end);
			if (w.t >= end)
				continue;
		}
		else if (walk_change(c, s, &w))
			continue;
		/* where no period is yet that holds it */
		*at = w.t - unit;
		return w.passed;
	}
	*at = upto;
	return w.passed;
}

/* else sums take less time; below 4 there may be others in the period before that to which a walk has come */
static int64_t
few_periods(const struct rr_plan *plan)
{
	return plan->interval < 4 ? 0 : FEW_PERIODS + plan->starts.n / 2;
}

static bool
is_few(const struct rr_plan *plan, int64_t seconds)
{
	return seconds / plan->unit_seconds / plan->interval < few_periods(plan);
}

/*
 * Periods one by one, up to an instant, where few are left till then or should be enough by the mean; to a
 * midnight, if not to number `wanted`.
 */
static void
pass_by_walk(const struct rr_clocks *c, struct rr_sieve *s, int64_t *at, int64_t upto,
			 int64_t wanted, int64_t *passed)
{
	const int64_t step = (int64_t) c->plan->interval * c->plan->unit_seconds;
	const int64_t few = few_periods(c->plan);
	double enough;

	if (few == 0)
		return;
	rr_sieve_open(s, c->plan, day_before(*at));
	s->size = c->plan->starts.n / s->common + 1;
	enough = 1.5 * rr_sieve_mean(s, (wanted - *passed) / rr_subday_size(c->plan) + 1) *
			 RR_DAY_SECONDS / (double) step;
	if (enough > (double) few && !is_few(c->plan, upto - *at))
		return;
	if (upto - *at > few * step)
		upto = *at + few * step;
	*passed += walk_periods(c, s, at, wanted - *passed, upto);
}

/* ---- COUNT, by sums -------------------------------------------------------------------- */

/* what is known of a clock: the layout of its longest piece, and some classes of it to estimate by */
struct known
{
	int longest; /* the piece, by its cut */
	struct rr_layout layout;
	struct rr_sample sample;
	int64_t base[RR_CUTS]; /* what the sums of each piece begin with, or -1 */
};

/*
 * Periods that take part by both clocks, on the same day: one of these is always in force, so they do whenever the
 * day is permitted, and are added up once for both.
 */
struct joined
{
	int64_t apart; /* number of a period of a day by clock 1, less that by clock 0 */
	int64_t size;
	int64_t base;                     /* as that of a piece */
	uint64_t starts[RR_SECOND_WORDS]; /* by clock 0 */
};

struct sums
{
	const struct rr_clocks *c;
	struct pieces p;
	double density; /* occurrences in a day, by the mean: of a sample, as the scale */
	double scale;   /* and to one of the sample */
	struct known known[RR_CLOCKS];
	struct joined joined;
};

/* COUNT takes this from the stack, and less than 8 kB more */
_Static_assert(sizeof(struct rr_sieve) + sizeof(struct rr_clocks) + sizeof(struct sums) <
				   RR_STACK_MOST - 8192,
			   "as rrule.h says");

static int
longest_piece(const struct rr_clock *clock)
{
	int longest = 0;

	for (int k = 1; k + 1 < clock->cuts; k++)
		if (clock->cut[k + 1] - clock->cut[k] > clock->cut[longest + 1] - clock->cut[longest])
			longest = k;
	return longest;
}

/* bit i is bit i + n of these, for n of either sign */
static uint64_t
moved_word(const uint64_t *bits, int64_t i, int64_t n)
{
	const int64_t word = i + rr_floordiv(n, 64);
	const int shift = (int) rr_floormod(n, 64);
	uint64_t moved = 0;

	if (word >= 0 && word < (int64_t) RR_SECOND_WORDS)
		moved = bits[word] >> shift;
	if (shift != 0 && word + 1 >= 0 && word + 1 < (int64_t) RR_SECOND_WORDS)
		moved |= bits[word + 1] << (64 - shift);
	return moved;
}

/* the starts of one clock after the other */
static void
join(struct joined *joined, const struct rr_clocks *c, int clock, const uint64_t *starts)
{
	const int64_t seconds = c->clock[clock].offset - c->clock[0].offset;

	if (clock == 0)
		memcpy(joined->starts, starts, sizeof(joined->starts));
	else
	{
		joined->apart = seconds / c->plan->unit_seconds;
		for (int64_t i = 0; i < (int64_t) RR_SECOND_WORDS; i++)
			joined->starts[i] &= moved_word(starts, i, joined->apart);
	}
	/* and only where both clocks show the same of a period */
	if (clock + 1 < RR_CLOCKS || seconds % c->plan->unit_seconds != 0)
		joined->size = 0;
	else
		joined->size = rr_size(joined->starts, (int) RR_SECOND_WORDS);
}

static void
make_sums(struct sums *sums, const struct rr_clocks *c, bool sampled)
{
	const double size = (double) rr_subday_size(c->plan);
	struct pieces *p = &sums->p;

	sums->c = c;
	sums->density = 0;
	sums->scale = 1;
	sums->joined.base = -1;
	for (int i = 0; i < c->n; i++)
	{
		struct known *known = &sums->known[i];

		memset(known->base, 0xff, sizeof(known->base));
		known->longest = longest_piece(&c->clock[i]);
		turn_to(p, c, i);
		join(&sums->joined, c, i, p->starts);
		p->cut = known->longest;
		rr_sieve_restrict(p->s, p->starts, 0, c->plan->unit_count, days_of_piece(p, c));
		rr_sieve_lay_out(p->s);
		known->layout = p->s->layout;
		if (!sampled)
			continue;
		rr_sieve_sample(p->s, &known->sample);
		if (p->s->size == 0 || p->s->permitted == 0)
			continue;
		sums->density += size / rr_sieve_mean(p->s, 1);
		sums->scale =
			size * known->sample.scale > sums->scale ? size * known->sample.scale : sums->scale;
	}
}

static double
estimate_before(const void *context, int64_t day)
{
	const struct sums *sums = context;
	double n = 0;

	for (int i = 0; i < sums->c->n; i++)
		n += rr_sieve_estimate(sums->p.s, &sums->known[i].layout, &sums->known[i].sample, day);
	return n * (double) rr_subday_size(sums->c->plan);
}

/* only the periods of this clock alone are left */
static void
leave_out(struct pieces *p, const struct joined *joined)
{
	const int64_t apart = p->clock == 0 ? 0 : -joined->apart;

	for (int64_t i = 0; i < (int64_t) RR_SECOND_WORDS; i++)
		p->starts[i] &= ~moved_word(joined->starts, i, apart);
}

/* with the days of the longest piece of a clock: those of most others differ by some days only */
static void
turn_to_longest(struct pieces *p, const struct rr_clocks *c, int clock, const struct known *known)
{
	turn_to(p, c, clock);
	p->cut = known->longest;
	rr_sieve_replace(p->s, days_of_piece(p, c), &known->layout);
}

/* the periods of both clocks before a day; the permitted days are nearly those of both longest pieces together */
static int64_t
sum_joined(struct sums *sums, const struct rr_clocks *c, int64_t day)
{
	struct joined *joined = &sums->joined;
	struct pieces *p = &sums->p;
	int64_t n;

	turn_to_longest(p, c, 0, &sums->known[0]);
	p->clock = 1;
	p->cut = sums->known[1].longest;
	rr_sieve_add_days(p->s, days_of_piece(p, c), &sums->known[1].layout);
	rr_sieve_restrict(p->s, joined->starts, 0, c->plan->unit_count, p->permitted);
	p->s->base = joined->base;
	n = rr_sieve_before(p->s, day);
	joined->base = p->s->base;
	return n;
}

/* the occurrences before midnight of a day that is not near a change */
static int64_t
sum_before(struct sums *sums, const struct rr_clocks *c, int64_t day)
{
	const int64_t joined = sums->joined.size > 0 ? sum_joined(sums, c, day) : 0;
	struct pieces *p = &sums->p;
	int64_t n = joined * rr_subday_size(c->plan);

	for (int i = 0; i < c->n; i++)
	{
		struct known *known = &sums->known[i];

		turn_to_longest(p, c, i, known);
		if (sums->joined.size > 0)
			leave_out(p, &sums->joined);
		p->cut = -1;
		while (next_piece_of_clock(p, c))
		{
			p->s->base = known->base[p->cut];
			n += p->size * rr_sieve_before(p->s, day);
			known->base[p->cut] = p->s->base;
		}
	}
	return n;
}

/* the midnight of a day, or of one that soon follows and is not near a change */
static int64_t
midnight(const struct rr_clocks *c, const struct rr_sieve *s, int64_t *day)
{
	while (!rr_clocks_settled(c, (s->day0 + *day) * RR_DAY_SECONDS))
		++*day;
	return (s->day0 + *day) * RR_DAY_SECONDS -
		   c->clock[rr_clock_at(c, (s->day0 + *day) * RR_DAY_SECONDS)].offset;
}

/* a day before that of number `wanted`, but not far, if all goes well; by halves after some rounds */
static int64_t
guess(const struct sums *sums, const struct rr_bracket *b, int64_t wanted, int round)
{
	const double mean = (double) (wanted - b->n) / sums->density;
	const double near = sums->density * NEAR_DAYS;
	int64_t day = b->end;

	if (round % 4 == 0)
		return b->day + (b->end - b->day) / 2;
	if (mean < (double) (b->end - b->day))
		day = b->day + (int64_t) mean;
	/* the mean is off by some deviations */
	if (9 * sums->scale * (double) (wanted - b->n) > near * near ||
		!rr_mean_serves(b, wanted, day, sums->scale, estimate_before, sums))
		day = rr_guess(b, wanted, NEAR_DAYS / 16, estimate_before, sums);
	return day - NEAR_DAYS / 4;
}

/* until it is near, by exact sums; or, unless `surely`, by an estimate */
static void
pass_by_sums(const struct rr_clocks *c, struct rr_sieve *sieve, int64_t *at, int64_t wanted,
			 int64_t *passed, bool surely)
{
	const int64_t before = *passed;
	struct rr_bracket b = { 0, 0, rr_floordiv(RR_TIME_MAX, RR_DAY_SECONDS), -1 };
	struct sums sums;

	begin_pieces(&sums.p, c, sieve,
				 rr_floordiv(*at + c->clock[rr_clock_at(c, *at)].offset, RR_DAY_SECONDS));
	b.end -= sieve->day0;
	make_sums(&sums, c, true);
	for (int round = 1; b.end - b.day > NEAR_DAYS; round++)
	{
		int64_t day = guess(&sums, &b, wanted - before, round);
		int64_t sum;

		if (is_few(c->plan, (b.end - b.day) * RR_DAY_SECONDS))
			break;
		if (!surely && day <= b.day + NEAR_DAYS / 2 && b.n + 1 < wanted - before)
			break;
		if (day <= b.day)
			day = b.day + NEAR_DAYS;
		midnight(c, sieve, &day);
		sum = sum_before(&sums, c, day);
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
		*at = midnight(c, sieve, &b.day);
	if (b.end_n >= 0 || is_few(c->plan, (b.end - b.day) * RR_DAY_SECONDS))
		pass_by_walk(c, sieve, at, *at + (b.end - b.day) * RR_DAY_SECONDS, wanted, passed);
}

bool
rr_pattern_pass(const struct rr_plan *plan, const struct rr_zone *zone, struct rr_sieve *sieve,
				int64_t wanted, int64_t *at, int64_t *passed, bool surely)
{
	struct rr_clocks clocks;

	if (!rr_clocks_find(&clocks, plan, zone))
		return false;
	*passed = 0;
	pass_by_walk(&clocks, sieve, at, RR_TIME_MAX, wanted, passed);
	if (*passed + 1 < wanted && *at <= RR_TIME_MAX)
		pass_by_sums(&clocks, sieve, at, wanted, passed, surely);
	/* the last of all is the next one */
	if (*passed + 1 == wanted && *at <= RR_TIME_MAX)
	{
		int64_t next = first_of_pieces(&clocks, sieve, *at, RR_TIME_MAX);

		*at = next > *at ? next : *at;
	}
	return true;
}

bool
rr_pattern_count(const struct rr_plan *plan, const struct rr_zone *zone, struct rr_sieve *sieve,
				 int64_t wanted, int64_t upto, int64_t *at, int64_t *passed)
{
	const int64_t before = upto - 8 * RR_DAY_SECONDS; /* and no change near the midnight */
	struct rr_clocks clocks;
	struct sums sums;
	int64_t day = day_before(*at);

	if (!rr_clocks_find(&clocks, plan, zone))
		return false;
	if (is_few(plan, before - *at))
	{
		rr_sieve_open(sieve, plan, day);
		*passed = walk_periods(&clocks, sieve, at, wanted, before);
		return true;
	}
	begin_pieces(&sums.p, &clocks, sieve,
				 rr_floordiv(*at + clocks.clock[rr_clock_at(&clocks, *at)].offset, RR_DAY_SECONDS));
	make_sums(&sums, &clocks, false);
	day = rr_floordiv(before, RR_DAY_SECONDS) - sieve->day0;
	*at = midnight(&clocks, sieve, &day);
	*passed = sum_before(&sums, &clocks, day);
	return true;
}
