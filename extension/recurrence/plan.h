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
extern int64_t rr_period_of(const struct rr_plan *plan, int64_t day);
/* the table of a year, for the filter of DAILY too */
extern const uint64_t *rr_year_table(const struct rr_plan *plan, int64_t year, int64_t year_start);

/* occurrences of one period: the first at or after lo, the last at or before hi */
extern bool rr_first_in(const struct rr_plan *plan, const struct rr_days *days, int64_t lo,
						int64_t *found);
extern bool rr_last_in(const struct rr_plan *plan, const struct rr_days *days, int64_t hi,
					   int64_t *found);
/* how many of them are before x */
extern int64_t rr_count_in(const struct rr_plan *plan, const struct rr_days *days, int64_t x);

/* COUNT, as the civil second of the last occurrence that it permits (count.c) */
extern int64_t rr_until_of_count(const struct rr_plan *plan, int32_t count);

#endif
