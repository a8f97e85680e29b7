/*
 * table_write.c
 *		Writing rows of our own tables without SQL.
 *
 * What an executor prepares before it writes (expressions of constraints and of partial indexes,
 * triggers) costs more than the row, and is the same the next time.  So a writer that is closed
 * is kept for the same role and table, as long as nothing has changed in the catalogs.  Locks,
 * index relations and slots are those of each use.
 *
 * Memory: a writer lives in the context of its executor state.  While it is open that is a child
 * of the caller's, with which an error frees it; when it is kept, of TopMemoryContext.  What is
 * allocated for one row goes to the caller's context, so that a kept writer doesn't grow.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/memutils.h"

#include "table.h"

typedef struct AgendaWriterState
{
	Oid relid;
	Oid role;       /* whose rights on functions were asked */
	uint64 changes; /* agenda_table_changes() when it was made */
	Oid *indexes;   /* of result_rel, in its order */
	EState *estate;
	ResultRelInfo *result_rel;
	struct AgendaWriterState *next;
} AgendaWriterState;

static AgendaWriterState *kept = NULL;

static AgendaWriterState *take_kept(Relation rel);
static AgendaWriterState *make_state(Relation rel);
static void open_indexes(AgendaWriterState *state);
static bool can_be_kept(const AgendaWriterState *state);
static void keep(AgendaWriterState *state);
static TupleTableSlot *new_slot(AgendaWriter *writer, const TupleTableSlotOps *kind);
static bool is_known(const AgendaRowMap *map, AttrNumber attnum);

void
agenda_writer_open(AgendaWriter *writer, Relation rel)
{
	PreventCommandIfReadOnly("a change of the agenda");
	writer->rel = rel;
	writer->row = NULL;
	writer->state = take_kept(rel);
	if (writer->state != NULL)
		open_indexes(writer->state);
	else
		writer->state = make_state(rel);
	writer->estate = writer->state->estate;
	writer->result_rel = writer->state->result_rel;
	writer->result_rel->ri_RelationDesc = rel;
	writer->estate->es_output_cid = GetCurrentCommandId(true);
}

/* Frees on its way those that are out of date. */
static AgendaWriterState *
take_kept(Relation rel)
{
	AgendaWriterState **link = &kept;

	while (*link != NULL)
	{
		AgendaWriterState *state = *link;

		if (state->changes != agenda_table_changes())
		{
			*link = state->next;
			FreeExecutorState(state->estate);
		}
		else if (state->relid == RelationGetRelid(rel) && state->role == GetUserId())
		{
			*link = state->next;
			MemoryContextSetParent(state->estate->es_query_cxt, CurrentMemoryContext);
			return state;
		}
		else
			link = &state->next;
	}
	return NULL;
}

static AgendaWriterState *
make_state(Relation rel)
{
	uint64 changes = agenda_table_changes();
	EState *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	AgendaWriterState *state = palloc0(sizeof(AgendaWriterState));
	ResultRelInfo *result_rel = makeNode(ResultRelInfo);

	InitResultRelInfo(result_rel, rel, 0, NULL, 0);
	ExecOpenIndices(result_rel, false);
	state->indexes = palloc(result_rel->ri_NumIndices * sizeof(Oid));
	for (int i = 0; i < result_rel->ri_NumIndices; i++)
		state->indexes[i] = RelationGetRelid(result_rel->ri_IndexRelationDescs[i]);
	/* where they live as long as the writer */
	for (int i = 0; result_rel->ri_TrigDesc != NULL && i < result_rel->ri_TrigDesc->numtriggers;
		 i++)
		if (result_rel->ri_TrigDesc->triggers[i].tgenabled != TRIGGER_DISABLED)
			fmgr_info(result_rel->ri_TrigDesc->triggers[i].tgfoid,
					  &result_rel->ri_TrigFunctions[i]);
	/* where triggers look for it */
	estate->es_opened_result_relations = list_make1(result_rel);

	state->relid = RelationGetRelid(rel);
	state->role = GetUserId();
	state->changes = changes;
	state->estate = estate;
	state->result_rel = result_rel;
	MemoryContextSwitchTo(old);
	return state;
}

