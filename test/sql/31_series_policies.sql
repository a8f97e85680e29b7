-- Series by their policies: the presets, what is owed after downtime, pauses and late or early completion.
-- S and U numbers are those of the acceptance scenarios and of the users' complaints that the design answers.
begin;
set local search_path = public;
select no_plan();

create function pg_temp.act() returns void language sql as
    $$select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000031')$$;
-- the clock stands at an instant, and the scanner has done what it owes
create function pg_temp.at(p text) returns integer language plpgsql as $$
declare
    n integer := 0;
    s record;
begin
    perform set_config('agenda.now', p, true);
    perform agenda.act_as(null);
    loop
        s := agenda.check_due_tasks(1000);
        exit when s.raised = 0;
        n := n + s.raised;
    end loop;
    perform pg_temp.act();
    return n;
end $$;
-- due dates of a series' tasks, oldest first, those with a status
create function pg_temp.dues(p_series uuid, p_status text default '%') returns text language sql as $$
    select string_agg(to_char(t.due_date at time zone 'UTC', 'MM-DD HH24:MI'), ', ' order by t.occurrence_key)
      from agenda.tasks t where t.recurring_task_id = p_series and t.status like p_status and t.deleted_at is null
$$;
create function pg_temp.open_of(p_series uuid) returns uuid language sql as $$
    select t.id from agenda.tasks t
     where t.recurring_task_id = p_series and t.status in ('pending', 'in_progress') and t.deleted_at is null
     order by t.occurrence_key desc limit 1
$$;
create function pg_temp.missed(p_series uuid) returns jsonb language sql as $$
    select jsonb_agg(jsonb_build_array(e.data->'cause', e.data->'count', e.data->'keys'->0) order by e.seq)
      from agenda.events e where e.type = 'task.missed' and e.subject = p_series::text
$$;

-- ---- the clock ---------------------------------------------------------------------------------
select pg_temp.at('2025-01-01 08:00+00');
create temp table s1 as select id from agenda.create_recurring_task('Take medication', 'daily', start_date => '2025-01-01T09:00:00Z', end_date => '2025-01-04T12:00:00Z');
select is(pg_temp.dues(id), null, 'S1 before its start there is none') from s1;
select pg_temp.at('2025-01-01 09:00+00');
select is(pg_temp.dues(id), '01-01 09:00', 'S1 the clock makes it') from s1;
select pg_temp.at('2025-01-02 09:00+00');
select is(pg_temp.dues(id), '01-01 09:00, 01-02 09:00', 'S1 and each day another, by itself') from s1;
select pg_temp.at('2025-01-03 09:00+00');
select pg_temp.at('2025-01-04 09:00+00');
select is((agenda.get_recurring_task(id)).is_active, false, 'S3 the end date has come') from s1;
select is((select count(*) from agenda.events e where e.type = 'recurring_task.ended' and e.subject = s1.id::text), 1::bigint, 'S3 with its event') from s1;
select pg_temp.at('2025-02-01 09:00+00');
select is(pg_temp.dues(id), '01-01 09:00, 01-02 09:00, 01-03 09:00, 01-04 09:00', 'S3 and nothing comes after it') from s1;

select pg_temp.at('2025-01-01 00:00+00');
create temp table s2 as select id from agenda.create_recurring_task('Stand-up', rrule => 'FREQ=WEEKLY;BYDAY=MO', start_date => '2025-01-06 09:00', timezone => 'Europe/Berlin');
select pg_temp.at('2025-03-24 08:00+00');
select pg_temp.at('2025-03-31 07:00+00');
select ok(pg_temp.dues(id) like '%03-24 08:00, 03-31 07:00', 'S2 every Monday at nine, in winter and in summer') from s2;
select is((select string_agg(distinct to_char(t.due_date at time zone 'Europe/Berlin', 'FMDay HH24:MI'), ', ') from agenda.tasks t, s2 where t.recurring_task_id = s2.id), 'Monday 09:00', 'S2 and at no other time');

