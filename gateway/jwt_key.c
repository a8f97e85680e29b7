/*
 * jwt_key.c
 *	  Keys that verify tokens, by OpenSSL: HS256, RS256, ES256, EdDSA (Ed25519).
 *
 * A key file is told by its beginning: "-----BEGIN" is one or several public keys in PEM, "{" is a
 * JSON Web Key (RFC 7517) or a set of them, anything else is an HS256 secret.  So a public key that is
 * given where a secret was expected never becomes a secret that everybody knows.
 *
 * Keys are made by main() and read by all threads; their material never changes.
 */
#include "jwt_key.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strbuf.h"

#define HS256_LEN     32
#define ES256_HALF    32 /* of a signature: r, then s */
#define RSA_MIN_BITS  2048
#define JWK_FIELD_MAX 2048

__attribute__((format(printf, 3, 4))) static bool
complain(char *error, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void) vsnprintf(error, size, fmt, args);
	va_end(args);
	return false;
}

/* ---- base64url ----------------------------------------------------------------------------- */

static int
base64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

long
base64url_decode(const char *s, size_t len, unsigned char *out)
{
	unsigned int bits = 0;
	unsigned int held = 0;
	size_t n = 0;

	if (len % 4 == 1)
		return -1;
	for (size_t i = 0; i < len; i++)
	{
		int v = base64url_value(s[i]);

		if (v < 0)
			return -1;
		bits = (bits << 6 | (unsigned int) v) & 0xffffff;
		held += 6;
		if (held >= 8)
		{
			held -= 8;
			out[n++] = (unsigned char) (bits >> held);
		}
	}
	/* left-over bits must be zero: one token, one spelling */
	if ((bits & ((1u << held) - 1)) != 0)
		return -1;
	return (long) n;
}

/* ---- algorithms ----------------------------------------------------------------------------- */

static bool
hs256_verify(const struct jwt_key *key, const unsigned char *data, size_t len,
			 const unsigned char *signature, size_t signature_len)
{
	unsigned char mac[HS256_LEN];
	size_t mac_len = 0;
	bool ok;
	/* a copy of the keyed context saves the two compressions of keying */
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(key->material);

	if (ctx == NULL)
		return false;
	ok = EVP_MAC_update(ctx, data, len) == 1 &&
		 EVP_MAC_final(ctx, mac, &mac_len, sizeof(mac)) == 1 && mac_len == HS256_LEN &&
		 signature_len == HS256_LEN && CRYPTO_memcmp(mac, signature, HS256_LEN) == 0;
	EVP_MAC_CTX_free(ctx);
	return ok;
}

static void
hs256_release(struct jwt_key *key)
{
	EVP_MAC_CTX_free(key->material);
}

static bool
pkey_verify(const struct jwt_key *key, const char *digest, const unsigned char *data, size_t len,
			const unsigned char *signature, size_t signature_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL &&
			  EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, key->material, NULL) == 1 &&
			  EVP_DigestVerify(ctx, signature, signature_len, data, len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static void
pkey_release(struct jwt_key *key)
{
	EVP_PKEY_free(key->material);
}

static bool
rs256_verify(const struct jwt_key *key, const unsigned char *data, size_t len,
			 const unsigned char *signature, size_t signature_len)
{
	return pkey_verify(key, "SHA256", data, len, signature, signature_len);
}

/* The signature is r and s, 32 bytes each (RFC 7518 3.4); OpenSSL wants them in DER. */
static bool
es256_verify(const struct jwt_key *key, const unsigned char *data, size_t len,
			 const unsigned char *signature, size_t signature_len)
{
	ECDSA_SIG *sig;
	BIGNUM *r;
	BIGNUM *s;
	unsigned char *der = NULL;
	int der_len = -1;
	bool ok;

	if (signature_len != 2 * ES256_HALF)
		return false;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(signature, ES256_HALF, NULL);
	s = BN_bin2bn(signature + ES256_HALF, ES256_HALF, NULL);
	if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1)
		der_len = i2d_ECDSA_SIG(sig, &der); /* sig owns r and s now */
	else
	{
		BN_free(r);
		BN_free(s);
	}
	ok = der_len > 0 && pkey_verify(key, "SHA256", data, len, der, (size_t) der_len);
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	return ok;
}

static bool
eddsa_verify(const struct jwt_key *key, const unsigned char *data, size_t len,
			 const unsigned char *signature, size_t signature_len)
{
	return pkey_verify(key, NULL, data, len, signature, signature_len);
}

static const struct jwt_algorithm hs256 = { "HS256", hs256_verify, hs256_release };
static const struct jwt_algorithm rs256 = { "RS256", rs256_verify, pkey_release };
static const struct jwt_algorithm es256 = { "ES256", es256_verify, pkey_release };
static const struct jwt_algorithm eddsa = { "EdDSA", eddsa_verify, pkey_release };

/* ---- making keys ---------------------------------------------------------------------------- */

