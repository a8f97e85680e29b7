/*
 * envelope.h
 *		Events of the log as Kafka records: CloudEvents 1.0, raw data, or Debezium's form.
 */
#ifndef AGENDA_ENVELOPE_H
#define AGENDA_ENVELOPE_H

#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "publisher.h"

/* What a record looks like; set per topic (agenda.topics). */
typedef enum AgendaMode
{
	AGENDA_MODE_STRUCTURED, /* the value is the CloudEvent, ce_ headers repeat its attributes */
	AGENDA_MODE_BINARY,     /* the value is the data, ce_ headers are the attributes */
	AGENDA_MODE_RAW,        /* the value is the data, nothing beside it */
	AGENDA_MODE_DEBEZIUM    /* as Debezium's outbox event router makes it */
} AgendaMode;

/* One row of the log, in the encoding of the database.  NULL leaves the attribute out. */
typedef struct AgendaEvent
{
	int64 seq;
	int64 replay_of; /* seq of the event that this one repeats; 0: it is none */
	TimestampTz occurred_at;
	TimestampTz
		committed_at;     /* if it isn't known, occurred_at, or 0 where the event is sent again */
	TimestampTz asked_at; /* of a dead letter: when it was asked for; otherwise the epoch, 0 */
	const char *id;       /* uuid */
	const char *type;
	const char *user_id;    /* uuid, may be NULL */
	const char *subject;    /* may be NULL */
	const char *key;        /* may be NULL */
	const char *trace;      /* a W3C traceparent, or any other correlation id; may be NULL */
	const char *request_id; /* correlation id where trace is a traceparent; may be NULL */
	const char *data;       /* JSON, may be NULL */
	int n_headers;          /* of the event's own */
	const AgendaHeader *headers;
	const char *only_topic; /* where it goes, whatever its type's routes are; may be NULL */
	Size size;              /* in memory, about */
} AgendaEvent;

/* Reused from event to event: a build overwrites what the last one made. */
typedef struct AgendaEnvelope
{
	StringInfoData value;  /* the record's value, UTF-8 */
	AgendaHeader *headers; /* the record's headers */
	int n_headers;

	/* private */
	int max_headers;
	StringInfoData source; /* "/cluster/database", percent-encoded */
	StringInfoData text;   /* header values that had to be written, NUL after each */
} AgendaEnvelope;

/* cluster and database make up the attribute source; they are copied. */
extern void agenda_envelope_init(AgendaEnvelope *envelope, const char *cluster,
								 const char *database);
extern void agenda_envelope_build(AgendaEnvelope *envelope, const AgendaEvent *event,
								  AgendaMode mode);

/* One more header for the record that was built last; name and value are not copied. */
extern void agenda_envelope_add_header(AgendaEnvelope *envelope, const char *name,
									   const char *value);

#endif
