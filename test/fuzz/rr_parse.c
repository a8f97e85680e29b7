/*
 * rr_parse.c
 *		Fuzz target: any bytes are a rule or an error with a position, and what is a rule can be
 *		written and read again without a change.
 */
#include "targets.h"

#include <stdlib.h>
#include <string.h>

#include "recurrence/rrule.h"

static void
check_rule(const struct rr_rule *rule)
{
	static char text[RR_TEXT_MAX];
	static char again[RR_TEXT_MAX];
	static char words[RR_TEXT_MAX];
	struct rr_rule copy;
	struct rr_error error;
	size_t len = rr_format(rule, text, sizeof(text));

	if (len >= sizeof(text) || !rr_parse(text, len, &copy, &error) ||
		memcmp(&copy, rule, sizeof(copy)) != 0)
		abort();
	if (rr_format(&copy, again, sizeof(again)) != len || memcmp(text, again, len) != 0)
		abort();
	/* a short buffer gets the beginning, and the same length is asked for */
	if (rr_format(rule, again, 10) != len || strlen(again) != 9 || memcmp(text, again, 9) != 0)
		abort();
	if (rr_describe(rule, words, sizeof(words)) == 0)
		abort();
}

int
fuzz_rr_parse(const uint8_t *data, size_t size)
{
	struct rr_rule rule;
	struct rr_error error;

	if (rr_parse((const char *) data, size, &rule, &error))
		check_rule(&rule);
	else if (error.position > size || error.code == RR_OK || rr_strerror(error.code)[0] == '\0')
		abort();
	return 0;
}
