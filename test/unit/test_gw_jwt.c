/*
 * test_gw_jwt.c
 *	  Tokens: what is accepted, and the usual attacks, which are not; the cache of tokens.
 */
#include "gateway/auth.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "tap.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW    1750000000

static const char header_hs256[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

static void
put_base64url(char *out, const unsigned char *data, size_t len)
{
	EVP_EncodeBlock((unsigned char *) out, data, (int) len);
	for (char *c = out; *c != '\0'; c++)
	{
		if (*c == '+')
			*c = '-';
		else if (*c == '/')
			*c = '_';
		else if (*c == '=')
			*c = '\0';
		if (*c == '\0')
			break;
	}
}

/* header.payload.HMAC-SHA256 under the secret, whatever the header says */
static char *
make_token(const char *header, const char *payload, const char *secret)
{
	static char token[32768];
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int mac_len = 0;
	char *at = token;

	put_base64url(at, (const unsigned char *) header, strlen(header));
	at += strlen(at);
	*at++ = '.';
	put_base64url(at, (const unsigned char *) payload, strlen(payload));
	(void) HMAC(EVP_sha256(), secret, (int) strlen(secret), (const unsigned char *) token,
				strlen(token), mac, &mac_len);
	at += strlen(at);
	*at++ = '.';
	put_base64url(at, mac, mac_len);
	return token;
}

static struct jwt_policy policy;

static enum jwt_result
verify(const char *token, struct jwt_claims *claims)
{
	/* an exact copy, so that the sanitizer sees reads past the end */
	size_t len = strlen(token);
	char *copy = malloc(len ? len : 1);
	enum jwt_result result;

	memcpy(copy, token, len);
	result = jwt_verify(&policy, copy, len, NOW, claims);
	free(copy);
	return result;
}

static void
check(const char *header, const char *payload, enum jwt_result wanted, const char *name)
{
	struct jwt_claims claims;

	is_int(verify(make_token(header, payload, SECRET), &claims), wanted, name);
}

static void
check_payload(const char *payload, enum jwt_result wanted)
{
	check(header_hs256, payload, wanted, payload);
}

static void
test_claims(void)
{
	struct jwt_claims claims;

	is_int(
		verify(make_token(header_hs256, "{\"sub\":\"alice\",\"exp\":1750000060}", SECRET), &claims),
		JWT_OK, "a good token");
	is_str(claims.sub, "alice", "its subject");
	is_int(claims.exp, 1750000060, "its end");
	check_payload("{\"sub\":\"a\",\"exp\":1750000060.5}", JWT_OK);
	check_payload("{\"sub\":\"a\",\"exp\":1749999980}", JWT_OK);
	check_payload("{\"sub\":\"a\",\"exp\":1749999970}", JWT_EXPIRED);
	check_payload("{\"sub\":\"a\",\"exp\":0}", JWT_EXPIRED);
	check_payload("{\"sub\":\"a\",\"exp\":-1e300}", JWT_MALFORMED);
	check_payload("{\"sub\":\"a\"}", JWT_NO_EXPIRY);
	check_payload("{\"sub\":\"a\",\"exp\":\"1750000060\"}", JWT_MALFORMED);
	check_payload("{\"sub\":\"a\",\"exp\":null}", JWT_MALFORMED);
	check_payload("{\"sub\":\"a\",\"exp\":1750000060,\"nbf\":1750000020}", JWT_OK);
	check_payload("{\"sub\":\"a\",\"exp\":1750000060,\"nbf\":1750000031}", JWT_NOT_YET_VALID);
	check_payload("{\"sub\":\"a\",\"exp\":1750000060,\"nbf\":\"soon\"}", JWT_MALFORMED);
	check_payload("{\"sub\":\"a\",\"exp\":1750000060,\"iat\":1750000031}", JWT_NOT_YET_VALID);
	check_payload("{\"exp\":1750000060}", JWT_NO_SUBJECT);
	check_payload("{\"sub\":\"\",\"exp\":1750000060}", JWT_NO_SUBJECT);
	check_payload("{\"sub\":17,\"exp\":1750000060}", JWT_NO_SUBJECT);
	check_payload("{\"sub\":\"a\\nb\",\"exp\":1750000060}", JWT_NO_SUBJECT);
	check_payload("{\"sub\":\"a\\u0000b\",\"exp\":1750000060}", JWT_MALFORMED);
	check_payload("{\"sub\":\"a\",\"sub\":\"b\",\"exp\":1750000060}", JWT_MALFORMED);
	check_payload("[1750000060]", JWT_MALFORMED);
	check_payload("{\"sub\":\"a\",\"exp\":1750000060} x", JWT_MALFORMED);
}

static void
test_roles(void)
{
	struct jwt_claims claims;
	static const struct
	{
		const char *roles;
		bool is_operator;
	} cases[] = {
		{ "[\"user\",\"ops\"]", true }, { "\"user ops\"", true }, { "\"ops\"", true },
		{ "\"opsy\"", false },          { "[\"opsy\"]", false },  { "[[\"ops\"]]", false },
		{ "{\"ops\":1}", false },       { "null", false },        { "true", false }
	};

	policy.roles_claim = "roles";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char payload[200];

		(void) snprintf(payload, sizeof(payload), "{\"sub\":\"a\",\"exp\":1750000060,\"roles\":%s}",
						cases[i].roles);
		policy.operator_role = "ops";
		is_int(verify(make_token(header_hs256, payload, SECRET), &claims), JWT_OK, payload);
		is_int(claims.is_operator, cases[i].is_operator, "is it an operator's");
		policy.operator_role = NULL;
		(void) verify(make_token(header_hs256, payload, SECRET), &claims);
		ok(!claims.is_operator, "without a role that says so nobody is");
	}
}

