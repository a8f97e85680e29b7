/*
 * launcher.c
 *		The process that finds databases with the extension and keeps their workers running.
 *
 * One per cluster.  It is connected to no database (it reads pg_database, which is shared), so it
 * is in nobody's way.  Whether a database has the extension can only be seen from inside: a scanner
 * is started there, looks, and exits when it doesn't find it.  One database is looked at after the
 * other, which keeps the number of processes small in a cluster with many databases.
 *
 * It looks at a database when it sees it for the first time and when CREATE EXTENSION asks for it
 * (agenda._wake_launcher); it reads the list of databases once a minute and when a session has
 * created one.  A database that had no extension is remembered and not looked at again.  There is one
 * slot more than agenda.max_databases, so that it can look even when all places are taken.
 *
 * Who owns what: only the launcher assigns and frees slots, counts generations and starts workers;
 * workers write their own pid; the launcher keeps process-local notes per slot (SlotNotes).
 * A worker that ends is started again, at once if it ran for a while, else with growing pauses.
 *
 * If the launcher itself dies, workers go on, and the next one adopts them by the slots.  A worker
 * that was started by the old one but hasn't taken its place yet finds another generation there
 * and exits.
 *
 * Memory: the notes live in TopMemoryContext; the list of databases in a context per round.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "launcher.h"
#include "settings.h"
#include "shmem.h"
#include "worker.h"

#define LIST_EVERY_MS    60000
#define RESTART_TIME_S   1
#define FIRST_PAUSE_MS   100
#define LONGEST_PAUSE_MS 30000
#define RAN_WELL_MS      10000 /* a worker that lived so long is restarted at once */

/* A database as pg_database has it. */
typedef struct Database
{
	Oid oid;
	NameData name;
} Database;

/* What the launcher knows about a database that has no slot. */
typedef struct KnownDatabase
{
	Oid oid;       /* hash key */
	bool to_probe; /* somebody has to look whether it has the extension */
	bool no_place; /* it has it, but all places are taken */
	bool listed;   /* seen in the current reading of the list */
	NameData name;
} KnownDatabase;

/* Process-local notes about one worker of a slot. */
typedef struct Keeper
{
	BackgroundWorkerHandle *handle; /* NULL: not started by this launcher */
	TimestampTz started;
	TimestampTz not_before; /* pause until then */
	int failures;           /* in a row */
	bool told;              /* the log says that there is no process for it */
} Keeper;

/* Process-local notes about a slot. */
typedef struct SlotNotes
{
	bool admitted; /* one of the agenda.max_databases */
	Keeper keeper[AGENDA_MAX_WORKERS];
} SlotNotes;

static HTAB *known = NULL;
static SlotNotes *notes = NULL; /* as many as slots */
static TimestampTz next_list = DT_NOBEGIN;
static TimestampTz wake_at; /* when the next round is due */

static const char *const worker_type[] = { [AGENDA_SCANNER] = "pg_agenda scanner",
										   [AGENDA_DRAINER] = "pg_agenda drainer",
										   [AGENDA_DELIVERER] = "pg_agenda deliverer",
										   [AGENDA_EXTRA_SCANNER] = "pg_agenda extra scanner" };
static const char *const worker_main[] = { [AGENDA_SCANNER] = "agenda_scanner_main",
										   [AGENDA_DRAINER] = "agenda_drainer_main",
										   [AGENDA_DELIVERER] = "agenda_deliverer_main",
										   [AGENDA_EXTRA_SCANNER] = "agenda_extra_scanner_main" };

