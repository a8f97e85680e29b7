/*
 * rrule_hostile.c
 *		Looks for the rules that cost the recurrence library most: random rules, drawn to be awkward
 *		(intervals with large prime factors, days that hardly ever come, huge COUNTs, starts and
 *		questions far apart), and for each the time of planning it and asking once.
 *
 *		bench_hostile [SECONDS [SEED [zoned]]]
 *		bench_hostile lines RULES SEED
 *
 * Times are processor time of the thread.  A rule that seems slow is measured again, and its best
 * time counts.  Prints the worst of every kind, and how the costs of one next are spread.  With
 * "zoned" the rules of hours and faster run in elapsed time, in a zone that changes its clock twice
 * a year from 1916 on, for ever.  With "lines" it tries so many rules of each class and prints two lines
 * for each, of planning and one next together and of that next alone: civil or zoned, with COUNT or
 * without, which of the two, median, 99.9 %, worst (us), how many took more than a millisecond, and the
 * worst rule.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recurrence/civil.h"
#include "recurrence/rrule.h"
#include "test/unit/rr_awkward.h"
#include "test/unit/rr_summer.h"

#define DAY     86400
#define REPEATS 5
/* what is measured again: faster than this is never the worst */
#define WORTH 20000

enum question
{
	PLAN,
	NEXT,
	PREVIOUS,
	CONTAINS,
	QUESTIONS
};

static const char *const names[] = { "plan", "plan+next", "plan+previous", "plan+contains" };

struct sample
{
	struct rr_rule rule;
	int64_t dtstart;
	int64_t at;
};

struct worst
{
	double ns;
	struct sample sample;
};

static struct worst worst[2][QUESTIONS][7]; /* without and with COUNT, by frequency */
static bool zoned;
static bool alone; /* planning is not measured */
static int64_t first_change = 1916;
static const struct rr_zone zone = { summer_span, &first_change };

/* ---- awkward questions --------------------------------------------------------------- */

/* an instant in the life of a rule with COUNT, whose end has to be told then from what is behind it */
static int64_t
in_its_life(const struct sample *s)
{
	struct rr_plan plan;
	int64_t last;
	bool any;

	rr_plan_make(&plan, &s->rule, s->dtstart, zoned ? RR_ZONED | RR_ELAPSED : RR_FLOATING);
	if (zoned)
		rr_plan_elapse(&plan, &zone);
	rr_plan_settle(&plan, zoned ? &zone : NULL);
	any = zoned ? rr_zoned_previous(&plan, &zone, RR_TIME_MAX, &last)
				: rr_previous(&plan, RR_TIME_MAX, &last);
	if (!any || last <= s->dtstart)
		return s->dtstart;
	return pick(4) ? s->dtstart + wide_random(last - s->dtstart) : last + pick(2);
}

static void
awkward_sample(struct sample *s)
{
	struct rr_rule *rule = &s->rule;

	awkward_rule(rule);
	if (pick(2))
		rule->count = pick(3) ? 1 + pick(1 << (1 + pick(30))) : INT32_MAX - pick(2);
	s->dtstart =
		pick(4) ? rr_day_of(1976 + pick(50), 1 + pick(12), 1 + pick(28)) * DAY + pick(2) * pick(DAY)
				: RR_TIME_MIN + wide_random(RR_TIME_MAX - RR_TIME_MIN);
	s->at = pick(2) ? s->dtstart + wide_random(INT64_C(1) << (1 + pick(40))) : RR_TIME_MAX;
	if (pick(4) == 0 || s->at > RR_TIME_MAX)
		s->at = s->dtstart;
	if (rule->count != 0 && pick(2))
		s->at = in_its_life(s);
}

/* ---- measuring ----------------------------------------------------------------------- */

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static double
measure(const struct sample *s, enum question question)
{
	static struct rr_plan plan;
	static volatile bool answer;
	double start = now_ns();
	int64_t found;

	rr_plan_make(&plan, &s->rule, s->dtstart, zoned ? RR_ZONED | RR_ELAPSED : RR_FLOATING);
	if (zoned)
		rr_plan_elapse(&plan, &zone);
	if (alone)
	{
		rr_plan_settle(&plan, zoned ? &zone : NULL);
		start = now_ns();
	}
	if (question == NEXT)
		answer = zoned ? rr_zoned_next(&plan, &zone, s->at, &found) : rr_next(&plan, s->at, &found);
	else if (question == PREVIOUS)
		answer = zoned ? rr_zoned_previous(&plan, &zone, s->at, &found)
					   : rr_previous(&plan, s->at, &found);
	else if (question == CONTAINS)
		answer = zoned ? rr_zoned_contains(&plan, &zone, s->at) : rr_contains(&plan, s->at);
	(void) answer;
	return now_ns() - start;
}

