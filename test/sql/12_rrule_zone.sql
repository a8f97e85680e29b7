-- 12_rrule_zone.sql - occurrences in time zones: gap, fold, missing day, UNTIL, names of zones.
begin;
set local search_path = public;
-- a trap for whatever asks the session
set local timezone = 'America/New_York';
select plan(54);

create function pg_temp.first(rule agenda.rrule, dtstart timestamp, tz text, n int) returns text language sql as $$
    select string_agg(to_char(t at time zone 'UTC', 'MM-DD"T"HH24:MI"Z"'), ' ' order by o)
      from agenda.first_occurrences(rule, dtstart, tz, n) with ordinality f(t, o)$$;

-- ---- gap and fold ----
select is(pg_temp.first('daily', '2026-03-28 02:30', 'Europe/Berlin', 3), '03-28T01:30Z 03-29T01:30Z 03-30T00:30Z', 'a gap moves forward by the gap, and only that day');
select is(pg_temp.first('daily', '2026-10-24 02:30', 'Europe/Berlin', 3), '10-24T00:30Z 10-25T00:30Z 10-26T01:30Z', 'a fold is the first');
select is(pg_temp.first('daily', '2026-03-07 02:30', 'America/New_York', 3), '03-07T07:30Z 03-08T07:30Z 03-09T06:30Z', 'New York, spring');
select is(pg_temp.first('daily', '2026-10-31 01:30', 'America/New_York', 3), '10-31T05:30Z 11-01T05:30Z 11-02T06:30Z', 'New York, autumn');
select is(pg_temp.first('FREQ=WEEKLY;BYDAY=SU', '2026-09-27 02:15', 'Australia/Lord_Howe', 3), '09-26T15:45Z 10-03T15:45Z 10-10T15:15Z', 'half an hour in Lord Howe');
select is(pg_temp.first('daily', '2026-03-28 01:30', 'Antarctica/Troll', 3), '03-28T01:30Z 03-29T01:30Z 03-29T23:30Z', 'two hours in Troll');
select is(pg_temp.first('daily', '2011-12-28 10:00', 'Pacific/Apia', 4), '12-28T20:00Z 12-29T20:00Z 12-30T20:00Z 12-31T20:00Z', 'the missing day of Apia vanishes');
select is(pg_temp.first('FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30', '2026-03-29 00:00', 'Europe/Berlin', 4), '03-29T01:00Z 03-29T01:30Z 03-30T00:00Z 03-30T00:30Z', 'what coincides in a gap is one occurrence');
select is(pg_temp.first('daily', '2026-10-30 09:30', 'America/New_York', 3), '10-30T13:30Z 10-31T13:30Z 11-01T14:30Z', 'the wall clock stays');
select is(pg_temp.first('FREQ=DAILY;COUNT=2', '1850-06-01 12:00', 'Europe/Berlin', 9), '06-01T11:06Z 06-02T11:06Z', 'local mean time');

select is((select bool_and(t > before) from (select t, lag(t) over (order by o) before
        from agenda.first_occurrences('FREQ=DAILY;BYHOUR=0,1,2,3,23;BYMINUTE=0,15,30,45', '2026-01-01', z, 8000) with ordinality f(t, o)) x),
    true, 'strictly increasing in ' || z)
  from unnest(array['Europe/Berlin', 'Europe/London', 'Australia/Lord_Howe', 'Africa/Casablanca', 'America/Sao_Paulo']) z;

-- ---- next, previous, is: the same series from both sides ----
select is((select count(*) from agenda.first_occurrences('FREQ=DAILY;BYHOUR=1,2,3', '2026-03-01', z, 900) t
        where not agenda.is_occurrence('FREQ=DAILY;BYHOUR=1,2,3', '2026-03-01', z, t)
           or agenda.is_occurrence('FREQ=DAILY;BYHOUR=1,2,3', '2026-03-01', z, t + interval '1 second')
           or agenda.next_occurrence('FREQ=DAILY;BYHOUR=1,2,3', '2026-03-01', z, t - interval '1 microsecond') <> t
           or agenda.previous_occurrence('FREQ=DAILY;BYHOUR=1,2,3', '2026-03-01', z, t + interval '1 microsecond') <> t),
    0::bigint, 'both directions agree in ' || z)
  from unnest(array['Europe/Berlin', 'America/New_York', 'Pacific/Apia', 'Asia/Tehran']) z;
