-- ---- the log as audit trail --------------------------------------------------------------------
-- Views over agenda.events, with the rights of who asks: a user sees its own.

create or replace function agenda._audit_action(p_word text) returns text
    language sql immutable parallel safe
    return case p_word
        when 'created' then 'create'
        when 'updated' then 'update'
        when 'completed' then 'complete'
        when 'reopened' then 'reopen'
        when 'skipped' then 'skip'
        when 'missed' then 'miss'
        when 'cancelled' then 'cancel'
        when 'deleted' then 'delete'
        when 'restored' then 'restore'
        when 'paused' then 'pause'
        when 'resumed' then 'resume'
        when 'ended' then 'end'
        when 'cleared' then 'clear'
        when 'withdrawn' then 'withdraw'
        else p_word
    end;
comment on function agenda._audit_action(text) is 'internal: the action that a change event tells of';

-- What other schemas emit has words of its own, but not among our entities.
create or replace function agenda._check_audit_action(filter jsonb) returns void
    language plpgsql immutable as
$$
declare
    v_entity constant pg_catalog.text := filter->>'entity';
begin
    if v_entity is null or v_entity in ('task', 'recurring_task', 'reminder', 'notification', 'preferences', 'delivery', 'user') then
        perform agenda._check_word(filter->>'action', '{create,update,complete,reopen,skip,miss,cancel,delete,restore,pause,resume,end,scheduled,snoozed,read,clear,withdraw}', 'action');
    end if;
end
$$;
comment on function agenda._check_audit_action(jsonb) is 'internal: raises YA006 for an action that no entry can have';

create view agenda.audit_log with (security_invoker = true) as
    select e.seq,
           e.id as event_id,
           e.occurred_at as at,
           e.user_id,
           e.actor,
           agenda._audit_action(split_part(e.type, '.', case when e.type like 'audit.%' then 3 else 2 end)) as action,
           split_part(e.type, '.', case when e.type like 'audit.%' then 2 else 1 end) as entity,
           e.subject as entity_id,
           nullif(e.data->'before', 'null') as before,
           nullif(e.data->'after', 'null') as after,
           e.data->'changed' as changed,
           coalesce(e.headers->>'x-request-id', e.trace) as correlation_id,
           e.trace
      from agenda.events e
     where e.data ? 'before' or e.data ? 'after';
comment on view agenda.audit_log is 'who changed what and when: every change in the log with the state before and after';

create view agenda.task_event_log with (security_invoker = true) as
    select e.seq,
           e.id,
           e.subject::uuid as task_id,
           split_part(e.type, '.', 2) as event_type,
           e.data as event_data,
           e.occurred_at as created_at
      from agenda.events e
     where e.type like 'task.%';
comment on view agenda.task_event_log is 'what happened to tasks: created, updated, completed, deleted, due and the rest';

-- An entry that no change of ours makes: an event of the application's own, whose type says what was done to what.
create or replace function agenda.log_action(action text, entity_type text, entity_id uuid, before jsonb default null, after jsonb default null) returns uuid
    language plpgsql volatile as
$$
declare
    v_word constant pg_catalog.text := '^[A-Za-z][A-Za-z0-9_-]{0,62}$';
begin
    if action is null or action !~ v_word then
        raise exception using errcode = 'YA006', message = 'action must be a word of at most 63 letters, digits, underscores and hyphens', column = 'action';
    elsif entity_type is null or entity_type !~ v_word then
        raise exception using errcode = 'YA006', message = 'entity_type must be a word of at most 63 letters, digits, underscores and hyphens', column = 'entity_type';
    elsif entity_id is null then
        raise exception using errcode = 'YA006', message = 'entity_id must not be null', column = 'entity_id';
    end if;
    return agenda.emit(format('audit.%s.%s', entity_type, action), entity_id::text, jsonb_build_object('before', before, 'after', after)
        || case when jsonb_typeof(before) = 'object' and jsonb_typeof(after) = 'object' then jsonb_build_object('changed', (
               select coalesce(jsonb_agg(coalesce(b.key, a.key) order by coalesce(b.key, a.key)), '[]')
                 from jsonb_each(before) b full join jsonb_each(after) a on a.key = b.key
                where a.value is distinct from b.value)) else '{}' end);