select pg_temp.at('2025-01-01 10:00+00');
select is((agenda.create_recurring_task('K4', 'weekly', start_date => '2025-01-01T09:00:00Z')).next_due_at, '2025-01-08 09:00+00'::timestamptz, 'S26 a weekly series that began today is next due in a week');
select is((select string_agg(concat_ws(' ', t.status, to_char(t.due_date at time zone 'UTC', 'MM-DD HH24:MI')), ', ') from agenda.tasks t where t.title = 'K4'), 'pending 01-01 09:00', 'S26 and today''s is there');
create temp table lead as select id from agenda.create_recurring_task('Lead', 'daily', start_date => '2025-01-10T09:00:00Z', options => '{"lead_time": "2 days"}');
select pg_temp.at('2025-01-08 08:59+00');
select is(pg_temp.dues(id), null, 'lead time: not yet') from lead;
select pg_temp.at('2025-01-08 09:00+00');
select is(pg_temp.dues(id), '01-10 09:00', 'lead time: so long before its due date it is made') from lead;

-- two zones, and a clock that steps
select pg_temp.at('2025-03-28 00:00+00');
create temp table zones as select z as zone, (agenda.create_recurring_task(z, 'daily', start_date => '2025-03-29T09:00', timezone => z)).id from unnest('{Europe/Berlin,America/New_York}'::text[]) z;
select pg_temp.at('2025-03-30 13:30+00');
select is(string_agg(pg_temp.dues(id), ' | ' order by zone), '03-30 13:00 | 03-30 07:00', 'U17 a zone for each series: nine is nine there, in summer and in winter') from zones;
select pg_temp.at('2025-03-31 14:59+00');
select is(string_agg(to_char((agenda.get_recurring_task(id)).next_due_at at time zone zone, 'MM-DD HH24:MI'), ' | ' order by zone), '04-01 09:00 | 04-01 09:00', 'U20 U23 the clock has stepped over the hour: what was owed is not forgotten') from zones;
select is(string_agg(pg_temp.dues(id), ' | ' order by zone), '03-30 13:00, 03-31 13:00 | 03-30 07:00, 03-31 07:00', 'U20 U23 it is there') from zones;

-- ---- after downtime ------------------------------------------------------------------------------
create function pg_temp.make(p_policy text, p_options jsonb default '{}') returns uuid language sql as $$
    select (agenda.create_recurring_task(p_policy, 'daily', start_date => '2025-03-01T09:00:00Z', policy => p_policy, options => p_options)).id
$$;
select pg_temp.at('2025-03-01 09:00+00');
create temp table down as
    select name, pg_temp.make(policy, options) as id
      from (values ('latest', 'fixed', '{}'::jsonb), ('all', 'must_do', '{}'), ('skip', 'fixed', '{"missed": "skip"}'),
                   ('window', 'must_do', '{"catchup_window": "48 hours"}'), ('late', 'fixed', '{"catchup_window": "30 minutes"}'),
                   ('habit', 'habit', '{}'), ('sequential', 'sequential', '{}')) v (name, policy, options);
