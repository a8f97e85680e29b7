-- Every column that a person may write, by INSERT and by UPDATE of all rows, with every kind of value that its type allows.  What is
-- not refused can be read in every form and is nothing that fsck() has anything against.  The order is another one each time:
-- its seed is printed, and AGENDA_TEST_OPTIONS='-c test.seed=N' repeats it.
begin;
set local search_path = public;
select plan(4);

set local agenda.now = '2025-03-10 12:00:00+00';
set local client_min_messages = error;
create temp table run as select coalesce(nullif(current_setting('test.seed', true), '')::integer, (extract(epoch from clock_timestamp()) * 1000)::bigint::bit(30)::integer) as seed;
select diag(format('seed %s', seed)) from run;
\ir ../lib/hostile_values.sql
select agenda.patch_occurrence(id, '2025-03-20 09:00', '{"title": "by itself"}') from agenda.recurring_tasks;
select agenda.set_holiday('2025-03-17');

-- words that stand in some column
insert into given select 'text', unnest('{pending,skipped,missed,in_progress,instant,local,date,weekly,secondly,skip,patch,add,due,absolute,created,completion,schedule,either,allow,hold,
    supersede,latest,shift,first,second,none,next,omit,backward}'::text[]);
create temp table calls (statement text, state text, message text);
grant all on calls, given, run to public;

-- an INSERT needs more than the one column
create temp table others (relname name, attname name, expression text);
insert into others values ('tasks', 'title', '''t'''), ('recurring_tasks', 'title', '''t'''), ('recurring_tasks', 'recurrence_type', '''daily'''),
    ('holidays', 'calendar', '''own'''), ('holidays', 'day', '''2025-03-13'''), ('reminders', 'task_id', '(select id from agenda.tasks limit 1)'),
    ('recurrence_overrides', 'recurring_task_id', '(select id from agenda.recurring_tasks limit 1)'), ('recurrence_overrides', 'occurrence_key', '''2025-03-22 09:00'''),
    ('recurrence_overrides', 'kind', '''skip''');
grant select on others to public;
create function pg_temp.statement(p_right text, p_table name, p_column name, p_value text) returns text language sql as $$
    select case p_right when 'UPDATE' then format('update agenda.%I set %I = %L', p_table, p_column, p_value)
                        else format('insert into agenda.%I (%s) values (%s)', p_table, concat_ws(', ', quote_ident(p_column), string_agg(quote_ident(attname), ', ' order by attname)),
                                    concat_ws(', ', quote_nullable(p_value), string_agg(expression, ', ' order by attname))) end
      from others where relname = p_table and attname <> p_column
       and not (p_column = 'rrule' and attname = 'recurrence_type') and not (p_column = 'recurring_task_id' and attname = 'task_id')$$;
create role t_person login in role agenda_user;
set local role t_person;
do $$
declare
    c         record;
    n         integer := 0;
    v_state   text;
    v_message text;
begin
    for c in select pg_temp.statement(p, k.relname, a.attname, g.value) as statement
               from pg_class k join pg_attribute a on a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped
              cross join unnest('{INSERT,UPDATE}'::text[]) p
               join (select * from given union all select distinct type, null, 0 from given) g on g.type = format_type(a.atttypid, null)
              where k.relnamespace = 'agenda'::regnamespace and k.relkind = 'r' and has_column_privilege(k.oid, a.attnum, p)
              order by hashtextextended(concat_ws(' ', p, k.relname, a.attname, g.n), (select seed from run)) loop
        n := n + 1;
        begin
            execute c.statement;
            set constraints all immediate;
            v_state := '00000';
            v_message := '';
            -- else the first null would be the end of much
            if n % 10 <> 0 then
                raise exception using errcode = '00001';
            end if;
        exception when others then
            get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
        end;
        insert into calls values (left(c.statement, 300), v_state, v_message);
    end loop;
end $$;
reset role;
select is_empty($$select distinct on (c.state, c.message) c.* from calls c where c.state !~ '^(0000[01]|YA0\d\d|22...|2350[235]|23514|42501|54000)$' limit 20$$, 'every error is an answer');
select cmp_ok((select count(*) from calls where state ~ '^0000'), '>', (select count(*) / 10 from calls), 'and not every answer is an error');
select is_empty('select * from agenda.fsck()', 'what was accepted was right');
select lives_ok($$select agenda.gw_list_tasks(u, null, null, '{}'), agenda.gw_list_recurring_tasks(u, null, null, '{}'), agenda.gw_list_notifications(u, null, null, '{}'),
                         agenda.gw_get_preferences(u, null, null), agenda.gw_list_audit(u, null, null, '{}'), agenda.gw_export_ical(u, null, null, '{}'),
                         agenda.gw_calendar(u, null, null, '{"from": "2025-03-01T00:00Z", "to": "2025-03-20T00:00Z"}')
                    from agenda.current_user_id() u$$, 'and can be read');

select * from finish();
rollback;
