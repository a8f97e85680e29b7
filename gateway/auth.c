/*
 * auth.c
 *	  From the Authorization header to the user.
 *
 * A token is verified once per thread; after that its SHA-256 finds the user in a cache that is
 * bounded and whose entries die with the token.  The cache is set-associative: a hash picks a row of
 * eight, of which the one unused for longest gives way.  One cache belongs to one thread, so there
 * are no locks.
 */
#include "auth.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "strbuf.h"

#define WAYS 8

struct token_entry
{
	unsigned char hash[TOKEN_HASH_LEN];
	int64_t exp; /* 0: empty */
	uint64_t used;
	bool is_operator;
	char user[USER_ID_LEN + 1];
};

struct token_cache
{
	size_t n_rows;
	uint64_t clock;
	struct token_entry entries[];
};

struct token_cache *
token_cache_create(size_t size)
{
	size_t n_rows = (size + WAYS - 1) / WAYS;
	struct token_cache *cache;

	cache = xcalloc(1, sizeof(*cache) + n_rows * WAYS * sizeof(struct token_entry));
	cache->n_rows = n_rows;
	return cache;
}

void
token_cache_free(struct token_cache *cache)
{
	free(cache);
}

static struct token_entry *
row_of(struct token_cache *cache, const unsigned char *hash)
{
	uint64_t h;

	memcpy(&h, hash, sizeof(h));
	return &cache->entries[(h % cache->n_rows) * WAYS];
}

/* Nothing that was verified by former keys counts any more. */
void
token_cache_clear(struct token_cache *cache)
{
	memset(cache->entries, 0, cache->n_rows * WAYS * sizeof(struct token_entry));
}

/* Fills in what the header's principal is known to be. */
bool
token_cache_find(struct token_cache *cache, time_t now, struct principal *who)
{
	struct token_entry *row = row_of(cache, who->hash);

	for (int i = 0; i < WAYS; i++)
		if (row[i].exp > (int64_t) now && memcmp(row[i].hash, who->hash, TOKEN_HASH_LEN) == 0)
		{
			row[i].used = ++cache->clock;
			memcpy(who->user, row[i].user, sizeof(row[i].user));
			who->is_operator = row[i].is_operator;
			who->exp = row[i].exp;
			return true;
		}
	return false;
}

/* exp 0 forgets the token. */
void
token_cache_put(struct token_cache *cache, const struct principal *who, int64_t exp)
{
	const unsigned char *hash = who->hash;
	struct token_entry *row = row_of(cache, hash);
	struct token_entry *victim = row;

	for (int i = 0; i < WAYS; i++)
	{
		if (memcmp(row[i].hash, hash, TOKEN_HASH_LEN) == 0)
		{
			victim = &row[i];
			break;
		}
		if (row[i].used < victim->used)
			victim = &row[i];
	}
	memcpy(victim->hash, hash, TOKEN_HASH_LEN);
	victim->exp = exp;
	victim->used = ++cache->clock;
	victim->is_operator = who->is_operator;
	memcpy(victim->user, who->user, sizeof(victim->user));
}

/* The bearer token of the header, NULL when it has none. */
const char *
bearer_token(const char *header)
{
	if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
		return NULL;
	header += 7;
	while (*header == ' ')
		header++;
	return *header ? header : NULL;
}

/* NULL when *out tells who is there, else what is wrong with the token. */
const char *
auth_check(const struct jwt_policy *policy, struct token_cache *cache, const char *header,
		   time_t now, struct principal *out)
{
	const char *token = bearer_token(header);
	enum jwt_result result;
	size_t len;

	if (token == NULL)
		return "no bearer token was sent";
	len = strlen(token);
	while (len > 0 && (token[len - 1] == ' ' || token[len - 1] == '\t'))
		len--;
	(void) SHA256((const unsigned char *) token, len, out->hash);
	out->known = token_cache_find(cache, now, out);
	if (out->known)
		return NULL;
	result = jwt_verify(policy, token, len, now, &out->claims);
	out->exp = result == JWT_OK ? out->claims.exp : 0;
	out->is_operator = result == JWT_OK && out->claims.is_operator;
	return result == JWT_OK ? NULL : jwt_error(result);
}
