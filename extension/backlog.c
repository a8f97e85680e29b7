/*
 * backlog.c
 *		How much of the log waits to be published, and when that is too much.
 *
 * Pairs of counters in the slot of the database, which only grow: what has been written
 * (committers add to it, wake.c) and what each drainer has passed.  The largest difference is the
 * backlog: subtractions for who writes or asks, whatever its size.  A drainer passes the events of
 * others with its own.  Bytes are those of disk space, estimated when an event is written.
 *
 * The figure drifts a little (work of rolled-back savepoints is counted, and that of prepared transactions
 * from PREPARE on, whatever becomes of them) and heals itself: when the drainer has passed a whole window, everything that had been written
 * before the window's snapshot is behind it.  In the midst of a window that was cut short, bytes are
 * passed at the average size.
 *
 * Without shared_preload_libraries there are no counters and no limit.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"

#include "backlog.h"
#include "errcodes.h"
#include "settings.h"
#include "wake.h"

/* header of the row, fixed columns, entries in four indexes */
#define BYTES_BESIDE_DATA 400
/* a row of agenda.replays, and entries in two indexes */
#define BYTES_PER_REPLAY 120

static void check_size(Jsonb *data, Jsonb *headers);
static void check_room(void);
static AgendaBacklogMark waiting(const AgendaSlot *slot);
static AgendaSlot *find_slot(void);

PG_FUNCTION_INFO_V1(agenda_backlog);
PG_FUNCTION_INFO_V1(agenda_count_replays);

void
agenda_backlog_admit(Jsonb *data, Jsonb *headers)
{
	check_size(data, headers);
	if (agenda_max_backlog > 0 && agenda_backlog_policy == AGENDA_BACKLOG_REJECT)
		check_room();
	agenda_wake_count_events_at_commit(1, VARSIZE(data) + VARSIZE(headers) + BYTES_BESIDE_DATA);
}

/* agenda._count_replays(bigint) → void: repetitions take their turn in the log like events */
Datum
agenda_count_replays(PG_FUNCTION_ARGS)
{
	int64 rows = PG_GETARG_INT64(0);

	if (rows > 0)
		agenda_wake_count_events_at_commit(rows, rows * BYTES_PER_REPLAY);
	PG_RETURN_VOID();
}

/* Text is made only of what could be too long as text.  Numbers with large exponents are the drainer's problem. */
static void
check_size(Jsonb *data, Jsonb *headers)
{
	Size size = VARSIZE(data) + VARSIZE(headers);

	if (size <= agenda_max_event_bytes / AGENDA_JSON_TEXT_GROWTH)
		return;
	size = strlen(JsonbToCString(NULL, &data->root, VARSIZE(data))) +
		   strlen(JsonbToCString(NULL, &headers->root, VARSIZE(headers)));
	if (size > agenda_max_event_bytes)
		ereport(
			ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg("the event is too large: %zu bytes", size),
			errdetail("Data and headers of an event may have %d bytes (agenda.max_event_bytes).",
					  agenda_max_event_bytes),
			errhint("Make the thing smaller, or raise the limit here and message.max.bytes of "
					"the brokers."));
}

/* Workers are let through: what they write is bounded by the number of timers. */
static void
check_room(void)
{
	AgendaSlot *slot = find_slot();
	uint64 bytes;

	if (slot == NULL || MyBgworkerEntry != NULL)
		return;
	SpinLockAcquire(&slot->mutex);
	bytes = waiting(slot).bytes;
	SpinLockRelease(&slot->mutex);
	if (bytes / 1024 >= (uint64) agenda_max_backlog)
		ereport(ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				errmsg("too many events wait to be published"),
				errdetail("They take " UINT64_FORMAT " kB; agenda.max_backlog is %d kB.",
						  bytes / 1024, agenda_max_backlog),
				errhint("See agenda.health() for what holds them up."));
}

AgendaBacklogMark
agenda_backlog_mark(void)
{
	AgendaSlot *slot = find_slot();
	AgendaBacklogMark result = { 0 };

	if (slot == NULL)
		return result;
	SpinLockAcquire(&slot->mutex);
	result = slot->written;
	SpinLockRelease(&slot->mutex);
	return result;
}

/* Under the mutex: what waits for the drainer that is furthest behind. */
static AgendaBacklogMark
waiting(const AgendaSlot *slot)
{
	AgendaBacklogMark result = { 0 };

	for (int d = 0; d < agenda_drainers; d++)
	{
		const AgendaBacklogMark *passed = &slot->drainer[d].passed;

		result.events = Max(result.events, slot->written.events - passed->events);
		result.bytes = Max(result.bytes, slot->written.bytes - passed->bytes);
	}
	return result;
}

void
agenda_backlog_pass(int drainer, int n_events, const AgendaBacklogMark *complete)
{
	AgendaSlot *slot = find_slot();
	AgendaBacklogMark *passed;
	uint64 events;
	uint64 bytes;

	if (slot == NULL)
		return;
	passed = &slot->drainer[drainer].passed;
	SpinLockAcquire(&slot->mutex);
	events = slot->written.events - passed->events;
	bytes = slot->written.bytes - passed->bytes;
	if (complete != NULL)
	{
		/* an older mark is one that was not taken in this process */
		if (complete->events >= passed->events)
			*passed = *complete;
	}
	else if (events <= (uint64) n_events)
		*passed = slot->written;
	else
	{
		passed->events += n_events;
		passed->bytes += bytes / events * n_events;
	}
	SpinLockRelease(&slot->mutex);
}

void
agenda_backlog_restart(int drainer, uint64 events, uint64 bytes)
{
	AgendaSlot *slot = find_slot();
	AgendaBacklogMark *passed;

	if (slot == NULL)
		return;
	passed = &slot->drainer[drainer].passed;
	SpinLockAcquire(&slot->mutex);
	passed->events = slot->written.events - events;
	passed->bytes = slot->written.bytes - bytes;
	SpinLockRelease(&slot->mutex);
}

/* agenda._backlog() → (events, bytes); null where nobody counts */
Datum
agenda_backlog(PG_FUNCTION_ARGS)
{
	AgendaSlot *slot = find_slot();
	Datum values[2] = { 0 };
	bool nulls[2] = { true, true };
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (slot != NULL)
	{
		AgendaBacklogMark wait;

		SpinLockAcquire(&slot->mutex);
		wait = waiting(slot);
		SpinLockRelease(&slot->mutex);
		values[0] = Int64GetDatum((int64) wait.events);
		values[1] = Int64GetDatum((int64) wait.bytes);
		nulls[0] = nulls[1] = false;
	}
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

static AgendaSlot *
find_slot(void)
{
	int slot_no = agenda_slot_find(MyDatabaseId);

	return slot_no == AGENDA_NO_SLOT ? NULL : &agenda_shared->slots[slot_no];
}
