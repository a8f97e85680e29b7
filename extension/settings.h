/*
 * settings.h
 *		The settings agenda.*; what each of them means is said in settings.c.
 */
#ifndef AGENDA_SETTINGS_H
#define AGENDA_SETTINGS_H

#include "datatype/timestamp.h"

typedef enum AgendaEventKey
{
	AGENDA_EVENT_KEY_TASK, /* records of one task (or other thing) stay in order */
	AGENDA_EVENT_KEY_USER  /* records of one user stay in order */
} AgendaEventKey;

typedef enum AgendaBacklogPolicy
{
	AGENDA_BACKLOG_KEEP,  /* a full backlog is a problem of health() */
	AGENDA_BACKLOG_REJECT /* a full backlog refuses changes */
} AgendaBacklogPolicy;

extern char *agenda_kafka_brokers;
extern char *agenda_kafka_config_file;
extern char *agenda_publisher_library;
extern char *agenda_publisher_id;
extern char *agenda_dead_letter_topic;
extern int agenda_event_key;      /* an AgendaEventKey */
extern int agenda_drainers;       /* processes */
extern int agenda_scanners;       /* processes */
extern int agenda_scanner_gap;    /* milliseconds */
extern int agenda_drainer_window; /* rows */
extern int agenda_drainer_memory; /* kB */
extern int agenda_scanner_batch;  /* timers */
extern int agenda_max_event_bytes;
extern int agenda_max_backlog;    /* kB, 0: no limit */
extern int agenda_backlog_policy; /* an AgendaBacklogPolicy */
extern bool agenda_delivery;
extern char *agenda_delivery_config_file;
extern bool agenda_delivery_allow_private;
extern int agenda_delivery_timeout; /* ms */
extern int agenda_max_databases;
extern bool agenda_restoring;

/* Defines all of them; called once from _PG_init. */
extern void agenda_settings_init(void);

/* True, and the time, when the setting agenda.now replaces the clock. */
extern bool agenda_setting_now(TimestampTz *now);

#endif
