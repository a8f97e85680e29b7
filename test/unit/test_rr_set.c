/*
 * test_rr_set.c
 *		Sets of rules and dates: what users met elsewhere, exclusions that leave nothing, and random
 *		sets against a brute-force oracle, in civil time and in zones.
 *
 * The oracle lists every rule by itself, merges the lists and takes out what is in the excluded
 * ones.  The seed stands in the output; argument 1 repeats a run.
 */
#include <time.h>

#include "tap.h"
#include "rr_random.h"
#include "rr_text.h"
#include "tzif.h"

#include "recurrence/set.h"

#define MAX_PLANS 4
#define MAX_DATES 16
#define MAX_LIST  200000
#define DAY       86400

/* a set together with all that it points to */
struct store
{
	struct rr_set set;
	struct rr_plan rules[MAX_PLANS];
	struct rr_plan exrules[MAX_PLANS];
	int64_t dates[MAX_DATES];
	int64_t exdates[MAX_DATES];
};

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return (x > y) - (x < y);
}

/* ascending, each once; how many are left */
static int
sort_unique(int64_t *list, int n)
{
	int kept = 0;

	qsort(list, (size_t) n, sizeof(*list), compare);
	for (int i = 0; i < n; i++)
		if (i == 0 || list[i] != list[i - 1])
			list[kept++] = list[i];
	return kept;
}

/* ---- sets from text ---------------------------------------------------------------------- */

/* rules separated by spaces */
static int
read_plans(struct rr_plan *plans, const char *text, int64_t dtstart, const struct rr_zone *zone)
{
	const int flags = zone != NULL ? RR_ZONED | RR_ELAPSED : RR_FLOATING;
	int n = 0;

	while (text != NULL && *text != '\0')
	{
		size_t len = strcspn(text, " ");
		struct rr_rule rule;
		struct rr_error error;

		if (!rr_parse(text, len, &rule, &error))
			diag("%s: %s", text, rr_strerror(error.code));
		rr_plan_make(&plans[n], &rule, dtstart, flags);
		if (zone != NULL)
			rr_plan_elapse(&plans[n], zone);
		n++;
		text += len + (text[len] != '\0');
	}
	return n;
}

static int
read_dates(int64_t *dates, const char *text, const struct rr_zone *zone)
{
	int n = 0;

	while (text != NULL && *text != '\0')
	{
		dates[n] = read_time(text);
		if (zone != NULL)
			dates[n] = rr_to_instant(zone, dates[n]);
		n++;
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	return sort_unique(dates, n);
}

struct words
{
	const char *name;
	const char *dtstart;
	const char *rules;
	const char *dates;
	const char *exdates;
	const char *exrules;
	const char *occurrences; /* the first, separated by spaces; "..." where more follow */
};

static void
read_parts(struct store *s, const struct words *w, const struct rr_zone *zone)
{
	int64_t start = read_time(w->dtstart);

	memset(s, 0, sizeof(*s));
	s->set.rules = s->rules;
	s->set.exrules = s->exrules;
	s->set.dates = s->dates;
	s->set.exdates = s->exdates;
	s->set.zone = zone;
	s->set.n_rules = read_plans(s->rules, w->rules, start, zone);
	s->set.n_exrules = read_plans(s->exrules, w->exrules, start, zone);
	s->set.n_dates = read_dates(s->dates, w->dates, zone);
	s->set.n_exdates = read_dates(s->exdates, w->exdates, zone);
}

static void
read_set(struct store *s, const struct words *w, const struct rr_zone *zone)
{
	read_parts(s, w, zone);
	rr_set_make(&s->set);
}

/* the first n as text, as in struct words */
static const char *
show_set(const struct rr_set *set, int n)
{
	static char text[4096];
	size_t len = 0;
	int64_t t = RR_TIME_MIN;

	text[0] = '\0';
	for (int i = 0; rr_set_next(set, t, &t); t++)
	{
		if (i++ == n)
		{
			snprintf(text + len, sizeof(text) - len, " ...");
			break;
		}
		len += (size_t) snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? " " : "",
								 show_time(t));
	}
	return text;
}

static int
count_words(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text++)
		n += (text[0] == 'T');
	return n;
}

