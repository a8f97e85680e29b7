/*
 * tls.h
 *	  Certificates for libmicrohttpd's TLS, which is GnuTLS.
 */
#ifndef AGENDA_GW_TLS_H
#define AGENDA_GW_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

extern bool tls_load(const struct config *cfg, char *error, size_t error_size);
extern char *tls_priorities(void);
extern const char *tls_client_ca(void);
extern void *tls_callback(void);
extern const char *tls_check_client(void *session);

#endif
