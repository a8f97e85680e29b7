-- ---- publishing again --------------------------------------------------------------------------
-- A replay writes one narrow row per event, with a number of its own, so that a repetition is read, ordered,
-- retried and acknowledged like everything else in the log, and is there exactly if this transaction commits.
-- The event is not copied: log, audit trail and stream have it once.  Its record has the same id and the same
-- sequence as the first time, and the attribute "replayed".

create or replace function agenda._ensure_replay_leaf(p_now timestamptz) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp
    set timezone = 'UTC' as
$$
declare
    v_today constant timestamptz := date_trunc('day', p_now);
begin
    if not exists (select from agenda.log_leaves l where l.parent = 'replays' and l.lower = v_today) then
        lock table agenda.log_leaves in share row exclusive mode;
        if to_regclass(format('agenda.%I', agenda._leaf_name('replays', v_today))) is null then
            perform agenda._make_leaf('replays', v_today);
        end if;
    end if;
    perform agenda._open_leaf('replays', v_today);
end
$$;
comment on function agenda._ensure_replay_leaf(timestamptz) is 'engine: makes the partition that takes the replays of a day';

create or replace function agenda._count_replays(p_rows bigint) returns void
    language c volatile strict parallel unsafe as 'MODULE_PATHNAME', 'agenda_count_replays';
comment on function agenda._count_replays(bigint) is 'engine: from the commit on, shared memory knows of so many repetitions that wait';

create or replace function agenda._write_replay(p_from timestamptz, p_to timestamptz, p_types text[], p_topic text) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    -- the transaction's id comes before the first number, as with events
    v_xid  constant xid8 := pg_current_xact_id();
    v_now  constant timestamptz := clock_timestamp();
    v_rows bigint;
begin
    perform agenda._ensure_replay_leaf(v_now);
    insert into agenda.replays (seq, xid, requested_at, event_seq, event_at, topic)
    select nextval('agenda.events_seq'), v_xid, v_now, e.seq, e.occurred_at, p_topic
      from (select o.seq, o.occurred_at from agenda.events o
             where o.occurred_at >= p_from and o.occurred_at < p_to
               and (p_types is null or o.type = any (p_types))
               and (p_topic is not null or exists (select from agenda.topic_routes r where r.event_type = o.type))
             order by o.seq) e;
    get diagnostics v_rows = row_count;
    perform agenda._count_replays(v_rows);
    return v_rows;
end
$$;
comment on function agenda._write_replay(timestamptz, timestamptz, text[], text) is 'engine: asks for repetitions, returns how many';

create or replace function agenda.replay(from_time timestamptz, to_time timestamptz, types text[] default null, topic text default null) returns bigint
    language plpgsql volatile as
$$
declare
    v_rows bigint;
begin
    perform agenda._check_service();
    if from_time is null or to_time is null or from_time >= to_time then
        raise exception using errcode = 'YA006', message = 'from_time must be before to_time', column = 'from_time';
    end if;
    if topic !~ '^[A-Za-z0-9._-]{1,249}$' or topic in ('.', '..') then
        raise exception using errcode = 'YA006', message = 'topic is not the name of a Kafka topic', column = 'topic';
    end if;
    v_rows := agenda._write_replay(from_time, to_time, types, topic);
    perform agenda._emit('log.replayed', null, pg_current_xact_id()::text, pg_current_xact_id()::text, jsonb_build_object(
        'role', session_user, 'from', agenda.utc(from_time), 'to', agenda.utc(to_time), 'types', types, 'topic', topic, 'events', v_rows));
    return v_rows;
end
$$;
comment on function agenda.replay(timestamptz, timestamptz, text[], text)
    is 'operator: publishes the events of [from_time, to_time) again, with the same ids and the attribute "replayed"; of these types, to this topic (default: all, their own); returns how many';
