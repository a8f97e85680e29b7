/*
 * user.c
 *		Rows of agenda.users: finding one, and holding one in place.
 *
 * The table is read past its policy, which asks for the acting user and so for this very look-up.
 *
 * Whoever inserts a task or a notification by C checks the foreign key to the user here.  The server would do it by a
 * query that leaves a lock on the user's row: with each task a row version to write, and all
 * clients of one user in line for it.  Here a lock of the lock manager stands for the row, until
 * the end of the transaction:
 *
 *		who inserts for a user	RowShareLock, then: does the user exist?
 *		who deletes a user		ExclusiveLock, then the row, then (foreign key) what is theirs
 *
 * So the one waits for the other, and sees what the other has done.  Users share a fixed number
 * of such locks, for a transaction may write for any number of them.  The scanner, who inserts
 * notifications likewise, waits for nobody: it asks for the lock before it takes anything else
 * of the user (agenda._hold_user()), and leaves the user for later if it does not get it.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/valid.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "json_text.h"
#include "table.h"
#include "user.h"

#define USER_LOCKS 64

static const AgendaColumn user_columns[USER_COLUMNS] = {
	[USER_ID] = { "id", UUIDOID },
	[USER_EXTERNAL_ID] = { "external_id", TEXTOID },
	[USER_LOGIN_ROLE] = { "login_role", NAMEOID },
};
static const char *const user_index[USER_COLUMNS] = {
	[USER_ID] = "users_pkey",
	[USER_EXTERNAL_ID] = "users_external_id_key",
	[USER_LOGIN_ROLE] = "users_login_role_key",
};
static AgendaRowMap user_map = { "users", user_columns, USER_COLUMNS };

/* Where the row stood that was found last, and the buffer that had its page. */
static ItemPointerData last_place;
static Buffer last_buffer = InvalidBuffer;

/* The user who was found to stay last, and the (sub)transaction that holds the lock. */
static pg_uuid_t held_user;
static LocalTransactionId held_lxid = InvalidLocalTransactionId;
static SubTransactionId held_subid;

static bool find_user(AgendaUserColumn column, Datum value, Snapshot snapshot, pg_uuid_t *user_id);
static HeapTuple find_at_last_place(Relation rel, Snapshot snapshot, ScanKey key);
static void note_place(Relation rel, const ItemPointerData *place);
static uint16 lock_number(const pg_uuid_t *user_id);
static void lock_user(const pg_uuid_t *user_id, LOCKMODE lockmode);

PG_FUNCTION_INFO_V1(agenda_find_external_user);
PG_FUNCTION_INFO_V1(agenda_user_before);
PG_FUNCTION_INFO_V1(agenda_lock_user);
PG_FUNCTION_INFO_V1(agenda_hold_user);

bool
agenda_user_find(AgendaUserColumn column, Datum value, bool fresh, pg_uuid_t *user_id)
{
	Snapshot snapshot = RegisterSnapshot(fresh || !ActiveSnapshotSet() ? GetTransactionSnapshot()
																	   : GetActiveSnapshot());
	bool found = find_user(column, value, snapshot, user_id);

	UnregisterSnapshot(snapshot);
	return found;
}

static bool
find_user(AgendaUserColumn column, Datum value, Snapshot snapshot, pg_uuid_t *user_id)
{
	Relation rel = agenda_table_open("users", AccessShareLock);
	const AttrNumber *attnum = agenda_row_columns(&user_map, RelationGetDescr(rel));
	ScanKeyData key;
	HeapTuple tuple;
	bool isnull;

	switch (column)
	{
		case USER_ID:
			agenda_key_uuid(&key, attnum[column], DatumGetUUIDP(value));
			break;
		case USER_EXTERNAL_ID:
			agenda_key_text(&key, attnum[column], DEFAULT_COLLATION_OID, value);
			break;
		default:
			ScanKeyInit(&key, attnum[column], BTEqualStrategyNumber, F_NAMEEQ, value);
	}
	tuple = find_at_last_place(rel, snapshot, &key);
	if (!HeapTupleIsValid(tuple))
	{
		tuple = agenda_find_row(rel, agenda_table_oid(user_index[column]), snapshot, 1, &key);
		if (HeapTupleIsValid(tuple))
			note_place(rel, &tuple->t_self);
	}
	if (HeapTupleIsValid(tuple))
		*user_id =
			*DatumGetUUIDP(heap_getattr(tuple, attnum[USER_ID], RelationGetDescr(rel), &isnull));
	/* as a query would leave the lock; and the same transaction often asks again */
	table_close(rel, NoLock);
	return HeapTupleIsValid(tuple);
}

/*
 * Mostly it is the same user again.  A row that stands there, is visible and has the key is the one:
 * keys are unique.  If it is not, the index knows.  That the page is still in its buffer says that
 * there is such a page: to ask the file would be a system call.
 */
