-- ---- rules of reminders ------------------------------------------------------------------------
-- When a reminder is owed follows from its anchor, its task and its owner's preferences, in one place:
-- _reminder_at().  What becomes of it when one of them changes is _plan_reminder().  Triggers, the
-- scanner, why_not_notified() and fsck() all ask these two.

-- The first time a reminder is owed; null where its anchor is missing.  Days and months are counted on
-- the calendar of the task's zone, hours and less are elapsed time.
create or replace function agenda._reminder_at(r agenda.reminders, t agenda.tasks, p agenda.preferences) returns timestamptz
    language plpgsql stable as
$$
declare
    v_zone constant pg_catalog.text := coalesce(t.timezone, p.timezone);
    v_days constant interval := date_trunc('day', r.offset_by);
    v_base pg_catalog.timestamptz;
begin
    if r.anchor = 'absolute' then
        return agenda.local_to_instant(r.absolute_local, coalesce(r.absolute_zone, p.timezone));
    end if;
    v_base := case r.anchor
        when 'created' then t.created_at
        when 'overdue' then agenda._fire_at('overdue', t, p)
        -- the day itself, whatever instant stands for it
        else case when t.due_kind = 'date' then agenda.local_to_instant(t.due_local::date + p.all_day_time, v_zone)
                  else t.due_date end
    end;
    -- beyond what a time can be
    if v_base is null or v_base + r.offset_by not between '0001-01-03 00:00+00' and '9999-12-28 00:00+00' then
        return null;
    end if;
    if r.at_time is not null then
        return agenda.local_to_instant((agenda.instant_to_local(v_base, v_zone) + v_days)::date + r.at_time, v_zone);
    elsif v_days = '0' then
        return v_base + r.offset_by;
    end if;
    return agenda.local_to_instant(agenda.instant_to_local(v_base, v_zone) + v_days, v_zone) + (r.offset_by - v_days);
end
$$;
comment on function agenda._reminder_at(agenda.reminders, agenda.tasks, agenda.preferences) is 'internal: the instant at which a reminder is first owed';

-- State and next time of a reminder that waits.  What has passed already is not told: a reminder of the day
-- before, given to a task that is due in an hour, expires.  One that stands where its rule says is owed, however
-- late the scanner comes to it; and a snooze outlives the end of its task, for that may be taken back.
create or replace function agenda._plan_reminder(r agenda.reminders, t agenda.tasks, p agenda.preferences, p_now timestamptz)
    returns agenda.reminders
    language plpgsql stable as
$$
declare
    v_owed pg_catalog.timestamptz := case when r.state = 'scheduled' then r.fire_at end;
    v_at   pg_catalog.timestamptz;
    v_n    integer;
begin
    if not agenda._is_open(t.status) or t.deleted_at is not null then
        if r.source = 'snooze' then
            r.snoozed_until := coalesce(r.snoozed_until, r.fire_at);
        end if;
        r.state := 'cancelled';
        r.fire_at := null;
        return r;
    end if;
    r.fire_at := null;
    if r.state = 'cancelled' and r.source = 'snooze' and r.snoozed_until is null then
        -- another due date has cancelled it
        return r;
    elsif r.state = 'cancelled' and r.snoozed_until < p_now then
        r.snoozed_until := null;
        if r.source = 'snooze' then
            r.state := 'expired';
            return r;
        end if;
    end if;
    r.state := 'scheduled';
    if r.snoozed_until is not null then
        r.fire_at := r.snoozed_until;
        return r;
    end if;
    v_at := agenda._reminder_at(r, t, p);
    if v_at is null then
        return r;
    end if;
    r.fire_at := v_at;
    if v_at < p_now then
        if v_owed = v_at + make_interval(secs => r.fired_count * coalesce(extract(epoch from r.repeat_every), 0)) then
            r.fire_at := v_owed;
            return r;
        end if;
        -- a repeated one goes on with what is left of it
        v_n := ceil(extract(epoch from p_now - v_at) / extract(epoch from r.repeat_every));
        if v_n is null or v_n > r.repeat_max then
            r.state := 'expired';
            r.fire_at := null;
            return r;
        end if;
        r.fire_at := v_at + make_interval(secs => v_n * extract(epoch from r.repeat_every));
        r.fired_count := v_n;
    end if;
    return r;
end
$$;
comment on function agenda._plan_reminder(agenda.reminders, agenda.tasks, agenda.preferences, timestamptz) is 'internal: what a reminder waits for, given its task and preferences';

