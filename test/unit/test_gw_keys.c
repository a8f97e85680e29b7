/*
 * test_gw_keys.c
 *	  Keys that verify tokens: the four algorithms, files in PEM and as JWK, and every way to make a
 *	  key serve an algorithm that is not its own.
 */
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "gateway/jwt.h"
#include "tap.h"

#define NOW 1750000000

static const char payload[] = "{\"sub\":\"alice\",\"exp\":1750000060}";
static const char secret[] = "an HS256 secret of 32 bytes or so";

/* ---- making tokens and key files ------------------------------------------------------------- */

static size_t
base64url(char *out, const unsigned char *in, size_t len)
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
	out[n] = '\0';
	return n;
}

/* DER to the 64 bytes of a JWS. */
static size_t
raw_ecdsa(const unsigned char *der, size_t len, unsigned char out[64])
{
	const unsigned char *p = der;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long) len);

	(void) BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32);
	(void) BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32);
	ECDSA_SIG_free(sig);
	return 64;
}

/* A token; pkey NULL signs with HMAC and the text given as key. */
static const char *
make_token(const char *header, EVP_PKEY *pkey, const char *hmac_key)
{
	static char token[4096];
	unsigned char signature[1024];
	unsigned char der[1024];
	size_t len;

	len = base64url(token, (const unsigned char *) header, strlen(header));
	token[len++] = '.';
	len += base64url(token + len, (const unsigned char *) payload, strlen(payload));
	if (pkey == NULL)
	{
		unsigned int n = 0;

		(void) HMAC(EVP_sha256(), hmac_key, (int) strlen(hmac_key), (unsigned char *) token, len,
					signature, &n);
		token[len++] = '.';
		(void) base64url(token + len, signature, n);
	}
	else
	{
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		size_t n = sizeof(der);

		(void) EVP_DigestSignInit_ex(ctx, NULL, EVP_PKEY_is_a(pkey, "ED25519") ? NULL : "SHA256",
									 NULL, NULL, pkey, NULL);
		(void) EVP_DigestSign(ctx, der, &n, (unsigned char *) token, len);
		EVP_MD_CTX_free(ctx);
		if (EVP_PKEY_is_a(pkey, "EC"))
			n = raw_ecdsa(der, n, signature);
		else
			memcpy(signature, der, n);
		token[len++] = '.';
		(void) base64url(token + len, signature, n);
	}
	return token;
}

