/*
 * test_rr_zone.c
 *		Occurrences in a time zone: gap and fold by RFC 5545 3.3.5, the missing day of Apia, and
 *		random rules in zones made up at random against a brute-force oracle.
 *
 * The oracle maps every local occurrence by walking the whole table of changes, then sorts and
 * drops doubles.  The seed stands in the output; argument 1 repeats a run.
 */
#include <time.h>

#include "tap.h"
#include "rr_random.h"
#include "rr_text.h"
#include "tzif.h"

#define DAY      86400
#define HOUR     3600
#define MAX_LIST 4000

/* ---- real zones ---------------------------------------------------------------------- */

static const struct
{
	const char *zone;
	const char *civil;
	const char *instant;
} conversions[] = {
	{ "Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59" },
	{ "Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:30:00" },
	{ "Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00" },
	{ "Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00" },
	{ "Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00" },
	{ "America/New_York", "2026-03-08T02:30:00", "2026-03-08T07:30:00" },
	{ "America/New_York", "2026-11-01T01:30:00", "2026-11-01T05:30:00" },
	{ "Europe/Dublin", "2026-10-25T01:30:00", "2026-10-25T00:30:00" },
	{ "Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:45:00" },
	{ "Antarctica/Troll", "2026-03-29T01:30:00", "2026-03-29T01:30:00" },
	{ "Pacific/Apia", "2011-12-29T10:00:00", "2011-12-29T20:00:00" },
	{ "Pacific/Apia", "2011-12-30T10:00:00", "2011-12-30T20:00:00" },
	{ "Pacific/Apia", "2011-12-31T10:00:00", "2011-12-30T20:00:00" },
	{ "Europe/Berlin", "1850-06-01T12:00:00", "1850-06-01T11:06:32" },
	{ "Pacific/Kiritimati", "2026-01-01T00:00:00", "2025-12-31T10:00:00" },
	{ "UTC", "2026-01-01T00:00:00", "2026-01-01T00:00:00" },
};

static void
test_conversions(void)
{
	static struct tzif tz;
	struct rr_zone zone = { tzif_span, &tz };

	for (size_t i = 0; i < sizeof(conversions) / sizeof(conversions[0]); i++)
	{
		if (!tzif_load(&tz, conversions[i].zone))
		{
			skip("no zone data");
			continue;
		}
		is_str(show_time(rr_to_instant(&zone, read_time(conversions[i].civil))),
			   conversions[i].instant, conversions[i].zone);
	}
}

