-- The calendar: open tasks and the occurrences to come, and what may be asked of it.
begin;
set local search_path = public;
select no_plan();

select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000033');
create function pg_temp.month(p_closed boolean default false) returns text language sql as $$
    select string_agg(format('%s %s %s', to_char(c.at at time zone 'UTC', 'DD HH24:MI'), c.kind, c.title), ', ' order by c.at, c.title)
      from agenda.calendar('2025-03-01 00:00+00', '2025-04-01 00:00+00', p_closed) c
$$;

set local agenda.now = '2025-03-10 12:00+00';
select agenda.create_task('dentist', due => '2025-03-12T10:00:00Z');
select agenda.create_task('day', due => '2025-03-13');
select agenda.create_task('done', due => '2025-03-11T10:00:00Z');
select agenda.complete_task(id) from agenda.list_tasks('{"q": "done"}');
select agenda.create_task('gone', due => '2025-03-11T10:00:00Z');
select agenda.delete_task(id) from agenda.list_tasks('{"q": "gone"}');
select agenda.create_task('some day');
select is(pg_temp.month(), '12 10:00 task dentist, 13 00:00 task day', 'open tasks of the range');
select is(pg_temp.month(true), '11 10:00 task done, 12 10:00 task dentist, 13 00:00 task day', 'closed ones if asked for');

create temp table w as select id from agenda.create_recurring_task('week', rrule => 'FREQ=WEEKLY;BYDAY=MO', start_date => '2025-03-03T09:00:00Z', tags => '{w}');
select is(pg_temp.month(), '10 09:00 task week, 12 10:00 task dentist, 13 00:00 task day, 17 09:00 virtual week, 24 09:00 virtual week, 31 09:00 virtual week',
          'U59 occurrences to come are there before they are tasks');
select agenda.skip_occurrence(id, '2025-03-17 09:00'), agenda.patch_occurrence(id, '2025-03-24 09:00', '{"title": "long", "due_date": "2025-03-25T09:00"}'),
       agenda.add_occurrence(id, '2025-03-20 09:00'), agenda.complete_occurrence(id, '2025-03-31 09:00') from w;
select is(pg_temp.month(), '10 09:00 task week, 12 10:00 task dentist, 13 00:00 task day, 20 09:00 virtual week, 25 09:00 virtual long',
          'U59 and follow what is left out, changed, added and done in advance');
select is((select occurrence_key from agenda.calendar('2025-03-25 00:00+00', '2025-03-26 00:00+00')), '2025-03-24 09:00', 'by its key it can be dealt with, wherever it was moved');
select agenda.pause_recurring_task(id) from w;
select is(pg_temp.month(), '10 09:00 task week, 12 10:00 task dentist, 13 00:00 task day', 'a paused series has none to come');
select agenda.delete_recurring_task(id, null, 'delete') from w;

create temp table oc as select id from agenda.create_recurring_task('chore', 'weekly', start_date => '2025-03-14T18:00:00Z', policy => 'on_completion');
select is(pg_temp.month(), '12 10:00 task dentist, 13 00:00 task day, 14 18:00 task chore, 21 18:00 virtual chore, 28 18:00 virtual chore', 'on_completion: as if each were done in time');
select agenda.update_recurring_task(id, '{"policy": "after_completion"}') from oc;
select is(pg_temp.month(), '12 10:00 task dentist, 13 00:00 task day, 14 18:00 task chore', 'after_completion: nobody knows when the next one comes');
select agenda.delete_recurring_task(id, null, 'delete') from oc;

-- what stands elsewhere than its key, or is other than its series
create function pg_temp.april() returns text language sql as $$
    select string_agg(format('%s %s %s %s', to_char(c.at at time zone 'UTC', 'DD HH24:MI'), c.title, c.priority, c.due_kind), ', ' order by c.at)
      from agenda.calendar('2025-04-01 00:00+00', '2025-05-01 00:00+00') c
$$;
create temp table ends as select id from agenda.create_recurring_task('ends', 'daily', start_date => '2025-03-11T09:00:00Z', end_date => '2025-03-15T09:00:00Z');
select agenda.add_occurrence(id, '2025-04-20 09:00') from ends;
select is(pg_temp.april(), '20 09:00 ends 2 local', 'what was added behind the end is there where the range begins behind the end');
select agenda.delete_recurring_task(id) from ends;
create temp table sat as select id from agenda.create_recurring_task('sat', rrule => 'FREQ=WEEKLY;BYDAY=SU', start_date => '2025-03-16T09:00:00Z', end_date => '2025-03-31T00:00:00Z', options => '{"business_shift": "next"}');
select is((select string_agg(c.occurrence_key::text, ', ') from agenda.calendar('2025-03-31', '2025-04-02') c), '2025-03-30 09:00:00', 'and what a day off moved there');
create temp table shifted as select id from agenda.create_recurring_task('shifted', rrule => 'FREQ=WEEKLY;BYDAY=SU', start_date => '2025-02-02T09:00:00Z', options => '{"business_shift": "next"}');
select is((select string_agg(b.occurrence_key || ' ' || b.title, ', ') from shifted, agenda.backfill_recurring_task(shifted.id, '2025-02-17', '2025-02-23 12:00') b), '2025-02-16 09:00:00 shifted', 'backfill goes by what is due in its range, too');
select agenda.delete_recurring_task(id, null, 'delete') from shifted;
select agenda.delete_recurring_task(id) from sat;
create temp table far as select id from agenda.create_recurring_task('far', 'yearly', start_date => '2025-09-05T09:00:00Z');
select agenda.patch_occurrence(id, '2025-09-05 09:00', '{"due_date": "2025-04-20T09:00:00Z", "title": "early", "priority": 1}') from far;
select is(pg_temp.april(), '20 09:00 early 1 instant', 'an occurrence can be moved by months, and has its own title, priority and kind');
select is((select count(*) from agenda.calendar('2025-09-01', '2025-10-01')), 0::bigint, 'it is nowhere else');
select agenda.complete_occurrence(id, '2025-09-05 09:00') from far;
select is(pg_temp.april(), null, 'nor when it is a task, and done');
select agenda.delete_recurring_task(id) from far;

