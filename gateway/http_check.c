/*
 * http_check.c
 *	  What a request's header must satisfy before anybody looks at its meaning.
 *
 * libmicrohttpd 0.9.75 accepts what makes request smuggling possible behind a proxy:
 * Content-Length beside Transfer-Encoding, several lengths, unknown codings, names with spaces,
 * no Host or two.  Every request passes through here first; whoever fails is answered and the
 * connection closed, since nobody knows where the next request would begin.  Pure.
 */
#include "http_check.h"

#include <string.h>
#include <strings.h>

static bool
is_token(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) s[i];

		if (c <= 0x20 || c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", c) != NULL)
			return false;
	}
	return len > 0;
}

static bool
is_field_text(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) s[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool
named(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && strncasecmp(name, wanted, len) == 0;
}

static void
fail(struct header_check *check, const char *trouble)
{
	if (check->trouble == NULL)
		check->trouble = trouble;
}

/* A field that may stand once. */
static void
take_once(struct header_check *check, const char **slot, const char *value, const char *trouble)
{
	if (*slot != NULL)
		fail(check, trouble);
	*slot = value;
}

static void
take_length(struct header_check *check, const char *value, size_t len)
{
	uint64_t n = 0;

	check->lengths++;
	if (len == 0 || len > 18)
		fail(check, "the Content-Length is not a number");
	for (size_t i = 0; i < len; i++)
	{
		if (value[i] < '0' || value[i] > '9')
			fail(check, "the Content-Length is not a number");
		n = n * 10 + (uint64_t) (value[i] - '0');
	}
	check->out->content_length = n;
}

/* The field at begin..end has to lie right behind the line end of the piece before it. */
void
header_check_piece(struct header_check *check, const char *begin, const char *end)
{
	if (check->end != NULL && begin != check->end + 1 && begin != check->end + 2)
		fail(check, "the header contains a NUL or a line without a name");
	check->end = end;
}

/* Behind the last field there is its line end and the empty line: two to four bytes. */
void
header_check_last(struct header_check *check, const char *header_end)
{
	if (header_end - check->end < 2 || header_end - check->end > 4)
		fail(check, "the header contains a NUL or a line without a name");
}

void
header_check_field(struct header_check *check, const char *name, size_t name_len, const char *value,
				   size_t value_len)
{
	struct http_headers *h = check->out;

	if (value == NULL)
	{
		value = "";
		value_len = 0;
	}
	check->bytes += name_len + value_len + 4;
	check->fields++;
	if (!is_token(name, name_len))
		fail(check, "a header name contains a character that is not allowed");
	else if (!is_field_text(value, value_len))
		fail(check, "a header value contains a control character");
	else if (named(name, name_len, "Host"))
	{
		check->hosts++;
		if (strcspn(value, " \t,/") != value_len)
			fail(check, "the Host is not a host");
	}
	else if (named(name, name_len, "Content-Length"))
		take_length(check, value, value_len);
	else if (named(name, name_len, "Transfer-Encoding"))
	{
		check->codings++;
		check->chunked = strcasecmp(value, "chunked") == 0;
	}
	else if (named(name, name_len, "Authorization"))
		take_once(check, &h->authorization, value, "there is more than one Authorization");
	else if (named(name, name_len, "Content-Type"))
		take_once(check, &h->content_type, value, "there is more than one Content-Type");
	else if (named(name, name_len, "If-Match"))
		take_once(check, &h->if_match, value, "there is more than one If-Match");
	else if (named(name, name_len, "If-None-Match"))
		take_once(check, &h->if_none_match, value, "there is more than one If-None-Match");
	else if (named(name, name_len, "Idempotency-Key"))
		take_once(check, &h->idempotency_key, value, "there is more than one Idempotency-Key");
	else if (named(name, name_len, "Prefer"))
		h->prefer = value;
	else if (named(name, name_len, "Origin"))
		h->origin = value;
	else if (named(name, name_len, "Access-Control-Request-Method"))
		h->cors_method = value;
	else if (named(name, name_len, "Accept-Encoding"))
		h->accept_encoding = value;
	else if (named(name, name_len, "Content-Encoding"))
		take_once(check, &h->content_encoding, value, "there is more than one Content-Encoding");
	else if (named(name, name_len, "Last-Event-ID"))
		h->last_event_id = value;
	else if (named(name, name_len, "dapr-api-token"))
		h->dapr_token = value;
	else if (named(name, name_len, "Expect"))
		h->expects_continue = strcasecmp(value, "100-continue") == 0;
	else if (named(name, name_len, "X-Request-Id"))
		h->request_id = value;
	else if (named(name, name_len, "traceparent"))
		h->traceparent = value;
}

/* NULL: the header is sound. */
const struct problem_kind *
header_check_end(struct header_check *check, bool http_1_0, size_t max_bytes, const char **detail)
{
	if (check->bytes > max_bytes || check->fields > HEADER_MAX_FIELDS)
	{
		*detail = NULL;
		return &PROBLEM_HEADER_TOO_LARGE;
	}
	if (check->lengths > 1)
		fail(check, "there is more than one Content-Length");
	if (check->lengths > 0 && check->codings > 0)
		fail(check, "there are both Content-Length and Transfer-Encoding");
	if (check->hosts > 1)
		fail(check, "there is more than one Host");
	if (check->hosts == 0 && !http_1_0)
		fail(check, "there is no Host");
	if (check->codings > 0 && http_1_0)
		fail(check, "HTTP/1.0 has no Transfer-Encoding");
	*detail = check->trouble;
	if (check->trouble != NULL)
		return &PROBLEM_BAD_REQUEST;
	if (check->codings > 1 || (check->codings == 1 && !check->chunked))
	{
		*detail = "the only Transfer-Encoding that is known is chunked";
		return &PROBLEM_NOT_IMPLEMENTED;
	}
	check->out->has_body = check->chunked || check->out->content_length > 0;
	return NULL;
}
