-- 17_rrule_users.sql - cases that users of other engines reported (recurrence of hours, minutes and
-- seconds, and what 11_rrule_func.sql leaves), each with the answer that is right.
begin;
select plan(32);

create function pg_temp.first(rule text, dtstart timestamp, zone text, n int) returns text
    language sql as $$
    select string_agg(to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ' ' order by t)
      from agenda.first_occurrences(rule::agenda.rrule, dtstart, zone, n) t $$;
create function pg_temp.first_local(rule text, dtstart timestamp, n int) returns text
    language sql as $$
    select string_agg(to_char(t, 'YYYY-MM-DD"T"HH24:MI'), ' ' order by t)
      from agenda.first_local_occurrences(rule::agenda.rrule, dtstart, n) t $$;

select is(agenda.next_local_occurrence(c.rule::agenda.rrule, c.dtstart::timestamp, '-infinity'), c.expected::timestamp, c.name)
  from (values
    ('rrule.js 468: never, known at once', 'FREQ=HOURLY;INTERVAL=2;BYHOUR=1', '2026-01-01', null),
    ('dateutil 4: never, known at once', 'FREQ=SECONDLY;INTERVAL=60;BYSECOND=30', '2026-01-01', null),
    ('sabre 564: no third place', 'FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=3;BYSETPOS=3', '2026-01-01', null),
    ('pg_rrule 8: no 31 February', 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31;COUNT=10', '2026-01-01', null),
    ('libical 4: seconds in March', 'FREQ=SECONDLY;BYMONTH=3', '2026-01-01', '2026-03-01'),
    ('lib-recur: Monday 29 February', 'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO', '2026-01-01', '2044-02-29'),
    ('the interval is wider than time', 'FREQ=SECONDLY;INTERVAL=2147483647', '2026-01-01', '2026-01-01')
  ) c (name, rule, dtstart, expected);
select is(agenda.next_local_occurrence(c.rule::agenda.rrule, c.dtstart::timestamp, c.after::timestamp), c.expected::timestamp, c.name)
  from (values
    ('libical 491: hours from ten years ago', 'FREQ=HOURLY;INTERVAL=5', '2016-11-22 09:00', '2026-11-22 12:00', '2026-11-22 16:00'),
    ('ical4j 848: minutes in February', 'FREQ=MINUTELY;BYMONTH=2', '2020-01-01', '2025-12-31 23:59', '2026-02-01'),
    ('rrule.js 392: seconds from fifty years ago', 'FREQ=SECONDLY;INTERVAL=7', '1976-11-22 09:00', '2026-11-22 12:00', '2026-11-22 12:00:07'),
    ('COUNT is resolved: the last', 'FREQ=HOURLY;COUNT=100000', '2016-11-22 09:00', '2028-04-19 23:59', '2028-04-20'),
    ('COUNT is resolved: beyond', 'FREQ=HOURLY;COUNT=100000', '2016-11-22 09:00', '2028-04-20', null)
  ) c (name, rule, dtstart, after, expected);
select is(pg_temp.first_local(c.rule, c.dtstart::timestamp, c.n), c.expected, c.name)
  from (values
    ('ical.js 1004: not 1 March', 'FREQ=YEARLY', '2012-02-29 12:00', 3, '2012-02-29T12:00 2016-02-29T12:00 2020-02-29T12:00'),
    ('ical4j 12: no February, no drift', 'FREQ=MONTHLY;BYMONTH=1,2,3', '2014-06-30', 3, '2015-01-30T00:00 2015-03-30T00:00 2016-01-30T00:00'),
    ('temporal: the last of short months', 'FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD;BYMONTHDAY=31', '2026-01-31 09:00', 4, '2026-01-31T09:00 2026-02-28T09:00 2026-03-31T09:00 2026-04-30T09:00'),
    ('BYSETPOS within an hour', 'FREQ=HOURLY;INTERVAL=6;BYMINUTE=0,20,40;BYSETPOS=-1', '2026-01-01 09:50', 2, '2026-01-01T15:40 2026-01-01T21:40')
  ) c (name, rule, dtstart, n, expected);

-- ---- elapsed time in a zone ----
select is(pg_temp.first(c.rule, c.dtstart::timestamp, c.zone, c.n), c.expected, c.name)
  from (values
    ('New York, hourly over the gap', 'FREQ=HOURLY', '2026-03-08 00:30', 'America/New_York', 4,
     '2026-03-08T05:30:00Z 2026-03-08T06:30:00Z 2026-03-08T07:30:00Z 2026-03-08T08:30:00Z'),
    ('New York, hourly over the fold', 'FREQ=HOURLY;COUNT=4', '2026-11-01 00:30', 'America/New_York', 9,
     '2026-11-01T04:30:00Z 2026-11-01T05:30:00Z 2026-11-01T06:30:00Z 2026-11-01T07:30:00Z'),
    ('Lord Howe moves by half an hour', 'FREQ=HOURLY', '2026-10-04 01:15', 'Australia/Lord_Howe', 3,
     '2026-10-03T14:45:00Z 2026-10-03T15:45:00Z 2026-10-03T16:45:00Z'),
    ('rust 9: a time in the gap', 'FREQ=DAILY;BYMONTH=3;BYMONTHDAY=13,14,15', '2021-03-01 02:22:10', 'America/Vancouver', 3,
     '2021-03-13T10:22:10Z 2021-03-14T10:22:10Z 2021-03-15T09:22:10Z')
  ) c (name, rule, dtstart, zone, n, expected);
select is((select array_agg(distinct t - before) from (select t, lag(t) over (order by o) before
        from agenda.first_occurrences(c.rule::agenda.rrule, '2026-01-01', c.zone, 9000) with ordinality f(t, o)) x where before is not null),
    array[c.step::interval], 'rust 115: nothing lost or doubled: ' || c.rule || ' in ' || c.zone)
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
