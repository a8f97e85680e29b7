/*
 * elapsed.c
 *		FREQ=HOURLY, MINUTELY and SECONDLY of a zone in elapsed time.
 *
 * Inside a span of constant offset the series is the one that starts at DTSTART's instant as
 * this span's clock shows it: what passes between occurrences is real time, and the parts that
 * filter ask the clock.  Every instant belongs to one span, so nothing is doubled, nothing lost.
 *
 * Spans are visited one after the other, but for those in which no day is permitted.  After
 * CHANGES_LIMIT of them (five hundred years) the clock is taken not to change any more: this
 * bounds the work for rules that hardly ever meet their filters.
 */
#include "plan.h"

#include "civil.h"

#define CHANGES_LIMIT 1024
/* a COUNT whose periods must be walked is counted span by span up to here */
#define COUNT_LIMIT 10000

/* the phase of one span, and nothing outside of it */
static struct rr_phase
phase_in(const struct rr_plan *plan, const struct rr_span *span)
{
	struct rr_phase phase = rr_phase_at(plan, span->offset);

	if (span->end != INT64_MAX && span->end + span->offset <= phase.until)
		phase.until = span->end + span->offset - 1;
	if (span->start != INT64_MIN && span->start + span->offset > phase.dtstart)
		phase.dtstart = span->start + span->offset;
	return phase;
}

/* known for the phase of DTSTART, which is every phase of a zone without changes */
static bool
never(const struct rr_plan *plan, const struct rr_phase *phase, int64_t offset)
{
	return offset == plan->start_offset ? plan->never : rr_phase_never(plan, phase);
}

/*
 * Where to go on after or before a span: its neighbour, or a later one if no day is permitted
 * before.  A clock shows a day at most one day before or after UTC does.
 */
static int64_t
behind(const struct rr_plan *plan, const struct rr_span *span)
{
	int64_t day;

	if (!plan->filtered)
		return span->end;
	day = rr_permitted_from(plan, rr_floordiv(span->end, RR_DAY_SECONDS) - 1);
	day = (day - 1) * RR_DAY_SECONDS;
	return day > span->end ? day : span->end;
}

static int64_t
before(const struct rr_plan *plan, const struct rr_span *span)
{
	int64_t day;

	if (!plan->filtered)
		return span->start - 1;
	day = rr_permitted_upto(plan, rr_floordiv(span->start, RR_DAY_SECONDS) + 1);
	day = (day + 2) * RR_DAY_SECONDS;
	return day < span->start ? day : span->start - 1;
}

bool
rr_elapsed_next(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo, int64_t *found)
{
	if (lo <= plan->start_instant)
	{
		lo = *found = plan->start_instant;
		if (plan->with_start)
			return lo <= plan->until_instant;
	}
	for (int n = 0; !plan->empty && lo <= plan->until_instant && lo <= RR_TIME_MAX; n++)
	{
		struct rr_span span;
		struct rr_phase phase;
		int64_t civil;

		zone->span(zone->context, lo, &span);
		if (n == CHANGES_LIMIT)
			span.end = INT64_MAX;
		phase = phase_in(plan, &span);
		if (span.end == INT64_MAX && never(plan, &phase, span.offset))
			return false;
		if (rr_subday_next(plan, &phase, lo + span.offset, &civil))
		{
			*found = civil - span.offset;
			return *found <= plan->until_instant;
		}
		if (span.end == INT64_MAX)
			return false;
		lo = behind(plan, &span);
	}
	return false;
}

/* one span decides, and its search looks no farther than at */
bool
rr_elapsed_contains(const struct rr_plan *plan, const struct rr_zone *zone, int64_t at)
{
	struct rr_span span;
	struct rr_phase phase;
	int64_t civil;

	if (plan->with_start && at == plan->start_instant)
		return at <= plan->until_instant;
	if (plan->empty || at < plan->start_instant || at > plan->until_instant)
		return false;
	zone->span(zone->context, at, &span);
	phase = phase_in(plan, &span);
	if (phase.until > at + span.offset)
		phase.until = at + span.offset;
	return rr_subday_next(plan, &phase, at + span.offset, &civil);
}

static bool
previous_by_rule(const struct rr_plan *plan, const struct rr_zone *zone, int64_t hi, int64_t *found)
{
	if (hi > RR_TIME_MAX)
		hi = RR_TIME_MAX;
	for (int n = 0; !plan->empty && hi >= plan->start_instant; n++)
	{
		struct rr_span span;
		struct rr_phase phase;
		int64_t civil;

		zone->span(zone->context, hi, &span);
		if (n == CHANGES_LIMIT)
			span.start = INT64_MIN;
		phase = phase_in(plan, &span);
		if (span.start == INT64_MIN && never(plan, &phase, span.offset))
			return false;
		if (rr_subday_previous(plan, &phase, hi + span.offset, &civil))
		{
			*found = civil - span.offset;
			return *found >= plan->start_instant;
		}
		if (span.start == INT64_MIN)
			return false;
		hi = before(plan, &span);
	}
	return false;
}

bool
rr_elapsed_previous(const struct rr_plan *plan, const struct rr_zone *zone, int64_t hi,
					int64_t *found)
{
	if (hi > plan->until_instant)
		hi = plan->until_instant;
	if (previous_by_rule(plan, zone, hi, found))
		return true;
	*found = plan->start_instant;
	return plan->with_start && hi >= plan->start_instant;
}

/* the instant of occurrence number COUNT */
static int64_t
until_of_count(const struct rr_plan *plan, const struct rr_zone *zone)
{
	const bool walked = !rr_subday_is_summed(plan);
	const int64_t count = plan->count - (plan->with_start ? 1 : 0);
	int64_t wanted = count;
	int64_t lo = plan->start_instant;
	struct rr_span span;
	struct rr_phase phase;

	for (int n = 0; lo <= RR_TIME_MAX; n++)
	{
		int64_t here;

		zone->span(zone->context, lo, &span);
		if (n == CHANGES_LIMIT || (walked && count - wanted > COUNT_LIMIT) ||
			rr_subday_is_single(plan))
			span.end = INT64_MAX;
		phase = phase_in(plan, &span);
		if (span.end == INT64_MAX)
			break;
		here = rr_subday_count(plan, &phase, lo + span.offset, span.end + span.offset);
		if (wanted <= here)
			break;
		wanted -= here;
		lo = behind(plan, &span);
	}
	if (lo > RR_TIME_MAX || (span.end == INT64_MAX && never(plan, &phase, span.offset)))
		return INT64_MAX;
	return rr_subday_nth(plan, &phase, lo + span.offset, wanted) - span.offset;
}

void
rr_plan_elapse(struct rr_plan *plan, const struct rr_zone *zone)
{
	if (plan->unit != RR_UNIT_TIME)
		return;
	plan->elapsed = true;
	plan->start_instant = rr_to_instant(zone, plan->dtstart);
	/* not the offset that holds there, if DTSTART is in a gap: the one that it was read with */
	plan->start_offset = plan->dtstart - plan->start_instant;
	/* other phases may meet the filters where this one does not */
	plan->empty = plan->no_elements;
	if (plan->count != 0)
		plan->until = RR_TIME_MAX;
	plan->with_start = false;
	plan->with_start = plan->wants_start && plan->dtstart <= plan->until &&
					   !rr_elapsed_contains(plan, zone, plan->start_instant);
	if (plan->with_start && plan->count == 1)
	{
		plan->empty = true;
		plan->until_instant = plan->start_instant;
	}
	if (plan->count != 0 && !plan->empty)
		plan->until_instant = until_of_count(plan, zone);
}
