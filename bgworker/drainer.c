/*
 * drainer.c
 *		The process that carries the log to Kafka.
 *
 * It goes round in steps, none of which waits for the broker inside a transaction:
 *
 *	1. read a window of the log in a short transaction (window.c), flush the WAL behind it;
 *	2. hand its records to the publisher and take the reports (delivery.c), waiting for latch,
 *	   publisher and clock together;
 *	3. when all are settled, move the position; store it (an insert, committed asynchronously) if
 *	   that was not done in the last 20 ms, so that a busy log doesn't fill the table of ticks;
 *	4. read on if the window was cut or somebody has committed since; else sleep.
 *
 * Commits wake it by its latch.  What cannot do that is found by a look every five seconds.
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
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "delivery.h"
#include "drainer.h"
#include "errcodes.h"
#include "publisher.h"
#include "settings.h"
#include "window.h"
#include "worker.h"

#define LOOK_EVERY_MS       5000
#define SAVE_EVERY_MS       20
#define IDLE_SAVE_EVERY_MS  (3600 * 1000)
#define ERROR_RETRY_MOST_MS 10000
#define LAST_REPORTS_MS     500
#define STOP_MS             500

/* Where the drainer stands in its round. */
static AgendaPosition position = { .lo.isnull = true, .hi.isnull = true };
static bool position_known = false;
static bool position_unsaved = false; /* it has passed events that no stored one has */
static TimestampTz position_saved = 0;
static AgendaWindow *window = NULL;
static bool news = true; /* there may be something to read, whatever the slot says */
static TimestampTz next_look = 0;
static int failures = 0; /* transactions in a row */

static const AgendaPublisher *publisher = NULL;
static bool publisher_unusable = false; /* until the settings are read again */
static bool topics_warm = false;        /* the publisher knows which topics will come */
static char *settings_in_use = NULL;
static char database_name[NAMEDATALEN] = "";

static long drainer_round(void);
static void note_wake(int woken);
static bool take_news(void);
static bool find_position(long *wait_ms);
static void tell_foreign(const char *reason);
static bool told_foreign(bool told);
static void name_source(void *arg);
static bool warm_topics(long *wait_ms);
static bool read_window(long *wait_ms);
static void publish_window(long *wait_ms);
static long step_window(bool offer);
static void pass_window(int n_events);
static bool save_position(long *wait_ms);
static void show_publisher_state(void);
static long retry_later(void);
static bool publishing(void);
static bool ensure_publisher(void);
static void load_publisher(void);
static void refuse_publisher(const ErrorData *error);
static void stop_at_exit(int code, Datum arg);
static char *publishing_settings(void);
static void reread_settings(void);
static void abandon_window(void);
static void finish(void);
static const char *activity(void);

void
agenda_drainer_main(Datum main_arg)
{
	agenda_worker_begin(AGENDA_DRAINER);
	before_shmem_exit(stop_at_exit, (Datum) 0);

	/* a position that is lost in a crash costs a repetition */
	SetConfigOption("synchronous_commit", "off", PGC_SUSET, PGC_S_OVERRIDE);
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

	if (window == NULL &&
		(!ensure_publisher() || !find_position(&wait_ms) || !warm_topics(&wait_ms)))
		return wait_ms;
	if (!save_position(&wait_ms))
		return wait_ms;
	if (window == NULL && !read_window(&wait_ms))
		return wait_ms;
	publish_window(&wait_ms);
	return wait_ms;
}

static void
note_wake(int woken)
{
	if ((woken & AGENDA_WOKEN_BY_FD) && publisher != NULL)
		publisher->drain_fd();
	if (woken & AGENDA_WOKEN_BY_RELOAD)
		reread_settings();
}

/*
 * Whether there may be something to read: somebody has committed, or it is time to look, because not
 * everybody leaves us a note.  A latch alone could get lost, since a wait for a lock inside a
 * transaction of ours resets it.
 */
