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
create or replace function agenda._scan(p_now timestamptz, p_floor timestamptz, p_max_rows integer, p_careful boolean default false,
                                        out raised integer, out next_fire timestamptz)
    language plpgsql volatile as
$$
declare
    t      agenda.timers;
    v_done boolean;
begin
    perform agenda._check_service();
    raised := 0;
    for t in
        select * from agenda.timers m
         where m.fire_at <= p_now and m.fire_at >= p_floor
         order by m.fire_at
           for update skip locked
    loop
        v_done := case
            when p_careful then agenda._fire_carefully(t, p_now)
            else agenda._fire(t, p_now)
        end;
        raised := raised + v_done::integer;
        -- only what was done counts: things that somebody keeps locked must not use up the round
        exit when raised >= p_max_rows;
    end loop;
    select min(m.fire_at) into next_fire from agenda.timers m where m.fire_at >= p_floor;
end
$$;
comment on function agenda._scan(timestamptz, timestamptz, integer, boolean) is 'engine: one round of the scanner';

create or replace function agenda._fire(t agenda.timers, p_now timestamptz) returns boolean
    language plpgsql volatile as
$$
begin
    return case t.entity when 'task' then agenda._raise_task(t, p_now) else agenda._spawn(t, p_now) end;
end
$$;
comment on function agenda._fire(agenda.timers, timestamptz) is 'engine: does what one timer asks for; false if somebody has its thing locked';

-- A subtransaction for each timer, which is why this isn't the normal way.
create or replace function agenda._fire_carefully(t agenda.timers, p_now timestamptz) returns boolean
    language plpgsql volatile as
$$
begin
    return agenda._fire(t, p_now);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        return false;
    when others then
        raise warning using errcode = sqlstate,
            message = format('%s %s cannot be raised: %s', t.entity, t.entity_id, sqlerrm),
            detail = format('It is put off until %s.', agenda.utc(p_now + interval '10 minutes'));
        update agenda.timers m set fire_at = p_now + interval '10 minutes'
         where (m.user_id, m.entity, m.entity_id) = (t.user_id, t.entity, t.entity_id);
        return true;
end
$$;
comment on function agenda._fire_carefully(agenda.timers, timestamptz) is 'engine: the same, but a thing that fails is put off for ten minutes';

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

-- One task: the event of every state it has reached, one notification for the latest of them.
-- False when somebody has the task locked.
create or replace function agenda._raise_task(m agenda.timers, p_now timestamptz) returns boolean
    language plpgsql volatile as
$$
declare
    v_states constant text[] := '{due_soon,due,overdue}';
    t        agenda.tasks;
    p        agenda.preferences;
    v_what   text;
    v_raised text[] := '{}';
    v_at     timestamptz;
begin
    select * into t from agenda.tasks k
     where k.user_id = m.user_id and k.id = m.entity_id
       for no key update skip locked;
    if not found then
        -- locked by somebody, who holds the task and may want this timer: try again soon; or gone
        if not exists (select from agenda.tasks k where k.user_id = m.user_id and k.id = m.entity_id) then
            perform agenda._drop_timer(m);
        end if;
        return false;
    end if;

    if not agenda._is_open(t.status) or t.deleted_at is not null or t.due_date is null then
        perform agenda._drop_timer(m);
        return true;
    end if;
    p := agenda._preferences_of(t.user_id);
    foreach v_what in array v_states[array_position(v_states, m.what):] loop
        v_at := agenda._fire_at(v_what, t.due_date, p.due_soon_window, p.overdue_grace);
        exit when v_at > p_now;
        v_raised := v_raised || v_what;
        perform agenda._emit('task.' || v_what, t.user_id, t.id::text, t.id::text, jsonb_build_object(
            'task_id', t.id,
            'recurring_task_id', t.recurring_task_id,
            'title', t.title,
            'due_date', agenda.utc(t.due_date),
            'scheduled_for', agenda.utc(v_at),
            'seconds_left', round(extract(epoch from t.due_date - p_now))));
        v_at := null;
    end loop;

    if v_raised <> '{}' then
        perform agenda._notify(t, p, v_raised[cardinality(v_raised)], cardinality(v_raised) > 1, p_now);
        update agenda.tasks k set notified = true, last_reminder_sent = p_now, announced = v_raised[cardinality(v_raised)]
         where k.user_id = t.user_id and k.id = t.id;
    end if;
    if v_at is null then
        perform agenda._drop_timer(m);
    else
        update agenda.timers x set fire_at = v_at, what = v_what
         where (x.user_id, x.entity, x.entity_id) = (m.user_id, m.entity, m.entity_id);
    end if;
    return true;
