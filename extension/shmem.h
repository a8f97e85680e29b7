/*
 * shmem.h
 *		What launcher, workers and committing backends share.
 *
 * One slot per database that has workers, agenda.max_databases of them, one more for a database that
 * is being looked at, and a header for the launcher.  Nothing here decides what is correct: the log and the timers
 * are tables, and whatever is lost with shared memory is found again by a sweep.  The one protocol
 * that has to be kept is the scanner's floor, see scanner.c.
 *
 * No pointer into a process of its own ever stands here: latches are those of PGPROC entries,
 * which are in shared memory themselves.
 */
#ifndef AGENDA_SHMEM_H
#define AGENDA_SHMEM_H

#include "datatype/timestamp.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/spin.h"

#define AGENDA_ERROR_TEXT   256
#define AGENDA_MAX_REQUESTS 32
#define AGENDA_NO_SLOT      (-1)

/* bounds of agenda_histogram_bounds and one more */
#define AGENDA_HISTOGRAM_BUCKETS 23

typedef enum AgendaWorkerKind
{
	AGENDA_SCANNER,
	AGENDA_DELIVERER,    /* only where agenda.delivery is on */
	AGENDA_DRAINER,      /* agenda.drainers of them */
	AGENDA_EXTRA_SCANNER /* agenda.scanners without the first */
} AgendaWorkerKind;

/* The workers of a slot have numbers, by kind and then one after the other. */
#define AGENDA_MAX_DRAINERS 16
#define AGENDA_MAX_SCANNERS 8
#define AGENDA_MAX_WORKERS  (AGENDA_DRAINER + AGENDA_MAX_DRAINERS + AGENDA_MAX_SCANNERS - 1)

/* What a worker is doing; agenda.health() shows the words of agenda_state_name(). */
typedef enum AgendaWorkerState
{
	AGENDA_STATE_STOPPED,      /* no process; next: STARTING */
	AGENDA_STATE_STARTING,     /* process attached, not yet connected; next: any */
	AGENDA_STATE_IDLE,         /* waits for its latch */
	AGENDA_STATE_WORKING,      /* in a transaction */
	AGENDA_STATE_PUBLISHING,   /* drainer: records are with the broker */
	AGENDA_STATE_BROKER_DOWN,  /* drainer: records wait for the broker */
	AGENDA_STATE_UNREPLICATED, /* drainer: what it has read waits for a synchronous standby */
	AGENDA_STATE_NO_PUBLISHER, /* drainer: the publisher library cannot be used */
	AGENDA_STATE_NO_SENDER,    /* deliverer: the sending library cannot be used */
	AGENDA_STATE_FOREIGN_LOG,  /* drainer: the log position belongs to another cluster */
	AGENDA_STATE_HALTED,       /* drainer: a record is refused that nothing may pass */
	AGENDA_STATE_RETRYING      /* the last transaction failed; tries again after a while */
} AgendaWorkerState;

/* Whether the database of a slot has the extension. */
typedef enum AgendaPresence
{
	AGENDA_PRESENCE_UNKNOWN, /* the scanner has yet to look */
	AGENDA_PRESENT,          /* all workers are wanted */
	AGENDA_ABSENT,           /* workers exit, then the launcher frees the slot */
	AGENDA_NO_PLACE          /* likewise: it has it, but agenda.max_databases others do, too */
} AgendaPresence;

/* One worker of a slot.  All fields under the mutex of the slot. */
typedef struct AgendaWorkerInfo
{
	uint64 generation; /* number of the last start; a worker with another one exits */
	pid_t pid;         /* 0: not running */
	Latch *latch;      /* of its PGPROC; NULL when not running */
	AgendaWorkerState state;
	TimestampTz since;         /* when it got into that state */
	TimestampTz heartbeat;     /* when it last went round its loop */
	uint64 wakeups;            /* how often it has waited for something */
	TimestampTz last_error_at; /* 0: never */
	char last_error[AGENDA_ERROR_TEXT];
} AgendaWorkerInfo;

/* What the scanner knows.  All fields under the mutex of the slot. */
typedef struct AgendaScannerInfo
{
	TimestampTz floor;                  /* no pending timer that the scanner has seen is earlier */
	TimestampTz new_min;                /* earliest committed since the scanner last took it */
	TimestampTz next_wake;              /* it sleeps until then; DT_NOBEGIN while it is awake */
	bool sweep;                         /* asked to look at everything, floor or not */
	bool call[AGENDA_MAX_SCANNERS - 1]; /* each extra scanner: more is owed than a round takes */
	TimestampTz last_scan;
	uint64 scans;
	uint64 sweeps;
	uint64 raised;
} AgendaScannerInfo;

/* How much of the log there was at some moment; see backlog.c. */
typedef struct AgendaBacklogMark
{
	uint64 events;
	uint64 bytes;
} AgendaBacklogMark;

/* Where counting begins: what is passed may be ahead of what is written for a moment. */
extern const AgendaBacklogMark agenda_backlog_begin;

