/*
 * test_rr_fuzz.c
 *		Replays the kept corpus of the fuzz targets (test/fuzz/) without a fuzzer: a target that finds
 *		something wrong aborts.
 *
 * Every file is also given with each of its bytes cut off the end and with one byte changed, so
 * that a small corpus reaches far.
 */
#include <dirent.h>
#include <stdlib.h>

#include "tap.h"
#include "test/fuzz/targets.h"

#define MAX_SIZE 4096

typedef int (*target_fn)(const uint8_t *data, size_t size);

/* in memory of just this size, so that a sanitizer sees what is read beyond */
static void
give(target_fn target, const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	memcpy(copy + 1, data, size);
	target(copy + 1, size);
	free(copy);
}

static void
give_variants(target_fn target, uint8_t *data, size_t size, bool deep)
{
	give(target, data, size);
	for (size_t i = 0; i < size && deep; i++)
	{
		uint8_t kept = data[i];

		give(target, data, i);
		data[i] = (uint8_t) (kept ^ 1);
		give(target, data, size);
		data[i] = kept;
	}
}

static int
replay(target_fn target, const char *folder, bool deep)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int n = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
	{
		static uint8_t data[MAX_SIZE];
		char path[5000];
		FILE *file;
		size_t size;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		file = fopen(path, "rb");
		if (file == NULL)
			continue;
		size = fread(data, 1, sizeof(data), file);
		fclose(file);
		give_variants(target, data, size, deep);
		n++;
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

static const struct
{
	target_fn run;
	const char *name;
	bool deep; /* the variants as well, which is too slow where an oracle walks */
} targets[] = {
	{ fuzz_rr_parse, "rr_parse", true },
	{ fuzz_rr_phrase, "rr_phrase", true },
	{ fuzz_rr_expand, "rr_expand", false },
	{ fuzz_rr_set, "rr_set", false },
};

int
main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	int length = slash != NULL ? (int) (slash - argv[0]) + 1 : 0;

	(void) argc;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
	{
		char folder[4096];
		int n;

		snprintf(folder, sizeof(folder), "%.*s../fuzz/corpus/%s", length, argv[0], targets[i].name);
		n = replay(targets[i].run, folder, targets[i].deep);
		ok(n >= 40, "%d files for %s", n, targets[i].name);
	}
	return done_testing();
}
