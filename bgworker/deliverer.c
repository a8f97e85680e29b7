/*
 * deliverer.c
 *		The process that sends notifications to webhooks and e-mail addresses.
 *
 * It runs only where agenda.delivery is on.  It goes round in steps, none of which waits for a peer:
 *
 *	1. record what became of messages, each in a transaction of its own;
 *	2. claim deliveries whose time has come, in one short transaction, as many as may be on their way
 *	   at once, and at most one of each channel;
 *	3. after that has committed, hand them to the sender (pg_agenda_delivery.so, see sender.h);
 *	4. wait for latch, sender and clock together.
 *
 * Commits that add to the queue wake it by its latch; the queue itself says when the next attempt of
 * something that failed is owed.  A look once a minute finds what nobody could signal (COMMIT
 * PREPARED) and claims that have ended.
 *
 * Crashes: a message that was on its way is sent again, with the same id.  A new process takes back
 * the claims of the one before it, of which nobody is left who could record them: there is one
 * deliverer per database.  If it is the recording that fails, the claim ends by itself.
 *
 * Secrets: they are in this process's memory while a message is on its way, and in no message of
 * the log; neither are addresses.
 *
 * At its end it lets go of nothing in an orderly way, since that could mean to wait for a peer.
 *
 * Memory: messages of a round live in a context that is reset when they have been handed over; what
 * is on its way has an entry in an array of fixed size.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "deliverer.h"
#include "sender.h"
#include "settings.h"
#include "worker.h"

#define MOST_ON_THEIR_WAY   64
#define LOOK_EVERY_MS       60000
#define PURGE_EVERY_MS      (3600 * 1000)
#define ERROR_RETRY_MOST_MS 10000
#define LOCKED_RETRY_MS     1000
#define LEASE_MARGIN_MS     60000 /* beyond the time-out of an attempt */
#define SENDER_LIBRARY      "pg_agenda_delivery"

/* A message that the sender has. */
typedef struct OnItsWay
{
	bool used;
	pg_uuid_t user;
	pg_uuid_t channel;
	pg_uuid_t delivery;
} OnItsWay;

/* What one claiming transaction brings. */
typedef struct Claim
{
	int rows;
	int n_messages;
	AgendaMessage messages[MOST_ON_THEIR_WAY];
	OnItsWay ids[MOST_ON_THEIR_WAY];
	TimestampTz next; /* DT_NOEND: the queue is empty */
} Claim;

static OnItsWay on_their_way[MOST_ON_THEIR_WAY];
static int n_on_their_way = 0;
static const AgendaSender *sender = NULL;
static bool sender_unusable = false; /* until the next reload */
static bool unclaimed = false;       /* claims of a predecessor have been taken back */
static TimestampTz next_look = DT_NOBEGIN;
static TimestampTz next_purge = DT_NOBEGIN;
static int failures = 0; /* in a row */
static MemoryContext claim_context;

static AgendaQuery unclaim_query = { .sql = "select agenda._unclaim_deliveries($1)",
									 .nargs = 1,
									 .argtypes = { TIMESTAMPTZOID } };
static AgendaQuery purge_query = { .sql = "select agenda._purge_deliveries($1)",
								   .nargs = 1,
								   .argtypes = { TIMESTAMPTZOID } };
static AgendaQuery claim_query = {
	.sql = "select user_id, channel_id, delivery_id, kind, address, secret, subject, body"
		   " from agenda._claim_deliveries($1, $2, $3, make_interval(secs => $4 / 1000.0))",
	.nargs = 4,
	.argtypes = { TIMESTAMPTZOID, UUIDARRAYOID, INT4OID, INT4OID }
};
static AgendaQuery next_query = { .sql = "select agenda._next_delivery($1)",
								  .nargs = 1,
								  .argtypes = { UUIDARRAYOID } };
static AgendaQuery record_query = {
	.sql = "select agenda._record_delivery($1, $2, $3, $4, $5, $6, $7)",
	.nargs = 7,
	.argtypes = { UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID, INT4OID, TEXTOID, INT4OID }
};

