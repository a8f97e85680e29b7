-- ---- what else is done with tasks and series ---------------------------------------------------------
-- See 70_gateway.sql for how these functions are made.

create or replace function agenda.gw_skip_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    c      agenda.completion;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    c := agenda.skip_task(p_id, p_version);
    status := 200;
    etag := (c.task).version;
    body := agenda._completion_json(c);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_skip_task(uuid, text, text, uuid, bigint) is 'gateway: POST /tasks/{id}/skip';

create or replace function agenda.gw_cancel_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    c      agenda.completion;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    c := agenda.cancel_task(p_id, p_version);
    status := 200;
    etag := (c.task).version;
    body := agenda._completion_json(c);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_cancel_task(uuid, text, text, uuid, bigint) is 'gateway: POST /tasks/{id}/cancel';

create or replace function agenda.gw_reopen_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    t      agenda.tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    t := agenda.reopen_task(p_id, p_version);
    status := 200;
    etag := t.version;
    body := agenda.task_json(t);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_reopen_task(uuid, text, text, uuid, bigint) is 'gateway: POST /tasks/{id}/reopen';

create or replace function agenda.gw_restore_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    t      agenda.tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    t := agenda.restore_task(p_id, p_version);
    status := 200;
    etag := t.version;
    body := agenda.task_json(t);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_restore_task(uuid, text, text, uuid, bigint) is 'gateway: POST /tasks/{id}/restore';

