-- ---- single occurrences ----------------------------------------------------------------------------
-- An occurrence is named by its series and its key, whether it is a task already or not.  Locks go from task to
-- series, as everywhere: what is a task is dealt with as one, without the series.

create type agenda.occurrence as (occurrence_key timestamp, due_at timestamptz, title text, source text, task_id uuid);
comment on type agenda.occurrence is 'one occurrence of a series: source says whether it comes from the rule, an override (add, patch), or is a task';

create or replace function agenda._occurrence_of(t agenda.tasks, p_source text) returns agenda.occurrence
    language plpgsql immutable as
$$
begin
    return (t.occurrence_key, t.due_date, t.title, p_source, t.id)::agenda.occurrence;
end
$$;
comment on function agenda._occurrence_of(agenda.tasks, text) is 'internal: a task, or the draft of one, as an occurrence';

-- ---- overrides ----------------------------------------------------------------------------------

create or replace function agenda._override_before() returns trigger
    language plpgsql as
$$
declare
    v_none pg_catalog.text;
begin
    v_none := agenda._check_word(new.kind, '{skip,add,patch}', 'kind');
    if not new.occurrence_key between '0001-01-03' and '9999-12-27' then
        raise exception using errcode = 'YA005', message = 'occurrence_key is out of range', column = 'occurrence_key';
    elsif new.occurrence_key <> date_trunc('second', new.occurrence_key) then
        raise exception using errcode = 'YA005', message = 'occurrence_key must be a whole second', column = 'occurrence_key';
    elsif length(new.reason) > 500 then
        raise exception using errcode = 'YA006', message = 'reason is longer than 500 characters', column = 'reason';
    elsif new.kind = 'skip' then
        new.patch := null;
    elsif new.patch is not null then
        v_none := agenda._check_occurrence_patch(new.patch);
    elsif new.kind = 'patch' then
        raise exception using errcode = 'YA006', message = 'a patch is needed', column = 'patch';
    end if;
    return new;
end
$$;
comment on function agenda._override_before() is 'internal: validates an override';

-- What a single occurrence may have for itself, tried on a task of nobody.
create or replace function agenda._check_occurrence_patch(p_patch jsonb) returns void
    language plpgsql stable as
$$
declare
    v_none   pg_catalog.text;
    v_member pg_catalog.text;
    t        agenda.tasks;
begin
    v_none := agenda._check_object(p_patch);
    for v_member in select jsonb_object_keys(p_patch) loop
        v_none := agenda._check_word(v_member, '{title,description,priority,tags,checklist,due_date}', 'patch');
    end loop;
    t := agenda._patch_task(null, p_patch, 'UTC');
    v_none := agenda._check_template(t.tags, t.checklist);
    -- in the zone of any series
    if not t.due_date between '0001-01-03 00:00+00' and '9999-12-29 00:00+00' then
        raise exception using errcode = 'YA005', message = 'the due date is out of range', column = 'due_date';
    elsif p_patch ? 'title' and coalesce(length(t.title), 0) not between 1 and 500
       or length(t.description) > 20000 or t.priority not between 1 and 3 then
        raise exception using errcode = 'YA006', message = 'the patch has a value outside its range', column = 'patch';
    elsif p_patch ? 'due_date' and p_patch->>'due_date' is null then
        raise exception using errcode = 'YA006', message = 'an occurrence has a due date', column = 'patch';
    end if;
end
$$;
comment on function agenda._check_occurrence_patch(jsonb) is 'internal: raises YA006 for what a single occurrence cannot have for itself';

create or replace function agenda._override_image(o agenda.recurrence_overrides) returns jsonb
    language plpgsql immutable as
$$
begin
    return case when o.kind is not null then jsonb_build_object(
        'occurrence_key', to_char(o.occurrence_key, 'YYYY-MM-DD"T"HH24:MI:SS'),
        'kind', o.kind,
        'patch', o.patch,
        'reason', o.reason) end;
end
$$;
comment on function agenda._override_image(agenda.recurrence_overrides) is 'internal: an override as events show it';

-- The series learns of its overrides: that it has some, and what its next key is now that another is left out, or is
-- there, at one.
create or replace function agenda._note_override(p_user uuid, p_series uuid, p_key timestamp) returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    r        agenda.recurring_tasks;
    v_some   boolean;
    v_next   timestamp;
    v_active boolean;
