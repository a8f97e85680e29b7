/*
 * rr_summer.h
 *		Zones whose clock changes twice a year for ever: by an hour in March and October, or from a year on, which
 *		the context points to; and by half an hour in April and October, as on Lord Howe Island.
 */
#ifndef RR_TEST_SUMMER_H
#define RR_TEST_SUMMER_H

#include "recurrence/civil.h"
#include "recurrence/rrule.h"

static int64_t
last_sunday(int64_t year, int month)
{
	int64_t day = rr_day_of(year, month, 31);

	return (day - (rr_weekday(day) + 1) % 7) * RR_DAY_SECONDS + 3600;
}

static void
summer_span(void *context, int64_t instant, struct rr_span *span)
{
	int64_t year = rr_date_of(rr_floordiv(instant, RR_DAY_SECONDS)).year;
	int64_t spring = last_sunday(year, 3);
	int64_t autumn = last_sunday(year, 10);

	if (context != NULL && instant < last_sunday(*(const int64_t *) context, 3))
	{
		*span = (struct rr_span){ INT64_MIN, last_sunday(*(const int64_t *) context, 3), 3600, 3600,
								  7200 };
		return;
	}
	span->offset = instant >= spring && instant < autumn ? 7200 : 3600;
	span->offset_before = span->offset_after = 10800 - span->offset;
	span->start = instant < spring ? last_sunday(year - 1, 10) : instant < autumn ? spring : autumn;
	if (context != NULL && year == *(const int64_t *) context && span->start == spring)
		span->offset_before = 3600;
	span->end = instant < spring ? spring : instant < autumn ? autumn : last_sunday(year + 1, 3);
}

__attribute__((unused)) static const struct rr_zone summer_zone = { summer_span, NULL };

#define HOWE_STANDARD 37800
#define HOWE_SUMMER   39600

/* two o'clock on the first Sunday of a month, on a clock that is so far ahead of UTC */
static int64_t
first_sunday(int64_t year, int month, int64_t offset)
{
	int64_t day = rr_day_of(year, month, 1);

	return (day + (6 - rr_weekday(day))) * RR_DAY_SECONDS + 7200 - offset;
}

__attribute__((unused)) static void
howe_span(void *context, int64_t instant, struct rr_span *span)
{
	int64_t year = rr_date_of(rr_floordiv(instant, RR_DAY_SECONDS)).year;
	int64_t autumn = first_sunday(year, 4, HOWE_SUMMER);
	int64_t spring = first_sunday(year, 10, HOWE_STANDARD);

	(void) context;
	span->offset = instant >= autumn && instant < spring ? HOWE_STANDARD : HOWE_SUMMER;
	span->offset_before = span->offset_after = HOWE_STANDARD + HOWE_SUMMER - span->offset;
	span->start = instant < autumn   ? first_sunday(year - 1, 10, HOWE_STANDARD)
				  : instant < spring ? autumn
									 : spring;
	span->end = instant < autumn   ? autumn
				: instant < spring ? spring
								   : first_sunday(year + 1, 4, HOWE_SUMMER);
}

__attribute__((unused)) static const struct rr_zone howe_zone = { howe_span, NULL };

#endif
