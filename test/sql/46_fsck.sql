-- fsck(): each invariant is broken on purpose, found, and mended where it can be.
begin;
set local search_path = public;
select plan(38);

set local agenda.now = '2025-03-10 12:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
create function pg_temp.found() returns text language sql as
$$select string_agg(check_name || ' ' || entity, ', ' order by check_name, entity) from agenda.fsck()$$;
create function pg_temp.mended() returns text language sql as
$$select string_agg(check_name || case when repaired then '' else ' (not)' end, ', ' order by check_name) from agenda.fsck(true)$$;
create temp table t as select id from agenda.create_task('Task', due => '2025-03-12T12:00:00Z');
create temp table r as select (agenda.add_reminder(id, '-1 hour')).id from t;
create temp table s as select id from agenda.create_recurring_task('Series', 'daily', start_date => '2025-03-11T09:00:00Z');
select is(pg_temp.found(), null, 'all is well');

delete from agenda.timers where entity = 'task';
select is(pg_temp.found(), 'task-timer task', 'a task without its timer');
select is(pg_temp.mended(), 'task-timer', 'gets it back');
select is((select fire_at from agenda.timers where entity = 'task'), '2025-03-11 12:00+00'::timestamptz, 'where it belongs');
update agenda.timers set fire_at = fire_at - interval '1 hour' where entity = 'task';
select is(pg_temp.found(), 'task-timer task', 'a timer that comes too early');
select is(pg_temp.mended(), 'task-timer', 'is put right');
update agenda.timers set what = 'spawn' where entity = 'task';
select is(pg_temp.found(), 'task-timer task', 'a timer that says something else');
select is(pg_temp.mended(), 'task-timer', 'is put right');

delete from agenda.timers where entity = 'reminder';
select is(pg_temp.found(), 'reminder-timer reminder', 'a reminder without its timer');
select is(pg_temp.mended(), 'reminder-timer', 'gets it back');
update agenda.timers set fire_at = case entity when 'task' then 'infinity' else fire_at + interval '1 year' end where entity in ('task', 'reminder');
select is((select string_agg(distinct x, ', ') from unnest(string_to_array(pg_temp.found(), ', ')) x), 'reminder-timer reminder, task-timer task', 'timers that come too late');
select matches(pg_temp.mended(), 'reminder-timer.*task-timer', 'are put right');
select is(pg_temp.found(), null, 'all of them');
update agenda.reminders set fire_at = '2025-03-12 10:00+00', fired_count = 0;
select is(pg_temp.found(), 'reminder-plan reminder', 'a reminder that stands at another time than its rule says');
select is(pg_temp.mended(), 'reminder-plan', 'is planned anew');
select is((select fire_at from agenda.reminders), '2025-03-12 11:00+00'::timestamptz, 'where it belongs');

delete from agenda.timers where entity = 'series';
select is(pg_temp.found(), 'series-timer series', 'a series without its timer');
select is(pg_temp.mended(), 'series-timer', 'gets it back');

insert into agenda.timers (user_id, entity, entity_id, fire_at, what) values
    (agenda.current_user_id(), 'task', gen_random_uuid(), now(), 'due'),
    (agenda.current_user_id(), 'reminder', gen_random_uuid(), now(), 'reminder'),
    (agenda.current_user_id(), 'series', gen_random_uuid(), now(), 'spawn'),
    (agenda.current_user_id(), 'repeat', (select id from t), now(), 'repeat');
select is(pg_temp.found(), 'stray-timer reminder, stray-timer repeat, stray-timer series, stray-timer task', 'timers of nothing');
select cmp_ok((select count(*) from agenda.fsck(true) where repaired), '>=', 4::bigint, 'go');
select is(pg_temp.mended(), null, 'for good');
select is((select count(*) from agenda.timers), 3::bigint, 'and no other went with them');

select agenda._scan('2025-03-11 12:00+00', '-infinity', 100);
select agenda.set_preferences('{"quiet_start": "11:00", "quiet_end": "23:00"}');
set local agenda.now = '2025-03-12 11:00+00';
select agenda._scan('2025-03-12 11:00+00', '-infinity', 100);
delete from agenda.timers where entity = 'user';
select is(pg_temp.found(), 'release-timer user', 'held notifications that nothing releases');
select is(pg_temp.mended(), 'release-timer', 'are released');
select is((select fire_at from agenda.timers where entity = 'user'), '2025-03-12 23:00+00'::timestamptz, 'at their time');

-- a task that is done without anybody noticing
set local agenda.restoring = on;
update agenda.tasks set status = 'cancelled' where id = (select id from t);
set local agenda.restoring = off;
select is(pg_temp.found(), 'log task, stale-notification notification, stale-notification notification, stray-timer task', 'a task that was closed behind our back');
select is(pg_temp.mended(), 'log (not), stale-notification, stale-notification, stray-timer', 'is silenced');
select is(agenda.unread_count(), 0::bigint, 'nothing of it is unread');

set local agenda.restoring = on;
update agenda.recurring_tasks set last_key = next_key;
set local agenda.restoring = off;
select is(pg_temp.found(), 'log task, series-key series', 'keys that do not increase');
select is(pg_temp.mended(), 'log (not), series-key (not)', 'are for people to look at');
set local agenda.restoring = on;
update agenda.recurring_tasks set last_key = null;
update agenda.tasks set occurrence_key = '2020-01-01', recurring_task_id = (select id from s) where id = (select id from t);
insert into agenda.tasks (title, due_kind, due_local, due_date, timezone) values ('Local', 'local', '2025-07-01 12:00', '2025-07-01 12:00+00', 'Europe/Berlin');
set local agenda.restoring = off;
select agenda.create_recurring_task('Afloat', 'daily');
set local agenda.restoring = on;
update agenda.recurring_tasks set timezone = 'Asia/Tokyo' where title = 'Afloat';
set local agenda.restoring = off;
select is((select string_agg(check_name, ' ') from agenda.fsck() where check_name in ('occurrence-key', 'due-local', 'series-zone')), 'due-local occurrence-key series-zone', 'nor keys before the start, nor instants that are not their wall clock''s, nor a series that floats somewhere else');
select agenda.create_recurring_task('Stuck', 'daily', policy => 'on_completion');
set local agenda.restoring = on;
delete from agenda.tasks where title = 'Stuck';
set local agenda.restoring = off;
select is((select check_name from agenda.fsck() where check_name = 'series-open'), 'series-open', 'a series that waits for a completion, and nothing to complete');
select is((select repaired from agenda.fsck(true) where check_name = 'series-open'), true, 'gets its next occurrence');
select is((select due_date from agenda.tasks where title = 'Local'), '2025-07-01 10:00+00', 'what is due by a wall clock is due when it says so');
select is((select timezone from agenda.recurring_tasks where title = 'Afloat'), agenda._user_zone((select user_id from agenda.recurring_tasks where title = 'Afloat')), 'what floats is with its owner');
select is((select count(*) from agenda.tasks where title = 'Stuck' and status = 'pending'), 1::bigint, 'which is open');
create role t_app login in role agenda_app;
set local role t_app;
select throws_ok($$select * from agenda.fsck()$$, '42501', null, 'fsck is for operators');
select throws_ok($$select * from agenda._fsck_findings()$$, '42501', null, 'all of it');
reset role;
select * from finish();
rollback;
