/*
 * log_reader.c
 *		Reads windows of the log.
 *
 * A window holds the events that are visible now and were not visible in the snapshot of the last
 * one, ordered by seq (see DESIGN, "The log"): so a writer that stays open holds back nobody but
 * itself, and nothing that commits late is lost.
 *
 * The rows stream from the executor into the window, one at a time (EventReceiver), by statements
 * that are prepared and planned once for the partitions that can still hold something.  Their
 * text comes from agenda._log_statement(), and there are two ways to read:
 *
 *	new		what lo does not show, by the index on xid: nothing but the window is touched.  The rows
 *			are sorted here.  If there are more than a window may have, they are dropped, and
 *	rest	everything is read in the order of seq from the lowest number on that lo does not show, and
 *			sorted out by xid, until the window is full; then it is cut, and what follows is read in
 *			the same way from there on.
 *
 * The lowest number is asked for, once for all windows up to the next lo.  It cannot be reckoned from
 * what has been read: the xmax of a snapshot is behind the highest id that had ended, so lo does not
 * name those that had drawn a higher one by then, and their numbers, and were running.
 *
 * The snapshot that is remembered has to be the one that the rows were read with: everything is
 * run read-only, in the snapshot that is active in the transaction.  The routes are read with it,
 * too: a route that was committed before an event, or with it, counts for it.
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

#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "storage/lwlock.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/xid8.h"

#include "backlog.h"
#include "event.h"
#include "log_reader.h"
#include "settings.h"
#include "worker.h"

/* What takes the rows; it stops the executor when the window is full. */
typedef struct EventReceiver
{
	DestReceiver pub;
	AgendaWindow *window;
	MemoryContext row_context;
	AgendaSnapshot lo; /* NULL: every row belongs to the window, as far as lo goes */
	AgendaSnapshot hi; /* likewise */
	int64 floor;       /* numbers up to this one do not belong to it */
	int max_events;
	Size max_bytes;
	Size bytes;
	bool full;
	uint64 last_xid;
} EventReceiver;

/* The route of an event type, in the order of agenda._log_routes(). */
typedef struct Route
{
	const char *type;
	const AgendaTopic *topic;
} Route;

typedef struct ReadWork
{
	const AgendaPosition *position;
	bool publishing;
	Size max_bytes;
	AgendaWindow *window;
} ReadWork;

static AgendaQuery leaves_query = {
	.sql = "select array_agg(l), (select f from agenda._log_floor() f) "
		   "from agenda._unread_leaves($1) l",
	.nargs = 1,
	.argtypes = { PG_SNAPSHOTOID },
	.read_only = true
};
static AgendaQuery statement_query = { .sql = "select agenda._log_statement($1, $2)",
									   .nargs = 2,
									   .argtypes = { NAMEARRAYOID, TEXTOID },
									   .read_only = true };
static AgendaQuery routes_query = { .sql =
										"select event_type, topic, mode from agenda._log_routes()",
									.read_only = true };

/* Statements for the leaves that were asked for last. */
static ArrayType *planned_leaves = NULL;
static SPIPlanPtr new_plan = NULL;
static SPIPlanPtr rest_plan = NULL;
static SPIPlanPtr first_plan = NULL;

/* What had been written before the snapshot in which the last window ends. */
static AgendaBacklogMark upper_mark = { 0 };

static void run_read(void *arg);
static void read_window(ReadWork *work, int64 floor);
static void start_over(ReadWork *work);
static bool find_leaves(const AgendaPosition *position, int64 *floor);
static bool same_leaves(const ArrayType *leaves);
static void plan_leaves(ArrayType *leaves);
static SPIPlanPtr plan_statement(ArrayType *leaves, const char *kind, Oid argtype);
static void run_plan(SPIPlanPtr plan, Oid type, Datum value, EventReceiver *receiver);
static int64 first_number(const AgendaPosition *position);
static void begin_receiver(EventReceiver *receiver, ReadWork *work, int64 floor);
static bool receive_event(TupleTableSlot *slot, DestReceiver *self);
static void begin_rows(DestReceiver *self, int operation, TupleDesc typeinfo);
static void end_rows(DestReceiver *self);
static bool belongs(EventReceiver *receiver, Datum xid, int64 seq);
static bool visible(Datum xid, AgendaSnapshot snapshot);
static XLogRecPtr commit_lsn(FullTransactionId fxid);
static int by_seq(const void *a, const void *b);
static void add_deliveries(AgendaWindow *window);
static bool is_route_of(const Route *routes, int n, int r, const AgendaEvent *event);
static const AgendaTopic *only_topic(AgendaWindow *window, const Route *routes, int n,
									 const AgendaEvent *event);
static Route *read_routes(AgendaWindow *window, int *n);
static int first_route(const Route *routes, int n, const char *type);
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
	if (window->n_events == 0)
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
 * since, there is nothing to look for.
 */
