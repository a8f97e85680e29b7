/*
 * phrase_reader.h
 *		Reading words one after the other, for phrase.c and its parts.
 *
 * A reader looks ahead as far as it likes, since a word is made anew whenever it is looked at.
 * Functions that read return false when they have filled the error.
 */
#ifndef RR_PHRASE_READER_H
#define RR_PHRASE_READER_H

#include "phrase.h"

#include "bits.h"
#include "phrase_words.h"

/* which sort of days a list has */
enum sort
{
	NO_DAYS,
	WEEKDAYS, /* with or without ranks */
	GROUP,    /* ranks among working days or weekends */
	RANKS,    /* days by their number, of the month or the year */
	DATES     /* days of named months */
};

struct reader
{
	const char *text;
	size_t len;
	size_t place; /* behind the last word that was taken */
	int64_t today;
	struct rr_rule *rule;
	bool has_freq;
	struct rr_numbers days; /* ranks of days, not yet said whether of a month or a year */
	bool asks;              /* behind "if that is", where days may be joined by "or" */
	int64_t often;          /* "twice a month": so many days or times must follow; 0: not said */
	struct rr_word often_word;
	struct rr_word bare; /* "on Monday", "on the 15th", of which a period may have many */
	struct rr_word part; /* "in the morning", which the times must be in */
	bool days_first;     /* "the 15th", "Mondays", behind which a period may follow */
	int64_t span;        /* "for 3 weeks": so many; 0: not said */
	struct rr_word span_unit;
	struct rr_word span_word;
	struct rr_phrase_error *error;
};

/* ---- words ------------------------------------------------------------------------------- */

static inline struct rr_word
peek(const struct reader *r)
{
	return rr_word_at(r->text, r->len, r->place);
}

static inline struct rr_word
after(const struct reader *r, const struct rr_word *word)
{
	return rr_word_at(r->text, r->len, word->end);
}

static inline struct rr_word
take(struct reader *r)
{
	struct rr_word word = peek(r);

	r->place = word.end;
	return word;
}

static inline bool
accept(struct reader *r, enum rr_word_kind kind)
{
	if (peek(r).kind != kind)
		return false;
	take(r);
	return true;
}

/* some words say better than the place they stand at what is wrong */
static inline enum rr_phrase_code
code_of(enum rr_phrase_code code, const struct rr_word *word)
{
	switch (word->kind)
	{
		case RR_W_END:
			return code == RR_PHRASE_WORD ? RR_PHRASE_SHORT : code;
		case RR_W_SLASHED:
			return RR_PHRASE_SLASHED;
		case RR_W_BIANNUAL:
			return RR_PHRASE_BIANNUAL;
		case RR_W_SEASON:
			return RR_PHRASE_SEASON;
		default:
			return code;
	}
}

static inline bool
fail(struct reader *r, enum rr_phrase_code code, struct rr_word word)
{
	r->error->code = code_of(code, &word);
	r->error->rule_code = RR_OK;
	r->error->position = word.start;
	r->error->end = word.end;
	return false;
}

static inline bool
expect(struct reader *r, enum rr_word_kind kind)
{
	return accept(r, kind) || fail(r, RR_PHRASE_WORD, peek(r));
}

/* a unit of time as a singular may also be a rank */
static inline bool
is_unit(const struct rr_word *word)
{
	return word->kind == RR_W_UNIT || word->kind == RR_W_SECOND;
}

static inline enum rr_freq
unit_freq(const struct rr_word *word)
{
	return (enum rr_freq)(word->value % 16);
}

static inline int64_t
unit_size(const struct rr_word *word)
{
	return word->value / 16;
}

static inline bool
is_day(const struct rr_word *word)
{
	return word->kind == RR_W_UNIT && unit_freq(word) == RR_DAILY;
}

static inline bool
is_week(const struct rr_word *word)
{
	return word->kind == RR_W_UNIT && unit_freq(word) == RR_WEEKLY && unit_size(word) == 1;
}

