-- ---- rules of series ---------------------------------------------------------------------------

-- The first key after a given wall-clock time that the series still has; null when it is over.
create or replace function agenda._next_key(r agenda.recurring_tasks, p_after timestamp) returns timestamp
    language plpgsql stable as
$$
declare
    v_key timestamp := agenda.next_local_occurrence(r.rrule, r.dtstart, p_after);
begin
    -- beyond what a due date can be
    if v_key >= '9999-12-29' then
        return null;
    end if;
    if r.end_date is not null and agenda.local_to_instant(v_key, r.timezone) > r.end_date then
        return null;
    end if;
    return v_key;
end
$$;
comment on function agenda._next_key(agenda.recurring_tasks, timestamp) is 'internal: first key of a series strictly after a wall-clock time, null when it is over';

-- Rule from type and interval, or the reverse.  Contradictions are errors.
create or replace function agenda._derive_rule(new agenda.recurring_tasks, old agenda.recurring_tasks)
    returns agenda.recurring_tasks
    language plpgsql stable as
$$
declare
    v_simple_given constant boolean := old.id is null
        or (new.recurrence_type, new.recurrence_interval) is distinct from (old.recurrence_type, old.recurrence_interval);
    v_rule_given constant boolean := new.rrule is not null
        and (old.id is null or new.rrule is distinct from old.rrule);
begin
    if not v_rule_given and (v_simple_given or new.rrule is null) then
        if new.rrule is not null and new.recurrence_type = old.recurrence_type
           and old.rrule <> agenda.rrule_from(old.recurrence_type, old.recurrence_interval) then
            raise exception using errcode = 'YA006',
                message = 'the rule says more than recurrence_type and recurrence_interval',
                detail = format('It is %s.', old.rrule),
                hint = 'Change rrule instead.',
                column = 'recurrence_interval';
        end if;
        if new.recurrence_type is null then
            raise exception using errcode = 'YA006',
                message = 'a recurring task needs a rule',
                hint = 'Give recurrence_type (daily, weekly, monthly, yearly) or rrule.',
                column = 'recurrence_type';
        end if;
        new.recurrence_interval := coalesce(new.recurrence_interval, 1);
        new.rrule := agenda.rrule_from(new.recurrence_type, new.recurrence_interval);
        return new;
    end if;
    if v_rule_given and v_simple_given
       and (new.recurrence_type <> agenda.recurrence_type(new.rrule)
            or new.recurrence_interval <> agenda.recurrence_interval(new.rrule)) then
        raise exception using errcode = 'YA006',
            message = 'recurrence_type and recurrence_interval contradict rrule',
            detail = format('The rule is %s with interval %s.',
                            agenda.recurrence_type(new.rrule), agenda.recurrence_interval(new.rrule)),
            hint = 'Give either the rule or the simple form.',
            column = 'rrule';
    end if;
    new.recurrence_type := agenda.recurrence_type(new.rrule);
    new.recurrence_interval := agenda.recurrence_interval(new.rrule);
    return new;
end
$$;
comment on function agenda._derive_rule(agenda.recurring_tasks, agenda.recurring_tasks) is 'internal: keeps rrule and its simple form in agreement';

-- Where a new series begins: which key is owed already, which comes next.
--   schedule:   of several keys in the past the newest is owed now (policy latest), none if all of
--               the series lies in the past; skip begins with the first key that is not in the past
--   completion: one open occurrence at a time, the first that is not in the past
-- A series that adopts an existing task comes with its last_key and only needs the next one.
create or replace function agenda._place_new_series(r agenda.recurring_tasks) returns agenda.recurring_tasks
    language plpgsql stable as
$$
declare
    v_now      constant timestamp := agenda.instant_to_local(date_trunc('second', agenda.now()), r.timezone);
    v_upcoming timestamp;
