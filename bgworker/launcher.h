/*
 * launcher.h
 *		The process that finds databases with the extension and keeps their workers running.
 */
#ifndef AGENDA_LAUNCHER_H
#define AGENDA_LAUNCHER_H

/* Registers the static worker; called from _PG_init while preloading. */
extern void agenda_launcher_register(void);

/* Entry point of the process, looked up by name. */
extern void agenda_launcher_main(Datum main_arg);

#endif
