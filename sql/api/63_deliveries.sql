-- ---- deliveries: the queue of the deliverer ------------------------------------------------------
-- A delivery is claimed in one transaction, sent outside of any, and recorded in another: so it may be sent
-- twice, with the same id, and is never lost.  Whoever writes notifications only adds to the queue and waits
-- for no lock: a channel that somebody is deleting gets nothing any more.

create or replace function agenda._wake_deliverer() returns void
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_wake_deliverer';
comment on function agenda._wake_deliverer() is 'engine: when this transaction commits, the deliverer looks at its queue';

create or replace function agenda._queue_deliveries(p_users uuid[], p_notifications uuid[], p_types text[]) returns void
    language plpgsql volatile as
$$
declare
    v_none pg_catalog.text;
begin
    insert into agenda.deliveries (user_id, channel_id, what, notification_id)
    select c.user_id, c.id, 'notification', n.id
      from unnest(p_users, p_notifications, p_types) n (user_id, id, type)
      join agenda.channels c on c.user_id = n.user_id
     where c.enabled and c.confirmed_at is not null and (c.types is null or n.type = any (c.types))
     order by n.id, c.id
       for key share of c skip locked
    on conflict do nothing;
    if found then
        v_none := agenda._wake_deliverer();
    end if;
end
$$;
comment on function agenda._queue_deliveries(uuid[], uuid[], text[]) is 'engine: notifications that have reached the inbox, to the channels of their users';

-- What makes no sound in the inbox makes none elsewhere.
create or replace function agenda._notifications_deliver() returns trigger
    language plpgsql as
$$
begin
    if current_setting('agenda.delivery')::boolean and exists (select from agenda.channels) then
        perform agenda._queue_deliveries(array_agg(n.user_id), array_agg(n.id), array_agg(n.type))
           from new_rows n where n.held_until is null and not n.silent;
    end if;
    return null;
end
$$;
comment on function agenda._notifications_deliver() is 'engine: trigger that queues new notifications';

create or replace function agenda._notification_released() returns trigger
    language plpgsql as
$$
begin
    if current_setting('agenda.delivery')::boolean then
        perform agenda._queue_deliveries(array[new.user_id], array[new.id], array[new.type]);
    end if;
    return null;
end
$$;
comment on function agenda._notification_released() is 'engine: trigger that queues what was held until now';

-- ---- what the deliverer calls (bgworker/deliverer.c) ---------------------------------------------

-- Whatever a predecessor had claimed is sent again; returns how many.
create or replace function agenda._unclaim_deliveries(p_now timestamptz) returns bigint
    language plpgsql volatile as
$$
declare
    v_count bigint;
begin
    update agenda.deliveries d set claimed = false, next_attempt_at = p_now where d.claimed;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function agenda._unclaim_deliveries(timestamptz) is 'engine: the deliverer begins; what the one before was sending is sent again';

-- What is sent, in UTF-8.  The body of a webhook is a CloudEvent, the one of a mail text.
create or replace function agenda._delivery_message(d agenda.deliveries, c agenda.channels, out subject bytea, out body bytea)
    language plpgsql stable as
$$
declare
    n      agenda.notifications;
    v_text pg_catalog.text;
begin
    select * into n from agenda.notifications x where x.user_id = d.user_id and x.id = d.notification_id;
    if c.kind = 'webhook' then
        v_text := jsonb_build_object('specversion', '1.0', 'id', d.id, 'source', 'urn:pg_agenda', 'time', agenda.utc(d.created_at),
                                     'type', 'agenda.' || d.what, 'datacontenttype', 'application/json')
                  || case d.what when 'notification' then jsonb_build_object('subject', n.id, 'data', agenda.notification_json(n))
                                 else jsonb_build_object('data', jsonb_build_object('channel_id', c.id)) end;
    elsif d.what = 'notification' then
        subject := convert_to(n.title, 'UTF8');
        v_text := concat_ws(E'\n', n.title, n.body);
    elsif d.what = 'confirmation' then
        subject := 'Confirm this address';
        v_text := format(E'Somebody, presumably you, wants reminders to be sent to this address.\nThe code that confirms it is %s.\n\nIf it was not you, nothing needs to be done.',
                         (select s.code from agenda.channel_secrets s where s.user_id = c.user_id and s.channel_id = c.id));
    else
        subject := 'Test';
        v_text := 'Reminders arrive at this address.';
    end if;
    body := convert_to(v_text, 'UTF8');
end
$$;
comment on function agenda._delivery_message(agenda.deliveries, agenda.channels) is 'engine: subject and body of a delivery';

-- At most one delivery of each channel is on its way (p_busy: channels that have one), so that a slow address
-- delays nobody else.  The claim ends by itself, should nobody record what became of it.
create or replace function agenda._claim_deliveries(p_now timestamptz, p_busy uuid[], p_max integer, p_lease interval)
    returns table (user_id uuid, channel_id uuid, delivery_id uuid, kind text, address text, secret bytea, subject bytea, body bytea)
    language plpgsql volatile as
$$
declare
    d        agenda.deliveries;
    c        agenda.channels;
    v_wanted boolean;
