-- Single occurrences by key: left out, added, changed, done in advance; edits of this, the following and all;
-- trigger, backfill, preview.
begin;
set local search_path = public;
select no_plan();

create function pg_temp.act() returns void language sql as
    $$select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000032')$$;
create function pg_temp.at(p text) returns void language plpgsql as $$
begin
    perform set_config('agenda.now', p, true);
    perform agenda.act_as(null);
    while (agenda.check_due_tasks(1000)).raised > 0 loop
    end loop;
    perform pg_temp.act();
end $$;
create function pg_temp.dues(p_series uuid, p_status text default '%') returns text language sql as $$
    select string_agg(to_char(t.due_date at time zone 'UTC', 'MM-DD HH24:MI'), ', ' order by t.occurrence_key)
      from agenda.tasks t where t.recurring_task_id = p_series and t.status like p_status and t.deleted_at is null
$$;
create function pg_temp.ahead(p_series uuid, n integer default 3) returns text language sql as $$
    select string_agg(to_char(o.due_at at time zone 'UTC', 'MM-DD HH24:MI'), ', ' order by o.occurrence_key) from agenda.preview_recurring_task(p_series, n) o
$$;
create function pg_temp.last_of(p_series uuid) returns uuid language sql as $$
    select t.id from agenda.tasks t where t.recurring_task_id = p_series and t.deleted_at is null order by t.occurrence_key desc limit 1
$$;
create function pg_temp.daily(p_title text, p_policy text default 'fixed') returns uuid language sql as $$
    select (agenda.create_recurring_task(p_title, 'daily', start_date => '2025-03-01T09:00:00Z', policy => p_policy)).id
$$;

select pg_temp.at('2025-03-01 10:00+00');
create temp table s as select n as name, pg_temp.daily(n) as id
  from unnest('{skip,add,patch,done,trigger,fill,sql,this,following,all,del_following,del_all,split,keep}'::text[]) n;

-- ---- left out -----------------------------------------------------------------------------------
select is((agenda.skip_occurrence(id, '2025-03-02 09:00', 'holiday')).next_due_at, '2025-03-03 09:00+00'::timestamptz, 'U38 skip_occurrence: the next one is left out before it is a task') from s where name = 'skip';
select is((agenda.skip_occurrence(id, '2025-03-04 09:00')).next_due_at, '2025-03-03 09:00+00'::timestamptz, 'and a later one') from s where name = 'skip';
select is((select jsonb_agg(jsonb_build_array(e.data->'changed', e.data->'before'->'override', e.data->'after'->'override'->'reason') order by e.seq) from agenda.events e where e.subject = s.id::text and e.type = 'recurring_task.updated'),
          '[[["override"], null, "holiday"], [["override"], null, null]]', 'U38 in the log it is a change of the series, with its reason') from s where name = 'skip';
select lives_ok(format($$select agenda.skip_occurrence(%L, '2025-03-04 09:00')$$, id), 'again is harmless') from s where name = 'skip';
select is(pg_temp.ahead(id), '03-03 09:00, 03-05 09:00, 03-06 09:00', 'preview leaves them out') from s where name = 'skip';
select pg_temp.at('2025-03-06 08:00+00');
select is(pg_temp.dues(id), '03-01 09:00, 03-05 09:00', 'and so does the clock') from s where name = 'skip';
select is((select (e.data->>'count')::integer from agenda.events e, s where e.type = 'task.missed' and e.subject = s.id::text and s.name = 'skip'), 1, 'what was left out was not missed');
select agenda.skip_occurrence(id, '2025-03-05 09:00') from s where name = 'skip';
select is(pg_temp.dues(id, 'skipped'), '03-05 09:00', 'U38 what is a task already is skipped as one') from s where name = 'skip';
select throws_ok(format($$select agenda.skip_occurrence(%L, '2025-03-07 10:00')$$, id), 'YA001', null, 'a key that is none') from s where name = 'skip';
select throws_ok($$select agenda.skip_occurrence('00000000-0000-4000-8000-00000000dead', '2025-03-07 09:00')$$, 'YA001', null, 'a series that is none');
delete from agenda.recurrence_overrides;
select is((agenda.skip_occurrence(id, '2025-03-06 09:00')).next_due_at, '2025-03-07 09:00+00'::timestamptz, 'left out again') from s where name = 'skip';
delete from agenda.recurrence_overrides o using s where o.recurring_task_id = s.id and s.name = 'skip';
select is((agenda.get_recurring_task(id)).next_due_at, '2025-03-06 09:00+00'::timestamptz, 'the override deleted, it is back') from s where name = 'skip';

