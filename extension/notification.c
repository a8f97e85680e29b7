/*
 * notification.c
 *		Writing many rows to agenda.notifications.
 *
 * agenda._notify_each() is an aggregate, so that SQL says what is told and all rows go in together
 * (table_write.c), as by one INSERT: constraints, triggers, index entries.  The foreign key to the
 * user is checked here (user.c).  By SQL each row would cost twice as much, for the foreign key's
 * query, the lock that it leaves on the user's row, and a WAL record of its own.
 *
 * id, created_at and what comes later in the life of a notification are not given.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "table.h"
#include "user.h"
#include "uuid7.h"

/* The arguments of _notify_each() in their order, then what is made here, then what stays null. */
enum
{
	NOTIFICATION_USER_ID,
	NOTIFICATION_TYPE,
	NOTIFICATION_TASK_ID,
	NOTIFICATION_RECURRING_TASK_ID,
	NOTIFICATION_REMINDER_ID,
	NOTIFICATION_TITLE,
	NOTIFICATION_BODY,
	NOTIFICATION_DATA,
	NOTIFICATION_PRIORITY,
	NOTIFICATION_DEDUPE_KEY,
	NOTIFICATION_SCHEDULED_FOR,
	NOTIFICATION_HELD_UNTIL,
	NOTIFICATION_HELD_REASON,
	NOTIFICATION_SILENT,
	NOTIFICATION_LATE,
	ARGS,
	NOTIFICATION_ID = ARGS,
	NOTIFICATION_CREATED_AT,
	NOTIFICATION_RELEASED_AT,
	NOTIFICATION_MERGED_INTO,
	NOTIFICATION_READ_AT,
	NOTIFICATION_CLEARED_AT,
	NOTIFICATION_WITHDRAWN_AT,
	NOTIFICATION_ARCHIVED_AT,
	NOTIFICATION_COLUMNS
};
static const AgendaColumn notification_columns[NOTIFICATION_COLUMNS] = {
	[NOTIFICATION_USER_ID] = { "user_id", UUIDOID },
	[NOTIFICATION_TYPE] = { "type", TEXTOID },
	[NOTIFICATION_TASK_ID] = { "task_id", UUIDOID },
	[NOTIFICATION_RECURRING_TASK_ID] = { "recurring_task_id", UUIDOID },
	[NOTIFICATION_REMINDER_ID] = { "reminder_id", UUIDOID },
	[NOTIFICATION_TITLE] = { "title", TEXTOID },
	[NOTIFICATION_BODY] = { "body", TEXTOID },
	[NOTIFICATION_DATA] = { "data", JSONBOID },
	[NOTIFICATION_PRIORITY] = { "priority", INT2OID },
	[NOTIFICATION_DEDUPE_KEY] = { "dedupe_key", TEXTOID },
	[NOTIFICATION_SCHEDULED_FOR] = { "scheduled_for", TIMESTAMPTZOID },
	[NOTIFICATION_HELD_UNTIL] = { "held_until", TIMESTAMPTZOID },
	[NOTIFICATION_HELD_REASON] = { "held_reason", TEXTOID },
	[NOTIFICATION_SILENT] = { "silent", BOOLOID },
	[NOTIFICATION_LATE] = { "late", BOOLOID },
	[NOTIFICATION_ID] = { "id", UUIDOID },
	[NOTIFICATION_CREATED_AT] = { "created_at", TIMESTAMPTZOID },
	[NOTIFICATION_RELEASED_AT] = { "released_at", TIMESTAMPTZOID },
	[NOTIFICATION_MERGED_INTO] = { "merged_into", UUIDOID },
	[NOTIFICATION_READ_AT] = { "read_at", TIMESTAMPTZOID },
	[NOTIFICATION_CLEARED_AT] = { "cleared_at", TIMESTAMPTZOID },
	[NOTIFICATION_WITHDRAWN_AT] = { "withdrawn_at", TIMESTAMPTZOID },
	[NOTIFICATION_ARCHIVED_AT] = { "archived_at", TIMESTAMPTZOID },
};
static AgendaRowMap notification_map = { "notifications", notification_columns,
										 NOTIFICATION_COLUMNS };

/* State of the aggregate. */
typedef struct NotifyEach
{
	AgendaWriter writer;
	bool check_user;
	const AttrNumber *attnum;
	Datum *values; /* in the order of the table */
	bool *nulls;
	int64 written;
} NotifyEach;

static NotifyEach *begin(FunctionCallInfo fcinfo);
static void set(NotifyEach *state, int column, Datum value);

PG_FUNCTION_INFO_V1(agenda_notify_each_next);
PG_FUNCTION_INFO_V1(agenda_notify_each_end);

/* Transition of agenda._notify_each(user_id uuid, type text, …): a notification for each row. */
Datum
agenda_notify_each_next(PG_FUNCTION_ARGS)
{
	NotifyEach *state = PG_ARGISNULL(0) ? begin(fcinfo) : (NotifyEach *) PG_GETARG_POINTER(0);
	TupleDesc desc = RelationGetDescr(state->writer.rel);
	pg_uuid_t id;

	memset(state->nulls, true, desc->natts * sizeof(bool));
	for (int i = 0; i < ARGS; i++)
		if (!PG_ARGISNULL(i + 1))
			set(state, i, PG_GETARG_DATUM(i + 1));
	agenda_uuid7_make(&id);
	set(state, NOTIFICATION_ID, UUIDPGetDatum(&id));
	set(state, NOTIFICATION_CREATED_AT, TimestampTzGetDatum(GetCurrentTimestamp()));
	agenda_writer_defaults(&state->writer, &notification_map, state->values, state->nulls);
	agenda_write_add(&state->writer, state->values, state->nulls);
	if (state->check_user && !PG_ARGISNULL(NOTIFICATION_USER_ID + 1))
		agenda_user_check(state->writer.rel, PG_GETARG_UUID_P(NOTIFICATION_USER_ID + 1));
	state->written++;
	PG_RETURN_POINTER(state);
}

static NotifyEach *
begin(FunctionCallInfo fcinfo)
{
	Relation rel = agenda_table_open("notifications", RowExclusiveLock);
	TupleDesc desc = RelationGetDescr(rel);
	MemoryContext context;
	MemoryContext old;
	NotifyEach *state;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "agenda._notify_each() is called as a plain function");
	old = MemoryContextSwitchTo(context);
	state = palloc0(sizeof(NotifyEach));
	state->attnum = agenda_row_columns(&notification_map, desc);
	state->values = palloc(desc->natts * sizeof(Datum));
	state->nulls = palloc(desc->natts * sizeof(bool));
	agenda_writer_open(&state->writer, rel);
	state->check_user =
		agenda_user_take_check(state->writer.result_rel, state->attnum[NOTIFICATION_USER_ID]);
	agenda_writer_insert_begin(&state->writer);
	MemoryContextSwitchTo(old);
	return state;
}

static void
set(NotifyEach *state, int column, Datum value)
{
	state->values[state->attnum[column] - 1] = value;
	state->nulls[state->attnum[column] - 1] = false;
}

/* Its end: how many were written. */
Datum
agenda_notify_each_end(PG_FUNCTION_ARGS)
{
	NotifyEach *state = PG_ARGISNULL(0) ? NULL : (NotifyEach *) PG_GETARG_POINTER(0);
	Relation rel;

	if (state == NULL)
		PG_RETURN_INT64(0);
	rel = state->writer.rel;
	agenda_writer_insert_end(&state->writer);
	agenda_writer_close(&state->writer);
	table_close(rel, NoLock);
	PG_RETURN_INT64(state->written);
}
