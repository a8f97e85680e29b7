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
 * Everything lies on the stack, some 90 kB.  With all days permitted the era is a single day.
 */
#include "sieve.h"

#include <string.h>

#include "bits.h"
#include "civil.h"
#include "times.h"

#define UNKNOWN UINT32_MAX
/* no more permitted days than this are laid out one by one */
#define FEW_DAYS 32768
/* from so many classes on, a sample of them is looked at first, and ranks are laid out for counting */
#define MANY_STARTS 4096

/* ---- making it ----------------------------------------------------------------------- */

static void
add_bits(uint64_t *set, int64_t place, uint64_t bits)
{
	set[place / 64] |= bits << (place % 64);
	if (place % 64 != 0)
		set[place / 64 + 1] |= bits >> (64 - place % 64);
}

/* the times of day that pass */
static void
make_starts(struct rr_sieve *s, const struct rr_plan *plan)
{
	const struct rr_times *starts = &plan->starts;

	memset(s->starts, 0, sizeof(s->starts));
	for (uint64_t h = starts->hours; h != 0; h &= h - 1)
		for (uint64_t m = starts->minutes; m != 0; m &= m - 1)
		{
			int64_t second = rr_lowest(h) * 3600 + rr_lowest(m) * 60;

			if (plan->unit_seconds == 1)
				add_bits(s->starts, second, starts->seconds);
			else
				add_bits(s->starts, second / plan->unit_seconds, 1);
		}
}

/* without those that the series never meets */
static void
keep_met(struct rr_sieve *s)
{
	const int64_t common = s->common;
	int64_t first = s->origin % common;
	uint64_t steps = 0;

	/* bits 0, G, 2G ... of a word */
	for (int64_t t = 0; t < 64; t += common)
		steps |= UINT64_C(1) << t;
	for (int64_t i = 0; i < (int64_t) RR_SECOND_WORDS; i++)
	{
		s->starts[i] &= first < 64 ? steps << first : 0;
		first = rr_floormod(first - 64, common);
	}
}

