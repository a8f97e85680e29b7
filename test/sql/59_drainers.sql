-- Several drainers: who has which key, what all of them have read, and how the log passes to another number of them.
begin;
set local search_path = public;
select plan(24);

-- ---- keys ----------------------------------------------------------------------------------------
select is(agenda._drainer_of('anything', 1), 0, 'one drainer has all keys');
select is((select array_agg(distinct agenda._drainer_of('key ' || i, 3) order by agenda._drainer_of('key ' || i, 3)) from generate_series(1, 100) i), '{0,1,2}'::integer[], 'several share them');
select is((select string_agg(agenda._drainer_of('key ' || i, 16)::text, ' ' order by i) from generate_series(1, 8) i), '8 7 5 1 0 15 10 12', 'in the same way after an update, or what waits could be nobody''s');
select is(agenda._log_share(0, 1, null), 'true', 'the share of the only one is everything');
select is(agenda._log_share(1, 3, 'task'), 'agenda._drainer_of(e.key, 3) = 1', 'the share of one of three goes by the key');
select is(agenda._log_share(1, 3, 'user'), 'agenda._drainer_of(coalesce(e.user_id::text, e.key), 3) = 1', 'or by the user');

-- ---- what all have read --------------------------------------------------------------------------
create function stand(variadic text[]) returns text language plpgsql as
$$
declare
    v_position text[];
begin
    perform agenda._own_log(0, cardinality($1), case when cardinality($1) > 1 then 'task' end, '3:3:', null, 0);
    for i in 1 .. cardinality($1) loop
        v_position := string_to_array($1[i], ' ');
        perform agenda._log_save(v_position[1]::pg_snapshot, v_position[2]::pg_snapshot, coalesce(v_position[3], '0')::bigint, i - 1);
    end loop;
    return (select concat_ws(' ', lo, hi, nullif(seq, 0)) from agenda._log_lowest());
end
$$;
select is(stand('10:10:'), '10:10:', 'one position is the lowest');
select is(stand('10:10: 20:20: 7'), '10:10: 20:20: 7', 'inside of a window, too');
select is(stand('30:30:', '10:10:', '20:20:'), '10:10:', 'of several the earliest');
select is(stand('9:12:9', '10:12:10', '9:12:9,11'), '9:12:9,11', 'of two with the same ends, the one that shows less');
select is(stand('10:10: 30:30: 7', '20:20:'), '10:10: 20:20: 7', 'a window reaches no further than what the others have read');
select is(stand('10:10: 30:30: 7', '10:10: 20:20: 9'), '10:10: 20:20: 7', 'nor to a number that not all have reached');
select is(stand('10:10: 30:30: 7', '10:10:'), '10:10:', 'who has nothing of it takes it from all');

-- ---- another number of them ----------------------------------------------------------------------
create function positions() returns text[] language sql as
    $$select array_agg(concat_ws(' ', drainer, lo, hi, nullif(seq, 0)) order by drainer) from agenda._log_positions()$$;
create function owners() returns bigint language sql as $$select count(*) from agenda.log_owners$$;
select stand('30:30:', '10:10: 40:40: 7', '20:20:');
create temp table before as select owners() as n;
select is((select lo::text from agenda._log_position(1, 3, 'task')), '10:10:', 'the same number of them go on where each was');
select is(owners(), (select n from before), 'which changes nothing');
select is((select concat_ws(' ', lo, hi, seq) from agenda._log_position(1, 2, 'task')), '10:10: 20:20: 7', 'a new one begins where the last one was');
select is(positions(), '{"0 10:10: 20:20: 7","1 10:10: 20:20: 7"}'::text[], 'and so do the others, and what is left over is forgotten');
select agenda._log_save('50:50:', null, 0, 0);
select is((select lo::text from agenda._log_position(1, 2, 'task')), '10:10:', 'once for all of them');
select is((select lo::text from agenda._log_position(0, 2, 'user')), '10:10:', 'other keys count as another number');
select agenda.adopt_log(go_on => true);
select is((select concat_ws(' ', drainers, shared_by) from agenda.log_owners order by adopted_at desc limit 1), '2 user', 'after pg_upgrade it goes on with as many');
select agenda.adopt_log();
select is(positions(), '{"0 3:3:","1 3:3:"}'::text[], 'in a copy all of them begin anew');

create temp table newest as select agenda._emit('task.created', null, 's', 'k', '{}');
select is(agenda.adopt_log(), (select max(seq) from agenda.events), 'behind the newest event');
alter sequence agenda.events_seq restart;
select is(agenda.adopt_log(), 0::bigint, 'and where there was none behind nothing');

-- ---- a clock that was ahead ----------------------------------------------------------------------
update agenda.log_owners set adopted_at = adopted_at + interval '1 day', publisher_id = 'other';
select agenda.adopt_log();
select is((select foreign_reason from agenda._log_position(0, 2, 'user')), null, 'who adopts the log owns it, whatever the clock said before');

select * from finish();
rollback;
