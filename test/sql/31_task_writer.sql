-- create_task() keeps from one row to the next what an executor would prepare for each: whatever becomes of
-- table, functions and roles meanwhile counts at once.  And its own check of the foreign key to the user.
begin;
set local search_path = public;
select plan(45);

create schema mine;
create role t_writer in role agenda_app;
grant usage on schema mine to t_writer;
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000003171');
select lives_ok($$select agenda.create_task('task ' || i, due => '2030-01-01') from generate_series(1, 3) i$$, 'rows in one statement');

-- ---- functions ----
create function mine.fine(p_title text) returns boolean language sql immutable as $$ select p_title <> 'odd' $$;
alter table agenda.tasks add constraint fine check (mine.fine(title));
select lives_ok($$select agenda.create_task('even')$$, 'a constraint');
create or replace function mine.fine(p_title text) returns boolean language sql immutable as $$ select p_title <> 'even' $$;
select throws_ok($$select agenda.create_task('even')$$, '23514', null, 'whose function is another one now');
select lives_ok($$select agenda.create_task('odd')$$, 'with another answer');
revoke execute on function mine.fine(text) from public;
select lives_ok($$select agenda.create_task('odd')$$, 'who may call it may');
set local role t_writer;
select throws_ok($$select agenda.create_task('odd')$$, '42501', 'permission denied for function fine', 'who may not may not');
reset role;
alter table agenda.tasks drop constraint fine;
set local role t_writer;
select lives_ok($$select agenda.create_task('even')$$, 'a constraint that is gone');
reset role;

-- ---- indexes ----
create function mine.found(p_sql text) returns bigint language plpgsql set enable_seqscan = off as
$$
declare
    v_count bigint;
begin
    execute p_sql into v_count;
    return v_count;
end
$$;
create index partly on agenda.tasks (title) where priority = 1 and title like 'indexed%';
create index tagged on agenda.tasks using gin (tags) with (fastupdate = off);
select agenda.create_task('indexed ' || i, priority => 1 + i % 2, tags => array['tag']) from generate_series(1, 6) i;
select is(mine.found($$select count(*) from agenda.tasks where priority = 1 and title like 'indexed%'$$), 3::bigint, 'a partial index that is new has what it wants');
select is(mine.found($$select count(*) from agenda.tasks where tags @> '{tag}'$$), 6::bigint, 'and one of another kind everything');
drop index agenda.partly;
create index partly on agenda.tasks (title) where priority = 2 and title like 'indexed%';
select agenda.create_task('indexed ' || i, priority => 1 + i % 2, tags => array['tag']) from generate_series(1, 6) i;
select is(mine.found($$select count(*) from agenda.tasks where priority = 2 and title like 'indexed%'$$), 6::bigint, 'when it is made anew as well');
create unique index sole on agenda.tasks (user_id, title) where title like 'only%';
select lives_ok($$select agenda.create_task('only one')$$, 'a unique one');
select throws_ok($$select agenda.create_task('only one')$$, '23505', null, 'is unique');
select lives_ok($$select agenda.create_task('only two')$$, 'and nothing is amiss after an error');
drop index agenda.partly, agenda.tagged, agenda.sole;
create index later on agenda.timers (what);
select agenda.create_task('timed ' || i, due => '2030-01-01T00:00:00Z') from generate_series(1, 2) i;
select is(mine.found($$select count(*) from agenda.timers m join agenda.tasks t on t.id = m.entity_id where m.what = 'due_soon' and t.title like 'timed%'$$), 2::bigint, 'so it is with timers');
drop index agenda.later;
savepoint s;
alter table agenda.tasks add column code text, alter code set default 'c', add constraint late unique (code) deferrable initially deferred;
select lives_ok($$select agenda.create_task('twice') from generate_series(1, 2)$$, 'a deferred constraint waits');
select throws_ok('set constraints all immediate', '23505', null, 'and holds');
rollback to s;
alter table agenda.tasks add constraint no_two exclude (title with =) where (title like 'excluded%');
select lives_ok($$select agenda.create_task('excluded')$$, 'an exclusion constraint');
select throws_ok($$select agenda.create_task('excluded')$$, '23P01', null, 'excludes');
select lives_ok($$select agenda.create_task('not so') from generate_series(1, 2)$$, 'whom it concerns');
rollback to s;

-- ---- timers ----
insert into agenda.timers values ('aaaaaaaa-0000-4000-8000-000000003171', 'task', '7a5c0000-0000-4000-8000-000000003171', '2020-01-01', 'due');
select lives_ok($$insert into agenda.tasks (id, title, due_date) values ('7a5c0000-0000-4000-8000-000000003171', 'again', '2030-01-02T00:00:00Z')$$, 'a timer that should not be there is in nobody''s way');
select is((select array_agg(fire_at::text || what) from agenda.timers where entity_id = '7a5c0000-0000-4000-8000-000000003171'), array['2030-01-01 00:00:00+00due_soon'], 'and is the task''s now');