static const char *
pem_of(EVP_PKEY *pkey)
{
	static char text[4][4096];
	static int turn = 0;
	char *out = text[turn++ % 4];
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	(void) PEM_write_bio_PUBKEY(bio, pkey);
	n = BIO_read(bio, out, (int) sizeof(text[0]) - 1);
	out[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
	return out;
}

static void
put_number(char *out, size_t size, const char *name, EVP_PKEY *pkey, const char *param)
{
	unsigned char bytes[1024];
	char text[2048];
	BIGNUM *n = NULL;
	size_t used = strlen(out);

	(void) EVP_PKEY_get_bn_param(pkey, param, &n);
	(void) base64url(
		text, bytes,
		(size_t) BN_bn2binpad(n, bytes, EVP_PKEY_is_a(pkey, "EC") ? 32 : BN_num_bytes(n)));
	BN_free(n);
	(void) snprintf(out + used, size - used, ",\"%s\":\"%s\"", name, text);
}

/* A JWK with what is given besides. */
static const char *
jwk_of(EVP_PKEY *pkey, const char *more)
{
	static char text[4][4096];
	static int turn = 0;
	char *out = text[turn++ % 4];
	size_t size = sizeof(text[0]);
	unsigned char raw[32];
	char raw_text[64];
	size_t len = sizeof(raw);

	if (EVP_PKEY_is_a(pkey, "RSA"))
	{
		(void) snprintf(out, size, "{\"kty\":\"RSA\"");
		put_number(out, size, "n", pkey, OSSL_PKEY_PARAM_RSA_N);
		put_number(out, size, "e", pkey, OSSL_PKEY_PARAM_RSA_E);
	}
	else if (EVP_PKEY_is_a(pkey, "EC"))
	{
		(void) snprintf(out, size, "{\"kty\":\"EC\",\"crv\":\"P-256\"");
		put_number(out, size, "x", pkey, OSSL_PKEY_PARAM_EC_PUB_X);
		put_number(out, size, "y", pkey, OSSL_PKEY_PARAM_EC_PUB_Y);
	}
	else
	{
		(void) EVP_PKEY_get_raw_public_key(pkey, raw, &len);
		(void) base64url(raw_text, raw, len);
		(void) snprintf(out, size, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"", raw_text);
	}
	len = strlen(out);
	(void) snprintf(out + len, size - len, "%s}", more);
	return out;
}

/* ---- checks --------------------------------------------------------------------------------- */

static struct jwt_policy policy = { .leeway = 30 };

static bool
load(const char *text)
{
	char error[256] = "";
	bool loaded;

	jwt_key_free(policy.keys);
	policy.keys = NULL;
	loaded = jwt_keys_parse(&policy.keys, text, strlen(text), error, sizeof(error));
	if (!loaded && error[0] == '\0')
		diag("no message");
	return loaded && policy.keys != NULL;
}

static void
check(const char *header, EVP_PKEY *pkey, const char *hmac_key, enum jwt_result wanted,
	  const char *name)
{
	const char *token = make_token(header, pkey, hmac_key);
	struct jwt_claims claims;

	is_int(jwt_verify(&policy, token, strlen(token), NOW, &claims), wanted, name);
}

static EVP_PKEY *rsa;
static EVP_PKEY *ec;
static EVP_PKEY *ed;

static void
test_algorithms(void)
{
	struct
	{
		EVP_PKEY *pkey;
		EVP_PKEY *other;
		const char *alg;
	} kinds[] = { { rsa, EVP_RSA_gen(2048), "RS256" },
				  { ec, EVP_EC_gen("P-256"), "ES256" },
				  { ed, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "EdDSA" } };

	for (size_t i = 0; i < 3; i++)
	{
		char header[64];

		(void) snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"}", kinds[i].alg);
		ok(load(pem_of(kinds[i].pkey)), "%s: a key in PEM", kinds[i].alg);
		check(header, kinds[i].pkey, NULL, JWT_OK, "verifies");
		check(header, kinds[i].other, NULL, JWT_BAD_SIGNATURE, "not by another key");
		check("{\"alg\":\"HS256\"}", NULL, pem_of(kinds[i].pkey), JWT_WRONG_ALGORITHM,
			  "not by the text of the public key as a secret");
		check("{\"alg\":\"none\"}", NULL, "", JWT_WRONG_ALGORITHM, "not by none");
		for (size_t k = 0; k < 3; k++)
			if (k != i)
			{
				(void) snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[k].alg);
				check(header, kinds[i].pkey, NULL, JWT_WRONG_ALGORITHM,
					  "nor under the name of another algorithm");
				(void) snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[i].alg);
				check(header, kinds[k].pkey, NULL, JWT_BAD_SIGNATURE,
					  "nor by a key of another kind under this name");
			}
		ok(load(jwk_of(kinds[i].pkey, "")), "a key as JWK");
		(void) snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[i].alg);
		check(header, kinds[i].pkey, NULL, JWT_OK, "verifies");
		EVP_PKEY_free(kinds[i].other);
	}
	(void) load(secret);
	check("{\"alg\":\"RS256\"}", rsa, NULL, JWT_WRONG_ALGORITHM,
		  "a secret never serves as a public key");
}

static void
test_es256_form(void)
{
	char token[4096];
	struct jwt_claims claims;
	char *signature;

	(void) load(pem_of(ec));
	(void) snprintf(token, sizeof(token), "%s", make_token("{\"alg\":\"ES256\"}", ec, NULL));
	signature = strrchr(token, '.') + 1;
	memset(signature, 'A', strlen(signature));
	is_int(jwt_verify(&policy, token, strlen(token), NOW, &claims), JWT_BAD_SIGNATURE,
		   "r and s of zero");
	signature[43] = '\0';
	is_int(jwt_verify(&policy, token, strlen(token), NOW, &claims), JWT_BAD_SIGNATURE,
		   "half a signature");
}

