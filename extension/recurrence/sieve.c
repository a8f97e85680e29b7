/*
 * sieve.c
 *		The k-th period of a series among filtered days and times of day, whatever the INTERVAL.
 *
 * Used where searching or walking has not come to an end after some steps (subday.c) and for
 * COUNT (subcount.c); periods are hours, minutes, seconds or, for DAILY, days.
 *
 * Period t of day d belongs to the series if d * unit_count + t = origin (mod INTERVAL).  With
 * G = gcd(INTERVAL, unit_count) and c = INTERVAL / G this is a class of days, d = r(t) (mod c), for
 * every t = origin (mod G).  The days that the table of years permits repeat after an era of M =
 * 146,097 days.  Laid out in the order 0, c, 2c, ... (mod M), the members of a class are
 * neighbours, so that the permitted ones among any number of them are a difference of two ranks
 * in a bitmap.  Adding that up over the times of day that pass counts exactly the periods before
 * any day, in one step for each of these.  The place of number k is enclosed by such counts and
 * walked to at the end.
 *
 * Everything lies on the stack, some 130 kB.  With all days permitted the era is a single day.
 */
#include "classes.h"

#include <string.h>

#include "bits.h"
#include "civil.h"
#include "times.h"

/* ---- making it ----------------------------------------------------------------------- */

static void
add_bits(uint64_t *set, int64_t place, uint64_t bits)
{
	set[place / 64] |= bits << (place % 64);
	if (place % 64 != 0)
		set[place / 64 + 1] |= bits >> (64 - place % 64);
}

#define HOUR_WORDS (3600 / 64 + 2)

/* the times of day that pass */
static void
make_starts(struct rr_sieve *s, const struct rr_plan *plan)
{
	const struct rr_times *starts = &plan->starts;
	/* of the periods; a day, for DAILY, counts as its first hour */
	const int64_t hour_count = plan->unit_seconds < 3600 ? 3600 / plan->unit_seconds : 1;
	uint64_t hour[HOUR_WORDS] = { 1 };

	if (plan->unit_seconds == 60)
		hour[0] = starts->minutes;
	else if (plan->unit_seconds == 1)
	{
		hour[0] = 0;
		for (uint64_t m = starts->minutes; m != 0; m &= m - 1)
			add_bits(hour, (int64_t) rr_lowest(m) * 60, starts->seconds);
	}
	memset(s->starts, 0, sizeof(s->starts));
	for (uint64_t h = starts->hours; h != 0; h &= h - 1)
		for (int64_t i = 0; i * 64 < hour_count; i++)
			add_bits(s->starts, rr_lowest(h) * hour_count + i * 64, hour[i]);
}

/* bits 0, n, 2n ... of a word */
static uint64_t
bits_apart(int64_t n)
{
	uint64_t bits = 0;

	for (int64_t t = 0; t < 64; t += n)
		bits |= UINT64_C(1) << t;
	return bits;
}

/* without those that the series never meets */
static void
keep_met(struct rr_sieve *s)
{
	const uint64_t steps = bits_apart(s->common);
	int64_t first = s->origin % s->common;

	for (int64_t i = 0; i < (int64_t) RR_SECOND_WORDS; i++)
	{
		s->starts[i] &= first < 64 ? steps << first : 0;
		first = rr_floormod(first - 64, s->common);
	}
}

int64_t
rr_sieve_count_day(const struct rr_sieve *s, int64_t first, int64_t end)
{
	int64_t n = 0;

	if (s->interval < 64)
	{
		/* word by word; `place` of the next of the series in it */
		const uint64_t steps = bits_apart(s->interval);
		const int64_t back = 64 % s->interval;
		int64_t place = first % s->interval;

		for (int64_t i = 0; i * 64 < end; i++)
		{
			if (s->starts[i] != 0)
				n += rr_popcount(s->starts[i] & steps << place & rr_bits_until(end - i * 64) &
								 ~rr_bits_until(first - i * 64));
			place -= back;
			place += place < 0 ? s->interval : 0;
		}
	}
	else
		for (int64_t t = first; t < end; t += s->interval)
			n += rr_has(s->starts, (int) t);
	return n;
}

