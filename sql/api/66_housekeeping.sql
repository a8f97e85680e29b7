-- ---- housekeeping by pg_cron -------------------------------------------------------------------
-- The scanner keeps the log by itself, about hourly; pg_cron does it at times that an operator chooses.  It lives in
-- one database of the cluster and can run things in the others, so the job is made where pg_cron is.

create or replace function agenda.housekeep() returns void
    language plpgsql volatile as
$$
begin
    perform agenda._keep_log(clock_timestamp());
end
$$;
comment on function agenda.housekeep() is 'operator: partitions of the log are made, closed and dropped, old notifications archived, answers of repeated requests forgotten; the scanner does it about hourly';

create or replace function agenda._job_name(p_database name) returns text
    language sql immutable
    return 'pg_agenda housekeeping of ' || p_database;
comment on function agenda._job_name(name) is 'internal: the name under which pg_cron knows our job';

create or replace function agenda._require_cron(p_statement text) returns void
    language plpgsql stable as
$$
declare
    v_home constant pg_catalog.text := current_setting('cron.database_name', true);
begin
    if to_regnamespace('cron') is not null and exists (select from pg_extension e where e.extname = 'pg_cron') then
        return;
    end if;
    raise exception using errcode = 'YA007', message = 'pg_cron is not installed in this database',
        detail = case when v_home is null then 'The server does not load pg_cron.' else format('pg_cron is in database "%s".', v_home) end,
        hint = case when v_home is null then 'Without it the scanner keeps the log, about hourly.' else format('Run there: %s', p_statement) end;
end
$$;
comment on function agenda._require_cron(text) is 'internal: raises YA007 where pg_cron is not, and says what to run where it is';

create or replace function agenda.schedule_housekeeping(schedule text default '17 * * * *', database name default current_database()) returns bigint
    language plpgsql volatile as
$$
declare
    v_job bigint;
begin
    perform agenda._require_cron(format('select cron.schedule_in_database(%L, %L, %L, %L)',
        agenda._job_name(database), schedule, 'select agenda.housekeep()', database));
    execute 'select cron.schedule_in_database($1, $2, $3, $4)' into v_job
      using agenda._job_name(database), schedule, 'select agenda.housekeep()', database::text;
    return v_job;
end
$$;
comment on function agenda.schedule_housekeeping(text, name) is 'operator: lets pg_cron run housekeep() in a database; returns the number of its job';

create or replace function agenda.unschedule_housekeeping(database name default current_database()) returns boolean
    language plpgsql volatile as
$$
declare
    v_known boolean;
begin
    perform agenda._require_cron(format('select cron.unschedule(%L)', agenda._job_name(database)));
    execute 'select exists (select from cron.job j where j.jobname = $1)' into v_known using agenda._job_name(database);
    if v_known then
        execute 'select cron.unschedule($1)' using agenda._job_name(database);
    end if;
    return v_known;
end
$$;
comment on function agenda.unschedule_housekeeping(name) is 'operator: takes that job from pg_cron; false if there was none';
