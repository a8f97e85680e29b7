/*
 * phrase_end.c
 *		The end of a phrase: 10 times, for 3 weeks, until 1 March, until the end of the year.
 */
#include "civil.h"
#include "phrase_reader.h"

bool
rr_phrase_count(struct reader *r)
{
	struct rr_word word = take(r);

	if (word.kind != RR_W_SO_OFTEN && word.kind != RR_W_NUMBER)
		return fail(r, RR_PHRASE_WORD, word);
	if (word.kind == RR_W_NUMBER && !expect(r, RR_W_TIMES))
		return false;
	if (r->rule->count != 0)
		return fail(r, RR_PHRASE_TWICE, word);
	if (word.value < 1 || word.value > INT32_MAX)
		return fail(r, RR_PHRASE_NUMBER, word);
	r->rule->count = (int32_t) word.value;
	return true;
}

/* a year of four digits that may follow a date; 0 if there is none */
static int64_t
read_year(struct reader *r)
{
	struct rr_word word = peek(r);
	struct rr_word next = after(r, &word);

	if (word.kind == RR_W_COMMA)
	{
		word = next;
		next = after(r, &word);
	}
	if (word.kind != RR_W_NUMBER || word.end - word.start != 4 || next.kind == RR_W_TIMES)
		return 0;
	r->place = word.end;
	return word.value;
}

/* "[the] end of [the] year", "end of this month", "the end of March", "the end of 2027": the last day of it */
static bool
read_end_of(struct reader *r, int64_t *result)
{
	struct rr_civil date = rr_date_of(r->today);
	struct rr_word word;

	take(r);
	accept(r, RR_W_OF);
	if (!accept(r, RR_W_THE))
		accept(r, RR_W_THIS);
	word = take(r);
	if (word.kind == RR_W_UNIT && unit_size(&word) == 1 && unit_freq(&word) == RR_YEARLY)
		date.month = 12;
	else if (word.kind == RR_W_NUMBER && word.end - word.start == 4 && word.value > 0)
		date = (struct rr_civil){ .year = word.value, .month = 12 };
	else if (word.kind == RR_W_MONTH)
	{
		int64_t year = read_year(r);

		if (year != 0)
			date.year = year;
		else if (word.value < date.month)
			date.year++;
		date.month = (int) word.value;
	}
	else if (word.kind != RR_W_UNIT || unit_size(&word) != 1 || unit_freq(&word) != RR_MONTHLY)
		return fail(r, RR_PHRASE_UNTIL, word);
	*result = rr_day_of(date.year, date.month, rr_month_length(rr_is_leap(date.year), date.month));
	return true;
}

/* a word that is no date: none at all, one of no calendar ("2027-02-29") or another ("Friday") */
static enum rr_phrase_code
code_of_no_date(const struct reader *r, struct rr_word word)
{
	char c = word.start < r->len ? r->text[word.start] : '\0';

	if (word.kind == RR_W_END)
		return RR_PHRASE_WORD;
	return word.kind == RR_W_UNKNOWN && c >= '0' && c <= '9' ? RR_PHRASE_DATE : RR_PHRASE_UNTIL;
}

/* the day that a date means, without a year the first from today on */
static bool
read_until_day(struct reader *r, int64_t *result)
{
	struct rr_word word;
	int64_t year;
	int64_t first;
	int day;
	int month;

	accept(r, RR_W_THE);
	word = peek(r);
	if (word.kind == RR_W_FINISH)
		return read_end_of(r, result);
	if (word.kind == RR_W_DATE)
	{
		*result = take(r).value;
		return true;
	}
	if (!rr_phrase_is_date(r, word))
		return fail(r, code_of_no_date(r, word), word);
	if (!rr_phrase_date(r, &day, &month))
		return false;
	first = year = read_year(r);
	if (year == 0)
		first = rr_date_of(r->today).year;
	/* 29 February may be eight years away */
	for (int64_t y = first; y <= (year != 0 ? first : first + 8); y++)
	{
		*result = rr_day_of(y, month, day);
		if (y >= 1 && day <= rr_month_length(rr_is_leap(y), month) &&
			(year != 0 || *result >= r->today))
			return true;
	}
	return fail(r, RR_PHRASE_DATE, word);
}

bool
rr_phrase_until(struct reader *r)
{
	struct rr_word word = peek(r);
	struct rr_rule *rule = r->rule;
	int64_t day = 0;

	/* "ends after 10 occurrences" */
	if (accept(r, RR_W_AFTER))
		return rr_phrase_count(r);
	accept(r, RR_W_ON);
	if (rule->until_kind != RR_UNTIL_NONE)
		return fail(r, RR_PHRASE_TWICE, word);
	if (!read_until_day(r, &day))
		return false;
	rule->until = day * RR_DAY_SECONDS;
	rule->until_kind = RR_UNTIL_DATE;
	word = peek(r);
	if (word.kind != RR_W_TIME)
		return true;
	take(r);
	if (word.value < 0)
		return fail(r, RR_PHRASE_DATE, word);
	rule->until += word.value;
	rule->until_kind = accept(r, RR_W_UTC) ? RR_UNTIL_UTC : RR_UNTIL_LOCAL;
	return true;
}

