-- A series that goes on with another one goes on where that was: nothing comes twice, nothing is lost, COUNT is what was left.
begin;
set local search_path = public;
select no_plan();

create function pg_temp.at(p text) returns void language plpgsql as $$
begin
    perform set_config('agenda.now', p, true);
    perform agenda.act_as(null);
    while (agenda.check_due_tasks(1000)).raised > 0 loop
    end loop;
    perform agenda.act_as('aaaaaaaa-0000-4000-8000-000000000538');
end $$;
create function pg_temp.keys(p_series uuid, n integer default 3) returns text language sql as $$
    select string_agg(to_char(o.occurrence_key, 'MM-DD HH24:MI'), ', ' order by o.occurrence_key) from agenda.preview_recurring_task(p_series, n) o
$$;
create function pg_temp.tasks(p_series uuid) returns text language sql as $$
    select string_agg(to_char(t.occurrence_key, 'MM-DD HH24:MI') || ' ' || t.status, ', ' order by t.occurrence_key)
      from agenda.tasks t where t.recurring_task_id = p_series and t.deleted_at is null
$$;
create function pg_temp.task(p_series uuid, p_key text) returns uuid language sql as $$
    select t.id from agenda.tasks t where t.recurring_task_id = p_series and to_char(t.occurrence_key, 'MM-DD') = p_key and t.deleted_at is null
$$;
create function pg_temp.following(p_series uuid) returns agenda.recurring_tasks language sql as $$
    select r from agenda.recurring_tasks r where r.split_from = p_series
$$;

-- ---- what was made, and what was passed over ---------------------------------------------------------
select pg_temp.at('2025-03-03 08:00+00');
create temp table m as select id from agenda.create_recurring_task('must do', 'daily', start_date => '2025-03-01T07:00:00Z', policy => 'must_do');
select is(pg_temp.tasks(id), '03-01 07:00 pending, 03-02 07:00 pending, 03-03 07:00 pending', 'three are open') from m;
select agenda.update_task(pg_temp.task(id, '03-02'), '{"title": "new"}', scope => 'following') from m;
select is(pg_temp.tasks(id), '03-01 07:00 pending', 'the first stays') from m;
select is(pg_temp.tasks((pg_temp.following(id)).id), '03-02 07:00 pending, 03-03 07:00 pending', 'two go along') from m;
select is((pg_temp.following(id)).last_key, '2025-03-03 07:00', 'the last of which the other knows') from m;
select is((pg_temp.following(id)).occurrences_created, 2::bigint, 'and how many there are') from m;
select is(pg_temp.keys((pg_temp.following(id)).id, 2), '03-04 07:00, 03-05 07:00', 'and it goes on behind them') from m;
select pg_temp.at('2025-03-04 08:00+00');
select is(pg_temp.tasks((pg_temp.following(id)).id), '03-02 07:00 pending, 03-03 07:00 pending, 03-04 07:00 pending', 'with none twice') from m;

select pg_temp.at('2025-03-03 08:00+00');
create temp table p as select id from agenda.create_recurring_task('passed over', 'daily', start_date => '2025-03-01T09:00:00Z', options => '{"missed": "skip", "spawn": "schedule"}');
select pg_temp.at('2025-03-07 10:00+00');
select pg_temp.at('2025-03-11 10:00+00');
create temp table p0 as select r.next_key, (select count(*) from agenda.tasks t where t.recurring_task_id = r.id) as n from agenda.recurring_tasks r join p using (id);
select (agenda.update_recurring_task(id, '{"title": "new"}', effective_from => '2025-03-05')).id from p;
select is((pg_temp.following(id)).next_key, next_key, 'what has been passed over is not made now') from p, p0;
select is((select count(*) from agenda.tasks t where t.recurring_task_id in (p.id, (pg_temp.following(p.id)).id)), n, 'no task is new') from p, p0;

