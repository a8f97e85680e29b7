/*
 * parse.c
 *		Text of a recurrence rule into struct rr_rule.
 *
 * One pass over the parts, each read by the function that parts[] names, then the checks
 * between parts.  What RFC 5545 forbids is refused with the place; tolerated are lower case,
 * a leading "RRULE:", one semicolon at the end, spaces around it all, a plus sign.
 */
#include "rrule.h"

#include <string.h>

#include "civil.h"

struct scan
{
	const char *text;
	size_t pos;
	size_t end;
	struct rr_rule *rule;
	struct rr_error *error;
	unsigned seen; /* parts met, by index in parts[] */
	size_t value;  /* where the value of the current part starts */
	size_t nth_at; /* the first BYDAY with a number */
};

static bool read_freq(struct scan *s);
static bool read_interval(struct scan *s);
static bool read_count(struct scan *s);
static bool read_until(struct scan *s);
static bool read_wkst(struct scan *s);
static bool read_rscale(struct scan *s);
static bool read_skip(struct scan *s);
static bool read_month(struct scan *s);
static bool read_weekno(struct scan *s);
static bool read_yearday(struct scan *s);
static bool read_monthday(struct scan *s);
static bool read_day(struct scan *s);
static bool read_hour(struct scan *s);
static bool read_minute(struct scan *s);
static bool read_second(struct scan *s);
static bool read_setpos(struct scan *s);

enum part
{
	FREQ,
	INTERVAL,
	COUNT,
	UNTIL,
	WKST,
	RSCALE,
	SKIP,
	BYMONTH,
	BYWEEKNO,
	BYYEARDAY,
	BYMONTHDAY,
	BYDAY,
	BYHOUR,
	BYMINUTE,
	BYSECOND,
	BYSETPOS,
	N_PARTS
};

static const struct
{
	const char *name;
	bool (*read)(struct scan *s);
} parts[N_PARTS] = {
	{ "FREQ", read_freq },         { "INTERVAL", read_interval },   { "COUNT", read_count },
	{ "UNTIL", read_until },       { "WKST", read_wkst },           { "RSCALE", read_rscale },
	{ "SKIP", read_skip },         { "BYMONTH", read_month },       { "BYWEEKNO", read_weekno },
	{ "BYYEARDAY", read_yearday }, { "BYMONTHDAY", read_monthday }, { "BYDAY", read_day },
	{ "BYHOUR", read_hour },       { "BYMINUTE", read_minute },     { "BYSECOND", read_second },
	{ "BYSETPOS", read_setpos },
};

static const char freq_words[][10] = {
	"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY",
};

/* ---- characters ---------------------------------------------------------------------- */

/* not <ctype.h>: that asks the locale */
static char
upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool
fail_at(struct scan *s, enum rr_code code, size_t position)
{
	s->error->code = code;
	s->error->position = position;
	return false;
}

/* take a word if it stands here, whatever its case; what follows it is not looked at */
static bool
take(struct scan *s, const char *word)
{
	size_t p = s->pos;

	for (; *word != '\0'; word++, p++)
		if (p == s->end || upper(s->text[p]) != *word)
			return false;
	s->pos = p;
	return true;
}

static bool
take_char(struct scan *s, char c)
{
	if (s->pos == s->end || s->text[s->pos] != c)
		return false;
	s->pos++;
	return true;
}

/* where the value of a part ends */
static bool
at_value_end(const struct scan *s)
{
	return s->pos == s->end || s->text[s->pos] == ';';
}

/* take one of n words which must fill the whole value; -1 if none does */
static int
take_value(struct scan *s, const char *words, size_t width, int n)
{
	for (int i = 0; i < n; i++)
	{
		size_t start = s->pos;

		if (take(s, words + (size_t) i * width) && at_value_end(s))
			return i;
		s->pos = start;
	}
	return -1;
}

/* take digits as a number up to max; false if there are none or it is more */
static bool
take_digits(struct scan *s, int64_t max, int64_t *number)
{
	size_t start = s->pos;
	int64_t n = 0;

	while (s->pos < s->end && is_digit(s->text[s->pos]))
	{
		n = n * 10 + (s->text[s->pos] - '0');
		if (n > max)
			return false;
		s->pos++;
	}
	*number = n;
	return s->pos > start;
}

/* take a number of exactly n digits */
static bool
take_fixed(struct scan *s, int n, int *number)
{
	*number = 0;
	for (int i = 0; i < n; i++, s->pos++)
	{
		if (s->pos == s->end || !is_digit(s->text[s->pos]))
			return false;
		*number = *number * 10 + (s->text[s->pos] - '0');
	}
	return true;
}

/* ---- lists of numbers ---------------------------------------------------------------- */

