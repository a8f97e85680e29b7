/*
 * settings.c
 *		Every setting of the extension, one paragraph each.
 *
 * Brokers and the publisher's identity are settings and never rows, so that a restored or cloned
 * database does not start to publish into somebody else's cluster.  Secrets have no place here
 * either (settings can be read and end up in logs): they stand in the file that
 * agenda.kafka_config_file names.
 *
 * Settings that only workers read are of the reload kind; the workers look at them after SIGHUP.
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "settings.h"
#include "shmem.h"
#include "time_text.h"

/*
 * agenda.kafka_brokers: bootstrap servers, "host:port,host:port".  Empty: nothing is published, and
 * the log is read all the same, so that the stream and the list of changes go on.
 */
char *agenda_kafka_brokers = NULL;

/*
 * agenda.kafka_config_file: a file of librdkafka properties, name=value per line: TLS, SASL and
 * whatever else a cluster asks for.  Shown to superusers only, as other paths are.
 */
char *agenda_kafka_config_file = NULL;

/*
 * agenda.publisher_library: the library that carries events out of the database; see publisher.h.
 */
char *agenda_publisher_library = NULL;

/*
 * agenda.publisher_id: who publishes.  Stored with the position in the log; when it differs, the
 * database is a copy and the drainer stays silent until agenda.adopt_log().  Give it from outside
 * the data directory (command line, environment of the container), or copies inherit it.
 */
char *agenda_publisher_id = NULL;

/*
 * agenda.dead_letter_topic: where a copy goes of each record that the broker has refused for good.
 * Empty: nowhere; the table agenda.dead_letters has them in any case.
 */
char *agenda_dead_letter_topic = NULL;

/*
 * agenda.event_key: which records keep their order in Kafka: those of one task (any other thing
 * likewise), or all of one user.  Several drainers go by what it was at the start.
 */
int agenda_event_key = AGENDA_EVENT_KEY_TASK;

/*
 * agenda.drainers: how many processes of a database publish, each the events of its share of the
 * keys.  Fixed at start, since all of them have to agree who publishes what (bgworker/share.c).
 */
int agenda_drainers = 1;

/*
 * agenda.drainer_window: the most events that are read from the log at once.  More of them raise
 * throughput, and the number of events that are repeated after a crash.
 */
int agenda_drainer_window = 5000;

/*
 * agenda.drainer_memory: the bound for what the drainer holds of the log at once: one half for the
 * windows, one half for the queue of the publisher.  One event that is larger passes all the same,
 * alone.
 */
int agenda_drainer_memory = 65536;

/*
 * agenda.scanners: how many processes of a database raise what is owed.  All but the first only
 * work while more is owed than a round of it takes (bgworker/extra_scanner.c).
 */
int agenda_scanners = 1;

/*
 * agenda.scanner_batch: the most timers that are raised in one transaction.
 */
int agenda_scanner_batch = 1000;

/*
 * agenda.max_event_bytes: data and headers of an event, as text.  Brokers take records of 1 MB by
 * default; the rest is for what an envelope adds.
 */
int agenda_max_event_bytes = 960 * 1024;

/*
 * agenda.max_backlog, agenda.backlog_policy: how much disk space events may take that have not been
 * published, and whether changes are refused then or an operator is told.
 */
int agenda_max_backlog = 0;
int agenda_backlog_policy = AGENDA_BACKLOG_KEEP;

/*
 * agenda.scanner_gap: the time from the beginning of a round of the scanner to that of the next,
 * unless the first was full.  A round costs nearly the same for one timer as for some dozens.
 */
int agenda_scanner_gap = 5;

/*
 * agenda.log_retention: how old events may become, in minutes, before their partition is dropped.
 * Read by SQL (_drop_partitions); what has not been published stays whatever its age.
 */
static int agenda_log_retention = 90 * HOURS_PER_DAY * MINS_PER_HOUR;

/*
 * agenda.delivery: whether notifications go to webhooks and e-mail addresses, too.  Of the kind that
 * can be set for a database, so that a copy can do without.
 */
bool agenda_delivery = false;

/*
 * agenda.delivery_config_file: the mail server with its password, and certificates, name=value per
 * line; a file for the same reason as agenda.kafka_config_file.
 */
char *agenda_delivery_config_file = NULL;

/*
 * agenda.delivery_allow_private: webhooks may go to loopback, private and link-local addresses, where
 * an address that a user has chosen could reach what is not meant for users.
 */
bool agenda_delivery_allow_private = false;

/*
 * agenda.delivery_timeout: how long one attempt may take, from the look-up of the name to the answer.
 */
int agenda_delivery_timeout = 15000;

/*
 * agenda.delivery_attempts, agenda.delivery_backoff: how often a message is tried, and the first
 * pause, which doubles each time.  Read by SQL (_record_delivery).
 */
static int agenda_delivery_attempts = 10;
static int agenda_delivery_backoff = 30000;

/*
 * agenda.max_databases: how many databases of the cluster can have workers.  Fixed at start, since
 * it is the size of an array in shared memory; each database takes two worker processes, and one
 * more for each further drainer.
 */
