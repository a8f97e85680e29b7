-- What is held is told once, and not before its time: users who want no digests, clocks that are set back, due dates
-- that move away and back, completions that are taken back.
begin;
set local search_path = public;
select no_plan();

set local agenda.now = '2025-03-10 12:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
delete from agenda.timers;

create function pg_temp.at(t timestamptz) returns void language plpgsql as
$$begin
    perform set_config('agenda.now', t::text, true);
    while (select raised from agenda._scan(t, '-infinity', 1000)) > 0 loop end loop;
end$$;
create function pg_temp.inbox() returns text language sql as
$$select string_agg(type || ' ' || title || case when silent then ' (silent)' else '' end, ', ' order by scheduled_for, type, title) from agenda.list_notifications(page_size => 100)$$;
create function pg_temp.empty() returns void language sql as
$$delete from agenda.tasks; delete from agenda.recurring_tasks; delete from agenda.notifications$$;
create function pg_temp.held() returns bigint language sql as
$$select count(*) from agenda.notifications where held_until is not null and withdrawn_at is null$$;

-- ---- who wants no digests ----
select agenda.set_preferences('{"enabled_types": ["due", "reminder"], "quiet_start": "22:00", "quiet_end": "07:00"}');
select agenda.create_task('Night', due => '2025-03-10T23:00:00Z');
select pg_temp.at('2025-03-10 23:00+00');
select agenda.set_preferences('{"quiet_end": "08:00"}');
select pg_temp.at('2025-03-10 23:06+00');
select is(pg_temp.inbox(), null, 'another choice at night releases nothing');
select agenda.set_preferences('{"paused_until": "2025-03-11T23:00:00Z"}');
select pg_temp.at('2025-03-11 08:00+00');
select is(pg_temp.inbox(), null, 'nor does a vacation that begins');
select is(pg_temp.held(), 1::bigint, 'it is held');
select pg_temp.at('2025-03-11 23:00+00');
select is(pg_temp.inbox(), null, 'a vacation that ends in quiet hours rings when these are over');
select pg_temp.at('2025-03-12 08:00+00');
select is(pg_temp.inbox(), 'due Night', 'then');
select agenda.set_preferences('{"paused_until": null}');
select pg_temp.empty();

select count(agenda.create_task('N' || g, due => '2025-03-12T23:00:00Z')) from generate_series(1, 60) g;
select pg_temp.at('2025-03-12 23:00+00');
select is(pg_temp.held(), 60::bigint, 'more than one digest could name');
select pg_temp.at('2025-03-13 08:00+00');
select is(agenda.unread_count(), 60::bigint, 'are all told, one by one');
select pg_temp.empty();

-- ---- what is wanted no more ----
select agenda.create_task('Not wanted', due => '2025-03-13T23:00:00Z');
select pg_temp.at('2025-03-13 23:00+00');
select agenda.set_preferences('{"enabled_types": ["reminder"]}');
select pg_temp.at('2025-03-14 08:00+00');
select is(pg_temp.inbox(), null, 'a type that was turned off meanwhile is not told');
select pg_temp.empty();
select agenda.set_preferences('{"enabled_types": ["due", "digest"]}');
select agenda.create_task('Off', due => '2025-03-14T23:00:00Z');
select pg_temp.at('2025-03-14 23:00+00');
select agenda.set_preferences('{"reminders_enabled": false}');
select pg_temp.at('2025-03-15 08:00+00');
select is(pg_temp.inbox(), null, 'nor is anything after reminders_enabled was turned off');
select is(pg_temp.held(), 0::bigint, 'and nothing stays held');
select agenda.set_preferences('{"reminders_enabled": true}');
select pg_temp.empty();

-- ---- two releases at one instant ----
select count(agenda.create_task('X' || g, due => '2025-03-18T23:00:00Z')) from generate_series(1, 3) g;
select count(agenda.create_task('Y' || g, due => '2025-03-19T07:59:50Z')) from generate_series(1, 3) g;
select pg_temp.at('2025-03-18 23:00+00');
select pg_temp.at('2025-03-19 07:59+00');
-- a scanner whose round began before the end of quiet hours commits behind the one that has released
set local agenda.now = '2025-03-19 08:00:00.1+00';
select agenda._fire(array(select m from agenda.timers m where m.entity = 'user'), '2025-03-19 08:00:00.1+00');
select pg_temp.at('2025-03-19 07:59:59.9+00');
select pg_temp.at('2025-03-19 08:00:00.2+00');
select is((select string_agg(title, ', ') from agenda.list_notifications(types => '{digest}')), '3 tasks while you wanted quiet, 3 tasks while you wanted quiet',
    'what the second release finds is told');
