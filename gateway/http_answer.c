/*
 * http_answer.c
 *	  Answers: status, header, body; compression and what browsers of other origins may see.
 *
 * Bodies are sent from the memory of whoever made them and given back by release(), but for those
 * that are compressed.  What has an entity tag is not compressed: a strong tag names these very
 * bytes, and a thing is small.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "health.h"
#include "http_internal.h"
#include "log.h"

#define GZIP_WINDOW 31 /* zlib's largest window, with gzip's header */
#define GZIP_LEVEL  1  /* four fifths of the gain for a fifth of the time */

static void
add_header(struct MHD_Response *response, const char *name, const char *value)
{
	/* refuses values with line breaks: better no header than a forged one */
	if (value != NULL)
		(void) MHD_add_response_header(response, name, value);
}

static void
add_number(struct MHD_Response *response, const char *name, unsigned long value)
{
	char text[24];

	(void) snprintf(text, sizeof(text), "%lu", value);
	add_header(response, name, text);
}

/* ---- compression ---------------------------------------------------------------------------- */

/* Does Accept-Encoding take gzip?  "gzip;q=0" does not. */
bool
accepts_gzip(const char *field)
{
	while (field != NULL && *field != '\0')
	{
		size_t len;
		const char *q;

		field += strspn(field, " \t,");
		len = strcspn(field, ";, \t");
		q = field + len + strspn(field + len, " \t");
		if ((len == 4 && strncasecmp(field, "gzip", 4) == 0) || (len == 1 && *field == '*'))
		{
			if (*q != ';')
				return true;
			q += 1 + strspn(q + 1, " \t");
			return strncasecmp(q, "q=0", 3) != 0 || strpbrk(q, "123456789") != NULL;
		}
		field += strcspn(field, ",");
	}
	return false;
}

static bool
deflate_body(const char *body, size_t len, unsigned char **out, size_t *out_len)
{
	z_stream z = { 0 };
	unsigned long bound;
	bool ok;

	if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	bound = deflateBound(&z, len);
	*out = xmalloc(bound);
	z.next_in = (unsigned char *) (uintptr_t) body;
	z.avail_in = (unsigned int) len;
	z.next_out = *out;
	z.avail_out = (unsigned int) bound;
	ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
	*out_len = bound - z.avail_out;
	(void) deflateEnd(&z);
	if (!ok)
		free(*out);
	return ok;
}

/* Replace the body by its compressed form where that is wanted. */
static bool
compress_answer(const struct request *req, struct http_answer *a)
{
	long above = req->conn->http->cfg->compress_above;
	unsigned char *packed;
	size_t packed_len;

	if (above == 0 || a->len < (size_t) above || a->len > UINT32_MAX / 2 || a->etag != NULL ||
		!accepts_gzip(req->headers.accept_encoding) ||
		!deflate_body(a->body, a->len, &packed, &packed_len))
		return false;
	if (a->release != NULL)
		a->release(a->release_arg);
	a->body = (const char *) packed;
	a->len = packed_len;
	a->release = free;
	a->release_arg = packed;
	return true;
}

/* ---- other origins -------------------------------------------------------------------------- */

/* Does the list name this origin?  "*" names all. */
bool
origin_listed(const char *list, const char *origin)
{
	size_t len = strlen(origin);

	while (*list != '\0')
	{
		size_t item;

		list += strspn(list, " ,");
		item = strcspn(list, " ,");
		if ((item == 1 && *list == '*') ||
			(item == len && len > 0 && strncasecmp(list, origin, len) == 0))
			return true;
		list += item;
	}
	return false;
}

static void
add_cors(const struct request *req, struct MHD_Response *response, const struct http_answer *a)
{
	const struct config *cfg = req->conn->http->cfg;
	const struct http_headers *h = &req->headers;

	if (cfg->cors_origins[0] == '\0')
		return;
	add_header(response, "Vary", "Origin");
	if (h->origin == NULL || !origin_listed(cfg->cors_origins, h->origin))
		return;
	add_header(response, "Access-Control-Allow-Origin",
			   strcmp(cfg->cors_origins, "*") == 0 ? "*" : h->origin);
	if (req->method != METHOD_OPTIONS)
	{
		add_header(response, "Access-Control-Expose-Headers",
				   "ETag, Location, Retry-After, X-Request-Id, Preference-Applied, "
				   "Idempotent-Replayed, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset");
		return;
	}
	if (h->cors_method == NULL)
		return;
	add_header(response, "Access-Control-Allow-Methods", a->allow);
	add_header(response, "Access-Control-Allow-Headers",
			   "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Prefer, "
			   "Last-Event-ID, X-Request-Id, traceparent");
	add_number(response, "Access-Control-Max-Age", (unsigned long) cfg->cors_max_age);
}

