/*
 * share.c
 *		Which events are published by which drainer, where a database has several.
 *
 * All of them read the same log, each from a position of its own, and pass over what is not theirs:
 * the hash of a record's key, modulo their number, says whose it is.  So a key has one drainer, which
 * keeps its order, whatever the others do.  What has no key (the repetition of an event that is gone)
 * belongs to drainer 0, and so do the streams: its positions are those of everybody.
 *
 * How the keys are shared is fixed from the start of the server to its end, also when agenda.event_key
 * is changed and reloaded meanwhile: if one drainer knew of it earlier than another, an event could be
 * nobody's.  The log knows how it was shared (agenda.log_owners), and a drainer that finds it shared
 * otherwise moves all of them to where the last one was (agenda._log_position()).  So a
 * change repeats what the others had published behind that, and every key ends with its newest record.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/uuid.h"

#include "event.h"
#include "settings.h"
#include "share.h"
#include "shmem.h"

int agenda_share_number = 0;

PG_FUNCTION_INFO_V1(agenda_drainer_of);

static int drainer_of(const char *key, int len, int drainers);

void
agenda_share_init(int number)
{
	agenda_share_number = number;
	if (agenda_drainers > 1)
		SetConfigOption("agenda.event_key",
						agenda_shared->event_key == AGENDA_EVENT_KEY_USER ? "user" : "task",
						PGC_SIGHUP, PGC_S_OVERRIDE);
}

const char *
agenda_share_by(void)
{
	if (agenda_drainers == 1)
		return NULL;
	return agenda_event_key == AGENDA_EVENT_KEY_USER ? "user" : "task";
}

/* The key is that of agenda_event_make(). */
bool
agenda_share_has(const Datum *values, const bool *nulls)
{
	int owner = 0;

	if (agenda_drainers == 1)
		return true;
	if (nulls[AGENDA_EVENT_ID])
		owner = 0;
	else if (agenda_event_key == AGENDA_EVENT_KEY_USER && !nulls[AGENDA_EVENT_USER_ID])
	{
		char *user = DatumGetCString(DirectFunctionCall1(uuid_out, values[AGENDA_EVENT_USER_ID]));

		owner = drainer_of(user, strlen(user), agenda_drainers);
	}
	else
	{
		text *key = DatumGetTextPP(values[AGENDA_EVENT_KEY]);

		owner = drainer_of(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), agenda_drainers);
	}
	return owner == agenda_share_number;
}

/* agenda._drainer_of(key text, drainers int) → int */
Datum
agenda_drainer_of(PG_FUNCTION_ARGS)
{
	text *key = PG_GETARG_TEXT_PP(0);

	PG_RETURN_INT32(drainer_of(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), PG_GETARG_INT32(1)));
}

static int
drainer_of(const char *key, int len, int drainers)
{
	return hash_bytes((const unsigned char *) key, len) % (uint32) drainers;
}
