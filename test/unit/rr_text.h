/*
 * rr_text.h
 *		Times as text for the tests of the recurrence library.
 */
#ifndef RR_TEST_TEXT_H
#define RR_TEST_TEXT_H

#include <stdio.h>
#include <string.h>

#include "recurrence/civil.h"
#include "recurrence/rrule.h"

/*
 * "2026-03-08T02:30:00", "2026-03-08" or without dashes and colons; what follows is ignored.  Other
 * words are a time that nothing occurs at.
 */
__attribute__((unused)) static int64_t
read_time(const char *text)
{
	int y, m, d, h = 0, min = 0, s = 0;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &y, &m, &d, &h, &min, &s) < 3 &&
		sscanf(text, "%4d%2d%2dT%2d%2d%2d", &y, &m, &d, &h, &min, &s) < 3)
		return RR_TIME_MIN - 1;
	return rr_day_of(y, m, d) * 86400 + h * 3600 + min * 60 + s;
}

/* into one of a few static buffers, so that one printf can have several */
__attribute__((unused)) static const char *
show_time(int64_t t)
{
	static char buffers[4][64];
	static int next;
	char *buf = buffers[next++ % 4];
	struct rr_civil c = rr_date_of(rr_floordiv(t, 86400));
	int sod = (int) rr_floormod(t, 86400);

	snprintf(buf, sizeof(buffers[0]), "%04lld-%02d-%02dT%02d:%02d:%02d", (long long) c.year,
			 c.month, c.day, sod / 3600, sod / 60 % 60, sod % 60);
	return buf;
}

__attribute__((unused)) static bool
parse_rule(const char *text, struct rr_rule *rule)
{
	struct rr_error error;

	return rr_parse(text, strlen(text), rule, &error);
}

#endif
