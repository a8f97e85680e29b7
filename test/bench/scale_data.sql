-- scale_data.sql - a hundred tasks of each of many users, made by the rules of the extension, with
-- three series, reminders, timers and an inbox each.
--
--   psql -1 -v from=1 -v to=1000 -f scale_data.sql        users 1 to 1000, 100,000 tasks
--
-- For a member of agenda_service, in a transaction (-1).  Everything goes through the triggers, without events
-- (agenda.bulk_import()); ANALYZE is the caller's business.  What a user has does not depend on how many
-- users there are, so a call that costs more beside more users reads what is not its user's.
-- Nothing is owed before a week from now: the scanner has nothing to do.
set local role agenda_service;
select agenda.bulk_import() \g /dev/null

insert into agenda.users (external_id)
select 'scale ' || i from generate_series(:from, :to) i;

create temp table scale_user as
select u.id, replace(u.external_id, 'scale ', '')::integer as n from agenda.users u
 where u.external_id = any (select 'scale ' || i from generate_series(:from, :to) i);

insert into agenda.preferences (user_id, timezone)
select u.id, case u.n % 3 when 0 then 'UTC' when 1 then 'Europe/Berlin' else 'America/New_York' end from scale_user u;

-- 99 tasks: 50 that are done, 17 without a due date, 32 due within the month after the next week.  By rank before
-- user, as life makes them: the tasks of one user do not lie side by side.
insert into agenda.tasks (user_id, title, description, priority, status, due_date, tags, created_at)
select u.id, format('task %s of %s', k, u.n), case when k % 3 = 0 then 'what there is to say about it' end, 1 + k % 3,
       case when k <= 50 then 'completed' else 'pending' end,
       case when k <= 50 then now() - (k + 1) * interval '1 day'
            when k > 67 then date_trunc('hour', now()) + interval '8 days' + (k - 67) * interval '23 hours' + u.n % 3600 * interval '1 second' end,
       case when k % 5 = 0 then '{home}' else '{}'::text[] end,
       now() - (100 - k) * interval '1 day' + u.n % 3600 * interval '1 second'
  from generate_series(1, 99) k, scale_user u
 order by k, u.n;

-- three series: by the clock, by completion (the hundredth task is its first occurrence), by the clock
insert into agenda.recurring_tasks (user_id, title, recurrence_type, start_date, spawn, overlap)
select u.id, format('series %s of %s', s.type, u.n), s.type, date_trunc('hour', now()) + interval '8 days' + u.n % 3600 * interval '1 second',
       s.spawn, s.overlap
  from (values ('daily', 'schedule', 'allow'), ('weekly', 'completion', 'hold'), ('monthly', 'schedule', 'allow')) s (type, spawn, overlap), scale_user u
 order by s.type, u.n;

-- a day without the daily one
insert into agenda.recurrence_overrides (user_id, recurring_task_id, occurrence_key, kind)
select r.user_id, r.id, r.next_key + interval '3 days', 'skip'
  from scale_user u join agenda.recurring_tasks r on r.user_id = u.id and r.recurrence_type = 'daily';

-- a reminder of five tasks of each user, an hour before they are due
insert into agenda.reminders (user_id, task_id, offset_by)
select t.user_id, t.id, '-1 hour'
  from scale_user u join agenda.tasks t on t.user_id = u.id and t.title = any (select format('task %s of %s', k, u.n) from generate_series(91, 95) k);

-- an inbox of thirty, ten of them unread, and as many that are withdrawn
insert into agenda.notifications (user_id, type, title, dedupe_key, scheduled_for, created_at, read_at, withdrawn_at)
select u.id, 'due', format('notification %s of %s', k, u.n), 'scale:' || k, now() - k * interval '1 hour', now() - k * interval '1 hour',
       case when k > 10 and k <= 30 then now() end, case when k > 30 then now() end
  from generate_series(1, 60) k, scale_user u
 order by k desc, u.n;
select agenda.bulk_import(false) \g /dev/null
drop table scale_user;
reset role;
