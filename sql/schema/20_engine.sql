-- ---- what the C library offers to the SQL below ------------------------------------------------

create or replace function agenda.version() returns text
    language c immutable strict parallel safe as 'MODULE_PATHNAME', 'agenda_version';
comment on function agenda.version() is 'version of the loaded library, to compare with pg_extension.extversion';

create or replace function agenda.now() returns timestamptz
    language c stable strict parallel safe as 'MODULE_PATHNAME', 'agenda_now';
comment on function agenda.now() is 'the domain''s clock: the transaction''s time, or the setting agenda.now (superusers, for tests and simulation)';

create or replace function agenda._set_clock(at timestamptz) returns void
    language c strict volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_set_clock';
comment on function agenda._set_clock(timestamptz) is 'engine: the domain''s clock for the rest of this (sub)transaction';

create or replace function agenda.utc(at timestamptz) returns text
    language c immutable strict parallel safe as 'MODULE_PATHNAME', 'agenda_utc';
comment on function agenda.utc(timestamptz) is 'RFC 3339 in UTC, as in 2025-01-08T09:00:00Z; null for infinity';

create or replace function agenda.uuid7() returns uuid
    language c volatile strict parallel safe as 'MODULE_PATHNAME', 'agenda_uuid7';
comment on function agenda.uuid7() is 'a new time-ordered identifier (RFC 9562 version 7)';

create or replace function agenda._row_json(r record, omit text[] default null, member text default null) returns jsonb
    language c stable parallel safe as 'MODULE_PATHNAME', 'agenda_row_json';
comment on function agenda._row_json(record, text[], text) is 'internal: a row, without some of its columns, as events show things; or an object that has it as a member';

-- ---- identity (extension/identity.c) -----------------------------------------------------------

create or replace function agenda.current_user_id() returns uuid
    language c stable parallel restricted as 'MODULE_PATHNAME', 'agenda_current_user_id';
comment on function agenda.current_user_id() is 'the user for whom this transaction acts, null when nobody does; what row-level security compares';

create or replace function agenda._set_identity(user_id uuid) returns void
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_set_identity';
comment on function agenda._set_identity(uuid) is 'engine: the core of act_as()';

create or replace function agenda._enter(user_id uuid, request_id text default null, traceparent text default null) returns void
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_enter';
comment on function agenda._enter(uuid, text, text) is 'engine: act for a user until _leave(); an error undoes it';

create or replace function agenda._leave() returns void
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_leave';
comment on function agenda._leave() is 'engine: the end of what _enter() began';

create or replace function agenda._emit(type text, user_id uuid, subject text, key text, data jsonb, headers jsonb default null) returns uuid
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_emit';
comment on function agenda._emit(text, uuid, text, text, jsonb, jsonb) is 'engine: writes one event to the log, returns its id';

create or replace function agenda._emit_each_next(state internal, type text, user_id uuid, subject text, data jsonb) returns internal
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_emit_each_next';
comment on function agenda._emit_each_next(internal, text, uuid, text, jsonb) is 'engine: one event of _emit_each()';

create or replace function agenda._emit_each_end(state internal) returns bigint
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_emit_each_end';
comment on function agenda._emit_each_end(internal) is 'engine: the end of _emit_each()';

create or replace aggregate agenda._emit_each(type text, user_id uuid, subject text, data jsonb) (
    sfunc = agenda._emit_each_next, stype = internal, finalfunc = agenda._emit_each_end, finalfunc_modify = read_write);
comment on aggregate agenda._emit_each(text, uuid, text, jsonb) is 'engine: an event for each row of a set, in its order, as _emit() writes them; how many';

create or replace function agenda._hold_user(user_id uuid) returns boolean
    language c strict volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_hold_user';
comment on function agenda._hold_user(uuid) is 'engine: nobody deletes the user until this transaction ends; false, without waiting, if somebody is about to';

create or replace function agenda._engine_lock(name text, wait boolean) returns boolean
    language c strict volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_engine_lock';
comment on function agenda._engine_lock(text, boolean) is 'engine: nobody else has the lock of this name until the end of this transaction; without waiting, false if somebody has it';

create or replace function agenda._notify_each_next(state internal, user_id uuid, type text, task_id uuid, recurring_task_id uuid, reminder_id uuid,
                                                    title text, body text, data jsonb, priority smallint, dedupe_key text, scheduled_for timestamptz,
                                                    held_until timestamptz, held_reason text, silent boolean, late boolean) returns internal
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_notify_each_next';
comment on function agenda._notify_each_next(internal, uuid, text, uuid, uuid, uuid, text, text, jsonb, smallint, text, timestamptz, timestamptz, text, boolean, boolean)
    is 'engine: one notification of _notify_each()';

create or replace function agenda._notify_each_end(state internal) returns bigint
    language c volatile parallel unsafe as 'MODULE_PATHNAME', 'agenda_notify_each_end';
comment on function agenda._notify_each_end(internal) is 'engine: the end of _notify_each()';

create or replace aggregate agenda._notify_each(user_id uuid, type text, task_id uuid, recurring_task_id uuid, reminder_id uuid,
                                                title text, body text, data jsonb, priority smallint, dedupe_key text, scheduled_for timestamptz,
                                                held_until timestamptz, held_reason text, silent boolean, late boolean) (
    sfunc = agenda._notify_each_next, stype = internal, finalfunc = agenda._notify_each_end, finalfunc_modify = read_write);
comment on aggregate agenda._notify_each(uuid, text, uuid, uuid, uuid, text, text, jsonb, smallint, text, timestamptz, timestamptz, text, boolean, boolean)
    is 'engine: a notification for each row of a set, as one INSERT of all would write them; how many';

-- ---- rows of agenda.tasks (extension/task_valid.c) ---------------------------------------------

create or replace function agenda._task_valid(title text, description text, status text, priority smallint, due_date timestamptz,
                                              due_kind text, due_local timestamp, announced text, deleted_at timestamptz) returns boolean
    language c immutable parallel safe as 'MODULE_PATHNAME', 'agenda_task_valid';
comment on function agenda._task_valid(text, text, text, smallint, timestamptz, text, timestamp, text, timestamptz) is 'internal: the constraint tasks_valid; raises 23514 for the first column at fault';
