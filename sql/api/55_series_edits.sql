-- ---- edits of this occurrence and the following ones, or of all ------------------------------------
-- First what they have to know: where a series can be divided and moved, and which rule goes on.

-- Nothing lies before the first occurrence, nor before the start, so that following is all.
create or replace function agenda._divides(r agenda.recurring_tasks, p_key timestamp) returns boolean
    language plpgsql stable as
$$
begin
    return p_key > r.dtstart and agenda._previous_key(r, p_key) is not null;
end
$$;
comment on function agenda._divides(agenda.recurring_tasks, timestamp) is 'internal: the series has occurrences on both sides of this key';

create or replace function agenda._check_moved(r agenda.recurring_tasks, p_start timestamp, p_key timestamp) returns void
    language plpgsql stable as
$$
begin
    if agenda.next_local_occurrence(r.rrule, p_start, p_key - interval '1 microsecond') is distinct from p_key then
        raise exception using errcode = 'YA006',
            message = format('the rule %s has no occurrence at %s', r.rrule, to_char(p_key, 'YYYY-MM-DD"T"HH24:MI:SS')),
            hint = 'Give the rule that the series shall have together with the due date.',
            column = 'due_date';
    end if;
end
$$;
comment on function agenda._check_moved(agenda.recurring_tasks, timestamp, timestamp) is 'internal: raises YA006 when a series cannot be moved to this time';

-- What is over keeps its key, and no other occurrence can have it.
create or replace function agenda._check_free(r agenda.recurring_tasks, p_moved interval) returns void
    language plpgsql stable as
$$
declare
    v_key timestamp;
begin
    select c.occurrence_key into v_key
      from agenda.tasks t
      join agenda.tasks c on c.user_id = t.user_id and c.recurring_task_id = t.recurring_task_id and c.occurrence_key = t.occurrence_key + p_moved
     where t.user_id = r.user_id and t.recurring_task_id = r.id and agenda._is_open(t.status) and not agenda._is_open(c.status)
     limit 1;
    if found then
        raise exception using errcode = 'YA006',
            message = format('the series has had its occurrence of %s', to_char(v_key, 'YYYY-MM-DD"T"HH24:MI:SS')),
            hint = 'Move this occurrence alone (scope this), or give the series another time of day.',
            column = 'due_date';
    end if;
end
$$;
comment on function agenda._check_free(agenda.recurring_tasks, interval) is 'internal: raises YA006 when an open occurrence would get the key of one that is over';

-- A rule that takes its day from the start has to name it when it goes on from a shorter month.
create or replace function agenda._keep_day(p_rule agenda.rrule, p_start timestamp, p_key timestamp) returns agenda.rrule
    language plpgsql immutable as
$$
declare
    v_json constant pg_catalog.jsonb := agenda.rrule_to_json(p_rule);
    v_type constant pg_catalog.text := agenda.recurrence_type(p_rule);
begin
    if v_type not in ('monthly', 'yearly') or extract(day from p_start) = extract(day from p_key)
       or exists (select from jsonb_object_keys(v_json) k where k ~ '^by[A-Z]' and k not in ('byHour', 'byMinute', 'bySecond')) then
        return p_rule;
    end if;
    return agenda.rrule_from_json(v_json || jsonb_build_object('byMonthDay', array[extract(day from p_start)::integer])
        || case when v_type = 'yearly' then jsonb_build_object('byMonth', array[extract(month from p_start)::integer::text]) else '{}' end);
end
$$;
comment on function agenda._keep_day(agenda.rrule, timestamp, timestamp) is 'internal: the rule with the day of its start in it, when it goes on from another day';

-- ---- this, following, all -------------------------------------------------------------------------

create or replace function agenda._edits_series(t agenda.tasks, p_scope text) returns boolean
    language plpgsql immutable as
$$
begin
    perform agenda._check_word(p_scope, '{this,following,all}', 'scope');
    if p_scope <> 'this' and t.recurring_task_id is null then
        raise exception using errcode = 'YA007',
            message = format('task "%s" belongs to no series', t.id),
            hint = 'Use scope this.',
            column = 'scope';
    end if;
    return p_scope <> 'this';
end
$$;
comment on function agenda._edits_series(agenda.tasks, text) is 'internal: an edit of this task reaches its series; YA007 if there is none';

