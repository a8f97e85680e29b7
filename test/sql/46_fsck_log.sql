-- fsck(): the log and the rows say the same; each kind of disagreement is planted, and found.
begin;
set local search_path = public;
select plan(28);

select agenda.act_as('aaaaaaaa-0000-4000-8000-00000000f5c0');
-- a plain superuser is somebody whom triggers do not see, between these two
create function pg_temp.behind() returns void language sql as $$select set_config('agenda.restoring', 'on', true)$$;
create function pg_temp.back() returns void language sql as $$select set_config('agenda.restoring', 'off', true)$$;
create function pg_temp.found() returns text language sql as
$$select string_agg(entity || ': ' || regexp_replace(problem, 'event \d+', 'event'), ', ' order by entity, problem) from agenda.fsck()
   where check_name = 'log' and user_id in ('aaaaaaaa-0000-4000-8000-00000000f5c0', 'aaaaaaaa-0000-4000-8000-00000000f5c1')$$;

create temp table t as select id from agenda.create_task('Task', due => (now() + interval '3 days')::text, tags => '{a,b}');
create temp table r as select (agenda.add_reminder(id, '-1 hour')).id from t;
create temp table s as select id from agenda.create_recurring_task('Series', 'daily', policy => 'chain');
create temp table n as select gen_random_uuid() as id;
insert into agenda.notifications (id, user_id, type, title, dedupe_key, scheduled_for) select id, agenda.current_user_id(), 'due', 'Told', 'x', now() from n;
select agenda.set_preferences('{"timezone": "Europe/Berlin"}');

select is(pg_temp.found(), null, 'all is well');
select agenda.update_task(id, '{"title": "Other", "due_date": "2031-01-01T09:00", "checklist": [{"text": "one"}]}') from t;
select agenda.update_recurring_task(id, '{"priority": 1, "lead_time": "1 hour"}') from s;
select agenda.patch_occurrence(id, (agenda.get_recurring_task(id)).next_key, '{"title": "Special"}') from s;
select agenda.complete_task(k.id) from agenda.tasks k where k.title = 'Series' and k.status = 'pending';
select agenda.mark_read(id) from n;
select agenda.set_preferences('{"quiet_start": "22:00", "quiet_end": "07:00"}');
select agenda.delete_task(id) from agenda.create_task('Deleted');
update agenda.tasks set title = 'Deleted otherwise' where title = 'Deleted';
select is(pg_temp.found(), null, 'and stays so, whatever is changed');
delete from agenda.tasks where title = 'Deleted otherwise';
select is(pg_temp.found(), null, 'or deleted for good');

select agenda.add_occurrence(r.id, (r.dtstart + interval '30 days'))
  from agenda.create_recurring_task('Over', 'daily', start_date => (date_trunc('second', now()) - interval '10 seconds')::text, end_date => (now() + interval '1 hour')::text, timezone => 'UTC') r;
select is(pg_temp.found(), null, 'or goes on after its end');

-- ---- rows that were changed without an event ----
select pg_temp.behind();
update agenda.tasks set title = 'Behind', priority = 3 where id = (select id from t);
select pg_temp.back();
select is(pg_temp.found(), 'task: event (task.updated) says otherwise of priority, title', 'a task that was changed behind our back');
update agenda.tasks set description = 'x' where id = (select id from t);
select is(pg_temp.found(), null, 'the next event says it all');

