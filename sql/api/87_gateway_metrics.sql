-- ---- the database's part of the gateway's metrics ----------------------------------------------------

-- agenda.metrics() in Prometheus' text format; HELP and TYPE once, before the first row of each.
create or replace function agenda.gw_metrics() returns text
    language sql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp
    begin atomic
        select string_agg(
                   case when r.first then format(E'# HELP %s %s\n# TYPE %s %s\n', r.base, r.help, r.base, r.kind) else '' end
                   || r.name || r.labels || ' ' || r.value || E'\n', '' order by r.n)
          from (select m.n, m.name, m.help, m.kind, m.value, b.base,
                       m.n = min(m.n) over (partition by b.base) as first,
                       coalesce('{' || (select string_agg(format('%s="%s"', l.key, replace(replace(replace(l.value, '\', '\\'), '"', '\"'), E'\n', '\n')), ',' order by l.key)
                                          from jsonb_each_text(m.labels) l) || '}', '') as labels
                  from agenda.metrics() with ordinality m(name, labels, value, kind, help, n),
                       lateral (select case m.kind when 'histogram' then regexp_replace(m.name, '_(bucket|sum|count)$', '') else m.name end as base) b) r;
    end;
comment on function agenda.gw_metrics() is 'gateway: what the database counts, as text for GET /metrics';