begin
    if r.last_key is not null then
        r.next_key := agenda._next_key(r, r.last_key);
        return r;
    end if;
    -- the first key that is not in the past; strictly after is what the calculation offers
    v_upcoming := agenda._next_key(r, greatest(v_now, r.dtstart) - interval '1 microsecond');
    if not r.is_active then
        -- made paused: nothing is owed before it is resumed
        r.next_key := v_upcoming;
        return r;
    elsif v_upcoming is null then
        r.is_active := false;
        -- its end has not come yet: what is owed until then is owed
        if r.end_date >= agenda.now() and r.dtstart <= v_now then
            r.last_key := agenda.previous_local_occurrence(r.rrule, r.dtstart, v_now + interval '1 microsecond');
        end if;
    elsif r.spawn = 'completion' then
        r.last_key := v_upcoming;
    elsif v_upcoming = v_now then
        r.last_key := v_upcoming;
    elsif r.missed = 'latest' and r.dtstart < v_now then
        r.last_key := agenda.previous_local_occurrence(r.rrule, r.dtstart, v_now);
    end if;
    if r.last_key is null then
        r.next_key := v_upcoming;
    else
        r.last_created_at := agenda.now();
        r.next_key := agenda._next_key(r, r.last_key);
    end if;
    return r;
end
$$;
comment on function agenda._place_new_series(agenda.recurring_tasks) is 'internal: last_key and next_key of a series that is being made';

create or replace function agenda._recurring_task_before() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    perform agenda._check_owner(new.user_id);
    perform agenda._check_zone(new.timezone);
    new.start_date := coalesce(new.start_date, date_trunc('second', agenda.now()));
    if not new.start_date between '0001-01-02 00:00+00' and '9999-12-30 00:00+00' then
        raise exception using errcode = 'YA005', message = 'start_date is out of range', column = 'start_date';
    end if;
    perform agenda._enter(new.user_id);
    new.timezone := coalesce(new.timezone, agenda._user_zone(new.user_id));

    if tg_op = 'INSERT' then
        new := agenda._derive_rule(new, null);
        new.dtstart := agenda.instant_to_local(new.start_date, new.timezone);
        new := agenda._place_new_series(new);
    else
        new := agenda._derive_rule(new, old);
        if new.start_date <> old.start_date then
            new.dtstart := agenda.instant_to_local(new.start_date, new.timezone);
        elsif new.timezone <> old.timezone then
            -- nine o'clock stays nine o'clock
            new.start_date := agenda.local_to_instant(new.dtstart, new.timezone);
        end if;
        if (new.rrule, new.dtstart, new.timezone, new.end_date) is distinct from (old.rrule, old.dtstart, old.timezone, old.end_date)
           or (new.is_active and not old.is_active) then
            -- what lies in the past stays as it was made; the new schedule begins now
            new.next_key := agenda._next_key(new, greatest(new.last_key, new.dtstart - interval '1 microsecond',
                                                           agenda.instant_to_local(agenda.now(), new.timezone)));
            if new.next_key is null then
                new.is_active := false;
            elsif old.next_key is null and not old.is_active then
                -- it had ended, and goes on now
                new.is_active := true;
            end if;
        end if;
    end if;

    if new.next_key is null and new.spawn = 'schedule' then
        new.is_active := false;
    end if;
    new.next_due_at := agenda.local_to_instant(new.next_key, new.timezone);
    if tg_op = 'UPDATE' and agenda._recurring_task_image(old) <> agenda._recurring_task_image(new) then
        new.version := old.version + 1;
        new.updated_at := agenda.now();
    end if;
    perform agenda._leave();
    return new;
end
$$;
comment on function agenda._recurring_task_before() is 'internal: derives rule, wall-clock start and next occurrence of a series';

-- The only maker of occurrences.  Idempotent: a key becomes a task once, whoever asks.  Returns the
-- new task, or null when it was there already.
create or replace function agenda._materialise(r agenda.recurring_tasks, p_key timestamp, p_trigger text, p_parent uuid default null)
    returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_task agenda.tasks;
begin
    perform agenda._enter(r.user_id);
    insert into agenda.tasks (user_id, title, description, priority, due_date, timezone, recurrence_rule,
                              recurring_task_id, occurrence_key, parent_task_id)
    values (r.user_id, r.title, r.description, r.priority, agenda.local_to_instant(p_key, r.timezone), r.timezone,
            case when r.spawn = 'completion' then r.rrule::text end,
            r.id, p_key, p_parent)
    on conflict (user_id, recurring_task_id, occurrence_key) do nothing
    returning * into v_task;
    if found then
        perform agenda._emit('task.recurrence', r.user_id, v_task.id::text, v_task.id::text, jsonb_build_object(
            'task_id', v_task.id,
            'recurring_task_id', r.id,
            'title', v_task.title,
            'occurrence_key', to_char(p_key, 'YYYY-MM-DD"T"HH24:MI:SS'),
            'timezone', r.timezone,
            'due_date', agenda.utc(v_task.due_date),
            'next_due_at', agenda.utc(r.next_due_at),
            'trigger', p_trigger));
        perform agenda._copy_reminders(r, v_task);
    end if;
    perform agenda._leave();
    return v_task;
