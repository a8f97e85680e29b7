/*
 * delivery.h
 *		Handing the records of a window to the publisher until every one of them is settled.
 */
#ifndef AGENDA_DELIVERY_H
#define AGENDA_DELIVERY_H

#include "publisher.h"
#include "window.h"

/* What happened, for the counters in shared memory. */
typedef struct AgendaDeliveryCounts
{
	int published;
	int dead;
	int rewinds;
} AgendaDeliveryCounts;

/* Names the source of all events; called once, in a transaction. */
extern void agenda_delivery_init(const char *cluster, const char *database);

/*
 * Does all that can be done without waiting: takes reports, goes back after failures, writes dead
 * letters and, if offer is true, hands over records.  Returns how long to wait at the most for a
 * report or for the end of a pause; 0 when all deliveries of the window are settled.
 */
extern long agenda_delivery_step(AgendaWindow *window, const AgendaPublisher *publisher, bool offer,
								 AgendaDeliveryCounts *counts);

#endif