/* so many planes count the rows of a day, words of width each; 86,400 bits in rows of 8,192 are 4 x 128 words */
#define PLANE_WORDS 512

/*
 * The day is cut into rows of INTERVAL, or of several where that is short, and the columns are added up bit by bit:
 * plane p holds bit p of all their sums.
 */
void
rr_sieve_count_days(const struct rr_sieve *s, int64_t end, uint16_t *counts)
{
	const int64_t row = s->interval < 64 ? s->interval * (63 / s->interval) : s->interval;
	const int64_t width = (row + 63) / 64;
	uint64_t planes[PLANE_WORDS] = { 0 };
	int n = 0;

	while ((end + row - 1) / row >> n != 0)
		n++;
	for (int64_t place = 0; place < end; place += row)
		for (int64_t w = 0; w < width; w++)
		{
			uint64_t more =
				rr_starts_from(s, place + 64 * w, place + row < end ? place + row : end);

			for (uint64_t *plane = planes + w; more != 0; plane += width)
			{
				const uint64_t carry = *plane & more;

				*plane ^= more;
				more = carry;
			}
		}
	memset(counts, 0, (size_t) s->interval * sizeof(*counts));
	for (int64_t i = 0, first = 0; i < row; i++)
	{
		for (int p = 0; p < n; p++)
			counts[first] += (uint16_t) ((planes[p * width + i / 64] >> (i % 64) & 1) << p);
		first = first + 1 == s->interval ? 0 : first + 1;
	}
}

int64_t
rr_sieve_known_day(const struct rr_sieve *s, int64_t first, int64_t end, uint16_t *counts,
				   int *misses)
{
	if (counts[first] != UINT16_MAX)
		return counts[first];
	/* what is asked so often is counted for all of them */
	if (++*misses > s->interval / 16)
		rr_sieve_count_days(s, end, counts);
	else
		counts[first] = (uint16_t) rr_sieve_count_day(s, first, end);
	return counts[first];
}

static void
make_days(struct rr_sieve *s, const struct rr_plan *plan)
{
	int64_t year = rr_date_of(s->day0).year;

	if (!plan->filtered)
	{
		for (int64_t i = 0; i < RR_ERA_WORDS; i++)
			s->days[i] = rr_bits_until(s->era - 64 * i);
		s->permitted = s->era;
		return;
	}
	memset(s->days, 0, sizeof(s->days));
	for (int64_t start = rr_year_start(year); start < s->day0 + s->era; start = rr_year_start(year))
	{
		const uint64_t *table = rr_year_table(plan, year++, start);

		for (int i = 0; i < RR_DAY_WORDS; i++)
		{
			/* of the day that bit 0 of this word stands for */
			int64_t first = start - 1 + 64 * i - s->day0;

			if (first >= 0 && first < s->era)
				add_bits(s->days, first, table[i]);
			else if (first < 0 && first > -64)
				s->days[0] |= table[i] >> -first;
		}
	}
	/* what the last year has behind the era */
	s->days[s->era / 64] &= rr_below((int) (s->era % 64));
	s->days[s->era / 64 + 1] = 0;
	s->permitted = rr_size(s->days, RR_ERA_WORDS);
}

/* a bit becomes the other */
static inline void
turn_over(uint64_t *bits, int64_t place)
{
	bits[place / 64] ^= UINT64_C(1) << (place % 64);
}

/* those of a word, for one row: their places are those of its first, moved */
static inline void
toggle_in_row(struct rr_sieve *s, int i, uint64_t days)
{
	/* a constant divides fast */
	const int64_t first = i * 64 * s->turn % RR_CYCLE_DAYS;

	for (; days != 0; days &= days - 1)
		turn_over(s->layout.bits, rr_reduced(first + s->moves[rr_lowest(days)], s->length));
}