end
$$;
comment on function agenda._materialise(agenda.recurring_tasks, timestamp, text, uuid) is 'engine: the only maker of occurrences, idempotent by series and key';

create or replace function agenda._recurring_task_after() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    if tg_op = 'INSERT' then
        perform agenda._log_recurring_task(null, new);
        -- last_created_at is empty where the series adopts a task that exists
        if new.last_created_at is not null then
            perform agenda._materialise(new, new.last_key, 'schedule');
        end if;
    elsif tg_op = 'UPDATE' then
        perform agenda._log_recurring_task(old, new);
    else
        perform agenda._log_recurring_task(old, null);
        delete from agenda.timers where user_id = old.user_id and entity = 'series' and entity_id = old.id;
        return null;
    end if;

    if tg_op = 'UPDATE' and (new.next_due_at, new.is_active, new.deleted_at, new.resume_at)
                            is not distinct from (old.next_due_at, old.is_active, old.deleted_at, old.resume_at) then
        return null;
    end if;
    if new.deleted_at is null and new.is_active and new.spawn = 'schedule' and new.next_due_at is not null then
        perform agenda._set_timer(new.user_id, 'series', new.id, new.next_due_at, 'spawn');
    elsif new.deleted_at is null and not new.is_active and new.resume_at is not null then
        perform agenda._set_timer(new.user_id, 'series', new.id, new.resume_at, 'resume');
    elsif tg_op = 'UPDATE' then
        delete from agenda.timers where user_id = new.user_id and entity = 'series' and entity_id = new.id;
    end if;
    return null;
end
$$;
comment on function agenda._recurring_task_after() is 'internal: log, first occurrence and timer of a series';

-- ---- what callers use --------------------------------------------------------------------------

create or replace function agenda.create_recurring_task(
        title text,
        recurrence_type text default null,
        recurrence_interval integer default null,
        start_date text default null,
        end_date text default null,
        description text default null,
        priority integer default null,
        rrule text default null,
        timezone text default null,
        policy text default 'fixed')
    returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    v_user constant uuid := agenda._acting_user();
    v_zone text;
    v_row  agenda.recurring_tasks;
begin
    perform agenda._check_zone(create_recurring_task.timezone);
    v_zone := coalesce(create_recurring_task.timezone, agenda._user_zone(v_user));
    insert into agenda.recurring_tasks
           (title, description, priority, recurrence_type, recurrence_interval, rrule,
            start_date, end_date, timezone, spawn, overlap, missed)
    values (create_recurring_task.title, create_recurring_task.description,
            coalesce(create_recurring_task.priority, 2),
            create_recurring_task.recurrence_type, create_recurring_task.recurrence_interval,
            agenda._rule_of(create_recurring_task.rrule),
            agenda._parse_time(create_recurring_task.start_date, v_zone, 'start_date'),
            agenda._parse_time(create_recurring_task.end_date, v_zone, 'end_date'),
            v_zone,
            agenda._policy(policy, 'spawn'), agenda._policy(policy, 'overlap'), agenda._policy(policy, 'missed'))
    returning * into v_row;
    return v_row;
end
$$;
comment on function agenda.create_recurring_task(text, text, integer, text, text, text, integer, text, text, text)
    is 'makes a series from recurrence_type and recurrence_interval or from rrule; times without an offset are wall-clock times in timezone; policy is fixed (the clock makes occurrences) or on_completion';

create or replace function agenda._policy(p_policy text, p_axis text) returns text
    language plpgsql immutable as
$$
declare
    v_presets constant jsonb := '{
        "fixed":         {"spawn": "schedule",   "overlap": "allow", "missed": "latest"},
        "on_completion": {"spawn": "completion", "overlap": "hold",  "missed": "skip"}}';
