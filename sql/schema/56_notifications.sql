-- ---- notifications -----------------------------------------------------------------------------

create table agenda.notifications (
    id                uuid not null default agenda.uuid7(),
    user_id           uuid not null references agenda.users on delete cascade,
    type              text not null check (type in ('reminder', 'due_soon', 'due', 'overdue', 'digest')),
    task_id           uuid,
    recurring_task_id uuid,
    reminder_id       uuid,
    title             text not null,
    body              text,
    data              jsonb not null default '{}',
    priority          smallint not null default 2,
    dedupe_key        text not null,
    scheduled_for     timestamptz not null,
    created_at        timestamptz not null default clock_timestamp(),
    held_until        timestamptz,
    held_reason       text check (held_reason in ('quiet', 'paused', 'digest')),
    released_at       timestamptz,
    merged_into       uuid,
    read_at           timestamptz check (read_at between '0001-01-02 00:00+00' and '9999-12-30 00:00+00'),
    cleared_at        timestamptz check (cleared_at between '0001-01-02 00:00+00' and '9999-12-30 00:00+00'),
    withdrawn_at      timestamptz,
    archived_at       timestamptz,
    silent            boolean not null default false,
    late              boolean not null default false,
    primary key (user_id, id),
    -- one notification per reason, for ever
    unique (user_id, dedupe_key)
);
create index notifications_inbox on agenda.notifications (user_id, created_at desc, id)
    where cleared_at is null and withdrawn_at is null and archived_at is null and held_until is null;
create index notifications_unread on agenda.notifications (user_id)
    where read_at is null and cleared_at is null and withdrawn_at is null and archived_at is null and held_until is null;
create index notifications_task on agenda.notifications (user_id, task_id) where withdrawn_at is null;
create index notifications_held on agenda.notifications (user_id, held_until)
    where held_until is not null and withdrawn_at is null;
create index notifications_age on agenda.notifications (created_at) where archived_at is null;
comment on table agenda.notifications is 'what users have been told';
comment on column agenda.notifications.scheduled_for is 'the instant at which it was owed; created_at - scheduled_for is how late it came';
comment on column agenda.notifications.held_until is 'not in the inbox before this time; null: it is there';
comment on column agenda.notifications.held_reason is 'why it waited: quiet hours, paused_until, the digest';
comment on column agenda.notifications.merged_into is 'the digest that told it';
comment on column agenda.notifications.withdrawn_at is 'the reason went away: the task was done, deleted or given another due date; or it was told in merged_into';
comment on column agenda.notifications.silent is 'in the inbox without a sound';

create table agenda.notification_retention (
    type text primary key check (type in ('reminder', 'due_soon', 'due', 'overdue', 'digest')),
    keep interval not null check (keep >= '0')
);
comment on table agenda.notification_retention is 'how long notifications of a type stay in the inbox; 30 days where nothing is said';
