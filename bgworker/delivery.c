/*
 * delivery.c
 *		Handing the records of a window to the publisher until every one of them is settled.
 *
 * Records are offered in the order of the log; a publisher keeps the order of records of one key.
 * What can happen to a record, and what follows:
 *
 *	acknowledged		settled
 *	refused by publish()	it can never be sent: dead letter
 *	not delivered, permanent	a broker refuses whole batches, so this may be the fault of another
 *						record: when no report is outstanding any more, go back to the first
 *						record that isn't settled and send the refused ones again, each alone;
 *						what is refused alone is a dead letter
 *	not delivered otherwise, or the publisher is broken
 *						there is a gap: reset the publisher and go back, after a pause that grows
 *						to one second, for as long as it takes; the first record goes alone, so
 *						that the others aren't repeated as long as it fails
 *
 * Going back means that everything behind the first unsettled record is sent again, acknowledged
 * or not: consumers may see an event twice (with the same id), but never an older one of a key as
 * the last.
 *
 * Memory: the envelope's buffers live in a context of their own and are reused; what else a build
 * allocates goes with the window.  Errors: writing a dead letter may fail, and is tried again
 * after a pause; an event that cannot be put into an envelope is doomed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "delivery.h"
#include "worker.h"

#define PAUSE_MOST_MS 1000
/* how long to wait for a report before the publisher's state is looked at again */
#define REPORT_WAIT_MS 1000
/* how long to wait before a record is offered again that found the queue full */
#define FULL_WAIT_MS 50

static AgendaEnvelope envelope;
static MemoryContext envelope_context = NULL;

static void take_reports(AgendaWindow *window, const AgendaPublisher *publisher,
						 AgendaDeliveryCounts *counts);
static void take_report(AgendaWindow *window, const AgendaReport *report,
						AgendaDeliveryCounts *counts);
static bool bury_doomed(AgendaWindow *window, AgendaDeliveryCounts *counts);
static void close_gap(AgendaWindow *window, const AgendaPublisher *publisher);
static void go_back(AgendaWindow *window, bool probe);
static bool offer_records(AgendaWindow *window, const AgendaPublisher *publisher);
static AgendaPublishResult offer_record(AgendaWindow *window, const AgendaPublisher *publisher,
										int slot, const char **error);
static bool fill_envelope(AgendaWindow *window, const AgendaEvent *event, const char **error);
static void build_envelope(const AgendaEvent *event);
static void move_to(AgendaWindow *window, AgendaDelivery *delivery, AgendaDeliveryState state);
static void doom(AgendaWindow *window, AgendaDelivery *delivery, const char *reason);
static void note_gap(AgendaWindow *window, const char *error);
static void pause_window(AgendaWindow *window);
static bool settled(const AgendaWindow *window);