begin
    if v_presets ? coalesce(p_policy, 'fixed') then
        return v_presets -> coalesce(p_policy, 'fixed') ->> p_axis;
    end if;
    raise exception using errcode = 'YA006',
        message = format('policy "%s" is not known', left(p_policy, 100)),
        hint = 'Use fixed or on_completion.',
        column = 'policy';
end
$$;
comment on function agenda._policy(text, text) is 'internal: what a preset says on one axis';

create or replace function agenda.get_recurring_task(id uuid) returns agenda.recurring_tasks
    language plpgsql stable as
$$
declare
    v_row agenda.recurring_tasks;
begin
    select * into v_row from agenda.recurring_tasks r
     where r.user_id = agenda._acting_user() and r.id = get_recurring_task.id and r.deleted_at is null;
    if not found then
        perform agenda._not_found('recurring task', id);
    end if;
    return v_row;
end
$$;
comment on function agenda.get_recurring_task(uuid) is 'one series of the acting user; YA001 when there is none';

create or replace function agenda._recurring_task_matches(r agenda.recurring_tasks, filter jsonb) returns boolean
    language sql stable
    begin atomic
        select (not filter ? 'is_active' or r.is_active = (filter->>'is_active')::boolean)
           and (not filter ? 'q' or strpos(lower(r.title), lower(filter->>'q')) > 0
                or strpos(lower(coalesce(r.description, '')), lower(filter->>'q')) > 0);
    end;
comment on function agenda._recurring_task_matches(agenda.recurring_tasks, jsonb) is 'internal: filter of list_recurring_tasks';

create or replace function agenda.list_recurring_tasks(filter jsonb default '{}', page integer default 1, page_size integer default 20)
    returns setof agenda.recurring_tasks
    language plpgsql stable as
$$
declare
    v_user constant uuid := agenda._acting_user();
begin
    perform agenda._check_page(page, page_size);
    return query
        select r.* from agenda.recurring_tasks r
         where r.user_id = v_user and r.deleted_at is null and agenda._recurring_task_matches(r, filter)
         order by r.created_at desc, r.id
         limit page_size offset (page - 1)::bigint * page_size;
end
$$;
comment on function agenda.list_recurring_tasks(jsonb, integer, integer) is 'a page of the acting user''s series, newest first; filter members: is_active, q';

create or replace function agenda.count_recurring_tasks(filter jsonb default '{}') returns bigint
    language plpgsql stable as
$$
declare
    v_user constant uuid := agenda._acting_user();
begin
    return (select count(*) from agenda.recurring_tasks r
             where r.user_id = v_user and r.deleted_at is null and agenda._recurring_task_matches(r, filter));
end
$$;
comment on function agenda.count_recurring_tasks(jsonb) is 'how many series list_recurring_tasks has on all its pages';

-- RFC 7396: members that are absent stay, null clears.  Open occurrences stay as they are.
create or replace function agenda.update_recurring_task(id uuid, patch jsonb, expected_version bigint default null)
    returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    v_user constant uuid := agenda._acting_user();
    v_row  agenda.recurring_tasks;
    v_zone text;
begin
    v_row := agenda._lock_recurring_task(v_user, id, expected_version);
    perform agenda._check_object(patch);
    v_zone := coalesce(patch->>'timezone', case when patch ? 'timezone' then agenda._user_zone(v_user) else v_row.timezone end);
    perform agenda._check_zone(v_zone);
    update agenda.recurring_tasks r
       set title = case when patch ? 'title' then agenda._text(patch, 'title') else r.title end,
           description = case when patch ? 'description' then agenda._text(patch, 'description') else r.description end,
           priority = case when patch ? 'priority' then coalesce(agenda._smallint(patch, 'priority'), 2::smallint) else r.priority end,
           recurrence_type = case when patch ? 'recurrence_type' then patch->>'recurrence_type' else r.recurrence_type end,
           recurrence_interval = case when patch ? 'recurrence_interval' then agenda._integer(patch, 'recurrence_interval') else r.recurrence_interval end,
           rrule = case when patch->>'rrule' is not null then agenda._rule_of(patch->>'rrule') else r.rrule end,
           start_date = case when patch->>'start_date' is not null then agenda._parse_time(patch->>'start_date', v_zone, 'start_date') else r.start_date end,
           end_date = case when patch ? 'end_date' then agenda._parse_time(patch->>'end_date', v_zone, 'end_date') else r.end_date end,
           timezone = v_zone,
           is_active = case when patch ? 'is_active' then coalesce(agenda._boolean(patch, 'is_active'), true) else r.is_active end
     where r.user_id = v_user and r.id = update_recurring_task.id
    returning * into v_row;
    return v_row;
