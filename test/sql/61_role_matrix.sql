-- Who may do what: the rights of every role on every table, column and function, read from the catalog and
-- held against what is written here.  A right that is new, or gone, fails here until it is written down.
-- S, I, U, D: select, insert, update, delete; a small letter: some columns.
begin;
set local search_path = public;
select plan(16);

create temp table relations as
    select c.oid, c.relname as name, c.relkind as kind, c.relispartition as leaf from pg_class c where c.relnamespace = 'agenda'::regnamespace;
create temp table functions as
    select p.oid, p.proname as name, p.prosecdef as definer, p.oid::regprocedure::text as signature
      from pg_proc p where p.pronamespace = 'agenda'::regnamespace and p.prorettype <> 'trigger'::regtype;
create function pg_temp.rights(p_role name, p_table oid) returns text language sql as
$$select coalesce(string_agg(case when has_table_privilege(p_role, p_table, p) then left(p, 1) else lower(left(p, 1)) end, '' order by n), '-')
    from unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) with ordinality x (p, n)
   where has_table_privilege(p_role, p_table, p)
      or p in ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') and has_any_column_privilege(p_role, p_table, p)$$;
create function pg_temp.columns(p_role name, p_table oid, p_right text) returns text language sql as
$$select string_agg(attname, ' ' order by attname) from pg_attribute
   where attrelid = p_table and attnum > 0 and not attisdropped and has_column_privilege(p_role, p_table, attnum, p_right)$$;
-- functions beyond the calculation, which everybody may call
create function pg_temp.callable(p_role name) returns setof functions language sql as
$$select f from functions f where has_function_privilege(p_role, f.oid, 'execute') and not has_function_privilege('public', f.oid, 'execute')$$;

-- ---- tables ----
select set_eq($$select name::text, pg_temp.rights('agenda_user', oid) as person, pg_temp.rights('agenda_service', oid) as service from relations where kind in ('r', 'p', 'v') and not leaf$$,
$$values
    ('audit_log', 'S', 'S'),
    ('channel_secrets', '-', 'SIUD'),
    ('channel_trials', '-', 'SIUD'),
    ('channels', 'S', 'SIUD'),
    ('dead_letters', '-', 'SIUD'),
    ('deliveries', 'S', 'SIUD'),
    ('events', 'S', 'S'),
    ('holidays', 'SiuD', 'SIUD'),
    ('ical_uids', 'S', 'SIUD'),
    ('idempotency_keys', '-', '-'),
    ('inbox', '-', '-'),
    ('log_leaves', '-', 'SU'),
    ('log_owners', '-', 'SIUD'),
    ('notification_retention', 'S', 'SIUD'),
    ('notifications', 'Su', 'SIUD'),
    ('preferences', 'Siu', 'SIUD'),
    ('recurrence_overrides', 'SiuD', 'SIUD'),
    ('recurring_tasks', 'SiuD', 'SIUD'),
    ('reminders', 'SiuD', 'SIUD'),
    ('replays', '-', '-'),
    ('stream_tickets', '-', '-'),
    ('task_event_log', 'S', 'S'),
    ('tasks', 'SiuD', 'SIUD'),
    ('ticks', '-', 'SI'),
    ('timers', 'S', 'SIUD'),
    ('topic_routes', 'S', 'SIUD'),
    ('topics', 'S', 'SIUD'),
    ('users', 'S', 'SIUD')$$, 'tables: a person, the service');
select is_empty($$select name, pg_temp.rights('agenda_user', oid) from relations where kind in ('r', 'p', 'v')
                  except select name, pg_temp.rights('agenda_app', oid) from relations$$, 'an application has the same rights as a person');
