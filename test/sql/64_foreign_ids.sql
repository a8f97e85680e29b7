-- Ids of somebody else's things, given to every function that a person or the gateway can call: the answer is that for an id that nobody has,
-- to the letter, and what is theirs stays as it was.
begin;
set local search_path = public;
select plan(5);

set local agenda.now = '2025-03-10 12:00:00+00';
create role t_person login in role agenda_user;
create role t_gateway login in role agenda_gateway;

-- a life of the one
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000064');
set local role t_person;
select agenda.set_preferences('{"timezone": "Europe/Berlin", "holiday_calendar": "mine"}');
select agenda.set_holiday('2025-03-12', 'mine', 'secret day');
select agenda.create_task('secret at a time', '2025-03-12T10:00', reminders => '["-1 hour", "-5 days"]', tags => '{secret}');
select agenda.create_task('secret that is done', '2025-03-01');
select agenda.complete_task(id) from agenda.tasks where title = 'secret that is done';
select agenda.create_recurring_task('secret days', 'daily', start_date => '2025-03-09T09:00', options => '{"reminders": ["-1 hour"]}');
select agenda.patch_occurrence(id, '2025-03-20 09:00', '{"title": "secret occurrence"}') from agenda.recurring_tasks;
select agenda.add_channel('webhook', 'https://example.org/secret');
select agenda.test_channel(id) from agenda.list_channels();
select count(*) from agenda.import_ical(E'BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:secret@x\nSUMMARY:secret import\nEND:VTODO\nEND:VCALENDAR');
reset role;
select agenda._scan('2025-03-10 12:00:00+00', '-infinity', 1000);
update agenda.deliveries set status = 'failed', finished_at = agenda.now() where user_id = 'aaaaaaaa-0000-4000-8000-000000000064';

create temp table theirs as
    select 'task' as kind, id from agenda.tasks where user_id = 'aaaaaaaa-0000-4000-8000-000000000064'
    union all select 'series', id from agenda.recurring_tasks where user_id = 'aaaaaaaa-0000-4000-8000-000000000064'
    union all select 'reminder', id from agenda.reminders where user_id = 'aaaaaaaa-0000-4000-8000-000000000064'
    union all select 'notification', id from agenda.notifications where user_id = 'aaaaaaaa-0000-4000-8000-000000000064'
    union all select 'channel', id from agenda.channels where user_id = 'aaaaaaaa-0000-4000-8000-000000000064'
    union all select 'delivery', id from agenda.deliveries where user_id = 'aaaaaaaa-0000-4000-8000-000000000064'
    union all select 'user', 'aaaaaaaa-0000-4000-8000-000000000064';
select set_eq('select distinct kind from theirs', '{task,series,reminder,notification,channel,delivery,user}'::text[], 'somebody has one of everything');

create function pg_temp.kept() returns text language sql as $$
    select md5(concat_ws(' ', (select string_agg(x::text, ' ' order by x.id) from agenda.tasks x where user_id::text ~ '^a'),
        (select string_agg(x::text, ' ' order by x.id) from agenda.recurring_tasks x where user_id::text ~ '^a'),
        (select string_agg(x::text, ' ' order by x.occurrence_key) from agenda.recurrence_overrides x where user_id::text ~ '^a'),
        (select string_agg(x::text, ' ' order by x.id) from agenda.reminders x where user_id::text ~ '^a'),
        (select string_agg(x::text, ' ' order by x.id) from agenda.notifications x where user_id::text ~ '^a'),
        (select string_agg(x::text, ' ' order by x.id) from agenda.channels x where user_id::text ~ '^a'),
        (select string_agg(x::text, ' ' order by x.channel_id) from agenda.channel_secrets x where user_id::text ~ '^a'),
        (select string_agg(x::text, ' ' order by x.id) from agenda.deliveries x where user_id::text ~ '^a'),
        (select string_agg(x::text, ' ' order by x.entity, x.entity_id) from agenda.timers x where user_id::text ~ '^a'),
        (select string_agg(x::text, ' ' order by x.day) from agenda.holidays x where user_id::text ~ '^a'),
        (select string_agg(x::text, ' ' order by x.uid) from agenda.ical_uids x where user_id::text ~ '^a'),
        (select string_agg(x::text, ' ') from agenda.preferences x where user_id::text ~ '^a'),
        (select string_agg(x.seq::text, ' ' order by x.seq) from agenda.events x where user_id::text ~ '^a')))$$;
create temp table before as select pg_temp.kept() as kept;

