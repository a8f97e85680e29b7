/*
 * publisher.h
 *		The seam between the drainer and whatever carries events out of the database.
 *
 * The drainer loads a publisher library (pg_agenda_kafka.so) with load_external_function() and
 * calls agenda_publisher_init(), which fills this struct, as archive modules do.  pg_agenda.so
 * itself links no broker library.
 *
 * All callbacks run on the main thread of the drainer process.  None of them may block longer
 * than 100 ms, because the drainer has to answer interrupts; none keeps pointers into the
 * caller's memory after it returns.  They may ereport(ERROR) only before a record was taken.
 */
#ifndef AGENDA_PUBLISHER_H
#define AGENDA_PUBLISHER_H

/* One record to publish.  Everything is copied by publish(). */
typedef struct AgendaHeader
{
	const char *name;			/* lower-case ASCII */
	const char *value;			/* printable ASCII, NUL-terminated */
} AgendaHeader;

typedef struct AgendaRecord
{
	const char *topic;
	const char *key;
	const char *value;
	size_t		value_len;
	const AgendaHeader *headers;
	int			n_headers;
	uint32		slot;			/* the drainer's own number, comes back in the report */
} AgendaRecord;

typedef enum AgendaPublishResult
{
	AGENDA_PUBLISH_TAKEN,		/* a report for the slot will follow */
	AGENDA_PUBLISH_FULL,		/* the queue is full: poll, then offer it again */
	AGENDA_PUBLISH_REFUSED		/* this record can never be sent; report->error says why */
} AgendaPublishResult;

/* What became of a record. */
typedef struct AgendaReport
{
	uint32		slot;
	bool		delivered;
	bool		permanent;		/* not delivered, and sending it again cannot help */
	const char *error;			/* valid until the next call into the publisher */
} AgendaReport;

typedef struct AgendaPublisher
{
	/* Connects in the background; never waits for the broker. */
	void		(*start) (const char *brokers, const char *config_file);
	/* Takes one record, or says why not (reason in *error when refused). */
	AgendaPublishResult (*publish) (const AgendaRecord *record, const char **error);
	/* Fetches one report without waiting; false when there is none. */
	bool		(*poll) (AgendaReport *report);
	/* A descriptor that becomes readable when poll() has something; drain it with drain_fd(). */
	int			(*wait_fd) (void);
	void		(*drain_fd) (void);
	/* "ok", "connecting", "down", "fatal", with the last error text or NULL. */
	const char *(*state) (const char **last_error);
	/* Drops everything that is in flight; their reports never come. */
	void		(*reset) (void);
	/* Waits at most timeout_ms for what is in flight, then lets go of everything. */
	void		(*stop) (int timeout_ms);
} AgendaPublisher;

typedef const AgendaPublisher *(*AgendaPublisherInit) (void);

#endif
