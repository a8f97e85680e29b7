/*
 * rr_oracle.h
 *		A brute-force oracle of the recurrence library, for FREQ=DAILY and slower.
 *
 * It builds the set of every period day by day from the words of RFC 5545 and RFC 7529, shares
 * nothing with the library but days_of/date_of, and sorts.  The seed of a test chooses rules;
 * nothing here is random.
 */
#ifndef RR_TEST_ORACLE_H
#define RR_TEST_ORACLE_H

#include <stdlib.h>
#include <string.h>

#include "recurrence/civil.h"
#include "recurrence/rrule.h"

#define MAX_LIST 60000
#define DAY      86400

struct list
{
	int n;
	int64_t t[MAX_LIST];
};

/* the question, with the defaults that DTSTART gives */
struct oracle
{
	const struct rr_rule *rule;
	int64_t dtstart;
	bool by_monthday;
	bool by_yearday;
	bool by_weekno;
	bool by_day;
	uint32_t months; /* 0: all */
	uint32_t monthdays;
	uint32_t monthdays_minus;
	uint32_t weekdays;
};

__attribute__((unused)) static bool
has_bit(const uint64_t *set, int n)
{
	return (set[n / 64] >> (n % 64) & 1) != 0;
}

__attribute__((unused)) static bool
any_number(const struct rr_numbers *set)
{
	for (int n = 1; n <= 366; n++)
		if (has_bit(set->plus, n) || has_bit(set->minus, n))
			return true;
	return false;
}

__attribute__((unused)) static int
month_length(int64_t year, int month)
{
	return (int) (rr_day_of(year + month / 12, month % 12 + 1, 1) - rr_day_of(year, month, 1));
}

__attribute__((unused)) static int
year_length(int64_t year)
{
	return (int) (rr_day_of(year + 1, 1, 1) - rr_day_of(year, 1, 1));
}

__attribute__((unused)) static void
oracle_init(struct oracle *o, const struct rr_rule *rule, int64_t dtstart)
{
	struct rr_civil start = rr_date_of(rr_floordiv(dtstart, DAY));
	bool open;

	memset(o, 0, sizeof(*o));
	o->rule = rule;
	o->dtstart = dtstart;
	o->months = rule->months;
	o->monthdays = rule->monthdays;
	o->monthdays_minus = rule->monthdays_minus;
	o->weekdays = rule->weekdays;
	o->by_monthday = (rule->monthdays | rule->monthdays_minus) != 0;
	o->by_yearday = any_number(&rule->yeardays);
	o->by_weekno = (rule->weeks | rule->weeks_minus) != 0;
	o->by_day = rule->weekdays != 0;
	for (int i = 0; i < 7; i++)
		o->by_day |= (rule->nth[i] | rule->nth_minus[i]) != 0;
	open = !o->by_monthday && !o->by_yearday && !o->by_weekno && !o->by_day;
	if (open && rule->freq == RR_WEEKLY)
	{
		o->weekdays = 1U << rr_weekday(rr_floordiv(dtstart, DAY));
		o->by_day = true;
	}
	else if (open && rule->freq != RR_DAILY)
	{
		o->monthdays = 1U << start.day;
		o->by_monthday = true;
		if (rule->freq == RR_YEARLY && o->months == 0)
			o->months = 1U << start.month;
	}
}

/* ---- is a day in the set of its period? ---------------------------------------------- */

/* week number of a day and weeks of its week-year, by the first week with four days */
__attribute__((unused)) static void
week_of(int64_t day, int wkst, int *week, int *weeks)
{
	int64_t start = day - (rr_weekday(day) - wkst + 7) % 7;
	int64_t year = rr_date_of(start + 3).year;
	int64_t first[2];

	for (int i = 0; i < 2; i++)
	{
		/* the week that holds 4 January is week 1 */
		int64_t fourth = rr_day_of(year + i, 1, 4);

		first[i] = fourth - (rr_weekday(fourth) - wkst + 7) % 7;
	}
	*week = (int) (start - first[0]) / 7 + 1;
	*weeks = (int) (first[1] - first[0]) / 7;
}

__attribute__((unused)) static bool
weekno_matches(const struct oracle *o, int64_t day)
{
	int week;
	int weeks;

	week_of(day, o->rule->wkst, &week, &weeks);
	return (o->rule->weeks >> week & 1) != 0 ||
		   (o->rule->weeks_minus >> (weeks + 1 - week) & 1) != 0;
}

