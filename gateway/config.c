/*
 * config.c
 *	  The settings of the gateway.
 *
 * One table: name, kind, default, bounds, help.  The setting jwt-key-file is given by a line
 * "jwt-key-file = VALUE" of the file that config-file names, by the environment variable
 * AGENDA_JWT_KEY_FILE, or by --jwt-key-file=VALUE; what comes later in this list wins.
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
	TEXT("config-file", config_file, "", "file with lines \"name = value\" of these settings"),
	TEXT("bind", bind, "127.0.0.1", "address to listen on"),
	NUMBER("port", port, "8000", 0, 65535, "TCP port to listen on; 0 lets the system choose"),
	NUMBER("listen-fd", listen_fd, "-1", -1, 65535,
		   "file descriptor of a socket that listens already, instead of bind and port"),
	TEXT("unix-socket", unix_socket, "",
		 "path of a UNIX socket to listen on besides; its directory decides who may connect"),
	TEXT("admin-bind", admin_bind, "127.0.0.1", "address of the admin port"),
	NUMBER("admin-port", admin_port, "-1", -1, 65535,
		   "port of its own for /metrics, /healthz, /readyz and /livez, which the others then do "
		   "not serve; -1: none"),
	TEXT("tls-cert-file", tls_cert_file, "",
		 "certificate chain in PEM: the TCP port speaks TLS; read again at SIGHUP"),
	TEXT("tls-key-file", tls_key_file, "", "its private key in PEM"),
	TEXT("tls-client-ca-file", tls_client_ca_file, "",
		 "authorities in PEM, one of which must have signed the certificate of every TLS client"),
	TEXT("database", database, "",
		 "libpq connection string; libpq's own environment fills the rest"),
	NUMBER("threads", threads, "0", 0, 64, "worker threads; 0 is one per core"),
	NUMBER("db-connections", db_connections, "2", 1, 8, "database connections per thread"),
	NUMBER(
		"slow-connections", slow_connections, "1", 0, 4,
		"further connections per thread for searches and exports, which do not hold up the rest; "
		"0: they go with the rest"),
	NUMBER("read-batch", read_batch, "64", 1, 256, "most reads in one pipeline batch"),
	NUMBER("write-batch", write_batch, "32", 1, 256, "most writes in one pipeline batch"),
	NUMBER("queue-limit", queue_limit, "2048", 1, 65536,
		   "most requests that wait for the database per thread; more are answered 503"),
	NUMBER("queue-timeout", queue_timeout, "5", 1, 600,
		   "seconds a request may wait for a database connection before 503"),
	NUMBER("statement-timeout", statement_timeout, "10", 1, 3600,
		   "seconds a statement may run before 504"),
	NUMBER("slow-timeout", slow_timeout, "60", 1, 3600, "the same for searches and exports"),
	TEXT("jwt-key-file", jwt_key_file, "",
		 "files with an HS256 secret of at least 32 bytes, public keys in PEM, or a JWKS, with "
		 "commas between their names; read again at SIGHUP"),
	TEXT("jwt-audience", jwt_audience, "", "audience that tokens must name; empty: not checked"),
	TEXT("jwt-issuer", jwt_issuer, "", "issuer that tokens must name; empty: not checked"),
	NUMBER("jwt-leeway", jwt_leeway, "30", 0, 3600,
		   "seconds of clock difference that are forgiven"),
	TEXT("jwt-roles-claim", jwt_roles_claim, "roles", "claim with the roles of a token"),
	TEXT("operator-role", operator_role, "",
		 "role that may use the operator's paths; empty: nobody may"),
	NUMBER("token-cache", token_cache, "4096", 16, 1048576, "verified tokens kept per thread"),
	TEXT("dapr-token-file", dapr_token_file, "",
		 "file with the token that a Dapr sidecar sends; empty: only loopback peers are let in"),
	TEXT("dapr-pubsub", dapr_pubsub, "pubsub", "Dapr component that the subscriptions name"),
	NUMBER("max-connections", max_connections, "10000", 16, 1000000,
		   "client connections, all threads"),
	NUMBER("max-header", max_header, "16384", 1024, 1048576, "bytes of a request's header"),
	NUMBER("max-url", max_url, "4096", 256, 65536, "bytes of a request's target"),
	NUMBER("max-body", max_body, "1048576", 1024, 67108864, "bytes of a request's body"),
	NUMBER("max-buffered", max_buffered, "268435456", 1048576, 68719476736,
		   "bytes of bodies held at once, all threads; more are answered 503"),
	NUMBER("max-json-depth", max_json_depth, "32", 2, 1000, "nesting of a JSON body"),
	NUMBER("max-operations", max_operations, "100", 1, 1000, "operations in one batch request"),
	NUMBER("rate-limit", rate_limit, "0", 0, 1000000,
		   "requests per second of one user at one gateway; 0: not limited"),
	NUMBER("rate-burst", rate_burst, "50", 1, 1000000, "requests that a user may have saved up"),
	NUMBER("header-timeout", header_timeout, "10", 1, 600, "seconds for a request's header"),
	NUMBER("body-timeout", body_timeout, "30", 1, 3600,
		   "seconds for a request's body, or for taking the answer"),
	NUMBER("keepalive-timeout", keepalive_timeout, "75", 1, 3600,
		   "seconds an idle connection is kept"),
	TEXT("cors-origins", cors_origins, "",
		 "origins whose pages may call, with commas between them, or *; empty: none"),
	NUMBER("cors-max-age", cors_max_age, "86400", 0, 86400,
		   "seconds a browser may remember what a preflight said"),
	NUMBER("compress-above", compress_above, "4096", 0, 67108864,
		   "bytes from which on bodies are sent gzipped to clients that take it; 0: never"),
	{ "stream", KIND_SWITCH, offsetof(struct config, stream), "on", 0, 0,
	  "serve /stream, with one more database connection: on or off" },
	NUMBER("stream-heartbeat", stream_heartbeat, "15", 1, 600,
		   "seconds between signs of life of a stream"),
	NUMBER("stream-buffer", stream_buffer, "65536", 4096, 16777216,
		   "bytes that a slow client of the stream may be behind before it is cut off"),
	NUMBER("stream-per-user", stream_per_user, "8", 1, 1000, "streams of one user per thread"),
	NUMBER("stream-ring", stream_ring, "4096", 16, 1048576,
		   "events kept in memory for clients that come back"),
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
#define LINE_LEN_MAX 4096

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

static const struct setting *
find_setting(const char *name, size_t len)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (strlen(settings[i].name) == len && strncmp(name, settings[i].name, len) == 0)
			return &settings[i];
	return NULL;
}

static bool
apply_argument(struct config *cfg, const char *arg, char *error, size_t size)
{
	const char *eq = strchr(arg, '=');

	if (strncmp(arg, "--", 2) == 0 && eq != NULL)
	{
		const struct setting *s = find_setting(arg + 2, (size_t) (eq - arg) - 2);

		if (s != NULL)
		{
			if (set_value(cfg, s, eq + 1))
				return true;
			explain(s, s->name, eq + 1, error, size);
			return false;
		}
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

static char *
trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	return text;
}

/* One line: nothing, a comment, or "name = value". */
static bool
apply_line(struct config *cfg, char *line, const char *where, char *error, size_t size)
{
	char *name = trim(line);
	char *eq = strchr(name, '=');
	const struct setting *s;
	char *value;

	if (name[0] == '\0' || name[0] == '#')
		return true;
	if (eq == NULL)
	{
		(void) snprintf(error, size, "%s: \"%s\" is not \"name = value\"", where, name);
		return false;
	}
	*eq = '\0';
	value = trim(eq + 1);
	name = trim(name);
	s = find_setting(name, strlen(name));
	if (s == NULL || s->offset == offsetof(struct config, config_file))
	{
		(void) snprintf(error, size, "%s: there is no setting \"%s\"", where, name);
		return false;
	}
	if (set_value(cfg, s, value))
		return true;
	explain(s, where, value, error, size);
	return false;
}

