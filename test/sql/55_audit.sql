-- The log as audit trail, and its partitions.
begin;
set local search_path = public;
select plan(41);

create role t_app login in role agenda_app;
grant create, usage on schema public to t_app;
set local role t_app;
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
create temp table t as select * from agenda.create_task('Draft', description => 'first');
create temp table times as select clock_timestamp() as created;
select agenda.update_task(id, '{"title": "Final"}') from t;
select agenda.complete_task(id) from t;
select agenda.delete_task(id) from t;

select is((select array_agg(action) from t, agenda.task_history(t.id)), '{create,update,complete,delete}'::text[], 'the history of a task, oldest first');
select is(h.before->>'title', 'Draft', 'with the state before') from t, agenda.task_history(t.id) h where h.action = 'update';
select is(h.after->>'title', 'Final', 'and after') from t, agenda.task_history(t.id) h where h.action = 'update';
select is(h.changed, '["title"]'::jsonb, 'and what changed') from t, agenda.task_history(t.id) h where h.action = 'update';
select is(h.actor, 'aaaaaaaa-0000-4000-8000-000000000001', 'and who did it') from t, agenda.task_history(t.id) h where h.action = 'update';
select is((select count(*) from agenda.list_audit('{"entity": "task"}')), 4::bigint, 'list_audit has them all');
select is((select action from agenda.list_audit(page_size => 1)), 'delete', 'newest first');
select is(agenda.count_audit('{"action": "complete"}'), 1::bigint, 'filtered by action');
select throws_ok($$select agenda.list_audit('{"action": "completed"}')$$, 'YA006', 'action cannot be "completed"', 'an action that there is not');
select throws_ok($$select agenda.count_audit('{"action": "placed", "entity": "task"}')$$, 'YA006', null, 'or not of ours');
select is(agenda.count_audit('{"action": "placed", "entity": "shop"}'), 0::bigint, 'others have words of their own');
select is((select count(*) from (select distinct agenda._audit_action(split_part(event_type, '.', 2)) as action from agenda.topic_routes
                                  where split_part(event_type, '.', 2) not in ('due_soon', 'due', 'overdue', 'recurrence', 'failed', 'forgotten')) a
            where agenda.count_audit(jsonb_build_object('action', a.action)) >= 0), 17::bigint, 'every change that has a type can be asked for');
select is(agenda.count_audit(jsonb_build_object('entity_id', id)), 4::bigint, 'by entity') from t;
select is(agenda.count_audit('{"from": "2000-01-01", "to": "2000-01-02"}'), 0::bigint, 'by time');
select throws_ok($$select agenda.list_audit('{"nonsense": 1}')$$, 'YA006', null, 'an unknown filter is refused');
select is(agenda.task_as_of(t.id, times.created)->>'title', 'Draft', 'the task as it was') from t, times;
select is(agenda.task_as_of(t.id, '2000-01-01'), null, 'before it existed there was none') from t;
select is((select array_agg(event_type order by seq) from agenda.task_event_log l, t where l.task_id = t.id), '{created,updated,completed,deleted}'::text[], 'task_event_log');

-- entries of an application's own
select isnt(agenda.log_action('export', 'report', 'dddddddd-0000-4000-8000-000000000004', '{"pages": 1, "title": "x"}', '{"pages": 2, "title": "x", "size": 7}'), null, 'an action is logged');
select is(row(l.action, l.entity, l.entity_id, l.user_id, l.before->>'pages', l.after->>'pages', l.changed)::text,
          row('export', 'report', 'dddddddd-0000-4000-8000-000000000004', 'aaaaaaaa-0000-4000-8000-000000000001'::uuid, '1', '2', '["pages", "size"]'::jsonb)::text, 'with what it changed')
  from agenda.list_audit('{"entity": "report", "action": "export"}') l;
select agenda.log_action('complete', 'task', id) from t;
select is((select array_agg(action) from t, agenda.task_history(t.id)), '{create,update,complete,delete,complete}'::text[], 'of a task it stands in its history');
select is(row(h.before, h.after, h.changed)::text, '(,,)', 'without a state where none is given') from t, agenda.task_history(t.id) h order by h.seq desc limit 1;
select is((select count(*) from agenda.task_event_log l, t where l.task_id = t.id), 4::bigint, 'but it is no event of the task');
create temp table logged as select id, agenda.log_action('export', 'task', id, after => '{"title": "no state of the task"}') from agenda.create_task('Logged');
select is(agenda.task_as_of(id, clock_timestamp())->>'title', 'Logged', 'nor has it to do with what the task was') from logged;
select throws_ok(format($$select agenda.log_action(%L, %L, %L)$$, a, e, i), 'YA006', null, format('not %s of %s %s', coalesce(a, 'null'), coalesce(e, 'null'), coalesce(i, 'null')))
  from (values ('a.b', 'task', 'dddddddd-0000-4000-8000-000000000004'), ('read', '', 'dddddddd-0000-4000-8000-000000000004'), ('read', 'task', null)) v(a, e, i);

select agenda.act_as('bbbbbbbb-0000-4000-8000-000000000002');
select is((select count(*) from agenda.audit_log), 0::bigint, 'another user sees nothing in the view');
select throws_ok(format('select agenda.task_history(%L)', id), 'YA001', null, 'nor in the history') from t;
reset role;

-- partitions: made ahead, closed, dropped when old and read
select is(agenda._ensure_partitions('2020-06-01 12:00+00'), '2020-06-03 00:00:00+00'::timestamptz, 'today''s and tomorrow''s');
select is((select array_agg(leaf::text order by leaf) from agenda.log_leaves where lower < '2021-01-01'),
          '{events_p20200601,events_p20200602,ticks_p20200601,ticks_p20200602}'::text[], 'of both tables');
select lives_ok($$select agenda._ensure_partitions('2020-06-01 12:00+00')$$, 'again is harmless');
select is((select count(*) from pg_depend where objid = 'agenda.events_p20200601'::regclass and deptype = 'e'), 0::bigint, 'they are no members of the extension');
select is((select tableowner from pg_tables where tablename = 'events_p20200601'), 'agenda_owner', 'and belong to the owner');
select agenda._close_partitions(now());
select isnt((select closed_xmax from agenda.log_leaves where leaf = 'events_p20200601'), null, 'what is past is closed');
select is((select count(*) from agenda.log_leaves where upper > now() and closed_xmax is not null), 0::bigint, 'what is not past is not');
select agenda._log_save('3:3:', null, 0);
select is(agenda._drop_partitions(now()), 0, 'nothing unread is dropped');
-- as if this transaction were over
select agenda._log_save(format('%1$s:%1$s:', agenda._next_xid())::pg_snapshot, null, 0);
select cmp_ok(agenda._drop_partitions('2020-06-10 00:00+00'), '=', 0, 'nothing within the retention');
select cmp_ok(agenda._drop_partitions(now()), '>=', 4, 'what is old and read is dropped');
select is(to_regclass('agenda.events_p20200601'), null, 'the table is gone');
select isnt((select max(tick) from agenda.ticks), null, 'the newest tick stays');

select * from finish();
rollback;
