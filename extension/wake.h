/*
 * wake.h
 *		Waking workers when the current transaction commits.
 *
 * Each call only makes a note; the signals go out once, after the commit is visible to others.
 * Without shared_preload_libraries the notes lead nowhere.
 */
#ifndef AGENDA_WAKE_H
#define AGENDA_WAKE_H

#include "datatype/timestamp.h"

/* Registers the one transaction callback; called once from _PG_init. */
extern void agenda_wake_init(void);

/* There is something new in the log of this database. */
extern void agenda_wake_drainer_at_commit(void);

/* So many events were written that take this much space together. */
extern void agenda_wake_count_events_at_commit(uint64 n_events, uint64 bytes);

/* Something is owed at fire_at, perhaps earlier than anything the scanner knows of. */
extern void agenda_wake_scanner_at_commit(TimestampTz fire_at);

/* This database may have the extension now. */
extern void agenda_wake_launcher_at_commit(void);

/* Anything may have changed: all workers of this database look at everything. */
extern void agenda_wake_sweep_at_commit(void);

/* The list of databases has changed. */
extern void agenda_wake_database_list_at_commit(void);

/* The slot stays without workers until this transaction ends, one way or the other. */
extern void agenda_wake_release_slot_at_end(int slot_no);

#endif
