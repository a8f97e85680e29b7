/*
 * timer.c
 *		agenda.timers: the next instant at which something is owed to a thing.
 *
 * Who sets or drops a timer has the thing's own row locked, so nobody else makes one for the same
 * thing meanwhile.  The scanner may have the timer locked: it is waited for, and the newest version
 * of the row is what counts, in every isolation level.  The search is that of logical
 * replication for the row to change (execReplication.c).
 *
 * A timer that stays as it is is not written.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "table.h"
#include "timer.h"
#include "wake.h"

enum
{
	TIMER_USER_ID,
	TIMER_ENTITY,
	TIMER_ENTITY_ID,
	TIMER_FIRE_AT,
	TIMER_WHAT,
	TIMER_COLUMNS
};
static const AgendaColumn timer_columns[TIMER_COLUMNS] = {
	[TIMER_USER_ID] = { "user_id", UUIDOID },     [TIMER_ENTITY] = { "entity", TEXTOID },
	[TIMER_ENTITY_ID] = { "entity_id", UUIDOID }, [TIMER_FIRE_AT] = { "fire_at", TIMESTAMPTZOID },
	[TIMER_WHAT] = { "what", TEXTOID },
};
static AgendaRowMap timer_map = { "timers", timer_columns, TIMER_COLUMNS };

typedef struct TimerWriter
{
	AgendaWriter writer;
	const AttrNumber *attnum;
	TupleTableSlot *found; /* the timer as it is, locked; NULL or empty if there is none */
	TupleTableSlot *wanted;
} TimerWriter;

static void open_timer(TimerWriter *t, const AgendaTimerKey *key, bool may_exist);
static bool timer_exists(Relation rel, const AttrNumber *attnum, const AgendaTimerKey *key);
static void close_timer(TimerWriter *t);
static void store(TimerWriter *t, int column, Datum value);
static bool unchanged(TimerWriter *t);
static void change_timer(TimerWriter *t);

PG_FUNCTION_INFO_V1(agenda_set_timer);

void
agenda_timer_set(const AgendaTimerKey *key, TimestampTz fire_at, const char *what, bool may_exist)
{
	TimerWriter t;

	open_timer(&t, key, may_exist);
	store(&t, TIMER_FIRE_AT, TimestampTzGetDatum(fire_at));
	store(&t, TIMER_WHAT, CStringGetTextDatum(what));
	if (t.found == NULL || TTS_EMPTY(t.found))
	{
		agenda_writer_defaults(&t.writer, &timer_map, t.wanted->tts_values, t.wanted->tts_isnull);
		agenda_write_new(&t.writer, t.wanted->tts_values, t.wanted->tts_isnull);
	}
	else if (!unchanged(&t))
		change_timer(&t);
	close_timer(&t);
	agenda_wake_scanner_at_commit(fire_at);
}

void
agenda_timer_drop(const AgendaTimerKey *key)
{
	TimerWriter t;

	open_timer(&t, key, true);
	if (t.found != NULL && !TTS_EMPTY(t.found))
		agenda_write_delete(&t.writer, t.found);
	close_timer(&t);
}

/* Looks for the timer; t->wanted is a row with its key. */
static void
open_timer(TimerWriter *t, const AgendaTimerKey *key, bool may_exist)
{
	Relation rel = agenda_table_open("timers", RowExclusiveLock);
	bool exists;

	t->attnum = agenda_row_columns(&timer_map, RelationGetDescr(rel));
	exists = may_exist && timer_exists(rel, t->attnum, key);
	/* a timer that this very command has written is to be found */
	if (exists)
		CommandCounterIncrement();
	agenda_writer_open(&t->writer, rel);
	/* triggers of somebody else; there need not be a query around us */
	AfterTriggerBeginQuery();
	t->wanted = agenda_writer_slot(&t->writer);
	ExecStoreAllNullTuple(t->wanted);
	store(t, TIMER_USER_ID, UUIDPGetDatum(&key->user_id));
	store(t, TIMER_ENTITY, key->entity);
	store(t, TIMER_ENTITY_ID, UUIDPGetDatum(&key->entity_id));
	t->found = exists ? agenda_write_find(&t->writer, t->wanted) : NULL;
}

/* The usual answer is no, and comes without locks: see above for who may change it. */
static bool
timer_exists(Relation rel, const AttrNumber *attnum, const AgendaTimerKey *key)
{
	ScanKeyData keys[3];

	agenda_key_uuid(&keys[0], attnum[TIMER_USER_ID], &key->user_id);
	agenda_key_text(&keys[1], attnum[TIMER_ENTITY], C_COLLATION_OID, key->entity);
	agenda_key_uuid(&keys[2], attnum[TIMER_ENTITY_ID], &key->entity_id);
	return agenda_find_row(rel, RelationGetPrimaryKeyIndex(rel), SnapshotSelf, 3, keys) != NULL;
}

static void
close_timer(TimerWriter *t)
{
	Relation rel = t->writer.rel;

	AfterTriggerEndQuery(t->writer.estate);
	agenda_writer_close(&t->writer);
	table_close(rel, NoLock);
}

static void
store(TimerWriter *t, int column, Datum value)
{
	t->wanted->tts_values[t->attnum[column] - 1] = value;
	t->wanted->tts_isnull[t->attnum[column] - 1] = false;
}

static bool
unchanged(TimerWriter *t)
{
	AttrNumber fire_at = t->attnum[TIMER_FIRE_AT] - 1;
	AttrNumber what = t->attnum[TIMER_WHAT] - 1;

	slot_getallattrs(t->found);
	return t->found->tts_values[fire_at] == t->wanted->tts_values[fire_at] &&
		   DatumGetBool(DirectFunctionCall2Coll(texteq, DEFAULT_COLLATION_OID,
												t->found->tts_values[what],
												t->wanted->tts_values[what]));
}

/* What is not ours of the row stays as it is. */
static void
change_timer(TimerWriter *t)
{
	Datum fire_at = t->wanted->tts_values[t->attnum[TIMER_FIRE_AT] - 1];
	Datum what = t->wanted->tts_values[t->attnum[TIMER_WHAT] - 1];

	ExecCopySlot(t->wanted, t->found);
	store(t, TIMER_FIRE_AT, fire_at);
	store(t, TIMER_WHAT, what);
	agenda_write_update(&t->writer, t->found, t->wanted);
}

/* agenda._set_timer(user_id, entity, entity_id, fire_at, what) → void */
Datum
agenda_set_timer(PG_FUNCTION_ARGS)
{
	AgendaTimerKey key;

	for (int i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("nothing of a timer may be null"));
	key.user_id = *PG_GETARG_UUID_P(0);
	key.entity = PG_GETARG_DATUM(1);
	key.entity_id = *PG_GETARG_UUID_P(2);
	agenda_timer_set(&key, PG_GETARG_TIMESTAMPTZ(3), text_to_cstring(PG_GETARG_TEXT_PP(4)), true);
	PG_RETURN_VOID();
}
