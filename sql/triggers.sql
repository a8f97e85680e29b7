-- ---- triggers ----------------------------------------------------------------------------------
-- Plain INSERT, UPDATE, DELETE and COPY count like the functions.  A restored row was counted when it
-- was written first.

create trigger preferences_before before insert or update on agenda.preferences
    for each row when (not agenda._restoring()) execute function agenda._preferences_before();
create trigger preferences_after after insert or update on agenda.preferences
    for each row when (not agenda._restoring()) execute function agenda._preferences_after();

create trigger recurring_task_before before insert or update on agenda.recurring_tasks
    for each row when (not agenda._restoring()) execute function agenda._recurring_task_before();
create trigger recurring_task_after after insert or update or delete on agenda.recurring_tasks
    for each row when (not agenda._restoring()) execute function agenda._recurring_task_after();

create trigger task_before before insert or update on agenda.tasks
    for each row when (not agenda._restoring()) execute function agenda._task_before();
-- after the name of task_before: what that refuses is refused first
create trigger task_status before update on agenda.tasks
    for each row when (old.status is distinct from new.status and not agenda._restoring())
    execute function agenda._task_status();
create trigger task_after after insert or delete on agenda.tasks
    for each row when (not agenda._restoring()) execute function agenda._task_after();
-- bookkeeping of the engine changes neither log nor timer
create trigger task_after_update after update on agenda.tasks
    for each row when (agenda._task_differs(old, new) and not agenda._restoring())
    execute function agenda._task_after();

create trigger notification_after after insert or update on agenda.notifications
    for each row when (not agenda._restoring()) execute function agenda._notification_after();

do $$
declare
    t name;
begin
    foreach t in array '{users,preferences,recurring_tasks,tasks,timers,notifications,events}'::name[] loop
        execute pg_catalog.format('create trigger refuse_truncate before truncate on agenda.%I
                                       for each statement execute function agenda._refuse_truncate()', t);
    end loop;
end
$$;

