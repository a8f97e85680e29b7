/*
 * plain.c
 *		The plainest rule with the same occurrences, whatever DTSTART is.
 *
 * Programs write rules with parts that change nothing (WKST in every rule, a SKIP where no date is ever
 * missing, all seven weekdays) or in one of several ways (every weekday as DAILY, WEEKLY or MONTHLY).  People
 * are told, and mean, the plain one.
 */
#include "rrule.h"

#include "bits.h"
#include "civil.h"

#define ALL_WEEKDAYS 0x7f
#define ALL_MONTHS   0x1ffe

static bool
has_numbers(const struct rr_numbers *set)
{
	return rr_size(set->plus, RR_DAY_WORDS) + rr_size(set->minus, RR_DAY_WORDS) > 0;
}

static bool
has_nth(const struct rr_rule *rule)
{
	uint64_t any = 0;

	for (int i = 0; i < 7; i++)
		any |= rule->nth[i] | rule->nth_minus[i];
	return any != 0;
}

static bool
has_monthdays(const struct rr_rule *rule)
{
	return (rule->monthdays | rule->monthdays_minus) != 0;
}

static bool
has_weeks(const struct rr_rule *rule)
{
	return (rule->weeks | rule->weeks_minus) != 0;
}

/* may a date that the rule names, or takes from DTSTART, be missing? */
static bool
can_miss(const struct rr_rule *rule)
{
	uint64_t days = rule->monthdays | rule->monthdays_minus;
	int shortest = rule->months != 0 ? 31 : 28;

	if (rule->freq > RR_MONTHLY)
		return false;
	if (has_numbers(&rule->yeardays))
		return days != 0 || rr_has(rule->yeardays.plus, 366) || rr_has(rule->yeardays.minus, 366);
	if (days == 0 && (rule->weekdays != 0 || has_nth(rule) || has_weeks(rule)))
		return false;
	for (int month = 1; month <= 12; month++)
		if ((rule->months >> month & 1) != 0 && rr_month_length(false, month) < shortest)
			shortest = rr_month_length(false, month);
	return (days == 0 ? 31 : rr_highest(days)) > shortest;
}

/* do numbered weekdays choose among dates that were moved?  Years and months may differ about whose month counts */
static bool
numbers_moved(const struct rr_rule *rule)
{
	return rule->skip != RR_SKIP_OMIT && has_monthdays(rule) && has_nth(rule);
}

/* what is numbered is among all of its weekday */
static void
drop_numbers(struct rr_rule *rule)
{
	for (int i = 0; i < 7; i++)
		if ((rule->weekdays >> i & 1) != 0)
			rule->nth[i] = rule->nth_minus[i] = 0;
}

/* filters that let everything pass; BYSETPOS wants some part beside it */
static void
drop_filters(struct rr_rule *rule)
{
	bool alone = !has_monthdays(rule) && !has_numbers(&rule->yeardays) && !has_weeks(rule);
	bool ranked = has_numbers(&rule->setpos);

	if (rule->weekdays == ALL_WEEKDAYS && (!alone || (rule->freq >= RR_DAILY && !ranked)))
		rule->weekdays = 0;
	if (rule->months != ALL_MONTHS || ranked)
		return;
	/* in years they do not filter, but give the months */
	if (rule->freq == RR_YEARLY && (rule->interval != 1 || has_weeks(rule) ||
									has_numbers(&rule->yeardays) || numbers_moved(rule)))
		return;
	if (rule->freq == RR_YEARLY)
		rule->freq = RR_MONTHLY;
	rule->months = 0;
}

/* places among all days of a month are dates, those among its Mondays are numbered Mondays */
static void
resolve_setpos(struct rr_rule *rule)
{
	const struct rr_numbers places = rule->setpos;
	int day;
	int most = rule->weekdays == ALL_WEEKDAYS ? 31 : 5;

	if (!has_numbers(&places) || rule->freq > RR_MONTHLY ||
		(rule->freq == RR_YEARLY && rr_popcount(rule->months) != 1) || has_monthdays(rule) ||
		has_numbers(&rule->yeardays) || has_weeks(rule) || has_nth(rule) ||
		rr_popcount(rule->hours) > 1 || rr_popcount(rule->minutes) > 1 ||
		rr_popcount(rule->seconds) > 1 || rule->weekdays == 0 ||
		(rule->weekdays != ALL_WEEKDAYS && rr_popcount(rule->weekdays) != 1) ||
		rr_first_from(places.plus, RR_DAY_WORDS, most + 1) >= 0 ||
		rr_first_from(places.minus, RR_DAY_WORDS, most + 1) >= 0)
		return;
	day = rr_lowest(rule->weekdays);
	if (rule->weekdays == ALL_WEEKDAYS)
	{
		rule->monthdays = (uint32_t) places.plus[0];
		rule->monthdays_minus = (uint32_t) places.minus[0];
	}
	else
	{
		rule->nth[day] = places.plus[0];
		rule->nth_minus[day] = places.minus[0];
	}
	rule->weekdays = 0;
	rule->setpos = (struct rr_numbers){ { 0 }, { 0 } };
}

/* without INTERVAL and BYSETPOS the period says nothing that the parts don't: the one people name */
static void
choose_frequency(struct rr_rule *rule)
{
	if (rule->interval != 1 || rule->freq > RR_DAILY || has_weeks(rule) ||
		has_numbers(&rule->yeardays) || numbers_moved(rule))
		return;
	if (has_numbers(&rule->setpos))
	{
		if (rule->freq == RR_MONTHLY && rr_popcount(rule->months) == 1)
			rule->freq = RR_YEARLY;
		return;
	}
	if (rule->weekdays != 0 && !has_nth(rule) && !has_monthdays(rule))
	{
		rule->freq = rule->weekdays == ALL_WEEKDAYS ? RR_DAILY : RR_WEEKLY;
		if (rule->weekdays == ALL_WEEKDAYS)
			rule->weekdays = 0;
	}
	else if (rule->freq == RR_MONTHLY || (rule->freq == RR_DAILY && has_monthdays(rule)))
		rule->freq = rule->months != 0 ? RR_YEARLY : RR_MONTHLY;
	else if (rule->freq == RR_YEARLY && rule->months == 0 && has_monthdays(rule) && !has_nth(rule))
		rule->freq = RR_MONTHLY;
}

/* do weeks as such take part? */
static bool
asks_for_weeks(const struct rr_rule *rule)
{
	return has_weeks(rule) || (rule->freq == RR_WEEKLY && rule->weekdays != 0 &&
							   (rule->interval > 1 || has_numbers(&rule->setpos)));
}

void
rr_plain(const struct rr_rule *rule, struct rr_rule *plain)
{
	*plain = *rule;
	if (!can_miss(plain))
		plain->skip = RR_SKIP_OMIT;
	drop_numbers(plain);
	resolve_setpos(plain);
	drop_filters(plain);
	choose_frequency(plain);
	if (!asks_for_weeks(plain))
		plain->wkst = 0;
}
