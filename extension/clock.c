/*
 * clock.c
 *		What time it is for the domain, and how a time goes out.
 *
 * agenda.now() is the transaction's time unless the setting agenda.now (superusers only) says
 * otherwise, so that tests and simulations need not wait.  The log never uses it: its occurred_at
 * is the real clock, because the partitions rely on that.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "settings.h"
#include "silence.h"

PG_FUNCTION_INFO_V1(agenda_now);
PG_FUNCTION_INFO_V1(agenda_utc);
PG_FUNCTION_INFO_V1(agenda_is_restoring);

/* agenda.now() → timestamptz */
Datum
agenda_now(PG_FUNCTION_ARGS)
{
	TimestampTz at;

	if (agenda_setting_now(&at))
		PG_RETURN_TIMESTAMPTZ(at);
	PG_RETURN_TIMESTAMPTZ(GetCurrentTransactionStartTimestamp());
}

/* agenda._restoring() → boolean: triggers have nothing to do; for their WHEN */
Datum
agenda_is_restoring(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(agenda_restoring || agenda_silence_covers_triggers());
}

/*
 * agenda.utc(timestamptz) → text: RFC 3339 in UTC, '2025-01-08T09:00:00Z', with microseconds only
 * where there are any.  Independent of TimeZone and DateStyle, hence immutable.  Infinite times
 * have no such form and give NULL.
 */
Datum
agenda_utc(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);
	struct pg_tm tm;
	fsec_t fsec;
	char buf[64];
	int n;

	if (TIMESTAMP_NOT_FINITE(at))
		PG_RETURN_NULL();
	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("timestamp out of range"));
	n = snprintf(buf, sizeof(buf), "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year, tm.tm_mon,
				 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (fsec != 0)
		n += snprintf(buf + n, sizeof(buf) - n, ".%06d", (int) fsec);
	buf[n++] = 'Z';
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf, n));
}
