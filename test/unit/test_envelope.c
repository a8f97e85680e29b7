/*
 * test_envelope.c
 *		The CloudEvents envelope: value, headers, times, percent-encoding, trace contexts.
 *
 * Links the real envelope.c and PostgreSQL's StringInfo; the few server functions that it calls
 * besides are replaced here by the simplest thing that is right.
 */
#include "postgres.h"

#include <time.h>

#include "mb/pg_wchar.h"
#include "utils/datetime.h"
#include "utils/json.h"

#include "envelope.h"
#include "tap.h"

#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

/* ---- stand-ins for the server ----------------------------------------------------------------- */

static int encoding = PG_UTF8;

int
GetDatabaseEncoding(void)
{
	return encoding;
}

/* Knows LATIN1, as far as one letter; the result is good for a while. */
char *
pg_server_to_any(const char *s, int len, int target)
{
	static char buffers[8][256];
	static int next = 0;
	char *out;
	char *result;

	if (encoding == target)
		return (char *) s;
	out = result = buffers[next++ % 8];
	for (int i = 0; i < len; i++)
		if (s[i] == '\xfc')
			out += sprintf(out, "\xc3\xbc");
		else
			*out++ = s[i];
	*out = '\0';
	return result;
}

void
escape_json(StringInfo buf, const char *str)
{
	appendStringInfoChar(buf, '"');
	for (; *str != '\0'; str++)
	{
		if (*str == '"' || *str == '\\')
			appendStringInfoChar(buf, '\\');
		appendStringInfoChar(buf, *str);
	}
	appendStringInfoChar(buf, '"');
}

void
j2date(int jd, int *year, int *month, int *day)
{
	time_t seconds = ((time_t) jd - 2440588) * 86400;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	*year = tm.tm_year + 1900;
	*month = tm.tm_mon + 1;
	*day = tm.tm_mday;
}

/* ---- tests ------------------------------------------------------------------------------------ */

static const AgendaEvent sample = {
	.seq = 42,
	.id = "0190f3a0-0000-7000-8000-000000000001",
	.type = "task.created",
	.user_id = "0190f3a0-0000-7000-8000-000000000002",
	.subject = "thing",
	.key = "thing",
	.occurred_at = INT64CONST(789555845123456),
	.trace = TRACE,
	.request_id = "request 1",
	.data = "{\"a\": 1}",
};

/* NULL when there is no such header. */
static const char *
header(const AgendaEnvelope *envelope, const char *name)
{
	for (int i = 0; i < envelope->n_headers; i++)
		if (strcmp(envelope->headers[i].name, name) == 0)
			return envelope->headers[i].value;
	return NULL;
}

static void
is(const char *got, const char *expected, const char *what)
{
	is_str(got ? got : "(none)", expected ? expected : "(none)", what);
}

static void
test_whole_event(AgendaEnvelope *envelope)
{
	agenda_envelope_build(envelope, &sample, AGENDA_MODE_STRUCTURED);
	is(envelope->value.data,
	   "{\"specversion\":\"1.0\",\"id\":\"0190f3a0-0000-7000-8000-000000000001\","
	   "\"source\":\"/my%20cluster/a%2Fb\",\"type\":\"task.created\",\"subject\":\"thing\","
	   "\"time\":\"2025-01-07T09:04:05.123456Z\",\"datacontenttype\":\"application/json\","
	   "\"partitionkey\":\"thing\",\"sequence\":\"00000000000000000042\","
	   "\"userid\":\"0190f3a0-0000-7000-8000-000000000002\",\"traceparent\":\"" TRACE "\","
	   "\"correlationid\":\"request 1\","
	   "\"data\":{\"a\": 1}}",
	   "value of a complete event");
	ok(envelope->n_headers == 13, "all headers");
	is(header(envelope, "content-type"), "application/cloudevents+json; charset=UTF-8",
	   "content-type");
	is(header(envelope, "ce_specversion"), "1.0", "ce_specversion");
	is(header(envelope, "ce_id"), sample.id, "ce_id");
	is(header(envelope, "ce_source"), "/my%20cluster/a%2Fb", "ce_source");
	is(header(envelope, "ce_type"), "task.created", "ce_type");
	is(header(envelope, "ce_subject"), "thing", "ce_subject");
	is(header(envelope, "ce_time"), "2025-01-07T09:04:05.123456Z", "ce_time");
	is(header(envelope, "ce_datacontenttype"), "application/json", "ce_datacontenttype");
	is(header(envelope, "ce_partitionkey"), "thing", "ce_partitionkey");
	is(header(envelope, "ce_sequence"), "00000000000000000042", "ce_sequence");
	is(header(envelope, "ce_userid"), sample.user_id, "ce_userid");
	is(header(envelope, "ce_correlationid"), "request%201", "ce_correlationid");
	is(header(envelope, "traceparent"), TRACE, "traceparent");
}

