/*
 * random_id.h
 *	  Request ids and trace contexts: unique, not secret.
 */
#ifndef AGENDA_GW_RANDOM_ID_H
#define AGENDA_GW_RANDOM_ID_H

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_ID_MAX  128
#define TRACEPARENT_LEN 55

extern void make_request_id(char out[33]);
extern void make_traceparent(char out[TRACEPARENT_LEN + 1]);
extern bool request_id_valid(const char *s, size_t len);
extern bool traceparent_valid(const char *s, size_t len);

#endif
