/*
 * phrase_words.h
 *		Words of phrases, for phrase.c and its tables alone.
 *
 * A language is a vocabulary, and what makes ordinals of numbers.
 */
#ifndef RR_PHRASE_WORDS_H
#define RR_PHRASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rr_word_kind
{
	RR_W_UNKNOWN,
	RR_W_END,
	RR_W_COMMA,
	RR_W_COLON,
	RR_W_OPEN,
	RR_W_CLOSE,
	RR_W_NUMBER,  /* value */
	RR_W_ORDINAL, /* 15th: value */
	RR_W_TIME,    /* 17:00: seconds of the day */
	RR_W_DOTTED,  /* 17.30, a time where one must be: likewise */
	RR_W_DATE,    /* 2027-03-01: day number */
	RR_W_SLASHED, /* 1/3, which means two things */
	RR_W_EVERY,
	RR_W_OTHER,
	RR_W_ALTERNATE, /* as "every other" */
	RR_W_UNIT,      /* value: frequency + 16 * how many */
	RR_W_SECOND,    /* unit or rank */
	RR_W_ADVERB,    /* daily: value as of a unit */
	RR_W_TWICE_A,   /* semimonthly: value as of a unit */
	RR_W_BIANNUAL,  /* which means two things */
	RR_W_RANK,      /* value */
	RR_W_LAST,
	RR_W_TO,
	RR_W_WEEKDAY, /* value: bits of weekdays */
	RR_W_MONTH,   /* value */
	RR_W_ON,
	RR_W_OF,
	RR_W_THE,
	RR_W_IN,
	RR_W_AT,
	RR_W_AND,
	RR_W_OR,
	RR_W_A,
	RR_W_FOR,
	RR_W_TIMES,
	RR_W_SO_OFTEN, /* twice: value */
	RR_W_UNTIL,
	RR_W_AFTER,
	RR_W_FOREVER,
	RR_W_EXCEPT,
	RR_W_LEAP,
	RR_W_PART, /* of a day: its first hour + 64 * the one behind its last, which may be of the next day */
	RR_W_SEASON,
	RR_W_FROM,
	RR_W_BETWEEN,
	RR_W_STARTING,
	RR_W_REPEAT, /* may stand before everything */
	RR_W_MARK,   /* an exclamation mark */
	RR_W_FINISH, /* the end */
	RR_W_SHORTER,
	RR_W_THIS,
	RR_W_NEXT,
	RR_W_HALF,   /* am, pm: seconds to add */
	RR_W_OCLOCK, /* may stand behind an hour */
	RR_W_UTC,
	RR_W_ONLY,
	RR_W_IF,
	RR_W_THAT,
	RR_W_IS,
	RR_W_BEGIN,
	RR_W_MISSING,
	RR_W_DATES,
	RR_W_MOVE,
	RR_W_WHERE /* value: enum rr_skip */
};

/* a weekday's value with this bit: working days or weekends, of which ranks choose */
#define RR_W_GROUP 128
/* a weekend, of which ranks may mean one day or both */
#define RR_W_WHOLE 256

struct rr_vocabulary
{
	const char
		*word; /* lower case; up to three, a space between, which a text may write as a hyphen */
	enum rr_word_kind kind;
	int32_t value;
};

/* ends with a NULL word */
extern const struct rr_vocabulary rr_english[];
extern const char *const rr_english_ordinals[]; /* what makes an ordinal of a number */

/* a word of a text, and where it is */
struct rr_word
{
	enum rr_word_kind kind;
	bool to_the_second; /* RR_W_TIME: written with seconds */
	int64_t value;
	size_t start;
	size_t end;
};

/* the first word at or behind a place; RR_W_END where there is none */
extern struct rr_word rr_word_at(const char *text, size_t len, size_t place);

#endif
