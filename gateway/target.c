/*
 * target.c
 *	  The request target: taken raw, split and percent-decoded by ourselves.
 *
 * Pure: pointer and length in, pointers into the caller's work space out, no allocation, no state.
 * The path is split at '/' before it is decoded, so that %2F is a character of a segment and not
 * a separator.
 */
#include "target.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decode [s, s + len) to *out, which is advanced past the terminating NUL. */
static enum target_result
decode(const char *s, size_t len, bool plus_is_space, char **out)
{
	char *start = *out;
	char *o = start;

	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) s[i];

		if (c == '+' && plus_is_space)
			c = ' ';
		else if (c == '%')
		{
			int high = len - i < 3 ? -1 : hex_value(s[i + 1]);
			int low = len - i < 3 ? -1 : hex_value(s[i + 2]);

			if (high < 0 || low < 0)
				return TARGET_BAD_ESCAPE;
			c = (unsigned char) (high * 16 + low);
			if (c < 0x20 || c == 0x7f)
				return TARGET_BAD_CHARACTER;
			i += 2;
		}
		*o++ = (char) c;
	}
	*o = '\0';
	*out = o + 1;
	return utf8_valid(start, (size_t) (o - start)) ? TARGET_OK : TARGET_BAD_CHARACTER;
}

static enum target_result
parse_path(struct target *t, const char *s, const char *end, char **work)
{
	char *decoded = *work;
	enum target_result result = decode(s, (size_t) (end - s), false, work);

	if (result != TARGET_OK)
		return result;
	t->path = decoded;
	s++; /* the leading slash */
	if (s < end && end[-1] == '/')
		end--; /* one slash at the end is forgiven */
	while (s < end)
	{
		const char *slash = memchr(s, '/', (size_t) (end - s));
		const char *stop = slash ? slash : end;

		if (t->n_segments == TARGET_SEGMENTS)
		{
			t->n_segments = -1;
			return TARGET_OK;
		}
		t->segments[t->n_segments++] = *work;
		result = decode(s, (size_t) (stop - s), false, work);
		if (result != TARGET_OK)
			return result;
		s = slash ? slash + 1 : end;
	}
	return TARGET_OK;
}

static enum target_result
parse_query(struct target *t, const char *s, const char *end, char **work)
{
	while (s < end)
	{
		const char *amp = memchr(s, '&', (size_t) (end - s));
		const char *stop = amp ? amp : end;
		const char *eq = memchr(s, '=', (size_t) (stop - s));
		const char *name_end = eq ? eq : stop;
		struct target_param *p;
		enum target_result result;

		if (stop > s)
		{
			if (t->n_params == TARGET_PARAMS)
				return TARGET_TOO_MANY;
			p = &t->params[t->n_params++];
			p->name = *work;
			result = decode(s, (size_t) (name_end - s), true, work);
			if (result != TARGET_OK)
				return result;
			p->value = *work;
			result = decode(eq ? eq + 1 : stop, eq ? (size_t) (stop - eq - 1) : 0, true, work);
			if (result != TARGET_OK)
				return result;
		}
		s = amp ? amp + 1 : end;
	}
	return TARGET_OK;
}

/* absolute-form: skip scheme and authority; what they say is for proxies */
static const char *
skip_authority(const char *raw, const char *end)
{
	size_t len = (size_t) (end - raw);
	size_t scheme;
	const char *slash;

	if (len > 7 && strncasecmp(raw, "http://", 7) == 0)
		scheme = 7;
	else if (len > 8 && strncasecmp(raw, "https://", 8) == 0)
		scheme = 8;
	else
		return raw;
	slash = memchr(raw + scheme, '/', len - scheme);
	return slash ? slash : end;
}

/* Split and decode; work must have TARGET_WORK_SIZE(len) bytes and live as long as *out. */
enum target_result
target_parse(struct target *out, const char *raw, size_t len, char *work)
{
	const char *end = raw + len;
	const char *query;
	enum target_result result;

	memset(out, 0, sizeof(*out));
	out->path = "";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char) raw[i] <= 0x20 || raw[i] == 0x7f || raw[i] == '#')
			return TARGET_BAD_CHARACTER;
	if (len == 1 && raw[0] == '*')
	{
		out->path = "*";
		out->n_segments = -1;
		return TARGET_OK;
	}
	raw = skip_authority(raw, end);
	if (raw == end || raw[0] != '/')
		return TARGET_BAD_FORM;
	query = memchr(raw, '?', (size_t) (end - raw));
	result = parse_path(out, raw, query ? query : end, &work);
	if (result == TARGET_OK && query != NULL)
		result = parse_query(out, query + 1, end, &work);
	return result;
}

const char *
target_error(enum target_result result)
{
	switch (result)
	{
		case TARGET_OK:
			break;
		case TARGET_BAD_FORM:
			return "the request target is neither a path nor an http URL";
		case TARGET_BAD_CHARACTER:
			return "the request target contains a character that is not allowed, or is not UTF-8";
		case TARGET_BAD_ESCAPE:
			return "a percent sign in the request target is not followed by two hexadecimal digits";
		case TARGET_TOO_MANY:
			return "the request target has too many parameters";
	}
	return "";
}

/* Well-formed UTF-8 as Unicode has it: no overlong forms, no surrogates, nothing past U+10FFFF. */
bool
utf8_valid(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *) text;
	size_t i = 0;

	while (i < len)
	{
		unsigned char c = s[i];
		unsigned char low = 0x80;
		unsigned char high = 0xbf;
		size_t more;

		if (c < 0x80)
		{
			i++;
			continue;
		}
		if (c >= 0xc2 && c <= 0xdf)
			more = 1;
		else if (c >= 0xe0 && c <= 0xef)
			more = 2;
		else if (c >= 0xf0 && c <= 0xf4)
			more = 3;
		else
			return false;
		if (c == 0xe0)
			low = 0xa0;
		else if (c == 0xed)
			high = 0x9f;
		else if (c == 0xf0)
			low = 0x90;
		else if (c == 0xf4)
			high = 0x8f;
		if (len - i <= more || s[i + 1] < low || s[i + 1] > high)
			return false;
		for (size_t k = 2; k <= more; k++)
			if ((s[i + k] & 0xc0) != 0x80)
				return false;
		i += more + 1;
	}
	return true;
}
