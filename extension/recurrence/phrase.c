/*
 * phrase.c
 *		The grammar of phrases: a head, which says how often, and clauses in any order.
 *
 *		head	every [2] weeks | twice a month | Friday the 13th | every [other] Friday | every January | daily | once a week |
 *				[on] Mon and Thu | the last workday of the month | the 15th of every other month | every morning | at 9:00 <head>
 *		clause	on <days> | except <weekdays> | if that is <days> | in <months> | in week 20 | at <times> | [in the] morning |
 *				from June to August | [for] 10 times | until <date> | only the first and last of each month |
 *				weeks begin on Sunday | (missing dates move back) | (in shorter months on the last day)
 *		days	Monday to Friday | the second and last Tuesday | the 1st to 7th and the last day | the last 3 days |
 *				day 100 of the year | 24 December | the last workday
 *
 * The words are known by their kind alone; phrase_days.c has the days, phrase_times.c the times of day,
 * phrase_end.c the end, phrase_except.c what is left out, phrase_note.c what stands in parentheses.
 * What the grammar lets through is judged by rr_parse().
 */
#include "phrase.h"

#include <string.h>

#include "phrase_reader.h"

/* ---- how often --------------------------------------------------------------------------- */

static bool
set_unit(struct reader *r, int64_t interval, struct rr_word unit, struct rr_word word)
{
	if (interval < 1 || interval > INT32_MAX / unit_size(&unit))
		return fail(r, RR_PHRASE_NUMBER, word);
	r->rule->freq = (uint8_t) unit_freq(&unit);
	r->rule->interval = (int32_t) (interval * unit_size(&unit));
	r->has_freq = true;
	return true;
}

/* ranks by weekday that every month has, all of one direction? */
static bool
are_in_one_month(const struct rr_rule *rule, bool backwards)
{
	uint64_t wrong = (backwards ? rule->monthdays : rule->monthdays_minus) |
					 (backwards ? rule->setpos.plus[0] : rule->setpos.minus[0]);

	wrong |= ((uint64_t) rule->monthdays | rule->monthdays_minus) & ~rr_below(29);
	wrong |= (rule->setpos.plus[0] | rule->setpos.minus[0]) & ~rr_below(7);
	for (int i = 0; i < 7; i++)
		wrong |= (backwards ? rule->nth[i] : rule->nth_minus[i]) |
				 ((rule->nth[i] | rule->nth_minus[i]) & ~rr_below(5));
	return wrong == 0;
}

/* the first or last days of a quarter are those of its first or last month */
static bool
read_quarter(struct reader *r, struct rr_word word, struct rr_word first)
{
	struct rr_rule *rule = r->rule;
	bool backwards;

	if (!rr_phrase_settle_days(r, false, first))
		return false;
	if (rule->weekdays != 0 && size_of(&rule->setpos) == 0)
		return fail(r, RR_PHRASE_WORD, word);
	backwards = !are_in_one_month(rule, false);
	if (backwards && !are_in_one_month(rule, true))
		return fail(r, RR_PHRASE_WORD, word);
	rule->months =
		backwards ? 1 << 3 | 1 << 6 | 1 << 9 | 1 << 12 : 1 << 1 | 1 << 4 | 1 << 7 | 1 << 10;
	return set_unit(r, 1, (struct rr_word){ .value = RR_MONTHLY + 16 }, word);
}

