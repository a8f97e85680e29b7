/*
 * local.h
 *	  Answers that need no database: health, metrics, documents.
 */
#ifndef AGENDA_GW_LOCAL_H
#define AGENDA_GW_LOCAL_H

#include "request.h"

extern void local_init(const struct config *cfg);
extern void local_answer(struct request *req, const struct route *route);
extern void local_options(struct request *req);

#endif
