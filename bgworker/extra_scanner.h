/*
 * extra_scanner.h
 *		Processes that raise beside the scanner while more is owed than it can take at once.
 */
#ifndef AGENDA_EXTRA_SCANNER_H
#define AGENDA_EXTRA_SCANNER_H

/* Entry point of the process, looked up by name. */
extern void agenda_extra_scanner_main(Datum main_arg);

#endif