int agenda_max_databases = 8;

/*
 * agenda.restoring: the triggers keep silent and the workers out of the way.  Set for a database by
 * agenda.pre_restore(), taken back by agenda.post_restore(); for superusers, since a change made
 * under it leaves no event.
 */
bool agenda_restoring = false;

/*
 * agenda.now: replaces the clock of the domain (not the one of the log) for tests and simulation.
 * The check hook leaves the parsed time in "extra"; NULL there means the real clock.
 */
static char *now_text = NULL;
static TimestampTz *now_parsed = NULL;

static const struct config_enum_entry event_key_options[] = {
	{ "task", AGENDA_EVENT_KEY_TASK, false },
	{ "user", AGENDA_EVENT_KEY_USER, false },
	{ NULL, 0, false }
};

static const struct config_enum_entry backlog_policy_options[] = {
	{ "keep", AGENDA_BACKLOG_KEEP, false },
	{ "reject", AGENDA_BACKLOG_REJECT, false },
	{ NULL, 0, false }
};

static bool check_now(char **newval, void **extra, GucSource source);
static bool write_now(char **newval, TimestampTz at);
static void assign_now(const char *newval, void *extra);
static bool parse_time(const char *text, TimestampTz *result);
static void define_publishing(void);
static void define_limits(void);
static void define_backlog(void);
static void define_delivery(void);

void
agenda_settings_init(void)
{
	define_publishing();
	define_limits();
	define_backlog();
	define_delivery();

	DefineCustomStringVariable("agenda.now",
							   "Replaces the clock of tasks, recurrence and reminders.",
							   "Empty means the real time. For tests and simulation.", &now_text,
							   "", PGC_SUSET, GUC_NOT_IN_SAMPLE, check_now, assign_now, NULL);
	DefineCustomBoolVariable("agenda.restoring", "A dump is being restored into this database.",
							 "Triggers write no events, timers or occurrences, and no worker runs.",
							 &agenda_restoring, false, PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, NULL,
							 NULL);
	MarkGUCPrefixReserved("agenda");
}

bool
agenda_setting_now(TimestampTz *now)
{
	if (now_parsed == NULL)
		return false;
	*now = *now_parsed;
	return true;
}

