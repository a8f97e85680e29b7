/*
 * extra_scanner.c
 *		Processes that raise beside the scanner while more is owed than it can take at once.
 *
 * There are agenda.scanners - 1 of them.  The scanner (scanner.c) calls them after a round that was
 * full; one that is called goes on, round after round, until a round of its own is not.
 *
 * They begin at the other end, with what has been owed for the shortest time: so they meet the
 * scanner only when nearly all is done, and pass over whatever another one has locked.  What one
 * leaves behind, because it is locked or has failed, is found by the scanner, who alone keeps the
 * floor: it never lies above a timer that is pending, and so it serves others as well.
 *
 * Order.  A thing is raised under its row lock by whoever comes first, which puts its events in
 * order; between things there is none.
 *
 * A round that fails is not repeated in careful mode: the scanner comes to the same timers.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "extra_scanner.h"
#include "scan.h"
#include "settings.h"
#include "worker.h"

/* Nothing needs this look; health() takes who does not move for stuck. */
#define BEAT_EVERY_MS       60000
#define ERROR_RETRY_MOST_MS 10000

static int number;                          /* which of the extra scanners */
static int failures = 0;                    /* in a row */
static TimestampTz not_before = DT_NOBEGIN; /* pause until then */
static AgendaScanPlace place;

static bool called(void);
static bool scan_round(void);

void
agenda_extra_scanner_main(Datum main_arg)
{
	bool more = false;

	number = agenda_worker_begin(AGENDA_EXTRA_SCANNER);
	agenda_worker_set_state(AGENDA_STATE_IDLE);
	while (!agenda_worker_must_stop())
	{
		long pause_ms = agenda_worker_time_left(not_before, ERROR_RETRY_MOST_MS);

		if (pause_ms == 0 && (called() || more))
			more = scan_round();
		else
			agenda_worker_wait(pause_ms > 0 ? pause_ms : BEAT_EVERY_MS, "waiting to be called");
	}
	agenda_worker_exit();
}

/* Takes the call, before the round: one that comes during it leads to another. */
static bool
called(void)
{
	AgendaSlot *slot = agenda_worker_slot;
	bool result;

	SpinLockAcquire(&slot->mutex);
	result = slot->scanner.call[number];
	slot->scanner.call[number] = false;
	SpinLockRelease(&slot->mutex);
	return result;
}

/* Raises one batch; true when there is more to do. */
static bool
scan_round(void)
{
	AgendaSlot *slot = agenda_worker_slot;
	AgendaScan scan = { .max_rows = agenda_scanner_batch, .newest_first = true, .place = &place };

	agenda_scan_begin(&scan);
	SpinLockAcquire(&slot->mutex);
	scan.floor = slot->scanner.floor;
	SpinLockRelease(&slot->mutex);

	agenda_worker_set_state(AGENDA_STATE_WORKING);
	if (!agenda_scan_run(&scan))
	{
		not_before = TimestampTzPlusMilliseconds(
			GetCurrentTimestamp(), agenda_worker_backoff(failures++, ERROR_RETRY_MOST_MS));
		return true;
	}
	failures = 0;
	agenda_worker_set_state(AGENDA_STATE_IDLE);

	SpinLockAcquire(&slot->mutex);
	slot->scanner.raised += scan.raised;
	SpinLockRelease(&slot->mutex);
	return scan.raised >= scan.max_rows;
}
