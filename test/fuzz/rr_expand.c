/*
 * rr_expand.c
 *		Fuzz target: next, previous and contains of any rule against the oracles of the unit tests.
 *
 * Four bytes choose DTSTART, the rest is the text of the rule.  What the oracles would take too
 * long for is left out: they visit every second of a day.
 */
#include "targets.h"

#include <stdio.h>
#include <stdlib.h>

/* many rules rather than long ones */
#define MAX_STEPS 4000

#include "test/unit/rr_oracle.h"
#include "test/unit/rr_oracle_subday.h"

#define HEADER   4
#define MAX_TEXT 400

static int
count_bits(uint64_t set)
{
	return set == 0 ? 1 : __builtin_popcountll(set);
}

static bool
is_small(const struct rr_rule *rule)
{
	return rule->freq > RR_DAILY ||
		   count_bits(rule->hours) * count_bits(rule->minutes) * count_bits(rule->seconds) <= 40;
}

static int64_t
start_of(const uint8_t *data)
{
	uint32_t n = (uint32_t) data[0] | (uint32_t) data[1] << 8 | (uint32_t) data[2] << 16;

	/* days 1974 .. 2063 */
	return (1461 + (int64_t) (n % 32768)) * DAY + (int64_t) (n / 32768) * 165 % DAY + data[3] % 60;
}

static void
check(const struct rr_rule *rule, int64_t dtstart)
{
	static const int horizons[] = { 5000, 1500, 600, 300 };
	static struct list all;
	static struct rr_plan plan;
	int64_t horizon;
	int64_t t = RR_TIME_MIN;
	int64_t other;
	struct oracle o;

	rr_plan_make(&plan, rule, dtstart, RR_FLOATING);
	if (rule->freq > RR_DAILY)
		horizon = subday_list(rule, dtstart, &all);
	else
	{
		oracle_init(&o, rule, dtstart);
		horizon = oracle_list(&o, horizons[rule->freq], &all);
	}
	for (int i = 0; i < all.n && i < 300; i++, t++)
		if (!rr_next(&plan, t, &t) || t != all.t[i] || !rr_contains(&plan, t) ||
			(i > 0 && (!rr_previous(&plan, t - 1, &other) || other != all.t[i - 1])))
			abort();
	if (all.n <= 300 && rr_next(&plan, t, &other) && other < horizon)
		abort();
	/* and the end of time is reached */
	rr_previous(&plan, RR_TIME_MAX, &t);
	rr_next(&plan, RR_TIME_MAX - 1000000, &t);
}

int
fuzz_rr_expand(const uint8_t *data, size_t size)
{
	struct rr_rule rule;
	struct rr_error error;

	if (size > HEADER && size < HEADER + MAX_TEXT &&
		rr_parse((const char *) data + HEADER, size - HEADER, &rule, &error) && is_small(&rule))
		check(&rule, start_of(data));
	return 0;
}
