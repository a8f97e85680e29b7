-- What reminds of the occurrences of a series: its own reminders, none, or its owner's default ones.
begin;
set local search_path = public;
select plan(38);

set local agenda.now = '2025-03-10 12:00:00+00';
create role t_app login in role agenda_app;
grant create, usage on schema public to t_app;
set local role t_app;
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
select agenda.set_preferences('{"timezone": "UTC", "default_reminders": ["-1 hour", "-1 day"]}');
create temp table mark (seq bigint);
-- the reminders of each occurrence, oldest first
create function pg_temp.reminders(p_series uuid) returns text language sql as
$$select string_agg(coalesce((select string_agg(r.offset_by::text, ',' order by r.offset_by) from agenda.reminders r where r.task_id = t.id), 'none'), ' ' order by t.occurrence_key)
    from agenda.tasks t where t.recurring_task_id = p_series and t.deleted_at is null$$;
create function pg_temp.events() returns text language sql as
$$select string_agg(e.type || coalesce(':' || (e.data->>'cause'), ''), ' ' order by e.seq) from agenda.events e where e.type like 'reminder.%' and e.seq > (select seq from mark)$$;

-- ---- a recurring task ----
create function pg_temp.series(p_options jsonb) returns uuid language plpgsql as $$
declare v_id uuid := (agenda.create_recurring_task('Daily', 'daily', start_date => '2025-03-09T18:00:00Z', options => p_options)).id;
begin
    perform agenda.trigger_recurring_task(v_id);
    return v_id;
end $$;
select is(pg_temp.reminders(pg_temp.series('{}')), '-1 days,-01:00:00 -1 days,-01:00:00', 'nothing said: the default ones');
select is(pg_temp.reminders(pg_temp.series('{"reminders": null}')), '-1 days,-01:00:00 -1 days,-01:00:00', 'or null');
select is(pg_temp.reminders(pg_temp.series('{"reminders": []}')), 'none none', 'none, for every occurrence');
select is(pg_temp.reminders(pg_temp.series('{"reminders": ["-15 minutes"]}')), '-00:15:00 -00:15:00', 'its own, for every occurrence');
select throws_ok($$select agenda.create_recurring_task('x', 'daily', options => '{"reminders": ["-1 hour", {"at": "2025-04-01T00:00:00Z"}]}')$$, 'YA006', null, 'none with a day of its own');

create temp table s as select pg_temp.series('{"reminders": []}') as id;
select is((agenda.update_recurring_task(id, '{"title": "Other"}')).own_reminders, true, 'another change leaves that') from s;
select agenda.update_recurring_task(id, '{"reminders": ["-2 hours"]}') from s;
select agenda.backfill_recurring_task(id, '2025-03-09T00:00:00Z', '2025-03-10T00:00:00Z') from s;
select agenda.complete_occurrence(id, '2025-03-11 18:00') from s;
select is(pg_temp.reminders(id), 'none none -02:00:00', 'a change of them is for those to come') from s;
select agenda.update_recurring_task(id, '{"reminders": null}') from s;
select agenda.complete_occurrence(id, '2025-03-12 18:00') from s;
select is(pg_temp.reminders(id), 'none none -02:00:00 -1 days,-01:00:00', 'null brings the default ones back') from s;

-- ---- a series shows them as it takes them ----
create function pg_temp.shown(p_reminders jsonb) returns jsonb language plpgsql as $$
declare r agenda.recurring_tasks := agenda.create_recurring_task('Shown', 'daily', start_date => '2025-03-09T18:00:00Z', options => jsonb_build_object('reminders', p_reminders));
begin
    return agenda.recurring_task_json(r)->'reminders';
end $$;
select is(pg_temp.shown('null'), 'null', 'null for the default ones');
select is(pg_temp.shown('[]'), '[]', 'an empty list for none');
select is(pg_temp.shown('["-15 minutes", {"offset": "-1 day", "at_time": "18:00"}]'),
          '[{"anchor": "due", "offset": "-00:15:00"}, {"anchor": "due", "offset": "-1 days", "at_time": "18:00:00"}]', 'else each in full');
select is(pg_temp.shown(list), list, 'which, sent back, is the same') from pg_temp.shown('["-15 minutes", {"offset": "-1 day", "at_time": "18:00"}]') list;

