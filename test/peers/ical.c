/*
 * ical.c
 *		The same as ours.c by libical; "timeout" where it takes longer than a tenth of a second.
 */
#include <libical/ical.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIMIT 12

static sigjmp_buf too_long;

static void
on_alarm(int signal_number)
{
	(void) signal_number;
	siglongjmp(too_long, 1);
}

static void
expand(const char *dtstart, const char *text)
{
	static char out[LIMIT * 32 + 1];
	struct icalrecurrencetype rule = icalrecurrencetype_from_string(text);
	icalrecur_iterator *iterator;
	struct icaltimetype t;

	out[0] = '\0';
	iterator = icalrecur_iterator_new(rule, icaltime_from_string(dtstart));
	if (iterator == NULL)
	{
		puts("error");
		return;
	}
	for (int n = 0; n < LIMIT; n++)
	{
		t = icalrecur_iterator_next(iterator);
		if (icaltime_is_null_time(t) || t.year >= 2100)
			break;
		sprintf(out + strlen(out), "%04d%02d%02dT%02d%02d%02d ", t.year, t.month, t.day, t.hour,
				t.minute, t.second);
	}
	icalrecur_iterator_free(iterator);
	puts(out);
}

int
main(void)
{
	static char line[10000];

	signal(SIGALRM, on_alarm);
	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		char *text = strchr(line, '\t');

		line[strcspn(line, "\n")] = '\0';
		if (text == NULL)
			continue;
		*text++ = '\0';
		if (sigsetjmp(too_long, 1) == 0)
		{
			ualarm(100000, 0);
			expand(line, text);
		}
		else
			puts("timeout");
		alarm(0);
	}
	return 0;
}
