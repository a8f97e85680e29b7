/*
 * config.c
 *	  The settings of the gateway.
 *
 * One table: name, kind, default, bounds, help.  The setting jwt-key-file is given by the
 * environment variable AGENDA_JWT_KEY_FILE or by --jwt-key-file=VALUE; the command line wins.
 * Read once at start by main(), read-only afterwards, so that every thread may look at it.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "strbuf.h"

enum kind
{
	KIND_TEXT,
	KIND_NUMBER,
	KIND_SWITCH, /* on | off */
	KIND_LEVEL   /* debug | info | warning | error */
};

struct setting
{
	const char *name;
	enum kind kind;
	size_t offset;
	const char *value; /* default, as text */
	long min;
	long max;
	const char *help;
};

#define TEXT(name, field, value, help)                                                             \
	{                                                                                              \
		name, KIND_TEXT, offsetof(struct config, field), value, 0, 0, help                         \
	}
#define NUMBER(name, field, value, min, max, help)                                                 \
	{                                                                                              \
		name, KIND_NUMBER, offsetof(struct config, field), value, min, max, help                   \
	}

static const struct setting settings[] = {
	TEXT("bind", bind, "127.0.0.1", "address to listen on"),
	NUMBER("port", port, "8000", 0, 65535, "TCP port to listen on; 0 lets the system choose"),
	NUMBER("listen-fd", listen_fd, "-1", -1, 65535,
		   "file descriptor of a socket that listens already, instead of bind and port"),
	TEXT("database", database, "",
		 "libpq connection string; libpq's own environment fills the rest"),
	NUMBER("threads", threads, "0", 0, 64, "worker threads; 0 is one per core"),
	NUMBER("db-connections", db_connections, "2", 1, 8, "database connections per thread"),
	NUMBER("read-batch", read_batch, "64", 1, 256, "most reads in one pipeline batch"),
	NUMBER("write-batch", write_batch, "32", 1, 256, "most writes in one pipeline batch"),
	NUMBER("queue-limit", queue_limit, "2048", 1, 65536,
		   "most requests that wait for the database per thread; more are answered 503"),
	NUMBER("queue-timeout", queue_timeout, "5", 1, 600,
		   "seconds a request may wait for a database connection before 503"),
	NUMBER("statement-timeout", statement_timeout, "10", 1, 3600,
		   "seconds a statement may run before 504"),
	TEXT("jwt-key-file", jwt_key_file, "", "file with the HS256 secret, at least 32 bytes"),
	TEXT("jwt-audience", jwt_audience, "", "audience that tokens must name; empty: not checked"),
	TEXT("jwt-issuer", jwt_issuer, "", "issuer that tokens must name; empty: not checked"),
	NUMBER("jwt-leeway", jwt_leeway, "30", 0, 3600,
		   "seconds of clock difference that are forgiven"),
	NUMBER("token-cache", token_cache, "4096", 16, 1048576, "verified tokens kept per thread"),
	NUMBER("max-connections", max_connections, "10000", 16, 1000000,
		   "client connections, all threads"),
	NUMBER("max-header", max_header, "16384", 1024, 1048576, "bytes of a request's header"),
	NUMBER("max-url", max_url, "4096", 256, 65536, "bytes of a request's target"),
	NUMBER("max-body", max_body, "1048576", 1024, 67108864, "bytes of a request's body"),
	NUMBER("max-json-depth", max_json_depth, "32", 2, 1000, "nesting of a JSON body"),
	NUMBER("header-timeout", header_timeout, "10", 1, 600, "seconds for a request's header"),
	NUMBER("body-timeout", body_timeout, "30", 1, 3600,
		   "seconds for a request's body, or for taking the answer"),
	NUMBER("keepalive-timeout", keepalive_timeout, "75", 1, 3600,
		   "seconds an idle connection is kept"),
	NUMBER("drain-delay", drain_delay, "0", 0, 600,
		   "seconds to go on accepting after SIGTERM while readyz says no"),
	NUMBER("drain-timeout", drain_timeout, "25", 1, 3600,
		   "seconds to finish requests after SIGTERM"),
	{ "log-level", KIND_LEVEL, offsetof(struct config, log_level), "info", 0, 0,
	  "debug, info, warning or error" },
	{ "access-log", KIND_SWITCH, offsetof(struct config, access_log), "on", 0, 0,
	  "one JSON line per request on standard error: on or off" },
};

#define N_SETTINGS   (sizeof(settings) / sizeof(settings[0]))
#define ENV_NAME_MAX 64

static void
env_name(const struct setting *s, char out[ENV_NAME_MAX])
{
	size_t len = (size_t) snprintf(out, ENV_NAME_MAX, "AGENDA_%s", s->name);

	for (size_t i = 0; i < len; i++)
		out[i] = out[i] == '-' ? '_' : (char) toupper((unsigned char) out[i]);
}

static bool
set_number(const struct setting *s, long *field, const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || value < s->min || value > s->max)
		return false;
	*field = value;
	return true;
}

