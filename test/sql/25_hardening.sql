-- Attacks and corner cases that once worked.
begin;
set local search_path = public;
select plan(39);

create function pg_temp.a() returns uuid language sql as $$select 'aaaaaaaa-0000-4000-8000-000000000001'::uuid$$;
create function pg_temp.b() returns uuid language sql as $$select 'bbbbbbbb-0000-4000-8000-000000000002'::uuid$$;
create role t_nobody login;
create role t_app login in role agenda_app;
create role t_member login in role agenda_service;

-- somebody's own "=" in the search_path is never called with the owner's rights
create schema evil authorization t_nobody;
set local role t_nobody;
create table evil.loot (who text);
create function evil.eq(name, name) returns boolean language plpgsql as
$$begin insert into evil.loot values (current_user); return false; end$$;
create operator evil.= (leftarg = name, rightarg = name, function = evil.eq);
grant usage on schema evil to public;
grant insert on evil.loot to public;
set local search_path = evil, pg_catalog, public;
select is(agenda.current_user_id(), null, 'the look-up of the login role works');
select is((select count(*) from evil.loot), 0::bigint, 'without calling an operator of the caller''s search_path');
set local search_path = public;

-- nor is somebody's own cast: it has done its work before a function with other rights begins
create type evil.words as (said text);
create function evil.say(evil.words) returns text language plpgsql as
$$begin insert into evil.loot values (current_user); return $1.said; end$$;
create function evil.say_json(evil.words) returns jsonb language plpgsql as
$$begin insert into evil.loot values (current_user); return to_jsonb($1.said); end$$;
create function evil.say_id(evil.words) returns uuid language plpgsql as
$$begin insert into evil.loot values (current_user); return $1.said; end$$;
create cast (evil.words as text) with function evil.say(evil.words) as implicit;
create cast (evil.words as jsonb) with function evil.say_json(evil.words) as implicit;
create cast (evil.words as uuid) with function evil.say_id(evil.words) as implicit;
reset role;
insert into agenda.users (id, external_id, login_role) values ('cccccccc-0000-4000-8000-000000000025', 't_nobody', 't_nobody');
grant agenda_user to t_nobody;
select agenda.act_as('cccccccc-0000-4000-8000-000000000025');
set local role t_nobody;
select lives_ok($$select agenda.create_task(row('x')::evil.words, due => row('2027-02-01')::evil.words, checklist => '[]')$$, 'a value of somebody''s own type');
select throws_ok($$select agenda.get_task(row('00000000-0000-4000-8000-00000000dead')::evil.words)$$, 'YA001', null, 'an id likewise');
select throws_ok($$select agenda.emit('x.y', 's', row('z')::evil.words, row('k')::evil.words)$$, '42501', null, 'an event likewise');
select set_eq($$select who from evil.loot$$, $$values ('t_nobody')$$, 'is cast with the rights of that somebody');
reset role;
select is_empty($$select p.oid::regprocedure::text from pg_proc p join pg_type t on t.oid = any (p.proargtypes)
                  where p.pronamespace = 'agenda'::regnamespace and p.prosecdef and t.typtype = 'p'$$, 'no function with other rights takes a value of any type');

-- nor somebody's own type in the place of one that a function declares, though it was that somebody who called it first
set local role t_nobody;
create function evil.take() returns boolean language plpgsql as
$$begin insert into evil.loot values (current_user); return true; end$$;
create domain pg_temp.text as pg_catalog.text check (evil.take());
create domain pg_temp.uuid as pg_catalog.uuid check (evil.take());
create domain pg_temp.jsonb as pg_catalog.jsonb check (evil.take());
create domain pg_temp.date as pg_catalog.date check (evil.take());
create domain pg_temp.timestamptz as pg_catalog.timestamptz check (evil.take());
do $$
declare
    f record;
begin
    for f in select p.proname, string_to_array(oidvectortypes(p.proargtypes), ', ') as types from pg_proc p
              where p.pronamespace = 'agenda'::regnamespace and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
                and has_function_privilege(p.oid, 'execute') and not p.proargtypes::oid[] && array['internal'::regtype::oid, 'cstring'::regtype::oid] loop
        begin
            execute format('select agenda.%I(%s)', f.proname, (select string_agg(format('null::%s', t), ', ') from unnest(f.types) t));
        exception when others then null;
        end;
    end loop;
