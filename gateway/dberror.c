/*
 * dberror.c
 *	  From an error of the database to a problem document: what may be shown of it, and the member of
 *	  the request that it is about.
 *
 * Our own states and complaints about data were written for the caller.  Messages about permissions and
 * of the server itself name things that are none of the caller's business, and so do those about
 * constraints: there the rules speak, the comments on our CHECK constraints as agenda.gw_rules() gives
 * them: {"preferences_quiet_check": ["quiet_start", "quiet_start and quiet_end must …"], …}.
 */
#include "dberror.h"

#include <stdbool.h>
#include <string.h>

static bool
in_class(const char *sqlstate, const char *class)
{
	return strncmp(sqlstate, class, 2) == 0;
}

static void
broken_rule(struct db_problem *p, const struct db_error *error, const json_t *rules)
{
	const json_t *rule = error->constraint ? json_object_get(rules, error->constraint) : NULL;
	const char *column = json_string_value(json_array_get(rule, 0));
	const char *text = json_string_value(json_array_get(rule, 1));

	if (text != NULL)
		sb_printf(&p->detail, "%s.", text);
	else if (error->column != NULL && error->detail != NULL)
		/* PostgreSQL names no column here, so our own code has found it, and says what is allowed */
		sb_puts(&p->detail, error->detail);
	if (error->column == NULL && column != NULL)
		sb_printf(&p->pointer, "/%s", column);
}

/* The texts of the error must live as long as the problem. */
void
db_problem_init(struct db_problem *p, const struct db_error *error, const json_t *rules)
{
	const char *state = error->sqlstate;
	const struct problem_kind *kind;

	memset(p, 0, sizeof(*p));
	/* without a state it is libpq that complains, about the connection */
	kind = state ? problem_of_sqlstate(state) : &PROBLEM_UNAVAILABLE;
	p->problem.kind = kind;
	p->problem.code = kind->sqlstate ? state : NULL;
	if (state == NULL || kind->status >= 500)
		return;
	if (error->message != NULL && (in_class(state, "YA") || in_class(state, "22")))
	{
		sb_puts(&p->detail, error->message);
		if (error->detail != NULL)
			sb_printf(&p->detail, ": %s", error->detail);
	}
	if (in_class(state, "YA"))
		p->problem.hint = error->hint;
	if (error->column != NULL)
		sb_printf(&p->pointer, "/%s", error->column);
	if (strcmp(state, "23514") == 0)
		broken_rule(p, error, rules);
	p->problem.detail = p->detail.data;
	p->problem.pointer = p->pointer.data;
}

void
db_problem_free(struct db_problem *p)
{
	sb_free(&p->detail);
	sb_free(&p->pointer);
}
