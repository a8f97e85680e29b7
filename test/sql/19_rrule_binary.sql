-- 19_rrule_binary.sql - the binary form of rules: COPY BINARY there and back, and bytes that are no rule.
begin;
set local search_path = public;
select plan(16);

create table rules (r agenda.rrule);
create function pg_temp.file() returns text language sql as $$
    select current_setting('data_directory') || '/rrule_binary.test'$$;

-- a file of COPY BINARY: header, then rows of one field each, then the end
create function pg_temp.row_of(field bytea) returns bytea language sql as
    $$select '\x0001'::bytea || int4send(length(field)) || field$$;
create function pg_temp.copy_of(rows bytea) returns bytea language sql as
    $$select 'PGCOPY\012\377\015\012\000'::bytea || int4send(0) || int4send(0) || rows || '\xffff'::bytea$$;
create function pg_temp.copy_from(content bytea) returns text language plpgsql as $$
declare
    v_object oid := lo_from_bytea(0, content);
begin
    perform lo_export(v_object, pg_temp.file());
    perform lo_unlink(v_object);
    delete from rules;
    execute format('copy rules from %L (format binary)', pg_temp.file());
    return (select string_agg(r::text, ' ') from rules);
end$$;
create function pg_temp.receive(field bytea) returns text language sql as
    $$select pg_temp.copy_from(pg_temp.copy_of(pg_temp.row_of(field)))$$;

-- ---- there and back ----
insert into rules select r from unnest('{daily,monthly,FREQ=HOURLY;INTERVAL=2;BYHOUR=1}'::agenda.rrule[]) r;
insert into rules values ('FREQ=YEARLY;BYYEARDAY=' || (select string_agg(i::text, ',') from generate_series(1, 366) i)), (null);
create temp table before as select * from rules;
do $$ begin execute format('copy rules to %L (format binary)', pg_temp.file()); end $$;
truncate rules;
do $$ begin execute format('copy rules from %L (format binary)', pg_temp.file()); end $$;
select bag_eq('select * from rules', 'select * from before', 'COPY BINARY there and back');
select is((select count(*) from rules), 5::bigint, 'every row');
select is(pg_temp.receive(agenda.rrule_send('FREQ=WEEKLY;BYDAY=MO')), 'FREQ=WEEKLY;BYDAY=MO', 'what send wrote');
select is(pg_temp.receive('\x01'::bytea || ' rrule:byday=mo;freq=weekly; '), 'FREQ=WEEKLY;BYDAY=MO', 'as lenient as the text form, and canonical after it');

-- ---- malformed ----
select throws_ok($$select pg_temp.receive('')$$, '08P01', null, 'an empty value');
select throws_ok($$select pg_temp.receive('\x01')$$, 'YA003', null, 'a version byte alone');
select throws_ok($$select pg_temp.receive('\x00' || 'FREQ=DAILY'::bytea)$$, '22P03', 'unsupported version 0 of a binary recurrence rule', 'version 0');
select throws_ok($$select pg_temp.receive('\x02' || 'FREQ=DAILY'::bytea)$$, '22P03', 'unsupported version 2 of a binary recurrence rule', 'a later version');
select throws_ok($$select pg_temp.receive('FREQ=DAILY')$$, '22P03', 'unsupported version 70 of a binary recurrence rule', 'no version');
select throws_ok($$select pg_temp.receive('\x01' || 'FREQ=DAI'::bytea)$$, 'YA003', 'invalid recurrence rule: "FREQ=DAI"', 'a truncated rule');
select throws_ok($$select pg_temp.receive('\x01' || 'FREQ=DAILY'::bytea || '\x00')$$, '22021', null, 'a zero byte');
select throws_ok($$select pg_temp.receive('\x01ff80fe')$$, '22021', null, 'bytes that are no text');
select throws_ok($$select pg_temp.receive('\x01' || 'FREQ=DAILY;COUNT=1;UNTIL=20260101'::bytea)$$, 'YA003', null, 'a rule that the RFC forbids');
select throws_ok($$select pg_temp.receive('\x01'::bytea || convert_to(repeat(';', 1000000), 'UTF8'))$$, 'YA003', null, 'a megabyte of nothing');
select throws_ok($$select pg_temp.copy_from(substr(pg_temp.copy_of(pg_temp.row_of(agenda.rrule_send('daily'))), 1, 30))$$, '22P04', null, 'a truncated file');
select is((select count(*) from rules), 1::bigint, 'nothing of these came in');

select * from finish();
rollback;
