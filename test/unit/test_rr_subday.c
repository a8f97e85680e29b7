/*
 * test_rr_subday.c
 *		FREQ=HOURLY, MINUTELY and SECONDLY against a brute-force oracle over random rules, COUNT
 *		beyond the oracle's reach, rules that never match, and that hostile rules take no time.
 *
 * The oracle stands in rr_oracle_subday.h.  The seed stands in the output; argument 1 repeats a run, argument 2 is the number of rules.
 */
#include <time.h>

#include "rr_agree.h"
#include "rr_oracle_subday.h"

/* ---- random rules -------------------------------------------------------------------- */

static int
random_interval(int freq)
{
	static const int usual[] = { 1,  1,  1,  2,  3,  4,  5,  6,  7,  8,
								 11, 12, 15, 20, 24, 30, 36, 45, 48, 90 };
	static const int wide[] = { 168,  1439,  1440,  1441,  10080, 3600,
								3601, 86399, 86400, 86401, 604800 };

	if (pick(6) == 0)
		return wide[pick(freq == RR_SECONDLY ? 11 : 5)];
	return pick(8) == 0 ? 1 + pick(5000) : usual[pick(20)];
}

static void
random_subday_rule(struct rr_rule *rule)
{
	struct rr_rule plain;

	memset(rule, 0, sizeof(*rule));
	rule->freq = (uint8_t) (RR_HOURLY + pick(3));
	rule->interval = random_interval(rule->freq);
	plain = *rule;
	if (pick(4) == 0)
		rule->months = (uint16_t) pick_bits(3, 1, 12);
	if (pick(5) == 0)
	{
		rule->monthdays = (uint32_t) pick_bits(3, 1, 31);
		rule->monthdays_minus = pick(2) ? (uint32_t) pick_bits(2, 1, 31) : 0;
	}
	if (pick(8) == 0)
		pick_numbers(&rule->yeardays, 6, 366);
	if (pick(4) == 0)
		rule->weekdays = (uint8_t) pick_bits(3, 0, 6);
	if (pick(3) == 0)
		rule->hours = (uint32_t) pick_bits(4, 0, 23);
	if (pick(3) == 0)
		rule->minutes = pick_bits(pick(4) ? 4 : 60, 0, 59);
	if (pick(3) == 0)
		rule->seconds = pick_bits(pick(4) ? 3 : 60, 0, 59);
	if (memcmp(rule, &plain, sizeof(plain)) != 0 && pick(4) == 0)
		pick_numbers(&rule->setpos, 3, pick(2) ? 4 : 200);
}

static int64_t
random_start(void)
{
	return (rr_day_of(1975 + pick(100), 1 + pick(12), 1) + pick(31)) * DAY +
		   (pick(2) ? pick(24) * 3600 : pick(DAY));
}

static void
random_end(struct rr_rule *rule, int64_t dtstart)
{
	switch (pick(4))
	{
		case 0:
			rule->count = 1 + pick(pick(2) ? 20 : 3000);
			break;
		case 1:
			rule->until_kind = (uint8_t) (1 + pick(3));
			rule->until = dtstart + (int64_t) pick(300) * DAY + pick(DAY);
			if (rule->until_kind == RR_UNTIL_DATE)
				rule->until -= rr_floormod(rule->until, DAY);
			break;
		default:
			break;
	}
}

/* ---- the comparison ------------------------------------------------------------------ */

static bool
agree(const struct rr_rule *rule, int64_t dtstart)
{
	static struct list all;
	int64_t horizon = subday_list(rule, dtstart, &all);

	return agree_with_list(rule, dtstart, &all, horizon, 1000, 40);
}

static void
test_oracle(int rules)
{
	int bad = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		int64_t dtstart = random_start();
		struct rr_rule rule;

		random_subday_rule(&rule);
		random_end(&rule, dtstart);
		bad += !agree(&rule, dtstart);
	}
	ok(bad == 0, "%d random rules agree with the oracle", rules);
}

