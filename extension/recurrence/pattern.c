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

#define OFFSETS 4
#define CUTS    6
/* a year has no more changes than this, or the pattern is not used */
#define SPANS_MOST 1700

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
	const struct rr_zone *zone;
	int n;
	struct clock clock[OFFSETS];
};

/* ---- what the pattern is made of ----------------------------------------------------- */

static struct clock *
clock_of(struct clocks *c, int64_t offset)
{
	for (int i = 0; i < c->n; i++)
		if (c->clock[i].offset == offset)
			return &c->clock[i];
	if (c->n == OFFSETS)
		return NULL;
	c->clock[c->n] = (struct clock){ offset, { 0, c->plan->unit_count }, 2 };
	return &c->clock[c->n++];
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
find_clocks(struct clocks *c)
{
	const int64_t end = RR_ZONES_SETTLE + RR_CYCLE_DAYS * RR_DAY_SECONDS;
	struct rr_span span;
	int n = 0;

	c->n = 0;
	for (int64_t at = RR_ZONES_SETTLE; at < end; at = span.end)
	{
		struct clock *clock;

		c->zone->span(c->zone->context, at, &span);
		clock = clock_of(c, span.offset);
		if (clock == NULL || ++n > SPANS_MOST || span.start == INT64_MIN || span.end == INT64_MAX ||
			!add_cut(c->plan, clock, span.start + span.offset) ||
			!add_cut(c->plan, clock, span.end + span.offset))
			return false;
	}
	return true;
}

/* the days on which a clock shows the piece from .. end of the day, numbered from day0 on in an era */
static void
mark_days(const struct clocks *c, const struct clock *clock, int64_t from, int64_t end,
		  int64_t day0, uint64_t *days)
{
	const int64_t last = RR_ZONES_SETTLE + RR_CYCLE_DAYS * RR_DAY_SECONDS;
	const int64_t first_second = from * c->plan->unit_seconds;
	const int64_t end_second = end * c->plan->unit_seconds;
	struct rr_span span;

	memset(days, 0, RR_ERA_WORDS * sizeof(uint64_t));
	for (int64_t at = RR_ZONES_SETTLE; at < last; at = span.end)
	{
		int64_t day;
		int64_t behind;
		int64_t place;

		c->zone->span(c->zone->context, at, &span);
		if (span.offset != clock->offset)
			continue;
		/* both ends of the piece are in the span */
		day = rr_floordiv(span.start + span.offset - first_second - 1, RR_DAY_SECONDS) + 1;
		place = rr_floormod(day - day0, RR_CYCLE_DAYS);
		behind = rr_floordiv(span.end + span.offset - end_second, RR_DAY_SECONDS) + 1;
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

/* ---- searching ----------------------------------------------------------------------- */

/* a search in one direction; best: an instant, that of the first second of a period or of its last */
struct search
{
	struct clocks clocks;
	int64_t from;
	int64_t upto;
	int64_t best; /* counting: how many periods */
	enum
	{
		FORWARD,
		BACK,
		COUNT
	} what;
};

static void
search_piece(struct search *search, struct rr_sieve *s, int64_t offset)
{
	const struct rr_plan *plan = search->clocks.plan;
	const int64_t first = rr_floordiv(search->from + offset, RR_DAY_SECONDS) - s->day0;
	const int64_t last = rr_floordiv(search->upto + offset, RR_DAY_SECONDS) - s->day0;
	int64_t begin;
	int64_t day;
	int64_t period;

	if (s->size == 0 || s->permitted == 0)
		return;
	if (search->what == COUNT)
	{
		/* the first day is day 0 */
		search->best += rr_sieve_before(s, last);
		return;
	}
	if (search->what == FORWARD)
		day = rr_sieve_day_from(s, first, last + 1);
	else
		day = rr_sieve_day_upto(s, first, last);
	if (day < first || day > last)
		return;
	begin = rr_sieve_first_of_day(s, day);
	period = rr_sieve_select_day(
		s, begin, search->what == FORWARD ? 0 : rr_sieve_count_day(s, begin, s->unit_count) - 1);
	period += (s->day0 + day) * plan->unit_count;
	if (search->what == FORWARD && period * plan->unit_seconds - offset <= search->upto)
		search->best = search->upto = period * plan->unit_seconds - offset;
	else if (search->what == BACK && (period + 1) * plan->unit_seconds - 1 - offset >= search->from)
		search->best = search->from = (period + 1) * plan->unit_seconds - 1 - offset;
}

static void
search_clock(struct search *search, const struct clock *clock)
{
	const struct rr_plan *plan = search->clocks.plan;
	const struct rr_phase phase = rr_phase_at(plan, clock->offset);
	const int64_t day0 = rr_floordiv(search->from + clock->offset, RR_DAY_SECONDS);
	struct rr_sieve s;
	uint64_t starts[RR_SECOND_WORDS];
	uint64_t permitted[RR_ERA_WORDS];
	uint64_t days[RR_ERA_WORDS];

	rr_sieve_make(&s, plan, &phase, day0, true);
	memcpy(starts, s.starts, sizeof(starts));
	memcpy(permitted, s.days, sizeof(permitted));
	for (int i = 0; i + 1 < clock->cuts; i++)
	{
		int64_t first = rr_first_from(starts, RR_SECOND_WORDS, (int) clock->cut[i]);

		if (first < 0 || first >= clock->cut[i + 1])
			continue;
		mark_days(&search->clocks, clock, clock->cut[i], clock->cut[i + 1], day0, days);
		for (int k = 0; k < RR_ERA_WORDS; k++)
			days[k] &= permitted[k];
		rr_sieve_restrict(&s, starts, clock->cut[i], clock->cut[i + 1], days);
		search_piece(search, &s, clock->offset);
	}
}

/*
 * Instants from .. upto, behind RR_ZONES_SETTLE, in whole days of every clock: the first second of the first
 * period, or the last second of the last one.  False: this zone has no such pattern.
 */
static bool
search_all(struct search *search)
{
	if (!find_clocks(&search->clocks))
		return false;
	for (int i = 0; i < search->clocks.n; i++)
		search_clock(search, &search->clocks.clock[i]);
	return true;
}

bool
rr_pattern_from(const struct rr_plan *plan, const struct rr_zone *zone, int64_t from, int64_t upto,
				int64_t *best)
{
	struct search search = { { .plan = plan, .zone = zone }, from, upto, INT64_MAX, FORWARD };

	if (!search_all(&search))
		return false;
	*best = search.best;
	return true;
}

bool
rr_pattern_upto(const struct rr_plan *plan, const struct rr_zone *zone, int64_t from, int64_t upto,
				int64_t *best)
{
	struct search search = { { .plan = plan, .zone = zone }, from, upto, INT64_MIN, BACK };

	if (!search_all(&search))
		return false;
	*best = search.best;
	return true;
}

bool
rr_pattern_count(const struct rr_plan *plan, const struct rr_zone *zone, int64_t from, int64_t upto,
				 int64_t *n)
{
	struct search search = { { .plan = plan, .zone = zone }, from, upto, 0, COUNT };

	if (!search_all(&search))
		return false;
	*n = search.best;
	return true;
}
