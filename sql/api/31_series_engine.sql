-- ---- what a series does: owed occurrences, and their making --------------------------------------
-- Everything here runs with the owner's rights, from triggers, or as agenda_service, from the scanner.
-- Everyone locks task before series, or skips what is locked.  Nothing here depends on the session's time zone.

-- An interval as a length of time: a day is 24 hours, whatever the session's time zone makes of it.
create or replace function agenda._length(p interval) returns interval
    language plpgsql immutable as
$$
begin
    return make_interval(secs => extract(epoch from p)::float8);
end
$$;
comment on function agenda._length(interval) is 'internal: the interval without days and months';

-- From when on an occurrence is late: a whole day is not before it ends.
create or replace function agenda._key_end(r agenda.recurring_tasks, p_key timestamp) returns timestamptz
    language plpgsql stable as
$$
begin
    return case when r.all_day then agenda.local_to_instant(agenda._key_wall(r, p_key) + interval '1 day', r.timezone)
                else agenda._key_due(r, p_key) end;
end
$$;
comment on function agenda._key_end(agenda.recurring_tasks, timestamp) is 'internal: when an occurrence begins to be late';

-- When the first of its reminders asks for the occurrence of a key; null where none does.
create or replace function agenda._first_reminder(r agenda.recurring_tasks, p_key timestamp) returns timestamptz
    language plpgsql stable as
$$
declare
    p constant agenda.preferences := agenda._preferences_of(r.user_id);
    t constant agenda.tasks := agenda._draft_occurrence(r, p_key);
begin
    if r.own_reminders or exists (select from agenda.reminders x where x.user_id = r.user_id and x.recurring_task_id = r.id) then
        return (select min(agenda._reminder_at(x, t, p)) from agenda.reminders x where x.user_id = r.user_id and x.recurring_task_id = r.id);
    end if;
    return (select min(agenda._reminder_at(agenda._reminder_of(d, p.timezone, null), t, p)) from jsonb_array_elements(p.default_reminders) d);
end
$$;
comment on function agenda._first_reminder(agenda.recurring_tasks, timestamp) is 'internal: when the first reminder of an occurrence is owed';

-- When the clock makes the next occurrence: lead_time before it is due, or earlier where a reminder asks for it, but
-- not before the one before it is due.  One that supersedes the others does not do so for the sake of a reminder.
create or replace function agenda._make_at(r agenda.recurring_tasks) returns timestamptz
    language plpgsql stable as
$$
declare
    v_at       constant pg_catalog.timestamptz := r.next_due_at - agenda._length(r.lead_time);
    v_reminder pg_catalog.timestamptz;
begin
    if r.next_key is not null and r.overlap <> 'supersede' and r.spawn <> 'completion' then
        v_reminder := agenda._first_reminder(r, r.next_key);
        if v_reminder < v_at then
            return least(v_at, greatest(v_reminder, agenda._key_due(r, r.last_key)));
        end if;
    end if;
    return v_at;
end
$$;
comment on function agenda._make_at(agenda.recurring_tasks) is 'internal: when the clock makes the next occurrence of a series';

-- The newest key whose occurrence is owed at an instant.
create or replace function agenda._newest_owed(r agenda.recurring_tasks, p_until timestamptz) returns timestamp
    language plpgsql stable as
$$
declare
    v_until constant timestamp := agenda._clock(r, p_until);
    v_key   timestamp := v_until
        + case when r.business_shift in ('previous', 'nearest') then interval '32 days' else interval '1 microsecond' end;
begin
    loop
        v_key := agenda._previous_key(r, v_key);
        exit when v_key is null or agenda._key_due(r, v_key) <= p_until;
        -- on a workday each is due when its key says; three hours are for clocks that are set back
        if agenda._works_on(r, v_key::date) then
            v_key := least(v_key, greatest(date_trunc('day', v_key), v_until + interval '3 hours'));
        end if;
    end loop;
    return greatest(v_key, r.next_key);
end
$$;
comment on function agenda._newest_owed(agenda.recurring_tasks, timestamptz) is 'internal: the newest key that is owed at an instant';

-- Which keys become tasks now, which are passed over, and which is next.
--   missed all      every key, oldest first; what does not go into one round stays owed
--   missed latest   the newest
--   missed skip     the newest if it is on time
-- What lies farther back than the catch-up window is passed over; at creation there is no such window.
create or replace function agenda._owed(r agenda.recurring_tasks, p_now timestamptz, p_creating boolean,
                                        out make timestamp[], out passed_from timestamp, out passed_to timestamp, out next_key timestamp)
    language plpgsql stable as
