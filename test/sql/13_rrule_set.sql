-- 13_rrule_set.sql - sets of rules and dates: bounds, arguments, errors, interrupts.
begin;
set local search_path = public;
-- nothing here may depend on it
set local timezone = 'Asia/Kathmandu';
select plan(38);

create function pg_temp.utc(variadic t timestamptz[]) returns text language sql as $$
    select string_agg(to_char(x at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI'), ' ' order by x) from unnest(t) x$$;
-- the first ten, by the clock of the zone
create function pg_temp.first(rules agenda.rrule[], dtstart timestamp, tz text, rdates timestamp[] default '{}',
        exdates timestamp[] default '{}', exrules agenda.rrule[] default '{}') returns text language sql as $$
    select string_agg(to_char(x at time zone tz, 'YYYY-MM-DD"T"HH24:MI'), ' ' order by x)
      from agenda.first_occurrences_of_set(rules, dtstart, tz, 10, rdates, exdates, exrules) x$$;

-- ---- what is in, what is out ----
select is(pg_temp.first('{}', '2026-01-01 09:00', 'UTC', '{2026-02-01 10:00,2026-01-05 10:00,2026-02-01 10:00}'),
    '2026-01-05T10:00 2026-02-01T10:00', 'dates alone, in order, once each');
select is(pg_temp.first('{}', '2026-01-01 09:00', 'UTC'), null, 'an empty set');
select is(pg_temp.first('{FREQ=DAILY;COUNT=2}', '2026-01-02 09:00', 'UTC', '{2025-06-01 00:00}'),
    '2025-06-01T00:00 2026-01-02T09:00 2026-01-03T09:00', 'a date may lie before dtstart');
select is(pg_temp.first('{FREQ=DAILY;COUNT=2}', '2026-01-01 09:00', 'UTC', '{2026-01-09 09:00}', '{2026-01-09 09:00,2026-01-02 09:00}'),
    '2026-01-01T09:00', 'exclusion wins');
select is(pg_temp.first('{FREQ=DAILY;COUNT=2}', '2026-01-01 09:00', 'UTC', '{2026-01-09 09:00,2026-01-10 09:00}', exrules => '{FREQ=DAILY;COUNT=9}'),
    '2026-01-10T09:00', 'an EXRULE excludes dates too');
select is(pg_temp.first('{FREQ=DAILY;COUNT=2}', '2026-01-01 09:00', 'UTC', exdates => '{2026-01-01 00:00}'),
    '2026-01-01T09:00 2026-01-02T09:00', 'an EXDATE of another time of day excludes nothing');
select is(pg_temp.first('{FREQ=WEEKLY;COUNT=3,FREQ=MONTHLY;COUNT=2}', '2026-01-05 09:00', 'UTC'),
    '2026-01-05T09:00 2026-01-12T09:00 2026-01-19T09:00 2026-02-05T09:00', 'several rules share dtstart');
select is(pg_temp.first('{FREQ=MONTHLY;BYMONTHDAY=29}', '2024-01-29 09:00', 'UTC', exrules => array['FREQ=YEARLY;BYMONTH=1,3,4,5,6,7,8,9,10,11,12;BYMONTHDAY=29']::agenda.rrule[])
    like '2024-02-29T09:00 2028-02-29T09:00 %', true, 'what is left is found however rare');
select is(pg_temp.utc(agenda.next_occurrence_of_set('{FREQ=DAILY;BYDAY=MO}', '2026-01-05 09:00', 'UTC', '2026-01-01',
    exrules => '{FREQ=WEEKLY;UNTIL=99990101}')), '9999-01-04T09:00', 'behind an exclusion that ends far away');
select is(pg_temp.first('{FREQ=DAILY;COUNT=3}', '2026-03-28 02:30', 'Europe/Berlin', exdates => '{2026-03-29 03:30}'),
    '2026-03-28T02:30 2026-03-30T02:30', 'what the gap moves is excluded where it lands');
select is(pg_temp.first('{FREQ=DAILY;COUNT=1}', '2026-03-29 03:30', 'Europe/Berlin', '{2026-03-29 02:30,2026-03-29 03:00}'),
    '2026-03-29T03:00 2026-03-29T03:30', 'dates that a gap reorders and brings together');
select is(pg_temp.utc(agenda.next_occurrence_of_set('{}', '2026-01-01', 'Europe/Berlin', '2026-10-24', '{2026-10-25 02:30}')),
    '2026-10-25T00:30', 'a repeated date is its first instant');

-- ---- bounds ----
select is(agenda.next_occurrence_of_set('{daily}', '2026-01-01 09:00', 'UTC', '2026-01-01 09:00Z'), '2026-01-02 09:00Z', 'next is strictly after');
select is(agenda.next_occurrence_of_set('{daily}', '2026-01-01 09:00', 'UTC', '2026-01-01 08:59:59.999999Z'), '2026-01-01 09:00Z', 'by a microsecond');
select is(agenda.previous_occurrence_of_set('{daily}', '2026-01-01 09:00', 'UTC', '2026-01-03 09:00Z'), '2026-01-02 09:00Z', 'previous is strictly before');
select is(agenda.previous_occurrence_of_set('{daily}', '2026-01-01 09:00', 'UTC', '2026-01-03 09:00:00.000001Z'), '2026-01-03 09:00Z', 'by a microsecond');
select is(agenda.next_occurrence_of_set('{daily}', '2026-01-01 09:00', 'UTC', '-infinity'), '2026-01-01 09:00Z', 'after -infinity');
select is(agenda.next_occurrence_of_set('{daily}', '2026-01-01 09:00', 'UTC', 'infinity'), null, 'after infinity');
select is(agenda.previous_occurrence_of_set('{daily}', '2026-01-01 09:00', 'UTC', 'infinity'), null, 'an endless set has no last');
select is(agenda.previous_occurrence_of_set('{daily}', '2026-01-01 09:00', 'UTC', '-infinity'), null, 'before -infinity');
select is(agenda.previous_occurrence_of_set('{FREQ=DAILY;COUNT=3}', '2026-01-01 09:00', 'UTC', 'infinity', '{2027-01-01}'),
    '2027-01-01 00:00Z', 'a set that ends has a last');
select results_eq($$select agenda.occurrences_of_set('{daily}', '2026-01-01 09:00', 'UTC', '2026-01-01 09:00Z', '2026-01-03 09:00Z', '{2025-12-31 09:00,2026-01-02 10:00}')$$,
    $$values ('2026-01-01 09:00Z'::timestamptz), ('2026-01-02 09:00Z'), ('2026-01-02 10:00Z')$$, 'a range contains its start and not its end');
select is_empty($$select agenda.occurrences_of_set('{daily}', '2026-01-01 09:00', 'UTC', 'infinity', 'infinity')$$, 'nothing from infinity on');
select is((select count(*) from agenda.occurrences_of_set('{FREQ=DAILY;COUNT=5}', '2026-01-01 09:00', 'UTC', '-infinity', 'infinity')), 5::bigint, 'all of time');
select is((select count(*) from agenda.first_occurrences_of_set('{daily}', '2026-01-01 09:00', 'UTC', 1000, exrules => '{FREQ=WEEKLY}')), 1000::bigint, 'a thousand');
select is_empty($$select agenda.first_occurrences_of_set('{daily}', '2026-01-01 09:00', 'UTC', 0)$$, 'none of none');
select is(agenda.next_occurrence_of_set('{daily}', '2026-01-01 09:00:00.25', 'UTC', '2026-01-02', '{2026-01-02 08:00:00.25}'),
    '2026-01-02 08:00:00.25Z', 'a fraction of a second is carried');
select is(agenda.next_occurrence_of_set(null, '2026-01-01', 'UTC', '2026-01-02'), null, 'null arguments give null');

-- ---- one call, many sets: what is kept must not outlive its arguments ----
select results_eq(
    $$select agenda.next_occurrence_of_set(array[r]::agenda.rrule[], d, z, '2026-03-01', exdates => x)
        from (values ('daily', '2026-01-01 09:00'::timestamp, 'UTC', '{}'::timestamp[]),
                     ('daily', '2026-01-01 09:00', 'UTC', '{2026-03-01 09:00}'),
                     ('daily', '2026-01-01 09:00', 'Europe/Berlin', '{2026-03-01 09:00}'),
                     ('FREQ=YEARLY', '2026-01-01 09:00', 'Europe/Berlin', '{2026-03-01 09:00}'),
                     ('FREQ=YEARLY', '2026-01-01 10:00', 'Europe/Berlin', '{2026-03-01 09:00}'),
                     ('daily', '2026-01-01 09:00', 'UTC', '{}')) v (r, d, z, x)$$,
    $$values ('2026-03-01 09:00Z'::timestamptz), ('2026-03-02 09:00Z'), ('2026-03-02 08:00Z'), ('2027-01-01 08:00Z'),
             ('2027-01-01 09:00Z'), ('2026-03-01 09:00Z')$$, 'sets that change from row to row');

-- ---- errors ----
select throws_ok($$select agenda.next_occurrence_of_set(array['daily', null]::agenda.rrule[], '2026-01-01', 'UTC', '2026-01-02')$$,
    '22004', 'rules of a set must not be null', 'a null rule');
select throws_ok($$select agenda.next_occurrence_of_set('{daily}', '2026-01-01', 'UTC', '2026-01-02', '{null}')$$,
    '22004', 'dates of a set must not be null', 'a null date');
select throws_ok($$select agenda.next_occurrence_of_set('{daily}', '2026-01-01', 'UTC', '2026-01-02', '{infinity}')$$,
    '22008', 'dates of a set must be finite', 'an infinite date');
select throws_ok($$select agenda.next_occurrence_of_set('{daily}', 'infinity', 'UTC', '2026-01-02')$$,
    '22008', 'the start of a recurrence must be finite', 'an infinite start');
select throws_ok($$select agenda.next_occurrence_of_set('{daily}', '2026-01-01', 'UTC', '2026-01-02', '{2026-02-01 00:00:00.5}')$$,
    '22023', 'dates of a set must have the same fraction of a second as its start', 'a date of another fraction');
select throws_ok($$select agenda.next_occurrence_of_set('{daily}', '2026-01-01', 'Mars/Olympus', '2026-01-02')$$, 'YA004', null, 'an unknown zone');
select throws_ok($$select agenda.first_occurrences_of_set('{daily}', '2026-01-01', 'UTC', -1)$$, '22023', null, 'fewer than none');
select throws_ok($$select agenda.next_occurrence_of_set(array_fill('daily'::agenda.rrule, array[1001]), '2026-01-01', 'UTC', '2026-01-02')$$,
    '54000', 'a set has too many rules', 'too many rules');

-- ---- a long search can be cancelled ----
create function pg_temp.outcome(statement text) returns text language plpgsql as $$
begin
    execute statement;
    return 'ran to its end';
exception when query_canceled then
    return 'cancelled';
end$$;
set local statement_timeout = '50ms';
select is(pg_temp.outcome($$select agenda.next_occurrence_of_set(
        array['FREQ=DAILY;BYHOUR=' || hours || ';BYMINUTE=' || minutes]::agenda.rrule[], '2026-01-01', 'UTC', '2026-01-02',
        -- places of BYSETPOS are no times of day, so every candidate is tried
        exrules => array['FREQ=DAILY;BYHOUR=' || hours || ';BYMINUTE=' || minutes || ';BYSETPOS=' || places]::agenda.rrule[])
      from (select string_agg(h::text, ',') as hours from generate_series(0, 9) h) h,
           (select string_agg(m::text, ',') as minutes from generate_series(0, 59) m) m,
           (select string_agg(format('%s,-%s', p, p), ',') as places from generate_series(1, 300) p) p$$),
    'cancelled', 'a search of 400 years of minutes');
reset statement_timeout;

select * from finish();
rollback;
