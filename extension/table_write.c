/*
 * table_write.c
 *		Writing rows of our own tables without SQL.
 *
 * What an executor prepares before it writes (expressions of constraints and of partial indexes,
 * triggers) costs more than the row, and is the same the next time.  So a writer that is closed
 * is kept for the same role and table, as long as nothing has changed in the catalogs.  Locks,
 * index relations and slots are those of each use.
 *
 * Of many rows, those of one page are one record of the WAL (agenda_write_add()).
 *
 * A row that is inserted pays for what concerns it: a partial index that has no place for it is not even
 * opened, and a foreign key with a null in it is not asked about.
 *
 * Memory: a writer lives in the context of its executor state.  While it is open that is a child
 * of the caller's, with which an error frees it; when it is kept, of TopMemoryContext.  What is
 * allocated for one row goes to the caller's context, so that a kept writer doesn't grow.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_constraint.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "table.h"

/* Of the rows that wait to be written together: what COPY keeps. */
#define MAX_ADDED_ROWS  100
#define MAX_ADDED_BYTES 65535

/* A foreign key that asks about nothing as long as one of its columns is null. */
typedef struct NullableKey
{
	const ForeignKeyCacheInfo *key;
	Trigger *check; /* of result_rel */
	char enabled;
	struct NullableKey *next;
} NullableKey;

typedef struct AgendaWriterState
{
	Oid relid;
	Oid role;       /* whose rights on functions were asked */
	uint64 changes; /* agenda_table_changes() when it was made */
	Oid *indexes;   /* of result_rel, in its order; opened when a row needs them */
	bool plain;     /* none of the indexes is an exclusion constraint or deferrable */
	NullableKey *nullable_keys;
	EState *estate;
	ResultRelInfo *result_rel;
	struct AgendaWriterState *next;
} AgendaWriterState;

static AgendaWriterState *kept = NULL;

static AgendaWriterState *take_kept(Relation rel);
static AgendaWriterState *make_state(Relation rel);
static bool is_plain(const ResultRelInfo *result_rel);
static NullableKey *find_nullable_keys(const ResultRelInfo *result_rel);
static bool is_nullable(Relation rel, const ForeignKeyCacheInfo *key);
static Relation open_index(AgendaWriter *writer, int i);
static void open_indexes(AgendaWriter *writer);
static bool can_be_kept(const AgendaWriterState *state);
static void keep(AgendaWriterState *state);
static TupleTableSlot *new_slot(AgendaWriter *writer, const TupleTableSlotOps *kind);
static TupleTableSlot *free_slot(AgendaWriter *writer);
static void fill(TupleTableSlot *slot, const Datum *values, const bool *nulls);
static bool is_known(const AgendaRowMap *map, AttrNumber attnum);
static void check_row(AgendaWriter *writer, TupleTableSlot *slot);
static List *insert_index_entries(AgendaWriter *writer, TupleTableSlot *slot);
static bool is_wanted(IndexInfo *index, EState *estate);
static void pass_over_null_keys(AgendaWriterState *state, TupleTableSlot *slot);

void
agenda_writer_open(AgendaWriter *writer, Relation rel)
{
	PreventCommandIfReadOnly("a change of the agenda");
	writer->rel = rel;
	writer->added = NULL;
	writer->n_added = 0;
	writer->added_bytes = 0;
	writer->triggers = false;
	writer->transition = NULL;
	writer->state = take_kept(rel);
	if (writer->state == NULL)
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
	state->plain = is_plain(result_rel);
	state->nullable_keys = find_nullable_keys(result_rel);
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

static bool
is_plain(const ResultRelInfo *result_rel)
{
	for (int i = 0; i < result_rel->ri_NumIndices; i++)
		if (result_rel->ri_IndexRelationInfo[i]->ii_ExclusionOps != NULL ||
			!result_rel->ri_IndexRelationDescs[i]->rd_index->indimmediate)
			return false;
	return true;
}

static NullableKey *
find_nullable_keys(const ResultRelInfo *result_rel)
{
	TriggerDesc *triggers = result_rel->ri_TrigDesc;
	NullableKey *found = NULL;
	ListCell *lc;

	if (triggers == NULL)
		return NULL;
	foreach (lc, copyObject(RelationGetFKeyList(result_rel->ri_RelationDesc)))
	{
		const ForeignKeyCacheInfo *key = lfirst_node(ForeignKeyCacheInfo, lc);

		if (!is_nullable(result_rel->ri_RelationDesc, key))
			continue;
		for (int i = 0; i < triggers->numtriggers; i++)
		{
			Trigger *check = &triggers->triggers[i];
			NullableKey *nullable;

			if (check->tgconstraint != key->conoid || check->tgfoid != F_RI_FKEY_CHECK_INS)
				continue;
			nullable = palloc(sizeof(NullableKey));
			*nullable = (NullableKey){ key, check, check->tgenabled, found };
			found = nullable;
		}
	}
	return found;
}

/* MATCH FULL would have something to say about a null beside others. */
static bool
is_nullable(Relation rel, const ForeignKeyCacheInfo *key)
{
	HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key->conoid));
	bool simple;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for constraint %u", key->conoid);
	simple = ((Form_pg_constraint) GETSTRUCT(tuple))->confmatchtype == FKCONSTR_MATCH_SIMPLE;
	ReleaseSysCache(tuple);
	for (int i = 0; i < key->nkeys; i++)
		if (!TupleDescAttr(RelationGetDescr(rel), key->conkey[i] - 1)->attnotnull)
			return simple;
	return false;
}