$$
declare
    v_until  constant pg_catalog.timestamptz := p_now + agenda._length(r.lead_time);
    -- what is computed from a completion is one, and not late before it is there
    v_window constant interval := case when r.basis = 'due' then
        coalesce(case when not p_creating then r.catchup_window end, case r.missed when 'skip' then interval '1 minute' end) end;
    v_oldest constant pg_catalog.timestamptz := coalesce(p_now - agenda._length(v_window), '-infinity');
    v_newest timestamp;
begin
    make := '{}';
    next_key := r.next_key;
    if next_key is null then
        return;
    elsif agenda._key_due(r, next_key) > v_until then
        if not p_creating and agenda._make_at(r) <= p_now then
            make := array[next_key];
            next_key := agenda._next_key(r, next_key);
        end if;
        return;
    end if;
    if r.missed = 'all' then
        if agenda._key_end(r, next_key) < v_oldest then
            passed_from := next_key;
            -- late is who is due: a whole day at its end, on a day off another day
            next_key := agenda._next_key(r, greatest(next_key, agenda.instant_to_local(v_oldest, r.timezone) - interval '1 microsecond'
                - case when r.business_shift in ('next', 'nearest') then interval '32 days' when r.all_day then interval '1 day' else interval '0' end));
            while agenda._key_end(r, next_key) < v_oldest loop
                next_key := agenda._next_key(r, next_key);
            end loop;
            passed_to := coalesce(next_key, 'infinity');
        end if;
        while agenda._key_due(r, next_key) <= v_until and cardinality(make) < case r.overlap when 'hold' then 1 else 100 end loop
            make := make || next_key;
            next_key := agenda._next_key(r, next_key);
        end loop;
        return;
    end if;
    v_newest := next_key;
    next_key := agenda._next_key(r, v_newest);
    if agenda._key_due(r, next_key) <= v_until then
        v_newest := agenda._newest_owed(r, v_until);
        next_key := agenda._next_key(r, v_newest);
    end if;
    if agenda._key_end(r, v_newest) >= v_oldest then
        make := array[v_newest];
        passed_to := v_newest;
    else
        passed_to := coalesce(next_key, 'infinity');
    end if;
    if passed_to > r.next_key then
        passed_from := r.next_key;
    end if;
end
$$;
comment on function agenda._owed(agenda.recurring_tasks, timestamptz, boolean) is 'internal: which keys of a series become tasks now, which are passed over, which is next';

-- The keys in [p_from, p_to) for a task.missed event: the first hundred, and how many there are.
create or replace function agenda._missed_keys(r agenda.recurring_tasks, p_from timestamp, p_to timestamp, out keys jsonb, out count bigint)
    language plpgsql stable as
$$
declare
    v_key timestamp := agenda._next_key(r, p_from - interval '1 microsecond');
begin
    keys := '[]';
    count := 0;
    while v_key < p_to and count < 100 loop
        keys := keys || to_jsonb(to_char(v_key, 'YYYY-MM-DD"T"HH24:MI:SS'));
        count := count + 1;
        v_key := agenda._next_key(r, v_key);
    end loop;
    if v_key < p_to then
        -- only counted, by the rule alone and no farther than a hundred thousand
        count := count + (select count(*) from (select agenda.local_occurrences(r.rrule, r.dtstart, v_key, p_to) limit 100000) o);
    end if;
end
$$;
comment on function agenda._missed_keys(agenda.recurring_tasks, timestamp, timestamp) is 'internal: keys that are passed over';

-- Nothing is dropped in silence.
create or replace function agenda._log_missed(r agenda.recurring_tasks, p_from timestamp, p_to timestamp, p_cause text) returns bigint
    language plpgsql volatile as
$$
declare
    v_none   pg_catalog.text;
    v_missed pg_catalog.record;
begin
    if p_from is null or p_from >= p_to then
        return 0;
    end if;
    v_missed := agenda._missed_keys(r, p_from, p_to);
    if v_missed.count > 0 then
        v_none := agenda._emit('task.missed', r.user_id, r.id::text, r.id::text, jsonb_build_object(
            'recurring_task_id', r.id,
            'title', r.title,
            'keys', v_missed.keys,
            'count', v_missed.count,
            'timezone', r.timezone,
            'cause', p_cause));
    end if;
    return v_missed.count;
end
$$;
comment on function agenda._log_missed(agenda.recurring_tasks, timestamp, timestamp, text) is 'engine: the event of keys that were passed over; how many they are';

