-- Rows of agenda.tasks in C: triggers, create_task(), images and JSON, whatever statement brings the rows
-- and whatever becomes of the table.
begin;
set local search_path = public;
select plan(88);

set local agenda.now = '2025-03-10 12:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000031');
create temp table mark as select coalesce(max(seq), 0) as seq from agenda.events;
create temp view new_events as select e.* from agenda.events e, mark where e.seq > mark.seq;
create function pg_temp.forget() returns void language sql as $$ update mark set seq = (select max(seq) from agenda.events) $$;

-- ---- statements ----
copy agenda.tasks (title, due_date, tags) from stdin;
copied one	2025-03-12 10:00:00+00	{home}
copied two	\N	{}
copied three	2025-03-01 10:00:00+00	{}
\.
select is((select array_agg(type order by seq) from new_events), '{task.created,task.created,task.created}'::text[], 'COPY: an event for each row');
select is((select array_agg(data->'after'->>'title' order by seq) from new_events), '{copied one,copied two,copied three}'::text[], 'in the order of the rows');
select is((select array_agg(what order by fire_at) from agenda.timers), '{overdue,due_soon}'::text[], 'a timer for each due date, with the state that is next');
select is((select data->'after'->'tags' from new_events order by seq limit 1), '["home"]'::jsonb, 'tags are an array of the image');

select pg_temp.forget();
insert into agenda.tasks (id, title) values ('00000000-0000-4000-8000-000000003101', 'mine');
insert into agenda.tasks (id, title) values ('00000000-0000-4000-8000-000000003101', 'again') on conflict (user_id, id) do nothing;
select is((select count(*) from new_events), 1::bigint, 'ON CONFLICT DO NOTHING: a row that is not written is no event');
insert into agenda.tasks (id, title) values ('00000000-0000-4000-8000-000000003101', 'again')
    on conflict (user_id, id) do update set title = excluded.title;
select is((select array_agg(type order by seq) from new_events), '{task.created,task.updated}'::text[], 'DO UPDATE: one change');
select is((select version from agenda.tasks where title = 'again'), 2::bigint, 'which counts');

select pg_temp.forget();
update agenda.tasks set due_date = '2025-03-20 00:00+00', priority = 1;
select is((select count(*) from new_events), 4::bigint, 'an UPDATE of many rows: an event for each');
select is((select count(distinct subject) from new_events), 4::bigint, 'of its own');
select is((select array_agg(distinct data->'changed') from new_events), array['["due_date", "priority"]'::jsonb], 'which names the members that differ');
select is((select count(*) from agenda.timers where what = 'due_soon' and fire_at = '2025-03-19 00:00+00'), 4::bigint, 'and the timers follow');
select pg_temp.forget();
with u as (update agenda.tasks set title = title || '!' where title = 'again' returning id)
update agenda.tasks set description = 'x' where title = 'copied one';
select is((select count(*) from new_events), 2::bigint, 'two updates in one statement');
-- the same row twice in one transaction: numbers in the order of the changes
update agenda.tasks set title = 'first' where title = 'again!';
update agenda.tasks set title = 'second' where title = 'first';
select is((select array_agg(data->'after'->>'title' order by seq) from new_events where key = '00000000-0000-4000-8000-000000003101'),
          '{again!,first,second}'::text[], 'seq is the order of the changes of one key');
select pg_temp.forget();
delete from agenda.tasks;
select is((select array_agg(distinct type) from new_events), '{task.deleted}'::text[], 'DELETE of many rows');
select is((select count(*) from agenda.timers), 0::bigint, 'takes the timers along');
savepoint s;
insert into agenda.tasks (title, due_date) values ('undone', '2025-03-20 00:00+00');
rollback to s;
select is((select count(*) from agenda.timers), 0::bigint, 'a rolled-back savepoint leaves no timer');
insert into agenda.tasks (title, due_date) values ('kept', '2025-03-20 00:00+00');
update agenda.tasks set due_date = '2025-03-21 00:00+00';
update agenda.tasks set due_date = null;
select is((select count(*) from agenda.timers), 0::bigint, 'a due date that is taken away takes its timer along');
update agenda.tasks set due_date = '2025-03-21 00:00+00', status = 'completed';
select is((select count(*) from agenda.timers), 0::bigint, 'a task that is done has none');

