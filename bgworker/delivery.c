/*
 * delivery.c
 *		Handing the records of several windows to the publisher until every one of them is settled.
 *
 * The windows of the flow are one long list of records, numbered as they come and offered in the
 * order of the log; a publisher keeps the order of records of one key.  What can happen to a record,
 * and what follows:
 *
 *	acknowledged		settled
 *	refused by publish()	it can never be sent: doomed
 *	not delivered, permanent	a broker refuses whole batches, so this may be the fault of another
 *						record: when no report is outstanding any more, go back and send the
 *						refused ones again, each alone; what is refused alone is doomed
 *	not delivered otherwise, or the publisher is broken
 *						there is a gap: reset the publisher and go back, after a pause that grows
 *						to one second, for as long as it takes; the first record goes alone, so
 *						that the others aren't repeated as long as it fails
 *
 * Going back starts at the first record of the flow, over all windows, that isn't settled.  Behind
 * it everything without an acknowledgement is sent again, and so is what was acknowledged of the
 * keys that are concerned: consumers may see an event twice (with the same id), but never an older
 * one of a key as the last.
 *
 * A doomed record is written to the dead letters, and a copy of it goes to their topic if there is
 * one.  Its topic's policy says what happens to the others: "block_key" dooms the later ones of its
 * key when their turn comes, without sending them, as long as there are letters of that key; under
 * "halt" it is not set aside but tried again, alone, with pauses up to ten seconds.
 *
 * Memory: the envelope's buffers live in a context of their own and are reused; what else a build
 * allocates goes with the window.  What records take in the publisher is reckoned (in_flight) and
 * bounded by half of agenda.drainer_memory.  Errors: writing a dead letter may fail, and is tried
 * again after a pause; an event that cannot be put into an envelope is doomed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "dead_letters.h"
#include "delivery.h"
#include "errcodes.h"
#include "settings.h"
#include "worker.h"

#define PAUSE_MOST_MS      1000
#define HALT_PAUSE_MOST_MS 10000
/* how long to wait for a report before the publisher's state is looked at again */
#define REPORT_WAIT_MS 1000
/* how long to wait before a record is offered again that found the queue full */
#define FULL_WAIT_MS 50
/* records that are offered, and letters that are written, before interrupts are looked at */
#define OFFER_AT_ONCE 1000
#define BURY_AT_ONCE  1000
#define DOOM_AT_ONCE  64
/* what a record and a header of it take in the publisher besides their text */
#define RECORD_OVERHEAD 320
#define HEADER_OVERHEAD 96

typedef enum OfferResult
{
	OFFERED_ALL,  /* what can be offered now */
	OFFERED_FULL, /* the publisher has no room */
	OFFERED_SOME  /* there are more */
} OfferResult;

static AgendaEnvelope envelope;
static MemoryContext envelope_context = NULL;

static AgendaWindow *window_of(const AgendaFlow *flow, uint64 number);
static AgendaDelivery *delivery_of(const AgendaFlow *flow, uint64 number);
static void take_reports(AgendaFlow *flow, const AgendaPublisher *publisher,
						 AgendaDeliveryCounts *counts);
static void take_report(AgendaFlow *flow, const AgendaReport *report, TimestampTz now,
						AgendaDeliveryCounts *counts);
static void take_acknowledgement(AgendaFlow *flow, uint64 number, TimestampTz now,
								 AgendaDeliveryCounts *counts);
static bool bury_doomed(AgendaFlow *flow, AgendaDeliveryCounts *counts);
static int collect_doomed(const AgendaFlow *flow, uint64 *numbers, AgendaDelivery **doomed);
static void apply_verdict(AgendaFlow *flow, uint64 number, AgendaVerdict verdict,
						  AgendaDeliveryCounts *counts);
static void halt(AgendaFlow *flow, AgendaDelivery *delivery);
static void close_gap(AgendaFlow *flow, const AgendaPublisher *publisher,
					  AgendaDeliveryCounts *counts);
