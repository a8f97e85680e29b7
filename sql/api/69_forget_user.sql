-- ---- forgetting a user -------------------------------------------------------------------------
-- The one permitted DELETE on the log.  Everything that carries the user's id goes: rows of every table of
-- this schema that has a user_id (found in the catalog, so that a new table is not forgotten), dead letters
-- and log.  What stays is one event without personal data, user.forgotten, by which consumers can do the same.

-- Rows of one table, its number.
create or replace function agenda._forget_rows(p_table regclass, p_column name, p_user uuid) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_rows bigint;
begin
    execute format('delete from %s where %I = $1', p_table, p_column) using p_user;
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;
comment on function agenda._forget_rows(regclass, name, uuid) is 'engine: deletes the rows of a user from one table';

create or replace function agenda._check_published(p_user uuid) returns void
    language plpgsql volatile as
$$
declare
    v_waiting bigint := (select b.events from agenda._log_backlog(1, p_user) b);
begin
    if v_waiting > 0 then
        raise exception using errcode = 'YA007', message = 'events of the user have not been published yet',
            detail = 'Deleted now, consumers would never learn of these changes.',
            hint = 'Try again when agenda.log_position() has no lag, or call forget_user(user_id, even_unpublished => true).';
    end if;
end
$$;
comment on function agenda._check_published(uuid) is 'engine: raises YA007 as long as the log owes events of a user';

-- Younger tables refer to older ones, so they come first; the log is last, when every transaction that had
-- the user's things locked is over and its events can be seen.
create or replace function agenda._forget_everything(p_user uuid, p_even_unpublished boolean) returns jsonb
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_table  regclass;
    v_name   name;
    v_column name;
    v_rows   bigint;
    v_counts jsonb := '{}';
begin
    for v_table, v_name, v_column in
        select c.oid, c.relname, a.attname
          from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'agenda'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and not a.attisdropped and a.attnum > 0
           and (a.attname = 'user_id' or (c.relname = 'users' and a.attname = 'id'))
         order by c.relname = 'events', c.oid desc
    loop
        if v_name = 'events' and not p_even_unpublished then
            perform agenda._check_published(p_user);
        end if;
        v_rows := agenda._forget_rows(v_table, v_column, p_user);
        if v_rows > 0 then
            v_counts := v_counts || jsonb_build_object(v_name, v_rows);
        end if;
    end loop;
    return v_counts;
end
$$;
comment on function agenda._forget_everything(uuid, boolean) is 'engine: deletes the rows of a user from all tables, returns their numbers';

create or replace function agenda.forget_user(user_id uuid, even_unpublished boolean default false) returns jsonb
    language plpgsql volatile as
$$
declare
    v_user   constant pg_catalog.uuid := forget_user.user_id;
    v_counts pg_catalog.jsonb;
begin
    perform agenda._check_service();
    -- what commits meanwhile has to be seen
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception using errcode = 'YA007', message = 'a user can be forgotten in READ COMMITTED only';
    end if;
    -- nobody can add anything for the user from here on
    perform agenda._lock_user(v_user);
    perform from agenda.users u where u.id = v_user for update;
    if not found and not exists (select from agenda.events e where e.user_id = v_user) then
        perform agenda._not_found('user', v_user);
    end if;
    perform agenda._silence('triggers');
    perform agenda._enter(v_user);
    v_counts := agenda._forget_everything(v_user, even_unpublished);
    perform agenda._leave();
    perform agenda._silence('none');
    perform agenda._emit('user.forgotten', null, v_user::text, v_user::text, jsonb_build_object('rows', v_counts));
    return v_counts;
end
$$;
comment on function agenda.forget_user(uuid, boolean)
    is 'operator: deletes a user and everything of theirs from all tables and the log; returns how many rows of each table; logged as user.forgotten';