static Relation
open_index(AgendaWriter *writer, int i)
{
	Relation *index = &writer->result_rel->ri_IndexRelationDescs[i];

	if (*index == NULL)
		*index = index_open(writer->state->indexes[i], RowExclusiveLock);
	return *index;
}

/* For what the executor does. */
static void
open_indexes(AgendaWriter *writer)
{
	for (int i = 0; i < writer->result_rel->ri_NumIndices; i++)
		(void) open_index(writer, i);
}

void
agenda_writer_close(AgendaWriter *writer)
{
	ResultRelInfo *result_rel = writer->result_rel;
	EState *estate = writer->estate;

	Assert(writer->n_added == 0);
	ExecCloseIndices(result_rel);
	for (int i = 0; i < result_rel->ri_NumIndices; i++)
		result_rel->ri_IndexRelationDescs[i] = NULL;
	ExecResetTupleTable(estate->es_tupleTable, true);
	estate->es_tupleTable = NIL;
	if (writer->added != NULL)
		pfree(writer->added);
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
	EState *estate = writer->estate;
	ResultRelInfo *result_rel = writer->result_rel;
	TupleTableSlot *slot = new_slot(writer, table_slot_callbacks(writer->rel));

	fill(slot, values, nulls);
	if (result_rel->ri_TrigDesc != NULL && result_rel->ri_TrigDesc->trig_insert_before_row &&
		!ExecBRInsertTriggers(estate, result_rel, slot))
		return NULL;
	check_row(writer, slot);
	if (writer->rel->rd_rel->relispartition)
		ExecPartitionCheck(result_rel, slot, estate, true);
	table_tuple_insert(writer->rel, slot, GetCurrentCommandId(true), 0, NULL);
	pass_over_null_keys(writer->state, slot);
	ExecARInsertTriggers(estate, result_rel, slot, insert_index_entries(writer, slot), NULL);
	return ExecFetchSlotHeapTuple(slot, true, NULL);
}

void
agenda_writer_insert_begin(AgendaWriter *writer)
{
	AfterTriggerBeginQuery();
	writer->triggers = true;
	writer->transition = MakeTransitionCaptureState(writer->result_rel->ri_TrigDesc,
													RelationGetRelid(writer->rel), CMD_INSERT);
	ExecBSInsertTriggers(writer->estate, writer->result_rel);
}

void
agenda_writer_insert_end(AgendaWriter *writer)
{
	agenda_write_added(writer);
	ExecASInsertTriggers(writer->estate, writer->result_rel, writer->transition);
	AfterTriggerEndQuery(writer->estate);
	writer->triggers = false;
	writer->transition = NULL;
}

void
agenda_write_add(AgendaWriter *writer, const Datum *values, const bool *nulls)
{
	const TriggerDesc *triggers = writer->triggers ? writer->result_rel->ri_TrigDesc : NULL;
	TupleTableSlot *slot = free_slot(writer);
	MemoryContext old = MemoryContextSwitchTo(GetPerTupleMemoryContext(writer->estate));

	fill(slot, values, nulls);
	if (triggers == NULL || !triggers->trig_insert_before_row ||
		ExecBRInsertTriggers(writer->estate, writer->result_rel, slot))
	{
		check_row(writer, slot);
		writer->added_bytes += ExecFetchSlotHeapTuple(slot, true, NULL)->t_len;
		writer->n_added++;
	}
	MemoryContextSwitchTo(old);
	ResetPerTupleExprContext(writer->estate);
	/* a trigger may look for the row before */
	if (writer->n_added == MAX_ADDED_ROWS || writer->added_bytes >= MAX_ADDED_BYTES ||
		(triggers != NULL && triggers->trig_insert_before_row))
		agenda_write_added(writer);
}

