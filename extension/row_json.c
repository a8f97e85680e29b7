/*
 * row_json.c
 *		A row as jsonb, as events show things: times in UTC, nothing else like to_jsonb().
 *
 * agenda._row_json(record, omit text[], member text) is what the engine calls for each row of a batch.
 * jsonb_build_object() would look up the type of every argument in the catalogs, each time; here
 * the row's descriptor says it once, and the value is written straight into its stored form.
 * Called by SQL only; takes no locks; works in the caller's memory context.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "clock.h"
#include "json_text.h"
#include "jsonb_write.h"

/*
 * The columns that are shown of one row type, in the order in which jsonb keeps its keys: it would
 * sort them otherwise, each time.  Kept from call to call of one statement.
 */
typedef struct ShownColumns
{
	uint64 row_type; /* changes with its definition */
	ArrayType *omit; /* a copy; NULL: nothing is left out */
	int count;
	int column[FLEXIBLE_ARRAY_MEMBER];
} ShownColumns;

static ShownColumns *shown_columns(FunctionCallInfo fcinfo, TupleDesc desc);
static bool same_array(const ArrayType *a, const ArrayType *b);
static ShownColumns *choose_columns(TupleDesc desc, ArrayType *omit, MemoryContext context);
static int last_of_each_name(int *column, int count, TupleDesc desc);
static bool is_omitted(const char *name, Datum *omitted, bool *nulls, int count);
static int compare_keys(const void *a, const void *b, void *desc);
static void write_row(StringInfo out, HeapTupleHeader row, TupleDesc desc,
					  const ShownColumns *shown);
static void write_value(AgendaJsonbContainer *c, Datum value, Oid type);
static void write_text(AgendaJsonbContainer *c, Datum value);
static void write_texts(AgendaJsonbContainer *c, Datum array);
static void write_output(AgendaJsonbContainer *c, Datum value, Oid type);

PG_FUNCTION_INFO_V1(agenda_row_json);

/* agenda._row_json(r record, omit text[], member text) → jsonb: the row, or an object with it as member */
Datum
agenda_row_json(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row;
	TupleDesc desc;
	ShownColumns *shown;
	StringInfoData out;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	row = PG_GETARG_HEAPTUPLEHEADER(0);
	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	shown = shown_columns(fcinfo, desc);
	agenda_jsonb_begin(&out);
	if (PG_ARGISNULL(2))
		write_row(&out, row, desc, shown);
	else
	{
		text *member = PG_GETARG_TEXT_PP(2);
		AgendaJsonbContainer object;

		agenda_jsonb_object(&object, &out, 1);
		agenda_jsonb_string(&object, VARDATA_ANY(member), VARSIZE_ANY_EXHDR(member));
		write_row(&out, row, desc, shown);
		agenda_jsonb_nested(&object);
	}
	ReleaseTupleDesc(desc);
	PG_RETURN_JSONB_P(agenda_jsonb_end(&out));
}

static ShownColumns *
shown_columns(FunctionCallInfo fcinfo, TupleDesc desc)
{
	ArrayType *omit = PG_ARGISNULL(1) ? NULL : PG_GETARG_ARRAYTYPE_P(1);
	ShownColumns *shown = fcinfo->flinfo->fn_extra;
	uint64 row_type = assign_record_type_identifier(desc->tdtypeid, desc->tdtypmod);

	if (shown == NULL || shown->row_type != row_type || !same_array(shown->omit, omit))
	{
		shown = choose_columns(desc, omit, fcinfo->flinfo->fn_mcxt);
		shown->row_type = row_type;
		fcinfo->flinfo->fn_extra = shown;
	}
	return shown;
}

static bool
same_array(const ArrayType *a, const ArrayType *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static ShownColumns *
choose_columns(TupleDesc desc, ArrayType *omit, MemoryContext context)
{
	ShownColumns *shown =
		MemoryContextAllocZero(context, offsetof(ShownColumns, column) + desc->natts * sizeof(int));
	Datum *omitted = NULL;
	bool *nulls = NULL;
	int n_omitted = 0;

	if (omit != NULL)
	{
		shown->omit = MemoryContextAlloc(context, VARSIZE(omit));
		memcpy(shown->omit, omit, VARSIZE(omit));
		deconstruct_array(omit, TEXTOID, -1, false, TYPALIGN_INT, &omitted, &nulls, &n_omitted);
	}
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && !is_omitted(NameStr(att->attname), omitted, nulls, n_omitted))
			shown->column[shown->count++] = i;
	}
	qsort_arg(shown->column, shown->count, sizeof(int), compare_keys, desc);
	shown->count = last_of_each_name(shown->column, shown->count, desc);
	return shown;
}

