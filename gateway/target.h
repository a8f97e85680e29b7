/*
 * target.h
 *	  The request target: taken raw, split and percent-decoded by ourselves.
 *
 * libmicrohttpd decodes in place and cuts at %00; that text is never used.
 */
#ifndef AGENDA_GW_TARGET_H
#define AGENDA_GW_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define TARGET_SEGMENTS 8
#define TARGET_PARAMS   32

enum target_result
{
	TARGET_OK,
	TARGET_BAD_FORM,      /* neither /path, http://host/path nor * */
	TARGET_BAD_CHARACTER, /* control character, space, %00, not UTF-8 */
	TARGET_BAD_ESCAPE,    /* % without two hexadecimal digits */
	TARGET_TOO_MANY       /* more parameters than TARGET_PARAMS */
};

struct target_param
{
	const char *name;
	const char *value;
};

struct target
{
	const char *path; /* decoded, for logs and problem documents; empty if it can't be */
	int n_segments;   /* -1: deeper than any route */
	const char *segments[TARGET_SEGMENTS];
	int n_params;
	struct target_param params[TARGET_PARAMS];
};

extern enum target_result target_parse(struct target *out, const char *raw, size_t len, char *work);
extern const char *target_error(enum target_result result);
extern bool utf8_valid(const char *s, size_t len);

/* bytes of work space that target_parse() needs for a raw target of len bytes */
#define TARGET_WORK_SIZE(len) (3 * (len) + 8)

#endif
