-- ---- closing, reopening, undo --------------------------------------------------------------------
-- Which way a status may go is in extension/task_trigger.c; what a series makes of it is _sync_series().

create type agenda.completion as (task agenda.tasks, next_task agenda.tasks, undo_token text);
comment on type agenda.completion is 'result of complete_task, skip_task and cancel_task: the task, the occurrence that follows it if its series has made one, and what undo() takes';

-- What undo() needs: the task, its version after the change, and the status it had.
create or replace function agenda._undo_token(t agenda.tasks, p_from text) returns text
    language plpgsql immutable as
$$
begin
    return format('%s.%s.%s', t.id, t.version, p_from);
end
$$;
comment on function agenda._undo_token(agenda.tasks, text) is 'internal: names a change of status so that undo() finds it';

-- The occurrence that was made because this one was closed.
create or replace function agenda._successor(t agenda.tasks) returns agenda.tasks
    language plpgsql stable as
$$
declare
    v_next agenda.tasks;
begin
    if t.recurring_task_id is not null then
        select * into v_next from agenda.tasks k
         where k.user_id = t.user_id and k.recurring_task_id = t.recurring_task_id
           and k.occurrence_key > t.occurrence_key and k.parent_task_id = t.id and k.deleted_at is null
         order by k.occurrence_key limit 1;
    end if;
    return v_next;
end
$$;
comment on function agenda._successor(agenda.tasks) is 'internal: the occurrence that came after this one, if it is there';

-- Repeatable: a task that has this status already is returned as it is, with no second event.
create or replace function agenda._set_status(p_id uuid, p_status text, p_expected_version bigint, out task agenda.tasks, out was text)
    language plpgsql volatile as
$$
begin
    task := agenda._lock_task(agenda._acting_user(), p_id, null);
    was := task.status;
    if was <> p_status and not (agenda._is_open(was) and agenda._is_open(p_status)) then
        perform agenda._check_version(p_expected_version, task.version);
        update agenda.tasks t set status = p_status
         where t.user_id = task.user_id and t.id = p_id
        returning * into task;
    end if;
end
$$;
comment on function agenda._set_status(uuid, text, bigint) is 'internal: closes a task, or makes it pending again; was: its status before';

create or replace function agenda._close_task(p_id uuid, p_status text, p_expected_version bigint) returns agenda.completion
    language plpgsql volatile as
$$
declare
    v_change constant pg_catalog.record := agenda._set_status(p_id, p_status, p_expected_version);
    v_result agenda.completion;
begin
    v_result.task := v_change.task;
    v_result.next_task := agenda._successor(v_change.task);
    v_result.undo_token := agenda._undo_token(v_change.task, case when v_change.was = p_status then 'pending' else v_change.was end);
    return v_result;
end
$$;
comment on function agenda._close_task(uuid, text, bigint) is 'internal: gives a task a status that ends it';

create or replace function agenda._completion_json(c agenda.completion) returns jsonb
    language plpgsql stable as
$$
begin
    return agenda.task_json(c.task) || jsonb_build_object('next_task', agenda.task_json(c.next_task), 'undo_token', c.undo_token);
end
$$;
comment on function agenda._completion_json(agenda.completion) is 'internal: what closing a task gave, as REST shows it';

create or replace function agenda.complete_task(id uuid, expected_version bigint default null) returns agenda.completion
    language plpgsql volatile as
$$
begin
    return agenda._close_task(id, 'completed', expected_version);
end
$$;
comment on function agenda.complete_task(uuid, bigint) is 'completes a task and, where its series says so, makes the next occurrence; repeatable';

create or replace function agenda.complete_recurring_task(id uuid, expected_version bigint default null) returns agenda.completion
    language plpgsql volatile as
$$
begin
    return agenda.complete_task(id, expected_version);
end
$$;
comment on function agenda.complete_recurring_task(uuid, bigint) is 'complete_task under another name';

