/*
 * task_create.h
 *		A new task from C.
 */
#ifndef AGENDA_TASK_CREATE_H
#define AGENDA_TASK_CREATE_H

#include "task_row.h"

/* Nothing is given. */
extern void agenda_task_clear(TaskRow *row);
/* The due date as people write it. */
extern void agenda_task_take_due(TaskRow *row, const text *due);
/*
 * The columns of the row that are not null, for the acting user, with the rights of the current
 * one.  Returns the row as it is now, of type agenda.tasks; 0 if a trigger kept it out.
 */
extern Datum agenda_task_create(TaskRow *row);
/* Within create_task(): the task comes with reminders of its own, so it needs no default ones. */
extern bool agenda_task_has_reminders(void);

#endif
