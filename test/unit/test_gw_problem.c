/*
 * test_gw_problem.c
 *	  From SQLSTATEs to HTTP, and the documents.
 */
#include "gateway/problem.h"

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
	check("22P02", 400, "invalid-text");
	check("22012", 400, "data-exception");
	check("23505", 409, "duplicate");
	check("40001", 503, "try-again");
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

static void
test_secrets(void)
{
	ok(problem_shows_message(problem_of_sqlstate("YA001")), "our messages are for the caller");
	ok(problem_shows_message(problem_of_sqlstate("22P02")), "so are complaints about values");
	ok(!problem_shows_message(problem_of_sqlstate("23505")), "constraint names are not");
	ok(!problem_shows_message(problem_of_sqlstate("42501")), "nor are objects without permission");
	ok(!problem_shows_message(problem_of_sqlstate("YA011")), "nor what is wrong with the server");
	ok(!problem_shows_message(problem_of_sqlstate("XX000")), "nor internal errors");
}

static void
test_document(void)
{
	struct problem p = { .kind = problem_of_sqlstate("YA006"),
						 .code = "YA006",
						 .detail = "priority must be \"1\" to 3",
						 .pointer = "/priority",
						 .instance = "/api/tasks",
						 .request_id = "r1" };
	struct strbuf out = { 0 };

	problem_render(&out, &p);
	is_str(
		out.data,
		"{\"type\":\"urn:pg_agenda:problem:invalid-value\",\"title\":\"a value is outside its "
		"permitted range\","
		"\"status\":422,\"detail\":\"priority must be \\\"1\\\" to 3\",\"instance\":\"/api/tasks\","
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
	test_secrets();
	test_document();
	return done_testing();
}