-- What users write, as against what the engine keeps on the row.
create or replace function agenda._reminder_differs(b agenda.reminders, a agenda.reminders) returns boolean
    language sql immutable
    return (b.anchor, b.offset_by, b.at_time, b.absolute_local, b.absolute_zone, b.repeat_every, b.repeat_max, b.until_done)
        is distinct from
           (a.anchor, a.offset_by, a.at_time, a.absolute_local, a.absolute_zone, a.repeat_every, a.repeat_max, a.until_done);
comment on function agenda._reminder_differs(agenda.reminders, agenda.reminders) is 'internal: the reminder means another time';

create or replace function agenda._check_reminder_count(p_count bigint) returns void
    language plpgsql immutable as
$$
begin
    if p_count > 100 then
        raise exception using errcode = 'YA008', message = 'a task has at most 100 reminders', column = 'reminders';
    end if;
end
$$;
comment on function agenda._check_reminder_count(bigint) is 'internal: raises YA008 for more reminders than a task can have';

create or replace function agenda._reminder_before() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    t agenda.tasks;
begin
    perform agenda._check_owner(new.user_id);
    perform agenda._check_zone(new.absolute_zone);
    perform agenda._enter(new.user_id);
    if tg_op = 'INSERT' then
        perform agenda._check_reminder_count(1 + (select count(*) from agenda.reminders r
                                                   where r.user_id = new.user_id
                                                     and (r.task_id = new.task_id or r.recurring_task_id = new.recurring_task_id)));
    end if;
    if new.task_id is not null then
        -- a task that is being completed must not get a timer
        select * into t from agenda.tasks k
         where k.user_id = new.user_id and k.id = new.task_id and k.deleted_at is null
           for share;
        if not found then
            perform agenda._not_found('task', new.task_id);
        end if;
        if tg_op = 'UPDATE' then
            new.snoozed_until := null;
            new.acknowledged_at := null;
            new.fired_count := 0;
        end if;
        -- what an occurrence brings along is owed from when that should have been made
        new := agenda._plan_reminder(new, t, agenda._visible_preferences(new.user_id),
                                     case when tg_op = 'INSERT' and new.source <> 'user' and new.created_at = t.created_at
                                          then coalesce(t.owed_from, agenda.now()) else agenda.now() end);
    elsif new.recurring_task_id is not null
      and not exists (select from agenda.recurring_tasks s
                       where s.user_id = new.user_id and s.id = new.recurring_task_id and s.deleted_at is null) then
        perform agenda._not_found('recurring task', new.recurring_task_id);
    end if;
    perform agenda._leave();
    return new;
end
$$;
comment on function agenda._reminder_before() is 'internal: plans a reminder that is new or means another time';

-- Log and timer of what users, and changes of the task, do to a reminder.  What the scanner does stands
-- in last_fired_at and is written by _raise_reminders(), many at once.
create or replace function agenda._reminder_after() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none  text;
    r       agenda.reminders;
    v_type  text;
    v_cause text;
begin
    if tg_op = 'DELETE' then r := old; else r := new; end if;
    if tg_op <> 'DELETE' and r.fire_at is not null then
        v_none := agenda._set_timer(r.user_id, 'reminder', r.id, r.fire_at, 'reminder');
        v_type := case when r.snoozed_until is not null or r.source = 'snooze'
                       then 'reminder.snoozed' else 'reminder.scheduled' end;
    elsif tg_op <> 'INSERT' and old.fire_at is not null then
        delete from agenda.timers m where (m.user_id, m.entity, m.entity_id) = (r.user_id, 'reminder', r.id);
        v_type := 'reminder.cancelled';
        select case when r.state = 'acknowledged' then 'acknowledged'
                    when t.deleted_at is not null then 'task.deleted'
                    when not agenda._is_open(t.status) then 'task.' || t.status
                    when tg_op = 'DELETE' then 'deleted'
                    else 'rescheduled' end
          into v_cause from agenda.tasks t where t.user_id = r.user_id and t.id = r.task_id;
        v_cause := coalesce(v_cause, 'task.deleted');
    end if;
    if tg_op = 'DELETE' and r.task_id is not null and r.source <> 'snooze' then
        v_none := agenda._enter(r.user_id);
        v_none := agenda._keep_reminders(r.user_id, r.task_id);
        v_none := agenda._leave();
    end if;
    if r.task_id is null then
        v_none := agenda._make_in_time(s) from agenda.recurring_tasks s where s.user_id = r.user_id and s.id = r.recurring_task_id;
    end if;
    if v_type is not null then
        v_none := agenda._emit(v_type, r.user_id, r.id::text, r.id::text, jsonb_strip_nulls(jsonb_build_object(
            'reminder_id', r.id, 'task_id', r.task_id, 'cause', v_cause,
            'fire_at', agenda.utc(r.fire_at),
            'until', case when v_type = 'reminder.snoozed' then agenda.utc(r.fire_at) end,
            'before', case when tg_op <> 'INSERT' then agenda._reminder_image(old) end,
            'after', case when tg_op <> 'DELETE' then agenda._reminder_image(new) end)));
    end if;
    return null;