-- ---- added ---------------------------------------------------------------------------------------
select is((agenda.add_occurrence(id, '2025-03-06 08:30', '{"title": "once more", "priority": 1}')).due_at, '2025-03-06 08:30+00'::timestamptz, 'add_occurrence') from s where name = 'add';
select is((agenda.get_recurring_task(id)).next_due_at, '2025-03-06 08:30+00'::timestamptz, 'is the next one') from s where name = 'add';
select is(pg_temp.ahead(id), '03-06 08:30, 03-06 09:00, 03-07 09:00', 'among those of the rule') from s where name = 'add';
select pg_temp.at('2025-03-06 08:30+00');
select is(title || priority, 'once more1', 'and becomes a task with what it has for itself') from s, agenda.get_task(pg_temp.last_of(s.id)) where name = 'add';
select pg_temp.at('2025-03-06 09:00+00');
select is(title, 'add', 'the next is as the template says') from s, agenda.get_task(pg_temp.last_of(s.id)) where name = 'add';
select is((agenda.add_occurrence(id, '2025-03-05 20:00')).source, 'task', 'added in the past it is made at once') from s where name = 'add';
select is((agenda.add_occurrence(id, '2025-03-05 20:00')).source, 'task', 'again is harmless') from s where name = 'add';
select throws_ok(format($$select agenda.add_occurrence(%L, '2025-03-09 20:00', '{"status": "completed"}')$$, id), 'YA006', null, 'a member that an occurrence cannot have') from s where name = 'add';
select throws_ok(format($$select agenda.add_occurrence(%L, '2025-03-09 20:00', '{"title": ""}')$$, id), 'YA006', null, 'an empty title') from s where name = 'add';
select throws_ok(format($$select agenda.add_occurrence(%L, '2025-03-09 20:00', '{"priority": 7}')$$, id), 'YA006', null, 'a priority that is none') from s where name = 'add';
select throws_ok(format($$select agenda.add_occurrence(%L, '2025-03-09 20:00', '{"due_date": null}')$$, id), 'YA006', null, 'no due date') from s where name = 'add';
select throws_ok(format($$select agenda.add_occurrence(%L, '2025-03-09 20:00', '{"tags": ["a", "a"]}')$$, id), 'YA006', null, 'tags that are not different') from s where name = 'add';
select throws_ok(format($$select agenda.add_occurrence(%L, 'infinity')$$, id), 'YA005', null, 'a time without end') from s where name = 'add';
create temp table ended as select id from agenda.create_recurring_task('ended', 'daily', start_date => '2025-03-06T09:00:00Z', end_date => '2025-03-06T10:00:00Z');
select is((agenda.get_recurring_task(id)).is_active, false, 'a series that has ended') from ended;
select agenda.add_occurrence(id, '2025-03-20 09:00') from ended;
select is((agenda.get_recurring_task(id)).next_due_at, '2025-03-20 09:00+00'::timestamptz, 'goes on with what is added') from ended;

-- ---- changed ---------------------------------------------------------------------------------------
select is((agenda.patch_occurrence(id, '2025-03-07 09:00', '{"title": "special", "due_date": "2025-03-07T11:00"}')).due_at, '2025-03-07 11:00+00'::timestamptz, 'U39 patch_occurrence: only this one') from s where name = 'patch';
select is((agenda.patch_occurrence(id, '2025-03-07 09:00', '{"priority": 3}')).title, 'special', 'patches add up') from s where name = 'patch';
select pg_temp.at('2025-03-07 12:00+00');
select is(title || priority || ' ' || to_char(due_date at time zone 'UTC', 'HH24:MI'), 'special3 11:00', 'U41 it is made with what it has for itself') from s, agenda.get_task(pg_temp.last_of(s.id)) where name = 'patch';
select is(occurrence_key, '2025-03-07 09:00', 'U41 its key has not moved') from s, agenda.get_task(pg_temp.last_of(s.id)) where name = 'patch';
select is((agenda.get_recurring_task(id)).next_due_at, '2025-03-08 09:00+00'::timestamptz, 'U42 and the series keeps its time') from s where name = 'patch';
select agenda.patch_occurrence(id, '2025-03-07 09:00', '{"title": "a task by now"}') from s where name = 'patch';
select is(title, 'a task by now', 'by key also when it is a task') from s, agenda.get_task(pg_temp.last_of(s.id)) where name = 'patch';
select throws_ok(format($$select agenda.patch_occurrence(%L, '2025-03-09 09:00', '[]')$$, id), 'YA006', null, 'a patch that is none') from s where name = 'patch';
select throws_ok(format($$select agenda.patch_occurrence(%L, '2025-03-09 09:00', '{}', 'some')$$, id), 'YA006', null, 'a scope that is none') from s where name = 'patch';

