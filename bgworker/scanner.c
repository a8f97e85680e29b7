/*
 * scanner.c
 *		The process that raises what is owed, at the time it is owed.
 *
 * It sleeps until the earliest pending timer and is woken by a transaction that commits an earlier
 * one.  Everything that is to be done about a timer is SQL, agenda._scan() (scan.c); the scanner
 * adds the time.
 *
 * The floor.  An index on the timers would be walked from its left end, over the dead entries of
 * all timers that have been raised since some other session took its snapshot.  So the scan gets a
 * floor: no pending timer is earlier.  It is kept by this protocol, under the slot's mutex:
 *
 *	committer, after its commit is visible:
 *		new_min = min(new_min, fire_at); set the latch if fire_at < next_wake
 *	scanner, before it takes its snapshot:
 *		next_wake = -infinity; floor = min(floor, new_min); new_min = +infinity
 *	scanner, when the scan has committed:
 *		floor = what the scan returned as next
 *	scanner, when the gap behind the scan is over and it goes to sleep:
 *		next_wake = min(floor, new_min)
 *
 * A timer whose note was taken is visible to the scan that follows, and one that is not visible to
 * it will leave its note afterwards.  If the scan fails, the floor has not moved up.
 *
 * At start, once a minute, after COMMIT PREPARED and when the clock has stepped back, the floor is
 * -infinity: the sweep that finds whatever slipped through.
 *
 * A scan that fails is repeated in careful mode, a few timers at a time: SQL then puts off those that
 * cannot be raised, so that one bad row holds up nobody else.
 *
 * A round costs nearly the same for one timer as for some dozens.  So the next begins no sooner than
 * agenda.scanner_gap after one that was not full; meanwhile next_wake stays -infinity, and committers leave
 * their notes without waking anybody.  What becomes owed after a longer sleep is raised at once.
 *
 * After a round that was full more is owed, and the extra scanners are called (extra_scanner.c).
 *
 * One thing the scan may leave behind although it is owed: a timer whose task somebody has locked.
 * It is tried again soon, with growing pauses, since a rollback of that session wakes nobody.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "scan.h"
#include "scanner.h"
#include "settings.h"
#include "worker.h"

#define SWEEP_EVERY_MS       60000
#define KEEP_LOG_EVERY_MS    (3600 * 1000)
#define KEEP_LOG_RETRY_MS    60000
#define LOCKED_RETRY_MOST_MS 1000
#define ERROR_RETRY_MOST_MS  10000
/* a subtransaction each; more than 64 of them cost other sessions time */
#define CAREFUL_BATCH 50

static TimestampTz last_sweep = DT_NOBEGIN;
static TimestampTz last_look = DT_NOBEGIN;
static TimestampTz next_keep_log = DT_NOBEGIN;
static int failures = 0;      /* in a row */
static bool careful = false;  /* until a round after a failure has left nothing */
static int locked_rounds = 0; /* in a row that left something owed behind */
static AgendaScanPlace place;

static AgendaQuery keep_log_query = { .sql = "select agenda._keep_log($1)",
									  .nargs = 1,
									  .argtypes = { TIMESTAMPTZOID } };

static long scan_round(TimestampTz *wake);
static bool rest(long timeout_ms);
static bool sweep_due(void);
static void take_floor(AgendaScan *scan, bool sweep);
static TimestampTz keep_floor(const AgendaScan *scan);
static long gap_left(const AgendaScan *scan);
static long settle(TimestampTz wake);
static long sleep_time(TimestampTz wake);
static long retry_delay(const AgendaScan *scan);
static void call_extra_scanners(void);
static void keep_log(void);
static void run_keep_log(void *arg);
static const char *sleep_text(long timeout_ms);

void
agenda_scanner_main(Datum main_arg)
{
	agenda_worker_begin(AGENDA_SCANNER);
	keep_log();
	while (!agenda_worker_must_stop())
	{
		TimestampTz wake;
		long pause_ms = scan_round(&wake);

		/* what ends the pause early wants another round at once */
		if (!rest(pause_ms))
			(void) rest(settle(wake));
		keep_log();
	}
	agenda_worker_exit();
}

/* True if something has ended the sleep early. */
static bool
rest(long timeout_ms)
{
	return timeout_ms > 0 && !agenda_worker_must_stop() &&
		   agenda_worker_wait(timeout_ms, sleep_text(timeout_ms)) != 0;
}

/* Raises one batch; returns how long to pause, and when the next is due. */
static long
scan_round(TimestampTz *wake)
{
	AgendaScan scan = { .max_rows = agenda_scanner_batch, .careful = careful, .place = &place };

	agenda_scan_begin(&scan);
	if (careful)
		scan.max_rows = Min(scan.max_rows, CAREFUL_BATCH);
	take_floor(&scan, sweep_due());
	agenda_worker_set_state(AGENDA_STATE_WORKING);
	if (!agenda_scan_run(&scan))
	{
		last_sweep = DT_NOBEGIN;
		careful = true;
		*wake = DT_NOBEGIN;
		return agenda_worker_backoff(failures++, ERROR_RETRY_MOST_MS);
	}
	failures = 0;
	careful = careful && scan.raised >= scan.max_rows;
	if (scan.raised >= scan.max_rows)
		call_extra_scanners();
	agenda_worker_set_state(AGENDA_STATE_IDLE);
	*wake = keep_floor(&scan);
	return scan.raised >= scan.max_rows ? 0 : gap_left(&scan);
}

