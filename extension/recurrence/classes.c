/*
 * classes.c
 *		What the classes of a sieve (sieve.c) add up to: how many periods are before a day, exactly or by a sample of
 *		them, and the first or the last day with any.
 */
#include "classes.h"

#include <string.h>

/* ---- counting ------------------------------------------------------------------------ */

/* the periods of a day whose first of the series is this */
int64_t
rr_sieve_weight(struct rr_sieve *s, int64_t first)
{
	if (s->interval == 1)
		return s->size;
	if (s->interval > RR_WEIGHTS)
		return rr_sieve_count_day(s, first, s->unit_count);
	return rr_sieve_known_day(s, first, s->unit_count, s->weights, &s->misses);
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
			at->class = rr_class_of(s, at->t);
		}
		else
		{
			at->t += s->common;
			rr_step_class(s, &at->class, &s->steps[1]);
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
		at->class = rr_class_of(s, t);
	else
		rr_step_class(s, &at->class, &s->steps[steps]);
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
rank_of_first(const struct rr_sieve *s, const struct rr_class *class)
{
	return rr_sieve_rank(s, class->row * s->length + class->column);
}

/* the place of its first member behind, and how often its row has been gone through before */
static inline int64_t
place_behind(const struct rr_sieve *s, const struct rr_class *class, const struct count *count,
			 int64_t *turns)
{
	const int more = class->day < count->later;
	int64_t column = class->column + count->rest[more] - s->length;

	*turns = count->turns[more] + 1 + (column >> 63);
	return class->row * s->length + column + (s->length & column >> 63);
}

static inline int64_t
rank_behind(const struct rr_sieve *s, const struct rr_class *class, const struct count *count)
{
	const int64_t row = class->row * s->length;
	int64_t turns;
	int64_t n = rr_sieve_rank(s, place_behind(s, class, count, &turns));

	if (turns != 0)
		n += turns * (rr_sieve_rank(s, row + s->length) - rr_sieve_rank(s, row));
	return n;
}

/* the sum of the ranks of many places that are sorted as bits, word by word */
static int64_t
sum_of_places(const struct rr_layout *layout, const uint64_t *places)
{
	int64_t n = 0;

	for (int i = 0; i < RR_ERA_WORDS; i++)
		n += (int64_t) layout->ranks[i] * rr_popcount(places[i]) +
			 rr_pairs(layout->bits[i], places[i]);
	return n;
}

/* one more of them; returns its rank if it is there already, which is counted at once */
static inline int64_t
add_place(const struct rr_layout *layout, uint64_t *places, uint64_t place)
{
	uint64_t *word = &places[place / 64];
	const uint64_t bit = UINT64_C(1) << (place % 64);

	if ((*word & bit) != 0)
		return rr_layout_rank(layout, (int64_t) place);
	*word |= bit;
	return 0;
}

/* the times of day of a word: their classes and, of these, the first member behind */
struct word
{
	int32_t row[64];
	int32_t first[64]; /* columns */
	int32_t behind[64];
	int32_t turns[64]; /* whether the latter has come to the end of the row once more than all do */
};

/* from the first of them to each, as in rr_sieve */
struct steps
{
	int32_t day[64];
	int32_t row[64];
	int32_t column[64];
};

static void
make_word_steps(const struct rr_sieve *s, struct steps *steps)
{
	for (int i = 0; i < 64; i++)
	{
		const struct rr_class *step = &s->steps[i / s->common];

		steps->day[i] = (int32_t) step->day;
		steps->row[i] = (int32_t) step->row;
		steps->column[i] = (int32_t) step->column;
	}
}

/*
 * rr_step_class() and place_behind(), written out for 64 at once, of which none waits for another, so that a compiler
 * makes vectors of it: here is where the time goes.
 */
static void
step_word(const struct rr_sieve *s, const struct count *count, const struct rr_class *first,
		  const struct steps *steps, struct word *to)
{
	const int32_t length = (int32_t) s->length;
	const int32_t rows = (int32_t) s->rows;
	const int32_t turn = (int32_t) s->turn;
	const int32_t cycle = (int32_t) s->cycle;
	const int32_t later = (int32_t) count->later;
	const int32_t rest = (int32_t) (count->rest[0] - s->length);
	const int32_t first_day = (int32_t) (first->day - s->cycle);
	const int32_t first_row = (int32_t) (first->row - s->rows);
	const int32_t first_column = (int32_t) (first->column - s->length);

	for (int i = 0; i < 64; i++)
	{
		const int32_t day = first_day + steps->day[i];
		const int32_t row = first_row + steps->row[i];
		int32_t column = first_column + steps->column[i];
		int32_t behind;

		column += length & column >> 31;
		column += (turn & ~(row >> 31)) - length;
		column += length & column >> 31;
		column += ~(day >> 31);
		column += length & column >> 31;
		behind = column + rest + (day + (cycle & day >> 31) < later);
		to->row[i] = row + (rows & row >> 31);
		to->first[i] = column;
		to->behind[i] = behind + (length & behind >> 31);
		to->turns[i] = 1 + (behind >> 31);
	}
}

/* rows of which the sizes are kept; those of more are shorter than a word */
#define ROWS_MOST 1024

/* what is counted of classes word by word */
struct summed
{
	int64_t first;  /* ranks of first members */
	int64_t behind; /* and of the first behind */
	int32_t sizes[ROWS_MOST];
};

_Static_assert(RR_CYCLE_DAYS / ROWS_MOST < 189, "the next divisor of an era is 63");

/* many classes in few rows: their places are sorted, as bits */
static inline void
sort_word(struct rr_sieve *s, const struct word *word, uint64_t bits, int64_t turns, bool firsts,
		  struct summed *to)
{
	const int64_t length = s->length;
	int64_t first = 0;
	int64_t behind = 0;

	for (bits >>= rr_lowest(bits); bits != 0; bits &= bits - 1)
	{
		const int i = rr_lowest(bits);
		const int64_t row = word->row[i] * length;

		behind += to->sizes[word->row[i]] * (turns + word->turns[i]) +
				  add_place(&s->layout, s->places[1], (uint64_t) (row + word->behind[i]));
		if (firsts)
			first += add_place(&s->layout, s->places[0], (uint64_t) (row + word->first[i]));
	}
	to->first += first;
	to->behind += behind;
}

/* in many rows, that are short: ranks count from the beginning of each */
static void
rank_word(const struct rr_sieve *s, const struct word *word, uint64_t bits, int64_t turns,
		  struct summed *to)
{
	for (bits >>= rr_lowest(bits); bits != 0; bits &= bits - 1)
	{
		const int i = rr_lowest(bits);
		const uint64_t row = (uint64_t) (word->row[i] * s->length);
		const uint64_t *words = &s->layout.bits[row / 64];
		const uint64_t days =
			(words[0] >> row % 64 | words[1] << 1 << (63 - row % 64)) & rr_below((int) s->length);

		to->behind += rr_popcount(days) * (turns + word->turns[i]) +
					  rr_popcount(days & rr_below(word->behind[i]));
		to->first += rr_popcount(days & rr_below(word->first[i]));
	}
}

/* are the times of day so that at most three are of one class, being INTERVAL apart? */
static bool
is_folded(const struct rr_sieve *s)
{
	return s->interval < s->unit_count && s->unit_count <= 3 * s->interval;
}

/* the times of day of a word; if folded, those that are one or three of a class (plane 0), or two or three (1) */
static inline uint64_t
starts_of_word(const struct rr_sieve *s, int64_t i, int plane, bool folded)
{
	uint64_t one;
	uint64_t two;
	uint64_t three;

	if (!folded)
		return s->starts[i];
	one = rr_starts_from(s, i * 64, s->interval);
	two = rr_starts_from(s, i * 64 + s->interval,
						 2 * s->interval < s->unit_count ? 2 * s->interval : s->unit_count);
	three = rr_starts_from(s, i * 64 + 2 * s->interval, s->unit_count);
	return plane == 0 ? one ^ two ^ three : (one & two) | (three & (one ^ two));
}

static int64_t
sum_of_plane(struct rr_sieve *s, const struct count *count, int plane, int64_t *firsts)
{
	const bool folded = is_folded(s);
	const int64_t words = ((folded ? s->interval : s->unit_count) + 63) / 64;
	struct summed sum = { .first = 0 };
	struct rr_class class = { 0, 0, 0 };
	struct steps steps;
	struct word word;
	int64_t before = -1;

	memset(s->places, 0, sizeof(s->places));
	make_word_steps(s, &steps);
	for (int64_t row = 0; row < s->rows && s->rows <= ROWS_MOST; row++)
		sum.sizes[row] = (int32_t) (rr_layout_rank(&s->layout, (row + 1) * s->length) -
									rr_layout_rank(&s->layout, row * s->length));
	for (int64_t i = 0; i < words; i++)
	{
		const uint64_t bits = starts_of_word(s, i, plane, folded);
		int64_t first;

		if (bits == 0)
			continue;
		first = i * 64 + rr_lowest(bits);
		if (before < 0 || (first - before) / s->common > RR_STEPS)
			class = rr_class_of(s, first);
		else
			rr_step_class(s, &class, &s->steps[(first - before) / s->common]);
		before = first;
		step_word(s, count, &class, &steps, &word);
		if (s->rows > ROWS_MOST)
			rank_word(s, &word, bits, count->turns[0], &sum);
		else if (firsts != NULL)
			sort_word(s, &word, bits, count->turns[0], true, &sum);
		else
			sort_word(s, &word, bits, count->turns[0], false, &sum);
	}
	if (firsts != NULL)
		*firsts += (sum.first + sum_of_places(&s->layout, s->places[0])) << plane;
	return (sum.behind + sum_of_places(&s->layout, s->places[1])) << plane;
}

/* by each time of day, for many of them; or by two bits of how many there are of a class */
static int64_t
sum_of_starts(struct rr_sieve *s, const struct count *count, int64_t *firsts)
{
	int64_t n = sum_of_plane(s, count, 0, firsts);

	s->expanded = false;
	return is_folded(s) ? n + sum_of_plane(s, count, 1, firsts) : n;
}

/* the ranks behind of all classes, and, if they are asked for, those of the first members */
static int64_t
sum_of_ranks(struct rr_sieve *s, const struct count *count, int64_t *firsts)
{
	struct cursor at = before_all;
	int64_t n = 0;

	if ((s->cycle >= s->size || is_folded(s)) && s->size >= RR_MANY_STARTS)
		return sum_of_starts(s, count, firsts);
	rr_sieve_expand_many(s);
	while (next_class(s, &at))
	{
		n += at.weight * rank_behind(s, &at.class, count);
		if (firsts != NULL)
			*firsts += at.weight * rank_of_first(s, &at.class);
	}
	return n;
}

int64_t
rr_sieve_before(struct rr_sieve *s, int64_t day)
{
	const struct count count = count_to(s, day);
	int64_t firsts = 0;
	int64_t n;

	/* if there are fewer such days than classes */
	if (rr_sieve_is_sparse(s) && (day / s->era + 1) * s->permitted < s->size)
		return rr_sparse_before(s, day);
	rr_sieve_lay_out(s);
	n = sum_of_ranks(s, &count, s->base < 0 ? &firsts : NULL);
	if (s->base < 0)
		s->base = firsts;
	return n - s->base;
}

/* ---- estimating ------------------------------------------------------------------------ */

static void
add_to_sample(struct rr_sample *sample, const struct rr_class *class, int64_t weight)
{
	if (weight == 0 || sample->n == RR_SAMPLE)
		return;
	sample->class[sample->n].day = (int32_t) class->day;
	sample->class[sample->n].row = (int32_t) class->row;
	sample->class[sample->n].column = (int32_t) class->column;
	sample->class[sample->n++].weight = (int32_t) weight;
}

/* how far to the next of a sample: by chance, for what is regular could always meet the same weekday */
static int64_t
random_step(uint32_t *seed, int64_t mean)
{
	*seed = *seed * 1664525 + 1013904223;
	return 1 + (int64_t) ((*seed >> 8) * (uint64_t) (2 * mean - 1) >> 24);
}

void
rr_sieve_sample(struct rr_sieve *s, struct rr_sample *sample)
{
	const bool by_classes = s->cycle < s->size;
	const int64_t mean = (by_classes ? s->cycle : s->size) / (RR_SAMPLE * 7 / 8) + 1;
	uint32_t seed = 1;
	int64_t total = 0;
	int64_t next = 0; /* of the starts from here on */

	rr_sieve_lay_out(s);
	sample->n = 0;
	if (by_classes)
		for (int64_t t = s->origin % s->common; t < s->interval && t < s->unit_count;
			 t += s->common * random_step(&seed, mean))
		{
			struct rr_class class = rr_class_of(s, t);

			add_to_sample(sample, &class, rr_sieve_weight(s, t));
		}
	else
		for (int i = 0; i < (int) RR_SECOND_WORDS; i++)
		{
			const int here = rr_popcount(s->starts[i]);

			for (; next < here; next += random_step(&seed, mean))
			{
				struct rr_class class =
					rr_class_of(s, i * 64 + rr_select(s->starts[i], (int) next));

				add_to_sample(sample, &class, 1);
			}
			next -= here;
		}
	for (int i = 0; i < sample->n; i++)
		total += sample->class[i].weight;
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
		const struct rr_class class = { sample->class[i].day, sample->class[i].row,
										sample->class[i].column };
		const int64_t row = class.row * s->length;
		int64_t turns;
		int64_t rank = rr_layout_rank(layout, place_behind(s, &class, &count, &turns));

		if (turns != 0)
			rank += turns * (rr_layout_rank(layout, row + s->length) - rr_layout_rank(layout, row));
		n += sample->class[i].weight * rank;
	}
	return (double) n * sample->scale;
}

