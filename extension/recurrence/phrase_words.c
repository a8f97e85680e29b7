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
/* so many words can be one of the vocabulary */
#define MAX_WORDS 3
/* longer than any entry */
#define MAX_KEY 30

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

/* what telephones and typesetters put for ASCII */
static const struct
{
	const char *bytes;
	char plain;
} typeset[] = {
	{ "\xc2\xa0", ' ' },     /* no-break space */
	{ "\xe2\x80\xaf", ' ' }, /* a narrow one, which stands before AM and PM */
	{ "\xe2\x80\x93", '-' }, /* dashes */
	{ "\xe2\x80\x94", '-' }, { "\xe2\x80\x99", '\'' }, /* apostrophe */
};

/* the character at a place in lower case, '\0' at the end of the text, and how many bytes it has */
static char
char_at(const char *text, size_t len, size_t place, size_t *size)
{
	*size = place < len;
	if (place >= len)
		return '\0';
	for (size_t i = 0;
		 (unsigned char) text[place] >= 0x80 && i < sizeof(typeset) / sizeof(typeset[0]); i++)
	{
		size_t n = strlen(typeset[i].bytes);

		if (n <= len - place && memcmp(text + place, typeset[i].bytes, n) == 0)
		{
			*size = n;
			return typeset[i].plain;
		}
	}
	return lower(text[place]);
}

/* bytes above ASCII are letters of words that nobody knows */
static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (unsigned char) c >= 0x80;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
letter_at(const char *text, size_t len, size_t place)
{
	size_t size;

	return is_letter(char_at(text, len, place, &size));
}

static bool
digit_at(const char *text, size_t len, size_t place)
{
	return place < len && is_digit(text[place]);
}

static size_t
skip_spaces(const char *text, size_t len, size_t place)
{
	size_t size;

	while (is_space(char_at(text, len, place, &size)))
		place += size;
	return place;
}

static size_t
skip_letters(const char *text, size_t len, size_t place)
{
	size_t size;

	while (is_letter(char_at(text, len, place, &size)))
		place += size;
	return place;
}

/* behind the letters, digits and apostrophes of a word */
static size_t
skip_word(const char *text, size_t len, size_t place)
{
	for (;;)
	{
		size_t size;
		char c = char_at(text, len, place, &size);

		if (!is_letter(c) && !is_digit(c) && (c != '\'' || !letter_at(text, len, place + size)))
			return place;
		place += size;
	}
}

/* where the next word of several that belong together begins: behind spaces or one hyphen; 0 if there is none */
static size_t
skip_joint(const char *text, size_t len, size_t place)
{
	size_t size;
	size_t next = skip_spaces(text, len, place);

	if (next == place && char_at(text, len, place, &size) == '-')
		next = place + size;
	return next > place && letter_at(text, len, next) ? next : 0;
}

/* up to three words as the vocabulary writes them: lower case, one space for each joint */
struct key
{
	char text[MAX_KEY + 1];
	int words;
	size_t len[MAX_WORDS]; /* of the key up to each word */
	size_t end[MAX_WORDS]; /* of each word in the text */
};

/* add the word at start..end of the text; false if it is longer than any that is known */
static bool
add_word(struct key *key, const char *text, size_t start, size_t end)
{
	size_t n = key->words > 0 ? key->len[key->words - 1] : 0;
	size_t size;

	if (key->words > 0)
		key->text[n++] = ' ';
	for (; start < end; start += size)
	{
		if (n >= MAX_KEY)
			return false;
		key->text[n++] = char_at(text, end, start, &size);
	}
	key->len[key->words] = n;
	key->end[key->words++] = end;
	return true;
}

/* the longest entry that the key begins with, and where that ends in the text */
static const struct rr_vocabulary *
find_key(const struct key *key, size_t *end)
{
	const struct rr_vocabulary *found = NULL;
	int words = 0;

	for (const struct rr_vocabulary *v = rr_english; v->word != NULL; v++)
		if (v->word[0] == key->text[0])
			for (int n = key->words; n > words; n--)
				if (strlen(v->word) == key->len[n - 1] &&
					memcmp(v->word, key->text, key->len[n - 1]) == 0)
				{
					found = v;
					words = n;
				}
	if (found != NULL)
		*end = key->end[words - 1];
	return found;
}

