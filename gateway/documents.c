/*
 * documents.c
 *	  What the route table says about itself: OpenAPI 3.1, a page for people, Dapr's subscriptions.
 *
 * The paths, parameters and statuses come from routes.def, the schemas from schemas.json, which the
 * build turns into schemas.h; the problems from the same table as the answers.  So a route cannot be
 * served and not be documented.
 */
#include "documents.h"

#include <stdio.h>
#include <string.h>

#include "errcodes.h"
#include "router.h"

static const char schemas[] =
#include "schemas.h"
	;

/* what the query parameters are; a name means the same wherever it stands */
static const struct
{
	const char *name;
	const char *schema;
	const char *summary;
} parameters[] = {
	{ "page", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":999999999,\"default\":1}",
	  "which page" },
	{ "page_size", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":999999999,\"default\":20}",
	  "items on a page, 100 at most" },
	{ "cursor", "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{32}$\"}",
	  "next_cursor of an earlier answer: the items behind it, in the usual order, instead of a "
	  "page" },
	{ "limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":999999999}", "most items" },
	{ "status",
	  "{\"type\":\"string\",\"enum\":[\"pending\",\"in_progress\",\"completed\",\"skipped\","
	  "\"missed\",\"cancelled\"]}",
	  "tasks in this status" },
	{ "due_state",
	  "{\"type\":\"string\",\"enum\":[\"none\",\"upcoming\",\"due_soon\",\"due\",\"overdue\"]}",
	  "tasks in this due state" },
	{ "priority", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":3}", "tasks of this priority" },
	{ "q", "{\"type\":\"string\",\"maxLength\":200}", "text to look for" },
	{ "sort",
	  "{\"type\":\"string\",\"enum\":[\"created_at\",\"updated_at\",\"due_date\",\"priority\","
	  "\"title\","
	  "\"-created_at\",\"-updated_at\",\"-due_date\",\"-priority\",\"-title\"]}",
	  "order; a leading minus for descending" },
	{ "due_from", "{\"type\":\"string\",\"format\":\"date-time\"}", "due at or after" },
	{ "due_to", "{\"type\":\"string\",\"format\":\"date-time\"}", "due before" },
	{ "from", "{\"type\":\"string\",\"format\":\"date-time\"}", "at or after" },
	{ "to", "{\"type\":\"string\",\"format\":\"date-time\"}", "before" },
	{ "recurring_task_id", "{\"type\":\"string\",\"format\":\"uuid\"}", "of this recurring task" },
	{ "is_active", "{\"type\":\"boolean\"}", "only active, or only inactive ones" },
	{ "unread_only", "{\"type\":\"boolean\"}", "only what has not been read" },
	{ "include_closed", "{\"type\":\"boolean\"}", "what is done or called off, too" },
	{ "as_events", "{\"type\":\"boolean\"}", "VEVENT instead of VTODO, without what is not due" },
	{ "channel_id", "{\"type\":\"string\",\"format\":\"uuid\"}", "to this channel" },
	{ "state", "{\"type\":\"string\",\"enum\":[\"queued\",\"sent\",\"failed\",\"cancelled\"]}",
	  "deliveries in this state" },
	{ "at", "{\"type\":\"string\",\"format\":\"date-time\"}", "as of this time, instead of now" },
	{ "day", "{\"type\":\"string\",\"format\":\"date\"}", "which day; required" },
	{ "from_day", "{\"type\":\"string\",\"format\":\"date\"}", "from this day on" },
	{ "to_day", "{\"type\":\"string\",\"format\":\"date\"}", "up to this day" },
	{ "calendar", "{\"type\":\"string\",\"default\":\"own\"}", "of this calendar" },
	{ "since", "{\"type\":\"string\",\"pattern\":\"^[0-9]{1,18}\\\\.[0-9]{1,18}$\"}",
	  "position that an earlier answer gave" },
	{ "ticket", "{\"type\":\"string\"}", "instead of a token" },
	{ "last_event_id", "{\"type\":\"string\"}", "instead of the header Last-Event-ID" },
};

static const char *const plain = "{\"type\":\"string\"}";

/* ---- OpenAPI -------------------------------------------------------------------------------- */

