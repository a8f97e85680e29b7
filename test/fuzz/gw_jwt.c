/*
 * gw_jwt.c
 *		Fuzz target: no bytes are a token of ours, whatever they say; and any bytes are a key file or
 *		refused with a reason.
 *
 * The first byte chooses.  For tokens the payload and header are parsed by signing what came, so
 * that the parsers behind the signature are reached.
 */
#include "targets.h"

#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/jwt.h"

static const char secret[] = "a secret of at least 32 bytes, here";

static size_t
base64url(char *out, const uint8_t *in, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3)
	{
		unsigned int v = (unsigned int) in[i] << 16 |
						 (i + 1 < len ? (unsigned int) in[i + 1] << 8 : 0) |
						 (i + 2 < len ? in[i + 2] : 0);

		for (size_t k = 0; k < 4 && k <= len - i; k++)
			out[n++] = digits[(v >> (18 - 6 * k)) & 63];
	}
	return n;
}

/* header NUL payload, signed by our key */
static size_t
sign(char *out, const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, '\0', size);
	size_t header = nul ? (size_t) (nul - data) : size;
	unsigned char mac[32];
	unsigned int mac_len = 0;
	size_t len = base64url(out, data, header);

	out[len++] = '.';
	if (nul != NULL)
		len += base64url(out + len, nul + 1, size - header - 1);
	(void) HMAC(EVP_sha256(), secret, sizeof(secret) - 1, (unsigned char *) out, len, mac,
				&mac_len);
	out[len++] = '.';
	return len + base64url(out + len, mac, mac_len);
}

int
fuzz_gw_jwt(const uint8_t *data, size_t size)
{
	static struct jwt_policy policy = { .leeway = 30,
										.roles_claim = "roles",
										.operator_role = "ops" };
	struct jwt_claims claims;
	char error[256] = "";

	if (policy.keys == NULL &&
		!jwt_keys_parse(&policy.keys, secret, sizeof(secret) - 1, error, sizeof(error)))
		abort();
	if (size == 0 || size > 4096)
		return 0;
	if (data[0] % 3 == 0 &&
		jwt_verify(&policy, (const char *) data + 1, size - 1, 1750000000, &claims) == JWT_OK)
		abort();
	if (data[0] % 3 == 1)
	{
		char *token = malloc(2 * size + 256);
		size_t len = sign(token, data + 1, size - 1);

		if (jwt_verify(&policy, token, len, 1750000000, &claims) == JWT_OK &&
			(claims.sub[0] == '\0' || claims.exp <= 1749999970))
			abort();
		free(token);
	}
	if (data[0] % 3 == 2)
	{
		struct jwt_key *keys = NULL;

		if (!jwt_keys_parse(&keys, (const char *) data + 1, size - 1, error, sizeof(error)) &&
			error[0] == '\0')
			abort();
		jwt_key_free(keys);
	}
	return 0;
}