/*
 * Read a list of numbers low..high, or also -high..-1 where minus is given, into bitmaps of
 * as many words as high needs.
 */
static bool
read_numbers(struct scan *s, int64_t low, int64_t high, uint64_t *plus, uint64_t *minus,
			 enum rr_code bad)
{
	for (;;)
	{
		size_t start = s->pos;
		bool negative = minus != NULL && take_char(s, '-');
		int64_t n;

		if (!negative && minus != NULL)
			take_char(s, '+');
		if (s->pos == s->end || !is_digit(s->text[s->pos]))
			return fail_at(s, RR_BAD_NUMBER, s->pos);
		if (!take_digits(s, high, &n) || n < low)
			return fail_at(s, bad, start);
		(negative ? minus : plus)[n / 64] |= UINT64_C(1) << (n % 64);
		if (at_value_end(s))
			return true;
		if (!take_char(s, ','))
			return fail_at(s, RR_BAD_NUMBER, s->pos);
	}
}

/* the same for a domain that fits a narrower field */
static bool
read_small(struct scan *s, int64_t low, int64_t high, uint64_t *plus, enum rr_code bad)
{
	*plus = 0;
	return read_numbers(s, low, high, plus, NULL, bad);
}

static bool
read_month(struct scan *s)
{
	uint64_t set;

	if (!read_small(s, 1, 12, &set, RR_BAD_MONTH))
		return false;
	s->rule->months = (uint16_t) set;
	return true;
}

static bool
read_hour(struct scan *s)
{
	uint64_t set;

	if (!read_small(s, 0, 23, &set, RR_BAD_HOUR))
		return false;
	s->rule->hours = (uint32_t) set;
	return true;
}

static bool
read_minute(struct scan *s)
{
	return read_small(s, 0, 59, &s->rule->minutes, RR_BAD_MINUTE);
}

static bool
read_second(struct scan *s)
{
	const uint64_t leap = UINT64_C(1) << 60;

	if (!read_small(s, 0, 60, &s->rule->seconds, RR_BAD_SECOND))
		return false;
	if (s->rule->seconds & leap)
		s->rule->seconds = (s->rule->seconds & ~leap) | (leap >> 1);
	return true;
}

static bool
read_monthday(struct scan *s)
{
	uint64_t plus = 0;
	uint64_t minus = 0;

	if (!read_numbers(s, 1, 31, &plus, &minus, RR_BAD_MONTHDAY))
		return false;
	s->rule->monthdays = (uint32_t) plus;
	s->rule->monthdays_minus = (uint32_t) minus;
	return true;
}

static bool
read_weekno(struct scan *s)
{
	return read_numbers(s, 1, 53, &s->rule->weeks, &s->rule->weeks_minus, RR_BAD_WEEKNO);
}

static bool
read_yearday(struct scan *s)
{
	return read_numbers(s, 1, 366, s->rule->yeardays.plus, s->rule->yeardays.minus, RR_BAD_YEARDAY);
}

static bool
read_setpos(struct scan *s)
{
	return read_numbers(s, 1, 366, s->rule->setpos.plus, s->rule->setpos.minus, RR_BAD_SETPOS);
}

/* ---- the other parts ----------------------------------------------------------------- */

static bool
read_freq(struct scan *s)
{
	int freq = take_value(s, freq_words[0], sizeof(freq_words[0]), 7);

	if (freq < 0)
		return fail_at(s, RR_BAD_FREQ, s->value);
	s->rule->freq = (uint8_t) freq;
	return true;
}

static bool
read_positive(struct scan *s, int32_t *result, enum rr_code bad)
{
	int64_t n;

	take_char(s, '+');
	if (!take_digits(s, INT32_MAX, &n) || n < 1 || !at_value_end(s))
		return fail_at(s, bad, s->value);
	*result = (int32_t) n;
	return true;
}

static bool
read_interval(struct scan *s)
{
	return read_positive(s, &s->rule->interval, RR_BAD_INTERVAL);
}

static bool
read_count(struct scan *s)
{
	return read_positive(s, &s->rule->count, RR_BAD_COUNT);
}

/* the time of UNTIL behind its T, in seconds of the day */
static bool
take_time(struct scan *s, int *seconds)
{
	int h, m, sec;

	if (!take_fixed(s, 2, &h) || !take_fixed(s, 2, &m) || !take_fixed(s, 2, &sec))
		return false;
	if (sec == 60)
		sec = 59;
	*seconds = h * 3600 + m * 60 + sec;
	return h < 24 && m < 60 && sec < 60;
}

