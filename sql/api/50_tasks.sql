-- ---- rules of tasks ----------------------------------------------------------------------------

-- A task with a recurrence rule owns a series of which it is the first occurrence.  Without a due
-- date the series begins when the task is done.
create or replace function agenda._adopt_rule(t agenda.tasks, p_anchor timestamptz) returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_zone constant text := coalesce(t.timezone, agenda._user_zone(t.user_id));
    v_key  constant timestamp := agenda.instant_to_local(p_anchor, v_zone);
begin
    insert into agenda.recurring_tasks (user_id, title, description, priority, rrule, start_date, timezone,
                                        spawn, overlap, missed, last_key)
    values (t.user_id, t.title, t.description, t.priority, t.recurrence_rule::agenda.rrule, p_anchor, v_zone,
            agenda._policy('on_completion', 'spawn'), agenda._policy('on_completion', 'overlap'),
            agenda._policy('on_completion', 'missed'), v_key)
    returning id, last_key into t.recurring_task_id, t.occurrence_key;
    return t;
end
$$;
comment on function agenda._adopt_rule(agenda.tasks, timestamptz) is 'engine: makes the series of a task that has a recurrence rule';

-- Triggers of agenda.tasks, in C (extension/task_trigger.c).  They call the SQL functions below for what is rare.
create or replace function agenda._task_before() returns trigger
    language c as 'MODULE_PATHNAME', 'agenda_task_before';
comment on function agenda._task_before() is 'internal: validates a task, counts its changes, makes the series of a rule that is new';

create or replace function agenda._task_after() returns trigger
    language c as 'MODULE_PATHNAME', 'agenda_task_after';
comment on function agenda._task_after() is 'internal: log, timer, withdrawn notifications and series of a task';

create or replace function agenda._check_owner(p_user_id uuid) returns void
    language c stable parallel restricted as 'MODULE_PATHNAME', 'agenda_check_owner';
comment on function agenda._check_owner(uuid) is 'internal: raises YA009 for nobody and 42501 for another user than the acting one';

-- due_local is the truth for a task that is due at a wall-clock time or on a day, due_date its instant.  Whoever
-- changes the instant only (plain SQL, an older client) means the wall clock that shows it.
create or replace function agenda._resolve_due(new agenda.tasks, old agenda.tasks) returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_zone constant text := coalesce(new.timezone, agenda._preferred_zone(new.user_id));
begin
    if new.due_kind = 'instant' then
        new.due_local := null;
        return new;
    end if;
    if new.due_local is null or (new.due_date is distinct from old.due_date and new.due_local is not distinct from old.due_local) then
        new.due_local := agenda.instant_to_local(new.due_date, v_zone);
    end if;
    if new.due_kind = 'date' then
        new.due_local := date_trunc('day', new.due_local);
    end if;
    new.due_date := agenda.local_to_instant(new.due_local, v_zone);
    return new;
end
$$;
comment on function agenda._resolve_due(agenda.tasks, agenda.tasks) is 'engine: brings due_kind, due_local and due_date of a task into agreement';

create or replace function agenda._preferred_zone(p_user_id uuid) returns text
    language plpgsql volatile as
$$
declare
    p agenda.preferences;
begin
    p := agenda._preferences_of(p_user_id);
    return p.timezone;
end
$$;
comment on function agenda._preferred_zone(uuid) is 'engine: the zone that any user has chosen';

create or replace function agenda._adopt(t agenda.tasks) returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_none text;
begin
    v_none := agenda._enter(t.user_id);
    t := agenda._adopt_rule(t, coalesce(t.due_date, t.completed_at));
    v_none := agenda._leave();
    return t;
end
$$;
comment on function agenda._adopt(agenda.tasks) is 'engine: makes the series of a task whose rule is new';

-- The same for a task that has just been inserted.
create or replace function agenda._begin_series(new agenda.tasks) returns void
    language plpgsql volatile as
$$
declare
    v_none text;
    v_open agenda.tasks;
    t      agenda.tasks := agenda._adopt(new);
