/*
 * precondition.h
 *	  If-Match, If-None-Match, Prefer and Idempotency-Key.
 */
#ifndef AGENDA_GW_PRECONDITION_H
#define AGENDA_GW_PRECONDITION_H

#include <stdbool.h>
#include <stddef.h>

enum match
{
	MATCH_ANY,
	MATCH_VERSION,
	MATCH_NONE
};

extern bool etag_listed(const char *list, const char *etag);
extern enum match next_version(const char **field, char *version, size_t size);
extern int count_tags(const char *field);
extern bool prefers_minimal(const char *field);
extern bool idempotency_key_valid(const char *key);

#endif
