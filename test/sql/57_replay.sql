-- Publishing again: which events, in which order, and that nobody else sees them twice.
begin;
set local search_path = public;
select plan(28);

create role t_app login in role agenda_app;
create temp table mark as select clock_timestamp() as at, (select case when is_called then last_value else last_value - 1 end from agenda.events_seq) as seq;
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
insert into agenda.tasks (title) select 'task ' || n from generate_series(1, 3) n;
update agenda.tasks set priority = 1 where title = 'task 2';
create temp table original as select e.* from agenda.events e, mark where e.seq > mark.seq;
create temp table audited as select count(*) as n from agenda.audit_log;
create temp table logged as select (select last_value from agenda.events_seq) as seq;
-- what the drainer reads behind the last number that was there
create function pg_temp.again() returns table (seq bigint, id uuid, replay_of bigint, topics text[], data jsonb) language plpgsql as
$$
begin
    return query execute format($q$
        select w.seq, w.id, w.replay_of,
               case when w.id is null then null when w.only_topic is not null then array[w.only_topic]
                    else (select array_agg(r.topic) from agenda._log_routes() r where r.event_type = w.type) end, w.data
          from (%s) w where w.type is distinct from 'log.replayed' order by w.seq$q$,
        agenda._log_statement(array(select agenda._unread_leaves('3:3:')), 'rest'))
    using (select l.seq from logged l);
end
$$;

select throws_ok($$set local role t_app; select agenda.replay('-infinity', 'infinity')$$, '42501', null, 'an application may not');
set local role agenda_service;
select throws_ok($$select agenda.replay(now(), now())$$, 'YA006', null, 'an empty time');
select throws_ok($$select agenda.replay(now(), null)$$, 'YA006', null, 'no time');
select throws_ok($$select agenda.replay('-infinity', now(), topic => 'no topic')$$, 'YA006', null, 'a topic that cannot be');
reset role;
grant select on mark to agenda_service;
set local role agenda_service;
select is(agenda.replay((select at from mark), 'infinity'), 4::bigint, 'it says how many');
reset role;
select is((select array_agg(r.id order by r.seq) from pg_temp.again() r),
    (select array_agg(id order by seq) from original), 'the same ids in the same order');
select is((select array_agg(r.replay_of order by r.seq) from pg_temp.again() r),
    (select array_agg(seq order by seq) from original), 'marked as repetitions');
select is((select r.topics from pg_temp.again() r order by r.seq limit 1), '{task-created}'::text[], 'to the topics of their types');
select is((select count(*) from agenda.events e, logged where e.seq > logged.seq), 1::bigint, 'the log has one new event');
select is((select data - 'from' - 'to' from agenda.events where type = 'log.replayed'), jsonb_build_object('role', session_user, 'types', null, 'topic', null, 'events', 4), 'which says who asked for what');
select is((select count(*) from agenda.audit_log), n, 'the audit trail nothing') from audited;

-- types and topic
update logged set seq = (select last_value from agenda.events_seq);
select is(agenda.replay((select at from mark), 'infinity', '{task.updated}', 'other'), 1::bigint, 'only some types');
select is((select r.topics from pg_temp.again() r), '{other}'::text[], 'only to one topic');
select is(agenda.replay((select at from mark), 'infinity', '{shop.order}'), 0::bigint, 'none of that type');

-- an event that is gone when its turn comes
update logged set seq = (select last_value from agenda.events_seq);
select agenda.replay((select at from mark), 'infinity', '{task.created}', 'other');
delete from agenda.events where id = (select id from original order by seq limit 1);
select is((select array_agg(r.topics::text order by r.seq) from pg_temp.again() r),
    array[null, '{other}', '{other}']::text[], 'has no topic, and hides nothing behind it');