begin
    v_none := agenda._enter(t.user_id);
    update agenda.tasks k set recurring_task_id = t.recurring_task_id, occurrence_key = t.occurrence_key
     where k.user_id = t.user_id and k.id = t.id;
    v_none := agenda._leave();
    if not agenda._is_open(t.status) then
        -- it came completed
        v_open := t;
        v_open.status := 'pending';
        v_none := agenda._sync_series(v_open, t);
    end if;
end
$$;
comment on function agenda._begin_series(agenda.tasks) is 'engine: makes the series of a new task that has a rule';

-- What the series of a task with a recurrence rule learns from a change of the task.
create or replace function agenda._sync_series(b agenda.tasks, a agenda.tasks) returns void
    language plpgsql volatile as
$$
declare
    r     agenda.recurring_tasks;
    v_key timestamp;
begin
    if a.recurring_task_id is null or a.deleted_at is not null then
        return;
    end if;
    if a.recurrence_rule is distinct from b.recurrence_rule and b.recurring_task_id is not null then
        perform agenda._enter(a.user_id);
        update agenda.recurring_tasks s
           set rrule = coalesce(a.recurrence_rule::agenda.rrule, s.rrule),
               is_active = a.recurrence_rule is not null
         where s.user_id = a.user_id and s.id = a.recurring_task_id and s.spawn = 'completion';
        perform agenda._leave();
    end if;

    if agenda._is_open(a.status) and not agenda._is_open(b.status) then
        perform agenda._withdraw_successor(a);
        return;
    elsif not agenda._is_open(b.status) or agenda._is_open(a.status) then
        return;
    end if;
    perform agenda._enter(a.user_id);
    select * into r from agenda.recurring_tasks s
     where s.user_id = a.user_id and s.id = a.recurring_task_id and s.spawn = 'completion'
       and s.is_active and s.deleted_at is null
       for update;
    -- only the newest occurrence brings the next one into being
    if found and a.occurrence_key >= r.last_key then
        v_key := agenda._next_key(r, greatest(a.occurrence_key,
                                              agenda.instant_to_local(coalesce(a.completed_at, agenda.now()), r.timezone)));
        if v_key is null then
            update agenda.recurring_tasks s set is_active = false, next_key = null
             where s.user_id = r.user_id and s.id = r.id;
        else
            r := agenda._advance(r, v_key);
            perform agenda._materialise(r, v_key, 'completion', a.id);
        end if;
    end if;
    perform agenda._leave();
end
$$;
comment on function agenda._sync_series(agenda.tasks, agenda.tasks) is 'engine: rule changes and completions of a task reach its series';

-- A task that is to be done again takes the place of the occurrence that its completion brought, unless
-- somebody has changed that one.
create or replace function agenda._withdraw_successor(t agenda.tasks) returns void
    language plpgsql volatile as
$$
declare
    r      agenda.recurring_tasks;
    v_next agenda.tasks;
begin
    perform agenda._enter(t.user_id);
    select * into r from agenda.recurring_tasks s
     where s.user_id = t.user_id and s.id = t.recurring_task_id and s.deleted_at is null
       for update;
    v_next := agenda._successor(t);
    if v_next.version = 1 and v_next.status = 'pending' and v_next.occurrence_key = r.last_key then
        delete from agenda.tasks k where k.user_id = v_next.user_id and k.id = v_next.id;
        update agenda.recurring_tasks s set last_key = t.occurrence_key, next_key = agenda._next_key(r, t.occurrence_key)
         where s.user_id = r.user_id and s.id = r.id;
    end if;
    perform agenda._leave();
end
$$;
comment on function agenda._withdraw_successor(agenda.tasks) is 'engine: takes back the untouched occurrence that followed a task which is open again';

-- The series has made (or is about to make) this key.
create or replace function agenda._advance(r agenda.recurring_tasks, p_key timestamp) returns agenda.recurring_tasks
    language plpgsql volatile as
$$
begin
    update agenda.recurring_tasks s
       set last_key = p_key, next_key = agenda._next_key(r, p_key), last_created_at = agenda.now()
     where s.user_id = r.user_id and s.id = r.id
    returning s.* into r;
    return r;
end
$$;
comment on function agenda._advance(agenda.recurring_tasks, timestamp) is 'engine: moves last_key and next_key of a series';

-- ---- timers ------------------------------------------------------------------------------------