/* NULL when OpenSSL refuses, or when the secret is shorter than the hash (RFC 7518 3.2). */
struct jwt_key *
jwt_key_hs256(const unsigned char *secret, size_t len)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
							OSSL_PARAM_construct_end() };
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx;
	struct jwt_key *key;

	if (len < HS256_LEN)
		return NULL;
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	if (ctx == NULL || EVP_MAC_init(ctx, secret, len, params) != 1)
	{
		EVP_MAC_CTX_free(ctx);
		return NULL;
	}
	key = xcalloc(1, sizeof(*key));
	key->algorithm = &hs256;
	key->material = ctx;
	return key;
}

static bool
is_p256(const EVP_PKEY *pkey)
{
	char group[64];

	return EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
										  NULL) == 1 &&
		   strcmp(group, "prime256v1") == 0;
}

/* The kind of a public key decides its algorithm.  Takes over pkey; NULL if it is none of ours. */
static struct jwt_key *
key_of_pkey(EVP_PKEY *pkey)
{
	const struct jwt_algorithm *algorithm = NULL;
	struct jwt_key *key;

	if (EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= RSA_MIN_BITS)
		algorithm = &rs256;
	else if (EVP_PKEY_is_a(pkey, "EC") && is_p256(pkey))
		algorithm = &es256;
	else if (EVP_PKEY_is_a(pkey, "ED25519"))
		algorithm = &eddsa;
	if (algorithm == NULL)
	{
		EVP_PKEY_free(pkey);
		return NULL;
	}
	key = xcalloc(1, sizeof(*key));
	key->algorithm = algorithm;
	key->material = pkey;
	return key;
}

void
jwt_key_free(struct jwt_key *keys)
{
	while (keys != NULL)
	{
		struct jwt_key *next = keys->next;

		keys->algorithm->release(keys);
		free(keys);
		keys = next;
	}
}

static bool
add_key(struct jwt_key **keys, struct jwt_key *key)
{
	int n = 0;

	while (*keys != NULL)
	{
		keys = &(*keys)->next;
		n++;
	}
	if (n >= JWT_MAX_KEYS)
	{
		jwt_key_free(key);
		return false;
	}
	*keys = key;
	return true;
}

/* ---- PEM ------------------------------------------------------------------------------------ */

static bool
parse_pem(struct jwt_key **keys, const char *text, size_t len, char *error, size_t size)
{
	BIO *bio = BIO_new_mem_buf(text, (int) len);
	int n = 0;
	EVP_PKEY *pkey;

	while (bio != NULL && (pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL)) != NULL)
	{
		struct jwt_key *key = key_of_pkey(pkey);

		if (key == NULL || !add_key(keys, key))
		{
			BIO_free(bio);
			return complain(error, size,
							"public key %d is not RSA of at least %d bits, P-256 or Ed25519, or "
							"there are more than %d keys",
							n + 1, RSA_MIN_BITS, JWT_MAX_KEYS);
		}
		n++;
	}
	BIO_free(bio);
	return n > 0 || complain(error, size, "there is no public key in the PEM");
}

/* ---- JWK ------------------------------------------------------------------------------------ */

/* A member in base64url; its length, or -1. */
static long
jwk_bytes(const json_t *jwk, const char *name, unsigned char out[JWK_FIELD_MAX])
{
	const char *text = json_string_value(json_object_get(jwk, name));

	if (text == NULL || strlen(text) > JWK_FIELD_MAX)
		return -1;
	return base64url_decode(text, strlen(text), out);
}

static EVP_PKEY *
pkey_from_params(const char *kind, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static EVP_PKEY *
pkey_of_rsa(const json_t *jwk)
{
	unsigned char n[JWK_FIELD_MAX];
	unsigned char e[JWK_FIELD_MAX];
	long n_len = jwk_bytes(jwk, "n", n);
	long e_len = jwk_bytes(jwk, "e", e);
	BIGNUM *modulus = n_len > 0 ? BN_bin2bn(n, (int) n_len, NULL) : NULL;
	BIGNUM *exponent = e_len > 0 ? BN_bin2bn(e, (int) e_len, NULL) : NULL;
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;

	if (modulus != NULL && exponent != NULL && bld != NULL &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
	{
		params = OSSL_PARAM_BLD_to_param(bld);
		pkey = pkey_from_params("RSA", params);
	}
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(modulus);
	BN_free(exponent);
	return pkey;
}

static EVP_PKEY *
pkey_of_ec(const json_t *jwk)
{
	unsigned char x[JWK_FIELD_MAX];
	unsigned char y[JWK_FIELD_MAX];
	unsigned char point[1 + 2 * ES256_HALF];
	char group[] = "prime256v1";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
							OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point,
															  sizeof(point)),
							OSSL_PARAM_construct_end() };

	if (jwk_bytes(jwk, "x", x) != ES256_HALF || jwk_bytes(jwk, "y", y) != ES256_HALF)
		return NULL;
	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	memcpy(point + 1, x, ES256_HALF);
	memcpy(point + 1 + ES256_HALF, y, ES256_HALF);
	return pkey_from_params("EC", params);
}

static EVP_PKEY *
pkey_of_okp(const json_t *jwk)
{
	unsigned char x[JWK_FIELD_MAX];

	if (jwk_bytes(jwk, "x", x) != 32)
		return NULL;
	return EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, 32);
}

