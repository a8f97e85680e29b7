/*
 * strbuf.c
 *	  A growing byte string.
 *
 * Called from everywhere in the gateway; holds no global state and is safe in every thread as
 * long as each strbuf belongs to one of them.
 */
#include "strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
check_memory(void *p)
{
	if (p == NULL)
	{
		(void) fputs("agenda-gateway: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
xmalloc(size_t size)
{
	return check_memory(malloc(size));
}

void *
xcalloc(size_t n, size_t size)
{
	return check_memory(calloc(n, size));
}

char *
xstrdup(const char *s)
{
	return check_memory(strdup(s));
}

static void
reserve(struct strbuf *sb, size_t more)
{
	size_t cap = sb->cap == 0 ? 256 : sb->cap;

	if (sb->len + more + 1 <= sb->cap)
		return;
	while (cap < sb->len + more + 1)
		cap *= 2;
	sb->data = check_memory(realloc(sb->data, cap));
	sb->cap = cap;
}

void
sb_putn(struct strbuf *sb, const char *s, size_t len)
{
	reserve(sb, len);
	if (len > 0)
		memcpy(sb->data + sb->len, s, len);
	sb->len += len;
	sb->data[sb->len] = '\0';
}

void
sb_puts(struct strbuf *sb, const char *s)
{
	sb_putn(sb, s, strlen(s));
}

void
sb_putc(struct strbuf *sb, char c)
{
	sb_putn(sb, &c, 1);
}

void
sb_printf(struct strbuf *sb, const char *fmt, ...)
{
	va_list args;
	int len;

	reserve(sb, 128);
	va_start(args, fmt);
	len = vsnprintf(sb->data + sb->len, sb->cap - sb->len, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t) len >= sb->cap - sb->len)
	{
		reserve(sb, (size_t) len);
		va_start(args, fmt);
		(void) vsnprintf(sb->data + sb->len, sb->cap - sb->len, fmt, args);
		va_end(args);
	}
	sb->len += (size_t) len;
}

/* Append s as a JSON string with its quotes.  s must be UTF-8; it may contain any byte else. */
void
sb_json(struct strbuf *sb, const char *s, size_t len)
{
	size_t from = 0;

	sb_putc(sb, '"');
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) s[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		sb_putn(sb, s + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
			sb_printf(sb, "\\%c", c);
		else if (c == '\n')
			sb_puts(sb, "\\n");
		else
			sb_printf(sb, "\\u%04x", c);
	}
	sb_putn(sb, s + from, len - from);
	sb_putc(sb, '"');
}

void
sb_json_str(struct strbuf *sb, const char *s)
{
	if (s == NULL)
		sb_puts(sb, "null");
	else
		sb_json(sb, s, strlen(s));
}

void
sb_reset(struct strbuf *sb)
{
	sb->len = 0;
}

void
sb_free(struct strbuf *sb)
{
	free(sb->data);
	memset(sb, 0, sizeof(*sb));
}

/* The text now belongs to the caller, who frees it with free(). */
char *
sb_detach(struct strbuf *sb, size_t *len)
{
	char *data;

	reserve(sb, 0);
	data = sb->data;
	data[sb->len] = '\0';
	if (len != NULL)
		*len = sb->len;
	memset(sb, 0, sizeof(*sb));
	return data;
}