select is(pg_temp.at('2025-03-04 10:00+00') > 0, true, 'three days without a scanner');
select is(pg_temp.dues(id), '03-01 09:00, 03-04 09:00', 'U26 missed latest: one, not a burst') from down where name = 'latest';
select is(pg_temp.missed(id), '[["downtime", 2, "2025-03-02T09:00:00"]]', 'U21 what was passed over is in an event') from down where name = 'latest';
select is((agenda.get_recurring_task(id)).missed_count, 2::bigint, 'and counted') from down where name = 'latest';
select is(pg_temp.dues(id), '03-01 09:00, 03-02 09:00, 03-03 09:00, 03-04 09:00', 'U24 missed all: none is left out') from down where name = 'all';
select is(pg_temp.missed(id), null, 'and none was missed') from down where name = 'all';
select is(pg_temp.dues(id), '03-01 09:00', 'missed skip: what is late is not made') from down where name = 'skip';
select is((agenda.get_recurring_task(id)).next_due_at, '2025-03-05 09:00+00'::timestamptz, 'it goes on with the next') from down where name = 'skip';
select is(pg_temp.missed(id), '[["downtime", 3, "2025-03-02T09:00:00"]]', 'all three are in the event') from down where name = 'skip';
select is(pg_temp.dues(id), '03-01 09:00, 03-03 09:00, 03-04 09:00', 'catch-up window: what is older is passed over') from down where name = 'window';
select is(pg_temp.missed(id), '[["downtime", 1, "2025-03-02T09:00:00"]]', 'and said') from down where name = 'window';
select is(pg_temp.dues(id), '03-01 09:00', 'catch-up window with latest: the newest is too late as well') from down where name = 'late';
select is(pg_temp.dues(id, 'pending'), '03-04 09:00', 'U35 habit: one current copy, however long nobody looked') from down where name = 'habit';
select is(pg_temp.dues(id, 'missed'), '03-01 09:00', 'U36 the one it superseded is missed, and still to be seen') from down where name = 'habit';
select is((select count(*) from agenda.events e, agenda.tasks t where e.type = 'task.missed' and e.subject = t.id::text and t.recurring_task_id = d.id), 1::bigint, 'U36 which is an event of that task') from down d where name = 'habit';
select is((agenda.get_recurring_task(id)).overlap_count, 1::bigint, 'habit: counted') from down where name = 'habit';
select is(pg_temp.dues(id), '03-01 09:00', 'sequential: never two open') from down where name = 'sequential';
select is((select count(*) from agenda.timers x where x.entity_id = d.id), 0::bigint, 'sequential: nobody looks until that one is closed') from down d where name = 'sequential';
create temp table seq as select x.* from down, agenda.complete_task(pg_temp.open_of(id)) x where name = 'sequential';
select is((next_task).due_date, '2025-03-04 09:00+00'::timestamptz, 'sequential: completion releases the one that is owed at once') from seq;
select is(pg_temp.missed(id), '[["overlap", 2, "2025-03-02T09:00:00"]]', 'sequential: the rest was passed over') from down where name = 'sequential';
create temp table seq2 as select x.* from down, agenda.complete_task(pg_temp.open_of(id)) x where name = 'sequential';
select is((next_task).id, null, 'sequential: done early, nothing is owed') from seq2;
select pg_temp.at('2025-03-05 09:00+00');
select is(pg_temp.dues(id, 'pending'), '03-05 09:00', 'sequential: the clock makes the next') from down where name = 'sequential';
-- fewer than a hundred at a time, and all in the end
select pg_temp.at('2025-08-01 09:00+00');
select is((select count(*) from agenda.tasks t where t.recurring_task_id = d.id), 154::bigint, 'U25 months later every one is made, and it goes on') from down d where name = 'all';
select is((agenda.get_recurring_task(id)).next_due_at, '2025-08-02 09:00+00'::timestamptz, 'U25 with the next day') from down d where name = 'all';
create temp table minutely as select id from agenda.create_recurring_task('each minute', rrule => 'FREQ=MINUTELY', start_date => '2025-08-01T09:00:00Z');
select pg_temp.at('2026-08-01 09:00:30+00');
select is((select count(*) from agenda.tasks t where t.recurring_task_id = m.id), 2::bigint, 'U25 half a million minutes later: the newest') from minutely m;
select is((agenda.get_recurring_task(id)).next_due_at, '2026-08-01 09:01+00'::timestamptz, 'U25 and the next minute') from minutely;
select agenda.delete_recurring_task(id) from minutely;
select is(pg_temp.at('2026-08-01 09:00:30+00'), 0, 'U20 the same instant again: nothing is made twice');

-- ---- hold by the clock -----------------------------------------------------------------------------
select pg_temp.at('2025-03-01 09:00+00');
create temp table hold as select name, pg_temp.make('fixed', options) as id
  from (values ('latest', '{"overlap": "hold"}'::jsonb), ('all', '{"overlap": "hold", "missed": "all"}'), ('basis', '{"overlap": "hold", "basis": "completion", "missed": "skip"}')) v (name, options);
