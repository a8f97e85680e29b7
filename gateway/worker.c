/*
 * worker.c
 *	  One thread with all it needs; workers share nothing but counters.
 *
 * A turn of the loop: wait; take in database results (which answer requests); turn the HTTP server
 * (which sends those answers and takes in new requests); send the new calls as batches; fire
 * timers; write the log.  The order makes batches: what one turn of the HTTP server takes in goes
 * out together.
 *
 * Invariants:
 * - the loop never sleeps while http_pending() is true (edge-triggered connections would stall);
 * - nothing in a turn blocks but writing the log to a full pipe;
 * - draining ends when no client connection is left or time is up, and the HTTP server is stopped
 *   only after every request has been answered (a suspended one would abort the process).
 */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "sqlcall.h"

#define EVENTS_PER_TURN 32
#define STUCK_WAIT_MS   10

static uint64_t
clock_ms(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

/*
 * Other keys: what was verified by the former ones has to be verified again.  The last thread to let
 * go of the former says so: whoever withdraws a key has to know when nobody accepts it any more.
 */
static void
take_policy(struct worker *w)
{
	struct jwt_policy *policy = atomic_exchange(&w->next_policy, NULL);

	if (policy == NULL)
		return;
	token_cache_clear(w->tokens);
	if (policy_release(w->policy))
		log_event(LOG_LEVEL_INFO, "%d keys are in force", policy_keys(policy));
	w->policy = policy;
}

static void
on_wake(struct event_source *source, uint32_t events)
{
	struct worker *w =
		(struct worker *) (void *) ((char *) source - offsetof(struct worker, wake_source));
	uint64_t n;

	(void) events;
	(void) !read(w->wake_fd, &n, sizeof(n));
	take_policy(w);
	if (w->hub != NULL)
		stream_hub_turn(w->hub);
	if (!atomic_load(&w->drain) || w->draining)
		return;
	w->draining = true;
	if (w->hub != NULL)
		stream_hub_close(w->hub);
	for (int i = 0; i < w->n_http; i++)
		http_drain(w->http[i]);
	wheel_set(&w->wheel, &w->drain_timer, w->wheel.now + (uint64_t) w->cfg->drain_timeout * 1000);
}

/* The daemon's descriptor is ready: the turn runs it anyway. */
static void
on_http(struct event_source *source, uint32_t events)
{
	(void) source;
	(void) events;
}

static void
on_drain_timeout(struct timer *timer)
{
	struct worker *w =
		(struct worker *) (void *) ((char *) timer - offsetof(struct worker, drain_timer));

	w->out_of_time = true;
}

static bool
add_source(struct worker *w, int fd, struct event_source *source)
{
	struct epoll_event event = { .events = EPOLLIN, .data = { .ptr = source } };

	return fd >= 0 && epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool
start_servers(struct worker *w, const struct listener *listeners, int n)
{
	unsigned int limit = (unsigned int) (w->cfg->max_connections / w->cfg->threads);

	for (int i = 0; i < n; i++)
	{
		struct http_listen listen = { listeners[i].fds[w->index], listeners[i].admin,
									  listeners[i].tls, listeners[i].own, limit };
		struct event_source *source = &w->http_sources[w->n_http];

		if (listen.fd < 0)
			continue;
		source->handle = on_http;
		w->http[w->n_http] = http_start(w, w->cfg, &w->wheel, &w->metrics, &listen, &sqlcall_hooks);
		if (w->http[w->n_http] == NULL || !add_source(w, http_epoll_fd(w->http[w->n_http]), source))
			return false;
		w->n_http++;
	}
	return true;
}

bool
worker_init(struct worker *w, const struct config *cfg, struct jwt_policy *policy, int index,
			const struct listener *listeners, int n_listeners)
{
	w->cfg = cfg;
	w->policy = policy_share(policy);
	w->index = index;
	w->wake_source.handle = on_wake;
	w->drain_timer.fire = on_drain_timeout;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->epoll_fd < 0 || !add_source(w, w->wake_fd, &w->wake_source))
		return false;
	wheel_init(&w->wheel, clock_ms());
	w->tokens = token_cache_create((size_t) cfg->token_cache);
	if (cfg->stream)
		w->hub = stream_hub_create(w);
	db_init(&w->db, cfg, &w->wheel, &w->metrics, w->epoll_fd);
	return start_servers(w, listeners, n_listeners);
}

/* How long to wait for something to happen. */
static int
patience_ms(struct worker *w)
{
	for (int i = 0; i < w->n_http; i++)
		if (http_pending(w->http[i]))
			return http_stuck(w->http[i]) ? STUCK_WAIT_MS : 0;
	return wheel_wait_ms(&w->wheel);
}

static int
connections(struct worker *w)
{
	int n = 0;

	for (int i = 0; i < w->n_http; i++)
		n += http_connections(w->http[i]);
	return n;
}

static void
turn(struct worker *w)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int n = epoll_wait(w->epoll_fd, events, EVENTS_PER_TURN, patience_ms(w));

	w->wheel.now = clock_ms();
	for (int i = 0; i < n; i++)
	{
		struct event_source *source = events[i].data.ptr;

		source->handle(source, events[i].events);
	}
	for (int i = 0; i < w->n_http; i++)
		if (!http_run(w->http[i]))
			log_event(LOG_LEVEL_ERROR, "worker %d: the HTTP server does not run", w->index);
	db_dispatch(&w->db);
	wheel_advance(&w->wheel, w->wheel.now);
	log_flush(&w->log);
}

void *
worker_run(void *arg)
{
	struct worker *w = arg;

	db_start(&w->db);
	while (!w->draining || (connections(w) > 0 && !w->out_of_time))
		turn(w);
	if (w->out_of_time)
		log_event(LOG_LEVEL_WARNING, "worker %d: %d connections were cut by drain-timeout",
				  w->index, connections(w));
	db_stop(&w->db);
	for (int i = 0; i < w->n_http; i++)
		http_stop(w->http[i]);
	log_flush(&w->log);
	return NULL;
}

/* Called by main's thread. */
void
worker_drain(struct worker *w)
{
	uint64_t one = 1;

	atomic_store(&w->drain, true);
	(void) !write(w->wake_fd, &one, sizeof(one));
}

/* Called by main's thread; takes over the reference. */
void
worker_new_policy(struct worker *w, struct jwt_policy *policy)
{
	uint64_t one = 1;

	(void) policy_release(atomic_exchange(&w->next_policy, policy));
	(void) !write(w->wake_fd, &one, sizeof(one));
}

void
worker_free(struct worker *w)
{
	(void) close(w->epoll_fd);
	(void) close(w->wake_fd);
	(void) policy_release(w->policy);
	(void) policy_release(atomic_load(&w->next_policy));
	stream_hub_free(w->hub);
	token_cache_free(w->tokens);
	sb_free(&w->log);
}