end
$$;
comment on function agenda._reminder_after() is 'internal: log and timer of a reminder';

create or replace function agenda._save_plan(r agenda.reminders) returns void
    language plpgsql volatile as
$$
begin
    update agenda.reminders x
       set state = r.state, fire_at = r.fire_at, fired_count = r.fired_count,
           snoozed_until = r.snoozed_until, acknowledged_at = r.acknowledged_at
     where x.user_id = r.user_id and x.id = r.id and x is distinct from r;
end
$$;
comment on function agenda._save_plan(agenda.reminders) is 'internal: writes what _plan_reminder() found';

-- The keys of what is told, by _announce(), about a task and its reminders for the present due date; of a reminder
-- that nags, the first hundred.
create or replace function agenda._told_keys(t agenda.tasks, p agenda.preferences) returns text[]
    language plpgsql stable as
$$
begin
    return array(select format('%s:%s:%s', w, t.id, extract(epoch from t.due_date)) from unnest('{due_soon,due,overdue}'::text[]) w
                 union all
                 select format('overdue:%s:%s:%s', t.id, extract(epoch from t.due_date), n)
                   from generate_series(1, p.overdue_repeat_max) n where p.overdue_repeat is not null
                 union all
                 select format('reminder:%s:%s', r.id, extract(epoch from r.at) + n * coalesce(extract(epoch from r.repeat_every), 0))
                   from (select x.*, agenda._reminder_at(x, t, p) as at
                           from agenda.reminders x where x.user_id = t.user_id and x.task_id = t.id) r,
                        generate_series(0, case when r.repeat_every is null then 0 else least(r.repeat_max, 100) end) n
                  where r.at is not null);
end
$$;
comment on function agenda._told_keys(agenda.tasks, agenda.preferences) is 'internal: the keys of what is told about a task and its present due date';

-- What is taken back unread has not been told.  A due date that was left before and comes back is told again, as its
-- events are; and a task that is taken up again finds in the inbox what its end has taken out of it.
create or replace function agenda._told_again(t agenda.tasks, p agenda.preferences, p_moved boolean) returns void
    language plpgsql volatile as
$$
declare
    v_keys constant pg_catalog.text[] := agenda._told_keys(t, p);
begin
    if p_moved then
        -- of a reminder nothing comes again whose time has passed
        update agenda.notifications n set dedupe_key = n.dedupe_key || ':' || n.id
         where n.user_id = t.user_id and n.dedupe_key = any (v_keys) and n.withdrawn_at is not null and n.merged_into is null;
        return;
    end if;
    update agenda.notifications n set withdrawn_at = null
     where n.user_id = t.user_id and n.dedupe_key = any (v_keys) and n.withdrawn_at is not null and n.merged_into is null
       and n.read_at is null and n.cleared_at is null and n.archived_at is null
       -- what its release has not told stays so
       and (n.held_until is null or n.held_until > agenda.now());
    if found then
        perform agenda._plan_release(p, agenda.now());
    end if;
end
$$;
comment on function agenda._told_again(agenda.tasks, agenda.preferences, boolean) is 'engine: what was taken back unread may be told again';

-- The reminders of a task follow it: another due date moves those that hang on it, and arms them again;
-- an end of the task cancels what waits, and a new beginning brings it back.
create or replace function agenda._reminders_follow(old agenda.tasks, new agenda.tasks) returns void
    language plpgsql volatile as
$$
declare
    v_none  pg_catalog.text;
    v_any   boolean := false;
    v_moved constant boolean := (new.due_date, new.due_kind, new.due_local) is distinct from (old.due_date, old.due_kind, old.due_local);
    r       agenda.reminders;
    p       agenda.preferences;