select pg_temp.at('2025-03-02 09:00+00');
select pg_temp.at('2025-03-03 10:00+00');
select is(string_agg(pg_temp.dues(id), ' | '), '03-01 09:00 | 03-01 09:00 | 03-01 09:00', 'hold: nothing beside an open one') from hold;
select agenda.complete_task(pg_temp.open_of(id)) from hold;
select is(string_agg(pg_temp.dues(id), ' | '), '03-01 09:00 | 03-01 09:00 | 03-01 09:00', 'hold: only the clock makes the next') from hold;
select pg_temp.at('2025-03-04 09:00+00');
select is(pg_temp.dues(id), '03-01 09:00, 03-04 09:00', 'hold, latest: one was held back, the newest is made') from hold where name = 'latest';
select is(pg_temp.dues(id), '03-01 09:00, 03-02 09:00', 'hold, all: the oldest that was held back') from hold where name = 'all';
select is(pg_temp.dues(id), '03-01 09:00, 03-04 09:00', 'hold, basis completion: a day after it was done') from hold where name = 'basis';

-- ---- completion --------------------------------------------------------------------------------------
select pg_temp.at('2025-03-01 08:00+00');
create temp table c as select policy as name, pg_temp.make(policy) as id from unnest('{on_completion,chain,after_completion}'::text[]) policy;
select is(string_agg(pg_temp.dues(id), ' | '), '03-01 09:00 | 03-01 09:00 | 03-01 09:00', 'one open occurrence to begin with') from c;
select is((select count(*) from agenda.timers x, c where x.entity_id = c.id), 0::bigint, 'which no clock makes');
select pg_temp.at('2025-03-04 08:00+00');
create temp table done as select c.name, c.id, x.* from c, agenda.complete_task(pg_temp.open_of(c.id)) x;
select is((next_task).due_date, '2025-03-04 09:00+00'::timestamptz, 'U29 on_completion: done on day 4 at 8, due on day 4 at 9') from done where name = 'on_completion';
select is(pg_temp.missed(id), '[["late_completion", 2, "2025-03-02T09:00:00"]]', 'U29 what the late completion passed over is in an event') from done where name = 'on_completion';
select is((agenda.get_recurring_task(id)).missed_count, 2::bigint, 'and counted') from done where name = 'on_completion';
select agenda.undo(undo_token) from done where name = 'on_completion';
select is((agenda.get_recurring_task(id)).missed_count, 0::bigint, 'but not when it is taken back') from done where name = 'on_completion';
select agenda.complete_task(pg_temp.open_of(id)) from done where name = 'on_completion';
select is((agenda.get_recurring_task(id)).missed_count, 2::bigint, 'and again when it is completed again') from done where name = 'on_completion';
select is((next_task).due_date, '2025-03-02 09:00+00'::timestamptz, 'chain: the next in the sequence, even if it is past') from done where name = 'chain';
select is((next_task).due_date, '2025-03-05 09:00+00'::timestamptz, 'after_completion: a day after it was done') from done where name = 'after_completion';
select is((next_task).parent_task_id, (task).id, 'the next knows its predecessor') from done where name = 'chain';
create temp table early as select c.name, x.* from c, agenda.complete_task(pg_temp.open_of(c.id)) x where name = 'on_completion';
select is((next_task).due_date, '2025-03-05 09:00+00'::timestamptz, 'U30 done early: never the same one again') from early;
select is((task).status || ' ' || (next_task).status, 'completed pending', 'U32 U33 a row for each, the series goes on') from early;
select is((agenda.get_recurring_task(id)).is_active, true, 'U32 which is not completed with one of its tasks') from c where name = 'on_completion';
create temp table back as select pg_temp.make('fixed') as id;
select is(((agenda.complete_task(pg_temp.open_of(id))).next_task).id, null, 'U33 by the clock, what is done does not pop back at once') from back;
select pg_temp.at('2025-03-04 09:00+00');
select is(pg_temp.dues(id, 'completed') || ' | ' || pg_temp.dues(id, 'pending'), '03-03 09:00 | 03-04 09:00', 'U33 but in its time, and what was done is still there') from back;
select pg_temp.at('2025-03-04 08:00+00');

