-- Delivery channels: who sees them, what they take, what is queued, and what the deliverer is told.
-- The deliverer itself is in test/t/160_deliverer.t.
begin;
set local search_path = public;
select plan(67);

set local agenda.delivery = on;
set local agenda.now = '2025-03-10 12:00:00+00';
create role t_app login in role agenda_app;
create role t_person login in role agenda_user;
create function pg_temp.a() returns uuid language sql as $$select 'aaaaaaaa-0000-4000-8000-000000000001'::uuid$$;
create function pg_temp.b() returns uuid language sql as $$select 'bbbbbbbb-0000-4000-8000-000000000002'::uuid$$;
create function pg_temp.notify(p_key text, p_type text default 'due', p_silent boolean default false, p_held timestamptz default null) returns uuid language sql as
$$insert into agenda.notifications (user_id, type, title, dedupe_key, scheduled_for, silent, held_until)
  values (pg_temp.a(), p_type, p_key, p_key, now(), p_silent, p_held) returning id$$;
create function pg_temp.queued(p_key text) returns bigint language sql as
$$select count(*) from agenda.deliveries d join agenda.notifications n on n.id = d.notification_id where n.dedupe_key = p_key$$;
create function pg_temp.claim(p_busy uuid[] default '{}') returns table (delivery_id uuid, kind text, body jsonb) language sql as
$$select delivery_id, kind, convert_from(body, 'UTF8')::jsonb from agenda._claim_deliveries(clock_timestamp(), p_busy, 64, '1 minute')$$;

-- ---- what callers do ----
set local role t_app;
select agenda.act_as(pg_temp.a());
create temp table hook as select agenda.add_channel('webhook', 'https://example.org/hook?a=b', 'my hook', '{due,overdue}') as c;
select matches((select c->>'secret' from hook), '^whsec_[A-Za-z0-9+/]{43}=$', 'a webhook gets a secret');
create temp table mail as select agenda.add_channel('email', 'a@example.org') as c;
select ok((select not c ? 'secret' from mail), 'a mail address has none');
select is((select count(*) from agenda.list_channels()), 2::bigint, 'both are there');
select is((select address from agenda.channels where kind = 'webhook'), 'https://example.org/hook?a=b', 'and can be read');
select throws_ok('select * from agenda.channel_secrets', '42501', null, 'secrets cannot');
select throws_ok($$update agenda.channels set enabled = false$$, '42501', null, 'the table is not written');
select throws_ok($$insert into agenda.deliveries (user_id, channel_id, what) select user_id, id, 'test' from agenda.channels$$, '42501', null, 'nor the queue');
select throws_ok($$select agenda._claim_deliveries(now(), '{}', 1, '1 minute')$$, '42501', null, 'nor claimed from');
select is((agenda.update_channel((c->>'id')::uuid, '{"name": "other", "types": null}')).types, null, 'types can be taken back') from hook;
select is((agenda.update_channel((c->>'id')::uuid, '{"types": ["due", "overdue"]}')).types, '{due,overdue}', 'and set') from hook;
select is((agenda.update_channel((c->>'id')::uuid, '{}')).name, 'other', 'what is absent stays') from hook;
select throws_ok(format($$select agenda.update_channel(%L, '{"address": "https://x"}')$$, c->>'id'), 'YA006', null, 'another address is another channel') from hook;
select throws_ok(format($$select agenda.update_channel(%L, '{"enabled": "no"}')$$, c->>'id'), 'YA006', null, 'enabled is true or false') from hook;
select throws_ok(format($$select agenda.update_channel(%L, '{"enabled": null}')$$, c->>'id'), 'YA006', null, 'and not null') from hook;
select throws_ok(format($$select agenda.update_channel(%L, '{"types": ["x"]}')$$, c->>'id'), '23514', null, 'types are those of notifications') from hook;
select throws_ok(format($$select agenda.update_channel(%L, '{"types": "due"}')$$, c->>'id'), 'YA006', null, 'in an array') from hook;
select throws_ok(format($$select agenda.update_channel(%L, null)$$, c->>'id'), 'YA006', null, 'a patch is an object') from hook;
select throws_ok(format($$select agenda.test_channel(%L)$$, c->>'id'), 'YA007', 'the address has not been confirmed', 'an address that is not confirmed gets no test') from mail;
select throws_ok(format($$select agenda.confirm_channel(%L, 'guess')$$, c->>'id'), 'YA006', null, 'a code is not guessed') from mail;
select throws_ok(format($$select agenda.confirm_channel(%L, null)$$, c->>'id'), 'YA006', null, 'nor left out') from mail;
select throws_ok(format($$select agenda.rotate_channel_secret(%L)$$, c->>'id'), 'YA007', null, 'a mail address has no secret to change') from mail;

