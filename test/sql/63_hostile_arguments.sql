-- Every function with every kind of argument that its types allow: NULL, empty, huge, infinite, of somebody else, of another
-- kind.  Nothing crashes, nothing is an internal error, and what was accepted leaves nothing that fsck() has anything against.
-- The seed is printed; AGENDA_TEST_OPTIONS='-c test.seed=N' repeats a run, test.calls makes it longer.
begin;
set local search_path = public;
select plan(4);

set local agenda.now = '2025-03-10 12:00:00+00';
set local client_min_messages = error;
create function pg_temp.option(p_name text, p_default integer) returns integer language sql as
$$select coalesce(nullif(current_setting('test.' || p_name, true), '')::integer, p_default)$$;
create temp table run as select pg_temp.option('seed', (extract(epoch from clock_timestamp()) * 1000)::bigint::bit(30)::integer) as seed, pg_temp.option('calls', 25) as calls;
select diag(format('seed %s, %s calls of each', seed, calls)) from run;

-- a user to whom something has happened
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
select agenda.set_preferences('{"timezone": "Europe/Berlin"}');
select agenda.create_task('At a time', '2025-03-12T10:00', reminders => '["-1 hour"]');
select agenda.create_task('On a day', '2025-03-12', tags => '{home}');
select agenda.create_recurring_task('Days', 'daily', start_date => '2025-03-09T09:00');
set local agenda.now = '2025-03-12 12:00:00+00';
select agenda._scan('2025-03-12 12:00:00+00', '-infinity', 1000);

-- what arguments of a type can be
create temp table given (type text, value text);
insert into given select 'uuid', x.id::text from (select id from agenda.tasks union all select id from agenda.recurring_tasks
    union all select id from agenda.reminders union all select id from agenda.notifications) x;
insert into given select 'uuid', unnest(array[gen_random_uuid()::text, '00000000-0000-0000-0000-000000000000', 'aaaaaaaa-0000-4000-8000-000000000001']);
insert into given select 'uuid[]', array_agg(value)::text from given;
insert into given select 'text', unnest(array['', ' ', E'\x01', E'\n', '\', '%s', '$$', ''';--', 'Ünï', repeat('ß', 501), repeat('x', 100000), repeat('a,', 5000), '{}', 'null',
    'title', 'due_date', 'task.created', 'completed', 'daily', 'every day', 'FREQ=DAILY', 'this', 'following', 'all', 'pg_class', 'BEGIN:VCALENDAR', '-1', '1e400',
    '2025-03-10', '2025-03-10T10:00', '2025-03-10T10:00:00Z', '2025-W11', '9999-12-31T23:59:59', '294276-12-31T00:00:00Z', 'infinity', 'Europe/Berlin', 'Moon/Base', 'Europe/../Berlin',
    'aaaaaaaa-0000-4000-8000-000000000001']);
insert into given select 'jsonb', unnest(array['null', '{}', '[]', '1', '"x"', 'true', '[null]', '[[]]', '[{}]', '{"": ""}', '{"a": {}}', '{"title": null}', '{"title": "y"}',
    '{"title": "' || repeat('x', 501) || '"}', '{"due_date": 1e400}', '{"due_date": ["x"]}', '{"due_date": "2025-03-20"}', '{"status": "completed"}', '{"status": "x"}',
    '{"status": ["pending"]}', '{"timezone": "Moon"}', '{"timezone": null}', '{"rrule": "FREQ=YEARLY;BYMONTHDAY=30;BYMONTH=2"}', '{"reminders": [1, 2]}',
    '{"reminders": ["-1 day", null]}', '{"priority": 1e30}', '{"priority": -1.5}', '{"tags": [null]}', '{"tags": [["a"]]}', '{"tags": "x"}', '{"checklist": [{"title": ""}]}',
    '{"checklist": {"a": 1}}', '{"version": 99999999999999999999}', '{"is_active": "x"}', '{"is_active": false}', '["-1 hour"]', '[{"offset": "-1 hour", "at_time": "25:00"}]',
    '[{"offset": "-178000000 years"}]', '{"user_id": "bbbbbbbb-0000-4000-8000-000000000002"}', '{"start_date": "9999-12-31"}', '{"end_date": "0001-01-01"}', '{"limit": 1e9}',
    '{"due_before": "infinity"}', '{"q": "%"}', '{"parent_task_id": "x"}', repeat('[', 6000) || repeat(']', 6000), '{"a": ' || repeat('9', 100000) || '}', '"' || repeat('x', 1000000) || '"']);