create temp table sun as select id from agenda.create_recurring_task('four weeks', rrule => 'FREQ=WEEKLY;INTERVAL=4;BYDAY=SU', start_date => '2022-04-17T09:00:00Z', policy => 'after_completion');
update agenda.recurring_tasks set deleted_at = agenda.now() where id = (select id from sun);
delete from sun;
set local agenda.now = '2022-04-17 08:00+00';
insert into sun select id from agenda.create_recurring_task('four weeks', rrule => 'FREQ=WEEKLY;INTERVAL=4;BYDAY=SU', start_date => '2022-04-17T09:00:00Z', policy => 'after_completion');
set local agenda.now = '2022-04-19 12:00+00';
select is(((agenda.complete_task(pg_temp.open_of(id))).next_task).due_date, '2022-05-15 09:00+00'::timestamptz, 'U31 every four weeks on Sunday, done on a Tuesday') from sun;
set local agenda.now = '2025-09-01 08:00+00';
create temp table mon as select id from agenda.create_recurring_task('monthly', 'monthly', start_date => '2025-09-05T09:00:00Z', policy => 'after_completion');
set local agenda.now = '2025-09-10 12:00+00';
select is(((agenda.complete_task(pg_temp.open_of(id))).next_task).due_date, '2025-10-10 09:00+00'::timestamptz, 'U31 monthly when done') from mon;
set local agenda.now = '2026-01-31 12:00+00';
select is(((agenda.complete_task(pg_temp.open_of(id))).next_task).due_date, '2026-02-28 09:00+00'::timestamptz, 'U31 and on the last day of a month that lacks the day') from mon;
create temp table hourly as select id from agenda.create_recurring_task('every 6 hours', rrule => 'FREQ=HOURLY;INTERVAL=6', start_date => '2026-01-31T13:00:00Z', policy => 'after_completion');
set local agenda.now = '2026-01-31 14:20:10+00';
select is(((agenda.complete_task(pg_temp.open_of(id))).next_task).due_date, '2026-01-31 20:20:10+00'::timestamptz, 'below a day: hours after it was done') from hourly;

-- ends by count
set local agenda.now = '2025-03-01 08:00+00';
create temp table cnt as select p as name, (agenda.create_recurring_task('three', rrule => 'FREQ=DAILY;COUNT=3', start_date => '2025-03-01T09:00:00Z', policy => p)).id from unnest('{on_completion,after_completion,chain}'::text[]) p;
create function pg_temp.complete_times(p_series uuid, n integer) returns uuid language plpgsql as $$
declare v agenda.completion;
begin
    for i in 1 .. n loop
        v := agenda.complete_task(pg_temp.open_of(p_series));
    end loop;
    return (v.next_task).id;
end $$;
select isnt(pg_temp.complete_times(id, 2), null, 'U8 ' || name || ': a third one after two of three') from cnt;
select is(pg_temp.complete_times(id, 1), null, 'U8 ' || name || ': and no fourth') from cnt;
select is((agenda.get_recurring_task(id)).is_active, false, 'U8 ' || name || ': the series has ended') from cnt;
select is((select count(*) from agenda.events e where e.type = 'recurring_task.ended' and e.subject = cnt.id::text), 1::bigint, 'U8 ' || name || ': with an event') from cnt;
select is(agenda.undo(format('%s.2.pending', (select t.id from agenda.tasks t where t.recurring_task_id = cnt.id order by t.occurrence_key desc limit 1)))->'task'->>'status',
          'pending', 'U37 ' || name || ': the last one undone') from cnt;
select is((agenda.get_recurring_task(id)).is_active, true, 'U37 ' || name || ': and the series goes on') from cnt;
create temp table wk as select id from agenda.create_recurring_task('count', rrule => 'FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=4', start_date => '2025-03-03T09:00:00Z', policy => 'must_do');
select pg_temp.at('2025-06-01 00:00+00');
select is(pg_temp.dues(id), '03-03 09:00, 03-05 09:00, 03-07 09:00, 03-10 09:00', 'U7 COUNT counts occurrences, not weeks') from wk;

