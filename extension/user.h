/*
 * user.h
 *		Rows of agenda.users.
 */
#ifndef AGENDA_USER_H
#define AGENDA_USER_H

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

#endif
