-- ---- users -------------------------------------------------------------------------------------

create table agenda.users (
    id           uuid primary key default agenda.uuid7(),
    external_id  text unique check (length(external_id) between 1 and 255),
    login_role   name unique,
    created_at   timestamptz not null default agenda.now()
);
comment on table agenda.users is 'everybody who has things here; made at first sight of an external id or of act_as()';
comment on column agenda.users.external_id is 'the name under which the application or the token''s sub knows the user';
comment on column agenda.users.login_role is 'login role that is this user without act_as()';

create table agenda.preferences (
    user_id               uuid primary key default agenda.current_user_id()
                          references agenda.users on delete cascade,
    timezone              text not null default 'UTC',
    locale                text not null default 'en' check (length(locale) <= 35 and locale ~ '^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$'),
    week_start            text not null default 'MO' check (week_start in ('MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU')),
    due_soon_window       interval not null default '24 hours'
                          check (due_soon_window between '0' and '365 days'),
    overdue_grace         interval not null default '15 minutes'
                          check (overdue_grace between '0' and '365 days'),
    overdue_repeat        interval check (overdue_repeat between '1 minute' and '365 days'),
    overdue_repeat_max    integer not null default 6 check (overdue_repeat_max between 0 and 1000),
    notifications_enabled boolean not null default true,
    reminders_enabled     boolean not null default true,
    enabled_types         text[] not null default '{reminder,due_soon,due,overdue,digest}'
                          check (enabled_types <@ '{reminder,due_soon,due,overdue,digest}' and cardinality(enabled_types) <= 5 and array_ndims(enabled_types) = 1),
    all_day_time          time not null default '09:00' check (all_day_time < '24:00'),
    default_reminders     jsonb not null default '[]' check (jsonb_typeof(default_reminders) = 'array'),
    catchup_window        interval not null default '7 days'
                          check (catchup_window between '0' and '3650 days'),
    quiet_start           time check (quiet_start < '24:00'),
    quiet_end             time check (quiet_end < '24:00'),
    quiet_days            text[] not null default '{MO,TU,WE,TH,FR,SA,SU}'
                          check (quiet_days <@ '{MO,TU,WE,TH,FR,SA,SU}' and cardinality(quiet_days) <= 7 and array_ndims(quiet_days) = 1),
    quiet_policy          text not null default 'hold' check (quiet_policy in ('hold', 'silent', 'drop')),
    quiet_break_priority  smallint default 1 check (quiet_break_priority between 1 and 3),
    paused_until          timestamptz check (paused_until >= '0001-01-02 00:00+00' and paused_until < '9999-12-30 00:00+00'),
    digest_time           time check (digest_time < '24:00'),
    digest_days           text[] not null default '{MO,TU,WE,TH,FR,SA,SU}'
                          check (digest_days <@ '{MO,TU,WE,TH,FR,SA,SU}' and cardinality(digest_days) between 1 and 7 and array_ndims(digest_days) = 1),
    digest_types          text[] not null default '{due_soon,overdue}'
                          check (digest_types <@ '{reminder,due_soon,due,overdue}' and cardinality(digest_types) <= 4 and array_ndims(digest_types) = 1),
    workdays              text[] not null default '{MO,TU,WE,TH,FR}'
                          check (workdays <@ '{MO,TU,WE,TH,FR,SA,SU}' and cardinality(workdays) <= 7 and array_ndims(workdays) = 1),
    holiday_calendar      text check (length(holiday_calendar) between 1 and 100),
    version               bigint not null default 0,
    updated_at            timestamptz not null default agenda.now(),
    -- a period needs both ends, and they differ
    constraint preferences_quiet_check
        check ((quiet_start is null) = (quiet_end is null) and quiet_start is distinct from coalesce(quiet_end, '24:00'))
);
comment on table agenda.preferences is 'what a user has chosen; no row means the defaults';
comment on column agenda.preferences.due_soon_window is 'how long before its due time a task counts as due soon';
comment on column agenda.preferences.overdue_grace is 'how long after its due time a task is due before it is overdue';
comment on column agenda.preferences.overdue_repeat is 'how often an overdue task is told again; null: once';
comment on column agenda.preferences.overdue_repeat_max is 'how often at most';
comment on column agenda.preferences.enabled_types is 'kinds of notification that are wanted; events are written whatever stands here';
comment on column agenda.preferences.all_day_time is 'when a task that is due on a day, not at a time, is announced';
comment on column agenda.preferences.default_reminders is 'reminders that each new task with a due date gets, as add_reminders() takes them';
comment on column agenda.preferences.catchup_window is 'a reminder that comes later than this after a downtime is not told any more';
comment on column agenda.preferences.quiet_start is 'local time at which quiet hours begin; they may go over midnight';
comment on column agenda.preferences.quiet_days is 'days on which quiet hours begin';
comment on column agenda.preferences.quiet_policy is 'what falls into quiet hours is told at their end (hold), goes to the inbox without a sound (silent) or is not told (drop)';
comment on column agenda.preferences.quiet_break_priority is 'tasks of this priority or a higher one are told in quiet hours too; null: none';
comment on column agenda.preferences.paused_until is 'on vacation: everything is held until then';
comment on column agenda.preferences.digest_time is 'local time of the digest; null: none';
comment on column agenda.preferences.digest_types is 'kinds that wait for the digest';
comment on column agenda.preferences.holiday_calendar is 'calendar of agenda.holidays whose days are no workdays';
-- what a CHECK asks for: the gateway shows it to those who broke it
comment on constraint preferences_locale_check on agenda.preferences is 'locale must be a language tag such as en or de-AT, at most 35 characters long';
comment on constraint preferences_week_start_check on agenda.preferences is 'week_start must be one of MO, TU, WE, TH, FR, SA and SU';
comment on constraint preferences_due_soon_window_check on agenda.preferences is 'due_soon_window must be between 0 and 365 days';
comment on constraint preferences_overdue_grace_check on agenda.preferences is 'overdue_grace must be between 0 and 365 days';
comment on constraint preferences_overdue_repeat_check on agenda.preferences is 'overdue_repeat must be between 1 minute and 365 days';
comment on constraint preferences_overdue_repeat_max_check on agenda.preferences is 'overdue_repeat_max must be between 0 and 1000';
comment on constraint preferences_enabled_types_check on agenda.preferences is 'enabled_types may hold reminder, due_soon, due, overdue and digest, each once';
comment on constraint preferences_all_day_time_check on agenda.preferences is 'all_day_time must be before 24:00';
comment on constraint preferences_default_reminders_check on agenda.preferences is 'default_reminders must be an array';
comment on constraint preferences_catchup_window_check on agenda.preferences is 'catchup_window must be between 0 and 3650 days';
comment on constraint preferences_quiet_start_check on agenda.preferences is 'quiet_start must be before 24:00';
comment on constraint preferences_quiet_end_check on agenda.preferences is 'quiet_end must be before 24:00';
comment on constraint preferences_quiet_check on agenda.preferences is 'quiet_start and quiet_end must be given together, and differ';
comment on constraint preferences_quiet_days_check on agenda.preferences is 'quiet_days may hold MO, TU, WE, TH, FR, SA and SU, each once';
comment on constraint preferences_quiet_policy_check on agenda.preferences is 'quiet_policy must be hold, silent or drop';
comment on constraint preferences_quiet_break_priority_check on agenda.preferences is 'quiet_break_priority must be 1, 2 or 3';
comment on constraint preferences_paused_until_check on agenda.preferences is 'paused_until must be between 0001-01-02 and 9999-12-30';
comment on constraint preferences_digest_time_check on agenda.preferences is 'digest_time must be before 24:00';
comment on constraint preferences_digest_days_check on agenda.preferences is 'digest_days must hold at least one of MO, TU, WE, TH, FR, SA and SU';
comment on constraint preferences_digest_types_check on agenda.preferences is 'digest_types may hold reminder, due_soon, due and overdue, each once';
comment on constraint preferences_workdays_check on agenda.preferences is 'workdays may hold MO, TU, WE, TH, FR, SA and SU, each once';
comment on constraint preferences_holiday_calendar_check on agenda.preferences is 'holiday_calendar must be 1 to 100 characters long';

-- ---- holidays ----------------------------------------------------------------------------------

create table agenda.holidays (
    user_id  uuid default agenda.current_user_id() references agenda.users on delete cascade,
    calendar text not null check (length(calendar) between 1 and 100),
    day      date not null check (day between '0001-01-01' and '9999-12-31'),
    label    text check (length(label) <= 200),
    unique nulls not distinct (user_id, calendar, day)
);
-- its key has nulls: rows of a published table could neither be changed nor deleted
alter table agenda.holidays replica identity full;
comment on table agenda.holidays is 'days off: a user''s own, and, without a user, those that everybody shares';
comment on column agenda.holidays.calendar is 'name that preferences.holiday_calendar refers to';
comment on constraint holidays_calendar_check on agenda.holidays is 'calendar must be 1 to 100 characters long';
comment on constraint holidays_day_check on agenda.holidays is 'day must be between 0001-01-01 and 9999-12-31';
comment on constraint holidays_label_check on agenda.holidays is 'label must be at most 200 characters long';
