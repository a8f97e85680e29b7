/*
 * table_mark.h
 *		Whether a small table still shows what it showed before.
 */
#ifndef AGENDA_TABLE_MARK_H
#define AGENDA_TABLE_MARK_H

#include "access/xlogdefs.h"
#include "storage/block.h"
#include "storage/relfilenode.h"

/* A larger table is taken to change all the time. */
#define AGENDA_MARK_PAGES 64

/* Name the table; the rest is taken. */
typedef struct AgendaTableMark
{
	const char *table;
	RelFileNode file;
	BlockNumber n_pages;
	XLogRecPtr lsn[AGENDA_MARK_PAGES];
	bool settled; /* whoever has written there was over */
} AgendaTableMark;

/*
 * In a transaction: whether the active snapshot shows of each of the tables what the active snapshot
 * showed when their marks were taken.  If not, they are taken anew, and what is read with this
 * snapshot from now on belongs to them.
 */
extern bool agenda_tables_unchanged(AgendaTableMark *marks, int n);

#endif
