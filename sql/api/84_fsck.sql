-- ---- self-check --------------------------------------------------------------------------------
-- What must be true of the tables whatever happened, recomputed by the engine's own rules.  Rows that other
-- sessions change meanwhile are seen as they were when the statement began.

create or replace function agenda.fsck(repair boolean default false,
                                       out check_name text, out entity text, out user_id uuid, out id uuid, out problem text, out repaired boolean)
    returns setof record
    language plpgsql volatile as
$$
declare
    f pg_catalog.record;
begin
    perform agenda._check_service();
    for f in select * from agenda._fsck_findings() union all select * from agenda._fsck_log() loop
        check_name := f.check_name;
        entity := f.entity;
        user_id := f.user_id;
        id := f.id;
        problem := f.problem;
        repaired := coalesce(repair, false) and agenda._fsck_repair(f.check_name, f.entity, f.user_id, f.id);
        return next;
    end loop;
end
$$;
comment on function agenda.fsck(boolean) is 'operator: checks the invariants of tasks, series, reminders, timers and notifications, and that the log tells of them as they are; with repair mends what can be computed anew';

create or replace function agenda._fsck_findings(out check_name text, out entity text, out user_id uuid, out id uuid, out problem text)
    returns setof record
    language plpgsql stable
    set jit = off as
$$
begin
    return query
    select c.check_name, c.entity, c.user_id, c.id, c.problem from (
        -- every open task that still has a state to announce has its timer, at the instant that its rule gives
        select 'task-timer' as check_name, 'task' as entity, t.user_id, t.id,
               case when m.user_id is null then 'no timer'
                    when w.at is null then format('%s is announced, and the timer says %s', coalesce(t.announced, 'nothing'), m.what)
                    else format('the timer for %s stands at %s instead of %s', m.what, m.fire_at, w.at) end as problem
          from agenda.tasks t
          left join agenda.preferences f on f.user_id = t.user_id
         cross join lateral (select case when f.user_id is null then agenda._default_preferences(t.user_id) else f end as p) q
          left join agenda.timers m on m.user_id = t.user_id and m.entity = 'task' and m.entity_id = t.id
         cross join lateral (select case when m.what = any (('{due_soon,due,overdue}'::text[])[
                                             coalesce(array_position('{due_soon,due}', t.announced), 0) + 1:])
                                         then agenda._fire_at(m.what, t, q.p) end as at) w
         where t.deleted_at is null and agenda._is_open(t.status) and t.due_date is not null and t.announced is distinct from 'overdue'
           -- one that stands later was put off after an error, by ten minutes
           and (m.user_id is null or w.at is null or m.fire_at < w.at or m.fire_at > greatest(w.at, agenda.now()) + interval '10 minutes')
        union all
        select 'stray-timer', m.entity, m.user_id, m.entity_id, format('a timer (%s) of nothing that is owed', m.what)
          from agenda.timers m
         where case m.entity
                   when 'task' then not exists (select from agenda.tasks t where t.user_id = m.user_id and t.id = m.entity_id
                                                   and t.deleted_at is null and agenda._is_open(t.status) and t.due_date is not null)
                   when 'repeat' then not exists (select from agenda.tasks t where t.user_id = m.user_id and t.id = m.entity_id
                                                     and t.deleted_at is null and agenda._is_open(t.status) and t.announced = 'overdue')
                   when 'reminder' then not exists (select from agenda.reminders r where r.user_id = m.user_id and r.id = m.entity_id
                                                       and r.state = 'scheduled' and r.fire_at is not null)
                   when 'series' then not exists (select from agenda.recurring_tasks s where s.user_id = m.user_id and s.id = m.entity_id
                                                     and s.deleted_at is null)
                   when 'user' then m.entity_id <> m.user_id
                   when 'preferences' then not exists (select from agenda.preferences p where p.user_id = m.user_id and p.user_id = m.entity_id)
                   else true end
        union all
        select 'reminder-timer', 'reminder', r.user_id, r.id,
               case when m.user_id is null then 'no timer' else format('the timer stands at %s instead of %s', m.fire_at, r.fire_at) end
          from agenda.reminders r
          left join agenda.timers m on m.user_id = r.user_id and m.entity = 'reminder' and m.entity_id = r.id
         where r.state = 'scheduled' and r.fire_at is not null
           and (m.user_id is null or m.fire_at < r.fire_at or m.fire_at > greatest(r.fire_at, agenda.now()) + interval '10 minutes')
        union all
        -- a reminder that waits for its first time stands where its rule says; one of a closed task does not wait
        select 'reminder-plan', 'reminder', r.user_id, r.id,
               case when t.deleted_at is not null or not agenda._is_open(t.status) then format('it waits, and its task is %s', t.status)
                    else format('it stands at %s instead of %s', r.fire_at, agenda._reminder_at(r, t, q.p)) end
          from agenda.reminders r
          join agenda.tasks t on t.user_id = r.user_id and t.id = r.task_id
          left join agenda.preferences f on f.user_id = t.user_id
         cross join lateral (select case when f.user_id is null then agenda._default_preferences(t.user_id) else f end as p) q
         where r.state = 'scheduled'
           and (t.deleted_at is not null or not agenda._is_open(t.status)
                or (r.fired_count = 0 and r.snoozed_until is null and r.fire_at is distinct from agenda._reminder_at(r, t, q.p)))
        union all
        select 'series-timer', 'series', s.user_id, s.id,
               case when m.user_id is null then 'no timer' else format('the timer stands at %s instead of %s', m.fire_at, s.next_due_at) end
          from agenda.recurring_tasks s
          left join agenda.timers m on m.user_id = s.user_id and m.entity = 'series' and m.entity_id = s.id
         where s.spawn <> 'completion' and s.is_active and s.deleted_at is null and s.next_due_at is not null
           -- what was held back waits for the occurrence that is open, or for the next one's time
           and case when s.overlap = 'hold' then m.user_id is null and not agenda._has_open(s)
                    else m.user_id is null or m.fire_at > s.next_due_at + interval '10 minutes' end
        union all
        select 'series-open', 'series', s.user_id, s.id, 'nothing is open that could be completed, and nothing is planned'
          from agenda.recurring_tasks s
         where s.spawn = 'completion' and s.is_active and s.deleted_at is null and not agenda._has_open(s)
           and not exists (select from agenda.timers m where m.user_id = s.user_id and m.entity = 'series' and m.entity_id = s.id)
        union all
        select 'series-key', 'series', s.user_id, s.id,
               format('next key %s, last key %s, next due at %s', s.next_key, s.last_key, s.next_due_at)
          from agenda.recurring_tasks s
         where s.deleted_at is null and (s.next_key <= s.last_key or (s.next_key is null) <> (s.next_due_at is null))
        union all
        select 'series-due', 'series', m.user_id, m.id, format('the next is due at %s instead of %s', m.old_at, m.new_at)
          from agenda._moved_series(null) m
        union all
        select 'occurrence-key', 'task', t.user_id, t.id, format('its key %s is none of the rule %s from %s on', t.occurrence_key, s.rrule, s.dtstart)
          from agenda.tasks t
          join agenda.recurring_tasks s on s.user_id = t.user_id and s.id = t.recurring_task_id
         -- one may have been added or imported there, or the rule was another one
         where s.deleted_at is null and s.version = 1 and s.split_from is null and s.basis = 'due'
           and (t.occurrence_key < s.dtstart
                or agenda.next_local_occurrence(s.rrule, s.dtstart, t.occurrence_key - interval '1 microsecond') is distinct from t.occurrence_key)
           and not exists (select from agenda.recurrence_overrides o
                            where o.user_id = s.user_id and o.recurring_task_id = s.id and o.occurrence_key = t.occurrence_key)
           and not exists (select from agenda.ical_uids u where u.user_id = t.user_id and (u.task_id = t.id or u.recurring_task_id = s.id))
        union all
        -- while a zone changes the scanner sees to both a little later
        select 'due-local', 'task', m.user_id, m.id, format('it is due at %s, and its wall clock says %s', m.old_at, m.new_at)
          from agenda._moved_tasks(null) m
        union all
        select 'series-zone', 'series', s.user_id, s.id, format('it floats in %s, and its owner is in %s', s.timezone, agenda._user_zone(s.user_id))
          from agenda.recurring_tasks s
         where s.floating and s.deleted_at is null and s.timezone <> agenda._user_zone(s.user_id)
        union all
        -- nobody is told of what is done; what was read or cleared stays
        select 'stale-notification', 'notification', n.user_id, n.id, format('unread, and its task is %s', coalesce(t.status, 'gone'))
          from agenda.notifications n
          left join agenda.tasks t on t.user_id = n.user_id and t.id = n.task_id and t.deleted_at is null
         where n.task_id is not null and n.withdrawn_at is null and n.read_at is null and n.cleared_at is null and n.archived_at is null
           and (t.id is null or not agenda._is_open(t.status))
        union all
        select 'release-timer', 'user', n.user_id, n.user_id, format('%s notifications are held, and no timer releases them', count(*))
          from agenda.notifications n
         where n.held_until is not null and n.withdrawn_at is null
           and not exists (select from agenda.timers m where m.user_id = n.user_id and m.entity = 'user')
         group by n.user_id
    ) c
    order by c.check_name, c.user_id, c.id;
