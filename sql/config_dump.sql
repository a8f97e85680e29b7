-- ---- what pg_dump takes along -------------------------------------------------------------------
-- Rows of the tables below are users' data.  The partitions of the log are no members of the
-- extension, so pg_dump sees them as tables of their own.

do $$
declare
    t name;
begin
    foreach t in array '{users,preferences,holidays,recurring_tasks,recurrence_overrides,tasks,ical_uids,reminders,timers,notifications,notification_retention,channels,channel_secrets,channel_trials,deliveries,events,ticks,replays,log_leaves,log_owners,dead_letters,idempotency_keys,inbox,stream_tickets,events_seq,ticks_tick,dead_letters_id_seq}'::name[] loop
        perform pg_catalog.pg_extension_config_dump(pg_catalog.format('agenda.%I', t)::regclass, '');
    end loop;
end
$$;

select agenda.use_topic_profile('per-type');
select pg_catalog.pg_extension_config_dump('agenda.topic_routes', '');
select pg_catalog.pg_extension_config_dump('agenda.topics', '');

-- a launcher that runs already looks at this database after the commit
select agenda._wake_launcher();
