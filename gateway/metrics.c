/*
 * metrics.c
 *	  Counters and their text for Prometheus.
 *
 * Every worker writes its own set and any thread may read all of them: relaxed atomics, so a scrape
 * sees each figure whole though not all of the same instant.
 */
#include "metrics.h"

static const unsigned int statuses[METRIC_STATUSES - 1] = {
	200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409, 410,
	412, 413, 414, 415, 422, 429, 431, 499, 500, 501, 503, 504
};
static const uint64_t bounds[METRIC_BUCKETS - 1] = { 500,    1000,    2000,   3000,   5000,
													 10000,  20000,   50000,  100000, 250000,
													 500000, 1000000, 5000000 };

void
metrics_request(struct metrics *m, int route, unsigned int status, uint64_t micros)
{
	int s = 0;
	int b = 0;

	if (route < 0)
		route = METRIC_NO_ROUTE;
	while (s < METRIC_STATUSES - 1 && statuses[s] != status)
		s++;
	while (b < METRIC_BUCKETS - 1 && micros > bounds[b])
		b++;
	count_add(&m->requests[route][s], 1);
	count_add(&m->latency[route][b], 1);
	count_add(&m->latency_sum[route], micros);
}

void
metrics_batch(struct metrics *m, bool write, int size)
{
	int b = 0;

	while (b < METRIC_BATCH_BUCKETS - 1 && (1 << b) < size)
		b++;
	count_add(&m->batches[write][b], 1);
	count_add(&m->batch_calls[write], (uint64_t) size);
}

/* Sum of one counter, found by its place in the struct, over all workers. */
static uint64_t
total(struct metrics *const *all, int n, const counter *of_first)
{
	size_t offset = (size_t) ((const char *) of_first - (const char *) all[0]);
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += count_get((counter *) (void *) ((char *) all[i] + offset));
	return sum;
}

static void
put_labels(struct strbuf *out, int route)
{
	if (route == METRIC_NO_ROUTE)
		sb_puts(out, "{route=\"none\",method=\"none\"");
	else
		sb_printf(out, "{route=\"%s\",method=\"%s\"", routes[route].path,
				  method_name(routes[route].method));
}

static void
put_head(struct strbuf *out, const char *name, const char *type, const char *help)
{
	sb_printf(out, "# HELP agenda_gateway_%s %s\n# TYPE agenda_gateway_%s %s\n", name, help, name,
			  type);
}

static void
put_requests(struct strbuf *out, struct metrics *const *all, int n)
{
	put_head(out, "requests_total", "counter", "Requests by route, method and status.");
	for (int r = 0; r <= N_ROUTES; r++)
		for (int s = 0; s < METRIC_STATUSES; s++)
		{
			uint64_t value = total(all, n, &all[0]->requests[r][s]);

			if (value == 0)
				continue;
			sb_puts(out, "agenda_gateway_requests_total");
			put_labels(out, r);
			if (s == METRIC_STATUSES - 1)
				sb_puts(out, ",status=\"other\"}");
			else
				sb_printf(out, ",status=\"%u\"}", statuses[s]);
			sb_printf(out, " %llu\n", (unsigned long long) value);
		}
}

static void
put_latency_of(struct strbuf *out, struct metrics *const *all, int n, int r, uint64_t count)
{
	uint64_t below = 0;

	for (int b = 0; b < METRIC_BUCKETS; b++)
	{
		below += total(all, n, &all[0]->latency[r][b]);
		sb_puts(out, "agenda_gateway_request_seconds_bucket");
		put_labels(out, r);
		if (b == METRIC_BUCKETS - 1)
			sb_puts(out, ",le=\"+Inf\"}");
		else
			sb_printf(out, ",le=\"%g\"}", (double) bounds[b] / 1e6);
		sb_printf(out, " %llu\n", (unsigned long long) below);
	}
	sb_puts(out, "agenda_gateway_request_seconds_sum");
	put_labels(out, r);
	sb_printf(out, "} %.6f\n", (double) total(all, n, &all[0]->latency_sum[r]) / 1e6);
	sb_puts(out, "agenda_gateway_request_seconds_count");
	put_labels(out, r);
	sb_printf(out, "} %llu\n", (unsigned long long) count);
}