-- Where a new series begins.  A series that adopts an existing task comes with its last_key.
create or replace function agenda._place_new_series(r agenda.recurring_tasks) returns agenda.recurring_tasks
    language plpgsql stable as
$$
declare
    v_now      constant pg_catalog.timestamptz := date_trunc('second', agenda.now());
    v_local    constant timestamp := agenda._clock(r, v_now);
    v_first    timestamp;
    v_upcoming timestamp;
    v_owed     pg_catalog.record;
begin
    if r.last_key is not null then
        r.occurrences_created := 1;
        r.next_key := case when r.basis = 'due' then agenda._next_key(r, r.last_key) end;
        return r;
    end if;
    v_first := agenda._next_key(r, r.dtstart - interval '1 microsecond');
    -- whole days are owed all day
    v_upcoming := agenda._next_key(r, greatest(case when r.all_day then date_trunc('day', v_local) else v_local end, r.dtstart)
                                      - interval '1 microsecond');
    r.next_key := v_first;
    if not r.is_active then
        -- made paused: nothing is owed before it is resumed
        r.next_key := v_upcoming;
        return r;
    elsif v_upcoming is null and (r.end_date is null or r.end_date < v_now) then
        -- over before it began
        r.is_active := false;
        r.next_key := null;
        return r;
    elsif r.spawn = 'completion' then
        r.last_key := case r.missed
            when 'all' then v_first
            when 'latest' then coalesce(agenda._previous_key(r, v_local + interval '1 microsecond'), v_first)
            else v_upcoming
        end;
        r.next_key := case when r.basis = 'due' then agenda._next_key(r, r.last_key) end;
        -- none is left where what lies in the past does not count
        r.is_active := r.last_key is not null;
        r.occurrences_created := r.is_active::integer;
    else
        v_owed := agenda._owed(r, v_now, true);
        r.last_key := v_owed.make[cardinality(v_owed.make)];
        r.next_key := v_owed.next_key;
        r.occurrences_created := cardinality(v_owed.make);
        if r.basis = 'completion' and r.last_key is not null then
            r.next_key := null;
        end if;
    end if;
    if r.last_key is not null then
        r.last_created_at := agenda.now();
    elsif r.is_active then
        -- nothing is made twice that was passed over at creation
        r.next_key := coalesce(r.next_key, v_upcoming);
    end if;
    return r;
end
$$;
comment on function agenda._place_new_series(agenda.recurring_tasks) is 'internal: last_key and next_key of a series that is being made';

-- Start, zone and day of a series agree with each other.  It begins at a whole second, as a rule can say it and as
-- keys are written.
create or replace function agenda._derive_start(new agenda.recurring_tasks, old agenda.recurring_tasks) returns agenda.recurring_tasks
    language plpgsql stable as
$$
begin
    if new.start_date is null or old.id is null or new.start_date <> old.start_date then
        new.start_date := date_trunc('second', coalesce(new.start_date, agenda.now()));
    end if;
    if not new.start_date between '0001-01-02 00:00+00' and '9999-12-30 00:00+00' then
        raise exception using errcode = 'YA005', message = 'start_date is out of range', column = 'start_date';
    end if;
    if new.timezone is null then
        new.floating := true;
        new.timezone := agenda._user_zone(new.user_id);
    elsif old.id is null or new.timezone <> old.timezone then
        new.floating := false;
    end if;
    if (old.id is null and (new.dtstart is null or agenda.local_to_instant(new.dtstart, new.timezone) <> new.start_date))
       or new.start_date <> old.start_date or new.all_day <> old.all_day then
        new.dtstart := agenda.instant_to_local(new.start_date, new.timezone);
        if new.all_day then
            new.dtstart := date_trunc('day', new.dtstart);
            new.start_date := agenda.local_to_instant(new.dtstart, new.timezone);
        end if;
    elsif new.timezone <> old.timezone then
        -- nine o'clock stays nine o'clock
        new.start_date := agenda.local_to_instant(new.dtstart, new.timezone);
    end if;
    if new.timezone <> old.timezone and new.end_date = old.end_date then
        new.end_date := agenda.local_to_instant(agenda.instant_to_local(old.end_date, old.timezone), new.timezone);
    end if;
    return new;
end
$$;
comment on function agenda._derive_start(agenda.recurring_tasks, agenda.recurring_tasks) is 'internal: start_date, dtstart, timezone and all_day in agreement';

create or replace function agenda._resumed_at(r agenda.recurring_tasks) returns timestamp
    language plpgsql stable as
$$
begin
    return coalesce(r.next_key, agenda._clock(r, agenda.now()));
