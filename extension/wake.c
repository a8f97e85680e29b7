/*
 * wake.c
 *		Waking workers when the current transaction commits.
 *
 * During the transaction callers only leave notes in backend-local memory; one transaction
 * callback, registered when the library is loaded, acts on them.  It runs after the transaction
 * has left the array of running ones, so whoever it wakes sees the rows.  A transaction without
 * notes pays for one branch.
 *
 * Notes of a rolled-back subtransaction stay and wake somebody for nothing.  PREPARE TRANSACTION counts
 * the events, since nobody knows of them later, and drops the notes; COMMIT PREPARED asks all workers to look
 * at everything (database_hook.c).
 *
 * Not NOTIFY: that takes a lock of the whole cluster at each commit.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "settings.h"
#include "shmem.h"
#include "wake.h"

typedef struct WakeNotes
{
	bool any; /* false: all the rest is empty */
	bool drainer;
	bool redrive;
	bool deliverer;
	bool sweep;
	bool launcher;
	bool database_list;
	TimestampTz fire_at; /* DT_NOEND: nothing for the scanner */
	List *held_slots;    /* integers, in TopMemoryContext */
	AgendaBacklogMark written;
} WakeNotes;

static WakeNotes notes = { .fire_at = DT_NOEND };

static void at_transaction_end(XactEvent event, void *arg);
static void count_written(void);
static void add_written(AgendaSlot *slot);
static void wake_noted(void);
static void wake_workers(AgendaSlot *slot);
static void release_slots(void);

PG_FUNCTION_INFO_V1(agenda_wake_scanner);
PG_FUNCTION_INFO_V1(agenda_wake_drainer);
PG_FUNCTION_INFO_V1(agenda_wake_redrive);
PG_FUNCTION_INFO_V1(agenda_wake_deliverer);
PG_FUNCTION_INFO_V1(agenda_wake_launcher);

void
agenda_wake_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
}

void
agenda_wake_drainer_at_commit(void)
{
	notes.any = notes.drainer = true;
}

void
agenda_wake_count_events_at_commit(uint64 n_events, uint64 bytes)
{
	notes.any = notes.drainer = true;
	notes.written.events += n_events;
	notes.written.bytes += bytes;
}

void
agenda_wake_scanner_at_commit(TimestampTz fire_at)
{
	notes.any = true;
	notes.fire_at = Min(notes.fire_at, fire_at);
}

void
agenda_wake_launcher_at_commit(void)
{
	notes.any = notes.launcher = true;
}

void
agenda_wake_sweep_at_commit(void)
{
	notes.any = notes.sweep = true;
}

void
agenda_wake_database_list_at_commit(void)
{
	notes.any = notes.database_list = true;
}

void
agenda_wake_release_slot_at_end(int slot_no)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	notes.held_slots = lappend_int(notes.held_slots, slot_no);
	notes.any = true;
	MemoryContextSwitchTo(old);
}

/* agenda._wake_scanner(fire_at timestamptz) → void */
Datum
agenda_wake_scanner(PG_FUNCTION_ARGS)
{
	agenda_wake_scanner_at_commit(PG_GETARG_TIMESTAMPTZ(0));
	PG_RETURN_VOID();
}

/* agenda._wake_drainer() → void */
Datum
agenda_wake_drainer(PG_FUNCTION_ARGS)
{
	agenda_wake_drainer_at_commit();
	PG_RETURN_VOID();
}

/* agenda._wake_redrive() → void */
Datum
agenda_wake_redrive(PG_FUNCTION_ARGS)
{
	agenda_wake_drainer_at_commit();
	notes.redrive = true;
	PG_RETURN_VOID();
}

/* agenda._wake_deliverer() → void */
Datum
agenda_wake_deliverer(PG_FUNCTION_ARGS)
{
	notes.any = notes.deliverer = true;
	PG_RETURN_VOID();
}

