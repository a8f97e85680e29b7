/*
 * pipeline.c
 *	  Calls of SQL functions over a few pipelined connections: queues and batches.
 *
 * Self-clocked: a connection has at most one batch in flight; what arrives meanwhile queues, and
 * goes out as the next batch when the Sync result is in.  An idle gateway sends batches of one at
 * once, a busy one fills them by itself.
 *
 * All members of a batch are one implicit transaction, from which everything here follows:
 * - a batch holds reads or writes, never both;
 * - a read is answered on its row;
 * - a write is answered only after the Sync, because a later member, or the commit, can still undo it;
 * - an error undoes the batch, so its unanswered members run again, each under its own Sync;
 * - a connection that breaks before the Sync leaves writes in doubt: DB_UNKNOWN, unless an error
 *   of a member has told that the batch was rolled back, or doing it twice does no harm;
 * - never BEGIN or COMMIT: an error in between would leave the session to the next request.
 * Searches and exports have connections of their own, one call at a time, with more patience; these
 * also take reads that all the others leave waiting.
 * Reads share one queue; writes queue per connection, chosen by user, so that the writes of
 * one user keep their order and do not lock each other out.
 *
 * Everything runs in the worker's thread, so there are no locks.  Parameters belong to the caller
 * until done(); results belong to done().
 */
#include "pipeline.h"

#include <string.h>

#include "db.h"
#include "log.h"

#define UNREADY_GRACE_MS 2000 /* then refuse at once instead of queueing */
#define SWEEP_MS         250

/* ---- queues ------------------------------------------------------------------------------ */

static void
push_back(struct db_queue *q, struct db_call *call)
{
	call->next = NULL;
	if (q->tail != NULL)
		q->tail->next = call;
	else
		q->head = call;
	q->tail = call;
	q->length++;
}

static void
push_front(struct db_queue *q, struct db_call *call)
{
	call->next = q->head;
	q->head = call;
	if (q->tail == NULL)
		q->tail = call;
	q->length++;
}

static struct db_call *
pop_front(struct db_queue *q)
{
	struct db_call *call = q->head;

	q->head = call->next;
	if (q->head == NULL)
		q->tail = NULL;
	q->length--;
	return call;
}

static void
set_queued(struct db *db, int delta)
{
	db->n_queued += delta;
	count_set(&db->metrics->db_queued, (uint64_t) db->n_queued);
}

/* The connection of a write: the lane's own, or the next one that works. */
static struct db_conn *
lane_of(struct db *db, uint32_t lane)
{
	for (int i = 0; i < db->n_fast; i++)
	{
		struct db_conn *conn = &db->conns[(lane + (uint32_t) i) % (uint32_t) db->n_fast];

		if (conn->state == DB_IDLE || conn->state == DB_BUSY)
			return conn;
	}
	return &db->conns[lane % (uint32_t) db->n_fast];
}

static struct db_queue *
queue_of(struct db *db, struct db_call *call)
{
	if (call->slow && db->n_fast < db->n_conns)
		return &db->searches;
	return call->write ? &lane_of(db, call->lane)->writes : &db->reads;
}

static void
requeue(struct db_conn *conn, struct db_call *call, bool alone)
{
	call->alone = alone;
	push_front(conn->slow    ? &conn->db->searches
			   : call->write ? &conn->writes
							 : &conn->db->reads,
			   call);
	set_queued(conn->db, 1);
}

/* Would a call be sent soon? */
bool
db_ready(const struct db *db)
{
	return db->n_ready > 0 && db->n_queued < (int) db->cfg->queue_limit;
}

/* No database for longer than a restart of it should take: waiting helps nobody. */
static bool
hopeless(const struct db *db)
{
	return db->n_ready == 0 && db->wheel->now >= db->unready_since + UNREADY_GRACE_MS;
}

/*
 * Take a call.  It is refused early when nothing can come of waiting: the queue is full, or there
 * has been no database for a while.
 */
void
db_submit(struct db *db, struct db_call *call)
{
	call->alone = false;
	call->attempts = 0;
	call->queued_at = db->wheel->now;
	if (db->stopping || hopeless(db))
	{
		call->done(call, DB_UNAVAILABLE, NULL);
		return;
	}
	if (db->n_queued >= (int) db->cfg->queue_limit)
	{
		count_add(&db->metrics->refused_overload, 1);
		call->done(call, DB_OVERLOADED, NULL);
		return;
	}
	push_back(queue_of(db, call), call);
	set_queued(db, 1);
	if (db->sweep.next == NULL)
		wheel_set(db->wheel, &db->sweep, db->wheel->now + SWEEP_MS);
}

/* Queues are in order of queued_at but for reruns at the front, which are the oldest. */
static void
expire(struct db *db, struct db_queue *q, uint64_t before)
{
	while (q->head != NULL && q->head->queued_at <= before)
	{
		struct db_call *call = pop_front(q);

		set_queued(db, -1);
		call->done(call, db->n_ready > 0 ? DB_OVERLOADED : DB_UNAVAILABLE, NULL);
	}
}

