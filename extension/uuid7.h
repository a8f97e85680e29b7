/*
 * uuid7.h
 *		Time-ordered identifiers, RFC 9562 version 7.
 */
#ifndef AGENDA_UUID7_H
#define AGENDA_UUID7_H

#include "utils/uuid.h"

/* A new identifier, later than every other that this backend has made. */
extern void agenda_uuid7_make(pg_uuid_t *uuid);
/* The one that this backend has made last. */
extern bool agenda_uuid7_is_newest(const pg_uuid_t *uuid);

#endif
