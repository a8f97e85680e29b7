-- ---- self-check: the log and the rows ------------------------------------------------------------
-- What the newest event of a thing says is what its row says, and each has the other.  Nothing is found where
-- the log cannot know: it does not reach back so far, or a bulk import has written rows without events since.

-- Things as events show them.  told: there must be an event.  A deleted thing changes in silence; of a
-- reminder events tell for what it waits.
create or replace function agenda._fsck_images()
    returns table (entity text, user_id uuid, id uuid, created_at timestamptz, told boolean, deleted boolean, image jsonb)
    language sql stable
    begin atomic
        select 'task', t.user_id, t.id, t.created_at, true, t.deleted_at is not null,
               case when t.deleted_at is null then agenda._task_image(t) end
          from agenda.tasks t
        union all
        select 'recurring_task', s.user_id, s.id, s.created_at, true, s.deleted_at is not null,
               case when s.deleted_at is null then agenda._recurring_task_image(s) end
          from agenda.recurring_tasks s
        union all
        select 'reminder', r.user_id, r.id, r.created_at, r.fire_at is not null, false, jsonb_build_object('fire_at', agenda.utc(r.fire_at))
          from agenda.reminders r
        union all
        -- what is held has not been created for its readers, nor has what was withdrawn or cleared meanwhile
        select 'notification', n.user_id, n.id, n.created_at, n.withdrawn_at is null and n.cleared_at is null, false,
               agenda._notification_image(n)
          from agenda.notifications n
         where n.held_until is null
        union all
        select 'preferences', p.user_id, p.user_id, p.updated_at, p.version > 0, false, agenda.preferences_json(p) - 'version'
          from agenda.preferences p;
    end;
comment on function agenda._fsck_images() is 'engine: what the log should say of each thing';

-- The newest event of each thing; reminder.due says nothing of what the reminder waits for next.
create or replace function agenda._fsck_newest()
    returns table (entity text, user_id uuid, id uuid, seq bigint, type text, silent boolean, image jsonb)
    language sql stable
    begin atomic
        select split_part(e.type, '.', 1), e.user_id, e.subject::uuid, e.seq, e.type, e.type = 'reminder.due',
               case when e.type like 'reminder.%' and e.data ? 'after' then jsonb_build_object('fire_at', e.data->'after'->'fire_at')
                    else e.data->'after' end
          from (select max(x.seq) as seq
                  from agenda.events x
                 where split_part(x.type, '.', 1) in ('task', 'recurring_task', 'reminder', 'notification', 'preferences')
                   and (x.data ? 'after' or x.data ? 'before' or x.type = 'reminder.due')
                 group by split_part(x.type, '.', 1), x.user_id, x.subject) n
          join agenda.events e on e.seq = n.seq;
    end;
comment on function agenda._fsck_newest() is 'engine: what the log says of each thing';

create or replace function agenda._fsck_log(out check_name text, out entity text, out user_id uuid, out id uuid, out problem text)
    returns setof record
    language plpgsql stable
    set jit = off set work_mem = '64MB' set enable_nestloop = off as
$$
-- to which series a task belongs is bookkeeping, and may change without an event
declare
    v_begin    constant pg_catalog.timestamptz := (select min(l.lower) from agenda.log_leaves l where l.parent = 'events');
    v_imported pg_catalog.record;
begin
    select max(e.seq) as seq, max(e.occurred_at) as at into v_imported from agenda.events e where e.type in ('log.silenced', 'log.resumed');
    return query
    select 'log', coalesce(r.entity, n.entity), coalesce(r.user_id, n.user_id), coalesce(r.id, n.id),
           case when n.seq is null then 'no event tells of it'
                when r.id is null then format('event %s (%s) tells of it, and it is not there', n.seq, n.type)
                when r.deleted then format('it is deleted, and event %s (%s) does not say so', n.seq, n.type)
                when n.image is null then format('it is there, and event %s (%s) says that it is deleted', n.seq, n.type)
                else format('event %s (%s) says otherwise of %s', n.seq, n.type, d.members) end
      from agenda._fsck_images() r
      full join agenda._fsck_newest() n on n.entity = r.entity and n.user_id = r.user_id and n.id = r.id
     cross join lateral (select case when r.image <> n.image then
                                     (select string_agg(a.key, ', ' order by a.key)
                                        from jsonb_each(n.image) a join jsonb_each(r.image) b on b.key = a.key and b.value <> a.value
                                       where a.key <> all ('{recurring_task_id,parent_task_id}'))
                                end as members) d
     where case when n.seq is null then r.told and r.created_at >= greatest(v_begin, v_imported.at)
                when n.seq < v_imported.seq or n.silent then false
                -- what is over goes without an event
                when r.id is null then n.image is not null and case n.entity when 'reminder' then n.image->>'fire_at' is not null
                                                                             else n.entity in ('task', 'recurring_task') and n.image->>'deleted_at' is null end
                when r.deleted then n.image->>'deleted_at' is null and n.image is not null
                when n.image is null then true
                else d.members is not null end
     order by 2, 3, 4;
end
$$;
comment on function agenda._fsck_log() is 'engine: where the log and the rows say different things';
