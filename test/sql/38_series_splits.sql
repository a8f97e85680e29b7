-- Edits of this and the following occurrences, and of all: the rule goes on as it was, nobody's key is in the way.
begin;
set local search_path = public;
select no_plan();

create function pg_temp.at(p text) returns void language sql as $$
    select set_config('agenda.now', p, true);
    select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000238')
$$;
create function pg_temp.keys(p_series uuid, n integer default 4) returns text language sql as $$
    select string_agg(to_char(o.occurrence_key, 'MM-DD HH24:MI'), ', ' order by o.occurrence_key) from agenda.preview_recurring_task(p_series, n) o
$$;
create function pg_temp.open_dues(p_series uuid) returns text language sql as $$
    select string_agg(to_char(t.due_date at time zone 'UTC', 'MM-DD HH24:MI'), ', ' order by t.due_date)
      from agenda.tasks t where t.recurring_task_id = p_series and t.status = 'pending' and t.deleted_at is null
$$;

-- ---- a rule that takes its day from the start ---------------------------------------------------------
select pg_temp.at('2025-03-03 08:00+00');
create temp table d1 as select r.* from agenda.create_recurring_task('31st', 'monthly', start_date => '2026-01-31T09:00') s,
    agenda.update_recurring_task(s.id, '{"title": "new"}', effective_from => '2026-02-15') r;
select is(pg_temp.keys(id), '02-28 09:00, 03-31 09:00, 04-30 09:00, 05-31 09:00', 'goes on to the end of longer months') from d1;
create temp table d2 as select r.* from agenda.create_recurring_task('29 February', 'yearly', start_date => '2028-02-29T09:00') s,
    agenda.update_recurring_task(s.id, '{"title": "new"}', effective_from => '2029-01-01') r;
select is(pg_temp.keys(id), '02-28 09:00, 02-28 09:00, 02-28 09:00, 02-29 09:00', 'and to the next leap year') from d2;
create temp table d3 as select r.* from agenda.create_recurring_task('15th', 'monthly', start_date => '2026-01-15T09:00') s,
    agenda.update_recurring_task(s.id, '{"title": "new"}', effective_from => '2026-02-01') r;
select unalike(rrule::text, '%BYMONTHDAY%', 'where there is nothing to keep the rule stays as it was') from d3;

-- ---- at an occurrence that is none of the rule's ---------------------------------------------------------
create temp table a1 as select id from agenda.create_recurring_task('added', 'weekly', start_date => '2025-04-07T07:00');
select agenda.add_occurrence(id, '2025-04-16 12:00') from a1;
select agenda.patch_occurrence(id, '2025-04-16 12:00', '{"title": "x"}', 'following') from a1;
select is(pg_temp.keys(r.id), '04-16 12:00, 04-21 07:00, 04-28 07:00, 05-05 07:00', 'the one that was added goes along, the rule goes on')
  from agenda.recurring_tasks r join a1 on r.split_from = a1.id;
create temp table a2 as select id from agenda.create_recurring_task('triggered', 'weekly', start_date => '2025-03-03T07:00');
select pg_temp.at('2025-03-05 10:37+00');
create temp table a3 as select agenda.update_task(t.id, '{"title": "following"}', scope => 'following') as t from a2, agenda.trigger_recurring_task(a2.id) t;
select is(pg_temp.keys((t).recurring_task_id, 2), '03-10 07:00, 03-17 07:00', 'so it does behind one that was triggered') from a3;

-- ---- another time from then on -----------------------------------------------------------------------------
create temp table t1 as select r.* from agenda.create_recurring_task('time', 'weekly', start_date => '2026-01-05T09:00', timezone => 'Europe/Berlin') s,
    agenda.update_recurring_task(s.id, '{"start_date": "2040-01-02T10:00"}', effective_from => '2040-01-02') r;
select is(pg_temp.keys(id, 2), '01-02 10:00, 01-09 10:00', 'start_date counts') from t1;
create temp table t2 as select r.* from agenda.create_recurring_task('time', 'weekly', start_date => '2026-01-05T09:00', timezone => 'Europe/Berlin') s,
    agenda.update_recurring_task(s.id, '{"start_date": "2026-01-05T10:00"}', effective_from => '2040-01-02') r;
select is(pg_temp.keys(id, 2), '01-02 10:00, 01-09 10:00', 'of one that lies before, the time of day') from t2;

-- ---- all of them -------------------------------------------------------------------------------------------
select pg_temp.at('2025-03-10 08:00+00');
create temp table c0 as select id from agenda.create_recurring_task('after', 'daily', start_date => '2025-03-10T09:00', policy => 'after_completion');
create temp table c1 as select t.id from agenda.tasks t, c0 where t.recurring_task_id = c0.id;
select agenda.reschedule_task(id, '2025-03-10T11:00', scope => 'all') from c1;
select is((select (c.next_task).due_local from c1, agenda.complete_task(c1.id) c), '2025-03-11 11:00', 'what is computed from completion goes on, at the new time');
create temp table c2 as select r.id from agenda.create_recurring_task('neighbours', 'daily', start_date => '2025-03-07T09:00', policy => 'must_do') r;
select is(pg_temp.open_dues(id), '03-07 09:00, 03-08 09:00, 03-09 09:00', 'three are open') from c2;
select agenda.reschedule_task(t.id, '2025-03-10T09:00', scope => 'all') from agenda.tasks t, c2 where t.recurring_task_id = c2.id and t.occurrence_key = '2025-03-09 09:00';
select is(pg_temp.open_dues(id), '03-08 09:00, 03-09 09:00, 03-10 09:00', 'they move later by a day') from c2;
select agenda.reschedule_task(t.id, '2025-03-09T09:00', scope => 'all') from agenda.tasks t, c2 where t.recurring_task_id = c2.id and t.occurrence_key = '2025-03-10 09:00';
select is(pg_temp.open_dues(id), '03-07 09:00, 03-08 09:00, 03-09 09:00', 'and back') from c2;
create temp table c3 as select (c.next_task).* from agenda.create_task('done', due => '2025-03-10T09:00', recurrence_rule => 'daily') t, agenda.complete_task(t.id) c;
select throws_ok(format($$select agenda.reschedule_task(%L, '2025-03-10T09:00', scope => 'all')$$, id), 'YA006', 'the series has had its occurrence of 2025-03-10T09:00:00',
    'but not where one is over') from c3;
