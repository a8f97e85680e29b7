-- Events of other schemas: who may write which, what they look like, and changes that write none.
begin;
set local search_path = public;
select plan(57);

create role t_app login in role agenda_app;
create role t_person login in role agenda_user;
create role t_nobody login;
create temp table mark as select coalesce(max(seq), 0) as seq from agenda.events;
create temp view new_events as select e.* from agenda.events e, mark where e.seq > mark.seq;
grant select on mark to public;

-- ---- emit --------------------------------------------------------------------------------------
set local role t_app;
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
select isnt(agenda.emit('shop.order.placed', 'order-1', '{"total": 12}', headers => '{"x-shop": "north"}'), null, 'emit returns an id');
reset role;
select is((select row(type, subject, key, user_id, actor, data, headers)::text from new_events),
    row('shop.order.placed', 'order-1', 'order-1', 'aaaaaaaa-0000-4000-8000-000000000001'::uuid, 'aaaaaaaa-0000-4000-8000-000000000001',
        '{"total": 12}'::jsonb, '{"x-shop": "north"}'::jsonb)::text, 'the event is in the log, its key is the subject');
set local role t_app;
select is((select count(*) from agenda.events where type = 'shop.order.placed'), 1::bigint, 'its user sees it');
select agenda.act_as('bbbbbbbb-0000-4000-8000-000000000002');
select is((select count(*) from agenda.events where type = 'shop.order.placed'), 0::bigint, 'others do not');
select agenda.act_as(null);
select agenda.emit('shop.closed', 'shop', '{}', key => 'north');
reset role;
select is((select row(key, user_id, actor)::text from new_events where type = 'shop.closed'), '(north,,' || session_user || ')', 'without a user, under a key of its own');

select throws_ok(format($$select agenda.emit(%L, 's', '{}')$$, t), 'YA006', null, 'type ' || coalesce(t, 'null'))
  from unnest(array['task.created', 'TASK.x', 'recurring_task.x', 'reminder.due', 'notification.created', 'preferences.updated', 'user.x', 'log.x', 'agenda.x',
                    'delivery.x', 'digest.x', 'noword', 'a..b', 'a.b.', '.b', '1a.b', 'a.b c', repeat('a', 199) || '.b', null]) t;
select isnt(agenda.emit('Tasks-x.9_a', repeat('é', 255), '{}'), null, 'the longest subject, under a word that only looks like a reserved one');
select throws_ok($$select agenda.emit('a.b', '', '{}')$$, 'YA006', null, 'an empty subject');
select throws_ok($$select agenda.emit('a.b', repeat('x', 256), '{}')$$, 'YA006', null, 'a long subject');
select throws_ok($$select agenda.emit('a.b', 'x', '{}', key => '')$$, 'YA006', 'key of an event must be 1 to 255 characters without control characters', 'an empty key');
select throws_ok($$select agenda.emit('a.b', 'x', '{}', key => E'a\nb')$$, 'YA006', null, 'a key of two lines');
select throws_ok($$select agenda.emit('a.b', 'x', '[1]')$$, 'YA006', 'data of an event must be an object', 'data that is no object');
select throws_ok($$select agenda.emit('a.b', 'x', null)$$, 'YA006', null, 'no data');
select throws_ok(format($$select agenda.emit('a.b', 'x', '{}', headers => %L)$$, h), 'YA006', null, 'headers ' || left(h, 40))
  from unnest(array['[]', '{"ce_id": "1"}', '{"Content-Type": "x"}', '{"id": "1"}', '{"eventType": "x"}', '{"a b": "x"}', '{"a": 1}', '{"a": "x\ny"}',
                    (select jsonb_object_agg('h' || n, 'x')::text from generate_series(1, 17) n)]) h;
select throws_ok($$select agenda.emit('a.b', 'x', jsonb_build_object('a', repeat('x', 990000)))$$, '54000', null, 'an event that no broker takes');
select throws_ok($$select agenda.emit('a.b', 'x', jsonb_build_object('a', (select jsonb_agg(1e131000) from generate_series(1, 8))))$$, '54000', null, 'nor one whose numbers are long');
select throws_ok($$select agenda.emit('a.b', 'x', (select jsonb_object_agg('n' || i, jsonb_build_array('x', jsonb_build_object('a', 1e131000))) from generate_series(1, 8) i))$$, '54000', null,
    'wherever they stand');
select isnt(agenda.emit('a.b', 'x', jsonb_build_object('a', repeat('x', 300000), 'n', 1e131000)), null, 'but one that is no larger as text than brokers take');
select throws_ok($$select agenda._emit('a.b', null, 'x', 'x', jsonb_build_object('a', repeat(E'\x01', 200000)))$$, '54000', null, 'nor one that grows as text');
set local role t_person;
select throws_ok($$select agenda.emit('a.b', 'x', '{}')$$, '42501', null, 'a person may not');
reset role;
set local role t_nobody;
select throws_ok($$select agenda.emit('a.b', 'x', '{}')$$, '42501', null, 'nor anybody else');
reset role;
set local role agenda_service;
select lives_ok($$select agenda.emit('a.b', 'x', '{}')$$, 'the service may');
reset role;

-- ---- an event for each row of a set --------------------------------------------------------------
create temp table many as select agenda._emit_each('a.set', null, 's' || i, jsonb_build_object('n', i)) as count
  from (select * from generate_series(1, 500) i order by i desc) i;
select is((select count from many), 500::bigint, 'a set is counted');
select is((select array_agg(e.subject order by e.seq) from new_events e where e.type = 'a.set'),
          (select array_agg('s' || i order by i desc) from generate_series(1, 500) i), 'and written in its order');
select is((select count(distinct e.id) from new_events e where e.type = 'a.set'), 500::bigint, 'under an id each');
select is((select row(e.key, e.actor, e.headers, e.data)::text from new_events e where e.subject = 's7'),
          row('s7', session_user, '{}'::jsonb, '{"n": 7}'::jsonb)::text, 'as _emit() writes it');
select is((select array_agg(agenda_count) from (select agenda._emit_each('a.group', null, 'g' || i, '{}') as agenda_count
                                                  from generate_series(1, 6) i group by i % 2) g), '{3,3}'::bigint[], 'of groups each is a set');
select is((select agenda._emit_each('a.b', null, 'x', '{}') from generate_series(1, 0)), 0::bigint, 'an empty one writes nothing');
select throws_ok($$select agenda._emit_each('a.b', null, nullif(i, 3)::text, '{}') from generate_series(1, 5) i$$, '22004', null, 'nothing of an event may be missing');
select is((select count(*) from new_events e where e.type = 'a.b' and e.subject = '1'), 0::bigint, 'a set that fails leaves nothing');
select throws_ok($$select agenda._emit_each_next(null, 'a.b', null, 'x', '{}')$$, null, null, 'its transition is no function to call');

select * from finish();
rollback;
