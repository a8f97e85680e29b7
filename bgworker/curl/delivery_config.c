/*
 * delivery_config.c
 *		The file agenda.delivery_config_file: "name=value" lines, with "#" opening a comment line.
 *
 *	smtp_url       smtp://host:port or smtps://host:port; without it no mail is sent
 *	smtp_user, smtp_password
 *	smtp_tls       require (default): a connection by smtp:// has to be upgraded; none: plain
 *	mail_from      address of the sender
 *	ca_file        authorities in PEM, instead of the system's
 *
 * It is a file because settings can be read by every user of the database, and passwords must not
 * be.  For the same reason no message here shows a value.
 *
 * Called by sender.c at its start.  Memory: the caller's context.  A line that cannot be used is
 * reported and skipped; a file that cannot be read is an error.
 */
#include "postgres.h"

#include "common/string.h"
#include "lib/stringinfo.h"
#include "storage/fd.h"

#include "delivery_config.h"

static void set_from_line(AgendaDeliveryConfig *config, char *line, const char *path, int lineno);
static bool set_member(AgendaDeliveryConfig *config, const char *name, const char *value);
static char *trim(char *text);

void
agenda_delivery_config_read(const char *path, AgendaDeliveryConfig *config)
{
	FILE *file;
	StringInfoData line;
	int lineno = 0;
	int error;

	memset(config, 0, sizeof(*config));
	if (path[0] == '\0')
		return;
	file = AllocateFile(path, "r");
	error = errno;
	if (file != NULL)
	{
		initStringInfo(&line);
		while (pg_get_line_buf(file, &line))
			set_from_line(config, line.data, path, ++lineno);
		error = ferror(file) ? errno : 0;
		/* it has held secrets */
		explicit_bzero(line.data, line.maxlen);
		pfree(line.data);
		FreeFile(file);
	}
	if (file == NULL || error != 0)
	{
		agenda_delivery_config_free(config);
		errno = error;
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read delivery configuration file \"%s\": %m", path)));
	}
}

static void
set_from_line(AgendaDeliveryConfig *config, char *line, const char *path, int lineno)
{
	char *name = trim(line);
	char *equals = strchr(name, '=');

	if (name[0] == '\0' || name[0] == '#')
		return;
	if (equals != NULL)
	{
		*equals = '\0';
		if (set_member(config, trim(name), trim(equals + 1)))
			return;
	}
	ereport(WARNING,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("ignoring line %d of delivery configuration file \"%s\"", lineno, path),
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

/* Cuts blanks and line ends off both ends, in place. */
static char *
trim(char *text)
{
	char *end = text + strlen(text);

	while (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n')
		text++;
	while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n'))
		end--;
	*end = '\0';
	return text;
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
