/*
 * zone.c
 *		Occurrences as instants: a plan in civil time seen through a time zone.
 *
 * A span is a stretch of constant offset.  Inside it civil order is the order of instants, so
 * the search runs there by rr_next and rr_previous.  Only its beginning needs care, and that
 * is where both rules of RFC 5545 3.3.5 live:
 *		gap		the civil times that the clock jumped over are taken with the offset before,
 *				so they fall into the first seconds of the span, beside its own;
 *		fold	the civil times that it repeats belong to the span before (the first instant),
 *				so the span's own begin where the repetition ends.
 * Taking the smaller of the two candidates gives strictly increasing instants: what the gap
 * moves onto another occurrence is one occurrence, and the missing day of Apia vanishes.
 */
#include "plan.h"

/* INT64_MIN and INT64_MAX stand for an open end and stay what they are */
static int64_t
civil_of(int64_t instant, int64_t offset)
{
	return instant == INT64_MIN || instant == INT64_MAX ? instant : instant + offset;
}

/* the first civil time that is the span's own, not the end of a repetition */
static int64_t
own_start(const struct rr_span *span)
{
	return civil_of(span->start,
					span->offset > span->offset_before ? span->offset : span->offset_before);
}

/* does it begin with a gap, and how many seconds long? */
static int64_t
gap_of(const struct rr_span *span)
{
	return span->start != INT64_MIN && span->offset > span->offset_before
			   ? span->offset - span->offset_before
			   : 0;
}

int64_t
rr_to_civil(const struct rr_zone *zone, int64_t instant)
{
	struct rr_span span;

	zone->span(zone->context, instant, &span);
	return instant + span.offset;
}

/*
 * The first guess takes the civil time for UTC.  It is wrong by an offset, so the right span is
 * this one or a neighbour.  A time in a gap belongs to the span before, whose offset moves it
 * to behind the gap.
 */
int64_t
rr_to_instant(const struct rr_zone *zone, int64_t civil)
{
	struct rr_span span;

	zone->span(zone->context, civil, &span);
	/* back while it is of the span before: a repetition, jumped over, or just earlier */
	while (civil < own_start(&span))
		zone->span(zone->context, span.start - 1, &span);
	/* forward while it is behind the end of this clock and not jumped over there */
	while (span.end != INT64_MAX && civil >= span.end + span.offset &&
		   civil >= span.end + span.offset_after)
		zone->span(zone->context, span.end, &span);
	return civil - span.offset;
}

/* the smallest occurrence lo <= t < end of one span */
static bool
next_in_span(const struct rr_plan *plan, const struct rr_span *span, int64_t lo, int64_t *found)
{
	int64_t gap = gap_of(span);
	int64_t own = own_start(span);
	int64_t from = lo + span->offset;
	int64_t civil;
	bool any = false;

	if (rr_next(plan, from > own ? from : own, &civil) && civil < civil_of(span->end, span->offset))
	{
		*found = civil - span->offset;
		any = true;
	}
	if (gap > 0 && lo < span->start + gap && rr_next(plan, lo + span->offset_before, &civil) &&
		civil < span->start + span->offset && (!any || civil - span->offset_before < *found))
	{
		*found = civil - span->offset_before;
		any = true;
	}
	return any;
}

/* the largest occurrence start <= t <= hi of one span */
static bool
previous_in_span(const struct rr_plan *plan, const struct rr_span *span, int64_t hi, int64_t *found)
{
	int64_t gap = gap_of(span);
	int64_t upto = hi + span->offset_before;
	int64_t civil;
	bool any = false;

	if (rr_previous(plan, hi + span->offset, &civil) && civil >= own_start(span))
	{
		*found = civil - span->offset;
		any = true;
	}
	if (gap == 0)
		return any;
	if (upto >= span->start + span->offset)
		upto = span->start + span->offset - 1;
	if (rr_previous(plan, upto, &civil) && civil >= span->start + span->offset_before &&
		(!any || civil - span->offset_before > *found))
	{
		*found = civil - span->offset_before;
		any = true;
	}
	return any;
}

/*
 * Where a span holds none, the next civil occurrence says in which span to look: at most three
 * spans are asked, whatever the distance.
 */
