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
#include <string.h>
#include <strings.h>

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

/* what a token's header asks for */
struct jwt_header
{
	char alg[16];
	char kid[JWT_KID_MAX + 1]; /* empty: any */
};

/* A header with "crit" asks for what we do not know. */
static enum jwt_result
read_header(const char *s, size_t len, unsigned char *work, struct jwt_header *out)
{
	json_t *header = decode_object(s, len, work);
	const char *alg = json_string_value(json_object_get(header, "alg"));
	const char *typ = json_string_value(json_object_get(header, "typ"));
	const json_t *kid = json_object_get(header, "kid");
	enum jwt_result result = JWT_MALFORMED;

	if (alg != NULL && strlen(alg) < sizeof(out->alg) && json_object_get(header, "crit") == NULL &&
		(typ == NULL || strcasecmp(typ, "JWT") == 0 || strcasecmp(typ, "at+jwt") == 0) &&
		(kid == NULL || (json_is_string(kid) && json_string_length(kid) <= JWT_KID_MAX)))
	{
		memcpy(out->alg, alg, strlen(alg) + 1);
		out->kid[0] = '\0';
		if (kid != NULL)
			memcpy(out->kid, json_string_value(kid), strlen(json_string_value(kid)) + 1);
		result = JWT_OK;
	}
	json_decref(header);
	return result;
}

/*
 * Which keys may have signed it: those of the algorithm that the header names, and of its kid where
 * both have one.  A kid that we do not have is not worth a try with the others.
 */
static bool
key_fits(const struct jwt_key *key, const struct jwt_header *header)
{
	return strcmp(key->algorithm->name, header->alg) == 0 &&
		   (key->kid[0] == '\0' || header->kid[0] == '\0' || strcmp(key->kid, header->kid) == 0);
}

static enum jwt_result
check_signature(const struct jwt_policy *policy, const struct jwt_header *header,
				const char *signed_text, size_t signed_len, const unsigned char *signature,
				size_t signature_len)
{
	enum jwt_result result = JWT_WRONG_ALGORITHM;

	for (const struct jwt_key *key = policy->keys; key != NULL; key = key->next)
	{
		if (!key_fits(key, header))
			continue;
		if (key->algorithm->verify(key, (const unsigned char *) signed_text, signed_len, signature,
								   signature_len))
			return JWT_OK;
		result = JWT_BAD_SIGNATURE;
	}
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

/* The claim is a list of roles, or a text with blanks between them as scope has it. */
static bool
role_named(const json_t *claim, const char *wanted)
{
	const char *text = json_string_value(claim);
	size_t len = strlen(wanted);

	if (len == 0 || text == NULL)
		return len > 0 && json_is_array(claim) && audience_named(claim, wanted);
	while (*text != '\0')
	{
		size_t word = strcspn(text, " ");

		if (word == len && memcmp(text, wanted, len) == 0)
			return true;
		text += word + (text[word] == ' ');
	}
	return false;
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
	claims->is_operator =
		policy->operator_role != NULL &&
		role_named(json_object_get(payload, policy->roles_claim), policy->operator_role);
	return copy_subject(payload, claims->sub) ? JWT_OK : JWT_NO_SUBJECT;
}

enum jwt_result
jwt_verify(const struct jwt_policy *policy, const char *token, size_t len, time_t now,
		   struct jwt_claims *claims)
{
	const char *first = len <= JWT_MAX_LEN ? memchr(token, '.', len) : NULL;
	const char *second = first ? memchr(first + 1, '.', len - (size_t) (first + 1 - token)) : NULL;
	unsigned char work[JWT_MAX_LEN];
	struct jwt_header header;
	enum jwt_result result;
	long signature_len;
	json_t *payload;

	if (second == NULL)
		return JWT_MALFORMED;
	result = read_header(token, (size_t) (first - token), work, &header);
	if (result != JWT_OK)
		return result;
	signature_len = base64url_decode(second + 1, len - (size_t) (second + 1 - token), work);
	if (signature_len < 0)
		return JWT_MALFORMED;
	result = check_signature(policy, &header, token, (size_t) (second - token), work,
							 (size_t) signature_len);
	if (result != JWT_OK)
		return result;
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
			return "the token is signed with an algorithm or key that is not accepted";
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