/* ---- named cases ------------------------------------------------------------------------- */

static const struct words civil_cases[] = {
	{ "nothing at all", "2026-01-01T09:00:00", "", "", "", "", "" },
	{ "dates alone", "2026-01-01T09:00:00", "",
	  "2026-02-01T10:00:00 2026-01-05T10:00:00 2026-02-01T10:00:00", "", "",
	  "2026-01-05T10:00:00 2026-02-01T10:00:00" },
	{ "a date before the start", "2026-01-02T09:00:00", "FREQ=DAILY;COUNT=1", "2025-01-01T00:00:00",
	  "", "", "2025-01-01T00:00:00 2026-01-02T09:00:00" },
	{ "users' case 6: a rule that excludes itself", "2026-01-05T09:00:00", "FREQ=DAILY;BYDAY=MO",
	  "", "", "FREQ=DAILY;BYDAY=MO", "" },
	{ "a rule excluded by the same in other words", "2026-01-05T09:00:00",
	  "FREQ=WEEKLY;BYDAY=MO,TH", "", "", "FREQ=YEARLY;BYDAY=MO,TU,TH", "" },
	{ "excluded by two rules together", "2026-01-05T09:00:00", "FREQ=WEEKLY;BYDAY=MO,TH", "", "",
	  "FREQ=DAILY;BYDAY=MO FREQ=DAILY;BYDAY=TH", "" },
	{ "an exclusion that ends earlier", "2026-01-01T09:00:00", "FREQ=DAILY;UNTIL=20260105", "", "",
	  "FREQ=DAILY;COUNT=3", "2026-01-04T09:00:00 2026-01-05T09:00:00" },
	{ "an exclusion that ends far away", "2026-01-05T09:00:00", "FREQ=DAILY;BYDAY=MO", "", "",
	  "FREQ=WEEKLY;UNTIL=99990101", "9999-01-04T09:00:00 9999-01-11T09:00:00 ..." },
	{ "what is left is rare", "2024-01-29T09:00:00", "FREQ=MONTHLY;BYMONTHDAY=29", "", "",
	  "FREQ=YEARLY;BYMONTH=1,3,4,5,6,7,8,9,10,11,12;BYMONTHDAY=29",
	  "2024-02-29T09:00:00 2028-02-29T09:00:00 ..." },
	{ "left in one year of 400", "2001-02-28T09:00:00",
	  "FREQ=YEARLY;INTERVAL=100;BYMONTH=2;BYMONTHDAY=-1", "", "",
	  "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=28", "" },
	{ "exclusion wins over a date", "2026-01-01T09:00:00", "FREQ=DAILY;COUNT=2",
	  "2026-01-09T09:00:00", "2026-01-09T09:00:00 2026-01-02T09:00:00", "", "2026-01-01T09:00:00" },
	{ "an exclusion of another time of day", "2026-01-01T09:00:00", "FREQ=DAILY;COUNT=2", "",
	  "2026-01-01T00:00:00", "", "2026-01-01T09:00:00 2026-01-02T09:00:00" },
	{ "users' case 18: a date that is an occurrence already", "2026-01-01T09:00:00",
	  "FREQ=DAILY;COUNT=3", "2026-01-02T09:00:00", "", "",
	  "2026-01-01T09:00:00 2026-01-02T09:00:00 2026-01-03T09:00:00" },
	{ "users' case 18, of two rules", "2026-01-05T09:00:00",
	  "FREQ=DAILY;COUNT=2 FREQ=WEEKLY;COUNT=2", "", "", "",
	  "2026-01-05T09:00:00 2026-01-06T09:00:00 2026-01-12T09:00:00" },
	{ "users' case 28: several rules in order", "2019-01-01T00:00:00",
	  "FREQ=HOURLY;INTERVAL=5 FREQ=DAILY", "", "", "",
	  "2019-01-01T00:00:00 2019-01-01T05:00:00 2019-01-01T10:00:00 2019-01-01T15:00:00 "
	  "2019-01-01T20:00:00 2019-01-02T00:00:00 2019-01-02T01:00:00 ..." },
	{ "a series that has the half hours of another only at times", "2026-01-01T00:00:00",
	  "FREQ=HOURLY;INTERVAL=5;BYMINUTE=0,30", "", "",
	  "FREQ=MINUTELY;INTERVAL=100 FREQ=HOURLY;INTERVAL=5;BYMINUTE=30;BYMONTH=1,2,3",
	  "2026-04-01T00:30:00 2026-04-01T05:30:00 ..." },
};

