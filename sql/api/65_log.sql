-- ---- partitions of the log ---------------------------------------------------------------------
-- A leaf is a day in UTC.  CREATE and ATTACH, because PARTITION OF would lock the parent against
-- writers.  The leaves belong to agenda_owner and not to the extension.

create or replace function agenda._leaf_name(p_parent name, p_lower timestamptz) returns name
    language sql stable
    return format('%s_p%s', p_parent, to_char(p_lower at time zone 'UTC', 'YYYYMMDD'));
comment on function agenda._leaf_name(name, timestamptz) is 'internal: name of the partition that begins at an instant';

create or replace function agenda._make_leaf(p_parent name, p_lower timestamptz) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp
    set timezone = 'UTC' as
$$
declare
    v_leaf  constant name := agenda._leaf_name(p_parent, p_lower);
    v_upper constant timestamptz := p_lower + interval '1 day';
begin
    execute format('create table agenda.%I (like agenda.%I including defaults including constraints)', v_leaf, p_parent);
    -- never updated: what is vacuumed can be frozen at once.  A growing leaf is looked at when a good part is
    -- new, not at every fifth row of a small one; ANALYZE is for who asks the log, the drainer does not need it
    execute format('alter table agenda.%I set (fillfactor = 100, autovacuum_freeze_min_age = 0,
                    autovacuum_vacuum_insert_threshold = 100000, autovacuum_vacuum_insert_scale_factor = 0.5,
                    autovacuum_analyze_threshold = 10000, autovacuum_analyze_scale_factor = 0.5)', v_leaf);
    if p_parent = 'events' then
        execute format('create unique index %I on agenda.%I (seq)', v_leaf || '_seq', v_leaf);
        -- where all tables are published, a user could not be forgotten without it
        execute format('alter table agenda.%I replica identity using index %I', v_leaf, v_leaf || '_seq');
        execute format('create index on agenda.%I (xid)', v_leaf);
        -- the audit trail: what a user did, what became of a thing; entries are unique, to look for equal ones is in vain.
        -- Events of nobody (emit() by an application) are asked for by their things
        execute format('create index on agenda.%I (user_id, seq) with (deduplicate_items = off) where user_id is not null', v_leaf);
        execute format('create index on agenda.%I (subject, seq) with (deduplicate_items = off)', v_leaf);
    elsif p_parent = 'ticks' then
        execute format('create unique index on agenda.%I (drainer, tick)', v_leaf);
    else
        execute format('create index on agenda.%I (xid)', v_leaf);
        execute format('create unique index on agenda.%I (seq)', v_leaf);
    end if;
    -- read through the parent by users, directly by the drainer alone
    execute format('alter table agenda.%I enable row level security', v_leaf);
    execute format('grant select on agenda.%I to agenda_service', v_leaf);
    execute format('alter table agenda.%I attach partition agenda.%I for values from (%L) to (%L)',
                   p_parent, v_leaf, p_lower, v_upper);
    insert into agenda.log_leaves (leaf, parent, lower, upper) values (v_leaf, p_parent, p_lower, v_upper);
end
$$;
comment on function agenda._make_leaf(name, timestamptz) is 'engine: makes one partition of the log';

-- Leaves for the day of p_now and the day after it.  Returns the instant up to which the events have leaves.
-- Called ahead of time by _keep_log(), and by a writer that finds no leaf or an old one.  A leaf that was closed when a
-- clock was ahead of this one receives rows again: the drainer would not look there.
-- The table of replays gets its leaves when somebody asks for a replay.
create or replace function agenda._ensure_partitions(p_now timestamptz) returns timestamptz
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp
    set timezone = 'UTC' as
$$
declare
    v_today constant timestamptz := date_trunc('day', p_now);
    v_parent name;
    v_lower  timestamptz;
begin
    for v_parent, v_lower in
        select p, v_today + d * interval '1 day'
          from unnest('{events,ticks}'::name[]) p, generate_series(0, 1) d
         where not exists (select from agenda.log_leaves l where l.parent = p and l.lower = v_today + d * interval '1 day')
         order by 1, 2
    loop
        lock table agenda.log_leaves in share row exclusive mode;
        -- somebody else may have been first; the catalog knows, even where the snapshot is older
        if to_regclass(format('agenda.%I', agenda._leaf_name(v_parent, v_lower))) is null then
            perform agenda._make_leaf(v_parent, v_lower);
        end if;
    end loop;
    perform agenda._open_leaf('events', v_today);
    return v_today + interval '2 days';
