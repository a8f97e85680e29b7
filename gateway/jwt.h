/*
 * jwt.h
 *	  Verification of signed tokens (RFC 7519 in the compact form of RFC 7515).
 *
 * The algorithm belongs to the key and is never taken from the token: a token whose header names
 * another one is refused, whatever its signature.
 */
#ifndef AGENDA_GW_JWT_H
#define AGENDA_GW_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define JWT_MAX_LEN 8192
#define JWT_SUB_MAX 255

enum jwt_result
{
	JWT_OK,
	JWT_MALFORMED,
	JWT_WRONG_ALGORITHM,
	JWT_BAD_SIGNATURE,
	JWT_NO_EXPIRY,
	JWT_EXPIRED,
	JWT_NOT_YET_VALID,
	JWT_WRONG_AUDIENCE,
	JWT_WRONG_ISSUER,
	JWT_NO_SUBJECT
};

struct jwt_key;

/* One algorithm of one key; a further algorithm is a further object of this kind. */
struct jwt_algorithm
{
	const char *name; /* as in the header's alg */
	bool (*verify)(const struct jwt_key *key, const unsigned char *data, size_t len,
				   const unsigned char *signature, size_t signature_len);
	void (*release)(struct jwt_key *key);
};

struct jwt_key
{
	const struct jwt_algorithm *algorithm;
	void *material; /* owned by the algorithm */
	struct jwt_key *next;
};

/* What a token has to satisfy; read-only once made, shared by all threads. */
struct jwt_policy
{
	struct jwt_key *keys;
	const char *audience; /* NULL: not checked */
	const char *issuer;   /* NULL: not checked */
	long leeway;          /* s */
};

struct jwt_claims
{
	char sub[JWT_SUB_MAX + 1];
	int64_t exp;
};

extern struct jwt_key *jwt_key_hs256(const unsigned char *secret, size_t len);
extern void jwt_key_free(struct jwt_key *key);
extern enum jwt_result jwt_verify(const struct jwt_policy *policy, const char *token, size_t len,
								  time_t now, struct jwt_claims *claims);
extern const char *jwt_error(enum jwt_result result);

#endif