-- ---- in advance --------------------------------------------------------------------------------------
select is(((agenda.complete_occurrence(id, '2025-03-09 09:00')).task).status, 'completed', 'U35 complete_occurrence: done before the clock makes it') from s where name = 'done';
select is((agenda.get_recurring_task(id)).next_due_at, '2025-03-08 09:00+00'::timestamptz, 'U35 the ones before are still to come') from s where name = 'done';
select is((agenda.complete_occurrence(id, '2025-03-08 09:00')).task.due_date, '2025-03-08 09:00+00'::timestamptz, 'U35 the next as well') from s where name = 'done';
select is((select count(*) from agenda.complete_occurrence((select id from s where name = 'done'), '2025-03-08 09:00') c, agenda.events e where e.type = 'task.completed' and e.subject = ((c).task).id::text), 1::bigint, 'U35 again is harmless');
select pg_temp.at('2025-03-10 10:00+00');
select is(pg_temp.dues(id, 'completed') || ' | ' || pg_temp.dues(id, 'pending'), '03-08 09:00, 03-09 09:00 | 03-01 09:00, 03-05 09:00, 03-06 09:00, 03-07 09:00, 03-10 09:00', 'U27 the clock makes none of them again') from s where name = 'done';
create temp table oc as select pg_temp.daily('oc', 'on_completion') as id;
select agenda.complete_occurrence(id, '2025-03-12 09:00') from oc;
select is(pg_temp.dues(id, 'pending'), '03-11 09:00', 'on_completion: the one before is still open') from oc;
select is(((agenda.complete_task(t.id)).next_task).due_date, '2025-03-13 09:00+00'::timestamptz, 'on_completion: what was done in advance is not made again')
  from oc, agenda.tasks t where t.recurring_task_id = oc.id and t.status = 'pending';

-- ---- out of turn ----------------------------------------------------------------------------------------
select is((agenda.trigger_recurring_task(id)).due_date, '2025-03-10 10:00+00'::timestamptz, 'trigger_recurring_task: now') from s where name = 'trigger';
select is((agenda.trigger_recurring_task(id)).occurrence_key, '2025-03-10 10:00'::timestamp, 'twice in a second is once') from s where name = 'trigger';
select is((agenda.get_recurring_task(id)).next_due_at, '2025-03-11 09:00+00'::timestamptz, 'beside the rule') from s where name = 'trigger';
create temp table seq as select pg_temp.daily('seq', 'sequential') as id;
select throws_ok(format($$select agenda.trigger_recurring_task(%L)$$, id), 'YA007', null, 'not where one is open and overlap is hold') from seq;
create temp table stuck as select pg_temp.daily('stuck', 'on_completion') as id;
delete from agenda.tasks t using stuck where t.recurring_task_id = stuck.id;
select is((agenda.trigger_recurring_task(id)).status, 'pending', 'where none is open it brings one') from stuck;
select is(((agenda.complete_task(pg_temp.last_of(id))).next_task).due_date, '2025-03-12 09:00+00'::timestamptz, 'with which the series goes on after the one that was deleted') from stuck;

select is(string_agg(to_char(b.due_date at time zone 'UTC', 'MM-DD'), ' '), '03-02 03-03 03-04', 'backfill_recurring_task: what was passed over')
  from s, agenda.backfill_recurring_task(s.id, '2025-03-01', '2025-03-05 12:00+00') b where name = 'fill';
