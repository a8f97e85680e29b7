/*
 * set.c
 *		Sets of recurrences: the merge of rules and dates, without what is excluded.
 *
 * The next of a set is the smallest next of its parts that nothing excludes.  Single dates are
 * finitely many, so only exclusion by rules needs an argument why the search ends:
 *
 * A rule and the rules that exclude it repeat together: each after 400 years times interval /
 * gcd(interval, its periods in 400 years), several after the least common multiple.  If within
 * such a cycle, in which no rule begins or ends, every candidate was excluded by rules, then so
 * is every later one up to the next such change, and the search goes on there.  The cycle of the
 * rule and a single other is enough where that one excludes all.  In a zone the same holds of
 * instants as long as the zone repeats too, which it does before its first change and after its
 * last single one.  This is exact: no limit of steps decides anything.
 *
 * A rule of which nothing is left is taken out when the set is made; where the same rule excludes
 * it, without a search.
 */
#include "set.h"

#include <stdlib.h>
#include <string.h>

#include "civil.h"

/* a candidate is tried in some 50 ns, so pause() is called every few hundred microseconds */
#define STEPS_PER_PAUSE 4096

/* more than the farthest that a zone moves a civil time, changes of the date line included */
#define ZONE_REACH (2 * RR_DAY_SECONDS)

/* no zone of the database changed before 1800, and after 2100 all follow a yearly pattern */
#define ZONES_BEGIN  INT64_C(-5364662400)
#define ZONES_SETTLE INT64_C(4102444800)

/* the stretch of time in which several rules are searched together at first */
#define FIRST_STRETCH (400 * RR_DAY_SECONDS)

/* longer than time: such rules are searched to its end */
#define NEVER (INT64_MAX / 2)

/* ---- one rule, one array ------------------------------------------------------------- */

static bool
plan_next(const struct rr_set *set, const struct rr_plan *plan, int64_t lo, int64_t *found)
{
	return set->zone != NULL ? rr_zoned_next(plan, set->zone, lo, found) : rr_next(plan, lo, found);
}

static bool
plan_previous(const struct rr_set *set, const struct rr_plan *plan, int64_t hi, int64_t *found)
{
	return set->zone != NULL ? rr_zoned_previous(plan, set->zone, hi, found)
							 : rr_previous(plan, hi, found);
}

static bool
plan_contains(const struct rr_set *set, const struct rr_plan *plan, int64_t at)
{
	return set->zone != NULL ? rr_zoned_contains(plan, set->zone, at) : rr_contains(plan, at);
}

/* how many of an ascending array are before x */
static int
rank_of(const int64_t *array, int n, int64_t x)
{
	int lo = 0;

	while (lo < n)
	{
		int middle = lo + (n - lo) / 2;

		if (array[middle] < x)
			lo = middle + 1;
		else
			n = middle;
	}
	return lo;
}

static bool
is_in(const int64_t *array, int n, int64_t x)
{
	int i = rank_of(array, n, x);

	return i < n && array[i] == x;
}

/*
 * Which rule excludes it, or -1.  The one that did the last time is asked first and then the
 * others in turn, so that a rule which excludes all is found and kept.
 */
static int
excluding_rule(const struct rr_set *set, int64_t at, int last)
{
	for (int k = 0; k < set->n_exrules; k++)
	{
		int i = (last + k) % set->n_exrules;

		if (plan_contains(set, &set->exrules[i], at))
			return i;
	}
	return -1;
}

static bool
excluded_by_rule(const struct rr_set *set, int64_t at)
{
	return excluding_rule(set, at, 0) >= 0;
}

static bool
excluded_by_date(const struct rr_set *set, int64_t at)
{
	return is_in(set->exdates, set->n_exdates, at);
}

/* ---- cycles -------------------------------------------------------------------------- */

