/*
 * window.c
 *		One window of the log: its events, the records they make, and the position behind it.
 *
 * Everything the drainer wants of the database.  A window holds the events that are visible now and
 * were not visible in the snapshot of the last one, ordered by seq (see DESIGN, "The log"): so a
 * writer that stays open holds back nobody but itself, and nothing that commits late is lost.
 *
 * The snapshot that is remembered has to be the one that the rows were read with: the query is run
 * read-only, in the snapshot that is active in the transaction, and agenda._log_read() is stable.
 *
 * Before a record leaves the database, the commits behind it must have reached the disk: with
 * synchronous_commit = off rows are visible earlier, and a crash could undo what others have seen
 * in Kafka.  The window remembers how far the log was written when it was read, and
 * agenda_window_read() flushes up to there after its transaction has ended.
 *
 * Memory: a context per window, child of TopMemoryContext.  Positions own their snapshots in
 * TopMemoryContext.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "backlog.h"
#include "settings.h"
#include "window.h"
#include "worker.h"

/* Columns of read_query. */
enum
{
	COL_SEQ = 1,
	COL_ID,
	COL_TYPE,
	COL_USER_ID,
	COL_SUBJECT,
	COL_KEY,
	COL_OCCURRED_AT,
	COL_TRACE,
	COL_REQUEST_ID,
	COL_DATA,
	COL_TOPICS,
	COL_REPLAY_OF
};

typedef struct ReadWork
{
	const AgendaPosition *position;
	bool publishing;
	AgendaWindow *window;
} ReadWork;

typedef struct LoadWork
{
	AgendaPosition *position;
	char *foreign;
	MemoryContext caller;
} LoadWork;

static AgendaQuery read_query = {
	.sql = "select seq, id, type, user_id, subject, key, occurred_at, trace, "
		   "headers->>'x-request-id', data, topics, replay_of "
		   "from agenda._log_read($1, $2, $3, $4, $5)",
	.nargs = 5,
	.argtypes = { PG_SNAPSHOTOID, PG_SNAPSHOTOID, INT8OID, INT4OID, INT8OID },
	.read_only = true
};
static AgendaQuery position_query = {
	.sql = "select lo, hi, seq, foreign_reason from agenda._log_position()"
};
static AgendaQuery backlog_query = { .sql = "select events, bytes from agenda._log_backlog()" };
static AgendaQuery save_query = { .sql = "select agenda._log_save($1, $2, $3)",
								  .nargs = 3,
								  .argtypes = { PG_SNAPSHOTOID, PG_SNAPSHOTOID, INT8OID } };
static AgendaQuery dead_query = { .sql = "select agenda._log_dead($1, $2, $3, $4)",
								  .nargs = 4,
								  .argtypes = { INT8OID, TEXTOID, TEXTOID, INT4OID } };

static AgendaQuery topics_query = { .sql = "select topic from agenda._log_topics() topic" };

static void run_read(void *arg);
static void run_load(void *arg);
static void count_backlog(void);
static void run_save(void *arg);
static void run_bury(void *arg);
static void run_topics(void *arg);
static AgendaSnapshot current_snapshot(void);
static XLogRecPtr wal_written(void);
static int64 read_limit_bytes(void);
static void copy_events(AgendaWindow *window, int n, bool publishing);
static void copy_event(AgendaEvent *event, HeapTuple row, TupleDesc desc);
static int count_topics(HeapTuple row, TupleDesc desc);
static void add_deliveries(AgendaWindow *window, const AgendaEvent *event, HeapTuple row,
						   TupleDesc desc);
static ArrayType *topics_of(HeapTuple row, TupleDesc desc);
static char *column_text(HeapTuple row, TupleDesc desc, int column);
static AgendaSnapshot column_snapshot(HeapTuple row, TupleDesc desc, int column);
static AgendaSnapshot copy_snapshot(AgendaSnapshot snapshot);
static void free_snapshot(AgendaSnapshot *snapshot);
static void set_position(AgendaPosition *position, AgendaSnapshot lo, AgendaSnapshot hi, int64 seq);

static const AgendaSnapshot no_snapshot = { .isnull = true };

