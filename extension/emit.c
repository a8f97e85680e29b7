/*
 * emit.c
 *		agenda.emit(): an event of another schema of the database.
 *
 * Applications call it once in many of their transactions, so that what PL/pgSQL sets up for each
 * transaction anew would cost more than writing the event.  Headers are seldom given: SQL checks them.
 *
 * Execution is granted to applications, who have no right to the log itself; what is written here goes past
 * those rights, like everything that event_log.c writes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "backlog.h"
#include "errcodes.h"
#include "event_log.h"
#include "identity.h"
#include "settings.h"
#include "sql_call.h"

#define MAX_TYPE 200
#define MAX_TEXT 255

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* First words of types that are ours. */
static const char *const reserved[] = { "task",        "recurring_task", "reminder", "notification",
										"preferences", "delivery",       "digest",   "user",
										"log",         "agenda" };

static char *checked_type(FunctionCallInfo fcinfo, int arg);
static bool is_type(const char *type);
static Datum checked_text(FunctionCallInfo fcinfo, int arg, const char *name);
static Datum checked_data(FunctionCallInfo fcinfo, int arg);
static Datum checked_headers(FunctionCallInfo fcinfo, int arg);
static void check_size(Jsonb *data);
static Size numbers_size(const JsonbContainer *container);
static Size number_size(Numeric number);
static void refuse(const char *name, const char *wanted) pg_attribute_noreturn();

PG_FUNCTION_INFO_V1(agenda_emit_checked);

/* agenda.emit(type text, subject text, data jsonb, key text, headers jsonb) → uuid */
Datum
agenda_emit_checked(PG_FUNCTION_ARGS)
{
	pg_uuid_t *id = palloc(sizeof(pg_uuid_t));
	pg_uuid_t user_id;
	AgendaEvent event = { 0 };

	event.type = checked_type(fcinfo, 0);
	event.subject = checked_text(fcinfo, 1, "subject");
	event.key = PG_ARGISNULL(3) ? event.subject : checked_text(fcinfo, 3, "key");
	event.data = checked_data(fcinfo, 2);
	event.headers = PG_ARGISNULL(4) ? (Datum) 0 : checked_headers(fcinfo, 4);
	event.user_id = agenda_identity_user(&user_id) ? &user_id : NULL;
	if (!agenda_event_write(&event, id))
		PG_RETURN_NULL();
	PG_RETURN_UUID_P(id);
}

static char *
checked_type(FunctionCallInfo fcinfo, int arg)
{
	char *type = PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));

	if (type == NULL || !is_type(type))
		refuse("type", "words of letters, digits, underscores and hyphens with dots between them, "
					   "at most 200 characters");
	for (int i = 0; i < lengthof(reserved); i++)
	{
		int length = strlen(reserved[i]);

		if (pg_strncasecmp(type, reserved[i], length) == 0 && type[length] == '.')
			refuse("type", psprintf("of your own: \"%.*s.\" is reserved", length, type));
	}
	return type;
}

/* Two words or more, of which the first begins with a letter. */
static bool
is_type(const char *type)
{
	const char *text = type;
	int words = 0;

	if (strspn(type, LETTERS) == 0 || strlen(type) > MAX_TYPE)
		return false;
	for (;; text++)
	{
		size_t length = strspn(text, LETTERS "0123456789_-");

		if (length == 0)
			return false;
		words++;
		text += length;
		if (*text != '.')
			return *text == '\0' && words > 1;
	}
}

/* Also a key of a Kafka record and part of a header: of one line. */
static Datum
checked_text(FunctionCallInfo fcinfo, int arg, const char *name)
{
	text *value = PG_ARGISNULL(arg) ? NULL : PG_GETARG_TEXT_PP(arg);
	int bytes = value == NULL ? 0 : VARSIZE_ANY_EXHDR(value);
	bool fits = bytes > 0 &&
				(bytes <= MAX_TEXT || pg_mbstrlen_with_len(VARDATA_ANY(value), bytes) <= MAX_TEXT);

	for (int i = 0; fits && i < bytes; i++)
	{
		unsigned char c = VARDATA_ANY(value)[i];

		fits = c >= ' ' && c != '\x7f';
	}
	if (!fits)
		refuse(name, "1 to 255 characters without control characters");
	return PointerGetDatum(value);
}

static Datum
checked_data(FunctionCallInfo fcinfo, int arg)
{
	Jsonb *data = PG_ARGISNULL(arg) ? NULL : PG_GETARG_JSONB_P(arg);

	if (data == NULL || !JB_ROOT_IS_OBJECT(data))
		refuse("data", "an object");
	check_size(data);
	return JsonbPGetDatum(data);
}

static Datum
checked_headers(FunctionCallInfo fcinfo, int arg)
{
	NullableDatum headers = { PG_GETARG_DATUM(arg), false };
	Oid type = JSONBOID;
	bool isnull;

	(void) agenda_call("_check_headers", 1, &type, &headers, &isnull);
	return headers.value;
}

/* By its text, because a caller's numbers may be much longer than what keeps them; text is made of what could be too long. */
static void
check_size(Jsonb *data)
{
	Size size = VARSIZE(data) * AGENDA_JSON_TEXT_GROWTH + numbers_size(&data->root);

	if (size <= agenda_max_event_bytes)
		return;
	size = strlen(JsonbToCString(NULL, &data->root, VARSIZE(data)));
	if (size > agenda_max_event_bytes)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("the event is too large: %zu bytes", size),
				errdetail("agenda.max_event_bytes is %d.", agenda_max_event_bytes));
}

/* The length of all numbers as text, until that is too long. */
static Size
numbers_size(const JsonbContainer *container)
{
	int items = JsonContainerSize(container) * (JsonContainerIsObject(container) ? 2 : 1);
	const char *values = (const char *) &container->children[items];
	Size size = 0;

	check_stack_depth();
	for (int i = 0; i < items && size <= agenda_max_event_bytes; i++)
	{
		JEntry entry = container->children[i];
		const char *value;

		if (!JBE_ISNUMERIC(entry) && !JBE_ISCONTAINER(entry))
			continue;
		value = values + INTALIGN(getJsonbOffset(container, i));
		size += JBE_ISNUMERIC(entry) ? number_size((Numeric) value)
									 : numbers_size((const JsonbContainer *) value);
	}
	return size;
}

static Size
number_size(Numeric number)
{
	char *text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
	Size size = strlen(text);

	pfree(text);
	return size;
}

static void
refuse(const char *name, const char *wanted)
{
	ereport(ERROR, errcode(ERRCODE_AGENDA_INVALID_VALUE),
			errmsg("%s of an event must be %s", name, wanted),
			err_generic_string(PG_DIAG_COLUMN_NAME, name));
}
