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

-- Who inserts a task by create_task() waits for whoever deletes the user, and the other way round (extension/user.c).
create or replace function agenda._user_before() returns trigger
    language c as 'MODULE_PATHNAME', 'agenda_user_before';
comment on function agenda._user_before() is 'internal: holds up new tasks of a user who is deleted or gets another id';

create or replace function agenda._lock_user(p_user_id uuid) returns void
    language c volatile strict as 'MODULE_PATHNAME', 'agenda_lock_user';
comment on function agenda._lock_user(uuid) is 'engine: nobody inserts tasks of this user before the end of the transaction';

create or replace function agenda.act_as(user_id uuid) returns void
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_act_as';
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
    language c stable parallel safe as 'MODULE_PATHNAME', 'agenda_check_zone';
comment on function agenda._check_zone(text) is 'internal: raises YA004 for a zone that is not known';

create or replace function agenda._parse_time(p_value text, p_zone text, p_field text) returns timestamptz
    language c stable parallel safe as 'MODULE_PATHNAME', 'agenda_parse_time';
comment on function agenda._parse_time(text, text, text) is 'internal: RFC 3339 or wall-clock text to an instant';

create or replace function agenda._read_due(p_value text, p_field text, out kind text, out wall timestamp, out instant timestamptz)
    language c stable parallel safe as 'MODULE_PATHNAME', 'agenda_read_due_sql';
comment on function agenda._read_due(text, text) is 'internal: kind and value of a due date: a day, a wall-clock time or an instant';

-- ---- small helpers of the domain ---------------------------------------------------------------

create or replace function agenda._acting_user() returns uuid
    language c stable parallel restricted as 'MODULE_PATHNAME', 'agenda_acting_user';
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

