-- Tasks: creation, change, completion, deletion, lists; by functions and by plain SQL alike.
begin;
set local search_path = public;
select plan(93);

set local agenda.now = '2025-03-10 12:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
create temp table t as select * from agenda.create_task('Complete report', due => '2025-03-11T17:00:00Z', description => 'all of it', priority => 1);

select is(title, 'Complete report', 'title') from t;
select is(status, 'pending', 'a new task is pending') from t;
select is(due_date, '2025-03-11 17:00:00+00', 'an instant with an offset') from t;
select is(priority, 1::smallint, 'priority') from t;
select is(version, 1::bigint, 'version begins with 1') from t;
select is(user_id, agenda.current_user_id(), 'the owner is the acting user') from t;
select is((agenda.create_task('x', due => '2025-03-30T02:30', timezone => 'Europe/Berlin')).due_date,
          '2025-03-30 01:30:00+00'::timestamptz, 'a time in a gap moves forward by the gap');
select is((agenda.create_task('x', due => '2025-10-26T02:30', timezone => 'Europe/Berlin')).due_date,
          '2025-10-26 00:30:00+00'::timestamptz, 'a doubled time is the first one');
select is((agenda.create_task('x', due => '2025-07-01 09:00')).due_date, '2025-07-01 09:00:00+00'::timestamptz,
          'without a zone anywhere it is UTC');
select lives_ok($$select agenda.set_preferences('{"timezone": "America/New_York"}')$$, 'preferences can be set');
select is((agenda.create_task('x', due => '2025-07-01 09:00')).due_date, '2025-07-01 13:00:00+00'::timestamptz,
          'without a zone on the task it is the user''s');
set local timezone = 'Asia/Tokyo';
select is((agenda.create_task('x', due => '2025-07-01 09:00')).due_date, '2025-07-01 13:00:00+00'::timestamptz,
          'the session''s zone plays no part');
select is(agenda.task_json(agenda.get_task(id))->>'due_date', '2025-03-11T17:00:00Z', 'times go out in UTC') from t;
reset timezone;

-- errors, each with its state
select throws_ok($$select agenda.create_task('x', due => 'tomorrow')$$, 'YA005', '"tomorrow" is not a date and time', 'words are no time');
select throws_ok($$select agenda.create_task('x', due => '2025-02-30T10:00')$$, 'YA005', null, 'nor is 30 February');
select throws_ok($$select agenda.create_task('x', due => 'infinity')$$, 'YA005', null, 'nor infinity');
select throws_ok($$select agenda.create_task('x', due => '2025-07-01', timezone => 'Mars/Olympus')$$, 'YA004', null, 'an unknown zone');
select throws_ok($$select agenda.create_task('x', recurrence_rule => 'sometimes')$$, 'YA003', null, 'an invalid rule');
select throws_ok($$select agenda.create_task(null)$$, '23502', null, 'a task needs a title');
select throws_ok($$select agenda.create_task('')$$, '23514', null, 'which is not empty');
select throws_ok($$select agenda.create_task('x', priority => 9)$$, '23514', null, 'priority is 1 to 3');
select throws_ok($$select agenda.get_task('00000000-0000-4000-8000-00000000dead')$$, 'YA001', null, 'an unknown task');
select throws_ok($$insert into agenda.tasks (title, due_date) values ('x', 'infinity')$$, '23514', null, 'an infinite due date by plain SQL');

-- change
create temp table u as select x.* from t, agenda.update_task(t.id, '{"title": "Report", "description": null}', 1) x;
select is(title, 'Report', 'update changes what is given') from u;
select is(description, null, 'null clears') from u;
select is(due_date, '2025-03-11 17:00:00+00'::timestamptz, 'absent members stay') from u;
select is(version, 2::bigint, 'the version counts') from u;
select throws_ok(format($$select agenda.update_task(%L, '{"title": "late"}', 1)$$, id), 'YA002', null, 'an old version is refused') from t;
select is((agenda.update_task(id, '{"title": "Report"}')).version, 2::bigint, 'a change that changes nothing is none') from t;
select throws_ok(format($$select agenda.update_task(%L, '{"priority": "high"}')$$, id), 'YA006', null, 'a member of the wrong kind') from t;
select throws_ok(format($$select agenda.update_task(%L, '{"title": null}')$$, id), '23502', null, 'a title cannot be cleared') from t;

