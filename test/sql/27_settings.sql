-- A session may have any settings that its user can choose.  The same life must leave the same rows, the same events and the
-- same answers for a front end, whatever they are: only how SQL prints a time to its caller is theirs to say.
begin;
set local search_path = public;
select no_plan();

set local agenda.now = '2025-03-28 00:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000027');
delete from agenda.timers;
\ir ../lib/random_life.sql

-- ids are drawn anew each time: here they are numbered in the order of their first appearance; and the log has a clock of its own
create function pg_temp.nameless(p_text text) returns text language sql as $$
    with piece as (select s, n from regexp_split_to_table(regexp_replace(p_text, to_char(clock_timestamp(), 'YYYY') || '-\d\d-\d\d[T ][0-9:.]+(Z|\+00:00)', 'real', 'g'),
                                                          '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}') with ordinality x (s, n)),
         id as (select m[1] as id, n from regexp_matches(p_text, '([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})', 'g') with ordinality x (m, n)),
         numbered as (select id, row_number() over (order by min(n)) as nr from id group by id)
    select regexp_replace(string_agg(s || coalesce('#' || nr, ''), '' order by n), '(seconds_late|next_cursor)"+: *("+[^"]+"|[0-9.]+)', '\1: real', 'g')
      from piece left join id using (n) left join numbered using (id)$$;

-- what a front end is told
create function pg_temp.told() returns text language sql as $$
    with month as (select jsonb_build_object('from', agenda.utc(agenda.now() - interval '20 days'), 'to', agenda.utc(agenda.now() + interval '10 days')) as q),
         one as (select u, t.id as task, s.id as series, n.id as notification, q
                   from agenda.current_user_id() u, month,
                        (select id from agenda.tasks where deleted_at is null order by id limit 1) t,
                        (select id from agenda.recurring_tasks where deleted_at is null order by id limit 1) s,
                        (select id from agenda.notifications where withdrawn_at is null order by id limit 1) n)
    select concat_ws(E'\n',
        agenda.gw_list_tasks(u, null, null, '{"page_size": 100}'), agenda.gw_get_task(u, null, null, task),
        agenda.gw_task_history(u, null, null, task), agenda.gw_list_reminders(u, null, null, task),
        agenda.gw_list_recurring_tasks(u, null, null, '{}'), agenda.gw_get_recurring_task(u, null, null, series),
        agenda.gw_list_occurrences(u, null, null, series, q), agenda.gw_preview_recurring_task(u, null, null, series, '{"title": "p"}'),
        agenda.gw_preview_rule(u, null, null, '{"rrule": "FREQ=MONTHLY;BYDAY=-1FR", "start_date": "2025-01-31T09:30"}'),
        agenda.gw_calendar(u, null, null, q), agenda.gw_forecast_notifications(u, null, null, q - 'from'),
        agenda.gw_list_notifications(u, null, null, '{}'), agenda.gw_unread_count(u, null, null),
        agenda.gw_why_notified(u, null, null, notification), agenda.gw_why_not_notified(u, null, null, task, jsonb_build_object('at', q->'from')),
        agenda.gw_list_audit(u, null, null, '{}'),
        agenda.gw_get_preferences(u, null, null), agenda.gw_export_ical(u, null, null, '{}'))
      from one$$;

-- what is left in the tables
create function pg_temp.kept() returns text language sql as $$
    select concat_ws(E'\n',
        (select string_agg(concat_ws(' ', type, actor, data), E'\n' order by subject, seq) from agenda.events),
        (select string_agg((to_jsonb(t) - '{created_at,updated_at}'::text[])::text, E'\n' order by t.id) from agenda.tasks t),
        (select string_agg(to_jsonb(s)::text, E'\n' order by s.id) from agenda.recurring_tasks s),
        (select string_agg(to_jsonb(r)::text, E'\n' order by r.id) from agenda.reminders r),
        (select string_agg(to_jsonb(n)::text, E'\n' order by n.id) from agenda.notifications n),
        (select string_agg(to_jsonb(m)::text, E'\n' order by m.fire_at, m.entity_id, m.entity) from agenda.timers m),
        (select to_jsonb(p)::text from agenda.get_preferences() p))$$;

create function pg_temp.life(p_settings text[], out told text, out kept text) language plpgsql as $$
declare
    v_setting text;
begin
    foreach v_setting in array p_settings loop
        perform set_config(split_part(v_setting, '=', 1), split_part(v_setting, '=', 2), true);
    end loop;
    -- else statements would stay as they were understood under the settings before
    execute 'discard plans';
    perform setseed(0.27);
    for i in 1..80 loop
        perform pg_temp.step(case when i % 8 = 0 then 'jump' else pg_temp.deed() end);
    end loop;
    told := pg_temp.told();
    foreach v_setting in array p_settings loop
        execute format('set local %I to default', split_part(v_setting, '=', 1));
    end loop;
    kept := pg_temp.kept();
    raise exception using errcode = 'ZZ001', message = told, detail = kept;
exception when sqlstate 'ZZ001' then
    get stacked diagnostics told = message_text, kept = pg_exception_detail;
    told := pg_temp.nameless(told);
    kept := pg_temp.nameless(kept);