/* within days first..last, is this the n-th or -n-th of its weekday that the rule names? */
__attribute__((unused)) static bool
nth_matches(const struct oracle *o, int64_t day, int64_t first, int64_t last)
{
	int weekday = rr_weekday(day);

	if (day < first || day > last)
		return false;
	return (o->rule->nth[weekday] >> ((day - first) / 7 + 1) & 1) != 0 ||
		   (o->rule->nth_minus[weekday] >> ((last - day) / 7 + 1) & 1) != 0;
}

/* period_day: any day of the period; a day that SKIP moved out of it has no number there */
__attribute__((unused)) static bool
weekday_matches(const struct oracle *o, int64_t day, int64_t period_day)
{
	struct rr_civil c = rr_date_of(day);
	struct rr_civil p = rr_date_of(period_day);
	int64_t month_start = rr_day_of(c.year, c.month, 1);

	if (o->weekdays >> rr_weekday(day) & 1)
		return true;
	if (o->rule->freq == RR_MONTHLY)
		return c.year == p.year && c.month == p.month &&
			   nth_matches(o, day, month_start, month_start + month_length(c.year, c.month) - 1);
	if (o->rule->freq != RR_YEARLY || c.year != p.year)
		return false;
	if (o->rule->months == 0)
		return nth_matches(o, day, rr_day_of(c.year, 1, 1), rr_day_of(c.year, 12, 31));
	return (o->rule->months >> c.month & 1) != 0 &&
		   nth_matches(o, day, month_start, month_start + month_length(c.year, c.month) - 1);
}

/* does this number of a month of this length land on this offset from its first day? */
__attribute__((unused)) static bool
lands(int number, int length, enum rr_skip skip, int64_t offset)
{
	int nominal = number > 0 ? number - 1 : length + number;

	if (nominal >= 0 && nominal < length)
		return offset == nominal;
	if (skip == RR_SKIP_OMIT)
		return false;
	if (nominal < 0)
		return offset == (skip == RR_SKIP_BACKWARD ? -1 : 0);
	return offset == (skip == RR_SKIP_BACKWARD ? length - 1 : length);
}

__attribute__((unused)) static enum rr_skip
skip_of(const struct oracle *o)
{
	return o->rule->freq <= RR_MONTHLY ? (enum rr_skip) o->rule->skip : RR_SKIP_OMIT;
}

/* is the day one of BYMONTHDAY and BYMONTH for this month? */
__attribute__((unused)) static bool
month_yields(const struct oracle *o, int64_t year, int month, int64_t day)
{
	int64_t offset = day - rr_day_of(year, month, 1);
	int length = month_length(year, month);

	if (o->months != 0 && (o->months >> month & 1) == 0)
		return false;
	if (!o->by_monthday)
		return offset >= 0 && offset < length;
	for (int n = 1; n <= 31; n++)
		if (((o->monthdays >> n & 1) != 0 && lands(n, length, skip_of(o), offset)) ||
			((o->monthdays_minus >> n & 1) != 0 && lands(-n, length, skip_of(o), offset)))
			return true;
	return false;
}

__attribute__((unused)) static bool
year_yields(const struct oracle *o, int64_t year, int64_t day)
{
	int64_t offset = day - rr_day_of(year, 1, 1);
	int length = year_length(year);

	for (int n = 1; n <= 366; n++)
		if ((has_bit(o->rule->yeardays.plus, n) && lands(n, length, skip_of(o), offset)) ||
			(has_bit(o->rule->yeardays.minus, n) && lands(-n, length, skip_of(o), offset)))
			return true;
	return false;
}

__attribute__((unused)) static bool
yearly_matches(const struct oracle *o, int64_t year, int64_t day)
{
	bool inside = rr_date_of(day).year == year;
	bool by_months = o->months != 0 || o->by_monthday;
	bool in_months = false;

	for (int month = 1; month <= 12 && by_months; month++)
		in_months |= month_yields(o, year, month, day);
	if (by_months && !in_months)
		return false;
	if (o->by_yearday && !year_yields(o, year, day))
		return false;
	if (!by_months && !o->by_yearday && !inside)
		return false;
	/* what SKIP moved into a neighbouring year is in none of this year's weeks */
	if (o->by_weekno && (!inside || !weekno_matches(o, day)))
		return false;
	return !o->by_day || weekday_matches(o, day, rr_day_of(year, 1, 1));
}

/* ---- occurrences --------------------------------------------------------------------- */

