/*
 * row_json.c
 *		A row as jsonb, as events show things: times in UTC, nothing else like to_jsonb().
 *
 * agenda._row_json(record, omit text[], member text) is what the engine calls for each row of a batch.
 * jsonb_build_object() would look up the type of every argument in the catalogs, each time; here
 * the row's descriptor says it once.  Called by SQL only; takes no locks; works in the caller's
 * memory context.
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
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "clock.h"
#include "json_text.h"

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
static bool is_omitted(const char *name, Datum *omitted, bool *nulls, int count);
static int compare_keys(const void *a, const void *b, void *desc);
static void push_row(JsonbParseState **state, HeapTupleHeader row, TupleDesc desc,
					 const ShownColumns *shown);
static void push_key(JsonbParseState **state, char *name, int length);
static void push_value(JsonbParseState **state, Datum value, Oid type);
static void push_texts(JsonbParseState **state, Datum array);
static JsonbValue text_value(Datum value);
static JsonbValue output_value(Datum value, Oid type);

PG_FUNCTION_INFO_V1(agenda_row_json);

/* agenda._row_json(r record, omit text[], member text) → jsonb: the row, or an object with it as member */
Datum
agenda_row_json(PG_FUNCTION_ARGS)
{
	JsonbParseState *state = NULL;
	HeapTupleHeader row;
	TupleDesc desc;
	JsonbValue *result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	row = PG_GETARG_HEAPTUPLEHEADER(0);
	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (!PG_ARGISNULL(2))
	{
		text *member = PG_GETARG_TEXT_PP(2);

		push_key(&state, VARDATA_ANY(member), VARSIZE_ANY_EXHDR(member));
		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	}
	push_row(&state, row, desc, shown_columns(fcinfo, desc));
	ReleaseTupleDesc(desc);
	result = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	if (!PG_ARGISNULL(2))
		result = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(result));
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
	return shown;
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

/* As lengthCompareJsonbString(): shorter ones first.  Of two that are called the same jsonb keeps the last. */
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
push_row(JsonbParseState **state, HeapTupleHeader row, TupleDesc desc, const ShownColumns *shown)
{
	HeapTupleData tuple = { .t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row };
	Datum *values = palloc(desc->natts * sizeof(Datum));
	bool *nulls = palloc(desc->natts * sizeof(bool));
	JsonbValue null = { .type = jbvNull };

	heap_deform_tuple(&tuple, desc, values, nulls);
	for (int i = 0; i < shown->count; i++)
	{
		int column = shown->column[i];
		Form_pg_attribute att = TupleDescAttr(desc, column);

		push_key(state, NameStr(att->attname), strlen(NameStr(att->attname)));
		if (nulls[column])
			pushJsonbValue(state, WJB_VALUE, &null);
		else
			push_value(state, values[column], att->atttypid);
	}
}

static void
push_key(JsonbParseState **state, char *name, int length)
{
	JsonbValue key = { .type = jbvString };

	key.val.string.val = name;
	key.val.string.len = length;
	pushJsonbValue(state, WJB_KEY, &key);
}

static void
push_value(JsonbParseState **state, Datum value, Oid type)
{
	JsonbValue v = { .type = jbvNull };
	Jsonb *json;

	switch (type)
	{
		case BOOLOID:
			v.type = jbvBool;
			v.val.boolean = DatumGetBool(value);
			break;
		case INT2OID:
		case INT4OID:
			v.type = jbvNumeric;
			v.val.numeric =
				int64_to_numeric(type == INT2OID ? DatumGetInt16(value) : DatumGetInt32(value));
			break;
		case INT8OID:
			v.type = jbvNumeric;
			v.val.numeric = int64_to_numeric(DatumGetInt64(value));
			break;
		case TEXTOID:
			v = text_value(value);
			break;
		case UUIDOID:
			v.type = jbvString;
			v.val.string.val = palloc(AGENDA_UUID_SIZE);
			v.val.string.len = AGENDA_UUID_SIZE - 1;
			agenda_uuid_text(DatumGetUUIDP(value), v.val.string.val);
			break;
		case TIMESTAMPTZOID:
			if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)))
				break;
			v.type = jbvString;
			v.val.string.val = palloc(AGENDA_UTC_SIZE);
			v.val.string.len = agenda_utc_text(DatumGetTimestampTz(value), v.val.string.val);
			break;
		case TEXTARRAYOID:
			push_texts(state, value);
			return;
		case JSONBOID:
			json = DatumGetJsonbP(value);
			if (JB_ROOT_IS_SCALAR(json))
				(void) JsonbExtractScalar(&json->root, &v);
			else
			{
				v.type = jbvBinary;
				v.val.binary.data = &json->root;
				v.val.binary.len = VARSIZE(json) - VARHDRSZ;
			}
			break;
		default:
			v = output_value(value, type);
	}
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
push_texts(JsonbParseState **state, Datum array)
{
	ArrayIterator elements = array_create_iterator(DatumGetArrayTypeP(array), 0, NULL);
	Datum value;
	bool isnull;

	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	while (array_iterate(elements, &value, &isnull))
	{
		JsonbValue v = { .type = jbvNull };

		if (!isnull)
			v = text_value(value);
		pushJsonbValue(state, WJB_ELEM, &v);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
	array_free_iterator(elements);
}

static JsonbValue
text_value(Datum value)
{
	text *string = DatumGetTextPP(value);
	JsonbValue v = { .type = jbvString };

	v.val.string.val = VARDATA_ANY(string);
	v.val.string.len = VARSIZE_ANY_EXHDR(string);
	return v;
}

static JsonbValue
output_value(Datum value, Oid type)
{
	Oid output;
	bool varlena;
	JsonbValue v = { .type = jbvString };

	getTypeOutputInfo(type, &output, &varlena);
	v.val.string.val = OidOutputFunctionCall(output, value);
	v.val.string.len = strlen(v.val.string.val);
	return v;
}
