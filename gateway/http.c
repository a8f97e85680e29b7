/*
 * http.c
 *	  The seam over libmicrohttpd 0.9.75.
 *
 * The daemon runs in external epoll mode: its epoll descriptor is nested in the worker's, and
 * http_run() turns it.  A request that waits for the database is suspended; http_answer() resumes it
 * in the same thread, and the next turn sends the answer.
 *
 * What the library leaves open is done here: the raw target is copied before the library decodes
 * it in place, headers are checked in the first call (http_check.c), deadlines are ours (the library
 * knows only inactivity, which a drip of bytes resets), and nobody is suspended when the daemon stops
 * (it would abort).  Suspended requests do not notice that their client is gone; they end when
 * the database has answered.
 *
 * Memory: one http_conn per client connection; requests come from a free list over slabs; header fields live in
 * the library's pool as long as the request.  All of it belongs to one thread.
 */
#include "http_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "http_check.h"
#include "listen.h"
#include "log.h"
#include "tls.h"

#define RUNS_PER_TURN     8 /* then the database has its turn */
#define STUCK_AFTER_TURNS 16
#define DISCARD_FACTOR    8 /* refused bodies are read up to this multiple of the limit */
#define DRAIN_IDLE        2 /* s of patience with idle connections while draining */

static atomic_size_t buffered; /* bytes of bodies that all threads hold */

