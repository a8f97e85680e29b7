-- Recurrence: rules as RecurrenceRule objects of JSCalendar (RFC 8984 section 4.3.3).
--
-- The casts are explicit: an object is not a rule's text, and the other way round.  The work is in
-- extension/rrule_json.c.

create or replace function agenda.rrule_to_json(rule agenda.rrule) returns jsonb
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_rrule_to_json';
comment on function agenda.rrule_to_json(agenda.rrule) is
	'the rule as a RecurrenceRule object of JSCalendar (RFC 8984)';

create or replace function agenda.rrule_from_json(object jsonb) returns agenda.rrule
	language c immutable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_rrule_from_json';
comment on function agenda.rrule_from_json(jsonb) is
	'the rule of a RecurrenceRule object of JSCalendar (RFC 8984); YA003 names the member that is wrong';

create cast (agenda.rrule as jsonb) with function agenda.rrule_to_json(agenda.rrule);
create cast (jsonb as agenda.rrule) with function agenda.rrule_from_json(jsonb);