static bool
apply_file(struct config *cfg, const char *path, char *error, size_t size)
{
	FILE *f = fopen(path, "r");
	char line[LINE_LEN_MAX];
	char where[256];
	int number = 0;
	bool ok = true;

	if (f == NULL)
	{
		(void) snprintf(error, size, "could not open \"%s\": %s", path, strerror(errno));
		return false;
	}
	while (ok && fgets(line, sizeof(line), f) != NULL)
	{
		(void) snprintf(where, sizeof(where), "%s:%d", path, ++number);
		ok = apply_line(cfg, line, where, error, size);
	}
	(void) fclose(f);
	return ok;
}

/* The command line's word for the file, else the environment's. */
static const char *
config_file_name(int argc, char **argv, config_getenv env)
{
	static const char option[] = "--config-file=";
	const char *name = env("AGENDA_CONFIG_FILE");

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], option, sizeof(option) - 1) == 0)
			name = argv[i] + sizeof(option) - 1;
	return name && name[0] ? name : NULL;
}

static void
apply_defaults(struct config *cfg)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
		(void) set_value(cfg, &settings[i], settings[i].value);
}

/* What no single setting can tell. */
static bool
check_together(const struct config *cfg, char *error, size_t size)
{
	if ((cfg->tls_cert_file[0] == '\0') == (cfg->tls_key_file[0] == '\0') &&
		(cfg->tls_client_ca_file[0] == '\0' || cfg->tls_cert_file[0] != '\0'))
		return true;
	(void) snprintf(error, size,
					"tls-cert-file and tls-key-file go together, tls-client-ca-file needs both");
	return false;
}

/* Fill cfg, which the caller has zeroed; the answer says what main() should do. */
enum config_action
config_load(struct config *cfg, int argc, char **argv, config_getenv env, char *error,
			size_t error_size)
{
	enum config_action action = CONFIG_RUN;

	const char *file = config_file_name(argc, argv, env);

	apply_defaults(cfg);
	if ((file != NULL && !apply_file(cfg, file, error, error_size)) ||
		!apply_environment(cfg, env, error, error_size))
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
	if (!check_together(cfg, error, error_size))
		return CONFIG_ERROR;
	return action;
}

void
config_help(FILE *out)
{
	(void) fputs(
		"agenda-gateway: REST face of pg_agenda\n\n"
		"Usage: agenda-gateway [--NAME=VALUE ...]\n"
		"       agenda-gateway --help | --version | --check-config\n\n"
		"Every setting can be given by the environment variable beside it; where that is not set,\n"
		"a line \"NAME = VALUE\" of config-file counts, then the default.\n\n",
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
