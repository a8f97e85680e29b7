-- ---- what becomes of a series when an occurrence changes -------------------------------------------
-- With the owner's rights, from the triggers of tasks, which have locked the task: then comes its series.

-- Rule changes, closing and reopening of an occurrence reach its series.
create or replace function agenda._sync_series(b agenda.tasks, a agenda.tasks) returns void
    language plpgsql volatile as
$$
declare
    v_none   pg_catalog.text;
    v_before constant boolean := agenda._is_open(b.status) and b.deleted_at is null;
    v_after  constant boolean := agenda._is_open(a.status) and a.deleted_at is null;
begin
    if a.recurring_task_id is null then
        return;
    end if;
    if a.recurrence_rule is distinct from b.recurrence_rule and b.recurring_task_id is not null and a.deleted_at is null then
        v_none := agenda._enter(a.user_id);
        update agenda.recurring_tasks s
           set rrule = coalesce(a.recurrence_rule::agenda.rrule, s.rrule),
               is_active = a.recurrence_rule is not null
         where s.user_id = a.user_id and s.id = a.recurring_task_id and s.spawn = 'completion' and s.deleted_at is null;
        v_none := agenda._leave();
    end if;
    -- one that is done already may get its first rule
    if not v_after and (v_before or b.recurring_task_id is null) then
        v_none := agenda._occurrence_closed(a);
    elsif v_after and not v_before then
        v_none := agenda._occurrence_reopened(a);
    end if;
end
$$;
comment on function agenda._sync_series(agenda.tasks, agenda.tasks) is 'engine: rule changes, closing and reopening of a task reach its series';

-- The key that comes after the newest one when that has been closed.
create or replace function agenda._key_after_closing(r agenda.recurring_tasks, p_done timestamp) returns timestamp
    language plpgsql stable as
$$
declare
    v_key timestamp;
begin
    if r.last_key is null then
        -- it never had one: it begins where it starts, or now
        v_key := coalesce(case when r.missed = 'all' then r.next_key end,
                          agenda._next_key(r, greatest(coalesce(r.next_key, r.dtstart), case when r.all_day then date_trunc('day', p_done) else p_done end)
                                              - interval '1 microsecond'));
    elsif r.basis = 'completion' then
        v_key := agenda._key_after_completion(r, p_done);
    elsif r.missed = 'latest' then
        v_key := agenda._previous_key(r, p_done + interval '1 microsecond');
    end if;
    if r.basis = 'due' and r.last_key is not null and (v_key is null or v_key <= r.last_key) then
        v_key := agenda._next_key(r, case r.missed when 'skip' then greatest(r.last_key, p_done) else r.last_key end);
    end if;
    -- one that was done in advance needs no successor of its own
    while exists (select from agenda.tasks t
                   where t.user_id = r.user_id and t.recurring_task_id = r.id and t.occurrence_key = v_key) loop
        r.last_key := v_key;
        v_key := case r.basis when 'due' then agenda._next_key(r, v_key) else agenda._key_after_completion(r, p_done) end;
    end loop;
    return v_key;
end
$$;
comment on function agenda._key_after_closing(agenda.recurring_tasks, timestamp) is 'internal: which occurrence follows when the newest is closed';

create or replace function agenda._end_series(r agenda.recurring_tasks) returns void
    language plpgsql volatile as
$$
begin
    update agenda.recurring_tasks s set is_active = false, next_key = null
     where s.user_id = r.user_id and s.id = r.id;
end
$$;
comment on function agenda._end_series(agenda.recurring_tasks) is 'engine: nothing follows any more';

-- Closing an occurrence matters where series wait for it.
create or replace function agenda._occurrence_closed(a agenda.tasks) returns void
    language plpgsql volatile as
$$
declare
    v_none pg_catalog.text;
    r      agenda.recurring_tasks;
