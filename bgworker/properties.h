/*
 * properties.h
 *		Files of "name=value" lines, for what must not stand in settings.
 */
#ifndef AGENDA_PROPERTIES_H
#define AGENDA_PROPERTIES_H

#include "lib/stringinfo.h"

/* One property, and where it stands, for messages: line 3 of Kafka configuration file "…". */
typedef void (*AgendaPropertyTaker)(const char *name, const char *value, const char *where,
									void *arg);

/*
 * Hands every property of the file to take(), in the order of its lines.  A line without "=" is
 * reported and skipped; kind says what file it is ("Kafka configuration file").  False, with errno,
 * when the file cannot be read.
 */
extern bool agenda_properties_read(const char *path, const char *kind, AgendaPropertyTaker take,
								   void *arg);

/* Appends what tells one version of the file from another; nothing where there is no file. */
extern void agenda_properties_version(const char *path, StringInfo out);

#endif
