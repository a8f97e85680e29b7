/*
 * rrule.h
 *		Recurrence rules of RFC 5545 (with SKIP of RFC 7529): the whole interface.
 *
 * A pure C11 library: no allocation, no clock, no globals, no locale, no output.  Everything
 * lives in structs of the caller, every function is reentrant, and time is a parameter.
 *
 *		text --rr_parse--> struct rr_rule --rr_plan_make(dtstart)--> struct rr_plan
 *		struct rr_plan: rr_next, rr_previous, rr_contains			in civil (wall clock) time
 *		struct rr_plan + struct rr_zone: rr_zoned_next, ...			in instants
 *
 * Civil time and instants are both int64 seconds: of the wall clock since 1970-01-01 00:00:00,
 * and of UTC since the same point.  README.md explains the algorithm and its cost.
 */
#ifndef RR_RRULE_H
#define RR_RRULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* what no function takes more of the stack than, in bytes */
#define RR_STACK_MOST (256 * 1024)

/* limits of the civil seconds that the library computes with: years -4999 .. 299999 */
#define RR_TIME_MIN INT64_C(-219900000000)
#define RR_TIME_MAX INT64_C(9404900000000)

enum rr_freq
{
	RR_YEARLY,
	RR_MONTHLY,
	RR_WEEKLY,
	RR_DAILY,
	RR_HOURLY,
	RR_MINUTELY,
	RR_SECONDLY
};

/* what becomes of a date that does not exist, as 30 February (RFC 7529) */
enum rr_skip
{
	RR_SKIP_OMIT,
	RR_SKIP_BACKWARD,
	RR_SKIP_FORWARD
};

enum rr_until_kind
{
	RR_UNTIL_NONE,
	RR_UNTIL_DATE,  /* the whole day belongs to the rule */
	RR_UNTIL_LOCAL, /* wall clock, in the zone of DTSTART */
	RR_UNTIL_UTC    /* an instant where there is a zone, else wall clock */
};

#define RR_DAY_WORDS 6 /* 384 bits: numbers 1..366, or the days of a year */

/* a set of numbers 1..n and one of numbers -1..-n (its bit q stands for -q) */
struct rr_numbers
{
	uint64_t plus[RR_DAY_WORDS];
	uint64_t minus[RR_DAY_WORDS];
};

/*
 * A rule as it is written, independent of any start.  Every BYxxx domain is bounded by the
 * RFC, so bitmaps hold it all; a part that is absent is an empty set.  Weekday 0 is Monday.
 */
struct rr_rule
{
	uint8_t freq;               /* enum rr_freq */
	uint8_t wkst;               /* first day of the week */
	uint8_t skip;               /* enum rr_skip */
	uint8_t until_kind;         /* enum rr_until_kind */
	uint8_t weekdays;           /* BYDAY without number: bits 0..6 */
	uint16_t months;            /* BYMONTH: bits 1..12 */
	uint32_t hours;             /* BYHOUR: bits 0..23 */
	uint64_t minutes;           /* BYMINUTE: bits 0..59 */
	uint64_t seconds;           /* BYSECOND: bits 0..59; 60 counts as 59 (RFC 5545 3.3.12) */
	int32_t interval;           /* >= 1 */
	int32_t count;              /* 0: no COUNT */
	int64_t until;              /* civil seconds, inclusive; midnight for a DATE */
	uint32_t monthdays;         /* BYMONTHDAY 1..31: bits 1..31 */
	uint32_t monthdays_minus;   /* BYMONTHDAY -1..-31 */
	uint64_t nth[7];            /* BYDAY with number 1..53, by weekday */
	uint64_t nth_minus[7];      /* BYDAY with number -1..-53 */
	uint64_t weeks;             /* BYWEEKNO 1..53 */
	uint64_t weeks_minus;       /* BYWEEKNO -1..-53 */
	struct rr_numbers yeardays; /* BYYEARDAY */
	struct rr_numbers setpos;   /* BYSETPOS */
};

/* ---- text ---------------------------------------------------------------------------- */

