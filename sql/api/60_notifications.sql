-- ---- notifications -----------------------------------------------------------------------------
-- The inbox is what is neither cleared, withdrawn, archived nor held; the partial indexes of the table
-- repeat these conditions.

create or replace function agenda._notification_image(n agenda.notifications, member text default null) returns jsonb
    language sql stable
    return agenda._row_json(n, '{dedupe_key,held_until,held_reason,merged_into,archived_at}', member);
comment on function agenda._notification_image(agenda.notifications, text) is 'internal: a notification as events show it; or an object that has it as a member';

create or replace function agenda.notification_json(n agenda.notifications) returns jsonb
    language plpgsql stable as
$$
begin
    return agenda._notification_image(n) - '{user_id,cleared_at,withdrawn_at}'::text[];
end
$$;
comment on function agenda.notification_json(agenda.notifications) is 'a notification as REST shows it';

-- One event for each row of a statement.  A notification is created, for its readers, when it reaches the
-- inbox: what is held until the end of quiet hours is so when it is released, and what is withdrawn before
-- that never was.
create or replace function agenda._notifications_made() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    perform agenda._emit_each('notification.created', n.user_id, n.id::text, agenda._notification_image(n, 'after'))
       from new_rows n where n.held_until is null;
    return null;
end
$$;
comment on function agenda._notifications_made() is 'internal: log of new notifications';

create or replace function agenda._notifications_changed() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    perform agenda._emit_each(c.type, c.user_id, c.id::text, case c.type
                when 'notification.created' then jsonb_build_object('after', c.after)
                else jsonb_build_object('before', c.before, 'after', c.after, 'changed', agenda._changed(c.before, c.after)) end)
       from (select n.id, n.user_id, agenda._notification_image(o) as before, agenda._notification_image(n) as after,
                    case when o.held_until is not null then
                             case when n.held_until is null and n.withdrawn_at is null and n.cleared_at is null
                                  then 'notification.created' end
                         when n.withdrawn_at is not null and o.withdrawn_at is null then 'notification.withdrawn'
                         -- it is back: its task was taken up again
                         when n.withdrawn_at is null and o.withdrawn_at is not null then 'notification.created'
                         when n.cleared_at <> coalesce(o.cleared_at, '-infinity') then 'notification.cleared'
                         when n.read_at <> coalesce(o.read_at, '-infinity') then 'notification.read'
                         -- by UPDATE: no more cleared, or no more read
                         when (n.cleared_at, n.read_at) is distinct from (o.cleared_at, o.read_at)
                         then case when n.withdrawn_at is null then 'notification.created' else 'notification.withdrawn' end
                    end as type
               from new_rows n join old_rows o on o.user_id = n.user_id and o.id = n.id
              order by n.id) c
      where c.type is not null;
    return null;
end
$$;
comment on function agenda._notifications_changed() is 'internal: log of what becomes of notifications';

-- ---- what callers use --------------------------------------------------------------------------

create or replace function agenda.list_notifications(unread_only boolean default false, page integer default 1, page_size integer default 20,
                                                     types text[] default null)
    returns setof agenda.notifications
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    perform agenda._check_page(page, page_size);
    return query
        select n.* from agenda.notifications n
         where n.user_id = v_user and n.cleared_at is null and n.withdrawn_at is null
           and n.archived_at is null and n.held_until is null
           and (not coalesce(unread_only, false) or n.read_at is null)
           and (types is null or n.type = any (types))
         order by n.created_at desc, n.id
         limit page_size offset (page - 1)::bigint * page_size;
end
$$;
comment on function agenda.list_notifications(boolean, integer, integer, text[]) is 'a page of the acting user''s inbox, newest first; types: only these';

create or replace function agenda.count_notifications(unread_only boolean default false, types text[] default null) returns bigint
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    return (select count(*) from agenda.notifications n
             where n.user_id = v_user and n.cleared_at is null and n.withdrawn_at is null
               and n.archived_at is null and n.held_until is null
               and (not coalesce(unread_only, false) or n.read_at is null)
               and (types is null or n.type = any (types)));
end
$$;
comment on function agenda.count_notifications(boolean, text[]) is 'how many notifications list_notifications has on all its pages';

