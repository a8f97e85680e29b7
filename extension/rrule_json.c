/*
 * rrule_json.c
 *		Rules as RecurrenceRule objects of JSCalendar (RFC 8984 section 4.3.3), both ways.
 *
 * The members of such an object are the parts of an RRULE under other names, so both directions
 * translate part by part between the object and the rule's text, by one table, and leave to the
 * parser what a rule may say.  An error of the parser is told by the member it comes from.
 *
 * Two forms of "until" are more than the RFC has: it knows wall-clock times only, but a UNTIL can
 * be a date or an instant.  These are written as "2025-12-31" and "2025-12-31T09:00:00Z", so that
 * nothing is lost, and nobody takes an instant for a wall-clock time.
 *
 * Everything is allocated in the caller's memory context.  Errors are YA003.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "errcodes.h"
#include "rrule_type.h"

PG_FUNCTION_INFO_V1(agenda_rrule_to_json);
PG_FUNCTION_INFO_V1(agenda_rrule_from_json);

/* how much of a faulty name or value an error shows, in bytes */
#define SHOWN_TEXT 50

typedef enum Kind
{
	WORD,    /* a string; lower case in the object, upper case in the text */
	NUMBER,  /* a whole number */
	NUMBERS, /* an array of them */
	STRINGS, /* an array of strings that hold numbers */
	DAYS,    /* an array of NDay objects */
	TIME     /* a date and time */
} Kind;

typedef struct Part
{
	const char *name;   /* in the text */
	const char *member; /* in the object */
	Kind kind;
} Part;

static const Part parts[] = {
	{ "FREQ", "frequency", WORD },
	{ "INTERVAL", "interval", NUMBER },
	{ "RSCALE", "rscale", WORD },
	{ "SKIP", "skip", WORD },
	{ "WKST", "firstDayOfWeek", WORD },
	{ "BYDAY", "byDay", DAYS },
	{ "BYMONTHDAY", "byMonthDay", NUMBERS },
	{ "BYMONTH", "byMonth", STRINGS },
	{ "BYYEARDAY", "byYearDay", NUMBERS },
	{ "BYWEEKNO", "byWeekNo", NUMBERS },
	{ "BYHOUR", "byHour", NUMBERS },
	{ "BYMINUTE", "byMinute", NUMBERS },
	{ "BYSECOND", "bySecond", NUMBERS },
	{ "BYSETPOS", "bySetPosition", NUMBERS },
	{ "COUNT", "count", NUMBER },
	{ "UNTIL", "until", TIME },
};

/* ---- rule to object ---------------------------------------------------------------------- */

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *text, int len)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = pnstrdup(text, len);
	value.val.string.len = len;
	pushJsonbValue(state, token, &value);
}

static void
push_key(JsonbParseState **state, const char *name)
{
	push_string(state, WJB_KEY, name, strlen(name));
}

/* a member whose value is that name of a type */
static void
push_type(JsonbParseState **state, const char *type)
{
	push_key(state, "@type");
	push_string(state, WJB_VALUE, type, strlen(type));
}

/* what the text has in upper case */
static void
push_word(JsonbParseState **state, JsonbIteratorToken token, const char *text, int len)
{
	char *word = pnstrdup(text, len);

	for (int i = 0; i < len; i++)
		word[i] = pg_ascii_tolower((unsigned char) word[i]);
	push_string(state, token, word, len);
}

static void
push_number(JsonbParseState **state, JsonbIteratorToken token, const char *text, int len)
{
	JsonbValue value;

	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(pg_strtoint64(pnstrdup(text, len)));
	pushJsonbValue(state, token, &value);
}

/* "-1MO" */
static void
push_day(JsonbParseState **state, const char *text, int len)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_type(state, "NDay");
	push_key(state, "day");
	push_word(state, WJB_VALUE, text + len - 2, 2);
	if (len > 2)
	{
		push_key(state, "nthOfPeriod");
		push_number(state, WJB_VALUE, text, len - 2);
	}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* "20251231T090000Z" with the punctuation that JSCalendar wants */
static void
push_time(JsonbParseState **state, const char *text, int len)
{
	char *time = psprintf("%.4s-%.2s-%.2s", text, text + 4, text + 6);

	if (len > 8)
		time = psprintf("%sT%.2s:%.2s:%.2s%s", time, text + 9, text + 11, text + 13,
						len > 15 ? "Z" : "");
	push_string(state, WJB_VALUE, time, strlen(time));
}

