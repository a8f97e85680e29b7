-- ---- reminders: where they come from, and what callers use ---------------------------------------

create or replace function agenda._insert_reminder(r agenda.reminders) returns agenda.reminders
    language plpgsql volatile as
$$
begin
    insert into agenda.reminders (user_id, task_id, recurring_task_id, anchor, offset_by, at_time, absolute_local, absolute_zone,
                                  repeat_every, repeat_max, until_done, source, origin_id)
    values (r.user_id, r.task_id, r.recurring_task_id, r.anchor, r.offset_by, r.at_time, r.absolute_local, r.absolute_zone,
            r.repeat_every, r.repeat_max, r.until_done, coalesce(r.source, 'user'), r.origin_id)
    returning * into r;
    return r;
end
$$;
comment on function agenda._insert_reminder(agenda.reminders) is 'engine: a new reminder with its source';

-- What the owner wants for every task that gets a due date.  An occurrence has what its series says.
create or replace function agenda._add_default_reminders(t agenda.tasks) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    p agenda.preferences;
    r agenda.reminders;
begin
    perform agenda._enter(t.user_id);
    p := agenda._visible_preferences(t.user_id);
    if p.default_reminders <> '[]' and not agenda._series_reminds(t) then
        for i in 0 .. jsonb_array_length(p.default_reminders) - 1 loop
            r := agenda._reminder_of(p.default_reminders->i, p.timezone, null);
            r.user_id := t.user_id;
            r.task_id := t.id;
            r.source := 'default';
            perform agenda._insert_reminder(r);
        end loop;
    end if;
    perform agenda._leave();
end
$$;
comment on function agenda._add_default_reminders(agenda.tasks) is 'engine: gives a task that has got a due date its owner''s default reminders';

-- An occurrence copies the templates of its series; where there are none, what the occurrence before had
-- (a task with a rule has no other place for them), unless something else was said of the series since.
create or replace function agenda._series_reminds(t agenda.tasks) returns boolean
    language plpgsql stable as
$$
begin
    return exists (
        select from agenda.recurring_tasks s
         where s.user_id = t.user_id and s.id = t.recurring_task_id
           and (s.own_reminders
                or exists (select from agenda.reminders x
                            where x.user_id = t.user_id and x.source <> 'snooze' and x.anchor <> 'absolute'
                              and (x.recurring_task_id = s.id
                                   or x.task_id = t.parent_task_id and x.created_at > coalesce(s.reminders_set_at, '-infinity')))));
end
$$;
comment on function agenda._series_reminds(agenda.tasks) is 'internal: what reminds of an occurrence, if anything, is its series'' affair';

create or replace function agenda._copy_reminders(s agenda.recurring_tasks, t agenda.tasks) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_templates boolean;
    r           agenda.reminders;
begin
    perform agenda._enter(t.user_id);
    v_templates := exists (select from agenda.reminders x where x.user_id = s.user_id and x.recurring_task_id = s.id);
    for r in
        select * from agenda.reminders x
         where x.user_id = t.user_id and x.source <> 'snooze' and x.anchor <> 'absolute'
           and case when v_templates then x.recurring_task_id = s.id
                    else x.task_id = t.parent_task_id and x.created_at > coalesce(s.reminders_set_at, '-infinity') end
         order by x.created_at, x.id
    loop
        r.origin_id := r.id;
        r.recurring_task_id := null;
        r.task_id := t.id;
        r.source := 'series';
        perform agenda._insert_reminder(r);
    end loop;
    perform agenda._leave();
end
$$;
comment on function agenda._copy_reminders(agenda.recurring_tasks, agenda.tasks) is 'engine: gives a new occurrence the reminders of its series';

-- The member "reminders" of a task: these and no others.  Null leaves things as they are; one that is there
-- already stays what it is.
create or replace function agenda._set_reminders(t agenda.tasks, p_list jsonb) returns void
    language plpgsql volatile as
