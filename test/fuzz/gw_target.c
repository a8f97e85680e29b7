/*
 * gw_target.c
 *		Fuzz target: any request target is split and decoded or refused, inside the work space it was
 *		promised, and routed; what comes out is UTF-8 without control characters.
 */
#include "targets.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/router.h"

static void
check_text(const char *text)
{
	if (!utf8_valid(text, strlen(text)))
		abort();
	for (; *text != '\0'; text++)
		if ((unsigned char) *text < 0x20 || *text == 0x7f)
			abort();
}

int
fuzz_gw_target(const uint8_t *data, size_t size)
{
	char *work = malloc(TARGET_WORK_SIZE(size));
	struct target target;
	struct routing routing;

	if (target_parse(&target, (const char *) data, size, work) == TARGET_OK)
	{
		check_text(target.path);
		for (int i = 0; i < target.n_segments; i++)
			check_text(target.segments[i]);
		for (int i = 0; i < target.n_params; i++)
		{
			check_text(target.params[i].name);
			check_text(target.params[i].value);
		}
		for (enum method method = METHOD_GET; method <= METHOD_UNKNOWN; method++)
		{
			route_request(&routing, method, &target);
			if (routing.route >= N_ROUTES || strlen(routing.allow) >= sizeof(routing.allow))
				abort();
			/* an id that is routed is a uuid, so that the database need not be asked */
			if (routing.result == ROUTED && routing.id != NULL && strlen(routing.id) != 36)
				abort();
		}
	}
	free(work);
	return 0;
}
