/*
 * json_text.h
 *		Pieces of JSON text.
 */
#ifndef AGENDA_JSON_TEXT_H
#define AGENDA_JSON_TEXT_H

#include "lib/stringinfo.h"
#include "utils/uuid.h"

#define AGENDA_UUID_SIZE 37 /* with the closing null byte */

/* Appends a string with its quotes; the bytes are valid in the server's encoding. */
extern void agenda_json_string(StringInfo out, const char *s, int length);
extern void agenda_uuid_text(const pg_uuid_t *uuid, char buf[AGENDA_UUID_SIZE]);

#endif
