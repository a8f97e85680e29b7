/*
 * rrule_type.c
 *		The SQL type agenda.rrule: input, output, comparison, hash.
 *
 * A value is a version byte and the rule's canonical text, 10 to 100 bytes as a rule.  The
 * text is the whole identity of a rule, so comparison and hash work on its bytes, and there is
 * one codec only, the parser, which reads it in less time than it takes to plan the rule; the
 * functions in rrule_func.c keep the planned form.  A later layout gets a new version byte.
 *
 * Everything is allocated in the caller's memory context.  Errors are YA003 with the position.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "errcodes.h"
#include "rrule_type.h"

#define RRULE_VERSION 1

/* how much of a faulty text an error shows, in bytes */
#define SHOWN_TEXT  100
#define SHOWN_PLACE 20

PG_FUNCTION_INFO_V1(agenda_rrule_in);
PG_FUNCTION_INFO_V1(agenda_rrule_out);
PG_FUNCTION_INFO_V1(agenda_rrule_recv);
PG_FUNCTION_INFO_V1(agenda_rrule_send);
PG_FUNCTION_INFO_V1(agenda_rrule_eq);
PG_FUNCTION_INFO_V1(agenda_rrule_ne);
PG_FUNCTION_INFO_V1(agenda_rrule_lt);
PG_FUNCTION_INFO_V1(agenda_rrule_le);
PG_FUNCTION_INFO_V1(agenda_rrule_gt);
PG_FUNCTION_INFO_V1(agenda_rrule_ge);
PG_FUNCTION_INFO_V1(agenda_rrule_cmp);
PG_FUNCTION_INFO_V1(agenda_rrule_hash);
PG_FUNCTION_INFO_V1(agenda_rrule_hash_extended);
PG_FUNCTION_INFO_V1(agenda_rrule_from);
PG_FUNCTION_INFO_V1(agenda_rrule_word);
PG_FUNCTION_INFO_V1(agenda_recurrence_type);
PG_FUNCTION_INFO_V1(agenda_recurrence_interval);
PG_FUNCTION_INFO_V1(agenda_describe);

/* a piece of a text, not cut inside a character */
static char *
clip(const char *text, size_t len, size_t limit)
{
	size_t shown = len <= limit ? len : (size_t) pg_mbcliplen(text, (int) len, (int) limit);

	return psprintf("%.*s%s", (int) shown, text, shown < len ? "..." : "");
}

/* where in the text: "At position 12: "0"."; positions count characters from 1, as psql does */
static char *
place(const char *text, size_t len, size_t position)
{
	size_t end = position;

	if (position >= len)
		return pstrdup("At the end of the text.");
	while (end < len && text[end] != ';')
		end++;
	return psprintf("At position %d: \"%s\".", pg_mbstrlen_with_len(text, (int) position) + 1,
					clip(text + position, end - position, SHOWN_PLACE));
}

/* Canonical or not; YA003 for what is no rule. */
void
agenda_rrule_parse(const char *text, size_t len, struct rr_rule *rule)
{
	struct rr_error error;
	const char *hint;

	if (rr_parse(text, len, rule, &error))
		return;
	hint = rr_strhint(error.code);
	ereport(ERROR,
			(errcode(ERRCODE_AGENDA_INVALID_RRULE),
			 errmsg("invalid recurrence rule: \"%s\"", clip(text, len, SHOWN_TEXT)),
			 errdetail("%s %s", rr_strerror(error.code), place(text, len, error.position)),
			 errhint("%s%sSee %s.", hint, hint[0] != '\0' ? " " : "", rr_section(error.code))));
}

struct varlena *
agenda_rrule_pack(const struct rr_rule *rule)
{
	char text[RR_TEXT_MAX];
	size_t len = rr_format(rule, text, sizeof(text));
	struct varlena *stored = palloc(VARHDRSZ + 1 + len);

	Assert(len < sizeof(text));
	SET_VARSIZE(stored, VARHDRSZ + 1 + len);
	*VARDATA(stored) = RRULE_VERSION;
	memcpy(VARDATA(stored) + 1, text, len);
	return stored;
}

void
agenda_rrule_unpack(const struct varlena *stored, struct rr_rule *rule)
{
	struct rr_error error;

	if (VARSIZE_ANY_EXHDR(stored) < 1 || *VARDATA_ANY(stored) != RRULE_VERSION ||
		!rr_parse(VARDATA_ANY(stored) + 1, VARSIZE_ANY_EXHDR(stored) - 1, rule, &error))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("stored recurrence rule is corrupt or of a later version")));
}

Datum
agenda_rrule_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	struct rr_rule rule;

	agenda_rrule_parse(text, strlen(text), &rule);
	PG_RETURN_POINTER(agenda_rrule_pack(&rule));
}

Datum
agenda_rrule_out(PG_FUNCTION_ARGS)
{
	struct varlena *stored = AGENDA_GETARG_RRULE(0);

	PG_RETURN_CSTRING(pnstrdup(VARDATA_ANY(stored) + 1, VARSIZE_ANY_EXHDR(stored) - 1));
}

