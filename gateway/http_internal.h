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
	int fd;
	char remote[INET6_ADDRSTRLEN];
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
	int n_conns;
	struct http_conn conns; /* list head */
	struct request *free_requests;
};

/* http.c */
extern void http_set_deadline(struct http_conn *conn, long seconds);
extern void http_resume(struct request *req);

/* http_answer.c */
extern void http_add_headers(struct request *req, struct MHD_Response *response,
							 const struct http_answer *answer);

/* http_stream.c */
extern void http_stream_free(struct request *req);

#endif
