/*
 * delivery_config.c
 *		The file agenda.delivery_config_file (properties.h):
 *
 *	smtp_url       smtp://host:port or smtps://host:port; without it no mail is sent
 *	smtp_user, smtp_password
 *	smtp_tls       require (default): a connection by smtp:// has to be upgraded; none: plain
 *	mail_from      address of the sender
 *	ca_file        authorities in PEM, instead of the system's
 *
 * Called by sender.c at its start.  Memory: the caller's context.  A property that cannot be used is
 * reported and skipped, without its value; a file that cannot be read is an error.
 */
#include "postgres.h"

#include "delivery_config.h"
#include "properties.h"

static void take_property(const char *name, const char *value, const char *where, void *arg);
static bool set_member(AgendaDeliveryConfig *config, const char *name, const char *value);

void
agenda_delivery_config_read(const char *path, AgendaDeliveryConfig *config)
{
	int error;

	memset(config, 0, sizeof(*config));
	if (path[0] == '\0' ||
		agenda_properties_read(path, "delivery configuration file", take_property, config))
		return;
	error = errno;
	agenda_delivery_config_free(config);
	errno = error;
	ereport(ERROR, (errcode_for_file_access(),
					errmsg("could not read delivery configuration file \"%s\": %m", path)));
}

static void
take_property(const char *name, const char *value, const char *where, void *arg)
{
	if (!set_member(arg, name, value))
		ereport(WARNING,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("ignoring property \"%s\" in %s", name, where),
				 errhint("The names are smtp_url, smtp_user, smtp_password, smtp_tls (require or "
						 "none), mail_from and ca_file.")));
}

/* The last line of a name counts. */
static bool
set_member(AgendaDeliveryConfig *config, const char *name, const char *value)
{
	if (strcmp(name, "smtp_url") == 0)
		config->smtp_url = pstrdup(value);
	else if (strcmp(name, "smtp_user") == 0)
		config->smtp_user = pstrdup(value);
	else if (strcmp(name, "smtp_password") == 0)
		config->smtp_password = pstrdup(value);
	else if (strcmp(name, "mail_from") == 0)
		config->mail_from = pstrdup(value);
	else if (strcmp(name, "ca_file") == 0)
		config->ca_file = pstrdup(value);
	else if (strcmp(name, "smtp_tls") == 0 &&
			 (strcmp(value, "none") == 0 || strcmp(value, "require") == 0))
		config->smtp_plain = strcmp(value, "none") == 0;
	else
		return false;
	return true;
}

void
agenda_delivery_config_free(AgendaDeliveryConfig *config)
{
	char *members[] = { config->smtp_url, config->smtp_user, config->smtp_password,
						config->mail_from, config->ca_file };

	if (config->smtp_password != NULL)
		explicit_bzero(config->smtp_password, strlen(config->smtp_password));
	for (int i = 0; i < lengthof(members); i++)
		if (members[i] != NULL)
			pfree(members[i]);
	memset(config, 0, sizeof(*config));
}
