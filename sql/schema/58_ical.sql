-- ---- iCalendar ---------------------------------------------------------------------------------
-- Names that other programs have given to things.  What is ours alone goes by its id.

create table agenda.ical_uids (
    user_id           uuid not null,
    uid               text not null check (octet_length(uid) between 1 and 1000),
    recurrence_id     text not null default '' check (octet_length(recurrence_id) <= 200),
    task_id           uuid,
    recurring_task_id uuid,
    primary key (user_id, uid, recurrence_id),
    unique (user_id, task_id),
    unique (user_id, recurring_task_id),
    foreign key (user_id, task_id) references agenda.tasks on delete cascade,
    foreign key (user_id, recurring_task_id) references agenda.recurring_tasks on delete cascade,
    check ((task_id is null) <> (recurring_task_id is null)),
    check (recurrence_id = '' or task_id is not null)
);
comment on table agenda.ical_uids is 'UIDs of tasks and series that import_ical() has made; export_ical() gives them back';
comment on column agenda.ical_uids.recurrence_id is 'of an occurrence that came without its series, what follows the name RECURRENCE-ID';
