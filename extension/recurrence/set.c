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
 * A run of excluded candidates is left behind by calculation (set_left.c): whole days, mostly as bits of a
 * bitmap of 400 years.  So only what is not seen there to be excluded is tried one by one.
 *
 * A rule of which nothing is left is taken out when the set is made; where the same rule excludes
 * it, without a search.
 */
#include "set_left.h"

#include <stdlib.h>
#include <string.h>

#include "civil.h"
#include "plan.h"

/* after so many excluded candidates the run that they are in is calculated */
#define STEPS_PER_RUN 64

/* a candidate is tried in some 50 ns, so pause() is called every few hundred microseconds */
#define STEPS_PER_PAUSE 4096

/* more than the farthest that a zone moves a civil time, changes of the date line included */
#define ZONE_REACH (2 * RR_DAY_SECONDS)

/* no zone of the database changed before 1800, and after 2100 all follow a yearly pattern */
#define ZONES_BEGIN  INT64_C(-5364662400)
#define ZONES_SETTLE INT64_C(4102444800)

/* the stretch of time in which several rules are searched together at first */
#define FIRST_STRETCH (400 * RR_DAY_SECONDS)

#define SHORTEST_CYCLE (RR_CYCLE_DAYS * RR_DAY_SECONDS)

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

/* the least common multiple of a cycle and that of one more rule, in units of 400 years */
static int64_t
common_cycle(int64_t cycles, const struct rr_plan *plan)
{
	const int64_t most = (RR_TIME_MAX - RR_TIME_MIN) / (RR_CYCLE_DAYS * RR_DAY_SECONDS);
	int64_t own;

	if (plan->empty || cycles == NEVER)
		return cycles;
	own = plan->unit == RR_UNIT_TIME
			  ? plan->interval / rr_gcd(plan->interval, RR_CYCLE_DAYS * plan->unit_count)
			  : rr_cycle_of_days(plan);
	if (own > most)
		return NEVER;
	cycles = cycles / rr_gcd(cycles, own) * own;
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

/* a rule begins or ends at this civil time; near a change of the zone, not farther from it than it reaches */
static void
consider_civil(const struct rr_set *set, struct changes *changes, int64_t civil)
{
	struct rr_span span;
	int64_t at;

	if (set->zone == NULL)
	{
		consider(changes, civil);
		return;
	}
	at = rr_to_instant(set->zone, civil);
	set->zone->span(set->zone->context, at, &span);
	if ((span.start == INT64_MIN || at - span.start > ZONE_REACH) &&
		(span.end == INT64_MAX || span.end - at > ZONE_REACH))
	{
		consider(changes, at);
		return;
	}
	consider(changes, at - ZONE_REACH);
	consider(changes, at + ZONE_REACH);
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

/* ---- runs that are excluded ---------------------------------------------------------- */

/* does one of them run in elapsed time, which fits the clock from change to change only? */
static bool
any_elapsed(const struct rr_set *set, const struct rr_plan *plan, bool *all)
{
	bool any = plan->elapsed;

	*all = plan->elapsed;
	for (int i = 0; i < set->n_exrules; i++)
	{
		any |= set->exrules[i].elapsed;
		*all &= set->exrules[i].elapsed;
	}
	return any;
}

static int64_t
gap_of(const struct rr_span *span)
{
	return span->offset > span->offset_before ? span->offset - span->offset_before : 0;
}

/*
 * The first instant of a span from which on the clock shows each time once, and what it shows there is
 * what occurs: not what a fold repeats, nor where a gap has moved something to.
 */
static int64_t
plain_from(const struct rr_span *span, bool all_elapsed)
{
	if (span->start == INT64_MIN || all_elapsed)
		return span->start;
	return span->start + llabs(span->offset - span->offset_before);
}

/* before this instant nothing occurs that the clock names as this civil second or a later one */
static int64_t
instant_before(const struct rr_set *set, int64_t civil)
{
	int64_t at = rr_to_instant(set->zone, civil);
	struct rr_span span;

	set->zone->span(set->zone->context, at, &span);
	return span.start != INT64_MIN && at - span.start < gap_of(&span) ? span.start : at;
}

static int64_t
instant_behind(const struct rr_set *set, int64_t civil)
{
	int64_t at = rr_to_instant(set->zone, civil);
	struct rr_span span;

	set->zone->span(set->zone->context, at, &span);
	return span.start != INT64_MIN && at - span.start < gap_of(&span) ? span.start + gap_of(&span)
																	  : at;
}

/* the clock from one instant to another; rules have no occurrence behind RR_TIME_MAX */
static struct rr_stretch
stretch_of(const struct rr_set *set, int64_t first, int64_t last)
{
	struct rr_stretch s = { .last_instant = last };

	s.first = rr_to_civil(set->zone, first);
	s.last = rr_to_civil(set->zone, last);
	s.offset = s.first - first;
	if (s.last > RR_TIME_MAX)
		s.last = RR_TIME_MAX;
	return s;
}

/* nothing of the rule that is not excluded occurs before this one of the instants from .. end - 1 */
static int64_t
zoned_left_from(const struct rr_set *set, const struct rr_plan *plan, int64_t from, int64_t end)
{
	int64_t upto = end - from > SHORTEST_CYCLE ? from + SHORTEST_CYCLE : end;
	bool all;
	bool any = any_elapsed(set, plan, &all);

	for (struct rr_span span; from < upto; from = span.end)
	{
		bool to_end;
		struct rr_stretch s;
		int64_t left;

		set->zone->span(set->zone->context, from, &span);
		if (from < plain_from(&span, all))
			return from;
		to_end = !any || span.end >= end;
		s = stretch_of(set, from, to_end ? end - 1 : span.end - 1);
		left = rr_left_from(set, plan, &s);
		if (left <= s.last)
			return any ? left - s.offset : instant_before(set, left);
		if (to_end)
			return end;
	}
	return from;
}

/* nor behind this one of start + 1 .. upto */
static int64_t
zoned_left_upto(const struct rr_set *set, const struct rr_plan *plan, int64_t start, int64_t upto)
{
	int64_t from = upto - start > SHORTEST_CYCLE ? upto - SHORTEST_CYCLE : start;
	bool all;
	bool any = any_elapsed(set, plan, &all);

	for (struct rr_span span; upto > from; upto = span.start - 1)
	{
		int64_t plain;
		bool to_start;
		struct rr_stretch s;
		int64_t left;

		set->zone->span(set->zone->context, upto, &span);
		/* if it is behind upto, a stretch from it on is empty, and what is before it is tried one by one */
		plain = plain_from(&span, all);
		to_start = !any || plain <= start + 1;
		s = stretch_of(set, to_start ? start + 1 : plain, upto);
		s.offset = span.offset;
		left = rr_left_upto(set, plan, &s);
		if (left >= s.first)
			return any ? left - s.offset : instant_behind(set, left);
		if (to_start)
			return start;
		if (plain != span.start)
			return plain - 1;
	}
	return upto;
}

/* where to go on from an excluded candidate before the end, in which no rule begins or ends */
static int64_t
behind_run(const struct rr_set *set, const struct rr_plan *plan, int64_t t, int64_t end)
{
	int64_t next;

	if (end > RR_TIME_MAX + ZONE_REACH)
		end = RR_TIME_MAX + ZONE_REACH;
	if (set->zone != NULL)
		next = zoned_left_from(set, plan, t, end);
	else
	{
		struct rr_stretch s = { t, end - 1 < RR_TIME_MAX ? end - 1 : RR_TIME_MAX, 0, INT64_MIN };

		next = rr_left_from(set, plan, &s);
		next = next > s.last ? end : next;
	}
	return next > t ? next : t + 1;
}

/* and from one behind the start */
static int64_t
before_run(const struct rr_set *set, const struct rr_plan *plan, int64_t t, int64_t start)
{
	int64_t next;

	if (start < RR_TIME_MIN)
		start = RR_TIME_MIN;
	if (set->zone != NULL)
		next = zoned_left_upto(set, plan, start, t);
	else
		next = rr_left_upto(set, plan, &(struct rr_stretch){ start + 1, t, 0, INT64_MIN });
	return next < t ? next : t - 1;
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
			else if (step % STEPS_PER_RUN == 0)
				c.by_since = lo = behind_run(set, plan, t, c.change < end ? c.change : end);
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
			else if (step % STEPS_PER_RUN == 0)
				c.by_since = hi = before_run(set, plan, t, c.change > start ? c.change - 1 : start);
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
