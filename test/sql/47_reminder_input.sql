-- What reminders and notifications refuse: bad input with its SQLSTATE, other users' things, roles without rights.
begin;
set local search_path = public;
select plan(71);

set local agenda.now = '2025-03-10 12:00:00+00';
create role t_app login in role agenda_app;
create role t_person login in role agenda_user;
create role t_gateway login in role agenda_gateway;
create role t_monitor login in role agenda_monitor;
grant create, usage on schema public to t_app;
set local role t_app;
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
create temp table x as select t.id as task, r.id as reminder from agenda.create_task('Mine', due => '2025-03-12T12:00:00Z') t, agenda.add_reminder(t.id, '-1 hour') r;
create temp table s as select id from agenda.create_recurring_task('Series', 'daily', start_date => '2025-03-11T09:00:00Z');
grant select on x, s to public;

-- ---- bad input ----
create function pg_temp.spec(p text, state text, member text) returns text language plpgsql as $$
declare v_state text; v_column text; v_count bigint := (select count(*) from agenda.reminders);
begin
    begin
        perform agenda.set_reminders((select task from x), p::jsonb);
    exception when others then
        get stacked diagnostics v_state = returned_sqlstate, v_column = column_name;
    end;
    if (select count(*) from agenda.reminders) <> v_count then return fail(p || ' changed something'); end if;
    return is(v_state || ' ' || v_column, state || ' ' || member, p);
end $$;
select pg_temp.spec('{}', 'YA006', 'reminders');
select pg_temp.spec('["soon"]', 'YA006', 'reminders/0/offset');
select pg_temp.spec('[7]', 'YA006', 'reminders/0');
select pg_temp.spec('[null]', 'YA006', 'reminders/0');
select pg_temp.spec('[{"offset": 7}]', 'YA006', 'reminders/0/offset');
select pg_temp.spec('[{"offset": "20 years"}]', 'YA006', 'reminders/0/offset');
select pg_temp.spec('[{"anchor": "moon"}]', 'YA006', 'reminders/0/anchor');
select pg_temp.spec('[{"anchor": "absolute"}]', 'YA006', 'reminders/0/at');
select pg_temp.spec('[{"anchor": "due", "at": "2025-03-11T10:00:00Z"}]', 'YA006', 'reminders/0/at');
select pg_temp.spec('[{"at": "2025-03-11T10:00:00Z", "offset": "-1 hour"}]', 'YA006', 'reminders/0/offset');
select pg_temp.spec('[{"at": "2025-13-11T10:00:00Z"}]', 'YA005', 'reminders/0/at');
select pg_temp.spec('[{"at": "2025-03-11T10:00", "timezone": "Mars/Olympus"}]', 'YA004', 'reminders/0/timezone');
select pg_temp.spec('[{"at_time": "18:00", "offset": "-90 minutes"}]', 'YA006', 'reminders/0/at_time');
select pg_temp.spec('[{"at_time": "25:00"}]', 'YA006', 'reminders/0/at_time');
select pg_temp.spec('[{"offset": "0", "repeat_every": "10 seconds", "until_done": true}]', 'YA006', 'reminders/0/repeat_every');
select pg_temp.spec('[{"offset": "0", "repeat_every": "10 minutes"}]', 'YA006', 'reminders/0/repeat_every');
select pg_temp.spec('[{"offset": "0", "until_done": true}]', 'YA006', 'reminders/0/repeat_every');
select pg_temp.spec('[{"offset": "0", "repeat_every": "10 minutes", "repeat_max": 0}]', 'YA006', 'reminders/0/repeat_max');
select pg_temp.spec('[{"offset": "0", "repeat_every": "10 minutes", "repeat_max": "many"}]', 'YA006', 'reminders/0/repeat_max');
select pg_temp.spec('[{"offset": "0", "until_done": "yes", "repeat_every": "10 minutes"}]', 'YA006', 'reminders/0/until_done');
select pg_temp.spec('[{"ofset": "0"}]', 'YA006', 'reminders/0/ofset');
select pg_temp.spec('["-1 hour", {"at_time": "18:00"}, {"before": "1 hour"}]', 'YA006', 'reminders/2/before');
select pg_temp.spec((select jsonb_agg('-1 hour'::text)::text from generate_series(1, 101)), 'YA008', 'reminders');
select throws_ok($$select agenda.set_series_reminders(id, '[{"at": "2025-03-11T10:00:00Z"}]') from s$$, 'YA006', null, 'a template has no time of its own');
select throws_ok($$select agenda.add_reminder(null)$$, 'YA001', null, 'no task');
select throws_ok($$select agenda.add_reminder('00000000-0000-4000-8000-000000000000', '-1 hour')$$, 'YA001', null, 'an unknown task');
select throws_ok($$select agenda.update_reminder(reminder, null) from x$$, 'YA006', null, 'null is no patch');
select throws_ok($$select agenda.update_reminder(reminder, '{"at": "never"}') from x$$, 'YA005', null, 'no time');
select throws_ok($$select agenda.snooze(task, '0') from x$$, 'YA005', null, 'a snooze of no time');
select throws_ok($$select agenda.snooze(task, '-1 hour') from x$$, 'YA005', null, 'into the past');
select throws_ok($$select agenda.snooze(task, '20 years') from x$$, 'YA005', null, 'too far');
select throws_ok($$select agenda.snooze(task, null) from x$$, 'YA005', null, 'for null');
select throws_ok($$select agenda.snooze(task, until_at => 'infinity') from x$$, 'YA005', null, 'for ever');
select throws_ok($$select agenda.snooze_reminder('00000000-0000-4000-8000-000000000000')$$, 'YA001', null, 'an unknown reminder');
select throws_ok($$select agenda.acknowledge(r.id) from s, agenda.set_series_reminders(s.id, '["-1 hour"]') r$$, 'YA007', null, 'a template is not acknowledged');
select throws_ok($$select agenda.snooze_notification('00000000-0000-4000-8000-000000000000')$$, 'YA001', null, 'an unknown notification');
select throws_ok($$select agenda.why_notified('00000000-0000-4000-8000-000000000000')$$, 'YA001', null, 'why: unknown');
select throws_ok($$select agenda.why_not_notified('00000000-0000-4000-8000-000000000000')$$, 'YA001', null, 'why not: unknown');
select throws_ok($$select * from agenda.forecast_notifications(until_time => '-infinity')$$, 'YA006', null, 'a forecast of the past');
select throws_ok($$select agenda.list_notifications(page => 0)$$, 'YA006', null, 'page 0');

