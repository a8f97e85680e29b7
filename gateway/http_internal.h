/*
 * http_internal.h
 *	  What the files of the seam over libmicrohttpd share: http.c, http_answer.c, http_stream.c.
 */
#ifndef AGENDA_GW_HTTP_INTERNAL_H
#define AGENDA_GW_HTTP_INTERNAL_H

#include <arpa/inet.h>
#include <microhttpd.h>

#include "http.h"

struct http_conn
{
	struct http_conn *prev;
	struct http_conn *next;
	struct http_server *http;
	struct timer timer;
	struct request *req; /* NULL between requests */
	size_t received;     /* bytes when it became idle while draining */
	int fd;
	bool idle; /* has been served, and nothing of another request has come */
	char remote[INET6_ADDRSTRLEN];
};

#define SLAB_REQUESTS 32

/* Requests lie together: between the library's large blocks each would keep a page from being idle. */
struct request_slab
{
	struct request_slab *next;
	struct request requests[SLAB_REQUESTS];
};

struct http_server
{
	struct worker *worker;
	const struct config *cfg;
	struct wheel *wheel;
	struct metrics *metrics;
	const struct http_hooks *hooks;
	struct MHD_Daemon *daemon;
	int epoll_fd;
	unsigned int calls;      /* of the library to us: a sign of progress */
	unsigned int idle_turns; /* in a row that had work at hand and came to nothing */
	bool resumed;            /* somebody waits for the next turn */
	bool draining;
	bool admin;
	bool tls;
	bool own_queue; /* nobody else accepts from what this listens on */
	int queue_fd;   /* while draining: clients wait there; -1: none */
	int n_conns;
	int max_conns;
	struct http_conn conns; /* list head */
	struct request *free_requests;
	struct request_slab *slabs;
};

#define POOL_RESERVE 4096 /* of a connection's memory, for the response header */

/* bytes of the library for one connection */
static inline size_t
http_pool_size(const struct config *cfg)
{
	return (size_t) (cfg->max_header + POOL_RESERVE);
}

/* http.c */
extern void http_set_deadline(struct http_conn *conn, long seconds);
extern void http_resume(struct request *req);

/* http_answer.c */
extern void http_add_headers(struct request *req, struct MHD_Response *response,
							 const struct http_answer *answer);

/* http_stream.c */
extern bool http_bytes_received(const struct http_conn *conn, size_t *n);
extern void http_stream_free(struct request *req);

#endif