static void go_back(AgendaFlow *flow, bool probe);
static HTAB *create_key_set(void);
static OfferResult offer_records(AgendaFlow *flow, const AgendaPublisher *publisher);
static bool is_among(const uint64 *hashes, int n, uint64 hash);
static bool must_wait_alone(const AgendaFlow *flow, const AgendaDelivery *delivery);
static AgendaPublishResult offer_record(AgendaFlow *flow, const AgendaPublisher *publisher,
										uint64 number, const char **error);
static uint32 record_size(const AgendaRecord *record);
static bool fill_envelope(AgendaFlow *flow, uint64 number, const char **error);
static void build_envelope(const AgendaDelivery *delivery);
static void move_to(AgendaFlow *flow, uint64 number, AgendaDeliveryState state);
static void doom(AgendaFlow *flow, uint64 number, const char *reason);
static void note_gap(AgendaFlow *flow, const char *error);
static void pause_flow(AgendaFlow *flow, long pause_ms);

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

/* ---- the flow ------------------------------------------------------------------------------ */

void
agenda_flow_add(AgendaFlow *flow, AgendaWindow *window)
{
	Assert(flow->n_windows < AGENDA_FLOW_WINDOWS);
	window->first = flow->next_number;
	flow->next_number += window->n_deliveries;
	flow->n_in_state[AGENDA_DELIVERY_WAITING] += window->n_deliveries;
	flow->bytes += window->bytes;
	flow->windows[flow->n_windows++] = window;
}

AgendaWindow *
agenda_flow_take_settled(AgendaFlow *flow)
{
	AgendaWindow *window = flow->windows[0];

	if (flow->n_windows == 0 || window->n_settled < window->n_deliveries)
		return NULL;
	for (int i = 0; i < window->n_deliveries; i++)
		flow->n_in_state[window->deliveries[i].state]--;
	flow->bytes -= window->bytes;
	flow->n_windows--;
	memmove(flow->windows, flow->windows + 1, flow->n_windows * sizeof(flow->windows[0]));
	flow->in_envelope = NULL;
	return window;
}

void
agenda_flow_clear(AgendaFlow *flow)
{
	uint64 next_number = flow->next_number;

	for (int i = 0; i < flow->n_windows; i++)
		agenda_window_free(flow->windows[i]);
	/* a number is never used twice */
	memset(flow, 0, sizeof(*flow));
	flow->next_number = flow->next = next_number;
}

/* NULL for a number that belongs to no window (any more). */
static AgendaWindow *
window_of(const AgendaFlow *flow, uint64 number)
{
	for (int i = flow->n_windows - 1; i >= 0; i--)
	{
		AgendaWindow *window = flow->windows[i];

		if (number >= window->first)
			return number < window->first + window->n_deliveries ? window : NULL;
	}
	return NULL;
}

static AgendaDelivery *
delivery_of(const AgendaFlow *flow, uint64 number)
{
	AgendaWindow *window = window_of(flow, number);

	return window ? &window->deliveries[number - window->first] : NULL;
}

/* ---- one step ------------------------------------------------------------------------------ */

long
agenda_delivery_step(AgendaFlow *flow, const AgendaPublisher *publisher, bool offer,
					 AgendaDeliveryCounts *counts)
{
	for (;;)
	{
		const char *error;
		long pause_ms;
		OfferResult offered;

		take_reports(flow, publisher, counts);
		if (strcmp(publisher->state(&error), "fatal") == 0)
			note_gap(flow, error);
		pause_ms = agenda_worker_time_left(flow->retry_at, HALT_PAUSE_MOST_MS);
		if (pause_ms > 0)
			return pause_ms;

		flow->unwritten = !bury_doomed(flow, counts);
		if (flow->unwritten)
		{
			pause_flow(flow, agenda_worker_backoff(flow->failures++, PAUSE_MOST_MS));
			continue;
		}
		if (agenda_worker_time_left(flow->retry_at, HALT_PAUSE_MOST_MS) > 0)
			continue;
		if (flow->gap || (flow->refused && flow->n_in_state[AGENDA_DELIVERY_SENT] == 0))
			close_gap(flow, publisher, counts);
		if (!offer || flow->refused)
			return REPORT_WAIT_MS;

		offered = offer_records(flow, publisher);
		if (flow->gap || flow->n_in_state[AGENDA_DELIVERY_DOOMED] > 0)
			continue;
		switch (offered)
		{
			case OFFERED_ALL:
				return REPORT_WAIT_MS;
			case OFFERED_FULL:
				return FULL_WAIT_MS;
			case OFFERED_SOME:
				return 0;
		}
	}
}