static void
test_replayed(AgendaEnvelope *envelope)
{
	AgendaEvent event = sample;

	event.seq = 99;
	event.replay_of = 42;
	agenda_envelope_build(envelope, &event, AGENDA_MODE_STRUCTURED);
	ok(strstr(envelope->value.data, "\"sequence\":\"00000000000000000042\"") != NULL &&
		   strstr(envelope->value.data, ",\"replayed\":true,\"data\":") != NULL,
	   "a repetition has the number of the event and says that it is one");
	is(header(envelope, "ce_sequence"), "00000000000000000042", "ce_sequence of a repetition");
	is(header(envelope, "ce_replayed"), "true", "ce_replayed");
	ok(envelope->n_headers == 14, "all headers");
}

static void
test_absent_attributes(AgendaEnvelope *envelope)
{
	AgendaEvent event = { .seq = 1, .id = "i", .type = "t" };

	agenda_envelope_build(envelope, &event, AGENDA_MODE_STRUCTURED);
	is(envelope->value.data,
	   "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"/my%20cluster/a%2Fb\",\"type\":\"t\","
	   "\"time\":\"2000-01-01T00:00:00.000000Z\",\"datacontenttype\":\"application/json\","
	   "\"sequence\":\"00000000000000000001\"}",
	   "absent attributes are left out of the value");
	is(header(envelope, "ce_subject"), NULL, "no ce_subject");
	is(header(envelope, "ce_partitionkey"), NULL, "no ce_partitionkey");
	is(header(envelope, "ce_userid"), NULL, "no ce_userid");
	is(header(envelope, "ce_correlationid"), NULL, "no ce_correlationid");
	is(header(envelope, "traceparent"), NULL, "no traceparent");
}

static void
test_times(AgendaEnvelope *envelope)
{
	static const struct
	{
		TimestampTz time;
		const char *text;
	} cases[] = {
		{ 0, "2000-01-01T00:00:00.000000Z" },
		{ -1, "1999-12-31T23:59:59.999999Z" },
		{ -USECS_PER_DAY, "1999-12-31T00:00:00.000000Z" },
		{ 59 * USECS_PER_DAY, "2000-02-29T00:00:00.000000Z" },
		{ USECS_PER_DAY - 1, "2000-01-01T23:59:59.999999Z" },
	};
	AgendaEvent event = sample;

	for (int i = 0; i < lengthof(cases); i++)
	{
		event.occurred_at = cases[i].time;
		agenda_envelope_build(envelope, &event, AGENDA_MODE_STRUCTURED);
		is(header(envelope, "ce_time"), cases[i].text, cases[i].text);
	}
}

static void
test_header_encoding(AgendaEnvelope *envelope)
{
	static const char *const cases[][2] = {
		{ "a b", "a%20b" },
		{ "100%", "100%25" },
		{ "\"q\"", "%22q%22" },
		{ "line\r\nInjected: 1", "line%0D%0AInjected:%201" },
		{ "B\xc3\xbcro", "B%C3%BCro" },
		{ "tab\tdel\x7f", "tab%09del%7F" },
		{ "!#$&'()*+,-./09:;<=>?@AZ[]^_`az{|}~", "!#$&'()*+,-./09:;<=>?@AZ[]^_`az{|}~" },
		{ "", "" },
	};
	AgendaEvent event = sample;

	for (int i = 0; i < lengthof(cases); i++)
	{
		event.subject = cases[i][0];
		agenda_envelope_build(envelope, &event, AGENDA_MODE_STRUCTURED);
		is(header(envelope, "ce_subject"), cases[i][1], "header encoding");
		is(header(envelope, "ce_partitionkey"), "thing", "the next header is not touched");
	}
}

