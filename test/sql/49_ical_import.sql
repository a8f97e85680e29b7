-- Import of iCalendar: an export comes back as it was, a component that is wrong is left out alone, and no text does harm.
begin;
set local search_path = public;
select plan(121);

set local agenda.now = '2025-03-10 12:00:00+00';
create role t_app login in role agenda_app;
create function pg_temp.a() returns uuid language sql as $$select 'aaaaaaaa-0000-4000-8000-000000000001'::uuid$$;
create function pg_temp.b() returns uuid language sql as $$select 'bbbbbbbb-0000-4000-8000-000000000002'::uuid$$;
create function pg_temp.c() returns uuid language sql as $$select 'cccccccc-0000-4000-8000-000000000003'::uuid$$;
-- the components of a calendar without what is of this user and moment, in an order of their own
create function pg_temp.essence(p_calendar text) returns setof text language sql as
$$select regexp_replace(m[1], '(UID|DTSTAMP|CREATED|LAST-MODIFIED):[^\r]*\r\n', '', 'g')
    from regexp_matches(regexp_replace(p_calendar, E'\r\n[ \t]', '', 'g'), '(BEGIN:(?:VTODO|VEVENT)\r\n(?:(?!BEGIN:VTODO|BEGIN:VEVENT|END:VTODO|END:VEVENT)[^\r]*\r\n)*END:(?:VTODO|VEVENT))', 'g') m$$;
create function pg_temp.calendar(variadic p_lines text[]) returns text language sql as
$$select E'BEGIN:VCALENDAR\r\nVERSION:2.0\r\n' || array_to_string(p_lines, E'\r\n') || E'\r\nEND:VCALENDAR\r\n'$$;
create function pg_temp.todo(variadic p_lines text[]) returns text language sql as
$$select E'BEGIN:VTODO\r\n' || array_to_string(p_lines, E'\r\n') || E'\r\nEND:VTODO'$$;
-- what becomes of a calendar of one VTODO
create function pg_temp.problem(variadic p_lines text[]) returns text language sql as
$$select problem from agenda.import_ical(pg_temp.calendar(pg_temp.todo(variadic p_lines)))$$;

set local role t_app;
select agenda.act_as(pg_temp.a());
select agenda.set_preferences('{"timezone": "Europe/Berlin"}');
select is_empty($$select * from agenda.import_ical(agenda.export_ical())$$, 'nothing comes of an empty calendar');

-- ---- there and back ----
create temp table weekly as select id from agenda.create_recurring_task('Water; the plants, all', rrule => 'FREQ=WEEKLY;BYDAY=MO,TH', start_date => '2025-03-13T09:00:00',
    end_date => '2025-06-30T09:00:00', priority => 1, tags => '{home,garden}', description => E'one\ntwo \\ three');
select agenda.skip_occurrence(id, '2025-03-20 09:00') from weekly;
select agenda.skip_occurrence(id, '2025-04-03 09:00') from weekly;
select agenda.add_occurrence(id, '2025-03-21 10:30') from weekly;
select agenda.set_series_reminders(id, '["-15 minutes", "-1 day"]') from weekly;
create temp table daily as select id from agenda.create_recurring_task('Days', rrule => 'FREQ=DAILY;COUNT=20', start_date => '2025-04-01');
select agenda.skip_occurrence(id, '2025-04-02') from daily;
select agenda.set_series_reminders(id, '["-2 days", "0", {"offset": "-1 day", "at_time": "18:00"}]') from daily;
select agenda.create_recurring_task('Last day', 'monthly', start_date => '2025-03-31T10:00:00Z', timezone => 'America/New_York');
select agenda.create_recurring_task('Universal', rrule => 'FREQ=HOURLY;INTERVAL=6', start_date => '2025-03-11T00:00:00', timezone => 'UTC', end_date => '2025-03-20T00:00:00Z');
create temp table task as select id from agenda.create_task('Grüße', due => '2025-03-12T17:00:00Z', description => repeat('ß; ', 100), priority => 3, tags => '{home}');
select agenda.add_reminder(id, at => '2025-03-12T16:00:00Z') from task;
select agenda.add_reminder(id, '-2 hours') from task;
select agenda.create_task('Wall', due => '2025-03-14T08:30', timezone => 'Asia/Tokyo');
select agenda.update_task(id, '{"status": "in_progress"}') from agenda.create_task('On a day', due => '2025-03-15');
select agenda.create_task(E'x\r\nEND:VTODO\r\nBEGIN:VTODO\r\nUID:evil');
select agenda.cancel_task(id) from agenda.create_task('Off', due => '2025-03-15T00:00:00Z');
create temp table calendar as select agenda.export_ical(true) as text, agenda.export_ical(true, true) as events;

create temp table keys as select o.occurrence_key, o.title from agenda.recurring_tasks r, agenda.preview_recurring_task(r.id, 40) o where r.title <> 'Last day';

