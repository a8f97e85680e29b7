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

\ir ../lib/hostile_values.sql

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
