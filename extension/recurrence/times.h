/*
 * times.h
 *		Times of day as the product of three bit sets, for the recurrence library alone.
 *
 * Search, rank and select in struct rr_times; the product is never listed.  A set may also
 * stand for offsets in an hour (its only hour is 0) or in a minute.
 */
#ifndef RR_TIMES_H
#define RR_TIMES_H

#include "bits.h"
#include "rrule.h"

static inline void
rr_times_make(struct rr_times *times, uint32_t hours, uint64_t minutes, uint64_t seconds)
{
	times->hours = hours;
	times->minutes = minutes;
	times->seconds = seconds;
	times->per_minute = rr_popcount(seconds);
	times->per_hour = rr_popcount(minutes) * times->per_minute;
	times->n = rr_popcount(hours) * times->per_hour;
	times->first = rr_lowest(hours) * 3600 + rr_lowest(minutes) * 60 + rr_lowest(seconds);
	times->last = rr_highest(hours) * 3600 + rr_highest(minutes) * 60 + rr_highest(seconds);
}

static inline bool
rr_time_has(const struct rr_times *times, int sod)
{
	return (times->hours >> (sod / 3600) & 1) != 0 &&
		   (times->minutes >> (sod / 60 % 60) & 1) != 0 && (times->seconds >> (sod % 60) & 1) != 0;
}

/* the first time of day >= sod, or -1 */
static inline int
rr_time_from(const struct rr_times *times, int sod)
{
	int h = sod / 3600;
	int m = sod / 60 % 60;
	int s;

	if (sod <= times->first)
		return times->first;
	if (sod > times->last)
		return -1;
	if ((times->hours >> h & 1) != 0)
	{
		if ((times->minutes >> m & 1) != 0)
		{
			s = rr_first_from(&times->seconds, 1, sod % 60);
			if (s >= 0)
				return h * 3600 + m * 60 + s;
		}
		m = rr_first_from(&times->minutes, 1, m + 1);
		if (m >= 0)
			return h * 3600 + m * 60 + rr_lowest(times->seconds);
	}
	/* sod <= last_time, so there is a later hour */
	h = rr_lowest((uint64_t) times->hours & ~rr_below(h + 1));
	return h * 3600 + rr_lowest(times->minutes) * 60 + rr_lowest(times->seconds);
}

/* the last time of day <= sod, or -1 */
static inline int
rr_time_upto(const struct rr_times *times, int sod)
{
	int h = sod / 3600;
	int m = sod / 60 % 60;
	int s;

	if (sod >= times->last)
		return times->last;
	if (sod < times->first)
		return -1;
	if ((times->hours >> h & 1) != 0)
	{
		if ((times->minutes >> m & 1) != 0)
		{
			s = rr_last_upto(&times->seconds, sod % 60);
			if (s >= 0)
				return h * 3600 + m * 60 + s;
		}
		m = rr_last_upto(&times->minutes, m - 1);
		if (m >= 0)
			return h * 3600 + m * 60 + rr_highest(times->seconds);
	}
	h = rr_highest((uint64_t) times->hours & rr_below(h));
	return h * 3600 + rr_highest(times->minutes) * 60 + rr_highest(times->seconds);
}

/* how many times of day are before sod */
static inline int
rr_time_rank(const struct rr_times *times, int sod)
{
	int h = sod / 3600;
	int m = sod / 60 % 60;
	int rank;

	/* by far the most rules have one time of day */
	if (times->n == 1)
		return sod > times->first ? 1 : 0;
	rank = rr_popcount((uint64_t) times->hours & rr_below(h)) * times->per_hour;

	if ((times->hours >> h & 1) == 0)
		return rank;
	rank += rr_popcount(times->minutes & rr_below(m)) * times->per_minute;
	if ((times->minutes >> m & 1) == 0)
		return rank;
	return rank + rr_popcount(times->seconds & rr_below(sod % 60));
}

static inline int
rr_time_select(const struct rr_times *times, int k)
{
	int h;
	int m;

	if (times->n == 1)
		return times->first;
	h = rr_select(times->hours, k / times->per_hour);
	m = rr_select(times->minutes, k % times->per_hour / times->per_minute);
	return h * 3600 + m * 60 + rr_select(times->seconds, k % times->per_minute);
}

#endif
