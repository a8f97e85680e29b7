/*
 * task_create.c
 *		agenda.create_task(): one row into agenda.tasks.
 *
 * The row goes in as logical replication's apply worker would do it: defaults, BEFORE triggers,
 * constraints, table, indexes, AFTER triggers, without planner and executor.  What the caller may
 * is what it may by INSERT: its rights on the columns are checked, and that the row is its own when all
 * triggers have seen it, which is all that our policy asks.
 *
 * Where the table has more than that (other policies, or ours altered; statement triggers, rules, defaults
 * that must be computed by SQL) the row is made by INSERT, in agenda._insert_task().
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "rewrite/prs2lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "identity.h"
#include "rrule_zone.h"
#include "sql_call.h"
#include "table.h"
#include "table_default.h"
#include "task_create.h"
#include "task_policy.h"
#include "task_row.h"
#include "time_text.h"
#include "user.h"

/* The arguments of create_task(), in their order. */
enum
{
	ARG_TITLE,
	ARG_DUE,
	ARG_DESCRIPTION,
	ARG_PRIORITY,
	ARG_RECURRENCE_RULE,
	ARG_TIMEZONE,
	ARG_TAGS,
	ARG_CHECKLIST,
	ARG_REMINDERS, /* no column of tasks */
	ARGS = ARG_REMINDERS
};

/* The task that is being made comes with reminders of its own. */
static bool own_reminders = false;

static void take_arguments(FunctionCallInfo fcinfo, TaskRow *row);
static bool is_json_null(const Jsonb *value);
static Datum create_with_reminders(TaskRow *row, Datum reminders);
static bool direct_way(Relation rel, Datum *values, bool *nulls);
static void check_rights(Relation rel, const TaskRow *row);
static void ask_for_rights(Relation rel, uint32 columns);
static Datum insert_direct(Relation rel, const TaskRow *row, const pg_uuid_t *user_id,
						   Datum *values, bool *nulls);
static void check_owner(Relation rel, HeapTuple tuple, const pg_uuid_t *user_id);
static Datum insert_by_sql(Relation rel, const TaskRow *row);
static HeapTuple read_again(Relation rel, HeapTuple tuple);

PG_FUNCTION_INFO_V1(agenda_create_task);

/*
 * agenda.create_task(title text, due text, description text, priority integer, recurrence_rule
 * text, timezone text, tags text[], checklist jsonb, reminders jsonb) → agenda.tasks
 */
