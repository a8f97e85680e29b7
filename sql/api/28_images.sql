-- ---- images ------------------------------------------------------------------------------------
-- An image is what a thing looks like in events: its users' columns, times in UTC, nothing computed
-- from the clock, no bookkeeping.  An update that leaves the image as it was is no event.
-- The image of a task is made in extension/task_json.c.

create or replace function agenda._recurring_task_image(r agenda.recurring_tasks) returns jsonb
    language plpgsql stable
    set intervalstyle = 'postgres' as
$$
begin
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
        'policy', agenda._policy_name(r),
        'basis', r.basis,
        'spawn', r.spawn,
        'overlap', r.overlap,
        'missed', r.missed,
        'catchup_window', r.catchup_window::text,
        'lead_time', r.lead_time::text,
        'all_day', r.all_day,
        'floating', r.floating,
        'invalid_day', r.invalid_day,
        'dst_gap', r.dst_gap,
        'dst_fold', r.dst_fold,
        'business_shift', r.business_shift,
        'holiday_calendar', r.holiday_calendar,
        'tags', r.tags,
        'checklist', r.checklist,
        'split_from', r.split_from,
        'resume_at', agenda.utc(r.resume_at),
        'is_active', r.is_active,
        'deleted_at', agenda.utc(r.deleted_at)) end;
end
$$;
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
    v_none pg_catalog.text;
begin
    v_none := agenda._emit(p_type, p_user_id, p_subject::text, p_subject::text, case
        when p_before is null then jsonb_build_object('after', p_after)
        when p_after is null then jsonb_build_object('before', p_before)
        else jsonb_build_object('before', p_before, 'after', p_after, 'changed', agenda._changed(p_before, p_after))
    end);
end
$$;
comment on function agenda._log_change(text, uuid, uuid, jsonb, jsonb) is 'engine: writes a change event with before, after and changed where they apply';

-- What its owner has changed of a series, as against what the engine keeps on the row: the members of the image.
create or replace function agenda._recurring_task_differs(b agenda.recurring_tasks, a agenda.recurring_tasks) returns boolean
    language plpgsql immutable as
$$
begin
    return (b.title, b.description, b.priority, b.recurrence_type, b.recurrence_interval, b.rrule::text, b.start_date, b.end_date, b.timezone,
            b.basis, b.spawn, b.overlap, b.missed, b.catchup_window, b.lead_time, b.all_day, b.floating, b.invalid_day, b.dst_gap, b.dst_fold,
            b.business_shift, b.holiday_calendar, b.tags, b.checklist, b.split_from, b.resume_at, b.is_active, b.deleted_at)
        is distinct from
           (a.title, a.description, a.priority, a.recurrence_type, a.recurrence_interval, a.rrule::text, a.start_date, a.end_date, a.timezone,
            a.basis, a.spawn, a.overlap, a.missed, a.catchup_window, a.lead_time, a.all_day, a.floating, a.invalid_day, a.dst_gap, a.dst_fold,
            a.business_shift, a.holiday_calendar, a.tags, a.checklist, a.split_from, a.resume_at, a.is_active, a.deleted_at);
end
$$;
comment on function agenda._recurring_task_differs(agenda.recurring_tasks, agenda.recurring_tasks) is 'internal: a user''s column of the series has changed';

create or replace function agenda._log_recurring_task(b agenda.recurring_tasks, a agenda.recurring_tasks) returns void
    language plpgsql volatile as
$$
declare
    v_none pg_catalog.text;
    v_type pg_catalog.text;
begin
    v_type := case
        when b.id is null then 'recurring_task.created'
        when a.id is null or (a.deleted_at is not null and b.deleted_at is null) then 'recurring_task.deleted'
        when b.is_active and not a.is_active and a.next_key is null then 'recurring_task.ended'
        when b.is_active and not a.is_active then 'recurring_task.paused'
        when a.is_active and not b.is_active then 'recurring_task.resumed'
        when agenda._recurring_task_differs(b, a) then 'recurring_task.updated'
    end;
    if v_type is not null and (b.deleted_at is null or (a.id is not null and a.deleted_at is null)) then
        v_none := agenda._log_change(v_type, coalesce(a.user_id, b.user_id), coalesce(a.id, b.id),
                                     agenda._recurring_task_image(b), agenda._recurring_task_image(a));
    end if;
end
$$;
comment on function agenda._log_recurring_task(agenda.recurring_tasks, agenda.recurring_tasks) is 'engine: the one event of a change of a series';

-- ---- REST representations ----------------------------------------------------------------------

create or replace function agenda.due_state(t agenda.tasks) returns text
    language plpgsql stable as
$$
declare
    p agenda.preferences;
begin
    p := agenda._visible_preferences(t.user_id);
    return agenda._due_state(t, agenda.now(), p);
end
$$;
comment on function agenda.due_state(agenda.tasks) is 'none, upcoming, due_soon, due or overdue, by the clock and the owner''s preferences';

-- The word where the word says exactly this rule, else canonical RRULE text; an error for what is no rule.
create or replace function agenda._canonical_rule(p_text text) returns text
    language plpgsql stable strict as
$$
declare
    v_rule constant agenda.rrule := agenda._rule_of(p_text, 'recurrence_rule');
begin
    return coalesce(agenda.rrule_word(v_rule), v_rule::text);
end
$$;
comment on function agenda._canonical_rule(text) is 'internal: the one way to write a rule, daily, weekly, monthly or yearly where that is all it says';

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
    return agenda._task_text(t, agenda.now(), p);
end
$$;
comment on function agenda.task_json(agenda.tasks) is 'a task as REST shows it';

create or replace function agenda.recurring_task_json(r agenda.recurring_tasks) returns jsonb
    language plpgsql stable as
$$
begin
    return (agenda._recurring_task_image(r) - 'deleted_at') || jsonb_build_object(
        'recurrence_text', agenda.describe(r.rrule),
        'reminders', agenda._series_reminders_json(r),
        'next_due_at', agenda.utc(r.next_due_at),
        'last_created_at', agenda.utc(r.last_created_at),
        'occurrences_created', r.occurrences_created,
        'missed_count', r.missed_count,
        'overlap_count', r.overlap_count,
        'version', r.version,
        'created_at', agenda.utc(r.created_at),
        'updated_at', agenda.utc(r.updated_at));
end
$$;
comment on function agenda.recurring_task_json(agenda.recurring_tasks) is 'a series as REST shows it';
