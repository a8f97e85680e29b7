/*
 * describe.c
 *		A rule in English, for people: 'every 2 weeks on Monday and Friday'.
 *
 * Every accepted rule has a description, and each part of the rule leaves a trace in it.
 */
#include "rrule.h"

#include "bits.h"
#include "civil.h"
#include "text.h"

static const char *const weekday_words[7] = {
	"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
};

static const char *const month_words[13] = {
	"",     "January", "February",  "March",   "April",    "May",      "June",
	"July", "August",  "September", "October", "November", "December",
};

/* what joins the last two of a list: of what is chosen, and of what is asked for ("if that is") */
#define AND " and "
#define OR  " or "

/* "a", "a and b", "a, b and c": what stands before item i of n */
static void
put_separator(struct rr_out *out, int i, int n, const char *joint)
{
	if (i > 0)
		rr_put(out, i == n - 1 ? joint : ", ");
}

/* 1st 2nd 3rd 4th ... 11th 12th 13th ... 21st */
static void
put_ordinal(struct rr_out *out, int n)
{
	static const char *const endings[4] = { "th", "st", "nd", "rd" };
	int last = n % 10;

	rr_put_number(out, n, 1);
	rr_put(out, n / 10 % 10 == 1 || last > 3 ? endings[0] : endings[last]);
}

/* first .. fifth, then 6th; from the end: last, second to last, ... */
static void
put_rank(struct rr_out *out, int n)
{
	static const char *const words[6] = { "", "first", "second", "third", "fourth", "fifth" };
	int size = n < 0 ? -n : n;

	if (n == -1)
	{
		rr_put(out, "last");
		return;
	}
	if (size <= 5)
		rr_put(out, words[size]);
	else
		put_ordinal(out, size);
	if (n < 0)
		rr_put(out, " to last");
}

/* the numbers of a set by a function that writes one, positive ones first */
static void
put_list(struct rr_out *out, const uint64_t *plus, const uint64_t *minus, int words,
		 void (*put_one)(struct rr_out *out, int n), const char *joint)
{
	int n = rr_size(plus, words) + (minus != NULL ? rr_size(minus, words) : 0);
	int i = 0;

	for (int k = rr_first_from(plus, words, 0); k >= 0; k = rr_first_from(plus, words, k + 1))
	{
		put_separator(out, i++, n, joint);
		put_one(out, k);
	}
	for (int k = minus != NULL ? rr_first_from(minus, words, 0) : -1; k >= 0;
		 k = rr_first_from(minus, words, k + 1))
	{
		put_separator(out, i++, n, joint);
		put_one(out, -k);
	}
}

static void
put_plain(struct rr_out *out, int n)
{
	rr_put_number(out, n, 1);
}

static void
put_month(struct rr_out *out, int n)
{
	rr_put(out, month_words[n]);
}

static void
put_weekday(struct rr_out *out, int n)
{
	rr_put(out, weekday_words[n]);
}

/* "the 15th", "the last day", "the second to last day" */
static void
put_day(struct rr_out *out, int n)
{
	rr_put(out, "the ");
	if (n > 0)
		put_ordinal(out, n);
	else
	{
		put_rank(out, n);
		rr_put(out, " day");
	}
}

static void
put_day_of_year(struct rr_out *out, int n)
{
	if (n < 0)
		put_day(out, n);
	else
	{
		rr_put(out, "day ");
		rr_put_number(out, n, 1);
	}
}

static void
put_week(struct rr_out *out, int n)
{
	if (n > 0)
		rr_put_number(out, n, 1);
	else
	{
		rr_put(out, "the ");
		put_rank(out, n);
	}
}

static void
put_frequency(struct rr_out *out, const struct rr_rule *rule)
{
	static const char *const units[] = {
		"year", "month", "week", "day", "hour", "minute", "second"
	};

	rr_put(out, "every ");
	if (rule->interval == 1)
	{
		rr_put(out, units[rule->freq]);
		return;
	}
	rr_put_number(out, rule->interval, 1);
	rr_put_char(out, ' ');
	rr_put(out, units[rule->freq]);
	rr_put_char(out, 's');
}

/* BYDAY with numbers of one weekday and sign: "the second and fourth Tuesday" */
static void
put_nth(struct rr_out *out, const struct rr_rule *rule, int weekday, const char *joint)
{
	rr_put(out, "the ");
	put_list(out, &rule->nth[weekday], &rule->nth_minus[weekday], 1, put_rank, joint);
	rr_put_char(out, ' ');
	rr_put(out, weekday_words[weekday]);
}

