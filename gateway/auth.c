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

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "strbuf.h"

#define WAYS         8
#define KEY_FILE_MAX 4096

struct token_entry
{
	unsigned char hash[TOKEN_HASH_LEN];
	int64_t exp; /* 0: empty */
	uint64_t used;
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

bool
token_cache_find(struct token_cache *cache, const unsigned char *hash, time_t now,
				 char user[USER_ID_LEN + 1])
{
	struct token_entry *row = row_of(cache, hash);

	for (int i = 0; i < WAYS; i++)
		if (row[i].exp > (int64_t) now && memcmp(row[i].hash, hash, TOKEN_HASH_LEN) == 0)
		{
			row[i].used = ++cache->clock;
			memcpy(user, row[i].user, sizeof(row[i].user));
			return true;
		}
	return false;
}

void
token_cache_put(struct token_cache *cache, const unsigned char *hash, int64_t exp, const char *user)
{
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
	(void) snprintf(victim->user, sizeof(victim->user), "%s", user);
}

/*
 * Read the secret; line ends behind it are not part of it, since editors and echo add them.
 */
bool
auth_load_key(const char *path, struct jwt_policy *policy, char *error, size_t error_size)
{
	unsigned char secret[KEY_FILE_MAX];
	FILE *f = fopen(path, "rb");
	size_t len;

	if (f == NULL)
	{
		(void) snprintf(error, error_size, "could not open key file \"%s\": %s", path,
						strerror(errno));
		return false;
	}
	len = fread(secret, 1, sizeof(secret), f);
	(void) fclose(f);
	while (len > 0 && (secret[len - 1] == '\n' || secret[len - 1] == '\r'))
		len--;
	policy->keys = jwt_key_hs256(secret, len);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (policy->keys == NULL)
	{
		(void) snprintf(error, error_size,
						"key file \"%s\" must hold a secret of at least 32 bytes", path);
		return false;
	}
	return true;
}

/* The bearer token of the header, NULL when it has none. */
static const char *
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
	out->known = token_cache_find(cache, out->hash, now, out->user);
	if (out->known)
		return NULL;
	result = jwt_verify(policy, token, len, now, &out->claims);
	return result == JWT_OK ? NULL : jwt_error(result);
}