/* ---- reports ------------------------------------------------------------------------------- */

static void
take_reports(AgendaFlow *flow, const AgendaPublisher *publisher, AgendaDeliveryCounts *counts)
{
	AgendaReport report;
	TimestampTz now = 0;

	while (publisher->poll(&report))
	{
		if (now == 0)
			now = GetCurrentTimestamp();
		take_report(flow, &report, now, counts);
	}
}

static void
take_report(AgendaFlow *flow, const AgendaReport *report, TimestampTz now,
			AgendaDeliveryCounts *counts)
{
	AgendaDelivery *delivery = delivery_of(flow, report->number);

	if (delivery == NULL || delivery->state != AGENDA_DELIVERY_SENT)
		elog(ERROR, "unexpected report for record " UINT64_FORMAT, report->number);

	if (report->delivered)
		take_acknowledgement(flow, report->number, now, counts);
	else if (report->permanent && delivery->alone)
		doom(flow, report->number, report->error);
	else
	{
		move_to(flow, report->number, AGENDA_DELIVERY_WAITING);
		if (report->permanent)
			flow->refused = delivery->alone = true;
		else
			note_gap(flow, report->error);
	}
}

static void
take_acknowledgement(AgendaFlow *flow, uint64 number, TimestampTz now, AgendaDeliveryCounts *counts)
{
	AgendaDelivery *delivery = delivery_of(flow, number);

	flow->failures = 0;
	/* a halt ends with the record that is sent alone, not with a late report of another one */
	if (delivery->alone)
		flow->halts = 0;
	if (delivery->is_copy)
	{
		move_to(flow, number, AGENDA_DELIVERY_DEAD);
		return;
	}
	counts->published++;
	if (delivery->event->committed_at != 0)
		agenda_histogram_add(&counts->seconds, now - delivery->event->committed_at);
	move_to(flow, number, AGENDA_DELIVERY_DONE);
}

/* ---- dead letters -------------------------------------------------------------------------- */

/* Writes doomed deliveries to the dead letters; false when that failed. */
static bool
bury_doomed(AgendaFlow *flow, AgendaDeliveryCounts *counts)
{
	while (flow->n_in_state[AGENDA_DELIVERY_DOOMED] > 0)
	{
		uint64 numbers[BURY_AT_ONCE];
		AgendaDelivery *doomed[BURY_AT_ONCE];
		AgendaVerdict verdicts[BURY_AT_ONCE];
		int n = collect_doomed(flow, numbers, doomed);

		if (!agenda_letters_bury(doomed, n, verdicts))
			return false;
		for (int i = 0; i < n; i++)
			apply_verdict(flow, numbers[i], verdicts[i], counts);
	}
	return true;
}

static int
collect_doomed(const AgendaFlow *flow, uint64 *numbers, AgendaDelivery **doomed)
{
	int n = 0;

	for (int w = 0; w < flow->n_windows; w++)
	{
		AgendaWindow *window = flow->windows[w];

		for (int i = 0; i < window->n_deliveries && n < BURY_AT_ONCE; i++)
			if (window->deliveries[i].state == AGENDA_DELIVERY_DOOMED)
			{
				numbers[n] = window->first + i;
				doomed[n++] = &window->deliveries[i];
			}
	}
	Assert(n > 0);
	return n;
}

