-- 11_rrule_func.sql - occurrences in local time and as dates: bounds, ends, infinity.
begin;
set local search_path = public;
-- nothing here may depend on it
set local timezone = 'Asia/Kathmandu';
select plan(73);

create function pg_temp.first(rule agenda.rrule, dtstart timestamp, n int) returns text language sql as $$
    select string_agg(to_char(t, 'YYYY-MM-DD"T"HH24:MI'), ' ' order by t) from agenda.first_local_occurrences(rule, dtstart, n) t$$;
create function pg_temp.with_start(rule agenda.rrule, dtstart timestamp, n int) returns text language sql as $$
    select string_agg(to_char(t, 'YYYY-MM-DD"T"HH24:MI'), ' ' order by t) from agenda.first_local_occurrences(rule, dtstart, n, include_dtstart => true) t$$;
create function pg_temp.dates(rule agenda.rrule, dtstart date, n int) returns text language sql as $$
    select string_agg(to_char(t, 'YYYY-MM-DD'), ' ' order by t) from agenda.first_dates(rule, dtstart, n) t$$;

-- ---- month ends ----
select is(pg_temp.dates('monthly', '2025-01-31', 5), '2025-01-31 2025-02-28 2025-03-31 2025-04-30 2025-05-31', 'monthly never drifts');
select is(pg_temp.dates('FREQ=MONTHLY', '2025-01-31', 3), '2025-01-31 2025-03-31 2025-05-31', 'FREQ=MONTHLY leaves out what does not exist');
select is(pg_temp.dates('FREQ=MONTHLY;SKIP=FORWARD', '2025-01-31', 4), '2025-01-31 2025-03-01 2025-03-31 2025-05-01', 'SKIP=FORWARD');
select is(pg_temp.dates('yearly', '2024-02-29', 5), '2024-02-29 2025-02-28 2026-02-28 2027-02-28 2028-02-29', 'yearly from 29 February');
select is(pg_temp.dates('FREQ=YEARLY', '2012-02-29', 3), '2012-02-29 2016-02-29 2020-02-29', 'FREQ=YEARLY from 29 February');
select is(pg_temp.dates(agenda.rrule_from('monthly', 3), '2024-11-30', 3), '2024-11-30 2025-02-28 2025-05-30', 'every three months from a 30th');
select is(pg_temp.dates('FREQ=MONTHLY;BYMONTHDAY=1,31;SKIP=FORWARD;COUNT=6', '2025-01-31', 9),
    '2025-01-31 2025-02-01 2025-03-01 2025-03-31 2025-04-01 2025-05-01', 'what meets counts once, COUNT too');

-- ---- next and previous ----
select is(agenda.next_local_occurrence('FREQ=WEEKLY;BYDAY=MO', '2025-01-06 09:00', '2025-01-06 09:00'), '2025-01-13 09:00', 'next is strictly after');
select is(agenda.next_local_occurrence('FREQ=WEEKLY;BYDAY=MO', '2025-01-06 09:00', '2025-01-06 08:59:59.999999'), '2025-01-06 09:00', 'by a microsecond');
select is(agenda.next_local_occurrence('daily', '2025-01-06 09:00', '1999-01-01'), '2025-01-06 09:00', 'nothing before dtstart');
select is(agenda.previous_local_occurrence('daily', '2025-01-06 09:00', '2025-01-07 09:00'), '2025-01-06 09:00', 'previous is strictly before');
select is(agenda.previous_local_occurrence('daily', '2025-01-06 09:00', '2025-01-07 09:00:00.000001'), '2025-01-07 09:00', 'by a microsecond');
select is(agenda.previous_local_occurrence('daily', '2025-01-06 09:00', '2025-01-06 09:00'), null, 'no previous before the first');
select is(agenda.next_local_occurrence('daily', '2025-01-06 09:00:00.25', '2025-01-06 09:00:00.25'), '2025-01-07 09:00:00.25', 'a fraction is carried');
select is(agenda.previous_local_occurrence('daily', '2025-01-06 09:00:00.25', '2025-01-07 09:00:00.3'), '2025-01-07 09:00:00.25', 'backwards too');
select is(agenda.next_date('daily', '2025-01-06', '2025-01-06'), '2025-01-07', 'next_date');
select is(agenda.previous_date('FREQ=WEEKLY;BYDAY=MO', '2025-01-06', '2025-03-01'), '2025-02-24', 'previous_date');
select is(agenda.next_date('FREQ=WEEKLY;BYDAY=MO', '2025-01-07', '2025-01-01'), '2025-01-13', 'dtstart counts only if it matches');
select is(agenda.next_local_occurrence(rule => 'daily', dtstart => '2025-01-06 09:00', after => '2025-02-01'), '2025-02-01 09:00', 'arguments by name');

