/*
 * jsonb_write.h
 *		jsonb written straight into its stored form.
 */
#ifndef AGENDA_JSONB_WRITE_H
#define AGENDA_JSONB_WRITE_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/* An object or array that is being written; its items follow one another in the buffer. */
typedef struct AgendaJsonbContainer
{
	StringInfo out;
	int entry;    /* where the next item's entry stands in the buffer */
	int number;   /* of the next item: an object has its keys, then its values */
	int end;      /* of the item before it */
	uint32 total; /* length of all items so far */
} AgendaJsonbContainer;

/* The buffer of a new value, and the value when its container is complete. */
extern void agenda_jsonb_begin(StringInfo out);
extern Jsonb *agenda_jsonb_end(StringInfo out);

/*
 * Begins a container in the buffer.  All items have to follow: the elements of an array, or all keys
 * of an object, shorter ones first and then by their bytes, none twice, and then all its values.
 */
extern void agenda_jsonb_array(AgendaJsonbContainer *c, StringInfo out, int count);
extern void agenda_jsonb_object(AgendaJsonbContainer *c, StringInfo out, int count);

extern void agenda_jsonb_null(AgendaJsonbContainer *c);
extern void agenda_jsonb_bool(AgendaJsonbContainer *c, bool value);
extern void agenda_jsonb_int(AgendaJsonbContainer *c, int64 value);
/* A key, too. */
extern void agenda_jsonb_string(AgendaJsonbContainer *c, const char *s, int length);
/* Whatever it is. */
extern void agenda_jsonb_copy(AgendaJsonbContainer *c, Jsonb *value);
/* What has been written into the same buffer since the last item, a container, is the next one. */
extern void agenda_jsonb_nested(AgendaJsonbContainer *c);

#endif
