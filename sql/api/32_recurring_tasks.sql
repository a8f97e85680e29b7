-- ---- series: what callers use -------------------------------------------------------------------

-- A start without a time of day makes a series of whole days, if its rule has no times either.
create or replace function agenda._patch_start(r agenda.recurring_tasks, patch jsonb, p_zone text) returns agenda.recurring_tasks
    language plpgsql stable as
$$
begin
    if patch->>'start_date' is not null then
        r.start_date := agenda._parse_time(agenda._text(patch, 'start_date'), p_zone, 'start_date');
        r.all_day := patch->>'start_date' !~ ':'
            and coalesce(agenda.recurrence_type(r.rrule), r.recurrence_type) not in ('hourly', 'minutely', 'secondly')
            and agenda.rrule_to_json(r.rrule) ?| '{byHour,byMinute,bySecond}' is not true;
    end if;
    if patch ? 'end_date' then
        r.end_date := agenda._parse_time(agenda._text(patch, 'end_date'), p_zone, 'end_date');
        if patch->>'end_date' !~ ':' then
            -- the whole day belongs to the series
            r.end_date := agenda.local_to_instant(agenda.instant_to_local(r.end_date, p_zone) + interval '1 day', p_zone) - interval '1 second';
        end if;
    end if;
    if patch->>'all_day' is not null then
        r.all_day := agenda._boolean(patch, 'all_day');
    end if;
    return r;
end
$$;
comment on function agenda._patch_start(agenda.recurring_tasks, jsonb, text) is 'internal: start and end of a series with the members of a patch';

create or replace function agenda._patch_policy(r agenda.recurring_tasks, patch jsonb) returns agenda.recurring_tasks
    language plpgsql stable as
$$
begin
    -- custom is what a series is called that has no preset's policies
    if patch->>'policy' <> 'custom' then
        r.basis := agenda._policy(patch->>'policy', 'basis');
        r.spawn := agenda._policy(patch->>'policy', 'spawn');
        r.overlap := agenda._policy(patch->>'policy', 'overlap');
        r.missed := agenda._policy(patch->>'policy', 'missed');
    end if;
    r.basis := coalesce(agenda._text(patch, 'basis'), r.basis);
    r.spawn := coalesce(agenda._text(patch, 'spawn'), r.spawn);
    r.overlap := coalesce(agenda._text(patch, 'overlap'), r.overlap);
    r.missed := coalesce(agenda._text(patch, 'missed'), r.missed);
    r.dst_gap := coalesce(agenda._text(patch, 'dst_gap'), r.dst_gap);
    r.dst_fold := coalesce(agenda._text(patch, 'dst_fold'), r.dst_fold);
    r.business_shift := coalesce(agenda._text(patch, 'business_shift'), r.business_shift);
    if patch ? 'holiday_calendar' then
        r.holiday_calendar := agenda._text(patch, 'holiday_calendar');
    end if;
    if patch ? 'catchup_window' then
        r.catchup_window := agenda._interval(patch, 'catchup_window');
    end if;
    if patch ? 'lead_time' then
        r.lead_time := coalesce(agenda._interval(patch, 'lead_time'), interval '0');
    end if;
    return r;
end
$$;
comment on function agenda._patch_policy(agenda.recurring_tasks, jsonb) is 'internal: policies of a series with the members of a patch';

-- RFC 7396: members that are absent stay, null clears.
create or replace function agenda._patch_series(r agenda.recurring_tasks, patch jsonb) returns agenda.recurring_tasks
    language plpgsql stable as
$$
declare
    v_none pg_catalog.text;
