-- Series where keys are missing in a row, and where their clock is set: none is lost, and none comes too late.
begin;
set local search_path = public;
select no_plan();

create function pg_temp.at(p text) returns void language plpgsql as $$
begin
    perform set_config('agenda.now', p, true);
    perform agenda.act_as(null);
    while (agenda.check_due_tasks(1000)).raised > 0 loop
    end loop;
    perform agenda.act_as('aaaaaaaa-0000-4000-8000-000000000338');
end $$;
create function pg_temp.keys(p_series uuid, n integer default 3) returns text language sql as $$
    select string_agg(to_char(o.occurrence_key, 'MM-DD HH24:MI:SS'), ', ' order by o.occurrence_key) from agenda.preview_recurring_task(p_series, n) o
$$;
create function pg_temp.dues(p_series uuid) returns text language sql as $$
    select string_agg(to_char(t.due_date at time zone 'UTC', 'MM-DD HH24:MI'), ', ' order by t.occurrence_key)
      from agenda.tasks t where t.recurring_task_id = p_series and t.deleted_at is null
$$;

-- ---- many keys in a row that are none -------------------------------------------------------------------
select pg_temp.at('2025-03-10 08:00+00');
create temp table k1 as select r.id, r.dtstart from agenda.create_recurring_task('skipped', 'daily', start_date => '2025-03-11T09:00:00Z') r;
insert into agenda.recurrence_overrides (recurring_task_id, occurrence_key, kind)
select id, dtstart + i * interval '1 day', 'skip' from k1, generate_series(0, 1499) i;
select is(pg_temp.keys(id, 1), '04-19 09:00:00', 'a series goes on behind 1500 that are left out') from k1;
select is(agenda._previous_key(r, '2029-04-19 09:00'), null, 'there is none before it') from agenda.recurring_tasks r join k1 using (id);
delete from agenda.recurrence_overrides o using k1 where o.recurring_task_id = k1.id and o.occurrence_key = '2025-03-12 09:00';
select is(agenda._previous_key(r, '2029-04-19 09:00'), '2025-03-12 09:00', 'and one far behind is found') from agenda.recurring_tasks r join k1 using (id);
select pg_temp.at('2025-03-30 00:59:58+00');
create temp table k2 as select r.id from agenda.create_recurring_task('seconds', rrule => 'FREQ=SECONDLY', start_date => '2025-03-30T01:59:59', timezone => 'Europe/Berlin', options => '{"dst_gap": "skip"}') r;
select is(pg_temp.keys(id), '03-30 01:59:59, 03-30 03:00:00, 03-30 03:00:01', 'every second goes on behind an hour that the clock leaves out') from k2;
select is(agenda._previous_key(r, '2025-03-30 03:00'), '2025-03-30 01:59:59', 'and back') from agenda.recurring_tasks r join k2 using (id);
select (agenda.update_recurring_task(id, '{"dst_gap": "shift"}')).version from k2;
select is(pg_temp.keys(id), '03-30 01:59:59, 03-30 03:00:00, 03-30 03:00:01', 'nor is any of them moved out of it onto another') from k2;
create temp table k3 as select r.id from agenda.create_recurring_task('half past', rrule => 'FREQ=DAILY;BYHOUR=2,4;BYMINUTE=15,30', start_date => '2025-03-30T00:00', timezone => 'Europe/Berlin') r;
select is(pg_temp.keys(id, 2), '03-30 02:30:00, 03-30 04:15:00', 'of several in the hour the last is moved') from k3;
create temp table k4 as select r.* from agenda.create_recurring_task('never', rrule => 'FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;BYHOUR=2', start_date => '2025-03-30T02:00', timezone => 'Europe/Berlin', options => '{"dst_gap": "skip"}') r;
select ok(not is_active and next_key is null, 'what is always left out is over') from k4;
create temp table k5 as select r.* from agenda.create_recurring_task('Apia', rrule => 'FREQ=SECONDLY', start_date => '2011-12-29T23:59:59', timezone => 'Pacific/Apia', options => '{"is_active": false}') r;
select is(agenda._next_key(r, '2011-12-29 23:59:59'), '2011-12-31 00:00', 'a day that the clock leaves out is passed at once') from agenda.recurring_tasks r join k5 using (id);
select is(agenda._previous_key(r, '2011-12-31 00:00'), '2011-12-29 23:59:59', 'both ways') from agenda.recurring_tasks r join k5 using (id);
set local timezone = 'Pacific/Apia';
select is(array[agenda._next_key(r, '2011-12-29 23:59:59'), agenda._previous_key(r, '2011-12-31 00:00')], '{2011-12-31 00:00:00,2011-12-29 23:59:59}'::timestamp[], 'whatever the session''s own clock leaves out') from agenda.recurring_tasks r join k5 using (id);
set local timezone = 'UTC';

-- ---- an hour that comes twice ------------------------------------------------------------------------------
select pg_temp.at('2025-10-25 12:00+00');
create temp table f1 as select f as fold, (agenda.create_recurring_task('fold ' || f, rrule => 'FREQ=DAILY;BYHOUR=2;BYMINUTE=0,15,30,45', start_date => '2025-10-20T02:00', timezone => 'Europe/Berlin',
    policy => 'on_completion', options => jsonb_build_object('dst_fold', f))).id from unnest('{first,second}'::text[]) f;
