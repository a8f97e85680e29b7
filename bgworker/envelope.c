/*
 * envelope.c
 *		Writes events of the log as CloudEvents 1.0: a structured JSON value, ce_ headers beside it.
 *
 * The value alone is the event, which is what Dapr and the CloudEvents SDKs read; the headers
 * repeat the attributes for consumers that filter without parsing.  Header values are printable
 * ASCII, percent-encoded as in the HTTP binding, because Dapr turns them into HTTP headers and
 * fails to deliver the event when one is illegal there.
 *
 * Called by the drainer for each event.  The envelope belongs to the caller and lives in the
 * memory context that is current at agenda_envelope_init(); a build allocates only when a buffer
 * has to grow, or to convert text from a database encoding other than UTF-8: that is left in
 * the current context.  The only errors are those of conversion and of memory.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "mb/pg_wchar.h"
#include "utils/datetime.h"
#include "utils/json.h"

#include "envelope.h"

#define CONTENT_TYPE "application/cloudevents+json; charset=UTF-8"

static AgendaEvent to_utf8(const AgendaEvent *event);
static const char *utf8(const char *text);
static const char *none_if_empty(const char *text);
static void write_value(AgendaEnvelope *envelope, const AgendaEvent *event, const char *sequence,
						const char *time, const char *traceparent, const char *correlation);
static void append_member(StringInfo out, const char *name, const char *value);
static void append_plain_member(StringInfo out, const char *name, const char *value);
static void append_time(StringInfo out, TimestampTz time);
static void add_header(AgendaEnvelope *envelope, const char *name, const char *value);
static const char *encoded_text(AgendaEnvelope *envelope, const char *value);
static void append_percent_encoded(StringInfo out, const char *text, bool as_path_segment);
static size_t encoded_bound(const char *text);
static bool is_traceparent(const char *text);
static bool is_hex(const char *text, int length);

void
agenda_envelope_init(AgendaEnvelope *envelope, const char *cluster, const char *database)
{
	initStringInfo(&envelope->value);
	initStringInfo(&envelope->text);
	initStringInfo(&envelope->source);
	appendStringInfoChar(&envelope->source, '/');
	append_percent_encoded(&envelope->source, utf8(cluster), true);
	appendStringInfoChar(&envelope->source, '/');
	append_percent_encoded(&envelope->source, utf8(database), true);
}

/* Fills value, headers and n_headers; they point into the envelope and into *event. */
void
agenda_envelope_build(AgendaEnvelope *envelope, const AgendaEvent *event)
{
	AgendaEvent e = to_utf8(event);
	StringInfo text = &envelope->text;
	bool traced = e.trace != NULL && is_traceparent(e.trace);
	const char *correlation = none_if_empty(traced ? e.request_id : e.trace);
	const char *sequence;
	const char *time;

	/* room for all, so that pointers into the buffer stay good */
	resetStringInfo(text);
	enlargeStringInfo(text, 128 + encoded_bound(e.type) + encoded_bound(e.subject) +
								encoded_bound(e.key) + encoded_bound(correlation));
	sequence = text->data + text->len;
	appendStringInfo(text, "%020" INT64_MODIFIER "d", e.replay_of != 0 ? e.replay_of : e.seq);
	text->len++;
	time = text->data + text->len;
	append_time(text, e.occurred_at);
	text->len++;

	write_value(envelope, &e, sequence, time, traced ? e.trace : NULL, correlation);

	envelope->n_headers = 0;
	add_header(envelope, "content-type", CONTENT_TYPE);
	add_header(envelope, "ce_specversion", "1.0");
	add_header(envelope, "ce_id", e.id);
	add_header(envelope, "ce_source", envelope->source.data);
	add_header(envelope, "ce_type", encoded_text(envelope, e.type));
	add_header(envelope, "ce_subject", encoded_text(envelope, e.subject));
	add_header(envelope, "ce_time", time);
	add_header(envelope, "ce_datacontenttype", "application/json");
	add_header(envelope, "ce_partitionkey", encoded_text(envelope, e.key));
	add_header(envelope, "ce_sequence", sequence);
	add_header(envelope, "ce_userid", e.user_id);
	add_header(envelope, "ce_correlationid", encoded_text(envelope, correlation));
	add_header(envelope, "ce_replayed", e.replay_of != 0 ? "true" : NULL);
	add_header(envelope, "traceparent", traced ? e.trace : NULL);
}

/* ---- value --------------------------------------------------------------------------------- */

/* CloudEvents are UTF-8 whatever the database uses. */
static AgendaEvent
to_utf8(const AgendaEvent *event)
{
	AgendaEvent result = *event;

	if (GetDatabaseEncoding() == PG_UTF8)
		return result;
	result.type = utf8(event->type);
	result.subject = utf8(event->subject);
	result.key = utf8(event->key);
	result.trace = utf8(event->trace);
	result.request_id = utf8(event->request_id);
	result.data = utf8(event->data);
	return result;
}

