-- ---- how much of the log waits -----------------------------------------------------------------

create or replace function agenda._backlog(out events bigint, out bytes bigint)
    language c volatile parallel restricted as 'MODULE_PATHNAME', 'agenda_backlog';
comment on function agenda._backlog() is 'engine: events that wait and their disk space as shared memory has them; null where nobody counts';

-- What has been committed and lies behind a position, counted.  p_at_most ends the count of a leaf, since
-- who watches asks just when the backlog is long; the first ones in the order of transactions hold the oldest.
-- Bytes are the leaf's disk space, indexes and all, in proportion.  p_share is a condition on the event e.
-- A repetition that somebody has asked for waits since then; of a user's events it owes nothing (p_user).
create or replace function agenda._log_unread(p_lo pg_snapshot, p_hi pg_snapshot, p_seq bigint, p_share text default 'true',
                                              p_at_most bigint default null, p_user uuid default null,
                                              out events bigint, out bytes bigint, out oldest timestamptz)
    language plpgsql stable
    -- the index on xid also where nobody has analysed the leaf yet
    set enable_seqscan = off as
$$
declare
    -- the windows' condition, each half by the index on xid
    v_rest   constant pg_catalog.text := 'and e.seq > $3 and ($4 is null or e.seq > $5 or not pg_visible_in_snapshot(e.xid, $4)) and ($6 is null or e.user_id = $6) and ';
    v_unread constant pg_catalog.text := 'select count(*), min(u.occurred_at) from ('
                           || '(select e.occurred_at from %1$s e where e.xid >= $1 ' || v_rest || p_share || ' order by e.xid limit $7) union all '
                           || '(select e.occurred_at from %1$s e where e.xid = any ($2) ' || v_rest || p_share || ')) u';
    v_replay constant pg_catalog.text := '(select q.seq, q.xid, q.requested_at as occurred_at, null::uuid as user_id from agenda.%I q)';
    -- whose share it is stands in the event
    v_shared constant pg_catalog.text := '(select q.seq, q.xid, q.requested_at as occurred_at, o.user_id, o.key from agenda.%I q '
                           || 'join agenda.events o on o.seq = q.event_seq and o.occurred_at = q.event_at)';
    v_rows   constant pg_catalog.text := 'select coalesce((select e.seq from agenda.%1$I e order by e.seq desc limit 1)
                                             - (select e.seq from agenda.%1$I e order by e.seq limit 1), 0) + 1';
    v_floor  bigint;
    v_leaf   pg_catalog.name;
    v_parent pg_catalog.name;
    v_events bigint;
    v_oldest pg_catalog.timestamptz;
    v_total  bigint;
begin
    select o.floor_seq into v_floor from agenda.log_owners o order by o.adopted_at desc limit 1;
    events := 0;
    bytes := 0;
    for v_leaf, v_parent in
        select l.leaf, l.parent from agenda.log_leaves l
         where (l.parent = 'events' or (l.parent = 'replays' and p_user is null)) and (l.closed_xmax is null or l.closed_xmax > pg_snapshot_xmin(p_lo))
    loop
        execute format(v_unread, format(case when v_parent = 'events' then 'agenda.%I' when p_share = 'true' then v_replay else v_shared end, v_leaf))
           into v_events, v_oldest
          using pg_snapshot_xmax(p_lo), array(select pg_snapshot_xip(p_lo)), coalesce(v_floor, 0), p_hi, p_seq, p_user, p_at_most;
        continue when v_events = 0;
        execute format(v_rows, v_leaf) into v_total;
        events := events + v_events;
        bytes := bytes + (pg_total_relation_size(format('agenda.%I', v_leaf)) * (v_events::numeric / greatest(v_total, v_events)))::bigint;
        oldest := least(oldest, v_oldest);
    end loop;
end
$$;
comment on function agenda._log_unread(pg_snapshot, pg_snapshot, bigint, text, bigint, uuid) is 'engine: how many events are behind a position, their disk space, and since when';

-- Which events a drainer publishes, as a condition on the event e.
create or replace function agenda._log_share(p_drainer integer, p_drainers integer, p_shared_by text) returns text
    language sql immutable
    return case when p_drainers = 1 then 'true'
                else format('agenda._drainer_of(%s, %s) = %s',
                            case p_shared_by when 'user' then 'coalesce(e.user_id::text, e.key)' else 'e.key' end, p_drainers, p_drainer) end;
comment on function agenda._log_share(integer, integer, text) is 'engine: the condition for the events of one drainer of several';

-- What waits: of each drainer, behind its position, what it has to publish.
create or replace function agenda._log_backlog(p_at_most bigint default null, p_user uuid default null,
                                               out events bigint, out bytes bigint, out oldest timestamptz)
    language plpgsql stable as
$$
declare
    o agenda.log_owners;
begin
    select * into o from agenda.log_owners k order by k.adopted_at desc limit 1;
    o.drainers := coalesce(o.drainers, 1);
    select sum(u.events), sum(u.bytes), min(u.oldest) into events, bytes, oldest
      from generate_series(0, o.drainers - 1) d
      left join agenda._log_positions() p on p.drainer = d
     cross join lateral agenda._log_unread(coalesce(p.lo, '3:3:'), p.hi, p.seq, agenda._log_share(d, o.drainers, o.shared_by), p_at_most, p_user) u;
end
$$;
comment on function agenda._log_backlog(bigint, uuid) is 'engine: how many events wait to be published, their disk space, and since when';

-- The same for who asks often: counted as long as that is little work, else from shared memory.
create or replace function agenda._log_lag(out events bigint, out bytes bigint, out oldest timestamptz)
    language plpgsql volatile as
$$
declare
    v_few constant bigint := 10000;
    c pg_catalog.record;
begin
    select * into events, bytes, oldest from agenda._log_backlog(v_few);
    if events >= v_few then
        c := agenda._backlog();
        events := greatest(events, c.events);
        bytes := greatest(bytes, c.bytes);
    end if;
end
$$;
comment on function agenda._log_lag() is 'engine: how many events wait to be published, their disk space, and since when';

create or replace function agenda.log_position(out "position" text, out head bigint, out lag bigint, out lag_bytes bigint,
                                               out oldest_unpublished timestamptz, out oldest_age interval)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    select format('%s.%s', t.tick, t.seq) into "position" from agenda._log_positions() t where t.drainer = 0;
    select case when s.is_called then s.last_value else 0 end into head from agenda.events_seq s;
    select l.events, l.bytes, l.oldest into lag, lag_bytes, oldest_unpublished from agenda._log_lag() l;
    oldest_age := clock_timestamp() - oldest_unpublished;
end
$$;
comment on function agenda.log_position()
    is 'operator: how far the log has been published (opaque), its newest number, how many events wait, their bytes, and since when';
