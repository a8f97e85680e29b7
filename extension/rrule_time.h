/*
 * rrule_time.h
 *		SQL's times as the recurrence library counts them, and back.
 *
 * Times are whole seconds in the library; the fraction of a second of DTSTART is set aside and
 * carried by every occurrence.
 */
#ifndef AGENDA_RRULE_TIME_H
#define AGENDA_RRULE_TIME_H

#include "utils/timestamp.h"

#include "recurrence/rrule.h"

/* the library counts from 1970, PostgreSQL from 2000 */
#define EPOCH_SECONDS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* the seconds that a timestamp can hold, in the library's count */
#define FIRST_SECOND (MIN_TIMESTAMP / USECS_PER_SEC + EPOCH_SECONDS)
#define LAST_SECOND  (END_TIMESTAMP / USECS_PER_SEC + EPOCH_SECONDS - 1)

StaticAssertDecl(RR_TIME_MIN < MIN_TIMESTAMP / USECS_PER_SEC + EPOCH_SECONDS,
				 "the library covers the range of timestamps");
StaticAssertDecl(RR_TIME_MAX > END_TIMESTAMP / USECS_PER_SEC + EPOCH_SECONDS,
				 "the library covers the range of timestamps");

/* a moment of a question, relative to the whole seconds of its series */
typedef struct Moment
{
	int infinite; /* -1, +1: before or after all; 0: neither */
	int64 second; /* rounded down */
	bool exact;   /* nothing was rounded */
} Moment;

static inline Moment
timestamp_moment(int64 timestamp, int64 fraction)
{
	Moment m = { 0 };

	if (TIMESTAMP_NOT_FINITE(timestamp))
	{
		m.infinite = TIMESTAMP_IS_NOBEGIN(timestamp) ? -1 : 1;
		return m;
	}
	timestamp -= fraction;
	m.second = timestamp / USECS_PER_SEC;
	if (timestamp % USECS_PER_SEC < 0)
		m.second--;
	m.exact = timestamp == m.second * USECS_PER_SEC;
	m.second += EPOCH_SECONDS;
	return m;
}

/* the fraction of a second of a finite time, 0 .. 999999 microseconds */
static inline int64
timestamp_fraction(int64 timestamp)
{
	return timestamp - (timestamp_moment(timestamp, 0).second - EPOCH_SECONDS) * USECS_PER_SEC;
}

#endif
