/*
 * drainer.h
 *		The process that carries the log to Kafka.
 */
#ifndef AGENDA_DRAINER_H
#define AGENDA_DRAINER_H

/* Entry point of the process, looked up by name. */
extern void agenda_drainer_main(Datum main_arg);

#endif