static void begin_launcher(void);
static void leave_launcher(int code, Datum arg);
static void launcher_round(void);
static void wait_for_work(void);
static void take_requests(void);
static void request_probe(Oid oid);
static void request_all_probes(void);
static void refresh_list(void);
static List *read_databases(MemoryContext context);
static bool wants_workers(Form_pg_database form);
static void forget_unlisted(void);
static bool keep_slot(int slot_no);
static bool admit(int slot_no, KnownDatabase *db);
static bool worker_running(AgendaSlot *slot, int worker, Keeper *keeper);
static bool any_worker_running(AgendaSlot *slot, SlotNotes *note);
static void note_end(Keeper *keeper);
static void ensure_kind(int slot_no, AgendaWorkerKind kind, const char *dbname);
static void ensure_worker(int slot_no, int worker, const char *dbname);
static bool start_worker(int slot_no, int worker, const char *dbname);
static void lengthen_pause(Keeper *keeper);
static void probe_next(void);
static int find_free_slot(void);
static void assign_slot(int slot_no, Oid database);
static void free_slot(int slot_no);

void
agenda_launcher_register(void)
{
	BackgroundWorker worker = { .bgw_flags =
									BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
								.bgw_start_time = BgWorkerStart_RecoveryFinished,
								.bgw_restart_time = RESTART_TIME_S };

	snprintf(worker.bgw_name, BGW_MAXLEN, "pg_agenda launcher");
	snprintf(worker.bgw_type, BGW_MAXLEN, "pg_agenda launcher");
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "pg_agenda");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "agenda_launcher_main");
	RegisterBackgroundWorker(&worker);
}

void
agenda_launcher_main(Datum main_arg)
{
	MemoryContext round_context;

	begin_launcher();
	round_context =
		AllocSetContextCreate(TopMemoryContext, "pg_agenda launcher round", ALLOCSET_DEFAULT_SIZES);
	while (!ShutdownRequestPending)
	{
		MemoryContextSwitchTo(round_context);
		launcher_round();
		MemoryContextSwitchTo(TopMemoryContext);
		MemoryContextReset(round_context);
		wait_for_work();
	}

	/* not 0, which would mean that it need not run any more */
	proc_exit(1);
}

static void
begin_launcher(void)
{
	HASHCTL ctl = { .keysize = sizeof(Oid), .entrysize = sizeof(KnownDatabase) };

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	SetConfigOption("application_name", MyBgworkerEntry->bgw_name, PGC_USERSET, PGC_S_OVERRIDE);

	known = hash_create("pg_agenda databases", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	notes = MemoryContextAllocZero(TopMemoryContext, agenda_shared->n_slots * sizeof(SlotNotes));

	SpinLockAcquire(&agenda_shared->mutex);
	agenda_shared->launcher_pid = MyProcPid;
	agenda_shared->launcher_latch = MyLatch;
	SpinLockRelease(&agenda_shared->mutex);
	on_shmem_exit(leave_launcher, (Datum) 0);
}

/* on_shmem_exit callback */
static void
leave_launcher(int code, Datum arg)
{
	SpinLockAcquire(&agenda_shared->mutex);
	agenda_shared->launcher_pid = 0;
	agenda_shared->launcher_latch = NULL;
	SpinLockRelease(&agenda_shared->mutex);
}

/* Everything that is due, once. */
static void
launcher_round(void)
{
	bool probing = false;

	take_requests();
	if (agenda_worker_time_left(next_list, LIST_EVERY_MS) == 0)
		refresh_list();
	wake_at = next_list;

	for (int i = 0; i < agenda_shared->n_slots; i++)
		probing |= keep_slot(i);
	if (!probing)
		probe_next();
}

static void
wait_for_work(void)
{
	/* after a step of the clock the time may be anywhere, but it was not set further away */
	long timeout_ms =
		Min(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), wake_at), LIST_EVERY_MS);

	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, "watching databases");
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	QueryCancelPending = false; /* nothing runs that could be cancelled */
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* Takes what other sessions have left in shared memory. */
static void
take_requests(void)
{
	Oid requests[AGENDA_MAX_REQUESTS];
	int n_requests;
	bool list;
	bool all;

	SpinLockAcquire(&agenda_shared->mutex);
	n_requests = agenda_shared->n_requests;
	memcpy(requests, agenda_shared->requests, n_requests * sizeof(Oid));
	list = agenda_shared->list_databases;
	all = agenda_shared->probe_all;
	agenda_shared->n_requests = 0;
	agenda_shared->list_databases = agenda_shared->probe_all = false;
	SpinLockRelease(&agenda_shared->mutex);

	for (int i = 0; i < n_requests; i++)
		request_probe(requests[i]);
	if (all)
		request_all_probes();
	if (list || all)
		next_list = DT_NOBEGIN;
}