select set_config('agenda.now', '2025-10-26 01:20+00', true);
select is(calculate_next_due_at, case fold when 'first' then '2025-10-27 01:00+00' else '2025-10-26 01:30+00' end::timestamptz, 'in the second of two hours, ' || fold)
  from f1, agenda.calculate_next_due_at(id, agenda.now());
select is(calculate_next_due_at, case fold when 'first' then '2025-10-26 00:30+00' else '2025-10-26 01:00+00' end::timestamptz, 'in the first of them, ' || fold)
  from f1, agenda.calculate_next_due_at(id, '2025-10-26 00:20+00');
select agenda.complete_task(t.id) from agenda.tasks t join f1 on f1.id = t.recurring_task_id and fold = 'first';
select is(pg_temp.dues(id), '10-26 00:00, 10-27 01:00', 'closing one brings none that is over') from f1 where fold = 'first';
select set_config('agenda.now', '2025-10-26 00:50+00', true);
create temp table f2 as select r.* from agenda.create_recurring_task('second', rrule => 'FREQ=DAILY;BYHOUR=2;BYMINUTE=30', start_date => '2025-10-20T02:30', timezone => 'Europe/Berlin', options => '{"dst_fold": "second"}') r;
select is(next_due_at, '2025-10-26 01:30+00', 'one that comes the second time has not come the first time') from f2;
create temp table f3 as select e as until, r.id, r as r from unnest('{2025-10-26T00:20:00Z,2025-10-26T01:20:00Z}'::text[]) e, unnest('{first,second}'::text[]) f,
    agenda.create_recurring_task('end', rrule => 'FREQ=DAILY;BYHOUR=2;BYMINUTE=0,15,30,45', start_date => '2025-10-26T02:00', timezone => 'Europe/Berlin', end_date => e, options => jsonb_build_object('dst_fold', f, 'is_active', false)) r;
select is((select max(k) from (with recursive k (k) as (select agenda._next_key(r, '2025-10-26') union all select agenda._next_key(r, k.k) from k where k.k is not null) table k) x),
          agenda._previous_key(r, '2030-01-01'), 'the last before an end in that hour, from both sides: ' || concat_ws(' ', until, (r).dst_fold)) from f3;
select is(agenda._previous_key(r, '2030-01-01'),
    case when (r).dst_fold = 'first' and until like '%T00%' then '2025-10-26 02:15' when (r).dst_fold = 'first' then '2025-10-26 02:45' when until like '%T01%' then '2025-10-26 02:15' end::timestamp,
    'is what is due by then: ' || concat_ws(' ', until, (r).dst_fold)) from f3;
create temp table f4 as select s.id from agenda.create_recurring_task('split', rrule => 'FREQ=DAILY;BYHOUR=2;BYMINUTE=0,15,30,45', start_date => '2026-10-25T02:00', timezone => 'Europe/Berlin', options => '{"dst_fold": "second"}') s;
select agenda.patch_occurrence(id, '2026-10-25 02:30', '{"title": "new"}', 'following') from f4;
select is(pg_temp.keys(id), '10-25 02:00:00, 10-25 02:15:00', 'following divides such an hour') from f4;
select is(pg_temp.keys(r.id), '10-25 02:30:00, 10-25 02:45:00, 10-26 02:00:00', 'and has the rest of it') from agenda.recurring_tasks r join f4 on r.split_from = f4.id;
-- ---- the rule of a task ------------------------------------------------------------------------------------
select pg_temp.at('2025-03-29 12:00+00');
create temp table g1 as select t.* from agenda.create_task('in an hour that is left out', due => '2025-03-30T02:30', timezone => 'Europe/Berlin', recurrence_rule => 'daily') t;
select is(r.dtstart, '2025-03-30 02:30', 'the series begins at its wall clock') from agenda.recurring_tasks r join g1 on r.id = g1.recurring_task_id;
select is((c.next_task).due_local, '2025-03-31 02:30', 'and comes at that again') from g1, agenda.complete_task(g1.id) c;
create temp table g2 as select t.id from agenda.create_task('later', due => '2025-03-30T02:30', timezone => 'Europe/Berlin') t;
update agenda.tasks t set recurrence_rule = 'daily' from g2 where t.id = g2.id;
select is(r.dtstart, '2025-03-30 02:30', 'so does one whose rule comes later') from agenda.tasks t join g2 using (id) join agenda.recurring_tasks r on r.id = t.recurring_task_id;
create temp table g3 as select t.id from agenda.create_task('day', due => '2025-03-30', recurrence_rule => 'daily') t;
select is(r.dtstart, '2025-03-30 00:00', 'a day is a day') from agenda.tasks t join g3 using (id) join agenda.recurring_tasks r on r.id = t.recurring_task_id;

select is_empty('select * from agenda.fsck()', 'nothing is wrong');

select * from finish();
rollback;
