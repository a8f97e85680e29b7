/*
 * test_gw_json.c
 *	  Bodies that may go to the database, and JSON as the gateway writes it.
 */
#include "gateway/json_check.h"

#include <stdlib.h>

#include "gateway/strbuf.h"
#include "tap.h"

static void
check(const char *text, bool wanted)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	char error[200] = "";

	memcpy(copy, text, len);
	ok(json_check_object(copy, len, 4, error, sizeof(error)) == wanted, "%s",
	   len ? text : "(empty)");
	ok(wanted == (error[0] == '\0'), "... and a message if refused");
	free(copy);
}

static void
test_bodies(void)
{
	check("{}", true);
	check(" {\"title\":\"x\",\"n\":-1.5e3,\"b\":[true,false,null]} \n", true);
	check("{\"title\":\"\\ud83d\\ude00 \xc3\xa4\"}", true);
	check("{\"a\":{\"b\":{\"c\":[]}}}", true);
	check("{\"a\":\"{[{[{[{[\"}", true);
	check("", false);
	check("[]", false);
	check("null", false);
	check("17", false);
	check("{", false);
	check("{\"a\":1,}", false);
	check("{'a':1}", false);
	check("{\"a\":01}", false);
	check("{\"a\":NaN}", false);
	check("{\"a\":1}{\"b\":2}", false);
	check("{\"a\":1,\"a\":2}", false);
	check("{\"a\":\"\\u0000\"}", false);
	check("{\"a\":\"\\ud800\"}", false);
	check("{\"a\":\"\xc3\"}", false);
	check("{\"a\":\"\xc0\x80\"}", false);
	check("{\"a\":\"line\nbreak\"}", false);
	check("{\"a\":{\"b\":{\"c\":[[]]}}}", false);
	check("\xef\xbb\xbf{}", false);
}

static void
test_deep(void)
{
	size_t len = 200000;
	char *text = malloc(len);
	char error[200];

	memset(text, '[', len);
	ok(!json_check_object(text, len, 32, error, sizeof(error)), "200,000 brackets");
	free(text);
}

static void
test_strings(void)
{
	struct strbuf sb = { 0 };
	char *data;
	size_t len;

	sb_json_str(&sb, "a\"b\\c\n\t\x01\x7f\xc3\xa4/");
	is_str(sb.data, "\"a\\\"b\\\\c\\n\\u0009\\u0001\\u007f\xc3\xa4/\"", "escapes");
	sb_reset(&sb);
	sb_json_str(&sb, NULL);
	is_str(sb.data, "null", "no text is null");
	sb_reset(&sb);
	for (int i = 0; i < 1000; i++)
		sb_printf(&sb, "%d,", i);
	is_int((int64_t) sb.len, 3890, "a long text grows");
	data = sb_detach(&sb, &len);
	is_int((int64_t) len, 3890, "handed over with its length");
	free(data);
	sb_free(&sb);
}

int
main(void)
{
	test_bodies();
	test_deep();
	test_strings();
	return done_testing();
}
