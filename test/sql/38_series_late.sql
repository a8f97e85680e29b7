-- The scanner always comes a little later than a timer says, and after downtime much later: what a series owes is told as if
-- it had come in time, and what is late is said to be.
begin;
set local search_path = public;
select no_plan();

create function pg_temp.at(p text) returns void language plpgsql as $$
begin
    perform set_config('agenda.now', p, true);
    perform agenda.act_as(null);
    while (agenda.check_due_tasks(1000)).raised > 0 loop
    end loop;
    perform agenda.act_as('aaaaaaaa-0000-4000-8000-000000000638');
end $$;
-- every timer of a time, each looked at some milliseconds late
create function pg_temp.run(p_from timestamptz, p_to timestamptz, p_late interval) returns void language plpgsql as $$
declare
    v_at timestamptz;
begin
    loop
        select min(m.fire_at) into v_at from agenda.timers m;
        exit when v_at is null or v_at + p_late > p_to;
        perform pg_temp.at((greatest(v_at, p_from) + p_late)::text);
    end loop;
    perform pg_temp.at(p_to::text);
end $$;
-- what was told of a series or a task: type, when it was owed, whether it came late
create function pg_temp.told(p_id uuid) returns text language sql as $$
    select string_agg(concat_ws(' ', n.type, to_char(n.scheduled_for at time zone 'UTC', 'MM-DD HH24:MI:SS.MS'), case when n.late then 'late' end, n.data->>'told'), ', ' order by n.scheduled_for, n.type)
      from agenda.notifications n where coalesce(n.recurring_task_id, n.task_id) = p_id
$$;
create function pg_temp.events(p_id uuid) returns text language sql as $$
    select string_agg(concat_ws(' ', e.type, e.data->>'scheduled_for'), ', ' order by e.data->>'scheduled_for', e.type)
      from agenda.events e where e.type in ('task.due_soon', 'task.due', 'task.overdue', 'reminder.due')
       and coalesce(e.data->>'recurring_task_id', e.data->>'task_id') = p_id::text
$$;

select pg_temp.at('2025-03-03 00:00+00');
select agenda.set_preferences('{"timezone": "UTC", "overdue_grace": "1 day", "enabled_types": ["reminder", "due", "overdue", "digest"]}');

-- ---- three milliseconds late ---------------------------------------------------------------------------
create temp table d as select (agenda.create_recurring_task('daily', 'daily', start_date => '2025-03-04T09:00:00Z', options => '{"reminders": ["-1 minute"]}')).id;
create temp table two as select (agenda.create_recurring_task('two', 'daily', start_date => '2025-03-04T09:00:00Z', options => '{"reminders": ["-1 hour", "-10 minutes"]}')).id;
create temp table m as select (agenda.create_recurring_task('must do', 'daily', start_date => '2025-03-04T09:00:00Z', policy => 'must_do', options => '{"reminders": ["-1 day"]}')).id;
create temp table w as select (agenda.create_recurring_task('the day before', 'weekly', start_date => '2025-03-04T09:00:00Z', options => '{"reminders": [{"offset": "-1 day", "at_time": "18:00"}]}')).id;
create temp table r as select (agenda.create_recurring_task('again and again', 'weekly', start_date => '2025-03-04T09:00:00Z', options => '{"reminders": [{"offset": "-30 minutes", "repeat_every": "10 minutes", "repeat_max": 2}]}')).id;
create temp table n as select (agenda.create_recurring_task('none', 'daily', start_date => '2025-03-04T09:00:00Z', options => '{"reminders": []}')).id;
select agenda.set_preferences('{"default_reminders": ["-2 hours"]}');
create temp table s as select (agenda.create_recurring_task('default', 'daily', start_date => '2025-03-04T09:00:00Z')).id;
select pg_temp.run('2025-03-03 00:00+00', '2025-03-04 12:00+00', '3 milliseconds');
select is(pg_temp.told(id), 'reminder 03-04 08:59:00.000, due 03-04 09:00:00.000', 'the first reminder rings') from d;
select is(pg_temp.told(id), 'reminder 03-04 08:00:00.000, reminder 03-04 08:50:00.000, due 03-04 09:00:00.000', 'of several, each') from two;
select is(pg_temp.told(id), 'reminder 03-03 09:00:00.000, due 03-04 09:00:00.000, reminder 03-04 09:00:00.000', 'one that rings when the one before is due') from m;
select is(pg_temp.told(id), 'reminder 03-03 18:00:00.000, due 03-04 09:00:00.000', 'the day before, at its time') from w;
select is(pg_temp.told(id), 'reminder 03-04 08:30:00.000, reminder 03-04 08:40:00.000, reminder 03-04 08:50:00.000, due 03-04 09:00:00.000', 'one that repeats, from the first on') from r;
select is(pg_temp.told(id), 'due 03-04 09:00:00.000', 'without a reminder it is due at its instant') from n;
select is(pg_temp.told(id), 'reminder 03-04 07:00:00.000, due 03-04 09:00:00.000', 'a default one') from s;
select is(pg_temp.events(id), 'reminder.due 2025-03-04T08:59:00Z, task.due_soon 2025-03-04T08:59:00Z, task.due 2025-03-04T09:00:00Z', 'and so do the events say') from d;
select is((select t.owed_from from agenda.tasks t where t.recurring_task_id = n.id), '2025-03-04 09:00+00', 'when it should have been made is known') from n;

