-- The acceptance scenarios of the domain, by their numbers, as one would try them by hand.  Those with workers and
-- Kafka are in test/t, S1-S3 and S26 in 31_series_policies.sql.
begin;
set local search_path = public;
select no_plan();

create function pg_temp.act() returns void language sql as
    $$select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000037')$$;
create function pg_temp.at(p text) returns void language plpgsql as $$
begin
    perform set_config('agenda.now', p, true);
    perform agenda.act_as(null);
    while (agenda.check_due_tasks(1000)).raised > 0 loop
    end loop;
    perform pg_temp.act();
end $$;

select pg_temp.at('2025-01-10 09:00+00');
create temp table t as select * from agenda.create_task('Report', due => '2025-01-11T17:00:00Z');
select is(agenda.due_state(agenda.get_task(id)), 'upcoming', 'S5 more than a day before: upcoming') from t;
select pg_temp.at('2025-01-10 17:00+00');
select is((select title from agenda.list_tasks('{"due_state": "due_soon"}')), 'Report', 'S5 within 24 hours: due soon in the list');
select is((select string_agg(type, ',') from agenda.list_notifications()), 'due_soon', 'S5 and its owner is told');
select pg_temp.at('2025-01-11 17:00+00');
select is((select type from agenda.list_notifications() limit 1), 'due', 'S4 due: the user is notified');
select is(agenda.unread_count(), 2::bigint, 'S4 S18 and the bell counts');
select pg_temp.at('2025-01-11 17:15+00');
select is((select title from agenda.list_tasks('{"due_state": "overdue"}')), 'Report', 'S6 past its due date: overdue');

create temp table d as select * from agenda.create_task('Daily', due => '2025-01-11T18:00:00Z', recurrence_rule => 'daily');
select is(((agenda.complete_task(id)).next_task).due_date, '2025-01-12 18:00+00'::timestamptz, 'S17 a daily task completed: a new one for tomorrow') from d;
select is((select string_agg(concat_ws(' ', k.status, to_char(k.due_date at time zone 'UTC', 'MM-DD HH24:MI')), ', ' order by k.due_date) from agenda.tasks k where k.title = 'Daily'),
          'completed 01-11 18:00, pending 01-12 18:00', 'S17 beside the one that is done');

create temp table a as select * from agenda.create_task('Old title');
select agenda.update_task(id, '{"title": "New title"}') from a;
select agenda.complete_task(id) from a;
select is((select string_agg(h.action, ' ' order by h.seq) from a, agenda.task_history(a.id) h), 'create update complete', 'S19 create, retitle, complete: three audit entries');
select is((select h.before->>'title' || ' > ' || (h.after->>'title') from a, agenda.task_history(a.id) h where h.action = 'update'), 'Old title > New title', 'S19 with what was and what is');
select is((select string_agg(concat_ws(' ', h.action, h.before->>'title', h.before->>'status', '>', h.after->>'title', h.after->>'status', h.changed), '; ' order by h.seq) from a, agenda.task_history(a.id) h),
          'create > Old title pending; update Old title pending > New title pending ["title"]; complete New title pending > New title completed ["completed_at", "status"]',
          'S19 each with its own details');
select is((select count(*) from a, agenda.task_history(a.id) h where h.actor = h.user_id::text and h.at is not null), 3::bigint, 'S19 who, and when');

-- the whole chain, as far as it is SQL
select pg_temp.at('2025-01-20 00:00+00');
create temp table s as select * from agenda.create_recurring_task('Chain', 'daily', start_date => '2025-01-20T09:00:00Z');
select pg_temp.at('2025-01-20 09:00+00');
select is((select string_agg(e.type, ' ' order by e.seq) from agenda.events e, agenda.tasks k where k.recurring_task_id = (select s.id from s) and e.subject = k.id::text),
          'task.created task.recurrence task.due', 'S23 series, occurrence, reminder');
select is((select count(*) from agenda.list_notifications() n where n.recurring_task_id = (select s.id from s)), 1::bigint, 'S23 notification');
select is((select count(*) from agenda.audit_log l where l.entity_id = (select k.id::text from agenda.tasks k, s where k.recurring_task_id = s.id) and l.action like '%create%'), 1::bigint, 'S23 audit');

-- create, read, change, list, delete
select is((agenda.get_recurring_task(id)).title, 'Chain', 'S24 a series is read') from s;
select is((agenda.update_recurring_task(id, '{"title": "Chained"}')).title, 'Chained', 'S24 changed') from s;
select is((select count(*) from agenda.list_recurring_tasks('{"q": "chained"}')), 1::bigint, 'S24 listed');
select is(agenda.delete_recurring_task(id), true, 'S24 deleted') from s;
select is((select count(*) from agenda.list_recurring_tasks('{"q": "chained"}')), 0::bigint, 'S24 and gone');
select is((agenda.create_task('With due date', due => '2025-01-21')).due_date, '2025-01-21 00:00+00'::timestamptz, 'S24 a task with a due date');
-- checker and processor, on demand
set local agenda.now = '2025-01-21 00:00+00';
select agenda.act_as(null);
select cmp_ok((agenda.check_due_tasks()).raised, '>', 0, 'S25 the due date checker, called');
select is((agenda.check_due_tasks()).raised, 0, 'S25 and called again');
select set_eq($$select n.type, n.title from agenda.notifications n where n.title in ('With due date', 'Chain') and n.type <> 'due'$$, $$values ('due_soon', 'With due date'), ('overdue', 'Chain')$$, 'S25 and has told what is owed');
select pg_temp.act();
create temp table p as select * from agenda.create_recurring_task('Processed', 'daily', start_date => '2025-01-21T01:00:00Z');
set local agenda.now = '2025-01-21 01:00+00';
select agenda.act_as(null);
select cmp_ok((agenda.check_due_tasks()).raised, '>', 0, 'S25 the recurring processor, called');
select is((select string_agg(to_char(k.due_date at time zone 'UTC', 'MM-DD HH24:MI'), ', ') from agenda.tasks k, p where k.recurring_task_id = p.id), '01-21 01:00', 'S25 has made the occurrence');
select is(s.next_due_at, '2025-01-22 01:00+00'::timestamptz, 'S25 and the next one is planned') from agenda.recurring_tasks s, p where s.id = p.id;

select * from finish();
rollback;
