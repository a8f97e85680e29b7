/*
 * stream_latency.c
 *		How long after its commit an event arrives at a client of the gateway's stream.
 *
 *	stream_latency CONNINFO PORT TOKEN RATE COUNT
 *
 * Opens the stream, then inserts COUNT tasks at RATE a second, each a transaction, and prints for each the
 * microseconds from the moment when the server has said that it is committed to the moment when the event
 * with its title has been read.  One process, one clock; both sockets are waited for together.
 * An event that has not come 10 s after the last is lost, and ends the run.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE 1048576
#define PATIENCE    INT64_C(10000000000)
#define MARK        "stream latency "

static PGconn *pg;
static int stream;
static char buffer[BUFFER_SIZE + 1];
static size_t filled;
static long wanted;
static long n_sent;
static long n_committed;
static long n_arrived;
static int64_t *committed; /* 0: not yet */
static int64_t *arrived;

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "stream_latency: %s: %s\n", what, why);
	exit(1);
}

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Read more of the stream; what has been used up is the caller's to forget. */
static void
read_stream(void)
{
	ssize_t n = read(stream, buffer + filled, BUFFER_SIZE - filled);

	if (n <= 0)
		fail("stream", n == 0 ? "it has ended" : strerror(errno));
	filled += (size_t) n;
	buffer[filled] = '\0';
}

/* Until the first position has come: from there on nothing is missed. */
static void
open_stream(int port, const char *token)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
								   .sin_port = htons((uint16_t) port),
								   .sin_addr = { htonl(INADDR_LOOPBACK) } };

	stream = socket(AF_INET, SOCK_STREAM, 0);
	if (stream < 0 || connect(stream, (struct sockaddr *) &address, sizeof(address)) != 0)
		fail("connect", strerror(errno));
	dprintf(stream,
			"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
			token);
	while (strstr(buffer, "\nid: ") == NULL)
	{
		read_stream();
		if (strncmp(buffer, "HTTP/1.1 200", 12) != 0)
			fail("stream", buffer);
	}
	filled = 0;
}

static void
send_insert(void)
{
	char title[64];
	const char *params[1] = { title };

	snprintf(title, sizeof(title), MARK "%ld.", n_sent);
	if (PQsendQueryParams(pg, "insert into agenda.tasks (title) values ($1)", 1, NULL, params, NULL,
						  NULL, 0) != 1)
		fail("insert", PQerrorMessage(pg));
	n_sent++;
}

/* The end of the statement's results is the end of its transaction. */
static void
take_commits(int64_t at)
{
	PGresult *result;

	if (PQconsumeInput(pg) != 1)
		fail("insert", PQerrorMessage(pg));
	while (n_committed < n_sent && !PQisBusy(pg))
	{
		result = PQgetResult(pg);
		if (result == NULL)
		{
			committed[n_committed++] = at;
			return;
		}
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			fail("insert", PQresultErrorMessage(result));
		PQclear(result);
	}
}

/* Whole lines only; the rest of the last waits for more. */
static void
take_events(int64_t at)
{
	char *line = buffer;
	char *end;

	read_stream();
	while ((end = memchr(line, '\n', filled - (size_t) (line - buffer))) != NULL)
	{
		const char *mark;
		long n;

		*end = '\0';
		mark = strstr(line, MARK);
		n = mark != NULL ? atol(mark + sizeof(MARK) - 1) : -1;
		if (n >= 0 && n < wanted && arrived[n] == 0)
		{
			arrived[n] = at;
			n_arrived++;
		}
		line = end + 1;
	}
	filled -= (size_t) (line - buffer);
	memmove(buffer, line, filled);
}

static void
run(int64_t interval)
{
	int64_t start = now();
	int64_t last = start;

	while (n_arrived < wanted || n_committed < wanted)
	{
		struct pollfd fds[2] = { { .fd = PQsocket(pg), .events = POLLIN },
								 { .fd = stream, .events = POLLIN } };
		int64_t at = now();
		int64_t wait =
			n_sent < wanted && n_committed == n_sent ? start + n_sent * interval - at : PATIENCE;
		struct timespec ts;

		if (wait <= 0)
		{
			send_insert();
			continue;
		}
		ts = (struct timespec){ wait / 1000000000, wait % 1000000000 };
		if (ppoll(fds, 2, &ts, NULL) < 0)
			fail("poll", strerror(errno));
		at = now();
		if (fds[0].revents != 0)
			take_commits(at);
		if (fds[1].revents != 0)
			take_events(at);
		if (fds[0].revents != 0 || fds[1].revents != 0)
			last = at;
		else if (at - last > PATIENCE)
			fail("stream", "an event did not come");
	}
}

int
main(int argc, char **argv)
{
	double rate = argc == 6 ? atof(argv[4]) : 0;

	wanted = argc == 6 ? atol(argv[5]) : 0;
	if (rate <= 0 || wanted <= 0)
		fail("usage", "stream_latency CONNINFO PORT TOKEN RATE COUNT");
	committed = calloc((size_t) wanted, sizeof(int64_t));
	arrived = calloc((size_t) wanted, sizeof(int64_t));
	pg = PQconnectdb(argv[1]);
	if (committed == NULL || arrived == NULL || PQstatus(pg) != CONNECTION_OK)
		fail("connect", PQerrorMessage(pg));
	open_stream(atoi(argv[2]), argv[3]);
	run((int64_t) (1e9 / rate));
	for (long i = 0; i < wanted; i++)
		printf("%.1f\n", (double) (arrived[i] - committed[i]) / 1e3);
	PQfinish(pg);
	return 0;
}