static const struct
{
	const char *zone;
	struct words words;
} zoned_cases[] = {
	{ "Europe/Berlin",
	  { "users' case 15: EXDATE in a zone", "2020-12-14T09:30:00",
		"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;UNTIL=20210308T083000Z", "",
		"2020-12-28T09:30:00 2021-01-25T09:30:00 2021-02-08T09:30:00", "",
		"2020-12-14T08:30:00 2021-01-11T08:30:00 2021-02-22T08:30:00 2021-03-08T08:30:00" } },
	{ "Europe/Berlin",
	  { "what a gap moves onto another is excluded with it", "2026-03-28T02:30:00",
		"FREQ=DAILY;COUNT=3", "", "2026-03-29T03:30:00", "",
		"2026-03-28T01:30:00 2026-03-30T00:30:00" } },
	{ "Europe/Berlin",
	  { "two rules that a gap brings together", "2026-03-29T00:00:00",
		"FREQ=DAILY;BYHOUR=2;BYMINUTE=30;COUNT=2 FREQ=DAILY;BYHOUR=3;BYMINUTE=30;COUNT=2", "", "",
		"", "2026-03-29T01:30:00 2026-03-30T00:30:00 2026-03-30T01:30:00" } },
	{ "Europe/Berlin",
	  { "a rule that excludes itself in other words", "2026-03-23T02:30:00", "FREQ=WEEKLY", "", "",
		"FREQ=DAILY;BYDAY=MO,SU", "" } },
	{ "America/Vancouver",
	  { "users' case 16: a gap, then back", "2021-03-12T02:22:10", "FREQ=DAILY;COUNT=30", "", "",
		"FREQ=DAILY;INTERVAL=5",
		"2021-03-13T10:22:10 2021-03-14T10:22:10 2021-03-15T09:22:10 2021-03-16T09:22:10 ..." } },
	{ "America/New_York",
	  { "excluded each day but where a gap moves it to another hour", "2025-11-10T02:00:00",
		"FREQ=DAILY;BYHOUR=2", "", "", "FREQ=HOURLY;BYHOUR=2",
		"2026-03-08T07:00:00 2027-03-14T07:00:00 2028-03-12T07:00:00 ..." } },
	{ "America/New_York",
	  { "excluded each day, but once of twice in a fold", "2025-03-10T01:00:00",
		"FREQ=HOURLY;BYHOUR=1", "", "", "FREQ=DAILY;BYHOUR=1",
		"2025-11-02T06:00:00 2026-11-01T06:00:00 2027-11-07T06:00:00 ..." } },
	{ "America/New_York",
	  { "elapsed time that shows other hours in summer", "2026-01-01T00:00:00",
		"FREQ=HOURLY;INTERVAL=4", "", "", "FREQ=HOURLY;BYHOUR=0,4,8,12,16,20",
		"2026-03-08T09:00:00 2026-03-08T13:00:00 ..." } },
	{ "Australia/Lord_Howe",
	  { "elapsed time that shows half hours in winter", "2026-01-01T00:00:00",
		"FREQ=HOURLY;INTERVAL=2", "", "", "FREQ=MINUTELY;INTERVAL=30;BYMINUTE=0",
		"2026-04-04T15:00:00 2026-04-04T17:00:00 ..." } },
};

/* the last n of what next gives must be what previous gives */
static bool
mirrors(const struct rr_set *set, const char *wanted)
{
	int64_t list[64];
	int n = 0;
	int64_t t = RR_TIME_MIN;

	while (n < count_words(wanted) && rr_set_next(set, t, &t))
		list[n++] = t++;
	for (int i = n - 1; i >= 0; i--)
		if (!rr_set_contains(set, list[i]) || !rr_set_previous(set, list[i], &t) || t != list[i] ||
			rr_set_previous(set, list[i] - 1, &t) != (i > 0) || (i > 0 && t != list[i - 1]))
			return false;
	return true;
}

