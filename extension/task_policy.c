/*
 * task_policy.c
 *		Does C know all that row-level security asks of agenda.tasks?
 *
 * create_task() and the gateway's reads keep to "a row is its owner's" by construction.  That is
 * enough as long as the table's policy says this and nothing else, which is read here from the
 * relation cache's copy of it; no catalog is searched but for the name of a function.
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "rewrite/rowsecurity.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "table.h"
#include "task_policy.h"
#include "task_row.h"

static bool only_ours(Relation rel);
static bool is_ours(Relation rel, const RowSecurityPolicy *policy);
static bool is_acting_user(Relation rel, Node *expr);

/* What was answered last counts until something changes. */
bool
agenda_task_policy_is_ours(Relation rel)
{
	static Oid known_relid = InvalidOid;
	static uint64 known_changes;
	static bool known;

	if (known_relid != RelationGetRelid(rel) || known_changes != agenda_table_changes())
	{
		known_relid = InvalidOid;
		known_changes = agenda_table_changes();
		known = only_ours(rel);
		known_relid = RelationGetRelid(rel);
	}
	return known;
}

static bool
only_ours(Relation rel)
{
	return rel->rd_rsdesc != NULL && list_length(rel->rd_rsdesc->policies) == 1 &&
		   is_ours(rel, linitial(rel->rd_rsdesc->policies));
}

/* As sql/row_security.sql makes it: for all, using (user_id = (select agenda.current_user_id())). */
static bool
is_ours(Relation rel, const RowSecurityPolicy *policy)
{
	AttrNumber user_id = agenda_task_columns(RelationGetDescr(rel))[TASK_USER_ID];
	const OpExpr *equals = (const OpExpr *) policy->qual;

	return policy->polcmd == '*' && policy->permissive && policy->with_check_qual == NULL &&
		   ARR_DIMS(policy->roles)[0] == 1 &&
		   ((const Oid *) ARR_DATA_PTR(policy->roles))[0] == ACL_ID_PUBLIC && equals != NULL &&
		   IsA(equals, OpExpr) && get_opcode(equals->opno) == F_UUID_EQ &&
		   IsA(linitial(equals->args), Var) &&
		   linitial_node(Var, equals->args)->varattno == user_id &&
		   is_acting_user(rel, lsecond(equals->args));
}

/* (select agenda.current_user_id()) */
static bool
is_acting_user(Relation rel, Node *expr)
{
	const Query *query = IsA(expr, SubLink) ? (const Query *) ((SubLink *) expr)->subselect : NULL;
	const FuncExpr *call;

	if (query == NULL || query->jointree->fromlist != NIL || query->jointree->quals != NULL ||
		query->limitCount != NULL || query->limitOffset != NULL || query->havingQual != NULL ||
		list_length(query->targetList) != 1)
		return false;
	call = (const FuncExpr *) linitial_node(TargetEntry, query->targetList)->expr;
	return IsA(call, FuncExpr) && call->args == NIL &&
		   get_func_namespace(call->funcid) == RelationGetNamespace(rel) &&
		   strcmp(get_func_name(call->funcid), "current_user_id") == 0;
}
