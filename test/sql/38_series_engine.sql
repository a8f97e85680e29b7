-- What the engine owes at the edges: pauses, ends, catch-up windows, series that begin late or come back.
begin;
set local search_path = public;
select no_plan();

create function pg_temp.act() returns void language sql as
    $$select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000138')$$;
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
create function pg_temp.missed(p_series uuid) returns text language sql as $$
    select string_agg(concat_ws(' ', e.data->>'cause', e.data->>'count', e.data->'keys'->>0), ', ' order by e.seq)
      from agenda.events e where e.type = 'task.missed' and e.subject = p_series::text
$$;
create function pg_temp.state(p_series uuid) returns text language sql as $$
    select concat_ws(' ', case when is_active then 'active' else 'ended' end, occurrences_created, missed_count) from agenda.recurring_tasks where id = p_series
$$;
create function pg_temp.complete(p_series uuid) returns void language sql as $$
    select agenda.complete_task(t.id) from agenda.tasks t where t.recurring_task_id = p_series and t.status = 'pending' and t.deleted_at is null
$$;

-- ---- series that begin later ----------------------------------------------------------------------
select pg_temp.at('2025-03-10 08:00+00');
create temp table s1 as select id from agenda.create_recurring_task('to chain', 'daily', start_date => '2025-03-20T09:00:00Z');
select agenda.update_recurring_task(id, '{"policy": "chain"}') from s1;
select is(pg_temp.dues(id), '03-20 09:00', 'a series that comes to wait for completions before it starts begins where it starts') from s1;
create temp table s2 as select id from agenda.create_recurring_task('after', 'daily', start_date => '2025-03-20T09:00:00Z');
select agenda.update_recurring_task(id, '{"policy": "after_completion"}') from s2;
select is(pg_temp.dues(id), '03-20 09:00', 'so does one that is computed from them') from s2;
create temp table s3 as
    select p as policy, r.id from unnest('{chain,after_completion,on_completion}'::text[]) p,
           agenda.create_recurring_task('paused ' || p, 'daily', start_date => '2025-03-20T09:00:00Z', policy => p, options => '{"is_active": false}') r;
select agenda.resume_recurring_task(id) from s3;
select is(pg_temp.dues(id), '03-20 09:00', 'and ' || policy || ', when it was made paused') from s3;
create temp table s4 as
    select p as policy, r.id from unnest('{on_completion,after_completion}'::text[]) p,
           agenda.create_recurring_task('over ' || p, 'weekly', start_date => '2025-03-09T09:00:00Z', end_date => '2025-03-12T09:00:00Z', policy => p) r;
select is(concat_ws(' ', pg_temp.state(id), pg_temp.dues(id)), 'ended 0 0', policy || ' of which nothing is left is over') from s4;

-- ---- one that was deleted and comes back ------------------------------------------------------------
create temp table b1 as select id from agenda.create_recurring_task('back', 'daily', start_date => '2025-03-10T09:00:00Z', policy => 'on_completion');
select agenda.delete_recurring_task(id, open_tasks => 'delete') from b1;
select agenda.restore_recurring_task(id) from b1;
select is(pg_temp.dues(id, 'pending'), '03-11 09:00', 'restored without its task it has the next one') from b1;
create temp table b2 as select id from agenda.create_recurring_task('back', 'daily', start_date => '2025-03-10T09:00:00Z', policy => 'chain');
select agenda.delete_recurring_task(id) from b2;
select pg_temp.complete(id) from b2;
select agenda.restore_recurring_task(id) from b2;
select is(pg_temp.dues(id, 'pending'), '03-11 09:00', 'and so it has when the task was completed meanwhile') from b2;
select is_empty('select * from agenda.fsck()', 'nothing waits for ever');

-- ---- windows ------------------------------------------------------------------------------------------
select pg_temp.at('2025-03-01 10:00+00');
create temp table w1 as
    select id from agenda.create_recurring_task('days', 'daily', start_date => '2025-03-01', policy => 'must_do', options => '{"catchup_window": "48 hours"}');
