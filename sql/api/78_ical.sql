-- ---- iCalendar (RFC 5545) ------------------------------------------------------------------------
-- Properties are written here; pg_agenda_ical.so, loaded at the first call, folds the lines and has the time zones
-- from libical.

create or replace function agenda._ical_format(calendar text) returns text
    language c stable strict parallel safe as 'MODULE_PATHNAME', 'agenda_ical_format';
comment on function agenda._ical_format(text) is 'internal: a calendar with its time zones and with folded lines';

create or replace function agenda._ical_text(p_text text) returns text
    language sql immutable parallel safe
    return replace(regexp_replace(regexp_replace(p_text, '[\x01-\x09\x0b-\x1f\x7f]', '', 'g'), '([\\;,])', '\\\1', 'g'), E'\n', '\n');
comment on function agenda._ical_text(text) is 'internal: a value of type TEXT';

-- One property; nothing where there is no value.  Blanks at the end of a line do not survive its readers.
create or replace function agenda._ical_line(p_name text, p_value text) returns text
    language sql immutable parallel safe
    return coalesce(p_name || ':' || nullif(rtrim(p_value), '') || E'\r\n', '');
comment on function agenda._ical_line(text, text) is 'internal: a line of a calendar';

-- A wall-clock time of a zone, or a day.
create or replace function agenda._ical_wall(p_name text, p_wall timestamp, p_zone text, p_date boolean) returns text
    language plpgsql stable as
$$
begin
    if p_date then
        return agenda._ical_line(p_name || ';VALUE=DATE', to_char(p_wall, 'YYYYMMDD'));
    elsif p_zone in ('UTC', 'Etc/UTC') then
        return agenda._ical_line(p_name, to_char(p_wall, 'YYYYMMDD"T"HH24MISS"Z"'));
    end if;
    return agenda._ical_line(format('%s;TZID=%s', p_name, p_zone), to_char(p_wall, 'YYYYMMDD"T"HH24MISS'));
end
$$;
comment on function agenda._ical_wall(text, timestamp, text, boolean) is 'internal: a time with its zone as a line of a calendar';

create or replace function agenda._ical_instant(p_name text, p_at timestamptz) returns text
    language sql stable
    return agenda._ical_line(p_name, to_char(p_at at time zone 'UTC', 'YYYYMMDD"T"HH24MISS"Z"'));
comment on function agenda._ical_instant(text, timestamptz) is 'internal: an instant as a line of a calendar';

create or replace function agenda._ical_alarm(p_trigger text, p_title text) returns text
    language sql immutable parallel safe
    return E'BEGIN:VALARM\r\nACTION:DISPLAY\r\n' || agenda._ical_line('DESCRIPTION', agenda._ical_text(p_title)) || p_trigger || E'END:VALARM\r\n';
comment on function agenda._ical_alarm(text, text) is 'internal: a reminder as part of a calendar';

-- An id is the UID of what was made here.
create or replace function agenda._ical_uid(p_user uuid, p_id uuid) returns text
    language sql stable
    begin atomic
        select coalesce((select u.uid from agenda.ical_uids u where u.user_id = p_user and u.task_id = p_id),
                        (select u.uid from agenda.ical_uids u where u.user_id = p_user and u.recurring_task_id = p_id),
                        p_id::text);
    end;
comment on function agenda._ical_uid(uuid, uuid) is 'internal: the UID of a task or series';

-- Of an occurrence whose series the import did not have.
create or replace function agenda._ical_recurrence_id(p_user uuid, p_task uuid) returns text
    language sql stable
    begin atomic
        select coalesce((select 'RECURRENCE-ID' || u.recurrence_id || E'\r\n' from agenda.ical_uids u
                          where u.user_id = p_user and u.task_id = p_task and u.recurrence_id <> ''), '');
    end;
comment on function agenda._ical_recurrence_id(uuid, uuid) is 'internal: the line that says which occurrence a task is of a series that we do not have';

-- What tasks and series have in common.
create or replace function agenda._ical_common(p_user uuid, p_id uuid, p_title text, p_description text, p_priority smallint, p_tags text[],
                                               p_created timestamptz, p_updated timestamptz) returns text
    language plpgsql stable as
