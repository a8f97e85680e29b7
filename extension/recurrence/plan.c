/*
 * plan.c
 *		A rule and its start into struct rr_plan: what DTSTART gives by default, the times of
 *		day, and the days of every type of year or month as bitmaps.
 *
 * The days of a month depend on its length and first weekday: 28 types.  Those of a year
 * depend on its length and first weekday, and week numbers also on whether the years beside
 * it are leap years, which may lend it days of their last and first weeks: four patterns.
 * DAILY that only filters, and MONTHLY with the same months in every year, are planned as YEARLY
 * with the same days: then no month is looked at in which there is nothing.
 */
#include "plan.h"

#include <string.h>

#include "bits.h"
#include "civil.h"
#include "times.h"

/* leap patterns of a year and its neighbours; no other combination exists */
enum
{
	PLAIN,
	AFTER_LEAP,
	BEFORE_LEAP,
	LEAP
};

/* the parts that choose days, with what DTSTART adds to them */
struct chosen
{
	const struct rr_rule *rule;
	enum rr_skip skip;
	uint8_t weekdays;
	bool by_day; /* BYDAY, with or without numbers */
	bool by_yearday;
	bool by_weekno;
	bool by_monthday;
	uint16_t months; /* 0: all */
	uint32_t monthdays;
	uint32_t monthdays_minus;
	bool by_place; /* BYSETPOS, where it selects whole days */
};

static uint64_t
any(const struct rr_numbers *set)
{
	uint64_t bits = 0;

	for (int i = 0; i < RR_DAY_WORDS; i++)
		bits |= set->plus[i] | set->minus[i];
	return bits;
}

/*
 * BYSETPOS of a period with one time of day: its elements are its days, so that the places are
 * looked up once, here, and not by every question.
 */
static void
keep_places(const struct chosen *c, uint64_t *days, int words)
{
	uint64_t kept[RR_DAY_WORDS] = { 0 };
	int64_t n = rr_size(days, words);

	for (int64_t rank = n > 0 ? rr_setpos_from(&c->rule->setpos, n, 0) : -1; rank >= 0;
		 rank = rank + 1 < n ? rr_setpos_from(&c->rule->setpos, n, rank + 1) : -1)
		rr_add(kept, rr_select_in(days, (int) rank));
	memcpy(days, kept, (size_t) words * sizeof(*days));
}

/* ---- days of a month ----------------------------------------------------------------- */

/* a set of weekdays laid over 64 days, the first of which is this weekday */
static uint64_t
weekday_pattern(unsigned weekdays, int first)
{
	unsigned turned = (weekdays >> first | weekdays << (7 - first)) & 127;

	return turned * UINT64_C(0x8102040810204081);
}

/*
 * BYMONTHDAY in a month of this length, before other parts look at it.  A date that does not
 * exist is left out or moved to the nearest one that does: bits 0 and length + 1 are the days
 * of the neighbours.
 */
static uint64_t
monthdays_of(const struct chosen *c, int length)
{
	uint64_t all = rr_below(length + 1) & ~UINT64_C(1);
	uint64_t days;

	if (!c->by_monthday)
		return all;
	days = c->monthdays & all;
	for (uint32_t rest = c->monthdays_minus; rest != 0; rest &= rest - 1)
	{
		int day = length + 1 - rr_lowest(rest);

		if (day >= 1)
			days |= UINT64_C(1) << day;
		else if (c->skip != RR_SKIP_OMIT)
			days |= c->skip == RR_SKIP_BACKWARD ? 1 : 2;
	}
	if ((c->monthdays & ~all) != 0 && c->skip != RR_SKIP_OMIT)
		days |= UINT64_C(1) << (c->skip == RR_SKIP_BACKWARD ? length : length + 1);
	return days;
}

/*
 * The n-th weekdays among days first .. last of a bitmap in which bit 0 has weekday bit0.
 */
