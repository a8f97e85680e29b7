-- ---- what a series means: policies, keys, due times --------------------------------------------
-- A key is a wall-clock time that the rule yields.  It never moves; what becomes of it (the workday
-- that it is moved to, the instant that the zone makes of it) is computed from it each time.

-- The seven presets, as basis, spawn, overlap, missed.
create or replace function agenda._policy(p_policy text, p_axis text) returns text
    language plpgsql immutable as
$$
declare
    v_axes constant pg_catalog.text := case coalesce(p_policy, 'fixed')
        when 'fixed'            then 'due schedule allow latest'
        when 'must_do'          then 'due schedule allow all'
        when 'on_completion'    then 'due completion hold skip'
        when 'chain'            then 'due completion hold all'
        when 'after_completion' then 'completion completion hold skip'
        when 'habit'            then 'due schedule supersede latest'
        when 'sequential'       then 'due either hold latest'
    end;
begin
    if v_axes is null then
        raise exception using errcode = 'YA006',
            message = format('policy "%s" is not known', left(p_policy, 100)),
            hint = 'Use fixed, must_do, on_completion, chain, after_completion, habit or sequential.',
            column = 'policy';
    end if;
    return split_part(v_axes, ' ', array_position('{basis,spawn,overlap,missed}', p_axis));
end
$$;
comment on function agenda._policy(text, text) is 'internal: what a preset says on one axis';

create or replace function agenda._policy_name(r agenda.recurring_tasks) returns text
    language plpgsql immutable as
$$
begin
    return case concat_ws(' ', r.basis, r.spawn, r.overlap, r.missed)
        when 'due schedule allow latest'       then 'fixed'
        when 'due schedule allow all'          then 'must_do'
        when 'due completion hold skip'        then 'on_completion'
        when 'due completion hold all'         then 'chain'
        when 'completion completion hold skip' then 'after_completion'
        when 'due schedule supersede latest'   then 'habit'
        when 'due either hold latest'          then 'sequential'
        else 'custom'
    end;
end
$$;
comment on function agenda._policy_name(agenda.recurring_tasks) is 'internal: the preset of a series, or custom';

create or replace function agenda._check_word(p_value text, p_words text[], p_column text) returns void
    language plpgsql immutable as
$$
begin
    if p_value is null or p_value <> all (p_words) then
        raise exception using errcode = 'YA006',
            message = format('%s cannot be "%s"', p_column, left(p_value, 100)),
            hint = format('Use one of %s.', array_to_string(p_words, ', ')),
            column = p_column;
    end if;
end
$$;
comment on function agenda._check_word(text, text[], text) is 'internal: raises YA006 for a word that is not in the list';

create or replace function agenda._contradiction(p_message text, p_hint text, p_column text) returns void
    language plpgsql immutable as
$$
begin
    raise exception using errcode = 'YA006', message = p_message, hint = p_hint, column = p_column;
end
$$;
comment on function agenda._contradiction(text, text, text) is 'internal: raises YA006 for policies that cannot go together';

-- Which policies go together.  Whoever adds a preset sees here whether it can mean something.
create or replace function agenda._check_policies(r agenda.recurring_tasks) returns void
    language plpgsql immutable as
$$
begin
    perform agenda._check_word(r.basis, '{due,completion}', 'basis');
    perform agenda._check_word(r.spawn, '{schedule,completion,either}', 'spawn');
    perform agenda._check_word(r.overlap, '{allow,hold,supersede}', 'overlap');
    perform agenda._check_word(r.missed, '{all,latest,skip}', 'missed');
    perform agenda._check_word(r.dst_gap, '{shift,skip}', 'dst_gap');
    perform agenda._check_word(r.dst_fold, '{first,second}', 'dst_fold');
    perform agenda._check_word(r.business_shift, '{none,previous,next,nearest,skip}', 'business_shift');
    if r.spawn <> 'schedule' and r.overlap <> 'hold' then
        perform agenda._contradiction(format('spawn %s leaves one open occurrence at a time, overlap %s asks for more', r.spawn, r.overlap),
                                      'Use overlap hold.', 'overlap');
    elsif r.basis = 'completion' and r.overlap <> 'hold' then
        perform agenda._contradiction('what is computed from completion waits for it', 'Use overlap hold.', 'overlap');
    elsif r.basis = 'completion' and r.missed = 'all' then
        perform agenda._contradiction('of what is computed from completion only one can be owed', 'Use missed latest or skip.', 'missed');
    elsif r.overlap = 'supersede' and r.missed = 'all' then
        perform agenda._contradiction('only one occurrence can supersede the others', 'Use missed latest or skip.', 'missed');
    elsif not r.lead_time between '0' and '366 days' then
        perform agenda._contradiction('lead_time must be between 0 and 366 days', 'Give a length of time, as in 2 days.', 'lead_time');
    elsif not r.catchup_window between '0' and '36600 days' then
        perform agenda._contradiction('catchup_window must be between 0 and 36600 days', 'Null is no limit.', 'catchup_window');
    elsif r.all_day and (agenda.recurrence_type(r.rrule) in ('hourly', 'minutely', 'secondly')
                         or agenda.rrule_to_json(r.rrule) ?| '{byHour,byMinute,bySecond}') then
        perform agenda._contradiction('the rule has times of day, the series has whole days', 'Give start_date with a time.', 'rrule');
    end if;