/* "for 10 times", "for 3 weeks" */
bool
rr_phrase_for(struct reader *r)
{
	struct rr_word word = peek(r);
	struct rr_word next = after(r, &word);

	if ((word.kind != RR_W_NUMBER && word.kind != RR_W_A) || !is_unit(&next))
		return rr_phrase_count(r);
	if (r->span != 0)
		return fail(r, RR_PHRASE_TWICE, word);
	r->span = word.kind == RR_W_A ? 1 : word.value;
	r->span_word = word;
	r->span_unit = next;
	r->place = next.end;
	return r->span > 0 || fail(r, RR_PHRASE_NUMBER, word);
}

/* the same days in every month: none is beyond the 28th, nor a fifth Friday */
static bool
are_in_every_month(const struct rr_rule *rule)
{
	uint64_t missing =
		rule->skip == RR_SKIP_OMIT ? (rule->monthdays | rule->monthdays_minus) & ~rr_below(29) : 0;

	for (int i = 0; i < 7; i++)
		missing |= (rule->nth[i] | rule->nth_minus[i]) & ~rr_below(5);
	return missing == 0;
}

/* how many days each period of the rule has, where all have as many; else 0 */
static int64_t
days_of_period(const struct rr_rule *rule)
{
	int weekdays = rr_popcount(rule->weekdays);
	int days = rr_popcount(rule->monthdays) + rr_popcount(rule->monthdays_minus);
	int nth = 0;

	for (int i = 0; i < 7; i++)
		nth += rr_popcount(rule->nth[i]) + rr_popcount(rule->nth_minus[i]);
	if (size_of(&rule->setpos) > 0 || size_of(&rule->yeardays) > 0 ||
		(rule->weeks | rule->weeks_minus) != 0)
		return 0;
	if (rule->freq == RR_WEEKLY)
		return rule->months != 0 ? 0 : weekdays > 0 ? weekdays : 1;
	if (weekdays > 0 || (days > 0 && nth > 0) || !are_in_every_month(rule))
		return 0;
	if (rule->freq == RR_YEARLY)
		return nth > 0 ? 0 : (int64_t) days * rr_popcount(rule->months);
	if (rule->months != 0 || (rule->freq >= RR_DAILY && days + nth > 0))
		return 0;
	/* the day of the start may be missing in some months */
	if (rule->freq == RR_MONTHLY)
		return days + nth > 0 ? days + nth : rule->skip != RR_SKIP_OMIT;
	return 1;
}

/* so many seconds, or months where these are no number of seconds */
static int64_t
length_of(enum rr_freq freq, bool *months)
{
	static const int lengths[] = { 12, 1, 604800, 86400, 3600, 60, 1 };

	*months = freq <= RR_MONTHLY;
	return lengths[freq];
}

/* a length of time is a number of occurrences if it is one of whole periods that all have as many */
bool
rr_phrase_settle_span(struct reader *r)
{
	struct rr_rule *rule = r->rule;
	bool in_months;
	bool span_in_months;
	int64_t period = rule->interval * length_of((enum rr_freq) rule->freq, &in_months);
	int64_t span = 0;
	int64_t count = days_of_period(rule);

	if (r->span == 0)
		return true;
	if (rule->count != 0 || rule->until_kind != RR_UNTIL_NONE)
		return fail(r, RR_PHRASE_TWICE, r->span_word);
	span =
		r->span * unit_size(&r->span_unit) * length_of(unit_freq(&r->span_unit), &span_in_months);
	if (rule->hours != 0 || rule->minutes != 0 || rule->seconds != 0)
		count *= rule->freq > RR_DAILY ? 0
									   : rr_popcount(rule->hours) * rr_popcount(rule->minutes) *
											 (rule->seconds != 0 ? rr_popcount(rule->seconds) : 1);
	if (in_months != span_in_months || span % period != 0 || count == 0)
		return fail(r, RR_PHRASE_SPAN, r->span_word);
	if (span / period > INT32_MAX / count)
		return fail(r, RR_PHRASE_NUMBER, r->span_word);
	rule->count = (int32_t) (span / period * count);
	return true;
}

/* no end is what a rule has that says none */
bool
rr_phrase_forever(struct reader *r, struct rr_word word)
{
	return (r->rule->count == 0 && r->rule->until_kind == RR_UNTIL_NONE && r->span == 0) ||
		   fail(r, RR_PHRASE_TWICE, word);
}