end $$;

-- where they differ first
create function pg_temp.difference(a text, b text) returns text language plpgsql as $$
declare
    v_low  integer := 0;
    v_high integer := greatest(length(a), length(b));
begin
    if a = b then
        return null;
    end if;
    while v_low + 1 < v_high loop
        if left(a, (v_low + v_high) / 2) = left(b, (v_low + v_high) / 2) then
            v_low := (v_low + v_high) / 2;
        else
            v_high := (v_low + v_high) / 2;
        end if;
    end loop;
    return format(E'%s\n  %s', substr(a, greatest(v_low - 100, 1), 200), substr(b, greatest(v_low - 100, 1), 200));
end $$;

create temp table usual as select * from pg_temp.life('{}');
create temp table again as select * from pg_temp.life('{}');
select cmp_ok(length(kept), '>', 50000, 'a life') from usual;
select is(pg_temp.difference(u.kept, a.kept), null, 'the same again') from usual u, again a;
select is(pg_temp.difference(u.told, a.told), null, 'and told the same') from usual u, again a;

create temp table strange (settings text[]);
insert into strange values
    ('{datestyle=SQL\, DMY,intervalstyle=iso_8601,timezone=Pacific/Chatham}'), ('{datestyle=German\, YMD,intervalstyle=sql_standard,timezone=<+03>-3}'),
    ('{datestyle=Postgres\, MDY,intervalstyle=postgres_verbose,timezone=America/New_York,timezone_abbreviations=Australia}'),
    ('{transform_null_equals=on,array_nulls=off}'), ('{extra_float_digits=-15,bytea_output=escape,xmlbinary=hex}'),
    ('{standard_conforming_strings=off,escape_string_warning=on,backslash_quote=off}'), ('{quote_all_identifiers=on}'),
    ('{search_path=}'),
    ('{force_parallel_mode=on,parallel_setup_cost=0,parallel_tuple_cost=0,min_parallel_table_scan_size=0}'),
    ('{jit=on,jit_above_cost=0,jit_inline_above_cost=0}'), ('{work_mem=64kB,hash_mem_multiplier=1}'),
    ('{plan_cache_mode=force_custom_plan}'), ('{plan_cache_mode=force_generic_plan}'),
    ('{enable_indexscan=off,enable_indexonlyscan=off,enable_bitmapscan=off}'), ('{enable_seqscan=off,enable_hashjoin=off,enable_mergejoin=off}'),
    ('{from_collapse_limit=1,join_collapse_limit=1,geqo_threshold=2}'), ('{check_function_bodies=off,constraint_exclusion=off,enable_partition_pruning=off}'),
    ('{default_transaction_isolation=serializable,synchronous_commit=off,client_min_messages=error}'), ('{cursor_tuple_fraction=0.0001,track_functions=all,lc_time=C,lc_numeric=C}');
create temp table strangers as select settings, l.* from strange, pg_temp.life(settings) l;
select is(pg_temp.difference(u.kept, s.kept), null, format('the same is left under %s', s.settings)) from usual u, strangers s;
select is(pg_temp.difference(u.told, s.told), null, format('and told under %s', s.settings)) from usual u, strangers s;

-- ---- settings as a way in ----
create role t_27 login in role agenda_user;
insert into agenda.users (id, external_id, login_role) values ('aaaaaaaa-0000-4000-8000-000000002727', 't_27', 't_27');
select agenda.create_task('somebody else''s');
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000002727');
set local role t_27;
select throws_ok(format('set local %s', s), '42501', null, s || ' is not for a person to say')
  from unnest(array['agenda.now = ''2025-01-01''', 'agenda.restoring = on', 'agenda.delivery = on', 'session_replication_role = replica']) s;
select throws_ok($$set local agenda.user_id = 'aaaaaaaa-0000-4000-8000-000000000027'$$, '42602', null, 'a setting of another name says nothing about who acts');
set local row_security = off;
select throws_ok($$select * from agenda.tasks$$, '42501', null, 'without row security nothing is to be seen');
select throws_ok($$select agenda.list_tasks()$$, '42501', null, 'by functions neither');
select throws_ok($$update agenda.tasks set title = 'mine'$$, '42501', null, 'nor to be changed');
set local row_security = on;
set local transform_null_equals = on;
select is_empty($$select * from agenda.tasks where user_id = null or user_id is not null$$, 'and however NULL compares, a person sees their own rows alone');
reset role;

-- the clock has one form, whatever the session's: a parallel worker reads it before it knows about zones
set local timezone = 'America/New_York';
set local agenda.now = '2025-03-28 12:00';
select is(current_setting('agenda.now'), '2025-03-28T16:00:00Z', 'a time without its offset is kept with one');
set local agenda.now = '28 Mar 2025 12:00 CET';
select is(current_setting('agenda.now'), '2025-03-28T11:00:00Z', 'and so is one of a named zone');
select throws_ok(format('set local agenda.now = %L', t), '22023', null, format('%s is no time for a clock', t)) from unnest('{now,infinity,0044-03-15 BC,20000-01-01,2025-02-30}'::text[]) t;
select * from finish();
rollback;
