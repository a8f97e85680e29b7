/*
 * table.h
 *		Our own tables without SQL.
 */
#ifndef AGENDA_TABLE_H
#define AGENDA_TABLE_H

#include "access/skey.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/uuid.h"

#define AGENDA_MAX_COLUMNS 32

typedef struct AgendaColumn
{
	const char *name;
	Oid type;
} AgendaColumn;

/*
 * Where the columns that the library knows stand in a row type.  Found by name, so a column that is
 * added or dropped later changes nothing.  table and columns are given, the rest is a cache.
 */
typedef struct AgendaRowMap
{
	const char *table;
	const AgendaColumn *columns;
	int count;
	Oid rowtype; /* whose attribute numbers they are; InvalidOid: nobody's */
	uint64 changes;
	AttrNumber attnum[AGENDA_MAX_COLUMNS];
} AgendaRowMap;

/* A table that is being written. */
typedef struct AgendaWriter
{
	Relation rel;
	EState *estate;
	ResultRelInfo *result_rel;
	TupleTableSlot **added; /* rows of agenda_write_add() that are not in the table yet */
	int n_added;
	Size added_bytes;
	bool triggers;                             /* asked about them: agenda_writer_insert_begin() */
	struct TransitionCaptureState *transition; /* what statement triggers see of them, or NULL */
	struct AgendaWriterState *state;
} AgendaWriter;

/* Registers the cache invalidation; called once from _PG_init. */
extern void agenda_table_init(void);
/* Another number whenever something may have changed in the catalogs. */
extern uint64 agenda_table_changes(void);

/* The name is a literal. */
extern Oid agenda_table_oid(const char *name);
extern Relation agenda_table_open(const char *name, LOCKMODE lockmode);

extern const AttrNumber *agenda_row_columns(AgendaRowMap *map, TupleDesc desc);
extern void agenda_row_read(AgendaRowMap *map, TupleDesc desc, HeapTuple tuple, Datum *values,
							bool *nulls);

extern void agenda_key_uuid(ScanKey key, AttrNumber attnum, const pg_uuid_t *value);
/* The collation is that of the index. */
extern void agenda_key_text(ScanKey key, AttrNumber attnum, Oid collation, Datum value);

/* The row with these keys, copied, or NULL; read past row-level security. */
extern HeapTuple agenda_find_row(Relation rel, Oid index, Snapshot snapshot, int nkeys,
								 ScanKey keys);
/* The same with the newest snapshot that the transaction may use. */
extern HeapTuple agenda_find_row_now(Relation rel, Oid index, int nkeys, ScanKey keys);

extern void agenda_writer_open(AgendaWriter *writer, Relation rel);
extern void agenda_writer_close(AgendaWriter *writer);
/* An empty slot for a row of the table; lives as long as the writer. */
extern TupleTableSlot *agenda_writer_slot(AgendaWriter *writer);
/* Fills the columns that are not of the map, which is that of the writer's table. */
extern void agenda_writer_defaults(AgendaWriter *writer, const AgendaRowMap *map, Datum *values,
								   bool *nulls);
/*
 * A row with everything that an INSERT does for each row: triggers, constraints, index entries.  The
 * caller has begun a query for AFTER triggers.  Returns the row as it was written, which lives as
 * long as the writer; NULL if a trigger kept it out.
 */
extern HeapTuple agenda_write_new(AgendaWriter *writer, const Datum *values, const bool *nulls);
/*
 * A row with its constraints and index entries, of many that are written together: it stands in the
 * table at the latest when agenda_write_added() returns, which the caller calls behind the last one.
 */
extern void agenda_write_add(AgendaWriter *writer, const Datum *values, const bool *nulls);
extern void agenda_write_added(AgendaWriter *writer);
/*
 * Around them: triggers are asked as by one INSERT of all rows.  Without this they are not asked.
 */
extern void agenda_writer_insert_begin(AgendaWriter *writer);
extern void agenda_writer_insert_end(AgendaWriter *writer);
/*
 * The newest version of the row whose primary key stands in the slot, locked; an empty slot if there
 * is none.  What the current command has written is invisible to it.
 */
extern TupleTableSlot *agenda_write_find(AgendaWriter *writer, TupleTableSlot *key);
/* Change or delete a row that was found. */
extern void agenda_write_update(AgendaWriter *writer, TupleTableSlot *found, TupleTableSlot *row);
extern void agenda_write_delete(AgendaWriter *writer, TupleTableSlot *found);

#endif