static TupleTableSlot *
free_slot(AgendaWriter *writer)
{
	TupleTableSlot **slot;

	if (writer->added == NULL)
		writer->added = MemoryContextAllocZero(writer->estate->es_query_cxt,
											   MAX_ADDED_ROWS * sizeof(TupleTableSlot *));
	slot = &writer->added[writer->n_added];
	if (*slot == NULL)
		*slot = new_slot(writer, table_slot_callbacks(writer->rel));
	return ExecClearTuple(*slot);
}

void
agenda_write_added(AgendaWriter *writer)
{
	EState *estate = writer->estate;
	MemoryContext old;

	if (writer->n_added == 0)
		return;
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
	table_multi_insert(writer->rel, writer->added, writer->n_added, estate->es_output_cid, 0, NULL);
	for (int i = 0; i < writer->n_added; i++)
	{
		TupleTableSlot *slot = writer->added[i];
		List *recheck = insert_index_entries(writer, slot);

		if (writer->triggers)
			ExecARInsertTriggers(estate, writer->result_rel, slot, recheck, writer->transition);
		ExecClearTuple(slot);
		ResetPerTupleExprContext(estate);
	}
	writer->n_added = 0;
	writer->added_bytes = 0;
	MemoryContextSwitchTo(old);
	ResetPerTupleExprContext(estate);
}

static void
fill(TupleTableSlot *slot, const Datum *values, const bool *nulls)
{
	memcpy(slot->tts_values, values, slot->tts_tupleDescriptor->natts * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, slot->tts_tupleDescriptor->natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
}

static void
check_row(AgendaWriter *writer, TupleTableSlot *slot)
{
	const TupleConstr *constr = RelationGetDescr(writer->rel)->constr;

	if (constr == NULL)
		return;
	if (constr->has_generated_stored)
		ExecComputeStoredGenerated(writer->result_rel, writer->estate, slot, CMD_INSERT);
	ExecConstraints(writer->result_rel, slot, writer->estate);
}

/*
 * As ExecInsertIndexTuples() does it, which wants all of them open.  Returns the indexes whose
 * uniqueness is still to be checked; a plain one has done so.
 */
static List *
insert_index_entries(AgendaWriter *writer, TupleTableSlot *slot)
{
	ResultRelInfo *result_rel = writer->result_rel;
	EState *estate = writer->estate;

	if (!writer->state->plain)
	{
		open_indexes(writer);
		return ExecInsertIndexTuples(result_rel, slot, estate, false, false, NULL, NIL);
	}
	GetPerTupleExprContext(estate)->ecxt_scantuple = slot;
	for (int i = 0; i < result_rel->ri_NumIndices; i++)
	{
		IndexInfo *info = result_rel->ri_IndexRelationInfo[i];
		Datum values[INDEX_MAX_KEYS];
		bool nulls[INDEX_MAX_KEYS];
		Relation index;

		if (!info->ii_ReadyForInserts || !is_wanted(info, estate))
			continue;
		index = open_index(writer, i);
		FormIndexDatum(info, slot, estate, values, nulls);
		index_insert(index, values, nulls, &slot->tts_tid, writer->rel,
					 info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
	}
	return NIL;
}

/* The row of the expression context is one that the index's predicate asks for. */
static bool
is_wanted(IndexInfo *index, EState *estate)
{
	if (index->ii_Predicate == NIL)
		return true;
	if (index->ii_PredicateState == NULL)
		index->ii_PredicateState = ExecPrepareQual(index->ii_Predicate, estate);
	return ExecQual(index->ii_PredicateState, GetPerTupleExprContext(estate));
}

/* The check would find nothing to look for, and open the other table for that. */
static void
pass_over_null_keys(AgendaWriterState *state, TupleTableSlot *slot)
{
	for (NullableKey *nullable = state->nullable_keys; nullable != NULL; nullable = nullable->next)
	{
		nullable->check->tgenabled = nullable->enabled;
		for (int i = 0; i < nullable->key->nkeys; i++)
			if (slot_attisnull(slot, nullable->key->conkey[i]))
				nullable->check->tgenabled = TRIGGER_DISABLED;
	}
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

	open_indexes(writer);
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
