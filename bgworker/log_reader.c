/*
 * log_reader.c
 *		Reads windows of the log.
 *
 * A window holds the events that are visible now and were not visible in the snapshot of the last
 * one, ordered by seq (see DESIGN, "The log"): so a writer that stays open holds back nobody but
 * itself, and nothing that commits late is lost.
 *
 * The rows come one at a time (EventReceiver) from the partitions that can still hold something
 * (log_leaves.c), and there are two ways to read them:
 *
 *	new		what lo does not show, by the index on xid: nothing but the window is touched.  That is done for
 *			nearly every commit, and an executor would cost several times the work on the rows, so
 *			the partitions of events are asked by their access methods.  The rows are sorted here.
 *			If there are more than a window may have, they are dropped, and
 *	rest	everything is read in the order of seq from the lowest number on that lo does not show, and
 *			sorted out by xid, until the window is full; then it is cut, and what follows is read in
 *			the same way from there on.
 *
 * The lowest number is asked for, once for all windows up to the next lo.  It cannot be reckoned from
 * what has been read: the xmax of a snapshot is behind the highest id that had ended, so lo does not
 * name those that had drawn a higher one by then, and their numbers, and were running.
 *
 * Where there are several drainers a window has the events of one of them, and ends where the
 * others' do: it is full when it has seen as many rows as all of them together may take, so that who
 * has few events gets on, too.
 *
 * The snapshot that is remembered has to be the one that the rows were read with: everything is
 * run read-only, in the snapshot that is active in the transaction, partitions and routes
 * (log_routes.c), too.  All statements but "new" of events come from agenda._log_statement().
 *
 * Before a record leaves the database, its commit must have reached the disk: with
 * synchronous_commit = off rows are visible earlier, and a crash could undo what others have seen
 * in Kafka.  For each transaction the commit log knows up to where the WAL has to be flushed;
 * that is done after the reading transaction has ended.
 *
 * Memory: events and records in the window's context; what a row costs on the way is reset with
 * the row.  Errors end the transaction; the window that was begun is freed.
 */
#include "postgres.h"

#include "access/commit_ts.h"
#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "storage/bufmgr.h"
#include "storage/lwlock.h"
#include "tcop/dest.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "backlog.h"
#include "event.h"
#include "log_leaves.h"
#include "log_reader.h"
#include "log_routes.h"
#include "settings.h"
#include "share.h"
#include "table.h"
#include "worker.h"

/* What takes the rows; it stops the executor when the window is full. */
typedef struct EventReceiver
{
	DestReceiver pub;
	AgendaWindow *window;
	MemoryContext row_context;
	AgendaSnapshot lo; /* NULL: every row belongs to the window, as far as lo goes */
	AgendaSnapshot hi;
	int64 floor; /* numbers up to this one do not belong to it */
	int max_rows;
	Size max_bytes;
	Size bytes;
	bool full;
	bool publishing;
	uint64 last_xid;
	TimestampTz committed_at; /* of that one; 0: not known */
} EventReceiver;

/* A pg_snapshot as it is stored. */
typedef struct StoredSnapshot
{
	int32 varlena;
	uint32 n_running;
	uint64 xmin;
	uint64 xmax;
	uint64 running[FLEXIBLE_ARRAY_MEMBER];
} StoredSnapshot;

typedef struct ReadWork
{
	const AgendaPosition *position;
	bool publishing;
	Size max_bytes;
	AgendaWindow *window;
} ReadWork;

/* Columns of agenda.events, in the order of AGENDA_EVENT_*; the others are those of a replay. */
static const AgendaColumn event_columns[] = {
	[AGENDA_EVENT_SEQ] = { "seq", INT8OID },
	[AGENDA_EVENT_XID] = { "xid", XID8OID },
	[AGENDA_EVENT_ID] = { "id", UUIDOID },
	[AGENDA_EVENT_TYPE] = { "type", TEXTOID },
	[AGENDA_EVENT_USER_ID] = { "user_id", UUIDOID },
	[AGENDA_EVENT_SUBJECT] = { "subject", TEXTOID },
	[AGENDA_EVENT_KEY] = { "key", TEXTOID },
	[AGENDA_EVENT_OCCURRED_AT] = { "occurred_at", TIMESTAMPTZOID },
	[AGENDA_EVENT_TRACE] = { "trace", TEXTOID },
	[AGENDA_EVENT_HEADERS] = { "headers", JSONBOID },
	[AGENDA_EVENT_DATA] = { "data", JSONBOID },
};
/* of the partition that was read last */
static AgendaRowMap event_map = { "events", event_columns, lengthof(event_columns) };

/* What had been written before the snapshot in which the last window ends. */
static AgendaBacklogMark upper_mark = { 0 };