static void
put_parameter(struct strbuf *out, const char *name, const char *in, bool required,
			  const char *schema, const char *summary)
{
	if (out->data[out->len - 1] != '[')
		sb_putc(out, ',');
	sb_printf(
		out, "{\"name\":\"%s\",\"in\":\"%s\",\"required\":%s,\"description\":\"%s\",\"schema\":%s}",
		name, in, required ? "true" : "false", summary, schema);
}

static void
put_query_parameter(struct strbuf *out, const char *name)
{
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
		if (strcmp(parameters[i].name, name) == 0)
		{
			put_parameter(out, name, "query", false, parameters[i].schema, parameters[i].summary);
			return;
		}
	put_parameter(out, name, "query", false, plain, "only these");
}

/* Call f for every name of the route's query. */
static void
each_query(const struct route *route, struct strbuf *out,
		   void (*f)(struct strbuf *out, const char *name))
{
	for (const char *list = route->query; *list != '\0';)
	{
		size_t len = strcspn(list, ",");
		char name[64];

		(void) snprintf(name, sizeof(name), "%.*s", (int) len, list);
		f(out, name);
		list += len + (list[len] == ',');
	}
}

static void
put_parameters(struct strbuf *out, const struct route *route)
{
	sb_puts(out, "\"parameters\":[");
	if (route->args & ARG_ID)
		put_parameter(out, "id", "path", true, "{\"type\":\"string\",\"format\":\"uuid\"}",
					  "which one");
	each_query(route, out, put_query_parameter);
	if (route->args & ARG_VERSION)
		put_parameter(out, "If-Match", "header", false, plain,
					  "only if the thing is still of one of these versions");
	if (route_writes(route) && route_has_user(route))
		put_parameter(
			out, "Idempotency-Key", "header", false,
			"{\"type\":\"string\",\"minLength\":1,\"maxLength\":255,\"pattern\":\"^[!-~]+$\"}",
			"the same key and request again gets the same answer");
	if (route->kind == ROUTE_WRITE)
		put_parameter(out, "Prefer", "header", false, plain, "return=minimal");
	if (route->kind == ROUTE_STREAM)
		put_parameter(out, "Last-Event-ID", "header", false, plain, "where to go on");
	sb_puts(out, "]");
}

static void
put_content(struct strbuf *out, const char *type, const char *schema)
{
	sb_printf(out, "\"content\":{\"%s\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}}", type,
			  schema);
}

static void
put_text_content(struct strbuf *out, const char *type)
{
	sb_printf(out, "\"content\":{\"%s\":{\"schema\":%s}}", type, plain);
}

/* Of a body or an answer, as routes.def says it. */
static void
put_content_of(struct strbuf *out, const char *in_or_out)
{
	if (route_is_text(in_or_out))
		put_text_content(out, in_or_out);
	else
		put_content(out, "application/json", in_or_out);
}

static void
put_success(struct strbuf *out, const struct route *route)
{
	sb_printf(out, "\"%u\":{\"description\":\"%s\"", route->status, route->summary);
	if (route->status == 201 || (route->args & ARG_VERSION) != 0)
		sb_puts(out, ",\"headers\":{\"ETag\":{\"schema\":{\"type\":\"string\"}}}");
	if (route->out[0] != '\0')
	{
		sb_putc(out, ',');
		put_content_of(out, route->out);
	}
	else if (route->status == 200)
	{
		sb_putc(out, ',');
		put_text_content(out, route->kind == ROUTE_STREAM            ? "text/event-stream"
							  : strcmp(route->function, "docs") == 0 ? "text/html"
																	 : "text/plain");
	}
	sb_putc(out, '}');
	if (route->kind == ROUTE_WRITE && route->status == 200)
		sb_puts(out, ",\"204\":{\"description\":\"Done, as return=minimal asked for\"}");
	if (route->kind == ROUTE_READ)
		sb_puts(out, ",\"304\":{\"description\":\"Not modified\"}");
}

static void
put_problem(struct strbuf *out, unsigned int status)
{
	sb_printf(out, ",\"%u\":{\"$ref\":\"#/components/responses/Problem\"}", status);
}

