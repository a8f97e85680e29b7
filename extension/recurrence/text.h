/*
 * text.h
 *		Output of text into a buffer of the caller, for the recurrence library alone.
 *
 * As snprintf: what does not fit is counted, not written, and the text always ends in NUL.
 */
#ifndef RR_TEXT_H
#define RR_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct rr_out
{
	char *buf;
	size_t size;
	size_t len; /* of the whole text, whether it fits or not */
};

static inline void
rr_put_char(struct rr_out *out, char c)
{
	if (out->len + 1 < out->size)
		out->buf[out->len] = c;
	out->len++;
}

static inline void
rr_put(struct rr_out *out, const char *text)
{
	while (*text != '\0')
		rr_put_char(out, *text++);
}

/* a number >= 0 with at least that many digits */
static inline void
rr_put_number(struct rr_out *out, int64_t number, int digits)
{
	char reversed[20];
	int n = 0;

	while (number > 0 || n < digits)
	{
		reversed[n++] = (char) ('0' + number % 10);
		number /= 10;
	}
	while (n > 0)
		rr_put_char(out, reversed[--n]);
}

/* end the text; the length it needs */
static inline size_t
rr_put_end(struct rr_out *out)
{
	if (out->size > 0)
		out->buf[out->len < out->size ? out->len : out->size - 1] = '\0';
	return out->len;
}

#endif