/* first day and length of period k after the one of dtstart */
__attribute__((unused)) static int64_t
period_start(const struct oracle *o, int64_t k, int *length)
{
	int64_t day = rr_floordiv(o->dtstart, DAY);
	struct rr_civil c = rr_date_of(day);
	int64_t month;

	k *= o->rule->interval;
	switch (o->rule->freq)
	{
		case RR_YEARLY:
			*length = year_length(c.year + k);
			return rr_day_of(c.year + k, 1, 1);
		case RR_MONTHLY:
			month = c.month - 1 + k;
			*length = month_length(c.year + month / 12, (int) (month % 12) + 1);
			return rr_day_of(c.year + month / 12, (int) (month % 12) + 1, 1);
		case RR_WEEKLY:
			*length = 7;
			return day - (rr_weekday(day) - o->rule->wkst + 7) % 7 + 7 * k;
		default:
			*length = 1;
			return day + k;
	}
}

__attribute__((unused)) static bool
day_matches(const struct oracle *o, int64_t start, int64_t day)
{
	struct rr_civil p = rr_date_of(start);
	struct rr_civil c = rr_date_of(day);

	if (o->rule->freq == RR_YEARLY)
		return yearly_matches(o, p.year, day);
	if (o->rule->freq == RR_MONTHLY)
		return month_yields(o, p.year, p.month, day) &&
			   (!o->by_day || weekday_matches(o, day, start));
	return month_yields(o, c.year, c.month, day) && (!o->by_day || weekday_matches(o, day, start));
}

__attribute__((unused)) static bool
in_set(uint64_t set, int n, int64_t otherwise)
{
	return set != 0 ? (set >> n & 1) != 0 : n == otherwise;
}

__attribute__((unused)) static void
add_times(const struct oracle *o, int64_t day, struct list *set)
{
	int64_t time = rr_floormod(o->dtstart, DAY);

	for (int h = 0; h < 24; h++)
		for (int m = 0; m < 60 && in_set(o->rule->hours, h, time / 3600); m++)
			for (int s = 0; s < 60 && in_set(o->rule->minutes, m, time / 60 % 60); s++)
				if (in_set(o->rule->seconds, s, time % 60) && set->n < MAX_LIST)
					set->t[set->n++] = day * DAY + h * 3600 + m * 60 + s;
}

__attribute__((unused)) static void
add_period(const struct oracle *o, int64_t k, struct list *all)
{
	static struct list set;
	int length;
	int64_t start = period_start(o, k, &length);
	int spill = o->rule->freq <= RR_MONTHLY ? 1 : 0;
	bool by_setpos = any_number(&o->rule->setpos);

	set.n = 0;
	for (int64_t day = start - spill; day < start + length + spill; day++)
		if (day_matches(o, start, day))
			add_times(o, day, &set);
	for (int i = 0; i < set.n && all->n < MAX_LIST; i++)
		if (!by_setpos || (i < 366 && has_bit(o->rule->setpos.plus, i + 1)) ||
			(set.n - i <= 366 && has_bit(o->rule->setpos.minus, set.n - i)))
			all->t[all->n++] = set.t[i];
}

__attribute__((unused)) static int
ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return (x > y) - (x < y);
}

/* all occurrences before the horizon, which is returned; COUNT and UNTIL applied */
__attribute__((unused)) static int64_t
oracle_list(const struct oracle *o, int64_t days, struct list *all)
{
	int64_t horizon = o->dtstart + days * DAY;
	int n = 0;
	int length;

	all->n = 0;
	for (int64_t k = 0; (period_start(o, k, &length) - 1) * DAY < horizon && all->n < MAX_LIST / 2;
		 k++)
		add_period(o, k, all);
	if (all->n >= MAX_LIST / 2)
		horizon = all->t[all->n / 2];
	qsort(all->t, (size_t) all->n, sizeof(all->t[0]), ascending);
	for (int i = 0; i < all->n; i++)
		if (all->t[i] >= o->dtstart && all->t[i] < horizon &&
			(n == 0 || all->t[i] != all->t[n - 1]) && (o->rule->count == 0 || n < o->rule->count) &&
			(o->rule->until_kind == RR_UNTIL_NONE ||
			 all->t[i] <= o->rule->until + (o->rule->until_kind == RR_UNTIL_DATE ? DAY - 1 : 0)))
			all->t[n++] = all->t[i];
	all->n = n;
	return horizon;
}

#endif
