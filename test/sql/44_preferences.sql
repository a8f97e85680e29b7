-- Preferences, workdays and holidays: defaults, validation, and who may see what.
begin;
set local search_path = public;
select plan(86);

set local agenda.now = '2025-03-10 12:00:00+00';
create role t_app login in role agenda_app;
set local role t_app;
select agenda.act_as('aaaaaaaa-0000-4000-8000-000000000001');

-- ---- defaults ----
select is(agenda.preferences_json(agenda.get_preferences()) - 'version', '{
    "timezone": "UTC", "locale": "en", "week_start": "MO",
    "due_soon_window": "24:00:00", "overdue_grace": "00:15:00", "overdue_repeat": null, "overdue_repeat_max": 6,
    "notifications_enabled": true, "reminders_enabled": true,
    "enabled_types": ["reminder", "due_soon", "due", "overdue", "digest"],
    "all_day_time": "09:00:00", "default_reminders": [], "catchup_window": "7 days",
    "quiet_start": null, "quiet_end": null, "quiet_days": ["MO", "TU", "WE", "TH", "FR", "SA", "SU"],
    "quiet_policy": "hold", "quiet_break_priority": 1, "paused_until": null,
    "digest_time": null, "digest_days": ["MO", "TU", "WE", "TH", "FR", "SA", "SU"], "digest_types": ["due_soon", "overdue"],
    "workdays": ["MO", "TU", "WE", "TH", "FR"], "holiday_calendar": null}'::jsonb, 'who has chosen nothing has the defaults');
insert into agenda.preferences default values;
select is(agenda.preferences_json(p), agenda.preferences_json(agenda._default_preferences(p.user_id)), 'which are those of the table') from agenda.preferences p;

-- ---- every member, as JSON and as a column ----
create temp table wanted as select '{
    "timezone": "Europe/Berlin", "locale": "de-DE", "week_start": "SU",
    "due_soon_window": "02:00:00", "overdue_grace": "00:30:00", "overdue_repeat": "1 day", "overdue_repeat_max": 3,
    "notifications_enabled": false, "reminders_enabled": false, "enabled_types": ["due"],
    "all_day_time": "08:00:00", "default_reminders": ["-1 day"], "catchup_window": "1 day",
    "quiet_start": "22:00:00", "quiet_end": "06:00:00", "quiet_days": ["SA"], "quiet_policy": "drop", "quiet_break_priority": 3,
    "paused_until": "2025-04-01T00:00:00Z", "digest_time": "07:30:00", "digest_days": ["MO"], "digest_types": ["due"],
    "workdays": ["SU", "MO"], "holiday_calendar": "own"}'::jsonb as patch;
select is(agenda.preferences_json(agenda.set_preferences(patch)) - 'version', patch, 'each member can be set') from wanted;
select is((select array_agg(k order by k) from wanted, jsonb_object_keys(patch) k),
          (select array_agg(attname::text order by attname::text) from pg_attribute
            where attrelid = 'agenda.preferences'::regclass and attnum > 0 and not attisdropped and attname not in ('user_id', 'version', 'updated_at')),
          'there is no column without a member');
select is((select (quiet_start, workdays)::text from agenda.preferences), '(22:00:00,"{SU,MO}")', 'and each is a column');
select is((agenda.set_preferences('{}')).version, 1::bigint, 'changing nothing is no change');
select is((agenda.set_preferences(agenda.preferences_json(agenda.get_preferences()))).version, 1::bigint, 'what was read can be sent back');
select throws_ok($$select agenda.set_preferences('{"locale": "fr"}', 7)$$, 'YA002', null, 'another version than expected');
select is(agenda.preferences_json(agenda.set_preferences((select jsonb_object_agg(k, null) from wanted, jsonb_object_keys(patch) k))) - 'version',
          agenda.preferences_json(agenda._default_preferences(null)) - 'version', 'null restores each default');
select is((select array_agg(type order by seq) from agenda.events where type like 'preferences%'), '{preferences.updated,preferences.updated}', 'a change is one event');

-- ---- bad input changes nothing ----
create function pg_temp.refuses(patch text, state text, member text) returns setof text language plpgsql as $$
declare v_state text; v_column text; v_version bigint := (agenda.get_preferences()).version;
begin
    begin
        perform agenda.set_preferences(patch::jsonb);
    exception when others then
        get stacked diagnostics v_state = returned_sqlstate, v_column = column_name;
        if v_column = '' then get stacked diagnostics v_column = constraint_name; end if;
    end;
    return next is(v_state || ' ' || v_column, state || ' ' || member, patch);
    if (agenda.get_preferences()).version <> v_version then return next fail('and changed something'); end if;
