-- ---- when zones change ---------------------------------------------------------------------------
-- Wall clock and zone are the truth, instants a cache.  Two things move the cache: another zone in a
-- user's preferences, and new zone data on the server.

-- Open tasks whose instant is no longer what their wall clock says.
create or replace function agenda._moved_tasks(p_user_id uuid)
    returns table (user_id uuid, id uuid, old_at timestamptz, new_at timestamptz)
    language plpgsql stable as
$$
begin
    return query
        select m.user_id, m.id, m.due_date, m.now_due
          from (select t.user_id, t.id, t.due_date, t.due_local, coalesce(t.timezone, agenda._user_zone(t.user_id)) as zone,
                       agenda.local_to_instant(t.due_local, coalesce(t.timezone, agenda._user_zone(t.user_id))) as now_due
                  from agenda.tasks t
                 where (p_user_id is null or t.user_id = p_user_id) and t.due_kind in ('local', 'date')
                   and t.deleted_at is null and t.status in ('pending', 'in_progress')) m
         where m.due_date <> m.now_due
           -- the second of two equal wall-clock times is right too
           and agenda.instant_to_local(m.due_date, m.zone) <> agenda.instant_to_local(m.now_due, m.zone);
end
$$;
comment on function agenda._moved_tasks(uuid) is 'engine: open tasks, of one user or of all, whose instant is not what their wall clock says';

create or replace function agenda._moved_series(p_user_id uuid)
    returns table (user_id uuid, id uuid, old_at timestamptz, new_at timestamptz)
    language plpgsql stable as
$$
begin
    return query
        select m.user_id, m.id, m.next_due_at, m.now_due
          from (select r.user_id, r.id, r.next_due_at, agenda._key_due(r, r.next_key) as now_due
                  from agenda.recurring_tasks r
                 where (p_user_id is null or r.user_id = p_user_id) and r.deleted_at is null and r.next_key is not null) m
         where m.next_due_at <> m.now_due;
end
$$;
comment on function agenda._moved_series(uuid) is 'engine: series, of one user or of all, whose next instant is not what their key says';

-- Reminders that wait for their first time and have one by a wall clock; those of a task that moves go with it.
create or replace function agenda._moved_reminders(p_user_id uuid)
    returns table (user_id uuid, id uuid, old_at timestamptz, new_at timestamptz)
    language plpgsql stable as
$$
begin
    return query
        select m.user_id, m.id, m.fire_at, m.now_at
          from (select r.user_id, r.id, r.fire_at,
                       agenda._reminder_at(r, t, case when p.user_id is null then agenda._default_preferences(t.user_id) else p end) as now_at
                  from agenda.reminders r
                  join agenda.tasks t on t.user_id = r.user_id and t.id = r.task_id
                  left join agenda.preferences p on p.user_id = r.user_id
                 where (p_user_id is null or r.user_id = p_user_id) and r.state = 'scheduled' and r.fired_count = 0 and r.snoozed_until is null) m
         where m.fire_at <> m.now_at;
end
$$;
comment on function agenda._moved_reminders(uuid) is 'engine: reminders, of one user or of all, whose instant is not what their wall clock says';

-- A change of a user's zone: floating things follow.
create or replace function agenda._replan_user(p agenda.preferences) returns void
    language plpgsql volatile as
$$
begin
    -- tasks first, in one order, as everybody locks them
    perform from agenda.tasks t
      where t.user_id = p.user_id and t.due_kind in ('local', 'date') and t.deleted_at is null and t.status in ('pending', 'in_progress')
      order by t.id
        for no key update;
    update agenda.tasks t set due_date = m.new_at
      from agenda._moved_tasks(p.user_id) m
     where t.user_id = m.user_id and t.id = m.id;
    -- null: the owner's zone
    update agenda.recurring_tasks r set timezone = null
     where r.user_id = p.user_id and r.floating and r.deleted_at is null and r.timezone <> p.timezone;
    -- the clock may have made occurrences of them before they were locked
    update agenda.tasks t set due_date = m.new_at
      from agenda._moved_tasks(p.user_id) m
     where t.user_id = m.user_id and t.id = m.id;
end
$$;
comment on function agenda._replan_user(agenda.preferences) is 'engine: what follows a user''s zone follows it';

-- What a transaction wrote that was open while its owner's zone was changed had the old zone, and was not to be seen
-- yet.  Nobody waits for it: it is looked for after 5 seconds, a minute, 12 minutes, ... until a day is over.  What
-- somebody has locked is left for the next time.
create or replace function agenda._settle(m agenda.timers, p_now timestamptz) returns void
    language plpgsql volatile as
$$
declare
    p     constant agenda.preferences := agenda._preferences_of(m.user_id);
    v_age constant interval := p_now - coalesce(p.updated_at, '-infinity');
    v_id  pg_catalog.uuid;