/* the external binary form is the version byte and the text; as strict as the text form */
Datum
agenda_rrule_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int version = pq_getmsgbyte(buf);
	int len;
	char *text;
	struct rr_rule rule;

	if (version != RRULE_VERSION)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("unsupported version %d of a binary recurrence rule", version)));
	text = pq_getmsgtext(buf, buf->len - buf->cursor, &len);
	agenda_rrule_parse(text, (size_t) len, &rule);
	PG_RETURN_POINTER(agenda_rrule_pack(&rule));
}

Datum
agenda_rrule_send(PG_FUNCTION_ARGS)
{
	struct varlena *stored = AGENDA_GETARG_RRULE(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, RRULE_VERSION);
	pq_sendtext(&buf, VARDATA_ANY(stored) + 1, VARSIZE_ANY_EXHDR(stored) - 1);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* ---- comparison ---------------------------------------------------------------------- */

/* the order of the bytes: fixed, the same in every locale, and of no meaning in time */
static int
compare(FunctionCallInfo fcinfo)
{
	struct varlena *a = AGENDA_GETARG_RRULE(0);
	struct varlena *b = AGENDA_GETARG_RRULE(1);
	size_t a_len = VARSIZE_ANY_EXHDR(a);
	size_t b_len = VARSIZE_ANY_EXHDR(b);
	int order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(a_len, b_len));

	if (order == 0)
		order = (a_len > b_len) - (a_len < b_len);
	/* indexes call this often; a detoasted copy must not wait for the end of the query */
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return order;
}

Datum
agenda_rrule_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) == 0);
}

Datum
agenda_rrule_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) != 0);
}

Datum
agenda_rrule_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) < 0);
}

Datum
agenda_rrule_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) <= 0);
}

Datum
agenda_rrule_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) > 0);
}

Datum
agenda_rrule_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) >= 0);
}

Datum
agenda_rrule_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}

Datum
agenda_rrule_hash(PG_FUNCTION_ARGS)
{
	struct varlena *stored = AGENDA_GETARG_RRULE(0);
	Datum hash = hash_any((unsigned char *) VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored));

	PG_FREE_IF_COPY(stored, 0);
	PG_RETURN_DATUM(hash);
}

Datum
agenda_rrule_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *stored = AGENDA_GETARG_RRULE(0);
	Datum hash = hash_any_extended((unsigned char *) VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored),
								   PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(stored, 0);
	PG_RETURN_DATUM(hash);
}

/* ---- words --------------------------------------------------------------------------- */

/* agenda.rrule_from(recurrence_type text, recurrence_interval int) */
Datum
agenda_rrule_from(PG_FUNCTION_ARGS)
{
	text *word = PG_GETARG_TEXT_PP(0);
	int32 interval = PG_GETARG_INT32(1);
	char *type = text_to_cstring(word);
	struct rr_rule rule;

	if (interval < 1)
		ereport(ERROR, (errcode(ERRCODE_AGENDA_INVALID_RRULE),
						errmsg("invalid recurrence interval: %d", interval),
						errdetail("The interval must be at least 1."),
						err_generic_string(PG_DIAG_COLUMN_NAME, "recurrence_interval")));
	for (int freq = RR_YEARLY; freq <= RR_DAILY; freq++)
		if (pg_strcasecmp(type, rr_freq_word((enum rr_freq) freq)) == 0)
		{
			rr_simple((enum rr_freq) freq, interval, &rule);
			PG_RETURN_POINTER(agenda_rrule_pack(&rule));
		}
	ereport(ERROR, (errcode(ERRCODE_AGENDA_INVALID_RRULE),
					errmsg("invalid recurrence type: \"%s\"", clip(type, strlen(type), SHOWN_TEXT)),
					errhint("Use daily, weekly, monthly or yearly."),
					err_generic_string(PG_DIAG_COLUMN_NAME, "recurrence_type")));
	PG_RETURN_NULL(); /* not reached */
}

/* the word that says exactly this rule, else null */
Datum
agenda_rrule_word(PG_FUNCTION_ARGS)
{
	struct rr_rule rule;
	const char *word;

	agenda_rrule_unpack(AGENDA_GETARG_RRULE(0), &rule);
	word = rr_word(&rule);
	if (word == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(word));
}

Datum
agenda_recurrence_type(PG_FUNCTION_ARGS)
{
	struct rr_rule rule;

	agenda_rrule_unpack(AGENDA_GETARG_RRULE(0), &rule);
	PG_RETURN_TEXT_P(cstring_to_text(rr_freq_word((enum rr_freq) rule.freq)));
}

Datum
agenda_recurrence_interval(PG_FUNCTION_ARGS)
{
	struct rr_rule rule;

	agenda_rrule_unpack(AGENDA_GETARG_RRULE(0), &rule);
	PG_RETURN_INT32(rule.interval);
}

Datum
agenda_describe(PG_FUNCTION_ARGS)
{
	struct rr_rule rule;
	size_t size;
	char *words;

	agenda_rrule_unpack(AGENDA_GETARG_RRULE(0), &rule);
	size = rr_describe(&rule, NULL, 0) + 1;
	words = palloc(size);
	rr_describe(&rule, words, size);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(words, (int) size - 1));
}
