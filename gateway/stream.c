/*
 * stream.c
 *	  Live changes as server-sent events: one hub per worker.
 *
 * A client has a position, the tick up to which it has seen everything.  New batches of the feed are
 * fanned out by user; the last event of a batch carries the position as its id, so that a client that is
 * cut in the middle gets the batch again (at least once, with the events' own ids).  A client that comes
 * back with an older position gets what it missed from the last batches, which are kept in memory, or
 * else from the database by the same function that serves /changes; meanwhile it is "catching up" and
 * the fan-out passes it by.
 *
 *	  opened --position known--> LIVE <--> CATCHING_UP --> closed
 *
 * Everything belongs to the worker's thread but the inbox (feed.h).
 */
#include "stream.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db.h"
#include "health.h"
#include "http.h"
#include "position.h"
#include "sqlanswer.h"
#include "worker.h"

#define BUCKETS        16384
#define STREAM_LIFE    3600 /* s; then the client comes back, with a token that is still good */
#define CATCH_UP_LIMIT "500"

struct stream_client
{
	struct stream_client *next; /* of the bucket */
	struct stream_client **back;
	struct request *req;
	int64_t position; /* tick */
	bool catching_up;
	int64_t ends_at; /* s, real time */
	struct timer heartbeat;
	char since[POSITION_MAX]; /* of the next page while catching up */
	char query[POSITION_MAX + 48];
};

struct stream_hub
{
	struct worker *worker;
	struct feed_inbox inbox;
	int64_t position;         /* of the last batch; -1: the log is not followed yet */
	struct feed_batch **ring; /* the last batches, oldest first */
	int n_ring;
	int ring_capacity;
	int ring_events;
	struct stream_client *buckets[BUCKETS];
};

static void submit_catch_up(struct stream_client *c);

/* ---- sending -------------------------------------------------------------------------------- */

static bool
push(struct stream_client *c, const struct strbuf *text)
{
	if (http_stream_push(c->req, text->data, text->len))
		return true;
	count_add(&c->req->worker->metrics.stream_cuts, 1);
	return false;
}

static void
put_event(struct strbuf *out, const char *type, const char *json)
{
	sb_printf(out, "event: %s\ndata: %s\n", type, json);
}

static void
put_position(struct strbuf *out, int64_t tick)
{
	sb_printf(out, "id: %lld.0\n", (long long) tick);
}

/* A block without data: only the position moves, for clients and for EventSource alike. */
static void
push_position(struct stream_client *c, const char *before)
{
	struct strbuf text = { 0 };

	sb_puts(&text, before);
	put_position(&text, c->position);
	sb_putc(&text, '\n');
	(void) push(c, &text);
	sb_free(&text);
}

static void
push_reset(struct stream_client *c)
{
	struct strbuf text = { 0 };

	put_event(&text, "reset", "{}");
	put_position(&text, c->position);
	sb_putc(&text, '\n');
	(void) push(c, &text);
	sb_free(&text);
}

static void
push_bye(struct stream_client *c)
{
	static const char bye[] = "event: bye\ndata: {}\n\n";

	(void) http_stream_push(c->req, bye, sizeof(bye) - 1);
	http_stream_end(c->req);
}

/* Events [from, to) of a batch, which are all of this client's user. */
static void
push_events(struct stream_client *c, const struct feed_batch *batch, int from, int to)
{
	struct strbuf text = { 0 };

	for (int i = from; i < to; i++)
	{
		put_event(&text, batch->events[i].type, batch->events[i].json);
		if (i == to - 1)
			put_position(&text, batch->to);
		sb_putc(&text, '\n');
	}
	if (push(c, &text))
		count_add(&c->req->worker->metrics.stream_events, (uint64_t) (to - from));
	sb_free(&text);
}

/* ---- who is there --------------------------------------------------------------------------- */

static struct stream_client **
bucket_of(struct stream_hub *hub, const char *user)
{
	uint32_t h = 2166136261u;

	for (int i = 0; i < USER_ID_LEN; i++)
		h = (h ^ (unsigned char) user[i]) * 16777619u;
	return &hub->buckets[(h ^ h >> 15) % BUCKETS];
}

static bool
is_of(const struct stream_client *c, const char *user)
{
	return memcmp(c->req->principal.user, user, USER_ID_LEN) == 0;
}