/*
 * The mark lasts until a slot is assigned.  So a request that comes while an earlier look is still
 * under way, and may have been too early for what was committed just now, leads to another look.
 */
static void
request_probe(Oid oid)
{
	KnownDatabase *db = hash_search(known, &oid, HASH_FIND, NULL);

	if (db != NULL)
		db->to_probe = true;
	else
		next_list = DT_NOBEGIN; /* a database seen for the first time is looked at anyway */
}

static void
request_all_probes(void)
{
	HASH_SEQ_STATUS seq;
	KnownDatabase *db;

	hash_seq_init(&seq, known);
	while ((db = hash_seq_search(&seq)) != NULL)
		db->to_probe = true;
}

/* Brings what is known up to date with pg_database. */
static void
refresh_list(void)
{
	List *databases = read_databases(CurrentMemoryContext);
	ListCell *lc;

	foreach (lc, databases)
	{
		Database *seen = lfirst(lc);
		bool found;
		KnownDatabase *db = hash_search(known, &seen->oid, HASH_ENTER, &found);

		if (!found)
			db->to_probe = true;
		db->listed = true;
		db->name = seen->name;
	}
	forget_unlisted();
	next_list = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LIST_EVERY_MS);
}

/* The list is made in the given context, outside of which the transaction leaves nothing. */
static List *
read_databases(MemoryContext context)
{
	List *result = NIL;
	Relation rel;
	TableScanDesc scan;
	HeapTuple tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;
		Database *db;

		if (!wants_workers(form))
			continue;
		old = MemoryContextSwitchTo(context);
		db = palloc(sizeof(Database));
		db->oid = form->oid;
		db->name = form->datname;
		result = lappend(result, db);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return result;
}

/* Templates hold no live data, and workers in them would be in the way of CREATE DATABASE. */
static bool
wants_workers(Form_pg_database form)
{
	return form->datallowconn && !form->datistemplate &&
		   form->datconnlimit != DATCONNLIMIT_INVALID_DB;
}

static void
forget_unlisted(void)
{
	HASH_SEQ_STATUS seq;
	KnownDatabase *db;

	hash_seq_init(&seq, known);
	while ((db = hash_seq_search(&seq)) != NULL)
	{
		if (!db->listed)
			hash_search(known, &db->oid, HASH_REMOVE, NULL);
		else
			db->listed = false; /* for the next time */
	}
}

/*
 * Starts what should run and does not, and frees the slot when nothing should.  True while somebody
 * is looking whether the database has the extension.
 */
static bool
keep_slot(int slot_no)
{
	AgendaSlot *slot = &agenda_shared->slots[slot_no];
	SlotNotes *note = &notes[slot_no];
	AgendaPresence presence;
	Oid database;
	bool held;
	KnownDatabase *db;

	SpinLockAcquire(&slot->mutex);
	database = slot->database;
	presence = slot->presence;
	held = slot->holds > 0;
	SpinLockRelease(&slot->mutex);
	if (!OidIsValid(database) || held)
		return false;

	db = hash_search(known, &database, HASH_FIND, NULL);
	if (db != NULL && presence == AGENDA_PRESENT && !note->admitted && !admit(slot_no, db))
		presence = AGENDA_NO_PLACE;
	if (db != NULL && presence <= AGENDA_PRESENT)
	{
		ensure_kind(slot_no, AGENDA_SCANNER, NameStr(db->name));
		if (presence == AGENDA_PRESENT)
		{
			ensure_kind(slot_no, AGENDA_DRAINER, NameStr(db->name));
			ensure_kind(slot_no, AGENDA_EXTRA_SCANNER, NameStr(db->name));
			if (agenda_delivery)
				ensure_kind(slot_no, AGENDA_DELIVERER, NameStr(db->name));
		}
	}
	else if (!any_worker_running(slot, note))
		free_slot(slot_no);
	return presence == AGENDA_PRESENCE_UNKNOWN && note->keeper[AGENDA_SCANNER].failures == 0;
}

