/*
 * rrule.c
 *		What the recurrence library costs, in ns.
 *
 * Reads rules, a line each, and prints a line for each: next occurrence with DTSTART 10 and 50
 * years back, an item of a run of 1,000 by rr_fill, reading the text, planning.  Each is the best
 * of several rounds.  With an argument, a number of rules, it draws these at random instead and
 * prints what the typical and the slowest of them cost: next occurrence, plan.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recurrence/civil.h"
#include "recurrence/rrule.h"
#include "test/unit/rr_random.h"

#define ROUNDS 7
#define CALLS  20000
#define DAY    86400
#define RUN    1000

/* kept alive so that no call is optimised away */
static volatile int64_t sink;

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

/* questions spread over a year, so that no branch learns the answer */
static double
time_next_round(const struct rr_plan *plan, int64_t now)
{
	double start = now_ns();

	for (int i = 0; i < CALLS; i++)
	{
		int64_t found = 0;

		rr_next(plan, now + (int64_t) i * 1009 * 1571 % (365 * DAY), &found);
		sink = found;
	}
	return (now_ns() - start) / CALLS;
}

/* Of both plans, round by round in turn: what else the machine does meets them alike. */
static void
time_next(const struct rr_plan plans[2], int64_t now, double best[2])
{
	best[0] = best[1] = 1e18;
	for (int round = 0; round < 2 * ROUNDS; round++)
	{
		double spent = time_next_round(&plans[round % 2], now);

		if (spent < best[round % 2])
			best[round % 2] = spent;
	}
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

static int
bench_rule(const char *text)
{
	static struct rr_plan plans[2];
	const int64_t now = rr_day_of(2026, 11, 22) * DAY + 12 * 3600;
	struct rr_rule rule;
	struct rr_error error;
	double next[2];

	if (!rr_parse(text, strlen(text), &rule, &error))
	{
		fprintf(stderr, "%s: %s\n", text, rr_strerror(error.code));
		return 1;
	}
	for (int back = 0; back < 2; back++)
	{
		int64_t dtstart = rr_day_of(back == 0 ? 2016 : 1976, 11, 22) * DAY + 9 * 3600;

		rr_plan_make(&plans[back], &rule, dtstart, RR_FLOATING);
	}
	time_next(plans, now, next);
	printf("%.1f %.1f %.1f %.1f %.1f\n", next[0], next[1], time_run(&plans[1]), time_parse(text),
		   time_plan(&plans[1], &rule, plans[1].dtstart));
	return 0;
}

/* ---- random rules ------------------------------------------------------------------------ */

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

/* all frequencies, and now and then an interval or a COUNT that is absurd */
static void
draw(struct rr_rule *rule)
{
	random_rule(rule);
	if (rule->freq == RR_DAILY && pick(2))
		rule->freq = (uint8_t) (RR_HOURLY + pick(3));
	if (rule->freq > RR_DAILY && pick(4) == 0)
		pick_numbers(&rule->yeardays, 3, 366);
	if (pick(4) == 0)
		rule->interval = 1 + pick(pick(2) ? 3000 : INT32_MAX);
	if (pick(4) == 0)
		rule->count = 1 + pick(pick(2) ? 3000 : INT32_MAX);
}

/* what asking the clock twice costs */
static double
clock_cost(void)
{
	double best = 1e18;

	for (int i = 0; i < 1000; i++)
	{
		double start = now_ns();
		double spent = now_ns() - start;

		best = spent < best ? spent : best;
	}
	return best;
}

/* a single call, the best of three, less the clock */
static double
time_once(struct rr_plan *plan, const struct rr_rule *rule, int64_t dtstart, int64_t lo,
		  double clock)
{
	double best = 1e18;

	for (int round = 0; round < 3; round++)
	{
		double start = now_ns();
		double spent;
		int64_t found = 0;

		if (lo == 0)
			rr_plan_make(plan, rule, dtstart, RR_FLOATING);
		else
			rr_next(plan, lo, &found);
		spent = now_ns() - start;
		sink = found;
		best = spent < best ? spent : best;
	}
	return best > clock ? best - clock : 0;
}

static void
print_costs(double *costs, int n, const struct rr_rule *worst)
{
	char text[RR_TEXT_MAX];

	qsort(costs, (size_t) n, sizeof(*costs), ascending);
	rr_format(worst, text, sizeof(text));
	printf("%.1f %.1f %.1f %s\n", costs[n / 2], costs[(int) (0.999 * n)], costs[n - 1], text);
}

static int
bench_random(int n)
{
	static struct rr_plan plan;
	double *next = malloc((size_t) n * sizeof(*next));
	double *made = malloc((size_t) n * sizeof(*made));
	struct rr_rule worst_next;
	struct rr_rule worst_made;
	const double clock = clock_cost();
	double most_next = 0;
	double most_made = 0;

	if (next == NULL || made == NULL)
		return 1;
	srand(1);
	for (int i = 0; i < n; i++)
	{
		struct rr_rule rule;
		int64_t dtstart = rr_day_of(1976 + pick(50), 1, 1) * DAY + (int64_t) pick(365) * DAY;

		draw(&rule);
		made[i] = time_once(&plan, &rule, dtstart, 0, clock);
		next[i] = time_once(&plan, &rule, dtstart, rr_day_of(2026, 11, 22) * DAY, clock);
		if (next[i] > most_next)
		{
			most_next = next[i];
			worst_next = rule;
		}
		if (made[i] > most_made)
		{
			most_made = made[i];
			worst_made = rule;
		}
	}
	print_costs(next, n, &worst_next);
	print_costs(made, n, &worst_made);
	free(next);
	free(made);
	return 0;
}

int
main(int argc, char **argv)
{
	static char line[1000];

	if (argc > 1)
		return bench_random(atoi(argv[1]));
	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		line[strcspn(line, "\n")] = '\0';
		if (bench_rule(line) != 0)
			return 1;
	}
	return 0;
}