/* "first", "15th", "last", "second to last", "2nd last", "next to last": its last word, or one that is none */
static inline struct rr_word
rank_at(const struct reader *r, struct rr_word word, int64_t *rank)
{
	struct rr_word to;
	struct rr_word last;

	*rank = word.value;
	if (word.kind == RR_W_SECOND || word.kind == RR_W_NEXT)
		*rank = 2;
	else if (word.kind != RR_W_RANK && word.kind != RR_W_ORDINAL && word.kind != RR_W_LAST)
	{
		*rank = 0;
		return word;
	}
	to = after(r, &word);
	last = to.kind == RR_W_TO ? after(r, &to) : to;
	if (last.kind != RR_W_LAST || *rank < (to.kind == RR_W_TO ? 1 : 2))
	{
		*rank = word.kind == RR_W_NEXT ? 0 : *rank;
		return word;
	}
	*rank = -*rank;
	return last;
}

static inline bool
is_rank(const struct reader *r, struct rr_word word)
{
	int64_t rank;

	rank_at(r, word, &rank);
	return rank != 0;
}

static inline bool
joins(const struct reader *r, const struct rr_word *word)
{
	return word->kind == RR_W_AND || (word->kind == RR_W_OR && r->asks);
}

/* a comma, "and" or both, if what this function wants to see stands behind; takes them */
static inline bool
accept_separator(struct reader *r, bool (*wanted)(const struct reader *r, struct rr_word word))
{
	struct rr_word word = peek(r);
	struct rr_word next = after(r, &word);

	if (word.kind != RR_W_COMMA && !joins(r, &word))
		return false;
	if (word.kind == RR_W_COMMA && joins(r, &next))
	{
		word = next;
		next = after(r, &word);
	}
	if (!wanted(r, next))
		return false;
	r->place = word.end;
	return true;
}

/* a number that does not say how many times */
static inline bool
is_plain_number(const struct reader *r, struct rr_word word)
{
	return word.kind == RR_W_NUMBER && after(r, &word).kind != RR_W_TIMES;
}

static inline bool
is_month(const struct reader *r, struct rr_word word)
{
	(void) r;
	return word.kind == RR_W_MONTH;
}

/* ---- sets -------------------------------------------------------------------------------- */

static inline bool
add_rank(struct reader *r, struct rr_numbers *set, int64_t rank, struct rr_word word)
{
	if (rank < -366 || rank == 0 || rank > 366)
		return fail(r, RR_PHRASE_NUMBER, word);
	rr_add(rank > 0 ? set->plus : set->minus, (int) (rank > 0 ? rank : -rank));
	return true;
}

static inline int
size_of(const struct rr_numbers *set)
{
	return rr_size(set->plus, RR_DAY_WORDS) + rr_size(set->minus, RR_DAY_WORDS);
}

static inline bool
has_weekdays(const struct rr_rule *rule)
{
	uint64_t any = rule->weekdays;

	for (int i = 0; i < 7; i++)
		any |= rule->nth[i] | rule->nth_minus[i];
	return any != 0;
}

static inline bool
has_nth(const struct rr_rule *rule)
{
	struct rr_rule only = *rule;

	only.weekdays = 0;
	return has_weekdays(&only);
}

/* "to 7th", "to the 7th" behind a number's ordinal: those between */
static inline bool
read_rank_run(struct reader *r, struct rr_numbers *set, int64_t first)
{
	struct rr_word to = peek(r);
	struct rr_word last = after(r, &to);

	if (to.kind == RR_W_TO && last.kind == RR_W_THE)
		last = after(r, &last);
	if (to.kind != RR_W_TO || last.kind != RR_W_ORDINAL)
		return true;
	if (last.value <= first || last.value > 366)
		return fail(r, RR_PHRASE_NUMBER, last);
	for (int64_t rank = first + 1; rank <= last.value; rank++)
		rr_add(set->plus, (int) rank);
	r->place = last.end;
	return true;
}

/* "first and third", "1st, 15th", "1st to 7th" */
static inline bool
read_ranks(struct reader *r, struct rr_numbers *set)
{
	do
	{
		struct rr_word word = peek(r);
		int64_t rank;
		struct rr_word end = rank_at(r, word, &rank);

		if (rank == 0 && end.kind != RR_W_ORDINAL)
			return fail(r, RR_PHRASE_WORD, word);
		if (!add_rank(r, set, rank, word))
			return false;
		r->place = end.end;
		if (word.kind == RR_W_ORDINAL && rank > 0 && !read_rank_run(r, set, rank))
			return false;
	} while (accept_separator(r, is_rank));
	return true;
}

