/*
 * sql_call.c
 *		Calling the SQL functions of the schema from C.
 *
 * What happens seldom stays SQL: a rule that becomes a series, default reminders, partitions.  The
 * C code calls it here, by name, with the rights and the search_path of a SECURITY DEFINER
 * function.  The look-up goes through the system caches each time, which such a call doesn't feel.
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "nodes/value.h"
#include "parser/parse_func.h"

#include "owner.h"
#include "sql_call.h"

#define MAX_ARGS 8

static Oid find_function(const char *name, int nargs, const Oid *types);

Datum
agenda_call(const char *name, int nargs, const Oid *types, const NullableDatum *args, bool *isnull)
{
	AgendaOwnerScope scope;
	Datum result;

	agenda_definer_enter(&scope);
	result = agenda_call_as_caller(name, nargs, types, args, isnull);
	agenda_definer_leave(&scope);
	return result;
}

Datum
agenda_call_as_caller(const char *name, int nargs, const Oid *types, const NullableDatum *args,
					  bool *isnull)
{
	LOCAL_FCINFO(fcinfo, MAX_ARGS);
	FmgrInfo function;
	Datum result;

	Assert(nargs <= MAX_ARGS);
	fmgr_info(find_function(name, nargs, types), &function);
	InitFunctionCallInfoData(*fcinfo, &function, nargs, InvalidOid, NULL, NULL);
	for (int i = 0; i < nargs; i++)
		fcinfo->args[i] = args[i];
	result = FunctionCallInvoke(fcinfo);

	if (isnull != NULL)
		*isnull = fcinfo->isnull;
	else if (fcinfo->isnull)
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("function agenda.%s returned null", name));
	return result;
}

static Oid
find_function(const char *name, int nargs, const Oid *types)
{
	List *qualified = list_make2(makeString("agenda"), makeString(pstrdup(name)));

	return LookupFuncName(qualified, nargs, types, false);
}
