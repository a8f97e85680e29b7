-- ---- delivery channels -------------------------------------------------------------------------
-- The inbox needs no channel.  Secrets have a table of their own, on which nobody has rights but the owner of
-- the functions and the engine.

create table agenda.channels (
    id              uuid not null default agenda.uuid7(),
    user_id         uuid not null references agenda.users on delete cascade,
    kind            text not null check (kind in ('webhook', 'email')),
    address         text not null check (length(address) between 3 and 2000),
    name            text check (length(name) between 1 and 200),
    types           text[] check (types <@ '{reminder,due_soon,due,overdue,digest}' and cardinality(types) <= 5),
    enabled         boolean not null default true,
    disabled_reason text check (disabled_reason in ('gone')),
    confirmed_at    timestamptz,
    created_at      timestamptz not null default agenda.now(),
    primary key (user_id, id)
);
comment on table agenda.channels is 'where users want to be told besides the inbox';
comment on column agenda.channels.address is 'URL or e-mail address';
comment on column agenda.channels.types is 'kinds of notifications that are sent; null: all';
comment on column agenda.channels.disabled_reason is 'the engine has disabled it: the address answered 410 Gone';
comment on column agenda.channels.confirmed_at is 'the address has proved to be the user''s; a webhook needs no proof';
comment on constraint channels_kind_check on agenda.channels is 'kind must be webhook or email';
comment on constraint channels_address_check on agenda.channels is 'address must be 3 to 2000 characters long';
comment on constraint channels_name_check on agenda.channels is 'name must be 1 to 200 characters long';
comment on constraint channels_types_check on agenda.channels is 'types may hold reminder, due_soon, due, overdue and digest, each once';
comment on constraint channels_disabled_reason_check on agenda.channels is 'disabled_reason must be gone';

create table agenda.channel_secrets (
    user_id    uuid not null,
    channel_id uuid not null,
    secret     bytea not null check (length(secret) = 32),
    code       text,
    primary key (user_id, channel_id),
    foreign key (user_id, channel_id) references agenda.channels on delete cascade
);
comment on table agenda.channel_secrets is 'keys of signatures, and the codes that confirm addresses';

-- It outlives channels: who adds and deletes them in turn has the same limit.
create table agenda.channel_trials (
    user_id  uuid not null references agenda.users on delete cascade,
    asked_at timestamptz not null default clock_timestamp()
);
create index channel_trials_user on agenda.channel_trials (user_id, asked_at);
-- without a key, rows of a published table could not be deleted
alter table agenda.channel_trials replica identity full;
comment on table agenda.channel_trials is 'when users had confirmations and test messages sent, in the last hour';

-- The queue of the deliverer.  It belongs to the real clock, whatever agenda.now says.
create table agenda.deliveries (
    id              uuid not null default agenda.uuid7(),
    user_id         uuid not null,
    channel_id      uuid not null,
    what            text not null check (what in ('notification', 'test', 'confirmation')),
    notification_id uuid,
    status          text not null default 'queued' check (status in ('queued', 'sent', 'failed', 'cancelled')),
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp(),
    claimed         boolean not null default false,
    created_at      timestamptz not null default clock_timestamp(),
    finished_at     timestamptz,
    response        integer,
    last_error      text,
    primary key (user_id, id),
    unique (user_id, channel_id, notification_id),
    foreign key (user_id, channel_id) references agenda.channels on delete cascade,
    foreign key (user_id, notification_id) references agenda.notifications on delete cascade
);
create index deliveries_queue on agenda.deliveries (next_attempt_at, id) where status = 'queued';
create index deliveries_claimed on agenda.deliveries (id) where claimed;
create index deliveries_finished on agenda.deliveries (finished_at) where status <> 'queued';
create index deliveries_notification on agenda.deliveries (user_id, notification_id);
comment on table agenda.deliveries is 'notifications on their way to channels, and what became of them';
comment on column agenda.deliveries.status is 'queued, sent, failed (given up) or cancelled (withdrawn or cleared before, or the channel was disabled)';
comment on column agenda.deliveries.next_attempt_at is 'not before this time; while it is claimed, the time at which the claim ends';
comment on column agenda.deliveries.claimed is 'the deliverer is sending it';
comment on column agenda.deliveries.response is 'status of the last answer, of HTTP or SMTP';
