/*
 * preferences.h
 *		What a user has chosen, as far as the C code asks for it.
 */
#ifndef AGENDA_PREFERENCES_H
#define AGENDA_PREFERENCES_H

#include "access/htup.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/snapshot.h"
#include "utils/uuid.h"

typedef struct AgendaPreferences
{
	text *timezone;
	int64 due_soon_window; /* microseconds, as are the next two */
	int64 overdue_grace;
	int64 all_day_time; /* after local midnight */
	bool has_default_reminders;
} AgendaPreferences;

/* Of any user, the defaults where there is no row.  A NULL snapshot: the newest one. */
extern void agenda_preferences_of(const pg_uuid_t *user_id, Snapshot snapshot,
								  AgendaPreferences *result);
/* From an argument of type agenda.preferences; null gives the defaults. */
extern void agenda_preferences_arg(FunctionCallInfo fcinfo, int argno, AgendaPreferences *result);

#endif
