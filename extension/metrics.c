/*
 * metrics.c
 *		What shared memory counts about the workers of this database, for agenda.metrics().
 *
 * Each metric is a line of a table that says where its value stands in the slot.  Names and kinds
 * follow Prometheus: counters end in _total and grow since the server's start, durations are seconds, a
 * histogram is rows NAME_bucket with the label "le" (cumulative), NAME_sum and NAME_count.  Where there
 * are several drainers each has rows of its own, with the label "drainer".
 *
 * One copy of the slot is taken under its mutex, all rows are built from that.  Without
 * shared_preload_libraries, or while the database has no workers, there are no rows.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "settings.h"
#include "shmem.h"

#define METRIC_COLUMNS 5

typedef enum MetricType
{
	METRIC_COUNT, /* uint64 that only grows */
	METRIC_INT,
	METRIC_INT64,
	METRIC_UINT64, /* uint64 that may begin anew */
	METRIC_SECONDS,
	METRIC_BOOL,
	METRIC_TIME /* absent when 0 */
} MetricType;

typedef struct Metric
{
	const char *name;
	MetricType type;
	size_t offset; /* in AgendaDrainerInfo or AgendaScannerInfo */
	const char *help;
} Metric;

#define IN_DRAINER(field) offsetof(AgendaDrainerInfo, field)
#define IN_SCANNER(field) offsetof(AgendaScannerInfo, field)

static const Metric drainer_metrics[] = {
	{ "agenda_drainer_reads_total", METRIC_COUNT, IN_DRAINER(reads), "Reads of the log." },
	{ "agenda_drainer_windows_total", METRIC_COUNT, IN_DRAINER(windows),
	  "Windows of the log that are done with." },
	{ "agenda_drainer_events_total", METRIC_COUNT, IN_DRAINER(events),
	  "Events read from the log and done with." },
	{ "agenda_drainer_records_published_total", METRIC_COUNT, IN_DRAINER(published),
	  "Records acknowledged by the broker." },
	{ "agenda_drainer_records_dead_total", METRIC_COUNT, IN_DRAINER(dead),
	  "Records set aside because the broker refuses them for good." },
	{ "agenda_drainer_records_blocked_total", METRIC_COUNT, IN_DRAINER(waiting_for_key),
	  "Records set aside behind an earlier one of their key." },
	{ "agenda_drainer_records_redriven_total", METRIC_COUNT, IN_DRAINER(redriven),
	  "Dead letters that have been delivered at last." },
	{ "agenda_drainer_rewinds_total", METRIC_COUNT, IN_DRAINER(rewinds),
	  "Times that records had to be sent again." },
	{ "agenda_drainer_producer_resets_total", METRIC_COUNT, IN_DRAINER(resets),
	  "Producers made anew after a failure." },
	{ "agenda_drainer_windows_in_flight", METRIC_INT, IN_DRAINER(windows_in_flight),
	  "Windows of which not everything is settled." },
	{ "agenda_drainer_records_in_flight", METRIC_INT, IN_DRAINER(records_in_flight),
	  "Records with the publisher, not yet acknowledged." },
	{ "agenda_drainer_window_bytes", METRIC_INT64, IN_DRAINER(window_bytes),
	  "Memory of the windows in flight." },
	{ "agenda_drainer_in_flight_bytes", METRIC_INT64, IN_DRAINER(in_flight_bytes),
	  "Memory of the records in flight, estimated." },
	{ "agenda_drainer_blocked_keys", METRIC_INT, IN_DRAINER(blocked_keys),
	  "Keys that wait for a dead letter." },
	{ "agenda_drainer_halted", METRIC_BOOL, IN_DRAINER(halted),
	  "1 while a refused record halts everything." },
	{ "agenda_drainer_last_tick_timestamp_seconds", METRIC_TIME, IN_DRAINER(last_tick),
	  "When the position in the log was last stored." },
	{ "agenda_publisher_brokers_up", METRIC_INT, IN_DRAINER(brokers_up),
	  "Brokers that the publisher is connected to." },
	{ "agenda_publisher_brokers_down", METRIC_INT, IN_DRAINER(brokers_down),
	  "Brokers that it knows and is not connected to." },
	{ "agenda_publisher_queue_records", METRIC_INT64, IN_DRAINER(queued_records),
	  "Records in the publisher's queues." },
	{ "agenda_publisher_queue_bytes", METRIC_INT64, IN_DRAINER(queued_bytes),
	  "Their keys and values." },
	{ "agenda_publisher_round_trip_seconds", METRIC_SECONDS, IN_DRAINER(round_trip),
	  "Median round trip to the slowest broker in the last five seconds." },
	{ "agenda_publisher_requests", METRIC_UINT64, IN_DRAINER(requests),
	  "Requests sent by the present producer." },
	{ "agenda_publisher_request_errors", METRIC_UINT64, IN_DRAINER(request_errors),
	  "Of these, failed or timed out." },
	{ "agenda_publisher_largest_record_bytes", METRIC_INT64, IN_DRAINER(largest_record),
	  "The largest record that the publisher takes." },
};