static long deliver_round(void);
static bool ready(void);
static void load_sender(void);
static void refuse_sender(const ErrorData *error);
static void restart_sender(void);
static void stop_sender(void);
static bool unclaim(void);
static void run_unclaim(void *arg);
static void purge(void);
static void run_purge(void *arg);
static void record_reports(void);
static void run_record(void *arg);
static bool claim_and_send(void);
static void run_claim(void *arg);
static void take_message(Claim *claim, HeapTuple tuple, TupleDesc desc);
static Datum busy_channels(void);
static char *column_text(HeapTuple tuple, TupleDesc desc, int column);
static pg_uuid_t column_uuid(HeapTuple tuple, TupleDesc desc, int column);
static void hand_over(Claim *claim);
static int free_entry(void);

void
agenda_deliverer_main(Datum main_arg)
{
	agenda_worker_begin(AGENDA_DELIVERER);
	claim_context =
		AllocSetContextCreate(TopMemoryContext, "pg_agenda deliveries", ALLOCSET_DEFAULT_SIZES);
	while (!agenda_worker_must_stop())
	{
		long timeout_ms = deliver_round();
		int woken = 0;

		if (timeout_ms != 0)
			woken =
				agenda_worker_wait(timeout_ms, n_on_their_way > 0 ? "sending notifications"
																  : "waiting for notifications");
		if (woken & AGENDA_WOKEN_BY_LATCH)
			next_look = DT_NOBEGIN;
		if (woken & AGENDA_WOKEN_BY_RELOAD)
		{
			if (!agenda_delivery)
				break;
			restart_sender();
		}
	}
	agenda_worker_exit();
}

/* One round of the steps above; returns how long to wait, 0 when there is more to do at once. */
static long
deliver_round(void)
{
	long timeout_ms;

	if (!ready())
		return LOOK_EVERY_MS;
	sender->work();
	record_reports();
	if (n_on_their_way < MOST_ON_THEIR_WAY &&
		agenda_worker_time_left(next_look, LOOK_EVERY_MS) == 0)
	{
		agenda_worker_set_state(AGENDA_STATE_WORKING);
		if (!unclaim() || !claim_and_send())
		{
			long pause_ms = agenda_worker_backoff(failures++, ERROR_RETRY_MOST_MS);

			next_look = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause_ms);
		}
		else
		{
			failures = 0;
			agenda_worker_set_state(AGENDA_STATE_IDLE);
		}
		purge();
	}

	timeout_ms = sender->timeout_ms();
	if (n_on_their_way < MOST_ON_THEIR_WAY)
	{
		long look_ms = agenda_worker_time_left(next_look, LOOK_EVERY_MS);

		timeout_ms = timeout_ms < 0 ? look_ms : Min(timeout_ms, look_ms);
	}
	return timeout_ms < 0 ? LOOK_EVERY_MS : timeout_ms;
}

/* ---- the sender ---- */

/* A database may have agenda.delivery off although the cluster has it on. */
static bool
ready(void)
{
	if (agenda_delivery && sender == NULL && !sender_unusable)
		load_sender();
	return agenda_delivery && sender != NULL;
}

static void
load_sender(void)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		AgendaSenderInit init = (AgendaSenderInit) load_external_function(
			SENDER_LIBRARY, "agenda_sender_init", true, NULL);
		const AgendaSender *loaded = init();
		AgendaSenderOptions options = { .config_file = agenda_delivery_config_file,
										.user_agent = "pg_agenda/" AGENDA_VERSION,
										.allow_private = agenda_delivery_allow_private,
										.timeout_ms = agenda_delivery_timeout };

		loaded->start(&options);
		agenda_worker_watch_fd(loaded->wait_fd());
		sender = loaded;
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		refuse_sender(error);
		FreeErrorData(error);
	}
	PG_END_TRY();
}

