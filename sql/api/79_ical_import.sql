-- ---- iCalendar: import ----------------------------------------------------------------------------
-- libical (pg_agenda_ical.so, loaded at the first call) reads the text; here its components become tasks and series, each in
-- a subtransaction of its own, by the functions that any caller has, with their checks and limits.

create or replace function agenda._ical_read(calendar text) returns jsonb
    language c stable strict parallel safe as 'MODULE_PATHNAME', 'agenda_ical_read_components';
comment on function agenda._ical_read(text) is 'internal: the components of a calendar; YA006 when it is none';

-- A day, a wall-clock time or an instant, as create_task() takes them.
create or replace function agenda._ical_time(p_time jsonb, p_property text) returns text
    language plpgsql immutable as
$$
declare
    v_at constant pg_catalog.text := p_time->>'at';
begin
    if v_at !~ '^\d{8}(T\d{6}Z?)?$' then
        raise exception using errcode = 'YA005', message = format('%s is not a date or time', p_property), column = 'calendar';
    end if;
    return regexp_replace(regexp_replace(v_at, '^(\d{4})(\d\d)(\d\d)', '\1-\2-\3'), 'T(\d\d)(\d\d)(\d\d)', 'T\1:\2:\3');
end
$$;
comment on function agenda._ical_time(jsonb, text) is 'internal: a time of a calendar as text of ISO 8601';

create or replace function agenda._ical_zone(p_time jsonb) returns text
    language plpgsql immutable as
$$
begin
    return case when p_time->>'at' like '%Z' then 'UTC' else p_time->>'zone' end;
end
$$;
comment on function agenda._ical_zone(jsonb) is 'internal: the zone of a time of a calendar, null for the user''s own';

create or replace function agenda._ical_at(p_time jsonb, p_property text) returns timestamptz
    language sql stable
    return agenda._parse_time(agenda._ical_time(p_time, p_property),
                              coalesce(agenda._ical_zone(p_time), agenda._user_zone(agenda._acting_user())), 'calendar');
comment on function agenda._ical_at(jsonb, text) is 'internal: a time of a calendar as an instant';

-- A day among times is the occurrence of that day.
create or replace function agenda._ical_key(r agenda.recurring_tasks, p_time jsonb, p_property text) returns timestamp
    language plpgsql stable as
$$
declare
    v_at   constant pg_catalog.text := agenda._ical_time(p_time, p_property);
    v_zone constant pg_catalog.text := coalesce(agenda._ical_zone(p_time), r.timezone);
    v_key  timestamp := agenda._parse_time(rtrim(v_at, 'Z'), 'UTC', 'calendar') at time zone 'UTC';
begin
    if v_at !~ 'T' then
        return v_key + r.dtstart::time;
    elsif v_zone <> r.timezone then
        v_key := agenda.instant_to_local(agenda._parse_time(v_at, v_zone, 'calendar'), r.timezone);
    end if;
    return case when r.all_day then date_trunc('day', v_key) else v_key end;
end
$$;
comment on function agenda._ical_key(agenda.recurring_tasks, jsonb, text) is 'internal: a time of a calendar as the key of an occurrence';

-- RFC 5545 has 0 for none, 1 to 4 for high, 5 and 6 to 9 for low.
create or replace function agenda._ical_priority(p_component jsonb) returns integer
    language plpgsql immutable as
$$
declare
    v_text constant pg_catalog.text := coalesce(p_component->>'priority', '0');
begin
    if v_text !~ '^[0-9]$' then
        raise exception using errcode = 'YA006', message = 'PRIORITY must be between 0 and 9', column = 'calendar';
    end if;
    return case when v_text = '0' then null when v_text < '5' then 1 when v_text = '5' then 2 else 3 end;
end
$$;
comment on function agenda._ical_priority(jsonb) is 'internal: a priority of a calendar, 1 to 3';

-- As far as a reminder can be from its task.
create or replace function agenda._ical_length(p_value text, p_property text) returns interval
    language plpgsql immutable as
$$
declare
    v_length interval;