static void
test_sets(void)
{
	static char set[16384];

	(void) snprintf(set, sizeof(set),
					"{\"keys\":[%s,%s,%s,{\"kty\":\"oct\",\"k\":\"AAAA\"},{\"kty\":\"future\"}]}",
					jwk_of(rsa, ",\"kid\":\"r1\",\"alg\":\"RS256\",\"use\":\"sig\""),
					jwk_of(ec, ",\"kid\":\"e1\",\"key_ops\":[\"verify\"]"),
					jwk_of(ed, ",\"use\":\"enc\""));
	ok(load(set), "a set with keys for other purposes");
	check("{\"alg\":\"RS256\",\"kid\":\"r1\"}", rsa, NULL, JWT_OK, "the key of the kid");
	check("{\"alg\":\"RS256\"}", rsa, NULL, JWT_OK, "a token without a kid");
	check("{\"alg\":\"RS256\",\"kid\":\"r2\"}", rsa, NULL, JWT_WRONG_ALGORITHM,
		  "a kid we do not have");
	check("{\"alg\":\"RS256\",\"kid\":\"e1\"}", rsa, NULL, JWT_WRONG_ALGORITHM,
		  "the kid of another kind of key");
	check("{\"alg\":\"ES256\",\"kid\":\"e1\"}", ec, NULL, JWT_OK, "another kind of key in the set");
	check("{\"alg\":\"EdDSA\"}", ed, NULL, JWT_WRONG_ALGORITHM,
		  "a key for encryption verifies nothing");
	check("{\"alg\":\"RS256\",\"kid\":17}", rsa, NULL, JWT_MALFORMED, "a kid that is no text");
	check("{\"alg\":\"RS256\",\"jku\":\"https://evil\",\"jwk\":{}}", rsa, NULL, JWT_OK,
		  "keys that a token brings along are not looked at");
	(void) snprintf(set, sizeof(set), "{\"keys\":[%s]}", jwk_of(rsa, ",\"alg\":\"HS256\""));
	ok(!load(set), "a public key that says it is for HS256");
	(void) snprintf(set, sizeof(set), "{\"keys\":[%s]}", jwk_of(ec, ",\"alg\":\"RS256\""));
	ok(!load(set), "a key that says it is for another algorithm");
	ok(!load("{\"keys\":[]}"), "an empty set");
	ok(!load("{\"keys\":17}"), "a set that is none");
	ok(!load("{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"c2hvcnQ\"}"),
	   "a secret that is too short");
	ok(load("{\"kty\":\"oct\",\"k\":\"YW4gSFMyNTYgc2VjcmV0IG9mIDMyIGJ5dGVzIG9yIHNv\"}"),
	   "a secret as JWK");
	check("{\"alg\":\"HS256\"}", NULL, secret, JWT_OK, "verifies");
}

static void
test_files(void)
{
	EVP_PKEY *weak = EVP_RSA_gen(1024);
	EVP_PKEY *other_curve = EVP_EC_gen("P-384");
	char two[8192];

	ok(!load(pem_of(weak)), "RSA of 1024 bits");
	ok(!load(pem_of(other_curve)), "another curve");
	ok(!load("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
	   "PEM with nothing in it");
	ok(!load("{\"keys\":"), "half a set");
	ok(!load("short"), "a short secret");
	ok(!load(""), "nothing");
	(void) snprintf(two, sizeof(two), "\n%s%s", pem_of(rsa), pem_of(ec));
	ok(load(two), "two keys in one PEM");
	check("{\"alg\":\"RS256\"}", rsa, NULL, JWT_OK, "the first");
	check("{\"alg\":\"ES256\"}", ec, NULL, JWT_OK, "the second");
	EVP_PKEY_free(weak);
	EVP_PKEY_free(other_curve);
}

int
main(void)
{
	rsa = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	test_algorithms();
	test_es256_form();
	test_sets();
	test_files();
	jwt_key_free(policy.keys);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ed);
	return done_testing();
}
