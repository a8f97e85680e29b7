/*
 * task_state.c
 *		Due soon, due, overdue: when each state of a task begins and when it is announced.
 *
 * A task that is due at an instant is due from then on and overdue when the owner's grace has
 * passed.  One that is due on a day is due all that day in its zone: from midnight, announced at the
 * owner's time for such tasks (all_day_time), overdue from the next midnight.  Both are due soon
 * for the owner's window before.
 *
 * SQL calls agenda._fire_at() and agenda._due_state(); timers and JSON call the C functions.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "recurrence/rrule.h"

#include "rrule_time.h"
#include "rrule_zone.h"
#include "task_state.h"

static bool is_whole_day(const TaskRow *task);
static TimestampTz begins_at(TaskState state, const TaskRow *task, const AgendaPreferences *prefs);
static TimestampTz on_the_day(const TaskRow *task, int64 after_midnight,
							  const AgendaPreferences *prefs);
static TimestampTz clamp(int64 at);
static TaskState state_of_name(const text *name);

PG_FUNCTION_INFO_V1(agenda_fire_at);
PG_FUNCTION_INFO_V1(agenda_due_state);

const char *
agenda_task_state_name(TaskState state)
{
	static const char *const names[] = { "none", "upcoming", "due_soon", "due", "overdue" };

	return names[state];
}

TaskState
agenda_task_state(const TaskRow *task, TimestampTz now, const AgendaPreferences *prefs)
{
	if (task->isnull[TASK_DUE_DATE] || !agenda_task_open(task))
		return STATE_NONE;
	for (TaskState state = STATE_OVERDUE; state > STATE_UPCOMING; state--)
		if (now >= begins_at(state, task, prefs))
			return state;
	return STATE_UPCOMING;
}

TimestampTz
agenda_task_fire_at(TaskState state, const TaskRow *task, const AgendaPreferences *prefs)
{
	if (state == STATE_DUE && is_whole_day(task))
		return on_the_day(task, prefs->all_day_time, prefs);
	return begins_at(state, task, prefs);
}

/*
 * Nothing is announced twice for one due date, and no state that is over: a task that is made two
 * days late is overdue and was never due soon.
 */
TaskState
agenda_task_next_state(const TaskRow *task, TimestampTz now, const AgendaPreferences *prefs)
{
	TaskState next = agenda_task_state(task, now, prefs);

	if (next == STATE_NONE)
		return STATE_NONE;
	next = Max(next, STATE_DUE_SOON);
	if (!task->isnull[TASK_ANNOUNCED])
	{
		TaskState announced = state_of_name(DatumGetTextPP(task->value[TASK_ANNOUNCED]));

		if (announced == STATE_OVERDUE)
			return STATE_NONE;
		next = Max(next, announced + 1);
	}
	return next;
}

/* A row that somebody has made up may lack the day itself. */
static bool
is_whole_day(const TaskRow *task)
{
	return agenda_task_is(task, TASK_DUE_KIND, "date") && !task->isnull[TASK_DUE_LOCAL];
}

static TimestampTz
begins_at(TaskState state, const TaskRow *task, const AgendaPreferences *prefs)
{
	TimestampTz due = DatumGetTimestampTz(task->value[TASK_DUE_DATE]);

	switch (state)
	{
		case STATE_DUE_SOON:
			return clamp(due - prefs->due_soon_window);
		case STATE_DUE:
			return is_whole_day(task) ? on_the_day(task, 0, prefs) : due;
		case STATE_OVERDUE:
			if (is_whole_day(task))
				return on_the_day(task, USECS_PER_DAY, prefs);
			return clamp(due + prefs->overdue_grace);
		default:
			elog(ERROR, "state %d does not begin at a time", state);
	}
}

/* A wall-clock time on the day on which the task is due, in its zone. */
static TimestampTz
on_the_day(const TaskRow *task, int64 after_midnight, const AgendaPreferences *prefs)
{
	const text *zone_name =
		task->isnull[TASK_TIMEZONE] ? prefs->timezone : DatumGetTextPP(task->value[TASK_TIMEZONE]);
	struct rr_zone zone = agenda_zone_view(agenda_zone_open(zone_name));
	Timestamp local = DatumGetTimestamp(task->value[TASK_DUE_LOCAL]);

	local -= (local % USECS_PER_DAY + USECS_PER_DAY) % USECS_PER_DAY;
	local += after_midnight;
	return (rr_to_instant(&zone, timestamp_moment(local, 0).second) - EPOCH_SECONDS) *
			   USECS_PER_SEC +
		   timestamp_fraction(local);
}

/* Sums may leave what a timestamp can be, if the clock of a test stands at its end. */
static TimestampTz
clamp(int64 at)
{
	return Min(Max(at, MIN_TIMESTAMP), END_TIMESTAMP - 1);
}

static TaskState
state_of_name(const text *name)
{
	for (TaskState state = STATE_NONE; state <= STATE_OVERDUE; state++)
		if (strlen(agenda_task_state_name(state)) == VARSIZE_ANY_EXHDR(name) &&
			memcmp(agenda_task_state_name(state), VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0)
			return state;
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("a task has no state \"%s\"", text_to_cstring(name)));
}

/* agenda._fire_at(what text, t agenda.tasks, p agenda.preferences) → timestamptz */
Datum
agenda_fire_at(PG_FUNCTION_ARGS)
{
	AgendaPreferences prefs;
	TaskRow task;
	TaskState state;

	if (PG_ARGISNULL(0) || !agenda_task_arg(&task, fcinfo, 1) || task.isnull[TASK_DUE_DATE])
		PG_RETURN_NULL();
	state = state_of_name(PG_GETARG_TEXT_PP(0));
	if (state < STATE_DUE_SOON)
		PG_RETURN_NULL();
	agenda_preferences_arg(fcinfo, 2, &prefs);
	PG_RETURN_TIMESTAMPTZ(agenda_task_fire_at(state, &task, &prefs));
}

/* agenda._due_state(t agenda.tasks, now timestamptz, p agenda.preferences) → text */
Datum
agenda_due_state(PG_FUNCTION_ARGS)
{
	AgendaPreferences prefs;
	TaskRow task;

	if (!agenda_task_arg(&task, fcinfo, 0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	agenda_preferences_arg(fcinfo, 2, &prefs);
	PG_RETURN_TEXT_P(cstring_to_text(
		agenda_task_state_name(agenda_task_state(&task, PG_GETARG_TIMESTAMPTZ(1), &prefs))));
}
