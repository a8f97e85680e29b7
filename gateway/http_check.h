/*
 * http_check.h
 *	  What a request's header must satisfy before anybody looks at its meaning.
 */
#ifndef AGENDA_GW_HTTP_CHECK_H
#define AGENDA_GW_HTTP_CHECK_H

#include "request.h"

/* collects what the fields of one header say */
struct header_check
{
	const char *end; /* of the last piece seen; NULL: the layout is not checked */
	struct http_headers *out;
	size_t bytes;
	int fields;
	int hosts;
	int lengths;
	int codings;
	bool chunked;
	const char *trouble; /* the first thing that is wrong */
};

#define HEADER_MAX_FIELDS 64

extern void header_check_piece(struct header_check *check, const char *begin, const char *end);
extern void header_check_field(struct header_check *check, const char *name, size_t name_len,
							   const char *value, size_t value_len);
extern void header_check_last(struct header_check *check, const char *header_end);
extern const struct problem_kind *header_check_end(struct header_check *check, bool http_1_0,
												   size_t max_bytes, const char **detail);

#endif
