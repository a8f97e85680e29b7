/*
 * keyring.h
 *	  The policy that tokens have to satisfy, and its renewal while the gateway runs.
 *
 * A policy never changes; SIGHUP makes another one.  Every worker holds a reference to the one it
 * uses, and the last one to let go frees it.
 */
#ifndef AGENDA_GW_KEYRING_H
#define AGENDA_GW_KEYRING_H

#include "config.h"
#include "jwt.h"

extern struct jwt_policy *policy_load(const struct config *cfg, char *error, size_t error_size);
extern struct jwt_policy *policy_share(struct jwt_policy *policy);
extern bool policy_release(struct jwt_policy *policy);
extern int policy_keys(const struct jwt_policy *policy);

#endif
