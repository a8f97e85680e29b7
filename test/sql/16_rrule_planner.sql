-- 16_rrule_planner.sql - what the planner expects of the set-returning functions, and their marks.
begin;
set local search_path = public;
set local timezone = 'UTC';
select plan(31);

-- the rows that the top of a plan expects, and its cost
create function pg_temp.plan_of(statement text) returns json language plpgsql as $$
declare
    plan json;
begin
    execute 'explain (format json) ' || statement into plan;
    return plan->0->'Plan';
end$$;
create function pg_temp.rows_of(statement text) returns bigint language sql as $$
    select (pg_temp.plan_of(statement)->>'Plan Rows')::bigint$$;
create function pg_temp.cost_of(statement text) returns numeric language sql as $$
    select (pg_temp.plan_of(statement)->>'Total Cost')::numeric$$;

-- ---- the first n ----
select is(pg_temp.rows_of($$select * from agenda.first_occurrences('daily', '2026-01-01', 'UTC', 7)$$), 7::bigint, 'the first 7');
select is(pg_temp.rows_of($$select * from agenda.first_local_occurrences('daily', '2026-01-01', 1234)$$), 1234::bigint, 'the first 1234 of the wall clock');
select is(pg_temp.rows_of($$select * from agenda.first_dates(rule => 'daily', dtstart => '2026-01-01', n => 3 + 2)$$), 5::bigint, 'n is folded');
select is(pg_temp.rows_of($$select * from agenda.first_occurrences_of_set('{daily}', '2026-01-01', 'UTC', 42)$$), 42::bigint, 'the first 42 of a set');
select is(pg_temp.rows_of($$select * from agenda.first_occurrences('daily', '2026-01-01', 'UTC', -1)$$), 1::bigint, 'an error to come is none for the planner');
select is(pg_temp.rows_of($$select agenda.first_occurrences('daily', '2026-01-01', 'UTC', 7)$$), 7::bigint, 'in the select list too');
select is(pg_temp.rows_of($$select o from (values (5), (6)) v (n), agenda.first_occurrences('daily', '2026-01-01', 'UTC', v.n) o$$),
    20::bigint, 'an n that is not known: the default of 10 each');

-- ---- ranges ----
select cmp_ok(abs(pg_temp.rows_of(format('select * from agenda.occurrences(%L, %L, %L, %L, %L)', r, '2026-01-01 09:00', 'Europe/Berlin', f, u)) - n),
        '<=', (n / 50)::bigint, r || ' to ' || u)
  from (values
    ('daily', '2026-03-01', '2026-03-11', 10),
    ('FREQ=HOURLY', '2026-03-01', '2026-03-11', 240),
    ('FREQ=WEEKLY;BYDAY=MO,WE,FR', '2026-01-01', '2027-01-01', 156),
    ('monthly', '2026-01-01', '2036-01-01', 120),
    ('FREQ=YEARLY', '2026-01-01', '2046-01-01', 20),
    ('FREQ=DAILY;COUNT=4', '2026-01-01', '2027-01-01', 4),
    ('FREQ=DAILY;UNTIL=20260430', '2026-01-01', '2027-01-01', 120),
    ('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30', '2026-01-01', '2027-01-01', 1),
    ('daily', '2025-01-01', '2026-01-01', 1),
    ('daily', '2026-03-11', '2026-03-01', 1)
  ) t (r, f, u, n);
-- the estimate is a rate: near the truth, not the truth
select cmp_ok(abs(pg_temp.rows_of(format('select * from agenda.occurrences(%L, %L, %L, %L, %L)', r, '2026-01-01 09:00', 'UTC', '2026-01-01', '2126-01-01'))
        / (select count(*)::numeric from agenda.occurrences(r::agenda.rrule, '2026-01-01 09:00', 'UTC', '2026-01-01', '2126-01-01')) - 1), '<', 0.1, 'a century of ' || r)
  from unnest('{daily,FREQ=MONTHLY;BYDAY=MO\,TU\,WE\,TH\,FR;BYSETPOS=-1,FREQ=WEEKLY;INTERVAL=2;BYHOUR=9\,17,FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13}'::text[]) r;
select is(pg_temp.rows_of($$select * from agenda.local_occurrences('daily', '2026-01-01', '2026-01-01', '2026-01-31')$$), 30::bigint, 'of the wall clock');
select is(pg_temp.rows_of($$select * from agenda.occurrence_dates('FREQ=WEEKLY', '2026-01-01', '2026-01-01', '2026-02-26')$$), 8::bigint, 'of dates');
select cmp_ok(pg_temp.rows_of($$select * from agenda.occurrences('daily', '2020-01-01', 'UTC', now(), now() + interval '30 days')$$), '=', 30::bigint, 'from now on');
select is(pg_temp.rows_of($$select * from agenda.occurrences_of_set('{daily,FREQ=WEEKLY}', '2026-01-01', 'UTC', '2026-01-01', '2026-01-15')$$), 16::bigint, 'the rules of a set');
select cmp_ok(pg_temp.rows_of($$select * from agenda.occurrences('daily', '2026-01-01', 'UTC', '-infinity', 'infinity')$$), '>', 100000000::bigint, 'all of time');
select is(pg_temp.rows_of($$select o from (values ('daily'::agenda.rrule)) v (r), lateral (select r from pg_catalog.generate_series(1, 1)) x,
        agenda.occurrences('daily', '2026-01-01', 'UTC', '2026-01-01', '2026-01-05') o$$), 4::bigint, 'in a join');

-- ---- cost ----
select cmp_ok(pg_temp.cost_of($$select * from agenda.first_occurrences('daily', '2026-01-01', 'UTC', 10000)$$), '>',
    10 * pg_temp.cost_of($$select * from agenda.first_occurrences('daily', '2026-01-01', 'UTC', 10)$$), 'more rows cost more');

-- ---- marks ----
select is_empty(
    $$select p.oid::regprocedure from pg_proc p
       where p.pronamespace = 'agenda'::regnamespace and p.proretset and p.proname ~ '(occurrences|dates)(_of_set)?$'
         and p.prosupport <> 'agenda.rrule_support'::regproc$$,
    'every set-returning function of recurrence has the support function');
select results_eq(
    $$select p.provolatile::text, count(*) from pg_proc p
       where p.pronamespace = 'agenda'::regnamespace and p.proname ~ '(occurrences?|dates?)(_of_set)?$' and p.proname ~ '(^|_)(next|previous|first|is|occurrence|occurrences|local)_?'
         and p.prolang = (select oid from pg_language where lanname = 'c')
         and (p.proargnames @> '{tz}') and p.proisstrict and p.proparallel = 's'
       group by 1$$,
    $$values ('s', 9::bigint)$$, 'what depends on zone data is stable, strict and parallel safe');
select results_eq(
    $$select p.provolatile::text, count(*) from pg_proc p
       where p.pronamespace = 'agenda'::regnamespace and p.proname ~ '(occurrences?|dates?)$'
         and p.prolang = (select oid from pg_language where lanname = 'c')
         and not (p.proargnames @> '{tz}') and p.proisstrict and p.proparallel = 's'
       group by 1$$,
    $$values ('i', 8::bigint)$$, 'what does not is immutable');

select * from finish();
rollback;