static HeapTuple
find_at_last_place(Relation rel, Snapshot snapshot, ScanKey key)
{
	HeapTupleData row = { .t_self = last_place };
	HeapTuple result = NULL;
	Buffer buffer;
	bool matches;

	if (rel->rd_tableam != GetHeapamTableAmRoutine() || last_buffer == InvalidBuffer ||
		!ReadRecentBuffer(rel->rd_node, MAIN_FORKNUM, ItemPointerGetBlockNumber(&last_place),
						  last_buffer))
		return NULL;
	ReleaseBuffer(last_buffer);
	if (!heap_fetch(rel, snapshot, &row, &buffer, false))
		return NULL;
	HeapKeyTest(&row, RelationGetDescr(rel), 1, key, matches);
	if (matches)
		result = heap_copytuple(&row);
	ReleaseBuffer(buffer);
	return result;
}

static void
note_place(Relation rel, const ItemPointerData *place)
{
	if (rel->rd_tableam != GetHeapamTableAmRoutine())
		return;
	last_place = *place;
	last_buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(place));
	ReleaseBuffer(last_buffer);
}

/* agenda._find_external_user(external_id) → uuid, NULL when there is none yet */
Datum
agenda_find_external_user(PG_FUNCTION_ARGS)
{
	pg_uuid_t *result = palloc(sizeof(pg_uuid_t));

	if (!agenda_user_find(USER_EXTERNAL_ID, PG_GETARG_DATUM(0), true, result))
		PG_RETURN_NULL();
	PG_RETURN_UUID_P(result);
}

/* ---- holding ----------------------------------------------------------------------------------- */

bool
agenda_user_stays(const pg_uuid_t *user_id)
{
	pg_uuid_t found;

	if (held_lxid == MyProc->lxid && SubTransactionIsActive(held_subid) &&
		memcmp(&held_user, user_id, UUID_LEN) == 0)
		return true;
	lock_user(user_id, RowShareLock);
	/* whatever has been committed by now, or done here */
	if (!find_user(USER_ID, UUIDPGetDatum(user_id), SnapshotSelf, &found))
		return false;
	held_user = *user_id;
	held_lxid = MyProc->lxid;
	held_subid = GetCurrentSubTransactionId();
	return true;
}

static uint16
lock_number(const pg_uuid_t *user_id)
{
	return hash_bytes(user_id->data, UUID_LEN) % USER_LOCKS;
}

static void
lock_user(const pg_uuid_t *user_id, LOCKMODE lockmode)
{
	LockDatabaseObject(agenda_table_oid("users"), lock_number(user_id), 0, lockmode);
}

/* agenda._hold_user(user_id uuid) → boolean: nobody deletes the user until this transaction ends; false if somebody is about to */
Datum
agenda_hold_user(PG_FUNCTION_ARGS)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, agenda_table_oid("users"),
					   lock_number(PG_GETARG_UUID_P(0)), 0);
	PG_RETURN_BOOL(LockAcquire(&tag, RowShareLock, false, true) != LOCKACQUIRE_NOT_AVAIL);
}

bool
agenda_user_take_check(ResultRelInfo *result_rel, AttrNumber user_id)
{
	TriggerDesc *triggers = result_rel->ri_TrigDesc;
	ListCell *lc;

	foreach (lc, RelationGetFKeyList(result_rel->ri_RelationDesc))
	{
		const ForeignKeyCacheInfo *key = lfirst_node(ForeignKeyCacheInfo, lc);

		if (key->confrelid != agenda_table_oid("users") || key->nkeys != 1 ||
			key->conkey[0] != user_id)
			continue;
		for (int i = 0; i < triggers->numtriggers; i++)
			if (triggers->triggers[i].tgconstraint == key->conoid &&
				triggers->triggers[i].tgfoid == F_RI_FKEY_CHECK_INS)
				triggers->triggers[i].tgenabled = TRIGGER_DISABLED;
		return true;
	}
	return false;
}

/* As the foreign key says it. */
void
agenda_user_check(Relation rel, const pg_uuid_t *user_id)
{
	const char *table = RelationGetRelationName(rel);
	char id[AGENDA_UUID_SIZE];

	if (agenda_user_stays(user_id))
		return;
	agenda_uuid_text(user_id, id);
	ereport(ERROR, errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			errmsg("insert or update on table \"%s\" violates foreign key constraint "
				   "\"%s_user_id_fkey\"",
				   table, table),
			errdetail("Key (user_id)=(%s) is not present in table \"users\".", id),
			errtableconstraint(rel, psprintf("%s_user_id_fkey", table)));
}

/* agenda._user_before() → trigger: before delete or update of id, for each row */
Datum
agenda_user_before(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc desc;
	bool isnull;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function agenda._user_before is for row triggers of agenda.users"));
	desc = RelationGetDescr(trigger->tg_relation);
	lock_user(
		DatumGetUUIDP(heap_getattr(trigger->tg_trigtuple,
								   agenda_row_columns(&user_map, desc)[USER_ID], desc, &isnull)),
		ExclusiveLock);
	held_lxid = InvalidLocalTransactionId;
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple
																	  : trigger->tg_trigtuple);
}

/* agenda._lock_user(user_id uuid) → void: nobody inserts tasks of this user until this transaction ends */
Datum
agenda_lock_user(PG_FUNCTION_ARGS)
{
	lock_user(PG_GETARG_UUID_P(0), ExclusiveLock);
	PG_RETURN_VOID();
}
