/*
 * sieve.h
 *		What sieve.c keeps of a plan for counting; large, for the stack of who counts.
 */
#ifndef RR_SIEVE_H
#define RR_SIEVE_H

#include "bits.h"
#include "civil.h"
#include "plan.h"

#define RR_ERA_WORDS    (RR_CYCLE_DAYS / 64 + 2)
#define RR_SECOND_WORDS (RR_DAY_SECONDS / 64 + 2)
/* for shorter intervals, from 2 on, the periods of a day are counted once for every first one */
#define RR_WEIGHTS 8192
/* classes up to so many steps apart follow from each other by addition */
#define RR_STEPS 64

/* the place of the days of one time of day: the first is `day`, in the layout at row, column */
struct rr_class
{
	int64_t day;
	int64_t row;
	int64_t column;
};

/* the permitted days of an era in the order of classes, and how many bits are before each word */
struct rr_layout
{
	uint64_t bits[RR_ERA_WORDS];
	uint32_t ranks[RR_ERA_WORDS];
};

/* the periods before a time of day are counted once for every first one of short intervals */
#define RR_PARTS       4
#define RR_PART_FIRSTS 256

struct rr_part
{
	int64_t end; /* that time, or -1 */
	int misses;  /* how often a count was not known */
	uint16_t counts[RR_PART_FIRSTS];
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
	int32_t moves[64];                   /* likewise so many days, where the layout is one row */
	struct rr_class steps[RR_STEPS + 1]; /* from t to t + n * G */
	int64_t size;                        /* times of day that pass and are = origin (mod G) */
	int64_t permitted;                   /* days in an era */
	bool whole_era;                      /* though every day is permitted */
	bool laid_out;
	bool expanded;
	int64_t base; /* what counts begin with, or -1 */
	uint64_t starts[RR_SECOND_WORDS];
	uint64_t days[RR_ERA_WORDS];
	struct rr_layout layout;
	union
	{
		/*
		 * To search many classes, if expanded.  Bytes: how many bits of the layout are before each place that 4
		 * divides, since the last that 256 divides; for each word of it those of even and those of odd fours.
		 */
		uint64_t partial[RR_ERA_WORDS * 2];
		/* to count many classes: the places of their first members, and of their first behind */
		uint64_t places[2][RR_ERA_WORDS];
		/* for the days that it is to have next */
		uint64_t room[RR_ERA_WORDS];
	};
	uint16_t weights[RR_WEIGHTS];
	int misses; /* how often a weight was not known */
	struct rr_part parts[RR_PARTS];
	int next_part;
};

/* the periods of one day, from its first of the series on and before `end`; or which is number k */
extern int64_t rr_sieve_count_day(const struct rr_sieve *s, int64_t first, int64_t end);

/* the former for all firsts at once; INTERVAL <= RR_WEIGHTS */
extern void rr_sieve_count_days(const struct rr_sieve *s, int64_t end, uint16_t *counts);
/* what has been counted for some of them, and how often one was not known; UINT16_MAX: not yet */
extern int64_t rr_sieve_known_day(const struct rr_sieve *s, int64_t first, int64_t end,
								  uint16_t *counts, int *misses);

static inline int64_t
rr_sieve_select_day(const struct rr_sieve *s, int64_t first, int64_t k)
{
	for (int64_t t = first;; t += s->interval)
		if (rr_has(s->starts, (int) t) && k-- == 0)
			return t;
}

/* the first period of the series in a day, or a later one */
static inline int64_t
rr_sieve_first_of_day(const struct rr_sieve *s, int64_t day)
{
	return rr_floormod(s->origin - day * s->unit_count, s->interval);
}

static inline bool
rr_sieve_permits(const struct rr_sieve *s, int64_t day)
{
	return rr_has(s->days, (int) (day % s->era));
}

static inline uint64_t *
rr_sieve_room(struct rr_sieve *s)
{
	s->expanded = false;
	return s->room;
}

/* all of it, for one phase; days are numbered from day0 on */
extern void rr_sieve_make(struct rr_sieve *s, const struct rr_plan *plan,
						  const struct rr_phase *phase, int64_t day0, bool whole_era);