-- The patch of an occurrence as one of its series; what moves is returned as a length.
create or replace function agenda._series_patch(t agenda.tasks, r agenda.recurring_tasks, patch jsonb, out p jsonb, out moved interval)
    language plpgsql stable as
$$
declare
    v_due pg_catalog.record;
begin
    select coalesce(jsonb_object_agg(e.key, e.value), '{}') into p
      from jsonb_each(patch) e where e.key = any ('{title,description,priority,tags,checklist,timezone}');
    moved := '0';
    if patch->>'recurrence_rule' is not null then
        p := p || jsonb_build_object('rrule', patch->'recurrence_rule');
    elsif patch ? 'recurrence_rule' then
        p := p || '{"is_active": false}';
    end if;
    if patch->>'due_date' is not null then
        v_due := agenda._read_due(agenda._text(patch, 'due_date'), 'due_date');
        p := p || jsonb_build_object('all_day', v_due.kind = 'date');
        moved := date_trunc('second', coalesce(v_due.wall, agenda.instant_to_local(v_due.instant, coalesce(patch->>'timezone', r.timezone))))
                 - t.occurrence_key;
    end if;
end
$$;
comment on function agenda._series_patch(agenda.tasks, agenda.recurring_tasks, jsonb) is 'internal: an occurrence''s patch as its series'' patch';

-- Tasks are locked before their series, in one order.
create or replace function agenda._lock_open_occurrences(p_user uuid, p_series uuid) returns void
    language plpgsql volatile as
$$
begin
    perform from agenda.tasks t
      where t.user_id = p_user and t.recurring_task_id = p_series
        and t.deleted_at is null and t.status in ('pending', 'in_progress')
      order by t.id
        for update;
end
$$;
comment on function agenda._lock_open_occurrences(uuid, uuid) is 'internal: locks what is open of a series, before the series';

-- Carries an edit of one occurrence to its series, and to the open occurrences that share it.
create or replace function agenda._edit_series(t agenda.tasks, patch jsonb, p_scope text) returns agenda.tasks
    language plpgsql volatile as
$$
declare
    r       agenda.recurring_tasks;
    v_patch pg_catalog.record;
    v_key   timestamp;
begin
    perform agenda._lock_open_occurrences(t.user_id, t.recurring_task_id);
    r := agenda._lock_recurring_task(t.user_id, t.recurring_task_id, null);
    v_patch := agenda._series_patch(t, r, patch);
    if p_scope = 'following' and agenda._divides(r, t.occurrence_key) then
        r := agenda._split_series(r.id, t.occurrence_key, v_patch.p, v_patch.moved);
    else
        r := agenda._change_series(r.id, t.occurrence_key, v_patch.p, v_patch.moved);
    end if;
    v_key := t.occurrence_key + v_patch.moved;
    t.recurring_task_id := r.id;
    t.occurrence_key := v_key;
    t.recurrence_rule := case when r.spawn = 'completion' then agenda._canonical_rule(r.rrule::text) end;
    return t;
end
$$;
comment on function agenda._edit_series(agenda.tasks, jsonb, text) is 'internal: an edit with scope following or all, as far as the series goes';

-- The same for reminders: those of the series and of all that is open of it.
create or replace function agenda._edit_series_reminders(t agenda.tasks, p_list jsonb) returns void
    language plpgsql volatile as
$$
declare
    k agenda.tasks;
begin
    perform agenda._set_series_reminders(agenda.get_recurring_task(t.recurring_task_id), p_list);
    for k in
        select * from agenda.tasks x
         where x.user_id = t.user_id and x.recurring_task_id = t.recurring_task_id and x.id <> t.id
           and x.deleted_at is null and agenda._is_open(x.status)
         order by x.id
    loop
        perform agenda._set_reminders(k, p_list);
    end loop;
end
$$;
comment on function agenda._edit_series_reminders(agenda.tasks, jsonb) is 'internal: an edit of reminders with scope following or all, as far as the series goes';

-- The keys of what is not over yet move with the series; so do the open tasks, but for what they have for themselves.
create or replace function agenda._move_occurrences(r agenda.recurring_tasks, p_to uuid, p_from timestamp, p_edited timestamp, p_moved interval) returns void
    language plpgsql volatile as
$$
declare
    n      agenda.recurring_tasks;
    v_ids  pg_catalog.uuid[];
    v_keys timestamp[];
