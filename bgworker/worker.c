/*
 * worker.c
 *		What scanner and drainer have in common: beginning, transactions, waiting, leaving.
 *
 * A worker first takes its place in the slot, then connects to the database, so that somebody who
 * wants the database empty sees it from its first moment; its exit callback runs after the process
 * has left the list of connections, so that an empty slot means an empty database.
 *
 * Rights: workers connect as the bootstrap superuser and run every transaction of theirs as
 * agenda_service, with a pinned search_path and no time limits taken from the database.
 *
 * Memory: a transaction's work runs in the transaction's own context.  What has to outlive it is
 * copied by the caller into a context of the caller's.
 *
 * Interrupts: SIGTERM only raises a flag while the worker waits or publishes, so that the drainer
 * can save its position; inside a transaction it cancels whatever is running.  Everything else
 * (barriers of DROP DATABASE, catalog invalidation) is served by CHECK_FOR_INTERRUPTS in the wait.
 *
 * Errors of a transaction end that transaction and not the worker.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "settings.h"
#include "worker.h"

#define WORKER_ROLE      "agenda_service"
#define FIRST_BACKOFF_MS 100L

AgendaSlot *agenda_worker_slot = NULL;

static AgendaWorkerArgs self;
static AgendaWorkerInfo *self_info = NULL;
static WaitEventSet *wait_set = NULL;

/* Set while a transaction runs, so that SIGTERM knows whether to cancel it. */
static volatile sig_atomic_t in_transaction = false;

/* The extension was there when it was last looked for, and nothing has been dropped since. */
static bool extension_seen = false;

/* What a database or role may have set otherwise. */
static const struct
{
	const char *name;
	const char *value;
} pinned_settings[] = {
	{ "search_path", "pg_catalog" },
	{ "TimeZone", "UTC" },
	{ "DateStyle", "ISO, MDY" },
	{ "IntervalStyle", "postgres" },
	{ "statement_timeout", "0" },
	{ "idle_in_transaction_session_timeout", "0" },
	{ "lock_timeout", "5s" },
	/* who waits in a ring with a user looks first, and gives way */
	{ "deadlock_timeout", "100ms" },
	{ "default_transaction_isolation", "read committed" },
	{ "default_transaction_read_only", "off" },
	{ "default_transaction_deferrable", "off" },
	{ "jit", "off" },
};

static void handle_sigterm(SIGNAL_ARGS);
static void take_place(Oid *database);
static void leave_place(int code, Datum arg);
static void pin_settings(void);
static void begin_transaction(const char *activity);
static void end_transaction(void);
static void recover_from_error(MemoryContext context);
static void require_extension(void);
static bool see_extension(void);
static void leave_database(void);
static void forget_extension(Datum arg, Oid relid);
static void note_presence(AgendaPresence presence);
static int wait_events(long timeout_ms);
static void beat(void);

int
agenda_worker_begin(AgendaWorkerKind kind)
{
	Oid database;

	memcpy(&self, MyBgworkerEntry->bgw_extra, sizeof(self));
	Assert(agenda_worker_kind(self.worker) == kind);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, handle_sigterm);
	BackgroundWorkerUnblockSignals();

	take_place(&database);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	pin_settings();
	CacheRegisterRelcacheCallback(forget_extension, (Datum) 0);
	agenda_worker_watch_fd(PGINVALID_SOCKET);
	return agenda_worker_index(self.worker);
}

/* SIGTERM: see the head of the file. */
static void
handle_sigterm(SIGNAL_ARGS)
{
	ShutdownRequestPending = true;
	if (in_transaction)
		die(postgres_signal_arg);
	else
		SetLatch(MyLatch);
}

/* Takes the worker's place in its slot, or exits when it has been overtaken by events. */
static void
take_place(Oid *database)
{
	TimestampTz now = GetCurrentTimestamp();
	bool wanted;

	agenda_worker_slot = &agenda_shared->slots[self.slot_no];
	self_info = &agenda_worker_slot->worker[self.worker];

	SpinLockAcquire(&agenda_worker_slot->mutex);
	wanted = OidIsValid(agenda_worker_slot->database) && self_info->generation == self.generation &&
			 self_info->pid == 0 && agenda_worker_slot->holds == 0 &&
			 agenda_worker_slot->presence <= AGENDA_PRESENT;
	if (wanted)
	{
		*database = agenda_worker_slot->database;
		self_info->pid = MyProcPid;
		self_info->latch = MyLatch;
		self_info->state = AGENDA_STATE_STARTING;
		self_info->since = self_info->heartbeat = now;
	}
	SpinLockRelease(&agenda_worker_slot->mutex);

	if (!wanted)
		proc_exit(0);
	on_shmem_exit(leave_place, (Datum) 0);
}

