/*
 * sqlcall.c
 *	  The generic handler: request -> SQL function -> answer.
 *
 * headers() routes and authenticates, complete() checks the body and makes the call, and the
 * call's done() turns the row (status, etag, location, body) into an answer.  The body is passed
 * through untouched, straight from the memory of the PGresult.  Nothing here knows what a task is.
 *
 * A token that is seen for the first time costs one more call, agenda.gw_login(), which maps its
 * subject to the user's uuid; the result stays in the token cache.
 */
#include "sqlcall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "health.h"
#include "json_check.h"
#include "log.h"
#include "precondition.h"
#include "worker.h"

enum column
{
	COLUMN_STATUS,
	COLUMN_ETAG,
	COLUMN_LOCATION,
	COLUMN_BODY
};

static void on_answer(struct db_call *call, enum db_outcome outcome, PGresult *result);

static struct request *
request_of(struct db_call *call)
{
	return (struct request *) (void *) ((char *) call - offsetof(struct request, call));
}

static void
answer_kind(struct request *req, const struct problem_kind *kind, const char *detail)
{
	struct problem p = { .kind = kind, .detail = detail };
	struct http_answer more = { 0 };

	if (kind == &PROBLEM_METHOD_NOT_ALLOWED)
		more.allow = req->routing.allow;
	if (kind == &PROBLEM_UNAUTHORIZED)
		more.authenticate =
			req->headers.authorization ? "Bearer error=\"invalid_token\"" : "Bearer";
	http_answer_problem(req, &p, &more);
}

static void
refuse(struct request *req, const struct problem_kind *kind, const char *detail)
{
	if (req->refusal.kind == NULL)
	{
		req->refusal.kind = kind;
		req->refusal.detail = detail;
	}
}

/* ---- the header -------------------------------------------------------------------------- */

static void
authenticate(struct request *req)
{
	struct worker *w = req->worker;
	const char *trouble =
		auth_check(w->policy, w->tokens, req->headers.authorization, time(NULL), &req->principal);

	if (trouble != NULL)
		refuse(req, &PROBLEM_UNAUTHORIZED, trouble);
	count_add(req->principal.known ? &w->metrics.token_hits : &w->metrics.token_misses, 1);
}

