/*
 * drainer.c
 *		The process that carries the log to Kafka.
 *
 * It goes round in steps, none of which waits for the broker inside a transaction:
 *
 *	1. read a window of the log in a short transaction (log_reader.c), flush the WAL behind it, and
 *	   put it behind those that are on their way already (the flow), as long as memory permits; where there are
 *	   synchronous standbys go on when they have that WAL, too (standbys.c);
 *	2. hand records to the publisher and take the reports (delivery.c);
 *	3. when the first windows of the flow are settled, move the position behind them; store it (an
 *	   insert, committed asynchronously) if that was not done in the last 10 ms, so that a busy log
 *	   doesn't fill the table of ticks;
 *	4. wait for latch, publisher and clock together, if there is nothing to do at once.
 *
 * So the position is behind the highest window before which everything is settled, and the cursor,
 * where the next window begins, is ahead of it by the flow.
 *
 * Where a database has several drainers, each does this for its share of the keys (share.c).
 *
 * Commits wake it by its latch, and are read at once.  One that comes very soon after a read (READ_EVERY_US)
 * is read a millisecond later, with those that follow it: meanwhile the drainer rests, and nobody wakes it.
 * Under a load it is read BUSY_EVERY_US after the last read at the earliest: a read, and the requests to the broker for
 * what it found, cost as much as many events.
 * Without brokers what is read serves those who go by stored positions, so that it is not done more
 * often than these are stored.
 *
 * The commit log remembers up to where the WAL has to be flushed for 32 transactions together.  With one of
 * ours among them, which doesn't wait for that, those that are waiting for their flush meanwhile need a
 * second one before they can be published.  So the position is stored behind a read and not before it,
 * and if possible when nothing in the WAL waits to be flushed.
 *
 * What cannot wake it is found by a look every five seconds, which opens no table as long as nobody
 * has drawn a transaction id.
 *
 * Dead letters that are to be sent again go through the same flow, when it has become empty; the
 * log is read again behind the last of them, so that a key's later events follow its letters.
 *
 * Without brokers the same happens with nothing to publish, so that whoever reads the log by its
 * positions (stream, list of changes) goes on.  When there should be a publisher but its library or
 * its configuration can't be used, nothing is read: the log waits.
 *
 * Crashes: the position is saved after the reports, so what was on its way is sent again, with the
 * same ids.  On a quiet end (shutdown, DROP DATABASE) it takes what reports come within half a
 * second and saves how far they reach.
 *
 * A failed publisher reset (configuration became unreadable) ends the process; the next one says
 * what is wrong when it starts the publisher.
 *
 * Memory: windows have their own contexts; nothing else grows.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "backlog.h"
#include "dead_letters.h"
#include "delivery.h"
#include "drainer.h"
#include "drainer_publisher.h"
#include "errcodes.h"
#include "log_reader.h"
#include "properties.h"
#include "settings.h"
#include "share.h"
#include "standbys.h"
#include "window.h"
#include "worker.h"

#define LOOK_EVERY_MS       5000
#define SAVE_EVERY_MS       10
#define SAVE_GRACE_MS       3
#define IDLE_SAVE_EVERY_MS  (3600 * 1000)
#define ERROR_RETRY_MOST_MS 10000
#define LAST_REPORTS_MS     500
/* how often standbys are looked at: first, and when they have not answered for a second */
#define STANDBY_SOON_MS  1
#define STANDBY_LATER_MS 100
/* windows aren't cut more often than this, so that they become larger */
#define READ_EVERY_US 250
#define BUSY_EVERY_US 4000
/* a load: so many events since the read before, in no less time than it takes to tell it from a chance */
#define BUSY_EVENTS_PER_MS 5
#define BUSY_MEASURE_US    2000
/* a window takes no more than a quarter of what all of them may take */
#define WINDOW_BYTES ((Size) agenda_drainer_memory * 1024 / 2 / 4)

/* What is to be done about dead letters. */
typedef enum RedriveState
{
	REDRIVE_NONE,   /* somebody asks for it → WANTED */
	REDRIVE_WANTED, /* the flow becomes empty → RUNNING */
	REDRIVE_RUNNING /* none are left → NONE */
} RedriveState;

/* What others know of us. */
static AgendaDrainerInfo *info = NULL;

/* Where the drainer stands in its round. */
static AgendaFlow flow;
static XLogRecPtr flow_durable_at =
	InvalidXLogRecPtr; /* all commits in it are in the WAL before this */
