-- ---- raising: tasks and reminders that are owed --------------------------------------------------
-- Set by set, since a million may be owed at one instant: what is owed is collected in an array of
-- agenda.raising, one element for each timer, and _announce() writes events, notifications, tasks and
-- timers from it with one statement each.

create type agenda.raising as (
    entity            text,
    user_id           uuid,
    id                uuid,
    task_id           uuid,
    recurring_task_id uuid,
    title             text,
    priority          smallint,
    due_date          timestamptz,
    due_text          text,
    known_at          timestamptz,
    dedupe            text,
    reached           text[],
    reached_at        timestamptz[],
    nth               integer,
    next_what         text,
    next_at           timestamptz,
    verdict           text,
    reason            text,
    until             timestamptz);
comment on type agenda.raising is 'a timer that has come up: what its thing has reached and when, what comes next, what the preferences say';
comment on column agenda.raising.known_at is 'nothing can be late before this: the task did not exist, or had another due date';

create or replace function agenda._due_text(p_kind text, p_local timestamp, p_due timestamptz, p_zone text) returns text
    language sql stable
    return case when p_kind = 'date' then to_char(p_local, 'YYYY-MM-DD')
                else to_char(agenda.instant_to_local(p_due, p_zone), 'YYYY-MM-DD HH24:MI') || ' (' || p_zone || ')' end;
comment on function agenda._due_text(text, timestamp, timestamptz, text) is 'internal: a due date as people read it';

-- One task whose timer has come up.  Nothing has been reached when it is done, gone, or due another time.
create or replace function agenda._raising_of_task(m agenda.timers, t agenda.tasks, p agenda.preferences, p_now timestamptz)
    returns agenda.raising
    language plpgsql stable as
$$
declare
    v_states constant pg_catalog.text[] := '{due_soon,due,overdue}';
    v_what   pg_catalog.text;
    v_at     pg_catalog.timestamptz;
    v        pg_catalog.record;
    r        agenda.raising;
begin
    r := (m.entity, m.user_id, m.entity_id, t.id, t.recurring_task_id, t.title, t.priority, t.due_date, null, null,
          null, '{}', '{}', 0, null, null, null, null, null)::agenda.raising;
    if not agenda._is_open(t.status) or t.deleted_at is not null or t.due_date is null then
        return r;
    end if;
    if m.entity = 'repeat' then
        v_at := agenda._fire_at('overdue', t, p);
        r.nth := floor(extract(epoch from p_now - v_at) / extract(epoch from p.overdue_repeat));
        if r.nth between 1 and p.overdue_repeat_max and t.announced = 'overdue' then
            r.reached := '{repeat}';
            r.reached_at := array[greatest(m.fire_at, v_at + make_interval(secs => r.nth * extract(epoch from p.overdue_repeat)))];
        end if;
        r.next_at := agenda._repeat_at(t, p, p_now);
        r.next_what := 'repeat';
    else
        foreach v_what in array v_states[array_position(v_states, m.what):] loop
            v_at := agenda._fire_at(v_what, t, p);
            if v_at > p_now then
                r.next_what := v_what;
                r.next_at := v_at;
                exit;
            end if;
            r.reached := r.reached || v_what;
            r.reached_at := r.reached_at || v_at;
        end loop;
    end if;
    if r.reached <> '{}' then
        v_what := r.reached[cardinality(r.reached)];
        r.due_text := agenda._due_text(t.due_kind, t.due_local, t.due_date, coalesce(t.timezone, p.timezone));
        r.known_at := case when t.updated_at = t.created_at then coalesce(t.owed_from, t.created_at) else t.updated_at end;
        r.dedupe := format('%s:%s:%s', replace(v_what, 'repeat', 'overdue'), t.id, extract(epoch from t.due_date))
                    || case when r.nth > 0 then ':' || r.nth else '' end;
        -- a task that is made inside its own due-soon window is not late
        r.reached_at[cardinality(r.reached)] := greatest(r.reached_at[cardinality(r.reached)], coalesce(t.owed_from, t.created_at));
        v := agenda._verdict(p, replace(v_what, 'repeat', 'overdue'), t.priority, p_now);
        r.verdict := v.verdict;
        r.reason := v.reason;
        r.until := v.until;
    end if;
    return r;
end
$$;
comment on function agenda._raising_of_task(agenda.timers, agenda.tasks, agenda.preferences, timestamptz) is 'internal: what a task has reached';

