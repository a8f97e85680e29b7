/*
 * owner.h
 *		Calling functions of our own with the rights of agenda_owner.
 */
#ifndef AGENDA_OWNER_H
#define AGENDA_OWNER_H

typedef struct AgendaOwnerScope
{
	Oid save_userid;
	int save_sec_context;
	int guc_level;
} AgendaOwnerScope;

/*
 * As inside of a SECURITY DEFINER function of agenda_owner: FORCE ROW LEVEL SECURITY holds, and the
 * search_path is pg_catalog, agenda, pg_temp.  An error in between is safe: the abort of the
 * (sub)transaction restores both.
 */
extern void agenda_definer_enter(AgendaOwnerScope *scope);
extern void agenda_definer_leave(const AgendaOwnerScope *scope);

#endif
