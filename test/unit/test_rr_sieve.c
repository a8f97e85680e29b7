/*
 * test_rr_sieve.c
 *		What is found and counted by calculation (sieve.c) against what plain steps find: awkward rules
 *		of days and faster, whose series is walked period by period, far beyond what the library
 *		would walk itself.
 *
 * The seed stands in the output; argument 1 repeats a run, argument 2 is the number of rules.
 */
#include <time.h>

#include "recurrence/plan.h"
#include "rr_agree.h"
#include "rr_awkward.h"
#include "rr_oracle_subday.h"
#include "rr_summer.h"

#define WALKED  40000 /* periods of the series */
#define MATCHES 20000

/* one occurrence a period, that of its first second */
static void
single_rule(struct rr_rule *rule)
{
	do
		awkward_rule(rule);
	while (rule->freq < RR_DAILY);
	memset(&rule->setpos, 0, sizeof(rule->setpos));
	if (rule->freq == RR_DAILY)
		rule->hours = 0;
	if (rule->freq <= RR_HOURLY)
		rule->minutes = 0;
	if (rule->freq <= RR_MINUTELY)
		rule->seconds = 0;
}

/* the occurrences, by plain steps; *horizon: what was walked to */
static int
walk(const struct rr_rule *rule, int64_t dtstart, int64_t *matches, int64_t *horizon)
{
	int64_t unit = rule->freq == RR_DAILY ? DAY : unit_seconds[rule->freq - RR_HOURLY];
	int64_t t = dtstart;
	int n = 0;

	for (int i = 0; i < WALKED && n < MATCHES && t <= RR_TIME_MAX; i++, t += unit * rule->interval)
		if (rule->freq == RR_DAILY ? subday_matches(rule, rr_floordiv(t, DAY))
								   : period_matches(rule, t))
			matches[n++] = t;
	*horizon = t;
	return n;
}

/* that is the last, nothing follows, and it is the same for a plan that has been settled */
static bool
ends_at(const struct rr_rule *rule, int64_t dtstart, int32_t count, int64_t end)
{
	static struct rr_plan plan;
	struct rr_rule counted = *rule;
	int64_t last;
	int64_t next;
	int64_t run[2];

	counted.count = count;
	rr_plan_make(&plan, &counted, dtstart, RR_FLOATING);
	if (!rr_previous(&plan, RR_TIME_MAX, &last) || last != end || !rr_contains(&plan, end) ||
		rr_next(&plan, end + 1, &next) || rr_fill(&plan, end, RR_TIME_MAX, run, 2) != 1)
		return false;
	rr_plan_settle(&plan, NULL);
	return plan.until == end;
}

static bool
agree(const struct rr_rule *rule, int64_t dtstart)
{
	static int64_t matches[MATCHES];
	static struct rr_plan plan;
	int64_t horizon;
	int64_t found;
	int n = walk(rule, dtstart, matches, &horizon);

	rr_plan_make(&plan, rule, dtstart, RR_FLOATING);
	for (int i = 0; i < 20 && n > 0; i++)
	{
		int k = i < 2 ? i * (n - 1) : pick(n);
		int64_t lo = k > 0 ? matches[k - 1] + 1 : RR_TIME_MIN;

		if (!rr_next(&plan, lo, &found) || found != matches[k])
			return complain(rule, dtstart, "next", matches[k]);
		if (k > 0 && (!rr_previous(&plan, matches[k] - 1, &found) || found != matches[k - 1]))
			return complain(rule, dtstart, "previous", matches[k]);
		if (!ends_at(rule, dtstart, k + 1, matches[k]))
			return complain(rule, dtstart, "count", matches[k]);
	}
	if (n < MATCHES && rr_next(&plan, n > 0 ? matches[n - 1] + 1 : dtstart, &found) &&
		found < horizon)
		return complain(rule, dtstart, "one too many", found);
	if (n < MATCHES && n > 0 &&
		(!rr_previous(&plan, horizon - 1, &found) || found != matches[n - 1]))
		return complain(rule, dtstart, "last", matches[n - 1]);
	return true;
}

