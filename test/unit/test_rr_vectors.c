/*
 * test_rr_vectors.c
 *		The conformance vectors of data/rrule.tsv: every row whose verdict is decided must pass.
 *
 * The rows that other engines answer differently are decided by the semantics of
 * extension/recurrence/README.md: each must agree with us, or have one of the reasons below.
 *
 * A row: source, dtstart, tzid, rule, "complete" or "first N", the expected times, kind
 * (floating, utc, date, zoned), verdict.  Decided are the verdicts both, consensus, table and
 * derived.
 * Rows in a zone hold one instant several times where several local times fall onto it in a
 * gap; occurrences are strictly increasing instants, so these are sorted and made one first.
 * The derived rows of hours, minutes and seconds in a zone are the letter of RFC 5545, so they
 * are run without rr_plan_elapse(), the rows of other sources with it.
 */
#include <stdlib.h>

#include "tap.h"
#include "rr_text.h"
#include "tzif.h"

#define MAX_LINE  100000
#define MAX_TIMES 4000

enum
{
	SOURCE,
	DTSTART,
	TZID,
	RULE,
	LIMIT,
	EXPECTED,
	KIND,
	VERDICT,
	COLUMNS
};

enum outcome
{
	AGREES,
	DIFFERS,
	OUT_OF_SCOPE,
	FORBIDDEN
};

struct tally
{
	int decided; /* rows that must pass */
	int passed;
	int out_of_scope; /* of the decided rows: other calendars */
	int forbidden;    /* of the decided rows: rules that the RFC forbids, refused */
	int open;         /* rows without a decided verdict */
	int open_agree;
	int open_out_of_scope;
	int open_decided; /* that differ, for a reason that is written */
};

static int
split(char *line, char *column[COLUMNS])
{
	int n = 0;

	line[strcspn(line, "\r\n")] = '\0';
	for (char *p = line; p != NULL && n < COLUMNS; n++)
	{
		column[n] = p;
		p = strchr(p, '\t');
		if (p != NULL)
			*p++ = '\0';
	}
	return n;
}

/* the offset at the end of a zoned time, "-05:00" or "+00:20:40" */
static int64_t
read_offset(const char *text)
{
	int h = 0, m = 0, s = 0;

	sscanf(text + 20, "%2d:%2d:%2d", &h, &m, &s);
	return (text[19] == '-' ? -1 : 1) * (h * 3600 + m * 60 + s);
}

static int
ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return (x > y) - (x < y);
}

/* the expected times; for a zone as instants, sorted, each once */
static int
read_expected(const char *text, bool zoned, int64_t *times)
{
	int n = 0;
	int kept = 0;

	for (; *text != '\0' && n < MAX_TIMES; n++)
	{
		times[n] = read_time(text) - (zoned ? read_offset(text) : 0);
		text += strcspn(text, ",");
		text += *text == ',';
	}
	if (!zoned || n == 0)
		return n;
	qsort(times, (size_t) n, sizeof(*times), ascending);
	for (int i = 0; i < n; i++)
		if (i == 0 || times[i] != times[kept - 1])
			times[kept++] = times[i];
	return kept;
}

static bool
next_of(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo, int64_t *found)
{
	return zone != NULL ? rr_zoned_next(plan, zone, lo, found) : rr_next(plan, lo, found);
}

static enum outcome
compare_times(char *column[COLUMNS], const struct rr_plan *plan, const struct rr_zone *zone)
{
	static int64_t expected[MAX_TIMES];
	int n = read_expected(column[EXPECTED], zone != NULL, expected);
	int64_t lo = RR_TIME_MIN;
	int64_t t;

	for (int i = 0; i < n; i++, lo = t + 1)
		if (!next_of(plan, zone, lo, &t) || t != expected[i])
			return DIFFERS;
	if (strcmp(column[LIMIT], "complete") == 0 && next_of(plan, zone, lo, &t))
		return DIFFERS;
	return AGREES;
}

/* combinations that libraries accept and the RFC does not (reference: RFC 5545 3.3.10) */
static bool
is_forbidden(enum rr_code code)
{
	return code >= RR_COUNT_AND_UNTIL && code <= RR_SETPOS_ALONE;
}

