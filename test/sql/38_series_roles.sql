-- Series and occurrences as the roles that use them: what an application and a person may do, what they may not,
-- and what stands at the limits of time.
begin;
set local search_path = public;
select no_plan();

create role t38_app login in role agenda_app;
create role t38_person login in role agenda_user;
grant usage on schema public to t38_app, t38_person;
set local agenda.now = '2025-03-01 10:00+00';
select agenda.user_id_of('person38');
-- somebody else's
select agenda.act_as('bbbbbbbb-0000-4000-8000-000000000038');
create temp table other as select id from agenda.create_recurring_task('other', 'daily', start_date => '2025-03-01T09:00:00Z');
select agenda.skip_occurrence(id, '2025-03-05 09:00') from other;
select agenda.act_as(null);
grant select on other to public;
grant temporary on database agenda to t38_app, t38_person;

-- everything that a role may do with a series, one after the other
create function pg_temp.everything() returns text language plpgsql as $$
declare
    r agenda.recurring_tasks;
    n agenda.recurring_tasks;
    t agenda.tasks;
    c agenda.completion;
begin
    r := agenda.create_recurring_task('mine', 'daily', start_date => '2025-03-01T09:00:00Z', tags => '{a}', checklist => '[{"text": "x"}]', options => '{"lead_time": "1 hour"}');
    r := agenda.update_recurring_task(r.id, '{"missed": "all", "timezone": "Europe/Berlin"}', r.version);
    r := agenda.pause_recurring_task(r.id, '2025-04-01');
    r := agenda.resume_recurring_task(r.id);
    r := agenda.skip_occurrence(r.id, '2025-03-04 09:00');
    perform agenda.add_occurrence(r.id, '2025-03-04 12:00', '{"title": "extra"}');
    perform agenda.patch_occurrence(r.id, '2025-03-05 09:00', '{"priority": 1}');
    c := agenda.complete_occurrence(r.id, '2025-03-06 09:00');
    perform agenda.undo(c.undo_token);
    t := agenda.trigger_recurring_task(r.id);
    t := agenda.update_task(t.id, '{"tags": ["b"]}', t.version, 'this');
    t := agenda.reschedule_task(t.id, '2025-03-02');
    c := agenda.skip_task(t.id);
    t := agenda.reopen_task(t.id);
    c := agenda.cancel_task(t.id);
    perform agenda.delete_task(t.id);
    t := agenda.restore_task(t.id);
    perform agenda.backfill_recurring_task(r.id, '2025-02-01', '2025-03-01 10:00+00');
    perform agenda.preview_recurring_task(r.id, 3, '{"recurrence_interval": 2}');
    perform agenda.calendar('2025-03-01', '2025-04-01');
    c := agenda.complete_occurrence(r.id, '2025-03-07 09:00');
    t := agenda.get_task((c.task).id);
    t := agenda.update_task(t.id, '{"title": "later"}', null, 'following');
    n := agenda.update_recurring_task(t.recurring_task_id, '{"title": "latest"}', null, '2025-03-20');
    perform agenda.update_task(t.id, '{"title": "all"}', null, 'all');
    insert into agenda.recurrence_overrides (recurring_task_id, occurrence_key, kind) values (n.id, '2025-04-01 09:00', 'skip');
    update agenda.recurrence_overrides set reason = 'why' where recurring_task_id = n.id;
    delete from agenda.recurrence_overrides where recurring_task_id = n.id;
    perform agenda.delete_recurring_task(n.id, null, 'delete');
    n := agenda.restore_recurring_task(n.id);
    perform agenda.delete_task(t.id, null, 'all');
    insert into agenda.recurring_tasks (title, recurrence_type, basis, spawn, overlap, missed) values ('sql', 'weekly', 'completion', 'completion', 'hold', 'skip');
    update agenda.recurring_tasks set lead_time = '2 hours' where title = 'sql';
    delete from agenda.recurring_tasks where title = 'sql';
    return 'done';
end $$;
set local role t38_app;
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000038');
select is(pg_temp.everything(), 'done', 'an application may do all this');
select is((select count(*) from agenda.recurrence_overrides o, other where o.recurring_task_id = other.id), 0::bigint, 'it does not see another user''s overrides');
select throws_ok($$insert into agenda.recurrence_overrides (user_id, recurring_task_id, occurrence_key, kind) select 'bbbbbbbb-0000-4000-8000-000000000038', id, '2025-03-07 09:00', 'skip' from other$$, '42501', null, 'nor write them');
select throws_ok($$insert into agenda.recurrence_overrides (recurring_task_id, occurrence_key, kind) select id, '2025-03-07 09:00', 'skip' from other$$, '23503', null, 'nor as its own');
select throws_ok(format('update agenda.recurring_tasks set %I = null', c), '42501', null, c || ' is the engine''s')
  from unnest('{last_key,next_key,next_due_at,dtstart,missed_count,overlap_count,occurrences_created,has_overrides,split_from,version}'::text[]) c;
select throws_ok(format('select agenda.%s', f), '42501', null, f || ' is the engine''s')
  from unnest(array['_materialise(null, null, null)', '_catch_up(null, null, null)', '_advance(null, null, null, 0, 0)', '_spawn(null, now())', '_follow(null, null, null)',
                    '_end_series(null)', '_move_occurrences(null, null, null, null, null)', 'replan_timezones()', 'purge_deleted()']) f;
