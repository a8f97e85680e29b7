-- ---- the log -----------------------------------------------------------------------------------
-- Append-only, written by _emit() alone, partitioned by time.  The leaves are not members of the
-- extension: they are made by _ensure_partitions() and will be dropped by retention, and pg_dump has
-- to dump their rows.  Indexes stand on the leaves only.  Visibility decides which events a
-- window of the drainer has, seq decides their order in it (bgworker/README.md).

-- no cache: numbers must be drawn in the order of the changes
create sequence agenda.events_seq as bigint cache 1;

create table agenda.events (
    seq         bigint not null,
    xid         xid8 not null,
    id          uuid not null,
    type        text not null,
    user_id     uuid,
    subject     text collate "C" not null,
    key         text not null,
    actor       text not null,
    occurred_at timestamptz not null,
    trace       text,
    headers     jsonb not null default '{}',
    data        jsonb not null
) partition by range (occurred_at);
comment on table agenda.events is 'the log: outbox, audit trail and source of the live stream';
comment on column agenda.events.seq is 'order of the changes of one thing; a gap means a transaction that was rolled back';
comment on column agenda.events.xid is 'the top-level transaction that wrote it';
comment on column agenda.events.id is 'the CloudEvents id, stable for ever';
comment on column agenda.events.subject is 'id of the thing that the event is about';
comment on column agenda.events.key is 'Kafka message key';
comment on column agenda.events.actor is 'who did it: a user''s id, a login role, or "scheduler"';
comment on column agenda.events.trace is 'W3C traceparent of the request, or its request id';

-- Positions of the drainers: insert-only and numbered, so that nothing is ever updated.  Each drainer has its own,
-- of which the newest counts; those of drainer 0 are the positions of streams.
create table agenda.ticks (
    tick     bigint not null,
    saved_at timestamptz not null,
    lo       pg_snapshot not null,
    hi       pg_snapshot,
    seq      bigint not null,
    drainer  smallint not null default 0,
    check ((hi is null) = (seq = 0))
) partition by range (saved_at);
create sequence agenda.ticks_tick as bigint cache 1;
comment on table agenda.ticks is 'how far a drainer has read the log: everything visible in lo, and of what is visible in hi everything up to seq';

-- Repetitions that somebody has asked for.  A row takes a place of its own in the order of the log and names the
-- event that is to be published again there; the event itself stays the only one of its kind.
create table agenda.replays (
    seq          bigint not null,
    xid          xid8 not null,
    requested_at timestamptz not null,
    event_seq    bigint not null,
    event_at     timestamptz not null,
    topic        text
) partition by range (requested_at);
comment on table agenda.replays is 'events that are to be published again, see agenda.replay()';
comment on column agenda.replays.seq is 'drawn like the number of an event: the place of the repetition';
comment on column agenda.replays.event_at is 'occurred_at of the event, which tells its partition';
comment on column agenda.replays.topic is 'the only topic it goes to; null: those of its type';

-- Leaves of the three tables above; closed_xmax is written once a leaf's time has passed.
create table agenda.log_leaves (
    leaf        name primary key,
    parent      name not null check (parent in ('events', 'ticks', 'replays')),
    lower       timestamptz not null,
    upper       timestamptz not null,
    closed_xmax xid8,
    unique (parent, lower)
);
comment on table agenda.log_leaves is 'partitions of the log';
comment on column agenda.log_leaves.closed_xmax is 'no transaction from this one on has rows in the leaf';

-- Which cluster the position belongs to, and how many drainers share the log; the newest row counts.  A copy of the
-- database finds another cluster written here and does not publish.
create table agenda.log_owners (
    adopted_at        timestamptz primary key,
    system_identifier bigint not null,
    database_oid      oid not null,
    publisher_id      text not null,
    floor_seq         bigint not null,
    drainers          integer not null default 1,
    shared_by         text check ((shared_by is null) = (drainers = 1))
);
comment on table agenda.log_owners is 'clusters that have published this log';
comment on column agenda.log_owners.floor_seq is 'events up to this number were somebody else''s to publish';
comment on column agenda.log_owners.shared_by is 'agenda.event_key, by which several drainers share the log';

create table agenda.topic_routes (
    event_type text not null,
    topic      text not null check (topic ~ '^[A-Za-z0-9._-]{1,249}$' and topic not in ('.', '..')),
    primary key (event_type, topic)
);
comment on table agenda.topic_routes is 'to which Kafka topics an event type goes; none means nowhere';

-- How a topic is written to.  A topic that has no row is structured and skips.
create table agenda.topics (
    topic      text primary key check (topic ~ '^[A-Za-z0-9._-]{1,249}$' and topic not in ('.', '..')),
    mode       text not null default 'structured' check (mode in ('structured', 'binary', 'raw', 'debezium')),
    on_refused text not null default 'skip' check (on_refused in ('skip', 'block_key', 'halt'))
);
comment on table agenda.topics is 'how a Kafka topic is written to; a topic without a row has the defaults';
comment on column agenda.topics.mode is 'form of a record: CloudEvent structured or binary, raw data, or as Debezium''s outbox event router makes it';
comment on column agenda.topics.on_refused is 'what to do about a record that the broker refuses for good: set it aside, set it and the later ones of its key aside, or wait';

create table agenda.dead_letters (
    id          bigint generated always as identity primary key,
    seq         bigint not null,
    event_id    uuid not null,
    type        text not null,
    user_id     uuid,
    subject     text not null,
    key         text not null,
    occurred_at timestamptz not null,
    trace       text,
    headers     jsonb not null,
    data        jsonb not null,
    topic       text not null,
    reason      text not null,
    attempts    integer not null,
    replayed    boolean not null default false,
    created_at  timestamptz not null default clock_timestamp(),
    failed_at   timestamptz not null default clock_timestamp(),
    redrive_at  timestamptz,
    unique (seq, topic)
);
create index on agenda.dead_letters (topic, key);
create index on agenda.dead_letters (seq, topic) where redrive_at is not null;
comment on table agenda.dead_letters is 'events that the broker refused for good, and those of their keys that wait for them';
comment on column agenda.dead_letters.key is 'key of the record';
comment on column agenda.dead_letters.attempts is 'how often it was sent; 0: it waits for an earlier one of its key';
comment on column agenda.dead_letters.replayed is 'it was a repetition (agenda.replay())';
comment on column agenda.dead_letters.redrive_at is 'when it was asked to be sent again';