-- completion
create temp table c as select (agenda.complete_task(id)).task from t;
select is((task).status, 'completed', 'complete_task completes') from c;
select is((task).completed_at, agenda.now(), 'and notes when') from c;
select is(((agenda.complete_task(id)).task).version, ((c.task).version), 'again is harmless') from t, c;
select is((select count(*) from agenda.events e where e.subject = t.id::text and e.type = 'task.completed'), 1::bigint, 'and one event') from t;
update agenda.tasks set title = 'Report, done' where id = (select id from t);
select is((select array_agg(e.type order by e.seq) from agenda.events e where e.subject = t.id::text and e.seq > (select max(seq) from agenda.events where type = 'task.completed' and subject = t.id::text)),
          '{task.updated}'::text[], 'changing a completed task does not complete it again') from t;
update agenda.tasks set status = 'pending' where id = (select id from t);
select is((agenda.get_task(id)).completed_at, null, 'reopening by plain SQL clears completed_at') from t;
select is((select count(*) from agenda.events e where e.subject = t.id::text and e.type = 'task.reopened'), 1::bigint, 'and is an event') from t;
update agenda.tasks set status = 'cancelled' where id = (select id from t);
select throws_ok(format($$select agenda.complete_task(%L)$$, id), 'YA007', null, 'a cancelled task cannot be completed') from t;

-- a rule on the task: completing it makes the next one
create temp table r as select * from agenda.create_task('Water', due => '2025-03-10T09:00', timezone => 'Europe/Berlin', recurrence_rule => 'daily');
select isnt(recurring_task_id, null, 'a task with a rule has a series') from r;
select is(version, 1::bigint, 'which is no change of the task') from r;
create temp table n as select (next_task).* from r, agenda.complete_task(r.id);
select is(due_date, '2025-03-11 08:00:00+00'::timestamptz, 'the next one comes after now') from n;
select is(parent_task_id, (select id from r), 'and knows its predecessor') from n;
select is(recurrence_rule, 'daily', 'and has the rule') from n;
select is((((agenda.complete_task((select id from r))).next_task).id), (select id from n), 'completing again returns the same successor');
create temp table m as select * from agenda.create_task('Monthly', due => '2025-01-31T09:00', recurrence_rule => 'monthly');
select is((select ((agenda.complete_task(id)).next_task).due_date from m), '2025-03-31 13:00:00+00'::timestamptz,
          'monthly from the 31st does not drift, and skips what lies in the past');
create temp table nd as select id from agenda.create_task('No due', recurrence_rule => 'weekly', timezone => 'UTC');
select is((select ((agenda.complete_task(id)).next_task).due_date from nd), '2025-03-17 12:00:00+00'::timestamptz,
          'without a due date the completion is the anchor');

-- deletion
select is(agenda.delete_task(id), true, 'delete_task') from t;
select throws_ok(format($$select agenda.get_task(%L)$$, id), 'YA001', null, 'a deleted task is gone') from t;

-- lists
delete from agenda.tasks;
select agenda.create_task('task ' || i, due => '2025-03-' || lpad(i::text, 2, '0') || 'T12:00:00Z', priority => 1 + i % 3) from generate_series(1, 25) i;
select is(agenda.count_tasks(), 25::bigint, 'count');
select is((select count(*) from agenda.list_tasks()), 20::bigint, 'a page has 20');
select is((select count(*) from agenda.list_tasks(page => 2)), 5::bigint, 'the second page has the rest');
select is((select array_agg(title) from agenda.list_tasks('{"due_from": "2025-03-05T12:00:00Z", "due_to": "2025-03-07T12:00:00Z"}', 'due_date')),
          '{task 5,task 6}'::text[], 'from is inclusive, to is not');