end $$;
select pg_temp.refuses('{"timezone": "Mars/Olympus"}', 'YA004', 'timezone');
select pg_temp.refuses('{"timezone": 7}', 'YA004', 'timezone');
select pg_temp.refuses('{"time_zone": "UTC"}', 'YA006', 'time_zone');
select pg_temp.refuses('{"due_soon_window": "soon"}', 'YA006', 'due_soon_window');
select pg_temp.refuses('{"due_soon_window": "-1 hour"}', '23514', 'preferences_due_soon_window_check');
select pg_temp.refuses('{"overdue_grace": "2 years"}', '23514', 'preferences_overdue_grace_check');
select pg_temp.refuses('{"overdue_repeat": "1 second"}', '23514', 'preferences_overdue_repeat_check');
select pg_temp.refuses('{"overdue_repeat_max": -1}', '23514', 'preferences_overdue_repeat_max_check');
select pg_temp.refuses('{"overdue_repeat_max": 99999999999}', 'YA006', 'overdue_repeat_max');
select pg_temp.refuses('{"notifications_enabled": "perhaps"}', 'YA006', 'notifications_enabled');
select pg_temp.refuses('{"enabled_types": "due"}', 'YA006', 'enabled_types');
select pg_temp.refuses('{"enabled_types": ["smoke"]}', '23514', 'preferences_enabled_types_check');
select pg_temp.refuses('{"all_day_time": "25:00"}', 'YA006', 'all_day_time');
select pg_temp.refuses('{"all_day_time": "24:00"}', '23514', 'preferences_all_day_time_check');
select pg_temp.refuses('{"default_reminders": {}}', 'YA006', 'default_reminders');
select pg_temp.refuses('{"default_reminders": ["yesterday"]}', 'YA006', 'default_reminders/0/offset');
select pg_temp.refuses('{"default_reminders": [{"at": "2025-01-01T00:00:00Z"}]}', 'YA006', 'default_reminders/0/at');
select pg_temp.refuses('{"quiet_start": "22:00"}', '23514', 'preferences_quiet_check');
select pg_temp.refuses('{"quiet_start": "22:00", "quiet_end": "22:00"}', '23514', 'preferences_quiet_check');
select pg_temp.refuses('{"quiet_days": ["XX"]}', '23514', 'preferences_quiet_days_check');
select pg_temp.refuses('{"quiet_policy": "shout"}', '23514', 'preferences_quiet_policy_check');
select pg_temp.refuses('{"quiet_break_priority": 4}', '23514', 'preferences_quiet_break_priority_check');
select pg_temp.refuses(format('{"paused_until": "%s"}', t), 'YA005', 'paused_until') from unnest('{next year,tomorrow,infinity,-infinity,2025-02-30T00:00:00Z}'::text[]) t;
select pg_temp.refuses('{"paused_until": 7}', 'YA006', 'paused_until');
select is(agenda.preferences_json(agenda.set_preferences('{"paused_until": "2025-07-01T09:00", "timezone": "Asia/Tokyo"}'))->>'paused_until', '2025-07-01T00:00:00Z', 'a time without an offset is in the user''s zone');
select agenda.set_preferences('{"paused_until": null, "timezone": null}');
select pg_temp.refuses(jsonb_build_object(x.m, y.value)::text, '23514', format('preferences_%s_check', x.m))
  from (values ('enabled_types', 'due'), ('digest_types', 'due'), ('quiet_days', 'MO'), ('digest_days', 'MO'), ('workdays', 'MO')) x (m, v),
       lateral (values (to_jsonb(array_fill(v, '{8}'))), (jsonb_build_array(jsonb_build_array(v)))) y (value);
select lives_ok($$select agenda.set_preferences('{"enabled_types": [], "digest_types": [], "quiet_days": [], "workdays": []}')$$, 'most of them may be empty');
select agenda.set_preferences('{"enabled_types": null, "digest_types": null, "quiet_days": null, "workdays": null}');
select pg_temp.refuses(jsonb_build_object('locale', 'en' || repeat('-x', 17))::text, '23514', 'preferences_locale_check');
select throws_ok($$update agenda.preferences set paused_until = '-infinity'$$, '23514', null, 'and so is a pause without a time');
select pg_temp.refuses('{"digest_days": []}', '23514', 'preferences_digest_days_check');
select pg_temp.refuses('{"digest_types": ["digest"]}', '23514', 'preferences_digest_types_check');
select pg_temp.refuses('{"workdays": ["Monday"]}', '23514', 'preferences_workdays_check');
select pg_temp.refuses('{"week_start": "XX"}', '23514', 'preferences_week_start_check');
select pg_temp.refuses('{"locale": "; drop table"}', '23514', 'preferences_locale_check');
select pg_temp.refuses('[]', 'YA006', '');
select throws_ok($$select agenda.set_preferences(null)$$, 'YA006', null, 'null is no patch');
select throws_ok($$update agenda.preferences set timezone = 'Mars/Olympus'$$, 'YA004', null, 'plain SQL is held to the same');
select throws_ok($$update agenda.preferences set version = 99$$, '42501', null, 'and cannot write what is the engine''s');

