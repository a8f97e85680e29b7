-- Where two features meet: what a pause, an override, a snooze, a zone or quiet hours make of one another.
begin;
set local search_path = public;
select no_plan();

create function pg_temp.act() returns void language sql as
    $$select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000137')$$;
create function pg_temp.at(p text) returns void language plpgsql as $$
begin
    perform set_config('agenda.now', p, true);
    perform agenda.act_as(null);
    while (agenda.check_due_tasks(1000)).raised > 0 loop
    end loop;
    perform pg_temp.act();
end $$;
create function pg_temp.utc(p timestamptz) returns text language sql as $$select to_char(p at time zone 'UTC', 'MM-DD HH24:MI')$$;
create function pg_temp.dues(p_series uuid, p_status text default '%') returns text language sql as $$
    select string_agg(pg_temp.utc(t.due_date), ', ' order by t.occurrence_key)
      from agenda.tasks t where t.recurring_task_id = p_series and t.status like p_status and t.deleted_at is null
$$;
create function pg_temp.ahead(p_series uuid, n integer default 3) returns text language sql as $$
    select string_agg(pg_temp.utc(o.due_at) || ' ' || o.title, ', ' order by o.occurrence_key) from agenda.preview_recurring_task(p_series, n) o
$$;
create function pg_temp.told(p_task uuid) returns text language sql as $$
    select string_agg(n.type || pg_temp.utc(n.scheduled_for), ', ' order by n.scheduled_for) from agenda.notifications n
     where n.task_id = p_task and n.withdrawn_at is null
$$;

-- ---- undo ----------------------------------------------------------------------------------------
-- what the engine does to a successor is nobody's change of it
select pg_temp.at('2025-03-10 06:00+00');
select agenda.set_preferences('{"timezone": "Europe/Berlin"}');
create temp table water as select * from agenda.create_task('Water', due => '2025-03-10T09:00', recurrence_rule => 'daily');
create temp table done as select x.* from water, agenda.complete_task(id) x;
select agenda.set_preferences('{"timezone": "America/New_York"}');
select is(pg_temp.utc((agenda.get_task((next_task).id)).due_date), '03-11 13:00', 'another zone moves what follows') from done;
select is(agenda.undo(undo_token)->>'withdrawn_task_id', (next_task).id::text, 'which undo takes back all the same') from done;
select is(pg_temp.utc((agenda.get_task(id)).due_date), '03-10 13:00', 'and what is open again is due by the new zone') from water;
create temp table told as select x.* from water, agenda.complete_task(id) x;
select pg_temp.at('2025-03-11 13:00+00');
select isnt(pg_temp.told((next_task).id), null, 'its owner has been told of what follows') from told;
select is(agenda.undo(undo_token)->>'withdrawn_task_id', (next_task).id::text, 'which does not keep undo from taking it back') from told;
select is((select count(*) from agenda.notifications n, told where n.task_id = (next_task).id and n.withdrawn_at is null), 0::bigint, 'with what was told');
create temp table other as select x.* from water, agenda.complete_task(id) x;
select agenda.update_recurring_task(recurring_task_id, '{"title": "Water, much"}') from water;
select agenda.set_preferences('{"timezone": "Asia/Tokyo"}');
select is(agenda.undo(undo_token)->>'withdrawn_task_id', null, 'one that differs from its template is somebody''s') from other;
select agenda.delete_recurring_task(recurring_task_id, null, 'delete') from water;

-- ---- pauses ----------------------------------------------------------------------------------------
select agenda.set_preferences('{"timezone": "UTC"}');
select pg_temp.at('2025-04-05 09:00+00');
create function pg_temp.daily(p_title text, p_policy text default 'fixed') returns uuid language sql as $$
    select (agenda.create_recurring_task(p_title, 'daily', start_date => '2025-04-05T09:00:00Z', policy => p_policy)).id
$$;
create temp table until as select n as name, pg_temp.daily(n) as id from unnest('{"by hand","by itself"}'::text[]) n;
select agenda.pause_recurring_task(id, until => '2025-04-07T00:00:00Z') from until;
set local agenda.now = '2025-04-09 10:00+00';
select agenda.resume_recurring_task(id) from until where name = 'by hand';
select pg_temp.at('2025-04-09 10:00+00');
select is(pg_temp.dues(id), '04-05 09:00, 04-09 09:00', name || ': a pause whose end nobody saw has ended then') from until;
select is((agenda.get_recurring_task(id)).missed_count, 3::bigint, name || ': and the same is missed') from until;
create temp table early as select pg_temp.daily('early') as id;
select agenda.pause_recurring_task(id, until => '2025-05-01T00:00:00Z') from early;
select pg_temp.at('2025-04-12 10:00+00');
select is((agenda.resume_recurring_task(id)).next_due_at, '2025-04-13 09:00+00'::timestamptz, 'one that is ended before its time ends now') from early;

