-- Forgetting a user: everything of theirs, nothing of others, and no trace but one event.
begin;
set local search_path = public;
select plan(23);

create role t_app login in role agenda_app;
create role t_person login in role agenda_user;
set local agenda.now = '2027-01-10 08:00:00+00';
create function pg_temp.a() returns uuid language sql as $$select 'aaaaaaaa-0000-4000-8000-000000000001'::uuid$$;
create function pg_temp.b() returns uuid language sql as $$select 'bbbbbbbb-0000-4000-8000-000000000002'::uuid$$;
-- everything that has a user: table → rows
create function pg_temp.rows_of(u uuid) returns jsonb language plpgsql as $$
declare r record; n bigint; result jsonb := '{}';
begin
    for r in select c.oid::regclass as t, c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
              where c.relnamespace = 'agenda'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attname = 'user_id' loop
        execute format('select count(*) from %s where user_id = $1', r.t) into n using u;
        if n > 0 then result := result || jsonb_build_object(r.relname, n); end if;
    end loop;
    return result;
end $$;

select agenda.act_as(u) from unnest(array[pg_temp.a(), pg_temp.b()]) u;
do $$
declare u uuid;
begin
    foreach u in array array[pg_temp.a(), pg_temp.b()] loop
        perform agenda.act_as(u);
        perform agenda.set_preferences('{"timezone": "Europe/Berlin"}');
        perform agenda.create_task('soon', due => '2027-01-10T10:00:00Z');
        perform agenda.create_recurring_task('daily', 'daily', start_date => '2027-01-10T07:00:00Z');
        perform agenda.complete_task((agenda.create_task('repeated', due => '2027-02-01T10:00:00Z', recurrence_rule => 'weekly')).id);
        perform agenda.emit('shop.order.placed', 'order', '{}');
    end loop;
end $$;
select agenda.act_as(null);
select agenda._scan('2027-01-10 12:00+00', '-infinity', 100);
insert into agenda.dead_letters (seq, event_id, type, user_id, subject, key, occurred_at, headers, data, topic, reason, attempts)
select e.seq, e.id, e.type, e.user_id, e.subject, e.key, e.occurred_at, e.headers, e.data, 't', 'r', 1 from agenda.events e where e.type = 'task.completed';
-- a part of the log that is a year old
select agenda._ensure_partitions('2026-01-05 10:00+00');
insert into agenda.events (seq, xid, id, type, user_id, subject, key, actor, occurred_at, data)
select nextval('agenda.events_seq'), pg_current_xact_id(), agenda.uuid7(), 'task.created', u, 'x', 'x', 'x', '2026-01-05 10:00+00', '{"after": {}}'
  from unnest(array[pg_temp.a(), pg_temp.b()]) u;

create temp table before as select pg_temp.rows_of(pg_temp.a()) as a, pg_temp.rows_of(pg_temp.b()) as b, (select count(*) from agenda.events) as events;
select ok(a ?& array['preferences', 'recurring_tasks', 'tasks', 'timers', 'notifications', 'events', 'dead_letters'], 'there is something of everything') from before;
create temp table task_of_a as select id from agenda.tasks where user_id = pg_temp.a() and title = 'soon';
grant select on task_of_a to public;

-- ---- who may -----------------------------------------------------------------------------------
set local role t_app;
select throws_ok($$select agenda.forget_user(pg_temp.a())$$, '42501', null, 'an application may not');
select throws_ok($$select agenda._forget_everything(pg_temp.a(), true)$$, '42501', null, 'not by its parts either');
select throws_ok($$select agenda._forget_rows('agenda.events', 'user_id', pg_temp.a())$$, '42501', null, 'none of them');
set local role t_person;
select throws_ok($$select agenda.forget_user(pg_temp.a())$$, '42501', null, 'nor a person');
set local role agenda_service;
select throws_ok($$delete from agenda.events$$, '42501', null, 'the service cannot delete from the log');

-- ---- what ----------------------------------------------------------------------------------------
select throws_ok($$select agenda.forget_user('cccccccc-0000-4000-8000-000000000003')$$, 'YA001', null, 'a user that is not there');
select throws_ok($$select agenda.forget_user(pg_temp.a())$$, 'YA007', 'events of the user have not been published yet', 'not before the log is out');
create temp table counts as select agenda.forget_user(pg_temp.a(), even_unpublished => true) as c;
reset role;
select is(c - 'users', a, 'what it says it deleted is what was there') from counts, before;
select is(c->>'users', '1', 'and the user') from counts;
select is(pg_temp.rows_of(pg_temp.a()), '{}', 'nothing of the user is left');
select is((select count(*) from agenda.users where id = pg_temp.a()), 0::bigint, 'nor the user');
select is(pg_temp.rows_of(pg_temp.b()), b, 'everything of others is') from before;
select is((select count(*) from agenda.events), events - (a->>'events')::bigint + 1, 'the log has one entry more, and otherwise only less') from before;
select is((select count(*) from agenda.events where subject like '%aaaaaaaa-0000%' or data::text like '%aaaaaaaa-0000%' or actor like '%aaaaaaaa-0000%' or key like '%aaaaaaaa-0000%'), 1::bigint,
    'the user''s id stands in one event');
create temp table forgotten as select * from agenda.events where type = 'user.forgotten';
select is((select row(user_id, subject, trace)::text from forgotten), format('(,%s,)', pg_temp.a()), 'which has no user');
select is((select data from forgotten), jsonb_build_object('rows', (select c from counts)), 'and nothing but numbers');
select is((select array_agg(topic) from agenda._log_routes() where event_type = 'user.forgotten'), '{user-forgotten}'::text[], 'consumers learn of it');

set local role t_app;
select agenda.act_as(pg_temp.a());
select is(agenda.task_as_of((select id from task_of_a), clock_timestamp()), null, 'the past is gone, too');
select is((select count(*) from agenda.audit_log), 0::bigint, 'with the audit trail');
select lives_ok($$insert into agenda.tasks (title) values ('back')$$, 'somebody who comes again begins anew');
select is((select count(*) from agenda.events where type = 'task.created'), 1::bigint, 'and is logged as ever');
reset role;

-- ---- what is published is no hindrance -----------------------------------------------------------
set local role agenda_service;
select agenda._log_save(pg_current_snapshot(), null, 0);
select lives_ok($$select agenda.forget_user(pg_temp.b())$$, 'what has been published is no hindrance');

select * from finish();
rollback;
