/*
 * tls.c
 *	  Certificates for libmicrohttpd's TLS, which is GnuTLS.
 *
 * The library asks for the certificate at every handshake, so SIGHUP can change it: main() loads the
 * files into a new object and swaps one pointer.  A handshake in another thread may still use the
 * former object, and nothing says when it is done, so former ones are kept: a few kilobytes
 * for each renewal of a certificate.  The authorities of client certificates are given to the
 * library once, when it starts.
 */
#include "tls.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strbuf.h"

#define CHAIN_MAX 8
/* TLS 1.2 and 1.3, no suites without forward secrecy or authentication of the record */
#define PRIORITIES                                                                                 \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:"       \
	"+CHACHA20-POLY1305:%SERVER_PRECEDENCE"

struct tls_identity
{
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned int chain_len;
	gnutls_privkey_t key;
	struct tls_identity *former;
};

static _Atomic(struct tls_identity *) current;
static gnutls_datum_t client_ca; /* text in PEM; empty: clients need no certificate */

static int
retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int n_authorities,
		 const gnutls_pk_algorithm_t *algorithms, int n_algorithms, gnutls_pcert_st **chain,
		 unsigned int *chain_len, gnutls_privkey_t *key)
{
	struct tls_identity *identity = atomic_load(&current);

	(void) session;
	(void) authorities;
	(void) n_authorities;
	(void) algorithms;
	(void) n_algorithms;
	*chain = identity->chain;
	*chain_len = identity->chain_len;
	*key = identity->key;
	return 0;
}

/* For MHD_OPTION_HTTPS_CERT_CALLBACK. */
void *
tls_callback(void)
{
	return (void *) retrieve;
}

char *
tls_priorities(void)
{
	static char text[] = PRIORITIES;

	return text;
}

const char *
tls_client_ca(void)
{
	return (const char *) client_ca.data;
}

static bool
complain(char *error, size_t size, const char *what, const char *path, int code)
{
	(void) snprintf(error, size, "could not load %s \"%s\": %s", what, path, gnutls_strerror(code));
	return false;
}

static bool
load_key(struct tls_identity *identity, const char *path, char *error, size_t size)
{
	gnutls_datum_t text;
	int code = gnutls_load_file(path, &text);

	if (code < 0)
		return complain(error, size, "the TLS key", path, code);
	code = gnutls_privkey_init(&identity->key);
	if (code >= 0)
		code = gnutls_privkey_import_x509_raw(identity->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
	gnutls_memset(text.data, 0, text.size);
	gnutls_free(text.data);
	return code >= 0 || complain(error, size, "the TLS key", path, code);
}

static bool
load_chain(struct tls_identity *identity, const char *path, char *error, size_t size)
{
	gnutls_datum_t text;
	int code = gnutls_load_file(path, &text);

	if (code < 0)
		return complain(error, size, "the TLS certificate", path, code);
	identity->chain_len = CHAIN_MAX;
	code = gnutls_pcert_list_import_x509_raw(identity->chain, &identity->chain_len, &text,
											 GNUTLS_X509_FMT_PEM, 0);
	gnutls_free(text.data);
	return code >= 0 || complain(error, size, "the TLS certificate", path, code);
}

static bool
key_fits_chain(const struct tls_identity *identity)
{
	gnutls_pubkey_t pubkey;
	unsigned char of_key[64];
	unsigned char of_cert[64];
	size_t key_len = sizeof(of_key);
	size_t cert_len = sizeof(of_cert);
	bool fits = false;

	if (gnutls_pubkey_init(&pubkey) < 0)
		return false;
	if (gnutls_pubkey_import_privkey(pubkey, identity->key, 0, 0) >= 0 &&
		gnutls_pubkey_get_key_id(pubkey, GNUTLS_KEYID_USE_SHA256, of_key, &key_len) >= 0 &&
		gnutls_pubkey_get_key_id(identity->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, of_cert,
								 &cert_len) >= 0)
		fits = key_len == cert_len && memcmp(of_key, of_cert, key_len) == 0;
	gnutls_pubkey_deinit(pubkey);
	return fits;
}

static void
identity_free(struct tls_identity *identity)
{
	for (unsigned int i = 0; i < identity->chain_len && identity->chain[i].pubkey != NULL; i++)
		gnutls_pcert_deinit(&identity->chain[i]);
	if (identity->key != NULL)
		gnutls_privkey_deinit(identity->key);
	free(identity);
}

/* At start and at SIGHUP; a failure leaves what is in force as it is. */
bool
tls_load(const struct config *cfg, char *error, size_t error_size)
{
	struct tls_identity *identity = xcalloc(1, sizeof(*identity));
	bool ok;

	if (cfg->tls_client_ca_file[0] != '\0' && client_ca.data == NULL)
	{
		int code = gnutls_load_file(cfg->tls_client_ca_file, &client_ca);

		if (code < 0)
		{
			free(identity);
			return complain(error, error_size, "the authorities", cfg->tls_client_ca_file, code);
		}
	}
	ok = load_key(identity, cfg->tls_key_file, error, error_size) &&
		 load_chain(identity, cfg->tls_cert_file, error, error_size);
	if (ok && !key_fits_chain(identity))
	{
		(void) snprintf(error, error_size, "the TLS key does not belong to the certificate");
		ok = false;
	}
	if (!ok)
	{
		identity_free(identity);
		return false;
	}
	identity->former = atomic_load(&current);
	atomic_store(&current, identity);
	return true;
}

/* NULL when the client of this session has shown a certificate that one of the authorities signed. */
const char *
tls_check_client(void *session)
{
	unsigned int status = 0;

	if (client_ca.data == NULL)
		return NULL;
	if (gnutls_certificate_get_peers(session, NULL) == NULL)
		return "the client has shown no certificate";
	if (gnutls_certificate_verify_peers2(session, &status) < 0 || status != 0)
		return "the client's certificate is not accepted";
	return NULL;
}