end
$$;
comment on function agenda._resumed_at(agenda.recurring_tasks) is 'internal: up to where a pause has passed keys over; the series may have ended in it';

-- What a schedule owes when it becomes another one: what is due by now and was not made yet, but nothing ahead of its
-- time.  Of more than a round makes, the rest is told.
create or replace function agenda._owed_before(new agenda.recurring_tasks, old agenda.recurring_tasks,
                                               out make timestamp[], out passed_from timestamp, out passed_to timestamp,
                                               out rest_from timestamp, out rest_to timestamp)
    language plpgsql stable as
$$
declare
    v_owed pg_catalog.record;
begin
    make := '{}';
    if agenda._moves_keys(new, old) and old.basis = 'due' and new.basis = 'due' and old.spawn <> 'completion'
       and old.is_active and new.is_active and old.deleted_at is null and new.deleted_at is null
       and old.next_due_at <= agenda.now() and not (old.overlap = 'hold' and agenda._has_open(old)) then
        old.lead_time := '0';
        v_owed := agenda._owed(old, agenda.now(), false);
        make := v_owed.make;
        passed_from := v_owed.passed_from;
        passed_to := least(v_owed.passed_to, agenda._clock(old, agenda.now()) + interval '1 microsecond');
        if agenda._key_due(old, v_owed.next_key) <= agenda.now() then
            rest_from := v_owed.next_key;
            rest_to := agenda._clock(old, agenda.now()) + interval '1 microsecond';
        end if;
    end if;
end
$$;
comment on function agenda._owed_before(agenda.recurring_tasks, agenda.recurring_tasks) is 'internal: what a series owes by the schedule that it had';

create or replace function agenda._moves_keys(new agenda.recurring_tasks, old agenda.recurring_tasks) returns boolean
    language plpgsql immutable as
$$
begin
    return (new.rrule::text, new.dtstart, new.timezone, new.business_shift, new.holiday_calendar, new.dst_gap, new.basis)
        is distinct from (old.rrule::text, old.dtstart, old.timezone, old.business_shift, old.holiday_calendar, old.dst_gap, old.basis);
end
$$;
comment on function agenda._moves_keys(agenda.recurring_tasks, agenda.recurring_tasks) is 'internal: a series has another schedule';

-- What lies in the past stays as it was made; a new schedule, and one that was paused, begins now.  Only where
-- missed is all a pause leaves debts.
create or replace function agenda._replace_series(new agenda.recurring_tasks, old agenda.recurring_tasks) returns agenda.recurring_tasks
    language plpgsql stable as
$$
declare
    v_moved   constant boolean := agenda._moves_keys(new, old);
    v_changed constant boolean := v_moved or new.end_date is distinct from old.end_date;
    v_resumed constant boolean := new.is_active and not old.is_active;
    -- a pause that ended by itself ended then, whenever it is looked at
    v_now     constant timestamp := agenda._clock(new, case when v_resumed and not v_changed then least(old.resume_at, agenda.now())
                                                            else agenda.now() end);
    v_owed    constant pg_catalog.record := agenda._owed_before(new, old);
begin
    if cardinality(v_owed.make) > 0 then
        new.last_key := v_owed.make[cardinality(v_owed.make)];
        new.last_created_at := agenda.now();
        new.occurrences_created := new.occurrences_created + cardinality(v_owed.make);
    end if;
    new.missed_count := new.missed_count + coalesce((agenda._missed_keys(old, v_owed.passed_from, v_owed.passed_to)).count, 0)
                                         + coalesce((agenda._missed_keys(old, v_owed.rest_from, v_owed.rest_to)).count, 0);
    if new.basis = 'completion' then
        -- only a completion says what is next
        new.next_key := case when old.basis = 'completion' then new.next_key end;
    elsif not v_moved and v_changed and not v_resumed and old.next_key is not null then
        -- another end changes nothing about what is owed before it
        new.next_key := agenda._next_key(new, old.next_key - interval '1 microsecond');
    elsif v_changed or (v_resumed and (old.next_key is null or new.missed <> 'all')) then
        new.next_key := agenda._next_key(new, greatest(new.last_key, new.dtstart - interval '1 microsecond',
                                                       case when new.all_day then date_trunc('day', v_now) - interval '1 microsecond' else v_now end));
        if v_changed and not new.is_active and old.next_key is null and new.next_key is not null then
            -- it had ended, and goes on now
            new.is_active := true;
        elsif v_resumed and not v_changed and new.spawn <> 'completion' then
            -- where completion makes the next one it counts what was passed over, too
            new.missed_count := new.missed_count + coalesce((agenda._missed_keys(old, old.next_key, agenda._resumed_at(new))).count, 0);
        end if;
    end if;
    if new.is_active then
        new.resume_at := null;
    end if;
    return new;
