-- What the scanner does, at any time we like.
begin;
set local search_path = public;
select plan(40);

set local agenda.now = '2025-03-10 12:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
-- other sessions' timers are none of this test's business
delete from agenda.timers;

create function pg_temp.scan(at timestamptz, out raised int, out next_fire timestamptz) language sql as
$$select raised, next_fire from agenda._scan(at, '-infinity', 1000)$$;
create function pg_temp.states(p_id uuid) returns text language sql as
$$select string_agg(type, ' ' order by seq) from agenda.events where subject = p_id::text and type not like 'notification%'$$;

-- one task through all its states
create temp table t as select * from agenda.create_task('Report', due => '2025-03-12T12:00:00Z');
select is(fire_at, '2025-03-11 12:00:00+00'::timestamptz, 'the first timer is a day before the due time') from agenda.timers;
select is(what, 'due_soon', 'and says what is owed') from agenda.timers;
select is(s.raised, 0, 'nothing is owed now') from pg_temp.scan('2025-03-10 12:00:00+00') s;
select is(s.next_fire, '2025-03-11 12:00:00+00'::timestamptz, 'the scanner learns when to come again') from pg_temp.scan('2025-03-11 11:59:59.999999+00') s;
select is(s.raised, 1, 'at its instant it is raised') from pg_temp.scan('2025-03-11 12:00:00+00') s;
select is(s.raised, 0, 'and not again') from pg_temp.scan('2025-03-11 12:00:00+00') s;
select is(s.next_fire, '2025-03-12 12:00:00+00'::timestamptz, 'then the due time itself') from pg_temp.scan('2025-03-11 12:00:00+00') s;
select is(notified, true, 'the task knows that it was announced') from agenda.tasks;
select is(last_reminder_sent, '2025-03-11 12:00:00+00'::timestamptz, 'and when') from agenda.tasks;
select is(version, 1::bigint, 'which is no change of the task') from agenda.tasks;
select is(s.raised, 1, 'due') from pg_temp.scan('2025-03-12 12:00:00+00') s;
select is(s.raised, 1, 'overdue after the grace') from pg_temp.scan('2025-03-12 12:15:00+00') s;
select is(s.next_fire, null, 'then nothing is pending') from pg_temp.scan('2025-03-12 12:15:00+00') s;
select is(pg_temp.states(id), 'task.created task.due_soon task.due task.overdue', 'each state is one event, once') from t;
select is((select array_agg(type order by scheduled_for) from agenda.notifications), '{due_soon,due,overdue}'::text[], 'and one notification');
select is((select bool_or(late) from agenda.notifications), false, 'none of them late');

-- a new due date arms everything again, and takes back what was said
select agenda.update_task(id, '{"due_date": "2025-03-20T12:00:00Z"}') from t;
select is((select count(*) from agenda.notifications where withdrawn_at is null), 0::bigint, 'rescheduling withdraws what was announced');
select is(agenda.unread_count(), 0::bigint, 'withdrawn is not unread');
select is(notified, false, 'and clears notified') from agenda.tasks;
select is(s.raised, 1, 'due soon again') from pg_temp.scan('2025-03-19 12:00:00+00') s;
select is(agenda.unread_count(), 1::bigint, 'with its notification');

-- completion silences
select agenda.complete_task(id) from t;
select is((select count(*) from agenda.timers), 0::bigint, 'a completed task has no timer');
select is(agenda.unread_count(), 0::bigint, 'and its notification is withdrawn');

-- owed at once: due in 20 hours
create temp table h as select * from agenda.create_task('Soon', due => '2025-03-11T08:00:00Z');
select is(s.raised, 1, 'a task inside its window is due soon at once') from pg_temp.scan(agenda.now()) s;
select is((select late from agenda.notifications where task_id = h.id), false, 'and not late') from h;

-- after downtime: every event, one notification, marked late
create temp table d as select * from agenda.create_task('Downtime', due => '2025-04-01T12:00:00Z');
select is(s.raised, 2, 'everything owed is raised in one round') from pg_temp.scan('2025-04-02 12:00:00+00') s;
select is(pg_temp.states(id), 'task.created task.due_soon task.due task.overdue', 'no event is left out') from d;
select is((select string_agg(type || late, ' ') from agenda.notifications n where n.task_id = d.id), 'overduetrue', 'but the user is told once') from d;

-- preferences decide about notifications, not about events
select agenda.set_preferences('{"enabled_types": ["overdue"], "due_soon_window": "2 hours"}');
create temp table p as select * from agenda.create_task('Quiet', due => '2025-05-01T12:00:00Z');
select is((select fire_at from agenda.timers where entity_id = p.id), '2025-05-01 10:00:00+00'::timestamptz, 'the window is the user''s') from p;
select cmp_ok(s.raised, '>=', 1, 'due soon by the user''s window') from pg_temp.scan('2025-05-01 10:00:00+00') s;
select is((select count(*) from agenda.notifications n where n.task_id = p.id), 0::bigint, 'a kind that is switched off is not told') from p;
select is(pg_temp.states(id), 'task.created task.due_soon', 'its event is written all the same') from p;
select agenda.set_preferences('{"due_soon_window": "3 days", "enabled_types": null}');
select is((select what from agenda.timers where entity_id = p.id), 'due', 'another window announces nothing twice') from p;

-- series
delete from agenda.tasks;
create temp table s as select * from agenda.create_recurring_task('Daily', 'daily', start_date => '2025-03-10T18:00:00Z', end_date => '2025-03-14T18:00:00Z');
select is(x.raised, 1, 'the series makes its first occurrence') from pg_temp.scan('2025-03-10 18:00:00+00') x;
select is(next_due_at, '2025-03-11 18:00:00+00'::timestamptz, 'and plans the next') from agenda.recurring_tasks where title = 'Daily';
select pg_temp.scan('2025-03-13 20:00:00+00');
select is((select array_agg(due_date order by due_date) from agenda.tasks where recurring_task_id = s.id),
          '{2025-03-10 18:00:00+00,2025-03-13 18:00:00+00}'::timestamptz[], 'after downtime the newest one is made') from s;
select pg_temp.scan('2025-03-14 18:00:00+00');
select is(is_active, false, 'after its last occurrence the series has ended') from agenda.recurring_tasks where title = 'Daily';
select is((select count(*) from agenda.events e where e.subject = s.id::text and e.type = 'recurring_task.ended'), 1::bigint, 'with an event') from s;
select is((agenda._materialise(r, '2025-03-14 18:00', 'schedule')).id, null, 'materialising twice makes one') from agenda.recurring_tasks r where title = 'Daily';
select is((select count(*) from agenda.timers where entity = 'series'), 0::bigint, 'no timer is left');

select * from finish();
rollback;