create or replace function agenda.gw_undo(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := agenda._undo(agenda._text(p_body, 'undo_token'), 'undo_token');
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_undo(uuid, text, text, jsonb) is 'gateway: POST /tasks/undo';

create or replace function agenda.gw_task_history(
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
    -- an entry may have a megabyte
    body := format('{"items": [%s]}', (
        select string_agg(b.item, ',' order by b.seq)
          from (select a.item, a.seq, row_number() over w as n, sum(octet_length(a.item)) over w as bytes
                  from (select agenda._audit_json(h)::text as item, h.seq from agenda.task_history(p_id) h) a
                window w as (order by a.seq desc)) b
         where b.n <= 500 and (b.bytes <= 8388608 or b.n = 1)));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_task_history(uuid, text, text, uuid) is 'gateway: GET /tasks/{id}/history';

create or replace function agenda.gw_pause_recurring_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.recurring_tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.pause_recurring_task(p_id, agenda._text(p_body, 'until'), p_version);
    status := 200;
    etag := r.version;
    body := agenda.recurring_task_json(r);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_pause_recurring_task(uuid, text, text, uuid, jsonb, bigint) is 'gateway: POST /recurring-tasks/{id}/pause';

create or replace function agenda.gw_resume_recurring_task(
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
    r := agenda.resume_recurring_task(p_id, p_version);
    status := 200;
    etag := r.version;
    body := agenda.recurring_task_json(r);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_resume_recurring_task(uuid, text, text, uuid, bigint) is 'gateway: POST /recurring-tasks/{id}/resume';

-- Occurrences of a rule in a range, as instants; at most so many, since a rule may have one each second.
create or replace function agenda._gw_occurrences(p_rule agenda.rrule, p_dtstart timestamp, p_zone text,
                                                  p_from timestamptz, p_to timestamptz, p_limit integer) returns jsonb
    language plpgsql stable as
$$
declare
    v_items pg_catalog.jsonb := '[]';
    v_at    pg_catalog.timestamptz := p_from - interval '1 microsecond';
begin
    for i in 1 .. p_limit loop
        v_at := agenda.next_occurrence(p_rule, p_dtstart, p_zone, v_at);
        exit when v_at is null or v_at >= p_to;
        v_items := v_items || to_jsonb(agenda.utc(v_at));
    end loop;
    return v_items;
end
$$;
comment on function agenda._gw_occurrences(agenda.rrule, timestamp, text, timestamptz, timestamptz, integer) is 'engine: occurrences of a rule in a range';

create or replace function agenda.gw_list_occurrences(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none  text;
    r       agenda.recurring_tasks;
    v_limit constant integer := agenda._gw_page(p_query, 'limit', 20, 1000);
    v_from  timestamptz;
    v_to    timestamptz;
    v_wall  timestamp;
    v_key   timestamp;
    v_at    timestamptz;
    v_items jsonb := '[]';
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.get_recurring_task(p_id);
    v_from := coalesce(agenda._parse_time(p_query->>'from', r.timezone, 'from'), agenda.now());
    v_to := coalesce(agenda._parse_time(p_query->>'to', r.timezone, 'to'), 'infinity');
    if v_to < v_from then
        v_none := agenda._wrong_member(p_query, 'to', 'a time not before from');
    end if;
    -- a workday may lie behind its key
    v_wall := agenda.instant_to_local(v_from, r.timezone);
    v_key := agenda._next_key(r, v_wall - case r.business_shift when 'none' then interval '1 microsecond' else interval '32 days' end);
    while v_key is not null and jsonb_array_length(v_items) < v_limit loop
        v_at := agenda._key_due(r, v_key);
        exit when v_at >= v_to;
        if v_at >= v_from then
            v_items := v_items || to_jsonb(agenda.utc(v_at));
        else
            v_key := agenda._pass_day(r, v_key, v_wall);
        end if;
        v_key := agenda._next_key(r, v_key);
    end loop;
    status := 200;
    body := jsonb_build_object('items', v_items);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_list_occurrences(uuid, text, text, uuid, jsonb) is 'gateway: GET /recurring-tasks/{id}/occurrences';

create or replace function agenda.gw_preview_rule(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    v_rule  agenda.rrule;
    v_zone  text;
    v_start timestamptz;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    if agenda._text(p_body, 'rrule') is null then
        perform agenda._wrong_member(p_body, 'rrule', 'a rule');
    end if;
    v_rule := agenda._rule_of(agenda._text(p_body, 'rrule'), 'rrule');
    v_zone := coalesce(agenda._text(p_body, 'timezone'), agenda._user_zone(p_user));
    perform agenda._check_zone(v_zone);
    v_start := coalesce(agenda._parse_time(agenda._text(p_body, 'start_date'), v_zone, 'start_date'), date_trunc('second', agenda.now()));
    status := 200;
    body := jsonb_build_object(
        'rrule', v_rule::text,
        'text', agenda.describe(v_rule),
        'timezone', v_zone,
        -- as far as RFC 3339 goes
        'occurrences', agenda._gw_occurrences(v_rule, agenda.instant_to_local(v_start, v_zone), v_zone, v_start, '10000-01-01 00:00+00',
                                              least(greatest(coalesce(agenda._integer(p_body, 'count'), 10), 1), 100)));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_preview_rule(uuid, text, text, jsonb) is 'gateway: POST /rrule/preview';

-- ---- the audit log --------------------------------------------------------------------------------

create or replace function agenda._audit_json(a agenda.audit_log) returns jsonb
    language plpgsql stable as
$$
begin
    return jsonb_build_object(
        'id', a.event_id, 'at', agenda.utc(a.at), 'actor', a.actor, 'action', a.action,
        'entity', a.entity, 'entity_id', a.entity_id, 'before', a.before, 'after', a.after,
        'changed', a.changed, 'correlation_id', a.correlation_id);
end
$$;
comment on function agenda._audit_json(agenda.audit_log) is 'engine: an audit entry as REST shows it';

create or replace function agenda.gw_list_audit(
        p_user uuid, p_request_id text, p_traceparent text, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none   text;
    v_page   constant integer := agenda._gw_page(p_query, 'page', 1, 1000000);
    v_size   constant integer := agenda._gw_page(p_query, 'page_size', 20, 100);
    v_filter constant jsonb := p_query - '{page,page_size,cursor}'::text[];
    v_place  record;
    v_list   agenda.audit_log[];
    v_total  bigint;
    v_more   boolean;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    v_place := agenda._gw_place(p_query);
    v_total := agenda.count_audit(v_filter);
    if v_place.id is null then
        v_list := array(select a from agenda.list_audit(v_filter, v_page, v_size) a);
        v_more := v_page::bigint * v_size < v_total;
    else
        v_list := array(
            select a from agenda._filter_audit(p_user, v_filter) a
             where a.seq < v_place.sort_key
             order by a.seq desc
             limit v_size + 1);
        v_more := cardinality(v_list) > v_size;
    end if;
    status := 200;
    body := agenda._gw_slice(
        (select string_agg(agenda._audit_json(v_list[n])::text, ',' order by n)
           from generate_series(1, least(v_size, cardinality(v_list))) n),
        v_total, case when v_place.id is null then v_page end, v_size,
        case when v_more then
            agenda._gw_cursor(int8send((v_list[least(v_size, cardinality(v_list))]).seq),
                              (v_list[least(v_size, cardinality(v_list))]).event_id) end);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_list_audit(uuid, text, text, jsonb) is 'gateway: GET /audit';

-- ---- for operators --------------------------------------------------------------------------------

create or replace function agenda.gw_health(
        p_user uuid, p_request_id text, p_traceparent text,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    status := 200;
    body := agenda.health();
end
$$;
comment on function agenda.gw_health(uuid, text, text) is 'gateway: GET /operator/health';
