/*
 * position.c
 *	  Positions of the log, as clients hold them: TICK.SEQ or TICK.SEQ.UNTIL.  Pure.
 *
 * agenda.gw_changes() makes them and has the same rule for what one is.  A stream asks here first: once it
 * has begun, a position that is none could only end it, and the client would come back with it for ever.
 */
#include "position.h"

#include <stddef.h>

#define MAX_DIGITS 18 /* all such numbers are a bigint */

/* A number of digits only; where it ends, or NULL. */
static const char *
parse_number(int64_t *out, const char *s)
{
	int digits = 0;

	for (*out = 0; *s >= '0' && *s <= '9'; s++)
	{
		if (++digits > MAX_DIGITS)
			return NULL;
		*out = *out * 10 + (*s - '0');
	}
	return digits > 0 ? s : NULL;
}

/* False: it is none of ours. */
bool
position_parse(struct position *out, const char *text)
{
	out->until = -1;
	text = parse_number(&out->tick, text);
	if (text == NULL || *text++ != '.')
		return false;
	text = parse_number(&out->seq, text);
	if (text != NULL && *text == '.')
		text = parse_number(&out->until, text + 1);
	return text != NULL && *text == '\0';
}

/* Does it stand for a whole tick?  Then the rest may be in memory. */
bool
position_is_tick(const struct position *position)
{
	return position->seq == 0 && position->until < 0;
}