static uint64_t
now_micros(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

void
http_set_deadline(struct http_conn *conn, long seconds)
{
	struct wheel *wheel = conn->http->wheel;

	wheel_set(wheel, &conn->timer,
			  seconds < 0 ? WHEEL_NEVER : wheel->now + (uint64_t) seconds * 1000);
}

/* Nothing is expected of the client until it asks again. */
static void
become_idle(struct http_conn *conn)
{
	struct http_server *http = conn->http;

	conn->idle = true;
	if (!http->draining || !http_bytes_received(conn, &conn->received))
		conn->received = 0;
	http_set_deadline(conn, http->draining ? DRAIN_IDLE : http->cfg->keepalive_timeout);
}

/*
 * Is a request on its way that the library does not know of yet?  What came this very moment has not been read;
 * the beginning of a request line has, and shows in the kernel's count, which only TCP has.
 */
static bool
has_begun(const struct http_conn *conn)
{
	size_t received;
	char byte;

	return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0 ||
		   (conn->received > 0 && http_bytes_received(conn, &received) &&
			received != conn->received);
}

/* Too late: the library sees the end of the stream and closes. */
static void
deadline_passed(struct timer *timer)
{
	struct http_conn *conn =
		(struct http_conn *) (void *) ((char *) timer - offsetof(struct http_conn, timer));

	if (conn->idle && has_begun(conn))
	{
		conn->idle = false;
		http_set_deadline(conn, conn->http->cfg->header_timeout);
		return;
	}
	count_add(&conn->http->metrics->deadline_closes, 1);
	(void) shutdown(conn->fd, SHUT_RDWR);
}

/* ---- connections ------------------------------------------------------------------------- */

static void
note_remote(struct http_conn *conn, const struct sockaddr *addr)
{
	if (addr == NULL)
		return;
	if (addr->sa_family == AF_INET)
		(void) inet_ntop(AF_INET, &((const struct sockaddr_in *) (const void *) addr)->sin_addr,
						 conn->remote, sizeof(conn->remote));
	else if (addr->sa_family == AF_INET6)
		(void) inet_ntop(AF_INET6, &((const struct sockaddr_in6 *) (const void *) addr)->sin6_addr,
						 conn->remote, sizeof(conn->remote));
	else
		(void) snprintf(conn->remote, sizeof(conn->remote), "unix");
}

static void
conn_opened(struct http_server *http, struct MHD_Connection *mhd, void **context)
{
	struct http_conn *conn = xcalloc(1, sizeof(*conn));
	const union MHD_ConnectionInfo *info;

	conn->http = http;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	conn->fd = info->connect_fd;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	note_remote(conn, info->client_addr);
	conn->timer.fire = deadline_passed;
	conn->next = &http->conns;
	conn->prev = http->conns.prev;
	conn->prev->next = conn;
	http->conns.prev = conn;
	http->n_conns++;
	count_add(&http->metrics->connections, 1);
	http_set_deadline(conn, http->cfg->header_timeout);
	*context = conn;
}

static void
conn_closed(struct http_conn *conn)
{
	struct http_server *http = conn->http;

	wheel_remove(&conn->timer);
	conn->prev->next = conn->next;
	conn->next->prev = conn->prev;
	http->n_conns--;
	count_add(&http->metrics->connections, (uint64_t) -1);
	free(conn);
}

static void
on_connection(void *arg, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	((struct http_server *) arg)->calls++;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		conn_opened(arg, mhd, context);
	else if (*context != NULL)
		conn_closed(*context);
}

static struct http_conn *
conn_of(struct MHD_Connection *mhd)
{
	return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

const char *
http_remote(const struct request *req)
{
	return req->conn->remote;
}

/* Did it come by the admin port? */
bool
http_is_admin(const struct request *req)
{
	return req->conn->http->admin;
}

/* Did it come from this machine? */
bool
http_is_local(const struct request *req)
{
	const char *remote = req->conn->remote;

	return strcmp(remote, "unix") == 0 || strcmp(remote, "::1") == 0 ||
		   strncmp(remote, "127.", 4) == 0 || strncmp(remote, "::ffff:127.", 11) == 0;
}

void
http_resume(struct request *req)
{
	MHD_resume_connection(req->mhd);
	req->conn->http->resumed = true;
}

/* us since the request line */
uint64_t
http_age(const struct request *req)
{
	return now_micros() - req->started;
}

/* ---- requests ---------------------------------------------------------------------------- */

static struct request *
take_request(struct http_server *http)
{
	struct request *req;

	if (http->free_requests == NULL)
	{
		struct request_slab *slab = xmalloc(sizeof(*slab));

		slab->next = http->slabs;
		http->slabs = slab;
		for (int i = 0; i < SLAB_REQUESTS; i++)
		{
			slab->requests[i].next_free = http->free_requests;
			http->free_requests = &slab->requests[i];
		}
	}
	req = http->free_requests;
	http->free_requests = req->next_free;
	memset(req, 0, sizeof(*req));
	return req;
}

/* The request line is in.  The target is copied now: the library is about to decode it in place. */
static void *
on_request_line(void *arg, const char *uri, struct MHD_Connection *mhd)
{
	struct http_server *http = arg;
	struct request *req = take_request(http);

	req->worker = http->worker;
	req->http = http;
	req->conn = conn_of(mhd);
	req->conn->req = req;
	req->conn->idle = false;
	req->mhd = mhd;
	req->started = now_micros();
	req->routing.route = -1;
	req->raw_pointer = uri;
	req->raw_len = uri ? strlen(uri) : 0;
	if (req->raw_len <= (size_t) http->cfg->max_url)
	{
		req->raw_target = xmalloc(req->raw_len + TARGET_WORK_SIZE(req->raw_len) + 1);
		memcpy(req->raw_target, uri ? uri : "", req->raw_len + 1);
		req->target_work = req->raw_target + req->raw_len + 1;
	}
	req->target.path = "";
	count_add(&http->metrics->in_flight, 1);
	http_set_deadline(req->conn, http->cfg->header_timeout);
	return req;
}

/* The request is used no more, neither by the library nor by a call that was under way. */
void
http_release(struct request *req)
{
	struct http_server *http = req->http;

	sb_free(&req->query);
	req->next_free = http->free_requests;
	http->free_requests = req;
}

static void
on_completed(void *arg, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct http_server *http = arg;
	struct request *req = *context;

	(void) mhd;
	(void) code;
	if (req == NULL)
		return;
	*context = NULL;
	if (req->stage != REQUEST_NEW)
		http->hooks->finished(req);
	if (req->response != NULL)
		MHD_destroy_response(req->response);
	http_stream_free(req);
	free(req->raw_target);
	free(req->body);
	if (req->body_cap > 0)
		(void) atomic_fetch_sub(&buffered, req->body_cap);
	req->conn->req = NULL;
	become_idle(req->conn);
	count_add(&http->metrics->in_flight, (uint64_t) -1);
	http->calls++;
	req->conn = NULL;
	if (!req->busy)
		http_release(req);
}

static enum MHD_Result
on_field(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value,
		 size_t value_len)
{
	(void) kind;
	header_check_piece(arg, name, value + value_len);
	header_check_field(arg, name, name_len, value, value_len);
	return MHD_YES;
}

static void
take_ids(struct request *req)
{
	const char *id = req->headers.request_id;
	const char *trace = req->headers.traceparent;

	if (id != NULL && request_id_valid(id, strlen(id)))
		(void) snprintf(req->request_id, sizeof(req->request_id), "%s", id);
	else
		make_request_id(req->request_id);
	if (trace != NULL && traceparent_valid(trace, strlen(trace)))
		(void) snprintf(req->traceparent, sizeof(req->traceparent), "%s", trace);
	else
		make_traceparent(req->traceparent);
}

/*
 * The library keeps the version right behind the target in its buffer.  If there is more between
 * them than the terminator, the target contained a NUL and strlen() saw only its beginning.
 */
static bool
target_is_whole(const struct request *req, const char *version)
{
	return req->raw_pointer != NULL && req->raw_pointer + req->raw_len + 1 == version;
}

/*
 * The library takes a line without a name, or one that begins with a NUL, for the end of the
 * header, and cuts values at a NUL: what follows would be read as a body or as another request.
 * It hands out pointers into its buffer, so the fields must lie there one behind the other, with
 * nothing but line ends between them, and the empty line behind the last.
 */
static void
check_header_end(struct request *req, const char *method, struct header_check *check)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(req->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	if (info != NULL)
		header_check_last(check, method + info->header_size);
}

/* Syntax: everything that can be wrong before the request means anything. */
static const struct problem_kind *
check_header(struct request *req, const char *method, const char *version, const char **detail)
{
	const struct config *cfg = req->conn->http->cfg;
	struct header_check check = { .out = &req->headers, .end = version + strlen(version) };
	const struct problem_kind *kind;
	enum target_result result;

	(void) MHD_get_connection_values_n(req->mhd, MHD_HEADER_KIND, on_field, &check);
	check_header_end(req, method, &check);
	kind = header_check_end(&check, strcmp(version, "HTTP/1.0") == 0, (size_t) cfg->max_header,
							detail);
	take_ids(req);
	if (kind != NULL)
		return kind;
	if (req->raw_target == NULL)
		return &PROBLEM_URI_TOO_LONG;
	result = target_is_whole(req, version)
				 ? target_parse(&req->target, req->raw_target, req->raw_len, req->target_work)
				 : TARGET_BAD_CHARACTER;
	*detail = target_error(result);
	return result == TARGET_OK ? NULL : &PROBLEM_BAD_REQUEST;
}

static enum MHD_Result
send_response(struct request *req)
{
	http_set_deadline(req->conn, req->conn->http->cfg->body_timeout);
	return MHD_queue_response(req->mhd, req->status, req->response);
}

static const char *
check_client(struct request *req)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(req->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info ? tls_check_client(info->tls_session) : NULL;
}

static enum MHD_Result
first_call(struct request *req, const char *method, const char *version)
{
	struct http_server *http = req->conn->http;
	const char *detail = NULL;
	const struct problem_kind *kind;

	req->stage = REQUEST_BODY;
	req->method = method_of(method);
	req->method_text = method_name(req->method);
	kind = check_header(req, method, version, &detail);
	if (kind == NULL && http->tls)
	{
		detail = check_client(req);
		kind = detail ? &PROBLEM_CERTIFICATE : NULL;
	}
	if (kind != NULL)
		http_refuse(req, kind, detail);
	else
		http->hooks->headers(req);
	if (req->response != NULL)
		return send_response(req);
	http_set_deadline(req->conn, http->cfg->body_timeout);
	return MHD_YES;
}

/* Keep the piece of body, or only count it when the request is refused anyway. */
static bool
take_body(struct request *req, const char *data, size_t len)
{
	const struct config *cfg = req->conn->http->cfg;
	size_t limit = (size_t) cfg->max_body;

	req->body_seen += len;
	if (req->body_seen > limit && req->refusal.kind == NULL)
		req->refusal.kind = &PROBLEM_BODY_TOO_LARGE;
	if (req->refusal.kind != NULL)
		return req->body_seen <= (uint64_t) limit * DISCARD_FACTOR;
	if (req->body_len + len + 1 > req->body_cap)
	{
		size_t cap = req->body_cap == 0 ? 512 : req->body_cap * 2;
		char *bigger;

		while (cap < req->body_len + len + 1)
			cap *= 2;
		if (atomic_fetch_add(&buffered, cap - req->body_cap) + cap - req->body_cap >
			(size_t) cfg->max_buffered)
		{
			(void) atomic_fetch_sub(&buffered, cap - req->body_cap);
			req->refusal.kind = &PROBLEM_OVERLOADED;
			req->refusal.detail = "the bodies of the requests at hand take too much memory";
			return true;
		}
		bigger = xmalloc(cap);
		if (req->body_len > 0)
			memcpy(bigger, req->body, req->body_len);
		free(req->body);
		req->body = bigger;
		req->body_cap = cap;
	}
	memcpy(req->body + req->body_len, data, len);
	req->body_len += len;
	req->body[req->body_len] = '\0';
	return true;
}

static enum MHD_Result
last_call(struct request *req)
{
	req->stage = REQUEST_RUNNING;
	req->conn->http->hooks->complete(req);
	if (req->response != NULL)
		return send_response(req);
	req->stage = REQUEST_WAITING;
	http_set_deadline(req->conn, -1);
	MHD_suspend_connection(req->mhd);
	return MHD_YES;
}

static enum MHD_Result
on_access(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
		  const char *version, const char *data, size_t *data_len, void **context)
{
	struct request *req = *context;

	((struct http_server *) arg)->calls++;
	(void) mhd;
	(void) url; /* decoded in place and cut at NUL: not to be used */
	switch (req->stage)
	{
		case REQUEST_NEW:
			return first_call(req, method, version);
		case REQUEST_BODY:
			if (*data_len == 0)
				return last_call(req);
			if (!take_body(req, data, *data_len))
				return MHD_NO;
			*data_len = 0;
			return MHD_YES;
		case REQUEST_RUNNING:
		case REQUEST_WAITING:
			return MHD_YES;
		case REQUEST_ANSWERED:
			return send_response(req);
	}
	return MHD_NO;
}

/* ---- the daemon -------------------------------------------------------------------------- */

static struct MHD_Daemon *
start_daemon(struct http_server *http, const struct http_listen *listen)
{
	const struct config *cfg = http->cfg;
	unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO;
	struct MHD_OptionItem tls[4] = { { MHD_OPTION_END, 0, NULL } };
	int n = 0;

	if (listen->tls)
	{
		flags |= MHD_USE_TLS;
		tls[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, tls_priorities() };
		tls[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, tls_callback() };
		if (tls_client_ca() != NULL)
			tls[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_TRUST, 0,
												(void *) (uintptr_t) tls_client_ca() };
		tls[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	}
	return MHD_start_daemon(
		flags, 0, NULL, NULL, on_access, http, MHD_OPTION_LISTEN_SOCKET, listen->fd,
		MHD_OPTION_URI_LOG_CALLBACK, on_request_line, http, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, http, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
		MHD_OPTION_CONNECTION_LIMIT, listen->max_connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		http_pool_size(cfg), MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

struct http_server *
http_start(struct worker *worker, const struct config *cfg, struct wheel *wheel,
		   struct metrics *metrics, const struct http_listen *listen,
		   const struct http_hooks *hooks)
{
	struct http_server *http = xcalloc(1, sizeof(*http));

	http->worker = worker;
	http->cfg = cfg;
	http->wheel = wheel;
	http->metrics = metrics;
	http->hooks = hooks;
	http->admin = listen->admin;
	http->tls = listen->tls;
	http->own_queue = listen->own;
	http->queue_fd = -1;
	http->max_conns = (int) listen->max_connections;
	http->conns.prev = http->conns.next = &http->conns;
	http->daemon = start_daemon(http, listen);
	if (http->daemon == NULL)
	{
		free(http);
		return NULL;
	}
	http->epoll_fd = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	return http;
}

int
http_epoll_fd(struct http_server *http)
{
	return http->epoll_fd;
}

bool
http_pending(struct http_server *http)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	return http->resumed || (MHD_get_timeout(http->daemon, &timeout) == MHD_YES && timeout == 0);
}

/*
 * What the kernel has accepted for us is served, as soon as there is room; then the socket closes.  What
 * waits in a queue that is not ours alone is left to the others.
 */
static void
adopt_backlog(struct http_server *http)
{
	bool empty = false;
	bool room = true;

	while (!empty && room && http->n_conns < http->max_conns)
	{
		struct sockaddr_storage addr;
		socklen_t len = sizeof(addr);
		int fd = accept4(http->queue_fd, (struct sockaddr *) (void *) &addr, &len,
						 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			(void) MHD_add_connection(http->daemon, fd, (struct sockaddr *) (void *) &addr, len);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			room = false;
		else
			empty = errno != ECONNABORTED;
	}
	/* whoever ends makes room, if there is anybody */
	if (!empty && http->own_queue && http->n_conns > 0)
		return;
	(void) close(http->queue_fd);
	http->queue_fd = -1;
}

/*
 * Turn the daemon while it has work at hand.  Its connections are edge-triggered, so work left over
 * is announced by nothing but http_pending(): the caller must not sleep while that is true.
 */
bool
http_run(struct http_server *http)
{
	int runs = 0;
	unsigned int calls = http->calls;

	do
	{
		http->resumed = false;
		if (MHD_run(http->daemon) != MHD_YES)
			return false;
	} while (++runs < RUNS_PER_TURN && http_pending(http));
	if (http->queue_fd >= 0)
		adopt_backlog(http);
	if (http->calls == calls && http_pending(http))
		http->idle_turns++;
	else
		http->idle_turns = 0;
	return true;
}

/*
 * The library says that it has work and never gets on with it, as with a chunk header that fills
 * its buffer.  The caller should not turn round at full speed until the deadline ends that.
 */
bool
http_stuck(struct http_server *http)
{
	return http->idle_turns > STUCK_AFTER_TURNS;
}

/*
 * Accept nobody but those who wait already, close connections as they become idle; every answer from now on says
 * Connection: close.  Who has been served before has two seconds to send what may be on its way.  Who has not yet
 * asked anything came to do so, and has the time that a request's header always has.
 */
void
http_drain(struct http_server *http)
{
	http->queue_fd = MHD_quiesce_daemon(http->daemon);
	http->draining = true;
	for (struct http_conn *conn = http->conns.next; conn != &http->conns; conn = conn->next)
		if (conn->idle)
			become_idle(conn);
	if (http->queue_fd < 0)
		return;
	if (http->own_queue)
		listen_end_queue(http->queue_fd);
	adopt_backlog(http);
}

int
http_connections(struct http_server *http)
{
	return http->n_conns;
}

/* The caller has answered every request, so that nobody is suspended. */
void
http_stop(struct http_server *http)
{
	(void) http_run(http);
	if (http->queue_fd >= 0)
		(void) close(http->queue_fd);
	MHD_stop_daemon(http->daemon);
	while (http->slabs != NULL)
	{
		struct request_slab *slab = http->slabs;

		http->slabs = slab->next;
		free(slab);
	}
	free(http);
}
