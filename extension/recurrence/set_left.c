/*
 * set_left.c
 *		Runs of days that the rules of a set exclude from another, as bitmaps.
 *
 * A rule is days times times of day.  Times of day are a product of hours, minutes and seconds; those of
 * the rule are cut into parts, of which every rule that excludes has all or nothing.  Of each part
 * the days that are left are those of the rule without those of all that have the part: one bit
 * a day and one operation a word, over windows that grow up to 400 years, or are seen to repeat.
 *
 * Whatever does not fit is rounded so that more seems to be left: the rule is taken with all the times
 * that its filters let through, and a rule that excludes counts where it has every time of its
 * product or, by the hour and faster, belongs to the same series.  So what is said to be excluded is, and
 * the rest is for set.c to try.
 */
#include "set_left.h"

#include <string.h>

#include "civil.h"
#include "plan.h"
#include "times.h"

#define WINDOW_WORDS (RR_CYCLE_DAYS / 64 + 1)
#define FIRST_WINDOW 64

/* times of day are cut into no more parts than this */
#define MAX_PARTS 16

/* a plan as the clock of a stretch shows it */
struct shown
{
	const struct rr_plan *plan;
	struct rr_phase phase;
	uint32_t hours; /* the product that its times of day belong to, */
	uint64_t minutes;
	uint64_t seconds;
	bool whole; /* and every day of it has all of these */
};

static struct rr_phase
phase_in(const struct rr_plan *plan, const struct rr_stretch *s)
{
	return plan->elapsed ? rr_phase_at(plan, s->offset) : rr_phase_of(plan);
}

/* ---- times of day -------------------------------------------------------------------- */

/* numbers 0 .. limit - 1 that are = first (mod step) */
static uint64_t
residues(int64_t first, int64_t step, int limit)
{
	uint64_t bits = 0;

	for (int64_t i = rr_floormod(first, step); i < limit; i += step)
		bits |= UINT64_C(1) << i;
	return bits;
}

/* by the hour and faster: is every period of a day that the series has the same, and a product? */
static bool
restrict_to_series(struct shown *p)
{
	uint32_t units = (uint32_t) p->plan->unit_seconds;
	int64_t interval = p->plan->interval;
	int64_t origin = p->phase.origin;

	if (units == 1 && (60 % interval == 0 || interval % 60 == 0))
	{
		p->seconds &= residues(origin, interval < 60 ? interval : 60, 60);
		origin = rr_floordiv(origin, 60);
		interval = interval < 60 ? 1 : interval / 60;
		units = 60;
	}
	if (units == 60 && (60 % interval == 0 || interval % 60 == 0))
	{
		p->minutes &= residues(origin, interval < 60 ? interval : 60, 60);
		origin = rr_floordiv(origin, 60);
		interval = interval < 60 ? 1 : interval / 60;
		units = 3600;
	}
	if (units != 3600 || 24 % interval != 0)
		return false;
	p->hours &= (uint32_t) residues(origin, interval, 24);
	return true;
}

/* without regard to the series */
static void
show_filters(struct shown *p, const struct rr_plan *plan, const struct rr_stretch *s)
{
	p->plan = plan;
	p->phase = phase_in(plan, s);
	p->hours = plan->times.hours;
	p->minutes = p->phase.times.minutes;
	p->seconds = p->phase.times.seconds;
	p->whole = !plan->by_setpos;
	if (plan->unit != RR_UNIT_TIME)
		return;
	p->hours = plan->starts.hours;
	if (plan->unit_seconds < 3600)
		p->minutes = plan->starts.minutes;
	if (plan->unit_seconds == 1)
		p->seconds = plan->starts.seconds;
}

/* the product that all periods of the series are within */
static void
enclose_series(struct shown *p)
{
	const int64_t interval = p->plan->interval;
	const int64_t origin = p->phase.origin;

	if (p->plan->unit_seconds == 1)
		p->seconds &= residues(origin, rr_gcd(interval, 60), 60);
	else if (p->plan->unit_seconds == 60)
		p->minutes &= residues(origin, rr_gcd(interval, 60), 60);
	else
		p->hours &= (uint32_t) residues(origin, rr_gcd(interval, 24), 24);
	p->whole = false;
}

static void
show(struct shown *p, const struct rr_plan *plan, const struct rr_stretch *s)
{
	struct shown restricted;

	show_filters(p, plan, s);
	if (plan->unit != RR_UNIT_TIME)
		return;
	restricted = *p;
	if (restrict_to_series(&restricted))
		*p = restricted;
	else
		enclose_series(p);
}