-- a partition that was closed when the clock was ahead
update agenda.log_leaves set closed_xmax = '1' where parent = 'replays';
select agenda.replay((select at from mark), 'infinity', '{task.created}', 'other');
select is((select closed_xmax from agenda.log_leaves where parent = 'replays'), null, 'is open again when it takes repetitions');

-- what has been read goes
select agenda._close_partitions(now());
update agenda.log_leaves set upper = '2020-01-01', closed_xmax = '1' where parent = 'replays';
select agenda._drop_partitions(now());
select is((select count(*) from agenda.log_leaves where parent = 'replays'), 0::bigint, 'repetitions that are out are not kept');
select is((select count(*) from agenda.events e join original o using (id)), 3::bigint, 'events are');

-- both copies of an event that has been replayed twice, when their key has been blocked meanwhile
insert into agenda.topics (topic, on_refused) values ('blocked', 'block_key');
insert into agenda.topic_routes values ('task.created', 'blocked');
create temp table twice as select e.seq, e.occurred_at from agenda.events e where e.type = 'task.created' order by e.seq desc limit 1;
create temp table buried as
    select d.policy from twice w, agenda._log_dead(array[w.seq, w.seq], array[w.occurred_at, w.occurred_at], '{blocked,blocked}', '{k,k}', '{refused,"waits for it"}',
                                                   '{1,0}', '{false,true}', array['-infinity', '-infinity']::timestamptz[], '{false,true}') d;
select results_eq('select policy from buried', $$values ('block_key'), ('block_key')$$, 'are buried together');
select is((select count(*) from agenda.dead_letters d join twice w using (seq) where d.topic = 'blocked'), 1::bigint, 'in one letter');
select is((select count(*) from twice w, agenda._log_dead(array[w.seq], array[w.occurred_at], '{blocked}', '{k}', '{"waits for it"}', '{0}', '{true}', array['-infinity']::timestamptz[], '{true}')), 1::bigint, 'that is met again');
select is((select d.reason from agenda.dead_letters d join twice w using (seq) where d.topic = 'blocked'), 'refused', 'and keeps why it was refused');

select is((select d.replayed from agenda.dead_letters d join twice w using (seq) where d.topic = 'blocked'), false, 'which is that of the first one');
delete from agenda.dead_letters;
select agenda._log_dead(array[w.seq], array[w.occurred_at], '{blocked}', '{k}', '{refused}', '{1}', '{false}', array['-infinity']::timestamptz[], '{true}') from twice w;
update agenda.dead_letters set redrive_at = now();
select is((select bool_and(l.replayed) from agenda._log_letters(0, 10, 0, 1) l), true, 'a repetition that is refused is sent again as one');
select agenda._log_dead(array[w.seq], array[w.occurred_at], '{blocked}', '{k}', '{refused}', '{1}', '{false}', array['-infinity']::timestamptz[], '{false}') from twice w;
select is((select d.replayed from agenda.dead_letters d), false, 'unless the event itself has to be sent again');

-- what has been asked for waits
create temp table waited as select events, oldest from agenda._log_unread(pg_current_snapshot(), null, 0);
select agenda.replay((select at from mark), 'infinity', '{task.created}', 'other') as rows \gset
select is((select u.events - w.events from agenda._log_unread(pg_current_snapshot(), null, 0) u, waited w), (:rows + 1)::bigint, 'repetitions count as waiting, beside the event that says so');
select is((select sum(u.events) from generate_series(0, 2) d, agenda._log_unread(pg_current_snapshot(), null, 0, agenda._log_share(d, 3, 'task')) u),
    (select u.events::numeric from agenda._log_unread(pg_current_snapshot(), null, 0) u), 'for the drainer whose key it is');
select is((select u.events from agenda._log_unread(pg_current_snapshot(), null, 0, p_user => e.user_id) u),
    (select count(*) from agenda.events v where v.user_id = e.user_id and v.xid = pg_current_xact_id()), 'but nobody has to wait for them to be forgotten')
  from agenda.events e join twice w using (seq);

select * from finish();
rollback;
