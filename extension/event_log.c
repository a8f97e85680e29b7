/*
 * event_log.c
 *		Writing one event to agenda.events, in the transaction of the change.
 *
 * agenda._emit() and the triggers in C write here; nobody else writes the log.  It is done after the
 * row change, so that the row lock is held when seq is drawn: two changes of one row get their
 * numbers in the order in which they commit.  The transaction id is drawn before seq, and the
 * sequence has no cache: both are what the drainer's rule of order rests on (bgworker/README.md).
 *
 * agenda._emit_each() is the same for a set: an aggregate, so that SQL says which events there are and
 * the partition is opened once for all of them.
 *
 * The row goes straight into its partition with its index entries (table.c): by SQL the same takes
 * five times as long.  Nothing else may happen to an event, so triggers on the log are not asked.
 * A partition for today is made if the scanner has not done so ahead of time, and opened again if a clock
 * was ahead of its time when it was closed.
 *
 * A transaction that emits wakes the drainer when it commits.  Within a silent one (silence.c)
 * nothing is written and the id is NULL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "fmgr.h"
#include "funcapi.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/partcache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/xid8.h"

#include "backlog.h"
#include "event_log.h"
#include "identity.h"
#include "jsonb_write.h"
#include "silence.h"
#include "sql_call.h"
#include "table.h"
#include "uuid7.h"
#include "wake.h"

enum
{
	EVENT_SEQ,
	EVENT_XID,
	EVENT_ID,
	EVENT_TYPE,
	EVENT_USER_ID,
	EVENT_SUBJECT,
	EVENT_KEY,
	EVENT_ACTOR,
	EVENT_OCCURRED_AT,
	EVENT_TRACE,
	EVENT_HEADERS,
	EVENT_DATA,
	EVENT_COLUMNS
};
static const AgendaColumn event_columns[EVENT_COLUMNS] = {
	[EVENT_SEQ] = { "seq", INT8OID },
	[EVENT_XID] = { "xid", XID8OID },
	[EVENT_ID] = { "id", UUIDOID },
	[EVENT_TYPE] = { "type", TEXTOID },
	[EVENT_USER_ID] = { "user_id", UUIDOID },
	[EVENT_SUBJECT] = { "subject", TEXTOID },
	[EVENT_KEY] = { "key", TEXTOID },
	[EVENT_ACTOR] = { "actor", TEXTOID },
	[EVENT_OCCURRED_AT] = { "occurred_at", TIMESTAMPTZOID },
	[EVENT_TRACE] = { "trace", TEXTOID },
	[EVENT_HEADERS] = { "headers", JSONBOID },
	[EVENT_DATA] = { "data", JSONBOID },
};
/* of the leaf that was written last */
static AgendaRowMap event_map = { "events", event_columns, EVENT_COLUMNS };

struct AgendaEventBatch
{
	Datum values[EVENT_COLUMNS]; /* what all of them have is filled at the beginning */
	bool nulls[EVENT_COLUMNS];
	Datum *row_values; /* in the order of the partition */
	bool *row_nulls;
	Datum headers; /* our own */
	Oid seq;
	AgendaWriter writer; /* rel is NULL before the first event */
};

/* State of the aggregate agenda._emit_each(). */
typedef struct EmitEach
{
	AgendaEventBatch *batch;
	int64 written;
} EmitEach;

static void open_batch(AgendaEventBatch *batch);
static void insert_event(AgendaEventBatch *batch);
static EmitEach *begin_emit_each(FunctionCallInfo fcinfo);
static Relation open_leaf(Oid relid);
static Oid ensure_leaf(TimestampTz at);
static Oid find_leaf(TimestampTz at, bool *recent);
static Datum own_headers(void);
static const char *trace_of_request(void);

PG_FUNCTION_INFO_V1(agenda_emit);
PG_FUNCTION_INFO_V1(agenda_emit_each_next);
PG_FUNCTION_INFO_V1(agenda_emit_each_end);
PG_FUNCTION_INFO_V1(agenda_next_xid);

/*
 * agenda._emit(type text, user_id uuid, subject text, key text, data jsonb, headers jsonb) → uuid
 *
 * key defaults to subject.  Author and trace come from the identity of the transaction.
 */
Datum
agenda_emit(PG_FUNCTION_ARGS)
{
	pg_uuid_t *id = palloc(sizeof(pg_uuid_t));
	AgendaEvent event = { 0 };

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(4))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("type, subject and data of an event must not be null"));
	event.type = text_to_cstring(PG_GETARG_TEXT_PP(0));
	event.user_id = PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1);
	event.subject = PG_GETARG_DATUM(2);
	event.key = PG_ARGISNULL(3) ? event.subject : PG_GETARG_DATUM(3);
	event.data = PG_GETARG_DATUM(4);
	event.headers = PG_ARGISNULL(5) ? (Datum) 0 : PG_GETARG_DATUM(5);
	if (!agenda_event_write(&event, id))
		PG_RETURN_NULL();
	PG_RETURN_UUID_P(id);
}

