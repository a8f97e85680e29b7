/*
 * sparse.c
 *		A sieve in which hardly any day is permitted, as where only 29 February on a Monday is: from one of
 *		these days to the next or back, up to the end of time.
 *
 * The period of the series with which a day begins goes back by as much as the days between hold,
 * modulo INTERVAL; so a step is an addition.
 */
#include "sieve.h"

struct stroll
{
	int64_t base; /* of the era, and the number of the day in it */
	int i;
	int n;
	int64_t first; /* the first period of the series in this day, or a later one */
	int32_t places[RR_SPARSE_DAYS];
	int64_t back[RR_SPARSE_DAYS]; /* what `first` goes back by from the permitted day before */
};

static int64_t
day_of(const struct stroll *a)
{
	return a->base + a->places[a->i];
}

/* at the first permitted day from this one on */
static void
start_at(const struct rr_sieve *s, struct stroll *a, int64_t day)
{
	a->n = 0;
	for (int bit = rr_first_from(s->days, RR_ERA_WORDS, 0); bit >= 0;
		 bit = rr_first_from(s->days, RR_ERA_WORDS, bit + 1))
		a->places[a->n++] = bit;
	for (int k = 0; k < a->n; k++)
		a->back[k] = (a->places[k] - (k > 0 ? a->places[k - 1] : a->places[a->n - 1] - s->era)) *
					 s->unit_count % s->interval;
	a->base = day - rr_floormod(day, s->era);
	a->i = 0;
	while (a->i < a->n && day_of(a) < day)
		a->i++;
	a->base += a->i == a->n ? s->era : 0;
	a->i = a->i == a->n ? 0 : a->i;
	a->first = rr_sieve_first_of_day(s, day_of(a));
}

static inline void
step_forward(const struct rr_sieve *s, struct stroll *a)
{
	if (++a->i == a->n)
	{
		a->i = 0;
		a->base += s->era;
	}
	a->first -= a->back[a->i];
	a->first += a->first < 0 ? s->interval : 0;
}

static inline void
step_back(const struct rr_sieve *s, struct stroll *a)
{
	a->first += a->back[a->i];
	a->first -= a->first >= s->interval ? s->interval : 0;
	if (--a->i < 0)
	{
		a->i = a->n - 1;
		a->base -= s->era;
	}
}

/* the periods of this day */
static inline int64_t
periods(struct rr_sieve *s, const struct stroll *a)
{
	return a->first >= s->unit_count ? 0 : rr_sieve_weight(s, a->first);
}

int64_t
rr_sparse_nth(struct rr_sieve *s, int64_t from, int64_t k)
{
	struct stroll a;

	for (start_at(s, &a, from); day_of(&a) < s->limit; step_forward(s, &a))
	{
		int64_t here = periods(s, &a);

		if (k < here)
			return day_of(&a) * s->unit_count + rr_sieve_select_day(s, a.first, k);
		k -= here;
	}
	return -1;
}

int64_t
rr_sparse_day_from(struct rr_sieve *s, int64_t from, int64_t end)
{
	struct stroll a;

	for (start_at(s, &a, from); day_of(&a) < end; step_forward(s, &a))
		if (periods(s, &a) > 0)
			return day_of(&a);
	return end;
}

int64_t
rr_sparse_day_upto(struct rr_sieve *s, int64_t first, int64_t upto)
{
	struct stroll a;

	start_at(s, &a, upto + 1);
	for (step_back(s, &a); day_of(&a) >= first; step_back(s, &a))
		if (periods(s, &a) > 0)
			return day_of(&a);
	return first - 1;
}

int64_t
rr_sparse_before(struct rr_sieve *s, int64_t day)
{
	struct stroll a;
	int64_t n = 0;

	for (start_at(s, &a, 0); day_of(&a) < day; step_forward(s, &a))
		n += periods(s, &a);
	return n;
}