-- Of the states of a task the first that is still to be announced has the timer (extension/task_state.c).
create or replace function agenda._set_timer(p_user_id uuid, p_entity text, p_entity_id uuid, p_fire_at timestamptz, p_what text)
    returns void
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_set_timer';
comment on function agenda._set_timer(uuid, text, uuid, timestamptz, text) is 'engine: the next instant at which something is owed to this thing';

create or replace function agenda._plan_task_timer(t agenda.tasks) returns void
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_plan_task_timer';
comment on function agenda._plan_task_timer(agenda.tasks) is 'engine: writes or removes the timer of a task';

create or replace function agenda._preferences_of(p_user_id uuid) returns agenda.preferences
    language plpgsql volatile as
$$
declare
    v_none text;
    v_row agenda.preferences;
begin
    v_none := agenda._enter(p_user_id);
    v_row := agenda._visible_preferences(p_user_id);
    v_none := agenda._leave();
    return v_row;
end
$$;
comment on function agenda._preferences_of(uuid) is 'engine: the preferences of any user';

-- Whatever was announced for a state that is no longer so.
create or replace function agenda._withdraw(t agenda.tasks) returns void
    language plpgsql volatile as
$$
begin
    perform agenda._enter(t.user_id);
    update agenda.notifications n set withdrawn_at = agenda.now()
     where n.user_id = t.user_id and n.task_id = t.id
       and n.withdrawn_at is null and n.read_at is null and n.cleared_at is null;
    perform agenda._leave();
end
$$;
comment on function agenda._withdraw(agenda.tasks) is 'engine: takes back unread notifications of a task';

-- ---- what callers use --------------------------------------------------------------------------

create or replace function agenda.create_task(
        title text,
        due text default null,
        description text default null,
        priority integer default null,
        recurrence_rule text default null,
        timezone text default null,
        tags text[] default null,
        checklist jsonb default null)
    returns agenda.tasks
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_create_task';
comment on function agenda.create_task(text, text, text, integer, text, text, text[], jsonb)
    is 'makes a task; due is a day (2025-01-15), wall-clock time in timezone, else in the user''s zone (2025-01-15T17:00), or an instant (with an offset); recurrence_rule is daily, weekly, monthly, yearly, RRULE text or a phrase as agenda.parse_recurrence() understands';

-- What create_task() does where the table has policies, triggers or defaults of somebody else.
create or replace function agenda._insert_task(t agenda.tasks) returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_row agenda.tasks;
begin
    insert into agenda.tasks (title, description, priority, due_kind, due_local, due_date, timezone, recurrence_rule, tags, checklist)
    values (t.title, t.description, coalesce(t.priority, 2), coalesce(t.due_kind, 'instant'), t.due_local, t.due_date,
            t.timezone, t.recurrence_rule, coalesce(t.tags, '{}'), coalesce(t.checklist, '[]'))
    returning * into v_row;
    if v_row.recurrence_rule is not null then
        -- the series came after the row
        select * into v_row from agenda.tasks k where k.user_id = v_row.user_id and k.id = v_row.id;
    end if;
    return v_row;
end
$$;
comment on function agenda._insert_task(agenda.tasks) is 'internal: create_task() by INSERT';

create or replace function agenda.get_task(id uuid) returns agenda.tasks
    language plpgsql stable as
$$
declare
    v_row agenda.tasks;
begin
    select * into v_row from agenda.tasks t
     where t.user_id = agenda._acting_user() and t.id = get_task.id and t.deleted_at is null;
    if not found then
        perform agenda._not_found('task', id);
    end if;
    return v_row;
end
$$;
comment on function agenda.get_task(uuid) is 'one task of the acting user; YA001 when there is none';

create or replace function agenda._check_task_filter(filter jsonb) returns void
    language plpgsql immutable as
$$
declare
    v_member text;
