/*
 * rate.h
 *	  How many requests a user may send in a time.
 */
#ifndef AGENDA_GW_RATE_H
#define AGENDA_GW_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "request.h"

extern void rate_init(const struct config *cfg);
extern bool rate_take(const char *user, uint64_t now_us, struct rate_figures *figures);

#endif