/* many times of day, of which two or three are of one class, or which lie in many short rows (classes.c) */
static void
dense_rule(struct rr_rule *rule)
{
	static const int32_t rows[] = { 2319, 5411, 6957, 16233, 20871, 48699, 146097 };
	int unit_count;

	do
		single_rule(rule);
	while (rule->freq < RR_MINUTELY);
	unit_count = (int) (DAY / unit_seconds[rule->freq - RR_HOURLY]);
	rule->hours = (uint32_t) (pick(2) ? 0 : awkward_bits(24));
	rule->minutes = pick(2) ? 0 : awkward_bits(60);
	if (pick(2))
		rule->interval = unit_count / 3 + pick(unit_count / (pick(2) ? 6 : 2));
	else
		rule->interval = rows[pick(sizeof(rows) / sizeof(rows[0]))] * (1 + pick(50));
}

static void
test_walks(void (*draw)(struct rr_rule *), int rules, const char *which)
{
	int bad = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		int64_t dtstart = (rr_day_of(1900 + pick(300), 1 + pick(12), 1) + pick(31)) * DAY;
		struct rr_rule rule;

		draw(&rule);
		if (pick(4) == 0)
			dtstart += wide_random(RR_TIME_MAX - dtstart) / DAY * DAY;
		bad += !agree(&rule, dtstart);
	}
	ok(bad == 0, "%d %s rules agree with plain steps", rules, which);
}

/*
 * Where no steps reach: a COUNT from the start ends where what is left of it does from an
 * occurrence on the way, which other sums add up.
 */
static void
test_sums(void (*draw)(struct rr_rule *), int rules, const char *which)
{
	static struct rr_plan plan;
	int bad = 0;
	int tried = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		int64_t dtstart = (rr_day_of(1900 + pick(300), 1 + pick(12), 1) + pick(31)) * DAY;
		int32_t k = 1 + pick(1 << (10 + pick(20)));
		int32_t more = 1 + pick(1 << (5 + pick(24)));
		struct rr_rule rule;
		int64_t middle;
		int64_t next;
		int64_t end;

		draw(&rule);
		rule.count = k + more;
		rr_plan_make(&plan, &rule, dtstart, RR_FLOATING);
		rr_plan_settle(&plan, NULL);
		if (plan.until == RR_TIME_MAX || !rr_previous(&plan, RR_TIME_MAX, &end))
			continue;
		tried++;
		rule.count = k;
		rr_plan_make(&plan, &rule, dtstart, RR_FLOATING);
		if (!rr_previous(&plan, RR_TIME_MAX, &middle))
			bad += !complain(&rule, dtstart, "nothing", 0);
		rule.count = 0;
		rr_plan_make(&plan, &rule, dtstart, RR_FLOATING);
		if (!rr_next(&plan, middle + 1, &next) || !ends_at(&rule, next, more, end))
			bad += !complain(&rule, dtstart, "sum", middle);
	}
	ok(bad == 0 && tried > 0, "sums of COUNT, %d %s rules", rules, which);
}

/* 29 February on a weekday, by a series that seldom meets it: a handful of days in 400 years */
static void
sparse_rule(struct rr_rule *rule)
{
	static const char *const freqs[] = { "DAILY", "HOURLY", "MINUTELY", "SECONDLY" };
	static const char *const days[] = { "MO", "TU", "WE", "TH", "FR", "SA", "SU" };
	struct rr_error error = { 0 };
	char text[128];

	snprintf(text, sizeof(text), "FREQ=%s;INTERVAL=%d;BYMONTH=2;BYMONTHDAY=29;BYDAY=%s",
			 freqs[pick(4)], 1 + pick(1 << (4 + pick(18))), days[pick(7)]);
	if (!rr_parse(text, strlen(text), rule, &error))
		diag("%s is refused", text);
}

/* Back is the way there: before each occurrence stands the one from which next() has found it. */
static void
test_sparse(int rules)
{
	static struct rr_plan plan;
	int bad = 0;
	int found = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		int64_t dtstart = rr_day_of(1900 + pick(300), 1 + pick(12), 1) * DAY + pick(DAY);
		int64_t at = dtstart;
		int64_t last;
		int64_t next;
		struct rr_rule rule;

		sparse_rule(&rule);
		rr_plan_make(&plan, &rule, dtstart, RR_FLOATING);
		if (pick(2) == 0)
			at += wide_random(RR_TIME_MAX - dtstart);
		if (!rr_next(&plan, at, &at))
			continue;
		for (int k = 0; k < 8 && rr_next(&plan, at + 1, &next); k++, at = next, found++)
			if (!rr_previous(&plan, next - 1, &last) || last != at)
				bad += !complain(&rule, dtstart, "previous", next);
		if (!rr_previous(&plan, RR_TIME_MAX, &last) || last < at || rr_next(&plan, last + 1, &next))
			bad += !complain(&rule, dtstart, "last of all", at);
	}
	ok(bad == 0 && found > rules, "there and back, %d rules of few days, %d steps", rules, found);
}

