/*
 * backlog.c
 *		How much of the log waits to be published, and when that is too much.
 *
 * Two pairs of counters in the slot of the database, which only grow: what has been written
 * (committers add to it, wake.c) and what the drainer has passed.  Their difference is the backlog:
 * a subtraction for who writes or asks, whatever its size.  Bytes are those of disk space, estimated
 * when an event is written.
 *
 * The figure drifts a little (work of rolled-back savepoints is counted, COMMIT PREPARED is not)
 * and heals itself: when the drainer has passed a whole window, everything that had been written
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
/*
 * Text is at most six times as long as what jsonb keeps (a control character is written as \u0001),
 * but for numbers with large exponents, which are the drainer's problem.
 */
#define TEXT_GROWTH 6

static void check_size(Jsonb *data, Jsonb *headers);
static void check_room(void);
static AgendaSlot *find_slot(void);

PG_FUNCTION_INFO_V1(agenda_backlog);

void
agenda_backlog_admit(Jsonb *data, Jsonb *headers)
{
	check_size(data, headers);
	if (agenda_max_backlog > 0 && agenda_backlog_policy == AGENDA_BACKLOG_REJECT)
		check_room();
	agenda_wake_count_event_at_commit(VARSIZE(data) + VARSIZE(headers) + BYTES_BESIDE_DATA);
}

/* Text is made only of what could be too long as text. */
static void
check_size(Jsonb *data, Jsonb *headers)
{
	Size size = VARSIZE(data) + VARSIZE(headers);

	if (size <= agenda_max_event_bytes / TEXT_GROWTH)
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
	bytes = slot->drainer.written.bytes - slot->drainer.passed.bytes;
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
	result = slot->drainer.written;
	SpinLockRelease(&slot->mutex);
	return result;
}

void
agenda_backlog_pass(int n_events, const AgendaBacklogMark *complete)
{
	AgendaSlot *slot = find_slot();
	AgendaDrainerInfo *info;
	uint64 events;
	uint64 bytes;

	if (slot == NULL)
		return;
	info = &slot->drainer;
	SpinLockAcquire(&slot->mutex);
	events = info->written.events - info->passed.events;
	bytes = info->written.bytes - info->passed.bytes;
	if (complete != NULL)
	{
		/* an older mark is one that was not taken in this process */
		if (complete->events >= info->passed.events)
			info->passed = *complete;
	}
	else if (events <= (uint64) n_events)
		info->passed = info->written;
	else
	{
		info->passed.events += n_events;
		info->passed.bytes += bytes / events * n_events;
	}
	SpinLockRelease(&slot->mutex);
}

void
agenda_backlog_restart(uint64 events, uint64 bytes)
{
	AgendaSlot *slot = find_slot();

	if (slot == NULL)
		return;
	SpinLockAcquire(&slot->mutex);
	slot->drainer.passed = slot->drainer.written;
	slot->drainer.written.events += events;
	slot->drainer.written.bytes += bytes;
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
		AgendaDrainerInfo info;

		SpinLockAcquire(&slot->mutex);
		info = slot->drainer;
		SpinLockRelease(&slot->mutex);
		values[0] = Int64GetDatum((int64) (info.written.events - info.passed.events));
		values[1] = Int64GetDatum((int64) (info.written.bytes - info.passed.bytes));
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
