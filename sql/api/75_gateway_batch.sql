-- ---- many operations in one request ----------------------------------------------------------------
-- The gateway has routed each operation; here it is called by its name out of this list, which is the only way from
-- a request to a function.  One transaction holds all of them: each has its own savepoint, or all fail with one.

create or replace function agenda._gw_call(
        p_user uuid, p_request_id text, p_traceparent text, p_call jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile as
$$
declare
    v_id      constant pg_catalog.uuid := (p_call->>'id')::uuid;
    v_body    constant pg_catalog.jsonb := coalesce(p_call->'body', '{}');
    v_query   constant pg_catalog.jsonb := coalesce(p_call->'query', '{}');
    v_version constant bigint := (p_call->>'version')::bigint;
    r         pg_catalog.record;
begin
    case p_call->>'function'
        when 'gw_list_tasks' then r := agenda.gw_list_tasks(p_user, p_request_id, p_traceparent, v_query);
        when 'gw_get_task' then r := agenda.gw_get_task(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_create_task' then r := agenda.gw_create_task(p_user, p_request_id, p_traceparent, v_body);
        when 'gw_update_task' then r := agenda.gw_update_task(p_user, p_request_id, p_traceparent, v_id, v_body, v_version);
        when 'gw_delete_task' then r := agenda.gw_delete_task(p_user, p_request_id, p_traceparent, v_id, v_version);
        when 'gw_complete_task' then r := agenda.gw_complete_task(p_user, p_request_id, p_traceparent, v_id, v_version);
        when 'gw_skip_task' then r := agenda.gw_skip_task(p_user, p_request_id, p_traceparent, v_id, v_version);
        when 'gw_cancel_task' then r := agenda.gw_cancel_task(p_user, p_request_id, p_traceparent, v_id, v_version);
        when 'gw_reopen_task' then r := agenda.gw_reopen_task(p_user, p_request_id, p_traceparent, v_id, v_version);
        when 'gw_restore_task' then r := agenda.gw_restore_task(p_user, p_request_id, p_traceparent, v_id, v_version);
        when 'gw_undo' then r := agenda.gw_undo(p_user, p_request_id, p_traceparent, v_body);
        when 'gw_get_recurring_task' then r := agenda.gw_get_recurring_task(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_create_recurring_task' then r := agenda.gw_create_recurring_task(p_user, p_request_id, p_traceparent, v_body);
        when 'gw_update_recurring_task' then r := agenda.gw_update_recurring_task(p_user, p_request_id, p_traceparent, v_id, v_body, v_version);
        when 'gw_delete_recurring_task' then r := agenda.gw_delete_recurring_task(p_user, p_request_id, p_traceparent, v_id, v_version);
        when 'gw_pause_recurring_task' then r := agenda.gw_pause_recurring_task(p_user, p_request_id, p_traceparent, v_id, v_body, v_version);
        when 'gw_resume_recurring_task' then r := agenda.gw_resume_recurring_task(p_user, p_request_id, p_traceparent, v_id, v_version);
        when 'gw_snooze_task' then r := agenda.gw_snooze_task(p_user, p_request_id, p_traceparent, v_id, v_body);
        when 'gw_list_reminders' then r := agenda.gw_list_reminders(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_add_reminder' then r := agenda.gw_add_reminder(p_user, p_request_id, p_traceparent, v_id, v_body);
        when 'gw_clear_reminders' then r := agenda.gw_clear_reminders(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_get_reminder' then r := agenda.gw_get_reminder(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_update_reminder' then r := agenda.gw_update_reminder(p_user, p_request_id, p_traceparent, v_id, v_body);
        when 'gw_delete_reminder' then r := agenda.gw_delete_reminder(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_snooze_reminder' then r := agenda.gw_snooze_reminder(p_user, p_request_id, p_traceparent, v_id, v_body);
        when 'gw_restore_recurring_task' then r := agenda.gw_restore_recurring_task(p_user, p_request_id, p_traceparent, v_id, v_version);
        when 'gw_add_occurrence' then r := agenda.gw_add_occurrence(p_user, p_request_id, p_traceparent, v_id, v_body);
        when 'gw_patch_occurrence' then r := agenda.gw_patch_occurrence(p_user, p_request_id, p_traceparent, v_id, v_body);
        when 'gw_skip_occurrence' then r := agenda.gw_skip_occurrence(p_user, p_request_id, p_traceparent, v_id, v_body);
        when 'gw_complete_occurrence' then r := agenda.gw_complete_occurrence(p_user, p_request_id, p_traceparent, v_id, v_body);
        when 'gw_trigger_recurring_task' then r := agenda.gw_trigger_recurring_task(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_list_channels' then r := agenda.gw_list_channels(p_user, p_request_id, p_traceparent);
        when 'gw_add_channel' then r := agenda.gw_add_channel(p_user, p_request_id, p_traceparent, v_body);
        when 'gw_get_channel' then r := agenda.gw_get_channel(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_update_channel' then r := agenda.gw_update_channel(p_user, p_request_id, p_traceparent, v_id, v_body);
        when 'gw_delete_channel' then r := agenda.gw_delete_channel(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_confirm_channel' then r := agenda.gw_confirm_channel(p_user, p_request_id, p_traceparent, v_id, v_body);
        when 'gw_test_channel' then r := agenda.gw_test_channel(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_rotate_channel_secret' then r := agenda.gw_rotate_channel_secret(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_list_deliveries' then r := agenda.gw_list_deliveries(p_user, p_request_id, p_traceparent, v_query);
        when 'gw_retry_delivery' then r := agenda.gw_retry_delivery(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_snooze_notification' then r := agenda.gw_snooze_notification(p_user, p_request_id, p_traceparent, v_id, v_body);
        when 'gw_mark_read' then r := agenda.gw_mark_read(p_user, p_request_id, p_traceparent, v_id);
        when 'gw_mark_all_read' then r := agenda.gw_mark_all_read(p_user, p_request_id, p_traceparent);
        when 'gw_clear_notifications' then r := agenda.gw_clear_notifications(p_user, p_request_id, p_traceparent);
        when 'gw_list_holidays' then r := agenda.gw_list_holidays(p_user, p_request_id, p_traceparent, v_query);
        when 'gw_set_holiday' then r := agenda.gw_set_holiday(p_user, p_request_id, p_traceparent, v_body);
        when 'gw_remove_holiday' then r := agenda.gw_remove_holiday(p_user, p_request_id, p_traceparent, v_query);
        when 'gw_set_preferences' then r := agenda.gw_set_preferences(p_user, p_request_id, p_traceparent, v_body, v_version);
        else
            raise exception using errcode = 'YA006', message = 'this operation cannot be part of a batch';
    end case;
    status := r.status;
    etag := r.etag;
    location := r.location;
    body := r.body;
end
$$;
comment on function agenda._gw_call(uuid, text, text, jsonb) is 'engine: one operation of a batch';

-- An error is data here, which the gateway makes a problem document of.
create or replace function agenda._gw_try(p_user uuid, p_request_id text, p_traceparent text, p_call jsonb) returns jsonb
    language plpgsql volatile as
$$
declare
    r         pg_catalog.record;
    v_detail  pg_catalog.text;
    v_column  pg_catalog.text;
    v_check   pg_catalog.text;
    v_hint    pg_catalog.text;
begin
    r := agenda._gw_call(p_user, p_request_id, p_traceparent, p_call);
    return jsonb_build_object('status', r.status, 'etag', r.etag, 'location', r.location, 'body', r.body::jsonb);
exception
    -- what another try can cure is the whole request's business
    when serialization_failure or deadlock_detected or query_canceled or admin_shutdown then
        raise;
    when others then
        get stacked diagnostics v_detail = pg_exception_detail, v_column = column_name,
            v_check = constraint_name, v_hint = pg_exception_hint;
        return jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm, 'detail', nullif(v_detail, ''),
                                  'column', nullif(v_column, ''), 'constraint', nullif(v_check, ''), 'hint', nullif(v_hint, ''));
end
$$;
comment on function agenda._gw_try(uuid, text, text, jsonb) is 'engine: one operation of a batch in a savepoint of its own';

create or replace function agenda.gw_batch(
        p_user uuid, p_request_id text, p_traceparent text, p_body jsonb,
        out status integer, out etag text, out location text, out body text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, agenda, pg_temp as
$$
declare
    v_atomic  constant boolean := (p_body->>'atomic')::boolean;
    v_results jsonb[] := '{}';
    v_result  jsonb;
    v_failed  boolean := false;
    v_call    jsonb;
begin
    begin
        for v_call in select c from jsonb_array_elements(p_body->'operations') with ordinality o(c, n) order by n loop
            v_result := agenda._gw_try(p_user, p_request_id, p_traceparent, v_call);
            v_results := v_results || v_result;
            v_failed := v_result ? 'sqlstate';
            if v_failed and v_atomic then
                -- undoes what came before; only the variables stay
                raise exception using errcode = 'YA022';
            end if;
        end loop;
    exception when sqlstate 'YA022' then
        null;
    end;
    status := 200;
    body := jsonb_build_object('committed', not (v_failed and v_atomic), 'results', to_jsonb(v_results));
end
$$;
comment on function agenda.gw_batch(uuid, text, text, jsonb) is 'gateway: POST /batch';
