-- Reminders: when they are owed, what moves them, what silences them.  Numbers in brackets are the users'
-- complaints of which each test is the oracle (docs/sql.md tells the rules).
begin;
set local search_path = public;
select plan(108);

set local agenda.now = '2025-03-10 12:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
delete from agenda.timers;

create function pg_temp.scan(at timestamptz, out raised int, out next_fire timestamptz) language sql as
$$select raised, next_fire from agenda._scan(at, '-infinity', 1000)$$;
create function pg_temp.task(title text, due text default null, tz text default null) returns uuid language sql as
$$select id from agenda.create_task(title, due => due, timezone => tz)$$;
create function pg_temp.events(p_id uuid) returns text language sql as
$$select string_agg(split_part(type, '.', 2) || coalesce(':' || (data->>'cause'), ''), ' ' order by seq) from agenda.events where subject = p_id::text$$;
create function pg_temp.told(p_task uuid) returns text language sql as
$$select string_agg(type || to_char(scheduled_for at time zone 'UTC', ' DD HH24:MI'), ', ' order by scheduled_for, type) from agenda.notifications
   where task_id = p_task and withdrawn_at is null$$;
create function pg_temp.timer(p_id uuid) returns timestamptz language sql as
$$select fire_at from agenda.timers where entity = 'reminder' and entity_id = p_id$$;

-- ---- when ----
create temp table t as select pg_temp.task('Report', '2025-03-12T12:00:00Z') as id;
create temp table r as select a.* from t, agenda.add_reminder(t.id, '-15 minutes') a;
select is(fire_at, '2025-03-12 11:45+00'::timestamptz, 'an offset counts from the due time') from r;
select is(pg_temp.timer(id), fire_at, 'its timer stands there') from r;
select is(pg_temp.events(id), 'scheduled', 'reminder.scheduled is written') from r;
select is((agenda.add_reminder(id, '-1 day', at_time => '18:00')).fire_at, '2025-03-11 18:00+00'::timestamptz, 'U50 the day before at 18:00') from t;
select is((agenda.add_reminder(id, '5 minutes', anchor => 'overdue')).fire_at, '2025-03-12 12:20+00'::timestamptz, 'after it is overdue') from t;
select is((agenda.add_reminder(id, '3 hours', anchor => 'created')).fire_at, '2025-03-10 15:00+00'::timestamptz, 'after it was made') from t;
select is((agenda.add_reminder(id, at => '2025-03-11T08:00:00Z')).fire_at, '2025-03-11 08:00+00'::timestamptz, 'at a time of its own') from t;
select is((agenda.add_reminder(id, at => '2025-03-11T08:00:00+02:00')).fire_at, '2025-03-11 06:00+00'::timestamptz, 'with an offset in its text') from t;
select is((select count(*) from agenda.list_reminders(t.id)), 6::bigint, 'U45 a task has as many as one wants') from t;
select is((select array_agg(fire_at order by o) from (select fire_at, row_number() over () as o from agenda.list_reminders(t.id)) x),
          (select array_agg(fire_at order by fire_at) from agenda.reminders where task_id = t.id), 'the list has the next one first') from t;
select is((agenda.add_reminder(id, '-3 days')).state, 'expired', 'what has passed when it is made is not told') from t;
select is((agenda.add_reminder(pg_temp.task('No date'), '-1 hour')).fire_at, null, 'without a due date it waits for one');

