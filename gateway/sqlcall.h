/*
 * sqlcall.h
 *	  The generic handler: request -> SQL function -> answer.
 */
#ifndef AGENDA_GW_SQLCALL_H
#define AGENDA_GW_SQLCALL_H

#include "http.h"

extern const struct http_hooks sqlcall_hooks;

#endif
