/*
 * local.c
 *	  Answers that need no database: health, metrics, documents, Dapr's subscriptions.
 *
 * The documents depend on the route table and the settings only; main makes them once, before the first
 * thread starts, and every thread sends them from the same memory.
 */
#include "local.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "documents.h"
#include "health.h"
#include "http.h"
#include "precondition.h"
#include "worker.h"

/* Styles stand in the page, nothing else is let in. */
#define DOCS_POLICY                                                                                \
	"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

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
	{
		a.status = 304;
		a.len = 0;
	}
	http_answer(req, &a);
}

static void
answer_status(struct request *req, const struct route *route)
{
	struct http_answer a = { .status = 200, .content_type = "application/json" };
	struct strbuf body = { 0 };

	if (strcmp(route->function, "metrics") == 0)
	{
		a.content_type = "text/plain; version=0.0.4; charset=utf-8";
		health_metrics(&body);
	}
	else if (strcmp(route->function, "health_ready") == 0)
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
	answer_status(req, route);
}

void
local_options(struct request *req)
{
	struct http_answer a = { .status = 204 };

	a.allow =
		req->routing.allow[0] ? req->routing.allow : "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
	http_answer(req, &a);
}
