/*
 * phrase.h
 *		Rules from phrases of people: 'every other Friday at 17:00'.
 *
 * Reads everything that rr_describe() writes, as the plain form of the rule, and what people say besides.  The
 * words are a table, so that another language with the same grammar is another table.
 */
#ifndef RR_PHRASE_H
#define RR_PHRASE_H

#include "rrule.h"

/* code, sentence, what to do instead ("": phrases that are understood) */
/* clang-format off */
#define RR_PHRASE_ERRORS(X) \
	X(RR_PHRASE_OK, "no error", "") \
	X(RR_PHRASE_WORD, "This is not understood.", "") \
	X(RR_PHRASE_SHORT, "The phrase ends too early.", "") \
	X(RR_PHRASE_NUMBER, "This number is too small or too large.", \
		"A month has the 1st to the 31st, a year day 1 to 366 and week 1 to 53; intervals and counts begin at 1.") \
	X(RR_PHRASE_DATE, "There is no such date or time.", \
		"Dates are such as 1 March, 1 March 2027 and 2027-03-01, times such as 17:00 and 5pm.") \
	X(RR_PHRASE_TIMES, "These times of day do not fit into one rule.", \
		"Make a rule of each, or choose times with the same minutes.") \
	X(RR_PHRASE_MIXED, "These days do not fit into one rule.", "Make a rule of each.") \
	X(RR_PHRASE_OFTEN, "These are not as many days or times as the phrase says.", \
		"Say which they are, as in: twice a week on Monday and Thursday; twice a day at 9:00 and 17:00.") \
	X(RR_PHRASE_TWICE, "The phrase has said this already.", \
		"Say it once, as a list if need be: on Monday and Friday; at 9:00 and 17:00.") \
	X(RR_PHRASE_START, "A rule does not say when it starts.", \
		"Leave this out: the start is the due date of the task, or the start date of the recurring task.") \
	X(RR_PHRASE_HOURS, "This part of the day is not understood.", \
		"Say the hours or the times, as in: every hour from 9:00 to 17:00; every 20 minutes from 9:00 to 16:40; weekdays at 9:00.") \
	X(RR_PHRASE_SPAN, "This length of time is not a number of occurrences.", \
		"Say how many times or until when, as in: for 3 times; until 1 March.") \
	X(RR_PHRASE_UNTIL, "This is not a date.", \
		"Say the last day, as in: until 1 March; until 2027-03-01; until the end of the year.") \
	X(RR_PHRASE_WORKDAYS, "This may mean days or weeks.", \
		"Say which, as in: every 2 weeks on Monday to Friday; every Monday, Wednesday and Friday; every other day.") \
	X(RR_PHRASE_NTH, "This may count weeks, or days in the month.", \
		"Say which, as in: every 3 weeks on Thursday; the third Thursday of the month.") \
	X(RR_PHRASE_WHICH, "This may be one day or several.", \
		"Say which, as in: on every Monday; on the first Monday; on the 15th of March; on the 15th of every month.") \
	X(RR_PHRASE_WEEKEND, "This may mean one day or two.", \
		"Say which, as in: the first Saturday of the month; the first weekend day of the month.") \
	X(RR_PHRASE_PART, "The phrase does not say a time in this part of the day.", \
		"Say one, as in: every morning at 9:00; every evening at 7pm.") \
	X(RR_PHRASE_LEFT_OUT, "A rule leaves out weekdays and months only.", \
		"Say those, as in: every day except Sunday; every day except in August; single occurrences can be skipped.") \
	X(RR_PHRASE_COMPLETION, "A rule does not count from when something was done.", \
		"Leave this out, as in: every 3 days; a recurring task that counts from the completion has the preset after_completion.") \
	X(RR_PHRASE_BIANNUAL, "This may mean twice a year or every two years.", \
		"Say which, as in: every 6 months; every 2 years.") \
	X(RR_PHRASE_SLASHED, "This may be read in more than one way.", \
		"Name the month or write the year first, as in: 25 December; until 2027-12-25; parts of an hour are such as: every 30 minutes.") \
	X(RR_PHRASE_SEASON, "A season is not the same months everywhere.", \
		"Say the months, as in: every Monday from June to August.") \
	X(RR_PHRASE_RULE, "", \
		"Days by number are of a month or a year, weeks of a year: the 15th of every month; the first Monday of the month.")
/* clang-format on */

#define RR_PHRASE_ENUM(code, text, hint) code,
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
/* what to do instead; "" where there is nothing better than an example of another phrase */
extern const char *rr_phrase_hint(const struct rr_phrase_error *error);

#endif
