-- Export as iCalendar: what stands in the text, whose things they are, and that odd text stays text.
begin;
set local search_path = public;
select plan(43);

set local agenda.now = '2025-03-10 12:00:00+00';
create role t_app login in role agenda_app;
create function pg_temp.a() returns uuid language sql as $$select 'aaaaaaaa-0000-4000-8000-000000000001'::uuid$$;
create function pg_temp.b() returns uuid language sql as $$select 'bbbbbbbb-0000-4000-8000-000000000002'::uuid$$;
-- unfolded lines of the components of one UID
create function pg_temp.component(p_calendar text, p_uid uuid) returns text language sql as
$$select string_agg(m[1], E'\n') from regexp_matches(regexp_replace(p_calendar, E'\r\n[ \t]', '', 'g'), '(BEGIN:(?:VTODO|VEVENT)\r\n(?:(?!BEGIN:VTODO|BEGIN:VEVENT|END:VTODO|END:VEVENT).*\r\n)*END:(?:VTODO|VEVENT))', 'gn') m
   where m[1] ~ ('UID:' || p_uid)$$;
create function pg_temp.has(p_line text, p_uid uuid, p_calendar text default null) returns boolean language sql as
$$select p_line = any (regexp_split_to_array(pg_temp.component(coalesce(p_calendar, agenda.export_ical()), p_uid), '\r?\n'))$$;

set local role t_app;
select agenda.act_as(pg_temp.a());
select is(regexp_replace(agenda.export_ical(), '\r', '', 'g'), E'BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//pg_agenda//EN\nEND:VCALENDAR\n', 'nothing is an empty calendar');
select agenda.set_preferences('{"timezone": "Europe/Berlin"}');

-- ---- series ----
create temp table weekly as select id from agenda.create_recurring_task('Water; the plants, all', rrule => 'FREQ=WEEKLY;BYDAY=MO,TH', start_date => '2025-03-13T09:00:00', end_date => '2025-06-30T09:00:00');
select agenda.skip_occurrence(id, '2025-03-20 09:00', 'away') from weekly;
select agenda.set_series_reminders(id, '["-15 minutes"]') from weekly;
select ok(pg_temp.has(l, id), 'series: ' || l) from weekly,
    unnest(array['SUMMARY:Water\; the plants\, all', 'DTSTART;TZID=Europe/Berlin:20250313T090000', 'RRULE:FREQ=WEEKLY;UNTIL=20250630T070000Z;BYDAY=MO,TH',
                 'EXDATE;TZID=Europe/Berlin:20250320T090000', 'TRIGGER:-PT900S', 'PRIORITY:5']) l;
select matches(agenda.export_ical(), 'BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n', 'with its time zone');
select is((select count(*) from regexp_matches(agenda.export_ical(), 'BEGIN:VTIMEZONE', 'g')), 1::bigint, 'once');
create temp table daily as select id from agenda.create_recurring_task('Days', rrule => 'FREQ=DAILY', start_date => '2025-04-01');
select ok(pg_temp.has('DTSTART;VALUE=DATE:20250401', id), 'a series of days has no time') from daily;
create temp table monthly as select id from agenda.create_recurring_task('Last day', 'monthly', start_date => '2025-03-31T10:00:00Z');
select ok(pg_temp.component(agenda.export_ical(), id) ~ 'RRULE:.*FREQ=MONTHLY.*SKIP=BACKWARD|RRULE:.*SKIP=BACKWARD.*FREQ=MONTHLY', 'the last day of a month stays one') from monthly;

-- one end, the earlier one, in UTC beside a zone and as a day beside a day
create temp table ends as select x.*, r.id
  from (values ('FREQ=DAILY;COUNT=10', '2030-01-06T09:00', '2030-01-08T12:00', 'RRULE:FREQ=DAILY;UNTIL=20300108T110000Z'),
               ('FREQ=DAILY;COUNT=3', '2030-01-06T09:00', '2030-01-08T12:00', 'RRULE:FREQ=DAILY;COUNT=3'),
               ('FREQ=DAILY;UNTIL=20300110T090000', '2030-01-06T09:00', '2030-01-08T12:00', 'RRULE:FREQ=DAILY;UNTIL=20300108T110000Z'),
               ('FREQ=DAILY;UNTIL=20300110T090000', '2030-01-06T09:00', null, 'RRULE:FREQ=DAILY;UNTIL=20300110T080000Z'),
               ('FREQ=DAILY;UNTIL=20300110', '2030-01-06T09:00', null, 'RRULE:FREQ=DAILY;UNTIL=20300110T225959Z'),
               ('FREQ=DAILY;UNTIL=20300110T080000Z', '2030-01-06T09:00', null, 'RRULE:FREQ=DAILY;UNTIL=20300110T080000Z'),
               ('FREQ=DAILY;UNTIL=99991231', '2030-01-06T09:00', null, 'RRULE:FREQ=DAILY;UNTIL=99991228T230000Z'),
               ('FREQ=DAILY;UNTIL=20300110T090000', '2030-01-06', null, 'RRULE:FREQ=DAILY;UNTIL=20300110'),
               ('FREQ=DAILY;COUNT=9', '2030-01-06', '2030-01-08', 'RRULE:FREQ=DAILY;UNTIL=20300108')) x (rule, start, stop, line),
       agenda.create_recurring_task('End', rrule => x.rule, start_date => x.start, end_date => x.stop) r;
