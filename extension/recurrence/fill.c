/*
 * fill.c
 *		Runs of occurrences: what rr_next would give one after the other, a period at a time.
 *
 * The state of a period (its days, its place in the series) is kept from one occurrence to the
 * next, so that a run costs a step through a bitmap for each.  Plans whose dates SKIP moves over
 * borders of periods go by rr_next.
 */
#include "plan.h"

#include "bits.h"
#include "civil.h"
#include "times.h"

/* where the occurrences go; nothing is taken in beyond hi or once it is full */
struct batch
{
	int64_t *out;
	int n;
	int size;
	int64_t lo;
	int64_t lo_day; /* the day of lo: of its times only those at or after it */
	int64_t hi;
};

static inline bool
is_full(const struct batch *batch)
{
	return batch->n == batch->size;
}

/* one by one, for what has no faster way */
static void
fill_by_next(const struct rr_plan *plan, struct batch *batch)
{
	int64_t lo = batch->lo;
	int64_t t;

	for (; !is_full(batch) && rr_next(plan, lo, &t) && t <= batch->hi; lo = t + 1)
		batch->out[batch->n++] = t;
}

static void
fill_subday(const struct rr_plan *plan, struct batch *batch)
{
	const struct rr_phase phase = rr_phase_of(plan);
	int64_t lo = batch->lo;
	int64_t t;

	for (; !is_full(batch) && rr_subday_next(plan, &phase, lo, &t) && t <= batch->hi; lo = t + 1)
		batch->out[batch->n++] = t;
}

static void
fill_by_step(struct batch *batch, int64_t first, int64_t step)
{
	int64_t t = batch->lo <= first ? first : first + (batch->lo - first + step - 1) / step * step;
	int64_t n = t <= batch->hi ? (batch->hi - t) / step + 1 : 0;

	if (n > batch->size)
		n = batch->size;
	for (; batch->n < n; t += step)
		batch->out[batch->n++] = t;
}

/* the times of one day, from a second of it on */
static void
fill_day(const struct rr_plan *plan, int64_t day, int from, struct batch *batch)
{
	int64_t start = day * RR_DAY_SECONDS;

	for (int time = from < RR_DAY_SECONDS ? rr_time_from(&plan->times, from) : -1;
		 time >= 0 && start + time <= batch->hi && !is_full(batch);
		 time = time < plan->times.last ? rr_time_from(&plan->times, time + 1) : -1)
		batch->out[batch->n++] = start + time;
}

/* the days of one period */
static void
fill_days(const struct rr_plan *plan, const struct rr_days *days, struct batch *batch)
{
	const int64_t before = batch->lo_day - days->base;
	const int64_t last = batch->hi - plan->times.first;
	const uint64_t *bits = days->bits;
	const int words = days->words;
	int i = before <= 0 ? 0 : (int) (before / 64);
	uint64_t rest = i < words ? bits[i] : 0;

	if (before > 0)
		rest &= ~rr_below((int) (before % 64));
	while (!is_full(batch))
	{
		int64_t day;
		int64_t start;

		while (rest == 0)
		{
			if (++i >= words)
				return;
			rest = bits[i];
		}
		day = days->base + 64 * i + rr_lowest(rest);
		start = day * RR_DAY_SECONDS;
		if (start > last)
			return;
		rest &= rest - 1;
		if (day == batch->lo_day)
			fill_day(plan, day, (int) (batch->lo - start), batch);
		else if (plan->times.n > 1)
			fill_day(plan, day, 0, batch);
		else
			batch->out[batch->n++] = start + plan->times.first;
	}
}

static void
fill_places(const struct rr_plan *plan, const struct rr_days *days, struct batch *batch)
{
	int64_t n = rr_element_count(plan, days);
	int64_t rank = rr_element_rank(plan, days, batch->lo);

	while (rank < n && !is_full(batch) && (rank = rr_setpos_from(&plan->setpos, n, rank)) >= 0)
	{
		int64_t t = rr_element_at(plan, days, rank++);

		if (t > batch->hi)
			return;
		batch->out[batch->n++] = t;
	}
}

static void
fill_by_periods(const struct rr_plan *plan, struct batch *batch)
{
	int64_t period = rr_series_from(plan, rr_period_of(plan, batch->lo_day));
	int64_t last = rr_period_of(plan, rr_floordiv(batch->hi, RR_DAY_SECONDS));
	int64_t limit = period + plan->reach;

	for (; period <= last && period <= limit && !is_full(batch);
		 period = rr_step_forward(plan, period))
	{
		struct rr_days days;
		int before = batch->n;

		rr_days_of(plan, period, &days);
		if (days.words == 0)
			continue;
		if (plan->by_setpos)
			fill_places(plan, &days, batch);
		else
			fill_days(plan, &days, batch);
		if (batch->n > before)
			limit = period + plan->reach;
	}
}

/* how many of the batch are no more than COUNT permits */
static int
permitted_by_count(const struct rr_plan *plan, const struct batch *batch)
{
	int n = batch->n;
	int64_t end;

	if (n == 0 || rr_count_permits(plan, batch->out[n - 1]))
		return n;
	for (end = rr_count_end(plan); n > 0 && batch->out[n - 1] > end;)
		n--;
	return n;
}

int
rr_fill(const struct rr_plan *plan, int64_t lo, int64_t hi, int64_t *out, int n)
{
	struct batch batch = { out, 0, n, lo, 0, hi };

	if (batch.lo <= plan->dtstart)
	{
		batch.lo = plan->dtstart;
		if (plan->with_start && n > 0 && hi >= plan->dtstart)
		{
			out[0] = plan->dtstart;
			return 1 + rr_fill(plan, plan->dtstart + 1, hi, out + 1, n - 1);
		}
	}
	if (batch.hi > plan->until)
		batch.hi = plan->until;
	if (plan->empty || batch.lo > batch.hi)
		return 0;
	batch.lo_day = rr_floordiv(batch.lo, RR_DAY_SECONDS);
	if (plan->unit == RR_UNIT_TIME && rr_subday_is_single(plan))
		fill_by_step(&batch, plan->dtstart, (int64_t) plan->interval * plan->unit_seconds);
	else if (plan->unit == RR_UNIT_TIME)
		fill_subday(plan, &batch);
	else if (plan->spills)
		fill_by_next(plan, &batch);
	else if (plan->unit == RR_UNIT_DAY && !plan->filtered && !plan->by_setpos && plan->times.n == 1)
		fill_by_step(&batch, plan->origin * RR_DAY_SECONDS + plan->times.first,
					 plan->interval * RR_DAY_SECONDS);
	else
		fill_by_periods(plan, &batch);
	return permitted_by_count(plan, &batch);
}