bool
agenda_window_read(AgendaPosition *position, bool publishing, AgendaWindow **result)
{
	MemoryContext context =
		AllocSetContextCreate(TopMemoryContext, "pg_agenda window", ALLOCSET_DEFAULT_SIZES);
	AgendaWindow *window = MemoryContextAllocZero(context, sizeof(AgendaWindow));
	ReadWork work = { .position = position, .publishing = publishing, .window = window };
	/* the rest of a window that was cut has the snapshot of its beginning */
	static AgendaBacklogMark upper_mark = { 0 };

	*result = NULL;
	window->context = context;
	if (position->hi.isnull)
		upper_mark = agenda_backlog_mark();
	window->mark = upper_mark;
	if (!agenda_worker_transaction("reading the log", run_read, &work))
	{
		agenda_window_free(window);
		return false;
	}
	if (window->n_events == 0)
	{
		set_position(position, window->upper, no_snapshot, 0);
		agenda_backlog_pass(0, &window->mark);
		agenda_window_free(window);
		return true;
	}
	if (window->n_deliveries > 0)
		XLogFlush(window->durable_at);
	*result = window;
	return true;
}

void
agenda_window_free(AgendaWindow *window)
{
	MemoryContextDelete(window->context);
}

/*
 * In a transaction.  One row more than may be kept is asked for, which tells whether the window is
 * cut.  The SQL function ends with the row that reaches the limit of bytes, counting data alone; then
 * the window counts as cut, too, and in case it wasn't, the next read finds nothing.
 */
static void
run_read(void *arg)
{
	ReadWork *work = arg;
	AgendaWindow *window = work->window;
	const AgendaPosition *position = work->position;
	MemoryContext old;
	Datum values[] = { position->lo.value, position->hi.value, Int64GetDatum(position->seq),
					   Int32GetDatum(agenda_drainer_window + 1),
					   Int64GetDatum(read_limit_bytes()) };
	char nulls[] = {
		position->lo.isnull ? 'n' : ' ', position->hi.isnull ? 'n' : ' ', ' ', ' ', ' ', '\0'
	};

	agenda_worker_query(&read_query, values, nulls);

	old = MemoryContextSwitchTo(window->context);
	window->lo = copy_snapshot(position->lo);
	window->upper = copy_snapshot(position->hi.isnull ? current_snapshot() : position->hi);
	window->cut = SPI_processed > (uint64) agenda_drainer_window;
	copy_events(window, Min(SPI_processed, (uint64) agenda_drainer_window), work->publishing);
	window->durable_at = wal_written();
	MemoryContextSwitchTo(old);
}

/* The active one, which the rows were read with. */
static AgendaSnapshot
current_snapshot(void)
{
	AgendaSnapshot result = { .value = DirectFunctionCall1(pg_current_snapshot, (Datum) 0) };

	return result;
}

/*
 * The end of what has been written into the WAL.  The insert pointer says where the next record
 * begins; at the start of a page that is behind the page's header, up to which nobody can flush.
 */
static XLogRecPtr
wal_written(void)
{
	XLogRecPtr insert = GetXLogInsertRecPtr();

	if (XLogSegmentOffset(insert, wal_segment_size) == SizeOfXLogLongPHD)
		return insert - SizeOfXLogLongPHD;
	if (insert % XLOG_BLCKSZ == SizeOfXLogShortPHD)
		return insert - SizeOfXLogShortPHD;
	return insert;
}

/* The rows are there twice while they are copied, in SPI's memory and in the window's. */
static int64
read_limit_bytes(void)
{
	return (int64) agenda_drainer_memory * 1024 / 2;
}

