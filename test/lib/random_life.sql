-- Somebody's life at random: what a user may do, and what must be so whatever was done.  For test/sql/48_property.sql,
-- which is one user in one transaction, and test/t/117_life_crash.t, in which servers die.
create function pg_temp.pick(variadic p text[]) returns text language sql volatile as
$$select p[1 + floor(random() * cardinality(p))::int]$$;
-- in an order of their own first, so that a seed draws the same again
create function pg_temp.any_task(p_deleted boolean default false) returns uuid language sql volatile as
$$select id from (select id from agenda.tasks where (deleted_at is not null) = p_deleted order by id) t order by random() limit 1$$;
create function pg_temp.any_reminder() returns uuid language sql volatile as
$$select id from (select id from agenda.reminders where task_id is not null order by id) r order by random() limit 1$$;
create function pg_temp.any_series() returns uuid language sql volatile as
$$select id from (select id from agenda.recurring_tasks where deleted_at is null order by id) s order by random() limit 1$$;
create function pg_temp.any_due() returns text language sql volatile as
$$select case when random() < 0.3 then to_char((agenda.now() + random() * interval '120 hours') at time zone 'UTC', 'YYYY-MM-DD')
              when random() < 0.5 then to_char((agenda.now() + (random() - 0.2) * interval '120 hours') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI')
              else agenda.utc(date_trunc('second', agenda.now() + (random() - 0.2) * interval '120 hours')) end$$;

-- Something that somebody may do.  Who is not alone leaves the preferences as they are: a task that is written beside
-- a change of them has its times by the old ones.
create function pg_temp.deed(p_alone boolean default true) returns text language sql volatile as
$$select w from unnest('{create,create,create,rule,series,due,due,nodue,complete,complete,skip,cancel,reopen,delete,restore,remind,remind,remind,nag,unremind,
                         change,snooze,snooze_reminder,acknowledge,read,clear,undo,edit,pause,resume,one,away,
                         defaults,zone,quiet,loud,vacation,digest,window,repeat,types}'::text[]) with ordinality x (w, n)
   where p_alone or n <= 32 order by random() limit 1$$;

-- one step in somebody's life
create function pg_temp.step(v_what text) returns text language plpgsql as $$
declare
    v_to   timestamptz;
begin
    case v_what
        when 'create' then perform agenda.create_task('T', due => pg_temp.any_due(), priority => 1 + floor(random() * 3)::int,
                                                      timezone => pg_temp.pick(null, 'Europe/Berlin', 'Asia/Kolkata'));
        when 'rule' then perform agenda.create_task('R', due => pg_temp.any_due(), recurrence_rule => pg_temp.pick('daily', 'weekly', 'FREQ=DAILY;INTERVAL=2'));
        when 'series' then perform agenda.set_series_reminders((agenda.create_recurring_task('S', pg_temp.pick('daily', 'weekly'),
                                                               policy => pg_temp.pick('fixed', 'must_do', 'habit', 'sequential', 'on_completion'))).id, '["-1 hour", "30 minutes"]');
        when 'due' then perform agenda.update_task(pg_temp.any_task(), jsonb_build_object('due_date', pg_temp.any_due()));
        when 'nodue' then perform agenda.update_task(pg_temp.any_task(), '{"due_date": null}');
        when 'complete' then perform agenda.complete_task(pg_temp.any_task());
        when 'undo' then perform agenda.undo((agenda.complete_task(pg_temp.any_task())).undo_token);
        when 'skip' then perform agenda.skip_task(pg_temp.any_task());
        when 'cancel' then perform agenda.cancel_task(pg_temp.any_task());
        when 'reopen' then perform agenda.reopen_task(pg_temp.any_task());
        when 'delete' then perform agenda.delete_task(pg_temp.any_task());
        when 'restore' then perform agenda.restore_task(pg_temp.any_task(true));
        when 'remind' then perform agenda.add_reminder(pg_temp.any_task(), pg_temp.pick('-1 day', '-3 hours', '0', '2 hours', '-90 minutes')::interval,
                                                       anchor => pg_temp.pick('due', 'due', 'overdue', 'created'));
        when 'nag' then perform agenda.add_reminder(pg_temp.any_task(), '0', repeat_every => pg_temp.pick('1 hour', '7 hours')::interval, until_done => random() < 0.5, repeat_max => 5);
        when 'unremind' then perform agenda.delete_reminder(pg_temp.any_reminder());
        when 'change' then perform agenda.update_reminder(pg_temp.any_reminder(), pg_temp.pick('{"offset": "-2 hours"}', '{"offset": "-1 day", "at_time": "18:00"}')::jsonb);
        when 'snooze' then perform agenda.snooze(pg_temp.any_task(), random() * interval '24 hours', move_due => random() < 0.2);
        when 'snooze_reminder' then perform agenda.snooze_reminder(pg_temp.any_reminder(), random() * interval '24 hours');
        when 'acknowledge' then perform agenda.acknowledge(pg_temp.any_reminder());
        when 'defaults' then perform agenda.set_preferences(pg_temp.pick('{"default_reminders": null}', '{"default_reminders": ["-1 hour"]}')::jsonb);
        when 'zone' then perform agenda.set_preferences(jsonb_build_object('timezone', pg_temp.pick('UTC', 'Europe/Berlin', 'America/New_York', 'Pacific/Apia')));
        when 'quiet' then perform agenda.set_preferences(jsonb_build_object('quiet_start', '22:00', 'quiet_end', '07:00', 'quiet_policy', pg_temp.pick('hold', 'hold', 'silent', 'drop')));
        when 'loud' then perform agenda.set_preferences('{"quiet_start": null, "quiet_end": null}');
        when 'vacation' then perform agenda.set_preferences(jsonb_build_object('paused_until', case when random() < 0.5 then agenda.utc(agenda.now() + random() * interval '72 hours') end));
        when 'digest' then perform agenda.set_preferences(jsonb_build_object('digest_time', pg_temp.pick(null, '08:00')));
        when 'window' then perform agenda.set_preferences(jsonb_build_object('due_soon_window', pg_temp.pick('1 hour', '24 hours', '3 days'), 'overdue_grace', pg_temp.pick('0', '15 minutes', '2 hours'),
                                                                             'all_day_time', pg_temp.pick('06:00', '09:00')));
        when 'repeat' then perform agenda.set_preferences(jsonb_build_object('overdue_repeat', pg_temp.pick(null, '6 hours', '1 day')));
        when 'types' then perform agenda.set_preferences(jsonb_build_object('reminders_enabled', random() < 0.8));
        when 'edit' then perform agenda.update_task(pg_temp.any_task(), jsonb_build_object('title', pg_temp.pick('U', 'V'), 'priority', 1 + floor(random() * 3)::int));
        when 'pause' then perform agenda.pause_recurring_task(pg_temp.any_series(), case when random() < 0.7 then agenda.utc(agenda.now() + random() * interval '120 hours') end);
        when 'resume' then perform agenda.resume_recurring_task(pg_temp.any_series());
        when 'one' then perform agenda.patch_occurrence(s.id, o.occurrence_key, pg_temp.pick('{"title": "W"}', '{"priority": 1, "description": "w"}')::jsonb, pg_temp.pick('this', 'this', 'following', 'all'))
                           from pg_temp.any_series() s (id), lateral (select * from agenda.preview_recurring_task(s.id, 4) order by random() limit 1) o;
        when 'away' then perform agenda.skip_occurrence(s.id, o.occurrence_key)
                            from pg_temp.any_series() s (id), lateral (select * from agenda.preview_recurring_task(s.id, 4) order by random() limit 1) o;
        when 'read' then perform agenda.mark_all_read();
        when 'clear' then perform agenda.clear_notifications();
        when 'jump' then
            v_to := agenda.now() + random() ^ 3 * interval '96 hours';
            perform set_config('agenda.now', agenda.utc(v_to), true);
            while (select raised from agenda._scan(v_to, '-infinity', 100)) > 0 loop end loop;
    end case;
    return v_what;
exception when sqlstate 'YA001' or sqlstate 'YA007' or sqlstate 'YA005' or sqlstate 'YA006' then
    -- there was none, or it was not in that state
    return v_what || ' refused: ' || sqlerrm;
end $$;

-- what must be so at any time, told without the engine's own functions
create function pg_temp.wrong() returns setof text language sql as $$
    select format('%s %s %s: %s', check_name, entity, id, problem) from agenda.fsck()
    union all
    select format('notification %s about the future (%s)', id, scheduled_for) from agenda.notifications
     where scheduled_for > agenda.now() and withdrawn_at is null
    union all
    select format('reminder %s of an open task that is due at %s, offset %s, stands at %s', r.id, t.due_date, r.offset_by, r.fire_at)
      from agenda.reminders r join agenda.tasks t on t.id = r.task_id
     where r.anchor = 'due' and t.due_kind <> 'date' and r.at_time is null and r.offset_by = make_interval(secs => extract(epoch from r.offset_by))
       and r.state = 'scheduled' and r.fired_count = 0 and r.snoozed_until is null and r.fire_at is distinct from t.due_date + r.offset_by
    union all
    select format('task %s is told as %s %s times', t.id, e.type, count(*))
      from agenda.tasks t join agenda.events e on e.subject = t.id::text and e.type in ('task.due_soon', 'task.due', 'task.overdue')
     where not exists (select from agenda.events c where c.subject = t.id::text and c.data->'changed' ? 'due_date')
     group by t.id, e.type having count(*) > 1
    union all
    select format('%s %s is owed and was not raised', entity, entity_id) from agenda.timers
     where fire_at <= agenda.now() and current_setting('test.quiet') = 'on'
    union all
    select format('notification %s was held until %s and is still', id, held_until) from agenda.notifications
     where held_until <= agenda.now() and withdrawn_at is null and current_setting('test.quiet') = 'on'
$$;
