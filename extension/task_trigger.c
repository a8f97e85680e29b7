/*
 * task_trigger.c
 *		What happens with each change of a row of agenda.tasks, whoever makes it.
 *
 * Before: the owner and the zone are checked, derived columns are filled, the version counts.
 * After: one event, the timer, and what concerns series, notifications and reminders.  Event and timer
 * come after the row change, so that the row is locked when the event's number is drawn: two changes
 * of one row get their numbers in the order in which they commit.
 *
 * The plain path (no series, no whole-day due date, no default reminders) runs no SQL.  It reads
 * preferences and writes event and timer past the caller's rights and row-level security, with no
 * operator or function that a search_path could replace.  What is rare is SQL and is called with
 * the owner's rights (sql_call.c): _resolve_due, _check_template, _canonical_rule, _adopt,
 * _begin_series, _sync_series, _occurrence_gone, _withdraw, _add_default_reminders.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "errcodes.h"
#include "event_log.h"
#include "identity.h"
#include "json_text.h"
#include "preferences.h"
#include "rrule_zone.h"
#include "sql_call.h"
#include "task_json.h"
#include "task_create.h"
#include "task_row.h"
#include "task_state.h"
#include "timer.h"
#include "uuid7.h"

/* Has the task a timer already? */
typedef enum TimerBefore
{
	TIMER_MAYBE,
	TIMER_STRAY, /* no; a row with this id that is gone could have left one */
	TIMER_NEVER  /* the id has just been made */
} TimerBefore;

static TriggerData *trigger_data(FunctionCallInfo fcinfo, const char *function);
static void follow_due(TaskRow *new, const TaskRow *old);
static void check_template(TaskRow *new, const TaskRow *old);
static void follow_rule(TaskRow *new, const TaskRow *old);
static void check_transition(const TaskRow *new, const TaskRow *old);
static void follow_status(TaskRow *new, const TaskRow *old);
static void follow_change(TaskRow *new, const TaskRow *old);
static bool wants_series(const TaskRow *task);
static void after_insert(const TaskRow *new);
static void after_update(const TaskRow *old, const TaskRow *new);
static bool same_dates(const TaskRow *old, const TaskRow *new);
static void after_delete(const TaskRow *old);
static bool is_ending(const TaskRow *task, const char **type);
static const char *event_type(const TaskRow *before, const TaskRow *after);
static void log_change(const TaskRow *before, const TaskRow *after);
static void plan_timer(const TaskRow *task, TimestampTz from, TimerBefore before,
					   AgendaPreferences *prefs);
static AgendaTimerKey timer_key(const TaskRow *task);
static void call_for_task(const char *name, const TaskRow *task);
static void call_for_change(const char *name, const TaskRow *old, const TaskRow *new);
static void replace_row(TaskRow *task, Datum row);
static NullableDatum row_argument(const TaskRow *task);

PG_FUNCTION_INFO_V1(agenda_task_before);
PG_FUNCTION_INFO_V1(agenda_task_after);
PG_FUNCTION_INFO_V1(agenda_plan_task_timer);

/* ---- before ------------------------------------------------------------------------------------ */

/* agenda._task_before() → trigger: before insert or update, for each row */
Datum
agenda_task_before(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo, "_task_before");
	TupleDesc desc = RelationGetDescr(trigger->tg_relation);
	bool update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	TaskRow new;
	TaskRow before;
	TaskRow *old = update ? &before : NULL;

	if (agenda_triggers_silent())
		return PointerGetDatum(update ? trigger->tg_newtuple : trigger->tg_trigtuple);
	agenda_task_read(&new, update ? trigger->tg_newtuple : trigger->tg_trigtuple, desc);
	if (update)
		agenda_task_read(old, trigger->tg_trigtuple, desc);

	agenda_identity_check_owner(new.isnull[TASK_USER_ID] ? NULL
														 : DatumGetUUIDP(new.value[TASK_USER_ID]));
	if (!new.isnull[TASK_TIMEZONE])
		agenda_zone_check(DatumGetTextPP(new.value[TASK_TIMEZONE]));
	if (update && !old->isnull[TASK_RECURRING_TASK_ID] && new.isnull[TASK_RECURRING_TASK_ID])
	{
		/* the series was deleted, and the rule with it */
		agenda_task_set_null(&new, TASK_RECURRENCE_RULE);
		agenda_task_set_null(&new, TASK_OCCURRENCE_KEY);
	}
	follow_due(&new, old);
	check_template(&new, old);
	follow_rule(&new, old);
	follow_status(&new, old);
	if (update)
	{
		follow_change(&new, old);
		/* an INSERT may yet be given up (ON CONFLICT), so there it is done afterwards */
		if (wants_series(&new) && old->isnull[TASK_RECURRING_TASK_ID])
		{
			Oid type = desc->tdtypeid;
			NullableDatum arg = row_argument(&new);

			replace_row(&new, agenda_call("_adopt", 1, &type, &arg, NULL));
		}
	}
	return PointerGetDatum(agenda_task_form(&new));
}