$$
declare
    v_zone constant pg_catalog.text := coalesce(t.timezone, agenda._user_zone(t.user_id));
    v_kept pg_catalog.uuid[] := '{}';
    v_new  agenda.reminders[] := '{}';
    n      agenda.reminders;
    v_id   pg_catalog.uuid;
begin
    if p_list is null or p_list = 'null' then
        return;
    end if;
    if jsonb_typeof(p_list) <> 'array' then
        raise exception using errcode = 'YA006', message = 'reminders must be an array', column = 'reminders';
    end if;
    perform agenda._check_reminder_count(jsonb_array_length(p_list));
    for i in 0 .. jsonb_array_length(p_list) - 1 loop
        n := agenda._reminder_in(p_list, 'reminders', i, v_zone, t.timezone);
        select r.id into v_id from agenda.reminders r
         where r.user_id = t.user_id and r.task_id = t.id and r.source <> 'snooze' and r.id <> all (v_kept)
           and not agenda._reminder_differs(r, n)
         order by r.created_at, r.id limit 1;
        if found then
            v_kept := v_kept || v_id;
        else
            v_new := v_new || n;
        end if;
    end loop;
    delete from agenda.reminders r
     where r.user_id = t.user_id and r.task_id = t.id and r.source <> 'snooze' and r.id <> all (v_kept);
    foreach n in array v_new loop
        perform agenda._write_reminder(t, n);
    end loop;
    if p_list = '[]' then
        perform agenda._keep_reminders(t.user_id, t.id);
    elsif t.recurrence_rule is not null then
        -- the occurrences to come have them too
        update agenda.recurring_tasks s set own_reminders = true
         where s.user_id = t.user_id and s.id = t.recurring_task_id and not s.own_reminders;
        -- without a due date there is no series yet
        update agenda.tasks k set own_reminders = true
         where k.user_id = t.user_id and k.id = t.id and k.recurring_task_id is null and not k.own_reminders;
    end if;
end
$$;
comment on function agenda._set_reminders(agenda.tasks, jsonb) is 'internal: replaces the reminders of a task';

-- A task that has no reminder although it might have: neither another due date nor the next occurrence brings
-- the default ones.
create or replace function agenda._keep_reminders(p_user uuid, p_task uuid) returns void
    language plpgsql volatile as
$$
declare
    t agenda.tasks;
begin
    update agenda.tasks k set own_reminders = true
     where k.user_id = p_user and k.id = p_task and not k.own_reminders
       and not exists (select from agenda.reminders x where x.user_id = p_user and x.task_id = p_task and x.source <> 'snooze')
    returning * into t;
    if t.recurrence_rule is not null then
        update agenda.recurring_tasks s set own_reminders = true
         where s.user_id = p_user and s.id = t.recurring_task_id and not s.own_reminders;
    end if;
end
$$;
comment on function agenda._keep_reminders(uuid, uuid) is 'internal: notes that a task has no reminders because its user wants none';

create or replace function agenda._write_reminder(t agenda.tasks, r agenda.reminders) returns agenda.reminders
    language plpgsql volatile as
$$
begin
    insert into agenda.reminders (task_id, anchor, offset_by, at_time, absolute_local, absolute_zone,
                                  repeat_every, repeat_max, until_done)
    values (t.id, r.anchor, r.offset_by, r.at_time, r.absolute_local, r.absolute_zone,
            r.repeat_every, r.repeat_max, r.until_done)
    returning * into r;
    return r;
end
$$;
comment on function agenda._write_reminder(agenda.tasks, agenda.reminders) is 'internal: writes one more reminder of a task';

create or replace function agenda._add_reminder(t agenda.tasks, p_spec jsonb) returns agenda.reminders
    language plpgsql volatile as
$$
begin
    return agenda._write_reminder(t, agenda._reminder_of(p_spec, coalesce(t.timezone, agenda._user_zone(t.user_id)), t.timezone));
end
$$;
comment on function agenda._add_reminder(agenda.tasks, jsonb) is 'internal: one more reminder of a task';

