/*
 * open_loop.c
 *		Requests at a fixed rate, whatever the server does: how long each took.
 *
 *	open_loop PORT RATE CONNECTIONS TOKEN <REQUESTS
 *
 * Each line of REQUESTS is "METHOD PATH [BODY]".  The n-th is due n / RATE seconds after the start;
 * it goes out on an idle connection, or waits for one.  For each it prints "N STATUS MICROSECONDS",
 * counted from when it was due: time that a request waits because others are slow is its own time too,
 * so nothing is omitted.  A connection that breaks ends the run.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 256
#define MAX_REQUESTS    1000000
#define ANSWER_SIZE     65536
#define SECOND          INT64_C(1000000000)

struct connection
{
	long request; /* -1: idle */
	size_t len;
	char answer[ANSWER_SIZE + 1];
};

static char *requests[MAX_REQUESTS];
static long n_requests;
static int64_t start;
static int64_t interval; /* ns */
static struct connection connections[MAX_CONNECTIONS];
static struct pollfd fds[MAX_CONNECTIONS];
static int n_connections;

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "open_loop: %s: %s\n", what, why);
	exit(1);
}

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static int64_t
due(long request)
{
	return start + request * interval;
}

/* The bytes of each request are made before the first is sent. */
static void
read_requests(const char *token)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while (n_requests < MAX_REQUESTS && (len = getline(&line, &size, stdin)) > 0)
	{
		char method[16];
		char path[512];
		int rest = 0;
		const char *body;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%15s %511s %n", method, path, &rest) != 2)
			fail("request", line);
		body = line + rest;
		if (asprintf(&requests[n_requests++],
					 "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
					 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
					 method, path, token, strlen(body), body) < 0)
			fail("request", "out of memory");
	}
	free(line);
}

static void
open_connections(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
								   .sin_port = htons((uint16_t) port),
								   .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int one = 1;

	for (int i = 0; i < n_connections; i++)
	{
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) != 0 ||
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
			fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
			fail("connect", strerror(errno));
		fds[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
		connections[i].request = -1;
	}
}

/* A request is smaller than what a socket takes at once. */
static void
send_request(int i, long request)
{
	ssize_t len = (ssize_t) strlen(requests[request]);

	connections[i].request = request;
	connections[i].len = 0;
	if (write(fds[i].fd, requests[request], (size_t) len) != len)
		fail("write", strerror(errno));
}

/* Header and as much body as it announces. */
static int
is_complete(const struct connection *c)
{
	const char *end = strstr(c->answer, "\r\n\r\n");
	const char *length = strcasestr(c->answer, "\r\nContent-Length:");

	if (end == NULL || length == NULL || length > end)
		return 0;
	return c->answer + c->len >= end + 4 + atol(length + 17);
}

static void
read_answer(int i, long *n_done)
{
	struct connection *c = &connections[i];
	ssize_t n = read(fds[i].fd, c->answer + c->len, ANSWER_SIZE - c->len);

	if (n <= 0)
		fail("read", n == 0 ? "the connection was closed" : strerror(errno));
	c->len += (size_t) n;
	c->answer[c->len] = '\0';
	if (c->request < 0 || !is_complete(c))
		return;
	printf("%ld %.3s %.1f\n", c->request, c->answer + sizeof("HTTP/1.1"),
		   (double) (now() - due(c->request)) / 1e3);
	c->request = -1;
	(*n_done)++;
}

/* Send what is due; returns how long nothing further will be. */
static struct timespec
send_due(long *next)
{
	int64_t wait;

	for (int i = 0; i < n_connections && *next < n_requests && due(*next) <= now(); i++)
		if (connections[i].request < 0)
			send_request(i, (*next)++);
	wait = *next < n_requests ? due(*next) - now() : SECOND;
	if (wait < 0)
		wait = SECOND; /* all connections are busy: an answer comes first */
	return (struct timespec){ wait / SECOND, wait % SECOND };
}

int
main(int argc, char **argv)
{
	double rate = argc == 5 ? atof(argv[2]) : 0;
	long next = 0;
	long n_done = 0;

	n_connections = argc == 5 ? atoi(argv[3]) : 0;
	if (rate <= 0 || n_connections < 1 || n_connections > MAX_CONNECTIONS)
		fail("usage", "open_loop PORT RATE CONNECTIONS TOKEN <REQUESTS");
	interval = (int64_t) ((double) SECOND / rate);
	read_requests(argv[4]);
	open_connections(atoi(argv[1]));
	start = now();
	while (n_done < n_requests)
	{
		struct timespec wait = send_due(&next);

		if (ppoll(fds, (nfds_t) n_connections, &wait, NULL) < 0)
			fail("poll", strerror(errno));
		for (int i = 0; i < n_connections; i++)
			if (fds[i].revents != 0)
				read_answer(i, &n_done);
	}
	return 0;
}
