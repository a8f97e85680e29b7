/*
 * position.h
 *	  Positions of the log, as clients hold them.
 */
#ifndef AGENDA_GW_POSITION_H
#define AGENDA_GW_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#define POSITION_MAX 64 /* bytes of its text, with the terminator */

/* Between two ticks of the log: what stands behind seq of what came after tick, up to until. */
struct position
{
	int64_t tick;
	int64_t seq;   /* 0: all of it */
	int64_t until; /* -1: not said */
};

extern bool position_parse(struct position *out, const char *text);
extern bool position_is_tick(const struct position *position);

#endif