begin
    v_none := agenda._enter(new.user_id);
    if new.due_date is not null and agenda._is_open(new.status) and new.deleted_at is null then
        p := agenda._visible_preferences(new.user_id);
        -- nothing has been told of a due date that is far away
        if new.due_date is distinct from old.due_date and agenda._fire_at('due_soon', new, p) <= agenda.now() then
            v_none := agenda._told_again(new, p, true);
        elsif new.due_date = old.due_date and (not agenda._is_open(old.status) or old.deleted_at is not null) then
            v_none := agenda._told_again(new, p, false);
        end if;
    end if;
    if old.announced = 'overdue' then
        -- it is not told again, unless it is what it was: reopened, restored
        delete from agenda.timers m where (m.user_id, m.entity, m.entity_id) = (new.user_id, 'repeat', new.id);
        p := agenda._visible_preferences(new.user_id);
        if new.announced = 'overdue' and agenda._is_open(new.status) and new.deleted_at is null
           and agenda._repeat_at(new, p, agenda.now()) is not null then
            v_none := agenda._set_timer(new.user_id, 'repeat', new.id, agenda._repeat_at(new, p, agenda.now()), 'repeat');
        end if;
    end if;
    for r in select * from agenda.reminders x where x.user_id = new.user_id and x.task_id = new.id for update loop
        if not v_any then
            v_any := true;
            p := agenda._visible_preferences(new.user_id);
        end if;
        if v_moved and r.source = 'snooze' then
            -- it was about the old date
            r.state := 'cancelled';
            r.fire_at := null;
            r.snoozed_until := null;
        elsif v_moved and r.anchor in ('due', 'overdue') then
            r.snoozed_until := null;
            r.acknowledged_at := null;
            r.fired_count := 0;
            r := agenda._plan_reminder(r, new, p, agenda.now());
        elsif r.state in ('scheduled', 'cancelled') then
            r := agenda._plan_reminder(r, new, p, agenda.now());
        end if;
        v_none := agenda._save_plan(r);
    end loop;
    if not v_any and old.due_date is null and new.due_date is not null and not new.own_reminders and not agenda._reminders_replaced(new.id) then
        v_none := agenda._add_default_reminders(new);
    end if;
    v_none := agenda._leave();
end
$$;
comment on function agenda._reminders_follow(agenda.tasks, agenda.tasks) is 'engine: reminders of a task whose due date, status or deletion has changed';

-- The reminders of a task that is gone go by their foreign key.
create or replace function agenda._task_gone() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    delete from agenda.timers m where (m.user_id, m.entity, m.entity_id) = (old.user_id, 'repeat', old.id);
    return null;
end
$$;
comment on function agenda._task_gone() is 'internal: an overdue task that is gone is not told again';

-- The user's zone, grace or time of the day is another one.  Tasks move by themselves where they float; here
-- are the reminders whose own time depends on it.
create or replace function agenda._replan_reminders(p agenda.preferences) returns void
    language plpgsql volatile as
$$
declare
    t agenda.tasks;
    r agenda.reminders;
begin
    for t in
        select k.* from agenda.tasks k
         where k.user_id = p.user_id and k.deleted_at is null and k.status in ('pending', 'in_progress')
           and exists (select from agenda.reminders x
                        where x.user_id = k.user_id and x.task_id = k.id and x.state = 'scheduled')
         order by k.id
           for no key update
    loop
        for r in
            select * from agenda.reminders x
             where x.user_id = t.user_id and x.task_id = t.id and x.state = 'scheduled'
               and x.fired_count = 0 and x.snoozed_until is null
               for update
        loop
            -- what is owed already stays so, at the time that it has now
            r.fire_at := case when r.fire_at <= agenda.now() then agenda._reminder_at(r, t, p) else r.fire_at end;
            perform agenda._save_plan(agenda._plan_reminder(r, t, p, agenda.now()));
        end loop;
    end loop;
end
$$;
comment on function agenda._replan_reminders(agenda.preferences) is 'engine: plans a user''s waiting reminders anew';

-- One that waits for its first time, locked as everybody locks: the task first.
create or replace function agenda._replan_reminder(p_user uuid, p_id uuid) returns void
    language plpgsql volatile as
$$
declare
    t agenda.tasks;
    r agenda.reminders;
    p agenda.preferences;
