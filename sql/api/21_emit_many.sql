-- Many events at once, in the order of the arrays.
create or replace function agenda._emit_many(p_types text[], p_users uuid[], p_subjects text[], p_data jsonb[]) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    perform agenda._emit(e.type, e.user_id, e.subject, e.subject, e.data)
       from (select * from unnest(p_types, p_users, p_subjects, p_data) with ordinality x (type, user_id, subject, data, n)
              order by x.n) e;
end
$$;
comment on function agenda._emit_many(text[], uuid[], text[], jsonb[]) is 'engine: writes many events to the log';
