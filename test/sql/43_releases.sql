-- What was held and may be told: when, as what, and that nothing of it is lost.
begin;
set local search_path = public;
select no_plan();

create function pg_temp.act() returns void language sql as
    $$select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000143')$$;
create function pg_temp.at(p text) returns void language plpgsql as $$
begin
    perform set_config('agenda.now', p, true);
    perform agenda.act_as(null);
    while (agenda.check_due_tasks(1000)).raised > 0 loop
    end loop;
    perform pg_temp.act();
end $$;
create function pg_temp.inbox() returns text language sql as $$
    select string_agg(title, ', ' order by scheduled_for, title) from agenda.list_notifications(page_size => 100)
$$;
create function pg_temp.forget() returns void language sql as $$
    delete from agenda.notifications;
    delete from agenda.tasks
$$;
create function pg_temp.prefer(p jsonb) returns void language sql as $$select agenda.set_preferences(p)$$;

-- ---- without digests: no earlier than with them -----------------------------------------------------
select pg_temp.at('2025-03-10 12:00+00');
select pg_temp.prefer('{"enabled_types": ["due", "reminder", "overdue"], "quiet_start": "22:00", "quiet_end": "07:00"}');
select agenda.create_task('night', due => '2025-03-10T23:00:00Z');
select pg_temp.at('2025-03-10 23:00+00');
select pg_temp.prefer('{"quiet_end": "08:00"}');
select pg_temp.at('2025-03-10 23:06+00');
select is(pg_temp.inbox(), null, 'other quiet hours do not tell at night what they hold');
select pg_temp.prefer('{"paused_until": "2025-03-12T23:00:00Z"}');
select pg_temp.at('2025-03-11 08:00+00');
select is(pg_temp.inbox(), null, 'nor does a vacation that begins');
select pg_temp.at('2025-03-12 23:00+00');
select is(pg_temp.inbox(), null, 'nor one that ends at night');
select pg_temp.at('2025-03-13 08:00+00');
select is(pg_temp.inbox(), 'night', 'in the morning it is told');
select pg_temp.forget();

select agenda.create_task('t' || n, due => '2025-03-13T23:00:00Z') from generate_series(1, 60) n;
select pg_temp.at('2025-03-13 23:00+00');
select pg_temp.at('2025-03-14 08:00+00');
select is((select count(*) from agenda.notifications n where n.held_until is null and n.withdrawn_at is null and n.released_at is not null), 60::bigint,
    'each, however many there are');
select pg_temp.forget();

-- ---- what is not wanted any more -----------------------------------------------------------------------
select pg_temp.prefer('{"enabled_types": null}');
select agenda.create_task('unwanted', due => '2025-03-14T23:00:00Z');
select pg_temp.at('2025-03-14 23:00+00');
select pg_temp.prefer('{"reminders_enabled": false}');
select pg_temp.at('2025-03-15 08:00+00');
select is(pg_temp.inbox(), null, 'who wants no reminders is not told what was held');
select pg_temp.prefer('{"reminders_enabled": true}');
select pg_temp.forget();

-- ---- one more that is held just when the others are told --------------------------------------------------
select agenda.create_task('x' || n, due => '2025-03-15T23:00:00Z') from generate_series(1, 3) n;
select agenda.create_task('y' || n, due => '2025-03-16T07:59:50Z') from generate_series(1, 3) n;
select pg_temp.at('2025-03-15 23:00+00');
select agenda.act_as(null);
select set_config('agenda.now', '2025-03-16 08:00:00.1+00', true);
select agenda._fire(array(select m from agenda.timers m where m.entity = 'user' and m.fire_at <= agenda.now()), agenda.now());
select pg_temp.at('2025-03-16 07:59:59.9+00');
select pg_temp.at('2025-03-16 08:00:00.2+00');
select is((select count(*) from agenda.list_notifications() where type = 'digest'), 2::bigint, 'makes a digest of its own');
select is_empty('select from agenda.notifications n where n.merged_into is not null and not exists (select from agenda.notifications d where d.id = n.merged_into)',
    'nothing has gone into one that is not there');
select is_empty('select * from agenda.fsck()', 'all is as it should be');

select * from finish();
rollback;