create temp table w2 as
    select id from agenda.create_recurring_task('on Monday', rrule => 'FREQ=WEEKLY;BYDAY=SA', start_date => '2025-03-01T09:00:00Z', policy => 'must_do',
                                                options => '{"catchup_window": "24 hours", "business_shift": "next"}');
select pg_temp.at('2025-03-07 10:00+00');
select is(pg_temp.dues(id), '03-01 00:00, 03-05 00:00, 03-06 00:00, 03-07 00:00', 'a day is late when it is over') from w1;
select pg_temp.at('2025-03-24 20:00+00');
select is(pg_temp.dues(id), '03-24 09:00', 'what was moved to a workday when that has come') from w2;
select is(pg_temp.missed(id), 'downtime 1 2025-03-01T09:00:00, downtime 2 2025-03-08T09:00:00', 'what lies behind the window is told') from w2;

-- ---- pauses and ends ----------------------------------------------------------------------------------
select pg_temp.at('2025-03-01 08:00+00');
create temp table p1 as select id from agenda.create_recurring_task('paused past its end', 'daily', start_date => '2025-03-01T09:00:00Z', end_date => '2025-03-05T09:00:00Z');
create temp table p2 as select id from agenda.create_recurring_task('once', 'daily', start_date => '2025-03-01T09:00:00Z', policy => 'on_completion');
create temp table p3 as select id from agenda.create_recurring_task('late', rrule => 'FREQ=DAILY;COUNT=3', start_date => '2025-03-01T09:00:00Z', policy => 'on_completion', options => '{"missed": "skip"}');
create temp table p4 as select id from agenda.create_recurring_task('must', 'daily', start_date => '2025-03-01T09:00:00Z', policy => 'must_do');
select agenda.pause_recurring_task(id) from (table p1 union all table p2) p;
select set_config('agenda.now', '2025-03-11 10:00+00', true);
select agenda.resume_recurring_task(id) from (table p1 union all table p2) p;
select is(concat_ws(', ', pg_temp.state(id), pg_temp.missed(id)), 'ended 0 5, pause 5 2025-03-01T09:00:00', 'a pause that outlasts the series is counted') from p1;
select pg_temp.complete(id) from (table p2 union all table p3) p;
select is(concat_ws(', ', pg_temp.state(id), pg_temp.missed(id)), 'active 2 10, late_completion 10 2025-03-02T09:00:00', 'where completion makes the next one nothing is counted twice') from p2;
select is(concat_ws(', ', pg_temp.state(id), pg_temp.missed(id)), 'ended 1 2, late_completion 2 2025-03-02T09:00:00', 'nor forgotten when it ends the series') from p3;
select agenda.update_recurring_task(id, '{"end_date": "2025-12-31"}') from p4;
select pg_temp.at('2025-03-11 10:01+00');
select is((select count(*) from agenda.tasks t where t.recurring_task_id = p4.id), 11::bigint, 'another end drops nothing that is owed') from p4;
select agenda.update_recurring_task(id, '{"end_date": "2025-03-05"}') from p4;
select is(pg_temp.state(id), 'ended 11 0', 'an end that lies behind ends it') from p4;