select is((select count(*) from s, agenda.backfill_recurring_task(s.id, '2025-03-01', '2025-03-05 12:00+00') b where name = 'fill'), 0::bigint, 'once');
select is((select count(*) from s, agenda.backfill_recurring_task(s.id, '2024-01-01', '2026-01-01', 2) b where name = 'fill'), 2::bigint, 'not more than asked for');
select is((agenda.get_recurring_task(id)).next_due_at, '2025-03-11 09:00+00'::timestamptz, 'the future is left to the clock') from s where name = 'fill';
select throws_ok(format($$select agenda.backfill_recurring_task(%L, '2025-03-05', '2025-03-01')$$, id), 'YA006', null, 'an end before the beginning') from s where name = 'fill';
select throws_ok(format($$select agenda.backfill_recurring_task(%L, '2025-03-01', null)$$, id), 'YA006', null, 'no end') from s where name = 'fill';
select throws_ok(format($$select agenda.backfill_recurring_task(%L, '2025-03-01', '2025-03-02', 100000)$$, id), 'YA006', null, 'more than may be made') from s where name = 'fill';

-- ---- preview ---------------------------------------------------------------------------------------------
select is((select string_agg(to_char(o.due_at at time zone 'UTC', 'MM-DD HH24:MI'), ', ') from s, agenda.preview_recurring_task(s.id, 2, '{"recurrence_interval": 3, "timezone": "America/New_York"}') o where name = 'keep'),
          '03-13 13:00, 03-16 13:00', 'preview of a change that is not made');
select is((agenda.get_recurring_task(id)).recurrence_interval, 1, 'and is not made by that') from s where name = 'keep';
select is((select string_agg(to_char(o.due_at at time zone 'UTC', 'MM-DD HH24:MI'), ', ') from agenda.preview_recurring_task(null, 3, '{"rrule": "every month on the last day", "start_date": "2025-03-31 09:00", "timezone": "Europe/Berlin"}') o),
          '03-31 07:00, 04-30 07:00, 05-31 07:00', 'preview of a series that is not made yet');
select throws_ok($$select agenda.preview_recurring_task(null, 3, '{}')$$, 'YA006', null, 'without a rule there is nothing to show');
select throws_ok(format($$select agenda.preview_recurring_task(%L, 0)$$, id), 'YA006', null, 'nor none of them') from s where name = 'keep';
select throws_ok(format($$select agenda.preview_recurring_task(%L, 1001)$$, id), 'YA006', null, 'nor more than a thousand') from s where name = 'keep';

-- ---- this, following, all --------------------------------------------------------------------------------
create temp table tf as select s.name, s.id, pg_temp.last_of(s.id) as task from s;
select is((agenda.update_task(task, '{"title": "only this"}', null, 'this')).title, 'only this', 'U39 scope this') from tf where name = 'this';
select is(title || '/' || version, 'this/1', 'U39 leaves the series alone') from tf, agenda.get_recurring_task(tf.id) where name = 'this';

create temp table f as select tf.id as old, x.* from tf, agenda.update_task(tf.task, '{"title": "from now on", "due_date": "2025-03-10T18:00", "priority": 1}', null, 'following') x where name = 'following';
select isnt(recurring_task_id, old, 'U40 scope following: another series goes on') from f;
select is(title || to_char(due_date at time zone 'UTC', ' MM-DD HH24:MI'), 'from now on 03-10 18:00', 'with the change, from this one on') from f;
select is((agenda.get_recurring_task(recurring_task_id)).split_from, old, 'and knows where it comes from') from f;
select is(pg_temp.ahead(recurring_task_id), '03-11 18:00, 03-12 18:00, 03-13 18:00', 'U40 the following ones have the new time') from f;
select is(pg_temp.ahead(old), null, 'U40 the old series is over') from f;
select is((agenda.get_recurring_task(old)).is_active, false, 'U40 and has ended') from f;
select is(pg_temp.dues(old), '03-01 09:00, 03-05 09:00, 03-06 09:00, 03-07 09:00', 'U40 what is past is untouched') from f;
select is((select string_agg(distinct title, ',') from agenda.tasks where recurring_task_id = old), 'following', 'U40 with its title') from f;
select pg_temp.at('2025-03-11 18:00+00');
select is(pg_temp.dues(recurring_task_id), '03-10 18:00, 03-11 18:00', 'the clock follows the new one') from f;
select throws_ok(format($$select agenda.update_task(%L, '{"due_date": "2025-03-12T18:00", "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO"}', null, 'following')$$, pg_temp.last_of(recurring_task_id)), 'YA006', null, 'a rule that does not have the new time') from f;

