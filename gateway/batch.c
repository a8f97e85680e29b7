/*
 * batch.c
 *	  Several operations in one request: POST /batch.
 *
 * The body names methods and paths; each is routed here by the same table as a request, and the database
 * gets function, id, query, body and version of each.  What cannot be routed is refused before anything
 * is done.  Errors of the database come back as data and become problem documents, in the place of the
 * operation that they are about.
 */
#include "batch.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dberror.h"
#include "http.h"
#include "sqlanswer.h"
#include "worker.h"

static const struct problem_kind invalid_operation = { NULL, 422, "invalid-operation",
													   "the batch cannot be done as it is" };
static const struct problem_kind rolled_back = { NULL, 424, "rolled-back",
												 "another operation of the batch has failed" };

/* Answer what is wrong with operation n, or with the whole (n < 0). */
static bool
refuse(struct request *req, int n, const char *member, const char *detail)
{
	struct problem p = { .kind = &invalid_operation, .detail = detail };
	char pointer[64];

	if (n < 0)
		(void) snprintf(pointer, sizeof(pointer), "/%s", member);
	else
		(void) snprintf(pointer, sizeof(pointer), "/operations/%d%s", n, member);
	p.pointer = pointer;
	http_answer_problem(req, &p, NULL);
	return false;
}

/* Which members a query of this route may have, as JSON. */
static json_t *
query_of(const struct target *target, const struct route *route)
{
	json_t *query = json_object();

	for (int i = 0; i < target->n_params; i++)
		if (in_list(route->query, target->params[i].name))
			(void) json_object_set_new(query, target->params[i].name,
									   json_string(target->params[i].value));
	return query;
}

static bool
version_fits(const json_t *version)
{
	return version == NULL || (json_is_integer(version) && json_integer_value(version) >= 0);
}

/* NULL, or why a batch cannot do what is routed like this. */
static const char *
why_not(const struct routing *routing)
{
	const struct route *route;

	switch (routing->result)
	{
		case ROUTED_NO_PATH:
			return PROBLEM_NOT_FOUND.title;
		case ROUTED_NO_METHOD:
			return PROBLEM_METHOD_NOT_ALLOWED.title;
		case ROUTED_BAD_ID:
			return "the id is no UUID";
		case ROUTED:
			break;
	}
	route = &routes[routing->route];
	if (route->kind != ROUTE_READ && route->kind != ROUTE_WRITE)
		return "this is served on its own only, not in a batch";
	return NULL;
}

/* Append what the database has to know of one operation; false: answered. */
static bool
add_operation(struct request *req, json_t *calls, const json_t *operation, int n)
{
	const char *method = json_string_value(json_object_get(operation, "method"));
	const char *path = json_string_value(json_object_get(operation, "path"));
	json_t *body = json_object_get(operation, "body");
	json_t *version = json_object_get(operation, "version");
	size_t len = path ? strlen(path) : 0;
	char *work;
	struct target target;
	struct routing routing;
	const struct route *route;
	const char *trouble;
	json_t *call;

	if (method == NULL || path == NULL)
		return refuse(req, n, "", "an operation has a method and a path");
	if (!version_fits(version))
		return refuse(req, n, "/version", "a version is a number");
	if (body != NULL && !json_is_object(body))
		return refuse(req, n, "/body", "a body is an object");
	work = xmalloc(TARGET_WORK_SIZE(len));
	if (target_parse(&target, path, len, work) != TARGET_OK)
	{
		free(work);
		return refuse(req, n, "/path", "this is no path");
	}
	route_request(&routing, method_of(method), &target);
	trouble = why_not(&routing);
	if (trouble != NULL)
	{
		free(work);
		return refuse(req, n, "/path", trouble);
	}
	route = &routes[routing.route];
	if (version != NULL && (route->args & ARG_VERSION) == 0)
	{
		free(work);
		return refuse(req, n, "/version", "this operation takes no version");
	}
	call = json_pack("{s:s, s:s?, s:o}", "function", route->function, "id", routing.id, "query",
					 query_of(&target, route));
	if (body != NULL)
		(void) json_object_set(call, "body", body);
	if (version != NULL)
		(void) json_object_set(call, "version", version);
	(void) json_array_append_new(calls, call);
	free(work);
	return true;
}