begin
    select k.* into t from agenda.tasks k join agenda.reminders x on x.user_id = k.user_id and x.task_id = k.id
     where x.user_id = p_user and x.id = p_id for no key update of k;
    select * into r from agenda.reminders x where x.user_id = p_user and x.id = p_id for update;
    if r.fired_count = 0 then
        p := agenda._preferences_of(p_user);
        if r.snoozed_until is null and r.fire_at <= agenda.now() then
            r.fire_at := agenda._reminder_at(r, t, p);
        end if;
        perform agenda._save_plan(agenda._plan_reminder(r, t, p, agenda.now()));
    end if;
end
$$;
comment on function agenda._replan_reminder(uuid, uuid) is 'engine: plans a reminder anew that has not come up yet';

-- ---- a reminder as JSON --------------------------------------------------------------------------

-- What somebody writes to get such a reminder; an absolute time as the wall clock of its zone.
create or replace function agenda._reminder_spec(r agenda.reminders) returns jsonb
    language plpgsql stable
    set intervalstyle = 'postgres' as
$$
begin
    return jsonb_strip_nulls(jsonb_build_object(
        'anchor', r.anchor,
        'offset', case when r.anchor <> 'absolute' then r.offset_by::text end,
        'at_time', r.at_time::text,
        'at', to_char(r.absolute_local, 'YYYY-MM-DD"T"HH24:MI:SS') || case when r.absolute_zone = 'UTC' then 'Z' else '' end,
        'timezone', nullif(r.absolute_zone, 'UTC'),
        'repeat_every', r.repeat_every::text,
        'repeat_max', r.repeat_max,
        'until_done', nullif(r.until_done, false)));
end
$$;
comment on function agenda._reminder_spec(agenda.reminders) is 'internal: the members that define a reminder';

create or replace function agenda._reminder_image(r agenda.reminders) returns jsonb
    language sql stable
    return case when r.id is not null then agenda._reminder_spec(r) || jsonb_build_object(
        'id', r.id,
        'user_id', r.user_id,
        'task_id', r.task_id,
        'recurring_task_id', r.recurring_task_id,
        'state', r.state,
        'fire_at', agenda.utc(r.fire_at),
        'snoozed_until', agenda.utc(r.snoozed_until)) end;
comment on function agenda._reminder_image(agenda.reminders) is 'internal: a reminder as events show it';

create or replace function agenda.reminder_json(r agenda.reminders) returns jsonb
    language plpgsql stable as
$$
begin
    return agenda._reminder_image(r) - 'user_id' || jsonb_build_object(
        'source', r.source,
        'fired_count', r.fired_count,
        'last_fired_at', agenda.utc(r.last_fired_at),
        'acknowledged_at', agenda.utc(r.acknowledged_at),
        'created_at', agenda.utc(r.created_at));
end
$$;
comment on function agenda.reminder_json(agenda.reminders) is 'a reminder as REST shows it';

create or replace function agenda._interval(p_patch jsonb, p_member text) returns interval
    language plpgsql stable
    set intervalstyle = 'postgres' as
$$
begin
    return agenda._text(p_patch, p_member)::interval;
exception when data_exception then
    perform agenda._wrong_member(p_patch, p_member, 'a length of time, as in -1 day or PT15M');
end
$$;
comment on function agenda._interval(jsonb, text) is 'internal: an interval member, null where absent';

create or replace function agenda._clock_time(p_patch jsonb, p_member text) returns time
    language plpgsql stable as
$$
begin
    return agenda._text(p_patch, p_member)::time;
exception when data_exception then
    perform agenda._wrong_member(p_patch, p_member, 'a time of day, as in 18:00');
end
$$;
comment on function agenda._clock_time(jsonb, text) is 'internal: a time of day, null where absent';

-- The row that a specification means.  A text alone is an offset.  p_zone is where a time without offset is;
-- p_fixed is the zone that such a time keeps, null when it follows its owner.
create or replace function agenda._reminder_of(p_spec jsonb, p_zone text, p_fixed text) returns agenda.reminders
    language plpgsql stable as
$$
declare
    s        pg_catalog.jsonb := case when jsonb_typeof(p_spec) = 'string' then jsonb_build_object('offset', p_spec) else p_spec end;
    v_member pg_catalog.text;
    v_at     pg_catalog.timestamptz;
    v_zone   pg_catalog.text;
    r        agenda.reminders;