static struct jwt_key *
key_of_jwk_material(const json_t *jwk, const char *kty, const char *crv)
{
	unsigned char secret[JWK_FIELD_MAX];
	struct jwt_key *key = NULL;
	EVP_PKEY *pkey = NULL;
	long len;

	if (strcmp(kty, "oct") == 0)
	{
		len = jwk_bytes(jwk, "k", secret);
		key = len > 0 ? jwt_key_hs256(secret, (size_t) len) : NULL;
		OPENSSL_cleanse(secret, sizeof(secret));
		return key;
	}
	if (strcmp(kty, "RSA") == 0)
		pkey = pkey_of_rsa(jwk);
	else if (strcmp(kty, "EC") == 0 && strcmp(crv, "P-256") == 0)
		pkey = pkey_of_ec(jwk);
	else if (strcmp(kty, "OKP") == 0 && strcmp(crv, "Ed25519") == 0)
		pkey = pkey_of_okp(jwk);
	return pkey ? key_of_pkey(pkey) : NULL;
}

static const char *
text_member(const json_t *jwk, const char *name)
{
	const char *text = json_string_value(json_object_get(jwk, name));

	return text ? text : "";
}

static bool
meant_for_signatures(const json_t *jwk)
{
	const char *use = text_member(jwk, "use");
	const json_t *ops = json_object_get(jwk, "key_ops");
	size_t i;
	json_t *op;

	if (use[0] != '\0' && strcmp(use, "sig") != 0)
		return false;
	if (ops == NULL)
		return true;
	json_array_foreach((json_t *) (uintptr_t) ops, i, op)
	{
		if (json_is_string(op) && strcmp(json_string_value(op), "verify") == 0)
			return true;
	}
	return false;
}

/*
 * One key of a set.  Keys for other purposes and of other algorithms are passed over, as sets of
 * identity providers have them; a key that says one algorithm and is made for another is an error.
 */
static bool
take_jwk(struct jwt_key **keys, const json_t *jwk, int number, char *error, size_t size)
{
	const char *alg = text_member(jwk, "alg");
	const char *kid = text_member(jwk, "kid");
	struct jwt_key *key;

	if (!json_is_object(jwk) || !meant_for_signatures(jwk))
		return true;
	if (alg[0] != '\0' && strcmp(alg, "HS256") != 0 && strcmp(alg, "RS256") != 0 &&
		strcmp(alg, "ES256") != 0 && strcmp(alg, "EdDSA") != 0)
		return true;
	key = key_of_jwk_material(jwk, text_member(jwk, "kty"), text_member(jwk, "crv"));
	if (key == NULL)
		return alg[0] == '\0' ||
			   complain(error, size, "key %d of the set is no usable %s key", number, alg);
	if ((alg[0] != '\0' && strcmp(alg, key->algorithm->name) != 0) || strlen(kid) > JWT_KID_MAX)
	{
		jwt_key_free(key);
		return complain(
			error, size,
			"key %d of the set has an alg that is not its own, or a kid of more than %d bytes",
			number, JWT_KID_MAX);
	}
	(void) snprintf(key->kid, sizeof(key->kid), "%s", kid);
	return add_key(keys, key) || complain(error, size, "there are more than %d keys", JWT_MAX_KEYS);
}

static bool
parse_jwks(struct jwt_key **keys, const char *text, size_t len, char *error, size_t size)
{
	json_error_t problem;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &problem);
	json_t *set = json_object_get(root, "keys");
	struct jwt_key *before = *keys;
	bool ok = true;
	size_t i;
	json_t *jwk;

	if (root == NULL)
		return complain(error, size, "the key set is not JSON: %s (line %d)", problem.text,
						problem.line);
	if (set == NULL)
		ok = take_jwk(keys, root, 1, error, size);
	json_array_foreach(set, i, jwk)
	{
		ok = ok && take_jwk(keys, jwk, (int) i + 1, error, size);
	}
	json_decref(root);
	if (ok && (*keys == before && before == NULL))
		return complain(error, size, "there is no key in the set that could verify a token");
	return ok;
}

/* ---- files ---------------------------------------------------------------------------------- */

/*
 * Append the keys that a file's text holds.  Line ends behind a secret are not part of it, since
 * editors and echo add them.
 */
bool
jwt_keys_parse(struct jwt_key **keys, const char *text, size_t len, char *error, size_t error_size)
{
	size_t blank = 0;
	struct jwt_key *key;

	while (blank < len && strchr(" \t\r\n", text[blank]) != NULL && text[blank] != '\0')
		blank++;
	if (len - blank >= 10 && memcmp(text + blank, "-----BEGIN", 10) == 0)
		return parse_pem(keys, text, len, error, error_size);
	if (len > blank && text[blank] == '{')
		return parse_jwks(keys, text, len, error, error_size);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	key = jwt_key_hs256((const unsigned char *) text, len);
	if (key == NULL)
		return complain(error, error_size, "a secret must have at least %d bytes", HS256_LEN);
	return add_key(keys, key) ||
		   complain(error, error_size, "there are more than %d keys", JWT_MAX_KEYS);
}
