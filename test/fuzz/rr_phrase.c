/*
 * rr_phrase.c
 *		Fuzz target: any bytes are a phrase or an error with a position; what is understood is plain,
 *		and described, as the text of any rule is, in words that mean its plain form.
 */
#include "targets.h"

#include <stdlib.h>
#include <string.h>

#include "recurrence/phrase.h"

#define TODAY 20779 /* 2026-11-22 */

static void
check_description(const struct rr_rule *rule)
{
	static char words[RR_TEXT_MAX * 2];
	struct rr_phrase phrase;
	struct rr_phrase_error error;
	struct rr_rule plain;
	size_t len = rr_describe(rule, words, sizeof(words));

	rr_plain(rule, &plain);
	if (len >= sizeof(words) || !rr_phrase_parse(words, len, TODAY, &phrase, &error) ||
		memcmp(&phrase.rule, &plain, sizeof(plain)) != 0 || phrase.rest != len)
		abort();
}

int
fuzz_rr_phrase(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	struct rr_phrase phrase;
	struct rr_phrase_error error;
	struct rr_rule rule;
	struct rr_error rule_error;

	if (rr_phrase_parse(text, size, TODAY, &phrase, &error))
	{
		if (phrase.rest > size || phrase.at < -1 || phrase.at >= 86400)
			abort();
		check_description(&phrase.rule);
	}
	else if (error.code == RR_PHRASE_OK || error.position > error.end || error.end > size ||
			 rr_phrase_strerror(&error)[0] == '\0')
		abort();
	if (rr_parse(text, size, &rule, &rule_error))
		check_description(&rule);
	return 0;
}
