-- ---- preferences and holidays ------------------------------------------------------------------
-- A user without a row has the defaults.  The table's CHECKs hold the ranges; zone names and default
-- reminders are validated by the trigger, so that plain SQL is held to the same.

create or replace function agenda._default_preferences(p_user_id uuid) returns agenda.preferences
    language sql stable
    return row(p_user_id, 'UTC', 'en', 'MO', interval '24 hours', interval '15 minutes', null, 6, true, true,
               '{reminder,due_soon,due,overdue,digest}'::text[], time '09:00', '[]'::jsonb, interval '7 days',
               null, null, '{MO,TU,WE,TH,FR,SA,SU}'::text[], 'hold', 1::smallint, null,
               null, '{MO,TU,WE,TH,FR,SA,SU}'::text[], '{due_soon,overdue}'::text[],
               '{MO,TU,WE,TH,FR}'::text[], null, 0::bigint, null::timestamptz)::agenda.preferences;
comment on function agenda._default_preferences(uuid) is 'internal: preferences of a user who has chosen nothing';

-- What the caller may see of a user's preferences, defaults where that is nothing.
create or replace function agenda._visible_preferences(p_user_id uuid) returns agenda.preferences
    language plpgsql stable as
$$
declare
    v_row agenda.preferences;
begin
    select * into v_row from agenda.preferences p where p.user_id = p_user_id;
    if not found then
        v_row := agenda._default_preferences(p_user_id);
    end if;
    return v_row;
end
$$;
comment on function agenda._visible_preferences(uuid) is 'internal: a user''s preferences as far as the caller sees them';

create or replace function agenda.get_preferences() returns agenda.preferences
    language plpgsql stable as
$$
begin
    return agenda._visible_preferences(agenda._acting_user());
end
$$;
comment on function agenda.get_preferences() is 'the acting user''s preferences, defaults where nothing was chosen';

-- RFC 7396: members that are absent stay, null puts a member back to its default.  Read-only members may be
-- sent back as they came; anything else that is no preference is an error, since a misspelt one would be
-- ignored in silence.
create or replace function agenda.set_preferences(patch jsonb, expected_version bigint default null)
    returns agenda.preferences
    language plpgsql volatile as
$$
declare
    v_user     constant pg_catalog.uuid := agenda._acting_user();
    v_row      agenda.preferences;
    v_defaults constant pg_catalog.jsonb := agenda.preferences_json(agenda._default_preferences(v_user));
    v_member   pg_catalog.record;
begin
    perform agenda._check_object(patch);
    insert into agenda.preferences (user_id) values (v_user) on conflict do nothing;
    select * into v_row from agenda.preferences p where p.user_id = v_user for update;
    perform agenda._check_version(expected_version, v_row.version);
    for v_member in
        select m.key, coalesce(nullif(m.value, 'null'), v_defaults->m.key) as value
          from jsonb_each(patch) m
         where m.key not in ('user_id', 'version', 'updated_at')
    loop
        if not v_defaults ? v_member.key then
            raise exception using errcode = 'YA006',
                message = format('"%s" is no preference', left(v_member.key, 100)),
                hint = 'get_preferences() shows them all.', column = left(v_member.key, 63);
        end if;
        if v_member.key = 'paused_until' then
            -- a time without an offset is in the user's zone, which a patch brings before it
            v_row.paused_until := agenda._parse_time(agenda._text(patch, 'paused_until'), v_row.timezone, 'paused_until');
            continue;
        end if;
        begin
            v_row := jsonb_populate_record(v_row, jsonb_build_object(v_member.key, v_member.value));
        exception when data_exception then
            raise exception using errcode = 'YA006',
                message = format('%s has the wrong form', v_member.key), detail = sqlerrm, column = v_member.key;
        end;
    end loop;
    return agenda._save_preferences(v_row);
end
$$;
comment on function agenda.set_preferences(jsonb, bigint) is 'changes the acting user''s preferences: absent members stay, null restores the default';

create or replace function agenda._save_preferences(p agenda.preferences) returns agenda.preferences
    language plpgsql volatile as