static bool
read_until(struct scan *s)
{
	int year, month, day, time = 0;
	enum rr_until_kind kind = RR_UNTIL_DATE;

	if (!take_fixed(s, 4, &year) || !take_fixed(s, 2, &month) || !take_fixed(s, 2, &day) ||
		year < 1 || month < 1 || month > 12 || day < 1 ||
		day > rr_month_length(rr_is_leap(year), month))
		return fail_at(s, RR_BAD_UNTIL, s->value);
	if (take(s, "T"))
	{
		if (!take_time(s, &time))
			return fail_at(s, RR_BAD_UNTIL, s->value);
		kind = take(s, "Z") ? RR_UNTIL_UTC : RR_UNTIL_LOCAL;
	}
	if (!at_value_end(s))
		return fail_at(s, RR_BAD_UNTIL, s->value);
	s->rule->until_kind = (uint8_t) kind;
	s->rule->until = rr_day_of(year, month, day) * RR_DAY_SECONDS + time;
	return true;
}

/* MO..SU as 0..6, or -1 */
static int
take_weekday(struct scan *s)
{
	static const char names[7][3] = { "MO", "TU", "WE", "TH", "FR", "SA", "SU" };

	for (int i = 0; i < 7; i++)
		if (take(s, names[i]))
			return i;
	return -1;
}

static bool
read_wkst(struct scan *s)
{
	int day = take_weekday(s);

	if (day < 0 || !at_value_end(s))
		return fail_at(s, RR_BAD_WKST, s->value);
	s->rule->wkst = (uint8_t) day;
	return true;
}

static bool
read_rscale(struct scan *s)
{
	if (!take(s, "GREGORIAN") || !at_value_end(s))
		return fail_at(s, RR_NO_RSCALE, s->value);
	return true;
}

static bool
read_skip(struct scan *s)
{
	static const char words[][9] = { "OMIT", "BACKWARD", "FORWARD" };
	int skip = take_value(s, words[0], sizeof(words[0]), 3);

	if (skip < 0)
		return fail_at(s, RR_BAD_SKIP, s->value);
	s->rule->skip = (uint8_t) skip;
	return true;
}

/* one item of BYDAY */
static bool
read_weekday(struct scan *s)
{
	size_t start = s->pos;
	bool negative = take_char(s, '-');
	bool sign = negative || take_char(s, '+');
	bool numbered = s->pos < s->end && is_digit(s->text[s->pos]);
	int64_t n = 0;
	int day;

	if (numbered ? !take_digits(s, 53, &n) || n < 1 : sign)
		return fail_at(s, RR_BAD_WEEKDAY, start);
	day = take_weekday(s);
	if (day < 0)
		return fail_at(s, RR_BAD_WEEKDAY, start);
	if (!numbered)
	{
		s->rule->weekdays |= (uint8_t) (1U << day);
		return true;
	}
	if (s->nth_at == 0)
		s->nth_at = start;
	(negative ? s->rule->nth_minus : s->rule->nth)[day] |= UINT64_C(1) << n;
	return true;
}

static bool
read_day(struct scan *s)
{
	for (;;)
	{
		if (!read_weekday(s))
			return false;
		if (at_value_end(s))
			return true;
		if (!take_char(s, ','))
			return fail_at(s, RR_BAD_WEEKDAY, s->pos);
	}
}

/* ---- the whole ----------------------------------------------------------------------- */

static bool
has(const struct scan *s, enum part part)
{
	return (s->seen >> part & 1) != 0;
}

/* what the RFC says of parts that stand together; at[] is where each part begins */
static bool
check_combination(struct scan *s, const size_t *at)
{
	const struct rr_rule *r = s->rule;
	const unsigned by_parts = (1U << BYMONTH) | (1U << BYWEEKNO) | (1U << BYYEARDAY) |
							  (1U << BYMONTHDAY) | (1U << BYDAY) | (1U << BYHOUR) |
							  (1U << BYMINUTE) | (1U << BYSECOND);

	if (!has(s, FREQ))
		return fail_at(s, RR_NO_FREQ, s->end);
	if (has(s, COUNT) && has(s, UNTIL))
		return fail_at(s, RR_COUNT_AND_UNTIL, at[COUNT] > at[UNTIL] ? at[COUNT] : at[UNTIL]);
	if (s->nth_at != 0 && r->freq != RR_MONTHLY && r->freq != RR_YEARLY)
		return fail_at(s, RR_NTH_NOT_HERE, s->nth_at);
	if (s->nth_at != 0 && has(s, BYWEEKNO))
		return fail_at(s, RR_NTH_WITH_WEEKNO, s->nth_at);
	if (has(s, BYMONTHDAY) && r->freq == RR_WEEKLY)
		return fail_at(s, RR_MONTHDAY_WEEKLY, at[BYMONTHDAY]);
	if (has(s, BYYEARDAY) && (r->freq == RR_DAILY || r->freq == RR_WEEKLY || r->freq == RR_MONTHLY))
		return fail_at(s, RR_YEARDAY_NOT_HERE, at[BYYEARDAY]);
	if (has(s, BYWEEKNO) && r->freq != RR_YEARLY)
		return fail_at(s, RR_WEEKNO_NOT_YEARLY, at[BYWEEKNO]);
	if (has(s, BYSETPOS) && (s->seen & by_parts) == 0)
		return fail_at(s, RR_SETPOS_ALONE, at[BYSETPOS]);
	return true;
}

