/*
 * tap.h
 *		Test programs in C that print TAP, for prove.
 *
 * One header, one program per test file: call ok(), is_int() and is_str() as often as you like and
 * return done_testing() from main.  Nothing aborts on a failure.
 */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_run;
static int tap_failed;

/* a comment for people, on standard error so that prove shows it; "# " before each line */
__attribute__((format(printf, 1, 2), unused)) static void
diag(const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		fprintf(stderr, "# %s\n", line);
}

__attribute__((format(printf, 2, 3), unused)) static bool
ok(bool passed, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", passed ? "" : "not ", ++tap_run);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (!passed)
		tap_failed++;
	return passed;
}

__attribute__((unused)) static bool
is_int(int64_t got, int64_t wanted, const char *name)
{
	ok(got == wanted, "%s", name);
	if (got != wanted)
		diag("%s:\n    got %" PRId64 "\n wanted %" PRId64, name, got, wanted);
	return got == wanted;
}

__attribute__((unused)) static bool
is_str(const char *got, const char *wanted, const char *name)
{
	bool same = strcmp(got, wanted) == 0;

	ok(same, "%s", name);
	if (!same)
		diag("%s:\n    got %s\n wanted %s", name, got, wanted);
	return same;
}

/* count a group of checks as skipped, with the reason */
__attribute__((unused)) static void
skip(const char *reason)
{
	printf("ok %d # SKIP %s\n", ++tap_run, reason);
}

/* the plan, at the end; the exit status of the program */
__attribute__((unused)) static int
done_testing(void)
{
	printf("1..%d\n", tap_run);
	return tap_failed == 0 ? 0 : 1;
}

#endif