static void run_read(void *arg);
static void read_window(ReadWork *work, const AgendaUnread *unread);
static void start_over(ReadWork *work);
static void run_statement(AgendaStatement statement, Oid type, Datum value,
						  EventReceiver *receiver);
static int64 first_number(const AgendaPosition *position);
static void read_new(const AgendaUnread *unread, AgendaSnapshot lo, EventReceiver *receiver);
static void read_leaf(AgendaLeaf *leaf, const StoredSnapshot *lo, EventReceiver *receiver);
static void read_xids(IndexScanDesc scan, StrategyNumber strategy, RegProcedure operator,
					  uint64 xid, TupleTableSlot *slot, EventReceiver *receiver);
static void receive_leaf_row(TupleTableSlot *slot, EventReceiver *receiver);
static void begin_receiver(EventReceiver *receiver, ReadWork *work, int64 floor);
static bool receive_row(TupleTableSlot *slot, DestReceiver *self);
static bool receive_event(EventReceiver *receiver, const Datum *values, const bool *nulls);
static void take_event(EventReceiver *receiver, const Datum *values, const bool *nulls);
static void begin_rows(DestReceiver *self, int operation, TupleDesc typeinfo);
static void end_rows(DestReceiver *self);
static bool belongs(EventReceiver *receiver, Datum xid, int64 seq);
static bool visible(Datum xid, AgendaSnapshot snapshot);
static void look_up_commit(EventReceiver *receiver, FullTransactionId fxid);
static XLogRecPtr commit_lsn(TransactionId xid);
static int by_seq(const void *a, const void *b);
static AgendaSnapshot current_snapshot(void);

static const AgendaSnapshot no_snapshot = { .isnull = true };

bool
agenda_log_read(AgendaPosition *position, bool publishing, Size max_bytes, AgendaWindow **result)
{
	AgendaWindow *window;
	ReadWork work = { .position = position,
					  .publishing = publishing,
					  .max_bytes = max_bytes,
					  .window = agenda_window_create() };

	*result = NULL;
	/* the rest of a window that was cut has the snapshot of its beginning */
	if (position->hi.isnull)
		upper_mark = agenda_backlog_mark();
	if (!agenda_worker_transaction("reading the log", run_read, &work))
	{
		agenda_window_free(work.window);
		return false;
	}
	window = work.window;
	if (window->n_rows == 0)
	{
		agenda_position_set(position, window->upper, no_snapshot, 0);
		agenda_window_free(window);
		return true;
	}
	window->mark = upper_mark;
	agenda_window_close(window);
	agenda_window_pass(window, window->n_events, position);
	if (window->n_deliveries > 0 && window->durable_at != InvalidXLogRecPtr)
		XLogFlush(window->durable_at);
	*result = window;
	return true;
}

const AgendaBacklogMark *
agenda_log_read_mark(void)
{
	return &upper_mark;
}

/*
 * Events come from transactions with an id.  If nobody was running in lo and nobody has drawn one
 * since, but for ourselves to store the position, there is nothing to look for.
 */
bool
agenda_log_is_quiet(const AgendaPosition *position)
{
	const StoredSnapshot *lo = (const StoredSnapshot *) DatumGetPointer(position->lo.value);
	uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());

	if (position->lo.isnull || !position->hi.isnull || lo->xmin != lo->xmax)
		return false;
	return next == lo->xmax || (next == lo->xmax + 1 && agenda_position_saved_by() == lo->xmax);
}

/* ---- the transaction ----------------------------------------------------------------------- */

static void
run_read(void *arg)
{
	ReadWork *work = arg;
	AgendaWindow *window = work->window;
	const AgendaPosition *position = work->position;
	MemoryContext old = MemoryContextSwitchTo(window->context);
	const AgendaUnread *unread;

	window->lo = agenda_snapshot_copy(position->lo);
	window->upper = agenda_snapshot_copy(position->hi.isnull ? current_snapshot() : position->hi);
	MemoryContextSwitchTo(old);

	unread = agenda_log_unread(position->lo);
	if (!unread->any)
		return;
	read_window(work, unread);
	if (work->publishing && work->window->n_events > 0)
		agenda_log_route(work->window);
}

static void
read_window(ReadWork *work, const AgendaUnread *unread)
{
	const AgendaPosition *position = work->position;
	int64 first = 0;
	EventReceiver receiver;

	if (position->hi.isnull)
	{
		begin_receiver(&receiver, work, unread->floor);
		read_new(unread, position->lo, &receiver);
		if (!receiver.full)
		{
			qsort(work->window->events, work->window->n_events, sizeof(AgendaEvent *), by_seq);
			return;
		}
		start_over(work);
		first = first_number(position);
	}
	begin_receiver(&receiver, work, Max(unread->floor, first - 1));
	receiver.lo = position->lo;
	run_statement(AGENDA_STATEMENT_REST, INT8OID, Int64GetDatum(receiver.floor), &receiver);
	work->window->cut = receiver.full;
}