/* "of every month", "of the year", "of every other month", "of January" behind the days of a head */
static bool
read_period(struct reader *r, enum sort sort, struct rr_word first)
{
	struct rr_word word;
	struct rr_word next;
	int64_t interval = 1;
	int64_t rank;

	accept(r, RR_W_OF);
	if (!accept(r, RR_W_THE))
		accept(r, RR_W_EVERY);
	word = peek(r);
	if (word.kind == RR_W_MONTH)
	{
		r->rule->freq = RR_YEARLY;
		r->has_freq = true;
		r->days_first = true;
		return rr_phrase_settle_days(r, false, first) && read_months(r);
	}
	next = after(r, &word);
	if (word.kind == RR_W_OTHER || word.kind == RR_W_NUMBER)
		interval = take(r).value;
	else if (is_unit(&next) && rank_at(r, word, &rank).end == word.end && rank >= 2)
	{
		take(r);
		interval = rank;
	}
	word = peek(r);
	if (interval == 1 && is_unit(&word) && unit_freq(&word) == RR_MONTHLY && unit_size(&word) == 3)
	{
		take(r);
		return read_quarter(r, word, first);
	}
	if (!is_unit(&word) || unit_size(&word) != 1 || unit_freq(&word) > RR_WEEKLY ||
		(unit_freq(&word) == RR_WEEKLY && sort != GROUP))
		return fail(r, RR_PHRASE_WORD, word);
	take(r);
	return set_unit(r, interval, word, first) &&
		   rr_phrase_settle_days(r, unit_freq(&word) == RR_YEARLY, first);
}

/* "Friday the 13th": the day of the month, if it is that weekday */
static bool
read_weekday_the(struct reader *r, struct rr_word first)
{
	struct rr_word number;

	take(r);
	number = take(r);
	if (number.kind != RR_W_ORDINAL)
		return fail(r, RR_PHRASE_WORD, number);
	r->rule->freq = RR_MONTHLY;
	r->has_freq = true;
	return add_rank(r, &r->days, number.value, number) && rr_phrase_settle_days(r, false, first);
}

/* a head that says days: "Mon and Thu", "the last workday of the month" */
static bool
read_head_days(struct reader *r)
{
	struct rr_word first = peek(r);
	enum sort sort;

	if (!rr_phrase_days(r, &sort))
		return false;
	if (peek(r).kind == RR_W_OF && sort != DATES)
		return read_period(r, sort, first);
	if (sort == WEEKDAYS && first.kind == RR_W_WEEKDAY && peek(r).kind == RR_W_THE)
		return read_weekday_the(r, first);
	r->days_first = true;
	if (sort == DATES)
		r->rule->freq = RR_YEARLY;
	else
		r->rule->freq = sort == WEEKDAYS && !has_nth(r->rule) ? RR_WEEKLY : RR_MONTHLY;
	r->has_freq = true;
	return rr_phrase_settle_days(r, false, first);
}

/* "other Friday", "third day", "2nd Monday and Tuesday": every so many */
static bool
read_nth_of(struct reader *r, int64_t interval, struct rr_word word)
{
	struct rr_word next = peek(r);

	if (is_unit(&next))
	{
		take(r);
		return set_unit(r, interval, next, word);
	}
	/* every other workday: of each week, or those of every other week? */
	if (next.kind == RR_W_WEEKDAY && next.value >= RR_W_GROUP && (next.value & 127) == 31)
		return fail(r, RR_PHRASE_WORKDAYS, next);
	/* every 3rd Thursday: three weeks from the last one, or in the month? "second" and "other" are every two weeks */
	if (next.kind == RR_W_WEEKDAY && (word.kind == RR_W_ORDINAL || word.kind == RR_W_RANK))
		return fail(r, RR_PHRASE_NTH, word);
	if (next.kind != RR_W_WEEKDAY || !read_head_days(r))
		return next.kind != RR_W_WEEKDAY ? fail(r, RR_PHRASE_WORD, next) : false;
	r->rule->interval = (int32_t) interval;
	r->days_first = false;
	return true;
}

/* does this rank count periods, as in "every third day", and not days in one of them? */
static bool
counts_periods(const struct reader *r, struct rr_word word)
{
	struct rr_word noun = after(r, &word);
	struct rr_word next = after(r, &noun);
	int64_t rank;

	if (rank_at(r, word, &rank).end != word.end || rank < 2 || rank > INT16_MAX)
		return false;
	return (is_unit(&noun) || noun.kind == RR_W_WEEKDAY) && next.kind != RR_W_OF &&
		   next.kind != RR_W_IN;
}

/* "second Friday", "second and fourth Friday", where "second" is not the unit */
static bool
is_rank_of_days(const struct reader *r, struct rr_word word)
{
	struct rr_word next = after(r, &word);

	return is_rank(r, word) &&
		   (next.kind == RR_W_WEEKDAY ||
			((next.kind == RR_W_AND || next.kind == RR_W_COMMA) && is_rank(r, after(r, &next))));
}