static void
make_days(struct rr_sieve *s, const struct rr_plan *plan)
{
	int64_t year = rr_date_of(s->day0).year;

	memset(s->days, 0, sizeof(s->days));
	if (!plan->filtered)
	{
		for (int64_t day = 0; day < s->era; day++)
			rr_add(s->days, (int) day);
		s->permitted = s->era;
		return;
	}
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

/* where a day lies in the layout */
static inline int64_t
place_of(const struct rr_sieve *s, int64_t day)
{
	/* mostly there is one row, and a constant divides fast */
	if (s->rows == 1 && s->length == RR_CYCLE_DAYS)
		return day * s->turn % RR_CYCLE_DAYS;
	return day % s->rows * s->length + day / s->rows * s->turn % s->length;
}

/* day by day: for few of them */
static void
toggle_days(struct rr_sieve *s, const uint64_t *days)
{
	for (int i = 0; i < RR_ERA_WORDS; i++)
		for (uint64_t rest = days[i]; rest != 0; rest &= rest - 1)
		{
			int64_t place = place_of(s, i * 64 + rr_lowest(rest));

			s->layout.bits[place / 64] ^= UINT64_C(1) << (place % 64);
		}
}

/* goes through the layout bit by bit */
struct gatherer
{
	int64_t day;
	int64_t row;
	int64_t left; /* of this row */
	uint64_t word;
};

static struct gatherer
gather_from(const struct rr_sieve *s, int64_t i)
{
	int64_t row = i / s->length;
	int64_t column = i % s->length;
	struct gatherer g = { (row + column * (s->cycle % s->era)) % s->era, row, s->length - column,
						  0 };

	return g;
}

static inline void
gather(const struct rr_sieve *s, struct gatherer *g, int64_t step)
{
	g->word = g->word >> 1 | s->days[g->day / 64] >> (g->day % 64) << 63;
	g->day += step;
	g->day -= g->day >= s->era ? s->era : 0;
	if (--g->left == 0)
	{
		g->left = s->length;
		g->day = ++g->row;
	}
}

/* all days; each step waits for the one before, so four parts are made side by side */
static void
gather_days(struct rr_sieve *s)
{
	const int part = RR_ERA_WORDS / 4;
	const int64_t step = s->cycle % s->era;
	struct gatherer a = gather_from(s, 0);
	struct gatherer b = gather_from(s, part * 64);
	struct gatherer c = gather_from(s, part * 128);
	struct gatherer d = gather_from(s, part * 192);

	for (int i = 0; i < part; i++)
	{
		for (int bit = 0; bit < 64; bit++)
		{
			gather(s, &a, step);
			gather(s, &b, step);
			gather(s, &c, step);
			gather(s, &d, step);
		}
		s->layout.bits[i] = a.word;
		s->layout.bits[part + i] = b.word;
		s->layout.bits[part * 2 + i] = c.word;
		s->layout.bits[part * 3 + i] = d.word;
	}
	/* what has been read behind the era */
	s->layout.bits[RR_CYCLE_DAYS / 64] &= rr_below(RR_CYCLE_DAYS % 64);
	s->layout.bits[RR_CYCLE_DAYS / 64 + 1] = 0;
}

_Static_assert(RR_ERA_WORDS % 4 == 0, "four parts");

static void
make_ranks(struct rr_sieve *s)
{
	uint32_t rank = 0;

	for (int i = 0; i < RR_ERA_WORDS; i++)
	{
		s->layout.ranks[i] = rank;
		rank += (uint32_t) rr_popcount(s->layout.bits[i]);
	}
}

static void
make_layout(struct rr_sieve *s)
{
	if (s->laid_out)
		return;
	s->laid_out = true;
	s->expanded = false;
	if (s->permitted <= FEW_DAYS || s->era == 1)
	{
		memset(s->layout.bits, 0, sizeof(s->layout.bits));
		toggle_days(s, s->days);
	}
	else
		gather_days(s);
	make_ranks(s);
}

/* bits 0 .. 7 as bytes: how many are before each of them */
static inline uint64_t
bits_before(uint64_t bits)
{
	uint64_t bytes = bits * RR_EACH_BYTE & UINT64_C(0x8040201008040201);

	bytes = (bytes + 127 * RR_EACH_BYTE) >> 7 & RR_EACH_BYTE;
	return bytes * RR_EACH_BYTE << 8;
}

/* the ranks of all places, in an array, if there are many classes to ask for theirs */
static void
expand_many(struct rr_sieve *s)
{
	if (s->expanded || s->size < MANY_STARTS || s->cycle < MANY_STARTS)
		return;
	s->expanded = true;
	for (int i = 0; i <= s->era / 64; i++)
	{
		uint64_t before = (s->layout.ranks[i] - s->layout.ranks[i / 4 * 4]) * RR_EACH_BYTE;

		for (int k = 0; k < 8; k++)
		{
			uint64_t byte = s->layout.bits[i] >> (8 * k) & 255;
			uint64_t ranks = before + bits_before(byte);
			uint8_t *place = &s->partial[i * 64 + k * 8];

			for (int bit = 0; bit < 8; bit++)
				place[bit] = (uint8_t) (ranks >> (8 * bit));
			before = (ranks >> 56) * RR_EACH_BYTE + (byte >> 7) * RR_EACH_BYTE;
		}
	}
}

static struct rr_class
class_on(const struct rr_sieve *s, int64_t day)
{
	struct rr_class class = { day, day % s->rows, day / s->rows % s->length * s->turn % s->length };

	return class;
}

/* the class of a time of day */
static struct rr_class
class_of(const struct rr_sieve *s, int64_t t)
{
	return class_on(s, rr_floormod((s->origin - t) / s->common, s->cycle) * s->inverse % s->cycle);
}

/* a later class of the series; everything in it is a sum modulo something */
static inline void
step_class(const struct rr_sieve *s, struct rr_class *class, const struct rr_class *step)
{
	int64_t column = class->column + step->column;
	int64_t row = class->row + step->row;
	int64_t day = class->day + step->day;

	/* no branches: nothing here can be predicted */
	column -= column >= s->length ? s->length : 0;
	column += row >= s->rows ? s->turn : 0;
	column -= column >= s->length ? s->length : 0;
	row -= row >= s->rows ? s->rows : 0;
	/* back by c days, which is one column */
	column -= day >= s->cycle ? 1 : 0;
	column += column < 0 ? s->length : 0;
	day -= day >= s->cycle ? s->cycle : 0;
	class->day = day;
	class->row = row;
	class->column = column;
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
	memset(s->weights, 0xff, sizeof(s->weights));
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
	s->base = -1;
}

static void
make_steps(struct rr_sieve *s)
{
	struct rr_class *steps = s->steps;

	steps[0] = class_on(s, 0);
	steps[1] = class_on(s, rr_floormod(-s->inverse, s->cycle));
	for (int i = 2; i <= RR_STEPS; i++)
	{
		steps[i] = steps[i - 1];
		step_class(s, &steps[i], &steps[1]);
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
	make_steps(s);
	set_phase(s, plan, phase);
	s->laid_out = false;
	s->expanded = false;
}

void
rr_sieve_turn(struct rr_sieve *s, const struct rr_plan *plan, const struct rr_phase *phase)
{
	make_starts(s, plan);
	memset(s->weights, 0xff, sizeof(s->weights));
	set_phase(s, plan, phase);
}

void
rr_sieve_replace(struct rr_sieve *s, const uint64_t *days, const struct rr_layout *layout)
{
	memcpy(s->days, days, sizeof(s->days));
	s->layout = *layout;
	s->permitted = rr_size(s->days, RR_ERA_WORDS);
	s->laid_out = true;
	s->expanded = false;
	s->base = -1;
}

/* most times they differ little from those that are laid out */
static void
replace_days(struct rr_sieve *s, const uint64_t *days)
{
	uint64_t changed[RR_ERA_WORDS];

	for (int i = 0; i < RR_ERA_WORDS; i++)
		changed[i] = s->days[i] ^ days[i];
	memcpy(s->days, days, sizeof(s->days));
	s->permitted = rr_size(s->days, RR_ERA_WORDS);
	s->laid_out = s->laid_out && rr_size(changed, RR_ERA_WORDS) <= FEW_DAYS;
	if (s->laid_out)
	{
		toggle_days(s, changed);
		make_ranks(s);
		s->expanded = false;
	}
}

/* bits 0 .. n - 1 of a word, for any n */
static uint64_t
bits_until(int64_t n)
{
	return n <= 0 ? 0 : rr_below(n < 64 ? (int) n : 64);
}

void
rr_sieve_restrict(struct rr_sieve *s, const uint64_t *starts, int64_t from, int64_t end,
				  const uint64_t *days)
{
	for (int64_t i = 0; i < (int64_t) RR_SECOND_WORDS; i++)
		s->starts[i] = starts[i] & bits_until(end - 64 * i) & ~bits_until(from - 64 * i);
	s->base = -1;
	s->size = rr_size(s->starts, (int) RR_SECOND_WORDS);
	memset(s->weights, 0xff, sizeof(s->weights));
	replace_days(s, days);
}

/* ---- counting ------------------------------------------------------------------------ */

static inline int64_t
rank_of(const struct rr_layout *layout, int64_t i)
{
	return (int64_t) layout->ranks[i / 64] +
		   rr_popcount(layout->bits[i / 64] & rr_below((int) (i % 64)));
}

/* the periods of a day whose first of the series is this */
int64_t
rr_sieve_weight(struct rr_sieve *s, int64_t first)
{
	uint32_t *weight = s->interval <= RR_WEIGHTS ? &s->weights[first] : NULL;
	int64_t n;

	if (weight != NULL && *weight != UNKNOWN)
		return *weight;
	n = rr_sieve_count_day(s, first, s->unit_count);
	if (weight != NULL)
		*weight = (uint32_t) n;
	return n;
}

/* walks the classes that have a period; weight: how many on each of their days */
struct cursor
{
	struct rr_class class;
	int64_t t; /* -1: before the first */
	int64_t weight;
	int word;
	uint64_t bits; /* of that word of starts, those that are left */
};

/* times of day INTERVAL apart are of one class: for many times of day in few classes */
static inline bool
next_of_classes(struct rr_sieve *s, struct cursor *at)
{
	for (;;)
	{
		if (at->t < 0)
		{
			at->t = s->origin % s->common;
			at->class = class_of(s, at->t);
		}
		else
		{
			at->t += s->common;
			step_class(s, &at->class, &s->steps[1]);
		}
		if (at->t >= s->interval || at->t >= s->unit_count)
			return false;
		at->weight = rr_sieve_weight(s, at->t);
		if (at->weight != 0)
			return true;
	}
}

/* by each time of day that passes */
static inline bool
next_of_starts(const struct rr_sieve *s, struct cursor *at)
{
	int64_t t;
	int64_t steps;

	while (at->bits == 0)
	{
		if (++at->word == RR_SECOND_WORDS)
			return false;
		at->bits = s->starts[at->word];
	}
	t = at->word * 64 + rr_lowest(at->bits);
	at->bits &= at->bits - 1;
	steps = s->common == 1 ? t - at->t : (t - at->t) / s->common;
	if (at->t < 0 || steps > RR_STEPS)
		at->class = class_of(s, t);
	else
		step_class(s, &at->class, &s->steps[steps]);
	at->t = t;
	return true;
}

static const struct cursor before_all = { { 0, 0, 0 }, -1, 1, -1, 0 };

static inline bool
next_class(struct rr_sieve *s, struct cursor *at)
{
	return s->cycle < s->size ? next_of_classes(s, at) : next_of_starts(s, at);
}

/*
 * How many periods since day 0 are before a day: the sum over the classes.  Those that begin before
 * `later` have one member more than the others.  A class has as many as the rank of its first
 * member behind exceeds that of its first; the sum of the latter is the same for every count.
 */
struct count
{
	int64_t later;
	int64_t turns[2];
	int64_t rest[2];
};

static struct count
count_to(const struct rr_sieve *s, int64_t day)
{
	const int64_t members = day / s->cycle;
	struct count count = { day % s->cycle,
						   { members / s->length, (members + 1) / s->length },
						   { members % s->length, (members + 1) % s->length } };

	return count;
}

static inline int64_t
fast_rank_of(const struct rr_sieve *s, int64_t i)
{
	return s->expanded ? (int64_t) s->layout.ranks[i / 256 * 4] + s->partial[i] : rank_of(&s->layout, i);
}

static inline int64_t
rank_of_first(const struct rr_sieve *s, const struct rr_class *class)
{
	return fast_rank_of(s, class->row * s->length + class->column);
}

/* the place of its first member behind, and how often its row has been gone through before */
static inline int64_t
place_behind(const struct rr_sieve *s, const struct rr_class *class, const struct count *count,
			 int64_t *turns)
{
	const int more = class->day < count->later;
	int64_t column = class->column + count->rest[more];

	*turns = count->turns[more];
	*turns += column >= s->length;
	column -= column >= s->length ? s->length : 0;
	return class->row * s->length + column;
}

static inline int64_t
rank_behind(const struct rr_sieve *s, const struct rr_class *class, const struct count *count)
{
	const int64_t row = class->row * s->length;
	int64_t turns;
	int64_t n = fast_rank_of(s, place_behind(s, class, count, &turns));

	if (turns != 0)
		n += turns * (fast_rank_of(s, row + s->length) - fast_rank_of(s, row));
	return n;
}

static int64_t
sum_of_firsts(struct rr_sieve *s)
{
	struct cursor at = before_all;
	int64_t n = 0;

	while (next_class(s, &at))
		n += at.weight * rank_of_first(s, &at.class);
	return n;
}

int64_t
rr_sieve_before(struct rr_sieve *s, int64_t day)
{
	const struct count count = count_to(s, day);
	struct cursor at = before_all;
	int64_t n = 0;

	make_layout(s);
	expand_many(s);
	if (s->base < 0)
		s->base = sum_of_firsts(s);
	while (next_class(s, &at))
		n += at.weight * rank_behind(s, &at.class, &count);
	return n - s->base;
}

/* ---- estimating ------------------------------------------------------------------------ */

static void
add_to_sample(struct rr_sample *sample, const struct rr_class *class, int64_t weight)
{
	if (weight == 0 || sample->n == RR_SAMPLE)
		return;
	sample->class[sample->n] = *class;
	sample->weight[sample->n++] = weight;
}

/* every n-th class */
void
rr_sieve_sample(struct rr_sieve *s, struct rr_sample *sample)
{
	const bool by_classes = s->cycle < s->size;
	const int64_t stride = (by_classes ? s->cycle : s->size) / RR_SAMPLE + 1;
	int64_t total = 0;
	int64_t n = 0;

	make_layout(s);
	sample->n = 0;
	if (by_classes)
		for (int64_t t = s->origin % s->common; t < s->interval && t < s->unit_count;
			 t += s->common * stride)
		{
			struct rr_class class = class_of(s, t);

			add_to_sample(sample, &class, rr_sieve_weight(s, t));
		}
	else
		for (int i = 0; i < (int) RR_SECOND_WORDS; i++)
			for (uint64_t rest = s->starts[i]; rest != 0; rest &= rest - 1)
				if (n++ % stride == 0)
				{
					struct rr_class class = class_of(s, i * 64 + rr_lowest(rest));

					add_to_sample(sample, &class, 1);
				}
	for (int i = 0; i < sample->n; i++)
		total += sample->weight[i];
	sample->scale = total == 0 ? 0 : (double) s->size / (double) total;
}

double
rr_sieve_estimate(const struct rr_sieve *s, const struct rr_layout *layout,
				  const struct rr_sample *sample, int64_t day)
{
	const struct count count = count_to(s, day);
	int64_t n = 0;

	for (int i = 0; i < sample->n; i++)
	{
		const struct rr_class *class = &sample->class[i];
		const int64_t row = class->row * s->length;
		int64_t turns;
		int64_t rank = rank_of(layout, place_behind(s, class, &count, &turns));

		if (turns != 0)
			rank += turns * (rank_of(layout, row + s->length) - rank_of(layout, row));
		n += sample->weight[i] * rank;
	}
	return (double) n * sample->scale;
}

/* ---- the nearest ---------------------------------------------------------------------- */

/* is there none in this part of the layout? */
static inline bool
is_bare(const struct rr_sieve *s, int64_t from, int64_t end)
{
	return from >= end || fast_rank_of(s, from) == fast_rank_of(s, end);
}

/*
 * How many days of a class are to be passed from one that is not permitted, whose column this is, to one that
 * is; -1 if they are more than `most`.  Ranks tell, so that only what is there is searched for.
 */
static int64_t
passed_forward(const struct rr_sieve *s, int64_t row, int64_t column, int64_t most)
{
	const int64_t begin = row * s->length;
	const int64_t reach = column + most + 1;
	const int64_t over = reach - s->length < column ? reach - s->length : column;

	if (!is_bare(s, begin + column, begin + (reach < s->length ? reach : s->length)))
		return rr_first_from(s->layout.bits, RR_ERA_WORDS, (int) (begin + column)) - (begin + column);
	if (is_bare(s, begin, begin + over))
		return -1;
	return s->length - column + rr_first_from(s->layout.bits, RR_ERA_WORDS, (int) begin) - begin;
}

static int64_t
passed_back(const struct rr_sieve *s, int64_t row, int64_t column, int64_t most)
{
	const int64_t begin = row * s->length;
	const int64_t end = begin + s->length;
	const int64_t reach = column - most;
	const int64_t under = s->length + reach > column + 1 ? s->length + reach : column + 1;

	if (!is_bare(s, begin + (reach > 0 ? reach : 0), begin + column + 1))
		return begin + column - rr_last_upto(s->layout.bits, (int) (begin + column));
	if (reach >= 0 || is_bare(s, begin + under, end))
		return -1;
	return column + end - rr_last_upto(s->layout.bits, (int) (end - 1));
}

/* a search: members of a class that are before the day where it begins, and the best that it has found */
struct nearest
{
	int64_t members; /* and one more, if the class begins early in the cycle */
	int64_t rest;
	int64_t turned; /* modulo the length of a row */
	int64_t best;
};

static struct nearest
nearest_to(const struct rr_sieve *s, int64_t day, int64_t best)
{
	struct nearest n = { day / s->cycle, day % s->cycle, day / s->cycle % s->length, best };

	return n;
}

/* its first permitted day, if that is before the best; few are, so few are searched for it */
static inline void
consider_from(const struct rr_sieve *s, const struct rr_class *class, struct nearest *n)
{
	int64_t more = class->day < n->rest;
	int64_t day = class->day + (n->members + more) * s->cycle;
	int64_t column = class->column + n->turned + more;
	int64_t passed;

	if (day >= n->best)
		return;
	while (column >= s->length)
		column -= s->length;
	if (rr_has(s->layout.bits, (int) (class->row * s->length + column)))
		n->best = day;
	else if (day + s->cycle < n->best)
	{
		passed = passed_forward(s, class->row, column, (n->best - 1 - day) / s->cycle);
		if (passed >= 0 && day + passed * s->cycle < n->best)
			n->best = day + passed * s->cycle;
	}
}

/* its last one, if that is behind the best */
static inline void
consider_upto(const struct rr_sieve *s, const struct rr_class *class, struct nearest *n)
{
	int64_t less = class->day > n->rest;
	int64_t day = class->day + (n->members - less) * s->cycle;
	int64_t column = class->column + n->turned - less;
	int64_t passed;

	if (day <= n->best)
		return;
	column += column < 0 ? s->length : 0;
	column -= column >= s->length ? s->length : 0;
	if (rr_has(s->layout.bits, (int) (class->row * s->length + column)))
		n->best = day;
	else if (day - s->cycle > n->best)
	{
		passed = passed_back(s, class->row, column, (day - n->best - 1) / s->cycle);
		if (passed >= 0 && day - passed * s->cycle > n->best)
			n->best = day - passed * s->cycle;
	}
}

/* the next of a sample of the classes, where they are so many that a good start pays */
static inline bool
next_sample(const struct rr_sieve *s, struct cursor *at)
{
	if (s->cycle < s->size || s->size < MANY_STARTS)
		return false;
	while (++at->word < RR_SECOND_WORDS)
		if (s->starts[at->word] != 0)
		{
			at->class = class_of(s, at->word * 64 + rr_lowest(s->starts[at->word]));
			return true;
		}
	return false;
}

int64_t
rr_sieve_day_from(struct rr_sieve *s, int64_t from, int64_t end)
{
	struct nearest n = nearest_to(s, from, end);
	struct cursor sample = before_all;
	struct cursor at = before_all;

	if (rr_sieve_is_sparse(s))
		return rr_sparse_day_from(s, from, end);
	make_layout(s);
	while (next_sample(s, &sample))
		consider_from(s, &sample.class, &n);
	/* else hardly any class is asked for more than a bit */
	if (n.best - from > s->cycle)
		expand_many(s);
	while (next_class(s, &at))
		consider_from(s, &at.class, &n);
	return n.best;
}

int64_t
rr_sieve_day_upto(struct rr_sieve *s, int64_t first, int64_t upto)
{
	struct nearest n = nearest_to(s, upto, first - 1);
	struct cursor sample = before_all;
	struct cursor at = before_all;

	if (upto < first)
		return first - 1;
	if (rr_sieve_is_sparse(s))
		return rr_sparse_day_upto(s, first, upto);
	make_layout(s);
	while (next_sample(s, &sample))
		consider_upto(s, &sample.class, &n);
	if (upto - n.best > s->cycle)
		expand_many(s);
	while (next_class(s, &at))
		consider_upto(s, &at.class, &n);
	return n.best;
}
