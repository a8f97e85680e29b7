/*
 * json_text.c
 *		Pieces of JSON text, for strings that need not end with a null byte.
 *
 * The server's escape_json() goes byte by byte; here runs without anything to escape are copied
 * as they are, which is nearly all there is.
 */
#include "postgres.h"

#include "json_text.h"

static const char hex[] = "0123456789abcdef";

static void
escape(StringInfo out, unsigned char c)
{
	static const char *const known = "\b\t\n\f\r\"\\";
	static const char *const letters = "btnfr\"\\";
	const char *found = strchr(known, c);

	appendStringInfoChar(out, '\\');
	if (found != NULL)
		appendStringInfoChar(out, letters[found - known]);
	else
	{
		appendStringInfoString(out, "u00");
		appendStringInfoChar(out, hex[c >> 4]);
		appendStringInfoChar(out, hex[c & 15]);
	}
}

void
agenda_json_string(StringInfo out, const char *s, int length)
{
	int start = 0;

	appendStringInfoChar(out, '"');
	for (int i = 0; i < length; i++)
	{
		unsigned char c = s[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		appendBinaryStringInfo(out, s + start, i - start);
		escape(out, c);
		start = i + 1;
	}
	appendBinaryStringInfo(out, s + start, length - start);
	appendStringInfoChar(out, '"');
}

void
agenda_uuid_text(const pg_uuid_t *uuid, char buf[AGENDA_UUID_SIZE])
{
	char *p = buf;

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[uuid->data[i] >> 4];
		*p++ = hex[uuid->data[i] & 15];
	}
	*p = '\0';
}