/* or several: the days of a column are neighbours, one in each row */
static inline void
toggle_in_columns(struct rr_sieve *s, int i, uint64_t days)
{
	const uint32_t rows = (uint32_t) s->rows;
	const uint32_t before = (uint32_t) i * 64 / rows;
	int64_t column = before * (uint32_t) s->turn % (uint32_t) s->length;
	int64_t begin = (int64_t) before * rows - i * 64; /* of its days, as bits */

	for (; days != 0; begin += rows)
	{
		uint64_t here = days & rr_bits_until(begin + rows);

		days ^= here;
		for (; here != 0; here &= here - 1)
			turn_over(s->layout.bits, (rr_lowest(here) - begin) * s->length + column);
		column = rr_reduced(column + s->turn, s->length);
	}
}

/* the days of word i of an era */
static inline void
toggle_days(struct rr_sieve *s, int i, uint64_t days)
{
	if (days == 0)
		return;
	if (s->era == 1)
		s->layout.bits[0] ^= days;
	else if (s->rows == 1)
		toggle_in_row(s, i, days);
	else
		toggle_in_columns(s, i, days);
}

static void
make_ranks(struct rr_sieve *s)
{
	uint32_t rank = 0;

	for (int i = 0; i < RR_ERA_WORDS; i++)
	{
		s->layout.ranks[i] = rank;
		rank += (uint32_t) rr_popcount(s->layout.bits[i]);
	}
	s->permitted = rank;
}

void
rr_sieve_lay_out(struct rr_sieve *s)
{
	if (s->laid_out)
		return;
	s->laid_out = true;
	s->expanded = false;
	memset(s->layout.bits, 0, sizeof(s->layout.bits));
	for (int i = 0; i < RR_ERA_WORDS; i++)
		toggle_days(s, i, s->days[i]);
	make_ranks(s);
}

/* ranks in an array, if there are many classes to ask for theirs */
void
rr_sieve_expand_many(struct rr_sieve *s)
{
	if (s->expanded || s->size < RR_MANY_STARTS || s->cycle < RR_MANY_STARTS)
		return;
	s->expanded = true;
	for (int i = 0; i <= s->era / 64; i++)
	{
		uint64_t before = (s->layout.ranks[i] - s->layout.ranks[i / 4 * 4]) * RR_EACH_BYTE;
		uint64_t fours = rr_four_sums(s->layout.bits[i]);
		uint64_t even = fours & 15 * RR_EACH_BYTE;
		uint64_t both = even + (fours >> 4 & 15 * RR_EACH_BYTE);

		before += both * RR_EACH_BYTE << 8;
		s->partial[2 * i] = before;
		s->partial[2 * i + 1] = before + even;
	}
}

/* what is known of the periods of a day, when its starts are others */
static void
forget_counts(struct rr_sieve *s)
{
	if (s->interval <= RR_WEIGHTS)
		memset(s->weights, 0xff, (size_t) s->interval * sizeof(s->weights[0]));
	s->misses = 0;
	for (int i = 0; i < RR_PARTS; i++)
		s->parts[i].end = -1;
	s->next_part = 0;
	s->base = -1;
}

static void
open_sieve(struct rr_sieve *s, const struct rr_plan *plan, int64_t day0)
{
	s->day0 = day0;
	s->interval = plan->interval;
	s->unit_count = plan->unit_count;
	s->common = rr_gcd(s->interval, s->unit_count);
	s->cycle = s->interval / s->common;
	s->era = plan->filtered || s->whole_era ? RR_CYCLE_DAYS : 1;
	make_starts(s, plan);
	make_days(s, plan);
	s->size = rr_size(s->starts, (int) RR_SECOND_WORDS);
	forget_counts(s);
}

void
rr_sieve_open(struct rr_sieve *s, const struct rr_plan *plan, int64_t day0)
{
	s->whole_era = false;
	open_sieve(s, plan, day0);
}

static void
set_phase(struct rr_sieve *s, const struct rr_plan *plan, const struct rr_phase *phase)
{
	s->origin = rr_floormod(phase->origin - s->day0 * plan->unit_count, plan->interval);
	if (s->common > 1)
		keep_met(s);
	s->size = rr_size(s->starts, (int) RR_SECOND_WORDS);
}

static void
make_steps(struct rr_sieve *s)
{
	struct rr_class *steps = s->steps;

	steps[0] = rr_class_on(s, 0);
	steps[1] = rr_class_on(s, rr_floormod(-s->inverse, s->cycle));
	for (int i = 2; i <= RR_STEPS; i++)
	{
		steps[i] = steps[i - 1];
		rr_step_class(s, &steps[i], &steps[1]);
	}
}

