/*
 * json_check.h
 *	  Is a request body a JSON object that PostgreSQL will take as jsonb?
 */
#ifndef AGENDA_GW_JSON_CHECK_H
#define AGENDA_GW_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

extern bool json_check_object(const char *text, size_t len, long max_depth, char *error,
							  size_t error_size);

#endif
