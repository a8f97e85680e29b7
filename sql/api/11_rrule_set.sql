-- Recurrence: occurrences of sets of several rules and single dates.
--
-- rules and rdates say what is in the set, exrules and exdates what is not; exclusion wins.  All
-- rules share dtstart, wall-clock time in tz; rdates and exdates are wall-clock times as well.
-- The calculation is in extension/recurrence/set.c, the glue in extension/rrule_set.c.

create or replace function agenda.next_occurrence_of_set(rules agenda.rrule[], dtstart timestamp, tz text, after timestamptz,
        rdates timestamp[] default '{}', exdates timestamp[] default '{}', exrules agenda.rrule[] default '{}') returns timestamptz
	language c stable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_next_occurrence_of_set';
comment on function agenda.next_occurrence_of_set(agenda.rrule[], timestamp, text, timestamptz, timestamp[], timestamp[], agenda.rrule[]) is
	'first occurrence of a set strictly after an instant, or null';

create or replace function agenda.previous_occurrence_of_set(rules agenda.rrule[], dtstart timestamp, tz text, before timestamptz,
        rdates timestamp[] default '{}', exdates timestamp[] default '{}', exrules agenda.rrule[] default '{}') returns timestamptz
	language c stable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_previous_occurrence_of_set';
comment on function agenda.previous_occurrence_of_set(agenda.rrule[], timestamp, text, timestamptz, timestamp[], timestamp[], agenda.rrule[]) is
	'last occurrence of a set strictly before an instant, or null';

create or replace function agenda.occurrences_of_set(rules agenda.rrule[], dtstart timestamp, tz text, from_time timestamptz, until_time timestamptz,
        rdates timestamp[] default '{}', exdates timestamp[] default '{}', exrules agenda.rrule[] default '{}') returns setof timestamptz
	language c stable strict parallel safe rows 100 support agenda.rrule_support
	as 'MODULE_PATHNAME', 'agenda_occurrences_of_set';
comment on function agenda.occurrences_of_set(agenda.rrule[], timestamp, text, timestamptz, timestamptz, timestamp[], timestamp[], agenda.rrule[]) is
	'occurrences of a set in [from_time, until_time), ascending, each once';

create or replace function agenda.first_occurrences_of_set(rules agenda.rrule[], dtstart timestamp, tz text, n integer,
        rdates timestamp[] default '{}', exdates timestamp[] default '{}', exrules agenda.rrule[] default '{}') returns setof timestamptz
	language c stable strict parallel safe rows 10 support agenda.rrule_support
	as 'MODULE_PATHNAME', 'agenda_first_occurrences_of_set';
comment on function agenda.first_occurrences_of_set(agenda.rrule[], timestamp, text, integer, timestamp[], timestamp[], agenda.rrule[]) is
	'the first n occurrences of a set';