select set_eq($$select name::text, p, pg_temp.columns('agenda_user', oid, p) from relations, unnest('{INSERT,UPDATE}'::text[]) p
                 where kind in ('r', 'p', 'v') and pg_temp.columns('agenda_user', oid, p) is not null$$,
$$values
    ('holidays', 'INSERT', 'calendar day label user_id'),
    ('holidays', 'UPDATE', 'label'),
    ('notifications', 'UPDATE', 'cleared_at read_at'),
    ('preferences', 'INSERT', 'all_day_time catchup_window default_reminders digest_days digest_time digest_types due_soon_window enabled_types holiday_calendar locale notifications_enabled overdue_grace overdue_repeat overdue_repeat_max paused_until quiet_break_priority quiet_days quiet_end quiet_policy quiet_start reminders_enabled timezone user_id week_start workdays'),
    ('preferences', 'UPDATE', 'all_day_time catchup_window default_reminders digest_days digest_time digest_types due_soon_window enabled_types holiday_calendar locale notifications_enabled overdue_grace overdue_repeat overdue_repeat_max paused_until quiet_break_priority quiet_days quiet_end quiet_policy quiet_start reminders_enabled timezone week_start workdays'),
    ('recurrence_overrides', 'INSERT', 'kind occurrence_key patch reason recurring_task_id user_id'),
    ('recurrence_overrides', 'UPDATE', 'kind patch reason'),
    ('recurring_tasks', 'INSERT', 'all_day basis business_shift catchup_window checklist description dst_fold dst_gap end_date holiday_calendar id invalid_day is_active lead_time missed overlap own_reminders priority recurrence_interval recurrence_type resume_at rrule spawn start_date tags timezone title user_id'),
    ('recurring_tasks', 'UPDATE', 'all_day basis business_shift catchup_window checklist deleted_at description dst_fold dst_gap end_date floating holiday_calendar invalid_day is_active lead_time missed overlap own_reminders priority recurrence_interval recurrence_type reminders_set_at resume_at rrule spawn start_date tags timezone title'),
    ('reminders', 'INSERT', 'absolute_local absolute_zone anchor at_time id offset_by recurring_task_id repeat_every repeat_max task_id until_done user_id'),
    ('reminders', 'UPDATE', 'absolute_local absolute_zone anchor at_time offset_by repeat_every repeat_max until_done'),
    ('tasks', 'INSERT', 'checklist description due_date due_kind due_local id priority recurrence_rule status tags timezone title user_id'),
    ('tasks', 'UPDATE', 'checklist deleted_at description due_date due_kind due_local own_reminders priority recurrence_rule status tags timezone title')$$, 'columns that a person may write');
select is_empty($$select name, p from relations, unnest('{INSERT,UPDATE}'::text[]) p where kind in ('r', 'p', 'v')
                     and pg_temp.columns('agenda_user', oid, p) is distinct from pg_temp.columns('agenda_app', oid, p)$$, 'and an application');
select is_empty($$select r, name from relations, unnest('{agenda_gateway,agenda_monitor,public}'::name[]) r
                   where kind in ('r', 'p', 'v') and pg_temp.rights(r, oid) <> '-'$$, 'gateway, monitoring and the public have none');
select set_eq($$select distinct pg_temp.rights('agenda_user', oid) as person, pg_temp.rights('agenda_service', oid) as service from relations where leaf and kind = 'r'$$,
              $$values ('-', 'S')$$, 'partitions of the log are read by the service alone, others read the whole');
select set_eq($$select r.rolname::text as role, s.name::text as sequence from relations s, pg_roles r
                 where s.kind = 'S' and r.rolname in ('agenda_app', 'agenda_user', 'agenda_gateway', 'agenda_monitor', 'agenda_service')
                   and (has_sequence_privilege(r.rolname, s.oid, 'usage') or has_sequence_privilege(r.rolname, s.oid, 'select') or has_sequence_privilege(r.rolname, s.oid, 'update'))$$,
              $$values ('agenda_service', 'events_seq'), ('agenda_service', 'ticks_tick'), ('agenda_service', 'dead_letters_id_seq')$$, 'sequences');

