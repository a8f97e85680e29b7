-- Days, wall-clock times and instants; gaps and folds of the clock; floating and fixed zones; workdays; days that
-- months lack.  U numbers are those of the users' complaints that the design answers.
begin;
set local search_path = public;
select no_plan();

create function pg_temp.act() returns void language sql as
    $$select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000036')$$;
create function pg_temp.at(p text) returns void language plpgsql as $$
begin
    perform set_config('agenda.now', p, true);
    perform agenda.act_as(null);
    while (agenda.check_due_tasks(1000)).raised > 0 loop
    end loop;
    perform pg_temp.act();
end $$;
create function pg_temp.utc(p timestamptz) returns text language sql as $$select to_char(p at time zone 'UTC', 'MM-DD HH24:MI')$$;
-- the first n of a series that is not made
create function pg_temp.ahead(p jsonb, n integer default 4) returns text language sql as $$
    select string_agg(pg_temp.utc(o.due_at), ', ' order by o.occurrence_key) from agenda.preview_recurring_task(null, n, p) o
$$;
select pg_temp.act();
set local agenda.now = '2025-01-01 00:00+00';

-- ---- three kinds of due date ------------------------------------------------------------------------
create temp table k as select what, t.* from (values ('date', '2025-01-15'), ('local', '2025-01-15T17:00'), ('instant', '2025-01-15T17:00:00+01:00')) v (what, due), agenda.create_task(v.what, due => v.due) t;
select is(due_kind, what, 'U19 ' || what || ' is known by how it is written') from k;
select is(string_agg(pg_temp.utc(due_date), ', ' order by what), '01-15 00:00, 01-15 16:00, 01-15 17:00', 'their instants in UTC') from k;
select agenda.set_preferences('{"timezone": "America/New_York"}');
select is(string_agg(pg_temp.utc((agenda.get_task(id)).due_date), ', ' order by what), '01-15 05:00, 01-15 16:00, 01-15 22:00', 'U18 another zone: days and wall-clock times stay, instants stay instants') from k;
select is((agenda.get_task(id)).due_local, '2025-01-15'::timestamp, 'U19 a day is that day elsewhere, too') from k where what = 'date';
select is((select count(*) from agenda.events e where e.subject = k.id::text and e.type = 'task.updated'), (what <> 'instant')::integer::bigint, 'one event for what moved: ' || what) from k;
create temp table fx as select * from agenda.create_task('fixed', due => '2025-01-15T17:00', timezone => 'Europe/Berlin');
select agenda.set_preferences('{"timezone": "Asia/Tokyo"}');
select is(pg_temp.utc((agenda.get_task(id)).due_date), '01-15 16:00', 'U18 what has a zone of its own stays') from fx;
select is(pg_temp.utc((agenda.update_task(id, '{"timezone": null}')).due_date), '01-15 08:00', 'unless it gives that up') from fx;
select is((agenda.update_task(id, '{"timezone": "Europe/Berlin"}')).due_local, '2025-01-15 17:00'::timestamp, 'the wall clock stays') from fx;
select is((agenda.update_task(id, '{"due_date": "2025-01-16T17:00:00Z"}')).due_kind, 'instant', 'an instant is one') from fx;
select is((agenda.update_task(id, '{"due_date": "2025-01-17"}')).due_kind, 'date', 'a day is one') from fx;
select is(x.due_kind || coalesce(x.due_local::text, ' none'), 'instant none', 'none is none') from fx, agenda.update_task(fx.id, '{"due_date": null}') x;
-- by plain SQL
update agenda.tasks set due_local = '2025-07-01 09:00' where id = (select id from fx);
select is(due_kind || pg_temp.utc(due_date), 'local07-01 07:00', 'a wall-clock time by plain SQL') from agenda.get_task((select id from fx));
update agenda.tasks set due_date = '2025-07-01 10:00+00' where id = (select id from fx);
select is(due_kind || due_local, 'local2025-07-01 12:00:00', 'an instant given to it moves the wall clock') from agenda.get_task((select id from fx));
update agenda.tasks set due_kind = 'date' where id = (select id from fx);
select is(due_local, '2025-07-01'::timestamp, 'a day by plain SQL') from agenda.get_task((select id from fx));
update agenda.tasks set due_date = '2025-07-03 10:00+00' where id = (select id from fx);
select is(due_kind, 'instant', 'an instant makes a day one') from agenda.get_task((select id from fx));
insert into agenda.tasks (title, due_local, due_kind, timezone) values ('sql', '2025-07-01 09:00', 'date', 'UTC');
select is(pg_temp.utc(due_date) || due_local, '07-01 00:002025-07-01 00:00:00', 'inserted as well') from agenda.tasks where title = 'sql';
select throws_ok($$insert into agenda.tasks (title, due_kind, due_local) values ('x', 'soon', now())$$, '23514', null, 'a kind that is none');
select throws_ok($$insert into agenda.tasks (title, due_local) values ('x', 'infinity')$$, 'YA005', null, 'a day without end');
select throws_ok(format($$select agenda.create_task('x', due => %L)$$, d), s, null, coalesce(nullif(d, ''), 'an empty due date') || ' is refused')
  from (values ('2025-02-29', 'YA005'), ('2025-1-15', 'YA005'), ('0000-01-01', 'YA005'), ('9999-12-31', 'YA005'), ('0001-01-01', 'YA005'), ('9999-12-31T23:59', 'YA005'), ('2025-01-15T25:00', 'YA005'), ('', 'YA005'),
               ('15.1.2025', 'YA005'), (repeat('2', 100000), 'YA005')) v (d, s);