create temp table p as select pg_temp.daily('paused') as id;
select agenda.pause_recurring_task(id) from p;
select pg_temp.at('2025-04-13 08:00+00');
select is((agenda.trigger_recurring_task(id)).due_date, '2025-04-13 08:00+00'::timestamptz, 'a paused series can be triggered') from p;
select is(((agenda.complete_occurrence(id, '2025-04-15 09:00')).task).status, 'completed', 'and completed in advance') from p;
select is((r.is_active, pg_temp.utc(r.next_due_at))::text, '(f,"04-13 09:00")', 'and stays paused where it was') from p, agenda.get_recurring_task(p.id) r;
select is((select count(*) from agenda.timers m, p where m.entity_id = p.id), 0::bigint, 'without a timer');
select pg_temp.at('2025-04-14 10:00+00');
select agenda.resume_recurring_task(id) from p;
select is(pg_temp.ahead(id), '04-15 09:00 paused, 04-16 09:00 paused, 04-17 09:00 paused', 'until it is resumed') from p;
select pg_temp.at('2025-04-16 09:00+00');
select is(pg_temp.dues(id), '04-12 09:00, 04-13 08:00, 04-15 09:00, 04-16 09:00', 'with nothing made twice') from p;

-- ---- ends ------------------------------------------------------------------------------------------
create temp table short as select v.name, r.id from (values ('floating', null), ('fixed', 'UTC')) v (name, zone),
    agenda.create_recurring_task(v.name, 'daily', start_date => '2025-04-17T09:00', end_date => '2025-04-18T10:00', timezone => v.zone) r;
select agenda.set_preferences('{"timezone": "America/Los_Angeles"}');
select is(string_agg(pg_temp.utc(r.start_date) || ' to ' || pg_temp.utc(r.end_date), ', ' order by name), '04-17 09:00 to 04-18 10:00, 04-17 16:00 to 04-18 17:00', 'the end floats with the beginning') from short, agenda.get_recurring_task(short.id) r;
select is(pg_temp.ahead(id), '04-17 16:00 floating, 04-18 16:00 floating', 'and nothing is lost of a series that is short') from short where name = 'floating';
select is(pg_temp.utc((agenda.update_recurring_task(id, '{"timezone": "America/New_York"}')).end_date), '04-18 14:00', 'the same by an edit of the series') from short where name = 'fixed';
select agenda.set_preferences('{"timezone": "UTC"}');

-- ---- overrides and edits ---------------------------------------------------------------------------
select pg_temp.at('2025-04-20 10:00+00');
create temp table o as select n as name, pg_temp.daily(n) as id from unnest('{all,following,this}'::text[]) n;
select agenda.patch_occurrence(id, '2025-04-22 09:00', '{"title": "special", "priority": 1, "due_date": "2025-04-22T11:00"}') from o;
select agenda.patch_occurrence(id, '2025-04-23 09:00', '{"title": "another"}') from o;
select is(x.title, 'all now', 'an edit of one with an override and the rest is one of that one, too') from o, agenda.patch_occurrence(o.id, '2025-04-22 09:00', '{"title": "all now"}', 'all') x where name = 'all';
select is(pg_temp.ahead(id), '04-21 09:00 all now, 04-22 11:00 all now, 04-23 09:00 another', 'others keep what they have for themselves') from o where name = 'all';
select is((agenda._draft_occurrence(r, '2025-04-22 09:00')).priority, 1::smallint, 'and it what was not changed') from o, agenda.get_recurring_task(o.id) r where name = 'all';
select is(pg_temp.utc(x.due_at), '04-22 12:00', 'to another time') from o, agenda.patch_occurrence(o.id, '2025-04-22 09:00', '{"due_date": "2025-04-22T12:00"}', 'all') x where name = 'all';
select is(pg_temp.ahead(id), '04-21 12:00 all now, 04-22 12:00 all now, 04-23 12:00 another', 'which is that of all') from o where name = 'all';
select is(x.title, 'from now on', 'or with the following ones') from o, agenda.patch_occurrence(o.id, '2025-04-22 09:00', '{"title": "from now on", "priority": null}', 'following') x where name = 'following';
select is((select string_agg(pg_temp.utc(c.at) || ' ' || c.title || ' ' || c.priority, ', ' order by c.at) from agenda.calendar('2025-04-21', '2025-04-25') c, o
            where name = 'following' and c.recurring_task_id in (select r.id from agenda.recurring_tasks r where r.id = o.id or r.split_from = o.id)),
          '04-21 09:00 following 2, 04-22 11:00 from now on 2, 04-23 09:00 another 2, 04-24 09:00 from now on 2', 'as the calendar shows them');
