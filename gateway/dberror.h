/*
 * dberror.h
 *	  From an error of the database to a problem document.
 */
#ifndef AGENDA_GW_DBERROR_H
#define AGENDA_GW_DBERROR_H

#include <jansson.h>

#include "problem.h"

/* the fields of an error; each may be NULL */
struct db_error
{
	const char *sqlstate;
	const char *message;
	const char *detail;
	const char *hint;
	const char *column;
	const char *constraint;
};

/* a problem and the memory of its texts */
struct db_problem
{
	struct problem problem;
	struct strbuf detail;
	struct strbuf pointer;
};

extern void db_problem_init(struct db_problem *p, const struct db_error *error,
							const json_t *rules);
extern void db_problem_free(struct db_problem *p);

#endif