/* ---- elapsed time in a zone ---------------------------------------------------------- */

static const struct rr_zone *zone = &summer_zone; /* of the test that runs */

static void
make_elapsed(struct rr_plan *plan, const struct rr_rule *rule, int64_t dtstart)
{
	rr_plan_make(plan, rule, dtstart, RR_ZONED | RR_ELAPSED);
	rr_plan_elapse(plan, zone);
}

static bool
ends_elapsed_at(const struct rr_rule *rule, int64_t dtstart, int32_t count, int64_t end)
{
	static struct rr_plan plan;
	struct rr_rule counted = *rule;
	int64_t last;
	int64_t next;

	counted.count = count;
	make_elapsed(&plan, &counted, dtstart);
	if (!rr_zoned_previous(&plan, zone, RR_TIME_MAX, &last) || last != end ||
		!rr_zoned_contains(&plan, zone, end) || rr_zoned_next(&plan, zone, end + 1, &next))
		return false;
	rr_plan_settle(&plan, zone);
	return plan.until_instant == end;
}

static int64_t
elapsed_rule(struct rr_rule *rule)
{
	do
		single_rule(rule);
	while (rule->freq == RR_DAILY);
	return (rr_day_of(1900 + pick(300), 1 + pick(12), 1) + pick(31)) * DAY;
}

/* of several occurrences a period, too, which a change of half an hour can divide */
static int64_t
wide_elapsed_rule(struct rr_rule *rule)
{
	const int64_t dtstart = elapsed_rule(rule);

	if (pick(2))
		return dtstart;
	do
		awkward_rule(rule);
	while (rule->freq <= RR_DAILY);
	if (pick(2))
		rule->freq = RR_HOURLY;
	return dtstart + pick(DAY);
}

/* the first period at or after an instant that both its series and the clock permit, period by period; or INT64_MAX */
static int64_t
drift_to(const struct rr_rule *rule, int64_t start, int64_t lo)
{
	int64_t t = start;

	for (int i = 0; i < WALKED * 5; i++, t += rule->interval)
	{
		const int second = (int) rr_floormod(rr_to_civil(zone, t), DAY);

		if (t >= lo && rule->hours >> (second / 3600) & 1 &&
			rule->minutes >> (second / 60 % 60) & 1 && rule->seconds >> (second % 60) & 1)
			return t;
	}
	return INT64_MAX;
}

/* A series that drifts against the clock by some seconds a day meets a time of day after years, and many changes. */
static void
test_drift(int rules, const char *where)
{
	static struct rr_plan plan;
	int bad = 0;
	int found = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		const int64_t dtstart = rr_day_of(1950 + pick(200), 1 + pick(12), 1) * DAY + pick(DAY);
		struct rr_rule rule = { .freq = RR_SECONDLY,
								.interval = (int32_t) DAY * (1 + pick(3)) - 40 };
		int64_t at = RR_TIME_MIN;

		rule.interval += pick(81);
		rule.hours = UINT32_C(1) << pick(24);
		rule.minutes = awkward_bits(60);
		rule.seconds = awkward_bits(60);
		make_elapsed(&plan, &rule, dtstart);
		for (int k = 0; k < 5 && bad < 5; k++)
		{
			const int64_t expected = drift_to(&rule, plan.start_instant, at);
			int64_t next;

			if (expected == INT64_MAX)
				break;
			found++;
			if (!rr_zoned_next(&plan, zone, at, &next) || next != expected)
				bad += !complain(&rule, dtstart, "drift", expected);
			/* behind this time of day, too, which takes years */
			at = expected + 1 + pick(2) * pick(3000) * DAY;
		}
	}
	ok(bad == 0 && found > rules, "%d rules that drift, %d steps, %s", rules, found, where);
}

