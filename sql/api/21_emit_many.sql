-- Many events at once, in the order of the arrays.
create or replace function agenda._emit_many(p_types text[], p_users uuid[], p_subjects text[], p_data jsonb[]) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    c record;
begin
    -- draws the transaction id, which must be older than any seq
    select * into c from agenda._log_context();
    insert into agenda.events (seq, xid, id, type, user_id, subject, key, actor, occurred_at, trace, headers, data)
    select nextval('agenda.events_seq'), c.xid, agenda.uuid7(), e.type, e.user_id, e.subject, e.subject,
           c.actor, c.at, c.trace, c.headers, e.data
      from unnest(p_types, p_users, p_subjects, p_data) with ordinality e (type, user_id, subject, data, n)
     where agenda._admit_event(e.data, c.headers)
     order by e.n;
end
$$;
comment on function agenda._emit_many(text[], uuid[], text[], jsonb[]) is 'engine: writes many events to the log at once';
