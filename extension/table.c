/*
 * table.c
 *		Reading and writing rows of our own tables without SQL.
 *
 * The plain path of a change of a task writes three rows and reads one.  By SQL each of them costs
 * an executor of its own, several times the work on the row itself.  Here they go through the table
 * and index access methods, as logical replication's apply worker does it.
 *
 * Rights and row-level security are not asked: callers read and write what the engine owns, for
 * everybody.  Nothing looks an operator or a function up by name, so no search_path matters.
 * Locks are those of the statements that this stands for, and they are kept until the transaction
 * ends.  A missing table or column is an error that says which.
 *
 * Row maps (AgendaRowMap) are static in the files that use them.  A relcache callback empties all
 * of them; filling one is a walk over the attributes.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "table.h"

static AgendaRowMap *used_maps = NULL;

static void forget_maps(Datum arg, Oid relid);
static bool is_known(const AgendaRowMap *map, AttrNumber attnum);
static AttrNumber find_column(const AgendaRowMap *map, const AgendaColumn *column, TupleDesc desc);

void
agenda_table_init(void)
{
	CacheRegisterRelcacheCallback(forget_maps, (Datum) 0);
}

Oid
agenda_table_oid(const char *name)
{
	Oid relid = get_relname_relid(name, get_namespace_oid("agenda", false));

	if (!OidIsValid(relid))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation \"agenda.%s\" does not exist", name));
	return relid;
}

Relation
agenda_table_open(const char *name, LOCKMODE lockmode)
{
	return table_open(agenda_table_oid(name), lockmode);
}

/* ---- columns by name --------------------------------------------------------------------------- */

/* Attribute numbers of the map's columns in this row type. */
const AttrNumber *
agenda_row_columns(AgendaRowMap *map, TupleDesc desc)
{
	if (OidIsValid(map->rowtype) && map->rowtype == desc->tdtypeid)
		return map->attnum;
	Assert(map->count <= AGENDA_MAX_COLUMNS);
	if (!map->listed)
	{
		map->next = used_maps;
		used_maps = map;
		map->listed = true;
	}
	/* holds nothing if a column is missing */
	map->rowtype = InvalidOid;
	for (int i = 0; i < map->count; i++)
		map->attnum[i] = find_column(map, &map->columns[i], desc);
	map->rowtype = desc->tdtypeid;
	return map->attnum;
}

static AttrNumber
find_column(const AgendaRowMap *map, const AgendaColumn *column, TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), column->name) != 0)
			continue;
		if (att->atttypid != column->type)
			ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("column \"%s\" of agenda.%s has type %s", column->name, map->table,
						   format_type_be(att->atttypid)),
					errdetail("The library expects %s.", format_type_be(column->type)));
		return att->attnum;
	}
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column \"%s\" of agenda.%s does not exist", column->name, map->table));
}

/* Relcache callback: any table may have been changed, and looking again is cheap. */
static void
forget_maps(Datum arg, Oid relid)
{
	for (AgendaRowMap *map = used_maps; map != NULL; map = map->next)
		map->rowtype = InvalidOid;
}

/* The map's columns of one row; what is not by value points into the tuple. */
void
agenda_row_read(AgendaRowMap *map, TupleDesc desc, HeapTuple tuple, Datum *values, bool *nulls)
{
	const AttrNumber *attnum = agenda_row_columns(map, desc);
	Datum *all_values = palloc(desc->natts * sizeof(Datum));
	bool *all_nulls = palloc(desc->natts * sizeof(bool));

	heap_deform_tuple(tuple, desc, all_values, all_nulls);
	for (int i = 0; i < map->count; i++)
	{
		values[i] = all_values[attnum[i] - 1];
		nulls[i] = all_nulls[attnum[i] - 1];
	}
	pfree(all_values);
	pfree(all_nulls);
}

/* ---- looking up -------------------------------------------------------------------------------- */

void
agenda_key_uuid(ScanKey key, AttrNumber attnum, const pg_uuid_t *value)
{
	ScanKeyInit(key, attnum, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(value));
}

void
agenda_key_text(ScanKey key, AttrNumber attnum, Datum value)
{
	ScanKeyEntryInitialize(key, 0, attnum, BTEqualStrategyNumber, InvalidOid, DEFAULT_COLLATION_OID,
						   F_TEXTEQ, value);
}

HeapTuple
agenda_find_row(Relation rel, Oid index, Snapshot snapshot, int nkeys, ScanKey keys)
{
	SysScanDesc scan = systable_beginscan(rel, index, OidIsValid(index), snapshot, nkeys, keys);
	HeapTuple tuple = systable_getnext(scan);

	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	return tuple;
}

HeapTuple
agenda_find_row_now(Relation rel, Oid index, int nkeys, ScanKey keys)
{
	Snapshot snapshot;
	HeapTuple tuple;

	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	tuple = agenda_find_row(rel, index, snapshot, nkeys, keys);
	UnregisterSnapshot(snapshot);
	return tuple;
}

/* ---- writing ----------------------------------------------------------------------------------- */

void
agenda_writer_open(AgendaWriter *writer, Relation rel)
{
	MemoryContext old;

	PreventCommandIfReadOnly("a change of the agenda");
	writer->rel = rel;
	writer->row = NULL;
	writer->estate = CreateExecutorState();
	old = MemoryContextSwitchTo(writer->estate->es_query_cxt);
	writer->result_rel = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->result_rel, rel, 0, NULL, 0);
	ExecOpenIndices(writer->result_rel, false);
	/* where triggers look for it */
	writer->estate->es_opened_result_relations = list_make1(writer->result_rel);
	writer->estate->es_output_cid = GetCurrentCommandId(true);
	MemoryContextSwitchTo(old);
}

