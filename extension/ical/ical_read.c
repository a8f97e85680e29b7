/*
 * ical_read.c
 *		The first step of an import: the VTODO and VEVENT components of a calendar as JSON.
 *
 * Anybody's text comes in here.  Lines are unfolded and components told apart by this file, so
 * that libical, which frees nested components by recursion, never sees more than one with its
 * alarms, and of these only the properties that are read.  Of the zones only their names are
 * (ical_zone.c).  What is wrong with a component is its member
 * "problem"; SQL (sql/api/79_ical_import.sql) makes tasks of the rest.  A rule is copied as it is: the
 * type agenda.rrule judges it.
 *
 * Called by extension/ical.c, which loads this library at the first call.
 * Memory: libical's own, freed on every way out; results are palloc'd.
 */
#include "postgres.h"

#include <libical/ical.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/json.h"

#include "ical.h"
#include "ical_zone.h"

typedef struct Member
{
	const char *property;
	icalproperty_kind kind;
	const char *name; /* in the JSON object */
	bool is_list;
	bool has_zone;
} Member;

static const Member members[] = {
	{ "UID", ICAL_UID_PROPERTY, "uid", false, false },
	{ "SUMMARY", ICAL_SUMMARY_PROPERTY, "summary", false, false },
	{ "DESCRIPTION", ICAL_DESCRIPTION_PROPERTY, "description", false, false },
	{ "PRIORITY", ICAL_PRIORITY_PROPERTY, "priority", false, false },
	{ "STATUS", ICAL_STATUS_PROPERTY, "status", false, false },
	{ "CATEGORIES", ICAL_CATEGORIES_PROPERTY, "tags", true, false },
	{ "DTSTART", ICAL_DTSTART_PROPERTY, "dtstart", false, true },
	{ "DUE", ICAL_DUE_PROPERTY, "due", false, true },
	{ "DTEND", ICAL_DTEND_PROPERTY, "dtend", false, true },
	{ "DURATION", ICAL_DURATION_PROPERTY, "duration", false, false },
	{ "COMPLETED", ICAL_COMPLETED_PROPERTY, "completed", false, true },
	{ "RECURRENCE-ID", ICAL_RECURRENCEID_PROPERTY, "recurrence_id", false, true },
	{ "EXDATE", ICAL_EXDATE_PROPERTY, "exdates", true, true },
	{ "RDATE", ICAL_RDATE_PROPERTY, "rdates", true, true },
};

/* What libical gets of a component: it is slow with more, and no task has that much. */
#define MAX_LINES      1500
#define MAX_LINE       200000
#define MAX_SHORT_LINE 10000
#define MAX_PARAMETERS 300

/* Some write it at the beginning of a file, where it means nothing. */
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

/* One component while its lines are read. */
typedef struct Component
{
	const char *kind; /* NULL outside of any */
	bool in_alarm;
	int foreign; /* depth of components within it that nobody reads */
	int lines;
	StringInfoData text; /* what libical gets */
	const char *rrule;
	const char *problem;
	IcalZones zones; /* of the calendar */
} Component;

static bool is_calendar(char *text, IcalZones *zones);
static void unfold(char *text);
static char *next_line(char **rest);
static void take_line(Component *c, char *line, StringInfo out);
static void take_begin(Component *c, const char *name, StringInfo out);
static void take_end(Component *c, const char *name, StringInfo out);
static void take_property(Component *c, const char *line);
static const Member *member_of(const char *line, size_t length);
static void add_values(Component *c, const char *line);
static void add_line(Component *c, const char *line, size_t length, const char *value,
					 size_t value_length);
static void open_component(Component *c, const char *kind);
static void close_component(Component *c, StringInfo out);
static void write_component(const Component *c, icalcomponent *parsed, StringInfo out);
static const char *first_error(icalcomponent *component);
static void write_member(const Component *c, const Member *m, icalcomponent *parsed,
						 StringInfo out);
static void write_value(const Component *c, const Member *m, icalproperty *property,
						StringInfo out);
static void write_parameter(const char *name, icalproperty *property, icalparameter_kind kind,
							StringInfo out);
static void write_alarms(const Component *c, icalcomponent *parsed, StringInfo out);

