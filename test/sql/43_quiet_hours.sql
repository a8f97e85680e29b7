-- Quiet hours, vacation and digest: what is held, and how it is released.  Numbers in brackets are users'
-- complaints.
begin;
set local search_path = public;
select plan(61);

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
create function pg_temp.quiet_at(at timestamptz) returns timestamptz language sql as
$$select agenda._quiet_until(agenda.get_preferences(), at)$$;

-- ---- when it is quiet ----
select is(pg_temp.quiet_at('2025-03-10 23:00+00'), null, 'without quiet hours it never is');
select agenda.set_preferences('{"timezone": "Europe/Berlin", "quiet_start": "22:00", "quiet_end": "07:00"}');
select is(pg_temp.quiet_at('2025-03-10 20:59:59+00'), null, 'not before they begin');
select is(pg_temp.quiet_at('2025-03-10 21:00+00'), '2025-03-11 06:00+00'::timestamptz, 'from their first moment, in the user''s zone');
select is(pg_temp.quiet_at('2025-03-11 02:00+00'), '2025-03-11 06:00+00'::timestamptz, 'after midnight');
select is(pg_temp.quiet_at('2025-03-11 06:00+00'), null, 'not at their end');
select is(pg_temp.quiet_at('2025-03-29 22:00+00'), '2025-03-30 05:00+00'::timestamptz, 'over the change to summer time they are an hour shorter');
select agenda.set_preferences('{"quiet_days": ["FR", "SA"]}');
select is(pg_temp.quiet_at('2025-03-10 23:00+00'), null, 'U54 on the days that one wants (Monday: not)');
select is(pg_temp.quiet_at('2025-03-14 23:00+00'), '2025-03-15 06:00+00'::timestamptz, '(Friday night)');
select is(pg_temp.quiet_at('2025-03-16 02:00+00'), '2025-03-16 06:00+00'::timestamptz, '(Saturday night, which is Sunday already)');
select is(pg_temp.quiet_at('2025-03-16 23:00+00'), null, '(Sunday: not)');
select agenda.set_preferences('{"quiet_days": null, "quiet_start": "12:00", "quiet_end": "13:30"}');
select is(pg_temp.quiet_at('2025-03-10 11:30+00'), '2025-03-10 12:30+00'::timestamptz, 'within a day');
select is(pg_temp.quiet_at('2025-03-10 12:30+00'), null, 'and out of it');

select is((select string_agg(distinct (agenda._verdict(agenda.get_preferences(), t, 2::smallint, '2025-03-10 12:00+00')).verdict, ' ') from unnest('{due_soon,due,overdue,reminder,digest}'::text[]) t), 'hold', 'U54 for every kind of notification');