begin
    select * into n from agenda.recurring_tasks s where s.user_id = r.user_id and s.id = p_to;
    if p_to = r.id and p_moved <> '0' then
        perform agenda._check_free(r, p_moved);
    end if;
    -- one after the other, since each takes the key of its neighbour
    select array_agg(t.id order by sign(extract(epoch from p_moved)) * extract(epoch from t.occurrence_key) desc) into v_ids
      from agenda.tasks t
     where t.user_id = r.user_id and t.recurring_task_id = r.id and t.occurrence_key >= p_from
       and (p_to <> r.id or agenda._is_open(t.status));
    for i in 1 .. coalesce(cardinality(v_ids), 0) loop
        update agenda.tasks t
           set recurring_task_id = p_to, occurrence_key = t.occurrence_key + p_moved,
               title = case when agenda._is_open(t.status) and t.title = r.title then n.title else t.title end,
               description = case when agenda._is_open(t.status) and t.description is not distinct from r.description then n.description else t.description end,
               priority = case when agenda._is_open(t.status) and t.priority = r.priority then n.priority else t.priority end,
               tags = case when agenda._is_open(t.status) and t.tags = r.tags then n.tags else t.tags end,
               checklist = case when agenda._is_open(t.status) and t.checklist = r.checklist then n.checklist else t.checklist end,
               -- whoever edits one writes its due date and zone together
               timezone = case when agenda._is_open(t.status) and t.occurrence_key <> p_edited and t.timezone is not distinct from case when not r.floating then r.timezone end
                               then case when not n.floating then n.timezone end else t.timezone end,
               due_kind = case when agenda._is_open(t.status) and n.all_day <> r.all_day and t.due_kind <> 'instant'
                               then case when n.all_day then 'date' else 'local' end else t.due_kind end,
               due_local = case when agenda._is_open(t.status)
                                then date_trunc(case when n.all_day and t.due_kind <> 'instant' then 'day' else 'second' end, t.due_local + p_moved) else t.due_local end
         where t.user_id = r.user_id and t.id = v_ids[i];
    end loop;
    if p_to <> r.id then
        -- all at once: the series takes note of each when it has all of them
        update agenda.recurrence_overrides o
           set recurring_task_id = p_to, occurrence_key = o.occurrence_key + p_moved
         where o.user_id = r.user_id and o.recurring_task_id = r.id and o.occurrence_key >= p_from;
        return;
    end if;
    select array_agg(o.occurrence_key order by sign(extract(epoch from p_moved)) * extract(epoch from o.occurrence_key) desc) into v_keys
      from agenda.recurrence_overrides o
     where o.user_id = r.user_id and o.recurring_task_id = r.id and o.occurrence_key >= p_from and p_moved <> '0';
    for i in 1 .. coalesce(cardinality(v_keys), 0) loop
        update agenda.recurrence_overrides o
           set occurrence_key = o.occurrence_key + p_moved
         where o.user_id = r.user_id and o.recurring_task_id = r.id and o.occurrence_key = v_keys[i];
    end loop;
end
$$;
comment on function agenda._move_occurrences(agenda.recurring_tasks, uuid, timestamp, timestamp, interval) is 'engine: occurrences go along with an edit of their series';

-- Scope all.
create or replace function agenda._change_series(p_id uuid, p_key timestamp, p_patch jsonb, p_moved interval) returns agenda.recurring_tasks
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_old constant agenda.recurring_tasks := agenda._lock_recurring_task(agenda._acting_user(), p_id, null);
    v_now timestamp;
    r     agenda.recurring_tasks;
begin
    r := agenda._patch_series(v_old, p_patch);
    v_now := agenda._clock(r, agenda.now());
    if p_moved <> '0' then
        r.start_date := agenda.local_to_instant(v_old.dtstart + p_moved, r.timezone);
    end if;
    r := agenda._write_series(r);
    if p_moved <> '0' then
        perform agenda._check_moved(r, v_old.dtstart + p_moved, p_key + p_moved);
        update agenda.recurring_tasks s
           set last_key = s.last_key + p_moved,
               next_key = case when s.basis = 'due' then agenda._next_key(r, greatest(r.last_key + p_moved,
                              -- whole days are owed all day
                              case when r.all_day then date_trunc('day', v_now) - interval '1 microsecond' else v_now end)) else s.next_key end
         where s.user_id = r.user_id and s.id = r.id
        returning * into r;
    end if;
    perform agenda._move_occurrences(v_old, v_old.id, '-infinity', p_key, p_moved);
    return r;
