/*
 * delivery.h
 *		Handing the records of several windows to the publisher until every one of them is settled.
 */
#ifndef AGENDA_DELIVERY_H
#define AGENDA_DELIVERY_H

#include "publisher.h"
#include "shmem.h"
#include "window.h"

/* More of them would gain nothing: what bounds the flow is memory. */
#define AGENDA_FLOW_WINDOWS 64

/* Windows on their way, in the order of the log. */
typedef struct AgendaFlow
{
	AgendaWindow *windows[AGENDA_FLOW_WINDOWS];
	int n_windows;
	Size bytes;     /* what the windows take */
	Size in_flight; /* what their records take in the publisher's memory, about */

	/* for delivery.c, which explains them */
	uint64 next_number; /* of the next delivery that is added */
	uint64 next;        /* all before it have been offered */
	int n_in_state[AGENDA_DELIVERY_STATES];
	int failures;         /* gaps in a row */
	int halts;            /* times in a row that a record was refused that nothing may pass */
	bool gap;             /* reset the publisher and go back */
	bool refused;         /* go back once nothing is in flight */
	bool unwritten;       /* what has become of letters could not be written down */
	TimestampTz retry_at; /* a pause lasts until then */
	const AgendaEvent *in_envelope; /* the event that was put into the envelope last */
	AgendaMode envelope_mode;
} AgendaFlow;

/* What happened, for the counters in shared memory. */
typedef struct AgendaDeliveryCounts
{
	int published;
	int dead;
	int waiting_for_key; /* dead letters that only wait for an earlier one */
	int rewinds;
	int resets;
	AgendaHistogram seconds; /* from the commit to the acknowledgement, where it is known */
} AgendaDeliveryCounts;

/* Names the source of all events; called in a transaction. */
extern void agenda_delivery_init(const char *cluster, const char *database);

extern void agenda_flow_add(AgendaFlow *flow, AgendaWindow *window);

/* The first window, if all its records are settled; it leaves the flow. */
extern AgendaWindow *agenda_flow_take_settled(AgendaFlow *flow);

/* Frees all windows; what has been sent may arrive or not. */
extern void agenda_flow_clear(AgendaFlow *flow);

/*
 * Does all that can be done without waiting: takes reports, goes back after failures, writes dead
 * letters and, if offer is true, hands over records, though not too many at once.  Returns how long
 * to wait at the most for a report or for the end of a pause; 0 when there is more to do.
 */
extern long agenda_delivery_step(AgendaFlow *flow, const AgendaPublisher *publisher, bool offer,
								 AgendaDeliveryCounts *counts);

#endif
