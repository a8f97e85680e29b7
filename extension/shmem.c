/*
 * shmem.c
 *		Shared memory of launcher, workers and committing backends.
 *
 * Locks are spinlocks, one per slot and one for the launcher's header, held for a few assignments;
 * no two of them are ever held together.  Latches are set after the lock is let go of: a process
 * that has exited meanwhile leaves a latch that belongs to nobody or to a successor, and setting
 * that costs one needless round.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "settings.h"
#include "shmem.h"

AgendaShared *agenda_shared = NULL;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

/* So high that what was written before is still above 0, which no mark has that was ever taken. */
const AgendaBacklogMark agenda_backlog_begin = { .events = UINT64CONST(1) << 62,
												 .bytes = UINT64CONST(1) << 62 };

static Size shared_size(void);
static void request_shared(void);
static void attach_shared(void);

void
agenda_shmem_init(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shared;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_shared;
}

static Size
shared_size(void)
{
	return add_size(offsetof(AgendaShared, slots),
					mul_size(agenda_max_databases + 1, sizeof(AgendaSlot)));
}

/* shmem_request_hook */
static void
request_shared(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(shared_size());
}

/* shmem_startup_hook; runs again, on fresh memory, after a crash */
static void
attach_shared(void)
{
	bool found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	agenda_shared = ShmemInitStruct("pg_agenda", shared_size(), &found);
	if (!found)
	{
		memset(agenda_shared, 0, shared_size());
		SpinLockInit(&agenda_shared->mutex);
		agenda_shared->event_key = agenda_event_key;
		agenda_shared->n_slots = agenda_max_databases + 1;
		for (int i = 0; i < agenda_shared->n_slots; i++)
		{
			SpinLockInit(&agenda_shared->slots[i].mutex);
			ConditionVariableInit(&agenda_shared->slots[i].worker_gone);
			agenda_slot_reset(&agenda_shared->slots[i]);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Everything that belongs to one database; generations and holds go on. */
void
agenda_slot_reset(AgendaSlot *slot)
{
	SpinLockAcquire(&slot->mutex);
	slot->database = InvalidOid;
	slot->presence = AGENDA_PRESENCE_UNKNOWN;
	memset(&slot->scanner, 0, sizeof(slot->scanner));
	slot->scanner.floor = DT_NOBEGIN;
	slot->scanner.new_min = DT_NOEND;
	slot->scanner.next_wake = DT_NOBEGIN;
	slot->foreign_told = false;
	slot->written = agenda_backlog_begin;
	memset(slot->drainer, 0, sizeof(slot->drainer));
	for (int d = 0; d < AGENDA_MAX_DRAINERS; d++)
		slot->drainer[d].passed = agenda_backlog_begin;
	for (int w = 0; w < AGENDA_MAX_WORKERS; w++)
	{
		slot->worker[w].last_error_at = 0;
		slot->worker[w].last_error[0] = '\0';
	}
	SpinLockRelease(&slot->mutex);
}

int
agenda_n_workers(void)
{
	return agenda_kind_first(AGENDA_EXTRA_SCANNER) + agenda_kind_count(AGENDA_EXTRA_SCANNER);
}

AgendaWorkerKind
agenda_worker_kind(int worker)
{
	if (worker < AGENDA_DRAINER)
		return (AgendaWorkerKind) worker;
	return worker < agenda_kind_first(AGENDA_EXTRA_SCANNER) ? AGENDA_DRAINER : AGENDA_EXTRA_SCANNER;
}

int
agenda_worker_index(int worker)
{
	return worker - agenda_kind_first(agenda_worker_kind(worker));
}

int
agenda_kind_count(AgendaWorkerKind kind)
{
	switch (kind)
	{
		case AGENDA_DRAINER:
			return agenda_drainers;
		case AGENDA_EXTRA_SCANNER:
			return agenda_scanners - 1;
		default:
			return 1;
	}
}

int
agenda_kind_first(AgendaWorkerKind kind)
{
	return kind <= AGENDA_DRAINER ? (int) kind : AGENDA_DRAINER + agenda_drainers;
}

/*
 * Backends of one database ask for the same slot again and again, so the last answer is tried
 * first.  A stale answer can't do harm: the caller wakes somebody for nothing.
 */
int
agenda_slot_find(Oid database)
{
	static int last_found = 0;

	if (agenda_shared == NULL || !OidIsValid(database))
		return AGENDA_NO_SLOT;
	for (int n = 0; n < agenda_shared->n_slots; n++)
	{
		int i = (last_found + n) % agenda_shared->n_slots;
		AgendaSlot *slot = &agenda_shared->slots[i];
		bool match;

		SpinLockAcquire(&slot->mutex);
		match = (slot->database == database);
		SpinLockRelease(&slot->mutex);
		if (match)
		{
			last_found = i;
			return i;
		}
	}
	return AGENDA_NO_SLOT;
}

void
agenda_slot_wake(AgendaSlot *slot)
{
	Latch *latch[AGENDA_MAX_WORKERS];
	int n_workers = agenda_n_workers();

	SpinLockAcquire(&slot->mutex);
	for (int w = 0; w < n_workers; w++)
		latch[w] = slot->worker[w].latch;
	SpinLockRelease(&slot->mutex);

	for (int w = 0; w < n_workers; w++)
		if (latch[w] != NULL)
			SetLatch(latch[w]);
}

bool
agenda_slot_empty(AgendaSlot *slot)
{
	bool empty = true;

	SpinLockAcquire(&slot->mutex);
	for (int w = 0; w < agenda_n_workers(); w++)
		if (slot->worker[w].pid != 0)
			empty = false;
	SpinLockRelease(&slot->mutex);
	return empty;
}

void
agenda_launcher_wake(void)
{
	Latch *latch;

	SpinLockAcquire(&agenda_shared->mutex);
	latch = agenda_shared->launcher_latch;
	SpinLockRelease(&agenda_shared->mutex);
	if (latch != NULL)
		SetLatch(latch);
}

/* More requests than fit turn into one for every database. */
void
agenda_launcher_request(Oid database)
{
	bool known = false;

	if (agenda_shared == NULL)
		return;
	SpinLockAcquire(&agenda_shared->mutex);
	for (int i = 0; i < agenda_shared->n_requests; i++)
		known |= (agenda_shared->requests[i] == database);
	if (!OidIsValid(database))
		agenda_shared->list_databases = true;
	else if (known)
		/* it has not been taken yet: nothing to add */;
	else if (agenda_shared->n_requests < AGENDA_MAX_REQUESTS)
		agenda_shared->requests[agenda_shared->n_requests++] = database;
	else
		agenda_shared->probe_all = true;
	SpinLockRelease(&agenda_shared->mutex);
	agenda_launcher_wake();
}

/* Close where the tail of a healthy broker is: percentiles are read from straight lines between bounds. */
const double agenda_histogram_bounds[AGENDA_HISTOGRAM_BUCKETS - 1] = {
	0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.015,
	0.025,  0.05,  0.1,    0.25,  0.5,   1,     2.5,   5,     10,    60,   600
};

void
agenda_histogram_add(AgendaHistogram *histogram, int64 microseconds)
{
	/* a clock that steps back makes no negative durations */
	double seconds = (double) Max(microseconds, 0) / USECS_PER_SEC;
	int i = 0;

	while (i < AGENDA_HISTOGRAM_BUCKETS - 1 && seconds > agenda_histogram_bounds[i])
		i++;
	histogram->bucket[i]++;
	histogram->sum += seconds;
}

void
agenda_histogram_merge(AgendaHistogram *histogram, const AgendaHistogram *other)
{
	for (int i = 0; i < AGENDA_HISTOGRAM_BUCKETS; i++)
		histogram->bucket[i] += other->bucket[i];
	histogram->sum += other->sum;
}

const char *
agenda_state_name(AgendaWorkerState state)
{
	switch (state)
	{
		case AGENDA_STATE_STOPPED:
			return "not running";
		case AGENDA_STATE_STARTING:
			return "starting";
		case AGENDA_STATE_IDLE:
			return "idle";
		case AGENDA_STATE_WORKING:
			return "working";
		case AGENDA_STATE_PUBLISHING:
			return "publishing";
		case AGENDA_STATE_BROKER_DOWN:
			return "waiting for the broker";
		case AGENDA_STATE_UNREPLICATED:
			return "waiting for a synchronous standby";
		case AGENDA_STATE_NO_PUBLISHER:
			return "no publisher";
		case AGENDA_STATE_NO_SENDER:
			return "no sender";
		case AGENDA_STATE_FOREIGN_LOG:
			return "log belongs to another cluster";
		case AGENDA_STATE_HALTED:
			return "halted by a refused record";
		case AGENDA_STATE_RETRYING:
			return "retrying after an error";
	}
	return "unknown";
}
