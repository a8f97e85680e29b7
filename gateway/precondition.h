/*
 * precondition.h
 *	  If-Match and If-None-Match.
 */
#ifndef AGENDA_GW_PRECONDITION_H
#define AGENDA_GW_PRECONDITION_H

#include <stdbool.h>
#include <stddef.h>

extern bool etag_listed(const char *list, const char *etag);
extern bool parse_if_match(const char *field, char *version, size_t size, const char **trouble);

#endif
