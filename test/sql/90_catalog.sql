-- 90_catalog.sql - what every object of the extension must have, read from the catalogs: pinned
-- search_path, no rights for PUBLIC beyond calculation, comments, owners, row-level security,
-- and a place in pg_dump.  A new object that forgets one of them fails here by its name.
begin;
select plan(19);

-- members of the extension
create temporary view our_functions as
    select p.*, p.oid::regprocedure::text as signature
      from pg_proc p
      join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
      join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
     where e.extname = 'pg_agenda';
create temporary view our_relations as
    select c.*, c.oid::regclass::text as name, e.extconfig
      from pg_class c
      join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
      join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
     where e.extname = 'pg_agenda';

select cmp_ok((select count(*) from our_functions), '>', 40::bigint, 'the extension has functions to look at');

-- ---- functions ----
select is_empty(
    $$select signature from our_functions
       where prosecdef and not 'search_path=pg_catalog, agenda, pg_temp' = any (coalesce(proconfig, '{}'))$$,
    'every SECURITY DEFINER function pins its search_path');
-- What a function declares is looked up when a session calls it first and kept, whoever calls it next: somebody's own type of
-- that name (pg_temp comes first) would be with the owner's rights.  Shell types stand here in the way of every name.
create function pg_temp.misread() returns setof text language plpgsql as $$
declare
    o       record;
    v_check pg_catalog.text;
begin
    for o in select t.typname from pg_type t where t.typnamespace = 'pg_catalog'::regnamespace and t.typtype in ('b', 'p', 'r', 'm') and t.typname !~ '^_' loop
        execute format('create type pg_temp.%I', o.typname);
    end loop;
    for o in select p.oid, p.signature from our_functions p join pg_language l on l.oid = p.prolang
              where l.lanname = 'plpgsql' and not 'search_path=pg_catalog, agenda, pg_temp' = any (coalesce(p.proconfig, '{}')) loop
        begin
            perform plpgsql_validator(o.oid);
        exception when others then
            return next format('%s: %s', o.signature, sqlerrm);
        end;
    end loop;
    for o in select t.typname from pg_type t where t.typnamespace = pg_my_temp_schema() and not t.typisdefined loop
        execute format('drop type pg_temp.%I', o.typname);
    end loop;
end $$;
select is_empty('select pg_temp.misread()', 'a function without a pinned search_path declares no type that a caller could put something else in the place of');
select is_empty(
    $$select signature from our_functions where prosecdef and proowner <> 'agenda_owner'::regrole
         and (proowner <> 'agenda_service'::regrole or signature <> all ('{"agenda.gw_event_reminder_check(uuid,text,text)",agenda._holidays_changed()}'))$$,
    'every SECURITY DEFINER function belongs to agenda_owner, but for the engine''s round that Dapr asks for, and what a shared day off does');
select is_empty(
    $$select signature from our_functions
       where has_function_privilege('public', oid, 'execute')
         and (prosecdef or provolatile = 'v' or prolang <> (select l.oid from pg_language l where l.lanname = 'c'))$$,
    'everybody may execute calculation in C, and nothing that changes or reads anything');
select is_empty(
    $$select signature from our_functions
       where case when proname ~ '^_' then coalesce(obj_description(oid, 'pg_proc'), '') !~ '^(internal|engine): '
                  when proname ~ '^gw_' then coalesce(obj_description(oid, 'pg_proc'), '') !~ '^gateway: '
                  else obj_description(oid, 'pg_proc') is null end
         and not exists (select from pg_type t where oid in (t.typinput, t.typoutput, t.typreceive, t.typsend))
         and not exists (select from pg_operator o where o.oprcode = our_functions.oid)
         and not exists (select from pg_amproc a where a.amproc = our_functions.oid)$$,
    'every function has a comment, which says who may call it');