static const Metric scanner_metrics[] = {
	{ "agenda_scanner_scans_total", METRIC_COUNT, IN_SCANNER(scans), "Scans for timers." },
	{ "agenda_scanner_sweeps_total", METRIC_COUNT, IN_SCANNER(sweeps),
	  "Scans that looked at everything." },
	{ "agenda_scanner_raised_total", METRIC_COUNT, IN_SCANNER(raised), "Timers raised." },
	{ "agenda_scanner_last_scan_timestamp_seconds", METRIC_TIME, IN_SCANNER(last_scan),
	  "When the last scan was." },
};

static const char *const publisher_states[] = { "stopped", "connecting", "ok", "down", "fatal" };

static const char *number_label(AgendaWorkerKind kind, int index);
static char *join_labels(const char *label, const char *drainer);
static void put_drainer(ReturnSetInfo *result, const AgendaDrainerInfo *info, const char *drainer);
static void put_metric(ReturnSetInfo *result, const Metric *metric, const void *info,
					   const char *drainer);
static void put_workers(ReturnSetInfo *result, const AgendaSlot *slot);
static void put_publisher_state(ReturnSetInfo *result, const AgendaDrainerInfo *info,
								const char *drainer);
static void put_histogram(ReturnSetInfo *result, const char *name, const AgendaHistogram *histogram,
						  const char *help, const char *drainer);
static void put_row(ReturnSetInfo *result, const char *name, const char *labels, double value,
					const char *kind, const char *help);

PG_FUNCTION_INFO_V1(agenda_worker_metrics);

/* agenda._worker_metrics() → rows (name, labels, value, kind, help) */
Datum
agenda_worker_metrics(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int slot_no = agenda_slot_find(MyDatabaseId);
	AgendaSlot *slot;
	AgendaSlot copy;

	InitMaterializedSRF(fcinfo, 0);
	if (slot_no == AGENDA_NO_SLOT)
		return (Datum) 0;
	slot = &agenda_shared->slots[slot_no];
	SpinLockAcquire(&slot->mutex);
	memcpy(&copy, slot, sizeof(copy));
	SpinLockRelease(&slot->mutex);

	put_workers(result, &copy);
	put_row(result, "agenda_log_events_total", "{}",
			(double) (copy.written.events - agenda_backlog_begin.events), "counter",
			"Events committed, those of savepoints that were rolled back included.");
	for (int d = 0; d < agenda_drainers; d++)
		put_drainer(result, &copy.drainer[d], number_label(AGENDA_DRAINER, d));
	for (int i = 0; i < lengthof(scanner_metrics); i++)
		put_metric(result, &scanner_metrics[i], &copy.scanner, "");
	return (Datum) 0;
}

/* What tells several of a kind apart; nothing where there is one. */
static const char *
number_label(AgendaWorkerKind kind, int index)
{
	const char *label = kind == AGENDA_DRAINER ? "drainer" : "scanner";

	return agenda_kind_count(kind) > 1 ? psprintf("\"%s\": \"%d\"", label, index) : "";
}

/* As an object; both may be empty. */
static char *
join_labels(const char *label, const char *drainer)
{
	return psprintf("{%s%s%s}", label, label[0] != '\0' && drainer[0] != '\0' ? ", " : "", drainer);
}

static void
put_drainer(ReturnSetInfo *result, const AgendaDrainerInfo *info, const char *drainer)
{
	for (int i = 0; i < lengthof(drainer_metrics); i++)
		put_metric(result, &drainer_metrics[i], info, drainer);
	put_publisher_state(result, info, drainer);
	put_histogram(result, "agenda_drainer_read_seconds", &info->until_read,
				  "Time from a commit to the read of its events.", drainer);
	put_histogram(result, "agenda_publish_seconds", &info->seconds,
				  "Time from a commit to the acknowledgement of its records.", drainer);
}