select is((select array_agg(m[1] order by n) from calendar, regexp_matches(text, 'TRIGGER:(-?PT[0-9]+S)', 'g') with ordinality x(m, n) where m[1] not in ('-PT900S', '-PT86400S')),
    '{-PT140400S,-PT21600S,PT32400S}', 'reminders of days are written from midnight');
select is((select count(*) from calendar, agenda.import_ical(text) where problem = 'exists'), 9::bigint, 'one''s own export is there already');
select agenda.act_as(pg_temp.b());
select agenda.set_preferences('{"timezone": "Europe/Berlin"}');
create temp table result as select i.* from calendar, agenda.import_ical(text) i;
select is_empty('select * from result where problem is not null or id is null or kind <> ''VTODO'' or uid is null', 'all of it is imported');
select bag_eq('select pg_temp.essence(agenda.export_ical(true))', 'select pg_temp.essence(text) from calendar', 'and its export is the same');
select results_eq($$select r.title, r.timezone, r.all_day, r.rrule::text from agenda.recurring_tasks r where r.user_id = pg_temp.b() order by 1$$,
    $$values ('Days', 'Europe/Berlin', true, 'FREQ=DAILY;COUNT=20'), ('Last day', 'America/New_York', false, 'FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD'),
             ('Universal', 'UTC', false, 'FREQ=HOURLY;INTERVAL=6;UNTIL=20250320T000000'), ('Water; the plants, all', 'Europe/Berlin', false, 'FREQ=WEEKLY;UNTIL=20250630T090000;BYDAY=MO,TH')$$,
    'series with their zones');
select is_empty($$select o.occurrence_key, o.title from agenda.recurring_tasks r, agenda.preview_recurring_task(r.id, 40) o where r.title <> 'Last day'
                  except select k.occurrence_key, k.title from keys k$$, 'with all their occurrences, and no others');
select is((select count(*) from agenda.recurring_tasks r, agenda.preview_recurring_task(r.id, 40) o where r.title <> 'Last day'), (select count(*) from keys), 'none is missing');
select results_eq($$select t.due_kind, t.due_date, t.status from agenda.tasks t where t.user_id = pg_temp.b() and t.title in ('Wall', 'On a day', 'Off') order by t.due_date$$,
    $$values ('local', timestamptz '2025-03-13 23:30+00', 'pending'), ('date', '2025-03-14 23:00+00', 'in_progress'), ('instant', '2025-03-15 00:00+00', 'cancelled')$$, 'tasks with their due dates');
select agenda.act_as(pg_temp.c());
select agenda.set_preferences('{"timezone": "Europe/Berlin"}');
select is((select count(*) from calendar, agenda.import_ical(events) where kind = 'VEVENT' and problem is null), 8::bigint, 'events, too');
select bag_eq('select pg_temp.essence(agenda.export_ical(true, true))', 'select pg_temp.essence(events) from calendar', 'and these are the same');

-- ---- occurrences of a series ----
create temp table changed as select * from agenda.import_ical(pg_temp.calendar(
    pg_temp.todo('UID:s', 'RECURRENCE-ID;TZID=Europe/Paris:20250402T090000', 'DUE;TZID=Europe/Paris:20250402T110000', 'SUMMARY:Later'),
    pg_temp.todo('UID:s', 'SUMMARY:Series', 'DTSTART;TZID=Europe/Paris:20250401T090000', 'RRULE:FREQ=DAILY;COUNT=5', 'EXDATE:20250404T070000Z,20300101T000000Z', 'EXDATE;VALUE=DATE:20250331,20250403')));
select results_eq('select component, problem, id is not null from changed', 'values (2, null, true), (1, null, true)', 'a series comes before its occurrences');
select results_eq($$select o.occurrence_key, o.title, o.due_at from changed c, agenda.preview_recurring_task(c.id) o where c.component = 2$$,
    $$values (timestamp '2025-04-01 09:00', 'Series', timestamptz '2025-04-01 07:00+00'), ('2025-04-02 09:00', 'Later', '2025-04-02 09:00+00'), ('2025-04-05 09:00', 'Series', '2025-04-05 07:00+00')$$,
    'one is changed, two are left out');
select is((select problem from agenda.import_ical(pg_temp.calendar(pg_temp.todo('UID:t', 'SUMMARY:x', 'DTSTART:20250401T090000', 'RRULE:FREQ=NEVER'),
    pg_temp.todo('UID:t', 'SUMMARY:x', 'RECURRENCE-ID:20250401T090000'))) where component = 2), 'YA001: its series was left out', 'no series, no occurrence');

-- ---- series that began in the past ----
create function pg_temp.owed(variadic p_lines text[] default '{}') returns text language plpgsql as $$
declare
    i record;