/* application/json or anything that ends in +json, whatever its parameters */
static bool
is_json_type(const char *type)
{
	size_t len = strcspn(type, "; \t");

	return (len == 16 && strncasecmp(type, "application/json", 16) == 0) ||
		   (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

static void
check_body_header(struct request *req, const struct route *route)
{
	const struct http_headers *h = &req->headers;

	if (h->content_length > (uint64_t) req->worker->cfg->max_body)
		refuse(req, &PROBLEM_BODY_TOO_LARGE, NULL);
	else if ((route->args & ARG_BODY) != 0 && h->content_type != NULL &&
			 !is_json_type(h->content_type))
		refuse(req, &PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
}

static void
check_route(struct request *req)
{
	const struct route *route;

	if (req->method == METHOD_UNKNOWN)
	{
		refuse(req, &PROBLEM_NOT_IMPLEMENTED, NULL);
		return;
	}
	route_request(&req->routing, req->method, &req->target);
	if (req->method == METHOD_OPTIONS &&
		(req->routing.result != ROUTED_NO_PATH || strcmp(req->target.path, "*") == 0))
		return;
	if (req->routing.result == ROUTED_NO_PATH)
		refuse(req, &PROBLEM_NOT_FOUND, NULL);
	else if (req->routing.result == ROUTED_NO_METHOD)
		refuse(req, &PROBLEM_METHOD_NOT_ALLOWED, NULL);
	if (req->routing.route < 0)
		return;
	route = &routes[req->routing.route];
	if (route->kind != ROUTE_LOCAL)
	{
		authenticate(req);
		/* the same answer as for an id that nothing has, or that somebody else has */
		if (req->routing.result == ROUTED_BAD_ID)
			refuse(req, problem_of_sqlstate("YA001"), NULL);
		check_body_header(req, route);
	}
}

static void
on_headers(struct request *req)
{
	const struct http_headers *h = &req->headers;

	check_route(req);
	/* a refused body that the client still holds back, or that is huge, is not waited for */
	if (req->refusal.kind != NULL &&
		(h->expects_continue || h->content_length > (uint64_t) req->worker->cfg->max_body * 8))
		http_refuse(req, req->refusal.kind, req->refusal.detail);
}

/* ---- the call ---------------------------------------------------------------------------- */

static bool
in_list(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list != '\0')
	{
		size_t item = strcspn(list, ",");

		if (item == len && memcmp(list, name, len) == 0)
			return true;
		list += item + (list[item] == ',');
	}
	return false;
}

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

/* Fill the parameters after user, request id and traceparent; false: answered. */
static bool
collect_arguments(struct request *req, const struct route *route)
{
	struct db_call *call = &req->call;
	const struct config *cfg = req->worker->cfg;
	const char *trouble = NULL;
	char error[200];

	if (route->args & ARG_ID)
		call->params[call->n_params++] = req->routing.id;
	if (route->args & ARG_QUERY)
	{
		trouble = build_query(req, route);
		if (trouble != NULL)
		{
			answer_kind(req, &PROBLEM_BAD_REQUEST, trouble);
			return false;
		}
		call->params[call->n_params++] = req->query.data;
	}
	if (route->args & ARG_BODY)
	{
		if (!json_check_object(req->body, req->body_len, cfg->max_json_depth, error, sizeof(error)))
		{
			answer_kind(req, &PROBLEM_INVALID_JSON, error);
			return false;
		}
		call->params[call->n_params++] = req->body;
	}
	if (route->args & ARG_VERSION)
	{
		if (!parse_if_match(req->headers.if_match, req->version, sizeof(req->version), &trouble))
		{
			answer_kind(req, trouble ? &PROBLEM_BAD_REQUEST : &PROBLEM_PRECONDITION_FAILED,
						trouble);
			return false;
		}
		call->params[call->n_params++] = req->version[0] ? req->version : NULL;
	}
	return true;
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

static void
submit_call(struct request *req)
{
	const struct route *route = &routes[req->routing.route];
	struct db_call *call = &req->call;

	call->statement = req->routing.route;
	call->write = route->kind == ROUTE_WRITE;
	call->repeatable = false;
	call->lane = lane_for(req->principal.user);
	call->done = on_answer;
	call->n_params = 3;
	call->params[0] = req->principal.user;
	call->params[1] = req->request_id;
	call->params[2] = req->traceparent;
	if (collect_arguments(req, route))
		db_submit(&req->worker->db, call);
}

/*
 * The member of the body that an error is about: the column it names, or the one that PostgreSQL
 * put into the name of a column's CHECK, <table>_<column>_check.
 */
static void
add_pointer(struct strbuf *pointer, const PGresult *result)
{
	const char *column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
	const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);
	const char *check = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	static const char suffix[] = "_check";
	size_t table_len = table ? strlen(table) : 0;
	size_t check_len = check ? strlen(check) : 0;

	if (column != NULL)
		sb_printf(pointer, "/%s", column);
	else if (table_len > 0 && check_len > table_len + sizeof(suffix) &&
			 strncmp(check, table, table_len) == 0 && check[table_len] == '_' &&
			 strcmp(check + check_len - (sizeof(suffix) - 1), suffix) == 0)
		sb_printf(pointer, "/%.*s", (int) (check_len - table_len - sizeof(suffix)),
				  check + table_len + 1);
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

static void
answer_database_error(struct request *req, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *more = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	/* without a state it is libpq that complains, about the connection */
	const struct problem_kind *kind = state ? problem_of_sqlstate(state) : &PROBLEM_UNAVAILABLE;
	struct problem p = { .kind = kind, .code = kind->sqlstate ? state : NULL };
	struct http_answer extra = { 0 };
	struct strbuf detail = { 0 };
	struct strbuf pointer = { 0 };

	if (kind->status >= 500)
		log_event(LOG_LEVEL_ERROR, "request %s: %s: %s", req->request_id, state ? state : "-",
				  message ? message : "no message");
	if (problem_shows_message(kind) && message != NULL)
	{
		sb_puts(&detail, message);
		if (more != NULL)
			sb_printf(&detail, ": %s", more);
		p.detail = detail.data;
	}
	if (kind->status < 500)
		add_pointer(&pointer, result);
	p.pointer = pointer.data;
	if (kind->status == 401)
		extra.authenticate = "Bearer";
	http_answer_problem(req, &p, &extra);
	sb_free(&detail);
	sb_free(&pointer);
}

/* What never reached the database, or nobody knows whether it did. */
static void
answer_outcome(struct request *req, enum db_outcome outcome)
{
	if (outcome == DB_UNKNOWN)
		answer_kind(req, &PROBLEM_OUTCOME_UNKNOWN, NULL);
	else if (outcome == DB_OVERLOADED)
		answer_kind(req, &PROBLEM_OVERLOADED, NULL);
	else
		answer_kind(req, health_draining() ? &PROBLEM_DRAINING : &PROBLEM_UNAVAILABLE, NULL);
}

static void
release_result(void *arg)
{
	PQclear(arg);
}

static const char *
column_or_null(const PGresult *result, enum column column)
{
	return PQgetisnull(result, 0, (int) column) ? NULL : PQgetvalue(result, 0, (int) column);
}

/* The row is the answer; its body is sent from the result's own memory. */
static void
answer_row(struct request *req, PGresult *result)
{
	struct http_answer a = { 0 };
	const char *etag = column_or_null(result, COLUMN_ETAG);
	bool is_read = routes[req->routing.route].kind == ROUTE_READ;
	char quoted[64];

	a.status = (unsigned int) strtoul(PQgetvalue(result, 0, COLUMN_STATUS), NULL, 10);
	a.location = column_or_null(result, COLUMN_LOCATION);
	if (etag != NULL)
	{
		(void) snprintf(quoted, sizeof(quoted), "\"%s\"", etag);
		a.etag = quoted;
		a.revalidate = is_read;
	}
	if (a.etag != NULL && is_read && req->headers.if_none_match != NULL &&
		etag_listed(req->headers.if_none_match, a.etag))
		a.status = 304;
	else if (!PQgetisnull(result, 0, COLUMN_BODY))
	{
		a.content_type = "application/json";
		a.body = PQgetvalue(result, 0, COLUMN_BODY);
		a.len = (size_t) PQgetlength(result, 0, COLUMN_BODY);
		a.release = release_result;
		a.release_arg = result;
	}
	http_answer(req, &a);
	if (a.release == NULL)
		PQclear(result);
}

static void
on_answer(struct db_call *call, enum db_outcome outcome, PGresult *result)
{
	struct request *req = request_of(call);

	if (outcome == DB_DONE && PQntuples(result) == 1 && PQnfields(result) == COLUMN_BODY + 1)
	{
		answer_row(req, result);
		return;
	}
	if (outcome == DB_DONE)
		answer_kind(req, &PROBLEM_INTERNAL, NULL);
	else if (outcome != DB_FAILED)
		answer_outcome(req, outcome);
	else if (!user_is_gone(req, result))
		answer_database_error(req, result);
	PQclear(result);
}

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
		token_cache_put(req->worker->tokens, who, who->claims.exp);
		submit_call(req);
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

	call->statement = STATEMENT_LOGIN;
	call->write = true; /* the first sight of a subject makes the user */
	call->repeatable = true;
	call->lane = lane_for(req->principal.claims.sub);
	call->done = on_login;
	call->n_params = 1;
	call->params[0] = req->principal.claims.sub;
	db_submit(&req->worker->db, call);
}

/* ---- the gateway's own routes --------------------------------------------------------------- */

static void
answer_local(struct request *req, const struct route *route)
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

static void
answer_options(struct request *req)
{
	struct http_answer a = { .status = 204 };

	a.allow =
		req->routing.allow[0] ? req->routing.allow : "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
	http_answer(req, &a);
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
		answer_options(req);
		return;
	}
	route = &routes[req->routing.route];
	if (route->kind == ROUTE_LOCAL)
		answer_local(req, route);
	else if (req->principal.known)
		submit_call(req);
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

	metrics_request(&w->metrics, route, status, micros);
	if (w->cfg->access_log)
		log_request(&w->log, &line);
}

const struct http_hooks sqlcall_hooks = { on_headers, on_complete, on_finished };
