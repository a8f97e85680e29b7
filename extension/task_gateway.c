/*
 * task_gateway.c
 *		What the gateway asks most: one task, the list of tasks, a new task.
 *
 * agenda.gw_get_task() and agenda.gw_list_tasks() read through the indexes and write the answer's text
 * as they go: no executor, no jsonb.  They name the user in every key, so our row-level security
 * has nothing to add; only agenda_gateway may execute them (sql/grants.sql).  Where somebody has given
 * the table a policy of his own they leave it to SQL.
 *
 * agenda.gw_create_task() makes a plain task with the owner's rights, as SECURITY DEFINER would have it.
 *
 * Reads are stable and read with the snapshot of the calling query.  A list that is filtered or sorted
 * is SQL, in agenda._gw_list_tasks(); so is a new task with tags, checklist or reminders.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/visibilitymap.h"
#include "catalog/namespace.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "common/base64.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "clock.h"
#include "errcodes.h"
#include "identity.h"
#include "json_member.h"
#include "json_text.h"
#include "owner.h"
#include "sql_call.h"
#include "table.h"
#include "task_create.h"
#include "task_json.h"
#include "task_policy.h"

/* pages and their sizes as in agenda._gw_page() */
#define MAX_PAGE       1000000
#define MAX_PAGE_SIZE  100
#define MAX_DIGITS     9
#define USUAL_PAGESIZE 20
#define CURSOR_BYTES   (sizeof(int64) + UUID_LEN)
#define CURSOR_CHARS   (CURSOR_BYTES / 3 * 4)

/* What every function of the gateway returns. */
enum
{
	ANSWER_STATUS,
	ANSWER_ETAG,
	ANSWER_LOCATION,
	ANSWER_BODY,
	ANSWER_COLUMNS
};

typedef struct ListPage
{
	int64 number;
	int64 size;
} ListPage;

typedef struct TaskList
{
	Relation rel;
	Relation index;
	Snapshot snapshot;
	AgendaPreferences prefs;
	TimestampTz now;
	int64 skip;
	int64 limit;
	int64 total;
	StringInfoData items;
	TimestampTz last_created; /* of the last item, for the cursor */
	pg_uuid_t last_id;
} TaskList;

static pg_uuid_t *uuid_argument(FunctionCallInfo fcinfo, int argno);
static Datum answer(int status, int64 version, StringInfo location, StringInfo body);
static TupleDesc answer_desc(void);
static bool plain_task(Jsonb *body);
static void take_members(Datum body, TaskRow *row);
static Datum created(Datum task);
static bool plain_page(Jsonb *query, ListPage *page);
static bool page_member(Jsonb *query, const char *name, int64 limit, int64 *value, int *found);
static Relation open_list_index(Relation rel);
static void read_list(TaskList *list, const pg_uuid_t *user_id);
static bool is_visible(TaskList *list, IndexScanDesc scan, ItemPointer tid, TupleTableSlot *slot,
					   Buffer *map);
static void append_item(TaskList *list, TupleTableSlot *slot);
static void append_cursor(StringInfo out, const TaskList *list);

PG_FUNCTION_INFO_V1(agenda_gw_get_task);
PG_FUNCTION_INFO_V1(agenda_gw_list_tasks);
PG_FUNCTION_INFO_V1(agenda_gw_create_task);
PG_FUNCTION_INFO_V1(agenda_task_body);

/* agenda.gw_get_task(user, request_id, traceparent, id) → (status, etag, location, body) */
Datum
agenda_gw_get_task(PG_FUNCTION_ARGS)
{
	pg_uuid_t *user_id = uuid_argument(fcinfo, 0);
	pg_uuid_t *id = uuid_argument(fcinfo, 3);
	Relation rel = agenda_table_open("tasks", AccessShareLock);
	const AttrNumber *attnum = agenda_task_columns(RelationGetDescr(rel));
	AgendaPreferences prefs;
	StringInfoData body;
	ScanKeyData keys[2];
	HeapTuple tuple;
	TaskRow task;

	if (!agenda_task_policy_is_ours(rel))
	{
		Oid types[4] = { UUIDOID, TEXTOID, TEXTOID, UUIDOID };

		table_close(rel, AccessShareLock);
		PG_RETURN_DATUM(agenda_call("_gw_get_task", 4, types, fcinfo->args, NULL));
	}
	agenda_key_uuid(&keys[0], attnum[TASK_USER_ID], user_id);
	agenda_key_uuid(&keys[1], attnum[TASK_ID], id);
	tuple = agenda_find_row(rel, RelationGetPrimaryKeyIndex(rel), GetActiveSnapshot(), 2, keys);
	if (HeapTupleIsValid(tuple))
		agenda_task_read(&task, tuple, RelationGetDescr(rel));
	if (!HeapTupleIsValid(tuple) || !task.isnull[TASK_DELETED_AT])
	{
		char text[AGENDA_UUID_SIZE];

		agenda_uuid_text(id, text);
		ereport(ERROR, errcode(ERRCODE_AGENDA_NOT_FOUND),
				errmsg("task \"%s\" does not exist", text));
	}
	agenda_preferences_of(user_id, GetActiveSnapshot(), &prefs);
	initStringInfo(&body);
	agenda_task_text(&body, &task, agenda_domain_now(), &prefs);
	table_close(rel, AccessShareLock);
	PG_RETURN_DATUM(answer(200, DatumGetInt64(task.value[TASK_VERSION]), NULL, &body));
}