bool
agenda_log_is_quiet(const AgendaPosition *position)
{
	uint64 xmax;

	if (position->lo.isnull || !position->hi.isnull)
		return false;
	xmax = U64FromFullTransactionId(
		DatumGetFullTransactionId(DirectFunctionCall1(pg_snapshot_xmax, position->lo.value)));
	return xmax == U64FromFullTransactionId(DatumGetFullTransactionId(
					   DirectFunctionCall1(pg_snapshot_xmin, position->lo.value))) &&
		   xmax == U64FromFullTransactionId(ReadNextFullTransactionId());
}

/* ---- the transaction ----------------------------------------------------------------------- */

static void
run_read(void *arg)
{
	ReadWork *work = arg;
	AgendaWindow *window = work->window;
	const AgendaPosition *position = work->position;
	MemoryContext old = MemoryContextSwitchTo(window->context);
	int64 floor;

	window->lo = agenda_snapshot_copy(position->lo);
	window->upper = agenda_snapshot_copy(position->hi.isnull ? current_snapshot() : position->hi);
	MemoryContextSwitchTo(old);

	if (!find_leaves(position, &floor))
		return;
	read_window(work, floor);
	if (work->publishing && work->window->n_events > 0)
		add_deliveries(work->window);
}

static void
read_window(ReadWork *work, int64 floor)
{
	const AgendaPosition *position = work->position;
	int64 first = 0;
	EventReceiver receiver;

	if (position->hi.isnull)
	{
		begin_receiver(&receiver, work, floor);
		run_plan(new_plan, PG_SNAPSHOTOID, position->lo.value, &receiver);
		if (!receiver.full)
		{
			qsort(work->window->events, work->window->n_events, sizeof(AgendaEvent *), by_seq);
			return;
		}
		start_over(work);
		first = first_number(position);
	}
	begin_receiver(&receiver, work, Max(floor, first - 1));
	receiver.lo = position->lo;
	receiver.hi = position->hi;
	run_plan(rest_plan, INT8OID, Int64GetDatum(receiver.floor), &receiver);
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

/* Makes the statements ready; false when no leaf can hold anything. */
static bool
find_leaves(const AgendaPosition *position, int64 *floor)
{
	Datum values[] = { position->lo.value };
	Datum leaves;
	bool isnull;

	agenda_worker_query(&leaves_query, values, NULL);
	*floor = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	leaves = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		return false;
	if (!same_leaves(DatumGetArrayTypeP(leaves)))
		plan_leaves(DatumGetArrayTypePCopy(leaves));
	return true;
}

static bool
same_leaves(const ArrayType *leaves)
{
	return planned_leaves != NULL && VARSIZE(leaves) == VARSIZE(planned_leaves) &&
		   memcmp(leaves, planned_leaves, VARSIZE(leaves)) == 0;
}

static void
plan_leaves(ArrayType *leaves)
{
	if (planned_leaves != NULL)
	{
		pfree(planned_leaves);
		planned_leaves = NULL;
		SPI_freeplan(new_plan);
		SPI_freeplan(rest_plan);
		SPI_freeplan(first_plan);
	}
	new_plan = plan_statement(leaves, "new", PG_SNAPSHOTOID);
	rest_plan = plan_statement(leaves, "rest", INT8OID);
	first_plan = plan_statement(leaves, "first", PG_SNAPSHOTOID);
	/* last, for all of it may fail */
	planned_leaves = MemoryContextAlloc(TopMemoryContext, VARSIZE(leaves));
	memcpy(planned_leaves, leaves, VARSIZE(leaves));
}

static SPIPlanPtr
plan_statement(ArrayType *leaves, const char *kind, Oid argtype)
{
	Datum values[] = { PointerGetDatum(leaves), CStringGetTextDatum(kind) };
	SPIPlanPtr plan;

	agenda_worker_query(&statement_query, values, NULL);
	plan = SPI_prepare_cursor(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), 1,
							  &argtype, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	return plan;
}

static void
run_plan(SPIPlanPtr plan, Oid type, Datum value, EventReceiver *receiver)
{
	ParamListInfo params = makeParamList(1);
	SPIExecuteOptions options = { .params = params, .read_only = true, .dest = &receiver->pub };
	int rc;

	params->params[0].value = value;
	params->params[0].isnull = false;
	params->params[0].pflags = PARAM_FLAG_CONST;
	params->params[0].ptype = type;
	rc = SPI_execute_plan_extended(plan, &options);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	MemoryContextDelete(receiver->row_context);
}

/* See the head of the file. */
static int64
first_number(const AgendaPosition *position)
{
	Datum values[] = { position->lo.value };
	bool isnull;
	Datum value;
	int rc = SPI_execute_plan(first_plan, values, NULL, true, 0);

	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return isnull ? 0 : DatumGetInt64(value);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void
begin_receiver(EventReceiver *receiver, ReadWork *work, int64 floor)
{
	EventReceiver fresh = { .pub = { .receiveSlot = receive_event,
									 .rStartup = begin_rows,
									 .rShutdown = end_rows,
									 .rDestroy = end_rows,
									 .mydest = DestTuplestore },
							.window = work->window,
							.lo = no_snapshot,
							.hi = no_snapshot,
							.floor = Max(floor, work->position->seq),
							.max_events = agenda_drainer_window,
							.max_bytes = work->max_bytes };

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

/* False stops the executor. */
static bool
receive_event(TupleTableSlot *slot, DestReceiver *self)
{
	EventReceiver *receiver = (EventReceiver *) self;
	AgendaWindow *window = receiver->window;
	AgendaEvent *event;
	MemoryContext old;
	uint64 xid;
	int64 seq;

	slot_getallattrs(slot);
	seq = DatumGetInt64(slot->tts_values[AGENDA_EVENT_SEQ]);
	if (!belongs(receiver, slot->tts_values[AGENDA_EVENT_XID], seq))
		return true;
	if (window->n_events == receiver->max_events ||
		(window->n_events > 0 && receiver->bytes >= receiver->max_bytes))
	{
		receiver->full = true;
		return false;
	}

	xid = U64FromFullTransactionId(DatumGetFullTransactionId(slot->tts_values[AGENDA_EVENT_XID]));
	if (xid != receiver->last_xid)
		window->durable_at = Max(window->durable_at, commit_lsn(FullTransactionIdFromU64(xid)));
	receiver->last_xid = xid;

	old = MemoryContextSwitchTo(receiver->row_context);
	event = agenda_event_make(window->context, slot->tts_values, slot->tts_isnull);
	receiver->bytes += event->size;
	agenda_window_add(window, event);
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->row_context);
	return true;
}

static bool
belongs(EventReceiver *receiver, Datum xid, int64 seq)
{
	return seq > receiver->floor && (receiver->lo.isnull || !visible(xid, receiver->lo)) &&
		   (receiver->hi.isnull || visible(xid, receiver->hi));
}

static bool
visible(Datum xid, AgendaSnapshot snapshot)
{
	return DatumGetBool(DirectFunctionCall2(pg_visible_in_snapshot, xid, snapshot.value));
}

/*
 * Up to where the WAL has to be flushed for the transaction to be durable; invalid when it is.  What
 * is older than the commit log has been through a checkpoint.
 */
static XLogRecPtr
commit_lsn(FullTransactionId fxid)
{
	XLogRecPtr result = InvalidXLogRecPtr;
	TransactionId xid = XidFromFullTransactionId(fxid);
	uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());

	/* ids of a log that came from elsewhere mean nothing */
	if (U64FromFullTransactionId(fxid) >= next ||
		next - U64FromFullTransactionId(fxid) > (uint64) PG_INT32_MAX)
		return result;
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

/* ---- records ------------------------------------------------------------------------------- */

/* One record for each route of each event. */
static void
add_deliveries(AgendaWindow *window)
{
	int n_routes;
	Route *routes = read_routes(window, &n_routes);
	int *first = palloc(window->n_events * sizeof(int));
	int n = 0;

	for (int i = 0; i < window->n_events; i++)
	{
		const AgendaEvent *event = window->events[i];

		first[i] = first_route(routes, n_routes, event->type);
		for (int r = first[i]; is_route_of(routes, n_routes, r, event); r++)
			n++;
		n += event->only_topic != NULL;
	}
	agenda_window_reserve(window, n);
	for (int i = 0; i < window->n_events; i++)
	{
		const AgendaEvent *event = window->events[i];

		for (int r = first[i]; is_route_of(routes, n_routes, r, event); r++)
			agenda_window_deliver(window, event, routes[r].topic);
		if (event->only_topic != NULL)
			agenda_window_deliver(window, event, only_topic(window, routes, n_routes, event));
	}
}

/* Whether the event takes this route; those of a type stand together. */
static bool
is_route_of(const Route *routes, int n, int r, const AgendaEvent *event)
{
	return r < n && event->type[0] != '\0' && event->only_topic == NULL &&
		   strcmp(routes[r].type, event->type) == 0;
}

static const AgendaTopic *
only_topic(AgendaWindow *window, const Route *routes, int n, const AgendaEvent *event)
{
	for (int r = 0; r < n; r++)
		if (strcmp(routes[r].topic->name, event->only_topic) == 0)
			return routes[r].topic;
	return agenda_window_topic(window, event->only_topic, "structured");
}

static Route *
read_routes(AgendaWindow *window, int *n)
{
	Route *routes;
	TupleDesc desc;

	agenda_worker_query(&routes_query, NULL, NULL);
	desc = SPI_tuptable->tupdesc;
	*n = (int) SPI_processed;
	routes = palloc(SPI_processed * sizeof(Route));
	for (int i = 0; i < *n; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];

		routes[i].type = SPI_getvalue(row, desc, 1);
		routes[i].topic =
			agenda_window_topic(window, SPI_getvalue(row, desc, 2), SPI_getvalue(row, desc, 3));
	}
	return routes;
}

/* The index of the first route of a type, or of what stands where it would. */
static int
first_route(const Route *routes, int n, const char *type)
{
	int low = 0;

	while (low < n)
	{
		int middle = (low + n) / 2;

		if (strcmp(routes[middle].type, type) < 0)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}
