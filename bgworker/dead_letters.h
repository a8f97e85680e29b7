/*
 * dead_letters.h
 *		Records that the broker refuses for good, and their second chance.
 */
#ifndef AGENDA_DEAD_LETTERS_H
#define AGENDA_DEAD_LETTERS_H

#include "window.h"

/* What the policy of its topic has made of a doomed record. */
typedef enum AgendaVerdict
{
	AGENDA_VERDICT_SKIP,      /* set aside, the others go on */
	AGENDA_VERDICT_BLOCK_KEY, /* set aside, and so are the later ones of its key */
	AGENDA_VERDICT_HALT,      /* not set aside: nothing goes on */
	AGENDA_VERDICT_FREE       /* not set aside: its key waits for nothing any more */
} AgendaVerdict;

/* Writes doomed deliveries down; verdicts has room for n.  False after an error. */
extern bool agenda_letters_bury(AgendaDelivery **doomed, int n, AgendaVerdict *verdicts);

/*
 * Reads letters that are to be sent again, behind the event with this number, of max_bytes at the
 * most, but for one event's that are larger; *window is NULL when there are none.  With 0 it begins,
 * and reads which keys wait for a letter.  False after an error.
 */
extern bool agenda_letters_read(int64 after, Size max_bytes, AgendaWindow **window);

/* Forgets those of the window that have been delivered; false after an error. */
extern bool agenda_letters_delivered(const AgendaWindow *window);

/* Whether records of this topic and key have to wait, and how many keys there are. */
extern bool agenda_letters_blocked(const AgendaDelivery *delivery);
extern int agenda_letters_n_blocked(void);

#endif