/* a list separated by commas */
static void
push_list(JsonbParseState **state, Kind kind, const char *text, int len)
{
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int n; len >= 0; text += n + 1, len -= n + 1)
	{
		for (n = 0; n < len && text[n] != ','; n++)
			;
		if (kind == NUMBERS)
			push_number(state, WJB_ELEM, text, n);
		else if (kind == STRINGS)
			push_string(state, WJB_ELEM, text, n);
		else
			push_day(state, text, n);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* one part of the canonical text: "NAME=value" */
static void
push_part(JsonbParseState **state, const char *text, int len)
{
	for (int i = 0; i < lengthof(parts); i++)
	{
		int name_len = strlen(parts[i].name);
		const char *value = text + name_len + 1;
		int value_len = len - name_len - 1;

		if (value_len <= 0 || text[name_len] != '=' || memcmp(text, parts[i].name, name_len) != 0)
			continue;
		push_key(state, parts[i].member);
		if (parts[i].kind == WORD)
			push_word(state, WJB_VALUE, value, value_len);
		else if (parts[i].kind == NUMBER)
			push_number(state, WJB_VALUE, value, value_len);
		else if (parts[i].kind == TIME)
			push_time(state, value, value_len);
		else
			push_list(state, parts[i].kind, value, value_len);
		return;
	}
	elog(ERROR, "no member for part \"%.*s\" of a recurrence rule", len, text);
}

/* agenda.rrule_to_json(rule agenda.rrule) */
Datum
agenda_rrule_to_json(PG_FUNCTION_ARGS)
{
	JsonbParseState *state = NULL;
	struct rr_rule rule;
	char text[RR_TEXT_MAX];
	int len;

	agenda_rrule_unpack(AGENDA_GETARG_RRULE(0), &rule);
	len = (int) rr_format(&rule, text, sizeof(text));
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_type(&state, "RecurrenceRule");
	for (int start = 0, end; start < len; start = end + 1)
	{
		for (end = start; end < len && text[end] != ';'; end++)
			;
		push_part(&state, text + start, end - start);
	}
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* ---- object to rule ---------------------------------------------------------------------- */

/* the rule's text in the making, and where each member's part begins */
typedef struct Draft
{
	StringInfoData text;
	const char *member; /* the one that is being read */
	int n;
	struct
	{
		const char *member;
		int start;
	} written[lengthof(parts)];
} Draft;

static void
refuse(const char *member, const char *why, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_AGENDA_INVALID_RRULE), errmsg("invalid recurrence rule object"),
					errdetail("Member \"%.*s\": %s",
							  pg_mbcliplen(member, strlen(member), SHOWN_TEXT), member, why),
					hint != NULL ? errhint("%s", hint) : 0));
}

static void
refuse_object(const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_AGENDA_INVALID_RRULE), errmsg("invalid recurrence rule object"),
					errdetail("%s", why)));
}

/*
 * A string that consists of these characters, so that it can be a part of the rule's text.
 * Letters are those of lower case, as the RFC has them.
 */
static void
add_string(Draft *draft, const JsonbValue *value, const char *characters, const char *expected)
{
	char *text;

	if (value->type != jbvString)
		refuse(draft->member, expected, NULL);
	text = pnstrdup(value->val.string.val, value->val.string.len);
	if (text[0] == '\0' || strspn(text, characters) != strlen(text))
		refuse(draft->member, expected, NULL);
	appendStringInfoString(&draft->text, text);
}

static void
add_word(Draft *draft, const JsonbValue *value)
{
	add_string(draft, value, "abcdefghijklmnopqrstuvwxyz-", "A word in lower case is expected.");
}

static void
add_number(Draft *draft, const JsonbValue *value, const char *expected)
{
	char *text;

	if (value->type != jbvNumeric)
		refuse(draft->member, expected, NULL);
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	if (strspn(text, "-0123456789") != strlen(text))
		refuse(draft->member, expected, NULL);
	appendStringInfoString(&draft->text, text);
}

/* is it a text of this shape?  0 stands for a digit, anything else for itself */
static bool
has_shape(const JsonbValue *value, const char *shape)
{
	if (value->val.string.len != strlen(shape))
		return false;
	for (int i = 0; shape[i] != '\0'; i++)
	{
		char c = value->val.string.val[i];

		if (shape[i] == '0' ? (c < '0' || c > '9') : c != shape[i])
			return false;
	}
	return true;
}

static void
add_time(Draft *draft, const JsonbValue *value)
{
	if (value->type != jbvString ||
		!(has_shape(value, "0000-00-00T00:00:00") || has_shape(value, "0000-00-00T00:00:00Z") ||
		  has_shape(value, "0000-00-00")))
		refuse(
			draft->member, "A local time such as 2025-12-31T09:00:00 is expected.",
			"A date such as 2025-12-31 and an instant such as 2025-12-31T09:00:00Z are read too.");
	for (int i = 0; i < value->val.string.len; i++)
		if (strchr("-:", value->val.string.val[i]) == NULL)
			appendStringInfoChar(&draft->text, value->val.string.val[i]);
}

/* a member of a container, by its name */
static JsonbValue *
member_of(const JsonbValue *object, const char *name)
{
	return getKeyJsonValueFromContainer(object->val.binary.data, name, strlen(name), NULL);
}

