/*
 * test_gw_router.c
 *	  Request targets and routes of the gateway.
 */
#include "gateway/router.h"

#include <stdlib.h>

#include "tap.h"

#define ID "01a20385-e462-7c18-aabd-6045591ddd75"

/* Parsed in memory of exactly the promised size, so that the sanitizer sees a step too far. */
static enum target_result
parse(struct target *t, const char *raw, char **work)
{
	size_t len = strlen(raw);

	*work = malloc(TARGET_WORK_SIZE(len));
	return target_parse(t, raw, len, *work);
}

static void
check_target(const char *raw, enum target_result wanted)
{
	struct target t;
	char *work;

	is_int(parse(&t, raw, &work), wanted, raw);
	ok(strlen(t.path) <= strlen(raw), "... and its path is text");
	free(work);
}

static void
test_targets(void)
{
	check_target("/api/tasks", TARGET_OK);
	check_target("/", TARGET_OK);
	check_target("*", TARGET_OK);
	check_target("http://host/api/tasks?q=1", TARGET_OK);
	check_target("http://host", TARGET_BAD_FORM);
	check_target("", TARGET_BAD_FORM);
	check_target("api/tasks", TARGET_BAD_FORM);
	check_target("/api/ta sks", TARGET_BAD_CHARACTER);
	check_target("/api/tasks\t", TARGET_BAD_CHARACTER);
	check_target("/api/tasks#part", TARGET_BAD_CHARACTER);
	check_target("/api/tasks%00/1", TARGET_BAD_CHARACTER);
	check_target("/api/tasks?q=%00", TARGET_BAD_CHARACTER);
	check_target("/api/tasks?q=%0d%0aX:1", TARGET_BAD_CHARACTER);
	check_target("/api/tasks/%", TARGET_BAD_ESCAPE);
	check_target("/api/tasks/%2", TARGET_BAD_ESCAPE);
	check_target("/api/tasks/%zz", TARGET_BAD_ESCAPE);
	check_target("/api/tasks?q=%", TARGET_BAD_ESCAPE);
	check_target("/api/tasks?q=%c3%a4", TARGET_OK);
	check_target("/api/tasks?q=\xc3\xa4", TARGET_OK);
	check_target("/api/tasks?q=%c3", TARGET_BAD_CHARACTER);
	check_target("/api/tasks?q=%c0%80", TARGET_BAD_CHARACTER);
	check_target("/api/tasks?q=%ed%a0%80", TARGET_BAD_CHARACTER);
	check_target("/api/tasks?q=%f4%90%80%80", TARGET_BAD_CHARACTER);
	check_target("/a/b/c/d/e/f/g/h/i/j/k", TARGET_OK);
	check_target("/?a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a",
				 TARGET_TOO_MANY);
}

static void
test_parts(void)
{
	struct target t;
	char *work;

	(void) parse(&t, "/api/a%2Fb/%74asks/?q=a+b%2Bc&empty&x=1=2&&y=", &work);
	is_str(t.path, "/api/a/b/tasks/", "decoded path");
	is_int(t.n_segments, 3, "segments");
	is_str(t.segments[1], "a/b", "an encoded slash does not split");
	is_str(t.segments[2], "tasks", "escapes of plain letters are decoded");
	is_int(t.n_params, 4, "parameters");
	is_str(t.params[0].value, "a b+c", "plus and escapes in a value");
	is_str(t.params[1].name, "empty", "parameter without a value");
	is_str(t.params[1].value, "", "its value is empty");
	is_str(t.params[2].value, "1=2", "only the first = separates");
	is_str(t.params[3].name, "y", "last parameter");
	free(work);
	(void) parse(&t, "/api/tasks?q=a+b&name=%26x", &work);
	is_str(t.path, "/api/tasks", "the query is not in the path");
	is_str(t.params[1].value, "&x", "an encoded & does not split");
	free(work);
}

static void
check_route(const char *method, const char *path, enum route_result wanted, int route)
{
	struct target t;
	struct routing r;
	char *work;

	(void) parse(&t, path, &work);
	route_request(&r, method_of(method), &t);
	ok(r.result == wanted && r.route == route, "%s %s", method, path);
	if (r.result != wanted || r.route != route)
		diag("result %d, route %d", (int) r.result, r.route);
	free(work);
}

