/*
 * log.c
 *	  JSON lines on standard error.
 *
 * Requests are collected in a buffer of the worker and written once per turn of its loop;
 * events are written at once.  A mutex keeps lines of several threads whole, because a pipe
 * guarantees that only up to PIPE_BUF bytes.
 */
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = { "debug", "info", "warning", "error" };
static enum log_level threshold = LOG_LEVEL_INFO;
static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;

void
log_init(const char *level)
{
	for (int i = 0; i < (int) (sizeof(level_names) / sizeof(level_names[0])); i++)
		if (strcmp(level, level_names[i]) == 0)
			threshold = (enum log_level) i;
}

/* The date and time to the second are formatted once per second and thread. */
static void
put_time(struct strbuf *buf)
{
	static _Thread_local time_t last;
	static _Thread_local char text[32];
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != last || text[0] == '\0')
	{
		struct tm tm;

		(void) gmtime_r(&now.tv_sec, &tm);
		(void) strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
		last = now.tv_sec;
	}
	sb_printf(buf, "{\"ts\":\"%s.%03ldZ\"", text, now.tv_nsec / 1000000);
}

static void
write_all(const char *data, size_t len)
{
	(void) pthread_mutex_lock(&output_lock);
	while (len > 0)
	{
		ssize_t n = write(STDERR_FILENO, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* nobody to tell */
		data += n;
		len -= (size_t) n;
	}
	(void) pthread_mutex_unlock(&output_lock);
}

void
log_event(enum log_level level, const char *fmt, ...)
{
	struct strbuf buf = { 0 };
	char text[1024];
	va_list args;

	if (level < threshold)
		return;
	va_start(args, fmt);
	(void) vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	put_time(&buf);
	sb_printf(&buf, ",\"level\":\"%s\",\"msg\":", level_names[level]);
	sb_json_str(&buf, text);
	sb_puts(&buf, "}\n");
	write_all(buf.data, buf.len);
	sb_free(&buf);
}

static void
put_member(struct strbuf *buf, const char *name, const char *value)
{
	if (value == NULL)
		return;
	sb_puts(buf, name);
	sb_json_str(buf, value);
}

void
log_request(struct strbuf *buf, const struct log_request *r)
{
	/* 503 and 504 tell of trouble elsewhere, other 5xx of ours */
	enum log_level level = r->status < 500                        ? LOG_LEVEL_INFO
						   : r->status == 503 || r->status == 504 ? LOG_LEVEL_WARNING
																  : LOG_LEVEL_ERROR;

	if (level < threshold)
		return;
	put_time(buf);
	sb_printf(buf, ",\"level\":\"%s\",\"msg\":\"request\"", level_names[level]);
	put_member(buf, ",\"method\":", r->method);
	put_member(buf, ",\"path\":", r->path);
	put_member(buf, ",\"route\":", r->route);
	put_member(buf, ",\"user\":", r->user);
	put_member(buf, ",\"request_id\":", r->request_id);
	put_member(buf, ",\"remote\":", r->remote);
	put_member(buf, ",\"code\":", r->code);
	sb_printf(buf, ",\"status\":%u,\"bytes\":%llu,\"ms\":%.3f}\n", r->status,
			  (unsigned long long) r->bytes, (double) r->micros / 1000.0);
}

void
log_flush(struct strbuf *buf)
{
	if (buf->len == 0)
		return;
	write_all(buf->data, buf->len);
	sb_reset(buf);
}
