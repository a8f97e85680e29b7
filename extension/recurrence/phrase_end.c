/*
 * phrase_end.c
 *		The end of a phrase: 10 times, until 1 March, until the end of the year.
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

/* "10 times", but not "3 weeks" */
bool
rr_phrase_for(struct reader *r)
{
	struct rr_word word = peek(r);
	struct rr_word next = after(r, &word);

	return (word.kind == RR_W_NUMBER || word.kind == RR_W_A) && is_unit(&next)
			   ? fail(r, RR_PHRASE_SPAN, word)
			   : rr_phrase_count(r);
}
