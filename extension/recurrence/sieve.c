/*
 * sieve.c
 *		The k-th period of a series among filtered days and times of day, whatever the INTERVAL.
 *
 * Used where searching or walking has not come to an end after some steps (subday.c) and for
 * COUNT (subcount.c); periods are hours, minutes, seconds or, for DAILY, days.
 *
 * Period t of day d belongs to the series if d * unit_count + t = origin (mod INTERVAL).  With
 * G = gcd(INTERVAL, unit_count) and c = INTERVAL / G this is a class of days, d = r(t) (mod c), for
 * every t = origin (mod G).  The days that the table of years permits repeat after an era of M =
 * 146,097 days.  Laid out in the order 0, c, 2c, ... (mod M), the members of a class are
 * neighbours, so that the permitted ones among any number of them are a difference of two ranks
 * in a bitmap.  Adding that up over the times of day that pass counts exactly the periods before
 * any day, in one step for each of these.  The place of number k is enclosed by such counts and
 * walked to at the end.
 *
 * Everything lies on the stack, some 90 kB.  With all days permitted the era is a single day.
 */
#include "sieve.h"

#include <string.h>

#include "bits.h"
#include "civil.h"
#include "times.h"

#define UNKNOWN UINT32_MAX
/* what is walked at least before counting; as much again as a count costs, see walk_budget */
#define SHORT_WALK 2048
/* with no more permitted days in an era, these are walked through to the end */
#define SPARSE_DAYS 128
/* gaps between times of day up to which their class is found by steps */
#define CLASS_STEPS 8

/* ---- making it ----------------------------------------------------------------------- */

static void
add_bits(uint64_t *set, int64_t place, uint64_t bits)
{
	set[place / 64] |= bits << (place % 64);
	if (place % 64 != 0)
		set[place / 64 + 1] |= bits >> (64 - place % 64);
}

/* the times of day that pass */
static void
make_starts(struct rr_sieve *s, const struct rr_plan *plan)
{
	const struct rr_times *starts = &plan->starts;

	memset(s->starts, 0, sizeof(s->starts));
	for (uint64_t h = starts->hours; h != 0; h &= h - 1)
		for (uint64_t m = starts->minutes; m != 0; m &= m - 1)
		{
			int64_t second = rr_lowest(h) * 3600 + rr_lowest(m) * 60;

			if (plan->unit_seconds == 1)
				add_bits(s->starts, second, starts->seconds);
			else
				add_bits(s->starts, second / plan->unit_seconds, 1);
		}
}

/* without those that the series never meets */
static void
keep_met(struct rr_sieve *s)
{
	uint64_t met[RR_SECOND_WORDS] = { 0 };

	for (int64_t t = s->origin % s->common; t < s->unit_count; t += s->common)
		if (rr_has(s->starts, (int) t))
			rr_add(met, (int) t);
	memcpy(s->starts, met, sizeof(met));
}

static void
make_days(struct rr_sieve *s, const struct rr_plan *plan)
{
	int64_t year = rr_date_of(s->day0).year;

	memset(s->days, 0, sizeof(s->days));
	if (!plan->filtered)
	{
		s->days[0] = 1;
		s->permitted = 1;
		return;
	}
	for (int64_t start = rr_year_start(year); start < s->day0 + s->era; start = rr_year_start(year))
	{
		const uint64_t *table = rr_year_table(plan, year++, start);

		for (int i = 0; i < RR_DAY_WORDS; i++)
		{
			/* of the day that bit 0 of this word stands for */
			int64_t first = start - 1 + 64 * i - s->day0;

			if (first >= 0 && first < s->era)
				add_bits(s->days, first, table[i]);
			else if (first < 0 && first > -64)
				s->days[0] |= table[i] >> -first;
		}
	}
	/* what the last year has behind the era */
	s->days[s->era / 64] &= rr_below((int) (s->era % 64));
	s->days[s->era / 64 + 1] = 0;
	s->permitted = rr_size(s->days, RR_ERA_WORDS);
}