begin
    select * into i from agenda.import_ical(pg_temp.calendar(pg_temp.todo(variadic array['SUMMARY:Owed', 'DTSTART;TZID=Europe/Paris:20250203T090000', 'RRULE:FREQ=WEEKLY'] || p_lines)));
    return (select concat_ws(', ', i.problem, case when r.is_active then 'active' else 'paused' end, to_char(r.next_key, 'DD'),
                             (select string_agg(format('%s %s', to_char(t.occurrence_key, 'DD'), (select count(*) from agenda.reminders m where m.task_id = t.id)), ', ' order by t.occurrence_key)
                                from agenda.tasks t where t.recurring_task_id = r.id),
                             (select count(*) from agenda.reminders m where m.recurring_task_id = r.id))
              from agenda.recurring_tasks r where r.id = i.id);
end
$$;
select is(pg_temp.owed(), 'active, 17, 10 0, 0', 'the newest occurrence is owed');
select is(pg_temp.owed('EXDATE;TZID=Europe/Paris:20250310T090000'), 'active, 17, 03 0, 0', 'which is not one that is left out');
select is(pg_temp.owed('RDATE;TZID=Europe/Paris:20250310T110000'), 'active, 17, 10 0, 0', 'and may be one that was added');
select is(pg_temp.owed('BEGIN:VALARM', 'TRIGGER:P1D', 'END:VALARM', 'BEGIN:VALARM', 'TRIGGER:-PT15M', 'END:VALARM'), 'active, 17, 10 1, 2', 'with the alarms that are not over');
select is(pg_temp.owed('STATUS:CANCELLED', 'RDATE;TZID=Europe/Paris:20250309T090000'), 'paused, 17, 0', 'nothing is owed of a series that is called off');
select is(pg_temp.owed('STATUS:COMPLETED', 'RDATE;TZID=Europe/Paris:20250312T090000'), 'paused, 12, 0', 'nor of one that is done');
select is((select array_agg(distinct e.type order by e.type) from agenda.events e join agenda.recurring_tasks r on r.id::text = e.subject where r.title = 'Owed' and r.id = (select min(x.id::text)::uuid from agenda.recurring_tasks x where x.title = 'Owed')),
          '{recurring_task.created}', 'what has only a rule is made at once');
select agenda.delete_recurring_task(r.id, null, 'delete') from agenda.recurring_tasks r where r.title = 'Owed';

-- ---- things of others ----
create temp table foreign_ical as select pg_temp.calendar(
    pg_temp.todo('UID:20250301T080000Z-17@example.org', 'SUMMARY:Not ours', 'DUE:20250401T080000Z'),
    pg_temp.todo('UID:a\;b', 'SUMMARY:Done', 'STATUS:COMPLETED', 'COMPLETED:20250305T101112Z'),
    pg_temp.todo('UID:series@example.org', 'SUMMARY:Their series', 'DTSTART;TZID=Europe/Paris:20250401T090000', 'RRULE:FREQ=DAILY;COUNT=5'),
    pg_temp.todo('UID:series@example.org', 'RECURRENCE-ID;TZID=Europe/Paris:20250402T090000', 'SUMMARY:Their other day', 'DUE;TZID=Europe/Paris:20250402T090000'),
    pg_temp.todo('UID:orphan', 'RECURRENCE-ID:20250402T070000Z', 'SUMMARY:One'), pg_temp.todo('UID:orphan', 'RECURRENCE-ID:20250403T070000Z', 'SUMMARY:Two')) as text;
select results_eq('select component, problem from foreign_ical, agenda.import_ical(text) order by 1', 'select n, null::text from generate_series(1, 6) n', 'all are imported');
select set_eq($$select u.uid, coalesce(t.title, r.title) from agenda.ical_uids u left join agenda.tasks t on t.id = u.task_id left join agenda.recurring_tasks r on r.id = u.recurring_task_id where coalesce(t.title, r.title) in ('Not ours', 'Done', 'Their series')$$,
    $$values ('20250301T080000Z-17@example.org', 'Not ours'), ('a;b', 'Done'), ('series@example.org', 'Their series')$$, 'their UIDs are kept');
select is((select array_agg(m[1] order by m[1] collate "C") from regexp_matches(agenda.export_ical(true), E'UID:(20250301[^\r]*|a[^\r]*|series[^\r]*)\r\n', 'g') m),
    array['20250301T080000Z-17@example.org', 'a\;b', 'series@example.org'], 'and exported');
select is((select array_agg(problem order by component) from foreign_ical, agenda.import_ical(text)), '{exists,exists,exists,exists,exists,exists}', 'importing twice does not double');
select is((select count(*) from agenda.import_ical(agenda.export_ical(true)) where problem is distinct from 'exists'), 0::bigint, 'nor does the export of it');
select is((select completed_at from agenda.tasks where title = 'Done'), '2025-03-05 10:11:12+00'::timestamptz, 'what was done was done then');
select results_eq($$select e.type, e.data->'after'->>'completed_at' from agenda.events e join agenda.tasks t on t.id::text = e.subject where t.title = 'Done' order by e.seq$$,
    $$values ('task.created', null), ('task.completed', '2025-03-05T10:11:12Z')$$, 'as one event says');
