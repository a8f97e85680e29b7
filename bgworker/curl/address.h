/*
 * address.h
 *		Which network addresses are public.
 */
#ifndef AGENDA_ADDRESS_H
#define AGENDA_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/*
 * True for addresses of the public Internet; false for loopback, private, link-local, shared,
 * multicast and reserved ones, for IPv6 that carries IPv4, and for other families.
 */
extern bool agenda_address_public(const struct sockaddr *address, socklen_t length);

#endif