/* The calendar's components as a JSON array; NULL when the text is no calendar. */
char *
agenda_ical_read(char *text, AgendaIcalZoneKnown is_known)
{
	StringInfoData out;
	Component c = { 0 };
	char *line;

	if (strncmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		text += strlen(BYTE_ORDER_MARK);
	unfold(text);
	c.zones.is_known = is_known;
	if (!is_calendar(pstrdup(text), &c.zones))
		return NULL;
	icalerror_set_errors_are_fatal(false);
	initStringInfo(&out);
	initStringInfo(&c.text);
	appendStringInfoChar(&out, '[');
	while ((line = next_line(&text)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		take_line(&c, line, &out);
	}
	appendStringInfoChar(&out, ']');
	return out.data;
}

/* A text without its end is not read at all: who knows what is missing.  Its zones may stand anywhere in it. */
static bool
is_calendar(char *text, IcalZones *zones)
{
	const char *first = NULL;
	const char *last = NULL;
	const char *line;

	while ((line = next_line(&text)) != NULL)
	{
		if (*line == '\0')
			continue;
		if (first == NULL)
			first = line;
		last = line;
		agenda_ical_zone_line(zones, line);
	}
	return first != NULL && pg_strcasecmp(first, "BEGIN:VCALENDAR") == 0 &&
		   pg_strcasecmp(last, "END:VCALENDAR") == 0;
}

/* In place: a line end before a blank or tab is none. */
static void
unfold(char *text)
{
	const char *from = text;
	char *to = text;

	while (*from != '\0')
	{
		const char *end = *from == '\r' ? from + 1 : from;

		if (*end == '\n' && (end[1] == ' ' || end[1] == '\t'))
			from = end + 2;
		else
			*to++ = *from++;
	}
	*to = '\0';
}

/* Without its end and the blanks before it; NULL after the last. */
static char *
next_line(char **rest)
{
	char *line = *rest;
	size_t length = strcspn(line, "\n");

	if (*line == '\0')
		return NULL;
	*rest = line[length] == '\0' ? line + length : line + length + 1;
	while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == ' '))
		length--;
	line[length] = '\0';
	return line;
}

static void
take_line(Component *c, char *line, StringInfo out)
{
	if (pg_strncasecmp(line, "BEGIN:", 6) == 0)
		take_begin(c, line + 6, out);
	else if (pg_strncasecmp(line, "END:", 4) == 0)
		take_end(c, line + 4, out);
	else if (c->kind != NULL && c->foreign == 0)
		take_property(c, line);
}

static void
take_begin(Component *c, const char *name, StringInfo out)
{
	const char *kind = pg_strcasecmp(name, "VTODO") == 0    ? "VTODO"
					   : pg_strcasecmp(name, "VEVENT") == 0 ? "VEVENT"
															: NULL;

	if (kind != NULL)
	{
		/* these are not within each other: the end of the one before is missing */
		if (c->kind != NULL)
		{
			c->problem = "the component has no end";
			close_component(c, out);
		}
		open_component(c, kind);
	}
	else if (c->kind == NULL)
		return;
	else if (c->foreign > 0 || c->in_alarm || pg_strcasecmp(name, "VALARM") != 0)
		c->foreign++;
	else
	{
		c->in_alarm = true;
		add_line(c, "BEGIN:VALARM", 12, "", 0);
	}
}

static void
take_end(Component *c, const char *name, StringInfo out)
{
	if (c->kind == NULL)
		return;
	if (pg_strcasecmp(name, c->kind) == 0 && c->foreign == 0 && !c->in_alarm)
		close_component(c, out);
	else if (pg_strcasecmp(name, c->kind) == 0 || pg_strcasecmp(name, "VCALENDAR") == 0)
	{
		c->problem = "a part of the component has no end";
		close_component(c, out);
	}
	else if (c->foreign > 0)
		c->foreign--;
	else if (c->in_alarm && pg_strcasecmp(name, "VALARM") == 0)
	{
		c->in_alarm = false;
		add_line(c, "END:VALARM", 10, "", 0);
	}
	else
		c->problem = "the component ends what has not begun";
}

