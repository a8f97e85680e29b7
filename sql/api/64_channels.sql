-- ---- channels: what callers use ------------------------------------------------------------------
-- The functions run with the owner's rights, since secrets are nobody's to read; row-level security holds for
-- the owner, too, so they reach the acting user's rows only.

create or replace function agenda._check_address(p_kind text, p_address text) returns void
    language plpgsql immutable as
$$
begin
    if p_kind is null or p_kind not in ('webhook', 'email') then
        raise exception using errcode = 'YA006', message = 'kind must be webhook or email', column = 'kind';
    elsif length(p_address) between 1 and 2000 is not true
       or (p_kind = 'webhook' and p_address !~ '^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?][!-"$-~]*)?$') then
        raise exception using errcode = 'YA006', message = 'address must be a URL of http or https',
            detail = 'It may contain neither a user name nor a fragment.', column = 'address';
    elsif p_kind = 'email'
          and (length(p_address) > 254
               or p_address !~ '^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$') then
        raise exception using errcode = 'YA006', message = 'address must be an e-mail address', column = 'address';
    end if;
end
$$;
comment on function agenda._check_address(text, text) is 'internal: raises YA006 for an address to which nothing can be sent';

create or replace function agenda._channel(p_id uuid) returns agenda.channels
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    c      agenda.channels;
begin
    select * into c from agenda.channels x where x.user_id = v_user and x.id = p_id;
    if not found then
        perform agenda._not_found('channel', p_id);
    end if;
    return c;
end
$$;
comment on function agenda._channel(uuid) is 'internal: a channel of the acting user, or YA001';

create or replace function agenda._random_bytes() returns bytea
    language sql volatile
    return sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
comment on function agenda._random_bytes() is 'internal: 32 bytes that nobody can guess';

create or replace function agenda._queue_message(c agenda.channels, p_what text) returns uuid
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_id uuid;
begin
    -- two at a time may not pass the limit together
    perform from agenda.users u where u.id = c.user_id for no key update;
    delete from agenda.channel_trials t where t.user_id = c.user_id and t.asked_at <= clock_timestamp() - interval '1 hour';
    if (select count(*) from agenda.channel_trials t where t.user_id = c.user_id) >= 20 then
        raise exception using errcode = 'YA008', message = 'too many messages to try channels out',
            detail = 'There may be 20 of them in an hour.';
    end if;
    insert into agenda.channel_trials (user_id) values (c.user_id);
    insert into agenda.deliveries (user_id, channel_id, what) values (c.user_id, c.id, p_what) returning id into v_id;
    perform agenda._wake_deliverer();
    return v_id;
end
$$;
comment on function agenda._queue_message(agenda.channels, text) is 'engine: a message to a channel that is no notification';

create or replace function agenda.add_channel(kind text, address text, name text default null, types text[] default null) returns jsonb
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_user   constant uuid := agenda._acting_user();
    v_secret constant bytea := agenda._random_bytes();
    c        agenda.channels;
begin
    perform agenda._check_address(kind, address);
    -- two at a time may not pass the limit together
    perform from agenda.users u where u.id = v_user for no key update;
    if (select count(*) from agenda.channels x where x.user_id = v_user) >= 10 then
        raise exception using errcode = 'YA008', message = 'a user can have 10 channels';
    end if;
    insert into agenda.channels (user_id, kind, address, name, types, confirmed_at)
    values (v_user, add_channel.kind, add_channel.address, add_channel.name, add_channel.types,
            case when add_channel.kind = 'webhook' then agenda.now() end)
    returning * into c;
    insert into agenda.channel_secrets (user_id, channel_id, secret, code)
    values (v_user, c.id, v_secret, case when c.kind = 'email' then left(encode(agenda._random_bytes(), 'hex'), 20) end);
    if c.kind = 'email' then
        perform agenda._queue_message(c, 'confirmation');
        return agenda._row_json(c);
    end if;
    return agenda._row_json(c) || jsonb_build_object('secret', 'whsec_' || encode(v_secret, 'base64'));
end
$$;
comment on function agenda.add_channel(text, text, text, text[])
    is 'one more place where the acting user is told: a webhook (its secret is shown this once), or an e-mail address (a code is sent there, for confirm_channel)';

create or replace function agenda.confirm_channel(id uuid, code text) returns agenda.channels
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    c agenda.channels := agenda._channel(id);
begin
    if c.confirmed_at is null then
        if not exists (select from agenda.channel_secrets s
                        where s.user_id = c.user_id and s.channel_id = c.id and s.code = lower(btrim(confirm_channel.code))) then
            raise exception using errcode = 'YA006', message = 'this is not the code that was sent to the address', column = 'code';
        end if;
        update agenda.channels x set confirmed_at = agenda.now() where x.user_id = c.user_id and x.id = c.id returning * into c;
    end if;
    return c;
end
$$;
comment on function agenda.confirm_channel(uuid, text) is 'the e-mail address is the acting user''s, as its code proves; nothing else is sent there before';

