/*
 * task_json.c
 *		A task in events and over REST.
 *
 * One table says which members a task has in either, from which column and in which form; times go
 * out in UTC.  Events get jsonb, built without a detour over text.  REST gets text, built without a
 * detour over jsonb: a list of tasks is one string that nobody parses again.
 *
 * An image is what events show: the users' columns, nothing computed from the clock, no
 * bookkeeping.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "json_text.h"
#include "task_json.h"
#include "task_state.h"

#define IN_EVENT 1
#define IN_REST  2
#define IN_BOTH  (IN_EVENT | IN_REST)

typedef enum MemberKind
{
	MEMBER_UUID,
	MEMBER_TEXT,
	MEMBER_INT2,
	MEMBER_INT8,
	MEMBER_BOOL,
	MEMBER_TIME,
	MEMBER_TAGS,
	MEMBER_JSON,
	MEMBER_STATE /* of no column: computed */
} MemberKind;

typedef struct Member
{
	const char *name;
	MemberKind kind;
	TaskColumn column;
	int where;
} Member;

static const Member members[] = {
	{ "id", MEMBER_UUID, TASK_ID, IN_BOTH },
	{ "user_id", MEMBER_UUID, TASK_USER_ID, IN_BOTH },
	{ "title", MEMBER_TEXT, TASK_TITLE, IN_BOTH },
	{ "description", MEMBER_TEXT, TASK_DESCRIPTION, IN_BOTH },
	{ "status", MEMBER_TEXT, TASK_STATUS, IN_BOTH },
	{ "due_state", MEMBER_STATE, TASK_DUE_DATE, IN_REST },
	{ "priority", MEMBER_INT2, TASK_PRIORITY, IN_BOTH },
	{ "due_date", MEMBER_TIME, TASK_DUE_DATE, IN_BOTH },
	{ "timezone", MEMBER_TEXT, TASK_TIMEZONE, IN_BOTH },
	{ "due_kind", MEMBER_TEXT, TASK_DUE_KIND, IN_BOTH },
	{ "tags", MEMBER_TAGS, TASK_TAGS, IN_BOTH },
	{ "checklist", MEMBER_JSON, TASK_CHECKLIST, IN_BOTH },
	{ "recurrence_rule", MEMBER_TEXT, TASK_RECURRENCE_RULE, IN_BOTH },
	{ "recurring_task_id", MEMBER_UUID, TASK_RECURRING_TASK_ID, IN_BOTH },
	{ "parent_task_id", MEMBER_UUID, TASK_PARENT_TASK_ID, IN_BOTH },
	{ "notified", MEMBER_BOOL, TASK_NOTIFIED, IN_REST },
	{ "last_reminder_sent", MEMBER_TIME, TASK_LAST_REMINDER_SENT, IN_REST },
	{ "completed_at", MEMBER_TIME, TASK_COMPLETED_AT, IN_BOTH },
	{ "deleted_at", MEMBER_TIME, TASK_DELETED_AT, IN_EVENT },
	{ "version", MEMBER_INT8, TASK_VERSION, IN_REST },
	{ "created_at", MEMBER_TIME, TASK_CREATED_AT, IN_REST },
	{ "updated_at", MEMBER_TIME, TASK_UPDATED_AT, IN_REST },
};

static JsonbValue *push_image(JsonbParseState **state, const TaskRow *task);
static const Member *const *event_members(void);
static int compare_as_jsonb(const void *a, const void *b);
static void push_value(JsonbParseState **state, const Member *m, const TaskRow *task);
static void push_tags(JsonbParseState **state, Datum tags);
static void push_changed(JsonbParseState **state, const TaskRow *before, const TaskRow *after);
static void push_key(JsonbParseState **state, const char *name);
static JsonbValue string_value(const char *s, int length);
static void append_value(StringInfo out, const Member *m, Datum value);
static void append_tags(StringInfo out, Datum tags);
static void append_uuid(StringInfo out, const pg_uuid_t *uuid);
static void tags_elements(Datum tags, Datum **elements, bool **nulls, int *count);

PG_FUNCTION_INFO_V1(agenda_task_image);
PG_FUNCTION_INFO_V1(agenda_task_json_text);

/* ---- events ------------------------------------------------------------------------------------ */

Datum
agenda_task_change(const TaskRow *before, const TaskRow *after)
{
	JsonbParseState *state = NULL;
	JsonbValue *result;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (before != NULL)
	{
		push_key(&state, "before");
		push_image(&state, before);
	}
	if (after != NULL)
	{
		push_key(&state, "after");
		push_image(&state, after);
	}
	if (before != NULL && after != NULL)
	{
		push_key(&state, "changed");
		push_changed(&state, before, after);
	}
	result = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(result));
}

