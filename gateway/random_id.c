/*
 * random_id.c
 *	  Request ids and trace contexts: unique, not secret.
 *
 * A xoshiro-like generator (splitmix64 over a counter) per thread, seeded from the kernel once: a
 * system call per request would cost more than the rest of the bookkeeping.
 */
#include "random_id.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static _Thread_local uint64_t state;
static _Thread_local bool seeded;

static uint64_t
next_random(void)
{
	uint64_t z;

	if (!seeded)
	{
		if (getrandom(&state, sizeof(state), 0) != (ssize_t) sizeof(state))
			abort();
		seeded = true;
	}
	z = (state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void
put_hex(char *out, uint64_t value)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++)
		out[i] = digits[(value >> (60 - 4 * i)) & 15];
}

void
make_request_id(char out[33])
{
	put_hex(out, next_random());
	put_hex(out + 16, next_random());
	out[32] = '\0';
}

/* A sampled root context; an all-zero id would be invalid and is as good as impossible. */
void
make_traceparent(char out[TRACEPARENT_LEN + 1])
{
	memcpy(out, "00-", 3);
	put_hex(out + 3, next_random());
	put_hex(out + 19, next_random());
	out[35] = '-';
	put_hex(out + 36, next_random());
	memcpy(out + 52, "-01", 4);
}

bool
request_id_valid(const char *s, size_t len)
{
	if (len == 0 || len > REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		char c = s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			  (c != 0 && strchr("-_.:+/=", c) != NULL)))
			return false;
	}
	return true;
}

static bool
hex_run(const char *s, size_t len, bool *zero)
{
	*zero = true;
	for (size_t i = 0; i < len; i++)
	{
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return false;
		if (s[i] != '0')
			*zero = false;
	}
	return true;
}

/* W3C Trace Context, version 00: two ids that are not zero. */
bool
traceparent_valid(const char *s, size_t len)
{
	bool zero_trace;
	bool zero_span;
	bool zero_flags;

	return len == TRACEPARENT_LEN && memcmp(s, "00-", 3) == 0 && s[35] == '-' && s[52] == '-' &&
		   hex_run(s + 3, 32, &zero_trace) && hex_run(s + 36, 16, &zero_span) &&
		   hex_run(s + 53, 2, &zero_flags) && !zero_trace && !zero_span;
}