-- The member "reminders" of a recurring task: its templates, and no others even if there are none.  With null its
-- occurrences have their owner's default ones again.
create or replace function agenda._set_series_reminders(s agenda.recurring_tasks, p_list jsonb) returns void
    language plpgsql volatile as
$$
declare
    v_list constant pg_catalog.jsonb := coalesce(nullif(p_list, 'null'), '[]');
    v_own  constant boolean := coalesce(p_list <> 'null', false);
    r      agenda.reminders;
begin
    perform agenda._check_reminders(v_list, 'reminders');
    delete from agenda.reminders x where x.user_id = s.user_id and x.recurring_task_id = s.id;
    for i in 0 .. jsonb_array_length(v_list) - 1 loop
        r := agenda._reminder_of(v_list->i, s.timezone, null);
        insert into agenda.reminders (recurring_task_id, anchor, offset_by, at_time, repeat_every, repeat_max, until_done)
        values (s.id, r.anchor, r.offset_by, r.at_time, r.repeat_every, r.repeat_max, r.until_done);
    end loop;
    update agenda.recurring_tasks x set own_reminders = v_own, reminders_set_at = agenda.now()
     where x.user_id = s.user_id and x.id = s.id;
end
$$;
comment on function agenda._set_series_reminders(agenda.recurring_tasks, jsonb) is 'internal: replaces the templates of a series; occurrences that exist keep theirs';

-- A series that goes on with another has its templates.
create or replace function agenda._copy_templates(p_from uuid, s agenda.recurring_tasks) returns void
    language plpgsql volatile as
$$
begin
    insert into agenda.reminders (user_id, recurring_task_id, anchor, offset_by, at_time, repeat_every, repeat_max, until_done)
    select s.user_id, s.id, r.anchor, r.offset_by, r.at_time, r.repeat_every, r.repeat_max, r.until_done
      from agenda.reminders r
     where r.user_id = s.user_id and r.recurring_task_id = p_from
     order by r.created_at, r.id;
end
$$;
comment on function agenda._copy_templates(uuid, agenda.recurring_tasks) is 'engine: gives a new series the templates of the one that it goes on with';

create or replace function agenda._series_reminders_json(s agenda.recurring_tasks) returns jsonb
    language plpgsql stable as
$$
begin
    return coalesce((select jsonb_agg(agenda._reminder_spec(r) order by r.created_at, r.id)
                       from agenda.reminders r where r.user_id = s.user_id and r.recurring_task_id = s.id),
                    case when s.own_reminders then '[]' end::jsonb);
end
$$;
comment on function agenda._series_reminders_json(agenda.recurring_tasks)
    is 'internal: the templates of a series as its member "reminders" takes them; null where its occurrences have the default ones';

-- ---- what callers use --------------------------------------------------------------------------

create or replace function agenda.add_reminder(
        task_id uuid,
        offset_by interval default null,
        at text default null,
        at_time time default null,
        anchor text default null,
        repeat_every interval default null,
        repeat_max integer default null,
        until_done boolean default false)
    returns agenda.reminders
    language plpgsql volatile
    set intervalstyle = 'postgres' as
$$
begin
    return agenda._add_reminder(agenda.get_task(add_reminder.task_id), jsonb_strip_nulls(jsonb_build_object(
        'offset', add_reminder.offset_by::text, 'at', add_reminder.at, 'at_time', add_reminder.at_time::text,
        'anchor', add_reminder.anchor, 'repeat_every', add_reminder.repeat_every::text,
        'repeat_max', add_reminder.repeat_max, 'until_done', add_reminder.until_done)));
end
$$;
comment on function agenda.add_reminder(uuid, interval, text, time, text, interval, integer, boolean)
    is 'one more reminder of a task: offset_by before (negative) or after the anchor (due, overdue, created), on that day at at_time, or at a time of its own (at); repeated every repeat_every, repeat_max times or until_done';

create or replace function agenda.set_reminders(task_id uuid, reminders jsonb) returns setof agenda.reminders
    language plpgsql volatile as