begin
    for d in
        select q.* from agenda.deliveries q
         where (q.user_id, q.id) in
               (select f.user_id, f.id
                  from (select distinct on (w.channel_id) w.user_id, w.id, w.next_attempt_at
                          from (select * from agenda.deliveries x
                                 where x.status = 'queued' and x.next_attempt_at <= p_now and x.channel_id <> all (p_busy)
                                 order by x.next_attempt_at, x.id limit 1000) w
                         order by w.channel_id, w.next_attempt_at, w.id) f
                 order by f.next_attempt_at, f.id limit p_max)
           for no key update skip locked
    loop
        select * into c from agenda.channels x where x.user_id = d.user_id and x.id = d.channel_id;
        v_wanted := c.enabled and not exists (select from agenda.notifications n
                                               where n.user_id = d.user_id and n.id = d.notification_id
                                                 and (n.withdrawn_at is not null or n.cleared_at is not null));
        update agenda.deliveries x
           set status = case when v_wanted then 'queued' else 'cancelled' end,
               finished_at = case when not v_wanted then p_now end,
               claimed = v_wanted,
               attempts = x.attempts + v_wanted::integer,
               next_attempt_at = p_now + p_lease
         where x.user_id = d.user_id and x.id = d.id;
        user_id := d.user_id;
        channel_id := d.channel_id;
        delivery_id := d.id;
        kind := case when v_wanted then c.kind end;
        address := c.address;
        secret := (select s.secret from agenda.channel_secrets s where s.user_id = d.user_id and s.channel_id = d.channel_id);
        select m.subject, m.body into subject, body from agenda._delivery_message(d, c) m;
        return next;
    end loop;
end
$$;
comment on function agenda._claim_deliveries(timestamptz, uuid[], integer, interval)
    is 'engine: deliveries whose time has come, for the deliverer alone; without a kind: cancelled just now';

-- The pause before the next attempt: doubled each time, up to six hours, and never the same for two.
create or replace function agenda._delivery_pause(p_attempts integer, p_retry_after integer) returns interval
    language plpgsql volatile as
$$
begin
    return make_interval(secs => greatest(
        least(extract(epoch from current_setting('agenda.delivery_backoff')::interval) * power(2, least(p_attempts - 1, 30)), 21600)
            * (0.75 + random() / 2),
        least(p_retry_after, 21600)));
end
$$;
comment on function agenda._delivery_pause(integer, integer) is 'engine: how long to wait after so many attempts';

-- p_outcome: sent, retry, refused (sending it again cannot help), gone (nothing shall come here any more).
create or replace function agenda._record_delivery(p_user uuid, p_delivery uuid, p_now timestamptz, p_outcome text,
                                                   p_response integer, p_error text, p_retry_after integer) returns void
    language plpgsql volatile as
$$
declare
    v_max constant integer := current_setting('agenda.delivery_attempts')::integer;
    d     agenda.deliveries;
begin
    update agenda.deliveries x
       set claimed = false,
           status = case when p_outcome = 'sent' then 'sent'
                         when p_outcome = 'retry' and x.attempts < v_max then 'queued' else 'failed' end,
           response = nullif(p_response, 0),
           last_error = p_error,
           finished_at = case when p_outcome <> 'retry' or x.attempts >= v_max then p_now end,
           next_attempt_at = p_now + agenda._delivery_pause(x.attempts, p_retry_after)
     where x.user_id = p_user and x.id = p_delivery and x.claimed
    returning * into d;
    if d.status = 'failed' then
        perform agenda._emit('delivery.failed', d.user_id, d.id::text, d.id::text, agenda._row_json(d, '{id,user_id,status,claimed,next_attempt_at}'));
    end if;
    if p_outcome = 'gone' then
        update agenda.channels c set enabled = false, disabled_reason = 'gone'
         where c.user_id = d.user_id and c.id = d.channel_id;
    end if;
end
$$;
comment on function agenda._record_delivery(uuid, uuid, timestamptz, text, integer, text, integer) is 'engine: what became of an attempt';

create or replace function agenda._next_delivery(p_busy uuid[]) returns timestamptz
    language plpgsql stable as
$$
begin
    return (select d.next_attempt_at from agenda.deliveries d where d.status = 'queued' and d.channel_id <> all (p_busy)
             order by d.next_attempt_at, d.id limit 1);
end
$$;
comment on function agenda._next_delivery(uuid[]) is 'engine: when the next attempt is owed to a channel that has none on its way; null: never';

-- The rows of what is over stay for 30 days.
create or replace function agenda._purge_deliveries(p_now timestamptz) returns bigint
    language plpgsql volatile as
$$
declare
    v_count bigint;
begin
    delete from agenda.deliveries d
     where (d.user_id, d.id) in (select x.user_id, x.id from agenda.deliveries x
                                  where x.status <> 'queued' and x.finished_at < p_now - interval '30 days'
                                  order by x.finished_at limit 10000 for update skip locked);
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function agenda._purge_deliveries(timestamptz) is 'engine: removes deliveries that were finished 30 days ago, at most 10000; returns how many';
