/*
 * problem.h
 *	  RFC 9457 problem documents, and the way from a SQLSTATE to one.
 */
#ifndef AGENDA_GW_PROBLEM_H
#define AGENDA_GW_PROBLEM_H

#include "strbuf.h"

/* what went wrong, as a class: one entry per kind of problem */
struct problem_kind
{
	const char *sqlstate; /* state or two-character class; NULL: the gateway's own */
	unsigned int status;
	const char *name; /* last part of the type URI */
	const char *title;
};

/* what went wrong this time */
struct problem
{
	const struct problem_kind *kind;
	const char *code;    /* five-character SQLSTATE, NULL: the kind's own code */
	const char *detail;  /* NULL: none */
	const char *hint;    /* what to do instead, NULL: none */
	const char *pointer; /* member of the body that is at fault, NULL: unknown */
	const char *instance;
	const char *request_id;
};

/* problems of the gateway itself */
extern const struct problem_kind PROBLEM_BAD_REQUEST;
extern const struct problem_kind PROBLEM_INVALID_JSON;
extern const struct problem_kind PROBLEM_UNAUTHORIZED;
extern const struct problem_kind PROBLEM_CERTIFICATE;
extern const struct problem_kind PROBLEM_FORBIDDEN;
extern const struct problem_kind PROBLEM_NOT_FOUND;
extern const struct problem_kind PROBLEM_METHOD_NOT_ALLOWED;
extern const struct problem_kind PROBLEM_PRECONDITION_FAILED;
extern const struct problem_kind PROBLEM_BODY_TOO_LARGE;
extern const struct problem_kind PROBLEM_URI_TOO_LONG;
extern const struct problem_kind PROBLEM_UNSUPPORTED_MEDIA_TYPE;
extern const struct problem_kind PROBLEM_HEADER_TOO_LARGE;
extern const struct problem_kind PROBLEM_RATE_LIMITED;
extern const struct problem_kind PROBLEM_TOO_MANY_STREAMS;
extern const struct problem_kind PROBLEM_INTERNAL;
extern const struct problem_kind PROBLEM_NOT_IMPLEMENTED;
extern const struct problem_kind PROBLEM_UNAVAILABLE;
extern const struct problem_kind PROBLEM_OVERLOADED;
extern const struct problem_kind PROBLEM_OUTCOME_UNKNOWN;
extern const struct problem_kind PROBLEM_DRAINING;

extern const struct problem_kind *problem_of_sqlstate(const char *sqlstate);
extern const char *problem_code(const struct problem *p);
extern void problem_render(struct strbuf *out, const struct problem *p);

#endif
