/*
 * http.h
 *	  The seam over libmicrohttpd: nothing above it knows that library.
 *
 * An http_server belongs to one worker thread.  It calls headers() when a request's header has been
 * found well-formed, complete() when its body is in, and finished() when the answer has gone out or the
 * client has gone away.  http_answer() may be called inside headers() and complete(), or later from
 * anywhere in the same thread; exactly once.
 */
#ifndef AGENDA_GW_HTTP_H
#define AGENDA_GW_HTTP_H

#include "request.h"

struct http_server;

struct http_hooks
{
	void (*headers)(struct request *req);
	void (*complete)(struct request *req);
	void (*finished)(struct request *req);
};

/* an answer; what is NULL or 0 is not sent */
struct http_answer
{
	unsigned int status;
	const char *content_type;
	const char *etag; /* with its quotes */
	const char *location;
	const char *allow;
	const char *authenticate;
	const char *preference_applied;
	const char *security_policy;
	const char *cache_control; /* instead of what revalidate says */
	unsigned int retry_after;  /* s */
	bool revalidate;           /* Cache-Control: private, no-cache instead of no-store */
	bool replayed;             /* the stored answer of a write that was done before */
	bool close;
	const char *body;
	size_t len;
	bool borrowed; /* the body lives for ever */
	/* how to free what holds the body; NULL: the body is copied */
	void (*release)(void *arg);
	void *release_arg;
};

/* what a server listens on */
struct http_listen
{
	int fd;
	bool admin;
	bool tls;
	bool own; /* nobody else accepts from it */
	unsigned int max_connections;
};

extern struct http_server *http_start(struct worker *worker, const struct config *cfg,
									  struct wheel *wheel, struct metrics *metrics,
									  const struct http_listen *listen,
									  const struct http_hooks *hooks);
extern int http_epoll_fd(struct http_server *http);
extern bool http_run(struct http_server *http);
extern bool http_stuck(struct http_server *http);
extern bool http_pending(struct http_server *http);
extern void http_drain(struct http_server *http);
extern int http_connections(struct http_server *http);
extern void http_stop(struct http_server *http);

extern void http_answer(struct request *req, const struct http_answer *answer);
extern void http_answer_problem(struct request *req, const struct problem *problem,
								const struct http_answer *more);
extern void http_refuse(struct request *req, const struct problem_kind *kind, const char *detail);
extern uint64_t http_age(const struct request *req);
extern const char *http_remote(const struct request *req);
extern bool http_is_admin(const struct request *req);
extern bool http_is_local(const struct request *req);
extern bool accepts_gzip(const char *field);
extern bool origin_listed(const char *list, const char *origin);

/* of a request that was busy when its exchange ended */
extern void http_release(struct request *req);
extern void http_stream_begin(struct request *req, const struct http_answer *answer);
extern bool http_stream_push(struct request *req, const char *data, size_t len);
extern void http_stream_end(struct request *req);

#endif
