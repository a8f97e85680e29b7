/*
 * silence.c
 *		Transactions whose changes write no events.
 *
 * Two callers, both SQL functions that check the rights: agenda.bulk_import() leaves the events out
 * and everything else as it is (timers are planned); agenda.forget_user() wants none of the
 * triggers at all.  Backend-local state, because anybody could change a setting.  It lasts until the
 * caller ends it, at the latest until the end of the transaction, and is undone with the
 * subtransaction that began it.
 *
 * A silent import that is still one when it commits ends before that, with its last event: the rows
 * that it has changed are locked until then, so whatever the log says of them later is true again
 * (agenda.fsck() relies on it).  And it leaves a line in the server log, so that a log with a gap
 * can be explained.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "silence.h"
#include "sql_call.h"

typedef enum Silence
{
	SILENCE_NONE,
	SILENCE_EVENTS,  /* no events */
	SILENCE_TRIGGERS /* no events, timers or occurrences */
} Silence;

static Silence silence = SILENCE_NONE;
static int began_level = 0;       /* transaction nesting level that undoes it */
static int64 dropped_events = 0;  /* since it began */
static int64 dropped_in_xact = 0; /* by imports, in this transaction */

static void at_transaction_event(XactEvent event, void *arg);
static void at_subtransaction_end(SubXactEvent event, SubTransactionId subid,
								  SubTransactionId parent_subid, void *arg);
static void end_import(void);
static void tell_import(void);

PG_FUNCTION_INFO_V1(agenda_silence);

void
agenda_silence_init(void)
{
	RegisterXactCallback(at_transaction_event, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}

bool
agenda_silence_drops_event(void)
{
	if (silence == SILENCE_NONE)
		return false;
	dropped_events++;
	if (silence == SILENCE_EVENTS)
		dropped_in_xact++;
	return true;
}

bool
agenda_silence_covers_triggers(void)
{
	return silence == SILENCE_TRIGGERS;
}

/* agenda._silence(what text) → bigint: events, triggers or none; the number of events left out so far */
Datum
agenda_silence(PG_FUNCTION_ARGS)
{
	char *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int64 dropped = dropped_events;

	if (strcmp(what, "events") == 0)
		silence = SILENCE_EVENTS;
	else if (strcmp(what, "triggers") == 0)
		silence = SILENCE_TRIGGERS;
	else
		silence = SILENCE_NONE;
	began_level = GetCurrentTransactionNestLevel();
	dropped_events = 0;
	PG_RETURN_INT64(dropped);
}

static void
at_transaction_event(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (silence == SILENCE_EVENTS)
				end_import();
			if (dropped_in_xact > 0)
				tell_import();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_ABORT:
			silence = SILENCE_NONE;
			dropped_events = dropped_in_xact = 0;
			break;
		default:
			break;
	}
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent_subid,
					  void *arg)
{
	int level = GetCurrentTransactionNestLevel();

	if (silence == SILENCE_NONE || began_level < level)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		silence = SILENCE_NONE;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		began_level = level - 1;
}

static void
end_import(void)
{
	Oid type = INT8OID;
	NullableDatum left_out = { Int64GetDatum(dropped_events), false };

	silence = SILENCE_NONE;
	PushActiveSnapshot(GetTransactionSnapshot());
	agenda_call("_resume_log", 1, &type, &left_out, NULL);
	PopActiveSnapshot();
}

static void
tell_import(void)
{
	ereport(LOG, errmsg("role \"%s\" has made " INT64_FORMAT " changes without events in database "
						"\"%s\"",
						GetUserNameFromId(GetSessionUserId(), true), dropped_in_xact,
						get_database_name(MyDatabaseId)));
}
