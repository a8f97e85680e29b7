-- 10_rrule_type.sql - the type agenda.rrule: input, canonical output, errors, comparison, words.
begin;
-- the operators of the type are in agenda
set local search_path = public, agenda;
select plan(59);

-- what an error says, in one line
create function pg_temp.complaint(statement text) returns text language plpgsql as $$
declare
    d text;
    h text;
begin
    execute statement;
    return 'no error';
exception when others then
    get stacked diagnostics d = pg_exception_detail, h = pg_exception_hint;
    return sqlstate || ' | ' || sqlerrm || ' | ' || d || ' | ' || h;
end$$;

-- ---- input and canonical output ----
select is(t.rule::agenda.rrule::text, t.canonical, t.rule)
  from (values
    ('FREQ=DAILY', 'FREQ=DAILY'),
    ('rrule:freq=weekly;wkst=mo;byday=fr,mo;interval=1;', 'FREQ=WEEKLY;BYDAY=MO,FR'),
    ('BYDAY=+2SU,mo;FREQ=MONTHLY', 'FREQ=MONTHLY;BYDAY=MO,2SU'),
    ('FREQ=DAILY;BYSECOND=60;UNTIL=20251231T235960Z', 'FREQ=DAILY;UNTIL=20251231T235959Z;BYSECOND=59'),
    ('daily', 'FREQ=DAILY'),
    ('Weekly', 'FREQ=WEEKLY'),
    ('monthly', 'FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD'),
    ('yearly', 'FREQ=YEARLY;RSCALE=GREGORIAN;SKIP=BACKWARD'),
    ('FREQ=MONTHLY', 'FREQ=MONTHLY'),
    ('FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=OMIT', 'FREQ=MONTHLY')
  ) t (rule, canonical);

select is('FREQ=YEARLY;BYMONTH=1;BYDAY=MO'::agenda.rrule::text::agenda.rrule,
    'FREQ=YEARLY;BYMONTH=1;BYDAY=MO'::agenda.rrule, 'text to rule and back');
select is((null::text)::agenda.rrule, null, 'null is null');

-- ---- errors ----
select throws_ok(format('select %L::agenda.rrule', t.rule), 'YA003', null, 'refused: ' || split_part(t.rule, chr(10), 1))
  from (values (''), ('every day'), ('FREQ=DAILY;INTERVAL=0'), ('FREQ=DAILY;COUNT=0'),
    ('FREQ=DAILY;COUNT=2;UNTIL=20250101'), ('FREQ=WEEKLY;BYDAY=1MO'), ('FREQ=DAILY;X-FOO=1'),
    ('DTSTART:20250101T090000' || chr(10) || 'RRULE:FREQ=DAILY'), ('FREQ=HOURLY;BYDAY=1MO'), ('RSCALE=HEBREW;FREQ=YEARLY'),
    ('FREQ=MONTHLY;BYMONTHDAY=32'), ('FREQ=DAILY;INTERVAL=2147483648'), ('FREQ=DAILY;UNTIL=20250229')
  ) t (rule);
select is(pg_temp.complaint($$select 'FREQ=WEEKLY;BYDAY=MO,1TU;COUNT=3'::agenda.rrule$$),
    'YA003 | invalid recurrence rule: "FREQ=WEEKLY;BYDAY=MO,1TU;COUNT=3" | '
    'BYDAY takes a number only with FREQ=MONTHLY or FREQ=YEARLY. At position 22: "1TU". | See RFC 5545 section 3.3.10.',
    'an error says what, where and which section');
select is(pg_temp.complaint($$select 'INTERVAL=2'::agenda.rrule$$),
    'YA003 | invalid recurrence rule: "INTERVAL=2" | FREQ is missing. At the end of the text. | See RFC 5545 section 3.3.10.',
    'at the end of the text');
select alike(pg_temp.complaint($$select 'DTSTART:20250101T090000'::agenda.rrule$$),
    '%Pass the start as an argument of its own%', 'a DTSTART is refused with a hint');
select is(pg_temp.complaint($$select 'FREQ=DAILY;ÄÖÜ=1'::agenda.rrule$$),
    'YA003 | invalid recurrence rule: "FREQ=DAILY;ÄÖÜ=1" | This rule part is not known. At position 12: "ÄÖÜ=1". | See RFC 5545 section 3.3.10.',
    'positions count characters');
select cmp_ok(length(pg_temp.complaint(format('select %L::agenda.rrule', repeat('ü', 100000)))), '<', 500,
    'a long text is shown shortened');