-- ---- three hours late ------------------------------------------------------------------------------------
select agenda.set_preferences('{"overdue_grace": null, "default_reminders": null}');
create temp table plain as select (agenda.create_task('plain', due => '2025-03-05T09:00:00Z', reminders => '["-1 minute"]')).id;
update agenda.tasks set announced = 'due_soon' where id = (table plain);
select agenda._plan_task_timer(t) from agenda.tasks t join plain using (id);
select pg_temp.at('2025-03-05 08:58+00');
delete from agenda.notifications;
select pg_temp.at('2025-03-05 12:00+00');
select is(pg_temp.told(id), 'overdue 03-05 09:15:00.000 late 2', 'after downtime a task is told once, late') from plain;
select is(pg_temp.told(id), 'overdue 03-05 09:15:00.000 late 3', 'and so is an occurrence, which should have been made when it was due soon') from d;
select is(pg_temp.told(id), 'overdue 03-05 09:15:00.000 late 2', 'with what there is to tell of it') from n;
select is((select count(*) from agenda.events e where e.type = 'task.due' and e.data->>'scheduled_for' = '2025-03-05T09:00:00Z' and e.data->>'title' in ('plain', 'daily', 'none')), 3::bigint, 'each was due');
select is((select x->>'reason' from agenda.tasks t, jsonb_array_elements(agenda.why_not_notified(t.id)->'states') x where t.recurring_task_id = n.id and t.occurrence_key::date = '2025-03-05' and x->>'what' = 'due'),
          'told together with something else, or before the due date was set', 'which is what it says when it is asked') from n;

-- ---- what was owed before anybody knew of it ---------------------------------------------------------------
select pg_temp.at('2025-03-06 08:30+00');
create temp table l as select (agenda.create_recurring_task('begun late', 'daily', start_date => '2025-03-06T09:00:00Z', options => '{"reminders": ["-1 hour"]}')).id;
select pg_temp.run('2025-03-06 08:30+00', '2025-03-06 09:05+00', '3 milliseconds');
select is(pg_temp.told(id), 'due 03-06 09:00:00.000', 'a reminder that was over when the series was made does not ring') from l;

-- ---- why not -----------------------------------------------------------------------------------------------
create function pg_temp.why(p_task uuid, p_what text) returns text language sql as
    $$select x->>'reason' from jsonb_array_elements(agenda.why_not_notified(p_task)->'states') x where x->>'what' = p_what$$;
select agenda.set_preferences('{"enabled_types": null}');
select set_config('agenda.now', '2025-03-06 10:00+00', true);
create temp table y as select (agenda.create_task('soon', due => '2025-03-06T20:00:00Z')).id, (agenda.create_task('over', due => '2025-03-06T09:00:00Z')).id as over;
select pg_temp.at('2025-03-06 21:00+00');
select is(pg_temp.why(id, 'due_soon'), 'told together with something else, or before the due date was set', 'a task that was made when it was due soon is told of that with the rest') from y;
select is(pg_temp.why(over, 'due'), 'its time had passed when the task was made', 'one that was made when it was overdue was never due') from y;

select is_empty('select * from agenda.fsck()', 'all is as it should be');
select * from finish();
rollback;