static void
make_layout(struct rr_sieve *s)
{
	int64_t step = s->cycle % s->era;
	int64_t i = 0;
	uint32_t rank = 0;

	if (s->laid_out)
		return;
	s->laid_out = true;
	memset(s->layout, 0, sizeof(s->layout));
	for (int64_t row = 0; row < s->rows; row++)
	{
		int64_t day = row;

		for (int64_t column = 0; column < s->length; column++, i++)
		{
			s->layout[i / 64] |= (s->days[day / 64] >> (day % 64) & 1) << (i % 64);
			day += step;
			day -= day >= s->era ? s->era : 0;
		}
	}
	for (i = 0; i < RR_ERA_WORDS; i++)
	{
		s->ranks[i] = rank;
		rank += (uint32_t) rr_popcount(s->layout[i]);
	}
}

/* the class of a time of day */
static struct rr_class
class_of(const struct rr_sieve *s, int64_t t)
{
	int64_t day = rr_floormod((s->origin - t) / s->common, s->cycle) * s->inverse % s->cycle;
	struct rr_class class = { day, day % s->rows, day / s->rows % s->length * s->turn % s->length };

	return class;
}

/* the next class of the series; everything in it is a sum modulo something */
static void
step_class(const struct rr_sieve *s, struct rr_class *class)
{
	class->day += s->step.day;
	class->row += s->step.row;
	class->column += s->step.column;
	if (class->row >= s->rows)
	{
		class->row -= s->rows;
		class->column += s->turn;
	}
	if (class->day >= s->cycle)
	{
		/* back by c days, which is one column */
		class->day -= s->cycle;
		class->column += s->length - 1;
	}
	while (class->column >= s->length)
		class->column -= s->length;
}

void
rr_sieve_open(struct rr_sieve *s, const struct rr_plan *plan, int64_t day0)
{
	s->day0 = day0;
	s->interval = plan->interval;
	s->unit_count = plan->unit_count;
	s->common = rr_gcd(s->interval, s->unit_count);
	s->cycle = s->interval / s->common;
	s->era = plan->filtered ? RR_CYCLE_DAYS : 1;
	make_starts(s, plan);
	make_days(s, plan);
	memset(s->weights, 0xff, sizeof(s->weights));
}

/* all of it, for one phase */
static void
sieve_make(struct rr_sieve *s, const struct rr_plan *plan, const struct rr_phase *phase,
		   int64_t day0)
{
	rr_sieve_open(s, plan, day0);
	s->limit = rr_floordiv(phase->until, RR_DAY_SECONDS) - day0 + 1;
	s->origin = rr_floormod(phase->origin - day0 * plan->unit_count, plan->interval);
	s->inverse = rr_inverse(s->unit_count / s->common % s->cycle, s->cycle);
	s->rows = rr_gcd(s->cycle, s->era);
	s->length = s->era / s->rows;
	s->turn = s->length == 1 ? 0 : rr_inverse(s->cycle / s->rows % s->length, s->length);
	s->step.day = rr_floormod(-s->inverse, s->cycle);
	s->step.row = s->step.day % s->rows;
	s->step.column = s->step.day / s->rows % s->length * s->turn % s->length;
	if (s->common > 1)
		keep_met(s);
	s->size = rr_size(s->starts, (int) RR_SECOND_WORDS);
	s->laid_out = false;
}

/* ---- counting ------------------------------------------------------------------------ */

static inline int64_t
rank_of(const struct rr_sieve *s, int64_t i)
{
	return (int64_t) s->ranks[i / 64] + rr_popcount(s->layout[i / 64] & rr_below((int) (i % 64)));
}

/* how many of the first `members` days of a class are permitted */
static inline int64_t
permitted_of(const struct rr_sieve *s, const struct rr_class *class, int64_t turns, int64_t rest)
{
	int64_t row = class->row * s->length;
	int64_t n = -rank_of(s, row + class->column);

	if (class->column + rest < s->length)
		n += rank_of(s, row + class->column + rest);
	else
	{
		turns++;
		n += rank_of(s, row + class->column + rest - s->length);
	}
	if (turns != 0)
		n += turns * (rank_of(s, row + s->length) - rank_of(s, row));
	return n;
}

/* the periods of one day, from its first of the series on and before `end`; or which is number k */
static int64_t
count_in_day(const struct rr_sieve *s, int64_t first, int64_t end)
{
	int64_t n = 0;

	for (int64_t t = first; t < end; t += s->interval)
		n += rr_has(s->starts, (int) t);
	return n;
}