static void
refuse_sender(const ErrorData *error)
{
	sender_unusable = true;
	agenda_worker_set_state(AGENDA_STATE_NO_SENDER);
	agenda_worker_note_error(error->message);
	ereport(WARNING, errcode(error->sqlerrcode),
			errmsg("notifications are not delivered: %s", error->message),
			error->detail ? errdetail_internal("%s", error->detail) : 0,
			errhint("Check that %s is installed, and agenda.delivery_config_file; then reload the "
					"configuration.",
					SENDER_LIBRARY));
}

/* Settings may have changed.  What was on its way is sent again. */
static void
restart_sender(void)
{
	stop_sender();
	sender_unusable = false;
	unclaimed = false;
	next_look = DT_NOBEGIN;
}

static void
stop_sender(void)
{
	if (sender == NULL)
		return;
	agenda_worker_watch_fd(PGINVALID_SOCKET);
	sender->stop();
	sender = NULL;
	memset(on_their_way, 0, sizeof(on_their_way));
	n_on_their_way = 0;
}

/* ---- the queue ---- */

static bool
unclaim(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!unclaimed)
		unclaimed = agenda_worker_transaction("taking back claims", run_unclaim, &now);
	return unclaimed;
}

/* In a transaction. */
static void
run_unclaim(void *arg)
{
	Datum now = TimestampTzGetDatum(*(TimestampTz *) arg);

	agenda_worker_query(&unclaim_query, &now, NULL);
}

/* Hourly; what is not done this time is done the next. */
static void
purge(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (agenda_worker_time_left(next_purge, PURGE_EVERY_MS) > 0)
		return;
	(void) agenda_worker_transaction("removing old deliveries", run_purge, &now);
	next_purge = TimestampTzPlusMilliseconds(now, PURGE_EVERY_MS);
}

/* In a transaction. */
static void
run_purge(void *arg)
{
	Datum now = TimestampTzGetDatum(*(TimestampTz *) arg);

	agenda_worker_query(&purge_query, &now, NULL);
}

/* A report whose transaction fails is lost; the delivery is sent again when its claim has ended. */
static void
record_reports(void)
{
	AgendaSendReport report;

	while (sender->poll(&report))
	{
		(void) agenda_worker_transaction("recording a delivery", run_record, &report);
		on_their_way[report.number].used = false;
		n_on_their_way--;
		next_look = DT_NOBEGIN; /* the channel may have more */
	}
}

/* In a transaction.  It need not be durable at once: what a crash takes back is sent again. */
static void
run_record(void *arg)
{
	static const char *const outcomes[] = { [AGENDA_SEND_SENT] = "sent",
											[AGENDA_SEND_RETRY] = "retry",
											[AGENDA_SEND_REFUSED] = "refused",
											[AGENDA_SEND_GONE] = "gone" };
	const AgendaSendReport *report = arg;
	OnItsWay *ids = &on_their_way[report->number];
	Datum values[] = { UUIDPGetDatum(&ids->user),
					   UUIDPGetDatum(&ids->delivery),
					   TimestampTzGetDatum(GetCurrentTimestamp()),
					   CStringGetTextDatum(outcomes[report->outcome]),
					   Int32GetDatum(report->response),
					   report->error ? CStringGetTextDatum(report->error) : (Datum) 0,
					   Int32GetDatum(report->retry_after_s) };
	const char *nulls = report->error ? "       " : "     n ";

	(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	agenda_worker_query(&record_query, values, nulls);
}

/* Steps 2 and 3; false after an error. */
static bool
claim_and_send(void)
{
	MemoryContext old = MemoryContextSwitchTo(claim_context);
	Claim *claim = palloc0(sizeof(Claim));
	bool ok = agenda_worker_transaction("claiming deliveries", run_claim, claim);

	if (ok)
	{
		TimestampTz latest = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOOK_EVERY_MS);

		hand_over(claim);
		/* some may be left that did not come into the first choice */
		next_look = claim->rows > 0 ? DT_NOBEGIN : Min(claim->next, latest);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(claim_context);
	return ok;
}

/* In a transaction. */
static void
run_claim(void *arg)
{
	Claim *claim = arg;
	Datum values[] = { TimestampTzGetDatum(GetCurrentTimestamp()), busy_channels(),
					   Int32GetDatum(MOST_ON_THEIR_WAY - n_on_their_way),
					   Int32GetDatum(agenda_delivery_timeout + LEASE_MARGIN_MS) };
	bool isnull;
	Datum next;

	agenda_worker_query(&claim_query, values, NULL);
	claim->rows = SPI_processed;
	for (int i = 0; i < SPI_processed; i++)
		take_message(claim, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);

	agenda_worker_query(&next_query, &values[1], NULL);
	next = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	claim->next = isnull ? DT_NOEND : DatumGetTimestampTz(next);
	/* what is due and was not claimed is locked by somebody */
	if (claim->next <= DatumGetTimestampTz(values[0]))
		claim->next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOCKED_RETRY_MS);
}