begin
    select * into r from agenda.recurring_tasks s
     where s.user_id = p_user and s.id = p_series
       for update;
    if found then
        v_some := exists (select from agenda.recurrence_overrides x
                           where x.user_id = r.user_id and x.recurring_task_id = r.id);
        v_next := r.next_key;
        if r.basis = 'due'
           and (p_key = v_next
                or (p_key < coalesce(v_next, 'infinity') and p_key > coalesce(r.last_key, '-infinity')
                    and (agenda._override(r, p_key)).kind is distinct from 'skip' and agenda._key_due(r, p_key) > agenda.now())) then
            -- the next one may be gone, or be another
            r.has_overrides := v_some;
            v_next := agenda._next_key(r, p_key - interval '1 microsecond');
        end if;
        v_active := r.is_active or (r.next_key is null and v_next is not null and r.resume_at is null);
        -- most of many that move together change nothing
        update agenda.recurring_tasks s
           set has_overrides = v_some, next_key = v_next, is_active = v_active
         where s.user_id = r.user_id and s.id = r.id
           and (s.has_overrides, s.next_key, s.is_active) is distinct from (v_some, v_next, v_active);
        if found then
            select * into r from agenda.recurring_tasks s where s.user_id = p_user and s.id = p_series;
        end if;
    end if;
    return r;
end
$$;
comment on function agenda._note_override(uuid, uuid, timestamp) is 'internal: a series takes note of what differs for a key';

-- To the log it is a change of the series.
create or replace function agenda._override_after() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none  text;
    o       agenda.recurrence_overrides;
    r       agenda.recurring_tasks;
    v_image jsonb;
begin
    o := coalesce(new, old);
    v_none := agenda._enter(o.user_id);
    if tg_op = 'UPDATE' and (old.recurring_task_id, old.occurrence_key) <> (new.recurring_task_id, new.occurrence_key) then
        r := agenda._note_override(old.user_id, old.recurring_task_id, old.occurrence_key);
    end if;
    r := agenda._note_override(o.user_id, o.recurring_task_id, o.occurrence_key);
    if r.id is not null and new is distinct from old and r.deleted_at is null then
        v_image := agenda._recurring_task_image(r);
        v_none := agenda._log_change('recurring_task.updated', r.user_id, r.id,
                                     v_image || jsonb_build_object('override', agenda._override_image(old)),
                                     v_image || jsonb_build_object('override', agenda._override_image(new)));
    end if;
    v_none := agenda._leave();
    return null;
end
$$;
comment on function agenda._override_after() is 'internal: a series takes note of its overrides';

create or replace function agenda._write_override(p_series uuid, p_key timestamp, p_kind text, p_patch jsonb, p_reason text) returns void
    language plpgsql volatile as
$$
begin
    insert into agenda.recurrence_overrides (recurring_task_id, occurrence_key, kind, patch, reason)
    values (p_series, p_key, p_kind, p_patch, p_reason)
    on conflict (user_id, recurring_task_id, occurrence_key) do update
       set kind = case when recurrence_overrides.kind = 'add' and excluded.kind = 'patch' then 'add' else excluded.kind end,
           patch = excluded.patch, reason = excluded.reason;
end
$$;
comment on function agenda._write_override(uuid, timestamp, text, jsonb, text) is 'internal: an override, in place of the one there was';

-- The task of a key, if there is one.
create or replace function agenda._occurrence_task(r agenda.recurring_tasks, p_key timestamp) returns agenda.tasks
    language plpgsql stable as
$$
declare
    t agenda.tasks;
begin
    select * into t from agenda.tasks k
     where k.user_id = r.user_id and k.recurring_task_id = r.id and k.occurrence_key = p_key;
    return t;
end
$$;
comment on function agenda._occurrence_task(agenda.recurring_tasks, timestamp) is 'internal: the task that a key became';

create or replace function agenda._check_key(r agenda.recurring_tasks, p_key timestamp) returns void
    language plpgsql stable as
$$
begin
    if p_key is null or agenda._next_key(r, p_key - interval '1 microsecond') is distinct from p_key then
        raise exception using errcode = 'YA001',
            message = format('the series has no occurrence %s', to_char(p_key, 'YYYY-MM-DD"T"HH24:MI:SS')),
            hint = 'preview_recurring_task() and calendar() list the keys.',
            column = 'occurrence_key';
    end if;
