/*
 * request.h
 *	  One request on its way through the layers.
 */
#ifndef AGENDA_GW_REQUEST_H
#define AGENDA_GW_REQUEST_H

#include "auth.h"
#include "pipeline.h"
#include "problem.h"
#include "random_id.h"
#include "router.h"
#include "target.h"

struct worker;
struct http_conn;
struct http_server;

enum request_stage
{
	REQUEST_NEW,     /* request line seen -> BODY, or ANSWERED when refused */
	REQUEST_BODY,    /* header accepted -> RUNNING */
	REQUEST_RUNNING, /* inside complete() -> ANSWERED, WAITING */
	REQUEST_WAITING, /* suspended, for the database -> ANSWERED */
	REQUEST_ANSWERED /* the response is made */
};

/* the header fields that matter, as they came; NULL: not sent */
struct http_headers
{
	const char *authorization;
	const char *content_type;
	const char *if_match;
	const char *if_none_match;
	const char *request_id;
	const char *traceparent;
	const char *prefer;
	const char *idempotency_key;
	const char *origin;
	const char *cors_method;
	const char *accept_encoding;
	const char *content_encoding;
	const char *last_event_id;
	const char *dapr_token;
	bool expects_continue;
	bool has_body;
	uint64_t content_length; /* 0 for a chunked body */
};

/* why a request is refused although it was understood; answered when its body has passed */
struct refusal
{
	const struct problem_kind *kind; /* NULL: not refused */
	const char *detail;
};

/* what the answer says about the user's rate; limit 0: nothing */
struct rate_figures
{
	unsigned long limit;
	unsigned long remaining;
	unsigned long reset; /* s */
};

struct http_stream;
struct stream_client;

struct request
{
	struct worker *worker;
	struct http_server *http;
	struct http_conn *conn;
	void *mhd; /* the seam's handle of the exchange */
	struct request *next_free;

	enum request_stage stage;
	uint64_t started; /* us, monotonic */
	enum method method;
	const char *method_text; /* a string literal */
	char *raw_target;
	size_t raw_len;
	const char *raw_pointer; /* where the server keeps it: see http_check_target() */
	char *target_work;
	struct target target;
	struct routing routing;
	struct http_headers headers;
	char request_id[REQUEST_ID_MAX + 1];
	char traceparent[TRACEPARENT_LEN + 1];

	char *body; /* always followed by a NUL */
	size_t body_len;
	size_t body_cap;
	uint64_t body_seen; /* bytes that came, kept or not */
	struct refusal refusal;

	struct principal principal;
	struct db_call call;
	const char *ticket;   /* instead of a token, for streams */
	struct strbuf query;  /* JSON of the query parameters, or of the operations of a batch */
	const char *versions; /* what is left of If-Match, NULL: nothing */
	char version[24];     /* of If-Match, as text */
	int version_param;    /* which parameter that is */
	bool replayed;        /* the answer is one that was given before */
	char key_hash[65];    /* of what an Idempotency-Key stands for */
	struct rate_figures rate;
	bool busy;                    /* a call is under way although the answer has begun */
	bool late;                    /* it was answered without waiting for the call */
	struct timer patience;        /* until then */
	struct http_stream *stream;   /* the seam's part of a stream */
	struct stream_client *client; /* the other part */

	/* set by http_answer() */
	void *response;
	unsigned int status;
	uint64_t response_len;
	char code[40]; /* for the log: SQLSTATE or problem name */
};

#endif