/* The first n rows of the query's result. */
static void
copy_events(AgendaWindow *window, int n, bool publishing)
{
	TupleDesc desc = SPI_tuptable->tupdesc;
	int64 bytes = 0;
	int n_topics = 0;

	window->events = MemoryContextAllocHuge(window->context, n * sizeof(AgendaEvent));
	for (int i = 0; i < n; i++)
	{
		AgendaEvent *event = &window->events[i];

		copy_event(event, SPI_tuptable->vals[i], desc);
		bytes += event->data ? strlen(event->data) : 0;
		n_topics += publishing ? count_topics(SPI_tuptable->vals[i], desc) : 0;
	}
	window->n_events = n;
	window->cut |= bytes >= read_limit_bytes();

	if (n_topics == 0)
		return;
	window->deliveries = MemoryContextAllocHuge(window->context, n_topics * sizeof(AgendaDelivery));
	for (int i = 0; i < n; i++)
		add_deliveries(window, &window->events[i], SPI_tuptable->vals[i], desc);
	window->n_in_state[AGENDA_DELIVERY_WAITING] = window->n_deliveries;
}

static void
copy_event(AgendaEvent *event, HeapTuple row, TupleDesc desc)
{
	bool isnull;

	event->seq = DatumGetInt64(SPI_getbinval(row, desc, COL_SEQ, &isnull));
	event->id = column_text(row, desc, COL_ID);
	event->type = column_text(row, desc, COL_TYPE);
	event->user_id = column_text(row, desc, COL_USER_ID);
	event->subject = column_text(row, desc, COL_SUBJECT);
	if (agenda_event_key == AGENDA_EVENT_KEY_USER && event->user_id != NULL)
		event->key = event->user_id;
	else
		event->key = column_text(row, desc, COL_KEY);
	event->occurred_at = DatumGetTimestampTz(SPI_getbinval(row, desc, COL_OCCURRED_AT, &isnull));
	event->trace = column_text(row, desc, COL_TRACE);
	event->request_id = column_text(row, desc, COL_REQUEST_ID);
	event->data = column_text(row, desc, COL_DATA);
	event->replay_of = DatumGetInt64(SPI_getbinval(row, desc, COL_REPLAY_OF, &isnull));
}

static int
count_topics(HeapTuple row, TupleDesc desc)
{
	ArrayType *topics = topics_of(row, desc);

	return topics ? ArrayGetNItems(ARR_NDIM(topics), ARR_DIMS(topics)) : 0;
}

/* One delivery per topic; there is room for all of them. */
static void
add_deliveries(AgendaWindow *window, const AgendaEvent *event, HeapTuple row, TupleDesc desc)
{
	ArrayType *topics = topics_of(row, desc);
	Datum *elements;
	bool *nulls;
	int n;

	if (topics == NULL)
		return;
	deconstruct_array(topics, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		AgendaDelivery delivery = { .event = event };

		if (nulls[i])
			continue;
		delivery.topic = TextDatumGetCString(elements[i]);
		window->deliveries[window->n_deliveries++] = delivery;
	}
}

/* NULL when the event has no topic. */
static ArrayType *
topics_of(HeapTuple row, TupleDesc desc)
{
	bool isnull;
	Datum value = SPI_getbinval(row, desc, COL_TOPICS, &isnull);

	return isnull ? NULL : DatumGetArrayTypeP(value);
}

static char *
column_text(HeapTuple row, TupleDesc desc, int column)
{
	return SPI_getvalue(row, desc, column);
}

/* Detoasted: the row it stands in may be dropped while the position is still in use. */
static AgendaSnapshot
column_snapshot(HeapTuple row, TupleDesc desc, int column)
{
	AgendaSnapshot result;

	result.value = SPI_getbinval(row, desc, column, &result.isnull);
	if (!result.isnull)
		result.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(result.value));
	return result;
}

int
agenda_window_done(const AgendaWindow *window)
{
	const AgendaEvent *last = window->events + window->n_events;

	for (int i = 0; i < window->n_deliveries; i++)
	{
		const AgendaDelivery *delivery = &window->deliveries[i];

		if (delivery->state != AGENDA_DELIVERY_DONE && delivery->state != AGENDA_DELIVERY_DEAD)
		{
			last = delivery->event;
			break;
		}
	}
	return last - window->events;
}

void
agenda_window_pass(const AgendaWindow *window, int n_events, AgendaPosition *position)
{
	bool complete = n_events == window->n_events && !window->cut;

	Assert(n_events > 0 && n_events <= window->n_events);
	agenda_backlog_pass(n_events, complete ? &window->mark : NULL);
	if (complete)
		set_position(position, window->upper, no_snapshot, 0);
	else
		set_position(position, window->lo, window->upper, window->events[n_events - 1].seq);
}