/* agenda._next_xid() → xid8: whoever has drawn no id yet gets this one or a higher one */
Datum
agenda_next_xid(PG_FUNCTION_ARGS)
{
	PG_RETURN_FULLTRANSACTIONID(ReadNextFullTransactionId());
}

/*
 * Transition of agenda._emit_each(type text, user_id uuid, subject text, data jsonb): an event for
 * each row, whose key is its subject.
 */
Datum
agenda_emit_each_next(PG_FUNCTION_ARGS)
{
	EmitEach *state = PG_ARGISNULL(0) ? begin_emit_each(fcinfo) : (EmitEach *) PG_GETARG_POINTER(0);
	AgendaEvent event = { 0 };
	pg_uuid_t id;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(3) || PG_ARGISNULL(4))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("type, subject and data of an event must not be null"));
	event.type = text_to_cstring(PG_GETARG_TEXT_PP(1));
	event.user_id = PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2);
	event.subject = event.key = PG_GETARG_DATUM(3);
	event.data = PG_GETARG_DATUM(4);
	state->written += agenda_events_write(state->batch, &event, &id);
	PG_RETURN_POINTER(state);
}

static EmitEach *
begin_emit_each(FunctionCallInfo fcinfo)
{
	MemoryContext context;
	MemoryContext old;
	EmitEach *state;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "agenda._emit_each() is called as a plain function");
	old = MemoryContextSwitchTo(context);
	state = palloc0(sizeof(EmitEach));
	state->batch = agenda_events_begin();
	MemoryContextSwitchTo(old);
	return state;
}

/* Its end: how many were written, 0 in a silent transaction. */
Datum
agenda_emit_each_end(PG_FUNCTION_ARGS)
{
	EmitEach *state = PG_ARGISNULL(0) ? NULL : (EmitEach *) PG_GETARG_POINTER(0);

	if (state == NULL)
		PG_RETURN_INT64(0);
	agenda_events_end(state->batch);
	PG_RETURN_INT64(state->written);
}

bool
agenda_event_write(const AgendaEvent *event, pg_uuid_t *id)
{
	AgendaEventBatch *batch = agenda_events_begin();
	bool written = agenda_events_write(batch, event, id);

	agenda_events_end(batch);
	return written;
}

AgendaEventBatch *
agenda_events_begin(void)
{
	return palloc0(sizeof(AgendaEventBatch));
}

/* Nothing is opened before there is something to write. */
bool
agenda_events_write(AgendaEventBatch *batch, const AgendaEvent *event, pg_uuid_t *id)
{
	Datum *values = batch->values;

	if (agenda_silence_drops_event())
		return false;
	if (batch->writer.rel == NULL)
		open_batch(batch);
	agenda_uuid7_make(id);

	values[EVENT_ID] = UUIDPGetDatum(id);
	values[EVENT_TYPE] = CStringGetTextDatum(event->type);
	batch->nulls[EVENT_USER_ID] = event->user_id == NULL;
	values[EVENT_USER_ID] = UUIDPGetDatum(event->user_id);
	values[EVENT_SUBJECT] = event->subject;
	values[EVENT_KEY] = event->key;
	values[EVENT_HEADERS] = batch->headers;
	if (event->headers != (Datum) 0)
		values[EVENT_HEADERS] = DirectFunctionCall2(jsonb_concat, batch->headers, event->headers);
	values[EVENT_DATA] = event->data;
	agenda_backlog_admit(DatumGetJsonbP(event->data), DatumGetJsonbP(values[EVENT_HEADERS]));
	insert_event(batch);
	return true;
}

/* What all events of this command have, and the partition that they go to. */
static void
open_batch(AgendaEventBatch *batch)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(batch));
	const char *trace = trace_of_request();
	TimestampTz now;
	Relation leaf;

	/* the id first: see _close_partitions() */
	batch->values[EVENT_XID] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	now = GetCurrentTimestamp();
	batch->values[EVENT_ACTOR] = CStringGetTextDatum(agenda_identity_actor());
	batch->values[EVENT_OCCURRED_AT] = TimestampTzGetDatum(now);
	batch->nulls[EVENT_TRACE] = trace == NULL;
	if (trace != NULL)
		batch->values[EVENT_TRACE] = CStringGetTextDatum(trace);
	batch->headers = own_headers();

	leaf = open_leaf(ensure_leaf(now));
	agenda_writer_open(&batch->writer, leaf);
	batch->row_values = palloc(RelationGetDescr(leaf)->natts * sizeof(Datum));
	batch->row_nulls = palloc(RelationGetDescr(leaf)->natts * sizeof(bool));
	batch->seq = agenda_table_oid("events_seq");
	MemoryContextSwitchTo(old);
}

