-- The inbox, and the acceptance scenarios about being told (S2 to S6, S18, S21, S23).  Numbers in brackets
-- are users' complaints.
begin;
set local search_path = public;
select plan(62);

set local agenda.now = '2025-03-10 12:00:00+00';
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
delete from agenda.timers;

create function pg_temp.scan(at timestamptz, out raised int, out next_fire timestamptz) language sql as
$$select raised, next_fire from agenda._scan(at, '-infinity', 1000)$$;
-- the engine at a time, until it has nothing to do
create function pg_temp.at(t timestamptz) returns void language plpgsql as
$$begin
    perform set_config('agenda.now', t::text, true);
    while (pg_temp.scan(t)).raised > 0 loop end loop;
end$$;
create function pg_temp.inbox() returns text language sql as
$$select string_agg(type || ' ' || title, ', ' order by scheduled_for, type, title) from agenda.list_notifications(page_size => 100)$$;
create function pg_temp.events(p_type text) returns bigint language sql as
$$select count(*) from agenda.events where type = p_type and user_id = agenda.current_user_id()$$;
create function pg_temp.empty() returns void language sql as
$$delete from agenda.tasks; delete from agenda.recurring_tasks; delete from agenda.notifications$$;

-- ---- scenarios ----
create temp table s2 as select id from agenda.create_recurring_task('Stand-up', rrule => 'FREQ=WEEKLY;BYDAY=MO', start_date => '2025-03-17T09:00:00Z');
select pg_temp.at('2025-03-17 09:00+00');
select pg_temp.at('2025-03-24 09:00+00');
select is((select array_agg(due_date order by due_date) from agenda.tasks), '{2025-03-17 09:00+00,2025-03-24 09:00+00}'::timestamptz[], 'S2: a weekly stand-up is there every Monday at its time');
select is((select count(*) from agenda.notifications where type = 'due'), 2::bigint, 'S2: and its user is told');
select pg_temp.empty();

create temp table s3 as select id from agenda.create_recurring_task('Ends', 'daily', start_date => '2025-03-25T09:00:00Z', end_date => '2025-03-26T09:00:00Z');
select pg_temp.at(x) from generate_series('2025-03-25 09:00+00', '2025-03-28 09:00+00', interval '1 day') x;
select is((select count(*) from agenda.tasks), 2::bigint, 'S3: with an end date nothing comes after it');
select is((select count(*) from agenda.notifications where type = 'due' and scheduled_for > '2025-03-26 09:00+00'), 0::bigint, 'S3: and nothing is told');
select pg_temp.empty();

set local agenda.now = '2025-03-10 12:00:00+00';
create temp table s4 as select id from agenda.create_task('Report', due => '2025-03-12T12:00:00Z');
select is(agenda.due_state(t), 'upcoming', 'S5: two days before') from agenda.tasks t;
set local agenda.now = '2025-03-11 12:00+00';
select is(agenda.due_state(t), 'due_soon', 'S5: within 24 hours it is due soon in the list') from agenda.tasks t;
select pg_temp.scan(agenda.now());
select is(pg_temp.inbox(), 'due_soon Report', 'S5: and its user is told');
set local agenda.now = '2025-03-12 12:00+00';
select pg_temp.scan(agenda.now());
select is(pg_temp.inbox(), 'due_soon Report, due Report', 'S4: the task becomes due and its user is notified');
select is(agenda.unread_count(), 2::bigint, 'S4: the bell counts it');
set local agenda.now = '2025-03-12 12:15+00';
select pg_temp.scan(agenda.now());
select is(agenda.due_state(t), 'overdue', 'S6: then it is overdue') from agenda.tasks t;
select is(pg_temp.inbox(), 'due_soon Report, due Report, overdue Report', 'S6: which is told too');
select pg_temp.empty();

