/*
 * log_routes.c
 *		Which topics the events of a window go to.
 *
 * A route that was committed before an event, or with it, counts for it: the routes are those that the
 * window's snapshot shows.  They are kept from window to window for as long as that is the same
 * (table_mark.c).
 *
 * Memory: the routes in a context of their own.  A window has topics of its own, since it may outlive
 * them.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "log_routes.h"
#include "table_mark.h"
#include "worker.h"

/* In the order of agenda._log_routes(). */
typedef struct Route
{
	const char *type;
	const char *topic;
	const char *mode;
} Route;

static AgendaQuery routes_query = { .sql =
										"select event_type, topic, mode from agenda._log_routes()",
									.read_only = true };

static AgendaTableMark marks[] = { { .table = "topic_routes" }, { .table = "topics" } };
static MemoryContext routes_context = NULL;
static Route *routes = NULL; /* NULL: not known */
static int n_routes = 0;

static void find_routes(void);
static void read_routes(void);
static int first_route(const char *type);
static bool is_route_of(int r, const AgendaEvent *event);
static const AgendaTopic *topic_of(AgendaWindow *window, const AgendaTopic **topics, int r);
static const AgendaTopic *only_topic(AgendaWindow *window, const AgendaTopic **topics,
									 const AgendaEvent *event);

void
agenda_log_route(AgendaWindow *window)
{
	int *first = palloc(window->n_events * sizeof(int));
	const AgendaTopic **topics;
	int n = 0;

	find_routes();
	topics = palloc0(n_routes * sizeof(AgendaTopic *));
	for (int i = 0; i < window->n_events; i++)
	{
		const AgendaEvent *event = window->events[i];

		first[i] = first_route(event->type);
		for (int r = first[i]; is_route_of(r, event); r++)
			n++;
		n += event->only_topic != NULL;
	}
	agenda_window_reserve(window, n);
	for (int i = 0; i < window->n_events; i++)
	{
		const AgendaEvent *event = window->events[i];

		for (int r = first[i]; is_route_of(r, event); r++)
			agenda_window_deliver(window, event, topic_of(window, topics, r));
		if (event->only_topic != NULL)
			agenda_window_deliver(window, event, only_topic(window, topics, event));
	}
}

static void
find_routes(void)
{
	if (agenda_tables_unchanged(marks, lengthof(marks)) && routes != NULL)
		return;
	/* asking may fail */
	routes = NULL;
	if (routes_context == NULL)
		routes_context =
			AllocSetContextCreate(TopMemoryContext, "pg_agenda routes", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(routes_context);
	read_routes();
}

static void
read_routes(void)
{
	TupleDesc desc;
	Route *list;
	MemoryContext old;

	agenda_worker_query(&routes_query, NULL, NULL);
	desc = SPI_tuptable->tupdesc;
	old = MemoryContextSwitchTo(routes_context);
	list = palloc((SPI_processed + 1) * sizeof(Route));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];

		list[i].type = SPI_getvalue(row, desc, 1);
		list[i].topic = SPI_getvalue(row, desc, 2);
		list[i].mode = SPI_getvalue(row, desc, 3);
	}
	MemoryContextSwitchTo(old);
	n_routes = (int) SPI_processed;
	routes = list;
}

/* The index of the first route of a type, or of what stands where it would. */
static int
first_route(const char *type)
{
	int low = 0;
	int n = n_routes;

	while (low < n)
	{
		int middle = (low + n) / 2;

		if (strcmp(routes[middle].type, type) < 0)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/* Whether the event takes this route; those of a type stand together. */
static bool
is_route_of(int r, const AgendaEvent *event)
{
	return r < n_routes && event->type[0] != '\0' && event->only_topic == NULL &&
		   strcmp(routes[r].type, event->type) == 0;
}

/* The topic of a route, made for the window when it is first needed there. */
static const AgendaTopic *
topic_of(AgendaWindow *window, const AgendaTopic **topics, int r)
{
	if (topics[r] == NULL)
		topics[r] = agenda_window_topic(window, routes[r].topic, routes[r].mode);
	return topics[r];
}

static const AgendaTopic *
only_topic(AgendaWindow *window, const AgendaTopic **topics, const AgendaEvent *event)
{
	for (int r = 0; r < n_routes; r++)
		if (strcmp(routes[r].topic, event->only_topic) == 0)
			return topic_of(window, topics, r);
	return agenda_window_topic(window, event->only_topic, "structured");
}
