/*
 * drainer_publisher.h
 *		The drainer's publisher: loading its library, starting and stopping it.
 */
#ifndef AGENDA_DRAINER_PUBLISHER_H
#define AGENDA_DRAINER_PUBLISHER_H

#include "publisher.h"

/* Once, before everything else. */
extern void agenda_drainer_publisher_init(void);

/* Whether events are to be published at all. */
extern bool agenda_publishing(void);

/* True when there is a publisher, or none is wanted; starts it if need be. */
extern bool agenda_drainer_publisher_ready(void);

/* Tells it of the topics, once after each start; false after an error. */
extern bool agenda_drainer_publisher_warm(void);

/* NULL when there is none. */
extern const AgendaPublisher *agenda_drainer_publisher(void);

/* Its library or configuration could not be used; nothing is tried until try_again(). */
extern bool agenda_drainer_publisher_unusable(void);
extern void agenda_drainer_publisher_try_again(void);

/* These do nothing where there is none; its state is "" then. */
extern void agenda_drainer_publisher_drain_fd(void);
extern void agenda_drainer_publisher_listen(void);
extern const char *agenda_drainer_publisher_state(const char **last_error);
extern void agenda_drainer_publisher_figures(AgendaPublisherFigures *figures);
extern void agenda_drainer_publisher_stop(void);

#endif