-- ---- addresses ----
select throws_ok(format('select agenda.add_channel(%L, %L)', k, a), 'YA006', null, format('%s %s is refused', k, left(a, 40)))
  from (values ('webhook', 'ftp://example.org/'), ('webhook', 'file:///etc/passwd'), ('webhook', 'https://user:pw@example.org/'), ('webhook', 'https://example.org/#x'),
               ('webhook', E'https://example.org/\r\nX: y'), ('webhook', 'https://'), ('webhook', ''), ('webhook', 'https://example.org/' || repeat('x', 2000)),
               ('email', 'nobody'), ('email', 'a@b@c'), ('email', E'a@example.org\r\nBcc: b@example.org'), ('email', 'a b@example.org'), ('email', '<a@example.org>'),
               ('email', repeat('x', 65) || '@example.org'), ('sms', '12345')) v(k, a);
select throws_ok('select agenda.add_channel(null, null)', 'YA006', null, 'nothing is no channel');
select throws_ok($$select agenda.add_channel('webhook', null)$$, 'YA006', null, 'nor one without an address');
select throws_ok($$do $d$ begin for i in 1..20 loop perform agenda.add_channel('webhook', 'https://example.org/'); end loop; end $d$ $$, 'YA008', null, 'there may be 10');

-- ---- somebody else ----
select agenda.act_as(pg_temp.b());
select is((select count(*) from agenda.channels) + (select count(*) from agenda.list_channels()) + (select count(*) from agenda.list_deliveries()), 0::bigint, 'another user sees none of it');
select throws_ok(format('select agenda.%s', replace(f, '$', quote_literal(c->>'id'))), 'YA001', null, 'nor reaches it: ' || f)
  from hook, unnest(array['update_channel($, ''{}'')', 'delete_channel($)', 'test_channel($)', 'rotate_channel_secret($)', 'confirm_channel($, ''x'')']) f;
select agenda.act_as(null);
select throws_ok('select agenda.list_channels()', 'YA009', null, 'nobody has no channels');
select throws_ok($$select agenda.add_channel('webhook', 'https://example.org/')$$, 'YA009', null, 'and makes none');
reset role;

-- ---- what is queued ----
select is((select string_agg(what, ',') from agenda.deliveries where user_id = pg_temp.a()), 'confirmation', 'only the code is on its way');
delete from agenda.deliveries;
select pg_temp.notify(k, t, s) from (values ('wanted', 'due', false), ('unwanted', 'due_soon', false), ('silent', 'due', true)) v(k, t, s);
select pg_temp.notify('held', 'due', false, now() + interval '1 hour');
select is(array[pg_temp.queued('wanted'), pg_temp.queued('unwanted'), pg_temp.queued('silent'), pg_temp.queued('held')], '{1,0,0,0}', 'what the channel wants and makes a sound is queued, once');
update agenda.notifications set held_until = null where dedupe_key = 'held';
select is(pg_temp.queued('held'), 1::bigint, 'what was held is queued when it is released');