-- days of the calendar and elapsed hours over the change to summer time (30 March 2025)
create temp table z as select pg_temp.task('Summer time', '2025-03-30T10:00', 'Europe/Berlin') as id;
select is((agenda.add_reminder(id, '-1 day')).fire_at, '2025-03-29 09:00+00'::timestamptz, 'a day before is 10:00 the day before, 23 hours') from z;
select is((agenda.add_reminder(id, '-24 hours')).fire_at, '2025-03-29 08:00+00'::timestamptz, '24 hours before is 09:00 the day before') from z;
select is((agenda.add_reminder(id, '-1 day -02:00')).fire_at, '2025-03-29 07:00+00'::timestamptz, 'days by the calendar, the rest elapsed') from z;
select is((agenda.add_reminder(id, '0', at_time => '02:30')).fire_at, '2025-03-30 01:30+00'::timestamptz, 'a time that the change skips moves forward') from z;
select is((agenda.add_reminder(id, at => '2025-03-28T08:00')).fire_at, '2025-03-28 07:00+00'::timestamptz, 'a wall-clock time is in the task''s zone') from z;
select is((agenda.add_reminder(pg_temp.task('Month', '2025-05-31T12:00:00Z'), '-1 month')).fire_at, '2025-04-30 12:00+00'::timestamptz, 'a month before the 31st is the last day');

-- whole days
create temp table d as select pg_temp.task('Whole day') as id;
update agenda.tasks set due_kind = 'date', due_local = '2025-03-20', due_date = '2025-03-20 00:00+00' where id = (select id from d);
select is((agenda.add_reminder(id, '0')).fire_at, '2025-03-20 09:00+00'::timestamptz, 'U48 a whole day is told at the time for whole days, not at midnight') from d;
select is((agenda.add_reminder(id, '-1 hour')).fire_at, '2025-03-20 08:00+00'::timestamptz, 'U48 an hour before counts from there') from d;
select is((agenda.add_reminder(id, '0', anchor => 'overdue')).fire_at, '2025-03-21 00:00+00'::timestamptz, 'U49 a day is not over before it ends') from d;

-- ---- raising ----
select is(s.raised, 1, 'the earliest is raised at its time') from pg_temp.scan('2025-03-10 15:00+00') s;
select is((select array_agg((n.type, n.title, n.reminder_id is not null, n.late)::text) from agenda.notifications n where task_id = t.id),
          '{"(reminder,Report,t,f)"}', 'and tells the user') from t;
select is((select last_reminder_sent from agenda.tasks where id = t.id), '2025-03-10 15:00+00'::timestamptz, 'the task remembers') from t;
select is((select array_agg(state) from agenda.reminders where task_id = t.id and anchor = 'created'), '{fired}', 'it has fired') from t;
select is(s.raised, 0, 'and does not again') from pg_temp.scan('2025-03-10 15:00+00') s;
select is((select data - '{task_id,reminder_id}'::text[] from agenda.events where type = 'reminder.due' order by seq limit 1),
          '{"nth": 1, "late": false, "title": "Report", "due_date": "2025-03-12T12:00:00Z", "scheduled_for": "2025-03-10T15:00:00Z", "seconds_left": 162000, "recurring_task_id": null}',
          'reminder.due says what and when');

-- a timer that comes before its time
update agenda.timers set fire_at = '2025-03-10 13:00+00' where entity_id = (select id from r);
select is(s.raised, 1, 'a timer that stands too early comes up') from pg_temp.scan('2025-03-10 15:00+00') s;
select is(pg_temp.timer(id), '2025-03-12 11:45+00'::timestamptz, 'and goes to where its reminder is owed') from r;
select is((select row(state, fired_count, last_fired_at)::text from agenda.reminders where id = r.id), '(scheduled,0,)', 'which is not told before') from r;

-- ---- following the due date ----
select lives_ok($$select agenda.update_task(id, '{"due_date": "2025-03-14T12:00:00Z"}') from t$$, 'the due date moves');
select is(fire_at, '2025-03-14 11:45+00'::timestamptz, 'U46 the reminder has moved with it') from agenda.reminders where id = (select id from r);
select is(pg_temp.timer(id), '2025-03-14 11:45+00'::timestamptz, 'its timer too') from r;
select is(pg_temp.events(id), 'scheduled scheduled', 'which is told to those who listen') from r;
select is((select fire_at from agenda.reminders where task_id = t.id and anchor = 'absolute' and absolute_local = '2025-03-11 08:00'),
          '2025-03-11 08:00+00'::timestamptz, 'a time of its own stays') from t;