/* COUNT ends where counting ends, over the changes of some hundred years */
static void
test_elapsed(int rules, const char *where)
{
	static struct rr_plan plan;
	int bad = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		struct rr_rule rule;
		int64_t dtstart = wide_elapsed_rule(&rule);
		int64_t t = 0;
		int64_t lo = RR_TIME_MIN;
		int most = 1 + pick(3000);
		int n = 0;

		make_elapsed(&plan, &rule, dtstart);
		/* for two thousand years, or it would take too long */
		while (n < most && rr_zoned_next(&plan, zone, lo, &t) &&
			   t < dtstart + 5 * RR_CYCLE_DAYS * DAY)
		{
			n++;
			lo = t + 1;
		}
		if (n > 0 && !ends_elapsed_at(&rule, dtstart, n, lo - 1))
			bad += !complain(&rule, dtstart, "elapsed count", lo - 1);
	}
	ok(bad == 0, "COUNT in elapsed time, %d awkward rules, %s", rules, where);
}

/* to the end of time; zone and series repeat together within some times 400 years, or hardly ever */
static void
test_elapsed_sums(int rules, const char *where)
{
	static const int32_t intervals[] = {
		1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 15, 21, 40, 90, 773, 5411
	};
	static struct rr_plan plan;
	int bad = 0;
	int tried = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		struct rr_rule rule;
		int64_t dtstart = elapsed_rule(&rule);
		int32_t k = 1 + pick(1 << (10 + pick(20)));
		int32_t more = 1 + pick(1 << (5 + pick(24)));
		int64_t middle;
		int64_t next;
		int64_t end;

		if (pick(2))
			rule.interval = intervals[pick(sizeof(intervals) / sizeof(intervals[0]))];
		rule.count = k + more;
		make_elapsed(&plan, &rule, dtstart);
		rr_plan_settle(&plan, zone);
		if (plan.until_instant > RR_TIME_MAX - DAY ||
			!rr_zoned_previous(&plan, zone, RR_TIME_MAX, &end))
			continue;
		tried++;
		rule.count = k;
		make_elapsed(&plan, &rule, dtstart);
		if (!rr_zoned_previous(&plan, zone, RR_TIME_MAX, &middle))
			bad += !complain(&rule, dtstart, "nothing", 0);
		rule.count = 0;
		make_elapsed(&plan, &rule, dtstart);
		if (!rr_zoned_next(&plan, zone, middle + 1, &next))
			bad += !complain(&rule, dtstart, "nothing behind", middle);
		/* not a second time that no DTSTART can be */
		dtstart = rr_to_civil(zone, next);
		if (rr_to_instant(zone, dtstart) == next && !ends_elapsed_at(&rule, dtstart, more, end))
			bad += !complain(&rule, dtstart, "elapsed sum", middle);
	}
	ok(bad == 0 && tried > 0, "sums of COUNT in elapsed time, %d awkward rules, %s", rules, where);
}

/* the nearest by the pattern of the zone is what steps from change to change find */
static void
test_pattern(int rules, const char *where)
{
	static struct rr_plan plan;
	int bad = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		struct rr_rule rule;
		int64_t dtstart = wide_elapsed_rule(&rule);
		int64_t lo = RR_ZONES_SETTLE + wide_random(INT64_C(1) << 36);
		int64_t hi = lo + wide_random(INT64_C(1) << (24 + pick(10)));
		int64_t t;
		int64_t found;
		int64_t same;

		make_elapsed(&plan, &rule, dtstart);
		if (plan.empty || plan.start_instant > lo)
			continue;
		if (!rr_pattern_from(&plan, zone, lo, hi, &t) ||
			(t >= lo && t <= hi &&
			 !(rr_zoned_next(&plan, zone, t, &found) && found < t + plan.unit_seconds &&
			   rr_zoned_next(&plan, zone, lo, &same) && same == found)) ||
			(t == INT64_MAX && rr_zoned_next(&plan, zone, lo, &found) && found <= hi))
			bad += !complain(&rule, dtstart, "first of the pattern", lo);
		if (!rr_pattern_upto(&plan, zone, lo, hi, &t) ||
			(t >= lo && t <= hi &&
			 !(rr_zoned_previous(&plan, zone, t, &found) && found > t - plan.unit_seconds &&
			   rr_zoned_previous(&plan, zone, hi, &same) && same == found)) ||
			(t == INT64_MIN && rr_zoned_previous(&plan, zone, hi, &found) && found >= lo))
			bad += !complain(&rule, dtstart, "last of the pattern", hi);
	}
	ok(bad == 0, "the nearest by the pattern of the zone, %d awkward rules, %s", rules, where);
}