end
$$;
comment on function agenda._replace_series(agenda.recurring_tasks, agenda.recurring_tasks) is 'internal: where a series goes on that was edited or resumed';

create or replace function agenda._recurring_task_before() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
begin
    v_none := agenda._check_owner(new.user_id);
    v_none := agenda._check_zone(new.timezone);
    v_none := agenda._enter(new.user_id);
    if tg_op = 'INSERT' then
        new := agenda._derive_start(agenda._derive_rule(new, null), null);
        new.checklist := agenda._check_template(new.tags, new.checklist);
        v_none := agenda._check_policies(new);
        -- one that goes on with another is placed with what it takes over
        if new.split_from is null then
            new := agenda._place_new_series(new);
        end if;
    else
        if (new.rrule, new.recurrence_type, new.recurrence_interval, new.invalid_day)
           is distinct from (old.rrule, old.recurrence_type, old.recurrence_interval, old.invalid_day) then
            new := agenda._derive_rule(new, old);
        end if;
        new := agenda._derive_start(new, old);
        if agenda._recurring_task_differs(old, new) then
            new.checklist := agenda._check_template(new.tags, new.checklist);
            v_none := agenda._check_policies(new);
            new := agenda._replace_series(new, old);
            new.version := old.version + 1;
            new.updated_at := agenda.now();
        end if;
    end if;
    if new.next_key is null and new.basis = 'due' and new.spawn <> 'completion' and (tg_op = 'UPDATE' or new.split_from is null) then
        new.is_active := false;
    end if;
    new.next_due_at := agenda._key_due(new, new.next_key);
    v_none := agenda._leave();
    return new;
end
$$;
comment on function agenda._recurring_task_before() is 'internal: derives rule, wall-clock start and next occurrence of a series';

create or replace function agenda._recurring_task_after() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_none text;
    v_owed   record;
    v_key    timestamp;
    v_before timestamp := old.last_key;
begin
    if tg_op = 'DELETE' then
        v_none := agenda._log_recurring_task(old, null);
        delete from agenda.timers where user_id = old.user_id and entity = 'series' and entity_id = old.id;
        return null;
    elsif tg_op = 'INSERT' then
        v_none := agenda._log_recurring_task(null, new);
        if new.split_from is not null then
            v_none := agenda._copy_templates(new.split_from, new);
        end if;
        -- last_created_at is empty where the series adopts a task that exists
        if new.last_created_at is not null then
            v_none := agenda._make_first(new);
        end if;
        v_none := agenda._plan_series_timer(new);
        return null;
    end if;

    v_none := agenda._log_recurring_task(old, new);
    if new.version > old.version then
        v_owed := agenda._owed_before(new, old);
        v_none := agenda._log_missed(old, v_owed.passed_from, v_owed.passed_to, 'downtime');
        foreach v_key in array v_owed.make loop
            perform agenda._materialise(old, v_key, 'schedule', null, agenda._owed_from(old, v_before, v_key));
            v_before := v_key;
        end loop;
        v_none := agenda._log_missed(old, v_owed.rest_from, v_owed.rest_to, 'downtime');
    end if;
    if (new.next_due_at, new.is_active, new.deleted_at, new.resume_at, new.lead_time, new.spawn, new.overlap, new.rrule)
       is distinct from (old.next_due_at, old.is_active, old.deleted_at, old.resume_at, old.lead_time, old.spawn, old.overlap, old.rrule) then
        v_none := agenda._plan_series_timer(new);
        if not old.is_active and new.missed_count > old.missed_count then
            v_none := agenda._log_missed(old, old.next_key, agenda._resumed_at(new), 'pause');
        end if;
        if (new.is_active, new.spawn, new.overlap, new.deleted_at) is distinct from (old.is_active, old.spawn, old.overlap, old.deleted_at) then
            v_none := agenda._keep_going(new);
        end if;
    end if;
    return null;
end
$$;
comment on function agenda._recurring_task_after() is 'internal: log, first occurrences and timer of a series';

create or replace function agenda._plan_series_timer(r agenda.recurring_tasks) returns void
    language plpgsql volatile as
$$
declare
    v_none pg_catalog.text;