static bool
add_operations(struct request *req, json_t *calls, const json_t *operations)
{
	size_t i;
	json_t *operation;

	json_array_foreach((json_t *) (uintptr_t) operations, i, operation)
	{
		if (!add_operation(req, calls, operation, (int) i))
			return false;
	}
	return true;
}

/* Turn the body, which is known to be an object, into the call's parameter; false: answered. */
bool
batch_prepare(struct request *req)
{
	json_t *root = json_loadb(req->body, req->body_len, 0, NULL);
	const json_t *operations = json_object_get(root, "operations");
	const json_t *atomic = json_object_get(root, "atomic");
	size_t n = json_array_size(operations);
	json_t *calls = json_array();
	long most = req->worker->cfg->max_operations;
	char wanted[64];
	bool ok = false;

	(void) snprintf(wanted, sizeof(wanted), "operations is a list of 1 to %ld operations", most);
	if (!json_is_array(operations) || n == 0 || n > (size_t) most)
		(void) refuse(req, -1, "operations", wanted);
	else if (atomic != NULL && !json_is_boolean(atomic))
		(void) refuse(req, -1, "atomic", "atomic is true or false");
	else
		ok = add_operations(req, calls, operations);
	if (ok)
	{
		json_t *call = json_pack("{s:b, s:O}", "atomic", json_is_true(atomic), "operations", calls);
		char *text = json_dumps(call, JSON_COMPACT);

		sb_reset(&req->query);
		sb_puts(&req->query, text);
		free(text);
		json_decref(call);
	}
	json_decref(calls);
	json_decref(root);
	return ok;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static const char *
member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void
put_refusal(struct strbuf *out, const struct request *req, struct problem *p)
{
	p->request_id = req->request_id;
	sb_printf(out, "{\"status\":%u,\"body\":", p->kind->status);
	problem_render(out, p);
	sb_putc(out, '}');
}

/* Status and problem document of an operation that failed. */
static void
put_error(struct strbuf *out, const struct request *req, const json_t *result)
{
	const struct db_error error = {
		.sqlstate = member(result, "sqlstate"),
		.message = member(result, "message"),
		.detail = member(result, "detail"),
		.hint = member(result, "hint"),
		.column = member(result, "column"),
		.constraint = member(result, "constraint"),
	};
	struct db_problem p;

	db_problem_init(&p, &error, req->worker->db.rules);
	put_refusal(out, req, &p.problem);
	db_problem_free(&p);
}

static void
put_success(struct strbuf *out, const json_t *result)
{
	json_t *answer = json_object();
	const char *etag = member(result, "etag");
	char *text;

	(void) json_object_set(answer, "status", json_object_get(result, "status"));
	if (etag != NULL)
		(void) json_object_set_new(answer, "etag", json_sprintf("\"%s\"", etag));
	if (member(result, "location") != NULL)
		(void) json_object_set(answer, "location", json_object_get(result, "location"));
	if (!json_is_null(json_object_get(result, "body")))
		(void) json_object_set(answer, "body", json_object_get(result, "body"));
	text = json_dumps(answer, JSON_COMPACT);
	sb_puts(out, text);
	free(text);
	json_decref(answer);
}

static void
put_results(struct strbuf *out, const struct request *req, const json_t *results, bool committed)
{
	size_t i;
	json_t *result;

	json_array_foreach((json_t *) (uintptr_t) results, i, result)
	{
		struct problem undone = { .kind = &rolled_back };

		if (i > 0)
			sb_putc(out, ',');
		if (member(result, "sqlstate") != NULL)
			put_error(out, req, result);
		else if (committed)
			put_success(out, result);
		else
			put_refusal(out, req, &undone);
	}
}

/* Takes over the result, which has its one row. */
void
batch_answer(struct request *req, PGresult *result)
{
	json_t *root = json_loads(PQgetvalue(result, 0, ANSWER_COLUMNS - 1), 0, NULL);
	bool committed = json_is_true(json_object_get(root, "committed"));
	struct http_answer a = { .status = 200,
							 .content_type = "application/json",
							 .replayed = req->replayed,
							 .release = free };
	struct strbuf body = { 0 };

	sb_printf(&body, "{\"committed\":%s,\"results\":[", committed ? "true" : "false");
	put_results(&body, req, json_object_get(root, "results"), committed);
	sb_puts(&body, "]}");
	a.body = sb_detach(&body, &a.len);
	a.release_arg = (void *) (uintptr_t) a.body;
	http_answer(req, &a);
	json_decref(root);
	PQclear(result);
}
