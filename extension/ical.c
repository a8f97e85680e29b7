/*
 * ical.c
 *		The way to libical, which is in a library of its own (extension/ical/).
 *
 * It is loaded at the first call and not named by any function of the catalog, so that neither
 * CREATE EXTENSION nor pg_upgrade asks for it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "errcodes.h"
#include "ical.h"
#include "rrule_zone.h"

#define ICAL_LIBRARY "$libdir/pg_agenda_ical"

PG_FUNCTION_INFO_V1(agenda_ical_format);
PG_FUNCTION_INFO_V1(agenda_ical_read_components);

/* agenda._ical_format(calendar text) → text */
Datum
agenda_ical_format(PG_FUNCTION_ARGS)
{
	AgendaIcalWrite write_calendar =
		(AgendaIcalWrite) load_external_function(ICAL_LIBRARY, "agenda_ical_write", true, NULL);
	char *written = write_calendar(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_TEXT_P(cstring_to_text(written));
}

/* agenda._ical_read(calendar text) → jsonb */
Datum
agenda_ical_read_components(PG_FUNCTION_ARGS)
{
	AgendaIcalRead read_calendar =
		(AgendaIcalRead) load_external_function(ICAL_LIBRARY, "agenda_ical_read", true, NULL);
	char *components = read_calendar(text_to_cstring(PG_GETARG_TEXT_PP(0)), agenda_zone_known);

	if (components == NULL)
		ereport(ERROR, errcode(ERRCODE_AGENDA_INVALID_VALUE), errmsg("the text is no calendar"),
				errhint("A calendar goes from BEGIN:VCALENDAR to END:VCALENDAR (RFC 5545)."),
				err_generic_string(PG_DIAG_COLUMN_NAME, "calendar"));
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(components)));
}
