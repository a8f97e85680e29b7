/*
 * standbys.h
 *		What the synchronous standbys have.
 */
#ifndef AGENDA_STANDBYS_H
#define AGENDA_STANDBYS_H

#include "access/xlogdefs.h"

/* Whether as many of them as have to have the WAL up to here on their disks; true where there are to be none. */
extern bool agenda_standbys_have(XLogRecPtr lsn);

#endif