select matches(pg_temp.problem('SUMMARY:x', 'STATUS:COMPLETED', 'COMPLETED:soon'), '^YA00', 'when is no word');
select matches(pg_temp.problem('UID:' || repeat('x', 1001), 'SUMMARY:x'), '^YA006', 'a UID has a limit');
select agenda.delete_task(id) from agenda.tasks where title = 'Not ours';
select is((select problem from foreign_ical, agenda.import_ical(text) where component = 1), null, 'what was deleted can be imported again');

-- ---- occurrences that come without their series ----
create function pg_temp.d() returns uuid language sql as $$select 'dddddddd-0000-4000-8000-000000000004'::uuid$$;
create function pg_temp.e() returns uuid language sql as $$select 'eeeeeeee-0000-4000-8000-000000000005'::uuid$$;
create temp table single as select pg_temp.calendar(
    pg_temp.todo('UID:theirs', 'RECURRENCE-ID;TZID=Europe/Paris:20250402T090000', 'DUE;TZID=Europe/Paris:20250402T110000', 'SUMMARY:Moved'),
    pg_temp.todo('UID:theirs', 'RECURRENCE-ID:20250403T070000Z', 'DUE:20250403T070000Z', 'SUMMARY:Universal'),
    pg_temp.todo('UID:theirs', 'RECURRENCE-ID:20250405T090000', 'SUMMARY:Anywhere'),
    pg_temp.todo('UID:days', 'RECURRENCE-ID;VALUE=DATE:20250404', 'DUE;VALUE=DATE:20250404', 'SUMMARY:A day')) as text;
select agenda.act_as(pg_temp.d());
select agenda.set_preferences('{"timezone": "Europe/Paris"}');
select is((select count(*) from single, agenda.import_ical(text) where problem is null), 4::bigint, 'they are tasks');
select set_eq($$select m[1] || ' ' || m[2] from regexp_matches(agenda.export_ical(), E'UID:([^\r]*)\r\n(?:(?!RECURRENCE-ID|END:VTODO)[^\r]*\r\n)*RECURRENCE-ID([^\r]*)\r\n', 'g') m$$,
    $$values ('theirs ;TZID=Europe/Paris:20250402T090000'), ('theirs :20250403T070000Z'), ('theirs :20250405T090000'), ('days ;VALUE=DATE:20250404')$$, 'with their UIDs and which occurrences they are');
select is((select count(*) from agenda.import_ical(agenda.export_ical()) where problem is distinct from 'exists'), 0::bigint, 'whose export is there already');
create temp table d as select agenda.export_ical() as text;
select agenda.act_as(pg_temp.e());
select agenda.set_preferences('{"timezone": "Europe/Paris"}');
select is((select count(*) from d, agenda.import_ical(text) where problem is null), 4::bigint, 'it can be somebody else''s');
select bag_eq('select pg_temp.essence(agenda.export_ical())', 'select pg_temp.essence(text) from d', 'and is the same');
select is((select problem from agenda.import_ical(pg_temp.calendar(pg_temp.todo('UID:days', 'RECURRENCE-ID;VALUE=DATE:20250405', 'DUE;VALUE=DATE:20250405', 'SUMMARY:Another')))), null, 'another day of the same UID is another');
select agenda.delete_task(id) from agenda.tasks where title = 'Another';
-- then the series comes
create temp table joined as select * from agenda.import_ical(pg_temp.calendar(
    pg_temp.todo('UID:theirs', 'SUMMARY:Series', 'DTSTART;TZID=Europe/Paris:20250401T090000', 'RRULE:FREQ=DAILY;COUNT=4'),
    pg_temp.todo('UID:theirs', 'RECURRENCE-ID:20250402T070000Z', 'DUE:20250402T120000Z', 'SUMMARY:By another name'),
    pg_temp.todo('UID:theirs', 'RECURRENCE-ID:20250403T070000Z', 'DUE:20250403T070000Z', 'SUMMARY:Changed since')));
select is((select count(*) from joined where problem is null), 3::bigint, 'a series comes after its occurrences');
select results_eq($$select t.occurrence_key, t.title from agenda.tasks t join joined j on j.id = t.recurring_task_id and j.component = 1 order by 1$$,
    $$values (timestamp '2025-04-02 09:00', 'Moved'), ('2025-04-03 09:00', 'Universal'), ('2025-04-05 09:00', 'Anywhere')$$, 'what was there is one of it, as the user has it');
select is_empty('select from agenda.recurrence_overrides o join joined j on j.id = o.recurring_task_id', 'by whatever name the text calls it');
-- the series alone, one occurrence of which it owes already
create temp table days as select * from agenda.import_ical(pg_temp.calendar(pg_temp.todo('UID:days', 'SUMMARY:Series', 'DTSTART;VALUE=DATE:20250304', 'RRULE:FREQ=MONTHLY;BYMONTHDAY=4')));
select results_eq($$select t.occurrence_key, t.title from agenda.tasks t join days j on j.id = t.recurring_task_id order by 1$$,
    $$values (timestamp '2025-03-04', 'Series'), ('2025-04-04', 'A day')$$, 'what came before is one of a series that comes without it');
