/*
 * gw_json.c
 *		Fuzz target: any bytes are a JSON object within the depth, or refused with a reason; string
 *		escapes of ours give JSON again.
 */
#include "targets.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/json_check.h"
#include "gateway/strbuf.h"
#include "gateway/target.h"

int
fuzz_gw_json(const uint8_t *data, size_t size)
{
	char error[200] = "";
	const char *text = (const char *) data;

	if (!json_check_object(text, size, 32, error, sizeof(error)) && error[0] == '\0')
		abort();
	if (utf8_valid(text, size) && memchr(text, '\0', size) == NULL)
	{
		struct strbuf out = { 0 };
		json_t *again;

		sb_json(&out, text, size);
		again = json_loadb(out.data, out.len, JSON_DECODE_ANY, NULL);
		if (again == NULL || json_string_length(again) != size ||
			memcmp(json_string_value(again), text, size) != 0)
			abort();
		json_decref(again);
		sb_free(&out);
	}
	return 0;
}
