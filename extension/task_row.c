/*
 * task_row.c
 *		One row of agenda.tasks, by the names of its columns.
 *
 * Triggers and the JSON functions take a row apart once, work on the columns that they know, and
 * put it together again.  Columns that somebody adds later pass through.  Values point into the
 * tuple they came from.
 *
 * SQL calls agenda._task_differs().
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "table.h"
#include "task_row.h"

static const AgendaColumn task_columns[TASK_COLUMNS] = {
	[TASK_ID] = { "id", UUIDOID },
	[TASK_USER_ID] = { "user_id", UUIDOID },
	[TASK_TITLE] = { "title", TEXTOID },
	[TASK_DESCRIPTION] = { "description", TEXTOID },
	[TASK_STATUS] = { "status", TEXTOID },
	[TASK_PRIORITY] = { "priority", INT2OID },
	[TASK_DUE_DATE] = { "due_date", TIMESTAMPTZOID },
	[TASK_TIMEZONE] = { "timezone", TEXTOID },
	[TASK_DUE_KIND] = { "due_kind", TEXTOID },
	[TASK_DUE_LOCAL] = { "due_local", TIMESTAMPOID },
	[TASK_TAGS] = { "tags", TEXTARRAYOID },
	[TASK_CHECKLIST] = { "checklist", JSONBOID },
	[TASK_RECURRENCE_RULE] = { "recurrence_rule", TEXTOID },
	[TASK_RECURRING_TASK_ID] = { "recurring_task_id", UUIDOID },
	[TASK_OCCURRENCE_KEY] = { "occurrence_key", TIMESTAMPOID },
	[TASK_PARENT_TASK_ID] = { "parent_task_id", UUIDOID },
	[TASK_NOTIFIED] = { "notified", BOOLOID },
	[TASK_LAST_REMINDER_SENT] = { "last_reminder_sent", TIMESTAMPTZOID },
	[TASK_COMPLETED_AT] = { "completed_at", TIMESTAMPTZOID },
	[TASK_VERSION] = { "version", INT8OID },
	[TASK_CREATED_AT] = { "created_at", TIMESTAMPTZOID },
	[TASK_UPDATED_AT] = { "updated_at", TIMESTAMPTZOID },
	[TASK_DELETED_AT] = { "deleted_at", TIMESTAMPTZOID },
	[TASK_ANNOUNCED] = { "announced", TEXTOID },
	[TASK_OWED_FROM] = { "owed_from", TIMESTAMPTZOID },
};
static AgendaRowMap task_map = { "tasks", task_columns, TASK_COLUMNS };

/* Which series a task belongs to is bookkeeping, and so are completed_at and the caches. */
static const TaskColumn users_columns[] = {
	TASK_TITLE,    TASK_DESCRIPTION, TASK_STATUS,          TASK_PRIORITY,
	TASK_DUE_DATE, TASK_TIMEZONE,    TASK_DUE_KIND,        TASK_DUE_LOCAL,
	TASK_TAGS,     TASK_CHECKLIST,   TASK_RECURRENCE_RULE, TASK_DELETED_AT,
};

static bool same_value(Oid type, Datum a, Datum b);

PG_FUNCTION_INFO_V1(agenda_task_differs_sql);

const AttrNumber *
agenda_task_columns(TupleDesc desc)
{
	return agenda_row_columns(&task_map, desc);
}

void
agenda_task_read(TaskRow *row, HeapTuple tuple, TupleDesc desc)
{
	agenda_row_read(&task_map, desc, tuple, row->value, row->isnull);
	row->changed = false;
	row->tuple = tuple;
	row->desc = desc;
}

