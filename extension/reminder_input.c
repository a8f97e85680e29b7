/*
 * reminder_input.c
 *		Reminders that come with something else: in a list, or with a change of their task.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "sql_call.h"

/* The task that is being changed together with its reminders. */
static const pg_uuid_t *replaced_of = NULL;

static NullableDatum argument(FunctionCallInfo fcinfo, int n);
static void rethrow_within(const char *list, int index) pg_attribute_noreturn();
static void set_reminders(Datum task, NullableDatum reminders);

PG_FUNCTION_INFO_V1(agenda_reminder_in);
PG_FUNCTION_INFO_V1(agenda_update_with_reminders);
PG_FUNCTION_INFO_V1(agenda_reminders_replaced);

/*
 * agenda._reminder_in(list jsonb, field text, index integer, zone text, fixed text) → agenda.reminders
 *
 * _reminder_of() of an element, NULL when there is none; what is wrong with it stands at
 * field/index/member.
 */
Datum
agenda_reminder_in(PG_FUNCTION_ARGS)
{
	Oid types[3] = { JSONBOID, TEXTOID, TEXTOID };
	NullableDatum args[3] = { { 0 }, argument(fcinfo, 3), argument(fcinfo, 4) };
	int index;
	JsonbValue *element = NULL;
	volatile Datum reminder = (Datum) 0;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	index = PG_GETARG_INT32(2);
	if (JB_ROOT_IS_ARRAY(PG_GETARG_JSONB_P(0)))
		element = getIthJsonbValueFromContainer(&PG_GETARG_JSONB_P(0)->root, index);
	if (element == NULL)
		PG_RETURN_NULL();
	args[0].value = JsonbPGetDatum(JsonbValueToJsonb(element));
	PG_TRY();
	{
		reminder = agenda_call_as_caller("_reminder_of", 3, types, args, NULL);
	}
	PG_CATCH();
	{
		rethrow_within(text_to_cstring(PG_GETARG_TEXT_PP(1)), index);
	}
	PG_END_TRY();
	PG_RETURN_DATUM(reminder);
}

static NullableDatum
argument(FunctionCallInfo fcinfo, int n)
{
	return fcinfo->args[n];
}

static void
rethrow_within(const char *list, int index)
{
	ErrorData *error;

	MemoryContextSwitchTo(CurTransactionContext);
	error = CopyErrorData();
	FlushErrorState();
	error->column_name = error->column_name == NULL
							 ? psprintf("%s/%d", list, index)
							 : psprintf("%s/%d/%s", list, index, error->column_name);
	ReThrowError(error);
}

/*
 * agenda._update_with_reminders(id uuid, patch jsonb, expected_version bigint, scope text, reminders
 * jsonb) → agenda.tasks
 *
 * update_task(), and then the reminders.  A task that gets its first due date by that gets these and not
 * the owner's default ones.
 */
Datum
agenda_update_with_reminders(PG_FUNCTION_ARGS)
{
	Oid types[4] = { UUIDOID, JSONBOID, INT8OID, TEXTOID };
	NullableDatum args[4];
	const pg_uuid_t *outer = replaced_of;
	volatile Datum task = (Datum) 0;

	for (int i = 0; i < 4; i++)
		args[i] = argument(fcinfo, i);
	replaced_of = args[0].isnull ? NULL : DatumGetUUIDP(args[0].value);
	PG_TRY();
	{
		task = agenda_call_as_caller("update_task", 4, types, args, NULL);
	}
	PG_FINALLY();
	{
		replaced_of = outer;
	}
	PG_END_TRY();
	/* flat: who is given a record that it may write to keeps it */
	set_reminders(PointerGetDatum(DatumGetHeapTupleHeader(task)), argument(fcinfo, 4));
	PG_RETURN_DATUM(task);
}

static void
set_reminders(Datum task, NullableDatum reminders)
{
	Oid types[2] = { HeapTupleHeaderGetTypeId(DatumGetHeapTupleHeader(task)), JSONBOID };
	NullableDatum args[2] = { { task, false }, reminders };
	bool isnull;

	(void) agenda_call_as_caller("_set_reminders", 2, types, args, &isnull);
}

/* agenda._reminders_replaced(id uuid) → boolean: is this task being changed by the function above? */
Datum
agenda_reminders_replaced(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(replaced_of != NULL && memcmp(replaced_of, PG_GETARG_UUID_P(0), UUID_LEN) == 0);
}
