/*
 * plan.h
 *		What plan.c and expand.c share: periods, their days and their elements.
 *
 * A plan is a series of periods (years, months, weeks or days): those whose number is
 * origin + k * interval, k >= 0.  Each has a set of days, which depends on its type alone; its
 * elements are days times times of day, and BYSETPOS selects among them by rank.
 */
#ifndef RR_PLAN_H
#define RR_PLAN_H

#include "rrule.h"

/* the days of one period; bit n stands for day base + n */
struct rr_days
{
	int64_t base;
	const uint64_t *bits;
	int words;    /* 0: no days at all */
	uint64_t own; /* what bits points to where the period has no table */
};

extern void rr_days_of(const struct rr_plan *plan, int64_t period, struct rr_days *days);
/* the days of a week whose first is in this month, which ends after so many of the seven */
extern uint64_t rr_week_part(const struct rr_plan *plan, int month, int here);
extern int64_t rr_period_of(const struct rr_plan *plan, int64_t day);
/* the table of a year, for the filter of DAILY too */
extern const uint64_t *rr_year_table(const struct rr_plan *plan, int64_t year, int64_t year_start);

/* the first period of the series at or after this one; the next that may hold any day */
extern int64_t rr_series_from(const struct rr_plan *plan, int64_t period);
extern int64_t rr_step_forward(const struct rr_plan *plan, int64_t period);
/* selected elements of a period: how many, and the one of a rank */
extern int64_t rr_element_count(const struct rr_plan *plan, const struct rr_days *days);
extern int64_t rr_element_rank(const struct rr_plan *plan, const struct rr_days *days, int64_t x);
extern int64_t rr_element_at(const struct rr_plan *plan, const struct rr_days *days, int64_t rank);

/* occurrences of one period: the first at or after lo, the last at or before hi */
extern bool rr_first_in(const struct rr_plan *plan, const struct rr_days *days, int64_t lo,
						int64_t *found);
extern bool rr_last_in(const struct rr_plan *plan, const struct rr_days *days, int64_t hi,
					   int64_t *found);
/* how many of them are before x */
extern int64_t rr_count_in(const struct rr_plan *plan, const struct rr_days *days, int64_t x);

/* BYSETPOS: the first selected rank >= rank of n elements, the last <= rank, how many < rank */
extern int64_t rr_setpos_from(const struct rr_numbers *set, int64_t n, int64_t rank);
extern int64_t rr_setpos_upto(const struct rr_numbers *set, int64_t n, int64_t rank);
extern int64_t rr_setpos_rank(const struct rr_numbers *set, int64_t n, int64_t rank);

/* the first day >= day, the last day <= day that the table of years permits; it is not empty */
extern int64_t rr_permitted_from(const struct rr_plan *plan, int64_t day);
extern int64_t rr_permitted_upto(const struct rr_plan *plan, int64_t day);

extern int64_t rr_gcd(int64_t a, int64_t b);
/* a^-1 modulo m, for gcd(a, m) = 1 */
extern int64_t rr_inverse(int64_t a, int64_t m);

/* ---- hours, minutes and seconds (subday.c, subcount.c) ------------------------------- */

/*
 * Where the series of a plan stands.  In elapsed time this differs by the offset of the zone;
 * else there is one, that of DTSTART.
 */
struct rr_phase
{
	int64_t origin;  /* number of the period that holds dtstart */
	int64_t dtstart; /* civil seconds, as until: the time that is asked */
	int64_t until;
	struct rr_times times;
};

#define RR_NO_PERIOD INT64_MAX

extern void rr_subday_make(struct rr_plan *plan, const struct rr_rule *rule);
extern void rr_subday_make_days(struct rr_plan *plan);
extern struct rr_phase rr_phase_of(const struct rr_plan *plan);
/* the phase on a clock that is ahead of UTC by this much */
extern struct rr_phase rr_phase_at(const struct rr_plan *plan, int64_t offset);
/* the first period >= u that takes part, or RR_NO_PERIOD behind the end of the plan */
extern int64_t rr_period_from(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u);
extern bool rr_phase_never(const struct rr_plan *plan, const struct rr_phase *phase);
extern bool rr_subday_next(const struct rr_plan *plan, const struct rr_phase *phase, int64_t lo,
						   int64_t *found);
extern bool rr_subday_previous(const struct rr_plan *plan, const struct rr_phase *phase, int64_t hi,
							   int64_t *found);