/* more times than these in an hour are not looked at one by one */
#define MAX_OFFSETS 60

/*
 * Do all occurrences of a rule by the hour and faster belong to periods of the other's series?  Its
 * unit may be another one.
 */
static bool
same_series(const struct shown *rule, const struct shown *other)
{
	const struct rr_plan *a = rule->plan;
	const struct rr_plan *b = other->plan;
	const struct rr_times *offsets = &rule->phase.times;

	if (a->unit != RR_UNIT_TIME || b->unit != RR_UNIT_TIME || offsets->n > MAX_OFFSETS ||
		(int64_t) a->interval * a->unit_seconds % ((int64_t) b->interval * b->unit_seconds) != 0)
		return false;
	for (int k = 0; k < offsets->n; k++)
	{
		int64_t t = rule->phase.origin * a->unit_seconds + rr_time_select(offsets, k);

		if ((rr_floordiv(t, b->unit_seconds) - other->phase.origin) % b->interval != 0)
			return false;
	}
	return true;
}

/* a rule that excludes, where the stretch is within it and all its times are known */
static bool
show_excluding(struct shown *p, const struct rr_plan *plan, const struct shown *rule,
			   const struct rr_stretch *s)
{
	if ((plan->unit == RR_UNIT_TIME ? plan->no_elements : plan->empty) || plan->by_setpos ||
		plan->until_instant < s->last_instant)
		return false;
	show(p, plan, s);
	if (p->phase.dtstart > s->first || p->phase.until < s->last)
		return false;
	if (!p->whole && same_series(rule, p))
	{
		show_filters(p, plan, s);
		p->whole = true;
	}
	return p->whole;
}

/* ---- parts --------------------------------------------------------------------------- */

struct part
{
	uint32_t hours;
	uint64_t minutes;
	uint64_t seconds;
};

struct parts
{
	int n;
	struct part part[MAX_PARTS];
};

static bool
has_part(const struct shown *p, const struct part *part)
{
	return (part->hours & ~p->hours) == 0 && (part->minutes & ~p->minutes) == 0 &&
		   (part->seconds & ~p->seconds) == 0;
}

static void
add_part(struct parts *parts, uint32_t hours, uint64_t minutes, uint64_t seconds)
{
	if (hours != 0 && minutes != 0 && seconds != 0)
		parts->part[parts->n++] = (struct part){ hours, minutes, seconds };
}

/* what a rule has of each part, and the rest of it, which is up to three products */
static void
cut_parts(struct parts *parts, const struct shown *p)
{
	const int n = parts->n;

	for (int i = 0; i < n; i++)
	{
		const struct part whole = parts->part[i];
		struct part *common = &parts->part[i];

		if ((whole.hours & p->hours) == 0 || (whole.minutes & p->minutes) == 0 ||
			(whole.seconds & p->seconds) == 0 || parts->n + 3 > MAX_PARTS)
			continue;
		common->hours &= p->hours;
		common->minutes &= p->minutes;
		common->seconds &= p->seconds;
		add_part(parts, whole.hours & ~p->hours, whole.minutes, whole.seconds);
		add_part(parts, common->hours, whole.minutes & ~p->minutes, whole.seconds);
		add_part(parts, common->hours, common->minutes, whole.seconds & ~p->seconds);
	}
}

/* ---- days ---------------------------------------------------------------------------- */

/* some days one after the other; bit n stands for day + n */
struct window
{
	int64_t day;
	int64_t days;
	int words;
	uint64_t bits[WINDOW_WORDS];
};

static void
add_bits(struct window *w, int64_t day, uint64_t bits)
{
	int64_t place = day - w->day;
	int64_t word = rr_floordiv(place, 64);
	int shift = (int) rr_floormod(place, 64);

	if (word >= 0 && word < w->words)
		w->bits[word] |= bits << shift;
	if (shift != 0 && word + 1 >= 0 && word + 1 < w->words)
		w->bits[word + 1] |= bits >> (64 - shift);
}

static void
add_filtered_days(struct window *w, const struct rr_plan *plan)
{
	int64_t year = rr_date_of(w->day).year;
	int64_t start;

	if (!plan->filtered)
	{
		memset(w->bits, 0xff, (size_t) w->words * sizeof(w->bits[0]));
		return;
	}
	for (; (start = rr_year_start(year)) < w->day + w->days; year++)
	{
		const uint64_t *table = rr_year_table(plan, year, start);

		for (int i = 0; i < RR_DAY_WORDS; i++)
			add_bits(w, start - 1 + 64 * i, table[i]);
	}
}

