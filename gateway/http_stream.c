/*
 * http_stream.c
 *	  Answers without an end: bytes are pushed as they come.
 *
 * The connection is suspended while there is nothing to send, and costs no processor time then; a
 * push resumes it, and the library fetches the bytes in read_some().  A client that is further behind
 * than stream-buffer, or takes nothing for body-timeout, is cut off: it comes back and
 * resumes.  Suspended connections do not notice that their client is gone; the heartbeat makes
 * them.
 */
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_internal.h"

#define STREAM_BLOCK                                                                               \
	256 /* of the library for clients that take no chunks; costs every stream as much */

struct http_stream
{
	struct strbuf pending;
	size_t sent; /* of pending */
	bool sleeping;
	bool ending;
	bool thrifty; /* give_back() has been here */
};

static bool
all_zero(const char *from, size_t len)
{
	return from[0] == '\0' && memcmp(from, from + 1, len - 1) == 0;
}

/* How much this connection has ever received, as far as the kernel tells. */
bool
http_bytes_received(const struct http_conn *conn, size_t *n)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 || len < sizeof(info))
		return false;
	*n = (size_t) info.tcpi_bytes_received;
	return true;
}

/*
 * The library clears half of a connection's memory for the header at hand, most of which needs far
 * less.  A page of zeros can be given back: it reads as zeros again.  The target lies in that memory,
 * behind no more than the connection has received, so all from it to the end less that is within.
 */
static void
give_back(const struct request *req)
{
	uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
	uintptr_t begin = (uintptr_t) req->raw_pointer;
	size_t size = http_pool_size(req->http->cfg);
	size_t received;
	uintptr_t end;

	if (!http_bytes_received(req->conn, &received) || received > size)
		return;
	end = (begin + size - received) & ~(page - 1);
	for (begin = (begin + page - 1) & ~(page - 1); begin < end; begin += page)
		if (all_zero((const char *) begin, page))
			(void) madvise((void *) begin, page, MADV_DONTNEED);
}

static ssize_t
read_some(void *arg, uint64_t pos, char *buffer, size_t max)
{
	struct request *req = arg;
	struct http_stream *s = req->stream;
	size_t len = s->pending.len - s->sent;

	(void) pos;
	if (len == 0 && s->ending)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (len == 0)
	{
		sb_free(&s->pending);
		s->sent = 0;
		if (!s->thrifty)
			give_back(req);
		s->thrifty = true;
		s->sleeping = true;
		http_set_deadline(req->conn, -1);
		MHD_suspend_connection(req->mhd);
		return 0;
	}
	if (len > max)
		len = max;
	memcpy(buffer, s->pending.data + s->sent, len);
	s->sent += len;
	req->response_len += len;
	return (ssize_t) len;
}

/* The kernel would take megabytes for a client that does not read, before we noticed. */
static void
bound_socket(const struct http_conn *conn)
{
	int size = (int) conn->http->cfg->stream_buffer;

	(void) setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Begin the answer; what is pushed now goes out behind its header. */
void
http_stream_begin(struct request *req, const struct http_answer *answer)
{
	struct MHD_Response *response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_some, req, NULL);

	if (response == NULL)
		abort();
	req->stream = xcalloc(1, sizeof(*req->stream));
	bound_socket(req->conn);
	http_add_headers(req, response, answer);
	req->response = response;
	req->status = answer->status;
	req->response_len = 0;
	if (req->stage == REQUEST_WAITING)
		http_resume(req);
	req->stage = REQUEST_ANSWERED;
}

static void
wake(struct request *req)
{
	struct http_stream *s = req->stream;

	if (!s->sleeping)
		return;
	s->sleeping = false;
	http_set_deadline(req->conn, req->conn->http->cfg->body_timeout);
	http_resume(req);
}

/* False: the client is too slow and has been cut off.  After the end nothing counts any more. */
bool
http_stream_push(struct request *req, const char *data, size_t len)
{
	struct http_stream *s = req->stream;

	if (s->ending)
		return true;
	if (s->pending.len - s->sent + len > (size_t) req->conn->http->cfg->stream_buffer)
	{
		http_stream_end(req);
		(void) shutdown(req->conn->fd, SHUT_RDWR);
		return false;
	}
	if (s->sent > 0 && s->sent == s->pending.len)
	{
		sb_reset(&s->pending);
		s->sent = 0;
	}
	sb_putn(&s->pending, data, len);
	wake(req);
	return true;
}

/* What has been pushed still goes out, then the answer ends. */
void
http_stream_end(struct request *req)
{
	req->stream->ending = true;
	wake(req);
}

void
http_stream_free(struct request *req)
{
	if (req->stream == NULL)
		return;
	sb_free(&req->stream->pending);
	free(req->stream);
	req->stream = NULL;
}