/* how many are there, lo <= t < hi */
struct rr_sieve;
/* unless rr_subday_is_unfiltered(), the sieve is one that rr_sieve_open() has made */
extern int64_t rr_subday_count(const struct rr_plan *plan, const struct rr_phase *phase,
							   struct rr_sieve *sieve, int64_t lo, int64_t hi);
/* number wanted >= 1 of those at or after lo; RR_TIME_MAX if time ends before */
extern int64_t rr_subday_nth(const struct rr_plan *plan, const struct rr_phase *phase, int64_t lo,
							 int64_t wanted);

/* is this occurrence one of the first `wanted` at or after lo? */
extern bool rr_subday_is_among(const struct rr_plan *plan, const struct rr_phase *phase, int64_t lo,
							   int64_t wanted, int64_t at);
/* may rr_subday_nth() take long? */
extern bool rr_subday_nth_is_slow(const struct rr_plan *plan);

/* how many occurrences a period holds that takes part; and before this offset from its beginning */
extern int64_t rr_subday_size(const struct rr_plan *plan);
extern int64_t rr_subday_rank(const struct rr_plan *plan, const struct rr_times *times, int offset);

/* one occurrence every INTERVAL periods, whatever the clock shows? */
extern bool rr_subday_is_single(const struct rr_plan *plan);
/* do all periods of the series take part? */
extern bool rr_subday_is_unfiltered(const struct rr_plan *plan);

/* number k = 0 .. of the days from this one on that the table of years permits; may be behind all time */
extern int64_t rr_nth_day(const struct rr_plan *plan, int64_t day, int64_t k);

/*
 * By calculation, however seldom series and filters meet (sieve.c): number k = 0 .. of the periods
 * from u on that take part, and the last of those first <= . <= u; or RR_NO_PERIOD.
 */
extern int64_t rr_sieve_nth(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u,
							int64_t k);
extern int64_t rr_sieve_from(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u);
/* do at most k of them begin before `end`? */
extern bool rr_sieve_at_most(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u,
							 int64_t end, int64_t k);
extern int64_t rr_sieve_upto(const struct rr_plan *plan, const struct rr_phase *phase,
							 int64_t first, int64_t u);

/* elapsed time (elapsed.c) */
extern bool rr_elapsed_next(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo,
							int64_t *found);
extern int rr_elapsed_fill(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo,
						   int64_t hi, int64_t *out, int n);
extern bool rr_elapsed_contains(const struct rr_plan *plan, const struct rr_zone *zone, int64_t at);
extern bool rr_elapsed_previous(const struct rr_plan *plan, const struct rr_zone *zone, int64_t hi,
								int64_t *found);

/*
 * Elapsed time, behind the last single change of a zone (pattern.c): where the first period begins and where
 * the last one ends, of those from .. upto and what else is on these days; INT64_MAX, INT64_MIN: there is none.
 * False: the zone has no pattern.
 */
#define RR_ZONES_SETTLE INT64_C(4133980800) /* 2101-01-01: no zone has single changes after 2100 */
extern bool rr_pattern_from(const struct rr_plan *plan, const struct rr_zone *zone, int64_t from,
							int64_t upto, int64_t *best);
extern bool rr_pattern_upto(const struct rr_plan *plan, const struct rr_zone *zone, int64_t from,
							int64_t upto, int64_t *best);
/*
 * COUNT: from a midnight on to another instant between two periods, and how many occurrences have been passed there,
 * fewer than wanted; *at is near number wanted, surely or by an estimate, or where time ends.  The sieve is lent: it
 * is another afterwards.
 */
extern bool rr_pattern_pass(const struct rr_plan *plan, const struct rr_zone *zone,
							struct rr_sieve *sieve, int64_t wanted, int64_t *at, int64_t *passed,
							bool surely);
/* likewise to a midnight near an instant, or where the last wanted is near */
extern bool rr_pattern_count(const struct rr_plan *plan, const struct rr_zone *zone,
							 struct rr_sieve *sieve, int64_t wanted, int64_t upto, int64_t *at,
							 int64_t *passed);

/*
 * COUNT (count.c), as the civil second of the last occurrence that it permits: into the plan, unless that takes
 * long; whether it permits this occurrence of an open plan; and its end.
 */
extern void rr_count_make(struct rr_plan *plan);
extern int64_t rr_count_end(const struct rr_plan *plan);
extern bool rr_count_permits(const struct rr_plan *plan, int64_t at);
/* in elapsed time */
extern void rr_elapsed_settle(struct rr_plan *plan, const struct rr_zone *zone);

#endif
