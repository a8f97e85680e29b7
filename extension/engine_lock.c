/*
 * engine_lock.c
 *		Locks of the engine that have a name.
 *
 * What workers and operators do one at a time.  Advisory locks would do, but any login of the
 * database could take those too, and keep the engine from its work for as long as it likes; an object
 * that nobody knows, of a table of ours, is locked by no statement.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "table.h"

/* locks that stand for users (user.c) have 0 */
#define NAMED_LOCK 1

PG_FUNCTION_INFO_V1(agenda_engine_lock);

/* agenda._engine_lock(name text, wait boolean) → boolean, until the end of the transaction */
Datum
agenda_engine_lock(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(0);
	bool wait = PG_GETARG_BOOL(1);
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(
		tag, MyDatabaseId, agenda_table_oid("users"),
		hash_bytes((const unsigned char *) VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)), NAMED_LOCK);
	PG_RETURN_BOOL(LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL);
}
