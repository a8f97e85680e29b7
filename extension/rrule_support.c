/*
 * rrule_support.c
 *		What the planner learns of the set-returning functions: how many rows, at what cost.
 *
 * Rows are known where the arguments can be known beforehand: the n of the functions that
 * give the first n, and for a range its length times the frequency of the rule.  The frequency
 * is measured, not computed from the parts of the rule: a few dozen occurrences from the start
 * of the range on, by the plan itself, which takes microseconds and knows about every BYxxx
 * part, COUNT and UNTIL.  The zone is left aside; it moves occurrences by hours.  Where nothing
 * is known, the ROWS of the function stand.
 *
 * Functions are told apart by the types of their arguments: a rule or an array of rules, DTSTART,
 * a zone if there is a text, then an integer or two times.  An argument that would be an error
 * at execution must not be one here, since the call may never be executed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"

#include "rrule_time.h"
#include "rrule_type.h"

PG_FUNCTION_INFO_V1(agenda_rrule_support);

/* so many occurrences give the frequency */
#define SAMPLE 32

/* reading and planning a rule, and finding an occurrence, in operators */
#define PLAN_OPERATORS 500
#define ROW_OPERATORS  20

/* an upper bound for the rules of a set that are looked at */
#define MAX_RULES 100

/* a call, its arguments by what they mean */
typedef struct Call
{
	PlannerInfo *root;
	List *args;
	bool dates;   /* all-day, else times */
	bool is_set;  /* rules, not a rule */
	int question; /* the argument behind rule, DTSTART and zone */
} Call;

/* ---- constants --------------------------------------------------------------------------- */

/* the value of argument n, if it can be known now (now() can, roughly) and is not null */
static const Const *
known_arg(const Call *call, int n)
{
	Node *arg;

	if (n >= list_length(call->args))
		return NULL;
	arg = estimate_expression_value(call->root, list_nth(call->args, n));
	if (!IsA(arg, Const) || castNode(Const, arg)->constisnull)
		return NULL;
	return castNode(Const, arg);
}

/* a constant of SQL's time as the library's; the ends of time for infinity */
static int64
known_second(const Call *call, const Const *value)
{
	Moment m;

	if (call->dates)
	{
		DateADT date = DatumGetDateADT(value->constvalue);

		if (DATE_IS_NOBEGIN(date))
			return RR_TIME_MIN;
		if (DATE_IS_NOEND(date))
			return RR_TIME_MAX;
		return date * (int64) SECS_PER_DAY + EPOCH_SECONDS;
	}
	m = timestamp_moment(DatumGetTimestamp(value->constvalue), 0);
	if (m.infinite != 0)
		return m.infinite < 0 ? RR_TIME_MIN : RR_TIME_MAX;
	return m.second;
}

static bool
read_call(Call *call, PlannerInfo *root, Node *node)
{
	Oid first;

	if (node == NULL || !IsA(node, FuncExpr))
		return false;
	call->root = root;
	call->args = castNode(FuncExpr, node)->args;
	if (list_length(call->args) < 3)
		return false;
	first = exprType(linitial(call->args));
	call->is_set = OidIsValid(get_element_type(first));
	call->dates = exprType(lsecond(call->args)) == DATEOID;
	call->question = exprType(lthird(call->args)) == TEXTOID ? 3 : 2;
	return call->question < list_length(call->args);
}

/* ---- rows -------------------------------------------------------------------------------- */

/* how many occurrences of a rule are in [from, until) */
static double
rows_of_rule(struct varlena *stored, int64 start, int64 from, int64 until, bool dates)
{
	struct rr_rule rule;
	struct rr_plan plan;
	int64 first = 0;
	int64 t;
	int n = 0;

	agenda_rrule_unpack(stored, &rule);
	rr_plan_make(&plan, &rule, start, dates ? RR_DATES : RR_FLOATING);
	rr_plan_settle(&plan, NULL);
	for (t = from; n < SAMPLE && rr_next(&plan, t, &t) && t < until; t++)
	{
		if (n++ == 0)
			first = t;
	}
	/* all of them, or a steady rate as far as the rule goes */
	if (n < SAMPLE)
		return n;
	return n + ((double) Min(until, plan.until) - t) * (n - 1) / (t - 1 - first);
}

/* those of a constant array of rules */
static double
rows_of_rules(const Const *rules, int64 start, int64 from, int64 until)
{
	ArrayType *array = DatumGetArrayTypeP(rules->constvalue);
	int16 length;
	bool by_value;
	char align;
	Datum *elements;
	bool *nulls;
	int n;
	double rows = 0;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &elements, &nulls, &n);
	for (int i = 0; i < Min(n, MAX_RULES); i++)
		if (!nulls[i])
			rows += rows_of_rule(PG_DETOAST_DATUM_PACKED(elements[i]), start, from, until, false);
	return rows;
}

/* the first n: n, unless the rule has fewer, which nobody asks for */
static bool
rows_of_first(const Call *call, double *rows)
{
	const Const *n = known_arg(call, call->question);

	if (n != NULL)
		*rows = Max(DatumGetInt32(n->constvalue), 0);
	return n != NULL;
}

static bool
rows_of_range(const Call *call, double *rows)
{
	const Const *rule = known_arg(call, 0);
	const Const *dtstart = known_arg(call, 1);
	const Const *from = known_arg(call, call->question);
	const Const *until = known_arg(call, call->question + 1);
	int64 lo;
	int64 hi;
	int64 start;

	if (rule == NULL || from == NULL || until == NULL)
		return false;
	lo = known_second(call, from);
	hi = known_second(call, until);
	/* a start that is not known lies before the range, at its beginning as far as we can say */
	start = dtstart != NULL ? known_second(call, dtstart) : lo;
	if (call->is_set)
		*rows = rows_of_rules(rule, start, lo, hi);
	else
		*rows = rows_of_rule(PG_DETOAST_DATUM_PACKED(rule->constvalue), start, lo, hi, call->dates);
	return true;
}

static bool
estimate_rows(PlannerInfo *root, Node *node, double *rows)
{
	Call call;

	if (!read_call(&call, root, node))
		return false;
	if (exprType(list_nth(call.args, call.question)) == INT4OID)
		return rows_of_first(&call, rows);
	return rows_of_range(&call, rows);
}

/* ---- requests ---------------------------------------------------------------------------- */

/* agenda.rrule_support(internal): planner support of the set-returning functions */
Datum
agenda_rrule_support(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	double rows;

	if (IsA(request, SupportRequestRows))
	{
		SupportRequestRows *req = (SupportRequestRows *) request;

		if (!estimate_rows(req->root, req->node, &rows))
			PG_RETURN_POINTER(NULL);
		req->rows = rows;
		PG_RETURN_POINTER(req);
	}
	if (IsA(request, SupportRequestCost))
	{
		SupportRequestCost *req = (SupportRequestCost *) request;

		/* one call gives all rows */
		if (!estimate_rows(req->root, req->node, &rows))
			PG_RETURN_POINTER(NULL);
		req->startup = 0;
		req->per_tuple = (PLAN_OPERATORS + rows * ROW_OPERATORS) * cpu_operator_cost;
		PG_RETURN_POINTER(req);
	}
	PG_RETURN_POINTER(NULL);
}