select is_empty(
    $$select signature from our_functions f join pg_language l on l.oid = f.prolang
       where proname ~ '^gw_' and pronargs > 0 and l.lanname = 'sql'$$,
    'no route of the gateway is a scalar SQL function, which is planned anew at each call');

-- ---- tables ----
select is_empty(
    $$select name from our_relations
       where relkind in ('r', 'p', 'v') and (relowner <> 'agenda_owner'::regrole)$$,
    'tables and views belong to agenda_owner');
select is_empty(
    $$select name from our_relations
       where relkind in ('r', 'p') and obj_description(oid, 'pg_class') is null$$,
    'every table has a comment');
select is_empty(
    $$select conname from pg_constraint
       where contype = 'c' and conrelid in ('agenda.preferences'::regclass, 'agenda.holidays'::regclass, 'agenda.recurring_tasks'::regclass,
                                            'agenda.tasks'::regclass, 'agenda.reminders'::regclass, 'agenda.channels'::regclass)
         and obj_description(oid, 'pg_constraint') is null$$,
    'every CHECK that users can break says in a comment what it asks for');
select is_empty(
    $$select name from our_relations r
       where relkind in ('r', 'p') and not relrowsecurity
         and exists (select from pg_attribute a where a.attrelid = r.oid and a.attname = 'user_id')$$,
    'row-level security is on wherever a row belongs to a user');
select set_eq(
    $$select name from our_relations where relforcerowsecurity$$,
    array['agenda.users', 'agenda.preferences', 'agenda.recurring_tasks', 'agenda.recurrence_overrides', 'agenda.tasks', 'agenda.notifications',
          'agenda.ical_uids', 'agenda.reminders', 'agenda.holidays', 'agenda.channels', 'agenda.channel_secrets', 'agenda.channel_trials', 'agenda.deliveries'],
    'and forced on what users write');
select is_empty(
    $$select name from our_relations
       where relkind in ('r', 'p', 'S') and not oid = any (coalesce(extconfig, '{}'))
         and not (relkind = 'S' and exists (select from pg_depend i where i.objid = our_relations.oid
                                             and i.classid = 'pg_class'::regclass and i.deptype = 'i'))$$,
    'pg_dump takes every table and sequence along');
select is_empty(
    $$select name from our_relations
       where relkind = 'v' and not 'security_invoker=true' = any (coalesce(reloptions, '{}'))$$,
    'views check the rights of the one who reads');

-- ---- roles ----
select is_empty(
    $$select rolname from pg_roles
       where rolname in ('agenda_owner', 'agenda_gateway', 'agenda_app', 'agenda_user', 'agenda_monitor')
         and (rolsuper or rolbypassrls or rolcanlogin or rolcreaterole or rolcreatedb)$$,
    'none of the roles stands above row-level security');
select is_empty(
    $$select r, name from our_relations, unnest(array['agenda_gateway', 'public']) r
       where relkind in ('r', 'p', 'v')
         and has_table_privilege(r, oid, 'select, insert, update, delete, truncate, references, trigger')$$,
    'the gateway and the public have no rights on tables');
select is_empty(
    $$select signature from our_functions
       where has_function_privilege('agenda_gateway', oid, 'execute')
         and not has_function_privilege('public', oid, 'execute') and proname !~ '^gw_'$$,
    'the gateway executes its own functions and calculation, nothing else');
select is_empty(
    $$select r, signature from our_functions, unnest(array['public', 'agenda_app', 'agenda_user', 'agenda_monitor']) r
       where proname ~ '^gw_' and has_function_privilege(r, oid, 'execute')$$,
    'and nobody else executes those, which believe whatever user they are told');
select is_empty(
    $$select r, signature from our_functions, unnest(array['agenda_user', 'agenda_monitor', 'agenda_gateway']) r
       where proname in ('act_as', 'user_id_of', '_enter', '_leave', '_set_identity', '_emit', 'adopt_log')
         and has_function_privilege(r, oid, 'execute')$$,
    'only applications may say for whom they act');

select * from finish();
rollback;