select pg_temp.behind();
update agenda.recurring_tasks set lead_time = '2 hours' where id = (select id from s);
select pg_temp.back();
select is(pg_temp.found(), 'recurring_task: event (recurring_task.updated) says otherwise of lead_time', 'a series');
select pg_temp.behind();
update agenda.recurring_tasks set lead_time = '1 hour' where id = (select id from s);
update agenda.reminders set fire_at = fire_at - interval '1 hour' where id = (select id from r);
select pg_temp.back();
select is(pg_temp.found(), 'reminder: event (reminder.scheduled) says otherwise of fire_at', 'a reminder');
select agenda.snooze_reminder(id, '2 hours') from r;
select is(pg_temp.found(), null, 'the next event says it all');
select agenda.cancel_task(id) from t;
select pg_temp.behind();
update agenda.reminders set fire_at = '2031-01-01 09:00+00' where id = (select id from r);
select pg_temp.back();
select is(pg_temp.found(), 'reminder: event (reminder.cancelled) says otherwise of fire_at', 'one that waits for what the log has cancelled');
select pg_temp.behind();
update agenda.reminders set fire_at = null where id = (select id from r);
select pg_temp.back();
select agenda.reopen_task(id) from t;
select pg_temp.behind();
update agenda.notifications set read_at = null where id = (select id from n);
select pg_temp.back();
select is(pg_temp.found(), 'notification: event (notification.read) says otherwise of read_at', 'a notification');
select pg_temp.behind();
update agenda.notifications set read_at = now() where id = (select id from n);
update agenda.preferences set quiet_policy = 'drop' where user_id = agenda.current_user_id();
select pg_temp.back();
select is(pg_temp.found(), 'preferences: event (preferences.updated) says otherwise of quiet_policy', 'preferences');
select pg_temp.behind();
update agenda.preferences set quiet_policy = 'hold' where user_id = agenda.current_user_id();
select pg_temp.back();
select is(pg_temp.found(), null, 'all put right');

-- ---- rows without an event, events without a row ----
select pg_temp.behind();
insert into agenda.tasks (title) values ('Nobody told');
select pg_temp.back();
select is(pg_temp.found(), 'task: no event tells of it', 'a task of which there is no event');
select is((select count(*) from agenda.fsck(true) where check_name = 'log' and repaired), 0::bigint, 'is for people to look at');
update agenda.tasks set created_at = (select min(lower) from agenda.log_leaves) - interval '1 second' where title = 'Nobody told';
select is(pg_temp.found(), null, 'unless it is older than the log');
select pg_temp.behind();
create temp table gone_r as select * from agenda.reminders where id = (select id from r);
create temp table gone as with g as (delete from agenda.tasks where id = (select id from t) returning *) select * from g;
select pg_temp.back();
select is(pg_temp.found(), 'reminder: event (reminder.snoozed) tells of it, and it is not there, task: event (task.reopened) tells of it, and it is not there', 'a task that went without an event');
select pg_temp.behind();
insert into agenda.tasks select * from gone;
insert into agenda.reminders select * from gone_r;
update agenda.tasks set deleted_at = now() where id = (select id from t);
select pg_temp.back();
select is(pg_temp.found(), 'task: it is deleted, and event (task.reopened) does not say so', 'a task that was deleted without one');
select pg_temp.behind();
update agenda.tasks set deleted_at = null where id = (select id from t);
select pg_temp.back();
select agenda.delete_task(id) from t;
select pg_temp.behind();
update agenda.tasks set deleted_at = null where id = (select id from t);
select pg_temp.back();
select is(pg_temp.found(), 'task: event (task.deleted) says otherwise of deleted_at', 'and one that came back');
select agenda.delete_task(id) from t;
select is(pg_temp.found(), null, 'all put right');

-- ---- what the log cannot know ----
select agenda.act_as('aaaaaaaa-0000-4000-8000-00000000f5c1');
create temp table i as select id from agenda.create_task('Imported upon');
select agenda.bulk_import();
insert into agenda.tasks (title) values ('Imported');
select agenda.update_task(id, '{"title": "Changed by an import"}') from i;
select agenda.bulk_import(false);
select is(pg_temp.found(), null, 'what was imported has no events, and what was there may have changed');
select agenda.update_task(id, '{"priority": 1}') from i;
select is(pg_temp.found(), null, 'the next event says it all');
select pg_temp.behind();
update agenda.tasks set title = 'Behind' where id = (select id from i);
select pg_temp.back();
select is(pg_temp.found(), 'task: event (task.updated) says otherwise of title', 'and is believed');
select agenda.emit('shop.ordered', 'order 1', '{"after": {"n": 1}}');
select lives_ok($$select * from agenda.fsck()$$, 'events of others are theirs');

create role t_app login in role agenda_app;
set local role t_app;
select throws_ok($$select * from agenda._fsck_log()$$, '42501', null, 'all of it is for operators');
select throws_ok($$select * from agenda._fsck_images()$$, '42501', null, 'what should be said');
select throws_ok($$select * from agenda._fsck_newest()$$, '42501', null, 'and what is said');
reset role;
select ok((select proconfig @> '{jit=off}' from pg_proc where oid = 'agenda._fsck_log()'::regprocedure), 'one statement, without compilation');
select * from finish();
rollback;
