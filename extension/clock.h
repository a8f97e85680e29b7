/*
 * clock.h
 *		What time it is for the domain, and how a time goes out.
 */
#ifndef AGENDA_CLOCK_H
#define AGENDA_CLOCK_H

#include "datatype/timestamp.h"

#define AGENDA_UTC_SIZE 64

/* agenda.now() */
extern TimestampTz agenda_domain_now(void);
/* A dump is being restored or a user forgotten: triggers have nothing to do. */
extern bool agenda_triggers_silent(void);
/* agenda.utc(): writes the text, returns its length; -1 for infinity, which has no such form */
extern int agenda_utc_text(TimestampTz at, char buf[AGENDA_UTC_SIZE]);

#endif
