/*
 * backlog.h
 *		How much of the log waits to be published, and when that is too much.
 */
#ifndef AGENDA_BACKLOG_H
#define AGENDA_BACKLOG_H

#include "utils/jsonb.h"

#include "shmem.h"

/*
 * Text is at most so many times as long as what jsonb keeps (a control character is written as \u0001), but for
 * numbers with large exponents.
 */
#define AGENDA_JSON_TEXT_GROWTH 6

/*
 * Before an event is written: refuses one that no broker would take, and any if the backlog is full
 * and the policy is to reject.  Otherwise the event is counted when the transaction commits.
 */
extern void agenda_backlog_admit(Jsonb *data, Jsonb *headers);

/* For the drainers.  Taken before the snapshot of a window. */
extern AgendaBacklogMark agenda_backlog_mark(void);

/* Some events of a window are done with; complete: everything before the mark is. */
extern void agenda_backlog_pass(int drainer, int n_events, const AgendaBacklogMark *complete);

/* At start: what a look at the tables has found to be waiting. */
extern void agenda_backlog_restart(int drainer, uint64 events, uint64 bytes);

#endif
