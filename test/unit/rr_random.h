/*
 * rr_random.h
 *		Random rules for the tests of the recurrence library; rand() seeded by the test.
 */
#ifndef RR_TEST_RANDOM_H
#define RR_TEST_RANDOM_H

#include <stdlib.h>
#include <string.h>

#include "recurrence/rrule.h"

__attribute__((unused)) static int
pick(int n)
{
	return rand() % n;
}

/* up to n numbers low..high as bits */
static uint64_t
pick_bits(int n, int low, int high)
{
	uint64_t set = 0;

	for (int i = 1 + pick(n); i > 0; i--)
		set |= UINT64_C(1) << (low + pick(high - low + 1));
	return set;
}

static void
pick_numbers(struct rr_numbers *set, int n, int high)
{
	for (int i = 1 + pick(n); i > 0; i--)
	{
		int number = pick(3) == 0 ? high - pick(3) : 1 + pick(high);
		uint64_t *half = pick(2) ? set->plus : set->minus;

		half[number / 64] |= UINT64_C(1) << (number % 64);
	}
}

static void
pick_weekdays(struct rr_rule *rule)
{
	bool with_numbers =
		rule->freq <= RR_MONTHLY && (rule->weeks | rule->weeks_minus) == 0 && pick(2);

	if (!with_numbers || pick(3) == 0)
		rule->weekdays = (uint8_t) pick_bits(3, 0, 6);
	for (int i = with_numbers ? 1 + pick(2) : 0; i > 0; i--)
	{
		uint64_t *half = pick(2) ? rule->nth : rule->nth_minus;

		half[pick(7)] |= UINT64_C(1) << (1 + pick(rule->freq == RR_YEARLY ? 53 : 5));
	}
}

static void
pick_times(struct rr_rule *rule)
{
	if (pick(3) == 0)
		rule->hours = (uint32_t) pick_bits(3, 0, 23);
	if (pick(5) == 0)
		rule->minutes = pick_bits(3, 0, 59);
	if (pick(8) == 0)
		rule->seconds = pick_bits(2, 0, 59);
}

static void
pick_days(struct rr_rule *rule)
{
	if (pick(4) == 0)
		rule->months = (uint16_t) pick_bits(3, 1, 12);
	if (rule->freq == RR_YEARLY && pick(4) == 0)
	{
		rule->weeks = pick_bits(2, 1, 53);
		rule->weeks_minus = pick(2) ? pick_bits(1, 50, 53) : 0;
	}
	if (rule->freq == RR_YEARLY && pick(4) == 0)
		pick_numbers(&rule->yeardays, 6, 366);
	if (rule->freq != RR_WEEKLY && pick(3) == 0)
	{
		rule->monthdays = (uint32_t) pick_bits(3, 1, 31);
		rule->monthdays_minus = pick(2) ? (uint32_t) pick_bits(2, 1, 31) : 0;
	}
	if (pick(2))
		pick_weekdays(rule);
}

/* a valid rule of DAILY to YEARLY without an end */
__attribute__((unused)) static void
random_rule(struct rr_rule *rule)
{
	static const int intervals[] = { 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 7, 11, 13 };
	struct rr_rule plain;

	memset(rule, 0, sizeof(*rule));
	rule->freq = (uint8_t) pick(4);
	rule->interval = intervals[pick(sizeof(intervals) / sizeof(intervals[0]))];
	rule->wkst = (uint8_t) (pick(3) ? 0 : pick(7));
	rule->skip = (uint8_t) (pick(2) ? 0 : pick(3));
	plain = *rule;
	pick_days(rule);
	pick_times(rule);
	/* the RFC wants another BYxxx beside BYSETPOS */
	if (memcmp(rule, &plain, sizeof(plain)) != 0 && pick(4) == 0)
		pick_numbers(&rule->setpos, 3, pick(2) ? 6 : 40);
}

/* a rule whose dates SKIP moves over the borders of its periods, where they meet others */
__attribute__((unused)) static void
random_spilling_rule(struct rr_rule *rule)
{
	memset(rule, 0, sizeof(*rule));
	rule->freq = (uint8_t) (pick(3) ? RR_MONTHLY : RR_YEARLY);
	rule->interval = pick(5) ? 1 : 2;
	rule->skip = (uint8_t) (RR_SKIP_BACKWARD + pick(2));
	if (rule->freq == RR_MONTHLY)
	{
		rule->monthdays = (uint32_t) (pick_bits(2, 29, 31) | pick_bits(1, 1, 2));
		rule->monthdays_minus = (uint32_t) (pick_bits(2, 29, 31) | pick_bits(1, 1, 2));
	}
	else
	{
		rule->yeardays.plus[366 / 64] |= UINT64_C(1) << (366 % 64);
		rule->yeardays.minus[366 / 64] |= UINT64_C(1) << (366 % 64);
		rule->yeardays.plus[0] |= (uint64_t) pick(4) << 1;
		rule->yeardays.minus[0] |= (uint64_t) pick(4) << 1;
	}
	if (pick(2))
		rule->hours = (uint32_t) pick_bits(3, 0, 23);
	if (pick(2))
		pick_numbers(&rule->setpos, 4, 5);
}

#endif
