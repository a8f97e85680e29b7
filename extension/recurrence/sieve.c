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
/* gaps between times of day up to which their class is found by steps */
#define CLASS_STEPS 8
/* no more permitted days than this are laid out one by one */
#define FEW_DAYS 32768
/* from so many classes on, a sample of them is looked at first */
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
	uint64_t met[RR_SECOND_WORDS] = { 0 };

	for (int64_t t = s->origin % s->common; t < s->unit_count; t += s->common)
		if (rr_has(s->starts, (int) t))
			rr_add(met, (int) t);
	memcpy(s->starts, met, sizeof(met));
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

			s->layout[place / 64] ^= UINT64_C(1) << (place % 64);
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
		s->layout[i] = a.word;
		s->layout[part + i] = b.word;
		s->layout[part * 2 + i] = c.word;
		s->layout[part * 3 + i] = d.word;
	}
	/* what has been read behind the era */
	s->layout[RR_CYCLE_DAYS / 64] &= rr_below(RR_CYCLE_DAYS % 64);
	s->layout[RR_CYCLE_DAYS / 64 + 1] = 0;
}

_Static_assert(RR_ERA_WORDS % 4 == 0, "four parts");

static void
make_ranks(struct rr_sieve *s)
{
	uint32_t rank = 0;

	for (int i = 0; i < RR_ERA_WORDS; i++)
	{
		s->ranks[i] = rank;
		rank += (uint32_t) rr_popcount(s->layout[i]);
	}
}

static void
make_layout(struct rr_sieve *s)
{
	if (s->laid_out)
		return;
	s->laid_out = true;
	if (s->permitted <= FEW_DAYS || s->era == 1)
	{
		memset(s->layout, 0, sizeof(s->layout));
		toggle_days(s, s->days);
	}
	else
		gather_days(s);
	make_ranks(s);
}

/* the class of a time of day */
static struct rr_class
class_of(const struct rr_sieve *s, int64_t t)
{
	int64_t day = rr_floormod((s->origin - t) / s->common, s->cycle) * s->inverse % s->cycle;
	struct rr_class class = { day, day % s->rows, day / s->rows % s->length * s->turn % s->length };

	return class;
}

/* the next class of the series; everything in it is a sum modulo something */
static void
step_class(const struct rr_sieve *s, struct rr_class *class)
{
	int64_t column = class->column + s->step.column;
	int64_t row = class->row + s->step.row;
	int64_t day = class->day + s->step.day;

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

void
rr_sieve_make(struct rr_sieve *s, const struct rr_plan *plan, const struct rr_phase *phase,
			  int64_t day0, bool whole_era)
{
	s->whole_era = whole_era;
	open_sieve(s, plan, day0);
	s->limit = rr_floordiv(phase->until, RR_DAY_SECONDS) - day0 + 1;
	s->origin = rr_floormod(phase->origin - day0 * plan->unit_count, plan->interval);
	s->inverse = rr_inverse(s->unit_count / s->common % s->cycle, s->cycle);
	s->rows = rr_gcd(s->cycle, s->era);
	s->length = s->era / s->rows;
	s->turn = s->length == 1 ? 0 : rr_inverse(s->cycle / s->rows % s->length, s->length);
	s->step.day = rr_floormod(-s->inverse, s->cycle);
	s->step.row = s->step.day % s->rows;
	s->step.column = s->step.day / s->rows % s->length * s->turn % s->length;
	if (s->common > 1)
		keep_met(s);
	s->size = rr_size(s->starts, (int) RR_SECOND_WORDS);
	s->laid_out = false;
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
	}
}

void
rr_sieve_restrict(struct rr_sieve *s, const uint64_t *starts, int64_t from, int64_t end,
				  const uint64_t *days)
{
	memset(s->starts, 0, sizeof(s->starts));
	for (int64_t t = from; t < end; t++)
		if (rr_has(starts, (int) t))
			rr_add(s->starts, (int) t);
	s->size = rr_size(s->starts, (int) RR_SECOND_WORDS);
	memset(s->weights, 0xff, sizeof(s->weights));
	replace_days(s, days);
}

/* ---- counting ------------------------------------------------------------------------ */

static inline int64_t
rank_of(const struct rr_sieve *s, int64_t i)
{
	return (int64_t) s->ranks[i / 64] + rr_popcount(s->layout[i / 64] & rr_below((int) (i % 64)));
}

