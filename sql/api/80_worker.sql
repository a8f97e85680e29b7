-- ---- what the scanner calls --------------------------------------------------------------------
-- Runs as agenda_service.  The time is an argument, so that every rule can be tried without a worker
-- and without waiting.

-- Everything owed at p_now, oldest first, at most p_max_rows things.
--   floor      nothing is owed before this instant: index entries below it need not be looked at
--   raised     how many timers were dealt with
--   next_fire  the earliest that is pending now, null when nothing is; not in the future when this round
--              left something that is owed already (locked by somebody: the scanner comes again soon).
--              It is the next floor, so it must never be later than what is pending
--   careful    after a round that failed: a thing that fails is put off, and holds up no other
--   newest     newest first: so those who work beside each other begin at different ends
--   from       where to begin in the order of the index, null for its end: at the first that the round before has
--              taken (first), for in front of it are mostly the dead entries of what has been raised.  What else
--              is there is not looked at, which is for the caller to do (bgworker/scan.c)
-- Any number of sessions may do this at once: what one of them has locked the others pass over.
create or replace function agenda._scan(p_now timestamptz, p_floor timestamptz, p_max_rows integer, p_careful boolean default false,
                                        p_newest boolean default false, p_from_at timestamptz default null, p_from_user uuid default null,
                                        out raised integer, out next_fire timestamptz, out first_at timestamptz, out first_user uuid)
    language plpgsql volatile as
$$
declare
    v_timers agenda.timers[];
    v_done   pg_catalog.uuid[];
    v_left   pg_catalog.uuid[] := '{}';
    v_full   boolean;
    v_all    agenda.timers[] := '{}';
begin
    perform agenda._check_service();
    -- for nobody in particular, whoever the caller acts for
    perform agenda._enter(null);
    raised := 0;
    -- only what was done counts: things that somebody keeps locked must not use up the round
    for i in 1..8 loop
        v_timers := case when p_newest then agenda._newest_timers(p_now, p_from_at, p_from_user, p_floor, p_max_rows - raised, v_left)
                         else agenda._owed_timers(p_now, coalesce(p_from_at, p_floor), p_from_user, p_max_rows - raised, v_left) end;
        exit when v_timers = '{}';
        if i = 1 then
            first_at := v_timers[1].fire_at;
            first_user := v_timers[1].user_id;
        end if;
        v_all := v_all || v_timers;
        v_done := case when p_careful then agenda._fire_carefully(v_timers, p_now) else agenda._fire(v_timers, p_now) end;
        v_full := cardinality(v_timers) = p_max_rows - raised;
        raised := raised + cardinality(v_done);
        exit when raised >= p_max_rows or not v_full;
        v_left := v_left || array(select (t).entity_id from unnest(v_timers) t where (t).entity_id <> all (v_done));
    end loop;
    if not p_careful then
        perform agenda._plan_releases(v_all, p_now, true);
    end if;
    -- behind a round that was full comes another, which asks the same
    next_fire := case when p_from_at is null or raised < p_max_rows
                      then (select min(m.fire_at) from agenda.timers m where m.fire_at >= p_floor) else p_floor end;
    perform agenda._leave();
end
$$;
comment on function agenda._scan(timestamptz, timestamptz, integer, boolean, boolean, timestamptz, uuid) is 'engine: one round of the scanner';

-- The oldest; and when there are more than a round takes, up to half of it for others: for the users who come
-- next in the order of the index, ten timers of each, and for what has been owed for the shortest time.  So
-- nobody waits behind the million of somebody else.
create or replace function agenda._owed_timers(p_now timestamptz, p_from_at timestamptz, p_from_user uuid, p_max_rows integer, p_left uuid[])
    returns agenda.timers[]
    language plpgsql volatile
    set enable_seqscan = off set enable_sort = off set enable_bitmapscan = off set jit = off as
$$
declare
    v_share constant integer := p_max_rows / 4;
    v_owed  agenda.timers[];
    v_last  agenda.timers;
    v_next  agenda.timers;
    v_other agenda.timers[] := '{}';
begin
    v_owed := array(
        select m from agenda.timers m
         where m.fire_at <= p_now and (m.fire_at, m.user_id) >= (p_from_at, coalesce(p_from_user, '00000000-0000-0000-0000-000000000000'))
           and m.entity_id <> all (p_left)
         order by m.fire_at, m.user_id
         limit p_max_rows
           for update skip locked);
    -- a round from a place leaves the others to those that begin at the end of the index
    if cardinality(v_owed) < p_max_rows or v_share = 0 or p_from_user is not null then
        return v_owed;
    end if;
    v_last := v_owed[p_max_rows];
    v_next := v_last;
    while cardinality(v_other) < v_share loop
        select * into v_next from agenda.timers m
         where (m.fire_at, m.user_id) > (v_next.fire_at, v_next.user_id) and m.fire_at <= p_now
         order by m.fire_at, m.user_id
         limit 1;
        exit when not found;
        v_other := v_other || array(
            select m from agenda.timers m
             where m.fire_at = v_next.fire_at and m.user_id = v_next.user_id and m.entity_id <> all (p_left)
             limit least(10, v_share - cardinality(v_other))
               for update skip locked);
    end loop;
    v_other := v_other || array(
        select m from agenda.timers m
         where (m.fire_at, m.user_id) > (v_last.fire_at, v_last.user_id) and m.fire_at <= p_now
           -- ids in an array, not a join: both have hundreds of rows
           and m.entity_id <> all (p_left || array(select (o).entity_id from unnest(v_other) o))
         order by m.fire_at desc, m.user_id desc
         limit v_share
           for update skip locked);
    return v_owed[:p_max_rows - cardinality(v_other)] || v_other;
