/*
 * time_text.h
 *		Dates and times as people and programs send them.
 */
#ifndef AGENDA_TIME_TEXT_H
#define AGENDA_TIME_TEXT_H

#include "datatype/timestamp.h"

/* What a due date says: a moment, a time on the wall, a day. */
typedef enum AgendaDueKind
{
	DUE_INSTANT,
	DUE_LOCAL,
	DUE_DATE
} AgendaDueKind;

typedef struct AgendaDue
{
	AgendaDueKind kind;
	TimestampTz instant; /* DUE_INSTANT */
	Timestamp local;     /* the others; midnight for a day */
} AgendaDue;

/* As the column due_kind has it. */
extern const char *agenda_due_kind_name(AgendaDueKind kind);
/* An error (YA005) that names the field, for what is none. */
extern void agenda_read_due(const text *value, const char *field, AgendaDue *result);
/* RFC 3339 with its offset, what agenda_utc_text() writes.  Needs no transaction, looks at no setting and raises no error. */
extern bool agenda_read_instant(const char *text, TimestampTz *at);

#endif