begin
    if jsonb_typeof(filter) is distinct from 'object' then
        raise exception using errcode = 'YA006', message = 'filter must be an object';
    end if;
    for v_member in select jsonb_object_keys(filter) loop
        if v_member not in ('status', 'due_state', 'priority', 'q', 'due_from', 'due_to', 'recurring_task_id') then
            raise exception using errcode = 'YA006',
                message = format('tasks cannot be filtered by "%s"', left(v_member, 100)),
                hint = 'Use status, due_state, priority, q, due_from, due_to or recurring_task_id.',
                column = left(v_member, 63);
        end if;
    end loop;
    if filter->>'status' not in ('pending', 'in_progress', 'completed', 'skipped', 'missed', 'cancelled') then
        perform agenda._wrong_member(filter, 'status', 'pending, in_progress, completed, skipped, missed or cancelled');
    end if;
    if filter->>'due_state' not in ('none', 'upcoming', 'due_soon', 'due', 'overdue') then
        perform agenda._wrong_member(filter, 'due_state', 'none, upcoming, due_soon, due or overdue');
    end if;
end
$$;
comment on function agenda._check_task_filter(jsonb) is 'internal: raises YA006 for a filter that cannot be meant';

-- The tasks that a filter lets through, in no order.
create or replace function agenda._filter_tasks(p_user uuid, filter jsonb) returns setof agenda.tasks
    language plpgsql stable as
$$
declare
    v_zone     constant text := agenda._user_zone(p_user);
    v_status   constant text := filter->>'status';
    v_state    constant text := filter->>'due_state';
    v_priority constant smallint := agenda._smallint(filter, 'priority');
    v_q        constant text := lower(filter->>'q');
    v_from     constant timestamptz := agenda._parse_time(filter->>'due_from', v_zone, 'due_from');
    v_to       constant timestamptz := agenda._parse_time(filter->>'due_to', v_zone, 'due_to');
    v_series   constant uuid := agenda._uuid(filter, 'recurring_task_id');
    v_now      constant timestamptz := agenda.now();
    p          constant agenda.preferences := agenda.get_preferences();
    v_window   constant interval := make_interval(secs => extract(epoch from p.due_soon_window));
    v_grace    constant interval := make_interval(secs => extract(epoch from p.overdue_grace));
    -- the due dates (v_after, v_until] that can have the state: what is due on a day is due for all of it
    v_day      constant interval := interval '26 hours';
    v_after    timestamptz := '-infinity';
    v_until    timestamptz := 'infinity';
begin
    perform agenda._check_task_filter(filter);
    case v_state
        when 'overdue' then
            v_until := v_now - least(v_grace, interval '22 hours');
        when 'due' then
            v_after := v_now - greatest(v_grace, v_day);
            v_until := v_now;
        when 'due_soon' then
            v_after := v_now;
            v_until := v_now + v_window;
        when 'upcoming' then
            v_after := v_now + v_window;
        else
            null;
    end case;
    return query
        select t.* from agenda.tasks t
         where t.user_id = p_user and t.deleted_at is null
           and (v_status is null or t.status = v_status)
           and (v_priority is null or t.priority = v_priority)
           and (v_from is null or t.due_date >= v_from)
           and (v_to is null or t.due_date < v_to)
           and (v_series is null or t.recurring_task_id = v_series)
           and (v_q is null or strpos(lower(t.title), v_q) > 0 or strpos(lower(coalesce(t.description, '')), v_q) > 0)
           and (v_state is null
                or (v_state = 'none' and (t.due_date is null or t.status not in ('pending', 'in_progress')))
                or (v_state <> 'none' and t.status in ('pending', 'in_progress')
                    and t.due_date > v_after and t.due_date <= v_until
                    and agenda._due_state(t, v_now, p) = v_state));
end
$$;
comment on function agenda._filter_tasks(uuid, jsonb) is 'internal: tasks of a user that a filter lets through';

create or replace function agenda.list_tasks(filter jsonb default '{}', sort text default null, page integer default 1, page_size integer default 20)
    returns setof agenda.tasks
    language plpgsql stable as
$$
declare
    v_user constant uuid := agenda._acting_user();
    v_key  constant text := ltrim(coalesce(sort, '-created_at'), '-');
    v_desc constant boolean := coalesce(sort, '-created_at') like '-%';
