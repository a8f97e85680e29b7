-- Reminders that are owed while the scanner is late, and snoozes: neither is lost when something else changes, and
-- none comes back that was cancelled.
begin;
set local search_path = public;
select no_plan();

set local agenda.now = '2025-03-10 08:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
delete from agenda.timers;

create function pg_temp.at(t timestamptz) returns void language plpgsql as
$$begin
    perform set_config('agenda.now', t::text, true);
    while (select raised from agenda._scan(t, '-infinity', 1000)) > 0 loop end loop;
end$$;
create function pg_temp.told(p_title text) returns bigint language sql as
$$select count(*) from agenda.notifications where title = p_title and type = 'reminder'$$;
create function pg_temp.waits(p_title text) returns text language sql as
$$select string_agg(r.state || coalesce(' ' || to_char(r.fire_at at time zone 'UTC', 'MM-DD HH24:MI'), ''), ', ' order by r.created_at, r.id)
    from agenda.reminders r join agenda.tasks t on t.id = r.task_id where t.title = p_title$$;
create function pg_temp.task(p_title text) returns uuid language sql as $$select id from agenda.tasks where title = p_title$$;

-- ---- owed, and the scanner is late ----
select agenda.create_task('Status', due => '2025-03-11T12:00:00Z', reminders => '["-1 hour"]');
set local agenda.now = '2025-03-11 11:00:30+00';
select agenda.update_task(pg_temp.task('Status'), '{"status": "in_progress"}');
select is(pg_temp.waits('Status'), 'scheduled 03-11 11:00', 'another status leaves it owed');
select pg_temp.at('2025-03-11 11:00:31+00');
select is(pg_temp.told('Status'), 1::bigint, 'and it is told');
select agenda.update_task(pg_temp.task('Status'), '{"status": "pending"}');
select pg_temp.at('2025-03-11 11:02+00');
select is(pg_temp.told('Status'), 1::bigint, 'once');
select agenda.create_task('Past', due => '2025-03-11T11:30:00Z', reminders => '["-1 hour"]');
select is(pg_temp.waits('Past'), 'expired', 'what has passed when it is made is not');
select agenda.update_task(pg_temp.task('Past'), '{"due_date": "2025-03-11T11:40:00Z"}');
select is(pg_temp.waits('Past'), 'expired', 'nor by a due date that is too near');

select agenda.create_task('Nag', due => '2025-03-12T12:00:00Z');
select agenda.add_reminder(pg_temp.task('Nag'), '-1 hour', repeat_every => '1 day', repeat_max => 3);
select pg_temp.at('2025-03-12 11:00+00');
set local agenda.now = '2025-03-13 12:00:00+00';
select agenda.update_task(pg_temp.task('Nag'), '{"status": "in_progress"}');
select is(pg_temp.waits('Nag'), 'scheduled 03-13 11:00', 'so of a repetition');
select pg_temp.at('2025-03-13 12:00+00');
select is(pg_temp.told('Nag'), 2::bigint, 'which is told');

select agenda.create_task('Grace', due => '2025-03-14T12:00:00Z', reminders => '["-1 hour", {"anchor": "overdue"}, {"anchor": "overdue", "offset": "1 hour"}]');
set local agenda.now = '2025-03-14 12:30:00+00';
select agenda.set_preferences('{"overdue_grace": "20 minutes"}');
select is(pg_temp.waits('Grace'), 'scheduled 03-14 11:00, scheduled 03-14 12:20, scheduled 03-14 13:20', 'other preferences: owed as well, at the time that it has now');
select is_empty('select * from agenda.fsck()', 'as the self-check has it');
select pg_temp.at('2025-03-14 12:31+00');
select is(pg_temp.waits('Grace'), 'fired, fired, scheduled 03-14 13:20', 'and raised');
select agenda.set_preferences('{"overdue_grace": null}');

-- ---- snoozes ----
select agenda.create_task('Snooze', due => '2025-03-15T12:00:00Z');
select agenda.snooze(pg_temp.task('Snooze'), until_at => '2025-03-17 09:00+00');
select agenda.reschedule_task(pg_temp.task('Snooze'), '2025-03-20T12:00:00Z');
select is(pg_temp.waits('Snooze'), 'cancelled', 'another due date cancels it');
select agenda.update_task(pg_temp.task('Snooze'), '{"status": "in_progress"}');
select agenda.undo((agenda.complete_task(pg_temp.task('Snooze'))).undo_token);
select is(pg_temp.waits('Snooze'), 'cancelled', 'for good');
select agenda.snooze(pg_temp.task('Snooze'), until_at => '2025-03-17 10:00+00');
select is(pg_temp.waits('Snooze'), 'scheduled 03-17 10:00', 'until one snoozes again');
select agenda.snooze(pg_temp.task('Snooze'), until_at => '2025-03-18 09:00+00');
select agenda.undo((agenda.complete_task(pg_temp.task('Snooze'))).undo_token);
select is(pg_temp.waits('Snooze'), 'scheduled 03-18 09:00', 'the second snooze outlives a completion that is taken back');
select agenda.delete_task(pg_temp.task('Snooze'));
select is(pg_temp.waits('Snooze'), 'cancelled', 'a deletion cancels it');
select agenda.restore_task(pg_temp.task('Snooze'));
select is(pg_temp.waits('Snooze'), 'scheduled 03-18 09:00', 'until the task is restored');
select agenda.complete_task(pg_temp.task('Snooze'));
select pg_temp.at('2025-03-18 10:00+00');
select agenda.reopen_task(pg_temp.task('Snooze'));
select is(pg_temp.waits('Snooze'), 'expired', 'or its time has passed meanwhile');
select agenda.create_task('Put off', due => '2025-03-20T12:00:00Z', reminders => '["-1 day"]');
select agenda.snooze_reminder(r.id, until_at => '2025-03-19 18:00+00') from agenda.reminders r where r.task_id = pg_temp.task('Put off');
select agenda.undo((agenda.complete_task(pg_temp.task('Put off'))).undo_token);
select is(pg_temp.waits('Put off'), 'scheduled 03-19 18:00', 'a reminder that is put off stays so');

select is_empty('select * from agenda.fsck()', 'everything is consistent');
select * from finish();
rollback;