static AgendaPosition position = { .lo.isnull = true,
								   .hi.isnull = true }; /* all settled up to here */
static AgendaPosition cursor = { .lo.isnull = true, .hi.isnull = true }; /* all read up to here */
static bool position_known = false;
static bool position_unsaved = false; /* it has passed events that no stored one has */
static TimestampTz position_saved = 0;
static bool save_failed = false;
static bool news = true; /* there may be something to read, whatever the slot says */
static TimestampTz next_look = 0;
static TimestampTz last_read = 0;
static bool busy = false; /* as that read found */
static int failures = 0;  /* transactions in a row */
static RedriveState redrive = REDRIVE_WANTED;
static int64 last_letter = 0; /* number of the last letter that was read in this round of them */

static char *settings_in_use = NULL;
static char database_name[NAMEDATALEN] = "";

/*
 * A position that is lost in a crash costs a repetition.  Plans are made once, for tables of any size
 * and without statistics, and the beginning of the result is wanted soon: the index is right.
 */
static const struct
{
	const char *name;
	const char *value;
} session_settings[] = {
	{ "synchronous_commit", "off" },
	{ "plan_cache_mode", "force_generic_plan" },
	{ "max_parallel_workers_per_gather", "0" },
	{ "enable_seqscan", "off" },
	{ "enable_bitmapscan", "off" },
	{ "enable_sort", "off" },
};

static long drainer_round(void);
static void set_resting(bool rest);
static void note_wake(int woken);
static bool take_news(void);
static bool find_position(long *wait_ms);
static void tell_foreign(const char *reason);
static bool told_foreign(bool told);
static void name_source(void *arg);
static bool warm_topics(long *wait_ms);
static void read_more(long *wait_ms);
static long pause_us(void);
static bool is_load(int n_rows, long since_us);
static bool room_for_window(void);
static void add_window(AgendaWindow *window);
static bool is_replicated(void);
static long standby_look_ms(void);
static void read_log(long *wait_ms);
static bool read_letters(long *wait_ms);
static void work_on_flow(long *wait_ms);
static long step_flow(bool offer);
static bool pass_settled(void);
static void catch_up(void);
static bool pass_letters(const AgendaWindow *window);
static void pass_events(const AgendaWindow *window, int n_events);
static void save_in_time(long *wait_ms);
static long save_left_ms(long grace_ms);
static bool save_position(long *wait_ms);
static void show_state(void);
static void show_figures(void);
static long retry_later(void);
static char *publishing_settings(void);
static void reread_settings(void);
static void abandon_flow(void);
static void finish(void);
static const char *activity(void);

void
agenda_drainer_main(Datum main_arg)
{
	agenda_share_init(agenda_worker_begin(AGENDA_DRAINER));
	info = &agenda_worker_slot->drainer[agenda_share_number];
	agenda_drainer_publisher_init();

	for (int i = 0; i < lengthof(session_settings); i++)
		SetConfigOption(session_settings[i].name, session_settings[i].value, PGC_SUSET,
						PGC_S_OVERRIDE);
	settings_in_use = publishing_settings();

	while (!agenda_worker_must_stop())
	{
		long wait_ms = drainer_round();

		note_wake(agenda_worker_wait(wait_ms, activity()));
	}
	finish();
	agenda_worker_exit();
}

/* Does what can be done without waiting; returns how long to wait at the most. */
static long
drainer_round(void)
{
	long wait_ms = LOOK_EVERY_MS;

	set_resting(false);
	if (flow.n_windows == 0 &&
		(!agenda_drainer_publisher_ready() || !find_position(&wait_ms) || !warm_topics(&wait_ms)))
		return wait_ms;
	if (save_failed && !save_position(&wait_ms))
		return wait_ms;
	read_more(&wait_ms);
	if (flow.n_windows > 0)
		work_on_flow(&wait_ms);
	save_in_time(&wait_ms);
	if (failures == 0)
		show_state();
	show_figures();
	return wait_ms;
}

/* While it rests, commits leave word but don't wake it. */
static void
set_resting(bool rest)
{
	static bool resting = true; /* what a predecessor may have left */

	if (rest == resting)
		return;
	SpinLockAcquire(&agenda_worker_slot->mutex);
	info->resting = rest;
	SpinLockRelease(&agenda_worker_slot->mutex);
	resting = rest;
}

