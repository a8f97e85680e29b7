/*
 * compat.h
 *		Every difference between PostgreSQL major versions that pg_agenda knows about.
 *
 * No other file tests PG_VERSION_NUM.  Built and tested on 15.
 */
#ifndef AGENDA_COMPAT_H
#define AGENDA_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "pg_agenda needs PostgreSQL 15 or later"
#endif

/*
 * Only pg_catalog is searched until the matching pop, or the end of the (sub)transaction.
 * 17 has no stack of search paths any more: a port to it has to nest a setting instead.
 */
#if PG_VERSION_NUM < 170000
#define agenda_push_search_path()                                                                  \
	do                                                                                             \
	{                                                                                              \
		OverrideSearchPath *path_ = GetOverrideSearchPath(CurrentMemoryContext);                   \
		path_->schemas = NIL;                                                                      \
		path_->addCatalog = true;                                                                  \
		path_->addTemp = false;                                                                    \
		PushOverrideSearchPath(path_);                                                             \
	} while (0)
/* The same for pg_catalog, one schema, pg_temp. */
#define agenda_push_definer_path(schema)                                                           \
	do                                                                                             \
	{                                                                                              \
		OverrideSearchPath *path_ = GetOverrideSearchPath(CurrentMemoryContext);                   \
		path_->schemas = list_make2_oid(PG_CATALOG_NAMESPACE, schema);                             \
		path_->addCatalog = false;                                                                 \
		path_->addTemp = false;                                                                    \
		PushOverrideSearchPath(path_);                                                             \
	} while (0)
#define agenda_pop_search_path() PopOverrideSearchPath()
#else
#error "agenda_push_search_path has no form for this version yet"
#endif

#endif
