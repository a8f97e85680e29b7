-- ---- series ------------------------------------------------------------------------------------
-- A series yields keys: wall-clock times of its rule, counted from dtstart.  A key never moves; the
-- due time of the task made from it may.  Instants here (next_due_at, start_date) are a cache of
-- wall clock and zone.

create table agenda.recurring_tasks (
    id                  uuid not null default agenda.uuid7(),
    user_id             uuid not null default agenda.current_user_id()
                        references agenda.users on delete cascade,
    title               text not null check (length(title) between 1 and 500),
    description         text check (length(description) <= 20000),
    priority            smallint not null default 2 check (priority between 1 and 3),
    recurrence_type     text check (recurrence_type in
                            ('secondly', 'minutely', 'hourly', 'daily', 'weekly', 'monthly', 'yearly')),
    recurrence_interval integer check (recurrence_interval >= 1),
    rrule               agenda.rrule,
    -- what RFC 3339 can say
    start_date          timestamptz check (start_date between '0001-01-02 00:00+00' and '9999-12-30 00:00+00'),
    end_date            timestamptz check (end_date between '0001-01-02 00:00+00' and '9999-12-30 00:00+00'),
    timezone            text,
    dtstart             timestamp,
    -- the zone follows the owner's
    floating            boolean not null default false,
    -- whole days: due dates without a time
    all_day             boolean not null default false,
    invalid_day         text,
    dst_gap             text not null default 'shift',
    dst_fold            text not null default 'first',
    business_shift      text not null default 'none',
    holiday_calendar    text,
    basis               text not null default 'due',
    spawn               text not null default 'schedule',
    overlap             text not null default 'allow',
    missed              text not null default 'latest',
    catchup_window      interval,
    lead_time           interval not null default '0',
    tags                text[] not null default '{}',
    checklist           jsonb not null default '[]',
    own_reminders       boolean not null default false,
    reminders_set_at    timestamptz,
    is_active           boolean not null default true,
    resume_at           timestamptz check (resume_at between '0001-01-02 00:00+00' and '9999-12-30 00:00+00'),
    last_key            timestamp,
    next_key            timestamp,
    last_created_at     timestamptz,
    next_due_at         timestamptz,
    occurrences_created bigint not null default 0,
    missed_count        bigint not null default 0,
    overlap_count       bigint not null default 0,
    has_overrides       boolean not null default false,
    split_from          uuid,
    version             bigint not null default 1,
    created_at          timestamptz not null default agenda.now(),
    updated_at          timestamptz not null default agenda.now(),
    deleted_at          timestamptz check (deleted_at between '0001-01-02 00:00+00' and '9999-12-30 00:00+00'),
    primary key (user_id, id),
    constraint recurring_tasks_order_check check (end_date >= start_date)
);
create index recurring_tasks_created on agenda.recurring_tasks (user_id, created_at desc, id)
    where deleted_at is null;
