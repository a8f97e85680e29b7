/*
 * address.c
 *		Which network addresses are public.
 *
 * The special-purpose registries of IANA as a table.  Of IPv6 only global unicast (2000::/3) is
 * let through at all, less its special parts; addresses that lead to an IPv4 address (mapped,
 * NAT64, 6to4, Teredo) are refused as a whole, since what they lead to cannot be seen here.
 *
 * Called by sender.c for each address to which a connection is about to be made, after the name
 * has been resolved, so that a name cannot change its mind in between.  Pure: no state, no server.
 */
#include "address.h"

#include <netinet/in.h>
#include <string.h>

typedef struct Prefix
{
	unsigned char bytes[4]; /* the first of the address; the rest is 0 */
	unsigned int bits;
} Prefix;

static const Prefix special_v4[] = {
	{ { 0 }, 8 },             /* this network */
	{ { 10 }, 8 },            /* private */
	{ { 100, 64 }, 10 },      /* shared by carriers */
	{ { 127 }, 8 },           /* loopback */
	{ { 169, 254 }, 16 },     /* link-local; where clouds keep their metadata */
	{ { 172, 16 }, 12 },      /* private */
	{ { 192, 0, 0 }, 24 },    /* protocol assignments */
	{ { 192, 0, 2 }, 24 },    /* documentation */
	{ { 192, 31, 196 }, 24 }, /* AS112 */
	{ { 192, 52, 193 }, 24 }, /* AMT */
	{ { 192, 88, 99 }, 24 },  /* 6to4 relays */
	{ { 192, 168 }, 16 },     /* private */
	{ { 192, 175, 48 }, 24 }, /* AS112 */
	{ { 198, 18 }, 15 },      /* benchmarks */
	{ { 198, 51, 100 }, 24 }, /* documentation */
	{ { 203, 0, 113 }, 24 },  /* documentation */
	{ { 224 }, 3 },           /* multicast, reserved, broadcast */
};

static const Prefix special_v6[] = {
	{ { 0x20, 0x01, 0x00 }, 23 },       /* protocol assignments, with Teredo */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
	{ { 0x20, 0x02 }, 16 },             /* 6to4 */
	{ { 0x3f, 0xff, 0x00 }, 20 },       /* documentation */
};

static const Prefix global_v6 = { { 0x20 }, 3 };

static bool has_prefix(const unsigned char *bytes, const Prefix *prefix);
static bool has_any(const unsigned char *bytes, const Prefix *table, size_t n);

bool
agenda_address_public(const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->sa_family == AF_INET && length >= sizeof(v4))
	{
		memcpy(&v4, address, sizeof(v4));
		return !has_any((const unsigned char *) &v4.sin_addr, special_v4,
						sizeof(special_v4) / sizeof(Prefix));
	}
	if (address->sa_family == AF_INET6 && length >= sizeof(v6))
	{
		memcpy(&v6, address, sizeof(v6));
		return has_prefix(v6.sin6_addr.s6_addr, &global_v6) &&
			   !has_any(v6.sin6_addr.s6_addr, special_v6, sizeof(special_v6) / sizeof(Prefix));
	}
	return false;
}

static bool
has_prefix(const unsigned char *bytes, const Prefix *prefix)
{
	unsigned int whole = prefix->bits / 8;
	unsigned int rest = prefix->bits % 8;

	return memcmp(bytes, prefix->bytes, whole) == 0 &&
		   (rest == 0 || ((bytes[whole] ^ prefix->bytes[whole]) >> (8 - rest)) == 0);
}

static bool
has_any(const unsigned char *bytes, const Prefix *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has_prefix(bytes, &table[i]))
			return true;
	return false;
}