end $$;
insert into agenda.tasks (title, due_date, recurrence_rule) values ('a life', agenda.now(), 'daily');
select agenda.create_recurring_task('a life', 'daily', start_date => '2025-01-05T09:00', options => '{"reminders": ["-1 hour"]}');
select agenda.complete_task(id) from agenda.tasks where title = 'a life';
select agenda.set_preferences('{"timezone": "Asia/Tokyo", "workdays": ["MO"]}');
drop domain pg_temp.text, pg_temp.uuid, pg_temp.jsonb, pg_temp.date, pg_temp.timestamptz cascade;
select is((select array_agg(distinct who) from evil.loot), '{t_nobody}', 'is used with other rights than that somebody''s');
delete from agenda.tasks;
delete from agenda.recurring_tasks;
reset role;

-- a member of agenda_service has not its BYPASSRLS
set local role t_member;
select throws_ok($$select agenda.check_due_tasks()$$, '42501', null, 'check_due_tasks refuses to see only a part');
select throws_ok($$select agenda.adopt_log()$$, '42501', null, 'so does adopt_log');
select throws_ok($$select agenda.redrive_dead_letters()$$, '42501', null, 'and redrive_dead_letters');
reset role;

-- no lock that any login of the database can take is in the engine's way
select is_empty($$select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'agenda'::regnamespace and p.prosrc ~ 'advisory'
                     and p.proname <> all ('{gw_claim,import_ical}')$$, 'advisory locks are for what names a user of its own');

-- many savepoints, each with its user
do $$
begin
    for i in 1 .. 3000 loop
        begin
            perform agenda.act_as(case when i % 2 = 0 then pg_temp.a() else pg_temp.b() end);
        exception when others then
            raise;
        end;
    end loop;
end
$$;
select is(agenda.current_user_id(), pg_temp.a(), 'act_as in 3000 subtransactions');

set local agenda.now = '2027-01-10 12:00:00+00';
select agenda.act_as(pg_temp.a());
delete from agenda.timers;

-- rows for somebody else are refused before anything is looked up for them
select throws_ok($$insert into agenda.recurring_tasks (user_id, title, recurrence_type) values (pg_temp.b(), 'x', 'daily')$$, '42501', 'the row would belong to another user', 'a series for another user');

-- times that nobody can write down
select throws_ok($$insert into agenda.tasks (title, due_date, timezone) values ('bc', '4714-11-24 00:00:00+00 BC', 'America/New_York')$$, '23514', null, 'a due date before Christ');
select throws_ok($$insert into agenda.recurring_tasks (title, recurrence_type, start_date) values ('x', 'daily', '294276-12-31 12:00+00')$$, 'YA005', null, 'a start in the year 294276');
select lives_ok($$select agenda.create_recurring_task('far', rrule => 'FREQ=DAILY;INTERVAL=100000000', start_date => '2027-01-11T09:00')$$, 'a next occurrence beyond all calendars');
select is((select next_key from agenda.recurring_tasks where title = 'far'), '2027-01-11 09:00'::timestamp, 'the first one is there');
select throws_ok($$select agenda.create_task('x', due => '2027-01-01T00:00:00+99:00')$$, 'YA005', null, 'an offset that is none');
set local standard_conforming_strings = off;
select lives_ok($$select agenda.create_task('x', due => '2027-01-01T00:00:00Z')$$, 'standard_conforming_strings is not relied upon');
set local standard_conforming_strings = on;

-- nothing is announced twice for one due date, nor for a task that is done
create temp table t as select * from agenda.create_task('once', due => '2027-01-11T10:00:00Z');
select agenda._scan('2027-01-10 12:00+00', '-infinity', 100);
select agenda.complete_task(id) from t;
update agenda.tasks set status = 'pending' where id = (select id from t);
select agenda._scan('2027-01-10 12:00+00', '-infinity', 100);
select is((select count(*) from agenda.events e, t where e.subject = t.id::text and e.type = 'task.due_soon'), 1::bigint, 'reopening does not repeat due soon');
select agenda._scan('2027-01-12 12:00+00', '-infinity', 100);
select agenda.set_preferences('{"overdue_grace": "2 days"}');
select agenda._scan('2027-01-20 12:00+00', '-infinity', 100);
select is((select count(*) from agenda.events e, t where e.subject = t.id::text and e.type = 'task.overdue'), 1::bigint, 'another grace does not repeat overdue');
update agenda.tasks set status = 'completed' where id = (select id from t);
insert into agenda.timers (user_id, entity, entity_id, fire_at, what) select user_id, 'task', id, '2027-01-20', 'due' from t;
select agenda._scan('2027-01-21 12:00+00', '-infinity', 100);
select is((select count(*) from agenda.events e, t where e.subject = t.id::text and e.type = 'task.due'), 1::bigint, 'a left-over timer of a completed task announces nothing');
select is((select count(*) from agenda.timers, t where entity_id = t.id), 0::bigint, 'and goes');