static void
add_nth(const struct chosen *c, int bit0, int first, int last, uint64_t *days)
{
	for (int weekday = 0; weekday < 7; weekday++)
	{
		int lowest;
		int highest;

		if ((c->rule->nth[weekday] | c->rule->nth_minus[weekday]) == 0)
			continue;
		lowest = first + (int) rr_floormod(weekday - bit0 - first, 7);
		highest = last - (int) rr_floormod(bit0 + last - weekday, 7);
		for (uint64_t rest = c->rule->nth[weekday]; rest != 0; rest &= rest - 1)
		{
			int day = lowest + 7 * (rr_lowest(rest) - 1);

			if (day <= last)
				rr_add(days, day);
		}
		for (uint64_t rest = c->rule->nth_minus[weekday]; rest != 0; rest &= rest - 1)
		{
			int day = highest - 7 * (rr_lowest(rest) - 1);

			if (day >= first)
				rr_add(days, day);
		}
	}
}

static uint64_t
month_days(const struct chosen *c, int length, int weekday)
{
	uint64_t days = monthdays_of(c, length);
	int bit0 = (weekday + 6) % 7;
	uint64_t wanted;

	if (!c->by_day)
		return days;
	wanted = weekday_pattern(c->weekdays, bit0);
	add_nth(c, bit0, 1, length, &wanted);
	return days & wanted;
}

static uint64_t
make_months(struct rr_plan *plan, const struct chosen *c)
{
	uint64_t all = 0;

	for (int length = 28; length <= 31; length++)
		for (int weekday = 0; weekday < 7; weekday++)
		{
			uint64_t days = month_days(c, length, weekday);

			if (c->by_place)
				keep_places(c, &days, 1);
			plan->days.month[(length - 28) * 7 + weekday] = days;
			plan->spills |= ((days & 1) | (days >> (length + 1))) != 0;
			all |= days;
		}
	return all;
}

/* ---- days of a year ------------------------------------------------------------------ */

/* a word of up to 64 bits into a bitmap at a place */
static void
add_shifted(uint64_t *days, uint64_t bits, int place)
{
	days[place / 64] |= bits << (place % 64);
	if (place % 64 != 0 && place / 64 + 1 < RR_DAY_WORDS)
		days[place / 64 + 1] |= bits >> (64 - place % 64);
}

static void
keep(uint64_t *days, const uint64_t *wanted)
{
	for (int i = 0; i < RR_DAY_WORDS; i++)
		days[i] &= wanted[i];
}

/* BYMONTH and BYMONTHDAY; day n of a month is day rr_days_before + n of the year */
static void
year_monthdays(const struct chosen *c, bool leap, uint64_t *days)
{
	if (c->months == 0 && !c->by_monthday)
	{
		for (int i = 0; i < RR_DAY_WORDS; i++)
			days[i] = ~UINT64_C(0);
		days[0] &= ~UINT64_C(1);
		days[RR_DAY_WORDS - 1] &= rr_below((leap ? 367 : 366) % 64);
		return;
	}
	for (int month = 1; month <= 12; month++)
		if (c->months == 0 || (c->months >> month & 1) != 0)
			add_shifted(days, monthdays_of(c, rr_month_length(leap, month)),
						rr_days_before[leap][month]);
}

static void
year_yeardays(const struct chosen *c, int length, uint64_t *days)
{
	const struct rr_numbers *set = &c->rule->yeardays;
	uint64_t wanted[RR_DAY_WORDS];

	memcpy(wanted, set->plus, sizeof(wanted));
	for (int q = 1; q <= length; q++)
		if (rr_has(set->minus, q))
			rr_add(wanted, length + 1 - q);
	if (length == 365)
	{
		wanted[366 / 64] &= ~(UINT64_C(1) << (366 % 64));
		if (rr_has(set->plus, 366) && c->skip != RR_SKIP_OMIT)
			rr_add(wanted, c->skip == RR_SKIP_BACKWARD ? 365 : 366);
		if (rr_has(set->minus, 366) && c->skip != RR_SKIP_OMIT)
			rr_add(wanted, c->skip == RR_SKIP_BACKWARD ? 0 : 1);
	}
	/* the neighbours' days are no month's days, but BYYEARDAY may have put them in */
	if (c->months == 0 && !c->by_monthday)
		memcpy(days, wanted, sizeof(wanted));
	else
		keep(days, wanted);
}