void
pipeline_sweep(struct timer *timer)
{
	struct db *db = (struct db *) (void *) ((char *) timer - offsetof(struct db, sweep));
	uint64_t patience = (uint64_t) db->cfg->queue_timeout * 1000;
	uint64_t before = db->wheel->now > patience ? db->wheel->now - patience : 0;

	if (hopeless(db))
		before = UINT64_MAX;
	expire(db, &db->reads, before);
	expire(db, &db->searches, before);
	for (int i = 0; i < db->n_conns; i++)
		expire(db, &db->conns[i].writes, before);
	if (db->n_queued > 0)
		wheel_set(db->wheel, &db->sweep, db->wheel->now + SWEEP_MS);
}

/* Answer all that waits and take nothing more: the process ends. */
void
db_fail_queued(struct db *db)
{
	db->stopping = true;
	expire(db, &db->reads, UINT64_MAX);
	expire(db, &db->searches, UINT64_MAX);
	for (int i = 0; i < db->n_conns; i++)
		expire(db, &db->conns[i].writes, UINT64_MAX);
}

/* ---- sending ----------------------------------------------------------------------------- */

/*
 * Searches; and reads that have used up a quarter of their patience, since the other connections may all
 * hang in writes: behind a lock, or in commits that wait for a standby.
 */
static struct db_queue *
choose_for_slow(struct db *db)
{
	uint64_t late = (uint64_t) db->cfg->queue_timeout * 250;

	if (db->searches.length > 0)
		return &db->searches;
	if (db->reads.length > 0 && db->reads.head->queued_at + late <= db->wheel->now)
		return &db->reads;
	return NULL;
}

/* Which queue is next?  Turns between the two while both wait. */
static struct db_queue *
choose_queue(struct db_conn *conn)
{
	struct db_queue *reads = &conn->db->reads;
	struct db_queue *writes = &conn->writes;

	if (conn->slow)
		return choose_for_slow(conn->db);
	if (reads->length == 0)
		return writes->length > 0 ? writes : NULL;
	if (writes->length == 0)
		return reads;
	return conn->batch_write ? reads : writes;
}

static void
fill_batch(struct db_conn *conn, struct db_queue *q)
{
	const struct config *cfg = conn->db->cfg;
	int cap = (int) (q == &conn->writes ? cfg->write_batch : cfg->read_batch);

	if (conn->slow)
		cap = 1;
	conn->batch_write = q->head->write;
	conn->batch_size = 0;
	conn->batch_pos = 0;
	conn->batch_failed = false;
	while (q->length > 0 && conn->batch_size < cap)
	{
		if (q->head->alone && conn->batch_size > 0)
			break;
		conn->results[conn->batch_size] = NULL;
		conn->batch[conn->batch_size++] = pop_front(q);
		set_queued(conn->db, -1);
		if (conn->batch[0]->alone)
			break;
	}
}

static bool
send_batch(struct db_conn *conn)
{
	for (int i = 0; i < conn->batch_size; i++)
	{
		struct db_call *call = conn->batch[i];

		call->attempts++;
		if (PQsendQueryPrepared(conn->pg, db_statement_name(call->statement), call->n_params,
								call->params, NULL, NULL, 0) != 1)
			return false;
	}
	return PQpipelineSync(conn->pg) == 1 && db_flush(conn);
}

void
db_dispatch(struct db *db)
{
	for (int i = 0; i < db->n_conns; i++)
	{
		struct db_conn *conn = &db->conns[i];
		struct db_queue *q = conn->state == DB_IDLE ? choose_queue(conn) : NULL;

		if (q == NULL)
			continue;
		fill_batch(conn, q);
		metrics_batch(db->metrics, conn->batch_write, conn->batch_size);
		db_batch_started(conn);
		if (!send_batch(conn))
			db_lost(conn, PQerrorMessage(conn->pg));
	}
}

/* ---- receiving --------------------------------------------------------------------------- */

enum remedy
{
	REMEDY_NONE,     /* the error is the answer */
	REMEDY_REPEAT,   /* another transaction was in the way */
	REMEDY_RECONNECT /* this session is of no more use */
};

static enum remedy
remedy_of(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *source = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	if (state == NULL)
		return REMEDY_RECONNECT; /* libpq's own complaint: the connection is broken */
	if (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0)
		return REMEDY_REPEAT;
	/* statement gone (extension updated), node demoted, server going away */
	if (strcmp(state, "26000") == 0 || strcmp(state, "25006") == 0 ||
		strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0)
		return REMEDY_RECONNECT;
	/* "cached plan must not change result type"; functions raise 0A000 for reasons of their own */
	if (strcmp(state, "0A000") == 0 && source != NULL &&
		strcmp(source, "RevalidateCachedQuery") == 0)
		return REMEDY_RECONNECT;
	return REMEDY_NONE;
}

static bool
may_repeat(const struct db_call *call, enum remedy remedy)
{
	return remedy != REMEDY_NONE && call->attempts < DB_MAX_ATTEMPTS;
}