/* A database turns out to have the extension.  False, and a warning, if there is no place for it. */
static bool
admit(int slot_no, KnownDatabase *db)
{
	AgendaSlot *slot = &agenda_shared->slots[slot_no];
	int admitted = 0;

	for (int i = 0; i < agenda_shared->n_slots; i++)
		admitted += notes[i].admitted;
	notes[slot_no].admitted = admitted < agenda_max_databases;
	if (notes[slot_no].admitted)
	{
		db->no_place = false;
		return true;
	}

	SpinLockAcquire(&slot->mutex);
	slot->presence = AGENDA_NO_PLACE;
	SpinLockRelease(&slot->mutex);
	agenda_slot_wake(slot);
	if (!db->no_place)
		ereport(WARNING, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				errmsg("no place for workers of database \"%s\"", NameStr(db->name)),
				errhint("You might need to increase agenda.max_databases."));
	db->no_place = true;
	return false;
}

/* Running, starting or leaving. */
static bool
worker_running(AgendaSlot *slot, int worker, Keeper *keeper)
{
	pid_t pid;

	SpinLockAcquire(&slot->mutex);
	pid = slot->worker[worker].pid;
	SpinLockRelease(&slot->mutex);

	if (pid != 0)
		return true;
	if (keeper->handle == NULL)
		return false; /* adopted, or never started */
	if (GetBackgroundWorkerPid(keeper->handle, &pid) != BGWH_STOPPED)
		return true;
	note_end(keeper);
	return false;
}

static bool
any_worker_running(AgendaSlot *slot, SlotNotes *note)
{
	for (int w = 0; w < agenda_n_workers(); w++)
		if (worker_running(slot, w, &note->keeper[w]))
			return true;
	return false;
}

/* A worker that this launcher has started is gone. */
static void
note_end(Keeper *keeper)
{
	TimestampTz now = GetCurrentTimestamp();

	pfree(keeper->handle);
	keeper->handle = NULL;
	if (TimestampDifferenceExceeds(keeper->started, now, RAN_WELL_MS))
		keeper->failures = 0;
	else
		lengthen_pause(keeper);
}

static void
lengthen_pause(Keeper *keeper)
{
	keeper->not_before = TimestampTzPlusMilliseconds(
		GetCurrentTimestamp(), agenda_worker_backoff(keeper->failures++, LONGEST_PAUSE_MS));
}

static void
ensure_kind(int slot_no, AgendaWorkerKind kind, const char *dbname)
{
	for (int i = 0; i < agenda_kind_count(kind); i++)
		ensure_worker(slot_no, agenda_kind_first(kind) + i, dbname);
}

/* Starts the worker unless it runs or its pause isn't over. */
static void
ensure_worker(int slot_no, int worker, const char *dbname)
{
	Keeper *keeper = &notes[slot_no].keeper[worker];
	TimestampTz now;

	if (worker_running(&agenda_shared->slots[slot_no], worker, keeper))
		return;
	now = GetCurrentTimestamp();
	if (agenda_worker_time_left(keeper->not_before, LONGEST_PAUSE_MS) == 0)
	{
		keeper->started = now;
		if (start_worker(slot_no, worker, dbname))
			return;
		lengthen_pause(keeper);
	}
	wake_at = Min(wake_at, keeper->not_before);
}