/* how many of the first `members` days of a class are permitted */
static inline int64_t
permitted_of(const struct rr_sieve *s, const struct rr_class *class, int64_t turns, int64_t rest)
{
	int64_t row = class->row * s->length;
	int64_t n = -rank_of(s, row + class->column);

	if (class->column + rest < s->length)
		n += rank_of(s, row + class->column + rest);
	else
	{
		turns++;
		n += rank_of(s, row + class->column + rest - s->length);
	}
	if (turns != 0)
		n += turns * (rank_of(s, row + s->length) - rank_of(s, row));
	return n;
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

/*
 * How many periods since day 0 are before a day: the sum over the classes.  Those that begin before
 * `later` have one member more than the others.
 */
struct count
{
	int64_t later;
	int64_t turns[2];
	int64_t rest[2];
	int64_t n;
};

static inline void
add_class(const struct rr_sieve *s, const struct rr_class *class, int64_t weight,
		  struct count *count)
{
	int more = class->day < count->later;

	count->n += weight * permitted_of(s, class, count->turns[more], count->rest[more]);
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
			step_class(s, &at->class);
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

	while (at->bits == 0)
	{
		if (++at->word == RR_SECOND_WORDS)
			return false;
		at->bits = s->starts[at->word];
	}
	t = at->word * 64 + rr_lowest(at->bits);
	at->bits &= at->bits - 1;
	if (at->t < 0 || t - at->t > CLASS_STEPS * s->common)
		at->class = class_of(s, t);
	else
		for (; at->t < t; at->t += s->common)
			step_class(s, &at->class);
	at->t = t;
	return true;
}

static const struct cursor before_all = { { 0, 0, 0 }, -1, 1, -1, 0 };

static inline bool
next_class(struct rr_sieve *s, struct cursor *at)
{
	return s->cycle < s->size ? next_of_classes(s, at) : next_of_starts(s, at);
}

int64_t
rr_sieve_before(struct rr_sieve *s, int64_t day)
{
	const int64_t members = day / s->cycle;
	struct count count = { day % s->cycle,
						   { members / s->length, (members + 1) / s->length },
						   { members % s->length, (members + 1) % s->length },
						   0 };

	struct cursor at = before_all;

	make_layout(s);
	while (next_class(s, &at))
		add_class(s, &at.class, at.weight, &count);
	return count.n;
}

/* ---- the nearest ---------------------------------------------------------------------- */

/* is there none in this part of the layout?  A word tells most times, the ranks the others */
static inline bool
is_bare(const struct rr_sieve *s, int64_t from, int64_t end)
{
	return from >= end || rank_of(s, from) == rank_of(s, end);
}

/*
 * How many days of a class are to be passed from one that is not permitted, whose column this is, to one that
 * is; -1 if they are more than `most`.
 */
static int64_t
passed_forward(const struct rr_sieve *s, int64_t row, int64_t column, int64_t most)
{
	int64_t here = row * s->length + column;
	int64_t end = (row + 1) * s->length;
	int64_t n = 0;

	if (is_bare(s, here, end))
	{
		n = end - here;
		here = row * s->length;
		if (n > most || is_bare(s, here, here + column))
			return -1;
	}
	return n + rr_first_from(s->layout, RR_ERA_WORDS, (int) here) - here;
}

static int64_t
passed_back(const struct rr_sieve *s, int64_t row, int64_t column, int64_t most)
{
	int64_t here = row * s->length + column;
	int64_t n = 0;

	if (is_bare(s, row * s->length, here))
	{
		n = column + 1;
		if (n > most || is_bare(s, here, (row + 1) * s->length))
			return -1;
		here = (row + 1) * s->length - 1;
	}
	return n + here - rr_last_upto(s->layout, (int) here);
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
	if (rr_has(s->layout, (int) (class->row * s->length + column)))
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
	if (rr_has(s->layout, (int) (class->row * s->length + column)))
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

	make_layout(s);
	while (next_sample(s, &sample))
		consider_from(s, &sample.class, &n);
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
	make_layout(s);
	while (next_sample(s, &sample))
		consider_upto(s, &sample.class, &n);
	while (next_class(s, &at))
		consider_upto(s, &at.class, &n);
	return n.best;
}
