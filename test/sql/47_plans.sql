-- What the hot statements read: by which index, how many entries, how many pages.  They are measured, not
-- estimated: the statistics of the transaction count the scans of each index and table, whatever
-- function or trigger made them, with plans for the values and with generic ones.
-- What other tests have rolled back stands in the index of timers until a vacuum; no round of a scanner, who
-- keeps a floor, would look at it.
reindex index agenda.timers_fire_at;
begin;
set local search_path = public;

create role t_app in role agenda_app;
\set from 1
\set to 200
\ir ../bench/scale_data.sql
-- a table of three pages is best read whole
set local role agenda_service;
select agenda.bulk_import() \g /dev/null
insert into agenda.recurrence_overrides (user_id, recurring_task_id, occurrence_key, kind)
select r.user_id, r.id, r.next_key + i * interval '1 day', 'skip' from agenda.recurring_tasks r, generate_series(50, 69) i where r.recurrence_type = 'daily';
select agenda.bulk_import(false) \g /dev/null
insert into agenda.channels (user_id, kind, address, confirmed_at)
select u.id, k, a, at from agenda.users u, (values ('webhook', 'https://example.com/x', now()), ('email', 'z@example.com', null)) c (k, a, at) where u.external_id like 'scale %';
insert into agenda.channel_secrets (user_id, channel_id, secret, code) select c.user_id, c.id, decode(repeat('00', 32), 'hex'), 'y' from agenda.channels c;
insert into agenda.deliveries (user_id, channel_id, what, notification_id, status, finished_at)
select n.user_id, c.id, 'notification', n.id, 'failed', now() from agenda.notifications n join agenda.channels c using (user_id) where n.dedupe_key like 'scale:%' and c.confirmed_at is not null;
insert into agenda.holidays (user_id, calendar, day) select u.id, 'own', '2030-01-01'::date + i from agenda.users u, generate_series(1, 5) i where u.external_id like 'scale %';
reset role;
update agenda.notifications n set task_id = t.id from agenda.tasks t where n.dedupe_key = 'scale:4' and t.user_id = n.user_id and t.title like 'task 94 of %';
-- something in the log
update agenda.tasks set priority = 1 + priority % 3 where title ~ '^task 9\d of';
insert into agenda.users (external_id) select 'nobody ' || i from generate_series(1, 5000) i;
analyze agenda.users, agenda.preferences, agenda.tasks, agenda.timers, agenda.recurring_tasks, agenda.recurrence_overrides, agenda.reminders,
    agenda.notifications, agenda.channels, agenda.channel_secrets, agenda.deliveries, agenda.holidays, agenda.events;