static bool
is_string(const JsonbValue *value, const char *text)
{
	return value->type == jbvString && value->val.string.len == strlen(text) &&
		   memcmp(value->val.string.val, text, strlen(text)) == 0;
}

/* {"@type": "NDay", "day": "mo", "nthOfPeriod": -1} */
static void
add_day(Draft *draft, const JsonbValue *value)
{
	const char *expected =
		"An array of objects with day, and nthOfPeriod where it has a number, is expected.";
	const JsonbValue *type;
	const JsonbValue *day;
	const JsonbValue *nth;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		refuse(draft->member, expected, NULL);
	type = member_of(value, "@type");
	day = member_of(value, "day");
	nth = member_of(value, "nthOfPeriod");
	if (day == NULL || (type != NULL && !is_string(type, "NDay")) ||
		JsonContainerSize(value->val.binary.data) != 1 + (type != NULL) + (nth != NULL))
		refuse(draft->member, expected, NULL);
	if (nth != NULL)
		add_number(draft, nth, "Member \"nthOfPeriod\" must be a whole number.");
	add_word(draft, day);
}

static void
add_list(Draft *draft, Kind kind, const JsonbValue *value)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue element;
	int n = 0;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerSize(value->val.binary.data) == 0)
		refuse(draft->member, "An array that is not empty is expected.",
			   "Leave the member out where it says nothing.");
	it = JsonbIteratorInit(value->val.binary.data);
	JsonbIteratorNext(&it, &element, true);
	while ((token = JsonbIteratorNext(&it, &element, true)) == WJB_ELEM)
	{
		if (n++ > 0)
			appendStringInfoChar(&draft->text, ',');
		if (kind == NUMBERS)
			add_number(draft, &element, "An array of whole numbers is expected.");
		else if (kind == STRINGS)
			add_string(draft, &element, "0123456789L",
					   "An array of strings such as \"1\" is expected.");
		else
			add_day(draft, &element);
	}
}

/* one member of the object as "NAME=value;" */
static void
add_part(Draft *draft, const Part *part, const JsonbValue *value)
{
	draft->member = part->member;
	draft->written[draft->n].member = part->member;
	draft->written[draft->n++].start = draft->text.len;
	appendStringInfo(&draft->text, "%s=", part->name);
	if (part->kind == WORD)
		add_word(draft, value);
	else if (part->kind == NUMBER)
		add_number(draft, value, "A whole number is expected.");
	else if (part->kind == TIME)
		add_time(draft, value);
	else
		add_list(draft, part->kind, value);
	appendStringInfoChar(&draft->text, ';');
}

static void
add_member(Draft *draft, const JsonbValue *key, const JsonbValue *value)
{
	if (is_string(key, "@type"))
	{
		if (!is_string(value, "RecurrenceRule"))
			refuse("@type", "\"RecurrenceRule\" is expected.", NULL);
		return;
	}
	for (int i = 0; i < lengthof(parts); i++)
		if (is_string(key, parts[i].member))
		{
			add_part(draft, &parts[i], value);
			return;
		}
	refuse(pnstrdup(key->val.string.val, key->val.string.len), "It is not known.", NULL);
}

/* let the parser judge; what it dislikes is told by the member */
static void
parse_draft(const Draft *draft, struct rr_rule *rule)
{
	const char *member = "frequency";
	struct rr_error error;

	if (rr_parse(draft->text.data, draft->text.len, rule, &error))
		return;
	for (int i = 0; i < draft->n && draft->written[i].start <= error.position; i++)
		member = draft->written[i].member;
	refuse(member, rr_strerror(error.code), psprintf("See %s.", rr_section(error.code)));
}

/* agenda.rrule_from_json(object jsonb) */
Datum
agenda_rrule_from_json(PG_FUNCTION_ARGS)
{
	Jsonb *object = PG_GETARG_JSONB_P(0);
	Draft draft = { 0 };
	JsonbIterator *it;
	JsonbValue key;
	JsonbValue value;
	struct rr_rule rule;

	if (!JB_ROOT_IS_OBJECT(object))
		refuse_object("It must be an object.");
	if (getKeyJsonValueFromContainer(&object->root, "frequency", strlen("frequency"), NULL) == NULL)
		refuse_object("Member \"frequency\" is missing.");
	initStringInfo(&draft.text);
	it = JsonbIteratorInit(&object->root);
	JsonbIteratorNext(&it, &key, true);
	while (JsonbIteratorNext(&it, &key, true) == WJB_KEY)
	{
		JsonbIteratorNext(&it, &value, true);
		add_member(&draft, &key, &value);
	}
	parse_draft(&draft, &rule);
	PG_RETURN_POINTER(agenda_rrule_pack(&rule));
}