set local agenda.now = '2025-01-15 12:00+09';
create temp table today as select * from agenda.create_task('today', due => '2025-01-15');
select is(agenda.due_state(agenda.get_task(id)), 'due', 'U49 a day is due all day') from today;
set local agenda.now = '2025-01-15 23:59+09';
select is(agenda.due_state(agenda.get_task(id)), 'due', 'U49 until its last minute') from today;
set local agenda.now = '2025-01-16 00:00+09';
select is(agenda.due_state(agenda.get_task(id)), 'overdue', 'U49 and overdue from midnight in its zone') from today;

-- tags
create temp table tg as select * from agenda.create_task('tagged', tags => '{a,b}', checklist => '[{"text": "one"}, {"text": "two", "done": true}]');
select is((select array_agg(title) from agenda.list_tasks('{"tag": "b"}')), '{tagged}'::text[], 'filter by tag');
select is(agenda.count_tasks('{"tag": "c"}'), 0::bigint, 'another tag');
select throws_ok($$select agenda.count_tasks('{"tag": 7}')$$, 'YA006', null, 'a tag that is none');
select is((agenda.update_task(id, '{"tags": null, "checklist": null}')).tags, '{}', 'null clears tags') from tg;
select throws_ok(format($$select agenda.update_task(%L, %L)$$, id, p), 'YA006', null, left(p, 60) || ' is refused')
  from tg, (values ('{"tags": "a"}'), ('{"tags": [1]}'), ('{"tags": ["a", "a"]}'), ('{"tags": [""]}'), (format('{"tags": ["%s"]}', repeat('x', 101))),
                   ((select jsonb_build_object('tags', array_agg(i::text)) from generate_series(1, 51) i)::text),
                   ('{"checklist": {}}'), ('{"checklist": ["a"]}'), ('{"checklist": [{"text": ""}]}'), ('{"checklist": [{"done": true}]}'),
                   ('{"checklist": [{"text": "a", "done": "yes"}]}'), ('{"checklist": [{"text": "a", "when": 1}]}'),
                   (format('{"checklist": [{"text": "%s"}]}', repeat('x', 501))),
                   ((select jsonb_build_object('checklist', jsonb_agg(jsonb_build_object('text', 'x'))) from generate_series(1, 201) i)::text)) v (p);
select throws_ok($$insert into agenda.tasks (title, tags) values ('x', '{a,NULL}')$$, 'YA006', null, 'by plain SQL as well');
select throws_ok($$insert into agenda.tasks (title, tags) values ('x', '{{a,b},{c,d}}')$$, 'YA006', null, 'tags in rows and columns');
select throws_ok($$insert into agenda.tasks (title, checklist) values ('x', '"a"')$$, 'YA006', null, 'a checklist that is a string');

