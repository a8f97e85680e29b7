/*
 * test_gw_header.c
 *	  Policing of headers, preconditions, request ids.
 */
#include "gateway/http_check.h"

#include "gateway/precondition.h"
#include "tap.h"

/* "Name: value" lines separated by '|' */
static unsigned int
check_lines(const char *lines, bool http_1_0, struct http_headers *out)
{
	struct header_check check = { .out = out };
	const struct problem_kind *kind;
	const char *detail;

	memset(out, 0, sizeof(*out));
	while (*lines != '\0')
	{
		size_t line = strcspn(lines, "|");
		const char *colon = memchr(lines, ':', line);
		size_t name = colon ? (size_t) (colon - lines) : line;
		static char values[16][64];
		char *value = values[check.fields % 16];

		(void) snprintf(value, sizeof(values[0]), "%.*s", colon ? (int) (line - name - 2) : 0,
						colon ? colon + 2 : "");
		header_check_field(&check, lines, name, value, strlen(value));
		lines += line + (lines[line] == '|');
	}
	kind = header_check_end(&check, http_1_0, 16384, &detail);
	return kind ? kind->status : 0;
}

static void
check(const char *lines, unsigned int wanted)
{
	struct http_headers h;

	is_int(check_lines(lines, false, &h), wanted, lines);
}

static void
test_policing(void)
{
	struct http_headers h;

	check("Host: a", 0);
	check("host: a:8000|Accept: */*|X-Any: \t tab", 0);
	check("Host: a|Content-Length: 5", 0);
	check("Host: a|Transfer-Encoding: chunked", 0);
	check("Host: a|Transfer-Encoding: CHUNKED", 0);
	check("Accept: */*", 400);
	check("Host: a|Host: a", 400);
	check("Host: a b", 400);
	check("Host: a|Content-Length: 5|Transfer-Encoding: chunked", 400);
	check("Host: a|Content-Length: 5|Content-Length: 5", 400);
	check("Host: a|Content-Length: 0|content-length: 28", 400);
	check("Host: a|Content-Length: +5", 400);
	check("Host: a|Content-Length: 5, 5", 400);
	check("Host: a|Content-Length: 0x5", 400);
	check("Host: a|Content-Length: ", 400);
	check("Host: a|Content-Length: 99999999999999999999", 400);
	check("Host: a|Transfer-Encoding: gzip, chunked", 501);
	check("Host: a|Transfer-Encoding: identity", 501);
	check("Host: a|Transfer-Encoding: chunked|Transfer-Encoding: chunked", 501);
	check("Host: a|Transfer-Encoding : chunked", 400);
	check("Host: a|X Y: 1", 400);
	check("Host: a|X\x01: 1", 400);
	check("Host: a|X: a\x01", 400);
	check("Host: a|X: a\x7f", 400);
	check("Host: a|Authorization: Bearer x|Authorization: Bearer y", 400);
	check("Host: a|If-Match: \"1\"|If-Match: \"2\"", 400);
	is_int(check_lines("Accept: */*", true, &h), 0, "HTTP/1.0 needs no Host");
	is_int(check_lines("Host: a|Transfer-Encoding: chunked", true, &h), 400,
		   "HTTP/1.0 has no chunks");
}

static void
test_meaning(void)
{
	struct http_headers h;

	(void) check_lines("Host: a|Content-Length: 28|Expect: 100-continue|X-Request-Id: r", false,
					   &h);
	ok(h.has_body && h.content_length == 28 && h.expects_continue, "length and expectation");
	is_str(h.request_id, "r", "request id");
	(void) check_lines("Host: a|Content-Length: 0", false, &h);
	ok(!h.has_body, "a length of 0 is no body");
	(void) check_lines("Host: a|Transfer-Encoding: chunked", false, &h);
	ok(h.has_body, "chunks are a body");
}