end
$$;
comment on function agenda._check_key(agenda.recurring_tasks, timestamp) is 'internal: raises YA001 for a key that the series does not have';

-- Makes one occurrence out of turn.  With the owner's rights, for materialise() has no other callers; row-level
-- security holds it to the acting user.
create or replace function agenda._make_occurrence(p_series uuid, p_key timestamp, p_trigger text) returns agenda.tasks
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    r agenda.recurring_tasks := agenda.get_recurring_task(p_series);
    t agenda.tasks := agenda._occurrence_task(r, p_key);
begin
    if t.id is null then
        r := agenda._lock_recurring_task(r.user_id, p_series, null);
        perform agenda._check_key(r, p_key);
        t := agenda._materialise(r, p_key, p_trigger);
        if t.id is null then
            -- somebody else was faster
            return agenda._occurrence_task(r, p_key);
        end if;
        -- where completion makes the next one, it goes on from the last that came in turn
        r := agenda._advance(r, case when p_key = r.next_key and r.spawn <> 'completion' then p_key else r.last_key end,
                             case when p_key = r.next_key and r.basis = 'due' then agenda._next_key(r, p_key) else r.next_key end, 1, 0);
    end if;
    return t;
end
$$;
comment on function agenda._make_occurrence(uuid, timestamp, text) is 'internal: the task of an occurrence of the acting user''s series, made now if need be';

create or replace function agenda.complete_occurrence(recurring_task_id uuid, occurrence_key timestamp) returns agenda.completion
    language plpgsql volatile as
$$
begin
    return agenda.complete_task((agenda._make_occurrence(recurring_task_id, occurrence_key, 'manual')).id);
end
$$;
comment on function agenda.complete_occurrence(uuid, timestamp) is 'completes an occurrence by its key, also one that is no task yet; repeatable';

-- What is a task is skipped as one; what is not never becomes one.
create or replace function agenda.skip_occurrence(recurring_task_id uuid, occurrence_key timestamp, reason text default null)
    returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    r      agenda.recurring_tasks := agenda.get_recurring_task(recurring_task_id);
    t      agenda.tasks := agenda._occurrence_task(r, occurrence_key);
begin
    if t.id is null then
        r := agenda._lock_recurring_task(v_user, recurring_task_id, null);
        t := agenda._occurrence_task(r, occurrence_key);
    end if;
    if t.id is not null then
        perform agenda.skip_task(t.id);
    elsif (agenda._override(r, occurrence_key)).kind is distinct from 'skip' then
        perform agenda._check_key(r, occurrence_key);
        perform agenda._write_override(r.id, occurrence_key, 'skip', null, reason);
    end if;
    return agenda.get_recurring_task(recurring_task_id);
end
$$;
comment on function agenda.skip_occurrence(uuid, timestamp, text) is 'leaves out one occurrence, task or not; repeatable';

create or replace function agenda.add_occurrence(recurring_task_id uuid, occurrence_key timestamp, patch jsonb default null)
    returns agenda.occurrence
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    r      agenda.recurring_tasks := agenda._lock_recurring_task(v_user, recurring_task_id, null);
    -- as keys are written, so that it can be named
    v_key  constant timestamp := date_trunc(case when r.all_day then 'day' else 'second' end, occurrence_key);
    t      agenda.tasks := agenda._occurrence_task(r, v_key);
begin
    if t.id is null then
        perform agenda._write_override(r.id, v_key, 'add', patch, null);
        r := agenda.get_recurring_task(recurring_task_id);
        if agenda._key_due(r, v_key) <= agenda.now() then
            t := agenda._make_occurrence(r.id, v_key, 'manual');
        else
            t := agenda._draft_occurrence(r, v_key);
        end if;
    end if;
    return agenda._occurrence_of(t, case when t.id is null then 'add' else 'task' end);
end
$$;
comment on function agenda.add_occurrence(uuid, timestamp, jsonb) is 'one occurrence more beside the rule, at a wall-clock time; made at once if it lies in the past';

-- What an edit of one occurrence and others says is so for that one, too, whatever it had for itself.
create or replace function agenda._yield_override(r agenda.recurring_tasks, p_key timestamp, p_patch jsonb) returns void
    language plpgsql volatile as