static void
apply_verdict(AgendaFlow *flow, uint64 number, AgendaVerdict verdict, AgendaDeliveryCounts *counts)
{
	AgendaDelivery *delivery = delivery_of(flow, number);

	if (verdict == AGENDA_VERDICT_HALT)
	{
		move_to(flow, number, AGENDA_DELIVERY_WAITING);
		/* later ones of its key may have arrived, if it was not alone */
		flow->refused |= !delivery->alone;
		flow->next = Min(flow->next, number);
		halt(flow, delivery);
		return;
	}
	if (verdict == AGENDA_VERDICT_FREE)
	{
		delivery->waits = false;
		move_to(flow, number, AGENDA_DELIVERY_WAITING);
		flow->next = Min(flow->next, number);
		return;
	}
	flow->halts = 0;
	if (delivery->waits)
		counts->waiting_for_key++;
	else
		counts->dead++;
	if (agenda_dead_letter_topic[0] != '\0' && !delivery->waits && !delivery->is_copy)
	{
		delivery->is_copy = true;
		delivery->alone = false;
		move_to(flow, number, AGENDA_DELIVERY_WAITING);
		flow->next = Min(flow->next, number);
	}
	else
		move_to(flow, number, AGENDA_DELIVERY_DEAD);
}

/* Nothing passes this record until it is delivered or its topic's policy is another one. */
static void
halt(AgendaFlow *flow, AgendaDelivery *delivery)
{
	delivery->alone = true;
	if (flow->halts == 0)
		ereport(WARNING, errcode(ERRCODE_AGENDA_INVALID_STATE),
				errmsg("publishing has halted: topic \"%s\" refuses event %s: %s",
					   delivery->topic->name, delivery->event->id, delivery->reason),
				errhint("Make the broker accept it, or change on_refused of the topic in "
						"agenda.topics."));
	pause_flow(flow, agenda_worker_backoff(flow->halts++, HALT_PAUSE_MOST_MS));
}

/* ---- going back ---------------------------------------------------------------------------- */

/* After failures; all reports that will ever come are in, or the rest is dropped here. */
static void
close_gap(AgendaFlow *flow, const AgendaPublisher *publisher, AgendaDeliveryCounts *counts)
{
	bool gap = flow->gap;

	counts->rewinds++;
	if (gap)
	{
		counts->resets++;
		publisher->reset();
	}
	go_back(flow, gap);
	flow->gap = flow->refused = false;
}

/* See the head of the file; with probe, the first record goes alone. */
static void
go_back(AgendaFlow *flow, bool probe)
{
	HTAB *concerned = create_key_set();

	flow->next = flow->next_number;
	for (int w = 0; w < flow->n_windows; w++)
	{
		AgendaWindow *window = flow->windows[w];

		for (int i = 0; i < window->n_deliveries; i++)
		{
			AgendaDelivery *delivery = &window->deliveries[i];
			bool known;

			if (delivery->state == AGENDA_DELIVERY_DEAD)
				continue;
			hash_search(concerned, &delivery->key_hash,
						delivery->state == AGENDA_DELIVERY_DONE ? HASH_FIND : HASH_ENTER, &known);
			if (delivery->state == AGENDA_DELIVERY_DONE && !known)
				continue;
			move_to(flow, window->first + i, AGENDA_DELIVERY_WAITING);
			if (flow->next == flow->next_number && probe)
				delivery->alone = true;
			flow->next = Min(flow->next, window->first + i);
		}
	}
	hash_destroy(concerned);
}

/* A set of key_hash; a collision costs a repetition. */
static HTAB *
create_key_set(void)
{
	HASHCTL ctl = { .keysize = sizeof(uint64), .entrysize = sizeof(uint64) };

	return hash_create("pg_agenda keys to repeat", 1024, &ctl, HASH_ELEM | HASH_BLOBS);
}

/* ---- offering ------------------------------------------------------------------------------ */