static int64_t
select_in_day(const struct rr_sieve *s, int64_t first, int64_t k)
{
	for (int64_t t = first;; t += s->interval)
		if (rr_has(s->starts, (int) t) && k-- == 0)
			return t;
}

/* the periods of a day whose first of the series is this */
static int64_t
weight_of(struct rr_sieve *s, int64_t first)
{
	uint32_t *weight = s->interval <= RR_WEIGHTS ? &s->weights[first] : NULL;
	int64_t n;

	if (weight != NULL && *weight != UNKNOWN)
		return *weight;
	n = count_in_day(s, first, s->unit_count);
	if (weight != NULL)
		*weight = (uint32_t) n;
	return n;
}

/*
 * How many periods since day 0 are before a day: the sum over the classes.  Those that begin before
 * `later` have one member more than the others.
 */
struct count
{
	int64_t later;
	int64_t turns[2];
	int64_t rest[2];
	int64_t n;
};

static inline void
add_class(const struct rr_sieve *s, const struct rr_class *class, int64_t weight,
		  struct count *count)
{
	int more = class->day < count->later;

	count->n += weight * permitted_of(s, class, count->turns[more], count->rest[more]);
}

/* times of day INTERVAL apart are of one class: for many times of day in few classes */
static void
count_classes(struct rr_sieve *s, struct count *count)
{
	int64_t first = s->origin % s->common;
	struct rr_class class = class_of(s, first);

	for (; first < s->interval && first < s->unit_count; first += s->common)
	{
		int64_t weight = weight_of(s, first);

		if (weight != 0)
			add_class(s, &class, weight, count);
		step_class(s, &class);
	}
}

/* by each time of day that passes */
static void
count_starts(const struct rr_sieve *s, struct count *count)
{
	struct rr_class class = { 0, 0, 0 };
	int64_t at = -1;

	for (int word = 0; word < RR_SECOND_WORDS; word++)
		for (uint64_t bits = s->starts[word]; bits != 0; bits &= bits - 1)
		{
			int64_t t = word * 64 + rr_lowest(bits);

			if (at < 0 || t - at > CLASS_STEPS * s->common)
				class = class_of(s, t);
			else
				for (; at < t; at += s->common)
					step_class(s, &class);
			at = t;
			add_class(s, &class, 1, count);
		}
}

static int64_t
count_before(struct rr_sieve *s, int64_t day)
{
	const int64_t members = day / s->cycle;
	struct count count = { day % s->cycle,
						   { members / s->length, (members + 1) / s->length },
						   { members % s->length, (members + 1) % s->length },
						   0 };

	make_layout(s);
	if (s->cycle < s->size)
		count_classes(s, &count);
	else
		count_starts(s, &count);
	return count.n;
}

/* the first period of the series in a day, or a later one */
static int64_t
first_in_day(const struct rr_sieve *s, int64_t day)
{
	return rr_floormod(s->origin - day * s->unit_count, s->interval);
}

static bool
is_permitted(const struct rr_sieve *s, int64_t day)
{
	return rr_has(s->days, (int) (day % s->era));
}

/* ---- walking ------------------------------------------------------------------------- */

/* where a search stands: k more periods are to be passed from the beginning of a day on */
struct walker
{
	int64_t day;
	int64_t k;
	int64_t found; /* the period, counted from day 0; -1: not yet */
};

/* several periods a day: day by day */
static void
walk_days(struct rr_sieve *s, struct walker *w, int64_t steps)
{
	const int64_t back = s->unit_count % s->interval;
	int64_t first = first_in_day(s, w->day);
	int64_t place = w->day % s->era;

	for (; steps > 0 && w->day < s->limit; steps--, w->day++)
	{
		if (rr_has(s->days, (int) place))
		{
			int64_t n = weight_of(s, first);

			if (w->k < n)
			{
				w->found = w->day * s->unit_count + select_in_day(s, first, w->k);
				return;
			}
			w->k -= n;
		}
		first -= back;
		first += first < 0 ? s->interval : 0;
		place = place + 1 == s->era ? 0 : place + 1;
	}
}

