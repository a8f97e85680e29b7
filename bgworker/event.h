/*
 * event.h
 *		Events as rows of a query give them.
 */
#ifndef AGENDA_EVENT_H
#define AGENDA_EVENT_H

#include "utils/palloc.h"

#include "envelope.h"

/* Columns of a row, in the order of agenda._log_statement(). */
enum
{
	AGENDA_EVENT_SEQ,
	AGENDA_EVENT_XID,
	AGENDA_EVENT_ID,
	AGENDA_EVENT_TYPE,
	AGENDA_EVENT_USER_ID,
	AGENDA_EVENT_SUBJECT,
	AGENDA_EVENT_KEY,
	AGENDA_EVENT_OCCURRED_AT,
	AGENDA_EVENT_TRACE,
	AGENDA_EVENT_HEADERS,
	AGENDA_EVENT_DATA,
	AGENDA_EVENT_REPLAY_OF,
	AGENDA_EVENT_ONLY_TOPIC,
	AGENDA_EVENT_COLUMNS
};

/*
 * The event and all that it points to, in the given context; what is needed on the way is left in
 * the current one.  Its type is "" when the row is the repetition of an event that is gone.
 */
extern AgendaEvent *agenda_event_make(MemoryContext context, const Datum *values,
									  const bool *nulls);

#endif