select pg_temp.scan('2025-03-12 12:00+00');
select is((select fired_count from agenda.reminders where id = r.id), 0, 'U47 nothing comes up at the old time') from r;
select lives_ok($$select agenda.update_task(id, '{"due_date": null}') from t$$, 'the due date goes');
select is((select (state, fire_at)::text from agenda.reminders where id = r.id), '(scheduled,)', 'the reminder waits for another') from r;
select is(pg_temp.events(id), 'scheduled scheduled cancelled:rescheduled', 'and is cancelled meanwhile') from r;
select lives_ok($$select agenda.update_task(id, '{"due_date": "2025-04-01T12:00:00Z"}') from t$$, 'a new one');
select is(pg_temp.timer(id), '2025-04-01 11:45+00'::timestamptz, 'arms it again') from r;

-- ---- the end of the task ----
select lives_ok($$select agenda.complete_task(id) from t$$, 'the task is done');
select is((select array_agg(distinct state order by state) from agenda.reminders where task_id = t.id and fire_at is null), '{cancelled,fired}', 'what waited is cancelled') from t;
select is((select count(*) from agenda.timers m join agenda.reminders x on x.id = m.entity_id where x.task_id = t.id), 0::bigint, 'U51 no timer is left') from t;
select is((select cause from (select data->>'cause' as cause from agenda.events e where e.subject = r.id::text order by seq desc limit 1) x),
          'task.completed', 'with the cause in its event') from r;
select lives_ok($$select agenda.reopen_task(id) from t$$, 'it is reopened');
select is(pg_temp.timer(id), '2025-04-01 11:45+00'::timestamptz, 'and its reminder is back') from r;
select lives_ok($$select agenda.delete_task(id) from t$$, 'deleted');
select is((select state from agenda.reminders x where x.id = r.id), 'cancelled', 'cancels too') from r;
select lives_ok($$select agenda.restore_task(id) from t$$, 'restored');
select is((select state from agenda.reminders x where x.id = r.id), 'scheduled', 'brings it back too') from r;
delete from agenda.tasks where id = (select id from t);
select is((select count(*) from agenda.reminders where task_id = t.id), 0::bigint, 'a task that is gone takes them along') from t;
select is((select count(*) from agenda.timers m where entity_id = r.id), 0::bigint, 'with their timers') from r;

-- ---- nagging ----
delete from agenda.tasks;
create temp table n as select pg_temp.task('Pills', '2025-03-20T08:00:00Z') as id;
create temp table nr as select (agenda.add_reminder(id, '0', repeat_every => '10 minutes', until_done => true)).id from n;
select agenda.set_preferences('{"enabled_types": ["reminder"]}');
select pg_temp.scan('2025-03-20 08:00+00');
select pg_temp.scan('2025-03-20 08:10+00');
select pg_temp.scan('2025-03-20 08:20+00');
select is(pg_temp.told(id), 'reminder 20 08:00, reminder 20 08:10, reminder 20 08:20', 'U52 it comes again every ten minutes') from n;
select pg_temp.scan('2025-03-20 09:05+00');
select is(pg_temp.timer(id), '2025-03-20 09:10+00'::timestamptz, 'after downtime it goes on with its next time') from nr;
select is((select count(*) from agenda.notifications where task_id = n.id), 4::bigint, 'U26 what was missed is told once') from n;
select is((select fired_count from agenda.reminders where id = nr.id), 7, 'but counts') from nr;
set local agenda.now = '2025-03-20 09:06+00';
select agenda.complete_task(id) from n;
select is(s.raised, 0, 'U52 until it is done') from pg_temp.scan('2025-03-20 10:00+00') s;
select is(agenda.unread_count(), 0::bigint, 'U51 and what was told is taken back');
set local agenda.now = '2025-03-20 12:00+00';
create temp table b as select pg_temp.task('Bounded', '2025-03-21T08:00:00Z') as id;
create temp table br as select (agenda.add_reminder(id, '0', repeat_every => '5 minutes', repeat_max => 2)).id from b;
select pg_temp.scan(x) from generate_series('2025-03-21 08:00+00', '2025-03-21 09:00+00', interval '1 minute') x;
select is(pg_temp.told(id), 'reminder 21 08:00, reminder 21 08:05, reminder 21 08:10', 'once and twice more, when it is bounded') from b;
select is((select state from agenda.reminders where id = br.id), 'fired', 'then it has fired') from br;

