/*
 * event_log.h
 *		Writing one event to agenda.events.
 */
#ifndef AGENDA_EVENT_LOG_H
#define AGENDA_EVENT_LOG_H

#include "utils/uuid.h"

typedef struct AgendaEvent
{
	const char *type;
	const pg_uuid_t *user_id; /* NULL: of no user */
	Datum subject;            /* text */
	Datum key;                /* text */
	Datum data;               /* jsonb */
	Datum headers;            /* jsonb; 0: none but our own */
} AgendaEvent;

/*
 * Writes the event and notes that the drainer is to be woken; id receives its id.  False, and
 * nothing is written, in a silent transaction.
 */
extern bool agenda_event_write(const AgendaEvent *event, pg_uuid_t *id);

/*
 * Many events of one command: the partition stays open, and they have one time.  They stand in the
 * log when the batch ends.  A batch lives in the memory context in which it is begun.
 */
typedef struct AgendaEventBatch AgendaEventBatch;

extern AgendaEventBatch *agenda_events_begin(void);
extern bool agenda_events_write(AgendaEventBatch *batch, const AgendaEvent *event, pg_uuid_t *id);
extern void agenda_events_end(AgendaEventBatch *batch);

#endif
