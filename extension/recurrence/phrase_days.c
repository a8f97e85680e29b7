/*
 * phrase_days.c
 *		The days of a phrase: Monday to Friday, the second and last Tuesday, the 15th and the last
 *		day, day 100 of the year, 24 December, the last workday.
 *
 * A list holds days of one sort, since a rule takes those of several sorts together: what is
 * meant by "or" can't be said by one rule.
 */
#include <string.h>

#include "phrase_reader.h"

#include "civil.h"

/* "Monday", "Monday to Friday", "weekdays" */
static bool
read_weekdays(struct reader *r)
{
	struct rr_word first = take(r);
	struct rr_word to = peek(r);
	struct rr_word last = after(r, &to);
	unsigned bits = (unsigned) first.value & 127;

	if (to.kind == RR_W_TO && last.kind == RR_W_WEEKDAY && first.value < RR_W_GROUP &&
		last.value < RR_W_GROUP)
	{
		for (unsigned day = bits; day != (unsigned) last.value; bits |= day)
			day = day == 64 ? 1 : day << 1;
		r->place = last.end;
	}
	r->rule->weekdays |= (uint8_t) bits;
	return true;
}

/* "first 3 days", "last two Fridays"? */
static bool
is_several(const struct reader *r)
{
	struct rr_word rank = peek(r);
	struct rr_word number = after(r, &rank);
	struct rr_word noun = after(r, &number);

	return (rank.kind == RR_W_LAST || (rank.kind == RR_W_RANK && rank.value == 1)) &&
		   number.kind == RR_W_NUMBER && (noun.kind == RR_W_WEEKDAY || is_day(&noun));
}

static bool
read_several(struct reader *r, struct rr_numbers *ranks)
{
	struct rr_word rank = take(r);
	struct rr_word number = take(r);

	if (number.value < 1 || number.value > 366)
		return fail(r, RR_PHRASE_NUMBER, number);
	for (int64_t i = 1; i <= number.value; i++)
		rr_add(rank.kind == RR_W_LAST ? ranks->minus : ranks->plus, (int) i);
	return true;
}

/* ranks, and what they are ranks of */
static bool
read_ranked(struct reader *r, enum sort *sort)
{
	struct rr_numbers ranks = { { 0 }, { 0 } };
	struct rr_word noun;

	if (!(is_several(r) ? read_several(r, &ranks) : read_ranks(r, &ranks)))
		return false;
	noun = peek(r);
	if (noun.kind == RR_W_WEEKDAY && noun.value >= RR_W_WHOLE)
		return fail(r, RR_PHRASE_WEEKEND, noun);
	*sort = RANKS;
	if (noun.kind == RR_W_WEEKDAY)
	{
		*sort = noun.value >= RR_W_GROUP ? GROUP : WEEKDAYS;
		take(r);
	}
	else if (is_day(&noun))
		take(r);
	else if (rr_size(ranks.minus, RR_DAY_WORDS) > 0 && noun.kind != RR_W_OF)
		return fail(r, RR_PHRASE_WORD, noun);

	if (*sort == GROUP)
	{
		r->rule->weekdays |= (uint8_t) (noun.value & 127);
		r->rule->setpos = ranks;
		return true;
	}
	if (*sort == WEEKDAYS)
	{
		int day = rr_lowest((uint64_t) noun.value);

		if (rr_first_from(ranks.plus, RR_DAY_WORDS, 54) >= 0 ||
			rr_first_from(ranks.minus, RR_DAY_WORDS, 54) >= 0)
			return fail(r, RR_PHRASE_NUMBER, noun);
		r->rule->nth[day] |= ranks.plus[0];
		r->rule->nth_minus[day] |= ranks.minus[0];
		return true;
	}
	for (int i = 0; i < RR_DAY_WORDS; i++)
	{
		r->days.plus[i] |= ranks.plus[i];
		r->days.minus[i] |= ranks.minus[i];
	}
	return true;
}

