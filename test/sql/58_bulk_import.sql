-- Changes without events: who may, what is left out, what is not, and what tells of it.
begin;
set local search_path = public;
select plan(17);

create role t_app login in role agenda_app;
create temp table mark as select coalesce(max(seq), 0) as seq from agenda.events;
create temp view new_events as select e.* from agenda.events e, mark where e.seq > mark.seq;
grant select on mark, new_events to public;
insert into agenda.users (id) values ('aaaaaaaa-0000-4000-8000-000000000001');

set local role t_app;
select throws_ok($$select agenda.bulk_import()$$, '42501', null, 'an application may not');
select throws_ok($$select agenda._silence('events')$$, '42501', null, 'not by its part either');
set local role agenda_service;
select is(agenda.bulk_import(), 0::bigint, 'the service may');
copy agenda.tasks (user_id, title, due_date) from stdin;
aaaaaaaa-0000-4000-8000-000000000001	one	2030-01-01 09:00+00
aaaaaaaa-0000-4000-8000-000000000001	two	\N
\.
insert into agenda.recurring_tasks (user_id, title, recurrence_type, start_date) values ('aaaaaaaa-0000-4000-8000-000000000001', 'series', 'daily', now() + interval '1 day');
select is((select array_agg(type) from new_events), '{log.silenced}'::text[], 'no events but the one that says so');
select is((select row(user_id, subject, data)::text from new_events), row(null::uuid, pg_current_xact_id()::text, jsonb_build_object('role', session_user, 'reason', 'bulk import'))::text, 'who, and in which transaction');
select cmp_ok((select count(*) from agenda.timers where user_id = 'aaaaaaaa-0000-4000-8000-000000000001'), '>=', 2::bigint, 'timers are planned');
select throws_ok($$insert into agenda.tasks (user_id, title, priority) values ('aaaaaaaa-0000-4000-8000-000000000001', 'bad', 7)$$, '23514', null, 'rules are checked');
create temp table left_out as select agenda.bulk_import(false) as n;
select cmp_ok(n, '>=', 3::bigint, 'it says how many events were left out') from left_out;
select is((select data->>'left_out' from new_events where type = 'log.resumed'), n::text, 'and so does the log') from left_out;
insert into agenda.tasks (user_id, title) values ('aaaaaaaa-0000-4000-8000-000000000001', 'loud');
select is((select data->'after'->>'title' from new_events order by seq desc limit 1), 'loud', 'after it changes write events again');

-- it is undone with the subtransaction that began it
savepoint s;
select agenda.bulk_import();
rollback to s;
insert into agenda.tasks (user_id, title) values ('aaaaaaaa-0000-4000-8000-000000000001', 'after the rollback');
select is((select data->'after'->>'title' from new_events order by seq desc limit 1), 'after the rollback', 'a rollback ends it');
savepoint s;
select agenda.bulk_import();
release s;
insert into agenda.tasks (user_id, title) values ('aaaaaaaa-0000-4000-8000-000000000001', 'silent');
select is((select type from new_events order by seq desc limit 1), 'log.silenced', 'a release does not');
savepoint s;
savepoint t;
rollback to t;
insert into agenda.tasks (user_id, title) values ('aaaaaaaa-0000-4000-8000-000000000001', 'silent');
rollback to s;
insert into agenda.tasks (user_id, title) values ('aaaaaaaa-0000-4000-8000-000000000001', 'silent');
select is((select type from new_events order by seq desc limit 1), 'log.silenced', 'nor the end of a later one');
select cmp_ok(agenda.bulk_import(false), '>=', 2::bigint, 'it counts on');
select is(agenda.bulk_import(false), 0::bigint, 'ending what has ended is no error');

-- silent triggers are for forget_user
select agenda._silence('triggers');
insert into agenda.tasks (user_id, title, due_date) values ('aaaaaaaa-0000-4000-8000-000000000001', 'nothing at all', '2030-01-01 09:00+00');
select is((select count(*) from agenda.timers m join agenda.tasks t on t.id = m.entity_id where t.title = 'nothing at all'), 0::bigint, 'no timer');
select is((select type from new_events order by seq desc limit 1), 'log.resumed', 'no event');

select * from finish();
rollback;
