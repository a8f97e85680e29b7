/*
 * event.c
 *		Events as rows of a query give them.
 *
 * Called by log_reader.c for each row of the log and by dead_letters.c for each letter, in a
 * transaction.  The only errors are those of memory and of reading a toasted value.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/uuid.h"

#include "event.h"
#include "settings.h"

#define UUID_TEXT 36

static char *text_value(MemoryContext context, const Datum *values, const bool *nulls, int column);
static char *uuid_value(MemoryContext context, const Datum *values, const bool *nulls, int column);
static char *data_text(MemoryContext context, const Datum *values, const bool *nulls, Size *size);
static void take_headers(AgendaEvent *event, MemoryContext context, Jsonb *headers);
static char *scalar_text(MemoryContext context, JsonbValue *value);
static char *copy_text(MemoryContext context, const char *text, Size len);

AgendaEvent *
agenda_event_make(MemoryContext context, const Datum *values, const bool *nulls)
{
	AgendaEvent *event = MemoryContextAllocZero(context, sizeof(AgendaEvent));

	event->seq = DatumGetInt64(values[AGENDA_EVENT_SEQ]);
	event->type = "";
	if (nulls[AGENDA_EVENT_ID])
		return event;
	event->id = uuid_value(context, values, nulls, AGENDA_EVENT_ID);
	event->type = text_value(context, values, nulls, AGENDA_EVENT_TYPE);
	event->user_id = uuid_value(context, values, nulls, AGENDA_EVENT_USER_ID);
	event->subject = text_value(context, values, nulls, AGENDA_EVENT_SUBJECT);
	if (agenda_event_key == AGENDA_EVENT_KEY_USER && event->user_id != NULL)
		event->key = event->user_id;
	else
		event->key = text_value(context, values, nulls, AGENDA_EVENT_KEY);
	event->occurred_at = DatumGetTimestampTz(values[AGENDA_EVENT_OCCURRED_AT]);
	event->trace = text_value(context, values, nulls, AGENDA_EVENT_TRACE);
	/* attributes are short, as a rule; data need not be */
	event->size = sizeof(AgendaEvent) + 256;
	event->data = data_text(context, values, nulls, &event->size);
	if (!nulls[AGENDA_EVENT_REPLAY_OF])
		event->replay_of = DatumGetInt64(values[AGENDA_EVENT_REPLAY_OF]);
	event->committed_at = event->replay_of == 0 ? event->occurred_at : 0;
	event->only_topic = text_value(context, values, nulls, AGENDA_EVENT_ONLY_TOPIC);
	if (!nulls[AGENDA_EVENT_HEADERS])
		take_headers(event, context, DatumGetJsonbP(values[AGENDA_EVENT_HEADERS]));
	return event;
}

static char *
text_value(MemoryContext context, const Datum *values, const bool *nulls, int column)
{
	struct varlena *value;

	if (nulls[column])
		return NULL;
	value = PG_DETOAST_DATUM_PACKED(values[column]);
	return copy_text(context, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

static char *
uuid_value(MemoryContext context, const Datum *values, const bool *nulls, int column)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *byte;
	char *result;
	char *out;

	if (nulls[column])
		return NULL;
	byte = DatumGetUUIDP(values[column])->data;
	result = out = MemoryContextAlloc(context, UUID_TEXT + 1);
	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex[byte[i] >> 4];
		*out++ = hex[byte[i] & 15];
	}
	*out = '\0';
	return result;
}

static char *
data_text(MemoryContext context, const Datum *values, const bool *nulls, Size *size)
{
	StringInfoData text;
	Jsonb *data;

	if (nulls[AGENDA_EVENT_DATA])
		return NULL;
	data = DatumGetJsonbP(values[AGENDA_EVENT_DATA]);
	initStringInfo(&text);
	JsonbToCString(&text, &data->root, VARSIZE(data));
	*size += text.len;
	return copy_text(context, text.data, text.len);
}

/*
 * The members of the object; what is no scalar can't be a header, and null is none.  The request id
 * is an attribute, too (see envelope.h).
 */
static void
take_headers(AgendaEvent *event, MemoryContext context, Jsonb *headers)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	AgendaHeader *list;

	if (!JB_ROOT_IS_OBJECT(headers) || JB_ROOT_COUNT(headers) == 0)
		return;
	list = MemoryContextAlloc(context, JB_ROOT_COUNT(headers) * sizeof(AgendaHeader));
	event->headers = list;
	iterator = JsonbIteratorInit(&headers->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		AgendaHeader *header = &list[event->n_headers];

		if (token == WJB_KEY)
			header->name = copy_text(context, value.val.string.val, value.val.string.len);
		if (token != WJB_VALUE || (header->value = scalar_text(context, &value)) == NULL)
			continue;
		if (strcmp(header->name, "x-request-id") == 0)
			event->request_id = header->value;
		event->n_headers++;
		event->size += sizeof(AgendaHeader) + strlen(header->name) + strlen(header->value);
	}
}

static char *
scalar_text(MemoryContext context, JsonbValue *value)
{
	const char *text;

	switch (value->type)
	{
		case jbvString:
			return copy_text(context, value->val.string.val, value->val.string.len);
		case jbvBool:
			text = value->val.boolean ? "true" : "false";
			return copy_text(context, text, strlen(text));
		case jbvNumeric:
			text = DatumGetCString(
				DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
			return copy_text(context, text, strlen(text));
		default:
			return NULL;
	}
}

static char *
copy_text(MemoryContext context, const char *text, Size len)
{
	char *result = MemoryContextAllocHuge(context, len + 1);

	memcpy(result, text, len);
	result[len] = '\0';
	return result;
}
