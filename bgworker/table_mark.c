/*
 * table_mark.c
 *		Whether a small table still shows what it showed before.
 *
 * For every window the drainer has to know partitions and routes as the window's snapshot shows them,
 * and they hardly ever change.  An invalidation message would come too late to say so: after the
 * commit is visible.  The pages say it in time.  A mark is the LSN of each page, their number and the
 * file; it is settled if each transaction that has put a row there, or taken one away, was over for the
 * snapshot with which it was taken.
 *
 * As long as a settled mark matches, every later snapshot shows the same rows: what it shows depends
 * on what stands in the pages, which is the same, and on who has committed, which of those that stand there
 * is decided.  Whoever commits before a snapshot has written before it, and each write to a page sets its
 * LSN.  So a change is seen at the latest when its rows are, also that of a prepared transaction: if
 * its rows were there when the mark was taken, it isn't settled and never matches.
 *
 * The LSNs are taken before anything is read: what is written in between is found next time.  TRUNCATE
 * and whatever else rewrites a table give it another file, under a lock that keeps us out.  A table that
 * is not logged, or not a heap, never matches.
 *
 * Locks: ACCESS SHARE until the end of the transaction, pages one at a time.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "table.h"
#include "table_mark.h"

static bool matches(const AgendaTableMark *mark, Relation rel);
static bool can_match(Relation rel, BlockNumber n_pages);
static void take_mark(AgendaTableMark *mark, Relation rel);
static Buffer lock_page(Relation rel, BlockNumber page_no);
static bool is_page_settled(Page page);
static bool is_row_settled(HeapTupleHeader row);
static bool is_over(TransactionId xid);

bool
agenda_tables_unchanged(AgendaTableMark *marks, int n)
{
	bool unchanged = true;

	for (int i = 0; i < n; i++)
	{
		Relation rel = agenda_table_open(marks[i].table, AccessShareLock);

		if (!matches(&marks[i], rel))
		{
			take_mark(&marks[i], rel);
			unchanged = false;
		}
		table_close(rel, NoLock);
	}
	return unchanged;
}

static bool
matches(const AgendaTableMark *mark, Relation rel)
{
	if (!mark->settled || !RelFileNodeEquals(mark->file, rel->rd_node) ||
		mark->n_pages != RelationGetNumberOfBlocks(rel))
		return false;
	for (BlockNumber i = 0; i < mark->n_pages; i++)
	{
		Buffer buffer = lock_page(rel, i);
		XLogRecPtr lsn = BufferGetLSNAtomic(buffer);

		UnlockReleaseBuffer(buffer);
		if (lsn != mark->lsn[i])
			return false;
	}
	return true;
}

static bool
can_match(Relation rel, BlockNumber n_pages)
{
	return n_pages <= AGENDA_MARK_PAGES && RelationNeedsWAL(rel) &&
		   rel->rd_rel->relam == HEAP_TABLE_AM_OID;
}

/* An error on the way leaves a mark that does not match. */
static void
take_mark(AgendaTableMark *mark, Relation rel)
{
	bool settled;

	mark->settled = false;
	mark->file = rel->rd_node;
	mark->n_pages = RelationGetNumberOfBlocks(rel);
	settled = can_match(rel, mark->n_pages);
	for (BlockNumber i = 0; settled && i < mark->n_pages; i++)
	{
		Buffer buffer = lock_page(rel, i);

		mark->lsn[i] = BufferGetLSNAtomic(buffer);
		settled = is_page_settled(BufferGetPage(buffer));
		UnlockReleaseBuffer(buffer);
	}
	mark->settled = settled;
}

static Buffer
lock_page(Relation rel, BlockNumber page_no)
{
	Buffer buffer = ReadBuffer(rel, page_no);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	return buffer;
}

static bool
is_page_settled(Page page)
{
	OffsetNumber last = PageIsNew(page) ? InvalidOffsetNumber : PageGetMaxOffsetNumber(page);

	for (OffsetNumber i = FirstOffsetNumber; i <= last; i++)
	{
		ItemId item = PageGetItemId(page, i);

		if (ItemIdIsNormal(item) && !is_row_settled((HeapTupleHeader) PageGetItem(page, item)))
			return false;
	}
	return true;
}

static bool
is_row_settled(HeapTupleHeader row)
{
	if (!is_over(HeapTupleHeaderGetXmin(row)))
		return false;
	return (row->t_infomask & HEAP_XMAX_INVALID) || HEAP_XMAX_IS_LOCKED_ONLY(row->t_infomask) ||
		   is_over(HeapTupleHeaderGetUpdateXid(row));
}

static bool
is_over(TransactionId xid)
{
	return !TransactionIdIsNormal(xid) || !XidInMVCCSnapshot(xid, GetActiveSnapshot());
}
