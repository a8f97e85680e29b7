/*
 * table_default.h
 *		Defaults of columns, for rows that are made without SQL.
 */
#ifndef AGENDA_TABLE_DEFAULT_H
#define AGENDA_TABLE_DEFAULT_H

#include "utils/rel.h"

/*
 * Fills a row of the table with its defaults.  False if one of them is neither a constant nor a call
 * without arguments, or if the row can't be made without SQL for another reason (generated and
 * identity columns).
 */
extern bool agenda_table_defaults(Relation rel, Datum *values, bool *nulls);

#endif
