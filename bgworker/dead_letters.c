/*
 * dead_letters.c
 *		Records that the broker refuses for good, and their second chance.
 *
 * The rules (what becomes of a refused record, which letters are sent again) are SQL; here they are
 * asked.  What has to be known for each record that is offered, whether its key waits for an earlier
 * record, is kept in a hash table of this process.  It is read when letters begin to be sent again, with
 * the snapshot that shows the letters: of a key that somebody asks for in between its letters would
 * find it blocked, or its later events would find it free.  From then on only this process adds to it.  Somebody may
 * delete letters meanwhile, or change the policy: SQL knows, and is asked before a record is set aside for its key.
 * Where there are several drainers, each knows and sends the letters of its keys.
 *
 * A request may come at any time.  When letters of a key that was blocked at the beginning turn up in a later
 * window, the earlier ones may have been passed: they are left to the next round.  When a letter is
 * refused that has been asked for once more meanwhile, the newer request stays (agenda._log_dead()).
 *
 * Memory: the table of keys in a context of its own; arguments in the transaction's.  A failed
 * transaction has changed nothing, and the caller tries again.
 */
#include "postgres.h"

#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "dead_letters.h"
#include "event.h"
#include "settings.h"
#include "share.h"
#include "worker.h"

/* Two hashes of topic and key: nobody waits for a stranger. */
typedef struct BlockedKey
{
	uint64 hash[2];
} BlockedKey;

typedef struct BlockedEntry
{
	BlockedKey key;
	bool from_start; /* it was blocked when letters began to be sent again */
} BlockedEntry;

typedef struct BuryWork
{
	AgendaDelivery **doomed;
	int n;
	AgendaVerdict *verdicts;
} BuryWork;

typedef struct LettersWork
{
	int64 after;
	Size max_bytes;
	AgendaWindow *window;
} LettersWork;

/* Columns of a letter behind those of its event. */
enum
{
	LETTER_MODE = AGENDA_EVENT_COLUMNS,
	LETTER_ASKED,
	LETTER_COLUMNS
};

static AgendaQuery bury_query = {
	.sql = "select policy from agenda._log_dead($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	.nargs = 9,
	.argtypes = { INT8ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				  INT4ARRAYOID, BOOLARRAYOID, TIMESTAMPTZARRAYOID, BOOLARRAYOID }
};
static AgendaQuery letters_query = {
	.sql = "select seq, null::xid8, id, type, user_id, subject, key, occurred_at, trace, headers, "
		   "data, case when replayed then seq end, topic, mode, asked from agenda._log_letters($1, "
		   "$2, $3, $4)",
	.nargs = 4,
	.argtypes = { INT8OID, INT4OID, INT4OID, INT4OID },
	.read_only = true
};
static AgendaQuery delivered_query = { .sql = "select agenda._log_redriven($1, $2)",
									   .nargs = 2,
									   .argtypes = { INT8ARRAYOID, TEXTARRAYOID } };
static AgendaQuery blocked_query = { .sql = "select topic, key from agenda._log_blocked($1, $2)",
									 .nargs = 2,
									 .argtypes = { INT4OID, INT4OID },
									 .read_only = true };

static HTAB *blocked = NULL;
static MemoryContext blocked_context = NULL;

static void run_bury(void *arg);
static AgendaVerdict verdict_of(const char *policy);
static void run_letters(void *arg);
static bool begins_event(const AgendaWindow *window, HeapTuple row);
static Size add_letter(AgendaWindow *window, HeapTuple row, TupleDesc desc);
static void run_delivered(void *arg);
static void read_blocked(void);
static void block(const char *topic, const char *key, bool from_start);
static void unblock(const char *topic, const char *key);
static bool blocked_from_start(const char *topic, const char *key);
static BlockedKey blocked_key(const char *topic, const char *key);
static Datum array_of(Datum *values, int n, Oid type);
static Datum text_or_empty(const char *text);

/* ---- setting aside ------------------------------------------------------------------------- */

bool
agenda_letters_bury(AgendaDelivery **doomed, int n, AgendaVerdict *verdicts)
{
	BuryWork work = { .doomed = doomed, .n = n, .verdicts = verdicts };

	if (!agenda_worker_transaction("writing dead letters", run_bury, &work))
		return false;
	for (int i = 0; i < n; i++)
	{
		if (verdicts[i] == AGENDA_VERDICT_BLOCK_KEY)
			block(doomed[i]->topic->name, doomed[i]->event->key, false);
		else if (verdicts[i] == AGENDA_VERDICT_FREE)
			unblock(doomed[i]->topic->name, doomed[i]->event->key);
	}
	return true;
}