end
$$;
comment on function agenda._check_policies(agenda.recurring_tasks) is 'internal: raises YA006 for policies that are unknown or contradict each other';

-- ---- the rule ----------------------------------------------------------------------------------

create or replace function agenda._with_skip(p_rule agenda.rrule, p_invalid_day text) returns agenda.rrule
    language plpgsql immutable as
$$
begin
    -- days and weeks lack no day
    if p_invalid_day is null or agenda.recurrence_type(p_rule) not in ('monthly', 'yearly') then
        return p_rule;
    end if;
    return agenda.rrule_from_json(agenda.rrule_to_json(p_rule) || jsonb_build_object('skip', p_invalid_day));
end
$$;
comment on function agenda._with_skip(agenda.rrule, text) is 'internal: the rule with another SKIP';

create or replace function agenda._skip_of(p_rule agenda.rrule) returns text
    language plpgsql immutable as
$$
begin
    return coalesce(agenda.rrule_to_json(p_rule)->>'skip', 'omit');
end
$$;
comment on function agenda._skip_of(agenda.rrule) is 'internal: omit, backward or forward';

-- Keys are wall-clock times, and so is the end of their rule: a UNTIL that is an instant (RFC 5545 section 3.3.10) is
-- written as what the clock of the series shows then.  Of whole days it is the day that it names.
create or replace function agenda._local_until(p_rule agenda.rrule, p_zone text) returns agenda.rrule
    language plpgsql stable as
$$
declare
    v_until timestamp;
begin
    if p_rule::text !~ 'UNTIL=[0-9T]+Z' then
        return p_rule;
    end if;
    v_until := (agenda.rrule_to_json(p_rule)->>'until')::timestamp;
    -- beyond that there is neither a due date nor a zone
    if v_until between '0001-01-03' and '9999-12-29' then
        v_until := agenda.instant_to_local(v_until at time zone 'UTC', p_zone);
    end if;
    return agenda.rrule_from_json(agenda.rrule_to_json(p_rule) || jsonb_build_object('until', to_char(v_until, 'YYYY-MM-DD"T"HH24:MI:SS')));
end
$$;
comment on function agenda._local_until(agenda.rrule, text) is 'internal: the rule with its end as a wall-clock time of a zone';

-- Rule from type and interval, or the reverse.  Contradictions are errors.  Rules are compared as text: callers
-- need not have the schema, and its operators, in their search_path.
create or replace function agenda._derive_rule(new agenda.recurring_tasks, old agenda.recurring_tasks)
    returns agenda.recurring_tasks
    language plpgsql stable as
$$
declare
    v_simple_given constant boolean := old.id is null
        or (new.recurrence_type, new.recurrence_interval) is distinct from (old.recurrence_type, old.recurrence_interval);
    v_rule_given constant boolean := new.rrule is not null
        and (old.id is null or new.rrule::text is distinct from old.rrule::text);
    v_skip_given constant boolean := new.invalid_day is distinct from old.invalid_day;
