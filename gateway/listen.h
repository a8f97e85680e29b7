/*
 * listen.h
 *	  The sockets that the gateway listens on.
 */
#ifndef AGENDA_GW_LISTEN_H
#define AGENDA_GW_LISTEN_H

#include "config.h"

#define MAX_WORKERS   64
#define MAX_LISTENERS 8

/* one address; each worker has a descriptor of its own for it */
struct listener
{
	bool admin; /* serves the admin routes, by the first worker alone */
	bool tls;
	bool own;             /* opened by us: nobody else listens with these sockets */
	int fds[MAX_WORKERS]; /* -1: not for this worker */
};

extern int listen_open(const struct config *cfg, struct listener listeners[MAX_LISTENERS],
					   int n_workers);
extern void listen_turn_away(const struct config *cfg, const struct listener *listeners, int n);
extern bool listen_settled(const struct listener *listeners, int n);
extern void listen_end_queue(int fd);

#endif