/* at most one a day: member by member of the series */
static void
walk_members(const struct rr_sieve *s, struct walker *w, int64_t steps)
{
	const int64_t days = s->interval / s->unit_count;
	const int64_t rest = s->interval % s->unit_count;
	const int64_t era_days = days % s->era;
	int64_t first = first_in_day(s, w->day);
	int64_t day = w->day + first / s->unit_count;
	int64_t t = first % s->unit_count;
	int64_t place = day % s->era;
	int64_t k = w->k;

	for (; steps > 0 && day < s->limit; steps--)
	{
		int64_t more;

		/* without a branch: whether it takes part can't be predicted */
		k -= (int64_t) (s->days[place / 64] >> (place % 64) & s->starts[t / 64] >> (t % 64) & 1);
		if (k < 0)
		{
			w->found = day * s->unit_count + t;
			return;
		}
		t += rest;
		more = t >= s->unit_count;
		t -= more != 0 ? s->unit_count : 0;
		day += days + more;
		place += era_days + more;
		while (place >= s->era)
			place -= s->era;
	}
	w->k = k;
	w->day = day;
}

/* hardly any day is permitted: from one to the next, up to the end */
static void
walk_permitted(struct rr_sieve *s, struct walker *w)
{
	int32_t places[SPARSE_DAYS];
	int64_t back[SPARSE_DAYS]; /* how far the first of the series goes back from the day before */
	int64_t base = w->day - w->day % s->era;
	int64_t first;
	int i = 0;
	int n = 0;

	for (int bit = rr_first_from(s->days, RR_ERA_WORDS, 0); bit >= 0;
		 bit = rr_first_from(s->days, RR_ERA_WORDS, bit + 1))
		places[n++] = bit;
	for (int k = 0; k < n; k++)
		back[k] = (places[k] - (k > 0 ? places[k - 1] : places[n - 1] - s->era)) * s->unit_count %
				  s->interval;
	while (i < n && base + places[i] < w->day)
		i++;
	base += i == n ? s->era : 0;
	i = i == n ? 0 : i;
	first = first_in_day(s, base + places[i]);
	while (base + places[i] < s->limit)
	{
		int64_t here = first >= s->unit_count ? 0 : weight_of(s, first);

		if (w->k < here)
		{
			w->found = (base + places[i]) * s->unit_count + select_in_day(s, first, w->k);
			return;
		}
		w->k -= here;
		if (++i == n)
		{
			i = 0;
			base += s->era;
		}
		first -= back[i];
		first += first < 0 ? s->interval : 0;
	}
	w->day = s->limit;
}

static void
walk(struct rr_sieve *s, struct walker *w, int64_t steps)
{
	if (s->permitted <= SPARSE_DAYS && s->era > 1)
		walk_permitted(s, w);
	else if (s->interval < s->unit_count)
		walk_days(s, w, steps);
	else
		walk_members(s, w, steps);
}

int64_t
rr_sieve_between(struct rr_sieve *s, const struct rr_phase *phase, int64_t first, int64_t end)
{
	const int64_t many = INT64_MAX / 2;
	int64_t day = rr_floordiv(first, s->unit_count) - s->day0;
	int64_t last = rr_floordiv(end, s->unit_count) - s->day0;
	struct walker w = { day, many, -1 };

	s->origin = rr_floormod(phase->origin - s->day0 * s->unit_count, s->interval);
	s->limit = last;
	if (is_permitted(s, day))
		w.k += count_in_day(s, first_in_day(s, day), first - (s->day0 + day) * s->unit_count);
	if (is_permitted(s, last))
		w.k -= count_in_day(s, first_in_day(s, last), end - (s->day0 + last) * s->unit_count);
	if (s->interval < s->unit_count)
		walk_days(s, &w, many);
	else
		walk_members(s, &w, many);
	return many - w.k;
}

/* ---- number k ------------------------------------------------------------------------ */

/* the day on which this many permitted days have passed since another one */
static int64_t
after_permitted(const struct rr_sieve *s, const struct rr_plan *plan, int64_t day, int64_t n)
{
	if (n / s->permitted > s->limit / s->era)
		return s->limit;
	return rr_nth_day(plan, s->day0 + day, n) - s->day0;
}

/*
 * Number k of the periods from day 0 on, in which the walker stands somewhere before it.  Counts
 * enclose it: it is behind w->day and before `end`.  Guesses go by the mean distance of periods, and by
 * halves where this does not help; each is followed by a walk.
 */
