/*
 * identity.c
 *		On whose behalf the current transaction acts.
 *
 * Row-level security compares user_id with agenda.current_user_id().  The answer comes from a
 * backend-local stack and not from a setting, because anybody can change a setting:
 *
 *	- agenda.act_as() puts a user there for the rest of the transaction;
 *	- agenda._enter() and agenda._leave() put one there while a function of ours runs;
 *	- without either, a login role that is written in agenda.users.login_role is that user.
 *
 * Each entry remembers the transaction nesting level it belongs to.  When a subtransaction aborts,
 * its entries go; when it commits, they become the parent's; at the end of the transaction the
 * stack is emptied.  So an error between _enter and _leave can't leave an identity behind.
 *
 * The stack lives in TopMemoryContext and is reused; entries are of fixed size.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "errcodes.h"
#include "identity.h"
#include "json_text.h"
#include "sql_call.h"
#include "user.h"

#define MAX_REQUEST_ID  128
#define MAX_TRACEPARENT 64
#define MAX_DEPTH       1000

typedef enum IdentityKind
{
	IDENTITY_TRANSACTION, /* act_as(): lasts until the transaction ends */
	IDENTITY_FUNCTION     /* _enter(): lasts until _leave() */
} IdentityKind;

typedef struct Identity
{
	IdentityKind kind;
	int nest_level; /* transaction nesting level that undoes this entry */
	bool has_user;
	pg_uuid_t user_id;
	char request_id[MAX_REQUEST_ID];
	char traceparent[MAX_TRACEPARENT];
} Identity;

static Identity *stack = NULL;
static int stack_depth = 0;
static int stack_size = 0;

/* The user that belongs to the login role, looked up once per transaction. */
static LocalTransactionId login_lxid = InvalidLocalTransactionId;
static Oid login_role = InvalidOid;
static bool login_has_user;
static pg_uuid_t login_user_id;

static void at_transaction_end(XactEvent event, void *arg);
static void at_subtransaction_end(SubXactEvent event, SubTransactionId subid,
								  SubTransactionId parent_subid, void *arg);
static Identity *push(IdentityKind kind);
static void merge_top(void);
static bool login_role_user(pg_uuid_t *user_id);

PG_FUNCTION_INFO_V1(agenda_current_user_id);
PG_FUNCTION_INFO_V1(agenda_acting_user);
PG_FUNCTION_INFO_V1(agenda_check_owner);
PG_FUNCTION_INFO_V1(agenda_act_as);
PG_FUNCTION_INFO_V1(agenda_set_identity);
PG_FUNCTION_INFO_V1(agenda_enter);
PG_FUNCTION_INFO_V1(agenda_leave);

void
agenda_identity_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}

bool
agenda_identity_user(pg_uuid_t *user_id)
{
	if (stack_depth == 0)
		return login_role_user(user_id);
	*user_id = stack[stack_depth - 1].user_id;
	return stack[stack_depth - 1].has_user;
}

void
agenda_identity_require(pg_uuid_t *user_id)
{
	if (!agenda_identity_user(user_id))
		ereport(ERROR, errcode(ERRCODE_AGENDA_NO_IDENTITY), errmsg("nobody is acting"),
				errhint("Call agenda.act_as(user_id) in this transaction first."));
}

void
agenda_identity_check_owner(const pg_uuid_t *owner)
{
	pg_uuid_t acting;

	if (owner == NULL)
		agenda_identity_require(&acting);
	else if (agenda_identity_user(&acting) && memcmp(&acting, owner, UUID_LEN) != 0)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("the row would belong to another user"));
}

char *
agenda_identity_actor(void)
{
	char *result;
	pg_uuid_t user_id;

	/* the scanner takes on identities, but what it does is not the user's doing */
	if (MyBgworkerEntry != NULL)
		return pstrdup("scheduler");
	if (!agenda_identity_user(&user_id))
		return GetUserNameFromId(GetSessionUserId(), false);
	result = palloc(AGENDA_UUID_SIZE);
	agenda_uuid_text(&user_id, result);
	return result;
}

const char *
agenda_identity_traceparent(void)
{
	if (stack_depth == 0 || stack[stack_depth - 1].traceparent[0] == '\0')
		return NULL;
	return stack[stack_depth - 1].traceparent;
}

const char *
agenda_identity_request_id(void)
{
	if (stack_depth == 0 || stack[stack_depth - 1].request_id[0] == '\0')
		return NULL;
	return stack[stack_depth - 1].request_id;
}

/* agenda.current_user_id() → uuid, NULL when nobody acts */
Datum
agenda_current_user_id(PG_FUNCTION_ARGS)
{
	pg_uuid_t *result = palloc(sizeof(pg_uuid_t));

	if (!agenda_identity_user(result))
		PG_RETURN_NULL();
	PG_RETURN_UUID_P(result);
}

/* agenda._acting_user() → uuid, or YA009 */
Datum
agenda_acting_user(PG_FUNCTION_ARGS)
{
	pg_uuid_t *result = palloc(sizeof(pg_uuid_t));

	agenda_identity_require(result);
	PG_RETURN_UUID_P(result);
}

/* agenda._check_owner(user_id) → void */
Datum
agenda_check_owner(PG_FUNCTION_ARGS)
{
	agenda_identity_check_owner(PG_ARGISNULL(0) ? NULL : PG_GETARG_UUID_P(0));
	PG_RETURN_VOID();
}

/* agenda.act_as(user_id); the user's row is made at first sight */
Datum
agenda_act_as(PG_FUNCTION_ARGS)
{
	pg_uuid_t found;

	if (!PG_ARGISNULL(0) && !agenda_user_find(USER_ID, PG_GETARG_DATUM(0), true, &found))
	{
		NullableDatum arg = { PG_GETARG_DATUM(0), false };
		Oid type = UUIDOID;
		bool isnull;

		agenda_call("_ensure_user", 1, &type, &arg, &isnull);
	}
	return agenda_set_identity(fcinfo);
}

