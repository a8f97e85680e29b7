/*
 * classes.h
 *		The classes of days of a sieve, one after the other, and ranks in its layout: for sieve.c and classes.c.
 */
#ifndef RR_CLASSES_H
#define RR_CLASSES_H

#include "sieve.h"

/* from so many classes on, a sample of them is looked at first, and ranks are laid out for counting */
#define RR_MANY_STARTS 4096

extern void rr_sieve_expand_many(struct rr_sieve *s);

/* bits 0 .. n - 1 of a word, for any n */
static inline uint64_t
rr_bits_until(int64_t n)
{
	return n <= 0 ? 0 : rr_below(n < 64 ? (int) n : 64);
}

/* the starts of a place and 63 behind it that are before `end` */
static inline uint64_t
rr_starts_from(const struct rr_sieve *s, int64_t place, int64_t end)
{
	const int64_t i = place / 64;
	const int shift = (int) (place % 64);
	uint64_t bits;

	if (place >= end)
		return 0;
	bits = s->starts[i] >> shift;
	if (shift != 0 && i + 1 < RR_SECOND_WORDS)
		bits |= s->starts[i + 1] << (64 - shift);
	return bits & rr_bits_until(end - place);
}

static inline struct rr_class
rr_class_on(const struct rr_sieve *s, int64_t day)
{
	struct rr_class class = { day, day % s->rows, day / s->rows % s->length * s->turn % s->length };

	return class;
}

/* the class of a time of day */
static inline struct rr_class
rr_class_of(const struct rr_sieve *s, int64_t t)
{
	return rr_class_on(s,
					   rr_floormod((s->origin - t) / s->common, s->cycle) * s->inverse % s->cycle);
}

/* x modulo m, for 0 <= x < 2 * m; without a branch, for nothing here can be predicted */
static inline int64_t
rr_reduced(int64_t x, int64_t m)
{
	x -= m;
	return x + (m & x >> 63);
}

/* a later class of the series; everything in it is a sum modulo something */
static inline void
rr_step_class(const struct rr_sieve *s, struct rr_class *class, const struct rr_class *step)
{
	int64_t column = rr_reduced(class->column + step->column, s->length);
	int64_t row = class->row + step->row;
	int64_t day = class->day + step->day - s->cycle;

	if (s->rows > 1)
	{
		column = rr_reduced(column + (s->turn & (s->rows - 1 - row) >> 63), s->length);
		row = rr_reduced(row, s->rows);
	}
	/* back by c days, which is one column */
	column -= 1 + (day >> 63);
	class->column = column + (s->length & column >> 63);
	class->row = row;
	class->day = day + (s->cycle & day >> 63);
}

/* how many of the lowest n < 4 bits are set: the numbers of bits in 0 .. 7 stand in a constant, two bits each */
static inline uint64_t
rr_count_below_4(uint64_t bits, uint64_t n)
{
	return UINT64_C(0xe994) >> 2 * (bits & ((UINT64_C(1) << n) - 1)) & 3;
}

static inline int64_t
rr_layout_rank(const struct rr_layout *layout, int64_t i)
{
	return (int64_t) layout->ranks[i / 64] +
		   rr_popcount(layout->bits[i / 64] & rr_below((int) (i % 64)));
}

static inline int64_t
rr_sieve_rank(const struct rr_sieve *s, int64_t i)
{
	/* unsigned: these are shifts */
	uint64_t place = (uint64_t) i;

	if (!s->expanded)
		return rr_layout_rank(&s->layout, i);
	return (int64_t) (s->layout.ranks[place / 256 * 4] +
					  (s->partial[place / 64 * 2 + place / 4 % 2] >> (place / 8 % 8 * 8) & 255) +
					  rr_count_below_4(s->layout.bits[place / 64] >> (place & 60), place % 4));
}

#endif
