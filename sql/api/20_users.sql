-- ---- users and identity ------------------------------------------------------------------------

-- Makes the user's row if there is none.  Where nothing can be written (a standby) the user is
-- unknown and sees nothing, which is the truth.
create or replace function agenda._ensure_user(p_user_id uuid) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    perform agenda._enter(p_user_id);
    if not exists (select from agenda.users where id = p_user_id)
       and not current_setting('transaction_read_only')::boolean then
        insert into agenda.users (id) values (p_user_id) on conflict do nothing;
    end if;
    perform agenda._leave();
end
$$;
comment on function agenda._ensure_user(uuid) is 'engine: the user''s row exists afterwards';

create or replace function agenda.act_as(user_id uuid) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    if act_as.user_id is not null then
        perform agenda._ensure_user(act_as.user_id);
    end if;
    perform agenda._set_identity(act_as.user_id);
end
$$;
comment on function agenda.act_as(uuid) is 'application: act for this user until the end of the transaction (null: for nobody); undone by ROLLBACK TO SAVEPOINT';

-- An external id that has the form of a uuid is its own id; any other is mapped once.
create or replace function agenda.user_id_of(external_id text) returns uuid
    language plpgsql volatile strict security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_id uuid;
begin
    if external_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        v_id := external_id::uuid;
        perform agenda._ensure_user(v_id);
        return v_id;
    end if;
    v_id := agenda._find_external_user(external_id);
    if v_id is null then
        v_id := agenda.uuid7();
        perform agenda._enter(v_id);
        insert into agenda.users (id, external_id) values (v_id, user_id_of.external_id)
            on conflict do nothing;
        perform agenda._leave();
        -- somebody else may have been first
        v_id := agenda._find_external_user(external_id);
    end if;
    return v_id;
end
$$;
comment on function agenda.user_id_of(text) is 'application: the user''s id for the name by which the application knows the user; makes the user at first sight';

create or replace function agenda._user_zone(p_user_id uuid) returns text
    language sql stable
    begin atomic
        select coalesce((select p.timezone from agenda.preferences p where p.user_id = p_user_id), 'UTC');
    end;
comment on function agenda._user_zone(uuid) is 'internal: the zone that the user has chosen';

create or replace function agenda._check_zone(p_zone text) returns void
    language plpgsql stable as
$$
begin
    if p_zone is not null and not agenda.timezone_known(p_zone) then
        raise exception using errcode = 'YA004',
            message = format('time zone "%s" is not known', left(p_zone, 100)),
            hint = 'Use a name of the IANA time zone database, as in Europe/Berlin.',
            column = 'timezone';
    end if;
end
$$;
comment on function agenda._check_zone(text) is 'internal: raises YA004 for a zone that is not known';

create or replace function agenda._parse_time(p_value text, p_zone text, p_field text) returns timestamptz
    language c stable parallel safe as 'MODULE_PATHNAME', 'agenda_parse_time';
comment on function agenda._parse_time(text, text, text) is 'internal: RFC 3339 or wall-clock text to an instant';

-- ---- preferences -------------------------------------------------------------------------------

-- What the caller may see of a user's preferences, defaults where that is nothing.
create or replace function agenda._visible_preferences(p_user_id uuid) returns agenda.preferences
    language plpgsql stable as
$$
declare
    v_row agenda.preferences;
begin
    select * into v_row from agenda.preferences p where p.user_id = p_user_id;
    if not found then
        v_row := agenda._default_preferences(p_user_id);
    end if;
    return v_row;
end
$$;
comment on function agenda._visible_preferences(uuid) is 'internal: a user''s preferences as far as the caller sees them';

create or replace function agenda.get_preferences() returns agenda.preferences
    language plpgsql stable as
$$
begin
    return agenda._visible_preferences(agenda._acting_user());
end
$$;
comment on function agenda.get_preferences() is 'the acting user''s preferences, defaults where nothing was chosen';

create or replace function agenda._default_preferences(p_user_id uuid) returns agenda.preferences
    language sql stable
    return row(p_user_id, 'UTC', interval '24 hours', interval '15 minutes', true,
               '{due_soon,due,overdue}'::text[], time '09:00', '[]'::jsonb, 0::bigint, null::timestamptz)::agenda.preferences;
comment on function agenda._default_preferences(uuid) is 'internal: preferences of a user who has chosen nothing';

-- RFC 7396: members that are absent stay, null puts a member back to its default.
create or replace function agenda.set_preferences(patch jsonb, expected_version bigint default null)
    returns agenda.preferences
    language plpgsql volatile as
$$
declare
    v_user    uuid := agenda._acting_user();
    v_default agenda.preferences := agenda._default_preferences(v_user);
    v_row     agenda.preferences;
