/*
 * router.h
 *	  From method and path to a route of routes.def.
 */
#ifndef AGENDA_GW_ROUTER_H
#define AGENDA_GW_ROUTER_H

#include <string.h>

#include "target.h"

enum method
{
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_TRACE,
	METHOD_CONNECT,
	METHOD_UNKNOWN
};

enum route_kind
{
	ROUTE_READ,       /* needs a token, goes to the database, changes nothing */
	ROUTE_SEARCH,     /* the same, but may take long: the slow lane */
	ROUTE_WRITE,      /* needs a token, changes something */
	ROUTE_BULK,       /* the same, but may take long: the slow lane */
	ROUTE_BATCH,      /* the same for several operations */
	ROUTE_STREAM,     /* needs a token or a ticket, and does not end */
	ROUTE_OPERATOR,   /* needs a token with the operator's role */
	ROUTE_DAPR,       /* for the sidecar: its token or its place, no user */
	ROUTE_DAPR_LOCAL, /* the same, answered by the gateway itself */
	ROUTE_LOCAL,      /* answered by the gateway itself, open to everybody */
	ROUTE_ADMIN       /* the same, but by the admin port where there is one */
};

enum route_arg
{
	ARG_ID = 1,
	ARG_QUERY = 2,
	ARG_BODY = 4,
	ARG_VERSION = 8,
	ARG_MAY_BE_EMPTY = 16 /* the body */
};

enum route_id
{
#define ROUTE(id, method, path, function, kind, args, query, status, in, out, summary)             \
	ROUTE_ID_##id,
#include "routes.def"
#undef ROUTE
	N_ROUTES
};

struct route
{
	const char *name;
	enum method method;
	const char *path;
	const char *function;
	enum route_kind kind;
	unsigned int args;
	const char *query;
	unsigned int status;
	const char *in;
	const char *out;
	const char *summary;
};

enum route_result
{
	ROUTED,
	ROUTED_NO_PATH,
	ROUTED_BAD_ID, /* the path is right but {id} is no uuid: nothing has such an id */
	ROUTED_NO_METHOD
};

struct routing
{
	enum route_result result;
	int route;      /* index of routes[], -1 without ROUTED */
	const char *id; /* the {id} segment, NULL without */
	char allow[64]; /* value of Allow for this path */
};

extern const struct route routes[N_ROUTES];

/* Is the answer the gateway's own, without the database? */
static inline bool
route_is_local(const struct route *route)
{
	return route->kind == ROUTE_LOCAL || route->kind == ROUTE_ADMIN ||
		   route->kind == ROUTE_DAPR_LOCAL;
}

static inline bool
route_writes(const struct route *route)
{
	return route->kind == ROUTE_WRITE || route->kind == ROUTE_BULK || route->kind == ROUTE_BATCH ||
		   route->kind == ROUTE_DAPR;
}

/* Is a body or an answer text of the type that routes.def names, and no JSON? */
static inline bool
route_is_text(const char *in_or_out)
{
	return strchr(in_or_out, '/') != NULL;
}

/* Does it act for a user? */
static inline bool
route_has_user(const struct route *route)
{
	return !route_is_local(route) && route->kind != ROUTE_DAPR;
}

extern enum method method_of(const char *name);
extern const char *method_name(enum method method);
extern bool in_list(const char *list, const char *name);
extern void route_request(struct routing *out, enum method method, const struct target *target);

#endif
