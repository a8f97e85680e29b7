/*
 * owner.c
 *		Calling functions of our own with the rights of agenda_owner.
 *
 * A caller's own "=" must never run with these rights, so the search_path is put aside as well.  By a
 * nested setting, as the function manager does it, and not by the server's stack of search paths: as
 * long as something stands there, SET search_path has no effect, and somebody else's trigger
 * that runs inside of the scope relies on its own.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"

#include "owner.h"

void
agenda_definer_enter(AgendaOwnerScope *scope)
{
	GetUserIdAndSecContext(&scope->save_userid, &scope->save_sec_context);
	scope->guc_level = NewGUCNestLevel();
	SetUserIdAndSecContext(get_role_oid("agenda_owner", false),
						   scope->save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
	(void) set_config_option("search_path", "pg_catalog, agenda, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
agenda_definer_leave(const AgendaOwnerScope *scope)
{
	AtEOXact_GUC(true, scope->guc_level);
	SetUserIdAndSecContext(scope->save_userid, scope->save_sec_context);
}