/* COUNT ends where counting ends, beyond the oracle's reach too */
static void
test_count(int rules)
{
	static struct rr_plan endless;
	static struct rr_plan plan;
	int bad = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		int64_t dtstart = random_start();
		int64_t lo = RR_TIME_MIN;
		int64_t t = 0;
		int64_t last;
		struct rr_rule rule;
		int32_t n = 0;

		random_subday_rule(&rule);
		rr_plan_make(&endless, &rule, dtstart, RR_FLOATING);
		rule.count = 1 + pick(i % 10 == 0 ? 60000 : 400);
		rr_plan_make(&plan, &rule, dtstart, RR_FLOATING);
		for (; n < rule.count && rr_next(&endless, lo, &t); n++)
			lo = t + 1;
		if (n == 0)
			bad += rr_next(&plan, RR_TIME_MIN, &t) && !complain(&rule, dtstart, "empty", t);
		else if (n == rule.count && (!rr_previous(&plan, RR_TIME_MAX, &last) || last != t))
			bad += !complain(&rule, dtstart, "count", t);
	}
	ok(bad == 0, "COUNT ends where counting ends, %d random rules", rules);
}

/* ---- single rules -------------------------------------------------------------------- */

static double
seconds_since(const struct timespec *start)
{
	struct timespec now;

	timespec_get(&now, TIME_UTC);
	return (double) (now.tv_sec - start->tv_sec) + 1e-9 * (double) (now.tv_nsec - start->tv_nsec);
}

/* what it takes to find these or to know that there are none; by far more than it should be */
#define PATIENCE 0.5

static const struct
{
	const char *dtstart;
	const char *rule;
	const char *first; /* NULL: never */
} firsts[] = {
	{ "2026-01-01T00:00:00", "FREQ=HOURLY;INTERVAL=2;BYHOUR=1", NULL },
	{ "2026-01-01T00:00:00", "FREQ=HOURLY;INTERVAL=2;BYHOUR=1;COUNT=4", NULL },
	{ "2026-01-01T00:00:00", "FREQ=SECONDLY;INTERVAL=60;BYSECOND=30", NULL },
	{ "2026-01-01T00:00:00", "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", NULL },
	{ "2026-01-01T00:00:00", "FREQ=SECONDLY;BYMONTH=3", "2026-03-01T00:00:00" },
	{ "2026-01-05T00:00:00", "FREQ=HOURLY;INTERVAL=168;BYDAY=TU", NULL },
	{ "2026-01-05T00:00:00", "FREQ=HOURLY;INTERVAL=21;BYHOUR=0;BYDAY=TU", NULL },
	{ "2026-01-05T00:00:00", "FREQ=HOURLY;INTERVAL=21;BYHOUR=3;BYDAY=TU,WE,TH,FR,SA", NULL },
	{ "2026-01-05T00:00:00", "FREQ=SECONDLY;INTERVAL=604800;BYDAY=TU", NULL },
	{ "2026-01-05T00:00:00", "FREQ=HOURLY;BYMINUTE=0,30;BYSETPOS=3", NULL },
	{ "2026-01-05T00:00:00", "FREQ=SECONDLY;BYSECOND=0,30;BYSETPOS=2", NULL },
	{ "2026-01-05T00:00:00", "FREQ=SECONDLY;BYSECOND=1,30;BYSETPOS=-1", "2026-01-05T00:00:01" },
	{ "2026-01-05T00:00:00", "FREQ=MINUTELY;BYSECOND=0,30;BYSETPOS=2", "2026-01-05T00:00:30" },
	{ "2026-01-05T00:00:00", "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
	  "2044-02-29T00:00:00" },
	{ "2026-01-05T00:00:01",
	  "FREQ=SECONDLY;INTERVAL=86399;BYHOUR=0;BYMINUTE=0;BYSECOND=0;BYMONTHDAY=31",
	  "9832-03-31T00:00:00" },
	{ "2026-01-05T00:00:01",
	  "FREQ=SECONDLY;INTERVAL=86401;BYHOUR=0;BYMINUTE=0;BYSECOND=0;BYMONTH=2;BYMONTHDAY=29;BYDAY="
	  "MO",
	  NULL },
	{ "2026-01-05T00:00:01", "FREQ=SECONDLY;INTERVAL=2147483647;BYDAY=MO", "2026-01-05T00:00:01" },
	{ "2026-01-05T00:00:01", "FREQ=HOURLY;INTERVAL=2147483647;BYDAY=SU", NULL },
};

