-- Recurrence: occurrences of rules, rules from words, wall clock and instant.
--
-- Three families with names of their own, so that no implicit cast can bring in the session's
-- time zone: zoned (dtstart is wall-clock time in tz), local (no zone) and dates (all-day).
-- With include_dtstart the start is an occurrence, and the first that COUNT counts, even where the
-- rule does not hit it.
-- What depends on the server's time zone data is stable, everything else immutable.
-- The calculation is in extension/recurrence/, the glue in extension/rrule_func.c.

-- How many rows the set-returning functions give, for the planner; has to be there before them.
create or replace function agenda.rrule_support(internal) returns internal
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_rrule_support';
comment on function agenda.rrule_support(internal) is
	'planner support: estimates rows and cost of the set-returning recurrence functions';

-- ---- zoned ---------------------------------------------------------------------------

create or replace function agenda.next_occurrence(rule agenda.rrule, dtstart timestamp, tz text, after timestamptz, include_dtstart boolean default false) returns timestamptz
	language c stable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_next_occurrence';
comment on function agenda.next_occurrence(agenda.rrule, timestamp, text, timestamptz, boolean) is
	'first occurrence strictly after an instant, or null';

create or replace function agenda.previous_occurrence(rule agenda.rrule, dtstart timestamp, tz text, before timestamptz, include_dtstart boolean default false) returns timestamptz
	language c stable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_previous_occurrence';
comment on function agenda.previous_occurrence(agenda.rrule, timestamp, text, timestamptz, boolean) is
	'last occurrence strictly before an instant, or null';

create or replace function agenda.occurrences(rule agenda.rrule, dtstart timestamp, tz text, from_time timestamptz, until_time timestamptz, include_dtstart boolean default false) returns setof timestamptz
	language c stable strict parallel safe rows 100 support agenda.rrule_support
	as 'MODULE_PATHNAME', 'agenda_occurrences';
comment on function agenda.occurrences(agenda.rrule, timestamp, text, timestamptz, timestamptz, boolean) is
	'occurrences in [from_time, until_time), ascending';

create or replace function agenda.first_occurrences(rule agenda.rrule, dtstart timestamp, tz text, n integer, include_dtstart boolean default false) returns setof timestamptz
	language c stable strict parallel safe rows 10 support agenda.rrule_support
	as 'MODULE_PATHNAME', 'agenda_first_occurrences';
comment on function agenda.first_occurrences(agenda.rrule, timestamp, text, integer, boolean) is
	'the first n occurrences';

create or replace function agenda.is_occurrence(rule agenda.rrule, dtstart timestamp, tz text, at timestamptz, include_dtstart boolean default false) returns boolean
	language c stable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_is_occurrence';
comment on function agenda.is_occurrence(agenda.rrule, timestamp, text, timestamptz, boolean) is
	'whether this very instant is an occurrence';

-- ---- local: wall-clock time without a zone -------------------------------------------

create or replace function agenda.next_local_occurrence(rule agenda.rrule, dtstart timestamp, after timestamp, include_dtstart boolean default false) returns timestamp
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_next_local_occurrence';
comment on function agenda.next_local_occurrence(agenda.rrule, timestamp, timestamp, boolean) is
	'first occurrence strictly after a wall-clock time, or null';

create or replace function agenda.previous_local_occurrence(rule agenda.rrule, dtstart timestamp, before timestamp, include_dtstart boolean default false) returns timestamp
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_previous_local_occurrence';
comment on function agenda.previous_local_occurrence(agenda.rrule, timestamp, timestamp, boolean) is
	'last occurrence strictly before a wall-clock time, or null';

create or replace function agenda.local_occurrences(rule agenda.rrule, dtstart timestamp, from_time timestamp, until_time timestamp, include_dtstart boolean default false) returns setof timestamp
	language c immutable strict parallel safe rows 100 support agenda.rrule_support
	as 'MODULE_PATHNAME', 'agenda_local_occurrences';
comment on function agenda.local_occurrences(agenda.rrule, timestamp, timestamp, timestamp, boolean) is
	'occurrences in [from_time, until_time) of the wall clock, ascending';

