/*
 * kafka_publisher.c
 *		Publishes records to Apache Kafka through librdkafka (2.0.2 and later).
 *
 * The drainer loads this library and calls what agenda_publisher_init() returns; the contract
 * is in publisher.h.  There is one idempotent producer per process.  The library's threads send
 * and receive; this file runs on the drainer's main thread alone, because nothing of PostgreSQL
 * may be called from another.  So no librdkafka callback is registered: delivery reports,
 * errors, log lines and statistics all come through its main event queue, which writes a byte
 * into a pipe when it stops being empty.
 *
 * What is special for the sake of librdkafka 2.0.2:
 * - Headers go as a list of our own, never inline: inline ones are freed twice when the topic
 *   is unknown or forbidden.
 * - Topics have handles that are kept: a record sent by topic name waits up to one second for
 *   the topic's first metadata.
 * - Signals are blocked while threads are made, so that PostgreSQL's reach the main thread only.
 * - rd_kafka_destroy() joins threads, one of which may sit in the resolver.  It gets a thread
 *   of its own and a deadline.
 *
 * Failure: a fatal producer error (the idempotent producer has lost its place) makes publish()
 * answer BROKEN until reset() has replaced the producer.  Locks: none.  Memory: topic handles in
 * a hash table in a context of our own; records are copied into librdkafka's malloc'd queue,
 * bounded by queue.buffering.max.kbytes.
 */
#include "postgres.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <syslog.h>
#include <unistd.h>

#include "fmgr.h"
#include "port.h"
#include "storage/fd.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "kafka_config.h"
#include "publisher.h"

PG_MODULE_MAGIC;

/* Kafka's own limit */
#define TOPIC_NAME_MAX 249
/* How long reset() waits for the old producer's threads before it leaves them to themselves. */
#define RESET_DESTROY_MS 80

typedef enum ProducerState
{
	PRODUCER_STOPPED,    /* start() → CONNECTING */
	PRODUCER_CONNECTING, /* a broker answers → OK; none can be reached → DOWN */
	PRODUCER_OK,         /* the last broker is gone → DOWN */
	PRODUCER_DOWN,       /* a broker answers → OK */
	PRODUCER_FATAL       /* reset() → CONNECTING; nothing else helps */
} ProducerState;

/* A topic's handle; the name is the hash key. */
typedef struct Topic
{
	char name[TOPIC_NAME_MAX + 1];
	rd_kafka_topic_t *handle; /* NULL: to be made for the present producer */
} Topic;

static rd_kafka_t *producer = NULL;
static rd_kafka_queue_t *events = NULL;
static rd_kafka_event_t *reports = NULL; /* delivery reports being handed out */
static HTAB *topics = NULL;
static MemoryContext publisher_context = NULL;
static ProducerState producer_state = PRODUCER_STOPPED;
static char last_error[256];
static int wake_pipe[2] = { -1, -1 };
/* what start() was given, for reset() */
static char *start_brokers = NULL;
static char *start_config_file = NULL;
static int start_queue_kbytes = 0;
static AgendaPublisherFigures figures_now;

static void kafka_start(const char *brokers, const char *config_file, int queue_kbytes);
static void kafka_warm(const char *topic);
static AgendaPublishResult kafka_publish(const AgendaRecord *record, const char **error);
static bool kafka_poll(AgendaReport *report);
static int kafka_wait_fd(void);
static void kafka_drain_fd(void);
static const char *kafka_state(const char **error);
static void kafka_figures(AgendaPublisherFigures *figures);
static void kafka_reset(void);
static void kafka_stop(int timeout_ms);

static void open_wake_pipe(void);
static void create_producer(void);
static void create_topic_table(void);
static void destroy_producer(int timeout_ms);
static void drop_topic_handles(void);
static void rewarm_topics(void);
static void destroy_within(rd_kafka_t *handle, int timeout_ms);
static void *destroy_thread(void *arg);
static rd_kafka_topic_t *topic_handle(const char *name, const char **error);
static rd_kafka_headers_t *header_list(const AgendaRecord *record);
static AgendaPublishResult publish_failure(rd_kafka_resp_err_t err, const char **error);
static void fill_report(AgendaReport *report, const rd_kafka_message_t *message);
static bool is_permanent(rd_kafka_resp_err_t err);
static void handle_event(rd_kafka_event_t *event);
static void handle_error(rd_kafka_event_t *event);
static void handle_log(rd_kafka_event_t *event);
static void handle_stats(rd_kafka_event_t *event);
static void count_brokers(const char *stats);
static int64 stats_number(const char *stats, const char *member);
static void set_reachable(bool reachable);
static void note_error(const char *text);