bool
agenda_position_save(const AgendaPosition *position)
{
	return agenda_worker_transaction("saving the position", run_save, (void *) position);
}

/* In a transaction. */
static void
run_save(void *arg)
{
	const AgendaPosition *position = arg;
	Datum values[] = { position->lo.value, position->hi.value, Int64GetDatum(position->seq) };
	char nulls[] = { position->lo.isnull ? 'n' : ' ', position->hi.isnull ? 'n' : ' ', ' ', '\0' };

	agenda_worker_query(&save_query, values, nulls);
}

bool
agenda_window_bury(const AgendaDelivery *delivery)
{
	return agenda_worker_transaction("writing a dead letter", run_bury, (void *) delivery);
}

/* In a transaction. */
static void
run_bury(void *arg)
{
	const AgendaDelivery *delivery = arg;
	const AgendaEvent *event = delivery->event;
	Datum values[] = { Int64GetDatum(event->replay_of != 0 ? event->replay_of : event->seq),
					   CStringGetTextDatum(delivery->topic), CStringGetTextDatum(delivery->reason),
					   Int32GetDatum(delivery->attempts) };

	agenda_worker_query(&dead_query, values, NULL);
}

bool
agenda_topics_each(void (*visit)(const char *topic))
{
	return agenda_worker_transaction("reading the topics", run_topics, (void *) &visit);
}

/* In a transaction. */
static void
run_topics(void *arg)
{
	void (*visit)(const char *topic) = *(void (**)(const char *)) arg;

	agenda_worker_query(&topics_query, NULL, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
		visit(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
}

bool
agenda_position_load(AgendaPosition *position, char **foreign)
{
	LoadWork work = { .position = position, .caller = CurrentMemoryContext };

	if (!agenda_worker_transaction("reading the position", run_load, &work))
		return false;
	*foreign = work.foreign;
	return true;
}

/* In a transaction. */
static void
run_load(void *arg)
{
	LoadWork *work = arg;
	HeapTuple row;
	TupleDesc desc;
	bool isnull;
	char *foreign;

	agenda_worker_query(&position_query, NULL, NULL);
	if (SPI_processed != 1)
		elog(ERROR, "agenda._log_position returned " UINT64_FORMAT " rows", SPI_processed);
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;

	foreign = SPI_getvalue(row, desc, 4);
	if (foreign != NULL)
		work->foreign = MemoryContextStrdup(work->caller, foreign);
	else
		set_position(work->position, column_snapshot(row, desc, 1), column_snapshot(row, desc, 2),
					 DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull)));
	if (foreign == NULL)
		count_backlog();
}

/* In a transaction.  From here on the counters in shared memory know. */
static void
count_backlog(void)
{
	HeapTuple row;
	TupleDesc desc;
	bool isnull;

	agenda_worker_query(&backlog_query, NULL, NULL);
	if (SPI_processed != 1)
		elog(ERROR, "agenda._log_backlog returned " UINT64_FORMAT " rows", SPI_processed);
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	agenda_backlog_restart(DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull)),
						   DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull)));
}

static AgendaSnapshot
copy_snapshot(AgendaSnapshot snapshot)
{
	if (!snapshot.isnull)
		snapshot.value = datumCopy(snapshot.value, false, -1);
	return snapshot;
}

static void
free_snapshot(AgendaSnapshot *snapshot)
{
	if (!snapshot->isnull && DatumGetPointer(snapshot->value) != NULL)
		pfree(DatumGetPointer(snapshot->value));
}

/* Replaces the position by copies of its own. */
static void
set_position(AgendaPosition *position, AgendaSnapshot lo, AgendaSnapshot hi, int64 seq)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	AgendaPosition copy = { .lo = copy_snapshot(lo), .hi = copy_snapshot(hi), .seq = seq };

	MemoryContextSwitchTo(old);
	free_snapshot(&position->lo);
	free_snapshot(&position->hi);
	*position = copy;
}