end
$$;
comment on function agenda._owed_timers(timestamptz, timestamptz, uuid, integer, uuid[]) is 'engine: locks the timers that one round raises';

create or replace function agenda._newest_timers(p_now timestamptz, p_from_at timestamptz, p_from_user uuid, p_floor timestamptz, p_max_rows integer,
                                                 p_left uuid[]) returns agenda.timers[]
    language plpgsql volatile
    set enable_seqscan = off set enable_sort = off set enable_bitmapscan = off set jit = off as
$$
begin
    return array(
        select m from agenda.timers m
         where m.fire_at <= p_now and m.fire_at >= p_floor and m.entity_id <> all (p_left)
           -- the clock may have been set back meanwhile
           and (m.fire_at, m.user_id) <= (coalesce(p_from_at, p_now), coalesce(p_from_user, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
         order by m.fire_at desc, m.user_id desc
         limit p_max_rows
           for update skip locked);
end
$$;
comment on function agenda._newest_timers(timestamptz, timestamptz, uuid, timestamptz, integer, uuid[]) is 'engine: the same from the other end, for those who work beside the scanner';

-- Many timers at once: tasks first, for a reminder that comes late has nothing to add to what they tell.
create or replace function agenda._fire(p_timers agenda.timers[], p_now timestamptz) returns uuid[]
    language plpgsql volatile as
$$
declare
    m      agenda.timers;
    v_done pg_catalog.uuid[] := '{}';
begin
    -- the user before the task, as whoever deletes the user
    v_done := agenda._raise_tasks(array(select t from unnest(p_timers) t
                                         where (t).entity in ('task', 'repeat') and agenda._hold_user((t).user_id)), p_now)
           || agenda._raise_reminders(array(select t from unnest(p_timers) t
                                             where (t).entity = 'reminder' and agenda._hold_user((t).user_id)), p_now);
    for m in select t.* from unnest(p_timers) t where t.entity = 'series' order by t.fire_at loop
        if agenda._spawn(m, p_now) then
            v_done := v_done || m.entity_id;
        end if;
    end loop;
    for m in select t.* from unnest(p_timers) t where t.entity = 'user' loop
        if agenda._release(m, p_now) then
            v_done := v_done || m.entity_id;
        end if;
    end loop;
    for m in select t.* from unnest(p_timers) t where t.entity = 'preferences' and agenda._hold_user(t.user_id) loop
        perform agenda._settle(m, p_now);
        v_done := v_done || m.entity_id;
    end loop;
    return v_done;
end
$$;
comment on function agenda._fire(agenda.timers[], timestamptz) is 'engine: does what timers ask for, returns the ids of the things that were not locked';

-- A subtransaction for each timer, which is why this isn't the normal way.
create or replace function agenda._fire_carefully(p_timers agenda.timers[], p_now timestamptz) returns uuid[]
    language plpgsql volatile as
$$
declare
    t      agenda.timers;
    v_done pg_catalog.uuid[] := '{}';
begin
    foreach t in array p_timers loop
        begin
            v_done := v_done || agenda._fire(array[t], p_now);
            perform agenda._plan_releases(array[t], p_now, true);
        exception
            when lock_not_available or deadlock_detected or serialization_failure then
                null;
            when others then
                raise warning using errcode = sqlstate,
                    message = format('%s %s cannot be raised: %s', t.entity, t.entity_id, sqlerrm),
                    detail = format('It is put off until %s.', agenda.utc(p_now + interval '10 minutes'));
                update agenda.timers m set fire_at = p_now + interval '10 minutes'
                 where (m.user_id, m.entity, m.entity_id) = (t.user_id, t.entity, t.entity_id);
                v_done := v_done || t.entity_id;
        end;
    end loop;
    return v_done;
end
$$;
comment on function agenda._fire_carefully(agenda.timers[], timestamptz) is 'engine: the same one by one; a thing that fails is put off for ten minutes';

create or replace function agenda.check_due_tasks(max_rows integer default 1000, out raised integer, out next_at timestamptz)
    language plpgsql volatile as
$$
begin
    select s.raised, s.next_fire into raised, next_at
      from agenda._scan(agenda.now(), '-infinity', least(greatest(max_rows, 1), 100000)) s;
end
$$;
comment on function agenda.check_due_tasks(integer) is 'operator: does what the scanner does, now; harmless beside it';

-- Under row-level security the engine would see nothing, and take that for the truth.  The attribute
-- BYPASSRLS is not inherited: a member of agenda_service has to SET ROLE.
create or replace function agenda._check_service() returns void
    language plpgsql stable as
$$
begin
    if row_security_active('agenda.tasks') then
        raise exception using errcode = '42501',
            message = format('role "%s" is subject to row-level security', current_user),
            hint = 'Run SET ROLE agenda_service.';
    end if;
end
$$;
comment on function agenda._check_service() is 'internal: raises 42501 for a role that would see only a part';

create or replace function agenda._drop_timer(m agenda.timers) returns void
    language plpgsql volatile as
$$
begin
    delete from agenda.timers x where (x.user_id, x.entity, x.entity_id) = (m.user_id, m.entity, m.entity_id);
end
$$;
comment on function agenda._drop_timer(agenda.timers) is 'engine: nothing is owed to this thing any more';