create or replace function agenda.skip_task(id uuid, expected_version bigint default null) returns agenda.completion
    language plpgsql volatile as
$$
begin
    return agenda._close_task(id, 'skipped', expected_version);
end
$$;
comment on function agenda.skip_task(uuid, bigint) is 'lets a task go without doing it: its series goes on as if it were done, its history says skipped; repeatable';

create or replace function agenda.cancel_task(id uuid, expected_version bigint default null) returns agenda.completion
    language plpgsql volatile as
$$
begin
    return agenda._close_task(id, 'cancelled', expected_version);
end
$$;
comment on function agenda.cancel_task(uuid, bigint) is 'calls a task off; its series goes on with the next occurrence; repeatable';

-- ---- and back ----------------------------------------------------------------------------------

-- The trigger takes the successor back if nobody has touched it.
create or replace function agenda.reopen_task(id uuid, expected_version bigint default null) returns agenda.tasks
    language plpgsql volatile as
$$
begin
    return (agenda._set_status(id, 'pending', expected_version)).task;
end
$$;
comment on function agenda.reopen_task(uuid, bigint) is 'makes a closed task pending again and takes back the occurrence that came after it, if nobody has changed that; repeatable';

create or replace function agenda.restore_task(id uuid, expected_version bigint default null) returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    v_task agenda.tasks;
begin
    select * into v_task from agenda.tasks t
     where t.user_id = v_user and t.id = restore_task.id
       for update;
    if not found then
        perform agenda._not_found('task', id);
    end if;
    if v_task.deleted_at is not null then
        perform agenda._check_version(expected_version, v_task.version);
        update agenda.tasks t set deleted_at = null
         where t.user_id = v_user and t.id = restore_task.id
        returning * into v_task;
    end if;
    return v_task;
end
$$;
comment on function agenda.restore_task(uuid, bigint) is 'brings a deleted task back into the lists; repeatable';

-- Back to the status before, if the task is still as the change left it.
create or replace function agenda._undo(p_token text, p_column text) returns jsonb
    language plpgsql volatile as
$$
declare
    v_user  constant pg_catalog.uuid := agenda._acting_user();
    v_part  constant pg_catalog.text[] := regexp_match(p_token, '^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9]{1,18})\.(pending|in_progress)$');
    v_task  agenda.tasks;
    v_next  agenda.tasks;
    v_stays agenda.tasks;
begin
    if v_part is null then
        raise exception using errcode = 'YA006',
            message = format('"%s" is not an undo token', left(p_token, 100)),
            hint = 'Use the undo_token that complete_task, skip_task or cancel_task gave.',
            column = p_column;
    end if;
    v_task := agenda._lock_task(v_user, v_part[1]::uuid, null);
    if v_task.version <> v_part[2]::bigint or agenda._is_open(v_task.status) then
        raise exception using errcode = 'YA007',
            message = format('task "%s" has been changed since', v_task.id),
            hint = 'Read it again, and reopen it if that is what is wanted.';
    end if;
    v_next := agenda._successor(v_task);
    update agenda.tasks t set status = 'pending'
     where t.user_id = v_user and t.id = v_task.id
    returning * into v_task;
    if v_part[3] <> 'pending' then
        update agenda.tasks t set status = v_part[3]
         where t.user_id = v_user and t.id = v_task.id
        returning * into v_task;
    end if;
    v_stays := agenda._successor(v_task);
    return jsonb_build_object(
        'task', agenda.task_json(v_task),
        'next_task', agenda.task_json(v_stays),
        'withdrawn_task_id', case when v_stays.id is null then v_next.id end);
end
$$;
comment on function agenda._undo(text, text) is 'internal: undo(); the column is what its caller calls the token';

create or replace function agenda.undo(token text) returns jsonb
    language plpgsql volatile as
$$
begin
    return agenda._undo(token, 'token');
end
$$;
comment on function agenda.undo(text) is 'takes back a completion, a skip or a cancellation; next_task is the following occurrence if somebody has changed it, so that it stays';
