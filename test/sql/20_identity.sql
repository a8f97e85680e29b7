-- On whose behalf a transaction acts: act_as, nesting, savepoints, login roles.
begin;
set local search_path = public;
select plan(21);

create role t_app login in role agenda_app;
create role t_person login in role agenda_user;
create function pg_temp.a() returns uuid language sql as $$select 'aaaaaaaa-0000-4000-8000-000000000001'::uuid$$;
create function pg_temp.b() returns uuid language sql as $$select 'bbbbbbbb-0000-4000-8000-000000000002'::uuid$$;

select is(agenda.current_user_id(), null, 'nobody acts at first');
select lives_ok($$select agenda.act_as(pg_temp.a())$$, 'act_as works');
select is(agenda.current_user_id(), pg_temp.a(), 'act_as sets the acting user');
select ok(exists (select from agenda.users where id = pg_temp.a()), 'act_as makes the user at first sight');

savepoint s1;
select agenda.act_as(pg_temp.b());
select is(agenda.current_user_id(), pg_temp.b(), 'act_as in a subtransaction');
rollback to s1;
select is(agenda.current_user_id(), pg_temp.a(), 'ROLLBACK TO SAVEPOINT brings the former user back');
savepoint s2;
select agenda.act_as(pg_temp.b());
release s2;
select is(agenda.current_user_id(), pg_temp.b(), 'RELEASE SAVEPOINT keeps the new user');
select agenda.act_as(null);
select is(agenda.current_user_id(), null, 'act_as(null) acts for nobody');

-- a function that fails between _enter and _leave leaves nothing behind
do $$
begin
    perform agenda.act_as(pg_temp.a());
    begin
        perform agenda._enter(pg_temp.b());
        raise exception 'on purpose';
    exception when raise_exception then
        null;
    end;
end
$$;
select is(agenda.current_user_id(), pg_temp.a(), 'an error undoes _enter');
select throws_ok($$select agenda._leave()$$, 'XX000', '_leave without _enter', '_leave without _enter is an error');
do $$
begin
    perform agenda._enter(pg_temp.b());
    perform agenda._enter(pg_temp.a());
    perform agenda._leave();
end
$$;
select is(agenda.current_user_id(), pg_temp.b(), '_enter nests');
select throws_ok($$select agenda.act_as(pg_temp.a())$$, 'YA010', null, 'act_as is refused while a function acts for a user');
select agenda._leave();

-- names
select is(agenda.user_id_of('AAAAAAAA-0000-4000-8000-000000000001'), pg_temp.a(), 'an external id that is a uuid is its own id');
select is(agenda.user_id_of('alice'), agenda.user_id_of('alice'), 'an external id is mapped once');
select isnt(agenda.user_id_of('alice'), agenda.user_id_of('bob'), 'two external ids are two users');
select is(agenda.user_id_of(null), null, 'no name, no user');

-- what nobody may do for himself
set local role t_app;
select throws_ok($$select agenda._enter('bbbbbbbb-0000-4000-8000-000000000002')$$, '42501', null, 'an application cannot call _enter');
select throws_ok($$select agenda._set_identity('bbbbbbbb-0000-4000-8000-000000000002')$$, '42501', null, 'an application cannot call _set_identity');
set local role t_person;
select throws_ok($$select agenda.act_as('bbbbbbbb-0000-4000-8000-000000000002')$$, '42501', null, 'a person cannot act for others');
reset role;

-- a login role that stands for a user
update agenda.users set login_role = 't_person' where id = pg_temp.a();
select agenda.act_as(null);
savepoint login;
set local session authorization t_person;
-- the stack still says nobody; a session of its own would ask for the role
select is(agenda.current_user_id(), null, 'act_as(null) beats the login role');
rollback to login;
select throws_ok($$truncate agenda.tasks cascade$$, 'YA012', null, 'TRUNCATE of user data is refused');

select * from finish();
rollback;