begin
    if r.deleted_at is null and r.is_active and r.spawn <> 'completion' and r.next_due_at is not null then
        v_none := agenda._set_timer(r.user_id, 'series', r.id, agenda._make_at(r), 'spawn');
    elsif r.deleted_at is null and not r.is_active and r.resume_at is not null then
        v_none := agenda._set_timer(r.user_id, 'series', r.id, r.resume_at, 'resume');
    elsif r.deleted_at is null and r.is_active and r.next_due_at is not null then
        -- where completion makes the next one there is a timer only after a deletion for good
        v_none := agenda._set_timer(r.user_id, 'series', r.id, agenda._make_at(r), 'spawn')
          from agenda.timers t where t.user_id = r.user_id and t.entity = 'series' and t.entity_id = r.id;
    else
        delete from agenda.timers t where t.user_id = r.user_id and t.entity = 'series' and t.entity_id = r.id;
    end if;
end
$$;
comment on function agenda._plan_series_timer(agenda.recurring_tasks) is 'engine: when the clock has to look at a series';

-- Its reminders have changed.  Where there is no timer somebody else makes the next occurrence.  A scanner that sleeps
-- until another time is woken, as by whatever sets a timer.
create or replace function agenda._make_in_time(r agenda.recurring_tasks) returns void
    language plpgsql volatile as
$$
begin
    if r.deleted_at is null and r.is_active then
        perform agenda._set_timer(r.user_id, 'series', r.id, agenda._make_at(r), 'spawn')
           from agenda.timers t
          where t.user_id = r.user_id and t.entity = 'series' and t.entity_id = r.id and t.what = 'spawn';
    end if;
end
$$;
comment on function agenda._make_in_time(agenda.recurring_tasks) is 'engine: the timer of a series whose reminders are others now';

-- ---- making occurrences ------------------------------------------------------------------------

-- When the clock should have made an occurrence, if that is over: what is owed from then on is told.  Null for one that
-- is made in time.  A scanner always comes a little later than the timer; after downtime it comes much later.
create or replace function agenda._owed_from(r agenda.recurring_tasks, p_before timestamp, p_key timestamp) returns timestamptz
    language plpgsql stable as
$$
declare
    v_from pg_catalog.timestamptz;
begin
    r.last_key := p_before;
    r.next_key := p_key;
    r.next_due_at := agenda._key_due(r, p_key);
    v_from := greatest(agenda._make_at(r), r.created_at, r.reminders_set_at);
    return case when v_from < agenda.now() then v_from end;
end
$$;
comment on function agenda._owed_from(agenda.recurring_tasks, timestamp, timestamp) is 'internal: when the clock should have made an occurrence that it makes late; the key before it is the second argument';

-- The only maker of occurrences.  Idempotent: a key becomes a task once, whoever asks.  Returns the
-- new task, or null when it was there already.
create or replace function agenda._materialise(r agenda.recurring_tasks, p_key timestamp, p_trigger text, p_parent uuid default null,
                                               p_owed_from timestamptz default null)
    returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_none pg_catalog.text;
    t      agenda.tasks;
begin
    v_none := agenda._enter(r.user_id);
    t := agenda._draft_occurrence(r, p_key);
    insert into agenda.tasks (user_id, title, description, priority, tags, checklist, due_kind, due_local, due_date, timezone,
                              recurrence_rule, recurring_task_id, occurrence_key, parent_task_id, owed_from)
    values (t.user_id, t.title, t.description, t.priority, t.tags, t.checklist, t.due_kind, t.due_local, t.due_date, t.timezone,
            t.recurrence_rule, t.recurring_task_id, t.occurrence_key, p_parent, p_owed_from)
    on conflict (user_id, recurring_task_id, occurrence_key) where recurring_task_id is not null do nothing
    returning * into t;
    if found then
        v_none := agenda._emit('task.recurrence', r.user_id, t.id::text, t.id::text, jsonb_build_object(
            'task_id', t.id,
            'recurring_task_id', r.id,
            'title', t.title,
            'occurrence_key', to_char(p_key, 'YYYY-MM-DD"T"HH24:MI:SS'),
            'timezone', r.timezone,
            'due_date', agenda.utc(t.due_date),
            'next_due_at', agenda.utc(r.next_due_at),
            'trigger', p_trigger));
        v_none := agenda._copy_reminders(r, t);
    end if;
    v_none := agenda._leave();
    return t;
end
$$;
comment on function agenda._materialise(agenda.recurring_tasks, timestamp, text, uuid, timestamptz) is 'engine: the only maker of occurrences, idempotent by series and key';

-- The task that a key becomes: the template, its due time, and what an override changes.
create or replace function agenda._draft_occurrence(r agenda.recurring_tasks, p_key timestamp) returns agenda.tasks
    language plpgsql stable as