begin
    if v_skip_given and new.invalid_day is not null then
        perform agenda._check_word(new.invalid_day, '{omit,backward,forward}', 'invalid_day');
    end if;
    if not v_rule_given and (v_simple_given or new.rrule is null) then
        if new.rrule is not null and new.recurrence_type = old.recurrence_type
           and old.rrule::text <> agenda._with_skip(agenda.rrule_from(old.recurrence_type, old.recurrence_interval), old.invalid_day)::text then
            raise exception using errcode = 'YA006',
                message = 'the rule says more than recurrence_type and recurrence_interval',
                detail = format('It is %s.', old.rrule),
                hint = 'Change rrule instead.',
                column = 'recurrence_interval';
        end if;
        if new.recurrence_type is null then
            raise exception using errcode = 'YA006',
                message = 'a recurring task needs a rule',
                hint = 'Give recurrence_type (daily, weekly, monthly, yearly) or rrule.',
                column = 'recurrence_type';
        end if;
        new.recurrence_interval := coalesce(new.recurrence_interval, 1);
        new.rrule := agenda._with_skip(agenda.rrule_from(new.recurrence_type, new.recurrence_interval), new.invalid_day);
    else
        if v_rule_given and v_simple_given
           and (new.recurrence_type <> agenda.recurrence_type(new.rrule)
                or new.recurrence_interval <> agenda.recurrence_interval(new.rrule)) then
            raise exception using errcode = 'YA006',
                message = 'recurrence_type and recurrence_interval contradict rrule',
                detail = format('The rule is %s with interval %s.',
                                agenda.recurrence_type(new.rrule), agenda.recurrence_interval(new.rrule)),
                hint = 'Give either the rule or the simple form.',
                column = 'rrule';
        end if;
        if v_skip_given and new.invalid_day is not null then
            if v_rule_given and agenda._skip_of(new.rrule) not in ('omit', new.invalid_day) then
                perform agenda._contradiction(format('invalid_day contradicts SKIP of the rule %s', new.rrule), 'Give one of them.', 'invalid_day');
            end if;
            new.rrule := agenda._with_skip(new.rrule, new.invalid_day);
        end if;
        new.recurrence_type := agenda.recurrence_type(new.rrule);
        new.recurrence_interval := agenda.recurrence_interval(new.rrule);
    end if;
    new.rrule := agenda._local_until(new.rrule, case when new.all_day then 'UTC' else coalesce(new.timezone, agenda._user_zone(new.user_id)) end);
    new.invalid_day := agenda._skip_of(new.rrule);
    return new;
end
$$;
comment on function agenda._derive_rule(agenda.recurring_tasks, agenda.recurring_tasks) is 'internal: keeps rrule, its simple form and invalid_day in agreement';

-- ---- keys --------------------------------------------------------------------------------------

-- The instant of a wall-clock time.  local_to_instant() takes the first of two; AT TIME ZONE the second, but
-- has its own idea of times that do not exist.
create or replace function agenda._wall_instant(p_wall timestamp, p_zone text, p_fold text) returns timestamptz
    language plpgsql stable as
$$
declare
    v_first  constant pg_catalog.timestamptz := agenda.local_to_instant(p_wall, p_zone);
    v_second pg_catalog.timestamptz;
begin
    if p_fold = 'second' then
        v_second := p_wall at time zone p_zone;
        if v_second > v_first and agenda.instant_to_local(v_second, p_zone) = p_wall then
            return v_second;
        end if;
    end if;
    return v_first;
end
$$;
comment on function agenda._wall_instant(timestamp, text, text) is 'internal: wall-clock time to instant, the first or the second where it comes twice';

create or replace function agenda._works_on(r agenda.recurring_tasks, p_day date) returns boolean
    language plpgsql stable as
$$
begin
    return agenda._is_workday(r.user_id, p_day, r.holiday_calendar);
end
$$;
comment on function agenda._works_on(agenda.recurring_tasks, date) is 'internal: a workday of the owner of a series';

-- The workday to which a key is moved; null when it is skipped.
create or replace function agenda._on_workday(r agenda.recurring_tasks, p_key timestamp) returns timestamp
    language plpgsql stable as
$$
begin
    if r.business_shift = 'none' or agenda._works_on(r, p_key::date) then
        return p_key;
    end if;
    -- a month without a workday is no calendar
    for i in 1 .. case r.business_shift when 'skip' then 0 else 31 end loop
        if r.business_shift in ('previous', 'nearest') and agenda._works_on(r, (p_key - make_interval(days => i))::date) then
            return p_key - make_interval(days => i);
        elsif r.business_shift in ('next', 'nearest') and agenda._works_on(r, (p_key + make_interval(days => i))::date) then
            return p_key + make_interval(days => i);
        end if;
    end loop;
    return null;