static void
test_trace(AgendaEnvelope *envelope)
{
	static const struct
	{
		const char *trace;
		bool valid;
	} cases[] = {
		{ TRACE, true },
		{ "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-ever", true },
		{ "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true },
		{ "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false },
		{ "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false },
		{ "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false },
		{ "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false },
		{ "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false },
		{ "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false },
		{ "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", false },
		{ "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-a\r\nb", false },
		{ "0190f3a0-0000-7000-8000-000000000001", false },
		{ "0", false },
	};
	AgendaEvent event = sample;

	event.request_id = NULL;
	for (int i = 0; i < lengthof(cases); i++)
	{
		event.trace = cases[i].trace;
		agenda_envelope_build(envelope, &event, AGENDA_MODE_STRUCTURED);
		is(header(envelope, "traceparent"), cases[i].valid ? cases[i].trace : NULL,
		   "traceparent header only for a W3C trace context");
		ok(!!strstr(envelope->value.data,
					cases[i].valid ? "\"traceparent\":" : "\"correlationid\":"),
		   "attribute of case %d", i);
	}
	event.trace = "";
	agenda_envelope_build(envelope, &event, AGENDA_MODE_STRUCTURED);
	ok(!strstr(envelope->value.data, "correlationid"), "an empty trace is none");
}

static void
test_other_encoding(AgendaEnvelope *envelope)
{
	AgendaEvent event = sample;

	encoding = PG_LATIN1;
	event.subject = "B\xfcro";
	event.data = "\"\xfc\"";
	agenda_envelope_build(envelope, &event, AGENDA_MODE_STRUCTURED);
	encoding = PG_UTF8;
	is(header(envelope, "ce_subject"), "B%C3%BCro", "headers of a LATIN1 database");
	ok(!!strstr(envelope->value.data, "\"subject\":\"B\xc3\xbcro\""), "its attributes");
	ok(!!strstr(envelope->value.data, "\"data\":\"\xc3\xbc\"}"), "its data");
}

static void
test_escaping(AgendaEnvelope *envelope)
{
	AgendaEvent event = sample;

	event.type = "a\"b";
	event.key = "c\\d";
	agenda_envelope_build(envelope, &event, AGENDA_MODE_STRUCTURED);
	ok(!!strstr(envelope->value.data, "\"type\":\"a\\\"b\""), "type is escaped");
	ok(!!strstr(envelope->value.data, "\"partitionkey\":\"c\\\\d\""), "key is escaped");
}

/* Long attributes make the buffers grow; the header pointers must follow. */
static void
test_growth(AgendaEnvelope *envelope)
{
	static char subject[20001];
	static char key[20001];
	AgendaEvent event = sample;

	memset(subject, '%', sizeof(subject) - 1);
	memset(key, 'k', sizeof(key) - 1);
	event.subject = subject;
	event.key = key;
	agenda_envelope_build(envelope, &event, AGENDA_MODE_STRUCTURED);
	ok(strlen(header(envelope, "ce_subject")) == 60000, "a long subject is encoded");
	is(header(envelope, "ce_partitionkey"), key, "a long key is there");
	is(header(envelope, "ce_sequence"), "00000000000000000042", "and what came before it");
}

int
main(void)
{
	/* static, or the leak check would find what it holds at the end */
	static AgendaEnvelope envelope;

	agenda_envelope_init(&envelope, "my cluster", "a/b");
	test_whole_event(&envelope);
	test_replayed(&envelope);
	test_absent_attributes(&envelope);
	test_times(&envelope);
	test_header_encoding(&envelope);
	test_trace(&envelope);
	test_other_encoding(&envelope);
	test_escaping(&envelope);
	test_growth(&envelope);
	return done_testing();
}