create temp table a as select tf.id, x.* from tf, agenda.update_task(tf.task, '{"title": "everything", "due_date": "2025-03-10T08:00", "tags": ["x"]}', null, 'all') x (task_id) where name = 'all';
select is((agenda.get_recurring_task(id)).title, 'everything', 'scope all: the series') from a;
select is((select string_agg(to_char(t.due_date at time zone 'UTC', 'MM-DD HH24:MI') || t.title, ', ' order by t.occurrence_key) from agenda.tasks t where t.recurring_task_id = a.id),
          '03-01 08:00everything, 03-05 08:00everything, 03-06 08:00everything, 03-07 08:00everything, 03-10 08:00everything, 03-11 08:00everything', 'what is open of it') from a;
select is(pg_temp.ahead(id, 2), '03-12 08:00, 03-13 08:00', 'and what is to come') from a;
select throws_ok(format($$select agenda.update_task(%L, '{}', null, 'following')$$, (agenda.create_task('alone')).id), 'YA007', null, 'a task without a series has no following ones');

create temp table sp as select s.id as old, x.* from s, agenda.update_recurring_task(s.id, '{"recurrence_interval": 2}', null, '2025-03-15T00:00:00Z') x where name = 'split';
select is(rrule::text || to_char(next_due_at at time zone 'UTC', ' MM-DD'), 'FREQ=DAILY;INTERVAL=2 03-15', 'effective_from: a new series from then on') from sp;
select is(pg_temp.ahead(old, 10), '03-12 09:00, 03-13 09:00, 03-14 09:00', 'the old one goes on until then') from sp;
select is(split_from, old, 'lineage') from sp;
select throws_ok(format($$select agenda.update_recurring_task(%L, '{}', null, '9999-12-29')$$, old), 'YA007', null, 'nothing is there from then on') from sp;
create temp table spc as select x.* from agenda.create_recurring_task('count', rrule => 'FREQ=DAILY;COUNT=10', start_date => '2025-03-12T09:00:00Z') c, agenda.update_recurring_task(c.id, '{"title": "rest"}', null, '2025-03-16T00:00:00Z') x;
select is(rrule::text, 'FREQ=DAILY;COUNT=6', 'COUNT is shared out: four of ten were before') from spc;

select is(agenda.delete_task(task, null, 'following'), true, 'U44 delete, scope following') from tf where name = 'del_following';
select is(pg_temp.dues(id) || '/' || coalesce(pg_temp.ahead(id), 'none'), '03-01 09:00, 03-05 09:00, 03-06 09:00, 03-07 09:00/none', 'U44 ends the series before it') from tf where name = 'del_following';
select is(agenda.delete_task(task, null, 'all'), true, 'U44 delete, scope all') from tf where name = 'del_all';
select throws_ok(format($$select agenda.get_recurring_task(%L)$$, id), 'YA001', null, 'U44 the series is gone') from tf where name = 'del_all';
select is(pg_temp.dues(id), null, 'U44 with all that was open') from tf where name = 'del_all';
select pg_temp.at('2025-03-20 09:00+00');
select is(pg_temp.dues(id), null, 'U44 and it does not return') from tf where name = 'del_all';
select throws_ok(format($$select agenda.delete_task(%L, null, 'none')$$, pg_temp.last_of(id)), 'YA006', null, 'a scope that is none') from s where name = 'keep';
create temp table dl as select n as name, pg_temp.daily(n) as id from unnest('{keep,cancel,delete}'::text[]) n;
select agenda.delete_recurring_task(id, null, name) from dl;
select is(string_agg(coalesce((select t.status || coalesce(' ' || (t.deleted_at is not null)::text, '') from agenda.tasks t where t.recurring_task_id = dl.id), '-'), ', ' order by name),
          'cancelled false, pending true, pending false', 'a series is deleted, its open task kept, cancelled or deleted') from dl;
