/*
 * event_log.h
 *		Writing one event to agenda.events.
 */
#ifndef AGENDA_EVENT_LOG_H
#define AGENDA_EVENT_LOG_H

/* Registers the cache invalidation; called once from _PG_init. */
extern void agenda_event_log_init(void);

#endif
