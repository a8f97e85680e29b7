/*
 * tzif.h
 *		struct rr_zone on a TZif file (RFC 8536), for tests without PostgreSQL.
 *
 * Reads the 64-bit block of a version 2 file; the rule for times after its last change is not
 * read, which serves for dates up to the last change listed (2037 in Debian's files).
 */
#ifndef TZIF_H
#define TZIF_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "recurrence/rrule.h"

#define TZIF_CHANGES 2000

struct tzif
{
	int changes;
	int64_t at[TZIF_CHANGES];
	int64_t offset[TZIF_CHANGES + 1]; /* offset[i] holds before at[i] */
};

static int64_t
tzif_number(const unsigned char *p, int bytes)
{
	uint64_t n = (p[0] & 0x80) != 0 ? ~UINT64_C(0) : 0;

	for (int i = 0; i < bytes; i++)
		n = n << 8 | p[i];
	return (int64_t) n;
}

/* sizes in a header: isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt */
static void
tzif_counts(const unsigned char *header, size_t counts[6])
{
	for (int i = 0; i < 6; i++)
		counts[i] = (size_t) tzif_number(header + 20 + 4 * i, 4);
}

__attribute__((unused)) static bool
tzif_load(struct tzif *tz, const char *name)
{
	static unsigned char data[1 << 17];
	char path[300];
	FILE *file;
	size_t size;
	size_t n[6];
	const unsigned char *p;
	const unsigned char *types;

	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	file = fopen(path, "rb");
	if (file == NULL)
		return false;
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	if (size < 88 || memcmp(data, "TZif", 4) != 0 || data[4] < '2')
		return false;
	/* behind the 32-bit block stands the same with 64 bits */
	tzif_counts(data, n);
	p = data + 44 + n[3] * 5 + n[4] * 6 + n[5] + n[2] * 8 + n[1] + n[0];
	tzif_counts(p, n);
	p += 44;
	if (n[3] > TZIF_CHANGES)
		return false;
	types = p + n[3] * 9;
	tz->changes = (int) n[3];
	tz->offset[0] = tzif_number(types, 4);
	for (size_t i = 0; i < n[3]; i++)
	{
		tz->at[i] = tzif_number(p + 8 * i, 8);
		tz->offset[i + 1] = tzif_number(types + 6 * p[8 * n[3] + i], 4);
	}
	return true;
}

__attribute__((unused)) static void
tzif_span(void *context, int64_t instant, struct rr_span *span)
{
	const struct tzif *tz = context;
	int i = 0;

	while (i < tz->changes && tz->at[i] <= instant)
		i++;
	span->offset = tz->offset[i];
	span->start = i > 0 ? tz->at[i - 1] : INT64_MIN;
	span->end = i < tz->changes ? tz->at[i] : INT64_MAX;
	span->offset_before = i > 0 ? tz->offset[i - 1] : span->offset;
	span->offset_after = i < tz->changes ? tz->offset[i + 1] : span->offset;
}

#endif