static void
check_case(const struct words *w, const struct rr_zone *zone)
{
	struct store s;

	read_set(&s, w, zone);
	is_str(show_set(&s.set, count_words(w->occurrences)), w->occurrences, w->name);
	ok(mirrors(&s.set, w->occurrences), "%s: the same backwards", w->name);
}

static void
test_cases(void)
{
	static struct tzif tz;
	struct rr_zone zone = { tzif_span, &tz };

	for (size_t i = 0; i < sizeof(civil_cases) / sizeof(civil_cases[0]); i++)
		check_case(&civil_cases[i], NULL);
	for (size_t i = 0; i < sizeof(zoned_cases) / sizeof(zoned_cases[0]); i++)
	{
		if (tzif_load(&tz, zoned_cases[i].zone))
			check_case(&zoned_cases[i].words, &zone);
		else
			skip("no zone data");
	}
}

static void
count_pauses(void *context)
{
	++*(int *) context;
}

/* sets of which nothing is left, in words that differ, and what some thousand candidates show */
static const char *const void_sets[][2] = {
	{ "FREQ=SECONDLY", "FREQ=SECONDLY;BYMONTH=1,2,3,4 FREQ=SECONDLY;BYMONTH=5,6,7,8,9,10,11,12" },
	{ "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", "FREQ=SECONDLY;BYMONTHDAY=29" },
	{ "FREQ=SECONDLY;INTERVAL=86399",
	  "FREQ=SECONDLY;INTERVAL=86399;BYDAY=MO,TU,WE,TH FREQ=SECONDLY;BYDAY=FR,SA,SU" },
	{ "FREQ=MINUTELY;INTERVAL=90", "FREQ=HOURLY;BYMINUTE=0,30" },
	{ "FREQ=DAILY;BYHOUR=1,2,3,4",
	  "FREQ=HOURLY;BYHOUR=1,3;BYMINUTE=0 FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=2,4" },
	{ "FREQ=MONTHLY;BYMONTHDAY=1", "FREQ=DAILY;INTERVAL=2 FREQ=WEEKLY;INTERVAL=3 "
								   "FREQ=MONTHLY;INTERVAL=7 FREQ=YEARLY;BYMONTHDAY=1" },
	{ "FREQ=DAILY;INTERVAL=9973", "FREQ=DAILY;BYDAY=MO,TU,WE,TH FREQ=MONTHLY;BYDAY=FR,SA,SU" },
};

static void
test_void_sets(const struct rr_zone *zone, const char *name)
{
	for (size_t i = 0; i < sizeof(void_sets) / sizeof(void_sets[0]); i++)
	{
		struct words w = {
			"", "2026-01-01T09:00:00", void_sets[i][0], "", "", void_sets[i][1], ""
		};
		struct store s;
		int pauses = 0;
		int64_t t;

		read_parts(&s, &w, zone);
		s.set.pause = count_pauses;
		s.set.context = &pauses;
		ok(!rr_set_next(&s.set, RR_TIME_MIN, &t) && !rr_set_previous(&s.set, RR_TIME_MAX, &t),
		   "%s without %s: nothing, %s", w.rules, w.exrules, name);
		rr_set_make(&s.set);
		is_int(s.set.n_rules, 0, "so it is taken out");
		is_int(pauses, 0, "without a long search");
	}
}

/* a search through exclusions ends, is exact about what comes behind them, and pauses on its way */
static void
test_emptiness(void)
{
	struct words w = { "",
					   "2026-01-01T09:00:00",
					   "FREQ=DAILY;BYHOUR=1,2,3,4",
					   "",
					   "",
					   "FREQ=DAILY;BYHOUR=1,2,3,4;BYSETPOS=1,2,3,4",
					   "" };
	struct store s;
	int pauses = 0;
	int64_t t;

	read_parts(&s, &w, NULL);
	s.set.pause = count_pauses;
	s.set.context = &pauses;
	rr_set_make(&s.set);
	ok(pauses > 10, "long searches pause");
	ok(!rr_set_next(&s.set, RR_TIME_MIN, &t), "a rule excluded in other words has no next");
	ok(!rr_set_previous(&s.set, RR_TIME_MAX, &t), "and no previous, from however far");

	w.rules = "FREQ=YEARLY;INTERVAL=7";
	w.exrules = "FREQ=YEARLY;INTERVAL=7;UNTIL=90000101";
	read_set(&s, &w, NULL);
	ok(rr_set_next(&s.set, RR_TIME_MIN, &t), "behind the end of an exclusion there is one");
	is_str(show_time(t), "9005-01-01T09:00:00", "the right one");
	w.exrules = "FREQ=YEARLY;INTERVAL=7";
	read_set(&s, &w, NULL);
	is_int(s.set.n_rules, 0, "what excludes itself is taken out at once");
	ok(rr_set_ends(&s.set), "nothing ends");
}