/* "24 December", "24th of December", "December 24th"? */
bool
rr_phrase_is_date(const struct reader *r, struct rr_word word)
{
	struct rr_word next = after(r, &word);

	if (word.kind == RR_W_MONTH)
		return next.kind == RR_W_NUMBER || next.kind == RR_W_ORDINAL;
	if (word.kind != RR_W_NUMBER && word.kind != RR_W_ORDINAL)
		return false;
	if (next.kind == RR_W_OF)
		next = after(r, &next);
	return next.kind == RR_W_MONTH;
}

/* the day and the month of a date */
bool
rr_phrase_date(struct reader *r, int *day, int *month)
{
	struct rr_word first = take(r);
	struct rr_word number = first;

	if (first.kind == RR_W_MONTH)
		number = take(r);
	else
	{
		accept(r, RR_W_OF);
		first = take(r);
	}
	if (number.value < 1 || number.value > rr_month_length(true, (int) first.value))
		return fail(r, RR_PHRASE_DATE, number);
	*day = (int) number.value;
	*month = (int) first.value;
	return true;
}

static bool
is_month_alone(const struct reader *r, struct rr_word word)
{
	return word.kind == RR_W_MONTH && !rr_phrase_is_date(r, word);
}

/* "24 December", "the 15th of March, June and September"; "15 March and June" may mean the whole of June */
static bool
read_yearly_date(struct reader *r)
{
	struct rr_word first = peek(r);
	int day;
	int month;

	if (!rr_phrase_date(r, &day, &month))
		return false;
	r->rule->monthdays |= (uint32_t) 1 << day;
	r->rule->months |= (uint16_t) (1U << month);
	while (first.kind == RR_W_ORDINAL && accept_separator(r, is_month_alone))
		if (!read_month(r))
			return false;
	return true;
}

static bool
read_leap_day(struct reader *r)
{
	struct rr_word day;

	take(r);
	day = peek(r);
	if (!is_day(&day))
		return fail(r, RR_PHRASE_WORD, day);
	take(r);
	r->rule->monthdays |= UINT32_C(1) << 29;
	r->rule->months |= 1 << 2;
	return true;
}

/* "the end of the month", "beginning of the month"? */
bool
rr_phrase_is_edge(const struct reader *r, struct rr_word word)
{
	return (word.kind == RR_W_FINISH || word.kind == RR_W_STARTING || word.kind == RR_W_BEGIN) &&
		   after(r, &word).kind == RR_W_OF;
}

/* "every month on 15" */
static bool
is_day_number(const struct reader *r, struct rr_word word)
{
	struct rr_word next = after(r, &word);

	return r->has_freq && r->rule->freq == RR_MONTHLY && is_plain_number(r, word) &&
		   next.kind != RR_W_HALF && next.kind != RR_W_OCLOCK && !is_unit(&next);
}

static bool
is_day_item(const struct reader *r, struct rr_word word)
{
	struct rr_word next = after(r, &word);

	return word.kind == RR_W_WEEKDAY || is_day_number(r, word) || word.kind == RR_W_THE ||
		   word.kind == RR_W_LEAP || is_rank(r, word) || rr_phrase_is_date(r, word) ||
		   (word.kind == RR_W_EVERY && next.kind == RR_W_WEEKDAY) ||
		   (word.kind == RR_W_A && r->asks && next.kind == RR_W_WEEKDAY) ||
		   (is_day(&word) && next.kind == RR_W_NUMBER);
}

