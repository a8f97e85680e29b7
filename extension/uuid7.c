/*
 * uuid7.c
 *		Time-ordered identifiers, RFC 9562 version 7.
 *
 * 48 bits of Unix time in milliseconds, 12 bits of the fraction of the millisecond (RFC 9562
 * section 6.2, method 3), 62 random bits.  Within one backend the leading 60 bits never repeat and
 * never go back, even when the clock does.
 */
#include "postgres.h"

#include "fmgr.h"
#include "port.h"
#include "utils/timestamp.h"

#include "uuid7.h"

#define RANDOM_BYTES     8
#define UNIX_EPOCH_USECS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

static pg_uuid_t newest;

PG_FUNCTION_INFO_V1(agenda_uuid7);

/* The generator is asked for many at once: most of its work is not the bytes. */
static void
take_random(unsigned char *bytes)
{
	static unsigned char pool[RANDOM_BYTES * 32];
	static size_t left = 0;

	if (left == 0)
	{
		if (!pg_strong_random(pool, sizeof(pool)))
			ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR),
					errmsg("could not generate random bytes"));
		left = sizeof(pool);
	}
	left -= RANDOM_BYTES;
	memcpy(bytes, pool + left, RANDOM_BYTES);
	/* what was given away is nobody else's to find */
	memset(pool + left, 0, RANDOM_BYTES);
}

void
agenda_uuid7_make(pg_uuid_t *uuid)
{
	static uint64 last = 0;
	uint64 usecs = (uint64) (GetCurrentTimestamp() + UNIX_EPOCH_USECS);
	uint64 ticks = (usecs / 1000 << 12) | (usecs % 1000 * 4096 / 1000);
	int i;

	if (ticks <= last)
		ticks = last + 1;
	last = ticks;

	take_random(uuid->data + 8);
	for (i = 0; i < 6; i++)
		uuid->data[i] = (unsigned char) (ticks >> (52 - 8 * i));
	uuid->data[6] = (unsigned char) (0x70 | (ticks >> 8 & 0x0f));
	uuid->data[7] = (unsigned char) ticks;
	uuid->data[8] = (unsigned char) (0x80 | (uuid->data[8] & 0x3f));
	newest = *uuid;
}

bool
agenda_uuid7_is_newest(const pg_uuid_t *uuid)
{
	return memcmp(uuid, &newest, UUID_LEN) == 0;
}

/* agenda.uuid7() → uuid */
Datum
agenda_uuid7(PG_FUNCTION_ARGS)
{
	pg_uuid_t *uuid = palloc(sizeof(pg_uuid_t));

	agenda_uuid7_make(uuid);
	PG_RETURN_UUID_P(uuid);
}
