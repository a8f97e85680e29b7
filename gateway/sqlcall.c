/*
 * sqlcall.c
 *	  The generic handler: request -> SQL function -> answer.
 *
 * headers() routes and authenticates (access.c), complete() checks the body and makes the call, and the
 * call's done() turns the row (status, etag, location, body) into an answer (sqlanswer.c).  Nothing here
 * knows what a task is.
 *
 * A token that is seen for the first time costs one more call, agenda.gw_login(), which maps its
 * subject to the user's uuid; the result stays in the token cache.  With an Idempotency-Key the call
 * claims the key and stores its answer in the same transaction; if the key has its answer already, a
 * second call fetches that.
 */
#include "sqlcall.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access.h"
#include "batch.h"
#include "health.h"
#include "json_check.h"
#include "local.h"
#include "log.h"
#include "precondition.h"
#include "sqlanswer.h"
#include "stream.h"
#include "worker.h"

static void on_answer(struct db_call *call, enum db_outcome outcome, PGresult *result);
static void submit_call(struct request *req);

/* ---- the header -------------------------------------------------------------------------- */

static void
on_headers(struct request *req)
{
	const struct http_headers *h = &req->headers;

	access_check(req);
	/* a refused body that the client still holds back, or that is huge, is not waited for */
	if (req->refusal.kind != NULL &&
		(h->expects_continue || h->content_length > (uint64_t) req->worker->cfg->max_body * 8))
		http_refuse(req, req->refusal.kind, req->refusal.detail);
}

/* ---- the call ---------------------------------------------------------------------------- */

/* The parameters that the route knows, as a JSON object; NULL or what is wrong with them. */
static const char *
build_query(struct request *req, const struct route *route)
{
	const struct target *t = &req->target;
	struct strbuf *out = &req->query;

	sb_putc(out, '{');
	for (int i = 0; i < t->n_params; i++)
	{
		if (!in_list(route->query, t->params[i].name))
			continue;
		for (int k = 0; k < i; k++)
			if (strcmp(t->params[k].name, t->params[i].name) == 0)
				return "a query parameter is given twice";
		if (out->len > 1)
			sb_putc(out, ',');
		sb_json_str(out, t->params[i].name);
		sb_putc(out, ':');
		sb_json_str(out, t->params[i].value);
	}
	sb_putc(out, '}');
	return NULL;
}

/* Text of another type is for its function to judge; a parameter ends at a NUL. */
static bool
check_body(struct request *req, const struct route *route)
{
	const struct config *cfg = req->worker->cfg;
	char error[200];

	if (route_is_text(route->in))
	{
		if (memchr(req->body, '\0', req->body_len) == NULL)
			return true;
		answer_kind(req, &PROBLEM_BAD_REQUEST, "the body has a NUL");
		return false;
	}
	if (json_check_object(req->body, req->body_len, cfg->max_json_depth, error, sizeof(error)))
		return true;
	answer_kind(req, &PROBLEM_INVALID_JSON, error);
	return false;
}

/*
 * The body as the database gets it: checked, not changed.  A batch is rewritten, since its operations
 * name paths.  False: answered.
 */
static bool
collect_body(struct request *req, const struct route *route)
{
	struct db_call *call = &req->call;

	if (req->body_len == 0 && (route->args & ARG_MAY_BE_EMPTY) != 0)
	{
		call->params[call->n_params++] = "{}";
		return true;
	}
	if (!check_body(req, route) || (route->kind == ROUTE_BATCH && !batch_prepare(req)))
		return false;
	call->params[call->n_params++] = route->kind == ROUTE_BATCH ? req->query.data : req->body;
	return true;
}

static bool
collect_version(struct request *req)
{
	struct db_call *call = &req->call;

	req->versions = req->headers.if_match;
	req->version_param = call->n_params;
	switch (next_version(&req->versions, req->version, sizeof(req->version)))
	{
		case MATCH_ANY:
			call->params[call->n_params++] = NULL;
			return true;
		case MATCH_VERSION:
			call->params[call->n_params++] = req->version;
			return true;
		case MATCH_NONE:
			break;
	}
	answer_kind(req, &PROBLEM_PRECONDITION_FAILED,
				"If-Match names no version; an ETag has quotes, as in \"3\"");
	return false;
}

