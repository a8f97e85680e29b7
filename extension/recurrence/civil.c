/*
 * civil.c
 *		Days to dates and back.  See civil.h.
 */
#include "civil.h"

const int16_t rr_days_before[2][14] = {
	{ 0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 },
	{ 0, 0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366 },
};

int64_t
rr_day_of(int64_t year, int month, int day)
{
	return rr_year_start(year) + rr_days_before[rr_is_leap(year)][month] + day - 1;
}

/*
 * The year is counted from 1 March, so that the leap day comes last and the lengths of the
 * months follow a line: month index = (5 * day of year + 2) / 153.
 */
struct rr_civil
rr_date_of(int64_t day)
{
	struct rr_civil c;
	uint32_t shifted = (uint32_t) (day + 719468 + RR_SHIFT_DAYS); /* from a 1 March */
	uint32_t era = shifted / (uint32_t) RR_CYCLE_DAYS;
	uint32_t d = shifted % (uint32_t) RR_CYCLE_DAYS;
	uint32_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
	uint32_t doy = d - (365 * y + y / 4 - y / 100);
	uint32_t m = (5 * doy + 2) / 153;

	c.day = (int) (doy - (153 * m + 2) / 5) + 1;
	c.month = (int) (m < 10 ? m + 3 : m - 9);
	c.year = (int64_t) (y + era * RR_CYCLE_YEARS) - RR_SHIFT_YEARS + (c.month <= 2 ? 1 : 0);
	return c;
}
