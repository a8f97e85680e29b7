/*
 * router.h
 *	  From method and path to a route of routes.def.
 */
#ifndef AGENDA_GW_ROUTER_H
#define AGENDA_GW_ROUTER_H

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
	ROUTE_READ,
	ROUTE_WRITE,
	ROUTE_LOCAL
};

enum route_arg
{
	ARG_ID = 1,
	ARG_QUERY = 2,
	ARG_BODY = 4,
	ARG_VERSION = 8
};

enum route_id
{
#define ROUTE(id, method, path, function, kind, args, query, summary) ROUTE_ID_##id,
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

extern enum method method_of(const char *name);
extern const char *method_name(enum method method);
extern void route_request(struct routing *out, enum method method, const struct target *target);

#endif