/* ---- random sets against the oracle ------------------------------------------------------ */

#define SPAN_START (INT64_C(946684800))      /* 2000-01-01 */
#define SPAN_END   (SPAN_START + 1200 * DAY) /* lists reach so far */

/* all of one plan before SPAN_END, appended */
static int
list_plan(const struct rr_plan *plan, const struct rr_zone *zone, int64_t *list, int n)
{
	int64_t t = RR_TIME_MIN;

	while (n < MAX_LIST &&
		   (zone != NULL ? rr_zoned_next(plan, zone, t, &t) : rr_next(plan, t, &t)) && t < SPAN_END)
		list[n++] = t++;
	return n;
}

/* the set before SPAN_END; the plans as they are before rr_set_make() */
static int
list_set(const struct rr_set *set, int64_t *list)
{
	static int64_t out[MAX_LIST];
	int n = 0;
	int n_out = 0;
	int kept = 0;

	for (int i = 0; i < set->n_rules; i++)
		n = list_plan(&set->rules[i], set->zone, list, n);
	for (int i = 0; i < set->n_dates && n < MAX_LIST; i++)
		list[n++] = set->dates[i];
	n = sort_unique(list, n);
	for (int i = 0; i < set->n_exrules; i++)
		n_out = list_plan(&set->exrules[i], set->zone, out, n_out);
	for (int i = 0; i < set->n_exdates && n_out < MAX_LIST; i++)
		out[n_out++] = set->exdates[i];
	n_out = sort_unique(out, n_out);
	for (int i = 0; i < n; i++)
		if (n_out == 0 || bsearch(&list[i], out, (size_t) n_out, sizeof(*out), compare) == NULL)
			list[kept++] = list[i];
	return kept;
}

static int
random_plans(struct rr_plan *plans, int n, int64_t start, const struct rr_zone *zone,
			 int first_freq)
{
	for (int i = 0; i < n; i++)
	{
		struct rr_rule rule;

		do
			random_rule(&rule);
		while (rule.freq < first_freq);
		/* few times of day, so that rules meet */
		rule.hours &= 0x1f;
		rule.minutes = rule.seconds = 0;
		rule.count = pick(5) == 0 ? 1 + pick(40) : 0;
		if (rule.freq == RR_DAILY && pick(3) == 0)
		{
			rule.freq = RR_HOURLY;
			rule.interval = 5 + pick(30);
		}
		rr_plan_make(&plans[i], &rule, start, zone != NULL ? RR_ZONED | RR_ELAPSED : RR_FLOATING);
		if (zone != NULL)
			rr_plan_elapse(&plans[i], zone);
	}
	return n;
}

/* times that rules of this start hit easily */
static int
random_dates(int64_t *dates, int64_t start, const struct rr_zone *zone)
{
	int n = pick(MAX_DATES);

	for (int i = 0; i < n; i++)
	{
		dates[i] = start + (pick(400) - 20) * DAY + (pick(2) ? pick(5) * 3600 : 0);
		if (zone != NULL)
			dates[i] = rr_to_instant(zone, dates[i]);
	}
	return sort_unique(dates, n);
}

static void
random_set(struct store *s, const struct rr_zone *zone)
{
	int64_t start = SPAN_START + pick(400) * DAY + pick(5) * 3600;
	memset(s, 0, sizeof(*s));
	s->set.rules = s->rules;
	s->set.exrules = s->exrules;
	s->set.dates = s->dates;
	s->set.exdates = s->exdates;
	s->set.zone = zone;
	s->set.n_rules = random_plans(s->rules, pick(MAX_PLANS), start, zone, 0);
	s->set.n_exrules = random_plans(s->exrules, pick(3), start, zone, pick(4));
	if (s->set.n_rules > 0 && pick(8) == 0)
		s->exrules[s->set.n_exrules++] = s->rules[0];
	s->set.n_dates = random_dates(s->dates, start, zone);
	s->set.n_exdates = random_dates(s->exdates, start, zone);
}