create temp table c4 as select r.id from agenda.create_recurring_task('days', 'weekly', start_date => '2025-03-11') r;
select agenda.patch_occurrence(id, '2025-03-11 00:00', '{"due_date": "2025-03-10"}', 'all') from c4;
select set_config('agenda.now', '2025-03-10 08:01+00', true);
select agenda.act_as(null);
select agenda.check_due_tasks(1000);
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000238');
select is((select count(*) from agenda.tasks t where t.recurring_task_id = c4.id and t.due_local = '2025-03-10'), 1::bigint, 'a whole day that is moved to today is owed today') from c4;

-- ---- what the other open ones share ---------------------------------------------------------------------------
create function pg_temp.open_ones(p_series uuid) returns text language sql as $$
    select string_agg(concat_ws(' ', t.title, t.due_kind, to_char(t.due_local, 'MM-DD HH24:MI'), t.timezone, t.checklist->0->>'text'), ', ' order by t.due_date)
      from agenda.tasks t where t.recurring_task_id = p_series and t.status = 'pending' and t.deleted_at is null
$$;
create function pg_temp.edit(p_series uuid, p_key timestamp, p_patch jsonb) returns void language sql as $$
    select agenda.update_task(t.id, p_patch, scope => 'all') from agenda.tasks t where t.recurring_task_id = p_series and t.occurrence_key = p_key
$$;
select pg_temp.at('2025-03-10 10:00+00');
create temp table e1 as select id from agenda.create_recurring_task('e', 'daily', start_date => '2025-03-09T09:00', policy => 'must_do');
select pg_temp.edit(id, '2025-03-10 09:00', '{"due_date": "2025-03-10"}') from e1;
select is(pg_temp.open_ones(id), 'e date 03-09 00:00, e date 03-10 00:00', 'all become whole days') from e1;
select pg_temp.edit(id, '2025-03-10 00:00', '{"due_date": "2025-03-10T15:00"}') from e1;
select is(pg_temp.open_ones(id), 'e local 03-09 15:00, e local 03-10 15:00', 'and times again') from e1;
select pg_temp.edit(id, '2025-03-10 15:00', '{"timezone": "America/New_York", "checklist": [{"text": "x"}]}') from e1;
select is(pg_temp.open_ones(id), 'e local 03-09 15:00 America/New_York x, e local 03-10 15:00 America/New_York x', 'all have the zone and the list') from e1;
select agenda.update_task(t.id, '{"title": "its own"}') from agenda.tasks t, e1 where t.recurring_task_id = e1.id and t.occurrence_key = '2025-03-09 15:00';
select pg_temp.edit(id, '2025-03-10 15:00', '{"title": "of all"}') from e1;
select is(pg_temp.open_ones(id), 'its own local 03-09 15:00 America/New_York x, of all local 03-10 15:00 America/New_York x', 'but one that has its own keeps it') from e1;
select is_empty('select * from agenda.fsck()', 'all is as it should be');

-- ---- what differs goes along ----------------------------------------------------------------------------------
select pg_temp.at('2025-03-10 08:00+00');
create temp table v1 as select id from agenda.create_recurring_task('moved', 'weekly', start_date => '2025-03-05T09:00:00Z');
select agenda.add_occurrence(id, '2025-03-11 12:00') from v1;
select agenda.reschedule_task(t.id, '2025-03-05T11:00', scope => 'all') from v1 join agenda.tasks t on t.recurring_task_id = v1.id;
select is(pg_temp.keys(id, 2), '03-11 14:00, 03-12 11:00', 'one that was added moves, and is not at its old time as well') from v1;
update agenda.recurrence_overrides o set occurrence_key = '2025-03-13 09:00' from v1 where o.recurring_task_id = v1.id;
select is(pg_temp.keys(id, 2), '03-12 11:00, 03-13 09:00', 'nor is it when its row is changed') from v1;
create temp table v2 as select id from agenda.create_recurring_task('divided', 'weekly', start_date => '2025-03-05T09:00:00Z');
select agenda.add_occurrence(id, '2025-03-11 12:00') from v2;
select agenda.patch_occurrence(id, '2025-03-11 12:00', '{"title": "new"}', 'following') from v2;
select is(pg_temp.keys(id), null, 'it leaves the series that ended before it') from v2;
select is(pg_temp.keys(r.id, 2), '03-11 12:00, 03-12 09:00', 'and is in the other') from agenda.recurring_tasks r join v2 on r.split_from = v2.id;
create temp table v3 as select id from agenda.create_recurring_task('left out', 'daily', start_date => '2025-03-10T07:00:00Z');
select agenda.skip_occurrence(id, '2025-03-11 07:00') from v3;
select agenda.reschedule_task(t.id, '2025-03-09T07:00', scope => 'all') from v3 join agenda.tasks t on t.recurring_task_id = v3.id;
select is(pg_temp.keys(id, 2), '03-11 07:00, 03-12 07:00', 'what was left out moves, and leaves its day to another') from v3;

select * from finish();
rollback;
