-- Series under random use: whatever users and the clock do, in any order, what must always hold holds.
-- The sequences are the same in every run (setseed); a failure names its seed, step and last operation.
-- AGENDA_TEST_OPTIONS='-c test.seed=N' gives others, test.lives and test.steps more.
begin;
set local search_path = public;
select no_plan();

create temp table used (id uuid, plain boolean default true);   -- plain: only the clock, completion and skips touched it
create temp table tokens (token text);
create function pg_temp.act() returns void language sql as
    $$select agenda.act_as(current_setting('t.who')::uuid)$$;
create function pg_temp.any_of(p text[]) returns text language sql as $$select p[1 + floor(random() * cardinality(p))::integer]$$;
create function pg_temp.scan() returns void language plpgsql as $$
begin
    perform agenda.act_as(null);
    for i in 1 .. 50 loop
        exit when (agenda.check_due_tasks(1000)).raised = 0;
    end loop;
    perform pg_temp.act();
end $$;

create function pg_temp.make() returns uuid language plpgsql as $$
declare
    v uuid;
    v_policy text := pg_temp.any_of('{fixed,must_do,on_completion,chain,after_completion,habit,sequential}');
begin
    v := (agenda.create_recurring_task('p', rrule => pg_temp.any_of('{FREQ=DAILY,FREQ=DAILY;INTERVAL=3,"FREQ=WEEKLY;BYDAY=MO,TH",FREQ=MONTHLY;BYMONTHDAY=31,FREQ=DAILY;COUNT=9,FREQ=HOURLY;INTERVAL=7,FREQ=MONTHLY;BYDAY=-1FR,FREQ=DAILY;UNTIL=20250601T000000Z}'),
        start_date => to_char(agenda.now() + interval '1 hour' * (120 + ceil(random() * 50)), 'YYYY-MM-DD"T"') || pg_temp.any_of('{02:30,09:00,23:45}'),
        timezone => pg_temp.any_of('{Europe/Berlin,America/New_York,Australia/Lord_Howe,NULL}'), policy => v_policy,
        options => case when v_policy in ('fixed', 'must_do', 'habit') and random() < 0.4 then jsonb_build_object('business_shift', pg_temp.any_of('{none,previous,next,nearest,skip}')) else '{}' end
                   || case when random() < 0.3 then jsonb_build_object('lead_time', pg_temp.any_of('{2 hours,3 days}')) else '{}' end
                   || case when random() < 0.3 then jsonb_build_object('dst_gap', 'skip', 'dst_fold', 'second') else '{}' end
                   || case when random() < 0.2 then jsonb_build_object('catchup_window', pg_temp.any_of('{3 hours,2 days}')) else '{}' end)).id;
    insert into used values (v);
    return v;
end $$;

create function pg_temp.step() returns text language plpgsql as $$
declare
    v_op text := pg_temp.any_of('{wait,wait,wait,wait,wait,complete,complete,complete,complete,skip,cancel,reopen,delete,restore,undo,skip_key,patch_key,add_key,done_key,pause,resume,rule,zone,user_zone,trigger,move,following,gone,make}');
    v_series uuid := (select r.id from agenda.recurring_tasks r where r.user_id = agenda.current_user_id() and r.deleted_at is null order by random() limit 1);
    v_open   uuid := (select t.id from agenda.tasks t where t.user_id = agenda.current_user_id() and t.deleted_at is null and t.status in ('pending', 'in_progress') and t.recurring_task_id is not null order by random() limit 1);
    v_shut   uuid := (select t.id from agenda.tasks t where t.user_id = agenda.current_user_id() and t.deleted_at is null and t.status not in ('pending', 'in_progress') order by random() limit 1);
    v_gone   uuid := (select t.id from agenda.tasks t where t.user_id = agenda.current_user_id() and t.deleted_at is not null order by random() limit 1);
    v_key    timestamp := (select o.occurrence_key from agenda.preview_recurring_task(v_series, 5) o order by random() limit 1);
    v_own    uuid := (select t.recurring_task_id from agenda.tasks t where t.id = coalesce(case v_op when 'reopen' then v_shut when 'restore' then v_gone end, v_open));
