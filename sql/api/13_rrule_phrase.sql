-- Recurrence: rules from phrases of people, the counterpart of agenda.describe().
--
-- The grammar is in extension/recurrence/phrase.c, the glue in extension/rrule_phrase.c.

create or replace function agenda.parse_recurrence(phrase text, base date default null,
        out rule agenda.rrule, out at_time time, out remainder text) returns record
	language c stable parallel safe
	as 'MODULE_PATHNAME', 'agenda_parse_recurrence';
comment on function agenda.parse_recurrence(text, date) is
	'the rule that an English phrase means, its time of day where it has exactly one, and what stands behind a colon; a date without a year is the first from base (today in UTC) on';

create or replace function agenda._rule_of(p_text text, p_member text) returns agenda.rrule
	language c stable strict parallel safe
	as 'MODULE_PATHNAME', 'agenda_rule_of';
comment on function agenda._rule_of(text, text) is 'internal: the rule of RRULE text, a word or a phrase; errors name the member that it came in';
