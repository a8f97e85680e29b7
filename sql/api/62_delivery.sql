-- ---- whether and when a notification is told -----------------------------------------------------
-- One place for what preferences say: _verdict().  The scanner asks it when something is owed, the release
-- asks it again, and why_not_notified() shows its answer.

-- The end of the quiet hours in which an instant lies; null when it lies in none.  What the clock shows twice is
-- quiet twice.
create or replace function agenda._quiet_until(p agenda.preferences, p_at timestamptz) returns timestamptz
    language plpgsql stable as
$$
declare
    v_today constant pg_catalog.date := agenda.instant_to_local(p_at, p.timezone)::date;
    v_day   pg_catalog.date;
    v_end   pg_catalog.timestamptz;
begin
    if p.quiet_start is null then
        return null;
    end if;
    -- those of yesterday may go over midnight
    foreach v_day in array array[v_today, v_today - 1] loop
        v_end := agenda._wall_instant(v_day + p.quiet_end
                                      + case when p.quiet_end < p.quiet_start then interval '1 day' else '0' end, p.timezone, 'second');
        if agenda._weekday(v_day) = any (p.quiet_days)
           and p_at >= agenda.local_to_instant(v_day + p.quiet_start, p.timezone) and p_at < v_end then
            return v_end;
        end if;
    end loop;
    return null;
end
$$;
comment on function agenda._quiet_until(agenda.preferences, timestamptz) is 'internal: when the quiet hours end in which an instant lies';

-- The first digest strictly after an instant; null where the user wants none.  One that quiet hours hold is owed at
-- their end, perhaps on the next day.
create or replace function agenda._next_digest(p agenda.preferences, p_after timestamptz) returns timestamptz
    language plpgsql stable as
$$
declare
    v_today constant pg_catalog.date := agenda.instant_to_local(p_after, p.timezone)::date;
    v_at    pg_catalog.timestamptz;
begin
    if p.digest_time is not null then
        for i in -1..8 loop
            v_at := agenda.local_to_instant(v_today + i + p.digest_time, p.timezone);
            if p.quiet_policy = 'hold' then
                v_at := coalesce(agenda._quiet_until(p, v_at), v_at);
            end if;
            if v_at > p_after and agenda._weekday(v_today + i) = any (p.digest_days) then
                return v_at;
            end if;
        end loop;
    end if;
    return null;
end
$$;
comment on function agenda._next_digest(agenda.preferences, timestamptz) is 'internal: when the next digest is owed';

-- verdict: tell, silent (to the inbox without a sound), hold (until when) or drop.
-- reason:  the preference that said so.
create type agenda.verdict as (verdict text, reason text, until timestamptz);
comment on type agenda.verdict is 'what preferences make of a notification: tell, silent, hold or drop, which of them said so, and until when it is held';

-- One expression, which the planner writes into the scanner's statement in place of a call.
create or replace function agenda._verdict(p agenda.preferences, p_type text, p_priority smallint, p_at timestamptz) returns agenda.verdict
    language sql stable
    return case
        when not p.notifications_enabled                        then row('drop', 'notifications_enabled', null)::agenda.verdict
        when not p.reminders_enabled and p_type <> 'digest'     then row('drop', 'reminders_enabled', null)::agenda.verdict
        when not p_type = any (p.enabled_types)                 then row('drop', 'enabled_types', null)::agenda.verdict
        when p.paused_until > p_at                              then row('hold', 'paused', p.paused_until)::agenda.verdict
        when p.digest_time is not null
             and p_type = any (p.digest_types)                  then row('hold', 'digest', agenda._next_digest(p, p_at))::agenda.verdict
        when p.quiet_start is null
             or p_priority <= p.quiet_break_priority
             or agenda._quiet_until(p, p_at) is null            then row('tell', null, null)::agenda.verdict
        when p.quiet_policy = 'hold'                            then row('hold', 'quiet', agenda._quiet_until(p, p_at))::agenda.verdict
        else row(p.quiet_policy, 'quiet', null)::agenda.verdict
    end;
comment on function agenda._verdict(agenda.preferences, text, smallint, timestamptz) is 'internal: what the preferences make of a notification at an instant';

-- ---- what is held ------------------------------------------------------------------------------
-- One timer for each user who has something held or wants digests.

create or replace function agenda._plan_release(p agenda.preferences, p_now timestamptz) returns void
    language plpgsql volatile as