begin
    v_none := agenda._check_object(patch);
    if patch ? 'title' then
        r.title := agenda._text(patch, 'title');
    end if;
    if patch ? 'description' then
        r.description := agenda._text(patch, 'description');
    end if;
    if patch ? 'priority' then
        r.priority := coalesce(agenda._smallint(patch, 'priority'), 2::smallint);
    end if;
    if patch ? 'tags' then
        r.tags := agenda._tags(patch, 'tags');
    end if;
    if patch ? 'checklist' then
        r.checklist := coalesce(nullif(patch->'checklist', 'null'), '[]');
        v_none := agenda._check_template(null, r.checklist);
        r.checklist := agenda._reset_checklist(r.checklist);
    end if;
    if patch ? 'recurrence_type' then
        r.recurrence_type := agenda._text(patch, 'recurrence_type');
    end if;
    if patch ? 'recurrence_interval' then
        r.recurrence_interval := agenda._integer(patch, 'recurrence_interval');
    end if;
    if patch->>'rrule' is not null then
        r.rrule := agenda._rule_of(agenda._text(patch, 'rrule'), 'rrule');
    end if;
    if patch->>'invalid_day' is not null then
        r.invalid_day := agenda._text(patch, 'invalid_day');
    end if;
    -- what was read may be sent back, and then says that this zone is its owner's
    if patch ? 'timezone' and (r.floating and patch->'floating' = 'true' and patch->>'timezone' = r.timezone) is not true then
        r.timezone := agenda._text(patch, 'timezone');
        v_none := agenda._check_zone(r.timezone);
        r.floating := r.timezone is null;
    end if;
    r := agenda._patch_start(r, patch, coalesce(r.timezone, agenda._user_zone(r.user_id)));
    r := agenda._patch_policy(r, patch);
    if patch ? 'is_active' then
        r.is_active := coalesce(agenda._boolean(patch, 'is_active'), true);
    end if;
    return r;
end
$$;
comment on function agenda._patch_series(agenda.recurring_tasks, jsonb) is 'internal: a series with the members of a patch';

-- A series that nobody has described yet.
create or replace function agenda._blank_series(p_user uuid) returns agenda.recurring_tasks
    language plpgsql stable as
$$
declare
    r agenda.recurring_tasks;
begin
    r.user_id := p_user;
    r.priority := 2;
    r.tags := '{}';
    r.checklist := '[]';
    r.own_reminders := false;
    r.is_active := true;
    r.floating := true;
    r.all_day := false;
    r.dst_gap := 'shift';
    r.dst_fold := 'first';
    r.business_shift := 'none';
    r.lead_time := '0';
    r.has_overrides := false;
    r.occurrences_created := 0;
    r.missed_count := 0;
    r.overlap_count := 0;
    return agenda._patch_policy(r, '{"policy": "fixed"}');
end
$$;
comment on function agenda._blank_series(uuid) is 'internal: a series with the defaults';

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
        policy text default 'fixed',
        tags text[] default null,
        checklist jsonb default null,
        options jsonb default '{}')
    returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    v_none pg_catalog.text;
    v_user constant pg_catalog.uuid := agenda._acting_user();
    r      agenda.recurring_tasks;
begin
    v_none := agenda._check_members(options, agenda._series_members());
    r := agenda._patch_series(agenda._blank_series(v_user), jsonb_strip_nulls(jsonb_build_object(
        'title', create_recurring_task.title, 'description', create_recurring_task.description, 'priority', create_recurring_task.priority,
        'tags', create_recurring_task.tags, 'checklist', create_recurring_task.checklist,
        'recurrence_type', create_recurring_task.recurrence_type, 'recurrence_interval', create_recurring_task.recurrence_interval,
        'rrule', create_recurring_task.rrule, 'start_date', create_recurring_task.start_date, 'end_date', create_recurring_task.end_date,
        'timezone', create_recurring_task.timezone, 'policy', create_recurring_task.policy)) || options);
    if options->'reminders' <> 'null' then
        return agenda._insert_with_reminders(r, options->'reminders');
    end if;
    return agenda._insert_series(r);
end
$$;
comment on function agenda.create_recurring_task(text, text, integer, text, text, text, integer, text, text, text, text[], jsonb, jsonb)
    is 'makes a series from recurrence_type and recurrence_interval or from rrule; times without an offset are wall-clock times in timezone, a start without a time makes a series of whole days; policy is fixed, must_do, on_completion, chain, after_completion, habit or sequential; options holds the further members of a series (basis, spawn, overlap, missed, catchup_window, lead_time, invalid_day, dst_gap, dst_fold, business_shift, holiday_calendar, …), and reminders as set_series_reminders() takes them, instead of the default ones';

create or replace function agenda._insert_with_reminders(r agenda.recurring_tasks, p_list jsonb) returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    t agenda.tasks;
begin
    r.own_reminders := true;
    r := agenda._insert_series(r);
    perform agenda._set_series_reminders(r, p_list);
    -- the occurrences that it owed came before them
    for t in select * from agenda.tasks k where k.user_id = r.user_id and k.recurring_task_id = r.id order by k.id loop
        perform agenda._set_reminders(t, p_list);
    end loop;
    return r;
