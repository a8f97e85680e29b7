/*
 * init.c
 *		What happens when the library is loaded.
 *
 * Loaded by an ordinary backend (CREATE EXTENSION, the first function call), everything but the
 * workers is there.  Loaded through shared_preload_libraries, it also reserves shared memory,
 * takes part in utility commands that concern databases, and registers the launcher.  A server
 * that pg_upgrade runs gets none of that: nothing may change the cluster then.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "compat.h"
#include "database_hook.h"
#include "identity.h"
#include "launcher.h"
#include "settings.h"
#include "shmem.h"
#include "silence.h"
#include "table.h"
#include "wake.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(agenda_version);

void _PG_init(void);

void
_PG_init(void)
{
	agenda_settings_init();
	agenda_identity_init();
	agenda_table_init();
	agenda_silence_init();
	agenda_wake_init();

	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;

	agenda_shmem_init();
	agenda_database_hook_init();
	agenda_launcher_register();
}

/* agenda.version() → text: the version this library was built as */
Datum
agenda_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(AGENDA_VERSION));
}
