-- ---- events of other schemas -------------------------------------------------------------------
-- agenda.emit() gives the rest of the database the same log: written in the caller's transaction, ordered
-- by key, published by the routes of its type.

create or replace function agenda._refuse_argument(p_name text, p_wanted text) returns void
    language plpgsql immutable as
$$
begin
    raise exception using errcode = 'YA006', message = format('%s of an event must be %s', p_name, p_wanted), column = p_name;
end
$$;
comment on function agenda._refuse_argument(text, text) is 'internal: raises YA006 for an argument of emit()';

-- Headers become headers of the Kafka record: names that are safe in every binding, values of one line.
create or replace function agenda._check_headers(p_headers jsonb) returns void
    language plpgsql immutable as
$$
begin
    if jsonb_typeof(p_headers) <> 'object' then
        perform agenda._refuse_argument('headers', 'an object');
    end if;
    if (select count(*) from jsonb_object_keys(p_headers)) > 16 then
        perform agenda._refuse_argument('headers', 'at most 16 members');
    end if;
    if exists (select from jsonb_each(p_headers) h
                where h.key !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' or h.key ~* '^ce_'
                   or lower(h.key) in ('content-type', 'traceparent', 'x-request-id')) then
        perform agenda._refuse_argument('headers', 'named by at most 64 letters, digits, dots, underscores and hyphens, and not like the envelope''s own');
    end if;
    if exists (select from jsonb_each(p_headers) h
                where jsonb_typeof(h.value) <> 'string' or octet_length(h.value #>> '{}') > 1024 or h.value #>> '{}' ~ '[\x01-\x1f\x7f]') then
        perform agenda._refuse_argument('headers', 'strings of at most 1024 bytes without control characters');
    end if;
end
$$;
comment on function agenda._check_headers(jsonb) is 'internal: raises YA006 for headers that no record can carry';

create or replace function agenda._check_emit(p_type text, p_subject text, p_key text, p_data jsonb) returns void
    language plpgsql immutable as
$$
begin
    if p_type is null or length(p_type) > 200 or p_type !~ '^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+$' then
        perform agenda._refuse_argument('type', 'words of letters, digits, underscores and hyphens with dots between them, at most 200 characters');
    end if;
    if lower(split_part(p_type, '.', 1)) in ('task', 'recurring_task', 'reminder', 'notification', 'preferences', 'delivery', 'digest', 'user', 'log', 'agenda') then
        perform agenda._refuse_argument('type', format('of your own: "%s." is reserved', split_part(p_type, '.', 1)));
    end if;
    if p_subject is null or length(p_subject) not between 1 and 255 or p_subject ~ '[\x01-\x1f\x7f]' then
        perform agenda._refuse_argument('subject', '1 to 255 characters without control characters');
    end if;
    if length(p_key) not between 1 and 255 or p_key ~ '[\x01-\x1f\x7f]' then
        perform agenda._refuse_argument('key', '1 to 255 characters without control characters');
    end if;
    if jsonb_typeof(p_data) is distinct from 'object' then
        perform agenda._refuse_argument('data', 'an object');
    end if;
end
$$;
comment on function agenda._check_emit(text, text, text, jsonb) is 'internal: raises YA006 for an event that cannot be';

create or replace function agenda.emit(type text, subject text, data jsonb, key text default null, headers jsonb default null) returns uuid
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._check_emit(emit.type, emit.subject, emit.key, emit.data);
    if emit.headers is not null then
        v_none := agenda._check_headers(emit.headers);
    end if;
    -- exactly, because numbers of a caller may be long
    if octet_length(emit.data::text) > pg_size_bytes(current_setting('agenda.max_event_bytes')) then
        raise exception using errcode = '54000', message = format('the event is too large: %s bytes', octet_length(emit.data::text)),
            detail = format('agenda.max_event_bytes is %s.', current_setting('agenda.max_event_bytes'));
    end if;
    return agenda._emit(emit.type, agenda.current_user_id(), emit.subject, coalesce(emit.key, emit.subject), emit.data, emit.headers);
end
$$;
comment on function agenda.emit(text, text, jsonb, text, jsonb)
    is 'application: writes an event of the caller''s own to the log, in this transaction; agenda.topic_routes says where its type goes; returns its id';

-- ---- changes without events --------------------------------------------------------------------

create or replace function agenda._silence(what text) returns bigint
    language c strict volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_silence';
comment on function agenda._silence(text) is 'engine: from here on this transaction writes no "events", "triggers" do nothing, or "none" of this; returns how many events were left out';

-- The server calls it at the end of a transaction that is still silent: nobody can have changed meanwhile what
-- it has changed, so what the log says before this entry of its rows is out of date, and what it says later is not.
create or replace function agenda._resume_log(left_out bigint) returns void
    language plpgsql volatile as
$$
declare
    v_xid constant text := pg_current_xact_id()::text;
begin
    perform agenda._emit('log.resumed', null, v_xid, v_xid, jsonb_build_object('role', session_user, 'left_out', left_out));
end
$$;
comment on function agenda._resume_log(bigint) is 'engine: tells of the end of an import without events';

-- Everything but the events is as ever: timers are planned, rules checked, occurrences made.  The log says that
-- something is missing; its two entries have the number of the transaction as subject.
create or replace function agenda.bulk_import(enable boolean default true) returns bigint
    language plpgsql volatile as
$$
declare
    v_xid constant text := pg_current_xact_id()::text;
    v_left_out bigint := agenda._silence('none');
    v_none text;
begin
    perform agenda._check_service();
    if enable then
        v_none := agenda._emit('log.silenced', null, v_xid, v_xid, jsonb_build_object('role', session_user, 'reason', 'bulk import'));
        perform agenda._silence('events');
    else
        perform agenda._resume_log(v_left_out);
    end if;
    return v_left_out;
end
$$;
comment on function agenda.bulk_import(boolean)
    is 'operator: until the end of the transaction, or bulk_import(false), changes write no events; returns how many were left out';