$$
declare
    v_at constant pg_catalog.timestamptz := least(
        (select min(n.held_until) from agenda.notifications n
          where n.user_id = p.user_id and n.held_until is not null and n.withdrawn_at is null),
        agenda._next_digest(p, p_now));
begin
    if v_at is null then
        delete from agenda.timers m where (m.user_id, m.entity, m.entity_id) = (p.user_id, 'user', p.user_id);
    else
        perform agenda._set_timer(p.user_id, 'user', p.user_id, v_at, 'release');
    end if;
end
$$;
comment on function agenda._plan_release(agenda.preferences, timestamptz) is 'engine: when a user''s held notifications and digest are looked at next';

-- The preferences have changed: what is held is looked at anew, by _release().
create or replace function agenda._hold_anew(p agenda.preferences) returns void
    language plpgsql volatile as
$$
begin
    -- in the order in which everybody locks them
    perform from agenda.notifications n
      where n.user_id = p.user_id and n.held_until is not null and n.withdrawn_at is null
      order by n.task_id, n.id
        for no key update;
    update agenda.notifications n
       set held_until = coalesce(case when n.held_reason = 'digest' then agenda._next_digest(p, agenda.now()) end, agenda.now())
     where n.user_id = p.user_id and n.held_until is not null and n.withdrawn_at is null;
    perform agenda._plan_release(p, agenda.now());
end
$$;
comment on function agenda._hold_anew(agenda.preferences) is 'engine: another choice of quiet hours, vacation or digest reaches what is held';

-- A whole day is due until it ends, and what has its time of grace is, too: neither is overdue yet.  The first 50 are
-- named; nobody is helped by a count beyond a thousand.
create or replace function agenda._digest_items(p agenda.preferences, p_overdue boolean, p_until timestamptz, p_now timestamptz,
                                                out items jsonb, out n bigint)
    language plpgsql stable as
$$
declare
    v_from constant pg_catalog.timestamptz := case when p_overdue then '-infinity' else p_now - greatest(p.overdue_grace, interval '2 days') end;
begin
    select coalesce(jsonb_agg(jsonb_build_object('task_id', t.id, 'title', left(t.title, 100), 'due_date', agenda.utc(t.due_date)) order by t.due_date, t.id)
                        filter (where t.place <= 50), '[]'),
           count(*)
      into items, n
      from (select k.id, k.title, k.due_date, row_number() over (order by k.due_date, k.id) as place from agenda.tasks k
             where k.user_id = p.user_id and k.deleted_at is null and k.status in ('pending', 'in_progress')
               and k.due_date >= v_from and k.due_date < p_until
               and (agenda._due_state(k, p_now, p) = 'overdue') = p_overdue
             order by k.due_date, k.id limit 1000) t;
end
$$;
comment on function agenda._digest_items(agenda.preferences, boolean, timestamptz, timestamptz) is 'engine: open tasks that are due before an instant, those that are overdue or the others: the first 50, and how many there are up to a thousand';

-- What was held and may be told now.  One notification goes out as it is; more become one digest, and so does
-- everything at the time of the day's digest, which also names what is due today and what is overdue.  False, and
-- nothing is told yet, while somebody has some of it locked, who may wait for what this round has locked.
create or replace function agenda._release(m agenda.timers, p_now timestamptz) returns boolean
    language plpgsql volatile as
$$
declare
    p         constant agenda.preferences := agenda._preferences_of(m.user_id);
    v_merge   constant boolean := 'digest' = any (p.enabled_types);
    v_key     constant pg_catalog.text := format('digest:%s', extract(epoch from m.fire_at));
    -- the digest of this timer, or one that downtime has made late.  Once: the clock may have been set back, or
    -- another scanner may have held something until the very time at which it was told
    v_digest  constant boolean := v_merge and agenda._next_digest(p, m.fire_at - interval '1 microsecond') <= p_now
                                  and not exists (select from agenda.notifications d where d.user_id = m.user_id and d.dedupe_key = v_key);
    v_midnight constant pg_catalog.timestamptz := agenda.local_to_instant(agenda.instant_to_local(p_now, p.timezone)::date + 1 + time '00:00', p.timezone);
    q         agenda.preferences := p;
    v_held    pg_catalog.uuid[];
    v_urgent  smallint;
    v_newest  pg_catalog.uuid[];
    v_count   bigint;
    v_items   pg_catalog.jsonb;
    v_due     pg_catalog.jsonb := '[]';
    v_overdue pg_catalog.jsonb := '[]';
    n_due     bigint := 0;
    n_overdue bigint := 0;
    v         pg_catalog.record;
    v_id      constant pg_catalog.uuid := agenda.uuid7();