/* Copies a row into claim_context; one without a kind has been cancelled. */
static void
take_message(Claim *claim, HeapTuple tuple, TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(claim_context);
	char *kind = SPI_getvalue(tuple, desc, 4);

	if (kind != NULL)
	{
		AgendaMessage *message = &claim->messages[claim->n_messages];
		OnItsWay *ids = &claim->ids[claim->n_messages];
		bool isnull;
		Datum secret = SPI_getbinval(tuple, desc, 6, &isnull);
		bytea *bytes = isnull ? NULL : DatumGetByteaPCopy(secret);

		claim->n_messages++;
		ids->user = column_uuid(tuple, desc, 1);
		ids->channel = column_uuid(tuple, desc, 2);
		ids->delivery = column_uuid(tuple, desc, 3);
		message->kind = strcmp(kind, "email") == 0 ? AGENDA_MESSAGE_MAIL : AGENDA_MESSAGE_WEBHOOK;
		message->id = SPI_getvalue(tuple, desc, 3);
		message->address = SPI_getvalue(tuple, desc, 5);
		message->secret = bytes ? (unsigned char *) VARDATA(bytes) : NULL;
		message->secret_len = bytes ? VARSIZE(bytes) - VARHDRSZ : 0;
		message->subject = column_text(tuple, desc, 7);
		message->body = column_text(tuple, desc, 8);
	}
	MemoryContextSwitchTo(old);
}

/* uuid[] of the channels that have a message on its way */
static Datum
busy_channels(void)
{
	Datum channels[MOST_ON_THEIR_WAY];
	int n = 0;

	for (int i = 0; i < MOST_ON_THEIR_WAY; i++)
		if (on_their_way[i].used)
			channels[n++] = UUIDPGetDatum(&on_their_way[i].channel);
	return PointerGetDatum(construct_array(channels, n, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

/* A bytea column that holds text; "" for null. */
static char *
column_text(HeapTuple tuple, TupleDesc desc, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(tuple, desc, column, &isnull);
	bytea *bytes;

	if (isnull)
		return "";
	bytes = DatumGetByteaPP(value);
	return pnstrdup(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

static pg_uuid_t
column_uuid(HeapTuple tuple, TupleDesc desc, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(tuple, desc, column, &isnull);

	return *DatumGetUUIDP(value);
}

/* Those that the sender does not take now stay claimed until their claim ends. */
static void
hand_over(Claim *claim)
{
	for (int i = 0; i < claim->n_messages; i++)
	{
		int entry = free_entry();

		claim->messages[i].number = entry;
		if (!sender->send(&claim->messages[i]))
			continue;
		on_their_way[entry] = claim->ids[i];
		on_their_way[entry].used = true;
		n_on_their_way++;
	}
}

/* There is one: no more is claimed than there are. */
static int
free_entry(void)
{
	for (int i = 0; i < MOST_ON_THEIR_WAY; i++)
		if (!on_their_way[i].used)
			return i;
	elog(ERROR, "more deliveries were claimed than may be on their way");
}
