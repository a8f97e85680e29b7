/*
 * table.c
 *		Our own tables without SQL: finding them, their columns and their rows.
 *
 * The plain path of a change of a task writes three rows and reads some.  By SQL each of them costs
 * an executor of its own, several times the work on the row itself.  Here they go through the table
 * and index access methods, as logical replication's apply worker does it; table_write.c writes.
 *
 * Rights and row-level security are not asked: callers read and write what the engine owns, for
 * everybody.  Nothing looks an operator or a function up by name, so no search_path matters.
 * Locks are those of the statements that this stands for, and they are kept until the transaction
 * ends.  A missing table or column is an error that says which.
 *
 * What is remembered from the catalogs (oids of tables, row maps, writers, rights) counts as long as
 * agenda_table_changes() gives the same number.  Any change of any table raises it, and any of
 * functions, types, operators, schemas, roles and owners of databases: looking again is cheap.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

#include "table.h"

#define KNOWN_TABLES 16

typedef struct KnownTable
{
	const char *name; /* of static storage */
	Oid relid;
	uint64 changes;
} KnownTable;

static uint64 changes = 1;

static void note_table_change(Datum arg, Oid relid);
static void note_object_change(Datum arg, int cacheid, uint32 hashvalue);
static AttrNumber find_column(const AgendaRowMap *map, const AgendaColumn *column, TupleDesc desc);

void
agenda_table_init(void)
{
	static const int caches[] = { PROCOID,        TYPEOID, OPEROID,    NAMESPACEOID,
								  AUTHMEMROLEMEM, AUTHOID, DATABASEOID };

	CacheRegisterRelcacheCallback(note_table_change, (Datum) 0);
	for (int i = 0; i < lengthof(caches); i++)
		CacheRegisterSyscacheCallback(caches[i], note_object_change, (Datum) 0);
}

static void
note_table_change(Datum arg, Oid relid)
{
	changes++;
}

static void
note_object_change(Datum arg, int cacheid, uint32 hashvalue)
{
	changes++;
}

uint64
agenda_table_changes(void)
{
	return changes;
}

/* The name is a literal: its address tells it from others. */
Oid
agenda_table_oid(const char *name)
{
	static KnownTable known[KNOWN_TABLES];
	KnownTable *table = known;

	while (table < known + KNOWN_TABLES - 1 && table->name != name && table->name != NULL)
		table++;
	if (table->name != name || table->changes != changes)
	{
		uint64 before = changes;

		table->relid = get_relname_relid(name, get_namespace_oid("agenda", false));
		if (!OidIsValid(table->relid))
			ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
					errmsg("relation \"agenda.%s\" does not exist", name));
		table->name = name;
		table->changes = before;
	}
	return table->relid;
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
	if (map->rowtype == desc->tdtypeid && map->changes == changes)
		return map->attnum;
	Assert(map->count <= AGENDA_MAX_COLUMNS);
	/* holds nothing if a column is missing */
	map->rowtype = InvalidOid;
	for (int i = 0; i < map->count; i++)
		map->attnum[i] = find_column(map, &map->columns[i], desc);
	map->rowtype = desc->tdtypeid;
	map->changes = changes;
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
agenda_key_text(ScanKey key, AttrNumber attnum, Oid collation, Datum value)
{
	ScanKeyEntryInitialize(key, 0, attnum, BTEqualStrategyNumber, InvalidOid, collation, F_TEXTEQ,
						   value);
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
