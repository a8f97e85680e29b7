/*
 * rr_agree.h
 *		What the tests against the oracles share: a plan's next, previous, contains and runs against a
 *		list of what occurs, and the words where they differ.
 */
#ifndef RR_TEST_AGREE_H
#define RR_TEST_AGREE_H

#include "rr_oracle.h"
#include "rr_random.h"
#include "rr_text.h"
#include "tap.h"

__attribute__((unused)) static bool
complain(const struct rr_rule *rule, int64_t dtstart, const char *what, int64_t at)
{
	char text[RR_TEXT_MAX];

	rr_format(rule, text, sizeof(text));
	diag("%s from %s: %s at %s", text, show_time(dtstart), what, show_time(at));
	return false;
}

/* index of the first item >= t */
__attribute__((unused)) static int
position(const struct list *all, int64_t t)
{
	int lo = 0;
	int hi = all->n;

	while (lo < hi)
	{
		int middle = (lo + hi) / 2;

		if (all->t[middle] < t)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

__attribute__((unused)) static const char *
probe(const struct rr_plan *plan, const struct list *all, int64_t horizon, int64_t t)
{
	int i = position(all, t);
	bool hit = i < all->n && all->t[i] == t;
	int64_t found = 0;
	bool any = rr_next(plan, t, &found);

	if (i < all->n ? !any || found != all->t[i] : any && found < horizon)
		return "next";
	any = rr_previous(plan, t, &found);
	if (!hit)
		i--;
	if (i >= 0 ? !any || found != all->t[i] : any)
		return "previous";
	return rr_contains(plan, t) == hit ? NULL : "contains";
}

/* a batch holds what rr_next gives one after the other */
__attribute__((unused)) static bool
fill_agrees(const struct rr_plan *plan, int64_t lo, int64_t hi, int size)
{
	int64_t out[64];
	int n = rr_fill(plan, lo, hi, out, size);
	int64_t t = lo;

	for (int i = 0; i < n; i++, t++)
		if (!rr_next(plan, t, &t) || t != out[i] || t > hi)
			return false;
	return n == size || !rr_next(plan, t, &t) || t > hi;
}

/*
 * The first `most` occurrences one after the other, then `probes` times at random before the horizon
 * of the list, and near what it holds.
 */
__attribute__((unused)) static bool
agree_with_list(const struct rr_rule *rule, int64_t dtstart, const struct list *all,
				int64_t horizon, int most, int probes)
{
	static struct rr_plan plan;
	int64_t lo = RR_TIME_MIN;

	rr_plan_make(&plan, rule, dtstart, RR_FLOATING);
	for (int i = 0; i < all->n && i < most; i++)
	{
		int64_t found;

		if (!rr_next(&plan, lo, &found) || found != all->t[i])
			return complain(rule, dtstart, "sequence", all->t[i]);
		lo = found + 1;
	}
	for (int i = 0; i < probes; i++)
	{
		int64_t t = dtstart - 3 * DAY +
					(int64_t) ((uint64_t) rand() * 1021 % (uint64_t) (horizon - dtstart));
		const char *wrong;

		if (all->n > 0 && i % 2 == 0)
			t = all->t[pick(all->n)] + pick(3) - 1;
		wrong = t < horizon ? probe(&plan, all, horizon, t) : NULL;
		if (wrong != NULL)
			return complain(rule, dtstart, wrong, t);
		if (!fill_agrees(&plan, t, t + pick(400) * (int64_t) DAY, 1 + pick(64)))
			return complain(rule, dtstart, "fill", t);
	}
	return true;
}

#endif