$$
begin
    update agenda.preferences x
       set (timezone, locale, week_start, due_soon_window, overdue_grace, overdue_repeat, overdue_repeat_max,
            notifications_enabled, reminders_enabled, enabled_types, all_day_time, default_reminders, catchup_window,
            quiet_start, quiet_end, quiet_days, quiet_policy, quiet_break_priority, paused_until,
            digest_time, digest_days, digest_types, workdays, holiday_calendar)
         = row(p.timezone, p.locale, p.week_start, p.due_soon_window, p.overdue_grace, p.overdue_repeat, p.overdue_repeat_max,
            p.notifications_enabled, p.reminders_enabled, p.enabled_types, p.all_day_time, p.default_reminders, p.catchup_window,
            p.quiet_start, p.quiet_end, p.quiet_days, p.quiet_policy, p.quiet_break_priority, p.paused_until,
            p.digest_time, p.digest_days, p.digest_types, p.workdays, p.holiday_calendar)
     where x.user_id = p.user_id
    returning * into p;
    return p;
end
$$;
comment on function agenda._save_preferences(agenda.preferences) is 'internal: writes what a user may choose';

create or replace function agenda.preferences_json(p agenda.preferences) returns jsonb
    language plpgsql stable
    set intervalstyle = 'postgres' as
$$
begin
    return jsonb_build_object(
        'timezone', p.timezone,
        'locale', p.locale,
        'week_start', p.week_start,
        'due_soon_window', p.due_soon_window::text,
        'overdue_grace', p.overdue_grace::text,
        'overdue_repeat', p.overdue_repeat::text,
        'overdue_repeat_max', p.overdue_repeat_max,
        'notifications_enabled', p.notifications_enabled,
        'reminders_enabled', p.reminders_enabled,
        'enabled_types', p.enabled_types,
        'all_day_time', p.all_day_time::text,
        'default_reminders', p.default_reminders,
        'catchup_window', p.catchup_window::text,
        'quiet_start', p.quiet_start::text,
        'quiet_end', p.quiet_end::text,
        'quiet_days', p.quiet_days,
        'quiet_policy', p.quiet_policy,
        'quiet_break_priority', p.quiet_break_priority,
        'paused_until', agenda.utc(p.paused_until),
        'digest_time', p.digest_time::text,
        'digest_days', p.digest_days,
        'digest_types', p.digest_types,
        'workdays', p.workdays,
        'holiday_calendar', p.holiday_calendar)
        || jsonb_build_object('version', p.version);
end
$$;
comment on function agenda.preferences_json(agenda.preferences) is 'preferences as REST and events show them';

create or replace function agenda._preferences_before() returns trigger
    language plpgsql as
$$
begin
    perform agenda._check_zone(new.timezone);
    if tg_op = 'INSERT' or new.default_reminders <> old.default_reminders then
        perform agenda._check_reminders(new.default_reminders, 'default_reminders');
    end if;
    if tg_op = 'INSERT' then
        -- 0 is the version of having chosen nothing
        new.version := (agenda.preferences_json(new) - 'version'
                        <> agenda.preferences_json(agenda._default_preferences(new.user_id)) - 'version')::integer;
    else
        if new is not distinct from old then
            return new;
        end if;
        new.version := old.version + 1;
        new.updated_at := agenda.now();
    end if;
    return new;
end
$$;
comment on function agenda._preferences_before() is 'internal: validates preferences and counts their changes';

-- Another choice moves instants: of due soon and overdue, of reminders, of what waits to be told.
create or replace function agenda._preferences_after() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_before  constant jsonb := agenda.preferences_json(case when tg_op = 'INSERT' then agenda._default_preferences(new.user_id) else old end) - 'version';
    v_after   constant jsonb := agenda.preferences_json(new) - 'version';
    v_changed constant text[] := agenda._changed(v_before, v_after);