select is((select array_agg(title order by due_date) from agenda.list_tasks('{"due_state": "due_soon"}')), '{task 11}'::text[], 'due soon is within 24 hours');
select is(agenda.count_tasks('{"due_state": "overdue"}'), 9::bigint, 'overdue after the grace');
select throws_ok($$select * from agenda.list_tasks(sort => 'title; drop table agenda.tasks')$$, 'YA006', null, 'sort is one of a list');

-- items of a checklist are done or not, from the beginning
select is((agenda.create_task('Pack', due => '2040-01-02T09:00:00Z', recurrence_rule => 'daily', checklist => '[{"text": "a"}, {"text": "b", "done": true}]')).checklist,
          '[{"text": "a", "done": false}, {"text": "b", "done": true}]'::jsonb, 'an item that does not say so is not done');
create temp table packed as select t.id, c.next_task from agenda.tasks t, agenda.complete_task(t.id) c where t.title = 'Pack' and t.status = 'pending';
select is((next_task).checklist, '[{"text": "a", "done": false}, {"text": "b", "done": false}]'::jsonb, 'nor is any in the next occurrence') from packed;
-- ---- names ----
create temp table named as select t.id as task, r.id as series, r.next_key as key from agenda.create_task('Named', due => '2040-01-02T09:00:00Z') t,
    agenda.create_recurring_task('Named', 'daily', start_date => '2040-01-02T09:00:00Z') r;
select throws_ok(format(call, task, series, key), 'YA006', message, call) from named,
  (values ($$select agenda.update_task('%1$s', '{"titel": "x"}')$$, 'there is no member "titel"'),
          ($$select agenda.update_task('%1$s', '{"titel": "x", "reminders": []}')$$, 'there is no member "titel"'),
          ($$select agenda.update_task('%1$s', '{"scope": "all"}')$$, 'there is no member "scope"'),
          ($$select agenda.create_recurring_task('x', 'daily', options => '{"mised": "all"}')$$, 'there is no member "mised"'),
          ($$select agenda.update_recurring_task('%2$s', '{"mised": "all"}')$$, 'there is no member "mised"'),
          ($$select agenda.update_recurring_task('%2$s', '{"mised": "all"}', effective_from => '2040-02-01')$$, 'there is no member "mised"'),
          ($$select agenda.preview_recurring_task('%2$s', 3, '{"mised": "all"}')$$, 'there is no member "mised"'),
          ($$select agenda.preview_recurring_task(null, 3, '{"rule": "daily"}')$$, 'there is no member "rule"'),
          ($$select agenda.patch_occurrence('%2$s', '%3$s', '{"titel": "x"}')$$, null),
          ($$select agenda.patch_occurrence('%2$s', '%3$s', '{"titel": "x"}', 'following')$$, 'there is no member "titel"'),
          ($$select agenda.add_occurrence('%2$s', '2040-01-02 10:00', '{"titel": "x"}')$$, null),
          ($$select agenda.set_preferences('{"time_zone": "UTC"}')$$, '"time_zone" is no preference')) v (call, message);
select lives_ok(format($$select agenda.update_task('%s', agenda.task_json(agenda.get_task('%1$s')))$$, task), 'what is read of a task may be sent back') from named;
select lives_ok(format($$select agenda.update_recurring_task('%s', agenda.recurring_task_json(agenda.get_recurring_task('%1$s')))$$, series), 'and of a series') from named;
create temp table sent as select v.kind, t.id from (values ('date', '2040-01-02', null), ('local', '2040-01-02T09:00', null), ('local', '2040-01-02T09:00', 'Asia/Tokyo'), ('instant', '2040-01-02T09:00:00Z', null)) v (kind, due, zone),
    agenda.create_task('Sent', due => v.due, timezone => v.zone, recurrence_rule => 'daily') t;