$$
declare
    o       constant agenda.recurrence_overrides := agenda._override(r, p_key);
    v_patch constant pg_catalog.jsonb := o.patch - array(select jsonb_object_keys(p_patch));
begin
    if o.kind = 'patch' and v_patch = '{}' then
        delete from agenda.recurrence_overrides x
         where x.user_id = r.user_id and x.recurring_task_id = r.id and x.occurrence_key = p_key;
    elsif v_patch <> o.patch then
        perform agenda._write_override(r.id, p_key, o.kind, v_patch, o.reason);
    end if;
end
$$;
comment on function agenda._yield_override(agenda.recurring_tasks, timestamp, jsonb) is 'internal: takes out of an override what a patch says';

create or replace function agenda.patch_occurrence(recurring_task_id uuid, occurrence_key timestamp, patch jsonb, scope text default 'this')
    returns agenda.occurrence
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    r      agenda.recurring_tasks := agenda.get_recurring_task(recurring_task_id);
    t      agenda.tasks := agenda._occurrence_task(r, occurrence_key);
    o      agenda.recurrence_overrides;
begin
    perform agenda._check_word(scope, '{this,following,all}', 'scope');
    if t.id is null then
        if scope <> 'this' then
            perform agenda._lock_open_occurrences(v_user, recurring_task_id);
        end if;
        r := agenda._lock_recurring_task(v_user, recurring_task_id, null);
        t := agenda._occurrence_task(r, occurrence_key);
    end if;
    if t.id is not null then
        return agenda._occurrence_of(agenda.update_task(t.id, patch, null, scope), 'task');
    end if;
    perform agenda._check_key(r, occurrence_key);
    t := agenda._draft_occurrence(r, occurrence_key);
    if scope <> 'this' then
        perform agenda._check_members(patch, agenda._task_members());
        perform agenda._yield_override(r, occurrence_key, patch);
        t := agenda._edit_series(t, patch, scope);
        return agenda._occurrence(agenda.get_recurring_task(t.recurring_task_id), t.occurrence_key);
    end if;
    o := agenda._override(r, occurrence_key);
    perform agenda._check_object(patch);
    perform agenda._write_override(r.id, occurrence_key, 'patch', coalesce(o.patch, '{}') || patch, o.reason);
    return agenda._occurrence_of(agenda._draft_occurrence(agenda.get_recurring_task(recurring_task_id), occurrence_key), 'patch');
end
$$;
comment on function agenda.patch_occurrence(uuid, timestamp, jsonb, text) is 'changes one occurrence before it is a task (title, description, priority, tags, checklist, due_date), or as one; scope following and all change the series';

-- ---- out of turn --------------------------------------------------------------------------------

create or replace function agenda.trigger_recurring_task(id uuid) returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    r      agenda.recurring_tasks := agenda._lock_recurring_task(v_user, id, null);
    v_key  timestamp := date_trunc(case when r.all_day then 'day' else 'second' end, agenda.instant_to_local(agenda.now(), r.timezone));
begin
    if r.overlap = 'hold' and agenda._has_open(r) then
        raise exception using errcode = 'YA007',
            message = format('recurring task "%s" has an open occurrence', id),
            hint = 'Its overlap policy is hold: complete or skip that one first.';
    end if;
    if (agenda._occurrence_task(r, v_key)).id is null then
        perform agenda._write_override(r.id, v_key, 'add', null, null);
    end if;
    return agenda._make_occurrence(r.id, v_key, 'manual');
end
$$;
comment on function agenda.trigger_recurring_task(uuid) is 'makes an occurrence now, beside the rule; YA007 where the series holds back while one is open';

create or replace function agenda.backfill_recurring_task(id uuid, from_time timestamptz, to_time timestamptz, max_rows integer default 100)
    returns setof agenda.tasks
    language plpgsql volatile as
$$
declare
    v_user   constant pg_catalog.uuid := agenda._acting_user();
    r        agenda.recurring_tasks := agenda._lock_recurring_task(v_user, id, null);
    v_end    constant pg_catalog.timestamptz := least(to_time, agenda.now());
    -- workdays move a due date away from its key
    v_margin constant interval := case when r.business_shift <> 'none' then interval '32 days' else interval '0' end;
    v_key    timestamp;
    t        agenda.tasks;
