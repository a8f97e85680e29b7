/*
 * window.h
 *		One window of the log: its events, the records they make, and the position behind it.
 */
#ifndef AGENDA_WINDOW_H
#define AGENDA_WINDOW_H

#include "access/xlogdefs.h"

#include "envelope.h"
#include "publisher.h"
#include "shmem.h"

/* A pg_snapshot, or NULL. */
typedef struct AgendaSnapshot
{
	Datum value;
	bool isnull;
} AgendaSnapshot;

/*
 * How far the log has been read.  hi NULL: all that is visible in lo is done with.  hi given: a
 * window was cut short; of what is visible in hi and not in lo, all up to seq is done with.
 */
typedef struct AgendaPosition
{
	AgendaSnapshot lo;
	AgendaSnapshot hi;
	int64 seq;
} AgendaPosition;

/* What has become of a record; the comment says what may come next. */
typedef enum AgendaDeliveryState
{
	AGENDA_DELIVERY_WAITING, /* to be offered; SENT, or DOOMED when it is refused */
	AGENDA_DELIVERY_SENT,    /* no report yet; DONE, WAITING or DOOMED */
	AGENDA_DELIVERY_DOOMED,  /* can't be sent; DEAD once that has been written down, or WAITING */
	AGENDA_DELIVERY_DONE,    /* acknowledged; WAITING when a gap before it was found */
	AGENDA_DELIVERY_DEAD     /* among the dead letters; final */
} AgendaDeliveryState;

#define AGENDA_DELIVERY_STATES 5

typedef struct AgendaTopic
{
	const char *name;
	AgendaMode mode;
	uint32 hash;
} AgendaTopic;

/* One event on its way to one topic. */
typedef struct AgendaDelivery
{
	const AgendaEvent *event;
	const AgendaTopic *topic;
	uint64 key_hash; /* of topic and key: records with the same one keep their order */
	AgendaDeliveryState state;
	bool alone;       /* has failed in company: nothing else may be in flight */
	bool waits;       /* doomed because an earlier record of its key is */
	bool is_copy;     /* among the dead letters already; a copy goes to their topic */
	int attempts;     /* times that it was sent */
	uint32 in_flight; /* bytes that it has in the publisher's memory */
	char *reason;     /* why it is doomed */
} AgendaDelivery;

/* Everything in it lives in its context. */
typedef struct AgendaWindow
{
	MemoryContext context;
	bool letters;      /* dead letters, which have no position */
	AgendaSnapshot lo; /* events visible in upper and not in lo */
	AgendaSnapshot upper;
	bool cut;               /* there are more of them */
	XLogRecPtr durable_at;  /* the commits of everything read are in the WAL before this */
	AgendaBacklogMark mark; /* what had been written before upper */
	Size bytes;             /* what it takes */

	int n_rows;     /* that were read for it, those of other drainers included */
	int64 last_seq; /* where it was cut: the number of the last one */
	int n_events;
	int max_events;
	AgendaEvent **events;
	int n_deliveries; /* in the order of their events */
	AgendaDelivery *deliveries;

	/* for delivery.c */
	uint64 first;  /* number of the first delivery */
	int n_settled; /* DONE or DEAD */
} AgendaWindow;

extern AgendaWindow *agenda_window_create(void);
extern void agenda_window_free(AgendaWindow *window);

/* Adds an event; it and all it points to must be in the window's context. */
extern void agenda_window_add(AgendaWindow *window, AgendaEvent *event);

/* Room for n more deliveries; then one at a time, in the order of the events. */
extern void agenda_window_reserve(AgendaWindow *window, int n_deliveries);
extern void agenda_window_deliver(AgendaWindow *window, const AgendaEvent *event,
								  const AgendaTopic *topic);

/* A topic, in the window's context. */
extern AgendaTopic *agenda_window_topic(AgendaWindow *window, const char *name, const char *mode);

/* The window is complete: notes its size. */
extern void agenda_window_close(AgendaWindow *window);

/* The number of events at the beginning of the window that are done with. */
extern int agenda_window_done(const AgendaWindow *window);

/* Adds for each event how long before an instant it was committed; nothing where only numbers are read. */
extern void agenda_window_ages(const AgendaWindow *window, TimestampTz at,
							   AgendaHistogram *histogram);

/* Moves the position behind the first n_events of the window. */
extern void agenda_window_pass(const AgendaWindow *window, int n_events, AgendaPosition *position);

/* Reads the stored position.  *foreign is a palloc'd reason when it is somebody else's. */
extern bool agenda_position_load(AgendaPosition *position, char **foreign);

/* Replaces the position by copies; nothing may point into the old one. */
extern void agenda_position_set(AgendaPosition *position, AgendaSnapshot lo, AgendaSnapshot hi,
								int64 seq);

/* Stores a position as it is; false after an error. */
extern bool agenda_position_save(const AgendaPosition *position);

/* The id of the transaction that last did so. */
extern uint64 agenda_position_saved_by(void);

/* Names all topics that records may go to; false after an error. */
extern bool agenda_topics_each(void (*visit)(const char *topic));

/* A palloc'd copy. */
extern AgendaSnapshot agenda_snapshot_copy(AgendaSnapshot snapshot);

#endif