end
$$;
comment on function agenda._insert_with_reminders(agenda.recurring_tasks, jsonb) is 'internal: writes a new series of the acting user with its templates';

create or replace function agenda._insert_series(r agenda.recurring_tasks) returns agenda.recurring_tasks
    language plpgsql volatile as
$$
begin
    insert into agenda.recurring_tasks
           (title, description, priority, tags, checklist, own_reminders, recurrence_type, recurrence_interval, rrule, invalid_day,
            start_date, end_date, timezone, all_day, dst_gap, dst_fold, business_shift, holiday_calendar,
            basis, spawn, overlap, missed, catchup_window, lead_time, is_active)
    values (r.title, r.description, r.priority, r.tags, r.checklist, r.own_reminders, r.recurrence_type, r.recurrence_interval, r.rrule, r.invalid_day,
            r.start_date, r.end_date, r.timezone, r.all_day, r.dst_gap, r.dst_fold, r.business_shift, r.holiday_calendar,
            r.basis, r.spawn, r.overlap, r.missed, r.catchup_window, r.lead_time, r.is_active)
    returning * into r;
    return r;
end
$$;
comment on function agenda._insert_series(agenda.recurring_tasks) is 'internal: writes a new series of the acting user';

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

create or replace function agenda._check_recurring_task_filter(filter jsonb) returns void
    language plpgsql immutable as
$$
declare
    v_member pg_catalog.text;
begin
    if jsonb_typeof(filter) is distinct from 'object' then
        raise exception using errcode = 'YA006', message = 'filter must be an object';
    end if;
    for v_member in select jsonb_object_keys(filter) loop
        if v_member not in ('is_active', 'q') then
            raise exception using errcode = 'YA006',
                message = format('recurring tasks cannot be filtered by "%s"', left(v_member, 100)),
                hint = 'Use is_active or q.',
                column = left(v_member, 63);
        end if;
    end loop;
    if filter->>'is_active' not in ('true', 'false') then
        perform agenda._wrong_member(filter, 'is_active', 'true or false');
    end if;
end
$$;
comment on function agenda._check_recurring_task_filter(jsonb) is 'internal: raises YA006 for a filter that cannot be meant';

create or replace function agenda._recurring_task_matches(r agenda.recurring_tasks, filter jsonb) returns boolean
    language sql stable
    begin atomic
        select (filter->>'is_active' is null or r.is_active = (filter->>'is_active')::boolean)
           and (filter->>'q' is null or strpos(lower(r.title), lower(filter->>'q')) > 0
                or strpos(lower(coalesce(r.description, '')), lower(filter->>'q')) > 0);
    end;
comment on function agenda._recurring_task_matches(agenda.recurring_tasks, jsonb) is 'internal: filter of list_recurring_tasks';

create or replace function agenda.list_recurring_tasks(filter jsonb default '{}', page integer default 1, page_size integer default 20)
    returns setof agenda.recurring_tasks
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    perform agenda._check_page(page, page_size);
    perform agenda._check_recurring_task_filter(filter);
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
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    perform agenda._check_recurring_task_filter(filter);
    return (select count(*) from agenda.recurring_tasks r
             where r.user_id = v_user and r.deleted_at is null and agenda._recurring_task_matches(r, filter));
end
$$;
comment on function agenda.count_recurring_tasks(jsonb) is 'how many series list_recurring_tasks has on all its pages';

-- RFC 7396: members that are absent stay, null clears.  Open occurrences stay as they are.
create or replace function agenda.update_recurring_task(id uuid, patch jsonb, expected_version bigint default null, effective_from text default null)
    returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    v_done boolean := false;
    r      agenda.recurring_tasks;
    v_from timestamp;
begin
    if effective_from is not null then
        -- some of them go along
        perform agenda._lock_open_occurrences(v_user, id);
    end if;
    r := agenda._lock_recurring_task(v_user, id, expected_version);
    perform agenda._check_members(patch, agenda._series_members());
    if effective_from is not null then
        v_from := agenda._next_key(r, agenda.instant_to_local(agenda._parse_time(effective_from, r.timezone, 'effective_from'), r.timezone)
                                      - interval '1 microsecond');
        if v_from is null then
            raise exception using errcode = 'YA007', message = 'the series has no occurrence from then on', column = 'effective_from';
        elsif agenda._divides(r, v_from) then
            r := agenda._split_series(r.id, v_from, patch, interval '0');
            v_done := true;
        end if;
    end if;
    if not v_done then
        r := agenda._write_series(agenda._patch_series(r, patch));
    end if;
    if patch ? 'reminders' then
        perform agenda._set_series_reminders(r, patch->'reminders');
    end if;
    return r;
