/*
 * libfuzzer.c
 *		The entry that libFuzzer calls, for the target that TARGET names.
 */
#include "targets.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return TARGET(data, size);
}