void
agenda_writer_close(AgendaWriter *writer)
{
	ExecCloseIndices(writer->result_rel);
	ExecResetTupleTable(writer->estate->es_tupleTable, false);
	FreeExecutorState(writer->estate);
}

TupleTableSlot *
agenda_writer_slot(AgendaWriter *writer)
{
	MemoryContext old = MemoryContextSwitchTo(writer->estate->es_query_cxt);
	TupleTableSlot *slot =
		ExecInitExtraTupleSlot(writer->estate, RelationGetDescr(writer->rel), &TTSOpsVirtual);

	MemoryContextSwitchTo(old);
	return slot;
}

/* Columns that somebody has added: as INSERT would fill them. */
void
agenda_writer_defaults(AgendaWriter *writer, const AgendaRowMap *map, Datum *values, bool *nulls)
{
	TupleDesc desc = RelationGetDescr(writer->rel);
	MemoryContext old;

	if (desc->natts == map->count)
		return;
	old = MemoryContextSwitchTo(writer->estate->es_query_cxt);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Expr *value;

		if (att->attisdropped || att->attgenerated != '\0' || is_known(map, att->attnum))
			continue;
		value = (Expr *) build_column_default(writer->rel, att->attnum);
		if (value != NULL)
			values[i] = ExecEvalExpr(ExecInitExpr(expression_planner(value), NULL),
									 GetPerTupleExprContext(writer->estate), &nulls[i]);
	}
	MemoryContextSwitchTo(old);
}

static bool
is_known(const AgendaRowMap *map, AttrNumber attnum)
{
	for (int i = 0; i < map->count; i++)
		if (map->attnum[i] == attnum)
			return true;
	return false;
}

HeapTuple
agenda_write_new(AgendaWriter *writer, const Datum *values, const bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(writer->estate->es_query_cxt);
	TupleTableSlot *slot = table_slot_create(writer->rel, &writer->estate->es_tupleTable);
	HeapTuple tuple = NULL;

	memcpy(slot->tts_values, values, slot->tts_tupleDescriptor->natts * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, slot->tts_tupleDescriptor->natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	ExecSimpleRelationInsert(writer->result_rel, writer->estate, slot);
	if (ItemPointerIsValid(&slot->tts_tid))
		tuple = ExecFetchSlotHeapTuple(slot, true, NULL);
	MemoryContextSwitchTo(old);
	return tuple;
}

void
agenda_write_insert(AgendaWriter *writer, Datum *values, bool *nulls)
{
	EState *estate = writer->estate;
	const TupleConstr *constr = RelationGetDescr(writer->rel)->constr;
	TupleTableSlot *slot;
	MemoryContext old;

	if (writer->row == NULL)
		writer->row = agenda_writer_slot(writer);
	slot = ExecClearTuple(writer->row);
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
	memcpy(slot->tts_values, values, slot->tts_tupleDescriptor->natts * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, slot->tts_tupleDescriptor->natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	if (constr != NULL && constr->has_generated_stored)
		ExecComputeStoredGenerated(writer->result_rel, estate, slot, CMD_INSERT);
	if (constr != NULL)
		ExecConstraints(writer->result_rel, slot, estate);
	table_tuple_insert(writer->rel, slot, estate->es_output_cid, 0, NULL);
	if (writer->result_rel->ri_NumIndices > 0)
		ExecInsertIndexTuples(writer->result_rel, slot, estate, false, false, NULL, NIL);
	MemoryContextSwitchTo(old);
	ResetPerTupleExprContext(estate);
}

TupleTableSlot *
agenda_write_find(AgendaWriter *writer, TupleTableSlot *key)
{
	MemoryContext old = MemoryContextSwitchTo(writer->estate->es_query_cxt);
	TupleTableSlot *found = table_slot_create(writer->rel, &writer->estate->es_tupleTable);

	if (!RelationFindReplTupleByIndex(writer->rel, RelationGetPrimaryKeyIndex(writer->rel),
									  LockTupleExclusive, key, found))
		ExecClearTuple(found);
	MemoryContextSwitchTo(old);
	return found;
}

void
agenda_write_update(AgendaWriter *writer, TupleTableSlot *found, TupleTableSlot *row)
{
	MemoryContext old = MemoryContextSwitchTo(writer->estate->es_query_cxt);
	EPQState epq;

	EvalPlanQualInit(&epq, writer->estate, NULL, NIL, -1);
	ExecSimpleRelationUpdate(writer->result_rel, writer->estate, &epq, found, row);
	EvalPlanQualEnd(&epq);
	MemoryContextSwitchTo(old);
}

void
agenda_write_delete(AgendaWriter *writer, TupleTableSlot *found)
{
	MemoryContext old = MemoryContextSwitchTo(writer->estate->es_query_cxt);
	EPQState epq;

	EvalPlanQualInit(&epq, writer->estate, NULL, NIL, -1);
	ExecSimpleRelationDelete(writer->result_rel, writer->estate, &epq, found);
	EvalPlanQualEnd(&epq);
	MemoryContextSwitchTo(old);
}