static long
streams_of(struct stream_hub *hub, const char *user)
{
	long n = 0;

	for (struct stream_client *c = *bucket_of(hub, user); c != NULL; c = c->next)
		n += is_of(c, user);
	return n;
}

static void
add_client(struct stream_hub *hub, struct stream_client *c)
{
	struct stream_client **bucket = bucket_of(hub, c->req->principal.user);

	c->next = *bucket;
	c->back = bucket;
	if (c->next != NULL)
		c->next->back = &c->next;
	*bucket = c;
	count_add(&hub->worker->metrics.streams, 1);
}

/* The request has ended, for whatever reason. */
void
stream_closed(struct request *req)
{
	struct stream_client *c = req->client;

	wheel_remove(&c->heartbeat);
	*c->back = c->next;
	if (c->next != NULL)
		c->next->back = c->back;
	count_add(&req->worker->metrics.streams, (uint64_t) -1);
	req->client = NULL;
	free(c);
}

/* ---- the ring ------------------------------------------------------------------------------- */

static void
ring_add(struct stream_hub *hub, struct feed_batch *batch)
{
	int drop = 0;
	long limit = hub->worker->cfg->stream_ring;

	if (hub->n_ring == hub->ring_capacity)
	{
		int capacity = hub->ring_capacity ? hub->ring_capacity * 2 : 64;
		struct feed_batch **more = xcalloc((size_t) capacity, sizeof(struct feed_batch *));

		if (hub->n_ring > 0)
			memcpy(more, hub->ring, (size_t) hub->n_ring * sizeof(struct feed_batch *));
		free(hub->ring);
		hub->ring = more;
		hub->ring_capacity = capacity;
	}
	hub->ring[hub->n_ring++] = batch;
	/* a batch without events still takes its place */
	hub->ring_events += batch->n_events + 1;
	while (hub->ring_events > limit && drop < hub->n_ring - 1)
	{
		hub->ring_events -= hub->ring[drop]->n_events + 1;
		feed_release(hub->ring[drop++]);
	}
	if (drop > 0)
	{
		memmove(hub->ring, hub->ring + drop,
				(size_t) (hub->n_ring - drop) * sizeof(struct feed_batch *));
		hub->n_ring -= drop;
	}
}

static bool
ring_reaches(const struct stream_hub *hub, int64_t position)
{
	return position == hub->position ||
		   (hub->n_ring > 0 && hub->ring[0]->from >= 0 && hub->ring[0]->from <= position &&
			position <= hub->position);
}

/* ---- fan-out -------------------------------------------------------------------------------- */

static int
end_of_user(const struct feed_batch *batch, int from)
{
	int to = from + 1;

	while (to < batch->n_events &&
		   memcmp(batch->events[to].user, batch->events[from].user, USER_ID_LEN) == 0)
		to++;
	return to;
}

