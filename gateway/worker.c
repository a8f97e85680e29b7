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

static void
on_wake(struct event_source *source, uint32_t events)
{
	struct worker *w =
		(struct worker *) (void *) ((char *) source - offsetof(struct worker, wake_source));
	uint64_t n;

	(void) events;
	(void) !read(w->wake_fd, &n, sizeof(n));
	if (!atomic_load(&w->drain) || w->draining)
		return;
	w->draining = true;
	http_drain(w->http);
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

bool
worker_init(struct worker *w, const struct config *cfg, const struct jwt_policy *policy, int index,
			int listen_fd)
{
	w->cfg = cfg;
	w->policy = policy;
	w->index = index;
	w->wake_source.handle = on_wake;
	w->http_source.handle = on_http;
	w->drain_timer.fire = on_drain_timeout;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->epoll_fd < 0 || !add_source(w, w->wake_fd, &w->wake_source))
		return false;
	wheel_init(&w->wheel, clock_ms());
	w->tokens = token_cache_create((size_t) cfg->token_cache);
	db_init(&w->db, cfg, &w->wheel, &w->metrics, w->epoll_fd);
	w->http = http_start(w, cfg, &w->wheel, &w->metrics, listen_fd, &sqlcall_hooks);
	return w->http != NULL && add_source(w, http_epoll_fd(w->http), &w->http_source);
}

static void
turn(struct worker *w)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int wait_ms = wheel_wait_ms(&w->wheel);
	int n;

	if (http_pending(w->http))
		wait_ms = http_stuck(w->http) ? STUCK_WAIT_MS : 0;
	n = epoll_wait(w->epoll_fd, events, EVENTS_PER_TURN, wait_ms);

	w->wheel.now = clock_ms();
	for (int i = 0; i < n; i++)
	{
		struct event_source *source = events[i].data.ptr;

		source->handle(source, events[i].events);
	}
	if (!http_run(w->http))
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
	while (!w->draining || (http_connections(w->http) > 0 && !w->out_of_time))
		turn(w);
	if (w->out_of_time)
		log_event(LOG_LEVEL_WARNING, "worker %d: %d connections were cut by drain-timeout",
				  w->index, http_connections(w->http));
	db_stop(&w->db);
	http_stop(w->http);
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

void
worker_free(struct worker *w)
{
	(void) close(w->epoll_fd);
	(void) close(w->wake_fd);
	token_cache_free(w->tokens);
	sb_free(&w->log);
}