begin
    perform agenda._check_page(page, page_size);
    if coalesce(sort, '-created_at') !~ '^-?(created_at|updated_at|due_date|priority|title)$' then
        raise exception using errcode = 'YA006',
            message = format('tasks cannot be sorted by "%s"', left(sort, 100)),
            hint = 'Use created_at, updated_at, due_date, priority or title, with a leading minus for descending order.',
            column = 'sort';
    end if;
    if filter = '{}' and v_key = 'created_at' and v_desc then
        -- the usual list, straight from its index
        return query
            select t.* from agenda.tasks t
             where t.user_id = v_user and t.deleted_at is null
             order by t.created_at desc, t.id
             limit page_size offset (page - 1)::bigint * page_size;
        return;
    end if;
    return query execute format(
        'select t.* from agenda._filter_tasks($1, $2) t order by t.%I %s nulls last, t.id limit $3 offset $4',
        v_key, case when v_desc then 'desc' else 'asc' end)
        using v_user, filter, page_size, (page - 1)::bigint * page_size;
end
$$;
comment on function agenda.list_tasks(jsonb, text, integer, integer)
    is 'a page of the acting user''s tasks; filter members: status, due_state, priority, q, due_from, due_to, recurring_task_id; sort: created_at, updated_at, due_date, priority, title, descending with a leading minus (default -created_at)';

create or replace function agenda.count_tasks(filter jsonb default '{}') returns bigint
    language plpgsql stable as
$$
declare
    v_user constant uuid := agenda._acting_user();
begin
    if filter = '{}' then
        return (select count(*) from agenda.tasks t where t.user_id = v_user and t.deleted_at is null);
    end if;
    return (select count(*) from agenda._filter_tasks(v_user, filter));
end
$$;
comment on function agenda.count_tasks(jsonb) is 'how many tasks list_tasks has on all its pages';

-- RFC 7396: members that are absent stay, null clears; priority goes back to 2.
create or replace function agenda.update_task(id uuid, patch jsonb, expected_version bigint default null) returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_user constant uuid := agenda._acting_user();
    v_row  agenda.tasks;
    v_zone text;
begin
    perform agenda._check_object(patch);
    v_row := agenda._lock_task(v_user, id, expected_version);
    v_zone := case when patch ? 'timezone' then patch->>'timezone' else v_row.timezone end;
    perform agenda._check_zone(v_zone);
    update agenda.tasks t
       set title = case when patch ? 'title' then agenda._text(patch, 'title') else t.title end,
           description = case when patch ? 'description' then agenda._text(patch, 'description') else t.description end,
           status = case when patch->>'status' is not null then patch->>'status' else t.status end,
           priority = case when patch ? 'priority' then coalesce(agenda._smallint(patch, 'priority'), 2::smallint) else t.priority end,
           due_date = case when patch ? 'due_date'
               then agenda._parse_time(patch->>'due_date', coalesce(v_zone, agenda._user_zone(v_user)), 'due_date')
               else t.due_date end,
           timezone = v_zone,
           recurrence_rule = case when patch ? 'recurrence_rule' then patch->>'recurrence_rule' else t.recurrence_rule end
     where t.user_id = v_user and t.id = update_task.id
    returning * into v_row;
    return v_row;
end
$$;
comment on function agenda.update_task(uuid, jsonb, bigint) is 'changes a task: absent members stay, null clears; YA002 when expected_version is not the current one';

create or replace function agenda._lock_task(p_user uuid, p_id uuid, p_expected_version bigint) returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_row agenda.tasks;
begin
    select * into v_row from agenda.tasks t
     where t.user_id = p_user and t.id = p_id and t.deleted_at is null
       for update;
    if not found then
        perform agenda._not_found('task', p_id);
    end if;
    perform agenda._check_version(p_expected_version, v_row.version);
    return v_row;
end
$$;
comment on function agenda._lock_task(uuid, uuid, bigint) is 'internal: the task, locked, or YA001 or YA002';

create or replace function agenda.delete_task(id uuid, expected_version bigint default null) returns boolean
    language plpgsql volatile as
$$
declare
    v_user constant uuid := agenda._acting_user();
begin
    perform agenda._lock_task(v_user, id, expected_version);
    update agenda.tasks t set deleted_at = agenda.now()
     where t.user_id = v_user and t.id = delete_task.id;
    return true;
end
$$;
comment on function agenda.delete_task(uuid, bigint) is 'takes a task out of all lists; the row and its history stay';

