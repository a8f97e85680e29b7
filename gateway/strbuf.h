/*
 * strbuf.h
 *	  A growing byte string, used for JSON, log lines and metrics text.
 *
 * Memory: data is malloc'd, always followed by a NUL, freed by sb_free() or handed over to the
 * caller by sb_detach().  Running out of memory ends the process: a gateway keeps no state.
 */
#ifndef AGENDA_GW_STRBUF_H
#define AGENDA_GW_STRBUF_H

#include <stddef.h>

struct strbuf
{
	char *data;
	size_t len;
	size_t cap;
};

extern void *xmalloc(size_t size);
extern void *xcalloc(size_t n, size_t size);
extern char *xstrdup(const char *s);

extern void sb_putn(struct strbuf *sb, const char *s, size_t len);
extern void sb_puts(struct strbuf *sb, const char *s);
extern void sb_putc(struct strbuf *sb, char c);
extern void sb_printf(struct strbuf *sb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
extern void sb_json(struct strbuf *sb, const char *s, size_t len);
extern void sb_json_str(struct strbuf *sb, const char *s);
extern void sb_reset(struct strbuf *sb);
extern void sb_free(struct strbuf *sb);
extern char *sb_detach(struct strbuf *sb, size_t *len);

#endif