-- ---- COUNT -------------------------------------------------------------------------------------------
select pg_temp.at('2025-03-03 08:00+00');
create temp table c as select id from agenda.create_recurring_task('five', rrule => 'FREQ=DAILY;COUNT=5', start_date => '2025-03-04T09:00:00Z');
select agenda.patch_occurrence(id, '2025-03-06 09:00', '{"title": "new"}', 'following') from c;
select is(pg_temp.keys(id, 9), '03-04 09:00, 03-05 09:00', 'two of five') from c;
select is(pg_temp.keys((pg_temp.following(id)).id, 9), '03-06 09:00, 03-07 09:00, 03-08 09:00', 'and three') from c;
create temp table cc as select id from agenda.create_recurring_task('five times done', rrule => 'FREQ=DAILY;COUNT=5', start_date => '2025-03-03T09:00:00Z', policy => 'after_completion');
select agenda.complete_task(pg_temp.task(id, '03-03')) from cc;
select is(pg_temp.tasks(id), '03-03 09:00 completed, 03-04 09:00 pending', 'one is done') from cc;
select agenda.update_task(pg_temp.task(id, '03-04'), '{"title": "new"}', scope => 'following') from cc;
select is(agenda.rrule_to_json((pg_temp.following(id)).rrule)->>'count', '4', 'where completions count, four are left') from cc;
create temp table done (n integer);
do $$
declare v_next agenda.tasks; v_id uuid := (select pg_temp.task((pg_temp.following(id)).id, '03-04') from cc); n integer := 0;
begin
    while v_id is not null loop
        v_next := (agenda.complete_task(v_id)).next_task;
        v_id := v_next.id;
        n := n + 1;
    end loop;
    insert into done values (n);
end $$;
select is(n, 4, 'and can be done') from done;

-- ---- one that had ended, or rests -----------------------------------------------------------------------
select pg_temp.at('2025-03-01 08:00+00');
create temp table e as select id from agenda.create_recurring_task('ended', rrule => 'FREQ=DAILY;COUNT=2', start_date => '2025-03-02T07:00:00Z', policy => 'must_do');
create temp table e2 as select id from agenda.create_recurring_task('goes on', rrule => 'FREQ=DAILY;COUNT=2', start_date => '2025-03-02T07:00:00Z', policy => 'must_do');
select pg_temp.at('2025-03-03 08:00+00');
select ok(not is_active, 'it has had all') from agenda.recurring_tasks r join e using (id);
select diag(pg_temp.tasks(id)) from e;
select agenda.update_task(pg_temp.task(id, '03-03'), '{"title": "new"}', scope => 'following') from e;
select is(pg_temp.tasks((pg_temp.following(id)).id), '03-03 07:00 pending', 'its last one goes along') from e;
select is((select count(*) from agenda.tasks t where t.recurring_task_id in (e.id, (pg_temp.following(e.id)).id)), 2::bigint, 'nothing comes twice') from e;
select ok(not (pg_temp.following(id)).is_active, 'the other has ended as well') from e;
select agenda.update_task(pg_temp.task(id, '03-03'), '{"recurrence_rule": "daily"}', scope => 'following') from e2;
select is(pg_temp.keys((pg_temp.following(id)).id, 2), '03-04 07:00, 03-05 07:00', 'with a new rule it goes on') from e2;
create temp table r as select id from agenda.create_recurring_task('rests', 'daily', start_date => '2025-03-02T07:00:00Z', policy => 'must_do');
select (agenda.pause_recurring_task(id)).id from r;
select agenda.update_task(pg_temp.task(id, '03-03'), '{"title": "new"}', scope => 'following') from r;
select ok(not (pg_temp.following(id)).is_active, 'one that rests does so on') from r;
select is(pg_temp.tasks((pg_temp.following(id)).id), '03-03 07:00 pending', 'and brings nothing') from r;

-- ---- what differs ----------------------------------------------------------------------------------------
create temp table s as select id from agenda.create_recurring_task('left out', 'daily', start_date => '2025-03-04T09:00:00Z');
select agenda.skip_occurrence(id, '2025-03-06 09:00'), agenda.patch_occurrence(id, '2025-03-07 09:00', '{"title": "by itself"}'), agenda.add_occurrence(id, '2025-03-08 15:00') from s;
select agenda.patch_occurrence(id, '2025-03-05 09:00', '{"due_date": "2025-03-05T10:00"}', 'following') from s;
select is(pg_temp.keys((pg_temp.following(id)).id, 5), '03-05 10:00, 03-07 10:00, 03-08 10:00, 03-08 16:00, 03-09 10:00', 'goes along, at the new time') from s;
select is((select count(*) from agenda.recurrence_overrides o join s on o.recurring_task_id = s.id), 0::bigint, 'and is no more with the old one') from s;
select ok((pg_temp.following(id)).has_overrides, 'which the other knows') from s;

-- ---- the first rule of a task that is done ---------------------------------------------------------------
create temp table f as select t.id from agenda.create_task('done', due => '2025-03-03T07:00') t, agenda.complete_task(t.id) c;
update agenda.tasks t set recurrence_rule = 'daily' from f where t.id = f.id;
select is(pg_temp.tasks(t.recurring_task_id), '03-03 07:00 completed, 03-04 07:00 pending', 'it has a next one at once') from agenda.tasks t join f using (id);

select is_empty('select * from agenda.fsck()', 'all is as it should be');
select * from finish();
rollback;
