/*
 * owner.c
 *		Running a statement of our own with the rights of agenda_owner.
 *
 * Only fixed SQL text of this library runs inside such a scope, with schema-qualified names and
 * values as parameters.  Operators have no schema in plain SQL, so the search_path is put aside as
 * well: a caller's own "=" must never run with these rights.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace_d.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "compat.h"
#include "owner.h"

void
agenda_owner_enter(AgendaOwnerScope *scope)
{
	GetUserIdAndSecContext(&scope->save_userid, &scope->save_sec_context);
	SetUserIdAndSecContext(get_role_oid("agenda_owner", false), scope->save_sec_context |
																	SECURITY_LOCAL_USERID_CHANGE |
																	SECURITY_NOFORCE_RLS);
	agenda_push_search_path();
}

void
agenda_owner_leave(const AgendaOwnerScope *scope)
{
	agenda_pop_search_path();
	SetUserIdAndSecContext(scope->save_userid, scope->save_sec_context);
}

void
agenda_definer_enter(AgendaOwnerScope *scope)
{
	GetUserIdAndSecContext(&scope->save_userid, &scope->save_sec_context);
	SetUserIdAndSecContext(get_role_oid("agenda_owner", false),
						   scope->save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
	agenda_push_definer_path(get_namespace_oid("agenda", false));
}

void
agenda_definer_leave(const AgendaOwnerScope *scope)
{
	agenda_pop_search_path();
	SetUserIdAndSecContext(scope->save_userid, scope->save_sec_context);
}