static void
test_headers(void)
{
	static const char good[] = "{\"sub\":\"a\",\"exp\":1750000060}";

	check("{\"alg\":\"HS256\"}", good, JWT_OK, "typ may be missing");
	check("{\"alg\":\"HS256\",\"typ\":\"at+JWT\"}", good, JWT_OK, "an access token");
	check("{\"alg\":\"none\"}", good, JWT_WRONG_ALGORITHM, "alg none");
	check("{\"alg\":\"None\"}", good, JWT_WRONG_ALGORITHM, "alg None");
	check("{\"alg\":\"\"}", good, JWT_WRONG_ALGORITHM, "alg empty");
	check("{\"alg\":\"hs256\"}", good, JWT_WRONG_ALGORITHM, "alg in lower case");
	check("{\"alg\":\"HS512\"}", good, JWT_WRONG_ALGORITHM, "another HMAC");
	check("{\"alg\":\"RS256\"}", good, JWT_WRONG_ALGORITHM,
		  "a public key algorithm with our secret");
	check("{\"typ\":\"JWT\"}", good, JWT_MALFORMED, "no alg");
	check("{\"alg\":[\"HS256\"]}", good, JWT_MALFORMED, "alg that is a list");
	check("{\"alg\":\"none\",\"alg\":\"HS256\"}", good, JWT_MALFORMED, "alg twice");
	check("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", good, JWT_MALFORMED, "crit");
	check("{\"alg\":\"HS256\",\"typ\":\"JWE\"}", good, JWT_MALFORMED, "another type");
	check("HS256", good, JWT_MALFORMED, "a header that is no JSON");
}

static void
test_signature(void)
{
	static const char good[] = "{\"sub\":\"a\",\"exp\":1750000060}";
	struct jwt_claims claims;
	char *token = make_token(header_hs256, good, "another secret of 32 bytes length");
	char *dot;

	is_int(verify(token, &claims), JWT_BAD_SIGNATURE, "another secret");
	token = make_token(header_hs256, good, SECRET);
	dot = strrchr(token, '.');
	dot[5] = dot[5] == 'A' ? 'B' : 'A';
	is_int(verify(token, &claims), JWT_BAD_SIGNATURE, "one character changed");
	token = make_token(header_hs256, good, SECRET);
	token[strlen(token) - 3] = '\0';
	is_int(verify(token, &claims), JWT_BAD_SIGNATURE, "a short signature");
	token = make_token(header_hs256, good, SECRET);
	strrchr(token, '.')[1] = '\0';
	is_int(verify(token, &claims), JWT_BAD_SIGNATURE, "an empty signature");
	token = make_token(header_hs256, good, SECRET);
	strcat(token, "=");
	is_int(verify(token, &claims), JWT_MALFORMED, "padding");
	token = make_token(header_hs256, good, SECRET);
	strcat(token, ".x");
	is_int(verify(token, &claims), JWT_MALFORMED, "a fourth part");
	is_int(verify("", &claims), JWT_MALFORMED, "nothing");
	is_int(verify("..", &claims), JWT_MALFORMED, "two dots");
	is_int(verify("a.b", &claims), JWT_MALFORMED, "two parts");
}

/* The last character of 32 bytes in base64 has two bits to spare: only one spelling is ours. */
static void
test_one_spelling(void)
{
	struct jwt_claims claims;
	char *token = make_token(header_hs256, "{\"sub\":\"a\",\"exp\":1750000060}", SECRET);
	char *last = token + strlen(token) - 1;

	*last = (char) (*last + 1);
	is_int(verify(token, &claims), JWT_MALFORMED, "another spelling of the same signature");
}

static void
test_long(void)
{
	static char payload[16384];
	struct jwt_claims claims;

	(void) snprintf(payload, sizeof(payload), "{\"exp\":1750000060,\"sub\":\"%0300d\"}", 1);
	is_int(verify(make_token(header_hs256, payload, SECRET), &claims), JWT_NO_SUBJECT,
		   "a subject that is too long");
	(void) snprintf(payload, sizeof(payload),
					"{\"exp\":1750000060,\"sub\":\"a\",\"x\":\"%09000d\"}", 1);
	is_int(verify(make_token(header_hs256, payload, SECRET), &claims), JWT_MALFORMED,
		   "a token that is too long");
}