-- ---- days that months lack ----------------------------------------------------------------------------
select is(pg_temp.ahead('{"recurrence_type": "monthly", "start_date": "2025-01-31T09:00:00Z", "timezone": "UTC"}'), '01-31 09:00, 02-28 09:00, 03-31 09:00, 04-30 09:00', 'U1 U2 U4 monthly from the 31st: the last day, and back');
select is(pg_temp.ahead('{"recurrence_type": "monthly", "start_date": "2025-01-31T09:00:00Z", "timezone": "UTC", "invalid_day": "omit"}'), '01-31 09:00, 03-31 09:00, 05-31 09:00, 07-31 09:00', 'U5 omit');
select is(pg_temp.ahead('{"rrule": "FREQ=MONTHLY;BYMONTHDAY=-1", "start_date": "2025-01-31T09:00:00Z", "timezone": "UTC"}'), '01-31 09:00, 02-28 09:00, 03-31 09:00, 04-30 09:00', 'U4 the last day of each month, as a rule');
select is(pg_temp.ahead('{"recurrence_type": "monthly", "start_date": "2025-01-31T09:00:00Z", "timezone": "UTC", "invalid_day": "forward"}'), '01-31 09:00, 03-01 09:00, 03-31 09:00, 05-01 09:00', 'U5 forward');
select is(pg_temp.ahead('{"rrule": "FREQ=MONTHLY", "start_date": "2025-01-31T09:00:00Z", "timezone": "UTC"}'), '01-31 09:00, 03-31 09:00, 05-31 09:00, 07-31 09:00', 'U5 an RRULE omits, as the RFC says');
select is(pg_temp.ahead('{"rrule": "FREQ=MONTHLY;BYMONTHDAY=30", "invalid_day": "backward", "start_date": "2025-01-30T09:00:00Z", "timezone": "UTC"}'), '01-30 09:00, 02-28 09:00, 03-30 09:00, 04-30 09:00', 'U5 unless told otherwise; the 30th stays the 30th');
select is(pg_temp.ahead('{"recurrence_type": "monthly", "recurrence_interval": 6, "start_date": "2025-08-31T09:00:00Z", "timezone": "UTC"}'), '08-31 09:00, 02-28 09:00, 08-31 09:00, 02-28 09:00', 'U6 every six months is every six months');
select is(pg_temp.ahead('{"recurrence_type": "yearly", "start_date": "2024-02-29T09:00:00Z", "timezone": "UTC"}'), '02-29 09:00, 02-28 09:00, 02-28 09:00, 02-28 09:00', 'yearly on 29 February');
select is((select string_agg(distinct to_char(o.due_at at time zone 'UTC', 'DD'), ',') || ' ' || count(*) from agenda.preview_recurring_task(null, 600, '{"recurrence_type": "monthly", "start_date": "2025-01-12T09:00:00Z", "timezone": "UTC"}') o), '12 600', 'U3 the 12th is the 12th fifty years later');
select throws_ok($$select agenda.create_recurring_task('x', rrule => 'FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=FORWARD', options => '{"invalid_day": "backward"}')$$, 'YA006', null, 'SKIP and invalid_day that contradict each other');
create temp table inv as select id from agenda.create_recurring_task('inv', 'monthly', start_date => '2025-01-31T09:00:00Z', timezone => 'UTC');
select is((agenda.update_recurring_task(id, '{"invalid_day": "omit"}')).rrule::text, 'FREQ=MONTHLY', 'it is SKIP of the rule') from inv;
select is((agenda.update_recurring_task(id, '{"recurrence_interval": 2}')).rrule::text, 'FREQ=MONTHLY;INTERVAL=2', 'and stays with a new interval') from inv;
select is((agenda.update_recurring_task(id, '{"rrule": "monthly"}')).invalid_day, 'backward', 'the words have their own') from inv;

-- ---- gaps and folds ------------------------------------------------------------------------------------
create function pg_temp.daily(p_start text, p_zone text, p jsonb default '{}', n integer default 3) returns text language sql as $$
    select pg_temp.ahead(jsonb_build_object('recurrence_type', 'daily', 'start_date', p_start, 'timezone', p_zone) || p, n)
