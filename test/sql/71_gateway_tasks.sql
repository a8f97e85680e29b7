-- What the gateway reads in C says the same as the SQL functions, and shows nobody else's tasks.
begin;
set local search_path = public;
select plan(26);

set local agenda.now = '2025-03-10 12:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000071');
insert into agenda.tasks (title) values ('not mine');
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000072');
select agenda.set_preferences('{"due_soon_window": "2 days"}');
create temp table made as
    select id, i from generate_series(1, 45) i, agenda.create_task('task ' || i || E' "\\\t', due => case when i % 3 > 0 then '2025-03-' || lpad((1 + i % 28)::text, 2, '0') || 'T10:00:00Z' end) t;
-- three of each second
update agenda.tasks t set created_at = agenda.now() - (made.i + 1) / 3 * interval '1 second' from made where made.id = t.id;
select count(agenda.delete_task(id)) from made where i in (3, 21);
delete from agenda.tasks using made where tasks.id = made.id and i in (4, 44);

create function pg_temp.same(p_query jsonb) returns boolean language sql as
$$
    select a.body::jsonb = b.body::jsonb and a.status = b.status and a.etag is not distinct from b.etag
      from agenda.gw_list_tasks('aaaaaaaa-0000-4000-8000-000000000072', null, null, p_query) a,
           agenda._gw_list_tasks('aaaaaaaa-0000-4000-8000-000000000072', null, null, p_query) b
$$;
select ok(pg_temp.same('{}'), 'the first page');
select ok(pg_temp.same('{"page": "2"}'), 'the second one');
select ok(pg_temp.same('{"page": "3", "page_size": "20"}'), 'the last one');
select ok(pg_temp.same('{"page": "9", "page_size": "7"}'), 'one behind the end');
select ok(pg_temp.same('{"page": "007", "page_size": "1"}'), 'of one task');
select ok(pg_temp.same('{"page_size": "999999"}'), 'more than the limit is the limit');
select ok(pg_temp.same('{"q": "TASK 1", "sort": "title"}'), 'what is filtered and sorted');
select is((select body::jsonb->'total' from agenda.gw_list_tasks('aaaaaaaa-0000-4000-8000-000000000072', null, null, '{}')), '41', 'deleted tasks are not counted');
select is((select body::jsonb->'items'->0->>'title' from agenda.gw_list_tasks('aaaaaaaa-0000-4000-8000-000000000072', null, null, '{}')), E'task 1 "\\\t', 'the newest one is first');
select is((select body::jsonb->'items' from agenda.gw_list_tasks('00000000-0000-4000-8000-00000000dead', null, null, '{}')), '[]', 'somebody without tasks has none');
select throws_ok($$select * from agenda.gw_list_tasks('aaaaaaaa-0000-4000-8000-000000000072', null, null, '{"page": "0"}')$$, 'YA006', null, 'pages begin with 1');
select throws_ok($$select * from agenda.gw_list_tasks('aaaaaaaa-0000-4000-8000-000000000072', null, null, '{"page": "1x"}')$$, 'YA006', null, 'and are numbers');
select throws_ok($$select * from agenda.gw_list_tasks('aaaaaaaa-0000-4000-8000-000000000072', null, null, '{"pages": "1"}')$$, 'YA006', null, 'an unknown member');

select is((select body::jsonb from made, agenda.gw_get_task('aaaaaaaa-0000-4000-8000-000000000072', null, null, made.id) where i = 10),
          (select agenda.task_json(t) from agenda.tasks t join made using (id) where i = 10), 'one task');
select is((select etag from made, agenda.gw_get_task('aaaaaaaa-0000-4000-8000-000000000072', null, null, made.id) where i = 10), '1', 'its version is the entity tag');
select throws_ok(format($$select * from agenda.gw_get_task('aaaaaaaa-0000-4000-8000-000000000072', null, null, %L)$$, (select id from made where i = 3)),
                 'YA001', null, 'a deleted task');
select throws_ok(format($$select * from agenda.gw_get_task('aaaaaaaa-0000-4000-8000-000000000071', null, null, %L)$$, (select id from made where i = 10)),
                 'YA001', null, 'and somebody else''s are not there');

-- a new task
create temp table answer as select * from agenda.gw_create_task('aaaaaaaa-0000-4000-8000-000000000071', 'request-71', null, '{"title": "by REST", "due_date": "2025-04-01T10:00:00Z", "priority": 3, "description": null}');
select is(status || ' ' || etag || ' ' || location, '201 1 /api/tasks/' || (body::jsonb->>'id'), 'a new task: status, version and place') from answer;
select is((select trace from agenda.events e, answer where e.subject = answer.body::jsonb->>'id'), 'request-71', 'its event has the request');
select is(agenda.current_user_id(), 'aaaaaaaa-0000-4000-8000-000000000072', 'afterwards the acting user is the one before');
select is((select b.body::jsonb - '{id,created_at,updated_at}'::text[] from agenda._gw_create_task('aaaaaaaa-0000-4000-8000-000000000071', null, null, '{"title": "by REST", "due_date": "2025-04-01T10:00:00Z", "priority": 3}') b),
          (select body::jsonb - '{id,created_at,updated_at}'::text[] from answer), 'the same as by SQL');
select throws_ok($$select agenda.gw_create_task('aaaaaaaa-0000-4000-8000-000000000071', null, null, '{"title": 7}')$$, 'YA006', 'title must be a string', 'a member of the wrong kind');

-- ---- a policy of somebody else ----
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000072');
select is((select (g.status, g.etag, g.location, g.body::jsonb)::text from made, agenda.gw_get_task('aaaaaaaa-0000-4000-8000-000000000072', null, null, made.id) g where i = 10),
          (select (g.status, g.etag, g.location, g.body::jsonb)::text from made, agenda._gw_get_task('aaaaaaaa-0000-4000-8000-000000000072', null, null, made.id) g where i = 10), 'one task by SQL');
create policy no_sevens on agenda.tasks as restrictive for select using (title !~ '7');
select is((select body::jsonb->'total' from agenda.gw_list_tasks('aaaaaaaa-0000-4000-8000-000000000072', null, null, '{}')), '37', 'hides tasks from the list');
select throws_ok(format($$select * from agenda.gw_get_task('aaaaaaaa-0000-4000-8000-000000000072', null, null, %L)$$, (select id from made where i = 17)), 'YA001', null, 'and one by one');
select is((select g.status from made, agenda.gw_get_task('aaaaaaaa-0000-4000-8000-000000000072', null, null, made.id) g where i = 10), 200, 'others are shown');

select * from finish();
rollback;
