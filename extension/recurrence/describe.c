/*
 * describe.c
 *		A rule in English, for people: 'every 2 weeks on Monday and Friday'.
 *
 * It is the plain form of the rule (plain.c) that is told, and each part of it leaves a trace.
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

static bool
has_monthdays(const struct rr_rule *rule)
{
	return (rule->monthdays | rule->monthdays_minus) != 0;
}

static bool
has_yeardays(const struct rr_rule *rule)
{
	return rr_size(rule->yeardays.plus, RR_DAY_WORDS) +
			   rr_size(rule->yeardays.minus, RR_DAY_WORDS) >
		   0;
}

static bool
has_weeks(const struct rr_rule *rule)
{
	return (rule->weeks | rule->weeks_minus) != 0;
}

static bool
has_setpos(const struct rr_rule *rule)
{
	return rr_size(rule->setpos.plus, RR_DAY_WORDS) + rr_size(rule->setpos.minus, RR_DAY_WORDS) > 0;
}

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

/* the last number of the item that begins with k: of a run "k to m" of three or more, if there may be any */
static int
item_end(const uint64_t *set, int words, int k, bool runs)
{
	int end = k;

	while (runs && rr_first_from(set, words, end + 1) == end + 1)
		end++;
	return end - k >= 2 ? end : k;
}

static int
count_items(const uint64_t *set, int words, bool runs)
{
	int n = 0;

	for (int k = rr_first_from(set, words, 0); k >= 0;
		 k = rr_first_from(set, words, item_end(set, words, k, runs) + 1))
		n++;
	return n;
}

/* the numbers of a set by a function that writes one: items i to n - 1 of a list */
static void
put_items(struct rr_out *out, const uint64_t *set, int words, bool runs,
		  void (*put_one)(struct rr_out *out, int n), int i, int n, const char *joint)
{
	for (int k = rr_first_from(set, words, 0); k >= 0; k = rr_first_from(set, words, k + 1))
	{
		int end = item_end(set, words, k, runs);

		put_separator(out, i++, n, joint);
		put_one(out, k);
		if (end > k)
		{
			rr_put(out, " to ");
			put_one(out, end);
			k = end;
		}
	}
}

/* numbers that are a list of their own, with runs */
static void
put_runs(struct rr_out *out, uint64_t set, void (*put_one)(struct rr_out *out, int n))
{
	put_items(out, &set, 1, true, put_one, 0, count_items(&set, 1, true), AND);
}

static void
put_negative(struct rr_out *out, const uint64_t *set, int words,
			 void (*put_one)(struct rr_out *out, int n), int i, int n, const char *joint)
{
	for (int k = rr_first_from(set, words, 0); k >= 0; k = rr_first_from(set, words, k + 1))
	{
		put_separator(out, i++, n, joint);
		put_one(out, -k);
	}
}