static bool
read_every(struct reader *r)
{
	struct rr_word word = peek(r);
	struct rr_word next = after(r, &word);

	if (word.kind == RR_W_MARK)
		return fail(r, RR_PHRASE_COMPLETION, word);
	if (word.kind == RR_W_OTHER || word.kind == RR_W_ALTERNATE)
	{
		take(r);
		return read_nth_of(r, word.value, word);
	}
	if (word.kind == RR_W_NUMBER && is_unit(&next))
	{
		r->place = next.end;
		return set_unit(r, word.value, next, word);
	}
	if (word.kind == RR_W_PART)
	{
		r->part = take(r);
		return set_unit(r, 1, (struct rr_word){ .value = RR_DAILY + 16 }, word);
	}
	if (word.kind == RR_W_NUMBER && next.kind == RR_W_WEEKDAY)
		return fail(
			r, next.value % RR_W_WHOLE == (RR_W_GROUP | 31) ? RR_PHRASE_WORKDAYS : RR_PHRASE_NTH,
			word);
	if (counts_periods(r, word))
	{
		take(r);
		return read_nth_of(r, word.kind == RR_W_SECOND ? 2 : word.value, word);
	}
	if (word.kind == RR_W_MONTH && !rr_phrase_is_date(r, word))
	{
		r->rule->freq = RR_YEARLY;
		r->has_freq = true;
		return read_months(r);
	}
	if (is_unit(&word) && !is_rank_of_days(r, word))
	{
		take(r);
		return set_unit(r, 1, word, word);
	}
	return read_head_days(r);
}

/* "week", "2 weeks", "other week", "third week" */
static bool
read_unit(struct reader *r)
{
	struct rr_word first = peek(r);
	struct rr_word unit = first;
	int64_t interval = 1;

	if (first.kind == RR_W_NUMBER || first.kind == RR_W_OTHER || first.kind == RR_W_ORDINAL)
	{
		interval = take(r).value;
		unit = peek(r);
	}
	if (!is_unit(&unit))
		return fail(r, RR_PHRASE_WORD, unit);
	take(r);
	return set_unit(r, interval, unit, first);
}

/* "once a week", "twice daily", "once every two weeks", "once in 3 days", "3 times a week" */
static bool
read_often(struct reader *r)
{
	struct rr_word word = take(r);

	if (word.kind == RR_W_NUMBER)
		take(r);
	r->often = word.value == 1 ? 0 : word.value;
	r->often_word = word;
	if (peek(r).kind == RR_W_ADVERB)
	{
		word = take(r);
		return set_unit(r, 1, word, word);
	}
	if (accept(r, RR_W_IN))
		accept(r, RR_W_A);
	else if (!accept(r, RR_W_EVERY) && !expect(r, RR_W_A))
		return false;
	return read_unit(r);
}

static bool
read_head(struct reader *r)
{
	struct rr_word word;
	struct rr_word next;

	accept(r, RR_W_REPEAT);
	word = peek(r);
	next = after(r, &word);
	if (word.kind == RR_W_ADVERB)
	{
		take(r);
		/* as the words of the type: a month that lacks the day uses its last */
		if (unit_freq(&word) <= RR_MONTHLY)
			r->rule->skip = RR_SKIP_BACKWARD;
		return set_unit(r, 1, word, word);
	}
	if (word.kind == RR_W_SO_OFTEN || (word.kind == RR_W_NUMBER && next.kind == RR_W_TIMES))
		return read_often(r);
	if (word.kind == RR_W_TWICE_A)
	{
		r->often = 2;
		r->often_word = take(r);
		return set_unit(r, 1, word, word);
	}
	if (word.kind == RR_W_PART)
		return read_every(r);
	if (word.kind == RR_W_AFTER)
		return fail(r, RR_PHRASE_COMPLETION, word);
	if ((word.kind == RR_W_STARTING || word.kind == RR_W_FROM) && !rr_phrase_is_edge(r, word))
		return fail(r, RR_PHRASE_START, word);
	/* "on Mondays", "at the end of the month" */
	if (!accept(r, RR_W_ON))
		accept(r, RR_W_AT);
	if (accept(r, RR_W_EVERY) || peek(r).kind == RR_W_ALTERNATE)
		return read_every(r);
	return read_head_days(r);
}

