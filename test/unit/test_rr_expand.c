/*
 * test_rr_expand.c
 *		Next, previous and contains against a brute-force oracle over random rules.
 *
 * The oracle stands in rr_oracle.h.  The seed stands in the output; argument 1 repeats a run, argument 2 is the number of rules.
 */
#include <time.h>

#include "rr_agree.h"

/* ---- the comparison ------------------------------------------------------------------ */

static bool
agree(const struct rr_rule *rule, int64_t dtstart)
{
	static const int horizons[] = { 7000, 2500, 900, 500 };
	static struct list all;
	struct oracle o;
	int64_t horizon;

	oracle_init(&o, rule, dtstart);
	horizon = oracle_list(&o, horizons[rule->freq], &all);
	return agree_with_list(rule, dtstart, &all, horizon, 400, 30);
}

static int64_t
random_start(void)
{
	int64_t day = rr_day_of(1890 + pick(220), 1 + pick(12), 1) + pick(31);

	return day * DAY + (pick(4) ? 9 * 3600 : pick(DAY));
}

static void
any_rule(struct rr_rule *rule)
{
	if (pick(5) == 0)
		random_spilling_rule(rule);
	else
		random_rule(rule);
}

static void
random_end(struct rr_rule *rule, int64_t dtstart)
{
	switch (pick(4))
	{
		case 0:
			rule->count = 1 + pick(60);
			break;
		case 1:
			rule->until_kind = (uint8_t) (1 + pick(3));
			rule->until = dtstart + (int64_t) pick(1500) * DAY + pick(3) - 1;
			if (rule->until_kind == RR_UNTIL_DATE)
				rule->until -= rr_floormod(rule->until, DAY);
			break;
		default:
			break;
	}
}

static void
test_oracle(int rules)
{
	int bad = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		int64_t dtstart = random_start();
		struct rr_rule rule;

		any_rule(&rule);
		random_end(&rule, dtstart);
		bad += !agree(&rule, dtstart);
	}
	ok(bad == 0, "%d random rules agree with the oracle", rules);
}

/* ---- properties beyond the oracle's horizon ------------------------------------------ */

/* COUNT ends at the occurrence with that number, however far it is */
static bool
count_holds(const struct rr_rule *endless, int64_t dtstart, int32_t count)
{
	static struct rr_plan plan;
	static struct rr_plan counted;
	struct rr_rule rule = *endless;
	int64_t t = RR_TIME_MIN;
	int64_t last;
	int32_t n = 0;

	rule.count = count;
	rr_plan_make(&plan, endless, dtstart, RR_FLOATING);
	rr_plan_make(&counted, &rule, dtstart, RR_FLOATING);
	for (int64_t lo = RR_TIME_MIN; n < count && rr_next(&plan, lo, &t); lo = t + 1)
		n++;
	if (n == 0)
		return !rr_next(&counted, RR_TIME_MIN, &t) || complain(&rule, dtstart, "empty", t);
	if (n < count)
		return true; /* the supported years end before the count does */
	if (!rr_previous(&counted, RR_TIME_MAX, &last) || last != t)
		return complain(&rule, dtstart, "count", t);
	return !rr_next(&counted, t + 1, &last) || complain(&rule, dtstart, "beyond count", last);
}

static void
test_count(int rules)
{
	int bad = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		struct rr_rule rule;

		any_rule(&rule);
		bad += !count_holds(&rule, random_start(), 1 + pick(i % 20 == 0 ? 40000 : 500));
	}
	ok(bad == 0, "COUNT ends where counting ends, %d random rules", rules);
}

/* 400 years later the calendar is the same, so the answers are, if INTERVAL divides the cycle */
static void
test_cycle(int rules)
{
	static const int dividing[] = { 1, 1, 2, 4, 5 };
	static struct rr_plan plan;
	const int64_t cycle = RR_CYCLE_DAYS * DAY;
	int bad = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		int64_t dtstart = random_start();
		int64_t t;
		int64_t near;
		int64_t far;
		struct rr_rule rule;

		any_rule(&rule);
		rule.interval = rule.freq <= RR_MONTHLY ? dividing[pick(5)] : pick(2) ? 1 : 3;
		rr_plan_make(&plan, &rule, dtstart, RR_FLOATING);
		t = dtstart + (int64_t) pick(5000) * DAY;
		if (rr_next(&plan, t, &near) != rr_next(&plan, t + 700 * cycle, &far) ||
			(!plan.empty && rr_next(&plan, t, &near) && far != near + 700 * cycle))
			bad += !complain(&rule, dtstart, "280000 years later", t);
	}
	ok(bad == 0, "the same answers 280000 years later, %d random rules", rules);
}

