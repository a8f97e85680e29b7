/*
 * envelope.h
 *		Events of the log as CloudEvents 1.0 in structured mode.
 */
#ifndef AGENDA_ENVELOPE_H
#define AGENDA_ENVELOPE_H

#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "publisher.h"

/* content-type, twelve ce_ headers, traceparent */
#define AGENDA_ENVELOPE_HEADERS 14

/* One row of the log, in the encoding of the database.  NULL leaves the attribute out. */
typedef struct AgendaEvent
{
	int64 seq;
	int64 replay_of; /* seq of the event that this one repeats; 0: it is none */
	const char *id;  /* uuid */
	const char *type;
	const char *user_id; /* uuid, may be NULL */
	const char *subject; /* may be NULL */
	const char *key;     /* may be NULL */
	TimestampTz occurred_at;
	const char *trace;      /* a W3C traceparent, or any other correlation id; may be NULL */
	const char *request_id; /* correlation id where trace is a traceparent; may be NULL */
	const char *data;       /* JSON, may be NULL */
} AgendaEvent;

/* Reused from event to event: a build overwrites what the last one made. */
typedef struct AgendaEnvelope
{
	StringInfoData value;                          /* the record's value, UTF-8 */
	AgendaHeader headers[AGENDA_ENVELOPE_HEADERS]; /* the record's headers */
	int n_headers;

	/* private */
	StringInfoData source; /* "/cluster/database", percent-encoded */
	StringInfoData text;   /* header values that had to be written, NUL after each */
} AgendaEnvelope;

/* cluster and database make up the attribute source; they are copied. */
extern void agenda_envelope_init(AgendaEnvelope *envelope, const char *cluster,
								 const char *database);
extern void agenda_envelope_build(AgendaEnvelope *envelope, const AgendaEvent *event);

#endif
