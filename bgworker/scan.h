/*
 * scan.h
 *		One round of raising, which the scanner and those beside it have in common.
 */
#ifndef AGENDA_SCAN_H
#define AGENDA_SCAN_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/*
 * Where the round before has found the first that it took.  Each process has one of its own, all zero
 * at first.
 */
typedef struct AgendaScanPlace
{
	int rounds; /* in a row that have begun at a place; the next does if it is > 0 */
	TimestampTz fire_at;
	pg_uuid_t user_id;
} AgendaScanPlace;

/* Arguments and results of one call of agenda._scan(). */
typedef struct AgendaScan
{
	TimestampTz began; /* by the real clock */
	TimestampTz now;   /* by that of the domain */
	TimestampTz floor;
	int max_rows;
	bool careful;
	bool newest_first;
	AgendaScanPlace *place;
	int raised;
	TimestampTz next_fire; /* DT_NOEND: nothing is pending */
} AgendaScan;

/* Fills in the times; the rest is the caller's. */
extern void agenda_scan_begin(AgendaScan *scan);
/* One batch in one transaction.  False if it failed, which has been reported. */
extern bool agenda_scan_run(AgendaScan *scan);

#endif