-- ---- snooze is not rescheduling ----
set local agenda.now = '2025-03-21 09:00+00';
select is((agenda.snooze(id, '30 minutes')).due_date, '2025-03-21 08:00+00'::timestamptz, 'U53 snoozing leaves the due date') from b;
select is((select (source, fire_at)::text from agenda.reminders where task_id = b.id and source = 'snooze'), '(snooze,"2025-03-21 09:30:00+00")', 'a reminder comes later') from b;
select is(agenda.unread_count(), 0::bigint, 'what is snoozed is read');
select is(pg_temp.events((select x.id from agenda.reminders x where task_id = b.id and source = 'snooze')), 'snoozed', 'reminder.snoozed is written') from b;
select is((agenda.snooze(id, '1 hour')).due_date, '2025-03-21 08:00+00'::timestamptz, 'snoozing again') from b;
select is((select count(*) from agenda.reminders where task_id = b.id and source = 'snooze'), 1::bigint, 'moves the same one') from b;
select pg_temp.scan('2025-03-21 10:00+00');
select is((select count(*) from agenda.list_notifications(true)), 1::bigint, 'then it is told again');
select is((agenda.snooze(id, until_at => '2025-03-22 08:00+00', move_due => true)).due_date, '2025-03-22 08:00+00'::timestamptz, 'U53 move_due postpones the task itself') from b;
select is((select count(*) from agenda.list_tasks('{"status": "pending"}') t, agenda.snooze(t.id, '2 hours') s), (select count(*) from agenda.list_tasks('{"status": "pending"}')), 'U53 all of a list, snoozed by one statement');
select is((select count(*) from agenda.list_tasks('{"status": "pending"}') t where not exists (select from agenda.reminders x where x.task_id = t.id and x.fire_at = '2025-03-21 11:00+00')), 0::bigint, 'U53 come up together');
select is((agenda.acknowledge(id)).state, 'acknowledged', 'acknowledged') from br;
select is(pg_temp.timer(id), null, 'it does not come any more') from br;
select is((agenda.snooze_reminder(id, '5 minutes')).fire_at, '2025-03-21 09:05+00'::timestamptz, 'one reminder can be snoozed alone') from br;

-- ---- many tasks, defaults ----
select lives_ok($$select agenda.set_preferences('{"default_reminders": ["-7 days", {"offset": "-1 day", "at_time": "18:00"}, "0"], "enabled_types": null}')$$, 'defaults are chosen');
create temp table f as select pg_temp.task('With defaults', '2025-05-01T12:00:00Z') as id;
select is((select array_agg(fire_at order by fire_at) from agenda.reminders where task_id = f.id and source = 'default'),
          '{2025-04-24 12:00+00,2025-04-30 18:00+00,2025-05-01 12:00+00}'::timestamptz[], 'U58 a new task has them') from f;