-- ---- never without an occurrence -----------------------------------------------------------------------
set local agenda.now = '2025-03-01 08:00+00';
create temp table g as select name, (agenda.create_recurring_task(name, 'daily', start_date => '2025-03-01T09:00:00Z', policy => 'on_completion')).id
  from unnest('{cancel,skip,delete,gone,miss}'::text[]) name;
select agenda.cancel_task(pg_temp.open_of(id)) from g where name = 'cancel';
select agenda.skip_task(pg_temp.open_of(id)) from g where name = 'skip';
select agenda.delete_task(pg_temp.open_of(id)) from g where name = 'delete';
update agenda.tasks set status = 'missed' where id = (select pg_temp.open_of(id) from g where name = 'miss');
delete from agenda.tasks where id = (select pg_temp.open_of(id) from g where name = 'gone');
select is(pg_temp.dues(id, 'pending'), '03-02 09:00', name || ' of the only open occurrence brings the next one') from g where name <> 'gone';
select is(pg_temp.dues(id), null, 'deleted for good, nothing is made at once') from g where name = 'gone';
select pg_temp.at('2025-03-02 09:00+00');
select is(pg_temp.dues(id), '03-02 09:00', 'but the clock goes on in its time') from g where name = 'gone';
-- what is passed over while nothing is open may be all there was
create temp table last as select id from agenda.create_recurring_task('three', rrule => 'FREQ=DAILY;COUNT=3', start_date => '2025-03-02T09:00:00Z', policy => 'on_completion');
delete from agenda.tasks where id = (select pg_temp.open_of(id) from last);
select pg_temp.at('2025-03-20 09:00+00');
select is((agenda.get_recurring_task(id)).is_active, false, 'deleted for good, and nobody looked before its last: it has ended') from last;
select is((select count(*) from agenda.events e where e.type = 'recurring_task.ended' and e.subject = last.id::text), 1::bigint, 'with an event') from last;
select is((select count(*) from agenda.fsck() f, last where f.id = last.id), 0::bigint, 'and nothing is wrong');
-- from completion: what was done in advance is not waited for
create temp table adv as select n as name, id from (values ('days', 'FREQ=DAILY', '2025-03-21T09:00:00Z'), ('31st', 'FREQ=MONTHLY;BYMONTHDAY=31', '2025-03-31T09:00:00Z')) v (n, r, s),
    agenda.create_recurring_task(n, rrule => r, start_date => s, policy => 'after_completion');
select agenda.complete_occurrence(id, case name when 'days' then '2025-03-23 09:00' else '2025-05-31 09:00' end::timestamp) from adv;
select pg_temp.at('2025-03-22 10:00+00');
select is(((agenda.complete_task(pg_temp.open_of(id))).next_task).due_date, '2025-03-24 09:00+00'::timestamptz, 'after_completion: done in advance, the next comes after it') from adv where name = 'days';
select pg_temp.at('2025-03-31 10:00+00');
select is(((agenda.complete_task(pg_temp.open_of(id))).next_task).due_date, '2025-07-31 09:00+00'::timestamptz, 'after_completion: also where the rule names days') from adv where name = '31st';
select agenda.delete_recurring_task(id, null, 'delete') from adv;
select pg_temp.at('2025-03-02 09:00+00');

create temp table rs as select id, (select t.id from agenda.tasks t where t.recurring_task_id = g.id and t.deleted_at is not null) as deleted from g where name = 'delete';
select agenda.restore_task(deleted) from rs;
select is(pg_temp.dues(id, 'pending'), '03-01 09:00', 'restored, it takes the place of its successor') from rs;
set constraints all immediate;
select agenda.act_as(null);
savepoint users;
delete from agenda.users where id = 'aaaaaaaa-0000-4000-8000-000000000031';
select is((select count(*) from agenda.tasks where user_id = 'aaaaaaaa-0000-4000-8000-000000000031')
          + (select count(*) from agenda.timers where user_id = 'aaaaaaaa-0000-4000-8000-000000000031' and entity = 'series'),
          0::bigint, 'a user who is deleted leaves nothing that begins anew');
rollback to users;
select pg_temp.act();