static void
put_metric(ReturnSetInfo *result, const Metric *metric, const void *info, const char *drainer)
{
	const char *field = (const char *) info + metric->offset;
	double value = 0;

	switch (metric->type)
	{
		case METRIC_COUNT:
		case METRIC_UINT64:
			value = (double) *(const uint64 *) field;
			break;
		case METRIC_INT:
			value = *(const int *) field;
			break;
		case METRIC_INT64:
			value = (double) *(const int64 *) field;
			break;
		case METRIC_SECONDS:
			value = *(const double *) field;
			break;
		case METRIC_BOOL:
			value = *(const bool *) field;
			break;
		case METRIC_TIME:
			if (*(const TimestampTz *) field == 0)
				return;
			value = (double) *(const TimestampTz *) field / USECS_PER_SEC +
					(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (double) SECS_PER_DAY;
			break;
	}
	put_row(result, metric->name, join_labels("", drainer), value,
			metric->type == METRIC_COUNT ? "counter" : "gauge", metric->help);
}

static void
put_workers(ReturnSetInfo *result, const AgendaSlot *slot)
{
	static const char *const names[] = { [AGENDA_SCANNER] = "\"worker\": \"scanner\"",
										 [AGENDA_DELIVERER] = "\"worker\": \"deliverer\"",
										 [AGENDA_DRAINER] = "\"worker\": \"drainer\"",
										 [AGENDA_EXTRA_SCANNER] = "\"worker\": \"extra scanner\"" };

	for (int w = 0; w < agenda_n_workers(); w++)
	{
		const AgendaWorkerInfo *worker = &slot->worker[w];
		char *labels = join_labels(names[agenda_worker_kind(w)],
								   number_label(agenda_worker_kind(w), agenda_worker_index(w)));

		if (w == AGENDA_DELIVERER && !agenda_delivery)
			continue;
		put_row(result, "agenda_worker_up", labels, worker->pid != 0, "gauge",
				"1 while the worker runs.");
		put_row(result, "agenda_worker_starts_total", labels, (double) worker->generation,
				"counter", "Times that the worker was started.");
		put_row(result, "agenda_worker_wakeups_total", labels, (double) worker->wakeups, "counter",
				"Times that the worker stopped waiting.");
		if (worker->heartbeat != 0)
			put_row(result, "agenda_worker_heartbeat_age_seconds", labels,
					Max(GetCurrentTimestamp() - worker->heartbeat, 0) / (double) USECS_PER_SEC,
					"gauge", "Time since the worker last went round its loop.");
	}
}

/* One row per state, of which one is 1. */
static void
put_publisher_state(ReturnSetInfo *result, const AgendaDrainerInfo *info, const char *drainer)
{
	if (info->publisher_state[0] == '\0')
		return;
	for (int i = 0; i < lengthof(publisher_states); i++)
	{
		char *label = psprintf("\"state\": \"%s\"", publisher_states[i]);

		put_row(result, "agenda_publisher_state", join_labels(label, drainer),
				strcmp(info->publisher_state, publisher_states[i]) == 0, "gauge",
				"1 for the state that the publisher is in.");
	}
}

static void
put_histogram(ReturnSetInfo *result, const char *name, const AgendaHistogram *histogram,
			  const char *help, const char *drainer)
{
	uint64 count = 0;

	for (int i = 0; i < AGENDA_HISTOGRAM_BUCKETS; i++)
	{
		const char *label = i < AGENDA_HISTOGRAM_BUCKETS - 1
								? psprintf("\"le\": \"%g\"", agenda_histogram_bounds[i])
								: "\"le\": \"+Inf\"";

		count += histogram->bucket[i];
		put_row(result, psprintf("%s_bucket", name), join_labels(label, drainer), (double) count,
				"histogram", help);
	}
	put_row(result, psprintf("%s_sum", name), join_labels("", drainer), histogram->sum, "histogram",
			help);
	put_row(result, psprintf("%s_count", name), join_labels("", drainer), (double) count,
			"histogram", help);
}

static void
put_row(ReturnSetInfo *result, const char *name, const char *labels, double value, const char *kind,
		const char *help)
{
	Datum values[METRIC_COLUMNS] = { CStringGetTextDatum(name),
									 DirectFunctionCall1(jsonb_in, CStringGetDatum(labels)),
									 Float8GetDatum(value), CStringGetTextDatum(kind),
									 CStringGetTextDatum(help) };
	bool nulls[METRIC_COLUMNS] = { false };

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