begin
    if from_time is null or to_time is null or to_time < from_time then
        raise exception using errcode = 'YA006', message = 'from_time must not be later than to_time', column = 'from_time';
    elsif coalesce(max_rows, 0) not between 1 and 1000 then
        raise exception using errcode = 'YA006', message = 'max_rows must be between 1 and 1000', column = 'max_rows';
    end if;
    v_key := agenda._next_key(r, greatest(agenda._clock(r, from_time) - v_margin, r.dtstart) - interval '1 microsecond');
    while max_rows > 0 and agenda._key_due(r, v_key) < v_end loop
        if agenda._key_due(r, v_key) < from_time then
            v_key := agenda._pass_day(r, v_key, agenda._clock(r, from_time));
        elsif (agenda._occurrence_task(r, v_key)).id is null then
            t := agenda._make_occurrence(r.id, v_key, 'backfill');
            max_rows := max_rows - 1;
            return next t;
        end if;
        v_key := agenda._next_key(r, v_key);
    end loop;
end
$$;
comment on function agenda.backfill_recurring_task(uuid, timestamptz, timestamptz, integer) is 'makes tasks of past occurrences in [from_time, to_time) that were never made, oldest first';

-- ---- looking ahead ------------------------------------------------------------------------------

-- The next n, or those that a change would give, or (id null) those of a series that is not made yet.  Where they are
-- counted from completions, as if each were completed when it is due, and one that is late now.
create or replace function agenda.preview_recurring_task(id uuid, n integer default 10, patch jsonb default null)
    returns setof agenda.occurrence
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    v_none pg_catalog.text;
    v_old  agenda.recurring_tasks;
    r      agenda.recurring_tasks;
    v_key  timestamp;
begin
    if coalesce(n, 0) not between 1 and 1000 then
        raise exception using errcode = 'YA006', message = 'n must be between 1 and 1000', column = 'n';
    end if;
    if id is not null then
        v_old := agenda.get_recurring_task(id);
        r := v_old;
    else
        r := agenda._blank_series(v_user);
    end if;
    if patch is not null or id is null then
        perform agenda._check_members(coalesce(patch, '{}'), agenda._series_members());
        r := agenda._patch_series(r, coalesce(patch, '{}'));
        r := agenda._derive_start(agenda._derive_rule(r, v_old), v_old);
        v_none := agenda._check_policies(r);
        if id is null then
            r.id := agenda.uuid7();
            r.next_key := agenda._next_key(r, r.dtstart - interval '1 microsecond');
        else
            r := agenda._replace_series(r, v_old);
        end if;
    end if;
    v_key := r.next_key;
    if v_key is null and r.basis = 'completion' and r.is_active then
        v_key := agenda._key_after_completion(r, greatest(r.last_key, agenda.instant_to_local(agenda.now(), r.timezone)));
    end if;
    for i in 1 .. n loop
        exit when v_key is null;
        return next agenda._virtual(r, v_key);
        if r.basis = 'due' then
            v_key := agenda._next_key(r, v_key);
        else
            r.last_key := v_key;
            r.occurrences_created := r.occurrences_created + 1;
            v_key := agenda._key_after_completion(r, v_key);
        end if;
    end loop;
end
$$;
comment on function agenda.preview_recurring_task(uuid, integer, jsonb) is 'the next n occurrences of a series, of what a patch would make of it, or (id null) of a series that is not made yet';

create or replace function agenda._virtual(r agenda.recurring_tasks, p_key timestamp) returns agenda.occurrence
    language plpgsql stable as
$$
begin
    return agenda._occurrence_of(agenda._draft_occurrence(r, p_key), coalesce((agenda._override(r, p_key)).kind, 'rule'));
end
$$;
comment on function agenda._virtual(agenda.recurring_tasks, timestamp) is 'internal: an occurrence that is no task yet';

-- One that may be a task by now.
create or replace function agenda._occurrence(r agenda.recurring_tasks, p_key timestamp) returns agenda.occurrence
    language plpgsql stable as
$$
declare
    t constant agenda.tasks := agenda._occurrence_task(r, p_key);
begin
    return case when t.id is null then agenda._virtual(r, p_key) else agenda._occurrence_of(t, 'task') end;
end
$$;
comment on function agenda._occurrence(agenda.recurring_tasks, timestamp) is 'internal: an occurrence, task or not';