-- plain SQL
select throws_ok($$insert into agenda.reminders (offset_by) values ('0')$$, '23514', null, 'a reminder of nothing');
select throws_ok($$insert into agenda.reminders (task_id, recurring_task_id) select task, s.id from x, s$$, '23514', null, 'or of two things');
select throws_ok($$insert into agenda.reminders (task_id, anchor) select task, 'moon' from x$$, '23514', null, 'an anchor that is none');
select throws_ok($$insert into agenda.reminders (task_id, anchor) select task, 'absolute' from x$$, '23514', null, 'no time');
select throws_ok($$insert into agenda.reminders (task_id, at_time, offset_by) select task, '18:00', '1 hour' from x$$, '23514', null, 'a time of day beside hours');
select throws_ok($$insert into agenda.reminders (task_id, repeat_every) select task, '10 minutes' from x$$, '23514', null, 'a repetition without end');
select throws_ok($$insert into agenda.reminders (task_id, absolute_local, absolute_zone, anchor) select task, '2025-03-11', 'Mars/Olympus', 'absolute' from x$$, 'YA004', null, 'no zone');
select lives_ok($$insert into agenda.reminders (task_id, offset_by) select task, '-2 hours' from x$$, 'a good one is as good as by the function');
select is((select fire_at from agenda.reminders where offset_by = '-2 hours'), '2025-03-12 10:00+00'::timestamptz, 'it is planned');
select lives_ok($$update agenda.reminders set offset_by = '-3 hours' where offset_by = '-2 hours'$$, 'changed');
select is((select m.fire_at from agenda.reminders r join agenda.timers m on m.entity_id = r.id where r.offset_by = '-3 hours'), '2025-03-12 09:00+00'::timestamptz, 'planned again');
select lives_ok($$delete from agenda.reminders where offset_by = '-3 hours'$$, 'and taken away');
select throws_ok($$update agenda.reminders set fire_at = now()$$, '42501', null, 'what the engine keeps is read-only');
select throws_ok($$update agenda.reminders set state = 'fired'$$, '42501', null, 'the state too');
select throws_ok($$insert into agenda.reminders (task_id, source) select task, 'default' from x$$, '42501', null, 'and the source');
select throws_ok($$truncate agenda.reminders$$, '42501', null, 'TRUNCATE is refused');
select throws_ok($$update agenda.notifications set held_until = null$$, '42501', null, 'what is held is the engine''s');

-- ---- another user ----
select agenda.act_as('bbbbbbbb-0000-4000-8000-000000000002');
select is((select count(*) from agenda.reminders), 0::bigint, 'b sees no reminder of a');
select throws_ok($$select agenda.add_reminder(task, '-1 hour') from x$$, 'YA001', null, 'add_reminder: not found');
select throws_ok($$insert into agenda.reminders (task_id) select task from x$$, 'YA001', null, 'nor by plain SQL');
select throws_ok($$insert into agenda.reminders (user_id, task_id) select 'aaaaaaaa-0000-4000-8000-000000000001', task from x$$, '42501', null, 'nor for a');
select throws_ok($$select agenda.list_reminders(task) from x$$, 'YA001', null, 'list_reminders: not found');
select throws_ok($$select agenda.delete_reminder(reminder) from x$$, 'YA001', null, 'delete_reminder: not found');
select throws_ok($$select agenda.snooze(task) from x$$, 'YA001', null, 'snooze: not found');
select throws_ok($$select agenda.acknowledge(reminder) from x$$, 'YA001', null, 'acknowledge: not found');
select throws_ok($$select agenda.why_not_notified(task) from x$$, 'YA001', null, 'why_not_notified: not found');
select agenda._acknowledge(reminder, task) from x;
reset role;
select is((select state from agenda.reminders, x where id = reminder), 'scheduled', 'the helpers behind them act for the acting user alone');

-- ---- roles ----
select is_empty($$select r, f from unnest('{t_app,t_person,t_gateway,t_monitor}'::name[]) r,
    unnest('{_raise_reminders,_raise_tasks,_announce,_release,_plan_release,_hold_anew,_fire,_owed_timers,_insert_reminder,_copy_reminders,_add_default_reminders,_simulate,_fsck_repair,_set_clock,archive_notifications,simulate,fsck}'::name[]) f
    join pg_proc p on p.proname = f and p.pronamespace = 'agenda'::regnamespace
    where has_function_privilege(r, p.oid, 'execute') and obj_description(p.oid, 'pg_proc') like 'engine:%'$$,
    'what is the engine''s no user may call');
set local role t_monitor;
select throws_ok('select count(*) from agenda.reminders', '42501', null, 'the monitor reads no reminder');
set local role t_gateway;
select throws_ok('select count(*) from agenda.reminders', '42501', null, 'nor does the gateway');
set local role t_person;
select is((select count(*) from agenda.reminders), 0::bigint, 'a person who is nobody sees none');
reset role;
select * from finish();
rollback;