/* ---- the answer ----------------------------------------------------------------------------- */

static struct MHD_Response *
make_response(const struct http_answer *a)
{
	if (a->release != NULL)
		return MHD_create_response_from_buffer_with_free_callback_cls(
			a->len, (void *) (uintptr_t) a->body, a->release, a->release_arg);
	if (a->len == 0 || a->borrowed)
		return MHD_create_response_from_buffer(a->len, (void *) (uintptr_t) (a->len ? a->body : ""),
											   MHD_RESPMEM_PERSISTENT);
	return MHD_create_response_from_buffer(a->len, (void *) (uintptr_t) a->body,
										   MHD_RESPMEM_MUST_COPY);
}

static void
add_rate(const struct request *req, struct MHD_Response *response)
{
	if (req->rate.limit == 0)
		return;
	add_number(response, "RateLimit-Limit", req->rate.limit);
	add_number(response, "RateLimit-Remaining", req->rate.remaining);
	add_number(response, "RateLimit-Reset", req->rate.reset);
}

void
http_add_headers(struct request *req, struct MHD_Response *response, const struct http_answer *a)
{
	add_header(response, "X-Request-Id", req->request_id);
	add_header(response, "Content-Type", a->content_type);
	add_header(response, "ETag", a->etag);
	add_header(response, "Location", a->location);
	add_header(response, "Allow", a->allow);
	add_header(response, "WWW-Authenticate", a->authenticate);
	add_header(response, "Preference-Applied", a->preference_applied);
	add_header(response, "Content-Security-Policy", a->security_policy);
	if (a->replayed)
		add_header(response, "Idempotent-Replayed", "true");
	add_header(response, "Cache-Control",
			   a->cache_control ? a->cache_control
			   : a->revalidate  ? "private, no-cache"
								: "no-store");
	add_header(response, "X-Content-Type-Options", "nosniff");
	if (a->retry_after > 0)
		add_number(response, "Retry-After", a->retry_after);
	add_rate(req, response);
	add_cors(req, response, a);
	if (a->close || health_draining())
		add_header(response, "Connection", "close");
}

void
http_answer(struct request *req, const struct http_answer *answer)
{
	struct http_answer a = *answer;
	bool packed = compress_answer(req, &a);
	struct MHD_Response *response = make_response(&a);

	if (response == NULL)
	{
		log_event(LOG_LEVEL_ERROR, "could not make a response");
		abort();
	}
	http_add_headers(req, response, &a);
	if (packed)
		add_header(response, "Content-Encoding", "gzip");
	if (req->conn->http->cfg->compress_above > 0 && a.len > 0 && a.etag == NULL)
		add_header(response, "Vary", "Accept-Encoding");
	req->response = response;
	req->status = a.status;
	req->response_len = a.len;
	if (req->stage == REQUEST_WAITING)
		http_resume(req);
	req->stage = REQUEST_ANSWERED;
}

/* problem's instance and request_id are filled in; more holds what else the answer should say. */
void
http_answer_problem(struct request *req, const struct problem *problem,
					const struct http_answer *more)
{
	struct problem p = *problem;
	struct http_answer a = { 0 };
	struct strbuf body = { 0 };

	if (more != NULL)
		a = *more;
	p.instance = req->target.path;
	p.request_id = req->request_id;
	problem_render(&body, &p);
	(void) snprintf(req->code, sizeof(req->code), "%s", problem_code(&p));
	a.status = p.kind->status;
	a.content_type = "application/problem+json";
	if (p.kind->status == 503 && a.retry_after == 0)
		a.retry_after = 1;
	a.body = sb_detach(&body, &a.len);
	a.release = free;
	a.release_arg = (void *) (uintptr_t) a.body;
	http_answer(req, &a);
}

/* Not understood: answer and close, because the end of this request is in doubt. */
void
http_refuse(struct request *req, const struct problem_kind *kind, const char *detail)
{
	struct problem p = { .kind = kind, .detail = detail };
	struct http_answer more = { .close = true };

	http_answer_problem(req, &p, &more);
}
