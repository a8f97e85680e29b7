/*
 * log_leaves.c
 *		Partitions of the log that can hold something new, and the statements that read them.
 *
 * Which partitions those are is asked with the snapshot of the window: a partition and its first row may
 * come from one transaction.  The answer is kept for as long as that snapshot shows the same
 * (table_mark.c), the position is not before the one that was asked about, and no partition among them is
 * done with.  The index of a partition is looked for under its lock, and forgotten with any
 * relcache message.
 *
 * Statements are planned once for the same partitions, without statistics: the settings of the
 * drainer's session see to it that they go by the indexes.
 *
 * Memory: the answer in a context of its own.  After an error it is asked for anew.
 */
#include "postgres.h"

#include "access/genam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/xid8.h"

#include "log_leaves.h"
#include "table_mark.h"
#include "worker.h"

/* Columns of the answer. */
enum
{
	UNREAD_EVENTS = 1,
	UNREAD_LEAVES,
	UNREAD_REPLAYS,
	UNREAD_UNTIL,
	UNREAD_FLOOR
};
static AgendaQuery unread_query = {
	.sql = "select events, leaves, replays, until, floor_seq from agenda._log_partitions($1)",
	.nargs = 1,
	.argtypes = { PG_SNAPSHOTOID },
	.read_only = true
};
static AgendaQuery statement_query = { .sql = "select agenda._log_statement($1, $2)",
									   .nargs = 2,
									   .argtypes = { NAMEARRAYOID, TEXTOID },
									   .read_only = true };

static const struct
{
	const char *kind;
	Oid argtype;
} statements[AGENDA_STATEMENTS] = {
	[AGENDA_STATEMENT_REPLAYS] = { "new", PG_SNAPSHOTOID },
	[AGENDA_STATEMENT_REST] = { "rest", INT8OID },
	[AGENDA_STATEMENT_FIRST] = { "first", PG_SNAPSHOTOID },
};

static AgendaTableMark marks[] = { { .table = "log_leaves" }, { .table = "log_owners" } };
static AgendaUnread unread;
static bool known = false;
/* the answer holds for positions from this one on, and before that one */
static uint64 asked_for;
static uint64 until;

static MemoryContext answer_context = NULL;
static ArrayType *leaf_names = NULL;
static ArrayType *replay_names = NULL;
static SPIPlanPtr plans[AGENDA_STATEMENTS];

static void ask(AgendaSnapshot lo);
static void take_answer(HeapTuple row, TupleDesc desc);
static void take_leaves(ArrayType *tables);
static void take_names(ArrayType *leaves, ArrayType *replays);
static bool is_same(const ArrayType *a, const ArrayType *b);
static ArrayType *column_array(HeapTuple row, TupleDesc desc, int column);
static uint64 oldest_running(AgendaSnapshot snapshot);
static void forget_indexes(Datum arg, Oid relid);
static Oid find_xid_index(Relation rel);

const AgendaUnread *
agenda_log_unread(AgendaSnapshot lo)
{
	uint64 xmin = oldest_running(lo);

	if (!agenda_tables_unchanged(marks, lengthof(marks)) || !known || xmin < asked_for ||
		xmin >= until)
		ask(lo);
	return &unread;
}

