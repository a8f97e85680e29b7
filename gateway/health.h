/*
 * health.h
 *	  Is the gateway ready?  One board for all threads.
 */
#ifndef AGENDA_GW_HEALTH_H
#define AGENDA_GW_HEALTH_H

#include <stdbool.h>

#include "metrics.h"

extern void health_init(struct metrics *const *all, int n);
extern void health_set_draining(void);
extern bool health_draining(void);
extern void health_set_database_problem(const char *text);
extern bool health_ready(struct strbuf *out);
extern void health_live(struct strbuf *out);
extern void health_metrics(struct strbuf *out);

#endif