-- ---- workdays and holidays ----
select is(agenda.is_workday('2025-03-10'), true, 'Monday');
select is(agenda.is_workday('2025-03-15'), false, 'Saturday');
select is((agenda.set_holiday('2025-03-10', label => 'My day')).label, 'My day', 'a day off');
select is((agenda.set_holiday('2025-03-10', label => 'Mine')).label, 'Mine', 'set twice is set once');
select is(agenda.is_workday('2025-03-10'), false, 'without any choice one''s own day off is one');
select is(agenda.is_workday('2025-03-10', 'own'), false, 'as if it were asked for');
select agenda.set_holiday('2025-03-17', 'bank');
select is(agenda.is_workday('2025-03-17'), true, 'a calendar that is not chosen does not count');
select agenda.set_preferences('{"holiday_calendar": "bank"}');
select is(agenda.is_workday('2025-03-17') or not agenda.is_workday('2025-03-10'), false, 'but for the one that is chosen none does');
select agenda.remove_holiday('2025-03-17', 'bank');
select agenda.set_preferences('{"holiday_calendar": "own", "workdays": ["MO", "SA"]}');
select is(agenda.is_workday('2025-03-10'), false, 'one that is chosen does');
select is(agenda.is_workday('2025-03-15'), true, 'workdays are what one says');
select is((select count(*) from agenda.list_holidays('2025-03-10', '2025-03-10')), 1::bigint, 'both ends are included');
select throws_ok($$insert into agenda.holidays (user_id, calendar, day) values (null, 'DE', '2025-10-03')$$, '42501', null, 'nobody writes into what is shared');
reset role;
set local role agenda_service;
insert into agenda.holidays (user_id, calendar, day, label) values (null, 'DE', '2025-10-03', 'Unity');
reset role;
set local role t_app;
select agenda.act_as('bbbbbbbb-0000-4000-8000-000000000002');
select is((select array_agg(label) from agenda.list_holidays()), '{Unity}', 'another user sees what is shared, and nothing else');
select is(agenda.is_workday('2025-10-03', 'DE'), false, 'and can use it');
select is(agenda.is_workday('2025-03-10', 'own'), true, 'calendars of the same name are each user''s own');
select is((select count(*) from agenda.preferences), 0::bigint, 'preferences of others are not seen');
with d as (delete from agenda.holidays returning 1) select is(count(*), 0::bigint, 'nor can shared days be taken away') from d;
select is(agenda.remove_holiday('2025-10-03', 'DE'), false, 'by any way');
select throws_ok($$select agenda.set_holiday('2025-01-01', '')$$, '23514', null, 'a calendar without a name');
select throws_ok($$select agenda.set_holiday('infinity')$$, '23514', null, 'a day that is none');
select agenda.act_as(null);
select throws_ok($$select agenda.get_preferences()$$, 'YA009', null, 'nobody has no preferences');
select throws_ok($$select agenda.is_workday('2025-01-01')$$, 'YA009', null, 'nor workdays');
reset role;

-- ---- another zone ----
select agenda.act_as('cccccccc-0000-4000-8000-000000000003');
create temp table r as select id as task_id, (agenda.add_reminder(id, at => '2025-03-12T08:00')).id from agenda.create_task('Floating', due => '2025-03-12T12:00:00Z');
select agenda.set_preferences('{"timezone": "America/New_York"}');
select is((select fire_at from agenda.reminders x, r where x.id = r.id), '2025-03-12 12:00+00'::timestamptz, 'a reminder at a wall-clock time follows its owner');
select is((select fire_at from agenda.timers x, r where x.entity_id = r.id), '2025-03-12 12:00+00'::timestamptz, 'with its timer');
select is((select count(*) from agenda.fsck()), 0::bigint, 'everything is consistent');
select * from finish();
rollback;
