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
comment on function agenda._refuse_argument(text, text) is 'internal: raises YA006 for headers of emit()';

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
                   or lower(h.key) in ('content-type', 'traceparent', 'x-request-id') or h.key in ('id', 'eventType')) then
        perform agenda._refuse_argument('headers', 'named by at most 64 letters, digits, dots, underscores and hyphens, and not like the envelope''s own');
    end if;
    if exists (select from jsonb_each(p_headers) h
                where jsonb_typeof(h.value) <> 'string' or octet_length(h.value #>> '{}') > 1024 or h.value #>> '{}' ~ '[\x01-\x1f\x7f]') then
        perform agenda._refuse_argument('headers', 'strings of at most 1024 bytes without control characters');
    end if;
end
$$;
comment on function agenda._check_headers(jsonb) is 'internal: raises YA006 for headers that no record can carry';

create or replace function agenda.emit(type text, subject text, data jsonb, key text default null, headers jsonb default null) returns uuid
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_emit_checked';
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
    v_xid constant pg_catalog.text := pg_current_xact_id()::text;
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
    v_xid constant pg_catalog.text := pg_current_xact_id()::text;
    v_left_out bigint := agenda._silence('none');
    v_none pg_catalog.text;
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