select agenda.import_ical(pg_temp.calendar(pg_temp.todo('UID:owed', 'RECURRENCE-ID:20250309T080000Z', 'DUE:20250309T093000Z', 'SUMMARY:Before')));
create temp table owed as select * from agenda.import_ical(pg_temp.calendar(pg_temp.todo('UID:owed', 'SUMMARY:Series', 'DTSTART:20250302T080000Z', 'RRULE:FREQ=WEEKLY')));
select results_eq($$select t.occurrence_key, t.title, t.status, t.due_date from agenda.tasks t join owed j on j.id = t.recurring_task_id$$,
    $$values (timestamp '2025-03-09 08:00', 'Before', 'pending', timestamptz '2025-03-09 09:30Z')$$, 'in the place of what the series owes');
select is_empty($$select from agenda.ical_uids u join agenda.tasks t on t.id = u.task_id where u.recurrence_id <> '' and t.deleted_at is null$$, 'each goes by the name of its series');
select is_empty($$select from agenda.ical_uids u join agenda.tasks t on t.id = u.task_id where t.title = 'Universal'$$, 'and goes by its name');
reset role;
select is_empty($$select * from agenda.fsck() f where f.user_id = 'eeeeeeee-0000-4000-8000-000000000005'$$, 'the self-check has nothing against it');
set local role t_app;
select matches(pg_temp.problem('UID:x', 'SUMMARY:x', 'RECURRENCE-ID:soon'), '^YA00[56]', 'not by any word');
select matches(pg_temp.problem('UID:x', 'SUMMARY:x', 'RECURRENCE-ID;TZID="Moon\nBase":20250401T090000'), '^YA00[456]', 'nor in any zone');
select agenda.set_preferences('{"default_reminders": ["-1 hour"]}');
create temp table alarmed as select n, (agenda.import_ical(pg_temp.calendar(pg_temp.todo(variadic array['SUMMARY:x', 'DUE:20300401T090000Z'] || lines)))).id
  from (values (1, array['BEGIN:VALARM', 'ACTION:DISPLAY', 'DESCRIPTION:x', 'TRIGGER:-PT30M', 'END:VALARM']), (2, '{}'::text[])) v(n, lines);
select is((select array_agg(r.offset_by) from alarmed a, agenda.list_reminders(a.id) r where n = 1), '{-30 minutes}'::interval[], 'who brings alarms gets no default ones');
select is((select array_agg(r.offset_by) from alarmed a, agenda.list_reminders(a.id) r where n = 2), '{-1:00:00}'::interval[], 'who brings none does');

-- ---- from when to when ----
-- an alarm half an hour before
create function pg_temp.alarm(p_trigger text) returns text language sql as
$$select array_to_string(array['BEGIN:VALARM', 'ACTION:DISPLAY', 'DESCRIPTION:x', p_trigger, 'END:VALARM'], E'\r\n')$$;
-- what one component becomes, when it is due, and when it rings first
create function pg_temp.due(p_kind text, variadic p_lines text[]) returns text language plpgsql as
$$
declare
    i record;
begin
    select * into i from agenda.import_ical(pg_temp.calendar('BEGIN:' || p_kind, 'SUMMARY:x', array_to_string(p_lines, E'\r\n'), 'END:' || p_kind));
    return coalesce(i.problem, (select t.due_local || ' ' || (select min(r.fire_at at time zone 'Europe/Paris') from agenda.list_reminders(t.id) r)
                                  from agenda.tasks t where t.id = i.id));
