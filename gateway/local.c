/*
 * local.c
 *	  The gateway's own answers: health, metrics, documents, Dapr's subscriptions.
 *
 * The documents depend on the route table and the settings only; main makes them once, before the first
 * thread starts, and every thread sends them from the same memory.
 */
#include "local.h"

#include <openssl/sha.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "documents.h"
#include "health.h"
#include "http.h"
#include "precondition.h"
#include "sqlanswer.h"
#include "worker.h"

/* Styles stand in the page, nothing else is let in. */
#define DOCS_POLICY                                                                                \
	"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

#define METRICS_PATIENCE_MS 1000

struct document
{
	const char *function; /* of the route */
	const char *content_type;
	const char *security_policy;
	char *text;
	size_t len;
	char etag[20]; /* with its quotes */
};

static struct document documents[] = {
	{ .function = "openapi", .content_type = "application/json" },
	{ .function = "docs",
	  .content_type = "text/html; charset=utf-8",
	  .security_policy = DOCS_POLICY },
	{ .function = "dapr_subscribe", .content_type = "application/json" },
};

static void
finish_document(struct document *doc, struct strbuf *text)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	doc->text = sb_detach(text, &doc->len);
	(void) SHA256((const unsigned char *) doc->text, doc->len, hash);
	(void) snprintf(doc->etag, sizeof(doc->etag), "\"%02x%02x%02x%02x%02x%02x\"", hash[0], hash[1],
					hash[2], hash[3], hash[4], hash[5]);
}

void
local_init(const struct config *cfg)
{
	struct strbuf text = { 0 };

	document_openapi(&text);
	finish_document(&documents[0], &text);
	document_docs(&text);
	finish_document(&documents[1], &text);
	document_subscriptions(&text, cfg->dapr_pubsub);
	finish_document(&documents[2], &text);
}

/* The tag is weak for a compressed copy, so it is left out there: see http_answer.c. */
static void
answer_document(struct request *req, const struct document *doc)
{
	struct http_answer a = { .status = 200,
							 .content_type = doc->content_type,
							 .security_policy = doc->security_policy,
							 .cache_control = "public, max-age=300",
							 .body = doc->text,
							 .len = doc->len,
							 .borrowed = true };

	if (accepts_gzip(req->headers.accept_encoding) && req->headers.if_none_match == NULL)
	{
		http_answer(req, &a);
		return;
	}
	a.etag = doc->etag;
	if (req->headers.if_none_match != NULL && etag_listed(req->headers.if_none_match, doc->etag))
		a.status = 304;
	http_answer(req, &a);
}

/* The gateway's figures, and those of the database where it has answered. */
static void
answer_metrics(struct request *req, const char *more)
{
	struct http_answer a = { .status = 200,
							 .content_type = "text/plain; version=0.0.4; charset=utf-8",
							 .release = free };
	struct strbuf body = { 0 };

	health_metrics(&body);
	if (more != NULL)
		sb_puts(&body, more);
	a.body = sb_detach(&body, &a.len);
	a.release_arg = (void *) (uintptr_t) a.body;
	http_answer(req, &a);
}

static void
on_metrics(struct db_call *call, enum db_outcome outcome, PGresult *result)
{
	struct request *req = request_of(call);
	bool known = outcome == DB_DONE && PQntuples(result) == 1;

	wheel_remove(&req->patience);
	req->busy = false;
	if (!req->late)
		answer_metrics(req, known ? PQgetvalue(result, 0, 0) : NULL);
	else if (req->conn == NULL)
		http_release(req);
	PQclear(result);
}

/* Whoever watches wants to know most when the database hangs. */
static void
on_impatience(struct timer *timer)
{
	struct request *req =
		(struct request *) (void *) ((char *) timer - offsetof(struct request, patience));

	req->late = true;
	answer_metrics(req, NULL);
}

static void
submit_metrics(struct request *req)
{
	struct db_call *call = &req->call;

	req->busy = true;
	req->patience.fire = on_impatience;
	wheel_set(&req->worker->wheel, &req->patience, req->worker->wheel.now + METRICS_PATIENCE_MS);
	call->statement = STATEMENT_METRICS;
	call->write = false;
	call->slow = true;
	call->repeatable = true;
	call->lane = 0;
	call->done = on_metrics;
	call->n_params = 0;
	db_submit(&req->worker->db, call);
}

static void
answer_status(struct request *req, const struct route *route)
{
	struct http_answer a = { .status = 200, .content_type = "application/json" };
	struct strbuf body = { 0 };

	if (strcmp(route->function, "health_ready") == 0)
		a.status = health_ready(&body) ? 200 : 503;
	else
		health_live(&body);
	if (a.status == 503)
		a.retry_after = 1;
	a.body = sb_detach(&body, &a.len);
	a.release = free;
	a.release_arg = (void *) (uintptr_t) a.body;
	http_answer(req, &a);
}

void
local_answer(struct request *req, const struct route *route)
{
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
		if (strcmp(route->function, documents[i].function) == 0)
		{
			answer_document(req, &documents[i]);
			return;
		}
	if (strcmp(route->function, "metrics") != 0)
		answer_status(req, route);
	else if (db_ready(&req->worker->db))
		submit_metrics(req);
	else
		answer_metrics(req, NULL);
}

void
local_options(struct request *req)
{
	struct http_answer a = { .status = 204 };

	a.allow =
		req->routing.allow[0] ? req->routing.allow : "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
	http_answer(req, &a);
}
