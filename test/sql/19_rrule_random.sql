-- 19_rrule_random.sql - ten thousand random rules: text, jsonb and bytes there and back, comparison and hash of pairs, bytes at random.
begin;
set local search_path = public, agenda;
select plan(20);

-- a new seed in each run; PGOPTIONS="-c agenda_test.seed=N" repeats one
select coalesce(current_setting('agenda_test.seed', true), (random() * 1e9)::int::text) as seed \gset
select diag('seed ' || :'seed');
select setseed(:seed / 1e9);

-- ---- random rules: texts of random parts, of which the rules stay ----
create function pg_temp.pick(words text[]) returns text volatile language sql as
    $$select words[1 + floor(random() * array_length(words, 1))::int]$$;
-- one to three of these, as a list
create function pg_temp.list(low int, high int, signed boolean) returns text volatile language sql as $$
    select string_agg(case when signed and random() < 0.4 then '-' else '' end || (low + floor(random() * (high - low + 1)))::int, ',')
      from generate_series(1, 1 + floor(random() * 3)::int)$$;
create function pg_temp.days(numbered boolean) returns text volatile language sql as $$
    select string_agg(case when numbered and random() < 0.5 then pg_temp.pick('{1,2,4,5,-1,-2,+3}') else '' end || pg_temp.pick('{MO,TU,WE,TH,FR,SA,SU}'), ',')
      from generate_series(1, 1 + floor(random() * 3)::int)$$;
create function pg_temp.rule_text() returns text volatile language sql as $$
    select string_agg(part, ';' order by random())
      from (select unnest(array['FREQ=' || freq,
            case when random() < 0.4 then 'INTERVAL=' || pg_temp.pick('{1,2,3,7,12,400,2147483647}') end,
            case when random() < 0.2 then 'COUNT=' || pg_temp.pick('{1,10,2147483647}') when random() < 0.2 then 'UNTIL=' || pg_temp.pick('{20271231,20280229T235960,00010101T000000Z}') end,
            case when random() < 0.2 then 'WKST=' || pg_temp.pick('{MO,SU,WE}') end,
            case when random() < 0.2 then 'RSCALE=GREGORIAN' end,
            case when random() < 0.2 then 'SKIP=' || pg_temp.pick('{OMIT,BACKWARD,FORWARD}') end,
            case when random() < 0.2 then 'BYMONTH=' || pg_temp.list(1, 12, false) end,
            case when random() < 0.15 and freq = 'YEARLY' then 'BYWEEKNO=' || pg_temp.list(1, 53, true) end,
            case when random() < 0.15 and freq in ('YEARLY', 'HOURLY') then 'BYYEARDAY=' || pg_temp.list(1, 366, true) end,
            case when random() < 0.2 and freq <> 'WEEKLY' then 'BYMONTHDAY=' || pg_temp.list(1, 31, true) end,
            case when random() < 0.4 then 'BYDAY=' || pg_temp.days(freq in ('MONTHLY', 'YEARLY')) end,
            case when random() < 0.2 then 'BYHOUR=' || pg_temp.list(0, 23, false) end,
            case when random() < 0.2 then 'BYMINUTE=' || pg_temp.list(0, 59, false) end,
            case when random() < 0.1 then 'BYSECOND=' || pg_temp.list(0, 60, false) end,
            case when random() < 0.1 then 'BYSETPOS=' || pg_temp.list(1, 366, true) end]) part
          from (select pg_temp.pick('{YEARLY,MONTHLY,WEEKLY,DAILY,HOURLY,MINUTELY,SECONDLY}') freq) f) p$$;
create function pg_temp.read_rule(word text) returns agenda.rrule language plpgsql as $$
begin
    return word::agenda.rrule;
exception when sqlstate 'YA003' then
    return null;
end$$;
create temp table drawn as
    select n, word, pg_temp.read_rule(word) rule
      from (select n, pg_temp.rule_text() word from generate_series(1, 12000) n offset 0) t;
delete from drawn where rule is null;
select cmp_ok((select count(*) from drawn), '>=', 10000::bigint, 'ten thousand rules');

-- ---- there and back ----
select is_empty('select word from drawn where rule::text::agenda.rrule::text <> rule::text', 'canonical text is its own canonical text');
select is_empty('select word from drawn where rule::text::agenda.rrule <> rule', 'rule to text to rule');
select is_empty('select word, rule::jsonb from drawn where rule::jsonb::agenda.rrule <> rule', 'rule to jsonb to rule');
select is_empty('select word from drawn where rule::jsonb::text::jsonb::agenda.rrule::jsonb <> rule::jsonb', 'jsonb to rule to jsonb');
select is_empty($$select word from drawn where rule::jsonb->>'@type' is distinct from 'RecurrenceRule' or rule::jsonb->>'frequency' is distinct from lower(substring(rule::text from 'FREQ=(\w+)'))$$,
    'every object says its type and frequency');
select is_empty('select word from drawn where (agenda.parse_recurrence(describe(rule))).rule::text <> (agenda.parse_recurrence(describe((agenda.parse_recurrence(describe(rule))).rule))).rule::text',
    'a description means a rule that is described as it');
select is_empty($$select word from drawn where agenda.rrule_send(rule) <> '\x01'::bytea || convert_to(rule::text, 'UTF8')$$, 'bytes are the version and the text');

