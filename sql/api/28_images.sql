-- ---- images ------------------------------------------------------------------------------------
-- An image is what a thing looks like in events: its users' columns, times in UTC, nothing computed
-- from the clock, no bookkeeping.  An update that leaves the image as it was is no event.

create or replace function agenda._task_image(t agenda.tasks) returns jsonb
    language sql stable
    return case when t.id is not null then jsonb_build_object(
        'id', t.id,
        'user_id', t.user_id,
        'title', t.title,
        'description', t.description,
        'status', t.status,
        'priority', t.priority,
        'due_date', agenda.utc(t.due_date),
        'timezone', t.timezone,
        'due_kind', t.due_kind,
        'tags', t.tags,
        'checklist', t.checklist,
        'recurrence_rule', t.recurrence_rule,
        'recurring_task_id', t.recurring_task_id,
        'parent_task_id', t.parent_task_id,
        'completed_at', agenda.utc(t.completed_at),
        'deleted_at', agenda.utc(t.deleted_at)) end;
comment on function agenda._task_image(agenda.tasks) is 'internal: a task as events show it';

create or replace function agenda._recurring_task_image(r agenda.recurring_tasks) returns jsonb
    language sql stable
    return case when r.id is not null then jsonb_build_object(
        'id', r.id,
        'user_id', r.user_id,
        'title', r.title,
        'description', r.description,
        'priority', r.priority,
        'recurrence_type', r.recurrence_type,
        'recurrence_interval', r.recurrence_interval,
        'rrule', r.rrule::text,
        'start_date', agenda.utc(r.start_date),
        'end_date', agenda.utc(r.end_date),
        'timezone', r.timezone,
        'policy', case r.spawn when 'schedule' then 'fixed' else 'on_completion' end,
        'is_active', r.is_active,
        'deleted_at', agenda.utc(r.deleted_at)) end;
comment on function agenda._recurring_task_image(agenda.recurring_tasks) is 'internal: a series as events show it';

-- ---- which event a change is -------------------------------------------------------------------
-- One change, one event: the most telling type wins.
--
-- On this path, which every change takes, "v_none := f()" stands for PERFORM: an assignment of one call is
-- evaluated in place, while PERFORM runs a query.

create or replace function agenda._log_change(p_type text, p_user_id uuid, p_subject uuid, p_before jsonb, p_after jsonb)
    returns void
    language plpgsql volatile as
$$
declare
    v_none text;
begin
    v_none := agenda._emit(p_type, p_user_id, p_subject::text, p_subject::text, case
        when p_before is null then jsonb_build_object('after', p_after)
        when p_after is null then jsonb_build_object('before', p_before)
        else jsonb_build_object('before', p_before, 'after', p_after, 'changed', agenda._changed(p_before, p_after))
    end);
end
$$;
comment on function agenda._log_change(text, uuid, uuid, jsonb, jsonb) is 'engine: writes a change event with before, after and changed where they apply';

create or replace function agenda._log_task(b agenda.tasks, a agenda.tasks) returns void
    language plpgsql volatile as
$$
declare
    v_none text;
    v_before constant jsonb := agenda._task_image(b);
    v_after  constant jsonb := agenda._task_image(a);
    v_type   text;
begin
    v_type := case
        when b.id is null then 'task.created'
        when a.id is null or (a.deleted_at is not null and b.deleted_at is null) then 'task.deleted'
        when a.deleted_at is null and b.deleted_at is not null then 'task.restored'
        when a.status <> b.status then
            case a.status
                when 'completed' then 'task.completed'
                when 'skipped'   then 'task.skipped'
                when 'missed'    then 'task.missed'
                when 'cancelled' then 'task.cancelled'
                else case when agenda._is_open(b.status) then 'task.updated' else 'task.reopened' end
            end
        when agenda._task_differs(b, a) then 'task.updated'
    end;
    -- a task that was deleted stays so for its readers, whatever becomes of the row
    if v_type is not null and (b.deleted_at is null or (a.id is not null and a.deleted_at is null)) then
        v_none := agenda._log_change(v_type, coalesce(a.user_id, b.user_id), coalesce(a.id, b.id), v_before, v_after);
    end if;
end
$$;
comment on function agenda._log_task(agenda.tasks, agenda.tasks) is 'engine: the one event of a change of a task';

create or replace function agenda._log_recurring_task(b agenda.recurring_tasks, a agenda.recurring_tasks) returns void
    language plpgsql volatile as
$$
declare
    v_before constant jsonb := agenda._recurring_task_image(b);
    v_after  constant jsonb := agenda._recurring_task_image(a);
    v_type   text;