/* What is published, where to, and by whom. */
static void
define_publishing(void)
{
	DefineCustomStringVariable("agenda.kafka_brokers",
							   "Kafka bootstrap servers, host:port separated by commas.",
							   "Empty means that nothing is published.", &agenda_kafka_brokers, "",
							   PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("agenda.kafka_config_file",
							   "File with properties of the Kafka client, one name=value a line.",
							   NULL, &agenda_kafka_config_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("agenda.publisher_library", "Library that publishes events.", NULL,
							   &agenda_publisher_library, "pg_agenda_kafka", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("agenda.publisher_id",
							   "Name under which this cluster publishes its log.",
							   "A log position stored under another name is not continued.",
							   &agenda_publisher_id, "", PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"agenda.dead_letter_topic", "Topic for copies of records that the broker refuses for good.",
		"Empty means none.", &agenda_dead_letter_topic, "", PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("agenda.event_key",
							 "Which events keep their order: those of a task, or of a user.", NULL,
							 &agenda_event_key, AGENDA_EVENT_KEY_TASK, event_key_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
}

/* How much at once. */
static void
define_limits(void)
{
	DefineCustomIntVariable(
		"agenda.drainer_window", "Maximum number of events read from the log at once.", NULL,
		&agenda_drainer_window, 5000, 1, 100000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("agenda.drainer_memory",
							"Maximum amount of event data that the drainer holds.", NULL,
							&agenda_drainer_memory, 65536, 1024, MAX_KILOBYTES, PGC_SIGHUP,
							GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"agenda.scanner_batch", "Maximum number of timers raised in one transaction.", NULL,
		&agenda_scanner_batch, 1000, 1, 100000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"agenda.scanner_gap", "Minimum time between the beginnings of two rounds of the scanner.",
		"A round that was full is followed by the next at once.", &agenda_scanner_gap, 5, 0, 60000,
		PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"agenda.log_retention", "How long events stay in the log after they have been published.",
		"-1 keeps them for ever.", &agenda_log_retention, 90 * HOURS_PER_DAY * MINS_PER_HOUR, -1,
		INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);

	/* PostgreSQL refuses variables of this kind once it is running */
	if (process_shared_preload_libraries_in_progress)
	{
		DefineCustomIntVariable(
			"agenda.max_databases", "Maximum number of databases that have workers.", NULL,
			&agenda_max_databases, 8, 1, 1024, PGC_POSTMASTER, 0, NULL, NULL, NULL);
		DefineCustomIntVariable(
			"agenda.drainers", "Number of processes of a database that publish its events.",
			"They share the keys, each of which keeps its order.", &agenda_drainers, 1, 1,
			AGENDA_MAX_DRAINERS, PGC_POSTMASTER, 0, NULL, NULL, NULL);
		DefineCustomIntVariable(
			"agenda.scanners", "Number of processes of a database that raise what is owed.",
			"All but the first only work while more is owed than a round of it takes.",
			&agenda_scanners, 1, 1, AGENDA_MAX_SCANNERS, PGC_POSTMASTER, 0, NULL, NULL, NULL);
	}
}

/* How large an event may be, and all that wait. */
static void
define_backlog(void)
{
	DefineCustomIntVariable("agenda.max_event_bytes",
							"Maximum size of an event's data and headers.", NULL,
							&agenda_max_event_bytes, 960 * 1024, 1024, 512 * 1024 * 1024,
							PGC_SIGHUP, GUC_UNIT_BYTE, NULL, NULL, NULL);
	DefineCustomIntVariable("agenda.max_backlog",
							"Maximum disk space of events that have not been published.",
							"0 means no limit.", &agenda_max_backlog, 0, 0, MAX_KILOBYTES,
							PGC_SIGHUP, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomEnumVariable("agenda.backlog_policy",
							 "What happens when agenda.max_backlog is reached.", NULL,
							 &agenda_backlog_policy, AGENDA_BACKLOG_KEEP, backlog_policy_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
}

/* Where users are told besides the inbox. */
static void
define_delivery(void)
{
	DefineCustomBoolVariable("agenda.delivery",
							 "Notifications are sent to webhooks and e-mail addresses.", NULL,
							 &agenda_delivery, false, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("agenda.delivery_config_file",
							   "File with the mail server and certificates, one name=value a line.",
							   NULL, &agenda_delivery_config_file, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomBoolVariable(
		"agenda.delivery_allow_private", "Webhooks may go to addresses that are not public.", NULL,
		&agenda_delivery_allow_private, false, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"agenda.delivery_timeout", "Maximum duration of one attempt to deliver.", NULL,
		&agenda_delivery_timeout, 15000, 100, 600000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("agenda.delivery_attempts",
							"How often a notification is sent before it is given up.", NULL,
							&agenda_delivery_attempts, 10, 1, 100, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("agenda.delivery_backoff", "Pause before the second attempt.",
							"It doubles with each further one, up to six hours.",
							&agenda_delivery_backoff, 30000, 1, 3600000, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
}

/*
 * GUC check hook of agenda.now.  The value is kept in UTC: a parallel worker, which is told its settings one after
 * the other, would read a time without an offset by another TimeZone, and there are no abbreviations of zones yet
 * (looking for one, be it "Z", crashes).
 */
static bool
check_now(char **newval, void **extra, GucSource source)
{
	TimestampTz parsed;
	TimestampTz *kept;

	if (**newval == '\0')
		return true;
	if (!agenda_read_instant(*newval, &parsed) &&
		(!parse_time(*newval, &parsed) || !write_now(newval, parsed)))
	{
		GUC_check_errdetail("The value must be a date and time of the years 1 to 9999, best with "
							"its offset, such as "
							"\"2025-01-06 09:00:00+01\".");
		return false;
	}

	kept = malloc(sizeof(TimestampTz));
	if (kept == NULL)
		return false;
	*kept = parsed;
	*extra = kept;
	return true;
}

/* In the form that agenda_read_instant() reads; false if it has none. */
static bool
write_now(char **newval, TimestampTz at)
{
	char utc[AGENDA_UTC_SIZE];
	int length = agenda_utc_text(at, utc);
	TimestampTz again;
	char *text;

	if (length < 0)
		return false;
	utc[length] = '\0';
	if (!agenda_read_instant(utc, &again))
		return false;
	text = strdup(utc);
	if (text == NULL)
		return false;
	free(*newval);
	*newval = text;
	return true;
}

/* GUC assign hook of agenda.now */
static void
assign_now(const char *newval, void *extra)
{
	now_parsed = (TimestampTz *) extra;
}

/*
 * A finite time from text.  Works without a transaction, since hooks run in the postmaster too,
 * and never raises an error; words that depend on the clock ("now", "tomorrow") are refused.
 */
static bool
parse_time(const char *text, TimestampTz *result)
{
	char workbuf[MAXDATELEN + MAXDATEFIELDS];
	char *field[MAXDATEFIELDS];
	int ftype[MAXDATEFIELDS];
	int n_fields;
	int dtype;
	struct pg_tm tm;
	fsec_t fsec;
	int tz;

	if (ParseDateTime(text, workbuf, sizeof(workbuf), field, ftype, MAXDATEFIELDS, &n_fields) != 0)
		return false;
	for (int i = 0; i < n_fields; i++)
		if (ftype[i] == DTK_STRING &&
			(strcmp(field[i], "now") == 0 || strcmp(field[i], "today") == 0 ||
			 strcmp(field[i], "tomorrow") == 0 || strcmp(field[i], "yesterday") == 0))
			return false;
	if (DecodeDateTime(field, ftype, n_fields, &dtype, &tm, &fsec, &tz) != 0 || dtype != DTK_DATE)
		return false;
	return tm2timestamp(&tm, fsec, &tz, result) == 0;
}
