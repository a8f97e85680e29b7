/*
 * elapsed.c
 *		FREQ=HOURLY, MINUTELY and SECONDLY of a zone in elapsed time.
 *
 * Inside a span of constant offset the series is the one that starts at DTSTART's instant as
 * this span's clock shows it: what passes between occurrences is real time, and the parts that
 * filter ask the clock.  Every instant belongs to one span, so nothing is doubled, nothing lost.
 *
 * Spans are visited one after the other, but for those in which no day is permitted.  Where some hundred
 * hold nothing, and for long COUNTs, the rest is calculated by the zone's pattern of 400 years (pattern.c).
 * All of this is exact to the end of time; for a zone without such a pattern it goes on from span to span.
 */
#include "sieve.h"

#include <limits.h>

/* after so many spans without an occurrence it is asked whether their offset has any, */
#define ASK_AFTER 2
#define OFFSETS   8
/* and after so many when its next one is, were it in force for ever; that pays if it is at least so far, in seconds */
#define LOOK_AFTER 8
#define WELL_AHEAD (INT64_C(8) * 366 * RR_DAY_SECONDS)
#define LOOKS      2
/* after so many more it is calculated what the next span with an occurrence is, once the zone allows it */
#define CALCULATE_AFTER 512
/* COUNT: likewise, by estimates; and after so many more, if these were wrong, surely */
#define AHEAD_AFTER  64
#define SURELY_AFTER 1024
/* and to an instant that is at least so many seconds ahead */
#define FAR (INT64_C(30) * 366 * RR_DAY_SECONDS)
/* what is behind the beginning of a search by then, in seconds */
#define MARGIN (4 * RR_DAY_SECONDS)

static bool count_permits(const struct rr_plan *plan, const struct rr_zone *zone, int64_t at);
static int64_t until_of_count(const struct rr_plan *plan, const struct rr_zone *zone);

static int64_t
larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

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

/* the offsets at which series and filters never meet, as far as it has been asked */
struct asked
{
	int n;
	int64_t offset[OFFSETS];
	bool never[OFFSETS];
};

/* need this span be searched?  Deciding costs as much as searching some, so it has to pay */
static bool
is_void(const struct rr_plan *plan, const struct rr_phase *phase, int64_t offset, int spans,
		struct asked *asked)
{
	if (spans < ASK_AFTER)
		return false;
	for (int i = 0; i < asked->n; i++)
		if (asked->offset[i] == offset)
			return asked->never[i];
	if (asked->n == OFFSETS)
		return false;
	asked->offset[asked->n] = offset;
	asked->never[asked->n] = never(plan, phase, offset);
	return asked->never[asked->n++];
}

/* what has been seen of the occurrences of offsets ahead */
struct seen
{
	int n;
	int64_t offset[OFFSETS];
	int64_t next[OFFSETS];
	int near[OFFSETS]; /* how often it did not pay */
};

/* what is known of an offset, or a new place for it; -1: there are too many */
static int
seen_of(struct seen *seen, int64_t offset)
{
	for (int i = 0; i < seen->n; i++)
		if (seen->offset[i] == offset)
			return i;
	if (seen->n == OFFSETS)
		return -1;
	seen->offset[seen->n] = offset;
	seen->next[seen->n] = INT64_MIN;
	seen->near[seen->n] = 0;
	return seen->n++;
}

static bool
next_in_phase(const struct rr_plan *plan, const struct rr_phase *phase, int64_t lo, int64_t offset,
			  int64_t *found)
{
	int64_t civil;

	if (!rr_subday_next(plan, phase, lo + offset, &civil))
		return false;
	*found = civil - offset;
	return true;
}

/*
 * The first occurrence of a span, of which this is the phase.  Where a series drifts slowly against the times of day
 * each of many spans would be gone through in vain; so it is asked once for all spans of an offset.  Where days are
 * filtered as well, to look so far may take longer.
 */
static bool
next_in_span(const struct rr_plan *plan, const struct rr_span *span, const struct rr_phase *phase,
			 int64_t lo, int spans, struct seen *seen, int64_t *found)
{
	const int i = spans < LOOK_AFTER || plan->filtered ? -1 : seen_of(seen, span->offset);

	if (i < 0 || (seen->next[i] < lo && seen->near[i] == LOOKS))
		return next_in_phase(plan, phase, lo, span->offset, found);
	if (seen->next[i] < lo)
	{
		const struct rr_phase whole = rr_phase_at(plan, span->offset);

		if (!next_in_phase(plan, &whole, lo, span->offset, &seen->next[i]))
			seen->next[i] = INT64_MAX;
		if (seen->next[i] < lo + WELL_AHEAD)
			seen->near[i]++;
	}
	*found = seen->next[i];
	return *found < span->end;
}

