-- ---- notifications -----------------------------------------------------------------------------

create or replace function agenda.list_notifications(unread_only boolean default false, page integer default 1, page_size integer default 20)
    returns setof agenda.notifications
    language plpgsql stable as
$$
declare
    v_user constant uuid := agenda._acting_user();
begin
    perform agenda._check_page(page, page_size);
    return query
        select n.* from agenda.notifications n
         where n.user_id = v_user and n.cleared_at is null and n.withdrawn_at is null
           and (not coalesce(unread_only, false) or n.read_at is null)
         order by n.created_at desc, n.id
         limit page_size offset (page - 1)::bigint * page_size;
end
$$;
comment on function agenda.list_notifications(boolean, integer, integer) is 'a page of the acting user''s inbox, newest first';

create or replace function agenda.count_notifications(unread_only boolean default false) returns bigint
    language plpgsql stable as
$$
declare
    v_user constant uuid := agenda._acting_user();
begin
    return (select count(*) from agenda.notifications n
             where n.user_id = v_user and n.cleared_at is null and n.withdrawn_at is null
               and (not coalesce(unread_only, false) or n.read_at is null));
end
$$;
comment on function agenda.count_notifications(boolean) is 'how many notifications list_notifications has on all its pages';

create or replace function agenda.unread_count() returns bigint
    language plpgsql stable as
$$
declare
    v_user constant uuid := agenda._acting_user();
begin
    return (select count(*) from agenda.notifications n
             where n.user_id = v_user and n.read_at is null and n.cleared_at is null and n.withdrawn_at is null);
end
$$;
comment on function agenda.unread_count() is 'notifications in the inbox that have not been read';

create or replace function agenda.mark_read(id uuid) returns agenda.notifications
    language plpgsql volatile as
$$
declare
    v_user constant uuid := agenda._acting_user();
    v_row  agenda.notifications;
begin
    update agenda.notifications n set read_at = agenda.now()
     where n.user_id = v_user and n.id = mark_read.id and n.read_at is null
       and n.cleared_at is null and n.withdrawn_at is null;
    select * into v_row from agenda.notifications n
     where n.user_id = v_user and n.id = mark_read.id and n.cleared_at is null and n.withdrawn_at is null;
    if not found then
        perform agenda._not_found('notification', id);
    end if;
    return v_row;
end
$$;
comment on function agenda.mark_read(uuid) is 'marks one notification as read; repeatable';

create or replace function agenda.mark_all_read() returns bigint
    language plpgsql volatile as
$$
declare
    v_user  constant uuid := agenda._acting_user();
    v_count bigint;
begin
    update agenda.notifications n set read_at = agenda.now()
     where n.user_id = v_user and n.read_at is null and n.cleared_at is null and n.withdrawn_at is null;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function agenda.mark_all_read() is 'marks the whole inbox as read, returns how many were not';

create or replace function agenda.clear_notifications() returns bigint
    language plpgsql volatile as
$$
declare
    v_user  constant uuid := agenda._acting_user();
    v_count bigint;
begin
    update agenda.notifications n set cleared_at = agenda.now()
     where n.user_id = v_user and n.cleared_at is null and n.withdrawn_at is null;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function agenda.clear_notifications() is 'empties the inbox, returns how many it held; the rows stay';

