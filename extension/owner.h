/*
 * owner.h
 *		Running a statement of our own with the rights of agenda_owner.
 */
#ifndef AGENDA_OWNER_H
#define AGENDA_OWNER_H

typedef struct AgendaOwnerScope
{
	Oid save_userid;
	int save_sec_context;
} AgendaOwnerScope;

/*
 * As the referential-integrity triggers do: the owner's user id, with FORCE ROW LEVEL SECURITY
 * put aside, and nothing but pg_catalog in the search_path.  An error in between is safe: the
 * abort of the (sub)transaction restores both.
 */
extern void agenda_owner_enter(AgendaOwnerScope *scope);
extern void agenda_owner_leave(const AgendaOwnerScope *scope);

/*
 * As inside of a SECURITY DEFINER function of agenda_owner: FORCE ROW LEVEL SECURITY holds, and the
 * search_path is pg_catalog, agenda, pg_temp.  For calls of the schema's own functions.
 */
extern void agenda_definer_enter(AgendaOwnerScope *scope);
extern void agenda_definer_leave(const AgendaOwnerScope *scope);

#endif
