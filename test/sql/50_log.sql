-- The log: who writes it, what it holds, how it is read.
begin;
set local search_path = public;
select plan(31);

select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
create temp table mark as select coalesce(max(seq), 0) as seq from agenda.events;
create temp view new_events as select e.* from agenda.events e, mark where e.seq > mark.seq;

insert into agenda.tasks (title, priority) values ('plain', 1);
select is((select array_agg(type) from new_events), '{task.created}'::text[], 'a plain INSERT is one event');
select is(data->'after'->>'title', 'plain', 'with the state after') from new_events;
select is(data ? 'before', false, 'and none before') from new_events;
select is(key, subject, 'the key is the task''s id') from new_events;
select is(subject, (select id::text from agenda.tasks where title = 'plain'), 'as is the subject') from new_events;
select is(actor, 'aaaaaaaa-0000-4000-8000-000000000001', 'the actor is the user') from new_events;
select is(xid, pg_current_xact_id(), 'the transaction is the top-level one') from new_events;
select is(substr(id::text, 15, 1), '7', 'the id is a uuid of version 7') from new_events;

update agenda.tasks set title = 'changed', description = 'more' where title = 'plain';
select is((select data->'changed' from new_events where type = 'task.updated'), '["description", "title"]'::jsonb, 'an update says what changed');
select is((select data->'before'->>'title' from new_events where type = 'task.updated'), 'plain', 'and how it was');
update agenda.tasks set title = 'changed' where title = 'changed';
select is((select count(*) from new_events), 2::bigint, 'an update that changes nothing is no event');
update agenda.tasks set notified = true, last_reminder_sent = now() where title = 'changed';
select is((select count(*) from new_events), 2::bigint, 'bookkeeping is no event');
update agenda.tasks set status = 'completed', title = 'done' where title = 'changed';
select is((select type from new_events order by seq desc limit 1), 'task.completed', 'completed wins over updated');
delete from agenda.tasks where title = 'done';
select is((select type from new_events order by seq desc limit 1), 'task.deleted', 'a DELETE is an event');
select is((select data->'before'->>'title' from new_events order by seq desc limit 1), 'done', 'with the state before');
savepoint s;
insert into agenda.tasks (title) values ('undone');
rollback to s;
select is((select count(*) from new_events), 4::bigint, 'what is rolled back leaves no event');

-- traces
do $$
begin
    perform agenda._enter('aaaaaaaa-0000-4000-8000-000000000001', 'req-1', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    insert into agenda.tasks (title) values ('traced');
    perform agenda._leave();
end
$$;
select is((select trace from new_events order by seq desc limit 1), '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'the traceparent of the request is kept');
select is((select headers->>'x-request-id' from new_events order by seq desc limit 1), 'req-1', 'and its request id');

-- nobody else may write
set local role agenda_service;
select throws_ok($$insert into agenda.events (seq, xid, id, type, subject, key, actor, occurred_at, data) values (1, pg_current_xact_id(), agenda.uuid7(), 'x', 'x', 'x', 'x', now(), '{}')$$, '42501', null, 'even the service cannot insert');
select throws_ok($$delete from agenda.events$$, '42501', null, 'nor delete');
select throws_ok($$update agenda.events set type = 'x'$$, '42501', null, 'nor update');
reset role;
select throws_ok($$truncate agenda.events$$, 'YA012', null, 'TRUNCATE is refused');

-- reading: the statements of the drainer
create function new_since(lo pg_snapshot) returns setof bigint language plpgsql as
$$
begin
    return query execute format('select w.seq from (%s) w', agenda._log_statement(array(select agenda._unread_leaves(lo)), 'new')) using lo;
end
$$;
create function behind(lo pg_snapshot, after bigint) returns setof bigint language plpgsql as
$$
begin
    return query execute format('select w.seq from (%s) w', agenda._log_statement(array(select agenda._unread_leaves(lo)), 'rest')) using after;
end
$$;
select is((select count(*) from new_since('3:3:') s, mark where s > mark.seq), 5::bigint, 'what is new has the transaction''s own events');
select is((select array_agg(s) from behind('3:3:', (select seq from mark)) s),
          (select array_agg(seq order by seq) from new_events), 'what follows a number comes in the order of seq');
select is((select count(*) from behind('3:3:', (select max(seq) from new_events))), 0::bigint, 'and nothing comes twice');
select is((select array_agg(topic) from agenda._log_routes() where event_type = 'task.created'), '{task-created}'::text[], 'the routes say where it goes');

select is((select array_agg(topic order by topic) from agenda.topic_routes where event_type = 'task.due_soon'), '{task-due-soon}'::text[], 'the profile per-type is there from the beginning');

-- what the order of the log rests on
select is((select cache_size from pg_sequences where schemaname = 'agenda' and sequencename = 'events_seq'), 1::bigint, 'numbers are drawn one by one');
select is((select string_agg(distinct proparallel::text, '') from pg_proc where pronamespace = 'agenda'::regnamespace and proname in ('emit', '_emit')), 'u',
    'no parallel worker writes an event');

-- the audit trail of a user is found by an index, in which events of nobody have no entry
prepare of_user(uuid) as select seq from agenda.events where user_id = $1 order by seq desc limit 1;
create function pg_temp.plan_of(p_statement text) returns json language plpgsql as $$
declare
    v_plan json;
begin
    execute 'explain (format json) ' || p_statement into v_plan;
    return v_plan;
end $$;
set local enable_seqscan = off;
set local enable_bitmapscan = off;
set local plan_cache_mode = force_generic_plan;
select matches(pg_temp.plan_of($$execute of_user('aaaaaaaa-0000-4000-8000-000000000001')$$)::text, 'Index Cond": "\(user_id = \$1\)', 'events of a user are read by an index');
select is((select count(*) from pg_index i, pg_inherits p where p.inhparent = 'agenda.events'::regclass and i.indrelid = p.inhrelid
             and pg_get_indexdef(i.indexrelid) ~ '\(user_id, seq\)' and pg_get_expr(i.indpred, i.indrelid) is distinct from '(user_id IS NOT NULL)'),
          0::bigint, 'which events of nobody do not pay for');

select * from finish();
rollback;