-- ---- what a row must hold ----
select throws_ok($$insert into agenda.tasks (title) values (repeat('x', 501))$$, '23514', null, 'a title of 501 characters');
select lives_ok($$insert into agenda.tasks (title) values (repeat('ä', 500))$$, 'characters, not bytes, are counted');
select throws_ok($$insert into agenda.tasks (title, description) values ('x', repeat('ä', 20001))$$, '23514', null, 'a description of 20001');
select lives_ok($$insert into agenda.tasks (title, description) values ('long', repeat('x', 20000))$$, '20000 are permitted');
select throws_ok($$insert into agenda.tasks (title, status) values ('x', 'done')$$, '23514', null, 'an unknown status');
select throws_ok($$update agenda.tasks set priority = 4$$, '23514', null, 'a priority of 4');
select throws_ok($$insert into agenda.tasks (title, due_date) values ('x', '9999-12-31')$$, '23514', null, 'a due date that RFC 3339 cannot say in all zones');
select throws_ok($$insert into agenda.tasks (title, timezone) values ('x', 'Mars/Olympus')$$, 'YA004', null, 'an unknown zone');
select throws_ok($$insert into agenda.tasks (title, user_id) values ('x', '00000000-0000-4000-8000-00000000dead')$$, '42501', null, 'another user''s row');
create function pg_temp.fault(p_sql text) returns text language plpgsql as
$$
declare
    v_column text;
    v_check  text;
begin
    execute p_sql;
    return null;
exception when others then
    get stacked diagnostics v_column = column_name, v_check = constraint_name;
    return v_column || ' ' || v_check;
end
$$;
select is(pg_temp.fault($$insert into agenda.tasks (title) values ('')$$), 'title tasks_title_check', 'an error names the column, and a constraint as of that column');
-- stored out of line, and compared there
update agenda.tasks set description = (select string_agg(md5(i::text), '') from generate_series(1, 600) i) where title = 'long';
select pg_temp.forget();
update agenda.tasks set description = description || '' where title = 'long';
select is((select count(*) from new_events), 0::bigint, 'a long text that stays is no change');
update agenda.tasks set description = overlay(description placing 'zz' from 19000 for 2) where title = 'long';
select is((select data->'changed' from new_events), '["description"]'::jsonb, 'one that changes near its end is one');

-- ---- strings ----
select pg_temp.forget();
insert into agenda.tasks (title, description) values (E'q"b\\s\tt\x01ü€𝄞', E'line\nline');
select is((select data->'after'->>'title' from new_events), E'q"b\\s\tt\x01ü€𝄞', 'special characters in events');
select is(agenda.task_json(t)->>'title', t.title, 'and in JSON') from agenda.tasks t where description like 'line%';
select is((agenda._task_text(t, agenda.now(), null)::jsonb)->>'description', E'line\nline', 'which is valid') from agenda.tasks t where description like 'line%';

-- ---- JSON and images: the same members as ever ----
select is((select array_agg(k order by k) from agenda.tasks t, jsonb_object_keys(agenda.task_json(t)) k where t.title = 'long'),
          '{checklist,completed_at,created_at,description,due_date,due_kind,due_state,id,last_reminder_sent,notified,parent_task_id,priority,recurrence_rule,recurring_task_id,status,tags,timezone,title,updated_at,user_id,version}'::text[],
          'members of a task over REST');
select is((select array_agg(k order by k) from (select data from new_events limit 1) e, jsonb_object_keys(e.data->'after') k),
          '{checklist,completed_at,deleted_at,description,due_date,due_kind,id,parent_task_id,priority,recurrence_rule,recurring_task_id,status,tags,timezone,title,user_id}'::text[],
          'members of a task in events');