end
$$;
comment on function agenda.update_recurring_task(uuid, jsonb, bigint) is 'changes a series: absent members stay, null clears; occurrences that exist stay as they are';

create or replace function agenda.pause_recurring_task(id uuid, until text default null, expected_version bigint default null)
    returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    v_user constant uuid := agenda._acting_user();
    v_row  agenda.recurring_tasks;
    v_at   timestamptz;
begin
    v_row := agenda._lock_recurring_task(v_user, id, expected_version);
    v_at := agenda._parse_time(until, v_row.timezone, 'until');
    if v_at <= agenda.now() then
        raise exception using errcode = 'YA006', message = 'the pause would be over already', column = 'until';
    end if;
    update agenda.recurring_tasks r set is_active = false, resume_at = v_at
     where r.user_id = v_user and r.id = pause_recurring_task.id
    returning * into v_row;
    return v_row;
end
$$;
comment on function agenda.pause_recurring_task(uuid, text, bigint) is 'the series makes nothing until it is resumed, or until an instant; what exists stays';

create or replace function agenda.resume_recurring_task(id uuid, expected_version bigint default null)
    returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    v_user constant uuid := agenda._acting_user();
    v_row  agenda.recurring_tasks;
begin
    v_row := agenda._lock_recurring_task(v_user, id, expected_version);
    update agenda.recurring_tasks r set is_active = true, resume_at = null
     where r.user_id = v_user and r.id = resume_recurring_task.id
    returning * into v_row;
    return v_row;
end
$$;
comment on function agenda.resume_recurring_task(uuid, bigint) is 'a paused series goes on from now; repeatable';

create or replace function agenda._lock_recurring_task(p_user uuid, p_id uuid, p_expected_version bigint) returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    v_row agenda.recurring_tasks;
begin
    select * into v_row from agenda.recurring_tasks r
     where r.user_id = p_user and r.id = p_id and r.deleted_at is null
       for update;
    if not found then
        perform agenda._not_found('recurring task', p_id);
    end if;
    perform agenda._check_version(p_expected_version, v_row.version);
    return v_row;
end
$$;
comment on function agenda._lock_recurring_task(uuid, uuid, bigint) is 'internal: the series, locked, or YA001 or YA002';

create or replace function agenda.delete_recurring_task(id uuid, expected_version bigint default null) returns boolean
    language plpgsql volatile as
$$
declare
    v_user constant uuid := agenda._acting_user();
    v_row  agenda.recurring_tasks;
begin
    v_row := agenda._lock_recurring_task(v_user, id, expected_version);
    update agenda.recurring_tasks r set deleted_at = agenda.now()
     where r.user_id = v_user and r.id = delete_recurring_task.id;
    return true;
end
$$;
comment on function agenda.delete_recurring_task(uuid, bigint) is 'ends a series and takes it out of all lists; its open tasks stay';

create or replace function agenda.calculate_next_due_at(recurring_task_id uuid, after timestamptz default null) returns timestamptz
    language plpgsql stable as
$$
declare
    r agenda.recurring_tasks := agenda.get_recurring_task(recurring_task_id);
begin
    if after is null then
        return r.next_due_at;
    end if;
    return agenda.local_to_instant(agenda._next_key(r, agenda.instant_to_local(after, r.timezone)), r.timezone);
end
$$;
comment on function agenda.calculate_next_due_at(uuid, timestamptz) is 'when the series is due next, after an instant or after what exists';

create or replace function agenda.calculate_next_due_date(due timestamptz, recurrence_rule text, tz text default 'UTC', completed_at timestamptz default null)
    returns timestamptz
    language plpgsql stable as
$$
begin
    return agenda.next_occurrence(recurrence_rule::agenda.rrule, agenda.instant_to_local(due, tz), tz,
                                  greatest(due, completed_at));
end
$$;
comment on function agenda.calculate_next_due_date(timestamptz, text, text, timestamptz) is 'the due date that follows one, strictly after it and after its completion';