/* A key can be there but once; of columns that are called the same, which a query may have, jsonb keeps the last. */
static int
last_of_each_name(int *column, int count, TupleDesc desc)
{
	int kept = 0;

	for (int i = 0; i < count; i++)
		if (i == count - 1 || strcmp(NameStr(TupleDescAttr(desc, column[i])->attname),
									 NameStr(TupleDescAttr(desc, column[i + 1])->attname)) != 0)
			column[kept++] = column[i];
	return kept;
}

static bool
is_omitted(const char *name, Datum *omitted, bool *nulls, int count)
{
	int length = strlen(name);

	for (int i = 0; i < count; i++)
		if (!nulls[i] && VARSIZE_ANY_EXHDR(DatumGetPointer(omitted[i])) == length &&
			memcmp(name, VARDATA_ANY(DatumGetPointer(omitted[i])), length) == 0)
			return true;
	return false;
}

/* As lengthCompareJsonbString(): shorter ones first; of those that are called the same, in the order of the row. */
static int
compare_keys(const void *a, const void *b, void *desc)
{
	const char *name_a = NameStr(TupleDescAttr((TupleDesc) desc, *(const int *) a)->attname);
	const char *name_b = NameStr(TupleDescAttr((TupleDesc) desc, *(const int *) b)->attname);
	int length_a = strlen(name_a);
	int length_b = strlen(name_b);

	if (length_a != length_b)
		return length_a < length_b ? -1 : 1;
	if (memcmp(name_a, name_b, length_a) != 0)
		return memcmp(name_a, name_b, length_a);
	return *(const int *) a - *(const int *) b;
}

static void
write_row(StringInfo out, HeapTupleHeader row, TupleDesc desc, const ShownColumns *shown)
{
	HeapTupleData tuple = { .t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row };
	Datum *values = palloc(desc->natts * sizeof(Datum));
	bool *nulls = palloc(desc->natts * sizeof(bool));
	AgendaJsonbContainer object;

	heap_deform_tuple(&tuple, desc, values, nulls);
	agenda_jsonb_object(&object, out, shown->count);
	for (int i = 0; i < shown->count; i++)
	{
		char *name = NameStr(TupleDescAttr(desc, shown->column[i])->attname);

		agenda_jsonb_string(&object, name, strlen(name));
	}
	for (int i = 0; i < shown->count; i++)
	{
		int column = shown->column[i];

		if (nulls[column])
			agenda_jsonb_null(&object);
		else
			write_value(&object, values[column], TupleDescAttr(desc, column)->atttypid);
	}
	pfree(values);
	pfree(nulls);
}

static void
write_value(AgendaJsonbContainer *c, Datum value, Oid type)
{
	char buf[Max(AGENDA_UUID_SIZE, AGENDA_UTC_SIZE)];

	switch (type)
	{
		case BOOLOID:
			agenda_jsonb_bool(c, DatumGetBool(value));
			break;
		case INT2OID:
			agenda_jsonb_int(c, DatumGetInt16(value));
			break;
		case INT4OID:
			agenda_jsonb_int(c, DatumGetInt32(value));
			break;
		case INT8OID:
			agenda_jsonb_int(c, DatumGetInt64(value));
			break;
		case TEXTOID:
			write_text(c, value);
			break;
		case UUIDOID:
			agenda_uuid_text(DatumGetUUIDP(value), buf);
			agenda_jsonb_string(c, buf, AGENDA_UUID_SIZE - 1);
			break;
		case TIMESTAMPTZOID:
			if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)))
				agenda_jsonb_null(c);
			else
				agenda_jsonb_string(c, buf, agenda_utc_text(DatumGetTimestampTz(value), buf));
			break;
		case TEXTARRAYOID:
			write_texts(c, value);
			break;
		case JSONBOID:
			agenda_jsonb_copy(c, DatumGetJsonbP(value));
			break;
		default:
			write_output(c, value, type);
	}
}

static void
write_text(AgendaJsonbContainer *c, Datum value)
{
	text *string = DatumGetTextPP(value);

	agenda_jsonb_string(c, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
}

static void
write_texts(AgendaJsonbContainer *c, Datum array)
{
	ArrayType *texts = DatumGetArrayTypeP(array);
	ArrayIterator elements = array_create_iterator(texts, 0, NULL);
	AgendaJsonbContainer items;
	Datum value;
	bool isnull;

	agenda_jsonb_array(&items, c->out, ArrayGetNItems(ARR_NDIM(texts), ARR_DIMS(texts)));
	while (array_iterate(elements, &value, &isnull))
	{
		if (isnull)
			agenda_jsonb_null(&items);
		else
			write_text(&items, value);
	}
	array_free_iterator(elements);
	agenda_jsonb_nested(c);
}

static void
write_output(AgendaJsonbContainer *c, Datum value, Oid type)
{
	Oid output;
	bool varlena;
	char *s;

	getTypeOutputInfo(type, &output, &varlena);
	s = OidOutputFunctionCall(output, value);
	agenda_jsonb_string(c, s, strlen(s));
}