-- When an overdue task is told again; null when that is not wanted, or was often enough.
create or replace function agenda._repeat_at(t agenda.tasks, p agenda.preferences, p_now timestamptz) returns timestamptz
    language plpgsql stable as
$$
declare
    v_at  constant pg_catalog.timestamptz := agenda._fire_at('overdue', t, p);
    v_nth constant integer := greatest(floor(extract(epoch from p_now - v_at) / extract(epoch from p.overdue_repeat)), 0) + 1;
begin
    if v_nth <= p.overdue_repeat_max then
        return v_at + make_interval(secs => v_nth * extract(epoch from p.overdue_repeat));
    end if;
    return null;
end
$$;
comment on function agenda._repeat_at(agenda.tasks, agenda.preferences, timestamptz) is 'internal: the next time that an overdue task is told';

-- Another wish how often: the timers of the user's overdue tasks, made anew.
create or replace function agenda._plan_repeats(p agenda.preferences) returns void
    language plpgsql volatile as
$$
declare
    t    agenda.tasks;
    v_at pg_catalog.timestamptz;
begin
    for t in
        select * from agenda.tasks k
         where k.user_id = p.user_id and k.deleted_at is null and k.status in ('pending', 'in_progress')
           and k.due_date is not null and k.announced = 'overdue'
         order by k.id
           for no key update
    loop
        v_at := agenda._repeat_at(t, p, agenda.now());
        if v_at is not null then
            perform agenda._set_timer(t.user_id, 'repeat', t.id, v_at, 'repeat');
        else
            delete from agenda.timers m where (m.user_id, m.entity, m.entity_id) = (t.user_id, 'repeat', t.id);
        end if;
    end loop;
end
$$;
comment on function agenda._plan_repeats(agenda.preferences) is 'engine: when a user''s overdue tasks are told again';

-- Both return the ids of the things that were dealt with; what somebody else has locked is not.
create or replace function agenda._raise_tasks(p_timers agenda.timers[], p_now timestamptz) returns uuid[]
    language plpgsql volatile
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as
$$
declare
    v agenda.raising[];
begin
    if p_timers = '{}' then
        return '{}';
    end if;
    v := array(
        select agenda._raising_of_task(l.m, l.t, case when p.user_id is null then agenda._default_preferences((l.t).user_id) else p end, p_now)
          from (select m, t from unnest(p_timers) m
                  join agenda.tasks t on t.user_id = m.user_id and t.id = m.entity_id
                   for no key update of t skip locked) l
          left join agenda.preferences p on p.user_id = (l.t).user_id);
    perform agenda._announce(v, p_now);
    -- what has become overdue may be told again
    perform agenda._set_timer(t.user_id, 'repeat', t.id, agenda._repeat_at(t, f, p_now), 'repeat')
       from unnest(v) r
       join agenda.preferences f on f.user_id = r.user_id and f.overdue_repeat is not null
       join agenda.tasks t on t.user_id = r.user_id and t.id = r.task_id
      where r.entity = 'task' and 'overdue' = any (r.reached) and agenda._repeat_at(t, f, p_now) is not null;
    -- what is gone leaves no timer behind
    delete from agenda.timers x using unnest(p_timers) m
     where x.user_id = m.user_id and x.entity = m.entity and x.entity_id = m.entity_id
       and not exists (select from agenda.tasks t where t.user_id = m.user_id and t.id = m.entity_id);
    return array(select r.id from unnest(v) r);
end
$$;
comment on function agenda._raise_tasks(agenda.timers[], timestamptz) is 'engine: announces what tasks have reached and plans what comes next';