-- ---- comparison: pairs of which many are equal, since parts are drawn from few ----
create temp table pairs as
    select a.rule a, b.rule b from drawn a join drawn b on b.n between a.n + 1 and a.n + 9
    union all select rule, pg_temp.read_rule('RRULE:' || lower(word) || ';') from drawn;
select is_empty($$select a, b from pairs where (a = b) <> (a::text = b::text) or (a <> b) = (a = b)$$, 'equal are rules of one text');
select is_empty($$select a, b from pairs where a = b and (rrule_hash(a) <> rrule_hash(b) or rrule_hash_extended(a, 42) <> rrule_hash_extended(b, 42))$$, 'and have one hash');
select cmp_ok((select count(distinct rrule_hash(rule)) from drawn), '>', (select count(distinct rule) * 999 / 1000 from drawn), 'different ones hardly ever do');
select is_empty($$select a, b from pairs where sign(rrule_cmp(a, b)) <> -sign(rrule_cmp(b, a)) or (a < b) <> (rrule_cmp(a, b) < 0) or (a <= b) <> (rrule_cmp(a, b) <= 0)
    or (a > b) <> (b < a) or (a >= b) <> (b <= a) or (a < b)::int + (a = b)::int + (a > b)::int <> 1$$, 'one of less, equal and greater, whichever way asked');
select results_eq('select rule::text from drawn order by rule', 'select rule::text from drawn order by rule::text collate "C"', 'an order, the one of the bytes');
select is((select count(*) from (select rule from drawn group by rule) g), (select count(distinct rule::text) from drawn), 'groups are texts');

-- ---- objects at random: the members of a rule's, one of them replaced by what it is not ----
create function pg_temp.read_object(object jsonb) returns text language plpgsql as $$
begin
    perform object::agenda.rrule;
    return 'rule';
exception when others then
    return sqlstate;
end$$;
create temp table objects as
    select jsonb_set(object, array[key], odd->floor(random() * jsonb_array_length(odd))::int) object
      from (select rule::jsonb object, (select key from jsonb_object_keys(rule::jsonb) key order by random() limit 1) key from drawn where n <= 3000) d,
           (values ('[null, true, {}, [], [[]], [null], "", "\b", "mo", "1L", -1, 0, 1.5, 1e300, 99999999999999999999, -0, [1e9], [{}], {"a": {"b": [1]}}, [1, [2]],
             [{"day": "mo", "nthOfPeriod": 0}], [{"day": "mo", "nthOfPeriod": 1e99}], [{"day": {"day": "mo"}}], [{"@type": "NDay"}], [{"@type": 1, "day": "mo"}]]'::jsonb)) o (odd);
select is_empty($$select object from objects where pg_temp.read_object(object) not in ('rule', 'YA003')$$, 'an odd member is a rule or YA003');
select cmp_ok((select count(*) from objects where pg_temp.read_object(object) = 'YA003'), '>', 2000::bigint, 'mostly the latter');

-- ---- bytes at random, by COPY BINARY: cut, turned around, replaced ----
create table rules (r agenda.rrule);
create function pg_temp.receive(field bytea) returns text language plpgsql as $$
declare
    v_file text := current_setting('data_directory') || '/rrule_random.test';
    v_object oid := lo_from_bytea(0, 'PGCOPY\012\377\015\012\000'::bytea || int4send(0) || int4send(0) || '\x0001'::bytea || int4send(length(field)) || field || '\xffff');
begin
    perform lo_export(v_object, v_file), lo_unlink(v_object);
    execute format('copy rules from %L (format binary)', v_file);
    return 'rule';
exception when others then
    perform lo_unlink(v_object);
    return sqlstate;
end$$;
create temp table bytes as
    select case n % 4 when 0 then substr(sent, 1, floor(random() * length(sent))::int)
                      when 1 then set_byte(sent, floor(random() * length(sent))::int, floor(random() * 256)::int)
                      when 2 then sent || substr(sent, 2 + floor(random() * 9)::int)
                      else substr(sha512((n || :'seed')::bytea), 1, floor(random() * 64)::int) end field
      from (select n, agenda.rrule_send(rule) sent from drawn where n <= 1000) s;
select is_empty($$select field from (select field, pg_temp.receive(field) became from bytes) b where became not in ('rule', 'YA003', '22P03', '22021', '08P01')$$,
    'bytes are a rule or an error that says why');
select is_empty('select r from rules where r::text::agenda.rrule <> r or agenda.describe(r) is null', 'what came in is a rule');

-- ---- long answers can be stopped ----
create function pg_temp.outcome(statement text) returns text language plpgsql as $$
begin
    execute statement;
    return 'done';
exception when query_canceled then
    return 'stopped';
end$$;
set local statement_timeout = '50ms';
select is(pg_temp.outcome($$select count(*) from agenda.local_occurrences('FREQ=SECONDLY', '2026-01-01', '-infinity', 'infinity')$$), 'stopped', 'every second of all time is stopped');
select is(pg_temp.outcome($$select count(*) from agenda.first_occurrences('FREQ=SECONDLY', '2026-01-01', 'Europe/Berlin', 2147483647)$$), 'stopped', 'in a zone too');
reset statement_timeout;

select * from finish();
rollback;