void
agenda_events_end(AgendaEventBatch *batch)
{
	Relation leaf = batch->writer.rel;

	if (leaf != NULL)
	{
		agenda_write_added(&batch->writer);
		agenda_writer_close(&batch->writer);
		table_close(leaf, NoLock);
		pfree(batch->row_values);
		pfree(batch->row_nulls);
	}
	pfree(batch);
}

static const char *
trace_of_request(void)
{
	const char *trace = agenda_identity_traceparent();

	return trace == NULL ? agenda_identity_request_id() : trace;
}

/*
 * The number is drawn under the locks of the change; the sequence has CACHE 1: numbers come in the
 * order of the changes.  When the row follows is no matter, as long as it does in this transaction.
 */
static void
insert_event(AgendaEventBatch *batch)
{
	TupleDesc desc = RelationGetDescr(batch->writer.rel);
	const AttrNumber *attnum = agenda_row_columns(&event_map, desc);

	memset(batch->row_nulls, true, desc->natts * sizeof(bool));
	for (int i = 0; i < EVENT_COLUMNS; i++)
	{
		batch->row_values[attnum[i] - 1] = batch->values[i];
		batch->row_nulls[attnum[i] - 1] = batch->nulls[i];
	}
	agenda_writer_defaults(&batch->writer, &event_map, batch->row_values, batch->row_nulls);
	batch->row_values[attnum[EVENT_SEQ] - 1] = Int64GetDatum(nextval_internal(batch->seq, false));
	agenda_write_add(&batch->writer, batch->row_values, batch->row_nulls);
}

static Relation
open_leaf(Oid relid)
{
	Relation leaf = table_open(relid, RowExclusiveLock);

	if (leaf->rd_rel->relkind != RELKIND_RELATION)
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("partition \"%s\" of agenda.events is not a plain table",
					   RelationGetRelationName(leaf)),
				errhint("Detach it: partitions that take events can neither be foreign nor divided "
						"further."));
	return leaf;
}

/*
 * The leaf for this instant, made if there is none.  While clocks go forward it is the newest one or the one
 * before; where a clock has been set back it may be one that was closed, which has to be opened again.
 */
static Oid
ensure_leaf(TimestampTz at)
{
	bool recent;
	Oid leaf = find_leaf(at, &recent);

	if (!OidIsValid(leaf) || !recent)
	{
		NullableDatum arg = { TimestampTzGetDatum(at), false };
		Oid type = TIMESTAMPTZOID;

		agenda_call("_ensure_partitions", 1, &type, &arg, NULL);
		/* somebody else may have made it, and a lock that is held already brings no news */
		AcceptInvalidationMessages();
		leaf = find_leaf(at, &recent);
		if (!OidIsValid(leaf))
			ereport(ERROR, errcode(ERRCODE_CHECK_VIOLATION),
					errmsg("agenda.events has no partition for now"),
					errhint("Attach the partition of this day again."));
	}
	return leaf;
}

/* Also, whether there is at most one leaf behind it. */
static Oid
find_leaf(TimestampTz at, bool *recent)
{
	Relation parent = agenda_table_open("events", RowExclusiveLock);
	PartitionKey key = RelationGetPartitionKey(parent);
	PartitionDesc desc = RelationGetPartitionDesc(parent, true);
	Oid leaf = InvalidOid;

	*recent = false;
	if (desc->nparts > 0)
	{
		Datum value = TimestampTzGetDatum(at);
		bool equal;
		int bound = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
												  desc->boundinfo, 1, &value, &equal);
		int part = desc->boundinfo->indexes[bound + 1];

		leaf = part < 0 ? InvalidOid : desc->oids[part];
		*recent = part >= desc->nparts - 2;
	}
	table_close(parent, NoLock);
	return leaf;
}

/*
 * The request id where it is not the trace already: a consumer can then follow a change back to the
 * request that made it.
 */
static Datum
own_headers(void)
{
	const char *request_id = agenda_identity_request_id();
	bool apart = request_id != NULL && agenda_identity_traceparent() != NULL;
	AgendaJsonbContainer headers;
	StringInfoData out;

	agenda_jsonb_begin(&out);
	agenda_jsonb_object(&headers, &out, apart ? 1 : 0);
	if (apart)
	{
		agenda_jsonb_string(&headers, "x-request-id", strlen("x-request-id"));
		agenda_jsonb_string(&headers, request_id, strlen(request_id));
	}
	return JsonbPGetDatum(agenda_jsonb_end(&out));
}
