/*
 * router.c
 *	  From method and path to a route of routes.def.
 *
 * Pure: a walk over the table, which is short.  HEAD is served by the GET route, OPTIONS and the
 * Allow header come from the table, and the prefix /api is optional.
 */
#include "router.h"

#include <stdio.h>
#include <string.h>

const struct route routes[N_ROUTES] = {
#define ROUTE(id, method, path, function, kind, args, query, status, in, out, summary)             \
	{ #id, METHOD_##method, path, function, kind, args, query, status, in, out, summary },
#include "routes.def"
#undef ROUTE
};

static const char *const names[] = { "GET",    "HEAD",    "POST",  "PUT",    "PATCH",
									 "DELETE", "OPTIONS", "TRACE", "CONNECT" };

enum method
method_of(const char *name)
{
	for (int i = 0; i < METHOD_UNKNOWN; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum method) i;
	return METHOD_UNKNOWN;
}

const char *
method_name(enum method method)
{
	return method == METHOD_UNKNOWN ? "UNKNOWN" : names[method];
}

static bool
is_uuid(const char *s)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++)
	{
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		char c = s[i];

		if (dash ? c != '-'
				 : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
			return false;
	}
	return i == 36;
}

/* Does the path of a route fit these segments?  *id gets what stands at {id}. */
static bool
path_fits(const char *pattern, const char *const *segments, int n, const char **id)
{
	*id = NULL;
	for (int i = 0; i < n; i++)
	{
		const char *start = pattern + 1;
		size_t len;

		if (*pattern != '/')
			return false;
		len = strcspn(start, "/");
		if (len == 4 && memcmp(start, "{id}", 4) == 0)
			*id = segments[i];
		else if (strlen(segments[i]) != len || memcmp(start, segments[i], len) != 0)
			return false;
		pattern = start + len;
	}
	return *pattern == '\0';
}

static void
add_allow(char *allow, size_t size, const char *name)
{
	size_t len = strlen(allow);

	(void) snprintf(allow + len, size - len, "%s%s", len ? ", " : "", name);
}

/* A stream has no end, so its header alone would say nothing. */
static bool
serves_head(const struct route *route)
{
	return route->method == METHOD_GET && route->kind != ROUTE_STREAM;
}

static bool
serves(const struct route *route, enum method method)
{
	return route->method == method || (method == METHOD_HEAD && serves_head(route));
}

/* A literal path that fits hides patterns with {id}: they stand later in the table. */
void
route_request(struct routing *out, enum method method, const struct target *target)
{
	const char *const *segments = target->segments;
	int n = target->n_segments;
	const char *path = NULL;

	memset(out, 0, sizeof(*out));
	out->result = ROUTED_NO_PATH;
	out->route = -1;
	if (n > 1 && strcmp(segments[0], "api") == 0)
	{
		segments++;
		n--;
	}
	for (int i = 0; n > 0 && i < N_ROUTES; i++)
	{
		const char *id;

		if (!path_fits(routes[i].path, segments, n, &id))
			continue;
		if (path != NULL && strcmp(path, routes[i].path) != 0)
			continue;
		path = routes[i].path;
		out->id = id;
		add_allow(out->allow, sizeof(out->allow), names[routes[i].method]);
		if (serves_head(&routes[i]))
			add_allow(out->allow, sizeof(out->allow), "HEAD");
		if (serves(&routes[i], method))
			out->route = i;
	}
	if (path == NULL)
		return;
	add_allow(out->allow, sizeof(out->allow), "OPTIONS");
	if (out->route < 0)
		out->result = ROUTED_NO_METHOD;
	else
		out->result = out->id != NULL && !is_uuid(out->id) ? ROUTED_BAD_ID : ROUTED;
}

/* Does a list with commas have this item? */
bool
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