$$;
select is(pg_temp.daily('2026-03-28T02:30', 'Europe/Berlin'), '03-28 01:30, 03-29 01:30, 03-30 00:30', 'U15 a gap: shift');
select is(pg_temp.daily('2026-03-28T02:30', 'Europe/Berlin', '{"dst_gap": "skip"}'), '03-28 01:30, 03-30 00:30, 03-31 00:30', 'U15 a gap: skip');
select is(pg_temp.daily('2026-10-24T02:30', 'Europe/Berlin'), '10-24 00:30, 10-25 00:30, 10-26 01:30', 'U15 a fold: first');
select is(pg_temp.daily('2026-10-24T02:30', 'Europe/Berlin', '{"dst_fold": "second"}'), '10-24 00:30, 10-25 01:30, 10-26 01:30', 'U15 a fold: second');
select is(pg_temp.daily('2026-03-28T02:30', 'Europe/Berlin', '{"dst_fold": "second"}'), '03-28 01:30, 03-29 01:30, 03-30 00:30', 'a gap has no second');
select is(pg_temp.daily('2026-10-03T02:15', 'Australia/Lord_Howe'), '10-02 15:45, 10-03 15:45, 10-04 15:15', 'U16 a gap of half an hour');
select is(pg_temp.daily('2026-03-28T01:30', 'Antarctica/Troll'), '03-28 01:30, 03-29 01:30, 03-29 23:30', 'U16 a gap of two hours');
select is(pg_temp.daily('2011-12-28T10:00', 'Pacific/Apia'), '12-28 20:00, 12-29 20:00, 12-30 20:00', 'U16 a gap of a day: the day that is none is not made up for by the next');
select is(pg_temp.daily('2011-12-29', 'Pacific/Apia'), '12-29 10:00, 12-30 10:00, 12-31 10:00', 'U16 whole days as well');
select is(pg_temp.ahead('{"rrule": "FREQ=DAILY;BYHOUR=2,3", "start_date": "2026-03-29T02:30", "timezone": "Europe/Berlin"}', 3), '03-29 01:30, 03-30 00:30, 03-30 01:30', 'U14 two keys never share an instant');
select is((select count(*) filter (where before >= due_at) || ' of ' || count(*) from (select o.due_at, lag(o.due_at) over (order by o.occurrence_key) as before from agenda.preview_recurring_task(null, 1000, '{"rrule": "FREQ=HOURLY;INTERVAL=3", "start_date": "2026-01-01T00:30", "timezone": "Europe/Berlin"}') o) x),
          '0 of 1000', 'U14 instants only go up');
select is((select string_agg(distinct to_char(o.due_at at time zone 'America/New_York', 'HH24:MI'), ',') || ' ' || count(*) from agenda.preview_recurring_task(null, 400, '{"rrule": "FREQ=WEEKLY;BYDAY=SU", "start_date": "2025-01-05T23:59", "timezone": "America/New_York"}') o), '23:59 400', 'U11 U12 23:59 stays 23:59');
select is((select string_agg(distinct to_char(o.due_at at time zone 'Europe/Berlin', 'Dy HH24:MI'), ',') || ' ' || count(*) from agenda.preview_recurring_task(null, 400, '{"rrule": "FREQ=WEEKLY;BYDAY=MO", "start_date": "2025-01-06T00:00", "timezone": "Europe/Berlin"}') o), 'Mon 00:00 400', 'U11 U12 and midnight is never the day before');
select pg_temp.at('2026-03-27 12:00+00');
create temp table eve as select id from agenda.create_recurring_task('eve', 'daily', start_date => '2026-03-28T22:00', timezone => 'Europe/Berlin', policy => 'on_completion');
set local agenda.now = '2026-03-28 20:00+00';
select is(pg_temp.utc(((agenda.complete_task(t.id)).next_task).due_date), '03-29 20:00', 'U13 done on the eve of the change: the next day, not the same') from eve, agenda.tasks t where t.recurring_task_id = eve.id;
select pg_temp.at('2026-10-24 12:00+00');
create temp table fold as select id from agenda.create_recurring_task('fold', rrule => 'FREQ=HOURLY', start_date => '2026-10-24T23:30', timezone => 'Europe/Berlin');
do $$ begin for h in 0 .. 8 loop perform pg_temp.at((timestamptz '2026-10-24 21:30+00' + h * interval '1 hour')::text); end loop; end $$;
select is((select count(*) from agenda.tasks t, fold where t.recurring_task_id = fold.id), 8::bigint, 'U14 through a fold hour by hour, each key once');

