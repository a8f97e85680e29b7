/*
 * gw_position.c
 *		Fuzz target: what is taken for a position of the log is digits and points that fit where they are
 *		kept, and comes out the same when it is written and read again.
 */
#include "targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/position.h"

static bool
same(const struct position *a, const struct position *b)
{
	return a->tick == b->tick && a->seq == b->seq && a->until == b->until;
}

int
fuzz_gw_position(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	char again[POSITION_MAX];
	struct position position;
	struct position reread;

	memcpy(text, data, size);
	text[size] = '\0';
	if (position_parse(&position, text))
	{
		int len = position.until < 0
					  ? snprintf(again, sizeof(again), "%lld.%lld", (long long) position.tick,
								 (long long) position.seq)
					  : snprintf(again, sizeof(again), "%lld.%lld.%lld", (long long) position.tick,
								 (long long) position.seq, (long long) position.until);

		if (strlen(text) >= POSITION_MAX || strspn(text, "0123456789.") != strlen(text) ||
			len >= POSITION_MAX || !position_parse(&reread, again) || !same(&position, &reread))
			abort();
	}
	free(text);
	return 0;
}