static const char *
none_if_empty(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

static const char *
utf8(const char *text)
{
	return text ? pg_server_to_any(text, strlen(text), PG_UTF8) : NULL;
}

static void
write_value(AgendaEnvelope *envelope, const AgendaEvent *event, const char *sequence,
			const char *time, const char *traceparent, const char *correlation)
{
	StringInfo out = &envelope->value;

	resetStringInfo(out);
	appendStringInfoString(out, "{\"specversion\":\"1.0\"");
	append_plain_member(out, "id", event->id);
	append_plain_member(out, "source", envelope->source.data);
	append_member(out, "type", event->type);
	append_member(out, "subject", event->subject);
	append_plain_member(out, "time", time);
	append_plain_member(out, "datacontenttype", "application/json");
	append_member(out, "partitionkey", event->key);
	append_plain_member(out, "sequence", sequence);
	append_plain_member(out, "userid", event->user_id);
	append_plain_member(out, "traceparent", traceparent);
	append_member(out, "correlationid", correlation);
	if (event->replay_of != 0)
		appendStringInfoString(out, ",\"replayed\":true");
	if (event->data != NULL)
	{
		appendStringInfoString(out, ",\"data\":");
		appendStringInfoString(out, event->data);
	}
	appendStringInfoChar(out, '}');
}

/* ,"name":"value" for any text; nothing for NULL. */
static void
append_member(StringInfo out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfoString(out, ",\"");
	appendStringInfoString(out, name);
	appendStringInfoString(out, "\":");
	escape_json(out, value);
}

/* The same for text that needs no escaping: numbers, times, uuids, our own words. */
static void
append_plain_member(StringInfo out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfoString(out, ",\"");
	appendStringInfoString(out, name);
	appendStringInfoString(out, "\":\"");
	appendStringInfoString(out, value);
	appendStringInfoChar(out, '"');
}

/* RFC 3339, UTC, microseconds. */
static void
append_time(StringInfo out, TimestampTz time)
{
	int64 days = time / USECS_PER_DAY;
	int64 rest = time % USECS_PER_DAY;
	int seconds;
	int year;
	int month;
	int day;

	if (rest < 0)
	{
		rest += USECS_PER_DAY;
		days--;
	}
	j2date((int) days + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	seconds = (int) (rest / USECS_PER_SEC);
	appendStringInfo(out, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", year, month, day,
					 seconds / SECS_PER_HOUR, seconds / SECS_PER_MINUTE % MINS_PER_HOUR,
					 seconds % SECS_PER_MINUTE, (int) (rest % USECS_PER_SEC));
}

/* ---- headers ------------------------------------------------------------------------------- */

/* An absent attribute has no header. */
static void
add_header(AgendaEnvelope *envelope, const char *name, const char *value)
{
	if (value == NULL)
		return;
	Assert(envelope->n_headers < AGENDA_ENVELOPE_HEADERS);
	envelope->headers[envelope->n_headers].name = name;
	envelope->headers[envelope->n_headers].value = value;
	envelope->n_headers++;
}

/* value percent-encoded in the text buffer, in which there is room. */
static const char *
encoded_text(AgendaEnvelope *envelope, const char *value)
{
	StringInfo text = &envelope->text;
	char *result = text->data + text->len;

	if (value == NULL)
		return NULL;
	result[0] = '\0';
	append_percent_encoded(text, value, false);
	text->len++;
	Assert(text->len <= text->maxlen);
	return result;
}

/*
 * For header values the HTTP binding (3.1.3.2) wants blanks, double quotes, percent signs and
 * everything but printable ASCII encoded; a path segment of a URI has more to hide.
 */
static void
append_percent_encoded(StringInfo out, const char *text, bool as_path_segment)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text != '\0'; text++)
	{
		unsigned char c = (unsigned char) *text;

		if (c <= ' ' || c == '"' || c == '%' || c > '~' ||
			(as_path_segment && strchr("/?#[]\\^`{|}<>", c) != NULL))
		{
			appendStringInfoChar(out, '%');
			appendStringInfoChar(out, hex[c >> 4]);
			appendStringInfoChar(out, hex[c & 15]);
		}
		else
			appendStringInfoChar(out, c);
	}
}

static size_t
encoded_bound(const char *text)
{
	return text ? 3 * strlen(text) + 1 : 0;
}

/*
 * W3C Trace Context: version-traceid-parentid-flags in lower-case hex, none of the ids zero.
 * Later versions may append more after another dash; version ff is forbidden.
 */
static bool
is_traceparent(const char *text)
{
	static const char zeros[] = "00000000000000000000000000000000";

	/* each test fails at the end of a short text, before anything behind it is read */
	if (!is_hex(text, 2) || text[2] != '-' || !is_hex(text + 3, 32) || text[35] != '-' ||
		!is_hex(text + 36, 16) || text[52] != '-' || !is_hex(text + 53, 2))
		return false;
	if (memcmp(text, "ff", 2) == 0 || memcmp(text + 3, zeros, 32) == 0 ||
		memcmp(text + 36, zeros, 16) == 0)
		return false;
	if (text[55] == '\0')
		return true;
	/* what a later version appends goes into a header as it is */
	return memcmp(text, "00", 2) != 0 && text[55] == '-' &&
		   strspn(text + 56, "0123456789abcdefghijklmnopqrstuvwxyz-") == strlen(text + 56);
}

static bool
is_hex(const char *text, int length)
{
	for (int i = 0; i < length; i++)
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
	return true;
}