/* Every status that this route can answer besides success. */
static void
put_problems(struct strbuf *out, const struct route *route)
{
	bool has_user = route_has_user(route);

	put_problem(out, 400);
	if (has_user)
		put_problem(out, 401);
	if (has_user || route->kind == ROUTE_DAPR || route->kind == ROUTE_DAPR_LOCAL)
		put_problem(out, 403);
	put_problem(out, 404);
	put_problem(out, 405);
	if (route_writes(route))
		put_problem(out, 409);
	if (strcmp(route->function, "gw_changes") == 0)
		put_problem(out, 410);
	if (route->args & ARG_VERSION)
		put_problem(out, 412);
	if (!route_is_local(route))
	{
		put_problem(out, 413);
		put_problem(out, 415);
		put_problem(out, 422);
		put_problem(out, 504);
	}
	put_problem(out, 414);
	put_problem(out, 429);
	put_problem(out, 431);
	put_problem(out, 501);
	put_problem(out, 503);
}

static void
put_operation(struct strbuf *out, const struct route *route)
{
	char method[16];

	(void) snprintf(method, sizeof(method), "%s", method_name(route->method));
	for (char *c = method; *c != '\0'; c++)
		*c = (char) (*c | 0x20);
	sb_printf(out, "\"%s\":{\"operationId\":\"%s\",\"summary\":\"%s\",", method, route->name,
			  route->summary);
	put_parameters(out, route);
	if (route->args & ARG_BODY)
	{
		sb_printf(out, ",\"requestBody\":{\"required\":%s,",
				  (route->args & ARG_MAY_BE_EMPTY) ? "false" : "true");
		put_content_of(out, route->in);
		sb_putc(out, '}');
	}
	sb_puts(out, ",\"responses\":{");
	put_success(out, route);
	put_problems(out, route);
	sb_puts(out, "}");
	if (route->kind == ROUTE_DAPR || route->kind == ROUTE_DAPR_LOCAL)
		sb_puts(out, ",\"security\":[{\"dapr\":[]},{}]");
	else if (!route_has_user(route))
		sb_puts(out, ",\"security\":[]");
	sb_putc(out, '}');
}

/* Is this the first line of its path? */
static bool
begins_path(int r)
{
	for (int i = 0; i < r; i++)
		if (strcmp(routes[i].path, routes[r].path) == 0)
			return false;
	return true;
}

static void
put_path(struct strbuf *out, int first)
{
	const char *between = "";

	sb_printf(out, "\"%s%s\":{", route_is_local(&routes[first]) ? "" : "/api", routes[first].path);
	for (int i = first; i < N_ROUTES; i++)
		if (strcmp(routes[i].path, routes[first].path) == 0)
		{
			sb_puts(out, between);
			put_operation(out, &routes[i]);
			between = ",";
		}
	sb_putc(out, '}');
}

void
document_openapi(struct strbuf *out)
{
	const char *between = "";

	sb_puts(
		out,
		"{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"pg_agenda\",\"version\":\"" AGENDA_VERSION
		"\",\"description\":\"Tasks, recurring tasks and reminders. Every path is served with and "
		"without the prefix "
		"/api.\",\"license\":{\"name\":\"PostgreSQL\",\"identifier\":\"PostgreSQL\"}},"
		"\"servers\":[{\"url\":\"/\"}],\"security\":[{\"bearer\":[]}],\"paths\":{");
	for (int i = 0; i < N_ROUTES; i++)
		if (begins_path(i))
		{
			sb_puts(out, between);
			put_path(out, i);
			between = ",";
		}
	sb_puts(out, "},\"components\":{\"securitySchemes\":{"
				 "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\"},"
				 "\"dapr\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"dapr-api-token\"}},"
				 "\"responses\":{\"Problem\":{\"description\":\"A problem document\",");
	put_content(out, "application/problem+json", "Problem");
	sb_puts(out, "}},\"schemas\":");
	sb_puts(out, schemas);
	sb_puts(out, "}}\n");
}

/* ---- a page for people ---------------------------------------------------------------------- */

static void
put_html(struct strbuf *out, const char *text)
{
	for (; *text != '\0'; text++)
		switch (*text)
		{
			case '<':
				sb_puts(out, "&lt;");
				break;
			case '>':
				sb_puts(out, "&gt;");
				break;
			case '&':
				sb_puts(out, "&amp;");
				break;
			default:
				sb_putc(out, *text);
		}
}

static void
put_name(struct strbuf *out, const char *name)
{
	sb_printf(out, " <code>%s</code>", name);
}

