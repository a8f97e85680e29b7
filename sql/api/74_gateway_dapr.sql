-- ---- what a Dapr sidecar delivers ------------------------------------------------------------------
-- CloudEvents, delivered at least once: source and id stand in agenda.inbox, in the transaction of what the
-- event did.  The answer is {"status": SUCCESS | DROP}; what may succeed later is an error, which the sidecar
-- takes for RETRY.  There is no user in the request: the event names one.

-- False: seen before.  An event that this log wrote itself has been acted upon where it was written.
create or replace function agenda._receive(p_event jsonb, p_topic text) returns boolean
    language plpgsql volatile as
$$
begin
    insert into agenda.inbox (source, id, topic)
    values (p_event->>'source', p_event->>'id', p_topic)
    on conflict do nothing;
    if not found then
        return false;
    end if;
    return p_event->>'source' <> format('/%s/%s',
        coalesce(nullif(current_setting('agenda.publisher_id', true), ''), nullif(current_setting('cluster_name'), ''), 'postgresql'),
        current_database());
end
$$;
comment on function agenda._receive(jsonb, text) is 'engine: notes an event in the inbox; true if it is to be acted upon';

-- The user that an event's data names, by id or external id.
create or replace function agenda._event_user(p_data jsonb) returns uuid
    language plpgsql volatile as
$$
declare
    v_name constant pg_catalog.text := coalesce(p_data->>'user_id', p_data->>'userId');
begin
    if v_name is null or octet_length(v_name) not between 1 and 255
       or jsonb_typeof(coalesce(p_data->'user_id', p_data->'userId')) not in ('string', 'number') then
        raise exception using errcode = 'YA006', message = 'the event names no user', column = 'data';
    end if;
    return agenda.user_id_of(v_name);
end
$$;
comment on function agenda._event_user(jsonb) is 'engine: the user of an event from outside';

create or replace function agenda._remind_of_event(p_event jsonb, p_user uuid) returns void
    language plpgsql volatile as
$$
declare
    v_data constant pg_catalog.jsonb := p_event->'data';
    v_type constant pg_catalog.text := coalesce(v_data->>'type', 'due');
    v_task agenda.tasks;
begin
    if v_data->>'task_id' is not null then
        v_task := agenda.get_task(agenda._uuid(v_data, 'task_id'));
    end if;
    insert into agenda.notifications (user_id, type, task_id, recurring_task_id, title, body, dedupe_key, scheduled_for)
    values (p_user, case when v_type in ('due_soon', 'due', 'overdue') then v_type else 'due' end,
            v_task.id, v_task.recurring_task_id,
            left(coalesce(v_data->>'title', v_task.title, 'Reminder'), 500),
            left(coalesce(v_data->>'message', v_data->>'body'), 2000),
            format('event:%s:%s', p_event->>'source', p_event->>'id'), agenda.now())
    on conflict (user_id, dedupe_key) do nothing;
end
$$;
comment on function agenda._remind_of_event(jsonb, uuid) is 'engine: a notification that somebody outside asks for';

create or replace function agenda._act_on_event(p_event jsonb, p_topic text) returns void
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._event_user(p_event->'data');
    v_none pg_catalog.text;
    v_done agenda.completion;
begin
    v_none := agenda._enter(v_user, null, p_event->>'traceparent');
    case p_topic
        when 'reminders' then
            v_none := agenda._remind_of_event(p_event, v_user);
        when 'task-completed' then
            v_done := agenda.complete_task(agenda._uuid(p_event->'data', 'task_id'));
        when 'audit' then
            v_none := agenda.emit(p_event->>'type', coalesce(p_event->>'subject', p_event->>'id'), p_event->'data');
    end case;
    v_none := agenda._leave();
end
$$;
comment on function agenda._act_on_event(jsonb, text) is 'engine: does what an event from outside says, for its user';

-- What can never succeed is dropped; the reason stands in the answer, which the sidecar logs.
create or replace function agenda._handle_event(p_event jsonb, p_topic text) returns text
    language plpgsql volatile as
$$
declare
    v_none pg_catalog.text;
begin
    if coalesce(jsonb_typeof(p_event->'id'), '') <> 'string' or coalesce(jsonb_typeof(p_event->'source'), '') <> 'string'
       or coalesce(jsonb_typeof(p_event->'type'), '') <> 'string' or coalesce(jsonb_typeof(p_event->'data'), '') <> 'object' then
        return jsonb_build_object('status', 'DROP', 'reason', 'not a CloudEvent with id, source, type and an object as data');
    elsif octet_length(p_event->>'id') > 255 or octet_length(p_event->>'source') > 1000 then
        return jsonb_build_object('status', 'DROP', 'reason', 'id is longer than 255 bytes, or source than 1000');
    end if;
    begin
        if agenda._receive(p_event, p_topic) then
            v_none := agenda._act_on_event(p_event, p_topic);
        end if;
    exception
        when data_exception or integrity_constraint_violation or program_limit_exceeded
             or sqlstate 'YA001' or sqlstate 'YA004' or sqlstate 'YA005' or sqlstate 'YA006' or sqlstate 'YA007' then
            return jsonb_build_object('status', 'DROP', 'reason', sqlerrm);
    end;
    return jsonb_build_object('status', 'SUCCESS');
end
$$;
comment on function agenda._handle_event(jsonb, text) is 'engine: SUCCESS or DROP for an event from outside';

create or replace function agenda.gw_event_reminders(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    status := 200;
    body := agenda._handle_event(p_body, 'reminders');
end
$$;
comment on function agenda.gw_event_reminders(uuid, text, text, jsonb) is 'gateway: POST /events/reminders';

create or replace function agenda.gw_event_audit(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    status := 200;
    body := agenda._handle_event(p_body, 'audit');
end
$$;
comment on function agenda.gw_event_audit(uuid, text, text, jsonb) is 'gateway: POST /events/audit';

create or replace function agenda.gw_event_task_completed(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    status := 200;
    body := agenda._handle_event(p_body, 'task-completed');
end
$$;
comment on function agenda.gw_event_task_completed(uuid, text, text, jsonb) is 'gateway: POST /events/task-completed';

-- A cron binding that asks for what the scanner does anyway.  It belongs to agenda_service (grants.sql), since
-- the engine has to see everybody's timers.  One at a time: a second caller has nothing to wait for.
create or replace function agenda.gw_event_reminder_check(
        p_user uuid, p_request_id text, p_traceparent text,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_raised integer;
begin
    status := 200;
    if not agenda._engine_lock('reminder check', false) then
        body := jsonb_build_object('status', 'SUCCESS', 'raised', 0, 'skipped', true);
        return;
    end if;
    select c.raised into v_raised from agenda.check_due_tasks() c;
    body := jsonb_build_object('status', 'SUCCESS', 'raised', v_raised, 'skipped', false);
end
$$;
comment on function agenda.gw_event_reminder_check(uuid, text, text) is 'gateway: POST /events/cron/reminder-check';