$$
begin
    return agenda._ical_line('UID', agenda._ical_text(agenda._ical_uid(p_user, p_id)))
        || agenda._ical_instant('DTSTAMP', p_updated)
        || agenda._ical_instant('CREATED', p_created)
        || agenda._ical_instant('LAST-MODIFIED', p_updated)
        || agenda._ical_line('SUMMARY', agenda._ical_text(p_title))
        || agenda._ical_line('DESCRIPTION', agenda._ical_text(p_description))
        || agenda._ical_line('PRIORITY', (p_priority * 4 - 3)::text)
        -- a comma separates: libical, which others read with too, takes the backslash away
        || coalesce((select string_agg(agenda._ical_line('CATEGORIES', agenda._ical_text(translate(t, ',', ' '))), '' order by n) from unnest(p_tags) with ordinality x(t, n)), '');
end
$$;
comment on function agenda._ical_common(uuid, uuid, text, text, smallint, text[], timestamptz, timestamptz) is 'internal: properties of any thing of a calendar';

-- The rule with the one end that it has there: COUNT, or the earlier of UNTIL and end_date, an instant as RFC 5545 (section
-- 3.3.10) asks beside a DTSTART with a zone, or a day beside a day.
create or replace function agenda._ical_rule(r agenda.recurring_tasks) returns text
    language plpgsql stable as
$$
declare
    v_zone  constant pg_catalog.text := coalesce(r.timezone, 'UTC');
    v_until constant pg_catalog.text := agenda.rrule_to_json(r.rrule)->>'until';
    v_last  timestamp := case when v_until ~ 'T' then v_until::timestamp else v_until::date + time '23:59:59' end;