begin
    v_none := agenda._enter(a.user_id);
    select * into r from agenda.recurring_tasks s
     where s.user_id = a.user_id and s.id = a.recurring_task_id and s.overlap = 'hold'
       and s.is_active and s.deleted_at is null
       for update;
    if found and not agenda._has_open(r) then
        v_none := agenda._follow(r, agenda.now(), a);
    end if;
    v_none := agenda._leave();
end
$$;
comment on function agenda._occurrence_closed(agenda.tasks) is 'engine: an occurrence is no longer to be done';

-- What comes after the last open occurrence of a series that waits for it.
create or replace function agenda._follow(r agenda.recurring_tasks, p_now timestamptz, a agenda.tasks) returns void
    language plpgsql volatile as
$$
declare
    v_none   pg_catalog.text;
    v_done   constant timestamp := case r.basis when 'due' then agenda._clock(r, p_now) else agenda.instant_to_local(p_now, r.timezone) end;
    v_task   agenda.tasks;
    v_key    timestamp;
    v_missed bigint := 0;
begin
    if r.basis = 'due' and r.spawn <> 'completion' then
        if r.spawn = 'either' then
            v_task := agenda._catch_up(r, p_now, 'completion', a.id);
        end if;
        if v_task.id is null then
            -- the clock goes on; what it held back is dealt with when the next one is owed
            v_key := agenda._next_key(r, v_done);
            v_none := agenda._set_timer(r.user_id, 'series', r.id, coalesce(
                case when r.next_key >= v_key then agenda._make_at(r) else agenda._key_due(r, v_key) - agenda._length(r.lead_time) end, p_now), 'spawn');
        end if;
        return;
    end if;
    v_key := agenda._key_after_closing(r, v_done);
    if v_key is null then
        if r.spawn = 'completion' and r.basis = 'due' then
            v_missed := agenda._log_missed(r, agenda._next_key(r, r.last_key), v_done, 'late_completion');
            r := agenda._advance(r, r.last_key, r.next_key, 0, v_missed);
        end if;
        v_none := agenda._end_series(r);
    elsif r.spawn = 'completion' then
        if r.basis = 'due' then
            v_missed := agenda._log_missed(r, agenda._next_key(r, r.last_key), v_key, 'late_completion');
        end if;
        r := agenda._advance(r, v_key, case when r.basis = 'due' then agenda._next_key(r, v_key) end, 1, v_missed);
        v_task := agenda._materialise(r, v_key, 'completion', a.id);
    else
        r := agenda._advance(r, r.last_key, v_key, 0, 0);
        if r.spawn = 'either' then
            v_task := agenda._catch_up(r, p_now, 'completion', a.id);
        end if;
    end if;
end
$$;
comment on function agenda._follow(agenda.recurring_tasks, timestamptz, agenda.tasks) is 'engine: the occurrence that follows one which was closed';

-- A series that waits for completions, was resumed or came to wait for them, and has nothing open.
create or replace function agenda._keep_going(r agenda.recurring_tasks) returns void
    language plpgsql volatile as
$$
declare
    v_none pg_catalog.text;
begin
    if r.is_active and r.deleted_at is null and r.overlap = 'hold' and (r.spawn = 'completion' or r.basis = 'completion') then
        v_none := agenda._enter(r.user_id);
        if not agenda._has_open(r) then
            v_none := agenda._follow(r, agenda.now(), null);
        end if;
        v_none := agenda._leave();
    end if;
end
$$;
comment on function agenda._keep_going(agenda.recurring_tasks) is 'engine: a series that waits for completions has something to complete';

-- Nobody has changed an occurrence, nor wants to be reminded of it in another way: it is as it was made, or as it would
-- be made now, for a user's other zone moves it.
create or replace function agenda._untouched(r agenda.recurring_tasks, t agenda.tasks) returns boolean
    language plpgsql stable as
$$
declare
    d agenda.tasks;