void
agenda_delivery_init(const char *cluster, const char *database)
{
	MemoryContext old;

	if (envelope_context != NULL)
		MemoryContextDelete(envelope_context);
	envelope_context =
		AllocSetContextCreate(TopMemoryContext, "pg_agenda envelope", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(envelope_context);
	agenda_envelope_init(&envelope, cluster, database);
	MemoryContextSwitchTo(old);
}

long
agenda_delivery_step(AgendaWindow *window, const AgendaPublisher *publisher, bool offer,
					 AgendaDeliveryCounts *counts)
{
	for (;;)
	{
		const char *error;
		long pause_ms;
		bool full;

		take_reports(window, publisher, counts);
		if (strcmp(publisher->state(&error), "fatal") == 0)
			note_gap(window, error);
		pause_ms = agenda_worker_time_left(window->retry_at, PAUSE_MOST_MS);
		if (pause_ms > 0)
			return pause_ms;

		if (!bury_doomed(window, counts))
		{
			pause_window(window);
			continue;
		}
		if (window->gap || (window->refused && window->n_in_state[AGENDA_DELIVERY_SENT] == 0))
		{
			counts->rewinds++;
			close_gap(window, publisher);
		}
		if (settled(window))
			return 0;
		if (!offer || window->refused)
			return REPORT_WAIT_MS;

		full = offer_records(window, publisher);
		if (!window->gap && window->n_in_state[AGENDA_DELIVERY_DOOMED] == 0)
			return full ? FULL_WAIT_MS : REPORT_WAIT_MS;
	}
}

static void
take_reports(AgendaWindow *window, const AgendaPublisher *publisher, AgendaDeliveryCounts *counts)
{
	AgendaReport report;

	while (publisher->poll(&report))
		take_report(window, &report, counts);
}

static void
take_report(AgendaWindow *window, const AgendaReport *report, AgendaDeliveryCounts *counts)
{
	AgendaDelivery *delivery;

	if (report->slot >= window->n_deliveries)
		elog(ERROR, "report for unknown record %u", report->slot);
	delivery = &window->deliveries[report->slot];
	if (delivery->state != AGENDA_DELIVERY_SENT)
		elog(ERROR, "unexpected report for record %u", report->slot);

	if (report->delivered)
	{
		counts->published++;
		move_to(window, delivery, AGENDA_DELIVERY_DONE);
	}
	else if (report->permanent && delivery->alone)
		doom(window, delivery, report->error);
	else
	{
		move_to(window, delivery, AGENDA_DELIVERY_WAITING);
		if (report->permanent)
			window->refused = delivery->alone = true;
		else
			note_gap(window, report->error);
	}
}

/* Writes doomed deliveries to the dead letters; false when that failed. */
static bool
bury_doomed(AgendaWindow *window, AgendaDeliveryCounts *counts)
{
	for (int i = 0; window->n_in_state[AGENDA_DELIVERY_DOOMED] > 0; i++)
	{
		AgendaDelivery *delivery = &window->deliveries[i];

		Assert(i < window->n_deliveries);
		if (delivery->state != AGENDA_DELIVERY_DOOMED)
			continue;
		if (!agenda_window_bury(delivery))
			return false;
		move_to(window, delivery, AGENDA_DELIVERY_DEAD);
		counts->dead++;
	}
	return true;
}

/* Goes back after failures; all reports that will ever come are in, or the rest is dropped here. */
static void
close_gap(AgendaWindow *window, const AgendaPublisher *publisher)
{
	bool gap = window->gap;

	if (gap)
		publisher->reset();
	go_back(window, gap);
	window->gap = window->refused = false;
}

static void
go_back(AgendaWindow *window, bool probe)
{
	int first = window->n_deliveries;

	for (int i = 0; i < window->n_deliveries; i++)
	{
		AgendaDelivery *delivery = &window->deliveries[i];

		if (delivery->state == AGENDA_DELIVERY_DEAD ||
			(delivery->state == AGENDA_DELIVERY_DONE && i < first))
			continue;
		first = Min(first, i);
		move_to(window, delivery, AGENDA_DELIVERY_WAITING);
	}
	window->next = first;
	if (probe && first < window->n_deliveries)
		window->deliveries[first].alone = true;
}

/* True when the publisher could not take all of them. */
static bool
offer_records(AgendaWindow *window, const AgendaPublisher *publisher)
{
	if (window->next > 0 && window->deliveries[window->next - 1].alone &&
		window->n_in_state[AGENDA_DELIVERY_SENT] > 0)
		return false; /* it still is alone */

	for (; window->next < window->n_deliveries; window->next++)
	{
		AgendaDelivery *delivery = &window->deliveries[window->next];
		const char *error = NULL;

		if (delivery->state != AGENDA_DELIVERY_WAITING)
			continue;
		if (delivery->alone && window->n_in_state[AGENDA_DELIVERY_SENT] > 0)
			return false;

		switch (offer_record(window, publisher, window->next, &error))
		{
			case AGENDA_PUBLISH_TAKEN:
				move_to(window, delivery, AGENDA_DELIVERY_SENT);
				if (delivery->alone)
				{
					window->next++;
					return false;
				}
				break;
			case AGENDA_PUBLISH_FULL:
				return true;
			case AGENDA_PUBLISH_REFUSED:
				doom(window, delivery, error);
				break;
			case AGENDA_PUBLISH_BROKEN:
				note_gap(window, error);
				return false;
		}
	}
	return false;
}

static AgendaPublishResult
offer_record(AgendaWindow *window, const AgendaPublisher *publisher, int slot, const char **error)
{
	AgendaDelivery *delivery = &window->deliveries[slot];
	AgendaRecord record;

	if (!fill_envelope(window, delivery->event, error))
		return AGENDA_PUBLISH_REFUSED;
	record.topic = delivery->topic;
	record.key = delivery->event->key;
	record.value = envelope.value.data;
	record.value_len = envelope.value.len;
	record.headers = envelope.headers;
	record.n_headers = envelope.n_headers;
	record.slot = slot;
	delivery->attempts++;
	return publisher->publish(&record, error);
}

/* An event with several topics is put into the envelope once.  False: it can't be. */
static bool
fill_envelope(AgendaWindow *window, const AgendaEvent *event, const char **error)
{
	MemoryContext old;
	volatile bool ok = true;

	if (window->in_envelope == event)
		return true;
	window->in_envelope = NULL;
	old = MemoryContextSwitchTo(window->context);
	PG_TRY();
	{
		build_envelope(event);
	}
	PG_CATCH();
	{
		ErrorData *failure;

		if (geterrcode() == ERRCODE_OUT_OF_MEMORY)
			PG_RE_THROW(); /* not the event's fault */
		MemoryContextSwitchTo(window->context);
		failure = CopyErrorData();
		FlushErrorState();
		if (IsTransactionState())
			AbortCurrentTransaction();
		*error = failure->message;
		ok = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);

	if (ok)
		window->in_envelope = event;
	return ok;
}

/*
 * In a database that isn't UTF-8 the text has to be converted, which needs a transaction to look up
 * the conversion in.
 */
static void
build_envelope(const AgendaEvent *event)
{
	MemoryContext context = CurrentMemoryContext;

	if (GetDatabaseEncoding() == PG_UTF8)
	{
		agenda_envelope_build(&envelope, event);
		return;
	}
	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	agenda_envelope_build(&envelope, event);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}

/* The only place that changes the state of a delivery. */
static void
move_to(AgendaWindow *window, AgendaDelivery *delivery, AgendaDeliveryState state)
{
	Assert(delivery->state != AGENDA_DELIVERY_DEAD);
	Assert(state != AGENDA_DELIVERY_SENT || delivery->state == AGENDA_DELIVERY_WAITING);
	Assert(state != AGENDA_DELIVERY_DONE || delivery->state == AGENDA_DELIVERY_SENT);
	Assert(state != AGENDA_DELIVERY_DEAD || delivery->state == AGENDA_DELIVERY_DOOMED);

	window->n_in_state[delivery->state]--;
	window->n_in_state[state]++;
	delivery->state = state;
}

static void
doom(AgendaWindow *window, AgendaDelivery *delivery, const char *reason)
{
	delivery->reason = MemoryContextStrdup(window->context, reason);
	move_to(window, delivery, AGENDA_DELIVERY_DOOMED);
	agenda_worker_note_error(reason);
}

/* What is in flight behind a gap may be delivered or not; all of it will be sent again. */
static void
note_gap(AgendaWindow *window, const char *error)
{
	agenda_worker_note_error(error ? error : "the publisher has failed");
	if (window->gap)
		return;
	window->gap = true;
	pause_window(window);
}

static void
pause_window(AgendaWindow *window)
{
	long pause_ms = agenda_worker_backoff(window->failures++, PAUSE_MOST_MS);

	window->retry_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause_ms);
}

static bool
settled(const AgendaWindow *window)
{
	return window->n_in_state[AGENDA_DELIVERY_DONE] + window->n_in_state[AGENDA_DELIVERY_DEAD] ==
		   window->n_deliveries;
}
