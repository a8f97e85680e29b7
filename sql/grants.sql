-- ---- ownership and grants: the only place that gives rights -----------------------------------

-- Tables, sequences, views and SECURITY DEFINER functions belong to agenda_owner.
do $$
declare
    o record;
begin
    for o in
        select c.oid::regclass as name
          from pg_catalog.pg_class c
         where c.relnamespace = 'agenda'::regnamespace and c.relkind in ('r', 'p', 'v')
    loop
        execute pg_catalog.format('alter table %s owner to agenda_owner', o.name);
    end loop;
    for o in
        select c.oid::regclass as name
          from pg_catalog.pg_class c
         where c.relnamespace = 'agenda'::regnamespace and c.relkind = 'S'
           and not exists (select from pg_catalog.pg_depend d
                            where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'i')
    loop
        execute pg_catalog.format('alter sequence %s owner to agenda_owner', o.name);
    end loop;
    for o in
        select p.oid::regprocedure as name
          from pg_catalog.pg_proc p
         where p.pronamespace = 'agenda'::regnamespace and p.prosecdef
    loop
        execute pg_catalog.format('alter function %s owner to agenda_owner', o.name);
    end loop;
end
$$;
-- the engine's round sees everybody's timers, a shared day off everybody's series
alter function agenda.gw_event_reminder_check(uuid, text, text) owner to agenda_service;
alter function agenda._holidays_changed() owner to agenda_service;

revoke all on all functions in schema agenda from public;
-- default privileges of whoever runs CREATE EXTENSION may have given rights to anybody: to change who acts, or to
-- make functions in a schema that ours look into
do $$
declare
    r regrole;
begin
    for r in
        select distinct a.grantee::regrole
          from (select c.relacl as acl, c.relowner as owner from pg_catalog.pg_class c where c.relnamespace = 'agenda'::regnamespace
                union all
                select p.proacl, p.proowner from pg_catalog.pg_proc p where p.pronamespace = 'agenda'::regnamespace
                union all
                select n.nspacl, n.nspowner from pg_catalog.pg_namespace n where n.nspname = 'agenda') x
         cross join lateral pg_catalog.aclexplode(x.acl) a
         where a.grantee not in (0, x.owner)
    loop
        execute pg_catalog.format('revoke all on schema agenda from %s', r);
        execute pg_catalog.format('revoke all on all tables in schema agenda from %s', r);
        execute pg_catalog.format('revoke all on all sequences in schema agenda from %s', r);
        execute pg_catalog.format('revoke all on all functions in schema agenda from %s', r);
    end loop;
    -- the same that PUBLIC may have got
    revoke all on schema agenda from public;
    revoke all on all tables in schema agenda from public;
    revoke all on all sequences in schema agenda from public;
end
$$;
-- the owner makes the partitions
grant usage, create on schema agenda to agenda_owner;
grant usage on schema agenda to public;
grant execute on all functions in schema agenda to agenda_owner, agenda_service;

-- the calculation is open to everybody who can see the schema
do $$
declare
    o record;
begin
    for o in
        select p.oid::regprocedure as name
          from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang
         where p.pronamespace = 'agenda'::regnamespace and l.lanname = 'c'
           and p.proname !~ '^_' and p.provolatile <> 'v'
           -- reading is C too, and is for those whom the comment names
           and coalesce(pg_catalog.obj_description(p.oid, 'pg_proc'), '') !~ '^[a-z]+: '
    loop
        execute pg_catalog.format('grant execute on function %s to public', o.name);
    end loop;
end
$$;

-- Applications and persons.  Columns that are not granted are the engine's.
-- The comment of a function says who calls it: "engine:" functions are for triggers, workers and functions
-- with the owner's rights, "operator:" for whoever runs the server, "application:" not for one person's login,
-- "gateway:" for the gateway; "internal:" ones are helpers that run with the rights of the caller of a public function.  Without a comment there is no grant.
do $$
declare
    r name;
    o record;
