-- ---- tasks -------------------------------------------------------------------------------------

create table agenda.tasks (
    id                 uuid not null default agenda.uuid7(),
    user_id            uuid not null default agenda.current_user_id()
                       references agenda.users on delete cascade,
    title              text not null,
    description        text,
    status             text not null default 'pending',
    priority           smallint not null default 2,
    due_date           timestamptz,
    timezone           text,
    due_kind           text not null default 'instant',
    due_local          timestamp,
    tags               text[] not null default '{}',
    checklist          jsonb not null default '[]',
    recurrence_rule    text,
    recurring_task_id  uuid,
    occurrence_key     timestamp,
    parent_task_id     uuid,
    notified           boolean not null default false,
    last_reminder_sent timestamptz,
    completed_at       timestamptz,
    version            bigint not null default 1,
    created_at         timestamptz not null default agenda.now(),
    updated_at         timestamptz not null default agenda.now(),
    deleted_at         timestamptz,
    announced          text,
    own_reminders      boolean not null default false,
    owed_from          timestamptz,
    primary key (user_id, id),
    -- occurrences stay with the owner of their series
    foreign key (user_id, recurring_task_id) references agenda.recurring_tasks (user_id, id)
        on delete set null (recurring_task_id),
    -- one constraint for all columns: the text of each would be read anew by each statement
    constraint tasks_valid check (agenda._task_valid(title, description, status, priority, due_date, due_kind, due_local, announced, deleted_at))
) with (fillfactor = 90);
-- what makes materialise() idempotent; a task of no series has no entry
create unique index tasks_occurrence on agenda.tasks (user_id, recurring_task_id, occurrence_key)
    where recurring_task_id is not null;
create index tasks_open_due on agenda.tasks (user_id, due_date, id)
    where deleted_at is null and status in ('pending', 'in_progress');
-- is an occurrence of this series still to be done?
create index tasks_open_occurrence on agenda.tasks (user_id, recurring_task_id, occurrence_key)
    where deleted_at is null and status in ('pending', 'in_progress') and recurring_task_id is not null;
-- lists begin with the newest and walk backwards: so a new task is its user's last entry, and that of the newest
-- or only user the last of all, which is found without a descent and fills its page; as the first it would leave it half empty
create index tasks_created on agenda.tasks (user_id, created_at, id desc) where deleted_at is null;
comment on table agenda.tasks is 'tasks, occurrences of series among them';
comment on constraint tasks_valid on agenda.tasks is 'what the comments of the columns say of lengths, words and ranges (extension/task_valid.c)';
comment on column agenda.tasks.title is '1 to 500 characters';
comment on column agenda.tasks.description is 'up to 20000 characters';
comment on column agenda.tasks.status is 'pending, in_progress, completed, skipped, missed or cancelled';
comment on column agenda.tasks.priority is '1 high, 2 medium, 3 low';
comment on column agenda.tasks.due_date is 'from 0001-01-02 to 9999-12-30, what RFC 3339 can say in any zone';
comment on column agenda.tasks.timezone is 'zone of the task; null follows the owner''s';
comment on column agenda.tasks.due_kind is 'instant: due_date is the truth; local: a wall-clock time, date: a whole day, both in due_local, of which due_date is the instant';
comment on column agenda.tasks.due_local is 'wall-clock due time in timezone (the owner''s where that is null), midnight for a whole day';
comment on column agenda.tasks.checklist is 'array of {"text", "done"}';
comment on column agenda.tasks.recurrence_rule is 'word (daily … yearly) or RRULE: completing the task makes the next one';
comment on column agenda.tasks.occurrence_key is 'which occurrence of the series this is; never changes, wherever due_date goes';
comment on column agenda.tasks.parent_task_id is 'the occurrence before this one';
comment on column agenda.tasks.notified is 'the present due date has been announced';
comment on column agenda.tasks.announced is 'the last state that was announced for the present due date: nothing is announced twice';
comment on column agenda.tasks.owed_from is 'of an occurrence that the clock made late: when it should have made it; what is owed from then on is told';
comment on column agenda.tasks.own_reminders is 'what reminds of the task has been said, even if it is nothing: another due date brings no default ones, and the series of its rule will have them';
comment on column agenda.tasks.deleted_at is 'in no list any more since then; the same range as due_date';
comment on column agenda.tasks.version is 'counts the changes of the users'' columns; what expected_version and ETag compare';

-- ---- timers ------------------------------------------------------------------------------------
-- One narrow row per thing: the next instant at which something is owed.  The scanner sleeps until
-- the earliest.  Everyone locks the task before its timer, or skips what is locked.  Only the engine writes
-- here, with every change of a task, so there are no CHECKs: each would be read anew by each statement.  Words
-- in an index (here and in the log) have no use for a language's order, which costs more than the rest.

create table agenda.timers (
    user_id   uuid not null,
    entity    text collate "C" not null,
    entity_id uuid not null,
    fire_at   timestamptz not null,
    what      text not null,
    primary key (user_id, entity, entity_id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- the user, so that a round of the scanner can pass over one who has a million owed; a user's timers at one instant
-- come and go, and to press their entries together costs each of them more than the place that it saves
create index timers_fire_at on agenda.timers (fire_at, user_id) with (deduplicate_items = off);
comment on column agenda.timers.entity is 'task, repeat (an overdue task that is told again), reminder, series, user (held notifications, digest) or preferences (a change that is to reach what was written beside it)';
comment on column agenda.timers.what is 'due_soon, due, overdue, repeat, reminder, spawn, resume, release or settle';
comment on table agenda.timers is 'the next instant at which something is owed, one row per thing';
