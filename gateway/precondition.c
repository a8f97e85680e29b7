/*
 * precondition.c
 *	  If-Match and If-None-Match.  Pure.
 *
 * The entity tag of a thing is its version number in quotes.
 */
#include "precondition.h"

#include <string.h>

/* If-None-Match: weak comparison with one of the list, or *. */
bool
etag_listed(const char *list, const char *etag)
{
	size_t len = strlen(etag);

	while (*list != '\0')
	{
		list += strspn(list, " \t,");
		if (*list == '*')
			return true;
		if (list[0] == 'W' && list[1] == '/')
			list += 2;
		if (strncmp(list, etag, len) == 0 && (list[len] == '\0' || strchr(" \t,", list[len])))
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

/*
 * If-Match: "17" gives version 17, * and an absent field give none.  A tag that is not one of ours
 * can match nothing: false without trouble.  Several tags would need several versions.
 */
bool
parse_if_match(const char *field, char *version, size_t size, const char **trouble)
{
	size_t len;

	*trouble = NULL;
	version[0] = '\0';
	if (field == NULL || strcmp(field, "*") == 0)
		return true;
	len = strlen(field);
	if (strchr(field, ',') != NULL)
	{
		*trouble = "If-Match may name one version only";
		return false;
	}
	if (len < 3 || len - 2 > 18 || len - 2 >= size || field[0] != '"' || field[len - 1] != '"')
		return false;
	for (size_t i = 1; i < len - 1; i++)
		if (field[i] < '0' || field[i] > '9')
			return false;
	memcpy(version, field + 1, len - 2);
	version[len - 2] = '\0';
	return true;
}