static bool
read_day_item(struct reader *r, enum sort *sort)
{
	struct rr_word first = peek(r);
	struct rr_word word = first;

	if (word.kind == RR_W_THE || word.kind == RR_W_EVERY || (word.kind == RR_W_A && r->asks))
	{
		take(r);
		word = peek(r);
		if (first.kind == RR_W_EVERY && is_day(&word))
		{
			take(r);
			*sort = WEEKDAYS;
			r->rule->weekdays = 127;
			return true;
		}
	}
	if (rr_phrase_is_edge(r, word))
	{
		take(r);
		*sort = RANKS;
		return add_rank(r, &r->days, word.kind == RR_W_FINISH ? -1 : 1, word);
	}
	if (rr_phrase_is_date(r, word))
	{
		*sort = DATES;
		return read_yearly_date(r);
	}
	if (word.kind == RR_W_LEAP)
	{
		*sort = DATES;
		return read_leap_day(r);
	}
	if (word.kind == RR_W_WEEKDAY)
	{
		*sort = WEEKDAYS;
		return read_weekdays(r);
	}
	if (is_day(&word) && after(r, &word).kind == RR_W_NUMBER)
	{
		take(r);
		word = take(r);
		*sort = RANKS;
		return add_rank(r, &r->days, word.value, word);
	}
	if (is_rank(r, word))
		return read_ranked(r, sort);
	if (is_day_number(r, word))
	{
		take(r);
		*sort = RANKS;
		return add_rank(r, &r->days, word.value, word);
	}
	return fail(r, RR_PHRASE_WORD, word);
}

/* "mon wed fri": a weekday may follow one without a separator */
static bool
goes_on(struct reader *r, struct rr_word word)
{
	struct rr_word next = peek(r);

	return accept_separator(r, is_day_item) ||
		   (word.kind == RR_W_WEEKDAY && word.value < RR_W_GROUP && next.kind == RR_W_WEEKDAY &&
			next.value < RR_W_GROUP);
}

/* a list of days of one sort, of which the rule has none yet */
bool
rr_phrase_days(struct reader *r, enum sort *sort)
{
	struct rr_word first = peek(r);
	bool had_weekdays = has_weekdays(r->rule) || size_of(&r->rule->setpos) > 0;
	bool had_dates = r->rule->monthdays != 0 || r->rule->months != 0;

	struct rr_word word;

	*sort = NO_DAYS;
	memset(&r->days, 0, sizeof(r->days));
	do
	{
		enum sort item = NO_DAYS;

		word = peek(r);
		/* "the last Sunday and Monday": every Monday? */
		if (word.kind == RR_W_WEEKDAY && *sort == WEEKDAYS && has_nth(r->rule))
			return fail(r, RR_PHRASE_WHICH, word);
		if (!read_day_item(r, &item))
			return false;
		/* several dates, or ranks in a group, are no product of sets */
		if (*sort != NO_DAYS && (item != *sort || item == DATES || item == GROUP))
			return fail(r, RR_PHRASE_MIXED, word);
		*sort = item;
	} while (goes_on(r, word));
	if (*sort == DATES ? had_dates : *sort != RANKS && had_weekdays)
		return fail(r, RR_PHRASE_TWICE, first);
	return true;
}

/* the ranks of days that were read are of the month or of the year */
bool
rr_phrase_settle_days(struct reader *r, bool of_year, struct rr_word word)
{
	struct rr_rule *rule = r->rule;

	if (size_of(&r->days) == 0)
		return true;
	if (of_year ? size_of(&rule->yeardays) > 0 : (rule->monthdays | rule->monthdays_minus) != 0)
		return fail(r, RR_PHRASE_TWICE, word);
	if (of_year)
		rule->yeardays = r->days;
	else if (rr_first_from(r->days.plus, RR_DAY_WORDS, 32) >= 0 ||
			 rr_first_from(r->days.minus, RR_DAY_WORDS, 32) >= 0)
		return fail(r, RR_PHRASE_NUMBER, word);
	else
	{
		rule->monthdays = (uint32_t) r->days.plus[0];
		rule->monthdays_minus = (uint32_t) r->days.minus[0];
	}
	memset(&r->days, 0, sizeof(r->days));
	return true;
}
