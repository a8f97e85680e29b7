/*
 * scanner.h
 *		The process that raises what is owed, at the time it is owed.
 */
#ifndef AGENDA_SCANNER_H
#define AGENDA_SCANNER_H

/* Entry point of the process, looked up by name. */
extern void agenda_scanner_main(Datum main_arg);

#endif