-- preferences: the first write can be conditional
select agenda.act_as(pg_temp.b());
select is((agenda.get_preferences()).version, 0::bigint, 'having chosen nothing is version 0');
select is((agenda.set_preferences('{"timezone": "UTC", "due_soon_window": "1 hour"}', 0)).version, 1::bigint, 'which can be expected');

-- rules on tasks: one series per task, whatever the statement
select agenda.act_as(pg_temp.a());
delete from agenda.recurring_tasks;
delete from agenda.tasks;
insert into agenda.tasks (id, title, due_date, recurrence_rule) values ('cccccccc-0000-4000-8000-000000000003', 'up', '2027-02-01 09:00+00', 'daily');
insert into agenda.tasks (id, title, due_date, recurrence_rule) values ('cccccccc-0000-4000-8000-000000000003', 'up', '2027-02-01 09:00+00', 'daily') on conflict do nothing;
insert into agenda.tasks (id, title, due_date, recurrence_rule) values ('cccccccc-0000-4000-8000-000000000003', 'upsert', '2027-02-01 09:00+00', 'daily') on conflict (user_id, id) do update set title = excluded.title;
select is((select count(*) from agenda.recurring_tasks), 1::bigint, 'an upsert makes no further series');
select isnt((select recurring_task_id from agenda.tasks where title = 'upsert'), null, 'the task has its own');
delete from agenda.recurring_tasks;
select is((select count(*) from agenda.recurring_tasks), 0::bigint, 'a deleted series stays deleted');
select is((select recurrence_rule from agenda.tasks where title = 'upsert'), null, 'and its task has no rule any more');
insert into agenda.tasks (title, due_date, recurrence_rule, status) values ('came done', '2027-02-01 09:00+00', 'daily', 'completed');
select is((select count(*) from agenda.tasks where title = 'came done'), 2::bigint, 'a task that comes completed has its successor');

-- rules of series
create temp table s as select * from agenda.create_recurring_task('mw', rrule => 'FREQ=WEEKLY;BYDAY=MO,WE', start_date => '2027-02-01T09:00');
select throws_ok($$update agenda.recurring_tasks set recurrence_interval = 2 where title = 'mw'$$, 'YA006', null, 'a new interval does not drop the rest of the rule');
update agenda.recurring_tasks set rrule = null where title = 'mw';
select is((select rrule::text from agenda.recurring_tasks where title = 'mw'), 'FREQ=WEEKLY', 'no rule is the rule of the simple form');
insert into agenda.recurring_tasks (title, recurrence_type, start_date, is_active) values ('paused', 'daily', '2027-01-01 09:00+00', false);
select is((select count(*) from agenda.tasks where title = 'paused'), 0::bigint, 'a series that is made paused makes nothing');
select agenda.create_recurring_task('tonight', 'daily', start_date => '2027-01-10T07:00:00Z', end_date => '2027-01-10T23:00:00Z');
select is((select count(*) from agenda.tasks where title = 'tonight'), 1::bigint, 'what is owed before its end comes is made');
select throws_ok($$insert into agenda.recurring_tasks (title, recurrence_type, spawn) values ('x', 'daily', 'completion')$$, 'YA006', null, 'policies that contradict each other');

-- the key of an occurrence in a gap is the rule's
set local agenda.now = '2027-03-27 00:00:00+00';
select agenda.create_recurring_task('gap', 'daily', start_date => '2027-03-27T02:30', timezone => 'Europe/Berlin');
select agenda._scan('2027-03-28 02:00+00', '-infinity', 100);
select is((select max(occurrence_key) from agenda.tasks where title = 'gap'), '2027-03-28 02:30'::timestamp, 'an occurrence in a gap keeps its key');
select is((select due_date from agenda.tasks where title = 'gap' order by occurrence_key desc limit 1), '2027-03-28 01:30+00'::timestamptz, 'and is due after it');

-- members of the wrong kind
select throws_ok(format($$select agenda.gw_create_task(%L, null, null, '{"title": {"a": 1}}')$$, pg_temp.a()), 'YA006', null, 'an object is no title');

select * from finish();
rollback;
