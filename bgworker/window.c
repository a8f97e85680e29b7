/*
 * window.c
 *		One window of the log: its events, the records they make, and the position behind it.
 *
 * log_reader.c fills windows from the log and dead_letters.c from the dead letters; delivery.c
 * settles their records; the drainer passes what is settled and stores the position.
 *
 * Memory: a context per window, child of TopMemoryContext, which only grows until it is deleted.
 * Positions own their snapshots in TopMemoryContext.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "backlog.h"
#include "settings.h"
#include "share.h"
#include "window.h"
#include "worker.h"

#define FIRST_EVENTS 16

typedef struct LoadWork
{
	AgendaPosition *position;
	char *foreign;
	MemoryContext caller;
} LoadWork;

static AgendaQuery position_query = {
	.sql = "select lo, hi, seq, foreign_reason from agenda._log_position($1, $2, $3)",
	.nargs = 3,
	.argtypes = { INT4OID, INT4OID, TEXTOID }
};
static AgendaQuery backlog_query = { .sql =
										 "select events, bytes from agenda._log_unread($1, $2, $3)",
									 .nargs = 3,
									 .argtypes = { PG_SNAPSHOTOID, PG_SNAPSHOTOID, INT8OID } };
static AgendaQuery save_query = { .sql = "select agenda._log_save($1, $2, $3, $4)",
								  .nargs = 4,
								  .argtypes = { PG_SNAPSHOTOID, PG_SNAPSHOTOID, INT8OID,
												INT4OID } };
static AgendaQuery topics_query = { .sql = "select topic from agenda._log_topics() topic" };

static const char *const mode_names[] = {
	[AGENDA_MODE_STRUCTURED] = "structured",
	[AGENDA_MODE_BINARY] = "binary",
	[AGENDA_MODE_RAW] = "raw",
	[AGENDA_MODE_DEBEZIUM] = "debezium",
};

static AgendaMode mode_of(const char *name);
static void run_load(void *arg);
static void count_backlog(const AgendaPosition *position);
static void run_save(void *arg);
static void run_topics(void *arg);
static AgendaSnapshot column_snapshot(HeapTuple row, TupleDesc desc, int column);
static void free_snapshot(AgendaSnapshot *snapshot);

static uint64 saved_by = 0;

static const AgendaSnapshot no_snapshot = { .isnull = true };

/* ---- windows ------------------------------------------------------------------------------- */

AgendaWindow *
agenda_window_create(void)
{
	/* nothing in it is freed alone, and sizes are not rounded up */
	MemoryContext context =
		GenerationContextCreate(TopMemoryContext, "pg_agenda window", ALLOCSET_DEFAULT_SIZES);
	AgendaWindow *window = MemoryContextAllocZero(context, sizeof(AgendaWindow));

	window->context = context;
	window->lo = window->upper = no_snapshot;
	return window;
}

void
agenda_window_free(AgendaWindow *window)
{
	MemoryContextDelete(window->context);
}

void
agenda_window_add(AgendaWindow *window, AgendaEvent *event)
{
	if (window->n_events == window->max_events)
	{
		AgendaEvent **events;

		window->max_events = Max(FIRST_EVENTS, 2 * window->max_events);
		events = MemoryContextAllocHuge(window->context, window->max_events * sizeof(*events));
		if (window->n_events > 0)
		{
			memcpy(events, window->events, window->n_events * sizeof(*events));
			pfree(window->events);
		}
		window->events = events;
	}
	window->events[window->n_events++] = event;
}

void
agenda_window_reserve(AgendaWindow *window, int n_deliveries)
{
	Assert(window->deliveries == NULL);
	if (n_deliveries > 0)
		window->deliveries =
			MemoryContextAllocHuge(window->context, n_deliveries * sizeof(AgendaDelivery));
}

void
agenda_window_deliver(AgendaWindow *window, const AgendaEvent *event, const AgendaTopic *topic)
{
	AgendaDelivery delivery = { .event = event, .topic = topic, .key_hash = topic->hash };

	if (event->key != NULL)
		delivery.key_hash = hash_bytes_extended((const unsigned char *) event->key,
												strlen(event->key), topic->hash);
	window->deliveries[window->n_deliveries++] = delivery;
}

AgendaTopic *
agenda_window_topic(AgendaWindow *window, const char *name, const char *mode)
{
	AgendaTopic *topic = MemoryContextAlloc(window->context, sizeof(AgendaTopic));

	topic->name = MemoryContextStrdup(window->context, name);
	topic->mode = mode_of(mode);
	topic->hash = hash_bytes((const unsigned char *) name, strlen(name));
	return topic;
}