select is((select count(*) from agenda.events e where e.type like 'task.%' and not record_image_eq(row(e.data), row(e.data::text::jsonb))), 0::bigint, 'jsonb of events: byte by byte as the server writes it');
select is((select array_agg(i order by i) from (values
              (1, '{}'), (2, '{"tags": ["one", null, ""], "title": "", "description": "ü"}'),
              (3, jsonb_build_object('tags', (select array_agg(g) from generate_series(1, 70) g), 'title', repeat('x', 500))),
              (4, '{"checklist": []}'), (5, '{"checklist": [{"text": "x", "done": [1, 2.5, -1e40, {"a": true}]}, null]}'), (6, '{"checklist": {}, "title": "1"}'),
              (7, '{"checklist": 12.5, "title": "ab"}'), (8, '{"checklist": "text", "title": "abc"}'), (9, '{"checklist": true}'), (10, '{"priority": -32768, "due_date": "infinity"}')) x (i, members),
              jsonb_populate_record(null::agenda.tasks, members::jsonb || '{"id": "00000000-0000-4000-8000-000000003102"}') t, agenda._task_image(t) j
            where record_image_eq(row(j), row(j::text::jsonb))
              and (j->'tags', j->'checklist') is not distinct from (coalesce(to_jsonb(t.tags), 'null'), coalesce(t.checklist, 'null'))),
          '{1,2,3,4,5,6,7,8,9,10}'::integer[], 'and so are images of rows that nobody has checked');
select is(agenda.task_json(null), null, 'no task, no JSON');
select is(agenda._task_differs(null, null), false, 'no row is like no row');
select is(agenda._task_differs(null, t), true, 'and unlike any') from agenda.tasks t where title = 'long';
select is((select array_agg(v) from (select jsonb_typeof(value) as v from agenda.tasks t, jsonb_each(agenda.task_json(t)) where t.title = 'long' and key in ('priority', 'version') order by key) x),
          '{number,number}'::text[], 'numbers are numbers');

-- ---- create_task(): the direct way is INSERT's ----
select pg_temp.forget();
create temp table c as select * from agenda.create_task('direct', due => '2025-04-01T10:00:00Z', priority => 3, tags => '{a,b}', checklist => '[{"text": "x", "done": false}]');
select results_eq($$select title, due_date, priority, tags, checklist, version, created_at, status, due_kind from c$$,
                  $$select title, due_date, priority, tags, checklist, version, created_at, status, due_kind from agenda.tasks where title = 'direct'$$, 'returns the row');
select is((select array_agg(type) from new_events), '{task.created}'::text[], 'with one event');
select is((select due_kind || ' ' || due_local from agenda.create_task('day', due => '2025-04-01', timezone => 'Asia/Tokyo')), 'date 2025-04-01 00:00:00', 'a day is a day');
select is((select due_kind || ' ' || due_local from agenda.create_task('local', due => '2025-04-01 10:30')), 'local 2025-04-01 10:30:00', 'a time without an offset is one of the wall clock');
create function pg_temp.upper_title() returns trigger language plpgsql as $$ begin new.title := upper(new.title); return new; end $$;
create trigger aaa before insert on agenda.tasks for each row execute function pg_temp.upper_title();
select is((select title from agenda.create_task('shout')), 'SHOUT', 'triggers of others are heard');
drop trigger aaa on agenda.tasks;
create function pg_temp.nothing() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger zzz before insert on agenda.tasks for each row execute function pg_temp.nothing();
select pg_temp.forget();
select is((select id from agenda.create_task('kept out')), null, 'one that keeps the row out');
select is((select count(*) from new_events), 0::bigint, 'leaves no event');
drop trigger zzz on agenda.tasks;

-- a policy, a statement trigger, a default of somebody else: by INSERT
create policy no_swearing on agenda.tasks as restrictive for insert with check (title !~ 'damn');
set local role agenda_app;
select throws_ok($$select agenda.create_task('damn')$$, '42501', null, 'a restrictive policy holds for create_task()');
select lives_ok($$select agenda.create_task('bless')$$, 'and lets others through');
reset role;
drop policy no_swearing on agenda.tasks;
alter table agenda.tasks alter priority set default 3;
select is((select priority from agenda.create_task('altered default')), 3::smallint, 'an altered default counts');
alter table agenda.tasks alter priority set default 2;
revoke insert on agenda.tasks from agenda_app;
revoke insert (title) on agenda.tasks from agenda_app;
set local role agenda_app;
select throws_ok($$select agenda.create_task('forbidden')$$, '42501', null, 'who may not insert may not by create_task()');
reset role;
grant insert (title) on agenda.tasks to agenda_app;