static void
note_wake(int woken)
{
	if (woken & AGENDA_WOKEN_BY_FD)
		agenda_drainer_publisher_drain_fd();
	/* with records on their way delivery.c does that */
	if ((woken & AGENDA_WOKEN_BY_FD) && flow.n_windows == 0)
		agenda_drainer_publisher_listen();
	if (woken & AGENDA_WOKEN_BY_RELOAD)
		reread_settings();
}

/* ---- where to begin ------------------------------------------------------------------------ */

/* Finds out where to begin; false when there is no such place now. */
static bool
find_position(long *wait_ms)
{
	char *foreign;

	if (position_known)
		return true;
	if (!agenda_worker_transaction("naming the source", name_source, NULL) ||
		!agenda_position_load(&position, &foreign))
	{
		*wait_ms = retry_later();
		return false;
	}
	failures = 0;
	if (foreign != NULL)
	{
		tell_foreign(foreign);
		pfree(foreign);
		return false;
	}
	told_foreign(false);
	agenda_position_set(&cursor, position.lo, position.hi, position.seq);
	redrive = REDRIVE_WANTED;
	position_known = news = true;
	position_unsaved = false;
	position_saved = GetCurrentTimestamp();
	return true;
}

/* Once in the server log, as long as it lasts in health(). */
static void
tell_foreign(const char *reason)
{
	agenda_worker_set_state(AGENDA_STATE_FOREIGN_LOG);
	agenda_worker_note_error(reason);
	if (!told_foreign(true))
		ereport(
			WARNING, errcode(ERRCODE_AGENDA_LOG_IS_FOREIGN),
			errmsg("the event log of database \"%s\" is not published: %s", database_name, reason),
			errhint("If this database is to publish from now on, run \"select "
					"agenda.adopt_log()\" in it."));
}

/* Sets the mark, which outlives the process, and returns what it was. */
static bool
told_foreign(bool told)
{
	bool before;

	SpinLockAcquire(&agenda_worker_slot->mutex);
	before = agenda_worker_slot->foreign_told;
	agenda_worker_slot->foreign_told = told;
	SpinLockRelease(&agenda_worker_slot->mutex);
	return before;
}

/* In a transaction: the source of all events is the cluster's name and the database's. */
static void
name_source(void *arg)
{
	const char *cluster = agenda_publisher_id;

	if (cluster[0] == '\0')
		cluster = cluster_name[0] != '\0' ? cluster_name : "postgresql";
	strlcpy(database_name, get_database_name(MyDatabaseId), NAMEDATALEN);
	agenda_delivery_init(cluster, database_name);
}

/* The first record of a topic would wait for what the broker says about it. */
static bool
warm_topics(long *wait_ms)
{
	if (agenda_drainer_publisher_warm())
		return true;
	*wait_ms = retry_later();
	return false;
}

/* ---- reading ------------------------------------------------------------------------------- */

/*
 * Whether there may be something to read: somebody has committed, or it is time to look, because not
 * everybody leaves us a note.  A latch alone could get lost, since a wait for a lock inside a
 * transaction of ours resets it.
 */
static bool
take_news(void)
{
	bool look = agenda_worker_time_left(next_look, LOOK_EVERY_MS) == 0;
	bool told;

	SpinLockAcquire(&agenda_worker_slot->mutex);
	told = info->news;
	info->news = false;
	if (info->redrive && redrive == REDRIVE_NONE)
		redrive = REDRIVE_WANTED;
	info->redrive &= redrive == REDRIVE_RUNNING;
	SpinLockRelease(&agenda_worker_slot->mutex);

	told |= news;
	news = false;
	if (told || look)
		next_look = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOOK_EVERY_MS);
	return told || (look && !agenda_log_is_quiet(&cursor));
}

/* Reads the next window, if there is one and room for it. */
static void
read_more(long *wait_ms)
{
	long left_us;

	if (!room_for_window() || !is_replicated())
		return;
	news = take_news();
	left_us = pause_us();
	if (news && left_us > 0)
	{
		set_resting(true);
		*wait_ms = Min(*wait_ms, (left_us + 999) / 1000);
		return;
	}
	if (redrive != REDRIVE_NONE && !read_letters(wait_ms))
		return;
	if (news || !cursor.hi.isnull)
		read_log(wait_ms);
	*wait_ms = Min(*wait_ms, agenda_worker_time_left(next_look, LOOK_EVERY_MS));
}

/*
 * How long it may rest before the next window.  Of a window that was cut the rest follows at once.  A
 * position that is to be stored is to be behind what there is; one read is enough for that, though
 * it may still have to wait (save_in_time).
 */