/* ---- clauses ----------------------------------------------------------------------------- */

/* what follows days in a clause: "of the year", "of the month", "of January" or nothing */
static bool
read_owner(struct reader *r, enum sort sort, struct rr_word first)
{
	struct rr_word word;

	if (!accept(r, RR_W_OF))
	{
		if (sort == RANKS && r->rule->freq == RR_YEARLY)
			r->bare = first;
		return rr_phrase_settle_days(r, false, first);
	}
	if (!accept(r, RR_W_THE))
		accept(r, RR_W_EVERY);
	word = peek(r);
	if (word.kind == RR_W_MONTH)
		return rr_phrase_settle_days(r, false, first) && read_months(r);
	if (!is_unit(&word) || unit_size(&word) != 1 || unit_freq(&word) > RR_MONTHLY ||
		(sort != RANKS && unit_freq(&word) != r->rule->freq))
		return fail(r, RR_PHRASE_WORD, word);
	take(r);
	return rr_phrase_settle_days(r, unit_freq(&word) == RR_YEARLY, first);
}

static bool
read_day_clause(struct reader *r)
{
	struct rr_word first = peek(r);
	enum sort sort;

	if (first.kind == RR_W_WEEKDAY && first.value < RR_W_GROUP)
		r->bare = first;
	return rr_phrase_days(r, &sort) && read_owner(r, sort, first);
}

/* "if that is Monday or Tuesday" */
static bool
read_condition(struct reader *r)
{
	bool read;

	r->asks = true;
	read = expect(r, RR_W_THAT) && expect(r, RR_W_IS) && read_day_clause(r);
	r->asks = false;
	return read;
}

static bool
is_week_item(const struct reader *r, struct rr_word word)
{
	return is_plain_number(r, word) || word.kind == RR_W_THE || is_rank(r, word);
}

/* "20", "1 to 5", "the last [week]" */
static bool
read_week(struct reader *r, struct rr_numbers *weeks)
{
	struct rr_word word;
	int64_t rank;

	accept(r, RR_W_THE);
	word = peek(r);
	if (!is_rank(r, word))
	{
		if (word.kind == RR_W_NUMBER && word.value == 0)
			return fail(r, RR_PHRASE_NUMBER, word);
		return read_number_run(r, 54, &weeks->plus[0]);
	}
	r->place = rank_at(r, word, &rank).end;
	if (rank < -53 || rank > 53)
		return fail(r, RR_PHRASE_NUMBER, word);
	word = peek(r);
	if (is_week(&word))
		take(r);
	return add_rank(r, weeks, rank, word);
}

/* "[week] 20 and the last week of the year" */
static bool
read_weeks(struct reader *r)
{
	struct rr_numbers weeks = { { 0 }, { 0 } };

	do
	{
		if (!read_week(r, &weeks))
			return false;
	} while (accept_separator(r, is_week_item));
	r->rule->weeks |= weeks.plus[0];
	r->rule->weeks_minus |= weeks.minus[0];
	if (accept(r, RR_W_OF))
	{
		struct rr_word unit;

		accept(r, RR_W_THE);
		unit = take(r);
		if (unit.kind != RR_W_UNIT || unit_freq(&unit) != RR_YEARLY)
			return fail(r, RR_PHRASE_WORD, unit);
	}
	return true;
}

static bool
read_in(struct reader *r)
{
	struct rr_word word = peek(r);
	struct rr_word next = after(r, &word);

	if (is_week(&word) || (word.kind == RR_W_THE && is_rank(r, next)))
	{
		if (is_week(&word))
			take(r);
		return (r->rule->weeks | r->rule->weeks_minus) != 0 ? fail(r, RR_PHRASE_TWICE, word)
															: read_weeks(r);
	}
	if (word.kind == RR_W_THE)
		word = (take(r), peek(r));
	if (word.kind == RR_W_PART)
		return rr_phrase_part(r, take(r));
	return word.kind == RR_W_MONTH && r->rule->months != 0 ? fail(r, RR_PHRASE_TWICE, word)
														   : read_months(r);
}