select is(agenda.is_occurrence('daily', '2026-10-24 02:30', 'Europe/Berlin', '2026-10-25 01:30Z'), false, 'the second half past two is none');
select is(agenda.is_occurrence('daily', '2026-01-01 09:00', 'Europe/Berlin', '2026-07-01 07:00Z'), true, 'nine o''clock in summer is one');
select is(agenda.is_occurrence('daily', '2026-01-01 09:00', 'Europe/Berlin', 'infinity'), false, 'infinity is none');
select is(agenda.next_occurrence('FREQ=WEEKLY;BYDAY=MO', '2025-01-06 09:00', 'Europe/Berlin', '2026-03-28 00:00Z'), '2026-03-30 07:00Z', 'weekly over a change');
select is(agenda.next_occurrence('daily', '2025-01-01 09:00', 'UTC', '-infinity'), '2025-01-01 09:00Z', 'after -infinity');
select is(agenda.next_occurrence('daily', '2025-01-01 09:00', 'UTC', 'infinity'), null, 'after infinity');
select is(agenda.previous_occurrence('daily', '2025-01-01 09:00', 'UTC', 'infinity'), null, 'before infinity');
select is(agenda.previous_occurrence('FREQ=DAILY;UNTIL=20250201T090000Z', '2025-01-01 09:00', 'UTC', 'infinity'), '2025-02-01 09:00Z', 'the last of a rule that ends');
select is(agenda.next_occurrence('yearly', '2025-07-01 09:00', 'Europe/Berlin', '200000-01-01Z'), '200000-07-01 07:00Z', 'summer time in the year 200000');
select is((select count(*) from agenda.occurrences('daily', '2025-01-01', 'Europe/Berlin', '2024-12-31 23:00Z', '2025-12-31 23:00Z')), 365::bigint, 'a year of days');

-- ---- UNTIL ----
select is(pg_temp.first('FREQ=WEEKLY;UNTIL=20230819T093000Z', '2023-08-05 12:30', 'Asia/Jerusalem', 9), '08-05T09:30Z 08-12T09:30Z 08-19T09:30Z', 'UNTIL in UTC is an instant (rrule.js 596)');
select is(pg_temp.first('FREQ=WEEKLY;UNTIL=20230819T092959Z', '2023-08-05 12:30', 'Asia/Jerusalem', 9), '08-05T09:30Z 08-12T09:30Z', 'to the second');
select is(pg_temp.first('FREQ=WEEKLY;UNTIL=20230819T123000', '2023-08-05 12:30', 'Asia/Jerusalem', 9), '08-05T09:30Z 08-12T09:30Z 08-19T09:30Z', 'UNTIL in local time is wall clock');
select is(pg_temp.first('FREQ=WEEKLY;UNTIL=20230819', '2023-08-05 23:30', 'Asia/Jerusalem', 9), '08-05T20:30Z 08-12T20:30Z 08-19T20:30Z', 'UNTIL as a date is the local day');

-- ---- every zone, before, in and far behind PostgreSQL's table of changes ----
select is((select count(*)
             from pg_timezone_names z
            cross join unnest(array['4000-01-01 BC', '1700-01-01', '1850-05-05', '1883-11-18 17:00', '1945-06-01', '1999-07-01', '2026-03-29 00:59:59',
                      '2026-03-29 01:00', '2037-12-31', '2100-03-28', '2101-01-01', '2437-07-01', '2438-01-01', '2500-10-31', '2501-03-27 00:59:59',
                      '2501-03-27 01:00', '2600-06-01', '9999-07-01', '200000-07-01', '294200-12-31']) t
            where z.name ~ '^[A-Z][a-z]+/' and agenda.timezone_known(z.name)
              and agenda.instant_to_local((t || ' UTC')::timestamptz, z.name) <> (t || ' UTC')::timestamptz at time zone z.name),
    0::bigint, 'the clocks of all zones are those of PostgreSQL');