begin
    update agenda.tasks t set due_date = x.new_at
      from (select k.id, k.new_at from agenda._moved_tasks(m.user_id) k
             where exists (select from agenda.tasks l where l.user_id = k.user_id and l.id = k.id for no key update skip locked)) x
     where t.user_id = m.user_id and t.id = x.id;
    update agenda.recurring_tasks r set timezone = null
     where r.user_id = m.user_id
       and r.id in (select s.id from agenda.recurring_tasks s
                     where s.user_id = m.user_id and s.floating and s.deleted_at is null and s.timezone <> p.timezone
                       for update skip locked);
    for v_id in
        select r.id from agenda._moved_reminders(m.user_id) k
          join agenda.reminders r on r.user_id = k.user_id and r.id = k.id
          join agenda.tasks t on t.user_id = r.user_id and t.id = r.task_id
           for no key update of t skip locked
           for update of r skip locked
    loop
        perform agenda._replan_reminder(m.user_id, v_id);
    end loop;
    if v_age < interval '1 day' then
        perform agenda._set_timer(m.user_id, m.entity, m.entity_id, p_now + greatest(11 * v_age, interval '5 seconds'), m.what);
    else
        perform agenda._drop_timer(m);
    end if;
end
$$;
comment on function agenda._settle(agenda.timers, timestamptz) is 'engine: a change of zone reaches what was being written beside it';

create or replace function agenda.replan_timezones(dry_run boolean default true)
    returns table (entity text, user_id uuid, entity_id uuid, old_at timestamptz, new_at timestamptz)
    language plpgsql volatile
    rows 100 as
$$
begin
    perform agenda._check_service();
    for entity, user_id, entity_id, old_at, new_at in
        select 'task', m.* from agenda._moved_tasks(null) m
        union all
        select 'series', m.* from agenda._moved_series(null) m
        union all
        select 'reminder', m.* from agenda._moved_reminders(null) m
    loop
        if dry_run then
            null;
        elsif entity = 'task' then
            update agenda.tasks t set due_date = replan_timezones.new_at
             where t.user_id = replan_timezones.user_id and t.id = entity_id;
        elsif entity = 'reminder' then
            perform agenda._replan_reminder(replan_timezones.user_id, entity_id);
        else
            update agenda.recurring_tasks r set next_key = r.next_key
             where r.user_id = replan_timezones.user_id and r.id = entity_id;
        end if;
        return next;
    end loop;
end
$$;
comment on function agenda.replan_timezones(boolean) is 'operator: after an update of the zone data, what is due at another instant now; with dry_run false it is planned anew';

-- ---- when days off change -------------------------------------------------------------------------
-- What is owed already stays; what is to come is asked for anew.  The caller sees the user's rows.
create or replace function agenda._replan_workdays(p_user_id uuid) returns void
    language plpgsql volatile as
$$
begin
    perform agenda._enter(p_user_id);
    update agenda.recurring_tasks r set next_key = m.next_key
      from (select s.id,
                   case when s.basis = 'due' and s.next_key > z.now
                        then coalesce(agenda._next_key(s, greatest(s.last_key, s.dtstart - interval '1 microsecond', z.now)), s.next_key)
                        else s.next_key end as next_key
              from agenda.recurring_tasks s
             cross join lateral (select agenda.instant_to_local(agenda.now(), s.timezone) as now) z
             where s.user_id = p_user_id and s.business_shift <> 'none' and s.deleted_at is null and s.next_key is not null) m
     where r.user_id = p_user_id and r.id = m.id
       and (r.next_key <> m.next_key or r.next_due_at <> agenda._key_due(r, r.next_key));
    perform agenda._leave();
end
$$;
comment on function agenda._replan_workdays(uuid) is 'engine: plans a user''s series anew that avoid days off';

-- A shared day off is everybody's: its owner is agenda_service, who sees all.
create or replace function agenda._holidays_changed() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    perform agenda._replan_workdays(u.id) from agenda.users u where u.id in (select c.user_id from changed c);
    if exists (select from changed c where c.user_id is null) then
        perform agenda._replan_workdays(x.user_id)
           from (select distinct s.user_id
                   from agenda.recurring_tasks s
                   left join agenda.preferences p on p.user_id = s.user_id
                  where s.business_shift <> 'none' and s.deleted_at is null and s.next_key is not null
                    and coalesce(s.holiday_calendar, p.holiday_calendar, 'own') in (select c.calendar from changed c where c.user_id is null)
                  order by 1) x;
    end if;
    return null;
end
$$;
comment on function agenda._holidays_changed() is 'internal: series avoid the days off that there are now';

-- What was deleted long ago, for good.
create or replace function agenda.purge_deleted(older_than interval default '30 days', max_rows integer default 10000) returns bigint
    language plpgsql volatile as
$$
declare
    v_before constant pg_catalog.timestamptz := agenda.now() - older_than;
    v_tasks  bigint;
    v_series bigint;
begin
    perform agenda._check_service();
    if older_than is null or older_than < '0' or coalesce(max_rows, 0) < 1 then
        raise exception using errcode = 'YA006', message = 'an age and a number of rows are needed', column = 'older_than';
    end if;
    delete from agenda.tasks t
     where (t.user_id, t.id) in (select k.user_id, k.id from agenda.tasks k where k.deleted_at < v_before limit max_rows for update skip locked);
    get diagnostics v_tasks = row_count;
    delete from agenda.recurring_tasks r
     where (r.user_id, r.id) in (select k.user_id, k.id from agenda.recurring_tasks k where k.deleted_at < v_before limit max_rows for update skip locked);
    get diagnostics v_series = row_count;
    return v_tasks + v_series;
end
$$;
comment on function agenda.purge_deleted(interval, integer) is 'operator: removes rows of tasks and series that were deleted longer ago than this; their history stays in the log';