-- ---- comparison ----
select ok('FREQ=DAILY;INTERVAL=1'::agenda.rrule operator(agenda.=) 'daily', 'equal rules are equal');
select ok('monthly'::agenda.rrule operator(agenda.<>) 'FREQ=MONTHLY', 'different rules differ');
select ok('FREQ=DAILY'::agenda.rrule operator(agenda.<) 'FREQ=DAILY;COUNT=1', 'a prefix comes first');
select ok('FREQ=WEEKLY'::agenda.rrule operator(agenda.>=) 'FREQ=WEEKLY' and
    'FREQ=WEEKLY'::agenda.rrule operator(agenda.<=) 'FREQ=WEEKLY' and
    'FREQ=WEEKLY'::agenda.rrule operator(agenda.>) 'FREQ=DAILY', 'the other operators');
select is(agenda.rrule_hash('FREQ=DAILY;WKST=MO'), agenda.rrule_hash('daily'), 'equal rules have equal hashes');
select is(agenda.rrule_hash_extended('daily', 0) & 4294967295, agenda.rrule_hash('daily') & 4294967295::bigint,
    'the seeded hash agrees with the plain one for seed 0');

create temporary table rules (r agenda.rrule);
insert into rules select ('FREQ=DAILY;INTERVAL=' || 1 + i % 50)::agenda.rrule from generate_series(1, 500) i;
create index on rules (r);
create index on rules using hash (r);
select is((select count(distinct r) from rules), 50::bigint, 'distinct by sorting');
set local enable_seqscan = off;
select is((select count(*) from rules where r operator(agenda.=) 'FREQ=DAILY;INTERVAL=7'), 10::bigint, 'found by index');
set local enable_seqscan = on;
set local enable_sort = off;
select is((select count(*) from (select r from rules group by r) g), 50::bigint, 'grouped by hash');
insert into rules values ('monthly'::text), (agenda.rrule_from('yearly'));
select is((select max(r::text) from rules), 'FREQ=YEARLY;RSCALE=GREGORIAN;SKIP=BACKWARD', 'text is assigned');

-- ---- binary form ----
select is(agenda.rrule_send('daily'), '\x01'::bytea || 'FREQ=DAILY'::bytea, 'binary: version byte and text');

-- ---- words ----
select is(agenda.rrule_from('daily')::text, 'FREQ=DAILY', 'rrule_from: interval 1 by default');
select is(agenda.rrule_from('Weekly', 2)::text, 'FREQ=WEEKLY;INTERVAL=2', 'rrule_from with an interval');
select is(agenda.rrule_from(recurrence_type => 'monthly', recurrence_interval => 3)::text,
    'FREQ=MONTHLY;INTERVAL=3;RSCALE=GREGORIAN;SKIP=BACKWARD', 'rrule_from by name');
select is(agenda.rrule_from('daily', null), null, 'rrule_from is strict');
select throws_ok($$select agenda.rrule_from('hourly')$$, 'YA003', 'invalid recurrence type: "hourly"', 'an unknown type');
select throws_ok($$select agenda.rrule_from('daily', 0)$$, 'YA003', 'invalid recurrence interval: 0', 'an interval of 0');
select is(agenda.rrule_word(w::agenda.rrule), w, 'the word of ' || w)
  from unnest('{daily,weekly,monthly,yearly}'::text[]) w;
select is(agenda.rrule_word('FREQ=MONTHLY'), null, 'plain MONTHLY is not the word');
select is(agenda.rrule_word('FREQ=DAILY;INTERVAL=2'), null, 'no word has an interval');
select is(agenda.recurrence_type('FREQ=MONTHLY;BYDAY=1MO'), 'monthly', 'recurrence_type');
select is(agenda.recurrence_interval('FREQ=MONTHLY;INTERVAL=5;BYDAY=1MO'), 5, 'recurrence_interval');
select is(agenda.describe('FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR'), 'every 2 weeks on Monday and Friday', 'describe');
select is(agenda.describe('FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0;COUNT=12'),
    'every month on the last Friday at 17:00, 12 times', 'describe at length');
select is(agenda.describe('monthly'), 'every month (in shorter months on the last day)', 'describe a word');

-- ---- marks that are true ----
select results_eq(
    $$select distinct provolatile::text, proisstrict, proparallel::text from pg_proc p join pg_depend d
          on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
       where p.pronamespace = 'agenda'::regnamespace and p.proname ~ '^(rrule_|describe|recurrence_(type|interval)$)'$$,
    $$values ('i', true, 's')$$, 'the functions of the type are immutable, strict and parallel safe');

select * from finish();
rollback;
