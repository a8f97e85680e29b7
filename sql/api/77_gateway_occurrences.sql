-- ---- single occurrences of a series, and occurrences out of turn -------------------------------------
-- See 70_gateway.sql for how these functions are made.  An occurrence is named by its key, as the calendar shows it.

create or replace function agenda._gw_key(r agenda.recurring_tasks, p_body jsonb) returns timestamp
    language plpgsql stable as
$$
declare
    v_text constant pg_catalog.text := agenda._text(p_body, 'occurrence_key');
    v_key  pg_catalog.record;
begin
    if v_text is null then
        perform agenda._wrong_member(p_body, 'occurrence_key', 'the key of an occurrence');
    end if;
    v_key := agenda._read_due(v_text, 'occurrence_key');
    -- an instant is the wall-clock time that the zone of the series makes of it
    return coalesce(v_key.wall, agenda.instant_to_local(v_key.instant, r.timezone));
end
$$;
comment on function agenda._gw_key(agenda.recurring_tasks, jsonb) is 'engine: the member occurrence_key';

create or replace function agenda._gw_occurrence_patch(p_body jsonb) returns jsonb
    language sql immutable
    return (select jsonb_object_agg(e.key, e.value) from jsonb_each(p_body) e
             where e.key = any ('{title,description,priority,tags,checklist,due_date,timezone,recurrence_rule}'));
comment on function agenda._gw_occurrence_patch(jsonb) is 'engine: what a body says of an occurrence; null: nothing';

create or replace function agenda._occurrence_json(o agenda.occurrence) returns jsonb
    language plpgsql stable as
$$
begin
    return jsonb_build_object(
        'occurrence_key', to_char(o.occurrence_key, 'YYYY-MM-DD"T"HH24:MI:SS'), 'due_at', agenda.utc(o.due_at),
        'title', o.title, 'source', o.source, 'task_id', o.task_id);
end
$$;
comment on function agenda._occurrence_json(agenda.occurrence) is 'engine: an occurrence as REST shows it';

create or replace function agenda.gw_add_occurrence(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.recurring_tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.get_recurring_task(p_id);
    status := 200;
    body := agenda._occurrence_json(agenda.add_occurrence(p_id, agenda._gw_key(r, p_body), agenda._gw_occurrence_patch(p_body)));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_add_occurrence(uuid, text, text, uuid, jsonb) is 'gateway: POST /recurring-tasks/{id}/occurrences';

create or replace function agenda.gw_patch_occurrence(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.recurring_tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.get_recurring_task(p_id);
    status := 200;
    body := agenda._occurrence_json(agenda.patch_occurrence(p_id, agenda._gw_key(r, p_body), coalesce(agenda._gw_occurrence_patch(p_body), '{}'),
                                                             coalesce(agenda._text(p_body, 'scope'), 'this')));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_patch_occurrence(uuid, text, text, uuid, jsonb) is 'gateway: PATCH /recurring-tasks/{id}/occurrences';

create or replace function agenda.gw_skip_occurrence(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.recurring_tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.get_recurring_task(p_id);
    r := agenda.skip_occurrence(p_id, agenda._gw_key(r, p_body), agenda._text(p_body, 'reason'));
    status := 200;
    etag := r.version;
    body := agenda.recurring_task_json(r);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_skip_occurrence(uuid, text, text, uuid, jsonb) is 'gateway: POST /recurring-tasks/{id}/occurrences/skip';

create or replace function agenda.gw_complete_occurrence(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.recurring_tasks;
    c      agenda.completion;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.get_recurring_task(p_id);
    c := agenda.complete_occurrence(p_id, agenda._gw_key(r, p_body));
    status := 200;
    etag := (c.task).version;
    body := agenda._completion_json(c);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_complete_occurrence(uuid, text, text, uuid, jsonb) is 'gateway: POST /recurring-tasks/{id}/occurrences/complete';

create or replace function agenda.gw_trigger_recurring_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    t      agenda.tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    t := agenda.trigger_recurring_task(p_id);
    status := 201;
    etag := t.version;
    location := '/api/tasks/' || t.id;
    body := agenda.task_json(t);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_trigger_recurring_task(uuid, text, text, uuid) is 'gateway: POST /recurring-tasks/{id}/trigger';

create or replace function agenda.gw_backfill_recurring_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.recurring_tasks;
    v_from timestamptz;
    v_to   timestamptz;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.get_recurring_task(p_id);
    v_from := agenda._parse_time(agenda._text(p_body, 'from'), r.timezone, 'from');
    v_to := coalesce(agenda._parse_time(agenda._text(p_body, 'to'), r.timezone, 'to'), agenda.now());
    if v_from is null or v_from > v_to then
        v_none := agenda._wrong_member(p_body, 'from', 'a time, and not later than "to"');
    end if;
    status := 200;
    body := jsonb_build_object('items', coalesce((
        select jsonb_agg(agenda.task_json(t) order by t.occurrence_key)
          from agenda.backfill_recurring_task(p_id, v_from, v_to, agenda._gw_page(p_body, 'limit', 100, 1000)) t), '[]'));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_backfill_recurring_task(uuid, text, text, uuid, jsonb) is 'gateway: POST /recurring-tasks/{id}/backfill';

-- What a body would make of a series, or of none.
create or replace function agenda._gw_preview(p_id uuid, p_body jsonb) returns text
    language plpgsql stable as
$$
begin
    return jsonb_build_object('items', coalesce((
        select jsonb_agg(agenda._occurrence_json(o))
          from agenda.preview_recurring_task(p_id, agenda._gw_page(p_body, 'count', 10, 1000),
                                               agenda._gw_known(p_body, agenda._series_members())) o), '[]'));
end
$$;
comment on function agenda._gw_preview(uuid, jsonb) is 'engine: body of a preview';

create or replace function agenda.gw_preview_recurring_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := agenda._gw_preview(p_id, p_body);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_preview_recurring_task(uuid, text, text, uuid, jsonb) is 'gateway: POST /recurring-tasks/{id}/preview';

create or replace function agenda.gw_preview_new_recurring_task(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := agenda._gw_preview(null, p_body);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_preview_new_recurring_task(uuid, text, text, jsonb) is 'gateway: POST /recurring-tasks/preview';
