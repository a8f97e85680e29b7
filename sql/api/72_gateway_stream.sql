-- ---- changes and the live stream -------------------------------------------------------------------
-- A position is "tick.seq": everything that the tick has read, and of what came after it everything up to seq;
-- "tick.seq.until" says of which window that is, where it is not the next one.  Ticks tell membership (a
-- transaction that commits late is in a later one), seq the order of the changes of each thing.  They are those of
-- drainer 0, who reads the whole log, whoever publishes what of it.
-- The functions run with the owner's rights, to whom row-level security of the log does not apply: the user
-- stands in each query.

create or replace function agenda._position_tick(p_tick bigint) returns agenda.ticks
    language plpgsql stable as
$$
declare
    t agenda.ticks;
begin
    if p_tick = 0 then
        -- before everything that the log still holds
        return row(0, null, '3:3:', null, 0, 0)::agenda.ticks;
    end if;
    select * into t from agenda.ticks k where k.drainer = 0 and k.tick = p_tick;
    if not found then
        raise exception using errcode = 'YA023', message = 'the position is older than what the log still holds',
            detail = 'Changes may have been missed.', hint = 'Read everything again, and go on from the position that this gives.';
    end if;
    return t;
end
$$;
comment on function agenda._position_tick(bigint) is 'engine: the tick of a position, or YA023';

-- What tick a had not read and tick b had; of one user, or of all (null).
create or replace function agenda._changes_between(a agenda.ticks, b agenda.ticks, p_user uuid, p_after bigint, p_limit bigint)
    returns table (seq bigint, user_id uuid, type text, change text)
    language plpgsql stable as
$$
declare
    v_leaf  pg_catalog.name;
    v_query pg_catalog.text;
begin
    for v_leaf in
        select l.leaf from agenda.log_leaves l
         where l.parent = 'events' and (l.closed_xmax is null or l.closed_xmax > pg_snapshot_xmin(a.lo))
         order by l.lower
    loop
        v_query := concat_ws(' union all ', v_query, format(
            'select e.seq, e.user_id, e.type, e.id, e.subject, e.occurred_at, e.data from agenda.%I e
              where (e.xid >= pg_snapshot_xmax($1) or e.xid = any ($2)) and e.seq > $6 %s
                and (pg_visible_in_snapshot(e.xid, $3) or (pg_visible_in_snapshot(e.xid, $4) and e.seq <= $5))
                and not coalesce(e.seq <= $9 and pg_visible_in_snapshot(e.xid, $8), false)',
            v_leaf, case when p_user is null then '' else 'and e.user_id = $7' end));
    end loop;
    if v_query is null then
        return;
    end if;
    return query execute
        'select w.seq, w.user_id, w.type, jsonb_build_object(''id'', w.id, ''type'', w.type, ''subject'', w.subject,
                ''time'', agenda.utc(w.occurred_at), ''data'', w.data)::text
           from (select * from (' || v_query || ') u where u.user_id is not null order by u.seq limit $10) w'
        using a.lo, array(select pg_snapshot_xip(a.lo)), b.lo, b.hi, b.seq, p_after, p_user, a.hi, a.seq, p_limit;
end
$$;
comment on function agenda._changes_between(agenda.ticks, agenda.ticks, uuid, bigint, bigint) is 'engine: events in the order of seq that one tick had not read and another had';

