/*
 * ical.h
 *		The seam between pg_agenda.so and pg_agenda_ical.so.
 */
#ifndef AGENDA_ICAL_H
#define AGENDA_ICAL_H

/*
 * agenda_ical_write(): a calendar with its time zones and with folded lines, palloc'd.
 * ereport(ERROR) when the text is no calendar.
 */
typedef char *(*AgendaIcalWrite)(const char *calendar);

extern PGDLLEXPORT char *agenda_ical_write(const char *calendar);

/* Whether the server has a zone of this name. */
typedef bool (*AgendaIcalZoneKnown)(const char *name);

/*
 * agenda_ical_read(): the components of a calendar as the text of a JSON array, palloc'd; NULL when the
 * text is no calendar.  Changes the text.
 */
typedef char *(*AgendaIcalRead)(char *calendar, AgendaIcalZoneKnown is_known);

extern PGDLLEXPORT char *agenda_ical_read(char *calendar, AgendaIcalZoneKnown is_known);

#endif