static const AgendaPublisher kafka_publisher = {
	.start = kafka_start,
	.warm = kafka_warm,
	.publish = kafka_publish,
	.poll = kafka_poll,
	.wait_fd = kafka_wait_fd,
	.drain_fd = kafka_drain_fd,
	.state = kafka_state,
	.figures = kafka_figures,
	.reset = kafka_reset,
	.stop = kafka_stop,
};

const AgendaPublisher *agenda_publisher_init(void);

const AgendaPublisher *
agenda_publisher_init(void)
{
	return &kafka_publisher;
}

/* ---- life cycle ---------------------------------------------------------------------------- */

static void
kafka_start(const char *brokers, const char *config_file, int queue_kbytes)
{
	MemoryContext old;

	Assert(producer == NULL);
	if (publisher_context == NULL)
		publisher_context = AllocSetContextCreate(TopMemoryContext, "pg_agenda Kafka publisher",
												  ALLOCSET_SMALL_SIZES);
	else /* what a start that failed has left */
		MemoryContextReset(publisher_context);
	old = MemoryContextSwitchTo(publisher_context);
	start_brokers = brokers ? pstrdup(brokers) : NULL;
	start_config_file = config_file ? pstrdup(config_file) : NULL;
	MemoryContextSwitchTo(old);
	start_queue_kbytes = queue_kbytes;

	last_error[0] = '\0';
	open_wake_pipe();
	create_topic_table();
	create_producer();
}

static void
kafka_reset(void)
{
	Assert(wake_pipe[0] >= 0);
	destroy_producer(RESET_DESTROY_MS);
	kafka_drain_fd();
	create_producer();
	rewarm_topics();
}

static void
kafka_stop(int timeout_ms)
{
	destroy_producer(timeout_ms);
	/*
	 * The pipe stays open: a producer that missed the deadline may still write into it, and
	 * its number must not belong to somebody else by then.
	 */
	if (publisher_context != NULL)
	{
		MemoryContextDelete(publisher_context);
		publisher_context = NULL;
		topics = NULL;
		start_brokers = start_config_file = NULL;
	}
}

static void
open_wake_pipe(void)
{
	if (wake_pipe[0] >= 0)
		return;
	if (!AcquireExternalFD())
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not reserve a file descriptor for the Kafka publisher: %m")));
	if (!AcquireExternalFD() || pipe(wake_pipe) != 0)
		ereport(ERROR, (errcode_for_socket_access(),
						errmsg("could not create a pipe for the Kafka publisher: %m")));
	if (!pg_set_noblock(wake_pipe[0]) || !pg_set_noblock(wake_pipe[1]))
		ereport(ERROR, (errcode_for_socket_access(),
						errmsg("could not set a pipe to nonblocking mode: %m")));
	/* parameters that librdkafka runs as programs (kinit) must not inherit it */
	(void) fcntl(wake_pipe[0], F_SETFD, FD_CLOEXEC);
	(void) fcntl(wake_pipe[1], F_SETFD, FD_CLOEXEC);
}