-- ---- floating series -----------------------------------------------------------------------------------
select pg_temp.at('2025-05-01 12:00+00');
create temp table fl as select v.name, r.* from (values ('floating', null), ('fixed', 'Europe/Berlin')) v (name, zone), agenda.create_recurring_task(v.name, 'daily', start_date => '2025-05-02T10:00', timezone => v.zone) r;
select is(string_agg(pg_temp.utc(next_due_at), ' ' order by name), '05-02 08:00 05-02 01:00', 'a series without a zone has its owner''s') from fl;
select agenda.set_preferences('{"timezone": "America/New_York"}');
select is(string_agg(pg_temp.utc((agenda.get_recurring_task(id)).next_due_at), ' ' order by name), '05-02 08:00 05-02 14:00', 'U18 and follows it: ten stays ten') from fl;
select is((select string_agg(pg_temp.utc(t.fire_at), ' ') from agenda.timers t, fl where t.entity_id = fl.id and fl.name = 'floating'), '05-02 14:00', 'with its timer');
select is((agenda.get_recurring_task(id)).floating, name = 'floating', name) from fl;
select pg_temp.at('2025-05-02 14:00+00');
select is(t.timezone, null, 'its occurrences float too') from agenda.tasks t, fl where t.recurring_task_id = fl.id and fl.name = 'floating';
select is((agenda.update_recurring_task(id, '{"timezone": "America/New_York"}')).floating, false, 'a zone of its own') from fl where name = 'floating';
select is((agenda.update_recurring_task(id, '{"timezone": null}')).floating, true, 'and none') from fl where name = 'floating';
select throws_ok($$select agenda.create_recurring_task('x', 'daily', timezone => 'Mars/Olympus')$$, 'YA004', null, 'a zone that is none');
select throws_ok(format($$select agenda.update_recurring_task(%L, '{"timezone": "+01:00"}')$$, id), 'YA004', null, 'an offset is no zone') from fl where name = 'floating';

-- ---- new zone data ---------------------------------------------------------------------------------------
create temp table rz as select * from agenda.create_task('zone data', due => '2025-06-01T10:00', timezone => 'Europe/Berlin');
select is((select count(*) from agenda.replan_timezones()), 0::bigint, 'nothing has moved');
set local session_replication_role = replica;
update agenda.tasks set due_date = '2025-06-01 09:00+00' where id = (select id from rz);
update agenda.recurring_tasks set next_due_at = next_due_at + interval '1 hour' where id = (select id from fl where name = 'fixed');
set local session_replication_role = origin;
select is((select string_agg(format('%s %s→%s', entity, pg_temp.utc(old_at), pg_temp.utc(new_at)), ', ' order by entity) from agenda.replan_timezones()),
          'series 05-03 09:00→05-03 08:00, task 06-01 09:00→06-01 08:00', 'replan_timezones: what the zone data make of the wall clock now');
select is(pg_temp.utc((agenda.get_task(id)).due_date), '06-01 09:00', 'a dry run changes nothing') from rz;
select is((select count(*) from agenda.replan_timezones(false)), 2::bigint, 'the real one');
select is(pg_temp.utc((agenda.get_task(id)).due_date), '06-01 08:00', 'plans it anew') from rz;
select is(pg_temp.utc((agenda.get_recurring_task(id)).next_due_at), '05-03 08:00', 'series too') from fl where name = 'fixed';
select is((select count(*) from agenda.replan_timezones(false)), 0::bigint, 'once');

