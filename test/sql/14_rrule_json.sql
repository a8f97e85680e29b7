-- 14_rrule_json.sql - rules as RecurrenceRule objects of JSCalendar (RFC 8984), both ways.
begin;
set local search_path = public, agenda;
select plan(68);

-- what an error says, in one line
create function pg_temp.complaint(object jsonb) returns text language plpgsql as $$
declare
    d text;
    h text;
begin
    return agenda.rrule_from_json(object)::text;
exception when others then
    get stacked diagnostics d = pg_exception_detail, h = pg_exception_hint;
    return sqlstate || ' | ' || sqlerrm || ' | ' || d || case when h <> '' then ' | ' || h else '' end;
end$$;

-- ---- both ways ----
create temporary table pairs (rule text, object jsonb);
insert into pairs values
    ('FREQ=DAILY', '{"@type": "RecurrenceRule", "frequency": "daily"}'),
    ('FREQ=WEEKLY;INTERVAL=2;WKST=SU', '{"@type": "RecurrenceRule", "frequency": "weekly", "interval": 2, "firstDayOfWeek": "su"}'),
    ('FREQ=WEEKLY;BYDAY=MO,FR', '{"@type": "RecurrenceRule", "frequency": "weekly", "byDay": [{"@type": "NDay", "day": "mo"}, {"@type": "NDay", "day": "fr"}]}'),
    ('FREQ=MONTHLY;BYDAY=1MO,-1FR', '{"@type": "RecurrenceRule", "frequency": "monthly",
        "byDay": [{"@type": "NDay", "day": "mo", "nthOfPeriod": 1}, {"@type": "NDay", "day": "fr", "nthOfPeriod": -1}]}'),
    ('monthly', '{"@type": "RecurrenceRule", "frequency": "monthly", "rscale": "gregorian", "skip": "backward"}'),
    ('FREQ=MONTHLY;BYMONTHDAY=1,15,-1', '{"@type": "RecurrenceRule", "frequency": "monthly", "byMonthDay": [1, 15, -1]}'),
    ('FREQ=YEARLY;BYMONTH=1,12', '{"@type": "RecurrenceRule", "frequency": "yearly", "byMonth": ["1", "12"]}'),
    ('FREQ=YEARLY;BYYEARDAY=1,-366', '{"@type": "RecurrenceRule", "frequency": "yearly", "byYearDay": [1, -366]}'),
    ('FREQ=YEARLY;BYWEEKNO=20,-1', '{"@type": "RecurrenceRule", "frequency": "yearly", "byWeekNo": [20, -1]}'),
    ('FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0,30;BYSECOND=0', '{"@type": "RecurrenceRule", "frequency": "daily", "byHour": [9, 17], "byMinute": [0, 30], "bySecond": [0]}'),
    ('FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1,-2', '{"@type": "RecurrenceRule", "frequency": "monthly",
        "byDay": [{"@type": "NDay", "day": "mo"}, {"@type": "NDay", "day": "tu"}], "bySetPosition": [1, -2]}'),
    ('FREQ=DAILY;COUNT=2147483647', '{"@type": "RecurrenceRule", "frequency": "daily", "count": 2147483647}'),
    ('FREQ=DAILY;UNTIL=20251231T090000', '{"@type": "RecurrenceRule", "frequency": "daily", "until": "2025-12-31T09:00:00"}'),
    ('FREQ=DAILY;UNTIL=20251231', '{"@type": "RecurrenceRule", "frequency": "daily", "until": "2025-12-31"}'),
    ('FREQ=DAILY;UNTIL=20251231T090000Z', '{"@type": "RecurrenceRule", "frequency": "daily", "until": "2025-12-31T09:00:00Z"}');
select is(rrule_to_json(rule::rrule), object, 'to an object: ' || rule) from pairs;
select is(rrule_from_json(object), rule::rrule, 'from an object: ' || rule) from pairs;

-- every rule of the conformance vectors that is a rule
\set rules `cut -f4 "$AGENDA_ROOT/test/unit/data/rrule.tsv" | tail -n +2 | sort -u`
create temporary table vectors (rule agenda.rrule);
do $$
begin
    create function pg_temp.read_rule(word text) returns agenda.rrule language plpgsql as $f$
    begin
        return word::agenda.rrule;
    exception when sqlstate 'YA003' then
        return null;
    end$f$;
end$$;
insert into vectors select pg_temp.read_rule(r) from string_to_table(:'rules', e'\n') r;
delete from vectors where rule is null;
select cmp_ok((select count(*) from vectors), '>', 1500::bigint, 'the vectors have many rules');
select is_empty('select rule from vectors where (rule::jsonb)::agenda.rrule <> rule', 'every one of them comes back the same');

-- ---- forms that are read ----
select is(rrule_from_json(object)::text, rule, 'read: ' || object::text)
  from (values
    ('{"frequency": "daily"}'::jsonb, 'FREQ=DAILY'),
    ('{"frequency": "daily", "interval": 1, "rscale": "gregorian", "skip": "omit", "firstDayOfWeek": "mo"}', 'FREQ=DAILY'),
    ('{"frequency": "weekly", "byDay": [{"day": "mo"}]}', 'FREQ=WEEKLY;BYDAY=MO'),
    ('{"frequency": "daily", "count": 1e2}', 'FREQ=DAILY;COUNT=100')
  ) t (object, rule);
