-- Series: how they begin, what they make, how they end.
begin;
set local search_path = public;
select plan(45);

select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');

-- the example of the contract: weekly from 2025-01-01T09:00Z, seen on that day
set local agenda.now = '2025-01-01 10:00:00+00';
create temp table s as select * from agenda.create_recurring_task('Weekly', 'weekly', start_date => '2025-01-01T09:00:00Z');
select is(next_due_at, '2025-01-08 09:00:00+00'::timestamptz, 'next_due_at is the first occurrence that was not made') from s;
select is((select array_agg(due_date) from agenda.tasks where recurring_task_id = s.id), '{2025-01-01 09:00:00+00}'::timestamptz[], 'the start exists as a task') from s;
select is(rrule::text, 'FREQ=WEEKLY', 'the rule is derived') from s;
select is(is_active, true, 'the series is active') from s;
select is((select what || ' ' || agenda.utc(fire_at) from agenda.timers where entity_id = s.id), 'spawn 2025-01-08T09:00:00Z', 'one timer') from s;

-- across a change to daylight saving time
set local agenda.now = '2025-03-24 12:00:00+00';
create temp table dst as select * from agenda.create_recurring_task('Stand-up', rrule => 'FREQ=WEEKLY;BYDAY=MO', start_date => '2025-01-06 09:00', timezone => 'Europe/Berlin');
select is(start_date, '2025-01-06 08:00:00+00'::timestamptz, 'a start without offset is local') from dst;
select is(next_due_at, '2025-03-31 07:00:00+00'::timestamptz, 'nine o''clock stays nine o''clock') from dst;
select is((select array_agg(due_date) from agenda.tasks where recurring_task_id = dst.id), '{2025-03-24 08:00:00+00}'::timestamptz[], 'of many past ones the newest is made') from dst;
select is(recurrence_type, 'weekly', 'the simple form is derived') from dst;
select is(recurrence_interval, 1, 'with its interval') from dst;

-- start in the future
create temp table f as select * from agenda.create_recurring_task('Later', 'daily', 2, '2025-04-01T06:00:00Z');
select is(next_due_at, '2025-04-01 06:00:00+00'::timestamptz, 'a future start is next') from f;
select is((select count(*) from agenda.tasks where recurring_task_id = f.id), 0::bigint, 'and nothing is made yet') from f;
select is(rrule::text, 'FREQ=DAILY;INTERVAL=2', 'interval') from f;

-- already over
create temp table o as select * from agenda.create_recurring_task('Over', 'daily', start_date => '2025-01-01T09:00:00Z', end_date => '2025-02-01T00:00:00Z');
select is(is_active, false, 'a series that is over is not active') from o;
select is(next_due_at, null, 'and has no next occurrence') from o;
select is((select count(*) from agenda.tasks where recurring_task_id = o.id), 0::bigint, 'nor any task') from o;
select is((select count(*) from agenda.timers where entity_id = o.id), 0::bigint, 'nor a timer') from o;

-- errors
select throws_ok($$select agenda.create_recurring_task('x')$$, 'YA006', 'a recurring task needs a rule', 'no rule');
select throws_ok($$select agenda.create_recurring_task('x', 'daily', rrule => 'FREQ=WEEKLY')$$, 'YA006', null, 'contradiction');
select throws_ok($$select agenda.create_recurring_task('x', rrule => 'FREQ=WEEKLY;BYDAY=XX')$$, 'YA003', null, 'invalid rule');
select throws_ok($$select agenda.create_recurring_task('x', 'fortnightly')$$, 'YA003', null, 'a type that is none');
select throws_ok($$select agenda.create_recurring_task('x', 'daily', 0)$$, null, null, 'an interval of 0');
select throws_ok($$select agenda.create_recurring_task('x', 'daily', start_date => '2025-05-01', end_date => '2025-04-01')$$, '23514', null, 'an end before the start');
select throws_ok($$select agenda.create_recurring_task('x', 'daily', policy => 'whenever')$$, 'YA006', null, 'an unknown policy');
select throws_ok($$select agenda.get_recurring_task('00000000-0000-4000-8000-00000000dead')$$, 'YA001', null, 'an unknown series');

-- change, pause, resume
select is((agenda.update_recurring_task(id, '{"timezone": "America/New_York"}')).next_due_at, '2025-03-31 13:00:00+00'::timestamptz, 'a new zone keeps the wall clock') from dst;
select is((agenda.update_recurring_task(id, '{"is_active": false}')).is_active, false, 'pause') from dst;
select is((select count(*) from agenda.timers where entity_id = dst.id), 0::bigint, 'a paused series has no timer') from dst;
set local agenda.now = '2025-05-01 12:00:00+00';
select is((agenda.update_recurring_task(id, '{"is_active": true}')).next_due_at, '2025-05-05 13:00:00+00'::timestamptz, 'resumed, it goes on after now') from dst;
select is((select array_agg(type order by seq) from agenda.events e where e.subject = dst.id::text),
          '{recurring_task.created,recurring_task.updated,recurring_task.paused,recurring_task.resumed,task.missed}'::text[], 'each with its event, and what the pause passed over') from dst;
select is((agenda.update_recurring_task(id, '{"recurrence_type": "daily"}')).rrule::text, 'FREQ=DAILY', 'a new simple form makes a new rule') from s;
select is((agenda.update_recurring_task(id, '{"rrule": "FREQ=MONTHLY;BYMONTHDAY=1"}')).recurrence_type, 'monthly', 'a new rule makes a new simple form') from s;

-- plain SQL
insert into agenda.recurring_tasks (title, recurrence_type, start_date, timezone) values ('plain', 'daily', '2025-05-02 09:00+02', 'Europe/Berlin');
select is((select next_due_at from agenda.recurring_tasks where title = 'plain'), '2025-05-02 07:00:00+00'::timestamptz, 'plain INSERT is as good as the function');

-- on completion
create temp table oc as select * from agenda.create_recurring_task('Chore', 'daily', start_date => '2025-05-01T18:00:00Z', policy => 'on_completion');
select is((select count(*) from agenda.timers where entity_id = oc.id), 0::bigint, 'no clock makes occurrences on completion') from oc;
select is((select due_date from agenda.tasks where recurring_task_id = oc.id), '2025-05-01 18:00:00+00'::timestamptz, 'the first one exists') from oc;
select is((select ((agenda.complete_task(t.id)).next_task).due_date from agenda.tasks t where t.recurring_task_id = oc.id), '2025-05-02 18:00:00+00'::timestamptz, 'completed early, the next one is not the same') from oc;

-- deletion
select is(agenda.delete_recurring_task(id), true, 'delete_recurring_task') from s;
select throws_ok(format($$select agenda.get_recurring_task(%L)$$, id), 'YA001', null, 'a deleted series is gone') from s;

-- filters that cannot be meant
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
select throws_ok(format('select * from agenda.list_recurring_tasks(%L)', f), 'YA006', null, 'no filter: ' || coalesce(f, 'null'))
  from unnest('{NULL,[],"{\"active\": true}","{\"is_active\": \"perhaps\"}"}'::text[]) f;
select throws_ok($$select agenda.count_recurring_tasks('{"title": "x"}')$$, 'YA006', 'recurring tasks cannot be filtered by "title"', 'nor one of the count');
select lives_ok($$select agenda.list_recurring_tasks('{"is_active": "true", "q": null}')$$, 'null asks for nothing');
select throws_ok($$select agenda.calendar('2025-01-01', 'infinity')$$, 'YA006', null, 'a calendar ends');
select * from finish();
rollback;
