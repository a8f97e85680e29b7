-- Nobody waits behind somebody else's thousands: what a round of the scanner takes when more is owed than it can.
begin;
set local search_path = public;
select plan(9);

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

select is((select string_agg(u.name, ' ' order by u.name) from unnest(agenda._newest_timers('2026-01-01 09:00:02+00', '-infinity', 4, '{}')) m join u on u.id = m.user_id),
          'after later later later', 'who works beside the scanner begins with the newest');
select is((select raised from agenda._scan('2026-01-01 09:00:02+00', '-infinity', 400)), 400, 'a round takes what it may');
select is(pg_temp.told('before'), 3::bigint, 'who comes before in the order of the index is told');
select is(pg_temp.told('after'), 3::bigint, 'and who comes after the one with thousands');
select is(pg_temp.told('later'), 3::bigint, 'and what was owed later');
select is(pg_temp.told('hog'), 391::bigint, 'the rest of the round is the hog''s');
select is((select raised from agenda._scan('2026-01-01 09:00:02+00', '-infinity', 5)), 5, 'a small round is no larger than it may be');
select is((select raised from agenda._scan('2026-01-01 09:00:02+00', '-infinity', 100, false, true)), 100, 'who begins with the newest takes as many');
select is((select sum(raised) from generate_series(1, 7) g, agenda._scan('2026-01-01 09:00:02+00', '-infinity', 400 + 0 * g) s), 2504::bigint, 'who is told everything in the end');
select * from finish();
rollback;
