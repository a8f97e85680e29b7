/*
 * sqlanswer.h
 *	  From what the database said to an answer.
 */
#ifndef AGENDA_GW_SQLANSWER_H
#define AGENDA_GW_SQLANSWER_H

#include "request.h"

#define ANSWER_COLUMNS 4 /* status, etag, location, body */

extern struct request *request_of(struct db_call *call);
extern void answer_kind(struct request *req, const struct problem_kind *kind, const char *detail);
extern void answer_database_error(struct request *req, const PGresult *result);
extern void answer_outcome(struct request *req, enum db_outcome outcome);
extern void answer_row(struct request *req, PGresult *result);

#endif
