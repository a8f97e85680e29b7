/*
 * feed.c
 *	  What happens in the log, read once per gateway and handed to every worker.
 *
 * A thread of its own with a connection of its own, which may block: it listens for the doorbell that the
 * drainer rings once per window, reads what came after the last tick (agenda.gw_feed), and puts one
 * immutable batch into every worker's inbox.  After a lost connection it goes on behind the last tick, so
 * nothing is missed; only a position that the log no longer holds makes a batch that says "lost".
 *
 * Locks: one mutex per inbox, held to append or to take a list of pointers.
 */
#include "feed.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "strbuf.h"

#define RETRY_MIN_MS  100
#define RETRY_MAX_MS  2000
#define LOOK_EVERY_MS 5000 /* a doorbell may be lost with its connection only, so this is slow */
#define STOP_PATIENCE 1    /* s */

enum column
{
	COLUMN_TICK,
	COLUMN_LOST,
	COLUMN_USER,
	COLUMN_TYPE,
	COLUMN_EVENT
};

static const struct config *config;
static struct feed_inbox *const *boxes;
static int n_boxes;
static int64_t position = -1; /* the last tick that has been handed out, -1: none */
static pthread_t thread;
static bool running;
static atomic_bool stopping;
static int stop_fd = -1;

/* ---- batches -------------------------------------------------------------------------------- */

struct feed_batch *
feed_share(struct feed_batch *batch)
{
	(void) atomic_fetch_add(&batch->references, 1);
	return batch;
}

void
feed_release(struct feed_batch *batch)
{
	if (atomic_fetch_sub(&batch->references, 1) > 1)
		return;
	for (int i = 0; i < batch->n_events; i++)
	{
		free(batch->events[i].type);
		free(batch->events[i].json);
	}
	free(batch);
}

static void
put(struct feed_inbox *inbox, struct feed_batch *batch)
{
	uint64_t one = 1;

	(void) pthread_mutex_lock(&inbox->lock);
	if (inbox->n_waiting == inbox->capacity)
	{
		int capacity = inbox->capacity ? inbox->capacity * 2 : 16;
		struct feed_batch **more = xcalloc((size_t) capacity, sizeof(struct feed_batch *));

		if (inbox->n_waiting > 0)
			memcpy(more, inbox->waiting, (size_t) inbox->n_waiting * sizeof(struct feed_batch *));
		free(inbox->waiting);
		inbox->waiting = more;
		inbox->capacity = capacity;
	}
	inbox->waiting[inbox->n_waiting++] = feed_share(batch);
	(void) pthread_mutex_unlock(&inbox->lock);
	(void) !write(inbox->wake_fd, &one, sizeof(one));
}

/* All that waits, in order; the list is freed by the caller, its batches are references. */
struct feed_batch **
feed_take(struct feed_inbox *inbox, int *n)
{
	struct feed_batch **list;

	(void) pthread_mutex_lock(&inbox->lock);
	list = inbox->waiting;
	*n = inbox->n_waiting;
	inbox->waiting = NULL;
	inbox->n_waiting = 0;
	inbox->capacity = 0;
	(void) pthread_mutex_unlock(&inbox->lock);
	return list;
}

static struct feed_batch *
batch_of(const PGresult *result)
{
	int rows = PQntuples(result);
	struct feed_batch *batch =
		xcalloc(1, sizeof(*batch) + (size_t) rows * sizeof(struct feed_event));

	atomic_init(&batch->references, 1);
	batch->to = strtoll(PQgetvalue(result, 0, COLUMN_TICK), NULL, 10);
	batch->lost = PQgetvalue(result, 0, COLUMN_LOST)[0] == 't';
	batch->from = position;
	for (int i = 0; i < rows; i++)
	{
		struct feed_event *e = &batch->events[batch->n_events];

		if (PQgetisnull(result, i, COLUMN_EVENT))
			continue;
		(void) snprintf(e->user, sizeof(e->user), "%s", PQgetvalue(result, i, COLUMN_USER));
		e->type = xstrdup(PQgetvalue(result, i, COLUMN_TYPE));
		e->json = xstrdup(PQgetvalue(result, i, COLUMN_EVENT));
		batch->n_events++;
	}
	return batch;
}