static void
put_latency(struct strbuf *out, struct metrics *const *all, int n)
{
	put_head(out, "request_seconds", "histogram", "Time from the request line to the answer.");
	for (int r = 0; r <= N_ROUTES; r++)
	{
		uint64_t count = 0;

		for (int b = 0; b < METRIC_BUCKETS; b++)
			count += total(all, n, &all[0]->latency[r][b]);
		if (count > 0)
			put_latency_of(out, all, n, r, count);
	}
}

static void
put_batches(struct strbuf *out, struct metrics *const *all, int n)
{
	static const char *const kinds[] = { "read", "write" };

	put_head(out, "batch_size", "histogram", "Calls per pipeline batch.");
	for (int k = 0; k < 2; k++)
	{
		uint64_t below = 0;

		for (int b = 0; b < METRIC_BATCH_BUCKETS; b++)
		{
			below += total(all, n, &all[0]->batches[k][b]);
			if (b == METRIC_BATCH_BUCKETS - 1)
				sb_printf(out, "agenda_gateway_batch_size_bucket{kind=\"%s\",le=\"+Inf\"}",
						  kinds[k]);
			else
				sb_printf(out, "agenda_gateway_batch_size_bucket{kind=\"%s\",le=\"%d\"}", kinds[k],
						  1 << b);
			sb_printf(out, " %llu\n", (unsigned long long) below);
		}
		sb_printf(out, "agenda_gateway_batch_size_sum{kind=\"%s\"} %llu\n", kinds[k],
				  (unsigned long long) total(all, n, &all[0]->batch_calls[k]));
		sb_printf(out, "agenda_gateway_batch_size_count{kind=\"%s\"} %llu\n", kinds[k],
				  (unsigned long long) below);
	}
}

static void
put_one(struct strbuf *out, struct metrics *const *all, int n, const counter *c, const char *name,
		const char *type, const char *help)
{
	put_head(out, name, type, help);
	sb_printf(out, "agenda_gateway_%s %llu\n", name, (unsigned long long) total(all, n, c));
}

void
metrics_render(struct strbuf *out, struct metrics *const *all, int n)
{
	struct metrics *m = all[0];

	put_requests(out, all, n);
	put_latency(out, all, n);
	put_batches(out, all, n);
	put_one(out, all, n, &m->batch_failures[0], "read_batch_failures_total", "counter",
			"Read batches that had a failing call.");
	put_one(out, all, n, &m->batch_failures[1], "write_batch_failures_total", "counter",
			"Write batches that were rolled back and run one by one.");
	put_one(out, all, n, &m->in_flight, "in_flight", "gauge", "Requests being served.");
	put_one(out, all, n, &m->connections, "connections", "gauge", "Client connections.");
	put_one(out, all, n, &m->db_ready, "db_connections", "gauge", "Usable database connections.");
	put_one(out, all, n, &m->db_queued, "db_queued", "gauge", "Requests waiting for the database.");
	put_one(out, all, n, &m->db_connects, "db_connects_total", "counter",
			"Database connections made.");
	put_one(out, all, n, &m->db_losses, "db_losses_total", "counter", "Database connections lost.");
	put_one(out, all, n, &m->outcome_unknown, "outcome_unknown_total", "counter",
			"Writes whose confirmation was lost with the connection.");
	put_one(out, all, n, &m->refused_overload, "refused_overload_total", "counter",
			"Requests refused because too many were waiting.");
	put_one(out, all, n, &m->rate_limited, "rate_limited_total", "counter",
			"Requests refused because their user sent too many.");
	put_one(out, all, n, &m->streams, "streams", "gauge", "Open streams.");
	put_one(out, all, n, &m->stream_events, "stream_events_total", "counter",
			"Events sent to streams.");
	put_one(out, all, n, &m->stream_cuts, "stream_cuts_total", "counter",
			"Streams cut off because their client was too slow.");
	put_one(out, all, n, &m->token_hits, "token_cache_hits_total", "counter",
			"Tokens found in the cache.");
	put_one(out, all, n, &m->token_misses, "token_cache_misses_total", "counter",
			"Tokens that were verified.");
	put_one(out, all, n, &m->deadline_closes, "deadline_closes_total", "counter",
			"Client connections closed by a deadline.");
	put_head(out, "info", "gauge", "Version of the gateway.");
	sb_printf(out, "agenda_gateway_info{version=\"%s\"} 1\n", AGENDA_VERSION);
}
