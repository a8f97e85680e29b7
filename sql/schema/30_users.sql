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
    user_id               uuid primary key references agenda.users on delete cascade,
    timezone              text not null default 'UTC',
    due_soon_window       interval not null default '24 hours'
                          check (due_soon_window between '0' and '365 days'),
    overdue_grace         interval not null default '15 minutes'
                          check (overdue_grace between '0' and '365 days'),
    notifications_enabled boolean not null default true,
    enabled_types         text[] not null default '{due_soon,due,overdue}'
                          check (enabled_types <@ '{due_soon,due,overdue}'),
    all_day_time          time not null default '09:00',
    default_reminders     jsonb not null default '[]' check (jsonb_typeof(default_reminders) = 'array'),
    version               bigint not null default 0,
    updated_at            timestamptz not null default agenda.now()
);
comment on table agenda.preferences is 'what a user has chosen; no row means the defaults';
comment on column agenda.preferences.due_soon_window is 'how long before its due time a task counts as due soon';
comment on column agenda.preferences.overdue_grace is 'how long after its due time a task is due before it is overdue';
comment on column agenda.preferences.enabled_types is 'kinds of notification that are wanted; events are written whatever stands here';

comment on column agenda.preferences.all_day_time is 'when a task that is due on a day, not at a time, is announced';
comment on column agenda.preferences.default_reminders is 'reminders that each new task with a due date gets';
