/*
 * rr_oracle_subday.h
 *		The same for FREQ=HOURLY, MINUTELY and SECONDLY: every period of the series is visited and
 *		every part asked, in words of RFC 5545.
 */
#ifndef RR_TEST_ORACLE_SUBDAY_H
#define RR_TEST_ORACLE_SUBDAY_H

#include "rr_oracle.h"

/* periods that are visited */
#ifndef MAX_STEPS
#define MAX_STEPS 20000
#endif

static const int unit_seconds[] = { 3600, 60, 1 };

/* ---- the oracle ---------------------------------------------------------------------- */

__attribute__((unused)) static bool
has_number(const struct rr_numbers *set, int plus, int minus)
{
	return (set->plus[plus / 64] >> (plus % 64) & 1) != 0 ||
		   (minus <= 366 && (set->minus[minus / 64] >> (minus % 64) & 1) != 0);
}

__attribute__((unused)) static bool
any_of(const struct rr_numbers *set)
{
	uint64_t bits = 0;

	for (int i = 0; i < RR_DAY_WORDS; i++)
		bits |= set->plus[i] | set->minus[i];
	return bits != 0;
}

__attribute__((unused)) static bool
subday_matches(const struct rr_rule *rule, int64_t day)
{
	struct rr_civil c = rr_date_of(day);
	int64_t month_start = rr_day_of(c.year, c.month, 1);
	int64_t year_start = rr_day_of(c.year, 1, 1);
	int length = (int) (rr_day_of(c.year + c.month / 12, c.month % 12 + 1, 1) - month_start);
	int yday = (int) (day - year_start) + 1;
	int year_length = (int) (rr_day_of(c.year + 1, 1, 1) - year_start);

	if (rule->months != 0 && (rule->months >> c.month & 1) == 0)
		return false;
	if ((rule->monthdays | rule->monthdays_minus) != 0 && (rule->monthdays >> c.day & 1) == 0 &&
		(rule->monthdays_minus >> (length + 1 - c.day) & 1) == 0)
		return false;
	if (any_of(&rule->yeardays) && !has_number(&rule->yeardays, yday, year_length + 1 - yday))
		return false;
	return rule->weekdays == 0 || (rule->weekdays >> rr_weekday(day) & 1) != 0;
}

__attribute__((unused)) static bool
has_or_free(uint64_t set, int64_t n)
{
	return set == 0 || (set >> n & 1) != 0;
}

/* the parts that are not finer than the period */
__attribute__((unused)) static bool
period_matches(const struct rr_rule *rule, int64_t start)
{
	int64_t time = rr_floormod(start, DAY);

	return subday_matches(rule, rr_floordiv(start, DAY)) && has_or_free(rule->hours, time / 3600) &&
		   (rule->freq < RR_MINUTELY || has_or_free(rule->minutes, time / 60 % 60)) &&
		   (rule->freq < RR_SECONDLY || has_or_free(rule->seconds, time % 60));
}

__attribute__((unused)) static bool
chosen_within(const struct rr_rule *rule, int64_t dtstart, int64_t t)
{
	if (rule->freq == RR_HOURLY && (rule->minutes != 0 ? !has_or_free(rule->minutes, t / 60 % 60)
													   : t / 60 % 60 != dtstart / 60 % 60))
		return false;
	return rule->freq == RR_SECONDLY ||
		   (rule->seconds != 0 ? has_or_free(rule->seconds, t % 60) : t % 60 == dtstart % 60);
}

__attribute__((unused)) static void
subday_period(const struct rr_rule *rule, int64_t dtstart, int64_t start, struct list *all)
{
	int64_t set[3600];
	int n = 0;

	for (int64_t t = start; t < start + unit_seconds[rule->freq - RR_HOURLY]; t++)
		if (chosen_within(rule, dtstart, t))
			set[n++] = t;
	for (int i = 0; i < n; i++)
		if (set[i] >= dtstart &&
			(!any_of(&rule->setpos) ||
			 (i < 366 ? has_number(&rule->setpos, i + 1, n - i)
					  : n - i <= 366 && has_number(&rule->setpos, 0, n - i))) &&
			all->n < MAX_LIST)
			all->t[all->n++] = set[i];
}

/* occurrences before the horizon, which is returned; dtstart > 0 */
__attribute__((unused)) static int64_t
subday_list(const struct rr_rule *rule, int64_t dtstart, struct list *all)
{
	int64_t unit = unit_seconds[rule->freq - RR_HOURLY];
	int64_t start = dtstart - dtstart % unit;
	int64_t step = unit * rule->interval;
	int n = 0;

	all->n = 0;
	for (int i = 0; i < MAX_STEPS && all->n < MAX_LIST - 3600 && start <= RR_TIME_MAX;
		 i++, start += step)
	{
		/* a day that does not match is left in one step, or it would take too long */
		int64_t day_end = (start / DAY + 1) * DAY;

		if (!subday_matches(rule, start / DAY) && day_end - start > step)
			start += (day_end - 1 - start) / step * step;
		else if (period_matches(rule, start))
			subday_period(rule, dtstart, start, all);
	}
	for (int i = 0; i < all->n; i++)
		if ((rule->count == 0 || n < rule->count) &&
			(rule->until_kind == RR_UNTIL_NONE ||
			 all->t[i] <= rule->until + (rule->until_kind == RR_UNTIL_DATE ? DAY - 1 : 0)))
			all->t[n++] = all->t[i];
	all->n = n;
	return start;
}

#endif