static void
test_firsts(void)
{
	static struct rr_plan plan;

	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
	{
		struct timespec start;
		struct rr_rule rule;
		int64_t t = 0;
		bool any;
		double spent;

		ok(parse_rule(firsts[i].rule, &rule), "%s is a rule", firsts[i].rule);
		timespec_get(&start, TIME_UTC);
		rr_plan_make(&plan, &rule, read_time(firsts[i].dtstart), RR_FLOATING);
		any = rr_next(&plan, RR_TIME_MIN, &t);
		spent = seconds_since(&start);
		diag("%s: %s in %.1f us", firsts[i].rule, any ? show_time(t) : "never", spent * 1e6);
		ok(firsts[i].first == NULL ? !any : any && t == read_time(firsts[i].first),
		   "and first occurs when it should");
		ok(spent < PATIENCE, "and that is known at once");
	}
}

static const char *const hostile_counts[] = {
	"FREQ=SECONDLY;COUNT=2147483647",
	"FREQ=SECONDLY;INTERVAL=2147483647;COUNT=2147483647",
	"FREQ=SECONDLY;INTERVAL=2;BYHOUR=9;COUNT=2147483647",
	"FREQ=SECONDLY;INTERVAL=7;BYHOUR=9;COUNT=2147483647",
	"FREQ=SECONDLY;INTERVAL=7;BYHOUR=9;BYDAY=MO;COUNT=2147483647",
	"FREQ=SECONDLY;INTERVAL=127;BYHOUR=9;BYDAY=MO,TU,WE,TH,FR;COUNT=2147483647",
	"FREQ=MINUTELY;INTERVAL=1439;BYHOUR=9;BYDAY=MO;COUNT=2147483647",
	"FREQ=SECONDLY;INTERVAL=86399;BYSECOND=0,1,2,3,4,5,6,7,8;BYMONTHDAY=13;COUNT=2147483647",
	"FREQ=HOURLY;BYMINUTE=0,1,2,3,4,5;BYSETPOS=1,2,-1;BYDAY=MO;COUNT=2147483647",
};

static void
test_hostile_counts(void)
{
	static struct rr_plan plan;

	for (size_t i = 0; i < sizeof(hostile_counts) / sizeof(hostile_counts[0]); i++)
	{
		struct timespec start;
		struct rr_rule rule;
		int64_t t = 0;
		double spent;

		parse_rule(hostile_counts[i], &rule);
		timespec_get(&start, TIME_UTC);
		rr_plan_make(&plan, &rule, read_time("2026-01-05T00:00:00"), RR_FLOATING);
		rr_previous(&plan, RR_TIME_MAX, &t);
		spent = seconds_since(&start);
		diag("%s: until %s, %.1f us", hostile_counts[i], show_time(t), spent * 1e6);
		ok(spent < PATIENCE, "%s is counted at once", hostile_counts[i]);
	}
}

int
main(int argc, char **argv)
{
	unsigned seed = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : (unsigned) time(NULL);
	int rules = argc > 2 ? atoi(argv[2]) : 100;

	diag("seed %u, %d rules", seed, rules);
	srand(seed);
	test_oracle(rules);
	test_count(rules / 2);
	test_firsts();
	test_hostile_counts();
	return done_testing();
}