/*
 * Where to go on after or before a span: its neighbour, or a later one if no day is permitted
 * before, or no period of the series begins there.  A clock shows a day at most one day before or
 * after UTC does; periods of the series hold what is INTERVAL times their length from DTSTART.
 */
static int64_t
behind(const struct rr_plan *plan, const struct rr_span *span)
{
	const int64_t unit = plan->unit_seconds;
	const int64_t step = unit * plan->interval;
	int64_t from = span->end;
	int64_t k;

	if (plan->filtered)
	{
		int64_t day = rr_permitted_from(plan, rr_floordiv(from, RR_DAY_SECONDS) - 1);

		from = larger(from, (day - 1) * RR_DAY_SECONDS);
	}
	k = rr_floordiv(from - plan->start_instant - unit, step) + 1;
	return larger(from, plan->start_instant + k * step - unit);
}

static int64_t
before(const struct rr_plan *plan, const struct rr_span *span)
{
	const int64_t unit = plan->unit_seconds;
	const int64_t step = unit * plan->interval;
	int64_t upto = span->start - 1;
	int64_t k;

	if (plan->filtered)
	{
		int64_t day = rr_permitted_upto(plan, rr_floordiv(upto, RR_DAY_SECONDS) + 1);

		upto = smaller(upto, (day + 2) * RR_DAY_SECONDS);
	}
	k = rr_floordiv(upto - plan->start_instant + unit, step);
	return smaller(upto, plan->start_instant + k * step + unit);
}

static bool
next_by_rule(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo, int64_t *found)
{
	struct asked asked = { .n = 0 };
	struct seen seen = { .n = 0 };
	bool calculated = false;
	int64_t since;
	int64_t next;

	if (lo <= plan->start_instant)
	{
		lo = *found = plan->start_instant;
		if (plan->with_start)
			return lo <= plan->until_instant;
	}
	since = lo;
	for (int n = 0; !plan->empty && lo <= plan->until_instant && lo <= RR_TIME_MAX; n++)
	{
		struct rr_span span;
		struct rr_phase phase;

		zone->span(zone->context, lo, &span);
		phase = phase_in(plan, &span);
		if (span.end == INT64_MAX && never(plan, &phase, span.offset))
			return false;
		if (!is_void(plan, &phase, span.offset, n, &asked) &&
			next_in_span(plan, &span, &phase, lo, n, &seen, found))
			return *found <= plan->until_instant;
		if (span.end == INT64_MAX)
			return false;
		lo = behind(plan, &span);
		if (n >= CALCULATE_AFTER && !calculated && lo > since + MARGIN && lo >= RR_ZONES_SETTLE)
		{
			calculated = true;
			if (rr_pattern_from(plan, zone, lo, smaller(plan->until_instant, RR_TIME_MAX), &next))
				lo = next;
		}
	}
	return false;
}

bool
rr_elapsed_next(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo, int64_t *found)
{
	return next_by_rule(plan, zone, lo, found) && count_permits(plan, zone, *found);
}

/* one span decides, and its search looks no farther than at */
static bool
rule_contains(const struct rr_plan *plan, const struct rr_zone *zone, int64_t at)
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

bool
rr_elapsed_contains(const struct rr_plan *plan, const struct rr_zone *zone, int64_t at)
{
	return rule_contains(plan, zone, at) && count_permits(plan, zone, at);
}

/* one every INTERVAL periods, whatever the clock shows */
static int
fill_by_step(const struct rr_plan *plan, int64_t lo, int64_t hi, int64_t *out, int n)
{
	const int64_t step = (int64_t) plan->interval * plan->unit_seconds;
	int64_t t = plan->start_instant;
	int k = 0;

	if (lo > t)
		t += (lo - t + step - 1) / step * step;
	for (; k < n && t <= hi; t += step)
		out[k++] = t;
	return k;
}

static int
fill_by_rule(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo, int64_t hi,
			 int64_t *out, int n)
{
	int k = 0;

	/* an end by the clock may come twice */
	if (rr_subday_is_single(plan) && plan->until == RR_TIME_MAX)
		return plan->empty ? 0 : fill_by_step(plan, lo, hi, out, n);
	while (k < n && next_by_rule(plan, zone, lo, &lo) && lo <= hi)
	{
		struct rr_span span;
		struct rr_phase phase;
		int64_t civil;

		out[k++] = lo;
		zone->span(zone->context, lo, &span);
		phase = phase_in(plan, &span);
		while (k < n && rr_subday_next(plan, &phase, lo + 1 + span.offset, &civil) &&
			   civil - span.offset <= hi)
			out[k++] = lo = civil - span.offset;
		lo++;
	}
	return k;
}

int
rr_elapsed_fill(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo, int64_t hi,
				int64_t *out, int n)
{
	int k = fill_by_rule(plan, zone, lo, hi, out, n);
	int64_t end;

	if (k == 0 || count_permits(plan, zone, out[k - 1]))
		return k;
	for (end = until_of_count(plan, zone); k > 0 && out[k - 1] > end;)
		k--;
	return k;
}

