/*
 * db.h
 *	  The life of the database connections: connect, prepare, watch, reconnect.
 */
#ifndef AGENDA_GW_DB_H
#define AGENDA_GW_DB_H

#include "pipeline.h"
#include "router.h"

/* statements: one per route (the route's index), the same with an Idempotency-Key, and these */
#define STATEMENT_KEYED(route) (N_ROUTES + (route))
enum
{
	STATEMENT_LOGIN = 2 * N_ROUTES,
	STATEMENT_TICKET,
	STATEMENT_REPLAY,
	STATEMENT_METRICS,
	N_STATEMENTS
};

extern void db_init(struct db *db, const struct config *cfg, struct wheel *wheel,
					struct metrics *metrics, int epoll_fd);
extern void db_start(struct db *db);
extern void db_stop(struct db *db);
extern const char *db_statement_name(int statement);

/* for pipeline.c */
extern bool db_flush(struct db_conn *conn);
extern void db_batch_started(struct db_conn *conn);
extern void db_batch_ended(struct db_conn *conn);
extern void db_lost(struct db_conn *conn, const char *why);

#endif