select ok(pg_temp.has(line, id), concat_ws(' ', rule, start, stop, line)) from ends;
select agenda.delete_recurring_task(id) from ends;

-- ---- tasks ----
create temp table task as select id from agenda.create_task('Grüße', due => '2025-03-12T17:00:00Z', description => E'one\ntwo \\ three', priority => 1, tags => '{home,garden}');
select agenda.add_reminder(id, at => '2025-03-12T16:00:00Z') from task;
select ok(pg_temp.has(l, id), 'task: ' || l) from task,
    unnest(array['SUMMARY:Grüße', 'DESCRIPTION:one\ntwo \\ three', 'DUE:20250312T170000Z', 'STATUS:NEEDS-ACTION', 'PRIORITY:1', 'CATEGORIES:home', 'CATEGORIES:garden', 'TRIGGER;VALUE=DATE-TIME:20250312T160000Z']) l;
select ok(pg_temp.has('DTSTART:20250312T170000Z', id, agenda.export_ical(as_events => true)), 'as an event it starts when it is due') from task;
create temp table day as select id from agenda.create_task('On a day', due => '2025-03-15');
select ok(pg_temp.has('DUE;VALUE=DATE:20250315', id), 'a day has no time') from day;
create temp table undated as select id from agenda.create_task('Some time');
select ok(pg_temp.component(agenda.export_ical(), id) is not null and pg_temp.component(agenda.export_ical(as_events => true), id) is null, 'what is not due is no event') from undated;
select agenda.complete_task(id) from undated;
select ok(pg_temp.component(agenda.export_ical(), id) is null, 'what is done is left out') from undated;
select ok(pg_temp.has('STATUS:COMPLETED', id, agenda.export_ical(true)) and pg_temp.has('COMPLETED:20250310T120000Z', id, agenda.export_ical(true)), 'unless it is asked for') from undated;

-- ---- text is text ----
create temp table odd as select id from agenda.create_task(E'x\r\nEND:VTODO\r\nBEGIN:VTODO\r\nUID:evil', due => '2025-03-15T00:00:00Z', description => repeat('ß', 500) || E'\u0001;,\\');
select ok(pg_temp.has('SUMMARY:x\nEND:VTODO\nBEGIN:VTODO\nUID:evil', id), 'line ends in a title are no line ends') from odd;
select is((select max(octet_length(l)) from regexp_split_to_table(agenda.export_ical(), '\r\n') l) <= 75, true, 'lines are folded');

-- what libical has no room for, or drops
create temp table long as select s.id, rule
  from unnest('{FREQ=MINUTELY;INTERVAL=65537,FREQ=SECONDLY;INTERVAL=86400}'::text[]) rule, agenda.create_recurring_task('Long', rrule => rule, start_date => '2030-01-01T00:00:00') s;
select ok(pg_temp.has('RRULE:' || rule, id), 'a rule goes out as it is: ' || rule) from long;
create temp table blank as select id from agenda.create_task(' ', description => '  ', tags => '{" ",x}');
select doesnt_match(pg_temp.component(agenda.export_ical(), id), '(SUMMARY|DESCRIPTION|CATEGORIES): *\r', 'blanks are no value, and no harm') from blank;

-- ---- too much ----
savepoint much;
reset role;
set local session_replication_role = replica;
insert into agenda.tasks (title, status, description) select 'much', 'cancelled', repeat('😀', 20000) from generate_series(1, 420);
set local session_replication_role = origin;
select lives_ok('select agenda.export_ical()', 'what is not in the calendar does not count');
select throws_ok('select agenda.export_ical(true)', '54000', 'a calendar can have 32 MB of text', 'what is in it does');
rollback to much;

-- ---- somebody else ----
select agenda.act_as(pg_temp.b());
select doesnt_match(agenda.export_ical(true), 'VTODO', 'another user''s calendar has none of it');
select agenda.act_as(null);
select throws_ok('select agenda.export_ical()', 'YA009', null, 'nobody has no calendar');
select throws_ok($$select agenda._ical_format('no calendar')$$, '22000', null, 'what is no calendar is not written as one');

select * from finish();
rollback;
