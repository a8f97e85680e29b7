-- ---- iCalendar over REST --------------------------------------------------------------------------------
-- See 70_gateway.sql for how these functions are made.  Here the body is no JSON but text/calendar.

create or replace function agenda.gw_export_ical(
        p_user uuid, p_request_id text, p_traceparent text, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := agenda.export_ical(coalesce(agenda._boolean(p_query, 'include_closed'), false), coalesce(agenda._boolean(p_query, 'as_events'), false));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_export_ical(uuid, text, text, jsonb) is 'gateway: GET /calendar.ics';

create or replace function agenda.gw_import_ical(
        p_user uuid, p_request_id text, p_traceparent text, p_body text,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := jsonb_build_object('items', coalesce((
        select jsonb_agg(jsonb_build_object('component', i.component, 'uid', i.uid, 'kind', i.kind, 'id', i.id, 'problem', i.problem))
          from agenda.import_ical(p_body) i), '[]'));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_import_ical(uuid, text, text, text) is 'gateway: POST /calendar.ics';
