-- ---- the schema --------------------------------------------------------------------------------
-- Made here and not taken over: our functions look into it, so nobody else may own it.

create schema agenda;
comment on schema agenda is 'tasks, recurrence and reminders: pg_agenda';

-- ---- roles -----------------------------------------------------------------------------------
-- Roles belong to the cluster: made if missing, never dropped, and a second database uses the same.
-- grants.sql says what each may do.

do $$
declare
    wanted constant text[][] := array[
        -- owns tables and SECURITY DEFINER functions; no BYPASSRLS, so FORCE ROW LEVEL SECURITY holds
        array['agenda_owner',   'nologin'],
        -- the REST gateway: the gw_ functions and nothing else
        array['agenda_gateway', 'nologin'],
        -- an application: tables under row-level security, may say for whom it acts
        array['agenda_app',     'nologin'],
        -- one person's login: tables under row-level security
        array['agenda_user',    'nologin'],
        -- engine, migrations, bulk load
        array['agenda_service', 'nologin bypassrls'],
        -- views and metrics
        array['agenda_monitor', 'nologin']];
    r text[];
begin
    foreach r slice 1 in array wanted loop
        if not exists (select from pg_catalog.pg_roles where rolname = r[1]) then
            execute pg_catalog.format('create role %I %s', r[1], r[2]);
        end if;
    end loop;
    if not (select rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = 'agenda_service') then
        raise exception using errcode = '42501',
            message = 'role "agenda_service" does not bypass row-level security',
            hint = 'Run ALTER ROLE agenda_service BYPASSRLS.';
    end if;
    if (select rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = 'agenda_owner') then
        raise exception using errcode = '42501',
            message = 'role "agenda_owner" bypasses row-level security',
            hint = 'Run ALTER ROLE agenda_owner NOSUPERUSER NOBYPASSRLS.';
    end if;
end
$$;