end
$$;
select is(pg_temp.due(x.kind, variadic x.lines), x.expected, x.name) from (values
    ('a task is due at its end', 'VTODO', array['DTSTART:20300401T090000', 'DURATION:PT8H', pg_temp.alarm('TRIGGER;RELATED=END:-PT30M')], '2030-04-01 17:00:00 2030-04-01 16:30:00'),
    ('an alarm is of the start', 'VTODO', array['DTSTART:20300401T090000', 'DUE:20300403T170000', pg_temp.alarm('TRIGGER:-PT30M')], '2030-04-03 17:00:00 2030-04-01 08:30:00'),
    ('also where it says so', 'VTODO', array['DTSTART:20300401T090000', 'DURATION:P2DT8H', pg_temp.alarm('TRIGGER;RELATED=START:PT30M')], '2030-04-03 17:00:00 2030-04-01 09:30:00'),
    ('of the due date where there is no start', 'VTODO', array['DUE:20300403T170000', pg_temp.alarm('TRIGGER:-PT30M')], '2030-04-03 17:00:00 2030-04-03 16:30:00'),
    ('an event is due when it begins', 'VEVENT', array['DTSTART:20300401T090000', 'DTEND:20300401T100000', pg_temp.alarm('TRIGGER:-PT30M')], '2030-04-01 09:00:00 2030-04-01 08:30:00'),
    ('and may ring before its end', 'VEVENT', array['DTSTART:20300401T090000', 'DTEND;TZID=America/New_York:20300401T080000', pg_temp.alarm('TRIGGER;RELATED=END:-PT30M')], '2030-04-01 09:00:00 2030-04-01 13:30:00'),
    ('which a duration gives, too', 'VEVENT', array['DTSTART:20300401T090000', 'DURATION:PT1H', pg_temp.alarm('TRIGGER;related=end:-PT30M')], '2030-04-01 09:00:00 2030-04-01 09:30:00'),
    ('a day is an event of a day', 'VEVENT', array['DTSTART;VALUE=DATE:20300401', pg_temp.alarm('TRIGGER;RELATED=END:-PT30M')], '2030-04-01 00:00:00 2030-04-01 23:30:00'),
    ('a day of a duration is one of the clock', 'VTODO', array['DTSTART:20300330T090000', 'DURATION:P1D', pg_temp.alarm('TRIGGER;RELATED=END:-PT30M')], '2030-03-31 09:00:00 2030-03-31 08:30:00'),
    ('its hours pass', 'VTODO', array['DTSTART:20300330T090000', 'DURATION:PT24H', pg_temp.alarm('TRIGGER:-PT30M')], '2030-03-31 10:00:00 2030-03-30 08:30:00'),
    ('the evening before a day', 'VTODO', array['DUE;VALUE=DATE:20300331', pg_temp.alarm('TRIGGER:-PT6H')], '2030-03-31 00:00:00 2030-03-30 18:00:00'),
    ('the morning of a day', 'VEVENT', array['DTSTART;VALUE=DATE:20300331', pg_temp.alarm('TRIGGER:PT9H30M')], '2030-03-31 00:00:00 2030-03-31 09:30:00'),
    ('a day that has 23 hours', 'VEVENT', array['DTSTART;VALUE=DATE:20300331', pg_temp.alarm('TRIGGER;RELATED=END:P1DT9H')], '2030-03-31 00:00:00 2030-04-02 09:00:00'),
    ('there is no way back', 'VTODO', array['DTSTART:20300330T090000', 'DURATION:-PT24H'], 'YA006: DURATION must not be negative'),
    ('nor for ever', 'VTODO', array['DTSTART:20300330T090000', 'DURATION:P99999W'], 'YA006: DURATION must be a time, or at most 10 years')) x(name, kind, lines, expected);
create temp table spans as select * from agenda.import_ical(pg_temp.calendar(
    pg_temp.todo('UID:spans', 'SUMMARY:x', 'DTSTART:20300401T090000', 'DUE:20300401T170000', 'RRULE:FREQ=DAILY;COUNT=9', pg_temp.alarm('TRIGGER:-PT30M'), pg_temp.alarm('TRIGGER;RELATED=END:-PT30M')),
    pg_temp.todo('UID:spans', 'RECURRENCE-ID:20300402T090000', 'DTSTART:20300402T090000', 'DUE:20300402T170000', 'SUMMARY:y'),
    pg_temp.todo('UID:spans', 'RECURRENCE-ID;RANGE=THISANDFUTURE:20300403T090000', 'SUMMARY:z')));
select results_eq($$select r.offset_by from spans s join agenda.reminders r on r.recurring_task_id = s.id where s.component = 1 order by 1$$, $$values (interval '-30 minutes'), ('07:30:00')$$, 'alarms of a series, too');
select results_eq($$select o.title, o.due_at at time zone 'Europe/Paris' from spans s, agenda.preview_recurring_task(s.id, 2) o where s.component = 1$$,
    $$values ('x', timestamp '2030-04-01 09:00'), ('y', '2030-04-02 09:00')$$, 'its occurrences are due when they begin');
select results_eq('select component, problem from spans where problem is not null', $$values (3, 'YA006: RECURRENCE-ID with RANGE is not supported')$$, 'what is said of all that follow is not half done');
select agenda.act_as(pg_temp.c());

-- ---- zones by other names ----
create function pg_temp.zone_of(p_tzid text, variadic p_zone text[]) returns text language plpgsql as
$$
declare
    i record;
begin
    select * into i from agenda.import_ical(pg_temp.calendar(
        E'BEGIN:VTIMEZONE\r\nTZID:' || p_tzid || E'\r\n' || array_to_string(p_zone, E'\r\n') || E'\r\nEND:VTIMEZONE',
        pg_temp.todo('SUMMARY:x', 'DUE;TZID=' || p_tzid || ':20300701T090000')));
    return coalesce(i.problem, (select t.timezone || ' ' || t.due_local from agenda.tasks t where t.id = i.id));