/* ---- the nearest ---------------------------------------------------------------------- */

/* is there none in this part of the layout? */
static inline bool
is_bare(const struct rr_sieve *s, int64_t from, int64_t end)
{
	return from >= end || rr_sieve_rank(s, from) == rr_sieve_rank(s, end);
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
		return rr_first_from(s->layout.bits, RR_ERA_WORDS, (int) (begin + column)) -
			   (begin + column);
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
	if (s->cycle < s->size || s->size < RR_MANY_STARTS)
		return false;
	while (++at->word < RR_SECOND_WORDS)
		if (s->starts[at->word] != 0)
		{
			at->class = rr_class_of(s, at->word * 64 + rr_lowest(s->starts[at->word]));
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
	rr_sieve_lay_out(s);
	while (next_sample(s, &sample))
		consider_from(s, &sample.class, &n);
	/* else hardly any class is asked for more than a bit */
	if (n.best - from > s->cycle)
		rr_sieve_expand_many(s);
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
	rr_sieve_lay_out(s);
	while (next_sample(s, &sample))
		consider_upto(s, &sample.class, &n);
	if (upto - n.best > s->cycle)
		rr_sieve_expand_many(s);
	while (next_class(s, &at))
		consider_upto(s, &at.class, &n);
	return n.best;
}
