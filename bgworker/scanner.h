/*
 * scanner.h
 *		The process that raises what is owed, at the time it is owed.
 */
#ifndef AGENDA_SCANNER_H
#define AGENDA_SCANNER_H

#include "datatype/timestamp.h"

/* Arguments and results of one call of agenda._scan(). */
typedef struct AgendaScan
{
	TimestampTz began; /* by the real clock */
	TimestampTz now;   /* by that of the domain */
	TimestampTz floor;
	int max_rows;
	bool careful;
	bool newest_first;
	int raised;
	TimestampTz next_fire; /* DT_NOEND: nothing is pending */
} AgendaScan;

/* Entry point of the process, looked up by name. */
extern void agenda_scanner_main(Datum main_arg);

/* Fills in the times; the rest is the caller's. */
extern void agenda_scan_begin(AgendaScan *scan);
/* One batch in one transaction.  False if it failed, which has been reported. */
extern bool agenda_scan_run(AgendaScan *scan);

#endif