end
$$;
select is(pg_temp.zone_of(x.tzid, variadic x.zone), x.expected, x.tzid || ' ' || x.zone::text) from (values
    ('Europe/Berlin', '{X-LIC-LOCATION:Asia/Tokyo}'::text[], 'Europe/Berlin 2030-07-01 09:00:00'),
    ('W. Europe Standard Time', '{BEGIN:STANDARD,END:STANDARD}', 'Europe/Berlin 2030-07-01 09:00:00'),
    ('afghanistan standard time', '{}', 'Asia/Kabul 2030-07-01 09:00:00'),
    ('Yukon Standard Time', '{}', 'America/Whitehorse 2030-07-01 09:00:00'),
    ('/freeassociation.sourceforge.net/Europe/Berlin', '{}', 'Europe/Berlin 2030-07-01 09:00:00'),
    ('/mozilla.org/20070129_1/Europe/Berlin', '{}', 'Europe/Berlin 2030-07-01 09:00:00'),
    ('/softwarestudio.org/Tzfile/America/Argentina/Ushuaia', '{}', 'America/Argentina/Ushuaia 2030-07-01 09:00:00'),
    ('/example.org/UTC', '{}', 'UTC 2030-07-01 09:00:00'),
    ('Home', '{X-LIC-LOCATION:America/New_York}', 'America/New_York 2030-07-01 09:00:00'),
    ('Home', '{x-lic-location;X-ODD=1:America/New_York}', 'America/New_York 2030-07-01 09:00:00'),
    ('/example.org/Europe/Berlin', '{X-LIC-LOCATION:Moon/Base}', 'Europe/Berlin 2030-07-01 09:00:00'),
    ('Home', '{X-LIC-LOCATION:Moon/Base}', 'YA004: time zone "Home" is not known'),
    ('Moon/Europe/Berlin', '{}', 'YA004: time zone "Moon/Europe/Berlin" is not known'),
    ('/example.org/Standard Time', '{}', 'YA004: time zone "/example.org/Standard Time" is not known'),
    ('Standard Time', '{}', 'YA004: time zone "Standard Time" is not known')) x(tzid, zone, expected);
select is((select count(*) from agenda.import_ical(pg_temp.calendar(pg_temp.todo('SUMMARY:x', 'DUE;TZID=Home:20300701T090000'),
    E'BEGIN:VTIMEZONE\r\nTZID:Home\r\nX-LIC-LOCATION:America/New_York\r\nEND:VTIMEZONE')) where problem is null), 1::bigint, 'a zone may come after its times');
select matches(pg_temp.problem('SUMMARY:x', 'DUE;TZID=' || repeat('/', 9000) || ':20300701T090000'), '^YA004', 'a TZID of nine thousand parts');
create temp table outlook as select id from agenda.import_ical(pg_temp.calendar(pg_temp.todo('UID:outlook', 'SUMMARY:x', 'DTSTART;TZID=W. Europe Standard Time:20300701T090000', 'RRULE:FREQ=DAILY;COUNT=4',
    'EXDATE;TZID=W. Europe Standard Time:20300702T090000', 'RDATE;VALUE=PERIOD:20300710T080000Z/20300710T090000Z,20300711T080000Z/PT1H')));
select is((select array_agg(o.occurrence_key order by 1) from outlook x, agenda.preview_recurring_task(x.id) o),
    '{2030-07-01 09:00,2030-07-03 09:00,2030-07-04 09:00,2030-07-10 10:00,2030-07-11 10:00}'::timestamp[], 'everywhere; and a period is its beginning');
select is((select i.problem from agenda.import_ical(pg_temp.calendar(
    pg_temp.todo('UID:exchange', 'SUMMARY:x', 'RECURRENCE-ID;TZID=Tokyo Standard Time:20300701T090000'))) i), null, 'also of an occurrence without its series');
select matches(agenda.export_ical(), E'RECURRENCE-ID;TZID=Asia/Tokyo:20300701T090000', 'which is exported by the name that is known');

-- ---- a component that is wrong ----
select is(pg_temp.problem(variadic x.lines), x.problem, x.problem) from (values
    ('{DUE:20300701T090000}'::text[], 'YA006: the component has no SUMMARY'), ('{DTSTART:20300701T090000,RRULE:FREQ=DAILY}', 'YA006: the component has no SUMMARY'),
    (array['SUMMARY:' || repeat('x', 501), 'DTSTART:20300701T090000', 'RRULE:FREQ=DAILY'], '23514: title must be 1 to 500 characters long'),
    ('{SUMMARY:x,DUE:20300701T090000,BEGIN:VALARM,TRIGGER:-P99999W,END:VALARM}', 'YA006: TRIGGER must be a time, or at most 10 years'),
    ('{SUMMARY:x,DTSTART:20300701T090000,RRULE:FREQ=DAILY,BEGIN:VALARM,TRIGGER:P4000D,END:VALARM}', 'YA006: TRIGGER must be a time, or at most 10 years')) x(lines, problem);