/* what COUNT leaves open or not, and what it permits, seen from both sides of its end and somewhere else */
static bool
open_as_settled(const struct rr_plan *open, const struct rr_plan *settled, int64_t at)
{
	int64_t a[4];
	int64_t b[4];
	const int n = rr_zoned_fill(open, zone, at, RR_TIME_MAX, a, 4);

	if (n != rr_zoned_fill(settled, zone, at, RR_TIME_MAX, b, 4) ||
		memcmp(a, b, (size_t) n * sizeof(a[0])) != 0)
		return false;
	if (rr_zoned_contains(open, zone, at) != rr_zoned_contains(settled, zone, at))
		return false;
	if (rr_zoned_next(open, zone, at, &a[0]) != rr_zoned_next(settled, zone, at, &b[0]) ||
		(n > 0 && a[0] != b[0]))
		return false;
	return rr_zoned_previous(open, zone, at, &a[0])
			   ? rr_zoned_previous(settled, zone, at, &b[0]) && a[0] == b[0]
			   : !rr_zoned_previous(settled, zone, at, &b[0]);
}

/* any rule, in wall-clock time as well */
static void
test_open(int rules, const char *where)
{
	static struct rr_plan open;
	static struct rr_plan settled;
	int bad = 0;
	int tried = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		struct rr_rule rule;
		int64_t dtstart = (rr_day_of(1900 + pick(300), 1 + pick(12), 1) + pick(31)) * DAY;
		int64_t end;

		awkward_rule(&rule);
		rule.count = 1 + pick(1 << (1 + pick(30)));
		dtstart += pick(2) * pick(DAY);
		rr_plan_make(&open, &rule, dtstart, RR_ZONED | RR_ELAPSED | (pick(2) ? RR_WITH_START : 0));
		rr_plan_elapse(&open, zone);
		settled = open;
		rr_plan_settle(&settled, zone);
		if (!rr_zoned_previous(&settled, zone, RR_TIME_MAX, &end))
			continue;
		tried += open.open;
		for (int k = 0; k < 6 && bad < 5; k++)
		{
			const int64_t at = k < 3   ? end - 1 + k
							   : k < 5 ? open.sure + k - 3
									   : dtstart + wide_random(end - dtstart + DAY * 1000);

			if (!open_as_settled(&open, &settled, at))
				bad += !complain(&rule, dtstart, "open", at);
		}
	}
	ok(bad == 0 && tried > 0, "COUNT left open, %d awkward rules, %s", rules, where);
}

/* answers that COUNT permits for sure never settle a plan; the eighth of the others does */
static void
test_answered(int freq, const struct rr_zone *in, const char *where)
{
	static struct rr_plan plan;
	struct rr_rule rule;
	int64_t sure;

	do
	{
		awkward_rule(&rule);
		rule.count = 1 + pick(1 << 30);
		rr_plan_make(&plan, &rule, 0, in != NULL ? RR_ZONED | RR_ELAPSED : RR_FLOATING);
		if (in != NULL)
			rr_plan_elapse(&plan, in);
	} while (!plan.open || (rule.freq == RR_DAILY) != (freq == RR_DAILY));
	sure = in != NULL && !plan.elapsed ? rr_to_instant(in, plan.sure) : plan.sure;
	for (int i = 0; i < 100; i++)
		rr_plan_answered(&plan, in, &sure);
	ok(plan.open, "answers near DTSTART leave COUNT open, %s", where);
	sure++;
	for (int i = 0; i < 7; i++)
		rr_plan_answered(&plan, in, i % 2 == 0 ? &sure : NULL);
	ok(plan.open, "so do seven others");
	rr_plan_answered(&plan, in, NULL);
	ok(!plan.open, "the eighth settles it");
}

#define ERA (RR_CYCLE_DAYS * DAY)

/* how many occurrences are in so much time from the first on, or -1 if they are too many */
static int32_t
count_cycle(const struct rr_plan *plan, int64_t cycle)
{
	static int64_t out[4096];
	const int64_t end = plan->start_instant + cycle;
	int64_t lo = plan->start_instant;
	int32_t all = 0;
	int here;

	while ((here = rr_zoned_fill(plan, zone, lo, end - 1, out, 4096)) > 0 && all <= 2000000)
	{
		all += here;
		lo = out[here - 1] + 1;
	}
	return here > 0 ? -1 : all;
}