/* agenda._task_image(t agenda.tasks) → jsonb */
Datum
agenda_task_image(PG_FUNCTION_ARGS)
{
	JsonbParseState *state = NULL;
	TaskRow task;

	if (!agenda_task_arg(&task, fcinfo, 0))
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(JsonbValueToJsonb(push_image(&state, &task)));
}

static JsonbValue *
push_image(JsonbParseState **state, const TaskRow *task)
{
	const Member *const *in_order = event_members();

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; in_order[i] != NULL; i++)
	{
		push_key(state, in_order[i]->name);
		push_value(state, in_order[i], task);
	}
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* In the order in which jsonb keeps them, so that nothing is left to sort for each event. */
static const Member *const *
event_members(void)
{
	static const Member *in_order[lengthof(members) + 1];
	int n = 0;

	if (in_order[0] != NULL)
		return in_order;
	for (int i = 0; i < lengthof(members); i++)
		if (members[i].where & IN_EVENT)
			in_order[n++] = &members[i];
	qsort(in_order, n, sizeof(in_order[0]), compare_as_jsonb);
	return in_order;
}

static int
compare_as_jsonb(const void *a, const void *b)
{
	const char *left = (*(const Member *const *) a)->name;
	const char *right = (*(const Member *const *) b)->name;

	if (strlen(left) != strlen(right))
		return strlen(left) < strlen(right) ? -1 : 1;
	return strcmp(left, right);
}

