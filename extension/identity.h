/*
 * identity.h
 *		On whose behalf the current transaction acts.
 */
#ifndef AGENDA_IDENTITY_H
#define AGENDA_IDENTITY_H

#include "utils/uuid.h"

/* Registers the transaction callbacks; called once from _PG_init. */
extern void agenda_identity_init(void);

/* False when nobody acts: row-level security then shows nothing. */
extern bool agenda_identity_user(pg_uuid_t *user_id);

/* The acting user; an error (YA009) when nobody acts. */
extern void agenda_identity_require(pg_uuid_t *user_id);

/*
 * Whoever acts for a user writes that user's rows: an error (42501) for any other owner, YA009 for
 * no owner (NULL) when nobody acts.  Row-level security says so too, but only after the BEFORE
 * triggers, which look into the owner's preferences.
 */
extern void agenda_identity_check_owner(const pg_uuid_t *owner);

/*
 * Act for a user until agenda_identity_leave(): agenda._enter() and _leave() for C.  request_id and
 * traceparent may be NULL.  An error in between is safe.
 */
extern void agenda_identity_enter(const pg_uuid_t *user_id, const text *request_id,
								  const text *traceparent);
extern void agenda_identity_leave(void);

/* Who is written into the log as the author of a change; palloc'd. */
extern char *agenda_identity_actor(void);

/* traceparent and request id of the current gateway call, or NULL. */
extern const char *agenda_identity_traceparent(void);
extern const char *agenda_identity_request_id(void);

#endif
