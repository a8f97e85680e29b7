-- 18_rrule_subday.sql - recurrence of hours, minutes and seconds through SQL: elapsed time over the
-- changes of a zone, both directions, the ends of time.
begin;
select plan(22);

create function pg_temp.first(rule text, dtstart timestamp, zone text, n int) returns text
    language sql as $$
    select string_agg(to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ' ' order by t)
      from agenda.first_occurrences(rule::agenda.rrule, dtstart, zone, n) t $$;

select is(agenda.next_local_occurrence(c.rule::agenda.rrule, c.dtstart::timestamp, c.after::timestamp), c.expected::timestamp, c.name)
  from (values
    ('the interval is wider than time', 'FREQ=SECONDLY;INTERVAL=2147483647', '2026-01-01', '-infinity', '2026-01-01'),
    ('seconds from fifty years ago', 'FREQ=SECONDLY;INTERVAL=7', '1976-11-22 09:00', '2026-11-22 12:00', '2026-11-22 12:00:07'),
    ('COUNT is resolved: the last', 'FREQ=HOURLY;COUNT=100000', '2016-11-22 09:00', '2028-04-19 23:59', '2028-04-20'),
    ('COUNT is resolved: beyond', 'FREQ=HOURLY;COUNT=100000', '2016-11-22 09:00', '2028-04-20', null)
  ) c (name, rule, dtstart, after, expected);
select is((select string_agg(to_char(t, 'YYYY-MM-DD"T"HH24:MI'), ' ' order by t)
             from agenda.first_local_occurrences('FREQ=HOURLY;INTERVAL=6;BYMINUTE=0,20,40;BYSETPOS=-1', '2026-01-01 09:50', 2) t),
    '2026-01-01T15:40 2026-01-01T21:40', 'BYSETPOS within an hour');

-- ---- elapsed time in a zone ----
select is(pg_temp.first(c.rule, c.dtstart::timestamp, c.zone, c.n), c.expected, c.name)
  from (values
    ('New York, hourly over the gap', 'FREQ=HOURLY', '2026-03-08 00:30', 'America/New_York', 4,
     '2026-03-08T05:30:00Z 2026-03-08T06:30:00Z 2026-03-08T07:30:00Z 2026-03-08T08:30:00Z'),
    ('New York, hourly over the fold', 'FREQ=HOURLY;COUNT=4', '2026-11-01 00:30', 'America/New_York', 9,
     '2026-11-01T04:30:00Z 2026-11-01T05:30:00Z 2026-11-01T06:30:00Z 2026-11-01T07:30:00Z'),
    ('an end by the clock', 'FREQ=HOURLY;UNTIL=20260919T010000', '2026-09-18 23:00', 'Asia/Kathmandu', 9,
     '2026-09-18T17:15:00Z 2026-09-18T18:15:00Z 2026-09-18T19:15:00Z'),
    ('an end by the clock, before the start', 'FREQ=HOURLY;UNTIL=20260919', '2026-09-20 00:00', 'Asia/Kathmandu', 9, null),
    ('Lord Howe moves by half an hour', 'FREQ=HOURLY', '2026-10-04 01:15', 'Australia/Lord_Howe', 3,
     '2026-10-03T14:45:00Z 2026-10-03T15:45:00Z 2026-10-03T16:45:00Z')
  ) c (name, rule, dtstart, zone, n, expected);
select is((select array_agg(distinct t - before) from (select t, lag(t) over (order by o) before
        from agenda.first_occurrences(c.rule::agenda.rrule, '2026-01-01', c.zone, 9000) with ordinality f(t, o)) x where before is not null),
    array[c.step::interval], 'nothing lost or doubled: ' || c.rule || ' in ' || c.zone)
  from (values ('FREQ=HOURLY', 'Europe/London', '1 hour'), ('FREQ=MINUTELY;INTERVAL=90', 'Europe/Berlin', '90 minutes'),
    ('FREQ=HOURLY;INTERVAL=5', 'Africa/Casablanca', '5 hours'), ('FREQ=SECONDLY;INTERVAL=3601', 'Pacific/Apia', '3601 seconds')
  ) c (rule, zone, step);
select is((select count(*) from agenda.first_occurrences('FREQ=HOURLY;INTERVAL=7;BYHOUR=1,2,3', '2026-03-01', z, 900) t
        where not agenda.is_occurrence('FREQ=HOURLY;INTERVAL=7;BYHOUR=1,2,3', '2026-03-01', z, t)
           or agenda.next_occurrence('FREQ=HOURLY;INTERVAL=7;BYHOUR=1,2,3', '2026-03-01', z, t - interval '1 microsecond') <> t
           or agenda.previous_occurrence('FREQ=HOURLY;INTERVAL=7;BYHOUR=1,2,3', '2026-03-01', z, t + interval '1 microsecond') <> t),
    0::bigint, 'both directions agree in ' || z)
  from unnest(array['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']) z;
select is(agenda.next_date('FREQ=HOURLY', '2026-01-01', '2026-01-01'), null, 'days have no hours');

-- ---- the ends of time ----
select is(agenda.next_local_occurrence('FREQ=SECONDLY', '2026-01-01', '294276-12-31 23:59:58'), '294276-12-31 23:59:59', 'the last second');
select is(agenda.next_local_occurrence('FREQ=SECONDLY', '2026-01-01', '294276-12-31 23:59:59'), null, 'and none behind');
select is(agenda.next_local_occurrence('FREQ=HOURLY;INTERVAL=3', '4713-01-01 BC', '-infinity'), '4713-01-01 BC', 'from the beginning of time');
select is(agenda.previous_occurrence('FREQ=HOURLY;INTERVAL=2147483647;COUNT=2147483647', '2026-01-01', 'Europe/Berlin', 'infinity') is null, false,
    'the largest numbers end in an answer');

select * from finish();
rollback;
