/*
 * config.h
 *	  The settings of the gateway: one table gives environment, file, command line, --help and docs.
 */
#ifndef AGENDA_GW_CONFIG_H
#define AGENDA_GW_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

struct config
{
	char *config_file;
	/* where to listen */
	char *bind;
	long port;
	char *unix_socket;
	long listen_fd;
	char *admin_bind;
	long admin_port;
	char *tls_cert_file;
	char *tls_key_file;
	char *tls_client_ca_file;
	/* database */
	char *database;
	long threads;
	long db_connections;
	long slow_connections;
	long read_batch;
	long write_batch;
	long queue_limit;
	long queue_timeout;
	long statement_timeout;
	long slow_timeout;
	/* who */
	char *jwt_key_file;
	char *jwt_audience;
	char *jwt_issuer;
	long jwt_leeway;
	char *jwt_roles_claim;
	char *operator_role;
	long token_cache;
	char *dapr_token_file;
	char *dapr_pubsub;
	/* limits */
	long max_connections;
	long max_header;
	long max_url;
	long max_body;
	long max_buffered;
	long max_json_depth;
	long max_operations;
	long rate_limit;
	long rate_burst;
	long header_timeout;
	long body_timeout;
	long keepalive_timeout;
	/* answers */
	char *cors_origins;
	long cors_max_age;
	long compress_above;
	/* stream */
	long stream;
	long stream_heartbeat;
	long stream_buffer;
	long stream_per_user;
	long stream_ring;
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