-- ---- ends ----
select is(agenda.next_local_occurrence('FREQ=DAILY;COUNT=3', '2025-01-01 09:00', '2025-01-03 08:00'), '2025-01-03 09:00', 'COUNT: the last');
select is(agenda.next_local_occurrence('FREQ=DAILY;COUNT=3', '2025-01-01 09:00', '2025-01-03 09:00'), null, 'COUNT: none after it');
select is(pg_temp.first('FREQ=DAILY;UNTIL=20250103', '2025-01-01 09:00', 9), '2025-01-01T09:00 2025-01-02T09:00 2025-01-03T09:00', 'UNTIL as a date is that whole day');
select is(pg_temp.first('FREQ=DAILY;UNTIL=20250103T090000', '2025-01-01 09:00', 9), '2025-01-01T09:00 2025-01-02T09:00 2025-01-03T09:00', 'UNTIL is inclusive');
select is(pg_temp.first('FREQ=DAILY;UNTIL=20250103T085959', '2025-01-01 09:00', 9), '2025-01-01T09:00 2025-01-02T09:00', 'to the second');
select is(pg_temp.dates('FREQ=DAILY;UNTIL=20250103T120000Z', '2025-01-01', 9), '2025-01-01 2025-01-02 2025-01-03', 'UNTIL with a time on dates');
select is(agenda.previous_local_occurrence('FREQ=MONTHLY;COUNT=10;BYMONTHDAY=31', '2025-01-01 09:00', 'infinity'), '2026-05-31 09:00', 'the last of a rule that ends');
select is(agenda.previous_local_occurrence('daily', '2025-01-01 09:00', 'infinity'), null, 'an endless rule has no last');
select is(agenda.previous_local_occurrence(r, '2025-01-01 09:00', 'infinity'), w, 'time ends before ' || r) from (values
    ('FREQ=YEARLY;COUNT=300000'::agenda.rrule, '294276-01-01 09:00'::timestamp),
    ('FREQ=WEEKLY;INTERVAL=10;COUNT=2147483647', '294276-11-01 09:00'),
    ('FREQ=DAILY;COUNT=2147483647', '294276-12-31 09:00'),
    ('FREQ=HOURLY;COUNT=2147483647;INTERVAL=100', '294276-12-31 09:00')) v(r, w);
select is(agenda.next_local_occurrence('FREQ=DAILY;COUNT=100000', '1925-01-01 09:00', '2025-06-15 12:00'), '2025-06-16 09:00', 'a large COUNT');

-- ---- include_dtstart ----
select is(pg_temp.with_start('FREQ=WEEKLY;BYDAY=MO', '2025-01-01 09:00', 3), '2025-01-01T09:00 2025-01-06T09:00 2025-01-13T09:00', 'the start comes first');
select is(pg_temp.with_start('FREQ=WEEKLY;BYDAY=MO;COUNT=3', '2025-01-01 09:00', 9), '2025-01-01T09:00 2025-01-06T09:00 2025-01-13T09:00', 'and COUNT counts it');
select is(pg_temp.with_start('FREQ=WEEKLY;BYDAY=MO;COUNT=1', '2025-01-01 09:00', 9), '2025-01-01T09:00', 'even alone');
select is(pg_temp.with_start('FREQ=WEEKLY;BYDAY=WE;COUNT=3', '2025-01-01 09:00', 9), pg_temp.first('FREQ=WEEKLY;BYDAY=WE;COUNT=3', '2025-01-01 09:00', 9), 'a start that the rule hits is there once');
select is(pg_temp.with_start('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30', '2025-01-01 09:00', 9), '2025-01-01T09:00', 'a rule that never matches leaves the start');
select is(pg_temp.with_start('FREQ=WEEKLY;BYDAY=MO;UNTIL=20241231', '2025-01-01 09:00', 9), null, 'UNTIL before the start leaves nothing');
select is(agenda.next_local_occurrence('FREQ=WEEKLY;BYDAY=MO', '2025-01-01 09:00', '2024-06-01', true), '2025-01-01 09:00', 'next');
select is(agenda.next_local_occurrence('FREQ=WEEKLY;BYDAY=MO', '2025-01-01 09:00', '2025-01-01 09:00', include_dtstart => true), '2025-01-06 09:00', 'is strictly after it too');
select is(agenda.previous_local_occurrence('FREQ=WEEKLY;BYDAY=MO', '2025-01-01 09:00', '2025-01-06 09:00', true), '2025-01-01 09:00', 'previous');
select is(agenda.previous_local_occurrence('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30', '2025-01-01 09:00', 'infinity', true), '2025-01-01 09:00', 'the last of a series that is its start');
select is((select array_agg(d) from agenda.occurrence_dates('FREQ=MONTHLY;BYMONTHDAY=15', '2025-01-10', '2025-01-01', '2025-02-20', true) d), '{2025-01-10,2025-01-15,2025-02-15}'::date[], 'dates');
select is(agenda.next_date('FREQ=MONTHLY;BYMONTHDAY=15', '2025-01-10', '2025-01-09', true), '2025-01-10', 'the next date');
-- the same call with another last argument, so that a kept plan would be seen
select is((select array_agg(agenda.next_local_occurrence('FREQ=WEEKLY;BYDAY=MO', '2025-01-01 09:00', '2024-06-01', b) order by i) from unnest('{f,t,f}'::boolean[]) with ordinality as x (b, i)),
    '{2025-01-06 09:00,2025-01-01 09:00,2025-01-06 09:00}'::timestamp[], 'the option is part of what is kept');