/* agenda._task_body(t agenda.tasks) → text: as gw_get_task() has it */
Datum
agenda_task_body(PG_FUNCTION_ARGS)
{
	AgendaPreferences prefs;
	StringInfoData body;
	TaskRow task;

	if (!agenda_task_arg(&task, fcinfo, 0) || task.isnull[TASK_USER_ID])
		PG_RETURN_NULL();
	agenda_preferences_of(DatumGetUUIDP(task.value[TASK_USER_ID]), NULL, &prefs);
	initStringInfo(&body);
	agenda_task_text(&body, &task, agenda_domain_now(), &prefs);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(body.data, body.len));
}

static pg_uuid_t *
uuid_argument(FunctionCallInfo fcinfo, int argno)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("user and id must not be null"));
	return PG_GETARG_UUID_P(argno);
}

/* ---- a new task -------------------------------------------------------------------------------- */

/* agenda.gw_create_task(user, request_id, traceparent, body) → (status, etag, location, body) */
Datum
agenda_gw_create_task(PG_FUNCTION_ARGS)
{
	AgendaOwnerScope scope;
	TaskRow row;
	Datum task;

	if (PG_ARGISNULL(3) || !plain_task(PG_GETARG_JSONB_P(3)))
	{
		Oid types[4] = { UUIDOID, TEXTOID, TEXTOID, JSONBOID };

		PG_RETURN_DATUM(agenda_call("_gw_create_task", 4, types, fcinfo->args, NULL));
	}
	agenda_identity_enter(uuid_argument(fcinfo, 0), PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1),
						  PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2));
	agenda_definer_enter(&scope);
	agenda_task_clear(&row);
	take_members(PG_GETARG_DATUM(3), &row);
	task = agenda_task_create(&row);
	agenda_definer_leave(&scope);
	agenda_identity_leave();
	PG_RETURN_DATUM(created(task));
}

/* Without the members that SQL checks or turns into rows of their own. */
static bool
plain_task(Jsonb *body)
{
	static const char *const others[] = { "tags", "checklist", "reminders" };
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(body))
		return false;
	for (int i = 0; i < lengthof(others); i++)
		if (getKeyJsonValueFromContainer(&body->root, others[i], strlen(others[i]), &value) != NULL)
			return false;
	return true;
}

static void
take_members(Datum body, TaskRow *row)
{
	static const struct
	{
		const char *name;
		PGFunction read;
		TaskColumn column;
	} known[] = {
		{ "title", agenda_member_text, TASK_TITLE },
		{ "due_date", agenda_member_text, TASK_DUE_DATE },
		{ "description", agenda_member_text, TASK_DESCRIPTION },
		{ "priority", agenda_member_smallint, TASK_PRIORITY },
		{ "recurrence_rule", agenda_member_text, TASK_RECURRENCE_RULE },
		{ "timezone", agenda_member_text, TASK_TIMEZONE },
	};

	for (int i = 0; i < lengthof(known); i++)
	{
		LOCAL_FCINFO(call, 2);
		Datum value;

		InitFunctionCallInfoData(*call, NULL, 2, InvalidOid, NULL, NULL);
		call->args[0].value = body;
		call->args[0].isnull = false;
		call->args[1].value = CStringGetTextDatum(known[i].name);
		call->args[1].isnull = false;
		value = known[i].read(call);
		if (call->isnull)
			continue;
		if (known[i].column == TASK_DUE_DATE)
			agenda_task_take_due(row, DatumGetTextPP(value));
		else
			agenda_task_set(row, known[i].column, value);
	}
}

