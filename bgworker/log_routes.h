/*
 * log_routes.h
 *		Which topics the events of a window go to.
 */
#ifndef AGENDA_LOG_ROUTES_H
#define AGENDA_LOG_ROUTES_H

#include "window.h"

/* In a transaction, with the snapshot that the window was read with: adds the window's deliveries. */
extern void agenda_log_route(AgendaWindow *window);

#endif
