-- ---- reading members of a patch ----------------------------------------------------------------
-- A value of the wrong kind is an error that names its member, not a cast that fails somewhere.

create or replace function agenda._wrong_member(p_patch jsonb, p_member text, p_wanted text) returns void
    language c immutable parallel safe as 'MODULE_PATHNAME', 'agenda_wrong_member';
comment on function agenda._wrong_member(jsonb, text, text) is 'internal: raises YA006 for a member of the wrong kind';

create or replace function agenda._check_object(p_patch jsonb) returns void
    language plpgsql immutable as
$$
begin
    if jsonb_typeof(p_patch) is distinct from 'object' then
        raise exception using errcode = 'YA006', message = 'an object with the members to change is needed';
    end if;
end
$$;
comment on function agenda._check_object(jsonb) is 'internal: raises YA006 for anything but an object';

-- A name that nobody reads is a misspelt one, which would go unnoticed.
create or replace function agenda._check_members(p_patch jsonb, p_known text[]) returns void
    language plpgsql immutable as
$$
declare
    v_none   pg_catalog.text;
    v_member pg_catalog.text;
begin
    v_none := agenda._check_object(p_patch);
    if p_patch - p_known <> '{}' then
        v_member := (select min(k) from jsonb_object_keys(p_patch - p_known) k);
        raise exception using errcode = 'YA006',
            message = format('there is no member "%s"', left(v_member, 100)),
            hint = format('Known are %s.', array_to_string(p_known, ', ')),
            column = left(v_member, 63);
    end if;
end
$$;
comment on function agenda._check_members(jsonb, text[]) is 'internal: raises YA006 for anything but an object with members that are known';

-- What a task may be given, and what is read of it and may be sent back; likewise a series.
create or replace function agenda._task_members() returns text[]
    language plpgsql immutable as
$$
begin
    return '{title,description,status,priority,due_date,timezone,recurrence_rule,tags,checklist,reminders,
             id,user_id,due_state,due_kind,recurring_task_id,parent_task_id,notified,last_reminder_sent,completed_at,
             version,created_at,updated_at}';
end
$$;
comment on function agenda._task_members() is 'internal: the members of a task';

create or replace function agenda._series_members() returns text[]
    language plpgsql immutable as
$$
begin
    return '{title,description,priority,recurrence_type,recurrence_interval,rrule,start_date,end_date,timezone,policy,basis,spawn,
             overlap,missed,catchup_window,lead_time,all_day,invalid_day,dst_gap,dst_fold,business_shift,holiday_calendar,
             tags,checklist,is_active,reminders,
             id,user_id,floating,split_from,resume_at,recurrence_text,next_due_at,last_created_at,occurrences_created,
             missed_count,overlap_count,version,created_at,updated_at}';
end
$$;
comment on function agenda._series_members() is 'internal: the members of a series';

create or replace function agenda._text(p_patch jsonb, p_member text) returns text
    language c immutable parallel safe as 'MODULE_PATHNAME', 'agenda_member_text';
comment on function agenda._text(jsonb, text) is 'internal: a text member, null where absent';

create or replace function agenda._integer(p_patch jsonb, p_member text) returns integer
    language c immutable parallel safe as 'MODULE_PATHNAME', 'agenda_member_integer';
comment on function agenda._integer(jsonb, text) is 'internal: an integer member, null where absent';

create or replace function agenda._smallint(p_patch jsonb, p_member text) returns smallint
    language c immutable parallel safe as 'MODULE_PATHNAME', 'agenda_member_smallint';
comment on function agenda._smallint(jsonb, text) is 'internal: a small integer member, null where absent';

create or replace function agenda._boolean(p_patch jsonb, p_member text) returns boolean
    language c immutable parallel safe as 'MODULE_PATHNAME', 'agenda_member_boolean';
comment on function agenda._boolean(jsonb, text) is 'internal: a boolean member, null where absent';

create or replace function agenda._uuid(p_patch jsonb, p_member text) returns uuid
    language plpgsql immutable as
$$
begin
    return (p_patch->>p_member)::uuid;
exception when invalid_text_representation then
    perform agenda._wrong_member(p_patch, p_member, 'a uuid');
end
$$;
comment on function agenda._uuid(jsonb, text) is 'internal: a uuid member, null where absent';

create or replace function agenda._check_page(p_page integer, p_page_size integer) returns void
    language plpgsql immutable as
$$
begin
    if coalesce(p_page, 0) < 1 then
        raise exception using errcode = 'YA006', message = 'page must be at least 1', column = 'page';
    end if;
    if coalesce(p_page_size, 0) not between 1 and 100 then
        raise exception using errcode = 'YA006', message = 'page_size must be between 1 and 100', column = 'page_size';
    end if;
end
$$;
comment on function agenda._check_page(integer, integer) is 'internal: limits of paged lists';

-- Members whose value differs between two images of one thing; everything when one is missing.
create or replace function agenda._changed(p_before jsonb, p_after jsonb) returns text[]
    language sql immutable parallel safe
    begin atomic
        select coalesce(array_agg(a.key order by a.key), '{}')
          from jsonb_each(p_after) a
         where a.value is distinct from p_before->a.key;
    end;
comment on function agenda._changed(jsonb, jsonb) is 'internal: names of the members that differ';

create or replace function agenda._is_open(p_status text) returns boolean
    language sql immutable parallel safe
    return p_status in ('pending', 'in_progress');
comment on function agenda._is_open(text) is 'internal: the task is still to be done';

-- ---- rows of agenda.tasks in C (extension/task_*.c) ---------------------------------------------

-- What a user has changed, as against what the engine keeps on the row: only this is an event, and counts
-- as a version.  Which series a task belongs to is bookkeeping.
create or replace function agenda._task_differs(b agenda.tasks, a agenda.tasks) returns boolean
    language c immutable parallel safe as 'MODULE_PATHNAME', 'agenda_task_differs_sql';
comment on function agenda._task_differs(agenda.tasks, agenda.tasks) is 'internal: a user''s column of the task has changed';

create or replace function agenda._fire_at(p_what text, t agenda.tasks, p agenda.preferences) returns timestamptz
    language c stable parallel safe as 'MODULE_PATHNAME', 'agenda_fire_at';
comment on function agenda._fire_at(text, agenda.tasks, agenda.preferences) is 'internal: the instant at which a task is announced as due_soon, due or overdue';

create or replace function agenda._due_state(t agenda.tasks, p_now timestamptz, p agenda.preferences) returns text
    language c stable parallel safe as 'MODULE_PATHNAME', 'agenda_due_state';
comment on function agenda._due_state(agenda.tasks, timestamptz, agenda.preferences) is 'internal: due_state() with its inputs given';

create or replace function agenda._task_text(t agenda.tasks, p_now timestamptz, p agenda.preferences) returns text
    language c stable parallel safe as 'MODULE_PATHNAME', 'agenda_task_json_text';
comment on function agenda._task_text(agenda.tasks, timestamptz, agenda.preferences) is 'internal: task_json() as text';

create or replace function agenda._task_image(t agenda.tasks) returns jsonb
    language c stable parallel safe as 'MODULE_PATHNAME', 'agenda_task_image';
comment on function agenda._task_image(agenda.tasks) is 'internal: a task as events show it';

create or replace function agenda._task_body(t agenda.tasks) returns text
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_task_body';
comment on function agenda._task_body(agenda.tasks) is 'engine: task_json() as text, with the owner''s preferences whoever asks';
