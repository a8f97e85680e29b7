/*
 * share.h
 *		Which events are published by which drainer, where a database has several.
 */
#ifndef AGENDA_SHARE_H
#define AGENDA_SHARE_H

/* Which one of the drainers this process is, from 0. */
extern int agenda_share_number;

/* Once, before anything is read. */
extern void agenda_share_init(int number);

/* Whether this drainer publishes the event of a row (columns as in event.h). */
extern bool agenda_share_has(const Datum *values, const bool *nulls);

/* What the keys are that are shared, as agenda.event_key has it; NULL where one drainer has all. */
extern const char *agenda_share_by(void);

#endif
