/*
 * ours.c
 *		Occurrences of rules by the recurrence library, for comparison with other engines.
 *
 * Reads lines "20260101T090000<TAB>rule", writes a line with the first occurrences of each, at most
 * LIMIT, separated by spaces; "error" where the rule is refused.  ical.c and dateutil_peer.py do so too.
 */
#include <stdio.h>
#include <string.h>

#include "recurrence/civil.h"
#include "recurrence/rrule.h"

#define LIMIT 12

static void
print_time(int64_t t)
{
	struct rr_civil c = rr_date_of(rr_floordiv(t, RR_DAY_SECONDS));
	int second = (int) rr_floormod(t, RR_DAY_SECONDS);

	printf("%04d%02d%02dT%02d%02d%02d ", (int) c.year, c.month, c.day, second / 3600,
		   second / 60 % 60, second % 60);
}

int
main(void)
{
	static struct rr_plan plan;
	static char line[10000];

	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		int y, mon, d, h, min, s;
		struct rr_rule rule;
		struct rr_error error;
		int64_t t = RR_TIME_MIN;
		char *text = strchr(line, '\t');

		line[strcspn(line, "\n")] = '\0';
		if (text == NULL || sscanf(line, "%4d%2d%2dT%2d%2d%2d", &y, &mon, &d, &h, &min, &s) != 6 ||
			!rr_parse(text + 1, strlen(text + 1), &rule, &error))
		{
			puts("error");
			continue;
		}
		rr_plan_make(&plan, &rule, rr_day_of(y, mon, d) * RR_DAY_SECONDS + h * 3600 + min * 60 + s,
					 RR_FLOATING);
		/* the other engines end with the year 9999, or well before */
		for (int n = 0; n < LIMIT && rr_next(&plan, t, &t) &&
						rr_date_of(rr_floordiv(t, RR_DAY_SECONDS)).year < 2100;
			 n++, t++)
			print_time(t);
		putchar('\n');
	}
	return 0;
}