/*
 * As many as in a first cycle, which are counted one by one, are in all others, if zone, days and series repeat together
 * after it; so number k of them, q cycles later, ends a COUNT.
 */
static bool
ends_after_cycles(struct rr_rule *rule, int64_t dtstart, int32_t k, int64_t cycle, int32_t q,
				  int32_t all)
{
	static struct rr_plan plan;
	int64_t first;
	int64_t last;

	rule->count = k;
	make_elapsed(&plan, rule, dtstart);
	if (!rr_zoned_previous(&plan, zone, RR_TIME_MAX, &first))
		return false;
	rule->count = q * all + k;
	make_elapsed(&plan, rule, dtstart);
	return rr_zoned_previous(&plan, zone, RR_TIME_MAX, &last) && last == first + q * cycle;
}

static void
test_eras(int rules, const char *where)
{
	static const int32_t intervals[] = { 1, 2, 3, 6, 7, 8, 9, 18, 21, 27, 54, 773, 5411, 24, 28 };
	static struct rr_plan plan;
	int bad = 0;
	int tried = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		struct rr_rule rule;
		int64_t dtstart = wide_elapsed_rule(&rule);
		int32_t all;
		int32_t q;

		dtstart += dtstart < RR_ZONES_SETTLE ? ERA : 0;
		rule.interval = intervals[pick(sizeof(intervals) / sizeof(intervals[0]))];
		make_elapsed(&plan, &rule, dtstart);
		all = count_cycle(&plan, ERA);
		if (all <= 0)
			continue;
		q = 1 + pick(INT32_MAX / all < 700 ? INT32_MAX / all - 1 : 700);
		tried++;
		if (!ends_after_cycles(&rule, dtstart, 1 + pick(all), ERA, q, all))
			bad += !complain(&rule, dtstart, "elapsed eras", q);
	}
	ok(bad == 0 && tried > 0, "COUNT after some times 400 years, %d awkward rules, %s", rules,
	   where);
}

/* FREQ=HOURLY on a clock that changes by half an hour: 11 times 400 years are the shortest cycle */
static void
test_howe(void)
{
	static const char text[] = "FREQ=HOURLY;INTERVAL=11;BYDAY=SU;BYMINUTE=15,40,50";
	static struct rr_plan plan;
	const int64_t dtstart = rr_day_of(2150, 6, 7) * DAY + 15 * 60; /* a Sunday */
	struct rr_error error = { 0 };
	struct rr_rule rule;
	int32_t all;

	if (!rr_parse(text, sizeof(text) - 1, &rule, &error))
		diag("%s is refused", text);
	make_elapsed(&plan, &rule, dtstart);
	all = count_cycle(&plan, 11 * ERA);
	for (int32_t q = 1; q <= 64; q *= 4)
		ok(ends_after_cycles(&rule, dtstart, 1, 11 * ERA, q, all), "COUNT=%d ends after %d years",
		   q * all + 1, q * 11 * 400);
}

int
main(int argc, char **argv)
{
	unsigned seed = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : (unsigned) time(NULL);
	int rules = argc > 2 ? atoi(argv[2]) : 60;

	diag("seed %u, %d rules", seed, rules);
	srand(seed);
	test_walks(single_rule, rules, "awkward");
	test_sums(single_rule, rules * 4, "awkward");
	test_walks(dense_rule, rules * 2, "dense");
	test_sums(dense_rule, rules * 4, "dense");
	test_sparse(rules * 4);
	test_drift(rules, "an hour");
	test_elapsed(rules, "an hour");
	test_elapsed_sums(rules, "an hour");
	test_pattern(rules * 4, "an hour");
	test_open(rules * 2, "an hour");
	test_eras(rules, "an hour");
	zone = &howe_zone;
	test_drift(rules, "half an hour");
	test_elapsed(rules, "half an hour");
	test_elapsed_sums(rules, "half an hour");
	test_pattern(rules * 4, "half an hour");
	test_open(rules * 2, "half an hour");
	test_eras(rules, "half an hour");
	test_howe();
	test_answered(RR_DAILY, NULL, "days");
	test_answered(RR_DAILY, zone, "days in a zone");
	test_answered(RR_HOURLY, NULL, "hours and faster");
	test_answered(RR_HOURLY, zone, "elapsed time");
	return done_testing();
}