select throws_ok(format($$select agenda.delete_recurring_task(%L, null, 'burn')$$, id), 'YA006', null, 'or what else?') from s where name = 'keep';
select is((agenda.restore_recurring_task(id)).deleted_at, null, 'restore_recurring_task') from dl where name = 'keep';
select is((agenda.restore_recurring_task(id)).version, (agenda.get_recurring_task(id)).version, 'again is harmless') from dl where name = 'keep';
select is((select count(*) from agenda.timers t, dl where t.entity_id = dl.id and dl.name = 'keep'), 1::bigint, 'and the clock goes on');
select throws_ok($$select agenda.restore_recurring_task('00000000-0000-4000-8000-00000000dead')$$, 'YA001', null, 'unless there is none');

-- moving one by hand
select agenda.reschedule_task(pg_temp.last_of(id), '2025-03-25T23:59') from s where name = 'keep';
select is((agenda.get_recurring_task(id)).next_due_at, '2025-03-21 09:00+00'::timestamptz, 'U42 U43 rescheduling one leaves the series where it is') from s where name = 'keep';
create temp table mv as select pg_temp.daily('mv', 'on_completion') as id;
select agenda.reschedule_task(pg_temp.last_of(id), '2025-04-02T10:17') from mv;
select is(((agenda.complete_task(pg_temp.last_of(id))).next_task).due_date, '2025-03-21 09:00+00'::timestamptz, 'U42 the next comes from the key, not from where it was moved') from mv;

-- ---- plain SQL ------------------------------------------------------------------------------------------
insert into agenda.recurrence_overrides (recurring_task_id, occurrence_key, kind) select id, '2025-03-21 09:00', 'skip' from s where name = 'sql';
select is((agenda.get_recurring_task(id)).next_due_at, '2025-03-22 09:00+00'::timestamptz, 'a row of recurrence_overrides is as good as the function') from s where name = 'sql';
select throws_ok(format($$insert into agenda.recurrence_overrides (recurring_task_id, occurrence_key, kind) values (%L, '2025-03-22 09:00', 'move')$$, id), 'YA006', null, 'a kind that is none') from s where name = 'sql';
select throws_ok(format($$insert into agenda.recurrence_overrides (recurring_task_id, occurrence_key, kind) values (%L, '2025-03-22 09:00', 'patch')$$, id), 'YA006', null, 'a patch without one') from s where name = 'sql';
select throws_ok(format($$insert into agenda.recurrence_overrides (recurring_task_id, occurrence_key, kind, reason) values (%L, '2025-03-22 09:00', 'skip', repeat('x', 501))$$, id), 'YA006', null, 'a reason too long') from s where name = 'sql';
select throws_ok($$insert into agenda.recurrence_overrides (recurring_task_id, occurrence_key, kind) values ('00000000-0000-4000-8000-00000000dead', '2025-03-22 09:00', 'skip')$$, '23503', null, 'a series that is none');

-- another user
select agenda.act_as('bbbbbbbb-0000-4000-8000-000000000032');
select throws_ok(format($$select agenda.%s$$, format(c, id)), 'YA001', null, 'not for another user: ' || split_part(c, '(', 1))
  from s, unnest(array['skip_occurrence(%L, ''2025-03-22 09:00'')', 'complete_occurrence(%L, ''2025-03-22 09:00'')', 'add_occurrence(%L, ''2025-03-22 10:00'')',
                       'patch_occurrence(%L, ''2025-03-22 09:00'', ''{}'')', 'trigger_recurring_task(%L)', 'backfill_recurring_task(%L, ''2025-03-01'', ''2025-03-02'')',
                       'preview_recurring_task(%L)', 'pause_recurring_task(%L)', 'resume_recurring_task(%L)', '_split_series(%L, ''2025-03-22 09:00'', ''{}'', ''0'')',
                       '_change_series(%L, ''2025-03-22 09:00'', ''{}'', ''0'')', '_make_occurrence(%L, ''2025-03-22 09:00'', ''manual'')']) c
 where name = 'keep';
select is((select count(*) from agenda.recurrence_overrides), 0::bigint, 'nor are overrides to be seen') where current_setting('is_superuser') = 'off';

select * from finish();
rollback;