-- ---- columns come and go ----
alter table agenda.tasks add column note text default 'n', drop column occurrence_key cascade;
select throws_ok($$insert into agenda.tasks (title) values ('x')$$, '42703', 'column "occurrence_key" of agenda.tasks does not exist', 'a column that the library needs is missed by name');
alter table agenda.tasks add column occurrence_key timestamp;
select pg_temp.forget();
insert into agenda.tasks (title, note) values ('more columns', 'mine');
select is((select note from agenda.tasks where title = 'more columns'), 'mine', 'a column that was added passes through');
select is((select note from agenda.create_task('default of a new column')), 'n', 'with its default');
update agenda.tasks set note = 'other', occurrence_key = '2025-01-01' where title = 'more columns';
select is((select count(*) from new_events where data->'after'->>'title' = 'more columns'), 1::bigint, 'and is no change for the log');

-- ---- nobody's operators ----
create schema evil;
create function evil.eq(text, text) returns boolean language plpgsql as $$ begin raise 'evil operator'; end $$;
create function evil.eq(uuid, uuid) returns boolean language plpgsql as $$ begin raise 'evil operator'; end $$;
create function evil.lt(timestamptz, timestamptz) returns boolean language plpgsql as $$ begin raise 'evil operator'; end $$;
create operator evil.= (leftarg = text, rightarg = text, function = evil.eq);
create operator evil.= (leftarg = uuid, rightarg = uuid, function = evil.eq);
create operator evil.< (leftarg = timestamptz, rightarg = timestamptz, function = evil.lt);
create function pg_temp.under_evil(p_sql text) returns void language plpgsql set search_path = evil, pg_catalog, public as $$ begin execute p_sql; end $$;
select throws_ok($$select pg_temp.under_evil('select from agenda.tasks where title = title')$$, 'P0001', 'evil operator', 'the operators are there');
select lives_ok($$select pg_temp.under_evil('insert into agenda.tasks (title, due_date) values (''plain'', ''2025-03-20 00:00+00'')')$$, 'an operator of the caller is not run by an INSERT');
select lives_ok($$select pg_temp.under_evil('update agenda.tasks set status = ''completed''')$$, 'nor by an UPDATE');
select lives_ok($$select pg_temp.under_evil('select agenda.create_task(''repeated'', due => ''2025-03-20'', recurrence_rule => ''daily'')')$$, 'nor where a series is made');
select lives_ok($$select pg_temp.under_evil('delete from agenda.tasks')$$, 'nor by a DELETE');

-- ---- rows that nobody has checked ----
create function pg_temp.made_up(p_members jsonb) returns agenda.tasks language sql as
$$ select jsonb_populate_record(null::agenda.tasks, p_members || '{"id": "00000000-0000-4000-8000-000000003102", "status": "pending", "due_date": "2025-01-01"}') $$;
select throws_ok($$select agenda._task_text(pg_temp.made_up('{"due_kind": "date", "due_local": "2025-01-01"}'), agenda.now(), jsonb_populate_record(null::agenda.preferences, '{}'))$$,
                 '22004', 'timezone of preferences must not be null', 'preferences with nothing in them');
select throws_ok($$select agenda._due_state(pg_temp.made_up('{}'), agenda.now(), jsonb_populate_record(null::agenda.preferences, '{"timezone": "UTC"}'))$$,
                 '22004', 'due_soon_window of preferences must not be null', 'with a zone and no more');
select is(agenda._due_state(pg_temp.made_up('{"due_kind": "date"}'), agenda.now(), null), 'overdue', 'a whole day without the day');
select is(agenda._task_body(pg_temp.made_up('{}')), null, 'a task of nobody');
select lives_ok($$select agenda._plan_task_timer(pg_temp.made_up('{}'))$$, 'has no timer');
select throws_ok($$select agenda._wrong_member('{}', null, null)$$, '22004', null, 'a wrong member needs a name');
select is(agenda._row_json(null::record), null, 'no record, no JSON');
select is(agenda._row_json(x, '{b,null}', 'row'), '{"row": {"a": 1, "u": "aaaaaaaa-0000-4000-8000-000000000001"}}', 'a record as a member, without a column')
  from (select 1 as a, 2 as b, 'aaaaaaaa-0000-4000-8000-000000000001'::uuid as u) x;
