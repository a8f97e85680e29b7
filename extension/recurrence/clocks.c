/*
 * clocks.c
 *		The pattern of 400 years by which the clock of a zone changes from 2101 on: its offsets, when each is in
 *		force, and at which times of day they come and go.
 *
 * Called by pattern.c.
 */
#include "clocks.h"

#include <string.h>

#include "sieve.h"

/* -1: too many of them */
static int
clock_of(struct rr_clocks *c, int64_t offset)
{
	for (int i = 0; i < c->n; i++)
		if (c->clock[i].offset == offset)
			return i;
	if (c->n == RR_CLOCKS)
		return -1;
	c->clock[c->n] =
		(struct rr_clock){ offset, { 0, RR_DAY_SECONDS }, 2, rr_phase_at(c->plan, offset).times };
	return c->n++;
}

/* false: too many */
static bool
add_cut(struct rr_clock *clock, int64_t at)
{
	int i = 0;

	while (clock->cut[i] < at)
		i++;
	if (clock->cut[i] == at)
		return true;
	if (clock->cuts == RR_CUTS)
		return false;
	memmove(clock->cut + i + 1, clock->cut + i, (size_t) (clock->cuts - i) * sizeof(int64_t));
	clock->cut[i] = at;
	clock->cuts++;
	return true;
}

static bool
add_cuts(const struct rr_plan *plan, struct rr_clock *clock, int64_t civil)
{
	const int64_t sod = rr_floormod(civil, RR_DAY_SECONDS);
	const int64_t rest = sod % plan->unit_seconds;

	return add_cut(clock, sod) && (rest == 0 || (add_cut(clock, sod - rest) &&
												 add_cut(clock, sod - rest + plan->unit_seconds)));
}

bool
rr_clocks_find(struct rr_clocks *c, const struct rr_plan *plan, const struct rr_zone *zone)
{
	struct rr_span span;

	c->plan = plan;
	c->n = 0;
	c->spans = 0;
	for (int64_t at = RR_ZONES_SETTLE; at < RR_ZONES_SETTLE + RR_ERA_SECONDS; at = span.end)
	{
		int i;

		zone->span(zone->context, at, &span);
		i = clock_of(c, span.offset);
		if (i < 0 || c->spans == RR_SPANS_MOST || span.start == INT64_MIN ||
			span.end == INT64_MAX || !add_cuts(plan, &c->clock[i], span.start + span.offset) ||
			!add_cuts(plan, &c->clock[i], span.end + span.offset))
			return false;
		c->start[c->spans] = span.start;
		c->which[c->spans++] = (uint8_t) i;
	}
	c->start[c->spans] = span.end;
	return true;
}

/* at an instant behind RR_ZONES_SETTLE; spans are about equally long */
struct rr_in_force
rr_clocks_in_force(const struct rr_clocks *c, int64_t at)
{
	const int64_t since = (at - RR_ZONES_SETTLE) % RR_ERA_SECONDS;
	const int64_t shift = at - RR_ZONES_SETTLE - since;
	int i = (int) (since / (RR_ERA_SECONDS / c->spans));

	i = i < c->spans ? i : c->spans - 1;
	while (c->start[i] > since + RR_ZONES_SETTLE)
		i--;
	while (c->start[i + 1] <= since + RR_ZONES_SETTLE)
		i++;
	return (struct rr_in_force){ c->which[i], c->start[i] + shift, c->start[i + 1] + shift };
}

int
rr_clock_at(const struct rr_clocks *c, int64_t at)
{
	return rr_clocks_in_force(c, at).clock;
}

/* bits from .. from + n - 1; n > 0 */
static void
add_run(uint64_t *bits, int64_t from, int64_t n)
{
	const int64_t last = (from + n - 1) / 64;
	uint64_t word = ~rr_below((int) (from % 64));

	for (int64_t i = from / 64; i < last; i++)
	{
		bits[i] |= word;
		word = ~UINT64_C(0);
	}
	bits[last] |= word & rr_below((int) ((from + n - 1) % 64) + 1);
}

/* the days on which a clock shows the seconds from .. end of the day, numbered from day0 on in an era */
void
rr_clock_mark_days(const struct rr_clocks *c, int clock, int64_t from, int64_t end, int64_t day0,
				   uint64_t *days)
{
	const int64_t offset = c->clock[clock].offset;

	memset(days, 0, RR_ERA_WORDS * sizeof(uint64_t));
	for (int i = 0; i < c->spans; i++)
	{
		int64_t day;
		int64_t behind;
		int64_t place;

		if (c->which[i] != clock)
			continue;
		/* both ends of the piece are in the span */
		day = rr_floordiv(c->start[i] + offset - from - 1, RR_DAY_SECONDS) + 1;
		place = rr_floormod(day - day0, RR_CYCLE_DAYS);
		behind = rr_floordiv(c->start[i + 1] + offset - end, RR_DAY_SECONDS) + 1;
		for (int64_t n = behind - day; n > 0;)
		{
			const int64_t here = n < RR_CYCLE_DAYS - place ? n : RR_CYCLE_DAYS - place;

			add_run(days, place, here);
			place = 0;
			n -= here;
		}
	}
}

/* is no change near? */
bool
rr_clocks_settled(const struct rr_clocks *c, int64_t at)
{
	int i = rr_clock_at(c, at - 2 * RR_DAY_SECONDS);

	return i == rr_clock_at(c, at) && i == rr_clock_at(c, at + 2 * RR_DAY_SECONDS);
}

/* the first midnight from an instant on that is not near a change */
int64_t
rr_clocks_midnight(const struct rr_clocks *c, int64_t at)
{
	int64_t offset;

	while (!rr_clocks_settled(c, at))
		at += RR_DAY_SECONDS;
	offset = c->clock[rr_clock_at(c, at)].offset;
	return (rr_floordiv(at + offset - 1, RR_DAY_SECONDS) + 1) * RR_DAY_SECONDS - offset;
}
