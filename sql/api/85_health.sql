-- Workers: what wakes them, and whether they are well.

create or replace function agenda._wake_scanner(fire_at timestamptz) returns void
language c strict volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_wake_scanner';
comment on function agenda._wake_scanner(timestamptz) is
'engine: when this transaction commits, the scanner learns that something is owed at fire_at';

create or replace function agenda._wake_drainer() returns void
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_wake_drainer';
comment on function agenda._wake_drainer() is
'engine: when this transaction commits, the drainer looks at the log';

create or replace function agenda._wake_redrive() returns void
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_wake_redrive';
comment on function agenda._wake_redrive() is
'engine: when this transaction commits, the drainer looks for dead letters that are to be sent again';

create or replace function agenda._wake_launcher() returns void
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_wake_launcher';
comment on function agenda._wake_launcher() is
'engine: when this transaction commits, the launcher looks whether this database has the extension';

create or replace function agenda._runtime(out preloaded boolean, out launcher_pid int,
    out has_slot boolean, out databases int, out max_databases int, out kafka_configured boolean)
language c volatile parallel restricted as 'MODULE_PATHNAME', 'agenda_runtime';
comment on function agenda._runtime() is
'engine: whether the library was preloaded, who launches workers, whether this database has a place for them';

create or replace function agenda._workers(out worker text, out pid int, out state text,
    out since timestamptz, out heartbeat timestamptz, out last_error text,
    out last_error_at timestamptz)
returns setof record
language c volatile parallel restricted rows 3 as 'MODULE_PATHNAME', 'agenda_workers';
comment on function agenda._workers() is 'engine: scanners and drainers of this database, and the deliverer where agenda.delivery is on, running or not';

create or replace function agenda._scanner_figures(out next_wake timestamptz,
    out last_scan timestamptz, out scans bigint, out sweeps bigint, out raised bigint)
language c volatile parallel restricted as 'MODULE_PATHNAME', 'agenda_scanner_figures';
comment on function agenda._scanner_figures() is
'engine: the scanners of this database since the server started; next_wake is null while the first is awake or nothing is pending';

create or replace function agenda._drainer_figures(out windows bigint, out events bigint,
    out published bigint, out dead bigint, out rewinds bigint, out last_tick timestamptz)
language c volatile parallel restricted as 'MODULE_PATHNAME', 'agenda_drainer_figures';
comment on function agenda._drainer_figures() is
'engine: the drainers of this database together, since the server started';

-- Partitions that ought to have been dropped: rounds come hourly, and the first one may have been in somebody's way.
create or replace function agenda._log_overdue(out n bigint, out unread bigint, out oldest date)
    language sql stable security definer
    set search_path = pg_catalog, agenda, pg_temp
    begin atomic
        select count(*),
               count(*) filter (where l.closed_xmax is null
                                   or l.closed_xmax > (select pg_snapshot_xmin(p.lo) from agenda._log_positions() p order by 1 limit 1)),
               (min(l.lower) at time zone 'UTC')::date
          from agenda.log_leaves l
         where l.parent = 'events' and l.upper <= agenda._log_kept_from(clock_timestamp()) - interval '1 day';
    end;
comment on function agenda._log_overdue() is 'engine: how many partitions of the log are older than agenda.log_retention by more than a day, how many of them a drainer or an open transaction keeps from being read, and the day of the oldest';

-- What is wrong, in words; no row when all is well.  A worker goes round at least once a minute,
-- an event ought to be out long before that.
create or replace function agenda._problems(events bigint, oldest timestamptz)
    returns setof text
