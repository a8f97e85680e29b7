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
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "settings.h"
#include "silence.h"

PG_FUNCTION_INFO_V1(agenda_now);
PG_FUNCTION_INFO_V1(agenda_utc);
PG_FUNCTION_INFO_V1(agenda_is_restoring);
PG_FUNCTION_INFO_V1(agenda_set_clock);

/* agenda.now() → timestamptz */
Datum
agenda_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(agenda_domain_now());
}

TimestampTz
agenda_domain_now(void)
{
	TimestampTz at;

	return agenda_setting_now(&at) ? at : GetCurrentTransactionStartTimestamp();
}

/* agenda._restoring() → boolean: triggers have nothing to do; for their WHEN */
Datum
agenda_is_restoring(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(agenda_triggers_silent());
}

bool
agenda_triggers_silent(void)
{
	return agenda_restoring || agenda_silence_covers_triggers();
}

/*
 * agenda.utc(timestamptz) → text: RFC 3339 in UTC, '2025-01-08T09:00:00Z', with microseconds only
 * where there are any.  Independent of TimeZone and DateStyle, hence immutable.  Infinite times
 * have no such form and give NULL.
 */
Datum
agenda_utc(PG_FUNCTION_ARGS)
{
	char buf[AGENDA_UTC_SIZE];
	int length = agenda_utc_text(PG_GETARG_TIMESTAMPTZ(0), buf);

	if (length < 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf, length));
}

static char *
two_digits(char *p, char before, int value)
{
	*p++ = before;
	return pg_ultostr_zeropad(p, value, 2);
}

/* By hand: a list of tasks has a hundred times in it. */
int
agenda_utc_text(TimestampTz at, char buf[AGENDA_UTC_SIZE])
{
	struct pg_tm tm;
	fsec_t fsec;
	char *p;

	if (TIMESTAMP_NOT_FINITE(at))
		return -1;
	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("timestamp out of range"));
	/* years before 1 have no such form either, and keep their sign */
	p = buf;
	if (tm.tm_year < 0)
		*p++ = '-';
	p = pg_ultostr_zeropad(p, abs(tm.tm_year), 4);
	p = two_digits(p, '-', tm.tm_mon);
	p = two_digits(p, '-', tm.tm_mday);
	p = two_digits(p, 'T', tm.tm_hour);
	p = two_digits(p, ':', tm.tm_min);
	p = two_digits(p, ':', tm.tm_sec);
	if (fsec != 0)
	{
		*p++ = '.';
		p = pg_ultostr_zeropad(p, fsec, 6);
	}
	*p++ = 'Z';
	return p - buf;
}

/*
 * agenda._set_clock(at timestamptz) → void
 *
 * What SET LOCAL agenda.now does, for the simulation, whose caller need not be a superuser: it rolls
 * back the subtransaction in which it calls this, and the setting with it.
 */
Datum
agenda_set_clock(PG_FUNCTION_ARGS)
{
	Datum at = PG_GETARG_DATUM(0);
	char *value;

	if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(at)))
		ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("the clock cannot be set to infinity"));
	value = TextDatumGetCString(DirectFunctionCall1(agenda_utc, at));
	(void) set_config_option("agenda.now", value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true,
							 0, false);
	PG_RETURN_VOID();
}