static void
finish(struct db_conn *conn, int i, enum db_outcome outcome, PGresult *result)
{
	struct db_call *call = conn->batch[i];

	conn->batch[i] = NULL;
	call->done(call, outcome, result);
}

/* Keep the result of a write, or of a commit that failed after its row, for the Sync. */
static void
keep_result(struct db_conn *conn, int i, PGresult *result)
{
	PQclear(conn->results[i]);
	conn->results[i] = result;
}

static void
member_failed(struct db_conn *conn, PGresult *result)
{
	int i = conn->batch_pos;
	enum remedy remedy = remedy_of(result);

	if (conn->batch_size > 1 && !conn->batch_failed)
		count_add(&conn->db->metrics->batch_failures[conn->batch_write], 1);
	if (PQresultErrorField(result, PG_DIAG_SQLSTATE) != NULL)
		conn->batch_failed = true; /* the server's word that nothing was committed */
	if (remedy == REMEDY_RECONNECT)
		conn->stale = true;
	if (conn->batch_write) /* behind the last member it is the commit that failed: for all */
		keep_result(conn, i < conn->batch_size ? i : 0, result);
	else if (i >= conn->batch_size)
		PQclear(result); /* the reads have been answered */
	else if (may_repeat(conn->batch[i], remedy))
		PQclear(result); /* stays in the batch and runs again after the Sync */
	else
		finish(conn, i, DB_FAILED, result);
}

static void
member_done(struct db_conn *conn, PGresult *result)
{
	if (conn->batch_pos >= conn->batch_size)
		PQclear(result);
	else if (conn->batch_write)
		keep_result(conn, conn->batch_pos, result);
	else
		finish(conn, conn->batch_pos, DB_DONE, result);
	conn->batch_pos++;
}

/* A call that has been left over by a failed batch of several runs again alone. */
static void
settle(struct db_conn *conn, int i)
{
	struct db_call *call = conn->batch[i];
	PGresult *result = conn->results[i];

	conn->results[i] = NULL;
	if (conn->batch_write && !conn->batch_failed)
	{
		bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;

		/* committed; without its row (libpq ran out of memory) nobody can say what */
		if (!ok)
			PQclear(result);
		finish(conn, i, ok ? DB_DONE : DB_UNKNOWN, ok ? result : NULL);
	}
	else if (conn->batch_size == 1 && result != NULL && !may_repeat(call, remedy_of(result)))
		finish(conn, i, DB_FAILED, result);
	else
	{
		PQclear(result);
		conn->batch[i] = NULL;
		requeue(conn, call, true);
	}
}

/* The Sync result is in: the batch is committed or rolled back, and the connection is free. */
static void
batch_ended(struct db_conn *conn)
{
	/* backwards, so that what is put in front of the queue keeps its order */
	for (int i = conn->batch_size - 1; i >= 0; i--)
		if (conn->batch[i] != NULL)
			settle(conn, i);
	conn->batch_size = 0;
	if (PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
		conn->stale = true;
	db_batch_ended(conn);
}

/* Results have arrived for the batch in flight. */
void
pipeline_input(struct db_conn *conn)
{
	int empty = 0;

	while (conn->state == DB_BUSY && empty < 2 && !PQisBusy(conn->pg))
	{
		PGresult *result = PQgetResult(conn->pg);

		if (result == NULL)
		{
			empty++; /* NULL ends each call's results; twice means there is no more */
			continue;
		}
		empty = 0;
		switch (PQresultStatus(result))
		{
			case PGRES_PIPELINE_SYNC:
				PQclear(result);
				batch_ended(conn);
				break;
			case PGRES_TUPLES_OK:
				member_done(conn, result);
				break;
			case PGRES_PIPELINE_ABORTED:
				PQclear(result);
				conn->batch_pos++;
				break;
			default:
				member_failed(conn, result);
				conn->batch_pos++;
				break;
		}
	}
}

/*
 * The connection broke with a batch in flight.  Reads run again elsewhere; writes run again only if
 * the server said that the batch was rolled back or if it does no harm, otherwise nobody knows.
 */
void
pipeline_lost(struct db_conn *conn)
{
	for (int i = conn->batch_size - 1; i >= 0; i--)
	{
		struct db_call *call = conn->batch[i];

		PQclear(conn->results[i]);
		conn->results[i] = NULL;
		if (call == NULL)
			continue;
		conn->batch[i] = NULL;
		if (call->write && !call->repeatable && !conn->batch_failed)
		{
			count_add(&conn->db->metrics->outcome_unknown, 1);
			call->done(call, DB_UNKNOWN, NULL);
		}
		else if (call->attempts < DB_MAX_ATTEMPTS && !conn->db->stopping)
			requeue(conn, call, call->alone);
		else
			call->done(call, DB_UNAVAILABLE, NULL);
	}
	conn->batch_size = 0;
	/* what has not been sent may go by another connection */
	while (conn->writes.length > 0 && lane_of(conn->db, conn->writes.head->lane) != conn)
	{
		struct db_call *call = pop_front(&conn->writes);

		push_back(queue_of(conn->db, call), call);
	}
}