static void
test_routes(void)
{
	check_route("GET", "/api/tasks", ROUTED, ROUTE_ID_list_tasks);
	check_route("GET", "/tasks", ROUTED, ROUTE_ID_list_tasks);
	check_route("HEAD", "/tasks", ROUTED, ROUTE_ID_list_tasks);
	check_route("GET", "/stream", ROUTED, ROUTE_ID_stream);
	check_route("HEAD", "/stream", ROUTED_NO_METHOD, -1);
	check_route("GET", "/tasks/", ROUTED, ROUTE_ID_list_tasks);
	check_route("POST", "/api/tasks", ROUTED, ROUTE_ID_create_task);
	check_route("PATCH", "/api/tasks/" ID, ROUTED, ROUTE_ID_patch_task);
	check_route("PUT", "/api/tasks/" ID "/complete", ROUTED, ROUTE_ID_put_complete_task);
	check_route("POST", "/tasks/" ID "/complete", ROUTED, ROUTE_ID_complete_task);
	check_route("GET", "/notifications/unread-count", ROUTED, ROUTE_ID_unread_count);
	check_route("POST", "/notifications/" ID "/read", ROUTED, ROUTE_ID_mark_read);
	check_route("DELETE", "/notifications/clear", ROUTED, ROUTE_ID_clear_notifications);
	check_route("PATCH", "/api/users/me/preferences", ROUTED, ROUTE_ID_patch_preferences);
	check_route("GET", "/healthz", ROUTED, ROUTE_ID_healthz);
	check_route("GET", "/api", ROUTED_NO_PATH, -1);
	check_route("GET", "/", ROUTED_NO_PATH, -1);
	check_route("GET", "/api/api/tasks", ROUTED_NO_PATH, -1);
	check_route("GET", "/tasks/" ID "/nothing", ROUTED_NO_PATH, -1);
	check_route("GET", "//tasks", ROUTED_NO_PATH, -1);
	check_route("GET", "/a/b/c/d/e/f/g/h/i/j", ROUTED_NO_PATH, -1);
	check_route("DELETE", "/tasks", ROUTED_NO_METHOD, -1);
	check_route("OPTIONS", "/tasks", ROUTED_NO_METHOD, -1);
	check_route("BREW", "/tasks", ROUTED_NO_METHOD, -1);
	check_route("GET", "/tasks/17", ROUTED_BAD_ID, ROUTE_ID_get_task);
	check_route("GET", "/tasks/" ID "0", ROUTED_BAD_ID, ROUTE_ID_get_task);
	check_route("GET", "/tasks/01a20385-e462-7c18-aabd-6045591ddd7g", ROUTED_BAD_ID,
				ROUTE_ID_get_task);
}

static void
test_allow(void)
{
	struct target t;
	struct routing r;
	char *work;

	(void) parse(&t, "/tasks/" ID, &work);
	route_request(&r, METHOD_POST, &t);
	is_str(r.allow, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", "Allow of a task");
	is_str(r.id, ID, "the id is found even without a route");
	free(work);
	(void) parse(&t, "/notifications/clear", &work);
	route_request(&r, METHOD_GET, &t);
	is_str(r.allow, "DELETE, OPTIONS", "Allow of a path without GET");
	free(work);
}

/* The table keeps what its header promises: a literal before {id}, and room for every Allow. */
static void
test_table(void)
{
	for (int i = 0; i < N_ROUTES; i++)
	{
		const char *query = routes[i].query;

		ok(routes[i].path[0] == '/' && routes[i].function[0] != '\0' &&
			   routes[i].summary[0] != '\0',
		   "route %s is complete", routes[i].name);
		ok(((routes[i].args & ARG_ID) != 0) == (strstr(routes[i].path, "{id}") != NULL),
		   "route %s: {id} and ARG_ID agree", routes[i].name);
		ok(((routes[i].args & ARG_QUERY) != 0) == (query[0] != '\0'),
		   "route %s: parameters and ARG_QUERY agree", routes[i].name);
	}
}

int
main(void)
{
	test_targets();
	test_parts();
	test_routes();
	test_allow();
	test_table();
	return done_testing();
}
