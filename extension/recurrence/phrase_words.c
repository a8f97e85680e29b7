/*
 * phrase_words.c
 *		A text into words: numbers, times of day, dates, punctuation, and what the vocabulary has.
 */
#include "phrase_words.h"

#include <string.h>

#include "civil.h"
#include "rrule.h"

/* numbers are cut to this; nothing that counts is as large */
#define LARGE INT64_C(99999999999)

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* bytes above ASCII are letters of words that nobody knows */
static bool
is_letter(char c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (unsigned char) c >= 0x80;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
same_word(const char *text, size_t len, const char *word)
{
	for (size_t i = 0; i < len; i++)
		if (word[i] == '\0' || lower(text[i]) != word[i])
			return false;
	return word[len] == '\0';
}

static const struct rr_vocabulary *
find_word(const char *text, size_t len)
{
	for (const struct rr_vocabulary *v = rr_english; v->word != NULL; v++)
		if (same_word(text, len, v->word))
			return v;
	return NULL;
}

/* digits from *place on, which moves behind them */
static int64_t
read_digits(const char *text, size_t len, size_t *place)
{
	int64_t number = 0;

	for (; *place < len && is_digit(text[*place]); ++*place)
		number = number > LARGE ? LARGE : number * 10 + (text[*place] - '0');
	return number > LARGE ? LARGE : number;
}

/* ":30", ":30:15" behind an hour, then am or pm */
static void
read_time(const char *text, size_t len, struct rr_word *word)
{
	int64_t hour = word->value;
	int64_t minute = 0;
	int64_t second = 0;
	const struct rr_vocabulary *half = NULL;
	size_t end = word->end;

	for (int i = 0; i < 2 && end + 1 < len && text[end] == ':' && is_digit(text[end + 1]); i++)
	{
		end++;
		if (i == 0)
			minute = read_digits(text, len, &end);
		else
			second = read_digits(text, len, &end);
		word->to_the_second = i == 1;
	}
	word->end = end;
	while (end < len && is_letter(text[end]))
		end++;
	if (end > word->end)
		half = find_word(text + word->end, end - word->end);
	word->end = end;
	word->kind =
		end > word->start && (half == NULL || half->kind != RR_W_HALF) && is_letter(text[end - 1])
			? RR_W_UNKNOWN
			: RR_W_TIME;
	if (half != NULL && hour >= 1 && hour <= 12)
		hour = hour % 12 + half->value / 3600;
	else if (half != NULL)
		hour = 24;
	word->value = hour < 24 && minute < 60 && second < 60 ? hour * 3600 + minute * 60 + second : -1;
}

/* "-03-01" behind a year */
static bool
read_date(const char *text, size_t len, struct rr_word *word)
{
	size_t end = word->end + 6;
	size_t month_at = word->end + 1;
	size_t day_at = word->end + 4;
	int64_t month;
	int64_t day;

	if (word->end - word->start != 4 || end > len || text[word->end] != '-' ||
		text[word->end + 3] != '-' || (end < len && (is_digit(text[end]) || is_letter(text[end]))))
		return false;
	month = read_digits(text, month_at + 2, &month_at);
	day = read_digits(text, end, &day_at);
	if (day_at != end || month_at != word->end + 3)
		return false;
	word->kind = RR_W_DATE;
	word->end = end;
	if (word->value < 1 || month < 1 || month > 12 || day < 1 ||
		day > rr_month_length(rr_is_leap(word->value), (int) month))
		word->kind = RR_W_UNKNOWN;
	else
		word->value = rr_day_of(word->value, (int) month, (int) day);
	return true;
}

/* a number and what is tied to it: 15, 15th, 9am, 17:00, 2027-03-01 */
static void
read_number(const char *text, size_t len, struct rr_word *word)
{
	size_t end;

	word->value = read_digits(text, len, &word->end);
	word->kind = RR_W_NUMBER;
	if (read_date(text, len, word))
		return;
	for (end = word->end; end < len && is_letter(text[end]);)
		end++;
	for (int i = 0; end > word->end && rr_english_ordinals[i] != NULL; i++)
		if (same_word(text + word->end, end - word->end, rr_english_ordinals[i]))
		{
			word->kind = RR_W_ORDINAL;
			word->end = end;
			return;
		}
	if (end > word->end || (end + 1 < len && text[end] == ':' && is_digit(text[end + 1])))
		read_time(text, len, word);
}

/* the letters from a place on, which moves behind them, as the vocabulary has them, or NULL */
static const struct rr_vocabulary *
read_known(const char *text, size_t len, size_t *place)
{
	size_t start = *place;

	while (*place < len && (is_letter(text[*place]) || is_digit(text[*place])))
		++*place;
	return find_word(text + start, *place - start);
}

static void
read_letters(const char *text, size_t len, struct rr_word *word)
{
	const struct rr_vocabulary *known = read_known(text, len, &word->end);
	const struct rr_vocabulary *day;
	size_t end = word->end;

	if (known == NULL)
		return;
	word->kind = known->kind;
	word->value = known->value;
	if (known->kind != RR_W_WORKING && (known->kind != RR_W_WEEKDAY || known->value < RR_W_WHOLE))
		return;
	while (end < len && is_space(text[end]))
		end++;
	day = read_known(text, len, &end);
	if (day == NULL || day->kind != RR_W_UNIT || day->value % 16 != RR_DAILY)
		return;
	word->kind = RR_W_WEEKDAY;
	word->value %= RR_W_WHOLE;
	word->end = end;
}

/* "&", "@", "-" and "/" between letters ("Mon/Wed") are said as words */
static enum rr_word_kind
kind_of_mark(const char *text, size_t len, size_t place)
{
	switch (text[place])
	{
		case ',':
			return RR_W_COMMA;
		case ':':
			return RR_W_COLON;
		case '(':
			return RR_W_OPEN;
		case ')':
			return RR_W_CLOSE;
		case '&':
			return RR_W_AND;
		case '@':
			return RR_W_AT;
		case '-':
			return RR_W_TO;
		case '/':
			return place + 1 < len && is_letter(text[place + 1]) ? RR_W_AND : RR_W_UNKNOWN;
		default:
			return RR_W_UNKNOWN;
	}
}

struct rr_word
rr_word_at(const char *text, size_t len, size_t place)
{
	struct rr_word word = { RR_W_UNKNOWN, false, 0, 0, 0 };

	while (place < len && is_space(text[place]))
		place++;
	word.start = word.end = place;
	if (place == len)
		word.kind = RR_W_END;
	else if (is_digit(text[place]))
		read_number(text, len, &word);
	else if (is_letter(text[place]))
		read_letters(text, len, &word);
	else
	{
		word.end++;
		word.kind = kind_of_mark(text, len, place);
	}
	return word;
}
