-- ---- what the gateway calls --------------------------------------------------------------------
-- One function per route.  Each acts for the user it is given, calls the API function and returns
-- the answer: HTTP status, entity tag (a version), location of a new thing, body.  The parameters
-- are user, request id, traceparent, then what the route has: id, query, body, version (routes.def).
--
-- Reads are STABLE: the gateway puts many of them into one transaction, and each sees one snapshot.
-- An error leaves through the transaction's abort, which ends what _enter() began.  Both are called by
-- assignment: PERFORM would run the executor for each of them, a fifth of the time of a read.
-- Execution is granted to agenda_gateway only (grants.sql): whoever may call these may be anybody.

create or replace function agenda.gw_version() returns text
    language sql stable
    return (select e.extversion from pg_catalog.pg_extension e where e.extname = 'pg_agenda');
comment on function agenda.gw_version() is 'gateway: version of the SQL objects, which the gateway compares with its own when it connects';

-- A CHECK that is broken speaks of relations and shows the row; its comment says what is asked for.
create or replace function agenda.gw_rules() returns jsonb
    language sql stable
    return (select jsonb_object_agg(c.conname, jsonb_build_array(a.attname, d.description))
              from pg_catalog.pg_constraint c
              join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
              join pg_catalog.pg_description d on d.classoid = 'pg_catalog.pg_constraint'::regclass and d.objoid = c.oid
             where c.connamespace = 'agenda'::regnamespace and c.contype = 'c');
comment on function agenda.gw_rules() is 'gateway: column and comment of each CHECK that has one, by which the gateway explains what was refused; once per connection';

-- The id that a name was mapped to is seen in every answer; where people choose their names, another one could come
-- by it.
create or replace function agenda.gw_login(p_sub text) returns uuid
    language plpgsql volatile strict security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_user constant uuid := agenda.user_id_of(p_sub);
    v_none text;
begin
    v_none := agenda._enter(v_user);
    if exists (select from agenda.users u where u.id = v_user and u.external_id <> p_sub) then
        raise exception using errcode = 'YA010', message = 'the subject of the token is the id of a user who has a name',
            hint = 'Tokens of this user have the name as subject.';
    end if;
    v_none := agenda._leave();
    return v_user;
end
$$;
comment on function agenda.gw_login(text) is 'gateway: user of a token''s subject, made at first sight; once per new token';

-- Page numbers as they stand in a query string; more than the limit is the limit.
create or replace function agenda._gw_page(p_query jsonb, p_name text, p_default integer, p_limit integer) returns integer
    language plpgsql immutable as
$$
declare
    v_value constant pg_catalog.text := p_query->>p_name;
begin
    if v_value is null then
        return p_default;
    end if;
    if v_value !~ '^0*[1-9][0-9]*$' then
        perform agenda._wrong_member(p_query, p_name, 'a number from 1 on');
    elsif v_value ~ '[1-9][0-9]{9}' then
        -- beyond any limit, and maybe beyond what a number can be
        return p_limit;
    end if;
    return least(v_value::bigint, p_limit);
end
$$;
comment on function agenda._gw_page(jsonb, text, integer, integer) is 'engine: page or page_size of a query';

create or replace function agenda._gw_list(p_items jsonb, p_total bigint, p_page integer, p_page_size integer) returns text
    language plpgsql immutable as
$$
begin
    return jsonb_build_object('items', coalesce(p_items, '[]'), 'total', p_total,
                              'page', p_page, 'page_size', p_page_size);
end
$$;
comment on function agenda._gw_list(jsonb, bigint, integer, integer) is 'engine: body of a list';

-- A cursor names the last item of a slice, the next one begins behind it: what is added or taken away meanwhile
-- shifts nothing.  It is opaque: 8 bytes of the sort key, 16 of the id, in base64url; C makes the same.
create or replace function agenda._gw_cursor(p_key bytea, p_id uuid) returns text
    language plpgsql immutable as
$$
begin
    return translate(encode(p_key || uuid_send(p_id), 'base64'), '+/', '-_');
end
$$;
comment on function agenda._gw_cursor(bytea, uuid) is 'engine: the cursor behind an item';

