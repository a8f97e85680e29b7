/*
 * consumer.c
 *		Reads a topic and says how long its events took to arrive.
 *
 *	consumer BROKERS TOPIC COUNT SECONDS
 *
 * Assigns all partitions from their ends, prints "ready", reads until COUNT records have come
 * or SECONDS have passed without one, and prints one line of JSON: how many came, when
 * (Unix time) the first and the last, and percentiles of receive time minus the event's "time".
 * That time is taken before the commit, so the figure contains the commit.
 * Runs on the machine of the server: one clock.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_PARTITIONS 100

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "consumer: %s: %s\n", what, why);
	exit(1);
}

static double
now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

/* The "time" member of the envelope, which stands before the data; 0 if there is none. */
static double
event_time(const char *payload, size_t len)
{
	static const char member[] = "\"time\":\"";
	const char *text = memmem(payload, len, member, sizeof(member) - 1);
	char copy[40];
	struct tm tm = { 0 };
	const char *rest;

	if (text == NULL || (size_t) (payload + len - text) < sizeof(copy))
		return 0;
	memcpy(copy, text + sizeof(member) - 1, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = '\0';
	rest = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL)
		return 0;
	return (double) timegm(&tm) + (*rest == '.' ? strtod(rest, NULL) : 0);
}

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char error[256];

	if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
		fail(name, error);
}

static rd_kafka_t *
connect_to(const char *brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char error[256];
	rd_kafka_t *rk;

	set(conf, "bootstrap.servers", brokers);
	set(conf, "group.id", "agenda-bench");
	set(conf, "enable.auto.commit", "false");
	set(conf, "socket.nagle.disable", "true");
	/* the development broker answers an empty fetch only after this time */
	set(conf, "fetch.wait.max.ms", "5");
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	if (rk == NULL)
		fail("start", error);
	rd_kafka_poll_set_consumer(rk);
	return rk;
}

/* Starts at the ends that the partitions have now, asked for before "ready" is printed. */
static void
assign_all(rd_kafka_t *rk, const char *topic)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(MAX_PARTITIONS);
	const rd_kafka_metadata_t *metadata;
	rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, rkt, &metadata, 10000);

	if (err)
		fail("metadata", rd_kafka_err2str(err));
	for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
	{
		int64_t low;
		int64_t high;
		int partition = metadata->topics[0].partitions[i].id;

		err = rd_kafka_query_watermark_offsets(rk, topic, partition, &low, &high, 10000);
		if (err)
			fail("offsets", rd_kafka_err2str(err));
		rd_kafka_topic_partition_list_add(list, topic, partition)->offset = high;
	}
	if (list->cnt == 0)
		fail(topic, "has no partitions");
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(rkt);
	err = rd_kafka_assign(rk, list);
	if (err)
		fail("assign", rd_kafka_err2str(err));
	rd_kafka_topic_partition_list_destroy(list);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static void
report(double *took, long n, double first, double last)
{
	qsort(took, (size_t) n, sizeof(double), by_value);
	printf("{\"count\": %ld, \"first\": %.6f, \"last\": %.6f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
		   "\"max_ms\": %.3f}\n",
		   n, first, last, n ? took[n / 2] * 1e3 : 0, n ? took[n * 99 / 100] * 1e3 : 0,
		   n ? took[n - 1] * 1e3 : 0);
}

int
main(int argc, char **argv)
{
	long wanted = argc == 5 ? atol(argv[3]) : 0;
	double patience = argc == 5 ? atof(argv[4]) : 0;
	double *took = calloc((size_t) wanted + 1, sizeof(double));
	double first = 0;
	double last = 0;
	double deadline;
	long n = 0;
	rd_kafka_t *rk;

	if (wanted <= 0 || patience <= 0 || took == NULL)
		fail("usage", "consumer BROKERS TOPIC COUNT SECONDS");
	rk = connect_to(argv[1]);
	assign_all(rk, argv[2]);
	printf("ready\n");
	fflush(stdout);

	deadline = now_seconds() + patience;
	while (n < wanted && now_seconds() < deadline)
	{
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);

		if (message == NULL)
			continue;
		if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			last = now_seconds();
			if (n == 0)
				first = last;
			took[n++] = last - event_time(message->payload, message->len);
			deadline = last + patience;
		}
		rd_kafka_message_destroy(message);
	}
	report(took, n, first, last);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	free(took);
	return n == wanted ? 0 : 2;
}