static int64_t
gcd(int64_t a, int64_t b)
{
	while (b != 0)
	{
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* the least common multiple of a cycle and that of one more rule, in units of 400 years */
static int64_t
common_cycle(int64_t cycles, const struct rr_plan *plan)
{
	static const int64_t periods[] = { [RR_UNIT_YEAR] = RR_CYCLE_YEARS,
									   [RR_UNIT_MONTH] = RR_CYCLE_YEARS * 12,
									   [RR_UNIT_WEEK] = RR_CYCLE_WEEKS,
									   [RR_UNIT_DAY] = RR_CYCLE_DAYS };
	const int64_t most = (RR_TIME_MAX - RR_TIME_MIN) / (RR_CYCLE_DAYS * RR_DAY_SECONDS);
	int64_t own;

	if (plan->empty || cycles == NEVER)
		return cycles;
	own = plan->interval / gcd(plan->interval, plan->unit == RR_UNIT_TIME
												   ? RR_CYCLE_DAYS * plan->unit_count
												   : periods[plan->unit]);
	if (own > most)
		return NEVER;
	cycles = cycles / gcd(cycles, own) * own;
	return cycles > most ? NEVER : cycles;
}

/* ---- where the rules change ---------------------------------------------------------- */

/* the changes next to a time: the largest at or before it, the smallest after it */
struct changes
{
	int64_t at;
	int64_t before;
	int64_t after;
};

static void
consider(struct changes *changes, int64_t change)
{
	if (change <= changes->at && change > changes->before)
		changes->before = change;
	if (change > changes->at && change < changes->after)
		changes->after = change;
}

/* a rule begins or ends at this civil time; in a zone, not farther from it than a zone reaches */
static void
consider_civil(const struct rr_set *set, struct changes *changes, int64_t civil)
{
	if (set->zone == NULL)
	{
		consider(changes, civil);
		return;
	}
	consider(changes, civil - ZONE_REACH);
	consider(changes, civil + ZONE_REACH);
}

static void
consider_plan(const struct rr_set *set, struct changes *changes, const struct rr_plan *plan)
{
	consider_civil(set, changes, plan->dtstart);
	if (plan->until < RR_TIME_MAX)
		consider_civil(set, changes, plan->until + 1);
	if (plan->until_instant < INT64_MAX)
		consider(changes, plan->until_instant + 1);
}

/* of one rule and all that exclude */
static struct changes
changes_around(const struct rr_set *set, const struct rr_plan *plan, int64_t at)
{
	struct changes changes = { at, INT64_MIN, INT64_MAX };

	consider_plan(set, &changes, plan);
	for (int i = 0; i < set->n_exrules; i++)
		consider_plan(set, &changes, &set->exrules[i]);
	if (set->zone != NULL)
	{
		consider(&changes, ZONES_BEGIN);
		consider(&changes, ZONES_SETTLE);
	}
	return changes;
}

/* ---- the search ---------------------------------------------------------------------- */

/* a run of candidates of one rule that rules exclude, in the direction of a search */
struct cover
{
	int64_t since;    /* its first; from there on no rule begins or ends before change */
	int64_t change;   /* the next place where one does */
	int64_t cycle;    /* of the rule with all that exclude; 0: not known yet */
	int by;           /* the one that excludes at present, or -1: there is no run */
	int64_t by_since; /* it alone has excluded all since there */
	int64_t by_cycle; /* of the rule with this one; 0: not known yet */
};

#define SHORTEST_CYCLE (RR_CYCLE_DAYS * RR_DAY_SECONDS)

/* in seconds, of a rule with those that exclude from number first on, n of them */
static int64_t
cycle_with(const struct rr_set *set, const struct rr_plan *plan, int first, int n)
{
	int64_t cycles = common_cycle(1, plan);

	for (int i = first; i < first + n; i++)
		cycles = common_cycle(cycles, &set->exrules[i]);
	return cycles == NEVER ? NEVER : cycles * SHORTEST_CYCLE;
}

static void
start_cover(struct cover *c, int64_t since, int64_t change)
{
	c->since = c->by_since = since;
	c->change = change;
}

/* one more that a rule excludes; true if so are all up to the next change */
static bool
add_to_cover(struct cover *c, const struct rr_set *set, const struct rr_plan *plan, int64_t t,
			 int by)
{
	if (by != c->by)
	{
		c->by = by;
		c->by_since = t;
		c->by_cycle = 0;
	}
	if (llabs(t - c->since) < SHORTEST_CYCLE)
		return false;
	if (c->cycle == 0)
		c->cycle = cycle_with(set, plan, 0, set->n_exrules);
	if (c->by_cycle == 0)
		c->by_cycle = cycle_with(set, plan, by, 1);
	return llabs(t - c->since) >= c->cycle || llabs(t - c->by_since) >= c->by_cycle;
}

static void
pause_at_times(const struct rr_set *set, unsigned step)
{
	if (set->pause != NULL && step % STEPS_PER_PAUSE == 0)
		set->pause(set->context);
}

/* how a search within bounds ends */
enum outcome
{
	FOUND,
	NOT_WITHIN, /* none within the bounds */
	NOT_AT_ALL  /* none beyond them either */
};

/* the first occurrence lo <= t < end of one rule that nothing excludes */
static enum outcome
next_of_rule(const struct rr_set *set, const struct rr_plan *plan, int64_t lo, int64_t end,
			 int64_t *found)
{
	struct cover c = { .by = -1 };

	for (unsigned step = 1;; step++)
	{
		int64_t t;
		int by;

		if (!plan_next(set, plan, lo, &t))
			return NOT_AT_ALL;
		if (t >= end)
			return NOT_WITHIN;
		lo = t + 1;
		by = excluding_rule(set, t, c.by < 0 ? 0 : c.by);
		if (by < 0 && !excluded_by_date(set, t))
		{
			*found = t;
			return FOUND;
		}
		if (by < 0)
			c.by = -1;
		else
		{
			if (c.by < 0 || t >= c.change)
				start_cover(&c, t, changes_around(set, plan, t).after);
			if (add_to_cover(&c, set, plan, t, by))
			{
				if (c.change == INT64_MAX)
					return NOT_AT_ALL;
				lo = c.change;
			}
		}
		pause_at_times(set, step);
	}
}

/* the last occurrence start < t <= hi of one rule that nothing excludes */
static enum outcome
previous_of_rule(const struct rr_set *set, const struct rr_plan *plan, int64_t start, int64_t hi,
				 int64_t *found)
{
	struct cover c = { .by = -1 };

	for (unsigned step = 1;; step++)
	{
		int64_t t;
		int by;

		if (!plan_previous(set, plan, hi, &t))
			return NOT_AT_ALL;
		if (t <= start)
			return NOT_WITHIN;
		hi = t - 1;
		by = excluding_rule(set, t, c.by < 0 ? 0 : c.by);
		if (by < 0 && !excluded_by_date(set, t))
		{
			*found = t;
			return FOUND;
		}
		if (by < 0)
			c.by = -1;
		else
		{
			if (c.by < 0 || t < c.change)
				start_cover(&c, t, changes_around(set, plan, t).before);
			if (add_to_cover(&c, set, plan, t, by))
			{
				if (c.change == INT64_MIN)
					return NOT_AT_ALL;
				hi = c.change - 1;
			}
		}
		pause_at_times(set, step);
	}
}

/*
 * The first occurrence lo <= t < end of all rules.  They are searched together in ever longer
 * stretches, so that one of which little is left does not keep the answer of another waiting.
 */
static bool
next_of_rules(const struct rr_set *set, int64_t lo, int64_t end, int64_t *found)
{
	for (int64_t stretch = FIRST_STRETCH;; stretch *= 8)
	{
		int64_t limit = stretch < NEVER / 8 && lo + stretch < end ? lo + stretch : end;
		bool any = false;
		bool more = false;

		for (int i = 0; i < set->n_rules; i++)
		{
			enum outcome outcome =
				next_of_rule(set, &set->rules[i], lo, any ? *found : limit, found);

			any |= outcome == FOUND;
			more |= outcome == NOT_WITHIN;
		}
		if (any || !more || limit == end)
			return any;
	}
}

/* the last occurrence start < t <= hi of all rules */
static bool
previous_of_rules(const struct rr_set *set, int64_t start, int64_t hi, int64_t *found)
{
	for (int64_t stretch = FIRST_STRETCH;; stretch *= 8)
	{
		int64_t limit = stretch < NEVER / 8 && hi - stretch > start ? hi - stretch : start;
		bool any = false;
		bool more = false;

		for (int i = 0; i < set->n_rules; i++)
		{
			enum outcome outcome =
				previous_of_rule(set, &set->rules[i], any ? *found : limit, hi, found);

			any |= outcome == FOUND;
			more |= outcome == NOT_WITHIN;
		}
		if (any || !more || limit == start)
			return any;
	}
}

/* ---- making a set -------------------------------------------------------------------- */

/* does every occurrence of a rule belong to another, by their plans? */
static bool
covers(const struct rr_plan *other, const struct rr_plan *plan)
{
	struct rr_plan same = *plan;

	same.until = other->until;
	same.until_instant = other->until_instant;
	return other->until >= plan->until && other->until_instant >= plan->until_instant &&
		   memcmp(&same, other, sizeof(same)) == 0;
}

/*
 * Is every occurrence of a rule excluded?  Where an excluding rule ends earlier, something is left
 * as a rule, and a search through all that it does exclude would be for nothing.
 */
static bool
is_void(const struct rr_set *set, const struct rr_plan *plan)
{
	bool outlives = false;
	int64_t found;

	if (plan->empty)
		return true;
	for (int i = 0; i < set->n_exrules; i++)
	{
		const struct rr_plan *other = &set->exrules[i];

		if (covers(other, plan))
			return true;
		outlives |= other->until < plan->until || other->until_instant < plan->until_instant;
	}
	return !outlives && next_of_rule(set, plan, 2 * RR_TIME_MIN, INT64_MAX, &found) == NOT_AT_ALL;
}

void
rr_set_make(struct rr_set *set)
{
	for (int i = 0; i < set->n_rules; i++)
		rr_plan_settle(&set->rules[i], set->zone);
	for (int i = 0; i < set->n_exrules; i++)
		rr_plan_settle(&set->exrules[i], set->zone);
	for (int i = set->n_rules - 1; i >= 0; i--)
		if (is_void(set, &set->rules[i]))
			set->rules[i] = set->rules[--set->n_rules];
}

bool
rr_set_ends(const struct rr_set *set)
{
	for (int i = 0; i < set->n_rules; i++)
		if (set->rules[i].count == 0 && set->rules[i].until == RR_TIME_MAX &&
			set->rules[i].until_instant == INT64_MAX)
			return false;
	return true;
}

/* ---- asking -------------------------------------------------------------------------- */

bool
rr_set_next(const struct rr_set *set, int64_t lo, int64_t *found)
{
	int i;
	int64_t date = INT64_MAX;

	/* the rules reach no farther back, and differences of times must not overflow */
	if (lo < 2 * RR_TIME_MIN)
		lo = 2 * RR_TIME_MIN;
	i = rank_of(set->dates, set->n_dates, lo);
	while (i < set->n_dates &&
		   (excluded_by_date(set, set->dates[i]) || excluded_by_rule(set, set->dates[i])))
		i++;
	if (i < set->n_dates)
		date = set->dates[i];
	if (next_of_rules(set, lo, date, found))
		return true;
	*found = date;
	return i < set->n_dates;
}

bool
rr_set_previous(const struct rr_set *set, int64_t hi, int64_t *found)
{
	int i;
	int64_t date = INT64_MIN;

	if (hi > 2 * RR_TIME_MAX)
		hi = 2 * RR_TIME_MAX;
	i = rank_of(set->dates, set->n_dates, hi + 1) - 1;
	while (i >= 0 && (excluded_by_date(set, set->dates[i]) || excluded_by_rule(set, set->dates[i])))
		i--;
	if (i >= 0)
		date = set->dates[i];
	if (previous_of_rules(set, date, hi, found))
		return true;
	*found = date;
	return i >= 0;
}

bool
rr_set_contains(const struct rr_set *set, int64_t at)
{
	bool in = is_in(set->dates, set->n_dates, at);

	for (int i = 0; i < set->n_rules && !in; i++)
		in = plan_contains(set, &set->rules[i], at);
	return in && !excluded_by_date(set, at) && !excluded_by_rule(set, at);
}