begin
    select array_agg(n.id), min(n.priority) into v_held, v_urgent
      from (select x.id, x.priority from agenda.notifications x
             where x.user_id = m.user_id and x.held_until <= p_now and x.withdrawn_at is null for update skip locked) n;
    if cardinality(v_held) is distinct from
       nullif((select count(*) from agenda.notifications x where x.user_id = m.user_id and x.held_until <= p_now and x.withdrawn_at is null), 0) then
        return false;
    end if;
    -- of a kind that was turned off meanwhile
    update agenda.notifications n set withdrawn_at = p_now
     where n.user_id = m.user_id and n.id = any (v_held) and not (p.reminders_enabled and n.type = any (p.enabled_types));
    if found then
        select array_agg(n.id), min(n.priority) into v_held, v_urgent from agenda.notifications n
         where n.user_id = m.user_id and n.id = any (v_held) and n.withdrawn_at is null;
    end if;
    -- the pause and the quiet hours are asked as well for those who want no digests
    q.enabled_types := '{digest}';
    v := agenda._verdict(q, 'digest', coalesce(v_urgent, 2::smallint), p_now);
    if v.verdict = 'hold' then
        update agenda.notifications n set held_until = v.until, held_reason = v.reason
         where n.user_id = m.user_id and n.id = any (v_held);
        perform agenda._plan_release(p, p_now);
        return true;
    end if;

    -- of several about one task the newest counts
    v_newest := array(select distinct on (n.task_id) n.id from agenda.notifications n
                       where n.user_id = m.user_id and n.id = any (v_held)
                       order by n.task_id, n.scheduled_for desc, n.id);
    v_count := cardinality(v_newest);
    -- the newest 50 are named, for all must go into one event
    select jsonb_agg(jsonb_build_object('id', h.id, 'type', h.type, 'task_id', h.task_id, 'title', left(h.title, 100),
                                        'scheduled_for', agenda.utc(h.scheduled_for)) order by h.scheduled_for, h.id)
      into v_items
      from (select n.* from agenda.notifications n
             where v_merge and n.user_id = m.user_id and n.id = any (v_newest)
             order by n.scheduled_for desc, n.id desc limit 50) h;
    if v_digest then
        select d.items, d.n into v_due, n_due from agenda._digest_items(p, false, v_midnight, p_now) d;
        select d.items, d.n into v_overdue, n_overdue from agenda._digest_items(p, true, p_now, p_now) d;
    end if;
    if v.verdict = 'drop' then
        -- nothing is wanted any more
        update agenda.notifications n set withdrawn_at = p_now where n.user_id = m.user_id and n.id = any (v_held);
    elsif (v_merge and v_count > 1) or (v_digest and coalesce(v_items, '[]') || v_due || v_overdue <> '[]') then
        insert into agenda.notifications (id, user_id, type, title, body, data, priority, dedupe_key, scheduled_for, silent, late)
        values (v_id, m.user_id, 'digest',
                case when v_digest then format('%s due today, %s overdue', n_due, n_overdue)
                     else format('%s tasks while you wanted quiet', v_count) end,
                (select left(string_agg(distinct e->>'title', ', '), 2000) from jsonb_array_elements(coalesce(v_items, '[]') || v_due || v_overdue) e),
                jsonb_build_object('held', coalesce(v_items, '[]'), 'due', v_due, 'overdue', v_overdue,
                                   'held_count', coalesce(v_count, 0), 'due_count', n_due, 'overdue_count', n_overdue),
                coalesce(v_urgent, 2), case when v_digest then v_key else 'digest:' || v_id end, m.fire_at,
                v.verdict = 'silent', p_now > m.fire_at + interval '1 minute');
        update agenda.notifications n set withdrawn_at = p_now, merged_into = v_id
         where n.user_id = m.user_id and n.id = any (v_held);
    else
        -- a single one, or a user who wants no digests
        update agenda.notifications n
           set held_until = null, released_at = p_now, silent = v.verdict = 'silent'
         where n.user_id = m.user_id and n.id = any (v_newest);
        update agenda.notifications n set withdrawn_at = p_now
         where n.user_id = m.user_id and n.id = any (v_held) and n.held_until is not null;
    end if;
    perform agenda._plan_release(p, p_now);
    return true;
end
$$;
comment on function agenda._release(agenda.timers, timestamptz) is 'engine: tells a user what was held, as one; false when somebody has it locked';