end
$$;
comment on function agenda.update_recurring_task(uuid, jsonb, bigint, text) is 'changes a series: absent members stay, null clears; occurrences that exist stay as they are. With effective_from the series ends before that, and a new one, which is returned, goes on with the change. With reminders null the occurrences to come have the default ones';

create or replace function agenda._write_series(n agenda.recurring_tasks) returns agenda.recurring_tasks
    language plpgsql volatile as
$$
begin
    update agenda.recurring_tasks r
       set title = n.title, description = n.description, priority = n.priority, tags = n.tags, checklist = n.checklist,
           recurrence_type = n.recurrence_type, recurrence_interval = n.recurrence_interval, rrule = n.rrule, invalid_day = n.invalid_day,
           start_date = n.start_date, end_date = n.end_date, timezone = n.timezone, floating = n.floating, all_day = n.all_day,
           dst_gap = n.dst_gap, dst_fold = n.dst_fold, business_shift = n.business_shift, holiday_calendar = n.holiday_calendar,
           basis = n.basis, spawn = n.spawn, overlap = n.overlap, missed = n.missed,
           catchup_window = n.catchup_window, lead_time = n.lead_time, is_active = n.is_active
     where r.user_id = n.user_id and r.id = n.id
    returning * into n;
    return n;
end
$$;
comment on function agenda._write_series(agenda.recurring_tasks) is 'internal: writes the users'' columns of a series';

create or replace function agenda.pause_recurring_task(id uuid, until text default null, expected_version bigint default null)
    returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    v_row  agenda.recurring_tasks;
    v_at   pg_catalog.timestamptz;
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
    v_user constant pg_catalog.uuid := agenda._acting_user();
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

create or replace function agenda.delete_recurring_task(id uuid, expected_version bigint default null, open_tasks text default 'keep')
    returns boolean
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    r      agenda.recurring_tasks;
begin
    perform agenda._check_word(open_tasks, '{keep,cancel,delete}', 'open_tasks');
    if open_tasks <> 'keep' then
        perform agenda._lock_open_occurrences(v_user, id);
    end if;
    r := agenda._lock_recurring_task(v_user, id, expected_version);
    update agenda.recurring_tasks s set deleted_at = agenda.now()
     where s.user_id = v_user and s.id = r.id;
    if open_tasks <> 'keep' then
        update agenda.tasks t
           set status = case open_tasks when 'cancel' then 'cancelled' else t.status end,
               deleted_at = case open_tasks when 'delete' then agenda.now() end
         where t.user_id = v_user and t.recurring_task_id = r.id and t.deleted_at is null
           and t.status in ('pending', 'in_progress');
    end if;
    return true;
end
$$;
comment on function agenda.delete_recurring_task(uuid, bigint, text) is 'ends a series and takes it out of all lists; open_tasks says what becomes of its open tasks: keep, cancel or delete';

create or replace function agenda.restore_recurring_task(id uuid, expected_version bigint default null) returns agenda.recurring_tasks
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    r      agenda.recurring_tasks;
begin
    select * into r from agenda.recurring_tasks s
     where s.user_id = v_user and s.id = restore_recurring_task.id
       for update;
    if not found then
        perform agenda._not_found('recurring task', id);
    end if;
    if r.deleted_at is not null then
        perform agenda._check_version(expected_version, r.version);
        update agenda.recurring_tasks s set deleted_at = null
         where s.user_id = v_user and s.id = r.id
        returning * into r;
    end if;
    return r;
end
$$;
comment on function agenda.restore_recurring_task(uuid, bigint) is 'brings a deleted series back; repeatable';

create or replace function agenda.calculate_next_due_at(recurring_task_id uuid, after timestamptz default null) returns timestamptz
    language plpgsql stable as
$$
declare
    r agenda.recurring_tasks := agenda.get_recurring_task(recurring_task_id);
begin
    if after is null then
        return r.next_due_at;
    end if;
    return agenda._key_due(r, agenda._next_key(r, agenda._clock(r, after)));
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