-- ---- pause ---------------------------------------------------------------------------------------------
select pg_temp.at('2025-04-01 09:00+00');
create temp table p as select name, (agenda.create_recurring_task(name, 'daily', start_date => '2025-04-01T09:00:00Z', policy => name)).id
  from unnest('{fixed,must_do,on_completion,habit}'::text[]) name;
select agenda.pause_recurring_task(id) from p;
select agenda.complete_task(pg_temp.open_of(id)) from p;
select pg_temp.at('2025-04-04 10:00+00');
select is(string_agg(distinct pg_temp.dues(id), '|'), '04-01 09:00', 'U38 paused, nothing is made') from p;
select agenda.resume_recurring_task(id) from p;
select pg_temp.at('2025-04-04 10:00:01+00');
select is(pg_temp.dues(id), '04-01 09:00', 'U25 fixed: a pause leaves no debt') from p where name = 'fixed';
select is(pg_temp.missed(id), '[["pause", 3, "2025-04-02T09:00:00"]]', 'fixed: but it is in the log') from p where name = 'fixed';
select is(pg_temp.dues(id), '04-01 09:00, 04-02 09:00, 04-03 09:00, 04-04 09:00', 'must_do: all of it is owed') from p where name = 'must_do';
select is(pg_temp.dues(id, 'pending'), '04-05 09:00', 'on_completion: what was done meanwhile has its successor now') from p where name = 'on_completion';

-- nobody looked when the pause ended: it ended all the same, and what fell due after it is owed
create temp table until as select name, (agenda.create_recurring_task(name, 'daily', start_date => '2025-04-05T09:00:00Z', policy => name)).id
  from unnest('{fixed,must_do,habit,sequential}'::text[]) name;
select pg_temp.at('2025-04-05 09:00+00');
select agenda.complete_task(pg_temp.open_of(id)) from until;
select agenda.pause_recurring_task(id, until => '2025-04-07T00:00:00Z') from until;
select pg_temp.at('2025-04-09 10:00+00');
select is(pg_temp.dues(id, 'pending'), '04-09 09:00', name || ': the newest that fell due after the pause') from until where name <> 'must_do';
select is(pg_temp.dues(id, 'pending'), '04-06 09:00, 04-07 09:00, 04-08 09:00, 04-09 09:00', 'must_do: all') from until where name = 'must_do';
select is(pg_temp.missed(id), '[["pause", 1, "2025-04-06T09:00:00"], ["downtime", 2, "2025-04-07T09:00:00"]]', 'the pause passed over one, the downtime two') from until where name = 'fixed';
select is((select count(*) from agenda.fsck() f join until u on u.id = f.id), 0::bigint, 'and nothing is wrong');

-- ---- policies that go together, and that do not --------------------------------------------------------
create function pg_temp.means(b text, s text, o text, m text) returns boolean language plpgsql as $$
begin
    perform agenda.preview_recurring_task(null, 1, jsonb_build_object('recurrence_type', 'daily', 'start_date', '2025-05-01T09:00:00Z',
                                                                      'basis', b, 'spawn', s, 'overlap', o, 'missed', m));
    return true;
exception when sqlstate 'YA006' then
    return false;
end $$;
select is(string_agg(format('%s/%s/%s/%s', b, s, o, m), ' ' order by b, s, o, m) filter (where pg_temp.means(b, s, o, m)),
          'completion/completion/hold/latest completion/completion/hold/skip completion/either/hold/latest completion/either/hold/skip '
          || 'completion/schedule/hold/latest completion/schedule/hold/skip due/completion/hold/all due/completion/hold/latest due/completion/hold/skip '
          || 'due/either/hold/all due/either/hold/latest due/either/hold/skip due/schedule/allow/all due/schedule/allow/latest due/schedule/allow/skip '
          || 'due/schedule/hold/all due/schedule/hold/latest due/schedule/hold/skip due/schedule/supersede/latest due/schedule/supersede/skip',
          'the combinations that mean something')
  from unnest('{due,completion}'::text[]) b, unnest('{schedule,completion,either}'::text[]) s,
       unnest('{allow,hold,supersede}'::text[]) o, unnest('{all,latest,skip}'::text[]) m;