static long
pause_us(void)
{
	long busy_us = busy ? BUSY_EVERY_US : READ_EVERY_US;
	long every_us = agenda_publishing() ? busy_us : SAVE_EVERY_MS * 1000;
	long since_us = (long) (GetCurrentTimestamp() - last_read);
	bool read_for_save = last_read >= TimestampTzPlusMilliseconds(position_saved, SAVE_EVERY_MS);

	if (!cursor.hi.isnull || since_us < 0 ||
		(position_unsaved && save_left_ms(0) == 0 && !read_for_save))
		return 0;
	return Max(every_us - since_us, 0);
}

static bool
is_load(int n_rows, long since_us)
{
	return n_rows >= Max(since_us, BUSY_MEASURE_US) / 1000 * BUSY_EVENTS_PER_MS;
}

static bool
room_for_window(void)
{
	return flow.n_windows < AGENDA_FLOW_WINDOWS &&
		   flow.bytes < (Size) agenda_drainer_memory * 1024 / 2;
}

/* The WAL has been flushed for the window. */
static void
add_window(AgendaWindow *window)
{
	flow_durable_at = GetFlushRecPtr(NULL);
	agenda_flow_add(&flow, window);
}

/* Whether what is in the flow may leave the server. */
static bool
is_replicated(void)
{
	return flow.n_windows == 0 || !agenda_publishing() || agenda_standbys_have(flow_durable_at);
}

/* When to look again whether it may: nothing wakes us. */
static long
standby_look_ms(void)
{
	return GetCurrentTimestamp() - last_read < USECS_PER_SEC ? STANDBY_SOON_MS : STANDBY_LATER_MS;
}

static void
read_log(long *wait_ms)
{
	TimestampTz read_before = last_read;
	bool rest = !cursor.hi.isnull;
	AgendaHistogram ages = { 0 };
	AgendaWindow *window;

	agenda_worker_set_state(AGENDA_STATE_WORKING);
	/* what is committed from here on tells us so */
	news = false;
	if (!agenda_log_read(&cursor, agenda_publishing(), WINDOW_BYTES, &window))
	{
		news = true;
		*wait_ms = Min(*wait_ms, retry_later());
		return;
	}
	failures = 0;
	last_read = GetCurrentTimestamp();
	busy = window != NULL && is_load(window->n_rows, last_read - read_before);
	if (window != NULL)
		agenda_window_ages(window, last_read, &ages);
	SpinLockAcquire(&agenda_worker_slot->mutex);
	info->reads++;
	agenda_histogram_merge(&info->until_read, &ages);
	SpinLockRelease(&agenda_worker_slot->mutex);

	if (window != NULL)
		add_window(window);
	else if (flow.n_windows == 0)
		catch_up();
	/* behind the rest of a cut window there may be more */
	news = rest;
	if (news || !cursor.hi.isnull)
		*wait_ms = 0;
}

/* False while letters are on their way: the log has to wait behind them. */
static bool
read_letters(long *wait_ms)
{
	AgendaWindow *window;

	if (!agenda_publishing())
	{
		redrive = REDRIVE_NONE;
		return true;
	}
	if (redrive == REDRIVE_WANTED)
	{
		if (flow.n_windows > 0)
			return false;
		last_letter = 0;
	}
	if (!agenda_letters_read(last_letter, WINDOW_BYTES, &window))
	{
		*wait_ms = Min(*wait_ms, retry_later());
		return false;
	}
	failures = 0;
	redrive = REDRIVE_RUNNING;
	if (window != NULL)
	{
		last_letter = window->events[window->n_events - 1]->seq;
		add_window(window);
		return false;
	}
	if (flow.n_windows > 0)
		return false;
	/* what was asked for meanwhile stands before the last one */
	redrive = last_letter > 0 ? REDRIVE_WANTED : REDRIVE_NONE;
	*wait_ms = 0;
	return redrive == REDRIVE_NONE;
}

/* ---- publishing ---------------------------------------------------------------------------- */

static void
work_on_flow(long *wait_ms)
{
	long flow_ms = 0;

	if (!pass_settled())
		flow_ms = is_replicated() ? step_flow(true) : Min(step_flow(false), standby_look_ms());
	while (pass_settled())
		flow_ms = 0;
	*wait_ms = Min(*wait_ms, flow_ms);
}

