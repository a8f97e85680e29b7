/*
 * rr_awkward.h
 *		Random rules drawn to be hard: intervals with large prime factors or near those of the
 *		calendar, days that hardly ever come, dense and sparse times of day.
 */
#ifndef RR_TEST_AWKWARD_H
#define RR_TEST_AWKWARD_H

#include "rr_random.h"

static int64_t
wide_random(int64_t limit)
{
	return (int64_t) (((uint64_t) rand() << 31 ^ (uint64_t) rand()) % (uint64_t) limit);
}

static int32_t
awkward_interval(void)
{
	static const int32_t special[] = { 7,     9,     27,     773,    5411,   20871,     48699,
									   86399, 86400, 86401,  146096, 146097, 146098,    1439,
									   1441,  1021,  1031,   7919,   10007,  100003,    1000003,
									   23,    25,    604800, 800,    4799,   2147483647 };
	int32_t n = special[pick(sizeof(special) / sizeof(special[0]))];

	switch (pick(6))
	{
		case 0:
			return 1 + pick(100);
		case 1:
			return 1 + pick(4000);
		case 2:
			return 1 + pick(1 << (1 + pick(30)));
		case 3:
			return n < 1 << 20 ? n * (1 + pick(2000)) : n;
		case 4:
			return n < INT32_MAX ? n + pick(3) : n - pick(3);
		default:
			return n;
	}
}

static uint64_t
awkward_bits(int n)
{
	uint64_t bits = 0;

	switch (pick(4))
	{
		case 0:
			return UINT64_C(1) << pick(n);
		case 1:
			return pick_bits(4, 0, n - 1);
		case 2:
			for (int i = pick(2); i < n; i += 2)
				bits |= UINT64_C(1) << i;
			return bits;
		default:
			bits = (uint64_t) wide_random(INT64_MAX) & ((UINT64_C(1) << n) - 1);
			return bits != 0 ? bits : 1;
	}
}

static void
awkward_days(struct rr_rule *rule)
{
	switch (pick(6))
	{
		case 0: /* 29 February, on a weekday */
			rule->months = 1 << 2;
			rule->monthdays = (uint32_t) 1 << 29;
			if (pick(2) && rule->freq != RR_WEEKLY)
				rule->weekdays = (uint8_t) (1 << pick(7));
			break;
		case 1:
			rule->months = (uint16_t) (awkward_bits(12) << 1);
			break;
		case 2: /* every day but a few, or a few */
			rule->monthdays = (uint32_t) (awkward_bits(31) << 1);
			break;
		case 3:
			rule->weekdays = (uint8_t) awkward_bits(7);
			rule->months = pick(2) ? (uint16_t) (awkward_bits(12) << 1) : 0;
			break;
		case 4:
			if (rule->freq == RR_YEARLY || rule->freq > RR_DAILY)
			{
				pick_numbers(&rule->yeardays, 6, 366);
				rule->weekdays = (uint8_t) (pick(2) ? awkward_bits(7) : 0);
			}
			if (rule->freq == RR_YEARLY && pick(2))
				rule->weeks = pick_bits(3, 1, 53);
			break;
		default:
			pick_days(rule);
			break;
	}
	if (rule->freq == RR_WEEKLY)
		rule->monthdays = rule->monthdays_minus = 0;
}

/* without an end */
__attribute__((unused)) static void
awkward_rule(struct rr_rule *rule)
{
	struct rr_rule plain;

	memset(rule, 0, sizeof(*rule));
	rule->freq = (uint8_t) (pick(3) ? RR_DAILY + pick(4) : pick(7));
	rule->interval = awkward_interval();
	rule->skip = (uint8_t) (pick(3) ? 0 : pick(3));
	rule->wkst = (uint8_t) pick(7);
	plain = *rule;
	if (pick(8))
		awkward_days(rule);
	if (pick(2))
		rule->hours = (uint32_t) awkward_bits(24);
	if (pick(2))
		rule->minutes = awkward_bits(60);
	if (pick(2))
		rule->seconds = awkward_bits(60);
	if (memcmp(rule, &plain, sizeof(plain)) != 0 && pick(5) == 0)
		pick_numbers(&rule->setpos, 3, pick(2) ? 6 : 366);
}

#endif