/* a single word */
static const struct rr_vocabulary *
find_word(const char *text, size_t len)
{
	struct key key = { .words = 0 };
	size_t end;

	return len > 0 && add_word(&key, text, 0, len) ? find_key(&key, &end) : NULL;
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

/* "pm", "p.m." at a place, which moves behind it; NULL where there is none */
static const struct rr_vocabulary *
read_half(const char *text, size_t len, size_t *place)
{
	size_t end = *place;
	char letters[2];
	const struct rr_vocabulary *half;

	for (int i = 0; i < 2; i++)
	{
		if (end == len)
			return NULL;
		letters[i] = text[end++];
		if (end < len && text[end] == '.')
			end++;
	}
	half = letter_at(text, len, end) ? NULL : find_word(letters, 2);
	if (half == NULL || half->kind != RR_W_HALF)
		return NULL;
	*place = end;
	return half;
}

/* ".30" behind an hour, and no decimal fraction or date */
static bool
is_dotted(const char *text, size_t len, size_t place)
{
	return place < len && text[place] == '.' && digit_at(text, len, place + 1) &&
		   digit_at(text, len, place + 2) && !digit_at(text, len, place + 3) &&
		   !(place + 3 < len && text[place + 3] == '.' && digit_at(text, len, place + 4));
}

/* ":30", ":30:15", ".30" behind an hour, then am or pm */
static void
read_time(const char *text, size_t len, struct rr_word *word)
{
	int64_t parts[3] = { word->value, 0, 0 };
	bool dotted = is_dotted(text, len, word->end);
	const struct rr_vocabulary *half;
	int n = 1;

	while (n < (dotted ? 2 : 3) && word->end < len && text[word->end] == (dotted ? '.' : ':') &&
		   digit_at(text, len, word->end + 1))
	{
		word->end++;
		parts[n++] = read_digits(text, len, &word->end);
	}
	word->to_the_second = n == 3;
	half = read_half(text, len, &word->end);
	word->kind = dotted && half == NULL ? RR_W_DOTTED : RR_W_TIME;
	if (letter_at(text, len, word->end))
		word->kind = RR_W_UNKNOWN;
	word->end = skip_letters(text, len, word->end);
	if (half != NULL)
		parts[0] = parts[0] >= 1 && parts[0] <= 12 ? parts[0] % 12 + half->value / 3600 : 24;
	word->value = parts[0] < 24 && parts[1] < 60 && parts[2] < 60
					  ? parts[0] * 3600 + parts[1] * 60 + parts[2]
					  : -1;
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

static void
read_slashed(const char *text, size_t len, struct rr_word *word)
{
	while (word->end < len && (is_digit(text[word->end]) || text[word->end] == '/'))
		word->end++;
	word->kind = RR_W_SLASHED;
}

static bool
is_ordinal(const char *letters, size_t n)
{
	for (int i = 0; rr_english_ordinals[i] != NULL; i++)
	{
		size_t same = 0;

		while (same < n && lower(letters[same]) == rr_english_ordinals[i][same])
			same++;
		if (same == n && rr_english_ordinals[i][n] == '\0')
			return true;
	}
	return false;
}

/* a number and what is tied to it: 15, 15th, 9am, 17:00, 2027-03-01; a unit ("12h", "3x") is a word of its own */
static void
read_number(const char *text, size_t len, struct rr_word *word)
{
	const struct rr_vocabulary *known;
	size_t letters;

	word->value = read_digits(text, len, &word->end);
	word->kind = RR_W_NUMBER;
	if (read_date(text, len, word))
		return;
	letters = skip_letters(text, len, word->end) - word->end;
	known = find_word(text + word->end, letters);
	if (letters > 0 && is_ordinal(text + word->end, letters))
	{
		word->kind = RR_W_ORDINAL;
		word->end += letters;
	}
	else if (word->end < len && text[word->end] == '/' && digit_at(text, len, word->end + 1))
		read_slashed(text, len, word);
	else if ((letters > 0 &&
			  (known == NULL || (known->kind != RR_W_UNIT && known->kind != RR_W_TIMES))) ||
			 is_dotted(text, len, word->end) ||
			 (word->end < len && text[word->end] == ':' && digit_at(text, len, word->end + 1)))
		read_time(text, len, word);
}

/* "Mon. and Thu.": a full stop behind what may be an abbreviation */
static bool
is_short(const struct rr_word *word)
{
	return word->kind == RR_W_WEEKDAY || word->kind == RR_W_MONTH;
}

/* as many words as the vocabulary has for one thing */
static void
read_letters(const char *text, size_t len, struct rr_word *word)
{
	const struct rr_vocabulary *half = read_half(text, len, &word->end);
	const struct rr_vocabulary *known;
	struct key key = { .words = 0 };
	size_t end = word->end;

	if (half != NULL)
	{
		word->kind = half->kind;
		word->value = half->value;
		return;
	}
	word->end = end = skip_word(text, len, end);
	for (size_t start = word->start; key.words < MAX_WORDS && add_word(&key, text, start, end);)
	{
		start = skip_joint(text, len, end);
		if (start == 0)
			break;
		end = skip_word(text, len, start);
	}
	known = key.words > 0 ? find_key(&key, &word->end) : NULL;
	if (known == NULL)
		return;
	word->kind = known->kind;
	word->value = known->value;
	if (is_short(word) && word->end < len && text[word->end] == '.')
		word->end++;
}

/* nothing but spaces behind a full stop? */
static bool
is_full_stop(const char *text, size_t len, size_t place)
{
	return text[place] == '.' && skip_spaces(text, len, place + 1) == len;
}

/* "&", "+", "@", "-" and "/" between letters ("Mon/Wed") are said as words */
static enum rr_word_kind
kind_of_mark(const char *text, size_t len, size_t place, char mark)
{
	switch (mark)
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
		case '+':
			return RR_W_AND;
		case '@':
			return RR_W_AT;
		case '!':
			return RR_W_MARK;
		case '-':
			return RR_W_TO;
		case '/':
			return letter_at(text, len, skip_spaces(text, len, place + 1)) ? RR_W_AND
																		   : RR_W_UNKNOWN;
		default:
			return RR_W_UNKNOWN;
	}
}

struct rr_word
rr_word_at(const char *text, size_t len, size_t place)
{
	struct rr_word word = { RR_W_UNKNOWN, false, 0, 0, 0 };
	size_t size;
	char c;

	place = skip_spaces(text, len, place);
	if (place < len && is_full_stop(text, len, place))
		place = len;
	word.start = word.end = place;
	c = char_at(text, len, place, &size);
	if (place == len)
		word.kind = RR_W_END;
	else if (is_digit(c))
		read_number(text, len, &word);
	else if (is_letter(c))
		read_letters(text, len, &word);
	else
	{
		word.end += size;
		word.kind = kind_of_mark(text, len, place, c);
	}
	return word;
}