insert into given select 'interval', unnest(array['0', '1 microsecond', '-1 microsecond', '1 day', '-1 day', '1 month -1 day', '10 years', '-10 years 1 day', '178000000 years', '-178000000 years']);
insert into given select t, unnest(array['infinity', '-infinity', '4713-01-01 BC', '0001-01-01', '2025-03-10', '2025-03-13 09:00', '2025-03-30 02:30', '9999-12-31 23:59:59', '10000-01-01', '294276-12-31'])
    from unnest(array['date', 'timestamp with time zone', 'timestamp without time zone']) t;
insert into given select t || '[]', unnest(array['{}', '{null}', '{infinity,-infinity}', '{2025-03-10,2025-03-10}', '{{2025-03-10}}'])
    from unnest(array['date', 'timestamp with time zone', 'timestamp without time zone']) t;
insert into given select 'time without time zone', unnest(array['00:00', '09:00', '23:59:59.999999', '24:00']);
insert into given select t, unnest(array['0', '-1', '1', '3', '100', '32767', '-32768']) from unnest(array['smallint', 'integer', 'bigint', 'numeric', 'double precision']) t;
insert into given select t, unnest(array['10000', '-2147483648']) from unnest(array['integer', 'bigint', 'numeric']) t;
insert into given values ('bigint', '9223372036854775807'), ('bigint', '-9223372036854775808'), ('numeric', 'NaN'), ('double precision', 'NaN'), ('double precision', '-Infinity'),
    ('boolean', 't'), ('boolean', 'f'), ('bytea', ''), ('bytea', '\x00ff'), ('regclass', 'pg_class'), ('regclass', 'agenda.tasks'), ('uuid[]', '{}'), ('uuid[]', '{null}');
insert into given select 'text[]', unnest(array['{}', '{null}', '{""}', '{a,a}', '{{a},{b}}', '[5:6]={a,b}', '{pending}', '{task.created}', array_fill('t'::text, array[2000])::text]);
insert into given select t || '[]', unnest(array['{}', '{null}', '{0,-1}', '{1,1}', '{{1}}']) from unnest(array['smallint', 'integer', 'bigint']) t;
insert into given select 'agenda.rrule', unnest(array['FREQ=DAILY', 'FREQ=SECONDLY', 'FREQ=WEEKLY;BYDAY=MO,TU', 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30', 'FREQ=DAILY;COUNT=1', 'FREQ=DAILY;UNTIL=20240101T000000Z',
    'FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=FORWARD', 'FREQ=MINUTELY;INTERVAL=2147483647']);
insert into given select 'agenda.tasks', t::text from agenda.tasks t;
insert into given select 'agenda.recurring_tasks', t::text from agenda.recurring_tasks t;
insert into given select 'agenda.reminders', t::text from agenda.reminders t;
insert into given select 'agenda.notifications', t::text from agenda.notifications t;
insert into given select 'agenda.preferences', agenda.get_preferences()::text;
insert into given select 'agenda.' || c.relname, '(' || repeat(',', c.relnatts - 1) || ')' from pg_class c where c.relnamespace = 'agenda'::regnamespace and c.relkind in ('r', 'p', 'c');
-- by number, so that one is drawn at once
create temp table values_of as select type, array_agg(value order by value collate "C") as list from given group by type;