-- What reminders whose timers have come up have reached; locks them and their tasks, and passes over those that
-- are locked.  Several times of one that passed meanwhile count, and are told once.  Nothing has been reached
-- when the reminder or its task is done with, or when it is owed another time.
create or replace function agenda._raisings_of_reminders(p_timers agenda.timers[], p_now timestamptz) returns agenda.raising[]
    language plpgsql volatile
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as
$$
begin
    return array(
        select row('reminder', o.user_id, o.id, o.task_id, o.recurring_task_id, o.title, o.priority, o.due_date,
                   case when o.due_date is not null
                        then agenda._due_text(o.due_kind, o.due_local, o.due_date, coalesce(o.timezone, (o.p).timezone)) end,
                   o.known_at,
                   'reminder:' || o.id || ':' || extract(epoch from o.fire_at),
                   case when o.owed then '{reminder}' else '{}' end,
                   case when o.owed then array[o.fire_at] else '{}' end,
                   o.nth,
                   'reminder',
                   case when not o.owed then o.fire_at
                        when o.nth <= o.repeat_max or (o.repeat_max is null and o.repeat_every is not null)
                        then o.fire_at + make_interval(secs => (o.nth - o.fired_count) * extract(epoch from o.repeat_every)) end,
                   case when d.reason is null then (o.v).verdict else 'drop' end,
                   coalesce(d.reason, (o.v).reason),
                   (o.v).until)::agenda.raising
          from (select w.*,
                       case when w.owed then agenda._verdict(w.p, 'reminder', w.priority, p_now) end as v,
                       w.fired_count + 1
                       + coalesce(floor(extract(epoch from p_now - w.fire_at) / extract(epoch from w.repeat_every)), 0)::integer as nth
                  from (select l.*,
                               coalesce(l.fire_at <= p_now, false) as owed,
                               case when p.user_id is null then agenda._default_preferences(l.user_id) else p end as p
                          from (select r.user_id, r.id, r.task_id, r.fired_count, r.repeat_every, r.repeat_max,
                                       case when r.created_at = t.created_at then coalesce(t.owed_from, t.created_at) else r.created_at end as known_at,
                                       case when r.state = 'scheduled' and agenda._is_open(t.status) and t.deleted_at is null
                                            then r.fire_at end as fire_at,
                                       t.recurring_task_id, t.title, t.priority, t.due_date, t.due_kind, t.due_local, t.timezone,
                                       t.last_reminder_sent
                                  from unnest(p_timers) m
                                  join agenda.reminders r on r.user_id = m.user_id and r.id = m.entity_id
                                  join agenda.tasks t on t.user_id = r.user_id and t.id = r.task_id
                                   for no key update of t, r skip locked) l
                          left join agenda.preferences p on p.user_id = l.user_id
                        offset 0) w
                offset 0) o
         cross join lateral (select case
                                 when not o.owed then null
                                 when p_now > o.fire_at + (o.p).catchup_window then 'catchup_window'
                                 -- the task has been told since
                                 when p_now > o.fire_at + interval '1 minute' and o.last_reminder_sent >= o.fire_at and o.fired_count = 0 then 'told'
                             end as reason) d);
end
$$;
comment on function agenda._raisings_of_reminders(agenda.timers[], timestamptz) is 'engine: locks reminders that have come up, and says what they have reached';

create or replace function agenda._raise_reminders(p_timers agenda.timers[], p_now timestamptz) returns uuid[]
    language plpgsql volatile
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as
$$
declare
    v agenda.raising[];
begin
    if p_timers = '{}' then
        return '{}';
    end if;
    v := agenda._raisings_of_reminders(p_timers, p_now);
    update agenda.reminders r
       set fire_at = x.next_at,
           snoozed_until = null,
           fired_count = x.nth,
           last_fired_at = p_now,
           state = case when x.next_at is not null then 'scheduled' when x.reason = 'catchup_window' then 'expired' else 'fired' end
      from unnest(v) x
     where r.user_id = x.user_id and r.id = x.id and x.reached <> '{}';
    perform agenda._announce(v, p_now);
    if cardinality(v) < cardinality(p_timers) then
        delete from agenda.timers x using unnest(p_timers) m
         where x.user_id = m.user_id and x.entity = m.entity and x.entity_id = m.entity_id
           and not exists (select from agenda.reminders r where r.user_id = m.user_id and r.id = m.entity_id);
    end if;
    return array(select r.id from unnest(v) r);
end
$$;
comment on function agenda._raise_reminders(agenda.timers[], timestamptz) is 'engine: tells what reminders ask for and plans their repetition';

