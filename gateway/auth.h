/*
 * auth.h
 *	  From the Authorization header to the user.
 */
#ifndef AGENDA_GW_AUTH_H
#define AGENDA_GW_AUTH_H

#include "jwt.h"

#define TOKEN_HASH_LEN 32
#define USER_ID_LEN    36

struct token_cache;

/* what the header told us */
struct principal
{
	unsigned char hash[TOKEN_HASH_LEN]; /* SHA-256 of the token */
	struct jwt_claims claims;           /* set unless known */
	bool known;                         /* user is set: the token stood in the cache */
	bool is_operator;
	int64_t exp; /* of the token */
	char user[USER_ID_LEN + 1];
};

extern const char *bearer_token(const char *header);
extern const char *auth_check(const struct jwt_policy *policy, struct token_cache *cache,
							  const char *header, time_t now, struct principal *out);

extern struct token_cache *token_cache_create(size_t size);
extern void token_cache_free(struct token_cache *cache);
extern void token_cache_clear(struct token_cache *cache);
extern bool token_cache_find(struct token_cache *cache, time_t now, struct principal *who);
extern void token_cache_put(struct token_cache *cache, const struct principal *who, int64_t exp);

#endif
