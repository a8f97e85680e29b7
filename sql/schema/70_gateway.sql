-- ---- what the gateway remembers ------------------------------------------------------------------

-- The answer of a request that carried an Idempotency-Key, written with its effect in one transaction.
create table agenda.idempotency_keys (
    user_id      uuid not null references agenda.users on delete cascade,
    key          text not null check (octet_length(key) between 1 and 255),
    request_hash text not null,
    status       integer not null,
    headers      jsonb not null,
    response     text,
    created_at   timestamptz not null default clock_timestamp(),
    primary key (user_id, key)
);
create index on agenda.idempotency_keys (created_at);
comment on table agenda.idempotency_keys is 'answers of requests with an Idempotency-Key, kept for a day';
comment on column agenda.idempotency_keys.request_hash is 'what the request was, to tell a repetition from another one under the same key';
comment on column agenda.idempotency_keys.headers is 'etag and location of the answer';

-- What came in from outside; the same event is delivered more than once.
create table agenda.inbox (
    source      text not null check (octet_length(source) <= 1000),
    id          text not null check (octet_length(id) <= 255),
    topic       text not null,
    received_at timestamptz not null default clock_timestamp(),
    primary key (source, id)
);
create index on agenda.inbox (received_at);
comment on table agenda.inbox is 'CloudEvents that have been handled, by source and id, kept for a week';

-- One-time tickets for streams: a browser's EventSource cannot send a token.
create table agenda.stream_tickets (
    user_id     uuid not null references agenda.users on delete cascade,
    ticket_hash bytea not null unique,
    expires_at  timestamptz not null,
    primary key (user_id, ticket_hash)
);
comment on table agenda.stream_tickets is 'tickets that have been given out and not been used';
