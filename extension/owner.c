/*
 * owner.c
 *		Running a statement of our own with the rights of agenda_owner.
 *
 * Only fixed SQL text of this library runs inside such a scope, with schema-qualified names and
 * values as parameters, so that the caller's search_path can't get between.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"

#include "owner.h"

void
agenda_owner_enter(AgendaOwnerScope *scope)
{
	GetUserIdAndSecContext(&scope->save_userid, &scope->save_sec_context);
	SetUserIdAndSecContext(get_role_oid("agenda_owner", false),
						   scope->save_sec_context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS);
}

void
agenda_owner_leave(const AgendaOwnerScope *scope)
{
	SetUserIdAndSecContext(scope->save_userid, scope->save_sec_context);
}