static Datum
created(Datum task)
{
	HeapTupleData tuple = { 0 };
	AgendaPreferences prefs;
	StringInfoData location;
	StringInfoData body;
	char id[AGENDA_UUID_SIZE];
	TupleDesc desc;
	TaskRow row;

	if (task == (Datum) 0)
		ereport(ERROR, errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				errmsg("a trigger has refused the task"));
	tuple.t_data = DatumGetHeapTupleHeader(task);
	tuple.t_len = HeapTupleHeaderGetDatumLength(tuple.t_data);
	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(tuple.t_data),
								  HeapTupleHeaderGetTypMod(tuple.t_data));
	agenda_task_read(&row, &tuple, desc);
	ReleaseTupleDesc(desc);

	agenda_preferences_of(DatumGetUUIDP(row.value[TASK_USER_ID]), NULL, &prefs);
	initStringInfo(&body);
	agenda_task_text(&body, &row, agenda_domain_now(), &prefs);
	agenda_uuid_text(DatumGetUUIDP(row.value[TASK_ID]), id);
	initStringInfo(&location);
	appendStringInfo(&location, "/api/tasks/%s", id);
	return answer(201, DatumGetInt64(row.value[TASK_VERSION]), &location, &body);
}

/* A negative version: no entity tag; no location: NULL. */
static Datum
answer(int status, int64 version, StringInfo location, StringInfo body)
{
	Datum values[ANSWER_COLUMNS] = { 0 };
	bool nulls[ANSWER_COLUMNS] = { false };
	char etag[MAXINT8LEN + 1];

	values[ANSWER_STATUS] = Int32GetDatum(status);
	nulls[ANSWER_ETAG] = version < 0;
	if (version >= 0)
		values[ANSWER_ETAG] =
			PointerGetDatum(cstring_to_text_with_len(etag, pg_lltoa(version, etag)));
	nulls[ANSWER_LOCATION] = location == NULL;
	if (location != NULL)
		values[ANSWER_LOCATION] =
			PointerGetDatum(cstring_to_text_with_len(location->data, location->len));
	values[ANSWER_BODY] = PointerGetDatum(cstring_to_text_with_len(body->data, body->len));
	return HeapTupleGetDatum(heap_form_tuple(answer_desc(), values, nulls));
}

/* The same for the life of the backend: the functions' declarations are ours. */
static TupleDesc
answer_desc(void)
{
	static TupleDesc desc = NULL;

	if (desc == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
		TupleDesc made = CreateTemplateTupleDesc(ANSWER_COLUMNS);

		TupleDescInitEntry(made, ANSWER_STATUS + 1, "status", INT4OID, -1, 0);
		TupleDescInitEntry(made, ANSWER_ETAG + 1, "etag", TEXTOID, -1, 0);
		TupleDescInitEntry(made, ANSWER_LOCATION + 1, "location", TEXTOID, -1, 0);
		TupleDescInitEntry(made, ANSWER_BODY + 1, "body", TEXTOID, -1, 0);
		desc = BlessTupleDesc(made);
		MemoryContextSwitchTo(old);
	}
	return desc;
}

/* ---- the list ---------------------------------------------------------------------------------- */

/* agenda.gw_list_tasks(user, request_id, traceparent, query) → (status, etag, location, body) */
Datum
agenda_gw_list_tasks(PG_FUNCTION_ARGS)
{
	pg_uuid_t *user_id = uuid_argument(fcinfo, 0);
	TaskList list = { 0 };
	StringInfoData body;
	ListPage page;

	list.rel = agenda_table_open("tasks", AccessShareLock);
	if (!PG_ARGISNULL(3) && plain_page(PG_GETARG_JSONB_P(3), &page) &&
		agenda_task_policy_is_ours(list.rel))
		list.index = open_list_index(list.rel);
	if (list.index == NULL)
	{
		Oid types[4] = { UUIDOID, TEXTOID, TEXTOID, JSONBOID };

		table_close(list.rel, AccessShareLock);
		PG_RETURN_DATUM(agenda_call("_gw_list_tasks", 4, types, fcinfo->args, NULL));
	}

	list.snapshot = GetActiveSnapshot();
	list.now = agenda_domain_now();
	list.skip = (page.number - 1) * page.size;
	list.limit = page.size;
	initStringInfo(&list.items);
	agenda_preferences_of(user_id, list.snapshot, &list.prefs);
	read_list(&list, user_id);
	index_close(list.index, AccessShareLock);
	table_close(list.rel, AccessShareLock);

	initStringInfo(&body);
	appendStringInfoString(&body, "{\"items\":[");
	appendBinaryStringInfo(&body, list.items.data, list.items.len);
	appendStringInfo(&body,
					 "],\"total\":" INT64_FORMAT ",\"page\":" INT64_FORMAT
					 ",\"page_size\":" INT64_FORMAT ",\"next_cursor\":",
					 list.total, page.number, page.size);
	append_cursor(&body, &list);
	appendStringInfoChar(&body, '}');
	PG_RETURN_DATUM(answer(200, -1, NULL, &body));
}