-- ---- workdays ----------------------------------------------------------------------------------------------
select is(pg_temp.ahead(jsonb_build_object('rrule', 'FREQ=MONTHLY;BYMONTHDAY=1', 'start_date', '2025-02-01T09:00:00Z', 'timezone', 'UTC', 'business_shift', s)), d, 'U9 the first of the month on a day off: ' || s)
  from (values ('none', '02-01 09:00, 03-01 09:00, 04-01 09:00, 05-01 09:00'), ('previous', '01-31 09:00, 02-28 09:00, 04-01 09:00, 05-01 09:00'),
               ('next', '02-03 09:00, 03-03 09:00, 04-01 09:00, 05-01 09:00'), ('nearest', '01-31 09:00, 02-28 09:00, 04-01 09:00, 05-01 09:00'),
               ('skip', '04-01 09:00, 05-01 09:00, 07-01 09:00, 08-01 09:00')) v (s, d);
select agenda.set_holiday('2025-05-01', 'de', 'Labour Day');
select is(pg_temp.ahead('{"rrule": "FREQ=MONTHLY;BYMONTHDAY=1", "start_date": "2025-05-01T09:00:00Z", "timezone": "UTC", "business_shift": "next", "holiday_calendar": "de"}', 1), '05-02 09:00', 'U9 holidays');
select is(pg_temp.ahead('{"recurrence_type": "daily", "start_date": "2025-03-06T09:00:00Z", "timezone": "UTC", "business_shift": "next"}'), '03-06 09:00, 03-07 09:00, 03-10 09:00, 03-11 09:00', 'U9 what would move onto another is left out');
select is(pg_temp.ahead('{"recurrence_type": "daily", "start_date": "2025-03-06T09:00:00Z", "timezone": "UTC", "business_shift": "previous"}'), '03-06 09:00, 03-07 09:00, 03-10 09:00, 03-11 09:00', 'U9 in both directions');
select is(pg_temp.ahead('{"rrule": "FREQ=HOURLY;BYHOUR=9,10,11", "start_date": "2025-03-07T09:00:00Z", "timezone": "UTC", "business_shift": "skip"}', 5), '03-07 09:00, 03-07 10:00, 03-07 11:00, 03-10 09:00, 03-10 10:00', 'U10 hourly in a window of workdays');
select is(pg_temp.ahead('{"rrule": "FREQ=HOURLY;BYHOUR=22,23,0,1", "start_date": "2025-03-07T22:00:00Z", "timezone": "UTC"}', 6), '03-07 22:00, 03-07 23:00, 03-08 00:00, 03-08 01:00, 03-08 22:00, 03-08 23:00', 'U10 also one that goes over midnight');
select is(pg_temp.ahead('{"rrule": "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-1", "start_date": "2025-03-01T09:00:00Z", "timezone": "UTC"}'), '03-03 09:00, 03-31 09:00, 04-01 09:00, 04-30 09:00', 'U9 the first and the last workday of each month, as a rule');
-- rules with more keys on a day off than are asked one by one
select is(pg_temp.ahead(jsonb_build_object('rrule', x.rule, 'start_date', x.start, 'timezone', 'UTC', 'business_shift', x.shift), x.n), x.expected, 'by the minute: ' || x.rule || ' ' || x.shift)
  from (values ('FREQ=MINUTELY', '2025-03-07T23:58:00Z', 'skip', 4, '03-07 23:58, 03-07 23:59, 03-10 00:00, 03-10 00:01'),
               ('FREQ=MINUTELY', '2025-03-07T23:58:00Z', 'nearest', 4, '03-07 23:58, 03-07 23:59, 03-10 00:00, 03-10 00:01'),
               ('FREQ=SECONDLY', '2025-03-07T23:59:59Z', 'previous', 2, '03-07 23:59, 03-10 00:00'),
               ('FREQ=MINUTELY;BYDAY=FR,SA', '2025-03-07T23:58:00Z', 'next', 4, '03-07 23:58, 03-07 23:59, 03-10 23:59, 03-14 00:00'),
               ('FREQ=MINUTELY;BYDAY=SU,MO', '2025-03-03T23:59:00Z', 'previous', 3, '03-03 23:59, 03-07 00:00, 03-10 00:00')) x (rule, start, shift, n, expected);
create temp table minutes as select s as shift, agenda.create_recurring_task('minutes ' || s, rrule => 'FREQ=MINUTELY', start_date => '2025-03-03T00:00:00Z', options => jsonb_build_object('timezone', 'UTC', 'business_shift', s)) as r
  from unnest('{none,skip,previous,next,nearest}'::text[]) s;
