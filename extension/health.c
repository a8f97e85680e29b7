/*
 * health.c
 *		What shared memory knows about the workers of this database, for agenda.health().
 *
 * The functions return plain columns; the judgement is in sql/api/85_health.sql.  They work without
 * shared_preload_libraries, too: then no worker runs, and that is what they say.  Each takes one
 * copy under the slot's mutex and builds its row from that.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "settings.h"
#include "shmem.h"

#define MAX_COLUMNS 8

/* A row under construction. */
typedef struct Row
{
	int n;
	Datum values[MAX_COLUMNS];
	bool nulls[MAX_COLUMNS];
} Row;

static bool my_slot(AgendaSlot *copy);
static void add(Row *row, Datum value, bool isnull);
static void add_time(Row *row, TimestampTz time);
static void add_count(Row *row, uint64 count);
static void add_text(Row *row, const char *text);
static void add_pid(Row *row, pid_t pid);
static Datum row_datum(FunctionCallInfo fcinfo, Row *row);
static void worker_row(Row *row, const char *name, const AgendaWorkerInfo *info);

PG_FUNCTION_INFO_V1(agenda_runtime);
PG_FUNCTION_INFO_V1(agenda_workers);
PG_FUNCTION_INFO_V1(agenda_scanner_figures);
PG_FUNCTION_INFO_V1(agenda_drainer_figures);

/* agenda._runtime() → one row about the cluster and this database's place in it */
Datum
agenda_runtime(PG_FUNCTION_ARGS)
{
	Row row = { 0 };
	AgendaSlot slot;
	pid_t launcher = 0;
	int in_use = 0;

	if (agenda_shared != NULL)
	{
		SpinLockAcquire(&agenda_shared->mutex);
		launcher = agenda_shared->launcher_pid;
		SpinLockRelease(&agenda_shared->mutex);
		for (int i = 0; i < agenda_shared->n_slots; i++)
			in_use += agenda_shared->slots[i].presence == AGENDA_PRESENT;
	}
	add(&row, BoolGetDatum(agenda_shared != NULL), false);
	add_pid(&row, launcher);
	add(&row, BoolGetDatum(my_slot(&slot) && slot.presence <= AGENDA_PRESENT), false);
	add(&row, Int32GetDatum(in_use), false);
	add(&row, Int32GetDatum(agenda_max_databases), false);
	add(&row, BoolGetDatum(agenda_kafka_brokers[0] != '\0'), false);
	return row_datum(fcinfo, &row);
}

/* agenda._workers() → a row per worker that this database should have, running or not */
Datum
agenda_workers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	static const char *const names[] = { [AGENDA_SCANNER] = "scanner",
										 [AGENDA_DELIVERER] = "deliverer",
										 [AGENDA_DRAINER] = "drainer",
										 [AGENDA_EXTRA_SCANNER] = "extra scanner" };
	AgendaSlot slot;

	InitMaterializedSRF(fcinfo, 0);
	my_slot(&slot);
	for (int w = 0; w < agenda_n_workers(); w++)
	{
		Row row = { 0 };
		const char *name = names[agenda_worker_kind(w)];

		if (w == AGENDA_DELIVERER && !agenda_delivery)
			continue;
		if (agenda_worker_index(w) > 0)
			name = psprintf("%s %d", name, agenda_worker_index(w));
		worker_row(&row, name, &slot.worker[w]);
		tuplestore_putvalues(result->setResult, result->setDesc, row.values, row.nulls);
	}
	return (Datum) 0;
}

/* agenda._scanner_figures() → one row */
Datum
agenda_scanner_figures(PG_FUNCTION_ARGS)
{
	Row row = { 0 };
	AgendaSlot slot;

	my_slot(&slot);
	add_time(&row, slot.scanner.next_wake);
	add_time(&row, slot.scanner.last_scan);
	add_count(&row, slot.scanner.scans);
	add_count(&row, slot.scanner.sweeps);
	add_count(&row, slot.scanner.raised);
	return row_datum(fcinfo, &row);
}

/* agenda._drainer_figures() → one row about all drainers */
Datum
agenda_drainer_figures(PG_FUNCTION_ARGS)
{
	Row row = { 0 };
	AgendaSlot slot;
	AgendaDrainerInfo sum = { 0 };

	my_slot(&slot);
	for (int d = 0; d < agenda_drainers; d++)
	{
		sum.windows += slot.drainer[d].windows;
		sum.events += slot.drainer[d].events;
		sum.published += slot.drainer[d].published;
		sum.dead += slot.drainer[d].dead;
		sum.rewinds += slot.drainer[d].rewinds;
		sum.last_tick = Max(sum.last_tick, slot.drainer[d].last_tick);
	}
	add_count(&row, sum.windows);
	add_count(&row, sum.events);
	add_count(&row, sum.published);
	add_count(&row, sum.dead);
	add_count(&row, sum.rewinds);
	add_time(&row, sum.last_tick);
	return row_datum(fcinfo, &row);
}

/* A copy of this database's slot; empty, and false, when it has none. */
static bool
my_slot(AgendaSlot *copy)
{
	int slot_no = agenda_slot_find(MyDatabaseId);
	AgendaSlot *slot;

	memset(copy, 0, sizeof(*copy));
	if (slot_no == AGENDA_NO_SLOT)
		return false;
	slot = &agenda_shared->slots[slot_no];
	SpinLockAcquire(&slot->mutex);
	memcpy(copy, slot, sizeof(*copy));
	SpinLockRelease(&slot->mutex);
	return true;
}

static void
worker_row(Row *row, const char *name, const AgendaWorkerInfo *info)
{
	add_text(row, name);
	add_pid(row, info->pid);
	add_text(row, agenda_state_name(info->state));
	add_time(row, info->since);
	add_time(row, info->heartbeat);
	add_text(row, info->last_error_at != 0 ? info->last_error : NULL);
	add_time(row, info->last_error_at);
}

static void
add(Row *row, Datum value, bool isnull)
{
	Assert(row->n < MAX_COLUMNS);
	row->values[row->n] = value;
	row->nulls[row->n] = isnull;
	row->n++;
}

/* 0 and the infinite times stand for "none". */
static void
add_time(Row *row, TimestampTz time)
{
	add(row, TimestampTzGetDatum(time), time == 0 || TIMESTAMP_NOT_FINITE(time));
}

static void
add_count(Row *row, uint64 count)
{
	add(row, Int64GetDatum((int64) count), false);
}

static void
add_text(Row *row, const char *text)
{
	add(row, text ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

static void
add_pid(Row *row, pid_t pid)
{
	add(row, Int32GetDatum(pid), pid == 0);
}

static Datum
row_datum(FunctionCallInfo fcinfo, Row *row)
{
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	Assert(desc->natts == row->n);
	return HeapTupleGetDatum(heap_form_tuple(desc, row->values, row->nulls));
}