end
$$;
comment on function agenda._ensure_partitions(timestamptz) is 'engine: makes the partitions of today and tomorrow';

create or replace function agenda._open_leaf(p_parent name, p_lower timestamptz) returns void
    language sql volatile
    begin atomic
        update agenda.log_leaves l set closed_xmax = null
         where l.parent = p_parent and l.lower = p_lower and l.closed_xmax is not null;
    end;
comment on function agenda._open_leaf(name, timestamptz) is 'engine: a partition receives rows again';

create or replace function agenda._next_xid() returns xid8
    language c volatile parallel restricted as 'MODULE_PATHNAME', 'agenda_next_xid';
comment on function agenda._next_xid() is 'engine: the transaction id that is drawn next. The xmax of a snapshot may be lower: that of a transaction which is still running';

-- Closes leaves whose time has passed: no transaction that draws its id from now on can write there, since
-- an event takes the time after the id.  The grace is for clocks that step.
create or replace function agenda._close_partitions(p_now timestamptz) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    update agenda.log_leaves l set closed_xmax = agenda._next_xid()
     where l.closed_xmax is null and l.upper + interval '5 minutes' < least(p_now, clock_timestamp());
end
$$;
comment on function agenda._close_partitions(timestamptz) is 'engine: notes which partitions receive nothing new';

create or replace function agenda._log_kept_from(p_now timestamptz) returns timestamptz
    language sql stable
    begin atomic
        select case s.retention when '-1' then '-infinity' else p_now - s.retention::interval end
          from (select coalesce(nullif(current_setting('agenda.log_retention', true), ''), '90d') as retention) s;
    end;
comment on function agenda._log_kept_from(timestamptz) is 'engine: what the log has before that may go';

-- Drops leaves that are older than the retention: events that have all been read, by every drainer, and ticks of
-- which none is the newest one of a drainer.  Dropping locks the parent for a moment; who reads the log meanwhile (pg_dump) delays the
-- drop to the next round, and writers wait no longer than the lock time-out.
create or replace function agenda._drop_partitions(p_now timestamptz) returns integer
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp
    set lock_timeout = '50ms' as
$$
declare
    v_xmin    xid8;
    v_needed  boolean;
    v_leaf    agenda.log_leaves;
    v_dropped integer := 0;
begin
    v_xmin := (select pg_snapshot_xmin(p.lo) from agenda._log_positions() p order by 1 limit 1);
    for v_leaf in
        select * from agenda.log_leaves l
         where l.upper <= case l.parent when 'replays' then p_now else agenda._log_kept_from(p_now) end
           and l.closed_xmax <= v_xmin
         order by l.lower
    loop
        if v_leaf.parent = 'ticks' then
            execute format('select exists (select from agenda._log_positions() join agenda.%I using (drainer, tick))', v_leaf.leaf) into v_needed;
            continue when v_needed;
        end if;
        begin
            execute format('drop table agenda.%I', v_leaf.leaf);
            delete from agenda.log_leaves l where l.leaf = v_leaf.leaf;
            v_dropped := v_dropped + 1;
        exception when lock_not_available then
            return v_dropped;
        end;
    end loop;
    return v_dropped;
end
$$;
comment on function agenda._drop_partitions(timestamptz) is 'engine: drops partitions of the log that are older than agenda.log_retention and have been read';

-- What the scanner does once an hour, and pg_cron when it is asked to.  One at a time is enough.
create or replace function agenda._keep_log(p_now timestamptz) returns void
    language plpgsql volatile as
$$
begin
    if not agenda._engine_lock('housekeeping', false) then
        return;
    end if;
    perform agenda._ensure_partitions(p_now);
    perform agenda._close_partitions(p_now);
    perform agenda._forget_requests(p_now);
    perform agenda.archive_notifications();
    -- last, because it locks the log until the end of the transaction
    perform agenda._drop_partitions(p_now);
end
$$;
comment on function agenda._keep_log(timestamptz) is 'engine: partitions of the log, made ahead, closed, dropped; what is kept for a time only';