begin
    if v_changed = '{}' then
        return null;
    end if;
    perform agenda._log_change('preferences.updated', new.user_id, new.user_id, v_before, v_after);
    perform agenda._enter(new.user_id);
    if v_changed && '{due_soon_window,overdue_grace,all_day_time}' then
        -- locked first, as everybody does, so that a task that is being completed gets no timer
        perform agenda._plan_task_timer(t)
           from (select * from agenda.tasks k
                  where k.user_id = new.user_id and k.deleted_at is null and k.due_date is not null
                    and k.status in ('pending', 'in_progress')
                  order by k.id
                    for no key update) t;
    end if;
    if v_changed && '{timezone,overdue_grace,all_day_time}' then
        perform agenda._replan_reminders(new);
    end if;
    if v_changed && '{default_reminders,all_day_time}' then
        perform agenda._make_in_time(s) from agenda.recurring_tasks s where s.user_id = new.user_id and s.is_active and s.deleted_at is null;
    end if;
    if v_changed && '{overdue_repeat,overdue_repeat_max,overdue_grace}' then
        perform agenda._plan_repeats(new);
    end if;
    if v_changed && '{workdays,holiday_calendar}' then
        perform agenda._replan_workdays(new.user_id);
    end if;
    if v_changed && '{timezone}' then
        perform agenda._replan_user(new);
    end if;
    if v_changed && '{timezone,all_day_time}' then
        perform agenda._set_timer(new.user_id, 'preferences', new.user_id, agenda.now() + interval '5 seconds', 'settle');
    end if;
    -- the timer of what is held comes last, as in a round of the scanner, which waits for nothing behind it
    if v_changed && '{timezone,quiet_start,quiet_end,quiet_days,quiet_policy,paused_until,digest_time,digest_days,digest_types}' then
        perform agenda._hold_anew(new);
    end if;
    perform agenda._leave();
    return null;
end
$$;
comment on function agenda._preferences_after() is 'internal: log of preferences; plans anew what depends on them';

-- ---- weekdays, workdays ------------------------------------------------------------------------

create or replace function agenda._weekday(p_day date) returns text
    language sql immutable parallel safe
    return ('{MO,TU,WE,TH,FR,SA,SU}'::text[])[extract(isodow from p_day)::integer];
comment on function agenda._weekday(date) is 'internal: the day''s two letters as in BYDAY';

-- A calendar of the user's own or a shared one; null asks for the one in the preferences, else for the one
-- into which set_holiday() writes.
create or replace function agenda._is_workday(p_user_id uuid, p_day date, p_calendar text default null) returns boolean
    language plpgsql stable as
$$
declare
    p agenda.preferences := agenda._visible_preferences(p_user_id);
begin
    return agenda._weekday(p_day) = any (p.workdays)
       and not exists (select from agenda.holidays h
                        where (h.user_id = p_user_id or h.user_id is null)
                          and h.calendar = coalesce(p_calendar, p.holiday_calendar, 'own') and h.day = p_day);
end
$$;
comment on function agenda._is_workday(uuid, date, text) is 'internal: a day on which the user works: by the weekdays of the preferences, and no holiday';

create or replace function agenda.is_workday(day date, calendar text default null) returns boolean
    language plpgsql stable as
$$
begin
    return agenda._is_workday(agenda._acting_user(), day, calendar);
end
$$;
comment on function agenda.is_workday(date, text) is 'whether the acting user works on this day: preferences.workdays, less the holidays of a calendar (preferences.holiday_calendar, else own)';

create or replace function agenda.set_holiday(day date, calendar text default 'own', label text default null) returns agenda.holidays
    language plpgsql volatile as
$$
declare
    v_row agenda.holidays;
begin
    insert into agenda.holidays (user_id, calendar, day, label)
    values (agenda._acting_user(), set_holiday.calendar, set_holiday.day, set_holiday.label)
    on conflict on constraint holidays_user_id_calendar_day_key do update set label = excluded.label
    returning * into v_row;
    return v_row;
end
$$;
comment on function agenda.set_holiday(date, text, text) is 'a day off in a calendar of the acting user; repeatable';

create or replace function agenda.remove_holiday(day date, calendar text default 'own') returns boolean
    language plpgsql volatile as
$$
begin
    delete from agenda.holidays h
     where h.user_id = agenda._acting_user() and h.calendar = remove_holiday.calendar and h.day = remove_holiday.day;
    return found;
end
$$;
comment on function agenda.remove_holiday(date, text) is 'takes a day off out of a calendar of the acting user; false when it was not there';

-- From, to: both included.
create or replace function agenda.list_holidays(from_day date default null, to_day date default null) returns setof agenda.holidays
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    return query
        select h.* from agenda.holidays h
         where (h.user_id = v_user or h.user_id is null)
           and h.day between coalesce(from_day, '-infinity') and coalesce(to_day, 'infinity')
         order by h.day, h.calendar
         limit 1000;
end
$$;
comment on function agenda.list_holidays(date, date) is 'days off of the acting user''s calendars and of the shared ones, both ends included';