-- Occurrences of one series due in [from, to) that are no tasks yet.  Those with a due date of their own, which may be
-- anywhere, come first, by their overrides.
create or replace function agenda._drafts_between(r agenda.recurring_tasks, p_from timestamptz, p_to timestamptz, p_max integer)
    returns setof agenda.tasks
    language plpgsql stable as
$$
declare
    -- workdays and days of other lengths move a due date away from its key
    v_margin constant interval := case when r.business_shift <> 'none' or r.all_day then interval '32 days' else interval '0' end;
    v_from   constant timestamp := agenda._clock(r, p_from);
    v_key    timestamp;
    t        agenda.tasks;
    v_steps  integer := 0;
begin
    for v_key in
        select o.occurrence_key from agenda.recurrence_overrides o
         where r.has_overrides and o.user_id = r.user_id and o.recurring_task_id = r.id and o.patch ? 'due_date' and o.occurrence_key >= r.next_key
         order by o.occurrence_key limit 10000
    loop
        t := agenda._draft_occurrence(r, v_key);
        if t.due_date >= p_from and t.due_date < p_to and p_max > 0 and (agenda._occurrence_task(r, v_key)).id is null
           and agenda._next_key(r, v_key - interval '1 microsecond') = v_key then
            p_max := p_max - 1;
            return next t;
        end if;
    end loop;
    v_key := agenda._next_key(r, greatest(v_from - v_margin, r.next_key) - interval '1 microsecond');
    while v_key is not null and p_max > 0 and v_steps < 10000 loop
        v_steps := v_steps + 1;
        exit when agenda.local_to_instant(v_key - v_margin, r.timezone) >= p_to;
        t := agenda._draft_occurrence(r, v_key);
        if (agenda._override(r, v_key)).patch ? 'due_date' then
            null;
        elsif t.due_date < p_from or t.due_date >= p_to then
            v_key := agenda._pass_day(r, v_key, case when t.due_date < p_from then v_from else 'infinity' end);
        elsif (agenda._occurrence_task(r, v_key)).id is null then
            p_max := p_max - 1;
            return next t;
        end if;
        v_key := agenda._next_key(r, v_key);
    end loop;
end
$$;
comment on function agenda._drafts_between(agenda.recurring_tasks, timestamptz, timestamptz, integer) is 'internal: what the occurrences in a range would be that are no tasks yet';

create or replace function agenda.calendar(from_time timestamptz, to_time timestamptz, include_closed boolean default false)
    returns table (at timestamptz, kind text, title text, status text, priority smallint, due_kind text,
                   task_id uuid, recurring_task_id uuid, occurrence_key timestamp)
    language plpgsql stable
    rows 100 as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    if from_time is null or to_time is null or not isfinite(from_time) or not isfinite(to_time)
       or to_time < from_time or to_time - from_time > interval '400 days' then
        raise exception using errcode = 'YA006',
            message = 'the range must have a beginning, an end, and at most 400 days between them',
            column = 'to_time';
    end if;
    return query
        select * from (
            select t.due_date, 'task'::text, t.title, t.status, t.priority, t.due_kind, t.id, t.recurring_task_id, t.occurrence_key
              from agenda.tasks t
             where t.user_id = v_user and t.deleted_at is null and t.status in ('pending', 'in_progress')
               and t.due_date >= from_time and t.due_date < to_time
            union all
            select t.due_date, 'task', t.title, t.status, t.priority, t.due_kind, t.id, t.recurring_task_id, t.occurrence_key
              from agenda.tasks t
             where include_closed and t.user_id = v_user and t.deleted_at is null and t.status not in ('pending', 'in_progress')
               and t.due_date >= from_time and t.due_date < to_time
            union all
            select o.due_date, 'virtual', o.title, o.status, o.priority, o.due_kind, null, r.id, o.occurrence_key
              from agenda.recurring_tasks r, agenda._drafts_between(r, from_time, to_time, 1000) o
             where r.user_id = v_user and r.is_active and r.deleted_at is null and r.next_key is not null) c
         order by 1, 7, 8
         limit 10000;
end
$$;
comment on function agenda.calendar(timestamptz, timestamptz, boolean) is 'open tasks (with include_closed also closed ones) and future occurrences of the acting user due in [from_time, to_time), at most 1000 of one series';
