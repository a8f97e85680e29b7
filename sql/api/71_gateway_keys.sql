-- ---- requests that may come twice ------------------------------------------------------------------
-- The gateway calls a route with an Idempotency-Key as
--   select r.*, gw_remember(…) from gw_route(gw_claim(user, key, hash), …) r
-- so that the key's row and the effect are one transaction: a repetition finds both or neither.  A refused
-- request leaves no row, and may be sent again.

-- Two repetitions at the same time: the second one is told to wait, and not made to.
create or replace function agenda.gw_claim(p_user uuid, p_key text, p_hash text) returns uuid
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_hash text;
begin
    if not pg_try_advisory_xact_lock(hashtextextended(p_user::text || p_key, 20)) then
        raise exception using errcode = 'YA020', message = 'a request with this Idempotency-Key is being done',
            hint = 'Send it again in a moment.';
    end if;
    select k.request_hash into v_hash from agenda.idempotency_keys k where k.user_id = p_user and k.key = p_key;
    if v_hash = p_hash then
        raise exception using errcode = 'YA022', message = 'the request has been done';
    elsif found then
        raise exception using errcode = 'YA021', message = 'the Idempotency-Key was used for another request before',
            hint = 'Use another key.';
    end if;
    return p_user;
end
$$;
comment on function agenda.gw_claim(uuid, text, text) is 'gateway: the user, unless the request of this Idempotency-Key has been done (YA022) or is being done (YA020), or was another one (YA021)';

create or replace function agenda.gw_remember(p_user uuid, p_key text, p_hash text,
                                              p_status integer, p_etag text, p_location text, p_body text) returns boolean
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    insert into agenda.idempotency_keys (user_id, key, request_hash, status, headers, response)
    values (p_user, p_key, p_hash, p_status, jsonb_build_object('etag', p_etag, 'location', p_location), p_body);
    return true;
end
$$;
comment on function agenda.gw_remember(uuid, text, text, integer, text, text, text) is 'gateway: keeps the answer of a request with an Idempotency-Key';

create or replace function agenda.gw_replay(
        p_user uuid, p_key text,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    select k.status, k.headers->>'etag', k.headers->>'location', k.response
      into status, etag, location, body
      from agenda.idempotency_keys k where k.user_id = p_user and k.key = p_key;
    if not found then
        -- it expired in between: the client may send it as a new one
        raise exception using errcode = 'YA020', message = 'the answer of this Idempotency-Key is being forgotten';
    end if;
end
$$;
comment on function agenda.gw_replay(uuid, text) is 'gateway: the answer that a request with this Idempotency-Key got';

-- Called by housekeeping.
create or replace function agenda._forget_requests(p_now timestamptz) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    delete from agenda.idempotency_keys where created_at < p_now - interval '24 hours';
    delete from agenda.inbox where received_at < p_now - interval '7 days';
    delete from agenda.stream_tickets where expires_at < p_now;
end
$$;
comment on function agenda._forget_requests(timestamptz) is 'engine: expiry of Idempotency-Keys (a day), of the inbox (a week) and of unused tickets';
