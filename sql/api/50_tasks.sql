-- ---- rules of tasks ----------------------------------------------------------------------------

-- A task with a recurrence rule owns a series of which it is the first occurrence.  Without a due
-- date the series begins when the task is done.
create or replace function agenda._adopt_rule(t agenda.tasks, p_anchor timestamptz) returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_zone constant pg_catalog.text := coalesce(t.timezone, agenda._user_zone(t.user_id));
    v_key  constant timestamp := date_trunc('second', coalesce(t.due_local, agenda.instant_to_local(p_anchor, v_zone)));
begin
    insert into agenda.recurring_tasks (user_id, title, description, priority, tags, checklist, own_reminders, rrule, start_date, dtstart, timezone, all_day,
                                        basis, spawn, overlap, missed, last_key)
    values (t.user_id, t.title, t.description, t.priority, t.tags, agenda._reset_checklist(t.checklist), t.own_reminders, t.recurrence_rule::agenda.rrule,
            p_anchor, v_key, t.timezone, t.due_kind = 'date', agenda._policy('on_completion', 'basis'),
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
    v_none pg_catalog.text;
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
    v_none pg_catalog.text;
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
    v_none pg_catalog.text;
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
    -- in the order of mark_all_read()
    perform from agenda.notifications n
      where n.user_id = t.user_id and n.task_id = t.id
        and n.withdrawn_at is null and n.read_at is null and n.cleared_at is null
      order by n.id
        for no key update;
    if found then
        update agenda.notifications n set withdrawn_at = agenda.now()
         where n.user_id = t.user_id and n.task_id = t.id
           and n.withdrawn_at is null and n.read_at is null and n.cleared_at is null;
    end if;
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
        checklist jsonb default null,
        reminders jsonb default null)
    returns agenda.tasks
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_create_task';
comment on function agenda.create_task(text, text, text, integer, text, text, text[], jsonb, jsonb)
    is 'makes a task; due is a day (2025-01-15), wall-clock time in timezone, else in the user''s zone (2025-01-15T17:00), or an instant (with an offset); recurrence_rule is daily, weekly, monthly, yearly, RRULE text or a phrase as agenda.parse_recurrence() understands; reminders as set_reminders() takes them, null for the default ones';

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
    v_member pg_catalog.text;
begin
    if jsonb_typeof(filter) is distinct from 'object' then
        raise exception using errcode = 'YA006', message = 'filter must be an object';
    end if;
    for v_member in select jsonb_object_keys(filter) loop
        if v_member not in ('status', 'due_state', 'priority', 'q', 'tag', 'due_from', 'due_to', 'recurring_task_id') then
            raise exception using errcode = 'YA006',
                message = format('tasks cannot be filtered by "%s"', left(v_member, 100)),
                hint = 'Use status, due_state, priority, q, tag, due_from, due_to or recurring_task_id.',
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
    v_zone     constant pg_catalog.text := agenda._user_zone(p_user);
    v_status   constant pg_catalog.text := filter->>'status';
    v_state    constant pg_catalog.text := filter->>'due_state';
    v_priority constant smallint := agenda._smallint(filter, 'priority');
    v_q        constant pg_catalog.text := lower(filter->>'q');
    v_tag      constant pg_catalog.text := agenda._text(filter, 'tag');
    v_from     constant pg_catalog.timestamptz := agenda._parse_time(filter->>'due_from', v_zone, 'due_from');
    v_to       constant pg_catalog.timestamptz := agenda._parse_time(filter->>'due_to', v_zone, 'due_to');
    v_series   constant pg_catalog.uuid := agenda._uuid(filter, 'recurring_task_id');
    v_now      constant pg_catalog.timestamptz := agenda.now();
    p          constant agenda.preferences := agenda.get_preferences();
    v_window   constant interval := make_interval(secs => extract(epoch from p.due_soon_window));
    v_grace    constant interval := make_interval(secs => extract(epoch from p.overdue_grace));
    -- the due dates (v_after, v_until] that can have the state: what is due on a day is due for all of it
    v_day      constant interval := interval '26 hours';
    v_after    pg_catalog.timestamptz := '-infinity';
    v_until    pg_catalog.timestamptz := 'infinity';
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
           and (v_tag is null or v_tag = any (t.tags))
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
    v_user constant pg_catalog.uuid := agenda._acting_user();
    v_key  constant pg_catalog.text := ltrim(coalesce(sort, '-created_at'), '-');
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
    is 'a page of the acting user''s tasks; filter members: status, due_state, priority, q, tag, due_from, due_to, recurring_task_id; sort: created_at, updated_at, due_date, priority, title, descending with a leading minus (default -created_at)';

create or replace function agenda.count_tasks(filter jsonb default '{}') returns bigint
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    if filter = '{}' then
        return (select count(*) from agenda.tasks t where t.user_id = v_user and t.deleted_at is null);
    end if;
    return (select count(*) from agenda._filter_tasks(v_user, filter));
end
$$;
comment on function agenda.count_tasks(jsonb) is 'how many tasks list_tasks has on all its pages';

-- RFC 7396: members that are absent stay, null clears; priority goes back to 2.
create or replace function agenda._patch_task(t agenda.tasks, patch jsonb, p_zone text) returns agenda.tasks
    language plpgsql stable as
$$
declare
    v_none pg_catalog.text;
    v_due  pg_catalog.record;