create or replace function agenda.first_local_occurrences(rule agenda.rrule, dtstart timestamp, n integer, include_dtstart boolean default false) returns setof timestamp
	language c immutable strict parallel safe rows 10 support agenda.rrule_support
	as 'MODULE_PATHNAME', 'agenda_first_local_occurrences';
comment on function agenda.first_local_occurrences(agenda.rrule, timestamp, integer, boolean) is
	'the first n occurrences in wall-clock time';

-- ---- dates: all-day, times of day do not exist ---------------------------------------

create or replace function agenda.next_date(rule agenda.rrule, dtstart date, after date, include_dtstart boolean default false) returns date
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_next_date';
comment on function agenda.next_date(agenda.rrule, date, date, boolean) is
	'first date of the rule strictly after a date, or null';

create or replace function agenda.previous_date(rule agenda.rrule, dtstart date, before date, include_dtstart boolean default false) returns date
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_previous_date';
comment on function agenda.previous_date(agenda.rrule, date, date, boolean) is
	'last date of the rule strictly before a date, or null';

create or replace function agenda.occurrence_dates(rule agenda.rrule, dtstart date, from_date date, until_date date, include_dtstart boolean default false) returns setof date
	language c immutable strict parallel safe rows 100 support agenda.rrule_support
	as 'MODULE_PATHNAME', 'agenda_occurrence_dates';
comment on function agenda.occurrence_dates(agenda.rrule, date, date, date, boolean) is
	'dates of the rule in [from_date, until_date), ascending';

create or replace function agenda.first_dates(rule agenda.rrule, dtstart date, n integer, include_dtstart boolean default false) returns setof date
	language c immutable strict parallel safe rows 10 support agenda.rrule_support
	as 'MODULE_PATHNAME', 'agenda_first_dates';
comment on function agenda.first_dates(agenda.rrule, date, integer, boolean) is
	'the first n dates of the rule';

-- ---- rules and words -----------------------------------------------------------------

create or replace function agenda.describe(rule agenda.rrule) returns text
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_describe';
comment on function agenda.describe(agenda.rrule) is
	'the rule in English, such as: every 2 weeks on Monday and Friday';

create or replace function agenda.rrule_from(recurrence_type text, recurrence_interval integer default 1) returns agenda.rrule
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_rrule_from';
comment on function agenda.rrule_from(text, integer) is
	'the rule of daily, weekly, monthly or yearly with an interval; months and years that lack the day use their last';

create or replace function agenda.rrule_word(rule agenda.rrule) returns text
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_rrule_word';
comment on function agenda.rrule_word(agenda.rrule) is
	'daily, weekly, monthly or yearly where that word says exactly this rule, else null';

create or replace function agenda.recurrence_type(rule agenda.rrule) returns text
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_recurrence_type';
comment on function agenda.recurrence_type(agenda.rrule) is
	'the frequency of the rule as a word: daily, weekly, monthly, yearly';

create or replace function agenda.recurrence_interval(rule agenda.rrule) returns integer
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_recurrence_interval';
comment on function agenda.recurrence_interval(agenda.rrule) is
	'the interval of the rule, 1 unless it says otherwise';

-- ---- wall clock and instant ----------------------------------------------------------

create or replace function agenda.local_to_instant(wall timestamp, tz text) returns timestamptz
	language c stable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_local_to_instant';
comment on function agenda.local_to_instant(timestamp, text) is
	'wall-clock time to instant by RFC 5545: a skipped time moves forward, a repeated time is its first instant (AT TIME ZONE takes the second)';

create or replace function agenda.instant_to_local(at timestamptz, tz text) returns timestamp
	language c stable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_instant_to_local';
comment on function agenda.instant_to_local(timestamptz, text) is
	'instant to wall-clock time of a zone';

create or replace function agenda.timezone_known(tz text) returns boolean
	language c stable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_timezone_known';
comment on function agenda.timezone_known(text) is
	'whether the server knows a time zone of this name';