select is(agenda.next_local_occurrence('daily', '2025-01-01 09:00', '2024-06-01', null), null, 'null is null');

-- ---- infinity and the ends of time ----
select is(agenda.next_local_occurrence('daily', '2025-01-01 09:00', 'infinity'), null, 'nothing after infinity');
select is(agenda.next_local_occurrence('daily', '2025-01-01 09:00', '-infinity'), '2025-01-01 09:00', 'the first after -infinity');
select is(agenda.previous_local_occurrence('daily', '2025-01-01 09:00', '-infinity'), null, 'nothing before -infinity');
select throws_ok($$select agenda.next_local_occurrence('daily', 'infinity', '2025-01-01')$$, '22008', 'the start of a recurrence must be finite', 'an infinite start');
select throws_ok($$select agenda.next_date('daily', '-infinity', '2025-01-01')$$, '22008', null, 'an infinite start date');
select is(agenda.next_local_occurrence('yearly', '2025-01-01', '294276-06-01'), null, 'nothing beyond the last timestamp');
select is(agenda.next_local_occurrence('daily', '4714-11-24 00:00 BC', '4714-11-24 00:00 BC'), '4714-11-25 00:00 BC', 'the first timestamp can be a start');
select is(agenda.next_local_occurrence('FREQ=YEARLY;INTERVAL=2147483647', '2025-01-01', '2025-01-01'), null, 'the widest interval');
select is((select count(*) from agenda.local_occurrences('daily', '2025-01-01', '-infinity', '2025-02-01')), 31::bigint, 'a range without beginning');
select is((select count(*) from agenda.local_occurrences('FREQ=DAILY;COUNT=7', '2025-01-01', '2025-01-03', 'infinity')), 5::bigint, 'a range without end');
select is_empty($$select agenda.local_occurrences('daily', '2025-01-01', 'infinity', '-infinity')$$, 'a range the wrong way round');
select is(agenda.next_date('yearly', '5874000-01-01', '5874000-06-01'), null, 'a date beyond the calendar of rules');

-- ---- sets ----
select results_eq($$select agenda.local_occurrences('daily', '2025-01-01 09:00', '2025-01-02 09:00', '2025-01-04 09:00')$$,
    $$values (timestamp '2025-01-02 09:00'), ('2025-01-03 09:00')$$, 'a range includes its start, not its end');
select results_eq($$select agenda.occurrence_dates('daily', '2025-01-01', '2025-01-31', '2025-02-02')$$,
    $$values (date '2025-01-31'), ('2025-02-01')$$, 'dates in a range');
select is_empty($$select agenda.first_dates('daily', '2025-01-01', 0)$$, 'the first none');
select throws_ok($$select agenda.first_dates('daily', '2025-01-01', -1)$$, '22023', 'number of occurrences must not be negative', 'the first -1');
select is_empty($$select agenda.first_local_occurrences(null, '2025-01-01', 3)$$, 'no rule, no occurrences');
select is((select count(*) from (values ('daily'::agenda.rrule, date '2025-01-01'), ('weekly', '2025-01-01'), ('monthly', '2025-01-31')) r(rule, start),
    lateral agenda.occurrence_dates(r.rule, r.start, '2025-01-01', '2026-01-01')), (365 + 53 + 12)::bigint, 'one call per row, rules change');
select is((select array_agg(agenda.next_local_occurrence(r.rule, r.start, '2025-03-01') order by n) from (values
        (1, 'daily'::agenda.rrule, timestamp '2025-01-01'), (2, 'daily', '2025-01-01 10:00'), (3, 'weekly', '2025-01-01 10:00'), (4, 'weekly', '2025-01-01 10:00')) r(n, rule, start)),
    '{2025-03-02,2025-03-01 10:00,2025-03-05 10:00,2025-03-05 10:00}'::timestamp[], 'the kept plan follows rule and start');

-- ---- never ----
select is(agenda.next_local_occurrence(r::agenda.rrule, '2023-01-02 09:00', '2023-01-02'), null, 'never: ' || r)
  from unnest(array['FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30', 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31;COUNT=10',
    'FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29', 'FREQ=DAILY;INTERVAL=7;BYDAY=TU',
    'FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=3;BYSETPOS=3']) r;
select is(agenda.next_date('FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO', '2026-01-01', '2026-01-01'), '2044-02-29', 'a rare date is found');

-- ---- product rules ----
select is(agenda.next_date('FREQ=WEEKLY;INTERVAL=4;BYDAY=SU;WKST=SU', '2022-04-19', '2022-04-19'), '2022-05-15', 'every 4 weeks on Sunday, from the Sunday before Tuesday 19 April');
select is(agenda.next_date('monthly', '2025-09-10', '2025-09-10'), '2025-10-10', 'monthly from 10 September');

select * from finish();
rollback;
