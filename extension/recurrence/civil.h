/*
 * civil.h
 *		Arithmetic of the proleptic Gregorian calendar, for the recurrence library alone.
 *
 * Days are numbered from 1970-01-01 = 0, a Thursday; weekday 0 is Monday.
 */
#ifndef RR_CIVIL_H
#define RR_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define RR_DAY_SECONDS INT64_C(86400)
/* the calendar repeats after 400 years, which are a whole number of weeks */
#define RR_CYCLE_YEARS 400
#define RR_CYCLE_DAYS INT64_C(146097)
#define RR_CYCLE_WEEKS INT64_C(20871)

struct rr_civil
{
	int64_t		year;
	int			month;			/* 1..12 */
	int			day;			/* 1..31 */
};

static inline int64_t
rr_floordiv(int64_t a, int64_t b)
{
	int64_t		q = a / b;

	return q - (a % b < 0 ? 1 : 0);
}

/* b > 0 */
static inline int64_t
rr_floormod(int64_t a, int64_t b)
{
	int64_t		r = a % b;

	return r < 0 ? r + b : r;
}

static inline bool
rr_is_leap(int64_t year)
{
	return (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline int
rr_weekday(int64_t day)
{
	return (int) rr_floormod(day + 3, 7);
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
	int64_t		y = year - 1;

	return 365 * y + rr_floordiv(y, 4) - rr_floordiv(y, 100) + rr_floordiv(y, 400) - 719162;
}

extern int64_t rr_day_of(int64_t year, int month, int day);
extern struct rr_civil rr_date_of(int64_t day);

#endif
