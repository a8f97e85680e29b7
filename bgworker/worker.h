/*
 * worker.h
 *		What scanner and drainer have in common: beginning, transactions, waiting, leaving.
 */
#ifndef AGENDA_WORKER_H
#define AGENDA_WORKER_H

#include "executor/spi.h"
#include "postmaster/bgworker.h"

#include "shmem.h"

/* What the launcher passes along in bgw_extra. */
typedef struct AgendaWorkerArgs
{
	int worker; /* its number in the slot */
	int slot_no;
	uint64 generation;
} AgendaWorkerArgs;

StaticAssertDecl(sizeof(AgendaWorkerArgs) <= BGW_EXTRALEN,
				 "arguments of a worker must fit into bgw_extra");

/* A statement that is prepared when it is first run. */
typedef struct AgendaQuery
{
	const char *sql;
	int nargs;
	Oid argtypes[9];
	bool read_only; /* runs in the transaction's first snapshot */
	SPIPlanPtr plan;
} AgendaQuery;

/* Why agenda_worker_wait() came back; none of them: the time was up. */
#define AGENDA_WOKEN_BY_LATCH  0x01
#define AGENDA_WOKEN_BY_FD     0x02
#define AGENDA_WOKEN_BY_RELOAD 0x04

typedef void (*AgendaWork)(void *arg);

/* The slot of this worker's database. */
extern AgendaSlot *agenda_worker_slot;

/*
 * First thing in the main function; returns which one of its kind the worker is.  Does not return
 * when the worker isn't wanted (any more).
 */
extern int agenda_worker_begin(AgendaWorkerKind kind);

/* Leaves without a word in the server log. */
extern void agenda_worker_exit(void) pg_attribute_noreturn();

/* Somebody wants the process to leave: shutdown, DROP DATABASE, a successor. */
extern bool agenda_worker_must_stop(void);

/*
 * Runs work(arg) in a transaction as agenda_service, with SPI connected and a snapshot active.
 * False after an error, which has been reported, noted in the slot and rolled back.  Exits when
 * the extension is gone.
 */
extern bool agenda_worker_transaction(const char *activity, AgendaWork work, void *arg);

/* Inside of it: runs the query; its rows are in SPI_tuptable. */
extern void agenda_worker_query(AgendaQuery *query, Datum *values, const char *nulls);

/*
 * Milliseconds until then, 0 when it is over; also 0 when it is further away than the most that it
 * can have been put off by: then the clock has stepped back.
 */
extern long agenda_worker_time_left(TimestampTz until, long most_ms);

/* How long to wait after so many failures in a row. */
extern long agenda_worker_backoff(int failures, long most_ms);

/* The only wait.  timeout_ms < 0: for ever. */
extern int agenda_worker_wait(long timeout_ms, const char *activity);

/* From now on the wait ends when fd becomes readable, too; PGINVALID_SOCKET: no more. */
extern void agenda_worker_watch_fd(pgsocket fd);

/* Publishes what the worker is doing. */
extern void agenda_worker_set_state(AgendaWorkerState state);

/* Notes an error for health(). */
extern void agenda_worker_note_error(const char *message);

#endif
