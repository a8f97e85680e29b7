/*
 * sieve.h
 *		What sieve.c keeps of a plan for counting; large, for the stack of who counts.
 */
#ifndef RR_SIEVE_H
#define RR_SIEVE_H

#include "civil.h"
#include "plan.h"

#define RR_ERA_WORDS    (RR_CYCLE_DAYS / 64 + 2)
#define RR_SECOND_WORDS (RR_DAY_SECONDS / 64 + 2)
/* for shorter intervals the periods of a day are counted once for every first one */
#define RR_WEIGHTS 8192

/* the place of the days of one time of day: the first is `day`, in the layout at row, column */
struct rr_class
{
	int64_t day;
	int64_t row;
	int64_t column;
};

struct rr_sieve
{
	int64_t day0;   /* days are numbered from here on */
	int64_t limit;  /* of days */
	int64_t origin; /* of the series: its first period since day 0, modulo INTERVAL */
	int64_t interval;
	int64_t unit_count;
	int64_t common;  /* G */
	int64_t cycle;   /* c */
	int64_t inverse; /* of unit_count / G modulo c */
	int64_t era;     /* M */
	int64_t rows;    /* gcd(c, M): the layout has so many rows, */
	int64_t length;  /* each of this length */
	int64_t turn; /* inverse of c / rows modulo length: columns that a step of `rows` days moves */
	struct rr_class step; /* from t to t + G */
	int64_t size;         /* times of day that pass and are = origin (mod G) */
	int64_t permitted;    /* days in an era */
	bool laid_out;
	uint64_t starts[RR_SECOND_WORDS];
	uint64_t days[RR_ERA_WORDS];
	uint64_t layout[RR_ERA_WORDS];
	uint32_t ranks[RR_ERA_WORDS]; /* bits of layout before each word */
	uint32_t weights[RR_WEIGHTS];
};

/*
 * Counting through many stretches of time, each with a phase of its own: make it once, then ask how
 * many periods first <= u < end take part.  Some ns for each day.
 */
extern void rr_sieve_open(struct rr_sieve *s, const struct rr_plan *plan, int64_t day0);
extern int64_t rr_sieve_between(struct rr_sieve *s, const struct rr_phase *phase, int64_t first,
								int64_t end);

#endif
