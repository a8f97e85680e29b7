-- Every SQLSTATE of class YA in the table file is reached, and what raises it changes nothing.  What the gateway makes of
-- each is in unit/test_gw_problem.c.
begin;
set local search_path = public;
\set states `grep -oE '^YA[0-9]+' "$AGENDA_ROOT/extension/errcodes.txt"`
select no_plan();

set local agenda.now = '2025-03-10 12:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000062');
create temp table t as select id from agenda.create_task('Task', due => '2025-03-12T12:00:00Z', reminders => '[]');
insert into agenda.reminders (task_id, offset_by) select id, make_interval(mins => -i) from t, generate_series(1, 100) i;
create temp table done as select id from agenda.create_task('Done');
select agenda.skip_task(id) from done;
select agenda.gw_remember(agenda.current_user_id(), 'key', 'hash', 200, null, null, '{}');

create temp table reached (state text, statement text);
insert into reached values
    ('YA001', 'select agenda.get_task(''00000000-0000-4000-8000-00000000dead'')'),
    ('YA002', format('select agenda.update_task(%L, ''{"title": "x"}'', 7)', (select id from t))),
    ('YA003', 'select agenda.create_task(''x'', recurrence_rule => ''FREQ=SOMETIMES'')'),
    ('YA004', 'select agenda.create_task(''x'', due => ''2025-03-12T12:00'', timezone => ''Mars/Olympus'')'),
    ('YA005', 'select agenda.create_task(''x'', due => ''2025-02-29'')'),
    ('YA006', 'select agenda.set_preferences(''{"colour": "blue"}'')'),
    ('YA007', format('select agenda.complete_task(%L)', (select id from done))),
    ('YA008', format('select agenda.add_reminder(%L, ''-1 day'')', (select id from t))),
    ('YA009', 'do $$ begin perform agenda.act_as(null); insert into agenda.tasks (title) values (''x''); end $$'),
    ('YA010', 'do $$ begin perform agenda._enter(null); perform agenda.act_as(null); end $$'),
    ('YA012', 'truncate agenda.tasks cascade'),
    ('YA020', 'select agenda.gw_replay(''aaaaaaaa-0000-4000-8000-000000000062'', ''forgotten'')'),
    ('YA021', 'select agenda.gw_claim(''aaaaaaaa-0000-4000-8000-000000000062'', ''key'', ''another'')'),
    ('YA022', 'select agenda.gw_claim(''aaaaaaaa-0000-4000-8000-000000000062'', ''key'', ''hash'')'),
    ('YA023', 'select agenda._position_tick(9223372036854775807)'),
    ('YA024', 'select agenda._gw_place(''{"cursor": "none"}'')');

create function pg_temp.state() returns text language sql as
$$select row((select count(*) from agenda.tasks), (select count(*) from agenda.timers), (select count(*) from agenda.reminders), (select count(*) from agenda.events),
             (select sum(version) from agenda.tasks), agenda.get_preferences())::text$$;
create temp table before as select pg_temp.state() as state;
select throws_ok(statement, state, null, state || ': ' || left(statement, 60)) from reached order by state;
select is(pg_temp.state(), state, 'none of it has changed anything') from before;

select is(array(select unnest(string_to_array(:'states', E'\n')) except select state from reached order by 1), '{YA011}', 'which is all of the table, but for what the drainer says of a copy (t/100_workers)');
select * from finish();
rollback;