-- ---- position ----------------------------------------------------------------------------------

create or replace function agenda._this_cluster(out system_identifier bigint, out database_oid oid, out publisher_id text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    select s.system_identifier into system_identifier from pg_control_system() s;
    select d.oid into database_oid from pg_database d where d.datname = current_database();
    publisher_id := coalesce(current_setting('agenda.publisher_id', true), '');
end
$$;
comment on function agenda._this_cluster() is 'engine: what tells a cluster from its copies';

create or replace function agenda._drainer_of(key text, drainers integer) returns integer
    language c immutable strict parallel safe as 'MODULE_PATHNAME', 'agenda_drainer_of';
comment on function agenda._drainer_of(text, integer) is 'engine: which of so many drainers publishes the records of a key';

-- The newest tick of each drainer that there is; what is left of a greater number counts no more.
create or replace function agenda._log_positions() returns setof agenda.ticks
    language sql stable
    begin atomic
        select t.*
          from generate_series(0, coalesce((select o.drainers from agenda.log_owners o order by o.adopted_at desc limit 1), 1) - 1) d
         cross join lateral (select * from agenda.ticks k where k.drainer = d::smallint order by k.tick desc limit 1) t;
    end;
comment on function agenda._log_positions() is 'engine: how far each drainer has read the log';

-- What all drainers have read, and no more than each of them.  A snapshot shows all that an earlier one does, so the
-- earliest beginning counts, the earliest end, and of what is between them the lowest number.
create or replace function agenda._log_lowest(out lo pg_snapshot, out hi pg_snapshot, out seq bigint)
    language sql stable
    begin atomic
        with p as materialized (select * from agenda._log_positions()),
        earliest as (
            select distinct on (s.edge) s.edge, s.snapshot
              from (select 'lo' as edge, p.lo as snapshot from p union all select 'hi', coalesce(p.hi, p.lo) from p) s
             order by s.edge, pg_snapshot_xmax(s.snapshot), pg_snapshot_xmin(s.snapshot), (select count(*) from pg_snapshot_xip(s.snapshot)) desc)
        select l.snapshot, w.hi, case when w.hi is null then 0 else (select min(p.seq) from p where p.hi is not null) end
          from earliest l
          join earliest h on h.edge = 'hi'
         cross join lateral (select case when h.snapshot::text <> l.snapshot::text then h.snapshot end as hi) w
         where l.edge = 'lo';
    end;
comment on function agenda._log_lowest() is 'engine: what all drainers have read';

-- Where a drainer begins.  When the log was shared by others than there are now, all of them begin where the last of
-- those was: each key may have got another drainer.  The first one that comes says so for all.
-- foreign_reason says why the position is not ours.
create or replace function agenda._log_position(p_drainer integer, p_drainers integer, p_shared_by text,
                                                out tick bigint, out lo pg_snapshot, out hi pg_snapshot, out seq bigint, out foreign_reason text)
    language plpgsql volatile as
$$
declare
    o agenda.log_owners;
    c pg_catalog.record;
begin
    perform agenda._check_service();
    perform agenda._engine_lock('log position', true);
    select * into o from agenda.log_owners order by adopted_at desc limit 1;
    c := agenda._this_cluster();
    if o.system_identifier <> c.system_identifier then
        foreign_reason := 'the database is a copy: its log position was written by another cluster';
    elsif o.database_oid <> c.database_oid then
        foreign_reason := 'the database is a copy: its log position was written by another database';
    elsif o.publisher_id <> c.publisher_id then
        foreign_reason := format('the log position was written under agenda.publisher_id "%s"', o.publisher_id);
    elsif (o.drainers, o.shared_by) is distinct from (p_drainers, p_shared_by) then
        select l.lo, l.hi, l.seq into lo, hi, seq from agenda._log_lowest() l;
        perform agenda._own_log(coalesce(o.floor_seq, 0), p_drainers, p_shared_by, lo, hi, seq);
    end if;
    select t.tick, t.lo, t.hi, t.seq into tick, lo, hi, seq from agenda._log_positions() t where t.drainer = p_drainer;
    if not found then
        -- before every transaction: the whole log is still to be read
        lo := '3:3:';
        seq := 0;
        tick := agenda._log_save(lo, hi, seq, p_drainer);
    end if;
end
$$;
comment on function agenda._log_position(integer, integer, text) is 'engine: how far one of so many drainers has read the log';

-- The same position for every drainer.
create or replace function agenda._own_log(p_floor_seq bigint, p_drainers integer, p_shared_by text,
                                           p_lo pg_snapshot, p_hi pg_snapshot, p_seq bigint) returns void
    language plpgsql volatile as
$$
begin
    insert into agenda.log_owners (adopted_at, system_identifier, database_oid, publisher_id, floor_seq, drainers, shared_by)
    -- the newest row counts, also where the clock has been set back
    select greatest(clock_timestamp(), (select max(o.adopted_at) + interval '1 microsecond' from agenda.log_owners o)), c.system_identifier, c.database_oid, c.publisher_id, p_floor_seq, p_drainers, p_shared_by
      from agenda._this_cluster() c;
    perform agenda._log_save(coalesce(p_lo, '3:3:'), p_hi, coalesce(p_seq, 0), d)
       from generate_series(0, p_drainers - 1) d;
end
$$;
comment on function agenda._own_log(bigint, integer, text, pg_snapshot, pg_snapshot, bigint) is 'engine: from now on this cluster publishes the log, by so many drainers, from there on';

-- A transaction that is still open has drawn its numbers: it is waited for, so that the log shows all that is left out.
create or replace function agenda._last_number() returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    lock table agenda.events in share row exclusive mode;
    return (select case when s.is_called then s.last_value else 0 end from agenda.events_seq s);
end
$$;
comment on function agenda._last_number() is 'engine: number of the newest event, when everybody who has written one has ended; nobody writes one until the end of this transaction';

create or replace function agenda.adopt_log(go_on boolean default false) returns bigint
    language plpgsql volatile as
$$
declare
    o agenda.log_owners;
    p pg_catalog.record;
begin
    perform agenda._check_service();
    select * into o from agenda.log_owners order by adopted_at desc limit 1;
    o.drainers := coalesce(o.drainers, 1);
    if go_on then
        select * into p from agenda._log_lowest();
        o.floor_seq := coalesce(o.floor_seq, 0);
        perform agenda._own_log(o.floor_seq, o.drainers, o.shared_by, p.lo, p.hi, p.seq);
    else
        -- the numbers of the copy go on where the original's ended, its transaction ids mean nothing here
        perform agenda._ensure_partitions(clock_timestamp());
        o.floor_seq := agenda._last_number();
        -- nothing that is left to publish is in the leaves that the original closed
        update agenda.log_leaves l set closed_xmax = agenda._next_xid() where l.closed_xmax is not null;
        perform agenda._own_log(o.floor_seq, o.drainers, o.shared_by, null, null, null);
    end if;
    perform agenda._wake_drainer();
    return o.floor_seq;
end
$$;
comment on function agenda.adopt_log(boolean)
    is 'operator: after a restore or clone: this database publishes from now on; what the log holds already is left to the original. go_on, after pg_upgrade: it goes on where the stored position is. Returns the last number that is left out';

create or replace function agenda._log_save(p_lo pg_snapshot, p_hi pg_snapshot, p_seq bigint, p_drainer integer default 0) returns bigint
    language plpgsql volatile as
$$
declare
    v_tick bigint;
    v_now  constant pg_catalog.timestamptz := clock_timestamp();
begin
    perform agenda._ensure_partitions(v_now)
      where not exists (select from agenda.log_leaves l where l.parent = 'ticks' and v_now >= l.lower and v_now < l.upper);
    insert into agenda.ticks (tick, saved_at, lo, hi, seq, drainer)
    values (nextval('agenda.ticks_tick'), v_now, p_lo, p_hi, p_seq, p_drainer)
    returning tick into v_tick;
    -- the doorbell of streams: one for what the drainer has read since the last one, none for each writer
    if p_drainer = 0 then
        perform pg_notify('agenda_log', v_tick::text);
    end if;
    return v_tick;
end
$$;
comment on function agenda._log_save(pg_snapshot, pg_snapshot, bigint, integer) is 'engine: writes a tick, returns its number';

-- ---- reading -----------------------------------------------------------------------------------
-- A window of the drainer (bgworker/log_reader.c) is what is visible now and was not visible in lo, in
-- the order of seq.  Two kinds of rows were not visible in lo: those of transactions that began after it
-- (xid >= xmax) and those of transactions that were running then (xid = any(xip)).
--
-- Only leaves are read that can still hold something: a closed leaf is done once every transaction that
-- can have written there is over in lo.  Which leaves those are is asked with the snapshot of the window,
-- for a leaf and its first row may come from one transaction.

create or replace function agenda._unread_leaves(p_lo pg_snapshot) returns setof name
    language sql stable
    begin atomic
        select l.leaf from agenda.log_leaves l
         where l.parent in ('events', 'replays') and (l.closed_xmax is null or l.closed_xmax > pg_snapshot_xmin(p_lo))
         order by l.lower, l.leaf;
    end;
comment on function agenda._unread_leaves(pg_snapshot) is 'engine: partitions that can hold events which are not visible in a snapshot';

-- Everything up to this number was somebody else's to publish.
create or replace function agenda._log_floor() returns setof bigint
    language sql stable
    begin atomic
        select coalesce((select o.floor_seq from agenda.log_owners o order by o.adopted_at desc limit 1), 0);
    end;
comment on function agenda._log_floor() is 'engine: events up to this number are not published here';

-- All that the drainer wants to know of them: "until" is the oldest running transaction of a position behind
-- which fewer of them can hold something.
create or replace function agenda._log_partitions(p_lo pg_snapshot, out leaves name[], out events oid[], out replays name[],
                                              out until xid8, out floor_seq bigint)
    language sql stable
    begin atomic
        select array_agg(l.leaf order by l.lower, l.leaf),
               array_agg(format('agenda.%I', l.leaf)::regclass::oid order by l.lower) filter (where l.parent = 'events'),
               array_agg(l.leaf order by l.lower) filter (where l.parent = 'replays'),
               min(l.closed_xmax), (select agenda._log_floor())
          from agenda._unread_leaves(p_lo) u join agenda.log_leaves l on l.leaf = u;
    end;
comment on function agenda._log_partitions(pg_snapshot) is 'engine: partitions that can hold events which are not visible in a snapshot, and what else is known of the log';

-- The statement that reads leaves, which the drainer prepares once for as long as the leaves are these.
--   new    $1 lo: what was not visible in lo, in no order, by the index on xid; the drainer does the same in
--          C for the leaves of events, and asks by it for those of replays
--   rest   $1 a number: everything behind it in order, by the index on seq; the drainer tells by xid
--          what of it belongs to the window
--   first  $1 lo: the lowest number of what was not visible in lo
-- What somebody has asked to be repeated stands among the events, with a number of its own.  A repetition
-- whose event is gone is a row, too, with nothing in it.
create or replace function agenda._log_statement(p_leaves name[], p_kind text) returns text
    language plpgsql stable as
$$
declare
    v_event  constant pg_catalog.text := 'select e.seq, e.xid, e.id, e.type, e.user_id, e.subject, e.key, e.occurred_at, e.trace, e.headers, e.data, '
                           || 'null::bigint as replay_of, null::text as only_topic from agenda.%1$I e where e.';
    v_replay constant pg_catalog.text := 'select q.seq, q.xid, e.id, e.type, e.user_id, e.subject, e.key, e.occurred_at, e.trace, e.headers, e.data, '
                           || 'q.event_seq, q.topic from agenda.%1$I q left join lateral '
                           || '(select * from agenda.events e where e.seq = q.event_seq and e.occurred_at = q.event_at offset 0) e on true where q.';
    v_began  constant pg_catalog.text := 'xid >= pg_snapshot_xmax($1)';
    v_ran    constant pg_catalog.text := 'xid = any (array(select pg_snapshot_xip($1)))';
    v_parts  pg_catalog.text;
begin
    select string_agg(format(case p_kind
               when 'first' then 'select e.seq from agenda.%1$I e where e.' || v_began
                                 || ' union all select e.seq from agenda.%1$I e where e.' || v_ran
               -- ordered parts are merged; else all of them would be sorted for the sake of a few
               when 'rest' then '(' || t.rows || 'seq > $1 order by seq)'
               else t.rows || v_began || ' union all ' || t.rows || v_ran
           end, l.leaf), ' union all ' order by l.n)
      into v_parts
      from unnest(p_leaves) with ordinality l(leaf, n)
      join agenda.log_leaves k on k.leaf = l.leaf
      cross join lateral (values (case k.parent when 'events' then v_event else v_replay end)) t(rows);
    return case p_kind when 'first' then format('select min(w.seq + 0) from (%s) w', v_parts)
                       when 'rest' then v_parts || ' order by seq'
                       else v_parts end;
end
$$;
comment on function agenda._log_statement(name[], text) is 'engine: the statement by which the drainer reads partitions of the log';

-- In the order of bytes, in which the drainer looks them up.  With the type '' come the topics that have a
-- row of their own, since a replay may go to one that nothing is routed to.
create or replace function agenda._log_routes() returns table (event_type text, topic text, mode text)
    language sql stable
    begin atomic
        select r.event_type, r.topic, coalesce(t.mode, 'structured')
          from (select r.event_type, r.topic from agenda.topic_routes r
                union all
                select '', t.topic from agenda.topics t) r
          left join agenda.topics t on t.topic = r.topic
         order by r.event_type collate "C", r.topic;
    end;
comment on function agenda._log_routes() is 'engine: which topics an event type goes to, and in which form';

-- ---- dead letters ------------------------------------------------------------------------------
-- Records that the broker refuses for good, when each was sent alone: position n of the arrays is the nth.
-- What becomes of it is its topic's policy (agenda.topics), which is returned; of "halt" nothing is written,
-- since the drainer stays in front of that record.  A record that waits for an earlier one of its key
-- (p_waits) is set aside likewise, unless there is none any more, or its topic's policy is another one: "free".  Called again for the same record after a crash, or when a letter that
-- was sent again is refused again: then the request that it was sent for (p_asked; the epoch for an event of the log) is
-- answered, but not one that was made meanwhile.
create or replace function agenda._log_dead(p_seqs bigint[], p_times timestamptz[], p_topics text[], p_keys text[],
                                            p_reasons text[], p_attempts integer[], p_waits boolean[], p_asked timestamptz[], p_replayed boolean[])
    returns table (policy text)
    language plpgsql volatile as
$$
begin
    return query
    with given as materialized (
        select r.*, coalesce(t.on_refused, 'skip') as policy
          from unnest(p_seqs, p_times, p_topics, p_keys, p_reasons, p_attempts, p_waits, p_asked, p_replayed)
               with ordinality r(seq, occurred_at, topic, key, reason, attempts, waits, asked, replayed, n)
          left join agenda.topics t on t.topic = r.topic),
    refused as materialized (
        select g.*, case when not g.waits then g.policy
                         when g.policy = 'block_key' and (exists (select from agenda.dead_letters d where d.topic = g.topic and d.key = g.key)
                                                          or exists (select from given o where o.topic = g.topic and o.key = g.key and not o.waits)) then 'block_key'
                         else 'free' end as rule
          from given g),
    again as (
        update agenda.dead_letters d
           set attempts = d.attempts + r.attempts, reason = case when r.waits then d.reason else r.reason end,
               replayed = d.replayed and r.replayed, failed_at = clock_timestamp(), redrive_at = nullif(d.redrive_at, r.asked)
          from refused r where d.seq = r.seq and d.topic = r.topic and r.rule in ('skip', 'block_key')),
    first_time as (
        insert into agenda.dead_letters (seq, event_id, type, user_id, subject, key, occurred_at, trace, headers, data, topic, reason, attempts, replayed)
        select e.seq, e.id, e.type, e.user_id, e.subject, r.key, e.occurred_at, e.trace, e.headers, e.data, r.topic, r.reason, r.attempts, r.replayed
          from refused r join agenda.events e on e.seq = r.seq and e.occurred_at = r.occurred_at
         where r.rule in ('skip', 'block_key')
           and not exists (select from agenda.dead_letters d where d.seq = r.seq and d.topic = r.topic)
         order by r.n
        -- an event and its repetition can both be here
        on conflict (seq, topic) do nothing)
    select r.rule from refused r order by r.n;
end
$$;
comment on function agenda._log_dead(bigint[], timestamptz[], text[], text[], text[], integer[], boolean[], timestamptz[], boolean[]) is
    'engine: sets records aside that the broker refuses for good, if their topic permits';

-- Who asks for one letter of a blocked key asks for all, also for those that are being set aside just then and that his
-- snapshot does not show.  So a key waits while nobody has asked for any of its letters, and is sent with all of them.

-- Keys of a drainer of which nothing may be sent until somebody sends their letters again.
create or replace function agenda._log_blocked(p_drainer integer, p_drainers integer) returns table (topic text, key text)
    language sql stable
    begin atomic
        select d.topic, d.key
          from agenda.dead_letters d join agenda.topics t on t.topic = d.topic
         where t.on_refused = 'block_key' and agenda._drainer_of(d.key, p_drainers) = p_drainer
         group by d.topic, d.key having count(d.redrive_at) = 0;
    end;
comment on function agenda._log_blocked(integer, integer) is 'engine: keys that wait for a dead letter of theirs';

-- Letters that a drainer is to send again, in the order in which the events were written.
create or replace function agenda._log_letters(p_after bigint, p_rows integer, p_drainer integer, p_drainers integer)
    returns table (seq bigint, id uuid, type text, user_id uuid, subject text, key text, occurred_at timestamptz,
                   trace text, headers jsonb, data jsonb, topic text, mode text, asked timestamptz, replayed boolean)
    language sql stable
    begin atomic
        with asked as (
            (select d.* from agenda.dead_letters d
              where d.redrive_at is not null and d.seq > p_after and agenda._drainer_of(d.key, p_drainers) = p_drainer
              order by d.seq
              fetch first (p_rows) rows with ties)
            union all
            select d.*
              from (select distinct a.topic, a.key
                      from agenda.topics t join agenda.dead_letters a on a.topic = t.topic
                     where t.on_refused = 'block_key' and a.redrive_at is not null and agenda._drainer_of(a.key, p_drainers) = p_drainer) k
              join agenda.dead_letters d on d.topic = k.topic and d.key = k.key
             where d.redrive_at is null and d.seq > p_after)
        select d.seq, d.event_id, d.type, d.user_id, d.subject, d.key, d.occurred_at, d.trace, d.headers, d.data,
               d.topic, coalesce(t.mode, 'structured'), d.redrive_at, d.replayed
          from asked d left join agenda.topics t on t.topic = d.topic
         order by d.seq
         fetch first (p_rows) rows with ties;
    end;
comment on function agenda._log_letters(bigint, integer, integer, integer) is 'engine: dead letters that are to be sent again';

create or replace function agenda._log_redriven(p_seqs bigint[], p_topics text[]) returns void
    language sql volatile
    begin atomic
        delete from agenda.dead_letters d using unnest(p_seqs, p_topics) r(seq, topic)
         where d.seq = r.seq and d.topic = r.topic;
    end;
comment on function agenda._log_redriven(bigint[], text[]) is 'engine: dead letters that have arrived at last';

create or replace function agenda.redrive_dead_letters(filter jsonb default '{}') returns bigint
    language plpgsql volatile as
$$
declare
    v_members constant pg_catalog.text[] := '{id,event_id,type,topic,key,user_id,from,until}';
    v_count   bigint;
begin
    perform agenda._check_service();
    if jsonb_typeof(filter) is distinct from 'object' or exists (select from jsonb_object_keys(filter) k where k <> all (v_members)) then
        raise exception using errcode = 'YA006', message = 'this filter of dead letters is not known', column = 'filter',
            hint = format('Use an object with any of the members %s.', array_to_string(v_members, ', '));
    end if;
    -- where a key is blocked its letters go together, or the later ones would overtake the earlier
    with wanted as (
        select d.id, d.topic, d.key, coalesce(t.on_refused = 'block_key', false) as in_order
          from agenda.dead_letters d left join agenda.topics t on t.topic = d.topic
         where (filter->>'id' is null or d.id = (filter->>'id')::bigint)
           and (filter->>'event_id' is null or d.event_id = (filter->>'event_id')::uuid)
           and (filter->>'type' is null or d.type = filter->>'type')
           and (filter->>'topic' is null or d.topic = filter->>'topic')
           and (filter->>'key' is null or d.key = filter->>'key')
           and (filter->>'user_id' is null or d.user_id = (filter->>'user_id')::uuid)
           and (filter->>'from' is null or d.created_at >= (filter->>'from')::timestamptz)
           and (filter->>'until' is null or d.created_at < (filter->>'until')::timestamptz))
    update agenda.dead_letters d set redrive_at = clock_timestamp()
     where d.id in (select w.id from wanted w)
        or (d.topic, d.key) in (select w.topic, w.key from wanted w where w.in_order);
    get diagnostics v_count = row_count;
    perform agenda._wake_redrive();
    return v_count;
end
$$;
comment on function agenda.redrive_dead_letters(jsonb) is
    'operator: sends dead letters again, with their ids and in their order; the filter may name id, event_id, type, topic, key, user_id, from and until. Returns how many';

-- ---- topics ------------------------------------------------------------------------------------

create or replace function agenda._log_topics() returns setof text
    language sql stable as
$$
    select distinct r.topic from agenda.topic_routes r
$$;
comment on function agenda._log_topics() is 'engine: the topics that records may go to, so that the publisher can ask for them in advance';

create or replace function agenda.use_topic_profile(name text) returns void
    language plpgsql volatile as
$$
declare
    v_per_type constant pg_catalog.jsonb := '{
        "task.created": "task-created",
        "task.updated": "task-updated", "task.reopened": "task-updated", "task.skipped": "task-updated",
        "task.cancelled": "task-updated", "task.restored": "task-updated",
        "task.completed": "task-completed",
        "task.deleted": "task-deleted",
        "task.due_soon": "task-due-soon",
        "task.due": "task-due",
        "task.overdue": "task-overdue", "task.missed": "task-overdue",
        "task.recurrence": "recurring-task-due",
        "recurring_task.created": "recurring-task-changed", "recurring_task.updated": "recurring-task-changed",
        "recurring_task.paused": "recurring-task-changed", "recurring_task.resumed": "recurring-task-changed",
        "recurring_task.ended": "recurring-task-changed", "recurring_task.deleted": "recurring-task-changed",
        "reminder.scheduled": "reminder-scheduled", "reminder.due": "reminder-due",
        "reminder.cancelled": "reminder-cancelled", "reminder.snoozed": "reminder-snoozed",
        "notification.created": "notification-changed", "notification.read": "notification-changed",
        "notification.cleared": "notification-changed", "notification.withdrawn": "notification-changed",
        "preferences.updated": "preferences-updated",
        "delivery.failed": "delivery-failed",
        "user.forgotten": "user-forgotten"}';