select is(agenda._newest_owed(r, '2025-05-05 13:00:30Z'), '2025-05-05 13:00', 'the newest that is owed: ' || shift) from minutes;
select is(agenda._newest_owed(r, '2025-05-10 13:00:30Z'), case shift when 'none' then '2025-05-10 13:00' else '2025-05-09 23:59' end::timestamp, 'and on a Saturday: ' || shift) from minutes;
select is((select array_agg(i::text order by i::text) from agenda.gw_list_occurrences(agenda.current_user_id(), null, null, (r).id, '{"from": "2025-05-09T23:59:00Z", "limit": 2}') g, jsonb_array_elements_text(g.body::jsonb->'items') i),
          array['2025-05-09T23:59:00Z', case shift when 'none' then '2025-05-10T00:00:00Z' else '2025-05-12T00:00:00Z' end], 'those of a month: ' || shift) from minutes;
select agenda.patch_occurrence((r).id, '2025-05-08 10:00', '{"due_date": "2025-05-12T00:00:30Z"}') from minutes where shift = 'skip';
select is((select array_agg(c.at order by c.at) from agenda.calendar('2025-05-12 00:00Z', '2025-05-12 00:02Z') c where c.recurring_task_id = (r).id),
          case shift when 'skip' then '{2025-05-12 00:00+00,2025-05-12 00:00:30+00,2025-05-12 00:01+00}' else '{2025-05-12 00:00+00,2025-05-12 00:01+00}' end::timestamptz[], 'and the calendar: ' || shift) from minutes;
select agenda.delete_recurring_task((r).id, open_tasks => 'delete') from minutes;
select is((agenda.create_recurring_task('sundays', rrule => 'FREQ=WEEKLY;BYDAY=SU', options => '{"business_shift": "skip"}')).is_active, false, 'a series that falls on days off only is over before it begins');

-- days off that come later
create temp table off as select name, (agenda.create_recurring_task(name, rrule => 'FREQ=MONTHLY;BYMONTHDAY=10', start_date => '2025-06-10T09:00:00Z', timezone => 'UTC', options => o)).id
  from (values ('previous', '{"business_shift": "previous"}'::jsonb), ('skip', '{"business_shift": "skip"}'), ('none', '{}'), ('shared', '{"business_shift": "next", "holiday_calendar": "all"}'),
               ('completed', '{"business_shift": "next", "basis": "completion", "spawn": "completion", "overlap": "hold", "missed": "skip"}')) v(name, o);
create temp table off_versions as select r.id, r.version from agenda.recurring_tasks r join off using (id);
create function pg_temp.off() returns text language sql as
$$select string_agg(o.name || ' ' || pg_temp.utc(r.next_due_at) || case when m.fire_at <> r.next_due_at then ' but ' || pg_temp.utc(m.fire_at) else '' end, ', ' order by o.name)
    from off o join agenda.recurring_tasks r using (id) left join agenda.timers m on m.entity_id = r.id where r.next_due_at is not null$$;