static void
create_topic_table(void)
{
	HASHCTL ctl;

	ctl.keysize = sizeof(((Topic *) NULL)->name);
	ctl.entrysize = sizeof(Topic);
	ctl.hcxt = publisher_context;
	topics =
		hash_create("pg_agenda Kafka topics", 32, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static void
create_producer(void)
{
	rd_kafka_conf_t *conf = agenda_kafka_conf(start_brokers, start_config_file, start_queue_kbytes);
	char errstr[512];
	sigset_t all;
	sigset_t old;

	memset(&figures_now, 0, sizeof(figures_now));
	/* what the client takes; the topic may take less */
	figures_now.largest_record = agenda_kafka_conf_number(conf, "message.max.bytes");
	/* the new threads inherit this mask */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, errstr, sizeof(errstr));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (producer == NULL)
	{
		rd_kafka_conf_destroy(conf);
		producer_state = PRODUCER_STOPPED;
		ereport(ERROR, (errcode(ERRCODE_CONFIG_FILE_ERROR),
						errmsg("could not create a Kafka producer: %s", errstr)));
	}
	events = rd_kafka_queue_get_main(producer);
	rd_kafka_set_log_queue(producer, events);
	rd_kafka_queue_io_event_enable(events, wake_pipe[1], "", 1);
	producer_state = PRODUCER_CONNECTING;
}

/* Asks the new producer for the topics that the old one knew. */
static void
rewarm_topics(void)
{
	HASH_SEQ_STATUS scan;
	Topic *topic;

	hash_seq_init(&scan, topics);
	while ((topic = hash_seq_search(&scan)) != NULL)
		topic->handle = rd_kafka_topic_new(producer, topic->name, NULL);
}

/* Drops queued and in-flight records with their reports and takes the producer down. */
static void
destroy_producer(int timeout_ms)
{
	if (producer == NULL)
		return;
	if (reports != NULL)
		rd_kafka_event_destroy(reports);
	reports = NULL;
	drop_topic_handles();
	rd_kafka_queue_io_event_enable(events, -1, NULL, 0);
	rd_kafka_queue_destroy(events);
	events = NULL;
	rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
								 RD_KAFKA_PURGE_F_NON_BLOCKING);
	destroy_within(producer, timeout_ms);
	producer = NULL;
	producer_state = PRODUCER_STOPPED;
}

static void
drop_topic_handles(void)
{
	HASH_SEQ_STATUS scan;
	Topic *topic;

	hash_seq_init(&scan, topics);
	while ((topic = hash_seq_search(&scan)) != NULL)
	{
		if (topic->handle != NULL)
			rd_kafka_topic_destroy(topic->handle);
		topic->handle = NULL;
	}
}

/* Waits at most timeout_ms; after that a thread goes on with it in the background. */
static void
destroy_within(rd_kafka_t *handle, int timeout_ms)
{
	struct timespec deadline;
	sigset_t all;
	sigset_t old;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, destroy_thread, handle);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
	{
		rd_kafka_destroy(handle);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += timeout_ms / 1000;
	deadline.tv_nsec += (timeout_ms % 1000) * 1000000L;
	if (deadline.tv_nsec >= 1000000000L)
	{
		deadline.tv_sec++;
		deadline.tv_nsec -= 1000000000L;
	}
	if (pthread_timedjoin_np(thread, NULL, &deadline) != 0)
		pthread_detach(thread);
}

static void *
destroy_thread(void *arg)
{
	rd_kafka_destroy(arg);
	return NULL;
}

/* ---- records ------------------------------------------------------------------------------- */

static void
kafka_warm(const char *topic)
{
	const char *error;

	if (producer != NULL && topic_handle(topic, &error) == NULL)
		ereport(LOG, (errmsg("Kafka topic \"%s\" cannot be used: %s", topic, error)));
}

static AgendaPublishResult
kafka_publish(const AgendaRecord *record, const char **error)
{
	rd_kafka_topic_t *topic;
	rd_kafka_headers_t *headers;
	rd_kafka_resp_err_t err;

	if (producer == NULL || producer_state == PRODUCER_FATAL)
	{
		*error = last_error;
		return AGENDA_PUBLISH_BROKEN;
	}
	topic = topic_handle(record->topic, error);
	if (topic == NULL)
		return AGENDA_PUBLISH_REFUSED;

	headers = header_list(record);
	err = rd_kafka_producev(producer, RD_KAFKA_V_RKT(topic),
							RD_KAFKA_V_KEY(record->key, record->key ? strlen(record->key) : 0),
							RD_KAFKA_V_VALUE((void *) record->value, record->value_len),
							RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
							RD_KAFKA_V_OPAQUE((void *) (uintptr_t) record->number), RD_KAFKA_V_END);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return AGENDA_PUBLISH_TAKEN;

	/* only a record that was taken takes the list with it */
	rd_kafka_headers_destroy(headers);
	return publish_failure(err, error);
}