-- Events, whatever the preferences say; notifications as they say; the task remembers; then the timers.
create or replace function agenda._announce(p agenda.raising[], p_now timestamptz) returns void
    language plpgsql volatile
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as
$$
begin
    perform agenda._emit_each(case e.what when 'reminder' then 'reminder.due' else 'task.' || e.what end, e.user_id, e.id::text,
                         case e.what when 'reminder' then agenda._row_json(e, '{id,user_id,what}')
                                     else agenda._row_json(e, '{id,user_id,what,reminder_id,nth,late}') end)
       from (select r.id, r.user_id, s.what, r.task_id, r.recurring_task_id, r.title, r.due_date, s.at as scheduled_for,
                    round(extract(epoch from r.due_date - p_now))::bigint as seconds_left,
                    r.id as reminder_id, r.nth, p_now > s.at + interval '1 minute' as late
               from unnest(p) r, unnest(r.reached, r.reached_at) s (what, at)
              where s.what <> 'repeat'
              order by s.at, r.id) e;

    -- what one task has to say at one time is told once
    perform agenda._notify_each(o.user_id, o.type, o.task_id, o.recurring_task_id, case when o.type = 'reminder' then o.id end, o.title,
           format(case o.type when 'due_soon' then 'Due on %s' when 'due' then 'Due now: %s' when 'overdue' then 'Overdue since %s'
                              else case when o.due_text is null then 'Reminder' else 'Reminder: due on %s' end end, o.due_text),
           case when o.together > 1 then jsonb_build_object('told', o.together) else '{}' end,
           o.priority, o.dedupe, o.at, o.until, case when o.verdict = 'hold' then o.reason end, o.verdict = 'silent',
           cardinality(o.reached) > 1 or p_now > greatest(o.at, o.known_at) + interval '1 minute')
      from (select r.*, r.reached_at[cardinality(r.reached)] as at,
                   replace(r.reached[cardinality(r.reached)], 'repeat', 'overdue') as type,
                   row_number() over w as n, sum(cardinality(r.reached)) over (partition by r.user_id, r.task_id) as together
              from unnest(p) r
             where r.reached <> '{}' and r.verdict <> 'drop'
            window w as (partition by r.user_id, r.task_id order by r.reached_at[cardinality(r.reached)] desc, r.entity)) o
     where o.n = 1
       -- whoever could tell it at the same time waits for the lock on the task
       and not exists (select from agenda.notifications d where d.user_id = o.user_id and d.dedupe_key = o.dedupe);

    update agenda.tasks t
       set last_reminder_sent = case when r.told then p_now else t.last_reminder_sent end,
           notified = t.notified or r.announced is not null,
           announced = coalesce(r.announced, t.announced)
      from (select x.user_id, x.task_id, bool_or(x.verdict <> 'drop') as told,
                   max(x.reached[cardinality(x.reached)]) filter (where x.entity = 'task') as announced
              from unnest(p) x where x.reached <> '{}' group by x.user_id, x.task_id) r
     where t.user_id = r.user_id and t.id = r.task_id and (r.told or r.announced is not null);

    update agenda.timers m set fire_at = r.next_at, what = r.next_what
      from unnest(p) r
     where m.user_id = r.user_id and m.entity = r.entity and m.entity_id = r.id and r.next_at is not null;
    delete from agenda.timers m using unnest(p) r
     where m.user_id = r.user_id and m.entity = r.entity and m.entity_id = r.id and r.next_at is null;
end
$$;
comment on function agenda._announce(agenda.raising[], timestamptz) is 'engine: writes what has been reached';

-- Behind all that a round has raised: when what it has put on hold is released.  A user has one timer for that, which
-- everybody sets who raises something of the user.  p_alone: only one of several scanners at a time, each of
-- which sees what those before it have held.
create or replace function agenda._plan_releases(p_timers agenda.timers[], p_now timestamptz, p_alone boolean) returns void
    language plpgsql volatile
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as
$$
declare
    v_users pg_catalog.uuid[] := array(
        select u.user_id
          from (select distinct m.user_id from unnest(p_timers) m where m.entity in ('task', 'repeat', 'reminder')) u
         cross join lateral (select min(n.held_until) as until from agenda.notifications n
                              where n.user_id = u.user_id and n.held_until is not null and n.withdrawn_at is null) h
         where not exists (select from agenda.timers m
                            where m.user_id = u.user_id and m.entity = 'user' and m.entity_id = u.user_id and m.fire_at <= h.until)
           and h.until is not null);
begin
    if v_users <> '{}' then
        if p_alone then
            perform agenda._engine_lock('releases', true);
        end if;
        perform agenda._plan_release(agenda._preferences_of(u), p_now) from unnest(v_users) u;
    end if;
end
$$;
comment on function agenda._plan_releases(agenda.timers[], timestamptz, boolean) is 'engine: plans when what a round has put on hold is released';