/* "every day of the week", "every day of March" */
static bool
read_of(struct reader *r, struct rr_word of)
{
	struct rr_word word;

	if (r->rule->freq != RR_DAILY || r->rule->interval != 1 || r->rule->months != 0)
		return fail(r, RR_PHRASE_WORD, of);
	accept(r, RR_W_THE);
	word = peek(r);
	if (word.kind == RR_W_MONTH)
		return read_months(r);
	take(r);
	return (word.kind == RR_W_UNIT && unit_freq(&word) <= RR_WEEKLY && unit_size(&word) == 1) ||
		   fail(r, RR_PHRASE_WORD, word);
}

/* the last word of two that "from" and "to" stand before: "June to August"; RR_W_UNKNOWN where it does not */
static struct rr_word
end_of_run(const struct reader *r, struct rr_word first)
{
	struct rr_word to = after(r, &first);
	struct rr_word last = after(r, &to);

	if (to.kind == RR_W_TO && last.kind == RR_W_THE)
		last = after(r, &last);
	return to.kind == RR_W_TO ? last : (struct rr_word){ .kind = RR_W_UNKNOWN };
}

/* "June to August", "Monday to Friday", "the 1st to the 7th"; all else is a start */
static bool
read_from(struct reader *r, struct rr_word from)
{
	struct rr_word first = peek(r);
	struct rr_word last;

	if (rr_phrase_is_time(r, first) && !rr_phrase_is_date(r, first))
		return rr_phrase_hours(r);
	if (first.kind == RR_W_THE)
		first = after(r, &first);
	last = end_of_run(r, first);
	if (first.kind == RR_W_MONTH && last.kind == RR_W_MONTH)
		return read_in(r);
	if ((first.kind == RR_W_WEEKDAY && last.kind == RR_W_WEEKDAY) ||
		(first.kind == RR_W_ORDINAL && last.kind == RR_W_ORDINAL))
		return read_day_clause(r);
	return fail(r, RR_PHRASE_START, from);
}

/* "the first and last of each month" */
static bool
read_only(struct reader *r)
{
	struct rr_word unit = peek(r);

	if (size_of(&r->rule->setpos) > 0)
		return fail(r, RR_PHRASE_TWICE, unit);
	accept(r, RR_W_THE);
	if (!read_ranks(r, &r->rule->setpos) || !expect(r, RR_W_OF) || !expect(r, RR_W_EVERY))
		return false;
	unit = take(r);
	if (!is_unit(&unit) || unit_size(&unit) != 1 || unit_freq(&unit) != r->rule->freq)
		return fail(r, RR_PHRASE_WORD, unit);
	return true;
}

/* "weeks begin on Sunday" */
static bool
read_week_start(struct reader *r)
{
	struct rr_word word;

	if (!expect(r, RR_W_BEGIN) || !expect(r, RR_W_ON))
		return false;
	word = take(r);
	if (word.kind != RR_W_WEEKDAY || word.value >= RR_W_GROUP)
		return fail(r, RR_PHRASE_WORD, word);
	r->rule->wkst = (uint8_t) rr_lowest((uint64_t) word.value);
	return true;
}

/* "the 15th every month", "Mondays every other week", "1 May every year": the period of days that stand before it */
static bool
read_repeat(struct reader *r, struct rr_word first)
{
	struct rr_rule *rule = r->rule;
	uint8_t freq = rule->freq;

	if (!r->days_first)
		return fail(r, RR_PHRASE_WORD, first);
	r->days_first = false;
	if (first.kind == RR_W_ADVERB ? !set_unit(r, 1, first, first) : !read_unit(r))
		return false;
	/* "the first Monday in September every year" */
	if (rule->freq == RR_YEARLY && rule->interval == 1 && rule->months != 0)
		rule->freq = freq;
	return rule->freq == freq || fail(r, RR_PHRASE_WHICH, first);
}