static void
take_property(Component *c, const char *line)
{
	size_t length = strcspn(line, ":;");
	const char *value = strchr(line, ':');

	/* others write what they have no value for */
	if (value == NULL || value[1] == '\0')
		return;
	if (!c->in_alarm && length == 5 && pg_strncasecmp(line, "RRULE", length) == 0)
	{
		if (c->rrule != NULL)
			c->problem = "the component has more than one RRULE";
		c->rrule = value + 1;
	}
	else if (c->in_alarm && length == 7 && pg_strncasecmp(line, "TRIGGER", length) == 0)
		add_line(c, line, strlen(line), "", 0);
	else if (!c->in_alarm)
	{
		const Member *m = member_of(line, length);

		if (m != NULL && m->is_list && m->has_zone)
			add_values(c, line);
		else if (m != NULL &&
				 strlen(line) > (m->kind == ICAL_DESCRIPTION_PROPERTY ? MAX_LINE : MAX_SHORT_LINE))
			c->problem = "the component has a line that is too long";
		else if (m != NULL)
			add_line(c, line, strlen(line), "", 0);
	}
}

static const Member *
member_of(const char *line, size_t length)
{
	for (int i = 0; i < lengthof(members); i++)
		if (strlen(members[i].property) == length &&
			pg_strncasecmp(line, members[i].property, length) == 0)
			return &members[i];
	return NULL;
}

/* A line for each date: libical does not tell them apart in every case. */
static void
add_values(Component *c, const char *line)
{
	const char *value = line;
	bool quoted = false;

	while (*value != '\0' && (quoted || *value != ':'))
		quoted ^= *value++ == '"';
	if (*value == '\0' || value - line > MAX_PARAMETERS)
	{
		c->problem = "the component has a list of dates that cannot be read";
		return;
	}
	value++;
	for (const char *v = value; *v != '\0' && c->problem == NULL;)
	{
		size_t length = strcspn(v, ",");

		add_line(c, line, value - line, v, length);
		v += length + (v[length] == ',');
	}
}

static void
add_line(Component *c, const char *line, size_t length, const char *value, size_t value_length)
{
	if (++c->lines > MAX_LINES)
		c->problem = "the component has too many lines";
	else
		appendStringInfo(&c->text, "%.*s%.*s\r\n", (int) length, line, (int) value_length, value);
}

static void
open_component(Component *c, const char *kind)
{
	c->kind = kind;
	c->in_alarm = false;
	c->foreign = 0;
	c->lines = 0;
	c->rrule = NULL;
	c->problem = NULL;
	resetStringInfo(&c->text);
	appendStringInfo(&c->text, "BEGIN:%s\r\n", kind);
}

/* One more element of the array. */
static void
close_component(Component *c, StringInfo out)
{
	int start = out->len;
	icalcomponent *parsed;

	if (c->in_alarm)
		appendStringInfoString(&c->text, "END:VALARM\r\n");
	appendStringInfo(&c->text, "END:%s\r\n", c->kind);
	parsed = icalparser_parse_string(c->text.data);
	PG_TRY();
	{
		write_component(c, parsed, out);
	}
	PG_FINALLY();
	{
		if (parsed != NULL)
			icalcomponent_free(parsed);
		/* the strings that it has handed out */
		icalmemory_free_ring();
	}
	PG_END_TRY();
	/* libical cuts odd text, and its own messages, by bytes */
	if (!pg_verifymbstr(out->data + start, out->len - start, true))
	{
		out->len = start;
		c->problem = "the component cannot be read";
		write_component(c, NULL, out);
	}
	c->kind = NULL;
}

static void
write_component(const Component *c, icalcomponent *parsed, StringInfo out)
{
	const char *problem = c->problem;

	if (problem == NULL && parsed == NULL)
		problem = "the component cannot be read";
	if (problem == NULL)
		problem = first_error(parsed);
	appendStringInfo(out, "%s{\"kind\": \"%s\"", out->len > 1 ? ", " : "", c->kind);
	if (problem != NULL)
	{
		appendStringInfoString(out, ", \"problem\": ");
		escape_json(out, problem);
	}
	if (c->rrule != NULL)
	{
		appendStringInfoString(out, ", \"rrule\": ");
		escape_json(out, c->rrule);
	}
	if (parsed != NULL)
	{
		for (int i = 0; i < lengthof(members); i++)
			write_member(c, &members[i], parsed, out);
		write_alarms(c, parsed, out);
	}
	appendStringInfoChar(out, '}');
}

