-- ---- triggers ----------------------------------------------------------------------------------
-- Plain INSERT, UPDATE, DELETE and COPY count like the functions.  A restored row was counted when it
-- was written first.

-- whoever restores too: a foreign key rests on it
create trigger user_before before delete or update of id on agenda.users
    for each row execute function agenda._user_before();

create trigger preferences_before before insert or update on agenda.preferences
    for each row when (not agenda._restoring()) execute function agenda._preferences_before();
create trigger preferences_after after insert or update on agenda.preferences
    for each row when (not agenda._restoring()) execute function agenda._preferences_after();

-- all that are touched at once; an update may take a day out of one calendar into another
create trigger holidays_made after insert on agenda.holidays
    referencing new table as changed
    for each statement when (not agenda._restoring()) execute function agenda._holidays_changed();
create trigger holidays_changed_from after update on agenda.holidays
    referencing old table as changed
    for each statement when (not agenda._restoring()) execute function agenda._holidays_changed();
create trigger holidays_changed_to after update on agenda.holidays
    referencing new table as changed
    for each statement when (not agenda._restoring()) execute function agenda._holidays_changed();
create trigger holidays_gone after delete on agenda.holidays
    referencing old table as changed
    for each statement when (not agenda._restoring()) execute function agenda._holidays_changed();

create trigger override_before before insert or update on agenda.recurrence_overrides
    for each row when (not agenda._restoring()) execute function agenda._override_before();
create trigger override_after after insert or update or delete on agenda.recurrence_overrides
    for each row when (not agenda._restoring()) execute function agenda._override_after();

create trigger recurring_task_before before insert or update on agenda.recurring_tasks
    for each row when (not agenda._restoring()) execute function agenda._recurring_task_before();
create trigger recurring_task_after after insert or update or delete on agenda.recurring_tasks
    for each row when (not agenda._restoring()) execute function agenda._recurring_task_after();

-- without WHEN, which each statement would read anew: the functions ask themselves
create trigger task_before before insert or update on agenda.tasks
    for each row execute function agenda._task_before();
create trigger task_after after insert or update or delete on agenda.tasks
    for each row execute function agenda._task_after();

create trigger task_gone after delete on agenda.tasks
    for each row when (old.announced = 'overdue' and not agenda._restoring()) execute function agenda._task_gone();

create trigger reminder_before before insert on agenda.reminders
    for each row when (not agenda._restoring()) execute function agenda._reminder_before();
create trigger reminder_before_update before update on agenda.reminders
    for each row when (agenda._reminder_differs(old, new) and not agenda._restoring())
    execute function agenda._reminder_before();
create trigger reminder_after after insert or delete on agenda.reminders
    for each row when (not agenda._restoring()) execute function agenda._reminder_after();
-- what the scanner raises it logs itself
create trigger reminder_after_update after update on agenda.reminders
    for each row when (new.last_fired_at is not distinct from old.last_fired_at
                       and (old.fire_at, old.state, old.snoozed_until) is distinct from (new.fire_at, new.state, new.snoozed_until)
                       and not agenda._restoring())
    execute function agenda._reminder_after();

create trigger notifications_made after insert on agenda.notifications
    referencing new table as new_rows
    for each statement when (not agenda._restoring()) execute function agenda._notifications_made();
create trigger notifications_changed after update on agenda.notifications
    referencing old table as old_rows new table as new_rows
    for each statement when (not agenda._restoring()) execute function agenda._notifications_changed();
create trigger notifications_deliver after insert on agenda.notifications
    referencing new table as new_rows
    for each statement when (not agenda._restoring()) execute function agenda._notifications_deliver();
create trigger notifications_released after update on agenda.notifications
    for each row when (old.held_until is not null and new.held_until is null and new.withdrawn_at is null
                       and not new.silent and not agenda._restoring())
    execute function agenda._notification_released();

do $$
declare
    t name;
begin
    foreach t in array '{users,preferences,holidays,recurring_tasks,recurrence_overrides,tasks,ical_uids,reminders,timers,notifications,channels,deliveries,events,idempotency_keys}'::name[] loop
        execute pg_catalog.format('create trigger refuse_truncate before truncate on agenda.%I
                                       for each statement execute function agenda._refuse_truncate()', t);
    end loop;
end
$$;