-- indexes: these have to be used, which is left open where two are as good; entries: of all indexes together, at
-- most, the dead rows of statements that were undone among them; buffers: at most
create temp table hot (n serial, what text, statement text, indexes text[], entries integer, buffers integer, who uuid, generic boolean default false);
insert into hot (what, statement, indexes, entries, buffers) values
    ('get_task()', 'select agenda.get_task(''{task}'')', '{tasks_pkey}', 2, 20),
    ('list_tasks()', 'select * from agenda.list_tasks()', '{tasks_created}', 40, 80),
    ('the third page', 'select * from agenda.list_tasks(page => 3)', '{tasks_created}', 80, 120),
    ('a SELECT of the same', 'select * from agenda.tasks where deleted_at is null order by created_at desc, id limit 20', '{tasks_created}', 40, 80),
    ('list_tasks() with a filter', 'select * from agenda.list_tasks(''{"status": "pending"}'', ''due_date'')', '{}', 120, 250),
    ('list_tasks() of what is overdue', 'select * from agenda.list_tasks(''{"due_state": "overdue"}'')', '{}', 120, 250),
    ('count_tasks()', 'select agenda.count_tasks()', '{}', 130, 150),
    ('the next that is due', 'select * from agenda.tasks where status in (''pending'', ''in_progress'') and deleted_at is null and due_date > now() order by due_date, id limit 1',
     '{tasks_open_due}', 5, 20),
    ('calendar()', 'select * from agenda.calendar(now() + interval ''7 days'', now() + interval ''38 days'')', '{tasks_open_due,recurrence_overrides_added}', 250, 1500),
    ('calculate_next_due_at()', 'select agenda.calculate_next_due_at(''{series}'')', '{recurring_tasks_pkey}', 40, 60),
    ('unread_count()', 'select agenda.unread_count()', '{notifications_unread}', 30, 60),
    ('list_notifications()', 'select * from agenda.list_notifications()', '{notifications_inbox}', 60, 100),
    ('list_notifications(), unread', 'select * from agenda.list_notifications(true)', '{}', 60, 100),
    ('list_recurring_tasks()', 'select * from agenda.list_recurring_tasks()', '{}', 60, 60),
    ('list_reminders()', 'select * from agenda.list_reminders(''{task}'')', '{reminders_task}', 5, 30),
    ('create_task()', 'select agenda.create_task(''x'', due => ''2030-01-01T09:00:00Z'')', '{}', 5, 120),
    ('INSERT', 'insert into agenda.tasks (title, due_date) values (''x'', ''2030-01-01 09:00Z'')', '{}', 5, 120),
    ('update_task()', 'select agenda.update_task(''{task}'', ''{"due_date": "2030-01-01T09:00:00Z"}'')', '{tasks_pkey,timers_pkey}', 30, 250),
    ('complete_task()', 'select agenda.complete_task(''{task}'')', '{tasks_pkey,timers_pkey}', 30, 250),
    ('complete_task() with the next', 'select agenda.complete_task(''{weekly}'')', '{tasks_pkey,recurring_tasks_pkey}', 60, 500),
    ('mark_read()', 'select agenda.mark_read(''{notification}'')', '{notifications_pkey}', 5, 100),
    ('mark_all_read()', 'select agenda.mark_all_read()', '{}', 110, 700),
    ('add_reminder()', 'select agenda.add_reminder(''{task}'', ''-2 hours'')', '{tasks_pkey}', 30, 250),
    -- tasks
    ('reschedule_task()', 'select agenda.reschedule_task(''{task}'', ''2030-01-01'')', '{tasks_pkey,timers_pkey}', 35, 250),
    ('skip_task()', 'select agenda.skip_task(''{task}'')', '{tasks_pkey,timers_pkey}', 35, 180),
    ('cancel_task()', 'select agenda.cancel_task(''{task}'')', '{tasks_pkey,timers_pkey}', 35, 180),
    ('complete_recurring_task()', 'select agenda.complete_recurring_task(''{task}'')', '{tasks_pkey,timers_pkey}', 35, 180),
    ('undo()', 'select agenda.undo((agenda.complete_task(''{task}'')).undo_token)', '{tasks_pkey,timers_pkey}', 70, 400),
    ('undo() with the next', 'select agenda.undo((agenda.complete_task(''{weekly}'')).undo_token)', '{tasks_pkey,recurring_tasks_pkey}', 90, 600),
    ('reopen_task()', 'select agenda.reopen_task(''{done}'')', '{tasks_pkey}', 15, 100),
    ('delete_task()', 'select agenda.delete_task(''{task}'')', '{tasks_pkey,timers_pkey}', 35, 180),
    ('delete_task() and the following', 'select agenda.delete_task(''{weekly}'', scope => ''following'')', '{tasks_pkey,recurring_tasks_pkey}', 30, 200),
    ('restore_task()', 'select agenda.restore_task(''{task}'')', '{tasks_pkey}', 10, 20),
    -- series
    ('create_recurring_task()', 'select agenda.create_recurring_task(''x'', ''daily'')', '{}', 20, 180),
    ('get_recurring_task()', 'select agenda.get_recurring_task(''{series}'')', '{recurring_tasks_pkey}', 35, 50),
    ('count_recurring_tasks()', 'select agenda.count_recurring_tasks()', '{}', 40, 60),
    ('update_recurring_task()', 'select agenda.update_recurring_task(''{series}'', ''{"title": "y", "recurrence_interval": 2}'')', '{recurring_tasks_pkey}', 80, 200),
    ('update_recurring_task() from then on', 'select agenda.update_recurring_task(''{series}'', ''{"title": "y"}'', effective_from => (now() + interval ''20 days'')::text)', '{recurring_tasks_pkey}', 350, 2000),
    ('pause_recurring_task()', 'select agenda.pause_recurring_task(''{series}'')', '{recurring_tasks_pkey}', 70, 200),
    ('resume_recurring_task()', 'select agenda.resume_recurring_task(''{series}'')', '{recurring_tasks_pkey}', 70, 160),
    ('trigger_recurring_task()', 'select agenda.trigger_recurring_task(''{series}'')', '{recurring_tasks_pkey}', 300, 600),
    ('backfill_recurring_task()', 'select agenda.backfill_recurring_task(''{series}'', now() - interval ''10 days'', now())', '{recurring_tasks_pkey}', 35, 60),
    ('preview_recurring_task()', 'select agenda.preview_recurring_task(''{series}'')', '{recurring_tasks_pkey}', 40, 180),
    ('delete_recurring_task()', 'select agenda.delete_recurring_task(''{series}'', null, ''delete'')', '{recurring_tasks_pkey}', 70, 200),
    ('restore_recurring_task()', 'select agenda.restore_recurring_task(''{series}'')', '{recurring_tasks_pkey}', 35, 50),
    ('add_occurrence()', 'select agenda.add_occurrence(''{series}'', ''{key}''::timestamp + interval ''1 hour'')', '{recurring_tasks_pkey}', 180, 350),
    ('patch_occurrence()', 'select agenda.patch_occurrence(''{series}'', ''{key}'', ''{"title": "y"}'')', '{recurring_tasks_pkey}', 200, 400),
    ('skip_occurrence()', 'select agenda.skip_occurrence(''{series}'', ''{key}'')', '{recurring_tasks_pkey}', 200, 400),
    ('complete_occurrence()', 'select agenda.complete_occurrence(''{series}'', ''{key}'')', '{recurring_tasks_pkey}', 250, 600),
    ('set_series_reminders()', 'select agenda.set_series_reminders(''{series}'', ''["-1 hour"]'')', '{recurring_tasks_pkey}', 140, 300),
    -- reminders
    ('get_reminder()', 'select agenda.get_reminder(''{reminder}'')', '{reminders_pkey}', 5, 15),
    ('set_reminders()', 'select agenda.set_reminders(''{task}'', ''["-3 hours"]'')', '{reminders_task}', 40, 200),
    ('update_reminder()', 'select agenda.update_reminder(''{reminder}'', ''{"offset": "-3 hours"}'')', '{reminders_pkey}', 30, 140),
    ('delete_reminder()', 'select agenda.delete_reminder(''{reminder}'')', '{reminders_pkey}', 20, 120),
    ('acknowledge()', 'select agenda.acknowledge(''{reminder}'')', '{reminders_pkey}', 20, 120),
    ('snooze_reminder()', 'select agenda.snooze_reminder(''{reminder}'')', '{reminders_pkey}', 25, 140),
    ('snooze()', 'select agenda.snooze(''{task}'')', '{tasks_pkey}', 25, 120),
    -- the inbox
    ('count_notifications()', 'select agenda.count_notifications()', '{}', 50, 70),
    ('clear_notifications()', 'select agenda.clear_notifications()', '{}', 200, 1800),
    ('snooze_notification()', 'select agenda.snooze_notification(''{about}'')', '{notifications_pkey}', 40, 250),
    ('why_notified()', 'select agenda.why_notified(''{notification}'')', '{notifications_pkey}', 10, 20),
    ('why_not_notified()', 'select agenda.why_not_notified(''{task}'')', '{tasks_pkey,reminders_task}', 10, 50),
    ('forecast_notifications()', 'select * from agenda.forecast_notifications(until_time => now() + interval ''9 days'')', '{}', 5000, 5000),
    -- preferences, days off
    ('get_preferences()', 'select agenda.get_preferences()', '{}', 5, 15),
    ('set_preferences()', 'select agenda.set_preferences(''{"locale": "de"}'')', '{}', 10, 70),
    ('set_preferences() that moves everything', 'select agenda.set_preferences(''{"timezone": "Asia/Tokyo", "due_soon_window": "2 hours"}'')', '{}', 600, 2000),
    ('is_workday()', 'select agenda.is_workday(''2030-01-01'')', '{}', 5, 20),
    ('set_holiday()', 'select agenda.set_holiday(''2030-01-01'')', '{}', 45, 80),
    ('remove_holiday()', 'select agenda.remove_holiday(''2030-01-01'')', '{}', 5, 15),
    ('list_holidays()', 'select agenda.list_holidays()', '{}', 10, 20),
    -- the log
    ('list_audit()', 'select agenda.list_audit()', '{}', 20, 40),
    ('count_audit()', 'select agenda.count_audit()', '{}', 20, 40),
    ('task_history()', 'select agenda.task_history(''{task}'')', '{}', 5, 25),
    ('task_as_of()', 'select agenda.task_as_of(''{task}'', now())', '{}', 5, 20),
    -- channels
    ('list_channels()', 'select agenda.list_channels()', '{}', 10, 15),
    ('add_channel()', 'select agenda.add_channel(''webhook'', ''https://example.com/y'')', '{}', 15, 60),
    ('update_channel()', 'select agenda.update_channel(''{channel}'', ''{"name": "y"}'')', '{channels_pkey}', 10, 50),
    ('confirm_channel()', 'select agenda.confirm_channel(''{unconfirmed}'', ''y'')', '{channels_pkey}', 10, 50),
    ('rotate_channel_secret()', 'select agenda.rotate_channel_secret(''{channel}'')', '{channels_pkey}', 10, 50),
    ('test_channel()', 'select agenda.test_channel(''{channel}'')', '{channels_pkey}', 15, 70),
    ('delete_channel()', 'select agenda.delete_channel(''{channel}'')', '{channels_pkey}', 100, 250),
    ('list_deliveries()', 'select agenda.list_deliveries()', '{}', 90, 120),
    ('retry_delivery()', 'select agenda.retry_delivery(''{delivery}'')', '{deliveries_pkey}', 10, 80),
    -- iCalendar
    ('export_ical()', 'select agenda.export_ical()', '{}', 450, 2000),
    ('import_ical()', 'select agenda.import_ical(''{calendar}'')', '{}', 10, 90);
