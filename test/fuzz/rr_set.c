/*
 * rr_set.c
 *		Fuzz target: next, previous and contains of sets against a walk through all that their parts
 *		offer, one by one.
 *
 * The first bytes choose DTSTART, how many single dates and excluded dates there are, and these; the
 * rest is the text of the rules, one in each line, with a "-" before those that exclude.  Sets
 * whose answer needs a long search are left by the hook that an interrupt would take.
 */
#include "targets.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "recurrence/set.h"

#define HEADER    4
#define MAX_TEXT  400
#define MAX_PLANS 4
#define MAX_DATES 8
#define CHECKED   40
#define MAX_STEPS 2000
#define PATIENCE  20 /* calls of the hook, each some 4,096 candidates */
#define DAY       86400

struct question
{
	struct rr_plan rules[MAX_PLANS];
	struct rr_plan exrules[MAX_PLANS];
	/* as they were before rr_set_make() took some out */
	struct rr_plan all_rules[MAX_PLANS];
	int n_all;
	int64_t dates[MAX_DATES];
	int64_t exdates[MAX_DATES];
	int64_t dtstart;
	struct rr_set set;
};

static jmp_buf out_of_patience;
static int pauses;

static void
count_pause(void *context)
{
	(void) context;
	if (++pauses > PATIENCE)
		longjmp(out_of_patience, 1);
}

/* strictly ascending times near the start; returns how many */
static int
read_dates(int64_t *dates, const uint8_t *data, int n, int64_t dtstart)
{
	int64_t t = dtstart - 40 * DAY;

	for (int i = 0; i < n; i++)
	{
		t += (int64_t) (1 + data[i] % 64) * (data[i] < 128 ? DAY : 3600);
		dates[i] = t;
	}
	return n;
}

static bool
read_rules(struct question *q, const char *text, size_t len)
{
	struct rr_set *set = &q->set;

	while (len > 0)
	{
		const char *end = memchr(text, '\n', len);
		size_t line = end != NULL ? (size_t) (end - text) : len;
		bool excludes = line > 0 && text[0] == '-';
		struct rr_rule rule;
		struct rr_error error;
		int *n = excludes ? &set->n_exrules : &set->n_rules;

		if (*n == MAX_PLANS || !rr_parse(text + excludes, line - excludes, &rule, &error))
			return false;
		rr_plan_make(&(excludes ? set->exrules : set->rules)[(*n)++], &rule, q->dtstart,
					 RR_FLOATING);
		line += end != NULL;
		text += line;
		len -= line;
	}
	return true;
}

static bool
read_question(struct question *q, const uint8_t *data, size_t size)
{
	int n_dates = data[3] & 7;
	int n_exdates = data[3] >> 4 & 7;
	size_t header = (size_t) (HEADER + n_dates + n_exdates);

	if (size < header)
		return false;
	memset(q, 0, sizeof(*q));
	/* days 1974 .. 2063 */
	q->dtstart = (1461 + ((int64_t) data[0] | (int64_t) data[1] << 8) % 32768) * DAY +
				 (int64_t) data[2] * 337 % DAY;
	q->set = (struct rr_set){ .rules = q->rules,
							  .exrules = q->exrules,
							  .dates = q->dates,
							  .exdates = q->exdates,
							  .pause = count_pause };
	q->set.n_dates = read_dates(q->dates, data + HEADER, n_dates, q->dtstart);
	q->set.n_exdates = read_dates(q->exdates, data + HEADER + n_dates, n_exdates, q->dtstart);
	if (!read_rules(q, (const char *) data + header, size - header))
		return false;
	memcpy(q->all_rules, q->rules, sizeof(q->all_rules));
	q->n_all = q->set.n_rules;
	return true;
}

static bool
is_excluded(const struct question *q, int64_t t)
{
	for (int i = 0; i < q->set.n_exdates; i++)
		if (q->exdates[i] == t)
			return true;
	for (int i = 0; i < q->set.n_exrules; i++)
		if (rr_contains(&q->exrules[i], t))
			return true;
	return false;
}

/* the smallest time at or after lo that any part offers, excluded or not */
static bool
next_offer(const struct question *q, int64_t lo, int64_t *found)
{
	bool any = false;
	int64_t t;

	*found = INT64_MAX;
	for (int i = 0; i < q->n_all; i++)
		if (rr_next(&q->all_rules[i], lo, &t) && t < *found)
		{
			*found = t;
			any = true;
		}
	for (int i = 0; i < q->set.n_dates; i++)
		if (q->dates[i] >= lo && q->dates[i] < *found)
		{
			*found = q->dates[i];
			any = true;
		}
	return any;
}

/* walks through the offers; what is not excluded must be the next of the set, and only that */
static void
check(const struct question *q)
{
	int64_t asked = RR_TIME_MIN;
	int64_t before = RR_TIME_MIN;
	int64_t t = RR_TIME_MIN;
	int64_t answer;
	int seen = 0;

	for (int step = 0; step < MAX_STEPS && seen < CHECKED; step++, t++)
	{
		bool offered = next_offer(q, t, &t);
		bool excluded = offered && is_excluded(q, t);

		if (!offered)
		{
			if (rr_set_next(&q->set, asked, &answer))
				abort();
			return;
		}
		if (rr_set_contains(&q->set, t) == excluded)
			abort();
		if (excluded)
			continue;
		if (!rr_set_next(&q->set, asked, &answer) || answer != t)
			abort();
		if (rr_set_previous(&q->set, t - 1, &answer) ? answer != before : seen > 0)
			abort();
		before = t;
		asked = t + 1;
		seen++;
	}
	if (rr_set_next(&q->set, asked, &answer) && answer < t)
		abort();
}

int
fuzz_rr_set(const uint8_t *data, size_t size)
{
	static struct question q;

	if (size <= HEADER || size > MAX_TEXT || !read_question(&q, data, size))
		return 0;
	pauses = 0;
	if (setjmp(out_of_patience) == 0)
	{
		rr_set_make(&q.set);
		check(&q);
	}
	return 0;
}
