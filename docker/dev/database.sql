-- database.sql - what "make run" wants in its database; run as superuser, again and again.

select 'create extension pg_agenda'
 where not exists (select from pg_extension where extname = 'pg_agenda') \gexec
select 'alter extension pg_agenda update'
  from pg_available_extensions
 where name = 'pg_agenda' and installed_version <> default_version \gexec

-- an application's login, for people and scripts: tables under row-level security, act_as()
select 'create role agenda_demo login'
 where not exists (select from pg_roles where rolname = 'agenda_demo') \gexec
grant agenda_app to agenda_demo;

-- the gateway's login: EXECUTE on the gateway's functions and nothing else
select 'create role agenda_gw login'
 where not exists (select from pg_roles where rolname = 'agenda_gw') \gexec
grant agenda_gateway to agenda_gw;