/* code, RFC section ("" where there is none), sentence for the detail, hint ("" where none) */
/* clang-format off */
#define RR_ERRORS(X) \
	X(RR_OK, "", "no error", "") \
	X(RR_EMPTY, "RFC 5545 section 3.3.10", "The rule is empty.", "") \
	X(RR_NO_FREQ, "RFC 5545 section 3.3.10", "FREQ is missing.", "") \
	X(RR_NOT_A_PART, "RFC 5545 section 3.3.10", "A rule is a list of NAME=value parts separated by semicolons.", "") \
	X(RR_UNKNOWN_PART, "RFC 5545 section 3.3.10", "This rule part is not known.", "") \
	X(RR_TWICE, "RFC 5545 section 3.3.10", "A rule part must not occur twice.", "") \
	X(RR_DTSTART_LINE, "RFC 5545 section 3.8.5.3", "A rule must not contain a DTSTART.", \
		"Pass the start as an argument of its own, in local time, with its time zone.") \
	X(RR_MANY_LINES, "RFC 5545 section 3.8.5.3", "Only one rule is expected, not several lines.", \
		"Pass only the value of the RRULE line.") \
	X(RR_BAD_FREQ, "RFC 5545 section 3.3.10", "FREQ must be YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY, MINUTELY or SECONDLY.", "") \
	X(RR_BAD_NUMBER, "RFC 5545 section 3.3.10", "A number is expected.", "") \
	X(RR_BAD_INTERVAL, "RFC 5545 section 3.3.10", "INTERVAL must be between 1 and 2147483647.", "") \
	X(RR_BAD_COUNT, "RFC 5545 section 3.3.10", "COUNT must be between 1 and 2147483647.", "") \
	X(RR_BAD_UNTIL, "RFC 5545 section 3.3.10", "UNTIL must be a date such as 20251231 or a time such as 20251231T090000Z.", "") \
	X(RR_BAD_SECOND, "RFC 5545 section 3.3.10", "BYSECOND must be between 0 and 60.", "") \
	X(RR_BAD_MINUTE, "RFC 5545 section 3.3.10", "BYMINUTE must be between 0 and 59.", "") \
	X(RR_BAD_HOUR, "RFC 5545 section 3.3.10", "BYHOUR must be between 0 and 23.", "") \
	X(RR_BAD_WEEKDAY, "RFC 5545 section 3.3.10", \
		"BYDAY takes MO, TU, WE, TH, FR, SA and SU, with a number from 1 to 53 or -1 to -53 before it if need be.", "") \
	X(RR_BAD_MONTHDAY, "RFC 5545 section 3.3.10", "BYMONTHDAY must be between 1 and 31 or between -31 and -1.", "") \
	X(RR_BAD_YEARDAY, "RFC 5545 section 3.3.10", "BYYEARDAY must be between 1 and 366 or between -366 and -1.", "") \
	X(RR_BAD_WEEKNO, "RFC 5545 section 3.3.10", "BYWEEKNO must be between 1 and 53 or between -53 and -1.", "") \
	X(RR_BAD_MONTH, "RFC 5545 section 3.3.10", "BYMONTH must be between 1 and 12.", "") \
	X(RR_BAD_SETPOS, "RFC 5545 section 3.3.10", "BYSETPOS must be between 1 and 366 or between -366 and -1.", "") \
	X(RR_BAD_WKST, "RFC 5545 section 3.3.10", "WKST must be MO, TU, WE, TH, FR, SA or SU.", "") \
	X(RR_BAD_SKIP, "RFC 7529 section 4.1", "SKIP must be OMIT, BACKWARD or FORWARD.", "") \
	X(RR_COUNT_AND_UNTIL, "RFC 5545 section 3.3.10", "COUNT and UNTIL must not occur in the same rule.", "") \
	X(RR_NTH_NOT_HERE, "RFC 5545 section 3.3.10", "BYDAY takes a number only with FREQ=MONTHLY or FREQ=YEARLY.", "") \
	X(RR_NTH_WITH_WEEKNO, "RFC 5545 section 3.3.10", "BYDAY takes no number together with BYWEEKNO.", "") \
	X(RR_MONTHDAY_WEEKLY, "RFC 5545 section 3.3.10", "BYMONTHDAY must not be used with FREQ=WEEKLY.", "") \
	X(RR_YEARDAY_NOT_HERE, "RFC 5545 section 3.3.10", "BYYEARDAY must not be used with FREQ=DAILY, WEEKLY or MONTHLY.", "") \
	X(RR_WEEKNO_NOT_YEARLY, "RFC 5545 section 3.3.10", "BYWEEKNO must only be used with FREQ=YEARLY.", "") \
	X(RR_SETPOS_ALONE, "RFC 5545 section 3.3.10", "BYSETPOS must be used together with another BYxxx part.", "") \
	X(RR_NO_RSCALE, "RFC 7529 section 4.1", "Only RSCALE=GREGORIAN is supported.", "")

/* clang-format on */

#define RR_ERROR_ENUM(code, section, text, hint) code,
enum rr_code
{
	RR_ERRORS(RR_ERROR_ENUM) RR_ERROR_COUNT
};
#undef RR_ERROR_ENUM

struct rr_error
{
	enum rr_code code;
	size_t position; /* byte offset, 0 <= position <= length of the text */
};

/*
 * Read a rule: RFC text in any case, optionally after "RRULE:", or one of the words daily,
 * weekly, monthly and yearly.  Reads len bytes at most, none of which need be a NUL.  Returns
 * false and fills *error, and then *rule is unspecified.
 */
