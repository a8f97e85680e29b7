/*
 * task_json.h
 *		A task in events and over REST.
 */
#ifndef AGENDA_TASK_JSON_H
#define AGENDA_TASK_JSON_H

#include "lib/stringinfo.h"

#include "preferences.h"
#include "task_row.h"

/*
 * The data of a change event: {"before", "after", "changed"}, as jsonb; a NULL row is one that there
 * isn't.
 */
extern Datum agenda_task_change(const TaskRow *before, const TaskRow *after);

/* Appends the task as REST shows it. */
extern void agenda_task_text(StringInfo out, const TaskRow *task, TimestampTz now,
							 const AgendaPreferences *prefs);

#endif