end
$$;
comment on function agenda._raise_task(agenda.timers, timestamptz) is 'engine: announces what a task has reached and plans what comes next';

create or replace function agenda._notify(t agenda.tasks, p agenda.preferences, p_what text, p_collapsed boolean, p_now timestamptz) returns void
    language plpgsql volatile as
$$
declare
    v_at   constant timestamptz := agenda._fire_at(p_what, t.due_date, p.due_soon_window, p.overdue_grace);
    v_zone constant text := coalesce(t.timezone, p.timezone);
begin
    if not p.notifications_enabled or not p_what = any (p.enabled_types) then
        return;
    end if;
    insert into agenda.notifications (user_id, type, task_id, recurring_task_id, title, body, dedupe_key, scheduled_for, late)
    values (t.user_id, p_what, t.id, t.recurring_task_id, t.title,
            format(case p_what when 'due_soon' then 'Due on %s (%s)' when 'due' then 'Due now: %s (%s)' else 'Overdue since %s (%s)' end,
                   to_char(agenda.instant_to_local(t.due_date, v_zone), 'YYYY-MM-DD HH24:MI'), v_zone),
            format('%s:%s:%s', p_what, t.id, extract(epoch from t.due_date)),
            -- a task that is made inside its own due-soon window is not late
            greatest(v_at, t.created_at),
            p_collapsed or p_now > greatest(v_at, t.updated_at) + interval '1 minute')
    on conflict (user_id, dedupe_key) do nothing;
end
$$;
comment on function agenda._notify(agenda.tasks, agenda.preferences, text, boolean, timestamptz) is 'engine: one notification per reason, if the user wants it';

-- One series: of the keys that have come due the newest becomes a task, and the next one is planned.
-- False when somebody has the series locked.
create or replace function agenda._spawn(m agenda.timers, p_now timestamptz) returns boolean
    language plpgsql volatile as
$$
declare
    r     agenda.recurring_tasks;
    v_key timestamp;
begin
    select * into r from agenda.recurring_tasks s
     where s.user_id = m.user_id and s.id = m.entity_id
       for no key update skip locked;
    if not found then
        if not exists (select from agenda.recurring_tasks s where s.user_id = m.user_id and s.id = m.entity_id) then
            perform agenda._drop_timer(m);
        end if;
        return false;
    end if;
    if not r.is_active and r.deleted_at is null and r.resume_at <= p_now then
        update agenda.recurring_tasks s set is_active = true, resume_at = null
         where s.user_id = r.user_id and s.id = r.id;
        return true;
    end if;
    if not r.is_active or r.deleted_at is not null or r.next_due_at is null or r.spawn <> 'schedule' then
        perform agenda._drop_timer(m);
        return false;
    end if;
    if r.next_due_at > p_now then
        update agenda.timers x set fire_at = r.next_due_at
         where (x.user_id, x.entity, x.entity_id) = (m.user_id, m.entity, m.entity_id);
        return false;
    end if;
    -- after downtime several keys may be owed; keys are wall-clock times, also those that a gap moved
    v_key := greatest(r.next_key, agenda.previous_local_occurrence(r.rrule, r.dtstart,
                 agenda.instant_to_local(p_now, r.timezone) + interval '1 microsecond'));
    if r.end_date is not null and agenda.local_to_instant(v_key, r.timezone) > r.end_date then
        v_key := r.next_key;
    end if;
    r := agenda._advance(r, v_key);
    perform agenda._materialise(r, v_key, 'schedule');
    return true;
end
$$;
comment on function agenda._spawn(agenda.timers, timestamptz) is 'engine: makes the occurrence that a series owes';

