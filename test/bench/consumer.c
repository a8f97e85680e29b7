/*
 * consumer.c
 *		Reads a topic and says when its events came.
 *
 *	consumer BROKERS TOPIC COUNT SECONDS
 *
 * Assigns all partitions from their ends, prints "ready", reads until COUNT records have come or
 * SECONDS have passed without one, and prints a line for each: the id of the event, a tab and the time
 * (Unix) at which it came; then "end".  Runs on the machine of the server: one clock.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_PARTITIONS 100
#define UUID_LENGTH    36

typedef struct Arrival
{
	char id[UUID_LENGTH + 1];
	double at;
} Arrival;

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

/* The "id" member of the envelope, which stands before the data; empty if there is none. */
static void
copy_id(char *id, const char *payload, size_t len)
{
	static const char member[] = "\"id\":\"";
	const char *text = memmem(payload, len, member, sizeof(member) - 1);

	if (text == NULL || (size_t) (payload + len - text) < sizeof(member) + UUID_LENGTH)
		return;
	memcpy(id, text + sizeof(member) - 1, UUID_LENGTH);
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

int
main(int argc, char **argv)
{
	long wanted = argc == 5 ? atol(argv[3]) : 0;
	double patience = argc == 5 ? atof(argv[4]) : 0;
	Arrival *arrivals = calloc((size_t) wanted + 1, sizeof(Arrival));
	double deadline;
	long n = 0;
	rd_kafka_t *rk;

	if (wanted <= 0 || patience <= 0 || arrivals == NULL)
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
			arrivals[n].at = now_seconds();
			deadline = arrivals[n].at + patience;
			copy_id(arrivals[n++].id, message->payload, message->len);
		}
		rd_kafka_message_destroy(message);
	}
	for (long i = 0; i < n; i++)
		printf("%s\t%.6f\n", arrivals[i].id, arrivals[i].at);
	printf("end\n");
	fflush(stdout);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	free(arrivals);
	return n == wanted ? 0 : 2;
}