-- ---- wall clock and instant ----
select is(agenda.local_to_instant('2026-03-29 02:30', 'Europe/Berlin'), '2026-03-29 01:30Z', 'local_to_instant in a gap');
select is(agenda.local_to_instant('2026-10-25 02:30', 'Europe/Berlin'), '2026-10-25 00:30Z', 'local_to_instant in a fold (AT TIME ZONE says 01:30Z)');
select is(agenda.local_to_instant('2026-07-01 12:00:00.123456', 'Asia/Kolkata'), '2026-07-01 06:30:00.123456Z', 'microseconds stay');
select is(agenda.instant_to_local('2026-10-25 00:30Z', 'Europe/Berlin'), agenda.instant_to_local('2026-10-25 01:30Z', 'Europe/Berlin'), 'a repeated time has two instants');
select is(agenda.instant_to_local('infinity', 'Europe/Berlin'), 'infinity', 'infinity stays infinity');
select throws_ok($$select agenda.local_to_instant('294276-12-31 23:00', 'America/New_York')$$, '22008', 'timestamp out of range', 'out of range');
-- PostgreSQL's own conversion is right for instants: compare all year in many zones
select is((select count(*) from generate_series('2025-12-30 00:00Z'::timestamptz, '2027-01-02 00:00Z', '37 minutes') t,
        unnest(array['Europe/Berlin', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Africa/Casablanca', 'UTC', 'Etc/GMT+12', 'America/St_Johns']) z
    where agenda.instant_to_local(t, z) <> t at time zone z), 0::bigint, 'instant_to_local is AT TIME ZONE');
select is((select count(*) from generate_series('1800-01-01 00:00Z'::timestamptz, '2500-01-01 00:00Z', '11 days 7 hours') t,
        unnest(array['Europe/Berlin', 'America/New_York', 'Pacific/Apia', 'Africa/Monrovia']) z
    where agenda.instant_to_local(t, z) <> t at time zone z), 0::bigint, 'over seven centuries');

-- ---- include_dtstart ----
select is((select array_agg(t) from agenda.first_occurrences('FREQ=WEEKLY;BYDAY=MO;COUNT=3', '2026-03-25 09:00', 'Europe/Berlin', 9, true) t),
    '{2026-03-25 08:00Z,2026-03-30 07:00Z,2026-04-06 07:00Z}'::timestamptz[], 'the start, then the rule, by COUNT');
select is((select array_agg(t) from agenda.first_occurrences('FREQ=HOURLY;BYHOUR=2;COUNT=3', '2026-10-24 12:00', 'Europe/Berlin', 9, true) t),
    '{2026-10-24 10:00Z,2026-10-25 00:00Z,2026-10-25 01:00Z}'::timestamptz[], 'in elapsed time');
select is((select array_agg(t) from agenda.occurrences('FREQ=WEEKLY;BYDAY=MO', '2026-03-29 02:30', 'Europe/Berlin', '2026-03-28Z', '2026-03-31Z', true) t),
    '{2026-03-29 01:30Z,2026-03-30 00:30Z}'::timestamptz[], 'a start in a gap is moved');
select ok(agenda.is_occurrence('FREQ=WEEKLY;BYDAY=MO', '2026-03-25 09:00', 'Europe/Berlin', '2026-03-25 08:00Z', true)
    and not agenda.is_occurrence('FREQ=WEEKLY;BYDAY=MO', '2026-03-25 09:00', 'Europe/Berlin', '2026-03-25 08:00Z'), 'is_occurrence');
select is(agenda.previous_occurrence('FREQ=WEEKLY;BYDAY=MO', '2026-03-25 09:00', 'Europe/Berlin', '2026-03-30 07:00Z', true), '2026-03-25 08:00Z', 'previous');

-- ---- names of zones ----
select throws_ok($$select agenda.next_occurrence('daily', '2025-01-01', 'Mars/Olympus', '2025-01-01Z')$$, 'YA004', 'time zone "Mars/Olympus" is not known', 'an unknown zone');
select is(agenda.timezone_known(z), known, 'zone ' || quote_literal(z))
  from (values ('Europe/Berlin', true), ('europe/berlin', true), ('Etc/GMT-14', true), ('UTC+2', false), ('localtime', false), ('', false)) t (z, known);

select * from finish();
rollback;
