-- ---- dump and restore --------------------------------------------------------------------------
--   createdb new; psql new -c 'create extension pg_agenda' -c 'select agenda.pre_restore()'
--   pg_restore -d new dump          (or psql new -f dump.sql)
--   psql new -c 'select agenda.post_restore()'
-- pg_dump needs nothing.  Afterwards the log belongs to the original: agenda.adopt_log() makes this
-- database publish what is written from then on.

create or replace function agenda._restoring() returns boolean
    language c stable parallel safe as 'MODULE_PATHNAME', 'agenda_is_restoring';
comment on function agenda._restoring() is 'internal: a dump is being restored; the triggers keep silent';

create or replace function agenda._empty_database() returns void
    language c volatile as 'MODULE_PATHNAME', 'agenda_empty_database';
comment on function agenda._empty_database() is 'internal: sends the workers away until the transaction ends';

create or replace function agenda._require_superuser() returns void
    language plpgsql stable as
$$
begin
    if not (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user) then
        raise exception using errcode = '42501', message = 'only superusers can restore the agenda';
    end if;
end
$$;
comment on function agenda._require_superuser() is 'internal: raises 42501 for everybody else';

create or replace function agenda.pre_restore() returns void
    language plpgsql volatile as
$$
declare
    v_leaf pg_catalog.name;
begin
    perform agenda._require_superuser();
    if exists (select from agenda.users) or exists (select from agenda.events) then
        raise exception using errcode = 'YA007',
            message = 'the agenda of this database is not empty',
            hint = 'Restore into a new database, after CREATE EXTENSION.';
    end if;
    perform agenda._empty_database();
    execute format('alter database %I set agenda.restoring = on', current_database());
    perform set_config('agenda.restoring', 'on', false);
    -- the dump brings its own
    for v_leaf in select l.leaf from agenda.log_leaves l loop
        execute format('drop table agenda.%I', v_leaf);
    end loop;
    delete from agenda.log_leaves;
    delete from agenda.log_owners;
    delete from agenda.topic_routes;
end
$$;
comment on function agenda.pre_restore() is 'before a dump is restored into a new database: silences triggers, sends workers away, removes what the dump brings';

create or replace function agenda.post_restore() returns void
    language plpgsql volatile as
$$
begin
    perform agenda._require_superuser();
    execute format('alter database %I reset agenda.restoring', current_database());
    perform set_config('agenda.restoring', 'off', false);
    perform agenda._wake_launcher();
end
$$;
comment on function agenda.post_restore() is 'after a dump has been restored: everything works as usual again';