language sql volatile parallel restricted
set search_path = pg_catalog, agenda, pg_temp
as $$
    with
    runtime as materialized (select * from agenda._runtime()),
    workers as materialized (select * from agenda._workers()),
    found(rank, problem) as (
        select 1, 'pg_agenda is not in shared_preload_libraries: no worker runs, the log waits'
        from runtime where not preloaded
        union all
        select 2, 'the launcher does not run'
        from runtime where preloaded and launcher_pid is null
        union all
        select 3, case when databases >= max_databases
            then 'no place for workers of this database: raise agenda.max_databases'
            else 'the launcher has not found this database yet' end
        from runtime where preloaded and launcher_pid is not null and not has_slot
        union all
        select 4, format('the %s does not run', worker)
        from runtime, workers where has_slot and pid is null
        union all
        select 5, format('the %s has not moved since %s', worker, heartbeat)
        from workers where pid is not null and heartbeat < clock_timestamp() - interval '3 minutes'
        union all
        select 6, format('the %s is %s: %s', worker, state, coalesce(last_error, 'no error reported'))
        from workers
        where pid is not null and state in ('waiting for the broker', 'retrying after an error', 'halted by a refused record')
        union all
        select 7, format('the %s does not publish (%s): %s', worker, state, last_error)
        from workers where state in ('no publisher', 'log belongs to another cluster')
        union all
        select 7, format('the deliverer does not send: %s', last_error)
        from workers where state = 'no sender'
        union all
        select 8, format('%s events wait to be published, the oldest since %s', events, oldest)
        where oldest < clock_timestamp() - interval '1 minute'
        union all
        select 9, format('the backlog of the log (%s) is larger than agenda.max_backlog (%s)%s',
            pg_size_pretty(bytes), current_setting('agenda.max_backlog'),
            case current_setting('agenda.backlog_policy') when 'reject' then ': changes are refused' else '' end)
        from agenda._backlog() where bytes >= nullif(pg_size_bytes(current_setting('agenda.max_backlog')), 0)
        union all
        select 10, format('%s partitions of the log, the oldest of %s, have not been dropped when it was time to: somebody reads the log, a transaction has '
            'been open since, or a drainer is behind', n, oldest)
        from agenda._log_overdue() where n > 0
    )
    select problem from found
    where not pg_is_in_recovery()
    order by rank, problem
$$;
comment on function agenda._problems(bigint, timestamptz) is
'engine: what is wrong with the workers of this database, in words, given the number and age of unpublished events';

create or replace function agenda.health() returns jsonb
language sql volatile parallel restricted security definer
set search_path = pg_catalog, agenda, pg_temp
as $$
    select jsonb_build_object(
        'ok', cardinality(p.problems) = 0,
        'problems', to_jsonb(p.problems),
        'version', (select extversion from pg_extension where extname = 'pg_agenda'),
        'library_version', agenda.version(),
        'preloaded', r.preloaded,
        'in_recovery', pg_is_in_recovery(),
        'launcher_pid', r.launcher_pid,
        'scanner', to_jsonb(s) - 'worker' || jsonb_build_object('running', s.pid is not null)
            || to_jsonb(sf),
        'extra_scanners', (select jsonb_agg(to_jsonb(w) - '{worker,n}'::text[] || jsonb_build_object('running', w.pid is not null) order by w.n)
            from agenda._workers() with ordinality w(worker, pid, state, since, heartbeat, last_error, last_error_at, n)
            where w.worker like 'extra scanner%'),
        'deliverer', (select to_jsonb(w) - 'worker' || jsonb_build_object('running', w.pid is not null)
            from agenda._workers() w where w.worker = 'deliverer'),
        'drainers', (select jsonb_agg(to_jsonb(w) - '{worker,n}'::text[] || jsonb_build_object('running', w.pid is not null) order by w.n)
            from agenda._workers() with ordinality w(worker, pid, state, since, heartbeat, last_error, last_error_at, n)
            where w.worker like 'drainer%' having count(*) > 1),
        'drainer', to_jsonb(d) - 'worker' || jsonb_build_object('running', d.pid is not null)
            || to_jsonb(df)
            || jsonb_build_object(
                'kafka_configured', r.kafka_configured,
                'unpublished', b.events,
                'unpublished_bytes', b.bytes,
                'oldest_unpublished_seconds',
                round(extract(epoch from clock_timestamp() - b.oldest), 3)))
    from agenda._log_lag() b,
        lateral (select array(select agenda._problems(b.events, b.oldest)) as problems) p,
        agenda._runtime() r,
        (select * from agenda._workers() where worker = 'scanner') s,
        (select * from agenda._workers() where worker = 'drainer') d,
        agenda._scanner_figures() sf,
        agenda._drainer_figures() df
$$;
comment on function agenda.health() is
'operator: whether workers run and the log gets out, with figures; "problems" says what is wrong';
