/*
 * json_member.h
 *		Reading one member of a patch.
 */
#ifndef AGENDA_JSON_MEMBER_H
#define AGENDA_JSON_MEMBER_H

#include "fmgr.h"

/* agenda._text(patch, member) and agenda._smallint(patch, member) */
extern Datum agenda_member_text(PG_FUNCTION_ARGS);
extern Datum agenda_member_smallint(PG_FUNCTION_ARGS);

#endif
