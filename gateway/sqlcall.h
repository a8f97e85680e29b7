/*
 * sqlcall.h
 *	  The generic handler: request -> SQL function -> answer.
 */
#ifndef AGENDA_GW_SQLCALL_H
#define AGENDA_GW_SQLCALL_H

#include "http.h"

extern const struct http_hooks sqlcall_hooks;

/* for unit tests */
extern bool etag_listed(const char *list, const char *etag);
extern bool parse_if_match(const char *field, char *version, size_t size, const char **trouble);

#endif
