/*
 * sql_call.h
 *		Calling the SQL functions of the schema from C.
 */
#ifndef AGENDA_SQL_CALL_H
#define AGENDA_SQL_CALL_H

#include "fmgr.h"

/*
 * agenda.NAME(args) with the rights of agenda_owner, as inside of a SECURITY DEFINER function: a null
 * result is an error unless isnull is given.
 */
extern Datum agenda_call(const char *name, int nargs, const Oid *types, const NullableDatum *args,
						 bool *isnull);
/* The same with the rights and the search_path of whoever calls. */
extern Datum agenda_call_as_caller(const char *name, int nargs, const Oid *types,
								   const NullableDatum *args, bool *isnull);
#endif
