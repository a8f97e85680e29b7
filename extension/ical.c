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

#include "ical.h"

#define ICAL_LIBRARY "$libdir/pg_agenda_ical"

PG_FUNCTION_INFO_V1(agenda_ical_format);

/* agenda._ical_format(calendar text) → text */
Datum
agenda_ical_format(PG_FUNCTION_ARGS)
{
	AgendaIcalWrite write_calendar =
		(AgendaIcalWrite) load_external_function(ICAL_LIBRARY, "agenda_ical_write", true, NULL);
	char *written = write_calendar(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_TEXT_P(cstring_to_text(written));
}