select is(rrule_from_json(null), null, 'null is null');
select is('{"frequency": "daily"}'::jsonb::agenda.rrule::text, 'FREQ=DAILY', 'a cast');
select is('daily'::agenda.rrule::jsonb->>'frequency', 'daily', 'and back');

-- ---- refused ----
select is(pg_temp.complaint(object), 'YA003 | invalid recurrence rule object | ' || why, 'refused: ' || object::text)
  from (values
    ('[]'::jsonb, 'It must be an object.'),
    ('"daily"', 'It must be an object.'),
    ('{}', 'Member "frequency" is missing.'),
    ('{"@type": "NDay", "frequency": "daily"}', 'Member "@type": "RecurrenceRule" is expected.'),
    ('{"frequency": "fortnightly"}', 'Member "frequency": FREQ must be YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY, MINUTELY or SECONDLY. | See RFC 5545 section 3.3.10.'),
    ('{"frequency": "DAILY"}', 'Member "frequency": A word in lower case is expected.'),
    ('{"frequency": null}', 'Member "frequency": A word in lower case is expected.'),
    ('{"frequency": "daily;count=3"}', 'Member "frequency": A word in lower case is expected.'),
    ('{"frequency": "daily", "frequncy": "daily"}', 'Member "frequncy": It is not known.'),
    ('{"frequency": "daily", "interval": 0}', 'Member "interval": INTERVAL must be between 1 and 2147483647. | See RFC 5545 section 3.3.10.'),
    ('{"frequency": "daily", "interval": 1.5}', 'Member "interval": A whole number is expected.'),
    ('{"frequency": "daily", "interval": "2"}', 'Member "interval": A whole number is expected.'),
    ('{"frequency": "daily", "count": -1}', 'Member "count": COUNT must be between 1 and 2147483647. | See RFC 5545 section 3.3.10.'),
    ('{"frequency": "daily", "count": 2, "until": "2025-12-31T09:00:00"}', 'Member "until": COUNT and UNTIL must not occur in the same rule. | See RFC 5545 section 3.3.10.'),
    ('{"frequency": "daily", "until": "2025-13-31T09:00:00"}', 'Member "until": UNTIL must be a date such as 20251231 or a time such as 20251231T090000Z. | See RFC 5545 section 3.3.10.'),
    ('{"frequency": "daily", "until": "20251231T090000"}', 'Member "until": A local time such as 2025-12-31T09:00:00 is expected. | A date such as 2025-12-31 and an instant such as 2025-12-31T09:00:00Z are read too.'),
    ('{"frequency": "weekly", "byDay": ["mo"]}', 'Member "byDay": An array of objects with day, and nthOfPeriod where it has a number, is expected.'),
    ('{"frequency": "weekly", "byDay": [{"day": "mo", "nth": 1}]}', 'Member "byDay": An array of objects with day, and nthOfPeriod where it has a number, is expected.'),
    ('{"frequency": "weekly", "byDay": [{"day": "xx"}]}', 'Member "byDay": BYDAY takes MO, TU, WE, TH, FR, SA and SU, with a number from 1 to 53 or -1 to -53 before it if need be. | See RFC 5545 section 3.3.10.'),
    ('{"frequency": "weekly", "byDay": [{"day": "mo", "nthOfPeriod": 1}]}', 'Member "byDay": BYDAY takes a number only with FREQ=MONTHLY or FREQ=YEARLY. | See RFC 5545 section 3.3.10.'),
    ('{"frequency": "weekly", "byDay": []}', 'Member "byDay": An array that is not empty is expected. | Leave the member out where it says nothing.'),
    ('{"frequency": "yearly", "byMonth": [1]}', 'Member "byMonth": An array of strings such as "1" is expected.'),
    ('{"frequency": "yearly", "byMonth": ["5L"]}', 'Member "byMonth": A number is expected. | See RFC 5545 section 3.3.10.'),
    ('{"frequency": "monthly", "byMonthDay": [1, 32]}', 'Member "byMonthDay": BYMONTHDAY must be between 1 and 31 or between -31 and -1. | See RFC 5545 section 3.3.10.'),
    ('{"frequency": "monthly", "byMonthDay": [[1]]}', 'Member "byMonthDay": An array of whole numbers is expected.'),
    ('{"frequency": "monthly", "byMonthDay": {"1": 1}}', 'Member "byMonthDay": An array that is not empty is expected. | Leave the member out where it says nothing.'),
    ('{"frequency": "monthly", "bySetPosition": [1]}', 'Member "bySetPosition": BYSETPOS must be used together with another BYxxx part. | See RFC 5545 section 3.3.10.'),
    ('{"frequency": "yearly", "rscale": "hebrew"}', 'Member "rscale": Only RSCALE=GREGORIAN is supported. | See RFC 7529 section 4.1.')
  ) t (object, why);
select cmp_ok(length(pg_temp.complaint(jsonb_build_object('frequency', 'daily', repeat('ü', 10000), 1))), '<', 200, 'a long name is shown shortened');

select * from finish();
rollback;
