/*
 * ical.c
 *		libical: see README.md for what is measured and printed.
 *
 * The next occurrence is asked as fast as libical allows: it starts near the time asked for where the
 * rule has no COUNT, and else goes through all.  Its newer versions can start anywhere as well.
 */
#include <libical/ical.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROUNDS    3
#define BUDGET_NS 1e8
#define PER_RUN   1000
#define NOW       "20261122T120000"

static const char *text;
static struct icalrecurrencetype rule;
static icalrecur_iterator *kept;
static struct icaltimetype start;
static struct icaltimetype now;
static volatile int sink;
static int produced;

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static struct icaltimetype
next_after_now(icalrecur_iterator *iterator)
{
	struct icaltimetype t;

	do
		t = icalrecur_iterator_next(iterator);
	while (!icaltime_is_null_time(t) && icaltime_compare(t, now) <= 0);
	return t;
}

static void
call_jump(void)
{
	icalrecur_iterator_set_start(kept, now);
	sink = next_after_now(kept).day;
}

static void
call_walk(void)
{
	icalrecur_iterator *iterator = icalrecur_iterator_new(rule, start);

	sink = next_after_now(iterator).day;
	icalrecur_iterator_free(iterator);
}

static void
call_run(void)
{
	icalrecur_iterator *iterator = icalrecur_iterator_new(rule, start);

	for (produced = 0; produced < PER_RUN; produced++)
	{
		struct icaltimetype t = icalrecur_iterator_next(iterator);

		if (icaltime_is_null_time(t))
			break;
		sink = t.day;
	}
	icalrecur_iterator_free(iterator);
}

static void
call_parse(void)
{
	struct icalrecurrencetype read = icalrecurrencetype_from_string(text);

	sink = read.interval;
}

/* ns of a call: the best of some rounds of as many calls as fit into the budget, at least one */
static double
best(void (*call)(void))
{
	double found = 1e18;

	for (int round = 0; round < ROUNDS; round++)
	{
		double begin = now_ns();
		double spent;
		int calls = 0;

		do
		{
			call();
			calls++;
			spent = now_ns() - begin;
		} while (spent < BUDGET_NS);
		if (spent / calls < found)
			found = spent / calls;
	}
	return found;
}

/* with DTSTART in this year */
static double
time_next(int year)
{
	double ns;

	start = now;
	start.year = year;
	start.hour = 9;
	kept = icalrecur_iterator_new(rule, start);
	ns = best(rule.count == 0 ? call_jump : call_walk);
	icalrecur_iterator_free(kept);
	return ns;
}

int
main(void)
{
	static char line[1000];

	printf("# libical %s\n", ICAL_VERSION);
	now = icaltime_from_string(NOW);
	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		double near;
		double far;
		double run;

		line[strcspn(line, "\n")] = '\0';
		text = line;
		rule = icalrecurrencetype_from_string(text);
		near = time_next(2016);
		far = time_next(1976);
		run = best(call_run) / (produced > 0 ? produced : 1);
		printf("%.1f %.1f %.1f %.1f\n", near, far, run, best(call_parse));
	}
	return 0;
}
