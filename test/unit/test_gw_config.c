/*
 * test_gw_config.c
 *	  Settings of the gateway: defaults, environment, command line, mistakes.
 */
#include "gateway/config.h"

#include "tap.h"

static const char *const *environment; /* name, value, ..., NULL */

static const char *
fake_env(const char *name)
{
	for (const char *const *e = environment; *e != NULL; e += 2)
		if (strcmp(e[0], name) == 0)
			return e[1];
	return NULL;
}

static enum config_action
load(struct config *cfg, const char *const *env, char *argument, char *error, size_t size)
{
	char program[] = "agenda-gateway";
	char *argv[] = { program, argument, NULL };

	memset(cfg, 0, sizeof(*cfg));
	environment = env;
	return config_load(cfg, argument ? 2 : 1, argv, fake_env, error, size);
}

static void
test_values(void)
{
	static const char *const none[] = { NULL };
	static const char *const env[] = { "AGENDA_PORT",
									   "9000",
									   "AGENDA_JWT_KEY_FILE",
									   "/key",
									   "AGENDA_ACCESS_LOG",
									   "off",
									   "AGENDA_BIND",
									   "",
									   NULL };
	char port[] = "--port=9001";
	char database[] = "--database=host=/tmp dbname=agenda";
	struct config cfg;
	char error[256] = "";

	is_int(load(&cfg, none, NULL, error, sizeof(error)), CONFIG_RUN, "defaults are enough");
	is_int(cfg.port, 8000, "default port");
	is_str(cfg.bind, "127.0.0.1", "default address");
	is_int(cfg.access_log, 1, "default access log");
	config_free(&cfg);

	is_int(load(&cfg, env, NULL, error, sizeof(error)), CONFIG_RUN, "environment");
	is_int(cfg.port, 9000, "port by environment");
	is_str(cfg.jwt_key_file, "/key", "a dash is an underscore in the environment");
	is_int(cfg.access_log, 0, "switch by environment");
	is_str(cfg.bind, "127.0.0.1", "an empty variable is none");
	config_free(&cfg);

	is_int(load(&cfg, env, port, error, sizeof(error)), CONFIG_RUN, "command line");
	is_int(cfg.port, 9001, "the command line wins");
	config_free(&cfg);

	is_int(load(&cfg, none, database, error, sizeof(error)), CONFIG_RUN, "value with =");
	is_str(cfg.database, "host=/tmp dbname=agenda", "only the first = separates");
	config_free(&cfg);
}

static void
check_refused(const char *const *env, const char *argument, const char *mentions)
{
	struct config cfg;
	char error[256] = "";
	char copy[64];
	enum config_action action;

	(void) snprintf(copy, sizeof(copy), "%s", argument ? argument : "");
	action = load(&cfg, env, argument ? copy : NULL, error, sizeof(error));
	ok(action == CONFIG_ERROR && strstr(error, mentions) != NULL, "refused: %s",
	   argument ? argument : env[1]);
	if (strstr(error, mentions) == NULL)
		diag("message: %s", error);
	config_free(&cfg);
}

static void
test_mistakes(void)
{
	static const char *const none[] = { NULL };
	static const char *const bad_port[] = { "AGENDA_PORT", "http", NULL };
	static const char *const bad_level[] = { "AGENDA_LOG_LEVEL", "loud", NULL };

	check_refused(bad_port, NULL, "AGENDA_PORT");
	check_refused(bad_level, NULL, "AGENDA_LOG_LEVEL");
	check_refused(none, "--port=65536", "65535");
	check_refused(none, "--port=80x", "80x");
	check_refused(none, "--port=", "port");
	check_refused(none, "--port", "--port");
	check_refused(none, "--ports=80", "--ports");
	check_refused(none, "--por=80", "--por");
	check_refused(none, "port=80", "port=80");
	check_refused(none, "--access-log=maybe", "access-log");
}

static void
test_actions(void)
{
	static const char *const none[] = { NULL };
	char help[] = "--help";
	char version[] = "--version";
	char check[] = "--check-config";
	struct config cfg;
	char error[256];

	is_int(load(&cfg, none, help, error, sizeof(error)), CONFIG_HELP, "--help");
	config_free(&cfg);
	is_int(load(&cfg, none, version, error, sizeof(error)), CONFIG_VERSION, "--version");
	config_free(&cfg);
	is_int(load(&cfg, none, check, error, sizeof(error)), CONFIG_CHECK, "--check-config");
	config_free(&cfg);
}

/* --check-config may end up in tickets. */
static void
test_secrets(void)
{
	static const char *const env[] = { "AGENDA_DATABASE", "host=db password=opensesame", NULL };
	struct config cfg;
	char error[256];
	char text[8192] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void) load(&cfg, env, NULL, error, sizeof(error));
	config_print(&cfg, out);
	(void) fclose(out);
	ok(strstr(text, "database = (set)") != NULL, "the connection string is there or not");
	ok(strstr(text, "opensesame") == NULL, "its password is not shown");
	config_free(&cfg);
}

int
main(void)
{
	test_values();
	test_mistakes();
	test_actions();
	test_secrets();
	return done_testing();
}
