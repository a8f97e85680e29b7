/*
 * clocks.h
 *		The pattern of 400 years by which the clock of a zone changes, for pattern.c alone.
 */
#ifndef RR_CLOCKS_H
#define RR_CLOCKS_H

#include "plan.h"
#include "times.h"

#define RR_CLOCKS 2
#define RR_CUTS   12
/* a zone has no more changes in 400 years than this, or the pattern is not used */
#define RR_SPANS_MOST  1700
#define RR_ERA_SECONDS (RR_CYCLE_DAYS * RR_DAY_SECONDS)

/* one offset of the pattern, and the times of its day at which it comes or goes */
struct rr_clock
{
	int64_t offset;
	int64_t cut
		[RR_CUTS]; /* seconds, ascending: 0 .. the whole day; of a period that is cut, its ends as well */
	int cuts;
	struct rr_times times; /* in a period, as this clock shows it */
};

struct rr_clocks
{
	const struct rr_plan *plan;
	int n;
	struct rr_clock clock[RR_CLOCKS];
	/* the spans of 400 years; that behind the last begins again */
	int spans;
	int64_t start[RR_SPANS_MOST + 1];
	uint8_t which[RR_SPANS_MOST];
};

/* which clock is in force, and from when to when */
struct rr_in_force
{
	int clock;
	int64_t start;
	int64_t end;
};

/* false: the zone has more offsets, changes or times of day than are kept, or changes no more */
extern bool rr_clocks_find(struct rr_clocks *c, const struct rr_plan *plan,
						   const struct rr_zone *zone);

/* at an instant behind RR_ZONES_SETTLE */
extern struct rr_in_force rr_clocks_in_force(const struct rr_clocks *c, int64_t at);
extern int rr_clock_at(const struct rr_clocks *c, int64_t at);

/* the days on which a clock shows the seconds from .. end of the day, numbered from day0 on in an era */
extern void rr_clock_mark_days(const struct rr_clocks *c, int clock, int64_t from, int64_t end,
							   int64_t day0, uint64_t *days);

/* is no change near? */
extern bool rr_clocks_settled(const struct rr_clocks *c, int64_t at);

/* the first midnight from an instant on that is not near a change */
extern int64_t rr_clocks_midnight(const struct rr_clocks *c, int64_t at);

#endif
