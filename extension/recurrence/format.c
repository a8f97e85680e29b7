/*
 * format.c
 *		struct rr_rule into its canonical text.
 *
 * Parts stand in one order (that in which they are evaluated), lists ascend with the negative
 * numbers behind, and what is the default is left out: rules with equal fields, and only
 * those, have equal text.  The SQL type stores and compares this text.
 */
#include "rrule.h"

#include "bits.h"
#include "civil.h"
#include "text.h"

static const char weekday_names[7][3] = { "MO", "TU", "WE", "TH", "FR", "SA", "SU" };

static const char *const freq_names[] = {
	"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY",
};

static const char *const freq_lower[] = {
	"yearly", "monthly", "weekly", "daily", "hourly", "minutely", "secondly",
};

/* ";NAME=" before the first item of a list, a comma before the others */
static void
item(struct rr_out *out, const char *name, bool *first)
{
	rr_put(out, *first ? name : ",");
	*first = false;
}

static void
put_numbers(struct rr_out *out, const char *name, const uint64_t *plus, const uint64_t *minus,
			int words)
{
	bool first = true;

	for (int n = rr_first_from(plus, words, 0); n >= 0; n = rr_first_from(plus, words, n + 1))
	{
		item(out, name, &first);
		rr_put_number(out, n, 1);
	}
	for (int n = rr_first_from(minus, words, 0); n >= 0; n = rr_first_from(minus, words, n + 1))
	{
		item(out, name, &first);
		rr_put_char(out, '-');
		rr_put_number(out, n, 1);
	}
}

static void
put_small(struct rr_out *out, const char *name, uint64_t plus, uint64_t minus)
{
	put_numbers(out, name, &plus, &minus, 1);
}

static void
put_nth(struct rr_out *out, bool *first, uint64_t set, const char *sign, const char *weekday)
{
	for (int n = 1; set >> n != 0; n++)
		if (set >> n & 1)
		{
			item(out, ";BYDAY=", first);
			rr_put(out, sign);
			rr_put_number(out, n, 1);
			rr_put(out, weekday);
		}
}

static void
put_weekdays(struct rr_out *out, const struct rr_rule *rule)
{
	bool first = true;

	for (int day = 0; day < 7; day++)
	{
		if (rule->weekdays >> day & 1)
		{
			item(out, ";BYDAY=", &first);
			rr_put(out, weekday_names[day]);
		}
		put_nth(out, &first, rule->nth[day], "", weekday_names[day]);
		put_nth(out, &first, rule->nth_minus[day], "-", weekday_names[day]);
	}
}

static void
put_until(struct rr_out *out, const struct rr_rule *rule)
{
	int64_t day = rr_floordiv(rule->until, RR_DAY_SECONDS);
	int64_t time = rr_floormod(rule->until, RR_DAY_SECONDS);
	struct rr_civil c = rr_date_of(day);

	rr_put(out, ";UNTIL=");
	rr_put_number(out, c.year, 4);
	rr_put_number(out, c.month, 2);
	rr_put_number(out, c.day, 2);
	if (rule->until_kind == RR_UNTIL_DATE)
		return;
	rr_put_char(out, 'T');
	rr_put_number(out, time / 3600 * 10000 + time / 60 % 60 * 100 + time % 60, 6);
	if (rule->until_kind == RR_UNTIL_UTC)
		rr_put_char(out, 'Z');
}

size_t
rr_format(const struct rr_rule *rule, char *buf, size_t size)
{
	struct rr_out out = { buf, size, 0 };

	rr_put(&out, "FREQ=");
	rr_put(&out, freq_names[rule->freq]);
	if (rule->interval != 1)
	{
		rr_put(&out, ";INTERVAL=");
		rr_put_number(&out, rule->interval, 1);
	}
	if (rule->count != 0)
	{
		rr_put(&out, ";COUNT=");
		rr_put_number(&out, rule->count, 1);
	}
	if (rule->until_kind != RR_UNTIL_NONE)
		put_until(&out, rule);
	put_small(&out, ";BYMONTH=", rule->months, 0);
	put_small(&out, ";BYWEEKNO=", rule->weeks, rule->weeks_minus);
	put_numbers(&out, ";BYYEARDAY=", rule->yeardays.plus, rule->yeardays.minus, RR_DAY_WORDS);
	put_small(&out, ";BYMONTHDAY=", rule->monthdays, rule->monthdays_minus);
	put_weekdays(&out, rule);
	put_small(&out, ";BYHOUR=", rule->hours, 0);
	put_small(&out, ";BYMINUTE=", rule->minutes, 0);
	put_small(&out, ";BYSECOND=", rule->seconds, 0);
	put_numbers(&out, ";BYSETPOS=", rule->setpos.plus, rule->setpos.minus, RR_DAY_WORDS);
	if (rule->wkst != 0)
	{
		rr_put(&out, ";WKST=");
		rr_put(&out, weekday_names[rule->wkst]);
	}
	if (rule->skip != RR_SKIP_OMIT)
		rr_put(&out, rule->skip == RR_SKIP_BACKWARD ? ";RSCALE=GREGORIAN;SKIP=BACKWARD"
													: ";RSCALE=GREGORIAN;SKIP=FORWARD");
	return rr_put_end(&out);
}

const char *
rr_freq_word(enum rr_freq freq)
{
	return freq_lower[freq];
}

/* equal text is equal rules, so the text of the word's own rule decides */
const char *
rr_word(const struct rr_rule *rule)
{
	struct rr_rule simple;
	char mine[64];
	char its[64];
	size_t len = rr_format(rule, mine, sizeof(mine));

	if (rule->freq > RR_DAILY || len >= sizeof(mine))
		return NULL;
	rr_simple((enum rr_freq) rule->freq, 1, &simple);
	rr_format(&simple, its, sizeof(its));
	for (size_t i = 0; i <= len; i++)
		if (mine[i] != its[i])
			return NULL;
	return freq_lower[rule->freq];
}