static OfferResult
offer_records(AgendaFlow *flow, const AgendaPublisher *publisher)
{
	uint64 doomed_keys[DOOM_AT_ONCE];
	int n_doomed = 0;
	const AgendaDelivery *last = flow->next > 0 ? delivery_of(flow, flow->next - 1) : NULL;

	if (last != NULL && last->alone && flow->n_in_state[AGENDA_DELIVERY_SENT] > 0)
		return OFFERED_ALL; /* it still is alone */

	for (int offered = 0; flow->next < flow->next_number; flow->next++)
	{
		AgendaDelivery *delivery = delivery_of(flow, flow->next);
		const char *error = NULL;

		/* what lies between windows has been settled and is gone */
		if (delivery == NULL || delivery->state != AGENDA_DELIVERY_WAITING)
			continue;
		if (must_wait_alone(flow, delivery))
			return OFFERED_ALL;
		if (offered++ == OFFER_AT_ONCE)
			return OFFERED_SOME;
		if (n_doomed == DOOM_AT_ONCE || is_among(doomed_keys, n_doomed, delivery->key_hash))
			return OFFERED_ALL; /* policies decide first */
		if (!delivery->is_copy && agenda_letters_blocked(delivery))
		{
			delivery->waits = true;
			doom(flow, flow->next, "waits for an earlier record of its key");
			continue;
		}
		if (flow->in_flight >= (Size) agenda_drainer_memory * 1024 / 2)
			return OFFERED_FULL;

		switch (offer_record(flow, publisher, flow->next, &error))
		{
			case AGENDA_PUBLISH_TAKEN:
				move_to(flow, flow->next, AGENDA_DELIVERY_SENT);
				if (delivery->alone)
				{
					flow->next++;
					return OFFERED_ALL;
				}
				break;
			case AGENDA_PUBLISH_FULL:
				return OFFERED_FULL;
			case AGENDA_PUBLISH_REFUSED:
				doom(flow, flow->next, error);
				doomed_keys[n_doomed++] = delivery->key_hash;
				break;
			case AGENDA_PUBLISH_BROKEN:
				note_gap(flow, error);
				return OFFERED_ALL;
		}
	}
	return OFFERED_ALL;
}

static bool
is_among(const uint64 *hashes, int n, uint64 hash)
{
	for (int i = 0; i < n; i++)
		if (hashes[i] == hash)
			return true;
	return false;
}

static bool
must_wait_alone(const AgendaFlow *flow, const AgendaDelivery *delivery)
{
	return delivery->alone && flow->n_in_state[AGENDA_DELIVERY_SENT] > 0;
}

static AgendaPublishResult
offer_record(AgendaFlow *flow, const AgendaPublisher *publisher, uint64 number, const char **error)
{
	AgendaDelivery *delivery = delivery_of(flow, number);
	AgendaPublishResult result;
	AgendaRecord record;

	if (!fill_envelope(flow, number, error))
		return AGENDA_PUBLISH_REFUSED;
	record.topic = delivery->is_copy ? agenda_dead_letter_topic : delivery->topic->name;
	record.key = delivery->event->key;
	record.value = envelope.value.data;
	record.value_len = envelope.value.len;
	record.headers = envelope.headers;
	record.n_headers = envelope.n_headers;
	record.number = number;
	result = publisher->publish(&record, error);
	if (result == AGENDA_PUBLISH_TAKEN || result == AGENDA_PUBLISH_REFUSED)
		delivery->attempts++;
	delivery->in_flight = record_size(&record);
	return result;
}

static uint32
record_size(const AgendaRecord *record)
{
	Size size = RECORD_OVERHEAD + record->value_len + (record->key ? strlen(record->key) : 0);

	for (int i = 0; i < record->n_headers; i++)
		size +=
			HEADER_OVERHEAD + strlen(record->headers[i].name) + strlen(record->headers[i].value);
	return (uint32) size;
}

/* An event with several topics of one mode is put into the envelope once.  False: it can't be. */
static bool
fill_envelope(AgendaFlow *flow, uint64 number, const char **error)
{
	AgendaDelivery *delivery = delivery_of(flow, number);
	MemoryContext volatile context = window_of(flow, number)->context;
	MemoryContext old;
	volatile bool ok = true;

	if (flow->in_envelope == delivery->event && flow->envelope_mode == delivery->topic->mode &&
		!delivery->is_copy)
		return true;
	flow->in_envelope = NULL;
	old = MemoryContextSwitchTo(context);
	PG_TRY();
	{
		build_envelope(delivery);
	}
	PG_CATCH();
	{
		ErrorData *failure;

		if (geterrcode() == ERRCODE_OUT_OF_MEMORY)
			PG_RE_THROW(); /* not the event's fault */
		MemoryContextSwitchTo(context);
		failure = CopyErrorData();
		FlushErrorState();
		if (IsTransactionState())
			AbortCurrentTransaction();
		*error = failure->message;
		ok = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);

	if (ok && !delivery->is_copy)
	{
		flow->in_envelope = delivery->event;
		flow->envelope_mode = delivery->topic->mode;
	}
	return ok;
}