$$
declare
    t constant agenda.tasks := agenda._lock_task(agenda._acting_user(), set_reminders.task_id, null);
begin
    perform agenda._set_reminders(t, set_reminders.reminders);
    return query select * from agenda.list_reminders(set_reminders.task_id);
end
$$;
comment on function agenda.set_reminders(uuid, jsonb) is 'replaces the reminders of a task by those of an array: offsets, or objects with the members that add_reminder() has as arguments';

create or replace function agenda.set_series_reminders(recurring_task_id uuid, reminders jsonb) returns setof agenda.reminders
    language plpgsql volatile as
$$
declare
    s constant agenda.recurring_tasks := agenda._lock_recurring_task(agenda._acting_user(), set_series_reminders.recurring_task_id, null);
begin
    perform agenda._set_series_reminders(s, set_series_reminders.reminders);
    return query
        select r.* from agenda.reminders r where r.user_id = s.user_id and r.recurring_task_id = s.id
         order by r.created_at, r.id;
end
$$;
comment on function agenda.set_series_reminders(uuid, jsonb) is 'replaces the reminders that each new occurrence of a series gets';

create or replace function agenda.list_reminders(task_id uuid) returns setof agenda.reminders
    language plpgsql stable as
$$
declare
    t constant agenda.tasks := agenda.get_task(list_reminders.task_id);
begin
    return query
        select r.* from agenda.reminders r where r.user_id = t.user_id and r.task_id = t.id
         order by r.fire_at, r.created_at, r.id;
end
$$;
comment on function agenda.list_reminders(uuid) is 'the reminders of a task, the next one first';

create or replace function agenda._lock_reminder(p_id uuid) returns agenda.reminders
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    r      agenda.reminders;
begin
    select * into r from agenda.reminders x where x.user_id = v_user and x.id = p_id;
    -- the task first, as everybody does
    perform from agenda.tasks t where t.user_id = v_user and t.id = r.task_id for no key update;
    select * into r from agenda.reminders x where x.user_id = v_user and x.id = p_id for update;
    if not found then
        perform agenda._not_found('reminder', p_id);
    end if;
    return r;
end
$$;
comment on function agenda._lock_reminder(uuid) is 'internal: a reminder of the acting user, locked, or YA001';

create or replace function agenda.get_reminder(id uuid) returns agenda.reminders
    language plpgsql stable as
$$
declare
    r agenda.reminders;
begin
    select * into r from agenda.reminders x where x.user_id = agenda._acting_user() and x.id = get_reminder.id;
    if not found then
        perform agenda._not_found('reminder', id);
    end if;
    return r;
end
$$;
comment on function agenda.get_reminder(uuid) is 'one reminder of the acting user; YA001 when there is none';

create or replace function agenda.update_reminder(id uuid, patch jsonb) returns agenda.reminders
    language plpgsql volatile as
$$
declare
    r      agenda.reminders := agenda._lock_reminder(id);
    n      agenda.reminders;
    v_spec pg_catalog.jsonb := agenda._reminder_spec(r);
    v_zone pg_catalog.text;
begin
    perform agenda._check_object(patch);
    -- "at" makes it absolute, an offset makes it relative
    if patch->>'at' is not null then
        v_spec := v_spec - '{anchor,offset,at_time,timezone}'::text[];
    elsif patch->>'offset' is not null and r.anchor = 'absolute' then
        v_spec := v_spec - '{anchor,at,timezone}'::text[];
    end if;
    select t.timezone into v_zone from agenda.tasks t where t.user_id = r.user_id and t.id = r.task_id;
    n := agenda._reminder_of(jsonb_strip_nulls(v_spec || patch), coalesce(v_zone, agenda._user_zone(r.user_id)), v_zone);
    update agenda.reminders x
       set anchor = n.anchor, offset_by = n.offset_by, at_time = n.at_time, absolute_local = n.absolute_local,
           absolute_zone = n.absolute_zone, repeat_every = n.repeat_every, repeat_max = n.repeat_max, until_done = n.until_done
     where x.user_id = r.user_id and x.id = r.id
    returning * into r;
    return r;
