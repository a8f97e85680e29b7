/*
 * rate.c
 *	  How many requests a user may send in a time: one bucket per user for all threads.
 *
 * A bucket is one instant, the time at which it would be full again (the generic cell rate algorithm):
 * a request moves it by 1/rate, and is refused while it lies further ahead than the burst.  The table
 * is bounded: rows of eight, of which the one that has been full for longest gives way, and a bucket
 * that is full says nothing that a new one would not.
 *
 * Locks: a mutex for each of 64 groups of rows.
 */
#include "rate.h"

#include <pthread.h>
#include <string.h>

#define ROWS   4096
#define WAYS   8
#define GROUPS 64

struct bucket
{
	char user[USER_ID_LEN];
	uint64_t full_at; /* us; 0: never used */
};

static struct bucket buckets[ROWS][WAYS];
static pthread_mutex_t locks[GROUPS];
static uint64_t interval; /* us per request; 0: no limit */
static uint64_t burst;

/* By main, before the first thread starts. */
void
rate_init(const struct config *cfg)
{
	for (int i = 0; i < GROUPS; i++)
		(void) pthread_mutex_init(&locks[i], NULL);
	memset(buckets, 0, sizeof(buckets));
	interval = cfg->rate_limit > 0 ? 1000000 / (uint64_t) cfg->rate_limit : 0;
	if (cfg->rate_limit > 0 && interval == 0)
		interval = 1;
	burst = (uint64_t) cfg->rate_burst;
}

static uint32_t
hash_of(const char *user)
{
	uint32_t h = 2166136261u;

	for (int i = 0; i < USER_ID_LEN; i++)
		h = (h ^ (unsigned char) user[i]) * 16777619u;
	return h ^ h >> 15;
}

static struct bucket *
bucket_of(struct bucket *row, const char *user)
{
	struct bucket *oldest = row;

	for (int i = 0; i < WAYS; i++)
	{
		if (memcmp(row[i].user, user, USER_ID_LEN) == 0)
			return &row[i];
		if (row[i].full_at < oldest->full_at)
			oldest = &row[i];
	}
	memcpy(oldest->user, user, USER_ID_LEN);
	oldest->full_at = 0;
	return oldest;
}

/* False: too many.  The figures are for the answer's header either way. */
bool
rate_take(const char *user, uint64_t now_us, struct rate_figures *figures)
{
	uint32_t h = hash_of(user);
	pthread_mutex_t *lock = &locks[h % ROWS % GROUPS];
	uint64_t ahead;
	struct bucket *b;
	bool ok;

	if (interval == 0)
		return true;
	(void) pthread_mutex_lock(lock);
	b = bucket_of(buckets[h % ROWS], user);
	if (b->full_at < now_us)
		b->full_at = now_us;
	ahead = b->full_at - now_us + interval;
	ok = ahead <= burst * interval;
	if (ok)
		b->full_at += interval;
	else
		ahead -= interval;
	(void) pthread_mutex_unlock(lock);
	figures->limit = burst;
	figures->remaining = burst - (ahead + interval - 1) / interval;
	if (ahead > burst * interval)
		figures->remaining = 0;
	figures->reset = ok ? (ahead + 999999) / 1000000 : (interval + 999999) / 1000000;
	return ok;
}