static enum outcome
run_row(char *column[COLUMNS])
{
	static struct rr_plan plan;
	static struct tzif tz;
	struct rr_zone zone = { tzif_span, &tz };
	struct rr_rule rule;
	struct rr_error error;
	bool dates = strcmp(column[KIND], "date") == 0;
	bool zoned = strcmp(column[KIND], "zoned") == 0;

	if (!rr_parse(column[RULE], strlen(column[RULE]), &rule, &error))
	{
		if (strcmp(column[LIMIT], "error") == 0)
			return AGREES;
		if (error.code == RR_NO_RSCALE)
			return OUT_OF_SCOPE;
		return is_forbidden(error.code) ? FORBIDDEN : DIFFERS;
	}
	if (zoned && !tzif_load(&tz, column[TZID]))
		return DIFFERS;
	rr_plan_make(&plan, &rule, read_time(column[DTSTART]),
				 zoned   ? RR_ZONED
				 : dates ? RR_DATES
						 : RR_FLOATING);
	if (zoned && strncmp(column[VERDICT], "derived", 7) != 0)
		rr_plan_elapse(&plan, &zone);
	return compare_times(column, &plan, zoned ? &zone : NULL);
}

/* why our answer to a row without a decided verdict is another; NULL if there is no reason */
static const char *
reason_to_differ(char *column[COLUMNS])
{
	const char *rule = column[RULE];
	bool weeks = strstr(rule, "BYWEEKNO") != NULL;

	if (strcmp(column[VERDICT], "fill") == 0)
		return "the table of the RFC expands where DTSTART fills the row's days";
	if (weeks && strstr(rule, "FREQ=WEEKLY") != NULL)
		return "the RFC forbids BYWEEKNO in weeks";
	if (weeks && strstr(rule, "SKIP=") != NULL)
		return "SKIP moves dates, no weeks";
	if (weeks && strstr(rule, "INTERVAL=") != NULL)
		return "the period of BYWEEKNO is the calendar year";
	if (strstr(rule, "BYSETPOS") != NULL && strncmp(column[SOURCE], "ical.js", 7) == 0)
		return "a DTSTART that the rule does not hit is no occurrence";
	if (strcmp(column[LIMIT], "error") == 0)
		return "the row's library does not support the rule";
	return NULL;
}

static void
count_open_row(struct tally *tally, char *column[COLUMNS], enum outcome outcome, int line)
{
	tally->open++;
	if (outcome == AGREES)
		tally->open_agree++;
	else if (outcome == OUT_OF_SCOPE)
		tally->open_out_of_scope++;
	else if (reason_to_differ(column) != NULL)
		tally->open_decided++;
	else
		diag("line %d, %s: %s from %s differs without a reason", line, column[SOURCE], column[RULE],
			 column[DTSTART]);
}

static bool
is_decided(const char *verdict)
{
	return strcmp(verdict, "both") == 0 || strncmp(verdict, "consensus", 9) == 0 ||
		   strcmp(verdict, "table") == 0 || strncmp(verdict, "derived", 7) == 0;
}

static void
count_row(struct tally *tally, char *column[COLUMNS], int line)
{
	enum outcome outcome = run_row(column);

	if (!is_decided(column[VERDICT]))
	{
		count_open_row(tally, column, outcome, line);
		return;
	}
	tally->decided++;
	tally->passed += outcome == AGREES;
	tally->out_of_scope += outcome == OUT_OF_SCOPE;
	tally->forbidden += outcome == FORBIDDEN;
	if (outcome == DIFFERS)
		diag("line %d, %s: %s from %s %s differs", line, column[SOURCE], column[RULE],
			 column[DTSTART], column[TZID]);
}

/* data files stand beside the program */
static FILE *
open_data(const char *program)
{
	char path[4096];
	const char *slash = strrchr(program, '/');
	int folder = slash != NULL ? (int) (slash - program) + 1 : 0;

	snprintf(path, sizeof(path), "%.*sdata/rrule.tsv", folder, program);
	return fopen(path, "r");
}

int
main(int argc, char **argv)
{
	static char line[MAX_LINE];
	char *column[COLUMNS];
	struct tally tally = { 0 };
	FILE *file = open_data(argv[0]);
	int run;

	(void) argc;
	if (!ok(file != NULL, "the vectors are there"))
		return done_testing();
	for (int number = 1; fgets(line, sizeof(line), file) != NULL; number++)
		if (number > 1 && split(line, column) == COLUMNS)
			count_row(&tally, column, number);
	fclose(file);

	run = tally.decided - tally.out_of_scope - tally.forbidden;
	diag("%d rows with a decided verdict: %d run, %d passed, %d of other calendars, "
		 "%d refused because the RFC forbids the rule",
		 tally.decided, run, tally.passed, tally.out_of_scope, tally.forbidden);
	diag("%d rows without: %d agree with us, %d differ for a written reason, %d of other calendars",
		 tally.open, tally.open_agree, tally.open_decided, tally.open_out_of_scope);
	is_int(tally.passed, run, "every decided row in scope passes");
	is_int(tally.open_agree + tally.open_decided + tally.open_out_of_scope, tally.open,
		   "every other row agrees or is decided by what is written");
	/* a file that lost its rows must not pass */
	ok(run >= 2400 && tally.open_agree >= 250, "the vectors are complete");
	return done_testing();
}
