/*
 * properties.c
 *		Reads the files agenda.kafka_config_file and agenda.delivery_config_file.
 *
 * Lines "name=value", with "#" or "!" opening a comment line; blanks around both parts are dropped,
 * nothing is unescaped.  They are files because settings can be read by every user of the database,
 * and passwords must not be.  For the same reason no message shows a value, and what has been read is
 * overwritten.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "common/string.h"
#include "storage/fd.h"

#include "properties.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static void take_line(char *line, const char *where, AgendaPropertyTaker take, void *arg);
static char *trim(char *text);

bool
agenda_properties_read(const char *path, const char *kind, AgendaPropertyTaker take, void *arg)
{
	FILE *file = AllocateFile(path, "r");
	StringInfoData line;
	int lineno = 0;
	int error;

	if (file == NULL)
		return false;
	initStringInfo(&line);
	while (pg_get_line_buf(file, &line))
	{
		char *where = psprintf("line %d of %s \"%s\"", ++lineno, kind, path);

		take_line(line.data, where, take, arg);
		pfree(where);
	}
	error = ferror(file) ? errno : 0;
	explicit_bzero(line.data, line.maxlen);
	pfree(line.data);
	FreeFile(file);
	errno = error;
	return error == 0;
}

void
agenda_properties_version(const char *path, StringInfo out)
{
	struct stat st;

	if (path[0] != '\0' && stat(path, &st) == 0)
		appendStringInfo(out, UINT64_FORMAT " " INT64_FORMAT " %ld.%09ld", (uint64) st.st_ino,
						 (int64) st.st_size, (long) st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void
take_line(char *line, const char *where, AgendaPropertyTaker take, void *arg)
{
	char *name = trim(line);
	char *equals = strchr(name, '=');

	if (name[0] == '\0' || name[0] == '#' || name[0] == '!')
		return;
	if (equals == NULL)
	{
		ereport(WARNING, (errcode(ERRCODE_CONFIG_FILE_ERROR), errmsg("ignoring %s", where),
						  errdetail("It has no \"=\".")));
		return;
	}
	*equals = '\0';
	name = trim(name);
	/* a value may stand there (as behind the colon of "name: value"), and names are logged */
	if (name[strspn(name, NAME_CHARACTERS)] != '\0')
	{
		ereport(WARNING, (errcode(ERRCODE_CONFIG_FILE_ERROR), errmsg("ignoring %s", where),
						  errdetail("What stands before its \"=\" is no name.")));
		return;
	}
	take(name, trim(equals + 1), where, arg);
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