-- ---- another schedule at the moment when something is owed by the one before ----------------------------
select pg_temp.at('2025-03-01 08:00+00');
create temp table c1 as select id from agenda.create_recurring_task('moves at nine', 'daily', start_date => '2025-03-01T09:00:00Z');
create temp table c2 as select id from agenda.create_recurring_task('must, and moves', 'daily', start_date => '2025-03-01T09:00:00Z', policy => 'must_do');
create temp table c3 as select id from agenda.create_recurring_task('ahead of time', 'daily', start_date => '2025-03-01T09:00:00Z', options => '{"lead_time": "2 days"}');
create temp table c4 as select id from agenda.create_recurring_task('too many', rrule => 'FREQ=MINUTELY', start_date => '2025-03-01T09:00:00Z', policy => 'must_do');
create temp table c5 as select id from agenda.create_recurring_task('all of them', 'daily', start_date => '2025-03-01T09:00:00Z');
select pg_temp.at('2025-03-01 09:00+00');
select set_config('agenda.now', '2025-03-02 09:00+00', true);
select agenda.update_recurring_task(id, '{"rrule": "FREQ=WEEKLY;BYDAY=MO"}') from (table c1 union all table c3) c;
select is(pg_temp.dues(id), '03-01 09:00, 03-02 09:00', 'what is due at this moment is made') from c1;
select is((select count(*) from agenda.preview_recurring_task(c1.id, 1) p where p.due_at = '2025-03-03 09:00+00'), 1::bigint, 'and then the new rule counts') from c1;
select is(pg_temp.dues(id), '03-02 09:00, 03-03 09:00', 'what had been made ahead stays, and nothing more comes of the old rule') from c3;
select agenda.update_task(t.id, '{"due_date": "2025-03-01T11:00"}', scope => 'all') from agenda.tasks t, c5 where t.recurring_task_id = c5.id;
select pg_temp.at('2025-03-02 12:00+00');
select is(pg_temp.dues(id), '03-01 11:00, 03-02 11:00', 'an edit of all takes it along, once') from c5;
select set_config('agenda.now', '2025-03-05 10:00+00', true);
select agenda.update_recurring_task(id, '{"timezone": "Asia/Tokyo"}') from c2;
select agenda.update_recurring_task(id, '{"rrule": "FREQ=DAILY"}') from c4;
select is(pg_temp.dues(id), '03-01 09:00, 03-02 09:00, 03-03 09:00, 03-04 09:00, 03-05 09:00', 'and all that must be done') from c2;
select is(concat_ws(', ', pg_temp.missed(id), (select count(*) from agenda.tasks t where t.recurring_task_id = c4.id),
                    (select r.occurrences_created + r.missed_count from agenda.recurring_tasks r where r.id = c4.id)),
          'downtime 4100 2025-03-02T13:41:00, 1721, 5821', 'but for what is too much at once, which is told') from c4;

-- ---- who has said how to be reminded of the next one keeps it ---------------------------------------------
create temp table c6 as select r.id, t.id as task from agenda.create_recurring_task('reminded', 'daily', start_date => '2025-03-05T11:00:00Z', policy => 'on_completion') r
  join agenda.tasks t on t.recurring_task_id = r.id;
create temp table c7 as select c.undo_token, c.next_task from c6, agenda.complete_task(c6.task) c;
select agenda.add_reminder((next_task).id, '-1 hour') from c7;
select is(agenda.undo(undo_token)->'next_task'->>'id', (next_task).id::text, 'a task with a reminder of its own is not taken back') from c7;

-- ---- what is to come where completions count ----------------------------------------------------------------
create temp table c8 as select id from agenda.create_recurring_task('counted', rrule => 'FREQ=DAILY;INTERVAL=3;COUNT=4', start_date => '2025-03-06T09:00:00Z', policy => 'after_completion');
create function pg_temp.next(p_id uuid, p_patch jsonb default null) returns text language sql as
    $$select string_agg(to_char(p.occurrence_key, 'MM-DD HH24:MI'), ', ' order by p.occurrence_key) from agenda.preview_recurring_task(p_id, 5, p_patch) p$$;
select is(pg_temp.next(id), '03-09 09:00, 03-12 09:00, 03-15 09:00', 'as if each were completed when it is due') from c8;
select is(pg_temp.next(null, '{"title": "x", "rrule": "FREQ=DAILY;INTERVAL=3;COUNT=4", "start_date": "2025-03-06T09:00:00Z", "policy": "after_completion"}'),
          '03-06 09:00, 03-09 09:00, 03-12 09:00, 03-15 09:00', 'with the first where there is none yet');

