-- 10_rrule_forbidden.sql - everything of which RFC 5545 section 3.3.10 says MUST NOT (or MUST only) is refused, at its place, with the section.
begin;
set local search_path = public, agenda;
select plan(77);

-- a rule and the part that is refused, marked by a "!" before it: where that is, by the section that the hint names
create function pg_temp.refusal(marked text) returns text language plpgsql as $$
declare
    d text;
    h text;
begin
    return 'taken as ' || replace(marked, '!', '')::agenda.rrule;
exception when sqlstate 'YA003' then
    get stacked diagnostics d = pg_exception_detail, h = pg_exception_hint;
    return format('at %s by %s', substring(d from 'At position (\d+)'), substring(h from 'See (.*)\.$'));
end$$;
create function pg_temp.expected(marked text) returns text language sql as
    $$select format('at %s by RFC 5545 section 3.3.10', strpos(marked, '!'))$$;

-- ---- "MUST NOT be specified more than once": FREQ, and each of the others ----
select is(pg_temp.refusal(rule), pg_temp.expected(rule), 'twice: ' || part)
  from unnest('{INTERVAL=2,COUNT=2,UNTIL=20270101,WKST=SU,BYMONTH=1,BYWEEKNO=2,BYYEARDAY=3,BYMONTHDAY=4,BYDAY=MO,BYHOUR=5,BYMINUTE=6,BYSECOND=7,BYSETPOS=1}'::text[]) part,
       format('FREQ=YEARLY;%s;!%s', part, part) rule;
select is(pg_temp.refusal('FREQ=DAILY;!FREQ=DAILY'), pg_temp.expected('FREQ=DAILY;!FREQ=DAILY'), 'FREQ twice');

-- ---- UNTIL and COUNT "MUST NOT occur in the same recur" ----
select is(pg_temp.refusal(rule), pg_temp.expected(rule), 'both: ' || rule)
  from unnest('{FREQ=DAILY;COUNT=2;!UNTIL=20270101,UNTIL=20270101T000000Z;FREQ=DAILY;!COUNT=1}'::text[]) rule;

-- ---- BYDAY "MUST NOT be specified with a numeric value when FREQ is not set to MONTHLY or YEARLY" ----
select is(pg_temp.refusal(rule), pg_temp.expected(rule), 'a number: ' || rule)
  from unnest('{WEEKLY,DAILY,HOURLY,MINUTELY,SECONDLY}'::text[]) freq, unnest('{1MO,-1FR,+2SU}'::text[]) day,
       format('FREQ=%s;BYDAY=TU,!%s', freq, day) rule;
select lives_ok(format('select %L::agenda.rrule', 'FREQ=' || freq || ';BYDAY=TU,-1FR'), 'a number is for ' || freq)
  from unnest('{MONTHLY,YEARLY}'::text[]) freq;

-- ---- nor "with FREQ=YEARLY when the BYWEEKNO rule part is specified" ----
select is(pg_temp.refusal(rule), pg_temp.expected(rule), 'a number in weeks: ' || rule)
  from unnest('{FREQ=YEARLY;BYWEEKNO=20;BYDAY=!1MO,"FREQ=YEARLY;BYDAY=MO,!-1MO;BYWEEKNO=-1"}'::text[]) rule;

-- ---- BYMONTHDAY not with WEEKLY, BYYEARDAY not with DAILY to MONTHLY, BYWEEKNO with YEARLY alone ----
select is(pg_temp.refusal(rule), pg_temp.expected(rule), 'not with it: ' || rule)
  from (values ('BYMONTHDAY=1', '{WEEKLY}'::text[]), ('BYYEARDAY=-1', '{DAILY,WEEKLY,MONTHLY}'),
        ('BYWEEKNO=20', '{SECONDLY,MINUTELY,HOURLY,DAILY,WEEKLY,MONTHLY}')) p (part, freqs),
       unnest(freqs) freq, unnest(array['FREQ=' || freq || ';!' || part, '!' || part || ';FREQ=' || freq]) rule;
select lives_ok(format('select %L::agenda.rrule', 'FREQ=' || freq || ';' || part), part || ' is for ' || freq)
  from (values ('BYMONTHDAY=1', '{SECONDLY,MINUTELY,HOURLY,DAILY,MONTHLY,YEARLY}'::text[]), ('BYYEARDAY=-1', '{SECONDLY,MINUTELY,HOURLY,YEARLY}'),
        ('BYWEEKNO=20', '{YEARLY}')) p (part, freqs), unnest(freqs) freq;

-- ---- BYSETPOS "MUST only be used in conjunction with another BYxxx rule part" ----
select is(pg_temp.refusal(rule), pg_temp.expected(rule), 'alone: ' || rule)
  from unnest('{SECONDLY,MINUTELY,HOURLY,DAILY,WEEKLY,MONTHLY,YEARLY}'::text[]) freq, format('FREQ=%s;INTERVAL=2;!BYSETPOS=-1;WKST=SU', freq) rule;

-- ---- BYHOUR, BYMINUTE and BYSECOND of dates "MUST be ignored" ----
select is(array(select agenda.first_dates(('FREQ=DAILY;' || part)::agenda.rrule, '2026-01-01', 2)), '{2026-01-01,2026-01-02}'::date[], 'ignored: ' || part)
  from unnest('{"BYHOUR=9,17","BYMINUTE=0,30","BYSECOND=1,2","BYHOUR=1,2;BYMINUTE=3,4;BYSECOND=5,6"}'::text[]) part;

select * from finish();
rollback;
