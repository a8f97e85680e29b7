/*
 * user.h
 *		Rows of agenda.users.
 */
#ifndef AGENDA_USER_H
#define AGENDA_USER_H

#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/uuid.h"

/* What a user is found by. */
typedef enum AgendaUserColumn
{
	USER_ID,
	USER_EXTERNAL_ID,
	USER_LOGIN_ROLE,
	USER_COLUMNS
} AgendaUserColumn;

/* fresh: see what others have committed since the calling query began. */
extern bool agenda_user_find(AgendaUserColumn column, Datum value, bool fresh, pg_uuid_t *user_id);

/* The user exists, and does so until the end of this transaction. */
extern bool agenda_user_stays(const pg_uuid_t *user_id);

/*
 * The foreign key of this column is no more asked by the writer's triggers: the caller asks
 * agenda_user_check() instead.  False if there is no such key.
 */
extern bool agenda_user_take_check(ResultRelInfo *result_rel, AttrNumber user_id);
/* Raises the error of the foreign key if the user does not stay. */
extern void agenda_user_check(Relation rel, const pg_uuid_t *user_id);

#endif