/* ---- the connection ------------------------------------------------------------------------- */

/* Wait for the doorbell, the order to stop, or some time; false: stop. */
static bool
wait_for_news(int fd, int ms)
{
	struct pollfd fds[2] = { { .fd = stop_fd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };

	(void) poll(fds, fd < 0 ? 1 : 2, ms);
	return !atomic_load(&stopping);
}

/* Hand out what came behind the position; 0: nothing more, 1: there may be more, -1: no connection. */
static int
read_once(PGconn *pg)
{
	char text[24];
	const char *params[1] = { position < 0 ? NULL : text };
	PGresult *result;
	struct feed_batch *batch;
	int rows;

	(void) snprintf(text, sizeof(text), "%lld", (long long) position);
	result = PQexecParams(pg,
						  "select tick, lost, for_user, event_type, event"
						  " from agenda.gw_feed($1)",
						  1, NULL, params, NULL, NULL, 0);
	rows = PQresultStatus(result) == PGRES_TUPLES_OK ? PQntuples(result) : -1;
	if (rows > 0)
	{
		batch = batch_of(result);
		position = batch->to;
		for (int i = 0; i < n_boxes; i++)
			put(boxes[i], batch);
		feed_release(batch);
	}
	PQclear(result);
	return rows < 0 ? -1 : rows > 0;
}

static void
drop_notices(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}

static PGconn *
open_connection(void)
{
	static const char *const keys[] = { "target_session_attrs", "connect_timeout", "dbname",
										"fallback_application_name", NULL };
	const char *values[] = { "read-write", "3", config->database, "agenda-gateway feed", NULL };
	PGconn *pg = PQconnectdbParams(keys, values, 1);
	PGresult *result;
	bool ok;

	(void) PQsetNoticeReceiver(pg, drop_notices, NULL);
	result = PQexec(pg, "set search_path = ''; set timezone = 'UTC'; listen agenda_log");
	ok = PQresultStatus(result) == PGRES_COMMAND_OK;
	PQclear(result);
	if (ok)
		return pg;
	PQfinish(pg);
	return NULL;
}

static void
drop_notifications(PGconn *pg)
{
	PGnotify *notify;

	while ((notify = PQnotifies(pg)) != NULL)
		PQfreemem(notify);
}

/* Follow the log until the connection is lost or the gateway stops. */
static void
follow(PGconn *pg)
{
	for (;;)
	{
		int more;

		do
			more = read_once(pg);
		while (more > 0 && !atomic_load(&stopping));
		if (more < 0 || !wait_for_news(PQsocket(pg), LOOK_EVERY_MS) || PQconsumeInput(pg) != 1)
			return;
		drop_notifications(pg);
	}
}

static void *
run(void *arg)
{
	int wait_ms = RETRY_MIN_MS;

	(void) arg;
	do
	{
		PGconn *pg = open_connection();

		if (pg != NULL)
		{
			wait_ms = RETRY_MIN_MS;
			follow(pg);
			PQfinish(pg);
		}
		else if (wait_ms < RETRY_MAX_MS)
			wait_ms *= 2;
	} while (wait_for_news(-1, wait_ms));
	return NULL;
}

/* By main, when the workers have their inboxes. */
void
feed_start(const struct config *cfg, struct feed_inbox *const *inboxes, int n)
{
	config = cfg;
	boxes = inboxes;
	n_boxes = n;
	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	running = stop_fd >= 0 && pthread_create(&thread, NULL, run, NULL) == 0;
	if (!running)
		log_event(LOG_LEVEL_ERROR, "streams are not served: the thread could not be started");
}

/* A thread that hangs in a connection attempt is left behind: the process ends anyway. */
void
feed_stop(void)
{
	struct timespec until;
	uint64_t one = 1;

	if (!running)
		return;
	atomic_store(&stopping, true);
	(void) !write(stop_fd, &one, sizeof(one));
	(void) clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_PATIENCE;
	if (pthread_timedjoin_np(thread, NULL, &until) != 0)
		_exit(EXIT_SUCCESS);
}