static TriggerData *
trigger_data(FunctionCallInfo fcinfo, const char *function)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function agenda.%s is for row triggers of agenda.tasks", function));
	return trigger;
}

/* A wall-clock time or a day is the truth, due_date the instant that follows from it. */
static void
follow_due(TaskRow *new, const TaskRow *old)
{
	Oid types[2] = { new->desc->tdtypeid, new->desc->tdtypeid };
	NullableDatum args[2];

	if (agenda_task_is(new, TASK_DUE_KIND, "instant") && new->isnull[TASK_DUE_LOCAL] &&
		(old == NULL || agenda_task_same(old, new, TASK_DUE_KIND)))
		return;
	args[0] = row_argument(new);
	args[1] = row_argument(old);
	replace_row(new, agenda_call("_resolve_due", 2, types, args, NULL));
}

/* Tags and checklist have limits, and items of a checklist are done or not; most tasks have neither. */
static void
check_template(TaskRow *new, const TaskRow *old)
{
	Oid types[2] = { TEXTARRAYOID, JSONBOID };
	NullableDatum args[2];

	if (new->isnull[TASK_TAGS] || new->isnull[TASK_CHECKLIST])
		return;
	if (old == NULL
			? ARR_NDIM(DatumGetArrayTypeP(new->value[TASK_TAGS])) == 0 &&
				  JB_ROOT_COUNT(DatumGetJsonbP(new->value[TASK_CHECKLIST])) == 0 &&
				  JB_ROOT_IS_ARRAY(DatumGetJsonbP(new->value[TASK_CHECKLIST]))
			: agenda_task_same(old, new, TASK_TAGS) && agenda_task_same(old, new, TASK_CHECKLIST))
		return;
	args[0] = (NullableDatum){ new->value[TASK_TAGS], false };
	args[1] = (NullableDatum){ new->value[TASK_CHECKLIST], false };
	agenda_task_set(new, TASK_CHECKLIST, agenda_call("_check_template", 2, types, args, NULL));
}

/* Canonical, and an error here for a rule that is none. */
static void
follow_rule(TaskRow *new, const TaskRow *old)
{
	Oid type = TEXTOID;
	NullableDatum arg;

	if (new->isnull[TASK_RECURRENCE_RULE] ||
		(old != NULL && agenda_task_same(old, new, TASK_RECURRENCE_RULE)))
		return;
	arg.value = new->value[TASK_RECURRENCE_RULE];
	arg.isnull = false;
	agenda_task_set(new, TASK_RECURRENCE_RULE,
					agenda_call("_canonical_rule", 1, &type, &arg, NULL));
}

static void
follow_status(TaskRow *new, const TaskRow *old)
{
	bool completed = agenda_task_is(new, TASK_STATUS, "completed");

	if (old != NULL)
		check_transition(new, old);
	/* an import says when it was */
	if (completed && new->isnull[TASK_COMPLETED_AT] &&
		(old == NULL || !agenda_task_is(old, TASK_STATUS, "completed")))
		agenda_task_set(new, TASK_COMPLETED_AT, TimestampTzGetDatum(agenda_domain_now()));
	else if (old != NULL && !completed)
		agenda_task_set_null(new, TASK_COMPLETED_AT);
}

/*
 * The status of a task, and the only place that knows which way it may go:
 *
 *		pending <-> in_progress		open: still to be done
 *		   |             |
 *		   v             v
 *		completed, skipped, missed, cancelled --> pending
 *
 * What is no status at all is refused by the constraint tasks_valid.
 */
static void
check_transition(const TaskRow *new, const TaskRow *old)
{
	if (agenda_task_same(old, new, TASK_STATUS) || agenda_task_open(old) ||
		!(is_ending(new, NULL) || agenda_task_is(new, TASK_STATUS, "in_progress")))
		return;
	ereport(ERROR, errcode(ERRCODE_AGENDA_INVALID_STATE),
			errmsg("a task that is %s cannot become %s",
				   TextDatumGetCString(old->value[TASK_STATUS]),
				   TextDatumGetCString(new->value[TASK_STATUS])),
			errhint("Reopen it first: reopen_task(), or status pending."),
			err_generic_string(PG_DIAG_COLUMN_NAME, "status"));
}