$$
declare
    o agenda.recurrence_overrides := agenda._override(r, p_key);
    t agenda.tasks;
begin
    t.user_id := r.user_id;
    t.title := r.title;
    t.description := r.description;
    t.priority := r.priority;
    t.status := 'pending';
    t.tags := r.tags;
    t.checklist := r.checklist;
    t.timezone := case when not r.floating then r.timezone end;
    t.due_kind := case when r.all_day then 'date' else 'local' end;
    t.due_local := agenda._key_wall(r, p_key);
    t.due_date := agenda._key_due(r, p_key);
    t.recurrence_rule := case when r.spawn = 'completion' then r.rrule::text end;
    t.recurring_task_id := r.id;
    t.occurrence_key := p_key;
    if o.patch is not null then
        t := agenda._patch_task(t, o.patch, r.timezone);
    end if;
    return t;
end
$$;
comment on function agenda._draft_occurrence(agenda.recurring_tasks, timestamp) is 'internal: the task that a key of a series becomes';

-- Last and next key of a series, and its counters.
create or replace function agenda._advance(r agenda.recurring_tasks, p_last timestamp, p_next timestamp, p_made integer, p_missed bigint)
    returns agenda.recurring_tasks
    language plpgsql volatile as
$$
begin
    update agenda.recurring_tasks s
       set last_key = p_last, next_key = p_next,
           last_created_at = case when p_made > 0 then agenda.now() else s.last_created_at end,
           occurrences_created = s.occurrences_created + p_made,
           missed_count = s.missed_count + p_missed
     where s.user_id = r.user_id and s.id = r.id
    returning s.* into r;
    return r;
end
$$;
comment on function agenda._advance(agenda.recurring_tasks, timestamp, timestamp, integer, bigint) is 'engine: moves last_key and next_key of a series';

create or replace function agenda._has_open(r agenda.recurring_tasks) returns boolean
    language plpgsql stable as
$$
begin
    return exists (select from agenda.tasks t
                    where t.user_id = r.user_id and t.recurring_task_id = r.id
                      and t.deleted_at is null and t.status in ('pending', 'in_progress'));
end
$$;
comment on function agenda._has_open(agenda.recurring_tasks) is 'internal: an occurrence of the series is still to be done';

create or replace function agenda._count_overlap(r agenda.recurring_tasks, p_n bigint) returns void
    language plpgsql volatile as
$$
begin
    update agenda.recurring_tasks s set overlap_count = s.overlap_count + p_n
     where s.user_id = r.user_id and s.id = r.id;
end
$$;
comment on function agenda._count_overlap(agenda.recurring_tasks, bigint) is 'engine: counts occurrences that met an open one';

-- The first occurrences of a new series.
create or replace function agenda._make_first(r agenda.recurring_tasks) returns void
    language plpgsql volatile as
$$
declare
    v_key  timestamp := r.last_key;
    v_task agenda.tasks;
begin
    perform agenda._enter(r.user_id);
    if r.missed = 'all' then
        v_key := agenda._next_key(r, r.dtstart - interval '1 microsecond');
    end if;
    loop
        v_task := agenda._materialise(r, v_key, 'schedule');
        exit when v_key >= r.last_key;
        v_key := agenda._next_key(r, v_key);
    end loop;
    perform agenda._leave();
end
$$;
comment on function agenda._make_first(agenda.recurring_tasks) is 'engine: the occurrences that a new series owes';

-- Makes what a locked series owes at an instant, by its policies.  Returns the newest that was made.
create or replace function agenda._catch_up(r agenda.recurring_tasks, p_now timestamptz, p_trigger text, p_parent uuid default null)
    returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_none   pg_catalog.text;
    v_owed   pg_catalog.record;
    v_n      integer;
    v_key    timestamp;
    v_before timestamp := r.last_key;
    v_missed bigint;
    v_task   agenda.tasks;
    v_made   agenda.tasks;
