/*
 * set_left.h
 *		Where the rules that exclude leave something of a rule, for set.c alone.
 */
#ifndef RR_SET_LEFT_H
#define RR_SET_LEFT_H

#include "set.h"

/* civil seconds in which no rule begins or ends; what runs in elapsed time has one offset there */
struct rr_stretch
{
	int64_t first;
	int64_t last;
	int64_t offset;
	int64_t last_instant; /* where there is a zone */
};

/*
 * No occurrence of the rule before this time of the stretch, or behind it, is left; nor is any at all
 * if it is s->last + 1, or s->first - 1.
 */
extern int64_t rr_left_from(const struct rr_set *set, const struct rr_plan *plan,
							const struct rr_stretch *s);
extern int64_t rr_left_upto(const struct rr_set *set, const struct rr_plan *plan,
							const struct rr_stretch *s);

/* units of 400 years after which the days of a plan repeat */
extern int64_t rr_cycle_of_days(const struct rr_plan *plan);

#endif