/*
 * Day of the year on which week 1 begins: it is the first week with four days or more.
 * into_week: how many days of its week 1 January has behind it.
 */
static int
first_week(int into_week)
{
	return into_week <= 3 ? 1 - into_week : 8 - into_week;
}

/* week n of a year whose week 1 starts there, as far as it lies in days 1 .. last */
static void
add_week(int start, int n, int last, uint64_t *days)
{
	int first = start + 7 * (n - 1);
	uint64_t week = 127;

	if (first > last || first + 6 < 1)
		return;
	if (first + 6 > last)
		week >>= first + 6 - last;
	if (first < 1)
	{
		week >>= 1 - first;
		first = 1;
	}
	add_shifted(days, week, first);
}

/* the weeks that are wanted of a year that begins there and ends before that other week 1 */
static void
add_weeks(const struct chosen *c, int start, int end, int last, uint64_t *days)
{
	int weeks = (end - start) / 7;

	for (uint64_t rest = c->rule->weeks & rr_below(weeks + 1); rest != 0; rest &= rest - 1)
		add_week(start, rr_lowest(rest), last, days);
	for (uint64_t rest = c->rule->weeks_minus & rr_below(weeks + 1); rest != 0; rest &= rest - 1)
		add_week(start, weeks + 1 - rr_lowest(rest), last, days);
}

/* BYWEEKNO: the weeks of the year before, of this one and of the next that share its days */
static void
year_weeks(const struct chosen *c, int pattern, int weekday, uint64_t *days)
{
	int length = pattern == LEAP ? 366 : 365;
	int before = pattern == AFTER_LEAP ? 366 : 365;
	int after = pattern == BEFORE_LEAP ? 366 : 365;
	int into = (weekday - c->rule->wkst + 7) % 7;
	int into_before = (int) rr_floormod(into - before, 7);
	int into_after = (into + length) % 7;
	int into_last = (into_after + after) % 7;
	int start = first_week(into);
	int end = length + first_week(into_after);
	uint64_t wanted[RR_DAY_WORDS] = { 0 };

	add_weeks(c, first_week(into_before) - before, start, length, wanted);
	add_weeks(c, start, end, length, wanted);
	add_weeks(c, end, length + after + first_week(into_last), length, wanted);
	keep(days, wanted);
}

static void
year_weekdays(const struct chosen *c, bool leap, int weekday, uint64_t *days)
{
	int bit0 = (weekday + 6) % 7;
	uint64_t wanted[RR_DAY_WORDS];

	for (int i = 0; i < RR_DAY_WORDS; i++)
		wanted[i] = weekday_pattern(c->weekdays, (bit0 + 64 * i) % 7);
	/* the numbers count within the month where BYMONTH is there, else within the year */
	if (c->rule->months == 0)
		add_nth(c, bit0, 1, leap ? 366 : 365, wanted);
	for (int month = 1; month <= 12; month++)
		if (c->rule->months >> month & 1)
			add_nth(c, bit0, rr_days_before[leap][month] + 1, rr_days_before[leap][month + 1],
					wanted);
	keep(days, wanted);
}

static void
year_days(const struct chosen *c, int pattern, int weekday, uint64_t *days)
{
	bool leap = pattern == LEAP;

	memset(days, 0, RR_DAY_WORDS * sizeof(*days));
	year_monthdays(c, leap, days);
	if (c->by_yearday)
		year_yeardays(c, leap ? 366 : 365, days);
	if (c->by_weekno)
		year_weeks(c, pattern, weekday, days);
	if (c->by_day)
		year_weekdays(c, leap, weekday, days);
}