begin
    v_none := agenda._enter(r.user_id);
    v_owed := agenda._owed(r, p_now, false);
    v_n := cardinality(v_owed.make);
    v_missed := agenda._log_missed(r, v_owed.passed_from, v_owed.passed_to,
                                   case p_trigger when 'completion' then 'overlap' else 'downtime' end);
    if v_n > 0 or v_missed > 0 or v_owed.next_key is distinct from r.next_key then
        r := agenda._advance(r, coalesce(v_owed.make[v_n], r.last_key),
                             case when r.basis = 'due' or v_n = 0 then v_owed.next_key end, v_n, v_missed);
    end if;
    foreach v_key in array v_owed.make loop
        v_task := agenda._materialise(r, v_key, p_trigger, p_parent,
                                      case when p_trigger = 'schedule' then agenda._owed_from(r, v_before, v_key) end);
        if v_task.id is not null then
            v_made := v_task;
        end if;
        v_before := v_key;
    end loop;
    if r.overlap = 'supersede' and v_made.id is not null then
        -- one that somebody has locked, and perhaps closes, waits for the next time: the series is locked before it here
        update agenda.tasks t set status = 'missed'
         where t.user_id = r.user_id
           and t.id in (select k.id from agenda.tasks k
                         where k.user_id = r.user_id and k.recurring_task_id = r.id and k.occurrence_key < v_made.occurrence_key
                           and k.deleted_at is null and k.status in ('pending', 'in_progress')
                           for update skip locked);
        get diagnostics v_n = row_count;
        if v_n > 0 then
            v_none := agenda._count_overlap(r, v_n);
        end if;
    end if;
    v_none := agenda._leave();
    return v_made;
end
$$;
comment on function agenda._catch_up(agenda.recurring_tasks, timestamptz, text, uuid) is 'engine: makes the occurrences that a series owes';

-- Locks what is unread about the open occurrences of a series, which their end will withdraw.  False while somebody
-- has some of it locked, who may wait for what this round has locked.
create or replace function agenda._hold_unread(r agenda.recurring_tasks) returns boolean
    language plpgsql volatile as
$$
declare
    v_tasks constant pg_catalog.uuid[] := array(
        select k.id from agenda.tasks k
         where k.user_id = r.user_id and k.recurring_task_id = r.id and k.deleted_at is null and k.status in ('pending', 'in_progress'));
    v_held  bigint;
begin
    v_held := (select count(*)
                 from (select from agenda.notifications n
                        where n.user_id = r.user_id and n.task_id = any (v_tasks)
                          and n.withdrawn_at is null and n.read_at is null and n.cleared_at is null
                          for no key update skip locked) l);
    return v_held = (select count(*) from agenda.notifications n
                      where n.user_id = r.user_id and n.task_id = any (v_tasks)
                        and n.withdrawn_at is null and n.read_at is null and n.cleared_at is null);
end
$$;
comment on function agenda._hold_unread(agenda.recurring_tasks) is 'engine: locks unread notifications of a series'' open occurrences; false when somebody has one locked';

-- The timer of one series has come.  False when somebody has the series locked, or what it will withdraw, or nothing was owed.
create or replace function agenda._spawn(m agenda.timers, p_now timestamptz) returns boolean
    language plpgsql volatile as
$$
declare
    v_none pg_catalog.text;
    r      agenda.recurring_tasks;
    v_made agenda.tasks;
begin
    select * into r from agenda.recurring_tasks s
     where s.user_id = m.user_id and s.id = m.entity_id
       for no key update skip locked;
    if not found then
        if not exists (select from agenda.recurring_tasks s where s.user_id = m.user_id and s.id = m.entity_id) then
            v_none := agenda._drop_timer(m);
        end if;
        return false;
    end if;
    if not r.is_active and r.deleted_at is null and r.resume_at <= p_now then
        update agenda.recurring_tasks s set is_active = true
         where s.user_id = r.user_id and s.id = r.id;
        return true;
    end if;
    if not r.is_active or r.deleted_at is not null or r.next_due_at is null then
        v_none := agenda._drop_timer(m);
        return false;
    end if;
    if agenda._make_at(r) > p_now then
        update agenda.timers x set fire_at = agenda._make_at(r)
         where (x.user_id, x.entity, x.entity_id) = (m.user_id, m.entity, m.entity_id);
        return false;
    end if;
    if r.overlap = 'hold' and agenda._has_open(r) then
        -- whoever closes that one asks again
        v_none := agenda._drop_timer(m);
        v_none := agenda._count_overlap(r, 1);
        return true;
    end if;
    if r.overlap = 'supersede' and not agenda._hold_unread(r) then
        return false;
    end if;
    v_made := agenda._catch_up(r, p_now, 'schedule');
    if v_made.id is not null and (r.spawn = 'completion' or r.basis = 'completion') then
        v_none := agenda._drop_timer(m);
    elsif v_made.id is null then
        -- all that was left has been passed over, and no completion will bring another
        perform agenda._end_series(s) from agenda.recurring_tasks s
          where s.user_id = r.user_id and s.id = r.id and s.spawn = 'completion' and s.next_key is null;
    end if;
    return true;
end
$$;
comment on function agenda._spawn(agenda.timers, timestamptz) is 'engine: makes what a series owes when its timer has come';