static void
ask(AgendaSnapshot lo)
{
	Datum values[] = { lo.value };

	if (answer_context == NULL)
	{
		answer_context =
			AllocSetContextCreate(TopMemoryContext, "pg_agenda partitions", ALLOCSET_SMALL_SIZES);
		CacheRegisterRelcacheCallback(forget_indexes, (Datum) 0);
	}
	known = false;
	agenda_worker_query(&unread_query, values, NULL);
	if (SPI_processed != 1)
		elog(ERROR, "agenda._log_partitions returned " UINT64_FORMAT " rows", SPI_processed);
	take_answer(SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	asked_for = oldest_running(lo);
	known = true;
}

static void
take_answer(HeapTuple row, TupleDesc desc)
{
	bool isnull;
	Datum value;

	take_names(column_array(row, desc, UNREAD_LEAVES), column_array(row, desc, UNREAD_REPLAYS));
	take_leaves(column_array(row, desc, UNREAD_EVENTS));
	unread.any = leaf_names != NULL;
	unread.replays = replay_names != NULL;
	value = SPI_getbinval(row, desc, UNREAD_FLOOR, &isnull);
	unread.floor = DatumGetInt64(value);
	value = SPI_getbinval(row, desc, UNREAD_UNTIL, &isnull);
	until = isnull ? PG_UINT64_MAX : U64FromFullTransactionId(DatumGetFullTransactionId(value));
}

static void
take_leaves(ArrayType *tables)
{
	int n = tables == NULL ? 0 : ArrayGetNItems(ARR_NDIM(tables), ARR_DIMS(tables));

	unread.leaves = MemoryContextAllocZero(answer_context, (n + 1) * sizeof(AgendaLeaf));
	for (int i = 0; i < n; i++)
		unread.leaves[i].table = ((Oid *) ARR_DATA_PTR(tables))[i];
	unread.n_leaves = n;
}

/* Other names: other statements. */
static void
take_names(ArrayType *leaves, ArrayType *replays)
{
	MemoryContext old;

	if (!is_same(leaves, leaf_names) || !is_same(replays, replay_names))
		for (int i = 0; i < AGENDA_STATEMENTS; i++)
			if (plans[i] != NULL)
			{
				SPI_freeplan(plans[i]);
				plans[i] = NULL;
			}
	unread.n_leaves = 0;
	leaf_names = replay_names = NULL;
	MemoryContextReset(answer_context);
	old = MemoryContextSwitchTo(answer_context);
	leaf_names = leaves == NULL ? NULL : DatumGetArrayTypePCopy(PointerGetDatum(leaves));
	replay_names = replays == NULL ? NULL : DatumGetArrayTypePCopy(PointerGetDatum(replays));
	MemoryContextSwitchTo(old);
}

static bool
is_same(const ArrayType *a, const ArrayType *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static ArrayType *
column_array(HeapTuple row, TupleDesc desc, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(row, desc, column, &isnull);

	return isnull ? NULL : DatumGetArrayTypeP(value);
}

static uint64
oldest_running(AgendaSnapshot snapshot)
{
	return U64FromFullTransactionId(
		DatumGetFullTransactionId(DirectFunctionCall1(pg_snapshot_xmin, snapshot.value)));
}

SPIPlanPtr
agenda_log_plan(AgendaStatement statement)
{
	ArrayType *names = statement == AGENDA_STATEMENT_REPLAYS ? replay_names : leaf_names;
	Datum values[] = { PointerGetDatum(names), CStringGetTextDatum(statements[statement].kind) };
	Oid argtype = statements[statement].argtype;
	SPIPlanPtr plan = plans[statement];

	if (plan != NULL)
		return plan;
	agenda_worker_query(&statement_query, values, NULL);
	plan = SPI_prepare_cursor(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), 1,
							  &argtype, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	plans[statement] = plan;
	return plan;
}

/* ---- indexes ------------------------------------------------------------------------------- */

Oid
agenda_log_xid_index(AgendaLeaf *leaf, Relation rel)
{
	if (!OidIsValid(leaf->xid_index))
		leaf->xid_index = find_xid_index(rel);
	return leaf->xid_index;
}

/* Relcache callback: any index may be another one now, and looking again is cheap. */
static void
forget_indexes(Datum arg, Oid relid)
{
	for (int i = 0; i < unread.n_leaves; i++)
		unread.leaves[i].xid_index = InvalidOid;
}

static Oid
find_xid_index(Relation rel)
{
	AttrNumber xid = get_attnum(RelationGetRelid(rel), "xid");
	ListCell *lc;

	foreach (lc, RelationGetIndexList(rel))
	{
		Relation index = index_open(lfirst_oid(lc), AccessShareLock);
		bool fits = index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid &&
					index->rd_index->indkey.values[0] == xid &&
					RelationGetIndexPredicate(index) == NIL;

		index_close(index, NoLock);
		if (fits)
			return lfirst_oid(lc);
	}
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("partition \"%s\" of agenda.events has no index on xid",
				   RelationGetRelationName(rel)),
			errhint("Make one: CREATE INDEX ON agenda.%s (xid).",
					quote_identifier(RelationGetRelationName(rel))));
}