create temp table before as select pg_temp.off() as off;
select is(off, 'none 06-10 09:00, previous 06-10 09:00, shared 06-10 09:00, skip 06-10 09:00', 'a Tuesday') from before;
select agenda.set_holiday('2025-06-10');
select is(pg_temp.off(), 'none 06-10 09:00, previous 06-09 09:00, shared 06-10 09:00, skip 07-10 09:00', 'U9 a day off moves what is planned for it');
select agenda.remove_holiday('2025-06-10');
select is(pg_temp.off(), off, 'and taken away moves it back') from before;
insert into agenda.holidays (user_id, calendar, day) values (null, 'all', '2025-06-10'), (null, 'all', '2025-06-11');
select is(pg_temp.off(), 'none 06-10 09:00, previous 06-10 09:00, shared 06-12 09:00, skip 06-10 09:00', 'so do those that everybody shares');
update agenda.holidays set calendar = 'some' where calendar = 'all' and day = '2025-06-10';
select is(pg_temp.off(), off, 'or that move into another calendar') from before;
delete from agenda.holidays where calendar = 'some';
select agenda.set_preferences('{"workdays": ["MO", "WE", "TH", "FR"]}');
select is(pg_temp.off(), 'none 06-10 09:00, previous 06-09 09:00, shared 06-12 09:00, skip 07-10 09:00', 'or days on which one does not work');
select agenda.set_preferences('{"workdays": null}');
select is_empty($$select id, version from agenda.recurring_tasks join off using (id) except select * from off_versions$$, 'none of it is a change of the series');
create role t_off login in role agenda_app;
grant select on off to t_off;
set local role t_off;
select agenda.set_holiday('2025-06-10');
select is(pg_temp.off(), 'none 06-10 09:00, previous 06-09 09:00, shared 06-10 09:00, skip 07-10 09:00', 'an application can do it');
reset role;
set local agenda.restoring = on;
update agenda.recurring_tasks set next_due_at = '2025-06-10 09:00+00' where id = (select id from off where name = 'previous');
set local agenda.restoring = off;
select is((select format('%s %s', check_name, problem) from agenda.fsck() join off using (id) where check_name <> 'log'), 'series-due the next is due at 2025-06-10 09:00:00+00 instead of 2025-06-09 09:00:00+00', 'fsck() finds what was not planned anew');
select is((select string_agg(distinct check_name || repaired, ' ') from agenda.fsck(true) join off using (id) where check_name <> 'log'), 'series-duetrue', 'and does it');
select is((select count(*) from agenda.fsck() join off using (id)), 0::bigint, 'once');

-- ---- whole days --------------------------------------------------------------------------------------------
select pg_temp.at('2025-05-05 12:00+00');
create temp table ad as select * from agenda.create_recurring_task('day', 'daily', start_date => '2025-05-06', timezone => 'Europe/Berlin', end_date => '2025-05-08');
select is(all_day::text || pg_temp.utc(next_due_at), 'true05-05 22:00', 'a start without a time makes whole days') from ad;
select pg_temp.at('2025-05-05 22:00+00');
select is(due_kind || due_local, 'date2025-05-06 00:00:00', 'and its occurrences are days') from agenda.tasks t where t.recurring_task_id = (select id from ad);
select pg_temp.at('2025-05-10 00:00+00');
select is((select max(occurrence_key) from agenda.tasks t where t.recurring_task_id = (select id from ad)), '2025-05-08 00:00', 'S3 an end without a time contains its day');
select is((agenda.create_recurring_task('timed', rrule => 'FREQ=DAILY;BYHOUR=8', start_date => '2025-05-20')).all_day, false, 'not where the rule has times');
select is(pg_temp.utc((agenda.create_recurring_task('part', 'daily', start_date => '2025-05-10', timezone => 'UTC', policy => 'on_completion')).last_created_at), '05-10 00:00', 'a day that has begun is still to be done');
select is(pg_temp.utc(t.due_date) || t.recurrence_rule, '05-20 00:00weekly', 'a task that is a day with a rule') from agenda.create_task('rule', due => '2025-05-20', timezone => 'UTC', recurrence_rule => 'weekly') t;
select is(t.due_kind || t.due_local, 'date2025-05-27 00:00:00', 'has days as successors') from agenda.tasks k, lateral (select (agenda.complete_task(k.id)).next_task.*) t where k.title = 'rule' and k.status = 'pending';

-- ---- purge -------------------------------------------------------------------------------------------------
create temp table pg as select (agenda.create_task('purged')).id;
select agenda.delete_task(id) from pg;
select is(agenda.purge_deleted(), 0::bigint, 'purge_deleted leaves what was deleted lately');
set local agenda.now = '2025-07-01 00:00+00';
select is(agenda.purge_deleted() > 0, true, 'and takes it later');
select throws_ok(format($$select agenda.restore_task(%L)$$, id), 'YA001', null, 'then it cannot be restored') from pg;
select is((select count(*) from agenda.events e, pg where e.subject = pg.id::text and e.type = 'task.deleted'), 1::bigint, 'its history stays as it was');
select throws_ok($$select agenda.purge_deleted('-1 day')$$, 'YA006', null, 'an age below nothing');
set local role agenda_app;
select throws_ok($$select agenda.purge_deleted()$$, '42501', null, 'not for applications');
select throws_ok($$select * from agenda.replan_timezones()$$, '42501', null, 'nor this');
reset role;

select * from finish();
rollback;
