/*
 * test_gw_hosts.c
 *	  The servers that a connection string names.
 */
#include "gateway/hosts.h"

#include <stdio.h>

#include "tap.h"

/* host/address/port of each, with - for what is not said. */
static const char *
listed(const struct hosts *hosts)
{
	static char text[1024];
	size_t len = 0;

	text[0] = '\0';
	for (int i = 0; i < hosts->n; i++)
	{
		const struct host *h = &hosts->each[i];

		len += (size_t) snprintf(text + len, sizeof(text) - len, "%s%s/%s/%s", i > 0 ? " " : "",
								 h->host ? h->host : "-", h->addr ? h->addr : "-",
								 h->port ? h->port : "-");
	}
	return text;
}

static void
check(const char *conninfo, const char *wanted)
{
	struct hosts hosts;

	hosts_parse(&hosts, conninfo);
	is_str(listed(&hosts), wanted, conninfo);
	hosts_free(&hosts);
}

static void
test_several(void)
{
	check("host=a,b", "a/-/- b/-/-");
	check("host=a,b,c port=1,2,3 dbname=x", "a/-/1 b/-/2 c/-/3");
	check("host=a,b port=5433", "a/-/5433 b/-/5433");
	check("hostaddr=10.0.0.1,10.0.0.2", "-/10.0.0.1/- -/10.0.0.2/-");
	check("host=a,b hostaddr=10.0.0.1,10.0.0.2 port=1,2", "a/10.0.0.1/1 b/10.0.0.2/2");
	check("host=/run/one,/run/two user=x", "/run/one/-/- /run/two/-/-");
	check("host=a,b target_session_attrs=any", "a/-/- b/-/-");
	check("postgresql://u:secret@a:1,b:2/agenda?connect_timeout=3", "a/-/1 b/-/2");
	check("postgresql://%2Frun%2Fone,b:2/agenda", "");
	check("postgresql://[::1]:1,[fe80::1]:2/agenda", "::1/-/1 fe80::1/-/2");
}

/* One server, or something that libpq has to understand or to refuse. */
static void
test_left_to_libpq(void)
{
	check("", "");
	check("dbname=agenda", "");
	check("host=a port=1", "");
	check("port=1,2", "");
	check("host=a, port=1,2", "");
	check("host=a,,b", "");
	check("host=a,b port=1,2,3", "");
	check("host=a,b port=1,", "");
	check("host=a,b hostaddr=10.0.0.1", "");
	check("host=a hostaddr=10.0.0.1,10.0.0.2", "");
	check("host=a,b hostaddr=10.0.0.1,", "");
	check("host=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "");
	check("host=a,b no such word", "");
	check("postgresql://a,b/agenda?nosuch=1", "");
}

int
main(void)
{
	test_several();
	test_left_to_libpq();
	check("host=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
		  "1/-/- 2/-/- 3/-/- 4/-/- 5/-/- 6/-/- 7/-/- 8/-/- "
		  "9/-/- 10/-/- 11/-/- 12/-/- 13/-/- 14/-/- 15/-/- 16/-/-");
	return done_testing();
}
