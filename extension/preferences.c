/*
 * preferences.c
 *		What a user has chosen, as far as the C code asks for it.
 *
 * Each change of a due date and each answer over REST needs it, so the row is read through the
 * primary key without SQL.  The defaults have one definition, agenda._default_preferences(), whose
 * answer is kept for the life of the backend.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "preferences.h"
#include "sql_call.h"
#include "table.h"

enum
{
	PREF_USER_ID,
	PREF_TIMEZONE,
	PREF_DUE_SOON_WINDOW,
	PREF_OVERDUE_GRACE,
	PREF_ALL_DAY_TIME,
	PREF_DEFAULT_REMINDERS,
	PREF_COLUMNS
};
static const AgendaColumn columns[PREF_COLUMNS] = {
	[PREF_USER_ID] = { "user_id", UUIDOID },
	[PREF_TIMEZONE] = { "timezone", TEXTOID },
	[PREF_DUE_SOON_WINDOW] = { "due_soon_window", INTERVALOID },
	[PREF_OVERDUE_GRACE] = { "overdue_grace", INTERVALOID },
	[PREF_ALL_DAY_TIME] = { "all_day_time", TIMEOID },
	[PREF_DEFAULT_REMINDERS] = { "default_reminders", JSONBOID },
};
static AgendaRowMap map = { "preferences", columns, PREF_COLUMNS };

static bool defaults_known = false;
static AgendaPreferences defaults;

static const AgendaPreferences *default_preferences(void);
static void from_tuple(HeapTuple tuple, TupleDesc desc, AgendaPreferences *result);
static void from_header(HeapTupleHeader header, AgendaPreferences *result);
static int64 interval_length(const Interval *interval);

void
agenda_preferences_of(const pg_uuid_t *user_id, Snapshot snapshot, AgendaPreferences *result)
{
	Relation rel = agenda_table_open("preferences", AccessShareLock);
	const AttrNumber *attnum = agenda_row_columns(&map, RelationGetDescr(rel));
	Oid index = RelationGetPrimaryKeyIndex(rel);
	ScanKeyData key;
	HeapTuple tuple;

	agenda_key_uuid(&key, attnum[PREF_USER_ID], user_id);
	if (snapshot == NULL)
		tuple = agenda_find_row_now(rel, index, 1, &key);
	else
		tuple = agenda_find_row(rel, index, snapshot, 1, &key);
	if (HeapTupleIsValid(tuple))
		from_tuple(tuple, RelationGetDescr(rel), result);
	table_close(rel, NoLock);
	if (!HeapTupleIsValid(tuple))
		*result = *default_preferences();
}

void
agenda_preferences_arg(FunctionCallInfo fcinfo, int argno, AgendaPreferences *result)
{
	if (PG_ARGISNULL(argno))
		*result = *default_preferences();
	else
		from_header(PG_GETARG_HEAPTUPLEHEADER(argno), result);
}

static const AgendaPreferences *
default_preferences(void)
{
	AgendaPreferences found;
	pg_uuid_t nobody = { { 0 } };
	NullableDatum arg = { UUIDPGetDatum(&nobody), false };
	Oid type = UUIDOID;

	if (defaults_known)
		return &defaults;
	from_header(DatumGetHeapTupleHeader(agenda_call("_default_preferences", 1, &type, &arg, NULL)),
				&found);
	defaults = found;
	defaults.timezone = (text *) MemoryContextAlloc(TopMemoryContext, VARSIZE_ANY(found.timezone));
	memcpy(defaults.timezone, found.timezone, VARSIZE_ANY(found.timezone));
	defaults_known = true;
	return &defaults;
}

static void
from_tuple(HeapTuple tuple, TupleDesc desc, AgendaPreferences *result)
{
	Datum value[PREF_COLUMNS];
	bool isnull[PREF_COLUMNS];

	agenda_row_read(&map, desc, tuple, value, isnull);
	/* the table has no such row, but anybody can make up an argument */
	for (int i = PREF_TIMEZONE; i < PREF_DEFAULT_REMINDERS; i++)
		if (isnull[i])
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("%s of preferences must not be null", columns[i].name),
					err_generic_string(PG_DIAG_COLUMN_NAME, columns[i].name));
	result->timezone = DatumGetTextPP(value[PREF_TIMEZONE]);
	result->due_soon_window = interval_length(DatumGetIntervalP(value[PREF_DUE_SOON_WINDOW]));
	result->overdue_grace = interval_length(DatumGetIntervalP(value[PREF_OVERDUE_GRACE]));
	result->all_day_time = DatumGetTimeADT(value[PREF_ALL_DAY_TIME]);
	result->has_default_reminders =
		!isnull[PREF_DEFAULT_REMINDERS] &&
		JB_ROOT_COUNT(DatumGetJsonbP(value[PREF_DEFAULT_REMINDERS])) > 0;
}

static void
from_header(HeapTupleHeader header, AgendaPreferences *result)
{
	HeapTupleData tuple = { .t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header };
	TupleDesc desc =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));

	from_tuple(&tuple, desc, result);
	ReleaseTupleDesc(desc);
}

/* A window is a length of time: "a day before" is 24 hours, whatever a zone makes of days.  As extract(epoch). */
static int64
interval_length(const Interval *interval)
{
	const int64 year = INT64CONST(31557600) * USECS_PER_SEC;

	return interval->month / MONTHS_PER_YEAR * year +
		   interval->month % MONTHS_PER_YEAR * DAYS_PER_MONTH * USECS_PER_DAY +
		   interval->day * USECS_PER_DAY + interval->time;
}