-- ---- this, following, all ----
create temp table p as select pg_temp.series('{"reminders": ["-15 minutes"]}') as id;
create temp table q as select r.id from p, agenda.update_recurring_task(p.id, '{"title": "From then on"}', effective_from => '2025-03-14T00:00:00Z') r;
select agenda.complete_occurrence(id, '2025-03-14 18:00') from q;
select is(pg_temp.reminders(id), '-00:15:00', 'a series that goes on with another has its reminders') from q;
create temp table n as select r.id from agenda.create_recurring_task('None', 'daily', start_date => '2025-03-09T18:00:00Z', options => '{"reminders": []}') c,
    agenda.update_recurring_task(c.id, '{"title": "None from then on"}', effective_from => '2025-03-14T00:00:00Z') r;
select agenda.complete_occurrence(id, '2025-03-14 18:00') from n;
select is(pg_temp.reminders(id), 'none', 'even if these are none') from n;
create temp table a as select pg_temp.series('{"reminders": ["-15 minutes"]}') as id;
select agenda.update_task(t.id, '{"reminders": ["-5 minutes"]}') from a, agenda.tasks t where t.recurring_task_id = a.id and t.occurrence_key = '2025-03-09 18:00';
select is(pg_temp.reminders(id), '-00:05:00 -00:15:00', 'scope this') from a;
select agenda.update_task(t.id, '{"reminders": ["-10 minutes"]}', scope => 'all') from a, agenda.tasks t where t.recurring_task_id = a.id and t.occurrence_key = '2025-03-09 18:00';
select agenda.complete_occurrence(id, '2025-03-11 18:00') from a;
select is(pg_temp.reminders(id), '-00:10:00 -00:10:00 -00:10:00', 'scope all: what is open and what is to come') from a;

-- ---- a task with a rule ----
create function pg_temp.chain(p_reminders jsonb) returns uuid language plpgsql as $$
declare t agenda.tasks := agenda.create_task('Chain', due => '2025-03-12T09:00:00Z', recurrence_rule => 'daily', reminders => p_reminders);
begin
    perform agenda.complete_task(((agenda.complete_task(t.id)).next_task).id);
    return t.recurring_task_id;
end $$;
select is(pg_temp.reminders(pg_temp.chain(null)), '-1 days,-01:00:00 -1 days,-01:00:00 -1 days,-01:00:00', 'nothing said: the default ones go on');
select is(pg_temp.reminders(pg_temp.chain('[]')), 'none none none', 'none, for every occurrence');
select is(pg_temp.reminders(pg_temp.chain('["-3 hours"]')), '-03:00:00 -03:00:00 -03:00:00', 'its own go on');
-- without a due date the series begins with the completion
create function pg_temp.begun(p_id uuid) returns text language plpgsql as $$
declare n agenda.tasks := (agenda.complete_task(p_id)).next_task;
begin
    return pg_temp.reminders(n.recurring_task_id);
end $$;
select is(pg_temp.begun((agenda.create_task('No day', recurrence_rule => 'daily')).id), 'none -1 days,-01:00:00', 'a rule without a due date: the default ones, when there is one');
select is(pg_temp.begun((agenda.create_task('No day', recurrence_rule => 'daily', reminders => '[]')).id), 'none none', 'unless none were wanted');
select is(pg_temp.begun((agenda.update_task((agenda.create_task('No day')).id, '{"recurrence_rule": "daily", "reminders": []}')).id), 'none none', 'with the rule');
select is(pg_temp.begun((agenda.update_task((agenda.create_task('No day', recurrence_rule => 'daily')).id, '{"reminders": []}')).id), 'none none', 'or later');
create temp table silent as select t.* from agenda.create_task('No day', recurrence_rule => 'daily') t;
select agenda.set_reminders(id, '[]') from silent;
select is(t.version, s.version, 'which is no change of the task') from silent s join agenda.tasks t using (id);
create temp table c as select t.* from agenda.create_task('Changed', due => '2025-03-12T09:00:00Z', recurrence_rule => 'daily') t;
select agenda.set_reminders(id, '[]') from c;
select agenda.complete_task(id) from c;
select is(pg_temp.reminders(recurring_task_id), 'none none', 'taken away, they do not come back') from c;
create temp table l as select t.* from agenda.create_task('Late rule', due => '2025-03-12T09:00:00Z') t;
select agenda.update_task(id, '{"recurrence_rule": "daily", "reminders": []}') from l;
select agenda.complete_task(id) from l;
select is((select pg_temp.reminders(t.recurring_task_id) from agenda.tasks t where t.id = l.id), 'none none', 'nor where the rule came with that') from l;

