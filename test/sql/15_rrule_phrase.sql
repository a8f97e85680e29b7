-- 15_rrule_phrase.sql - rules from phrases: rows, base dates, errors, descriptions that read back, tasks.
begin;
set local search_path = public, agenda;
set local timezone = 'Asia/Kathmandu';
select plan(78);

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

-- ---- phrases ----
select is(p::text, row(t.rule::agenda.rrule, t.at::time, null)::text, t.phrase)
  from (values
    ('every other Friday', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=FR', null),
    ('every 3 days', 'FREQ=DAILY;INTERVAL=3', null),
    ('last workday of the month at 17:00', 'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=17;BYMINUTE=0', '17:00'),
    ('daily until 1 March', 'FREQ=DAILY;UNTIL=20270301', null),
    ('daily until 1 March 2028', 'FREQ=DAILY;UNTIL=20280301', null),
    ('every month on the 15th and last day', 'FREQ=MONTHLY;BYMONTHDAY=15,-1', null),
    ('first Monday of every month', 'FREQ=MONTHLY;BYDAY=1MO', null),
    ('every weekday', 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', null),
    ('weekdays at 9am', 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9;BYMINUTE=0', '09:00'),
    ('every 2 weeks on Mon and Thu for 10 times', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=10', null),
    ('every day twice', 'FREQ=DAILY;COUNT=2', null),
    ('yearly on 24 December', 'FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24', null),
    ('every quarter', 'FREQ=MONTHLY;INTERVAL=3', null),
    ('every day except Sunday', 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA', null),
    ('Friday the 13th', 'FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13', null),
    ('every January', 'FREQ=YEARLY;BYMONTH=1', null),
    ('every day at 9:00 and 17:00', 'FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0', null),
    ('every day at 17:30:15', 'FREQ=DAILY;BYHOUR=17;BYMINUTE=30;BYSECOND=15', '17:30:15'),
    ('every hour', 'FREQ=HOURLY', null),
    ('every hour from 9am to 11am', 'FREQ=HOURLY;BYHOUR=9,10,11;BYMINUTE=0', null),
    ('quarterly on the 1st', 'FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1', null),
    ('mon wed fri', 'FREQ=WEEKLY;BYDAY=MO,WE,FR', null),
    ('bi-weekly on Monday', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO', null),
    ('every weekday (Monday–Friday) at 9:30 p.m.', 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=21;BYMINUTE=30', '21:30'),
    ('every Monday except in July and August', 'FREQ=WEEKLY;BYMONTH=1,2,3,4,5,6,9,10,11,12;BYDAY=MO', null),
    ('every 2 hours from 8am to 6pm', 'FREQ=DAILY;BYHOUR=8,10,12,14,16,18;BYMINUTE=0', null),
    ('every 8 hours for 7 days', 'FREQ=HOURLY;INTERVAL=8;COUNT=21', null),
    ('every morning at 9', 'FREQ=DAILY;BYHOUR=9;BYMINUTE=0', '09:00'),
    ('monthly', 'monthly', null)
  ) t (phrase, rule, at), agenda.parse_recurrence(t.phrase, '2026-11-22') p;
select is((parse_recurrence('every Friday at 9:00: water the plants')).remainder, 'water the plants', 'what stands behind a colon');
select is((parse_recurrence('every Friday:')).remainder, null, 'nothing behind it');
select is(parse_recurrence(null)::text, null, 'null is null');

-- ---- the year that a date means ----
select is((parse_recurrence('daily until 22 November', '2026-11-22')).rule::text, 'FREQ=DAILY;UNTIL=20261122', 'today is not over');
select is((parse_recurrence('daily until 21 November', '2026-11-22')).rule::text, 'FREQ=DAILY;UNTIL=20271121', 'yesterday is next year');
select is((parse_recurrence('daily until end of year', '2026-11-22')).rule::text, 'FREQ=DAILY;UNTIL=20261231', 'the end of this year');
select is((parse_recurrence('daily until 29 February', '2026-11-22')).rule::text, 'FREQ=DAILY;UNTIL=20280229', 'a date that not every year has');
set local agenda.now = '2030-12-31 23:30:00+00';
select is((parse_recurrence('daily until 1 January')).rule::text, 'FREQ=DAILY;UNTIL=20310101', 'agenda.now() in UTC is the default');
set local agenda.now = '2030-12-31 20:00:00-05';
select is((parse_recurrence('daily until 31 December')).rule::text, 'FREQ=DAILY;UNTIL=20311231', 'where the new year has begun');
reset agenda.now;

-- ---- not understood ----
select is(pg_temp.complaint($$select agenda.parse_recurrence('every blue day')$$),
    'YA003 | invalid recurrence phrase: "every blue day" | This is not understood. At position 7: "blue". | '
    'Phrases are such as: every other Friday; every 3 days; weekdays at 9am; last workday of the month at 17:00; daily until 1 March.',
    'an error says what and where, with examples');
select is(pg_temp.complaint($$select agenda.parse_recurrence('every day for 2 months')$$),
    'YA003 | invalid recurrence phrase: "every day for 2 months" | This length of time is not a number of occurrences. At position 15: "2". | '
    'Say how many times or until when, as in: for 3 times; until 1 March.',
    'and what to do instead where that is known');
select alike(pg_temp.complaint($$select agenda.parse_recurrence('every')$$), '%The phrase ends too early. At the end of the text.%', 'too short');
select alike(pg_temp.complaint($$select agenda.parse_recurrence('ärgerlich every day')$$), '%At position 1: "ärgerlich".%', 'a word of another language');
select alike(pg_temp.complaint($$select agenda.parse_recurrence('every day, größe')$$), '%At position 12: "größe".%', 'positions count characters');
select is(pg_temp.complaint($$select agenda.parse_recurrence('every week on the 15th')$$),
    'YA003 | invalid recurrence phrase: "every week on the 15th" | BYMONTHDAY must not be used with FREQ=WEEKLY. | '
    'Days by number are of a month or a year, weeks of a year: the 15th of every month; the first Monday of the month. See RFC 5545 section 3.3.10.',
    'a phrase that means no rule');
select alike(pg_temp.complaint($$select agenda.parse_recurrence('daily until 1 March, 3 times')$$), '%| Say how many times or until when, not both. See RFC%',
    'an end that is said in two ways');
select throws_ok(format('select agenda.parse_recurrence(%L)', phrase), 'YA003', null, 'refused: ' || phrase)
  from unnest('{"","sometimes","every day for a month","every day at 25:00","every day at 9:00 and 17:30","every 0 days","every Friday on Monday","every other weekday","twice a week","daily until 30 February","every month on the 15th and the last Friday"}'::text[]) phrase;
-- behind characters of several bytes too
select alike(pg_temp.complaint($$select agenda.parse_recurrence('Monday–Friday – größe')$$), '%At position 15: "–".%', 'dashes are one character');
select alike(pg_temp.complaint($$select agenda.parse_recurrence('every weekday (Monday–Friday) except in größe')$$), '%At position 41: "größe". | Say those%', 'and words behind them');
select throws_ok($$select agenda.parse_recurrence('daily', 'infinity')$$, '22008', null, 'an infinite base');
select cmp_ok(length(pg_temp.complaint(format('select agenda.parse_recurrence(%L)', repeat('ü', 100000)))), '<', 500, 'a long text is shown shortened');

-- ---- descriptions read back ----
\set rules `cut -f4 "$AGENDA_ROOT/test/unit/data/rrule.tsv" | tail -n +2 | sort -u`
create temporary table vectors (rule agenda.rrule);
create function pg_temp.read_rule(word text) returns agenda.rrule language plpgsql as $$
begin
    return word::agenda.rrule;
exception when sqlstate 'YA003' then
    return null;
end$$;
insert into vectors select pg_temp.read_rule(r) from string_to_table(:'rules', e'\n') r;
delete from vectors where rule is null;
select cmp_ok((select count(*) from vectors), '>', 1500::bigint, 'the vectors have many rules');
create temporary table told as select rule, (parse_recurrence(describe(rule))).rule as plain from vectors;
select is_empty('select rule, describe(rule) from told where describe(plain) <> describe(rule) or (parse_recurrence(describe(plain))).rule <> plain',
    'the description of each means a rule, which is described so');
select is_empty($$select rule, plain from told where array(select first_local_occurrences(rule, '2026-01-31 09:00', 10)) <> array(select first_local_occurrences(plain, '2026-01-31 09:00', 10))$$,
    'with the same occurrences');
select cmp_ok((select count(*) from told where rule = plain), '>', (select count(*) / 2 from told), 'mostly the same rule');
select is(describe('FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0'), 'every day at 09:00:00', 'a second that is said is told');
select is(describe('FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0,30'), 'every day at 09:00:00 and 09:00:30', 'several too');
select is(describe('FREQ=DAILY;UNTIL=00330301'), 'every day, until 1 March 0033', 'years have four digits');

-- ---- tasks ----
select act_as(user_id_of('phrases'));
create function pg_temp.rule_of_task(words text) returns text language sql as $$
    select recurrence_rule from agenda.create_task('t', due => '2030-01-01T09:00:00Z', recurrence_rule => words)$$;
select is(pg_temp.rule_of_task('every other Friday'), 'FREQ=WEEKLY;INTERVAL=2;BYDAY=FR', 'a task takes a phrase');
select is(pg_temp.rule_of_task('every day'), 'daily', 'and says the word where there is one');
select is(pg_temp.rule_of_task('weekly'), 'weekly', 'words as before');
select is(pg_temp.rule_of_task('FREQ=DAILY;INTERVAL=2'), 'FREQ=DAILY;INTERVAL=2', 'rules as before');
select is((update_task((create_task('u', due => '2030-01-01T09:00:00Z')).id, '{"recurrence_rule": "every 3 days"}')).recurrence_rule,
    'FREQ=DAILY;INTERVAL=3', 'a change takes a phrase');
select is((create_recurring_task('r', rrule => 'first Monday of every month', start_date => '2030-01-01T09:00:00Z')).rrule::text,
    'FREQ=MONTHLY;BYDAY=1MO', 'a series takes a phrase');
select is((update_recurring_task((create_recurring_task('s', 'daily', start_date => '2030-01-01T09:00:00Z')).id, '{"rrule": "every Friday"}')).rrule::text,
    'FREQ=WEEKLY;BYDAY=FR', 'and so does its change');
select alike(pg_temp.complaint($$select pg_temp.rule_of_task('FREQ=SOMETIMES')$$), 'YA003 | invalid recurrence rule%', 'what has a = is a rule');
select alike(pg_temp.complaint($$select pg_temp.rule_of_task('now and then')$$), 'YA003 | invalid recurrence phrase%At position 1: "now"%', 'what has none is a phrase');
select throws_ok($$select pg_temp.rule_of_task('every Friday: milk')$$, 'YA003', null, 'a rule has no remainder');

-- ---- marks ----
select results_eq(
    $$select provolatile::text, proisstrict, proparallel::text from pg_proc where oid = 'agenda.parse_recurrence(text, date)'::regprocedure$$,
    $$values ('s', false, 's')$$, 'stable, since today is');

select * from finish();
rollback;