begin
    -- what COUNT ends before end_date does needs no other end
    if r.end_date is not null
       and agenda.next_local_occurrence(r.rrule, r.dtstart, agenda.instant_to_local(r.end_date, v_zone)) is not null then
        v_last := agenda.instant_to_local(r.end_date, v_zone);
    end if;
    if v_last is null then
        return r.rrule::text;
    end if;
    -- there is no later key; in another zone there might be no such year
    v_last := least(v_last, '9999-12-29');
    return regexp_replace(regexp_replace(r.rrule::text, ';(UNTIL|COUNT)=[^;]*', ''), '^FREQ=[A-Z]+', '\&;UNTIL='
        || case when r.all_day then to_char(v_last, 'YYYYMMDD')
                else to_char(agenda.local_to_instant(v_last, v_zone) at time zone 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') end);
end
$$;
comment on function agenda._ical_rule(agenda.recurring_tasks) is 'internal: the rule of a series, with its end, as a value of a calendar';

-- Reminders of a series are written where they are elapsed time before or after an occurrence. A day has begun at
-- midnight (RFC 5545), and its owner hears of it at all_day_time.
create or replace function agenda._ical_series(r agenda.recurring_tasks, p_kind text) returns text
    language plpgsql stable as
$$
declare
    v_zone  constant pg_catalog.text := coalesce(r.timezone, 'UTC');
    v_day   constant time := case when r.all_day then (agenda.get_preferences()).all_day_time end;
begin
    return format(E'BEGIN:%s\r\n', p_kind)
        || agenda._ical_common(r.user_id, r.id, r.title, r.description, r.priority, r.tags, r.created_at, r.updated_at)
        || agenda._ical_wall('DTSTART', r.dtstart, v_zone, r.all_day)
        || agenda._ical_line('RRULE', agenda._ical_rule(r))
        || coalesce((select string_agg(agenda._ical_wall(case o.kind when 'skip' then 'EXDATE' else 'RDATE' end, o.occurrence_key, v_zone, r.all_day),
                                       '' order by o.occurrence_key)
                       from agenda.recurrence_overrides o
                      where o.user_id = r.user_id and o.recurring_task_id = r.id and o.kind in ('skip', 'add')), '')
        || coalesce((select string_agg(agenda._ical_alarm(agenda._ical_line('TRIGGER', case when x.seconds < 0 then '-' else '' end || 'PT' || abs(x.seconds) || 'S'),
                                                        r.title), '' order by x.seconds, m.id)
                       from agenda.reminders m
                      cross join lateral (select (extract(epoch from m.offset_by) + case when r.all_day then extract(epoch from coalesce(m.at_time, v_day))
                                                                                    else 0 end)::bigint as seconds) x
                      where m.user_id = r.user_id and m.recurring_task_id = r.id and m.anchor = 'due' and (m.at_time is null or r.all_day)
                        and extract(month from m.offset_by) = 0 and extract(year from m.offset_by) = 0), '')
        || format(E'END:%s\r\n', p_kind);
end
$$;
comment on function agenda._ical_series(agenda.recurring_tasks, text) is 'internal: a series as a component of a calendar';

-- The occurrence of a series is the series' component with a RECURRENCE-ID.
create or replace function agenda._ical_task(t agenda.tasks, r agenda.recurring_tasks, p_kind text, p_zone text) returns text
    language plpgsql stable as
$$
declare
    v_due  constant pg_catalog.text := case p_kind when 'VTODO' then 'DUE' else 'DTSTART' end;
    v_todo constant boolean := p_kind = 'VTODO';
begin
    return format(E'BEGIN:%s\r\n', p_kind)
        || agenda._ical_common(t.user_id, coalesce(r.id, t.id), t.title, t.description, t.priority, t.tags, t.created_at, t.updated_at)
        || case when r.id is null then agenda._ical_recurrence_id(t.user_id, t.id) else agenda._ical_wall('RECURRENCE-ID', t.occurrence_key, coalesce(r.timezone, 'UTC'), r.all_day) end
        || case when t.due_kind = 'instant' then agenda._ical_instant(v_due, t.due_date)
                else agenda._ical_wall(v_due, t.due_local, coalesce(t.timezone, p_zone), t.due_kind = 'date') end
        || case when v_todo then agenda._ical_line('STATUS', case t.status when 'pending' then 'NEEDS-ACTION' when 'in_progress' then 'IN-PROCESS'
                                                                  when 'completed' then 'COMPLETED' else 'CANCELLED' end)
                                 || agenda._ical_instant('COMPLETED', t.completed_at) else '' end
        || coalesce((select string_agg(agenda._ical_alarm(agenda._ical_instant('TRIGGER;VALUE=DATE-TIME', m.fire_at), t.title), '' order by m.fire_at, m.id)
                       from agenda.reminders m
                      where m.user_id = t.user_id and m.task_id = t.id and m.state = 'scheduled' and m.fire_at is not null), '')
        || format(E'END:%s\r\n', p_kind);
end
$$;
comment on function agenda._ical_task(agenda.tasks, agenda.recurring_tasks, text, text) is 'internal: a task as a component of a calendar';

-- A calendar is made in memory, some times over.
create or replace function agenda._check_ical_size(p_user uuid, p_closed boolean) returns void
    language plpgsql stable as
$$
begin
    if (select sum(octet_length(x.description) + octet_length(array_to_string(x.tags, ',')))
          from (select t.description, t.tags from agenda.tasks t where t.user_id = p_user and t.deleted_at is null
                                                                    and (p_closed or agenda._is_open(t.status))
                union all
                select r.description, r.tags from agenda.recurring_tasks r where r.user_id = p_user and r.deleted_at is null and r.is_active) x) > 33554432 then
        raise exception using errcode = '54000', message = 'a calendar can have 32 MB of text';
    end if;
end
$$;
comment on function agenda._check_ical_size(uuid, boolean) is 'internal: raises 54000 for more text than a calendar can have';

create or replace function agenda.export_ical(include_closed boolean default false, as_events boolean default false) returns text
    language plpgsql stable as
$$
declare
    v_user   constant pg_catalog.uuid := agenda._acting_user();
    v_zone   constant pg_catalog.text := agenda._user_zone(v_user);
    v_kind   constant pg_catalog.text := case when as_events then 'VEVENT' else 'VTODO' end;
    v_parts  pg_catalog.text[];
begin
    perform agenda._check_ical_size(v_user, coalesce(include_closed, false));
    select array_agg(x.part order by x.created_at, x.id) into v_parts
      from (select agenda._ical_series(r, v_kind) as part, r.created_at, r.id
              from agenda.recurring_tasks r
             where r.user_id = v_user and r.deleted_at is null and r.is_active
            union all
            select agenda._ical_task(t, r, v_kind, v_zone), t.created_at, t.id
              from agenda.tasks t
              left join agenda.recurring_tasks r on r.user_id = t.user_id and r.id = t.recurring_task_id and r.deleted_at is null and r.is_active
             where t.user_id = v_user and t.deleted_at is null and (coalesce(include_closed, false) or agenda._is_open(t.status))
               and (t.due_date is not null or not coalesce(as_events, false))
             limit 10001) x;
    if cardinality(v_parts) > 10000 then
        raise exception using errcode = '54000', message = 'a calendar can have 10000 tasks and series';
    end if;
    return agenda._ical_format(E'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//pg_agenda//EN\r\n'
                               || coalesce(array_to_string(v_parts, ''), '') || E'END:VCALENDAR\r\n');
end
$$;
comment on function agenda.export_ical(boolean, boolean) is 'the acting user''s series and open tasks as an iCalendar text; include_closed: done ones, too; as_events: VEVENT instead of VTODO, without what is not due';
