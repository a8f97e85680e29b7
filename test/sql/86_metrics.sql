-- Metrics: their form, who sees them, and that they follow what happens.
begin;
set local search_path = public;
select plan(15);

create role t_app login in role agenda_app;
create role t_monitor login in role agenda_monitor;

set local role t_app;
select throws_ok('select * from agenda.metrics()', '42501', null, 'an application does not see them');
set local role t_monitor;
create temp table seen as select row_number() over () as n, m.* from agenda.metrics() m;
reset role;
select ok((select count(*) > 40 from seen), 'who watches does');
select is((select count(*) from seen where name !~ '^agenda_[a-z_]+$' or kind not in ('counter', 'gauge', 'histogram')), 0::bigint, 'names and kinds are those of Prometheus');
select is((select count(*) from seen where (kind = 'counter') <> (name ~ '_total$')), 0::bigint, 'counters and nothing else end in _total');
select is((select count(*) from (select 1 from seen group by name having count(distinct help) > 1 or count(distinct kind) > 1) s), 0::bigint, 'one help and kind for each name');
select is((select count(*) from (select name from seen group by name having max(n) - min(n) + 1 > count(*)) s), 0::bigint, 'rows of a name stand together');
select is((select count(*) from (select 1 from seen group by name, labels having count(*) > 1) s), 0::bigint, 'and differ in their labels');
select is((select array_agg(labels->>'worker' order by labels->>'worker') from seen where name = 'agenda_worker_up'), '{drainer,scanner}'::text[], 'both workers are there');
select is((select array_agg(name order by name) from seen where kind = 'histogram' and name ~ '_count$'), '{agenda_drainer_read_seconds_count,agenda_publish_seconds_count}'::text[], 'two histograms');
select is((select max(value) from seen where name = 'agenda_publish_seconds_bucket'), (select value from seen where name = 'agenda_publish_seconds_count'), 'the last bucket has everything');
select ok((select bool_and(value >= 0) from seen), 'nothing is negative');

select is((select array_agg(labels->>'table' order by labels->>'table') from seen where name = 'agenda_log_bytes' and value > 0), '{events,ticks}'::text[], 'the log has its disk space');

insert into agenda.dead_letters (seq, event_id, type, subject, key, occurred_at, headers, data, topic, reason, attempts)
    values (1, agenda.uuid7(), 'x', 'x', 'x', now(), '{}', '{}', 't_topic', 'too large', 2),
           (2, agenda.uuid7(), 'x', 'x', 'x', now(), '{}', '{}', 't_topic', 'waits', 0), (3, agenda.uuid7(), 'x', 'x', 'x', now(), '{}', '{}', 't_topic', 'waits', 0);
select is((select jsonb_object_agg(labels->>'reason', value) from agenda.metrics() where name = 'agenda_dead_letters' and labels->>'topic' = 't_topic'), '{"too large": 1, "waits": 2}', 'dead letters are counted by topic and reason');
select is((select value from agenda.metrics() where name = 'agenda_log_prepared_transactions'), 0::double precision, 'no prepared transaction holds events');
select is((select value from agenda.metrics() where name = 'agenda_log_oldest_unpublished_seconds') >= 0, true, 'and the age of the oldest event that waits');

select * from finish();
rollback;