/* without the days that are not = origin (mod interval) */
static void
keep_every(struct window *w, int64_t origin, int64_t interval)
{
	int64_t place = rr_floormod(origin - w->day, interval);

	for (int i = 0; i < w->words; i++)
	{
		uint64_t kept = 0;

		for (; place < 64; place += interval)
			kept |= UINT64_C(1) << place;
		w->bits[i] &= kept;
		place -= 64;
	}
}

/* the days of a plan; those of a rule by the hour and faster are those that its filters let through */
static void
set_days(struct window *w, const struct rr_plan *plan)
{
	memset(w->bits, 0, (size_t) w->words * sizeof(w->bits[0]));
	if (plan->unit == RR_UNIT_TIME || plan->unit == RR_UNIT_DAY)
	{
		add_filtered_days(w, plan);
		if (plan->unit == RR_UNIT_DAY && plan->interval > 1)
			keep_every(w, plan->origin, plan->interval);
		return;
	}
	/* SKIP may move days over a border */
	for (int64_t period = rr_series_from(plan, rr_period_of(plan, w->day) - 1);
		 period <= rr_period_of(plan, w->day + w->days) + 1; period += plan->interval)
	{
		struct rr_days days;

		rr_days_of(plan, period, &days);
		for (int i = 0; i < days.words; i++)
			add_bits(w, days.base + 64 * i, days.bits[i]);
	}
}

int64_t
rr_cycle_of_days(const struct rr_plan *plan)
{
	static const int64_t periods[] = { [RR_UNIT_YEAR] = RR_CYCLE_YEARS,
									   [RR_UNIT_MONTH] = RR_CYCLE_YEARS * 12,
									   [RR_UNIT_WEEK] = RR_CYCLE_WEEKS,
									   [RR_UNIT_DAY] = RR_CYCLE_DAYS };

	return plan->unit == RR_UNIT_TIME
			   ? 1
			   : plan->interval / rr_gcd(plan->interval, periods[plan->unit]);
}

/* ---- what is left -------------------------------------------------------------------- */

struct left
{
	const struct rr_set *set;
	const struct rr_stretch *stretch;
	struct shown rule;
	struct parts parts;
	/* after how many times 400 years the days repeat, of the rule and of all: rules of longer cycles come last */
	int64_t cycle;
	int64_t long_cycle;
	bool asked_long; /* and have been needed */
	struct window days;
	struct window excluded;
};

/* longer than time */
#define NO_CYCLE INT32_MAX

static void
start(struct left *l, const struct rr_set *set, const struct rr_plan *plan,
	  const struct rr_stretch *s)
{
	l->set = set;
	l->stretch = s;
	show(&l->rule, plan, s);
	l->parts.n = 0;
	add_part(&l->parts, l->rule.hours, l->rule.minutes, l->rule.seconds);
	l->cycle = l->long_cycle = rr_cycle_of_days(plan);
	l->asked_long = false;
	for (int i = 0; i < set->n_exrules; i++)
	{
		struct shown other;

		if (!show_excluding(&other, &set->exrules[i], &l->rule, s))
			continue;
		cut_parts(&l->parts, &other);
		if (l->long_cycle < NO_CYCLE)
		{
			int64_t own = rr_cycle_of_days(other.plan);

			l->long_cycle = l->long_cycle / rr_gcd(l->long_cycle, own) * own;
		}
	}
}

/* take out the days of one that excludes; true if none are left */
static bool
take_out(struct left *l, const struct rr_plan *plan)
{
	uint64_t any = 0;

	set_days(&l->excluded, plan);
	for (int i = 0; i < l->days.words; i++)
		any |= l->days.bits[i] &= ~l->excluded.bits[i];
	return any == 0;
}

/* by the rules whose days repeat after 400 years, or by the others; true if no days are left */
static bool
take_out_all(struct left *l, const struct part *part, bool repeat)
{
	for (int i = 0; i < l->set->n_exrules; i++)
	{
		const struct rr_plan *plan = &l->set->exrules[i];
		struct shown other;

		if ((rr_cycle_of_days(plan) == 1) != repeat ||
			!show_excluding(&other, plan, &l->rule, l->stretch) || !has_part(&other, part))
			continue;
		l->asked_long |= !repeat;
		if (take_out(l, plan))
			return true;
	}
	return false;
}