/* The kept handle of a topic; the first call makes librdkafka ask for the topic's metadata. */
static rd_kafka_topic_t *
topic_handle(const char *name, const char **error)
{
	Topic *topic;
	rd_kafka_topic_t *handle;
	size_t len = strlen(name);

	if (len == 0 || len > TOPIC_NAME_MAX)
	{
		*error = "topic name is empty or longer than 249 bytes";
		return NULL;
	}
	topic = hash_search(topics, name, HASH_FIND, NULL);
	if (topic != NULL && topic->handle != NULL)
		return topic->handle;

	handle = rd_kafka_topic_new(producer, name, NULL);
	if (handle == NULL)
	{
		*error = rd_kafka_err2str(rd_kafka_last_error());
		return NULL;
	}
	topic = hash_search(topics, name, HASH_ENTER, NULL);
	topic->handle = handle;
	return handle;
}

static rd_kafka_headers_t *
header_list(const AgendaRecord *record)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(record->n_headers);

	for (int i = 0; i < record->n_headers; i++)
		rd_kafka_header_add(headers, record->headers[i].name, -1, record->headers[i].value, -1);
	return headers;
}

static AgendaPublishResult
publish_failure(rd_kafka_resp_err_t err, const char **error)
{
	*error = rd_kafka_err2str(err);
	if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return AGENDA_PUBLISH_FULL;
	if (is_permanent(err))
		return AGENDA_PUBLISH_REFUSED;
	note_error(*error);
	if (err == RD_KAFKA_RESP_ERR__FATAL)
		producer_state = PRODUCER_FATAL;
	return AGENDA_PUBLISH_BROKEN;
}

static bool
kafka_poll(AgendaReport *report)
{
	while (events != NULL)
	{
		rd_kafka_event_t *event;

		if (reports != NULL)
		{
			const rd_kafka_message_t *message = rd_kafka_event_message_next(reports);

			if (message != NULL)
			{
				fill_report(report, message);
				return true;
			}
			rd_kafka_event_destroy(reports);
			reports = NULL;
		}
		event = rd_kafka_queue_poll(events, 0);
		if (event == NULL)
			break;
		if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
			reports = event;
		else
			handle_event(event);
	}
	return false;
}

static void
fill_report(AgendaReport *report, const rd_kafka_message_t *message)
{
	report->number = (uintptr_t) message->_private;
	report->delivered = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
	report->permanent = is_permanent(message->err);
	report->error = NULL;
	/* what is not made up locally, which has negative codes, a broker has said */
	if (message->err >= RD_KAFKA_RESP_ERR_NO_ERROR)
		set_reachable(true);
	if (!report->delivered)
	{
		report->error = rd_kafka_err2str(message->err);
		note_error(report->error);
	}
}

/* Is it the record (or its topic) that is wrong, so that the same again would fail again? */
static bool
is_permanent(rd_kafka_resp_err_t err)
{
	switch (err)
	{
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
		case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
		case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
		case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
		case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
			return true;
		default:
			return false;
	}
}

static void
kafka_figures(AgendaPublisherFigures *figures)
{
	*figures = figures_now;
}

/* ---- descriptor, state and events ---------------------------------------------------------- */

static int
kafka_wait_fd(void)
{
	return wake_pipe[0];
}

static void
kafka_drain_fd(void)
{
	char buf[64];

	while (read(wake_pipe[0], buf, sizeof(buf)) > 0)
		;
}

static const char *
kafka_state(const char **error)
{
	static const char *const names[] = {
		[PRODUCER_STOPPED] = "stopped", [PRODUCER_CONNECTING] = "connecting", [PRODUCER_OK] = "ok",
		[PRODUCER_DOWN] = "down",       [PRODUCER_FATAL] = "fatal",
	};

	*error = last_error[0] != '\0' ? last_error : NULL;
	return names[producer_state];
}