-- Each call twice: with the id, and with one that nobody has, which then stands for it in the answer.
create temp table calls (statement text, answer text, unknown text);
grant all on calls, theirs to public;
create function pg_temp.answer(p_statement text, p_id uuid) returns text language plpgsql as $$
declare
    v_answer text;
    v_hint   text;
    v_detail text;
begin
    begin
        execute format('select string_agg(x::text, E''\n'') from (%s) x', p_statement) into v_answer;
    exception when others then
        get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
        v_answer := concat_ws(' ', sqlstate, sqlerrm, v_detail, v_hint);
    end;
    -- what is drawn anew each time
    return regexp_replace(replace(v_answer, p_id::text, 'ID'), '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}', 'NEW', 'g');
end $$;
-- sensible values for the other arguments, so that what looks at the id is reached
create function pg_temp.statement(p_name text, p_types text[], p_names text[], p_id uuid, p_place integer) returns text language sql as $$
    select format('select agenda.%I(%s)', p_name, string_agg(format('%I => %s', n, case
        when i = p_place then format('%L::%s', case t when 'uuid[]' then array[p_id]::text else p_id::text end, t)
        else case t
            when 'uuid' then case when n = 'p_user' and p_name ~ '^gw_' then '''bbbbbbbb-0000-4000-8000-000000000064''' else 'null' end || '::uuid' when 'jsonb' then case when n ~ 'reminders' then '''["-1 hour"]''::jsonb' when n = 'before' or n = 'after' then 'null::jsonb' else '''{}''::jsonb' end
            when 'boolean' then 'true' when 'integer' then '3' when 'bigint' then 'null::bigint' when 'interval' then '''1 hour''::interval'
            when 'time without time zone' then 'null::time' when 'date' then '''2025-03-12''::date'
            when 'timestamp without time zone' then '''2025-03-20 09:00''::timestamp'
            when 'timestamp with time zone' then case when n ~ 'until|to_time' then '''2025-03-25''::timestamptz' else '''2025-03-10 12:30Z''::timestamptz' end
            when 'text' then case when n = 'scope' then '''this''' when n in ('due', 'at') then '''2025-03-20T09:00''' when n = 'open_tasks' then '''delete''' when n = 'anchor' then '''due'''
                                  when n = 'sort' then 'null' when n = 'title' then '''x''' when n = 'status' then 'null' else 'null' end || '::text'
            else format('null::%s', t) end
        end), ', ' order by i))
      from unnest(p_types, p_names) with ordinality x (t, n, i)$$;
select agenda.act_as('bbbbbbbb-0000-4000-8000-000000000064');
set local role t_person;
select agenda.create_task('mine', '2025-03-12T10:00');
select agenda.create_recurring_task('mine', 'daily', start_date => '2025-03-09T09:00');
create function pg_temp.call_all() returns void language plpgsql as $$
declare
    f record;
    o record;
    v_unknown constant uuid := 'dddddddd-0000-4000-8000-000000000064';
begin
    for f in select p.proname, string_to_array(oidvectortypes(p.proargtypes), ', ') as types,
                    coalesce((p.proargnames)[1:p.pronargs], '{}') as names
               from pg_proc p where p.pronamespace = 'agenda'::regnamespace and p.prokind = 'f' and has_function_privilege(p.oid, 'execute')
                and (p.proargtypes::oid[] && array['uuid'::regtype::oid, 'uuid[]'::regtype::oid]) loop
        for i in 1 .. cardinality(f.types) loop
            -- for whom it acts the gateway has from the token
            continue when f.types[i] not in ('uuid', 'uuid[]') or f.proname ~ '^gw_' and f.names[i] = 'p_user';
            for o in select t.id from theirs t loop
                insert into calls values (pg_temp.statement(f.proname, f.types, f.names, o.id, i),
                    pg_temp.answer(pg_temp.statement(f.proname, f.types, f.names, o.id, i), o.id),
                    pg_temp.answer(pg_temp.statement(f.proname, f.types, f.names, v_unknown, i), v_unknown));
            end loop;
        end loop;
    end loop;
end $$;
select pg_temp.call_all();
set local role t_gateway;
select pg_temp.call_all();
select is_empty('select * from calls where answer <> unknown', 'somebody else''s id is answered as one that nobody has');
select is_empty('select * from calls where answer ~ ''secret''', 'and tells nothing');
select cmp_ok((select count(*) from calls where unknown ~ '^YA001'), '>', (select count(*) / 3 from calls), 'the calls come as far as the id');

reset role;
select is(pg_temp.kept(), (select kept from before), 'what is theirs is as it was');

select * from finish();
rollback;
