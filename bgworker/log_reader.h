/*
 * log_reader.h
 *		Reads windows of the log.
 */
#ifndef AGENDA_LOG_READER_H
#define AGENDA_LOG_READER_H

#include "window.h"

/*
 * Reads the next window behind *position, of max_bytes at the most, but for one event that is
 * larger; false after an error.  *window is NULL when nothing is new.  The position moves behind
 * what was read.  Without publishing the window has no deliveries.
 */
extern bool agenda_log_read(AgendaPosition *position, bool publishing, Size max_bytes,
							AgendaWindow **window);

/* What had been written before the snapshot in which the last window ends. */
extern const AgendaBacklogMark *agenda_log_read_mark(void);

/* Whether nobody can have committed anything since the position was read; needs no transaction. */
extern bool agenda_log_is_quiet(const AgendaPosition *position);

#endif