select is(agenda._row_json(x, '{}', null), '{"a": 1, "at": null}', 'without a member it is the object') from (select 1 as a, 'infinity'::timestamptz as at) x;

select is(agenda._row_json(x, '{cc}'), '{"b": 2, "aa": 1, "ccc": 4}', 'keys in any order')
  from (select 1 as aa, 2 as b, 3 as cc, 4 as ccc) x;
select is(agenda._row_json(x), '{"a": 2}', 'of two that are called the same the last') from (select 1 as a, 2 as a) x;
-- written straight: the same value, of the same length, as the server makes of its text
select is(row(j, pg_column_size(j)), row(j::text::jsonb, pg_column_size(j::text::jsonb)), 'what is written is as what is read')
  from (select agenda._row_json(x, null, 'row') as j
          from (select true as yes, 1::smallint as small, -2 as int, 9007199254740993 as big, 'ä"\' as text, '' as nothing, null::text as none,
                       array['a', null, 'c'] as texts, '{}'::text[] as no_texts, '{"b": [1, {}], "a": null}'::jsonb as json, '"s"'::jsonb as scalar,
                       '17.50'::jsonb as number, date '2030-01-01' as other, timestamptz '2030-01-01 12:00Z' as at) x) y;
select is(j::text, '{"row": {"at": "2030-01-01T12:00:00Z", "big": 9007199254740993, "int": -2, "yes": true, "json": {"a": null, "b": [1, {}]}, "none": null, "text": "ä\"\\", "other": "2030-01-01", "small": 1, "texts": ["a", null, "c"], "number": 17.50, "scalar": "s", "nothing": "", "no_texts": []}}', 'whatever the columns are')
  from (select agenda._row_json(x, null, 'row') as j
          from (select true as yes, 1::smallint as small, -2 as int, 9007199254740993 as big, 'ä"\' as text, '' as nothing, null::text as none,
                       array['a', null, 'c'] as texts, '{}'::text[] as no_texts, '{"b": [1, {}], "a": null}'::jsonb as json, '"s"'::jsonb as scalar,
                       '17.50'::jsonb as number, date '2030-01-01' as other, timestamptz '2030-01-01 12:00Z' as at) x) y;

-- another row type, another list and another definition from call to call
create temp table shown (a int, b int);
insert into shown values (1, 2);
do $$
declare
    v jsonb[];
begin
    for i in 1..4 loop
        v := v || agenda._row_json((select s from shown s), case when i = 2 then '{a}'::text[] end);
        if i = 3 then
            alter table shown drop column a;
            alter table shown add column c int default 3;
        end if;
    end loop;
    perform set_config('test.shown', v::text, true);
end $$;
select is(current_setting('test.shown')::jsonb[], '{"{\"a\": 1, \"b\": 2}","{\"b\": 2}","{\"a\": 1, \"b\": 2}","{\"b\": 2, \"c\": 3}"}', 'a row as it is now');

-- ---- who writes past the executor asks what it asks ----
alter policy owner on agenda.tasks with check (title !~ 'damn');
grant insert on agenda.tasks to agenda_app;
set local role agenda_app;
select throws_ok($$select agenda.create_task('damn')$$, '42501', 'new row violates row-level security policy for table "tasks"', 'our policy, altered, holds for create_task()');
select lives_ok($$select agenda.create_task('bless')$$, 'and lets others through');
reset role;
drop policy owner on agenda.tasks;
create policy owner on agenda.tasks using (user_id = (select agenda.current_user_id()));
insert into agenda.users (id) values ('bbbbbbbb-0000-4000-8000-000000000031');
create function pg_temp.give_away() returns trigger language plpgsql as $$ begin new.user_id := 'bbbbbbbb-0000-4000-8000-000000000031'; return new; end $$;
create trigger zzz before insert on agenda.tasks for each row execute function pg_temp.give_away();
set local role agenda_app;
select throws_ok($$select agenda.create_task('given away')$$, '42501', 'new row violates row-level security policy for table "tasks"', 'a trigger cannot give the row to somebody else');
reset role;
drop trigger zzz on agenda.tasks;
select throws_ok($$do $x$ begin set local transaction_read_only = on; perform agenda._set_timer('aaaaaaaa-0000-4000-8000-000000000031', 'user', 'aaaaaaaa-0000-4000-8000-000000000031', now(), 'release'); end $x$ $$,
                 '25006', null, 'no timer in a read-only transaction');