select matches(pg_temp.problem('SUMMARY:x', 'DTSTART:20300701T090000', 'RRULE:FREQ=DAILY', 'EXDATE:20301399T090000'), '^YA00[56]', 'no month is the 13th');
select matches(pg_temp.problem(variadic x.lines), x.problem, x.problem || ': ' || left(array_to_string(x.lines, ' '), 100)) from (values
    ('{SUMMARY:}'::text[], '^YA006.*no SUMMARY'), (array['SUMMARY:' || repeat('x', 501)], '^23514: title must be'), ('{SUMMARY:x,DUE:tomorrow}', '^YA006'),
    ('{SUMMARY:x,DUE:20250230T250000}', '^(YA00|22)'), ('{SUMMARY:x,DUE;VALUE=TEXT:soon}', '^YA006'), ('{SUMMARY:x,DUE;TZID=Moon/Base:20250401T090000}', '^YA004'),
    ('{SUMMARY:x,RRULE:FREQ=DAILY}', '^YA006'), ('{SUMMARY:x,DTSTART:20250401T090000,RRULE:FREQ=DAILY,RRULE:FREQ=WEEKLY}', '^YA006.*more than one'),
    ('{SUMMARY:x,DTSTART:20250401T090000,RRULE:FREQ=DAILY;COUNT=0}', '^YA003'), ('{SUMMARY:x,BEGIN:VALARM,TRIGGER:-PT15M}', '^YA006.*no end'),
    ('{SUMMARY:x,END:VALARM}', '^YA006.*not begun'), ('{SUMMARY:x,PRIORITY:77}', '^YA006'), ('{SUMMARY;VALUE=DATE:20250401,PRIORITY;VALUE=DATE:20250401}', '^YA006'),
    (array['SUMMARY:x', 'DUE:x' || repeat('ß', 500)], '^YA006'), (array['SUMMARY:x', 'DTSTART:20250401', 'RRULE:FREQ=DAILY', 'EXDATE;VALUE=DATE:20250402' || repeat(',20250402', 1500)], '^YA006.*too many lines')) x(lines, problem);
select results_eq($$select component, problem is null from agenda.import_ical(pg_temp.calendar(pg_temp.todo('SUMMARY:one'), pg_temp.todo('SUMMARY:two', 'DUE:never'), 'BEGIN:VTODO', 'SUMMARY:three',
    pg_temp.todo('SUMMARY:four', 'X-ODD;=":;', 'BEGIN:X-PART', 'SUMMARY:five', 'END:X-PART', 'LOCATION:')))$$,
    'values (1, true), (2, false), (3, false), (4, true)', 'leaves the others alone');
select is((select array_agg(title order by title) from agenda.tasks where user_id = pg_temp.c() and title in ('one', 'two', 'three', 'four', 'five')), '{four,one}', 'and makes nothing');

select is((select problem from agenda.import_ical(U&'\FEFF' || pg_temp.calendar(pg_temp.todo('SUMMARY:marked')))), null, 'a byte order mark is no part of the text');

-- ---- a text that is wrong ----
select throws_ok(format('select agenda.import_ical(%L)', x.text), 'YA006', null, 'YA006: ' || x.name) from (values
    ('nothing', ''), ('no calendar', 'Dear Anna'), ('no end', E'BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nSUMMARY:x\r\nEND:VTODO\r\n'),
    ('more than 1 MB', pg_temp.calendar(repeat(E'X:y\r\n', 220000))), ('more than 10000 components', pg_temp.calendar(repeat(E'BEGIN:VTODO\nEND:VTODO\n', 10001)))) x(name, text);
select is_empty($$select agenda.import_ical(pg_temp.calendar(repeat(E'BEGIN:A\n', 120000)))$$, 'depth is nothing to fear');
select is((select count(*) from agenda.import_ical(pg_temp.calendar('BEGIN:VTODO', repeat(E'BEGIN:VALARM\n', 70000), 'END:VTODO')) where problem is not null), 1::bigint, 'nor within a component');

-- Cut, doubled and changed at any place: rows or YA006, and a calendar that is whole can be read after it.
create function pg_temp.survives(p_text text, p_seed integer) returns boolean language plpgsql as
$$
declare
    v_text text := p_text;
    v_at   integer;
    v_bad  constant text[] := array['', E'\r', E'\n', E'\r\n ', ':', ';', '"', ',', '\', E'\x01', 'ß', 'BEGIN:VALARM', E'\nEND:VTODO\n', ';VALUE=DATE', '99999999999', '-', 'TZID=', E'\nBEGIN:VTODO\n', ';VALUE=PERIOD:', '=', 'RRULE:', 'P9W'];
begin
    for i in 1 .. 6 loop
        v_at := 17 + (hashint4(p_seed * 7 + i)::bigint & 1073741823) % (length(v_text) - 34);
        v_text := overlay(v_text placing v_bad[1 + (hashint4(p_seed + i * 1000)::bigint & 1073741823) % cardinality(v_bad)] from v_at for p_seed % 9);
    end loop;
    perform agenda.import_ical(v_text);
    return true;
exception when sqlstate 'YA006' then
    return true;
end
$$;
select is((select count(*) from calendar, generate_series(1, 150) s where pg_temp.survives(case when s % 2 = 0 then text else events end, s)), 150::bigint, 'mutated calendars do no harm');
select is(pg_temp.problem('SUMMARY:still here'), null, 'the next is read');

-- ---- nobody ----
select agenda.act_as(null);
select throws_ok('select agenda.import_ical('''')', 'YA009', null, 'nobody imports nothing');

select * from finish();
rollback;
