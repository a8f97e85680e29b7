-- ---- reminders ---------------------------------------------------------------------------------
-- What a user wants to be told about a task, beside its due states.  Anchor, offset and time of day are
-- the truth; fire_at is the instant that follows from them, from the task and from the zone, and
-- agenda.timers holds it for those that wait.  A reminder of a series is a template: each occurrence
-- gets a copy.

create table agenda.reminders (
    id                uuid not null default agenda.uuid7(),
    user_id           uuid not null default agenda.current_user_id() references agenda.users on delete cascade,
    task_id           uuid,
    recurring_task_id uuid,
    anchor            text not null default 'due' check (anchor in ('due', 'overdue', 'created', 'absolute')),
    offset_by         interval not null default '0'
                      check (offset_by between '-10 years' and '10 years'),
    at_time           time check (at_time < '24:00'),
    absolute_local    timestamp check (absolute_local between '0001-01-02' and '9999-12-29'),
    absolute_zone     text,
    repeat_every      interval check (repeat_every between '1 minute' and '10 years'),
    repeat_max        integer check (repeat_max between 1 and 10000),
    until_done        boolean not null default false,
    source            text not null default 'user' check (source in ('user', 'default', 'series', 'snooze')),
    origin_id         uuid,
    state             text not null default 'scheduled'
                      check (state in ('scheduled', 'fired', 'acknowledged', 'cancelled', 'expired')),
    fire_at           timestamptz,
    fired_count       integer not null default 0,
    last_fired_at     timestamptz,
    snoozed_until     timestamptz,
    acknowledged_at   timestamptz,
    created_at        timestamptz not null default agenda.now(),
    primary key (user_id, id),
    foreign key (user_id, task_id) references agenda.tasks (user_id, id) on delete cascade,
    foreign key (user_id, recurring_task_id) references agenda.recurring_tasks (user_id, id) on delete cascade,
    constraint reminders_owner_check check ((task_id is null) <> (recurring_task_id is null)),
    constraint reminders_anchor_absolute_check check ((anchor = 'absolute') = (absolute_local is not null)),
    -- a template has no day of its own
    constraint reminders_anchor_template_check check (anchor <> 'absolute' or recurring_task_id is null),
    -- "the day before at 18:00" is whole days and a time
    constraint reminders_at_time_days_check check (at_time is null or offset_by = date_trunc('day', offset_by)),
    constraint reminders_repeat_max_alone_check check (repeat_every is not null or (repeat_max is null and not until_done)),
    constraint reminders_repeat_every_bound_check check (repeat_every is null or repeat_max is not null or until_done)
) with (fillfactor = 80);
create index reminders_task on agenda.reminders (user_id, task_id) where task_id is not null;
create index reminders_template on agenda.reminders (user_id, recurring_task_id) where recurring_task_id is not null;
comment on table agenda.reminders is 'when users want to be told about their tasks; those of a series are templates';
comment on column agenda.reminders.anchor is 'what offset_by counts from: the due time, the moment it is overdue, the making of the task; absolute: a time of its own';
comment on column agenda.reminders.offset_by is 'negative is before; days and months are calendar days in the task''s zone, hours are elapsed time';
comment on column agenda.reminders.at_time is 'local time on the day that anchor and offset give';
comment on column agenda.reminders.absolute_zone is 'zone of absolute_local; null follows the owner''s';
comment on column agenda.reminders.repeat_every is 'it is told again after this time, repeat_max times or until the task is done';
comment on column agenda.reminders.source is 'who made it: the user, the user''s preferences (default), the series, snooze()';
comment on column agenda.reminders.origin_id is 'the template or the reminder of the occurrence before of which it is a copy';
comment on column agenda.reminders.state is 'expired: its time had passed when it was planned, or longer than preferences.catchup_window when it came up';
comment on column agenda.reminders.fire_at is 'when it is told next; null: not';
comment on column agenda.reminders.fired_count is 'how often it has come up for the present anchor';
comment on constraint reminders_anchor_check on agenda.reminders is 'anchor must be due, overdue, created or absolute';
comment on constraint reminders_offset_by_check on agenda.reminders is 'offset must be between -10 years and 10 years';
comment on constraint reminders_at_time_check on agenda.reminders is 'at_time must be before 24:00';
comment on constraint reminders_absolute_local_check on agenda.reminders is 'a time of its own must be between 0001-01-02 and 9999-12-29';
comment on constraint reminders_repeat_every_check on agenda.reminders is 'repeat_every must be between 1 minute and 10 years';
comment on constraint reminders_repeat_max_check on agenda.reminders is 'repeat_max must be between 1 and 10000';
comment on constraint reminders_source_check on agenda.reminders is 'source must be user, default, series or snooze';
comment on constraint reminders_state_check on agenda.reminders is 'state must be scheduled, fired, acknowledged, cancelled or expired';
comment on constraint reminders_owner_check on agenda.reminders is 'a reminder belongs to a task or to a recurring task';
comment on constraint reminders_anchor_absolute_check on agenda.reminders is 'a reminder has a time of its own if its anchor is absolute, and only then';
comment on constraint reminders_anchor_template_check on agenda.reminders is 'a reminder of a recurring task has no time of its own';
comment on constraint reminders_at_time_days_check on agenda.reminders is 'an offset next to at_time must be whole days';
comment on constraint reminders_repeat_max_alone_check on agenda.reminders is 'repeat_max and until_done need repeat_every';
comment on constraint reminders_repeat_every_bound_check on agenda.reminders is 'repeat_every needs repeat_max or until_done';