-- ---- an occurrence that was moved to an earlier time ----------------------------------------------------
create temp table o1 as select id from agenda.create_recurring_task('early', 'daily', start_date => '2025-03-12T09:00:00Z', options => '{"reminders": ["0"]}');
select agenda.patch_occurrence(id, '2025-03-12 09:00', '{"due_date": "2025-03-12T07:00"}') from o1;
select is(agenda.calculate_next_due_at(id), '2025-03-12 07:00+00', 'is due then') from o1;
select agenda.patch_occurrence(id, '2025-03-13 09:00', '{"due_date": "2025-03-13T11:00"}') from o1;
select pg_temp.at('2025-03-12 07:00+00');
select is(pg_temp.dues(id), '03-12 07:00', 'and made then') from o1;
select is((select n.type from agenda.notifications n join agenda.tasks t on t.id = n.task_id where t.recurring_task_id = o1.id and n.type = 'reminder'), 'reminder', 'so its reminder rings') from o1;
select pg_temp.at('2025-03-13 09:00+00');
select is(pg_temp.dues(id), '03-12 07:00, 03-13 11:00', 'one that was put off is there when the rule has it') from o1;
select agenda.update_recurring_task(id, '{"is_active": false}') from (table o1 union all table w1 union all table w2 union all table b1 union all table b2) x;

-- ---- reminders before the due date ------------------------------------------------------------------------
create function pg_temp.rung(p_series uuid) returns text language sql as $$
    select string_agg(to_char(n.scheduled_for at time zone 'UTC', 'MM-DD HH24:MI'), ', ' order by n.scheduled_for)
      from agenda.notifications n join agenda.tasks t on t.user_id = n.user_id and t.id = n.task_id
     where t.recurring_task_id = p_series and n.type = 'reminder'
$$;
select pg_temp.at('2025-03-20 10:00+00');
create temp table r1 as select id from agenda.create_recurring_task('Pay the rent', 'monthly', start_date => '2025-03-31T12:00:00Z');
select agenda.set_series_reminders(id, '[{"offset": "-3 days", "at_time": "18:00"}]') from r1;
create temp table r2 as select id from agenda.create_recurring_task('every day', 'daily', start_date => '2025-03-21T09:00:00Z', options => '{"reminders": ["-3 days"]}');
create temp table r3 as select id from agenda.create_recurring_task('habit', 'daily', start_date => '2025-03-21T09:00:00Z', policy => 'habit', options => '{"reminders": ["-30 minutes"]}');
select pg_temp.at('2025-03-20 10:01+00');
select is(pg_temp.dues(id), '03-21 09:00', 'a reminder that is owed already brings its occurrence') from r2;
select pg_temp.at('2025-03-21 08:59+00');
select is(pg_temp.dues(id), '03-21 09:00', 'not the one behind it, too, before that is due') from r2;
select is(pg_temp.dues(id), null, 'where the next one ends the one before no reminder brings it') from r3;
select pg_temp.at('2025-03-21 09:00+00');
select is(pg_temp.dues(id), '03-21 09:00, 03-22 09:00', 'then it is made') from r2;
select agenda.update_recurring_task(id, '{"is_active": false}') from (table r2 union all table r3) x;
select pg_temp.at('2025-03-28 17:59+00');
select is(pg_temp.dues(id), null, 'nothing is made before the first reminder') from r1;
select pg_temp.at('2025-03-28 18:00+00');
select is(pg_temp.rung(id), '03-28 18:00', 'which rings in its time') from r1;
select pg_temp.at('2025-03-31 12:00+00');
select is(pg_temp.dues(id), '03-31 12:00', 'the occurrence is made once') from r1;
select pg_temp.at('2025-04-27 18:00+00');
select is(pg_temp.rung(id), '03-28 18:00, 04-27 18:00', 'so does that of the next month') from r1;
create temp table r4 as select id from agenda.create_recurring_task('default', 'daily', start_date => '2025-04-28T09:00:00Z');
select agenda.set_preferences('{"default_reminders": ["-30 minutes"]}');
select pg_temp.at('2025-04-28 08:30+00');
select is(pg_temp.rung(id), '04-28 08:30', 'default reminders ring, too') from r4;
select pg_temp.at('2025-04-29 08:30+00');
select is(pg_temp.rung(id), '04-28 08:30, 04-29 08:30', 'every day') from r4;
select is_empty('select * from agenda.fsck()', 'all is as it should be');

select * from finish();
rollback;