begin
    foreach r in array '{agenda_app,agenda_user}'::name[] loop
        execute pg_catalog.format('grant select on agenda.users, agenda.preferences, agenda.holidays, agenda.recurring_tasks, agenda.recurrence_overrides, agenda.tasks,
                                   agenda.ical_uids, agenda.reminders, agenda.notifications, agenda.notification_retention, agenda.channels, agenda.deliveries,
                                   agenda.timers, agenda.events, agenda.topic_routes, agenda.topics, agenda.audit_log, agenda.task_event_log to %I', r);
        execute pg_catalog.format('grant insert (id, user_id, title, description, status, priority, due_date, timezone,
                                                 due_kind, due_local, tags, checklist, recurrence_rule),
                                         update (title, description, status, priority, due_date, timezone,
                                                 due_kind, due_local, tags, checklist, recurrence_rule, own_reminders, deleted_at),
                                         delete on agenda.tasks to %I', r);
        execute pg_catalog.format('grant insert (id, user_id, title, description, priority, tags, checklist, own_reminders,
                                                 recurrence_type, recurrence_interval, rrule, invalid_day,
                                                 start_date, end_date, timezone, all_day, dst_gap, dst_fold, business_shift, holiday_calendar,
                                                 basis, spawn, overlap, missed, catchup_window, lead_time, is_active, resume_at),
                                         update (title, description, priority, tags, checklist, own_reminders, reminders_set_at,
                                                 recurrence_type, recurrence_interval, rrule, invalid_day,
                                                 start_date, end_date, timezone, floating, all_day, dst_gap, dst_fold, business_shift, holiday_calendar,
                                                 basis, spawn, overlap, missed, catchup_window, lead_time, is_active, resume_at, deleted_at),
                                         delete on agenda.recurring_tasks to %I', r);
        execute pg_catalog.format('grant insert (user_id, recurring_task_id, occurrence_key, kind, patch, reason),
                                         update (kind, patch, reason), delete on agenda.recurrence_overrides to %I', r);
        execute pg_catalog.format('grant update (read_at, cleared_at) on agenda.notifications to %I', r);
        execute pg_catalog.format('grant insert (user_id, %1$s), update (%1$s) on agenda.preferences to %2$I',
            'timezone, locale, week_start, due_soon_window, overdue_grace, overdue_repeat, overdue_repeat_max,
             notifications_enabled, reminders_enabled, enabled_types, all_day_time, default_reminders, catchup_window,
             quiet_start, quiet_end, quiet_days, quiet_policy, quiet_break_priority, paused_until,
             digest_time, digest_days, digest_types, workdays, holiday_calendar', r);
        execute pg_catalog.format('grant insert (id, user_id, task_id, recurring_task_id, %1$s), update (%1$s), delete on agenda.reminders to %2$I',
            'anchor, offset_by, at_time, absolute_local, absolute_zone, repeat_every, repeat_max, until_done', r);
        execute pg_catalog.format('grant insert (user_id, calendar, day, label), update (label), delete on agenda.holidays to %I', r);
        for o in
            select p.oid::regprocedure as name
              from pg_catalog.pg_proc p
             where p.pronamespace = 'agenda'::regnamespace
               and pg_catalog.obj_description(p.oid, 'pg_proc') !~ '^(engine|operator|application|gateway): '
               and p.prorettype <> 'trigger'::regtype
        loop
            execute pg_catalog.format('grant execute on function %s to %I', o.name, r);
        end loop;
    end loop;
end
$$;
do $$
declare
    o record;
begin
    for o in
        select p.oid::regprocedure as name
          from pg_catalog.pg_proc p
         where p.pronamespace = 'agenda'::regnamespace and pg_catalog.obj_description(p.oid, 'pg_proc') ~ '^application: '
    loop
        execute pg_catalog.format('grant execute on function %s to agenda_app', o.name);
    end loop;
end
$$;
-- an application may ask whether its reminders will come
grant execute on function agenda.health(), agenda.log_position() to agenda_monitor, agenda_app;
grant execute on function agenda.metrics() to agenda_monitor;

-- The gateway: its own functions and nothing else.
do $$
declare
    o record;
begin
    for o in
        select p.oid::regprocedure as name
          from pg_catalog.pg_proc p
         where p.pronamespace = 'agenda'::regnamespace and p.proname ~ '^gw_'
    loop
        execute pg_catalog.format('grant execute on function %s to agenda_gateway', o.name);
    end loop;
end
$$;

-- Engine, migrations, bulk load.  The log stays append-only, and _emit() its only writer.
grant select, insert, update, delete on agenda.users, agenda.preferences, agenda.holidays, agenda.recurring_tasks, agenda.recurrence_overrides, agenda.tasks,
    agenda.ical_uids, agenda.reminders, agenda.timers, agenda.notifications, agenda.notification_retention, agenda.channels, agenda.channel_secrets, agenda.channel_trials, agenda.deliveries, agenda.topic_routes, agenda.topics, agenda.log_owners to agenda_service;
grant update on agenda.log_leaves to agenda_service;
grant select on agenda.events, agenda.audit_log, agenda.task_event_log, agenda.log_leaves to agenda_service;
grant select, insert on agenda.ticks, agenda.dead_letters to agenda_service;
grant update, delete on agenda.dead_letters to agenda_service;
grant usage, select on sequence agenda.events_seq, agenda.ticks_tick, agenda.dead_letters_id_seq to agenda_service;