create or replace function agenda.list_channels() returns setof agenda.channels
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    return query select * from agenda.channels c where c.user_id = v_user order by c.created_at, c.id;
end
$$;
comment on function agenda.list_channels() is 'the acting user''s channels';

create or replace function agenda.update_channel(id uuid, patch jsonb) returns agenda.channels
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_user   constant uuid := agenda._acting_user();
    c        agenda.channels;
    v_member text;
begin
    perform agenda._check_object(patch);
    -- the deliverer may disable it meanwhile
    perform from agenda.channels x where x.user_id = v_user and x.id = update_channel.id for no key update;
    c := agenda._channel(id);
    for v_member in select k from jsonb_object_keys(patch) k loop
        if v_member = 'name' then
            c.name := agenda._text(patch, 'name');
        elsif v_member = 'enabled' then
            if jsonb_typeof(patch->'enabled') <> 'boolean' then
                perform agenda._wrong_member(patch, 'enabled', 'true or false');
            end if;
            c.enabled := (patch->>'enabled')::boolean;
            c.disabled_reason := null;
        elsif v_member = 'types' then
            if jsonb_typeof(patch->'types') not in ('array', 'null') then
                perform agenda._wrong_member(patch, 'types', 'an array or null');
            end if;
            c.types := case when jsonb_typeof(patch->'types') = 'array' then array(select jsonb_array_elements_text(patch->'types')) end;
        else
            raise exception using errcode = 'YA006', message = format('"%s" is no member of a channel that can be changed', left(v_member, 100)),
                hint = 'These are name, types and enabled; another address is another channel.', column = left(v_member, 100);
        end if;
    end loop;
    update agenda.channels x
       set name = c.name, types = c.types, enabled = c.enabled, disabled_reason = c.disabled_reason
     where x.user_id = c.user_id and x.id = c.id
    returning * into c;
    return c;
end
$$;
comment on function agenda.update_channel(uuid, jsonb) is 'changes name, types or enabled of a channel; absent members stay';

create or replace function agenda.delete_channel(id uuid) returns agenda.channels
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    c agenda.channels := agenda._channel(id);
begin
    delete from agenda.channels x where x.user_id = c.user_id and x.id = c.id;
    return c;
end
$$;
comment on function agenda.delete_channel(uuid) is 'removes a channel, and what was waiting for it';

create or replace function agenda.rotate_channel_secret(id uuid) returns text
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    c        constant agenda.channels := agenda._channel(id);
    v_secret constant bytea := agenda._random_bytes();
begin
    if c.kind <> 'webhook' then
        raise exception using errcode = 'YA007', message = 'only webhooks have a secret';
    end if;
    update agenda.channel_secrets s set secret = v_secret where s.user_id = c.user_id and s.channel_id = c.id;
    return 'whsec_' || encode(v_secret, 'base64');
end
$$;
comment on function agenda.rotate_channel_secret(uuid) is 'another key for the signatures of a webhook; returns it';

create or replace function agenda.test_channel(id uuid) returns uuid
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    c constant agenda.channels := agenda._channel(id);
begin
    if c.confirmed_at is null or not c.enabled then
        raise exception using errcode = 'YA007',
            message = case when c.enabled then 'the address has not been confirmed' else 'the channel is disabled' end;
    end if;
    return agenda._queue_message(c, 'test');
end
$$;
comment on function agenda.test_channel(uuid) is 'sends a test message; returns the id of its delivery';

create or replace function agenda.list_deliveries(channel_id uuid default null, status text default null, page integer default 1, page_size integer default 20)
    returns setof agenda.deliveries
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    perform agenda._check_page(page, page_size);
    return query
        select d.* from agenda.deliveries d
         where d.user_id = v_user
           and (list_deliveries.channel_id is null or d.channel_id = list_deliveries.channel_id)
           and (list_deliveries.status is null or d.status = list_deliveries.status)
         order by d.id desc
         limit page_size offset (page - 1)::bigint * page_size;
end
$$;
comment on function agenda.list_deliveries(uuid, text, integer, integer) is 'a page of what was sent to the acting user''s channels, or is to be, newest first';

create or replace function agenda.retry_delivery(id uuid) returns agenda.deliveries
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_user constant uuid := agenda._acting_user();
    d      agenda.deliveries;
begin
    select * into d from agenda.deliveries x where x.user_id = v_user and x.id = retry_delivery.id for no key update;
    if not found then
        perform agenda._not_found('delivery', id);
    elsif d.status <> 'failed' then
        raise exception using errcode = 'YA007', message = 'only what has failed can be sent again', detail = format('The delivery is %s.', d.status);
    end if;
    update agenda.deliveries x
       set status = 'queued', attempts = 0, finished_at = null, next_attempt_at = clock_timestamp()
     where x.user_id = v_user and x.id = d.id
    returning * into d;
    perform agenda._wake_deliverer();
    return d;
end
$$;
comment on function agenda.retry_delivery(uuid) is 'queues a delivery that has failed once more';
