-- _notify_each() writes many notifications at once as one INSERT of all would: constraints, defaults, triggers
-- of whoever has some, and its own check of the foreign key to the user.
begin;
set local search_path = public;
select plan(16);

select agenda.act_as('aaaaaaaa-0000-4000-8000-000000004201');
create schema mine;
-- so many of the acting user, called 1, 2 …
create function mine.tell(p_count int, p_type text default 'due', p_user uuid default agenda.current_user_id()) returns bigint language sql as
$$select agenda._notify_each(p_user, p_type, null, null, null, i::text, 'body', '{"told": 2}', 2::smallint, 'key ' || i, now(), null, null, false, true)
    from generate_series(1, p_count) i$$;

select is(mine.tell(0), 0::bigint, 'none');
select is(mine.tell(250), 250::bigint, 'more than are written at once');
select is((select count(distinct id) from agenda.notifications), 250::bigint, 'all are there');
select is((select count(*) from agenda.events where type = 'notification.created' and data #>> '{after,title}' between '1' and '99'), 250::bigint, 'and logged');
select results_eq($$select distinct type, body, data, priority, scheduled_for, late, silent, held_until, read_at, archived_at, task_id from agenda.notifications$$,
                  $$values ('due', 'body', '{"told": 2}'::jsonb, 2::smallint, now(), true, false, null::timestamptz, null::timestamptz, null::timestamptz, null::uuid)$$,
                  'as they were given, without what comes later');
select is(agenda.unread_count(), 250::bigint, 'and found by the partial indexes');
select throws_ok($$select mine.tell(1)$$, '23505', null, 'a key is unique');
select throws_ok($$select mine.tell(1, 'loud')$$, '23514', null, 'a type is one of those there are');
select throws_ok($$select mine.tell(1, 'due', 'aaaaaaaa-0000-4000-8000-00000000dead')$$, '23503',
                 'insert or update on table "notifications" violates foreign key constraint "notifications_user_id_fkey"', 'a user exists');
select throws_ok($$select mine.tell(1, null)$$, '23502', null, 'a notification has a type');
delete from agenda.notifications;

-- ---- what somebody has added ----
alter table agenda.notifications add column code text, alter code set default 'c' || 1;
create table mine.seen (what text, count bigint);
create function mine.odd_only() returns trigger language plpgsql as
$$begin
    insert into mine.seen select 'before', count(*) from agenda.notifications;
    return case when new.title::int % 2 = 1 then new end;
end$$;
create function mine.note_row() returns trigger language plpgsql as $$begin insert into mine.seen values ('row', new.title::bigint); return null; end$$;
create function mine.note_all() returns trigger language plpgsql as $$begin insert into mine.seen select 'all', count(*) from fresh; return null; end$$;
create trigger odd_only before insert on agenda.notifications for each row execute function mine.odd_only();
create trigger note_row after insert on agenda.notifications for each row execute function mine.note_row();
create trigger note_all after insert on agenda.notifications referencing new table as fresh for each statement execute function mine.note_all();
select lives_ok($$select mine.tell(5)$$, 'with triggers of somebody else');
select is((select array_agg(title order by title) from agenda.notifications), '{1,3,5}', 'one of which keeps rows out');
select is((select array_agg(count order by count) from mine.seen where what = 'before'), '{0,1,1,2,2}', 'and sees those before');
select is((select array_agg(count order by count) from mine.seen where what = 'row'), '{1,3,5}', 'one sees each');
select is((select array_agg(count) from mine.seen where what = 'all'), '{3}', 'and one all at once');
select is((select array_agg(distinct code) from agenda.notifications), '{c1}', 'a column of somebody else has its default');

select * from finish();
rollback;
