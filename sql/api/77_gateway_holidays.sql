-- ---- days off ---------------------------------------------------------------------------------------
-- See 70_gateway.sql for how these functions are made.

create or replace function agenda._gw_day(p_body jsonb, p_member text) returns date
    language plpgsql stable
    set datestyle = 'ISO' as
$$
declare
    v_text constant pg_catalog.text := agenda._text(p_body, p_member);
begin
    if v_text !~ '^\d{4}-\d{2}-\d{2}$' then
        perform agenda._wrong_member(p_body, p_member, 'a day as in 2031-12-24');
    end if;
    return v_text::date;
exception when datetime_field_overflow then
    perform agenda._wrong_member(p_body, p_member, 'a day that there is');
    return null;
end
$$;
comment on function agenda._gw_day(jsonb, text) is 'engine: a member that is a day, null where absent';

create or replace function agenda._holiday_json(h agenda.holidays) returns jsonb
    language plpgsql stable as
$$
begin
    return jsonb_build_object('day', to_char(h.day, 'YYYY-MM-DD'), 'calendar', h.calendar, 'label', h.label, 'shared', h.user_id is null);
end
$$;
comment on function agenda._holiday_json(agenda.holidays) is 'engine: a day off as REST shows it';

create or replace function agenda.gw_list_holidays(
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
    body := jsonb_build_object('items', coalesce((
        select jsonb_agg(agenda._holiday_json(h) order by h.day, h.calendar)
          from agenda.list_holidays(agenda._gw_day(p_query, 'from_day'), agenda._gw_day(p_query, 'to_day')) h), '[]'));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_list_holidays(uuid, text, text, jsonb) is 'gateway: GET /users/me/holidays';

create or replace function agenda.gw_set_holiday(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    v_day  constant date := agenda._gw_day(p_body, 'day');
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    if v_day is null then
        v_none := agenda._wrong_member(p_body, 'day', 'a day as in 2031-12-24');
    end if;
    status := 200;
    body := agenda._holiday_json(agenda.set_holiday(v_day, coalesce(agenda._text(p_body, 'calendar'), 'own'), agenda._text(p_body, 'label')));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_set_holiday(uuid, text, text, jsonb) is 'gateway: PUT /users/me/holidays';

create or replace function agenda.gw_remove_holiday(
        p_user uuid, p_request_id text, p_traceparent text, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    v_day  constant date := agenda._gw_day(p_query, 'day');
    v_was  boolean;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    if v_day is null then
        v_none := agenda._wrong_member(p_query, 'day', 'a day as in 2031-12-24');
    end if;
    v_was := agenda.remove_holiday(v_day, coalesce(p_query->>'calendar', 'own'));
    status := 204;
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_remove_holiday(uuid, text, text, jsonb) is 'gateway: DELETE /users/me/holidays';