static const struct
{
	const char *zone;
	const char *rule;
	const char *dtstart;
	const char *instants[6]; /* UTC */
} series[] = {
	{ "Europe/Berlin",
	  "daily",
	  "2026-03-28T02:30:00",
	  { "2026-03-28T01:30:00", "2026-03-29T01:30:00", "2026-03-30T00:30:00" } },
	{ "Europe/Berlin",
	  "daily",
	  "2026-10-24T02:30:00",
	  { "2026-10-24T00:30:00", "2026-10-25T00:30:00", "2026-10-26T01:30:00" } },
	/* 02:00 and 02:30 fall onto 03:00 and 03:30, which are there already */
	{ "Europe/Berlin",
	  "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30",
	  "2026-03-29T00:00:00",
	  { "2026-03-29T01:00:00", "2026-03-29T01:30:00", "2026-03-30T00:00:00", "2026-03-30T00:30:00",
		"2026-03-30T01:00:00" } },
	/* the 30th does not exist and does not double the 31st */
	{ "Pacific/Apia",
	  "daily",
	  "2011-12-28T10:00:00",
	  { "2011-12-28T20:00:00", "2011-12-29T20:00:00", "2011-12-30T20:00:00",
		"2011-12-31T20:00:00" } },
	/* an UNTIL in UTC is an instant, one in local time is wall clock */
	{ "Asia/Jerusalem",
	  "FREQ=WEEKLY;UNTIL=20230819T093000Z",
	  "2023-08-05T12:30:00",
	  { "2023-08-05T09:30:00", "2023-08-12T09:30:00", "2023-08-19T09:30:00", NULL } },
	{ "Asia/Jerusalem",
	  "FREQ=WEEKLY;UNTIL=20230819T093000",
	  "2023-08-05T12:30:00",
	  { "2023-08-05T09:30:00", "2023-08-12T09:30:00", NULL } },
	{ "Asia/Jerusalem",
	  "FREQ=WEEKLY;UNTIL=20230819",
	  "2023-08-05T12:30:00",
	  { "2023-08-05T09:30:00", "2023-08-12T09:30:00", "2023-08-19T09:30:00", NULL } },
	/* a gap counts towards COUNT (erratum 4271) */
	{ "America/New_York",
	  "FREQ=DAILY;COUNT=3",
	  "2026-03-07T02:30:00",
	  { "2026-03-07T07:30:00", "2026-03-08T07:30:00", "2026-03-09T06:30:00", NULL } },
	{ "America/New_York",
	  "daily",
	  "2026-10-30T09:30:00",
	  { "2026-10-30T13:30:00", "2026-10-31T13:30:00", "2026-11-01T14:30:00" } },
	/* elapsed time: no hour is lost, none doubled, whatever the clock does */
	{ "America/New_York",
	  "FREQ=HOURLY",
	  "2026-03-08T00:30:00",
	  { "2026-03-08T05:30:00", "2026-03-08T06:30:00", "2026-03-08T07:30:00",
		"2026-03-08T08:30:00" } },
	{ "America/New_York",
	  "FREQ=HOURLY;COUNT=4",
	  "2026-11-01T00:30:00",
	  { "2026-11-01T04:30:00", "2026-11-01T05:30:00", "2026-11-01T06:30:00", "2026-11-01T07:30:00",
		NULL } },
	{ "Europe/Berlin",
	  "FREQ=MINUTELY;INTERVAL=40;COUNT=5",
	  "2026-03-29T01:00:00",
	  { "2026-03-29T00:00:00", "2026-03-29T00:40:00", "2026-03-29T01:20:00", "2026-03-29T02:00:00",
		"2026-03-29T02:40:00", NULL } },
	/* what filters asks the clock, which shows this hour twice */
	{ "Europe/Berlin",
	  "FREQ=HOURLY;BYHOUR=2;COUNT=4",
	  "2026-10-24T02:00:00",
	  { "2026-10-24T00:00:00", "2026-10-25T00:00:00", "2026-10-25T01:00:00", "2026-10-26T01:00:00",
		NULL } },
	/* half an hour: the minute that DTSTART gives moves on with the clock */
	{ "Australia/Lord_Howe",
	  "FREQ=HOURLY",
	  "2026-10-04T00:15:00",
	  { "2026-10-03T13:45:00", "2026-10-03T14:45:00", "2026-10-03T15:45:00",
		"2026-10-03T16:45:00" } },
	{ "Australia/Lord_Howe",
	  "FREQ=HOURLY;BYMINUTE=15",
	  "2026-10-04T00:15:00",
	  { "2026-10-03T13:45:00", "2026-10-03T14:45:00", "2026-10-03T16:15:00",
		"2026-10-03T17:15:00" } },
	/* every second hour is an even hour in winter and an odd one in summer */
	{ "Europe/Berlin",
	  "FREQ=HOURLY;INTERVAL=2;BYHOUR=1",
	  "2026-03-28T00:00:00",
	  { "2026-03-29T23:00:00", "2026-03-30T23:00:00" } },
	{ "America/Vancouver",
	  "daily",
	  "2021-03-13T02:22:10",
	  { "2021-03-13T10:22:10", "2021-03-14T10:22:10", "2021-03-15T09:22:10" } },
};