/* Takes the event over. */
static void
handle_event(rd_kafka_event_t *event)
{
	switch (rd_kafka_event_type(event))
	{
		case RD_KAFKA_EVENT_ERROR:
			handle_error(event);
			break;
		case RD_KAFKA_EVENT_LOG:
			handle_log(event);
			break;
		case RD_KAFKA_EVENT_STATS:
			handle_stats(event);
			break;
		default:
			break;
	}
	rd_kafka_event_destroy(event);
}

/* Errors of the producer as a whole; a record's own error is in its report. */
static void
handle_error(rd_kafka_event_t *event)
{
	char fatal[256];

	if (rd_kafka_event_error_is_fatal(event))
	{
		rd_kafka_fatal_error(producer, fatal, sizeof(fatal));
		note_error(fatal);
		producer_state = PRODUCER_FATAL;
		ereport(LOG, (errmsg("Kafka producer has to be made anew: %s", fatal)));
		return;
	}
	/* the library's log has the same in more words */
	note_error(rd_kafka_event_error_string(event));
	if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		set_reachable(false);
}

static void
handle_log(rd_kafka_event_t *event)
{
	const char *facility;
	const char *text;
	int level;

	if (rd_kafka_event_log(event, &facility, &text, &level) == 0)
		ereport(level <= LOG_NOTICE ? LOG : DEBUG1,
				(errmsg_internal("librdkafka %s: %s", facility, text)));
}

/*
 * While nothing is published, only the statistics tell that a broker is back.  Looking for members
 * by their names is safe: librdkafka writes them in this form, and quotes inside of names are
 * escaped.  Those of the producer stand before the lists of brokers and topics.
 */
static void
handle_stats(rd_kafka_event_t *event)
{
	const char *stats = rd_kafka_event_stats(event);

	figures_now.queued_records = stats_number(stats, "\"msg_cnt\":");
	figures_now.queued_bytes = stats_number(stats, "\"msg_size\":");
	figures_now.requests = stats_number(stats, "\"tx\":");
	count_brokers(stats);
	if (producer_state != PRODUCER_OK && figures_now.brokers_up > 0)
		set_reachable(true);
}

/* The entries of configured addresses and of logical brokers (nodeid -1) are none. */
static void
count_brokers(const char *stats)
{
	int64 round_trip_us = 0;

	figures_now.brokers_up = figures_now.brokers_down = 0;
	figures_now.request_errors = 0;
	for (const char *broker = strstr(stats, "\"nodeid\":"); broker != NULL;
		 broker = strstr(broker + 1, "\"nodeid\":"))
	{
		const char *rtt = strstr(broker, "\"rtt\":");

		if (stats_number(broker, "\"nodeid\":") < 0)
			continue;
		if (strstr(broker, "\"state\":\"UP\"") == strstr(broker, "\"state\":"))
			figures_now.brokers_up++;
		else
			figures_now.brokers_down++;
		figures_now.request_errors +=
			stats_number(broker, "\"txerrs\":") + stats_number(broker, "\"req_timeouts\":");
		if (rtt != NULL)
			round_trip_us = Max(round_trip_us, stats_number(rtt, "\"p50\":"));
	}
	figures_now.round_trip = (double) round_trip_us / 1e6;
}

/* The number behind the first member of that name; 0 when there is none. */
static int64
stats_number(const char *stats, const char *member)
{
	const char *text = strstr(stats, member);

	return text ? strtoll(text + strlen(member), NULL, 10) : 0;
}

/* Moves between CONNECTING, OK and DOWN; a fatal producer stays what it is. */
static void
set_reachable(bool reachable)
{
	ProducerState next = reachable ? PRODUCER_OK : PRODUCER_DOWN;

	if (producer_state == PRODUCER_FATAL || producer_state == next)
		return;
	if (!reachable)
		ereport(LOG, (errmsg("no Kafka broker can be reached: %s", last_error)));
	else if (producer_state == PRODUCER_DOWN)
		ereport(LOG, (errmsg("Kafka can be reached again")));
	producer_state = next;
}

static void
note_error(const char *text)
{
	strlcpy(last_error, text, sizeof(last_error));
}