static void
put_schema_link(struct strbuf *out, const char *what, const char *schema)
{
	if (route_is_text(schema))
		sb_printf(out, " %s %s", what, schema);
	else if (schema[0] != '\0')
		sb_printf(out, " %s <a href=\"#%s\">%s</a>", what, schema, schema);
}

static void
put_route_row(struct strbuf *out, const struct route *route)
{
	sb_printf(out, "<tr><td><b>%s</b></td><td><code>%s%s</code></td><td>",
			  method_name(route->method), route_is_local(route) ? "" : "/api", route->path);
	put_html(out, route->summary);
	if (route->query[0] != '\0')
	{
		sb_puts(out, "<br>Query:");
		each_query(route, out, put_name);
	}
	put_schema_link(out, "<br>Body:", route->in);
	sb_printf(out, "<br>%u", route->status);
	put_schema_link(out, "", route->out);
	sb_puts(out, "</td></tr>\n");
}

/* Each line of schemas.json is one schema: "Name": {...}, */
static void
put_schemas(struct strbuf *out)
{
	for (const char *line = schemas; *line != '\0';)
	{
		size_t len = strcspn(line, "\n");
		const char *name_end = line[0] == '"' ? strchr(line + 1, '"') : NULL;

		if (name_end != NULL)
		{
			struct strbuf text = { 0 };

			sb_putn(&text, name_end + 3,
					len - (size_t) (name_end + 3 - line) - (size_t) (line[len - 1] == ','));
			sb_printf(out, "<h3 id=\"%.*s\">%.*s</h3><pre>", (int) (name_end - line - 1), line + 1,
					  (int) (name_end - line - 1), line + 1);
			put_html(out, text.data);
			sb_puts(out, "</pre>\n");
			sb_free(&text);
		}
		line += len + (line[len] == '\n');
	}
}

static void
put_problem_rows(struct strbuf *out)
{
	static const struct
	{
		const char *sqlstate;
		unsigned int status;
		const char *name;
		const char *title;
	} rows[] = {
#define ROW(sqlstate, status, name, title) { sqlstate, status, name, title },
		AGENDA_ERRCODE_TABLE(ROW)
#undef ROW
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		sb_printf(out, "<tr><td>%u</td><td><code>%s</code></td><td>%s</td><td>%s</td></tr>\n",
				  rows[i].status, rows[i].sqlstate, rows[i].name, rows[i].title);
}

void
document_docs(struct strbuf *out)
{
	sb_puts(
		out,
		"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<meta name=\"viewport\" content=\"width=device-width\"><title>pg_agenda</title><style>\n"
		"body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em}\n"
		"table{border-collapse:collapse}td{border-top:1px solid #ccc;padding:.3em .6em;"
		"vertical-align:top}\npre{background:#f4f4f4;padding:.6em;white-space:pre-wrap;"
		"word-break:break-word}\n@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}"
		"pre{background:#222}a{color:#8cf}}\n</style></head><body>\n<h1>pg_agenda " AGENDA_VERSION
		"</h1>\n<p>For programs: <a href=\"openapi.json\">openapi.json</a>. Every path is served "
		"with "
		"and without the prefix <code>/api</code>.</p>\n<h2>Routes</h2><table>\n");
	for (int i = 0; i < N_ROUTES; i++)
		put_route_row(out, &routes[i]);
	sb_puts(out, "</table>\n<h2>Problems</h2><table>\n");
	put_problem_rows(out);
	sb_puts(out, "</table>\n<h2>Schemas</h2>\n");
	put_schemas(out);
	sb_puts(out, "</body></html>\n");
}

/* ---- Dapr ----------------------------------------------------------------------------------- */

void
document_subscriptions(struct strbuf *out, const char *pubsub)
{
	static const char *const topics[][2] = { { "reminders", "/events/reminders" },
											 { "audit", "/events/audit" },
											 { "task-completed", "/events/task-completed" } };
	const char *between = "";

	sb_putc(out, '[');
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
	{
		sb_printf(out, "%s{\"pubsubname\":", between);
		sb_json_str(out, pubsub);
		sb_printf(out, ",\"topic\":\"%s\",\"route\":\"%s\"}", topics[i][0], topics[i][1]);
		between = ",";
	}
	sb_puts(out, "]\n");
}