/* In a transaction. */
static void
run_bury(void *arg)
{
	BuryWork *work = arg;
	int n = work->n;
	Datum *column[9];
	Datum values[9];

	for (int i = 0; i < lengthof(column); i++)
		column[i] = palloc(n * sizeof(Datum));
	for (int i = 0; i < n; i++)
	{
		const AgendaDelivery *delivery = work->doomed[i];
		const AgendaEvent *event = delivery->event;

		column[0][i] = Int64GetDatum(event->replay_of != 0 ? event->replay_of : event->seq);
		column[1][i] = TimestampTzGetDatum(event->occurred_at);
		column[2][i] = CStringGetTextDatum(delivery->topic->name);
		column[3][i] = text_or_empty(event->key);
		column[4][i] = text_or_empty(delivery->reason);
		column[5][i] = Int32GetDatum(delivery->attempts);
		column[6][i] = BoolGetDatum(delivery->waits);
		column[7][i] = TimestampTzGetDatum(event->asked_at);
		column[8][i] = BoolGetDatum(event->replay_of != 0);
	}
	values[0] = array_of(column[0], n, INT8OID);
	values[1] = array_of(column[1], n, TIMESTAMPTZOID);
	values[2] = array_of(column[2], n, TEXTOID);
	values[3] = array_of(column[3], n, TEXTOID);
	values[4] = array_of(column[4], n, TEXTOID);
	values[5] = array_of(column[5], n, INT4OID);
	values[6] = array_of(column[6], n, BOOLOID);
	values[7] = array_of(column[7], n, TIMESTAMPTZOID);
	values[8] = array_of(column[8], n, BOOLOID);

	agenda_worker_query(&bury_query, values, NULL);
	if (SPI_processed != n)
		elog(ERROR, "agenda._log_dead returned " UINT64_FORMAT " rows", SPI_processed);
	for (int i = 0; i < n; i++)
		work->verdicts[i] =
			verdict_of(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
}

static AgendaVerdict
verdict_of(const char *policy)
{
	static const char *const names[] = {
		[AGENDA_VERDICT_SKIP] = "skip",
		[AGENDA_VERDICT_BLOCK_KEY] = "block_key",
		[AGENDA_VERDICT_HALT] = "halt",
		[AGENDA_VERDICT_FREE] = "free",
	};

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(policy, names[i]) == 0)
			return (AgendaVerdict) i;
	elog(ERROR, "unexpected policy \"%s\"", policy);
}

/* ---- sending again ------------------------------------------------------------------------- */

bool
agenda_letters_read(int64 after, Size max_bytes, AgendaWindow **window)
{
	LettersWork work = { .after = after, .max_bytes = max_bytes, .window = agenda_window_create() };
	bool ok = agenda_worker_transaction("reading dead letters", run_letters, &work);

	*window = NULL;
	if (!ok || work.window->n_events == 0)
		agenda_window_free(work.window);
	else
	{
		agenda_window_close(work.window);
		*window = work.window;
	}
	return ok;
}