/* Fill the parameters after user, request id and traceparent; false: answered. */
static bool
collect_arguments(struct request *req, const struct route *route)
{
	struct db_call *call = &req->call;

	if (route->args & ARG_ID)
		call->params[call->n_params++] = req->routing.id;
	if (route->args & ARG_QUERY)
	{
		const char *trouble = build_query(req, route);

		if (trouble != NULL)
		{
			answer_kind(req, &PROBLEM_BAD_REQUEST, trouble);
			return false;
		}
		call->params[call->n_params++] = req->query.data;
	}
	if ((route->args & ARG_BODY) != 0 && !collect_body(req, route))
		return false;
	return (route->args & ARG_VERSION) == 0 || collect_version(req);
}

/* Users spread over lanes by their name; FNV-1a. */
static uint32_t
lane_for(const char *name)
{
	uint32_t h = 2166136261u;

	while (*name != '\0')
		h = (h ^ (unsigned char) *name++) * 16777619u;
	return h >> 8;
}

/* What an Idempotency-Key stands for: route, thing, version and body. */
static void
hash_request(struct request *req)
{
	const struct route *route = &routes[req->routing.route];
	const char *id = req->routing.id ? req->routing.id : "";
	const char *match = req->headers.if_match ? req->headers.if_match : "";
	unsigned char hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	/* the terminators keep the parts apart */
	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
		EVP_DigestUpdate(ctx, route->name, strlen(route->name) + 1) != 1 ||
		EVP_DigestUpdate(ctx, id, strlen(id) + 1) != 1 ||
		EVP_DigestUpdate(ctx, match, strlen(match) + 1) != 1 ||
		EVP_DigestUpdate(ctx, req->body, req->body_len) != 1 ||
		EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	for (int i = 0; i < 32; i++)
		(void) snprintf(req->key_hash + (size_t) 2 * (size_t) i, 3, "%02x", hash[i]);
}

static bool
searches(const struct request *req, const struct route *route)
{
	if (route->kind == ROUTE_SEARCH || route->kind == ROUTE_OPERATOR || route->kind == ROUTE_BULK ||
		route->kind == ROUTE_BATCH)
		return true;
	for (int i = 0; route->kind == ROUTE_READ && i < req->target.n_params; i++)
		if (strcmp(req->target.params[i].name, "q") == 0)
			return true;
	return false;
}

static void
submit_call(struct request *req)
{
	const struct route *route = &routes[req->routing.route];
	struct db_call *call = &req->call;
	bool keyed =
		route_writes(route) && route_has_user(route) && req->headers.idempotency_key != NULL;

	call->statement = req->routing.route;
	call->write = route_writes(route);
	call->slow = searches(req, route);
	call->repeatable = keyed;
	call->lane = lane_for(req->principal.user);
	call->done = on_answer;
	call->n_params = 3;
	call->params[0] = route_has_user(route) ? req->principal.user : NULL;
	call->params[1] = req->request_id;
	call->params[2] = req->traceparent;
	if (!collect_arguments(req, route))
		return;
	if (keyed)
	{
		hash_request(req);
		call->statement = STATEMENT_KEYED(req->routing.route);
		call->params[call->n_params++] = req->headers.idempotency_key;
		call->params[call->n_params++] = req->key_hash;
	}
	db_submit(&req->worker->db, call);
}

static void
on_replay(struct db_call *call, enum db_outcome outcome, PGresult *result)
{
	struct request *req = request_of(call);

	req->replayed = true;
	on_answer(call, outcome, result);
}

/* The key has its answer: fetch it. */
static void
submit_replay(struct request *req)
{
	struct db_call *call = &req->call;

	call->statement = STATEMENT_REPLAY;
	call->write = false;
	call->slow = false;
	call->done = on_replay;
	call->n_params = 2;
	call->params[1] = req->headers.idempotency_key;
	db_submit(&req->worker->db, call);
}

/*
 * The cached user of a token is gone (deleted, or the extension was made anew).  The token is
 * forgotten, so that the next request, which the answer asks for, logs in again.
 */
static bool
user_is_gone(struct request *req, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

	if (state == NULL || strcmp(state, "23503") != 0 || constraint == NULL ||
		strstr(constraint, "_user_id_fkey") == NULL || !req->principal.known)
		return false;
	token_cache_put(req->worker->tokens, &req->principal, 0);
	answer_kind(req, &PROBLEM_UNAVAILABLE, NULL);
	return true;
}