/* Whether it is time to look at everything; remembers when it was. */
static bool
sweep_due(void)
{
	TimestampTz now = GetCurrentTimestamp();
	bool due = now < last_look || last_sweep == DT_NOBEGIN ||
			   TimestampDifferenceExceeds(last_sweep, now, SWEEP_EVERY_MS);

	last_look = now;
	if (due)
		last_sweep = now;
	return due;
}

/* Second step of the protocol. */
static void
take_floor(AgendaScan *scan, bool sweep)
{
	AgendaSlot *slot = agenda_worker_slot;

	SpinLockAcquire(&slot->mutex);
	sweep |= slot->scanner.sweep;
	slot->scanner.sweep = false;
	slot->scanner.next_wake = DT_NOBEGIN;
	slot->scanner.floor = sweep ? DT_NOBEGIN : Min(slot->scanner.floor, slot->scanner.new_min);
	slot->scanner.new_min = DT_NOEND;
	slot->scanner.scans++;
	slot->scanner.sweeps += sweep;
	scan->floor = slot->scanner.floor;
	SpinLockRelease(&slot->mutex);
}

/* Third step of the protocol; returns when the next round is due, as far as this one knows. */
static TimestampTz
keep_floor(const AgendaScan *scan)
{
	AgendaSlot *slot = agenda_worker_slot;
	TimestampTz real_now = GetCurrentTimestamp();
	TimestampTz retry_at = TimestampTzPlusMilliseconds(scan->now, retry_delay(scan));

	SpinLockAcquire(&slot->mutex);
	slot->scanner.floor = scan->next_fire;
	slot->scanner.last_scan = real_now;
	slot->scanner.raised += scan->raised;
	SpinLockRelease(&slot->mutex);

	return scan->raised >= scan->max_rows ? DT_NOBEGIN : Max(scan->next_fire, retry_at);
}

/* How long no other round may begin. */
static long
gap_left(const AgendaScan *scan)
{
	TimestampTz stopped;

	if (agenda_setting_now(&stopped))
		return 0;
	return agenda_worker_time_left(TimestampTzPlusMilliseconds(scan->began, agenda_scanner_gap),
								   agenda_scanner_gap);
}

/* Last step of the protocol, from which on committers wake us; returns how long to sleep. */
static long
settle(TimestampTz wake)
{
	AgendaSlot *slot = agenda_worker_slot;

	SpinLockAcquire(&slot->mutex);
	wake = slot->scanner.sweep ? DT_NOBEGIN : Min(wake, slot->scanner.new_min);
	slot->scanner.next_wake = wake;
	SpinLockRelease(&slot->mutex);

	return sleep_time(wake);
}

/*
 * A clock that agenda.now has stopped never gets to wake; then it is committing transactions, the
 * sweep or a reload of the settings that end the sleep.
 */
static long
sleep_time(TimestampTz wake)
{
	TimestampTz real_now = GetCurrentTimestamp();
	TimestampTz sweep_at = TimestampTzPlusMilliseconds(last_sweep, SWEEP_EVERY_MS);
	TimestampTz stopped;

	if (agenda_setting_now(&stopped))
		return wake <= stopped ? 0 : TimestampDifferenceMilliseconds(real_now, sweep_at);
	if (wake <= real_now)
		return 0; /* not by difference: it may be -infinity */
	return TimestampDifferenceMilliseconds(real_now, Min(wake, sweep_at));
}

/* The pause before something is tried again that is owed and locked by another session. */
static long
retry_delay(const AgendaScan *scan)
{
	if (scan->raised > 0 || scan->next_fire > scan->now)
	{
		locked_rounds = 0;
		return 0;
	}
	return agenda_worker_backoff(locked_rounds++, LOCKED_RETRY_MOST_MS);
}

/* They see what is left as soon as this round's transaction has ended, which it has. */
static void
call_extra_scanners(void)
{
	AgendaSlot *slot = agenda_worker_slot;
	Latch *latch[AGENDA_MAX_SCANNERS - 1];
	int n = agenda_kind_count(AGENDA_EXTRA_SCANNER);

	SpinLockAcquire(&slot->mutex);
	for (int i = 0; i < n; i++)
	{
		slot->scanner.call[i] = true;
		latch[i] = slot->worker[agenda_kind_first(AGENDA_EXTRA_SCANNER) + i].latch;
	}
	SpinLockRelease(&slot->mutex);

	for (int i = 0; i < n; i++)
		if (latch[i] != NULL)
			SetLatch(latch[i]);
}

/*
 * Partitions of the log are made ahead, closed and dropped, at start and about hourly.  They follow the real clock, as the log does.
 */
static void
keep_log(void)
{
	TimestampTz now = GetCurrentTimestamp();
	bool ok;

	if (agenda_worker_time_left(next_keep_log, KEEP_LOG_EVERY_MS) > 0)
		return;
	ok = agenda_worker_transaction("keeping the log", run_keep_log, &now);
	next_keep_log = TimestampTzPlusMilliseconds(now, ok ? KEEP_LOG_EVERY_MS : KEEP_LOG_RETRY_MS);
}

/* In a transaction. */
static void
run_keep_log(void *arg)
{
	Datum now = TimestampTzGetDatum(*(TimestampTz *) arg);

	agenda_worker_query(&keep_log_query, &now, NULL);
}

/* What pg_stat_activity shows meanwhile. */
static const char *
sleep_text(long timeout_ms)
{
	static char text[64];

	snprintf(text, sizeof(text), "sleeping until %s",
			 timestamptz_to_str(TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms)));
	return text;
}