static int64_t
find(struct rr_sieve *s, const struct rr_plan *plan, struct walker *w, int64_t k, int64_t end)
{
	const int64_t budget = SHORT_WALK + s->size;
	const int64_t span =
		s->interval < s->unit_count ? budget : budget * (s->interval / s->unit_count);
	bool enclosed = false;
	int64_t reach = span;

	walk(s, w, SHORT_WALK);
	for (int round = 1; w->found < 0 && w->day < s->limit; round++)
	{
		/* as many days as number k needs by the mean, less half of what is walked afterwards */
		int64_t guess = after_permitted(s, plan, w->day, w->k * s->cycle / s->size) - span / 2;
		int64_t n;

		if (guess < w->day + reach)
			guess = w->day + reach;
		if (enclosed && (guess >= end || round % 3 == 0))
			guess = w->day + (end - w->day) / 2;
		if (guess > end)
			guess = end;
		n = count_before(s, guess);
		if (n > k)
		{
			end = guess;
			enclosed = true;
		}
		else
		{
			w->day = guess;
			w->k = k - n;
			reach *= 4;
		}
		walk(s, w, budget);
	}
	return w->found;
}

int64_t
rr_sieve_nth(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u, int64_t k)
{
	struct rr_sieve s;
	struct walker w = { 0, 0, -1 };
	int64_t day = rr_floordiv(u, plan->unit_count);
	int64_t found;

	sieve_make(&s, plan, phase, day);
	if (is_permitted(&s, 0))
		k += count_in_day(&s, s.origin, u - day * plan->unit_count);
	if (s.size == 0 || s.permitted == 0)
		return RR_NO_PERIOD;
	w.k = k;
	found = find(&s, plan, &w, k, s.limit);
	return found < 0 ? RR_NO_PERIOD : day * plan->unit_count + found;
}

/* the last period before a day, if it is not far from it; -1 if that is not known */
static int64_t
last_nearby(struct rr_sieve *s, int64_t end)
{
	const int64_t many = INT64_MAX / 2;
	const int64_t from = end - SHORT_WALK * (s->interval / s->unit_count + 1);
	const int64_t limit = s->limit;
	struct walker w = { from, many, -1 };

	if (from <= 0)
		return -1;
	s->limit = end;
	walk(s, &w, 2 * SHORT_WALK);
	if (w.k < many && w.day >= end)
	{
		w = (struct walker){ from, many - w.k - 1, -1 };
		walk(s, &w, 2 * SHORT_WALK);
	}
	s->limit = limit;
	return w.found;
}

int64_t
rr_sieve_upto(const struct rr_plan *plan, const struct rr_phase *phase, int64_t first, int64_t u)
{
	struct rr_sieve s;
	struct walker w = { 0, 0, -1 };
	int64_t day = rr_floordiv(first, plan->unit_count);
	int64_t last = rr_floordiv(u, plan->unit_count) - day;
	int64_t before;
	int64_t n;

	sieve_make(&s, plan, phase, day);
	if (s.size == 0 || s.permitted == 0)
		return RR_NO_PERIOD;
	n = last > 0 && is_permitted(&s, last)
			? count_in_day(&s, first_in_day(&s, last), u + 1 - (day + last) * plan->unit_count)
			: 0;
	if (n > 0)
		return (day + last) * plan->unit_count + select_in_day(&s, first_in_day(&s, last), n - 1);
	n = last_nearby(&s, last);
	if (n >= 0)
		return day * plan->unit_count + n;
	before = is_permitted(&s, 0) ? count_in_day(&s, s.origin, first - day * plan->unit_count) : 0;
	n = count_before(&s, last);
	if (is_permitted(&s, last))
		n += count_in_day(&s, first_in_day(&s, last), u + 1 - (day + last) * plan->unit_count);
	if (n == before)
		return RR_NO_PERIOD;
	/* the last of them is usually not far from the end */
	for (int64_t reach = SHORT_WALK * (plan->interval / plan->unit_count + 1); reach < last;
		 reach *= 16)
	{
		int64_t k = count_before(&s, last - reach);

		if (k < n)
		{
			w.day = last - reach;
			w.k = n - 1 - k;
			break;
		}
	}
	if (w.day == 0)
		w.k = n - 1;
	return day * plan->unit_count + find(&s, plan, &w, n - 1, last + 1);
}
