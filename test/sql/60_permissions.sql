-- What each role may do, and what users see of each other.
begin;
set local search_path = public;
select plan(39);

create role t_app login in role agenda_app;
create role t_person login in role agenda_user;
create role t_gateway login in role agenda_gateway;
create role t_monitor login in role agenda_monitor;
create role t_nobody login;
create function pg_temp.a() returns uuid language sql as $$select 'aaaaaaaa-0000-4000-8000-000000000001'::uuid$$;
create function pg_temp.b() returns uuid language sql as $$select 'bbbbbbbb-0000-4000-8000-000000000002'::uuid$$;
grant create, usage on schema public to t_app;

-- things of a
set local role t_app;
select agenda.act_as(pg_temp.a());
insert into agenda.tasks (title, due_date) values ('a''s task', now() + interval '1 hour');
select agenda.create_recurring_task('a''s series', 'daily');
select agenda.set_preferences('{"timezone": "Europe/Berlin"}');
reset role;
set local role agenda_service;
select agenda._scan(now() + interval '1 second', '-infinity', 1000);
reset role;
create temp table ids as select (select id from agenda.tasks where title = 'a''s task') as task,
                                (select id from agenda.recurring_tasks where title = 'a''s series') as series,
                                (select id from agenda.notifications n where n.title = 'a''s task') as notification;
grant select on ids to public;

-- seen by a
set local role t_app;
select is((select count(*) from agenda.tasks where title like 'a''s%'), 2::bigint, 'a sees its tasks');
select is((select count(*) from agenda.notifications), 2::bigint, 'and its notifications');
select cmp_ok((select count(*) from agenda.events), '>', 0::bigint, 'and its events');

-- seen by b
select agenda.act_as(pg_temp.b());
select is((select count(*) from agenda.tasks), 0::bigint, 'b sees no task of a');
select is((select count(*) from agenda.recurring_tasks), 0::bigint, 'no series');
select is((select count(*) from agenda.notifications), 0::bigint, 'no notification');
select is((select count(*) from agenda.events), 0::bigint, 'no event');
select is((select count(*) from agenda.timers), 0::bigint, 'no timer');
select is((select count(*) from agenda.preferences), 0::bigint, 'no preferences');
select is((select array_agg(id) from agenda.users), array[pg_temp.b()], 'no user but itself');
select throws_ok('select agenda.get_task(task) from ids', 'YA001', null, 'get_task: not found');
select throws_ok($$select agenda.update_task(task, '{"title": "mine"}') from ids$$, 'YA001', null, 'update_task: not found');
select throws_ok('select agenda.complete_task(task) from ids', 'YA001', null, 'complete_task: not found');
select throws_ok('select agenda.delete_task(task) from ids', 'YA001', null, 'delete_task: not found');
select throws_ok('select agenda.get_recurring_task(series) from ids', 'YA001', null, 'get_recurring_task: not found');
select throws_ok('select agenda.mark_read(notification) from ids', 'YA001', null, 'mark_read: not found');
select throws_ok($$insert into agenda.tasks (user_id, title) values (pg_temp.a(), 'planted')$$, '42501', null, 'b cannot insert for a');
update agenda.tasks set title = 'stolen';
delete from agenda.tasks;
reset role;
select is((select count(*) from agenda.tasks where title like 'a''s%'), 2::bigint, 'b cannot change or delete what it does not see');

-- nobody acting
set local role t_app;
select agenda.act_as(null);
select is((select count(*) from agenda.tasks), 0::bigint, 'nobody acting sees nothing');
select throws_ok($$select agenda.create_task('x')$$, 'YA009', null, 'and cannot create');
select throws_ok($$insert into agenda.tasks (title) values ('x')$$, 'YA009', null, 'nor insert');

-- columns of the engine
select agenda.act_as(pg_temp.a());
select throws_ok($$update agenda.tasks set notified = true$$, '42501', null, 'notified is read-only');
select throws_ok($$update agenda.tasks set recurring_task_id = null$$, '42501', null, 'recurring_task_id is read-only');
select throws_ok($$insert into agenda.tasks (title, last_reminder_sent) values ('x', now())$$, '42501', null, 'last_reminder_sent is read-only');
select throws_ok($$update agenda.recurring_tasks set next_due_at = now()$$, '42501', null, 'next_due_at is read-only');
select throws_ok($$insert into agenda.timers (user_id, entity, entity_id, fire_at, what) values (pg_temp.a(), 'task', pg_temp.a(), now(), 'due')$$, '42501', null, 'timers are the engine''s');
select throws_ok($$insert into agenda.notifications (user_id, type, title, dedupe_key, scheduled_for) values (pg_temp.a(), 'due', 'x', 'x', now())$$, '42501', null, 'so are notifications');
select throws_ok($$select agenda._emit('x', null, 'x', 'x', '{}')$$, '42501', null, 'and the log');
select throws_ok($$select * from agenda._scan(now(), '-infinity', 1)$$, '42501', null, 'and the scan');

-- the other roles
set local role t_person;
select throws_ok($$select agenda.user_id_of('x')$$, '42501', null, 'a person cannot look up users');
select lives_ok('select count(*) from agenda.tasks', 'but reads tables under row-level security');
set local role t_gateway;
select throws_ok('select count(*) from agenda.tasks', '42501', null, 'the gateway reads no table');
select throws_ok($$select agenda.create_task('x')$$, '42501', null, 'and calls no function but its own');
set local role t_monitor;
select throws_ok('select count(*) from agenda.tasks', '42501', null, 'the monitor reads no user data');
select lives_ok('select agenda.health()', 'but sees whether all is well');
set local role t_app;
select lives_ok('select agenda.health()', 'as does an application');
set local role t_nobody;
select throws_ok('select count(*) from agenda.tasks', '42501', null, 'others read nothing');
select lives_ok($$select agenda.now()$$, 'but may use the calculation');
reset role;

-- the owner is held by its own policies
set local role agenda_owner;
select agenda.act_as(pg_temp.b());
select is((select count(*) from agenda.tasks), 0::bigint, 'FORCE ROW LEVEL SECURITY holds for the owner');

select * from finish();
rollback;