select pg_temp.at('2025-04-22 11:00+00');
select is((agenda.update_task(t.id, '{"title": "once"}', null, 'this')).title, 'once', 'one with an override that is a task is edited as one') from o, agenda.tasks t where t.recurring_task_id = o.id and t.title = 'special' and o.name = 'this';
select is(pg_temp.ahead(id, 2), '04-23 09:00 another, 04-24 09:00 this', 'alone') from o where name = 'this';

-- one that is done by its key, twice, by way of the calendar
create temp table c as select k.recurring_task_id, k.occurrence_key from o, agenda.calendar('2025-04-25', '2025-04-26') k where k.recurring_task_id = o.id and name = 'this';
select is(((agenda.complete_occurrence(recurring_task_id, occurrence_key)).task).version, ((agenda.complete_occurrence(recurring_task_id, occurrence_key)).task).version, 'completed by its key, twice') from c;
select is((select count(*) from c, agenda.tasks t join agenda.events e on e.subject = t.id::text
            where t.recurring_task_id = c.recurring_task_id and t.occurrence_key = c.occurrence_key and e.type in ('task.created', 'task.completed')), 2::bigint, 'is one task, completed once');
select throws_ok(format('select agenda.skip_occurrence(%L, %L)', recurring_task_id, occurrence_key), 'YA007', null, 'and cannot be skipped any more') from c;

-- ---- nagging and snoozing ----------------------------------------------------------------------------
delete from agenda.recurring_tasks;
delete from agenda.tasks;
select agenda.set_preferences('{"enabled_types": ["reminder"]}');
select pg_temp.at('2025-05-01 06:00+00');
create temp table pills as select * from agenda.create_task('Pills', due => '2025-05-01T08:00:00Z');
select agenda.add_reminder(id, '0', repeat_every => '10 minutes', until_done => true) from pills;
select pg_temp.at('2025-05-01 08:00+00');
select pg_temp.at('2025-05-01 08:10+00');
select agenda.snooze(id, '1 hour') from pills;
select pg_temp.at(x::text) from generate_series('2025-05-01 08:15+00', '2025-05-01 09:05+00', interval '5 minutes') x;
select is(pg_temp.told(id), 'reminder05-01 08:00, reminder05-01 08:10', 'what nags is silent while it is snoozed') from pills;
select pg_temp.at(x::text) from generate_series('2025-05-01 09:10+00', '2025-05-01 09:30+00', interval '5 minutes') x;
select is(pg_temp.told(id), 'reminder05-01 08:00, reminder05-01 08:10, reminder05-01 09:10, reminder05-01 09:20, reminder05-01 09:30', 'then it goes on, until it is done') from pills;
select agenda.complete_task(id) from pills;
select pg_temp.at('2025-05-01 11:00+00');
select is((select count(*) from agenda.timers m where m.user_id = agenda.current_user_id()), 0::bigint, 'which is the end of it');
select agenda.set_preferences('{"enabled_types": null}');

-- ---- quiet hours, digests and the clock ---------------------------------------------------------------
select agenda.set_preferences('{"timezone": "Europe/Berlin", "quiet_start": "22:00", "quiet_end": "02:30"}');
create function pg_temp.quiet(p timestamptz) returns text language sql as $$select pg_temp.utc(agenda._quiet_until(agenda.get_preferences(), p))$$;
select is(pg_temp.quiet('2025-10-25 23:00+00'), '10-26 01:30', 'what the clock shows twice is quiet twice');
select is(pg_temp.quiet('2025-10-26 01:15+00'), '10-26 01:30', 'the second time as well');
select is(pg_temp.quiet('2025-10-26 01:30+00'), null, 'and then over');
select is(pg_temp.quiet('2025-03-29 23:00+00'), '03-30 01:30', 'what the clock leaves out ends behind the gap');
select agenda.set_preferences('{"quiet_start": "02:15", "quiet_end": "02:45"}');
select is(pg_temp.quiet('2025-03-30 01:15+00'), '03-30 01:45', 'also where it would begin in it');