void
rr_sieve_make(struct rr_sieve *s, const struct rr_plan *plan, const struct rr_phase *phase,
			  int64_t day0, bool whole_era)
{
	s->whole_era = whole_era;
	open_sieve(s, plan, day0);
	s->limit = rr_floordiv(phase->until, RR_DAY_SECONDS) - day0 + 1;
	s->inverse = rr_inverse(s->unit_count / s->common % s->cycle, s->cycle);
	s->rows = rr_gcd(s->cycle, s->era);
	s->length = s->era / s->rows;
	s->turn = s->length == 1 ? 0 : rr_inverse(s->cycle / s->rows % s->length, s->length);
	s->moves[0] = 0;
	for (int i = 1; i < 64; i++)
		s->moves[i] = (int32_t) rr_reduced(s->moves[i - 1] + s->turn, s->length);
	make_steps(s);
	set_phase(s, plan, phase);
	s->laid_out = false;
	s->expanded = false;
}

void
rr_sieve_turn(struct rr_sieve *s, const struct rr_plan *plan, const struct rr_phase *phase)
{
	make_starts(s, plan);
	forget_counts(s);
	set_phase(s, plan, phase);
}

void
rr_sieve_replace(struct rr_sieve *s, const uint64_t *days, const struct rr_layout *layout)
{
	const int last = RR_ERA_WORDS - 1;

	memcpy(s->days, days, sizeof(s->days));
	s->layout = *layout;
	s->permitted = (int64_t) layout->ranks[last] + rr_popcount(layout->bits[last]);
	s->laid_out = true;
	s->expanded = false;
	s->base = -1;
}

void
rr_sieve_add_days(struct rr_sieve *s, const uint64_t *days, const struct rr_layout *layout)
{
	for (int i = 0; i < RR_ERA_WORDS; i++)
	{
		s->days[i] ^= days[i];
		s->layout.bits[i] ^= layout->bits[i];
	}
	make_ranks(s);
	s->expanded = false;
	s->base = -1;
}

/* where more than this differ, they are laid out anew */
#define FEW_DAYS 32768

/* most times they differ little from those that are laid out */
static void
replace_days(struct rr_sieve *s, const uint64_t *days)
{
	uint64_t flip = 0;
	int64_t changed = 0;

	for (int i = 0; i < RR_ERA_WORDS; i++)
		changed += rr_popcount(s->days[i] ^ days[i]);
	if (changed == 0)
		return;
	/* or they are nearly the others, as those of two clocks are */
	if (changed >= s->era - FEW_DAYS && s->era > 1)
	{
		flip = ~UINT64_C(0);
		changed = s->era - changed;
		for (int64_t i = 0; i < RR_ERA_WORDS; i++)
			s->layout.bits[i] ^= rr_bits_until(s->era - 64 * i);
	}
	s->laid_out = s->laid_out && changed <= FEW_DAYS;
	if (s->laid_out)
	{
		for (int64_t i = 0; i < RR_ERA_WORDS; i++)
			toggle_days(s, (int) i, (s->days[i] ^ days[i] ^ flip) & rr_bits_until(s->era - 64 * i));
		make_ranks(s);
		s->expanded = false;
	}
	else
		s->permitted = rr_size(days, RR_ERA_WORDS);
	memcpy(s->days, days, sizeof(s->days));
}

void
rr_sieve_restrict(struct rr_sieve *s, const uint64_t *starts, int64_t from, int64_t end,
				  const uint64_t *days)
{
	const int64_t first = from / 64;
	const int64_t words = (end + 63) / 64 - first;

	memset(s->starts, 0, sizeof(s->starts));
	memcpy(s->starts + first, starts + first, (size_t) words * sizeof(s->starts[0]));
	s->starts[first] &= ~rr_below((int) (from % 64));
	s->starts[first + words - 1] &= rr_bits_until(end - (first + words - 1) * 64);
	s->size = rr_size(s->starts + first, (int) words);
	forget_counts(s);
	replace_days(s, days);
}
