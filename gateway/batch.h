/*
 * batch.h
 *	  Several operations in one request.
 */
#ifndef AGENDA_GW_BATCH_H
#define AGENDA_GW_BATCH_H

#include "request.h"

extern bool batch_prepare(struct request *req);
extern void batch_answer(struct request *req, PGresult *result);

#endif
