-- ---- iCalendar ---------------------------------------------------------------------------------
-- Names that other programs have given to things.  What is ours alone goes by its id.

create table agenda.ical_uids (
    user_id           uuid not null,
    uid               text not null check (octet_length(uid) between 1 and 1000),
    task_id           uuid,
    recurring_task_id uuid,
    primary key (user_id, uid),
    unique (user_id, task_id),
    unique (user_id, recurring_task_id),
    foreign key (user_id, task_id) references agenda.tasks on delete cascade,
    foreign key (user_id, recurring_task_id) references agenda.recurring_tasks on delete cascade,
    check ((task_id is null) <> (recurring_task_id is null))
);
comment on table agenda.ical_uids is 'UIDs of tasks and series that import_ical() has made; export_ical() gives them back';
