-- simulate() and forecast_notifications(): the engine ahead of time, and nothing of it stays.
begin;
set local search_path = public;
select plan(22);

set local agenda.now = '2025-01-01 00:00:00+00';
select agenda.act_as('bbbbbbbb-0000-4000-8000-000000000002');
create temp table other as select id from agenda.create_task('Other', due => '2025-02-01T12:00:00Z');
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
delete from agenda.timers m where not exists (select from other where m.entity_id = other.id);
create temp table t as select id from agenda.create_task('Report', due => '2025-01-10T12:00:00Z');
select agenda.add_reminder(id, '-1 hour') from t;
create temp table s as select id from agenda.create_recurring_task('Daily', 'daily', start_date => '2025-01-01T06:00:00Z');

create temp table before as select (select count(*) from agenda.events) as events, (select jsonb_agg(to_jsonb(m) order by m.entity_id) from agenda.timers m) as timers,
    (select count(*) from agenda.tasks) as tasks, (select jsonb_agg(to_jsonb(k) order by k.id) from agenda.recurring_tasks k) as series;
create function pg_temp.log_rows_read() returns bigint language sql volatile as
$$select sum(x.seq_tup_read + x.idx_tup_fetch)::bigint from pg_stat_xact_user_tables x where x.relname like 'events\_p%'$$;
create temp table log_read as select pg_temp.log_rows_read() as n;
create temp table year as select * from agenda.simulate('2025-01-01 00:00+00', '2026-01-01 00:00+00');
select cmp_ok(pg_temp.log_rows_read() - n, '<=', 2 * (select count(*) from year), 'no step reads again what the steps before it have written') from log_read;
select is((select count(*) from year where what = 'task.recurrence'), 365::bigint, 'a year of a daily series has 365 occurrences');
select is((select count(*) from year where what = 'notification.created' and notification->>'type' = 'overdue'), 367::bigint, 'and each that nobody does is overdue once');
select is((select array_agg(at order by at) from year where task_id = (select id from t) and what = 'reminder.due'), '{2025-01-10 11:00+00}'::timestamptz[], 'a reminder comes at its time');
select is((select string_agg(what, ' ' order by at) from year where task_id = (select id from t) and what like 'task%'), 'task.due_soon task.due task.overdue', 'a task goes through its states');
select is((select count(*) from year where task_id = (select id from other)), 6::bigint, 'operators see every user');
select is((select count(*) from agenda.events), events, 'no event stays') from before;
select is((select jsonb_agg(to_jsonb(m) order by m.entity_id) from agenda.timers m), timers, 'every timer stands where it stood') from before;
select is((select jsonb_agg(to_jsonb(k) order by k.id) from agenda.recurring_tasks k), series, 'and every series') from before;
select is((select count(*) from agenda.tasks), tasks, 'no task was made') from before;
select is(agenda.now(), '2025-01-01 00:00+00'::timestamptz, 'the clock is what it was');

-- a forecast is one's own, and right
create role t_app login in role agenda_app;
grant create, usage on schema public to t_app;
set local role t_app;
create temp table f as select * from agenda.forecast_notifications('2025-01-08 00:00+00', '2025-01-11 00:00+00');
select is((select count(*) from f where title = 'Other'), 0::bigint, 'users see only their own');
select is((select string_agg(notification->>'type', ' ' order by at) from f where title = 'Report'), 'due_soon reminder due overdue', 'what they will be told');
select throws_ok($$select * from agenda.simulate(now(), now())$$, '42501', null, 'the simulation of all is for operators');
reset role;
set local agenda.now = '2025-01-01 00:00+00';
do $$
declare v timestamptz := '2025-01-01 00:00+00';
begin
    while v < '2025-01-11' loop
        perform set_config('agenda.now', v::text, true);
        while (select raised from agenda._scan(v, '-infinity', 1000)) > 0 loop end loop;
        select min(fire_at) into v from agenda.timers;
    end loop;
end $$;
select set_eq($$select n.type, n.title, n.scheduled_for from agenda.notifications n where n.scheduled_for >= '2025-01-08' and n.user_id = 'aaaaaaaa-0000-4000-8000-000000000001'$$,
              $$select notification->>'type', title, at from f$$, 'and what was forecast comes true');
select throws_ok($$select * from agenda.simulate('2025-01-02', '2025-01-01')$$, 'YA006', null, 'a period that ends before it begins');
select throws_ok($$select * from agenda.simulate('2025-01-01', 'infinity')$$, 'YA006', null, 'or never');
select is((select count(*) from agenda.simulate('2025-06-01', '2025-07-01', 5)), 5::bigint, 'rows can be limited');
select throws_ok($$select * from agenda.simulate('2025-06-01', '2025-07-01', null)$$, 'YA006', null, 'by a number');
-- numbers of events are used up by what is rolled back: so many changes were made
create temp table numbers as select last_value as seq from agenda.events_seq;
select is((select count(*) from agenda.forecast_notifications('2025-06-01', '2026-06-01', 2)), 2::bigint, 'notifications can be limited');
select cmp_ok((select last_value from agenda.events_seq) - seq, '<', 4000::bigint, 'and the engine stops when they are there') from numbers;
select throws_ok($$select * from agenda.forecast_notifications(max_rows => -1)$$, 'YA006', null, 'by a number of rows');
select * from finish();
rollback;