insert into agenda.tasks (title) select 'bulk ' || g from generate_series(1, 5) g;
update agenda.tasks set due_date = '2025-06-01 12:00+00' where title like 'bulk%';
select is((select count(*) from agenda.reminders r join agenda.tasks t on t.id = r.task_id where t.title like 'bulk%'), 15::bigint, 'U57 so have those that get their due dates by plain SQL');
create temp table same as select r.id, max(e.seq) over () as seq from f, agenda.set_reminders(f.id, '["0", {"offset": "-1 day", "at_time": "18:00"}]') r, (select max(seq) as seq from agenda.events) e;
select is((select array_agg(r.id order by r.id) from agenda.reminders r, f where r.task_id = f.id and r.source = 'default'), (select array_agg(id order by id) from same), 'those that are wanted stay what they are');
select results_eq($$select e.type, e.data->>'cause' from agenda.events e where e.seq > (select max(seq) from same)$$, $$values ('reminder.cancelled', 'deleted')$$, 'and only what goes is an event');
select is((select count(*) from agenda.set_reminders(f.id, '["-1 hour"]')), 1::bigint, 'those of a task replace the defaults') from f;
select is((agenda.update_reminder(x.id, '{"offset": "-2 hours"}')).fire_at, '2025-05-01 10:00+00'::timestamptz, 'a reminder can be changed')
  from agenda.reminders x, f where x.task_id = f.id;
select is((agenda.update_reminder(x.id, '{"at": "2025-04-30T10:00:00Z"}')).anchor, 'absolute', 'from relative to absolute')
  from agenda.reminders x, f where x.task_id = f.id;
select is((agenda.update_reminder(x.id, '{"offset": "-1 day"}')).fire_at, '2025-04-30 12:00+00'::timestamptz, 'and back')
  from agenda.reminders x, f where x.task_id = f.id;
select is(agenda._reminder_spec(agenda._reminder_of(s, 'UTC', null)), s, 'what a specification says comes back')
  from (values ('{"anchor": "due", "offset": "-1 days", "at_time": "18:00:00"}'::jsonb)) v (s);

-- a new task may bring its own
create function pg_temp.reminder_events(p_task uuid) returns text language sql as
$$select string_agg(e.type || ' ' || (e.data->'after'->>'fire_at'), ', ' order by e.seq) from agenda.events e
   where e.type like 'reminder.%' and e.data->'after'->>'task_id' = p_task::text$$;
create temp table own as select id from agenda.create_task('Own', due => '2025-05-01T12:00:00Z', reminders => '["-1 hour", {"offset": "-1 day", "at_time": "18:00"}]');
select is(pg_temp.reminder_events(id), 'reminder.scheduled 2025-05-01T11:00:00Z, reminder.scheduled 2025-04-30T18:00:00Z', 'those of a new task come instead of the defaults, which are never scheduled') from own;
create temp table own_rest as select (body::jsonb->>'id')::uuid as id from agenda.gw_create_task(agenda.current_user_id(), null, null, '{"title": "Own", "due_date": "2025-05-01T12:00:00Z", "reminders": ["-1 hour"]}');
select is(pg_temp.reminder_events(id), 'reminder.scheduled 2025-05-01T11:00:00Z', 'over REST, too') from own_rest;
create temp table no_own as select id from agenda.create_task('None', due => '2025-05-01T12:00:00Z', reminders => '[]');
select is(pg_temp.reminder_events(id), null, 'none are none') from no_own;
select throws_ok($$select agenda.create_task('Wrong', due => '2025-05-01T12:00:00Z', reminders => '["yesterday"]')$$, 'YA006', null, 'what is no reminder');
select throws_ok($$select agenda.create_task('', due => '2025-05-01T12:00:00Z', reminders => '[]')$$, '23514', null, 'what is no task');
create temp table usual as select r, (agenda.create_task('Usual', due => '2025-05-01T12:00:00Z', reminders => r)).id from (values ('null'::jsonb), (null)) v(r);
select is((select count(*) from agenda.list_reminders(id)), 3::bigint, 'with null the defaults, ' || coalesce(r::text, 'NULL')) from usual;
select is_empty($$select from agenda.tasks where title = 'Wrong'$$, 'and no task of the wrong one');

