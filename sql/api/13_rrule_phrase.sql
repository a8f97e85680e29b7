-- Recurrence: rules from phrases of people, the counterpart of agenda.describe().
--
-- The grammar is in extension/recurrence/phrase.c, the glue in extension/rrule_phrase.c.

create or replace function agenda.parse_recurrence(phrase text, base date default null,
        out rule agenda.rrule, out at_time time, out remainder text) returns record
	language c stable parallel safe
	as 'MODULE_PATHNAME', 'agenda_parse_recurrence';
comment on function agenda.parse_recurrence(text, date) is
	'the rule that an English phrase means, its time of day where it has exactly one, and what stands behind a colon; a date without a year is the first from base (today in UTC) on';

-- What people may write for a rule: a rule's text, one of its words, or a phrase.  Only rules have
-- a "=", so that decides whose error it is when the text is none of them.
create or replace function agenda._rule_of(p_text text) returns agenda.rrule
    language plpgsql stable strict as
$$
declare
    v_meant record;
begin
    if strpos(p_text, '=') > 0 then
        return p_text::agenda.rrule;
    end if;
    v_meant := agenda.parse_recurrence(p_text);
    if v_meant.remainder is not null then
        raise exception using errcode = 'YA003',
            message = format('invalid recurrence phrase: "%s"', left(p_text, 100)),
            detail = 'Nothing may follow the rule.';
    end if;
    return v_meant.rule;
end
$$;
comment on function agenda._rule_of(text) is 'internal: the rule of RRULE text, a word or a phrase';
