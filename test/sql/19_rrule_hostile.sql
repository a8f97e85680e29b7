-- 19_rrule_hostile.sql - recurrence against hostile use: settings of the session, parallel workers, indexes,
-- texts of a megabyte, arguments that are null or without end.
begin;
set local search_path = public;
set local timezone = 'UTC';
select plan(64);

-- ---- settings of the session change nothing ----
create function pg_temp.everything() returns text language sql as $$
    select (select array_agg(extract(epoch from t)::bigint) from agenda.first_occurrences(
               'FREQ=HOURLY;INTERVAL=7;UNTIL=20260601T000000Z', make_timestamp(2026, 3, 28, 2, 30, 0), 'America/New_York', 9) t)::text
        || (select array_agg(extract(epoch from t)::bigint) from agenda.first_occurrences(
               'daily', make_timestamp(2026, 3, 28, 2, 30, 0), 'Europe/Berlin', 3) t)::text
        || (agenda.next_date('FREQ=WEEKLY;UNTIL=20260401', make_date(2026, 1, 1), make_date(2026, 2, 1)) - make_date(2000, 1, 1))
        || extract(epoch from agenda.next_local_occurrence('FREQ=MONTHLY;BYDAY=-1FR', make_timestamp(2026, 1, 1, 9, 0, 0), make_timestamp(2026, 2, 1, 0, 0, 0)))
        || agenda.describe('FREQ=DAILY;UNTIL=20260301T090000Z')
        || 'FREQ=DAILY;UNTIL=20260301T090000Z'::agenda.rrule::jsonb
        || (agenda.parse_recurrence('daily until 1 March 2027', make_date(2026, 1, 1))).rule
$$;
create temp table usual as select pg_temp.everything() as answer;
select isnt((select answer from usual), null, 'there is an answer');
create function pg_temp.under(name text, value text) returns text language plpgsql as $$
declare
    before text := pg_catalog.current_setting(name);
    answer text;
begin
    perform pg_catalog.set_config(name, value, true);
    answer := pg_temp.everything();
    perform pg_catalog.set_config(name, before, true);
    return answer;
end$$;
select is(pg_temp.under(s.name, s.value), (select answer from usual), s.name || ' = ' || s.value)
  from (values ('timezone', 'Asia/Kathmandu'), ('timezone', 'Pacific/Apia'), ('timezone', 'America/St_Johns'),
               ('datestyle', 'SQL, DMY'), ('datestyle', 'German, YMD'), ('datestyle', 'Postgres, MDY'),
               ('intervalstyle', 'iso_8601'), ('extra_float_digits', '-15'), ('lc_time', 'C'), ('search_path', '')) s (name, value);

-- ---- indexes, joins, partitions, generated columns ----
create temp table rules (r agenda.rrule, n integer);
insert into rules select format('FREQ=DAILY;INTERVAL=%s;COUNT=%s', i % 100 + 1, i / 100 + 1)::agenda.rrule, i from generate_series(0, 4999) i;
analyze rules;
create function pg_temp.nodes(statement text) returns text language plpgsql as $$
declare
    plan json;
begin
    execute 'explain (format json) ' || statement into plan;
    return (select string_agg(node[1], ' ') from regexp_matches(plan::text, '"Node Type": "([^"]*)"', 'g') node);
end$$;
set local enable_seqscan = off;
create index rules_hash on rules using hash (r);
select matches(pg_temp.nodes($$select * from rules where r operator(agenda.=) 'FREQ=DAILY;COUNT=7'$$), 'Index Scan|Bitmap', 'a hash index is used');
select is((select n from rules where r operator(agenda.=) 'FREQ=DAILY;COUNT=7'), 600, 'and finds the rule by its canonical text');
drop index rules_hash;
create unique index rules_btree on rules (r);
select matches(pg_temp.nodes($$select r from rules order by r$$), 'Index', 'a btree index sorts');
select is((select array_agg(n order by r) from rules), (select array_agg(n order by r::text collate "C") from rules), 'in the order of the canonical texts');
select throws_ok($$insert into rules values ('COUNT=7;INTERVAL=1;FREQ=DAILY', 0)$$, '23505', null, 'the same rule in other words is the same key');
reset enable_seqscan;
set local enable_nestloop = off;
set local enable_mergejoin = off;
select is((select count(*) from rules a join rules b on a.r operator(agenda.=) b.r), 5000::bigint, 'a hash join');
set local enable_mergejoin = on;
set local enable_hashjoin = off;
select is((select count(*) from rules a join rules b on a.r operator(agenda.=) b.r), 5000::bigint, 'a merge join');
reset enable_nestloop;
reset enable_hashjoin;
create table public.parted (r agenda.rrule) partition by hash (r);
create table public.parted_0 partition of public.parted for values with (modulus 2, remainder 0);
create table public.parted_1 partition of public.parted for values with (modulus 2, remainder 1);
insert into public.parted select r from rules;
select cmp_ok((select count(*) from public.parted_0), '>', 2000::bigint, 'partitions by hash share the rules');
select is((select count(*) from public.parted where r operator(agenda.=) 'daily' or r operator(agenda.=) 'FREQ=DAILY;COUNT=1'), 1::bigint, 'and are found by it');
create table public.derived (r agenda.rrule default 'daily', soon timestamp generated always as
    (agenda.next_local_occurrence(r, '2026-01-01', '2026-06-01')) stored);