end
$$;
comment on function agenda.update_reminder(uuid, jsonb) is 'changes a reminder, which is then armed anew: absent members stay, null clears';

create or replace function agenda.delete_reminder(id uuid) returns boolean
    language plpgsql volatile as
$$
declare
    r constant agenda.reminders := agenda._lock_reminder(id);
begin
    delete from agenda.reminders x where x.user_id = r.user_id and x.id = r.id;
    return true;
end
$$;
comment on function agenda.delete_reminder(uuid) is 'takes a reminder away';

-- ---- snooze and acknowledge --------------------------------------------------------------------

create or replace function agenda._snooze_until(p_for interval, p_until timestamptz) returns timestamptz
    language plpgsql stable as
$$
declare
    v_until constant pg_catalog.timestamptz := coalesce(p_until, case when p_for between '0' and '10 years'
                                                           then agenda.now() + make_interval(secs => extract(epoch from p_for)) end);
begin
    if v_until is null or v_until <= agenda.now() or v_until > agenda.now() + interval '10 years' then
        raise exception using errcode = 'YA005',
            message = 'a snooze must end in the future, within ten years',
            column = case when p_until is null then 'for_time' else 'until_at' end;
    end if;
    return v_until;
end
$$;
comment on function agenda._snooze_until(interval, timestamptz) is 'internal: the end of a snooze, or YA005';

-- Snoozing is not rescheduling: the due date stays, unless move_due asks for it.
create or replace function agenda.snooze(
        task_id uuid, for_time interval default '10 minutes', until_at timestamptz default null, move_due boolean default false)
    returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_user  constant pg_catalog.uuid := agenda._acting_user();
    v_until constant pg_catalog.timestamptz := agenda._snooze_until(for_time, until_at);
    t       agenda.tasks := agenda._lock_task(v_user, task_id, null);
begin
    if not agenda._is_open(t.status) then
        raise exception using errcode = 'YA007', message = format('task "%s" is %s', t.id, t.status),
            hint = 'Only a task that is to be done can be snoozed.';
    end if;
    if coalesce(move_due, false) then
        return agenda.update_task(t.id, jsonb_build_object('due_date', agenda.utc(v_until)));
    end if;
    perform agenda._snooze_task(t.id, v_until);
    return agenda.get_task(t.id);
end
$$;
comment on function agenda.snooze(uuid, interval, timestamptz, boolean)
    is 'reminds of a task again after a time or at a time, and silences until then what nags; the due date stays, unless move_due';

-- With the owner's rights, for a task that the caller has locked.
create or replace function agenda._snooze_task(p_task uuid, p_until timestamptz, p_reminder uuid default null) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_user constant uuid := agenda._acting_user();
begin
    -- whoever calls it, and not snooze_task() or snooze_reminder(), which say more
    if not exists (select from agenda.tasks t
                    where t.user_id = v_user and t.id = p_task and t.deleted_at is null and agenda._is_open(t.status)) then
        raise exception using errcode = 'YA007', message = format('task "%s" cannot be snoozed', p_task);
    end if;
    perform agenda._enter(v_user);
    -- one reminder; or what nags already, else the one that snoozing makes
    update agenda.reminders r
       set snoozed_until = p_until, fire_at = p_until, state = 'scheduled', acknowledged_at = null
     where r.user_id = v_user and r.task_id = p_task
       and case when p_reminder is not null then r.id = p_reminder
                else r.source = 'snooze' or (r.state = 'scheduled' and r.fired_count > 0 and r.fire_at < p_until) end;
    if not found then
        insert into agenda.reminders (user_id, task_id, anchor, absolute_local, absolute_zone, source)
        values (v_user, p_task, 'absolute', agenda.instant_to_local(p_until, 'UTC'), 'UTC', 'snooze');
    end if;
    if p_reminder is null then
        -- an overdue task that is told again and again waits as well
        update agenda.timers m set fire_at = p_until
         where (m.user_id, m.entity, m.entity_id) = (v_user, 'repeat', p_task) and m.fire_at < p_until;
    end if;
    update agenda.notifications n set read_at = agenda.now()
     where n.user_id = v_user and n.task_id = p_task and (p_reminder is null or n.reminder_id = p_reminder)
       and n.read_at is null and n.cleared_at is null and n.withdrawn_at is null and n.archived_at is null;
    perform agenda._leave();