static bool
take_news(void)
{
	AgendaDrainerInfo *info = &agenda_worker_slot->drainer;
	bool result = news || agenda_worker_time_left(next_look, LOOK_EVERY_MS) == 0;

	SpinLockAcquire(&agenda_worker_slot->mutex);
	result |= info->news;
	info->news = false;
	SpinLockRelease(&agenda_worker_slot->mutex);

	news = false;
	if (result)
		next_look = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOOK_EVERY_MS);
	return result;
}

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
	before = agenda_worker_slot->drainer.foreign_told;
	agenda_worker_slot->drainer.foreign_told = told;
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
	if (topics_warm || publisher == NULL)
		return true;
	topics_warm = agenda_topics_each(publisher->warm);
	if (!topics_warm)
		*wait_ms = retry_later();
	return topics_warm;
}

/* False when there is nothing to publish now. */
static bool
read_window(long *wait_ms)
{
	bool rest = !position.hi.isnull;

	if (take_news() || rest)
	{
		agenda_worker_set_state(AGENDA_STATE_WORKING);
		if (!agenda_window_read(&position, publishing(), &window))
		{
			news = true;
			*wait_ms = retry_later();
			return false;
		}
		failures = 0;
	}
	if (window != NULL)
		return true;

	if (rest)
	{
		/* that was the rest of a window, behind which there may be more */
		news = true;
		*wait_ms = 0;
	}
	*wait_ms = Min(*wait_ms, agenda_worker_time_left(next_look, LOOK_EVERY_MS));
	agenda_worker_set_state(AGENDA_STATE_IDLE);
	return false;
}

/* Publishes the window as far as that goes without waiting. */
static void
publish_window(long *wait_ms)
{
	long window_ms = window->n_deliveries > 0 ? step_window(true) : 0;

	if (window_ms == 0)
		pass_window(window->n_events);
	else
		show_publisher_state();
	*wait_ms = Min(*wait_ms, window_ms);
}

static long
step_window(bool offer)
{
	AgendaDeliveryCounts counts = { 0 };
	long wait_ms = agenda_delivery_step(window, publisher, offer, &counts);
	AgendaDrainerInfo *info = &agenda_worker_slot->drainer;

	SpinLockAcquire(&agenda_worker_slot->mutex);
	info->published += counts.published;
	info->dead += counts.dead;
	info->rewinds += counts.rewinds;
	SpinLockRelease(&agenda_worker_slot->mutex);
	return wait_ms;
}

/* Moves the position behind the first n_events and lets go of the window. */
static void
pass_window(int n_events)
{
	AgendaDrainerInfo *info = &agenda_worker_slot->drainer;

	agenda_window_pass(window, n_events, &position);
	agenda_window_free(window);
	window = NULL;
	position_unsaved = true;

	SpinLockAcquire(&agenda_worker_slot->mutex);
	info->windows++;
	info->events += n_events;
	SpinLockRelease(&agenda_worker_slot->mutex);
}

/*
 * Stores the position when it is time to.  False after an error; otherwise *wait_ms says when it is
 * time again.  Without events, too, it is stored now and then: old parts of the log can be dropped
 * when a stored position has passed them.
 */
static bool
save_position(long *wait_ms)
{
	long every_ms = position_unsaved ? SAVE_EVERY_MS : IDLE_SAVE_EVERY_MS;
	long left_ms =
		agenda_worker_time_left(TimestampTzPlusMilliseconds(position_saved, every_ms), every_ms);

	if (left_ms > 0)
	{
		*wait_ms = Min(*wait_ms, left_ms);
		return true;
	}
	if (!agenda_position_save(&position))
	{
		*wait_ms = retry_later();
		return false;
	}
	failures = 0;
	position_unsaved = false;
	position_saved = GetCurrentTimestamp();

	SpinLockAcquire(&agenda_worker_slot->mutex);
	agenda_worker_slot->drainer.last_tick = position_saved;
	SpinLockRelease(&agenda_worker_slot->mutex);
	return true;
}