begin
    begin
        v_length := ltrim(p_value, '+-')::interval;
    exception when data_exception then
        null;
    end;
    if v_length between '0' and '10 years' is not true then
        raise exception using errcode = 'YA006', message = format('%s must be a time, or at most 10 years', p_property), column = 'calendar';
    end if;
    return case when p_value like '-%' then -v_length else v_length end;
end
$$;
comment on function agenda._ical_length(text, text) is 'internal: a duration of a calendar';

-- Days are days of the wall clock, hours are elapsed time (RFC 5545 section 3.3.6).
create or replace function agenda._ical_later(p_time jsonb, p_length interval) returns jsonb
    language plpgsql stable as
$$
declare
    v_at   constant pg_catalog.text := agenda._ical_time(p_time, 'DTSTART');
    v_zone constant pg_catalog.text := coalesce(agenda._ical_zone(p_time), agenda._user_zone(agenda._acting_user()));
    v_days constant interval := make_interval(days => extract(day from p_length)::integer);
    v_wall timestamp := agenda.instant_to_local(agenda._ical_at(p_time, 'DTSTART'), v_zone);
begin
    v_wall := agenda.instant_to_local(agenda.local_to_instant(v_wall + v_days, v_zone) + (p_length - v_days), v_zone);
    return p_time || jsonb_build_object('at', to_char(v_wall, case when v_at !~ 'T' then 'YYYYMMDD' when v_at ~ 'Z' then 'YYYYMMDD"T"HH24MISS"Z"'
                                                                   else 'YYYYMMDD"T"HH24MISS' end));
end
$$;
comment on function agenda._ical_later(jsonb, interval) is 'internal: a time of a calendar, that much later';

-- DUE or DTEND, or DURATION after DTSTART; an event of a day without either takes that day (RFC 5545 section 3.6.1).
create or replace function agenda._ical_end(p_component jsonb) returns jsonb
    language plpgsql stable as
$$
declare
    v_event  constant boolean := p_component->>'kind' = 'VEVENT';
    v_end    constant pg_catalog.jsonb := p_component->case when v_event then 'dtend' else 'due' end;
    v_start  constant pg_catalog.jsonb := p_component->'dtstart';
    v_length constant pg_catalog.text := coalesce(p_component->>'duration', case when v_event and v_start->>'at' !~ 'T' then 'P1D' end);
begin
    if v_end is not null or v_start is null or v_length is null then
        return v_end;
    elsif v_length like '-%' then
        raise exception using errcode = 'YA006', message = 'DURATION must not be negative', column = 'calendar';
    end if;
    return agenda._ical_later(v_start, agenda._ical_length(v_length, 'DURATION'));
end
$$;
comment on function agenda._ical_end(jsonb) is 'internal: when a component is over, null where it does not say';

-- A trigger is of the start, with RELATED=END of the end (RFC 5545 section 3.8.6.3); a reminder is of what is due.
-- That of a day is counted from midnight, and not from the time at which its owner wants to hear of a day.
create or replace function agenda._ical_reminder(p_component jsonb, p_alarm jsonb, p_due_at_end boolean) returns jsonb
    language plpgsql stable
    -- offsets of reminders are text
    set intervalstyle = 'postgres' as
$$
declare
    v_start  constant pg_catalog.jsonb := p_component->'dtstart';
    v_end    constant pg_catalog.jsonb := agenda._ical_end(p_component);
    v_at_end constant boolean := coalesce(upper(p_alarm->>'related') = 'END', false);
    v_offset interval;
    v_length interval := '0'; -- from where the alarm counts to what is due