end
$$;
comment on function agenda._on_workday(agenda.recurring_tasks, timestamp) is 'internal: the key on the workday that business_shift says, null for none';

-- Wall-clock due time of a key.
create or replace function agenda._key_wall(r agenda.recurring_tasks, p_key timestamp) returns timestamp
    language plpgsql stable as
$$
begin
    if r.business_shift = 'none' or (agenda._override(r, p_key)).kind = 'add' then
        return p_key;
    end if;
    return coalesce(agenda._on_workday(r, p_key), p_key);
end
$$;
comment on function agenda._key_wall(agenda.recurring_tasks, timestamp) is 'internal: wall-clock due time of a key';

create or replace function agenda._key_due(r agenda.recurring_tasks, p_key timestamp) returns timestamptz
    language plpgsql stable as
$$
declare
    v_due constant pg_catalog.timestamptz := agenda._wall_instant(agenda._key_wall(r, p_key), r.timezone, r.dst_fold);
    o     agenda.recurrence_overrides;
    t     agenda.tasks;
begin
    if not r.has_overrides then
        return v_due;
    end if;
    o := agenda._override(r, p_key);
    if o.patch ? 'due_date' then
        t.user_id := r.user_id;
        t.timezone := case when not r.floating then r.timezone end;
        t.due_kind := case when r.all_day then 'date' else 'local' end;
        t := agenda._patch_task(t, o.patch, r.timezone);
    end if;
    -- one that was put off is made when the rule has it: those behind it do not wait for it
    return least(v_due, t.due_date);
end
$$;
comment on function agenda._key_due(agenda.recurring_tasks, timestamp)
    is 'internal: due instant of a key, or that of its override where it is earlier; of a whole day its beginning';

-- Whether a key of the rule is an occurrence.  What a day off or a gap of the clock would move onto another key
-- or past it is none: each occurrence has an instant of its own, and they keep their order.
create or replace function agenda._key_stands(r agenda.recurring_tasks, p_key timestamp) returns boolean
    language plpgsql stable as
$$
declare
    v_day   constant timestamp := agenda._on_workday(r, p_key);
    v_shown timestamp;
begin
    if v_day is null then
        return false;
    end if;
    v_shown := agenda.instant_to_local(agenda.local_to_instant(v_day, r.timezone), r.timezone);
    if v_shown <> v_day then
        if r.dst_gap = 'skip' then
            return false;
        end if;
    elsif v_day = p_key then
        return true;
    end if;
    return r.basis = 'completion'
        or case
            when v_shown < p_key then agenda.previous_local_occurrence(r.rrule, r.dtstart, p_key) < v_shown
            else agenda.next_local_occurrence(r.rrule, r.dtstart, p_key) > v_shown
        end is not false;
end
$$;
comment on function agenda._key_stands(agenda.recurring_tasks, timestamp) is 'internal: the key is an occurrence, with an instant of its own';

create or replace function agenda._override(r agenda.recurring_tasks, p_key timestamp) returns agenda.recurrence_overrides
    language plpgsql stable as
$$
declare
    v_row agenda.recurrence_overrides;
begin
    if r.has_overrides then
        select * into v_row from agenda.recurrence_overrides o
         where o.user_id = r.user_id and o.recurring_task_id = r.id and o.occurrence_key = p_key;
    end if;
    return v_row;
end
$$;
comment on function agenda._override(agenda.recurring_tasks, timestamp) is 'internal: what differs for one key';

-- The instant between two others at which a clock was set.
create or replace function agenda._clock_set(p_zone text, p_from timestamptz, p_to timestamptz) returns timestamptz
    language plpgsql stable as
$$
declare
    v_offset constant interval := agenda.instant_to_local(p_to, p_zone) - p_to at time zone 'UTC';
    v_from   pg_catalog.timestamptz := p_from;
    v_to     pg_catalog.timestamptz := p_to;
    v_middle pg_catalog.timestamptz;
begin
    while v_to - v_from > interval '1 second' loop
        v_middle := v_from + agenda._length(v_to - v_from) / 2;
        if agenda.instant_to_local(v_middle, p_zone) - v_middle at time zone 'UTC' = v_offset then
            v_to := v_middle;
        else
            v_from := v_middle;
        end if;
    end loop;
    return date_trunc('second', v_to);
