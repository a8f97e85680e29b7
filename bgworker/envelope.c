/*
 * envelope.c
 *		Writes events of the log as Kafka records: CloudEvents 1.0, raw data, or Debezium's form.
 *
 * Structured: the value alone is the event, which is what Dapr and the CloudEvents SDKs read; the
 * ce_ headers repeat the attributes for consumers that filter without parsing.  Binary: the value
 * is the data and the attributes are headers only.  Debezium: what its outbox event router makes
 * of a row (header "id", value the payload), with the type as header "eventType".  Raw: the data.
 *
 * Headers of the event's own go along in every mode; those named ce_NAME are extension attributes
 * of the CloudEvent.  Header values are printable ASCII: attributes are percent-encoded as in the
 * HTTP binding, because Dapr turns them into HTTP headers and fails to deliver the event when one
 * is illegal there.
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

#define CLOUDEVENT_TYPE "application/cloudevents+json; charset=UTF-8"
#define DATA_TYPE       "application/json"

/* What the build of one record works with: the event in UTF-8, and what is derived from it. */
typedef struct Draft
{
	AgendaEvent event;
	const char *sequence;
	const char *time;
	const char *traceparent; /* NULL when the trace is none */
	const char *correlation;
} Draft;

static AgendaEvent to_utf8(const AgendaEvent *event);
static const char *utf8(const char *text);
static const char *none_if_empty(const char *text);
static void write_texts(AgendaEnvelope *envelope, Draft *draft);
static void write_value(AgendaEnvelope *envelope, const Draft *draft);
static void write_attribute_headers(AgendaEnvelope *envelope, const Draft *draft);
static void write_own_headers(AgendaEnvelope *envelope, const Draft *draft, AgendaMode mode);
static const char *extension_name(const char *header);
static bool is_own_header(const char *name);
static void append_member(StringInfo out, const char *name, const char *value);
static void append_plain_member(StringInfo out, const char *name, const char *value);
static void append_time(StringInfo out, TimestampTz time);
static void add_header(AgendaEnvelope *envelope, const char *name, const char *value);
static const char *encoded_text(AgendaEnvelope *envelope, const char *value);
static const char *header_text(AgendaEnvelope *envelope, const char *value);
static void append_percent_encoded(StringInfo out, const char *text, bool as_path_segment);
static void append_encoded_byte(StringInfo out, unsigned char c);
static size_t encoded_bound(const char *text);
static bool is_traceparent(const char *text);
static bool is_hex(const char *text, int length);

void
agenda_envelope_init(AgendaEnvelope *envelope, const char *cluster, const char *database)
{
	initStringInfo(&envelope->value);
	initStringInfo(&envelope->text);
	initStringInfo(&envelope->source);
	envelope->max_headers = 32;
	envelope->headers = palloc(envelope->max_headers * sizeof(AgendaHeader));
	appendStringInfoChar(&envelope->source, '/');
	append_percent_encoded(&envelope->source, utf8(cluster), true);
	appendStringInfoChar(&envelope->source, '/');
	append_percent_encoded(&envelope->source, utf8(database), true);
}

/* Fills value, headers and n_headers; they point into the envelope and into *event. */
void
agenda_envelope_build(AgendaEnvelope *envelope, const AgendaEvent *event, AgendaMode mode)
{
	Draft draft = { .event = to_utf8(event) };
	const AgendaEvent *e = &draft.event;

	write_texts(envelope, &draft);
	resetStringInfo(&envelope->value);
	if (mode == AGENDA_MODE_STRUCTURED)
		write_value(envelope, &draft);
	else
		appendStringInfoString(&envelope->value, e->data ? e->data : "null");

	envelope->n_headers = 0;
	switch (mode)
	{
		case AGENDA_MODE_STRUCTURED:
			add_header(envelope, "content-type", CLOUDEVENT_TYPE);
			write_attribute_headers(envelope, &draft);
			add_header(envelope, "ce_datacontenttype", DATA_TYPE);
			break;
		case AGENDA_MODE_BINARY:
			/* in this mode content-type stands for the attribute datacontenttype */
			add_header(envelope, "content-type", DATA_TYPE);
			write_attribute_headers(envelope, &draft);
			break;
		case AGENDA_MODE_RAW:
			add_header(envelope, "content-type", DATA_TYPE);
			break;
		case AGENDA_MODE_DEBEZIUM:
			add_header(envelope, "id", e->id);
			add_header(envelope, "eventType", encoded_text(envelope, e->type));
			break;
	}
	add_header(envelope, "traceparent", draft.traceparent);
	write_own_headers(envelope, &draft, mode);
}

void
agenda_envelope_add_header(AgendaEnvelope *envelope, const char *name, const char *value)
{
	add_header(envelope, name, value);
}

/*
 * Sequence and time as text, and room for everything that follows in the same buffer, so that
 * pointers into it stay good.
 */