static void
test_never(void)
{
	static const struct
	{
		const char *dtstart;
		const char *rule;
	} never[] = {
		{ "2026-01-01T09:00:00", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30" },
		{ "2026-01-01T09:00:00", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30" },
		{ "2026-01-01T09:00:00", "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;COUNT=10" },
		{ "2023-01-01T09:00:00", "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29" },
		{ "2026-01-05T09:00:00", "FREQ=DAILY;INTERVAL=7;BYDAY=TU" },
		{ "2026-01-05T09:00:00", "FREQ=DAILY;INTERVAL=7;BYDAY=TU;COUNT=3" },
		{ "2026-01-05T09:00:00", "FREQ=MONTHLY;INTERVAL=12;BYMONTH=2" },
		{ "2026-01-05T09:00:00", "FREQ=MONTHLY;BYDAY=6MO" },
		{ "2026-01-05T09:00:00", "FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=3;BYSETPOS=3" },
		{ "2026-01-05T09:00:00", "FREQ=YEARLY;BYYEARDAY=1;BYMONTH=2" },
		{ "2026-01-05T09:00:00", "FREQ=YEARLY;BYWEEKNO=20;BYMONTH=12" },
		{ "2026-01-05T09:00:00", "FREQ=DAILY;UNTIL=20260104" },
		{ "2026-01-05T09:00:00", "FREQ=DAILY;INTERVAL=2147483647;BYMONTH=2;BYMONTHDAY=31" },
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
	{
		static struct rr_plan plan;
		struct rr_rule rule;
		int64_t t;

		ok(parse_rule(never[i].rule, &rule), "%s is a rule", never[i].rule);
		rr_plan_make(&plan, &rule, read_time(never[i].dtstart), RR_FLOATING);
		ok(!rr_next(&plan, RR_TIME_MIN, &t) && !rr_previous(&plan, RR_TIME_MAX, &t),
		   "and never occurs");
	}
}

/* the ends of time and of numbers */
static void
test_extremes(void)
{
	static struct rr_plan plan;
	struct rr_rule rule;
	int64_t t = 0;
	const int64_t start = read_time("2026-01-01T09:00:00");

	parse_rule("FREQ=YEARLY;INTERVAL=2147483647", &rule);
	rr_plan_make(&plan, &rule, start, RR_FLOATING);
	ok(rr_next(&plan, INT64_MIN, &t) && t == start, "the widest interval begins");
	ok(!rr_next(&plan, start + 1, &t), "and has no second occurrence");
	ok(rr_previous(&plan, INT64_MAX, &t) && t == start, "and so a last one");
	parse_rule("FREQ=DAILY;INTERVAL=2147483647;COUNT=2147483647", &rule);
	rr_plan_make(&plan, &rule, RR_TIME_MIN, RR_FLOATING);
	ok(rr_next(&plan, INT64_MIN, &t) && t == RR_TIME_MIN, "the earliest start");
	ok(!rr_next(&plan, INT64_MAX, &t), "nothing after the end of time");
	parse_rule("FREQ=DAILY;BYHOUR=0,1,2,3,4,5;BYMINUTE=0,1,2,3;BYSECOND=0,1;COUNT=2147483647",
			   &rule);
	rr_plan_make(&plan, &rule, start, RR_FLOATING);
	/* 48 a day from the next day on */
	ok(rr_previous(&plan, INT64_MAX, &t) &&
		   rr_floordiv(t, DAY) == rr_floordiv(start, DAY) + 1 + (INT32_MAX - 1) / 48,
	   "the largest count ends on the right day");
	parse_rule("FREQ=DAILY", &rule);
	rr_plan_make(&plan, &rule, INT64_MAX, RR_FLOATING);
	ok(!rr_next(&plan, INT64_MIN, &t) && !rr_previous(&plan, INT64_MAX, &t), "a start beyond time");
}

int
main(int argc, char **argv)
{
	unsigned seed = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : (unsigned) time(NULL);
	int rules = argc > 2 ? atoi(argv[2]) : 800;

	diag("seed %u, %d rules", seed, rules);
	srand(seed);
	test_oracle(rules);
	test_count(rules / 4);
	test_cycle(rules);
	test_never();
	test_extremes();
	return done_testing();
}