/* on_shmem_exit callback; registered before the connection, hence run after it has ended */
static void
leave_place(int code, Datum arg)
{
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&agenda_worker_slot->mutex);
	self_info->pid = 0;
	self_info->latch = NULL;
	self_info->state = AGENDA_STATE_STOPPED;
	self_info->since = now;
	SpinLockRelease(&agenda_worker_slot->mutex);

	ConditionVariableBroadcast(&agenda_worker_slot->worker_gone);
	agenda_launcher_wake();
}

static void
pin_settings(void)
{
	for (int i = 0; i < lengthof(pinned_settings); i++)
		SetConfigOption(pinned_settings[i].name, pinned_settings[i].value, PGC_SUSET,
						PGC_S_OVERRIDE);
	SetConfigOption("application_name", MyBgworkerEntry->bgw_name, PGC_USERSET, PGC_S_OVERRIDE);
}

void
agenda_worker_exit(void)
{
	proc_exit(0);
}

bool
agenda_worker_must_stop(void)
{
	bool unwanted;

	SpinLockAcquire(&agenda_worker_slot->mutex);
	unwanted = agenda_worker_slot->holds > 0 || agenda_worker_slot->presence > AGENDA_PRESENT ||
			   self_info->generation != self.generation;
	SpinLockRelease(&agenda_worker_slot->mutex);
	return unwanted || ShutdownRequestPending;
}

bool
agenda_worker_transaction(const char *activity, AgendaWork work, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool ok = false;

	in_transaction = true;
	PG_TRY();
	{
		begin_transaction(activity);
		work(arg);
		end_transaction();
		ok = true;
	}
	PG_CATCH();
	{
		recover_from_error(context);
	}
	PG_END_TRY();
	in_transaction = false;

	MemoryContextSwitchTo(context);
	return ok;
}

static void
begin_transaction(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	pgstat_report_activity(STATE_RUNNING, activity);

	/* first of all: without the extension there may be no such role either */
	require_extension();
	SetUserIdAndSecContext(get_role_oid(WORKER_ROLE, false), SECURITY_LOCAL_USERID_CHANGE);
}

/* The role lasts through the commit, so that deferred triggers don't run as the superuser. */
static void
end_transaction(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, 0);
}

/* Reports, notes and rolls back; abort restores the user, too. */
static void
recover_from_error(MemoryContext context)
{
	ErrorData *error;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	EmitErrorReport();
	FlushErrorState();
	AbortCurrentTransaction();
	RESUME_INTERRUPTS();

	MemoryContextSwitchTo(context);
	agenda_worker_note_error(error->message);
	agenda_worker_set_state(AGENDA_STATE_RETRYING);
	FreeErrorData(error);
}

/*
 * It is the extension that counts and not the name of a schema.  Its tables go with it, so it is looked
 * for after a relcache message only; those that were sent before a transaction are read at its
 * beginning.  Whoever finds it missing takes the other worker along.  A database into which a
 * dump is being restored counts as one without, until agenda.post_restore() wakes the launcher.
 */
static void
require_extension(void)
{
	if (extension_seen && !agenda_restoring)
		return;
	extension_seen = see_extension();
	if (extension_seen && !agenda_restoring)
	{
		note_presence(AGENDA_PRESENT);
		return;
	}
	note_presence(AGENDA_ABSENT);
	leave_database();
}

/*
 * Whoever drops the extension holds its lock from the first moment (database_hook.c).  Waiting for it,
 * or for anything behind it, could become a ring; so the worker leaves, and the launcher has
 * another one look later.
 */
static bool
see_extension(void)
{
	Oid extension = get_extension_oid("pg_agenda", true);

	if (!OidIsValid(extension))
		return false;
	if (!ConditionalLockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock))
		leave_database();
	/* again, for it may have gone before there was the lock */
	return OidIsValid(get_extension_oid("pg_agenda", true));
}