end
$$;
comment on function agenda._fsck_findings() is 'engine: what fsck() finds';

create or replace function agenda._fsck_repair(p_check text, p_entity text, p_user uuid, p_id uuid) returns boolean
    language plpgsql volatile as
$$
declare
    t agenda.tasks;
begin
    case p_check
        when 'task-timer' then
            select * into t from agenda.tasks k where k.user_id = p_user and k.id = p_id for no key update;
            perform agenda._plan_task_timer(t);
        when 'stray-timer' then
            delete from agenda.timers m where m.user_id = p_user and m.entity = p_entity and m.entity_id = p_id;
        when 'reminder-timer', 'reminder-plan' then
            perform agenda._replan_reminder(p_user, p_id);
            perform agenda._set_timer(x.user_id, 'reminder', x.id, x.fire_at, 'reminder')
               from agenda.reminders x where x.user_id = p_user and x.id = p_id and x.fire_at is not null;
        when 'series-timer' then
            perform agenda._plan_series_timer(s)
               from agenda.recurring_tasks s where s.user_id = p_user and s.id = p_id;
        when 'series-due' then
            update agenda.recurring_tasks s set next_key = s.next_key where s.user_id = p_user and s.id = p_id;
        when 'series-zone' then
            update agenda.recurring_tasks s set timezone = null where s.user_id = p_user and s.id = p_id;
        when 'due-local' then
            update agenda.tasks k set due_date = m.new_at from agenda._moved_tasks(p_user) m
             where k.user_id = m.user_id and k.id = m.id and m.id = p_id;
        when 'series-open' then
            perform agenda._keep_going(s)
               from agenda.recurring_tasks s where s.user_id = p_user and s.id = p_id for update;
        when 'stale-notification' then
            update agenda.notifications n set withdrawn_at = agenda.now() where n.user_id = p_user and n.id = p_id;
        when 'release-timer' then
            perform agenda._plan_release(agenda._preferences_of(p_user), agenda.now());
        else
            return false;
    end case;
    return true;
end
$$;
comment on function agenda._fsck_repair(text, text, uuid, uuid) is 'engine: mends one finding, where it can be computed anew';
