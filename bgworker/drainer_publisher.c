/*
 * drainer_publisher.c
 *		The drainer's publisher: loading its library, starting and stopping it.
 *
 * A library or configuration that can't be used is reported once and not tried again before the
 * next reload; meanwhile the drainer reads nothing, and the log waits.
 *
 * Failure: errors of start() are caught here.  At exit the publisher is stopped, with a deadline.
 */
#include "postgres.h"

#include "fmgr.h"
#include "storage/ipc.h"

#include "drainer_publisher.h"
#include "settings.h"
#include "window.h"
#include "worker.h"

#define STOP_MS 500

static const AgendaPublisher *publisher = NULL;
static bool unusable = false;
static bool topics_warm = false; /* the publisher knows which topics will come */

static void load_publisher(void);
static void refuse_publisher(const ErrorData *error);
static void stop_at_exit(int code, Datum arg);

void
agenda_drainer_publisher_init(void)
{
	before_shmem_exit(stop_at_exit, (Datum) 0);
}

bool
agenda_publishing(void)
{
	return agenda_kafka_brokers[0] != '\0';
}

bool
agenda_drainer_publisher_ready(void)
{
	if (!agenda_publishing() || publisher != NULL)
		return true;
	if (!unusable)
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
					  agenda_kafka_config_file[0] != '\0' ? agenda_kafka_config_file : NULL,
					  agenda_drainer_memory / 2);
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
	unusable = true;
	agenda_worker_set_state(AGENDA_STATE_NO_PUBLISHER);
	agenda_worker_note_error(error->message);
	ereport(WARNING, errcode(error->sqlerrcode),
			errmsg("events are not published: %s", error->message),
			error->detail ? errdetail_internal("%s", error->detail) : 0,
			errhint("Check agenda.publisher_library, agenda.kafka_brokers and "
					"agenda.kafka_config_file, and reload the configuration."));
}

bool
agenda_drainer_publisher_warm(void)
{
	if (!topics_warm && publisher != NULL)
	{
		topics_warm = agenda_topics_each(publisher->warm);
		if (topics_warm && agenda_dead_letter_topic[0] != '\0')
			publisher->warm(agenda_dead_letter_topic);
	}
	return topics_warm || publisher == NULL;
}

const AgendaPublisher *
agenda_drainer_publisher(void)
{
	return publisher;
}

bool
agenda_drainer_publisher_unusable(void)
{
	return unusable;
}

void
agenda_drainer_publisher_try_again(void)
{
	unusable = false;
}

void
agenda_drainer_publisher_drain_fd(void)
{
	if (publisher != NULL)
		publisher->drain_fd();
}

/* Statistics, log lines and errors come at any time, and pile up until somebody takes them. */
void
agenda_drainer_publisher_listen(void)
{
	AgendaReport report;

	if (publisher != NULL && publisher->poll(&report))
		elog(ERROR, "unexpected report for record " UINT64_FORMAT, report.number);
}

const char *
agenda_drainer_publisher_state(const char **last_error)
{
	*last_error = NULL;
	return publisher != NULL ? publisher->state(last_error) : "";
}

void
agenda_drainer_publisher_figures(AgendaPublisherFigures *figures)
{
	if (publisher != NULL)
		publisher->figures(figures);
}

void
agenda_drainer_publisher_stop(void)
{
	if (publisher == NULL)
		return;
	agenda_worker_watch_fd(PGINVALID_SOCKET);
	publisher->stop(STOP_MS);
	publisher = NULL;
}

/* before_shmem_exit callback */
static void
stop_at_exit(int code, Datum arg)
{
	if (publisher != NULL)
		publisher->stop(STOP_MS);
	publisher = NULL;
}
