/*
 * phrase.h
 *		Rules from phrases of people: 'every other Friday at 17:00'.
 *
 * Reads everything that rr_describe() writes, as the same rule, and what people say besides.  The
 * words are a table, so that another language with the same grammar is another table.
 */
#ifndef RR_PHRASE_H
#define RR_PHRASE_H

#include "rrule.h"

/* code, sentence */
#define RR_PHRASE_ERRORS(X)                                                                        \
	X(RR_PHRASE_OK, "no error")                                                                    \
	X(RR_PHRASE_WORD, "This is not understood.")                                                   \
	X(RR_PHRASE_SHORT, "The phrase ends too early.")                                               \
	X(RR_PHRASE_NUMBER, "This number is too small or too large.")                                  \
	X(RR_PHRASE_DATE, "There is no such date or time.")                                            \
	X(RR_PHRASE_TIMES, "These times of day do not fit into one rule.")                             \
	X(RR_PHRASE_MIXED, "These days do not fit into one rule.")                                     \
	X(RR_PHRASE_OFTEN, "These are not as many days or times as the phrase says.")                  \
	X(RR_PHRASE_TWICE, "The phrase has said this already.")                                        \
	X(RR_PHRASE_RULE, "")

#define RR_PHRASE_ENUM(code, text) code,
enum rr_phrase_code
{
	RR_PHRASE_ERRORS(RR_PHRASE_ENUM) RR_PHRASE_CODES
};
#undef RR_PHRASE_ENUM

struct rr_phrase_error
{
	enum rr_phrase_code code;
	enum rr_code rule_code; /* RR_PHRASE_RULE: what is wrong with the rule that it says */
	size_t position;        /* of the word, 0 <= position <= length of the text */
	size_t end;             /* of the word */
};

struct rr_phrase
{
	struct rr_rule rule;
	int32_t at;  /* the time of day where there is exactly one, in seconds, else -1 */
	size_t rest; /* where the text goes on behind a colon; its length if there is none */
};

/*
 * Read a phrase.  A date without a year is the first at or after the day `today` (days since
 * 1970-01-01).  On an error returns false and fills *error.
 */
extern bool rr_phrase_parse(const char *text, size_t len, int64_t today, struct rr_phrase *phrase,
							struct rr_phrase_error *error);
extern const char *rr_phrase_strerror(const struct rr_phrase_error *error);

#endif