/* A query that asks for a page and for nothing else; what is no number is left to SQL. */
static bool
plain_page(Jsonb *query, ListPage *page)
{
	int found = 0;

	page->number = 1;
	page->size = USUAL_PAGESIZE;
	return JB_ROOT_IS_OBJECT(query) &&
		   page_member(query, "page", MAX_PAGE, &page->number, &found) &&
		   page_member(query, "page_size", MAX_PAGE_SIZE, &page->size, &found) &&
		   JB_ROOT_COUNT(query) == found;
}

static bool
page_member(Jsonb *query, const char *name, int64 limit, int64 *value, int *found)
{
	JsonbValue member;
	int64 number = 0;

	if (getKeyJsonValueFromContainer(&query->root, name, strlen(name), &member) == NULL)
		return true;
	(*found)++;
	if (member.type != jbvString || member.val.string.len > MAX_DIGITS)
		return false;
	for (int i = 0; i < member.val.string.len; i++)
	{
		char c = member.val.string.val[i];

		if (c < '0' || c > '9')
			return false;
		number = number * 10 + (c - '0');
	}
	*value = Min(number, limit);
	return number > 0;
}

/* The index in whose order the list goes; NULL if it can't be used as it is. */
static Relation
open_list_index(Relation rel)
{
	Oid relid = get_relname_relid("tasks_created", RelationGetNamespace(rel));
	Relation index;

	if (!OidIsValid(relid))
		return NULL;
	index = index_open(relid, AccessShareLock);
	if (index->rd_index->indrelid == RelationGetRelid(rel) && index->rd_index->indisvalid &&
		!index->rd_index->indcheckxmin)
		return index;
	index_close(index, AccessShareLock);
	return NULL;
}

/* One walk over the user's entries, newest first: those of the page are read, the others only counted. */
static void
read_list(TaskList *list, const pg_uuid_t *user_id)
{
	TupleTableSlot *slot = table_slot_create(list->rel, NULL);
	IndexScanDesc scan = index_beginscan(list->rel, list->index, list->snapshot, 1, 0);
	Buffer map = InvalidBuffer;
	ScanKeyData key;
	ItemPointer tid;

	/*
	 * As an index-only scan does, for the pin on the index page that comes with it: without, VACUUM
	 * could take a dead row away and mark its page all-visible before we ask.
	 */
	scan->xs_want_itup = true;
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(user_id));
	index_rescan(scan, &key, 1, NULL, 0);
	while ((tid = index_getnext_tid(scan, BackwardScanDirection)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (list->total >= list->skip && list->total - list->skip < list->limit)
		{
			if (!index_fetch_heap(scan, slot))
				continue;
			append_item(list, slot);
		}
		else if (!is_visible(list, scan, tid, slot, &map))
			continue;
		list->total++;
	}
	if (BufferIsValid(map))
		ReleaseBuffer(map);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* As an index-only scan asks: the visibility map first, the row where that does not know. */
static bool
is_visible(TaskList *list, IndexScanDesc scan, ItemPointer tid, TupleTableSlot *slot, Buffer *map)
{
	BlockNumber block = ItemPointerGetBlockNumber(tid);

	if (!VM_ALL_VISIBLE(list->rel, block, map))
		return index_fetch_heap(scan, slot);
	PredicateLockPage(list->rel, block, list->snapshot);
	return true;
}

static void
append_item(TaskList *list, TupleTableSlot *slot)
{
	TaskRow task;

	agenda_task_read(&task, ExecFetchSlotHeapTuple(slot, false, NULL), RelationGetDescr(list->rel));
	if (list->items.len > 0)
		appendStringInfoChar(&list->items, ',');
	agenda_task_text(&list->items, &task, list->now, &list->prefs);
	list->last_created = DatumGetTimestampTz(task.value[TASK_CREATED_AT]);
	list->last_id = *DatumGetUUIDP(task.value[TASK_ID]);
}

/* As agenda._gw_cursor() makes it, in quotes; null where nothing follows. */
static void
append_cursor(StringInfo out, const TaskList *list)
{
	uint64 key = pg_hton64((uint64) list->last_created);
	char bytes[CURSOR_BYTES];
	char text[CURSOR_CHARS];

	if (list->items.len == 0 || list->total - list->skip <= list->limit)
	{
		appendStringInfoString(out, "null");
		return;
	}
	memcpy(bytes, &key, sizeof(key));
	memcpy(bytes + sizeof(key), list->last_id.data, UUID_LEN);
	(void) pg_b64_encode(bytes, CURSOR_BYTES, text, CURSOR_CHARS);
	for (int i = 0; i < CURSOR_CHARS; i++)
		if (text[i] == '+')
			text[i] = '-';
		else if (text[i] == '/')
			text[i] = '_';
	appendStringInfoChar(out, '"');
	appendBinaryStringInfo(out, text, CURSOR_CHARS);
	appendStringInfoChar(out, '"');
}