/* the days of the window that have something of a part */
static void
set_left_days(struct left *l, const struct part *part)
{
	struct window *w = &l->days;

	set_days(w, l->rule.plan);
	w->bits[w->words - 1] &= rr_below((int) (w->days - 64 * (w->words - 1)));
	if (!take_out_all(l, part, true))
		take_out_all(l, part, false);
}

static void
set_window(struct left *l, int64_t day, int64_t days)
{
	l->days.day = l->excluded.day = day;
	l->days.days = l->excluded.days = days;
	l->days.words = l->excluded.words = (int) ((days + 63) / 64);
}

/* the first second >= lo of a part in the window, or INT64_MAX */
static int64_t
part_from(struct left *l, const struct part *part, int64_t lo)
{
	int64_t day = rr_floordiv(lo, RR_DAY_SECONDS);
	struct rr_times times;
	int bit = (int) (day - l->days.day);
	int time;

	set_left_days(l, part);
	rr_times_make(&times, part->hours, part->minutes, part->seconds);
	if (rr_has(l->days.bits, bit) &&
		(time = rr_time_from(&times, (int) (lo - day * RR_DAY_SECONDS))) >= 0)
		return day * RR_DAY_SECONDS + time;
	bit = rr_first_from(l->days.bits, l->days.words, bit + 1);
	return bit < 0 ? INT64_MAX : (l->days.day + bit) * RR_DAY_SECONDS + times.first;
}

static int64_t
part_upto(struct left *l, const struct part *part, int64_t hi)
{
	int64_t day = rr_floordiv(hi, RR_DAY_SECONDS);
	struct rr_times times;
	int bit = (int) (day - l->days.day);
	int time;

	set_left_days(l, part);
	rr_times_make(&times, part->hours, part->minutes, part->seconds);
	if (rr_has(l->days.bits, bit) &&
		(time = rr_time_upto(&times, (int) (hi - day * RR_DAY_SECONDS))) >= 0)
		return day * RR_DAY_SECONDS + time;
	bit = rr_last_upto(l->days.bits, bit - 1);
	return bit < 0 ? INT64_MIN : (l->days.day + bit) * RR_DAY_SECONDS + times.last;
}

/* windows grow, so that little is calculated where something is left soon */
static int64_t
wider(int64_t days)
{
	return days * 8 < RR_CYCLE_DAYS ? days * 8 : RR_CYCLE_DAYS;
}

/* has a whole cycle been gone through since the beginning? */
static bool
is_cycle(const struct left *l, int64_t days)
{
	int64_t cycle = l->asked_long ? l->long_cycle : l->cycle;

	return cycle < NO_CYCLE && days >= cycle * RR_CYCLE_DAYS;
}

int64_t
rr_left_from(const struct rr_set *set, const struct rr_plan *plan, const struct rr_stretch *s)
{
	const int64_t first = rr_floordiv(s->first, RR_DAY_SECONDS);
	struct left l;
	int64_t day = first;

	start(&l, set, plan, s);
	for (int64_t days = FIRST_WINDOW; day * RR_DAY_SECONDS <= s->last && !is_cycle(&l, day - first);
		 days = wider(days))
	{
		const int64_t lo = day == first ? s->first : day * RR_DAY_SECONDS;
		int64_t found = INT64_MAX;

		set_window(&l, day, days);
		for (int i = 0; i < l.parts.n; i++)
		{
			int64_t t = part_from(&l, &l.parts.part[i], lo);

			found = t < found ? t : found;
		}
		if (found < INT64_MAX)
			return found <= s->last ? found : s->last + 1;
		day += days;
	}
	return s->last + 1;
}

int64_t
rr_left_upto(const struct rr_set *set, const struct rr_plan *plan, const struct rr_stretch *s)
{
	const int64_t last = rr_floordiv(s->last, RR_DAY_SECONDS);
	struct left l;
	int64_t day = last;

	start(&l, set, plan, s);
	for (int64_t days = FIRST_WINDOW;
		 (day + 1) * RR_DAY_SECONDS > s->first && !is_cycle(&l, last - day); days = wider(days))
	{
		const int64_t hi = day == last ? s->last : (day + 1) * RR_DAY_SECONDS - 1;
		int64_t found = INT64_MIN;

		set_window(&l, day - days + 1, days);
		for (int i = 0; i < l.parts.n; i++)
		{
			int64_t t = part_upto(&l, &l.parts.part[i], hi);

			found = t > found ? t : found;
		}
		if (found > INT64_MIN)
			return found >= s->first ? found : s->first - 1;
		day -= days;
	}
	return s->first - 1;
}