begin
    if v_op in ('skip_key', 'patch_key', 'add_key', 'done_key', 'pause', 'resume', 'rule', 'zone', 'trigger') then
        update used set plain = false where id = v_series;
    elsif v_op in ('reopen', 'restore', 'delete', 'gone', 'following', 'move') then
        update used set plain = false where id = v_own;
    elsif v_op in ('undo', 'user_zone') then
        update used set plain = false;
    end if;
    if v_op = 'wait' then
        perform set_config('agenda.now', (agenda.now() + random() * interval '1 hour' * pg_temp.any_of('{1,8,30,200}')::integer)::text, true);
    elsif v_op = 'make' then
        perform pg_temp.make();
    elsif v_op = 'complete' and v_open is not null then
        insert into tokens select (agenda.complete_task(v_open)).undo_token;
    elsif v_op = 'skip' and v_open is not null then
        insert into tokens select (agenda.skip_task(v_open)).undo_token;
    elsif v_op = 'cancel' and v_open is not null then
        perform agenda.cancel_task(v_open);
    elsif v_op = 'reopen' and v_shut is not null then
        perform agenda.reopen_task(v_shut);
    elsif v_op = 'delete' and v_open is not null then
        perform agenda.delete_task(v_open);
    elsif v_op = 'restore' and v_gone is not null then
        perform agenda.restore_task(v_gone);
    elsif v_op = 'undo' and exists (select from tokens) then
        perform agenda.undo(token) from (select token from tokens order by random() limit 1) x;
    elsif v_op = 'gone' and v_open is not null then
        delete from agenda.tasks where id = v_open;
    elsif v_op = 'move' and v_open is not null then
        perform agenda.reschedule_task(v_open, to_char(agenda.now() + interval '3 days', 'YYYY-MM-DD"T"HH24:MI'));
    elsif v_op = 'following' and v_open is not null then
        perform agenda.update_task(v_open, '{"title": "q"}', null, pg_temp.any_of('{following,all}'));
    elsif v_op = 'skip_key' and v_key is not null then
        perform agenda.skip_occurrence(v_series, v_key);
    elsif v_op = 'patch_key' and v_key is not null then
        perform agenda.patch_occurrence(v_series, v_key, '{"title": "r"}');
    elsif v_op = 'add_key' and v_series is not null then
        perform agenda.add_occurrence(v_series, date_trunc('minute', agenda.now() at time zone 'UTC') + interval '1 hour' * floor(random() * 100));
    elsif v_op = 'done_key' and v_key is not null then
        perform agenda.complete_occurrence(v_series, v_key);
    elsif v_op = 'pause' and v_series is not null then
        perform agenda.pause_recurring_task(v_series, case when random() < 0.5 then agenda.utc(agenda.now() + interval '2 days') end);
    elsif v_op = 'resume' and v_series is not null then
        perform agenda.resume_recurring_task(v_series);
    elsif v_op = 'rule' and v_series is not null then
        perform agenda.update_recurring_task(v_series, jsonb_build_object('rrule', pg_temp.any_of('{FREQ=DAILY,FREQ=WEEKLY,FREQ=DAILY;INTERVAL=2}')));
    elsif v_op = 'zone' and v_series is not null then
        perform agenda.update_recurring_task(v_series, jsonb_build_object('timezone', pg_temp.any_of('{Europe/Berlin,Asia/Tokyo,NULL}')));
    elsif v_op = 'user_zone' then
        perform agenda.set_preferences(jsonb_build_object('timezone', pg_temp.any_of('{UTC,Europe/Berlin,Asia/Tokyo,America/New_York}')));
    elsif v_op = 'trigger' and v_series is not null then
        perform agenda.trigger_recurring_task(v_series);
    end if;
    return v_op;
exception when sqlstate 'YA001' or sqlstate 'YA007' then
    -- not in a state for that; it changed nothing
    return v_op || ' refused';
end $$;

create function pg_temp.series() returns setof agenda.recurring_tasks language sql stable as
    $$select * from agenda.recurring_tasks r where r.user_id = agenda.current_user_id()$$;
create function pg_temp.things() returns setof agenda.tasks language sql stable as
    $$select * from agenda.tasks t where t.user_id = agenda.current_user_id()$$;