create or replace function agenda._gw_place(p_query jsonb, out sort_key bigint, out at timestamptz, out id uuid)
    language plpgsql immutable as
$$
declare
    v_text  constant pg_catalog.text := p_query->>'cursor';
    v_bytes pg_catalog.bytea;
begin
    if v_text is null then
        return;
    end if;
    if v_text !~ '^[A-Za-z0-9_-]{32}$' then
        raise exception using errcode = 'YA024', message = 'the cursor is none that a list has given', column = 'cursor';
    end if;
    if p_query ? 'page' or coalesce(p_query->>'sort', '-created_at') <> '-created_at' then
        raise exception using errcode = 'YA024', message = 'a cursor goes with the usual order, and not with a page',
            column = 'cursor';
    end if;
    v_bytes := decode(translate(v_text, '-_', '+/'), 'base64');
    sort_key := ('x' || encode(substr(v_bytes, 1, 8), 'hex'))::bit(64)::bigint;
    id := encode(substr(v_bytes, 9), 'hex')::uuid;
    -- in microseconds since 2000; far beyond any row, and still a time
    at := timestamptz '2000-01-01 00:00:00Z'
          + greatest(-2e16, least(sort_key, 2e16))::bigint * interval '1 microsecond';
end
$$;
comment on function agenda._gw_place(jsonb, out bigint, out timestamptz, out uuid) is 'engine: what the cursor of a query means, or YA024';

-- A page says its number, a slice by a cursor does not.
create or replace function agenda._gw_slice(p_items text, p_total bigint, p_page integer, p_page_size integer, p_next text) returns text
    language plpgsql immutable as
$$
begin
    return format('{"items":[%s],"total":%s,%s"page_size":%s,"next_cursor":%s}', p_items, p_total,
                  '"page":' || p_page || ',', p_page_size, coalesce(to_json(p_next)::text, 'null'));
end
$$;
comment on function agenda._gw_slice(text, bigint, integer, integer, text) is 'engine: body of a list that a cursor goes through';

-- ---- tasks -------------------------------------------------------------------------------------

create or replace function agenda._gw_tasks_behind(p_user uuid, p_filter jsonb, p_at timestamptz, p_id uuid, p_limit integer)
    returns agenda.tasks[]
    language plpgsql stable as
$$
begin
    if p_filter = '{}' then
        return array(
            select t from agenda.tasks t
             where t.user_id = p_user and t.deleted_at is null
               and t.created_at <= p_at and (t.created_at < p_at or t.id > p_id)
             order by t.created_at desc, t.id
             limit p_limit);
    end if;
    return array(
        select t from agenda._filter_tasks(p_user, p_filter) t
         where t.created_at <= p_at and (t.created_at < p_at or t.id > p_id)
         order by t.created_at desc, t.id
         limit p_limit);
end
$$;
comment on function agenda._gw_tasks_behind(uuid, jsonb, timestamptz, uuid, integer) is 'engine: tasks behind a cursor, newest first';

