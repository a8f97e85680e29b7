/*
 * precondition.c
 *	  If-Match, If-None-Match, Prefer and Idempotency-Key.  Pure.
 *
 * The entity tag of a thing is its version number in quotes.
 */
#include "precondition.h"

#include <string.h>
#include <strings.h>

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
 * The next version that If-Match names; *field moves behind it.  Tags that are not ours, and weak ones,
 * can match nothing and are passed over.  An absent field and * match any version.
 */
enum match
next_version(const char **field, char *version, size_t size)
{
	version[0] = '\0';
	if (*field == NULL)
		return MATCH_ANY;
	while (**field != '\0')
	{
		const char *tag = *field + strspn(*field, " \t,");
		size_t len = strcspn(tag, " \t,");

		*field = tag + len;
		if (len == 1 && *tag == '*')
		{
			*field = NULL;
			return MATCH_ANY;
		}
		if (len < 3 || len - 2 > 18 || len - 2 >= size || tag[0] != '"' || tag[len - 1] != '"' ||
			strspn(tag + 1, "0123456789") != len - 2)
			continue;
		memcpy(version, tag + 1, len - 2);
		version[len - 2] = '\0';
		return MATCH_VERSION;
	}
	return MATCH_NONE;
}

/* How many tags a field has. */
int
count_tags(const char *field)
{
	int n = 0;

	while (field != NULL && *field != '\0')
	{
		field += strspn(field, " \t,");
		n += *field != '\0';
		field += strcspn(field, ",");
	}
	return n;
}

/* Prefer: return=minimal, as a preference of its own or one of a list. */
bool
prefers_minimal(const char *field)
{
	static const char wanted[] = "return=minimal";
	size_t len = sizeof(wanted) - 1;

	while (field != NULL && *field != '\0')
	{
		field += strspn(field, " \t,");
		if (strncasecmp(field, wanted, len) == 0 &&
			(field[len] == '\0' || strchr(" \t,;", field[len]) != NULL))
			return true;
		field += strcspn(field, ",");
	}
	return false;
}

/* Printable ASCII of a sensible length. */
bool
idempotency_key_valid(const char *key)
{
	size_t len = strlen(key);

	if (len == 0 || len > 255)
		return false;
	for (size_t i = 0; i < len; i++)
		if (key[i] < 0x20 || key[i] > 0x7e)
			return false;
	return true;
}
