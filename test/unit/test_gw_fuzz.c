/*
 * test_gw_fuzz.c
 *	  Replays the kept corpus of the gateway's fuzz targets (test/fuzz/) without a fuzzer: a target that
 *	  finds something wrong aborts.
 *
 * Every file is also given cut off after each of its bytes and with each byte changed, in memory of
 * just that size, so that a sanitizer sees what is read beyond.
 */
#include <dirent.h>
#include <stdlib.h>

#include "tap.h"
#include "test/fuzz/targets.h"

#define MAX_SIZE 4096

static const struct
{
	int (*run)(const uint8_t *data, size_t size);
	const char *name;
} targets[] = {
	{ fuzz_gw_target, "gw_target" },     { fuzz_gw_header, "gw_header" },
	{ fuzz_gw_json, "gw_json" },         { fuzz_gw_jwt, "gw_jwt" },
	{ fuzz_gw_position, "gw_position" }, { fuzz_gw_hosts, "gw_hosts" },
};

static void
give(size_t target, const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	memcpy(copy + 1, data, size);
	(void) targets[target].run(copy + 1, size);
	free(copy);
}

static void
give_file(size_t target, const char *path)
{
	static uint8_t data[MAX_SIZE];
	FILE *file = fopen(path, "rb");
	size_t size = file ? fread(data, 1, sizeof(data), file) : 0;

	if (file != NULL)
		(void) fclose(file);
	give(target, data, size);
	for (size_t i = 0; i < size; i++)
	{
		give(target, data, i);
		data[i] ^= 1;
		give(target, data, size);
		data[i] ^= 1;
	}
}

int
main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	int length = slash != NULL ? (int) (slash - argv[0]) + 1 : 0;

	(void) argc;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
	{
		char folder[2048];
		DIR *dir;
		struct dirent *entry;
		int n = 0;

		(void) snprintf(folder, sizeof(folder), "%.*s../fuzz/corpus/%s", length, argv[0],
						targets[i].name);
		dir = opendir(folder);
		while (dir != NULL && (entry = readdir(dir)) != NULL)
		{
			char path[4096];

			if (entry->d_name[0] == '.')
				continue;
			(void) snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
			give_file(i, path);
			n++;
		}
		if (dir != NULL)
			(void) closedir(dir);
		ok(n >= 4, "%d files for %s", n, targets[i].name);
	}
	return done_testing();
}