end
$$;
comment on function agenda.log_action(text, text, uuid, jsonb, jsonb)
    is 'application: an entry of the caller''s own in the acting user''s audit trail, with the state before and after; returns its event''s id';

-- The entries that a filter lets through, in no order.
create or replace function agenda._filter_audit(p_user uuid, filter jsonb) returns setof agenda.audit_log
    language plpgsql stable as
$$
declare
    v_member pg_catalog.text;
    v_zone   constant pg_catalog.text := agenda._user_zone(p_user);
    v_from   constant pg_catalog.timestamptz := agenda._parse_time(filter->>'from', v_zone, 'from');
    v_to     constant pg_catalog.timestamptz := agenda._parse_time(filter->>'to', v_zone, 'to');
begin
    if jsonb_typeof(filter) is distinct from 'object' then
        raise exception using errcode = 'YA006', message = 'filter must be an object';
    end if;
    for v_member in select jsonb_object_keys(filter) loop
        if v_member not in ('action', 'entity', 'entity_id', 'actor', 'from', 'to') then
            raise exception using errcode = 'YA006',
                message = format('the audit log cannot be filtered by "%s"', left(v_member, 100)),
                hint = 'Use action, entity, entity_id, actor, from or to.',
                column = left(v_member, 63);
        end if;
    end loop;
    if filter->>'action' is not null then
        perform agenda._check_audit_action(filter);
    end if;
    return query
        select a.* from agenda.audit_log a
         where a.user_id = p_user
           and (filter->>'action' is null or a.action = filter->>'action')
           and (filter->>'entity' is null or a.entity = filter->>'entity')
           and (filter->>'entity_id' is null or a.entity_id = filter->>'entity_id')
           and (filter->>'actor' is null or a.actor = filter->>'actor')
           -- partitions outside the range are not read
           and (v_from is null or a.at >= v_from)
           and (v_to is null or a.at < v_to);
end
$$;
comment on function agenda._filter_audit(uuid, jsonb) is 'internal: audit entries of a user that a filter lets through';

create or replace function agenda.list_audit(filter jsonb default '{}', page integer default 1, page_size integer default 20)
    returns setof agenda.audit_log
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    perform agenda._check_page(page, page_size);
    return query
        select a.* from agenda._filter_audit(v_user, filter) a
         order by a.seq desc
         limit page_size offset (page - 1)::bigint * page_size;
end
$$;
comment on function agenda.list_audit(jsonb, integer, integer)
    is 'a page of the acting user''s audit entries, newest first; filter members: action, entity, entity_id, actor, from, to';

create or replace function agenda.count_audit(filter jsonb default '{}') returns bigint
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    return (select count(*) from agenda._filter_audit(v_user, filter));
end
$$;
comment on function agenda.count_audit(jsonb) is 'how many entries list_audit has on all its pages';

create or replace function agenda.task_history(task_id uuid) returns setof agenda.audit_log
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
begin
    return query
        select a.* from agenda.audit_log a
         where a.user_id = v_user and a.entity = 'task' and a.entity_id = task_history.task_id::text
         order by a.seq;
    if not found then
        perform agenda._not_found('task', task_id);
    end if;
end
$$;
comment on function agenda.task_history(uuid) is 'every change of one task, oldest first, as far as the log reaches; it outlives the task';

create or replace function agenda.task_as_of(task_id uuid, at timestamptz) returns jsonb
    language plpgsql stable as
$$
declare
    v_user constant pg_catalog.uuid := agenda._acting_user();
    v_after pg_catalog.jsonb;
begin
    -- not what an application has logged about it (log_action()), with any state or none
    select nullif(e.data->'after', 'null') into v_after from agenda.events e
     where e.user_id = v_user and e.type like 'task.%' and e.subject = task_as_of.task_id::text
       and (e.data ? 'before' or e.data ? 'after')
       and e.occurred_at <= task_as_of.at
     order by e.seq desc
     limit 1;
    return v_after;
end
$$;
comment on function agenda.task_as_of(uuid, timestamptz) is 'the task as it was at an instant; null if it did not exist, or the log does not reach so far';

