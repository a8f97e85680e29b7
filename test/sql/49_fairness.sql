-- Nobody waits behind somebody else's thousands: what a round of the scanner takes when more is owed than it can.
begin;
set local search_path = public;
select plan(19);

set local agenda.now = '2025-12-01 00:00+00';
delete from agenda.timers;
create temp table u (name text, id uuid);
insert into u values ('hog', 'aaaaaaaa-0000-4000-8000-000000000001'), ('before', '00000000-0000-4000-8000-000000000001'),
    ('after', 'bbbbbbbb-0000-4000-8000-000000000001'), ('later', 'cccccccc-0000-4000-8000-000000000001');
insert into agenda.users (id) select id from u on conflict do nothing;
set local agenda.restoring = on;
insert into agenda.tasks (user_id, id, title, due_date)
select u.id, gen_random_uuid(), u.name, case when u.name = 'later' then timestamptz '2026-01-01 09:00:01+00' else '2026-01-01 09:00+00' end
  from u, generate_series(1, case when u.name = 'hog' then 3000 else 3 end);
insert into agenda.timers select user_id, 'task', id, due_date, 'due' from agenda.tasks;
set local agenda.restoring = off;
create function pg_temp.told(p_name text) returns bigint language sql as
$$select count(*) from agenda.notifications n join agenda.tasks t on t.user_id = n.user_id and t.id = n.task_id where t.title = p_name$$;

select is((select string_agg(u.name, ' ' order by u.name) from unnest(agenda._newest_timers('2026-01-01 09:00:02+00', null, null, '-infinity', 4, '{}')) m join u on u.id = m.user_id),
          'after later later later', 'who works beside the scanner begins with the newest');
create function pg_temp.first_of(agenda.timers[]) returns text language sql as $$select name from u where id = ($1[1]).user_id$$;
create function pg_temp.id_of(text) returns uuid language sql as $$select id from u where name = $1$$;
select is(pg_temp.first_of(agenda._owed_timers('2026-01-01 09:00:02+00', '-infinity', null, 3, '{}')), 'before', 'the scanner begins with the oldest');
select is(pg_temp.first_of(agenda._owed_timers('2026-01-01 09:00:02+00', '2026-01-01 09:00+00', pg_temp.id_of('hog'), 3, '{}')), 'hog', 'or where it has been');
select is(pg_temp.first_of(agenda._newest_timers('2026-01-01 09:00:02+00', '2026-01-01 09:00+00', pg_temp.id_of('hog'), '-infinity', 3, '{}')), 'hog',
          'and who works beside it, too');
select is(agenda._newest_timers('2026-01-01 08:00+00', '2026-01-01 09:00+00', pg_temp.id_of('hog'), '-infinity', 3, '{}'), '{}',
          'what is not owed by a clock that has been set back is not taken');
create function pg_temp.later(agenda.timers[]) returns bigint language sql as $$select count(*) from unnest($1) t where t.user_id = pg_temp.id_of('later')$$;
select is(pg_temp.later(agenda._owed_timers('2026-01-01 09:00:02+00', '-infinity', null, 8, '{}')), 2::bigint, 'a quarter of what it takes has been owed for the shortest time');
select is(pg_temp.later(agenda._owed_timers('2026-01-01 09:00:02+00', '2026-01-01 09:00+00', pg_temp.id_of('hog'), 8, '{}')), 0::bigint, 'but not where it goes on from a place');
select is((select s::text from agenda._scan('2026-01-01 09:00:02+00', '2026-01-01 08:00+00', 9, false, false, '2026-01-01 09:00:02+00', pg_temp.id_of('after')) s),
          '(0,"2026-01-01 09:00:00+00",,)', 'a round from a place leaves what is in front of it, and says that it is owed');
select is((select (raised, next_fire, first_at)::text || ' ' || name
             from agenda._scan('2026-01-01 09:00:02+00', '2026-01-01 08:00+00', 3, false, false, '2026-01-01 09:00+00', pg_temp.id_of('hog')) join u on id = first_user),
          '(3,"2026-01-01 08:00:00+00","2026-01-01 09:00:00+00") hog', 'one that is full asks for no more, and says where it has begun');
select is(pg_temp.told('hog'), 3::bigint, 'three were told');
select is(pg_temp.told('before'), 0::bigint, 'and none in front of the place');
select is((select raised from agenda._scan('2026-01-01 09:00:02+00', '-infinity', 400)), 400, 'a round takes what it may');
select is(pg_temp.told('before'), 3::bigint, 'who comes before in the order of the index is told');
select is(pg_temp.told('after'), 3::bigint, 'and who comes after the one with thousands');
select is(pg_temp.told('later'), 3::bigint, 'and what was owed later');
select is(pg_temp.told('hog'), 394::bigint, 'the rest of the round is the hog''s');
select is((select raised from agenda._scan('2026-01-01 09:00:02+00', '-infinity', 5)), 5, 'a small round is no larger than it may be');
select is((select raised from agenda._scan('2026-01-01 09:00:02+00', '-infinity', 100, false, true)), 100, 'who begins with the newest takes as many');
select is((select sum(raised) from generate_series(1, 7) g, agenda._scan('2026-01-01 09:00:02+00', '-infinity', 400 + 0 * g) s), 2501::bigint, 'who is told everything in the end');
select * from finish();
rollback;