-- The list as it is asked for most is read in C, which calls this one where there is a filter, an order or a
-- policy of somebody else.
create or replace function agenda._gw_list_tasks(
        p_user uuid, p_request_id text, p_traceparent text, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none   text;
    v_page   constant integer := agenda._gw_page(p_query, 'page', 1, 1000000);
    v_size   constant integer := agenda._gw_page(p_query, 'page_size', 20, 100);
    v_filter constant jsonb := p_query - '{page,page_size,sort,cursor}'::text[];
    v_sort   constant text := coalesce(p_query->>'sort', '-created_at');
    v_place  record;
    v_tasks  agenda.tasks[];
    v_total  bigint;
    v_more   boolean;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    v_place := agenda._gw_place(p_query);
    v_total := agenda.count_tasks(v_filter);
    if v_place.id is null then
        v_tasks := array(select t from agenda.list_tasks(v_filter, v_sort, v_page, v_size) t);
        v_more := v_page::bigint * v_size < v_total and v_sort = '-created_at';
    else
        v_tasks := agenda._gw_tasks_behind(p_user, v_filter, v_place.at, v_place.id, v_size + 1);
        v_more := cardinality(v_tasks) > v_size;
    end if;
    status := 200;
    body := agenda._gw_slice(
        (select string_agg(agenda._task_text(v_tasks[n], agenda.now(), p), ',' order by n)
           from generate_series(1, least(v_size, cardinality(v_tasks))) n, agenda.get_preferences() p),
        v_total, case when v_place.id is null then v_page end, v_size,
        case when v_more then
            agenda._gw_cursor(timestamptz_send((v_tasks[least(v_size, cardinality(v_tasks))]).created_at),
                              (v_tasks[least(v_size, cardinality(v_tasks))]).id) end);
    v_none := agenda._leave();
end
$$;
comment on function agenda._gw_list_tasks(uuid, text, text, jsonb) is 'engine: GET /tasks with a filter or an order';

create or replace function agenda.gw_list_tasks(
        p_user uuid, p_request_id text, p_traceparent text, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language c stable as 'MODULE_PATHNAME', 'agenda_gw_list_tasks';
comment on function agenda.gw_list_tasks(uuid, text, text, jsonb) is 'gateway: GET /tasks';

-- A plain task is made in C, which calls this one where there are tags, a checklist or reminders.
-- Clients may say more than is known here; SQL, where a name is misspelt by hand, refuses that.
create or replace function agenda._gw_known(p_body jsonb, p_known text[]) returns jsonb
    language plpgsql immutable as
$$
begin
    if jsonb_typeof(p_body) is distinct from 'object' or p_body - p_known = '{}' then
        return p_body;
    end if;
    return coalesce((select jsonb_object_agg(e.key, e.value) from jsonb_each(p_body) e where e.key = any (p_known)), '{}');
end
$$;
comment on function agenda._gw_known(jsonb, text[]) is 'engine: the members of a body that are known';

create or replace function agenda._gw_create_task(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    t      agenda.tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    t := agenda.create_task(
        title => agenda._text(p_body, 'title'),
        due => agenda._text(p_body, 'due_date'),
        description => agenda._text(p_body, 'description'),
        priority => agenda._smallint(p_body, 'priority'),
        recurrence_rule => agenda._text(p_body, 'recurrence_rule'),
        timezone => agenda._text(p_body, 'timezone'),
        tags => case when p_body ? 'tags' then agenda._tags(p_body, 'tags') end,
        checklist => nullif(p_body->'checklist', 'null'),
        reminders => p_body->'reminders');
    status := 201;
    etag := t.version;
    location := '/api/tasks/' || t.id;
    body := agenda._task_body(t);
    v_none := agenda._leave();
end
$$;
comment on function agenda._gw_create_task(uuid, text, text, jsonb) is 'engine: POST /tasks with tags, checklist or reminders';

create or replace function agenda.gw_create_task(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language c volatile as 'MODULE_PATHNAME', 'agenda_gw_create_task';
comment on function agenda.gw_create_task(uuid, text, text, jsonb) is 'gateway: POST /tasks';

-- One task is read in C, which calls this one where the table has a policy of somebody else.
create or replace function agenda._gw_get_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    t      agenda.tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    t := agenda.get_task(p_id);
    status := 200;
    etag := t.version;
    body := agenda._task_text(t, agenda.now(), agenda.get_preferences());
    v_none := agenda._leave();
end
$$;
comment on function agenda._gw_get_task(uuid, text, text, uuid) is 'engine: GET /tasks/{id} under policies of somebody else';

create or replace function agenda.gw_get_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language c stable as 'MODULE_PATHNAME', 'agenda_gw_get_task';
comment on function agenda.gw_get_task(uuid, text, text, uuid) is 'gateway: GET /tasks/{id}';

create or replace function agenda.gw_update_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    t      agenda.tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    t := agenda.update_task(p_id, agenda._gw_known(p_body, agenda._task_members()), p_version, coalesce(agenda._text(p_body, 'scope'), 'this'));
    status := 200;
    etag := t.version;
    body := agenda._task_body(t);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_update_task(uuid, text, text, uuid, jsonb, bigint) is 'gateway: PUT and PATCH /tasks/{id}';

create or replace function agenda.gw_delete_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    perform agenda.delete_task(p_id, p_version);
    status := 204;
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_delete_task(uuid, text, text, uuid, bigint) is 'gateway: DELETE /tasks/{id}';

create or replace function agenda.gw_complete_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    c      agenda.completion;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    c := agenda.complete_task(p_id, p_version);
    status := 200;
    etag := (c.task).version;
    body := agenda._completion_json(c);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_complete_task(uuid, text, text, uuid, bigint) is 'gateway: PUT and POST /tasks/{id}/complete';

-- ---- recurring tasks -----------------------------------------------------------------------------

create or replace function agenda.gw_list_recurring_tasks(
        p_user uuid, p_request_id text, p_traceparent text, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none   text;
    v_page   constant integer := agenda._gw_page(p_query, 'page', 1, 1000000);
    v_size   constant integer := agenda._gw_page(p_query, 'page_size', 20, 100);
    v_filter constant jsonb := p_query - '{page,page_size,cursor}'::text[];
    v_place  record;
    v_list   agenda.recurring_tasks[];
    v_total  bigint;
    v_more   boolean;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    perform agenda._boolean(v_filter, 'is_active');
    v_place := agenda._gw_place(p_query);
    v_total := agenda.count_recurring_tasks(v_filter);
    if v_place.id is null then
        v_list := array(select r from agenda.list_recurring_tasks(v_filter, v_page, v_size) r);
        v_more := v_page::bigint * v_size < v_total;
    else
        v_list := array(
            select r from agenda.recurring_tasks r
             where r.user_id = p_user and r.deleted_at is null and agenda._recurring_task_matches(r, v_filter)
               and r.created_at <= v_place.at and (r.created_at < v_place.at or r.id > v_place.id)
             order by r.created_at desc, r.id
             limit v_size + 1);
        v_more := cardinality(v_list) > v_size;
    end if;
    status := 200;
    body := agenda._gw_slice(
        (select string_agg(agenda.recurring_task_json(v_list[n])::text, ',' order by n)
           from generate_series(1, least(v_size, cardinality(v_list))) n),
        v_total, case when v_place.id is null then v_page end, v_size,
        case when v_more then
            agenda._gw_cursor(timestamptz_send((v_list[least(v_size, cardinality(v_list))]).created_at),
                              (v_list[least(v_size, cardinality(v_list))]).id) end);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_list_recurring_tasks(uuid, text, text, jsonb) is 'gateway: GET /recurring-tasks';

create or replace function agenda.gw_create_recurring_task(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.recurring_tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.create_recurring_task(
        title => agenda._text(p_body, 'title'),
        recurrence_type => agenda._text(p_body, 'recurrence_type'),
        recurrence_interval => agenda._integer(p_body, 'recurrence_interval'),
        start_date => agenda._text(p_body, 'start_date'),
        end_date => agenda._text(p_body, 'end_date'),
        description => agenda._text(p_body, 'description'),
        priority => agenda._smallint(p_body, 'priority'),
        rrule => agenda._text(p_body, 'rrule'),
        timezone => agenda._text(p_body, 'timezone'),
        policy => coalesce(agenda._text(p_body, 'policy'), 'fixed'),
        tags => case when p_body ? 'tags' then agenda._tags(p_body, 'tags') end,
        checklist => nullif(p_body->'checklist', 'null'),
        -- policies and the like, by the names of the members
        options => agenda._gw_known(p_body, agenda._series_members()));
    status := 201;
    etag := r.version;
    location := '/api/recurring-tasks/' || r.id;
    body := agenda.recurring_task_json(r);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_create_recurring_task(uuid, text, text, jsonb) is 'gateway: POST /recurring-tasks';

create or replace function agenda.gw_get_recurring_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.recurring_tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.get_recurring_task(p_id);
    status := 200;
    etag := r.version;
    body := agenda.recurring_task_json(r);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_get_recurring_task(uuid, text, text, uuid) is 'gateway: GET /recurring-tasks/{id}';

create or replace function agenda.gw_update_recurring_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_body jsonb, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    r      agenda.recurring_tasks;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    r := agenda.update_recurring_task(p_id, agenda._gw_known(p_body, agenda._series_members()), p_version);
    status := 200;
    etag := r.version;
    body := agenda.recurring_task_json(r);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_update_recurring_task(uuid, text, text, uuid, jsonb, bigint) is 'gateway: PUT and PATCH /recurring-tasks/{id}';

create or replace function agenda.gw_delete_recurring_task(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    perform agenda.delete_recurring_task(p_id, p_version);
    status := 204;
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_delete_recurring_task(uuid, text, text, uuid, bigint) is 'gateway: DELETE /recurring-tasks/{id}';

-- ---- notifications -------------------------------------------------------------------------------

create or replace function agenda.gw_list_notifications(
        p_user uuid, p_request_id text, p_traceparent text, p_query jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none   text;
    v_page   constant integer := agenda._gw_page(p_query, 'page', 1, 1000000);
    v_size   constant integer := agenda._gw_page(p_query, 'page_size', 20, 100);
    v_unread constant boolean := coalesce(agenda._boolean(p_query, 'unread_only'), false);
    v_place  record;
    v_list   agenda.notifications[];
    v_total  bigint;
    v_more   boolean;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    v_place := agenda._gw_place(p_query);
    v_total := agenda.count_notifications(v_unread);
    if v_place.id is null then
        v_list := array(select n from agenda.list_notifications(v_unread, v_page, v_size) n);
        v_more := v_page::bigint * v_size < v_total;
    else
        v_list := array(
            select n from agenda.notifications n
             where n.user_id = p_user and n.cleared_at is null and n.withdrawn_at is null
               and n.archived_at is null and n.held_until is null
               and (not v_unread or n.read_at is null)
               and n.created_at <= v_place.at and (n.created_at < v_place.at or n.id > v_place.id)
             order by n.created_at desc, n.id
             limit v_size + 1);
        v_more := cardinality(v_list) > v_size;
    end if;
    status := 200;
    body := agenda._gw_slice(
        (select string_agg(agenda.notification_json(v_list[n])::text, ',' order by n)
           from generate_series(1, least(v_size, cardinality(v_list))) n),
        v_total, case when v_place.id is null then v_page end, v_size,
        case when v_more then
            agenda._gw_cursor(timestamptz_send((v_list[least(v_size, cardinality(v_list))]).created_at),
                              (v_list[least(v_size, cardinality(v_list))]).id) end);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_list_notifications(uuid, text, text, jsonb) is 'gateway: GET /notifications';

create or replace function agenda.gw_unread_count(
        p_user uuid, p_request_id text, p_traceparent text,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := jsonb_build_object('unread_count', agenda.unread_count());
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_unread_count(uuid, text, text) is 'gateway: GET /notifications/unread-count';

create or replace function agenda.gw_mark_read(
        p_user uuid, p_request_id text, p_traceparent text, p_id uuid,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := agenda.notification_json(agenda.mark_read(p_id));
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_mark_read(uuid, text, text, uuid) is 'gateway: POST /notifications/{id}/read';

create or replace function agenda.gw_mark_all_read(
        p_user uuid, p_request_id text, p_traceparent text,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    status := 200;
    body := jsonb_build_object('updated', agenda.mark_all_read());
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_mark_all_read(uuid, text, text) is 'gateway: POST /notifications/mark-all-read';

create or replace function agenda.gw_clear_notifications(
        p_user uuid, p_request_id text, p_traceparent text,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    perform agenda.clear_notifications();
    status := 204;
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_clear_notifications(uuid, text, text) is 'gateway: DELETE /notifications/clear';

-- ---- preferences ---------------------------------------------------------------------------------

create or replace function agenda.gw_get_preferences(
        p_user uuid, p_request_id text, p_traceparent text,
        out status integer, out etag text, out location text, out body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    p      agenda.preferences;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    p := agenda.get_preferences();
    status := 200;
    etag := p.version;
    body := agenda.preferences_json(p);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_get_preferences(uuid, text, text) is 'gateway: GET /users/me/preferences';

create or replace function agenda.gw_set_preferences(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb, p_version bigint,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    p      agenda.preferences;
begin
    v_none := agenda._enter(p_user, p_request_id, p_traceparent);
    p := agenda.set_preferences(p_body, p_version);
    status := 200;
    etag := p.version;
    body := agenda.preferences_json(p);
    v_none := agenda._leave();
end
$$;
comment on function agenda.gw_set_preferences(uuid, text, text, jsonb, bigint) is 'gateway: PATCH /users/me/preferences';