create or replace function agenda.gw_changes(
        p_user uuid, p_request_id text, p_traceparent text, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_part  constant text[] := regexp_match(p_query->>'since', '^([0-9]{1,18})\.([0-9]{1,18})(?:\.([0-9]{1,18}))?$');
    v_limit constant integer := agenda._gw_page(p_query, 'limit', 100, 500);
    v_last  agenda.ticks;
    v_from  agenda.ticks;
    v_until agenda.ticks;
    v_items text[] := '{}';
    v_item  record;
    v_seq   bigint;
    v_bytes bigint := 0;
    v_more  boolean := false;
    v_next  text;
begin
    if p_query ? 'since' and v_part is null then
        perform agenda._wrong_member(p_query, 'since', 'a position that next, or the id of an event of the stream, gave');
    end if;
    select * into v_last from agenda.ticks t where t.drainer = 0 order by t.tick desc limit 1;
    v_next := coalesce(v_last.tick, 0) || '.0';
    if v_part is not null and v_last.tick is not null then
        v_from := agenda._position_tick(v_part[1]::bigint);
        v_until := v_last;
        if v_part[3] is not null then
            v_until := agenda._position_tick(v_part[3]::bigint);
        elsif v_part[2]::bigint > 0 then
            select * into v_until from agenda.ticks t where t.drainer = 0 and t.tick > v_from.tick order by t.tick limit 1;
        end if;
        if v_until.tick > v_from.tick then
            -- an event may have a megabyte
            for v_item in
                select c.seq, c.change from agenda._changes_between(v_from, v_until, p_user, v_part[2]::bigint, v_limit + 1) c order by c.seq
            loop
                v_more := cardinality(v_items) = v_limit or v_bytes > 8388608;
                exit when v_more;
                v_items := v_items || v_item.change;
                v_bytes := v_bytes + octet_length(v_item.change);
                v_seq := v_item.seq;
            end loop;
            if v_more then
                v_next := format('%s.%s.%s', v_from.tick, v_seq, v_until.tick);
            else
                v_next := v_until.tick || '.0';
                v_more := v_until.tick < v_last.tick;
            end if;
        end if;
    end if;
    status := 200;
    body := format('{"items":[%s],"next":"%s","has_more":%s}', array_to_string(v_items, ','), v_next, to_jsonb(v_more));
end
$$;
comment on function agenda.gw_changes(uuid, text, text, jsonb) is 'gateway: GET /changes, and streams that resume';

-- For the one reader of a gateway: everybody's events behind a tick, a few windows at a time, grouped by user.
-- The first row has no event: it says up to which tick, and whether the former one is gone.
create or replace function agenda.gw_feed(p_since bigint)
    returns table (tick bigint, lost boolean, for_user uuid, event_type text, event text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_from  agenda.ticks;
    v_until agenda.ticks;
begin
    select * into v_from from agenda.ticks t where t.drainer = 0 and t.tick = p_since;
    if v_from.tick is null then
        -- nobody has read before, or the position is gone: from now on
        return query select t.tick, p_since is not null, null::uuid, null::text, null::text
                       from agenda.ticks t where t.drainer = 0 order by t.tick desc limit 1;
        return;
    end if;
    select w.* into v_until
      from (select * from agenda.ticks t where t.drainer = 0 and t.tick > p_since order by t.tick limit 50) w order by w.tick desc limit 1;
    if v_until.tick is null then
        return;
    end if;
    return query select v_until.tick, false, null::uuid, null::text, null::text;
    return query select v_until.tick, false, c.user_id, c.type, c.change
                   from agenda._changes_between(v_from, v_until, null, 0, null) c
                  order by c.user_id, c.seq;
end
$$;
comment on function agenda.gw_feed(bigint) is 'gateway: what happened after a tick, for all streams of a gateway';

-- ---- tickets -------------------------------------------------------------------------------------

create or replace function agenda.gw_make_ticket(
        p_user uuid, p_request_id text, p_traceparent text,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    -- two random uuids: 244 bits from the server's strong generator
    v_ticket constant text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
begin
    delete from agenda.stream_tickets t where t.user_id = p_user and t.expires_at < clock_timestamp();
    if (select count(*) from agenda.stream_tickets t where t.user_id = p_user) >= 100 then
        raise exception using errcode = 'YA008', message = 'there are too many unused tickets', hint = 'They expire after 30 seconds.';
    end if;
    insert into agenda.stream_tickets (user_id, ticket_hash, expires_at)
    values (p_user, sha256(v_ticket::bytea), clock_timestamp() + interval '30 seconds');
    status := 201;
    body := jsonb_build_object('ticket', v_ticket, 'expires_in', 30);
end
$$;
comment on function agenda.gw_make_ticket(uuid, text, text) is 'gateway: POST /stream/ticket';

create or replace function agenda.gw_use_ticket(p_ticket text) returns uuid
    language plpgsql volatile strict security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_user uuid;
begin
    delete from agenda.stream_tickets t
     where t.ticket_hash = sha256(convert_to(p_ticket, 'UTF8')) and t.expires_at >= clock_timestamp()
    returning t.user_id into v_user;
    if not found then
        raise exception using errcode = 'YA009', message = 'the ticket is not known, used, or has expired';
    end if;
    return v_user;
end
$$;
comment on function agenda.gw_use_ticket(text) is 'gateway: whose stream a ticket opens; once';
