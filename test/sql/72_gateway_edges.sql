-- What arrives at the edges: numbers, names and times that nobody sends but to see what happens.
begin;
set local search_path = public;
select plan(73);

set local agenda.now = '2025-03-10 12:00:00+00';
create function pg_temp.a() returns uuid language sql as $$select 'aaaaaaaa-0000-4000-8000-000000000075'::uuid$$;
create function pg_temp.b() returns uuid language sql as $$select 'bbbbbbbb-0000-4000-8000-000000000075'::uuid$$;
select agenda.act_as(pg_temp.b());
insert into agenda.tasks (title) values ('theirs');
select agenda.act_as(pg_temp.a());
create temp table t as select id from agenda.create_task('Mine', due => '2025-04-01T12:00:00Z');

-- ---- pages ----
select is((select body::jsonb - 'items' from agenda.gw_list_tasks(pg_temp.a(), null, null, jsonb_build_object('page', x.page))),
          '{"total": 1, "page": 1000000, "page_size": 20, "next_cursor": null}', 'page ' || left(x.page, 30))
  from unnest(array['1000000', '99999999999', '0' || repeat('9', 200)]) x (page);
select is((select body::jsonb->'page_size' from agenda.gw_list_recurring_tasks(pg_temp.a(), null, null, '{"page_size": "99999999999999999999"}')), '100', 'so is a size');
select throws_ok(format('select agenda.gw_list_notifications(pg_temp.a(), null, null, %L)', jsonb_build_object('page', x.page)), 'YA006', 'page must be a number from 1 on', x.page)
  from unnest('{0,-99999999999,1e10,0x99999999999}'::text[]) x (page);

-- ---- zones whose name is an abbreviation, too ----
select is((select body::jsonb->'occurrences' from agenda.gw_preview_rule(pg_temp.a(), null, null, jsonb_build_object(
               'rrule', 'FREQ=DAILY;COUNT=1', 'start_date', '2025-07-01T09:00:00', 'timezone', x.zone))),
          jsonb_build_array(x.at), 'nine o''clock in ' || x.zone)
  from (values ('CET', '2025-07-01T07:00:00Z'), ('EET', '2025-07-01T06:00:00Z'), ('Europe/Paris', '2025-07-01T07:00:00Z')) x (zone, at);

-- ---- the ends of time ----
select throws_ok(format('select agenda.gw_preview_rule(pg_temp.a(), null, null, %L)', jsonb_build_object('rrule', 'FREQ=DAILY', 'start_date', x.at, 'timezone', x.zone)),
                 'YA005', format('"%s" is out of range', x.at), x.at || ' ' || x.zone)
  from (values ('0001-01-01T00:00:00+00:01', 'UTC'), ('9999-12-31T23:59:60Z', 'UTC'), ('9999-12-31T23:59:59-00:01', 'UTC'), ('0001-01-01T00:00:00', 'Asia/Tokyo'),
               ('9999-12-31T23:00:00', 'America/New_York')) x (at, zone);
select throws_ok(format('select agenda.create_task(''x'', due => %L)', x.at), 'YA005', null, 'due ' || x.at) from unnest('{0001-01-01T00:00:00+00:01,9999-12-31T23:59:59-00:01}'::text[]) x (at);
select is((select body::jsonb->'occurrences' from agenda.gw_preview_rule(pg_temp.a(), null, null, '{"rrule": "FREQ=DAILY", "start_date": "9999-12-30T23:59:59Z"}')),
          '["9999-12-30T23:59:59Z", "9999-12-31T23:59:59Z"]', 'a preview ends with the year 9999');
select is((select body::jsonb->'occurrences'->0 from agenda.gw_preview_rule(pg_temp.a(), null, null, '{"rrule": "FREQ=DAILY", "start_date": "0001-01-01T00:00:00Z"}')), '"0001-01-01T00:00:00Z"', 'and begins with the year 1');

-- ---- single occurrences ----
create temp table s as select id, all_day from agenda.create_recurring_task('By the hour', 'daily', start_date => '2025-03-11T09:00:00Z')
             union all select id, all_day from agenda.create_recurring_task('By the day', 'daily', start_date => '2025-03-11');