bool
rr_zoned_next(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo, int64_t *found)
{
	struct rr_span span;
	int64_t civil;

	if (plan->elapsed)
		return rr_elapsed_next(plan, zone, lo, found);
	/* no offset and no gap brings an occurrence that far before the clock shows DTSTART */
	if (lo < plan->dtstart - 4 * 86400)
		lo = plan->dtstart - 4 * 86400;
	while (lo <= plan->until_instant && lo <= RR_TIME_MAX)
	{
		zone->span(zone->context, lo, &span);
		if (next_in_span(plan, &span, lo, found))
			return *found <= plan->until_instant;
		if (span.end == INT64_MAX || !rr_next(plan, span.end + span.offset, &civil))
			return false;
		/* that occurrence is in a later span, and its span begins with the smallest of it */
		zone->span(zone->context, rr_to_instant(zone, civil), &span);
		lo = span.start;
	}
	return false;
}

bool
rr_zoned_previous(const struct rr_plan *plan, const struct rr_zone *zone, int64_t hi,
				  int64_t *found)
{
	struct rr_span span;
	int64_t civil;

	if (plan->elapsed)
		return rr_elapsed_previous(plan, zone, hi, found);
	if (hi > plan->until_instant)
		hi = plan->until_instant;
	if (hi > RR_TIME_MAX)
		hi = RR_TIME_MAX;
	while (hi >= RR_TIME_MIN)
	{
		zone->span(zone->context, hi, &span);
		if (previous_in_span(plan, &span, hi, found))
			return true;
		if (span.start == INT64_MIN ||
			!rr_previous(plan, span.start + span.offset_before - 1, &civil))
			return false;
		zone->span(zone->context, rr_to_instant(zone, civil), &span);
		hi = span.end - 1;
	}
	return false;
}

bool
rr_zoned_contains(const struct rr_plan *plan, const struct rr_zone *zone, int64_t at)
{
	struct rr_span span;
	int64_t gap;

	if (at > plan->until_instant)
		return false;
	if (plan->elapsed)
		return rr_elapsed_contains(plan, zone, at);
	zone->span(zone->context, at, &span);
	if (at + span.offset >= own_start(&span) && rr_contains(plan, at + span.offset))
		return true;
	/* one that the gap has moved here */
	gap = gap_of(&span);
	return gap > 0 && at < span.start + gap && rr_contains(plan, at + span.offset_before);
}

/* most that is taken from the plan at once: what is behind the next gap is taken again */
#define RUN 64

/* the civil times that are the span's own, and that none which a gap has moved comes behind */
struct plain
{
	int64_t first;
	int64_t end;
};

static inline struct plain
plain_of(const struct rr_span *span)
{
	return (struct plain){ span->start == INT64_MIN ? INT64_MIN : own_start(span) + gap_of(span),
						   civil_of(span->end, span->offset) };
}

static inline bool
is_plain(const struct plain *plain, int64_t civil)
{
	return civil >= plain->first && civil < plain->end;
}

/*
 * A run of the plan from lo on, which is in this span; up to the first occurrence that is not plain in its
 * own span, or behind hi.  Returns how many.
 */
static int
fill_run(const struct rr_plan *plan, const struct rr_zone *zone, struct rr_span *span, int64_t lo,
		 int64_t hi, int64_t *out, int n)
{
	struct plain plain = plain_of(span);
	int found;
	int i = 0;

	if (!is_plain(&plain, lo + span->offset))
		return 0;
	found = rr_fill(plan, lo + span->offset, hi + 2 * 86400, out, n < RUN ? n : RUN);
	for (; i < found; i++)
	{
		int64_t civil = out[i];

		if (!is_plain(&plain, civil))
		{
			zone->span(zone->context, civil - span->offset, span);
			plain = plain_of(span);
			if (!is_plain(&plain, civil))
				break;
		}
		out[i] = civil - span->offset;
		if (out[i] > hi)
			break;
	}
	return i;
}

/* runs of the plan, and what is at the beginning of spans singly */
int
rr_zoned_fill(const struct rr_plan *plan, const struct rr_zone *zone, int64_t lo, int64_t hi,
			  int64_t *out, int n)
{
	int k = 0;

	if (hi > plan->until_instant)
		hi = plan->until_instant;
	if (hi > RR_TIME_MAX)
		hi = RR_TIME_MAX;
	if (plan->elapsed)
		return rr_elapsed_fill(plan, zone, lo, hi, out, n);
	while (k < n && rr_zoned_next(plan, zone, lo, &lo) && lo <= hi)
	{
		struct rr_span span;
		int more;

		out[k++] = lo++;
		zone->span(zone->context, lo, &span);
		while (k < n && lo >= RR_TIME_MIN && lo <= hi &&
			   (more = fill_run(plan, zone, &span, lo, hi, out + k, n - k)) > 0)
		{
			k += more;
			lo = out[k - 1] + 1;
		}
	}
	return k;
}