static bool
previous_by_rule(const struct rr_plan *plan, const struct rr_zone *zone, int64_t hi, int64_t *found)
{
	/* nothing is calculated before it */
	const int64_t least = larger(plan->start_instant, RR_ZONES_SETTLE);
	struct asked asked = { .n = 0 };
	bool calculated = false;
	int64_t since;
	int64_t last;

	if (hi > RR_TIME_MAX)
		hi = RR_TIME_MAX;
	since = hi;
	for (int n = 0; !plan->empty && hi >= plan->start_instant; n++)
	{
		struct rr_span span;
		struct rr_phase phase;
		int64_t civil;

		zone->span(zone->context, hi, &span);
		phase = phase_in(plan, &span);
		if (span.start == INT64_MIN && never(plan, &phase, span.offset))
			return false;
		if (!is_void(plan, &phase, span.offset, n, &asked) &&
			rr_subday_previous(plan, &phase, hi + span.offset, &civil))
		{
			*found = civil - span.offset;
			return *found >= plan->start_instant;
		}
		if (span.start == INT64_MIN)
			return false;
		hi = before(plan, &span);
		if (n >= CALCULATE_AFTER && !calculated && hi < since - MARGIN && hi > least)
		{
			calculated = true;
			if (rr_pattern_upto(plan, zone, least, hi, &last))
				hi = larger(last, least + MARGIN);
		}
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
	{
		if (!count_permits(plan, zone, *found))
			*found = until_of_count(plan, zone);
		return true;
	}
	*found = plan->start_instant;
	return plan->with_start && hi >= plan->start_instant;
}

/* ---- COUNT --------------------------------------------------------------------------- */

/* DTSTART may be one of them that the rule does not hit */
static int64_t
wanted_of(const struct rr_plan *plan)
{
	return plan->count - (plan->with_start ? 1 : 0);
}

/* a count that goes from span to span */
struct tally
{
	int64_t lo;     /* nothing is left before, */
	int64_t done;   /* and what is before this is counted */
	int64_t wanted; /* that many more */
	int ahead;      /* after so many spans it is counted ahead; INT_MAX: not at all */
	bool surely;    /* and not by an estimate any more */
};

/* from where it is counted in a span: from its beginning, for then the same time of day is asked often */
static int64_t
from_of(const struct tally *tally, const struct rr_span *span)
{
	return larger(span->start, tally->done);
}

/*
 * The last midnight at or before an instant, on a clock that has been in force for days: it divides what all
 * clocks show alike.
 */
static int64_t
midnight(const struct rr_zone *zone, int64_t at)
{
	struct rr_span span;

	zone->span(zone->context, at, &span);
	if (at - span.start < MARGIN)
		at = span.start + MARGIN;
	return rr_floordiv(at + span.offset, RR_DAY_SECONDS) * RR_DAY_SECONDS - span.offset;
}

static void
open_sieve(struct rr_sieve *sieve, const struct rr_plan *plan)
{
	if (!rr_subday_is_unfiltered(plan))
		rr_sieve_open(sieve, plan, rr_floordiv(plan->start_instant, RR_DAY_SECONDS) - 2);
}

/* most of what is left to count at once, from a midnight on; what is behind is counted from change to change */
static void
count_ahead(const struct rr_plan *plan, const struct rr_zone *zone, struct rr_sieve *sieve,
			struct tally *tally, int n)
{
	int64_t passed;

	if (!rr_pattern_pass(plan, zone, sieve, tally->wanted, &tally->lo, &passed, tally->surely))
	{
		tally->ahead = INT_MAX;
		return;
	}
	tally->done = tally->lo;
	tally->wanted -= passed;
	tally->ahead = n + SURELY_AFTER;
	tally->surely = true;
	open_sieve(sieve, plan);
}

/* the span that holds the last of a COUNT, *wanted from *lo on; false: time ends before, or nothing is in it */
static bool
span_of_count(const struct rr_plan *plan, const struct rr_zone *zone, int64_t *lo, int64_t *wanted,
			  struct rr_span *span)
{
	struct tally tally = { plan->start_instant, plan->start_instant, wanted_of(plan), AHEAD_AFTER,
						   false };
	struct asked asked = { .n = 0 };
	struct rr_sieve sieve;

	open_sieve(&sieve, plan);
	for (int n = 0; tally.lo <= RR_TIME_MAX; n++)
	{
		struct rr_phase phase;
		bool ahead = false;
		int64_t here;

		zone->span(zone->context, tally.lo, span);
		if (n >= tally.ahead && span->start >= RR_ZONES_SETTLE)
		{
			int64_t cut = midnight(zone, tally.lo + RR_DAY_SECONDS);

			ahead = cut > tally.lo && cut < span->end;
			span->end = ahead ? cut : span->end;
		}
		if (rr_subday_is_single(plan))
			span->end = INT64_MAX;
		phase = phase_in(plan, span);
		here = span->end == INT64_MAX || is_void(plan, &phase, span->offset, n, &asked)
				   ? 0
				   : rr_subday_count(plan, &phase, &sieve, from_of(&tally, span) + span->offset,
									 span->end + span->offset);
		if (span->end == INT64_MAX || tally.wanted <= here)
		{
			*lo = tally.lo;
			*wanted = tally.wanted;
			return span->end != INT64_MAX || !never(plan, &phase, span->offset);
		}
		tally.wanted -= here;
		tally.done = span->end;
		tally.lo = ahead ? span->end : behind(plan, span);
		if (ahead)
			count_ahead(plan, zone, &sieve, &tally, n);
	}
	return false;
}

/* the instant of occurrence number COUNT */
static int64_t
until_of_count(const struct rr_plan *plan, const struct rr_zone *zone)
{
	struct rr_span span;
	struct rr_phase phase;
	int64_t lo;
	int64_t wanted;

	if (!span_of_count(plan, zone, &lo, &wanted, &span))
		return INT64_MAX;
	phase = phase_in(plan, &span);
	return rr_subday_nth(plan, &phase, lo + span.offset, wanted) - span.offset;
}

/* how many occurrences are counted before another midnight, most of the way to an instant */
static bool
count_most(const struct rr_plan *plan, const struct rr_zone *zone, struct rr_sieve *sieve,
		   struct tally *tally, int64_t at)
{
	int64_t passed;

	tally->ahead = INT_MAX;
	if (!rr_pattern_count(plan, zone, sieve, tally->wanted, at, &tally->lo, &passed))
		return true;
	tally->done = tally->lo;
	tally->wanted -= passed;
	open_sieve(sieve, plan);
	return tally->wanted > 0;
}

/* are fewer than COUNT occurrences before an instant, which is one itself? */
static bool
fewer_before(const struct rr_plan *plan, const struct rr_zone *zone, int64_t at)
{
	struct tally tally = { plan->start_instant, plan->start_instant, wanted_of(plan), AHEAD_AFTER,
						   false };
	struct asked asked = { .n = 0 };
	struct rr_sieve sieve;

	open_sieve(&sieve, plan);
	for (int n = 0; tally.lo < at; n++)
	{
		struct rr_span span;
		struct rr_phase phase;
		bool ahead = false;

		zone->span(zone->context, tally.lo, &span);
		phase = phase_in(plan, &span);
		if (span.end == INT64_MAX)
			return rr_subday_is_among(plan, &phase, tally.lo + span.offset, tally.wanted,
									  at + span.offset);
		if (n >= tally.ahead && span.start >= RR_ZONES_SETTLE && span.end < at - FAR)
		{
			int64_t cut = midnight(zone, tally.lo + RR_DAY_SECONDS);

			ahead = cut > tally.lo && cut < span.end;
			span.end = ahead ? cut : span.end;
			phase = phase_in(plan, &span);
		}
		if (!is_void(plan, &phase, span.offset, n, &asked))
			tally.wanted -=
				rr_subday_count(plan, &phase, &sieve, from_of(&tally, &span) + span.offset,
								smaller(span.end, at) + span.offset);
		if (tally.wanted <= 0)
			return false;
		tally.done = span.end;
		tally.lo = ahead ? span.end : behind(plan, &span);
		if (ahead && !count_most(plan, zone, &sieve, &tally, at))
			return false;
	}
	return true;
}

static bool
count_permits(const struct rr_plan *plan, const struct rr_zone *zone, int64_t at)
{
	return !plan->open || at <= plan->sure || fewer_before(plan, zone, at);
}

/*
 * Left open as in count.c.  A period of the series begins, as any clock shows it, less than its length before or
 * after DTSTART's second in it; if a clock changes within, each part may hold as many occurrences as a whole one.
 */
static void
make_count(struct rr_plan *plan, const struct rr_zone *zone)
{
	const int64_t step = (int64_t) plan->interval * plan->unit_seconds;
	const int64_t periods = (wanted_of(plan) - 1) / (2 * rr_subday_size(plan));

	if (rr_subday_is_single(plan))
		plan->until_instant = until_of_count(plan, zone);
	else if (periods <= (RR_TIME_MAX - plan->start_instant) / step)
	{
		plan->open = true;
		plan->sure = plan->start_instant + periods * step - plan->unit_seconds - 1;
	}
}

void
rr_elapsed_settle(struct rr_plan *plan, const struct rr_zone *zone)
{
	plan->until_instant = until_of_count(plan, zone);
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
		make_count(plan, zone);
}
