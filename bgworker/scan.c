/*
 * scan.c
 *		One round of raising: a call of agenda._scan() in a transaction of its own.
 *
 * The place.  What is raised leaves a dead entry in the index of timers, and of a million that are owed at
 * one instant there would soon be more of those before the first pending one than a round can raise.  So
 * a round behind a full one begins where that had found its first, and only every PLACE_ROUNDS-th at the end
 * of the index again: what has come up in front of the place, or was locked there, waits for so long at
 * most; the last round says that it is owed, as always.
 *
 * A round that is full does not wait for its commit to be on disk: the next one follows at once, and what
 * waits for the disk in the end is the last that raises something, with all before it.  What a crash takes
 * back is owed still; the drainer publishes nothing that is not on disk, and a deliverer's claim brings
 * it there.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "scan.h"
#include "settings.h"
#include "worker.h"

#define PLACE_ROUNDS 4

static AgendaQuery scan_query = { .sql = "select raised, next_fire, first_at, first_user from "
										 "agenda._scan($1, $2, $3, $4, $5, $6, $7)",
								  .nargs = 7,
								  .argtypes = { TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, BOOLOID,
												BOOLOID, TIMESTAMPTZOID, UUIDOID } };

static void run_scan(void *arg);
static void keep_place(AgendaScan *scan);
static Datum result(int column, bool *isnull);

/* The time that the domain goes by may have been stopped by the setting agenda.now. */
void
agenda_scan_begin(AgendaScan *scan)
{
	scan->began = GetCurrentTimestamp();
	if (!agenda_setting_now(&scan->now))
		scan->now = scan->began;
}

bool
agenda_scan_run(AgendaScan *scan)
{
	bool ok = agenda_worker_transaction("raising timers", run_scan, scan);

	if (!ok)
		scan->place->rounds = 0;
	return ok;
}

/* In a transaction. */
static void
run_scan(void *arg)
{
	AgendaScan *scan = arg;
	Datum values[] = {
		TimestampTzGetDatum(scan->now),      TimestampTzGetDatum(scan->floor),
		Int32GetDatum(scan->max_rows),       BoolGetDatum(scan->careful),
		BoolGetDatum(scan->newest_first),    TimestampTzGetDatum(scan->place->fire_at),
		UUIDPGetDatum(&scan->place->user_id)
	};
	const char *nulls = scan->place->rounds > 0 ? NULL : "     nn";
	bool isnull;
	Datum next;

	agenda_worker_query(&scan_query, values, nulls);
	if (SPI_processed != 1)
		elog(ERROR, "agenda._scan returned " UINT64_FORMAT " rows", SPI_processed);

	scan->raised = DatumGetInt32(result(1, &isnull));
	next = result(2, &isnull);
	scan->next_fire = isnull ? DT_NOEND : DatumGetTimestampTz(next);
	keep_place(scan);
	if (scan->raised >= scan->max_rows)
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
}

/* Should the transaction fail yet, there is none. */
static void
keep_place(AgendaScan *scan)
{
	AgendaScanPlace *place = scan->place;
	bool no_time;
	bool no_user;
	Datum fire_at = result(3, &no_time);
	Datum user_id = result(4, &no_user);

	if (scan->careful || scan->raised < scan->max_rows || place->rounds >= PLACE_ROUNDS - 1 ||
		no_time || no_user)
	{
		place->rounds = 0;
		return;
	}
	place->rounds++;
	place->fire_at = DatumGetTimestampTz(fire_at);
	place->user_id = *DatumGetUUIDP(user_id);
}

static Datum
result(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}
