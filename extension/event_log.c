/*
 * event_log.c
 *		Writing one event to agenda.events, in the transaction of the change.
 *
 * agenda._emit() and, for many at once, agenda._emit_many() are the only writers of the log.  The triggers call it after the row change, so
 * that the row lock is held when seq is drawn: two changes of one row get their numbers in the
 * order in which they commit.  The transaction id is drawn before seq, and the sequence has no
 * cache: both are what the drainer's rule of order rests on (bgworker/README.md).
 *
 * The statement is prepared once per backend and runs with the owner's rights, since nobody else
 * may insert.  A partition for today is made if the scanner has not done so ahead of time; the
 * end of the newest known partition is remembered until the table's definition changes.
 *
 * A transaction that emits wakes the drainer when it commits.  Within a silent one (silence.c)
 * nothing is written and the id is NULL.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/xid8.h"

#include "backlog.h"
#include "event_log.h"
#include "identity.h"
#include "owner.h"
#include "silence.h"
#include "uuid7.h"
#include "wake.h"

#define EVENT_COLUMNS 12
#define INSERT_EVENT                                                                               \
	"insert into agenda.events (seq, xid, id, type, user_id, subject, key, actor, occurred_at, "   \
	"trace, headers, data) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
static Oid event_column_types[EVENT_COLUMNS] = { INT8OID,        XID8OID, UUIDOID,  TEXTOID,
												 UUIDOID,        TEXTOID, TEXTOID,  TEXTOID,
												 TIMESTAMPTZOID, TEXTOID, JSONBOID, JSONBOID };

#define ENSURE_PARTITIONS "select agenda._ensure_partitions($1)"
static Oid ensure_partitions_types[1] = { TIMESTAMPTZOID };

static SPIPlanPtr insert_plan = NULL;
static SPIPlanPtr partition_plan = NULL;

/* Leaves exist for this stretch of time; an empty one when that is not known. */
static TimestampTz covered_from = DT_NOEND;
static TimestampTz covered_until = DT_NOBEGIN;
static Oid covered_relid = InvalidOid;

static int64 next_seq(void);
static SPIPlanPtr keep_plan(const char *statement, int nargs, Oid *argtypes);
static Datum event_headers(FunctionCallInfo fcinfo, int argno);
static Datum own_headers(void);
static void ensure_partition(TimestampTz at);
static void forget_coverage(Datum arg, Oid relid);

PG_FUNCTION_INFO_V1(agenda_emit);
PG_FUNCTION_INFO_V1(agenda_log_context);
PG_FUNCTION_INFO_V1(agenda_admit_event);

void
agenda_event_log_init(void)
{
	CacheRegisterRelcacheCallback(forget_coverage, (Datum) 0);
}

/*
 * agenda._emit(type text, user_id uuid, subject text, key text, data jsonb, headers jsonb) → uuid
 *
 * key defaults to subject.  Author and trace come from the identity of the transaction.
 */
