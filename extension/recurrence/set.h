/*
 * set.h
 *		Sets of recurrences: several rules and single dates, less rules and dates to leave out.
 *
 * What RFC 5545 spreads over RRULE, RDATE, EXDATE and (of RFC 2445) EXRULE, as one series.  The
 * arrays belong to the caller and must live as long as the set is asked; nothing is allocated.
 */
#ifndef RR_SET_H
#define RR_SET_H

#include "rrule.h"

/*
 * Everything is in one time: civil seconds where zone is NULL, else instants, and then the plans
 * are those made with RR_ZONED.  None are made with RR_WITH_START: that is one of dates.  Dates need not lie behind the start of a rule.
 */
struct rr_set
{
	struct rr_plan *rules;
	struct rr_plan *exrules;
	const int64_t *dates;   /* strictly ascending */
	const int64_t *exdates; /* strictly ascending */
	int n_rules;
	int n_exrules;
	int n_dates;
	int n_exdates;
	const struct rr_zone *zone;
	/* called now and then in a long search, or NULL; it need not return */
	void (*pause)(void *context);
	void *context;
};

/* before the first question: takes out rules of which nothing is left, so it may reorder them */
extern void rr_set_make(struct rr_set *set);

/* the first of the set at or after lo; the last at or before hi; false where there is none */
extern bool rr_set_next(const struct rr_set *set, int64_t lo, int64_t *found);
extern bool rr_set_previous(const struct rr_set *set, int64_t hi, int64_t *found);
extern bool rr_set_contains(const struct rr_set *set, int64_t at);

/* does it come to an end before time does? */
extern bool rr_set_ends(const struct rr_set *set);

#endif