end
$$;
comment on function agenda._change_series(uuid, timestamp, jsonb, interval) is 'internal: changes all of the acting user''s series and what is open of it';

-- A series that goes on with another does so where that one was: what was made or passed over is so in both, and what is
-- to come has taken over its overrides already.  A new rule begins behind what was made.
create or replace function agenda._place_split(p_old agenda.recurring_tasks, p_new uuid, p_key timestamp, p_moved interval, p_new_rule boolean)
    returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    v_last constant timestamp := case when p_old.last_key >= p_key then p_old.last_key + p_moved end;
    r      agenda.recurring_tasks;
begin
    select * into r from agenda.recurring_tasks s where s.user_id = p_old.user_id and s.id = p_new;
    r.next_key := case when r.basis = 'due' or v_last is null then agenda._next_key(r, greatest(v_last,
        case when p_new_rule then p_key else greatest(p_key, p_old.next_key) end + p_moved - interval '1 microsecond')) end;
    update agenda.recurring_tasks s
       set last_key = v_last, next_key = r.next_key,
           occurrences_created = (select count(*) from agenda.tasks t where t.user_id = r.user_id and t.recurring_task_id = r.id)
     where s.user_id = r.user_id and s.id = r.id
    returning s.* into r;
    -- where completion makes the next one, there has to be one to complete
    perform agenda._keep_going(r);
    select * into r from agenda.recurring_tasks s where s.user_id = p_old.user_id and s.id = p_new;
    return r;
end
$$;
comment on function agenda._place_split(agenda.recurring_tasks, uuid, timestamp, interval, boolean) is 'engine: last_key and next_key of a series that goes on with another';

-- How much of COUNT is left from a key on: keys, or completions where the next one is computed from them.
create or replace function agenda._count_left(r agenda.recurring_tasks, p_key timestamp) returns integer
    language plpgsql stable as
$$
declare
    v_count constant integer := (agenda.rrule_to_json(r.rrule)->>'count')::integer;
    v_gone  bigint;
begin
    if r.basis = 'completion' then
        v_gone := r.occurrences_created - (select count(*) from agenda.tasks t
                                            where t.user_id = r.user_id and t.recurring_task_id = r.id and t.occurrence_key >= p_key);
    else
        v_gone := (select count(*) from agenda.local_occurrences(r.rrule, r.dtstart, r.dtstart, p_key));
    end if;
    return case when v_count is not null then greatest(v_count - v_gone, 1) end;
end
$$;
comment on function agenda._count_left(agenda.recurring_tasks, timestamp) is 'internal: COUNT of a rule that goes on from a key; null without COUNT';

-- Scope following: the series ends before the key, and a new one begins there.  What was done stays with the old.
create or replace function agenda._split_series(p_id uuid, p_key timestamp, p_patch jsonb, p_moved interval) returns agenda.recurring_tasks
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_old   constant agenda.recurring_tasks := agenda._lock_recurring_task(agenda._acting_user(), p_id, null);
    -- where one was added the rule goes on with its own next one
    v_on    constant timestamp := coalesce(agenda.next_local_occurrence(v_old.rrule, v_old.dtstart, p_key - interval '1 microsecond'), p_key);
    v_rule  constant boolean := p_patch ?| '{rrule,recurrence_type,recurrence_interval}';
    v_count constant integer := agenda._count_left(v_old, p_key);
    v_moved interval := p_moved;
    v_start timestamp;
    n       agenda.recurring_tasks := v_old;