create schema mine;
create table mine.seen (what text);
create function mine.note() returns trigger language plpgsql security definer set search_path = mine as
$$ begin insert into seen values (coalesce(to_jsonb(new)->>'title', tg_op)); return coalesce(new, old); end $$;
create trigger zzz before insert on agenda.tasks for each row execute function mine.note();
select is((select status from agenda.gw_create_task('aaaaaaaa-0000-4000-8000-000000000031', 'r', null, '{"title": "by the gateway"}')), 201, 'a trigger with a search_path of its own');
select is((select array_agg(what) from mine.seen), '{by the gateway}', 'has it within the owner''s rights');
drop trigger zzz on agenda.tasks;

delete from mine.seen;
create trigger a before insert or update or delete on agenda.timers for each row execute function mine.note();
create trigger z after insert or update or delete on agenda.timers for each row execute function mine.note();
insert into agenda.tasks (title, due_date) values ('watched', '2025-03-20 00:00+00');
do $$
declare
    v_none text;
    t      agenda.tasks;
begin
    select * into t from agenda.tasks k where k.title = 'watched';
    t.due_date := '2025-03-21 00:00+00';
    v_none := agenda._plan_task_timer(t);
end
$$;
delete from agenda.tasks where title = 'watched';
select is((select array_agg(what) from mine.seen), '{INSERT,INSERT,UPDATE,UPDATE,DELETE,DELETE}', 'triggers on timers see each change, with a query around it or without');
drop trigger a on agenda.timers;
drop trigger z on agenda.timers;

alter table agenda.timers add column note text not null default 'n', add column loud text generated always as (upper(note)) stored, add constraint quiet check (note <> 'loud');
insert into agenda.tasks (title, due_date) values ('noted', '2025-03-20 00:00+00');
select is((select array[m.note, m.loud] from agenda.timers m join agenda.tasks t on t.id = m.entity_id where t.title = 'noted'), '{n,N}', 'columns that were added to timers get their defaults');
update agenda.timers set note = 'mine';
update agenda.tasks set due_date = '2025-03-22 00:00+00' where title = 'noted';
select is((select array[m.note, m.loud] from agenda.timers m join agenda.tasks t on t.id = m.entity_id where t.title = 'noted' and m.fire_at = '2025-03-21 00:00+00'), '{mine,MINE}', 'and stay as they are when a timer changes');
alter table agenda.timers alter note set default 'loud';
select throws_ok($$insert into agenda.tasks (title, due_date) values ('too loud', '2025-03-20 00:00+00')$$, '23514', null, 'a constraint that was added holds');
alter table agenda.timers drop column note cascade;

select pg_temp.forget();
alter table agenda.events add column region text not null default 'eu', add column loud text generated always as (upper(type)) stored;
insert into agenda.tasks (title) values ('regional');
select is((select array[region, loud] from agenda.events e, mark where e.seq > mark.seq), '{eu,TASK.CREATED}', 'so it is with the log');
alter table agenda.events alter region drop default;
select throws_ok($$insert into agenda.tasks (title) values ('nowhere')$$, '23502', null, 'whose columns hold what they must');
alter table agenda.events drop column region, drop column loud;
do $$
declare
    l agenda.log_leaves;
begin
    select * into strict l from agenda.log_leaves k where k.parent = 'events' and now() >= k.lower and now() < k.upper;
    execute format('alter table agenda.events detach partition agenda.%I', l.leaf);
    execute format('create table mine.divided partition of agenda.events for values from (%L) to (%L) partition by range (seq)', l.lower, l.upper);
end
$$;
select throws_ok($$insert into agenda.tasks (title) values ('nowhere')$$, '42809', 'partition "divided" of agenda.events is not a plain table', 'a partition that is divided takes no event');

select * from finish();
rollback;