/* NULL when libical has understood all of the component and of its alarms. */
static const char *
first_error(icalcomponent *component)
{
	icalproperty *error = icalcomponent_get_first_property(component, ICAL_XLICERROR_PROPERTY);
	icalcomponent *part;
	const char *found;

	if (error != NULL)
		return icalproperty_get_value_as_string(error);
	for (part = icalcomponent_get_first_component(component, ICAL_VALARM_COMPONENT); part != NULL;
		 part = icalcomponent_get_next_component(component, ICAL_VALARM_COMPONENT))
	{
		found = first_error(part);
		if (found != NULL)
			return found;
	}
	return NULL;
}

static void
write_member(const Component *c, const Member *m, icalcomponent *parsed, StringInfo out)
{
	icalproperty *p = icalcomponent_get_first_property(parsed, m->kind);

	if (p == NULL)
		return;
	appendStringInfo(out, ", \"%s\": %s", m->name, m->is_list ? "[" : "");
	write_value(c, m, p, out);
	if (!m->is_list)
		return;
	while ((p = icalcomponent_get_next_property(parsed, m->kind)) != NULL)
	{
		appendStringInfoString(out, ", ");
		write_value(c, m, p, out);
	}
	appendStringInfoChar(out, ']');
}

/* The getters of libical believe in the type that a property ought to have; a VALUE= can give it another. */
static void
write_value(const Component *c, const Member *m, icalproperty *property, StringInfo out)
{
	icalvalue *value = icalproperty_get_value(property);
	icalparameter *zone = icalproperty_get_first_parameter(property, ICAL_TZID_PARAMETER);
	const char *text;

	if (value != NULL && icalvalue_isa(value) == ICAL_TEXT_VALUE)
		text = icalvalue_get_text(value);
	else
		text = icalproperty_get_value_as_string(property);
	if (!m->has_zone)
	{
		escape_json(out, text != NULL ? text : "");
		return;
	}
	/* what is given as a period takes place when that begins */
	if (text != NULL && m->kind == ICAL_RDATE_PROPERTY)
		text = pnstrdup(text, strcspn(text, "/"));
	appendStringInfoString(out, "{\"at\": ");
	escape_json(out, text != NULL ? text : "");
	if (zone != NULL && icalparameter_get_tzid(zone) != NULL)
	{
		appendStringInfoString(out, ", \"zone\": ");
		escape_json(out, agenda_ical_zone_name(&c->zones, icalparameter_get_tzid(zone)));
	}
	if (m->kind == ICAL_RECURRENCEID_PROPERTY)
		write_parameter("range", property, ICAL_RANGE_PARAMETER, out);
	appendStringInfoChar(out, '}');
}

/* One more member of an object, where the property has the parameter. */
static void
write_parameter(const char *name, icalproperty *property, icalparameter_kind kind, StringInfo out)
{
	icalparameter *parameter = icalproperty_get_first_parameter(property, kind);
	const char *text =
		parameter != NULL ? icalparameter_as_ical_string(parameter) : NULL; /* NAME=value */

	if (text == NULL || strchr(text, '=') == NULL)
		return;
	appendStringInfo(out, ", \"%s\": ", name);
	escape_json(out, strchr(text, '=') + 1);
}

/* Their triggers: a duration, of the component's start or as RELATED says, or a time. */
static void
write_alarms(const Component *c, icalcomponent *parsed, StringInfo out)
{
	static const Member trigger = { "TRIGGER", ICAL_TRIGGER_PROPERTY, "trigger", false, false };
	const char *separator = "";
	icalcomponent *alarm;

	appendStringInfoString(out, ", \"alarms\": [");
	for (alarm = icalcomponent_get_first_component(parsed, ICAL_VALARM_COMPONENT); alarm != NULL;
		 alarm = icalcomponent_get_next_component(parsed, ICAL_VALARM_COMPONENT))
	{
		icalproperty *p = icalcomponent_get_first_property(alarm, trigger.kind);

		if (p == NULL)
			continue;
		appendStringInfo(out, "%s{\"at\": ", separator);
		write_value(c, &trigger, p, out);
		write_parameter("related", p, ICAL_RELATED_PARAMETER, out);
		appendStringInfoChar(out, '}');
		separator = ", ";
	}
	appendStringInfoChar(out, ']');
}
