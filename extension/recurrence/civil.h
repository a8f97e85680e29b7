/*
 * civil.h
 *		Arithmetic of the proleptic Gregorian calendar, for the recurrence library alone.
 *
 * Days are numbered from 1970-01-01 = 0, a Thursday; weekday 0 is Monday.  Everything holds for
 * the years -7999 to 11 million: the calendar is shifted by 20 cycles of 400 years, so that the
 * divisions, which are most of the work, are those of unsigned 32-bit numbers.
 */
#ifndef RR_CIVIL_H
#define RR_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define RR_DAY_SECONDS INT64_C(86400)
/* the calendar repeats after 400 years, which are a whole number of weeks */
#define RR_CYCLE_YEARS 400
#define RR_CYCLE_DAYS  INT64_C(146097)
#define RR_CYCLE_WEEKS INT64_C(20871)

struct rr_civil
{
	int64_t year;
	int month; /* 1..12 */
	int day;   /* 1..31 */
};

static inline int64_t
rr_floordiv(int64_t a, int64_t b)
{
	int64_t q = a / b;

	return q - (a % b < 0 ? 1 : 0);
}

/* b > 0 */
static inline int64_t
rr_floormod(int64_t a, int64_t b)
{
	int64_t r = a % b;

	return r < 0 ? r + b : r;
}

/* the shift; a whole number of weeks, too */
#define RR_SHIFT_YEARS (20 * RR_CYCLE_YEARS)
#define RR_SHIFT_DAYS  (20 * RR_CYCLE_DAYS)

static inline bool
rr_is_leap(int64_t year)
{
	/* a multiple of 100 that 16 divides is one of 400 */
	return (year & 3) == 0 && ((uint32_t) (year + RR_SHIFT_YEARS) % 100 != 0 || (year & 15) == 0);
}

static inline int
rr_weekday(int64_t day)
{
	return (int) ((uint32_t) (day + 3 + RR_SHIFT_DAYS) % 7);
}

/* days of the year before its month m = 1..12; m = 13 gives the length of the year */
extern const int16_t rr_days_before[2][14];

static inline int
rr_month_length(bool leap, int month)
{
	return rr_days_before[leap][month + 1] - rr_days_before[leap][month];
}

/* 1 January */
static inline int64_t
rr_year_start(int64_t year)
{
	uint32_t y = (uint32_t) (year - 1 + RR_SHIFT_YEARS);

	return (int64_t) (365 * y + y / 4 - y / 100 + y / 400) - 719162 - RR_SHIFT_DAYS;
}

extern int64_t rr_day_of(int64_t year, int month, int day);
extern struct rr_civil rr_date_of(int64_t day);

#endif
