/*
 * silence.h
 *		Transactions whose changes write no events.
 */
#ifndef AGENDA_SILENCE_H
#define AGENDA_SILENCE_H

/* Registers the transaction callbacks; called once from _PG_init. */
extern void agenda_silence_init(void);

/* True when the event that is about to be written must not be; it is counted. */
extern bool agenda_silence_drops_event(void);

/* True when triggers have nothing to do. */
extern bool agenda_silence_covers_triggers(void);

#endif
