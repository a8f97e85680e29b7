/*
 * jwt_key.h
 *	  Keys that verify tokens: where they come from and what they can do.
 *
 * A key has exactly one algorithm, decided when it is read; a token never chooses.  An HMAC secret
 * therefore cannot pass as a public key, nor a public key as a secret.
 */
#ifndef AGENDA_GW_JWT_KEY_H
#define AGENDA_GW_JWT_KEY_H

#include <stdbool.h>
#include <stddef.h>

#define JWT_KID_MAX  127
#define JWT_MAX_KEYS 32

struct jwt_key;

/* one algorithm of one kind of key */
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
	void *material;            /* owned by the algorithm */
	char kid[JWT_KID_MAX + 1]; /* empty: the key fits tokens of any kid */
	struct jwt_key *next;
};

extern struct jwt_key *jwt_key_hs256(const unsigned char *secret, size_t len);
extern bool jwt_keys_parse(struct jwt_key **keys, const char *text, size_t len, char *error,
						   size_t error_size);
extern void jwt_key_free(struct jwt_key *keys);

/* unpadded base64url; out has room for len bytes; -1 for anything unclean */
extern long base64url_decode(const char *s, size_t len, unsigned char *out);

#endif
