/*
 * access.c
 *	  From a well-formed header to "may go on" or a refusal: route, door, token, role, body's kind.
 *
 * Nothing is answered here: the first refusal is noted, and answered when the body has passed, so that
 * the connection can go on.
 */
#include "access.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "http.h"
#include "precondition.h"
#include "rate.h"
#include "worker.h"

#define DAPR_TOKEN_MAX 1024
#define MAX_TAGS       8 /* each may cost a call */

static char dapr_token[DAPR_TOKEN_MAX + 1]; /* empty: none */

/* Read what the sidecar has to know.  By main, before the first thread starts. */
bool
access_init(const struct config *cfg, char *error, size_t error_size)
{
	FILE *f;
	size_t len;

	rate_init(cfg);
	if (cfg->dapr_token_file[0] == '\0')
		return true;
	f = fopen(cfg->dapr_token_file, "r");
	if (f == NULL)
	{
		(void) snprintf(error, error_size, "could not open \"%s\": %s", cfg->dapr_token_file,
						strerror(errno));
		return false;
	}
	len = fread(dapr_token, 1, DAPR_TOKEN_MAX, f);
	(void) fclose(f);
	while (len > 0 && strchr("\r\n", dapr_token[len - 1]) != NULL)
		len--;
	dapr_token[len] = '\0';
	if (len > 0)
		return true;
	(void) snprintf(error, error_size, "\"%s\" holds no token", cfg->dapr_token_file);
	return false;
}

void
access_refuse(struct request *req, const struct problem_kind *kind, const char *detail)
{
	if (req->refusal.kind != NULL)
		return;
	req->refusal.kind = kind;
	req->refusal.detail = detail;
}

/* ---- who ------------------------------------------------------------------------------------ */

/* False, and a refusal, when the known user has used up what he may. */
bool
access_rate(struct request *req)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	if (rate_take(req->principal.user,
				  (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000, &req->rate))
		return true;
	count_add(&req->worker->metrics.rate_limited, 1);
	access_refuse(req, &PROBLEM_RATE_LIMITED, NULL);
	return false;
}

static void
authenticate(struct request *req)
{
	struct worker *w = req->worker;
	const char *trouble =
		auth_check(w->policy, w->tokens, req->headers.authorization, time(NULL), &req->principal);

	count_add(req->principal.known ? &w->metrics.token_hits : &w->metrics.token_misses, 1);
	if (trouble != NULL)
		access_refuse(req, &PROBLEM_UNAUTHORIZED, trouble);
	else if (req->principal.known)
		(void) access_rate(req);
}

/* The sidecar shows its token; without one it has to stand on this machine. */
static void
check_sidecar(struct request *req)
{
	const char *token = req->headers.dapr_token;
	size_t len = strlen(dapr_token);

	if (len == 0
			? http_is_local(req)
			: token != NULL && strlen(token) == len && CRYPTO_memcmp(token, dapr_token, len) == 0)
		return;
	access_refuse(req, &PROBLEM_FORBIDDEN,
				  len == 0 ? "only the Dapr sidecar on this machine may call this"
						   : "the dapr-api-token is not the sidecar's");
}

static const char *
ticket_of(const struct request *req)
{
	for (int i = 0; i < req->target.n_params; i++)
		if (strcmp(req->target.params[i].name, "ticket") == 0)
			return req->target.params[i].value;
	return NULL;
}

static void
check_caller(struct request *req, const struct route *route)
{
	if (route->kind == ROUTE_DAPR || route->kind == ROUTE_DAPR_LOCAL)
		check_sidecar(req);
	if (!route_has_user(route))
		return;
	if (route->kind == ROUTE_STREAM && req->headers.authorization == NULL)
		req->ticket = ticket_of(req);
	if (req->ticket == NULL)
		authenticate(req);
	if (route->kind == ROUTE_OPERATOR && !req->principal.is_operator)
		access_refuse(req, &PROBLEM_FORBIDDEN, "the token has not the operator's role");
}

/* ---- what ----------------------------------------------------------------------------------- */

/* application/json or anything that ends in +json, whatever its parameters */
static bool
is_json_type(const char *type)
{
	size_t len = strcspn(type, "; \t");

	return (len == 16 && strncasecmp(type, "application/json", 16) == 0) ||
		   (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

static bool
is_wanted_type(const struct route *route, const char *type)
{
	size_t len = strcspn(type, "; \t");

	if (!route_is_text(route->in))
		return is_json_type(type);
	return len == strlen(route->in) && strncasecmp(type, route->in, len) == 0;
}

static const char *
type_hint(const struct route *route)
{
	return route_is_text(route->in) ? "the Content-Type has to be text/calendar"
									: "the Content-Type has to be application/json";
}

static void
check_fields(struct request *req, const struct route *route)
{
	const struct http_headers *h = &req->headers;

	if (h->content_length > (uint64_t) req->worker->cfg->max_body)
		access_refuse(req, &PROBLEM_BODY_TOO_LARGE, NULL);
	else if ((route->args & ARG_BODY) != 0 && h->content_type != NULL &&
			 !is_wanted_type(route, h->content_type))
		access_refuse(req, &PROBLEM_UNSUPPORTED_MEDIA_TYPE, type_hint(route));
	else if ((route->args & ARG_BODY) != 0 && h->content_encoding != NULL &&
			 strcasecmp(h->content_encoding, "identity") != 0)
		access_refuse(req, &PROBLEM_UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed");
	if (h->idempotency_key != NULL && !idempotency_key_valid(h->idempotency_key))
		access_refuse(req, &PROBLEM_BAD_REQUEST,
					  "an Idempotency-Key has from 1 to 255 printable characters");
	if ((route->args & ARG_VERSION) != 0 && count_tags(h->if_match) > MAX_TAGS)
		access_refuse(req, &PROBLEM_BAD_REQUEST, "If-Match names too many versions");
	/* done all the same, it would overwrite what the client wanted to protect */
	if ((route->args & ARG_VERSION) == 0 && route_writes(route) && h->if_match != NULL &&
		strcmp(h->if_match, "*") != 0)
		access_refuse(req, &PROBLEM_PRECONDITION_FAILED,
					  "what this changes has no version of its own");
}

/* Where there is an admin port, each port serves its own. */
static bool
wrong_door(const struct request *req)
{
	const struct config *cfg = req->worker->cfg;
	int route = req->routing.route;
	bool is_admin = route >= 0 && routes[route].kind == ROUTE_ADMIN;

	return http_is_admin(req) ? !is_admin : is_admin && cfg->admin_port >= 0;
}

void
access_check(struct request *req)
{
	const struct route *route;

	route_request(&req->routing, req->method, &req->target);
	if (req->method == METHOD_OPTIONS &&
		(req->routing.result != ROUTED_NO_PATH || strcmp(req->target.path, "*") == 0))
		return;
	if (wrong_door(req))
		access_refuse(req, &PROBLEM_NOT_FOUND, NULL);
	else if (req->routing.result == ROUTED_NO_PATH)
		access_refuse(req, &PROBLEM_NOT_FOUND, "/docs lists what is served");
	else if (req->routing.result == ROUTED_NO_METHOD)
		access_refuse(req, &PROBLEM_METHOD_NOT_ALLOWED, NULL);
	if (req->routing.route < 0)
		return;
	route = &routes[req->routing.route];
	check_caller(req, route);
	if (route_is_local(route))
		return;
	/* the same answer as for an id that nothing has, or that somebody else has */
	if (req->routing.result == ROUTED_BAD_ID)
		access_refuse(req, problem_of_sqlstate("YA001"), NULL);
	check_fields(req, route);
}
