/*
 * json_check.c
 *	  Is a request body a JSON object that PostgreSQL will take as jsonb?
 *
 * Pure.  The body is checked, not changed: the text itself goes to the database.  Depth is counted
 * first, because the parser recurses; duplicate members are refused, since jsonb and readers of
 * logs would disagree on which of them counts.
 */
#include "json_check.h"

#include <jansson.h>
#include <stdio.h>

/* Deepest nesting of brackets outside of strings; wrong JSON gives some number, which is enough. */
static long
nesting(const char *text, size_t len)
{
	long depth = 0;
	long deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++)
	{
		char c = text[i];

		if (in_string)
		{
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		}
		else if (c == '"')
			in_string = true;
		else if (c == '{' || c == '[')
		{
			if (++depth > deepest)
				deepest = depth;
		}
		else if (c == '}' || c == ']')
			depth--;
	}
	return deepest;
}

bool
json_check_object(const char *text, size_t len, long max_depth, char *error, size_t error_size)
{
	json_error_t problem;
	json_t *root;
	bool is_object;

	if (len == 0)
	{
		(void) snprintf(error, error_size, "the body is empty");
		return false;
	}
	if (nesting(text, len) > max_depth)
	{
		(void) snprintf(error, error_size, "the body is nested deeper than %ld", max_depth);
		return false;
	}
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
	if (root == NULL)
	{
		(void) snprintf(error, error_size, "%s (line %d, column %d)", problem.text, problem.line,
						problem.column);
		return false;
	}
	is_object = json_is_object(root);
	json_decref(root);
	if (!is_object)
		(void) snprintf(error, error_size, "the body is JSON, but not an object");
	return is_object;
}
