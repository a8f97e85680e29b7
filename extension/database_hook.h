/*
 * database_hook.h
 *		What workers have to know about commands of other sessions.
 */
#ifndef AGENDA_DATABASE_HOOK_H
#define AGENDA_DATABASE_HOOK_H

/* Puts the hook on utility commands in place; called from _PG_init while preloading. */
extern void agenda_database_hook_init(void);

#endif
