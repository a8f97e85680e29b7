/*
 * table_default.c
 *		Defaults of columns, for rows that are made without SQL.
 *
 * Nothing here knows what the defaults are: they are read from the catalog, so that an altered one, or
 * a column that somebody adds, counts as it does for INSERT.  Of one table they are kept until
 * its definition changes.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace_d.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "table_default.h"

typedef struct ColumnDefault
{
	FmgrInfo function; /* to be called; no fn_oid: value is it */
	Datum value;
	bool isnull;
} ColumnDefault;

static Oid known_relid = InvalidOid; /* whose defaults they are */
static bool known_simple;
static ColumnDefault *known = NULL;
static MemoryContext known_context = NULL;

static void learn(Relation rel);
static bool learn_column(Relation rel, int column, ColumnDefault *result);
static bool is_open_to_all(Oid function);
static void forget(Datum arg, Oid relid);

bool
agenda_table_defaults(Relation rel, Datum *values, bool *nulls)
{
	if (known_relid != RelationGetRelid(rel))
		learn(rel);
	if (!known_simple)
		return false;
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		LOCAL_FCINFO(fcinfo, 0);

		values[i] = known[i].value;
		nulls[i] = known[i].isnull;
		if (!OidIsValid(known[i].function.fn_oid))
			continue;
		InitFunctionCallInfoData(*fcinfo, &known[i].function, 0, InvalidOid, NULL, NULL);
		values[i] = FunctionCallInvoke(fcinfo);
		nulls[i] = fcinfo->isnull;
	}
	return true;
}

static void
learn(Relation rel)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget, (Datum) 0);
		known_context =
			AllocSetContextCreate(TopMemoryContext, "agenda column defaults", ALLOCSET_SMALL_SIZES);
		registered = true;
	}
	known_relid = InvalidOid;
	MemoryContextReset(known_context);
	known = MemoryContextAlloc(known_context,
							   RelationGetNumberOfAttributes(rel) * sizeof(ColumnDefault));
	known_simple = true;
	for (int i = 0; i < RelationGetNumberOfAttributes(rel) && known_simple; i++)
		known_simple = learn_column(rel, i, &known[i]);
	known_relid = RelationGetRelid(rel);
}

static bool
learn_column(Relation rel, int column, ColumnDefault *result)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), column);
	Node *expr;

	memset(result, 0, sizeof(*result));
	result->isnull = true;
	if (att->attisdropped)
		return true;
	if (att->attgenerated != '\0' || att->attidentity != '\0' ||
		get_typtype(att->atttypid) == TYPTYPE_DOMAIN)
		return false;
	expr = build_column_default(rel, column + 1);
	if (expr == NULL)
		return true;
	expr = (Node *) expression_planner((Expr *) expr);
	if (IsA(expr, Const))
	{
		Const *c = castNode(Const, expr);
		MemoryContext old = MemoryContextSwitchTo(known_context);

		result->isnull = c->constisnull;
		if (!c->constisnull)
			result->value = datumCopy(c->constvalue, c->constbyval, c->constlen);
		MemoryContextSwitchTo(old);
		return true;
	}
	if (!IsA(expr, FuncExpr) || castNode(FuncExpr, expr)->args != NIL ||
		castNode(FuncExpr, expr)->funcretset || !is_open_to_all(castNode(FuncExpr, expr)->funcid))
		return false;
	fmgr_info_cxt(castNode(FuncExpr, expr)->funcid, &result->function, known_context);
	return true;
}

/* Functions of ours and of the system: INSERT would ask whether the user may execute any other. */
static bool
is_open_to_all(Oid function)
{
	Oid schema = get_func_namespace(function);

	return schema == PG_CATALOG_NAMESPACE || schema == get_namespace_oid("agenda", false);
}

/* Relcache callback. */
static void
forget(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == known_relid)
		known_relid = InvalidOid;
}