select throws_ok($$select agenda._split_series(id, '2025-03-07 09:00', '{}', '0') from other$$, 'YA001', null, 'what runs with the owner''s rights sees the caller''s rows only');
reset role;
-- what the person's login would be mapped to (20_identity.sql)
select agenda.act_as(agenda.user_id_of('person38'));
set local role t38_person;
select is(pg_temp.everything(), 'done', 'and so may a person');
select is((select count(distinct user_id) from agenda.tasks), 1::bigint, 'for itself');
reset role;

-- as the gateway asks
select agenda.user_id_of('dddddddd-0000-4000-8000-000000000038');
create temp table gw as select (g.body::jsonb->>'id')::uuid as id, g.body::jsonb as body from agenda.gw_create_recurring_task('dddddddd-0000-4000-8000-000000000038', 'r', null,
    '{"title": "rent", "rrule": "FREQ=MONTHLY;BYMONTHDAY=1", "start_date": "2025-03-05T09:00", "timezone": "UTC", "business_shift": "previous", "lead_time": "1 day", "missed": "all", "tags": null}') g;
select is(format('%s %s %s', body->>'policy', body->>'business_shift', body->>'lead_time'), 'must_do previous 1 day', 'members of a series come through REST by their names') from gw;
select is((select o.body from gw, agenda.gw_list_occurrences('dddddddd-0000-4000-8000-000000000038', 'r', null, gw.id, '{"to": "2025-07-01", "limit": "3"}') o),
          '{"items": ["2025-04-01T09:00:00Z", "2025-05-01T09:00:00Z", "2025-05-30T09:00:00Z"]}', 'occurrences as they are due');

-- ---- limits of time -------------------------------------------------------------------------------------
select agenda.act_as('cccccccc-0000-4000-8000-000000000038');
set local agenda.now = '9999-12-20 00:00+00';
create temp table far as select id from agenda.create_recurring_task('the end of time', 'daily', start_date => '9999-12-25T09:00:00Z', timezone => 'UTC');
select is((select string_agg(to_char(occurrence_key, 'DD'), ' ') from far, agenda.preview_recurring_task(far.id, 10)), '25 26 27', 'the calendar ends with what RFC 3339 can say everywhere');
set local agenda.now = '0001-02-01 00:00+00';
select is((agenda.create_recurring_task('its beginning', 'yearly', start_date => '0001-01-10T00:00:00Z', timezone => 'UTC')).next_due_at, '0002-01-10 00:00+00'::timestamptz, 'and begins so');
set local agenda.now = '2025-03-01 10:00+00';
select throws_ok(format($$select agenda.create_recurring_task('x', 'daily', start_date => %L)$$, d), s, null, d || ' is no start')
  from (values ('0001-01-01', 'YA005'), ('9999-12-31', 'YA005'), ('2025-02-30', 'YA005'), ('tomorrow', 'YA005'), ('infinity', 'YA005')) v (d, s);
select throws_ok($$insert into agenda.recurring_tasks (title, recurrence_type, start_date) values ('x', 'daily', 'infinity')$$, 'YA005', null, 'nor by plain SQL');
select throws_ok($$select agenda.create_recurring_task('x', 'daily', 2147483647, start_date => '2025-03-01')$$, 'YA006', null, 'an interval of ten digits');
select is((agenda.create_recurring_task('x', 'daily', 999999999, start_date => '2025-03-01')).is_active, false, 'an interval beyond the end of time: once, and over');
select is((agenda.create_recurring_task('x', rrule => 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30')).is_active, false, '30 February: never');
select is((agenda.create_recurring_task('since 1900', rrule => 'FREQ=SECONDLY', start_date => '1900-01-01T00:00:00Z', timezone => 'UTC')).last_created_at, agenda.now(), 'each second since 1900');
select is((select count(*) from agenda.tasks where title = 'since 1900'), 1::bigint, 'the newest is made');
select agenda.create_recurring_task('all since 1900', rrule => 'FREQ=SECONDLY', start_date => '1900-01-01T00:00:00Z', timezone => 'UTC', policy => 'must_do');
select is((select count(*) from agenda.tasks where title = 'all since 1900'), 100::bigint, 'where all are wanted, a hundred at a time');
select throws_ok(format('select agenda.create_recurring_task(%s)', a), s, null, left(a, 50) || ' is refused')
  from (values ('null, ''daily''', '23502'), (''''', ''daily''', '23514'), (format('%L, ''daily''', repeat('x', 501)), '23514'), ('''x'', ''daily'', 0', 'YA003'), ('''x'', ''daily'', -1', 'YA003'),
               ('''x'', null', 'YA006'), ('''x'', ''daily'', priority => 4', '23514'), ('''x'', ''daily'', description => repeat(''x'', 20001)', '23514'),
               ('''x'', rrule => repeat(''x'', 100000)', 'YA003'), ('''x'', rrule => ''FREQ=DAILY;COUNT=0''', 'YA003'), ('''x'', ''daily'', timezone => repeat(''x'', 10000)', 'YA004'),
               ('''x'', ''daily'', options => null', 'YA006')) v (a, s);
select throws_ok($$select agenda.update_recurring_task(null, '{}')$$, 'YA001', null, 'no series');
select throws_ok(format($$select agenda.update_recurring_task(%L, null)$$, id), 'YA006', null, 'no patch') from far;
select throws_ok(format($$select agenda.update_recurring_task(%L, '{"title": "x"}', 99)$$, id), 'YA002', null, 'an old version') from far;
select throws_ok(format($$select agenda.complete_occurrence(%L, null)$$, id), 'YA001', null, 'no key') from far;
select throws_ok(format($$select agenda.skip_occurrence(%L, 'infinity')$$, id), 'YA001', null, 'a key without end') from far;

select * from finish();
rollback;
