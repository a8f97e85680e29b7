/*
 * test_rr_start.c
 *		RR_WITH_START: the rule's own occurrences and DTSTART, in civil time and in a zone, with
 *		COUNT that counts DTSTART first.  Random rules; what is expected comes from the plan without it.
 *
 * The seed stands in the output; argument 1 repeats a run, argument 2 is the number of rules.
 */
#include <time.h>

#include "tap.h"
#include "rr_awkward.h"
#include "rr_text.h"
#include "tzif.h"

#define DAY  86400
#define MOST 12

static struct tzif berlin;
static const struct rr_zone zone = { tzif_span, &berlin };

static void
make(struct rr_plan *plan, const struct rr_rule *rule, int64_t dtstart, bool zoned, int flags)
{
	rr_plan_make(plan, rule, dtstart, flags | (zoned ? RR_ZONED | RR_ELAPSED : RR_FLOATING));
	if (zoned)
		rr_plan_elapse(plan, &zone);
}

static bool
next(const struct rr_plan *plan, bool zoned, int64_t lo, int64_t *found)
{
	return zoned ? rr_zoned_next(plan, &zone, lo, found) : rr_next(plan, lo, found);
}

static bool
previous(const struct rr_plan *plan, bool zoned, int64_t hi, int64_t *found)
{
	return zoned ? rr_zoned_previous(plan, &zone, hi, found) : rr_previous(plan, hi, found);
}

static bool
contains(const struct rr_plan *plan, bool zoned, int64_t at)
{
	return zoned ? rr_zoned_contains(plan, &zone, at) : rr_contains(plan, at);
}

/* the start, if UNTIL lets it, and what follows by the rule; returns how many up to MOST */
static int
expected(const struct rr_rule *rule, int64_t dtstart, bool zoned, int64_t *all)
{
	static struct rr_plan plan;
	struct rr_rule endless = *rule;
	int64_t start = zoned ? rr_to_instant(&zone, dtstart) : dtstart;
	int most = rule->count != 0 && rule->count < MOST ? rule->count : MOST;
	int n = 0;
	int64_t t;

	endless.count = 0;
	make(&plan, &endless, dtstart, zoned, 0);
	if (start <= plan.until_instant && dtstart <= plan.until)
		all[n++] = start;
	for (t = start + 1; n < most && next(&plan, zoned, t, &t); t++)
		all[n++] = t;
	return n;
}

static bool
agree(const struct rr_rule *rule, int64_t dtstart, bool zoned)
{
	static struct rr_plan plan;
	int64_t all[MOST];
	int64_t filled[MOST];
	int64_t t = RR_TIME_MIN;
	int64_t before;
	int n = expected(rule, dtstart, zoned, all);

	make(&plan, rule, dtstart, zoned, RR_WITH_START);
	for (int i = 0; i < n; i++)
	{
		if (!next(&plan, zoned, t, &t) || t != all[i] || !contains(&plan, zoned, t))
			return false;
		if (i == 0 ? previous(&plan, zoned, t - 1, &before)
				   : !previous(&plan, zoned, t - 1, &before) || before != all[i - 1])
			return false;
		if (!previous(&plan, zoned, t, &before) || before != t)
			return false;
		t++;
	}
	if (n < MOST && next(&plan, zoned, t, &t))
		return false;
	if (n < MOST && n > 0 && (!previous(&plan, zoned, RR_TIME_MAX, &t) || t != all[n - 1]))
		return false;
	n = n < MOST ? n : MOST;
	return (zoned ? rr_zoned_fill(&plan, &zone, RR_TIME_MIN, RR_TIME_MAX, filled, MOST)
				  : rr_fill(&plan, RR_TIME_MIN, RR_TIME_MAX, filled, MOST)) == n &&
		   memcmp(filled, all, (size_t) n * sizeof(*all)) == 0;
}

static void
test_random(int rules, bool zoned)
{
	int bad = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		int64_t dtstart =
			(rr_day_of(1975 + pick(60), 1 + pick(12), 1) + pick(31)) * DAY + pick(2) * pick(DAY);
		struct rr_rule rule;

		if (pick(2))
			random_rule(&rule);
		else
			awkward_rule(&rule);
		if (pick(3) == 0)
			rule.count = 1 + pick(8);
		else if (pick(3) == 0)
		{
			rule.until_kind = (uint8_t) (RR_UNTIL_LOCAL + pick(2));
			rule.until = dtstart + (int64_t) (pick(1000) - 100) * DAY;
		}
		if (!agree(&rule, dtstart, zoned))
		{
			char text[RR_TEXT_MAX];

			rr_format(&rule, text, sizeof(text));
			diag("%s from %s", text, show_time(dtstart));
			bad++;
		}
	}
	ok(bad == 0, "%d random rules %s", rules, zoned ? "in a zone" : "in civil time");
}

/* all-day series: an hourly rule has nothing to say there, its start has */
static void
test_dates(void)
{
	static struct rr_plan plan;
	struct rr_rule rule;
	int64_t t;

	parse_rule("FREQ=HOURLY", &rule);
	rr_plan_make(&plan, &rule, 10 * DAY, RR_DATES | RR_WITH_START);
	ok(rr_next(&plan, 0, &t) && t == 10 * DAY && !rr_next(&plan, t + 1, &t), "only the start");
	parse_rule("FREQ=MONTHLY;BYMONTHDAY=30;BYMONTH=2;COUNT=5", &rule);
	rr_plan_make(&plan, &rule, 10 * DAY, RR_DATES | RR_WITH_START);
	ok(rr_previous(&plan, RR_TIME_MAX, &t) && t == 10 * DAY && !rr_next(&plan, t + 1, &t),
	   "a rule that never matches leaves the start");
}

int
main(int argc, char **argv)
{
	unsigned seed = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : (unsigned) time(NULL);
	int rules = argc > 2 ? atoi(argv[2]) : 400;

	diag("seed %u, %d rules", seed, rules);
	srand(seed);
	test_random(rules, false);
	if (tzif_load(&berlin, "Europe/Berlin"))
		test_random(rules / 4, true);
	else
		skip("no zone data");
	test_dates();
	return done_testing();
}
