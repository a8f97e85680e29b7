/*
 * sender.h
 *		The seam between the deliverer and whatever sends its messages.
 *
 * The deliverer loads pg_agenda_delivery.so and calls agenda_sender_init(), which fills this
 * struct; pg_agenda.so itself links no HTTP or SMTP library.
 *
 * All callbacks run on the main thread of the deliverer and none of them waits for a peer.  None
 * keeps pointers into the caller's memory after it returns.  start() may ereport(ERROR)
 * (unreadable configuration, out of memory), the others do not.
 */
#ifndef AGENDA_SENDER_H
#define AGENDA_SENDER_H

typedef enum AgendaMessageKind
{
	AGENDA_MESSAGE_WEBHOOK,
	AGENDA_MESSAGE_MAIL
} AgendaMessageKind;

/* Texts are UTF-8 and NUL-terminated. */
typedef struct AgendaMessage
{
	AgendaMessageKind kind;
	int number;          /* the deliverer's own, comes back in the report */
	const char *id;      /* the same at each attempt */
	const char *address; /* URL or e-mail address */
	const char *subject; /* of a mail */
	const char *body;
	const unsigned char *secret; /* signs a webhook */
	int secret_len;
} AgendaMessage;

typedef enum AgendaSendOutcome
{
	AGENDA_SEND_SENT,
	AGENDA_SEND_RETRY,   /* perhaps later */
	AGENDA_SEND_REFUSED, /* sending it again cannot help */
	AGENDA_SEND_GONE     /* nothing shall be sent there any more */
} AgendaSendOutcome;

/* What became of a message. */
typedef struct AgendaSendReport
{
	int number;
	AgendaSendOutcome outcome;
	int response;      /* status of HTTP or SMTP; 0: there was none */
	int retry_after_s; /* what the peer asked for; 0: nothing */
	const char *error; /* static; NULL when it was sent */
} AgendaSendReport;

typedef struct AgendaSenderOptions
{
	const char *config_file; /* may be empty */
	const char *user_agent;
	bool allow_private; /* webhooks may go to addresses that are not public */
	int timeout_ms;     /* of one attempt, all in all */
} AgendaSenderOptions;

typedef struct AgendaSender
{
	void (*start)(const AgendaSenderOptions *options);
	/* Begins to send; a report will follow.  False: out of memory, try again later. */
	bool (*send)(const AgendaMessage *message);
	/* Goes on with whatever can go on; to be called when wait_fd() is readable or time is up. */
	void (*work)(void);
	/* Fetches one report; false when there is none. */
	bool (*poll)(AgendaSendReport *report);
	/* A descriptor that becomes readable when there is work; the same until stop(). */
	int (*wait_fd)(void);
	/* When work() is to be called at the latest; -1: when the descriptor is readable. */
	long (*timeout_ms)(void);
	/* Drops everything that is on its way. */
	void (*stop)(void);
} AgendaSender;

typedef const AgendaSender *(*AgendaSenderInit)(void);

#endif
