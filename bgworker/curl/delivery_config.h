/*
 * delivery_config.h
 *		The file agenda.delivery_config_file.
 */
#ifndef AGENDA_DELIVERY_CONFIG_H
#define AGENDA_DELIVERY_CONFIG_H

/* Members are palloc'd, and NULL where the file says nothing. */
typedef struct AgendaDeliveryConfig
{
	char *smtp_url;
	char *smtp_user;
	char *smtp_password;
	char *mail_from;
	char *ca_file;
	bool smtp_plain; /* smtp_tls = none: without TLS */
} AgendaDeliveryConfig;

/* Reads the file (an empty name: none) into *config.  ereport(ERROR) when it cannot be read. */
extern void agenda_delivery_config_read(const char *path, AgendaDeliveryConfig *config);

/* Overwrites the password and frees all. */
extern void agenda_delivery_config_free(AgendaDeliveryConfig *config);

#endif