static void
follow_change(TaskRow *new, const TaskRow *old)
{
	if (!agenda_task_same(old, new, TASK_DUE_DATE))
	{
		agenda_task_set(new, TASK_NOTIFIED, BoolGetDatum(false));
		agenda_task_set_null(new, TASK_ANNOUNCED);
	}
	if (agenda_task_differs(old, new))
	{
		agenda_task_set(new, TASK_VERSION,
						Int64GetDatum(DatumGetInt64(old->value[TASK_VERSION]) + 1));
		agenda_task_set(new, TASK_UPDATED_AT, TimestampTzGetDatum(agenda_domain_now()));
	}
}

/* The task has a rule and an anchor, but no series yet. */
static bool
wants_series(const TaskRow *task)
{
	return !task->isnull[TASK_RECURRENCE_RULE] && task->isnull[TASK_RECURRING_TASK_ID] &&
		   task->isnull[TASK_DELETED_AT] &&
		   (!task->isnull[TASK_DUE_DATE] || !task->isnull[TASK_COMPLETED_AT]);
}

/* ---- after ------------------------------------------------------------------------------------- */

/* agenda._task_after() → trigger: after insert, update or delete, for each row */
Datum
agenda_task_after(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo, "_task_after");
	TupleDesc desc = RelationGetDescr(trigger->tg_relation);
	TaskRow old;
	TaskRow new;

	if (agenda_triggers_silent())
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
	{
		agenda_task_read(&new, trigger->tg_trigtuple, desc);
		after_insert(&new);
	}
	else if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
	{
		agenda_task_read(&old, trigger->tg_trigtuple, desc);
		after_delete(&old);
	}
	else
	{
		agenda_task_read(&old, trigger->tg_trigtuple, desc);
		agenda_task_read(&new, trigger->tg_newtuple, desc);
		/* bookkeeping of the engine changes neither log nor timer */
		if (agenda_task_differs(&old, &new))
			after_update(&old, &new);
	}
	return PointerGetDatum(NULL);
}

static void
after_insert(const TaskRow *new)
{
	/* before the event, which has an id too */
	TimerBefore before =
		agenda_uuid7_is_newest(DatumGetUUIDP(new->value[TASK_ID])) ? TIMER_NEVER : TIMER_STRAY;
	AgendaPreferences prefs;

	log_change(NULL, new);
	if (wants_series(new))
		call_for_task("_begin_series", new);
	if (new->isnull[TASK_DUE_DATE])
		return;
	plan_timer(new,
			   new->isnull[TASK_OWED_FROM] ? agenda_domain_now()
										   : DatumGetTimestampTz(new->value[TASK_OWED_FROM]),
			   before, &prefs);
	if (prefs.has_default_reminders && !agenda_task_has_reminders())
		call_for_task("_add_default_reminders", new);
}

static void
after_update(const TaskRow *old, const TaskRow *new)
{
	bool was_open = agenda_task_open(old);
	bool is_open = agenda_task_open(new);
	AgendaPreferences prefs;

	log_change(old, new);
	if (was_open != is_open || old->isnull[TASK_DELETED_AT] != new->isnull[TASK_DELETED_AT] ||
		!agenda_task_same(old, new, TASK_DUE_DATE) || !agenda_task_same(old, new, TASK_DUE_KIND))
	{
		plan_timer(new, agenda_domain_now(), TIMER_MAYBE, &prefs);
		call_for_task("_withdraw", new);
	}
	if (!new->isnull[TASK_RECURRING_TASK_ID] &&
		(was_open != is_open || old->isnull[TASK_DELETED_AT] != new->isnull[TASK_DELETED_AT] ||
		 !agenda_task_same(old, new, TASK_RECURRENCE_RULE)))
		call_for_change("_sync_series", old, new);
	if (!same_dates(old, new))
		call_for_change("_reminders_follow", old, new);
}

/* Nothing of what reminders depend on has changed. */
static bool
same_dates(const TaskRow *old, const TaskRow *new)
{
	return agenda_task_same(old, new, TASK_DUE_DATE) && agenda_task_same(old, new, TASK_DUE_KIND) &&
		   agenda_task_same(old, new, TASK_DUE_LOCAL) &&
		   agenda_task_same(old, new, TASK_TIMEZONE) && agenda_task_same(old, new, TASK_STATUS) &&
		   old->isnull[TASK_DELETED_AT] == new->isnull[TASK_DELETED_AT];
}

static void
after_delete(const TaskRow *old)
{
	AgendaTimerKey key = timer_key(old);

	log_change(old, NULL);
	agenda_timer_drop(&key);
	call_for_task("_withdraw", old);
	if (!old->isnull[TASK_RECURRING_TASK_ID] && old->isnull[TASK_DELETED_AT] &&
		agenda_task_open(old))
		call_for_task("_occurrence_gone", old);
}

