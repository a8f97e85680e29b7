-- Random lives of one user: tasks, series, reminders, preferences and the clock, at random, with a simple model
-- and fsck() after every few steps.  The seed is printed; AGENDA_TEST_OPTIONS='-c test.seed=N' repeats a run, test.lives and
-- test.steps make it longer.
begin;
set local search_path = public;
select no_plan();

set local agenda.now = '2025-01-01 00:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
delete from agenda.timers;

\ir ../lib/random_life.sql

create function pg_temp.life(p_seed integer, p_steps integer) returns text language plpgsql as $$
declare
    v_done  text[] := '{}';
    v_wrong text;
begin
    perform setseed(p_seed / 1000000.0);
    for i in 1..p_steps loop
        v_done := v_done || pg_temp.step(case when random() < 0.12 then 'jump' else pg_temp.deed() end);
        perform set_config('test.quiet', case when v_done[i] = 'jump' then 'on' else 'off' end, true);
        if i % 5 = 0 or v_done[i] = 'jump' then
            select string_agg(w, E'\n') into v_wrong from pg_temp.wrong() w;
            if v_wrong is not null then
                return format(E'seed %s, step %s (%s):\n%s', p_seed, i, array_to_string(v_done[greatest(i - 5, 1):], ', '), v_wrong);
            end if;
        end if;
    end loop;
    return null;
end $$;

create temp table seeds as
    select (coalesce(nullif(current_setting('test.seed', true), '')::integer, (extract(epoch from clock_timestamp()) * 1000)::bigint % 1000000) + i) % 1000000 as seed,
           coalesce(nullif(current_setting('test.steps', true), '')::integer, 150) as steps
      from generate_series(0, coalesce(nullif(current_setting('test.lives', true), '')::integer, 2) - 1) i;
select diag(format('seeds from %s, %s lives of %s steps', min(seed), count(*), min(steps))) from seeds;
-- each in the world that those before it have left
select is(pg_temp.life(seed::integer, steps), null, 'a life, seed ' || seed) from seeds;
select cmp_ok((select count(*) from agenda.notifications), '>', 5::bigint, 'in which something happens');
select is((select count(*) - count(distinct dedupe_key) from agenda.notifications), 0::bigint, 'and nothing is told twice');
select * from finish();
rollback;