begin
    if p_alarm->>'at' !~ '^[+-]?P' then
        return jsonb_build_object('at', agenda._ical_time(p_alarm, 'TRIGGER'));
    end if;
    v_offset := agenda._ical_length(p_alarm->>'at', 'TRIGGER');
    if v_at_end <> p_due_at_end and v_start->>'at' !~ 'T' and v_end->>'at' !~ 'T' then
        v_length := make_interval(days => agenda._ical_time(v_end, 'the end')::date - agenda._ical_time(v_start, 'DTSTART')::date);
    elsif v_at_end <> p_due_at_end and v_start is not null and v_end is not null then
        v_length := make_interval(secs => extract(epoch from agenda._ical_at(v_end, 'the end') - agenda._ical_at(v_start, 'DTSTART')));
    end if;
    v_offset := case when v_at_end then v_offset + v_length else v_offset - v_length end;
    if coalesce(case when p_due_at_end then v_end end, v_start, v_end)->>'at' ~ 'T' then
        return jsonb_build_object('offset', v_offset::text);
    end if;
    return jsonb_build_object('offset', floor(extract(epoch from v_offset) / 86400) || ' days', 'at_time', (time '00:00' + v_offset)::text);
end
$$;
comment on function agenda._ical_reminder(jsonb, jsonb, boolean) is 'internal: an alarm as add_reminder() takes it; whether the component is due at its end';

create or replace function agenda._ical_tags(p_component jsonb) returns text[]
    language plpgsql immutable as
$$
begin
    return array(select x.tag from jsonb_array_elements_text(p_component->'tags') with ordinality x(tag, n)
                  group by x.tag order by min(x.n));
end
$$;
comment on function agenda._ical_tags(jsonb) is 'internal: the categories of a component, each once';

-- Alarms that are over have rung elsewhere.
create or replace function agenda._import_ical_alarms(t agenda.tasks, p_alarms jsonb) returns void
    language plpgsql volatile as
$$
declare
    v_alarm pg_catalog.jsonb;
    r       agenda.reminders;
begin
    for v_alarm in select a from jsonb_array_elements(p_alarms) a loop
        r := agenda._reminder_of(v_alarm, coalesce(t.timezone, agenda._user_zone(t.user_id)), t.timezone);
        if agenda._reminder_at(r, t, agenda.get_preferences()) > agenda.now() then
            perform agenda._write_reminder(t, r);
        end if;
    end loop;
end
$$;
comment on function agenda._import_ical_alarms(agenda.tasks, jsonb) is 'internal: alarms, as add_reminder() takes them, as reminders of a task';

create or replace function agenda._ical_completed(p_component jsonb) returns timestamptz
    language plpgsql stable as
$$
begin
    return coalesce(agenda._parse_time(agenda._ical_time(p_component->'completed', 'COMPLETED'), 'UTC', 'calendar'), agenda.now());
end
$$;
comment on function agenda._ical_completed(jsonb) is 'internal: when a component was done, now where it does not say';

-- With the owner's rights: when something was done is nobody's to write.
create or replace function agenda._complete_at(p_id uuid, p_at timestamptz) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
begin
    update agenda.tasks t set status = 'completed', completed_at = least(p_at, agenda.now())
     where t.user_id = agenda._acting_user() and t.id = p_id and agenda._is_open(t.status);
end
$$;
comment on function agenda._complete_at(uuid, timestamptz) is 'internal: completes a task of the acting user as of an earlier time';

create or replace function agenda._import_ical_task(p_component jsonb, p_due jsonb) returns uuid
    language plpgsql volatile as
$$
declare
    v_due constant pg_catalog.text := agenda._ical_time(p_due, 'the due date');
    t     agenda.tasks;
begin
    t := agenda.create_task(p_component->>'summary', v_due, p_component->>'description', agenda._ical_priority(p_component),
                            timezone => case when v_due !~ 'Z' then agenda._ical_zone(p_due) end,
                            tags => agenda._ical_tags(p_component),
                            -- who brings alarms needs no default ones
                            reminders => case when p_component->'alarms' <> '[]' then '[]'::jsonb end);
    perform agenda._import_ical_alarms(t, (select jsonb_agg(agenda._ical_reminder(p_component, a.v, p_component->>'kind' = 'VTODO') order by a.n)
                                             from jsonb_array_elements(p_component->'alarms') with ordinality a(v, n)));
    if p_component ? 'uid' then
        perform agenda._ical_note(p_component, t.id, null);
    end if;
    case p_component->>'status'
        when 'COMPLETED' then perform agenda._complete_at(t.id, agenda._ical_completed(p_component));
        when 'CANCELLED' then perform agenda.cancel_task(t.id);
        when 'IN-PROCESS' then perform agenda.update_task(t.id, '{"status": "in_progress"}');
        else null;
    end case;
    return t.id;