begin
    if exists (select from agenda.reminders x where x.user_id = t.user_id and x.task_id = t.id and x.source in ('user', 'snooze')) then
        return false;
    elsif t.version = 1 then
        return true;
    end if;
    d := agenda._draft_occurrence(r, t.occurrence_key);
    return (t.title, t.description, t.priority, t.tags, t.checklist, t.due_kind, t.due_local, t.timezone)
        is not distinct from
           (d.title, d.description, d.priority, d.tags, d.checklist, d.due_kind, d.due_local, d.timezone);
end
$$;
comment on function agenda._untouched(agenda.recurring_tasks, agenda.tasks) is 'internal: an occurrence that nobody has changed';

-- A task that is to be done again takes the place of the occurrence that its closing brought, unless
-- somebody has changed that one; and a series that had ended with it goes on.
create or replace function agenda._occurrence_reopened(a agenda.tasks) returns void
    language plpgsql volatile as
$$
declare
    v_none   pg_catalog.text;
    r        agenda.recurring_tasks;
    v_next   agenda.tasks;
    v_missed bigint := 0;
begin
    v_none := agenda._enter(a.user_id);
    select * into r from agenda.recurring_tasks s
     where s.user_id = a.user_id and s.id = a.recurring_task_id and s.overlap = 'hold' and s.deleted_at is null
       for update;
    if found then
        v_next := agenda._successor(a);
        if v_next.status = 'pending' and v_next.occurrence_key = r.last_key and agenda._untouched(r, v_next) then
            delete from agenda.tasks k where k.user_id = v_next.user_id and k.id = v_next.id;
            if r.basis = 'due' then
                -- what was passed over between the two is no longer
                v_missed := (agenda._missed_keys(r, agenda._next_key(r, a.occurrence_key), v_next.occurrence_key)).count;
            end if;
            r := agenda._advance(r, a.occurrence_key, case when r.basis = 'due' then agenda._next_key(r, a.occurrence_key) end, 0, 0);
            update agenda.recurring_tasks s
               set occurrences_created = s.occurrences_created - 1, missed_count = greatest(s.missed_count - v_missed, 0)
             where s.user_id = r.user_id and s.id = r.id;
        elsif v_next.id is not null then
            v_none := agenda._count_overlap(r, 1);
        elsif not r.is_active and r.next_key is null and r.resume_at is null
              and a.occurrence_key = r.last_key and (r.spawn <> 'completion' or a.recurrence_rule is not null) then
            update agenda.recurring_tasks s set is_active = true
             where s.user_id = r.user_id and s.id = r.id;
        end if;
    end if;
    v_none := agenda._leave();
end
$$;
comment on function agenda._occurrence_reopened(agenda.tasks) is 'engine: an occurrence is to be done again';

-- An open occurrence was deleted for good, perhaps with everything else: nothing is made at once, but the clock
-- makes the next one in its time.
create or replace function agenda._occurrence_gone(old agenda.tasks) returns void
    language plpgsql volatile as
$$
declare
    v_none pg_catalog.text;
    v_key  timestamp;
    r      agenda.recurring_tasks;
begin
    v_none := agenda._enter(old.user_id);
    select * into r from agenda.recurring_tasks s
     where s.user_id = old.user_id and s.id = old.recurring_task_id and s.overlap = 'hold'
       and s.is_active and s.deleted_at is null
       for update;
    if found and not agenda._has_open(r) then
        v_key := case when r.basis = 'due' then r.next_key
                      else agenda._key_after_completion(r, agenda.instant_to_local(agenda.now(), r.timezone)) end;
        if v_key is null then
            v_none := agenda._end_series(r);
        else
            r := agenda._advance(r, r.last_key, v_key, 0, 0);
            v_none := agenda._set_timer(r.user_id, 'series', r.id, agenda._make_at(r), 'spawn');
        end if;
    end if;
    v_none := agenda._leave();
end
$$;
comment on function agenda._occurrence_gone(agenda.tasks) is 'engine: plans the occurrence after one that was deleted for good';