-- ---- a series that completions make: what is said of it counts from the next one on ----
create function pg_temp.said(p_first jsonb, p_then jsonb) returns uuid language plpgsql as $$
declare
    r agenda.recurring_tasks := agenda.create_recurring_task('Said', 'daily', start_date => '2025-03-12T09:00:00Z', policy => 'on_completion', options => p_first);
    v_next uuid;
begin
    perform agenda.set_series_reminders(r.id, p_then);
    v_next := ((agenda.complete_task(t.id)).next_task).id from agenda.tasks t where t.recurring_task_id = r.id;
    perform agenda.complete_task(v_next);
    return r.id;
end $$;
select is(pg_temp.reminders(pg_temp.said('{}', '[]')), '-1 days,-01:00:00 none none', 'none, instead of the default ones');
select is(pg_temp.reminders(pg_temp.said('{"reminders": ["-15 minutes"]}', '[]')), '-00:15:00 none none', 'or of its own');
select is(pg_temp.reminders(pg_temp.said('{"reminders": ["-15 minutes"]}', 'null')), '-00:15:00 -1 days,-01:00:00 -1 days,-01:00:00', 'the default ones again');
select is(pg_temp.reminders(pg_temp.said('{"reminders": ["-15 minutes"]}', '["-2 hours"]')), '-00:15:00 -02:00:00 -02:00:00', 'others');
create temp table sg as select (agenda.create_recurring_task('Said, and goes on', 'daily', start_date => '2025-03-12T09:00:00Z', policy => 'on_completion')).id;
select agenda.set_series_reminders(id, '[]') from sg;
select agenda.complete_task(t.id) from agenda.tasks t, sg where t.recurring_task_id = sg.id;
select agenda.add_reminder(t.id, '-3 hours') from agenda.tasks t, sg where t.recurring_task_id = sg.id and t.status = 'pending';
select agenda.update_recurring_task(id, '{"reminders": []}') from sg;
select agenda.update_task(t.id, '{"title": "From then on"}', scope => 'following') from agenda.tasks t, sg where t.recurring_task_id = sg.id and t.status = 'pending';
select agenda.complete_task(t.id) from agenda.tasks t, agenda.recurring_tasks r, sg where r.split_from = sg.id and t.recurring_task_id = r.id;
select is(pg_temp.reminders(r.id), '-03:00:00 none', 'a series that goes on with another knows of it') from agenda.recurring_tasks r, sg where r.split_from = sg.id;

-- ---- a first due date with reminders ----
create temp table d as select t.* from agenda.create_task('No day') t;
insert into mark select max(seq) from agenda.events;
select agenda.update_task(id, '{"due_date": "2025-03-20T09:00:00Z", "reminders": ["-2 hours"]}') from d;
select is(pg_temp.events(), 'reminder.scheduled', 'one event, for the one reminder');
select is((select string_agg(offset_by::text, ' ') from agenda.reminders r where r.task_id = d.id), '-02:00:00', 'which is the one that was asked for') from d;
create temp table e as select t.* from agenda.create_task('No day') t;
update mark set seq = (select max(seq) from agenda.events);
select agenda.update_task(id, '{"due_date": "2025-03-20T09:00:00Z", "reminders": []}') from e;
select is(pg_temp.events(), null, 'none asked for, no event');
select throws_ok($$select agenda.update_task(id, '{"due_date": null, "reminders": [{"ofset": "1 hour"}]}') from e$$, 'YA006', null, 'an error among the reminders');
select is(due_date, '2025-03-20 09:00Z'::timestamptz, 'changes nothing') from agenda.tasks t where t.id = (select id from e);
select agenda.update_task(id, '{"due_date": "2025-03-20T09:00:00Z"}') from (select (agenda.create_task('No day')).id) x;
select is(pg_temp.events(), 'reminder.scheduled reminder.scheduled', 'and a task that comes after it has the default ones');
reset role;
select is_empty($$select * from agenda.fsck() f where f.user_id = 'aaaaaaaa-0000-4000-8000-000000000001'$$, 'the self-check has nothing against it');
select * from finish();
rollback;
