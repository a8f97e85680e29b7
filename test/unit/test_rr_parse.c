/*
 * test_rr_parse.c
 *		Reading and writing rules: accepted forms and their canonical text, refused ones with code
 *		and position, descriptions, and text put together at random (seed in the output; argument
 *		1 repeats a run).
 */
#include <stdlib.h>
#include <time.h>

#include "tap.h"
#include "rr_text.h"

static const struct
{
	const char *text;
	const char *canonical;
} accepted[] = {
	{ "FREQ=DAILY", "FREQ=DAILY" },
	{ "freq=daily", "FREQ=DAILY" },
	{ "RRULE:FREQ=DAILY", "FREQ=DAILY" },
	{ "rrule:Freq=Daily;", "FREQ=DAILY" },
	{ "  FREQ=DAILY\r\n", "FREQ=DAILY" },
	{ "daily", "FREQ=DAILY" },
	{ " Weekly ", "FREQ=WEEKLY" },
	{ "monthly", "FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD" },
	{ "YEARLY", "FREQ=YEARLY;RSCALE=GREGORIAN;SKIP=BACKWARD" },
	{ "INTERVAL=1;FREQ=WEEKLY;WKST=MO", "FREQ=WEEKLY" },
	{ "FREQ=WEEKLY;WKST=SU;INTERVAL=2147483647", "FREQ=WEEKLY;INTERVAL=2147483647;WKST=SU" },
	{ "FREQ=DAILY;INTERVAL=+2;COUNT=007", "FREQ=DAILY;INTERVAL=2;COUNT=7" },
	{ "FREQ=MONTHLY;BYDAY=+1MO,-1SU,we", "FREQ=MONTHLY;BYDAY=1MO,WE,-1SU" },
	{ "FREQ=MONTHLY;BYDAY=2SU,MO,2SU,01SU", "FREQ=MONTHLY;BYDAY=MO,1SU,2SU" },
	{ "FREQ=MONTHLY;BYMONTHDAY=-1,31,+5,-31", "FREQ=MONTHLY;BYMONTHDAY=5,31,-1,-31" },
	{ "FREQ=YEARLY;BYMONTH=12,1;BYSETPOS=366,-366,1",
	  "FREQ=YEARLY;BYMONTH=1,12;BYSETPOS=1,366,-366" },
	{ "FREQ=YEARLY;BYWEEKNO=53,-53;BYDAY=MO", "FREQ=YEARLY;BYWEEKNO=53,-53;BYDAY=MO" },
	{ "FREQ=YEARLY;BYYEARDAY=1,366,-366,64", "FREQ=YEARLY;BYYEARDAY=1,64,366,-366" },
	{ "FREQ=YEARLY;BYDAY=53MO,-53TU", "FREQ=YEARLY;BYDAY=53MO,-53TU" },
	{ "FREQ=DAILY;BYHOUR=23,0;BYMINUTE=59;BYSECOND=60",
	  "FREQ=DAILY;BYHOUR=0,23;BYMINUTE=59;BYSECOND=59" },
	{ "FREQ=DAILY;UNTIL=20251231", "FREQ=DAILY;UNTIL=20251231" },
	{ "FREQ=DAILY;UNTIL=20240229T000000", "FREQ=DAILY;UNTIL=20240229T000000" },
	{ "FREQ=DAILY;UNTIL=20251231t235960z", "FREQ=DAILY;UNTIL=20251231T235959Z" },
	{ "FREQ=DAILY;UNTIL=00010101", "FREQ=DAILY;UNTIL=00010101" },
	{ "RSCALE=gregorian;FREQ=MONTHLY;SKIP=omit", "FREQ=MONTHLY" },
	{ "FREQ=MONTHLY;SKIP=FORWARD", "FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=FORWARD" },
};