begin
    v_type := case
        when b.id is null then 'recurring_task.created'
        when a.id is null or (a.deleted_at is not null and b.deleted_at is null) then 'recurring_task.deleted'
        when b.is_active and not a.is_active and a.next_key is null then 'recurring_task.ended'
        when b.is_active and not a.is_active then 'recurring_task.paused'
        when a.is_active and not b.is_active then 'recurring_task.resumed'
        when v_before <> v_after then 'recurring_task.updated'
    end;
    if v_type is not null and (b.deleted_at is null or (a.id is not null and a.deleted_at is null)) then
        perform agenda._log_change(v_type, coalesce(a.user_id, b.user_id), coalesce(a.id, b.id), v_before, v_after);
    end if;
end
$$;
comment on function agenda._log_recurring_task(agenda.recurring_tasks, agenda.recurring_tasks) is 'engine: the one event of a change of a series';

-- ---- REST representations ----------------------------------------------------------------------

create or replace function agenda._due_state(t agenda.tasks, p_now timestamptz, p_window interval, p_grace interval) returns text
    language sql stable
    return case
        when t.due_date is null or not agenda._is_open(t.status) then 'none'
        when p_now >= agenda._fire_at('overdue', t.due_date, p_window, p_grace) then 'overdue'
        when p_now >= t.due_date then 'due'
        when p_now >= agenda._fire_at('due_soon', t.due_date, p_window, p_grace) then 'due_soon'
        else 'upcoming'
    end;
comment on function agenda._due_state(agenda.tasks, timestamptz, interval, interval) is 'internal: due_state() with its inputs given';

create or replace function agenda.due_state(t agenda.tasks) returns text
    language plpgsql stable as
$$
declare
    p agenda.preferences;
begin
    p := agenda._visible_preferences(t.user_id);
    return agenda._due_state(t, agenda.now(), p.due_soon_window, p.overdue_grace);
end
$$;
comment on function agenda.due_state(agenda.tasks) is 'none, upcoming, due_soon, due or overdue, by the clock and the owner''s preferences';

-- The word where the word says exactly this rule.
create or replace function agenda._rule_word(p_rule text) returns text
    language plpgsql immutable as
$$
begin
    return coalesce(agenda.rrule_word(p_rule::agenda.rrule), p_rule);
end
$$;
comment on function agenda._rule_word(text) is 'internal: daily, weekly, monthly or yearly for the rule that the word stands for';

create or replace function agenda._task_json(t agenda.tasks, p_now timestamptz, p_window interval, p_grace interval) returns jsonb
    language sql stable
    return case when t.id is not null then jsonb_build_object(
        'id', t.id,
        'user_id', t.user_id,
        'title', t.title,
        'description', t.description,
        'status', t.status,
        'due_state', agenda._due_state(t, p_now, p_window, p_grace),
        'priority', t.priority,
        'due_date', agenda.utc(t.due_date),
        'timezone', t.timezone,
        'due_kind', t.due_kind,
        'tags', t.tags,
        'checklist', t.checklist,
        'recurrence_rule', t.recurrence_rule,
        'recurring_task_id', t.recurring_task_id,
        'parent_task_id', t.parent_task_id,
        'notified', t.notified,
        'last_reminder_sent', agenda.utc(t.last_reminder_sent),
        'completed_at', agenda.utc(t.completed_at),
        'version', t.version,
        'created_at', agenda.utc(t.created_at),
        'updated_at', agenda.utc(t.updated_at)) end;
comment on function agenda._task_json(agenda.tasks, timestamptz, interval, interval) is 'internal: task_json() for many tasks of one user';

create or replace function agenda.task_json(t agenda.tasks) returns jsonb
    language plpgsql stable as
$$
declare
    p agenda.preferences;
begin
    if t.id is null then
        return null;
    end if;
    p := agenda._visible_preferences(t.user_id);
    return agenda._task_json(t, agenda.now(), p.due_soon_window, p.overdue_grace);
end
$$;
comment on function agenda.task_json(agenda.tasks) is 'a task as REST shows it';

create or replace function agenda.recurring_task_json(r agenda.recurring_tasks) returns jsonb
    language plpgsql stable as
$$
begin
    if r.id is null then
        return null;
    end if;
    return jsonb_build_object(
        'id', r.id,
        'user_id', r.user_id,
        'title', r.title,
        'description', r.description,
        'priority', r.priority,
        'recurrence_type', r.recurrence_type,
        'recurrence_interval', r.recurrence_interval,
        'rrule', r.rrule::text,
        'recurrence_text', agenda.describe(r.rrule),
        'start_date', agenda.utc(r.start_date),
        'end_date', agenda.utc(r.end_date),
        'timezone', r.timezone,
        'policy', case r.spawn when 'schedule' then 'fixed' else 'on_completion' end,
        'is_active', r.is_active,
        'next_due_at', agenda.utc(r.next_due_at),
        'last_created_at', agenda.utc(r.last_created_at),
        'version', r.version,
        'created_at', agenda.utc(r.created_at),
        'updated_at', agenda.utc(r.updated_at));
end
$$;
comment on function agenda.recurring_task_json(agenda.recurring_tasks) is 'a series as REST shows it';