create function pg_temp.refused(p jsonb) returns text language plpgsql as $$
declare v text;
begin
    perform agenda.create_recurring_task('x', 'daily', start_date => '2025-05-01T09:00:00Z', options => p);
    return 'made';
exception when others then
    get stacked diagnostics v = column_name;
    return sqlstate || ' ' || v;
end $$;
select is(pg_temp.refused(o::jsonb), 'YA006 ' || c, o || ' is refused')
  from (values ('{"spawn": "completion", "overlap": "allow"}', 'overlap'), ('{"spawn": "either", "overlap": "supersede"}', 'overlap'),
               ('{"basis": "completion"}', 'overlap'), ('{"basis": "completion", "overlap": "hold", "missed": "all"}', 'missed'),
               ('{"overlap": "supersede", "missed": "all"}', 'missed'), ('{"basis": "when"}', 'basis'), ('{"spawn": ""}', 'spawn'),
               ('{"overlap": "both"}', 'overlap'), ('{"missed": "none"}', 'missed'), ('{"lead_time": "-1 day"}', 'lead_time'),
               ('{"lead_time": "400 days"}', 'lead_time'), ('{"lead_time": "soon"}', 'lead_time'), ('{"catchup_window": "-1 second"}', 'catchup_window'),
               ('{"dst_gap": "jump"}', 'dst_gap'), ('{"dst_fold": "both"}', 'dst_fold'), ('{"business_shift": "away"}', 'business_shift'),
               ('{"invalid_day": "never"}', 'invalid_day'), ('{"rrule": "FREQ=DAILY;BYHOUR=9", "all_day": true}', 'rrule'),
               ('{"rrule": "FREQ=WEEKLY"}', 'rrule'), ('{"tags": "a"}', 'tags'), ('{"tags": ["a", "a"]}', 'tags'), ('{"checklist": [1]}', 'checklist'),
               ('{"policy": "whenever"}', 'policy'), ('{"basis": 1}', 'basis'), ('{"is_active": "perhaps"}', 'is_active')) v (o, c);
select throws_ok($$select agenda.create_recurring_task('x', 'daily', options => '[]')$$, 'YA006', null, 'options that are no object');
select is((select count(*) from agenda.recurring_tasks where title = 'x'), 0::bigint, 'and nothing was made');
select throws_ok(format($$select agenda.update_recurring_task(%L, '{"overlap": "supersede", "missed": "all"}')$$, id), 'YA006', null, 'nor by a change') from p where name = 'fixed';
select is(agenda.recurring_task_json(agenda.update_recurring_task(id, jsonb_build_object('policy', n)))->>'policy', n, 'preset ' || n || ' can be chosen and is shown')
  from p, unnest('{must_do,on_completion,chain,after_completion,habit,sequential,fixed}'::text[]) n where name = 'fixed';
select is(agenda.recurring_task_json(agenda.update_recurring_task(id, '{"missed": "skip"}'))->>'policy', 'custom', 'what is no preset is custom') from p where name = 'fixed';

-- templates
create temp table tpl as select id from agenda.create_recurring_task('Pack', 'daily', start_date => '2025-04-04T11:00:00Z', policy => 'on_completion', tags => '{home,fun}',
    checklist => '[{"text": "shoes", "done": true}, {"text": "hat"}]');
select is(tags, '{home,fun}', 'tags come from the series') from agenda.get_task((select pg_temp.open_of(id) from tpl));
select is(checklist, '[{"text": "shoes", "done": false}, {"text": "hat", "done": false}]', 'U34 the checklist begins with nothing done') from agenda.get_task((select pg_temp.open_of(id) from tpl));
select agenda.update_task(pg_temp.open_of(id), '{"checklist": [{"text": "shoes", "done": true}]}') from tpl;
select is(((agenda.complete_task(pg_temp.open_of(id))).next_task).checklist, '[{"text": "shoes", "done": false}, {"text": "hat", "done": false}]', 'U34 and so does the next') from tpl;

select * from finish();
rollback;
