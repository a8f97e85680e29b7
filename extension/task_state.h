/*
 * task_state.h
 *		Due soon, due, overdue: when each state of a task begins and when it is announced.
 */
#ifndef AGENDA_TASK_STATE_H
#define AGENDA_TASK_STATE_H

#include "preferences.h"
#include "task_row.h"

/* In the order in which a task goes through them. */
typedef enum TaskState
{
	STATE_NONE, /* no due date, or nothing to do any more */
	STATE_UPCOMING,
	STATE_DUE_SOON,
	STATE_DUE,
	STATE_OVERDUE
} TaskState;

extern const char *agenda_task_state_name(TaskState state);
extern TaskState agenda_task_state(const TaskRow *task, TimestampTz now,
								   const AgendaPreferences *prefs);
/* When the event of this state is owed; the task has a due date. */
extern TimestampTz agenda_task_fire_at(TaskState state, const TaskRow *task,
									   const AgendaPreferences *prefs);
/* The first state that is still to be announced; STATE_NONE if there is none. */
extern TaskState agenda_task_next_state(const TaskRow *task, TimestampTz now,
										const AgendaPreferences *prefs);

#endif