static void
write_texts(AgendaEnvelope *envelope, Draft *draft)
{
	const AgendaEvent *e = &draft->event;
	StringInfo text = &envelope->text;
	bool traced = e->trace != NULL && is_traceparent(e->trace);
	size_t room;

	draft->traceparent = traced ? e->trace : NULL;
	draft->correlation = none_if_empty(traced ? e->request_id : e->trace);
	room = 128 + encoded_bound(e->type) + encoded_bound(e->subject) + encoded_bound(e->key) +
		   encoded_bound(draft->correlation);
	for (int i = 0; i < e->n_headers; i++)
		room += encoded_bound(e->headers[i].value);

	resetStringInfo(text);
	enlargeStringInfo(text, room);
	draft->sequence = text->data + text->len;
	appendStringInfo(text, "%020" INT64_MODIFIER "d", e->replay_of != 0 ? e->replay_of : e->seq);
	text->len++;
	draft->time = text->data + text->len;
	append_time(text, e->occurred_at);
	text->len++;
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
	if (event->n_headers > 0)
	{
		AgendaHeader *headers = palloc(event->n_headers * sizeof(AgendaHeader));

		for (int i = 0; i < event->n_headers; i++)
		{
			headers[i].name = utf8(event->headers[i].name);
			headers[i].value = utf8(event->headers[i].value);
		}
		result.headers = headers;
	}
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
write_value(AgendaEnvelope *envelope, const Draft *draft)
{
	StringInfo out = &envelope->value;
	const AgendaEvent *event = &draft->event;

	appendStringInfoString(out, "{\"specversion\":\"1.0\"");
	append_plain_member(out, "id", event->id);
	append_plain_member(out, "source", envelope->source.data);
	append_member(out, "type", event->type);
	append_member(out, "subject", event->subject);
	append_plain_member(out, "time", draft->time);
	append_plain_member(out, "datacontenttype", DATA_TYPE);
	append_member(out, "partitionkey", event->key);
	append_plain_member(out, "sequence", draft->sequence);
	append_plain_member(out, "userid", event->user_id);
	append_plain_member(out, "traceparent", draft->traceparent);
	append_member(out, "correlationid", draft->correlation);
	for (int i = 0; i < event->n_headers; i++)
	{
		const char *name = extension_name(event->headers[i].name);

		if (name != NULL)
			append_member(out, name, event->headers[i].value);
	}
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

static void
write_attribute_headers(AgendaEnvelope *envelope, const Draft *draft)
{
	const AgendaEvent *e = &draft->event;

	add_header(envelope, "ce_specversion", "1.0");
	add_header(envelope, "ce_id", e->id);
	add_header(envelope, "ce_source", envelope->source.data);
	add_header(envelope, "ce_type", encoded_text(envelope, e->type));
	add_header(envelope, "ce_subject", encoded_text(envelope, e->subject));
	add_header(envelope, "ce_time", draft->time);
	add_header(envelope, "ce_partitionkey", encoded_text(envelope, e->key));
	add_header(envelope, "ce_sequence", draft->sequence);
	add_header(envelope, "ce_userid", e->user_id);
	add_header(envelope, "ce_correlationid", encoded_text(envelope, draft->correlation));
	add_header(envelope, "ce_replayed", e->replay_of != 0 ? "true" : NULL);
}

/* An event cannot take the place of what is written by us. */
static void
write_own_headers(AgendaEnvelope *envelope, const Draft *draft, AgendaMode mode)
{
	const AgendaEvent *e = &draft->event;

	for (int i = 0; i < e->n_headers; i++)
	{
		const AgendaHeader *header = &e->headers[i];
		bool attribute = extension_name(header->name) != NULL;

		if (attribute && mode != AGENDA_MODE_RAW && mode != AGENDA_MODE_DEBEZIUM)
			add_header(envelope, header->name, encoded_text(envelope, header->value));
		else if (attribute || is_own_header(header->name))
			add_header(envelope, header->name, header_text(envelope, header->value));
	}
}

/* The extension attribute that a header ce_NAME stands for; NULL when it is none, or one of ours. */
static const char *
extension_name(const char *header)
{
	static const char *const ours[] = {
		"specversion",  "id",       "source",     "type",          "subject",         "time",
		"partitionkey", "sequence", "userid",     "correlationid", "datacontenttype", "data",
		"data_base64",  "replayed", "traceparent"
	};
	const char *name = header + 3;

	if (strncmp(header, "ce_", 3) != 0 || name[0] == '\0' ||
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") != strlen(name))
		return NULL;
	for (int i = 0; i < lengthof(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return NULL;
	return name;
}

static bool
is_own_header(const char *name)
{
	return name[0] != '\0' && pg_strncasecmp(name, "ce_", 3) != 0 &&
		   pg_strcasecmp(name, "content-type") != 0 && pg_strcasecmp(name, "traceparent") != 0 &&
		   strcmp(name, "id") != 0 && strcmp(name, "eventType") != 0;
}

/* An absent attribute has no header. */
static void
add_header(AgendaEnvelope *envelope, const char *name, const char *value)
{
	if (value == NULL)
		return;
	if (envelope->n_headers == envelope->max_headers)
	{
		envelope->max_headers *= 2;
		envelope->headers =
			repalloc(envelope->headers, envelope->max_headers * sizeof(AgendaHeader));
	}
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

/* A header of the event's own: as it is, but for what is not printable ASCII. */
static const char *
header_text(AgendaEnvelope *envelope, const char *value)
{
	StringInfo text = &envelope->text;
	char *result = text->data + text->len;

	result[0] = '\0';
	for (; *value != '\0'; value++)
		if (*value < ' ' || *value > '~')
			append_encoded_byte(text, (unsigned char) *value);
		else
			appendStringInfoChar(text, *value);
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
	for (; *text != '\0'; text++)
	{
		unsigned char c = (unsigned char) *text;

		if (c <= ' ' || c == '"' || c == '%' || c > '~' ||
			(as_path_segment && strchr("/?#[]\\^`{|}<>", c) != NULL))
			append_encoded_byte(out, c);
		else
			appendStringInfoChar(out, c);
	}
}

static void
append_encoded_byte(StringInfo out, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";

	appendStringInfoChar(out, '%');
	appendStringInfoChar(out, hex[c >> 4]);
	appendStringInfoChar(out, hex[c & 15]);
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
