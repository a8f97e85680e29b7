/*
 * log_leaves.h
 *		Partitions of the log that can hold something new, and the statements that read them.
 */
#ifndef AGENDA_LOG_LEAVES_H
#define AGENDA_LOG_LEAVES_H

#include "executor/spi.h"
#include "utils/rel.h"

#include "window.h"

/* A partition of agenda.events. */
typedef struct AgendaLeaf
{
	Oid table;
	Oid xid_index; /* see agenda_log_xid_index() */
} AgendaLeaf;

/* What can hold something that is not visible in a snapshot. */
typedef struct AgendaUnread
{
	int n_leaves;
	AgendaLeaf *leaves;
	bool any;     /* there are partitions at all */
	bool replays; /* there are such of agenda.replays */
	int64 floor;  /* events up to this number are not ours */
} AgendaUnread;

/* The statements of agenda._log_statement(). */
typedef enum AgendaStatement
{
	AGENDA_STATEMENT_REPLAYS, /* "new", of the partitions of agenda.replays alone */
	AGENDA_STATEMENT_REST,
	AGENDA_STATEMENT_FIRST
} AgendaStatement;

#define AGENDA_STATEMENTS 3

/* In a transaction: by its active snapshot.  Valid until the next call. */
extern const AgendaUnread *agenda_log_unread(AgendaSnapshot lo);

/* The index on xid of a partition that is open. */
extern Oid agenda_log_xid_index(AgendaLeaf *leaf, Relation rel);

/* A statement for what was returned last, prepared for as long as that is the same. */
extern SPIPlanPtr agenda_log_plan(AgendaStatement statement);

#endif