/* for another phase of the same plan */
extern void rr_sieve_turn(struct rr_sieve *s, const struct rr_plan *plan,
						  const struct rr_phase *phase);
/* with these days, whose layout this is */
extern void rr_sieve_replace(struct rr_sieve *s, const uint64_t *days,
							 const struct rr_layout *layout);
/* and with these, of which it has none, as well */
extern void rr_sieve_add_days(struct rr_sieve *s, const uint64_t *days,
							  const struct rr_layout *layout);
/* to those of these starts that are from .. end - 1, and to these days of the era */
extern void rr_sieve_restrict(struct rr_sieve *s, const uint64_t *starts, int64_t from, int64_t end,
							  const uint64_t *days);
extern void rr_sieve_lay_out(struct rr_sieve *s);
extern int64_t rr_sieve_weight(struct rr_sieve *s, int64_t first);
/* how many periods since day 0 are before a day */
extern int64_t rr_sieve_before(struct rr_sieve *s, int64_t day);

/* some of the classes, which stand for all when a count is estimated */
#define RR_SAMPLE 512

struct rr_sample
{
	int n;
	double scale; /* periods of all classes to one of these */
	struct
	{
		int32_t day; /* of a class, as its row and its column */
		int32_t row;
		int32_t column;
		int32_t weight;
	} class[RR_SAMPLE];
};

/*
 * A search for the day with which so many periods are reached, between two days of which sums or estimates
 * are known.
 */
struct rr_bracket
{
	int64_t day; /* so many periods are before it, fewer than wanted */
	int64_t n;
	int64_t end; /* so many before this one, not fewer; or -1: not known */
	int64_t end_n;
};

/* where `wanted` is by estimates of the periods before a day, to within `span` days */
typedef double (*rr_estimate)(const void *context, int64_t day);
extern int64_t rr_guess(const struct rr_bracket *b, int64_t wanted, int64_t span,
						rr_estimate estimate, const void *context);
extern bool rr_mean_serves(const struct rr_bracket *b, int64_t wanted, int64_t day, double scale,
						   rr_estimate estimate, const void *context);
/* the days that hold so many periods, by the mean */
extern double rr_sieve_mean(const struct rr_sieve *s, int64_t periods);

extern void rr_sieve_sample(struct rr_sieve *s, struct rr_sample *sample);
/* in a layout that need not be that of the sieve any more */
extern double rr_sieve_estimate(const struct rr_sieve *s, const struct rr_layout *layout,
								const struct rr_sample *sample, int64_t day);

/* the first day from <= day < end with a period, or end; the last first <= day <= upto, or first - 1 */
extern int64_t rr_sieve_day_from(struct rr_sieve *s, int64_t from, int64_t end);
extern int64_t rr_sieve_day_upto(struct rr_sieve *s, int64_t first, int64_t upto);

/* where no more days than these are permitted in an era (sparse.c): likewise, and number k from a day on, or -1 */
#define RR_SPARSE_DAYS 128

static inline bool
rr_sieve_is_sparse(const struct rr_sieve *s)
{
	return s->permitted <= RR_SPARSE_DAYS && s->era > 1;
}

extern int64_t rr_sparse_day_from(struct rr_sieve *s, int64_t from, int64_t end);
extern int64_t rr_sparse_day_upto(struct rr_sieve *s, int64_t first, int64_t upto);
extern int64_t rr_sparse_nth(struct rr_sieve *s, int64_t from, int64_t k);
extern int64_t rr_sparse_before(struct rr_sieve *s, int64_t day);

/*
 * Counting through many stretches of time, each with a phase of its own: make it once, then ask how
 * many periods first <= u < end take part.  Some ns for each day, or by calculation.
 */
extern void rr_sieve_open(struct rr_sieve *s, const struct rr_plan *plan, int64_t day0);
extern int64_t rr_sieve_between(struct rr_sieve *s, const struct rr_plan *plan,
								const struct rr_phase *phase, int64_t first, int64_t end);

#endif
