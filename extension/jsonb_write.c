/*
 * jsonb_write.c
 *		jsonb written straight into its stored form.
 *
 * The server's way to jsonb makes a tree of values, sorts each object's keys and writes the tree then.
 * Who knows how many items a container has, and in which order jsonb keeps the keys, can write at
 * once, at a third of the cost: each change of a task does so.  The bytes are the same
 * (convertJsonbValue() in jsonb_util.c): a header with the number of items, an entry for each with
 * its type and its length (at every JB_OFFSET_STRIDEth where it ends), then the items; numbers and
 * containers begin at multiples of four bytes, and what that takes counts as theirs.
 *
 * Called by C only; works in the memory context of the buffer.
 */
#include "postgres.h"

#include "utils/numeric.h"

#include "jsonb_write.h"

static void begin_container(AgendaJsonbContainer *c, StringInfo out, uint32 header, int items);
static void end_item(AgendaJsonbContainer *c, uint32 type);
static void align(StringInfo out);

void
agenda_jsonb_begin(StringInfo out)
{
	static const char length[VARHDRSZ];

	initStringInfo(out);
	appendBinaryStringInfo(out, length, VARHDRSZ);
}

Jsonb *
agenda_jsonb_end(StringInfo out)
{
	SET_VARSIZE(out->data, out->len);
	return (Jsonb *) out->data;
}

void
agenda_jsonb_array(AgendaJsonbContainer *c, StringInfo out, int count)
{
	begin_container(c, out, JB_FARRAY | count, count);
}

void
agenda_jsonb_object(AgendaJsonbContainer *c, StringInfo out, int count)
{
	begin_container(c, out, JB_FOBJECT | count, 2 * count);
}

static void
begin_container(AgendaJsonbContainer *c, StringInfo out, uint32 header, int items)
{
	Size size = items * sizeof(JEntry);

	align(out);
	appendBinaryStringInfo(out, (char *) &header, sizeof(header));
	c->out = out;
	c->entry = out->len;
	enlargeStringInfo(out, size);
	out->len += size;
	c->number = 0;
	c->end = out->len;
	c->total = 0;
}

/* The entry of the item whose bytes end where the buffer does. */
static void
end_item(AgendaJsonbContainer *c, uint32 type)
{
	uint32 length = c->out->len - c->end;
	JEntry entry = type | length;

	c->total += length;
	/* the length of one item is no more than that of all */
	if (c->total > JENTRY_OFFLENMASK)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("a jsonb value is too large: more than %u bytes", JENTRY_OFFLENMASK));
	if (c->number % JB_OFFSET_STRIDE == 0)
		entry = type | c->total | JENTRY_HAS_OFF;
	memcpy(c->out->data + c->entry, &entry, sizeof(entry));
	c->entry += sizeof(entry);
	c->number++;
	c->end = c->out->len;
}

static void
align(StringInfo out)
{
	while (out->len % sizeof(uint32) != 0)
		appendStringInfoCharMacro(out, '\0');
}

void
agenda_jsonb_null(AgendaJsonbContainer *c)
{
	end_item(c, JENTRY_ISNULL);
}

void
agenda_jsonb_bool(AgendaJsonbContainer *c, bool value)
{
	end_item(c, value ? JENTRY_ISBOOL_TRUE : JENTRY_ISBOOL_FALSE);
}

void
agenda_jsonb_int(AgendaJsonbContainer *c, int64 value)
{
	Numeric number = int64_to_numeric(value);

	align(c->out);
	appendBinaryStringInfo(c->out, (char *) number, VARSIZE_ANY(number));
	end_item(c, JENTRY_ISNUMERIC);
}

void
agenda_jsonb_string(AgendaJsonbContainer *c, const char *s, int length)
{
	appendBinaryStringInfo(c->out, s, length);
	end_item(c, JENTRY_ISSTRING);
}

/* A scalar stands in an array of its own. */
void
agenda_jsonb_copy(AgendaJsonbContainer *c, Jsonb *value)
{
	const char *bytes = (char *) &value->root;
	uint32 type = JENTRY_ISCONTAINER;

	if (JB_ROOT_IS_SCALAR(value))
	{
		bytes = (char *) &value->root.children[1];
		type = value->root.children[0] & JENTRY_TYPEMASK;
	}
	if (type == JENTRY_ISCONTAINER || type == JENTRY_ISNUMERIC)
		align(c->out);
	appendBinaryStringInfo(c->out, bytes, (char *) value + VARSIZE(value) - bytes);
	end_item(c, type);
}

void
agenda_jsonb_nested(AgendaJsonbContainer *c)
{
	end_item(c, JENTRY_ISCONTAINER);
}
