/*
 * gw_hosts.c
 *		Fuzz target: any connection string names some servers or is left to libpq; no item that is named is
 *		empty or has a comma, and every server has a name or an address.
 */
#include "targets.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/hosts.h"

static void
check_item(const char *item)
{
	if (item != NULL && (*item == '\0' || strchr(item, ',') != NULL))
		abort();
}

int
fuzz_gw_hosts(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct hosts hosts;

	memcpy(text, data, size);
	text[size] = '\0';
	hosts_parse(&hosts, text);
	if (hosts.n < 0 || hosts.n == 1 || hosts.n > HOSTS_MAX)
		abort();
	for (int i = 0; i < hosts.n; i++)
	{
		if (hosts.each[i].host == NULL && hosts.each[i].addr == NULL)
			abort();
		check_item(hosts.each[i].host);
		check_item(hosts.each[i].addr);
		check_item(hosts.each[i].port);
	}
	hosts_free(&hosts);
	free(text);
	return 0;
}