static void
leave_database(void)
{
	end_transaction();
	agenda_worker_exit();
}

/* Relcache callback */
static void
forget_extension(Datum arg, Oid relid)
{
	extension_seen = false;
}

/* It only ever goes up, so that nobody calls back what another has sent away. */
static void
note_presence(AgendaPresence presence)
{
	bool changed;

	SpinLockAcquire(&agenda_worker_slot->mutex);
	changed = agenda_worker_slot->presence < presence;
	agenda_worker_slot->presence = Max(agenda_worker_slot->presence, presence);
	SpinLockRelease(&agenda_worker_slot->mutex);

	if (changed)
	{
		agenda_slot_wake(agenda_worker_slot);
		agenda_launcher_wake();
	}
}

void
agenda_worker_query(AgendaQuery *query, Datum *values, const char *nulls)
{
	int rc;

	if (query->plan == NULL)
	{
		SPIPlanPtr plan = SPI_prepare(query->sql, query->nargs, query->argtypes);

		if (plan == NULL)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		query->plan = plan;
	}
	rc = SPI_execute_plan(query->plan, values, nulls, query->read_only, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
}

long
agenda_worker_time_left(TimestampTz until, long most_ms)
{
	TimestampTz now = GetCurrentTimestamp();
	long left_ms = until <= now ? 0 : TimestampDifferenceMilliseconds(now, until);

	return left_ms <= most_ms ? left_ms : 0;
}

long
agenda_worker_backoff(int failures, long most_ms)
{
	return Min(FIRST_BACKOFF_MS << Min(failures, 10), most_ms);
}

/*
 * Table statistics go out at most once a second, so before a longer sleep there may be some left;
 * they get a wake-up of their own, after which there are none and nothing wakes us for them again.
 */
int
agenda_worker_wait(long timeout_ms, const char *activity)
{
	long stats_ms = pgstat_report_stat(false);
	int woken;

	pgstat_report_activity(STATE_IDLE, activity);
	if (stats_ms > 0 && (timeout_ms < 0 || stats_ms < timeout_ms))
	{
		woken = wait_events(stats_ms);
		if (woken != 0)
			return woken;
		pgstat_report_stat(true);
		if (timeout_ms > 0)
			timeout_ms -= stats_ms;
	}
	return wait_events(timeout_ms);
}

static int
wait_events(long timeout_ms)
{
	WaitEvent events[3];
	int n;
	int woken = 0;

	n = WaitEventSetWait(wait_set, timeout_ms, events, lengthof(events), PG_WAIT_EXTENSION);
	for (int i = 0; i < n; i++)
	{
		if (events[i].events & WL_LATCH_SET)
			woken |= AGENDA_WOKEN_BY_LATCH;
		if (events[i].events & WL_SOCKET_READABLE)
			woken |= AGENDA_WOKEN_BY_FD;
	}
	if (woken & AGENDA_WOKEN_BY_LATCH)
		ResetLatch(MyLatch);

	QueryCancelPending = false; /* nothing runs that could be cancelled */
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		woken |= AGENDA_WOKEN_BY_RELOAD;
	}

	beat();
	return woken;
}

static void
beat(void)
{
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&agenda_worker_slot->mutex);
	self_info->heartbeat = now;
	self_info->wakeups++;
	SpinLockRelease(&agenda_worker_slot->mutex);
}

void
agenda_worker_watch_fd(pgsocket fd)
{
	if (wait_set != NULL)
		FreeWaitEventSet(wait_set);
	wait_set = CreateWaitEventSet(TopMemoryContext, 3);
	AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	if (fd != PGINVALID_SOCKET)
		AddWaitEventToSet(wait_set, WL_SOCKET_READABLE, fd, NULL, NULL);
}

void
agenda_worker_set_state(AgendaWorkerState state)
{
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&agenda_worker_slot->mutex);
	if (self_info->state != state)
	{
		self_info->state = state;
		self_info->since = now;
	}
	self_info->heartbeat = now;
	SpinLockRelease(&agenda_worker_slot->mutex);
}

void
agenda_worker_note_error(const char *message)
{
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&agenda_worker_slot->mutex);
	strlcpy(self_info->last_error, message, AGENDA_ERROR_TEXT);
	self_info->last_error_at = now;
	SpinLockRelease(&agenda_worker_slot->mutex);
}