begin
    perform agenda._check_object(patch);
    insert into agenda.preferences (user_id) values (v_user) on conflict do nothing;
    select * into v_row from agenda.preferences p where p.user_id = v_user for update;
    perform agenda._check_version(expected_version, v_row.version);
    begin
        v_row.timezone := case when patch ? 'timezone'
            then coalesce(patch->>'timezone', v_default.timezone) else v_row.timezone end;
        v_row.due_soon_window := case when patch ? 'due_soon_window'
            then coalesce((patch->>'due_soon_window')::interval, v_default.due_soon_window) else v_row.due_soon_window end;
        v_row.overdue_grace := case when patch ? 'overdue_grace'
            then coalesce((patch->>'overdue_grace')::interval, v_default.overdue_grace) else v_row.overdue_grace end;
        v_row.notifications_enabled := case when patch ? 'notifications_enabled'
            then coalesce((patch->>'notifications_enabled')::boolean, true) else v_row.notifications_enabled end;
        v_row.all_day_time := case when patch ? 'all_day_time'
            then coalesce((patch->>'all_day_time')::time, v_default.all_day_time) else v_row.all_day_time end;
        v_row.enabled_types := case when patch ? 'enabled_types'
            then coalesce((select array_agg(e) from jsonb_array_elements_text(nullif(patch->'enabled_types', 'null')) e),
                          case when jsonb_typeof(patch->'enabled_types') = 'array' then '{}' else v_default.enabled_types end)
            else v_row.enabled_types end;
    exception when data_exception then
        raise exception using errcode = 'YA006', message = 'a preference has the wrong form', detail = sqlerrm;
    end;
    update agenda.preferences p
       set timezone = v_row.timezone, due_soon_window = v_row.due_soon_window,
           overdue_grace = v_row.overdue_grace, notifications_enabled = v_row.notifications_enabled,
           enabled_types = v_row.enabled_types, all_day_time = v_row.all_day_time
     where p.user_id = v_user
    returning * into v_row;
    return v_row;
end
$$;
comment on function agenda.set_preferences(jsonb, bigint) is 'changes the acting user''s preferences: absent members stay, null restores the default';

create or replace function agenda._preferences_before() returns trigger
    language plpgsql as
$$
begin
    perform agenda._check_zone(new.timezone);
    if tg_op = 'INSERT' then
        -- 0 is the version of having chosen nothing
        new.version := (agenda.preferences_json(new) - 'version'
                        <> agenda.preferences_json(agenda._default_preferences(new.user_id)) - 'version')::integer;
    else
        if new is not distinct from old then
            return new;
        end if;
        new.version := old.version + 1;
        new.updated_at := agenda.now();
    end if;
    return new;
end
$$;
comment on function agenda._preferences_before() is 'internal: validates preferences and counts their changes';

create or replace function agenda.preferences_json(p agenda.preferences) returns jsonb
    language plpgsql stable
    set intervalstyle = 'postgres' as
$$
begin
    return jsonb_build_object(
        'timezone', p.timezone,
        'due_soon_window', p.due_soon_window::text,
        'overdue_grace', p.overdue_grace::text,
        'notifications_enabled', p.notifications_enabled,
        'enabled_types', p.enabled_types,
        'all_day_time', p.all_day_time::text,
        'version', p.version);
end
$$;
comment on function agenda.preferences_json(agenda.preferences) is 'preferences as REST and events show them';

-- ---- small helpers of the domain ---------------------------------------------------------------

create or replace function agenda._acting_user() returns uuid
    language plpgsql stable as
$$
declare
    v_user uuid := agenda.current_user_id();
begin
    if v_user is null then
        raise exception using errcode = 'YA009',
            message = 'nobody is acting',
            hint = 'Call agenda.act_as(user_id) in this transaction first.';
    end if;
    return v_user;
end
$$;
comment on function agenda._acting_user() is 'internal: the acting user, or YA009';

create or replace function agenda._check_version(p_expected bigint, p_actual bigint) returns void
    language plpgsql immutable as
$$
begin
    if p_expected is not null and p_expected <> p_actual then
        raise exception using errcode = 'YA002',
            message = format('version %s is not the current one', p_expected),
            detail = format('The current version is %s.', p_actual),
            hint = 'Read it again and repeat the change.';
    end if;
end
$$;
comment on function agenda._check_version(bigint, bigint) is 'internal: raises YA002 when somebody else was faster';

create or replace function agenda._not_found(p_what text, p_id uuid) returns void
    language plpgsql immutable as
$$
begin
    raise exception using errcode = 'YA001', message = format('%s "%s" does not exist', p_what, p_id);
end
$$;
comment on function agenda._not_found(text, uuid) is 'internal: raises YA001; the same for an unknown id and for another user''s';

create or replace function agenda._find_external_user(p_external_id text) returns uuid
    language c volatile strict as 'MODULE_PATHNAME', 'agenda_find_external_user';
comment on function agenda._find_external_user(text) is 'engine: looks past row-level security for the id of an external id';

create or replace function agenda._refuse_truncate() returns trigger
    language plpgsql as
$$
begin
    raise exception using errcode = 'YA012',
        message = format('table "%s" cannot be truncated', tg_table_name),
        detail = 'TRUNCATE would leave no event in the log.',
        hint = 'Use DELETE.';
end
$$;
comment on function agenda._refuse_truncate() is 'internal: trigger that refuses TRUNCATE';

