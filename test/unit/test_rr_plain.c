/*
 * test_rr_plain.c
 *		The plain form of rules: what it is for those that programs write, and that of random ones has
 *		the same occurrences from every DTSTART and is its own.
 *
 * The seed stands in the output; argument 1 repeats a run.
 */
#include <stdlib.h>
#include <time.h>

#include "tap.h"
#include "rr_random.h"
#include "rr_text.h"

#define MOST 40

static const struct
{
	const char *rule;
	const char *plain;
} plain_forms[] = {
	/* the week start and SKIP where they change nothing, and where they do */
	{ "FREQ=WEEKLY;BYDAY=FR;WKST=SU", "FREQ=WEEKLY;BYDAY=FR" },
	{ "FREQ=WEEKLY;INTERVAL=2;WKST=SU", "FREQ=WEEKLY;INTERVAL=2" },
	{ "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;WKST=SU", "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;WKST=SU" },
	{ "FREQ=YEARLY;BYWEEKNO=20;WKST=SU", "FREQ=YEARLY;BYWEEKNO=20;WKST=SU" },
	{ "FREQ=MONTHLY;SKIP=BACKWARD;BYMONTHDAY=28", "FREQ=MONTHLY;BYMONTHDAY=28" },
	{ "FREQ=MONTHLY;SKIP=BACKWARD;BYMONTHDAY=29", "FREQ=MONTHLY;SKIP=BACKWARD;BYMONTHDAY=29" },
	{ "FREQ=YEARLY;SKIP=BACKWARD;BYMONTH=12;BYMONTHDAY=31",
	  "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31" },
	{ "FREQ=YEARLY;SKIP=FORWARD;BYMONTH=4,12;BYMONTHDAY=31",
	  "FREQ=YEARLY;SKIP=FORWARD;BYMONTH=4,12;BYMONTHDAY=31" },
	{ "FREQ=YEARLY;SKIP=BACKWARD;BYMONTH=2;BYMONTHDAY=29",
	  "FREQ=YEARLY;SKIP=BACKWARD;BYMONTH=2;BYMONTHDAY=29" },
	{ "FREQ=YEARLY;SKIP=BACKWARD;BYYEARDAY=365", "FREQ=YEARLY;BYYEARDAY=365" },
	{ "FREQ=YEARLY;SKIP=BACKWARD;BYYEARDAY=366", "FREQ=YEARLY;SKIP=BACKWARD;BYYEARDAY=366" },
	{ "FREQ=MONTHLY;SKIP=BACKWARD;BYDAY=1MO", "FREQ=MONTHLY;BYDAY=1MO" },
	{ "FREQ=MONTHLY;SKIP=BACKWARD", "FREQ=MONTHLY;SKIP=BACKWARD" },
	{ "FREQ=DAILY;SKIP=FORWARD", "FREQ=DAILY" },
	/* the fifth Saturday of which month, where 30 February was moved? */
	{ "FREQ=YEARLY;SKIP=BACKWARD;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12;BYMONTHDAY=-30;BYDAY=WE,5SA",
	  "FREQ=YEARLY;SKIP=BACKWARD;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12;BYMONTHDAY=-30;BYDAY=WE,5SA" },
	{ "FREQ=MONTHLY;SKIP=BACKWARD;BYMONTH=1,2;BYMONTHDAY=-30;BYDAY=WE,5SA",
	  "FREQ=MONTHLY;SKIP=BACKWARD;BYMONTH=1,2;BYMONTHDAY=-30;BYDAY=WE,5SA" },
	/* filters that let everything pass */
	{ "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU", "FREQ=DAILY" },
	{ "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR,SA,SU",
	  "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR,SA,SU" },
	{ "FREQ=YEARLY;BYMONTH=1;BYDAY=MO,TU,WE,TH,FR,SA,SU", "FREQ=DAILY;BYMONTH=1" },
	{ "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=1",
	  "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=1" },
	{ "FREQ=HOURLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12", "FREQ=HOURLY" },
	{ "FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,2MO,TU,-1TU,3WE",
	  "FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,TU,3WE" },
	/* BYSETPOS, as Outlook has it */
	{ "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=-1", "FREQ=MONTHLY;BYMONTHDAY=-1" },
	{ "FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2", "FREQ=MONTHLY;BYDAY=2TU" },
	{ "FREQ=MONTHLY;BYDAY=TU;BYSETPOS=6", "FREQ=MONTHLY;BYDAY=TU;BYSETPOS=6" },
	{ "FREQ=MONTHLY;BYDAY=TU;BYHOUR=9,17;BYMINUTE=0;BYSETPOS=2",
	  "FREQ=MONTHLY;BYDAY=TU;BYHOUR=9,17;BYMINUTE=0;BYSETPOS=2" },
	{ "FREQ=YEARLY;BYMONTH=6;BYDAY=SA;BYSETPOS=1", "FREQ=YEARLY;BYMONTH=6;BYDAY=1SA" },
	{ "FREQ=YEARLY;BYMONTH=6,7;BYDAY=SA;BYSETPOS=1",
	  "FREQ=YEARLY;BYMONTH=6,7;BYDAY=SA;BYSETPOS=1" },
	/* the frequency that people name */
	{ "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR" },
	{ "FREQ=DAILY;INTERVAL=2;BYDAY=MO", "FREQ=DAILY;INTERVAL=2;BYDAY=MO" },
	{ "FREQ=MONTHLY;BYDAY=MO", "FREQ=WEEKLY;BYDAY=MO" },
	{ "FREQ=YEARLY;BYMONTH=6;BYDAY=SA", "FREQ=WEEKLY;BYMONTH=6;BYDAY=SA" },
	{ "FREQ=DAILY;BYMONTHDAY=1;SKIP=FORWARD", "FREQ=MONTHLY;BYMONTHDAY=1" },
	{ "FREQ=YEARLY;BYMONTHDAY=13;BYDAY=FR", "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR" },
	{ "FREQ=YEARLY;BYMONTHDAY=13;BYDAY=2FR", "FREQ=YEARLY;BYMONTHDAY=13;BYDAY=2FR" },
	{ "FREQ=MONTHLY;BYMONTH=12;BYMONTHDAY=25", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25" },
	{ "FREQ=MONTHLY;BYMONTH=1;BYDAY=MO,TU;BYSETPOS=1",
	  "FREQ=YEARLY;BYMONTH=1;BYDAY=MO,TU;BYSETPOS=1" },
	{ "FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12;BYDAY=1MO", "FREQ=MONTHLY;BYDAY=1MO" },
	{ "FREQ=HOURLY;BYDAY=MO", "FREQ=HOURLY;BYDAY=MO" },
};

static void
test_forms(void)
{
	for (size_t i = 0; i < sizeof(plain_forms) / sizeof(plain_forms[0]); i++)
	{
		char got[RR_TEXT_MAX] = "";
		char wanted[RR_TEXT_MAX] = "not a rule";
		struct rr_rule rule;
		struct rr_rule plain;

		if (parse_rule(plain_forms[i].plain, &rule))
			rr_format(&rule, wanted, sizeof(wanted));
		if (parse_rule(plain_forms[i].rule, &rule))
		{
			rr_plain(&rule, &plain);
			rr_format(&plain, got, sizeof(got));
		}
		is_str(got, wanted, plain_forms[i].rule);
	}
}

/* rules of the kinds that have a plainer form: whole sets, and few parts */
static void
pick_rule(struct rr_rule *rule)
{
	random_rule(rule);
	if (pick(4) == 0)
		rule->weekdays = pick(2) ? 0x7f : 0x1f;
	if (pick(6) == 0)
		rule->months = (uint16_t) (pick(2) ? 0x1ffe : 2 << pick(12));
	if (pick(3) == 0)
		rule->hours = 0, rule->minutes = rule->seconds = 0;
	if (pick(3) == 0)
		rule->monthdays = rule->monthdays_minus = 0;
	if (pick(3) == 0)
		rule->interval = 1;
	if (pick(4) == 0)
		rule->count = 1 + pick(30);
}

/* the rule as it is read, if it is one */
static bool
settle(struct rr_rule *rule)
{
	char text[RR_TEXT_MAX];

	rr_format(rule, text, sizeof(text));
	return parse_rule(text, rule);
}

static bool
same_occurrences(const struct rr_rule *rule, const struct rr_rule *plain, int64_t dtstart)
{
	static struct rr_plan plan;
	int64_t wanted[MOST];
	int64_t got[MOST];
	int n;

	rr_plan_make(&plan, rule, dtstart, RR_FLOATING);
	n = rr_fill(&plan, RR_TIME_MIN, RR_TIME_MAX, wanted, MOST);
	rr_plan_make(&plan, plain, dtstart, RR_FLOATING);
	return rr_fill(&plan, RR_TIME_MIN, RR_TIME_MAX, got, MOST) == n &&
		   memcmp(wanted, got, (size_t) n * sizeof(got[0])) == 0;
}

static void
test_random(unsigned seed)
{
	int bad = 0;
	int plainer = 0;

	srand(seed);
	for (int round = 0; round < 60000 && bad < 5; round++)
	{
		struct rr_rule rule;
		struct rr_rule plain;
		struct rr_rule again;
		/* month ends and leap days more often than others */
		int64_t day = pick(2) ? rr_day_of(2000 + pick(12), 1 + pick(12), 1) - 1 - pick(3)
							  : rr_day_of(2000 + pick(12), 1, 1) + pick(366);
		int64_t dtstart = day * 86400 + pick(24) * 3600;

		pick_rule(&rule);
		if (!settle(&rule))
			continue;
		rr_plain(&rule, &plain);
		plainer += memcmp(&rule, &plain, sizeof(rule)) != 0;
		again = plain;
		if (settle(&again) && memcmp(&again, &plain, sizeof(plain)) == 0)
			rr_plain(&plain, &again);
		if (memcmp(&again, &plain, sizeof(plain)) != 0 || !same_occurrences(&rule, &plain, dtstart))
		{
			char text[2][RR_TEXT_MAX];

			rr_format(&rule, text[0], sizeof(text[0]));
			rr_format(&plain, text[1], sizeof(text[1]));
			diag("from %s: %s is not %s", show_time(dtstart), text[0], text[1]);
			bad++;
		}
	}
	ok(bad == 0,
	   "the plain forms of 60000 random rules have their occurrences, and are rules and plain");
	ok(plainer > 10000, "many rules have a plainer form");
	diag("seed %u: %d rules have a plainer form", seed, plainer);
}

int
main(int argc, char **argv)
{
	unsigned seed = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : (unsigned) time(NULL);

	test_forms();
	test_random(seed);
	return done_testing();
}
