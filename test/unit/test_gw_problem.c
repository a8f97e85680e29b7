/*
 * test_gw_problem.c
 *	  From errors of the database to HTTP, and the documents.
 */
#include "gateway/dberror.h"

#include "tap.h"

static void
check(const char *state, unsigned int status, const char *name)
{
	const struct problem_kind *kind = problem_of_sqlstate(state);

	is_int(kind->status, status, state ? state : "(no state)");
	is_str(kind->name, name, "... and its name");
}

static void
test_states(void)
{
	check("YA001", 404, "not-found");
	check("YA002", 412, "version-conflict");
	check("YA003", 422, "invalid-rrule");
	check("YA004", 422, "invalid-timezone");
	check("YA005", 422, "invalid-time");
	check("YA006", 422, "invalid-value");
	check("YA007", 409, "invalid-state");
	check("YA008", 429, "quota-exceeded");
	check("YA009", 401, "no-identity");
	check("YA010", 403, "forbidden");
	check("YA011", 503, "log-is-foreign");
	check("YA012", 403, "append-only");
	check("YA020", 409, "key-in-use");
	check("YA021", 422, "key-reused");
	check("YA022", 409, "key-done");
	check("YA023", 410, "position-gone");
	check("YA024", 400, "invalid-cursor");
	check("22P02", 400, "invalid-text");
	check("22007", 400, "invalid-datetime");
	check("22008", 400, "datetime-overflow");
	check("22003", 400, "out-of-range");
	check("22001", 400, "too-long");
	check("22P05", 400, "untranslatable");
	check("22021", 400, "invalid-encoding");
	check("22023", 400, "invalid-parameter");
	check("22012", 400, "data-exception");
	check("23502", 422, "missing-value");
	check("23514", 422, "validation-failed");
	check("23505", 409, "duplicate");
	check("23P01", 409, "conflict");
	check("23503", 422, "unknown-reference");
	check("P0002", 404, "not-found");
	check("28000", 503, "login-failed");
	check("42501", 403, "forbidden");
	check("40001", 503, "try-again");
	check("40P01", 503, "try-again");
	check("55P03", 503, "locked");
	check("25001", 500, "wrong-transaction");
	check("25006", 503, "read-only");
	check("54001", 413, "too-complex");
	check("57014", 504, "timeout");
	check("57P01", 503, "unavailable");
	check("57P05", 503, "unavailable");
	check("08006", 503, "unavailable");
	check("53300", 503, "overloaded");
	check("XX000", 500, "internal");
	check("42883", 500, "internal");
	check("YA999", 500, "internal");
	check("", 500, "internal");
	check("22", 500, "internal");
	check(NULL, 500, "internal");
}

/* what is shown of an error: detail, hint and pointer, "-" for none */
static void
shows(const struct db_error error, const char *detail, const char *hint, const char *pointer)
{
	static const char text[] =
		"{\"preferences_quiet_check\": [\"quiet_start\", \"both ends must differ\"]}";
	json_t *rules = json_loads(text, 0, NULL);
	struct db_problem p;

	db_problem_init(&p, &error, rules);
	is_str(p.problem.detail ? p.problem.detail : "-", detail, "what is shown");
	is_str(p.problem.hint ? p.problem.hint : "-", hint, "... its hint");
	is_str(p.problem.pointer ? p.problem.pointer : "-", pointer, "... and the member");
	db_problem_free(&p);
	json_decref(rules);
}

static void
test_errors(void)
{
	struct db_error e = { "YA006", "message", "detail", "hint", "title", NULL };

	shows(e, "message: detail", "hint", "/title");
	e.column = e.detail = NULL;
	shows(e, "message", "hint", "-");
	e.sqlstate = "22P02";
	shows(e, "message", "-", "-");
	/* names of relations, of roles and of what is wrong with the server are nobody's business */
	e.detail = "Failing row contains (secret).";
	e.column = "title";
	e.sqlstate = "23502";
	shows(e, "-", "-", "/title");
	e.sqlstate = "23505";
	shows(e, "-", "-", "/title");
	e.sqlstate = "42501";
	shows(e, "-", "-", "/title");
	e.sqlstate = "YA011";
	shows(e, "-", "-", "-");
	e.sqlstate = "XX000";
	shows(e, "-", "-", "-");
	/* a CHECK is explained by its comment */
	e.sqlstate = "23514";
	e.column = NULL;
	e.constraint = "preferences_quiet_check";
	shows(e, "both ends must differ.", "-", "/quiet_start");
	e.constraint = "another_check";
	shows(e, "-", "-", "-");
	/* or by the code that raised it, which names the column */
	e.column = "title";
	e.detail = "title must be short.";
	shows(e, "title must be short.", "-", "/title");
}

static void
test_document(void)
{
	struct problem p = { .kind = problem_of_sqlstate("YA006"),
						 .code = "YA006",
						 .detail = "priority must be \"1\" to 3",
						 .hint = "Use 2.",
						 .pointer = "/priority",
						 .instance = "/api/tasks",
						 .request_id = "r1" };
	struct strbuf out = { 0 };

	problem_render(&out, &p);
	is_str(
		out.data,
		"{\"type\":\"urn:pg_agenda:problem:invalid-value\",\"title\":\"a value is outside its "
		"permitted range\","
		"\"status\":422,\"detail\":\"priority must be \\\"1\\\" to 3\",\"hint\":\"Use "
		"2.\",\"instance\":\"/api/tasks\","
		"\"code\":\"YA006\",\"request_id\":\"r1\","
		"\"errors\":[{\"pointer\":\"/priority\",\"detail\":\"priority must be \\\"1\\\" to 3\"}]}",
		"a full document");
	sb_reset(&out);
	p = (struct problem){ .kind = &PROBLEM_OVERLOADED };
	problem_render(&out, &p);
	is_str(out.data,
		   "{\"type\":\"urn:pg_agenda:problem:overloaded\",\"title\":\"too many requests are "
		   "waiting\","
		   "\"status\":503,\"code\":\"overloaded\",\"errors\":[]}",
		   "the least document");
	sb_free(&out);
}

int
main(void)
{
	test_states();
	test_errors();
	test_document();
	return done_testing();
}
