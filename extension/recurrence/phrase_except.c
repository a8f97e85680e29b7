/*
 * phrase_except.c
 *		What a phrase leaves out: every day except Sunday, every Monday except in July and August.
 *
 * A rule says what it has, so what is left out is taken from the weekdays or months that were
 * said, or from all of them.  Single dates are no part of a rule.
 */
#include "phrase_reader.h"

#define ALL_DAYS   127
#define ALL_MONTHS (0x1fff & ~1)

static bool
is_weekday(const struct reader *r, struct rr_word word)
{
	(void) r;
	return word.kind == RR_W_WEEKDAY;
}

/* "Saturday and Sunday", of every day or of the weekdays that were said */
static bool
except_weekdays(struct reader *r)
{
	struct rr_rule *rule = r->rule;
	struct rr_word first = peek(r);
	unsigned days = rule->weekdays;
	unsigned except = 0;

	if (days == 0 && rule->freq == RR_DAILY)
		days = ALL_DAYS;
	do
		except |= (unsigned) take(r).value & ALL_DAYS;
	while (accept_separator(r, is_weekday));
	if (has_nth(rule) || size_of(&rule->setpos) > 0 || (except & ~days) != 0 || except == days)
		return fail(r, RR_PHRASE_MIXED, first);
	rule->weekdays = (uint8_t) (days & ~except);
	return true;
}

/* "July and August", of every month or of those that were said; a year without one has eleven days then */
static bool
except_months(struct reader *r)
{
	struct rr_rule *rule = r->rule;
	struct rr_word first = peek(r);
	uint16_t months = rule->months != 0 ? rule->months : ALL_MONTHS;

	if (rule->freq == RR_YEARLY && rule->months == 0)
		return fail(r, RR_PHRASE_MIXED, first);
	rule->months = 0;
	if (!read_months(r))
		return false;
	if ((rule->months & ~months) != 0 || rule->months == months)
		return fail(r, RR_PHRASE_MIXED, first);
	rule->months = (uint16_t) (months & ~rule->months);
	return true;
}

bool
rr_phrase_except(struct reader *r)
{
	struct rr_word word;

	if (!accept(r, RR_W_ON) && !accept(r, RR_W_IN))
		accept(r, RR_W_FOR);
	word = peek(r);
	if (word.kind == RR_W_WEEKDAY)
		return except_weekdays(r);
	if (word.kind == RR_W_MONTH && !rr_phrase_is_date(r, word))
		return except_months(r);
	return fail(r, word.kind == RR_W_END ? RR_PHRASE_WORD : RR_PHRASE_LEFT_OUT, word);
}
