/*
 * jwt.c
 *	  Verification of signed tokens.
 *
 * The signature is checked before the payload is parsed, so that JSON of strangers never reaches
 * the parser; only the small header does, because it has to say which algorithm to expect.
 * No state, no locks; a key's material is read-only after its creation and shared by threads.
 */
#include "jwt.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "strbuf.h"

#define HS256_LEN 32

/* ---- HS256 ------------------------------------------------------------------------------- */

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

static const struct jwt_algorithm hs256 = { "HS256", hs256_verify, hs256_release };

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

void
jwt_key_free(struct jwt_key *key)
{
	while (key != NULL)
	{
		struct jwt_key *next = key->next;

		key->algorithm->release(key);
		free(key);
		key = next;
	}
}

/* ---- the token --------------------------------------------------------------------------- */

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

/* Unpadded base64url; out has room for len bytes.  The length, or -1 for anything unclean. */
static long
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

static json_t *
decode_object(const char *s, size_t len, unsigned char *work)
{
	long n = base64url_decode(s, len, work);
	json_t *root;

	if (n <= 0)
		return NULL;
	root = json_loadb((const char *) work, (size_t) n, JSON_REJECT_DUPLICATES, NULL);
	if (root != NULL && !json_is_object(root))
	{
		json_decref(root);
		return NULL;
	}
	return root;
}

/* The key whose algorithm the header names; a header with "crit" asks for what we do not know. */
static enum jwt_result
choose_key(const struct jwt_policy *policy, const char *s, size_t len, unsigned char *work,
		   const struct jwt_key **chosen)
{
	json_t *header = decode_object(s, len, work);
	enum jwt_result result = JWT_WRONG_ALGORITHM;
	const char *alg;
	const char *typ;

	if (header == NULL)
		return JWT_MALFORMED;
	alg = json_string_value(json_object_get(header, "alg"));
	typ = json_string_value(json_object_get(header, "typ"));
	if (alg == NULL || json_object_get(header, "crit") != NULL ||
		(typ != NULL && strcasecmp(typ, "JWT") != 0 && strcasecmp(typ, "at+jwt") != 0))
		result = JWT_MALFORMED;
	else
		for (const struct jwt_key *key = policy->keys; key != NULL; key = key->next)
			if (strcmp(key->algorithm->name, alg) == 0)
			{
				*chosen = key;
				result = JWT_OK;
				break;
			}
	json_decref(header);
	return result;
}

/* A NumericDate: true and *value when the claim is there and a number. */
static bool
get_time(const json_t *payload, const char *name, int64_t *value, bool *malformed)
{
	const json_t *claim = json_object_get(payload, name);

	if (claim == NULL)
		return false;
	if (json_is_integer(claim))
		*value = json_integer_value(claim);
	else if (json_is_real(claim) && json_real_value(claim) > -9e15 && json_real_value(claim) < 9e15)
		*value = (int64_t) json_real_value(claim);
	else
	{
		*malformed = true;
		return false;
	}
	return true;
}

static enum jwt_result
check_times(const struct jwt_policy *policy, const json_t *payload, time_t now,
			struct jwt_claims *claims)
{
	int64_t clock = (int64_t) now;
	int64_t value;
	bool malformed = false;
	bool has_exp = get_time(payload, "exp", &claims->exp, &malformed);

	if (malformed)
		return JWT_MALFORMED;
	if (!has_exp)
		return JWT_NO_EXPIRY;
	if (claims->exp <= clock - policy->leeway)
		return JWT_EXPIRED;
	if (get_time(payload, "nbf", &value, &malformed) && value > clock + policy->leeway)
		return JWT_NOT_YET_VALID;
	if (get_time(payload, "iat", &value, &malformed) && value > clock + policy->leeway)
		return JWT_NOT_YET_VALID;
	return malformed ? JWT_MALFORMED : JWT_OK;
}

static bool
audience_named(const json_t *aud, const char *wanted)
{
	size_t i;
	json_t *one;

	if (json_is_string(aud))
		return strcmp(json_string_value(aud), wanted) == 0;
	json_array_foreach((json_t *) (uintptr_t) aud, i, one)
	{
		if (json_is_string(one) && strcmp(json_string_value(one), wanted) == 0)
			return true;
	}
	return false;
}

/* A subject is one printable word of text; control characters would only make trouble in logs. */
static bool
copy_subject(const json_t *payload, char *out)
{
	const json_t *claim = json_object_get(payload, "sub");
	size_t len = json_string_length(claim);
	const char *sub = json_string_value(claim);

	if (sub == NULL || len == 0 || len > JWT_SUB_MAX || strlen(sub) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char) sub[i] < 0x20 || sub[i] == 0x7f)
			return false;
	memcpy(out, sub, len + 1);
	return true;
}

static enum jwt_result
check_claims(const struct jwt_policy *policy, const json_t *payload, time_t now,
			 struct jwt_claims *claims)
{
	enum jwt_result result = check_times(policy, payload, now, claims);
	const char *iss = json_string_value(json_object_get(payload, "iss"));

	if (result != JWT_OK)
		return result;
	if (policy->audience != NULL &&
		!audience_named(json_object_get(payload, "aud"), policy->audience))
		return JWT_WRONG_AUDIENCE;
	if (policy->issuer != NULL && (iss == NULL || strcmp(iss, policy->issuer) != 0))
		return JWT_WRONG_ISSUER;
	return copy_subject(payload, claims->sub) ? JWT_OK : JWT_NO_SUBJECT;
}

enum jwt_result
jwt_verify(const struct jwt_policy *policy, const char *token, size_t len, time_t now,
		   struct jwt_claims *claims)
{
	const char *first = len <= JWT_MAX_LEN ? memchr(token, '.', len) : NULL;
	const char *second = first ? memchr(first + 1, '.', len - (size_t) (first + 1 - token)) : NULL;
	unsigned char work[JWT_MAX_LEN];
	const struct jwt_key *key = NULL;
	enum jwt_result result;
	long signature_len;
	json_t *payload;

	if (second == NULL)
		return JWT_MALFORMED;
	result = choose_key(policy, token, (size_t) (first - token), work, &key);
	if (result != JWT_OK)
		return result;
	signature_len = base64url_decode(second + 1, len - (size_t) (second + 1 - token), work);
	if (signature_len < 0)
		return JWT_MALFORMED;
	if (!key->algorithm->verify(key, (const unsigned char *) token, (size_t) (second - token), work,
								(size_t) signature_len))
		return JWT_BAD_SIGNATURE;
	payload = decode_object(first + 1, (size_t) (second - first - 1), work);
	if (payload == NULL)
		return JWT_MALFORMED;
	result = check_claims(policy, payload, now, claims);
	json_decref(payload);
	return result;
}

const char *
jwt_error(enum jwt_result result)
{
	switch (result)
	{
		case JWT_OK:
			break;
		case JWT_MALFORMED:
			return "the token is malformed";
		case JWT_WRONG_ALGORITHM:
			return "the token is signed with an algorithm that is not accepted";
		case JWT_BAD_SIGNATURE:
			return "the token's signature is wrong";
		case JWT_NO_EXPIRY:
			return "the token never expires";
		case JWT_EXPIRED:
			return "the token has expired";
		case JWT_NOT_YET_VALID:
			return "the token is not valid yet";
		case JWT_WRONG_AUDIENCE:
			return "the token is meant for another audience";
		case JWT_WRONG_ISSUER:
			return "the token comes from another issuer";
		case JWT_NO_SUBJECT:
			return "the token names no subject";
	}
	return "";
}
