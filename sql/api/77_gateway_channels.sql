-- ---- channels and deliveries ------------------------------------------------------------------------
-- See 70_gateway.sql for how these functions are made.

create or replace function agenda.gw_list_channels(
        p_user uuid, p_request_id text, p_traceparent text,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := jsonb_build_object('items', coalesce((select jsonb_agg(agenda._row_json(c) order by c.created_at, c.id) from agenda.list_channels() c), '[]'));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_list_channels(uuid, text, text) is 'gateway: GET /channels';

create or replace function agenda.gw_add_channel(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    v_made jsonb;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    v_made := agenda.add_channel(
        kind => agenda._text(p_body, 'kind'),
        address => agenda._text(p_body, 'address'),
        name => agenda._text(p_body, 'name'),
        types => case when p_body->'types' <> 'null' then agenda._tags(p_body, 'types') end);
    status := 201;
    location := '/api/channels/' || (v_made->>'id');
    body := v_made;
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_add_channel(uuid, text, text, jsonb) is 'gateway: POST /channels';

create or replace function agenda.gw_get_channel(
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
    body := agenda._row_json(agenda._channel(p_id));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_get_channel(uuid, text, text, uuid) is 'gateway: GET /channels/{id}';

create or replace function agenda.gw_update_channel(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := agenda._row_json(agenda.update_channel(p_id, p_body));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_update_channel(uuid, text, text, uuid, jsonb) is 'gateway: PATCH /channels/{id}';

create or replace function agenda.gw_delete_channel(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    c      agenda.channels;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    c := agenda.delete_channel(p_id);
    status := 204;
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_delete_channel(uuid, text, text, uuid) is 'gateway: DELETE /channels/{id}';

create or replace function agenda.gw_confirm_channel(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := agenda._row_json(agenda.confirm_channel(p_id, agenda._text(p_body, 'code')));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_confirm_channel(uuid, text, text, uuid, jsonb) is 'gateway: POST /channels/{id}/confirm';

create or replace function agenda.gw_test_channel(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 202;
    body := jsonb_build_object('delivery_id', agenda.test_channel(p_id));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_test_channel(uuid, text, text, uuid) is 'gateway: POST /channels/{id}/test';

create or replace function agenda.gw_rotate_channel_secret(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := jsonb_build_object('secret', agenda.rotate_channel_secret(p_id));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_rotate_channel_secret(uuid, text, text, uuid) is 'gateway: POST /channels/{id}/rotate-secret';

create or replace function agenda._delivery_json(d agenda.deliveries) returns jsonb
    language plpgsql stable as
$$
begin
    return agenda._row_json(d, '{claimed}');
end
$$;
comment on function agenda._delivery_json(agenda.deliveries) is 'engine: a delivery as REST shows it';

create or replace function agenda.gw_list_deliveries(
        p_user uuid, p_request_id text, p_traceparent text, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    v_page    constant integer := agenda._gw_page(p_query, 'page', 1, 1000000);
    v_size    constant integer := agenda._gw_page(p_query, 'page_size', 20, 100);
    v_channel constant uuid := agenda._uuid(p_query, 'channel_id');
    v_state   constant text := p_query->>'state';
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    if v_state is not null then
        v_none := agenda._check_word(v_state, '{queued,sent,failed,cancelled}', 'state');
    end if;
    status := 200;
    body := agenda._gw_list(
        (select jsonb_agg(agenda._delivery_json(d)) from agenda.list_deliveries(v_channel, v_state, v_page, v_size) d),
        (select count(*) from agenda.deliveries d
          where d.user_id = p_user and (v_channel is null or d.channel_id = v_channel) and (v_state is null or d.status = v_state)),
        v_page, v_size);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_list_deliveries(uuid, text, text, jsonb) is 'gateway: GET /deliveries';

create or replace function agenda.gw_retry_delivery(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := agenda._delivery_json(agenda.retry_delivery(p_id));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_retry_delivery(uuid, text, text, uuid) is 'gateway: POST /deliveries/{id}/retry';

-- ---- why somebody was told, or was not ---------------------------------------------------------------

create or replace function agenda.gw_why_notified(
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
    body := agenda.why_notified(p_id);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_why_notified(uuid, text, text, uuid) is 'gateway: GET /notifications/{id}/why';

create or replace function agenda.gw_why_not_notified(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := agenda.why_not_notified(p_id, agenda._parse_time(p_query->>'at', agenda._user_zone(p_user), 'at'));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_why_not_notified(uuid, text, text, uuid, jsonb) is 'gateway: GET /tasks/{id}/why-not-notified';

-- The engine runs ahead and is rolled back; an occurrence that is no task yet has no id that would last.
create or replace function agenda.gw_forecast_notifications(
        p_user uuid, p_request_id text, p_traceparent text, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
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
    v_to := coalesce(agenda._parse_time(p_query->>'to', v_zone, 'to'), v_from + interval '7 days');
    if v_to < v_from or v_to > agenda.now() + interval '31 days' then
        v_none := agenda._wrong_member(p_query, 'to', 'a time after from, 31 days from now at most');
    end if;
    status := 200;
    body := jsonb_build_object('items', coalesce((
        select jsonb_agg(jsonb_build_object(
                   'at', agenda.utc(f.at), 'type', f.notification->'type', 'title', f.notification->'title', 'body', f.notification->'body',
                   'task_id', (select t.id from agenda.tasks t where t.user_id = p_user and t.id = f.task_id),
                   'recurring_task_id', f.notification->'recurring_task_id', 'scheduled_for', f.notification->'scheduled_for') order by f.at, f.n)
          from agenda.forecast_notifications(v_from, v_to, agenda._gw_page(p_query, 'limit', 100, 1000))
               with ordinality f(at, what, task_id, title, notification, n)), '[]'));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_forecast_notifications(uuid, text, text, jsonb) is 'gateway: GET /notifications/forecast';