select is_empty($$select from agenda.notifications n where n.merged_into is not null
                   and not exists (select from agenda.notifications d where d.user_id = n.user_id and d.id = n.merged_into)$$, 'nothing is merged into what is not there');
select pg_temp.empty();
-- the digest of a day comes once, whatever the clock does
select agenda.set_preferences('{"quiet_start": null, "quiet_end": null, "digest_time": "08:00"}');
select agenda.create_task('Due', due => '2025-03-20T15:00:00Z');
select agenda._release(m, '2025-03-20 08:00+00') from agenda.timers m where m.entity = 'user';
select pg_temp.at('2025-03-20 07:59+00');
select agenda._plan_release(agenda.get_preferences(), agenda.now());
select pg_temp.at('2025-03-20 08:00+00');
select is((select count(*) from agenda.list_notifications(types => '{digest}')), 1::bigint, 'one digest, although the clock was set back');
select agenda.set_preferences('{"digest_time": null}');
select pg_temp.empty();

-- ---- there and back ----
create function pg_temp.move(p_title text, p_due timestamptz) returns void language sql as
$$select agenda.reschedule_task(t.id, agenda.utc(p_due)) from agenda.tasks t where t.title = p_title$$;
select agenda.set_preferences('{"enabled_types": null}');
select agenda.create_task('Moved', due => '2025-03-22T09:00:00Z');
select pg_temp.at('2025-03-21 10:00+00');
select is(pg_temp.inbox(), 'due_soon Moved', 'due soon');
select pg_temp.move('Moved', '2025-03-25 09:00+00');
select pg_temp.at('2025-03-21 10:01+00');
select is(pg_temp.inbox(), null, 'moved away it is taken back');
select pg_temp.move('Moved', '2025-03-22 09:00+00');
select pg_temp.at('2025-03-21 10:02+00');
select is(pg_temp.inbox(), 'due_soon Moved', 'moved back it is told again');
select agenda.mark_all_read();
select pg_temp.move('Moved', '2025-03-25 09:00+00');
select pg_temp.at('2025-03-21 10:03+00');
select pg_temp.move('Moved', '2025-03-22 09:00+00');
select pg_temp.at('2025-03-21 10:04+00');
select is((select count(*) from agenda.notifications where withdrawn_at is null), 1::bigint, 'but not when it has been read');
select pg_temp.empty();

-- ---- done and not done ----
select agenda.create_task('Undone', due => '2025-03-23T09:00:00Z', reminders => '["-2 hours"]');
select pg_temp.at(x) from unnest('{2025-03-22 12:00+00,2025-03-23 07:00+00,2025-03-23 09:20+00}'::timestamptz[]) x;
create temp table before as select n.* from agenda.list_notifications() n;
select is(pg_temp.inbox(), 'due_soon Undone, reminder Undone, overdue Undone', 'told before it is completed');
create temp table done as select (agenda.complete_task(id)).undo_token as token from agenda.tasks;
select is(pg_temp.inbox(), null, 'completed it is out of the inbox');
select agenda.undo(token) from done;
select pg_temp.at('2025-03-23 09:21+00');
select is(pg_temp.inbox(), 'due_soon Undone, reminder Undone, overdue Undone', 'and back when that is taken back');
select is((select type from agenda.events where subject = (select id::text from before where type = 'overdue') and type like 'notification.%' order by seq desc limit 1),
    'notification.created', 'of which an event tells');
select agenda.delete_task(id) from agenda.tasks;
select agenda.restore_task(id) from agenda.tasks;
select is(pg_temp.inbox(), 'due_soon Undone, reminder Undone, overdue Undone', 'so of a deletion');
select agenda.mark_all_read();
select agenda.complete_task(id) from agenda.tasks;
select agenda.reopen_task(id) from agenda.tasks;
select is(agenda.unread_count(), 0::bigint, 'what was read stays so');
select pg_temp.empty();
-- held meanwhile
select agenda.set_preferences('{"quiet_start": "22:00", "quiet_end": "07:00", "enabled_types": ["due", "digest"]}');
select agenda.create_task('Asleep', due => '2025-03-23T23:00:00Z');
select pg_temp.at('2025-03-23 23:00+00');
select agenda.reopen_task(((agenda.complete_task(id)).task).id) from agenda.tasks;
select pg_temp.at('2025-03-24 07:00+00');
select is(pg_temp.inbox(), 'due Asleep', 'what was held is told in the morning');
select agenda.set_preferences('{"quiet_start": null, "quiet_end": null, "enabled_types": null}');
select pg_temp.empty();

select is_empty('select * from agenda.fsck()', 'everything is consistent');
select * from finish();
rollback;
