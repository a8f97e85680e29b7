/*
 * sqlanswer.c
 *	  From what the database said to an answer.
 *
 * The body of a row is passed through untouched, straight from the memory of the PGresult.  Errors
 * become problem documents (dberror.c).
 */
#include "sqlanswer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dberror.h"
#include "health.h"
#include "http.h"
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

struct request *
request_of(struct db_call *call)
{
	return (struct request *) (void *) ((char *) call - offsetof(struct request, call));
}

void
answer_kind(struct request *req, const struct problem_kind *kind, const char *detail)
{
	struct problem p = { .kind = kind, .detail = detail };
	struct http_answer more = { 0 };

	if (kind == &PROBLEM_METHOD_NOT_ALLOWED)
		more.allow = req->routing.allow;
	if (kind == &PROBLEM_UNAUTHORIZED)
		more.authenticate =
			bearer_token(req->headers.authorization) ? "Bearer error=\"invalid_token\"" : "Bearer";
	if (kind->status == 429)
		more.retry_after = req->rate.reset > 0 ? (unsigned int) req->rate.reset : 1;
	http_answer_problem(req, &p, &more);
}

void
answer_database_error(struct request *req, const PGresult *result)
{
	const struct db_error error = {
		.sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE),
		.message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
		.detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
		.hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT),
		.column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME),
		.constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME),
	};
	struct http_answer extra = { 0 };
	struct db_problem p;

	db_problem_init(&p, &error, req->worker->db.rules);
	if (p.problem.kind->status >= 500)
		log_event(LOG_LEVEL_ERROR, "request %s: %s: %s", req->request_id,
				  error.sqlstate ? error.sqlstate : "-",
				  error.message ? error.message : "no message");
	if (p.problem.kind->status == 401)
		extra.authenticate = "Bearer";
	if (p.problem.kind->status == 429)
		extra.retry_after = 60;
	http_answer_problem(req, &p.problem, &extra);
	db_problem_free(&p);
}

/* What never reached the database, or nobody knows whether it did. */
void
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

/* return=minimal: a change is answered without the thing that was changed. */
static void
make_minimal(const struct request *req, struct http_answer *a, bool *has_body)
{
	if (!prefers_minimal(req->headers.prefer) || (a->status != 200 && a->status != 201))
		return;
	if (a->status == 200)
		a->status = 204;
	a->preference_applied = "return=minimal";
	*has_body = false;
}

/* The row is the answer; its body is sent from the result's own memory. */
void
answer_row(struct request *req, PGresult *result)
{
	struct http_answer a = { .replayed = req->replayed };
	const struct route *route = &routes[req->routing.route];
	const char *etag = column_or_null(result, COLUMN_ETAG);
	bool has_body = !PQgetisnull(result, 0, COLUMN_BODY);
	bool is_read = route->kind == ROUTE_READ;
	char quoted[64];

	a.status = (unsigned int) strtoul(PQgetvalue(result, 0, COLUMN_STATUS), NULL, 10);
	a.location = column_or_null(result, COLUMN_LOCATION);
	if (etag != NULL)
	{
		(void) snprintf(quoted, sizeof(quoted), "\"%s\"", etag);
		a.etag = quoted;
		a.revalidate = is_read;
	}
	if (route->kind == ROUTE_WRITE)
		make_minimal(req, &a, &has_body);
	if (a.etag != NULL && is_read && req->headers.if_none_match != NULL &&
		etag_listed(req->headers.if_none_match, a.etag))
		a.status = 304;
	/* with 304 the library sends the length and not the body */
	if (has_body)
	{
		a.content_type = route_is_text(route->out) ? route->out : "application/json";
		a.body = PQgetvalue(result, 0, COLUMN_BODY);
		a.len = (size_t) PQgetlength(result, 0, COLUMN_BODY);
		a.release = release_result;
		a.release_arg = result;
	}
	http_answer(req, &a);
	if (a.release == NULL)
		PQclear(result);
}
