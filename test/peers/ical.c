/*
 * ical.c
 *		The same as ours.c by libical; "timeout" where it takes longer than LIMIT_US of processor
 *		time, "crash" where it does not survive the rule.
 *
 * A child answers line after line; the parent starts another one behind the line that ended it.
 */
#include <libical/ical.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT    12
#define LIMIT_US 8000
#define TIMEOUT  2

static void
on_alarm(int signal_number)
{
	(void) signal_number;
	_exit(TIMEOUT);
}

static void
set_alarm(int microseconds)
{
	struct itimerval timer = { { 0, 0 }, { 0, microseconds } };

	setitimer(ITIMER_VIRTUAL, &timer, NULL);
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

static void
answer(char *line)
{
	char *text = strchr(line, '\t');

	if (text == NULL)
	{
		puts("error");
		return;
	}
	*text++ = '\0';
	set_alarm(LIMIT_US);
	expand(line, text);
	set_alarm(0);
}

/* answers from line *next on; where it ends early, *next is the line that it ended at */
static _Noreturn void
answer_from(char **lines, int n, volatile int *next)
{
	signal(SIGVTALRM, on_alarm);
	for (; *next < n; ++*next)
	{
		answer(lines[*next]);
		fflush(stdout);
	}
	_exit(0);
}

static char **
read_lines(int *n)
{
	static char line[10000];
	char **lines = NULL;

	for (*n = 0; fgets(line, sizeof(line), stdin) != NULL; ++*n)
	{
		line[strcspn(line, "\n")] = '\0';
		lines = realloc(lines, (size_t) (*n + 1) * sizeof(*lines));
		if (lines == NULL || (lines[*n] = strdup(line)) == NULL)
			abort();
	}
	return lines;
}

int
main(void)
{
	int n;
	char **lines = read_lines(&n);
	volatile int *next =
		mmap(NULL, sizeof(*next), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (next == MAP_FAILED)
		return 1;
	while (*next < n)
	{
		int status;
		pid_t child = fork();

		if (child < 0)
			return 1;
		if (child == 0)
			answer_from(lines, n, next);
		if (waitpid(child, &status, 0) != child)
			return 1;
		if (*next == n)
			break;
		puts(WIFEXITED(status) && WEXITSTATUS(status) == TIMEOUT ? "timeout" : "crash");
		fflush(stdout);
		++*next;
	}
	return 0;
}