insert into public.derived default values;
select is((select soon from public.derived), '2026-06-02 00:00', 'a generated column takes the immutable functions');

-- ---- parallel workers answer as the leader does ----
create table public.many as select r, n from rules;
analyze public.many;
create function pg_temp.summary() returns text language sql as $$
    select concat_ws(' ', count(*), count(agenda.next_occurrence(r, '2026-01-01', 'Europe/Berlin', '2026-06-01Z')),
                     sum(extract(epoch from agenda.next_occurrence(r, '2026-01-01', 'Europe/Berlin', '2026-06-01Z'))),
                     sum(length(agenda.describe(r))), sum(length(r::jsonb::text)),
                     count(*) filter (where agenda.describe((agenda.parse_recurrence(agenda.describe(r))).rule) = agenda.describe(r)
                                        and array(select agenda.first_local_occurrences((agenda.parse_recurrence(agenda.describe(r))).rule, '2026-01-31', 5))
                                          = array(select agenda.first_local_occurrences(r, '2026-01-31', 5))))
      from public.many$$;
create temp table alone as select pg_temp.summary() as answer;
set local parallel_setup_cost = 0;
set local parallel_tuple_cost = 0;
set local min_parallel_table_scan_size = 0;
set local max_parallel_workers_per_gather = 2;
select matches(pg_temp.nodes($$select sum(length(agenda.describe(r))) from public.many$$), 'Gather', 'a plan with workers');
select is(pg_temp.summary(), (select answer from alone), 'and its answer');
select ok((select answer like '5000 % 5000' from alone), 'in which every description reads back');
reset max_parallel_workers_per_gather;

-- ---- texts of a megabyte: a rule or a short error, soon ----
create function pg_temp.outcome(statement text, argument text) returns text language plpgsql as $$
declare
    detail text;
    answer text;
begin
    execute statement using argument into answer;
    return left(answer, 60);
exception when others then
    get stacked diagnostics detail = pg_exception_detail;
    if length(sqlerrm || detail) > 700 then
        return 'an error too long to read';
    end if;
    return sqlstate;
end$$;
set local statement_timeout = '10s';
select is(pg_temp.outcome('select ($1::agenda.rrule)::text', t.text), t.wanted, 'rule: ' || left(t.text, 30) || ' ...')
  from (values ('FREQ=DAILY;BYHOUR=' || repeat('1,', 500000) || '1', 'FREQ=DAILY;BYHOUR=1'),
               ('FREQ=DAILY' || repeat(';', 1000000), 'YA003'),
               (repeat('FREQ=DAILY;', 90000), 'YA003'),
               ('FREQ=DAILY;INTERVAL=' || repeat('0', 1000000) || '2', 'FREQ=DAILY;INTERVAL=2'),
               ('FREQ=DAILY;COUNT=' || repeat('9', 1000000), 'YA003'),
               (repeat(' ', 1000000) || 'daily', 'FREQ=DAILY'),
               (repeat('RRULE:', 160000) || 'FREQ=DAILY', 'YA003'),
               (repeat('é', 500000), 'YA003')) t (text, wanted);
select is(pg_temp.outcome('select (agenda.parse_recurrence($1)).rule::text', t.text), t.wanted, 'phrase: ' || left(t.text, 30) || ' ...')
  from (values (repeat('every ', 160000), 'YA003'),
               ('every day at ' || repeat('9:00, ', 160000), 'YA003'),
               ('every ' || repeat('9', 1000000) || ' days', 'YA003'),
               (repeat('Monday and ', 90000) || 'Tuesday', 'FREQ=WEEKLY;BYDAY=MO,TU'),
               ('every month on the ' || repeat('1st, ', 200000), 'YA003'),
               (repeat(':', 1000000), 'YA003'),
               (repeat('é', 500000), 'YA003'),
               (repeat('second ', 140000), 'YA003'),
               ('daily: ' || repeat('é', 500000), 'FREQ=DAILY')) t (text, wanted);
