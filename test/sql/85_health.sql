-- Settings, and what health() tells whom.  Workers run beside the tests and nothing is published.
begin;
set local search_path = public;
select plan(18);

create role t_app login in role agenda_app;
create role t_monitor login in role agenda_monitor;

-- ---- agenda.now --------------------------------------------------------------------------------
select is(agenda.now(), now(), 'agenda.now() is the time of the transaction');
set local agenda.now = '2025-01-06 09:00:00+01';
select is(agenda.now(), '2025-01-06 08:00:00+00', 'unless the setting says otherwise');
set local agenda.now = '';
select is(agenda.now(), now(), 'empty means the real clock');
select throws_ok($$set agenda.now = 'tomorrow'$$, '22023', null, 'words that depend on the clock are refused');
select throws_ok($$set agenda.now = 'infinity'$$, '22023', null, 'infinite times, too');
select throws_ok($$set agenda.now = '2025-02-30 00:00'$$, '22023', null, 'days that do not exist, too');
set local role t_app;
select throws_ok($$set agenda.now = '2025-01-06'$$, '42501', null, 'only superusers set the clock');

-- ---- other settings ----------------------------------------------------------------------------
select throws_ok($$set agenda.no_such_setting = 1$$, '42602', null, 'the prefix is reserved');
select throws_ok($$show agenda.kafka_config_file$$, '42501', null, 'the path of the secrets is not shown to everybody');
reset role;
select throws_ok($$set agenda.kafka_brokers = 'x'$$, '55P02', null, 'brokers are set for the whole server');
select is(current_setting('agenda.event_key'), 'task', 'order is kept for each task');

-- ---- health ------------------------------------------------------------------------------------
-- the server may have started a moment ago
do $$
begin
    for i in 1 .. 20000 loop
        exit when (agenda.health() ->> 'ok')::boolean;
    end loop;
end
$$;
select ok((h ->> 'ok')::boolean, 'all is well: ' || (h ->> 'problems')) from agenda.health() h;
select ok((h #>> '{scanner,running}')::boolean and (h #>> '{drainer,running}')::boolean, 'both workers run')
  from agenda.health() h;
select is(h ->> 'library_version', h ->> 'version', 'library and SQL are of one version') from agenda.health() h;
select set_eq($$select * from agenda._problems(7, now() - interval '1 hour')$$,
    format($$values ('7 events wait to be published, the oldest since %s')$$, now() - interval '1 hour')::text,
    'a log that does not get out is a problem');
select is_empty($$select * from agenda._problems(7, clock_timestamp())$$, 'fresh events are none');
set local role t_monitor;
select ok(agenda.health() ? 'drainer', 'a monitor may ask');
select throws_ok($$select agenda._wake_launcher()$$, '42501', null, 'but not meddle');
reset role;

select * from finish();
rollback;
