/*
 * gw_header.c
 *		Fuzz target: lines "name: value" as the header of a request are accepted or refused, and
 *		what is accepted has at most one length, no length beside chunks, and one Host.
 */
#include "targets.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/http_check.h"
#include "gateway/precondition.h"

static int
count(char *const *names, int n, const char *wanted)
{
	int found = 0;

	for (int i = 0; i < n; i++)
		found += strcasecmp(names[i], wanted) == 0;
	return found;
}

/* What may only depend on a field's text. */
static void
use_fields(const struct http_headers *h)
{
	const char *rest = h->if_match;
	char version[24];

	for (int i = 0; i < 100 && next_version(&rest, version, sizeof(version)) == MATCH_VERSION; i++)
		if (strlen(version) == 0 || strspn(version, "0123456789") != strlen(version))
			abort();
	if (h->if_none_match != NULL)
		(void) etag_listed(h->if_none_match, "\"17\"");
	(void) count_tags(h->if_match);
	(void) prefers_minimal(h->prefer);
	if (h->idempotency_key != NULL)
		(void) idempotency_key_valid(h->idempotency_key);
	if (h->traceparent != NULL)
		(void) traceparent_valid(h->traceparent, strlen(h->traceparent));
	if (h->request_id != NULL)
		(void) request_id_valid(h->request_id, strlen(h->request_id));
}

int
fuzz_gw_header(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct http_headers headers = { 0 };
	struct header_check check = { .out = &headers };
	const char *detail = NULL;
	char *names[HEADER_MAX_FIELDS + 8];
	int n = 0;

	memcpy(text, data, size);
	text[size] = '\0';
	for (char *line = strtok(text, "\n"); line != NULL && n < HEADER_MAX_FIELDS + 8;
		 line = strtok(NULL, "\n"))
	{
		char *colon = strchr(line, ':');
		char *value = colon ? colon + 1 : line + strlen(line);

		if (colon != NULL)
			*colon = '\0';
		value += strspn(value, " \t");
		names[n++] = line;
		header_check_field(&check, line, strlen(line), value, strlen(value));
	}
	if (header_check_end(&check, false, 16384, &detail) == NULL)
	{
		int lengths = count(names, n, "Content-Length");
		int codings = count(names, n, "Transfer-Encoding");

		if (lengths + codings > 1 || count(names, n, "Host") != 1 || n > HEADER_MAX_FIELDS)
			abort();
		use_fields(&headers);
	}
	free(text);
	return 0;
}