static uint64_t
make_years(struct rr_plan *plan, const struct chosen *c)
{
	uint64_t all = 0;

	plan->by_weekno = c->by_weekno;
	for (int pattern = PLAIN; pattern <= LEAP; pattern++)
	{
		/* without week numbers the neighbours do not matter: rr_year_table() never asks */
		if (!c->by_weekno && pattern != PLAIN && pattern != LEAP)
			continue;
		for (int weekday = 0; weekday < 7; weekday++)
		{
			uint64_t *days = plan->days.year[pattern * 7 + weekday];

			year_days(c, pattern, weekday, days);
			if (c->by_place)
				keep_places(c, days, RR_DAY_WORDS);
			plan->spills |= rr_has(days, 0) || rr_has(days, pattern == LEAP ? 367 : 366);
			for (int i = 0; i < RR_DAY_WORDS; i++)
				all |= days[i];
		}
	}
	return all;
}

const uint64_t *
rr_year_table(const struct rr_plan *plan, int64_t year, int64_t year_start)
{
	int pattern = PLAIN;

	/* of a year and its neighbours only the one that four divides can be a leap year */
	if ((year & 3) == 0)
		pattern = rr_is_leap(year) ? LEAP : PLAIN;
	else if (plan->by_weekno && (year & 3) == 1)
		pattern = rr_is_leap(year - 1) ? AFTER_LEAP : PLAIN;
	else if (plan->by_weekno && (year & 3) == 3)
		pattern = rr_is_leap(year + 1) ? BEFORE_LEAP : PLAIN;
	return plan->days.year[pattern * 7 + rr_weekday(year_start)];
}

/* ---- the parts of a plan ------------------------------------------------------------- */

static void
make_times(struct rr_plan *plan, const struct rr_rule *rule, int64_t time, int flags)
{
	bool dates = (flags & RR_DATES) != 0;

	rr_times_make(&plan->times,
				  rule->hours != 0 && !dates ? rule->hours : (uint32_t) 1 << (time / 3600),
				  rule->minutes != 0 && !dates ? rule->minutes : UINT64_C(1) << (time / 60 % 60),
				  rule->seconds != 0 && !dates ? rule->seconds : UINT64_C(1) << (time % 60));
	plan->default_minute = rule->minutes == 0;
	plan->default_second = rule->seconds == 0;
}

/* what the rule says of days; where it says nothing, DTSTART does (RFC 5545 3.3.10) */
static void
choose_days(struct chosen *c, const struct rr_rule *rule, int64_t dtstart_day)
{
	struct rr_civil start = rr_date_of(dtstart_day);
	bool open;

	memset(c, 0, sizeof(*c));
	c->rule = rule;
	c->weekdays = rule->weekdays;
	c->by_day = rule->weekdays != 0;
	for (int i = 0; i < 7; i++)
		c->by_day |= (rule->nth[i] | rule->nth_minus[i]) != 0;
	c->by_yearday = any(&rule->yeardays) != 0;
	c->by_weekno = (rule->weeks | rule->weeks_minus) != 0;
	c->by_monthday = (rule->monthdays | rule->monthdays_minus) != 0;
	c->months = rule->months;
	c->monthdays = rule->monthdays;
	c->monthdays_minus = rule->monthdays_minus;
	/* dates that a slower rule makes can be missing; a filter of days makes none */
	c->skip = rule->freq <= RR_MONTHLY ? (enum rr_skip) rule->skip : RR_SKIP_OMIT;

	open = !c->by_day && !c->by_monthday && !c->by_yearday && !c->by_weekno;
	if (!open || rule->freq > RR_WEEKLY)
		return;
	if (rule->freq == RR_WEEKLY)
	{
		c->weekdays = (uint8_t) (1U << rr_weekday(dtstart_day));
		c->by_day = true;
		return;
	}
	if (rule->freq == RR_YEARLY && c->months == 0)
		c->months = (uint16_t) (1U << start.month);
	c->monthdays = (uint32_t) 1 << start.day;
	c->by_monthday = true;
}