/*
 * In a database that isn't UTF-8 the text has to be converted, which needs a transaction to look up
 * the conversion in.
 */
static void
build_envelope(const AgendaDelivery *delivery)
{
	MemoryContext context = CurrentMemoryContext;

	if (GetDatabaseEncoding() == PG_UTF8)
		agenda_envelope_build(&envelope, delivery->event, delivery->topic->mode);
	else
	{
		StartTransactionCommand();
		MemoryContextSwitchTo(context);
		agenda_envelope_build(&envelope, delivery->event, delivery->topic->mode);
		CommitTransactionCommand();
		MemoryContextSwitchTo(context);
	}
	if (delivery->is_copy)
	{
		agenda_envelope_add_header(&envelope, "x-agenda-topic", delivery->topic->name);
		agenda_envelope_add_header(&envelope, "x-agenda-reason", delivery->reason);
		agenda_envelope_add_header(&envelope, "x-agenda-attempts",
								   psprintf("%d", delivery->attempts));
	}
}

/* ---- states -------------------------------------------------------------------------------- */

/* The only place that changes the state of a delivery. */
static void
move_to(AgendaFlow *flow, uint64 number, AgendaDeliveryState state)
{
	AgendaWindow *window = window_of(flow, number);
	AgendaDelivery *delivery = &window->deliveries[number - window->first];
	AgendaDeliveryState before = delivery->state;

	Assert(before != AGENDA_DELIVERY_DEAD);
	Assert(state != AGENDA_DELIVERY_SENT || before == AGENDA_DELIVERY_WAITING);
	Assert(state != AGENDA_DELIVERY_DONE || before == AGENDA_DELIVERY_SENT);
	Assert(state != AGENDA_DELIVERY_DEAD || before == AGENDA_DELIVERY_DOOMED || delivery->is_copy);

	if (before == AGENDA_DELIVERY_SENT)
		flow->in_flight -= delivery->in_flight;
	if (state == AGENDA_DELIVERY_SENT)
		flow->in_flight += delivery->in_flight;
	if (before == AGENDA_DELIVERY_DONE)
		window->n_settled--;
	if (state == AGENDA_DELIVERY_DONE || state == AGENDA_DELIVERY_DEAD)
		window->n_settled++;
	flow->n_in_state[before]--;
	flow->n_in_state[state]++;
	delivery->state = state;
}

static void
doom(AgendaFlow *flow, uint64 number, const char *reason)
{
	AgendaWindow *window = window_of(flow, number);
	AgendaDelivery *delivery = delivery_of(flow, number);

	/* of a copy the dead letters know already */
	if (delivery->is_copy)
	{
		ereport(LOG, (errmsg("event %s could not be copied to topic \"%s\": %s",
							 delivery->event->id, agenda_dead_letter_topic, reason)));
		move_to(flow, number, AGENDA_DELIVERY_DEAD);
		return;
	}
	delivery->reason = MemoryContextStrdup(window->context, reason);
	move_to(flow, number, AGENDA_DELIVERY_DOOMED);
	if (!delivery->waits)
		agenda_worker_note_error(reason);
}

/* What is in flight behind a gap may be delivered or not; all of it will be sent again. */
static void
note_gap(AgendaFlow *flow, const char *error)
{
	agenda_worker_note_error(error ? error : "the publisher has failed");
	if (flow->gap)
		return;
	flow->gap = true;
	pause_flow(flow, agenda_worker_backoff(flow->failures++, PAUSE_MOST_MS));
}

static void
pause_flow(AgendaFlow *flow, long pause_ms)
{
	flow->retry_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause_ms);
}