-- What is wrong now; null when nothing is.
create function pg_temp.wrong() returns text language sql as $$
    select string_agg(distinct w, '; ') from (
        select 'next_key is not behind last_key' as w from pg_temp.series() r where r.basis = 'due' and r.next_key <= r.last_key
        union all
        select 'next_due_at is not the instant of next_key' from pg_temp.series() r where r.next_due_at is distinct from agenda._key_due(r, r.next_key)
        union all
        select 'active, and nothing to come: ' || agenda._policy_name(r) from pg_temp.series() r
         where r.is_active and r.deleted_at is null and r.next_key is null and r.basis = 'due' and r.spawn <> 'completion'
        union all
        select 'the clock does not know of it: ' || agenda._policy_name(r) from pg_temp.series() r
         where r.is_active and r.deleted_at is null and r.overlap <> 'hold'
           and not exists (select from agenda.timers t where t.entity_id = r.id and t.what = 'spawn' and t.fire_at = r.next_due_at - r.lead_time)
        union all
        select 'neither open nor to come: ' || agenda._policy_name(r) from pg_temp.series() r
         where r.is_active and r.deleted_at is null and not agenda._has_open(r) and not exists (select from agenda.timers t where t.entity_id = r.id)
        union all
        select 'a timer without a reason: ' || agenda._policy_name(r) from pg_temp.series() r, agenda.timers t
         where t.entity_id = r.id and (r.deleted_at is not null or (not r.is_active and r.resume_at is null))
        union all
        select 'owed and not made: ' || agenda._policy_name(r) from pg_temp.series() r
         where r.is_active and r.deleted_at is null and r.overlap <> 'hold' and r.next_due_at - r.lead_time <= agenda.now()
        union all
        select 'two open where one holds back the next: ' || agenda._policy_name(r) from pg_temp.series() r join used u on u.id = r.id and u.plain
         where r.overlap = 'hold' and (select count(*) from agenda.tasks t where t.recurring_task_id = r.id and t.status in ('pending', 'in_progress') and t.deleted_at is null) > 1
        union all
        select 'instant and wall clock disagree' from pg_temp.things() t left join agenda.preferences p using (user_id)
         where t.due_kind <> 'instant' and t.deleted_at is null and t.status in ('pending', 'in_progress')
           and agenda.instant_to_local(t.due_date, coalesce(t.timezone, p.timezone, 'UTC'))
               <> agenda.instant_to_local(agenda.local_to_instant(t.due_local, coalesce(t.timezone, p.timezone, 'UTC')), coalesce(t.timezone, p.timezone, 'UTC'))
        union all
        select format('unaccounted: %s, %s keys, %s tasks, %s missed', agenda._policy_name(r), k.n, r.occurrences_created, r.missed_count)
          from pg_temp.series() r join used u on u.id = r.id and u.plain,
               lateral (select count(*) as n from agenda.local_occurrences(r.rrule, r.dtstart, r.dtstart, coalesce(r.next_key, '2027-01-01')) o where agenda._key_stands(r, o)) k
         where r.basis = 'due' and k.n <> r.occurrences_created + r.missed_count) x
$$;

create function pg_temp.play(p_seed float8, p_steps integer) returns text language plpgsql as $$
declare
    v_op    text;
    v_wrong text;
begin
    perform setseed(p_seed);
    perform set_config('t.who', gen_random_uuid()::text, true);
    delete from tokens;
    perform set_config('agenda.now', '2025-03-01 10:00+00', true);
    perform pg_temp.act();
    for i in 1 .. 6 loop
        perform pg_temp.make();
    end loop;
    for i in 1 .. p_steps loop
        v_op := pg_temp.step();
        perform pg_temp.scan();
        v_wrong := pg_temp.wrong();
        if v_wrong is not null then
            return format('seed %s, step %s, after %s: %s', p_seed, i, v_op, v_wrong);
        end if;
    end loop;
    return (select string_agg(f.check_name || ' ' || f.problem, '; ') from agenda._fsck_findings() f where f.user_id = agenda.current_user_id());
end $$;

create temp table seeds as
    select coalesce(nullif(current_setting('test.seed', true), '')::integer, 0) + i as seed, coalesce(nullif(current_setting('test.steps', true), '')::integer, 50) as steps
      from generate_series(1, coalesce(nullif(current_setting('test.lives', true), '')::integer, 5)) i;
select is(pg_temp.play(seed % 100 / 100.0 + seed / 100 % 10000 / 1000000.0, steps), null, 'random use, seed ' || seed) from seeds;

select * from finish();
rollback;