/* MONTHLY as YEARLY: the tables of years from those of months; first is the first month of a year that takes part */
static uint64_t
years_of_months(struct rr_plan *plan, int first)
{
	uint64_t months[RR_MONTH_TYPES];
	uint64_t all = 0;

	memcpy(months, plan->days.month, sizeof(months));
	memset(plan->days.year, 0, sizeof(plan->days.year));
	for (int month = first; month <= 12; month += plan->interval)
		for (int leap = 0; leap <= 1 && (plan->months >> month & 1) != 0; leap++)
		{
			int before = rr_days_before[leap][month];
			const uint64_t *types = &months[(rr_month_length(leap, month) - 28) * 7];

			for (int weekday = 0; weekday < 7; weekday++)
			{
				uint64_t days = types[(weekday + before) % 7];

				add_shifted(plan->days.year[(leap ? LEAP : PLAIN) * 7 + weekday], days, before);
				all |= days;
			}
		}
	return all;
}

/*
 * Months stay months where they differ from year to year, where BYSETPOS counts several times of day in
 * each, and where SKIP moves dates into a neighbour: the month before DTSTART takes no part, though its year does.
 */
static void
make_monthly(struct rr_plan *plan, const struct chosen *c, int month)
{
	plan->unit = RR_UNIT_MONTH;
	plan->months = c->months != 0 ? c->months : 0x1ffe;
	plan->empty = make_months(plan, c) == 0;
	if (12 % plan->interval != 0 || plan->by_setpos || plan->spills)
		return;
	plan->unit = RR_UNIT_YEAR;
	plan->empty = years_of_months(plan, (month - 1) % plan->interval + 1) == 0;
	plan->interval = 1;
}

static void
make_week(struct rr_plan *plan, const struct chosen *c)
{
	unsigned days = c->weekdays;

	plan->unit = RR_UNIT_WEEK;
	plan->weekdays = (uint8_t) ((days >> plan->wkst | days << (7 - plan->wkst)) & 127);
	plan->months = c->months;
	plan->filtered = c->months != 0;
}

/* does BYSETPOS find no place in any week, whatever month it begins in and however it is cut? */
static bool
no_week_has_place(const struct rr_plan *plan)
{
	for (int here = 1; here <= 7; here++)
		for (int month = 1; month <= 12; month++)
			if (rr_setpos_from(&plan->setpos,
							   rr_popcount(rr_week_part(plan, month, here)) * plan->times.n,
							   0) >= 0)
				return false;
	return true;
}

static void
make_daily(struct rr_plan *plan, const struct chosen *c)
{
	plan->filtered = c->months != 0 || c->by_monthday || c->by_day;
	plan->unit = RR_UNIT_DAY;
	if (!plan->filtered)
		return;
	if (plan->interval == 1 && !plan->by_setpos)
		plan->unit = RR_UNIT_YEAR;
	plan->empty = make_years(plan, c) == 0;
}