/* every answer in the span, from random times, forwards and backwards */
static bool
agrees(const struct rr_set *set, const int64_t *list, int n)
{
	for (int round = 0; round < 40; round++)
	{
		int64_t t = SPAN_START - 50 * DAY + (int64_t) pick(1240) * DAY + pick(DAY);
		int i = 0;
		int64_t found;
		bool any;

		if (n > 0 && pick(2))
			t = list[pick(n)] + pick(3) - 1;
		while (i < n && list[i] < t)
			i++;
		any = rr_set_next(set, t, &found);
		if (i < n ? !any || found != list[i] : any && found < SPAN_END)
			return false;
		if (t < SPAN_END && rr_set_contains(set, t) != (i < n && list[i] == t))
			return false;
		if (i < n && list[i] == t)
			i++;
		if (t < SPAN_END &&
			(rr_set_previous(set, t, &found) != (i > 0) || (i > 0 && found != list[i - 1])))
			return false;
	}
	return true;
}

/* rules of many occurrences, which exclude nearly all of each other */
static void
dense_set(struct store *s, const struct rr_zone *zone)
{
	static const char *const dense[] = {
		"FREQ=HOURLY;BYDAY=MO,TU,WE,TH,FR,SA",
		"FREQ=HOURLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11",
		"FREQ=HOURLY;INTERVAL=2",
		"FREQ=HOURLY;INTERVAL=3;BYMONTHDAY=-1,-2,-3",
		"FREQ=HOURLY;INTERVAL=5",
		"FREQ=HOURLY;INTERVAL=25;BYDAY=SU,MO",
		"FREQ=HOURLY;INTERVAL=7;BYMINUTE=0,30",
		"FREQ=MINUTELY;INTERVAL=420",
		"FREQ=HOURLY;UNTIL=20000901T120000Z",
		"FREQ=HOURLY;COUNT=5000",
		"FREQ=MINUTELY;INTERVAL=90",
		"FREQ=MINUTELY;INTERVAL=100",
		"FREQ=MINUTELY;INTERVAL=30;BYHOUR=0,1,2,3,22,23",
		"FREQ=MINUTELY;INTERVAL=20;BYHOUR=1,2,3;BYMINUTE=0,20",
		"FREQ=SECONDLY;INTERVAL=3600;BYDAY=TU,WE,TH,FR,SA,SU",
		"FREQ=SECONDLY;INTERVAL=5400",
		"FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12",
		"FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,15,30,45",
		"FREQ=DAILY;INTERVAL=2;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
		"23",
		"FREQ=WEEKLY;BYDAY=SU;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
		"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE;BYHOUR=12,13,14,15,16,17,18,19,20,21,22,23;WKST=SU",
		"FREQ=MONTHLY;BYMONTHDAY=1,2,3,4,5,30,31;BYHOUR=1,2,3,4,5;SKIP=FORWARD",
		"FREQ=MONTHLY;BYDAY=MO,TU,WE;BYHOUR=2,3;BYMINUTE=0,30;UNTIL=20010601",
		"FREQ=MONTHLY;BYDAY=MO,TU,WE;BYHOUR=2,3;BYSETPOS=1,2,3,-1",
		"FREQ=YEARLY;BYMONTH=12,1,2;BYDAY=MO,TU,WE,TH;BYHOUR=1,2,3,4,5,6",
	};
	const int n = (int) (sizeof(dense) / sizeof(dense[0]));
	struct words w = { .rules = dense[pick(n)], .dates = "", .exdates = "" };
	char exrules[1024] = "";
	char dtstart[32];

	snprintf(dtstart, sizeof(dtstart), "2000-%02d-%02dT%02d:%02d:00", 1 + pick(12), 1 + pick(28),
			 pick(4), pick(2) * 30);
	w.dtstart = dtstart;
	for (int i = 1 + pick(MAX_PLANS); i > 0; i--)
		snprintf(exrules + strlen(exrules), sizeof(exrules) - strlen(exrules), "%s%s",
				 exrules[0] != '\0' ? " " : "", dense[pick(n)]);
	w.exrules = exrules;
	read_parts(s, &w, zone);
}