-- ---- functions ----
select is(array(select distinct name::text from functions where has_function_privilege('public', oid, 'execute') order by 1), '{
     current_user_id,describe,first_dates,first_local_occurrences,first_occurrences,first_occurrences_of_set,instant_to_local,is_occurrence,
     local_occurrences,local_to_instant,next_date,next_local_occurrence,next_occurrence,next_occurrence_of_set,now,occurrence_dates,
     occurrences,occurrences_of_set,parse_recurrence,previous_date,previous_local_occurrence,previous_occurrence,previous_occurrence_of_set,
     recurrence_interval,recurrence_type,rrule_cmp,rrule_eq,rrule_from,rrule_from_json,rrule_ge,rrule_gt,rrule_hash,rrule_hash_extended,
     rrule_in,rrule_le,rrule_lt,rrule_ne,rrule_out,rrule_recv,rrule_send,rrule_support,rrule_to_json,rrule_word,timezone_known,utc,version}'::text[], 'everybody calculates');
select is_empty($$select signature from functions where definer and has_function_privilege('public', oid, 'execute')$$, 'which takes nobody''s rights');
select is(array(select distinct name::text from pg_temp.callable('agenda_user') where name !~ '^_' order by 1), '{
     acknowledge,add_channel,add_occurrence,add_reminder,backfill_recurring_task,calculate_next_due_at,calculate_next_due_date,calendar,
     cancel_task,clear_notifications,complete_occurrence,complete_recurring_task,complete_task,confirm_channel,count_audit,count_notifications,
     count_recurring_tasks,count_tasks,create_recurring_task,create_task,delete_channel,delete_recurring_task,delete_reminder,delete_task,
     due_state,export_ical,forecast_notifications,get_preferences,get_recurring_task,get_reminder,get_task,import_ical,is_workday,list_audit,
     list_channels,list_deliveries,list_holidays,list_notifications,list_recurring_tasks,list_reminders,list_tasks,mark_all_read,mark_read,
     notification_json,patch_occurrence,pause_recurring_task,post_restore,pre_restore,preferences_json,preview_recurring_task,
     recurring_task_json,reminder_json,remove_holiday,reopen_task,reschedule_task,restore_recurring_task,restore_task,resume_recurring_task,
     retry_delivery,rotate_channel_secret,set_holiday,set_preferences,set_reminders,set_series_reminders,skip_occurrence,skip_task,snooze,
     snooze_notification,snooze_reminder,task_as_of,task_history,task_json,test_channel,trigger_recurring_task,undo,unread_count,
     update_channel,update_recurring_task,update_reminder,update_task,uuid7,why_not_notified,why_notified}'::text[], 'a person');
select set_eq($$select signature from pg_temp.callable('agenda_app') except select signature from pg_temp.callable('agenda_user')$$,
              $$values ('agenda.act_as(uuid)'), ('agenda.user_id_of(text)'), ('agenda.health()'), ('agenda.log_position()'), ('agenda.emit(text,text,jsonb,text,jsonb)'), ('agenda.log_action(text,text,uuid,jsonb,jsonb)')$$, 'an application, besides');
select is_empty($$select signature from pg_temp.callable('agenda_user') except select signature from pg_temp.callable('agenda_app')$$, 'and nothing less');
select is(array(select distinct name::text from pg_temp.callable('agenda_user') where definer and name ~ '^_' order by 1), '{
     _acknowledge,_change_series,_complete_at,_ical_join,_ical_note,_make_occurrence,_snooze_task,_split_series}'::text[], 'what a person''s functions do with the owner''s rights: each looks for what is the acting user''s');
select set_eq($$select signature from pg_temp.callable('agenda_monitor')$$, $$values ('agenda.health()'), ('agenda.log_position()'), ('agenda.metrics()')$$, 'monitoring');
select set_eq($$select signature from pg_temp.callable('agenda_gateway')$$, $$select signature from functions where name ~ '^gw_'$$, 'the gateway: its own functions, all of them');
select is_empty($$select signature from functions where not has_function_privilege('agenda_service', oid, 'execute')$$, 'the service: all');

select * from finish();
rollback;
