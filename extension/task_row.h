/*
 * task_row.h
 *		One row of agenda.tasks, by the names of its columns.
 */
#ifndef AGENDA_TASK_ROW_H
#define AGENDA_TASK_ROW_H

#include "access/attnum.h"
#include "access/htup.h"
#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/uuid.h"

/* What the library reads or writes; columns that are not listed here pass through untouched. */
typedef enum TaskColumn
{
	TASK_ID,
	TASK_USER_ID,
	TASK_TITLE,
	TASK_DESCRIPTION,
	TASK_STATUS,
	TASK_PRIORITY,
	TASK_DUE_DATE,
	TASK_TIMEZONE,
	TASK_DUE_KIND,
	TASK_DUE_LOCAL,
	TASK_TAGS,
	TASK_CHECKLIST,
	TASK_RECURRENCE_RULE,
	TASK_RECURRING_TASK_ID,
	TASK_OCCURRENCE_KEY,
	TASK_PARENT_TASK_ID,
	TASK_NOTIFIED,
	TASK_LAST_REMINDER_SENT,
	TASK_COMPLETED_AT,
	TASK_VERSION,
	TASK_CREATED_AT,
	TASK_UPDATED_AT,
	TASK_DELETED_AT,
	TASK_ANNOUNCED,
	TASK_OWED_FROM,
	TASK_COLUMNS /* how many there are */
} TaskColumn;

typedef struct TaskRow
{
	Datum value[TASK_COLUMNS];
	bool isnull[TASK_COLUMNS];
	bool changed; /* a column was set since the row was read */
	/* the whole row, as SQL functions take it; NULL where there is no such tuple yet */
	HeapTuple tuple;
	TupleDesc desc;
} TaskRow;

/* Attribute numbers by TaskColumn. */
extern const AttrNumber *agenda_task_columns(TupleDesc desc);
extern void agenda_task_read(TaskRow *row, HeapTuple tuple, TupleDesc desc);
/* From an argument of type agenda.tasks; false for null and for a row without an id. */
extern bool agenda_task_arg(TaskRow *row, FunctionCallInfo fcinfo, int argno);
/* A copy of the row's tuple with the columns of the row that differ from it. */
extern HeapTuple agenda_task_form(const TaskRow *row);
extern Datum agenda_task_datum(const TaskRow *row);

extern void agenda_task_set(TaskRow *row, TaskColumn column, Datum value);
extern void agenda_task_set_null(TaskRow *row, TaskColumn column);

/* Equal as values, null equal to null. */
extern bool agenda_task_same(const TaskRow *a, const TaskRow *b, TaskColumn column);
/* Not null, and this text. */
extern bool agenda_task_is(const TaskRow *row, TaskColumn column, const char *text);

extern bool agenda_task_open(const TaskRow *row);
/* A user's column of the task differs: only this is an event, and counts as a version. */
extern bool agenda_task_differs(const TaskRow *a, const TaskRow *b);

#endif