select is(pg_temp.outcome('select ($1::jsonb::agenda.rrule)::text', t.text), t.wanted, 'object: ' || left(t.text, 40) || ' ...')
  from (values ('{"frequency": "daily", "byHour": [' || repeat('1, ', 300000) || '1]}', 'FREQ=DAILY;BYHOUR=1'),
               ('{"frequency": "' || repeat('daily', 200000) || '"}', 'YA003'),
               ('{"frequency": "daily", "interval": 1e400}', 'YA003'),
               ('{"frequency": "daily", "interval": -9223372036854775809}', 'YA003'),
               (repeat('[', 1000) || repeat(']', 1000), 'YA003')) t (text, wanted);
select is(pg_temp.outcome($$select agenda.next_occurrence('daily', '2026-01-01 09:00', $1, '2026-06-01Z')::text$$, t.zone), 'YA004', 'zone: ' || quote_ident(left(translate(t.zone, E'\n', '|'), 20)))
  from (values (''), ('../../etc/passwd'), ('Europe/Berlin '), (E'Europe/Berlin\n'), ('<+02>-2'), ('localtime'), (repeat('x', 1000000))) t (zone);

-- ---- years in which the server goes on by the pattern of 400 years, asked in an order that suits no cache ----
select is_empty(format($$select at, at at time zone %1$L, agenda.instant_to_local(at, %1$L)
    from (select timestamptz '2000-01-15 12:00Z' + i * 7919 %% 290000 * interval '1 year' + i %% 12 * interval '1 month'
            from generate_series(1, 20000) i) t (at)
   where at at time zone %1$L <> agenda.instant_to_local(at, %1$L)$$, zone), 'instants of all years in ' || zone)
  from unnest('{Europe/Berlin,America/New_York,Australia/Lord_Howe,America/Santiago}'::text[]) zone;
select is((select array_agg(o) from agenda.first_occurrences('FREQ=HOURLY;INTERVAL=1000003;BYHOUR=19;BYMONTH=5', '2000-06-04 11:00', 'Europe/Berlin', 2) o),
          (select array_agg(at) from (select at from generate_series(1, 2400) k, agenda.local_to_instant('2000-06-04 11:00', 'Europe/Berlin') start,
                  lateral (select start + make_interval(secs => 3600) * (1000003.0 * k)) t (at)
            where extract(hour from at at time zone 'Europe/Berlin') = 19 and extract(month from at at time zone 'Europe/Berlin') = 5
            order by at limit 2) all_of_them), 'occurrences of a rule that reaches there');

-- ---- null and infinity in sets ----
select throws_ok($$select agenda.next_occurrence_of_set(array[null]::agenda.rrule[], '2026-01-01', 'UTC', '2026-01-01Z')$$, '22004', null, 'a rule that is null');
select throws_ok($$select agenda.next_occurrence_of_set('{daily}', '2026-01-01', 'UTC', '2026-01-01Z', array[null]::timestamp[])$$, '22004', null, 'a date that is null');
select throws_ok($$select agenda.next_occurrence_of_set('{daily}', '2026-01-01', 'UTC', '2026-01-01Z', '{}', '{infinity}')$$, '22008', null, 'a date without end');
select is(agenda.next_occurrence_of_set('{}', '2026-01-01', 'UTC', '2026-01-01Z'), null, 'no rule and no date');

-- ---- what runs without end can be cancelled ----
create function pg_temp.fate(statement text) returns text language plpgsql as $$
begin
    execute statement;
    return 'done';
exception when query_canceled then
    return 'cancelled';
end$$;
set local statement_timeout = '100ms';
select is(pg_temp.fate($$select count(*) from agenda.occurrences('FREQ=SECONDLY', '2026-01-01', 'Europe/Berlin', '-infinity', 'infinity')$$),
    'cancelled', 'all seconds of time');
select is(pg_temp.fate($$select count(*) from agenda.first_local_occurrences('FREQ=SECONDLY', '2026-01-01', 2147483647)$$),
    'cancelled', 'the first two thousand million');
reset statement_timeout;

select * from finish();
rollback;
