/*
 * feed.h
 *	  What happens in the log, read once per gateway and handed to every worker.
 */
#ifndef AGENDA_GW_FEED_H
#define AGENDA_GW_FEED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth.h"
#include "config.h"

struct feed_event
{
	char user[USER_ID_LEN + 1];
	char *type;
	char *json;
};

/* what the log has between two ticks; never changes, freed by the last who lets go */
struct feed_batch
{
	atomic_int references;
	int64_t from; /* tick */
	int64_t to;
	bool lost; /* what lies between is not known: everybody has to read anew */
	int n_events;
	struct feed_event events[]; /* by user, in the order of the log */
};

/* a worker's letter box */
struct feed_inbox
{
	pthread_mutex_t lock;
	struct feed_batch **waiting;
	int n_waiting;
	int capacity;
	int wake_fd; /* of the worker */
};

extern void feed_start(const struct config *cfg, struct feed_inbox *const *inboxes, int n);
extern void feed_stop(void);
extern struct feed_batch **feed_take(struct feed_inbox *inbox, int *n);
extern struct feed_batch *feed_share(struct feed_batch *batch);
extern void feed_release(struct feed_batch *batch);

#endif
