-- Dates and times as people and programs send them.
begin;
set local search_path = public;
set local timezone = 'Asia/Tokyo';
set local datestyle = 'SQL, DMY';
select plan(30);

create function pg_temp.t(p text, z text default 'UTC') returns text language sql as $$select agenda.utc(agenda._parse_time(p, z, 'due_date'))$$;

select is(pg_temp.t('2025-01-08T09:00:00Z'), '2025-01-08T09:00:00Z', 'RFC 3339');
select is(pg_temp.t('2025-01-08t09:00:00z'), '2025-01-08T09:00:00Z', 'in lower case');
select is(pg_temp.t('2025-01-08 09:00:00+01:00'), '2025-01-08T08:00:00Z', 'with a blank and an offset');
select is(pg_temp.t('2025-01-08 09:00 +0130'), '2025-01-08T07:30:00Z', 'an offset without colon');
select is(pg_temp.t('2025-01-08 09:00-05'), '2025-01-08T14:00:00Z', 'an offset of hours');
select is(pg_temp.t('2025-01-08T09:00:00.123456789Z'), '2025-01-08T09:00:00.123456Z', 'a fraction, cut to microseconds');
select is(pg_temp.t('2025-01-08T09:00:00,5Z'), '2025-01-08T09:00:00.500000Z', 'a fraction after a comma');
select is(pg_temp.t('2025-06-30T23:59:60Z'), '2025-07-01T00:00:00Z', 'a leap second');
select is(pg_temp.t('2025-01-08'), '2025-01-08T00:00:00Z', 'a date is its midnight');
select is(pg_temp.t('  2025-01-08 '), '2025-01-08T00:00:00Z', 'blanks around it');
select is(pg_temp.t('2025-07-01T09:00', 'Europe/Berlin'), '2025-07-01T07:00:00Z', 'without an offset it is local');
select is(pg_temp.t('2025-07-01T09:00Z', 'Europe/Berlin'), '2025-07-01T09:00:00Z', 'an offset beats the zone');
select is(pg_temp.t('2025-03-30T02:30', 'Europe/Berlin'), '2025-03-30T01:30:00Z', 'in a gap');
select is(pg_temp.t('2025-10-26T02:30', 'Europe/Berlin'), '2025-10-26T00:30:00Z', 'a doubled time');
select is(pg_temp.t('2024-02-29'), '2024-02-29T00:00:00Z', 'a leap day');
select is(pg_temp.t('0001-01-01T00:00:00Z'), '0001-01-01T00:00:00Z', 'the first day');
select is(pg_temp.t('9999-12-31T23:59:59Z'), '9999-12-31T23:59:59Z', 'the last second');
select is(pg_temp.t(null), null, 'nothing is nothing');

select throws_ok(format('select pg_temp.t(%L)', bad), 'YA005', null, 'refused: ' || bad)
  from unnest('{2025-02-29,2025-13-01,2025-00-10,0000-01-01,2025-01-08T24:00Z,2025-01-08T09:60Z,2025-01-08T09:00+16:00,2025-01-08T09:00:00.Z,2025-1-8,08/01/2025,now}'::text[]) bad;
select throws_ok($$select pg_temp.t('2025-01-08', 'Mars/Olympus')$$, 'YA004', null, 'an unknown zone');

select * from finish();
rollback;