-- ---- foreign keys ----
create table mine.place (country text, city text, primary key (country, city));
insert into mine.place values ('here', 'there');
alter table agenda.tasks add column country text, add column city text, add constraint place foreign key (country, city) references mine.place;
alter table agenda.tasks alter country set default 'here';
select lives_ok($$select agenda.create_task('half a key')$$, 'a foreign key with a null refers to nothing');
alter table agenda.tasks alter city set default 'nowhere';
select throws_ok($$select agenda.create_task('a key')$$, '23503', null, 'without a null it must refer');
alter table agenda.tasks alter city set default 'there';
select lives_ok($$select agenda.create_task('a key')$$, 'and may');
alter table agenda.tasks drop constraint place, alter country drop default, alter city drop default;
alter table agenda.tasks add constraint place foreign key (country, city) references mine.place match full not valid;
select lives_ok($$select agenda.create_task('no key')$$, 'match full: all columns null');
alter table agenda.tasks alter country set default 'here';
select throws_ok($$select agenda.create_task('half a key')$$, '23503', null, 'or none');
rollback to s;

-- ---- triggers ----
create function mine.another() returns trigger language plpgsql as
$$
begin
    if new.title ~ '^nested [1-3]' then
        perform agenda.create_task('nested ' || right(new.title, 1)::integer + 1, due => '2030-01-01T00:00:00Z');
    end if;
    return new;
end
$$;
create trigger another after insert on agenda.tasks for each row execute function mine.another();
select lives_ok($$select agenda.create_task('nested ' || i) from generate_series(1, 3) i$$, 'triggers that make further tasks');
select is((select array_agg(title order by title) from agenda.tasks where title like 'nested%'), '{nested 1,nested 2,nested 2,nested 3,nested 3,nested 3,nested 4,nested 4,nested 4}', 'make them all');
create or replace function mine.another() returns trigger language plpgsql as $$ begin raise exception using errcode = 'P0042'; end $$;
select throws_ok($$select agenda.create_task('nested 1')$$, 'P0042', null, 'a trigger whose function is another one now');
alter table agenda.tasks disable trigger another;
select lives_ok($$select agenda.create_task('nested 1')$$, 'and one that is disabled');
drop trigger another on agenda.tasks;

-- ---- rights ----
grant t_writer to current_user;
set local role t_writer;
select lives_ok($$select agenda.create_task('may')$$, 'who may');
reset role;
savepoint s;
revoke agenda_app from t_writer;
grant usage on schema agenda to t_writer;
grant execute on all functions in schema agenda to t_writer;
set local role t_writer;
select throws_ok($$select agenda.create_task('may')$$, '42501', 'permission denied for table tasks', 'may no more when the role is gone');
reset role;
grant insert (title) on agenda.tasks to t_writer;
set local role t_writer;
select lives_ok($$select agenda.create_task('may')$$, 'with the column');
select throws_ok($$select agenda.create_task('may', priority => 1)$$, '42501', 'permission denied for table tasks', 'may not fill another one');
reset role;
revoke insert (title) on agenda.tasks from t_writer;
set local role t_writer;
select throws_ok($$select agenda.create_task('may')$$, '42501', 'permission denied for table tasks', 'nor that one when it is gone');
reset role;
rollback to s;
set local role t_writer;
select lives_ok($$select agenda.create_task('may')$$, 'a revocation that was undone');
reset role;
create policy no_secret on agenda.tasks as restrictive for insert with check (title <> 'secret');
set local role t_writer;
select throws_ok($$select agenda.create_task('secret')$$, '42501', 'new row violates row-level security policy "no_secret" for table "tasks"', 'another policy holds at once');
reset role;
drop policy no_secret on agenda.tasks;
set local role t_writer;
select lives_ok($$select agenda.create_task('secret')$$, 'until it is gone');
reset role;

-- ---- the user ----
select lives_ok($$select agenda.create_task('of a user')$$, 'the user is there');
savepoint s;
delete from agenda.users where id = 'aaaaaaaa-0000-4000-8000-000000003171';
select throws_ok($$select agenda.create_task('of nobody')$$, '23503', 'insert or update on table "tasks" violates foreign key constraint "tasks_user_id_fkey"', 'and then no more');
select is((select count(*) from agenda.tasks where user_id = 'aaaaaaaa-0000-4000-8000-000000003171'), 0::bigint, 'nor are tasks');
rollback to s;
select lives_ok($$select agenda.create_task('of a user')$$, 'a deletion that was undone');
savepoint s;
alter table agenda.tasks add column assignee uuid references agenda.users, alter assignee set default 'bbbbbbbb-0000-4000-8000-000000003171';
select throws_ok($$select agenda.create_task('assigned')$$, '23503', 'insert or update on table "tasks" violates foreign key constraint "tasks_assignee_fkey"', 'another foreign key to users holds');
insert into agenda.users (id) values ('bbbbbbbb-0000-4000-8000-000000003171');
select lives_ok($$select agenda.create_task('assigned')$$, 'and lets through whom it should');
rollback to s;
alter table agenda.tasks drop constraint tasks_user_id_fkey;
delete from agenda.users where id = 'aaaaaaaa-0000-4000-8000-000000003171';
select lives_ok($$select agenda.create_task('of nobody')$$, 'without a foreign key nobody asks');

select * from finish();
rollback;