end
$$;
comment on function agenda._import_ical_task(jsonb, jsonb) is 'internal: makes a task of a component';

-- As a series with the policy fixed begins that was made active: with the newest occurrence that it owes.
create or replace function agenda._start_ical_series(r agenda.recurring_tasks, p_alarms jsonb) returns void
    language plpgsql volatile as
$$
declare
    v_owed timestamp;
    t      agenda.tasks;
begin
    if r.next_key is null then
        return;
    end if;
    v_owed := agenda._previous_key(r, agenda.instant_to_local(agenda.now(), r.timezone) + interval '1 microsecond');
    if v_owed is not null then
        t := agenda._make_occurrence(r.id, v_owed, 'schedule');
        perform agenda._import_ical_alarms(t, p_alarms);
    end if;
    perform agenda.update_recurring_task(r.id, '{"is_active": true}');
end
$$;
comment on function agenda._start_ical_series(agenda.recurring_tasks, jsonb) is 'internal: a series that was made paused goes on';

-- A series that has more than a rule is made paused: what it owes it owes without what was left out, and not at all
-- where it is over.
create or replace function agenda._import_ical_series(p_component jsonb, p_start jsonb) returns uuid
    language plpgsql volatile as
$$
declare
    v_plain  constant boolean := (p_component->'exdates', p_component->'rdates', p_component->'alarms') = ('[]', '[]', '[]');
    v_over   constant boolean := coalesce(p_component->>'status' in ('COMPLETED', 'CANCELLED'), false);
    v_alarms constant pg_catalog.jsonb := coalesce((select jsonb_agg(agenda._ical_reminder(p_component, a.v, false) order by a.n)
        from jsonb_array_elements(p_component->'alarms') with ordinality a(v, n) where a.v->>'at' ~ '^[+-]?P'), '[]');
    v_time   pg_catalog.jsonb;
    v_key    timestamp;
    r        agenda.recurring_tasks;
begin
    if p_start is null then
        raise exception using errcode = 'YA006', message = 'a rule needs DTSTART', column = 'calendar';
    end if;
    r := agenda.create_recurring_task(p_component->>'summary', start_date => agenda._ical_time(p_start, 'DTSTART'),
                                      description => p_component->>'description', priority => agenda._ical_priority(p_component),
                                      rrule => p_component->>'rrule', timezone => agenda._ical_zone(p_start),
                                      tags => agenda._ical_tags(p_component),
                                      options => jsonb_build_object('is_active', v_plain and not v_over, 'reminders', '[]'::jsonb));
    for v_time in select d from jsonb_array_elements(p_component->'exdates') d loop
        v_key := agenda._ical_key(r, v_time, 'EXDATE');
        -- what the rule does not have need not be left out
        if agenda.next_local_occurrence(r.rrule, r.dtstart, v_key - interval '1 microsecond') = v_key then
            perform agenda._write_override(r.id, v_key, 'skip', null, null);
        end if;
    end loop;
    for v_time in select d from jsonb_array_elements(p_component->'rdates') d loop
        v_key := agenda._ical_key(r, v_time, 'RDATE');
        if v_over then
            perform agenda._write_override(r.id, v_key, 'add', null, null);
        else
            perform agenda.add_occurrence(r.id, v_key);
        end if;
    end loop;
    if p_component ? 'uid' then
        perform agenda._ical_note(p_component, null, r.id);
    end if;
    if v_over then
        perform agenda.update_recurring_task(r.id, '{"is_active": false}');
    elsif not v_plain then
        perform agenda._start_ical_series(agenda.get_recurring_task(r.id), v_alarms);
    end if;
    if v_alarms <> '[]' then
        perform agenda.set_series_reminders(r.id, v_alarms);
    end if;
    return r.id;