/* Errors that ask for another call rather than for an answer; true: it is under way. */
static bool
try_again(struct request *req, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (state == NULL || req->replayed)
		return false;
	if (strcmp(state, "YA022") == 0 && req->headers.idempotency_key != NULL)
	{
		submit_replay(req);
		return true;
	}
	if (strcmp(state, "YA002") == 0 && req->versions != NULL &&
		next_version(&req->versions, req->version, sizeof(req->version)) == MATCH_VERSION)
	{
		req->call.params[req->version_param] = req->version;
		db_submit(&req->worker->db, &req->call);
		return true;
	}
	return false;
}

static void
on_answer(struct db_call *call, enum db_outcome outcome, PGresult *result)
{
	struct request *req = request_of(call);

	if (outcome == DB_DONE && PQntuples(result) == 1 && PQnfields(result) >= ANSWER_COLUMNS)
	{
		if (routes[req->routing.route].kind == ROUTE_BATCH)
			batch_answer(req, result);
		else
			answer_row(req, result);
		return;
	}
	if (outcome == DB_DONE)
		answer_kind(req, &PROBLEM_INTERNAL, NULL);
	else if (outcome != DB_FAILED)
		answer_outcome(req, outcome);
	else if (!try_again(req, result) && !user_is_gone(req, result))
		answer_database_error(req, result);
	PQclear(result);
}

/* ---- who it is ------------------------------------------------------------------------------ */

static void
go_on(struct request *req)
{
	if (routes[req->routing.route].kind == ROUTE_STREAM)
		stream_open(req);
	else
		submit_call(req);
}

/* The user of a token that is new here, or of a ticket. */
static void
on_login(struct db_call *call, enum db_outcome outcome, PGresult *result)
{
	struct request *req = request_of(call);
	struct principal *who = &req->principal;

	if (outcome == DB_DONE && PQntuples(result) == 1 && PQgetlength(result, 0, 0) == USER_ID_LEN)
	{
		memcpy(who->user, PQgetvalue(result, 0, 0), USER_ID_LEN + 1);
		PQclear(result);
		who->known = true;
		if (req->ticket == NULL)
			token_cache_put(req->worker->tokens, who, who->exp);
		if (access_rate(req))
			go_on(req);
		else
			answer_kind(req, req->refusal.kind, req->refusal.detail);
		return;
	}
	if (outcome == DB_DONE)
		answer_kind(req, &PROBLEM_INTERNAL, NULL);
	else if (outcome == DB_FAILED)
		answer_database_error(req, result);
	else
		answer_outcome(req, outcome);
	PQclear(result);
}

static void
submit_login(struct request *req)
{
	struct db_call *call = &req->call;

	call->statement = req->ticket ? STATEMENT_TICKET : STATEMENT_LOGIN;
	call->write = true; /* the first sight of a subject makes the user; a ticket is used up */
	call->slow = false;
	call->repeatable = req->ticket == NULL;
	call->params[0] = req->ticket ? req->ticket : req->principal.claims.sub;
	call->lane = lane_for(call->params[0]);
	call->done = on_login;
	call->n_params = 1;
	db_submit(&req->worker->db, call);
}

static void
on_complete(struct request *req)
{
	const struct route *route;

	if (req->refusal.kind != NULL)
	{
		answer_kind(req, req->refusal.kind, req->refusal.detail);
		return;
	}
	if (req->method == METHOD_OPTIONS)
	{
		local_options(req);
		return;
	}
	route = &routes[req->routing.route];
	if (route_is_local(route))
		local_answer(req, route);
	else if (req->principal.known || !route_has_user(route))
		go_on(req);
	else
		submit_login(req);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void
on_finished(struct request *req)
{
	struct worker *w = req->worker;
	int route = req->routing.route;
	uint64_t micros = http_age(req);
	unsigned int status = req->status ? req->status : 499; /* the client went away first */
	struct log_request line = { .method = req->method_text,
								.path = req->target.path,
								.route = route < 0 ? NULL : routes[route].path,
								.user = req->principal.known ? req->principal.user : NULL,
								.request_id = req->request_id,
								.remote = http_remote(req),
								.code = req->code[0] ? req->code : NULL,
								.status = status,
								.bytes = req->response_len,
								.micros = micros };

	if (req->client != NULL)
		stream_closed(req);
	metrics_request(&w->metrics, route, status, micros);
	if (w->cfg->access_log)
		log_request(&w->log, &line);
}

const struct http_hooks sqlcall_hooks = { on_headers, on_complete, on_finished };
