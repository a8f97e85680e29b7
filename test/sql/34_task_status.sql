-- The status of a task: which way it may go, closing and reopening, undo, restore.
begin;
set local search_path = public;
select no_plan();

set local agenda.now = '2025-03-10 12:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000034');

-- every pair of statuses, by plain SQL
create function pg_temp.goes(p_from text, p_to text) returns boolean language plpgsql as $$
declare v uuid;
begin
    insert into agenda.tasks (title, status) values ('x', p_from) returning id into v;
    update agenda.tasks set status = p_to where id = v;
    return true;
exception when sqlstate 'YA007' then
    return false;
end $$;
select is(string_agg(f || '>' || t, ' ' order by f, t) filter (where f <> t and pg_temp.goes(f, t)),
          'cancelled>pending completed>pending in_progress>cancelled in_progress>completed in_progress>missed in_progress>pending in_progress>skipped '
          || 'missed>pending pending>cancelled pending>completed pending>in_progress pending>missed pending>skipped skipped>pending',
          'a status goes only where it may')
  from unnest('{pending,in_progress,completed,skipped,missed,cancelled}'::text[]) f,
       unnest('{pending,in_progress,completed,skipped,missed,cancelled}'::text[]) t;
select throws_ok($$update agenda.tasks set status = 'done'$$, '23514', null, 'what is no status is refused as such');

create temp table t as select * from agenda.create_task('Report', due => '2025-03-11T17:00:00Z');
select is((agenda.skip_task(id)).task.status, 'skipped', 'U38 skip_task lets one go') from t;
select is((select count(*) from agenda.events e where e.subject = t.id::text and e.type = 'task.skipped'), 1::bigint, 'U38 and the log says skipped, not done') from t;
select is(((agenda.skip_task(id)).task).version, 2::bigint, 'skipping again is harmless') from t;
select throws_ok(format($$select agenda.complete_task(%L)$$, id), 'YA007', null, 'a skipped task is not completed') from t;
select throws_ok(format($$select agenda.reopen_task(%L, 1)$$, id), 'YA002', null, 'reopening looks at the version') from t;
select is((agenda.reopen_task(id, 2)).status, 'pending', 'reopen_task') from t;
select is((agenda.reopen_task(id)).version, 3::bigint, 'reopening again is harmless') from t;
select is((agenda.cancel_task(id)).task.status, 'cancelled', 'cancel_task') from t;
select throws_ok(format($$select agenda.%I('00000000-0000-4000-8000-00000000dead')$$, f), 'YA001', null, f || ' of an unknown task')
  from unnest('{complete_task,skip_task,cancel_task,reopen_task,restore_task}'::text[]) f;

-- many at once
create temp table away as select (agenda.create_recurring_task('Away', 'daily', start_date => '2025-03-01T09:00:00Z', policy => 'must_do')).id;
select is((select count(*) from away, agenda.tasks k, agenda.skip_task(k.id) c where k.recurring_task_id = away.id and k.due_date < '2025-03-08'), 7::bigint, 'U38 all of a week away, skipped by one statement');
select is((select string_agg(k.status, ' ' order by k.occurrence_key) from away, agenda.tasks k where k.recurring_task_id = away.id), 'skipped skipped skipped skipped skipped skipped skipped pending pending pending', 'U38 none of them done');
select agenda.delete_recurring_task(id, null, 'delete') from away;

-- undo
create temp table d as select * from agenda.create_task('Water', due => '2025-03-10T09:00', timezone => 'Europe/Berlin', recurrence_rule => 'daily');
create temp table c as select (agenda.complete_task(id)).* from d;
create temp table u as select agenda.undo(undo_token) r from c;
select is(r->'task'->>'status', 'pending', 'U37 undo takes the completion back') from u;
select is(r->>'withdrawn_task_id', (c.next_task).id::text, 'U37 and the untouched successor') from u, c;
select is((select count(*) from agenda.tasks k where k.recurring_task_id = d.recurring_task_id), 1::bigint, 'U37 which is gone') from d;
select throws_ok(format($$select agenda.undo(%L)$$, undo_token), 'YA007', null, 'undo works once') from c;
create temp table c2 as select (agenda.complete_task(id)).* from d;
select is((next_task).due_date, '2025-03-11 08:00:00+00'::timestamptz, 'U37 completed again, the successor comes again') from c2;
select agenda.update_task((next_task).id, '{"title": "Water, much"}') from c2;
create temp table u2 as select agenda.undo(undo_token) r from c2;
select is(r->'next_task'->>'title', 'Water, much', 'U37 a touched successor stays') from u2;
select is(r->'withdrawn_task_id', 'null'::jsonb, 'and is not withdrawn') from u2;
select throws_ok($$select agenda.undo('nonsense')$$, 'YA006', null, 'a token that is none');
select throws_ok($$select agenda.undo(null)$$, 'YA006', null, 'no token at all');
create temp table ip as select * from agenda.create_task('busy');
select agenda.update_task(id, '{"status": "in_progress"}') from ip;
select is(agenda.undo((agenda.complete_task(id)).undo_token)->'task'->>'status', 'in_progress', 'undo leads to the status before') from ip;

-- restore
select agenda.delete_task(id) from ip;
select is((agenda.restore_task(id)).deleted_at, null, 'restore_task') from ip;
select is((agenda.get_task(id)).title, 'busy', 'and the task is back') from ip;
select is((select count(*) from agenda.events e where e.subject = ip.id::text and e.type = 'task.restored'), 1::bigint, 'with its event') from ip;
select is((agenda.restore_task(id)).version, (agenda.get_task(id)).version, 'restoring again is harmless') from ip;

-- pause and resume
create temp table s as select * from agenda.create_recurring_task('Daily', 'daily', start_date => '2025-03-10T09:00:00Z');
select is((agenda.pause_recurring_task(id, '2025-03-20T00:00:00Z')).is_active, false, 'pause_recurring_task') from s;
select is((select what || ' ' || agenda.utc(fire_at) from agenda.timers where entity_id = s.id), 'resume 2025-03-20T00:00:00Z', 'with an end') from s;
select throws_ok(format($$select agenda.pause_recurring_task(%L, '2025-03-01')$$, id), 'YA006', null, 'a pause that is over') from s;
select throws_ok(format($$select agenda.pause_recurring_task(%L, 'soon')$$, id), 'YA005', null, 'a pause until nobody knows when') from s;
set local agenda.now = '2025-03-20 00:00:00+00';
select agenda.act_as(null);
select agenda.check_due_tasks();
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000034');
select is((agenda.get_recurring_task(id)).next_due_at, '2025-03-20 09:00:00+00'::timestamptz, 'which resumes it') from s;
select is((agenda.get_recurring_task(id)).resume_at, null, 'once') from s;
select is((agenda.resume_recurring_task(id)).version, (agenda.get_recurring_task(id)).version, 'resuming again is harmless') from s;

select * from finish();
rollback;
