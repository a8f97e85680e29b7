-- ---- row-level security ------------------------------------------------------------------------
-- Everybody sees the rows of the acting user; nobody acting, nothing to see.  FORCE holds it for
-- agenda_owner too, so that our own SECURITY DEFINER functions can't leak.  The engine's tables
-- (timers, events) are written by the owner for all users and therefore not forced.

do $$
declare
    t name;
begin
    foreach t in array '{users,preferences,recurring_tasks,recurrence_overrides,tasks,ical_uids,reminders,notifications,holidays,channels,channel_secrets,channel_trials,deliveries}'::name[] loop
        execute pg_catalog.format('alter table agenda.%I enable row level security, force row level security', t);
        execute pg_catalog.format('create policy owner on agenda.%I using (%I = (select agenda.current_user_id()))',
                                  t, case t when 'users' then 'id' else 'user_id' end);
    end loop;
    foreach t in array '{idempotency_keys,stream_tickets,timers,events,dead_letters}'::name[] loop
        execute pg_catalog.format('alter table agenda.%I enable row level security', t);
        execute pg_catalog.format('create policy owner on agenda.%I for select using (user_id = (select agenda.current_user_id()))', t);
    end loop;
end
$$;

-- shared calendars belong to nobody, and everybody reads them
create policy shared on agenda.holidays for select using (user_id is null);