/* the costs of plan and next, in powers of two of a microsecond */
#define BUCKETS 20
static long spread[2][BUCKETS];

static double
measure_again(const struct sample *s, enum question question, double worth)
{
	double ns = measure(s, question);

	for (int i = 1; i < REPEATS && ns > worth; i++)
	{
		double again = measure(s, question);

		ns = again < ns ? again : ns;
	}
	return ns;
}

static void
note_spread(bool counted, double ns)
{
	int bucket = 0;

	while (bucket < BUCKETS - 1 && ns > 1000.0 * (double) (1 << bucket))
		bucket++;
	spread[counted][bucket]++;
}

static void
try_sample(const struct sample *s, enum question question)
{
	struct worst *w = &worst[s->rule.count != 0][question][s->rule.freq];
	double ns = measure_again(s, question, w->ns > WORTH ? w->ns : WORTH);

	if (question == NEXT)
		note_spread(s->rule.count != 0, ns);
	if (ns > w->ns)
	{
		w->ns = ns;
		w->sample = *s;
	}
}

static void
report(const struct worst *w, enum question question)
{
	char text[RR_TEXT_MAX];
	struct rr_civil c = rr_date_of(rr_floordiv(w->sample.dtstart, DAY));

	if (w->ns == 0)
		return;
	rr_format(&w->sample.rule, text, sizeof(text));
	printf("%10.1f us  %-13s %s from %lld-%02d-%02d +%lld s, at +%lld s\n", w->ns / 1000,
		   names[question], text, (long long) c.year, c.month, c.day,
		   (long long) rr_floormod(w->sample.dtstart, DAY),
		   (long long) (w->sample.at - w->sample.dtstart));
}

static void
report_spread(bool counted)
{
	printf("plan+next %s COUNT, rules up to so many us:", counted ? "with" : "without");
	for (int i = 0; i < BUCKETS; i++)
		if (spread[counted][i] > 0)
			printf(" %d: %ld", 1 << i, spread[counted][i]);
	printf("\n");
}

static int
search(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 10;
	unsigned seed = argc > 2 ? (unsigned) atoi(argv[2]) : (unsigned) time(NULL);
	double end = now_ns() + seconds * 1e9;
	long n = 0;

	zoned = argc > 3 && strcmp(argv[3], "zoned") == 0;
	srand(seed);
	for (; now_ns() < end; n++)
	{
		struct sample s;

		awkward_sample(&s);
		try_sample(&s, (enum question)(n % QUESTIONS));
	}
	printf("%ld rules, seed %u%s\n", n, seed, zoned ? ", zoned" : "");
	report_spread(false);
	report_spread(true);
	for (int counted = 0; counted < 2; counted++)
		for (int q = 0; q < QUESTIONS; q++)
			for (int freq = 0; freq < 7; freq++)
				report(&worst[counted][q][freq], (enum question) q);
	return 0;
}

/* ---- a line for each class ------------------------------------------------------------ */

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static void
print_line(bool counted, int rules)
{
	double *costs = malloc((size_t) rules * sizeof(*costs));
	struct worst most = { .ns = 0 };
	char text[RR_TEXT_MAX];
	int slow = 0;

	for (int i = 0; i < rules && costs != NULL; i++)
	{
		struct sample s;

		do
			awkward_sample(&s);
		while ((s.rule.count != 0) != counted);
		costs[i] = measure_again(&s, NEXT, WORTH);
		slow += costs[i] > 1e6;
		if (costs[i] > most.ns)
			most = (struct worst){ costs[i], s };
	}
	if (costs == NULL)
		return;
	qsort(costs, (size_t) rules, sizeof(*costs), ascending);
	rr_format(&most.sample.rule, text, sizeof(text));
	printf("%s %s %s %.1f %.1f %.1f %d %d %s\n", zoned ? "zoned" : "civil",
		   counted ? "COUNT" : "endless", alone ? "next" : "together", costs[rules / 2] / 1000,
		   costs[(int) (0.999 * rules)] / 1000, most.ns / 1000, slow, rules, text);
	free(costs);
}

static int
print_lines(int rules, unsigned seed)
{
	for (int line = 0; line < 8; line++)
	{
		alone = line >= 4;
		zoned = line % 4 >= 2;
		srand(seed);
		print_line(line % 2 != 0, rules);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "lines") == 0)
		return print_lines(atoi(argv[2]), (unsigned) atoi(argv[3]));
	return search(argc, argv);
}