/* agenda._wake_launcher() → void */
Datum
agenda_wake_launcher(PG_FUNCTION_ARGS)
{
	agenda_wake_launcher_at_commit();
	PG_RETURN_VOID();
}

/* Transaction callback.  Must not fail but before PREPARE: at COMMIT there is no way back. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	if (!notes.any)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			/* COMMIT PREPARED makes workers look at everything, but each time for letters would hold up the log */
			if (notes.redrive)
				ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has asked for dead letters"));
			return;
		case XACT_EVENT_COMMIT:
			wake_noted();
			break;
		case XACT_EVENT_PREPARE:
			count_written();
			break;
		case XACT_EVENT_ABORT:
			break;
		default:
			return; /* not over yet, or a parallel worker */
	}

	release_slots();
	memset(&notes, 0, sizeof(notes));
	notes.fire_at = DT_NOEND;
}

static void
count_written(void)
{
	int slot_no = agenda_slot_find(MyDatabaseId);
	AgendaSlot *slot;

	if (slot_no == AGENDA_NO_SLOT)
		return;
	slot = &agenda_shared->slots[slot_no];
	SpinLockAcquire(&slot->mutex);
	add_written(slot);
	SpinLockRelease(&slot->mutex);
}

/* Under the mutex. */
static void
add_written(AgendaSlot *slot)
{
	slot->written.events += notes.written.events;
	slot->written.bytes += notes.written.bytes;
}

static void
wake_noted(void)
{
	int slot_no = agenda_slot_find(MyDatabaseId);

	if (slot_no != AGENDA_NO_SLOT)
		wake_workers(&agenda_shared->slots[slot_no]);
	if (notes.launcher)
		agenda_launcher_request(MyDatabaseId);
	if (notes.database_list)
		agenda_launcher_request(InvalidOid);
}

/*
 * The scanner's half of the floor protocol (see scanner.c): the time is left in new_min, and the
 * latch is needed only when the scanner would sleep past it.
 */
static void
wake_workers(AgendaSlot *slot)
{
	Latch *scanner = NULL;
	Latch *drainers[AGENDA_MAX_DRAINERS];
	int n_drainers = 0;
	Latch *deliverer = NULL;

	SpinLockAcquire(&slot->mutex);
	if (notes.drainer || notes.sweep)
	{
		add_written(slot);
		for (int d = 0; d < agenda_drainers; d++)
		{
			slot->drainer[d].news = true;
			slot->drainer[d].redrive |= notes.redrive;
			if (!slot->drainer[d].resting)
				drainers[n_drainers++] = slot->worker[AGENDA_DRAINER + d].latch;
		}
	}
	if (notes.deliverer || notes.sweep)
		deliverer = slot->worker[AGENDA_DELIVERER].latch;
	if (notes.sweep)
		slot->scanner.sweep = true;
	slot->scanner.new_min = Min(slot->scanner.new_min, notes.fire_at);
	if (notes.sweep || notes.fire_at < slot->scanner.next_wake)
		scanner = slot->worker[AGENDA_SCANNER].latch;
	SpinLockRelease(&slot->mutex);

	for (int d = 0; d < n_drainers; d++)
		if (drainers[d] != NULL)
			SetLatch(drainers[d]);
	if (deliverer != NULL)
		SetLatch(deliverer);
	if (scanner != NULL)
		SetLatch(scanner);
}

/* Lets workers back into the databases that this transaction kept free of them. */
static void
release_slots(void)
{
	ListCell *lc;

	if (notes.held_slots == NIL)
		return;
	foreach (lc, notes.held_slots)
	{
		AgendaSlot *slot = &agenda_shared->slots[lfirst_int(lc)];

		SpinLockAcquire(&slot->mutex);
		slot->holds--;
		SpinLockRelease(&slot->mutex);
	}
	list_free(notes.held_slots);
	agenda_launcher_request(InvalidOid);
}