-- each for users of its own, since a statement that was undone leaves its dead rows to those that come after it
insert into hot (what, statement, indexes, entries, buffers, generic) select what, statement, indexes, entries, buffers, true from hot order by n;
create function pg_temp.things(p_n integer) returns table (name text, value text) language sql as $$
    with me as (select agenda.user_id_of('scale ' || p_n) as id)
    select case split_part(t.title, ' of ', 1) when 'task 95' then '{task}' when 'task 50' then '{done}' else '{weekly}' end, t.id::text
      from me join agenda.tasks t on t.user_id = me.id where t.title ~ '^(task 95|task 50|series weekly) of'
    union all
    select x.* from me join agenda.recurring_tasks r on r.user_id = me.id and r.recurrence_type = 'daily',
           lateral (values ('{series}', r.id::text), ('{key}', (r.next_key + interval '5 days')::text)) x
    union all
    select '{reminder}', r.id::text from me join agenda.reminders r on r.user_id = me.id join agenda.tasks t on t.user_id = me.id and t.id = r.task_id where t.title like 'task 95 of %'
    union all
    select case n.dedupe_key when 'scale:3' then '{notification}' else '{about}' end, n.id::text from me join agenda.notifications n on n.user_id = me.id and n.dedupe_key in ('scale:3', 'scale:4')
    union all
    select case when c.confirmed_at is null then '{unconfirmed}' else '{channel}' end, c.id::text from me join agenda.channels c on c.user_id = me.id
    union all
    select '{delivery}', d.id::text from me join agenda.notifications n on n.user_id = me.id and n.dedupe_key = 'scale:3' join agenda.deliveries d on d.user_id = me.id and d.notification_id = n.id
    union all
    select '{calendar}', E'BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VTODO\nUID:y\nSUMMARY:y\nDUE:20300101T090000Z\nEND:VTODO\nEND:VCALENDAR'