static void
show_publisher_state(void)
{
	const char *error = NULL;
	bool down = strcmp(publisher->state(&error), "down") == 0;

	agenda_worker_set_state(down ? AGENDA_STATE_BROKER_DOWN : AGENDA_STATE_PUBLISHING);
	if (down && error != NULL)
		agenda_worker_note_error(error);
}

static long
retry_later(void)
{
	return agenda_worker_backoff(failures++, ERROR_RETRY_MOST_MS);
}

static bool
publishing(void)
{
	return agenda_kafka_brokers[0] != '\0';
}

/* True when there is a publisher, or none is wanted. */
static bool
ensure_publisher(void)
{
	if (!publishing() || publisher != NULL)
		return true;
	if (!publisher_unusable)
		load_publisher();
	return publisher != NULL;
}

static void
load_publisher(void)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		AgendaPublisherInit init = (AgendaPublisherInit) load_external_function(
			agenda_publisher_library, "agenda_publisher_init", true, NULL);
		const AgendaPublisher *loaded = init();

		loaded->start(agenda_kafka_brokers,
					  agenda_kafka_config_file[0] != '\0' ? agenda_kafka_config_file : NULL);
		agenda_worker_watch_fd(loaded->wait_fd());
		publisher = loaded;
		topics_warm = false;
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		refuse_publisher(error);
		FreeErrorData(error);
	}
	PG_END_TRY();
}

static void
refuse_publisher(const ErrorData *error)
{
	publisher_unusable = true;
	agenda_worker_set_state(AGENDA_STATE_NO_PUBLISHER);
	agenda_worker_note_error(error->message);
	ereport(WARNING, errcode(error->sqlerrcode),
			errmsg("events are not published: %s", error->message),
			error->detail ? errdetail_internal("%s", error->detail) : 0,
			errhint("Check agenda.publisher_library, agenda.kafka_brokers and "
					"agenda.kafka_config_file, and reload the configuration."));
}

/* before_shmem_exit callback */
static void
stop_at_exit(int code, Datum arg)
{
	if (publisher != NULL)
		publisher->stop(STOP_MS);
	publisher = NULL;
}

/* All settings that say where and as whom to publish, in one string. */
static char *
publishing_settings(void)
{
	StringInfoData text;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	initStringInfo(&text);
	appendStringInfo(&text, "%s\n%s\n%s\n%s", agenda_kafka_brokers, agenda_kafka_config_file,
					 agenda_publisher_library, agenda_publisher_id);
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
	publisher_unusable = false;
	if (same)
		return;

	abandon_window();
	if (publisher != NULL)
	{
		agenda_worker_watch_fd(PGINVALID_SOCKET);
		publisher->stop(STOP_MS);
		publisher = NULL;
	}
	position_known = false;
}

/* Keeps what has been acknowledged from the window's beginning on; the rest is read again. */
static void
abandon_window(void)
{
	long wait_ms = 0;
	int done = window != NULL ? agenda_window_done(window) : 0;

	if (done > 0)
		pass_window(done);
	else if (window != NULL)
	{
		agenda_window_free(window);
		window = NULL;
	}
	if (position_unsaved)
	{
		position_saved = 0;
		(void) save_position(&wait_ms);
	}
}

/* A quiet end: takes the reports that still come, and offers nothing new. */
static void
finish(void)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LAST_REPORTS_MS);
	long left_ms;

	while (window != NULL && window->n_in_state[AGENDA_DELIVERY_SENT] > 0 &&
		   (left_ms = agenda_worker_time_left(deadline, LAST_REPORTS_MS)) > 0)
	{
		long wait_ms = step_window(false);

		if (wait_ms > 0 &&
			(agenda_worker_wait(Min(wait_ms, left_ms), "finishing") & AGENDA_WOKEN_BY_FD))
			publisher->drain_fd();
	}
	abandon_window();
}

/* What pg_stat_activity shows while we wait. */
static const char *
activity(void)
{
	static char text[64];

	if (window == NULL)
		return publisher_unusable ? "waiting for a publisher" : "waiting for events";
	snprintf(text, sizeof(text), "publishing %d records", window->n_deliveries);
	return text;
}
