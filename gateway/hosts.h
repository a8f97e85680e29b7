/*
 * hosts.h
 *	  The servers that a connection string names, one by one.
 */
#ifndef AGENDA_GW_HOSTS_H
#define AGENDA_GW_HOSTS_H

#define HOSTS_MAX 16

struct host
{
	const char *host; /* any of them NULL: not said */
	const char *addr;
	const char *port;
};

struct hosts
{
	int n; /* 0: one, or left to libpq */
	char *lists[3];
	struct host each[HOSTS_MAX];
};

extern void hosts_parse(struct hosts *out, const char *conninfo);
extern void hosts_free(struct hosts *hosts);

#endif