static void
test_series(void)
{
	static struct tzif tz;
	static struct rr_plan plan;
	struct rr_zone zone = { tzif_span, &tz };

	for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++)
	{
		struct rr_rule rule;
		int64_t lo = RR_TIME_MIN;
		int64_t t;
		bool right = true;

		if (!tzif_load(&tz, series[i].zone))
		{
			skip("no zone data");
			continue;
		}
		right = parse_rule(series[i].rule, &rule);
		rr_plan_make(&plan, &rule, read_time(series[i].dtstart), RR_ZONED);
		rr_plan_elapse(&plan, &zone);
		for (int k = 0; k < 6 && series[i].instants[k] != NULL; k++, lo = t + 1)
			if (!rr_zoned_next(&plan, &zone, lo, &t) || t != read_time(series[i].instants[k]))
			{
				diag("number %d is %s", k + 1, show_time(t));
				right = false;
			}
		if (plan.until < RR_TIME_MAX || plan.until_instant < INT64_MAX)
			right &= !rr_zoned_next(&plan, &zone, lo, &t);
		ok(right, "%s in %s from %s", series[i].rule, series[i].zone, series[i].dtstart);
	}
}

/* ---- random zones -------------------------------------------------------------------- */

/* changes at least three days apart, of up to a day, around these times */
static void
random_zone(struct tzif *tz, int64_t around)
{
	static const int64_t steps[] = { HOUR,      -HOUR,     HOUR,       -HOUR, HOUR / 2,
									 -HOUR / 2, 24 * HOUR, -24 * HOUR, 0,     1075 };
	int64_t at = around - 400 * DAY;

	tz->changes = pick(4) ? 1 + pick(12) : 0;
	tz->offset[0] = (pick(27) - 12) * HOUR;
	for (int i = 0; i < tz->changes; i++)
	{
		int64_t offset = tz->offset[i] + steps[pick(10)];

		at += 3 * DAY + (int64_t) pick(200 * DAY);
		tz->at[i] = at - rr_floormod(at, HOUR / 2);
		tz->offset[i + 1] = offset > 15 * HOUR || offset < -15 * HOUR ? 0 : offset;
	}
}

/* gap: the offset before; fold: the first instant; by the definition, over the whole table */
static int64_t
slow_instant(const struct tzif *tz, int64_t civil)
{
	for (int i = 0; i <= tz->changes; i++)
	{
		int64_t instant = civil - tz->offset[i];

		/* the first span that holds it, or whose change jumps over it */
		if (i == tz->changes || instant < tz->at[i] || civil < tz->at[i] + tz->offset[i + 1])
			return instant;
	}
	return 0;
}

static int
ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return (x > y) - (x < y);
}

/* the first occurrences of the plan as instants; a few at the end are cut, order may be lacking */
static int
slow_list(const struct rr_plan *plan, const struct tzif *tz, int64_t *list)
{
	int n = 0;
	int kept = 0;
	int64_t lo = RR_TIME_MIN;
	int64_t t;
	int64_t limit;

	for (; n < MAX_LIST && rr_next(plan, lo, &t); lo = t + 1)
		list[n++] = slow_instant(tz, t);
	if (n == 0)
		return 0;
	limit = n == MAX_LIST ? slow_instant(tz, lo) - 3 * DAY : INT64_MAX;
	qsort(list, (size_t) n, sizeof(*list), ascending);
	for (int i = 0; i < n; i++)
		if (list[i] < limit && list[i] <= plan->until_instant &&
			(kept == 0 || list[i] != list[kept - 1]))
			list[kept++] = list[i];
	return kept;
}

static bool
probe(const struct rr_plan *plan, const struct rr_zone *zone, const int64_t *list, int n, int64_t t)
{
	int i = 0;
	int64_t found = 0;
	bool hit;

	while (i < n && list[i] < t)
		i++;
	hit = i < n && list[i] == t;
	if (i < n && (!rr_zoned_next(plan, zone, t, &found) || found != list[i]))
		return false;
	if (rr_zoned_contains(plan, zone, t) != hit)
		return false;
	if (!hit)
		i--;
	return i >= 0 ? rr_zoned_previous(plan, zone, t, &found) && found == list[i]
				  : !rr_zoned_previous(plan, zone, t, &found);
}

