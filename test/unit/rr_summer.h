/*
 * rr_summer.h
 *		A zone with a change of clock in March and October of every year, for ever; or from a year
 *		on, which the context points to.
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

#endif
