-- ---- what an edit of a series has to know ----------------------------------------------------------
-- Where it can be divided and moved, and which rule goes on.

-- Nothing lies before the first occurrence, nor before the start, so that following is all.
create or replace function agenda._divides(r agenda.recurring_tasks, p_key timestamp) returns boolean
    language plpgsql stable as
$$
begin
    return p_key > r.dtstart and agenda._previous_key(r, p_key) is not null;
end
$$;
comment on function agenda._divides(agenda.recurring_tasks, timestamp) is 'internal: the series has occurrences on both sides of this key';

create or replace function agenda._check_moved(r agenda.recurring_tasks, p_start timestamp, p_key timestamp) returns void
    language plpgsql stable as
$$
begin
    if agenda.next_local_occurrence(r.rrule, p_start, p_key - interval '1 microsecond') is distinct from p_key then
        raise exception using errcode = 'YA006',
            message = format('the rule %s has no occurrence at %s', r.rrule, to_char(p_key, 'YYYY-MM-DD"T"HH24:MI:SS')),
            hint = 'Give the rule that the series shall have together with the due date.',
            column = 'due_date';
    end if;
end
$$;
comment on function agenda._check_moved(agenda.recurring_tasks, timestamp, timestamp) is 'internal: raises YA006 when a series cannot be moved to this time';

-- What is over keeps its key, and no other occurrence can have it.
create or replace function agenda._check_free(r agenda.recurring_tasks, p_moved interval) returns void
    language plpgsql stable as
$$
declare
    v_key timestamp;
begin
    select c.occurrence_key into v_key
      from agenda.tasks t
      join agenda.tasks c on c.user_id = t.user_id and c.recurring_task_id = t.recurring_task_id and c.occurrence_key = t.occurrence_key + p_moved
     where t.user_id = r.user_id and t.recurring_task_id = r.id and agenda._is_open(t.status) and not agenda._is_open(c.status)
     limit 1;
    if found then
        raise exception using errcode = 'YA006',
            message = format('the series has had its occurrence of %s', to_char(v_key, 'YYYY-MM-DD"T"HH24:MI:SS')),
            hint = 'Move this occurrence alone (scope this), or give the series another time of day.',
            column = 'due_date';
    end if;
end
$$;
comment on function agenda._check_free(agenda.recurring_tasks, interval) is 'internal: raises YA006 when an open occurrence would get the key of one that is over';

-- A rule that takes its day from the start has to name it when it goes on from a shorter month.
create or replace function agenda._keep_day(p_rule agenda.rrule, p_start timestamp, p_key timestamp) returns agenda.rrule
    language plpgsql immutable as
$$
declare
    v_json constant pg_catalog.jsonb := agenda.rrule_to_json(p_rule);
    v_type constant pg_catalog.text := agenda.recurrence_type(p_rule);
begin
    if v_type not in ('monthly', 'yearly') or extract(day from p_start) = extract(day from p_key)
       or exists (select from jsonb_object_keys(v_json) k where k ~ '^by[A-Z]' and k not in ('byHour', 'byMinute', 'bySecond')) then
        return p_rule;
    end if;
    return agenda.rrule_from_json(v_json || jsonb_build_object('byMonthDay', array[extract(day from p_start)::integer])
        || case when v_type = 'yearly' then jsonb_build_object('byMonth', array[extract(month from p_start)::integer::text]) else '{}' end);
end
$$;
comment on function agenda._keep_day(agenda.rrule, timestamp, timestamp) is 'internal: the rule with the day of its start in it, when it goes on from another day';
