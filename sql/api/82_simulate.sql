-- ---- simulation --------------------------------------------------------------------------------
-- The engine itself on a clock that jumps from one timer to the next, in a subtransaction that is rolled back:
-- what would happen is what happens, and nothing of it stays.  No event leaves, for none is committed.

create type agenda.simulated as (at timestamptz, what text, task_id uuid, title text, notification jsonb);
comment on type agenda.simulated is 'something that would happen: when, the type of its event, the task, and the notification if it is one';

-- What the events after a number tell, at the time that the clock shows.  They are found by their number: by xid
-- each step would read the events of all steps before it, hence a comparison that no index has.
create or replace function agenda._simulated_since(p_seq bigint, p_began timestamptz) returns setof agenda.simulated
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp
    set enable_seqscan = off set jit = off as
$$
begin
    return query
        select agenda.now(), e.type,
               coalesce(e.data->>'task_id', e.data->'after'->>'task_id', case when e.type like 'task.%' then e.subject end)::uuid,
               coalesce(e.data->>'title', e.data->'after'->>'title'),
               case when e.type = 'notification.created' then e.data->'after' end
          from agenda.events e
         where e.seq > p_seq and e.occurred_at >= p_began and e.xid is not distinct from pg_current_xact_id()
         order by e.seq;
end
$$;
comment on function agenda._simulated_since(bigint, timestamptz) is 'engine: events of this transaction since a number';

create or replace function agenda._last_seq() returns bigint
    language sql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp
    as 'select s.last_value from agenda.events_seq s';
comment on function agenda._last_seq() is 'engine: the newest number of an event';

-- Timers of one user by the user, of everybody by time; two statements each, for a plan that serves both reads all timers.
create or replace function agenda._simulated_timers(p_user uuid, p_now timestamptz) returns agenda.timers[]
    language plpgsql volatile as
$$
begin
    if p_user is not null then
        return array(select m from agenda.timers m where m.user_id = p_user and m.fire_at <= p_now
                      order by m.fire_at limit 1000
                        for update skip locked);
    end if;
    return array(select m from agenda.timers m where m.fire_at <= p_now
                  order by m.fire_at limit 1000
                    for update skip locked);
end
$$;
comment on function agenda._simulated_timers(uuid, timestamptz) is 'engine: what is owed in a simulation';

create or replace function agenda._simulated_next(p_user uuid, p_after timestamptz) returns timestamptz
    language plpgsql stable as
$$
begin
    if p_user is not null then
        return (select min(m.fire_at) from agenda.timers m where m.user_id = p_user and m.fire_at > p_after);
    end if;
    return (select min(m.fire_at) from agenda.timers m where m.fire_at > p_after);
end
$$;
comment on function agenda._simulated_next(uuid, timestamptz) is 'engine: when something is owed next in a simulation';

-- One user, or everybody; all that happens, or what is of one type and not before an instant.  It ends when there are
-- enough rows.  Things that somebody has locked stay where they are.  Rows that have been returned stay returned
-- when what they tell of is rolled back.
create or replace function agenda._simulate(p_user uuid, p_from timestamptz, p_until timestamptz, p_max_rows integer,
                                            p_what text default null, p_since timestamptz default '-infinity')
    returns setof agenda.simulated
    language plpgsql volatile as
$$
declare
    v_began  constant pg_catalog.timestamptz := clock_timestamp();
    v_now    pg_catalog.timestamptz := p_from;
    v_seq    bigint := agenda._last_seq();
    v_timers agenda.timers[];
    v_done   pg_catalog.uuid[];
    v_left   bigint := p_max_rows;
    v_found  bigint;
    v_fired  bigint := 0;
begin
    begin
        while v_now < p_until and v_left > 0 loop
            perform agenda._set_clock(v_now);
            loop
                v_timers := agenda._simulated_timers(p_user, v_now);
                exit when v_timers = '{}';
                v_fired := v_fired + cardinality(v_timers);
                if p_user is not null and v_fired > 100000 then
                    raise exception using errcode = '54000',
                        message = 'too much would happen before the period is over',
                        hint = 'Ask for a period that is nearer, or shorter.';
                end if;
                v_done := agenda._fire(v_timers, v_now);
                perform agenda._plan_releases(v_timers, v_now, false);
                exit when v_done = '{}';
            end loop;
            return query select s.* from agenda._simulated_since(v_seq, v_began) s
                          where s.what = coalesce(p_what, s.what) and s.at >= p_since
                          limit v_left;
            get diagnostics v_found = row_count;
            v_left := v_left - v_found;
            v_seq := agenda._last_seq();
            v_now := agenda._simulated_next(p_user, v_now);
            exit when v_now is null;
        end loop;
        raise exception using errcode = 'P0002', message = 'end of the simulation';
    exception when no_data_found then
        if sqlerrm <> 'end of the simulation' then
            raise;
        end if;
    end;
end
$$;
comment on function agenda._simulate(uuid, timestamptz, timestamptz, integer, text, timestamptz) is 'engine: what would happen between two instants if nobody did anything';

create or replace function agenda._check_period(p_from timestamptz, p_until timestamptz, p_max_rows integer) returns void
    language plpgsql immutable as
$$
begin
    if p_from is null or p_until is null or not isfinite(p_from) or not isfinite(p_until)
       or p_until < p_from or p_until > p_from + interval '10 years' then
        raise exception using errcode = 'YA006',
            message = 'a period of at most ten years is needed', column = 'until_time';
    elsif p_max_rows is null or p_max_rows < 1 then
        raise exception using errcode = 'YA006', message = 'max_rows must be at least 1', column = 'max_rows';
    end if;
end
$$;
comment on function agenda._check_period(timestamptz, timestamptz, integer) is 'internal: raises YA006 for what is no period, or no number of rows';

create or replace function agenda.simulate(from_time timestamptz, until_time timestamptz, max_rows integer default 100000)
    returns setof agenda.simulated
    language plpgsql volatile as
$$
begin
    perform agenda._check_service();
    perform agenda._check_period(from_time, until_time, max_rows);
    perform agenda._enter(null);
    return query select * from agenda._simulate(null, from_time, until_time, max_rows);
    perform agenda._leave();
end
$$;
comment on function agenda.simulate(timestamptz, timestamptz, integer)
    is 'operator: what the engine would do for all users from one instant to another if nobody did anything; runs it on a virtual clock and rolls it back';

create or replace function agenda.forecast_notifications(from_time timestamptz default null, until_time timestamptz default null, max_rows integer default 1000)
    returns setof agenda.simulated
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_user  constant uuid := agenda._acting_user();
    v_from  constant timestamptz := coalesce(from_time, agenda.now());
    v_until constant timestamptz := coalesce(until_time, v_from + interval '7 days');
begin
    perform agenda._check_period(v_from, v_until, max_rows);
    if v_until > agenda.now() + interval '10 years' then
        raise exception using errcode = 'YA006', message = 'a forecast reaches ten years ahead', column = 'until_time';
    end if;
    perform agenda._enter(v_user);
    return query
        select * from agenda._simulate(v_user, agenda.now(), v_until, least(max_rows, 10000), 'notification.created', v_from);
    perform agenda._leave();
end
$$;
comment on function agenda.forecast_notifications(timestamptz, timestamptz, integer)
    is 'the notifications that the acting user would get in a period (seven days from now) if nothing changed: the engine runs ahead and is rolled back';