static void
put_weekdays(struct rr_out *out, const struct rr_rule *rule, const char *joint)
{
	const uint64_t plain = rule->weekdays;
	int numbered = 0;
	int i = 0;

	for (int day = 0; day < 7; day++)
		numbered += (rule->nth[day] | rule->nth_minus[day]) != 0;
	if (plain == 0x1f && numbered == 0)
		rr_put(out, "Monday to Friday");
	else if (plain != 0 && numbered == 0)
		put_list(out, &plain, NULL, 1, put_weekday, joint);
	else
	{
		int n = numbered + rr_popcount(plain);

		for (int day = 0; day < 7; day++)
		{
			if (plain >> day & 1)
			{
				put_separator(out, i++, n, joint);
				rr_put(out, "every ");
				rr_put(out, weekday_words[day]);
			}
			if ((rule->nth[day] | rule->nth_minus[day]) != 0)
			{
				put_separator(out, i++, n, joint);
				put_nth(out, rule, day, joint);
			}
		}
		/* where the numbers count: as in plan.c */
		if (rule->freq == RR_YEARLY && rule->months == 0)
			rr_put(out, " of the year");
	}
}

/* are places among the workdays of a month, one time a day, all that chooses days? */
static bool
ranks_workdays(const struct rr_rule *rule)
{
	uint64_t nth = 0;

	for (int i = 0; i < 7; i++)
		nth |= rule->nth[i] | rule->nth_minus[i];
	return rule->freq == RR_MONTHLY && rule->weekdays == 0x1f && nth == 0 &&
		   (rule->monthdays | rule->monthdays_minus) == 0 && rr_popcount(rule->hours) <= 1 &&
		   rr_popcount(rule->minutes) <= 1 && rr_popcount(rule->seconds) <= 1 &&
		   rr_size(rule->setpos.plus, RR_DAY_WORDS) + rr_size(rule->setpos.minus, RR_DAY_WORDS) > 0;
}

/* "the first and last weekday" */
static void
put_workdays(struct rr_out *out, const struct rr_rule *rule)
{
	rr_put(out, "the ");
	put_list(out, rule->setpos.plus, rule->setpos.minus, RR_DAY_WORDS, put_rank, AND);
	rr_put(out, " weekday");
}

/* all parts that choose days; each narrows the one before */
static void
put_days(struct rr_out *out, const struct rr_rule *rule)
{
	const uint64_t months = rule->months;
	const uint64_t monthdays[2] = { rule->monthdays, rule->monthdays_minus };
	bool by_monthday = (monthdays[0] | monthdays[1]) != 0;
	bool by_yearday =
		rr_size(rule->yeardays.plus, RR_DAY_WORDS) + rr_size(rule->yeardays.minus, RR_DAY_WORDS) >
		0;
	bool by_day = rule->weekdays != 0;

	for (int i = 0; i < 7; i++)
		by_day |= (rule->nth[i] | rule->nth_minus[i]) != 0;
	if (by_yearday)
	{
		rr_put(out, " on ");
		put_list(out, rule->yeardays.plus, rule->yeardays.minus, RR_DAY_WORDS, put_day_of_year,
				 AND);
		rr_put(out, " of the year");
	}
	if (by_monthday)
	{
		rr_put(out, by_yearday ? " if that is " : " on ");
		put_list(out, &monthdays[0], &monthdays[1], 1, put_day, by_yearday ? OR : AND);
		if (rule->freq != RR_MONTHLY && months == 0)
			rr_put(out, " of the month");
	}
	if (by_day)
	{
		rr_put(out, by_yearday || by_monthday ? " if that is " : " on ");
		if (ranks_workdays(rule))
			put_workdays(out, rule);
		else
			put_weekdays(out, rule, by_yearday || by_monthday ? OR : AND);
	}
	if ((rule->weeks | rule->weeks_minus) != 0)
	{
		rr_put(out, " in week ");
		put_list(out, &rule->weeks, &rule->weeks_minus, 1, put_week, AND);
		rr_put(out, " of the year");
	}
	if (months != 0)
	{
		rr_put(out, " in ");
		put_list(out, &months, NULL, 1, put_month, AND);
	}
}

/* "17:30", "17:30:05" */
static void
put_time(struct rr_out *out, int hour, int minute, int second, bool to_the_second)
{
	rr_put_number(out, hour, 2);
	rr_put_char(out, ':');
	rr_put_number(out, minute, 2);
	if (to_the_second)
	{
		rr_put_char(out, ':');
		rr_put_number(out, second, 2);
	}
}

