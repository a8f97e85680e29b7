/*
 * log.h
 *	  JSON lines on standard error.
 */
#ifndef AGENDA_GW_LOG_H
#define AGENDA_GW_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "strbuf.h"

enum log_level
{
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR
};

/* one finished request, as the access log shows it */
struct log_request
{
	const char *method;
	const char *path; /* decoded, without the query, which may hold a ticket */
	const char *route;
	const char *user; /* NULL: nobody */
	const char *request_id;
	const char *remote;
	const char *code; /* SQLSTATE or problem name, NULL: none */
	unsigned int status;
	uint64_t bytes;
	uint64_t micros;
};

extern void log_init(const char *level);
extern void log_event(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
extern void log_request(struct strbuf *buf, const struct log_request *r);
extern void log_flush(struct strbuf *buf);

#endif
