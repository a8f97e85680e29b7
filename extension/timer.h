/*
 * timer.h
 *		agenda.timers: the next instant at which something is owed to a thing.
 */
#ifndef AGENDA_TIMER_H
#define AGENDA_TIMER_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

typedef struct AgendaTimerKey
{
	pg_uuid_t user_id;
	Datum entity; /* text: task or series */
	pg_uuid_t entity_id;
} AgendaTimerKey;

/*
 * Sets the one timer of a thing and notes that the scanner may have to wake up for it.  may_exist: there
 * may be one already, which is changed; looking for it is a good part of the work.
 */
extern void agenda_timer_set(const AgendaTimerKey *key, TimestampTz fire_at, const char *what,
							 bool may_exist);
extern void agenda_timer_drop(const AgendaTimerKey *key);

#endif
