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
#include "utils/timestamp.h"

#include "clock.h"
#include "json_text.h"
#include "jsonb_write.h"
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

static void write_image(StringInfo out, const TaskRow *task);
static int event_members(const Member *const **in_order);
static int compare_as_jsonb(const void *a, const void *b);
static void write_value(AgendaJsonbContainer *image, const Member *m, const TaskRow *task);
static void write_text(AgendaJsonbContainer *c, Datum value);
static void write_tags(StringInfo out, Datum tags);
static void write_changed(StringInfo out, const TaskRow *before, const TaskRow *after);
static void write_name(AgendaJsonbContainer *c, const char *name);
static void append_value(StringInfo out, const Member *m, Datum value);
static void append_tags(StringInfo out, Datum tags);
static void append_uuid(StringInfo out, const pg_uuid_t *uuid);
static void tags_elements(Datum tags, Datum **elements, bool **nulls, int *count);

PG_FUNCTION_INFO_V1(agenda_task_image);
PG_FUNCTION_INFO_V1(agenda_task_json_text);

/* ---- events ------------------------------------------------------------------------------------ */

/* Keys in the order of jsonb. */
Datum
agenda_task_change(const TaskRow *before, const TaskRow *after)
{
	bool changed = before != NULL && after != NULL;
	AgendaJsonbContainer change;
	StringInfoData out;

	agenda_jsonb_begin(&out);
	agenda_jsonb_object(&change, &out, (after != NULL) + (before != NULL) + changed);
	if (after != NULL)
		write_name(&change, "after");
	if (before != NULL)
		write_name(&change, "before");
	if (changed)
		write_name(&change, "changed");
	if (after != NULL)
	{
		write_image(&out, after);
		agenda_jsonb_nested(&change);
	}
	if (before != NULL)
	{
		write_image(&out, before);
		agenda_jsonb_nested(&change);
	}
	if (changed)
	{
		write_changed(&out, before, after);
		agenda_jsonb_nested(&change);
	}
	return JsonbPGetDatum(agenda_jsonb_end(&out));
}

/* agenda._task_image(t agenda.tasks) → jsonb */
Datum
agenda_task_image(PG_FUNCTION_ARGS)
{
	StringInfoData out;
	TaskRow task;

	if (!agenda_task_arg(&task, fcinfo, 0))
		PG_RETURN_NULL();
	agenda_jsonb_begin(&out);
	write_image(&out, &task);
	PG_RETURN_JSONB_P(agenda_jsonb_end(&out));
}

static void
write_image(StringInfo out, const TaskRow *task)
{
	const Member *const *in_order;
	int count = event_members(&in_order);
	AgendaJsonbContainer image;

	agenda_jsonb_object(&image, out, count);
	for (int i = 0; i < count; i++)
		write_name(&image, in_order[i]->name);
	for (int i = 0; i < count; i++)
		write_value(&image, in_order[i], task);
}

/* In the order in which jsonb keeps them; how many there are. */
static int
event_members(const Member *const **in_order)
{
	static const Member *sorted[lengthof(members)];
	static int n = 0;

	if (n == 0)
	{
		for (int i = 0; i < lengthof(members); i++)
			if (members[i].where & IN_EVENT)
				sorted[n++] = &members[i];
		qsort(sorted, n, sizeof(sorted[0]), compare_as_jsonb);
	}
	*in_order = sorted;
	return n;
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
write_value(AgendaJsonbContainer *image, const Member *m, const TaskRow *task)
{
	Datum value = task->value[m->column];
	char buf[Max(AGENDA_UUID_SIZE, AGENDA_UTC_SIZE)];
	int length;

	if (task->isnull[m->column])
	{
		agenda_jsonb_null(image);
		return;
	}
	switch (m->kind)
	{
		case MEMBER_TEXT:
			write_text(image, value);
			break;
		case MEMBER_UUID:
			agenda_uuid_text(DatumGetUUIDP(value), buf);
			agenda_jsonb_string(image, buf, AGENDA_UUID_SIZE - 1);
			break;
		case MEMBER_TIME:
			length = agenda_utc_text(DatumGetTimestampTz(value), buf);
			if (length < 0)
				agenda_jsonb_null(image);
			else
				agenda_jsonb_string(image, buf, length);
			break;
		case MEMBER_INT2:
			agenda_jsonb_int(image, DatumGetInt16(value));
			break;
		case MEMBER_INT8:
			agenda_jsonb_int(image, DatumGetInt64(value));
			break;
		case MEMBER_BOOL:
			agenda_jsonb_bool(image, DatumGetBool(value));
			break;
		case MEMBER_TAGS:
			write_tags(image->out, value);
			agenda_jsonb_nested(image);
			break;
		case MEMBER_JSON:
			agenda_jsonb_copy(image, DatumGetJsonbP(value));
			break;
		case MEMBER_STATE:
			elog(ERROR, "member \"%s\" is of no event", m->name);
	}
}

static void
write_text(AgendaJsonbContainer *c, Datum value)
{
	text *string = DatumGetTextPP(value);

	agenda_jsonb_string(c, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
}

static void
write_tags(StringInfo out, Datum tags)
{
	AgendaJsonbContainer array;
	Datum *elements;
	bool *nulls;
	int count;

	tags_elements(tags, &elements, &nulls, &count);
	agenda_jsonb_array(&array, out, count);
	for (int i = 0; i < count; i++)
		if (nulls[i])
			agenda_jsonb_null(&array);
		else
			write_text(&array, elements[i]);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Names of the members that differ, in alphabetical order. */
static void
write_changed(StringInfo out, const TaskRow *before, const TaskRow *after)
{
	const char *names[lengthof(members)];
	AgendaJsonbContainer array;
	int n = 0;

	for (int i = 0; i < lengthof(members); i++)
		if ((members[i].where & IN_EVENT) && !agenda_task_same(before, after, members[i].column))
			names[n++] = members[i].name;
	qsort(names, n, sizeof(names[0]), compare_names);
	agenda_jsonb_array(&array, out, n);
	for (int i = 0; i < n; i++)
		write_name(&array, names[i]);
}

static void
write_name(AgendaJsonbContainer *c, const char *name)
{
	agenda_jsonb_string(c, name, strlen(name));
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
