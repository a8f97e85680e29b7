-- Values of every type that callers can write, sensible and not, for a user to whom something has happened; by \ir from sql/63 and sql/65.

select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
select agenda.set_preferences('{"timezone": "Europe/Berlin"}');
select agenda.create_task('At a time', '2025-03-12T10:00', reminders => '["-1 hour"]');
select agenda.create_task('On a day', '2025-03-12', tags => '{home}');
select agenda.create_recurring_task('Days', 'daily', start_date => '2025-03-09T09:00');
set local agenda.now = '2025-03-12 12:00:00+00';
select agenda._scan('2025-03-12 12:00:00+00', '-infinity', 1000);

-- what arguments of a type can be
create temp table given (type text, value text, n serial);
insert into given select 'uuid', x.id::text from (select id from agenda.tasks union all select id from agenda.recurring_tasks
    union all select id from agenda.reminders union all select id from agenda.notifications) x;
insert into given select 'uuid', unnest(array[gen_random_uuid()::text, '00000000-0000-0000-0000-000000000000', 'aaaaaaaa-0000-4000-8000-000000000001']);
insert into given select 'uuid[]', array_agg(value)::text from given;
insert into given select 'text', unnest(array['', ' ', E'\x01', E'\n', '\', '%s', '$$', ''';--', 'Ünï', repeat('ß', 501), repeat('x', 100000), repeat('a,', 5000), '{}', 'null',
    'title', 'due_date', 'task.created', 'completed', 'daily', 'every day', 'FREQ=DAILY', 'this', 'following', 'all', 'pg_class', 'BEGIN:VCALENDAR', '-1', '1e400',
    '2025-03-10', '2025-03-10T10:00', '2025-03-10T10:00:00Z', '2025-W11', '9999-12-31T23:59:59', '294276-12-31T00:00:00Z', 'infinity', 'Europe/Berlin', 'Moon/Base', 'Europe/../Berlin',
    'aaaaaaaa-0000-4000-8000-000000000001']);
insert into given select 'jsonb', unnest(array['null', '{}', '[]', '1', '"x"', 'true', '[null]', '[[]]', '[{}]', '{"": ""}', '{"a": {}}', '{"title": null}', '{"title": "y"}',
    '{"title": "' || repeat('x', 501) || '"}', '{"due_date": 1e400}', '{"due_date": ["x"]}', '{"due_date": "2025-03-20"}', '{"status": "completed"}', '{"status": "x"}',
    '{"status": ["pending"]}', '{"timezone": "Moon"}', '{"timezone": null}', '{"rrule": "FREQ=YEARLY;BYMONTHDAY=30;BYMONTH=2"}', '{"reminders": [1, 2]}',
    '{"reminders": ["-1 day", null]}', '{"priority": 1e30}', '{"priority": -1.5}', '{"tags": [null]}', '{"tags": [["a"]]}', '{"tags": "x"}', '{"checklist": [{"title": ""}]}',
    '{"checklist": {"a": 1}}', '{"version": 99999999999999999999}', '{"is_active": "x"}', '{"is_active": false}', '["-1 hour"]', '[{"offset": "-1 hour", "at_time": "25:00"}]',
    '[{"offset": "-178000000 years"}]', '{"user_id": "bbbbbbbb-0000-4000-8000-000000000002"}', '{"start_date": "9999-12-31"}', '{"end_date": "0001-01-01"}', '{"limit": 1e9}',
    '{"due_before": "infinity"}', '{"q": "%"}', '{"parent_task_id": "x"}', repeat('[', 6000) || repeat(']', 6000), '{"a": ' || repeat('9', 100000) || '}', '"' || repeat('x', 1000000) || '"']);
insert into given select 'interval', unnest(array['0', '1 microsecond', '-1 microsecond', '1 day', '-1 day', '1 month -1 day', '10 years', '-10 years 1 day', '178000000 years', '-178000000 years']);
insert into given select t, unnest(array['infinity', '-infinity', '4713-01-01 BC', '0001-01-01', '2025-03-10', '2025-03-13 09:00', '2025-03-30 02:30', '9999-12-31 23:59:59', '10000-01-01', '294276-12-31'])
    from unnest(array['date', 'timestamp with time zone', 'timestamp without time zone']) t;
insert into given select t || '[]', unnest(array['{}', '{null}', '{infinity,-infinity}', '{2025-03-10,2025-03-10}', '{{2025-03-10}}'])
    from unnest(array['date', 'timestamp with time zone', 'timestamp without time zone']) t;
insert into given select 'time without time zone', unnest(array['00:00', '09:00', '23:59:59.999999', '24:00']);
insert into given select t, unnest(array['0', '-1', '1', '3', '100', '32767', '-32768']) from unnest(array['smallint', 'integer', 'bigint', 'numeric', 'double precision']) t;
insert into given select t, unnest(array['10000', '-2147483648']) from unnest(array['integer', 'bigint', 'numeric']) t;
insert into given values ('bigint', '9223372036854775807'), ('bigint', '-9223372036854775808'), ('numeric', 'NaN'), ('double precision', 'NaN'), ('double precision', '-Infinity'),
    ('boolean', 't'), ('boolean', 'f'), ('bytea', ''), ('bytea', '\x00ff'), ('regclass', 'pg_class'), ('regclass', 'agenda.tasks'), ('uuid[]', '{}'), ('uuid[]', '{null}');
insert into given select 'text[]', unnest(array['{}', '{null}', '{""}', '{a,a}', '{{a},{b}}', '[5:6]={a,b}', '{pending}', '{task.created}', array_fill('t'::text, array[2000])::text]);
insert into given select t || '[]', unnest(array['{}', '{null}', '{0,-1}', '{1,1}', '{{1}}']) from unnest(array['smallint', 'integer', 'bigint']) t;
insert into given select 'agenda.rrule', unnest(array['FREQ=DAILY', 'FREQ=SECONDLY', 'FREQ=WEEKLY;BYDAY=MO,TU', 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30', 'FREQ=DAILY;COUNT=1', 'FREQ=DAILY;UNTIL=20240101T000000Z',
    'FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=FORWARD', 'FREQ=MINUTELY;INTERVAL=2147483647']);
insert into given select 'agenda.tasks', t::text from agenda.tasks t;
insert into given select 'agenda.recurring_tasks', t::text from agenda.recurring_tasks t;
insert into given select 'agenda.reminders', t::text from agenda.reminders t;
insert into given select 'agenda.notifications', t::text from agenda.notifications t;
insert into given select 'agenda.preferences', agenda.get_preferences()::text;
insert into given select 'agenda.' || c.relname, '(' || repeat(',', c.relnatts - 1) || ')' from pg_class c where c.relnamespace = 'agenda'::regnamespace and c.relkind in ('r', 'p', 'c');
-- by number, so that one is drawn at once
create temp table values_of as select type, array_agg(value order by value collate "C") as list from given group by type;