/* A status that ends a task, and the type of the event that says so. */
static bool
is_ending(const TaskRow *task, const char **type)
{
	static const struct
	{
		const char *status;
		const char *type;
	} endings[] = { { "completed", "task.completed" },
					{ "skipped", "task.skipped" },
					{ "missed", "task.missed" },
					{ "cancelled", "task.cancelled" } };

	for (int i = 0; i < lengthof(endings); i++)
		if (agenda_task_is(task, TASK_STATUS, endings[i].status))
		{
			if (type != NULL)
				*type = endings[i].type;
			return true;
		}
	return false;
}

/* The most telling type wins; NULL for a change that is no event. */
static const char *
event_type(const TaskRow *before, const TaskRow *after)
{
	const char *ending;

	if (before == NULL)
		return "task.created";
	/* a task that was deleted stays so for its readers, whatever becomes of the row */
	if (!before->isnull[TASK_DELETED_AT] && (after == NULL || !after->isnull[TASK_DELETED_AT]))
		return NULL;
	if (after == NULL || !after->isnull[TASK_DELETED_AT])
		return "task.deleted";
	if (!before->isnull[TASK_DELETED_AT])
		return "task.restored";
	if (agenda_task_same(before, after, TASK_STATUS))
		return "task.updated";
	if (is_ending(after, &ending))
		return ending;
	return agenda_task_open(before) ? "task.updated" : "task.reopened";
}

static void
log_change(const TaskRow *before, const TaskRow *after)
{
	const TaskRow *task = after == NULL ? before : after;
	AgendaEvent event = { .type = event_type(before, after) };
	char subject[AGENDA_UUID_SIZE];
	pg_uuid_t id;

	if (event.type == NULL)
		return;
	agenda_uuid_text(DatumGetUUIDP(task->value[TASK_ID]), subject);
	event.user_id = DatumGetUUIDP(task->value[TASK_USER_ID]);
	event.subject = event.key = CStringGetTextDatum(subject);
	event.data = agenda_task_change(before, after);
	agenda_event_write(&event, &id);
}

/* ---- timers ------------------------------------------------------------------------------------ */

/* The first thing that is owed from an instant on; the owner's preferences go to *prefs. */
static void
plan_timer(const TaskRow *task, TimestampTz from, TimerBefore before, AgendaPreferences *prefs)
{
	AgendaTimerKey key = timer_key(task);
	TaskState state = STATE_NONE;

	agenda_preferences_of(&key.user_id, NULL, prefs);
	if (task->isnull[TASK_DELETED_AT])
		state = agenda_task_next_state(task, from, prefs);
	if (state != STATE_NONE)
		agenda_timer_set(&key, agenda_task_fire_at(state, task, prefs),
						 agenda_task_state_name(state), before != TIMER_NEVER);
	else if (before == TIMER_MAYBE)
		agenda_timer_drop(&key);
}

static AgendaTimerKey
timer_key(const TaskRow *task)
{
	AgendaTimerKey key = { *DatumGetUUIDP(task->value[TASK_USER_ID]), CStringGetTextDatum("task"),
						   *DatumGetUUIDP(task->value[TASK_ID]) };

	return key;
}

/* agenda._plan_task_timer(t agenda.tasks) → void: after a change of what it depends on */
Datum
agenda_plan_task_timer(PG_FUNCTION_ARGS)
{
	AgendaPreferences prefs;
	TaskRow task;

	if (agenda_task_arg(&task, fcinfo, 0) && !task.isnull[TASK_USER_ID])
		plan_timer(&task, agenda_domain_now(), TIMER_MAYBE, &prefs);
	PG_RETURN_VOID();
}

/* ---- what is SQL ------------------------------------------------------------------------------- */

static void
call_for_task(const char *name, const TaskRow *task)
{
	Oid type = task->desc->tdtypeid;
	NullableDatum arg = row_argument(task);
	bool isnull;

	agenda_call(name, 1, &type, &arg, &isnull);
}

static void
call_for_change(const char *name, const TaskRow *old, const TaskRow *new)
{
	Oid types[2] = { old->desc->tdtypeid, new->desc->tdtypeid };
	NullableDatum args[2] = { row_argument(old), row_argument(new) };
	bool isnull;

	agenda_call(name, 2, types, args, &isnull);
}

/* The row that an SQL function gives back takes the place of the one it got. */
static void
replace_row(TaskRow *task, Datum row)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	HeapTuple tuple = palloc(HEAPTUPLESIZE);
	HeapTuple identity = task->tuple;

	tuple->t_len = HeapTupleHeaderGetDatumLength(header);
	tuple->t_self = identity->t_self;
	tuple->t_tableOid = identity->t_tableOid;
	tuple->t_data = header;
	agenda_task_read(task, tuple, task->desc);
}

static NullableDatum
row_argument(const TaskRow *task)
{
	NullableDatum arg = { (Datum) 0, task == NULL };

	if (task != NULL)
		arg.value = agenda_task_datum(task);
	return arg;
}
