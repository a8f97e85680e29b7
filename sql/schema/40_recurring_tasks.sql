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
    basis               text not null default 'due'      check (basis in ('due')),
    spawn               text not null default 'schedule' check (spawn in ('schedule', 'completion')),
    overlap             text not null default 'allow'    check (overlap in ('allow', 'hold')),
    missed              text not null default 'latest'   check (missed in ('latest', 'skip')),
    is_active           boolean not null default true,
    resume_at           timestamptz,
    last_key            timestamp,
    next_key            timestamp,
    last_created_at     timestamptz,
    next_due_at         timestamptz,
    version             bigint not null default 1,
    created_at          timestamptz not null default agenda.now(),
    updated_at          timestamptz not null default agenda.now(),
    deleted_at          timestamptz,
    primary key (user_id, id),
    check (end_date >= start_date),
    -- the presets fixed and on_completion
    check ((spawn, overlap, missed) in (('schedule', 'allow', 'latest'), ('completion', 'hold', 'skip')))
);
create index recurring_tasks_created on agenda.recurring_tasks (user_id, created_at desc, id)
    where deleted_at is null;
comment on table agenda.recurring_tasks is 'series: template, rule and policies of tasks that come again';
comment on column agenda.recurring_tasks.rrule is 'the rule; recurrence_type and recurrence_interval are its simple form, either is derived from the other';
comment on column agenda.recurring_tasks.start_date is 'instant of dtstart; what users write';
comment on column agenda.recurring_tasks.timezone is 'zone whose wall clock the rule follows; the owner''s zone at creation when none is given';
comment on column agenda.recurring_tasks.dtstart is 'wall-clock start in timezone: the truth of which start_date is the instant';
comment on column agenda.recurring_tasks.spawn is 'who makes the next occurrence: the clock (schedule) or the completion of the last one (completion)';
comment on column agenda.recurring_tasks.resume_at is 'when a pause ends by itself';
comment on column agenda.recurring_tasks.last_key is 'newest key that became a task';
comment on column agenda.recurring_tasks.next_key is 'first key that has not become a task; null when the series is over';
comment on column agenda.recurring_tasks.next_due_at is 'instant of next_key';