$$;
create function pg_temp.filled(p_statement text, p_n integer) returns text language plpgsql as $$
declare t record;
begin
    for t in select * from pg_temp.things(p_n) loop
        p_statement := replace(p_statement, t.name, t.value);
    end loop;
    return p_statement;
end $$;
update hot set who = agenda.user_id_of('scale ' || n), statement = pg_temp.filled(statement, n);
grant select on hot to public;

-- relations of the agenda with what this transaction has read of each
create function pg_temp.counters() returns table (name name, kind "char", scans bigint, entries bigint) language sql as $$
    select c.relname, c.relkind, pg_catalog.pg_stat_get_xact_numscans(c.oid), pg_catalog.pg_stat_get_xact_tuples_returned(c.oid)
      from pg_catalog.pg_class c where c.relnamespace = 'agenda'::regnamespace and c.relkind in ('r', 'i')
$$;

-- What is wrong with the reading of a statement; nothing stays of it.  It runs twice, since the first
-- time fills the caches of the session.
create function pg_temp.problems(h hot) returns text language plpgsql as $$
declare
    v_plan json;
    v_read jsonb;
    v_text text;
    v_wrong text[] := '{}';
begin
    perform agenda.act_as(h.who);
    for i in 1..2 loop
        begin
            create temp table before on commit drop as select * from pg_temp.counters();
            execute 'explain (analyze, buffers, timing off, summary off, format json) ' || h.statement into v_plan;
            v_read := (select jsonb_object_agg(a.name, jsonb_build_object('kind', a.kind, 'entries', a.entries - b.entries))
                         from pg_temp.counters() a join before b using (name) where a.scans > b.scans);
            raise exception using errcode = 'UNDO0';
        exception when sqlstate 'UNDO0' then
            null;
        end;
    end loop;
    v_text := (select string_agg(r.key, ', ' order by r.key) from jsonb_each(v_read) r
                where r.value->>'kind' = 'r' and (r.value->>'entries')::integer > 0
                  and r.key ~ '^(users|preferences|tasks|timers|recurring_tasks|recurrence_overrides|reminders|notifications|channels|channel_secrets|deliveries|holidays|ical_uids|events.*)$');
    if v_text is not null then
        v_wrong := v_wrong || ('sequential scan of ' || v_text);
    end if;
    if not coalesce(v_read, '{}') ?& h.indexes then
        v_wrong := v_wrong || format('not by %s but by %s', h.indexes, (select array_agg(k) from jsonb_object_keys(v_read) k));
    end if;
    if (select sum((r.value->>'entries')::integer) from jsonb_each(v_read) r where r.value->>'kind' = 'i') > h.entries then
        v_wrong := v_wrong || format('more than %s entries: %s', h.entries, v_read);
    end if;
    if (v_plan #>> '{0,Plan,Shared Hit Blocks}')::integer + (v_plan #>> '{0,Plan,Shared Read Blocks}')::integer > h.buffers then
        v_wrong := v_wrong || format('%s buffers of %s', v_plan #>> '{0,Plan,Shared Hit Blocks}', h.buffers);
    end if;
    if (v_plan #>> '{0,Plan,Temp Written Blocks}')::integer > 0 then
        v_wrong := v_wrong || 'a file'::text;
    end if;
    return array_to_string(v_wrong, '; ');
end $$;

select plan(count(*)::integer + 6) from hot;

set local role t_app;
set local plan_cache_mode = force_custom_plan;
select is(pg_temp.problems(h), '', what) from hot h where not generic order by n;
set local plan_cache_mode = force_generic_plan;
select is(pg_temp.problems(h), '', what || ', generic plan') from hot h where generic order by n;

-- what a person may call and is not here reads no table
reset role;
select is(array(select distinct p.proname::text from pg_proc p
                 where p.pronamespace = 'agenda'::regnamespace and p.proname !~ '^_' and has_function_privilege('agenda_user', p.oid, 'execute')
                   and not has_function_privilege('public', p.oid, 'execute')
                   and not exists (select from hot h where h.statement ~ ('agenda\.' || p.proname || '\(')) order by 1),
          '{calculate_next_due_date,due_state,notification_json,post_restore,pre_restore,preferences_json,recurring_task_json,reminder_json,task_json,uuid7}', 'each function that reads has its plan here');

-- the scanner: what is owed by the index, however much is not
set local role agenda_service;
set local plan_cache_mode = auto;
select is(pg_temp.problems(row(0, '', 'select * from agenda._scan(now(), ''-infinity'', 1000)', '{timers_fire_at}', 5, 60, null, false)::hot), '', 'a round with nothing owed');
select is(pg_temp.problems(row(0, '', 'select agenda._owed_timers(now() + interval ''60 days'', ''-infinity'', null, 100, ''{}'')', '{timers_fire_at}', 400, 900, null, false)::hot), '',
    'what a round takes of thousands that are owed');
-- a change of zone looks through all that its user has open, some times in a day
delete from agenda.timers where entity = 'preferences';
select is(pg_temp.problems(row(0, '', 'select * from agenda._scan(now() + interval ''60 days'', ''-infinity'', 100)',
                               '{timers_fire_at,timers_pkey,tasks_pkey}', 2500, 20000, null, false)::hot), '', 'a round of a hundred');

-- new tasks of the last user stand at the end of the index of lists and fill its pages; no other test has left
-- anything behind them
reset role;
select agenda.act_as('ffffffff-ffff-ffff-ffff-ffffffffffff');
create temp table lists as select pg_relation_size('agenda.tasks_created') as bytes;
insert into agenda.tasks (title, created_at) select 'x', now() + i * interval '1 second' from generate_series(1, 5000) i;
select cmp_ok(pg_relation_size('agenda.tasks_created') - bytes, '<', 5000 * 70::bigint, 'the index of lists has no half-empty pages') from lists;

-- a statement that reads too much is found
set local role t_app;
select matches(pg_temp.problems(row(0, '', 'select count(*) from agenda.tasks t where t.title like ''%x%''', '{tasks_open_due}', 50, 5, null, false)::hot),
    'not by .*tasks_open_due', 'and the test can see what is wrong');
select * from finish();
rollback;
