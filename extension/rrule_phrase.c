/*
 * rrule_phrase.c
 *		Rules from what people write: agenda.parse_recurrence() and agenda._rule_of().
 *
 * The grammar is in recurrence/phrase.c; here are the arguments, the row that comes back and the
 * errors, which are YA003 with the position of what was not understood.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "errcodes.h"
#include "recurrence/phrase.h"
#include "rrule_type.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(agenda_parse_recurrence);
PG_FUNCTION_INFO_V1(agenda_rule_of);

/* how much of a faulty phrase an error shows, in bytes */
#define SHOWN_TEXT 100
#define SHOWN_WORD 20

#define EXAMPLES                                                                                   \
	"Phrases are such as: every other Friday; every 3 days; weekdays at 9am; "                     \
	"last workday of the month at 17:00; daily until 1 March."

#define EPOCH_DAYS (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)

/* what agenda.now() says, as a day in UTC since 1970 */
static int64
today(void)
{
	TimestampTz at;
	int64 day;

	if (!agenda_setting_now(&at))
		at = GetCurrentTransactionStartTimestamp();
	day = at / USECS_PER_DAY;
	return (at % USECS_PER_DAY < 0 ? day - 1 : day) + EPOCH_DAYS;
}

static int64
base_day(FunctionCallInfo fcinfo, int n)
{
	DateADT base;

	if (PG_ARGISNULL(n))
		return today();
	base = PG_GETARG_DATEADT(n);
	if (DATE_NOT_FINITE(base))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("the base date of a phrase must be finite")));
	return (int64) base + EPOCH_DAYS;
}

/* where: "At position 12: "blue"."; positions count characters from 1, as psql does */
static char *
place(const char *text, size_t len, const struct rr_phrase_error *error)
{
	const char *word = text + error->position;
	size_t word_len = error->end - error->position;

	if (error->position >= len)
		return "At the end of the text.";
	return psprintf("At position %d: \"%.*s\".",
					pg_mbstrlen_with_len(text, (int) error->position) + 1,
					pg_mbcliplen(word, (int) word_len, SHOWN_WORD), word);
}

static void
complain(const char *text, size_t len, const struct rr_phrase_error *error)
{
	int shown = pg_mbcliplen(text, (int) len, SHOWN_TEXT);
	const char *why = rr_phrase_strerror(error);
	const char *hint = rr_phrase_hint(error);

	/* understood, but not a rule that the RFC allows */
	if (error->code == RR_PHRASE_RULE)
		ereport(ERROR,
				(errcode(ERRCODE_AGENDA_INVALID_RRULE),
				 errmsg("invalid recurrence phrase: \"%.*s\"", shown, text), errdetail("%s", why),
				 errhint("%s See %s.", hint, rr_section(error->rule_code))));
	ereport(ERROR, (errcode(ERRCODE_AGENDA_INVALID_RRULE),
					errmsg("invalid recurrence phrase: \"%.*s\"", shown, text),
					errdetail("%s %s", why, place(text, len, error)),
					errhint("%s", *hint != '\0' ? hint : EXAMPLES)));
}

/* agenda.parse_recurrence(phrase text, base date) → rule, at_time, remainder */
Datum
agenda_parse_recurrence(PG_FUNCTION_ARGS)
{
	text *phrase_text;
	const char *words;
	size_t len;
	struct rr_phrase phrase;
	struct rr_phrase_error error;
	TupleDesc row;
	Datum values[3] = { 0 };
	bool nulls[3] = { false };

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	phrase_text = PG_GETARG_TEXT_PP(0);
	words = VARDATA_ANY(phrase_text);
	len = VARSIZE_ANY_EXHDR(phrase_text);
	if (!rr_phrase_parse(words, len, base_day(fcinfo, 1), &phrase, &error))
		complain(words, len, &error);
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = PointerGetDatum(agenda_rrule_pack(&phrase.rule));
	nulls[1] = phrase.at < 0;
	values[1] = TimeADTGetDatum(phrase.at * USECS_PER_SEC);
	nulls[2] = phrase.rest == len;
	if (!nulls[2])
		values[2] = PointerGetDatum(
			cstring_to_text_with_len(words + phrase.rest, (int) (len - phrase.rest)));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

/* The member that the text came in: the gateway points at it. */
static void
name_member(void *member)
{
	err_generic_string(PG_DIAG_COLUMN_NAME, member);
}

/* Only rules have a "=": that decides whose error it is when the text is neither. */
static void
read_rule(const char *words, size_t len, struct rr_rule *rule)
{
	struct rr_phrase phrase;
	struct rr_phrase_error error;

	if (memchr(words, '=', len) != NULL)
	{
		agenda_rrule_parse(words, len, rule);
		return;
	}
	if (!rr_phrase_parse(words, len, today(), &phrase, &error))
		complain(words, len, &error);
	if (phrase.rest != len)
		ereport(ERROR, (errcode(ERRCODE_AGENDA_INVALID_RRULE),
						errmsg("invalid recurrence phrase: \"%.*s\"",
							   pg_mbcliplen(words, (int) len, SHOWN_TEXT), words),
						errdetail("Nothing may follow the rule.")));
	*rule = phrase.rule;
}

/* agenda._rule_of(text, member) → rrule: RRULE text, a word or a phrase */
Datum
agenda_rule_of(PG_FUNCTION_ARGS)
{
	text *written = PG_GETARG_TEXT_PP(0);
	ErrorContextCallback context = { .callback = name_member,
									 .arg = text_to_cstring(PG_GETARG_TEXT_PP(1)) };
	struct rr_rule rule;

	context.previous = error_context_stack;
	error_context_stack = &context;
	read_rule(VARDATA_ANY(written), VARSIZE_ANY_EXHDR(written), &rule);
	error_context_stack = context.previous;
	PG_RETURN_POINTER(agenda_rrule_pack(&rule));
}