-- what a user has taken away stays away
create function pg_temp.bare(p_id uuid) returns boolean language sql as $$select not exists (select from agenda.reminders r where r.task_id = p_id)$$;
create temp table bare as select n, (agenda.create_task('Bare ' || n, due => '2025-05-01T12:00:00Z', recurrence_rule => case when n > 3 then 'daily' end)).id from generate_series(1, 6) n;
select agenda.delete_reminder(r.id) from bare b, agenda.list_reminders(b.id) r where b.n in (1, 4);
delete from agenda.reminders r using bare b where r.task_id = b.id and b.n in (2, 5);
select agenda.set_reminders(id, '[]') from bare where n in (3, 6);
select agenda.reschedule_task(id, '2025-05-02T12:00:00Z'), agenda.reschedule_task(id, null), agenda.reschedule_task(id, '2025-05-03T12:00:00Z') from bare;
select ok(pg_temp.bare(id), 'no default ones with another due date: ' || n) from bare;
create temp table bare_next as select b.n, (c.next_task).id from bare b, agenda.complete_task(b.id) c where n > 3;
select ok(id is not null and pg_temp.bare(id), 'nor with the next occurrence: ' || n) from bare_next;
create temp table undated as select id from agenda.create_task('Undated', reminders => '[]');
select agenda.reschedule_task(id, '2025-05-03T12:00:00Z') from undated;
select ok(pg_temp.bare(id), 'nor with the first due date, if none were wanted from the beginning') from undated;
create temp table left_one as select t.id from agenda.create_task('One left', due => '2025-05-01T12:00:00Z', recurrence_rule => 'daily') t;
select agenda.delete_reminder(r.id) from left_one l, agenda.list_reminders(l.id) r where r.offset_by <> '-7 days';
create temp table left_next as select (c.next_task).id from left_one l, agenda.complete_task(l.id) c;
select is((select array_agg(r.offset_by) from left_next l, agenda.list_reminders(l.id) r), '{-7 days}'::interval[], 'what is left of them goes on');
create temp table snoozed as select t.id from agenda.create_task('Snoozed') t;
select agenda.snooze(id) from snoozed;
delete from agenda.reminders r using snoozed s where r.task_id = s.id;
select agenda.reschedule_task(id, '2025-05-03T12:00:00Z') from snoozed;
select is((select count(*) from agenda.reminders r join snoozed s on s.id = r.task_id), 3::bigint, 'a snooze that is taken away says nothing about them');

-- ---- series ----
delete from agenda.tasks;
select agenda.set_preferences('{"default_reminders": null}');
create temp table s as select id from agenda.create_recurring_task('Stand-up', 'daily', start_date => '2025-03-22T09:00:00Z');
select is((select count(*) from agenda.set_series_reminders(s.id, '["10 minutes", "-1 minute"]')), 2::bigint, 'a series has templates') from s;
set local agenda.now = '2025-03-22 09:00+00';
select pg_temp.scan('2025-03-22 09:00+00');
select is((select array_agg((state, fire_at)::text order by fire_at) from agenda.reminders where task_id is not null),
          array['(scheduled,"2025-03-22 08:59:00+00")', '(scheduled,"2025-03-22 09:10:00+00")'],
          'U46 each occurrence gets copies, which are its own');
create temp table c as select id from agenda.create_task('Water', due => '2025-03-23T09:00:00Z', recurrence_rule => 'daily');
select agenda.add_reminder(id, '-1 hour') from c;
create temp table c2 as select (x.next_task).id from c, agenda.complete_task(c.id) x;
select is((select array_agg(fire_at) from agenda.reminders where task_id = c2.id), '{2025-03-24 08:00+00}'::timestamptz[], 'U46 the next occurrence has the reminder at its own time') from c2;

select is((select count(*) from agenda.fsck()), 0::bigint, 'everything is consistent');
select * from finish();
rollback;