create temp table calls (statement text, state text, message text);
create function pg_temp.draw(p_type text, p_seed bigint) returns text language sql as
$$select v.list[1 + (hashint8extended(p_seed, 7) & 1073741823) % cardinality(v.list)] from values_of v where v.type = p_type$$;
-- every fifth argument is null
create function pg_temp.arguments(p_types text[], p_seed bigint) returns text language sql as
$$select coalesce(string_agg(format('%L::%s', case when hashint8extended(p_seed * 100 + n, 8) % 5 <> 0 then pg_temp.draw(t, p_seed * 100 + n) end, t), ', ' order by n), '')
    from unnest(p_types) with ordinality x(t, n)$$;
create function pg_temp.call_all(p_functions regprocedure[], p_stays boolean) returns void language plpgsql as
$$
declare
    f           record;
    v_seed      bigint := (select seed from run) * bigint '100000';
    v_statement text;
    v_state     text;
    v_message   text;
begin
    for f in select p.oid, p.proname, string_to_array(oidvectortypes(p.proargtypes), ', ') as types from pg_proc p where p.oid = any (p_functions) order by p.oid::regprocedure::text collate "C" loop
        for i in 1 .. case when f.types = '{}' then 1 else (select calls from run) end loop
            v_seed := v_seed + 1;
            v_statement := format('select agenda.%I(%s) limit 1000', f.proname, pg_temp.arguments(f.types, v_seed));
            begin
                execute v_statement;
                set constraints all immediate;
                v_state := '00000';
                v_message := '';
                if not p_stays then
                    raise exception using errcode = '00001';
                end if;
            exception when others then
                get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
            end;
            insert into calls values (left(v_statement, 300), v_state, v_message);
            -- somebody may have said for whom
            perform agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
        end loop;
    end loop;
end
$$;
-- without what says for whom, and its end, which has an error for the engine's own mistakes
create function pg_temp.functions(p_role text) returns regprocedure[] language sql as
$$select array_agg(p.oid) from pg_proc p where p.pronamespace = 'agenda'::regnamespace and p.prokind = 'f' and has_function_privilege(p_role, p.oid, 'execute')
     and not p.proargtypes::oid[] && array['internal'::regtype::oid, 'cstring'::regtype::oid] and p.proname not in ('act_as', '_leave')$$;
-- what an answer may be: ours, or what the type of a value, a constraint, a trigger, a right or a limit says
create function pg_temp.is_answer(p_state text) returns boolean language sql as $$select p_state ~ '^(0000[01]|YA0\d\d|22...|2350[235]|23514|39P01|42501|0A000|54000)$'$$;

-- ---- what applications, people, gateways and monitors can call ----
create role t_anybody login in role agenda_app, agenda_user, agenda_gateway, agenda_monitor;
grant all on all tables in schema pg_temp to t_anybody;
select pg_temp.functions('t_anybody') as functions \gset
set local role t_anybody;
select pg_temp.call_all(:'functions', true);
reset role;
select is_empty($$select c.state, c.message, c.statement from calls c where not pg_temp.is_answer(c.state) limit 20$$, 'every error is an answer');
select cmp_ok((select count(*) from calls where state = '00000'), '>', (select count(*) / 10 from calls), 'and not every answer is an error');
select is_empty('select * from agenda.fsck()', 'what was accepted was right');

-- ---- what is written in C, by whoever may do anything: it could do worse ----
truncate calls;
select array_agg(f) as functions from unnest(pg_temp.functions(current_user)) f join pg_proc p on p.oid = f join pg_language l on l.oid = p.prolang where l.lanname = 'c' \gset
select pg_temp.call_all(:'functions', false);
select is_empty($$select c.state, c.message, c.statement from calls c where not pg_temp.is_answer(c.state) limit 20$$, 'every error of the library is an answer');

select * from finish();
rollback;