static const struct
{
	const char *text;
	enum rr_code code;
	size_t position;
} refused[] = {
	{ "", RR_EMPTY, 0 },
	{ "  ", RR_EMPTY, 0 },
	{ "RRULE:", RR_EMPTY, 6 },
	{ "hourly", RR_NOT_A_PART, 0 },
	{ "every day", RR_NOT_A_PART, 0 },
	{ "daily;", RR_NOT_A_PART, 0 },
	{ "FREQ", RR_NOT_A_PART, 0 },
	{ "FREQ=", RR_BAD_FREQ, 5 },
	{ "FREQ=DAILYX", RR_BAD_FREQ, 5 },
	{ "FREQ=FORTNIGHTLY", RR_BAD_FREQ, 5 },
	{ "INTERVAL=2", RR_NO_FREQ, 10 },
	{ "FREQ=DAILY;;", RR_NOT_A_PART, 11 },
	{ ";FREQ=DAILY", RR_NOT_A_PART, 0 },
	{ "FREQ=DAILY;=1", RR_NOT_A_PART, 11 },
	{ "FREQ=DAILY;X-FOO=1", RR_UNKNOWN_PART, 11 },
	{ "FREQ=DAILY;BYEASTER=0", RR_UNKNOWN_PART, 11 },
	{ "FREQ=DAILY;FREQ=DAILY", RR_TWICE, 11 },
	{ "FREQ=DAILY;COUNT=1;COUNT=1", RR_TWICE, 19 },
	{ "DTSTART:20250101T090000\nRRULE:FREQ=DAILY", RR_DTSTART_LINE, 0 },
	{ "FREQ=DAILY;DTSTART=20250101", RR_DTSTART_LINE, 11 },
	{ "RRULE:FREQ=DAILY\nEXDATE:20250101", RR_MANY_LINES, 16 },
	{ "FREQ=DAILY;INTERVAL=0", RR_BAD_INTERVAL, 20 },
	{ "FREQ=DAILY;INTERVAL=-1", RR_BAD_INTERVAL, 20 },
	{ "FREQ=DAILY;INTERVAL=2147483648", RR_BAD_INTERVAL, 20 },
	{ "FREQ=DAILY;INTERVAL=99999999999999999999999999", RR_BAD_INTERVAL, 20 },
	{ "FREQ=DAILY;INTERVAL=", RR_BAD_INTERVAL, 20 },
	{ "FREQ=DAILY;INTERVAL=2 ;COUNT=1", RR_BAD_INTERVAL, 20 },
	{ "FREQ=DAILY;COUNT=0", RR_BAD_COUNT, 17 },
	{ "FREQ=DAILY;COUNT=99999999999", RR_BAD_COUNT, 17 },
	{ "FREQ=DAILY;COUNT=1.5", RR_BAD_COUNT, 17 },
	{ "FREQ=DAILY;COUNT=2;UNTIL=20250101", RR_COUNT_AND_UNTIL, 19 },
	{ "UNTIL=20250101;FREQ=DAILY;COUNT=2", RR_COUNT_AND_UNTIL, 26 },
	{ "FREQ=DAILY;UNTIL=2025", RR_BAD_UNTIL, 17 },
	{ "FREQ=DAILY;UNTIL=20250229", RR_BAD_UNTIL, 17 },
	{ "FREQ=DAILY;UNTIL=20251301", RR_BAD_UNTIL, 17 },
	{ "FREQ=DAILY;UNTIL=00000101", RR_BAD_UNTIL, 17 },
	{ "FREQ=DAILY;UNTIL=20250101T", RR_BAD_UNTIL, 17 },
	{ "FREQ=DAILY;UNTIL=20250101T240000", RR_BAD_UNTIL, 17 },
	{ "FREQ=DAILY;UNTIL=20250101T096000", RR_BAD_UNTIL, 17 },
	{ "FREQ=DAILY;UNTIL=20250101T090000+01", RR_BAD_UNTIL, 17 },
	{ "FREQ=DAILY;BYSECOND=61", RR_BAD_SECOND, 20 },
	{ "FREQ=DAILY;BYMINUTE=60", RR_BAD_MINUTE, 20 },
	{ "FREQ=DAILY;BYHOUR=24", RR_BAD_HOUR, 18 },
	{ "FREQ=DAILY;BYHOUR=1,-1", RR_BAD_NUMBER, 20 },
	{ "FREQ=DAILY;BYHOUR=1,,2", RR_BAD_NUMBER, 20 },
	{ "FREQ=DAILY;BYHOUR=", RR_BAD_NUMBER, 18 },
	{ "FREQ=DAILY;BYHOUR=1 2", RR_BAD_NUMBER, 19 },
	{ "FREQ=MONTHLY;BYMONTHDAY=0", RR_BAD_MONTHDAY, 24 },
	{ "FREQ=MONTHLY;BYMONTHDAY=1,-32", RR_BAD_MONTHDAY, 26 },
	{ "FREQ=YEARLY;BYYEARDAY=367", RR_BAD_YEARDAY, 22 },
	{ "FREQ=YEARLY;BYWEEKNO=54", RR_BAD_WEEKNO, 21 },
	{ "FREQ=YEARLY;BYMONTH=13", RR_BAD_MONTH, 20 },
	{ "FREQ=YEARLY;BYMONTH=0", RR_BAD_MONTH, 20 },
	{ "FREQ=YEARLY;BYMONTH=5L", RR_BAD_NUMBER, 21 },
	{ "FREQ=YEARLY;BYMONTH=1;BYSETPOS=0", RR_BAD_SETPOS, 31 },
	{ "FREQ=WEEKLY;BYDAY=XX", RR_BAD_WEEKDAY, 18 },
	{ "FREQ=MONTHLY;BYDAY=255SU", RR_BAD_WEEKDAY, 19 },
	{ "FREQ=MONTHLY;BYDAY=0MO", RR_BAD_WEEKDAY, 19 },
	{ "FREQ=MONTHLY;BYDAY=-MO", RR_BAD_WEEKDAY, 19 },
	{ "FREQ=MONTHLY;BYDAY=MO,", RR_BAD_WEEKDAY, 22 },
	{ "FREQ=MONTHLY;BYDAY=MON", RR_BAD_WEEKDAY, 21 },
	{ "FREQ=WEEKLY;WKST=1", RR_BAD_WKST, 17 },
	{ "FREQ=MONTHLY;SKIP=YES", RR_BAD_SKIP, 18 },
	{ "RSCALE=HEBREW;FREQ=YEARLY", RR_NO_RSCALE, 7 },
	{ "FREQ=WEEKLY;BYDAY=1MO", RR_NTH_NOT_HERE, 18 },
	{ "FREQ=DAILY;BYDAY=MO,-1TU", RR_NTH_NOT_HERE, 20 },
	{ "FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO", RR_NTH_WITH_WEEKNO, 30 },
	{ "FREQ=WEEKLY;BYMONTHDAY=1", RR_MONTHDAY_WEEKLY, 12 },
	{ "FREQ=DAILY;BYYEARDAY=1", RR_YEARDAY_NOT_HERE, 11 },
	{ "BYYEARDAY=1;FREQ=MONTHLY", RR_YEARDAY_NOT_HERE, 0 },
	{ "FREQ=WEEKLY;BYWEEKNO=20", RR_WEEKNO_NOT_YEARLY, 12 },
	{ "FREQ=MONTHLY;BYSETPOS=1", RR_SETPOS_ALONE, 13 },
};

