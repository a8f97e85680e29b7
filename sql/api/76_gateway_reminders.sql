-- ---- reminders, snoozing, calendar ---------------------------------------------------------------------
-- See 70_gateway.sql for how these functions are made.

-- An interval of a body, as PostgreSQL writes it ('10 minutes') or in ISO 8601 ('PT10M').
create or replace function agenda._gw_interval(p_body jsonb, p_member text) returns interval
    language plpgsql stable as
$$
begin
    return agenda._text(p_body, p_member)::interval;
exception when data_exception then
    perform agenda._wrong_member(p_body, p_member, 'a duration as in "10 minutes" or "PT10M"');
    return null;
end
$$;
comment on function agenda._gw_interval(jsonb, text) is 'engine: a member that is a duration';

create or replace function agenda._gw_snooze(p_user uuid, p_body jsonb, out for_time interval, out until_at timestamptz)
    language plpgsql stable as
$$
begin
    for_time := coalesce(agenda._gw_interval(p_body, 'for_time'), interval '10 minutes');
    until_at := agenda._parse_time(agenda._text(p_body, 'until_at'), agenda._user_zone(p_user), 'until_at');
end
$$;
comment on function agenda._gw_snooze(uuid, jsonb) is 'engine: for how long, or until when, a body snoozes';

create or replace function agenda.gw_list_reminders(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := jsonb_build_object('items', coalesce((select jsonb_agg(agenda.reminder_json(r)) from agenda.list_reminders(p_id) r), '[]'));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_list_reminders(uuid, text, text, uuid) is 'gateway: GET /tasks/{id}/reminders';

create or replace function agenda.gw_add_reminder(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.reminders;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    v_none := agenda._check_object(p_body);
    r := agenda._add_reminder(agenda.get_task(p_id), p_body);
    status := 201;
    location := '/api/reminders/' || r.id;
    body := agenda.reminder_json(r);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_add_reminder(uuid, text, text, uuid, jsonb) is 'gateway: POST /tasks/{id}/reminders';

create or replace function agenda.gw_clear_reminders(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    v_none := agenda._set_reminders(agenda._lock_task(p_user, p_id, null), '[]');
    status := 204;
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_clear_reminders(uuid, text, text, uuid) is 'gateway: DELETE /tasks/{id}/reminders';

create or replace function agenda.gw_get_reminder(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.reminders;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.get_reminder(p_id);
    status := 200;
    body := agenda.reminder_json(r);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_get_reminder(uuid, text, text, uuid) is 'gateway: GET /reminders/{id}';

create or replace function agenda.gw_update_reminder(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.reminders;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.update_reminder(p_id, p_body);
    status := 200;
    body := agenda.reminder_json(r);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_update_reminder(uuid, text, text, uuid, jsonb) is 'gateway: PATCH /reminders/{id}';

create or replace function agenda.gw_delete_reminder(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    v_done boolean;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    v_done := agenda.delete_reminder(p_id);
    status := 204;
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_delete_reminder(uuid, text, text, uuid) is 'gateway: DELETE /reminders/{id}';

create or replace function agenda.gw_snooze_reminder(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    v_how  record;
    r      agenda.reminders;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    v_how := agenda._gw_snooze(p_user, p_body);
    r := agenda.snooze_reminder(p_id, v_how.for_time, v_how.until_at);
    status := 200;
    body := agenda.reminder_json(r);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_snooze_reminder(uuid, text, text, uuid, jsonb) is 'gateway: POST /reminders/{id}/snooze';

create or replace function agenda.gw_snooze_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    v_how  record;
    t      agenda.tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    v_how := agenda._gw_snooze(p_user, p_body);
    t := agenda.snooze(p_id, v_how.for_time, v_how.until_at, agenda._boolean(p_body, 'move_due'));
    status := 200;
    etag := t.version;
    body := agenda.task_json(t);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_snooze_task(uuid, text, text, uuid, jsonb) is 'gateway: POST /tasks/{id}/snooze';

create or replace function agenda.gw_snooze_notification(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    v_how  record;
    n      agenda.notifications;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    v_how := agenda._gw_snooze(p_user, p_body);
    n := agenda.snooze_notification(p_id, v_how.for_time, v_how.until_at);
    status := 200;
    body := agenda.notification_json(n);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_snooze_notification(uuid, text, text, uuid, jsonb) is 'gateway: POST /notifications/{id}/snooze';

create or replace function agenda.gw_calendar(
        p_user uuid, p_request_id text, p_traceparent text, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    v_zone text;
    v_from timestamptz;
    v_to   timestamptz;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    v_zone := agenda._user_zone(p_user);
    v_from := coalesce(agenda._parse_time(p_query->>'from', v_zone, 'from'), agenda.now());
    v_to := coalesce(agenda._parse_time(p_query->>'to', v_zone, 'to'), v_from + interval '31 days');
    if v_to < v_from or v_to - v_from > interval '400 days' then
        v_none := agenda._wrong_member(p_query, 'to', 'a time not before from, 400 days later at most');
    end if;
    status := 200;
    body := jsonb_build_object('items', coalesce((
        select jsonb_agg(jsonb_build_object(
                   'at', agenda.utc(c.at), 'kind', c.kind, 'title', c.title, 'status', c.status, 'priority', c.priority,
                   'due_kind', c.due_kind, 'task_id', c.task_id, 'recurring_task_id', c.recurring_task_id,
                   'occurrence_key', to_char(c.occurrence_key, 'YYYY-MM-DD"T"HH24:MI:SS')))
          from agenda.calendar(v_from, v_to, coalesce(agenda._boolean(p_query, 'include_closed'), false)) c), '[]'));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_calendar(uuid, text, text, jsonb) is 'gateway: GET /calendar';

create or replace function agenda.gw_restore_recurring_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.recurring_tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.restore_recurring_task(p_id, p_version);
    status := 200;
    etag := r.version;
    body := agenda.recurring_task_json(r);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_restore_recurring_task(uuid, text, text, uuid, bigint) is 'gateway: POST /recurring-tasks/{id}/restore';
