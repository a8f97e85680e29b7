/*
 * hosts.c
 *	  The servers that a connection string names, one by one.
 *
 * libpq goes from host to host itself, but without blocking it has no deadline for any of them: one that
 * takes the connection and says nothing would use up the patience of every try.  So each try of ours is
 * for one host (db.c).  Called when a worker is made; the texts live as long as the worker.
 */
#include "hosts.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "strbuf.h"

enum
{
	LIST_HOST,
	LIST_ADDR,
	LIST_PORT
};

static void
take_lists(struct hosts *out, const PQconninfoOption *options)
{
	static const char *const names[] = { "host", "hostaddr", "port" };

	for (; options->keyword != NULL; options++)
		for (int i = 0; i < 3; i++)
			if (strcmp(options->keyword, names[i]) == 0 && options->val != NULL &&
				options->val[0] != '\0')
				out->lists[i] = xstrdup(options->val);
}

/* Cuts a list at its commas, in place; how many items there are, -1: too many, or an empty one. */
static int
split(char *list, const char *items[HOSTS_MAX])
{
	int n = 0;
	char *item;

	while ((item = strsep(&list, ",")) != NULL)
	{
		if (n == HOSTS_MAX || item[0] == '\0')
			return -1;
		items[n++] = item;
	}
	return n;
}

void
hosts_parse(struct hosts *out, const char *conninfo)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	const char *items[3][HOSTS_MAX];
	int n[3];

	memset(out, 0, sizeof(*out));
	if (options == NULL)
		return;
	take_lists(out, options);
	PQconninfoFree(options);
	for (int i = 0; i < 3; i++)
		n[i] = split(out->lists[i], items[i]);
	out->n = n[LIST_ADDR] > 0 ? n[LIST_ADDR] : n[LIST_HOST];
	/* what is incomplete or doesn't fit is libpq's to understand or to refuse */
	if (out->n < 2 || n[LIST_ADDR] < 0 || n[LIST_PORT] < 0 ||
		(n[LIST_HOST] != 0 && n[LIST_HOST] != out->n) ||
		(n[LIST_PORT] > 1 && n[LIST_PORT] != out->n))
		out->n = 0;
	for (int i = 0; i < out->n; i++)
	{
		out->each[i].host = n[LIST_HOST] > 0 ? items[LIST_HOST][i] : NULL;
		out->each[i].addr = n[LIST_ADDR] > 0 ? items[LIST_ADDR][i] : NULL;
		if (n[LIST_PORT] > 0)
			out->each[i].port = items[LIST_PORT][n[LIST_PORT] > 1 ? i : 0];
	}
}

void
hosts_free(struct hosts *hosts)
{
	for (int i = 0; i < 3; i++)
		free(hosts->lists[i]);
}