end
$$;
comment on function agenda._clock_set(text, timestamptz, timestamptz) is 'internal: when a clock was set';

-- What the clock of a series shows at an instant: keys up to that are due by then, and no others.  Of an hour that comes
-- twice the keys are in one, so that in the other all of them are over, or none has come.
create or replace function agenda._clock(r agenda.recurring_tasks, p_at timestamptz) returns timestamp
    language plpgsql stable as
$$
declare
    v_shown  constant timestamp := agenda.instant_to_local(p_at, r.timezone);
    v_first  constant pg_catalog.timestamptz := agenda._wall_instant(v_shown, r.timezone, 'first');
    v_second constant pg_catalog.timestamptz := agenda._wall_instant(v_shown, r.timezone, 'second');
begin
    if v_first <> v_second and r.dst_fold = 'first' and p_at = v_second then
        return agenda.instant_to_local(agenda._clock_set(r.timezone, v_first, v_second) - interval '1 microsecond', r.timezone);
    elsif v_first <> v_second and r.dst_fold = 'second' and p_at = v_first then
        return agenda.instant_to_local(agenda._clock_set(r.timezone, v_first, v_second), r.timezone) - interval '1 microsecond';
    end if;
    return v_shown;
end
$$;
comment on function agenda._clock(agenda.recurring_tasks, timestamptz) is 'internal: the wall-clock time up to which the keys of a series are due at an instant';

-- The times around a key that its clock leaves out: [from_wall, to_wall), empty where it shows the key.
create or replace function agenda._gap(r agenda.recurring_tasks, p_key timestamp, out from_wall timestamp, out to_wall timestamp)
    language plpgsql stable as
$$
declare
    v_at   constant pg_catalog.timestamptz := agenda.local_to_instant(p_key, r.timezone);
    v_long constant interval := agenda.instant_to_local(v_at, r.timezone) - p_key;
begin
    if v_long > '0' then
        to_wall := agenda.instant_to_local(agenda._clock_set(r.timezone, v_at - agenda._length(v_long), v_at), r.timezone);
        from_wall := to_wall - v_long;
    end if;
end
$$;
comment on function agenda._gap(agenda.recurring_tasks, timestamp) is 'internal: the wall-clock times that are left out where a key is';

-- The first key after a given wall-clock time that the series still has; null when it is over, which is also
-- what a thousand days off or gaps of the clock are.  Of a day off only the first and the last key are asked, any other
-- would be moved past one of them; of a gap the last.
create or replace function agenda._next_key(r agenda.recurring_tasks, p_after timestamp) returns timestamp
    language plpgsql stable as
$$
declare
    v_key   timestamp := p_after;
    v_added timestamp;
    v_off   integer := 0;
begin
    if r.has_overrides then
        select min(o.occurrence_key) into v_added from agenda.recurrence_overrides o
         where o.user_id = r.user_id and o.recurring_task_id = r.id and o.kind = 'add' and o.occurrence_key > p_after;
    end if;
    while v_off < 1000 loop
        v_key := agenda.next_local_occurrence(r.rrule, r.dtstart, v_key);
        -- beyond what a due date can be, or beyond the end
        if v_key >= '9999-12-28' or (r.end_date is not null and agenda._wall_instant(v_key, r.timezone, r.dst_fold) > r.end_date) then
            v_key := null;
        end if;
        if v_key is null or v_added <= v_key then
            return v_added;
        elsif agenda._key_stands(r, v_key) then
            if (agenda._override(r, v_key)).kind is distinct from 'skip' then
                return v_key;
            end if;
        else
            v_off := v_off + 1;
            v_key := greatest(v_key, agenda.previous_local_occurrence(r.rrule, r.dtstart,
                case when r.business_shift <> 'none' and not agenda._works_on(r, v_key::date) then date_trunc('day', v_key) + interval '1 day'
                     else (agenda._gap(r, v_key)).to_wall end) - interval '1 microsecond');
        end if;
    end loop;
    return v_added;
end
$$;
comment on function agenda._next_key(agenda.recurring_tasks, timestamp) is 'internal: first key of a series strictly after a wall-clock time, null when it is over';

create or replace function agenda._previous_key(r agenda.recurring_tasks, p_before timestamp) returns timestamp
    language plpgsql stable as
$$
declare
    v_key   timestamp := p_before;
    v_added timestamp;
    v_off   integer := 0;
