-- ---- what comes into a task: due dates, tags, checklists ----------------------------------------
-- A due date is one of three kinds.  instant: due_date is the truth.  local: a wall-clock time, date: a whole
-- day; these are kept in due_local, and due_date is the instant that the zone makes of them: the task's own
-- zone or, where it has none, the owner's, whichever that is; of a day the midnight with which it begins.

-- due_kind, due_local and due_date in agreement.  What was changed wins; where all is given, due_local.  Called
-- by the trigger where any of them is other than an instant.
create or replace function agenda._resolve_due(new agenda.tasks, old agenda.tasks) returns agenda.tasks
    language plpgsql volatile as
$$
declare
    v_zone constant pg_catalog.text := coalesce(new.timezone, agenda._preferred_zone(new.user_id));
begin
    if new.due_local is not null
       and (old.id is null or (new.due_local, new.due_kind) is distinct from (old.due_local, old.due_kind)
            or (new.timezone is distinct from old.timezone and new.due_date is not distinct from old.due_date)) then
        if not new.due_local between '0001-01-03' and '9999-12-29' then
            raise exception using errcode = 'YA005', message = 'the due date is out of range', column = 'due_date';
        elsif new.due_kind = 'instant' and old.due_kind <> 'instant' then
            -- the present instant stays
            new.due_local := null;
        elsif new.due_kind = 'instant' then
            new.due_kind := 'local';
        end if;
    elsif new.due_date is null then
        new.due_kind := 'instant';
    elsif old.id is not null and new.due_date is distinct from old.due_date and new.due_local is not null
          and new.due_date <> agenda.local_to_instant(new.due_local, v_zone) then
        -- only an instant was given: a wall-clock time stays one, a day becomes an instant
        if new.due_kind = 'date' then
            new.due_kind := 'instant';
        else
            new.due_local := agenda.instant_to_local(new.due_date, v_zone);
        end if;
    elsif new.due_kind <> 'instant' and new.due_local is null then
        new.due_local := agenda.instant_to_local(new.due_date, v_zone);
    end if;

    if new.due_kind = 'instant' then
        new.due_local := null;
    elsif new.due_kind = 'date' then
        new.due_local := date_trunc('day', new.due_local);
    end if;
    -- the second of two equal wall-clock times agrees too
    if new.due_local is not null
       and (new.due_date is null or agenda.instant_to_local(new.due_date, v_zone) <> new.due_local) then
        new.due_date := agenda.local_to_instant(new.due_local, v_zone);
    end if;
    return new;
end
$$;
comment on function agenda._resolve_due(agenda.tasks, agenda.tasks) is 'engine: brings due_kind, due_local and due_date of a task into agreement';

-- ---- tags and checklists -------------------------------------------------------------------------

create or replace function agenda._tags(p_patch jsonb, p_member text) returns text[]
    language plpgsql immutable as
$$
begin
    if jsonb_typeof(p_patch->p_member) = 'null' then
        return '{}';
    elsif jsonb_typeof(p_patch->p_member) <> 'array'
          or jsonb_path_exists(p_patch->p_member, '$[*] ? (@.type() != "string")') then
        perform agenda._wrong_member(p_patch, p_member, 'an array of strings');
    end if;
    return array(select jsonb_array_elements_text(p_patch->p_member));
end
$$;
comment on function agenda._tags(jsonb, text) is 'internal: a member that is a list of tags';

-- Tags within their limits, and the checklist as it is kept: every item says whether it is done.  Its length as a
-- whole is what leaves room for the rest of a task, twice, in an event (agenda.max_event_bytes): a task whose changes
-- could not be logged could not be done.
create or replace function agenda._check_template(p_tags text[], p_checklist jsonb) returns jsonb
    language plpgsql immutable as
$$
begin
    if p_tags <> '{}' and (cardinality(p_tags) > 50 or array_ndims(p_tags) > 1
                           or exists (select from unnest(p_tags) g where g is null or length(g) not between 1 and 100)
                           or cardinality(p_tags) > (select count(distinct g) from unnest(p_tags) g)) then
        raise exception using errcode = 'YA006',
            message = 'tags are not valid',
            hint = 'At most 50 different ones, each of 1 to 100 characters.',
            column = 'tags';
    end if;
    if p_checklist <> '[]' and (jsonb_typeof(p_checklist) <> 'array' or jsonb_array_length(p_checklist) > 200
                                or octet_length(p_checklist::text) > 300000
                                or exists (select from jsonb_array_elements(p_checklist) e
                                            where jsonb_typeof(e) <> 'object' or jsonb_typeof(e->'text') is distinct from 'string'
                                               or length(e->>'text') not between 1 and 500
                                               or jsonb_typeof(coalesce(e->'done', 'false')) <> 'boolean'
                                               or e - '{text,done}'::text[] <> '{}')) then
        raise exception using errcode = 'YA006',
            message = 'the checklist is not valid',
            hint = 'It is an array of at most 200 objects {"text": 1 to 500 characters, "done": true or false}, 300 kB in all.',
            column = 'checklist';
    end if;
    if not jsonb_path_exists(p_checklist, '$[*] ? (!exists(@.done))') then
        return p_checklist;
    end if;
    return (select jsonb_agg('{"done": false}' || e order by i) from jsonb_array_elements(p_checklist) with ordinality x (e, i));
end
$$;
comment on function agenda._check_template(text[], jsonb) is 'internal: the checklist with every item done or not; raises YA006 for tags or a checklist outside their limits';

create or replace function agenda._reset_checklist(p_checklist jsonb) returns jsonb
    language plpgsql immutable as
$$
begin
    return coalesce((select jsonb_agg(e || '{"done": false}' order by i) from jsonb_array_elements(p_checklist) with ordinality x (e, i)), '[]');
end
$$;
comment on function agenda._reset_checklist(jsonb) is 'internal: the checklist with nothing done';