select agenda.gw_add_occurrence(pg_temp.a(), null, null, id, '{"occurrence_key": "2025-03-20T13:00:00.5"}') from s;
select agenda.gw_add_occurrence(pg_temp.a(), null, null, id, '{"occurrence_key": "2025-03-20T13:00:00"}') from s;
select is((select array_agg(o.occurrence_key::text) from agenda.recurrence_overrides o where o.recurring_task_id = s.id),
          array[case when s.all_day then '2025-03-20 00:00:00' else '2025-03-20 13:00:00' end], 'an added occurrence has a key that can be said') from s;
select throws_ok(format('select agenda.gw_patch_occurrence(pg_temp.a(), null, null, %L, %L)', s.id, jsonb_build_object('occurrence_key', '2025-03-14T09:00:00', 'due_date', x.at)),
                 'YA005', 'the due date is out of range', 'an occurrence that could not be made, due ' || x.at)
  from s, unnest('{9999-12-31T00:00:00Z,9999-12-30,0001-01-02T00:00:00}'::text[]) x (at) where not s.all_day;

-- ---- the longest that there is ----
create function pg_temp.longest(p_char text) returns jsonb language sql as
$$select jsonb_build_object('title', repeat(p_char, 500), 'description', repeat(p_char, 20000),
      'tags', (select jsonb_agg(repeat(p_char, 98) || n) from generate_series(10, 59) n),
      'checklist', (select jsonb_agg(jsonb_build_object('text', repeat(p_char, least(500, 297500 / 200 / (length(to_json(p_char)::text) + octet_length(p_char) - length(p_char) - 2) - 12)))) from generate_series(1, 200)))$$;
create temp table longest as select c, (g.body::jsonb->>'id')::uuid as id from unnest(array['x', '😀', E'\x01']) c, agenda.gw_create_task(pg_temp.a(), null, null, pg_temp.longest(c)) g;
select is((select count(*) from longest l join agenda.tasks t using (id) where octet_length(t.checklist::text) between 100000 and 305000), 3::bigint, 'tasks of any length');
select is((select status from agenda.gw_update_task(pg_temp.a(), null, null, l.id, jsonb_build_object('description', repeat(l.c, 19999)), null)), 200, 'can be changed') from longest l;
select is((select status from agenda.gw_complete_task(pg_temp.a(), null, null, l.id, null)), 200, 'done') from longest l;
select is((select status from agenda.gw_delete_task(pg_temp.a(), null, null, l.id, null)), 204, 'and deleted') from longest l;
select throws_ok(format('select agenda.gw_create_task(pg_temp.a(), null, null, %L)', jsonb_build_object('title', 'x', 'checklist', (select jsonb_agg(jsonb_build_object('text', repeat('😀', 500))) from generate_series(1, 200)))),
                 'YA006', 'the checklist is not valid', 'one with a longer checklist could not');
select throws_ok($$select agenda.gw_set_preferences(pg_temp.a(), null, null, jsonb_build_object('default_reminders', jsonb_build_array(jsonb_build_object('offset', '-1 day', 'source', repeat('x', 20000)))), null)$$,
                 'YA006', 'default_reminders must be at most 20 kB long', 'nor are default reminders a place for other things');

-- ---- who somebody is ----
create temp table named as select agenda.gw_login('alice@example.org') as id;
select is(agenda.gw_login('alice@example.org'), id, 'a name is one user') from named;
select throws_ok(format('select agenda.gw_login(%L)', sub), 'YA010', null, 'whose id is nobody else''s name: ' || x.what)
  from named, lateral (values ('as it is', id::text), ('in capitals', upper(id::text))) x (what, sub);
select is(agenda.gw_login('cccccccc-0000-4000-8000-000000000075'), 'cccccccc-0000-4000-8000-000000000075', 'a user without a name has the id as name');
select is(agenda.gw_login('CCCCCCCC-0000-4000-8000-000000000075'), 'cccccccc-0000-4000-8000-000000000075', 'however it is written');
select is(agenda.current_user_id(), pg_temp.a(), 'and the acting user is the one before');