extern bool rr_parse(const char *text, size_t len, struct rr_rule *rule, struct rr_error *error);
extern const char *rr_strerror(enum rr_code code);
extern const char *rr_strhint(enum rr_code code);
extern const char *rr_section(enum rr_code code);

/* what no canonical text exceeds, its NUL included */
#define RR_TEXT_MAX 16384

/*
 * Write the canonical text: equal rules, equal text; reading it again gives the same rule.
 * Like snprintf: at most size bytes with the NUL, returns the length that was needed.
 */
extern size_t rr_format(const struct rr_rule *rule, char *buf, size_t size);

/* the plainest rule with the same occurrences from every DTSTART; that of this one is itself */
extern void rr_plain(const struct rr_rule *rule, struct rr_rule *plain);

/* the plain rule in English, as 'every 2 weeks on Monday and Friday'; returns as rr_format does */
extern size_t rr_describe(const struct rr_rule *rule, char *buf, size_t size);

/* the rule that the word of this frequency stands for, with an interval; DAILY and slower */
extern void rr_simple(enum rr_freq freq, int32_t interval, struct rr_rule *rule);
/* the word that says exactly this rule, or NULL */
extern const char *rr_word(const struct rr_rule *rule);
/* 'yearly' ... 'secondly' */
extern const char *rr_freq_word(enum rr_freq freq);

/* ---- occurrences in civil time ------------------------------------------------------- */

/* how the days of a plan are grouped; a period's set of days depends on its type alone */
enum rr_unit
{
	RR_UNIT_YEAR,
	RR_UNIT_MONTH,
	RR_UNIT_WEEK,
	RR_UNIT_DAY,
	RR_UNIT_TIME /* an hour, a minute or a second */
};

enum rr_flags
{
	RR_FLOATING = 0, /* no zone: a UNTIL in UTC is compared as wall clock */
	RR_ZONED = 1,    /* for the rr_zoned functions: a UNTIL in UTC is an instant */
	RR_DATES = 2,    /* all-day: times of day do not exist */
	/* DTSTART occurs, and COUNT counts it first, even where the rule does not hit it */
	RR_WITH_START = 4,
	/* rr_plan_elapse() follows: it counts by itself, so a COUNT of hours and faster is left to it */
	RR_ELAPSED = 8
};

/* a set of times of day, none of them empty: the product of three sets */
struct rr_times
{
	uint32_t hours;
	int32_t n;          /* size of the product */
	int32_t per_hour;   /* times in an hour that takes part */
	int32_t per_minute; /* times in a minute that takes part */
	uint64_t minutes;
	uint64_t seconds;
	int32_t first; /* smallest and largest, in seconds */
	int32_t last;
};

#define RR_YEAR_TYPES  28 /* four leap patterns (see plan.c) by seven weekdays */
#define RR_MONTH_TYPES 28 /* lengths 28..31 by seven weekdays of the first */

/*
 * A rule with its start, ready to be asked.  Treat the fields as private.  It holds no
 * pointers, so it can be copied and kept.
 */
struct rr_plan
{
	int64_t dtstart;       /* civil seconds; nothing occurs before */
	int64_t until;         /* last civil second; COUNT has been turned into it, unless it is open */
	int64_t until_instant; /* last instant, for the rr_zoned functions */
	int64_t sure;   /* open: COUNT permits what is up to here; an instant if elapsed, else civil */
	int64_t origin; /* number of the period that holds dtstart */
	int64_t last_period; /* number of the one behind that of until */
	int64_t cycle;       /* periods of the series after which the types repeat; below a day,
							* days after which its times of day do */
	int64_t reach;       /* how far to look for an occurrence before there is none */
	int32_t interval;
	uint8_t unit; /* enum rr_unit */
	uint8_t wkst;
	uint8_t weekdays; /* week: bit 0 is the day WKST */
	bool filtered;    /* day, week: not every period has the same days */
	bool by_weekno;   /* year: the type needs the neighbours' lengths */
	bool spills;      /* SKIP moves dates into neighbouring periods */
	bool by_setpos;
	bool empty;            /* no period of any type has a day: never matches */
	bool with_start;       /* DTSTART occurs besides, since the rule does not hit it */
	uint16_t months;       /* month, week: months that take part */
	struct rr_times times; /* in a day; below a day, in an hour, minute or second */
	/* RR_UNIT_TIME */
	struct rr_times starts; /* the periods of a day that take part, by their first second */
	int32_t unit_seconds;   /* 3600, 60 or 1 */
	int32_t unit_count;     /* of them in a day */
	bool every_start;       /* the whole day takes part */
	bool sparse;            /* hardly anything does */
	int64_t inverse;        /* sparse: what finds the day of a start */
	bool default_minute;    /* DTSTART gives the minute, the second */
	bool default_second;
	bool no_elements; /* no day, or no place of BYSETPOS, whatever the phase */
	bool never;       /* filters and series never meet, in the phase of DTSTART */
	bool elapsed;     /* by rr_plan_elapse() */
	bool open;        /* what COUNT permits is decided when it is asked, until rr_plan_settle() */
	int32_t unsure;   /* open: how many answers were behind `sure` */
	bool wants_start; /* RR_WITH_START, which elapsed time decides again */
	int32_t count;    /* COUNT, which elapsed time counts again */
	int64_t start_instant; /* elapsed: DTSTART as an instant, and the offset then */
	int64_t start_offset;
	struct rr_numbers setpos;
	union
	{
		/* bit n is day n of the year, 0 and the one past the end are neighbours' days */
		uint64_t year[RR_YEAR_TYPES][RR_DAY_WORDS];
		/* bit n is day n of the month, likewise */
		uint64_t month[RR_MONTH_TYPES];
	} days;
};