static void
push_value(JsonbParseState **state, const Member *m, const TaskRow *task)
{
	Datum value = task->value[m->column];
	JsonbValue v = { .type = jbvNull };
	text *string;
	Jsonb *json;

	if (task->isnull[m->column])
	{
		pushJsonbValue(state, WJB_VALUE, &v);
		return;
	}
	switch (m->kind)
	{
		case MEMBER_TEXT:
			string = DatumGetTextPP(value);
			v = string_value(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
			break;
		case MEMBER_UUID:
			v = string_value(palloc(AGENDA_UUID_SIZE), AGENDA_UUID_SIZE - 1);
			agenda_uuid_text(DatumGetUUIDP(value), v.val.string.val);
			break;
		case MEMBER_TIME:
			v.val.string.val = palloc(AGENDA_UTC_SIZE);
			v.val.string.len = agenda_utc_text(DatumGetTimestampTz(value), v.val.string.val);
			v.type = v.val.string.len < 0 ? jbvNull : jbvString;
			break;
		case MEMBER_INT2:
			v.type = jbvNumeric;
			v.val.numeric = int64_to_numeric(DatumGetInt16(value));
			break;
		case MEMBER_INT8:
			v.type = jbvNumeric;
			v.val.numeric = int64_to_numeric(DatumGetInt64(value));
			break;
		case MEMBER_BOOL:
			v.type = jbvBool;
			v.val.boolean = DatumGetBool(value);
			break;
		case MEMBER_TAGS:
			push_tags(state, value);
			return;
		case MEMBER_JSON:
			json = DatumGetJsonbP(value);
			v.type = jbvBinary;
			v.val.binary.data = &json->root;
			v.val.binary.len = VARSIZE(json) - VARHDRSZ;
			break;
		case MEMBER_STATE:
			elog(ERROR, "member \"%s\" is of no event", m->name);
	}
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
push_tags(JsonbParseState **state, Datum tags)
{
	Datum *elements;
	bool *nulls;
	int count;

	tags_elements(tags, &elements, &nulls, &count);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < count; i++)
	{
		JsonbValue v = { .type = jbvNull };

		if (!nulls[i])
			v = string_value(VARDATA_ANY(elements[i]), VARSIZE_ANY_EXHDR(elements[i]));
		pushJsonbValue(state, WJB_ELEM, &v);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Names of the members that differ, in alphabetical order. */
static void
push_changed(JsonbParseState **state, const TaskRow *before, const TaskRow *after)
{
	const char *names[lengthof(members)];
	int n = 0;

	for (int i = 0; i < lengthof(members); i++)
		if ((members[i].where & IN_EVENT) && !agenda_task_same(before, after, members[i].column))
			names[n++] = members[i].name;
	qsort(names, n, sizeof(names[0]), compare_names);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		JsonbValue v = string_value(names[i], strlen(names[i]));

		pushJsonbValue(state, WJB_ELEM, &v);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_key(JsonbParseState **state, const char *name)
{
	JsonbValue key = string_value(name, strlen(name));

	pushJsonbValue(state, WJB_KEY, &key);
}

static JsonbValue
string_value(const char *s, int length)
{
	JsonbValue v = { .type = jbvString };

	v.val.string.val = unconstify(char *, s);
	v.val.string.len = length;
	return v;
}

/* ---- REST -------------------------------------------------------------------------------------- */

void
agenda_task_text(StringInfo out, const TaskRow *task, TimestampTz now,
				 const AgendaPreferences *prefs)
{
	char separator = '{';

	for (int i = 0; i < lengthof(members); i++)
	{
		const Member *m = &members[i];

		if (!(m->where & IN_REST))
			continue;
		appendStringInfoChar(out, separator);
		separator = ',';
		appendStringInfoChar(out, '"');
		appendStringInfoString(out, m->name);
		appendStringInfoString(out, "\":");
		if (m->kind == MEMBER_STATE)
		{
			const char *name = agenda_task_state_name(agenda_task_state(task, now, prefs));

			agenda_json_string(out, name, strlen(name));
		}
		else if (task->isnull[m->column])
			appendBinaryStringInfo(out, "null", 4);
		else
			append_value(out, m, task->value[m->column]);
	}
	appendStringInfoChar(out, '}');
}

static void
append_value(StringInfo out, const Member *m, Datum value)
{
	char buf[AGENDA_UTC_SIZE];
	int length;
	text *string;

	switch (m->kind)
	{
		case MEMBER_TEXT:
			string = DatumGetTextPP(value);
			agenda_json_string(out, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
			break;
		case MEMBER_UUID:
			appendStringInfoChar(out, '"');
			append_uuid(out, DatumGetUUIDP(value));
			appendStringInfoChar(out, '"');
			break;
		case MEMBER_TIME:
			length = agenda_utc_text(DatumGetTimestampTz(value), buf);
			if (length < 0)
				appendBinaryStringInfo(out, "null", 4);
			else
				agenda_json_string(out, buf, length);
			break;
		case MEMBER_INT2:
			appendBinaryStringInfo(out, buf, pg_ltoa(DatumGetInt16(value), buf));
			break;
		case MEMBER_INT8:
			appendBinaryStringInfo(out, buf, pg_lltoa(DatumGetInt64(value), buf));
			break;
		case MEMBER_BOOL:
			appendStringInfoString(out, DatumGetBool(value) ? "true" : "false");
			break;
		case MEMBER_TAGS:
			append_tags(out, value);
			break;
		case MEMBER_JSON:
			JsonbToCString(out, &DatumGetJsonbP(value)->root, 0);
			break;
		case MEMBER_STATE:
			break;
	}
}

static void
append_tags(StringInfo out, Datum tags)
{
	Datum *elements;
	bool *nulls;
	int count;

	tags_elements(tags, &elements, &nulls, &count);
	appendStringInfoChar(out, '[');
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, ',');
		if (nulls[i])
			appendBinaryStringInfo(out, "null", 4);
		else
			agenda_json_string(out, VARDATA_ANY(elements[i]), VARSIZE_ANY_EXHDR(elements[i]));
	}
	appendStringInfoChar(out, ']');
}

static void
tags_elements(Datum tags, Datum **elements, bool **nulls, int *count)
{
	deconstruct_array(DatumGetArrayTypeP(tags), TEXTOID, -1, false, TYPALIGN_INT, elements, nulls,
					  count);
}

static void
append_uuid(StringInfo out, const pg_uuid_t *uuid)
{
	char buf[AGENDA_UUID_SIZE];

	agenda_uuid_text(uuid, buf);
	appendBinaryStringInfo(out, buf, AGENDA_UUID_SIZE - 1);
}

/* agenda._task_text(t agenda.tasks, now timestamptz, p agenda.preferences) → text */
Datum
agenda_task_json_text(PG_FUNCTION_ARGS)
{
	AgendaPreferences prefs;
	StringInfoData buf;
	TaskRow task;

	if (!agenda_task_arg(&task, fcinfo, 0))
		PG_RETURN_NULL();
	agenda_preferences_arg(fcinfo, 2, &prefs);
	initStringInfo(&buf);
	agenda_task_text(&buf, &task, PG_GETARG_TIMESTAMPTZ(1), &prefs);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf.data, buf.len));
}
