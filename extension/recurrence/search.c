/*
 * search.c
 *		Number k of the periods that series and filters have in common, the first and the last of them,
 *		by the sieve.
 *
 * A short walk finds what is near.  Else the first and the last follow from those of the classes
 * (sieve.c), and number k is enclosed by counts and walked to at the end.  For rules that hardly ever
 * match (subday.c, expand.c) and COUNT (subcount.c, elapsed.c).
 */
#include "sieve.h"

#include <string.h>

/* what is walked at least before calculating */
#define SHORT_WALK 2048
/* what is counted by walking at most */
#define LONG_WALK 150000

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
	int64_t first = rr_sieve_first_of_day(s, w->day);
	int64_t place = w->day % s->era;

	for (; steps > 0 && w->day < s->limit; steps--, w->day++)
	{
		if (rr_has(s->days, (int) place))
		{
			int64_t n = rr_sieve_weight(s, first);

			if (w->k < n)
			{
				w->found = w->day * s->unit_count + rr_sieve_select_day(s, first, w->k);
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
	int64_t first = rr_sieve_first_of_day(s, w->day);
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

static void
walk(struct rr_sieve *s, struct walker *w, int64_t steps)
{
	if (rr_sieve_is_sparse(s))
	{
		/* to the end */
		w->found = rr_sparse_nth(s, w->day, w->k);
		w->day = s->limit;
	}
	else if (s->interval < s->unit_count)
		walk_days(s, w, steps);
	else
		walk_members(s, w, steps);
}

/*
 * The periods of a day before a time of it.  Spans begin and end at a few times of day, so the same is asked
 * again and again.
 */
static int64_t
count_part(struct rr_sieve *s, int64_t first, int64_t end)
{
	struct rr_part *part = s->parts;

	if (s->interval == 1 || s->interval > RR_PART_FIRSTS || first >= end)
		return rr_sieve_count_day(s, first, end);
	while (part < s->parts + RR_PARTS && part->end != end)
		part++;
	if (part == s->parts + RR_PARTS)
	{
		part = &s->parts[s->next_part];
		s->next_part = (s->next_part + 1) % RR_PARTS;
		part->end = end;
		part->misses = 0;
		memset(part->counts, 0xff, sizeof(part->counts));
	}
	return rr_sieve_known_day(s, first, end, part->counts, &part->misses);
}

/* by calculation, of a sieve made for the phase, whose day 0 is before `first` */
static int64_t
count_before(struct rr_sieve *s, int64_t u)
{
	const int64_t day = rr_floordiv(u, s->unit_count);
	int64_t n = rr_sieve_before(s, day - s->day0);

	if (rr_sieve_permits(s, day - s->day0))
		n +=
			rr_sieve_count_day(s, rr_sieve_first_of_day(s, day - s->day0), u - day * s->unit_count);
	return n;
}

static int64_t
calculate_between(struct rr_sieve *s, const struct rr_plan *plan, const struct rr_phase *phase,
				  int64_t first, int64_t end)
{
	const int64_t day0 = s->day0;
	int64_t n = 0;

	rr_sieve_make(s, plan, phase, day0, false);
	if (s->size > 0 && s->permitted > 0)
		n = count_before(s, end) - count_before(s, first);
	rr_sieve_open(s, plan, day0);
	return n;
}

int64_t
rr_sieve_between(struct rr_sieve *s, const struct rr_plan *plan, const struct rr_phase *phase,
				 int64_t first, int64_t end)
{
	const int64_t many = INT64_MAX / 2;
	int64_t day = rr_floordiv(first, s->unit_count) - s->day0;
	int64_t last = rr_floordiv(end, s->unit_count) - s->day0;
	struct walker w = { day, many, -1 };

	if ((end - first) / (s->interval > s->unit_count ? s->interval : s->unit_count) > LONG_WALK)
		return calculate_between(s, plan, phase, first, end);
	s->origin = rr_floormod(phase->origin - s->day0 * s->unit_count, s->interval);
	s->limit = last;
	if (rr_sieve_permits(s, day))
		w.k +=
			count_part(s, rr_sieve_first_of_day(s, day), first - (s->day0 + day) * s->unit_count);
	if (rr_sieve_permits(s, last))
		w.k -=
			count_part(s, rr_sieve_first_of_day(s, last), end - (s->day0 + last) * s->unit_count);
	if (s->interval < s->unit_count)
		walk_days(s, &w, many);
	else
		walk_members(s, &w, many);
	return many - w.k;
}

/* ---- number k ------------------------------------------------------------------------ */

double
rr_sieve_mean(const struct rr_sieve *s, int64_t periods)
{
	return (double) periods * (double) s->cycle * (double) s->era /
		   ((double) s->size * (double) s->permitted);
}

/* the day on which this many permitted days have passed since another one */
static int64_t
after_permitted(const struct rr_sieve *s, const struct rr_plan *plan, int64_t day, int64_t n)
{
	if (n / s->permitted > s->limit / s->era)
		return s->limit;
	return rr_nth_day(plan, s->day0 + day, n) - s->day0;
}

/* estimates are taken as they are from the lower sum on, or stretched to meet the upper one */
int64_t
rr_guess(const struct rr_bracket *b, int64_t wanted, int64_t span, rr_estimate estimate,
		 const void *context)
{
	const double first = estimate(context, b->day);
	double more = (double) (wanted - b->n);
	int64_t lo = b->day;
	int64_t hi = b->end;

	if (b->end_n >= 0)
	{
		const double all = estimate(context, b->end) - first;

		/* a sample that has missed them all */
		if (all <= 0)
			return lo + (hi - lo) / 2;
		more *= all / (double) (b->end_n - b->n);
	}
	while (hi - lo > span)
	{
		int64_t middle = lo + (hi - lo) / 2;

		if (estimate(context, middle) - first > more)
			hi = middle;
		else
			lo = middle;
	}
	return lo;
}

/* is this day, by the mean, so near that the estimate need not tell otherwise?  Three deviations are chance */
bool
rr_mean_serves(const struct rr_bracket *b, int64_t wanted, int64_t day, double scale,
			   rr_estimate estimate, const void *context)
{
	const double more = (double) (wanted - b->n);
	double error;

	if (b->end_n >= 0 || day >= b->end)
		return false;
	error = estimate(context, day) - estimate(context, b->day) - more;
	return error * error < 9 * scale * more;
}

struct sampled
{
	const struct rr_sieve *s;
	struct rr_sample sample;
};

static double
estimate_before(const void *context, int64_t day)
{
	const struct sampled *sampled = context;

	return rr_sieve_estimate(sampled->s, &sampled->s->layout, &sampled->sample, day);
}

/* the days that are walked in so many steps */
static int64_t
walked_by(const struct rr_sieve *s, int64_t steps)
{
	return s->interval < s->unit_count ? steps : steps * (s->interval / s->unit_count);
}

/* as far as to number k, where that is likely to come before a sum would pay */
static int64_t
walk_budget(const struct rr_sieve *s, int64_t k)
{
	const int64_t budget = SHORT_WALK + s->size;

	return rr_sieve_mean(s, k) < (double) walked_by(s, budget) ? budget : SHORT_WALK;
}

/*
 * Number k of the periods from day 0 on, in which the walker stands somewhere before it.  Sums
 * enclose it; each is followed by a walk.
 */
static int64_t
find(struct rr_sieve *s, const struct rr_plan *plan, struct walker *w, int64_t k)
{
	const int64_t budget = SHORT_WALK + s->size;
	const int64_t span = walked_by(s, budget);
	struct rr_bracket b = { 0, 0, s->limit, -1 };
	struct sampled sampled = { .s = s };

	walk(s, w, walk_budget(s, w->k));
	if (w->found >= 0 || w->day >= s->limit)
		return w->found;
	rr_sieve_sample(s, &sampled.sample);
	for (int round = 1; w->found < 0 && w->day < s->limit; round++)
	{
		int64_t to = after_permitted(s, plan, w->day, w->k * s->cycle / s->size);

		b.day = w->day;
		b.n = k - w->k;
		if (!rr_mean_serves(&b, k, to, sampled.sample.scale, estimate_before, &sampled))
			to = rr_guess(&b, k, span / 8, estimate_before, &sampled);
		/* less half of what is walked afterwards; by halves where this does not help */
		to = round % 4 == 0 ? b.day + (b.end - b.day) / 2 : to - span / 2;
		if (to > b.day && to < b.end)
		{
			int64_t n = rr_sieve_before(s, to);

			if (n > k)
			{
				b.end = to;
				b.end_n = n;
			}
			else
			{
				w->day = to;
				w->k = k - n;
			}
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

	rr_sieve_make(&s, plan, phase, day, false);
	if (rr_sieve_permits(&s, 0))
		k += rr_sieve_count_day(&s, s.origin, u - day * plan->unit_count);
	if (s.size == 0 || s.permitted == 0)
		return RR_NO_PERIOD;
	w.k = k;
	found = find(&s, plan, &w, k);
	return found < 0 ? RR_NO_PERIOD : day * plan->unit_count + found;
}

bool
rr_sieve_at_most(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u, int64_t end,
				 int64_t k)
{
	struct rr_sieve s;
	struct walker w = { 0, 0, -1 };
	const int64_t day = rr_floordiv(u, plan->unit_count);

	if ((end - u) / plan->interval < k)
		return true;
	rr_sieve_make(&s, plan, phase, day, false);
	if (s.size == 0 || s.permitted == 0)
		return true;
	if (rr_sieve_permits(&s, 0))
		k += rr_sieve_count_day(&s, s.origin, u - day * plan->unit_count);
	w.k = k;
	s.limit = rr_floordiv(end, plan->unit_count) - day + 1;
	walk(&s, &w, walk_budget(&s, k));
	if (w.found >= 0)
		return day * plan->unit_count + w.found >= end;
	return w.day >= s.limit || count_before(&s, end) <= k;
}

/* ---- the first and the last ------------------------------------------------------------ */

int64_t
rr_sieve_from(const struct rr_plan *plan, const struct rr_phase *phase, int64_t u)
{
	struct rr_sieve s;
	struct walker w = { 0, 0, -1 };
	int64_t day = rr_floordiv(u, plan->unit_count);

	rr_sieve_make(&s, plan, phase, day, false);
	if (s.size == 0 || s.permitted == 0)
		return RR_NO_PERIOD;
	if (rr_sieve_permits(&s, 0))
		w.k = rr_sieve_count_day(&s, s.origin, u - day * plan->unit_count);
	walk(&s, &w, SHORT_WALK);
	if (w.found < 0)
	{
		w.day = rr_sieve_day_from(&s, w.day, s.limit);
		if (w.day >= s.limit)
			return RR_NO_PERIOD;
		w.found =
			w.day * s.unit_count + rr_sieve_select_day(&s, rr_sieve_first_of_day(&s, w.day), 0);
	}
	return day * plan->unit_count + w.found;
}

/* the last period before a day, if it is not far from it; -1 if that is not known */
static int64_t
last_nearby(struct rr_sieve *s, int64_t end)
{
	const int64_t many = INT64_MAX / 2;
	const int64_t from = end - SHORT_WALK * (s->interval / s->unit_count + 1);
	const int64_t limit = s->limit;
	struct walker w = { from, many, -1 };

	if (from <= 0 || rr_sieve_is_sparse(s))
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
	int64_t day = rr_floordiv(first, plan->unit_count);
	int64_t last = rr_floordiv(u, plan->unit_count) - day;
	int64_t end = u + 1 - (day + last) * plan->unit_count;
	int64_t begin;
	int64_t n;

	rr_sieve_make(&s, plan, phase, day, false);
	if (s.size == 0 || s.permitted == 0)
		return RR_NO_PERIOD;
	begin = rr_sieve_first_of_day(&s, last);
	n = rr_sieve_permits(&s, last) ? rr_sieve_count_day(&s, begin, end) : 0;
	if (n == 0)
	{
		int64_t nearby = last_nearby(&s, last);

		if (nearby >= 0)
			return day * plan->unit_count + nearby;
		last = rr_sieve_day_upto(&s, 0, last - 1);
		if (last < 0)
			return RR_NO_PERIOD;
		begin = rr_sieve_first_of_day(&s, last);
		n = rr_sieve_count_day(&s, begin, plan->unit_count);
	}
	u = (day + last) * plan->unit_count + rr_sieve_select_day(&s, begin, n - 1);
	return u < first ? RR_NO_PERIOD : u;
}