/* agenda._set_identity(user_id): the core of agenda.act_as() */
Datum
agenda_set_identity(PG_FUNCTION_ARGS)
{
	Identity *entry;

	if (stack_depth > 0 && stack[stack_depth - 1].kind == IDENTITY_FUNCTION)
		ereport(ERROR, errcode(ERRCODE_AGENDA_FORBIDDEN),
				errmsg("cannot change the acting user inside a function that acts for a user"));
	if (!IsTransactionBlock() && !IsSubTransaction())
		ereport(WARNING, errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION),
				errmsg("act_as has no effect outside a transaction block"),
				errhint("The acting user is forgotten at the end of the transaction."));

	if (stack_depth > 0 && stack[stack_depth - 1].nest_level == GetCurrentTransactionNestLevel())
		entry = &stack[stack_depth - 1];
	else
		entry = push(IDENTITY_TRANSACTION);
	entry->has_user = !PG_ARGISNULL(0);
	if (entry->has_user)
		entry->user_id = *PG_GETARG_UUID_P(0);
	PG_RETURN_VOID();
}

/* agenda._enter(user_id, request_id, traceparent): act for a user until _leave() */
Datum
agenda_enter(PG_FUNCTION_ARGS)
{
	agenda_identity_enter(PG_ARGISNULL(0) ? NULL : PG_GETARG_UUID_P(0),
						  PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1),
						  PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2));
	PG_RETURN_VOID();
}

/* A trigger that acts for a user, and gives no trace, keeps that of the request which fired it. */
void
agenda_identity_enter(const pg_uuid_t *user_id, const text *request_id, const text *traceparent)
{
	Identity *entry = push(IDENTITY_FUNCTION);
	const Identity *below = stack_depth > 1 ? entry - 1 : NULL;

	entry->has_user = user_id != NULL;
	if (user_id != NULL)
		entry->user_id = *user_id;
	if (request_id != NULL)
		text_to_cstring_buffer(request_id, entry->request_id, MAX_REQUEST_ID);
	else if (below != NULL)
		strlcpy(entry->request_id, below->request_id, MAX_REQUEST_ID);
	if (traceparent != NULL)
		text_to_cstring_buffer(traceparent, entry->traceparent, MAX_TRACEPARENT);
	else if (below != NULL)
		strlcpy(entry->traceparent, below->traceparent, MAX_TRACEPARENT);
}

/* agenda._leave(): the end of what _enter() began */
Datum
agenda_leave(PG_FUNCTION_ARGS)
{
	agenda_identity_leave();
	PG_RETURN_VOID();
}

void
agenda_identity_leave(void)
{
	if (stack_depth == 0 || stack[stack_depth - 1].kind != IDENTITY_FUNCTION)
		elog(ERROR, "_leave without _enter");
	stack_depth--;
}

static Identity *
push(IdentityKind kind)
{
	Identity *entry;

	if (stack_depth >= MAX_DEPTH)
		ereport(ERROR, errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
				errmsg("identities are nested too deeply"));
	if (stack_depth == stack_size)
	{
		int new_size = stack_size == 0 ? 8 : stack_size * 2;

		if (stack == NULL)
			stack = MemoryContextAlloc(TopMemoryContext, new_size * sizeof(Identity));
		else
			stack = repalloc(stack, new_size * sizeof(Identity));
		stack_size = new_size;
	}
	entry = &stack[stack_depth++];
	entry->kind = kind;
	entry->nest_level = GetCurrentTransactionNestLevel();
	entry->request_id[0] = entry->traceparent[0] = '\0';
	return entry;
}

/* The user whose login_role is the session's login role, looked up once per transaction. */
static bool
login_role_user(pg_uuid_t *user_id)
{
	NameData login;

	if (MyProc->lxid == login_lxid && LocalTransactionIdIsValid(login_lxid) &&
		GetSessionUserId() == login_role)
	{
		*user_id = login_user_id;
		return login_has_user;
	}

	namestrcpy(&login, GetUserNameFromId(GetSessionUserId(), false));
	login_has_user = agenda_user_find(USER_LOGIN_ROLE, NameGetDatum(&login), false, &login_user_id);
	login_lxid = MyProc->lxid;
	login_role = GetSessionUserId();
	*user_id = login_user_id;
	return login_has_user;
}

/*
 * Two calls of act_as() that are undone together are one: the later.  So a savepoint per user
 * does not make the stack grow.
 */
static void
merge_top(void)
{
	while (stack_depth > 1)
	{
		Identity *top = &stack[stack_depth - 1];

		if (top->kind != IDENTITY_TRANSACTION || top[-1].kind != IDENTITY_TRANSACTION ||
			top->nest_level != top[-1].nest_level)
			return;
		top[-1] = *top;
		stack_depth--;
	}
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE ||
		event == XACT_EVENT_PARALLEL_COMMIT || event == XACT_EVENT_PARALLEL_ABORT)
	{
		stack_depth = 0;
		login_lxid = InvalidLocalTransactionId;
	}
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent_subid,
					  void *arg)
{
	int level = GetCurrentTransactionNestLevel();
	int i;

	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (stack_depth > 0 && stack[stack_depth - 1].nest_level >= level)
			stack_depth--;
		login_lxid = InvalidLocalTransactionId;
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (i = stack_depth - 1; i >= 0 && stack[i].nest_level >= level; i--)
			stack[i].nest_level = level - 1;
		merge_top();
	}
}
