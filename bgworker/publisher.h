/*
 * publisher.h
 *		The seam between the drainer and whatever carries events out of the database.
 *
 * The drainer loads a publisher library (pg_agenda_kafka.so) with load_external_function() and
 * calls agenda_publisher_init(), which fills this struct, as archive modules do.  pg_agenda.so
 * itself links no broker library.
 *
 * All callbacks run on the main thread of the drainer process.  None of them waits for the
 * broker: the drainer has to answer interrupts within 100 ms.  None keeps pointers into the
 * caller's memory after it returns.  start() and reset() may ereport(ERROR) (unreadable
 * configuration, out of memory), the others do not.
 *
 * What the drainer has to do with a failure:
 * - A record that is refused, or reported as not delivered and permanent, is beyond help as it
 *   is.  A broker refuses whole batches, so records that only shared the batch with a bad one
 *   are reported the same way: send each of them once more, alone, before giving it up.
 * - Any other failure has left a gap.  Call reset() and go back to the first record without
 *   a delivered report; what had been delivered behind the gap is then repeated.
 */
#ifndef AGENDA_PUBLISHER_H
#define AGENDA_PUBLISHER_H

/* One record to publish.  Everything is copied by publish(). */
typedef struct AgendaHeader
{
	const char *name;
	const char *value; /* NUL-terminated */
} AgendaHeader;

typedef struct AgendaRecord
{
	const char *topic;
	const char *key; /* NULL: any partition */
	const char *value;
	size_t value_len;
	const AgendaHeader *headers;
	int n_headers;
	uint64 number; /* the drainer's own, comes back in the report */
} AgendaRecord;

typedef enum AgendaPublishResult
{
	AGENDA_PUBLISH_TAKEN,   /* a report with its number will follow */
	AGENDA_PUBLISH_FULL,    /* the queue is full: poll, then offer it again */
	AGENDA_PUBLISH_REFUSED, /* this record can never be sent; *error says why */
	AGENDA_PUBLISH_BROKEN   /* the producer is done for: reset() and go back */
} AgendaPublishResult;

/* What became of a record. */
typedef struct AgendaReport
{
	uint64 number;
	bool delivered;
	bool permanent;    /* not delivered, and sending it again cannot help */
	const char *error; /* valid until the next call into the publisher */
} AgendaReport;

/* How the publisher is, for the metrics; what is not known is 0. */
typedef struct AgendaPublisherFigures
{
	int64 largest_record; /* bytes that one record may have */
	int brokers_up;
	int brokers_down;
	int64 queued_records; /* in the publisher's memory, sent or not */
	int64 queued_bytes;
	double round_trip; /* seconds, median of the slowest broker */
	uint64 requests;   /* sent to brokers so far by the present producer */
	uint64 request_errors;
} AgendaPublisherFigures;

typedef struct AgendaPublisher
{
	/*
	 * Connects in the background.  brokers wins over the file; either may be NULL.  Records that
	 * have been taken and not reported must not take much more than queue_kbytes.
	 */
	void (*start)(const char *brokers, const char *config_file, int queue_kbytes);
	/* Says that records for this topic will come, so that the first one need not wait. */
	void (*warm)(const char *topic);
	/* Takes one record, or says why not (*error is set when refused or broken). */
	AgendaPublishResult (*publish)(const AgendaRecord *record, const char **error);
	/* Fetches one report without waiting; false when there is none. */
	bool (*poll)(AgendaReport *report);
	/*
	 * A descriptor that becomes readable when poll() has something new.  It stays the same
	 * until stop().  Edge-triggered at heart: call drain_fd() first, then poll() until it
	 * says false, and only then wait again.
	 */
	int (*wait_fd)(void);
	void (*drain_fd)(void);
	/* "ok", "connecting", "down", "fatal" or "stopped", with the last error text or NULL. */
	const char *(*state)(const char **last_error);
	void (*figures)(AgendaPublisherFigures *figures);
	/* Drops everything that is in flight and begins anew; those reports never come. */
	void (*reset)(void);
	/*
	 * Lets go of everything, in timeout_ms at the most.  Records without a report may or may
	 * not have reached the broker: poll before, as long as it is worth it.
	 */
	void (*stop)(int timeout_ms);
} AgendaPublisher;

typedef const AgendaPublisher *(*AgendaPublisherInit)(void);

#endif
