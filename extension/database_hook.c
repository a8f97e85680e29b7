/*
 * database_hook.c
 *		What workers have to know about commands of other sessions.
 *
 * Before a command that needs a database without connections (DROP, RENAME, SET TABLESPACE, use as
 * a template) the workers of that database are asked to leave: DROP DATABASE would wait for an idle
 * worker for five seconds and then give up.  So they are before DROP EXTENSION, which locks one thing
 * after the other while a worker in a transaction does the same in another order.  Workers that begin
 * while it runs see the lock on the extension (require_extension() in worker.c).  The slot of the
 * database is held until the transaction ends either way (wake.c lets go of it), so a command that fails
 * gets its workers back, and one that succeeds isn't disturbed by new ones before it has committed.
 *
 * COMMIT PREPARED makes rows visible that were noted by nobody (the notes of wake.c end with
 * PREPARE), so all workers are asked to look at everything.  The same goes for commands that may
 * have dropped the extension.
 *
 * Only who may drop a database can send its workers away.
 */
#include "postgres.h"

#include <signal.h>

#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/condition_variable.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "database_hook.h"
#include "shmem.h"
#include "wake.h"

/* As long as PostgreSQL itself waits for other sessions to leave. */
#define LEAVE_TIMEOUT_MS 5000
/* after which a transaction of a worker is cancelled */
#define PATIENCE_MS 2000

static ProcessUtility_hook_type prev_ProcessUtility = NULL;

PG_FUNCTION_INFO_V1(agenda_empty_database);

static void utility_hook(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
						 ProcessUtilityContext context, ParamListInfo params,
						 QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc);
static void look_at_command(Node *stmt);
static bool drops_us(const DropStmt *stmt);
static void lock_extension(void);
static const char *template_of(const CreatedbStmt *stmt);
static bool changes_tablespace(const AlterDatabaseStmt *stmt);
static void empty_database(const char *dbname);
static void wait_until_empty(AgendaSlot *slot);
static void wait_for_workers(AgendaSlot *slot, TimestampTz deadline);
static void terminate_workers(AgendaSlot *slot);

void
agenda_database_hook_init(void)
{
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = utility_hook;
}

/* agenda._empty_database() → void: no worker here until this transaction ends */
Datum
agenda_empty_database(PG_FUNCTION_ARGS)
{
	empty_database(get_database_name(MyDatabaseId));
	PG_RETURN_VOID();
}

/* ProcessUtility_hook */
static void
utility_hook(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
			 ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *queryEnv,
			 DestReceiver *dest, QueryCompletion *qc)
{
	look_at_command(pstmt->utilityStmt);

	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest,
								qc);
}

/*
 * Before the command runs.  What has to follow it is noted for the commit; if it fails, the notes
 * are dropped with its transaction.
 */
static void
look_at_command(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_TransactionStmt:
			if (castNode(TransactionStmt, stmt)->kind == TRANS_STMT_COMMIT_PREPARED)
				agenda_wake_sweep_at_commit();
			break;

		case T_DropStmt:
			if (castNode(DropStmt, stmt)->removeType == OBJECT_EXTENSION ||
				castNode(DropStmt, stmt)->removeType == OBJECT_SCHEMA)
				agenda_wake_sweep_at_commit();
			if (drops_us(castNode(DropStmt, stmt)))
			{
				lock_extension();
				empty_database(get_database_name(MyDatabaseId));
			}
			break;

		case T_DropOwnedStmt:
			agenda_wake_sweep_at_commit();
			break;

		case T_DropdbStmt:
			empty_database(castNode(DropdbStmt, stmt)->dbname);
			break;

		case T_RenameStmt:
			if (castNode(RenameStmt, stmt)->renameType == OBJECT_DATABASE)
				empty_database(castNode(RenameStmt, stmt)->subname);
			break;

		case T_AlterDatabaseStmt:
			if (changes_tablespace(castNode(AlterDatabaseStmt, stmt)))
				empty_database(castNode(AlterDatabaseStmt, stmt)->dbname);
			break;

		case T_CreatedbStmt:
			empty_database(template_of(castNode(CreatedbStmt, stmt)));
			agenda_wake_database_list_at_commit();
			break;

		default:
			break;
	}
}

static bool
drops_us(const DropStmt *stmt)
{
	ListCell *lc;

	if (stmt->removeType != OBJECT_EXTENSION)
		return false;
	foreach (lc, stmt->objects)
		if (strcmp(strVal(lfirst(lc)), "pg_agenda") == 0)
			return true;
	return false;
}

/*
 * The first lock that DROP EXTENSION takes itself.  Taken before the slot is looked for: a database that
 * has no slot yet may get one, and workers, before the extension is gone.
 */
static void
lock_extension(void)
{
	Oid extension = get_extension_oid("pg_agenda", true);

	if (OidIsValid(extension))
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessExclusiveLock);
}

static const char *
template_of(const CreatedbStmt *stmt)
{
	ListCell *lc;

	foreach (lc, stmt->options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "template") == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return "template1";
}

static bool
changes_tablespace(const AlterDatabaseStmt *stmt)
{
	ListCell *lc;

	foreach (lc, stmt->options)
		if (strcmp(lfirst_node(DefElem, lc)->defname, "tablespace") == 0)
			return true;
	return false;
}

/*
 * Keeps workers out of the database until the end of the transaction.  When they don't leave in
 * time, the command goes on and reports in its own words who is connected.
 */
static void
empty_database(const char *dbname)
{
	Oid database = get_database_oid(dbname, true);
	int slot_no = agenda_slot_find(database);
	AgendaSlot *slot;

	if (slot_no == AGENDA_NO_SLOT || !pg_database_ownercheck(database, GetUserId()))
		return;

	agenda_wake_release_slot_at_end(slot_no);
	slot = &agenda_shared->slots[slot_no];
	SpinLockAcquire(&slot->mutex);
	slot->holds++;
	SpinLockRelease(&slot->mutex);
	agenda_slot_wake(slot);
	wait_until_empty(slot);
}

/*
 * An idle worker leaves at once.  One in the middle of a transaction finds out at its end, which may
 * be too late; so its transaction is cancelled when it has had some time.
 */
static void
wait_until_empty(AgendaSlot *slot)
{
	TimestampTz begin = GetCurrentTimestamp();

	wait_for_workers(slot, TimestampTzPlusMilliseconds(begin, PATIENCE_MS));
	terminate_workers(slot);
	wait_for_workers(slot, TimestampTzPlusMilliseconds(begin, LEAVE_TIMEOUT_MS));
}

static void
wait_for_workers(AgendaSlot *slot, TimestampTz deadline)
{
	long left;

	ConditionVariablePrepareToSleep(&slot->worker_gone);
	while (!agenda_slot_empty(slot) &&
		   (left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline)) > 0)
		ConditionVariableTimedSleep(&slot->worker_gone, left, PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
}

static void
terminate_workers(AgendaSlot *slot)
{
	for (int w = 0; w < agenda_n_workers(); w++)
	{
		pid_t pid;

		SpinLockAcquire(&slot->mutex);
		pid = slot->worker[w].pid;
		SpinLockRelease(&slot->mutex);
		if (pid != 0)
			kill(pid, SIGTERM);
	}
}