static bool
set_switch(long *field, const char *text)
{
	if (strcmp(text, "on") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
		*field = 1;
	else if (strcmp(text, "off") == 0 || strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		*field = 0;
	else
		return false;
	return true;
}

static bool
is_level(const char *text)
{
	return strcmp(text, "debug") == 0 || strcmp(text, "info") == 0 ||
		   strcmp(text, "warning") == 0 || strcmp(text, "error") == 0;
}

static bool
set_value(struct config *cfg, const struct setting *s, const char *text)
{
	char *field = (char *) cfg + s->offset;
	char **text_field = (char **) (void *) field;

	if (s->kind == KIND_NUMBER)
		return set_number(s, (long *) (void *) field, text);
	if (s->kind == KIND_SWITCH)
		return set_switch((long *) (void *) field, text);
	if (s->kind == KIND_LEVEL && !is_level(text))
		return false;
	free(*text_field);
	*text_field = xstrdup(text);
	return true;
}

static void
explain(const struct setting *s, const char *where, const char *text, char *error, size_t size)
{
	if (s->kind == KIND_NUMBER)
		(void) snprintf(error, size, "%s: \"%s\" is not a number from %ld to %ld", where, text,
						s->min, s->max);
	else
		(void) snprintf(error, size, "%s: \"%s\" is not one of: %s", where, text, s->help);
}

static bool
apply_argument(struct config *cfg, const char *arg, char *error, size_t size)
{
	const char *eq = strchr(arg, '=');

	if (strncmp(arg, "--", 2) == 0 && eq != NULL)
		for (size_t i = 0; i < N_SETTINGS; i++)
		{
			size_t len = strlen(settings[i].name);

			if ((size_t) (eq - arg) - 2 != len || strncmp(arg + 2, settings[i].name, len) != 0)
				continue;
			if (set_value(cfg, &settings[i], eq + 1))
				return true;
			explain(&settings[i], settings[i].name, eq + 1, error, size);
			return false;
		}
	(void) snprintf(error, size, "unknown argument \"%s\"; --help lists them", arg);
	return false;
}

static bool
apply_environment(struct config *cfg, config_getenv env, char *error, size_t size)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
	{
		char name[ENV_NAME_MAX];
		const char *value;

		(void) set_value(cfg, &settings[i], settings[i].value);
		env_name(&settings[i], name);
		value = env(name);
		if (value == NULL || value[0] == '\0')
			continue;
		if (!set_value(cfg, &settings[i], value))
		{
			explain(&settings[i], name, value, error, size);
			return false;
		}
	}
	return true;
}

/* Fill cfg, which the caller has zeroed; the answer says what main() should do. */
enum config_action
config_load(struct config *cfg, int argc, char **argv, config_getenv env, char *error,
			size_t error_size)
{
	enum config_action action = CONFIG_RUN;

	if (!apply_environment(cfg, env, error, error_size))
		return CONFIG_ERROR;
	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--help") == 0)
			return CONFIG_HELP;
		if (strcmp(argv[i], "--version") == 0)
			return CONFIG_VERSION;
		if (strcmp(argv[i], "--check-config") == 0)
			action = CONFIG_CHECK;
		else if (!apply_argument(cfg, argv[i], error, error_size))
			return CONFIG_ERROR;
	}
	return action;
}

void
config_help(FILE *out)
{
	(void) fputs("agenda-gateway: REST face of pg_agenda\n\n"
				 "Usage: agenda-gateway [--NAME=VALUE ...]\n"
				 "       agenda-gateway --help | --version | --check-config\n\n"
				 "Every setting can be given by the environment variable beside it.\n\n",
				 out);
	for (size_t i = 0; i < N_SETTINGS; i++)
	{
		char name[ENV_NAME_MAX];

		env_name(&settings[i], name);
		(void) fprintf(out, "  --%-18s %-26s %s (default \"%s\")\n", settings[i].name, name,
					   settings[i].help, settings[i].value);
	}
}

/* The connection string may hold a password and is not shown. */
void
config_print(const struct config *cfg, FILE *out)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
	{
		const struct setting *s = &settings[i];
		const char *field = (const char *) cfg + s->offset;

		if (s->offset == offsetof(struct config, database))
			(void) fprintf(out, "%s = %s\n", s->name, cfg->database[0] ? "(set)" : "");
		else if (s->kind == KIND_NUMBER)
			(void) fprintf(out, "%s = %ld\n", s->name, *(const long *) (const void *) field);
		else if (s->kind == KIND_SWITCH)
			(void) fprintf(out, "%s = %s\n", s->name,
						   *(const long *) (const void *) field ? "on" : "off");
		else
			(void) fprintf(out, "%s = %s\n", s->name, *(char *const *) (const void *) field);
	}
}

void
config_free(struct config *cfg)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (settings[i].kind == KIND_TEXT || settings[i].kind == KIND_LEVEL)
			free(*(char **) (void *) ((char *) cfg + settings[i].offset));
	memset(cfg, 0, sizeof(*cfg));
}