static long
step_flow(bool offer)
{
	AgendaDeliveryCounts counts = { 0 };
	long wait_ms = agenda_delivery_step(&flow, agenda_drainer_publisher(), offer, &counts);

	SpinLockAcquire(&agenda_worker_slot->mutex);
	info->published += counts.published;
	info->dead += counts.dead;
	info->waiting_for_key += counts.waiting_for_key;
	info->rewinds += counts.rewinds;
	info->resets += counts.resets;
	agenda_histogram_merge(&info->seconds, &counts.seconds);
	SpinLockRelease(&agenda_worker_slot->mutex);
	return wait_ms;
}

/* Lets go of the first window if it is settled, and moves the position behind it. */
static bool
pass_settled(void)
{
	AgendaWindow *window;

	if (flow.n_windows == 0)
		return false;
	window = flow.windows[0];
	if (window->letters && window->n_settled == window->n_deliveries && !pass_letters(window))
		return false;
	window = agenda_flow_take_settled(&flow);
	if (window == NULL)
		return false;
	if (!window->letters)
		pass_events(window, window->n_events);
	agenda_window_free(window);
	if (flow.n_windows == 0)
		catch_up();
	return true;
}

/* Nothing is on its way: all that has been read is settled. */
static void
catch_up(void)
{
	agenda_position_set(&position, cursor.lo, cursor.hi, cursor.seq);
	if (cursor.hi.isnull)
		agenda_backlog_pass(agenda_share_number, 0, agenda_log_read_mark());
}

/* Takes what has been delivered out of the dead letters; false after an error. */
static bool
pass_letters(const AgendaWindow *window)
{
	int n = 0;

	flow.unwritten = !agenda_letters_delivered(window);
	if (flow.unwritten)
		return false;
	for (int i = 0; i < window->n_deliveries; i++)
		n += window->deliveries[i].state == AGENDA_DELIVERY_DONE;
	SpinLockAcquire(&agenda_worker_slot->mutex);
	info->redriven += n;
	SpinLockRelease(&agenda_worker_slot->mutex);
	return true;
}

/* Moves the position behind the first n_events of the window. */
static void
pass_events(const AgendaWindow *window, int n_events)
{
	bool whole = n_events == window->n_events;

	agenda_window_pass(window, n_events, &position);
	agenda_backlog_pass(agenda_share_number, whole ? window->n_rows : n_events,
						whole && !window->cut ? &window->mark : NULL);
	position_unsaved = true;

	SpinLockAcquire(&agenda_worker_slot->mutex);
	info->windows++;
	info->events += n_events;
	SpinLockRelease(&agenda_worker_slot->mutex);
}

/* Stores the position when it is time to; otherwise *wait_ms says when it is. */
static void
save_in_time(long *wait_ms)
{
	long left_ms = save_left_ms(0);

	/* nobody's commit is to be caught in its flush, if that can be had (head of the file) */
	if (left_ms == 0 && agenda_publishing() && GetFlushRecPtr(NULL) < GetXLogInsertRecPtr())
		left_ms = Min(save_left_ms(SAVE_GRACE_MS), 1);
	if (left_ms > 0)
		*wait_ms = Min(*wait_ms, left_ms);
	else
		(void) save_position(wait_ms);
}

/*
 * Without events, too, it is stored now and then: old parts of the log can be dropped when a stored
 * position has passed them.
 */
static long
save_left_ms(long grace_ms)
{
	long every_ms = (position_unsaved ? SAVE_EVERY_MS : IDLE_SAVE_EVERY_MS) + grace_ms;

	return agenda_worker_time_left(TimestampTzPlusMilliseconds(position_saved, every_ms), every_ms);
}

/* False after an error: nothing is read before it has succeeded. */
static bool
save_position(long *wait_ms)
{
	save_failed = !agenda_position_save(&position);
	if (save_failed)
	{
		*wait_ms = retry_later();
		return false;
	}
	failures = 0;
	position_unsaved = false;
	position_saved = GetCurrentTimestamp();

	SpinLockAcquire(&agenda_worker_slot->mutex);
	info->last_tick = position_saved;
	SpinLockRelease(&agenda_worker_slot->mutex);
	return true;
}

/* ---- what others see ----------------------------------------------------------------------- */