select is((select array_agg(x.due_kind = s.kind and (x.due_local, x.due_date, x.timezone, x.version) is not distinct from (t.due_local, t.due_date, t.timezone, t.version)) from agenda.update_task(t.id, agenda.task_json(t), null, p.scope) x),
          '{t}', format('a due date that is sent back with scope %s stays of its kind: %s', p.scope, s.kind))
  from sent s join agenda.tasks t on t.id = s.id, (values ('this'), ('all')) p (scope);
select is((agenda.update_task(id, '{"due_date": "2040-01-02T15:00:00Z"}')).due_kind, 'instant', 'another instant is one') from sent where kind = 'date';
select is((agenda.update_task(id, '{"timezone": "Europe/Berlin", "due_date": "2040-01-02T00:00:00Z"}')).due_date, '2040-01-02 00:00+00'::timestamptz, 'with another zone, too')
  from sent natural join agenda.tasks where timezone = 'Asia/Tokyo';
create temp table back as select r.* from (values ('2040-01-02T09:00', null), ('2040-01-02', null), ('2040-01-02T09:00', 'Asia/Tokyo')) v (start, zone),
    agenda.create_recurring_task('Back', 'daily', start_date => v.start, end_date => '2041-01-02', timezone => v.zone) r;
select is((x.floating, x.all_day, x.timezone, x.dtstart, x.end_date, x.version), (r.floating, r.all_day, r.timezone, r.dtstart, r.end_date, r.version), 'nor does a series change that is sent back')
  from back r, agenda.update_recurring_task(r.id, agenda.recurring_task_json(agenda.get_recurring_task(r.id))) x;
select is(array_agg((agenda.update_recurring_task(id, agenda.recurring_task_json(agenda.get_recurring_task(id)) || '{"timezone": "Europe/Berlin"}')).floating), '{f,f,f}', 'another zone is its own') from back;
create temp table plain as select * from agenda.create_task('Plain', due => '2040-01-02T12:00', timezone => 'Europe/Berlin');
create function pg_temp.plain(p_due timestamptz, p_zone text) returns text language sql as $$
    update agenda.tasks t set due_date = p_due, timezone = p_zone from plain p where t.id = p.id
    returning concat_ws(' ', t.due_kind, t.due_local, to_char(t.due_date at time zone 'UTC', 'DD HH24:MI')) $$;
select is(pg_temp.plain('2040-01-05 10:00+00', 'Asia/Tokyo'), 'local 2040-01-05 19:00:00 05 10:00', 'plain SQL: an instant and its zone at once');
select is(pg_temp.plain('2040-01-05 10:00+00', 'Europe/Berlin'), 'local 2040-01-05 19:00:00 05 18:00', 'with another zone the wall clock stays');
select is(pg_temp.plain(null, 'Asia/Tokyo'), 'instant', 'nothing and a zone');
select is(body::jsonb->>'title', 'Renamed', 'a REST client may say more of a task than is known') from named,
    agenda.gw_update_task('aaaaaaaa-0000-4000-8000-000000000001', 'r', null, task, '{"title": "Renamed", "x": 1}', null);
select is(body::jsonb->>'title', 'Renamed', 'and of a series') from named,
    agenda.gw_update_recurring_task('aaaaaaaa-0000-4000-8000-000000000001', 'r', null, series, '{"title": "Renamed", "x": 1}', null);
select is((agenda.update_task(id, '{"checklist": [{"text": "c"}]}')).checklist, '[{"text": "c", "done": false}]'::jsonb, 'nor one that comes later') from packed;
insert into agenda.recurring_tasks (title, rrule, start_date, checklist) values ('Pack more', 'daily', '2040-01-02 09:00Z', '[{"text": "d"}]');
select is(checklist, '[{"text": "d", "done": false}]'::jsonb, 'nor in a series') from agenda.recurring_tasks where title = 'Pack more';
select * from finish();
rollback;