#define SIXTY(part)                                                                                \
	part "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,"     \
		 "31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59"

/* rules by the second and of as many times of day, in a night in which clocks change */
static void
night_set(struct store *s, const struct rr_zone *zone)
{
	static const char *const nights[][2] = {
		{ "2000-03-25T22:00:00", "20000326T060000" },
		{ "2000-04-01T22:00:00", "20000402T060000" },
		{ "2000-08-26T22:00:00", "20000827T060000" },
		{ "2000-10-28T22:00:00", "20001029T060000" },
	};
	static const char *const seconds[] = {
		"FREQ=SECONDLY",
		"FREQ=SECONDLY;INTERVAL=7",
		"FREQ=SECONDLY;BYMINUTE=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14",
		"FREQ=SECONDLY;BYHOUR=1,3",
		"FREQ=SECONDLY;BYSECOND=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
		SIXTY("FREQ=MINUTELY;BYHOUR=1,2,3;BYSECOND="),
		SIXTY("FREQ=HOURLY;BYSECOND=") SIXTY(";BYMINUTE="),
		SIXTY("FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=") SIXTY(";BYSECOND="),
		SIXTY("FREQ=DAILY;BYHOUR=1,2;BYMINUTE=0,1,2,3,4,30,31,32;BYSECOND="),
		SIXTY("FREQ=DAILY;BYHOUR=2,3;BYSECOND=0,30;BYMINUTE="),
	};
	const int n = (int) (sizeof(seconds) / sizeof(seconds[0]));
	const int night = pick(4);
	struct words w = { .dtstart = nights[night][0], .dates = "", .exdates = "" };
	char rules[1024];
	char exrules[2048] = "";

	snprintf(rules, sizeof(rules), "%s;UNTIL=%s", seconds[pick(n)], nights[night][1]);
	for (int i = 1 + pick(3); i > 0; i--)
		snprintf(exrules + strlen(exrules), sizeof(exrules) - strlen(exrules), "%s%s;UNTIL=%s",
				 exrules[0] != '\0' ? " " : "", seconds[pick(n)], nights[night][1]);
	w.rules = rules;
	w.exrules = exrules;
	read_parts(s, &w, zone);
}

static void
test_random(unsigned seed, const struct rr_zone *zone, int rounds, const char *name,
			void (*draw)(struct store *s, const struct rr_zone *zone))
{
	static int64_t list[MAX_LIST];
	int bad = 0;
	int64_t total = 0;

	srand(seed);
	for (int round = 0; round < rounds && bad < 5; round++)
	{
		struct store s;
		int n;

		draw(&s, zone);
		n = list_set(&s.set, list);
		total += n;
		rr_set_make(&s.set);
		if (!agrees(&s.set, list, n))
		{
			bad++;
			diag("%s: seed %u, round %d", name, seed, round);
		}
	}
	ok(bad == 0, "%s: %d random sets agree with the oracle", name, rounds);
	diag("%s: seed %u, %d sets of %" PRId64 " occurrences", name, seed, rounds, total);
}

int
main(int argc, char **argv)
{
	static const char *const zones[] = { "UTC", "America/New_York", "Australia/Lord_Howe",
										 "Pacific/Apia" };
	static struct tzif tz;
	struct rr_zone zone = { tzif_span, &tz };
	unsigned seed = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : (unsigned) time(NULL);

	test_cases();
	test_emptiness();
	test_void_sets(NULL, "civil time");
	test_random(seed, NULL, 1500, "civil time", random_set);
	test_random(seed, NULL, 60, "civil time, dense", dense_set);
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
	{
		if (!tzif_load(&tz, zones[i]))
		{
			skip("no zone data");
			continue;
		}
		test_void_sets(&zone, zones[i]);
		test_random(seed, &zone, 200, zones[i], random_set);
		test_random(seed, &zone, 40, zones[i], dense_set);
		test_random(seed, &zone, 15, zones[i], night_set);
	}
	return done_testing();
}
