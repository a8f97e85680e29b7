/*
 * metrics.h
 *	  Counters, one set per worker, summed when somebody asks.
 */
#ifndef AGENDA_GW_METRICS_H
#define AGENDA_GW_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "router.h"
#include "strbuf.h"

#define METRIC_STATUSES      25 /* known status codes and "other" */
#define METRIC_BUCKETS       14 /* latency */
#define METRIC_BATCH_BUCKETS 8  /* 1, 2, 4 ... 64, more */
#define METRIC_NO_ROUTE      N_ROUTES

typedef _Atomic uint64_t counter;

struct metrics
{
	counter requests[N_ROUTES + 1][METRIC_STATUSES];
	counter latency[N_ROUTES + 1][METRIC_BUCKETS];
	counter latency_sum[N_ROUTES + 1]; /* us */
	counter in_flight;
	counter connections;
	counter db_ready; /* usable database connections */
	counter db_connects;
	counter db_losses;
	counter db_queued;
	counter batches[2][METRIC_BATCH_BUCKETS]; /* reads, writes */
	counter batch_calls[2];
	counter batch_failures[2];
	counter outcome_unknown;
	counter refused_overload;
	counter rate_limited;
	counter streams;
	counter stream_events;
	counter stream_cuts;
	counter token_hits;
	counter token_misses;
	counter deadline_closes;
};

/* Each set has one writer, its worker: a plain add of a relaxed load, no locked instruction. */
static inline void
count_add(counter *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
						  memory_order_relaxed);
}

static inline void
count_set(counter *c, uint64_t n)
{
	atomic_store_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t
count_get(counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

extern void metrics_request(struct metrics *m, int route, unsigned int status, uint64_t micros);
extern void metrics_batch(struct metrics *m, bool write, int size);
extern void metrics_render(struct strbuf *out, struct metrics *const *all, int n);

#endif
