-- ---- metrics -----------------------------------------------------------------------------------

create or replace function agenda._worker_metrics(out name text, out labels jsonb, out value double precision, out kind text, out help text)
    returns setof record
    language c volatile parallel restricted rows 100 as 'MODULE_PATHNAME', 'agenda_worker_metrics';
comment on function agenda._worker_metrics() is 'engine: what the workers of this database count in shared memory';

-- What was written is locked until the end of its transaction.
create or replace function agenda._log_prepared() returns bigint
    language sql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp
    begin atomic
        select count(*)
          from pg_prepared_xacts p
         where p.database = current_database()
           -- a prepared transaction has no process; its virtual id, which it may have kept, is found by its own
           and exists (select from pg_locks x join pg_locks k using (virtualtransaction)
                        where x.transactionid = p.transaction and x.pid is null and k.pid is null
                          and k.mode = 'RowExclusiveLock' and k.relation = 'agenda.events'::regclass
                          and k.database = (select d.oid from pg_database d where d.datname = current_database()));
    end;
comment on function agenda._log_prepared() is 'engine: how many prepared transactions hold events';

-- Rows of one metric stand together, as its text form wants them.  The rows of a histogram have the names
-- NAME_bucket, NAME_sum and NAME_count.
create or replace function agenda.metrics() returns table (name text, labels jsonb, value double precision, kind text, help text)
    language sql volatile parallel restricted security definer
    set search_path = pg_catalog, agenda, pg_temp
    begin atomic
        select m.name, m.labels, m.value, m.kind, m.help
          from (select 1, w.name, w.labels, w.value, w.kind, w.help, w.n
                  from agenda._worker_metrics() with ordinality w(name, labels, value, kind, help, n)
                union all
                select 2, b.name, '{}'::jsonb, b.value, 'gauge', b.help, 0
                  from agenda._log_lag() l,
                       lateral (values ('agenda_log_backlog_events', l.events::double precision, 'Events that wait to be published.'),
                               ('agenda_log_backlog_bytes', l.bytes::double precision, 'Their disk space, about.'),
                               ('agenda_log_oldest_unpublished_seconds',
                                coalesce(extract(epoch from clock_timestamp() - l.oldest), 0)::double precision,
                                'Age of the oldest event that waits; 0 when none does.')) b(name, value, help)
                union all
                select 3, p.name, jsonb_build_object('table', l.parent), p.value, 'gauge', p.help, p.n
                  from (select k.parent, count(*)::double precision as leaves,
                               sum(pg_total_relation_size(to_regclass(format('agenda.%I', k.leaf))))::double precision as bytes
                          from agenda.log_leaves k group by k.parent) l,
                       lateral (values ('agenda_log_partitions', l.leaves, 'Partitions of the log.', 1),
                               ('agenda_log_bytes', l.bytes, 'Their disk space, with indexes.', 2)) p(name, value, help, n)
                union all
                select 4, 'agenda_log_overdue_partitions', jsonb_build_object('reason', r.reason), r.n::double precision, 'gauge',
                       'Partitions that should have been dropped more than a day ago, by what keeps them.', 0
                  from agenda._log_overdue() o,
                       lateral (values ('unread', o.unread), ('in use', o.n - o.unread)) r(reason, n)
                union all
                select 5, 'agenda_log_prepared_transactions', '{}'::jsonb, agenda._log_prepared()::double precision, 'gauge',
                       'Prepared transactions that hold events.', 0
                union all
                select 6, 'agenda_dead_letters', jsonb_build_object('topic', d.topic, 'reason', d.reason), count(*)::double precision, 'gauge',
                       'Records set aside, by topic and reason.', 0
                  from agenda.dead_letters d group by d.topic, d.reason) m(part, name, labels, value, kind, help, n)
         order by m.part, min(m.n) over (partition by m.part, regexp_replace(m.name, '_(bucket|sum|count)$', '')), m.n, m.name, m.labels::text;
    end;
comment on function agenda.metrics() is 'operator: counters, gauges and histograms of log and workers in Prometheus'' conventions, since the server started';
