/*
 * problem.c
 *	  RFC 9457 problem documents, and the way from a SQLSTATE to one.
 *
 * The table of SQLSTATEs is extension/errcodes.txt, built into extension/errcodes.h; a state that
 * stands there by its five characters wins over its class.  What the table does not know is an
 * internal error: status 500, and the database's message stays in the log.
 */
#include "problem.h"

#include <stddef.h>
#include <string.h>

#include "errcodes.h"

#define OWN(id, status, name, title) const struct problem_kind id = { NULL, status, name, title }

OWN(PROBLEM_BAD_REQUEST, 400, "bad-request", "the request is not well-formed");
OWN(PROBLEM_INVALID_JSON, 400, "invalid-json", "the body is not a JSON object");
OWN(PROBLEM_UNAUTHORIZED, 401, "unauthorized", "a valid bearer token is required");
OWN(PROBLEM_CERTIFICATE, 403, "certificate", "a client certificate is required");
OWN(PROBLEM_FORBIDDEN, 403, "forbidden", "the caller may not do this");
OWN(PROBLEM_NOT_FOUND, 404, "no-such-path", "nothing is served under this path");
OWN(PROBLEM_METHOD_NOT_ALLOWED, 405, "method-not-allowed", "this path does not serve the method");
OWN(PROBLEM_PRECONDITION_FAILED, 412, "version-conflict",
	"the thing has changed since it was read");
OWN(PROBLEM_BODY_TOO_LARGE, 413, "body-too-large", "the body is larger than the limit");
OWN(PROBLEM_URI_TOO_LONG, 414, "uri-too-long", "the request target is longer than the limit");
OWN(PROBLEM_UNSUPPORTED_MEDIA_TYPE, 415, "unsupported-media-type",
	"the body is of a kind that this path does not take");
OWN(PROBLEM_HEADER_TOO_LARGE, 431, "header-too-large", "the header is larger than the limit");
OWN(PROBLEM_RATE_LIMITED, 429, "rate-limited", "too many requests; the headers say when to go on");
OWN(PROBLEM_TOO_MANY_STREAMS, 429, "too-many-streams", "the user has too many streams open");
OWN(PROBLEM_INTERNAL, 500, "internal", "the server failed to answer this request");
OWN(PROBLEM_NOT_IMPLEMENTED, 501, "not-implemented",
	"the server does not know this method or coding");
OWN(PROBLEM_UNAVAILABLE, 503, "unavailable", "the database cannot be reached");
OWN(PROBLEM_OVERLOADED, 503, "overloaded", "too many requests are waiting");
OWN(PROBLEM_OUTCOME_UNKNOWN, 503, "outcome-unknown",
	"the connection was lost before the database confirmed the change");
OWN(PROBLEM_DRAINING, 503, "draining", "the server is shutting down");

static const struct problem_kind kinds[] = {
#define ROW(sqlstate, status, name, title) { sqlstate, status, name, title },
	AGENDA_ERRCODE_TABLE(ROW)
#undef ROW
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* sqlstate may be NULL: a server can send an error without one. */
const struct problem_kind *
problem_of_sqlstate(const char *sqlstate)
{
	const struct problem_kind *class_kind = NULL;

	if (sqlstate == NULL || strlen(sqlstate) != 5)
		return &PROBLEM_INTERNAL;
	for (size_t i = 0; i < N_KINDS; i++)
	{
		size_t len = strlen(kinds[i].sqlstate);

		if (strncmp(kinds[i].sqlstate, sqlstate, len) != 0)
			continue;
		if (len == 5)
			return &kinds[i];
		if (class_kind == NULL || len > strlen(class_kind->sqlstate))
			class_kind = &kinds[i];
	}
	return class_kind ? class_kind : &PROBLEM_INTERNAL;
}

/* What the member code shows: the SQLSTATE, or the gateway's own word. */
const char *
problem_code(const struct problem *p)
{
	if (p->code != NULL)
		return p->code;
	if (p->kind->sqlstate != NULL && strlen(p->kind->sqlstate) == 5)
		return p->kind->sqlstate;
	return p->kind->name;
}

void
problem_render(struct strbuf *out, const struct problem *p)
{
	sb_printf(out, "{\"type\":\"urn:pg_agenda:problem:%s\",\"title\":", p->kind->name);
	sb_json_str(out, p->kind->title);
	sb_printf(out, ",\"status\":%u", p->kind->status);
	if (p->detail != NULL)
	{
		sb_puts(out, ",\"detail\":");
		sb_json_str(out, p->detail);
	}
	if (p->hint != NULL)
	{
		sb_puts(out, ",\"hint\":");
		sb_json_str(out, p->hint);
	}
	if (p->instance != NULL)
	{
		sb_puts(out, ",\"instance\":");
		sb_json_str(out, p->instance);
	}
	sb_puts(out, ",\"code\":");
	sb_json_str(out, problem_code(p));
	if (p->request_id != NULL)
	{
		sb_puts(out, ",\"request_id\":");
		sb_json_str(out, p->request_id);
	}
	sb_puts(out, ",\"errors\":[");
	if (p->pointer != NULL)
	{
		sb_puts(out, "{\"pointer\":");
		sb_json_str(out, p->pointer);
		sb_puts(out, ",\"detail\":");
		sb_json_str(out, p->detail ? p->detail : p->kind->title);
		sb_putc(out, '}');
	}
	sb_puts(out, "]}");
}