/* Where a user's events begin: they are sorted by user. */
static int
find_user(const struct feed_batch *batch, const char *user)
{
	int low = 0;
	int high = batch->n_events;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (memcmp(batch->events[middle].user, user, USER_ID_LEN) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What the ring has behind the client's position. */
static void
replay_ring(struct stream_hub *hub, struct stream_client *c)
{
	for (int i = 0; i < hub->n_ring; i++)
	{
		const struct feed_batch *batch = hub->ring[i];
		const char *user = c->req->principal.user;
		int from;

		if (batch->to <= c->position)
			continue;
		from = find_user(batch, user);
		if (from < batch->n_events && memcmp(batch->events[from].user, user, USER_ID_LEN) == 0)
			push_events(c, batch, from, end_of_user(batch, from));
	}
	c->position = hub->position;
	c->catching_up = false;
}

static void
fan_out(struct stream_hub *hub, const struct feed_batch *batch)
{
	for (int from = 0; from < batch->n_events;)
	{
		const char *user = batch->events[from].user;
		int to = end_of_user(batch, from);

		for (struct stream_client *c = *bucket_of(hub, user); c != NULL; c = c->next)
			if (!c->catching_up && c->position < batch->to && is_of(c, user))
			{
				push_events(c, batch, from, to);
				c->position = batch->to;
			}
		from = to;
	}
}

/* Run f for every client; it may not free any. */
static void
for_all(struct stream_hub *hub, void (*f)(struct stream_client *c))
{
	for (int i = 0; i < BUCKETS; i++)
		for (struct stream_client *c = hub->buckets[i]; c != NULL; c = c->next)
			f(c);
}

static void
lose(struct stream_client *c)
{
	c->position = c->req->worker->hub->position;
	if (!c->catching_up)
		push_reset(c);
}

/* The position of the log moves for those, too, to whom nothing happened. */
void
stream_hub_turn(struct stream_hub *hub)
{
	int n;
	struct feed_batch **list = feed_take(&hub->inbox, &n);

	for (int i = 0; i < n; i++)
	{
		hub->position = list[i]->to;
		if (list[i]->lost)
		{
			while (hub->n_ring > 0)
				feed_release(hub->ring[--hub->n_ring]);
			hub->ring_events = 0;
			for_all(hub, lose);
		}
		fan_out(hub, list[i]);
		ring_add(hub, list[i]);
	}
	free(list);
}

/* ---- catching up ---------------------------------------------------------------------------- */

static void
push_page(struct stream_client *c, const json_t *page)
{
	struct strbuf text = { 0 };
	const json_t *items = json_object_get(page, "items");
	size_t n = json_array_size(items);
	size_t i;
	json_t *item;

	json_array_foreach((json_t *) (uintptr_t) items, i, item)
	{
		char *json = json_dumps(item, JSON_COMPACT);
		const char *type = json_string_value(json_object_get(item, "type"));

		put_event(&text, type ? type : "message", json);
		if (i == n - 1)
			sb_printf(&text, "id: %s\n", c->since);
		sb_putc(&text, '\n');
		free(json);
	}
	if (n > 0 && push(c, &text))
		count_add(&c->req->worker->metrics.stream_events, (uint64_t) n);
	sb_free(&text);
}

static void
catch_up_page(struct stream_client *c, const char *body)
{
	struct stream_hub *hub = c->req->worker->hub;
	json_t *page = json_loads(body, 0, NULL);
	const char *next = json_string_value(json_object_get(page, "next"));
	struct position position;

	if (next == NULL || !position_parse(&position, next))
		push_bye(c);
	else
	{
		(void) snprintf(c->since, sizeof(c->since), "%s", next);
		push_page(c, page);
		c->position = position.tick;
		if (!position_is_tick(&position))
			submit_catch_up(c);
		else if (c->position >= hub->position)
			c->catching_up = false;
		else if (ring_reaches(hub, c->position))
			replay_ring(hub, c);
		else
			submit_catch_up(c);
	}
	json_decref(page);
}

static bool
position_gone(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state != NULL && strcmp(state, "YA023") == 0;
}

static void
on_catch_up(struct db_call *call, enum db_outcome outcome, PGresult *result)
{
	struct request *req = request_of(call);
	struct stream_client *c = req->client;

	req->busy = false;
	if (c == NULL)
		http_release(req); /* the client went away meanwhile */
	else if (outcome == DB_DONE && PQntuples(result) == 1 && PQnfields(result) == ANSWER_COLUMNS)
		catch_up_page(c, PQgetvalue(result, 0, ANSWER_COLUMNS - 1));
	else if (outcome == DB_FAILED && position_gone(result))
	{
		c->position = req->worker->hub->position;
		c->catching_up = false;
		push_reset(c);
	}
	else
		push_bye(c); /* the client comes back, and perhaps the database */
	PQclear(result);
}

static void
submit_catch_up(struct stream_client *c)
{
	struct request *req = c->req;
	struct db_call *call = &req->call;

	(void) snprintf(c->query, sizeof(c->query),
					"{\"since\":\"%s\",\"limit\":\"" CATCH_UP_LIMIT "\"}", c->since);
	sb_reset(&req->query);
	sb_puts(&req->query, c->query);
	c->catching_up = true;
	req->busy = true;
	call->statement = req->routing.route;
	call->write = false;
	call->slow = true;
	call->repeatable = true;
	call->lane = 0;
	call->done = on_catch_up;
	call->n_params = 4;
	call->params[0] = req->principal.user;
	call->params[1] = req->request_id;
	call->params[2] = req->traceparent;
	call->params[3] = req->query.data;
	db_submit(&req->worker->db, call);
}

/* ---- opening -------------------------------------------------------------------------------- */

static void
beat(struct timer *timer)
{
	struct stream_client *c =
		(struct stream_client *) (void *) ((char *) timer -
										   offsetof(struct stream_client, heartbeat));
	struct worker *w = c->req->worker;

	if ((int64_t) time(NULL) >= c->ends_at)
	{
		push_bye(c);
		return;
	}
	wheel_set(&w->wheel, timer, w->wheel.now + (uint64_t) w->cfg->stream_heartbeat * 1000);
	if (c->catching_up)
		return;
	/* what happened up to here was not for this user */
	c->position = w->hub->position;
	push_position(c, ":\n");
}

/* Where the client wants to go on; NULL: from now on. */
static const char *
wanted_position(const struct request *req)
{
	if (req->headers.last_event_id != NULL && req->headers.last_event_id[0] != '\0')
		return req->headers.last_event_id;
	for (int i = 0; i < req->target.n_params; i++)
		if (strcmp(req->target.params[i].name, "last_event_id") == 0 &&
			req->target.params[i].value[0] != '\0')
			return req->target.params[i].value;
	return NULL;
}

static struct stream_client *
make_client(struct request *req)
{
	struct stream_client *c = xcalloc(1, sizeof(*c));
	struct worker *w = req->worker;
	int64_t now = (int64_t) time(NULL);

	c->req = req;
	c->ends_at = now + STREAM_LIFE;
	if (req->ticket == NULL && req->principal.exp < c->ends_at)
		c->ends_at = req->principal.exp;
	c->position = w->hub->position;
	c->heartbeat.fire = beat;
	wheel_set(&w->wheel, &c->heartbeat, w->wheel.now + (uint64_t) w->cfg->stream_heartbeat * 1000);
	return c;
}

static void
begin(struct request *req, const char *since)
{
	struct http_answer a = { .status = 200,
							 .content_type = "text/event-stream",
							 .cache_control = "no-store" };
	struct stream_hub *hub = req->worker->hub;
	struct stream_client *c = make_client(req);
	struct position position;

	req->client = c;
	add_client(hub, c);
	http_stream_begin(req, &a);
	if (since == NULL)
	{
		push_position(c, "retry: 2000\n");
		return;
	}
	(void) http_stream_push(req, "retry: 2000\n\n", 13);
	(void) snprintf(c->since, sizeof(c->since), "%s", since);
	if (position_parse(&position, since) && position_is_tick(&position) &&
		ring_reaches(hub, position.tick))
	{
		c->position = position.tick;
		replay_ring(hub, c);
	}
	else
		submit_catch_up(c);
}

/* The user is known; the exchange waits or is inside complete(). */
void
stream_open(struct request *req)
{
	struct stream_hub *hub = req->worker->hub;
	const char *since = wanted_position(req);
	struct position position;

	if (hub == NULL || hub->position < 0)
		answer_kind(req, &PROBLEM_UNAVAILABLE, "the log is not followed at the moment");
	else if (health_draining())
		answer_kind(req, &PROBLEM_DRAINING, NULL);
	else if (since != NULL && !position_parse(&position, since))
		answer_kind(req, &PROBLEM_BAD_REQUEST, "the Last-Event-ID is none of ours");
	else if (streams_of(hub, req->principal.user) >= req->worker->cfg->stream_per_user)
		answer_kind(req, &PROBLEM_TOO_MANY_STREAMS, NULL);
	else
		begin(req, since);
}

/* ---- the hub -------------------------------------------------------------------------------- */

struct stream_hub *
stream_hub_create(struct worker *worker)
{
	struct stream_hub *hub = xcalloc(1, sizeof(*hub));

	hub->worker = worker;
	hub->position = -1;
	(void) pthread_mutex_init(&hub->inbox.lock, NULL);
	hub->inbox.wake_fd = worker->wake_fd;
	return hub;
}

struct feed_inbox *
stream_hub_inbox(struct stream_hub *hub)
{
	return &hub->inbox;
}

/* The gateway drains: every client comes back, to another one. */
void
stream_hub_close(struct stream_hub *hub)
{
	for_all(hub, push_bye);
}

void
stream_hub_free(struct stream_hub *hub)
{
	int n;
	struct feed_batch **list;

	if (hub == NULL)
		return;
	list = feed_take(&hub->inbox, &n);
	for (int i = 0; i < n; i++)
		feed_release(list[i]);
	free(list);
	for (int i = 0; i < hub->n_ring; i++)
		feed_release(hub->ring[i]);
	free(hub->ring);
	(void) pthread_mutex_destroy(&hub->inbox.lock);
	free(hub);
}