Datum
agenda_emit(PG_FUNCTION_ARGS)
{
	AgendaOwnerScope scope;
	pg_uuid_t *id = palloc(sizeof(pg_uuid_t));
	const char *trace;
	Datum values[EVENT_COLUMNS];
	char nulls[EVENT_COLUMNS + 1] = "            ";

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(4))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("type, subject and data of an event must not be null"));
	if (agenda_silence_drops_event())
		PG_RETURN_NULL();

	agenda_owner_enter(&scope);
	SPI_connect();
	agenda_uuid7_make(id);
	trace = agenda_identity_traceparent();
	if (trace == NULL)
		trace = agenda_identity_request_id();

	values[1] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[2] = UUIDPGetDatum(id);
	values[3] = PG_GETARG_DATUM(0);
	values[4] = PG_GETARG_DATUM(1);
	nulls[4] = PG_ARGISNULL(1) ? 'n' : ' ';
	values[5] = PG_GETARG_DATUM(2);
	values[6] = PG_ARGISNULL(3) ? values[5] : PG_GETARG_DATUM(3);
	values[7] = CStringGetTextDatum(agenda_identity_actor());
	values[8] = TimestampTzGetDatum(GetCurrentTimestamp());
	nulls[9] = trace == NULL ? 'n' : ' ';
	values[9] = trace == NULL ? (Datum) 0 : CStringGetTextDatum(trace);
	values[10] = event_headers(fcinfo, 5);
	values[11] = PG_GETARG_DATUM(4);
	agenda_backlog_admit(DatumGetJsonbP(values[11]), DatumGetJsonbP(values[10]));

	ensure_partition(DatumGetTimestampTz(values[8]));
	if (insert_plan == NULL)
		insert_plan = keep_plan(INSERT_EVENT, EVENT_COLUMNS, event_column_types);
	/* last of all, so that no work lies between the number and its row */
	values[0] = Int64GetDatum(next_seq());
	if (SPI_execute_plan(insert_plan, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write to agenda.events");
	SPI_finish();
	agenda_owner_leave(&scope);

	agenda_wake_drainer_at_commit();
	PG_RETURN_UUID_P(id);
}

/*
 * agenda._log_context() → (xid xid8, at timestamptz, actor text, trace text, headers jsonb)
 *
 * What the events of one statement have in common, for _emit_many(), which is their only other
 * writer.  Draws the transaction id, and sees to it that a leaf is there.
 */
Datum
agenda_log_context(PG_FUNCTION_ARGS)
{
	AgendaOwnerScope scope;
	TupleDesc desc;
	Datum values[5];
	bool nulls[5] = { false };
	TimestampTz now = GetCurrentTimestamp();
	const char *trace = agenda_identity_traceparent();

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "agenda._log_context() must return a row");
	if (trace == NULL)
		trace = agenda_identity_request_id();
	values[0] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[1] = TimestampTzGetDatum(now);
	values[2] = CStringGetTextDatum(agenda_identity_actor());
	nulls[3] = trace == NULL;
	values[3] = trace == NULL ? (Datum) 0 : CStringGetTextDatum(trace);
	values[4] = own_headers();

	agenda_owner_enter(&scope);
	SPI_connect();
	ensure_partition(now);
	SPI_finish();
	agenda_owner_leave(&scope);
	agenda_wake_drainer_at_commit();
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * agenda._admit_event(data jsonb, headers jsonb) → boolean: whether the transaction writes events;
 * raises an error for one that is too large, or too many.  Counts it either way.
 */
Datum
agenda_admit_event(PG_FUNCTION_ARGS)
{
	if (agenda_silence_drops_event())
		PG_RETURN_BOOL(false);
	agenda_backlog_admit(PG_GETARG_JSONB_P(0), PG_GETARG_JSONB_P(1));
	PG_RETURN_BOOL(true);
}

static int64
next_seq(void)
{
	Oid sequence = get_relname_relid("events_seq", get_namespace_oid("agenda", false));

	if (!OidIsValid(sequence))
		elog(ERROR, "sequence agenda.events_seq does not exist");
	return nextval_internal(sequence, false);
}

/* Prepares a statement for the life of the backend. */
static SPIPlanPtr
keep_plan(const char *statement, int nargs, Oid *argtypes)
{
	SPIPlanPtr plan = SPI_prepare(statement, nargs, argtypes);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\": %s", statement, SPI_result_code_string(SPI_result));
	return plan;
}

/* The caller's headers, and ours. */
static Datum
event_headers(FunctionCallInfo fcinfo, int argno)
{
	Datum own = own_headers();

	if (PG_ARGISNULL(argno))
		return own;
	return DirectFunctionCall2(jsonb_concat, own, PG_GETARG_DATUM(argno));
}

/*
 * The request id where it is not the trace already: a consumer can then follow a change back to the
 * request that made it.
 */
static Datum
own_headers(void)
{
	const char *request_id = agenda_identity_request_id();
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	if (request_id != NULL && agenda_identity_traceparent() != NULL)
	{
		appendStringInfoString(&buf, "\"x-request-id\": ");
		escape_json(&buf, request_id);
	}
	appendStringInfoChar(&buf, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
}

/* Makes sure that a leaf for this instant exists. */
static void
ensure_partition(TimestampTz at)
{
	Datum args[1];
	bool isnull;

	/* the clock may have stepped back behind the oldest leaf */
	if (at >= covered_from && at < covered_until)
		return;
	if (partition_plan == NULL)
		partition_plan = keep_plan(ENSURE_PARTITIONS, 1, ensure_partitions_types);
	args[0] = TimestampTzGetDatum(at);
	if (SPI_execute_plan(partition_plan, args, NULL, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not make a partition of agenda.events");
	/* set last: the call itself may have changed the table and so called forget_coverage() */
	AcceptInvalidationMessages();
	covered_from = at - (at % USECS_PER_DAY + USECS_PER_DAY) % USECS_PER_DAY;
	covered_until = DatumGetTimestampTz(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	covered_relid = get_relname_relid("events", get_namespace_oid("agenda", false));
}

/*
 * Relcache callback.  Making a leaf and undoing it (a rollback) both change the parent, so what
 * was learnt in a transaction that aborts is forgotten again.
 */
static void
forget_coverage(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == covered_relid)
	{
		covered_from = DT_NOEND;
		covered_until = DT_NOBEGIN;
	}
}
