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
reset role;
insert into agenda.users (external_id) select 'nobody ' || i from generate_series(1, 5000) i;
analyze agenda.users, agenda.preferences, agenda.tasks, agenda.timers, agenda.recurring_tasks, agenda.recurrence_overrides, agenda.reminders,
    agenda.notifications;

create temp table me as select agenda.user_id_of('scale 77') as id;
-- indexes: these have to be used, which is left open where two are as good; entries: of all indexes together, at
-- most, the dead rows of statements that were undone among them; buffers: at most
create temp table hot (n serial, what text, statement text, indexes text[], entries integer, buffers integer);
insert into hot (what, statement, indexes, entries, buffers) values
    ('get_task()', 'select agenda.get_task(''{task}'')', '{tasks_pkey}', 2, 20),
    ('list_tasks()', 'select * from agenda.list_tasks()', '{tasks_created}', 40, 80),
    ('the third page', 'select * from agenda.list_tasks(page => 3)', '{tasks_created}', 80, 120),
    ('a SELECT of the same', 'select * from agenda.tasks where deleted_at is null order by created_at desc, id limit 20', '{tasks_created}', 40, 80),
    ('list_tasks() with a filter', 'select * from agenda.list_tasks(''{"status": "pending"}'', ''due_date'')', '{}', 110, 250),
    ('list_tasks() of what is overdue', 'select * from agenda.list_tasks(''{"due_state": "overdue"}'')', '{}', 110, 250),
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
    ('add_reminder()', 'select agenda.add_reminder(''{task}'', ''-2 hours'')', '{tasks_pkey}', 30, 250);
update hot set statement = replace(replace(replace(replace(statement,
    '{task}', (select t.id::text from agenda.tasks t, me where t.user_id = me.id and t.title = 'task 95 of 77')),
    '{weekly}', (select t.id::text from agenda.tasks t, me where t.user_id = me.id and t.title = 'series weekly of 77')),
    '{series}', (select r.id::text from agenda.recurring_tasks r, me where r.user_id = me.id and r.recurrence_type = 'daily')),
    '{notification}', (select n.id::text from agenda.notifications n, me where n.user_id = me.id and n.dedupe_key = 'scale:3'));
grant select on hot, me to public;

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
                where r.value->>'kind' = 'r'
                  and r.key ~ '^(users|preferences|tasks|timers|recurring_tasks|recurrence_overrides|reminders|notifications|idempotency_keys|events.*)$');
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

select plan(2 * count(*)::integer + 5) from hot;

set local role t_app;
select agenda.act_as(id) from me;
set local plan_cache_mode = force_custom_plan;
select is(pg_temp.problems(h), '', what) from hot h order by n;
set local plan_cache_mode = force_generic_plan;
select is(pg_temp.problems(h), '', what || ', generic plan') from hot h order by n;

-- the scanner: what is owed by the index, however much is not
set local role agenda_service;
set local plan_cache_mode = auto;
select is(pg_temp.problems(row(0, '', 'select * from agenda._scan(now(), ''-infinity'', 1000)', '{timers_fire_at}', 5, 60)::hot), '', 'a round with nothing owed');
select is(pg_temp.problems(row(0, '', 'select agenda._owed_timers(now() + interval ''60 days'', ''-infinity'', null, 100, ''{}'')', '{timers_fire_at}', 400, 900)::hot), '',
    'what a round takes of thousands that are owed');
select is(pg_temp.problems(row(0, '', 'select * from agenda._scan(now() + interval ''60 days'', ''-infinity'', 100)',
                               '{timers_fire_at,timers_pkey,tasks_pkey}', 2500, 20000)::hot), '', 'a round of a hundred');

-- new tasks of the last user stand at the end of the index of lists and fill its pages; no other test has left
-- anything behind them
reset role;
select agenda.act_as('ffffffff-ffff-ffff-ffff-ffffffffffff');
create temp table lists as select pg_relation_size('agenda.tasks_created') as bytes;
insert into agenda.tasks (title, created_at) select 'x', now() + i * interval '1 second' from generate_series(1, 5000) i;
select cmp_ok(pg_relation_size('agenda.tasks_created') - bytes, '<', 5000 * 70::bigint, 'the index of lists has no half-empty pages') from lists;

-- a statement that reads too much is found
set local role t_app;
select matches(pg_temp.problems(row(0, '', 'select count(*) from agenda.tasks t where t.title like ''%x%''', '{tasks_open_due}', 50, 5)::hot),
    'not by .*tasks_open_due', 'and the test can see what is wrong');
select * from finish();
rollback;