create or replace function agenda.unread_count() returns bigint
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    return (select count(*) from agenda.notifications n
             where n.user_id = v_user and n.read_at is null and n.cleared_at is null and n.withdrawn_at is null
               and n.archived_at is null and n.held_until is null);
end
$$;
comment on function agenda.unread_count() is 'notifications in the inbox that have not been read';

create or replace function agenda.mark_read(id uuid) returns agenda.notifications
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    v_row  agenda.notifications;
begin
    update agenda.notifications n set read_at = agenda.now()
     where n.user_id = v_user and n.id = mark_read.id and n.read_at is null
       and n.cleared_at is null and n.withdrawn_at is null and n.held_until is null;
    select * into v_row from agenda.notifications n
     where n.user_id = v_user and n.id = mark_read.id
       and n.cleared_at is null and n.withdrawn_at is null and n.held_until is null;
    if not found then
        perform agenda._not_found('notification', id);
    end if;
    return v_row;
end
$$;
comment on function agenda.mark_read(uuid) is 'marks one notification as read; repeatable';

-- Rows are locked in one order, as in _withdraw(), by task and id: who closes a task meanwhile makes no ring with it.
create or replace function agenda.mark_all_read(before timestamptz default null) returns bigint
    language plpgsql volatile as
$$
declare
    v_user  constant pg_catalog.uuid := agenda._acting_user();
    v_count bigint;
begin
    perform from agenda.notifications n
      where n.user_id = v_user and n.read_at is null and n.cleared_at is null and n.withdrawn_at is null
        and n.archived_at is null and n.held_until is null
        and (before is null or n.created_at <= before)
      order by n.task_id, n.id
        for no key update;
    update agenda.notifications n set read_at = agenda.now()
     where n.user_id = v_user and n.read_at is null and n.cleared_at is null and n.withdrawn_at is null
       and n.archived_at is null and n.held_until is null
       and (before is null or n.created_at <= before);
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function agenda.mark_all_read(timestamptz) is 'marks the inbox as read, as far as it had come by a time; returns how many were not';

create or replace function agenda.clear_notifications(read_only boolean default false) returns bigint
    language plpgsql volatile as
$$
declare
    v_user  constant pg_catalog.uuid := agenda._acting_user();
    v_count bigint;
begin
    perform from agenda.notifications n
      where n.user_id = v_user and n.cleared_at is null and n.withdrawn_at is null
        and n.archived_at is null and n.held_until is null
        and (not coalesce(read_only, false) or n.read_at is not null)
      order by n.task_id, n.id
        for no key update;
    update agenda.notifications n set cleared_at = agenda.now()
     where n.user_id = v_user and n.cleared_at is null and n.withdrawn_at is null
       and n.archived_at is null and n.held_until is null
       and (not coalesce(read_only, false) or n.read_at is not null);
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function agenda.clear_notifications(boolean) is 'empties the inbox, or takes out what is read; returns how many; the rows stay';

-- Out of inbox and unread count, without an event.  Oldest first, so that calls that are limited get on.
create or replace function agenda.archive_notifications(older_than interval default null, max_rows integer default 10000) returns bigint
    language plpgsql volatile as
$$
declare
    v_now   constant pg_catalog.timestamptz := agenda.now();
    v_count bigint;
begin
    perform agenda._check_service();
    if older_than < '0' then
        raise exception using errcode = 'YA006', message = 'older_than must not be negative', column = 'older_than';
    end if;
    with old as (
        select n.user_id, n.id
          from agenda.notifications n
          left join agenda.notification_retention k on k.type = n.type
         where n.archived_at is null and n.held_until is null
           and n.created_at < v_now - coalesce(older_than, k.keep, interval '30 days')
         order by n.created_at
         limit least(greatest(coalesce(max_rows, 10000), 0), 1000000)
           for update of n skip locked)
    update agenda.notifications n set archived_at = v_now
      from old where n.user_id = old.user_id and n.id = old.id;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function agenda.archive_notifications(interval, integer)
    is 'operator: archives notifications that are older than an age, else than agenda.notification_retention says of their type, else than 30 days; returns how many';