comment on table agenda.recurring_tasks is 'series: template, rule and policies of tasks that come again';
comment on column agenda.recurring_tasks.rrule is 'the rule; recurrence_type and recurrence_interval are its simple form, either is derived from the other';
comment on column agenda.recurring_tasks.start_date is 'instant of dtstart; what users write';
comment on column agenda.recurring_tasks.timezone is 'zone whose wall clock the rule follows; the owner''s zone at creation when none is given';
comment on column agenda.recurring_tasks.dtstart is 'wall-clock start in timezone: the truth of which start_date is the instant';
comment on column agenda.recurring_tasks.floating is 'timezone follows the owner''s; so it is where none was given';
comment on column agenda.recurring_tasks.invalid_day is 'what becomes of a day that a month lacks: omit, backward (its last day) or forward; SKIP of the rule';
comment on column agenda.recurring_tasks.dst_gap is 'a time that the clock leaves out: shift (moves forward by the gap) or skip';
comment on column agenda.recurring_tasks.dst_fold is 'a time that the clock shows twice: first or second';
comment on column agenda.recurring_tasks.business_shift is 'an occurrence on a day off is moved to the previous, next or nearest workday, or skipped; none leaves it';
comment on column agenda.recurring_tasks.holiday_calendar is 'whose days are off besides weekends; null: the one of the owner''s preferences';
comment on column agenda.recurring_tasks.own_reminders is 'its occurrences have the reminders of the series, even if that has none, and not their owner''s default ones';
comment on column agenda.recurring_tasks.reminders_set_at is 'when that was said of the series: what its occurrences had before is not copied any more to the next';
comment on column agenda.recurring_tasks.basis is 'from what the next occurrence is computed: the due date of the last (due) or the time of its completion (completion)';
comment on column agenda.recurring_tasks.spawn is 'who makes the next occurrence: the clock (schedule), the completion of the last one (completion), or the clock, and completion what the clock held back (either)';
comment on column agenda.recurring_tasks.overlap is 'the last one is still open when the next is owed: allow both, hold the new one back, or supersede (the old one becomes missed)';
comment on column agenda.recurring_tasks.missed is 'several are owed at once: all are made, the latest, or none that is late (skip)';
comment on column agenda.recurring_tasks.catchup_window is 'what is later than this is not made any more; null: no limit, but a minute where missed is skip';
comment on column agenda.recurring_tasks.lead_time is 'so long before its due date an occurrence is made';
comment on column agenda.recurring_tasks.checklist is 'what each occurrence begins with, nothing done';
comment on column agenda.recurring_tasks.missed_count is 'occurrences that were passed over; each is in a task.missed event';
comment on column agenda.recurring_tasks.overlap_count is 'how often an occurrence was held back, superseded an open one, or was reopened beside its successor';
comment on column agenda.recurring_tasks.split_from is 'the series that this one continues, since an edit of this and the following occurrences';
comment on column agenda.recurring_tasks.resume_at is 'when a pause ends by itself';
comment on column agenda.recurring_tasks.last_key is 'newest key that became a task';
comment on column agenda.recurring_tasks.next_key is 'first key that has not become a task; null when the series is over';
comment on column agenda.recurring_tasks.next_due_at is 'instant of next_key';
comment on constraint recurring_tasks_title_check on agenda.recurring_tasks is 'title must be 1 to 500 characters long';
comment on constraint recurring_tasks_description_check on agenda.recurring_tasks is 'description must be at most 20000 characters long';
comment on constraint recurring_tasks_priority_check on agenda.recurring_tasks is 'priority must be 1, 2 or 3';
comment on constraint recurring_tasks_recurrence_type_check on agenda.recurring_tasks is 'recurrence_type must be secondly, minutely, hourly, daily, weekly, monthly or yearly';
comment on constraint recurring_tasks_recurrence_interval_check on agenda.recurring_tasks is 'recurrence_interval must be at least 1';
comment on constraint recurring_tasks_start_date_check on agenda.recurring_tasks is 'start_date must be between 0001-01-02 and 9999-12-30';
comment on constraint recurring_tasks_end_date_check on agenda.recurring_tasks is 'end_date must be between 0001-01-02 and 9999-12-30';
comment on constraint recurring_tasks_resume_at_check on agenda.recurring_tasks is 'resume_at must be between 0001-01-02 and 9999-12-30';
comment on constraint recurring_tasks_deleted_at_check on agenda.recurring_tasks is 'deleted_at must be between 0001-01-02 and 9999-12-30';
comment on constraint recurring_tasks_order_check on agenda.recurring_tasks is 'end_date must not be before start_date';

-- ---- overrides ---------------------------------------------------------------------------------

create table agenda.recurrence_overrides (
    user_id           uuid not null default agenda.current_user_id(),
    recurring_task_id uuid not null,
    occurrence_key    timestamp not null,
    kind              text not null,
    patch             jsonb,
    reason            text,
    created_at        timestamptz not null default agenda.now(),
    primary key (user_id, recurring_task_id, occurrence_key),
    foreign key (user_id, recurring_task_id) references agenda.recurring_tasks (user_id, id) on delete cascade
);
-- the next one beside the rule is looked for at each step of a series, however many days are skipped
create index recurrence_overrides_added on agenda.recurrence_overrides (user_id, recurring_task_id, occurrence_key) where kind = 'add';
comment on table agenda.recurrence_overrides is 'single occurrences of a series that differ from its rule before they are tasks';
comment on column agenda.recurrence_overrides.kind is 'skip: there is none; add: there is one beside the rule; patch: it differs from the template';
comment on column agenda.recurrence_overrides.patch is 'members title, description, priority, tags, checklist and due_date for the task';
