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
	AGENDA_DELIVERY_DOOMED,  /* can't be sent; DEAD once that has been written down */
	AGENDA_DELIVERY_DONE,    /* acknowledged; WAITING when a gap before it was found */
	AGENDA_DELIVERY_DEAD     /* among the dead letters; final */
} AgendaDeliveryState;

#define AGENDA_DELIVERY_STATES 5

/* One event on its way to one topic. */
typedef struct AgendaDelivery
{
	const AgendaEvent *event;
	const char *topic;
	AgendaDeliveryState state;
	bool alone; /* has failed in company: nothing else may be in flight */
	int attempts;
	char *reason; /* why it is doomed */
} AgendaDelivery;

/* Everything in it lives in its context. */
typedef struct AgendaWindow
{
	MemoryContext context;
	AgendaSnapshot lo; /* events visible in upper and not in lo */
	AgendaSnapshot upper;
	bool cut;               /* there are more of them */
	XLogRecPtr durable_at;  /* everything read is in the WAL before this */
	AgendaBacklogMark mark; /* what had been written before upper */

	int n_events;
	AgendaEvent *events;
	int n_deliveries; /* in the order of their events */
	AgendaDelivery *deliveries;

	/* for delivery.c, which explains them */
	int n_in_state[AGENDA_DELIVERY_STATES];
	int next;                       /* all before it have been offered */
	int failures;                   /* gaps so far */
	bool gap;                       /* reset the publisher and go back */
	bool refused;                   /* go back once nothing is in flight */
	TimestampTz retry_at;           /* a pause lasts until then */
	const AgendaEvent *in_envelope; /* the event that was put into the envelope last */
} AgendaWindow;

/*
 * Reads the next window behind the position; false after an error.  *window is NULL when nothing
 * is new, and the position has moved up.  Without publishing the window has no deliveries.
 */
extern bool agenda_window_read(AgendaPosition *position, bool publishing, AgendaWindow **window);
extern void agenda_window_free(AgendaWindow *window);

/* The number of events at the beginning of the window that are done with. */
extern int agenda_window_done(const AgendaWindow *window);

/* Moves the position behind the first n_events of the window. */
extern void agenda_window_pass(const AgendaWindow *window, int n_events, AgendaPosition *position);

/* Writes a doomed delivery to the dead letters; false after an error. */
extern bool agenda_window_bury(const AgendaDelivery *delivery);

/* Reads the stored position.  *foreign is a palloc'd reason when it is somebody else's. */
extern bool agenda_position_load(AgendaPosition *position, char **foreign);

/* Names all topics that records may go to; false after an error. */
extern bool agenda_topics_each(void (*visit)(const char *topic));

/* Stores a position as it is; false after an error. */
extern bool agenda_position_save(const AgendaPosition *position);

#endif
