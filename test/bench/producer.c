/*
 * producer.c
 *		The limit beside which the drainer is measured: librdkafka alone, with the drainer's settings.
 *
 *	producer BROKERS TOPIC COUNT BYTES RATE [random]
 *
 * Sends COUNT records of BYTES bytes under random keys, RATE of them per second (0: as fast as it goes), and
 * prints one line of JSON: how long it took from the first record to the last acknowledgement, and
 * percentiles of the time from handing over a record to its acknowledgement.  Records are as far apart
 * from each other as the rate says or, with "random", as if many clients sent them (as pgbench -R does).
 *
 * In between it sleeps, like the drainer and like rdkafka_performance: who waits busily has a processor
 * to himself, which nobody has beside a server.
 */
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <math.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double *took;
static double *handed_over;
static long acknowledged = 0;
static double last_acknowledgement = 0;
/* says that there are reports */
static int wake_pipe[2];

static double
now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "producer: %s: %s\n", what, why);
	exit(1);
}

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char error[256];

	if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
		fail(name, error);
}

static void
on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	long n = (long) (size_t) message->_private;

	(void) rk;
	(void) opaque;
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		fail("report", rd_kafka_err2str(message->err));
	last_acknowledgement = now_seconds();
	took[acknowledged++] = last_acknowledgement - handed_over[n];
}

/* As bgworker/kafka/kafka_config.c has it. */
static rd_kafka_t *
connect_to(const char *brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char error[256];
	rd_kafka_t *rk;

	set(conf, "bootstrap.servers", brokers);
	set(conf, "enable.idempotence", "true");
	set(conf, "acks", "all");
	set(conf, "linger.ms", "0");
	set(conf, "compression.codec", "lz4");
	set(conf, "partitioner", "murmur2_random");
	set(conf, "socket.nagle.disable", "true");
	set(conf, "queue.buffering.max.kbytes", "32768");
	set(conf, "queue.buffering.max.messages", "1000000");
	rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (rk == NULL)
		fail("start", error);
	return rk;
}

static void
send_one(rd_kafka_t *rk, rd_kafka_topic_t *rkt, long n, char *value, size_t bytes)
{
	char key[40];
	size_t length = (size_t) snprintf(key, sizeof(key), "%08lx-%08lx", random(), n);

	handed_over[n] = now_seconds();
	while (rd_kafka_produce(rkt, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, bytes, key,
							length, (void *) (size_t) n) != 0)
	{
		if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
		rd_kafka_poll(rk, 1);
	}
	rd_kafka_poll(rk, 0);
}

static void
listen_to(rd_kafka_t *rk)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_get_main(rk);

	if (pipe2(wake_pipe, O_NONBLOCK) != 0)
		fail("start", "no pipe");
	rd_kafka_queue_io_event_enable(queue, wake_pipe[1], "", 1);
	rd_kafka_queue_destroy(queue);
}

static void
wait_until(rd_kafka_t *rk, double due)
{
	double left;

	while ((left = due - now_seconds()) > 0)
	{
		struct timespec timeout = { (time_t) left, (long) ((left - floor(left)) * 1e9) };
		struct pollfd reports = { .fd = wake_pipe[0], .events = POLLIN };
		char bytes[64];

		if (ppoll(&reports, 1, &timeout, NULL) > 0)
			while (read(wake_pipe[0], bytes, sizeof(bytes)) > 0)
				;
		rd_kafka_poll(rk, 0);
	}
}

/* Seconds from one record to the next. */
static double
gap(double rate, bool random_gaps)
{
	return random_gaps ? -log(((double) random() + 1) / ((double) RAND_MAX + 1)) / rate : 1 / rate;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	bool random_gaps = argc == 7 && strcmp(argv[6], "random") == 0;
	bool usable = argc == 6 || random_gaps;
	long count = usable ? atol(argv[3]) : 0;
	long bytes = usable ? atol(argv[4]) : 0;
	double rate = usable ? atof(argv[5]) : 0;
	double due;
	char *value;
	double started;
	rd_kafka_t *rk;
	rd_kafka_topic_t *rkt;
	const rd_kafka_metadata_t *metadata;

	if (count <= 0 || bytes <= 0)
		fail("usage", "producer BROKERS TOPIC COUNT BYTES RATE [random]");
	value = malloc((size_t) bytes);
	took = calloc((size_t) count, sizeof(double));
	handed_over = calloc((size_t) count, sizeof(double));
	if (value == NULL || took == NULL || handed_over == NULL)
		fail("start", "out of memory");
	/* text that compresses about as JSON does */
	for (long i = 0; i < bytes; i++)
		value[i] = i % 8 < 5 ? "\"name\""[i % 6] : (char) ('a' + random() % 26);
	rk = connect_to(argv[1]);
	listen_to(rk);
	rkt = rd_kafka_topic_new(rk, argv[2], NULL);
	if (rd_kafka_metadata(rk, 0, rkt, &metadata, 10000))
		fail("metadata", argv[2]);
	rd_kafka_metadata_destroy(metadata);

	started = due = now_seconds();
	for (long n = 0; n < count; n++)
	{
		if (rate > 0)
		{
			wait_until(rk, due);
			due += gap(rate, random_gaps);
		}
		send_one(rk, rkt, n, value, (size_t) bytes);
	}
	while (acknowledged < count)
		rd_kafka_poll(rk, 100);
	qsort(took, (size_t) count, sizeof(double), by_value);
	printf("{\"count\": %ld, \"seconds\": %.6f, \"per_second\": %.0f, \"p50_ms\": %.3f, "
		   "\"p99_ms\": %.3f}\n",
		   count, last_acknowledgement - started, (double) count / (last_acknowledgement - started),
		   took[count / 2] * 1e3, took[count * 99 / 100] * 1e3);
	rd_kafka_topic_destroy(rkt);
	rd_kafka_destroy(rk);
	return 0;
}