/* "January", "June to August" */
static inline bool
read_month(struct reader *r)
{
	struct rr_word first = take(r);
	struct rr_word to = peek(r);
	struct rr_word last = after(r, &to);

	if (first.kind != RR_W_MONTH)
		return fail(r, RR_PHRASE_WORD, first);
	r->rule->months |= (uint16_t) (1U << first.value);
	if (to.kind != RR_W_TO || last.kind != RR_W_MONTH)
		return true;
	for (int64_t month = first.value; month != last.value;)
	{
		month = month == 12 ? 1 : month + 1;
		r->rule->months |= (uint16_t) (1U << month);
	}
	r->place = last.end;
	return true;
}

static inline bool
read_months(struct reader *r)
{
	do
	{
		if (!read_month(r))
			return false;
	} while (accept_separator(r, is_month));
	return true;
}

/* "17", "9 to 17", of numbers below a limit */
static inline bool
read_number_run(struct reader *r, int64_t limit, uint64_t *set)
{
	struct rr_word first = take(r);
	struct rr_word to = peek(r);
	struct rr_word last = after(r, &to);

	if (first.kind != RR_W_NUMBER)
		return fail(r, RR_PHRASE_WORD, first);
	if (to.kind != RR_W_TO || last.kind != RR_W_NUMBER)
		last = first;
	else
		r->place = last.end;
	if (first.value >= limit)
		return fail(r, RR_PHRASE_NUMBER, first);
	if (last.value >= limit || last.value < first.value)
		return fail(r, RR_PHRASE_NUMBER, last);
	*set |= rr_below((int) last.value + 1) & ~rr_below((int) first.value);
	return true;
}

/* numbers 0 .. limit - 1 */
static inline bool
read_numbers(struct reader *r, int64_t limit, uint64_t *set)
{
	do
	{
		if (!read_number_run(r, limit, set))
			return false;
	} while (accept_separator(r, is_plain_number));
	return true;
}

/* ---- days (phrase_days.c) ---------------------------------------------------------------- */

/* a list of days of one sort, of which the rule has none yet */
extern bool rr_phrase_days(struct reader *r, enum sort *sort);
/* the ranks of days that were read are of the month or of the year */
extern bool rr_phrase_settle_days(struct reader *r, bool of_year, struct rr_word word);
/* "24 December", "24th of December", "December 24th"? */
extern bool rr_phrase_is_date(const struct reader *r, struct rr_word word);
/* "the end of the month", "beginning of the month"? */
extern bool rr_phrase_is_edge(const struct reader *r, struct rr_word word);
/* the day and the month of a date */
extern bool rr_phrase_date(struct reader *r, int *day, int *month);

/* ---- times of day (phrase_times.c) ------------------------------------------------------- */

extern bool rr_phrase_is_time(const struct reader *r, struct rr_word word);
/* behind "at" */
extern bool rr_phrase_at(struct reader *r);
/* "9am every day": the time may stand before the head */
extern bool rr_phrase_time_before(struct reader *r);
/* "9:00 to 17:00", "9-17"? */
extern bool rr_phrase_is_hours(const struct reader *r, struct rr_word word);
/* behind "from", "between": "9:00 to 17:00" */
extern bool rr_phrase_hours(struct reader *r);
/* "morning", which was taken; the times that are said must be times of it */
extern bool rr_phrase_part(struct reader *r, struct rr_word word);
extern bool rr_phrase_check_part(struct reader *r);

/* ---- the end (phrase_end.c) -------------------------------------------------------------- */

/* "10 times" */
extern bool rr_phrase_count(struct reader *r);
/* behind "for": likewise, or a length of time, which is a number of times in the end */
extern bool rr_phrase_for(struct reader *r);
extern bool rr_phrase_settle_span(struct reader *r);
/* behind "until", "ending" */
extern bool rr_phrase_until(struct reader *r);
/* "forever" */
extern bool rr_phrase_forever(struct reader *r, struct rr_word word);

/* ---- what is left out (phrase_except.c) -------------------------------------------------- */

/* behind "except": weekdays or months */
extern bool rr_phrase_except(struct reader *r);

/* ---- what stands in parentheses (phrase_note.c) ------------------------------------------ */

extern bool rr_phrase_note(struct reader *r);

#endif