static void
test_audience(void)
{
	policy.audience = "agenda";
	policy.issuer = "https://login";
	check_payload("{\"sub\":\"a\",\"exp\":1750000060,\"iss\":\"https://login\",\"aud\":\"agenda\"}",
				  JWT_OK);
	check_payload(
		"{\"sub\":\"a\",\"exp\":1750000060,\"iss\":\"https://login\",\"aud\":[\"x\",\"agenda\"]}",
		JWT_OK);
	check_payload("{\"sub\":\"a\",\"exp\":1750000060,\"iss\":\"https://login\",\"aud\":[]}",
				  JWT_WRONG_AUDIENCE);
	check_payload("{\"sub\":\"a\",\"exp\":1750000060,\"iss\":\"https://login\"}",
				  JWT_WRONG_AUDIENCE);
	check_payload(
		"{\"sub\":\"a\",\"exp\":1750000060,\"iss\":\"https://login\",\"aud\":\"agenda2\"}",
		JWT_WRONG_AUDIENCE);
	check_payload("{\"sub\":\"a\",\"exp\":1750000060,\"aud\":\"agenda\"}", JWT_WRONG_ISSUER);
	check_payload("{\"sub\":\"a\",\"exp\":1750000060,\"aud\":\"agenda\",\"iss\":\"https://evil\"}",
				  JWT_WRONG_ISSUER);
	policy.audience = NULL;
	policy.issuer = NULL;
}

static const char alice[] = "01a20385-e462-7c18-aabd-6045591ddd75";

static struct principal
principal_of(int n)
{
	struct principal who = { .is_operator = n % 2 == 1 };

	memcpy(who.hash, &n, sizeof(n));
	memcpy(who.user, alice, sizeof(alice));
	return who;
}

static bool
cached(struct token_cache *cache, struct principal who, int64_t now, struct principal *found)
{
	memset(who.user, 0, sizeof(who.user));
	who.is_operator = false;
	*found = who;
	return token_cache_find(cache, now, found);
}

static void
test_cache(void)
{
	struct token_cache *cache = token_cache_create(16);
	struct principal who = principal_of(1);
	struct principal got;
	int found = 0;

	ok(!cached(cache, who, NOW, &got), "an empty cache knows nobody");
	token_cache_put(cache, &who, NOW + 10);
	ok(cached(cache, who, NOW + 9, &got), "found while the token lives");
	is_str(got.user, alice, "with its user");
	ok(got.is_operator, "and its role");
	ok(!cached(cache, who, NOW + 10, &got), "dies with the token");
	who.hash[31] = 1;
	ok(!cached(cache, who, NOW, &got), "the whole hash counts");
	for (int i = 0; i < 1000; i++)
	{
		who = principal_of(i);
		token_cache_put(cache, &who, NOW + 10);
	}
	for (int i = 0; i < 1000; i++)
		found += cached(cache, principal_of(i), NOW, &got);
	is_int(found, 16, "bounded");
	ok(cached(cache, who, NOW, &got), "the newest stays");
	token_cache_put(cache, &who, 0);
	ok(!cached(cache, who, NOW, &got), "unless it is forgotten");
	token_cache_clear(cache);
	found = 0;
	for (int i = 0; i < 1000; i++)
		found += cached(cache, principal_of(i), NOW, &got);
	is_int(found, 0, "other keys: nothing is known");
	token_cache_free(cache);
}

static void
test_header(void)
{
	struct token_cache *cache = token_cache_create(16);
	char header[512] = "bearer  ";
	struct principal who;

	ok(auth_check(&policy, cache, NULL, NOW, &who) != NULL, "no header");
	ok(auth_check(&policy, cache, "Basic YTpi", NOW, &who) != NULL, "another scheme");
	ok(auth_check(&policy, cache, "Bearer", NOW, &who) != NULL, "no token");
	strcat(header, make_token(header_hs256, "{\"sub\":\"a\",\"exp\":1750000060}", SECRET));
	ok(auth_check(&policy, cache, header, NOW, &who) == NULL && !who.known,
	   "the scheme in any case, more spaces");
	memcpy(who.user, alice, sizeof(alice));
	token_cache_put(cache, &who, who.claims.exp);
	ok(auth_check(&policy, cache, header, NOW, &who) == NULL && who.known, "known the second time");
	token_cache_free(cache);
}

int
main(void)
{
	policy.keys = jwt_key_hs256((const unsigned char *) SECRET, 32);
	policy.leeway = 30;
	ok(policy.keys != NULL, "a key of 32 bytes");
	ok(jwt_key_hs256((const unsigned char *) SECRET, 31) == NULL, "a key of 31 bytes is refused");
	test_claims();
	test_roles();
	test_headers();
	test_signature();
	test_one_spelling();
	test_long();
	test_audience();
	test_cache();
	test_header();
	jwt_key_free(policy.keys);
	return done_testing();
}
