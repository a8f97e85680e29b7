/*
 * phrase_times.c
 *		The times of day of a phrase: at 9:00 and 17:00, at hours 9 to 17, in the morning, from 9:00 to 17:00.
 *
 * A rule has the product of its hours, minutes and seconds, so the times of a list must be one.
 */
#include "civil.h"
#include "phrase_reader.h"

/* times of day that a list can have */
#define MAX_TIMES 64

bool
rr_phrase_is_time(const struct reader *r, struct rr_word word)
{
	return word.kind == RR_W_TIME || word.kind == RR_W_DOTTED || is_plain_number(r, word);
}

/* "9", "0930" */
static int64_t
time_of_number(struct rr_word word)
{
	if (word.end - word.start != 4)
		return word.value * 3600;
	return word.value % 100 < 60 ? word.value / 100 * 3600 + word.value % 100 * 60 : -1;
}

/* "17:00", "17.00", "9", "9 am", "9 o'clock" */
static bool
read_time(struct reader *r, int64_t *time, bool *to_the_second)
{
	struct rr_word word = take(r);
	struct rr_word half = peek(r);

	if (word.kind != RR_W_TIME && word.kind != RR_W_NUMBER && word.kind != RR_W_DOTTED)
		return fail(r, RR_PHRASE_WORD, word);
	*time = word.kind == RR_W_NUMBER ? time_of_number(word) : word.value;
	if (word.kind == RR_W_NUMBER && accept(r, RR_W_OCLOCK))
		half = peek(r);
	if (*time < 0 || *time >= RR_DAY_SECONDS)
		return fail(r, RR_PHRASE_DATE, word);
	if (half.kind == RR_W_HALF)
	{
		take(r);
		if (*time < 3600 || *time >= 13 * 3600)
			return fail(r, RR_PHRASE_DATE, word);
		*time = *time % 43200 + half.value;
	}
	*to_the_second |= word.to_the_second;
	return true;
}

/* times that are a product of hours, minutes and seconds */
static bool
read_times(struct reader *r)
{
	struct rr_word first = peek(r);
	struct rr_rule *rule = r->rule;
	int64_t times[MAX_TIMES];
	uint64_t seconds = 0;
	bool to_the_second = false;
	int n = 0;

	do
	{
		int64_t time = 0;
		int i = 0;

		if (!read_time(r, &time, &to_the_second))
			return false;
		while (i < n && times[i] != time)
			i++;
		if (i == MAX_TIMES)
			return fail(r, RR_PHRASE_TIMES, first);
		times[i] = time;
		n = i == n ? n + 1 : n;
		rule->hours |= (uint32_t) 1 << (time / 3600);
		rule->minutes |= UINT64_C(1) << (time / 60 % 60);
		seconds |= UINT64_C(1) << (time % 60);
	} while (accept_separator(r, rr_phrase_is_time));
	if (to_the_second)
		rule->seconds = seconds;
	return rr_popcount(rule->hours) * rr_popcount(rule->minutes) * rr_popcount(seconds) == n ||
		   fail(r, RR_PHRASE_TIMES, first);
}

static bool
is_time_part(const struct reader *r, struct rr_word word)
{
	return is_unit(&word) && unit_freq(&word) >= RR_HOURLY && after(r, &word).kind == RR_W_NUMBER;
}

/* "hour 9 and 17, minute 0" */
static bool
read_time_parts(struct reader *r)
{
	do
	{
		struct rr_word word = take(r);
		uint64_t hours = 0;
		bool read;

		if (unit_freq(&word) == RR_HOURLY)
		{
			read = read_numbers(r, 24, &hours);
			r->rule->hours |= (uint32_t) hours;
		}
		else
			read = read_numbers(
				r, 60, unit_freq(&word) == RR_MINUTELY ? &r->rule->minutes : &r->rule->seconds);
		if (!read)
			return false;
	} while (accept_separator(r, is_time_part));
	return true;
}

bool
rr_phrase_at(struct reader *r)
{
	struct rr_word word = peek(r);

	if (r->rule->hours != 0 || r->rule->minutes != 0 || r->rule->seconds != 0)
		return fail(r, RR_PHRASE_TWICE, word);
	return is_time_part(r, word) ? read_time_parts(r) : read_times(r);
}

/* "morning", of which the times that are said must be times */
bool
rr_phrase_part(struct reader *r, struct rr_word word)
{
	if (r->part.kind == RR_W_PART)
		return fail(r, RR_PHRASE_TWICE, word);
	r->part = word;
	return true;
}

bool
rr_phrase_check_part(struct reader *r)
{
	uint64_t part = rr_below((int) r->part.value / 64) & ~rr_below((int) r->part.value % 64);

	/* a night goes on behind midnight */
	part |= part >> 24;
	return r->part.kind != RR_W_PART || (r->rule->hours != 0 && (r->rule->hours & ~part) == 0) ||
		   fail(r, RR_PHRASE_PART, r->part);
}

/* "9am every day": the time may stand before the head */
bool
rr_phrase_time_before(struct reader *r)
{
	struct rr_word word = peek(r);

	if (word.kind != RR_W_TIME && (word.kind != RR_W_AT || !rr_phrase_is_time(r, after(r, &word))))
		return true;
	accept(r, RR_W_AT);
	return rr_phrase_at(r);
}

bool
rr_phrase_is_hours(const struct reader *r, struct rr_word word)
{
	struct rr_word to = after(r, &word);

	if (to.kind == RR_W_HALF)
		to = after(r, &to);
	return rr_phrase_is_time(r, word) && to.kind == RR_W_TO && rr_phrase_is_time(r, after(r, &to));
}

/*
 * "every hour from 9:00 to 17:00", "every 30 minutes between 9:00 and 16:30": at these times of
 * the day.  Other steps than an hour begin anew every day, so they are times of every day.
 */
bool
rr_phrase_hours(struct reader *r)
{
	struct rr_word word = peek(r);
	struct rr_rule *rule = r->rule;
	int64_t step = (int64_t) rule->interval * (rule->freq == RR_HOURLY ? 3600 : 60);
	int64_t first = 0;
	int64_t last = 0;
	bool to_the_second = false;
	int n = 0;

	if (rule->freq != RR_HOURLY && rule->freq != RR_MINUTELY)
		return fail(r, RR_PHRASE_HOURS, word);
	if (rule->hours != 0 || rule->minutes != 0)
		return fail(r, RR_PHRASE_TWICE, word);
	if (!read_time(r, &first, &to_the_second) || !(accept(r, RR_W_AND) || expect(r, RR_W_TO)) ||
		!read_time(r, &last, &to_the_second))
		return false;
	for (int64_t time = first; time <= last; time += step, n++)
	{
		rule->hours |= (uint32_t) 1 << (time / 3600);
		rule->minutes |= UINT64_C(1) << (time / 60 % 60);
	}
	if (n < 2 || to_the_second || rr_popcount(rule->hours) * rr_popcount(rule->minutes) != n)
		return fail(r, RR_PHRASE_HOURS, word);
	if (step == 3600)
		return true;
	rule->freq = RR_DAILY;
	rule->interval = 1;
	return true;
}
