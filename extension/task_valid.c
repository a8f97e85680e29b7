/*
 * task_valid.c
 *		What every row of agenda.tasks must hold: the CHECK constraint tasks_valid.
 *
 * One constraint that calls one function, because PostgreSQL reads the text of each constraint anew
 * in every statement: seven of them cost as much as the INSERT itself.  The function raises the
 * error, so it can say which column is at fault and what is allowed.  NULL is left to NOT NULL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define MAX_TITLE       500
#define MAX_DESCRIPTION 20000

static void check_length(text *value, const char *column, int min, int max);
static void check_time(TimestampTz value, const char *column);
static void check_word(text *value, const char *column, const char *const *allowed);
static void refuse(const char *column, const char *wanted) pg_attribute_noreturn();

PG_FUNCTION_INFO_V1(agenda_task_valid);

static const char *const statuses[] = { "pending", "in_progress", "completed", "skipped",
										"missed",  "cancelled",   NULL };
static const char *const due_kinds[] = { "instant", "local", "date", NULL };
static const char *const states[] = { "due_soon", "due", "overdue", NULL };

/*
 * agenda._task_valid(title, description, status, priority, due_date, due_kind, due_local,
 * announced, deleted_at) → boolean
 */
Datum
agenda_task_valid(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0))
		check_length(PG_GETARG_TEXT_PP(0), "title", 1, MAX_TITLE);
	if (!PG_ARGISNULL(1))
		check_length(PG_GETARG_TEXT_PP(1), "description", 0, MAX_DESCRIPTION);
	if (!PG_ARGISNULL(2))
		check_word(PG_GETARG_TEXT_PP(2), "status", statuses);
	if (!PG_ARGISNULL(3) && (PG_GETARG_INT16(3) < 1 || PG_GETARG_INT16(3) > 3))
		refuse("priority", "1, 2 or 3");
	if (!PG_ARGISNULL(4))
		check_time(PG_GETARG_TIMESTAMPTZ(4), "due_date");
	if (!PG_ARGISNULL(5))
		check_word(PG_GETARG_TEXT_PP(5), "due_kind", due_kinds);
	if (!PG_ARGISNULL(4) && PG_ARGISNULL(6) && !PG_ARGISNULL(5) &&
		VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(5)) != strlen("instant"))
		refuse("due_local", "given for a task that is due at a local time or on a day");
	if (!PG_ARGISNULL(7))
		check_word(PG_GETARG_TEXT_PP(7), "announced", states);
	if (!PG_ARGISNULL(8))
		check_time(PG_GETARG_TIMESTAMPTZ(8), "deleted_at");
	PG_RETURN_BOOL(true);
}

static void
check_length(text *value, const char *column, int min, int max)
{
	int bytes = VARSIZE_ANY_EXHDR(value);

	/* a character has at least one byte: short texts need not be counted */
	if (bytes >= min && (bytes <= max || pg_mbstrlen_with_len(VARDATA_ANY(value), bytes) <= max))
		return;
	refuse(column, psprintf("%d to %d characters long", min, max));
}

/* What RFC 3339 can say, in any zone: from 0001-01-02 to 9999-12-30. */
static void
check_time(TimestampTz value, const char *column)
{
	const TimestampTz first = INT64CONST(-63082195200000000);
	const TimestampTz last = INT64CONST(252455443200000000);

	if (value < first || value > last)
		refuse(column, "between 0001-01-02 and 9999-12-30");
}

static void
check_word(text *value, const char *column, const char *const *allowed)
{
	StringInfoData list;

	for (const char *const *word = allowed; *word != NULL; word++)
		if (strlen(*word) == VARSIZE_ANY_EXHDR(value) &&
			memcmp(*word, VARDATA_ANY(value), strlen(*word)) == 0)
			return;
	initStringInfo(&list);
	for (const char *const *word = allowed; *word != NULL; word++)
		appendStringInfo(&list, "%s%s",
						 word == allowed   ? ""
						 : word[1] == NULL ? " or "
										   : ", ",
						 *word);
	refuse(column, list.data);
}

/* Reads as PostgreSQL's own error of a column's CHECK would, and names the column besides. */
static void
refuse(const char *column, const char *wanted)
{
	ereport(ERROR, errcode(ERRCODE_CHECK_VIOLATION),
			errmsg("new row for relation \"tasks\" violates check constraint \"tasks_valid\""),
			errdetail("%s must be %s.", column, wanted),
			err_generic_string(PG_DIAG_SCHEMA_NAME, "agenda"),
			err_generic_string(PG_DIAG_TABLE_NAME, "tasks"),
			err_generic_string(PG_DIAG_COLUMN_NAME, column),
			err_generic_string(PG_DIAG_CONSTRAINT_NAME, psprintf("tasks_%s_check", column)));
}