static AgendaMode
mode_of(const char *name)
{
	for (int mode = 0; mode < lengthof(mode_names); mode++)
		if (strcmp(name, mode_names[mode]) == 0)
			return (AgendaMode) mode;
	elog(ERROR, "unknown mode \"%s\"", name);
}

void
agenda_window_close(AgendaWindow *window)
{
	window->bytes = MemoryContextMemAllocated(window->context, true);
}

int
agenda_window_done(const AgendaWindow *window)
{
	const AgendaEvent *unsettled = NULL;

	for (int i = 0; i < window->n_deliveries && unsettled == NULL; i++)
	{
		const AgendaDelivery *delivery = &window->deliveries[i];

		if (delivery->state != AGENDA_DELIVERY_DONE && delivery->state != AGENDA_DELIVERY_DEAD)
			unsettled = delivery->event;
	}
	for (int i = 0; i < window->n_events; i++)
		if (window->events[i] == unsettled)
			return i;
	return window->n_events;
}

void
agenda_window_ages(const AgendaWindow *window, TimestampTz at, AgendaHistogram *histogram)
{
	for (int i = 0; i < window->n_events; i++)
		if (window->events[i]->committed_at != 0)
			agenda_histogram_add(histogram, at - window->events[i]->committed_at);
}

void
agenda_window_pass(const AgendaWindow *window, int n_events, AgendaPosition *position)
{
	Assert(!window->letters && n_events <= window->n_events);
	if (n_events < window->n_events)
		agenda_position_set(position, window->lo, window->upper, window->events[n_events - 1]->seq);
	else if (window->cut)
		agenda_position_set(position, window->lo, window->upper, window->last_seq);
	else
		agenda_position_set(position, window->upper, no_snapshot, 0);
}

/* ---- positions ----------------------------------------------------------------------------- */

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
	const char *by = agenda_share_by();
	Datum values[] = { Int32GetDatum(agenda_share_number), Int32GetDatum(agenda_drainers),
					   by ? CStringGetTextDatum(by) : (Datum) 0 };
	HeapTuple row;
	TupleDesc desc;
	bool isnull;
	char *foreign;

	agenda_worker_query(&position_query, values, by ? NULL : "  n");
	if (SPI_processed != 1)
		elog(ERROR, "agenda._log_position returned " UINT64_FORMAT " rows", SPI_processed);
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;

	foreign = SPI_getvalue(row, desc, 4);
	if (foreign != NULL)
		work->foreign = MemoryContextStrdup(work->caller, foreign);
	else
		agenda_position_set(work->position, column_snapshot(row, desc, 1),
							column_snapshot(row, desc, 2),
							DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull)));
	if (foreign == NULL)
		count_backlog(work->position);
}

/* In a transaction.  From here on the counters in shared memory know. */
static void
count_backlog(const AgendaPosition *position)
{
	Datum values[] = { position->lo.value, position->hi.value, Int64GetDatum(position->seq) };
	HeapTuple row;
	TupleDesc desc;
	bool isnull;

	agenda_worker_query(&backlog_query, values, position->hi.isnull ? " n " : NULL);
	if (SPI_processed != 1)
		elog(ERROR, "agenda._log_unread returned " UINT64_FORMAT " rows", SPI_processed);
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	agenda_backlog_restart(agenda_share_number, DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull)),
						   DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull)));
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

void
agenda_position_set(AgendaPosition *position, AgendaSnapshot lo, AgendaSnapshot hi, int64 seq)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	AgendaPosition copy = { .lo = agenda_snapshot_copy(lo),
							.hi = agenda_snapshot_copy(hi),
							.seq = seq };

	MemoryContextSwitchTo(old);
	free_snapshot(&position->lo);
	free_snapshot(&position->hi);
	*position = copy;
}

AgendaSnapshot
agenda_snapshot_copy(AgendaSnapshot snapshot)
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
	Datum values[] = { position->lo.value, position->hi.value, Int64GetDatum(position->seq),
					   Int32GetDatum(agenda_share_number) };
	char nulls[] = { position->lo.isnull ? 'n' : ' ', position->hi.isnull ? 'n' : ' ', ' ', ' ',
					 '\0' };

	agenda_worker_query(&save_query, values, nulls);
	saved_by = U64FromFullTransactionId(GetTopFullTransactionId());
}

uint64
agenda_position_saved_by(void)
{
	return saved_by;
}

/* ---- topics -------------------------------------------------------------------------------- */

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