static void
show_state(void)
{
	const char *error = NULL;
	bool down = strcmp(agenda_drainer_publisher_state(&error), "down") == 0;

	if (flow.n_windows == 0)
		agenda_worker_set_state(AGENDA_STATE_IDLE);
	else if (flow.unwritten)
		agenda_worker_set_state(AGENDA_STATE_RETRYING);
	else if (flow.halts > 0)
		agenda_worker_set_state(AGENDA_STATE_HALTED);
	else if (!is_replicated())
		agenda_worker_set_state(AGENDA_STATE_UNREPLICATED);
	else
		agenda_worker_set_state(down ? AGENDA_STATE_BROKER_DOWN : AGENDA_STATE_PUBLISHING);
	if (flow.n_windows > 0 && down && error != NULL)
		agenda_worker_note_error(error);
}

static void
show_figures(void)
{
	AgendaPublisherFigures figures = { 0 };
	const char *error;
	const char *state = agenda_drainer_publisher_state(&error);

	agenda_drainer_publisher_figures(&figures);
	SpinLockAcquire(&agenda_worker_slot->mutex);
	info->windows_in_flight = flow.n_windows;
	info->records_in_flight = flow.n_in_state[AGENDA_DELIVERY_SENT];
	info->window_bytes = (int64) flow.bytes;
	info->in_flight_bytes = (int64) flow.in_flight;
	info->blocked_keys = agenda_letters_n_blocked();
	info->halted = flow.halts > 0;
	strlcpy(info->publisher_state, state, sizeof(info->publisher_state));
	info->brokers_up = figures.brokers_up;
	info->brokers_down = figures.brokers_down;
	info->queued_records = figures.queued_records;
	info->queued_bytes = figures.queued_bytes;
	info->round_trip = figures.round_trip;
	info->requests = figures.requests;
	info->request_errors = figures.request_errors;
	info->largest_record = figures.largest_record;
	SpinLockRelease(&agenda_worker_slot->mutex);
}

static long
retry_later(void)
{
	return agenda_worker_backoff(failures++, ERROR_RETRY_MOST_MS);
}

/* What pg_stat_activity shows while we wait. */
static const char *
activity(void)
{
	static char text[64];

	if (flow.n_windows == 0)
		return agenda_drainer_publisher_unusable() ? "waiting for a publisher"
												   : "waiting for events";
	snprintf(text, sizeof(text), "publishing %d windows", flow.n_windows);
	return text;
}

/* ---- settings and the end ------------------------------------------------------------------ */

/* All settings that say where and as whom to publish, in one string, and which version of its file is there. */
static char *
publishing_settings(void)
{
	StringInfoData text;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	initStringInfo(&text);
	appendStringInfo(&text, "%s\n%s\n%s\n%s\n%s\n%d\n", agenda_kafka_brokers,
					 agenda_kafka_config_file, agenda_publisher_library, agenda_publisher_id,
					 agenda_dead_letter_topic, agenda_drainer_memory);
	agenda_properties_version(agenda_kafka_config_file, &text);
	MemoryContextSwitchTo(old);
	return text.data;
}

/* After a reload.  An unusable publisher is tried again even if only its file has changed. */
static void
reread_settings(void)
{
	char *settings = publishing_settings();
	bool same = strcmp(settings, settings_in_use) == 0;

	pfree(settings_in_use);
	settings_in_use = settings;
	agenda_drainer_publisher_try_again();
	if (same)
		return;

	abandon_flow();
	agenda_drainer_publisher_stop();
	position_known = false;
}

/* Keeps what has been acknowledged from the beginning on; the rest is read again. */
static void
abandon_flow(void)
{
	long wait_ms = 0;

	while (pass_settled())
		;
	if (flow.n_windows > 0 && !flow.windows[0]->letters)
	{
		int done = agenda_window_done(flow.windows[0]);

		if (done > 0)
			pass_events(flow.windows[0], done);
	}
	agenda_flow_clear(&flow);
	agenda_position_set(&cursor, position.lo, position.hi, position.seq);
	if (position_unsaved)
		(void) save_position(&wait_ms);
}

/* A quiet end: takes the reports that still come, and offers nothing new. */
static void
finish(void)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LAST_REPORTS_MS);
	long left_ms;

	while (flow.n_in_state[AGENDA_DELIVERY_SENT] > 0 &&
		   (left_ms = agenda_worker_time_left(deadline, LAST_REPORTS_MS)) > 0)
	{
		long wait_ms = step_flow(false);

		while (pass_settled())
			;
		if (flow.n_in_state[AGENDA_DELIVERY_SENT] > 0 &&
			(agenda_worker_wait(Min(wait_ms, left_ms), "finishing") & AGENDA_WOKEN_BY_FD))
			agenda_drainer_publisher_drain_fd();
	}
	abandon_flow();
}