Datum
agenda_create_task(PG_FUNCTION_ARGS)
{
	TaskRow row;
	Datum result;

	agenda_task_clear(&row);
	take_arguments(fcinfo, &row);
	if (PG_ARGISNULL(ARG_REMINDERS) || is_json_null(PG_GETARG_JSONB_P(ARG_REMINDERS)))
		result = agenda_task_create(&row);
	else
		result = create_with_reminders(&row, PG_GETARG_DATUM(ARG_REMINDERS));
	/* a trigger of somebody else may have kept the row out */
	if (result == (Datum) 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

void
agenda_task_clear(TaskRow *row)
{
	for (TaskColumn c = 0; c < TASK_COLUMNS; c++)
		agenda_task_set_null(row, c);
}

Datum
agenda_task_create(TaskRow *row)
{
	Relation rel;
	pg_uuid_t user_id;
	Datum *values;
	bool *nulls;
	Datum result;

	agenda_identity_require(&user_id);
	if (!row->isnull[TASK_TIMEZONE])
		agenda_zone_check(DatumGetTextPP(row->value[TASK_TIMEZONE]));
	rel = agenda_table_open("tasks", RowExclusiveLock);
	values = palloc(RelationGetNumberOfAttributes(rel) * sizeof(Datum));
	nulls = palloc(RelationGetNumberOfAttributes(rel) * sizeof(bool));
	if (direct_way(rel, values, nulls))
		result = insert_direct(rel, row, &user_id, values, nulls);
	else
		result = insert_by_sql(rel, row);
	table_close(rel, NoLock);
	return result;
}

static bool
is_json_null(const Jsonb *value)
{
	JsonbValue scalar;

	return JsonbExtractScalar((JsonbContainer *) &value->root, &scalar) && scalar.type == jbvNull;
}

/* These and not the owner's default ones, which the trigger would add. */
static Datum
create_with_reminders(TaskRow *row, Datum reminders)
{
	bool outer = own_reminders;
	Datum task;

	own_reminders = true;
	PG_TRY();
	{
		task = agenda_task_create(row);
	}
	PG_FINALLY();
	{
		own_reminders = outer;
	}
	PG_END_TRY();
	if (task != (Datum) 0)
	{
		Oid types[2] = { HeapTupleHeaderGetTypeId(DatumGetHeapTupleHeader(task)), JSONBOID };
		NullableDatum args[2] = { { task, false }, { reminders, false } };
		bool isnull;

		(void) agenda_call_as_caller("_set_reminders", 2, types, args, &isnull);
	}
	return task;
}

bool
agenda_task_has_reminders(void)
{
	return own_reminders;
}

/* Only what is given is set: the rest is for the defaults. */
static void
take_arguments(FunctionCallInfo fcinfo, TaskRow *row)
{
	static const TaskColumn column_of[ARGS] = {
		[ARG_TITLE] = TASK_TITLE,
		[ARG_DUE] = TASK_DUE_DATE,
		[ARG_DESCRIPTION] = TASK_DESCRIPTION,
		[ARG_PRIORITY] = TASK_PRIORITY,
		[ARG_RECURRENCE_RULE] = TASK_RECURRENCE_RULE,
		[ARG_TIMEZONE] = TASK_TIMEZONE,
		[ARG_TAGS] = TASK_TAGS,
		[ARG_CHECKLIST] = TASK_CHECKLIST,
	};

	for (int i = 0; i < ARGS; i++)
	{
		if (PG_ARGISNULL(i) || i == ARG_DUE)
			continue;
		agenda_task_set(row, column_of[i], PG_GETARG_DATUM(i));
	}
	if (!PG_ARGISNULL(ARG_PRIORITY))
	{
		int32 priority = PG_GETARG_INT32(ARG_PRIORITY);

		/* what no smallint holds is out of range in any case */
		agenda_task_set(row, TASK_PRIORITY, Int16GetDatum(Min(Max(priority, -1), PG_INT16_MAX)));
	}
	if (!PG_ARGISNULL(ARG_DUE))
		agenda_task_take_due(row, PG_GETARG_TEXT_PP(ARG_DUE));
}

/* What is no instant is resolved by the BEFORE trigger, in the zone that counts then. */
void
agenda_task_take_due(TaskRow *row, const text *due)
{
	AgendaDue parsed;

	agenda_read_due(due, "due_date", &parsed);
	if (parsed.kind == DUE_INSTANT)
	{
		agenda_task_set(row, TASK_DUE_DATE, TimestampTzGetDatum(parsed.instant));
		return;
	}
	agenda_task_set(row, TASK_DUE_KIND, CStringGetTextDatum(agenda_due_kind_name(parsed.kind)));
	agenda_task_set(row, TASK_DUE_LOCAL, TimestampGetDatum(parsed.local));
}

/* Is this way as good as INSERT?  If so, values and nulls are the defaults. */
static bool
direct_way(Relation rel, Datum *values, bool *nulls)
{
	TriggerDesc *triggers = rel->trigdesc;

	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rules != NULL ||
		!agenda_task_policy_is_ours(rel))
		return false;
	if (triggers != NULL &&
		(triggers->trig_insert_before_statement || triggers->trig_insert_after_statement ||
		 triggers->trig_insert_new_table))
		return false;
	return agenda_table_defaults(rel, values, nulls);
}

/*
 * As for an INSERT that names the columns which are given.  Who was found to have the rights has them
 * until something changes, unless somebody has hooked himself in to be asked each time.
 */
static void
check_rights(Relation rel, const TaskRow *row)
{
	static Oid known_relid = InvalidOid;
	static Oid known_role;
	static uint64 known_changes;
	static uint32 known_columns;
	uint64 changes = agenda_table_changes();
	uint32 columns = 0;

	StaticAssertStmt(TASK_COLUMNS <= 32, "one bit for each column");
	for (TaskColumn c = 0; c < TASK_COLUMNS; c++)
		if (!row->isnull[c])
			columns |= (uint32) 1 << c;
	if (known_relid == RelationGetRelid(rel) && known_role == GetUserId() &&
		known_changes == changes && known_columns == columns && ExecutorCheckPerms_hook == NULL)
		return;
	ask_for_rights(rel, columns);
	known_relid = RelationGetRelid(rel);
	known_role = GetUserId();
	known_changes = changes;
	known_columns = columns;
}

static void
ask_for_rights(Relation rel, uint32 columns)
{
	const AttrNumber *attnum = agenda_task_columns(RelationGetDescr(rel));
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(rel);
	rte->relkind = rel->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
	rte->requiredPerms = ACL_INSERT;
	for (TaskColumn c = 0; c < TASK_COLUMNS; c++)
		if (columns & (uint32) 1 << c)
			rte->insertedCols =
				bms_add_member(rte->insertedCols, attnum[c] - FirstLowInvalidHeapAttributeNumber);
	ExecCheckRTPerms(list_make1(rte), true);
}

static Datum
insert_direct(Relation rel, const TaskRow *row, const pg_uuid_t *user_id, Datum *values,
			  bool *nulls)
{
	const AttrNumber *attnum = agenda_task_columns(RelationGetDescr(rel));
	AgendaWriter writer;
	HeapTuple tuple;
	bool check_user;
	Datum result = (Datum) 0;

	PreventCommandIfReadOnly("create_task()");
	check_rights(rel, row);
	for (TaskColumn c = 0; c < TASK_COLUMNS; c++)
		if (!row->isnull[c])
		{
			values[attnum[c] - 1] = row->value[c];
			nulls[attnum[c] - 1] = false;
		}

	PushActiveSnapshot(GetTransactionSnapshot());
	AfterTriggerBeginQuery();
	agenda_writer_open(&writer, rel);
	check_user = agenda_user_take_check(writer.result_rel, attnum[TASK_USER_ID]);
	tuple = agenda_write_new(&writer, values, nulls);
	if (tuple != NULL)
		check_owner(rel, tuple, user_id);
	if (tuple != NULL && check_user)
		agenda_user_check(rel, user_id);
	AfterTriggerEndQuery(writer.estate);
	CommandCounterIncrement();
	if (tuple != NULL && !row->isnull[TASK_RECURRENCE_RULE])
		tuple = read_again(rel, tuple);
	if (tuple != NULL)
		result = heap_copy_tuple_as_datum(tuple, RelationGetDescr(rel));
	agenda_writer_close(&writer);
	PopActiveSnapshot();
	return result;
}

/* As INSERT checks the policy: on the row that triggers and defaults have made. */
static void
check_owner(Relation rel, HeapTuple tuple, const pg_uuid_t *user_id)
{
	TupleDesc desc = RelationGetDescr(rel);
	bool isnull;
	Datum owner = heap_getattr(tuple, agenda_task_columns(desc)[TASK_USER_ID], desc, &isnull);

	if (isnull || memcmp(DatumGetUUIDP(owner), user_id, UUID_LEN) != 0)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("new row violates row-level security policy for table \"%s\"",
					   RelationGetRelationName(rel)));
}

