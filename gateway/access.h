/*
 * access.h
 *	  From a well-formed header to "may go on" or a refusal.
 */
#ifndef AGENDA_GW_ACCESS_H
#define AGENDA_GW_ACCESS_H

#include "request.h"

extern bool access_init(const struct config *cfg, char *error, size_t error_size);
extern void access_check(struct request *req);
extern bool access_rate(struct request *req);
extern void access_refuse(struct request *req, const struct problem_kind *kind, const char *detail);

#endif