static void
test_limits(void)
{
	struct http_headers h = { 0 };
	struct header_check many = { .out = &h };
	struct header_check large = { .out = &h };
	const char *detail;

	for (int i = 0; i < HEADER_MAX_FIELDS + 1; i++)
		header_check_field(&many, "Host", 4, "a", 1);
	is_int(header_check_end(&many, false, 16384, &detail)->status, 431, "too many fields");
	header_check_field(&large, "Host", 4, "a", 1);
	header_check_field(&large, "X", 1, "aaaaaaaaaa", 10);
	is_int(header_check_end(&large, false, 16, &detail)->status, 431, "too many bytes");
}

/* All versions that a field names, with blanks between them; "any" for no condition. */
static void
check_match(const char *field, const char *wanted)
{
	const char *rest = field;
	char version[24];
	char got[200] = "";

	for (int i = 0; i < 10; i++)
	{
		enum match match = next_version(&rest, version, sizeof(version));

		if (match == MATCH_ANY)
			strcat(got, "any");
		if (match != MATCH_VERSION)
			break;
		strcat(got, version);
		strcat(got, " ");
	}
	is_str(got, wanted, field ? field : "no If-Match");
}

static void
test_preconditions(void)
{
	check_match(NULL, "any");
	check_match("*", "any");
	check_match("\"17\"", "17 ");
	check_match("\"\"", "");
	check_match("\"abc\"", "");
	check_match("W/\"17\"", "");
	check_match("17", "");
	check_match("\"1234567890123456789\"", "");
	check_match("\"1\", \"2\"", "1 2 ");
	check_match("\"1\",W/\"2\" ,, \"x\",\"3\"", "1 3 ");
	check_match("\"x\", *", "any");
	is_int(count_tags(NULL), 0, "no tags");
	is_int(count_tags(", \"1\",,\"2\" "), 2, "two tags");
	ok(prefers_minimal("return=minimal"), "return=minimal");
	ok(prefers_minimal("wait=10, Return=Minimal; x"), "in a list, in any case");
	ok(!prefers_minimal("return=minimalist"), "another word");
	ok(!prefers_minimal("return=representation"), "the opposite");
	ok(!prefers_minimal(NULL), "nothing");
	ok(idempotency_key_valid("a 1~"), "a key");
	ok(!idempotency_key_valid(""), "an empty key");
	ok(!idempotency_key_valid("a\x80"), "a key that is not ASCII");
	ok(etag_listed("\"17\"", "\"17\""), "the same tag");
	ok(etag_listed("W/\"17\"", "\"17\""), "a weak tag");
	ok(etag_listed("\"1\", \"17\" ,\"3\"", "\"17\""), "in a list");
	ok(etag_listed("*", "\"17\""), "any");
	ok(!etag_listed("\"1\"", "\"17\""), "another");
	ok(!etag_listed("\"17\"x", "\"17\""), "something behind it");
	ok(!etag_listed("", "\"17\""), "nothing");
	ok(!etag_listed(",, ,", "\"17\""), "only commas");
}

static bool
good_trace(const char *s)
{
	return traceparent_valid(s, strlen(s));
}

static void
test_ids(void)
{
	char id[33];
	char other[33];
	char trace[TRACEPARENT_LEN + 1];

	make_request_id(id);
	make_request_id(other);
	ok(request_id_valid(id, 32) && strcmp(id, other) != 0, "made ids are valid and differ");
	make_traceparent(trace);
	ok(good_trace(trace), "made trace contexts are valid");
	ok(good_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),
	   "one from the standard");
	ok(!good_trace("00-00000000000000000000000000000000-b7ad6b7169203331-00"), "no trace id");
	ok(!good_trace("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-00"), "no span id");
	ok(!good_trace("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-00"), "upper case");
	ok(!good_trace("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"), "another version");
	ok(!good_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-000"), "too long");
	ok(!request_id_valid("", 0), "an empty request id");
	ok(!request_id_valid("a b", 3), "a request id with a space");
	ok(!request_id_valid("a\"b", 3), "a request id with a quote");
	ok(!request_id_valid("a\0b", 3), "a request id with a NUL");
}

int
main(void)
{
	test_policing();
	test_meaning();
	test_limits();
	test_preconditions();
	test_ids();
	return done_testing();
}
