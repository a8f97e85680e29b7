/*
 * standbys.c
 *		What the synchronous standbys have.
 *
 * What is visible has, as a rule, reached the synchronous standbys before, because the commit waited for
 * them.  Not so for writers that don't wait (synchronous_commit = local or off, a wait that was cancelled),
 * and not for commits that were waiting when the server crashed: recovery makes them visible.  If a standby has been
 * promoted meanwhile, they don't exist there.  So the drainer asks, as PostgreSQL itself does for a commit.  An old primary
 * that is started as it was finds no standby, and publishes nothing.
 *
 * Locks: SyncRepLock, shared, for one look.
 */
#include "postgres.h"

#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/lwlock.h"

#include "standbys.h"

bool
agenda_standbys_have(XLogRecPtr lsn)
{
	XLogRecPtr confirmed;

	if (max_wal_senders == 0 || SyncRepStandbyNames == NULL || SyncRepStandbyNames[0] == '\0')
		return true;
	LWLockAcquire(SyncRepLock, LW_SHARED);
	confirmed = WalSndCtl->lsn[SYNC_REP_WAIT_FLUSH];
	LWLockRelease(SyncRepLock);
	return lsn <= confirmed;
}
