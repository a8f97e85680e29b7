-- 17_rrule_users.sql - the 42 cases that users of other engines reported, or that measuring them showed,
-- each with the answer that is right.  The engine that was wrong stands in the name.
begin;
set local search_path = public;
-- nothing here may depend on it
set local timezone = 'Asia/Kathmandu';
select plan(52);

-- the first n by the wall clock, the time of day left out where it is midnight
create function pg_temp.first(rule text, dtstart timestamp, n int) returns text language sql as $$
    select string_agg(to_char(t, case when t::time = '00:00' then 'YYYY-MM-DD' else 'YYYY-MM-DD"T"HH24:MI' end), ' ' order by o)
      from agenda.first_local_occurrences(rule::agenda.rrule, dtstart, n) with ordinality f(t, o) $$;
create function pg_temp.utc(t timestamptz[]) returns text language sql as $$
    select string_agg(to_char(x at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ' ' order by o) from unnest(t) with ordinality u(x, o) $$;
-- a set of rules and dates, by the clock of its zone
create function pg_temp.set(rules agenda.rrule[], dtstart timestamp, tz text, rdates timestamp[] default '{}',
        exdates timestamp[] default '{}', exrules agenda.rrule[] default '{}') returns text language sql as $$
    select string_agg(to_char(x at time zone tz, 'YYYY-MM-DD"T"HH24:MI'), ' ' order by o)
      from agenda.first_occurrences_of_set(rules, dtstart, tz, 10, rdates, exdates, exrules) with ordinality f(x, o) $$;

-- ---- which days and times ----
select is(pg_temp.first(c.rule, c.dtstart::timestamp, c.n), c.expected, c.name)
  from (values
    ('case 1, rrule.js and dateutil: signed and plain BYDAY', 'FREQ=MONTHLY;BYDAY=2SU,MO', '2026-03-02', 8,
     '2026-03-02 2026-03-08 2026-03-09 2026-03-16 2026-03-23 2026-03-30 2026-04-06 2026-04-12'),
    ('case 2, dateutil: BYSETPOS in the first week', 'FREQ=WEEKLY;WKST=WE;BYDAY=MO,TU,WE;BYSETPOS=1;COUNT=3', '2024-11-10', 9,
     '2024-11-13 2024-11-20 2024-11-27'),
    ('case 3, dateutil: week 52 in the next year', 'FREQ=YEARLY;BYWEEKNO=52;BYDAY=SA,SU', '2011-01-01 09:00', 4,
     '2011-01-01T09:00 2011-01-02T09:00 2011-12-31T09:00 2012-01-01T09:00'),
    ('case 4, rrule.js and dateutil: even hours are never one', 'FREQ=HOURLY;INTERVAL=2;BYHOUR=1', '2026-01-01', 3, null),
    ('case 4, dateutil: whole minutes are never half ones', 'FREQ=SECONDLY;INTERVAL=60;BYSECOND=30', '2026-01-01', 3, null),
    ('case 7, sabre: no third place', 'FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=3;BYSETPOS=3', '2026-01-01', 3, null),
    ('case 8, lib-recur: sparse BYSETPOS', 'FREQ=YEARLY;BYMONTHDAY=20;BYDAY=MO;BYSETPOS=3', '2023-01-01', 4,
     '2023-11-20 2034-11-20 2045-11-20 2048-07-20'),
    ('case 9, libical: every other week', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=WE,FR', '2019-01-01 10:00', 4,
     '2019-01-02T10:00 2019-01-04T10:00 2019-01-16T10:00 2019-01-18T10:00'),
    ('case 10, libical: every fourth Sunday', 'FREQ=WEEKLY;INTERVAL=4;BYDAY=SU;COUNT=4', '2015-03-22', 9,
     '2015-03-22 2015-04-19 2015-05-17 2015-06-14'),
    ('case 13, libical: BYMONTH before BYSETPOS', 'FREQ=WEEKLY;BYMONTH=1,6;BYDAY=MO,TH;BYSETPOS=2', '2027-01-07', 8,
     '2027-01-07 2027-01-14 2027-01-21 2027-01-28 2027-06-10 2027-06-17 2027-06-24 2028-01-06'),
    ('case 20, pg_rrule: no 31 February', 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31;COUNT=10', '2026-01-01', 3, null),
    ('case 22, postgres-rrule: over the end of the year', 'FREQ=WEEKLY;BYDAY=TH;COUNT=3', '2029-12-31 10:00', 9,
     '2030-01-03T10:00 2030-01-10T10:00 2030-01-17T10:00'),
    ('case 23, ical.js: 29 February is not 1 March', 'FREQ=YEARLY', '2012-02-29 12:00', 3,
     '2012-02-29T12:00 2016-02-29T12:00 2020-02-29T12:00'),
    ('case 24, ical4j: no February, no drift', 'FREQ=MONTHLY', '2014-06-30', 10,
     '2014-06-30 2014-07-30 2014-08-30 2014-09-30 2014-10-30 2014-11-30 2014-12-30 2015-01-30 2015-03-30 2015-04-30'),
    ('case 31, libical: negative month days', 'FREQ=DAILY;BYMONTHDAY=-29,-28;BYDAY=SA', '2000-06-03 09:00', 4,
     '2000-06-03T09:00 2000-09-02T09:00 2001-03-03T09:00 2001-06-02T09:00'),
    ('case 32, rrule.js: times ascend', 'FREQ=WEEKLY;BYHOUR=6,1', '2000-11-28 01:00', 4,
     '2000-11-28T01:00 2000-11-28T06:00 2000-12-05T01:00 2000-12-05T06:00'),
    ('case 33, rrule.js: no doubles by BYSETPOS', 'FREQ=MONTHLY;INTERVAL=2;BYDAY=5WE,3MO;BYSETPOS=1,-2', '2020-08-17 23:00', 4,
     '2020-08-17T23:00 2020-10-19T23:00 2020-12-21T23:00 2021-02-15T23:00'),
    ('case 34, temporal: the 53rd from the end', 'FREQ=YEARLY;BYDAY=-53SA', '2005-01-01 23:30', 4,
     '2005-01-01T23:30 2011-01-01T23:30 2016-01-02T23:30 2022-01-01T23:30'),
    ('case 35, temporal: the last of short months', 'FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD;BYMONTHDAY=31', '2026-01-31 09:00', 4,
     '2026-01-31T09:00 2026-02-28T09:00 2026-03-31T09:00 2026-04-30T09:00'),
    ('case 36, lib-recur: week 53', 'FREQ=YEARLY;BYWEEKNO=53;BYDAY=TH', '1998-12-31 09:30', 4,
     '1998-12-31T09:30 2004-12-30T09:30 2009-12-31T09:30 2015-12-31T09:30'),
    ('case 37, lib-recur: BYSETPOS in the first year', 'FREQ=YEARLY;BYMONTH=2,3,8;BYSETPOS=3', '1998-08-27 09:30', 2,
     '1998-08-27T09:30 1999-08-27T09:30'),
    ('case 40, nine engines: monthly on the 31st, with SKIP', 'FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD', '2026-01-31', 4,
     '2026-01-31 2026-02-28 2026-03-31 2026-04-30'),
    ('case 40, nine engines: the 30th or the last, without SKIP', 'FREQ=MONTHLY;BYMONTHDAY=30,-1;BYSETPOS=1', '2026-01-30', 4,
     '2026-01-30 2026-02-28 2026-03-30 2026-04-30')
  ) c (name, rule, dtstart, n, expected);
select is((select string_agg(d::text, ' ' order by o) from agenda.first_dates('FREQ=DAILY;BYHOUR=9,17;COUNT=3', '2026-01-01', 9) with ordinality f(d, o)),
    '2026-01-01 2026-01-02 2026-01-03', 'case 39, rruleref: BYHOUR means nothing for dates');
select is((select count(*) from agenda.first_local_occurrences('FREQ=DAILY;COUNT=1000;BYMONTHDAY=31', '2026-01-01', 2000)), 1000::bigint,
    'case 42, rrule_plpgsql: COUNT=1000 is a thousand');

-- ---- what comes next ----
select is(agenda.next_local_occurrence(c.rule::agenda.rrule, c.dtstart::timestamp, c.after::timestamp), c.expected::timestamp, c.name)
  from (values
    ('case 11, libical: every twelve months on the 31st', 'FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31', '2015-01-31', '2017-03-01', '2018-01-31'),
    ('case 12, libical: hours from ten years ago', 'FREQ=HOURLY;INTERVAL=5', '2016-11-22 09:00', '2026-11-22 12:00', '2026-11-22 16:00'),
    ('case 25, ical4j: minutes in February', 'FREQ=MINUTELY;BYMONTH=2', '2020-01-01', '2025-12-31 23:59', '2026-02-01'),
    ('case 26, JonasWanke: the other Sunday', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=SU', '2024-02-07', '2024-02-12', '2024-02-25'),
    ('case 30, libical: seconds in March', 'FREQ=SECONDLY;BYMONTH=3', '2026-01-01', '-infinity', '2026-03-01'),
    ('case 42, rrule_plpgsql: ten years on', 'FREQ=DAILY', '2016-11-22 09:00', '2026-11-22 12:00', '2026-11-23 09:00')
  ) c (name, rule, dtstart, after, expected);
select is((select min(d) from agenda.occurrence_dates('FREQ=WEEKLY;BYDAY=MO', '2017-01-13', '2017-08-07', '2018-01-01') d),
    '2017-08-07', 'case 27, lib-recur: the first of a range that begins on an occurrence');
select is((select count(*) from agenda.occurrence_dates('FREQ=WEEKLY', '2020-03-01', '2020-03-01', '2021-04-01')), 57::bigint,
    'case 21, postgres-rrule: a range of thirteen months');
-- the answer does not depend on the distance; the benchmark shows that the time does not either
select is(agenda.next_local_occurrence(c.rule::agenda.rrule, c.dtstart::timestamp, '2026-11-22 12:00'), c.expected::timestamp,
    'case 41, rrule.js, php-rrule and rust: an old start, ' || c.rule)
  from (values
    ('FREQ=SECONDLY;INTERVAL=7', '1976-11-22 09:00', '2026-11-22 12:00:07'),
    ('FREQ=MINUTELY;INTERVAL=7', '1926-11-22 09:00', '2026-11-22 12:07'),
    ('FREQ=DAILY', '1026-11-22 09:00', '2026-11-23 09:00')
  ) c (rule, dtstart, expected);

-- ---- refused ----
select throws_ok(format('select %L::agenda.rrule', c.rule), 'YA003', null, c.name)
  from (values
    ('case 5, dateutil and rrule.js: INTERVAL=0', 'FREQ=DAILY;INTERVAL=0'),
    ('case 29, libical: a weekday of ordinal 255', 'FREQ=YEARLY;BYDAY=255SU'),
    ('case 38, libical and rust: an ordinal in a week', 'FREQ=WEEKLY;BYDAY=1MO')
  ) c (name, rule);

-- ---- zones ----
select is(pg_temp.utc(array(select agenda.first_occurrences(c.rule::agenda.rrule, c.dtstart::timestamp, c.zone, c.n))), c.expected, c.name)
  from (values
    ('case 14, rrule.js: UNTIL is an instant', 'FREQ=WEEKLY;UNTIL=20230819T093000Z', '2023-08-05 12:30', 'Asia/Jerusalem', 9,
     '2023-08-05T09:30:00Z 2023-08-12T09:30:00Z 2023-08-19T09:30:00Z'),
    ('case 19, pg_rrule: nine thirty stays nine thirty', 'FREQ=DAILY', '2026-10-30 09:30', 'America/New_York', 4,
     '2026-10-30T13:30:00Z 2026-10-31T13:30:00Z 2026-11-01T14:30:00Z 2026-11-02T14:30:00Z')
  ) c (name, rule, dtstart, zone, n, expected);
select is(pg_temp.utc(array(select agenda.occurrences('FREQ=DAILY;COUNT=30', '2021-03-01 02:22:10', 'America/Vancouver',
        '2021-03-13 12:00Z', '2021-03-16 00:00Z'))),
    '2021-03-14T10:22:10Z 2021-03-15T09:22:10Z', 'case 16, rust: through a gap and back');
select is((select array_agg(distinct t - before) from (select t, lag(t) over (order by o) before
        from agenda.first_occurrences(c.rule::agenda.rrule, '2026-01-01', c.zone, 9000) with ordinality f(t, o)) x where before is not null),
    array[c.step::interval], 'case 17, rust: nothing lost or doubled, ' || c.rule || ' in ' || c.zone)
  from (values ('FREQ=HOURLY', 'Europe/London', '1 hour'), ('FREQ=MINUTELY;INTERVAL=90', 'Europe/Berlin', '90 minutes'),
    ('FREQ=HOURLY;INTERVAL=5', 'Africa/Casablanca', '5 hours'), ('FREQ=SECONDLY;INTERVAL=3601', 'Pacific/Apia', '3601 seconds')
  ) c (rule, zone, step);

-- ---- sets ----
select is(pg_temp.set(c.rules::agenda.rrule[], c.dtstart::timestamp, c.zone, c.rdates::timestamp[], c.exdates::timestamp[], c.exrules::agenda.rrule[]),
        c.expected, c.name)
  from (values
    ('case 6, dateutil and rust: a rule that excludes itself', '{FREQ=DAILY;BYDAY=MO}', '2026-01-05 09:00', 'Europe/Berlin',
     '{}', '{}', '{FREQ=DAILY;BYDAY=MO}', null),
    ('case 6, in other words', '{FREQ=DAILY;BYDAY=MO}', '2026-01-05 09:00', 'Europe/Berlin', '{}', '{}', '{FREQ=WEEKLY}', null),
    ('case 15, rust: EXDATE in a zone', '{FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;UNTIL=20210308T083000Z}', '2020-12-14 09:30', 'Europe/Berlin',
     '{}', '{2020-12-28 09:30,2021-01-25 09:30,2021-02-08 09:30}', '{}', '2020-12-14T09:30 2021-01-11T09:30 2021-02-22T09:30 2021-03-08T09:30'),
    ('case 18, rust: an RDATE that is an occurrence counts once', '{FREQ=DAILY;COUNT=3}', '2026-01-01 09:00', 'UTC',
     '{2026-01-02 09:00}', '{}', '{}', '2026-01-01T09:00 2026-01-02T09:00 2026-01-03T09:00')
  ) c (name, rules, dtstart, zone, rdates, exdates, exrules, expected);
select is(agenda.previous_occurrence_of_set('{FREQ=DAILY;BYDAY=MO}', '2026-01-05 09:00', 'Europe/Berlin', '2100-01-01', exrules => '{FREQ=WEEKLY}'),
    null, 'case 6, backwards');
select is(pg_temp.utc(array(select agenda.occurrences_of_set('{FREQ=HOURLY;INTERVAL=5,FREQ=DAILY}', '2019-01-01 00:00', 'UTC',
        '2019-01-01 22:00Z', '2019-01-02 02:00Z'))), '2019-01-02T00:00:00Z 2019-01-02T01:00:00Z', 'case 28, lib-recur: two rules in order');

select * from finish();
rollback;