begin
    insert into agenda.topic_routes (event_type, topic)
    select t.key, case use_topic_profile.name
               when 'per-type' then t.value
               when 'per-entity' then case split_part(t.key, '.', 1)
                   when 'task' then 'agenda.tasks'
                   when 'recurring_task' then 'agenda.recurring-tasks'
                   when 'reminder' then 'agenda.reminders'
                   when 'notification' then 'agenda.notifications'
                   when 'preferences' then 'agenda.preferences'
                   when 'delivery' then 'agenda.deliveries'
                   when 'user' then 'agenda.users'
               end
               -- Debezium's outbox event router: the entity's name behind its prefix
               when 'debezium' then 'outbox.event.' || split_part(t.key, '.', 1)
               when 'todo' then case
                   when t.key in ('task.due_soon', 'task.due', 'task.overdue') or t.key like 'reminder.%' then 'todo.reminders'
                   else 'todo.audit'
               end
           end
      from jsonb_each_text(v_per_type) t
     where use_topic_profile.name in ('per-type', 'per-entity', 'todo', 'debezium')
    on conflict do nothing;
    insert into agenda.topics (topic, mode)
    select distinct r.topic, 'debezium' from agenda.topic_routes r
     where use_topic_profile.name = 'debezium' and r.topic like 'outbox.event.%'
    on conflict do nothing;
    if use_topic_profile.name is null or use_topic_profile.name not in ('per-type', 'per-entity', 'todo', 'debezium') then
        raise exception using errcode = 'YA006',
            message = format('topic profile "%s" is not known', left(use_topic_profile.name, 100)),
            hint = 'Use per-type, per-entity, todo or debezium.';
    end if;
end
$$;
comment on function agenda.use_topic_profile(text) is 'operator: adds the routes of a profile (per-type, per-entity, todo, debezium) to agenda.topic_routes; profiles can be combined';