begin
    if r.end_date is not null then
        v_key := least(v_key, agenda._clock(r, r.end_date) + interval '1 microsecond');
    end if;
    if r.has_overrides then
        select max(o.occurrence_key) into v_added from agenda.recurrence_overrides o
         where o.user_id = r.user_id and o.recurring_task_id = r.id and o.kind = 'add' and o.occurrence_key < p_before;
    end if;
    while v_off < 1000 loop
        v_key := agenda.previous_local_occurrence(r.rrule, r.dtstart, v_key);
        if v_key is null or v_added >= v_key then
            return v_added;
        elsif agenda._key_stands(r, v_key) then
            -- one that a gap moves may be moved past the end
            if (agenda._override(r, v_key)).kind is distinct from 'skip'
               and (r.end_date is null or agenda._wall_instant(v_key, r.timezone, r.dst_fold) <= r.end_date) then
                return v_key;
            end if;
        else
            v_off := v_off + 1;
            if r.business_shift <> 'none' and not agenda._works_on(r, v_key::date) then
                v_key := least(v_key, agenda.next_local_occurrence(r.rrule, r.dtstart, date_trunc('day', v_key) - interval '1 microsecond')
                                      + interval '1 microsecond');
            else
                v_key := least(v_key, (agenda._gap(r, v_key)).from_wall);
            end if;
        end if;
    end loop;
    return v_added;
end
$$;
comment on function agenda._previous_key(agenda.recurring_tasks, timestamp) is 'internal: last key of a series strictly before a wall-clock time';

-- Where a search for what is due in a range goes on behind a key that is not: what else the day has, up to a
-- wall-clock time, is due on it as well, unless the day is off or there is an override.  Three hours are for clocks that
-- are set back.
create or replace function agenda._pass_day(r agenda.recurring_tasks, p_key timestamp, p_until timestamp) returns timestamp
    language plpgsql stable as
$$
declare
    v_to timestamp := least(date_trunc('day', p_key) + interval '1 day', p_until - interval '3 hours');
begin
    if r.business_shift <> 'none' and not agenda._works_on(r, p_key::date) then
        return p_key;
    elsif r.has_overrides then
        v_to := least(v_to, (select min(o.occurrence_key) from agenda.recurrence_overrides o
                              where o.user_id = r.user_id and o.recurring_task_id = r.id and o.occurrence_key > p_key));
    end if;
    return greatest(p_key, v_to - interval '1 microsecond');
end
$$;
comment on function agenda._pass_day(agenda.recurring_tasks, timestamp, timestamp) is 'internal: passes over keys of the same day';

-- ---- from completion ---------------------------------------------------------------------------

-- The next key where it is computed from a completion: a rule that names no days counts its interval from the
-- day of the completion, at the time of day of the series; one that names days goes on to the n-th of them.
create or replace function agenda._key_after_completion(r agenda.recurring_tasks, p_done timestamp) returns timestamp
    language plpgsql stable as
$$
declare
    v_json  constant pg_catalog.jsonb := agenda.rrule_to_json(r.rrule) - 'count';
    v_after constant timestamp := greatest(p_done, r.last_key);
    v_s     agenda.recurring_tasks := r;
    v_key   timestamp;
begin
    if r.occurrences_created >= (agenda.rrule_to_json(r.rrule)->>'count')::integer then
        return null;
    end if;
    if exists (select from jsonb_object_keys(v_json) k where k ~ '^by[A-Z]') then
        v_s.rrule := agenda.rrule_from_json(v_json - 'interval');
        v_key := (select k from (select agenda.local_occurrences(v_s.rrule, r.dtstart, v_after + interval '1 microsecond', 'infinity') k
                                 offset least(r.recurrence_interval, 1000) - 1 limit 1) o);
    else
        v_s.rrule := agenda.rrule_from_json(v_json);
        v_s.dtstart := case when r.recurrence_type in ('hourly', 'minutely', 'secondly') then date_trunc('second', p_done)
                            else p_done::date + r.dtstart::time end;
        v_key := agenda.next_local_occurrence(v_s.rrule, v_s.dtstart, greatest(v_s.dtstart, r.last_key));
    end if;
    -- days off may ask for a later one
    return agenda._next_key(v_s, v_key - interval '1 microsecond');
end
$$;
comment on function agenda._key_after_completion(agenda.recurring_tasks, timestamp) is 'internal: the key that follows a completion; null when the series is over';