begin
    if v_count is not null then
        n.rrule := agenda.rrule_from_json(agenda.rrule_to_json(v_old.rrule) || jsonb_build_object('count', v_count));
    end if;
    n.recurrence_type := null;
    n.recurrence_interval := null;
    n.invalid_day := null;
    -- one that had ended goes on with a new rule
    n.is_active := v_old.is_active or (v_rule and v_old.basis = 'due' and v_old.next_key is null and v_old.resume_at is null);
    n := agenda._patch_series(n, p_patch);
    if p_patch ? 'start_date' then
        -- another time of day, or a later beginning
        v_start := agenda.instant_to_local(n.start_date, n.timezone);
        v_moved := greatest(v_start, v_on::date + v_start::time) - v_on;
    end if;
    v_start := v_on + v_moved;
    if v_start::date = v_on::date and not v_rule then
        n.rrule := agenda._keep_day(n.rrule, v_old.dtstart, v_on);
    end if;
    if p_patch ?| '{recurrence_type,recurrence_interval}' and not p_patch ? 'rrule' then
        n.rrule := null;
        n.recurrence_type := coalesce(n.recurrence_type, v_old.recurrence_type);
        n.recurrence_interval := coalesce(n.recurrence_interval, v_old.recurrence_interval);
        n.invalid_day := coalesce(n.invalid_day, v_old.invalid_day);
    end if;
    n.id := agenda.uuid7();
    -- one that was added behind the end, or is moved there
    n.end_date := greatest(n.end_date, case when n.end_date is not null then agenda.local_to_instant(v_start, n.timezone) end);
    perform agenda._close_series(v_old, p_key);
    insert into agenda.recurring_tasks
           (id, user_id, title, description, priority, tags, checklist, own_reminders, reminders_set_at,
            recurrence_type, recurrence_interval, rrule, invalid_day,
            start_date, dtstart, end_date, timezone, all_day, dst_gap, dst_fold, business_shift, holiday_calendar,
            basis, spawn, overlap, missed, catchup_window, lead_time, is_active, split_from)
    values (n.id, n.user_id, n.title, n.description, n.priority, n.tags, n.checklist, n.own_reminders, n.reminders_set_at,
            n.recurrence_type, n.recurrence_interval, n.rrule, n.invalid_day,
            agenda.local_to_instant(v_start, n.timezone), v_start, n.end_date, case when not n.floating then n.timezone end, n.all_day,
            n.dst_gap, n.dst_fold, n.business_shift, n.holiday_calendar, n.basis, n.spawn, n.overlap, n.missed, n.catchup_window, n.lead_time,
            n.is_active, v_old.id)
    returning * into n;
    if v_moved <> '0' then
        perform agenda._check_moved(n, v_start, v_start);
    end if;
    perform agenda._move_occurrences(v_old, n.id, p_key, p_key, v_moved);
    return agenda._place_split(v_old, n.id, p_key, v_moved, v_rule);
end
$$;
comment on function agenda._split_series(uuid, timestamp, jsonb, interval) is 'internal: ends the acting user''s series before a key and goes on with a new one from there';

-- The series has nothing from this key on.
create or replace function agenda._close_series(r agenda.recurring_tasks, p_key timestamp) returns void
    language plpgsql volatile as
$$
begin
    update agenda.recurring_tasks s
       set end_date = agenda._wall_instant(p_key, r.timezone, r.dst_fold) - interval '1 second',
           -- where completion brings the next one, there has to be one to complete
           is_active = s.is_active and (r.overlap <> 'hold' or exists (
               select from agenda.tasks t
                where t.user_id = r.user_id and t.recurring_task_id = r.id and t.occurrence_key < p_key
                  and t.deleted_at is null and t.status in ('pending', 'in_progress')) or r.spawn <> 'completion' and r.basis = 'due')
     where s.user_id = r.user_id and s.id = r.id;
end
$$;
comment on function agenda._close_series(agenda.recurring_tasks, timestamp) is 'internal: ends a series before a key';

-- Deletion with scope following or all: the series first, so that it brings nothing new.
create or replace function agenda._drop_series(t agenda.tasks, p_scope text) returns void
    language plpgsql volatile as
$$
declare
    r agenda.recurring_tasks;
begin
    perform agenda._lock_open_occurrences(t.user_id, t.recurring_task_id);
    r := agenda._lock_recurring_task(t.user_id, t.recurring_task_id, null);
    if p_scope = 'following' and agenda._divides(r, t.occurrence_key) then
        perform agenda._close_series(r, t.occurrence_key);
    else
        update agenda.recurring_tasks s set deleted_at = agenda.now()
         where s.user_id = r.user_id and s.id = r.id;
    end if;
    update agenda.tasks k set deleted_at = agenda.now()
     where k.user_id = r.user_id and k.recurring_task_id = r.id and k.deleted_at is null
       and k.status in ('pending', 'in_progress') and (p_scope = 'all' or k.occurrence_key >= t.occurrence_key);
end
$$;
comment on function agenda._drop_series(agenda.tasks, text) is 'internal: a deletion with scope following or all, as far as the series goes';
