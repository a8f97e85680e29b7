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

#include "jwt_key.h"

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

/* What a token has to satisfy; read-only once made, shared by all threads. */
struct jwt_policy
{
	struct jwt_key *keys;
	const char *audience; /* NULL: not checked */
	const char *issuer;   /* NULL: not checked */
	long leeway;          /* s */
	const char *roles_claim;
	const char *operator_role; /* NULL: nobody is an operator */
};

struct jwt_claims
{
	char sub[JWT_SUB_MAX + 1];
	int64_t exp;
	bool is_operator;
};

extern enum jwt_result jwt_verify(const struct jwt_policy *policy, const char *token, size_t len,
								  time_t now, struct jwt_claims *claims);
extern const char *jwt_error(enum jwt_result result);

#endif
