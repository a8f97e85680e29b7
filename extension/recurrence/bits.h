/*
 * bits.h
 *		Sets of small numbers as bits, for the recurrence library alone.
 *
 * Rank, select and neighbour search over a few 64-bit words.  __builtin functions are those of
 * gcc and clang, the compilers that PostgreSQL extensions are built with.  Population counts
 * are made from bytes, not from __builtin_popcountll, which calls a library function where the
 * processor's instruction may not be assumed; select needs the bytes anyway.
 */
#ifndef RR_BITS_H
#define RR_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define RR_EACH_BYTE UINT64_C(0x0101010101010101)

/* every four bits hold how many of these are set in w */
static inline uint64_t
rr_four_sums(uint64_t w)
{
	w -= w >> 1 & UINT64_C(0x5555555555555555);
	return (w & UINT64_C(0x3333333333333333)) + (w >> 2 & UINT64_C(0x3333333333333333));
}

/* byte i holds the number of bits in bytes 0 .. i of w */
static inline uint64_t
rr_byte_sums(uint64_t w)
{
	w = rr_four_sums(w);
	return ((w + (w >> 4)) & (15 * RR_EACH_BYTE)) * RR_EACH_BYTE;
}

static inline int
rr_popcount(uint64_t w)
{
	return (int) (rr_byte_sums(w) >> 56);
}

/* the sum of the products of bytes, which is less than 65,536 */
static inline int
rr_byte_products(uint64_t x, uint64_t y)
{
	const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
	const uint64_t reversed = __builtin_bswap64(y);

	/* as products of polynomials, of whose coefficients that of x^3 is on top */
	return (int) (((x & even) * (reversed >> 8 & even) >> 48) +
				  ((x >> 8 & even) * (reversed & even) >> 48));
}

/* how many pairs there are of a bit of w and a higher one of v */
static inline int
rr_pairs(uint64_t w, uint64_t v)
{
	const uint64_t low = 15 * RR_EACH_BYTE;
	const uint64_t fours = rr_four_sums(w);
	const uint64_t others = rr_four_sums(v);
	const uint64_t even = fours & low;
	const uint64_t odd = others >> 4 & low;
	/* bytes before, for those of v */
	const uint64_t before = (even + (fours >> 4 & low)) * RR_EACH_BYTE << 8;
	/* in the same four bits: one, two and three apart */
	const uint64_t near = rr_four_sums(w & v >> 1 & UINT64_C(0x7777777777777777)) +
						  rr_four_sums(w & v >> 2 & UINT64_C(0x3333333333333333)) +
						  (w & v >> 3 & UINT64_C(0x1111111111111111));

	return (int) (((near + (near >> 4)) & low) * RR_EACH_BYTE >> 56) +
		   rr_byte_products(before, (others & low) + odd) + rr_byte_products(even, odd);
}

/* w != 0 */
static inline int
rr_lowest(uint64_t w)
{
	return __builtin_ctzll(w);
}

/* w != 0 */
static inline int
rr_highest(uint64_t w)
{
	return 63 - __builtin_clzll(w);
}

/* bits 0 .. n-1, for 0 <= n <= 64 */
static inline uint64_t
rr_below(int n)
{
	return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

/*
 * The number of the k-th bit of w, k = 0 .. popcount - 1.  Sums are at most 64, so bit 7 of
 * (k + 128) - sum says for all bytes at once whether they end before that bit.
 */
static inline int
rr_select(uint64_t w, int k)
{
	uint64_t sums = rr_byte_sums(w);
	uint64_t before = ((uint64_t) k * RR_EACH_BYTE | 128 * RR_EACH_BYTE) - sums;
	int place = (int) ((before >> 7 & RR_EACH_BYTE) * RR_EACH_BYTE >> 56) * 8;

	k -= (int) (sums << 8 >> place & 255);
	w >>= place;
	while (k-- > 0)
		w &= w - 1;
	return place + rr_lowest(w);
}

static inline bool
rr_has(const uint64_t *w, int bit)
{
	return (w[bit / 64] >> (bit % 64) & 1) != 0;
}

static inline void
rr_add(uint64_t *w, int bit)
{
	w[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static inline int
rr_size(const uint64_t *w, int words)
{
	int n = 0;

	for (int i = 0; i < words; i++)
		n += rr_popcount(w[i]);
	return n;
}

/* how many bits are below this one; 0 <= bit <= 64 * words */
static inline int
rr_rank(const uint64_t *w, int bit)
{
	int n = 0;
	int i = 0;

	for (; i < bit / 64; i++)
		n += rr_popcount(w[i]);
	return bit % 64 == 0 ? n : n + rr_popcount(w[i] & rr_below(bit % 64));
}

/* the number of the k-th bit of all words */
static inline int
rr_select_in(const uint64_t *w, int k)
{
	int i = 0;

	for (int n; k >= (n = rr_popcount(w[i])); i++)
		k -= n;
	return i * 64 + rr_select(w[i], k);
}

/* the first bit >= from, or -1; from >= 0 */
static inline int
rr_first_from(const uint64_t *w, int words, int from)
{
	int i = from / 64;
	uint64_t rest;

	if (i >= words)
		return -1;
	rest = w[i] & ~rr_below(from % 64);
	while (rest == 0)
	{
		if (++i == words)
			return -1;
		rest = w[i];
	}
	return i * 64 + rr_lowest(rest);
}

/* the last bit <= upto, or -1; upto < 64 * words, and less than 0 finds nothing */
static inline int
rr_last_upto(const uint64_t *w, int upto)
{
	int i = upto / 64;
	uint64_t rest;

	if (upto < 0)
		return -1;
	rest = w[i] & rr_below(upto % 64 + 1);
	while (rest == 0)
	{
		if (--i < 0)
			return -1;
		rest = w[i];
	}
	return i * 64 + rr_highest(rest);
}

#endif