create temp table claimed as select * from pg_temp.claim();
select is((select array[count(*), count(kind)] from claimed), '{1,1}', 'one of each channel is claimed');
select is((select body #>> '{data,title}' from claimed), 'wanted', 'the oldest');
select is((select array_agg(k order by k) from claimed, jsonb_object_keys(body) k), '{data,datacontenttype,id,source,specversion,subject,time,type}', 'as a CloudEvent');
select is((select count(*) from pg_temp.claim(array(select id from agenda.channels))), 0::bigint, 'nothing of a channel that is busy');
update agenda.notifications set withdrawn_at = now() where dedupe_key = 'held';
select is((select array[count(*), count(kind)] from pg_temp.claim()), '{1,0}', 'what is withdrawn is cancelled');
select agenda._record_delivery(pg_temp.a(), delivery_id, clock_timestamp(), 'retry', 500, 'error', 0) from claimed;
select is((select array[status, attempts::text] from agenda.deliveries join claimed on id = delivery_id), '{queued,1}', 'after a failure it waits');
select ok((select next_attempt_at between clock_timestamp() + interval '20 s' and clock_timestamp() + interval '40 s' from agenda.deliveries join claimed on id = delivery_id), 'for about agenda.delivery_backoff');
select agenda._record_delivery(pg_temp.a(), delivery_id, clock_timestamp(), 'sent', 200, null, 0) from claimed;
select is((select status from agenda.deliveries join claimed on id = delivery_id), 'queued', 'a record without a claim changes nothing');
select is((select count(*) from agenda.events where type = 'delivery.failed'), 0::bigint, 'and no event');
update agenda.deliveries d set next_attempt_at = clock_timestamp() - interval '1 second' from claimed c where d.id = c.delivery_id;
create temp table again as select * from pg_temp.claim();
select agenda._record_delivery(pg_temp.a(), delivery_id, clock_timestamp(), 'refused', 404, 'not found', 0) from again;
select results_eq($$select subject::uuid, user_id, data->>'attempts', data->>'response', data->>'last_error' from agenda.events where type = 'delivery.failed'$$,
    $$select delivery_id, pg_temp.a(), '2', '404', 'not found' from claimed$$, 'what is given up is an event');
select throws_ok($$select agenda.emit('delivery.failed', 'x', '{}')$$, 'YA006', null, 'of ours alone');
select ok(extract(epoch from agenda._delivery_pause(100, 0)) <= 6 * 3600 * 1.25, 'pauses end at six hours');

-- ---- the engine ahead of its time ----
select agenda.act_as(pg_temp.a());
select agenda.create_task('ahead', due => '2025-03-10T18:00:00Z');
set local role t_app;
select agenda.act_as(pg_temp.a());
select isnt_empty('select * from agenda.forecast_notifications()', 'a forecast meets the channels as its user');
reset role;
select is((select count(*) from agenda.deliveries where notification_id is not null and status = 'queued' and created_at > now() and attempts = 0), 0::bigint, 'and queues nothing');

-- ---- nobody's mailbox is flooded ----
create function pg_temp.add_and_delete(n integer) returns void language plpgsql as $$
begin
    for i in 1 .. n loop
        perform agenda.delete_channel((agenda.add_channel('email', 'c@example.org')->>'id')::uuid);
    end loop;
end $$;
set local role t_app;
select agenda.act_as('cccccccc-0000-4000-8000-000000000003');
select lives_ok('select pg_temp.add_and_delete(20)', 'twenty codes are sent in an hour');
select throws_ok('select pg_temp.add_and_delete(1)', 'YA008', 'too many messages to try channels out', 'but no more, though their channels are gone');
reset role;
update agenda.channel_trials set asked_at = asked_at - interval '1 hour';
set local role t_app;
select lives_ok('select pg_temp.add_and_delete(1)', 'an hour later again');
reset role;

select * from finish();
rollback;