begin
    v_none := agenda._check_object(patch);
    if patch ? 'title' then
        t.title := agenda._text(patch, 'title');
    end if;
    if patch ? 'description' then
        t.description := agenda._text(patch, 'description');
    end if;
    if patch->>'status' is not null then
        t.status := patch->>'status';
    end if;
    if patch ? 'priority' then
        t.priority := coalesce(agenda._smallint(patch, 'priority'), 2::smallint);
    end if;
    if patch ? 'tags' then
        t.tags := agenda._tags(patch, 'tags');
    end if;
    if patch ? 'checklist' then
        t.checklist := coalesce(nullif(patch->'checklist', 'null'), '[]');
    end if;
    if patch ? 'recurrence_rule' then
        t.recurrence_rule := agenda._text(patch, 'recurrence_rule');
    end if;
    if patch ? 'timezone' then
        t.timezone := agenda._text(patch, 'timezone');
        v_none := agenda._check_zone(t.timezone);
    end if;
    if patch ? 'due_date' then
        v_due := agenda._read_due(agenda._text(patch, 'due_date'), 'due_date');
        t.due_kind := v_due.kind;
        t.due_local := v_due.wall;
        t.due_date := v_due.instant;
        if v_due.wall is not null then
            t.due_date := agenda.local_to_instant(v_due.wall, coalesce(t.timezone, p_zone));
        end if;
    end if;
    return t;
end
$$;
comment on function agenda._patch_task(agenda.tasks, jsonb, text) is 'internal: a task with the members of a patch';

-- What was read may be sent back: a due date is read as an instant, which says less than the day or the wall-clock time
-- that it may be the instant of.
create or replace function agenda._new_due(t agenda.tasks, patch jsonb) returns jsonb
    language plpgsql stable as
$$
declare
    v_due pg_catalog.record;
begin
    if t.due_kind <> 'instant' and patch->>'due_date' is not null
       and (not patch ? 'timezone' or patch->>'timezone' is not distinct from t.timezone) then
        v_due := agenda._read_due(agenda._text(patch, 'due_date'), 'due_date');
        if v_due.instant = t.due_date then
            return patch - '{due_date}'::text[];
        end if;
    end if;
    return patch;
end
$$;
comment on function agenda._new_due(agenda.tasks, jsonb) is 'internal: a patch without a due date that is the present one as it is read';

create or replace function agenda._update_with_reminders(p_id uuid, p_patch jsonb, p_expected_version bigint, p_scope text, p_reminders jsonb)
    returns agenda.tasks
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_update_with_reminders';
comment on function agenda._update_with_reminders(uuid, jsonb, bigint, text, jsonb) is 'internal: update_task() and then _set_reminders(), without default reminders in between';

create or replace function agenda._reminders_replaced(p_id uuid) returns boolean
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_reminders_replaced';
comment on function agenda._reminders_replaced(uuid) is 'internal: this task is being changed together with its reminders';

create or replace function agenda.update_task(id uuid, patch jsonb, expected_version bigint default null, scope text default 'this')
    returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    v_none pg_catalog.text;
    t      agenda.tasks;
begin
    v_none := agenda._check_members(patch, agenda._task_members());
    if patch->'reminders' <> 'null' then
        t := agenda._update_with_reminders(id, patch - 'reminders', expected_version, scope, patch->'reminders');
        if agenda._edits_series(t, scope) then
            perform agenda._edit_series_reminders(t, patch->'reminders');
        end if;
        return t;
    end if;
    t := agenda._lock_task(v_user, id, expected_version);
    patch := agenda._new_due(t, patch);
    if agenda._edits_series(t, scope) then
        t := agenda._edit_series(t, patch, scope);
        -- the series has it
        patch := patch - '{recurrence_rule}'::text[];
    end if;
    t := agenda._patch_task(t, patch, agenda._user_zone(v_user));
    update agenda.tasks k
       set title = t.title, description = t.description, status = t.status, priority = t.priority, tags = t.tags, checklist = t.checklist,
           due_kind = t.due_kind, due_local = t.due_local, due_date = t.due_date, timezone = t.timezone, recurrence_rule = t.recurrence_rule
     where k.user_id = v_user and k.id = update_task.id
    returning * into t;
    return t;
end
$$;
comment on function agenda.update_task(uuid, jsonb, bigint, text) is 'changes a task: absent members stay, null clears; YA002 when expected_version is not the current one; scope this, following or all says how much of its series changes with it';

create or replace function agenda.reschedule_task(id uuid, due text, expected_version bigint default null, scope text default 'this')
    returns agenda.tasks
    language plpgsql volatile as
$$
begin
    return agenda.update_task(id, jsonb_build_object('due_date', due), expected_version, scope);
end
$$;
comment on function agenda.reschedule_task(uuid, text, bigint, text) is 'gives a task another due date; with scope this the series keeps its own times';

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

create or replace function agenda.delete_task(id uuid, expected_version bigint default null, scope text default 'this') returns boolean
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    t      agenda.tasks;
begin
    t := agenda._lock_task(v_user, id, expected_version);
    if agenda._edits_series(t, scope) then
        perform agenda._drop_series(t, scope);
    end if;
    update agenda.tasks k set deleted_at = agenda.now()
     where k.user_id = v_user and k.id = delete_task.id and k.deleted_at is null;
    return true;
end
$$;
comment on function agenda.delete_task(uuid, bigint, text) is 'takes a task out of all lists; the row and its history stay. Scope following ends its series before it, all ends the series, and both take the open occurrences along';
