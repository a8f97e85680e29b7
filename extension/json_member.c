/*
 * json_member.c
 *		Reading one member of a patch: agenda._text() and its sisters.
 *
 * A member that is absent or null is SQL's null.  A value of the wrong kind is an error (YA006) that
 * names the member, not a cast that fails somewhere.
 */
#include "postgres.h"

#include <ctype.h>

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/uuid.h"

#include "errcodes.h"
#include "json_member.h"

/* of a value that is shown in an error */
#define MAX_SHOWN  100
#define MAX_DIGITS 9

static bool get_member(FunctionCallInfo fcinfo, JsonbValue *value);
static bool get_integer(FunctionCallInfo fcinfo, int32 *value);
static bool parse_integer(const char *s, int length, int32 *value);
static void wrong_member(FunctionCallInfo fcinfo, const char *wanted) pg_attribute_noreturn();

PG_FUNCTION_INFO_V1(agenda_member_text);
PG_FUNCTION_INFO_V1(agenda_member_integer);
PG_FUNCTION_INFO_V1(agenda_member_smallint);
PG_FUNCTION_INFO_V1(agenda_member_boolean);
PG_FUNCTION_INFO_V1(agenda_wrong_member);

/* agenda._text(patch jsonb, member text) → text */
Datum
agenda_member_text(PG_FUNCTION_ARGS)
{
	JsonbValue value;

	if (!get_member(fcinfo, &value))
		PG_RETURN_NULL();
	if (value.type != jbvString)
		wrong_member(fcinfo, "a string");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(value.val.string.val, value.val.string.len));
}

/* agenda._integer(patch jsonb, member text) → integer; a string of digits will do */
Datum
agenda_member_integer(PG_FUNCTION_ARGS)
{
	int32 value;

	if (!get_integer(fcinfo, &value))
		PG_RETURN_NULL();
	PG_RETURN_INT32(value);
}

/* agenda._smallint(patch jsonb, member text) → smallint */
Datum
agenda_member_smallint(PG_FUNCTION_ARGS)
{
	int32 value;

	if (!get_integer(fcinfo, &value))
		PG_RETURN_NULL();
	if (value < PG_INT16_MIN || value > PG_INT16_MAX)
		wrong_member(fcinfo, "a small integer");
	PG_RETURN_INT16(value);
}

/* agenda._boolean(patch jsonb, member text) → boolean; the words will do */
Datum
agenda_member_boolean(PG_FUNCTION_ARGS)
{
	JsonbValue value;

	if (!get_member(fcinfo, &value))
		PG_RETURN_NULL();
	if (value.type == jbvBool)
		PG_RETURN_BOOL(value.val.boolean);
	if (value.type == jbvString && value.val.string.len == 4 &&
		memcmp(value.val.string.val, "true", 4) == 0)
		PG_RETURN_BOOL(true);
	if (value.type != jbvString || value.val.string.len != 5 ||
		memcmp(value.val.string.val, "false", 5) != 0)
		wrong_member(fcinfo, "true or false");
	PG_RETURN_BOOL(false);
}

/* False where there is nothing. */
static bool
get_member(FunctionCallInfo fcinfo, JsonbValue *value)
{
	Jsonb *patch;
	text *name;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return false;
	patch = PG_GETARG_JSONB_P(0);
	name = PG_GETARG_TEXT_PP(1);
	if (!JB_ROOT_IS_OBJECT(patch) ||
		getKeyJsonValueFromContainer(&patch->root, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name),
									 value) == NULL)
		return false;
	return value->type != jbvNull;
}

static bool
get_integer(FunctionCallInfo fcinfo, int32 *result)
{
	JsonbValue value;
	bool good = false;

	if (!get_member(fcinfo, &value))
		return false;
	if (value.type == jbvString)
		good = parse_integer(value.val.string.val, value.val.string.len, result);
	else if (value.type == jbvNumeric)
	{
		/* 1.0 is none */
		char *digits =
			DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));

		good = parse_integer(digits, strlen(digits), result);
	}
	if (!good)
		wrong_member(fcinfo, "an integer");
	return true;
}

/* An optional minus and one to nine digits. */
static bool
parse_integer(const char *s, int length, int32 *value)
{
	bool negative = length > 0 && s[0] == '-';
	int32 number = 0;

	s += negative;
	length -= negative;
	if (length < 1 || length > MAX_DIGITS)
		return false;
	for (int i = 0; i < length; i++)
	{
		if (!isdigit((unsigned char) s[i]))
			return false;
		number = number * 10 + (s[i] - '0');
	}
	*value = negative ? -number : number;
	return true;
}

/* agenda._wrong_member(patch jsonb, member text, wanted text): raises YA006 */
Datum
agenda_wrong_member(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("member and what is wanted of it must not be null"));
	wrong_member(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(2)));
}

/* The first two arguments of the function are the patch and the name of the member. */
static void
wrong_member(FunctionCallInfo fcinfo, const char *wanted)
{
	char *member = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bool absent = PG_ARGISNULL(0);
	char *shown = "absent";

	if (!absent)
	{
		LOCAL_FCINFO(field, 2);
		Datum value;

		InitFunctionCallInfoData(*field, NULL, 2, InvalidOid, NULL, NULL);
		field->args[0] = fcinfo->args[0];
		field->args[1] = fcinfo->args[1];
		value = jsonb_object_field(field);
		if (!field->isnull)
			shown = JsonbToCString(NULL, &DatumGetJsonbP(value)->root, 0);
	}
	ereport(ERROR, errcode(ERRCODE_AGENDA_INVALID_VALUE), errmsg("%s must be %s", member, wanted),
			errdetail("It is %.*s.", pg_mbcliplen(shown, strlen(shown), MAX_SHOWN), shown),
			err_generic_string(PG_DIAG_COLUMN_NAME, member));
}
