/*
 * rrule.c
 *		What the recurrence library costs, in ns: next occurrence with DTSTART 10 and 50 years
 *		back, a run of 1000 occurrences per item by rr_fill, reading the text, planning.
 *
 * The rules are the ten of the comparison with other engines and some more.  Each figure is the
 * best of several rounds.  Run it pinned (taskset -c 1).
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "recurrence/civil.h"
#include "recurrence/rrule.h"

#define ROUNDS 7
#define CALLS  20000
#define DAY    86400
#define RUN    1000

static const char *const rules[] = {
	"FREQ=DAILY",
	"FREQ=WEEKLY;BYDAY=MO,WE,FR",
	"FREQ=MONTHLY;BYMONTHDAY=31",
	"FREQ=MONTHLY;BYDAY=-1FR",
	"FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
	"FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
	"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
	"FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
	"FREQ=DAILY;COUNT=100000",
	"FREQ=HOURLY",
	"FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD",
	"FREQ=DAILY;INTERVAL=3;BYDAY=MO,TU,WE,TH,FR",
	"FREQ=HOURLY;INTERVAL=5;BYHOUR=9,10,11,12,13,14,15,16,17",
	"FREQ=SECONDLY;BYMONTH=3",
};

/* kept alive so that no call is optimised away */
static volatile int64_t sink;

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

/* questions spread over a year, so that no branch learns the answer */
static double
time_next(const struct rr_plan *plan, int64_t now)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++)
	{
		double start = now_ns();
		double spent;

		for (int i = 0; i < CALLS; i++)
		{
			int64_t found = 0;

			rr_next(plan, now + (int64_t) i * 1009 * 1571 % (365 * DAY), &found);
			sink = found;
		}
		spent = (now_ns() - start) / CALLS;
		best = spent < best ? spent : best;
	}
	return best;
}

static int64_t run[RUN];

static double
time_run(const struct rr_plan *plan)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++)
	{
		double start = now_ns();
		double spent;
		int n = rr_fill(plan, RR_TIME_MIN, RR_TIME_MAX, run, RUN);

		sink = run[n / 2];
		spent = (now_ns() - start) / (n > 0 ? n : 1);
		best = spent < best ? spent : best;
	}
	return best;
}

static double
time_parse(const char *text)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++)
	{
		double start = now_ns();
		double spent;

		for (int i = 0; i < CALLS / 10; i++)
		{
			struct rr_rule rule;
			struct rr_error error;

			rr_parse(text, strlen(text), &rule, &error);
			sink = rule.interval;
		}
		spent = (now_ns() - start) / (CALLS / 10);
		best = spent < best ? spent : best;
	}
	return best;
}

static double
time_plan(struct rr_plan *plan, const struct rr_rule *rule, int64_t dtstart)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++)
	{
		double start = now_ns();
		double spent;

		for (int i = 0; i < CALLS / 20; i++)
		{
			rr_plan_make(plan, rule, dtstart, RR_FLOATING);
			sink = plan->until;
		}
		spent = (now_ns() - start) / (CALLS / 20);
		best = spent < best ? spent : best;
	}
	return best;
}

int
main(void)
{
	static struct rr_plan plan;
	const int64_t now = rr_day_of(2026, 11, 22) * DAY + 12 * 3600;

	printf("%-48s %8s %8s %8s %8s %8s\n", "ns", "next 10y", "next 50y", "per item", "parse",
		   "plan");
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
	{
		struct rr_rule rule;
		struct rr_error error;
		double next[2];

		if (!rr_parse(rules[i], strlen(rules[i]), &rule, &error))
			return 1;
		for (int back = 0; back < 2; back++)
		{
			int64_t dtstart = rr_day_of(back == 0 ? 2016 : 1976, 11, 22) * DAY + 9 * 3600;

			rr_plan_make(&plan, &rule, dtstart, RR_FLOATING);
			next[back] = time_next(&plan, now);
		}
		printf("%-48s %8.1f %8.1f %8.1f %8.0f %8.0f\n", rules[i], next[0], next[1], time_run(&plan),
			   time_parse(rules[i]), time_plan(&plan, &rule, plan.dtstart));
	}
	return 0;
}