static void
open_indexes(AgendaWriterState *state)
{
	for (int i = 0; i < state->result_rel->ri_NumIndices; i++)
		state->result_rel->ri_IndexRelationDescs[i] =
			index_open(state->indexes[i], RowExclusiveLock);
}

void
agenda_writer_close(AgendaWriter *writer)
{
	ResultRelInfo *result_rel = writer->result_rel;
	EState *estate = writer->estate;

	ExecCloseIndices(result_rel);
	ExecResetTupleTable(estate->es_tupleTable, true);
	estate->es_tupleTable = NIL;
	result_rel->ri_TrigOldSlot = result_rel->ri_TrigNewSlot = result_rel->ri_ReturningSlot = NULL;
	ResetPerTupleExprContext(estate);
	if (can_be_kept(writer->state))
		keep(writer->state);
	else
		FreeExecutorState(estate);
}

/* Not beside another one, left by a writer inside of this, nor with what an access method has left there. */
static bool
can_be_kept(const AgendaWriterState *state)
{
	if (state->changes != agenda_table_changes())
		return false;
	for (const AgendaWriterState *other = kept; other != NULL; other = other->next)
		if (other->relid == state->relid && other->role == state->role)
			return false;
	for (int i = 0; i < state->result_rel->ri_NumIndices; i++)
		if (state->result_rel->ri_IndexRelationInfo[i]->ii_AmCache != NULL)
			return false;
	return true;
}

static void
keep(AgendaWriterState *state)
{
	MemoryContextSetParent(state->estate->es_query_cxt, TopMemoryContext);
	state->next = kept;
	kept = state;
}

TupleTableSlot *
agenda_writer_slot(AgendaWriter *writer)
{
	return new_slot(writer, &TTSOpsVirtual);
}

static TupleTableSlot *
new_slot(AgendaWriter *writer, const TupleTableSlotOps *kind)
{
	MemoryContext old = MemoryContextSwitchTo(writer->estate->es_query_cxt);
	TupleTableSlot *slot =
		ExecInitExtraTupleSlot(writer->estate, RelationGetDescr(writer->rel), kind);

	MemoryContextSwitchTo(old);
	return slot;
}

/* Columns that somebody has added: as INSERT would fill them. */
void
agenda_writer_defaults(AgendaWriter *writer, const AgendaRowMap *map, Datum *values, bool *nulls)
{
	TupleDesc desc = RelationGetDescr(writer->rel);

	if (desc->natts == map->count)
		return;
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
	TupleTableSlot *slot = new_slot(writer, table_slot_callbacks(writer->rel));

	memcpy(slot->tts_values, values, slot->tts_tupleDescriptor->natts * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, slot->tts_tupleDescriptor->natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	ExecSimpleRelationInsert(writer->result_rel, writer->estate, slot);
	return ItemPointerIsValid(&slot->tts_tid) ? ExecFetchSlotHeapTuple(slot, true, NULL) : NULL;
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
	TupleTableSlot *found = new_slot(writer, table_slot_callbacks(writer->rel));

	if (!RelationFindReplTupleByIndex(writer->rel, RelationGetPrimaryKeyIndex(writer->rel),
									  LockTupleExclusive, key, found))
		ExecClearTuple(found);
	return found;
}

void
agenda_write_update(AgendaWriter *writer, TupleTableSlot *found, TupleTableSlot *row)
{
	EPQState epq;

	EvalPlanQualInit(&epq, writer->estate, NULL, NIL, -1);
	ExecSimpleRelationUpdate(writer->result_rel, writer->estate, &epq, found, row);
	EvalPlanQualEnd(&epq);
}

void
agenda_write_delete(AgendaWriter *writer, TupleTableSlot *found)
{
	EPQState epq;

	EvalPlanQualInit(&epq, writer->estate, NULL, NIL, -1);
	ExecSimpleRelationDelete(writer->result_rel, writer->estate, &epq, found);
	EvalPlanQualEnd(&epq);
}