extern void rr_plan_make(struct rr_plan *plan, const struct rr_rule *rule, int64_t dtstart,
						 int flags);

struct rr_zone;
/*
 * Let FREQ=HOURLY, MINUTELY and SECONDLY run in elapsed time: every so many hours pass between
 * occurrences whatever the clock does, and BYxxx parts ask what the clock shows.  For a plan made
 * with RR_ZONED | RR_ELAPSED; slower rules stay as they are.  Without it these rules are read by the letter
 * of RFC 5545, hour by hour of the wall clock.
 */
extern void rr_plan_elapse(struct rr_plan *plan, const struct rr_zone *zone);

/*
 * A plan that will be asked often: some COUNTs of hours and faster, and of filtered days, take up to some
 * milliseconds to be turned into an end.  So a new plan leaves that open and decides by itself, no less exactly,
 * whether what it has found is among as many; for what is near DTSTART this costs nothing, for the rest as much
 * each time.  After this call it is constant.  zone: that of rr_plan_elapse(), else NULL.
 */
extern void rr_plan_settle(struct rr_plan *plan, const struct rr_zone *zone);

/*
 * Or a plan that may be asked often: told each answer of next and previous (found NULL: there was none; zone: the
 * one they were asked in, or NULL), it settles at the eighth that was not near DTSTART.
 */
extern void rr_plan_answered(struct rr_plan *plan, const struct rr_zone *zone,
							 const int64_t *found);

/* the first occurrence at or after lo; the last at or before hi; false where there is none */
extern bool rr_next(const struct rr_plan *plan, int64_t lo, int64_t *found);
extern bool rr_previous(const struct rr_plan *plan, int64_t hi, int64_t *found);
extern bool rr_contains(const struct rr_plan *plan, int64_t at);

/*
 * The occurrences lo <= t <= hi in ascending order, at most n of them; returns how many.  Fewer
 * than n: there are no more.  For runs this is faster than a rr_next for each.
 */
extern int rr_fill(const struct rr_plan *plan, int64_t lo, int64_t hi, int64_t *out, int n);

/* ---- occurrences in a time zone ------------------------------------------------------ */

/* a stretch of time in which a zone keeps its offset */
struct rr_span
{
	int64_t start; /* instants start <= t < end; INT64_MIN, INT64_MAX: open */
	int64_t end;
	int64_t offset;        /* civil = instant + offset */
	int64_t offset_before; /* of the span before; equal to offset where open */
	int64_t offset_after;  /* of the span that follows; likewise */
};

/*
 * A time zone: one question, from which both directions follow.  span() gives the span that
 * holds an instant.  A plain function and its context, so that tests bring their own tables.
 * From 2101 on its changes should repeat every 400 years, between two offsets, as all of the time zone
 * database do: elapsed time is calculated there, and else gone through from change to change.
 */
struct rr_zone
{
	void (*span)(void *context, int64_t instant, struct rr_span *span);
	void *context;
};

/*
 * Civil to instant by RFC 5545 3.3.5 with erratum 4271: a time in a gap is moved forward by
 * the gap (it takes the offset before it), a doubled time is its first instant.
 */
extern int64_t rr_to_instant(const struct rr_zone *zone, int64_t civil);
extern int64_t rr_to_civil(const struct rr_zone *zone, int64_t instant);

/* as rr_next and so on, in instants; strictly increasing, equal instants count once */
extern bool rr_zoned_next(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo,
						  int64_t *found);
extern bool rr_zoned_previous(const struct rr_plan *plan, const struct rr_zone *zone, int64_t hi,
							  int64_t *found);
extern bool rr_zoned_contains(const struct rr_plan *plan, const struct rr_zone *zone, int64_t at);
extern int rr_zoned_fill(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo,
						 int64_t hi, int64_t *out, int n);

#endif