set local agenda.now = '2025-03-12 12:30+00';
create temp table s18 as select id from agenda.create_task('In a quarter', due => '2025-03-12T12:45:00Z');
select is((agenda.check_due_tasks()).raised, 1, 'S18: due in 15 minutes, the check raises it');
select is(agenda.unread_count(), 1::bigint, 'S18: the bell counts it');
select is((select data->'after'->>'title' from agenda.events where type = 'notification.created' order by seq desc limit 1), 'In a quarter', 'S18: and the toast has its event');
select is((agenda.check_due_tasks()).raised, 0, 'S18: the check can be called again without harm');
select pg_temp.empty();

select agenda.set_preferences('{"reminders_enabled": false}');
create temp table s21 as select id from agenda.create_task('Silent', due => '2025-03-13T12:00:00Z');
select agenda.add_reminder(id, '-1 hour') from s21;
select pg_temp.scan(x) from generate_series('2025-03-13 10:00+00', '2025-03-13 13:00+00', interval '15 minutes') x;
select is(pg_temp.inbox(), null, 'S21: with reminders disabled a due task raises nothing');
select is((select string_agg(type, ' ' order by seq) from agenda.events e, s21 where e.subject = s21.id::text), 'task.created task.due_soon task.due task.overdue', 'S21: its events are written all the same');
select is((select last_reminder_sent from agenda.tasks), null, 'S21: and no reminder was sent');
select is(agenda.why_not_notified(id, '2025-03-13 13:00+00') #> '{states,1,reason}', '"preferences: reminders_enabled"', 'S21: and it can be asked why') from s21;
select agenda.set_preferences('{"reminders_enabled": null}');
select pg_temp.empty();

create temp table s23 as select id from agenda.create_recurring_task('Chain', 'daily', start_date => '2025-03-14T09:00:00Z');
select agenda.set_series_reminders(id, '["30 minutes"]') from s23;
select pg_temp.at('2025-03-14 09:00+00');
select pg_temp.at('2025-03-14 09:15+00');
select pg_temp.at('2025-03-14 09:30+00');
select is(pg_temp.inbox(), 'due Chain, overdue Chain, reminder Chain', 'S23: recurring task, occurrence, reminder, notification');
select is((select string_agg(distinct e.type, ' ') from agenda.events e, agenda.tasks t
            where e.subject = t.id::text or e.data->>'task_id' = t.id::text or e.data->'after'->>'task_id' = t.id::text),
          'notification.created reminder.due reminder.scheduled task.created task.due task.overdue task.recurrence', 'S23: each link is in the log');
select is((select array_agg(distinct entity || '.' || action order by entity || '.' || action) from agenda.audit_log a, agenda.tasks t
            where a.after->>'task_id' = t.id::text or a.entity_id = t.id::text),
          '{notification.create,reminder.scheduled,task.create}', 'S23: and in the audit');
select is(agenda.why_notified(n.id) #>> '{series,text}', 'every day', 'S23: why_notified follows the chain back') from agenda.notifications n where type = 'reminder';
select pg_temp.empty();

-- ---- catching up ----
set local agenda.now = '2025-04-01 00:00+00';
create temp table d as select id from agenda.create_task('Down', due => '2025-04-02T12:00:00Z');
select agenda.add_reminder(id, o::interval) from d, unnest('{-2 hours,-1 hour,0}'::text[]) o;
select pg_temp.scan('2025-04-03 12:00+00');
select is((select count(*) from agenda.notifications), 1::bigint, 'U22 several owed at once after downtime become one');
select is((select (type, late)::text from agenda.notifications), '(overdue,t)', 'U22 which is marked late');
select is(pg_temp.events('reminder.due'), 5::bigint, 'no event is left out (two of them of earlier scenarios)');
select is((select bool_and(late::boolean) from (select data->>'late' as late from agenda.events where type = 'reminder.due' order by seq desc limit 3) x), true, 'and those say that they are late');
create temp table w as select id from agenda.create_task('Weeks', due => '2025-05-01T12:00:00Z');
select agenda.set_preferences('{"enabled_types": ["reminder"], "catchup_window": "3 days"}');
create temp table wr as select (agenda.add_reminder(id, '-1 day')).id from w;
select pg_temp.scan('2025-05-03 12:00:01+00');
select is((select state from agenda.reminders r, wr where r.id = wr.id), 'expired', 'what is older than the catch-up window is not told');
select is((select count(*) from agenda.notifications n, wr where n.reminder_id = wr.id), 0::bigint, 'it is only in the log');
select agenda.set_preferences('{"enabled_types": null, "catchup_window": null}');
select pg_temp.empty();

-- at most once, whoever raises
set local agenda.now = '2025-05-10 00:00+00';
create temp table o as select id from agenda.create_task('Once', due => '2025-05-11T00:00:00Z');
select pg_temp.scan('2025-05-10 00:00+00');
insert into agenda.timers (user_id, entity, entity_id, fire_at, what)
select agenda.current_user_id(), 'task', id, '2025-05-10 00:00+00', 'due_soon' from o
    on conflict (user_id, entity, entity_id) do update set fire_at = excluded.fire_at, what = excluded.what;
select pg_temp.scan('2025-05-10 00:00+00');
select is((select count(*) from agenda.notifications), 1::bigint, 'U28 one reason is told once, whatever raises it again');

-- ---- overdue, told again ----
select agenda.set_preferences('{"overdue_repeat": "1 day", "overdue_repeat_max": 3}');
select pg_temp.scan(x) from generate_series('2025-05-11 00:00+00', '2025-05-20 00:00+00', interval '5 minutes') x;
select is((select array_agg(scheduled_for::date - '2025-05-11'::date order by scheduled_for) from agenda.notifications where type = 'overdue'), '{0,1,2,3}', 'U58 an overdue task is told daily, as often as one wants');
select is((select count(*) from agenda.events e, o where e.subject = o.id::text and e.type = 'task.overdue'), 1::bigint, 'its event is written once');
select is((select count(*) from agenda.timers where entity = 'repeat'), 0::bigint, 'then it is over');
set local agenda.now = '2025-05-20 00:00+00';
select agenda.set_preferences('{"overdue_repeat_max": 100}');
select is((select fire_at from agenda.timers where entity = 'repeat'), '2025-05-20 00:15+00'::timestamptz, 'another wish reaches what is overdue already');
select agenda.snooze(id, '3 days') from o;
select is((select fire_at from agenda.timers where entity = 'repeat'), '2025-05-23 00:00+00'::timestamptz, 'snoozing holds it');
select agenda.complete_task(id) from o;
select is((select count(*) from agenda.timers), 0::bigint, 'and completion ends it');
select agenda.set_preferences('{"overdue_repeat": null, "overdue_repeat_max": null}');
select pg_temp.empty();

-- ---- the inbox ----
insert into agenda.notifications (user_id, type, title, dedupe_key, scheduled_for, created_at)
select agenda.current_user_id(), (array['due_soon', 'due', 'overdue', 'reminder'])[g % 4 + 1], 'n' || g, 'test:' || g, agenda.now(), agenda.now() - make_interval(days => g)
  from generate_series(1, 40) g;
select is(agenda.unread_count(), 40::bigint, 'unread');
select is((select array_agg(title) from agenda.list_notifications(page_size => 3)), '{n1,n2,n3}', 'newest first');
select is((select array_agg(title) from agenda.list_notifications(page_size => 2, types => '{overdue}')), '{n2,n6}', 'of one type');
select is(agenda.count_notifications(types => '{overdue}'), 10::bigint, 'counted');
select is((agenda.mark_read(n.id)).read_at, agenda.now(), 'one is read') from agenda.notifications n where title = 'n1';
select is((agenda.mark_read(n.id)).read_at, agenda.now(), 'and can be marked again') from agenda.notifications n where title = 'n1';
select is(agenda.mark_all_read(agenda.now() - interval '35 days'), 6::bigint, 'all until a time');
select is(agenda.clear_notifications(true), 7::bigint, 'what is read is cleared');
select is((select count(*) from agenda.notifications), 40::bigint, 'the rows stay');
select is(agenda.archive_notifications(), 10::bigint, 'what is older than 30 days is archived');
select is(agenda.unread_count(), 29::bigint, 'and is out of the count');
insert into agenda.notification_retention values ('reminder', '10 days');
select is(agenda.archive_notifications(max_rows => 2), 2::bigint, 'a type may be kept shorter; a call may be limited');
select is((select array_agg(title order by title) from agenda.notifications where archived_at is not null and type = 'reminder' and created_at > agenda.now() - interval '30 days'), '{n23,n27}', 'the oldest go first');
select is(agenda.archive_notifications(), 3::bigint, 'then the rest');
select is(agenda.archive_notifications('2 days'), 23::bigint, 'or everything of an age');
select is(agenda.mark_all_read(), 1::bigint, 'the rest is read');
select is((select count(*) from agenda.events e join agenda.notifications n on n.id::text = e.subject where e.type = 'notification.read'), 8::bigint, 'each with its event');
select is(agenda.clear_notifications(), 1::bigint, 'and cleared');
select is(agenda.unread_count(), 0::bigint, 'nothing is left');
-- by UPDATE these times may be any others
create temp table before as select max(seq) as seq from agenda.events;
update agenda.notifications set read_at = agenda.now() - interval '1 hour' where title = 'n1';
update agenda.notifications set cleared_at = null where title = 'n1';
update agenda.notifications set read_at = null where title = 'n1';
update agenda.notifications set cleared_at = agenda.now() where title = 'n1';
update agenda.notifications set cleared_at = agenda.now() - interval '1 hour' where title = 'n1';
update agenda.notifications set read_at = agenda.now(), cleared_at = null where title = 'n1';
select is((select string_agg(split_part(type, '.', 2), ' ' order by seq) from agenda.events where seq > (select seq from before)),
          'read created created cleared cleared read', 'each change of what a person may change has its event');
select is((select e.data->'after' from agenda.events e where e.seq = (select max(seq) from agenda.events)),
          (select agenda._notification_image(n) from agenda.notifications n where title = 'n1'), 'which says what is so');
update agenda.notifications set cleared_at = agenda.now() where title = 'n1';
select throws_ok($$select agenda.mark_read('00000000-0000-4000-8000-000000000000')$$, 'YA001', null, 'an unknown notification');
select throws_ok($$select agenda.archive_notifications('-1 day')$$, 'YA006', null, 'a negative age');

-- ---- by index only ----
create temp table others as select gen_random_uuid() as id from generate_series(1, 50);
insert into agenda.users (id) select id from others;
insert into agenda.notifications (user_id, type, title, dedupe_key, scheduled_for)
select u.id, 'due', 'n' || g, 'plan:' || g, agenda.now()
  from (select id from others union all select agenda.current_user_id()) u, generate_series(1, 100) g;
update agenda.notifications set cleared_at = agenda.now() where title like 'n%5';
analyze agenda.notifications;
create function pg_temp.plan_of(q text) returns text language plpgsql as $$
declare v text; v_all text := '';
begin
    for v in execute 'explain (costs off) ' || q loop v_all := v_all || v || E'\n'; end loop;
    return v_all;
end $$;
set local role agenda_app;
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');
-- nothing is all-visible inside this transaction, which makes heap fetches of them
set local enable_bitmapscan = off;
set local enable_seqscan = off;
select ok(pg_temp.plan_of($$select count(*) from agenda.notifications n
     where n.user_id = 'aaaaaaaa-0000-4000-8000-000000000001' and n.read_at is null and n.cleared_at is null and n.withdrawn_at is null
       and n.archived_at is null and n.held_until is null$$) ~ 'Index Only Scan using notifications_unread',
    'unread_count counts by index alone, also under row-level security');
select ok(pg_temp.plan_of($$select n.* from agenda.notifications n
     where n.user_id = 'aaaaaaaa-0000-4000-8000-000000000001' and n.cleared_at is null and n.withdrawn_at is null
       and n.archived_at is null and n.held_until is null order by n.created_at desc, n.id limit 20$$) ~ '^Limit\n.*Index Scan using notifications_inbox',
    'a page of the inbox comes in the order of its index, without a sort');
reset role;

select is((select count(*) from agenda.fsck()), 0::bigint, 'everything is consistent');
select * from finish();
rollback;