-- a rule that ends at an instant ends then, whatever the clock shows in UTC (RFC 5545 section 3.3.10)
create function pg_temp.days(p_rule text, p_start text, p_zone text) returns text language plpgsql as $$
declare
    r agenda.recurring_tasks := agenda.create_recurring_task('until', rrule => p_rule, start_date => p_start, timezone => p_zone);
begin
    return (select string_agg(to_char(o.occurrence_key, 'DD'), ' ' order by o.occurrence_key) from agenda.preview_recurring_task(r.id, 9) o) || '; ' || r.rrule;
end
$$;
select is(pg_temp.days('FREQ=DAILY;UNTIL=20300107T145959Z', '2030-01-05T18:00', 'Asia/Tokyo'), '05 06 07; FREQ=DAILY;UNTIL=20300107T235959', 'east of Greenwich');
select is(pg_temp.days('FREQ=DAILY;UNTIL=20300108T045959Z', '2030-01-05T02:00', 'America/New_York'), '05 06 07; FREQ=DAILY;UNTIL=20300107T235959', 'west of it');
select is(pg_temp.days('FREQ=DAILY;UNTIL=20300107T000000Z', '2030-01-05', 'America/New_York'), '05 06 07; FREQ=DAILY;UNTIL=20300107T000000', 'of whole days it names the last');
select is(pg_temp.days('FREQ=YEARLY;UNTIL=99991231T235959Z', '9998-01-05T18:00', 'Asia/Tokyo'), '05 05; FREQ=YEARLY;UNTIL=99991231T235959', 'at the end of time');
select is((select count(*) from agenda.recurring_tasks r, agenda.update_recurring_task(r.id, '{"rrule": "FREQ=DAILY;UNTIL=20300107T145959Z"}') u
            where r.title = 'until' and r.timezone = 'Asia/Tokyo' and r.rrule::text ~ 'DAILY' and u.version = r.version), 1::bigint, 'the same again changes nothing');
select is((select ((agenda.complete_task(t.id)).next_task).due_date from agenda.create_task('until', due => '2030-01-07T09:00', timezone => 'Asia/Tokyo', recurrence_rule => 'FREQ=DAILY;UNTIL=20300108T000000Z') t),
          '2030-01-08 00:00+00', 'a task with a rule goes on as long');
select agenda.delete_task(t.id, null, 'all') from agenda.tasks t where t.title = 'until' and t.status = 'pending';
select agenda.delete_recurring_task(r.id) from agenda.recurring_tasks r where r.title = 'until' and r.deleted_at is null;

-- whole days, workdays, the far future
create temp table rent as select id from agenda.create_recurring_task('rent', rrule => 'FREQ=MONTHLY;BYMONTHDAY=-1', start_date => '2025-05-31', timezone => 'Europe/Berlin', options => '{"business_shift": "previous"}');
select is((select string_agg(to_char(c.at at time zone 'Europe/Berlin', 'MM-DD HH24:MI ') || c.due_kind, ', ' order by c.at) from agenda.calendar('2025-05-01', '2025-09-01') c),
          '05-30 00:00 date, 06-30 00:00 date, 07-31 00:00 date, 08-29 00:00 date', 'U9 last workday of the month, whole days');
select is((select to_char(c.at at time zone 'Europe/Berlin', 'YYYY-MM-DD') from agenda.calendar('2525-05-01', '2525-06-01') c), '2525-05-31', 'five hundred years on');
select agenda.delete_recurring_task(id) from rent;
select agenda.create_recurring_task('secondly', rrule => 'FREQ=SECONDLY', start_date => '2026-01-01T00:00:00Z');
select is((select count(*) from agenda.calendar('2026-01-01', '2026-02-01')), 1000::bigint, 'a thousand of one series and no more');

select throws_ok($$select agenda.calendar('2025-03-01', '2026-04-06')$$, 'YA006', null, 'more than 400 days');
select throws_ok($$select agenda.calendar('2025-03-01', '2025-02-01')$$, 'YA006', null, 'an end before the beginning');
select throws_ok($$select agenda.calendar(null, '2025-02-01')$$, 'YA006', null, 'no beginning');
select throws_ok($$select agenda.calendar('-infinity', 'infinity')$$, null, null, 'for ever');
select is((select count(*) from agenda.calendar('2025-03-01', '2025-03-01')), 0::bigint, 'nothing at all');
select agenda.act_as('bbbbbbbb-0000-4000-8000-000000000033');
select is((select count(*) from agenda.calendar('2025-03-01', '2025-04-01')), 0::bigint, 'nothing of another user');
select agenda.act_as(null);
select throws_ok($$select agenda.calendar('2025-03-01', '2025-04-01')$$, 'YA009', null, 'nothing for nobody');

select * from finish();
rollback;