/* a batch holds what rr_zoned_next gives one after the other */
static bool
fill_agrees(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo, int64_t hi)
{
	int64_t out[64];
	int size = 1 + pick(64);
	int n = rr_zoned_fill(plan, zone, lo, hi, out, size);
	int64_t t = lo;

	for (int i = 0; i < n; i++, t++)
		if (!rr_zoned_next(plan, zone, t, &t) || t != out[i] || t > hi)
			return false;
	return n == size || !rr_zoned_next(plan, zone, t, &t) || t > hi;
}

static bool
agree(const struct rr_rule *rule, int64_t dtstart, struct tzif *tz)
{
	static int64_t list[MAX_LIST];
	static struct rr_plan plan;
	struct rr_zone zone = { tzif_span, tz };
	char text[RR_TEXT_MAX];
	int n;

	rr_plan_make(&plan, rule, dtstart, RR_ZONED);
	n = slow_list(&plan, tz, list);
	rr_format(rule, text, sizeof(text));
	for (int i = 0; i < 60 && n > 0; i++)
	{
		int64_t t = list[pick(n)] + pick(3) - 1;

		if (tz->changes > 0 && i % 2 == 0)
			t = tz->at[pick(tz->changes)] + pick(4 * HOUR) - 2 * HOUR;
		if ((t <= list[n - 1] && !probe(&plan, &zone, list, n, t)) ||
			!fill_agrees(&plan, &zone, t, t + pick(400) * (int64_t) DAY))
		{
			diag("%s from %s: instant %s", text, show_time(dtstart), show_time(t));
			return false;
		}
	}
	return true;
}

static void
test_random(int rules)
{
	static struct tzif tz;
	int bad = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		int64_t dtstart = rr_day_of(2000 + pick(30), 1 + pick(12), 1) * DAY + pick(24) * (HOUR / 2);
		struct rr_rule rule;

		random_rule(&rule);
		if (pick(2))
			rr_simple(RR_DAILY, 1 + pick(2), &rule);
		if (pick(2))
			rule.hours = (uint32_t) pick_bits(12, 0, 23);
		if (pick(4) == 0)
		{
			rule.until_kind = RR_UNTIL_UTC;
			rule.until = dtstart + (int64_t) pick(600) * DAY;
		}
		random_zone(&tz, dtstart);
		bad += !agree(&rule, dtstart, &tz);
	}
	ok(bad == 0, "%d random rules in random zones agree with the oracle", rules);
}

/* ---- elapsed time -------------------------------------------------------------------- */

/* is t, as its clock shows it, behind the end of the rule? */
static bool
is_behind(const struct rr_rule *rule, int64_t t, int64_t offset)
{
	switch (rule->until_kind)
	{
		case RR_UNTIL_UTC:
			return t - offset > rule->until;
		case RR_UNTIL_LOCAL:
			return t > rule->until;
		case RR_UNTIL_DATE:
			return t >= rule->until + DAY;
		default:
			return false;
	}
}

/*
 * By its definition: in each span the series is that of DTSTART's instant as its clock shows
 * it.  Occurrences before the horizon.
 */
static int
elapsed_list(const struct rr_rule *rule, int64_t dtstart, const struct tzif *tz, int64_t horizon,
			 int64_t *list)
{
	struct rr_rule endless = *rule;
	int64_t start = slow_instant(tz, dtstart);
	int n = 0;

	endless.count = 0;
	endless.until_kind = RR_UNTIL_NONE;
	for (int i = 0; i <= tz->changes; i++)
	{
		static struct rr_plan plan;
		int64_t t = i > 0 && tz->at[i - 1] > start ? tz->at[i - 1] : start;
		int64_t end = i < tz->changes && tz->at[i] < horizon ? tz->at[i] : horizon;

		rr_plan_make(&plan, &endless, start + tz->offset[i], RR_FLOATING);
		for (t += tz->offset[i]; rr_next(&plan, t, &t) && t - tz->offset[i] < end; t++)
		{
			if (n == MAX_LIST || (rule->count != 0 && n == rule->count))
				return n;
			/* a clock that goes back may show a time before the end again */
			if (is_behind(rule, t, tz->offset[i]))
				break;
			list[n++] = t - tz->offset[i];
		}
	}
	return n;
}