/* Lets go of what was read in vain. */
static void
start_over(ReadWork *work)
{
	AgendaWindow *fresh = agenda_window_create();
	MemoryContext old = MemoryContextSwitchTo(fresh->context);

	fresh->lo = agenda_snapshot_copy(work->window->lo);
	fresh->upper = agenda_snapshot_copy(work->window->upper);
	MemoryContextSwitchTo(old);
	agenda_window_free(work->window);
	work->window = fresh;
}

/* The window's first snapshot is the one that is active, and the rows are read with it. */
static AgendaSnapshot
current_snapshot(void)
{
	AgendaSnapshot result = { .value = DirectFunctionCall1(pg_current_snapshot, (Datum) 0) };

	return result;
}

static void
run_statement(AgendaStatement statement, Oid type, Datum value, EventReceiver *receiver)
{
	ParamListInfo params = makeParamList(1);
	SPIExecuteOptions options = { .params = params, .read_only = true, .dest = &receiver->pub };
	int rc;

	params->params[0].value = value;
	params->params[0].isnull = false;
	params->params[0].pflags = PARAM_FLAG_CONST;
	params->params[0].ptype = type;
	rc = SPI_execute_plan_extended(agenda_log_plan(statement), &options);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
}

/* See the head of the file. */
static int64
first_number(const AgendaPosition *position)
{
	Datum values[] = { position->lo.value };
	bool isnull;
	Datum value;
	int rc = SPI_execute_plan(agenda_log_plan(AGENDA_STATEMENT_FIRST), values, NULL, true, 0);

	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return isnull ? 0 : DatumGetInt64(value);
}

/* ---- new ----------------------------------------------------------------------------------- */

/* Two kinds of rows are not visible in lo: see "reading" in sql/api/65_log.sql. */
static void
read_new(const AgendaUnread *unread, AgendaSnapshot lo, EventReceiver *receiver)
{
	for (int i = 0; i < unread->n_leaves && !receiver->full; i++)
		read_leaf(&unread->leaves[i], (const StoredSnapshot *) DatumGetPointer(lo.value), receiver);
	if (unread->replays && !receiver->full)
		run_statement(AGENDA_STATEMENT_REPLAYS, PG_SNAPSHOTOID, lo.value, receiver);
}

static void
read_leaf(AgendaLeaf *leaf, const StoredSnapshot *lo, EventReceiver *receiver)
{
	Relation rel = table_open(leaf->table, AccessShareLock);
	Relation index;
	IndexScanDesc scan;
	TupleTableSlot *slot;

	/* most often that of tomorrow */
	if (RelationGetNumberOfBlocks(rel) == 0)
	{
		table_close(rel, NoLock);
		return;
	}
	index = index_open(agenda_log_xid_index(leaf, rel), AccessShareLock);
	slot = table_slot_create(rel, NULL);
	scan = index_beginscan(rel, index, GetActiveSnapshot(), 1, 0);
	read_xids(scan, BTGreaterEqualStrategyNumber, F_XID8GE, lo->xmax, slot, receiver);
	for (uint32 i = 0; i < lo->n_running; i++)
		read_xids(scan, BTEqualStrategyNumber, F_XID8EQ, lo->running[i], slot, receiver);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, NoLock);
	table_close(rel, NoLock);
}

static void
read_xids(IndexScanDesc scan, StrategyNumber strategy, RegProcedure operator, uint64 xid,
		  TupleTableSlot *slot, EventReceiver *receiver)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, strategy, operator,
				FullTransactionIdGetDatum(FullTransactionIdFromU64(xid)));
	index_rescan(scan, &key, 1, NULL, 0);
	while (!receiver->full && index_getnext_slot(scan, ForwardScanDirection, slot))
		receive_leaf_row(slot, receiver);
}

