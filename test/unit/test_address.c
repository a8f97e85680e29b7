/*
 * test_address.c
 *		Which addresses are public: the edges of each special range.
 */
#include "bgworker/curl/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "tap.h"

static const char *const open[] = {
	"1.1.1.1",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",  "100.128.0.0",
	"126.255.255.255", "128.0.0.0",       "169.253.255.255", "169.255.0.0",     "172.15.255.255",
	"172.32.0.0",      "192.0.1.1",       "192.167.255.255", "192.169.0.0",     "198.17.255.255",
	"198.20.0.0",      "223.255.255.255", "2001:200::1",     "2606:4700::1111", "2003::1",
	"3fff:1000::1",
};

static const char *const special[] = {
	"0.0.0.0",
	"0.255.255.255",
	"10.0.0.0",
	"10.255.255.255",
	"100.64.0.0",
	"100.127.255.255",
	"127.0.0.1",
	"127.255.255.255",
	"169.254.169.254",
	"172.16.0.0",
	"172.31.255.255",
	"192.0.0.1",
	"192.0.2.1",
	"192.168.0.0",
	"192.168.255.255",
	"198.18.0.0",
	"198.19.255.255",
	"198.51.100.1",
	"203.0.113.1",
	"224.0.0.1",
	"240.0.0.1",
	"255.255.255.255",
	"::",
	"::1",
	"::127.0.0.1",
	"::ffff:10.0.0.1",
	"::ffff:1.1.1.1",
	"64:ff9b::a00:1",
	"64:ff9b:1::1",
	"100::1",
	"2001::1",
	"2001:1ff:ffff::1",
	"2001:db8::1",
	"2002:a00:1::1",
	"3fff:fff::1",
	"4000::1",
	"fc00::1",
	"fdff::1",
	"fe80::1",
	"fec0::1",
	"ff02::1",
};

static bool
is_public(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return agenda_address_public((struct sockaddr *) &v4, sizeof(v4));
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		return agenda_address_public((struct sockaddr *) &v6, sizeof(v6));
	ok(false, "%s is an address", text);
	return false;
}

int
main(void)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01010101) };

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		ok(is_public(open[i]), "%s is public", open[i]);
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		ok(!is_public(special[i]), "%s is not public", special[i]);
	ok(!agenda_address_public((struct sockaddr *) &local, sizeof(local)), "no local socket");
	ok(!agenda_address_public((struct sockaddr *) &v4, 4), "no part of an address");
	return done_testing();
}