static bool
start_worker(int slot_no, int worker, const char *dbname)
{
	AgendaSlot *slot = &agenda_shared->slots[slot_no];
	AgendaWorkerArgs args = { .worker = worker, .slot_no = slot_no };
	AgendaWorkerKind kind = agenda_worker_kind(worker);
	int index = agenda_worker_index(worker);
	Keeper *keeper = &notes[slot_no].keeper[worker];
	MemoryContext old;
	bool ok;
	BackgroundWorker process = { .bgw_flags =
									 BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
								 .bgw_start_time = BgWorkerStart_RecoveryFinished,
								 .bgw_restart_time = BGW_NEVER_RESTART,
								 .bgw_notify_pid = MyProcPid };

	SpinLockAcquire(&slot->mutex);
	args.generation = ++slot->worker[worker].generation;
	SpinLockRelease(&slot->mutex);

	if (index > 0)
		snprintf(process.bgw_name, BGW_MAXLEN, "%s %d (%s)", worker_type[kind], index, dbname);
	else
		snprintf(process.bgw_name, BGW_MAXLEN, "%s (%s)", worker_type[kind], dbname);
	snprintf(process.bgw_type, BGW_MAXLEN, "%s", worker_type[kind]);
	snprintf(process.bgw_library_name, BGW_MAXLEN, "pg_agenda");
	snprintf(process.bgw_function_name, BGW_MAXLEN, "%s", worker_main[kind]);
	memcpy(process.bgw_extra, &args, sizeof(args));

	/* the handle has to outlive this round */
	old = MemoryContextSwitchTo(TopMemoryContext);
	ok = RegisterDynamicBackgroundWorker(&process, &keeper->handle);
	MemoryContextSwitchTo(old);
	/* it is tried again and again, and told when it begins */
	if (!ok)
		ereport(keeper->told ? DEBUG1 : WARNING, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				errmsg("out of background worker slots, could not start \"%s\"", process.bgw_name),
				errhint("You might need to increase max_worker_processes."));
	keeper->told = !ok;
	return ok;
}

/* Begins to look at one more database, if there is one and a slot is free. */
static void
probe_next(void)
{
	int slot_no = find_free_slot();
	HASH_SEQ_STATUS seq;
	KnownDatabase *db;

	if (slot_no == AGENDA_NO_SLOT)
		return;
	hash_seq_init(&seq, known);
	while ((db = hash_seq_search(&seq)) != NULL)
	{
		if (!db->to_probe || agenda_slot_find(db->oid) != AGENDA_NO_SLOT)
			continue;
		hash_seq_term(&seq);
		db->to_probe = false;
		assign_slot(slot_no, db->oid);
		keep_slot(slot_no);
		return;
	}
}

static int
find_free_slot(void)
{
	for (int i = 0; i < agenda_shared->n_slots; i++)
	{
		AgendaSlot *slot = &agenda_shared->slots[i];
		bool is_free;

		SpinLockAcquire(&slot->mutex);
		is_free = !OidIsValid(slot->database);
		SpinLockRelease(&slot->mutex);
		if (is_free)
			return i;
	}
	return AGENDA_NO_SLOT;
}

static void
assign_slot(int slot_no, Oid database)
{
	AgendaSlot *slot = &agenda_shared->slots[slot_no];

	memset(&notes[slot_no], 0, sizeof(SlotNotes));

	SpinLockAcquire(&slot->mutex);
	slot->database = database;
	slot->presence = AGENDA_PRESENCE_UNKNOWN;
	SpinLockRelease(&slot->mutex);
}

/* If it was a place for workers, those who had to do without one may have it now. */
static void
free_slot(int slot_no)
{
	HASH_SEQ_STATUS seq;
	KnownDatabase *db;

	agenda_slot_reset(&agenda_shared->slots[slot_no]);
	if (notes[slot_no].admitted)
	{
		hash_seq_init(&seq, known);
		while ((db = hash_seq_search(&seq)) != NULL)
			db->to_probe |= db->no_place;
	}
	notes[slot_no].admitted = false;
}