begin
    perform agenda._check_object(s);
    select k into v_member from jsonb_object_keys(s) k
     where k not in ('anchor', 'offset', 'at', 'at_time', 'timezone', 'repeat_every', 'repeat_max', 'until_done',
                     -- read-only, may be sent back
                     'id', 'task_id', 'recurring_task_id', 'state', 'fire_at', 'source', 'fired_count', 'last_fired_at',
                     'snoozed_until', 'acknowledged_at', 'created_at');
    if found then
        raise exception using errcode = 'YA006',
            message = format('a reminder has no member "%s"', left(v_member, 100)),
            hint = 'Use offset, at_time, anchor, at, timezone, repeat_every, repeat_max, until_done.',
            column = left(v_member, 63);
    end if;
    if s->>'at' is not null then
        v_zone := agenda._text(s, 'timezone');
        perform agenda._check_zone(v_zone);
        v_at := agenda._parse_time(agenda._text(s, 'at'), coalesce(v_zone, p_zone), 'at');
        r.absolute_zone := case when s->>'at' ~ '[Tt ].*([Zz]|[+-][0-9:]+)$' then 'UTC' else coalesce(v_zone, p_fixed) end;
        r.absolute_local := agenda.instant_to_local(v_at, coalesce(r.absolute_zone, p_zone));
    end if;
    r.anchor := coalesce(agenda._text(s, 'anchor'), case when v_at is null then 'due' else 'absolute' end);
    if r.anchor not in ('due', 'overdue', 'created', 'absolute') then
        perform agenda._wrong_member(s, 'anchor', 'due, overdue, created or absolute');
    end if;
    if (r.anchor = 'absolute') <> (v_at is not null) then
        perform agenda._wrong_member(s, 'at', case when v_at is null then 'given' else 'absent beside another anchor' end);
    end if;
    r.offset_by := coalesce(agenda._interval(s, 'offset'), '0');
    if r.offset_by not between '-10 years' and '10 years' or (r.anchor = 'absolute' and r.offset_by <> '0') then
        perform agenda._wrong_member(s, 'offset', case r.anchor when 'absolute' then 'absent beside at' else 'at most 10 years' end);
    end if;
    r.at_time := agenda._clock_time(s, 'at_time');
    if r.at_time >= '24:00' then
        perform agenda._wrong_member(s, 'at_time', 'before 24:00');
    elsif r.at_time is not null and (r.anchor = 'absolute' or r.offset_by <> date_trunc('day', r.offset_by)) then
        perform agenda._wrong_member(s, 'at_time', 'beside an offset of whole days');
    end if;
    r.repeat_every := agenda._interval(s, 'repeat_every');
    r.repeat_max := agenda._integer(s, 'repeat_max');
    r.until_done := coalesce(agenda._boolean(s, 'until_done'), false);
    if r.repeat_every not between '1 minute' and '10 years' then
        perform agenda._wrong_member(s, 'repeat_every', 'at least one minute');
    end if;
    if r.repeat_max not between 1 and 10000 then
        perform agenda._wrong_member(s, 'repeat_max', 'between 1 and 10000');
    end if;
    if (r.repeat_every is not null) <> (r.repeat_max is not null or r.until_done) then
        perform agenda._wrong_member(s, 'repeat_every', 'given together with repeat_max or until_done');
    end if;
    return r;
end
$$;
comment on function agenda._reminder_of(jsonb, text, text) is 'internal: the reminder that a JSON object or an offset means';

create or replace function agenda._reminder_in(p_list jsonb, p_field text, p_index integer, p_zone text, p_fixed text) returns agenda.reminders
    language c stable as 'MODULE_PATHNAME', 'agenda_reminder_in';
comment on function agenda._reminder_in(jsonb, text, integer, text, text) is 'internal: _reminder_of() an element of an array, counted from 0; an error names its place in the array';

create or replace function agenda._check_reminders(p_list jsonb, p_field text) returns void
    language plpgsql stable as
$$
begin
    if jsonb_typeof(p_list) is distinct from 'array' or jsonb_array_length(p_list) > 20 then
        raise exception using errcode = 'YA006',
            message = format('%s must be an array of at most 20 reminders', p_field), column = p_field;
    elsif octet_length(p_list::text) > 20000 then
        raise exception using errcode = 'YA006', message = format('%s must be at most 20 kB long', p_field), column = p_field;
    end if;
    for i in 0 .. jsonb_array_length(p_list) - 1 loop
        if (agenda._reminder_in(p_list, p_field, i, 'UTC', null)).anchor = 'absolute' then
            raise exception using errcode = 'YA006',
                message = format('%s cannot have a time of their own', p_field), column = format('%s/%s/at', p_field, i);
        end if;
    end loop;
end
$$;
comment on function agenda._check_reminders(jsonb, text) is 'internal: raises YA006 for what is no list of relative reminders';