int64_t
rr_gcd(int64_t a, int64_t b)
{
	while (b != 0)
	{
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void
make_days(struct rr_plan *plan, const struct rr_rule *rule)
{
	static const int64_t periods[] = { [RR_UNIT_YEAR] = RR_CYCLE_YEARS,
									   [RR_UNIT_MONTH] = RR_CYCLE_YEARS * 12,
									   [RR_UNIT_WEEK] = RR_CYCLE_WEEKS,
									   [RR_UNIT_DAY] = RR_CYCLE_DAYS };
	int64_t day = rr_floordiv(plan->dtstart, RR_DAY_SECONDS);
	struct chosen c;

	choose_days(&c, rule, day);
	c.by_place = plan->by_setpos && plan->times.n == 1 && rule->freq <= RR_MONTHLY;
	plan->by_setpos &= !c.by_place;
	switch (rule->freq)
	{
		case RR_YEARLY:
			plan->unit = RR_UNIT_YEAR;
			plan->empty = make_years(plan, &c) == 0;
			break;
		case RR_MONTHLY:
			make_monthly(plan, &c, rr_date_of(day).month);
			break;
		case RR_WEEKLY:
			make_week(plan, &c);
			plan->empty = plan->by_setpos && no_week_has_place(plan);
			break;
		case RR_DAILY:
			make_daily(plan, &c);
			break;
		default:
			plan->filtered = c.months != 0 || c.by_monthday || c.by_yearday || c.by_day;
			plan->empty = plan->filtered && make_years(plan, &c) == 0;
			rr_subday_make(plan, rule);
			return;
	}
	plan->origin = rr_period_of(plan, day);
	plan->cycle = periods[plan->unit] / rr_gcd(periods[plan->unit], plan->interval);
	if (plan->unit >= RR_UNIT_WEEK && !plan->filtered)
		plan->cycle = 1;
	if (plan->unit == RR_UNIT_DAY)
		rr_subday_make_days(plan);
	/* one cycle sees every type; two more for the part of the first that is not asked for */
	plan->reach = (plan->cycle + 2) * plan->interval;
}

static void
make_last_period(struct rr_plan *plan)
{
	/* SKIP may move a date of the period behind back into that of until */
	if (plan->unit != RR_UNIT_TIME)
		plan->last_period = rr_period_of(plan, rr_floordiv(plan->until, RR_DAY_SECONDS)) + 1;
}

static void
make_end(struct rr_plan *plan, const struct rr_rule *rule, int flags)
{
	plan->until = RR_TIME_MAX;
	plan->until_instant = INT64_MAX;
	if (rule->until_kind == RR_UNTIL_UTC && (flags & RR_ZONED) != 0)
		plan->until_instant = rule->until;
	else if (rule->until_kind == RR_UNTIL_DATE)
		plan->until = rule->until + RR_DAY_SECONDS - 1;
	else if (rule->until_kind != RR_UNTIL_NONE)
		plan->until = rule->until;
	plan->count = rule->count;
	plan->wants_start = (flags & RR_WITH_START) != 0;
	plan->with_start =
		plan->wants_start && plan->dtstart <= plan->until && !rr_contains(plan, plan->dtstart);
	if (plan->with_start && rule->count == 1)
	{
		plan->empty = true;
		plan->until = plan->dtstart;
	}
	if (rule->count != 0 && !plan->empty &&
		!(plan->unit == RR_UNIT_TIME && (flags & RR_ELAPSED) != 0))
		rr_count_make(plan);
	make_last_period(plan);
}

void
rr_plan_make(struct rr_plan *plan, const struct rr_rule *rule, int64_t dtstart, int flags)
{
	memset(plan, 0, sizeof(*plan));
	if (dtstart < RR_TIME_MIN || dtstart > RR_TIME_MAX)
	{
		plan->empty = true;
		return;
	}
	plan->dtstart = dtstart;
	/* a day has no hours there, so these rules have nothing to say */
	if (rule->freq > RR_DAILY && (flags & RR_DATES) != 0)
	{
		plan->empty = true;
		plan->with_start = (flags & RR_WITH_START) != 0;
		plan->until = dtstart;
		return;
	}
	plan->interval = rule->interval;
	plan->wkst = rule->wkst;
	plan->setpos = rule->setpos;
	plan->by_setpos = any(&rule->setpos) != 0;
	make_times(plan, rule, rr_floormod(dtstart, RR_DAY_SECONDS), flags);
	make_days(plan, rule);
	make_end(plan, rule, flags);
}

void
rr_plan_settle(struct rr_plan *plan, const struct rr_zone *zone)
{
	if (!plan->open)
		return;
	if (plan->elapsed)
		rr_elapsed_settle(plan, zone);
	else
		plan->until = rr_count_end(plan);
	plan->open = false;
	plan->sure = 0;
	plan->unsure = 0;
	make_last_period(plan);
}

/* to settle costs at worst about as much as so many answers behind the sure part */
#define UNSURE_ANSWERS 8

void
rr_plan_answered(struct rr_plan *plan, const struct rr_zone *zone, const int64_t *found)
{
	int64_t at;

	if (!plan->open)
		return;
	at = found == NULL                    ? INT64_MAX
		 : zone != NULL && !plan->elapsed ? rr_to_civil(zone, *found)
										  : *found;
	if (at > plan->sure && ++plan->unsure == UNSURE_ANSWERS)
		rr_plan_settle(plan, zone);
}