/* "after 10 occurrences", but not "after completion" */
static bool
read_after(struct reader *r, struct rr_word first)
{
	struct rr_word word = peek(r);

	if (word.kind == RR_W_SO_OFTEN || (word.kind == RR_W_NUMBER && !is_plain_number(r, word)))
		return rr_phrase_count(r);
	return fail(r, RR_PHRASE_COMPLETION, first);
}

/* a clause without a word that says what it is: "9:00", "9 am", "9-17", "10 times", "Monday", "the 15th" */
static bool
read_bare_clause(struct reader *r, struct rr_word word)
{
	struct rr_word next = after(r, &word);

	if (rr_phrase_is_hours(r, word))
		return rr_phrase_hours(r);
	if (word.kind == RR_W_TIME ||
		(word.kind == RR_W_NUMBER && (next.kind == RR_W_HALF || next.kind == RR_W_OCLOCK)))
		return rr_phrase_at(r);
	if (rr_phrase_is_date(r, word) ? r->rule->freq == RR_YEARLY
		: word.kind == RR_W_WEEKDAY
			? r->rule->freq <= RR_DAILY
			: (word.kind == RR_W_THE || is_rank(r, word)) && r->rule->freq <= RR_MONTHLY)
		return read_day_clause(r);
	if (word.kind == RR_W_NUMBER || word.kind == RR_W_SO_OFTEN)
		return rr_phrase_count(r);
	return fail(r, RR_PHRASE_WORD, word);
}

/* everything behind the first word of a clause, which was taken */
static bool
read_clause(struct reader *r, struct rr_word word)
{
	switch (word.kind)
	{
		case RR_W_ON:
			return read_day_clause(r);
		case RR_W_EXCEPT:
			return rr_phrase_except(r);
		case RR_W_EVERY:
		case RR_W_ADVERB:
			return read_repeat(r, word);
		case RR_W_IF:
			return read_condition(r);
		case RR_W_IN:
			return read_in(r);
		case RR_W_AT:
			return rr_phrase_at(r);
		case RR_W_FROM:
			return read_from(r, word);
		case RR_W_BETWEEN:
			return rr_phrase_hours(r);
		case RR_W_STARTING:
		case RR_W_BEGIN:
			return fail(r, RR_PHRASE_START, word);
		case RR_W_PART:
			return rr_phrase_part(r, word);
		case RR_W_OF:
			return read_of(r, word);
		case RR_W_FOR:
			return rr_phrase_for(r);
		case RR_W_UNTIL:
			return rr_phrase_until(r);
		case RR_W_AFTER:
			return read_after(r, word);
		case RR_W_FOREVER:
			return rr_phrase_forever(r, word);
		case RR_W_TO:
			/* "through 31 December", but no dash */
			return r->text[word.end - 1] > '-' ? rr_phrase_until(r) : fail(r, RR_PHRASE_WORD, word);
		case RR_W_ONLY:
			return read_only(r);
		case RR_W_OPEN:
			return rr_phrase_note(r);
		case RR_W_UNIT:
			if (unit_freq(&word) == RR_WEEKLY && unit_size(&word) == 1)
				return read_week_start(r);
			return fail(r, RR_PHRASE_WORD, word);
		default:
			r->place = word.start;
			return read_bare_clause(r, word);
	}
}

static bool
read_clauses(struct reader *r)
{
	for (;;)
	{
		struct rr_word word = take(r);

		if (word.kind == RR_W_END || word.kind == RR_W_COLON)
			return true;
		if (word.kind == RR_W_COMMA)
			word = take(r);
		if (!read_clause(r, word))
			return false;
	}
}

/* "every month on Monday", "every year on the 15th": which of them? */
static bool
check_bare(struct reader *r)
{
	const struct rr_rule *rule = r->rule;
	bool chosen = (rule->weeks | rule->weeks_minus) != 0 || size_of(&rule->setpos) > 0 ||
				  size_of(&rule->yeardays) > 0;

	if (r->bare.kind == RR_W_WEEKDAY)
		chosen |= rule->freq > RR_MONTHLY || (rule->monthdays | rule->monthdays_minus) != 0;
	else
		chosen |= rule->months != 0;
	return r->bare.kind == RR_W_UNKNOWN || chosen || fail(r, RR_PHRASE_WHICH, r->bare);
}

