/*
 * keyring.c
 *	  The policy that tokens have to satisfy, from the settings and the key files.
 *
 * Called by main() at start and at SIGHUP.  A file that cannot be used leaves the policy that is in
 * force as it is: rotating keys must not be able to lock everybody out.
 */
#include "keyring.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strbuf.h"

#define KEY_FILE_MAX 262144
#define PATH_LEN_MAX 4095

/* the policy first, so that one pointer is both */
struct shared_policy
{
	struct jwt_policy policy;
	atomic_int references;
};

static bool
load_file(const char *path, struct jwt_key **keys, char *error, size_t error_size)
{
	FILE *f = fopen(path, "rb");
	char *text;
	char why[256];
	size_t len;
	bool ok;

	if (f == NULL)
	{
		(void) snprintf(error, error_size, "could not open key file \"%s\": %s", path,
						strerror(errno));
		return false;
	}
	text = xmalloc(KEY_FILE_MAX);
	len = fread(text, 1, KEY_FILE_MAX, f);
	(void) fclose(f);
	ok = jwt_keys_parse(keys, text, len, why, sizeof(why));
	if (!ok)
		(void) snprintf(error, error_size, "key file \"%s\": %s", path, why);
	OPENSSL_cleanse(text, len);
	free(text);
	return ok;
}

/* Every file of the list, which has commas between the names. */
static bool
load_files(const char *list, struct jwt_key **keys, char *error, size_t error_size)
{
	while (*list != '\0')
	{
		size_t len = strcspn(list, ",");
		char path[PATH_LEN_MAX + 1];

		if (len > PATH_LEN_MAX)
		{
			(void) snprintf(error, error_size, "the name of a key file is too long");
			return false;
		}
		memcpy(path, list, len);
		path[len] = '\0';
		if (len > 0 && !load_file(path, keys, error, error_size))
			return false;
		list += len + (list[len] == ',');
	}
	if (*keys == NULL)
		(void) snprintf(error, error_size, "no key: set AGENDA_JWT_KEY_FILE or --jwt-key-file");
	return *keys != NULL;
}

/* NULL and what is wrong, or a policy with one reference. */
struct jwt_policy *
policy_load(const struct config *cfg, char *error, size_t error_size)
{
	struct shared_policy *shared = xcalloc(1, sizeof(*shared));
	struct jwt_policy *policy = &shared->policy;

	policy->audience = cfg->jwt_audience[0] ? cfg->jwt_audience : NULL;
	policy->issuer = cfg->jwt_issuer[0] ? cfg->jwt_issuer : NULL;
	policy->leeway = cfg->jwt_leeway;
	policy->roles_claim = cfg->jwt_roles_claim;
	policy->operator_role = cfg->operator_role[0] ? cfg->operator_role : NULL;
	atomic_init(&shared->references, 1);
	if (load_files(cfg->jwt_key_file, &policy->keys, error, error_size))
		return policy;
	(void) policy_release(policy);
	return NULL;
}

struct jwt_policy *
policy_share(struct jwt_policy *policy)
{
	(void) atomic_fetch_add(&((struct shared_policy *) (void *) policy)->references, 1);
	return policy;
}

/* Says whether this was the last reference: nobody goes by these keys any more. */
bool
policy_release(struct jwt_policy *policy)
{
	struct shared_policy *shared = (struct shared_policy *) (void *) policy;

	if (policy == NULL || atomic_fetch_sub(&shared->references, 1) > 1)
		return false;
	jwt_key_free(policy->keys);
	free(shared);
	return true;
}

int
policy_keys(const struct jwt_policy *policy)
{
	int n = 0;

	for (const struct jwt_key *key = policy->keys; key != NULL; key = key->next)
		n++;
	return n;
}