/* In a transaction. */
static void
run_letters(void *arg)
{
	LettersWork *work = arg;
	AgendaWindow *window = work->window;
	int rows = Min(agenda_drainer_window, (int) (work->max_bytes / TOAST_TUPLE_THRESHOLD) + 1);
	Datum values[] = { Int64GetDatum(work->after), Int32GetDatum(rows),
					   Int32GetDatum(agenda_share_number), Int32GetDatum(agenda_drainers) };
	Size bytes = 0;
	MemoryContext row_context;

	if (work->after == 0)
		read_blocked();
	agenda_worker_query(&letters_query, values, NULL);
	window->letters = true;
	agenda_window_reserve(window, (int) SPI_processed);
	row_context =
		AllocSetContextCreate(CurrentMemoryContext, "pg_agenda letter", ALLOCSET_DEFAULT_SIZES);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext old;

		if (bytes >= work->max_bytes && begins_event(window, SPI_tuptable->vals[i]))
			break;
		old = MemoryContextSwitchTo(row_context);
		bytes += add_letter(window, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
}

/* The next window begins behind an event, so that all letters of one have to be in the same. */
static bool
begins_event(const AgendaWindow *window, HeapTuple row)
{
	bool isnull;
	Datum seq = SPI_getbinval(row, SPI_tuptable->tupdesc, AGENDA_EVENT_SEQ + 1, &isnull);

	return window->n_events > 0 && window->events[window->n_events - 1]->seq != DatumGetInt64(seq);
}

/* One event per letter, even where an event has several.  Returns what it takes. */
static Size
add_letter(AgendaWindow *window, HeapTuple row, TupleDesc desc)
{
	Datum values[LETTER_COLUMNS];
	bool nulls[LETTER_COLUMNS];
	AgendaEvent *event;
	char *key;

	heap_deform_tuple(row, desc, values, nulls);
	/* the key that it had then, whatever agenda.event_key says now */
	key = MemoryContextStrdup(window->context, TextDatumGetCString(values[AGENDA_EVENT_KEY]));
	if (blocked_from_start(TextDatumGetCString(values[AGENDA_EVENT_ONLY_TOPIC]), key))
		return 0;
	event = agenda_event_make(window->context, values, nulls);
	event->key = key;
	/* how long ago that was says nothing */
	event->committed_at = 0;
	if (!nulls[LETTER_ASKED])
		event->asked_at = DatumGetTimestampTz(values[LETTER_ASKED]);
	agenda_window_add(window, event);
	agenda_window_deliver(
		window, event,
		agenda_window_topic(window, event->only_topic, TextDatumGetCString(values[LETTER_MODE])));
	return event->size;
}

bool
agenda_letters_delivered(const AgendaWindow *window)
{
	return agenda_worker_transaction("removing dead letters", run_delivered, (void *) window);
}

/* In a transaction. */
static void
run_delivered(void *arg)
{
	const AgendaWindow *window = arg;
	Datum *seqs = palloc(window->n_deliveries * sizeof(Datum));
	Datum *topics = palloc(window->n_deliveries * sizeof(Datum));
	Datum values[2];
	int n = 0;

	for (int i = 0; i < window->n_deliveries; i++)
	{
		const AgendaDelivery *delivery = &window->deliveries[i];

		if (delivery->state != AGENDA_DELIVERY_DONE)
			continue;
		seqs[n] = Int64GetDatum(delivery->event->seq);
		topics[n++] = CStringGetTextDatum(delivery->topic->name);
	}
	values[0] = array_of(seqs, n, INT8OID);
	values[1] = array_of(topics, n, TEXTOID);
	agenda_worker_query(&delivered_query, values, NULL);
}

/* ---- blocked keys -------------------------------------------------------------------------- */

/* In a transaction. */
static void
read_blocked(void)
{
	HASHCTL ctl = { .keysize = sizeof(BlockedKey), .entrysize = sizeof(BlockedEntry) };
	Datum values[] = { Int32GetDatum(agenda_share_number), Int32GetDatum(agenda_drainers) };

	if (blocked_context == NULL)
		blocked_context = AllocSetContextCreate(TopMemoryContext, "pg_agenda blocked keys",
												ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(blocked_context);
	ctl.hcxt = blocked_context;
	blocked =
		hash_create("pg_agenda blocked keys", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	agenda_worker_query(&blocked_query, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;

		block(SPI_getvalue(row, desc, 1), SPI_getvalue(row, desc, 2), true);
	}
}

static void
block(const char *topic, const char *key, bool from_start)
{
	BlockedKey hash = blocked_key(topic, key);
	bool found;
	BlockedEntry *entry = hash_search(blocked, &hash, HASH_ENTER, &found);

	if (!found)
		entry->from_start = from_start;
}

static void
unblock(const char *topic, const char *key)
{
	BlockedKey hash = blocked_key(topic, key);

	hash_search(blocked, &hash, HASH_REMOVE, NULL);
}

static bool
blocked_from_start(const char *topic, const char *key)
{
	BlockedKey hash = blocked_key(topic, key);
	BlockedEntry *entry = hash_search(blocked, &hash, HASH_FIND, NULL);

	return entry != NULL && entry->from_start;
}

bool
agenda_letters_blocked(const AgendaDelivery *delivery)
{
	BlockedKey hash;

	if (blocked == NULL || hash_get_num_entries(blocked) == 0)
		return false;
	hash = blocked_key(delivery->topic->name, delivery->event->key);
	return hash_search(blocked, &hash, HASH_FIND, NULL) != NULL;
}

int
agenda_letters_n_blocked(void)
{
	return blocked ? (int) hash_get_num_entries(blocked) : 0;
}

static BlockedKey
blocked_key(const char *topic, const char *key)
{
	BlockedKey result;

	for (int i = 0; i < lengthof(result.hash); i++)
	{
		result.hash[i] = hash_bytes_extended((const unsigned char *) topic, strlen(topic), i);
		if (key != NULL)
			result.hash[i] =
				hash_bytes_extended((const unsigned char *) key, strlen(key), result.hash[i]);
	}
	return result;
}

/* ---- arguments ----------------------------------------------------------------------------- */

static Datum
array_of(Datum *values, int n, Oid type)
{
	int16 length;
	bool by_value;
	char alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_array(values, n, type, length, by_value, alignment));
}

static Datum
text_or_empty(const char *text)
{
	return CStringGetTextDatum(text ? text : "");
}
