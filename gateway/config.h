/*
 * config.h
 *	  The settings of the gateway: one table gives environment, command line, --help and docs.
 */
#ifndef AGENDA_GW_CONFIG_H
#define AGENDA_GW_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

struct config
{
	/* where to listen */
	char *bind;
	long port;
	long listen_fd;
	/* database */
	char *database;
	long threads;
	long db_connections;
	long read_batch;
	long write_batch;
	long queue_limit;
	long queue_timeout;
	long statement_timeout;
	/* tokens */
	char *jwt_key_file;
	char *jwt_audience;
	char *jwt_issuer;
	long jwt_leeway;
	long token_cache;
	/* limits */
	long max_connections;
	long max_header;
	long max_url;
	long max_body;
	long max_json_depth;
	long header_timeout;
	long body_timeout;
	long keepalive_timeout;
	/* life */
	long drain_delay;
	long drain_timeout;
	char *log_level;
	long access_log;
};

enum config_action
{
	CONFIG_RUN,
	CONFIG_HELP,
	CONFIG_VERSION,
	CONFIG_CHECK,
	CONFIG_ERROR
};

/* the environment as a function, so that tests can give their own */
typedef const char *(*config_getenv)(const char *name);

extern enum config_action config_load(struct config *cfg, int argc, char **argv, config_getenv env,
									  char *error, size_t error_size);
extern void config_help(FILE *out);
extern void config_print(const struct config *cfg, FILE *out);
extern void config_free(struct config *cfg);

#endif