static const struct
{
	const char *text;
	const char *words;
} described[] = {
	{ "FREQ=DAILY", "every day" },
	{ "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "every 2 weeks on Monday and Friday" },
	{ "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday" },
	{ "FREQ=WEEKLY;BYDAY=SA,SU", "every Saturday and Sunday" },
	{ "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR", "every 2 weeks on Monday to Friday" },
	{ "FREQ=WEEKLY;BYDAY=FR;BYMONTH=6;COUNT=2", "every Friday in June, twice" },
	{ "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=9;BYMINUTE=0", "every day at 09:00" },
	{ "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR,SA,SU", "every 2 weeks on every day" },
	{ "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "every weekday" },
	{ "FREQ=DAILY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR", "every 2 days if that is a weekday" },
	{ "FREQ=DAILY;INTERVAL=3;BYDAY=MO,TU,WE",
	  "every 3 days if that is a Monday, Tuesday or Wednesday" },
	{ "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA", "every day except Sunday" },
	{ "FREQ=WEEKLY;BYDAY=TU,WE,TH,SA", "every Tuesday to Thursday and Saturday" },
	{ "FREQ=WEEKLY;BYDAY=MO,WE,TH", "every Monday, Wednesday and Thursday" },
	{ "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA;BYSETPOS=1",
	  "every Monday to Saturday, only the first of each week" },
	{ "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=1",
	  "every Monday to Sunday, only the first of each week" },
	{ "FREQ=WEEKLY;BYDAY=FR;WKST=SU", "every Friday" },
	{ "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU;COUNT=5",
	  "every 2 weeks on Monday, weeks begin on Sunday, 5 times" },
	{ "FREQ=MONTHLY;BYMONTHDAY=1,15,-1", "every month on the 1st, 15th and the last day" },
	{ "FREQ=MONTHLY;BYMONTHDAY=1,2,3,4,5,6,7,9;BYDAY=MO",
	  "every month on the 1st to 7th and 9th if that is a Monday" },
	{ "FREQ=MONTHLY;BYMONTHDAY=15,-1,-2,-3", "every month on the 15th and the last 3 days" },
	{ "FREQ=MONTHLY;BYMONTHDAY=-1,-2", "every month on the last 2 days" },
	{ "FREQ=MONTHLY;BYMONTHDAY=-1,-2,-4",
	  "every month on the last day, the second to last day and the fourth to last day" },
	{ "FREQ=MONTHLY;BYDAY=2TU,4TU,-1FR",
	  "every month on the second and fourth Tuesday and the last Friday" },
	{ "FREQ=MONTHLY;BYDAY=MO,1TU", "every month on every Monday and the first Tuesday" },
	{ "FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,TU", "every 2 months on every Monday and Tuesday" },
	{ "FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR", "every 2 months on every weekday" },
	{ "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "every Friday the 13th" },
	{ "FREQ=MONTHLY;INTERVAL=2;BYDAY=FR;BYMONTHDAY=13",
	  "every 2 months on the 13th if that is a Friday" },
	{ "FREQ=MONTHLY;BYDAY=TU,WE;BYMONTHDAY=1,2,3",
	  "every month on the 1st to 3rd if that is a Tuesday or Wednesday" },
	{ "FREQ=MONTHLY;BYDAY=MO,2TU;BYMONTHDAY=8",
	  "every month on the 8th if that is a Monday or the second Tuesday" },
	{ "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "every month on the last weekday" },
	{ "FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=1", "every month on the first weekend day" },
	{ "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=-1", "every month on the last day" },
	{ "FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2", "every month on the second Tuesday" },
	{ "FREQ=MONTHLY;BYDAY=TU,TH;BYSETPOS=2",
	  "every month on every Tuesday and Thursday, only the second of each month" },
	{ "FREQ=MONTHLY;BYMONTH=3,6,9,12;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
	  "every month on the last weekday of March, June, September and December" },
	{ "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1;SKIP=BACKWARD", "every 3 months on the 1st" },
	{ "FREQ=MONTHLY;BYMONTHDAY=31;SKIP=FORWARD",
	  "every month on the 31st (in shorter months on the 1st of the next)" },
	{ "FREQ=MONTHLY;BYMONTHDAY=-31;SKIP=BACKWARD",
	  "every month on the 31st to last day (missing dates move back)" },
	{ "FREQ=MONTHLY;BYMONTHDAY=-31;SKIP=FORWARD",
	  "every month on the 31st to last day (missing dates move forward)" },
	{ "FREQ=MONTHLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11", "every month from January to November" },
	{ "FREQ=MONTHLY;BYMONTH=6,7,8", "every June, July and August" },
	{ "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "every year on the fourth Thursday of November" },
	{ "FREQ=YEARLY;BYDAY=20MO", "every year on the 20th Monday of the year" },
	{ "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
	  "every year on the last weekday of the year" },
	{ "FREQ=YEARLY;BYMONTH=1;BYDAY=MO,TU,WE,TH,FR,SA,SU", "every day in January" },
	{ "FREQ=YEARLY;BYWEEKNO=20,-1;BYDAY=MO",
	  "every year on every Monday in week 20 and the last week of the year" },
	{ "FREQ=YEARLY;BYWEEKNO=1,2,3,20",
	  "every year on every day in weeks 1 to 3 and 20 of the year" },
	{ "FREQ=YEARLY;BYYEARDAY=100,-1", "every year on day 100 and the last day of the year" },
	{ "FREQ=YEARLY;BYYEARDAY=100;BYMONTHDAY=10",
	  "every year on day 100 of the year if that is the 10th of the month" },
	{ "FREQ=YEARLY;BYMONTH=7;BYMONTHDAY=4", "every year on the 4th of July" },
	{ "FREQ=YEARLY;BYMONTH=4,5,6,7,9;BYMONTHDAY=4",
	  "every year on the 4th of April, May, June, July and September" },
	{ "FREQ=YEARLY;BYMONTH=4,5,6,7;BYDAY=1MO",
	  "every year on the first Monday from April to July" },
	{ "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYMONTHDAY=2,3,4,5,6,7,8;BYDAY=TU",
	  "every 4 years on the 2nd to 8th of November if that is a Tuesday" },
	{ "FREQ=MONTHLY;INTERVAL=5;BYMONTH=4;BYMONTHDAY=31", "every 5 months on the 31st in April" },
	{ "FREQ=HOURLY;BYHOUR=9,10,11,12,13,14,15,16,17;BYMINUTE=0", "every hour from 09:00 to 17:00" },
	{ "FREQ=HOURLY;INTERVAL=2;BYHOUR=9,10,11;BYMINUTE=0",
	  "every 2 hours at 09:00, 10:00 and 11:00" },
	{ "FREQ=HOURLY;BYHOUR=9,10,12;BYMINUTE=0", "every hour at 09:00, 10:00 and 12:00" },
	{ "FREQ=HOURLY;BYHOUR=9,10,11;BYDAY=MO,TU,WE,TH,FR",
	  "every hour on Monday to Friday at hours 9 to 11" },
	{ "FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0,30;COUNT=1",
	  "every day at 09:00, 09:30, 17:00 and 17:30, once" },
	{ "FREQ=DAILY;BYHOUR=9;BYSECOND=5,10", "every day at hour 9, seconds 5 and 10" },
	{ "FREQ=DAILY;UNTIL=20250301", "every day, until 1 March 2025" },
	{ "FREQ=DAILY;UNTIL=20250301T093000Z", "every day, until 1 March 2025 09:30 UTC" },
	{ "monthly", "every month (in shorter months on the last day)" },
	{ "FREQ=YEARLY;BYMONTH=1,2,3;BYMONTHDAY=22",
	  "every year on the 22nd of January, February and March" },
};

static void
test_accepted(void)
{
	char canonical[RR_TEXT_MAX];

	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
	{
		struct rr_rule rule;
		struct rr_error error;

		canonical[0] = '\0';
		if (rr_parse(accepted[i].text, strlen(accepted[i].text), &rule, &error))
			rr_format(&rule, canonical, sizeof(canonical));
		else
			diag("%s", rr_strerror(error.code));
		is_str(canonical, accepted[i].canonical, accepted[i].canonical);
	}
}

static void
test_refused(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		struct rr_rule rule;
		struct rr_error error;
		bool read = rr_parse(refused[i].text, strlen(refused[i].text), &rule, &error);

		if (!ok(!read && error.code == refused[i].code && error.position == refused[i].position,
				"refused, case %zu", i))
			diag("%s: got code %d at %zu: %s", refused[i].text, error.code, error.position,
				 rr_strerror(error.code));
	}
}

static void
test_described(void)
{
	char words[RR_TEXT_MAX];

	for (size_t i = 0; i < sizeof(described) / sizeof(described[0]); i++)
	{
		struct rr_rule rule;

		words[0] = '\0';
		if (parse_rule(described[i].text, &rule))
			rr_describe(&rule, words, sizeof(words));
		is_str(words, described[i].words, described[i].words);
	}
}

static void
test_words(void)
{
	static const char *const not_words[] = {
		"FREQ=MONTHLY",
		"FREQ=DAILY;INTERVAL=2",
		"FREQ=WEEKLY;WKST=SU",
		"FREQ=WEEKLY;BYDAY=MO",
	};
	struct rr_rule rule;

	for (int freq = RR_YEARLY; freq <= RR_DAILY; freq++)
	{
		rr_simple((enum rr_freq) freq, 1, &rule);
		is_str(rr_word(&rule), rr_freq_word((enum rr_freq) freq), "a word says itself");
	}
	for (size_t i = 0; i < sizeof(not_words) / sizeof(not_words[0]); i++)
		ok(parse_rule(not_words[i], &rule) && rr_word(&rule) == NULL, "no word says %s",
		   not_words[i]);
}

/* every part with every value at once: longer than any rule that can be read */
static void
fill_rule(struct rr_rule *rule)
{
	const uint64_t upto53 = ((UINT64_C(1) << 54) - 1) & ~UINT64_C(1);

	rr_simple(RR_YEARLY, INT32_MAX, rule);
	rule->wkst = 6;
	rule->until_kind = RR_UNTIL_UTC;
	rule->until = RR_TIME_MAX;
	rule->count = INT32_MAX;
	rule->hours = 0xffffff;
	rule->minutes = rule->seconds = (UINT64_C(1) << 60) - 1;
	rule->months = 0x1ffe;
	rule->weekdays = 127;
	rule->monthdays = rule->monthdays_minus = ~UINT32_C(1);
	rule->weeks = rule->weeks_minus = upto53;
	for (int i = 0; i < 7; i++)
		rule->nth[i] = rule->nth_minus[i] = upto53;
	for (int n = 1; n <= 366; n++)
	{
		rule->yeardays.plus[n / 64] |= UINT64_C(1) << (n % 64);
		rule->setpos.minus[n / 64] |= UINT64_C(1) << (n % 64);
	}
	memcpy(rule->yeardays.minus, rule->yeardays.plus, sizeof(rule->yeardays.plus));
	memcpy(rule->setpos.plus, rule->setpos.minus, sizeof(rule->setpos.plus));
}

static void
test_size(void)
{
	struct rr_rule rule;
	char buf[8];

	parse_rule("FREQ=DAILY;INTERVAL=3", &rule);
	is_int((int64_t) rr_format(&rule, NULL, 0), 21, "length without a buffer");
	is_int((int64_t) rr_format(&rule, buf, sizeof(buf)), 21, "length with too small a buffer");
	is_str(buf, "FREQ=DA", "what fits is there and ends in NUL");
	fill_rule(&rule);
	ok(rr_format(&rule, NULL, 0) < RR_TEXT_MAX, "the longest text fits the maximum");
	is_int((int64_t) rr_describe(&rule, buf, sizeof(buf)), (int64_t) rr_describe(&rule, NULL, 0),
		   "a description has one length whatever the buffer");
	is_str(buf, "every 2", "and is cut like any text");
}

/* pieces from which half-right texts are made */
static const char *const pieces[] = {
	"FREQ=",
	"DAILY",
	"WEEKLY",
	"MONTHLY",
	"YEARLY",
	"HOURLY",
	";",
	";",
	";",
	",",
	",",
	"INTERVAL=",
	"COUNT=",
	"UNTIL=",
	"20251231",
	"T090000",
	"Z",
	"BYDAY=",
	"MO",
	"-1SU",
	"+2TU",
	"BYMONTHDAY=",
	"BYMONTH=",
	"BYSETPOS=",
	"BYYEARDAY=",
	"BYWEEKNO=",
	"BYHOUR=",
	"BYMINUTE=",
	"BYSECOND=",
	"WKST=",
	"RSCALE=",
	"GREGORIAN",
	"SKIP=",
	"BACKWARD",
	"0",
	"1",
	"-1",
	"12",
	"31",
	"366",
	"53",
	"2147483647",
	"9999999999999999999",
	" ",
	"\n",
	"=",
	"RRULE:",
	"\xff",
	"FREQ=MONTHLY;",
	"FREQ=YEARLY;",
	"FREQ=WEEKLY;",
};

/* read a text from a block of exactly its length, so that any read past it is found */
static bool
try_text(const char *text, size_t len, int *accepted_count)
{
	char *block = malloc(len > 0 ? len : 1);
	char canonical[RR_TEXT_MAX];
	char again[RR_TEXT_MAX];
	struct rr_rule rule;
	struct rr_error error;
	bool read;

	if (block == NULL)
		return false;
	memcpy(block, text, len);
	read = rr_parse(block, len, &rule, &error);
	free(block);
	if (!read)
		return error.code != RR_OK && error.code < RR_ERROR_COUNT && error.position <= len;
	(*accepted_count)++;
	rr_format(&rule, canonical, sizeof(canonical));
	if (!parse_rule(canonical, &rule))
		return false;
	rr_format(&rule, again, sizeof(again));
	return strcmp(canonical, again) == 0 && rr_describe(&rule, again, sizeof(again)) > 0;
}

static void
test_random(unsigned seed)
{
	char text[512];
	int read = 0;
	int bad = 0;

	srand(seed);
	for (int round = 0; round < 200000 && bad < 5; round++)
	{
		size_t len = 0;
		int n = rand() % 12;

		for (int i = 0; i < n; i++)
		{
			const char *piece = pieces[(size_t) rand() % (sizeof(pieces) / sizeof(pieces[0]))];

			memcpy(text + len, piece, strlen(piece));
			len += strlen(piece);
		}
		if (!try_text(text, len, &read))
		{
			bad++;
			diag("seed %u, round %d: %.*s", seed, round, (int) len, text);
		}
	}
	ok(bad == 0, "200000 random texts end in a rule that reads back or in a positioned error");
	ok(read > 1000, "many of them are rules");
	diag("seed %u: %d of 200000 texts were rules", seed, read);
}

int
main(int argc, char **argv)
{
	test_accepted();
	test_refused();
	test_described();
	test_words();
	test_size();
	test_random(argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : (unsigned) time(NULL));
	return done_testing();
}
