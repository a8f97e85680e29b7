/*
 * kafka_config.c
 *		Makes the librdkafka configuration: our defaults, the administrator's file, our rules.
 *
 * The file agenda.kafka_config_file (properties.h) may hold every property of librdkafka, except
 * those on which order and completeness rest.  One that cannot be used is reported and skipped; no
 * message shows a value, nor librdkafka's own error text, which quotes it.
 *
 * Called by kafka_publisher.c on the main thread, at start and at each reset; so an edited
 * file takes effect when the producer is made anew.  Memory is the caller's context; on error
 * it goes with the worker.
 */
#include "postgres.h"

#include "kafka_config.h"
#include "properties.h"

typedef struct Property
{
	const char *name;
	const char *value;
} Property;

/* What the properties of the file are set in. */
typedef struct FileTarget
{
	rd_kafka_conf_t *conf;
	bool brokers_given;
} FileTarget;

/* What we want unless the administrator says otherwise. */
static const Property defaults[] = {
	{ "client.id", "pg_agenda" },
	/* as Java clients do; librdkafka's own default puts the same key elsewhere */
	{ "partitioner", "murmur2_random" },
	/* the worker hands over whole windows, so waiting for company gains nothing */
	{ "linger.ms", "0" },
	{ "compression.codec", "lz4" },
	{ "queue.buffering.max.messages", "1000000" },
	/* on 2.0.2 Nagle is on by default and costs 40 ms */
	{ "socket.nagle.disable", "true" },
	{ "socket.keepalive.enable", "true" },
	{ "reconnect.backoff.ms", "50" },
	{ "reconnect.backoff.max.ms", "1000" },
	{ "retry.backoff.ms", "50" },
	/* how soon a new topic's leader, and a repaired permission, are noticed */
	{ "topic.metadata.refresh.fast.interval.ms", "50" },
	{ "topic.metadata.refresh.interval.ms", "30000" },
	/* how long a topic may be unknown before its records are refused */
	{ "topic.metadata.propagation.max.ms", "10000" },
	/* keeps state() true while nothing is published */
	{ "statistics.interval.ms", "5000" },
};

/*
 * What nobody may change: order per key and "every record ends delivered or reported" rest on
 * these.  The aliases are listed so that they are caught in the file too; NULL is never set.
 */
static const Property fixed[] = {
	{ "enable.idempotence", "true" },
	{ "acks", "all" },
	{ "request.required.acks", NULL },
	/* a timeout would lose a record, or leave it half-sent */
	{ "message.timeout.ms", "0" },
	{ "delivery.timeout.ms", NULL },
	/* a record counts as sent when its report says so */
	{ "delivery.report.only.error", "false" },
	/* would demand transactions, which the publisher does not open */
	{ "transactional.id", NULL },
	/* log lines must not be printed by library threads */
	{ "log.queue", "true" },
};

static void set_table(rd_kafka_conf_t *conf, const Property *table, int n);
static void fit_one_record(rd_kafka_conf_t *conf);
static void take_property(const char *name, const char *value, const char *where, void *arg);
static bool is_reserved(const char *name, bool brokers_given);

rd_kafka_conf_t *
agenda_kafka_conf(const char *brokers, const char *config_file, int queue_kbytes)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	bool brokers_given = brokers != NULL && brokers[0] != '\0';
	char kbytes[16];

	set_table(conf, defaults, lengthof(defaults));
	/* the log in the database is the buffer; the library's default is 1 GiB */
	snprintf(kbytes, sizeof(kbytes), "%d", queue_kbytes);
	set_table(conf, &(Property){ "queue.buffering.max.kbytes", kbytes }, 1);
	if (config_file != NULL && config_file[0] != '\0')
	{
		FileTarget target = { conf, brokers_given };

		if (!agenda_properties_read(config_file, "Kafka configuration file", take_property,
									&target))
		{
			int error = errno;

			rd_kafka_conf_destroy(conf);
			errno = error;
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read Kafka configuration file \"%s\": %m", config_file)));
		}
	}
	set_table(conf, fixed, lengthof(fixed));
	fit_one_record(conf);
	if (brokers_given)
		set_table(conf, &(Property){ "bootstrap.servers", brokers }, 1);

	/* no callback is registered at all: they would run on the library's threads */
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG |
									   RD_KAFKA_EVENT_STATS);
	return conf;
}

static void
set_table(rd_kafka_conf_t *conf, const Property *table, int n)
{
	for (int i = 0; i < n; i++)
	{
		char errstr[256];

		if (table[i].value != NULL && rd_kafka_conf_set(conf, table[i].name, table[i].value, errstr,
														sizeof(errstr)) != RD_KAFKA_CONF_OK)
			elog(ERROR, "librdkafka refused a built-in setting: %s", errstr);
	}
}

/* The largest record that the client takes must fit into an empty queue, or it would be offered for ever. */
static void
fit_one_record(rd_kafka_conf_t *conf)
{
	int64 kbytes = agenda_kafka_conf_number(conf, "message.max.bytes") / 1024 + 1;
	char value[16];

	if (agenda_kafka_conf_number(conf, "queue.buffering.max.kbytes") >= kbytes)
		return;
	snprintf(value, sizeof(value), INT64_FORMAT, kbytes);
	set_table(conf, &(Property){ "queue.buffering.max.kbytes", value }, 1);
}

int64
agenda_kafka_conf_number(const rd_kafka_conf_t *conf, const char *name)
{
	char value[32];
	size_t size = sizeof(value);

	if (rd_kafka_conf_get(conf, name, value, &size) != RD_KAFKA_CONF_OK)
		return 0;
	return strtoll(value, NULL, 10);
}

static void
take_property(const char *name, const char *value, const char *where, void *arg)
{
	const FileTarget *target = arg;
	char errstr[512];
	rd_kafka_conf_res_t result;

	if (is_reserved(name, target->brokers_given))
	{
		ereport(WARNING, (errcode(ERRCODE_CONFIG_FILE_ERROR),
						  errmsg("ignoring property \"%s\" in %s", name, where),
						  errdetail("It is set by pg_agenda.")));
		return;
	}
	if (strcmp(name, "partitioner") == 0 && strcmp(value, "random") == 0)
	{
		ereport(
			WARNING,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("ignoring property \"%s\" in %s", name, where),
			 errdetail("Records of one key would go to several partitions and lose their order.")));
		return;
	}
	result = rd_kafka_conf_set(target->conf, name, value, errstr, sizeof(errstr));
	if (result != RD_KAFKA_CONF_OK)
		ereport(WARNING, (errcode(ERRCODE_CONFIG_FILE_ERROR),
						  errmsg("ignoring property \"%s\" in %s", name, where),
						  result == RD_KAFKA_CONF_UNKNOWN
							  ? errdetail("librdkafka knows no such property.")
							  : errdetail("librdkafka does not accept its value.")));
	explicit_bzero(errstr, sizeof(errstr));
}

static bool
is_reserved(const char *name, bool brokers_given)
{
	for (int i = 0; i < lengthof(fixed); i++)
		if (strcmp(name, fixed[i].name) == 0)
			return true;
	return brokers_given &&
		   (strcmp(name, "bootstrap.servers") == 0 || strcmp(name, "metadata.broker.list") == 0);
}