-- ---- hold ----
select agenda.set_preferences('{"timezone": "UTC", "quiet_start": "22:00", "quiet_end": "07:00", "enabled_types": ["due", "reminder", "overdue", "digest"]}');
create temp table a as select id from agenda.create_task('Night', due => '2025-03-11T02:00:00Z');
select pg_temp.at('2025-03-11 02:00+00');
select is(pg_temp.inbox(), null, 'at night nothing comes');
select is(agenda.unread_count(), 0::bigint, 'nothing is unread');
select is(pg_temp.held(), 1::bigint, 'it is held');
select is((select fire_at from agenda.timers where entity = 'user'), '2025-03-11 07:00+00'::timestamptz, 'until the end of quiet hours');
select is((select count(*) from agenda.events where type = 'notification.created'), 0::bigint, 'nobody has heard of it');
select is((agenda.why_not_notified(id) #>> '{states,1,reason}'), 'held: quiet', 'but can ask') from a;
select is((select count(*) from agenda.events e, a where e.subject = a.id::text and e.type = 'task.due'), 1::bigint, 'its event is on time');
select agenda.set_preferences('{"enabled_types": ["due", "reminder", "digest"]}');
select pg_temp.at('2025-03-11 06:59+00');
select is(pg_temp.inbox(), null, 'and not earlier');
select pg_temp.at('2025-03-11 07:00+00');
select is(pg_temp.inbox(), 'due Night', 'a single one is released as it is');
select is((select count(*) from agenda.events where type = 'notification.created'), 1::bigint, 'and heard of now');
select is((select agenda.why_notified(n.id) #> '{held,reason}' from agenda.notifications n), '"quiet"', 'why_notified knows that it was held');
select pg_temp.empty();

create temp table m as select id, title from generate_series(1, 10) g, agenda.create_task('T' || g, due => format('2025-03-12T0%s:00:00Z', g % 5)) t;
select pg_temp.at(x) from generate_series('2025-03-12 00:00+00', '2025-03-12 06:00+00', interval '1 hour') x;
select is(pg_temp.held(), 10::bigint, 'ten things at night');
select agenda.complete_task(id) from m where title = 'T3';
select is(pg_temp.held(), 9::bigint, 'what is done meanwhile is not told');
select pg_temp.at('2025-03-12 07:00+00');
select is(pg_temp.inbox(), 'digest 9 tasks while you wanted quiet', 'U54 no storm when they end: one digest');
select is((select jsonb_array_length(data->'held') from agenda.list_notifications()), 9, 'which has them all');
select is(agenda.unread_count(), 1::bigint, 'and counts as one');
select is((select count(*) from agenda.notifications n, agenda.list_notifications() d where n.merged_into = d.id), 9::bigint, 'each knows where it was told');
select is((select count(*) from agenda.events e join agenda.notifications n on n.id::text = e.subject where e.type = 'notification.withdrawn'), 0::bigint, 'nobody is told that they are gone, who never saw them');
select pg_temp.empty();

-- several of one task
create temp table o as select id from agenda.create_task('Nag', due => '2025-03-13T03:00:00Z');
select agenda.add_reminder(id, '0', repeat_every => '10 minutes', until_done => true) from o;
select pg_temp.at(x) from generate_series('2025-03-13 02:00+00', '2025-03-13 06:00+00', interval '10 minutes') x;
select cmp_ok(pg_temp.held(), '>', 10::bigint, 'a reminder that nags through the night');
update agenda.reminders set repeat_every = null, until_done = false;
select pg_temp.at('2025-03-13 07:00+00');
select is((select count(*) from agenda.list_notifications()), 1::bigint, 'U54 is told once in the morning');
select pg_temp.empty();

-- ---- priority, silent, drop ----
create temp table p1 as select id from agenda.create_task('Urgent', due => '2025-03-14T02:00:00Z', priority => 1);
select pg_temp.at('2025-03-14 02:00+00');
select is(pg_temp.inbox(), 'due Urgent', 'what is urgent pierces');
select pg_temp.empty();
select agenda.set_preferences('{"quiet_break_priority": 2}');
create temp table p2 as select id from agenda.create_task('Normal', due => '2025-03-14T03:00:00Z');
select pg_temp.at('2025-03-14 03:00+00');
select is(pg_temp.inbox(), 'due Normal', 'as far as one wants');
select pg_temp.empty();
select agenda.set_preferences('{"quiet_break_priority": null, "quiet_policy": "silent"}');
create temp table p3 as select id from agenda.create_task('Soft', due => '2025-03-14T04:00:00Z');
select pg_temp.at('2025-03-14 04:00+00');
select is(pg_temp.inbox(), 'due Soft (silent)', 'silent: to the inbox without a sound');
select is((select data->'after'->'silent' from agenda.events where type = 'notification.created' order by seq desc limit 1), 'true', 'which its event says');
select pg_temp.empty();
select agenda.set_preferences('{"quiet_policy": "drop"}');
create temp table p4 as select id from agenda.create_task('Dropped', due => '2025-03-14T05:00:00Z');
select pg_temp.at('2025-03-14 05:00+00');
select is((select count(*) from agenda.notifications), 0::bigint, 'drop: not at all');
select is((agenda.why_not_notified(id) #>> '{states,1,reason}'), 'preferences: quiet', 'and the reason is known') from p4;
select agenda.set_preferences('{"quiet_policy": null}');
select pg_temp.empty();

-- ---- changing one's mind ----
create temp table c as select id from agenda.create_task('Early bird', due => '2025-03-15T02:00:00Z');
select pg_temp.at('2025-03-15 02:00+00');
select is(pg_temp.held(), 1::bigint, 'held');
select agenda.set_preferences('{"quiet_end": "09:00"}');
select pg_temp.at('2025-03-15 07:00+00');
select is(pg_temp.held(), 1::bigint, 'longer quiet hours hold what is held');
select is((select fire_at from agenda.timers where entity = 'user'), '2025-03-15 09:00+00'::timestamptz, 'until their new end');
select agenda.set_preferences('{"quiet_start": null, "quiet_end": null}');
select pg_temp.at('2025-03-15 07:01+00');
select is(pg_temp.inbox(), 'due Early bird', 'without them it is released at once');
select pg_temp.empty();

-- ---- vacation ----
select agenda.set_preferences('{"paused_until": "2025-03-20T08:00:00Z"}');
create temp table v as select id from generate_series(16, 18) g, agenda.create_task('Trip ' || g, due => format('2025-03-%sT10:00:00Z', g), priority => 1) t;
select pg_temp.at(x) from generate_series('2025-03-16 10:00+00', '2025-03-19 10:00+00', interval '1 day') x;
select is(pg_temp.inbox(), null, 'on vacation nothing comes, however urgent');
select pg_temp.at('2025-03-20 08:00+00');
select is(pg_temp.inbox(), 'digest 3 tasks while you wanted quiet', 'afterwards one');
select agenda.set_preferences('{"paused_until": null}');
select pg_temp.empty();

-- more than one event could say
select agenda.set_preferences('{"paused_until": "2025-03-20T08:02:00Z"}');
select count(agenda.create_task(rpad(g::text, 500, '😀'), due => '2025-03-20T08:01:00Z')) from generate_series(1, 300) g;
select pg_temp.at('2025-03-20 08:01+00');
select is(pg_temp.held(), 300::bigint, 'three hundred are held');
select pg_temp.at('2025-03-20 08:02+00');
select is((select (n.title, jsonb_array_length(n.data->'held'), length(n.body), (select count(*) from agenda.notifications m where m.merged_into = n.id))::text from agenda.list_notifications() n),
          '("300 tasks while you wanted quiet",50,2000,300)', 'and released as one, which names fifty');
select lives_ok('select agenda.mark_all_read()', 'which can be read');
select agenda.set_preferences('{"paused_until": null}');
select pg_temp.empty();

-- ---- digest ----
select agenda.set_preferences('{"digest_time": "08:00", "digest_days": ["MO", "TU", "WE", "TH", "FR"], "enabled_types": null}');
select is((select fire_at from agenda.timers where entity = 'user'), '2025-03-21 08:00+00'::timestamptz, 'the digest has its timer (Friday)');
create temp table g as select id from generate_series(1, 20) g, agenda.create_task('Item ' || g, due => '2025-03-21T15:00:00Z') t;
create temp table u as select id from agenda.create_task('Old', due => '2025-03-20T08:30:00Z');
select pg_temp.at(x) from generate_series('2025-03-20 08:30+00', '2025-03-21 07:00+00', interval '30 minutes') x;
select is(pg_temp.inbox(), 'due Old', 'U55 due soon and overdue wait for the digest, due does not');
select pg_temp.at('2025-03-21 08:00+00');
select is((select count(*) from agenda.list_notifications(types => '{digest}')), 1::bigint, 'U56 one digest instead of many');
select is((select title from agenda.list_notifications(types => '{digest}')), '20 due today, 1 overdue', 'that says what is due today and what is overdue');
select is((select fire_at from agenda.timers where entity = 'user'), '2025-03-24 08:00+00'::timestamptz, 'the next one comes on Monday');
select pg_temp.empty();
select pg_temp.at('2025-03-24 08:00+00');
select is((select count(*) from agenda.notifications), 0::bigint, 'a digest of nothing is none');
select pg_temp.at('2025-03-27 09:00+00');
select is((select fire_at from agenda.timers where entity = 'user'), '2025-03-28 08:00+00'::timestamptz, 'after downtime the missed ones are not made up for');
select pg_temp.empty();
select agenda.create_task(x.title, due => x.due) from (values ('Today', '2025-03-28'), ('Yesterday', '2025-03-27'), ('Tomorrow', '2025-03-29'), ('At last midnight', '2025-03-29T00:00'),
    ('At seven', '2025-03-28T07:00'), ('In its time of grace', '2025-03-28T07:50'), ('In the evening', '2025-03-28T19:00')) x(title, due);
select pg_temp.at('2025-03-28 08:00+00');
select is((select n.title || ': ' || (select string_agg(e->>'title', ', ') from jsonb_array_elements(n.data->'due') e) || '; ' || (select string_agg(e->>'title', ', ') from jsonb_array_elements(n.data->'overdue') e)
             from agenda.list_notifications(types => '{digest}') n),
    '3 due today, 2 overdue: Today, In its time of grace, In the evening; Yesterday, At seven', 'U49 what is due all day is not overdue in its digest');
-- a morning on which everything is due
delete from agenda.tasks;
delete from agenda.notifications;
select agenda.set_preferences('{"digest_time": "09:00", "digest_days": null, "digest_types": ["due_soon", "due", "overdue"]}');
select count(agenda.create_task('Day ' || g, due => '2025-03-31')) from generate_series(1, 20) g;
select pg_temp.at(x) from generate_series('2025-03-30 09:00+00', '2025-03-31 10:00+00', interval '1 hour') x;
select is(pg_temp.inbox(), 'digest 20 due today, 0 overdue', 'U55 twenty tasks of one day come as one');
select pg_temp.at('2025-04-01 09:00+00');
select is((select title from agenda.list_notifications(types => '{digest}', page_size => 1)), '0 due today, 20 overdue', 'U55 and do not fall silent when nobody does them');
select count(agenda.create_task('Late ' || g, due => '2025-03-31')) from generate_series(1, 60) g;
select pg_temp.at('2025-04-02 09:00+00');
select is((select (n.title, jsonb_array_length(n.data->'overdue'), n.data->'overdue_count', n.data->'due_count')::text from agenda.list_notifications(types => '{digest}', page_size => 1) n),
          '("0 due today, 80 overdue",50,80,0)', 'U55 of many fifty are named, and all are counted');
delete from agenda.tasks;
select agenda.set_preferences('{"digest_time": null, "digest_types": null}');
select is((select count(*) from agenda.timers where entity = 'user'), 0::bigint, 'without digests there is no timer');
select is((select count(*) from agenda.fsck()), 0::bigint, 'everything is consistent');
select * from finish();
rollback;
