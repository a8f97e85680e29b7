-- ---- why, and why not --------------------------------------------------------------------------
-- Explanations ask the functions that the scanner asks: _fire_at(), _reminder_at(), _verdict().

create or replace function agenda.why_notified(notification_id uuid) returns jsonb
    language plpgsql stable
    set intervalstyle = 'postgres' as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    p      constant agenda.preferences := agenda.get_preferences();
    n      agenda.notifications;
    t      agenda.tasks;
    r      agenda.reminders;
    s      agenda.recurring_tasks;
begin
    select * into n from agenda.notifications x where x.user_id = v_user and x.id = notification_id;
    if not found then
        perform agenda._not_found('notification', notification_id);
    end if;
    select * into t from agenda.tasks x where x.user_id = v_user and x.id = n.task_id;
    select * into r from agenda.reminders x where x.user_id = v_user and x.id = n.reminder_id;
    select * into s from agenda.recurring_tasks x where x.user_id = v_user and x.id = n.recurring_task_id;
    return jsonb_build_object(
        'notification_id', n.id,
        'type', n.type,
        'because', case n.type
            when 'reminder' then 'a reminder of the task was owed'
            when 'due_soon' then format('the task was due within %s', p.due_soon_window)
            when 'due' then 'the task was due'
            when 'overdue' then 'the task was overdue'
            else 'of several things at once one was made' end,
        'owed_at', agenda.utc(n.scheduled_for),
        'told_at', agenda.utc(coalesce(n.released_at, case when n.held_until is null then n.created_at end)),
        'late', n.late,
        'seconds_late', round(extract(epoch from n.created_at - n.scheduled_for), 3),
        'held', case when n.held_reason is not null then jsonb_build_object(
            'reason', n.held_reason, 'until', agenda.utc(coalesce(n.held_until, n.released_at, n.withdrawn_at))) end,
        'merged_into', n.merged_into,
        'withdrawn_at', agenda.utc(n.withdrawn_at),
        'task', case when t.id is not null then jsonb_build_object(
            'id', t.id, 'title', t.title, 'status', t.status, 'due_date', agenda.utc(t.due_date),
            'timezone', coalesce(t.timezone, p.timezone)) end,
        'reminder', case when r.id is not null then agenda._reminder_spec(r) || jsonb_build_object(
            'id', r.id, 'source', r.source, 'owed_first', agenda.utc(agenda._reminder_at(r, t, p))) end,
        'series', case when s.id is not null then jsonb_build_object(
            'id', s.id, 'rrule', s.rrule::text, 'text', agenda.describe(s.rrule), 'occurrence_key', t.occurrence_key) end,
        'held_notifications', n.data->'held');
end
$$;
comment on function agenda.why_notified(uuid) is 'the chain that led to a notification: series, task, due date or reminder, what held it, how late it came';

-- One thing that could have been told: whether it was, and if not, what stood in the way.  A state is owed until the
-- next one begins (p_over).
create or replace function agenda._why_not(p_what text, p_owed timestamptz, p_dedupe text, t agenda.tasks, p agenda.preferences, p_at timestamptz,
                                           p_over timestamptz default null)
    returns jsonb
    language plpgsql stable as
$$
declare
    n        agenda.notifications;
    v        pg_catalog.record;
    v_reason pg_catalog.text;
begin
    select * into n from agenda.notifications x where x.user_id = t.user_id and x.dedupe_key = p_dedupe;
    v := agenda._verdict(p, p_what, t.priority, greatest(p_owed, coalesce(t.owed_from, t.created_at)));
    v_reason := case
        when n.id is not null and n.held_until > p_at then 'held: ' || n.held_reason
        when n.merged_into is not null then 'told in a digest'
        when n.withdrawn_at <= p_at then 'withdrawn: the task was changed, done or deleted'
        when n.id is not null and n.created_at > p_at and n.scheduled_for > p_at then 'not yet'
        when n.id is not null then 'told'
        when t.deleted_at <= p_at then 'the task is deleted'
        when not agenda._is_open(t.status) and p_owed > coalesce(t.completed_at, t.updated_at) then 'the task was ' || t.status || ' before'
        when p_owed is null then 'the task has no due date'
        when p_owed > p_at then 'not yet'
        when v.verdict = 'drop' then 'preferences: ' || v.reason
        when p_owed < coalesce(t.owed_from, t.created_at) and (p_what = 'reminder' or p_over <= coalesce(t.owed_from, t.created_at)) then 'its time had passed when the task was made'
        when v.verdict = 'hold' then 'held: ' || v.reason
        when exists (select from agenda.timers m where m.user_id = t.user_id and m.entity_id = t.id and m.fire_at <= p_at)
            then 'owed; the scanner has not come to it'
        else 'told together with something else, or before the due date was set'
    end;
    return jsonb_build_object('what', p_what, 'owed_at', agenda.utc(p_owed), 'told', coalesce(v_reason = 'told', false),
                              'reason', v_reason, 'notification_id', n.id, 'until', agenda.utc(coalesce(n.held_until, v.until)));
end
$$;
comment on function agenda._why_not(text, timestamptz, text, agenda.tasks, agenda.preferences, timestamptz, timestamptz) is 'internal: why one thing was told or not';

create or replace function agenda.why_not_notified(task_id uuid, at timestamptz default null) returns jsonb
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    v_at   constant pg_catalog.timestamptz := coalesce(at, agenda.now());
    p      constant agenda.preferences := agenda.get_preferences();
    t      agenda.tasks;
begin
    select * into t from agenda.tasks k where k.user_id = v_user and k.id = why_not_notified.task_id;
    if not found then
        perform agenda._not_found('task', task_id);
    end if;
    return jsonb_build_object(
        'task_id', t.id,
        'at', agenda.utc(v_at),
        'status', t.status,
        'due_date', agenda.utc(t.due_date),
        'due_state', agenda.due_state(t),
        'states', (select jsonb_agg(agenda._why_not(w.what, agenda._fire_at(w.what, t, p),
                                                    format('%s:%s:%s', w.what, t.id, extract(epoch from t.due_date)), t, p, v_at,
                                                    agenda._fire_at(w.over, t, p)) order by w.n)
                     from unnest('{due_soon,due,overdue}'::text[], '{due,overdue}'::text[]) with ordinality w (what, over, n)),
        'reminders', (select coalesce(jsonb_agg(case
                          when r.state in ('expired', 'acknowledged', 'cancelled') then jsonb_build_object(
                              'what', 'reminder', 'reminder_id', r.id, 'owed_at', agenda.utc(agenda._reminder_at(r, t, p)),
                              'told', r.last_fired_at is not null, 'reason', 'the reminder is ' || r.state)
                          else agenda._why_not('reminder', coalesce(r.fire_at, agenda._reminder_at(r, t, p)),
                                   format('reminder:%s:%s', r.id, extract(epoch from coalesce(r.fire_at, agenda._reminder_at(r, t, p)))), t, p, v_at)
                               || jsonb_build_object('reminder_id', r.id) end order by r.created_at, r.id), '[]')
                        from agenda.reminders r where r.user_id = v_user and r.task_id = t.id));
end
$$;
comment on function agenda.why_not_notified(uuid, timestamptz) is 'for each state and reminder of a task: whether it has been told by a time, and if not, why';