end
$$;
comment on function agenda._import_ical_series(jsonb, jsonb) is 'internal: makes a series of a component';

-- A component with a RECURRENCE-ID: what is other than in its series.
create or replace function agenda._import_ical_occurrence(p_series uuid, p_component jsonb, p_due jsonb) returns uuid
    language plpgsql volatile as
$$
declare
    r       constant agenda.recurring_tasks := agenda.get_recurring_task(p_series);
    v_key   constant timestamp := agenda._ical_key(r, p_component->'recurrence_id', 'RECURRENCE-ID');
    v_due   constant timestamp := agenda._ical_key(r, p_due, 'the due date');
    v_patch pg_catalog.jsonb := '{}';
begin
    if p_component->>'summary' <> r.title then
        v_patch := v_patch || jsonb_build_object('title', p_component->'summary');
    end if;
    if p_component->>'description' <> coalesce(r.description, '') then
        v_patch := v_patch || jsonb_build_object('description', p_component->'description');
    end if;
    if agenda._ical_priority(p_component) <> r.priority then
        v_patch := v_patch || jsonb_build_object('priority', agenda._ical_priority(p_component));
    end if;
    if v_due <> v_key then
        v_patch := v_patch || jsonb_build_object('due_date',
            to_char(agenda.local_to_instant(v_due, r.timezone) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
    end if;
    if v_patch <> '{}' then
        perform agenda.patch_occurrence(r.id, v_key, v_patch);
    end if;
    case p_component->>'status'
        when 'COMPLETED' then perform agenda._complete_at((agenda._make_occurrence(r.id, v_key, 'manual')).id, agenda._ical_completed(p_component));
        when 'CANCELLED' then perform agenda.skip_occurrence(r.id, v_key);
        else null;
    end case;
    return r.id;
end
$$;
comment on function agenda._import_ical_occurrence(uuid, jsonb, jsonb) is 'internal: changes the occurrence of a series that a component is about';

-- What follows the name of the property; empty for what is no occurrence.
create or replace function agenda._ical_recurrence(p_component jsonb) returns text
    language plpgsql immutable as
$$
declare
    v_at constant pg_catalog.text := p_component->'recurrence_id'->>'at';
begin
    return coalesce(case when v_at !~ 'T' then ';VALUE=DATE:' else coalesce(';TZID=' || (p_component->'recurrence_id'->>'zone'), '') || ':' end || v_at, '');
end
$$;
comment on function agenda._ical_recurrence(jsonb) is 'internal: which occurrence of its UID a component is';

-- By the UID that an import has noted, or by the id that is the UID of what was made here.
create or replace function agenda._ical_known(p_user uuid, p_component jsonb) returns uuid
    language plpgsql stable as
$$
declare
    v_uid constant pg_catalog.text := p_component->>'uid';
    v_id  pg_catalog.uuid := (select coalesce(u.task_id, u.recurring_task_id)
                     from agenda.ical_uids u
                    where u.user_id = p_user and u.uid = v_uid and u.recurrence_id in ('', agenda._ical_recurrence(p_component))
                    order by u.recurrence_id limit 1);
begin
    if v_id is null and v_uid ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        v_id := v_uid::uuid;
    end if;
    return (select t.id from agenda.tasks t where t.user_id = p_user and t.id = v_id and t.deleted_at is null
            union all
            select r.id from agenda.recurring_tasks r where r.user_id = p_user and r.id = v_id and r.deleted_at is null
            limit 1);
end
$$;
comment on function agenda._ical_known(uuid, jsonb) is 'internal: the task or series of a user that a component is about';

-- With the owner's rights.  What had the UID before was deleted.
create or replace function agenda._ical_note(p_component jsonb, p_task uuid, p_series uuid) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_uid        constant text := p_component->>'uid';
    v_recurrence constant jsonb := p_component->'recurrence_id';
begin
    if octet_length(v_uid) > 1000 then
        raise exception using errcode = 'YA006', message = 'the UID is longer than 1000 bytes', column = 'calendar';
    elsif v_recurrence is not null then
        -- it is written as it came
        perform agenda._parse_time(agenda._ical_time(v_recurrence, 'RECURRENCE-ID'), coalesce(agenda._ical_zone(v_recurrence), 'UTC'), 'calendar');
    end if;
    insert into agenda.ical_uids (user_id, uid, recurrence_id, task_id, recurring_task_id)
    values (agenda._acting_user(), v_uid, agenda._ical_recurrence(p_component), p_task, p_series)
    on conflict (user_id, uid, recurrence_id) do update set task_id = excluded.task_id, recurring_task_id = excluded.recurring_task_id;
end
$$;
comment on function agenda._ical_note(jsonb, uuid, uuid) is 'internal: the UID of a task or a series of the acting user';

-- With the owner's rights.  An occurrence that came before its series is one of the series from then on; what the
-- series has just made in its place goes.
create or replace function agenda._ical_join(p_series uuid, p_uid text, p_key timestamp default null) returns boolean
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_user   constant uuid := agenda._acting_user();
    r        constant agenda.recurring_tasks := agenda.get_recurring_task(p_series);
    v_joined boolean := false;
    v_key    timestamp;
    u        agenda.ical_uids;
begin
    for u in
        select o.* from agenda.ical_uids o join agenda.tasks t on t.user_id = o.user_id and t.id = o.task_id
         where o.user_id = v_user and o.uid = p_uid and o.recurrence_id <> ''
           and t.deleted_at is null and t.recurring_task_id is null
         order by t.id
           for update of t
    loop
        v_key := agenda._ical_key(r, jsonb_build_object('at', substring(u.recurrence_id from '[^:]*$'),
                                                        'zone', substring(u.recurrence_id from '^;TZID=(.*):')), 'RECURRENCE-ID');
        continue when v_key <> p_key;
        delete from agenda.tasks k where k.user_id = v_user and k.recurring_task_id = r.id and k.occurrence_key = v_key;
        update agenda.tasks t set recurring_task_id = r.id, occurrence_key = v_key where t.user_id = v_user and t.id = u.task_id;
        delete from agenda.ical_uids o where o.user_id = v_user and o.task_id = u.task_id;
        v_joined := true;
    end loop;
    return v_joined;
end
$$;
comment on function agenda._ical_join(uuid, text, timestamp) is 'internal: makes tasks that came without their series occurrences of it, of one key or all; false where there is none';

create or replace function agenda._import_ical_component(p_component jsonb, p_series uuid) returns uuid
    language plpgsql volatile as
$$
declare
    v_start constant pg_catalog.jsonb := p_component->'dtstart';
begin
    if p_component ? 'problem' then
        raise exception using errcode = 'YA006', message = p_component->>'problem', column = 'calendar';
    elsif p_component->'recurrence_id' ? 'range' then
        raise exception using errcode = 'YA006', message = 'RECURRENCE-ID with RANGE is not supported', column = 'calendar';
    elsif not p_component ? 'summary' and (p_series is null or not p_component ? 'recurrence_id') then
        raise exception using errcode = 'YA006', message = 'the component has no SUMMARY', column = 'calendar';
    elsif p_component ? 'recurrence_id' and p_series is not null then
        return case when agenda._ical_join(p_series, p_component->>'uid', agenda._ical_key(agenda.get_recurring_task(p_series),
                                           p_component->'recurrence_id', 'RECURRENCE-ID')) then p_series
                    -- as the occurrences of the series: due when they begin
                    else agenda._import_ical_occurrence(p_series, p_component, coalesce(v_start, p_component->'due')) end;
    elsif p_component ? 'rrule' and not p_component ? 'recurrence_id' then
        return agenda._import_ical_series(p_component, coalesce(v_start, p_component->'due'));
    end if;
    return agenda._import_ical_task(p_component, case p_component->>'kind' when 'VTODO' then coalesce(agenda._ical_end(p_component), v_start) else v_start end);
end
$$;
comment on function agenda._import_ical_component(jsonb, uuid) is 'internal: a task, a series or a changed occurrence of one, whose id is given';

-- As the gateway explains it (gw_rules()).
create or replace function agenda._check_comment(p_name text) returns text
    language sql stable
    return (select obj_description(c.oid, 'pg_constraint') from pg_catalog.pg_constraint c
             where c.connamespace = 'agenda'::regnamespace and c.contype = 'c' and c.conname = p_name);
comment on function agenda._check_comment(text) is 'internal: what a CHECK asks for';

create or replace function agenda.import_ical(calendar text, out component integer, out uid text, out kind text, out id uuid, out problem text)
    returns setof record
    language plpgsql volatile as
$$
declare
    v_user       constant pg_catalog.uuid := agenda._acting_user();
    v_components pg_catalog.jsonb;
    v_component  pg_catalog.jsonb;
    v_series     pg_catalog.uuid;
    v_series_uid pg_catalog.text;
    v_made       pg_catalog.uuid[] := '{}';
    v_made_uids  pg_catalog.text[] := '{}';
    v_check      pg_catalog.text;
    v_column     pg_catalog.text;
    v_detail     pg_catalog.text;
begin
    if calendar is null or octet_length(calendar) > 1048576 then
        raise exception using errcode = 'YA006', message = 'a calendar of at most 1 MB is needed', column = 'calendar';
    end if;
    v_components := agenda._ical_read(calendar);
    if jsonb_array_length(v_components) > 10000 then
        raise exception using errcode = 'YA006', message = 'a calendar can have 10000 components', column = 'calendar';
    end if;
    -- two at a time would not see what the other has made of a UID
    perform pg_advisory_xact_lock(hashtextextended(v_user::text, 21));
    -- a series before the occurrences that are of its UID
    for v_component, component in
        select x.c, x.n
          from (select e.c, e.n, min(e.n) over (partition by coalesce(e.c->>'uid', e.n::text)) as first
                  from jsonb_array_elements(v_components) with ordinality e(c, n)) x
         order by x.first, x.c ? 'recurrence_id', x.n
    loop
        uid := v_component->>'uid';
        kind := v_component->>'kind';
        problem := null;
        -- an occurrence of what has just been made is no repetition
        id := case when v_series is null or not v_component ? 'recurrence_id' or v_series_uid is distinct from uid
                   then agenda._ical_known(v_user, v_component) end;
        if id is not null then
            problem := 'exists';
            return next;
            continue;
        end if;
        if v_component ? 'rrule' and not v_component ? 'recurrence_id' then
            v_series_uid := uid;
            v_series := null;
        elsif v_component ? 'recurrence_id' and v_series_uid = uid and v_series is null then
            problem := 'YA001: its series was left out';
            return next;
            continue;
        end if;
        begin
            id := agenda._import_ical_component(v_component, case when v_series_uid = uid then v_series end);
            if v_component ? 'rrule' and not v_component ? 'recurrence_id' then
                v_series := id;
                v_made := v_made || id;
                v_made_uids := v_made_uids || uid;
            end if;
        exception when others then
            -- what is wrong with this component; anything else is wrong with all
            if sqlstate !~ '^(YA00[1-7]|22|23)' then
                raise;
            end if;
            id := null;
            get stacked diagnostics v_check = constraint_name, v_column = column_name, v_detail = pg_exception_detail;
            -- of a task the detail says it, by the column
            problem := sqlstate || ': ' || coalesce(agenda._check_comment(v_check), case when sqlstate = '23514' and v_column <> '' then v_detail end, sqlerrm);
        end;
        return next;
    end loop;
    -- occurrences that the text of their series does not have
    perform agenda._ical_join(m.id, m.uid) from unnest(v_made, v_made_uids) m (id, uid) where m.uid is not null;
end
$$;
comment on function agenda.import_ical(text)
    is 'makes tasks and series of the acting user from the VTODO and VEVENT of an iCalendar text; a row for each: its number in the text, UID, id of the task or series, problem (exists, or why it was left out)';