end
$$;
comment on function agenda._snooze_task(uuid, timestamptz, uuid) is 'internal: writes a snooze of the acting user';

create or replace function agenda.snooze_reminder(id uuid, for_time interval default '10 minutes', until_at timestamptz default null)
    returns agenda.reminders
    language plpgsql volatile as
$$
declare
    v_until constant pg_catalog.timestamptz := agenda._snooze_until(for_time, until_at);
    r       constant agenda.reminders := agenda._lock_reminder(id);
begin
    if not exists (select from agenda.tasks t
                    where t.user_id = r.user_id and t.id = r.task_id and t.deleted_at is null and agenda._is_open(t.status)) then
        raise exception using errcode = 'YA007', message = format('reminder "%s" cannot be snoozed', id),
            detail = case when r.task_id is null then 'It is the template of a series.' else 'Its task is done or deleted.' end;
    end if;
    perform agenda._snooze_task(r.task_id, v_until, r.id);
    return agenda.get_reminder(r.id);
end
$$;
comment on function agenda.snooze_reminder(uuid, interval, timestamptz) is 'puts off one reminder; it goes on from there';

create or replace function agenda.snooze_notification(id uuid, for_time interval default '10 minutes', until_at timestamptz default null)
    returns agenda.notifications
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    n      agenda.notifications;
begin
    select * into n from agenda.notifications x
     where x.user_id = v_user and x.id = snooze_notification.id and x.cleared_at is null and x.withdrawn_at is null;
    if not found then
        perform agenda._not_found('notification', id);
    end if;
    if n.reminder_id is not null and exists (select from agenda.reminders r where r.user_id = v_user and r.id = n.reminder_id) then
        perform agenda.snooze_reminder(n.reminder_id, for_time, until_at);
    elsif n.task_id is not null then
        perform agenda.snooze(n.task_id, for_time, until_at);
    else
        raise exception using errcode = 'YA007', message = 'this notification is about no task';
    end if;
    return agenda.mark_read(n.id);
end
$$;
comment on function agenda.snooze_notification(uuid, interval, timestamptz) is 'snoozes what a notification is about, and marks it as read';

create or replace function agenda.acknowledge(reminder_id uuid) returns agenda.reminders
    language plpgsql volatile as
$$
declare
    r constant agenda.reminders := agenda._lock_reminder(reminder_id);
begin
    if r.task_id is null then
        raise exception using errcode = 'YA007', message = format('reminder "%s" is the template of a series', r.id);
    end if;
    perform agenda._acknowledge(r.id, r.task_id);
    return agenda.get_reminder(r.id);
end
$$;
comment on function agenda.acknowledge(uuid) is 'seen: the reminder is not repeated, and its notifications are read; repeatable';

create or replace function agenda._acknowledge(p_reminder uuid, p_task uuid) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_user constant uuid := agenda._acting_user();
begin
    perform agenda._enter(v_user);
    update agenda.reminders r
       set state = 'acknowledged', acknowledged_at = agenda.now(), fire_at = null, snoozed_until = null
     where r.user_id = v_user and r.id = p_reminder and r.state in ('scheduled', 'fired');
    update agenda.notifications n set read_at = agenda.now()
     where n.user_id = v_user and n.task_id = p_task and n.reminder_id = p_reminder
       and n.read_at is null and n.cleared_at is null and n.withdrawn_at is null and n.archived_at is null;
    perform agenda._leave();
end
$$;
comment on function agenda._acknowledge(uuid, uuid) is 'internal: writes an acknowledgement of the acting user';
