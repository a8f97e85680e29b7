/*
 * phrase_note.c
 *		What a phrase says in parentheses: of months that lack a day, or a second time what
 *		weekdays are.
 */
#include "phrase_reader.h"

/* "shorter months on the last day)", "shorter months on the 1st of the next)" */
static bool
read_shorter(struct reader *r)
{
	struct rr_word word;
	bool back;

	if (!expect(r, RR_W_SHORTER) || !expect(r, RR_W_UNIT) || !expect(r, RR_W_ON) ||
		!expect(r, RR_W_THE))
		return false;
	word = peek(r);
	back = word.kind == RR_W_LAST;
	if (!back && (word.kind != RR_W_ORDINAL || word.value != 1))
		return fail(r, RR_PHRASE_WORD, word);
	take(r);
	r->rule->skip = back ? RR_SKIP_BACKWARD : RR_SKIP_FORWARD;
	if (back ? !expect(r, RR_W_UNIT)
			 : !(expect(r, RR_W_OF) && expect(r, RR_W_THE) && expect(r, RR_W_NEXT)))
		return false;
	return expect(r, RR_W_CLOSE);
}

/* "(missing dates move back)" */
static bool
read_skip(struct reader *r)
{
	struct rr_word word;

	if (accept(r, RR_W_IN))
		return read_shorter(r);
	if (!expect(r, RR_W_MISSING) || !expect(r, RR_W_DATES) || !expect(r, RR_W_MOVE))
		return false;
	word = take(r);
	if (word.kind != RR_W_WHERE)
		return fail(r, RR_PHRASE_WORD, word);
	r->rule->skip = (uint8_t) word.value;
	return expect(r, RR_W_CLOSE);
}

/* "every weekday (Monday to Friday)": what was said, once more */
static bool
read_restated(struct reader *r)
{
	struct rr_word first = peek(r);
	uint8_t said = r->rule->weekdays;
	enum sort sort;

	r->rule->weekdays = 0;
	if (!rr_phrase_days(r, &sort))
		return false;
	if (sort != WEEKDAYS || r->rule->weekdays != said)
		return fail(r, RR_PHRASE_TWICE, first);
	return expect(r, RR_W_CLOSE);
}

/* behind the parenthesis that opens */
bool
rr_phrase_note(struct reader *r)
{
	return peek(r).kind == RR_W_WEEKDAY ? read_restated(r) : read_skip(r);
}
