/*
 * worker.h
 *	  One thread with all it needs: loop, HTTP server, database connections, timers.
 */
#ifndef AGENDA_GW_WORKER_H
#define AGENDA_GW_WORKER_H

#include <pthread.h>

#include "db.h"
#include "http.h"
#include "keyring.h"
#include "listen.h"
#include "stream.h"

struct worker
{
	const struct config *cfg;
	struct jwt_policy *policy;                /* a reference of its own */
	_Atomic(struct jwt_policy *) next_policy; /* orders of main: use this one from now on */
	int index;
	int epoll_fd;
	int wake_fd;       /* eventfd: look at the orders */
	atomic_bool drain; /* orders of main: finish and return */
	bool draining;     /* the worker's answer to it */
	bool out_of_time;
	struct timer drain_timer;
	pthread_t thread;
	struct event_source wake_source;
	struct event_source http_sources[MAX_LISTENERS];
	struct wheel wheel;
	struct metrics metrics;
	struct db db;
	struct http_server *http[MAX_LISTENERS];
	int n_http;
	struct stream_hub *hub; /* NULL: no streams */
	struct token_cache *tokens;
	struct strbuf log; /* access log lines of this turn */
};

extern bool worker_init(struct worker *worker, const struct config *cfg, struct jwt_policy *policy,
						int index, const struct listener *listeners, int n_listeners);
extern void *worker_run(void *arg);
extern void worker_drain(struct worker *worker);
extern void worker_new_policy(struct worker *worker, struct jwt_policy *policy);
extern void worker_free(struct worker *worker);

#endif