/* "at 09:00 and 17:30" where the rule says hours and minutes and they are few */
static bool
put_clock(struct rr_out *out, const struct rr_rule *rule)
{
	bool to_the_second = rule->seconds != 0;
	uint64_t second_set = to_the_second ? rule->seconds : 1;
	int seconds = rr_popcount(second_set);
	int minutes = rr_popcount(rule->minutes) * seconds;
	int n = rr_popcount(rule->hours) * minutes;

	if (n == 0 || n > 12)
		return false;
	rr_put(out, " at ");
	for (int i = 0; i < n; i++)
	{
		put_separator(out, i, n, AND);
		put_time(out, rr_select(rule->hours, i / minutes),
				 rr_select(rule->minutes, i % minutes / seconds),
				 rr_select(second_set, i % seconds), to_the_second);
	}
	return true;
}

static void
put_times(struct rr_out *out, const struct rr_rule *rule)
{
	static const char *const names[3] = { "hour ", "minute ", "second " };
	const uint64_t sets[3] = { rule->hours, rule->minutes, rule->seconds };
	const char *before = " at ";

	if (put_clock(out, rule))
		return;
	for (int i = 0; i < 3; i++)
		if (sets[i] != 0)
		{
			rr_put(out, before);
			rr_put(out, names[i]);
			put_list(out, &sets[i], NULL, 1, put_plain, AND);
			before = ", ";
		}
}

/* weeks of chosen days only: people name the days, "every Saturday and Sunday", not the week */
static bool
is_named_by_weekdays(const struct rr_rule *rule)
{
	return rule->freq == RR_WEEKLY && rule->interval == 1 && rule->weekdays != 0 &&
		   rule->months == 0;
}

static void
put_every_weekday(struct rr_out *out, const struct rr_rule *rule)
{
	rr_put(out, "every ");
	if (rule->weekdays == 0x1f)
		rr_put(out, "weekday");
	else
		put_weekdays(out, rule, AND);
}

static void
put_setpos(struct rr_out *out, const struct rr_rule *rule)
{
	static const char *const units[] = {
		"year", "month", "week", "day", "hour", "minute", "second"
	};

	if (rr_size(rule->setpos.plus, RR_DAY_WORDS) + rr_size(rule->setpos.minus, RR_DAY_WORDS) == 0 ||
		ranks_workdays(rule))
		return;
	rr_put(out, ", only the ");
	put_list(out, rule->setpos.plus, rule->setpos.minus, RR_DAY_WORDS, put_rank, AND);
	rr_put(out, " of each ");
	rr_put(out, units[rule->freq]);
}

/* "once", "twice", "3 times" */
static void
put_count(struct rr_out *out, int count)
{
	static const char *const words[3] = { "", "once", "twice" };

	if (count <= 2)
	{
		rr_put(out, words[count]);
		return;
	}
	rr_put_number(out, count, 1);
	rr_put(out, " times");
}

static void
put_end(struct rr_out *out, const struct rr_rule *rule)
{
	int64_t time = rr_floormod(rule->until, RR_DAY_SECONDS);
	struct rr_civil c = rr_date_of(rr_floordiv(rule->until, RR_DAY_SECONDS));

	if (rule->count != 0)
	{
		rr_put(out, ", ");
		put_count(out, rule->count);
	}
	if (rule->until_kind == RR_UNTIL_NONE)
		return;
	rr_put(out, ", until ");
	rr_put_number(out, c.day, 1);
	rr_put_char(out, ' ');
	rr_put(out, month_words[c.month]);
	rr_put_char(out, ' ');
	rr_put_number(out, c.year, 4);
	if (rule->until_kind == RR_UNTIL_DATE)
		return;
	rr_put_char(out, ' ');
	put_time(out, (int) (time / 3600), (int) (time / 60 % 60), (int) (time % 60), time % 60 != 0);
	if (rule->until_kind == RR_UNTIL_UTC)
		rr_put(out, " UTC");
}

size_t
rr_describe(const struct rr_rule *rule, char *buf, size_t size)
{
	struct rr_out out = { buf, size, 0 };

	if (is_named_by_weekdays(rule))
		put_every_weekday(&out, rule);
	else
	{
		put_frequency(&out, rule);
		put_days(&out, rule);
	}
	put_times(&out, rule);
	put_setpos(&out, rule);
	if (rule->wkst != 0)
	{
		rr_put(&out, ", weeks begin on ");
		rr_put(&out, weekday_words[rule->wkst]);
	}
	put_end(&out, rule);
	if (rule->skip == RR_SKIP_BACKWARD)
		rr_put(&out, " (missing dates move back)");
	else if (rule->skip == RR_SKIP_FORWARD)
		rr_put(&out, " (missing dates move forward)");
	return rr_put_end(&out);
}