/* both halves of a set, positive ones first */
static void
put_list(struct rr_out *out, const uint64_t *plus, const uint64_t *minus, int words,
		 void (*put_one)(struct rr_out *out, int n), const char *joint)
{
	int before = rr_size(plus, words);
	int n = before + rr_size(minus, words);

	put_items(out, plus, words, false, put_one, 0, n, joint);
	put_negative(out, minus, words, put_one, before, n, joint);
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

/* "the last day", "the second to last day" */
static void
put_day_from_end(struct rr_out *out, int n)
{
	rr_put(out, "the ");
	put_rank(out, n);
	rr_put(out, " day");
}

static void
put_day_of_year(struct rr_out *out, int n)
{
	if (n < 0)
		put_day_from_end(out, n);
	else
	{
		rr_put(out, "day ");
		rr_put_number(out, n, 1);
	}
}

static void
put_week_from_end(struct rr_out *out, int n)
{
	rr_put(out, "the ");
	put_rank(out, n);
	rr_put(out, " week");
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

static int
count_numbered(const struct rr_rule *rule)
{
	int n = 0;

	for (int day = 0; day < 7; day++)
		n += (rule->nth[day] | rule->nth_minus[day]) != 0;
	return n;
}

/* "Monday, Wednesday and Friday", "Monday to Wednesday and Saturday"; asked for: "a Monday or Tuesday" */
static void
put_plain_weekdays(struct rr_out *out, const struct rr_rule *rule, const char *before, bool asked)
{
	const uint64_t days = rule->weekdays;

	rr_put(out, before);
	if (days == 0x1f && *before != '\0')
		rr_put(out, "weekday");
	else if (days == 0x7f && *before != '\0' && !asked)
		rr_put(out, "day");
	else
		put_items(out, &days, 1, !asked, put_weekday, 0, count_items(&days, 1, !asked),
				  asked ? OR : AND);
}

/* with numbers: "the first and third Monday", "every Monday and the first Tuesday" */
static void
put_numbered(struct rr_out *out, const struct rr_rule *rule, bool asked)
{
	const char *joint = asked ? OR : AND;
	int n = count_numbered(rule) + rr_popcount(rule->weekdays);
	int i = 0;

	for (int day = 0; day < 7; day++)
	{
		if ((rule->weekdays >> day & 1) != 0)
		{
			put_separator(out, i++, n, joint);
			rr_put(out, asked ? "a " : "every ");
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

static void
put_weekdays(struct rr_out *out, const struct rr_rule *rule, bool asked)
{
	const char *before = rule->freq <= RR_MONTHLY || rule->weekdays == 0x7f ? "every " : "";

	if (count_numbered(rule) > 0)
		put_numbered(out, rule, asked);
	else
		put_plain_weekdays(out, rule, asked ? "a " : before, asked);
}

/* are places among the workdays or weekends of a period, one time a day, all that chooses days? */
static bool
ranks_group(const struct rr_rule *rule)
{
	bool in_period =
		rule->freq == RR_MONTHLY || (rule->freq == RR_YEARLY && rr_popcount(rule->months) <= 1);

	return in_period && (rule->weekdays == 0x1f || rule->weekdays == 0x60) &&
		   count_numbered(rule) == 0 && !has_monthdays(rule) && !has_yeardays(rule) &&
		   !has_weeks(rule) && rr_popcount(rule->hours) <= 1 && rr_popcount(rule->minutes) <= 1 &&
		   rr_popcount(rule->seconds) <= 1 && has_setpos(rule);
}

/* "the first and last weekday" */
static void
put_group(struct rr_out *out, const struct rr_rule *rule)
{
	rr_put(out, "the ");
	put_list(out, rule->setpos.plus, rule->setpos.minus, RR_DAY_WORDS, put_rank, AND);
	rr_put(out, rule->weekdays == 0x1f ? " weekday" : " weekend day");
	if (rule->freq == RR_YEARLY && rule->months == 0)
		rr_put(out, " of the year");
}

/* "the 1st to 7th and 15th", "the 15th and the last day", "the last 7 days" */
static void
put_monthdays(struct rr_out *out, const struct rr_rule *rule, const char *joint)
{
	const uint64_t plus = rule->monthdays;
	const uint64_t minus = rule->monthdays_minus;
	int last = rr_popcount(minus);
	bool together = last >= 2 && minus == (rr_below(last) << 1);
	int before = count_items(&plus, 1, true);
	int n = before + (together ? 1 : last);

	if (plus != 0)
		rr_put(out, "the ");
	put_items(out, &plus, 1, true, put_ordinal, 0, n, joint);
	if (!together)
	{
		put_negative(out, &minus, 1, put_day_from_end, before, n, joint);
		return;
	}
	put_separator(out, before, n, joint);
	rr_put(out, "the last ");
	rr_put_number(out, last, 1);
	rr_put(out, " days");
}

/* the first of four or more in a row, which may go on behind December; 0 if they are not */
static int
first_of_run(uint64_t months)
{
	/* those whose month before is not in the set */
	uint64_t first = months & ~(months << 1 | months >> 11);

	return rr_popcount(months) >= 4 && rr_popcount(first) == 1 ? rr_lowest(first) : 0;
}

/* "in June and July", of days that are counted in them "of June", and four or more in a row "from October to June" */
static void
put_months(struct rr_out *out, const struct rr_rule *rule, bool of)
{
	const uint64_t months = rule->months;
	int first = first_of_run(months);

	if (first > 0)
	{
		rr_put(out, " from ");
		put_month(out, first);
		rr_put(out, " to ");
		put_month(out, (first + rr_popcount(months) - 2) % 12 + 1);
		return;
	}
	rr_put(out, of ? " of " : " in ");
	put_items(out, &months, 1, false, put_month, 0, rr_popcount(months), AND);
}

/* "in weeks 1 and 20 of the year", "in week 20 and the last week of the year" */
static void
put_weeks(struct rr_out *out, const struct rr_rule *rule)
{
	int before = count_items(&rule->weeks, 1, true);
	int n = before + rr_popcount(rule->weeks_minus);

	rr_put(out, " in ");
	if (rule->weeks != 0)
		rr_put(out, rr_popcount(rule->weeks) == 1 ? "week " : "weeks ");
	put_items(out, &rule->weeks, 1, true, put_plain, 0, n, AND);
	put_negative(out, &rule->weeks_minus, 1, put_week_from_end, before, n, AND);
	rr_put(out, " of the year");
}

/* does each of the months have all of the dates, so that they are dates "of" it? */
static bool
have_days(const struct rr_rule *rule)
{
	int last = rule->monthdays != 0 ? rr_highest(rule->monthdays) : 0;

	for (int month = 1; month <= 12; month++)
		if ((rule->months >> month & 1) != 0 && rr_month_length(true, month) < last)
			return false;
	return true;
}

/* all parts that choose days; each narrows the one before */
static void
put_days(struct rr_out *out, const struct rr_rule *rule)
{
	bool by_yearday = has_yeardays(rule);
	bool by_monthday = has_monthdays(rule);
	bool by_day = rule->weekdays != 0 || count_numbered(rule) > 0;
	/* every so many days only filters them */
	bool asked = rule->freq == RR_DAILY;
	bool months_told = rule->months == 0;

	if (by_yearday)
	{
		rr_put(out, " on ");
		put_list(out, rule->yeardays.plus, rule->yeardays.minus, RR_DAY_WORDS, put_day_of_year,
				 AND);
		rr_put(out, " of the year");
	}
	if (by_monthday)
	{
		asked |= by_yearday;
		rr_put(out, asked ? " if that is " : " on ");
		put_monthdays(out, rule, asked ? OR : AND);
		if (!months_told)
			put_months(out, rule, have_days(rule));
		else if (rule->freq != RR_MONTHLY)
			rr_put(out, " of the month");
		months_told = true;
	}
	if (by_day)
	{
		asked |= by_yearday || by_monthday;
		rr_put(out, asked ? " if that is " : " on ");
		if (ranks_group(rule))
			put_group(out, rule);
		else
			put_weekdays(out, rule, asked);
	}
	if (has_weeks(rule))
	{
		if (!by_yearday && !by_monthday && !by_day)
			rr_put(out, " on every day");
		put_weeks(out, rule);
	}
	if (!months_told)
		put_months(out, rule,
				   !has_weeks(rule) && !asked && (count_numbered(rule) > 0 || ranks_group(rule)));
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

/* every hour of a part of the day, on the hour: "from 09:00 to 17:00" */
static bool
put_hours(struct rr_out *out, const struct rr_rule *rule)
{
	uint64_t hours = rule->hours;

	if (rule->freq != RR_HOURLY || rule->interval != 1 || rule->minutes != 1 ||
		rule->seconds != 0 || rr_popcount(hours) < 3 ||
		rr_highest(hours) - rr_lowest(hours) + 1 != rr_popcount(hours))
		return false;
	rr_put(out, " from ");
	put_time(out, rr_lowest(hours), 0, 0, false);
	rr_put(out, " to ");
	put_time(out, rr_highest(hours), 0, 0, false);
	return true;
}

/* "at hours 9 to 17, minute 30" where the times of day are many or open */
static void
put_times(struct rr_out *out, const struct rr_rule *rule)
{
	static const char *const names[3] = { "hour", "minute", "second" };
	const uint64_t sets[3] = { rule->hours, rule->minutes, rule->seconds };
	const char *before = " at ";

	if (put_hours(out, rule) || put_clock(out, rule))
		return;
	for (int i = 0; i < 3; i++)
		if (sets[i] != 0)
		{
			rr_put(out, before);
			rr_put(out, names[i]);
			rr_put(out, rr_popcount(sets[i]) > 1 ? "s " : " ");
			put_runs(out, sets[i], put_plain);
			before = ", ";
		}
}

/* weeks of chosen days only: people name the days, "every Saturday and Sunday", not the week */
static bool
is_named_by_weekdays(const struct rr_rule *rule)
{
	return rule->freq == RR_WEEKLY && rule->interval == 1 && rule->weekdays != 0;
}

static void
put_every_weekday(struct rr_out *out, const struct rr_rule *rule)
{
	unsigned free = ~rule->weekdays & 0x7fU;

	if (rr_popcount(free) == 1 && !has_setpos(rule))
	{
		rr_put(out, "every day except ");
		put_weekday(out, rr_lowest(free));
	}
	else if (free == 0)
		rr_put(out, "every Monday to Sunday");
	else
		put_plain_weekdays(out, rule, "every ", false);
}

/* the day of DTSTART in some months of each year */
static bool
is_named_by_months(const struct rr_rule *rule)
{
	return rule->freq == RR_YEARLY && rule->interval == 1 && rule->months != 0 &&
		   rule->weekdays == 0 && count_numbered(rule) == 0 && !has_monthdays(rule) &&
		   !has_yeardays(rule) && !has_weeks(rule) && !has_setpos(rule);
}

/* "every January and July", "every month from January to November" */
static void
put_every_month(struct rr_out *out, const struct rr_rule *rule)
{
	const uint64_t months = rule->months;

	if (first_of_run(months) > 0)
	{
		rr_put(out, "every month");
		put_months(out, rule, false);
		return;
	}
	rr_put(out, "every ");
	put_items(out, &months, 1, false, put_month, 0, rr_popcount(months), AND);
}

static bool
is_weekday_the(const struct rr_rule *rule)
{
	return rule->freq == RR_MONTHLY && rule->interval == 1 && rule->months == 0 &&
		   rr_popcount(rule->weekdays) == 1 && count_numbered(rule) == 0 &&
		   rr_popcount(rule->monthdays) == 1 && rule->monthdays_minus == 0;
}

/* "every Friday the 13th" */
static void
put_weekday_the(struct rr_out *out, const struct rr_rule *rule)
{
	rr_put(out, "every ");
	put_weekday(out, rr_lowest(rule->weekdays));
	rr_put(out, " the ");
	put_ordinal(out, rr_lowest(rule->monthdays));
}

static void
put_dates(struct rr_out *out, const struct rr_rule *rule)
{
	if (is_weekday_the(rule))
	{
		put_weekday_the(out, rule);
		return;
	}
	if (is_named_by_months(rule))
	{
		put_every_month(out, rule);
		return;
	}
	if (!is_named_by_weekdays(rule))
	{
		put_frequency(out, rule);
		put_days(out, rule);
		return;
	}
	put_every_weekday(out, rule);
	if (rule->months != 0)
		put_months(out, rule, false);
}

static void
put_setpos(struct rr_out *out, const struct rr_rule *rule)
{
	static const char *const units[] = {
		"year", "month", "week", "day", "hour", "minute", "second"
	};

	if (!has_setpos(rule) || ranks_group(rule))
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

/* what becomes of dates that a month or year lacks */
static void
put_skip(struct rr_out *out, const struct rr_rule *rule)
{
	bool back = rule->skip == RR_SKIP_BACKWARD;

	if (rule->skip == RR_SKIP_OMIT)
		return;
	if (rule->monthdays_minus != 0 || has_yeardays(rule))
		rr_put(out, back ? " (missing dates move back)" : " (missing dates move forward)");
	else
		rr_put(out, back ? " (in shorter months on the last day)"
						 : " (in shorter months on the 1st of the next)");
}

size_t
rr_describe(const struct rr_rule *rule, char *buf, size_t size)
{
	struct rr_out out = { buf, size, 0 };
	struct rr_rule plain;

	rr_plain(rule, &plain);
	put_dates(&out, &plain);
	put_times(&out, &plain);
	put_setpos(&out, &plain);
	if (plain.wkst != 0)
	{
		rr_put(&out, ", weeks begin on ");
		put_weekday(&out, plain.wkst);
	}
	put_end(&out, &plain);
	put_skip(&out, &plain);
	return rr_put_end(&out);
}
