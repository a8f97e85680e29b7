/*
 * deliverer.h
 *		The process that sends notifications to webhooks and e-mail addresses.
 */
#ifndef AGENDA_DELIVERER_H
#define AGENDA_DELIVERER_H

/* Entry point of the process, looked up by name. */
extern void agenda_deliverer_main(Datum main_arg);

#endif