delete from agenda.notifications;
select agenda.set_preferences('{"timezone": "UTC", "quiet_start": "22:00", "quiet_end": "09:00", "digest_time": "08:00", "digest_days": ["MO", "TU", "WE", "TH", "FR"]}');
select pg_temp.at('2025-06-02 12:00+00');
select is((select pg_temp.utc(fire_at) from agenda.timers where entity = 'user' and user_id = agenda.current_user_id()), '06-03 09:00', 'a digest in quiet hours waits for their end');
select agenda.create_task('Tuesday', due => '2025-06-03T15:00:00Z');
select pg_temp.at(x::text) from generate_series('2025-06-02 15:00+00', '2025-06-03 09:00+00', interval '1 hour') x;
select is((select string_agg(n.title || pg_temp.utc(n.scheduled_for), ', ') from agenda.list_notifications() n), '1 due today, 0 overdue06-03 09:00', 'and is one of that day');
select is((select pg_temp.utc(fire_at) from agenda.timers where entity = 'user' and user_id = agenda.current_user_id()), '06-04 09:00', 'the next one comes a day later');
delete from agenda.tasks;
delete from agenda.notifications;
select agenda.set_preferences('{"quiet_end": "07:00", "digest_time": "23:00"}');
select pg_temp.at('2025-06-06 21:00+00');
select is((select pg_temp.utc(fire_at) from agenda.timers where entity = 'user' and user_id = agenda.current_user_id()), '06-07 07:00', 'Friday''s, over midnight, to Saturday');
select agenda.create_task('Saturday', due => '2025-06-07');
select pg_temp.at('2025-06-07 07:00+00');
select is((select n.title from agenda.list_notifications(types => '{digest}') n), '1 due today, 0 overdue', 'when it is told');
select is((select pg_temp.utc(fire_at) from agenda.timers where entity = 'user' and user_id = agenda.current_user_id()), '06-10 07:00', 'Monday''s comes next');
select agenda.set_preferences('{"quiet_policy": "silent"}');
select is((select pg_temp.utc(fire_at) from agenda.timers where entity = 'user' and user_id = agenda.current_user_id()), '06-09 23:00', 'one that may come without a sound comes at its time');
select agenda.set_preferences('{"quiet_policy": null, "quiet_start": null, "quiet_end": null, "digest_time": null, "digest_days": null}');

-- ---- new zone data -------------------------------------------------------------------------------------
delete from agenda.tasks;
select pg_temp.at('2025-07-01 00:00+00');
create temp table z as select * from agenda.create_task('Call', due => '2025-08-01T10:00:00Z');
create temp table zr as select r.* from z, agenda.add_reminder(z.id, at => '2025-08-01T08:00') r;
set local session_replication_role = replica;
update agenda.reminders set fire_at = fire_at + interval '1 hour' where id = (select id from zr);
update agenda.timers set fire_at = fire_at + interval '1 hour' where entity_id = (select id from zr);
set local session_replication_role = origin;
select is((select string_agg(x.entity || pg_temp.utc(x.old_at) || pg_temp.utc(x.new_at), ', ') from agenda.replan_timezones() x), 'reminder08-01 09:0008-01 08:00', 'new zone data: reminders have times of their own');
select is((select pg_temp.utc(fire_at) from agenda.reminders where id = zr.id), '08-01 09:00', 'a dry run leaves them') from zr;
select agenda.replan_timezones(false);
select is((select pg_temp.utc(r.fire_at) || pg_temp.utc(m.fire_at) from agenda.reminders r join agenda.timers m on m.entity_id = r.id where r.id = zr.id), '08-01 08:0008-01 08:00', 'the real one plans them anew, with their timers') from zr;
select is((select count(*) from agenda.replan_timezones()), 0::bigint, 'once');

select is_empty($$select * from agenda.fsck() f where f.user_id = agenda.current_user_id() and f.check_name <> 'log'$$, 'everything is consistent');
select * from finish();
rollback;