static bool
agree_elapsed(const struct rr_rule *rule, int64_t dtstart, struct tzif *tz)
{
	static int64_t list[MAX_LIST];
	static struct rr_plan plan;
	struct rr_zone zone = { tzif_span, tz };
	char text[RR_TEXT_MAX];
	int n = elapsed_list(rule, dtstart, tz, dtstart + (int64_t) 4000 * DAY, list);
	int64_t t = RR_TIME_MIN;
	bool right = true;

	rr_plan_make(&plan, rule, dtstart, RR_ZONED);
	rr_plan_elapse(&plan, &zone);
	for (int i = 0; i < n && right; i++, t++)
		right = rr_zoned_next(&plan, &zone, t, &t) && t == list[i];
	if (right && n < MAX_LIST &&
		((rule->count != 0 && n == rule->count) || rule->until_kind != RR_UNTIL_NONE))
		right = !rr_zoned_next(&plan, &zone, t, &t);
	right = right && fill_agrees(&plan, &zone, RR_TIME_MIN, RR_TIME_MAX);
	for (int i = 0; i < 30 && n > 0 && right; i++)
	{
		t = list[pick(n)] + pick(3) - 1;
		right = (t > list[n - 1] || probe(&plan, &zone, list, n, t)) &&
				fill_agrees(&plan, &zone, t, t + pick(400) * (int64_t) DAY);
	}
	rr_format(rule, text, sizeof(text));
	if (!right)
		diag("elapsed: %s from %s near %s", text, show_time(dtstart), show_time(t));
	return right;
}

static void
test_elapsed(int rules)
{
	static const int intervals[] = { 1, 1, 1, 2, 3, 5, 7, 24, 36, 1440, 5003, 86399 };
	static struct tzif tz;
	int bad = 0;

	for (int i = 0; i < rules && bad < 5; i++)
	{
		int64_t dtstart = rr_day_of(2000 + pick(30), 1 + pick(12), 1) * DAY + pick(DAY);
		struct rr_rule rule = { 0 };

		random_zone(&tz, dtstart);
		rule.freq = (uint8_t) (RR_HOURLY + pick(3));
		rule.interval = intervals[pick(12)];
		if (pick(4) == 0)
			rule.months = (uint16_t) pick_bits(3, 1, 12);
		if (pick(4) == 0)
			rule.weekdays = (uint8_t) pick_bits(3, 0, 6);
		if (pick(3) == 0)
			rule.hours = (uint32_t) pick_bits(4, 0, 23);
		if (pick(3) == 0)
			rule.minutes = pick_bits(3, 0, 59);
		if (pick(3) == 0)
			rule.seconds = pick_bits(2, 0, 59);
		if (pick(3) == 0)
			rule.count = 1 + pick(2000);
		else if (pick(3) == 0)
		{
			rule.until_kind = (uint8_t) (RR_UNTIL_DATE + pick(3));
			rule.until = dtstart + (int64_t) (pick(600) - 20) * DAY;
			if (pick(3) == 0 && tz.changes > 0)
				rule.until = tz.at[pick(tz.changes)] + tz.offset[0] + pick(4 * HOUR) - 2 * HOUR;
			if (rule.until_kind == RR_UNTIL_DATE)
				rule.until -= rr_floormod(rule.until, DAY);
		}
		bad += !agree_elapsed(&rule, dtstart, &tz);
	}
	ok(bad == 0, "%d random rules of hours to seconds in elapsed time", rules);
}

int
main(int argc, char **argv)
{
	unsigned seed = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : (unsigned) time(NULL);

	diag("seed %u", seed);
	srand(seed);
	test_conversions();
	test_series();
	test_random(2000);
	test_elapsed(250);
	return done_testing();
}