-- ---- times as browsers write them ----
create function pg_temp.next_key(p_series uuid) returns jsonb language sql as
$$select jsonb_build_object('occurrence_key', g.body::jsonb#>'{items,0,occurrence_key}') from agenda.gw_preview_recurring_task(pg_temp.a(), null, null, p_series, '{}') g$$;
set local agenda.now = '2025-03-10 12:00:00.123+00';
create temp table milli as
    select 'a series' as what, (body::jsonb->>'id')::uuid as id from agenda.gw_create_recurring_task(pg_temp.a(), null, null, '{"title": "ms", "recurrence_type": "daily", "start_date": "2025-03-11T09:00:00.123Z"}')
    union all select 'a series of now', (body::jsonb->>'id')::uuid from agenda.gw_create_recurring_task(pg_temp.a(), null, null, '{"title": "ms", "recurrence_type": "daily"}')
    union all select 'a task with a rule', (body::jsonb->>'id')::uuid from agenda.gw_create_task(pg_temp.a(), null, null, '{"title": "ms", "due_date": "2025-03-11T10:00:00.123Z", "recurrence_rule": "daily"}')
    union all select 'a task without a due date', (body::jsonb->>'id')::uuid from agenda.gw_create_task(pg_temp.a(), null, null, '{"title": "ms", "recurrence_rule": "daily"}');
select agenda.complete_task(t.id) from milli m join agenda.tasks t using (id);
update milli m set id = t.recurring_task_id from agenda.tasks t where t.id = m.id;
select is((select g.status from agenda.gw_skip_occurrence(pg_temp.a(), null, null, m.id, pg_temp.next_key(m.id)) g), 200, 'what comes next can be named: ' || m.what) from milli m;
select agenda.gw_update_task(pg_temp.a(), null, null, t.id, '{"due_date": "2025-03-10T15:30:00.999Z", "scope": "all"}', null)
  from milli m join agenda.tasks t on t.recurring_task_id = m.id where m.what = 'a series of now';
select is((select (r.dtstart, t.occurrence_key)::text from agenda.tasks t join agenda.recurring_tasks r on r.id = t.recurring_task_id where r.id = m.id), '("2025-03-10 15:30:00","2025-03-10 15:30:00")', 'also when all of it moves')
  from milli m where m.what = 'a series of now';
select throws_ok(format('insert into agenda.recurrence_overrides (recurring_task_id, occurrence_key, kind) values (%L, ''2025-03-20 10:00:00.5'', ''add'')', m.id), 'YA005', 'occurrence_key must be a whole second', 'plain SQL is held to it')
  from milli m where m.what = 'a series';
set local agenda.now = '2025-03-10 12:00:00+00';

-- ---- lengths of time ----
select throws_ok(format('select agenda.gw_snooze_task(pg_temp.a(), null, null, %L, %L)', t.id, jsonb_build_object('for_time', x.length)),
                 'YA005', 'a snooze must end in the future, within ten years', 'for ' || x.length)
  from t, unnest('{178000000 years,-178000000 years,11 years,0 seconds}'::text[]) x (length);
select throws_ok(format('select agenda.gw_snooze_task(pg_temp.a(), null, null, %L, %L)', t.id, '{"for_time": "a while"}'), 'YA006', null, 'a word is none') from t;
select throws_ok($$select agenda.gw_set_preferences(pg_temp.a(), null, null, jsonb_build_object('default_reminders', jsonb_build_array(jsonb_build_object('offset', '-1 day', 'at_time', '24:00'))), null)$$,
                 'YA006', 'at_time must be before 24:00', 'a reminder that no task could have is no default one');
select throws_ok(format('select agenda.gw_add_reminder(pg_temp.a(), null, null, %L, %L)', t.id, '{"offset": "-1 day", "at_time": "23:59:60"}'), 'YA006', 'at_time must be before 24:00', 'whoever writes it') from t;
select throws_ok(format('select agenda.set_reminders(%L, %L)', t.id, (select jsonb_agg('-1 hour'::text) from generate_series(1, 101))), 'YA008', null, 'a hundred and one reminders') from t;
select is((select count(*) from t, agenda.set_reminders(t.id, (select jsonb_agg('-1 hour'::text) from generate_series(1, 100)))), 100::bigint, 'a hundred are not too many');

-- ---- histories ----
do $$
begin
    for i in 1 .. 505 loop
        perform agenda.update_task(t.id, jsonb_build_object('title', 'Mine ' || i)) from t;
    end loop;
end $$;
select is((select jsonb_array_length(h.body::jsonb->'items') || ' ' || (h.body::jsonb#>>'{items,499,after,title}') from t, agenda.gw_task_history(pg_temp.a(), null, null, t.id) h),
          '500 Mine 505', 'the newest 500 changes');
select is((select count(*) from t, agenda.task_history(t.id)), 506::bigint, 'of all that SQL gives');

create temp table long as select id from agenda.create_task('Long', description => repeat('😀', 20000));
do $$
begin
    for i in 1 .. 59 loop
        perform agenda.update_task(long.id, jsonb_build_object('title', 'Long ' || i)) from long;
    end loop;
end $$;
create temp table long_history as select g.body from long, agenda.gw_task_history(pg_temp.a(), null, null, long.id) g;
select ok(octet_length(body) between 8000000 and 8500000, 'or eight megabytes of them') from long_history;
select is(body::jsonb#>>'{items,-1,after,title}', 'Long 59', 'with the newest') from long_history;

-- ---- changes ----
-- as the drainer says that all of this has been read
insert into agenda.ticks (tick, saved_at, lo, hi, seq)
select coalesce(max(tick), 0) + 1, clock_timestamp(), format('%1$s:%1$s:', pg_current_xact_id()::text::bigint + 1)::pg_snapshot, null, 0 from agenda.ticks;
create function pg_temp.changes() returns table (titles text[], longest integer, calls integer) language plpgsql as
$$
declare v_body jsonb; v_since text := '0.0';
begin
    calls := 0; longest := 0; titles := '{}';
    loop
        select g.body::jsonb, greatest(longest, octet_length(g.body)) into v_body, longest from agenda.gw_changes(pg_temp.a(), null, null, jsonb_build_object('since', v_since, 'limit', 500)) g;
        titles := titles || array(select i#>>'{data,after,title}' from jsonb_array_elements(v_body->'items') i where i#>>'{data,after,id}' = (select id::text from long));
        calls := calls + 1;
        v_since := v_body->>'next';
        exit when not (v_body->>'has_more')::boolean or calls > 100;
    end loop;
    return next;
end
$$;
select is(titles, array['Long'] || array(select 'Long ' || n from generate_series(1, 59) n), 'each change once and in order, by calls that end with eight megabytes') from pg_temp.changes();
select ok(longest < 9000000, 'and not much later') from pg_temp.changes();

-- ---- events from outside ----
create function pg_temp.event(p_handler text, p_id text, p_source text, p_data jsonb) returns jsonb language plpgsql as $$
declare v_answer text;
begin
    execute format('select body from agenda.%I(null, null, null, $1)', p_handler) into v_answer
      using jsonb_build_object('id', p_id, 'source', p_source, 'type', 'app.thing', 'data', p_data);
    return v_answer;
end $$;
select is(pg_temp.event('gw_event_reminders', n::text, repeat('s', 1000), jsonb_build_object('user_id', pg_temp.a(), 'title', 'of ' || n)), '{"status": "SUCCESS"}', 'event ' || n || ' of a source with a long name')
  from generate_series(1, 2) n;
select set_eq($$select title from agenda.notifications where user_id = pg_temp.a() and title like 'of _'$$, '{of 1,of 2}'::text[], 'each is told');
select is(pg_temp.event('gw_event_reminders', '3', repeat('ß', 501), jsonb_build_object('user_id', pg_temp.a()))->>'reason', 'id is longer than 255 bytes, or source than 1000', 'a name that is too long');
select is(pg_temp.event('gw_event_reminders', '4', 's', jsonb_build_object('user_id', x.id))->>'status', 'DROP', 'a user who is ' || x.id::text)
  from unnest('{"{}","[]","true","null"}'::jsonb[]) x (id);
select is(pg_temp.event('gw_event_audit', '5', 's', jsonb_build_object('user_id', pg_temp.a(), 'x', repeat('x', pg_size_bytes(current_setting('agenda.max_event_bytes'))::integer)))->>'status', 'DROP', 'what is too large once is too large each time');

select * from finish();
rollback;