/* Durations: how many were not longer than each bound, exclusive of the bounds below it. */
typedef struct AgendaHistogram
{
	uint64 bucket[AGENDA_HISTOGRAM_BUCKETS]; /* the last one has no bound */
	double sum;                              /* seconds */
} AgendaHistogram;

/* What a drainer has done and how it stands.  All fields under the mutex of the slot. */
typedef struct AgendaDrainerInfo
{
	bool news;    /* somebody has committed since the drainer last took it */
	bool resting; /* it will look for news by itself in a moment */
	bool redrive; /* dead letters are to be sent again */

	/* since the server started */
	uint64 reads;               /* transactions that read the log */
	uint64 windows;             /* with at least one event */
	uint64 events;              /* read from the log and done with */
	uint64 published;           /* acknowledged records */
	uint64 dead;                /* records given up */
	uint64 waiting_for_key;     /* records set aside behind one of their key */
	uint64 redriven;            /* dead letters that have arrived at last */
	uint64 rewinds;             /* times that something had to be sent again */
	uint64 resets;              /* producers made anew */
	AgendaHistogram until_read; /* from a commit to the read that brought its events */
	AgendaHistogram seconds;    /* from a commit to the acknowledgement of its records */

	AgendaBacklogMark passed; /* of what the slot says was written, done with */

	/* now */
	TimestampTz last_tick; /* when a position was last saved */
	int windows_in_flight;
	int records_in_flight;
	int64 window_bytes;
	int64 in_flight_bytes;
	int blocked_keys;
	bool halted;
	char publisher_state[16]; /* "" without a publisher */
	int brokers_up;
	int brokers_down;
	int64 queued_records;
	int64 queued_bytes;
	double round_trip; /* seconds */
	uint64 requests;   /* of the present producer */
	uint64 request_errors;
	int64 largest_record; /* bytes that the publisher takes */
} AgendaDrainerInfo;

typedef struct AgendaSlot
{
	slock_t mutex; /* protects all that follows, but for the variable */
	Oid database;  /* InvalidOid: free.  Only the launcher changes it */
	AgendaPresence presence;
	int holds; /* transactions that want the workers out of the database */
	AgendaWorkerInfo worker[AGENDA_MAX_WORKERS];
	AgendaScannerInfo scanner;
	bool foreign_told;         /* the warning about a foreign log has been given */
	AgendaBacklogMark written; /* committed so far */
	AgendaDrainerInfo drainer[AGENDA_MAX_DRAINERS];
	ConditionVariable worker_gone; /* broadcast by a worker that exits */
} AgendaSlot;

typedef struct AgendaShared
{
	slock_t mutex;      /* protects the launcher's fields */
	pid_t launcher_pid; /* 0: not running */
	Latch *launcher_latch;
	bool list_databases; /* asked to read pg_database */
	bool probe_all;      /* asked to look at every database again */
	int n_requests;      /* databases that may have the extension now */
	Oid requests[AGENDA_MAX_REQUESTS];

	/* never change, no lock */
	int event_key; /* agenda.event_key at the start, by which several drainers share the log */
	int n_slots;   /* agenda.max_databases + 1 */
	AgendaSlot slots[FLEXIBLE_ARRAY_MEMBER];
} AgendaShared;

/* NULL when the library was not preloaded. */
extern AgendaShared *agenda_shared;

/* Asks for the memory; called from _PG_init while preloading. */
extern void agenda_shmem_init(void);

/* How many workers a slot has, those that are not wanted included. */
extern int agenda_n_workers(void);
/* The kind of one of them, and which of its kind it is, from 0. */
extern AgendaWorkerKind agenda_worker_kind(int worker);
extern int agenda_worker_index(int worker);
/* How many there may be of a kind, and the number of the first. */
extern int agenda_kind_count(AgendaWorkerKind kind);
extern int agenda_kind_first(AgendaWorkerKind kind);

/* The slot of a database, or AGENDA_NO_SLOT; its content may change as soon as this returns. */
extern int agenda_slot_find(Oid database);

/* Makes the slot free, as it was at the start.  Only the launcher does this. */
extern void agenda_slot_reset(AgendaSlot *slot);

/* Sets the latches of a slot's workers. */
extern void agenda_slot_wake(AgendaSlot *slot);

/* True when no worker process belongs to the slot. */
extern bool agenda_slot_empty(AgendaSlot *slot);

/* Sets the launcher's latch, if it runs. */
extern void agenda_launcher_wake(void);

/* Asks the launcher to look at one database, or (InvalidOid) at the list of them. */
extern void agenda_launcher_request(Oid database);

/* Upper bounds of the buckets, in seconds. */
extern const double agenda_histogram_bounds[AGENDA_HISTOGRAM_BUCKETS - 1];

extern void agenda_histogram_add(AgendaHistogram *histogram, int64 microseconds);
extern void agenda_histogram_merge(AgendaHistogram *histogram, const AgendaHistogram *other);

/* The word for a state. */
extern const char *agenda_state_name(AgendaWorkerState state);

#endif