/* The series came after the row. */
static HeapTuple
read_again(Relation rel, HeapTuple tuple)
{
	const AttrNumber *attnum = agenda_task_columns(RelationGetDescr(rel));
	TaskRow written;
	ScanKeyData keys[2];
	HeapTuple found;

	agenda_task_read(&written, tuple, RelationGetDescr(rel));
	agenda_key_uuid(&keys[0], attnum[TASK_USER_ID], DatumGetUUIDP(written.value[TASK_USER_ID]));
	agenda_key_uuid(&keys[1], attnum[TASK_ID], DatumGetUUIDP(written.value[TASK_ID]));
	found = agenda_find_row_now(rel, RelationGetPrimaryKeyIndex(rel), 2, keys);
	return HeapTupleIsValid(found) ? found : tuple;
}

/* With the caller's rights, and under all its policies. */
static Datum
insert_by_sql(Relation rel, const TaskRow *row)
{
	TupleDesc desc = RelationGetDescr(rel);
	const AttrNumber *attnum = agenda_task_columns(desc);
	Datum *values = palloc0(desc->natts * sizeof(Datum));
	bool *nulls = palloc(desc->natts * sizeof(bool));
	Oid type = desc->tdtypeid;
	NullableDatum arg = { 0 };
	bool isnull;
	Datum result;

	memset(nulls, true, desc->natts * sizeof(bool));
	for (TaskColumn c = 0; c < TASK_COLUMNS; c++)
	{
		values[attnum[c] - 1] = row->value[c];
		nulls[attnum[c] - 1] = row->isnull[c];
	}
	arg.value = heap_copy_tuple_as_datum(heap_form_tuple(desc, values, nulls), desc);
	result = agenda_call_as_caller("_insert_task", 1, &type, &arg, &isnull);
	return isnull ? (Datum) 0 : result;
}