/* "twice a month on the 1st and 15th": are there as many days, or as many times on one day? */
static bool
check_often(struct reader *r)
{
	const struct rr_rule *rule = r->rule;
	int days = rr_popcount(rule->weekdays) + rr_popcount(rule->monthdays) +
			   rr_popcount(rule->monthdays_minus) + size_of(&rule->yeardays);
	int times = rr_popcount(rule->hours) * rr_popcount(rule->minutes);

	for (int i = 0; i < 7; i++)
		days += rr_popcount(rule->nth[i]) + rr_popcount(rule->nth_minus[i]);
	if (size_of(&rule->setpos) > 0)
		days = size_of(&rule->setpos);
	if (rule->freq == RR_DAILY && days == 0)
		days = 1;
	if (rule->freq == RR_YEARLY && rule->months != 0)
		days = (days > 0 ? days : 1) * rr_popcount(rule->months);
	return r->often == 0 || days * (times > 0 ? times : 1) == r->often ||
		   fail(r, RR_PHRASE_OFTEN, r->often_word);
}

/* ---- the whole --------------------------------------------------------------------------- */

/* let the parser of rules judge, and bring the rule into its plain form */
static bool
settle_rule(struct reader *r)
{
	char text[RR_TEXT_MAX];
	struct rr_error error;
	size_t len = rr_format(r->rule, text, sizeof(text));

	if (rr_parse(text, len, r->rule, &error))
	{
		struct rr_rule rule = *r->rule;

		rr_plain(&rule, r->rule);
		return true;
	}
	r->error->code = RR_PHRASE_RULE;
	r->error->rule_code = error.code;
	r->error->position = 0;
	r->error->end = r->len;
	return false;
}

/* the time of day, if the rule has one */
static int32_t
single_time(const struct rr_rule *rule)
{
	if (rr_popcount(rule->hours) != 1 || rr_popcount(rule->minutes) != 1 ||
		rr_popcount(rule->seconds) > 1)
		return -1;
	return rr_lowest(rule->hours) * 3600 + rr_lowest(rule->minutes) * 60 +
		   (rule->seconds != 0 ? rr_lowest(rule->seconds) : 0);
}

bool
rr_phrase_parse(const char *text, size_t len, int64_t today, struct rr_phrase *phrase,
				struct rr_phrase_error *error)
{
	struct reader r = {
		.text = text, .len = len, .today = today, .rule = &phrase->rule, .error = error
	};

	memset(phrase, 0, sizeof(*phrase));
	phrase->rule.interval = 1;
	if (!rr_phrase_time_before(&r) || !read_head(&r) || !read_clauses(&r) || !check_bare(&r) ||
		!check_often(&r) || !rr_phrase_check_part(&r) || !rr_phrase_settle_span(&r) ||
		!settle_rule(&r))
		return false;
	phrase->at = single_time(&phrase->rule);
	phrase->rest = peek(&r).start;
	return true;
}

const char *
rr_phrase_strerror(const struct rr_phrase_error *error)
{
#define RR_PHRASE_TEXT(code, text, hint) text,
	static const char *const texts[] = { RR_PHRASE_ERRORS(RR_PHRASE_TEXT) };
#undef RR_PHRASE_TEXT

	return error->code == RR_PHRASE_RULE ? rr_strerror(error->rule_code) : texts[error->code];
}

const char *
rr_phrase_hint(const struct rr_phrase_error *error)
{
#define RR_PHRASE_HINT(code, text, hint) hint,
	static const char *const hints[] = { RR_PHRASE_ERRORS(RR_PHRASE_HINT) };
#undef RR_PHRASE_HINT

	if (error->code == RR_PHRASE_RULE && error->rule_code == RR_COUNT_AND_UNTIL)
		return "Say how many times or until when, not both.";
	return hints[error->code];
}
