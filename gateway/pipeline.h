/*
 * pipeline.h
 *	  Calls of SQL functions over a few pipelined connections: queues and batches.
 *
 * Upper layers fill a db_call and give it to db_submit(); its done() is called exactly once, in
 * the same thread, later or (when refused) at once.  db.h has the connections' own life.
 */
#ifndef AGENDA_GW_PIPELINE_H
#define AGENDA_GW_PIPELINE_H

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "hosts.h"
#include "metrics.h"
#include "wheel.h"

#define DB_MAX_CONNECTIONS 12 /* fast and slow */
#define DB_MAX_BATCH       256
#define DB_MAX_PARAMS      10
#define DB_MAX_ATTEMPTS    4

enum db_outcome
{
	DB_DONE,        /* result holds the row */
	DB_FAILED,      /* result holds the database's error; nothing was changed */
	DB_UNAVAILABLE, /* never executed: no database */
	DB_OVERLOADED,  /* never executed: queue full or too slow */
	DB_UNKNOWN      /* a write was sent and the connection lost before its Sync */
};

struct db_call
{
	struct db_call *next; /* in a queue */
	int statement;        /* index, see db_statement_name() */
	bool write;
	bool slow;          /* goes by the slow lane, where there is one */
	bool repeatable;    /* a write that may run twice without harm */
	bool alone;         /* was in a failed batch: runs under its own Sync */
	int attempts;       /* times sent */
	uint32_t lane;      /* calls of one lane that write share a connection: per-user order */
	uint64_t queued_at; /* ms */
	int n_params;
	const char *params[DB_MAX_PARAMS]; /* live until done() */
	/* takes over result, which is NULL but for DB_DONE and DB_FAILED */
	void (*done)(struct db_call *call, enum db_outcome outcome, PGresult *result);
};

struct db_queue
{
	struct db_call *head;
	struct db_call *tail;
	int length;
};

enum db_state
{
	DB_DOWN,       /* waits for the next try -> CONNECTING */
	DB_CONNECTING, /* PQconnectPoll -> SETTING_UP, DOWN */
	DB_SETTING_UP, /* session settings, version, prepare -> IDLE, DOWN */
	DB_IDLE,       /* -> BUSY, DOWN */
	DB_BUSY        /* one batch in flight -> IDLE, DOWN */
};

/* what the outer epoll hands events to; first member of whoever registers a descriptor */
struct event_source
{
	void (*handle)(struct event_source *source, uint32_t events);
};

struct db;

struct db_conn
{
	struct event_source source;
	struct db *db;
	int index;
	bool slow; /* the slow lane: one call at a time */
	enum db_state state;
	PGconn *pg;
	int fd;             /* registered with epoll, -1: none */
	uint32_t interest;  /* epoll events asked for */
	struct timer timer; /* DOWN: next try; otherwise: patience */
	int failures;       /* tries since the last success, for the back-off */
	int host;           /* of hosts.each, the one that this try is for */

	/* SETTING_UP */
	int setup_pos; /* results received */
	char setup_error[200];

	/* the batch in flight: calls answered early are NULL */
	struct db_call *batch[DB_MAX_BATCH];
	PGresult *results[DB_MAX_BATCH]; /* writes: kept until the Sync */
	int batch_size;
	int batch_pos; /* results received */
	bool batch_write;
	bool batch_failed; /* a member's error arrived: PostgreSQL has rolled back the batch */
	bool stale;        /* reconnect after this batch: plans or server role are out of date */

	struct db_queue writes; /* of this lane */
};

struct db
{
	const struct config *cfg;
	struct wheel *wheel;
	struct metrics *metrics;
	int epoll_fd;
	struct hosts hosts;
	json_t *
		rules; /* what CHECK constraints ask for, agenda.gw_rules(); NULL until a connection is ready */
	bool stopping;
	int n_ready;
	uint64_t unready_since; /* ms, valid while n_ready is 0 */
	int n_queued;
	struct timer sweep; /* expires calls that wait too long */
	struct db_queue reads;
	struct db_queue searches; /* of the slow lane, reads and writes */
	int n_fast;               /* of n_conns, which stand first */
	int n_conns;
	struct db_conn conns[DB_MAX_CONNECTIONS];
};

/* pipeline.c */
extern void db_submit(struct db *db, struct db_call *call);
extern void db_dispatch(struct db *db);
extern bool db_ready(const struct db *db);
extern void db_fail_queued(struct db *db);
extern void pipeline_input(struct db_conn *conn);
extern void pipeline_lost(struct db_conn *conn);
extern void pipeline_sweep(struct timer *timer);

#endif