static void
receive_leaf_row(TupleTableSlot *slot, EventReceiver *receiver)
{
	const AttrNumber *attnum = agenda_row_columns(&event_map, slot->tts_tupleDescriptor);
	Datum values[AGENDA_EVENT_COLUMNS] = { 0 };
	bool nulls[AGENDA_EVENT_COLUMNS];

	slot_getallattrs(slot);
	memset(nulls, true, sizeof(nulls));
	for (int i = 0; i < lengthof(event_columns); i++)
	{
		values[i] = slot->tts_values[attnum[i] - 1];
		nulls[i] = slot->tts_isnull[attnum[i] - 1];
	}
	(void) receive_event(receiver, values, nulls);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void
begin_receiver(EventReceiver *receiver, ReadWork *work, int64 floor)
{
	EventReceiver fresh = { .pub = { .receiveSlot = receive_row,
									 .rStartup = begin_rows,
									 .rShutdown = end_rows,
									 .rDestroy = end_rows,
									 .mydest = DestTuplestore },
							.window = work->window,
							.lo = no_snapshot,
							.hi = work->window->upper,
							.floor = Max(floor, work->position->seq),
							.max_rows = agenda_drainer_window * agenda_drainers,
							.max_bytes = work->max_bytes,
							.publishing = work->publishing };

	*receiver = fresh;
	receiver->row_context = AllocSetContextCreate(CurrentMemoryContext, "pg_agenda row of the log",
												  ALLOCSET_DEFAULT_SIZES);
}

/* rStartup of a receiver needs to do nothing here, but has to be there */
static void
begin_rows(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

/* rShutdown and rDestroy, likewise */
static void
end_rows(DestReceiver *self)
{
}

/* receiveSlot: false stops the executor. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	slot_getallattrs(slot);
	return receive_event((EventReceiver *) self, slot->tts_values, slot->tts_isnull);
}

/* False if the window is full.  What other drainers publish is counted and passed over. */
static bool
receive_event(EventReceiver *receiver, const Datum *values, const bool *nulls)
{
	AgendaWindow *window = receiver->window;
	int64 seq = DatumGetInt64(values[AGENDA_EVENT_SEQ]);
	MemoryContext old;

	if (!belongs(receiver, values[AGENDA_EVENT_XID], seq))
		return true;
	if (window->n_rows == receiver->max_rows ||
		(window->n_events > 0 && receiver->bytes >= receiver->max_bytes))
	{
		receiver->full = true;
		return false;
	}
	window->n_rows++;
	window->last_seq = seq;

	old = MemoryContextSwitchTo(receiver->row_context);
	if (agenda_share_has(values, nulls))
		take_event(receiver, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->row_context);
	return true;
}

/* Where nothing is published, a window only moves the position, and takes no more of an event than its number. */
static void
take_event(EventReceiver *receiver, const Datum *values, const bool *nulls)
{
	AgendaWindow *window = receiver->window;
	AgendaEvent *event;

	if (!receiver->publishing)
	{
		event = MemoryContextAllocZero(window->context, sizeof(AgendaEvent));
		event->seq = DatumGetInt64(values[AGENDA_EVENT_SEQ]);
		agenda_window_add(window, event);
		return;
	}
	look_up_commit(receiver, DatumGetFullTransactionId(values[AGENDA_EVENT_XID]));
	event = agenda_event_make(window->context, values, nulls);
	if (receiver->committed_at != 0)
		event->committed_at = receiver->committed_at;
	receiver->bytes += event->size;
	agenda_window_add(window, event);
}

/*
 * A row that is there, under an id that the snapshot does not show, was written by another cluster and has come by
 * logical replication: it would be new to every window.
 */
static bool
belongs(EventReceiver *receiver, Datum xid, int64 seq)
{
	return seq > receiver->floor && (receiver->lo.isnull || !visible(xid, receiver->lo)) &&
		   visible(xid, receiver->hi);
}

static bool
visible(Datum xid, AgendaSnapshot snapshot)
{
	return DatumGetBool(DirectFunctionCall2(pg_visible_in_snapshot, xid, snapshot.value));
}

/* What the server remembers of a transaction; the events of one stand together, as a rule. */
static void
look_up_commit(EventReceiver *receiver, FullTransactionId fxid)
{
	uint64 xid = U64FromFullTransactionId(fxid);
	uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());

	if (xid == receiver->last_xid)
		return;
	receiver->last_xid = xid;
	receiver->committed_at = 0;
	/* ids of a log that came from elsewhere mean nothing */
	if (xid >= next || next - xid > (uint64) PG_INT32_MAX)
		return;
	receiver->window->durable_at =
		Max(receiver->window->durable_at, commit_lsn(XidFromFullTransactionId(fxid)));
	if (track_commit_timestamp)
		(void) TransactionIdGetCommitTsData(XidFromFullTransactionId(fxid), &receiver->committed_at,
											NULL);
}

/*
 * Up to where the WAL has to be flushed for the transaction to be durable; invalid when it is.  What
 * is older than the commit log has been through a checkpoint.
 */
static XLogRecPtr
commit_lsn(TransactionId xid)
{
	XLogRecPtr result = InvalidXLogRecPtr;

	LWLockAcquire(XactTruncationLock, LW_SHARED);
	if (!TransactionIdPrecedes(xid, ShmemVariableCache->oldestClogXid))
		result = TransactionIdGetCommitLSN(xid);
	LWLockRelease(XactTruncationLock);
	return result;
}

static int
by_seq(const void *a, const void *b)
{
	int64 x = (*(AgendaEvent *const *) a)->seq;
	int64 y = (*(AgendaEvent *const *) b)->seq;

	return (x > y) - (x < y);
}