/* the name of the part that stands here, with its '='; fails with a code that says why not */
static bool
read_name(struct scan *s, enum part *part)
{
	size_t start = s->pos;
	size_t p;

	for (int i = 0; i < N_PARTS; i++)
	{
		/* most differ in their third letter */
		if (s->end - start > 2 && upper(s->text[start + 2]) != parts[i].name[2])
			continue;
		if (take(s, parts[i].name) && take_char(s, '='))
		{
			*part = (enum part) i;
			return true;
		}
		s->pos = start;
	}
	if (take(s, "DTSTART"))
		return fail_at(s, RR_DTSTART_LINE, start);
	for (p = start; p < s->end && s->text[p] != '=' && s->text[p] != ';'; p++)
		if (s->text[p] == '\n' || s->text[p] == '\r')
			return fail_at(s, RR_MANY_LINES, p);
	return fail_at(
		s, p < s->end && s->text[p] == '=' && p > start ? RR_UNKNOWN_PART : RR_NOT_A_PART, start);
}

static bool
read_part(struct scan *s, size_t *at)
{
	size_t start = s->pos;
	enum part part;

	if (!read_name(s, &part))
		return false;
	if (has(s, part))
		return fail_at(s, RR_TWICE, start);
	s->seen |= 1U << part;
	at[part] = start;
	s->value = s->pos;
	return parts[part].read(s);
}

/* a second line makes any value look wrong; say what is the matter instead: false in any case */
static bool
refuse_lines(struct scan *s, size_t start)
{
	for (size_t p = start; p < s->end; p++)
		if (s->text[p] == '\n' || s->text[p] == '\r')
			return fail_at(s, RR_MANY_LINES, p);
	return false;
}

static bool
read_parts(struct scan *s)
{
	size_t at[N_PARTS] = { 0 };

	do
	{
		if (!read_part(s, at))
			return false;
	} while (take_char(s, ';') && s->pos < s->end);
	return check_combination(s, at);
}

static bool
read_word(struct scan *s)
{
	int freq = take_value(s, freq_words[0], sizeof(freq_words[0]), RR_DAILY + 1);

	/* a semicolon makes it an attempt at rule parts */
	if (freq < 0 || s->pos < s->end)
		return false;
	rr_simple((enum rr_freq) freq, 1, s->rule);
	return true;
}

bool
rr_parse(const char *text, size_t len, struct rr_rule *rule, struct rr_error *error)
{
	struct scan s = { .text = text, .end = len, .rule = rule, .error = error };
	size_t start;

	memset(rule, 0, sizeof(*rule));
	rule->interval = 1;
	error->code = RR_OK;
	error->position = 0;

	while (s.end > 0 && is_space(text[s.end - 1]))
		s.end--;
	while (s.pos < s.end && is_space(text[s.pos]))
		s.pos++;
	if (s.pos == s.end)
		return fail_at(&s, RR_EMPTY, 0);
	start = s.pos;
	if (take(&s, "DTSTART"))
		return fail_at(&s, RR_DTSTART_LINE, start);
	if (read_word(&s))
		return true;
	s.pos = start;
	take(&s, "RRULE:");
	if (s.pos == s.end)
		return fail_at(&s, RR_EMPTY, s.pos);
	start = s.pos;
	return read_parts(&s) || refuse_lines(&s, start);
}

void
rr_simple(enum rr_freq freq, int32_t interval, struct rr_rule *rule)
{
	memset(rule, 0, sizeof(*rule));
	rule->freq = (uint8_t) freq;
	rule->interval = interval;
	/* "monthly" from 31 January means the end of every month, and never drifts to the 28th */
	if (freq == RR_MONTHLY || freq == RR_YEARLY)
		rule->skip = RR_SKIP_BACKWARD;
}

/* ---- words for errors ---------------------------------------------------------------- */

static const struct
{
	const char *section;
	const char *text;
	const char *hint;
} error_words[RR_ERROR_COUNT] = {
#define RR_ERROR_WORDS(code, section, text, hint) { section, text, hint },
	RR_ERRORS(RR_ERROR_WORDS)
};

const char *
rr_strerror(enum rr_code code)
{
	return error_words[code].text;
}

const char *
rr_strhint(enum rr_code code)
{
	return error_words[code].hint;
}

const char *
rr_section(enum rr_code code)
{
	return error_words[code].section;
}