bool
agenda_task_arg(TaskRow *row, FunctionCallInfo fcinfo, int argno)
{
	HeapTupleHeader header;
	HeapTuple tuple;
	TupleDesc shared;

	if (PG_ARGISNULL(argno))
		return false;
	header = PG_GETARG_HEAPTUPLEHEADER(argno);
	tuple = palloc(HEAPTUPLESIZE);
	tuple->t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple->t_self);
	tuple->t_tableOid = InvalidOid;
	tuple->t_data = header;
	shared =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	agenda_task_read(row, tuple, CreateTupleDescCopy(shared));
	ReleaseTupleDesc(shared);
	return !row->isnull[TASK_ID];
}

HeapTuple
agenda_task_form(const TaskRow *row)
{
	const AttrNumber *attnum = agenda_row_columns(&task_map, row->desc);
	TaskRow before;
	int columns[TASK_COLUMNS];
	Datum values[TASK_COLUMNS];
	bool nulls[TASK_COLUMNS];
	int n = 0;

	if (!row->changed)
		return row->tuple;
	agenda_task_read(&before, row->tuple, row->desc);
	for (TaskColumn c = 0; c < TASK_COLUMNS; c++)
	{
		if (row->isnull[c] ? before.isnull[c]
						   : !before.isnull[c] && row->value[c] == before.value[c])
			continue;
		columns[n] = attnum[c];
		values[n] = row->value[c];
		nulls[n++] = row->isnull[c];
	}
	if (n == 0)
		return row->tuple;
	return heap_modify_tuple_by_cols(row->tuple, row->desc, n, columns, values, nulls);
}

Datum
agenda_task_datum(const TaskRow *row)
{
	return heap_copy_tuple_as_datum(agenda_task_form(row), row->desc);
}

void
agenda_task_set(TaskRow *row, TaskColumn column, Datum value)
{
	row->value[column] = value;
	row->isnull[column] = false;
	row->changed = true;
}

void
agenda_task_set_null(TaskRow *row, TaskColumn column)
{
	row->value[column] = (Datum) 0;
	row->isnull[column] = true;
	row->changed = true;
}

bool
agenda_task_same(const TaskRow *a, const TaskRow *b, TaskColumn column)
{
	if (a->isnull[column] || b->isnull[column])
		return a->isnull[column] == b->isnull[column];
	return same_value(task_columns[column].type, a->value[column], b->value[column]);
}

/* By their bytes: no operator that somebody could put in the way, and none of these types has two forms of one value. */
static bool
same_value(Oid type, Datum a, Datum b)
{
	switch (type)
	{
		case UUIDOID:
			return datum_image_eq(a, b, false, UUID_LEN);
		case TEXTOID:
		case TEXTARRAYOID:
		case JSONBOID:
			return datum_image_eq(a, b, false, -1);
		default:
			return a == b;
	}
}

bool
agenda_task_is(const TaskRow *row, TaskColumn column, const char *text)
{
	struct varlena *value;
	size_t length = strlen(text);

	if (row->isnull[column])
		return false;
	value = PG_DETOAST_DATUM_PACKED(row->value[column]);
	return VARSIZE_ANY_EXHDR(value) == length && memcmp(VARDATA_ANY(value), text, length) == 0;
}

bool
agenda_task_open(const TaskRow *row)
{
	return agenda_task_is(row, TASK_STATUS, "pending") ||
		   agenda_task_is(row, TASK_STATUS, "in_progress");
}

bool
agenda_task_differs(const TaskRow *a, const TaskRow *b)
{
	for (int i = 0; i < lengthof(users_columns); i++)
		if (!agenda_task_same(a, b, users_columns[i]))
			return true;
	return false;
}

/* agenda._task_differs(b agenda.tasks, a agenda.tasks) → boolean */
Datum
agenda_task_differs_sql(PG_FUNCTION_ARGS)
{
	TaskRow before;
	TaskRow after;
	bool had = agenda_task_arg(&before, fcinfo, 0);
	bool has = agenda_task_arg(&after, fcinfo, 1);

	if (!had || !has)
		PG_RETURN_BOOL(had != has);
	PG_RETURN_BOOL(agenda_task_differs(&before, &after));
}
